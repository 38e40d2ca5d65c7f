//! How the program ends when its disk cannot be trusted any more.

/// Ends the process without another look at the disk.
#[cfg(not(feature = "sim"))]
pub(super) fn at_once() -> ! {
    std::process::abort()
}

#[cfg(feature = "sim")]
pub(super) use simulated::{at_once, if_the_power_is_cut};
#[cfg(feature = "sim")]
pub use simulated::{cut_the_power, has_ended, start_again};

/// In a simulated world the process that ends is one of many in this one, on a thread of its own.
#[cfg(feature = "sim")]
mod simulated {
    use std::cell::Cell;

    thread_local! {
        static ENDED: Cell<bool> = const { Cell::new(false) };
        static POWER_CUT: Cell<bool> = const { Cell::new(false) };
    }

    /// Unwinds; whoever drives the lanes finds that this process has ended.
    pub fn at_once() -> ! {
        ENDED.set(true);
        std::panic::resume_unwind(Box::new("the simulated process has ended"))
    }

    /// After a power cut nothing of the process goes on.
    pub fn if_the_power_is_cut() {
        if POWER_CUT.get() {
            at_once();
        }
    }

    /// From now on the first failure of the disk is the end of the process.
    pub fn cut_the_power() {
        POWER_CUT.set(true);
    }

    pub fn has_ended() -> bool {
        ENDED.get()
    }

    /// Another process, with power.
    pub fn start_again() {
        ENDED.set(false);
        POWER_CUT.set(false);
    }
}
