//! Discounts: what takes something off a price, by itself or for whoever types a code (docs/discounts.md).
//!
//! Tables: discounts, discount_versions, discount_uses, discount_buyers.
//! Facts published: none.
//! Always true: what is taken off is worked out in one place and one order, allocated to the lines to the minor unit, and never makes a line cheaper
//! than nothing; a limit is counted by one conditional update and a constraint in the transaction that reserves, once a checkout, and given back when the
//! checkout or its order ends; every version of a discount is kept, so that what was quoted is honoured by the rule it was quoted with.
//! It deliberately knows no tax, no delivery and no checkout's state: offers puts what it says into a quote, checkout tells it what to count.

pub mod api;
mod change;
mod choose;
mod claim;
mod model;
mod store;
mod take_off;

#[cfg(test)]
mod tests;

pub use change::{Change, change, create};
pub use choose::{code_of, none_in_a_drop, offered, promised};
pub use claim::{Who, again, check, claim, erase, identify, let_go};
pub use model::{
    Discount, DiscountState, Line, NewDiscount, Quoted, Rule, Step, TakenOff, Takes, Wish, read_code, words,
};
pub use store::{find, holding, list, uses};
pub use take_off::{best, stacked};
