//! Pages that follow one drop in one process: what they cost, and how soon each of them shows a price step.

use super::buyer::scattered;
use super::crowd::{Crowd, Seen};
use super::figures::Quantiles;
use super::scene::{Host, PRICE, Planning, Scene, config, environment, set, stop, within};
use super::verdict::{self, Verdict};
use super::{Machine, Runtime, page, panicked, since, table};
use crate::bench::child::{self, Server, Used};
use crate::bench::load::{Latencies, Stream};
use crate::kernel::Result;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// Streams that are opened in the same moment.
const OPEN_AT_ONCE: usize = 128;
/// Between two price steps.
const STEP: Duration = Duration::from_millis(1_500);
/// A step that has not arrived by then is missed.
const LATE: Duration = Duration::from_secs(5);

/// What is measured.
#[derive(Clone, Debug)]
pub struct ViewersPlan {
    pub database: String,
    pub folder: std::path::PathBuf,
    pub viewers: usize,
    pub steps: usize,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
pub struct ViewersReport {
    #[serde(flatten)]
    pub machine: Machine,
    pub viewers: usize,
    pub steps: usize,
    #[serde(flatten)]
    pub verdict: Verdict,
    /// From when the host sent the step to when a viewer had it.
    pub step_ms: Quantiles,
    /// Steps that a viewer had not seen five seconds after the last.
    pub missed: usize,
    pub rss_before_mb: f64,
    pub rss_mb: f64,
    pub rss_peak_mb: f64,
    pub kb_per_viewer: f64,
    pub server_cpu_s: f64,
    pub generator_cpu_s: f64,
    pub server_cpu_us_per_event: f64,
    #[serde(skip)]
    pub latencies: Latencies,
}

struct Run {
    steps: Latencies,
    missed: usize,
    events: usize,
    empty: Used,
    full: Used,
    server: Used,
    generator_cpu_s: f64,
}

/// Measures. Errors: the server does not start, or the database cannot be used.
pub fn run(plan: &ViewersPlan, runtime: Runtime) -> Result<ViewersReport> {
    crate::server::raise_descriptors();
    let runtime = runtime()?;
    let config = config(&plan.folder, &plan.database);
    let scene = within(&config, |app| set(app, Planning { units: 100, room: 0 }))?;
    let mut run = runtime.block_on(viewers(plan, &config, &scene))?;
    let verdict = within(&config, |app| {
        runtime.block_on(verdict::read(app, &config, &scene, 100))
    })?;
    Ok(ViewersReport {
        machine: Machine::of(&plan.database),
        viewers: plan.viewers,
        steps: plan.steps,
        verdict,
        step_ms: Quantiles::of(&mut run.steps),
        missed: run.missed,
        rss_before_mb: run.empty.rss_mb,
        rss_mb: run.full.rss_mb,
        rss_peak_mb: run.full.rss_peak_mb,
        kb_per_viewer: (run.full.rss_mb - run.empty.rss_mb) * 1024.0 / plan.viewers.max(1) as f64,
        server_cpu_s: run.server.cpu_s,
        generator_cpu_s: run.generator_cpu_s,
        server_cpu_us_per_event: run.server.cpu_s * 1e6 / run.events.max(1) as f64,
        latencies: run.steps,
    })
}

async fn viewers(plan: &ViewersPlan, config: &crate::config::Config, scene: &Scene) -> Result<Run> {
    let server = Server::start(&["serve"], &environment(config)).await?;
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
    let empty = server.used();
    let (enough, is_enough) = watch::channel(false);
    let at_once = Arc::new(Semaphore::new(OPEN_AT_ONCE));
    let tasks: Vec<_> = (0..plan.viewers)
        .map(|_| {
            let (crowd, at_once) = (crowd.clone(), at_once.clone());
            tokio::spawn(async move {
                let _place = at_once.acquire().await;
                let mut stream = crowd.line().await?.follow(&crowd.path("live")).await?;
                stream.next().await; // How it stands; news comes after it.
                Ok::<Stream, crate::kernel::Error>(stream)
            })
        })
        .collect();
    let mut pages = Vec::with_capacity(plan.viewers);
    for task in tasks {
        let stream = task.await.map_err(panicked)??;
        pages.push(tokio::spawn(watching(stream, is_enough.clone())));
    }
    tokio::time::sleep(STEP).await;

    let (before, own) = (server.used(), child::own().cpu_s);
    let mut sent = Vec::with_capacity(plan.steps);
    for step in 0..plan.steps {
        let price = PRICE - 1 - i64::try_from(step % 1000).unwrap_or(0);
        let body = format!(
            r#"{{"variant":"{}","price":{{"amount":{price},"currency":"EUR"}}}}"#,
            scene.variant
        );
        let at = Instant::now();
        let stands = host.act("prices", &body).await?;
        let version = stands.items.first().map_or(0, |item| item.price_version);
        sent.push((version, at));
        // Not in step with the server, which looks for changes at times of its own.
        tokio::time::sleep(STEP + Duration::from_millis(u64::from(scattered(step, 500)))).await;
    }
    tokio::time::sleep(LATE.saturating_sub(STEP)).await;
    let full = server.used();
    let generator_cpu_s = child::own().cpu_s - own;
    enough.send_replace(true);
    let (mut steps, mut missed, mut events) = (Latencies::default(), 0, 0);
    for page in pages {
        let heard = page.await.map_err(panicked)?;
        events += heard.len();
        for (version, at) in &sent {
            match heard.iter().find(|(heard, _)| heard >= version) {
                Some((_, arrived)) => steps.note(arrived.saturating_duration_since(*at)),
                None => missed += 1,
            }
        }
    }
    host.act("closing", "").await?;
    drop(host);
    stop(server).await?;
    Ok(Run {
        steps,
        missed,
        events,
        empty,
        full,
        server: since(full, before),
        generator_cpu_s,
    })
}

/// The versions of the price as one viewer saw them, each with its time.
async fn watching(mut stream: Stream, mut enough: watch::Receiver<bool>) -> Vec<(i64, Instant)> {
    let mut heard = Vec::new();
    loop {
        tokio::select! {
            chunk = stream.next() => match chunk {
                Some(chunk) => heard.extend(price_version(&chunk).map(|version| (version, Instant::now()))),
                None => return heard,
            },
            _ = enough.changed() => return heard,
        }
    }
}

fn price_version(chunk: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(chunk).ok()?;
    let (_, rest) = text.split_once("\"price_version\":")?;
    let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
    rest[..digits].parse().ok()
}

impl ViewersReport {
    pub fn is_right(&self) -> bool {
        self.verdict.is_clean() && self.missed == 0
    }

    pub fn in_words(&self) -> String {
        let right = if self.is_right() {
            "Every viewer saw every step."
        } else {
            "Some steps did not arrive: the figures below are worth nothing until it is found why."
        };
        format!(
            "{} pages followed one drop; the server used {:.0} MB, {:.0} kB a page. 99 of 100 steps were on a page {:.0} ms after the host sent them. {right}",
            self.viewers, self.rss_mb, self.kb_per_viewer, self.step_ms.p99
        )
    }

    pub fn text(&self) -> String {
        let rows = [
            ("viewers, price steps", format!("{}, {}", self.viewers, self.steps)),
            ("step until it is seen", self.step_ms.text()),
            ("missed", self.missed.to_string()),
            (
                "server memory",
                format!(
                    "{:.0} MB, {:.0} MB before, {:.0} MB at its peak; {:.1} kB a viewer",
                    self.rss_mb, self.rss_before_mb, self.rss_peak_mb, self.kb_per_viewer
                ),
            ),
            (
                "processor time of the steps",
                format!(
                    "server {:.1} s ({:.0} µs an event), generator {:.1} s",
                    self.server_cpu_s, self.server_cpu_us_per_event, self.generator_cpu_s
                ),
            ),
        ];
        let mut text = table(&self.machine.text(), &rows);
        for violation in &self.verdict.violations {
            text.push_str(&format!("  VIOLATION {violation}\n"));
        }
        text
    }

    pub fn html(&self) -> String {
        page::viewers(self)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_of_a_price_is_read_off_an_event() {
        let event = b"event: drop\ndata: {\"items\":[{\"price\":{},\"price_version\":12,\"left\":1}]}\n\n";
        assert_eq!(super::price_version(event), Some(12));
        assert_eq!(super::price_version(b": keep alive"), None);
    }
}
