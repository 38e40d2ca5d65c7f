//! Adapters: stateless translators between our questions and a provider's words. They never decide, and say honestly what they do not know.

mod declines;
mod manual;
pub(super) mod signature;
mod stripe;

pub(super) use declines::{EXPONENTS, decline, from_wire, to_wire, understands};
pub use manual::Manual;
pub use signature::sign;
pub(super) use stripe::client;
pub use stripe::{Stripe, StripeSettings};
