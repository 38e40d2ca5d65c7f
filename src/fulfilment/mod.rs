//! The work after the sale: who packs it, what was handed over, and what the buyer was promised.
//!
//! Tables: fulfilments, shipments.
//! Facts published: shipment handed over.
//! Always true: money is taken per shipment and never before it is handed over; one capture a shipment; nothing ships while its payment is
//! unknown, in conflict or lapsed; digital goods are taken at once, as a shipment without a carrier.
//! Fewer units on a shelf than are promised are a shortage: who reserved or bought last is affected first, and it ends by itself (`shelf`).
//! It deliberately knows no carriers' interfaces: a tracking code is text.

mod api;
mod model;
mod shelf;
mod shelf_api;
mod ship;
mod store;

#[cfg(test)]
mod tests;

pub use api::*;
pub use model::{Fulfilment, FulfilmentState, Shipment};
pub use shelf::{Affected, Count, Promise, Shelf, count, shelves, shortages};
pub use shelf_api::*;
pub use ship::{
    Accept, Deliver, Deliverance, HandOver, TakeAgain, accept, cancel, close, deliver_digital, fewer_units, hand_over,
    not_there, open, owed, take_again, take_owed,
};
pub use store::{check, erase, find, open_orders, shipments};
