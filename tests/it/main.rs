//! Stories through HTTP against the real server, on the engine that `HAWKER_TEST_ENGINE` names. One binary: one link, one start.

#![expect(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

#[path = "../dice.rs"]
mod dice;
mod harness;

mod abuse;
mod adyen;
mod audience;
mod bank;
mod brown_out;
mod buying;
mod catalog;
mod bundles;
mod census;
mod changes;
mod conflicts;
mod diary;
mod discounts;
mod disputes;
mod drops;
mod erasure;
mod evidence;
mod exchanges;
mod faults;
mod foreign_pages;
mod gift_cards;
mod kill9;
mod live;
mod old_databases;
mod operating;
mod powercut;
mod preorders;
mod program;
mod proofs;
mod previews;
mod promises;
mod reference;
mod repeated_requests;
mod replicas;
mod routing;
mod settlement;
mod shortages;
mod sign_in;
mod stored;
mod stripe_golden;
mod stripe_wire;
mod tenancy;
mod webhooks;
mod windows;
