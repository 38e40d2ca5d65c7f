//! What the program counts about itself, for `/metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Kept by the `App` for the life of the process.
#[derive(Default)]
pub struct Meters {
    /// Answers by hundreds of the status: 1xx to 5xx.
    answers: [AtomicU64; 5],
    jobs: Mutex<BTreeMap<&'static str, JobMeter>>,
    pub connections: AtomicU64,
    /// Buyers who were refused at the door of the database.
    pub turned_away: AtomicU64,
}

#[derive(Clone, Copy, Default)]
pub struct JobMeter {
    pub runs: u64,
    pub failures: u64,
}

impl Meters {
    pub fn answered(&self, status: u16) {
        if let Some(counter) = self.answers.get(usize::from(status / 100).wrapping_sub(1)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn job_ran(&self, name: &'static str, succeeded: bool) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let job = jobs.entry(name).or_default();
        job.runs += 1;
        job.failures += u64::from(!succeeded);
    }

    pub(super) fn answers(&self) -> [u64; 5] {
        std::array::from_fn(|index| self.answers[index].load(Ordering::Relaxed))
    }

    pub(super) fn jobs(&self) -> BTreeMap<&'static str, JobMeter> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
