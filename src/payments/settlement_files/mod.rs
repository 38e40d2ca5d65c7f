//! What processors say they settled, against what we know: each line of a file is matched once, fees become true, and the rest is asked about.
//!
//! Facts published: none.
//! Always true: a file is taken whole or not at all; a line is written down once, whichever file brings it and in whatever order; one capture, refund
//! or dispute of ours is settled by at most one line; every movement in the ledger that follows from a line is posted once, under the line's id; where
//! a line and our books disagree nothing moves until a person decides, with a reason.
//! It deliberately takes no processor's word for what was sold: a line of something we do not know is a question, not a sale.
//!
//! [`import`] reads a file through the translator of its format and keeps its lines in parts; [`work`] looks at one part after another; [`decide`] is
//! what a person says to what is left (docs/settlement-files.md).

mod adyen;
pub mod api;
mod decide;
mod import;
mod model;
mod post;
mod read;
mod store;
mod stripe;
mod work;

#[cfg(test)]
mod tests;

pub use api::import_to_the_end;
pub use decide::{Decide, Decision, Says, decide, explain, noun};
pub use import::{BYTES_MAX, Import, LINES_MAX, NewFile, import, takers};
pub use model::{FileState, Format, LineKind, LineState, SettlementFile, SettlementLine, Trouble};
pub use store::{count_open, file, files, line, lines, open, open_of, payments_of};
pub use work::work;
