//! Pre-orders: units that are sold before they are there, promised for a day (docs/preorders.md).
//!
//! Tables: preorders, preorder_sales.
//! Facts published: none.
//! Always true: what is promised is a limited number that lies at a place of its own, or of the drop that sells it, so nobody is promised a unit twice or one that is not expected;
//! what arrives goes to who pre-ordered first, and to the shelf only when nobody waits; nothing leaves before it is there; whoever waits longer than they
//! were promised is told, and may cancel.
//! It deliberately moves no money: a promise of money is kept alive and lost as every other is (`payments::renew`).

pub mod api;
mod arrive;
mod check;
mod mind;
mod model;
mod sell;
mod store;
mod take;

#[cfg(test)]
mod tests;

pub use arrive::{close, close_in_drop, delay, expect_more, receive};
pub use check::check;
pub use mind::mind;
pub use model::{Act, Offered, Preorder, PreorderState, QuotedPreorder, Sale, SaleState, place};
pub use sell::{given_back, offered, offered_in_drop, promise_stands, sold};
pub use store::{Untold, find, is_expected, late, list, sales_of, stock, told, untold, waiting};
pub use take::{NewPreorder, take, take_in_drop};
