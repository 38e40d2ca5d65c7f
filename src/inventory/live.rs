//! Who follows which stock, and the one look that serves them all.
//!
//! While anybody follows anything, one task of the process reads the stock of all followed variants a few times a second and tells only what
//! differs. A viewer more costs the database nothing, a change costs one message to each who follows it, and because the look compares what
//! is there with what was told last, nothing can be missed: not what another process committed, not what was committed out of order.

use super::model::Availability;
use super::store;
use crate::app::App;
use crate::http::Stopping;
use crate::kernel::VariantId;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Streams of one process. Each holds a connection, and some must be left for buying.
const STREAMS_MAX: usize = 10_000;
/// Between two looks, when they are quick.
const PAUSE: Duration = Duration::from_millis(250);
/// And when they are slow: what a page shows is never older than two seconds (D17).
const PAUSE_MAX: Duration = Duration::from_millis(1_500);
/// A look takes at most this part of the time of one reader.
const REST: u32 = 19;
/// Variants of one read: a snapshot is not held open for longer than they take.
const PART: usize = 640;

/// All that is followed in this process.
#[derive(Default)]
pub struct Live(Mutex<State>);

#[derive(Default)]
struct State {
    followed: HashMap<VariantId, Followed>,
    streams: usize,
    born: u64,
    looking: bool,
}

struct Followed {
    latest: Availability,
    followers: BTreeMap<u64, Arc<Unsaid>>,
}

/// What a stream has still to say: of each variant only the latest, however slowly its viewer reads.
#[derive(Default)]
struct Unsaid {
    news: Mutex<BTreeMap<VariantId, Availability>>,
    bell: Notify,
}

impl Unsaid {
    fn add(&self, variant: VariantId, latest: Availability) {
        lock(&self.news).insert(variant, latest);
        self.bell.notify_one();
    }

    async fn next(&self) -> (VariantId, Availability) {
        loop {
            if let Some(news) = lock(&self.news).pop_first() {
                return news;
            }
            self.bell.notified().await;
        }
    }
}

/// A viewer's place; given back when the stream ends.
pub(super) struct Following {
    live: Arc<Live>,
    number: u64,
    variants: Vec<VariantId>,
    unsaid: Arc<Unsaid>,
}

impl Following {
    /// The next variant that is not as it was told last.
    pub(super) async fn next(&self) -> (VariantId, Availability) {
        self.unsaid.next().await
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut state = lock(&self.live.0);
        state.streams -= 1;
        for variant in &self.variants {
            let Some(followed) = state.followed.get_mut(variant) else {
                continue;
            };
            followed.followers.remove(&self.number);
            if followed.followers.is_empty() {
                state.followed.remove(variant);
            }
        }
    }
}

impl Live {
    /// Streams that are open now.
    pub fn streams(&self) -> usize {
        lock(&self.0).streams
    }

    /// Takes a place and begins with all of `stock` that is not `known` by its version. None: all places are taken.
    fn take_place(self: &Arc<Self>, stock: &[(VariantId, Availability)], known: &[Option<i64>]) -> Option<Following> {
        let mut state = lock(&self.0);
        if state.streams >= STREAMS_MAX {
            return None;
        }
        state.streams += 1;
        state.born += 1;
        let number = state.born;
        let unsaid = Arc::new(Unsaid::default());
        for ((variant, read), known) in stock.iter().zip(known) {
            let followed = state.followed.entry(*variant).or_insert_with(|| Followed {
                latest: *read,
                followers: BTreeMap::new(),
            });
            // A look may have seen more since `stock` was read.
            let latest = if followed.latest.version > read.version {
                followed.latest
            } else {
                *read
            };
            if *known != Some(latest.version) {
                unsaid.add(*variant, latest);
            }
            followed.followers.insert(number, unsaid.clone());
        }
        let variants = stock.iter().map(|(variant, _)| *variant).collect();
        Some(Following {
            live: self.clone(),
            number,
            variants,
            unsaid,
        })
    }

    /// Tells those who follow what is not as it was.
    fn tell(&self, stock: &[(VariantId, Availability)]) {
        let mut state = lock(&self.0);
        for (variant, latest) in stock {
            let Some(followed) = state.followed.get_mut(variant) else {
                continue;
            };
            if followed.latest != *latest {
                followed.latest = *latest;
                followed
                    .followers
                    .values()
                    .for_each(|unsaid| unsaid.add(*variant, *latest));
            }
        }
    }

    /// What to look at. None: nobody is there, and the look ends.
    fn followed(&self) -> Option<Vec<VariantId>> {
        let mut state = lock(&self.0);
        state.looking = !state.followed.is_empty();
        state.looking.then(|| state.followed.keys().copied().collect())
    }

    /// Whether somebody has to begin looking: true once.
    fn begin(&self) -> bool {
        !std::mem::replace(&mut lock(&self.0).looking, true)
    }
}

/// Follows variants, whose stock was just read, from what a viewer knows of them. None: this process has no place left.
pub(super) fn follow(app: &App, stock: &[(VariantId, Availability)], known: &[Option<i64>]) -> Option<Following> {
    let live = app.kept::<Live>();
    let following = live.take_place(stock, known)?;
    if live.begin() {
        app.tasks.spawn(look(app.clone(), live));
    }
    Some(following)
}

async fn look(app: App, live: Arc<Live>) {
    let stopping = app.kept::<Stopping>().0.clone();
    let mut pause = PAUSE;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopping.cancelled() => return,
        }
        let Some(variants) = live.followed() else { return };
        let began = app.clock.monotonic();
        for part in variants.chunks(PART) {
            let part = part.to_vec();
            match app.db.read(move |tx| store::availability_of(tx, &part)).await {
                Ok(stock) => live.tell(&stock),
                // The next look sees what this one could not.
                Err(error) => tracing::warn!(?error, "the stock that viewers follow could not be read"),
            }
        }
        let took = app.clock.monotonic().saturating_sub(began);
        pause = (took * REST).clamp(PAUSE, PAUSE_MAX);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::SystemRandom;
    use crate::kernel::{Random, Time};
    use futures_util::FutureExt;

    fn variant() -> VariantId {
        (&SystemRandom::default() as &dyn Random).id(Time(1_795_428_000_000_000))
    }

    fn stock(left: i64, version: i64) -> Availability {
        Availability {
            left,
            in_checkouts: 0,
            version,
        }
    }

    /// What a stream would say now: variant and version.
    fn said(following: &Following) -> Vec<(VariantId, i64)> {
        std::iter::from_fn(|| following.next().now_or_never())
            .map(|(variant, latest)| (variant, latest.version))
            .collect()
    }

    #[test]
    fn a_slow_viewer_is_told_the_latest_once() {
        let (live, mug) = (Arc::new(Live::default()), variant());
        let viewer = live.take_place(&[(mug, stock(9, 1))], &[None]).unwrap();
        (2..=1_000).for_each(|version| live.tell(&[(mug, stock(9 - version % 9, version))]));
        assert_eq!(said(&viewer), [(mug, 1_000)]);
        live.tell(&[(mug, stock(9 - 1_000 % 9, 1_000))]);
        assert_eq!(said(&viewer), [], "what did not change is not said again");
    }

    #[test]
    fn a_viewer_hears_only_what_they_follow_and_begins_with_what_they_do_not_know() {
        let (live, mug, jug) = (Arc::new(Live::default()), variant(), variant());
        let both = [(mug, stock(3, 5)), (jug, stock(1, 2))];
        let back = live.take_place(&both, &[Some(5), Some(1)]).unwrap();
        assert_eq!(said(&back), [(jug, 2)]);
        let other = live.take_place(&both[1..], &[None]).unwrap();
        live.tell(&[(mug, stock(2, 6))]);
        assert_eq!((said(&back), said(&other)), (vec![(mug, 6)], vec![(jug, 2)]));
    }

    #[test]
    fn a_place_taken_from_an_older_read_begins_with_what_was_seen_since() {
        let (live, mug) = (Arc::new(Live::default()), variant());
        let first = live.take_place(&[(mug, stock(3, 5))], &[None]).unwrap();
        live.tell(&[(mug, stock(2, 6))]);
        let late = live.take_place(&[(mug, stock(3, 5))], &[None]).unwrap();
        assert_eq!((said(&first), said(&late)), (vec![(mug, 6)], vec![(mug, 6)]));
        // The first of a variant brings news itself: those who came before hear of it with the next look.
        let fresh = live.take_place(&[(mug, stock(1, 7))], &[None]).unwrap();
        live.tell(&[(mug, stock(1, 7))]);
        assert_eq!(said(&first), [(mug, 7)]);
        assert_eq!(said(&fresh), [(mug, 7)]);
    }

    #[test]
    fn places_are_bounded_and_given_back_and_the_look_ends_with_the_last() {
        let (live, mug) = (Arc::new(Live::default()), variant());
        let take = || live.take_place(&[(mug, stock(1, 1))], &[None]);
        let mut viewers: Vec<_> = (0..STREAMS_MAX).map(|_| take().unwrap()).collect();
        assert!(take().is_none());
        viewers.pop();
        assert!(take().is_some(), "the place of one who left");
        assert!(live.begin() && !live.begin());
        assert_eq!(live.followed(), Some(vec![mug]));
        drop(viewers);
        assert_eq!((live.streams(), live.followed()), (0, None));
        assert!(live.begin(), "the next viewer begins anew");
    }
}
