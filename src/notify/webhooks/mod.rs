//! Outgoing webhooks: what happened in a shop, told to the shop's own programs, signed the way of Standard Webhooks 1.0 (docs/webhooks.md).
//!
//! Tables: webhook_endpoints, webhook_objects, webhook_events, webhook_deliveries, webhook_attempts.
//! Facts published: none.
//! Always true: an event is written in the transaction that acts on its fact, with what is true then and the next version of its object, and only
//! where somebody listens; it is sent at least once to each endpoint that hears of it, always under the same id; a delivery is leased while it is
//! being sent, and only the holder of the newest lease may write its end; an endpoint that hangs delays no other; nothing is sent to an address
//! that is not public or opened by the operator, whatever its name says; a secret is derived, shown once and stored nowhere.
//! It deliberately promises no order between events (their versions tell it) and follows no redirect.

mod address;
mod announce;
pub mod api;
mod deliver;
mod endpoints;
mod model;
mod send;
mod sign;
mod store;

#[cfg(test)]
mod tests;

pub use announce::{Announced, announce, erase, send_test};
pub use deliver::{Sent, Waker, deliver, prune, take, write_down};
pub use endpoints::{
    Change, Edit, Made, NewEndpoint, Replay, change, delete, make, replay, replay_since, rotate, secret,
};
pub use model::{
    Attempt, Delivery, DeliveryState, Endpoint, EndpointState, EventType, Outcome, Parcel, Reason, Reply, Target,
};
pub use sign::Secret;
pub use store::{Waiting, attempts, check, counts, deliveries, delivery, find, list, waiting};
