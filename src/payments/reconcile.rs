//! After a restore our past ends at the backup; the processors' does not. Their books are compared with ours before any money moves again (P24).
//!
//! What they did after the backup is written down as if we had just heard of it, so that nothing is taken or given back a second time. What
//! cannot be written down truthfully is a person's turn: money of orders we no longer know, amounts that fit no whole payment.

use super::allocation::Part;
use super::authorize::find;
use super::model::{
    Attempt, AttemptState as S, CapturePlan, CaptureState, Intent, IntentState, Operation, RefundPlan, RefundState,
    SENDING, read_reference,
};
use super::refund::{RefundOf, legs_of};
use super::resolve::{Conclude, resolve_until};
use super::store::{self, NewCapture, NewRefund};
use super::{capture_plan, record};
use crate::app::App;
use crate::db::{LaneKey, Tx, frozen_since, unfreeze};
use crate::kernel::{
    AdjustmentId, Answer, AttemptId, Booked, CaptureId, Error, Id, Money, RefundId, Result, Seconds, ShipmentId, Time,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// A difference between the books and ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Written down on our side; or only a person can.
    pub settled: bool,
    /// A plain sentence: what is different, and what follows.
    pub what: String,
}

/// What came of the comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// Payments in the books that are ours.
    pub compared: u64,
    pub differences: Vec<Difference>,
    /// Whether money may move again.
    pub lifted: bool,
}

/// A processor's clock is not ours.
const MARGIN: Seconds = Seconds::hours(1);
const ROWS: i64 = 500;

/// Compares everything the processors' books hold since the backup with ours, and lets money move again if nothing is left open.
///
/// `since` is for databases that were brought back by other means; a restored one knows the time of its backup. With a reason in `accept` the
/// freeze is lifted although something is left open: the payments it is about stay frozen one by one. May be run again at any time. Errors:
/// `not_frozen` without a `since`; a processor that cannot be asked, and then nothing was lifted.
pub async fn reconcile(
    app: &App,
    since: Option<Time>,
    accept: Option<String>,
    conclude: Conclude,
) -> Result<Reconciled> {
    let (frozen, oldest) = app
        .db
        .read(|tx| Ok((frozen_since(tx)?, store::oldest_open(tx)?)))
        .await?;
    let Some(backup) = since.or(frozen) else {
        return Err(Error::conflict(
            "not_frozen",
            "Money is not frozen here. To compare all the same, say since when: --since 2026-11-25T09:00:00Z.",
        ));
    };
    let since = oldest.map_or(backup, |oldest| oldest.min(backup)).minus(MARGIN);
    // What we asked for before the backup and heard nothing of is asked about by our own reference, as always.
    let asked_at = app
        .db
        .write(LaneKey(0), |tx| store::ask_again_about_all(tx).map(|()| tx.now()))
        .await?;
    // Each once: who says nothing is listed by its books, or stays what it is.
    while resolve_until(app, Some(asked_at), conclude).await? > 0 {}

    let mut done = Reconciled {
        compared: 0,
        differences: Vec::new(),
        lifted: false,
    };
    let mut found = BTreeSet::new();
    let mut keep_books = Vec::new();
    for processor in &app.processors {
        let name = processor.name();
        let Some(books) = processor.booked(since).await? else {
            if processor.repeats_for().is_some() {
                done.differences.push(open(format!(
                    "{name} does not show its books to programs. Compare what it took and gave back since {since} in its own pages with the orders \
                     here, then answer for it with --accept."
                )));
            }
            continue;
        };
        keep_books.push(name);
        for entry in books {
            let Some((checkout, n)) = read_reference(&entry.reference) else {
                continue; // Not ours: the account is used for other things, too.
            };
            done.compared += 1;
            let reason = accept.clone();
            let (attempt, differences) = app
                .db
                .write(LaneKey::of(checkout), move |tx| {
                    let known = store::attempt_by_number(tx, checkout.intent(), n)?;
                    let Some(attempt) = known.filter(|attempt| attempt.processor == name) else {
                        return Ok((None, stranger(name, &entry)));
                    };
                    let differences = compare(tx, &attempt, &entry, reason.as_deref())?;
                    conclude(tx, checkout)?;
                    Ok((Some(attempt.id), differences))
                })
                .await?;
            found.extend(attempt);
            done.differences.extend(differences);
        }
    }
    done.differences
        .extend(missing(app, &found, &keep_books, accept.as_deref()).await?);
    if accept.is_some() || done.differences.iter().all(|difference| difference.settled) {
        done.lifted = app.db.write(LaneKey(0), move |tx| unfreeze(tx, backup)).await?;
        if !done.lifted {
            done.differences.push(open(
                "A loss from before the time that was compared was found meanwhile. Run this again.".to_owned(),
            ));
        }
        if let Some(reason) = accept.filter(|_| done.lifted) {
            tracing::warn!(reason, "the freeze was lifted although the books differ");
        }
    }
    Ok(done)
}

fn settled(what: String) -> Difference {
    Difference { settled: true, what }
}

fn open(what: String) -> Difference {
    Difference { settled: false, what }
}

/// Money for a purchase that happened after the backup: we have no order to take or give it for.
fn stranger(processor: &str, entry: &Booked) -> Vec<Difference> {
    let Booked {
        payment,
        reference,
        amount,
        captured,
        refunded,
        ..
    } = entry;
    let kept = captured.minor - refunded.minor;
    if kept > 0 {
        let kept = Money::new(kept, captured.currency);
        return vec![open(format!(
            "{processor} took {kept} for {reference}, which was bought after the backup: there is no such order here. Give it back at \
             {processor} ({payment}), or send the goods and accept the difference."
        ))];
    }
    if entry.promised {
        return vec![open(format!(
            "{processor} promises {amount} for {reference}, which was bought after the backup: there is no such order here. Let it go at \
             {processor} ({payment}); it also lapses by itself."
        ))];
    }
    Vec::new()
}

/// Writes down what the books say of one of our payments.
fn compare(tx: &mut Tx<'_>, attempt: &Attempt, entry: &Booked, accept: Option<&str>) -> Result<Vec<Difference>> {
    let intent = find(tx, attempt.intent)?;
    if intent.state == IntentState::Conflicted {
        return Ok(Vec::new()); // Frozen by itself, and on somebody's list already.
    }
    let mut differences = Vec::new();
    if entry.amount == attempt.amount {
        differences.extend(taken(tx, attempt, entry)?);
        differences.extend(given_back(tx, attempt, entry)?);
        differences.extend(promise(tx, attempt, entry)?);
    } else {
        differences.push(open(format!(
            "{} has {} for {}, and we asked for {}.",
            attempt.processor, entry.amount, entry.reference, attempt.amount
        )));
    }
    freeze_what_is_open(tx, attempt, &differences, accept)?;
    Ok(differences)
}

/// Lifting the freeze for all leaves it on the payments that are not understood.
fn freeze_what_is_open(
    tx: &mut Tx<'_>,
    attempt: &Attempt,
    differences: &[Difference],
    accept: Option<&str>,
) -> Result<()> {
    let Some(reason) = accept else { return Ok(()) };
    for difference in differences.iter().filter(|difference| !difference.settled) {
        store::conflict_intent(tx, attempt.intent)?;
        let detail = format!("The freeze after the restore was lifted all the same: {reason}");
        store::log(tx, attempt.intent, &difference.what, &detail)?;
    }
    Ok(())
}

/// What we know was taken and given back by this attempt: a sale may be paid from several, one after the other.
fn ours(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<(Intent, i64, i64)> {
    let intent = find(tx, attempt.intent)?;
    let captured = store::captures(tx, intent.id)?;
    let captured = captured
        .iter()
        .filter(|one| one.attempt == attempt.id && one.state == CaptureState::Succeeded);
    let refunded = store::refunds(tx, intent.id)?;
    let refunded = refunded
        .iter()
        .filter(|one| one.attempt == attempt.id && one.state == RefundState::Succeeded && !one.credited);
    let (captured, refunded) = (captured.map(|one| one.minor).sum(), refunded.map(|one| one.minor).sum());
    Ok((intent, captured, refunded))
}

/// The whole rest, taken after the backup, is captured with us, too. Which of several parcels a part belonged to, the books do not say.
fn taken(tx: &mut Tx<'_>, attempt: &Attempt, entry: &Booked) -> Result<Option<Difference>> {
    let (intent, captured, _) = ours(tx, attempt)?;
    let more = entry.captured.minor - captured;
    if more == 0 {
        return Ok(None);
    }
    let (order, processor) = (attempt.checkout.order(), &attempt.processor);
    let is_whole_rest = more == intent.rest().minor
        && intent.capture_pending_minor == 0
        && intent.let_go_minor == 0
        && intent.state.is_capturable()
        && attempt.state == S::Authorized;
    if !is_whole_rest {
        let known = Money::new(captured, intent.amount.currency);
        return Ok(Some(open(format!(
            "{processor} took {} for {order}, and we know of {known}: we cannot say for which pieces.",
            entry.captured
        ))));
    }
    let units: Vec<(Part, u32)> = intent
        .allocation
        .parts()
        .map(|(name, part)| (name, part.quantity))
        .collect();
    let plan = capture_plan(tx, intent.id, &units, true)?;
    assert_eq!(
        plan.amount.minor, more,
        "the rest of a payment is the rest of its split"
    );
    let answer = Answer::Captured {
        payment: entry.payment.clone(),
        reference: attempt.reference(),
        operation: entry.payment.clone(),
        amount: plan.amount,
        fee: entry.fee,
    };
    let capture = write_capture(tx, &intent, attempt, &plan)?;
    record(tx, attempt.id, Operation::Capture(capture), &answer)?;
    Ok(Some(settled(format!(
        "{processor} took {} for {order} after the backup. It is in the ledger now, and will not be taken again; its parcel is not written down \
         with us, so enter it as shipped.",
        plan.amount
    ))))
}

fn write_capture(tx: &mut Tx<'_>, intent: &Intent, attempt: &Attempt, plan: &CapturePlan) -> Result<CaptureId> {
    let new = NewCapture {
        id: tx.id(),
        intent: intent.id,
        attempt: attempt.id,
        shop: intent.shop,
        last: true,
        state: CaptureState::Sending,
        shipment: ShipmentId::from_uuid(Uuid::new_v5(&intent.id.uuid(), b"restored")),
        plan,
        next_check_at: tx.now().plus(SENDING),
    };
    let written = store::insert_capture(tx, &new)? && store::reserve_capture(tx, intent.id, plan.amount.minor)?;
    assert!(written, "what is promised and not taken can be set aside");
    Ok(new.id)
}

/// What was given back after the backup went back with us, too: spread over what was paid, as the books name no lines.
fn given_back(tx: &mut Tx<'_>, attempt: &Attempt, entry: &Booked) -> Result<Option<Difference>> {
    let (intent, captured, refunded) = ours(tx, attempt)?;
    let more = entry.refunded.minor - refunded;
    if more == 0 {
        return Ok(None);
    }
    let (order, processor) = (attempt.checkout.order(), &attempt.processor);
    let understood = captured == entry.captured.minor && more > 0 && more <= intent.refundable_minor();
    if !understood || intent.refund_pending_minor > 0 {
        let known = Money::new(refunded, intent.amount.currency);
        return Ok(Some(open(format!(
            "{processor} gave back {} for {order}, and we know of {known}.",
            entry.refunded
        ))));
    }
    let plan = legs_of(tx, &intent, &RefundOf::Amount(more))?;
    let refund = write_refund(tx, &intent, attempt, &plan, entry)?;
    let answer = Answer::Refunded {
        payment: entry.payment.clone(),
        reference: attempt.reference(),
        operation: entry.payment.clone(),
        amount: plan.amount,
    };
    record(tx, attempt.id, Operation::Refund(refund), &answer)?;
    Ok(Some(settled(format!(
        "{processor} gave back {} for {order} after the backup. It is in the ledger now, spread over all that was paid.",
        plan.amount
    ))))
}

fn write_refund(
    tx: &mut Tx<'_>,
    intent: &Intent,
    attempt: &Attempt,
    plan: &RefundPlan,
    entry: &Booked,
) -> Result<RefundId> {
    let name = format!("restored/{}", entry.refunded.minor);
    let new = NewRefund {
        id: tx.id(),
        intent: intent.id,
        attempt: attempt.id,
        shop: intent.shop,
        adjustment: AdjustmentId::from_uuid(Uuid::new_v5(&intent.id.uuid(), name.as_bytes())),
        plan,
        next_check_at: tx.now().plus(SENDING),
    };
    let written = store::insert_refund(tx, &new)? && store::reserve_refund(tx, intent.id, plan.amount.minor, true)?;
    assert!(written, "what was taken and did not go back can be set aside");
    Ok(new.id)
}

/// A promise that ended there ends here; one that we gave up and that stands there is let go when money moves again.
fn promise(tx: &mut Tx<'_>, attempt: &Attempt, entry: &Booked) -> Result<Option<Difference>> {
    let state = super::authorize::find_attempt(tx, attempt.id)?.state;
    let (order, processor) = (attempt.checkout.order(), &attempt.processor);
    match (state, entry.promised) {
        (S::Authorized, false) => {
            let answer = Answer::Voided {
                payment: entry.payment.clone(),
            };
            record(tx, attempt.id, Operation::Authorize, &answer)?;
            Ok(Some(settled(format!(
                "{processor} promises nothing for {order} any more: it was canceled after the backup, or lapsed. Cancel it here, too."
            ))))
        }
        (S::Failed | S::NotExecuted | S::NotSent, true) => {
            let answer = Answer::Authorized {
                payment: entry.payment.clone(),
                reference: attempt.reference(),
                amount: entry.amount,
                capture_before: None,
                once: false,
                card: None,
            };
            record(tx, attempt.id, Operation::Authorize, &answer)?;
            Ok(Some(settled(format!(
                "{processor} promises {} for a try at {order} that was given up. It is let go when money moves again.",
                entry.amount
            ))))
        }
        _ => Ok(None),
    }
}

/// Promises we count on and the books do not hold: the wrong account, or books that were set back like ours.
async fn missing(
    app: &App,
    found: &BTreeSet<AttemptId>,
    keep_books: &[&'static str],
    accept: Option<&str>,
) -> Result<Vec<Difference>> {
    let mut differences = Vec::new();
    let mut after = None;
    loop {
        let held = app.db.read(move |tx| store::promised_attempts(tx, after, ROWS)).await?;
        let Some(last) = held.last() else {
            return Ok(differences);
        };
        after = Some(last.id);
        for attempt in held {
            if found.contains(&attempt.id) || !keep_books.contains(&attempt.processor.as_str()) {
                continue;
            }
            let difference = open(format!(
                "{} does not know {}, for which we count on {}. Is this its right account, with books of today?",
                attempt.processor,
                attempt.reference(),
                attempt.amount
            ));
            let (one, reason) = (vec![difference], accept.map(str::to_owned));
            differences.extend(one.clone());
            app.db
                .write(LaneKey::of(attempt.id), move |tx| {
                    freeze_what_is_open(tx, &attempt, &one, reason.as_deref())
                })
                .await?;
        }
    }
}
