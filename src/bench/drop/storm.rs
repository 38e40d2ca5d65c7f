//! So many times more buyers than the server can serve, by clients that ask again at once: what is left of its peak, and how soon it is well again.
//!
//! The server has one core and the generator another, so that neither takes the other's time. First the peak is found by a closed loop. Then arrivals
//! come at a multiple of it, and whoever is turned away or dropped sends the same again without a pause, for as long as a person would; arrivals that
//! find no line free are dropped before they reach the server, as a full network does. Then the crowd goes away, each with the answer they were waiting
//! for; arrivals go on at half of the peak, and the clock runs until an order takes what it took before.

use super::buyer::body;
use super::crowd::{Crowd, Seen};
use super::figures::{Quantiles, counted};
use super::scene::{Host, Planning, Scene, config, environment, set, stop, within};
use super::verdict::{self, Verdict};
use super::{Machine, Runtime, page, panicked, since, table};
use crate::bench::checkout::all_facts_acted_on;
use crate::bench::child::{self, Server, Used};
use crate::bench::load::{Arrivals, Connection, Latencies, Pace};
use crate::kernel::{Error, Result};
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, watch};

/// More than all orders of a run.
const UNITS: u32 = 1_000_000;
/// Lines of the closed loop that finds the peak.
const PEAK_LINES: usize = 256;
const WARM_UP: Duration = Duration::from_secs(2);
const PEAK: Duration = Duration::from_secs(8);
/// Before the burst and after it, at half of the peak.
const CALM: Duration = Duration::from_secs(6);
const AFTER: Duration = Duration::from_secs(15);
/// A buyer who was not served by then goes away.
const PATIENCE: Duration = Duration::from_secs(10);
/// Lines that are opened in the same moment.
const OPEN_AT_ONCE: usize = 256;
/// The server is well when orders take at most so many times what they took in the calm, or this.
const WELL: f64 = 3.0;
const WELL_MS: f64 = 250.0;
const STEP: f64 = 0.25;

/// What is measured.
#[derive(Clone, Debug)]
pub struct StormPlan {
    pub database: String,
    pub folder: std::path::PathBuf,
    /// Times the peak.
    pub factor: f64,
    pub span: Duration,
    /// Lines of the generator: so many buyers are in front of the server at once.
    pub lines: usize,
    /// The server's core and the generator's.
    pub cores: (usize, usize),
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct StormReport {
    #[serde(flatten)]
    pub machine: Machine,
    pub factor: f64,
    pub seconds: f64,
    pub lines: usize,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Orders a second of the closed loop, and in the burst.
    pub peak_per_s: f64,
    pub goodput_per_s: f64,
    pub goodput_share: f64,
    /// From the end of the burst.
    pub seconds_until_normal: f64,
    /// Buyers who came in the burst; of them those who found no line, and those who went away unserved.
    pub came: u64,
    pub dropped: u64,
    pub gave_up: u64,
    pub turned_away: u64,
    pub refused: u64,
    /// From coming to the order.
    pub calm_ms: Quantiles,
    pub burst_ms: Quantiles,
    /// Single requests of the burst that were let in, from sent to answered.
    pub admitted_ms: Quantiles,
    pub server_cpu_s: f64,
    pub generator_cpu_s: f64,
    pub server_cpu_us_per_order: f64,
    pub slowest_answer_ms: f64,
    pub orders_per_s: f64,
    pub rss_mb: f64,
    #[serde(skip)]
    pub seen: StormPoints,
}

/// For the page: orders and refusals at the door, a second each.
#[derive(Clone, Debug, Default)]
pub struct StormPoints {
    pub orders: Vec<(f64, f64)>,
    pub burst: (f64, f64),
}

/// What the clients of a stretch of time saw.
#[derive(Default)]
struct Tally {
    /// Seconds since the run began, and what the order took since its buyer came.
    orders: Vec<(f64, Duration)>,
    admitted: Latencies,
    came: u64,
    dropped: u64,
    gave_up: u64,
    turned_away: u64,
    refused: u64,
}

impl Tally {
    fn add(&mut self, one: Self) {
        self.orders.extend(one.orders);
        self.admitted.merge(one.admitted);
        self.came += one.came;
        self.dropped += one.dropped;
        self.gave_up += one.gave_up;
        self.turned_away += one.turned_away;
        self.refused += one.refused;
    }

    fn took(&self) -> Quantiles {
        let mut all = Latencies::default();
        self.orders.iter().for_each(|(_, took)| all.note(*took));
        Quantiles::of(&mut all)
    }
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    state: String,
    #[serde(default)]
    quote: serde_json::Value,
}

struct Storm {
    crowd: Arc<Crowd>,
    began: Instant,
    numbers: AtomicUsize,
    /// Raised when the burst is over: whoever came before that sends nothing more.
    over: OnceLock<Instant>,
}

impl Storm {
    /// Whether a buyer of the burst goes home. Those of a later time stay.
    fn is_over_for(&self, due: Instant) -> bool {
        self.over.get().is_some_and(|over| due < *over)
    }

    /// One buyer on a line, asking again at once whatever happens, for as long as they have patience. The line is given back if it still is one.
    async fn buys(&self, line: Connection, due: Instant, tally: &mut Tally) -> Option<Connection> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let mut line = Some(line);
        let mut quote: Option<String> = None;
        let id = self.crowd.checkout();
        let quote_path = self.crowd.quote_path();
        let path = format!("/v1/checkouts/{id}");
        while due.elapsed() < PATIENCE && !self.is_over_for(due) {
            let Some(open) = line.as_mut() else {
                line = self.crowd.line().await.ok();
                continue;
            };
            let sent = Instant::now();
            let asked = match &quote {
                None => open.ask_as(&[], Method::GET, &quote_path, Vec::new()).await,
                Some(quote) => {
                    let tap = body(quote, number, true).into_bytes();
                    open.ask_as(&[], Method::PUT, &path, tap).await
                }
            };
            let Ok(answer) = asked else {
                line = None;
                continue;
            };
            if answer.status == StatusCode::SERVICE_UNAVAILABLE {
                tally.turned_away += 1;
                continue;
            }
            tally.admitted.note(sent.elapsed());
            let said: Said = serde_json::from_slice(&answer.body).unwrap_or_default();
            match (said.quote.as_str(), said.state.as_str()) {
                _ if !answer.status.is_success() => {
                    tally.refused += 1;
                    return line;
                }
                (_, "completed") => {
                    tally.orders.push((self.began.elapsed().as_secs_f64(), due.elapsed()));
                    return line;
                }
                (Some(token), "") if quote.is_none() => quote = Some(token.to_owned()),
                // On its way: the same again says how it stands.
                _ => {}
            }
        }
        tally.gave_up += 1;
        line
    }

    /// Every line buys as soon as it has bought.
    async fn closed(self: &Arc<Self>, lines: Vec<Connection>, span: Duration) -> Result<(Tally, Vec<Connection>)> {
        let until = Instant::now() + span;
        let tasks: Vec<_> = lines
            .into_iter()
            .map(|line| {
                let storm = self.clone();
                tokio::spawn(async move {
                    let (mut tally, mut line) = (Tally::default(), Some(line));
                    while Instant::now() < until {
                        let Some(open) = line.take() else { break };
                        line = storm.buys(open, Instant::now(), &mut tally).await;
                    }
                    (tally, line)
                })
            })
            .collect();
        let (mut sum, mut lines) = (Tally::default(), Vec::new());
        for task in tasks {
            let (tally, line) = task.await.map_err(panicked)?;
            sum.add(tally);
            lines.extend(line);
        }
        Ok((sum, lines))
    }

    /// Arrivals keep their timetable; whoever finds no line free is dropped.
    async fn open(self: &Arc<Self>, lines: &mut Lines, rate: f64, span: Duration) -> Tally {
        let arrivals = Arrivals::new(Pace::Open(rate), span);
        let (mut came, mut dropped) = (0, 0);
        while let Some(due) = arrivals.next().await {
            came += 1;
            let Ok(line) = lines.free.try_recv() else {
                dropped += 1;
                continue;
            };
            let (storm, give_back, told) = (self.clone(), lines.give_back.clone(), lines.tell.clone());
            tokio::spawn(async move {
                let mut tally = Tally::default();
                let mut line = storm.buys(line, due, &mut tally).await;
                while line.is_none() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    line = storm.crowd.line().await.ok();
                }
                drop(line.map(|line| give_back.send(line)));
                drop(told.send(tally));
            });
        }
        let mut sum = Tally {
            came,
            dropped,
            ..Tally::default()
        };
        while let Ok(tally) = lines.told.try_recv() {
            sum.add(tally);
        }
        sum
    }
}

/// Lines that are free, and what was seen on those that were not.
struct Lines {
    free: mpsc::UnboundedReceiver<Connection>,
    give_back: mpsc::UnboundedSender<Connection>,
    told: mpsc::UnboundedReceiver<Tally>,
    tell: mpsc::UnboundedSender<Tally>,
}

impl Lines {
    fn of(lines: Vec<Connection>) -> Self {
        let (give_back, free) = mpsc::unbounded_channel();
        let (tell, told) = mpsc::unbounded_channel();
        for line in lines {
            drop(give_back.send(line));
        }
        Self {
            free,
            give_back,
            told,
            tell,
        }
    }
}

struct Run {
    peak: f64,
    calm: Tally,
    burst: Tally,
    after: Tally,
    /// Seconds of the run in which the burst began and ended.
    from: f64,
    until: f64,
    server: Used,
    generator_cpu_s: f64,
}

/// Measures. Errors: the server does not start, the database cannot be used, or the machine has no two cores for us.
pub fn run(plan: &StormPlan, runtime: Runtime) -> Result<StormReport> {
    crate::server::raise_descriptors();
    child::stay_on(plan.cores.1)?;
    let runtime = runtime()?;
    let config = config(&plan.folder, &plan.database);
    let planning = Planning { units: UNITS, room: 0 };
    let scene = within(&config, |app| set(app, planning))?;
    let run = runtime.block_on(storm(plan, &config, &scene))?;
    let told: usize = [&run.calm, &run.burst, &run.after]
        .iter()
        .map(|tally| tally.orders.len())
        .sum();
    let mut verdict = within(&config, |app| {
        runtime.block_on(verdict::read(app, &config, &scene, UNITS))
    })?;
    if told as i64 > verdict.sold {
        verdict
            .violations
            .push(format!("{told} buyers were told that they bought"));
    }
    Ok(report(plan, run, verdict))
}

async fn storm(plan: &StormPlan, config: &crate::config::Config, scene: &Scene) -> Result<Run> {
    let server = Server::start_on(Some(plan.cores.0), &["serve"], &environment(config)).await?;
    let (_shows, seen) = watch::channel(Seen::default());
    let manners = super::buyer::Manners {
        leave: 0,
        again: 0,
        twice: 0,
        in_steps: 0,
        stay: 0,
    };
    let crowd = Arc::new(Crowd::new(scene, server.address, 0, manners, seen));
    let mut host = Host::of(scene, server.address).await?;
    host.act("opening", "").await?;
    let storm = Arc::new(Storm {
        crowd: crowd.clone(),
        began: Instant::now(),
        numbers: AtomicUsize::new(0),
        over: OnceLock::new(),
    });
    let now = || storm.began.elapsed().as_secs_f64();

    let lines = open_lines(&crowd, PEAK_LINES).await?;
    let (warm, lines) = storm.closed(lines, WARM_UP).await?;
    let began = Instant::now();
    let (found, mut lines) = storm.closed(lines, PEAK).await?;
    let peak = found.orders.len() as f64 / began.elapsed().as_secs_f64();
    if peak < 1.0 {
        return Err(Error::internal("nobody could buy"));
    }
    let more = plan.lines.saturating_sub(lines.len());
    lines.extend(open_lines(&crowd, more).await?);
    let mut lines = Lines::of(lines);

    let mut calm = storm.open(&mut lines, peak / 2.0, CALM).await;
    let (before, own, from) = (server.used(), child::own().cpu_s, now());
    let mut burst = storm.open(&mut lines, peak * plan.factor, plan.span).await;
    storm.over.get_or_init(Instant::now);
    let until = now();
    let (used, generator_cpu_s) = (server.used(), child::own().cpu_s - own);
    let mut after = storm.open(&mut lines, peak / 2.0, AFTER).await;
    // Nobody is left in front of the server before it is told to stop.
    tokio::time::sleep(PATIENCE).await;
    while let Ok(tally) = lines.told.try_recv() {
        after.add(tally);
    }
    calm.add(warm);
    calm.add(found);
    // What was told in one stretch may have happened in another.
    let mut orders = std::mem::take(&mut burst.orders);
    orders.append(&mut after.orders);
    orders.append(&mut calm.orders);
    for order in orders {
        let tally = match order.0 {
            at if at < from => &mut calm,
            at if at < until => &mut burst,
            _ => &mut after,
        };
        tally.orders.push(order);
    }
    all_facts_acted_on(server.address).await?;
    host.act("closing", "").await?;
    all_facts_acted_on(server.address).await?;
    drop((host, lines));
    stop(server).await?;
    Ok(Run {
        peak,
        calm,
        burst,
        after,
        from,
        until,
        server: since(used, before),
        generator_cpu_s,
    })
}

async fn open_lines(crowd: &Arc<Crowd>, count: usize) -> Result<Vec<Connection>> {
    let at_once = Arc::new(Semaphore::new(OPEN_AT_ONCE));
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (crowd, at_once) = (crowd.clone(), at_once.clone());
            tokio::spawn(async move {
                let _place = at_once.acquire().await;
                crowd.line().await
            })
        })
        .collect();
    let mut lines = Vec::with_capacity(count);
    for task in tasks {
        lines.push(task.await.map_err(panicked)??);
    }
    Ok(lines)
}

/// Seconds after the burst from which on every quarter of a second's orders took what they take when it is calm.
fn until_normal(run: &Run, calm_p99: f64) -> f64 {
    let well = (calm_p99 * WELL).max(WELL_MS);
    let mut normal = 0.0;
    let mut from = 0.0;
    while from < AFTER.as_secs_f64() {
        let within = |at: f64| (from..from + STEP).contains(&(at - run.until));
        let orders = run.after.orders.iter().filter(|(at, _)| within(*at));
        let took: Vec<f64> = orders.map(|(_, took)| took.as_secs_f64() * 1e3).collect();
        let slow = took.iter().filter(|took| **took > well).count();
        if took.is_empty() || slow * 100 > took.len() {
            normal = from + STEP;
        }
        from += STEP;
    }
    normal
}

fn report(plan: &StormPlan, mut run: Run, verdict: Verdict) -> StormReport {
    // The calm begins after the closed loop, which is no open one.
    let calm_from = run.from - CALM.as_secs_f64();
    let calm = Tally {
        orders: run
            .calm
            .orders
            .iter()
            .copied()
            .filter(|(at, _)| *at >= calm_from)
            .collect(),
        ..Tally::default()
    };
    let calm_ms = calm.took();
    let seconds = run.until - run.from;
    let goodput = run.burst.orders.len() as f64 / seconds;
    let at: Vec<f64> = [&run.calm, &run.burst, &run.after]
        .iter()
        .flat_map(|tally| tally.orders.iter().map(|(at, _)| *at))
        .collect();
    let burst_ms = run.burst.took();
    let admitted_ms = Quantiles::of(&mut run.burst.admitted);
    StormReport {
        machine: Machine::of(&plan.database),
        factor: plan.factor,
        seconds,
        lines: plan.lines,
        peak_per_s: run.peak,
        goodput_per_s: goodput,
        goodput_share: goodput / run.peak,
        seconds_until_normal: until_normal(&run, calm_ms.p99),
        came: run.burst.came,
        dropped: run.burst.dropped,
        gave_up: run.burst.gave_up + run.after.gave_up,
        turned_away: run.burst.turned_away + run.after.turned_away,
        refused: run.calm.refused + run.burst.refused + run.after.refused,
        calm_ms,
        burst_ms,
        admitted_ms,
        server_cpu_s: run.server.cpu_s,
        generator_cpu_s: run.generator_cpu_s,
        server_cpu_us_per_order: run.server.cpu_s * 1e6 / (run.burst.orders.len().max(1) as f64),
        slowest_answer_ms: admitted_ms.max,
        orders_per_s: goodput,
        rss_mb: run.server.rss_peak_mb,
        verdict,
        seen: StormPoints {
            orders: counted(&at, 1.0),
            burst: (run.from, run.until),
        },
    }
}

impl StormReport {
    pub fn is_right(&self) -> bool {
        self.verdict.is_clean() && self.refused == 0
    }

    pub fn in_words(&self) -> String {
        let right = if self.is_right() {
            "Nothing was sold twice, nobody paid twice, and nothing is left reserved."
        } else {
            "Something is wrong: the figures below are worth nothing until it is found."
        };
        format!(
            "At {} times its peak the server sold {:.0} % of what it sells at its best, for {:.0} s, while {} buyers at once asked again without a pause. {:.1} s after the burst it was as quick as before. {right}",
            self.factor,
            self.goodput_share * 100.0,
            self.seconds,
            self.lines,
            self.seconds_until_normal
        )
    }

    pub fn text(&self) -> String {
        let v = &self.verdict;
        let rows = [
            ("peak, on one core", format!("{:.0} orders/s", self.peak_per_s)),
            (
                "burst",
                format!("{} × for {:.0} s, {} lines", self.factor, self.seconds, self.lines),
            ),
            (
                "goodput in the burst",
                format!(
                    "{:.0} orders/s, {:.0} % of the peak",
                    self.goodput_per_s,
                    self.goodput_share * 100.0
                ),
            ),
            ("normal after", format!("{:.2} s", self.seconds_until_normal)),
            (
                "came, found no line, gave up",
                format!("{}, {}, {}", self.came, self.dropped, self.gave_up),
            ),
            ("turned away (503)", self.turned_away.to_string()),
            ("order in the calm", self.calm_ms.text()),
            ("order in the burst", self.burst_ms.text()),
            ("request that was let in", self.admitted_ms.text()),
            (
                "processor time of the burst",
                format!(
                    "server {:.1} s ({:.0} µs an order), generator {:.1} s",
                    self.server_cpu_s, self.server_cpu_us_per_order, self.generator_cpu_s
                ),
            ),
            ("server memory, peak", format!("{:.0} MB", self.rss_mb)),
            (
                "sold, oversold, stranded",
                format!("{}, {}, {}", v.sold, v.oversold, v.stranded),
            ),
            (
                "charged twice, for nothing",
                format!("{}, {}", v.double_charged, v.charged_for_nothing),
            ),
            ("refused", self.refused.to_string()),
        ];
        let mut text = table(&self.machine.text(), &rows);
        for violation in &v.violations {
            text.push_str(&format!("  VIOLATION {violation}\n"));
        }
        text
    }

    pub fn html(&self) -> String {
        page::storm(self)
    }
}
