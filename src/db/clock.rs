//! The time of commands: never goes back, and does not believe sudden jumps of the wall clock.

use super::lane::lock;
use crate::kernel::{Clock, Time};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The machine's clocks.
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the port's one real implementation")]
    fn wall(&self) -> Time {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        Time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }
}

/// The database server's time, carried on by the machine's monotonic clock: a replica whose wall clock is ahead, or is put ahead, would let the others'
/// reservations expire early.
pub(super) struct ServersTime {
    clock: Arc<dyn Clock>,
    met: Mutex<Met>,
}

#[derive(Clone, Copy)]
struct Met {
    server: Time,
    at: Duration,
}

/// Two clocks drift apart by less than this between two batches; more is a server that was exchanged for one that is behind.
const DRIFT_MICROS: i64 = 5_000_000;

impl ServersTime {
    pub(super) fn agree(clock: Arc<dyn Clock>, server: Time) -> Self {
        let met = Mutex::new(Met {
            server,
            at: clock.monotonic(),
        });
        Self { clock, met }
    }

    /// What the server's clock said just now. One that is far behind is not believed: time does not go back.
    pub(super) fn hear(&self, server: Time) {
        if server.0 > self.wall().0 - DRIFT_MICROS {
            let at = self.clock.monotonic();
            *lock(&self.met) = Met { server, at };
        }
    }
}

impl Clock for ServersTime {
    fn wall(&self) -> Time {
        let met = *lock(&self.met);
        let since = self.clock.monotonic().saturating_sub(met.at);
        Time(met.server.0 + i64::try_from(since.as_micros()).unwrap_or(i64::MAX / 2))
    }
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }
}

/// The one clock of a database, for its lanes and its readers: what a reader was shown comes before whatever is written after it.
///
/// Follows the monotonic clock and drifts towards the wall clock, gaining or losing at most a tenth of what elapsed: a step of the wall clock by
/// hours must not expire every reservation at once. After a start the wall clock is believed, but never before the high-water mark that the
/// database kept.
pub(super) struct DbClock {
    clock: Arc<dyn Clock>,
    now: Mutex<Now>,
}

struct Now {
    last: Time,
    read_at: Duration,
}

impl DbClock {
    pub(super) fn start(clock: Arc<dyn Clock>, at_least: Time) -> Self {
        let last = clock.wall().max(Time(at_least.0 + 1));
        let read_at = clock.monotonic();
        let now = Mutex::new(Now { last, read_at });
        Self { clock, now }
    }

    /// The time of the next command: strictly later than the one before.
    pub(super) fn tick(&self) -> Time {
        let mut now = lock(&self.now);
        let monotonic = self.clock.monotonic();
        let elapsed = i64::try_from(monotonic.saturating_sub(now.read_at).as_micros()).unwrap_or(i64::MAX / 2);
        now.read_at = now.read_at.max(monotonic);
        let expected = now.last.0 + elapsed;
        let drift = (self.clock.wall().0 - expected).clamp(-(elapsed / 10), elapsed / 10);
        now.last = Time((expected + drift).max(now.last.0 + 1));
        now.last
    }

    /// No later command is before this.
    pub(super) fn heed(&self, time: Time) {
        let mut now = lock(&self.now);
        now.last = now.last.max(time);
    }

    /// No command was later.
    pub(super) fn last(&self) -> Time {
        lock(&self.now).last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Hand(Mutex<(i64, u64)>);
    impl Hand {
        fn advance(&self, wall: i64, monotonic: u64) {
            let mut hand = self.0.lock().unwrap();
            hand.0 += wall;
            hand.1 += monotonic;
        }
    }
    impl Clock for Hand {
        fn wall(&self) -> Time {
            Time(self.0.lock().unwrap().0)
        }
        fn monotonic(&self) -> Duration {
            Duration::from_micros(self.0.lock().unwrap().1)
        }
    }

    const SECOND: i64 = 1_000_000;

    #[test]
    fn d5_a_stepped_wall_clock_neither_expires_nor_revives_anything() {
        for step in [-600 * SECOND, 3 * 3600 * SECOND, 90 * SECOND, -90 * SECOND] {
            let hand = Arc::new(Hand::default());
            hand.advance(1_000_000 * SECOND, 0);
            let clock = DbClock::start(hand.clone(), Time(0));
            let before = clock.tick();
            hand.advance(step + SECOND, 1_000_000);
            let passed = clock.tick().0 - before.0;
            assert!(
                (SECOND * 9 / 10..=SECOND * 11 / 10 + 2).contains(&passed),
                "step {step}: {passed} µs passed in one second"
            );
        }
    }

    #[test]
    fn d5_a_replica_whose_clock_is_wrong_keeps_the_servers_time() {
        for ahead in [90 * SECOND, -90 * SECOND] {
            let hand = Arc::new(Hand::default());
            let server = Time(1_000_000 * SECOND);
            hand.advance(server.0 + ahead, 0);
            let agreed = Arc::new(ServersTime::agree(hand.clone(), server));
            let clock = DbClock::start(agreed, Time(0));
            assert!((0..=2).contains(&(clock.tick().0 - server.0)));
            hand.advance(60 * SECOND, 60_000_000);
            assert!(
                (0..=4).contains(&(clock.tick().0 - server.0 - 60 * SECOND)),
                "it does not drift back either"
            );
            // Somebody sets the machine's clock while it runs.
            hand.advance(ahead, 0);
            hand.advance(60 * SECOND, 60_000_000);
            assert!((0..=6).contains(&(clock.tick().0 - server.0 - 120 * SECOND)));
        }
    }

    #[test]
    fn d5_slow_drift_is_put_right_and_a_server_that_is_far_behind_is_not_followed() {
        let hand = Arc::new(Hand::default());
        let server = Time(1_000_000 * SECOND);
        let agreed = ServersTime::agree(hand.clone(), server);
        hand.advance(0, 3_600_000_000);
        let drifted = Time(server.0 + 3_599 * SECOND);
        agreed.hear(drifted);
        assert_eq!(agreed.wall(), drifted);
        agreed.hear(Time(drifted.0 - 600 * SECOND));
        assert_eq!(agreed.wall(), drifted);
        agreed.hear(Time(drifted.0 + 600 * SECOND));
        assert_eq!(agreed.wall(), Time(drifted.0 + 600 * SECOND));
    }

    #[test]
    fn time_never_goes_back_not_even_over_a_restart() {
        let hand = Arc::new(Hand::default());
        let clock = DbClock::start(hand, Time(5_000));
        assert!(clock.tick() > Time(5_000));
        assert!(clock.tick() < clock.tick());
    }
}
