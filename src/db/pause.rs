//! Between two batches: a lane under full load leaves no moment in which the log of a file could begin anew, so it is asked for one.

use super::lane::lock;
use std::sync::{Condvar, Mutex, PoisonError};

#[derive(Default)]
struct State {
    wanted: bool,
    writing: bool,
}

/// Whoever writes, and whoever needs nobody to write for a moment.
#[derive(Default)]
pub(super) struct Pause {
    state: Mutex<State>,
    changed: Condvar,
}

/// While a batch runs.
pub(super) struct Writing<'a>(&'a Pause);

impl Pause {
    /// Before a batch: waits for the end of a pause.
    pub(super) fn write(&self) -> Writing<'_> {
        let mut state = self.wait_while(|state| state.wanted);
        state.writing = true;
        Writing(self)
    }

    /// Runs `act` between two batches: no other begins before it ends.
    pub(super) fn between<T>(&self, act: impl FnOnce() -> T) -> T {
        lock(&self.state).wanted = true;
        drop(self.wait_while(|state| state.writing));
        let done = act();
        lock(&self.state).wanted = false;
        self.changed.notify_all();
        done
    }

    fn wait_while(&self, busy: impl Fn(&mut State) -> bool) -> std::sync::MutexGuard<'_, State> {
        self.changed
            .wait_while(lock(&self.state), busy)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.0.state);
        state.writing = false;
        let wanted = state.wanted;
        drop(state);
        if wanted {
            self.0.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    #[test]
    fn a_pause_comes_though_the_writer_never_rests_and_nothing_is_written_in_it() {
        let (pause, writing, batches) = (Pause::default(), AtomicBool::new(false), AtomicU32::new(0));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let batch = pause.write();
                    writing.store(true, Ordering::SeqCst);
                    std::hint::black_box((0..10_000).sum::<u64>());
                    batches.fetch_add(1, Ordering::SeqCst);
                    writing.store(false, Ordering::SeqCst);
                    drop(batch);
                }
            });
            for _ in 0..200 {
                let before = batches.load(Ordering::SeqCst);
                pause.between(|| {
                    let at_first = batches.load(Ordering::SeqCst);
                    std::thread::yield_now();
                    assert!(!writing.load(Ordering::SeqCst));
                    assert_eq!(batches.load(Ordering::SeqCst), at_first);
                });
                while batches.load(Ordering::SeqCst) == before {
                    std::thread::yield_now(); // It goes on.
                }
            }
            over.store(true, Ordering::SeqCst);
        });
    }
}
