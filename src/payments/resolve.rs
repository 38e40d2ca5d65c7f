//! The resolver: asks about everything whose answer is overdue, and keeps at every obligation until it is met.

use super::authorize::{Recorded, ask_processor, authorize_ask, find_attempt, overdue_at_the_bank};
use super::capture::{capture_ask, capture_waiting, find_capture};
use super::model::{Attempt, AttemptState, CaptureState, Operation, RefundState, SENDING, WISH};
use super::refund::{find_refund, refund_ask};
use super::void::void_ask;
use super::{record, renew, store};
use crate::app::App;
use crate::db::{LaneKey, Tx, epoch};
use crate::kernel::{Answer, Ask, AttemptId, CaptureId, CheckoutId, IntentId, RefundId, Result, Seconds, Time};
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::time::Duration;

/// What follows an answer, in the same transaction: the checkout re-reads the payment and concludes.
pub type Conclude = fn(&mut Tx<'_>, CheckoutId) -> Result<()>;

/// So many rows of a kind are looked at in one round, of each processor,
const ROWS: i64 = 100;
/// and for so long: a processor that takes its time over each answer must not make the others wait for the next round.
const ROUND: Duration = Duration::from_secs(30);

/// What is due.
#[derive(Clone, Copy)]
enum Row {
    Attempt(AttemptId),
    Capture(CaptureId),
    Refund(RefundId),
    Intent(IntentId),
}

/// Asks about every due attempt, capture and refund, and records what it hears; takes what waits, and renews promises, before they end. Returns how
/// many it asked about.
///
/// Every question carries our own reference or key (P2); nothing is sent blindly a second time: only what the processor certainly does not
/// have is sent again, under the same key; a provider that cannot be asked is told the same again under the same key, as long as that is safe
/// ([`crate::kernel::Processor::repeats_for`]). Failures of one row do not stop the others, and a slow processor holds up only its own: each has a
/// queue in which the kinds take turns, worked off beside the others' for a part of a minute. While money is frozen it asks, and sends nothing.
pub async fn resolve(app: &App, conclude: Conclude) -> Result<u64> {
    resolve_until(app, None, conclude).await
}

/// [`resolve`] of what was due at a moment: looked at again and again this comes to an end, as whatever was asked about is due later.
pub(super) async fn resolve_until(app: &App, until: Option<Time>, conclude: Conclude) -> Result<u64> {
    let (queues, frozen) = app
        .db
        .read(move |tx| {
            let until = until.unwrap_or(tx.now());
            Ok((queues(tx, until)?, epoch(tx)?.1))
        })
        .await?;
    let begun = app.clock.monotonic();
    let work = queues
        .into_values()
        .map(|queue| Box::pin(work_off(app, queue, begun, frozen, conclude)));
    Ok(join_all(work).await.into_iter().sum())
}

/// What is due of each processor: its oldest attempt, capture, refund and payment, then the next ones.
fn queues(tx: &mut Tx<'_>, until: Time) -> Result<BTreeMap<String, Vec<Row>>> {
    let kinds = [
        named(store::due_attempts(tx, until, ROWS)?, Row::Attempt),
        named(store::due_captures(tx, until, ROWS)?, Row::Capture),
        named(store::due_refunds(tx, until, ROWS)?, Row::Refund),
        named(store::due_intents(tx, until, ROWS)?, Row::Intent),
    ];
    let mut placed: BTreeMap<String, Vec<(usize, usize, Row)>> = BTreeMap::new();
    for (kind, rows) in kinds.into_iter().enumerate() {
        for (processor, row) in rows {
            let queue = placed.entry(processor).or_default();
            let place = queue.iter().filter(|(_, other, _)| *other == kind).count();
            queue.push((place, kind, row));
        }
    }
    let in_turn = placed.into_iter().map(|(processor, mut queue)| {
        queue.sort_by_key(|(place, kind, _)| (*place, *kind));
        (processor, queue.into_iter().map(|(_, _, row)| row).collect())
    });
    Ok(in_turn.collect())
}

fn named<I>(rows: Vec<(String, I)>, row: fn(I) -> Row) -> Vec<(String, Row)> {
    rows.into_iter().map(|(processor, id)| (processor, row(id))).collect()
}

/// One processor's queue. What there is no time for stays due.
async fn work_off(app: &App, queue: Vec<Row>, begun: Duration, frozen: bool, conclude: Conclude) -> u64 {
    let mut asked = 0;
    for row in queue {
        if app.clock.monotonic().saturating_sub(begun) >= ROUND {
            break;
        }
        asked += count(match row {
            Row::Attempt(id) => resolve_attempt(app, id, frozen, conclude).await,
            Row::Capture(id) => resolve_capture(app, id, frozen, conclude).await,
            Row::Refund(id) => resolve_refund(app, id, frozen, conclude).await,
            Row::Intent(id) => renew::look(app, id, frozen, conclude).await,
        });
    }
    asked
}

/// The same for one payment, at once: everything of it that waits, whenever it would have been due, and its promise.
pub(super) async fn resolve_payment(app: &App, intent: IntentId, conclude: Conclude) -> Result<u64> {
    let ((attempts, captures, refunds), frozen) = app
        .db
        .write(LaneKey::of(intent), move |tx| {
            store::ask_again_about(tx, intent)?;
            Ok((store::due_of(tx, intent)?, epoch(tx)?.1))
        })
        .await?;
    let mut asked = 0;
    for id in attempts {
        asked += u64::from(resolve_attempt(app, id, frozen, conclude).await?);
    }
    for id in captures {
        asked += u64::from(resolve_capture(app, id, frozen, conclude).await?);
    }
    for id in refunds {
        asked += u64::from(resolve_refund(app, id, frozen, conclude).await?);
    }
    Ok(asked)
}

fn count(done: Result<bool>) -> u64 {
    match done {
        Ok(asked) => u64::from(asked),
        Err(error) => {
            tracing::warn!(%error, "a payment could not be resolved; it is tried again");
            0
        }
    }
}

async fn resolve_attempt(app: &App, id: AttemptId, frozen: bool, conclude: Conclude) -> Result<bool> {
    let lane = LaneKey::of(id);
    let claimed = app
        .db
        .write(lane, move |tx| {
            let until = tx.now().plus(SENDING);
            Ok(if store::claim_attempt(tx, id, until)? {
                let mut attempt = find_attempt(tx, id)?;
                attempt.reuse = super::stored::reuse_of(tx, &attempt)?;
                Some((attempt, tx.now()))
            } else {
                None
            })
        })
        .await?;
    let Some((attempt, now)) = claimed else {
        return Ok(false);
    };
    if attempt.state == AttemptState::Voiding {
        return let_go(app, attempt, frozen, conclude).await;
    }
    if attempt.state == AttemptState::Authorized {
        return renew::watch(app, attempt, frozen, conclude).await;
    }
    let mute = repeats_for(app, &attempt).is_some();
    let wished = now < attempt.created_at.plus(WISH);
    let unheard = matches!(attempt.state, AttemptState::Sending | AttemptState::Unknown);
    let answer = if wished && unheard && !frozen && may_repeat(app, &attempt, attempt.created_at, now) {
        says_nothing(authorize_ask(app, &attempt).await)
    } else {
        find_at_processor(app, &attempt).await
    };
    let still_at_the_bank = mute || matches!(answer, Answer::RequiresAction { .. } | Answer::Pending { .. });
    let nobody_will_say = mute && !wished && attempt.state.is_open();
    let give_up = !frozen && (nobody_will_say || still_at_the_bank && overdue_at_the_bank(&attempt, now));
    app.db
        .write(lane, move |tx| {
            let recorded = noted(tx, id, Operation::Authorize, &answer)?;
            if give_up {
                super::void::give_up(tx, id)?; // Close it, so that they may try again.
            }
            conclude(tx, recorded.checkout)
        })
        .await?;
    Ok(true)
}

async fn let_go(app: &App, attempt: Attempt, frozen: bool, conclude: Conclude) -> Result<bool> {
    if frozen {
        return Ok(false);
    }
    let attempt = with_payment(app, attempt).await;
    let answer = if lapses_by_itself(app, &attempt).await? {
        Answer::Voided {
            payment: attempt.payment.clone(),
        }
    } else {
        let_go_now(app, &attempt).await
    };
    let id = attempt.id;
    app.db
        .write(LaneKey::of(id), move |tx| {
            let recorded = noted(tx, id, Operation::Void, &answer)?;
            conclude(tx, recorded.checkout)
        })
        .await?;
    Ok(true)
}

/// Some took what they will take of a promise with its first part, and cannot be told to let go of the rest: it lapses.
async fn lapses_by_itself(app: &App, attempt: &Attempt) -> Result<bool> {
    let can = app.processor(&attempt.processor).map(|one| one.capabilities());
    if can.is_ok_and(|can| can.void_after_partial_capture) {
        return Ok(false);
    }
    let (id, intent) = (attempt.id, attempt.intent);
    let captures = app.db.read(move |tx| store::captures(tx, intent)).await?;
    Ok(captures
        .iter()
        .any(|capture| capture.attempt == id && capture.state == CaptureState::Succeeded))
}

async fn let_go_now(app: &App, attempt: &Attempt) -> Answer {
    match void_ask(app, attempt).await {
        // It will not: perhaps because it is gone already, perhaps because the money was taken. The books say which.
        Answer::Refused { .. } => match find_at_processor(app, attempt).await {
            Answer::Authorized { .. } | Answer::RequiresAction { .. } => Answer::Unknown {
                detail: "It is still promised.".into(),
            },
            answer => answer,
        },
        answer => answer,
    }
}

async fn resolve_capture(app: &App, id: CaptureId, frozen: bool, conclude: Conclude) -> Result<bool> {
    let lane = LaneKey::of(id);
    let claimed = app
        .db
        .write(lane, move |tx| {
            let until = tx.now().plus(SENDING);
            if !store::claim_capture(tx, id, until)? {
                return Ok(None);
            }
            let due = match find_capture(tx, id)? {
                waiting if waiting.state == CaptureState::Waiting => capture_waiting(tx, id)?,
                due => Some(due),
            };
            Ok(due.map(|capture| (capture, tx.now())))
        })
        .await?;
    let Some((capture, now)) =
        claimed.filter(|(capture, _)| matches!(capture.state, CaptureState::Sending | CaptureState::Unknown))
    else {
        return Ok(false);
    };
    let answer = if !frozen && may_repeat(app, &capture.attempt, capture.created_at, now) {
        says_nothing(capture_ask(app, &capture).await)
    } else {
        match find_operation(app, &capture.attempt, Operation::Capture(id)).await {
            Answer::NotFound if frozen => return Ok(true),
            Answer::NotFound => capture_ask(app, &capture).await,
            answer => answer,
        }
    };
    app.db
        .write(lane, move |tx| {
            let recorded = noted(tx, capture.attempt.id, Operation::Capture(id), &answer)?;
            conclude(tx, recorded.checkout)
        })
        .await?;
    Ok(true)
}

async fn resolve_refund(app: &App, id: RefundId, frozen: bool, conclude: Conclude) -> Result<bool> {
    let lane = LaneKey::of(id);
    let claimed = app
        .db
        .write(lane, move |tx| {
            let until = tx.now().plus(SENDING);
            Ok(if store::claim_refund(tx, id, until)? {
                Some((find_refund(tx, id)?, tx.now()))
            } else {
                None
            })
        })
        .await?;
    let Some((refund, now)) = claimed else {
        return Ok(false);
    };
    let repeat = !frozen && may_repeat(app, &refund.attempt, refund.created_at, now);
    let answer = match refund.state {
        RefundState::NotSent if frozen => return Ok(true),
        RefundState::NotSent => refund_ask(app, &refund).await,
        RefundState::Sending | RefundState::Unknown if repeat => says_nothing(refund_ask(app, &refund).await),
        RefundState::Sending | RefundState::Unknown => {
            match find_operation(app, &refund.attempt, Operation::Refund(id)).await {
                Answer::NotFound if frozen => return Ok(true),
                Answer::NotFound => refund_ask(app, &refund).await,
                answer => answer,
            }
        }
        RefundState::Succeeded | RefundState::Failed | RefundState::Conflicted => return Ok(false),
    };
    app.db
        .write(lane, move |tx| {
            let recorded = noted(tx, refund.attempt.id, Operation::Refund(id), &answer)?;
            conclude(tx, recorded.checkout)
        })
        .await?;
    Ok(true)
}

/// Records an answer; one that changes nothing is a look that stands in the payment's history.
pub(super) fn noted(tx: &mut Tx<'_>, attempt: AttemptId, operation: Operation, answer: &Answer) -> Result<Recorded> {
    let recorded = record(tx, attempt, operation, answer)?;
    if !recorded.changed {
        super::timeline::heard(tx, attempt, operation, answer)?;
    }
    Ok(recorded)
}

/// Whether we ask by asking again: the provider cannot look anything up, and gives its first answer again to the same key.
fn may_repeat(app: &App, attempt: &Attempt, asked_at: Time, now: Time) -> bool {
    repeats_for(app, attempt).is_some_and(|window| now < asked_at.plus(window))
}

fn repeats_for(app: &App, attempt: &Attempt) -> Option<Seconds> {
    app.processor(&attempt.processor).ok()?.repeats_for()
}

/// A question or a repetition that was refused, or did not get through, says nothing about what was asked for first: a key may have been
/// changed, a search may be down. Only a first request can be refused.
fn says_nothing(answer: Answer) -> Answer {
    match answer {
        Answer::Refused { detail } | Answer::NotSent { detail } => Answer::Unknown { detail },
        answer => answer,
    }
}

/// What the processor has under our reference.
pub(super) async fn find_at_processor(app: &App, attempt: &Attempt) -> Answer {
    let ask = Ask::Find {
        reference: attempt.reference(),
    };
    says_nothing(ask_processor(app, attempt, &ask).await)
}

async fn find_operation(app: &App, attempt: &Attempt, operation: Operation) -> Answer {
    let ask = Ask::FindOperation {
        key: attempt.key(operation),
        reference: attempt.reference(),
        payment: attempt.payment.clone(),
    };
    match ask_processor(app, attempt, &ask).await {
        Answer::NotSent { detail } => Answer::Unknown { detail },
        answer => answer,
    }
}

/// A void needs the processor's own name of the payment, which a lost answer kept from us.
async fn with_payment(app: &App, mut attempt: Attempt) -> Attempt {
    if attempt.payment.is_empty()
        && let Answer::Authorized { payment, .. } | Answer::RequiresAction { payment, .. } =
            find_at_processor(app, &attempt).await
    {
        attempt.payment = payment;
    }
    attempt
}
