//! Tax rates by country and category, and the tax of an amount.
//!
//! Tables: tax_rates.
//! Facts published: none.
//! Always true: tax is computed per line on the discounted amount and rounded half up; the category `zero` is never taxed; a country
//! without a row uses the row of `*`, and without one the shop owes no tax there: rate 0.
//! It deliberately does not know thresholds, registrations or exemptions: the shop says where it charges what.

pub mod api;
mod model;
mod set;
mod store;

#[cfg(test)]
mod tests;

pub use model::{TaxRate, Taxed, line};
pub use set::set;
pub use store::{all, rate};
