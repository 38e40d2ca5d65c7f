//! What goes wrong at the sandbox, drawn from a seed: the same seed and the same calls fail in the same way, whatever else runs beside them.

use crate::kernel::{Error, Result};

/// How often things go wrong, in thousandths of all calls. All zero: an honest processor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    pub seed: u64,
    /// The connection is refused: nothing was sent.
    pub not_sent: u32,
    /// The request is lost on the way; the caller only sees a time-out.
    pub lost: u32,
    pub timeout_then_ok: u32,
    pub timeout_then_decline: u32,
    pub error_then_ok: u32,
    /// Answers 200 with something that is not an answer, after doing it.
    pub garbage: u32,
    pub wrong_amount: u32,
    pub wrong_currency: u32,
    /// The authorisation lapsed, whatever its date said.
    pub capture_after_expiry: u32,
    /// A capture is refused although the promise stands.
    pub capture_refused: u32,
    /// Money that was taken is not given back, however much there is.
    pub refund_refused: u32,
    /// A question is turned away, as with a key that was changed; what it was about stands as it does.
    pub look_refused: u32,
    pub notice_duplicate: u32,
    /// The notice is there before the answer.
    pub notice_early: u32,
    pub notice_never: u32,
    pub notice_late: u32,
}

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Plain,
    NotSent,
    Lost,
    TimeoutThenOk,
    TimeoutThenDecline,
    ErrorThenOk,
    Garbage,
    WrongAmount,
    WrongCurrency,
    CaptureAfterExpiry,
    CaptureRefused,
    RefundRefused,
    LookRefused,
}

/// What happens to one notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeFate {
    Plain,
    Duplicate,
    Early,
    Never,
    Late,
}

/// What kind of call it is: not every fault makes sense for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    Authorize,
    Capture,
    Change,
    Refund,
    Look,
}

impl Faults {
    /// Reads `lost=20,timeout_then_ok=50`: thousandths by name.
    pub fn parse(seed: u64, text: &str) -> Result<Self> {
        let mut faults = Self {
            seed,
            ..Self::default()
        };
        for item in text.split(',').filter(|item| !item.is_empty()) {
            let refuse = || {
                Error::invalid(
                    "unknown_fault",
                    format!("{item} is not a fault with a rate in thousandths, such as lost=20."),
                )
            };
            let (name, rate) = item.split_once('=').ok_or_else(refuse)?;
            let rate: u32 = rate.parse().ok().filter(|rate| *rate <= 1000).ok_or_else(refuse)?;
            let field = faults.field(name.trim()).ok_or_else(refuse)?;
            *field = rate;
        }
        Ok(faults)
    }

    fn field(&mut self, name: &str) -> Option<&mut u32> {
        Some(match name {
            "not_sent" => &mut self.not_sent,
            "lost" => &mut self.lost,
            "timeout_then_ok" => &mut self.timeout_then_ok,
            "timeout_then_decline" => &mut self.timeout_then_decline,
            "error_then_ok" => &mut self.error_then_ok,
            "garbage" => &mut self.garbage,
            "wrong_amount" => &mut self.wrong_amount,
            "wrong_currency" => &mut self.wrong_currency,
            "capture_after_expiry" => &mut self.capture_after_expiry,
            "capture_refused" => &mut self.capture_refused,
            "refund_refused" => &mut self.refund_refused,
            "look_refused" => &mut self.look_refused,
            "notice_duplicate" => &mut self.notice_duplicate,
            "notice_early" => &mut self.notice_early,
            "notice_never" => &mut self.notice_never,
            "notice_late" => &mut self.notice_late,
            _ => return None,
        })
    }

    /// The fate of the `nth` call about `what` (a key, a reference).
    pub fn fate(&self, call: Call, what: &str, nth: u64) -> Fate {
        let writes = call != Call::Look;
        let rates = [
            (self.not_sent, Fate::NotSent),
            (self.lost, Fate::Lost),
            (self.timeout_then_ok, Fate::TimeoutThenOk),
            (
                if call == Call::Authorize {
                    self.timeout_then_decline
                } else {
                    0
                },
                Fate::TimeoutThenDecline,
            ),
            (self.error_then_ok, Fate::ErrorThenOk),
            (self.garbage, Fate::Garbage),
            (if writes { self.wrong_amount } else { 0 }, Fate::WrongAmount),
            (if writes { self.wrong_currency } else { 0 }, Fate::WrongCurrency),
            (
                if call == Call::Capture {
                    self.capture_after_expiry
                } else {
                    0
                },
                Fate::CaptureAfterExpiry,
            ),
            (
                if call == Call::Capture { self.capture_refused } else { 0 },
                Fate::CaptureRefused,
            ),
            (
                if call == Call::Refund { self.refund_refused } else { 0 },
                Fate::RefundRefused,
            ),
            (if writes { 0 } else { self.look_refused }, Fate::LookRefused),
        ];
        draw(self.seed, what, nth, &rates).unwrap_or(Fate::Plain)
    }

    pub fn notice(&self, id: &str) -> NoticeFate {
        let rates = [
            (self.notice_duplicate, NoticeFate::Duplicate),
            (self.notice_early, NoticeFate::Early),
            (self.notice_never, NoticeFate::Never),
            (self.notice_late, NoticeFate::Late),
        ];
        draw(self.seed ^ 0x6e6f_7469_6365, id, 0, &rates).unwrap_or(NoticeFate::Plain)
    }
}

fn draw<T: Copy>(seed: u64, what: &str, nth: u64, rates: &[(u32, T)]) -> Option<T> {
    let mut point = mix(seed ^ mix(hash(what)) ^ mix(nth.wrapping_add(1))) % 1000;
    for (rate, fate) in rates {
        if point < u64::from(*rate) {
            return Some(*fate);
        }
        point -= u64::from(*rate);
    }
    None
}

/// FNV-1a, so that the draw does not depend on a hasher that may change.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The finaliser of `SplitMix64`: every input bit reaches every output bit.
pub(super) fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_draws_the_same_fates_and_about_as_many_as_asked_for() {
        let faults = Faults::parse(7, "lost=100,garbage=50").unwrap();
        let fates = |faults: &Faults| {
            (0..10_000)
                .map(|n| faults.fate(Call::Authorize, "key", n))
                .collect::<Vec<_>>()
        };
        let drawn = fates(&faults);
        assert_eq!(drawn, fates(&faults), "the same seed is the same day");
        let count = |fate| drawn.iter().filter(|drawn| **drawn == fate).count();
        assert!((800..1200).contains(&count(Fate::Lost)), "{}", count(Fate::Lost));
        assert!((350..650).contains(&count(Fate::Garbage)), "{}", count(Fate::Garbage));
        assert_ne!(drawn, fates(&Faults { seed: 8, ..faults }));
    }

    #[test]
    fn rates_that_cannot_be_are_refused() {
        for bad in ["lost", "lost=1001", "lost=-1", "sunshine=3"] {
            assert!(Faults::parse(1, bad).is_err(), "{bad}");
        }
        assert_eq!(
            Faults::parse(1, "").unwrap(),
            Faults {
                seed: 1,
                ..Faults::default()
            }
        );
    }
}
