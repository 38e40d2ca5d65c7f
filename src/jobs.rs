//! The jobs: what is done again and again, and how often. One line a job.
//!
//! Tables: none. Always true: a job may be killed at any moment and run twice; a job that needs to be alone holds a lease, so that of many
//! replicas one runs it; a failure is logged and counted, and the next round tries again. It deliberately keeps no schedule on disk.

use crate::app::App;
use crate::db::{forget_batches, give_up_leases, take_lease};
use crate::http::{Stopping, forget_idle_callers, forget_old_keys};
use crate::identity::{forget_known_keys, forget_old_sign_ins};
use crate::kernel::{Result, Seconds};
use crate::notify::webhooks;
use crate::operating::Meters;
use crate::{
    checkout, drops, erasure, exchanges, flow, growth, ledger, notify, payments, preorders, price_matches, returns,
};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

type Round = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// One job.
struct Job {
    name: &'static str,
    period: Duration,
    runs: Runs,
    round: fn(App, [u8; 16]) -> Round,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    /// In every process: it looks after the process itself, or takes rows that others skip.
    Everywhere,
    /// In one process of all replicas, by lease.
    Alone,
}

const JOBS: &[Job] = &[
    Job {
        name: "disk",
        period: Duration::from_secs(2),
        runs: Runs::Everywhere,
        round: |app, _| Box::pin(mind_the_disk(app)),
    },
    Job {
        name: "limits",
        period: Duration::from_secs(60),
        runs: Runs::Everywhere,
        round: |app, _| Box::pin(forget_limits(app)),
    },
    Job {
        name: "checkouts",
        period: Duration::from_secs(1),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { checkout::resume(&app).await.map(drop) }),
    },
    Job {
        name: "drops",
        period: Duration::from_secs(1),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { drops::mind(&app).await.map(drop) }),
    },
    // Finer than the job that minds drops: how long somebody waits is told to the second. Two who do it let nobody in twice.
    Job {
        name: "waiting_rooms",
        period: Duration::from_millis(200),
        runs: Runs::Everywhere,
        round: |app, _| Box::pin(async move { drops::let_in(&app).await }),
    },
    Job {
        name: "windows",
        period: Duration::from_secs(1),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { drops::mind_windows(&app).await.map(drop) }),
    },
    Job {
        name: "preorders",
        period: Duration::from_secs(1),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { preorders::mind(&app).await.map(drop) }),
    },
    Job {
        name: "preorder_letters",
        period: Duration::from_secs(1),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { notify::write_preorder_letters(&app).await.map(drop) }),
    },
    Job {
        name: "drop_letters",
        period: Duration::from_secs(1),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { notify::write_drop_letters(&app).await.map(drop) }),
    },
    Job {
        name: "returns",
        period: Duration::from_secs(2),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { returns::mind(&app).await.map(drop) }),
    },
    Job {
        name: "exchanges",
        period: Duration::from_secs(1),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { exchanges::mind(&app).await.map(drop) }),
    },
    Job {
        name: "price_matches",
        period: Duration::from_secs(1),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { price_matches::work(&app).await.map(drop) }),
    },
    Job {
        name: "return_letters",
        period: Duration::from_secs(60),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { notify::remind_of_returns(&app).await.map(drop) }),
    },
    Job {
        name: "payments",
        period: Duration::from_secs(1),
        runs: Runs::Everywhere,
        round: |app, _| Box::pin(async move { payments::resolve(&app, checkout::conclude).await.map(drop) }),
    },
    Job {
        name: "strange_notices",
        period: Duration::from_secs(30),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { payments::mind_strangers(&app, checkout::conclude).await.map(drop) }),
    },
    Job {
        name: "disputes",
        period: Duration::from_secs(2),
        runs: Runs::Everywhere,
        round: |app, _| Box::pin(async move { payments::disputes::mind(&app).await.map(drop) }),
    },
    Job {
        name: "stored_methods",
        period: Duration::from_secs(5),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { payments::stored::mind(&app).await.map(drop) }),
    },
    Job {
        name: "erasures",
        period: Duration::from_secs(2),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { erasure::mind(&app).await.map(drop) }),
    },
    Job {
        name: "settlement_files",
        period: Duration::from_secs(2),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { payments::settlement_files::work(&app).await.map(drop) }),
    },
    Job {
        name: "seal",
        period: Duration::from_secs(2),
        runs: Runs::Everywhere,
        round: |app, owner| Box::pin(async move { ledger::seal(&app, owner).await.map(drop) }),
    },
    Job {
        name: "mail",
        period: Duration::from_secs(1),
        runs: Runs::Everywhere,
        round: |app, _| Box::pin(async move { notify::deliver(&app).await.map(drop) }),
    },
    Job {
        name: "beacons",
        period: Duration::from_secs(1),
        runs: Runs::Everywhere,
        round: |app, _| Box::pin(async move { growth::fold(&app).await.map(drop) }),
    },
    Job {
        name: "old_beacons",
        period: Duration::from_secs(60),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { growth::prune(&app).await.map(drop) }),
    },
    Job {
        name: "old_mail_budgets",
        period: Duration::from_secs(600),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { notify::prune(&app).await.map(drop) }),
    },
    Job {
        name: "old_webhooks",
        period: Duration::from_secs(10),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { webhooks::prune(&app).await.map(drop) }),
    },
    Job {
        name: "batches",
        period: Duration::from_secs(20),
        runs: Runs::Alone,
        round: |app, _| Box::pin(prune_batches(app)),
    },
    Job {
        name: "old_keys",
        period: Duration::from_secs(600),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { app.db.background(forget_old_keys).await.map(drop) }),
    },
    Job {
        name: "old_sign_ins",
        period: Duration::from_secs(600),
        runs: Runs::Alone,
        round: |app, _| Box::pin(async move { app.db.background(forget_old_sign_ins).await.map(drop) }),
    },
];

/// Starts the fact loop and all jobs; they end when the program stops.
pub fn start(app: &App) {
    let owner = *app.random.uuid().as_bytes();
    app.tasks.spawn(carry_the_bell(app.clone()));
    app.tasks.spawn(believe_no_old_keys(app.clone()));
    app.tasks.spawn(act_on_facts(app.clone()));
    app.tasks.spawn(send_webhooks(app.clone()));
    app.tasks.spawn(give_up_at_the_end(app.clone(), owner));
    for job in JOBS {
        app.tasks.spawn(repeat(app.clone(), job, owner));
    }
}

/// Tells other replicas that something was committed, and hears it from them.
async fn carry_the_bell(app: App) {
    let stopping = app.kept::<Stopping>().0.clone();
    let nats = app.settings.nats.clone();
    app.db.carry_bell(&nats, stopping.cancelled_owned()).await;
}

/// A key that was revoked at another replica is asked for again at once, and not when it is not believed any more.
async fn believe_no_old_keys(app: App) {
    let stopping = app.kept::<Stopping>().0.clone();
    let keys = app.db.bell().listen(&["api_keys"]);
    loop {
        tokio::select! {
            () = keys.rung() => forget_known_keys(&app),
            () = stopping.cancelled() => return,
        }
    }
}

/// In good order: another replica need not wait until our leases end.
async fn give_up_at_the_end(app: App, owner: [u8; 16]) {
    app.kept::<Stopping>().0.clone().cancelled().await;
    let given_up = app.db.background(move |tx| give_up_leases(tx, owner)).await;
    if let Err(error) = given_up {
        tracing::debug!(%error, "leases end by themselves");
    }
}

/// Acts on facts as soon as they are recorded, and every second in case a wake-up was lost or another process recorded them.
async fn act_on_facts(app: App) {
    let stopping = app.kept::<Stopping>().0.clone();
    let facts = app.db.bell().listen(&["outbox"]);
    while !stopping.is_cancelled() {
        let done = app.db.drain_facts(flow::acts(&app)).await;
        if matches!(done, Ok(1..)) {
            app.kept::<webhooks::Waker>().wake();
        }
        note(&app, "facts", done.map(drop));
        tokio::select! {
            () = facts.rung() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stopping.cancelled() => {}
        }
    }
}

/// Sends webhooks as soon as events are written or places get free, and every second what falls due again.
async fn send_webhooks(app: App) {
    let stopping = app.kept::<Stopping>().0.clone();
    let waker = app.kept::<webhooks::Waker>();
    while !stopping.is_cancelled() {
        let taken = webhooks::deliver(&app).await;
        let pause = match taken {
            Ok(1..) => Duration::ZERO,
            Ok(0) => Duration::from_millis(20),
            Err(_) => Duration::from_secs(1),
        };
        note(&app, "webhooks", taken.map(drop));
        if pause.is_zero() {
            continue;
        }
        tokio::time::sleep(pause).await; // However often it is woken, it does not spin.
        tokio::select! {
            () = waker.woken() => {}
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
            () = stopping.cancelled() => {}
        }
    }
}

async fn repeat(app: App, job: &'static Job, owner: [u8; 16]) {
    let stopping = app.kept::<Stopping>().0.clone();
    loop {
        tokio::select! {
            () = tokio::time::sleep(jittered(&app, job.period)) => {}
            () = stopping.cancelled() => return,
        }
        note(&app, job.name, round(&app, job, owner).await);
    }
}

async fn round(app: &App, job: &'static Job, owner: [u8; 16]) -> Result<()> {
    if job.runs == Runs::Alone {
        let term = Seconds(i64::try_from(job.period.as_secs()).unwrap_or(60) * 3 + 10);
        if app
            .db
            .background(move |tx| take_lease(tx, job.name, owner, term))
            .await?
            .is_none()
        {
            return Ok(()); // Another replica runs it.
        }
    }
    (job.round)(app.clone(), owner).await
}

fn note(app: &App, name: &'static str, done: Result<()>) {
    app.kept::<Meters>().job_ran(name, done.is_ok());
    if let Err(error) = done {
        tracing::error!(%error, job = name, "a job failed; its next round tries again");
    }
}

/// Within a tenth of the period, so that replicas and jobs do not march in step.
fn jittered(app: &App, period: Duration) -> Duration {
    let mut dice = [0u8; 1];
    app.random.fill(&mut dice);
    period.mul_f64(0.9 + f64::from(dice[0]) / 1275.0)
}

async fn mind_the_disk(app: App) -> Result<()> {
    // Writing the headroom again can take a while: not on a thread that serves requests.
    let minded = tokio::task::spawn_blocking(move || {
        app.db.mind_the_disk();
        app.events.mind_the_disk();
    });
    minded
        .await
        .map_err(|error| crate::kernel::Error::internal("the disk could not be looked at").because(error))
}

async fn forget_limits(app: App) -> Result<()> {
    forget_idle_callers(&app);
    Ok(())
}

async fn prune_batches(app: App) -> Result<()> {
    for db in [&app.db, &app.events] {
        while db.background(forget_batches).await? > 0 {}
    }
    Ok(())
}
