//! Stories through HTTP against the real server, on the engine that `HAWKER_TEST_ENGINE` names. One binary: one link, one start.

mod harness;

mod abuse;
mod catalog;
mod census;
mod foreign_pages;
mod operating;
mod reference;
mod repeated_requests;
mod sign_in;
mod stripe_wire;
mod tenancy;
