//! Stock by location, and claims on it.
//!
//! Tables: locations, stock, reservations.
//! Facts: none.
//! Always true: per variant and location `on_hand >= sold + reserved`, decided by one conditional update and a constraint; a reservation ends
//! exactly once: converted, released or expired; counters equal the rows they count.
//! What a count did not find is `missing`, and takes from what can be sold; where that is less than nothing, units are promised that are not there: a
//! shortage, which ends by itself when units come or promises go.
//! What is set aside for a drop lies at a place of its own, which nobody else sells from; what is left there goes home (`set_aside`).
//! Who follows stock is kept in memory only; the process looks for all of them together (`http::Live`).
//! It deliberately does not know prices, buyers or payments; a reservation lives and dies with its checkout, which also owns the sweeping job.

mod adjust;
pub mod api;
mod availability;
pub mod live_api;
mod model;
mod reserve;
mod set_aside;
mod store;

#[cfg(test)]
mod tests;

pub use adjust::{Restock, SetStock, count_shelf, restock, set_stock};
pub use availability::availability;
pub use live_api::Stock;
pub use model::{Aside, Availability, Claim, Demand, Gate, Reserve, Reserved, Shortage, StockRow};
pub use reserve::{Convert, convert, expire, extend, release, reserve};
pub use set_aside::{SetAside, expect, make_place, send_home, set_aside, take_away, to_shelf};
pub use store::{
    aside, check, first_location, hold_still, places_of, reserved_last, set_gate, set_gate_of, shortages, stock_of,
};
