//! `hawker bench payments`: what the orchestrator itself adds to a promise, a capture and a refund. The time inside the processor is measured and
//! left out; beside it stands what one durable command costs on this machine in the same run, because every operation is two of them: one before
//! the processor is asked, one after.

use super::load::{Arrivals, Latencies, Pace};
use super::shop;
use crate::app::App;
use crate::config::Config;
use crate::db::LaneKey;
use crate::kernel::{AdjustmentId, Answer, CheckoutId, Currency, Error, Id, Money, Result, ShipmentId, ShopId};
use crate::ledger::{self, AccountKey, AccountKind};
use crate::open::{Ports, Use, open};
use crate::payments::sandbox::Books;
use crate::payments::{
    self, AllocatedLeg, AllocatedPart, Allocation, By, CaptureBegin, FeeBearer, OpenIntent, Operation, Part, Purpose,
    RefundBegin, RefundOf, Start,
};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What is measured.
#[derive(Clone, Debug)]
pub struct PaymentsPlan {
    /// `postgres://…` of an empty database; empty is SQLite in `folder`.
    pub database: String,
    pub folder: std::path::PathBuf,
    /// Payments that begin a second; each is promised, captured and given back.
    pub rate: f64,
    pub span: Duration,
    /// Payments that may be on their way at once.
    pub at_once: usize,
}

/// What one operation took without its processor.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Added {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Added {
    fn of(latencies: &mut Latencies) -> Self {
        Self {
            p50_ms: latencies.ms(0.5),
            p99_ms: latencies.ms(0.99),
        }
    }
}

/// What was measured. Latencies do not contain the time inside the processor.
#[derive(Clone, Debug, Serialize)]
pub struct PaymentsReport {
    pub engine: &'static str,
    pub version: &'static str,
    pub rate: f64,
    pub payments: u64,
    pub payments_per_s: f64,
    pub authorize: Added,
    pub capture: Added,
    pub refund: Added,
    /// One durable command that changes nothing but the record of its batch, alone on an idle lane: half of what an operation cannot do without.
    pub durable_command: Added,
    /// The median of an operation by the median of two durable commands.
    pub ratio: f64,
    pub violations: Vec<String>,
}

/// Measures. Errors: the database cannot be used, or a payment did not go its way.
pub fn run(plan: &PaymentsPlan, runtime: &tokio::runtime::Runtime) -> Result<PaymentsReport> {
    let config = Config {
        data: plan.folder.join("data"),
        database: plan.database.clone(),
        headroom_mb: 0,
        card_processor: "sandbox".into(),
        ..Config::default()
    };
    let app = open(&config, Ports::usual(&config)?, Use::Alone)?;
    let measured = shop::open(&app, 1, 1).and_then(|stall| runtime.block_on(measure(plan, &config, &app, stall.shop)));
    app.db.shut_down();
    app.events.shut_down();
    measured
}

/// Payments before the first that is measured: statements are prepared once, and memory is there.
const WARM_UP: u64 = 50;

/// What the three operations of payments took.
#[derive(Default)]
struct Took {
    authorize: Latencies,
    capture: Latencies,
    refund: Latencies,
}

async fn measure(plan: &PaymentsPlan, config: &Config, app: &App, shop: ShopId) -> Result<PaymentsReport> {
    let mut durable = durable_commands(app).await?;
    for _ in 0..WARM_UP {
        one_payment(app, shop, Instant::now(), &mut Took::default()).await?;
    }
    let arrivals = Arc::new(Arrivals::new(Pace::Open(plan.rate), plan.span));
    let began = Instant::now();
    let tasks: Vec<_> = (0..plan.at_once)
        .map(|_| {
            let (app, arrivals) = (app.clone(), arrivals.clone());
            tokio::spawn(async move {
                let mut took = Took::default();
                while let Some(due) = arrivals.next().await {
                    one_payment(&app, shop, due, &mut took).await?;
                }
                Ok::<Took, Error>(took)
            })
        })
        .collect();
    let mut sum = Took::default();
    for task in tasks {
        let one = task
            .await
            .map_err(|error| Error::internal("a payment panicked").because(error))??;
        sum.authorize.merge(one.authorize);
        sum.capture.merge(one.capture);
        sum.refund.merge(one.refund);
    }
    let (payments, span) = (sum.refund.len() as u64, began.elapsed().as_secs_f64());
    let violations = audited(app, config, shop, payments + WARM_UP).await?;
    let (authorize, capture, refund) = (
        Added::of(&mut sum.authorize),
        Added::of(&mut sum.capture),
        Added::of(&mut sum.refund),
    );
    let durable_command = Added::of(&mut durable);
    Ok(PaymentsReport {
        engine: if plan.database.is_empty() { "sqlite" } else { "postgres" },
        version: env!("CARGO_PKG_VERSION"),
        rate: plan.rate,
        payments,
        payments_per_s: payments as f64 / span,
        ratio: (authorize.p50_ms + capture.p50_ms + refund.p50_ms) / (6.0 * durable_command.p50_ms),
        authorize,
        capture,
        refund,
        durable_command,
        violations,
    })
}

/// How long a command takes that does nothing, one after the other.
async fn durable_commands(app: &App) -> Result<Latencies> {
    let mut took = Latencies::default();
    for _ in 0..1_000 {
        let began = Instant::now();
        app.db.write(LaneKey(0), |_| Ok(())).await?;
        took.note(began.elapsed());
    }
    Ok(took)
}

/// Promises, takes and gives back one payment of 24.90. An operation begins when it was due or when the one before it ended.
async fn one_payment(app: &App, shop: ShopId, due: Instant, took: &mut Took) -> Result<()> {
    let checkout: CheckoutId = app.random.id(app.clock.wall());
    let (intent, lane) = (checkout.intent(), LaneKey::of(checkout));
    let currency: Currency = "EUR".parse()?;
    let mut step = Step::new(due);

    let begun = app.db.write(lane, move |tx| {
        let wish = OpenIntent {
            shop,
            checkout,
            amount: Money::new(2490, currency),
            allocation: allocation(),
        };
        let by = By {
            processor: "sandbox",
            method: "card",
            token: "tok_visa",
            terms: payments::Terms::NONE,
        };
        payments::open_and_start(tx, &wish, by)
    });
    let Start::Sending(attempt) = begun.await? else {
        return Err(Error::internal("a payment of the bench was not begun"));
    };
    let answer = step.asked(payments::authorize_ask(app, &attempt)).await;
    app.db
        .write(lane, move |tx| payments::record_asked(tx, &attempt, &answer))
        .await?;
    took.authorize.note(step.end());

    let shipment = ShipmentId::from_uuid(checkout.uuid());
    let begun = app.db.write(lane, move |tx| {
        let plan = payments::capture_plan(tx, intent, &[(Part::Line(0), 1)], true)?;
        payments::capture_begin(tx, intent, shipment, &plan)
    });
    let CaptureBegin::Sending(capture) = begun.await? else {
        return Err(Error::internal("a payment of the bench was not promised"));
    };
    let answer = step.asked(payments::capture_ask(app, &capture)).await;
    let id = capture.id;
    app.db
        .write(lane, move |tx| {
            payments::record(tx, capture.attempt.id, Operation::Capture(id), &answer)
        })
        .await?;
    took.capture.note(step.end());

    let adjustment = AdjustmentId::from_uuid(checkout.uuid());
    let begun = app.db.write(lane, move |tx| {
        let plan = payments::refund_plan(tx, intent, &RefundOf::Rest)?;
        payments::refund_begin(tx, intent, adjustment, &plan)
    });
    let RefundBegin::Sending(refund) = begun.await? else {
        return Err(Error::internal("a payment of the bench was not taken"));
    };
    let answer = step.asked(payments::refund_ask(app, &refund)).await;
    let id = refund.id;
    app.db
        .write(lane, move |tx| {
            payments::record(tx, refund.attempt.id, Operation::Refund(id), &answer)
        })
        .await?;
    took.refund.note(step.end());
    Ok(())
}

/// One line of one unit: its price to the shop, less the tax.
fn allocation() -> Allocation {
    let leg = |kind, purpose, minor| AllocatedLeg {
        account: AccountKey::of(kind),
        purpose,
        minor,
    };
    let line = AllocatedPart {
        quantity: 1,
        legs: vec![
            leg(AccountKind::ShopRevenue, Purpose::Share, 2092),
            leg(AccountKind::TaxPayable, Purpose::Tax, 398),
        ],
    };
    Allocation {
        lines: vec![line],
        delivery: None,
        processor_fee: FeeBearer::Shop,
    }
}

/// The time of one operation, less that inside the processor.
struct Step {
    began: Instant,
    elsewhere: Duration,
}

impl Step {
    fn new(began: Instant) -> Self {
        Self {
            began,
            elsewhere: Duration::ZERO,
        }
    }

    async fn asked(&mut self, ask: impl Future<Output = Answer>) -> Answer {
        let began = Instant::now();
        let answer = ask.await;
        self.elsewhere += began.elapsed();
        answer
    }

    /// What it took; the next one begins now.
    fn end(&mut self) -> Duration {
        let took = self.began.elapsed().saturating_sub(self.elsewhere);
        *self = Self::new(Instant::now());
        took
    }
}

/// Everything that was promised was taken and went back: in the processor's books and in ours.
async fn audited(app: &App, config: &Config, shop: ShopId, payments: u64) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let balances = app.db.read(move |tx| ledger::balances(tx, shop)).await?;
    let sum: i64 = balances.iter().map(|balance| balance.money.minor).sum();
    if sum != 0 {
        broken.push(format!("the ledger's sum is {sum}"));
    }
    let books = Books::open(&config.data.join("sandbox.journal"))?;
    let whole = books
        .payments()
        .filter(|payment| payment.captured == 2490 && payment.refunded == 2490);
    let (all, whole) = (books.payments().count() as u64, whole.count() as u64);
    if (all, whole) != (payments, payments) {
        broken.push(format!(
            "the processor knows {all} payments, {whole} of them taken and given back whole; there were {payments}"
        ));
    }
    Ok(broken)
}

impl PaymentsReport {
    /// For people; the same figures as the JSON.
    pub fn text(&self) -> String {
        let added = |added: Added| format!("{:.2} / {:.2} ms", added.p50_ms, added.p99_ms);
        let rows = [
            (
                "payments",
                format!("{:.0}/s ({} in all)", self.payments_per_s, self.payments),
            ),
            ("authorise, p50 / p99", added(self.authorize)),
            ("capture, p50 / p99", added(self.capture)),
            ("refund, p50 / p99", added(self.refund)),
            ("a durable command alone", added(self.durable_command)),
            ("operation by two of them", format!("{:.2}", self.ratio)),
            ("violations", self.violations.len().to_string()),
        ];
        let mut text = format!(
            "hawker {} on {}, {} payments a second, without the processor's time\n",
            self.version, self.engine, self.rate
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
