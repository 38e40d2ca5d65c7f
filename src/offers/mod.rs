//! What this viewer is offered now: a quote with its prices, tax, delivery and promise, signed, and good until it expires.
//!
//! Tables: none. A quote is a signed token in the player's hands; what becomes of it is frozen on the checkout.
//! Facts published: none.
//! Always true: the buyer pays at most what was shown; a token is believed only with our signature, for its own shop, before its expiry; what
//! is no longer for sale is not sold on an old token.
//! It deliberately reserves nothing: between the quote and the tap the stock may go.

pub mod api;
mod bundle;
pub mod bundles_api;
mod model;
pub mod products_api;
mod quote;
mod token;

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod tests;

pub use api::{
    DeliveryOut, PaymentMethod, QuoteLineOut, QuoteOut, QuotedBundleOut, QuotedDiscountOut, QuotedDropOut,
    availability, promise_out,
};
pub use bundle::shares;
pub use bundles_api::PutBundle;
pub use model::{Asked, InBundle, InDrop, Quote, QuotedBundle, QuotedDelivery, QuotedLine, Seen, WantedLine};
pub use quote::{Offer, Recheck, ask_recheck, quote, recheck, with_preorders};
pub use token::{open, sign};
