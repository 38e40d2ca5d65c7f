//! A buyer wants something else for what they have.

use super::model::{Exchange, ExchangeState, Sums, WITHIN, place, sums};
use super::store;
use crate::app::App;
use crate::checkout::{self, OrderLine, OrderView, RefundLines, RefundWhat, Ship};
use crate::db::{LaneKey, Tx};
use crate::discounts::Wish;
use crate::identity;
use crate::inventory::{self, Gate, SetAside};
use crate::kernel::{Error, ExchangeId, Fact, Kind, OrderId, Result, Seconds, ShopId, StaffId, VariantId};
use crate::offers::{self, Asked, Offer, Quote, WantedLine};
use crate::returns::{self, AskBack};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct AskFor {
    /// Chosen by whoever asks: asking again is the same exchange.
    pub id: ExchangeId,
    /// What comes back.
    pub unit: Ship,
    /// What leaves for it, as many.
    pub variant: VariantId,
    /// Who wrote it down for the buyer; they may do so after the time for it, too.
    pub staff: Option<StaffId>,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Ask {
    Asked(Box<Exchange>),
    /// The same before.
    Again(Box<Exchange>),
    NotFound,
    /// The time for it is over.
    TooLate,
}

/// What an exchange would come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    pub quote: Quote,
    /// What the pieces that come back are worth.
    pub comes_back_minor: i64,
    pub sums: Sums,
}

/// What it would come to; changes nothing. Errors: `not_exchangeable`, `not_theirs`, `not_for_sale`, and those of a refund.
pub fn preview(tx: &mut Tx<'_>, view: &OrderView, unit: Ship, variant: VariantId) -> Result<Preview> {
    let line = line_of(view, unit)?;
    let what = RefundWhat::Lines(RefundLines {
        units: vec![unit],
        asked_at: Some(tx.now()),
        ..RefundLines::default()
    });
    let plan = checkout::preview_refund(tx, view.order.shop, view.order.id, &what)?;
    let comes_back_minor = plan.map_or(0, |plan| plan.amount.minor);
    let quote = quote(tx, view, (line, unit.quantity), variant, comes_back_minor)?;
    Ok(Preview {
        sums: sums(comes_back_minor, quote.total_minor),
        comes_back_minor,
        quote,
    })
}

/// The line, if so many of it can come back. Errors: `not_theirs`, `not_exchangeable`.
fn line_of(view: &OrderView, unit: Ship) -> Result<&OrderLine> {
    let line = view.lines.iter().find(|line| line.line == unit.line);
    let has = |line: &&OrderLine| unit.quantity > 0 && line.kept() >= unit.quantity;
    let line = line.filter(has).ok_or_else(|| {
        Error::conflict(
            "not_theirs",
            "Only what has left can be exchanged, each piece once. Nothing was changed.",
        )
    })?;
    let quoted = view.checkout.offer.quote.lines.iter();
    let mut quoted = quoted.filter(|quoted| quoted.variant == line.variant);
    if !quoted.any(|quoted| quoted.physical) || view.checkout.address.is_none() {
        return Err(not_exchangeable("Only what travels can be exchanged."));
    }
    Ok(line)
}

fn not_exchangeable(detail: &'static str) -> Error {
    Error::conflict("not_exchangeable", detail)
}

/// What leaves costs what it costs today, with its delivery. Within a product nobody pays for the parcel again, nor more than they paid for a variant that
/// costs the same today.
fn quote(
    tx: &mut Tx<'_>,
    view: &OrderView,
    (line, quantity): (&OrderLine, u32),
    variant: VariantId,
    comes_back_minor: i64,
) -> Result<Quote> {
    let shop = identity::shop(tx, view.order.shop)?;
    let not_for_sale = || Error::conflict("not_for_sale", "This is not for sale here. Choose something else.");
    if shop.currency != view.order.currency {
        return Err(not_exchangeable("The shop sells in another currency by now."));
    }
    let asked = Asked {
        lines: vec![WantedLine { variant, quantity }],
        country: view.order.country.clone(),
        delivery: None,
        seen: None,
        drop: None,
        discounts: Wish::Now(None),
    };
    let quote = match offers::quote(tx, &shop, &asked, Seconds::minutes(15))? {
        Offer::Quoted(quote, _) => *quote,
        Offer::NotForSale(_) => return Err(not_for_sale()),
        Offer::NotDeliveredThere | Offer::NoSuchMethod => {
            return Err(not_exchangeable("The shop does not deliver there any more."));
        }
    };
    if !quote.bundles.is_empty() || quote.lines.iter().any(|line| !line.physical) {
        return Err(not_for_sale());
    }
    let before = view
        .checkout
        .offer
        .quote
        .lines
        .iter()
        .find(|known| known.variant == line.variant);
    let product = before.map(|known| known.product);
    if quote.lines.first().map(|line| line.product) != product {
        return Ok(quote);
    }
    let today = crate::catalog::sellable(tx, shop.id, shop.currency, &[line.variant, variant])?;
    let price = |of: VariantId| today.iter().find(|found| found.variant == of).map(|found| found.price);
    let same_price = price(line.variant).is_some() && price(line.variant) == price(variant);
    quote.for_the_same(same_price.then_some(comes_back_minor))
}

/// Keeps what leaves, asks back what comes, and writes both down, all or nothing.
///
/// Order of answers: not found, again, too late, asked. Errors: `id_reused`, those of [`preview`], `sold_out`, `bundle_goes_back_whole`.
pub async fn ask(app: &App, shop: ShopId, order: OrderId, wish: AskFor) -> Result<Ask> {
    app.db
        .write(LaneKey::of(order), move |tx| begin(tx, shop, order, &wish))
        .await
}

fn begin(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, wish: &AskFor) -> Result<Ask> {
    if checkout::order(tx, shop, order)?.is_none() {
        return Ok(Ask::NotFound);
    }
    checkout::take_turn(tx, order)?;
    if let Some(known) = store::find(tx, shop, wish.id)? {
        if (known.order, known.unit, known.variant) != (order, wish.unit, wish.variant) {
            return Err(id_reused());
        }
        return Ok(Ask::Again(Box::new(known)));
    }
    let Some(view) = checkout::view(tx, shop, order)?.filter(|view| view.order.canceled_at.is_none()) else {
        return Err(not_exchangeable("This order was canceled."));
    };
    if wish.staff.is_none() && !returns::right_of(tx, &view)?.is_open(tx.now()) {
        return Ok(Ask::TooLate);
    }
    let found = preview(tx, &view, wish.unit, wish.variant)?;
    let now = tx.now();
    let new = Exchange {
        id: wish.id,
        shop,
        order,
        state: ExchangeState::Awaited,
        unit: wish.unit,
        variant: wish.variant,
        quote: found.quote,
        due_by: now.plus(WITHIN),
        missing_minor: 0,
        tries: 0,
        trouble: String::new(),
        asked_at: now,
        ended_at: None,
        staff: wish.staff,
        version: 1,
    };
    inventory::make_place(tx, shop, place(wish.id), "Exchanges")?;
    let kept = SetAside {
        variant: wish.variant,
        place: place(wish.id),
        units: wish.unit.quantity,
        gate: Gate::Open,
        from: None,
    };
    if !mutant!("D1-exchange") && !inventory::set_aside(tx, shop, kept)? {
        // The error takes the place back with it.
        return Err(Error::conflict(
            "sold_out",
            "So many of it are not left in one place. Choose something else; nothing was changed.",
        ));
    }
    if !store::insert(tx, &new, now.plus(Seconds::days(1)))? {
        return Err(id_reused());
    }
    let back = AskBack {
        id: new.back(),
        exchange: new.id,
        unit: new.unit,
        due_by: new.due_by,
        staff: wish.staff,
    };
    returns::ask_back(tx, &view, &back)?;
    tx.publish(&Fact::ExchangeAsked {
        shop,
        order,
        exchange: new.id,
    })?;
    Ok(Ask::Asked(Box::new(new)))
}

fn id_reused() -> Error {
    Error::conflict("id_reused", "This id is taken. Make a new one.")
}

/// Whether somebody can be told why, and do something else.
pub(super) fn is_said(error: &Error) -> bool {
    matches!(error.kind, Kind::Conflict | Kind::Invalid)
}
