//! A moment on a page: relative for the eye, exact on hover, machine-readable for the rest.

use crate::kernel::{Time, words};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    pub relative: String,
    pub exact: String,
    pub machine: String,
}

impl When {
    pub fn new(relative: &str, exact: &str, machine: &str) -> Self {
        Self {
            relative: relative.into(),
            exact: exact.into(),
            machine: machine.into(),
        }
    }

    /// `at` as seen from `now`.
    pub fn of(at: Time, now: Time) -> Self {
        Self {
            relative: words::relative(at, now),
            exact: words::exact(at),
            machine: at.to_string(),
        }
    }
}
