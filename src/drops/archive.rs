//! One act: the drop moves from the version it was read with, and what was done is written behind what was done before.

use super::model::{Drop, DropState, Event, EventKind, event_hash};
use super::store;
use crate::db::Tx;
use crate::kernel::{Engine, Error, Result, StaffId, Time};

/// Writes `after` and its event. An act that somebody else's came before runs again and sees what they did.
pub(super) fn act(
    tx: &mut Tx<'_>,
    before: &Drop,
    after: Drop,
    kind: EventKind,
    detail: &serde_json::Value,
    staff: Option<StaffId>,
) -> Result<Drop> {
    let mut event = Event {
        position: before.version + 1,
        kind,
        detail: detail.to_string(),
        staff,
        at: whole(tx.now()),
        hash: [0; 32],
    };
    event.hash = event_hash(before.id, &before.head, &event);
    let after = Drop {
        version: event.position,
        head: event.hash,
        changed_at: tx.now(),
        next_check_at: match after.state == before.state
            && after.closes_at == before.closes_at
            && after.opens_at == before.opens_at
        {
            true => after.next_check_at,
            false => sooner(after.look(tx.now()), rules_at(tx, &after)?),
        },
        ..after
    };
    if !store::advance(tx, before, &after)? {
        return Err(Error::engine(
            Engine::Retry,
            "a drop was moved by somebody else meanwhile",
        ));
    }
    if mutant!("L17-event") && kind == EventKind::Pinned {
        return Ok(after);
    }
    store::insert_event(tx, after.id, &event)?;
    Ok(after)
}

/// When the clock steps a price of it next.
fn rules_at(tx: &mut Tx<'_>, drop: &Drop) -> Result<Option<Time>> {
    match drop.state {
        DropState::Open => store::next_rule_at(tx, drop.id),
        _ => Ok(None),
    }
}

pub(super) fn sooner(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    one.into_iter().chain(other).min()
}

/// To the millisecond, as an archive is handed out: whoever checks it has nothing finer.
fn whole(at: Time) -> Time {
    Time(at.0.div_euclid(1000) * 1000)
}

/// The first event of a drop that is being written.
pub(super) fn born(tx: &mut Tx<'_>, drop: &mut Drop, staff: Option<StaffId>) -> Result<bool> {
    let mut event = Event {
        position: 1,
        kind: EventKind::Created,
        detail: serde_json::json!({ "title": drop.title }).to_string(),
        staff,
        at: whole(tx.now()),
        hash: [0; 32],
    };
    event.hash = event_hash(drop.id, &[0; 32], &event);
    drop.version = 1;
    drop.head = event.hash;
    if !store::insert(tx, drop)? {
        return Ok(false);
    }
    store::insert_event(tx, drop.id, &event)?;
    Ok(true)
}
