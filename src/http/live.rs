//! Who follows what, and the one look that serves them all.
//!
//! While anybody follows anything of a kind, one task of the process reads all that is followed, when it hears that something was committed there and
//! every one and a half seconds, and tells only what differs. A viewer more costs the database nothing, a change costs one message to each who follows it, and because the look compares what
//! is there with what was told last, nothing can be missed: not what another process committed, not what was committed out of order.

use super::Stopping;
use crate::app::App;
use crate::db::Tx;
use crate::kernel::Result;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Something that pages follow.
pub trait Watched: Send + Sync + 'static {
    type Key: Copy + Ord + Hash + Send + Sync + 'static;
    type News: Clone + PartialEq + Send + Sync + 'static;
    /// Keys of one read: a snapshot is not held open for longer than they take.
    const PART: usize;
    /// Where it is kept: a commit there is a reason to look.
    const TABLES: &'static [&'static str];
    /// Grows with whatever is committed of it.
    fn version(news: &Self::News) -> i64;
    /// What there is now, each key once; what does not exist any more is left out.
    fn read(tx: &mut Tx<'_>, keys: &[Self::Key]) -> Result<Vec<(Self::Key, Self::News)>>;
}

/// Streams of one process and kind. Each holds a connection, and some must be left for buying.
const STREAMS_MAX: usize = 10_000;
/// Between two looks, when they are quick and little happens.
const PAUSE: Duration = Duration::from_millis(100);
/// And when they are slow: what a page shows is never older than two seconds (D17).
const PAUSE_MAX: Duration = Duration::from_millis(1_500);
/// A look takes at most this part of the time of one reader.
const REST: u32 = 19;
/// The pause for each stream that was told something: writing to it takes some 20 µs, and in a rush there is something to tell at every look. So
/// ten thousand pages hear of a change within a tenth of a second, and of a thousand changes once a second.
const FOR_EACH: Duration = Duration::from_micros(100);

/// All that is followed of a kind in this process.
pub struct Live<W: Watched>(Mutex<State<W>>);

impl<W: Watched> Default for Live<W> {
    fn default() -> Self {
        Self(Mutex::new(State {
            followed: HashMap::new(),
            streams: 0,
            born: 0,
            looking: false,
        }))
    }
}

struct State<W: Watched> {
    followed: HashMap<W::Key, Followed<W>>,
    streams: usize,
    born: u64,
    looking: bool,
}

struct Followed<W: Watched> {
    latest: W::News,
    followers: BTreeMap<u64, Arc<Unsaid<W>>>,
}

/// What a stream has still to say: of each key only the latest, however slowly its viewer reads.
struct Unsaid<W: Watched> {
    news: Mutex<BTreeMap<W::Key, W::News>>,
    bell: Notify,
}

impl<W: Watched> Unsaid<W> {
    fn new() -> Self {
        Self {
            news: Mutex::new(BTreeMap::new()),
            bell: Notify::new(),
        }
    }

    fn add(&self, key: W::Key, latest: W::News) {
        lock(&self.news).insert(key, latest);
        self.bell.notify_one();
    }

    async fn next(&self) -> (W::Key, W::News) {
        loop {
            if let Some(news) = lock(&self.news).pop_first() {
                return news;
            }
            self.bell.notified().await;
        }
    }
}

/// A viewer's place; given back when the stream ends.
pub struct Following<W: Watched> {
    live: Arc<Live<W>>,
    number: u64,
    keys: Vec<W::Key>,
    unsaid: Arc<Unsaid<W>>,
}

impl<W: Watched> Following<W> {
    /// The next of what is followed that is not as it was told last.
    pub async fn next(&self) -> (W::Key, W::News) {
        self.unsaid.next().await
    }
}

impl<W: Watched> Drop for Following<W> {
    fn drop(&mut self) {
        let mut state = lock(&self.live.0);
        state.streams -= 1;
        for key in &self.keys {
            let Some(followed) = state.followed.get_mut(key) else {
                continue;
            };
            followed.followers.remove(&self.number);
            if followed.followers.is_empty() {
                state.followed.remove(key);
            }
        }
    }
}

impl<W: Watched> Live<W> {
    /// Streams that are open now.
    pub fn streams(&self) -> usize {
        lock(&self.0).streams
    }

    /// Takes a place and begins with all of `read` that is not `known` by its version. None: all places are taken.
    fn take_place(self: &Arc<Self>, read: &[(W::Key, W::News)], known: &[Option<i64>]) -> Option<Following<W>> {
        let mut state = lock(&self.0);
        if state.streams >= STREAMS_MAX {
            return None;
        }
        state.streams += 1;
        state.born += 1;
        let number = state.born;
        let unsaid = Arc::new(Unsaid::new());
        for ((key, read), known) in read.iter().zip(known) {
            let followed = state.followed.entry(*key).or_insert_with(|| Followed {
                latest: read.clone(),
                followers: BTreeMap::new(),
            });
            // A look may have seen more since it was read.
            let latest = if W::version(&followed.latest) > W::version(read) {
                followed.latest.clone()
            } else {
                read.clone()
            };
            if *known != Some(W::version(&latest)) {
                unsaid.add(*key, latest);
            }
            followed.followers.insert(number, unsaid.clone());
        }
        let keys = read.iter().map(|(key, _)| *key).collect();
        Some(Following {
            live: self.clone(),
            number,
            keys,
            unsaid,
        })
    }

    /// Tells those who follow what is not as it was; answers how many streams were told something.
    fn tell(&self, read: &[(W::Key, W::News)]) -> usize {
        let mut told = 0;
        let mut state = lock(&self.0);
        for (key, latest) in read {
            let Some(followed) = state.followed.get_mut(key) else {
                continue;
            };
            if followed.latest != *latest {
                followed.latest = latest.clone();
                told += followed.followers.len();
                followed
                    .followers
                    .values()
                    .for_each(|unsaid| unsaid.add(*key, latest.clone()));
            }
        }
        told
    }

    /// What to look at. None: nobody is there, and the look ends.
    fn followed(&self) -> Option<Vec<W::Key>> {
        let mut state = lock(&self.0);
        state.looking = !state.followed.is_empty();
        state.looking.then(|| state.followed.keys().copied().collect())
    }

    /// Whether somebody has to begin looking: true once.
    fn begin(&self) -> bool {
        !std::mem::replace(&mut lock(&self.0).looking, true)
    }
}

/// Follows what was just read, from what a viewer knows of it. None: this process has no place left.
pub fn follow<W: Watched>(app: &App, read: &[(W::Key, W::News)], known: &[Option<i64>]) -> Option<Following<W>> {
    let live = app.kept::<Live<W>>();
    let following = live.take_place(read, known)?;
    if live.begin() {
        app.tasks.spawn(look::<W>(app.clone(), live));
    }
    Some(following)
}

async fn look<W: Watched>(app: App, live: Arc<Live<W>>) {
    let stopping = app.kept::<Stopping>().0.clone();
    let changed = app.db.bell().listen(W::TABLES);
    let mut pause = PAUSE;
    loop {
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopping.cancelled() => return,
        }
        // Nothing rang: there is hardly anything to see. A ring may be lost, so it is looked all the same before a page is too old.
        tokio::select! {
            () = changed.rung() => {}
            () = tokio::time::sleep(PAUSE_MAX.saturating_sub(pause)) => {}
            () = stopping.cancelled() => return,
        }
        let Some(keys) = live.followed() else { return };
        let began = app.clock.monotonic();
        let mut told = 0;
        for part in keys.chunks(W::PART) {
            let part = part.to_vec();
            match app.db.read(move |tx| W::read(tx, &part)).await {
                Ok(read) => told += live.tell(&read),
                // The next look sees what this one could not.
                Err(error) => tracing::warn!(?error, "what viewers follow could not be read"),
            }
        }
        let took = app.clock.monotonic().saturating_sub(began);
        pause = pause_after(took, told);
    }
}

/// How long to rest after a look that took so long and told so many streams something.
fn pause_after(took: Duration, told: usize) -> Duration {
    let told = FOR_EACH.saturating_mul(u32::try_from(told).unwrap_or(u32::MAX));
    took.saturating_mul(REST).max(told).clamp(PAUSE, PAUSE_MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    /// What is left of numbered things, and the version of it.
    struct Shelf;

    impl Watched for Shelf {
        type Key = u32;
        type News = (i64, i64);
        const PART: usize = 10;
        const TABLES: &'static [&'static str] = &["shelf"];
        fn version(news: &(i64, i64)) -> i64 {
            news.1
        }
        fn read(_: &mut Tx<'_>, keys: &[u32]) -> Result<Vec<(u32, (i64, i64))>> {
            Ok(keys.iter().map(|key| (*key, (0, 0))).collect())
        }
    }

    const MUG: u32 = 1;
    const JUG: u32 = 2;

    fn stock(left: i64, version: i64) -> (i64, i64) {
        (left, version)
    }

    /// What a stream would say now: key and version.
    fn said(following: &Following<Shelf>) -> Vec<(u32, i64)> {
        std::iter::from_fn(|| following.next().now_or_never())
            .map(|(key, latest)| (key, latest.1))
            .collect()
    }

    #[test]
    fn d17_looks_are_frequent_when_little_happens_and_never_rarer_than_every_second_and_a_half() {
        assert_eq!(pause_after(Duration::from_millis(1), 0), PAUSE);
        assert_eq!(pause_after(Duration::from_millis(20), 10), Duration::from_millis(380));
        assert_eq!(pause_after(Duration::from_millis(1), 10_000), Duration::from_secs(1));
        assert_eq!(pause_after(Duration::from_secs(1), usize::MAX), PAUSE_MAX);
    }

    #[test]
    fn a_slow_viewer_is_told_the_latest_once() {
        let (live, mug) = (Arc::new(Live::<Shelf>::default()), MUG);
        let viewer = live.take_place(&[(mug, stock(9, 1))], &[None]).unwrap();
        for version in 2..=1_000 {
            live.tell(&[(mug, stock(9 - version % 9, version))]);
        }
        assert_eq!(said(&viewer), [(mug, 1_000)]);
        live.tell(&[(mug, stock(9 - 1_000 % 9, 1_000))]);
        assert_eq!(said(&viewer), [], "what did not change is not said again");
    }

    #[test]
    fn a_viewer_hears_only_what_they_follow_and_begins_with_what_they_do_not_know() {
        let (live, mug, jug) = (Arc::new(Live::<Shelf>::default()), MUG, JUG);
        let both = [(mug, stock(3, 5)), (jug, stock(1, 2))];
        let back = live.take_place(&both, &[Some(5), Some(1)]).unwrap();
        assert_eq!(said(&back), [(jug, 2)]);
        let other = live.take_place(&both[1..], &[None]).unwrap();
        live.tell(&[(mug, stock(2, 6))]);
        assert_eq!((said(&back), said(&other)), (vec![(mug, 6)], vec![(jug, 2)]));
    }

    #[test]
    fn a_place_taken_from_an_older_read_begins_with_what_was_seen_since() {
        let (live, mug) = (Arc::new(Live::<Shelf>::default()), MUG);
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
        let (live, mug) = (Arc::new(Live::<Shelf>::default()), MUG);
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
