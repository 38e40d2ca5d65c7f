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

/// Where buyers wait, first come, first served, while more commands are queued than there is room for.
///
/// A request that waits here costs a few hundred bytes and no time. So a crowd that asks again at once, however large it is, asks only as often as
/// this door lets go of it, and what it is refused with costs the lanes nothing (D15).
pub(super) struct Door {
    lanes: Vec<Arc<Queue>>,
    /// Commands that may be queued while somebody is let in.
    room: usize,
    /// By errand.
    lines: Mutex<[VecDeque<oneshot::Sender<()>>; 2]>,
    waiting: AtomicUsize,
    /// Those who were called and are not through the door yet: they will want a place in the queue.
    called: AtomicUsize,
}

impl Door {
    pub(super) fn new(lanes: Vec<Arc<Queue>>, room: usize) -> Self {
        Self {
            lanes,
            room: room.max(1),
            lines: Mutex::default(),
            waiting: AtomicUsize::new(0),
            called: AtomicUsize::new(0),
        }
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::SeqCst)
    }

    fn free(&self) -> usize {
        let queued: usize = self.lanes.iter().map(|lane| lane.callers()).sum();
        self.room.saturating_sub(queued + self.called.load(Ordering::SeqCst))
    }

    /// Calls as many of those who wait as there is room for.
    pub(super) fn let_in(&self) {
        if self.waiting() == 0 {
            return;
        }
        let mut lines = lock(&self.lines);
        let mut free = self.free();
        while free > 0 {
            let Some(next) = lines.iter_mut().find_map(VecDeque::pop_front) else {
                return;
            };
            self.called.fetch_add(1, Ordering::SeqCst);
            match next.send(()) {
                Ok(()) => free -= 1,
                // They went away.
                Err(()) => drop(self.called.fetch_sub(1, Ordering::SeqCst)),
            }
        }
    }

    /// Waits for room. False: there was none for as long as `patience`.
    pub(super) async fn enter(&self, errand: Errand, patience: Duration) -> bool {
        if self.waiting() == 0 && self.free() > 0 {
            return true;
        }
        let (call, called) = oneshot::channel();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        lock(&self.lines)[errand as usize].push_back(call);
        let mut place = Place { door: self, called };
        // Whoever leaves room from now on calls us; room that was left before is seen here.
        self.let_in();
        matches!(tokio::time::timeout(patience, &mut place.called).await, Ok(Ok(()))) && place.went_in()
    }
}

/// One of those who wait; given up when they are let in, refused, or went away themselves.
struct Place<'a> {
    door: &'a Door,
    called: oneshot::Receiver<()>,
}

impl Place<'_> {
    fn went_in(&self) -> bool {
        self.door.called.fetch_sub(1, Ordering::SeqCst);
        true
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.door.waiting.fetch_sub(1, Ordering::SeqCst);
        self.called.close();
        if self.called.try_recv().is_ok() {
            // They were called in the very moment they went away: the call is the next one's.
            self.door.called.fetch_sub(1, Ordering::SeqCst);
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
pub struct Entered(pub(super) Arc<Door>);

impl Drop for Entered {
    fn drop(&mut self) {
        self.0.let_in();
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

    fn poll(entering: &mut (impl Future<Output = bool> + Unpin)) -> Option<bool> {
        entering.now_or_never()
    }

    #[tokio::test]
    async fn d15_who_cannot_be_served_in_time_is_refused_and_who_waits_comes_in_their_order() {
        let lane = Arc::new(Queue::new(10));
        let door = Arc::new(Door::new(vec![lane.clone()], 2));
        let patience = Duration::from_millis(50);
        assert!(door.enter(Errand::Look, patience).await, "there is room");
        queued(&lane);
        queued(&lane);
        let mut first = Box::pin(door.enter(Errand::Look, patience));
        let mut second = Box::pin(door.enter(Errand::Look, patience));
        assert!(poll(&mut first).is_none() && poll(&mut second).is_none());
        assert_eq!(door.waiting(), 2);

        lane.take_now(1);
        door.let_in();
        assert_eq!(poll(&mut first), Some(true));
        drop(first);
        assert!(poll(&mut second).is_none(), "room for one is room for one");
        assert!(!second.await, "nobody waits for longer than they can be served in time");
        assert_eq!(door.waiting(), 0);
    }

    #[tokio::test]
    async fn d15_whoever_is_done_lets_in_the_next_though_no_lane_moves() {
        let lane = Arc::new(Queue::new(10));
        let door = Arc::new(Door::new(vec![lane.clone()], 1));
        queued(&lane);
        let mut gone = Box::pin(door.enter(Errand::Look, Duration::from_secs(9)));
        let mut stays = Box::pin(door.enter(Errand::Look, Duration::from_secs(9)));
        assert!(poll(&mut gone).is_none() && poll(&mut stays).is_none());
        lane.take_now(1);
        drop(gone);
        drop(Entered(door.clone()));
        assert_eq!(poll(&mut stays), Some(true), "who went away keeps no place");
    }

    #[tokio::test]
    async fn d15_who_takes_what_they_were_shown_goes_before_who_wants_to_be_shown_something() {
        let lane = Arc::new(Queue::new(10));
        let door = Door::new(vec![lane.clone()], 1);
        queued(&lane);
        let mut looks = Box::pin(door.enter(Errand::Look, Duration::from_secs(9)));
        let mut takes = Box::pin(door.enter(Errand::Take, Duration::from_secs(9)));
        assert!(poll(&mut looks).is_none() && poll(&mut takes).is_none());
        lane.take_now(1);
        door.let_in();
        assert_eq!((poll(&mut looks), poll(&mut takes)), (None, Some(true)));
        door.let_in();
        assert_eq!(poll(&mut looks), Some(true));
    }
}
