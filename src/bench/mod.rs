//! `hawker bench`: measures the real program on this machine, and in the same run the bare loop it is compared with.
//!
//! Tables: none. The bare loop makes `bare_…` tables in a database of its own. Always true: the server under load is a process of its own, so
//! that its time and memory are its own; the clock stops when the facts of the last order were acted on; afterwards the books are checked, and
//! a fast wrong answer counts as zero.
//!
//! The generator shares the machine's cores with the server and says what it cost. Open loop: arrivals keep their timetable whether answers
//! come or not, and a latency begins when the request was due. Closed loop: every connection asks again as soon as it was answered.

mod bare;
mod checkout;
mod child;
pub mod drop;
mod load;
mod payments;
mod price_match;
pub mod shop;
mod store;

pub use bare::serve as serve_bare;
pub use checkout::{Plan, fresh_folder, run as checkout};
pub use load::Pace;
pub use payments::{PaymentsPlan, run as payments};
pub use price_match::{PriceMatchPlan, run as price_match};
