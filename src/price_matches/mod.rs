//! Price adjustments after the sale: what costs less now was bought dearer before, and all earlier buyers get the difference, as one batch (docs/changes.md).
//!
//! Tables: price_matches, price_match_orders.
//! Facts published: none; the refunds are checkout's.
//! Always true: an order has its difference back once a batch, because the refund's id follows from both; never more goes back than was paid and
//! not given back before, because the refund works the amount out anew; nothing starts before a person has seen how many orders it is and how much;
//! a batch that stops goes on where it was.
//! It deliberately changes no prices: it is about what was sold.

mod api;
mod count;
mod draw_up;
mod model;
mod store;
mod work;

#[cfg(test)]
mod tests;

pub use api::*;
pub use draw_up::{Act, DrawUp, NewPriceMatch, act, draw_up};
pub use model::{MatchOrder, MatchState, NewPrice, OrderState, PriceMatch, Progress};
pub use store::{check, find, list, orders, progress};
pub use work::{not_given_back, work};
