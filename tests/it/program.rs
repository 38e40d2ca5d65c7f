//! The real program as a process that can be paused and killed: a shop laid out for it, its start, its end, and a look at what it left.

use crate::buying::{invariants, lay_out};
pub use crate::dice::Dice;
use crate::harness::{Client, MovableClock, OwnDatabase, TestShop, engine, make_secret_key, make_shop};
use hawker::app::App;
use hawker::checkout;
use hawker::config::Config;
use hawker::db::{SystemClock, SystemRandom};
use hawker::fulfilment;
use hawker::inventory;
use hawker::kernel::{CheckoutId, Clock, Random, Time, VariantId};
use hawker::open::{Ports, Use, open};
use hawker::payments::sandbox::{Faults, PaymentState, Sandbox, ServerSettings, router};
use hawker::server;
use hyper::Method;
use serde_json::Value;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A shop with mugs whose server is another process.
#[derive(Clone)]
pub struct House {
    pub shop: TestShop,
    pub mug: VariantId,
    /// A secret key that may do what the stories of this kind do.
    pub secret_key: String,
    pub units: i64,
    pub config: Config,
    address: SocketAddr,
    pub folder: Arc<TempDir>,
    _database: Option<Arc<OwnDatabase>>,
}

impl House {
    /// In a temporary folder, with the processor inside the program, its books in the data folder.
    pub async fn build(units: u32) -> Self {
        Self::build_with(units, |_, _| {}).await
    }

    /// With other settings; `change` also gets the temporary folder.
    pub async fn build_with(units: u32, change: impl FnOnce(&mut Config, &Path)) -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let database = match engine().as_str() {
            "postgres" => Some(Arc::new(OwnDatabase::create().await)),
            _ => None,
        };
        let address = free_address();
        let mut config = Config {
            data: folder.path().join("data"),
            database: database
                .as_ref()
                .map_or_else(String::new, |database| database.url.clone()),
            base_url: format!("http://{address}"),
            headroom_mb: 1,
            rate_limits: false,
            lanes: Some(4),
            ..Config::default()
        };
        change(&mut config, folder.path());
        let app = open_here(&config).await;
        let shop = make_shop(&app, "Kiln").await;
        let mug = lay_out(&app, shop.id, units).await;
        let scopes = [
            "orders:write",
            "orders:read",
            "clips:write",
            "audience:read",
            "catalog:write",
            "catalog:read",
        ];
        let secret_key = make_secret_key(&app, &shop, &scopes).await;
        close(app).await;
        Self {
            shop,
            mug,
            secret_key,
            units: units.into(),
            config,
            address,
            folder,
            _database: database,
        }
    }

    /// The same shop behind another address, for a second server.
    pub fn twin(&self) -> Self {
        let address = free_address();
        let mut twin = self.clone();
        twin.address = address;
        twin
    }

    pub fn is_sqlite(&self) -> bool {
        self.config.database.is_empty()
    }

    /// As [`House::twin`], with another way to the database.
    pub fn twin_by(&self, database: &str) -> Self {
        let mut twin = self.twin();
        database.clone_into(&mut twin.config.database);
        twin
    }

    pub fn player(&self) -> Client {
        Client::of(self.address).with("authorization", &format!("Bearer {}", self.shop.publishable_key))
    }

    pub fn staff(&self) -> Client {
        Client::of(self.address).with("authorization", &format!("Bearer {}", self.secret_key))
    }

    pub async fn quote(&self) -> Value {
        let path = format!("/v1/quotes?lines={}:1&country=DE", self.mug);
        let answer = self.player().get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.value()
    }

    pub async fn start(&self) -> Program {
        self.start_by(Command::new(binary())).await
    }

    /// Starts it by a command that ends in being the program itself.
    pub async fn start_by(&self, command: Command) -> Program {
        let mut program = self.spawn(command);
        program.until_ready().await;
        program
    }

    /// As [`House::start_by`], without waiting until it can sell.
    pub fn spawn(&self, mut command: Command) -> Program {
        let log = self.log();
        let lines = File::options().create(true).append(true).open(&log).unwrap();
        let settings = [
            ("HAWKER_DATA", self.config.data.display().to_string()),
            ("HAWKER_DATABASE", self.config.database.clone()),
            ("HAWKER_LANES", "4".to_owned()),
            ("HAWKER_READ_DATABASE", self.config.read_database.clone()),
            ("HAWKER_NATS", self.config.nats.clone()),
            ("HAWKER_LISTEN", self.address.to_string()),
            ("HAWKER_BASE_URL", self.config.base_url.clone()),
            ("HAWKER_CARD_PROCESSOR", self.config.card_processor.clone()),
            ("HAWKER_CARD_PROCESSOR_KEY", self.config.card_processor_key.clone()),
            (
                "HAWKER_RESERVATION_MINUTES",
                self.config.reservation_minutes.to_string(),
            ),
            ("HAWKER_HEADROOM_MB", self.config.headroom_mb.to_string()),
            ("HAWKER_RATE_LIMITS", self.config.rate_limits.to_string()),
            ("HAWKER_LOG_LEVEL", "warn".to_owned()),
        ];
        let child = command
            .arg("serve")
            .envs(settings)
            .env_remove("HAWKER_CONFIG")
            .stdin(Stdio::null())
            .stdout(lines.try_clone().unwrap())
            .stderr(lines)
            .spawn()
            .unwrap();
        Program {
            child,
            client: Client::of(self.address),
            log,
            started: Instant::now(),
            ready_in: Duration::ZERO,
        }
    }

    /// A figure of `/metrics`.
    pub async fn figure(&self, name: &str) -> i64 {
        let page = Client::of(self.address).get("/metrics").await.text();
        let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name} in {page}")).parse().unwrap()
    }

    /// Lets time pass until nothing is under way: every fact acted on, every payment known, every beacon counted.
    pub async fn until_quiet(&self, clock: &MovableClock) {
        let since = Instant::now();
        for name in [
            "hawker_payments_unknown",
            "hawker_payments_voids_owed",
            "hawker_facts_waiting",
            "hawker_beacons_waiting",
        ] {
            while self.figure(name).await > 0 {
                let patient = since.elapsed() < Duration::from_secs(60);
                assert!(patient, "{name} does not come to rest:\n{}", self.last_words());
                clock.advance(5);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }

    /// The end of the log of all its servers.
    pub fn last_words(&self) -> String {
        last_words(&self.log())
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What it left behind, opened here while no server runs.
    pub async fn look(&self) -> App {
        open_here(&self.config).await
    }

    /// Serves what it left behind from here, where time can be moved: what a crash cut off is asked about after minutes only.
    pub async fn serve_here(&self) -> Here {
        let clock = Arc::new(MovableClock::default());
        let (config, port) = (self.config.clone(), clock.clone());
        let opened = tokio::task::spawn_blocking(move || {
            let ports = Ports {
                clock: port,
                ..Ports::usual(&config).unwrap()
            };
            open(&config, ports, Use::Alone).unwrap()
        });
        let app = opened.await.unwrap();
        let listener = server::bind(&self.address.to_string()).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = tokio::spawn(async move {
            server::serve(app, listener, async move { drop(stopped.await) })
                .await
                .unwrap();
        });
        Here { clock, stop, server }
    }

    /// The end of a story, while no server runs: the invariants, one order and one charge for each of `bought`, and none for anything else.
    pub async fn settle(&self, bought: &[CheckoutId], bank: Bank<'_>) {
        let app = self.look().await;
        let (shop, mug, ids) = (self.shop.id, self.mug, bought.to_vec());
        let (orders, stock) = app
            .db
            .read(move |tx| {
                let mut orders = Vec::new();
                for id in &ids {
                    let order = checkout::order_of_checkout(tx, shop, *id)?
                        .unwrap_or_else(|| panic!("{id} was bought and has no order"));
                    assert!(
                        fulfilment::find(tx, shop, order.id)?.is_some(),
                        "W1: nobody has the work of {}",
                        order.id
                    );
                    orders.push(order.id);
                }
                Ok((orders, inventory::availability(tx, mug)?))
            })
            .await
            .unwrap();
        assert_eq!(orders.len(), bought.len());
        let sold = i64::try_from(orders.len()).unwrap();
        assert_eq!(
            (stock.left + stock.in_checkouts, stock.in_checkouts),
            (self.units - sold, 0),
            "as many units are gone as were bought"
        );
        let (charged, held) = match bank {
            Bank::Inside => {
                let sandbox = Sandbox::installed(&app).unwrap();
                let books = sandbox.books();
                let binding = |state| matches!(state, PaymentState::RequiresCapture | PaymentState::Succeeded);
                (
                    books.payments().filter(|payment| binding(payment.state)).count(),
                    books
                        .payments()
                        .map(|payment| payment.captured - payment.refunded)
                        .sum(),
                )
            }
            Bank::Outside(bank) => bank.charged().await,
        };
        assert_eq!(
            charged,
            orders.len(),
            "each order was charged once, and nothing else was"
        );
        invariants(&app, shop, || held).await;
        close(app).await;
    }
}

/// A server in this process.
pub struct Here {
    pub clock: Arc<MovableClock>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Here {
    pub async fn end(self) {
        self.stop.send(()).unwrap();
        self.server.await.unwrap();
    }
}

/// Whose books say what was really paid.
#[derive(Clone, Copy)]
pub enum Bank<'a> {
    /// The sandbox inside the program, by its journal.
    Inside,
    Outside(&'a OutsideBank),
}

/// The sandbox processor on its own listener: it does not die, lose power or run out of disk with the program.
#[derive(Clone)]
pub struct OutsideBank(SocketAddr);

impl OutsideBank {
    pub async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let settings = ServerSettings {
            listen: address,
            journal: None,
            faults: Faults::default(),
            webhook: None,
            hang: Duration::from_secs(30),
        };
        let router = router(settings, Arc::new(SystemClock::default()), format!("http://{address}")).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self(address)
    }

    /// Makes it the processor of a house.
    pub fn takes_cards_of(&self, config: &mut Config) {
        config.card_processor = format!("http://{}", self.0);
        config.card_processor_key = "sk_test_it".into();
    }

    /// How many payments bind a buyer, and what was taken and not given back.
    pub async fn charged(&self) -> (usize, i64) {
        let books = Client::of(self.0).get("/_books").await.value();
        let payments = books["payments"].as_array().unwrap();
        let binding = |payment: &&Value| matches!(payment["state"].as_str(), Some("requires_capture" | "succeeded"));
        let sum = |name: &str| {
            payments
                .iter()
                .map(|payment| payment[name].as_i64().unwrap())
                .sum::<i64>()
        };
        (
            payments.iter().filter(binding).count(),
            sum("captured") - sum("refunded"),
        )
    }
}

/// A running server.
pub struct Program {
    child: Child,
    client: Client,
    log: PathBuf,
    started: Instant,
    /// From the start of the process to the first answer of `/readyz` that says yes.
    pub ready_in: Duration,
}

impl Program {
    async fn until_ready(&mut self) {
        loop {
            let asked = self.client.try_send(Method::GET, "/readyz", None, Default::default());
            if asked.await.is_ok_and(|answer| answer.status == 200) {
                self.ready_in = self.started.elapsed();
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended at its start ({status}):\n{}", self.last_words());
            }
            assert!(
                self.started.elapsed() < Duration::from_secs(60),
                "it does not become ready:\n{}",
                self.last_words()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and gone.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(sent.unwrap().success(), "SIG{name} was not sent");
    }

    /// Ends it in good order.
    pub async fn end(mut self) {
        self.signal("TERM");
        let status = self.until_gone(Duration::from_secs(45)).await;
        assert!(status.success(), "{status}:\n{}", self.last_words());
    }

    /// Waits until it has ended by itself.
    pub async fn until_gone(&mut self, limit: Duration) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < limit, "it goes on:\n{}", self.last_words());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub fn last_words(&self) -> String {
        last_words(&self.log)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A story that failed must not leave a server behind; one that ended has none.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program under test: the one the test command built, or cargo's own.
pub fn binary() -> PathBuf {
    let given = std::env::var_os("HAWKER_BIN").map(PathBuf::from);
    given
        .filter(|path| path.exists())
        .unwrap_or_else(|| env!("CARGO_BIN_EXE_hawker").into())
}

/// Whether [`binary`] is built for speed.
pub fn is_release() -> bool {
    binary().components().any(|part| part.as_os_str() == "release")
}

/// `count` from the environment, such as how many kills.
pub fn setting(name: &str, usual: u64) -> u64 {
    std::env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

/// Below the ports that outgoing connections get: a client that calls a dead server must not end up calling itself.
fn free_address() -> SocketAddr {
    let mut dice = Dice::thrown();
    for _ in 0..100 {
        let port = u16::try_from(20_000 + dice.below(12_000)).unwrap();
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener.local_addr().unwrap();
        }
    }
    panic!("no free port below the ephemeral ones");
}

fn last_words(log: &Path) -> String {
    let log = std::fs::read(log).unwrap_or_default();
    let from = log.len().saturating_sub(4_000);
    String::from_utf8_lossy(&log[from..]).into_owned()
}

async fn open_here(config: &Config) -> App {
    let config = config.clone();
    tokio::task::spawn_blocking(move || open(&config, Ports::usual(&config).unwrap(), Use::Alone).unwrap())
        .await
        .unwrap()
}

pub async fn close(app: App) {
    tokio::task::spawn_blocking(move || {
        app.db.shut_down();
        app.events.shut_down();
    })
    .await
    .unwrap();
}

impl Dice {
    /// From `HAWKER_SEED`, or another seed each time.
    pub fn thrown() -> Self {
        let mut bytes = [0u8; 8];
        SystemRandom::default().fill(&mut bytes);
        Self(setting("HAWKER_SEED", u64::from_le_bytes(bytes) >> 16))
    }
}

/// An id as a client makes it.
pub fn fresh<T: hawker::kernel::Id>() -> T {
    let random: &dyn Random = &SystemRandom::default();
    let now: Time = SystemClock::default().wall();
    random.id(now)
}
