//! Puts the program together: opens the databases and hands it its ports. Every command and every test starts here.

use crate::app::{App, Parts, Settings};
use crate::clips;
use crate::config::{ADYEN, Config, MoreProcessor};
use crate::db::{self, Db, Engine, SystemClock, SystemRandom};
use crate::kernel::{Clock, Error, Mail, MailError, Mailer, Network, Notice, Processor, Random, Rate, Result};
use crate::notify::{Mailbox, Smtp};
use crate::payments::processors::{self, Adyen, AdyenSettings, Stripe, StripeSettings};
use crate::payments::sandbox::{Books, Faults, Notices, Sandbox, Shape};
use std::path::Path;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// What the program needs from the world; tests hand in their own.
pub struct Ports {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub mailer: Arc<dyn Mailer>,
    /// Asked in this order, where a shop has no rules.
    pub processors: Vec<Arc<dyn Processor>>,
    /// The sandboxes among them that are inside this program, with the notices they send.
    pub sandboxes: Vec<(Arc<Sandbox>, tokio::sync::mpsc::Receiver<Notice>)>,
}

impl Ports {
    /// The machine's clock and randomness, and what the configuration names. Errors: the sandbox's books cannot be read.
    pub fn usual(config: &Config) -> Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        std::fs::create_dir_all(&config.data)
            .map_err(|error| Error::internal(format!("cannot create {}: {error}", config.data.display())))?;
        let mut processors: Vec<Arc<dyn Processor>> = Vec::new();
        let mut sandboxes = Vec::new();
        for (name, one) in cards(config) {
            if let Some(shape) = shape(&one.address) {
                let books = Books::open(&config.data.join(format!("{name}.journal")))?;
                let base_url = config.base_url.clone();
                let (sandbox, notices) =
                    Sandbox::new(books, Faults::default(), Notices::Challenges, clock.clone(), base_url);
                let sandbox = Arc::new(if name == "sandbox" {
                    sandbox
                } else {
                    sandbox.named(name, shape)
                });
                processors.push(sandbox.clone());
                sandboxes.push((sandbox, notices));
            } else if let Some(url) = one.address.strip_prefix(ADYEN) {
                let settings = AdyenSettings {
                    url: url.trim_end_matches('/').to_owned(),
                    api_key: one.key,
                    merchant_account: one.account,
                    hmac_keys: one.webhook_secret,
                    fee: (Rate(150), 25),
                };
                processors.push(Arc::new(Adyen::named(name, settings)?));
            } else {
                let settings = StripeSettings {
                    url: one.address.trim_end_matches('/').to_owned(),
                    api_key: one.key,
                    webhook_secret: one.webhook_secret,
                    fee: (Rate(150), 25),
                };
                processors.push(Arc::new(Stripe::named(name, settings)?));
            }
        }
        processors.push(Arc::new(processors::Manual));
        Ok(Self {
            clock,
            random: Arc::new(SystemRandom::default()),
            mailer: mailer(config)?,
            processors,
            sandboxes,
        })
    }
}

/// Everyone who takes cards, by name: the one of the single settings first.
fn cards(config: &Config) -> Vec<(&'static str, MoreProcessor)> {
    let first = match config.card_processor.as_str() {
        "none" => None,
        "sandbox" => Some("sandbox"),
        address if address.starts_with(ADYEN) => Some("adyen"),
        _ => Some("stripe"),
    };
    let first = first.map(|name| {
        let one = MoreProcessor {
            name: name.to_owned(),
            address: config.card_processor.clone(),
            key: config.card_processor_key.clone(),
            account: config.card_processor_account.clone(),
            webhook_secret: config.card_processor_webhook_secret.clone(),
        };
        (name, one)
    });
    let more = config.more_processors.iter().map(|more| {
        // The name is stored with every payment and lives as long as the program, which reads its configuration once.
        let name: &'static str = Box::leak(more.name.clone().into_boxed_str());
        (name, more.clone())
    });
    first.into_iter().chain(more).collect()
}

/// What kind of sandbox an address names, if it names one.
fn shape(address: &str) -> Option<Shape> {
    match address {
        "sandbox" => Some(Shape::Full),
        "sandbox-single" => Some(Shape::Single),
        _ => None,
    }
}

/// How the databases are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Alone on the file: serving, setting up.
    Alone,
    /// One short command beside a server that may be running.
    BesideAServer,
}

/// Opens and migrates the databases and builds the program. Blocking. Errors: another server has them open, they are newer than this program.
pub fn open(config: &Config, ports: Ports, how: Use) -> Result<App> {
    let media = config.data.join("media");
    std::fs::create_dir_all(&media)
        .map_err(|error| Error::internal(format!("cannot create {}: {error}", media.display())))?;
    let headroom = if how == Use::Alone { config.headroom_mb << 20 } else { 0 };
    let book = |file: &str, name: &'static str, migrations| db::Config {
        beside_a_server: how == Use::BesideAServer,
        ..db::Config::new(engine(config, file), name, migrations)
    };
    let main = db::Config {
        headroom,
        lanes: config.lanes.unwrap_or_else(|| db::lanes_by_place(&config.database)),
        followers: if how == Use::Alone {
            config.followers()
        } else {
            Vec::new()
        },
        ..book("hawker.db", "main", db::MAIN)
    };
    let events = db::Config {
        lanes: 1,
        readers: 1,
        ..book("events.db", "events", db::EVENTS)
    };
    let db = Db::open(&main, &ports.clock, &ports.random)?;
    let events = Db::open(&events, &ports.clock, &ports.random).inspect_err(|_| db.shut_down())?;
    clips::clear_incoming(&media);
    let app = App::new(Parts {
        db,
        events,
        clock: ports.clock,
        random: ports.random,
        processors: ports.processors,
        mailer: ports.mailer,
        media,
        base_url: config.base_url.clone(),
        settings: Settings {
            reservation_minutes: config.reservation_minutes,
            upsell_minutes: config.upsell_minutes,
            evidence_days: config.evidence_days,
            trusted_proxies: config.trusted_proxies.clone(),
            mail_from: config.mail_from.clone(),
            rate_limits: config.rate_limits,
            demo: config.demo,
            webhook_networks: config.webhook_networks.clone(),
            nats: config.nats.clone(),
            ..Settings::default()
        },
        tasks: TaskTracker::new(),
    });
    for (sandbox, notices) in ports.sandboxes {
        sandbox.install(&app);
        let pending = app.kept::<Pending>();
        let mut pending = pending.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        pending.push((sandbox.name(), notices));
    }
    Ok(app)
}

/// "sandbox", as a number both sides of PostgreSQL know.
const SANDBOX: i64 = 0x0073_616e_6462_6f78;

/// Before serving: the sandbox inside the program has its books in this process, so no other one of the same database may have it, too. Blocking. Errors:
/// `sandbox_elsewhere`.
pub fn claim_the_sandbox(app: &App) -> Result<()> {
    if Sandbox::all(app).is_empty() || app.db.claim(SANDBOX)? {
        return Ok(());
    }
    Err(Error::conflict(
        "sandbox_elsewhere",
        "Another replica has the sandbox inside it, whose books nobody else can read. Let `hawker sandbox` run beside them and name it to all: card_processor.",
    ))
}

/// As [`open`] for the demo: its mailbox and sandbox pages are served, and no letter leaves the machine.
pub fn open_demo(config: &Config, ports: Ports) -> Result<App> {
    let mailer = Arc::new(Mailbox::new(ports.clock.clone()));
    let config = Config {
        demo: true,
        // Whoever tries webhooks has the receiver beside the demo.
        webhook_networks: vec![
            Network::v4([127, 0, 0, 0], 8),
            Network::v6([0, 0, 0, 0, 0, 0, 0, 1], 128),
        ],
        ..config.clone()
    };
    open(&config, Ports { mailer, ..ports }, Use::Alone)
}

/// Notices of the sandboxes inside the program by their names, until the server starts to hear them.
#[derive(Default)]
struct Pending(std::sync::Mutex<Vec<(&'static str, tokio::sync::mpsc::Receiver<Notice>)>>);

/// The sandboxes' notices, once.
pub fn sandbox_notices(app: &App) -> Vec<(&'static str, tokio::sync::mpsc::Receiver<Notice>)> {
    let pending = app.kept::<Pending>();
    let mut pending = pending.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    std::mem::take(&mut *pending)
}

fn engine(config: &Config, file: &str) -> Engine {
    if config.database.is_empty() {
        return Engine::Sqlite(config.data.join(Path::new(file)));
    }
    Engine::Postgres(config.database.clone())
}

/// The mail server the configuration names. Errors: its address cannot be read.
fn mailer(config: &Config) -> Result<Arc<dyn Mailer>> {
    if config.mail_smtp.is_empty() {
        return Ok(Arc::new(NoMail));
    }
    Ok(Arc::new(Smtp::from_url(&config.mail_smtp)?))
}

/// Where no mail server is configured: letters do not leave, and say so; sign-in links are printed by `hawker sign-in-link`.
struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _: &Mail) -> std::result::Result<(), MailError> {
        Err(MailError::Unreachable(
            "no mail server is configured: set mail_smtp".into(),
        ))
    }
}
