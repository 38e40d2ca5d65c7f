//! What a running program is made of: the databases and the ports. Verbs that talk to the world take it; commands take a `Tx`.

use crate::db::Db;
use crate::kernel::{Clock, Error, Mailer, Network, Processor, Random, Result};
use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use tokio_util::task::TaskTracker;

/// The program. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Running>);

struct Running {
    parts: Parts,
    kept: RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

/// The parts of an [`App`], given once at start.
pub struct Parts {
    pub db: Db,
    /// Beacons: a file and lane of their own.
    pub events: Db,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub processors: Vec<Arc<dyn Processor>>,
    pub mailer: Arc<dyn Mailer>,
    /// Folder of uploaded media, named by content hash.
    pub media: PathBuf,
    /// Where the world reaches us, without a slash at the end.
    pub base_url: String,
    pub settings: Settings,
    pub tasks: TaskTracker,
}

/// What an operator may set, beyond where things are.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Minutes a reservation in the catalogue lives: 1 to 30.
    pub reservation_minutes: i64,
    /// Minutes a quote holds.
    pub quote_minutes: i64,
    /// Minutes after a purchase in which one more thing is offered and bought with the method that paid it; 0 offers nothing.
    pub upsell_minutes: i64,
    /// Days after a card sale's last parcel for which its evidence is kept although its buyer asked to be erased.
    pub evidence_days: i64,
    /// Proxies whose `Forwarded`/`X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// Whether the demo's mailbox and sandbox pages are served.
    pub demo: bool,
    /// Who our mail comes from.
    pub mail_from: String,
    /// Whether limits on sign-in and checkout are enforced (the load generator of one machine switches them off).
    pub rate_limits: bool,
    /// Networks of our own that webhooks may reach although the world cannot; over plain HTTP, too.
    pub webhook_networks: Vec<Network>,
    /// Addresses of the NATS that wakes other replicas, with commas between; empty: PostgreSQL does.
    pub nats: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            reservation_minutes: 10,
            quote_minutes: 15,
            upsell_minutes: 15,
            evidence_days: 120,
            trusted_proxies: Vec::new(),
            demo: false,
            mail_from: "Hawker <hawker@localhost>".into(),
            rate_limits: true,
            webhook_networks: Vec::new(),
            nats: String::new(),
        }
    }
}

impl App {
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Running {
            parts,
            kept: RwLock::default(),
        }))
    }

    /// The one value of type `T` this program keeps in memory, made on first use: a cache, rate limits, who listens.
    /// Losing it with the process must lose nothing.
    pub fn kept<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let kind = TypeId::of::<T>();
        let found = self
            .0
            .kept
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&kind)
            .cloned();
        let value = found.unwrap_or_else(|| {
            let mut kept = self.0.kept.write().unwrap_or_else(PoisonError::into_inner);
            kept.entry(kind).or_insert_with(|| Arc::new(T::default())).clone()
        });
        value
            .downcast()
            .unwrap_or_else(|_| unreachable!("a value is kept under its own type"))
    }

    /// The adapter of a processor by its stored name.
    pub fn processor(&self, name: &str) -> Result<Arc<dyn Processor>> {
        self.processors
            .iter()
            .find(|processor| processor.name() == name)
            .cloned()
            .ok_or_else(|| Error::internal(format!("no processor is named {name}")))
    }

    /// Runs a story in acts to its end even if the caller goes away: a closed browser tab cancels nothing.
    ///
    /// A story is large, so it is put in its place at once: as a value it would be copied a dozen times on its way to where it runs.
    pub fn track<T: Send + 'static>(
        &self,
        story: impl Future<Output = Result<T>> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send + 'static {
        let told = self.tasks.spawn(Box::pin(story));
        async {
            told.await
                .map_err(|error| Error::internal("a tracked task ended early").because(error))?
        }
    }
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0.parts
    }
}
