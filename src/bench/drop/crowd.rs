//! What all buyers of a run share: where the server is, what an open page shows them, and the offer that was made last.

use super::buyer::{GIVES_UP, Manners};
use super::scene::Scene;
use crate::bench::load::Connection;
use crate::db::{SystemClock, SystemRandom};
use crate::kernel::{CheckoutId, Clock, DropId, Random, Result, VariantId};
use serde::Deserialize;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Before the same buyer taps again.
const RESTS: Duration = Duration::from_millis(300);

/// A drop as its open pages show it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub heard: bool,
    pub left: i64,
    pub in_checkouts: i64,
    pub admitted: i64,
    pub ended: bool,
}

impl Seen {
    pub fn is_sold_out(&self) -> bool {
        self.heard && self.left <= 0 && self.in_checkouts <= 0
    }
}

#[derive(Deserialize)]
struct Live {
    phase: String,
    waiting_room: Option<LiveRoom>,
    items: Vec<LiveItem>,
}

#[derive(Deserialize)]
struct LiveRoom {
    admitted: i64,
}

#[derive(Deserialize)]
struct LiveItem {
    left: i64,
    in_checkouts: i64,
}

/// Reads what a stream said; only the data of its events counts.
pub fn heard(chunk: &[u8]) -> Option<Seen> {
    let text = std::str::from_utf8(chunk).ok()?;
    let data = text.lines().filter_map(|line| line.strip_prefix("data:")).next_back()?;
    let live: Live = serde_json::from_str(data.trim()).ok()?;
    Some(Seen {
        heard: true,
        left: live.items.iter().map(|item| item.left).sum(),
        in_checkouts: live.items.iter().map(|item| item.in_checkouts).sum(),
        admitted: live.waiting_room.map_or(0, |room| room.admitted),
        ended: live.phase == "over",
    })
}

pub struct Crowd {
    pub address: SocketAddr,
    authorization: String,
    drop: DropId,
    variant: VariantId,
    pub page: String,
    /// People let in a minute; 0: no waiting room.
    pub rate: u32,
    pub manners: Manners,
    pub seen: watch::Receiver<Seen>,
    random: SystemRandom,
    clock: SystemClock,
    quote: Mutex<Option<Arc<str>>>,
    opened: OnceLock<Instant>,
}

impl Crowd {
    pub fn new(scene: &Scene, address: SocketAddr, rate: u32, manners: Manners, seen: watch::Receiver<Seen>) -> Self {
        Self {
            address,
            authorization: format!("Bearer {}", scene.stall.publishable_key),
            drop: scene.drop,
            variant: scene.variant,
            page: scene.page.clone(),
            rate,
            manners,
            seen,
            random: SystemRandom::default(),
            clock: SystemClock::default(),
            quote: Mutex::default(),
            opened: OnceLock::new(),
        }
    }

    pub async fn line(&self) -> Result<Connection> {
        Connection::open(self.address, &self.authorization).await
    }

    pub fn path(&self, what: &str) -> String {
        format!("/v1/drops/{}/{what}", self.drop)
    }

    pub fn quote_path(&self) -> String {
        format!("/v1/quotes?lines={}:1&country=DE&drop={}", self.variant, self.drop)
    }

    /// A new id, as a device makes it.
    pub fn checkout(&self) -> CheckoutId {
        (&self.random as &dyn Random).id(self.clock.wall())
    }

    pub fn keep_quote(&self, quote: &Arc<str>) {
        *self.quote.lock().unwrap_or_else(PoisonError::into_inner) = Some(quote.clone());
    }

    pub fn latest_quote(&self) -> Option<Arc<str>> {
        self.quote.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn open(&self) {
        self.opened.get_or_init(Instant::now);
    }

    pub fn since_opening(&self) -> Duration {
        self.opened.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// Seconds until somebody at `place` is let in, as the page works it out from what it is told.
    pub fn estimate(&self, place: i64, admitted: i64) -> f64 {
        (place - admitted).max(0) as f64 * 60.0 / f64::from(self.rate)
    }

    /// Waits for units that come free. False: everything is sold, or the buyer has waited for too long.
    pub async fn something_came_free(&self, came: Instant) -> bool {
        tokio::time::sleep(RESTS).await;
        let mut seen = self.seen.clone();
        loop {
            let now = *seen.borrow_and_update();
            if now.is_sold_out() || now.ended {
                return false;
            }
            if now.left > 0 {
                return true;
            }
            let rest = GIVES_UP.saturating_sub(came.elapsed());
            if !matches!(tokio::time::timeout(rest, seen.changed()).await, Ok(Ok(()))) {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_page_reads_the_data_of_an_event_and_nothing_else() {
        let event = b"event: drop\nid: 7\ndata: {\"phase\":\"open\",\"waiting_room\":{\"admitted\":12},\"items\":[{\"left\":3,\"in_checkouts\":2}]}\n\n";
        let seen = heard(event).unwrap();
        assert_eq!((seen.left, seen.in_checkouts, seen.admitted), (3, 2, 12));
        assert!(!seen.is_sold_out() && heard(b": keep alive\n\n").is_none());
        assert!(!Seen::default().is_sold_out(), "who heard nothing knows nothing");
    }
}
