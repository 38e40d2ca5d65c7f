//! What the clock does: opens and closes at the times that were set, and sends home what is left.

use super::archive::sooner;
use super::line::wave;
use super::model::{Drop, DropState, Phase};
use super::run::{closed, opened, tidy_up};
use super::{rules, store, wait};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{DropId, Id, Result, Seconds};

/// Looked at in a round.
const ROWS: i64 = 100;
/// Waves a round for one drop: the highest rate that can be set is five full ones a second, and a round may come a second late.
const WAVES: u32 = 6;
/// Marks of one command.
const MARKS: u32 = 50;

/// The job `drops`. Returns how many it looked at. Buyers do not wait for it: a drop sells from the microsecond it was to open.
pub async fn mind(app: &App) -> Result<u64> {
    let due = app.db.read(|tx| store::due(tx, ROWS)).await?;
    for id in due.iter().filter(|_| !mutant!("I16-drop")) {
        let id = *id;
        if told(id, app.db.write(LaneKey::of(id), move |tx| look(tx, id)).await).is_none() {
            // Nor does it stay before them.
            let later = move |tx: &mut Tx<'_>| {
                let drop = store::load(tx, id)?;
                store::look_again(tx, &drop, tx.now().plus(Seconds::minutes(1)))
            };
            app.db.write(LaneKey::of(id), later).await?;
        }
    }
    let_in(app).await?;
    for id in app.db.read(|tx| store::unmarked(tx, ROWS)).await? {
        // A draw of ten thousand is marked in a few rounds, and until then places are counted from the last mark.
        told(
            id,
            app.db
                .write(LaneKey::of(id), move |tx| store::mark(tx, id, MARKS))
                .await,
        );
    }
    for id in every(app, store::with_sales_rules).await? {
        told(
            id,
            app.db.write(LaneKey::of(id), move |tx| rules::by_sales(tx, id)).await,
        );
    }
    for id in every(app, store::with_lists).await? {
        told(id, app.db.write(LaneKey::of(id), move |tx| wait::round(tx, id)).await);
    }
    Ok(due.len() as u64)
}

/// The next waves of all waiting rooms that are open. Costs one read where there are none.
pub async fn let_in(app: &App) -> Result<()> {
    for id in app.db.read(|tx| store::letting_in(tx, ROWS)).await? {
        for _ in 0..WAVES {
            let full = told(id, app.db.write(LaneKey::of(id), move |tx| wave(tx, id)).await);
            if full != Some(true) {
                break;
            }
        }
    }
    Ok(())
}

/// All that a question finds, page by page: what it asks for may stay so for weeks, and nobody's drop may hide behind a hundred others.
async fn every(app: &App, page: fn(&mut Tx<'_>, DropId, i64) -> Result<Vec<DropId>>) -> Result<Vec<DropId>> {
    let mut all: Vec<DropId> = Vec::new();
    loop {
        let after = all.last().copied().unwrap_or(DropId::from_uuid(uuid::Uuid::nil()));
        let found = app.db.read(move |tx| page(tx, after, ROWS)).await?;
        let more = found.len() as i64 == ROWS;
        all.extend(found);
        if !more {
            return Ok(all);
        }
    }
}

/// One drop that cannot be looked at keeps nobody from the others.
fn told<T>(id: DropId, done: Result<T>) -> Option<T> {
    done.inspect_err(
        |error| tracing::error!(%error, drop = %id, "a drop could not be looked at; the next round tries again"),
    )
    .ok()
}

pub(super) fn look(tx: &mut Tx<'_>, id: DropId) -> Result<()> {
    let drop: Drop = store::load(tx, id)?;
    if drop.next_check_at.is_none_or(|at| at > tx.now()) {
        return Ok(()); // Somebody else was here.
    }
    match (drop.state, drop.phase(tx.now())) {
        (DropState::Scheduled, Phase::Open) => opened(tx, &drop, None).map(|_| ()),
        (DropState::Scheduled | DropState::Open | DropState::Paused, Phase::Over) => {
            closed(tx, &drop, None).map(|_| ())
        }
        (DropState::Closed, _) => tidy_up(tx, drop).map(|_| ()),
        _ => {
            let drop = match drop.state {
                DropState::Open => rules::by_the_clock(tx, drop)?,
                _ => drop,
            };
            let rules = match drop.state {
                DropState::Open => store::next_rule_at(tx, id)?,
                _ => None,
            };
            let at = sooner(drop.look(tx.now()), rules).unwrap_or(tx.now().plus(Seconds::days(1)));
            store::look_again(tx, &drop, at)
        }
    }
}
