//! Taking what a player sends: each event once, within the budgets of its visit and its shop, and what is not taken is counted.

use super::model::{BATCH_MAX, Batch, Dropped, SHOP_EVENTS_MAX, VISIT_EVENTS_MAX, day_of, day_of_event, whole};
use super::store;
use crate::db::Tx;
use crate::kernel::Result;
use std::collections::BTreeMap;

/// What became of a batch. The three add up to what was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    pub accepted: u32,
    /// Here already: the batch was sent again.
    pub duplicates: u32,
    pub dropped: u32,
}

/// Writes a checked batch. Order of refusals: what was dropped before, the visit's budget, the shop's.
///
/// A batch is taken whole or not at all: which of its events would still fit is nobody's question.
pub fn ingest(tx: &mut Tx<'_>, batch: &Batch) -> Result<Ingested> {
    assert!(batch.events.len() <= BATCH_MAX, "a batch is cut before it gets here");
    let today = day_of(tx.now());
    let mut done = Ingested::default();
    let mut dropped: BTreeMap<&'static str, (Dropped, u32)> = BTreeMap::new();
    for reason in &batch.dropped {
        dropped.entry(reason.word()).or_insert((*reason, 0)).1 += 1;
    }
    match over_budget(tx, batch, today)? {
        Some(reason) => {
            dropped.entry(reason.word()).or_insert((reason, 0)).1 +=
                u32::try_from(batch.events.len()).unwrap_or(u32::MAX)
        }
        None => {
            for event in &batch.events {
                let day = day_of_event(tx.now(), event.ago_ms);
                let place = store::Place {
                    shop: batch.shop,
                    clip: batch.clip,
                    version: batch.version,
                    visit: batch.visit,
                    day,
                };
                match store::insert(tx, &place, event)? {
                    true => done.accepted += 1,
                    false => done.duplicates += 1,
                }
            }
        }
    }
    for (reason, count) in dropped.into_values() {
        store::count_dropped(tx, batch.shop, today, reason, i64::from(count))?;
        done.dropped += count;
    }
    Ok(done)
}

fn over_budget(tx: &mut Tx<'_>, batch: &Batch, today: i64) -> Result<Option<Dropped>> {
    let count = i64::try_from(batch.events.len()).unwrap_or(i64::MAX);
    if count == 0 {
        return Ok(None);
    }
    if let Some(visit) = batch.visit
        && !store::take_budget(tx, batch.shop, today, visit, count, VISIT_EVENTS_MAX)?
    {
        return Ok(Some(Dropped::VisitLimit));
    }
    if !store::take_budget(tx, batch.shop, today, whole(batch.shop), count, SHOP_EVENTS_MAX)? {
        return Ok(Some(Dropped::ShopLimit));
    }
    Ok(None)
}
