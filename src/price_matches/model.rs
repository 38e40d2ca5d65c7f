//! A batch, and where each of its orders stands.

use crate::kernel::{
    AdjustmentId, Currency, DropId, Error, Id, Money, OrderId, PriceMatchId, Result, ShopId, StaffId, Time, VariantId,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

crate::words! {
    /// Where a batch stands.
    #[schema(as = PriceMatchState)]
    pub enum MatchState {
        /// The orders are being looked for.
        Counting = "counting",
        /// How many there are and how much it is, is known: a person starts it.
        Ready = "ready",
        Running = "running",
        Paused = "paused",
        Done = "done",
        /// A person ended it. What went back stays so.
        Canceled = "canceled",
    }
}

crate::words! {
    /// Where an order of a batch stands.
    #[schema(as = PriceMatchOrderState)]
    pub enum OrderState {
        Waiting = "waiting",
        /// Its money is not taken yet: it is looked at again.
        Later = "later",
        Done = "done",
        /// Nothing goes back, and why.
        Skipped = "skipped",
    }
}

/// What a piece costs now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPrice {
    pub variant: VariantId,
    /// Tax included, in minor units of the shop's currency.
    pub unit_minor: i64,
}

/// A difference that is given back to all earlier buyers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceMatch {
    pub id: PriceMatchId,
    pub shop: ShopId,
    pub title: String,
    pub drop: Option<DropId>,
    pub from_at: Time,
    pub until_at: Time,
    pub prices: Vec<NewPrice>,
    pub currency: Currency,
    pub state: MatchState,
    pub counted_to: Option<OrderId>,
    pub staff: Option<StaffId>,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    pub version: i64,
}

impl PriceMatch {
    pub fn money(&self, minor: i64) -> Money {
        Money::new(minor, self.currency)
    }
    /// The refund's id: derived, so that an order has one of this batch.
    pub fn refund(&self, order: OrderId) -> AdjustmentId {
        AdjustmentId::from_uuid(Uuid::new_v5(&self.id.uuid(), order.uuid().as_bytes()))
    }
    pub(super) fn pairs(&self) -> Vec<(VariantId, i64)> {
        self.prices
            .iter()
            .map(|price| (price.variant, price.unit_minor))
            .collect()
    }
}

/// An order of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MatchOrder {
    pub order: OrderId,
    pub state: OrderState,
    pub planned_minor: i64,
    pub refunded_minor: i64,
    pub why: String,
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub orders: u64,
    pub planned_minor: i64,
    pub waiting: u64,
    pub later: u64,
    pub done: u64,
    pub skipped: u64,
    pub refunded_minor: i64,
}

impl Progress {
    /// Orders that are done with, of a hundred.
    pub fn percent(&self) -> u64 {
        match self.orders {
            0 => 100,
            orders => (self.done + self.skipped) * 100 / orders,
        }
    }
}

/// Prices that can be matched: some, each variant once, none below zero. Errors: `invalid_field`.
pub(super) fn checked(prices: &[NewPrice]) -> Result<()> {
    let wrong = |detail: &'static str| Err(Error::field("/prices", detail));
    if prices.is_empty() || prices.len() > 100 {
        return wrong("Name 1 to 100 variants with what they cost now.");
    }
    if prices.iter().any(|price| price.unit_minor < 0) {
        return wrong("Nothing costs less than nothing.");
    }
    if (1..prices.len()).any(|at| prices[..at].iter().any(|other| other.variant == prices[at].variant)) {
        return wrong("Name each variant once.");
    }
    Ok(())
}
