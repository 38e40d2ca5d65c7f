//! Something leaves for what came back: its money becomes credit, and the credit pays for a new order, in one transaction.

use super::buy::{Exchanged, Place, Tap, begin as begin_payment, place};
use super::conclude::settle;
use super::model::{Checkout, Order, Payment};
use super::one_click::Paying;
use super::orders::view;
use super::refund::{Back, NewRefund, Refund, Way, begin, send};
use super::{Buy, store};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::gift_cards;
use crate::identity;
use crate::kernel::{AdjustmentId, CheckoutId, Error, Id, Kind, LocationId, OrderId, Result, Seconds, ShopId};
use crate::offers::{self, PaymentMethod, Quote, Recheck};
use crate::payments::{self, Plan};
use sha2::{Digest, Sha256};

/// Why the money of an exchange became credit.
pub const EXCHANGE: &str = "exchange";

/// A new order for what came back.
#[derive(Clone, Debug)]
pub struct Replacement {
    pub shop: ShopId,
    /// What came back was bought with it.
    pub order: OrderId,
    /// Follows from the exchange: twice is once.
    pub checkout: CheckoutId,
    pub quote: Quote,
    /// Where its units are kept.
    pub place: LocationId,
    /// The money of what came back.
    pub refund: NewRefund,
    /// How long a buyer has to pay what is missing.
    pub holds: Seconds,
}

/// What became of it.
#[derive(Clone, Debug)]
pub enum Replaced {
    /// It is an order. What the processor has to give back is to be asked for: [`send_rest`].
    Placed(Box<Order>, Box<Back>),
    /// The credit does not cover it: the buyer pays this checkout.
    ToPay(Box<Checkout>),
}

/// Turns what came back into credit and buys with it, all or nothing. Errors: those of a refund; `not_replaceable`, if it cannot be bought any more.
pub fn replace(tx: &mut Tx<'_>, wish: &Replacement) -> Result<Replaced> {
    // What was promised when it was asked for is promised until it ends; of a price that fell since, no more becomes credit than it costs by now.
    let quote = Quote {
        expires_at: tx.now().plus(wish.holds),
        ..wish.quote.clone()
    };
    let Recheck::Payable(now) = offers::recheck(tx, &quote, None)? else {
        return Err(not_replaceable(GONE));
    };
    let mut refund = wish.refund.clone();
    if let Way::Credit { at_most, .. } = &mut refund.way {
        *at_most = Some(now.total_minor);
    }
    let back = match begin(tx, wish.shop, wish.order, &refund)? {
        Refund::Begun(back) | Refund::Again(back) => back,
        Refund::NotFound => return Err(Error::not_found("order")),
    };
    let from = view(tx, wish.shop, wish.order)?.ok_or_else(|| Error::not_found("order"))?;
    let used = from.gift_card.as_ref();
    let purse = gift_cards::purse(tx, wish.order, used)?;
    let there = used
        .filter(|used| used.card == purse)
        .map_or(0, |_| back.gift_card_minor);
    let covers = (back.credited_minor + there).min(now.total_minor);
    let tap = Tap {
        shop: wish.shop,
        id: wish.checkout,
        fingerprint: Sha256::digest(wish.checkout.uuid()).into(),
        quote,
        contact: from.checkout.contact.clone(),
        address: from.checkout.address.clone(),
        payment: None,
        gift_card: None,
        key: None,
        after: None,
        exchange: Some(Exchanged {
            place: wish.place,
            purse: (covers > 0).then_some((purse, covers)),
        }),
        return_url: String::new(),
    };
    let shop = identity::shop(tx, wish.shop)?;
    let settled = match place(tx, &shop, &tap, None, wish.holds, Seconds(0)) {
        Ok(Place::Answer(Buy::Placed(settled) | Buy::Again(settled))) => settled,
        Ok(_) => return Err(not_replaceable(GONE)),
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::Invalid | Kind::NotFound) => {
            return Err(not_replaceable(&error.detail));
        }
        Err(error) => return Err(error),
    };
    if let Some(order) = settled.order {
        return Ok(Replaced::Placed(Box::new(order), back));
    }
    let checkout = settled.checkout;
    if checkout.to_pay().minor > 0 {
        return Ok(Replaced::ToPay(Box::new(checkout)));
    }
    // Nothing is left to pay: an intent over nothing has succeeded at once, and nobody is asked.
    let nobody = Paying::plain(Payment::new(PaymentMethod::Card, None));
    begin_payment(tx, &checkout, &Plan::default(), &nobody, None, payments::open_and_start)?;
    let order = settle(tx, checkout.id)?.order;
    let order = order.ok_or_else(|| Error::internal("a sale that was paid for did not become an order"))?;
    Ok(Replaced::Placed(Box::new(order), back))
}

const GONE: &str = "It is not for sale any more.";

fn not_replaceable(detail: &str) -> Error {
    Error::conflict("not_replaceable", detail.to_owned())
}

/// Asks the processor for what goes back beside the credit.
pub async fn send_rest(app: &App, order: OrderId, back: &Back) -> Result<()> {
    send(app, LaneKey::of(order), back).await
}

/// What became credit goes back as money after all. False: the buyer has spent it.
pub fn pay_out_credit(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, adjustment: AdjustmentId) -> Result<bool> {
    let found = store::find_order(tx, shop, order)?.ok_or_else(|| Error::not_found("order"))?;
    let intent = found.checkout.intent();
    let lines = payments::refunds(tx, intent)?.into_iter();
    let credited = lines.filter(|line| line.adjustment == adjustment && line.credited);
    let minor: i64 = credited.map(|line| line.minor).sum();
    if minor == 0 {
        return Ok(true);
    }
    if !mutant!("X4-paid-out") && !gift_cards::take_off(tx, shop, adjustment, minor)? {
        return Ok(false);
    }
    payments::pay_out(tx, intent, adjustment)?;
    Ok(true)
}
