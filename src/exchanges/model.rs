//! Exchanges, and how their money is settled.

use crate::checkout::Ship;
use crate::kernel::{
    CheckoutId, Currency, ExchangeId, Id, LocationId, Money, OrderId, ReturnId, Seconds, ShopId, StaffId, Time,
    VariantId, words,
};
use crate::offers::Quote;
use uuid::Uuid;

crate::words! {
    /// Where an exchange stands.
    pub enum ExchangeState {
        /// What comes back is awaited; what leaves for it is kept.
        Awaited = "awaited",
        /// It is here, and what leaves for it is dearer: the buyer has to pay the difference.
        ToPay = "to_pay",
        /// What leaves for it is an order of its own.
        Placed = "placed",
        /// It could not leave, or was not paid: the money went back, as after a withdrawal.
        Refunded = "refunded",
        /// It ended before anything came back, and nothing else happened.
        Closed = "closed",
    }
}

impl ExchangeState {
    pub fn is_over(self) -> bool {
        matches!(self, Self::Placed | Self::Refunded | Self::Closed)
    }
}

/// So long a buyer has to send what comes back; and then, if something else is dearer, to pay the difference.
pub const WITHIN: Seconds = Seconds::days(14);

/// Something comes back, and something else leaves for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub id: ExchangeId,
    pub shop: ShopId,
    /// What comes back was bought with it.
    pub order: OrderId,
    pub state: ExchangeState,
    /// What comes back.
    pub unit: Ship,
    /// What leaves for it, as many.
    pub variant: VariantId,
    /// What that costs, as it was shown when it was asked for.
    pub quote: Quote,
    /// Until when the goods, or of one to pay its money, have to be here.
    pub due_by: Time,
    /// Of one to pay: what is dearer.
    pub missing_minor: i64,
    /// Checkouts that were begun for it.
    pub tries: u32,
    pub trouble: String,
    pub asked_at: Time,
    pub ended_at: Option<Time>,
    pub staff: Option<StaffId>,
    pub version: i64,
}

impl Exchange {
    /// Its return: derived, so that an exchange has one.
    pub fn back(&self) -> ReturnId {
        ReturnId::from_uuid(Uuid::new_v5(&self.id.uuid(), b"return"))
    }

    /// The checkout of a try, and so the order it becomes: derived.
    pub fn checkout_of(&self, n: u32) -> CheckoutId {
        CheckoutId::from_uuid(Uuid::new_v5(&self.id.uuid(), format!("checkout/{n}").as_bytes()))
    }

    /// The checkout that was begun last; the order if it was placed.
    pub fn checkout(&self) -> Option<CheckoutId> {
        (self.tries > 0).then(|| self.checkout_of(self.tries))
    }

    /// The order that left for what came back.
    pub fn placed(&self) -> Option<OrderId> {
        let checkout = self.checkout().filter(|_| self.state == ExchangeState::Placed);
        checkout.map(CheckoutId::order)
    }

    /// "Enamel pot, Green".
    pub fn wanted(&self) -> String {
        let line = self.quote.lines.first();
        line.map_or(String::new(), |line| match line.variant_title.as_str() {
            "" => line.title.clone(),
            variant => format!("{}, {variant}", line.title),
        })
    }
}

/// Where its units are kept.
pub fn place(exchange: ExchangeId) -> LocationId {
    LocationId::from_uuid(exchange.uuid())
}

/// What becomes of the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Pays for what leaves.
    pub credit_minor: i64,
    /// Goes back the way it came.
    pub back_minor: i64,
    /// Has to be paid.
    pub missing_minor: i64,
}

impl Sums {
    /// In a sentence.
    pub fn words(self, currency: Currency) -> String {
        let money = |minor| words::money(Money::new(minor, currency));
        match (self.missing_minor, self.back_minor) {
            (0, 0) => "There is nothing to pay.".to_owned(),
            (0, back) => format!("{} goes back the way it came, once the goods are here.", money(back)),
            (missing, _) => format!("{} has to be paid, once the goods are here.", money(missing)),
        }
    }
}

/// What comes back pays for what leaves, as far as it goes; the difference is paid or goes back, never both.
pub fn sums(comes_back_minor: i64, costs_minor: i64) -> Sums {
    let credit_minor = comes_back_minor.min(costs_minor).max(0);
    Sums {
        credit_minor,
        back_minor: comes_back_minor - credit_minor,
        missing_minor: costs_minor - credit_minor,
    }
}
