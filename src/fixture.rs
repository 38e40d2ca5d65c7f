//! A shop in a temporary database, for table tests of verbs: the rules are tried where they run.

#[path = "../tests/template.rs"]
mod template;

use crate::app::{App, Parts, Settings};
use crate::db::{self, Config, Db, EVENTS, Engine, LaneKey, MAIN, SystemClock, SystemRandom, Tx};
use crate::identity::{self, CreateShop, KeyKind, NewKey, NewShop, SCOPES, Shop};
use crate::kernel::{Clock, Currency, Mailer, Processor, Random, Result, ShopId, Time};
use std::path::Path;
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
    events: Engine,
    /// Opened by [`Fixture::app`].
    opened: std::sync::Mutex<Vec<Db>>,
    folder: tempfile::TempDir,
}

/// Monday, 23 November 2026, 10:00 UTC.
const START: i64 = 1_795_428_000_000_000;

impl Fixture {
    /// On SQLite, or on PostgreSQL when `HAWKER_TEST_ENGINE` says so.
    pub fn new() -> Self {
        if std::env::var("HAWKER_TEST_ENGINE").is_ok_and(|engine| engine == "postgres") {
            let engine = postgres_database().expect("HAWKER_TEST_POSTGRES names the server");
            return Self::on(tempfile::tempdir().unwrap(), engine.clone(), engine);
        }
        Self::on_sqlite()
    }

    fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        template::lay_down(folder.path());
        let file = |name: &str| Engine::Sqlite(folder.path().join(name));
        let (main, events) = (file("hawker.db"), file("events.db"));
        Self::on(folder, main, events)
    }

    /// On SQLite, and on PostgreSQL where the test command gives us one.
    pub fn engines() -> Vec<Self> {
        let mut fixtures = vec![Self::on_sqlite()];
        if let Some(engine) = postgres_database() {
            fixtures.push(Self::on(tempfile::tempdir().unwrap(), engine.clone(), engine));
        }
        fixtures
    }

    fn on(folder: tempfile::TempDir, main: Engine, events: Engine) -> Self {
        let start = match &main {
            Engine::Sqlite(_) => Time(START),
            Engine::Postgres(_) => SystemClock::default().wall(), // The time there is the server's.
        };
        let clock = Arc::new(StillClock(AtomicI64::new(start.0)));
        let port: Arc<dyn Clock> = clock.clone();
        let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
        let db = Db::open(&Config::new(main, "main", MAIN), &port, &random).unwrap();
        let shop = open(&db, "Tidal Kiln");
        let neighbour = open(&db, "Two Pulls");
        Self {
            db,
            shop,
            neighbour,
            clock,
            events,
            opened: std::sync::Mutex::default(),
            folder,
        }
    }

    /// The program around this database. Asked for once: it opens the beacons' database.
    pub fn app(&self, processors: Vec<Arc<dyn Processor>>, mailer: Arc<dyn Mailer>) -> App {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
        let events = Db::open(&Config::new(self.events.clone(), "events", EVENTS), &clock, &random).unwrap();
        self.opened.lock().unwrap().push(events.clone());
        App::new(Parts {
            db: self.db.clone(),
            events,
            clock,
            random,
            processors,
            mailer,
            media: self.folder.path().join("media"),
            base_url: "http://shop.test".into(),
            settings: Settings::default(),
            tasks: tokio_util::task::TaskTracker::new(),
        })
    }

    /// Where the databases' files are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// A publishable key of a shop.
    pub fn player_key(&self, shop: ShopId) -> String {
        self.write(move |tx| identity::publishable_key(tx, shop))
    }

    /// A secret key of a shop that may do everything.
    pub fn server_key(&self, shop: ShopId) -> String {
        let scopes = SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
        let new = NewKey {
            kind: KeyKind::Secret,
            name: "Test".into(),
            scopes,
        };
        self.write(move |tx| identity::make_key(tx, shop, new.clone())).secret
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

impl Drop for Fixture {
    fn drop(&mut self) {
        // A server has room for so many connections; a test gives its own back.
        self.db.shut_down();
        self.opened.lock().unwrap().iter().for_each(Db::shut_down);
    }
}

/// A database of its own on the server that `HAWKER_TEST_POSTGRES` names.
fn postgres_database() -> Option<Engine> {
    let admin = std::env::var("HAWKER_TEST_POSTGRES")
        .ok()
        .filter(|url| !url.is_empty())?;
    let random: &dyn Random = &SystemRandom::default();
    let name = format!("fixture_{}", random.uuid().simple());
    Some(Engine::Postgres(template::create(&admin, &name)))
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
