//! Gift cards: value that was sold or given before it is spent, and the part of a sale that is paid with it (docs/gift-cards.md).
//!
//! Tables: gift_cards, gift_card_uses, gift_card_moves.
//! Facts published: none.
//! Always true: a card's balance never goes below zero, whoever spends it at the same moment: one conditional update and a constraint; what a checkout
//! uses of a card is one row, held before money is asked for, taken with the parcels, let go with the reservation; what is owed on cards is in the
//! ledger, and is the sum of what may be spent and what is held; a code is shown once, and only its hash is kept.
//! It deliberately asks no processor and knows no checkout's state: checkout tells it what to hold, to take and to give back, in its own transaction.

pub mod api;
mod credit;
mod give_back;
mod hold;
mod issue;
mod model;
mod store;
mod take;

#[cfg(test)]
mod tests;

pub use credit::{NewCredit, credit, credit_of, purse, take_off};
pub use give_back::{give_back, plan_back};
pub use hold::{Asked, again, hold, hold_own, look, refit, release, release_part, share};
pub use issue::{Change, Edit, Issued, NewGiftCard, change, issue};
pub use model::{Code, Covers, GiftCard, GiftCardState, Move, MoveKind, Reason, Standing, Use};
pub use store::{check, find, holding, list, moves, outstanding, used};
pub use take::take;
