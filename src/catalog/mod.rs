//! Products, their variants, and prices per currency.
//!
//! Tables: products, variants, prices, bundles, bundle_parts.
//! Facts published: none.
//! Always true: an address (slug) names one product of a shop and a SKU one variant; every change of a product, its variants or prices raises
//! the product's version, and an edit that names an older version is refused; only an active variant of an active product with a price in
//! the currency asked for is sellable; a price carries a version, so that a quote can say which price it showed.
//! It deliberately does not know stock (inventory), taxes, or who earns: a product only carries the id of its contract.

pub mod api;
mod bundle;
mod create;
mod edit;
mod model;
mod store;

#[cfg(test)]
mod tests;

pub use bundle::{Bundle, BundlePart, KeepTheRest, SetBundle, alone, set_bundle};
pub use create::{AddVariant, Create, add_variant, create};
pub use edit::{
    Edit, SetPrice, archive_all, edit_product, edit_variant, may_withdraw, set_contract, set_price, withdraw,
};
pub use model::*;
pub use store::{
    bundle, count, find, find_by_slug, list, list_active, parts_of, price, prices, product_of, sellable,
    sellable_in_drop, variant, variants,
};
