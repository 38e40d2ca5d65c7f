//! Disputes: a buyer goes to their bank instead of to us. What the processor tells, what it means for the money, and what is answered.
//!
//! A row is one round of one dispute, found by the processor's name for it. Whatever order notices come in, and however often, they end in one state
//! ([`step`]). When the bank takes the money, the legs of the sale are taken back as a refund would take them, and given back exactly when it is won
//! (docs/disputes.md). Everything not final has a time at which somebody looks.
//!
//! What the evidence says is filled in by [`crate::disputes`], which knows orders and parcels.

mod answer;
mod mind;
mod model;
mod out;
mod record;
mod store;
#[cfg(test)]
mod tests;

pub use answer::{Answering, Give, accept, erase, submit};
pub use mind::mind;
pub use model::{Asked, ClosedBy, Dispute, DisputeState, FIELDS, REASONS, reason_words, step};
pub use out::DisputeOut;
pub use record::{booked, cover, hear, legs_taken, record, settled};
pub(super) use store::hold_intent;
pub use store::{check, disputes_of as of_payment, find, list, open, told_twice};
