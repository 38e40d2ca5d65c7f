//! Double-entry accounts and transfers: what happened to money, for ever.
//!
//! Tables: accounts, transfers, legs, balance_snapshots, sealed_heads.
//! Facts published: none; the module that moved the money says so.
//! Always true: a leg moves a positive amount between two accounts of one currency, so debits equal credits by construction and all accounts
//! of a currency sum to zero; rows are only added; one source is posted once; sealed transfers have a dense sequence and a hash chain.
//! It deliberately knows no orders, prices or processors: what a transfer means is said by whoever posts it. An authorisation is not an entry.

mod api;
mod export;
mod model;
mod post;
mod read;
mod seal;
mod store;
mod verify;

#[cfg(test)]
mod tests;

pub use api::*;
pub use export::{Format, export};
pub use model::{Account, AccountKey, AccountKind, Balance, Leg, LegLine, Post, Posting, Transfer};
pub use post::post;
pub use read::{balances, exists, transfers, transfers_of_order, unsealed};
pub use seal::seal;
pub use verify::{Verdict, verify};
