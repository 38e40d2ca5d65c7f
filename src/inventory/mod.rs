//! Stock by location, and claims on it.
//!
//! Tables: locations, stock, reservations.
//! Facts: none.
//! Always true: per variant and location `on_hand >= sold + reserved`, decided by one conditional update and a constraint; a reservation ends
//! exactly once: converted, released or expired; counters equal the rows they count.
//! Who follows stock is kept in memory only; the process looks for all of them together (`live`).
//! It deliberately does not know prices, buyers or payments; a reservation lives and dies with its checkout, which also owns the sweeping job.

mod adjust;
pub mod api;
mod live;
pub mod live_api;
mod model;
mod reserve;
mod store;

#[cfg(test)]
mod tests;

pub use adjust::{Restock, SetStock, restock, set_stock};
pub use live::Live;
pub use model::{Availability, Claim, Demand, Reserve, StockRow};
pub use reserve::{Convert, convert, expire, extend, release, reserve};
pub use store::{availability, check, first_location, stock_of};
