//! Work and parcels.

use crate::checkout::Ship;
use crate::kernel::{OrderId, PartyId, ShipmentId, ShopId, Time};

crate::words! {
    /// Where the work on an order stands.
    pub enum FulfilmentState {
        Open = "open",
        /// Someone took it on.
        Accepted = "accepted",
        InFulfilment = "in_fulfilment",
        Fulfilled = "fulfilled",
        Canceled = "canceled",
    }
}

/// The work on one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fulfilment {
    pub order: OrderId,
    pub shop: ShopId,
    /// None: the shop itself.
    pub partner: Option<PartyId>,
    pub state: FulfilmentState,
    /// The expectation: what the buyer was told.
    pub promised_from: Option<Time>,
    pub promised_until: Option<Time>,
    pub version: i64,
    pub created_at: Time,
}

/// A parcel, or digital goods that were released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipment {
    pub id: ShipmentId,
    pub order: OrderId,
    pub number: u32,
    pub carrier: String,
    pub tracking: String,
    pub lines: Vec<Ship>,
    pub handed_over_at: Time,
}
