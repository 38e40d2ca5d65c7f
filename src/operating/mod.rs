//! What an operator sees of the running program: health, readiness, metrics, embedded files, and the API's reference.
//!
//! Tables: none. Facts published: none.
//! Always true: nothing here needs credentials, changes anything, or shows an id, an amount or a person.
//! It deliberately pushes nothing anywhere: a monitor asks.

mod assets;
mod health;
mod meters;
mod problem_page;
mod reference_page;

#[cfg(test)]
mod tests;

pub use assets::asset;
pub use health::{healthz, metrics, readyz};
pub use meters::Meters;
pub use problem_page::{ProblemPage, pages_for_people};
pub use reference_page::{Reference, ReferencePage, docs, openapi};
