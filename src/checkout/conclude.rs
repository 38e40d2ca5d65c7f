//! The one place where a checkout follows its payment: an order is born, a declined buyer may try again, late money finds its unit or goes back.

use super::buy::{
    counts_discounts, counts_in_drop, keeps_gift_card, let_discounts_go, let_drop_go, let_gift_card_go, pays_in_drop,
};
use super::model::{Checkout, CheckoutState, Order, OrderLine, order_number};
use super::store;
use crate::db::Tx;
use crate::inventory::{self, Claim, Convert};
use crate::kernel::{CheckoutId, Error, Fact, Result};
use crate::payments::{self, Attempt, IntentState};
use crate::preorders;

/// A checkout as it stands, with what the buyer needs to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub checkout: Checkout,
    pub order: Option<Order>,
    /// Where the buyer confirms at their bank.
    pub action_url: String,
    /// The last definite no.
    pub decline: String,
}

impl Settled {
    /// It ended because of the card it was paid with ([`super::DROP_LIMIT`]).
    pub fn is_over_limit(&self) -> bool {
        self.checkout.state == CheckoutState::Expired && self.decline == super::DROP_LIMIT
    }

    /// Nothing was asked of a processor yet.
    pub(super) fn open(checkout: Checkout) -> Self {
        Self {
            checkout,
            order: None,
            action_url: String::new(),
            decline: String::new(),
        }
    }
}

/// Re-reads a checkout and its payment and takes whatever step follows. The tap, the processor's notice and the resolver all end here.
///
/// Running it again changes nothing.
pub fn conclude(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<()> {
    if mutant!("P17") {
        return Ok(());
    }
    settle(tx, checkout).map(drop)
}

/// A checkout with what the buyer needs to see; changes nothing.
pub(super) fn look(tx: &mut Tx<'_>, checkout: Checkout) -> Result<Settled> {
    if checkout.state != CheckoutState::Completed {
        return with_attempt(tx, checkout);
    }
    let order = store::find_order(tx, checkout.shop, checkout.id.order())?;
    let settled = match payments::intent_state(tx, checkout.id.intent())? {
        // They are paying again, and their bank waits for them.
        Some(IntentState::RequiresAction) => with_attempt(tx, checkout)?,
        _ => Settled::open(checkout),
    };
    Ok(Settled { order, ..settled })
}

/// [`settle`], for whoever just tried to pay: an order that is paid again also says for what the bank declined.
pub(super) fn outcome(tx: &mut Tx<'_>, id: CheckoutId) -> Result<Settled> {
    let settled = settle(tx, id)?;
    if settled.order.is_none() || payments::intent_state(tx, id.intent())? != Some(IntentState::Expired) {
        return Ok(settled);
    }
    let attempt = payments::latest_attempt(tx, id.intent())?;
    let decline = attempt
        .filter(|attempt| !attempt.off_session)
        .map(|attempt| attempt.decline);
    Ok(Settled {
        decline: decline.unwrap_or_default(),
        ..settled
    })
}

/// How a checkout of a shop stands; changes nothing.
pub fn stand(tx: &mut Tx<'_>, shop: crate::kernel::ShopId, id: CheckoutId) -> Result<Option<Settled>> {
    store::find(tx, shop, id)?
        .map(|checkout| look(tx, checkout))
        .transpose()
}

pub(super) fn settle(tx: &mut Tx<'_>, id: CheckoutId) -> Result<Settled> {
    let checkout = store::load(tx, id)?;
    if checkout.state == CheckoutState::Completed {
        return look(tx, checkout);
    }
    let Some(state) = payments::intent_state(tx, id.intent())? else {
        return Ok(Settled::open(checkout));
    };
    match state {
        IntentState::RequiresCapture | IntentState::PartiallyCaptured | IntentState::Succeeded => {
            paid(tx, checkout, None)
        }
        IntentState::RequiresMethod if checkout.state.is_paying() => {
            inventory::extend(tx, id, false, checkout.expires_at)?;
            let_gift_card_go(tx, &checkout)?;
            let checkout = advance(tx, checkout, CheckoutState::ReadyForComplete)?;
            with_attempt(tx, checkout)
        }
        IntentState::RequiresAction if checkout.state == CheckoutState::CompleteInProgress => {
            let checkout = advance(tx, checkout, CheckoutState::RequiresEscalation)?;
            with_attempt(tx, checkout)
        }
        _ => with_attempt(tx, checkout),
    }
}

fn advance(tx: &mut Tx<'_>, checkout: Checkout, to: CheckoutState) -> Result<Checkout> {
    store::advance(tx, &checkout, to, checkout.expires_at)?;
    let version = checkout.version + 1;
    Ok(Checkout {
        state: to,
        version,
        changed_at: tx.now(),
        ..checkout
    })
}

fn with_attempt(tx: &mut Tx<'_>, checkout: Checkout) -> Result<Settled> {
    let attempt: Option<Attempt> = payments::latest_attempt(tx, checkout.id.intent())?;
    let (action_url, decline) = attempt
        .map(|attempt| (attempt.action_url, attempt.decline))
        .unwrap_or_default();
    let waits = matches!(
        checkout.state,
        CheckoutState::RequiresEscalation | CheckoutState::Completed
    );
    let action_url = if waits { action_url } else { String::new() };
    Ok(Settled {
        order: None,
        action_url,
        decline,
        checkout,
    })
}

/// What whoever reserved and asked for the money knows of a checkout without reading it.
pub(super) struct Known {
    pub(super) claims: Vec<Claim>,
    /// The card that promised.
    pub(super) card: Option<[u8; 32]>,
}

/// The money is promised: the reservation becomes a sale and the order is born, or the money goes back because the units are gone.
///
/// `known`: what whoever wrote it knows of it. If it is not so any more, the whole command runs again.
pub(super) fn paid(tx: &mut Tx<'_>, checkout: Checkout, known: Option<Known>) -> Result<Settled> {
    if !keeps_gift_card(tx, &checkout)? {
        return too_late(tx, checkout); // It had run out, and the gift card's part was spent elsewhere.
    }
    if !counts_in_drop(tx, &checkout)? {
        return too_late(tx, checkout); // It had run out, and they bought as much as they may with another checkout.
    }
    let (intent, card) = (checkout.id.intent(), known.as_ref().map(|known| known.card));
    if !pays_in_drop(tx, &checkout, |tx| {
        card.map_or_else(|| payments::promising_card(tx, intent), Ok)
    })? {
        payments::refuse_promise(tx, intent, super::DROP_LIMIT)?;
        return too_late(tx, checkout);
    }
    if !counts_discounts(tx, &checkout)? {
        return too_late(tx, checkout); // It had run out, and others had the discount as often as it may be.
    }
    match inventory::convert(tx, checkout.id, known.map(|known| known.claims))? {
        Convert::Sold(claims) => {
            let checkout = advance(tx, checkout, CheckoutState::Completed)?;
            let order = born(tx, &checkout, &claims)?;
            Ok(Settled {
                order: Some(order),
                ..Settled::open(checkout)
            })
        }
        Convert::TooLate => too_late(tx, checkout),
        // Somebody on another lane or replica concluded it after we had read the checkout: read again.
        Convert::Again => Err(Error::engine(
            crate::kernel::Engine::Retry,
            "a checkout was concluded by somebody else meanwhile",
        )),
    }
}

/// The units are gone, or the gift card's part is: everything else goes back.
fn too_late(tx: &mut Tx<'_>, checkout: Checkout) -> Result<Settled> {
    // The resolver of payments keeps at the void until the processor has let go.
    if !mutant!("P8") {
        payments::void_begin(tx, checkout.id.intent())?;
    }
    let_gift_card_go(tx, &checkout)?;
    let_drop_go(tx, &checkout)?;
    let_discounts_go(tx, &checkout)?;
    let checkout = if checkout.state.is_open() {
        inventory::release(tx, checkout.id)?;
        advance(tx, checkout, CheckoutState::Expired)?
    } else {
        checkout
    };
    with_attempt(tx, checkout)
}

fn born(tx: &mut Tx<'_>, checkout: &Checkout, claims: &[Claim]) -> Result<Order> {
    let quote = &checkout.offer.quote;
    let id = checkout.id.order();
    let order = Order {
        id,
        shop: checkout.shop,
        checkout: checkout.id,
        number: order_number(id),
        currency: quote.currency,
        total_minor: quote.total_minor,
        tax_minor: quote.tax_minor,
        delivery_minor: quote.delivery.as_ref().map_or(0, |delivery| delivery.amount_minor),
        country: quote.country.clone(),
        email: checkout.contact.email.clone().unwrap_or_default(),
        confirmed_at: tx.now(),
        canceled_at: None,
        version: 1,
    };
    store::insert_order(tx, &order)?;
    for (number, line) in (0u32..).zip(&quote.lines) {
        let promised = line.preorder;
        let units = line.quantity;
        let claim = claims.iter().find(|claim| claim.variant == line.variant);
        let location = claim
            .map(|claim| claim.location)
            .ok_or_else(|| Error::internal("a line was sold that was not reserved"))?;
        let title = if line.variant_title.is_empty() {
            line.title.clone()
        } else {
            format!("{} · {}", line.title, line.variant_title)
        };
        let line = OrderLine {
            line: number,
            variant: line.variant,
            location,
            title,
            quantity: line.quantity,
            amount_minor: line.amount_minor,
            tax_minor: line.tax_minor,
            tax: line.tax,
            shipped: 0,
            canceled: 0,
            returned: 0,
            asked: 0,
        };
        if !mutant!("D8") {
            store::insert_line(tx, id, &line)?;
        }
        if let Some(promised) = promised {
            preorders::sold(tx, order.shop, (id, number), &promised, units)?;
        }
    }
    if mutant!("W0") {
        return Ok(order);
    }
    tx.publish(&Fact::OrderConfirmed {
        shop: order.shop,
        order: id,
        checkout: checkout.id,
    })?;
    Ok(order)
}
