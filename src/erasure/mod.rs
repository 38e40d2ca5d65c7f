//! Erasing a buyer (GDPR, article 17): everything that says who somebody is leaves the shop, now or when nothing needs it any more (docs/privacy.md).
//!
//! Tables: erasures, erasure_items.
//! Facts published: none.
//! Always true: a column that can hold something about a person stands in the map with its purpose and its end ([`map`]); what is held has a reason and a
//! time at which somebody looks again; amounts, tax, countries, the ledger, the archives of drops and their hashes do not know who the buyer was, so they
//! stay as they are; asking twice is asking once.
//! It deliberately decides by no person's judgement, knows no other table's columns (each module erases its own), and keeps of an erased buyer a keyed hash
//! and nothing else, so that a restored backup can be told again.

mod api;
mod ask;
mod holds;
mod list;
pub mod map;
mod model;
mod store;
mod work;

#[cfg(test)]
mod tests;

pub use api::*;
pub use ask::{Ask, Wish, ask, preview};
pub use holds::holds;
pub use list::{export, import};
pub use model::{AskedBy, Erasure, ErasureState, Held, Hold, Item, ItemState, Preview, Subject, Why};
pub use store::{again, check, find, items, list};
pub use work::mind;
