//! Adapters: stateless translators between our questions and a provider's words. They never decide, and say honestly what they do not know.

mod adyen;
mod calls;
mod declines;
mod manual;
pub(super) mod signature;
mod stripe;

pub use adyen::{Adyen, AdyenSettings};
pub(super) use calls::client;
pub use calls::{client_of, policy};
pub(super) use declines::{EXPONENTS, decline, from_wire, to_wire, understands};
pub use manual::Manual;
pub use signature::sign;
pub use stripe::{Stripe, StripeSettings};
