//! Hawker: short video into reliable revenue. One module a capability, in the order in which the business flows;
//! a module imports only modules above it.

#[macro_use]
pub mod kernel;
#[macro_use]
pub mod db;
pub mod app;
pub mod http;
pub mod identity;
#[cfg(test)]
mod fixture;
pub mod ledger;
pub mod catalog;
pub mod clips;
pub mod inventory;
pub mod taxes;
pub mod delivery;
pub mod partners;
pub mod preorders;
pub mod drops;
pub mod discounts;
pub mod offers;
pub mod payments;
pub mod gift_cards;
pub mod checkout;
pub mod fulfilment;
pub mod returns;
pub mod exchanges;
pub mod price_matches;
pub mod growth;
pub mod notify;
pub mod disputes;
pub mod erasure;
pub mod storefront;
pub mod studio;
pub mod operating;
pub mod config;
pub mod open;
pub mod flow;
pub mod jobs;
pub mod routes;
pub mod server;
pub mod demo;
pub mod bench;
pub mod cli;
