//! Circuit breakers: who was not reached several times is left alone for a while, then tried by one payment at a time.
//!
//! In memory, one a processor and kind of question; losing them with the process loses a few slow answers. New promises are asked of somebody else
//! meanwhile. Taking, letting go and giving back wait for the resolver's next look: whoever hands fifty parcels over does not wait for fifty time-outs.
//! What became of a request is always asked.

use crate::kernel::{Answer, Ask};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Of so many asks,
const LAST: usize = 20;
/// none of them older than this,
const WINDOW: Duration = Duration::from_secs(60);
/// so many in vain open the breaker. A quarter: in a brown-out most asks still get through.
const IN_VAIN: usize = 5;
/// It stays open for so long; then one ask at a time finds out.
const OPEN: Duration = Duration::from_secs(30);
/// A probe that came to nothing (its buyer's stock was gone, a time-out of 20 seconds) is given to the next one after so long.
const PROBE: Duration = Duration::from_secs(30);

/// What is asked of a processor, as far as being reached goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    Authorize,
    Capture,
    Void,
    Refund,
    Look,
}

impl Asked {
    pub fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Authorize { .. } => Self::Authorize,
            Ask::Capture { .. } => Self::Capture,
            Ask::Void { .. } => Self::Void,
            Ask::Refund { .. } => Self::Refund,
            Ask::Find { .. }
            | Ask::FindOperation { .. }
            | Ask::CameBack { .. }
            | Ask::Kept { .. }
            | Ask::Forget { .. } => Self::Look,
        }
    }

    /// Nobody else can be asked for it, and the resolver does it later.
    pub const fn can_wait(self) -> bool {
        matches!(self, Self::Capture | Self::Void | Self::Refund)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Closed,
    /// It was left alone long enough: one ask may find out.
    HalfOpen,
    Open,
}

/// All breakers of this process.
#[derive(Default)]
pub struct Breakers(Mutex<HashMap<(&'static str, Asked), Breaker>>);

#[derive(Default)]
struct Breaker {
    recent: VecDeque<(Duration, bool)>,
    opened: Option<Duration>,
    probed: Option<Duration>,
}

impl Breakers {
    fn all(&self) -> MutexGuard<'_, HashMap<(&'static str, Asked), Breaker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from an answer. Not sent and unknown found nobody; everything else, also a no, did.
    pub fn learn(&self, processor: &'static str, asked: Asked, answer: &Answer, now: Duration) {
        let reached = !matches!(answer, Answer::NotSent { .. } | Answer::Unknown { .. });
        let mut all = self.all();
        if reached && !all.contains_key(&(processor, asked)) {
            return; // Nothing was ever wrong: nothing to keep.
        }
        let breaker = all.entry((processor, asked)).or_default();
        match breaker.health(now) {
            Health::Closed => breaker.count(reached, now),
            Health::HalfOpen if reached => *breaker = Breaker::default(),
            Health::HalfOpen => (breaker.opened, breaker.probed) = (Some(now), None),
            Health::Open => {} // Asked before it opened: one slow answer is no recovery.
        }
    }

    /// How it stands; changes nothing.
    pub fn health(&self, processor: &'static str, asked: Asked, now: Duration) -> Health {
        self.all()
            .get(&(processor, asked))
            .map_or(Health::Closed, |breaker| breaker.health(now))
    }

    /// Whether a new ask may go there; of a half-open breaker it takes the probe.
    pub fn admit(&self, processor: &'static str, asked: Asked, now: Duration) -> bool {
        let mut all = self.all();
        let Some(breaker) = all.get_mut(&(processor, asked)) else {
            return true;
        };
        match breaker.health(now) {
            Health::Closed => true,
            Health::Open => false,
            Health::HalfOpen => {
                let free = breaker.probed.is_none_or(|since| now >= since + PROBE);
                if free {
                    breaker.probed = Some(now);
                }
                free
            }
        }
    }
}

impl Breaker {
    fn health(&self, now: Duration) -> Health {
        match self.opened {
            None => Health::Closed,
            Some(since) if now < since + OPEN => Health::Open,
            Some(_) => Health::HalfOpen,
        }
    }

    fn count(&mut self, reached: bool, now: Duration) {
        self.recent.push_back((now, reached));
        while self.recent.len() > LAST || self.recent.front().is_some_and(|(at, _)| *at + WINDOW < now) {
            self.recent.pop_front();
        }
        if self.recent.iter().filter(|(_, reached)| !reached).count() >= IN_VAIN {
            (self.opened, self.probed) = (Some(now), None);
            self.recent.clear();
        }
    }
}
