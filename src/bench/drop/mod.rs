//! `hawker bench drop`: whole buyers over HTTP in a drop that is planned, announced and opened as a host does it.
//!
//! Tables: none. Always true: the verdict is counted off the rows and off the processor's own journal after the server has ended, never off the
//! answers; what buyers were told is compared with it. Four modes: a rush (everybody within a second), the same with a waiting room, a storm (so many
//! times what the server can do, by clients that ask again at once), and viewers of one drop's stream.

mod buyer;
mod crowd;
mod figures;
mod page;
mod rush;
mod scene;
mod storm;
mod verdict;
mod viewers;

pub use rush::{RushPlan, RushReport, run as rush};
pub use storm::{StormPlan, StormReport, run as storm};
pub use viewers::{ViewersPlan, ViewersReport, run as viewers};

use super::child::{self, Used};
use crate::kernel::{Error, Result};
use serde::Serialize;

/// Makes the runtime of the generator, once it is on its core.
pub type Runtime = fn() -> Result<tokio::runtime::Runtime>;

/// What was used for what.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub engine: &'static str,
    pub version: &'static str,
    pub processor: String,
    pub cores: usize,
}

impl Machine {
    fn of(database: &str) -> Self {
        Self {
            engine: if database.is_empty() { "sqlite" } else { "postgres" },
            version: env!("CARGO_PKG_VERSION"),
            processor: child::processor(),
            cores: child::cores(),
        }
    }

    fn text(&self) -> String {
        format!(
            "hawker {} on {}, {} cores of {}",
            self.version, self.engine, self.cores, self.processor
        )
    }
}

/// What a stretch of time took of the server.
fn since(now: Used, before: Used) -> Used {
    Used {
        cpu_s: now.cpu_s - before.cpu_s,
        written_mb: now.written_mb - before.written_mb,
        ..now
    }
}

fn panicked(error: tokio::task::JoinError) -> Error {
    Error::internal("a task of the bench panicked").because(error)
}

/// Name and value, a line each.
fn table(head: &str, rows: &[(&str, String)]) -> String {
    let mut text = format!("{head}\n");
    for (name, value) in rows {
        text.push_str(&format!("  {name:<34} {value}\n"));
    }
    text
}
