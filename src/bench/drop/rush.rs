//! Everybody within a second: the drop opens, and buyers come whether or not those before them were answered.

use super::buyer::{Buyer, End, Manners, Story};
use super::crowd::{Crowd, Seen, heard};
use super::figures::{Quantiles, median};
use super::scene::{Host, Planning, Scene, config, environment, set, stop, within};
use super::verdict::{self, Verdict};
use super::{Machine, Runtime, page, panicked, since, table};
use crate::bench::checkout::all_facts_acted_on;
use crate::bench::child::{self, Server, Used};
use crate::bench::load::{Arrivals, Connection, Latencies, Pace};
use crate::kernel::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// Lines that are opened in the same moment before the drop opens: the kernel keeps only so many of them for a server.
const JOIN_AT_ONCE: usize = 256;
/// Who comes when a waiting room is open already. Few: what their browsers have to work in a rush, this one machine works for all of them.
const LATE: usize = 10;
/// Reservations of those who went away without a word end after this, and what they held goes on.
const HOLD: Duration = Duration::from_secs(75);

/// What is measured.
#[derive(Clone, Debug)]
pub struct RushPlan {
    /// `postgres://…` of an empty database; empty is SQLite in `folder`.
    pub database: String,
    pub folder: std::path::PathBuf,
    pub buyers: usize,
    pub units: u32,
    /// All of them come within this after the opening.
    pub span: Duration,
    /// People let in a minute; 0: no waiting room.
    pub room: u32,
    /// Buyers of a hundred who reserve and leave.
    pub leave: u32,
    /// Pages of a hundred that follow the drop's stream, each on a line of its own beside that of its buyer.
    pub follow: usize,
}

/// What came of it. Latencies are from when a request was sent to the last byte of its answer, unless they say otherwise.
#[derive(Clone, Debug, Serialize)]
pub struct RushReport {
    #[serde(flatten)]
    pub machine: Machine,
    pub buyers: usize,
    pub units: u32,
    pub seconds: f64,
    /// People let in a minute; 0: no waiting room.
    pub waiting_room: u32,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Buyers who were definitely told no.
    pub refused: usize,
    /// Buyers who reserved and left.
    pub left: usize,
    /// Buyers who do not know what became of it.
    pub without_verdict: usize,
    /// Answers 503 with `Retry-After`; their buyers asked again.
    pub turned_away: u64,
    pub broken_lines: u64,
    /// The slowest answer to a request that reserves.
    pub slowest_answer_ms: f64,
    /// From when a buyer was to come until their first tap was decided: the quote, the tap, and whatever kept the generator.
    pub slowest_decision_ms: f64,
    pub quote_ms: Quantiles,
    pub reserve_ms: Quantiles,
    pub pay_ms: Quantiles,
    /// From the opening until 95 of 100 orders were confirmed: the others are of units that came free again, or of buyers who thought first.
    pub orders_per_s: f64,
    /// The median of what those in the waiting room were told too much or too little, of what they waited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate_error_pct: Option<f64>,
    /// Streams that were open all the time, and what they heard.
    pub streams: usize,
    pub events_heard: usize,
    pub server_cpu_s: f64,
    pub generator_cpu_s: f64,
    pub server_cpu_us_per_order: f64,
    pub server_cpu_us_per_buyer: f64,
    pub rss_mb: f64,
    pub written_mb: f64,
    pub drain_ms: f64,
    #[serde(skip)]
    pub seen: Points,
}

/// For the page.
#[derive(Clone, Debug, Default)]
pub struct Points {
    /// Seconds after the opening, of each order and of each refusal.
    pub sold_at: Vec<f64>,
    pub refused_at: Vec<f64>,
    /// Place in the draw, or of arrival, and place of sale.
    pub fairness: Vec<(f64, f64)>,
    /// Told and waited, in seconds.
    pub waits: Vec<(f64, f64)>,
    pub reserves: Latencies,
    pub pays: Latencies,
    pub quotes: Latencies,
    pub codes: BTreeMap<String, usize>,
}

struct Run {
    stories: Vec<Story>,
    streams: usize,
    events: usize,
    server: Used,
    generator_cpu_s: f64,
    drain: Duration,
}

/// Measures. Errors: the server does not start, or the database cannot be used.
pub fn run(plan: &RushPlan, runtime: Runtime) -> Result<RushReport> {
    crate::server::raise_descriptors();
    let runtime = runtime()?;
    let config = config(&plan.folder, &plan.database);
    let planning = Planning {
        units: plan.units,
        room: plan.room,
    };
    let scene = within(&config, |app| set(app, planning))?;
    let run = runtime.block_on(rush(plan, &config, &scene))?;
    let mut verdict = within(&config, |app| {
        runtime.block_on(verdict::read(app, &config, &scene, plan.units))
    })?;
    for story in &run.stories {
        verdict.violations.extend(story.violations.iter().cloned());
    }
    Ok(report(plan, run, verdict))
}

async fn rush(plan: &RushPlan, config: &crate::config::Config, scene: &Scene) -> Result<Run> {
    let server = Server::start(&["serve"], &environment(config)).await?;
    let address = server.address;
    let manners = Manners {
        leave: plan.leave,
        again: 3,
        twice: 3,
        in_steps: 20,
        stay: if plan.room > 0 { 0 } else { 10 },
    };
    let (shows, seen) = watch::channel(Seen::default());
    let crowd = Arc::new(Crowd::new(scene, address, plan.room, manners, seen));
    let shows = Arc::new(shows);
    let streams = (plan.buyers * plan.follow / 100).max(1);
    let pages = follow(&crowd, &shows, streams).await?;
    let (early, late) = join(&crowd, plan).await?;
    let mut host = Host::of(scene, address).await?;

    let (before, own) = (server.used(), child::own().cpu_s);
    host.act("opening", "").await?;
    crowd.open();
    let pace = Pace::Open(plan.buyers as f64 / plan.span.as_secs_f64());
    let arrivals = Arrivals::new(pace, plan.span + Duration::from_secs(1));
    let mut tasks = Vec::with_capacity(plan.buyers);
    for buyer in early.into_iter().chain(late) {
        let due = arrivals.next().await.unwrap_or_else(Instant::now);
        tasks.push(tokio::spawn(buyer.come(due)));
    }
    let mut stories = Vec::with_capacity(tasks.len());
    for task in tasks {
        stories.push(task.await.map_err(panicked)?);
    }
    let answered = Instant::now();
    all_facts_acted_on(address).await?;
    let drain = answered.elapsed();
    let server_used = since(server.used(), before);
    let generator_cpu_s = child::own().cpu_s - own;

    // Whoever went away without a word holds their units for a minute, and no longer.
    let began = Instant::now();
    while host.sees().await?.reserved() > 0 && began.elapsed() < HOLD {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    host.act("closing", "").await?;
    all_facts_acted_on(address).await?;
    drop(host);
    stop(server).await?;
    let mut events = 0;
    for page in pages {
        events += page.await.map_err(panicked)?;
    }
    Ok(Run {
        stories,
        streams,
        events,
        server: server_used,
        generator_cpu_s,
        drain,
    })
}

/// Pages that are open and follow the drop; each answers how often it was told something.
async fn follow(
    crowd: &Arc<Crowd>,
    shows: &Arc<watch::Sender<Seen>>,
    count: usize,
) -> Result<Vec<tokio::task::JoinHandle<usize>>> {
    let mut pages = Vec::with_capacity(count);
    for number in 0..count {
        let mut stream = crowd.line().await?.follow(&crowd.path("live")).await?;
        let shows = (number == 0).then(|| shows.clone());
        pages.push(tokio::spawn(async move {
            let mut events = 0;
            while let Some(chunk) = stream.next().await {
                events += 1;
                if let (Some(shows), Some(seen)) = (&shows, heard(&chunk)) {
                    shows.send_replace(seen);
                }
            }
            events
        }));
    }
    Ok(pages)
}

/// Everybody's line; and in a waiting room the turns of all but a few, who come when it is open.
async fn join(crowd: &Arc<Crowd>, plan: &RushPlan) -> Result<(Vec<Buyer>, Vec<Buyer>)> {
    let at_once = Arc::new(Semaphore::new(JOIN_AT_ONCE));
    let mut tasks = Vec::with_capacity(plan.buyers);
    let late = if plan.room > 0 { (plan.buyers / 10).min(LATE) } else { 0 };
    for number in 0..plan.buyers {
        let (crowd, at_once) = (crowd.clone(), at_once.clone());
        let joins = number + late < plan.buyers;
        tasks.push(tokio::spawn(async move {
            let _place = at_once.acquire().await;
            let line: Connection = crowd.line().await?;
            let mut buyer = Buyer::new(crowd, number, line);
            if joins {
                buyer.join().await?;
            }
            Ok::<Buyer, crate::kernel::Error>(buyer)
        }));
    }
    let mut buyers = Vec::with_capacity(plan.buyers);
    for task in tasks {
        buyers.push(task.await.map_err(panicked)??);
    }
    let late = buyers.split_off(plan.buyers - late);
    Ok((buyers, late))
}

fn report(plan: &RushPlan, run: Run, mut verdict: Verdict) -> RushReport {
    let mut points = Points::default();
    let (mut left, mut without_verdict, mut turned_away, mut broken) = (0, 0, 0, 0);
    let mut decided = Latencies::default();
    let mut sales = Vec::new();
    for story in run.stories {
        let at = story.at.as_secs_f64();
        match &story.end {
            End::Bought(_) => {
                sales.push((at, story.place.map_or(story.number as f64 + 1.0, |place| place as f64)));
                points.sold_at.push(at);
            }
            End::Refused(code) => {
                *points.codes.entry(code.clone()).or_default() += 1;
                points.refused_at.push(at);
            }
            End::Left => left += 1,
            End::NoVerdict(why) => {
                without_verdict += 1;
                *points.codes.entry(format!("no verdict: {why}")).or_default() += 1;
            }
        }
        turned_away += story.turned_away;
        broken += story.broken;
        if !story.decided.is_zero() {
            decided.note(story.decided);
        }
        points.waits.extend(story.waited);
        points.quotes.merge(story.quotes);
        points.reserves.merge(story.reserves);
        points.pays.merge(story.pays);
    }
    sales.sort_by(|one, two| one.0.total_cmp(&two.0));
    points.fairness = sales
        .iter()
        .enumerate()
        .map(|(rank, (_, place))| (*place, rank as f64 + 1.0))
        .collect();
    // The answers may be fewer than the sales, if a line broke for good; they are never more.
    if points.sold_at.len() as i64 > verdict.sold {
        let told = points.sold_at.len();
        verdict
            .violations
            .push(format!("{told} buyers were told that they bought"));
    }
    let most = sales.len() * 95 / 100;
    let until = sales.get(most.saturating_sub(1)).map_or(0.0, |(at, _)| *at);
    let errors: Vec<f64> = points
        .waits
        .iter()
        .filter(|(_, waited)| *waited >= 1.0)
        .map(|(told, waited)| (told - waited).abs() / waited * 100.0)
        .collect();
    let sold = usize::try_from(verdict.sold).unwrap_or(0).max(1);
    RushReport {
        machine: Machine::of(&plan.database),
        buyers: plan.buyers,
        units: plan.units,
        seconds: plan.span.as_secs_f64(),
        waiting_room: plan.room,
        refused: points.refused_at.len(),
        left,
        without_verdict,
        turned_away,
        broken_lines: broken,
        slowest_answer_ms: points.reserves.ms(1.0),
        slowest_decision_ms: decided.ms(1.0),
        quote_ms: Quantiles::of(&mut points.quotes),
        reserve_ms: Quantiles::of(&mut points.reserves),
        pay_ms: Quantiles::of(&mut points.pays),
        orders_per_s: if until > 0.0 { most as f64 / until } else { 0.0 },
        estimate_error_pct: (!errors.is_empty()).then(|| median(errors)),
        streams: run.streams,
        events_heard: run.events,
        server_cpu_s: run.server.cpu_s,
        generator_cpu_s: run.generator_cpu_s,
        server_cpu_us_per_order: run.server.cpu_s * 1e6 / sold as f64,
        server_cpu_us_per_buyer: run.server.cpu_s * 1e6 / plan.buyers.max(1) as f64,
        rss_mb: run.server.rss_peak_mb,
        written_mb: run.server.written_mb,
        drain_ms: run.drain.as_secs_f64() * 1e3,
        verdict,
        seen: points,
    }
}

impl RushReport {
    /// Whether the answers were right, whatever they took.
    pub fn is_right(&self) -> bool {
        self.verdict.is_clean() && self.without_verdict == 0
    }

    /// What it comes to, in a sentence or two.
    pub fn in_words(&self) -> String {
        let v = &self.verdict;
        let right = if self.is_right() {
            "Nothing was sold twice, nobody paid twice, nothing is left reserved, and everybody was told what became of it."
        } else {
            "Something is wrong: the figures below are worth nothing until it is found."
        };
        format!(
            "{} of {} units were sold to {} buyers who came within {} s. {} were told no, {} reserved and left, {} were never told. {right}",
            v.sold, self.units, self.buyers, self.seconds, self.refused, self.left, self.without_verdict
        )
    }

    /// For people; the same figures as the JSON.
    pub fn text(&self) -> String {
        let v = &self.verdict;
        let mut rows = vec![
            (
                "buyers, units",
                format!("{} for {}, within {} s", self.buyers, self.units, self.seconds),
            ),
            (
                "sold, oversold, stranded",
                format!("{}, {}, {}", v.sold, v.oversold, v.stranded),
            ),
            (
                "charged twice, for nothing",
                format!("{}, {}", v.double_charged, v.charged_for_nothing),
            ),
            (
                "refused, left, without a verdict",
                format!("{}, {}, {}", self.refused, self.left, self.without_verdict),
            ),
            (
                "turned away (503), broken lines",
                format!("{}, {}", self.turned_away, self.broken_lines),
            ),
            ("orders", format!("{:.0}/s", self.orders_per_s)),
            (
                "slowest answer to a reservation",
                format!("{:.0} ms", self.slowest_answer_ms),
            ),
            (
                "slowest decision since arrival",
                format!("{:.0} ms", self.slowest_decision_ms),
            ),
            ("quote", self.quote_ms.text()),
            ("reserve", self.reserve_ms.text()),
            ("pay", self.pay_ms.text()),
            (
                "processor time",
                format!(
                    "server {:.2} s ({:.0} µs an order, {:.0} µs a buyer), generator {:.2} s",
                    self.server_cpu_s, self.server_cpu_us_per_order, self.server_cpu_us_per_buyer, self.generator_cpu_s
                ),
            ),
            ("server memory, peak", format!("{:.0} MB", self.rss_mb)),
            ("facts drained after", format!("{:.0} ms", self.drain_ms)),
            (
                "pages that followed",
                format!("{}, {} events", self.streams, self.events_heard),
            ),
        ];
        if let Some(error) = self.estimate_error_pct {
            rows.push((
                "estimate in the waiting room",
                format!("{error:.0} % off in the median"),
            ));
        }
        let mut text = table(&self.machine.text(), &rows);
        for (code, count) in &self.seen.codes {
            text.push_str(&format!("    {count} × {code}\n"));
        }
        for violation in &v.violations {
            text.push_str(&format!("  VIOLATION {violation}\n"));
        }
        text
    }

    /// One page, self-contained.
    pub fn html(&self) -> String {
        page::rush(self)
    }
}
