//! A shop in a temporary database, for table tests of verbs: the rules are tried where they run.

use crate::db::{Config, Db, Engine, LaneKey, MAIN, SystemRandom, Tx};
use crate::identity::{self, CreateShop, NewShop, Shop};
use crate::kernel::{Clock, Currency, Random, Result, ShopId, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// A clock that stands still until a test moves it.
pub struct StillClock(AtomicI64);

impl Clock for StillClock {
    fn wall(&self) -> Time {
        Time(self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

/// An open database with two shops that know nothing of each other.
pub struct Fixture {
    pub db: Db,
    pub shop: ShopId,
    pub neighbour: ShopId,
    clock: Arc<StillClock>,
    _folder: tempfile::TempDir,
}

/// Monday, 23 November 2026, 10:00 UTC.
const START: i64 = 1_795_428_000_000_000;

impl Fixture {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(StillClock(AtomicI64::new(START)));
        let port: Arc<dyn Clock> = clock.clone();
        let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
        let config = Config::new(Engine::Sqlite(folder.path().join("hawker.db")), "main", MAIN);
        let db = Db::open(&config, &port, &random).unwrap();
        let shop = open(&db, "Tidal Kiln");
        let neighbour = open(&db, "Two Pulls");
        Self {
            db,
            shop,
            neighbour,
            clock,
            _folder: folder,
        }
    }

    /// Runs a command and waits until it is durable.
    pub fn write<T: Send + 'static>(&self, act: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static) -> T {
        self.db.write_blocking(LaneKey::of(self.shop), act).unwrap()
    }

    /// Runs a command that must be refused with an error.
    pub fn refused<T: Send + 'static>(&self, act: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static) -> &'static str {
        match self.db.write_blocking(LaneKey::of(self.shop), act) {
            Ok(_) => panic!("this should have been refused"),
            Err(error) => error.code,
        }
    }

    pub fn settings(&self) -> Shop {
        let id = self.shop;
        self.write(move |tx| identity::shop(tx, id))
    }

    /// Lets time pass.
    pub fn pass(&self, minutes: i64) {
        self.clock.0.fetch_add(minutes * 60_000_000, Ordering::SeqCst);
    }
}

fn open(db: &Db, name: &'static str) -> ShopId {
    let opened = db.write_blocking(LaneKey(0), move |tx| {
        identity::create_shop(
            tx,
            NewShop {
                name: name.into(),
                slug: String::new(),
                currency: Currency::EUR,
                country: "DE".into(),
                language: "en".into(),
                owner_name: "Mira".into(),
                owner_email: "mira@example.org".into(),
                test_mode: true,
            },
        )
    });
    match opened.unwrap() {
        CreateShop::Created { shop, .. } => shop,
        CreateShop::SlugTaken { slug } => panic!("{slug} is taken in an empty database"),
    }
}
