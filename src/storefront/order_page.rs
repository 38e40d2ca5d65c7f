//! The order's own page: receipt, where it is, and what the buyer may still do. Its address holds the secret, so it is never listed.

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use subtle::ConstantTimeEq;

use super::checkout_form::{
    Typed, back_url, fingerprint, payment_of, payments as payments_of, pays_for, sums, tax_inside,
};
use super::checkout_page::{Covered, PaymentChoice, Sum, card_name};
use super::frame::{Frame, Head, Link, Notice, Picture, Tone, When};
use super::front::{Front, picture, shown, when};
use super::message_page::MessagePage;
use super::structured_data::Markup;
use super::withdrawal_page;
use crate::app::App;
use crate::checkout::{
    self, Buy, Buyer, CancelOrder, CheckoutState, Contact, OrderState, OrderView, Pay, Paying, Payment,
    PaymentStateOut, Ship, Stored, Tap, UnitsCanceled,
};
use crate::db::Tx;
use crate::drops::{self, DropState, Why};
use crate::exchanges::{self, ExchangeState};
use crate::fulfilment::{self, Fulfilment, FulfilmentState, Shipment};
use crate::gift_cards;
use crate::http::{ClientAddress, Form, NewId, Path, Problem, Query, SameOrigin, redirect};
use crate::kernel::{AdjustmentId, CheckoutId, Kind, Money, OrderId, Result as Done, Seconds, words};
use crate::offers::{self, Asked, Offer, PaymentMethod, WantedLine};
use crate::payments::{self, IntentState, Part, Taking};
use crate::preorders::{self, SaleState};
use crate::returns::{self, Return, ReturnState};

#[derive(Template)]
#[template(path = "storefront/order.html")]
pub struct OrderPage {
    pub frame: Frame,
    pub head: Head,
    /// "L-1042", as printed on the parcel.
    pub number: String,
    pub title: String,
    /// What is true now, in one sentence.
    pub state: String,
    pub placed: When,
    pub steps: Vec<Step>,
    pub parcels: Vec<Parcel>,
    pub lines: Vec<OrderLine>,
    pub totals: Vec<Sum>,
    pub total: String,
    /// The total in two purses, where a gift card pays a part of it.
    pub covered: Option<Covered>,
    pub tax: String,
    /// "Visa ending 4242: €114.90 authorized, nothing taken yet".
    pub payment: String,
    pub sent_to: Vec<String>,
    /// Where the receipt went.
    pub receipt: String,
    /// The buyer may still call it off.
    pub cancellation: Option<Cancellation>,
    /// Until when they may withdraw from the contract, and where.
    pub withdrawal: Option<Withdrawal>,
    /// Where they may have something else for it.
    pub exchange_path: Option<String>,
    pub exchanges: Vec<Exchanging>,
    /// The order this one left for something of.
    pub exchanged_from: Option<Link>,
    /// What became credit of it, and is not spent.
    pub credit: Option<Credit>,
    /// What is on its way back, or was.
    pub returns: Vec<ComingBack>,
    pub policies: Vec<Link>,
    pub notice: Option<Notice>,
    /// The promise of the money is over: what they can do about it.
    pub pay_again: Option<PayAgain>,
    /// What the clip shows next, for the minutes after the purchase and the kept card that paid it.
    pub addition: Option<Addition>,
    /// Where the kept cards of this browser can be seen and forgotten, if it has any.
    pub kept_path: Option<String>,
    /// Where their personal data can be deleted; none: it is.
    pub erasure_path: Option<String>,
    /// "27 November 2026, 21:31 UTC": since when nothing here says who they are.
    pub erased: String,
    /// Drops in which they may buy before everybody else.
    pub invitations: Vec<Invitation>,
}

/// A drop that opens earlier for whoever has this order.
pub struct Invitation {
    pub title: String,
    pub path: String,
    /// "10 minutes".
    pub earlier: String,
    pub opens: When,
}

impl Invitation {
    /// Drops that are looked through.
    const DROPS_MAX: i64 = 20;

    fn all(tx: &mut Tx<'_>, front: &Front, view: &OrderView, signing_key: &[u8; 32]) -> Done<Vec<Self>> {
        let email = &view.order.email;
        if email.is_empty() || view.state == OrderState::Canceled {
            return Ok(Vec::new());
        }
        let mut invitations = Vec::new();
        for drop in drops::list(tx, view.order.shop, None, Self::DROPS_MAX)?.data {
            let Some(opens) = drop.opens_at.filter(|_| drop.state == DropState::Scheduled) else {
                continue;
            };
            if drops::is_entitled_buyer(tx, &drop, email)? {
                let token = drops::guest_token(signing_key, drop.id, email, Why::Bought);
                invitations.push(Self {
                    title: drop.title.clone(),
                    path: front.path(&format!("/drops/{}?early={token}", drop.slug)),
                    earlier: words::count(u64::from(drop.early_minutes), "minute", "minutes"),
                    opens: When {
                        exact: words::exact_in(opens, &front.shop.time_zone),
                        ..when(opens, tx.now())
                    },
                });
            }
        }
        Ok(invitations)
    }
}

/// Paying again, without scripts: a form; or, while their bank is asked, where they confirm.
pub struct PayAgain {
    pub action: String,
    /// "€42.00 until 24 November 2026, 21:31 UTC".
    pub explanation: String,
    pub amount: String,
    /// Empty while a try is on its way.
    pub payments: Vec<PaymentChoice>,
    /// Where their bank waits for them.
    pub bank: Option<Link>,
}

/// One more thing, in one tap.
pub struct Addition {
    pub action: String,
    pub checkout: String,
    pub quote: String,
    pub stored: String,
    pub title: String,
    pub picture: Picture,
    /// "€9.00", or with what the parcel costs: "€22.90 with delivery".
    pub price: String,
    pub total: String,
    /// "Visa •••• 4242".
    pub card: String,
    /// "until 21:46".
    pub until: When,
}

pub struct Step {
    pub label: String,
    pub detail: String,
    pub at: Option<When>,
    pub progress: Progress,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Done,
    Now,
    Ahead,
}

impl Progress {
    pub fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "now",
            Self::Ahead => "ahead",
        }
    }

    /// Said to those who do not see the line.
    pub fn spoken(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Now => "happening now",
            Self::Ahead => "still to come",
        }
    }
}

pub struct Parcel {
    pub carrier: String,
    pub tracking: String,
    pub tracking_address: Option<String>,
    pub contents: String,
}

pub struct OrderLine {
    pub title: String,
    pub variant_title: String,
    pub picture: Picture,
    pub quantity: u32,
    pub amount: String,
    /// "1 refunded".
    pub note: String,
}

pub struct Cancellation {
    pub action: String,
    pub explanation: String,
    /// Some of it, while nobody packs it yet.
    pub some: Option<SomeUnits>,
}

pub struct Withdrawal {
    pub path: String,
    pub explanation: String,
}

/// Something that comes back.
pub struct ComingBack {
    pub title: String,
    pub detail: String,
    /// "2 × Dune mug".
    pub pieces: Vec<String>,
    /// Asks how it was sent, while it is awaited.
    pub proof: Option<Proof>,
}

pub struct Proof {
    pub action: String,
    pub statement: String,
}

/// Pieces that can be canceled one by one.
pub struct SomeUnits {
    pub action: String,
    /// Chosen before the form is sent: pressing twice is one cancellation.
    pub adjustment: String,
    pub lines: Vec<OpenLine>,
}

pub struct OpenLine {
    pub line: u32,
    pub title: String,
    pub variant_title: String,
    pub open: u32,
}

/// The secret of the page, from the receipt.
#[derive(serde::Deserialize)]
pub struct OrderIn {
    #[serde(default)]
    t: String,
}

impl OrderIn {
    pub(super) fn token(&self) -> &str {
        &self.t
    }
}

/// An order, for whoever has its receipt. Without the token there is no such page.
pub async fn show(
    State(app): State<App>,
    front: Front,
    buyer: Buyer,
    fresh: NewId,
    Path((_, id)): Path<(String, OrderId)>,
    Query(query): Query<OrderIn>,
) -> Result<Response, Problem> {
    if !opens(&app, id, &query.t) {
        return front.nothing_here();
    }
    let (place, token, signing_key) = (front.clone(), query.t.clone(), *app.db.signing_key());
    let accepts = app.processors.iter().any(|processor| processor.name() != "manual");
    let read = app
        .db
        .read(move |tx| OrderPage::read(tx, &place, (id, &token), accepts, &signing_key))
        .await?;
    let Some(mut page) = read else {
        return front.nothing_here();
    };
    if let Some(some) = page.cancellation.as_mut().and_then(|form| form.some.as_mut()) {
        some.adjustment = app.random.id::<AdjustmentId>(app.clock.wall()).to_string();
    }
    let cards = checkout::kept(&app, front.shop.id, &buyer).await?;
    if !cards.is_empty() {
        page.kept_path = Some(front.path("/stored-methods"));
        page.addition = addition(&app, &front, id, fresh.get(), cards, &query.t).await?;
    }
    let paying = page.exchanges.iter().filter_map(|exchange| exchange.pay.as_ref());
    let asks = paying.chain(&page.pay_again).any(|pay| pay.payments.is_empty());
    let mut response = shown(StatusCode::OK, &page)?;
    if asks {
        // The bank is being asked: the page looks again by itself.
        let headers = response.headers_mut();
        headers.insert("refresh", axum::http::HeaderValue::from_static("4"));
    }
    Ok(response)
}

/// What may be added to an order with one of these cards, priced: the same offer as in the player's receipt.
async fn addition(
    app: &App,
    front: &Front,
    id: OrderId,
    fresh: CheckoutId,
    cards: Vec<Stored>,
    token: &str,
) -> Result<Option<Addition>, Problem> {
    let (shop, place) = (front.shop.clone(), front.clone());
    let window = Seconds::minutes(app.settings.upsell_minutes);
    let holds = Seconds::minutes(app.settings.quote_minutes);
    let key = *app.db.signing_key();
    let action = front.path(&format!("/orders/{id}/addition?t={token}"));
    let found = app.db.read(move |tx| {
        let Some(order) = checkout::order(tx, shop.id, id)? else {
            return Ok(None);
        };
        let Some(bought) = checkout::find(tx, shop.id, order.checkout)? else {
            return Ok(None);
        };
        let Some(next) = checkout::next(tx, &shop, &bought, &order, window)? else {
            return Ok(None);
        };
        let Some(card) = cards.iter().find(|card| card.method.id == next.stored) else {
            return Ok(None);
        };
        let home = card.address.as_ref().map(|address| address.country.clone());
        let asked = Asked {
            drop: None,
            lines: vec![WantedLine {
                variant: next.variant,
                quantity: 1,
            }],
            country: home.unwrap_or_else(|| bought.offer.quote.country.clone()),
            delivery: None,
            seen: None,
            discounts: crate::discounts::Wish::default(),
        };
        let Offer::Quoted(quote, _) = offers::quote(tx, &shop, &asked, holds)? else {
            return Ok(None);
        };
        let Some(line) = quote.lines.first().filter(|_| pays_for(card, &quote)) else {
            return Ok(None);
        };
        let money = |minor| words::money(Money::new(minor, quote.currency));
        let (amount, total) = (money(line.amount_minor), money(quote.total_minor));
        Ok(Some(Addition {
            action: action.clone(),
            checkout: fresh.to_string(),
            quote: offers::sign(&key, &quote),
            stored: card.method.id.to_string(),
            title: line.title.clone(),
            picture: picture(tx, &place.shop, &line.image, "")?,
            price: if quote.delivery.is_some() {
                format!("{amount}, {total} with delivery")
            } else {
                amount
            },
            total,
            card: card_name(&card.method.face),
            until: when(next.until, tx.now()),
        }))
    });
    Ok(found.await?)
}

/// Adds what the page offered, with the kept card that paid for the order: another checkout, another promise, another order. Sent twice it is one.
#[expect(
    clippy::too_many_arguments,
    reason = "whose browser, from where, about which order, and what its button sent"
)]
pub async fn add(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    buyer: Buyer,
    ClientAddress(client): ClientAddress,
    Path((_, id)): Path<(String, OrderId)>,
    Query(query): Query<OrderIn>,
    Form(typed): Form<AdditionIn>,
) -> Result<Response, Problem> {
    if !opens(&app, id, &query.t) {
        return front.nothing_here();
    }
    checkout::admit(&app, client, front.shop.id)?;
    let shop = front.shop.id;
    let back = checkout::order_page_url(&app, &front.shop, id);
    let quote = offers::open(app.db.signing_key(), &typed.quote).ok();
    let (Some(quote), Ok(checkout), Ok(stored)) = (
        quote.filter(|quote| quote.shop == shop),
        typed.checkout.parse::<CheckoutId>(),
        typed.stored.parse(),
    ) else {
        return Ok(redirect(&back));
    };
    let Some(first) = app.db.read(move |tx| checkout::order(tx, shop, id)).await? else {
        return front.nothing_here();
    };
    let payment = Payment {
        stored: Some(stored),
        ..Payment::new(PaymentMethod::Card, None)
    };
    let bank = back_url(&app, &front, checkout);
    let tap = Tap {
        shop,
        id: checkout,
        fingerprint: fingerprint(&quote),
        quote,
        contact: Contact::default(),
        address: None,
        payment: Some(Paying {
            payment,
            owner: buyer.at(shop),
        }),
        gift_card: None,
        key: None,
        after: Some(first.checkout),
        exchange: None,
        return_url: bank.clone(),
    };
    let said = |title: &str, text: &str| {
        let order = Link::new("Back to the order", &back);
        let page = MessagePage::new(front.frame(), 409, title, text, None, vec![order]);
        shown(StatusCode::CONFLICT, &page)
    };
    match checkout::buy(&app, tap).await {
        Ok((_, Buy::Placed(settled) | Buy::Again(settled))) => {
            let answer = match &settled.order {
                Some(order) => redirect(&checkout::order_page_url(&app, &front.shop, order.id)),
                None if settled.action_url.starts_with(&format!("{}/", app.base_url)) => redirect(&settled.action_url),
                None => redirect(&bank),
            };
            Ok(buyer.remember(answer))
        }
        Ok((_, Buy::SoldOut { .. })) => said("Someone was faster.", "Nothing was charged for it."),
        Ok(_) => said(
            "This was not added.",
            "The offer has changed since this page was made. Nothing was charged for it; look at the order again.",
        ),
        Err(error) if error.kind == Kind::Conflict => said("This was not added.", &error.detail),
        Err(error) => Err(error.into()),
    }
}

/// What the page's button sends.
#[derive(serde::Deserialize)]
pub struct AdditionIn {
    #[serde(default)]
    checkout: String,
    #[serde(default)]
    quote: String,
    #[serde(default)]
    stored: String,
}

/// The buyer pays again what the bank does not promise any more. Sent twice, it is one payment; what came of it stands on the page.
pub async fn pay(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    ClientAddress(client): ClientAddress,
    Path((_, id)): Path<(String, OrderId)>,
    Query(query): Query<OrderIn>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    if !opens(&app, id, &query.t) {
        return front.nothing_here();
    }
    checkout::admit(&app, client, front.shop.id)?;
    let shop = front.shop.id;
    let Some(order) = app.db.read(move |tx| checkout::order(tx, shop, id)).await? else {
        return front.nothing_here();
    };
    let page = checkout::order_page_url(&app, &front.shop, id);
    let chosen = typed.get("payment").map(|value| value.trim()).unwrap_or_default();
    let payment = Paying::plain(payment_of(chosen));
    match checkout::pay(&app, shop, order.checkout, payment, page.clone()).await? {
        // A form may lead to our own pages only; the page has a link to another bank.
        Pay::Settled(settled) if settled.action_url.starts_with(&format!("{}/", app.base_url)) => {
            Ok(redirect(&settled.action_url))
        }
        _ => Ok(redirect(&page)),
    }
}

/// The buyer calls it off. Done twice, it is still called off; when it is too late the page says what happened instead.
pub async fn cancel(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    Path((_, id)): Path<(String, OrderId)>,
    Query(query): Query<OrderIn>,
) -> Result<Response, Problem> {
    if !opens(&app, id, &query.t) {
        return front.nothing_here();
    }
    let reason = "Canceled by the buyer".to_owned();
    match checkout::cancel_order(&app, front.shop.id, id, None, reason).await? {
        CancelOrder::NotFound => front.nothing_here(),
        CancelOrder::Canceled(_)
        | CancelOrder::Again(_)
        | CancelOrder::AlreadyShipped
        | CancelOrder::CapturePending => Ok(redirect(&checkout::order_page_url(&app, &front.shop, id))),
    }
}

/// The buyer cancels some of it while nobody packs it yet. Sent twice it is once; when it is too late the page says so.
pub async fn cancel_units(
    State(app): State<App>,
    front: Front,
    _: SameOrigin,
    Path((_, id)): Path<(String, OrderId)>,
    Query(query): Query<OrderIn>,
    Form(typed): Form<Typed>,
) -> Result<Response, Problem> {
    if !opens(&app, id, &query.t) {
        return front.nothing_here();
    }
    let shop = front.shop.id;
    let back = checkout::order_page_url(&app, &front.shop, id);
    let said = |title: &str, text: &str| {
        let order = Link::new("Back to the order", &back);
        let page = MessagePage::new(front.frame(), 409, title, text, None, vec![order]);
        shown(StatusCode::CONFLICT, &page)
    };
    let adjustment = typed.get("adjustment").and_then(|text| text.trim().parse().ok());
    let (Some(adjustment), Some(units)) = (adjustment, chosen(&typed, "cancel")) else {
        return said(
            "Nothing was canceled.",
            "Choose how many pieces as whole numbers, at least one.",
        );
    };
    let work = app.db.read(move |tx| fulfilment::find(tx, shop, id)).await?;
    if work.is_some_and(|work| work.state != FulfilmentState::Open) {
        return said(
            "It is being packed.",
            "Single pieces can be canceled only before somebody packs them. Nothing was canceled.",
        );
    }
    let wish = UnitsCanceled {
        id: adjustment,
        units,
        reason: "Canceled by the buyer".into(),
        staff: None,
    };
    match checkout::cancel_units(&app, shop, id, wish).await {
        Ok(checkout::CancelUnits::NotFound) => front.nothing_here(),
        Ok(_) => Ok(redirect(&back)),
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::Invalid) => {
            said("Nothing was canceled.", &error.detail)
        }
        Err(error) => Err(error.into()),
    }
}

/// The pieces that were typed, `cancel_0=2` and so on. None: nothing, or no numbers.
pub(super) fn chosen(typed: &Typed, what: &str) -> Option<Vec<Ship>> {
    let mut units = Vec::new();
    for line in 0..100 {
        let text = typed.get(&format!("{what}_{line}")).map_or("", |text| text.trim());
        if text.is_empty() {
            continue;
        }
        let quantity = text.parse().ok()?;
        if quantity > 0 {
            units.push(Ship { line, quantity });
        }
    }
    (!units.is_empty()).then_some(units)
}

/// Takes the same time for every wrong token.
pub(super) fn opens(app: &App, order: OrderId, token: &str) -> bool {
    checkout::order_token(app.db.signing_key(), order)
        .as_bytes()
        .ct_eq(token.as_bytes())
        .into()
}

impl OrderPage {
    fn read(
        tx: &mut Tx<'_>,
        front: &Front,
        (id, token): (OrderId, &str),
        cards: bool,
        signing_key: &[u8; 32],
    ) -> Done<Option<Self>> {
        let shop = &front.shop;
        let Some(view) = checkout::view(tx, shop.id, id)? else {
            return Ok(None);
        };
        let work = fulfilment::find(tx, shop.id, id)?;
        let shipments = fulfilment::shipments(tx, shop.id, id)?;
        let quote = &view.checkout.offer.quote;
        let now = tx.now();
        let expected = Expected::of(tx, &view, &shop.time_zone)?;
        let mut lines = Vec::with_capacity(view.lines.len());
        for (line, quoted) in view.lines.iter().zip(&quote.lines) {
            lines.push(OrderLine {
                title: quoted.title.clone(),
                variant_title: quoted.variant_title.clone(),
                picture: picture(tx, shop, &quoted.image, "")?,
                quantity: line.quantity,
                amount: words::money(view.money(quote.full_gross(quoted))),
                note: {
                    let became = match view.refunded(Part::Line(line.line)) {
                        0 if line.canceled > 0 && line.canceled < line.quantity => {
                            Some(format!("{} canceled", line.canceled))
                        }
                        0 if line.canceled > 0 => Some("canceled".to_owned()),
                        0 => Some(expected.note(line)).filter(|note| !note.is_empty()),
                        minor => Some(format!("{} refunded", words::money(view.money(minor)))),
                    };
                    let of = quote.told_in_bundle(quoted);
                    of.into_iter().chain(became).collect::<Vec<_>>().join(", ")
                },
            });
        }
        let address = view.checkout.address.as_ref();
        let sent_to = address.map(|address| {
            let mut parts = vec![address.name.clone(), address.line1.clone()];
            parts.extend(address.line2.clone());
            parts.push(format!("{} {}", address.postal_code, address.city));
            parts.push(words::country(&address.country));
            parts
        });
        let open = matches!(view.state, OrderState::Confirmed | OrderState::PaymentLost)
            && view.lines.iter().all(|line| line.shipped == 0);
        let canceled = match view.order.canceled_at {
            None => view.canceled_minor(),
            Some(_) => 0, // The page says it in words.
        };
        let total = words::money(view.money(view.order.total_minor - canceled));
        let mut totals = sums(quote);
        if canceled > 0 {
            totals.push(Sum {
                label: "Canceled".into(),
                amount: words::money(view.money(-canceled)),
            });
        }
        let contact = &view.checkout.contact;
        let promise = payments::promise(tx, view.order.checkout.intent())?;
        let several = view.lines.iter().map(|line| line.quantity).sum::<u32>() > 1;
        let once = several && promise.is_some_and(|promise| promise.taking == Taking::Once);
        let action = front.path(&format!("/orders/{id}/payment?t={token}"));
        let (pay_again, notice) = pay_again(tx, front, &view, action, cards)?;
        let (withdrawal, returns) = coming_back(tx, front, &view, token)?;
        let may_exchange = withdrawal.is_some() && !super::exchange_page::lines(&view).is_empty();
        let (exchanged_from, credit) = around(tx, front, &view, signing_key)?;
        let exchanges = exchanging(tx, front, &view, (token, signing_key), cards)?;
        Ok(Some(Self {
            frame: front.frame(),
            head: Head {
                title: format!("Order {} · {}", view.order.number, shop.name),
                description: format!("Receipt and status of order {}.", view.order.number),
                canonical: String::new(),
                kind: "website",
                picture: None,
                markup: Markup::none(),
                listed: false,
            },
            number: view.order.number.clone(),
            title: title(&view),
            state: match expected.waits && view.state == OrderState::Confirmed {
                true => "What you pre-ordered is kept for you. Your card is charged when the parcel leaves, not before; until then your bank's promise is renewed.".into(),
                false => state(&view, quote.needs_address(), once),
            },
            covered: (view.checkout.offer.gift_card.as_ref())
                .map(|covers| Covered::new(covers, view.order.total(), rest_label(&view))),
            placed: when(view.order.confirmed_at, now),
            steps: steps(&view, work.as_ref(), &shipments, &expected, now),
            parcels: shipments
                .iter()
                .filter_map(|shipment| parcel(&view, shipment))
                .collect(),
            lines,
            totals,
            tax: tax_inside(&kept(&view)),
            payment: payment(&view, &total),
            total,
            sent_to: sent_to.unwrap_or_default(),
            receipt: contact.email.clone().or(contact.phone.clone()).unwrap_or_default(),
            cancellation: open.then(|| Cancellation {
                action: front.path(&format!("/orders/{id}/cancellation?t={token}")),
                explanation: match view.checkout.offer.gift_card {
                    Some(_) => "Until the parcel leaves you can call it off here. Nothing is charged then, and your gift card has its money back.".into(),
                    None => "Until the parcel leaves you can call it off here. Nothing is charged then.".into(),
                },
                some: some_units(front, &view, work.as_ref(), token),
            }),
            withdrawal,
            exchange_path: may_exchange.then(|| front.path(&format!("/orders/{id}/exchange?t={token}"))),
            exchanges,
            exchanged_from,
            credit,
            returns,
            policies: front.frame().policies,
            notice: notice.or(expected.late.filter(|_| open)),
            pay_again,
            addition: None,
            kept_path: None,
            erasure_path: (contact.is_known()).then(|| front.path(&format!("/orders/{id}/erasure?t={token}"))),
            erased: view.erased_at.map(words::exact).unwrap_or_default(),
            invitations: Invitation::all(tx, front, &view, signing_key)?,
        }))
    }
}

/// The quote without the tax of what was canceled before it left.
fn kept(view: &OrderView) -> offers::Quote {
    let mut quote = view.checkout.offer.quote.clone();
    if view.order.canceled_at.is_none() {
        let canceled = view.lines.iter().map(|line| {
            let rest = line.tax_minor * i64::from(line.quantity - line.canceled) / i64::from(line.quantity);
            line.tax_minor - rest
        });
        quote.tax_minor -= canceled.sum::<i64>();
    }
    quote
}

/// What became of the buyer's exchanges.
fn exchanging(
    tx: &mut Tx<'_>,
    front: &Front,
    view: &OrderView,
    (token, key): (&str, &[u8; 32]),
    cards: bool,
) -> Done<Vec<Exchanging>> {
    let mut told = Vec::new();
    for found in exchanges::of_order(tx, front.shop.id, view.order.id)? {
        let back = returns::find(tx, front.shop.id, found.back())?;
        let state = back.as_ref().map(|back| back.state);
        let line = view.lines.iter().find(|line| line.line == found.unit.line);
        let wanted = format!("{} × {}", found.unit.quantity, found.wanted());
        let due = words::exact(found.due_by);
        let paying = match found.checkout().filter(|_| found.state == ExchangeState::ToPay) {
            Some(checkout) => checkout::stand(tx, front.shop.id, checkout)?,
            None => None,
        };
        let (title, detail) = match (found.state, state) {
            (ExchangeState::Awaited, Some(ReturnState::Awaited)) => (
                "Your exchange: please send it back".to_owned(),
                format!("{wanted} is kept for you until {due}, and leaves as soon as yours is here."),
            ),
            (ExchangeState::Awaited, Some(ReturnState::Sent)) => (
                "Your exchange: on its way back".to_owned(),
                format!("{wanted} is kept for you, and leaves as soon as yours is here."),
            ),
            (ExchangeState::Awaited, _) => (
                "Your exchange: it has arrived".to_owned(),
                format!("What you sent is here. {wanted} leaves for it."),
            ),
            (ExchangeState::ToPay, _) => (
                format!(
                    "Your exchange: {} is missing",
                    words::money(view.money(found.missing_minor))
                ),
                format!(
                    "What you sent is here. {wanted} is kept for you and costs so much more: pay it by {due}, and it leaves. After that day your money goes back by itself."
                ),
            ),
            (ExchangeState::Placed, _) => (
                "You exchanged it".to_owned(),
                format!("{wanted} is an order of its own, paid with what you sent back."),
            ),
            (ExchangeState::Refunded, _) => (
                "Your exchange has ended, and your money goes back".to_owned(),
                format!(
                    "{} It goes the way you paid; a bank may take a few days to show it.",
                    found.trouble
                ),
            ),
            (ExchangeState::Closed, _) => ("Your exchange has ended".to_owned(), found.trouble.clone()),
        };
        let action = |what: &str| front.path(&format!("/orders/{}/{what}?t={token}", view.order.id));
        let is_open = !found.state.is_over();
        // Paid a moment ago is not to be paid again: what left is about to be written down.
        let asks = paying
            .as_ref()
            .map(|paying| paying.checkout.state)
            .is_some_and(|state| state.is_paying() || state == CheckoutState::Completed);
        let bank = paying
            .as_ref()
            .map(|paying| paying.action_url.as_str())
            .filter(|url| !url.is_empty());
        let decline = paying.as_ref().map_or("", |paying| paying.decline.as_str());
        told.push(Exchanging {
            title,
            detail,
            id: found.id.to_string(),
            pieces: match is_open && found.state == ExchangeState::Awaited {
                true => line
                    .map(|line| format!("{} × {}", found.unit.quantity, line.title))
                    .into_iter()
                    .collect(),
                false => Vec::new(),
            },
            proof: (is_open && state == Some(ReturnState::Awaited)).then(|| Proof {
                action: action("proof"),
                statement: found.back().to_string(),
            }),
            pay: (found.state == ExchangeState::ToPay).then(|| PayAgain {
                action: action("exchange-payment"),
                amount: words::money(view.money(found.missing_minor)),
                explanation: match (asks, decline) {
                    (true, _) => {
                        "Your bank is being asked. Load this page again in a moment; a payment is never taken twice."
                            .into()
                    }
                    (false, "") => String::new(),
                    (false, decline) => checkout::decline_out(decline).detail,
                },
                payments: if asks {
                    Vec::new()
                } else {
                    payments_of(&front.shop, cards, &Typed::new())
                },
                bank: bank.map(|url| Link::new("Confirm at your bank", url)),
            }),
            end: (is_open && !asks).then(|| action("exchange-end")),
            end_label: if found.state == ExchangeState::ToPay {
                "Rather have the money back"
            } else {
                "Give the exchange up"
            },
            placed: match found.placed() {
                Some(order) => checkout::order(tx, front.shop.id, order)?,
                None => None,
            }
            .map(|order| page_of(front, key, &order, "Order")),
        });
    }
    Ok(told)
}

fn page_of(front: &Front, key: &[u8; 32], order: &checkout::Order, word: &str) -> Link {
    let token = checkout::order_token(key, order.id);
    let path = front.path(&format!("/orders/{}?t={token}", order.id));
    Link::new(&format!("{word} {}", order.number), &path)
}

/// The order something came back of, for which this one left; and what became credit of this one.
fn around(tx: &mut Tx<'_>, front: &Front, view: &OrderView, key: &[u8; 32]) -> Done<(Option<Link>, Option<Credit>)> {
    let shop = front.shop.id;
    let from = match view.checkout.offer.gift_card {
        Some(_) => exchanges::of_checkout(tx, shop, view.checkout.id)?,
        None => None,
    };
    let from = match from {
        Some(found) => checkout::order(tx, shop, found.order)?.map(|order| page_of(front, key, &order, "order")),
        None => None,
    };
    let credit = gift_cards::find(tx, shop, gift_cards::credit_of(view.order.id))?;
    let credit = credit.filter(|card| card.balance_minor > 0).map(|card| Credit {
        amount: words::money(card.balance()),
        code: gift_cards::Code::of_credit(key, view.order.id).in_full(),
    });
    Ok((from, credit))
}

/// Where the buyer may withdraw, and what became of what they sent back.
fn coming_back(
    tx: &mut Tx<'_>,
    front: &Front,
    view: &OrderView,
    token: &str,
) -> Done<(Option<Withdrawal>, Vec<ComingBack>)> {
    let id = view.order.id;
    let has = view.lines.iter().any(|line| line.open() + line.kept() > 0);
    let right = returns::right_of(tx, view)?;
    let may = view.order.canceled_at.is_none() && has && right.is_open(tx.now());
    let withdrawal = may.then(|| Withdrawal {
        path: front.path(&format!("/orders/{id}/withdrawal?t={token}")),
        explanation: withdrawal_page::until(view, right),
    });
    let exchanged: Vec<_> = exchanges::of_order(tx, front.shop.id, id)?;
    let all = returns::of_order(tx, front.shop.id, id)?;
    // What belongs to an exchange is told with it.
    let alone = all
        .iter()
        .filter(|found| exchanged.iter().all(|exchange| exchange.back() != found.id));
    let told = alone.map(|found| came_back(front, view, found, token));
    Ok((withdrawal, told.collect()))
}

fn came_back(front: &Front, view: &OrderView, found: &Return, token: &str) -> ComingBack {
    let money = |minor| words::money(view.money(minor));
    let stated = words::exact(found.stated_at);
    let kept = match found.deducted_minor {
        0 => String::new(),
        minor => format!(" {} of it was kept: {}.", money(minor), found.deduction),
    };
    let (title, detail) = match found.state {
        ReturnState::Awaited => (
            "You withdrew: please send it back".to_owned(),
            format!(
                "You stated it on {stated}. Send this within fourteen days of that; your money is back by {} at the latest.",
                words::exact(found.due_by)
            ),
        ),
        ReturnState::Sent => (
            "On its way back to the shop".to_owned(),
            format!(
                "Sent with {}. Your money is back by {} at the latest.",
                found.proof,
                words::exact(found.due_by)
            ),
        ),
        ReturnState::Received => (
            "Your money goes back to you".to_owned(),
            format!("You withdrew on {stated}.{kept}"),
        ),
        ReturnState::Refunded if found.refunded_minor == 0 => (
            "You withdrew".to_owned(),
            format!("You stated it on {stated}. What had not left was canceled, and never charged.{kept}"),
        ),
        ReturnState::Refunded => (
            format!("{} went back to you", money(found.refunded_minor)),
            format!("You withdrew on {stated}.{kept} A bank may take a few days to show it."),
        ),
        ReturnState::Closed => ("Your return was closed".to_owned(), found.trouble.clone()),
    };
    let pieces = found.units.iter().filter_map(|unit| {
        let line = view.lines.iter().find(|line| line.line == unit.line)?;
        Some(format!("{} × {}", unit.quantity, line.title))
    });
    ComingBack {
        title,
        detail,
        pieces: pieces.collect(),
        proof: (found.state == ReturnState::Awaited).then(|| Proof {
            action: front.path(&format!("/orders/{}/proof?t={token}", view.order.id)),
            statement: found.id.to_string(),
        }),
    }
}

/// The pieces a buyer may still cancel one by one: while nobody packs them, and where something would stay.
fn some_units(front: &Front, view: &OrderView, work: Option<&Fulfilment>, token: &str) -> Option<SomeUnits> {
    let waits = work.is_none_or(|work| work.state == FulfilmentState::Open);
    let open: u32 = view.lines.iter().map(checkout::OrderLine::open).sum();
    if !waits || open < 2 {
        return None;
    }
    let quoted = &view.checkout.offer.quote.lines;
    let lines = view.lines.iter().zip(quoted).filter(|(line, _)| line.open() > 0);
    Some(SomeUnits {
        action: front.path(&format!("/orders/{}/canceled-units?t={token}", view.order.id)),
        adjustment: String::new(),
        lines: lines
            .map(|(line, quoted)| OpenLine {
                line: line.line,
                title: quoted.title.clone(),
                variant_title: quoted.variant_title.clone(),
                open: line.open(),
            })
            .collect(),
    })
}

/// An exchange, and what the buyer can do about it now.
pub struct Exchanging {
    pub title: String,
    pub detail: String,
    pub id: String,
    /// What has to come back.
    pub pieces: Vec<String>,
    pub proof: Option<Proof>,
    /// The difference.
    pub pay: Option<PayAgain>,
    /// Where it is given up.
    pub end: Option<String>,
    pub end_label: &'static str,
    pub placed: Option<Link>,
}

/// Store credit that can be spent.
pub struct Credit {
    pub amount: String,
    pub code: String,
}

/// What a buyer can do whose bank does not promise the money any more, and what their bank said to the last try.
fn pay_again(
    tx: &mut Tx<'_>,
    front: &Front,
    view: &OrderView,
    action: String,
    cards: bool,
) -> Done<(Option<PayAgain>, Option<Notice>)> {
    let lost = view.intent.as_ref().and_then(|intent| Some((intent, intent.lost_at?)));
    let Some((intent, lost_at)) = lost.filter(|_| view.state == OrderState::PaymentLost) else {
        return Ok((None, None));
    };
    let last = payments::latest_attempt(tx, intent.id)?.filter(|last| !last.off_session && last.created_at >= lost_at);
    let amount = words::money(intent.rest());
    let mut again = PayAgain {
        action,
        explanation: format!(
            "Your bank's promise ended before {} could leave, and nothing of {amount} was taken. Pay until {}, with this card or another one; after \
             that it is canceled and costs you nothing.",
            if intent.captured_minor > 0 { "the rest" } else { "it" },
            words::exact(lost_at.plus(payments::PAY_AGAIN)),
        ),
        amount,
        payments: Vec::new(),
        bank: None,
    };
    if intent.state == IntentState::Expired {
        again.payments = payments_of(&front.shop, cards, &Typed::new());
        let declined = last.filter(|last| !last.decline.is_empty()).map(|last| Notice {
            tone: Tone::Bad,
            title: "Your bank declined the payment".into(),
            text: checkout::decline_out(&last.decline).detail,
        });
        return Ok((Some(again), declined));
    }
    let url = last
        .filter(|_| intent.state == IntentState::RequiresAction)
        .map(|last| last.action_url);
    again.bank = url.map(|url| Link::new("Confirm at your bank", &url));
    "Your bank is being asked. This page looks again by itself every few seconds; a payment is never taken twice."
        .clone_into(&mut again.explanation);
    Ok((Some(again), None))
}

fn title(view: &OrderView) -> String {
    let first = view
        .checkout
        .address
        .as_ref()
        .and_then(|address| address.name.split_whitespace().next());
    match (view.state, first) {
        (OrderState::Canceled, _) => "This order was canceled.".into(),
        (OrderState::PaymentLost, _) => "Please pay again.".into(),
        (OrderState::Fulfilled, _) => "It is on its way to you.".into(),
        (OrderState::InFulfilment, _) => "A part of it is on its way.".into(),
        (OrderState::Confirmed, Some(first)) => format!("Thank you, {first}. It is yours."),
        (OrderState::Confirmed, None) => "Thank you. It is yours.".into(),
    }
}

/// How the part is called that no gift card pays.
fn rest_label(view: &OrderView) -> &'static str {
    match view.intent.as_ref().is_some_and(|intent| intent.method == "manual") {
        true => "Paid another way",
        false => "Paid by card",
    }
}

/// Whether a gift card pays all of it: then no card of a bank has a part in it.
fn all_by_gift_card(view: &OrderView) -> bool {
    view.checkout.offer.gift_card.is_some() && view.checkout.to_pay().minor == 0
}

/// As [`state`], where no bank is asked for anything.
fn state_by_gift_card(view: &OrderView, travels: bool) -> String {
    match view.state {
        OrderState::Canceled => "Nothing was charged, and your gift card has its money back.".into(),
        OrderState::Confirmed if travels => "We are packing it. Your gift card pays when the parcel leaves.".into(),
        OrderState::Confirmed | OrderState::PaymentLost => "We are getting it ready for you.".into(),
        OrderState::InFulfilment => "The rest follows.".into(),
        OrderState::Fulfilled if travels => "Everything was handed over.".into(),
        OrderState::Fulfilled => "Everything was released to you.".into(),
    }
}

fn state(view: &OrderView, travels: bool, once: bool) -> String {
    if all_by_gift_card(view) {
        return state_by_gift_card(view, travels);
    }
    match view.state {
        OrderState::PaymentLost => "The promise of your bank is over. What you ordered is kept for you.".into(),
        OrderState::Confirmed if travels && once => {
            "We are packing it. Your card is charged once, when the last parcel leaves.".into()
        }
        OrderState::InFulfilment if once => {
            "The rest follows. Your card is charged once, when the last parcel leaves.".into()
        }
        OrderState::Canceled if view.checkout.offer.gift_card.is_some() => {
            "What was held on your card is let go, and your gift card has its money back. Nothing was charged.".into()
        }
        OrderState::Canceled => "What was held on your card is let go. Nothing was charged.".into(),
        OrderState::Fulfilled if travels => "Everything was handed over.".into(),
        OrderState::Fulfilled => "Everything was released to you.".into(),
        OrderState::InFulfilment => "The rest follows.".into(),
        OrderState::Confirmed if travels => "We are packing it. Your card is charged when the parcel leaves.".into(),
        OrderState::Confirmed => "We are getting it ready for you.".into(),
    }
}

/// What a gift card pays, in words.
fn by_gift_card(view: &OrderView) -> Option<String> {
    let (covers, used) = (view.checkout.offer.gift_card.as_ref()?, view.gift_card.as_ref()?);
    let money = |minor| words::money(view.money(minor));
    let card = format!("gift card •••• {}", covers.last_four);
    Some(if used.returned_minor > 0 {
        format!(
            "{} of {} back on {card}",
            money(used.returned_minor),
            money(used.taken_minor)
        )
    } else if used.held_minor == 0 && used.taken_minor == 0 {
        format!("{} back on {card}", money(covers.minor))
    } else if used.taken_minor == 0 {
        format!("{} held on {card}, nothing taken yet", money(covers.minor))
    } else if used.held_minor > 0 {
        format!(
            "{} of {} taken from {card}",
            money(used.taken_minor),
            money(covers.minor)
        )
    } else {
        format!("{} taken from {card}", money(used.taken_minor))
    })
}

fn payment(view: &OrderView, total: &str) -> String {
    let Some(gift_card) = by_gift_card(view) else {
        return by_processor(view, total);
    };
    if all_by_gift_card(view) {
        return sentence_of(&gift_card);
    }
    let rest = words::money(view.checkout.to_pay());
    // How the processor's part stands, without the gift card's.
    let alone = OrderView {
        gift_card: None,
        ..view.clone()
    };
    format!("{}; {}", sentence_of(&gift_card), by_processor(&alone, &rest))
}

/// With a capital letter.
fn sentence_of(words: &str) -> String {
    let mut letters = words.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

fn by_processor(view: &OrderView, total: &str) -> String {
    let (captured, refunded) = (view.taken_minor(), view.given_back_minor());
    match PaymentStateOut::of(view) {
        PaymentStateOut::Authorized => format!("{total} authorized, nothing taken yet"),
        PaymentStateOut::PartiallyCaptured => format!("{} of {total} charged", words::money(view.money(captured))),
        PaymentStateOut::Captured => format!("{total} charged"),
        PaymentStateOut::PartiallyRefunded | PaymentStateOut::Refunded => {
            format!(
                "{} of {} given back",
                words::money(view.money(refunded)),
                words::money(view.money(captured))
            )
        }
        PaymentStateOut::Voided => "Nothing was charged".into(),
        PaymentStateOut::Lost => format!(
            "{} of {total} charged, nothing promised any more",
            words::money(view.money(captured))
        ),
        PaymentStateOut::Unclear => "We are asking your bank; nothing is taken twice".into(),
    }
}

/// What of an order is not there yet.
#[derive(Default)]
struct Expected {
    /// Line, and what is said of it.
    notes: Vec<(u32, String)>,
    waits: bool,
    /// It is later than the buyer was promised: what is said of that.
    late: Option<Notice>,
}

impl Expected {
    fn of(tx: &mut Tx<'_>, view: &OrderView, zone: &str) -> Done<Self> {
        let mut expected = Self::default();
        if view
            .checkout
            .offer
            .quote
            .lines
            .iter()
            .all(|line| line.preorder.is_none())
        {
            return Ok(expected);
        }
        for sale in preorders::sales_of(tx, view.order.id)? {
            let Some(preorder) = preorders::find(tx, view.order.shop, sale.preorder)? else {
                continue;
            };
            let promised = words::day_in(sale.promised, zone);
            let now = words::day_in(preorder.ships_by, zone);
            let note = match sale.state {
                SaleState::Canceled => continue,
                SaleState::Here => "Pre-order: it is here".to_owned(),
                SaleState::Waiting if preorder.late => format!("Pre-order: promised for {promised}, and late"),
                SaleState::Waiting => format!("Pre-order: leaves by {now}"),
            };
            if sale.state == SaleState::Waiting {
                expected.waits = true;
                let later = preorder.late || preorder.ships_by > sale.promised;
                expected.late = later.then(|| Notice {
                    tone: Tone::Warn,
                    title: "It takes longer than we promised".into(),
                    text: match preorder.late {
                        true => format!(
                            "You were promised {promised}, and it is not here. We write as soon as there is a new day. You can cancel below; nothing is charged then."
                        ),
                        false => format!(
                            "You were promised {promised}; it now leaves by {now}. You can wait, or cancel below; nothing is charged then."
                        ),
                    },
                }).or(expected.late);
            }
            expected.notes.push((sale.line, note));
        }
        Ok(expected)
    }

    fn note(&self, line: &checkout::OrderLine) -> String {
        let shipped = line.open() == 0;
        let known = self.notes.iter().find(|(number, _)| *number == line.line && !shipped);
        known.map(|(_, note)| note.clone()).unwrap_or_default()
    }
}

fn steps(
    view: &OrderView,
    work: Option<&Fulfilment>,
    shipments: &[Shipment],
    expected: &Expected,
    now: crate::kernel::Time,
) -> Vec<Step> {
    let step = |label: &str, detail: String, at: Option<When>, progress: Progress| Step {
        label: label.into(),
        detail,
        at,
        progress,
    };
    let ordered = step(
        "Ordered",
        words::money(view.order.total()),
        Some(when(view.order.confirmed_at, now)),
        Progress::Done,
    );
    if let Some(canceled) = view.order.canceled_at {
        let end = step(
            "Canceled",
            "Nothing was charged".into(),
            Some(when(canceled, now)),
            Progress::Now,
        );
        return vec![ordered, end];
    }
    let quote = &view.checkout.offer.quote;
    let handed_over = shipments.last().map(|shipment| when(shipment.handed_over_at, now));
    if !quote.needs_address() {
        let progress = if shipments.is_empty() {
            Progress::Now
        } else {
            Progress::Done
        };
        return vec![ordered, step("Released", "Yours to keep".into(), handed_over, progress)];
    }
    let taken_on = work.is_some_and(|work| work.state != FulfilmentState::Open);
    let left = view.state == OrderState::Fulfilled;
    let packing = if expected.waits {
        "It waits for its goods"
    } else if taken_on {
        "Somebody is at it"
    } else {
        "It waits its turn"
    };
    let promise = offers::promise_out(quote, view.order.confirmed_at).map(|delivery| delivery.promise);
    vec![
        ordered,
        step(
            "Packing",
            if left { "Done".into() } else { packing.into() },
            None,
            if left { Progress::Done } else { Progress::Now },
        ),
        step(
            "On its way",
            if all_by_gift_card(view) {
                match left {
                    true => "Paid from your gift card".into(),
                    false => "Your gift card pays then".into(),
                }
            } else if left {
                "Your card was charged".into()
            } else if view.state == OrderState::PaymentLost {
                "Not before it is paid".into()
            } else {
                "Your card is charged then".into()
            },
            handed_over,
            if left { Progress::Now } else { Progress::Ahead },
        ),
        step(
            "Arrives",
            match expected.late {
                Some(_) => "A few days after it leaves".into(),
                None => promise.unwrap_or_default(),
            },
            None,
            Progress::Ahead,
        ),
    ]
}

/// A parcel with a carrier; what was released as a file is none.
fn parcel(view: &OrderView, shipment: &Shipment) -> Option<Parcel> {
    if shipment.carrier.is_empty() {
        return None;
    }
    let title = |line: u32| {
        view.lines
            .iter()
            .find(|found| found.line == line)
            .map(|found| found.title.as_str())
    };
    let contents: Vec<String> = shipment
        .lines
        .iter()
        .filter_map(|unit| title(unit.line).map(|title| format!("{} × {title}", unit.quantity)))
        .collect();
    Some(Parcel {
        carrier: shipment.carrier.clone(),
        tracking: shipment.tracking.clone(),
        tracking_address: None,
        contents: contents.join(", "),
    })
}

impl OrderPage {
    pub fn sample() -> Self {
        let line = |title: &str, variant_title: &str, quantity: u32, amount: &str, image: &str| OrderLine {
            title: title.into(),
            variant_title: variant_title.into(),
            picture: Picture::new(image, "", 1000, 1000),
            quantity,
            amount: amount.into(),
            note: String::new(),
        };
        let step = |label: &str, detail: &str, at: Option<When>, progress: Progress| Step {
            label: label.into(),
            detail: detail.into(),
            at,
            progress,
        };
        Self {
            frame: Frame::sample(),
            head: Head {
                title: "Order L-1042 · Loam & Ink".into(),
                description: "Receipt and status of order L-1042.".into(),
                canonical: "https://shop.example/s/loam-and-ink/orders/ord_01ksample".into(),
                kind: "website",
                picture: None,
                markup: Markup::none(),
                listed: false,
            },
            number: "L-1042".into(),
            title: "Thank you, Jo. It is yours.".into(),
            state: "We are packing it. Your card is charged when the parcel leaves.".into(),
            placed: When::new("2026-11-21T20:31:00Z", "12 minutes ago", "21 November 2026, 21:31"),
            steps: vec![
                step(
                    "Ordered",
                    "€114.90 authorized",
                    Some(When::new(
                        "2026-11-21T20:31:00Z",
                        "12 minutes ago",
                        "21 November 2026, 21:31",
                    )),
                    Progress::Done,
                ),
                step("Packing", "Packhof Süd accepted it", None, Progress::Now),
                step("On its way", "Your card is charged then", None, Progress::Ahead),
                step("Arrives", "24–26 Nov", None, Progress::Ahead),
            ],
            parcels: Vec::new(),
            lines: vec![
                line("Dune mug", "Tide", 2, "€68.00", "/media/sample-mug.webp"),
                line("Slow dripper", "", 1, "€42.00", "/media/sample-dripper.webp"),
            ],
            totals: vec![
                Sum {
                    label: "3 pieces".into(),
                    amount: "€110.00".into(),
                },
                Sum {
                    label: "Parcel".into(),
                    amount: "€4.90".into(),
                },
            ],
            total: "€114.90".into(),
            covered: None,
            tax: "incl. €18.35 VAT (19 %)".into(),
            payment: "Card ending in 4242".into(),
            sent_to: vec![
                "Jo Lindqvist".into(),
                "Kanalweg 7".into(),
                "20357 Hamburg".into(),
                "Germany".into(),
            ],
            receipt: "jo.lindqvist@example.com".into(),
            cancellation: Some(Cancellation {
                action: "/s/loam-and-ink/orders/ord_01ksample/cancellation".into(),
                explanation: "Until the parcel leaves you can call it off here. Nothing is charged then.".into(),
                some: Some(SomeUnits {
                    action: "/s/loam-and-ink/orders/ord_01ksample/canceled-units".into(),
                    adjustment: "adj_01ksample".into(),
                    lines: vec![
                        OpenLine {
                            line: 0,
                            title: "Dune mug".into(),
                            variant_title: "Tide".into(),
                            open: 2,
                        },
                        OpenLine {
                            line: 1,
                            title: "Slow dripper".into(),
                            variant_title: String::new(),
                            open: 1,
                        },
                    ],
                }),
            }),
            withdrawal: Some(Withdrawal {
                path: "/s/loam-and-ink/orders/ord_01ksample/withdrawal".into(),
                explanation: "You may withdraw from the contract without giving a reason, now and until 14 days after the last parcel has arrived."
                    .into(),
            }),
            exchange_path: Some("/s/loam-and-ink/orders/ord_01ksample/exchange".into()),
            exchanges: Vec::new(),
            exchanged_from: None,
            credit: None,
            returns: Vec::new(),
            policies: Frame::sample().policies,
            notice: None,
            pay_again: None,
            addition: Some(Addition {
                action: "/s/loam-and-ink/orders/ord_01ksample/addition".into(),
                checkout: "chk_01ksample".into(),
                quote: "sample-quote".into(),
                stored: "smt_01ksample".into(),
                title: "Glaze recipes, 40 pages".into(),
                picture: Picture::new("/media/sample-zine.webp", "", 1000, 1000),
                price: "€9.00".into(),
                total: "€9.00".into(),
                card: "Visa •••• 4242".into(),
                until: When::new("2026-11-21T20:46:00Z", "in 3 minutes", "21 November 2026, 21:46"),
            }),
            kept_path: Some("/s/loam-and-ink/stored-methods".into()),
            erasure_path: Some("/s/loam-and-ink/orders/ord_01ksample/erasure".into()),
            erased: String::new(),
            invitations: vec![Invitation {
                title: "Friday firing".into(),
                path: "/s/loam-and-ink/drops/friday-firing?early=gso.sample".into(),
                earlier: "10 minutes".into(),
                opens: When {
                    machine: "2026-11-27T19:00:00Z".into(),
                    text: "in 2 days".into(),
                    exact: "27 November 2026, 20:00 CET".into(),
                },
            }],
        }
    }

    /// A gift card paid a part of it.
    pub fn sample_gift_card() -> Self {
        Self {
            covered: Some(Covered {
                rest_label: "Paid by card".into(),
                ..Covered::sample()
            }),
            payment: "€50.00 held on gift card •••• 7K3M, nothing taken yet; €64.90 authorized, nothing taken yet"
                .into(),
            ..Self::sample()
        }
    }

    /// One exchange waits for what comes back, another for its difference; a third is an order of its own. Some money became credit.
    pub fn sample_exchanging() -> Self {
        let exchange = |title: &str, detail: &str| Exchanging {
            title: title.into(),
            detail: detail.into(),
            id: "exc_01ksample".into(),
            pieces: Vec::new(),
            proof: None,
            pay: None,
            end: None,
            end_label: "Give the exchange up",
            placed: None,
        };
        let awaited = Exchanging {
            pieces: vec!["1 × Dune mug · Tide".into()],
            proof: Some(Proof {
                action: "/s/loam-and-ink/orders/ord_01ksample/proof".into(),
                statement: "rtn_01ksample".into(),
            }),
            end: Some("/s/loam-and-ink/orders/ord_01ksample/exchange-end".into()),
            ..exchange(
                "Your exchange: please send it back",
                "1 × Dune mug, Sand is kept for you until 5 December 2026, 20:31 UTC, and leaves as soon as yours is here.",
            )
        };
        let lost = Self::sample_lost().pay_again;
        let to_pay = Exchanging {
            pay: lost.map(|pay| PayAgain {
                amount: "€16.90".into(),
                explanation: String::new(),
                ..pay
            }),
            end: Some("/s/loam-and-ink/orders/ord_01ksample/exchange-end".into()),
            end_label: "Rather have the money back",
            ..exchange(
                "Your exchange: €16.90 is missing",
                "What you sent is here. 1 × Slow dripper is kept for you and costs so much more: pay it by 5 December 2026, 20:31 UTC, and it leaves. After that day your money goes back by itself.",
            )
        };
        let placed = Exchanging {
            placed: Some(Link::new(
                "Order L-1043",
                "/s/loam-and-ink/orders/ord_01ksecond?t=sample",
            )),
            ..exchange(
                "You exchanged it",
                "1 × Dune mug, Sand is an order of its own, paid with what you sent back.",
            )
        };
        Self {
            exchanges: vec![awaited, to_pay, placed],
            exchanged_from: Some(Link::new(
                "order L-1041",
                "/s/loam-and-ink/orders/ord_01kfirst?t=sample",
            )),
            credit: Some(Credit {
                amount: "€12.00".into(),
                code: "7K3M-9QRT-2W4X-HJ6N-P8VZ".into(),
            }),
            ..Self::sample_on_its_way()
        }
    }

    /// The bank's promise ended before anything left.
    pub fn sample_lost() -> Self {
        let mut page = Self::sample();
        page.title = "Please pay again.".into();
        page.state = "The promise of your bank is over. What you ordered is kept for you.".into();
        page.payment = "€0.00 of €114.90 charged, nothing promised any more".into();
        page.steps[2].detail = "Not before it is paid".into();
        page.pay_again = Some(PayAgain {
            action: "/s/loam-and-ink/orders/ord_01ksample/payment".into(),
            explanation: "Your bank's promise ended before it could leave, and nothing of €114.90 was taken. Pay until 24 November 2026, 20:31 UTC, \
                          with this card or another one; after that it is canceled and costs you nothing."
                .into(),
            amount: "€114.90".into(),
            payments: [("card:tok_visa", "Card that works", "•••• 4242"), ("manual", "Pay on pickup or by transfer", "")]
                .map(|(value, label, detail)| PaymentChoice {
                    value: value.into(),
                    label: label.into(),
                    detail: detail.into(),
                    selected: value != "manual",
                })
                .into(),
            bank: None,
        });
        page.notice = Some(Notice {
            tone: Tone::Bad,
            title: "Your bank declined the payment".into(),
            text: "The payment was declined. Nothing was charged; try again or use another card.".into(),
        });
        page
    }

    /// Handed over in two parcels, one piece refunded since.
    pub fn sample_on_its_way() -> Self {
        let mut page = Self::sample();
        page.title = "On its way to you.".into();
        page.placed = When::new("2026-11-21T20:31:00Z", "yesterday", "21 November 2026, 21:31");
        page.steps[0].at = Some(When::new(
            "2026-11-21T20:31:00Z",
            "yesterday",
            "21 November 2026, 21:31",
        ));
        page.state = "Handed to the carrier this morning. Your card was charged then.".into();
        page.steps[1].progress = Progress::Done;
        page.steps[2].progress = Progress::Now;
        page.steps[2].detail = "€114.90 charged".into();
        page.steps[2].at = Some(When::new(
            "2026-11-22T08:05:00Z",
            "2 hours ago",
            "22 November 2026, 09:05",
        ));
        page.parcels = vec![Parcel {
            carrier: "Parcel post".into(),
            tracking: "PP 4471 9902 18".into(),
            tracking_address: Some("https://parcel.example/PP4471990218".into()),
            contents: "2 pieces".into(),
        }];
        page.lines[0].note = "1 refunded".into();
        page.totals.push(Sum {
            label: "Refunded".into(),
            amount: "−€34.00".into(),
        });
        page.total = "€80.90".into();
        page.tax = "incl. €12.92 VAT (19 %)".into();
        page.cancellation = None;
        page.returns = vec![
            ComingBack {
                title: "You withdrew: please send it back".into(),
                detail: "You stated it on 26 November 2026, 09:12 UTC. Send this within fourteen days of that; your money is back by 10 December \
                         2026, 09:12 UTC at the latest."
                    .into(),
                pieces: vec!["1 × Slow dripper".into()],
                proof: Some(Proof {
                    action: "/s/loam-and-ink/orders/ord_01ksample/proof".into(),
                    statement: "rtn_01ksample".into(),
                }),
            },
        ];
        page.addition = None;
        page.kept_path = None;
        page.notice = Some(Notice {
            tone: Tone::Ok,
            title: "€34.00 is on its way back to you".into(),
            text: "One Dune mug was refunded. Banks take up to five working days to show it.".into(),
        });
        page
    }
}
