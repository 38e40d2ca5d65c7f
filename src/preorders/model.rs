//! What a pre-order is, and what is read off it.

use crate::kernel::{Id, LocationId, OrderId, PreorderId, Seconds, ShopId, Time, VariantId};
use serde::{Deserialize, Serialize};

crate::words! {
    /// Where a pre-order stands.
    pub enum PreorderState {
        /// It can be bought.
        Open = "open",
        /// It is sold no more, and somebody may wait for goods.
        Closed = "closed",
        /// Everybody has theirs.
        Done = "done",
    }
}

crate::words! {
    /// How a sale of it stands.
    pub enum SaleState {
        Waiting = "waiting",
        /// Its units arrived: they may leave.
        Here = "here",
        Canceled = "canceled",
    }
}

/// Expected units of a variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preorder {
    pub id: PreorderId,
    pub shop: ShopId,
    pub variant: VariantId,
    /// Where its units lie: nobody else sells them from there. One of its own, or that of the drop that sells it.
    pub place: LocationId,
    /// Where the goods arrive.
    pub home: LocationId,
    pub state: PreorderState,
    /// Expected and arrived, and not given up.
    pub units: i64,
    pub arrived: i64,
    /// Ever counted in, also what nobody expected: it only grows.
    pub counted: i64,
    /// Of what arrived: given to those who pre-ordered.
    pub covered: i64,
    pub ships_by: Time,
    /// The day has passed, and somebody waits still.
    pub late: bool,
    pub version: i64,
    pub next_check_at: Option<Time>,
    pub created_at: Time,
}

impl Preorder {
    /// Units that arrived and are nobody's yet.
    pub fn pool(&self) -> i64 {
        self.arrived - self.covered
    }

    /// Whether a drop sells it, and nobody else.
    pub fn is_in_drop(&self) -> bool {
        self.place != place(self.id)
    }
}

/// The place of one that anybody may buy in the shop.
pub fn place(id: PreorderId) -> LocationId {
    LocationId::from_uuid(id.uuid())
}

/// What somebody bought of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sale {
    pub order: OrderId,
    pub line: u32,
    pub preorder: PreorderId,
    pub units: u32,
    pub state: SaleState,
    /// The day they were promised at the tap.
    pub promised: Time,
}

/// What a quote promises of a line, frozen with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuotedPreorder {
    pub id: PreorderId,
    pub ships_by: Time,
}

/// What can be pre-ordered of a variant now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered {
    pub quoted: QuotedPreorder,
    pub left: i64,
    pub in_checkouts: i64,
    pub version: i64,
}

/// What became of an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Done(Preorder),
    /// It was so before; nothing happened.
    Again(Preorder),
    NotFound,
    /// Not in this state.
    Wrong(PreorderState),
}

/// A pre-order is promised for at most so long ahead: a card's promise can be renewed for about that long without its holder.
pub(super) const AHEAD_MAX: Seconds = Seconds::days(60);
pub(super) const UNITS_MAX: u32 = 1_000_000;
