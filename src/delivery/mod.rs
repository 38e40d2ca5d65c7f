//! Zones, delivery methods, their prices, and the promise of a date.
//!
//! Tables: delivery_zones, delivery_methods.
//! Facts published: none.
//! Always true: a country belongs to the first zone that names it, else to the first zone of `*`, else nothing is delivered there; a promise
//! counts working days (Monday to Friday) from the day of the order.
//! It deliberately knows no public holidays and no carriers: the shop sets days it can keep.

pub mod api;
mod model;
mod set;
mod store;

#[cfg(test)]
mod tests;

pub use model::{Method, Promise, Zone, ZoneMethods};
pub use set::{NewMethod, NewZone, set};
pub use store::{all, method, options};
