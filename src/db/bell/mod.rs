//! The bell: says that something was committed, and nothing of what. Whoever listens looks into the database.
//!
//! Tables: none. Always true: a ring carries the names of tables and no truth; losing one costs the time until the next look and nothing else
//! (I33), so nobody waits for a ring without a limit; the lanes ring after the commit and never wait for another replica to hear it.
//!
//! Within the process a ring is a function call. To the other replicas it goes by NATS where there is one, else by PostgreSQL's LISTEN and NOTIFY;
//! SQLite has no other replicas. NOTIFY is not part of the transactions that sell: PostgreSQL commits transactions that notify one after another.
//! It deliberately keeps no history, counts nobody, and has no queue that could fill up.

#[cfg(feature = "nats")]
mod nats;
mod notify;

use super::lane::lock;
use super::{Db, Engine};
use crate::kernel::{Error, Result};
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::Notify;

/// What is said is gathered for so long, so that a busy replica sends some fifty messages a second however much it sells.
const GATHER: Duration = Duration::from_millis(20);
/// Between two tries to reach whoever carries the bell.
const PAUSES: [u64; 6] = [100, 200, 500, 1_000, 2_000, 5_000];

/// Rings in this process, and keeps what other replicas have not been told yet.
#[derive(Default)]
pub struct Bell {
    ears: Mutex<Vec<(&'static [&'static str], Weak<Notify>)>>,
    untold: Mutex<BTreeSet<&'static str>>,
    leaving: Notify,
    carried: AtomicBool,
    told: AtomicU64,
    heard: AtomicU64,
}

/// Somebody who listens for some tables; stops with its last copy.
#[derive(Clone, Debug)]
pub struct Ear(Arc<Notify>);

impl Ear {
    /// Resolves when it rang since the last time; may also resolve without a cause.
    pub async fn rung(&self) {
        self.0.notified().await;
    }
}

impl Bell {
    /// Listens for commits that wrote to one of these tables, here or at another replica.
    pub fn listen(&self, tables: &'static [&'static str]) -> Ear {
        let ear = Arc::new(Notify::new());
        lock(&self.ears).push((tables, Arc::downgrade(&ear)));
        Ear(ear)
    }

    /// After a commit of this process.
    pub(super) fn ring(&self, tables: &BTreeSet<&'static str>) {
        if tables.is_empty() {
            return;
        }
        self.wake(|table| tables.contains(table));
        lock(&self.untold).extend(tables);
        self.leaving.notify_one();
    }

    /// What another replica says.
    fn hear(&self, names: &str) {
        self.heard.fetch_add(1, Ordering::Relaxed);
        let tables: BTreeSet<&str> = names.split(',').collect();
        self.wake(|table| tables.contains(table));
    }

    /// The carrier is there, or there again: what was said meanwhile nobody knows, so everybody looks once.
    fn carried(&self) {
        self.carried.store(true, Ordering::Relaxed);
        self.wake(|_| true);
    }

    fn lost(&self) {
        self.carried.store(false, Ordering::Relaxed);
    }

    fn wake(&self, rung: impl Fn(&str) -> bool) {
        lock(&self.ears).retain(|(tables, ear)| {
            let Some(ear) = ear.upgrade() else { return false };
            if tables.iter().any(|table| rung(table)) {
                ear.notify_one();
            }
            true
        });
    }

    /// What the other replicas are to be told next. May be let go of at any time: what was not told stays to be told.
    async fn words(&self) -> String {
        loop {
            if lock(&self.untold).is_empty() {
                self.leaving.notified().await;
            }
            tokio::time::sleep(GATHER).await;
            let untold = std::mem::take(&mut *lock(&self.untold));
            if !untold.is_empty() {
                self.told.fetch_add(1, Ordering::Relaxed);
                return untold.into_iter().collect::<Vec<_>>().join(",");
            }
        }
    }
}

/// How the bell does, for a monitor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ringing {
    /// Whether it reaches other replicas now.
    pub carried: bool,
    pub told: u64,
    pub heard: u64,
}

impl Db {
    pub fn bell(&self) -> &Bell {
        &self.0.meters.bell
    }

    pub fn ringing(&self) -> Ringing {
        let bell = self.bell();
        Ringing {
            carried: bell.carried.load(Ordering::Relaxed),
            told: bell.told.load(Ordering::Relaxed),
            heard: bell.heard.load(Ordering::Relaxed),
        }
    }

    /// Carries the bell to the other replicas and back until `stop`, trying again with growing pauses whenever the way is lost. `servers`: addresses of
    /// NATS with commas between; empty: by PostgreSQL. Returns at once where there are no other replicas.
    pub async fn carry_bell(&self, servers: &str, stop: impl Future<Output = ()>) {
        let Engine::Postgres(url) = self.engine() else { return };
        tokio::select! {
            () = self.carry(url, servers) => {}
            () = stop => {}
        }
    }

    async fn carry(&self, url: &str, servers: &str) {
        let mut tries = 0;
        loop {
            let began = self.0.clock.monotonic();
            let ended = if servers.is_empty() {
                notify::carry(self.bell(), url).await
            } else {
                self.by_nats(servers).await
            };
            self.bell().lost();
            if let Err(error) = ended {
                tracing::warn!(%error, "the bell does not reach the other replicas; they look by themselves meanwhile");
            }
            // A way that held for a while is a new one.
            tries = if self.0.clock.monotonic().saturating_sub(began) > Duration::from_secs(30) {
                0
            } else {
                tries + 1
            };
            tokio::time::sleep(Duration::from_millis(PAUSES[tries.min(PAUSES.len() - 1)])).await;
        }
    }

    #[cfg(feature = "nats")]
    async fn by_nats(&self, servers: &str) -> Result<()> {
        nats::carry(self.bell(), servers, &self.subject()).await
    }

    #[cfg(not(feature = "nats"))]
    async fn by_nats(&self, _: &str) -> Result<()> {
        Err(Error::invalid("configuration", "This program was built without NATS."))
    }

    /// One NATS may carry the bells of many installations: each has a subject of its own, which says nothing about it.
    #[cfg(feature = "nats")]
    fn subject(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        hash.update(b"bell");
        hash.update(self.signing_key());
        let name = hash.finalize();
        format!(
            "hawker.{}.rang",
            u64::from_be_bytes(name[..8].try_into().unwrap_or_default())
        )
    }
}

/// The addresses in a list with commas between. Errors: one of them is none.
pub fn nats_servers(list: &str) -> Result<Vec<String>> {
    let servers: Vec<String> = list
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .map(str::to_owned)
        .collect();
    match servers
        .iter()
        .find(|one| !one.starts_with("nats://") && !one.starts_with("tls://"))
    {
        Some(_) => Err(Error::invalid(
            "configuration",
            "nats is a list of addresses that start with nats:// or tls://, with commas between",
        )),
        None => Ok(servers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn rang(ear: &Ear) -> bool {
        ear.rung().now_or_never().is_some()
    }

    #[test]
    fn a_ring_between_two_looks_is_heard_and_others_are_left_alone() {
        let bell = Bell::default();
        let (stock, both) = (bell.listen(&["stock"]), bell.listen(&["stock", "drops"]));
        bell.ring(&BTreeSet::from(["drops", "orders"]));
        assert_eq!((rang(&stock), rang(&both), rang(&both)), (false, true, false));
        bell.ring(&BTreeSet::from(["stock"]));
        bell.ring(&BTreeSet::from(["stock"]));
        assert_eq!((rang(&stock), rang(&stock)), (true, false), "two rings are one look");
        bell.hear("api_keys,drops");
        assert_eq!((rang(&stock), rang(&both)), (false, true));
        drop(both);
        bell.carried();
        assert!(rang(&stock), "whatever was missed is looked for");
        assert_eq!(lock(&bell.ears).len(), 1, "who left is forgotten");
    }

    #[tokio::test]
    async fn what_is_said_within_a_moment_is_one_message() {
        let bell = Bell::default();
        for _ in 0..1_000 {
            bell.ring(&BTreeSet::from(["stock", "outbox"]));
        }
        assert_eq!(bell.words().await, "outbox,stock");
        assert!(
            tokio::time::timeout(GATHER * 5, bell.words()).await.is_err(),
            "nothing is said twice"
        );
    }

    #[test]
    fn addresses_of_nats_are_named_with_their_scheme() {
        assert_eq!(
            nats_servers("nats://a:4222, tls://b").unwrap(),
            ["nats://a:4222", "tls://b"]
        );
        assert!(nats_servers("").unwrap().is_empty());
        assert!(nats_servers("localhost:4222").is_err());
    }
}
