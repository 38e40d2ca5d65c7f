//! The door in front of the lanes: whoever could not be served in time is refused before any work.

use super::lane::{Queue, lock};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// What somebody comes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errand {
    /// To take what they were shown: they are served first, so that what was begun gets done.
    Take,
    /// To be shown something.
    Look,
}

/// Those who look do not queue for the lanes, but they take the time of the threads that serve requests: at most so many are inside at once, and each
/// lets go of its thread before it begins, so that whoever has a step to do in a purchase waits for no more than these.
const LOOKS: usize = 64;

/// Where buyers wait, first come, first served, while more commands are queued than there is room for.
///
/// A request that waits here costs a few hundred bytes and no time. So a crowd that asks again at once, however large it is, asks only as often as
/// this door lets go of it, and what it is refused with costs the lanes nothing (D15).
pub(super) struct Door {
    lanes: Vec<Arc<Queue>>,
    /// Commands that may wait for a lane while somebody is let in.
    room: usize,
    /// By errand.
    lines: Mutex<[VecDeque<oneshot::Sender<()>>; 2]>,
    waiting: AtomicUsize,
    /// Those who were called and are not through the door yet: they will want a place in the queue.
    called: AtomicUsize,
    /// Those who look, from when they were called until they are done.
    looking: AtomicUsize,
}

impl Door {
    pub(super) fn new(lanes: Vec<Arc<Queue>>, room: usize) -> Self {
        Self {
            lanes,
            room: room.max(1),
            lines: Mutex::default(),
            waiting: AtomicUsize::new(0),
            called: AtomicUsize::new(0),
            looking: AtomicUsize::new(0),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    fn free(&self) -> usize {
        // Of the busiest: a drop has one lane, and whoever comes next comes for it too.
        let queued = self.lanes.iter().map(|lane| lane.callers()).max().unwrap_or(0);
        self.room.saturating_sub(queued + self.called.load(Ordering::SeqCst))
    }

    fn may_look(&self) -> bool {
        self.looking.load(Ordering::SeqCst) < LOOKS
    }

    /// Calls as many of those who wait as there is room for.
    pub(super) fn let_in(&self) {
        if self.waiting() == 0 {
            return;
        }
        let mut lines = lock(&self.lines);
        let mut free = self.free();
        while free > 0 {
            let [takes, looks] = &mut *lines;
            let (errand, next) = match takes.pop_front() {
                Some(next) => (Errand::Take, next),
                None if self.may_look() => match looks.pop_front() {
                    Some(next) => (Errand::Look, next),
                    None => return,
                },
                None => return,
            };
            self.call(errand);
            match next.send(()) {
                Ok(()) => free -= 1,
                // They went away.
                Err(()) => self.uncall(errand),
            }
        }
    }

    fn call(&self, errand: Errand) {
        self.called.fetch_add(1, Ordering::SeqCst);
        if errand == Errand::Look {
            self.looking.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn uncall(&self, errand: Errand) {
        self.called.fetch_sub(1, Ordering::SeqCst);
        self.done(errand);
    }

    fn done(&self, errand: Errand) {
        if errand == Errand::Look {
            self.looking.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Waits for room. None: there was none for as long as `patience`.
    pub(super) async fn enter(self: &Arc<Self>, errand: Errand, patience: Duration) -> Option<Entered> {
        let at_once = self.waiting() == 0 && self.free() > 0 && (errand == Errand::Take || self.may_look());
        if at_once {
            self.call(errand);
        } else {
            let (call, called) = oneshot::channel();
            self.waiting.fetch_add(1, Ordering::SeqCst);
            lock(&self.lines)[errand as usize].push_back(call);
            let mut place = Place {
                door: self,
                errand,
                called,
            };
            // Whoever leaves room from now on calls us; room that was left before is seen here.
            self.let_in();
            let called = tokio::time::timeout(patience, &mut place.called).await;
            if !matches!(called, Ok(Ok(()))) {
                return None;
            }
        }
        self.called.fetch_sub(1, Ordering::SeqCst);
        let entered = Entered {
            door: self.clone(),
            errand,
        };
        if errand == Errand::Look {
            tokio::task::yield_now().await;
        }
        Some(entered)
    }
}

/// One of those who wait; given up when they are let in, refused, or went away themselves.
struct Place<'a> {
    door: &'a Door,
    errand: Errand,
    called: oneshot::Receiver<()>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.door.waiting.fetch_sub(1, Ordering::SeqCst);
        self.called.close();
        if self.called.try_recv().is_ok() {
            // They were called in the very moment they went away: the call is the next one's.
            self.door.uncall(self.errand);
            return self.door.let_in();
        }
        for line in lock(&self.door.lines).iter_mut() {
            while line.front().is_some_and(oneshot::Sender::is_closed) {
                line.pop_front();
            }
        }
    }
}

/// Somebody who was let in. When they are done the next may come, if there is room: nobody waits for a lane that has nothing to do.
pub struct Entered {
    door: Arc<Door>,
    errand: Errand,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.door.done(self.errand);
        self.door.let_in();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::db::lane::{Typed, Urgency};
    use futures_util::FutureExt;

    fn queued(queue: &Queue) {
        let (reply, _) = oneshot::channel();
        let command = Typed::new(|_: &mut crate::db::Tx<'_>| Ok(()), reply);
        queue.push(Box::new(command), Urgency::Caller).unwrap();
    }

    /// Whether they are inside, or were refused; None while they wait.
    fn poll(entering: &mut (impl Future<Output = Option<Entered>> + Unpin)) -> Option<bool> {
        entering.now_or_never().map(|entered| entered.is_some())
    }

    const LONG: Duration = Duration::from_secs(9);

    #[tokio::test]
    async fn d15_who_cannot_be_served_in_time_is_refused_and_who_waits_comes_in_their_order() {
        let lane = Arc::new(Queue::new(10));
        let door = Arc::new(Door::new(vec![lane.clone()], 2));
        let patience = Duration::from_millis(50);
        assert!(door.enter(Errand::Take, patience).await.is_some(), "there is room");
        queued(&lane);
        queued(&lane);
        let mut first = Box::pin(door.enter(Errand::Take, patience));
        let mut second = Box::pin(door.enter(Errand::Take, patience));
        assert!(poll(&mut first).is_none() && poll(&mut second).is_none());
        assert_eq!(door.waiting(), 2);

        lane.take_now(1);
        door.let_in();
        door.let_in();
        assert!(poll(&mut second).is_none(), "room for one is room for one");
        let inside = first.now_or_never().flatten();
        assert!(inside.is_some());
        queued(&lane);
        drop(inside);
        assert!(
            second.await.is_none(),
            "nobody waits for longer than they can be served in time"
        );
        assert_eq!((door.waiting(), door.free()), (0, 0));
    }

    #[tokio::test]
    async fn d15_whoever_is_done_lets_in_the_next_though_no_lane_moves() {
        let lane = Arc::new(Queue::new(10));
        let door = Arc::new(Door::new(vec![lane.clone()], 1));
        let inside = door.enter(Errand::Take, LONG).await;
        queued(&lane);
        let mut gone = Box::pin(door.enter(Errand::Take, LONG));
        let mut stays = Box::pin(door.enter(Errand::Take, LONG));
        assert!(poll(&mut gone).is_none() && poll(&mut stays).is_none());
        lane.take_now(1);
        drop(gone);
        drop(inside);
        assert_eq!(poll(&mut stays), Some(true), "who went away keeps no place");
    }

    #[tokio::test]
    async fn d15_who_takes_what_they_were_shown_goes_before_who_wants_to_be_shown_something() {
        let lane = Arc::new(Queue::new(10));
        let door = Arc::new(Door::new(vec![lane.clone()], 1));
        queued(&lane);
        let looks = Box::pin(door.enter(Errand::Look, LONG));
        let mut takes = Box::pin(door.enter(Errand::Take, LONG));
        let mut looks = looks;
        assert!(poll(&mut looks).is_none() && poll(&mut takes).is_none());
        lane.take_now(1);
        door.let_in();
        assert!(poll(&mut looks).is_none());
        assert_eq!(poll(&mut takes), Some(true));
        assert!(looks.await.is_some());
    }

    #[tokio::test]
    async fn d15_who_looks_takes_no_more_than_a_part_of_the_threads() {
        let door = Arc::new(Door::new(vec![Arc::new(Queue::new(10))], 1_000));
        let mut inside = Vec::new();
        for _ in 0..LOOKS {
            inside.push(door.enter(Errand::Look, LONG).await.unwrap());
        }
        let mut next = Box::pin(door.enter(Errand::Look, LONG));
        assert!(poll(&mut next).is_none());
        assert!(
            door.enter(Errand::Take, Duration::ZERO)
                .now_or_never()
                .flatten()
                .is_some(),
            "they do not stand in the way"
        );
        inside.pop();
        assert!(next.await.is_some());
        drop(inside);
        assert_eq!(door.looking.load(Ordering::SeqCst), 0);
    }
}
