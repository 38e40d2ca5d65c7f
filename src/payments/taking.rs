//! How promised money is taken, and when: decided when a promise is asked for, kept with it. Pure; docs/promises.md has the same table.

use super::model::Taking;
use crate::kernel::{Capabilities, Seconds, Time};

/// So long before a promise ends somebody looks: what has left is taken, and the rest is promised anew.
pub const MARGIN: Seconds = Seconds::hours(24);

/// What one promise can do, by what its processor can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub taking: Taking,
    /// How long it lasts where the answer does not say. None: it does not lapse.
    pub window: Option<Seconds>,
}

impl Terms {
    /// Of whoever is not asked.
    pub const NONE: Self = Self {
        taking: Taking::Each,
        window: None,
    };

    pub fn of(can: &Capabilities) -> Self {
        Self {
            taking: if can.multicapture { Taking::Each } else { Taking::Once },
            window: can.authorization_window,
        }
    }
}

/// What happens to the money of a parcel that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// It is taken now; `last` lets the rest of the promise go.
    Now { last: bool },
    /// It is set aside, and taken together with what follows.
    Wait,
}

/// The rule. A buyer is not charged for what did not leave: where a promise is taken in parts, every parcel takes its own; where it is taken once,
/// everything is taken with the last parcel, or, if the promise ends before, what has left by then.
pub fn take(taking: Taking, last_parcel: bool, now: Time, ends: Option<Time>) -> Take {
    match taking {
        Taking::Each => Take::Now { last: last_parcel },
        Taking::Once if last_parcel || is_ending(now, ends) => Take::Now { last: true },
        Taking::Once => Take::Wait,
    }
}

/// Whether a promise is within the margin of its end.
pub fn is_ending(now: Time, ends: Option<Time>) -> bool {
    ends.is_some_and(|ends| ends.minus(MARGIN) <= now)
}

/// When somebody looks at a promise again: at its margin, then every hour to its end, and often after it until the processor says it is over.
pub fn next_look(now: Time, ends: Option<Time>) -> Time {
    match ends {
        None => now.plus(Seconds::days(1)),
        Some(ends) if now < ends.minus(MARGIN) => ends.minus(MARGIN),
        Some(ends) if now < ends => ends.min(now.plus(Seconds::hours(1))),
        Some(_) => now.plus(Seconds::minutes(10)),
    }
}

/// A promise that is over by its own time and of which the processor says nothing: so long it is still asked.
pub const GRACE: Seconds = Seconds::hours(1);
/// A buyer has so long to pay again before what did not leave is for sale again.
pub const PAY_AGAIN: Seconds = Seconds::hours(72);
/// Tries without the buyer at one renewal.
pub const RENEWALS_MAX: u32 = 4;
const PAUSES: [Seconds; 3] = [Seconds::hours(1), Seconds::hours(6), Seconds::hours(12)];

/// When to ask again after `asks` soft refusals, the last one at `asked_at`. None: it was asked often enough.
pub fn next_ask(asks: u32, asked_at: Time) -> Option<Time> {
    let index = usize::try_from(asks.checked_sub(1)?).ok()?;
    if asks >= RENEWALS_MAX {
        return None;
    }
    PAUSES.get(index).map(|pause| asked_at.plus(*pause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p10_how_money_is_taken_is_a_table() {
        let can = |multicapture| Capabilities {
            multicapture,
            ..Capabilities::CARD
        };
        let day = |n: i64| Time(n * 86_400_000_000);
        let (now, last) = (Take::Now { last: false }, Take::Now { last: true });
        // takes in parts, the last parcel, today, the promise ends -> what is taken
        let table = [
            (true, false, 1, Some(7), now),
            (true, true, 1, Some(7), last),
            (true, false, 6, Some(7), now),
            (true, true, 3, None, last),
            (false, false, 1, Some(7), Take::Wait),
            (false, false, 5, Some(7), Take::Wait),
            (false, false, 6, Some(7), last), // A day before its end: what has left, as the one and only capture.
            (false, true, 1, Some(7), last),
            (false, true, 6, Some(7), last),
            (false, false, 90, None, Take::Wait),
        ];
        for (parts, last_parcel, today, ends, expected) in table {
            let terms = Terms::of(&can(parts));
            let taken = take(terms.taking, last_parcel, day(today), ends.map(day));
            assert_eq!(taken, expected, "{parts} {last_parcel} {today} {ends:?}");
        }
    }

    #[test]
    fn p9_a_promise_is_looked_at_with_a_margin_and_a_soft_no_is_asked_again_three_times() {
        let hour = |n: i64| Time(n * 3_600_000_000);
        // now -> the next look at a promise that ends in the 168th hour
        for (now, look) in [(0, 144), (143, 144), (144, 145), (167, 168)] {
            assert_eq!(next_look(hour(now), Some(hour(168))), hour(look), "{now}");
        }
        assert_eq!(
            next_look(hour(168), Some(hour(168))),
            hour(168).plus(Seconds::minutes(10))
        );
        let asks: Vec<_> = (0..6).map(|asks| next_ask(asks, hour(0))).collect();
        let expected = [None, Some(hour(1)), Some(hour(6)), Some(hour(12)), None, None];
        assert_eq!(asks, expected);
    }
}
