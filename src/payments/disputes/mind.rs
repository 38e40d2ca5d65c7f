//! The job of disputes: asks how they stand, tells again what was not heard, and closes what time has closed.

use super::answer::{out_of_time, tell, told};
use super::model::{Asked, Dispute, DisputeState, SILENCE};
use super::record::{next_look, read, record};
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx, epoch};
use crate::kernel::{DisputeAnswer, DisputeAsk, DisputeId, Result, Seconds, Time};
use crate::payments::model::{SENDING, next_check};

const ROWS: i64 = 50;

/// Looks at every dispute that is due. Returns at how many; a failure of one does not stop the others.
pub async fn mind(app: &App) -> Result<u64> {
    let (due, frozen) = app.db.read(|tx| Ok((store::due(tx, ROWS)?, epoch(tx)?.1))).await?;
    let mut looked = 0;
    for id in due {
        match look(app, id, frozen).await {
            Ok(true) => looked += 1,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "a dispute could not be looked at; it is tried again"),
        }
    }
    Ok(looked)
}

async fn look(app: &App, id: DisputeId, frozen: bool) -> Result<bool> {
    if mutant!("L11-again") {
        return Ok(false);
    }
    let lane = LaneKey::of(id);
    let claimed = app
        .db
        .write(lane, move |tx| {
            let until = tx.now().plus(SENDING);
            Ok(if store::claim(tx, id, until)? {
                Some(read(tx, id)?)
            } else {
                None
            })
        })
        .await?;
    let Some(dispute) = claimed else { return Ok(false) };
    let find = DisputeAsk::Find {
        dispute: dispute.name.clone(),
    };
    let stands = match app.processor(dispute.processor()) {
        Ok(processor) => processor.dispute(&find).await,
        Err(_) => DisputeAnswer::NotHere,
    };
    let lane = LaneKey::of(dispute.checkout());
    let now = app.db.write(lane, move |tx| found(tx, id, &stands)).await?;
    // What was decided here and not heard there is told again, under the same key. Only after a look: the answer may have been lost on its way back.
    if now.asked != Asked::Nothing && now.state == DisputeState::NeedsResponse && !frozen {
        let answer = tell(app, &now).await;
        app.db.write(lane, move |tx| told(tx, id, &answer)).await?;
    }
    Ok(true)
}

/// Writes down how it stands, and what follows from the clock.
fn found(tx: &mut Tx<'_>, id: DisputeId, stands: &DisputeAnswer) -> Result<Dispute> {
    if let DisputeAnswer::Told(told) = stands {
        let attempt = read(tx, id)?.attempt;
        record(tx, &attempt, told)?;
    }
    let dispute = read(tx, id)?;
    if dispute.state.is_over() {
        return Ok(dispute);
    }
    if is_out_of_time(&dispute, stands, tx.now()) {
        out_of_time(tx, &dispute)?;
        return read(tx, id);
    }
    // What was decided here is told again right after this.
    if dispute.asked == Asked::Nothing {
        match stands {
            // Also a question that was refused: a key may have been changed.
            DisputeAnswer::Unknown { detail }
            | DisputeAnswer::NotSent { detail }
            | DisputeAnswer::Refused { detail } => {
                store::try_later(tx, id, detail, next_check(tx.now(), dispute.tries))?;
            }
            _ => {
                let next = next_look(dispute.state, dispute.due_by, tx.now());
                store::postpone(tx, id, next.unwrap_or(tx.now()))?;
            }
        }
    }
    read(tx, id)
}

/// Whether the clock decides. A processor that did not answer gets another day: the answer may have been given on its own pages. One that cannot be
/// asked does not, and what it says later still counts.
fn is_out_of_time(dispute: &Dispute, stands: &DisputeAnswer, now: Time) -> bool {
    let grace = match stands {
        DisputeAnswer::Unknown { .. } | DisputeAnswer::NotSent { .. } | DisputeAnswer::Refused { .. } => {
            Seconds::days(1)
        }
        _ => Seconds(0),
    };
    let silent = dispute.created_at.plus(SILENCE) <= now;
    match (dispute.state, dispute.due_by) {
        (DisputeState::NeedsResponse, _) if dispute.asked != Asked::Nothing => false,
        (DisputeState::NeedsResponse, Some(due)) => due.plus(grace) <= now,
        (DisputeState::NeedsResponse, None) => silent || matches!(stands, DisputeAnswer::NotHere),
        (DisputeState::Inquiry, _) => silent,
        _ => false,
    }
}
