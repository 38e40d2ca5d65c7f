//! What comes back: a buyer withdraws from the contract, or from a part of it, and has their money within fourteen days (docs/changes.md).
//!
//! Tables: returns, return_lines.
//! Facts published: withdrawal stated, exchange returned.
//! Always true: what has not left is canceled in the transaction of the statement, what has left is asked back once a unit; the money goes back once a
//! return, by the refund of checkout, under an id that follows from the return's; goods are restocked with it, so once, too; a return that has not
//! ended has a time at which somebody looks, and stands on the shop's Today until then.
//! It deliberately refuses nobody who is in time, asks for no reason, and judges no goods: people do.

mod api;
mod ask_back;
mod mind;
mod model;
mod receive;
mod store;
mod withdraw;

#[cfg(test)]
mod tests;

pub use api::*;
pub use ask_back::{AskBack, ask_back};
pub use mind::mind;
pub use model::{Return, ReturnState, Right, WITHIN, days, right};
pub use receive::{
    Close, Receive, Received, close, is_taken_later, not_refunded, pay_back, receive, say_sent, what_goes_back,
};
pub use store::{check, erase, find, of_order, open, refunded, reminded, to_money, to_remind};
pub use withdraw::{Statement, Withdraw, right_of, withdraw};
