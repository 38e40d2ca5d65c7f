//! Answering disputes: what we know of a sale put into the texts a bank reads and into a pack of evidence, and the API. Inquiries and chargebacks
//! themselves, their states and their money are [`crate::payments::disputes`]'s.
//!
//! Tables: none. Facts published: none; payments does.
//! Always true: what is proposed as an answer, and the pack, come from what was frozen at the sale and from what was written down when it happened,
//! never from today's texts. Whatever is edited, unpublished or archived since, the pack of a sale says the same.
//! It deliberately keeps no copy: everything in the pack lies where it was written, once, and is never changed there.

mod answer;
mod api;
mod at_the_bank;
mod pack;

pub use answer::{bearers, proposed};
pub use api::*;
pub use at_the_bank::{Step, act, open};
pub use pack::{Pack, PackOut, SoldIn, pack};
