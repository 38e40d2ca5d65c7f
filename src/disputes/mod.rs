//! Answering disputes: what we know of a sale put into the texts a bank reads, and the API. Inquiries and chargebacks themselves, their states and
//! their money are [`crate::payments::disputes`]'s.
//!
//! Tables: none. Facts published: none; payments does.
//! Always true: what is proposed as an answer comes from what was frozen at the sale and from parcels that left, never from today's texts.
//! It deliberately makes no papers: texts only, until there is an evidence pack.

mod api;
mod at_the_bank;
mod evidence;

pub use api::*;
pub use at_the_bank::{Step, act, open};
pub use evidence::{bearers, proposed};
