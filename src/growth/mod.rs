//! What viewers did, and what came of it: beacons, their sums, the funnel and the retention of clips.
//!
//! Tables: events, budgets, counters, visit_steps, retention, dropped.
//! Facts published: none.
//! Always true: an event counts once however often it arrives within seven days; its row and its sums are two steps, and the second claims
//! the first in one transaction, so nothing is summed twice or left out; no address and no user agent is stored, and a viewer who asked not
//! to be followed has no visit; every figure of money comes from orders, beacons only explain it.
//! It deliberately lives in a database file of its own: a flood of beacons costs beacons, never a checkout.

mod api;
mod fold;
mod funnel;
mod ingest;
mod known;
mod model;
mod store;

#[cfg(test)]
mod tests;

pub use api::*;
pub use fold::{fold, prune};
pub use funnel::{ClipRevenue, Funnel, Retention, Step, funnel, retention, revenue};
pub use ingest::{Ingested, ingest};
pub use model::{Batch, Dropped, Event, Kind, Period};
pub use store::{AnchorTotals, ClipTotals, anchor_totals, clip_totals, dropped, totals_of, unfolded, viewers_by_day};
