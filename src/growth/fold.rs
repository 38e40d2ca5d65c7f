//! The job that turns events into sums, and the one that forgets them.

use super::model::{REMEMBERED, day_of};
use super::store::{self, CounterKey, SecondKey, StepKey, Unfolded};
use crate::app::App;
use crate::db::Tx;
use crate::kernel::{AnchorId, Id, Result};
use std::collections::{BTreeMap, BTreeSet};

/// Events a command adds: at most four rows each, most of them shared.
const CHUNK: i64 = 100;
/// Rows a command forgets.
const FORGOTTEN: i64 = 200;

/// Adds every waiting event to the sums, some at a time; answers how many. Runs wherever and as often as it likes: an event is claimed in
/// the transaction that adds it.
pub async fn fold(app: &App) -> Result<u64> {
    let mut total = 0;
    loop {
        let done = app.events.background(|tx| fold_some(tx, CHUNK)).await?;
        total += done;
        if done == 0 {
            return Ok(total);
        }
    }
}

pub(super) fn fold_some(tx: &mut Tx<'_>, most: i64) -> Result<u64> {
    let events = store::claim(tx, most)?;
    let sums = Sums::of(&events);
    for (key, count) in &sums.counters {
        store::add_count(tx, key, *count)?;
    }
    for key in &sums.steps {
        store::reach(tx, key)?;
    }
    for (key, change) in &sums.changes {
        store::change_plays(tx, key, *change)?;
    }
    Ok(events.len() as u64)
}

/// Sorted, so that two replicas meet the same rows in the same order and never wait for each other in a circle.
#[derive(Default)]
struct Sums {
    counters: BTreeMap<CounterKey, i64>,
    steps: BTreeSet<StepKey>,
    changes: BTreeMap<SecondKey, i64>,
}

impl Sums {
    fn of(events: &[Unfolded]) -> Self {
        let mut sums = Self::default();
        for event in events {
            let (shop, clip, day) = (event.shop, event.clip, event.day);
            let anchor = event.anchor.unwrap_or_else(|| AnchorId::from_uuid(clip.uuid()));
            *sums
                .counters
                .entry((shop, clip, day, event.kind.word(), anchor))
                .or_default() += 1;
            if let (Some(step), Some(visit)) = (event.kind.step(), event.visit) {
                sums.steps.insert((shop, day, clip, step, visit));
            }
            if event.to > event.from {
                *sums.changes.entry((shop, clip, day, event.from)).or_default() += 1;
                *sums.changes.entry((shop, clip, day, event.to)).or_default() -= 1;
            }
        }
        sums
    }
}

/// Forgets events whose ids need not be remembered any more, and budgets of past days.
pub async fn prune(app: &App) -> Result<u64> {
    let mut total = 0;
    loop {
        let done = app.events.background(prune_some).await?;
        total += done;
        if done == 0 {
            return Ok(total);
        }
    }
}

pub(super) fn prune_some(tx: &mut Tx<'_>) -> Result<u64> {
    let events = store::forget_events(tx, tx.now().minus(REMEMBERED), FORGOTTEN)?;
    // Yesterday's budgets stay a day longer: a replica's clock may still be there.
    Ok(events + store::forget_budgets(tx, day_of(tx.now()) - 1, FORGOTTEN)?)
}
