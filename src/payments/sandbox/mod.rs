//! The strict sandbox processor: a pretended provider with books of its own, test cards, and every fault a real one has, drawn from a seed.
//!
//! Tables: none; its books are the ground truth beside our database, never in it.
//! Always true: a key is one request for ever; a fault loses, delays or falsifies answers, never the books.
//! It deliberately imitates no provider's prices or risk rules. [`Sandbox`] runs inside the program; [`serve`] is the same as a server of its own,
//! speaking Stripe's wire format. Its books can be written out as Stripe's payout reconciliation report ([`settlement_report`]).

mod books;
mod disputes;
mod faults;
mod inside;
mod journal;
mod server;
mod settlement;
mod wire;

#[cfg(test)]
mod tests;

pub use books::{Books, Payment, PaymentState};
pub use disputes::{BookedDispute, DisputeStatus, Disputed, NewDispute, TO_ANSWER};
pub use faults::Faults;
pub use inside::{Challenge, Notices, Sandbox, Shape};
pub use server::{ServerSettings, router, serve};
pub use settlement::settlement_report;
