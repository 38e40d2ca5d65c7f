//! Reads of what may be a second old, from servers that follow the one that is written to.
//!
//! Always true: such a server answers only when it has replayed everything that was written a second before, as this process saw it; where none has, or
//! none is reached, the read is done where it always was. Money, rights and stock that is sold are never read here: whoever calls says that a second is
//! nothing to it.

use super::lane::{Command, Queue, lock};
use super::tx::{Connection, Tx};
use super::{Reader, in_the_callers_words, pg};
use crate::kernel::{Clock, Engine, Kind, Random, Result, Time};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How old an answer may be.
const OLD: Duration = Duration::from_secs(1);
/// Between two looks at a position.
const LOOK: Duration = Duration::from_millis(100);

/// Where the log of the server that is written to stood, and when.
#[derive(Default)]
pub(super) struct Positions(Mutex<VecDeque<(Duration, i64)>>);

impl Positions {
    /// What a batch of this process saw at its beginning. Every process writes something every second.
    pub(super) fn note(&self, now: Duration, position: i64) {
        let mut seen = lock(&self.0);
        if seen.back().is_some_and(|(at, _)| now.saturating_sub(*at) < LOOK) {
            return;
        }
        seen.push_back((now, position));
        // One that is old enough is kept, and whatever is not yet.
        while seen.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= OLD) {
            seen.pop_front();
        }
    }

    /// What has to be replayed. None: nothing is known for so long.
    fn wanted(&self, now: Duration) -> Option<i64> {
        let seen = lock(&self.0);
        let old = seen.iter().rev().find(|(at, _)| now.saturating_sub(*at) >= OLD);
        old.map(|(_, position)| *position)
    }
}

/// One connection to a server that follows.
pub(super) struct Follower {
    url: String,
    reader: Option<Reader>,
    /// Up to where it had replayed when it was asked last. It only grows.
    replayed: i64,
    asked: Duration,
    /// Until when it is not tried again: connecting to a machine that is off takes seconds.
    rests: Duration,
}

/// After a failure.
const REST: Duration = Duration::from_secs(10);

/// What a follower's thread needs.
pub(super) struct Following {
    pub(super) positions: Arc<Positions>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) answered: Arc<AtomicU64>,
    pub(super) primary: Arc<Queue>,
}

impl Follower {
    pub(super) fn new(url: String) -> Self {
        Self {
            url,
            reader: None,
            replayed: -1,
            asked: Duration::ZERO,
            rests: Duration::ZERO,
        }
    }

    /// Answers a read, or hands it to the server that is written to.
    pub(super) fn run(&mut self, command: Box<dyn Command>, with: &Following, open: &dyn Fn(Connection) -> Reader) {
        let done = match self.is_near(with, open) {
            Ok(true) => self.reader.as_mut().map(|reader| reader.within(|tx| command.run(tx))),
            Ok(false) => None,
            Err(error) => {
                tracing::debug!(%error, "a server that follows is not reached");
                self.rest(with);
                None
            }
        };
        let error = match done {
            Some(Ok(())) => None,
            Some(Err(error)) if !is_of_the_follower(&error.kind) => Some(error),
            Some(Err(error)) => {
                if error.kind == Kind::Engine(Engine::Gone) {
                    self.rest(with);
                }
                return with.primary.push_kept(command);
            }
            None => return with.primary.push_kept(command),
        };
        if let Some(error) = error {
            command.refuse(in_the_callers_words(error));
        }
        with.answered.fetch_add(1, Ordering::Relaxed);
        command.answer();
    }

    fn rest(&mut self, with: &Following) {
        self.reader = None;
        self.rests = with.clock.monotonic() + REST;
    }

    fn is_near(&mut self, with: &Following, open: &dyn Fn(Connection) -> Reader) -> Result<bool> {
        let now = with.clock.monotonic();
        let Some(wanted) = with.positions.wanted(now) else {
            return Ok(false);
        };
        if self.replayed >= wanted && self.reader.is_some() {
            return Ok(true);
        }
        if now < self.rests || now.saturating_sub(self.asked) < LOOK {
            return Ok(false);
        }
        self.asked = now;
        if self.reader.is_none() {
            self.reader = Some(open(Connection::Postgres(pg::Postgres::open_any(&self.url)?)));
        }
        let Some(reader) = &mut self.reader else {
            return Ok(false);
        };
        let mut tx = Tx::new(&mut reader.connection, Time(0), with.random.as_ref());
        // Nothing on a server that is written to itself: it does not replay.
        let sql = "select coalesce((pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint, -1)";
        let (replayed,): (i64,) = tx.one(sql, &[])?;
        self.replayed = replayed;
        Ok(replayed >= wanted)
    }
}

/// A lost connection, or a read that replaying had to cancel: the other server knows.
fn is_of_the_follower(kind: &Kind) -> bool {
    matches!(kind, Kind::Engine(Engine::Gone | Engine::Retry | Engine::Broken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_a_second_ago_has_to_be_there_and_what_is_newer_need_not() {
        let positions = Positions::default();
        let at = Duration::from_millis;
        assert_eq!(positions.wanted(at(5_000)), None, "nothing is known yet");
        for millis in (0..3_000).step_by(50) {
            positions.note(at(millis), i64::try_from(millis).unwrap());
        }
        assert_eq!(positions.wanted(at(3_000)), Some(2_000));
        assert!(lock(&positions.0).len() < 15, "the old ones are forgotten");
        assert_eq!(positions.wanted(at(60_000)), Some(2_900), "nobody wrote since");
        positions.note(at(60_000), 70_000);
        assert_eq!(positions.wanted(at(60_500)), Some(2_900));
    }
}
