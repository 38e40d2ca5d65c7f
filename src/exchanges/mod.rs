//! Exchanges: something that has left comes back, and something else leaves for it (docs/changes.md).
//!
//! Tables: exchanges.
//! Facts published: exchange asked, exchange payable.
//! Always true: what leaves is kept at a place of its own from the moment it was promised, so that a promise to a buyer is a real unit; what comes back comes
//! by a return, each unit once; its money becomes credit and buys a new order in one transaction, so there is never one without the other; every id
//! follows from the exchange's, so asking, receiving or crashing twice makes one order; an exchange that has not ended has a time at which somebody looks,
//! and its return stands on the shop's Today until then.
//! It deliberately nets nothing: the old order is given back leg by leg, and the new one is a sale of its own by the contracts of its day.

mod api;
mod ask;
mod end;
mod model;
mod settle;
mod store;

#[cfg(test)]
mod tests;

pub use api::*;
pub use ask::{Ask, AskFor, Preview, ask, preview};
pub use end::{End, end};
pub use model::{Exchange, ExchangeState, Sums, WITHIN, place, sums};
pub use settle::{Pay, mind, pay, placed, settle};
pub use store::{check, find, of_checkout, of_order, of_return, open, wake};
