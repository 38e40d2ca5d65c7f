//! Card testing: somebody tries many stolen cards in one shop, to find out which of them live (X1).
//!
//! On a usual day most cards are taken. Where most of the last ones were declined, cards are being tried, and whoever starts or pays a checkout has
//! few tries left until it is over: `checkout::admit` counts them by network. In memory, one a shop; a restart forgives.

use crate::app::App;
use crate::kernel::{Answer, ShopId};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Of so many tries,
const LAST: usize = 40;
/// none of them older than this,
const WINDOW: Duration = Duration::from_secs(600);
/// so many declined, and at least half of all, are no bad luck.
const DECLINED: usize = 20;
/// Shops that are watched at once; beyond it the quiet ones are forgotten.
const SHOPS: usize = 10_000;

/// What the banks said to the buyers of every shop, lately: when, and whether it was a no.
#[derive(Default)]
pub(super) struct Declines(Mutex<HashMap<ShopId, VecDeque<(Duration, bool)>>>);

impl Declines {
    fn all(&self) -> MutexGuard<'_, HashMap<ShopId, VecDeque<(Duration, bool)>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Learns from an answer to a buyer's try. Only a clear yes and a clear no count.
    pub(super) fn learn(&self, shop: ShopId, answer: &Answer, now: Duration) {
        let declined = match answer {
            Answer::Declined { .. } | Answer::Refused { .. } => true,
            Answer::Authorized { .. } => false,
            _ => return,
        };
        let mut all = self.all();
        if !declined && !all.contains_key(&shop) {
            return; // Nobody was declined lately: nothing to keep.
        }
        if all.len() >= SHOPS {
            all.retain(|_, recent| recent.back().is_some_and(|(at, _)| *at + WINDOW > now));
        }
        let recent = all.entry(shop).or_default();
        recent.push_back((now, declined));
        while recent.len() > LAST {
            recent.pop_front();
        }
    }

    fn is_suspect(&self, shop: ShopId, now: Duration) -> bool {
        let mut all = self.all();
        let Some(recent) = all.get_mut(&shop) else {
            return false;
        };
        while recent.front().is_some_and(|(at, _)| *at + WINDOW <= now) {
            recent.pop_front();
        }
        let declined = recent.iter().filter(|(_, declined)| *declined).count();
        declined >= DECLINED && declined * 2 >= recent.len()
    }
}

/// Whether somebody seems to be trying cards in this shop right now.
pub fn cards_are_tried(app: &App, shop: ShopId) -> bool {
    app.kept::<Declines>().is_suspect(shop, app.clock.monotonic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Currency, Decline, Id, Money};

    #[test]
    fn x1_many_declines_of_one_shop_are_no_bad_luck_and_pass_in_ten_minutes() {
        let (shop, neighbour) = [1, 2].map(|n| ShopId::from_uuid(uuid::Uuid::from_u128(n))).into();
        let no = Answer::Declined {
            payment: String::new(),
            decline: Decline::Soft("do_not_honor"),
        };
        let yes = Answer::Authorized {
            payment: String::new(),
            reference: String::new(),
            amount: Money::new(100, Currency::EUR),
            capture_before: None,
            once: false,
            card: None,
        };
        let lost = Answer::Unknown { detail: String::new() };
        let at = Duration::from_secs;
        let declines = Declines::default();
        for now in 0..19 {
            declines.learn(shop, &no, at(now));
            declines.learn(shop, &lost, at(now));
        }
        assert!(!declines.is_suspect(shop, at(19)), "a bad evening");
        declines.learn(shop, &no, at(20));
        assert!(declines.is_suspect(shop, at(20)));
        assert!(!declines.is_suspect(neighbour, at(20)));
        assert!(!declines.is_suspect(shop, at(601)), "the first of them are forgotten");

        let busy = Declines::default();
        for now in 0..200 {
            let answer = if now % 3 == 0 { &no } else { &yes };
            busy.learn(shop, answer, at(now));
        }
        assert!(!busy.is_suspect(shop, at(200)), "a drop with a third declined sells on");
        assert!(busy.all()[&shop].len() <= LAST);
    }
}
