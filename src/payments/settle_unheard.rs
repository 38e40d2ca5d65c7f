//! A person says what a processor does not: whether money was taken, or given back, at one that cannot be asked and whose notice never came.
//!
//! The person looks at the processor's own pages, and what they say is recorded on the way every answer takes ([`super::record`]), so that money is
//! posted and limits are kept in one place. Only where nobody else will ever say it: the processor cannot be asked, and the time in which the same
//! request may be repeated under the same key is over, so that nothing of ours can still change the answer. What was decided so is marked: should the
//! processor speak after all and say the opposite, the payment is in conflict.

use super::authorize::{find, refuse_while_frozen};
use super::capture::find_capture;
use super::model::{Attempt, Capture, CaptureState, Operation, Refund, RefundState};
use super::refund::find_refund;
use super::resolve::Conclude;
use super::settle_conflict::{Decided, Settle};
use super::{record, store};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{Answer, CaptureId, Error, IntentId, Money, Processor, RefundId, Result, ShopId, Time};

/// What a person is asked about: money that was to be taken, or to be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unheard {
    /// Its id: of a capture or a refund.
    pub of: String,
    pub is_refund: bool,
    pub processor: String,
    pub amount: Money,
    pub asked_at: Time,
    /// From when on a person may say it; until then the request is repeated, safely.
    pub from: Time,
}

/// What a person says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// It happened, under this name at the processor.
    Happened(String),
    DidNot,
}

/// What of a payment waits for a word that will not come by asking, oldest first.
pub fn unheard(
    tx: &mut Tx<'_>,
    processors: &[std::sync::Arc<dyn Processor>],
    intent: IntentId,
) -> Result<Vec<Unheard>> {
    let mut all = Vec::new();
    let mute = |attempt: &Attempt| {
        let found = processors
            .iter()
            .find(|processor| processor.name() == attempt.processor);
        found.and_then(|processor| processor.repeats_for())
    };
    for line in store::captures(tx, intent)? {
        if line.state != CaptureState::Unknown {
            continue;
        }
        let capture = find_capture(tx, line.id)?;
        if let Some(window) = mute(&capture.attempt) {
            all.push(Unheard {
                of: capture.id.to_string(),
                is_refund: false,
                processor: capture.attempt.processor.clone(),
                amount: capture.amount,
                asked_at: capture.created_at,
                from: capture.created_at.plus(window),
            });
        }
    }
    for line in store::refunds(tx, intent)? {
        if line.state != RefundState::Unknown {
            continue;
        }
        let refund = find_refund(tx, line.id)?;
        if let Some(window) = mute(&refund.attempt) {
            all.push(Unheard {
                of: refund.id.to_string(),
                is_refund: true,
                processor: refund.attempt.processor.clone(),
                amount: refund.amount,
                asked_at: refund.created_at,
                from: refund.created_at.plus(window),
            });
        }
    }
    Ok(all)
}

/// Records what a person says about a capture or refund of a payment. Order of answers: not found, nothing to decide, stale, not proven (it may still
/// be asked by repeating), settled. Errors: `invalid_field` without a name of it at the processor, `money_frozen` after a restore.
pub(super) async fn settle_unheard(
    app: &App,
    shop: ShopId,
    id: IntentId,
    (decided, reason): (Decided, String),
    conclude: Conclude,
) -> Result<Settle> {
    let said = match decided.decision {
        super::Decision::DidNotHappen => Said::DidNot,
        _ => Said::Happened(name_of(&decided.reference)?),
    };
    let processors = app.processors.clone();
    app.db
        .write(LaneKey::of(id), move |tx| {
            let intent = match store::intent(tx, id)? {
                Some(intent) if intent.shop == shop => intent,
                _ => return Ok(Settle::NotFound),
            };
            refuse_while_frozen(tx)?;
            let all = unheard(tx, &processors, id)?;
            let Some(waits) = all.into_iter().find(|one| one.of == decided.of) else {
                return Ok(Settle::NotConflicted);
            };
            if intent.version != decided.version {
                return Ok(Settle::Stale(intent.version));
            }
            if tx.now() < waits.from {
                let (processor, from) = (&waits.processor, crate::kernel::words::exact(waits.from));
                return Ok(Settle::NotProven(vec![format!(
                    "Until {from} the same request is repeated at {processor} without any risk, and its answer counts."
                )]));
            }
            let checkout = intent.checkout;
            write_down(tx, &waits, &said, &processors, &reason)?;
            let (what, why) = decided.told(&reason);
            store::log(tx, id, &what, &why)?;
            conclude(tx, checkout)?;
            Ok(Settle::Settled(find(tx, id)?.state))
        })
        .await
}

fn name_of(reference: &str) -> Result<String> {
    let name = reference.trim();
    if !(3..=100).contains(&name.chars().count()) || name.chars().any(char::is_whitespace) {
        return Err(Error::field(
            "/reference",
            "Write what it is called on the processor's own pages, 3 to 100 characters.",
        ));
    }
    Ok(name.to_owned())
}

fn write_down(
    tx: &mut Tx<'_>,
    waits: &Unheard,
    said: &Said,
    processors: &[std::sync::Arc<dyn Processor>],
    reason: &str,
) -> Result<()> {
    if waits.is_refund {
        let id: RefundId = waits.of.parse()?;
        let refund = find_refund(tx, id)?;
        let answer = match said {
            Said::Happened(operation) => Answer::Refunded {
                payment: refund.attempt.payment.clone(),
                reference: refund.attempt.reference(),
                operation: operation.clone(),
                amount: refund.amount,
            },
            Said::DidNot => Answer::Refused { detail: reason.into() },
        };
        record(tx, refund.attempt.id, Operation::Refund(id), &answer)?;
        return store::mark_refund_told(tx, id);
    }
    let id: CaptureId = waits.of.parse()?;
    let capture = find_capture(tx, id)?;
    let answer = match said {
        Said::Happened(operation) => Answer::Captured {
            payment: capture.attempt.payment.clone(),
            reference: capture.attempt.reference(),
            operation: operation.clone(),
            amount: capture.amount,
            fee: expected_fee(processors, &capture.attempt, capture.amount),
        },
        Said::DidNot => Answer::Refused { detail: reason.into() },
    };
    record(tx, capture.attempt.id, Operation::Capture(id), &answer)?;
    store::mark_capture_told(tx, id)
}

/// The estimate that the processor's adapter makes of its own answers; true with its settlement file.
fn expected_fee(processors: &[std::sync::Arc<dyn Processor>], attempt: &Attempt, amount: Money) -> Money {
    let found = processors
        .iter()
        .find(|processor| processor.name() == attempt.processor);
    found.map_or(Money::zero(amount.currency), |processor| processor.expected_fee(amount))
}

/// What a processor says now, of what a person said in its place: the opposite freezes the payment. Whether it did.
pub(super) fn contradicts_capture(tx: &mut Tx<'_>, capture: &Capture, answer: &Answer) -> Result<bool> {
    let opposite = match answer {
        Answer::Captured { .. } => capture.state == CaptureState::Failed,
        Answer::Refused { .. } => capture.state == CaptureState::Succeeded,
        _ => false,
    };
    let of = (capture.intent, &capture.attempt, capture.amount);
    Ok(capture.told && opposite && freeze(tx, of, answer)?)
}

/// The same of a refund.
pub(super) fn contradicts_refund(tx: &mut Tx<'_>, refund: &Refund, answer: &Answer) -> Result<bool> {
    let opposite = match answer {
        Answer::Refunded { .. } => refund.state == RefundState::Failed,
        Answer::Refused { .. } => refund.state == RefundState::Succeeded,
        _ => false,
    };
    let of = (refund.intent, &refund.attempt, refund.amount);
    Ok(refund.told && opposite && freeze(tx, of, answer)?)
}

fn freeze(tx: &mut Tx<'_>, (intent, attempt, amount): (IntentId, &Attempt, Money), answer: &Answer) -> Result<bool> {
    if !store::conflict_intent(tx, intent)? {
        return Ok(false);
    }
    let what = format!(
        "{} says of {amount} the opposite of what was decided here in its place. Frozen until a person decides.",
        attempt.processor
    );
    store::log(tx, intent, &what, &super::timeline::said(answer))?;
    Ok(true)
}
