//! `hawker bench checkout`: one `GET` of the quote and one `PUT` that reserves, authorises in-process and confirms.

use super::bare;
use super::child::{self, Server, Used};
use super::load::{Arrivals, Connection, Latencies, Pace};
use super::shop::{self, Stall};
use crate::app::App;
use crate::config::Config;
use crate::kernel::{CheckoutId, Clock, Error, Random, Result, Time, VariantId};
use crate::open::{Ports, Use, open};
use crate::payments::sandbox::Books;
use crate::{checkout, db, fulfilment, inventory, ledger};
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Units nobody can buy up.
const PLENTY: u32 = 1_000_000_000;
/// Connections of the bare script on PostgreSQL: as many as its two cores can use.
const BARE_CONNECTIONS: usize = 8;

/// What is measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// `postgres://…` of an empty database; empty is SQLite in `folder`.
    pub database: String,
    /// A folder of the run's own; its file system is part of what is measured.
    pub folder: std::path::PathBuf,
    pub connections: usize,
    pub span: Duration,
    pub pace: Pace,
    /// Products that are bought in turn; 1 is one hot variant.
    pub variants: usize,
    /// The last unit is gone: every tap is refused.
    pub sold_out: bool,
    /// Servers of one database.
    pub replicas: usize,
    /// The sandbox is a process of its own, as several servers need it.
    pub sandbox_beside: bool,
}

/// What was measured. Latencies are of the `PUT`, from when it was due to its last byte.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub engine: &'static str,
    pub version: &'static str,
    pub connections: usize,
    pub variants: usize,
    pub replicas: usize,
    /// Arrivals a second of an open loop; absent in a closed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Confirmed orders a second, or refusals when everything is sold out; their facts are acted on before the clock stops.
    pub checkouts_per_s: f64,
    pub baseline_per_s: f64,
    pub ratio: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub quote_p50_ms: f64,
    pub quote_p99_ms: f64,
    pub drain_ms: f64,
    pub server_cpu_us_per_checkout: f64,
    pub generator_cpu_us_per_checkout: f64,
    /// The highest it was.
    pub rss_mb: f64,
    pub written_mb: f64,
    pub checkouts: u64,
    /// Answers that were neither an order nor, when it is sold out, a refusal.
    pub errors: u64,
    /// What the books say afterwards: empty, or the figures are worth nothing.
    pub violations: Vec<String>,
}

/// Measures. Errors: the server does not start, or the database cannot be used.
pub fn run(plan: &Plan, runtime: &tokio::runtime::Runtime) -> Result<Report> {
    let config = Config {
        data: plan.folder.join("data"),
        database: plan.database.clone(),
        headroom_mb: 0,
        ..Config::default()
    };
    let units = if plan.sold_out { 1 } else { PLENTY };
    let stall = within(&config, |app| shop::open(app, plan.variants, units))?;
    let load = runtime.block_on(under_load(plan, &config, &stall))?;
    let violations = within(&config, |app| runtime.block_on(audited(app, &config, &stall, &load)))?;
    let baseline = runtime.block_on(baseline(plan))?;
    let rate = load.done as f64 / load.took.as_secs_f64();
    let each = |cpu_s: f64| cpu_s * 1e6 / (load.done.max(1) as f64);
    let (mut taps, mut quotes) = (load.taps, load.quotes);
    Ok(Report {
        engine: if plan.database.is_empty() { "sqlite" } else { "postgres" },
        version: env!("CARGO_PKG_VERSION"),
        connections: plan.connections,
        variants: plan.variants,
        replicas: plan.replicas,
        rate: match plan.pace {
            Pace::Closed => None,
            Pace::Open(rate) => Some(rate),
        },
        checkouts_per_s: rate,
        baseline_per_s: baseline,
        ratio: rate / baseline,
        p50_ms: taps.ms(0.5),
        p99_ms: taps.ms(0.99),
        p999_ms: taps.ms(0.999),
        quote_p50_ms: quotes.ms(0.5),
        quote_p99_ms: quotes.ms(0.99),
        drain_ms: load.drain.as_secs_f64() * 1e3,
        server_cpu_us_per_checkout: each(load.server.cpu_s),
        generator_cpu_us_per_checkout: each(load.generator_cpu_s),
        rss_mb: load.server.rss_peak_mb,
        written_mb: load.server.written_mb,
        checkouts: load.done,
        errors: load.errors,
        violations,
    })
}

fn within<T>(config: &Config, act: impl FnOnce(&App) -> Result<T>) -> Result<T> {
    let app = open(config, Ports::usual(config)?, Use::Alone)?;
    let done = act(&app);
    app.db.shut_down();
    app.events.shut_down();
    done
}

struct Load {
    done: u64,
    errors: u64,
    taps: Latencies,
    quotes: Latencies,
    /// Until the last fact was acted on.
    took: Duration,
    drain: Duration,
    server: Used,
    generator_cpu_s: f64,
}

async fn under_load(plan: &Plan, config: &Config, stall: &Stall) -> Result<Load> {
    let mut environment = vec![
        ("HAWKER_DATA", config.data.display().to_string()),
        ("HAWKER_DATABASE", config.database.clone()),
        ("HAWKER_RATE_LIMITS", "false".to_owned()),
        ("HAWKER_HEADROOM_MB", "0".to_owned()),
        ("HAWKER_CARD_PROCESSOR", "sandbox".to_owned()),
        ("HAWKER_LOG_LEVEL", "error".to_owned()),
    ];
    let mut beside = None;
    if plan.sandbox_beside {
        let journal = config.data.join("sandbox.journal").display().to_string();
        let sandbox = Server::start(&["sandbox", "--journal", &journal], &environment).await?;
        environment.push(("HAWKER_CARD_PROCESSOR", format!("http://{}", sandbox.address)));
        environment.push(("HAWKER_CARD_PROCESSOR_KEY", "sk_test_bench".to_owned()));
        beside = Some(sandbox);
    }
    let mut servers = Vec::new();
    for _ in 0..plan.replicas {
        servers.push(Server::start(&["serve"], &environment).await?);
    }
    let addresses: Vec<SocketAddr> = servers.iter().map(|server| server.address).collect();
    let buyers = Buyers::gather(plan, &addresses, stall).await?;
    let used = |servers: &[Server]| {
        let all = servers.iter().chain(&beside).map(Server::used);
        all.fold(Used::default(), |sum, one| Used {
            cpu_s: sum.cpu_s + one.cpu_s,
            rss_peak_mb: sum.rss_peak_mb + one.rss_peak_mb,
            rss_mb: sum.rss_mb + one.rss_mb,
            written_mb: sum.written_mb + one.written_mb,
        })
    };
    let (before, own) = (used(&servers), child::own().cpu_s);
    let began = Instant::now();
    let arrivals = Arc::new(Arrivals::new(plan.pace, plan.span));
    let mut load = buyers.buy(&arrivals).await?;
    let answered = began.elapsed();
    all_facts_acted_on(addresses[0]).await?;
    load.took = began.elapsed();
    load.drain = load.took - answered;
    load.generator_cpu_s = child::own().cpu_s - own;
    let after = used(&servers);
    load.server = Used {
        cpu_s: after.cpu_s - before.cpu_s,
        written_mb: after.written_mb - before.written_mb,
        ..after
    };
    tokio::task::spawn_blocking(move || servers.into_iter().try_for_each(Server::stop))
        .await
        .map_err(|error| Error::internal("the server could not be stopped").because(error))??;
    Ok(load)
}

/// The connections, and what they buy.
struct Buyers {
    connections: Vec<Connection>,
    variants: Arc<Vec<VariantId>>,
    /// A quote from before the last unit was sold, where everything is.
    held: Option<Arc<String>>,
}

#[derive(Deserialize)]
struct Quoted {
    quote: String,
}

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    state: String,
    #[serde(default)]
    code: String,
}

impl Buyers {
    async fn gather(plan: &Plan, addresses: &[SocketAddr], stall: &Stall) -> Result<Self> {
        let authorization = format!("Bearer {}", stall.publishable_key);
        let mut connections = Vec::with_capacity(plan.connections);
        for address in addresses.iter().cycle().take(plan.connections) {
            connections.push(Connection::open(*address, &authorization).await?);
        }
        let mut held = None;
        if plan.sold_out {
            let first = &mut connections[0];
            let token = quote(first, stall.variants[0]).await?;
            let bought = tap(first, &Ids::default(), &token).await?;
            if bought != Tapped::Bought {
                return Err(Error::internal("the last unit could not be bought"));
            }
            held = Some(Arc::new(token));
        }
        Ok(Self {
            connections,
            variants: Arc::new(stall.variants.clone()),
            held,
        })
    }

    async fn buy(self, arrivals: &Arc<Arrivals>) -> Result<Load> {
        let turn = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = self
            .connections
            .into_iter()
            .map(|connection| {
                let (arrivals, variants, held) = (arrivals.clone(), self.variants.clone(), self.held.clone());
                tokio::spawn(one_buyer(connection, arrivals, variants, held, turn.clone()))
            })
            .collect();
        let mut sum = Load {
            done: 0,
            errors: 0,
            taps: Latencies::default(),
            quotes: Latencies::default(),
            took: Duration::ZERO,
            drain: Duration::ZERO,
            server: Used::default(),
            generator_cpu_s: 0.0,
        };
        for task in tasks {
            let one = task
                .await
                .map_err(|error| Error::internal("a buyer panicked").because(error))??;
            sum.done += one.done;
            sum.errors += one.errors;
            sum.taps.merge(one.taps);
            sum.quotes.merge(one.quotes);
        }
        Ok(sum)
    }
}

#[derive(Default)]
struct Bought {
    done: u64,
    errors: u64,
    taps: Latencies,
    quotes: Latencies,
}

async fn one_buyer(
    mut connection: Connection,
    arrivals: Arc<Arrivals>,
    variants: Arc<Vec<VariantId>>,
    held: Option<Arc<String>>,
    turn: Arc<AtomicU64>,
) -> Result<Bought> {
    let ids = Ids::default();
    let mut sum = Bought::default();
    while let Some(due) = arrivals.next().await {
        let number = usize::try_from(turn.fetch_add(1, Ordering::Relaxed)).unwrap_or(0);
        let mut from = due;
        let token = if let Some(held) = &held {
            held.clone()
        } else {
            let token = quote(&mut connection, variants[number % variants.len()]).await?;
            sum.quotes.note(due.elapsed());
            from = Instant::now();
            Arc::new(token)
        };
        let tapped = tap(&mut connection, &ids, &token).await?;
        sum.taps.note(from.elapsed());
        let wanted = if held.is_some() {
            Tapped::SoldOut
        } else {
            Tapped::Bought
        };
        if tapped == wanted {
            sum.done += 1;
        } else {
            sum.errors += 1;
        }
    }
    Ok(sum)
}

async fn quote(connection: &mut Connection, variant: VariantId) -> Result<String> {
    let path = format!("/v1/quotes?lines={variant}:1&country=DE");
    let (status, body) = connection.ask(Method::GET, &path, Vec::new()).await?;
    if status != StatusCode::OK {
        return Err(Error::internal(format!(
            "no quote: {status} {}",
            String::from_utf8_lossy(&body)
        )));
    }
    let quoted: Quoted =
        serde_json::from_slice(&body).map_err(|error| Error::internal("a quote cannot be read").because(error))?;
    Ok(quoted.quote)
}

/// Where a device's checkout ids come from.
struct Ids {
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
}

impl Default for Ids {
    fn default() -> Self {
        Self {
            random: Arc::new(db::SystemRandom::default()),
            clock: Arc::new(db::SystemClock::default()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tapped {
    Bought,
    SoldOut,
    Neither,
}

async fn tap(connection: &mut Connection, ids: &Ids, token: &str) -> Result<Tapped> {
    let id: CheckoutId = ids.random.id(ids.clock.wall());
    let body = format!(
        r#"{{"quote":"{token}","contact":{{"email":"buyer@example.com"}},"address":{{"name":"B. Uyer","line1":"Street 1","postal_code":"10115","city":"Berlin","country":"DE"}},"payment":{{"method":"card","token":"tok_visa"}}}}"#
    );
    let (status, body) = connection
        .ask(Method::PUT, &format!("/v1/checkouts/{id}"), body.into_bytes())
        .await?;
    let answered: Answered =
        serde_json::from_slice(&body).map_err(|error| Error::internal("an answer cannot be read").because(error))?;
    Ok(match (status, answered.state.as_str(), answered.code.as_str()) {
        (StatusCode::CREATED, "completed", _) => Tapped::Bought,
        (StatusCode::CONFLICT, _, "sold_out") => Tapped::SoldOut,
        _ => Tapped::Neither,
    })
}

pub(super) async fn all_facts_acted_on(address: SocketAddr) -> Result<()> {
    let mut connection = Connection::open(address, "").await?;
    loop {
        let (_, body) = connection.ask(Method::GET, "/metrics", Vec::new()).await?;
        let text = String::from_utf8_lossy(&body);
        let waiting = text.lines().find_map(|line| line.strip_prefix("hawker_facts_waiting "));
        match waiting {
            Some("0") => return Ok(()),
            Some(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            None => {
                return Err(Error::internal(
                    "the server under test does not tell how many facts wait",
                ));
            }
        }
    }
}

/// Compares what buyers were told with stock, orders, ledger and the processor's own books.
async fn audited(app: &App, config: &Config, stall: &Stall, load: &Load) -> Result<Vec<String>> {
    let (shop, variants) = (stall.shop, stall.variants.clone());
    let sold_out = load.quotes.len() == 0;
    let bought = if sold_out { 1 } else { load.done };
    let (mut broken, orders, sold, sum) = app
        .db
        .read(move |tx| {
            let mut broken = inventory::check(tx)?;
            broken.extend(checkout::check(tx)?);
            broken.extend(fulfilment::check(tx)?);
            let (orders, _) = checkout::orders_since(tx, shop, Time(0))?;
            let mut sold = 0;
            for variant in &variants {
                sold += inventory::stock_of(tx, *variant)?
                    .iter()
                    .map(|row| row.sold)
                    .sum::<i64>();
            }
            let sum: i64 = ledger::balances(tx, shop)?
                .iter()
                .map(|balance| balance.money.minor)
                .sum();
            Ok((broken, orders, sold, sum))
        })
        .await?;
    let books = Books::open(&config.data.join("sandbox.journal"))?;
    let mut expect = |what: &str, found: i64, wanted: u64| {
        if u64::try_from(found) != Ok(wanted) {
            broken.push(format!("{what}: {found}, and buyers were told {wanted}"));
        }
    };
    expect("orders", orders, bought);
    expect("units sold", sold, bought);
    expect(
        "payments in the processor's books",
        i64::try_from(books.payments().count()).unwrap_or(-1),
        bought,
    );
    expect("the ledger's sum", sum, 0);
    Ok(broken)
}

/// Checkouts a second of the bare loop, with as many connections and products.
async fn baseline(plan: &Plan) -> Result<f64> {
    let variants = i64::try_from(plan.variants).unwrap_or(i64::MAX);
    if !plan.database.is_empty() {
        let (url, span) = (plan.database.clone(), plan.span);
        return tokio::task::spawn_blocking(move || bare::script(&url, BARE_CONNECTIONS, variants, span))
            .await
            .map_err(|error| Error::internal("the bare script panicked").because(error))?;
    }
    let (folder, count) = (plan.folder.display().to_string(), variants.to_string());
    let server = Server::start(&["bench", "bare", "--folder", &folder, "--variants", &count], &[]).await?;
    let arrivals = Arc::new(Arrivals::new(Pace::Closed, plan.span));
    let began = Instant::now();
    let turn = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::with_capacity(plan.connections);
    for _ in 0..plan.connections {
        let (mut connection, arrivals, turn) = (
            Connection::open(server.address, "").await?,
            arrivals.clone(),
            turn.clone(),
        );
        tasks.push(tokio::spawn(async move {
            let mut done = 0u64;
            while arrivals.next().await.is_some() {
                let variant = 1 + turn.fetch_add(1, Ordering::Relaxed) % variants.unsigned_abs();
                connection
                    .ask(Method::GET, &format!("/quote/{variant}"), Vec::new())
                    .await?;
                let (status, _) = connection
                    .ask(Method::PUT, &format!("/checkout/{variant}"), b"{}".to_vec())
                    .await?;
                done += u64::from(status == StatusCode::CREATED);
            }
            Ok::<u64, Error>(done)
        }));
    }
    let mut done = 0;
    for task in tasks {
        done += task
            .await
            .map_err(|error| Error::internal("a bare buyer panicked").because(error))??;
    }
    let rate = done as f64 / began.elapsed().as_secs_f64();
    tokio::task::spawn_blocking(move || server.stop())
        .await
        .map_err(|error| Error::internal("the bare server could not be stopped").because(error))??;
    Ok(rate)
}

impl Report {
    /// For people; the same figures as the JSON.
    pub fn text(&self) -> String {
        let rate = |value: f64| format!("{value:.0}/s");
        let rows = [
            (
                "checkouts",
                format!("{} ({} in all)", rate(self.checkouts_per_s), self.checkouts),
            ),
            (
                "bare loop, same run",
                format!("{}   ratio {:.2}", rate(self.baseline_per_s), self.ratio),
            ),
            (
                "PUT p50 / p99 / p99.9",
                format!("{:.2} / {:.2} / {:.2} ms", self.p50_ms, self.p99_ms, self.p999_ms),
            ),
            (
                "GET p50 / p99",
                format!("{:.2} / {:.2} ms", self.quote_p50_ms, self.quote_p99_ms),
            ),
            ("facts drained after", format!("{:.0} ms", self.drain_ms)),
            (
                "processor time a checkout",
                format!(
                    "server {:.0} µs, generator {:.0} µs",
                    self.server_cpu_us_per_checkout, self.generator_cpu_us_per_checkout
                ),
            ),
            ("server memory, peak", format!("{:.0} MB", self.rss_mb)),
            ("server wrote", format!("{:.0} MB", self.written_mb)),
            (
                "errors, violations",
                format!("{}, {}", self.errors, self.violations.len()),
            ),
        ];
        let mut text = format!(
            "hawker {} on {}, {} connections, {} products, {} servers\n",
            self.version, self.engine, self.connections, self.variants, self.replicas
        );
        for (name, value) in rows {
            text.push_str(&format!("  {name:<26} {value}\n"));
        }
        for violation in &self.violations {
            text.push_str(&format!("  VIOLATION {violation}\n"));
        }
        text
    }
}

/// A folder of the run's own below `within`. Errors: it cannot be made.
pub fn fresh_folder(within: &Path) -> Result<std::path::PathBuf> {
    let folder = within.join(format!("hawker-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .map_err(|error| Error::internal(format!("cannot make {}: {error}", folder.display())))?;
    Ok(folder)
}
