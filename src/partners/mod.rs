//! Everyone who is paid, and the contracts that say who earns what of a sale.
//!
//! Tables: parties, contracts, contract_versions.
//! Facts published: none.
//! Always true: a version of a contract never changes; terms that do not add up, or name a party the shop does not have, are refused when
//! they are written down, so a sale never fails on them; the legs of a line add up to its net amount to the unit and none is negative.
//! It deliberately moves no money: legs are data that a sale freezes and the ledger posts from.

mod agree;
pub mod api;
mod legs;
mod model;
mod store;

#[cfg(test)]
mod tests;

pub use agree::{Agree, Assign, add_party, assign, draw_up, revise};
pub use legs::{Earner, FeeFalls, Leg, Purpose, delivery_leg, fee_bearer, legs};
pub use model::{
    Bearer, Contract, ContractVersion, FulfilmentFee, NewParty, Part, Party, PartyKind, Share, Terms, Unfit, WHOLE,
};
pub use store::{contract, contracts, current_version, parties, party, terms, versions};
