//! `/healthz`: the process answers. `/readyz`: it can sell. `/metrics`: figures in Prometheus' text format.

use super::Meters;
use crate::app::App;
use crate::db::facts_waiting;
use crate::http::{ClientAddress, Live, Problem};
use crate::kernel::{Error, Kind};
use crate::{drops, growth, inventory, notify, payments};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use std::fmt::{Display, Write};
use std::net::IpAddr;
use std::sync::atomic::Ordering;

pub async fn healthz() -> &'static str {
    "ok\n"
}

/// Asks the database, because a process that cannot reach it cannot sell.
pub async fn readyz(State(app): State<App>) -> Result<&'static str, Problem> {
    if app.db.disk_full() {
        return Err(Error::new(
            Kind::Busy { retry_after: 30 },
            "disk_full",
            "The disk is full: new sales are refused, those under way are finished.",
        )
        .into());
    }
    app.db.read(facts_waiting).await?;
    Ok("ready\n")
}

/// Figures for a monitor on this machine or in its network; the rest of the world finds nothing here.
pub async fn metrics(State(app): State<App>, ClientAddress(client): ClientAddress) -> Result<Response, Problem> {
    if !is_near(client) {
        return Err(Error::not_found("page").into());
    }
    let ((waiting, oldest, set_aside), payments, (mails, webhooks)) = app
        .db
        .read(|tx| {
            let leaving = (notify::waiting(tx)?, notify::webhooks::waiting(tx)?);
            Ok((facts_waiting(tx)?, payments::waiting(tx)?, leaving))
        })
        .await?;
    let (beacons, _) = app.events.read(growth::unfolded).await?;
    let health = app.db.health();
    let events = app.events.health();
    let meters = app.kept::<Meters>();
    let oldest_seconds = oldest.map_or(0, |oldest| app.clock.wall().since(oldest).0.max(0));

    let mut page = Page::default();
    page.one(
        "hawker_queue_depth",
        "gauge",
        "Commands that wait for the write lanes.",
        health.queue_depth,
    );
    page.one(
        "hawker_buyers_at_the_door",
        "gauge",
        "Requests of buyers that wait for room in front of the write lanes.",
        health.at_the_door,
    );
    page.one(
        "hawker_buyers_turned_away_total",
        "counter",
        "Requests of buyers that were refused there, before any work: 503 with Retry-After.",
        meters.turned_away.load(Ordering::Relaxed),
    );
    page.one(
        "hawker_events_queue_depth",
        "gauge",
        "Commands that wait for the lane of the beacons.",
        events.queue_depth,
    );
    page.one(
        "hawker_batches_total",
        "counter",
        "Commits of the write lanes.",
        health.batches,
    );
    page.one(
        "hawker_commands_total",
        "counter",
        "Commands the write lanes ran.",
        health.commands,
    );
    page.one(
        "hawker_batches_retried_total",
        "counter",
        "Batches whose transaction was lost and run again.",
        health.retried,
    );
    page.one(
        "hawker_commits_ambiguous_total",
        "counter",
        "Commits whose outcome had to be looked up.",
        health.ambiguous,
    );
    let ringing = app.db.ringing();
    page.one(
        "hawker_bell_carried",
        "gauge",
        "1 while other replicas are told of commits at once; at 0 they look by themselves.",
        u8::from(ringing.carried),
    );
    page.one(
        "hawker_bell_told_total",
        "counter",
        "Messages to other replicas.",
        ringing.told,
    );
    page.one(
        "hawker_bell_heard_total",
        "counter",
        "Messages of other replicas.",
        ringing.heard,
    );
    page.one(
        "hawker_reads_lately_total",
        "counter",
        "Reads that servers that follow answered.",
        health.lately,
    );
    page.one(
        "hawker_wal_bytes",
        "gauge",
        "Size of SQLite's write-ahead log.",
        health.wal_bytes,
    );
    page.one(
        "hawker_disk_full",
        "gauge",
        "1 while new sales are refused because the disk is full.",
        u8::from(health.disk_full),
    );
    page.one(
        "hawker_facts_waiting",
        "gauge",
        "Facts nobody has acted on yet.",
        waiting,
    );
    page.one(
        "hawker_facts_oldest_seconds",
        "gauge",
        "Age of the oldest of them.",
        oldest_seconds,
    );
    page.one(
        "hawker_facts_set_aside",
        "gauge",
        "Facts that failed too often and wait for a person.",
        set_aside,
    );
    page.one(
        "hawker_payments_unknown",
        "gauge",
        "Payments whose outcome the processor has not told yet.",
        payments.unknown,
    );
    page.one(
        "hawker_payments_voids_owed",
        "gauge",
        "Authorisations that still have to be let go.",
        payments.voids_owed,
    );
    page.one(
        "hawker_payments_conflicted",
        "gauge",
        "Payments frozen because the processor said something else than we asked.",
        payments.conflicted,
    );
    page.one(
        "hawker_payments_strange_notices",
        "gauge",
        "What processors said of payments that are not here, a day after they said so: ask where they come from.",
        payments.strange_notices,
    );
    let mails_oldest = mails.oldest.map_or(0, |oldest| app.clock.wall().since(oldest).0.max(0));
    page.one(
        "hawker_mails_waiting",
        "gauge",
        "Letters that have not left yet.",
        mails.letters,
    );
    page.one(
        "hawker_mails_oldest_seconds",
        "gauge",
        "Age of the oldest of them.",
        mails_oldest,
    );
    page.one(
        "hawker_mails_refused",
        "gauge",
        "Letters of the last thirty days that will not be tried again.",
        mails.refused,
    );
    let webhooks_oldest = webhooks
        .oldest
        .map_or(0, |oldest| app.clock.wall().since(oldest).0.max(0));
    page.one(
        "hawker_webhooks_waiting",
        "gauge",
        "Events that have not arrived at an endpoint yet.",
        webhooks.deliveries,
    );
    page.one(
        "hawker_webhooks_oldest_seconds",
        "gauge",
        "Age of the oldest of them.",
        webhooks_oldest,
    );
    page.one(
        "hawker_webhook_endpoints_failing",
        "gauge",
        "Endpoints where nothing arrives now.",
        webhooks.failing,
    );
    page.one(
        "hawker_beacons_waiting",
        "gauge",
        "Events that are stored and not in the figures yet.",
        beacons,
    );
    page.one(
        "hawker_connections",
        "gauge",
        "Open connections.",
        meters.connections.load(Ordering::Relaxed),
    );
    page.one(
        "hawker_live_streams",
        "gauge",
        "Pages that follow stock.",
        app.kept::<Live<inventory::Stock>>().streams() + app.kept::<Live<drops::live_api::Now>>().streams(),
    );
    page.one("hawker_resident_bytes", "gauge", "Memory in use.", resident_bytes());
    page.head("hawker_answers_total", "counter", "Answers by status.");
    for (hundreds, count) in (1..=5).zip(meters.answers()) {
        page.sample("hawker_answers_total", &format!("status=\"{hundreds}xx\""), count);
    }
    page.head("hawker_job_runs_total", "counter", "Runs of each job.");
    for (name, job) in meters.jobs() {
        page.sample("hawker_job_runs_total", &format!("job=\"{name}\""), job.runs);
    }
    page.head("hawker_job_failures_total", "counter", "Runs that failed.");
    for (name, job) in meters.jobs() {
        page.sample("hawker_job_failures_total", &format!("job=\"{name}\""), job.failures);
    }
    Ok((
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        page.0,
    )
        .into_response())
}

/// This machine, or a private network.
fn is_near(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_loopback() || v4.is_private() || v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("text is writable");
    }
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        writeln!(self.0, "{name} {value}").expect("text is writable");
    }
    fn sample(&mut self, name: &str, label: &str, value: u64) {
        writeln!(self.0, "{name}{{{label}}} {value}").expect("text is writable");
    }
}

/// From Linux' own account of the process; elsewhere 0.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
        .unwrap_or(0)
        * 1024
}
