//! Taking part of the promised money, once per shipment.

use super::allocation::{Part, PlannedLeg};
use super::authorize::{Recorded, agrees, ask_processor, find, recorded, refuse_while_frozen};
use super::model::{
    AttemptState, Capture, CapturePlan, CaptureState, Intent, IntentState, Operation, SENDING, next_check,
};
use super::store::{self, AttemptChange, NewCapture};
use crate::app::App;
use crate::db::Tx;
use crate::kernel::{Answer, Ask, CaptureId, Error, Fact, Id, IntentId, Money, Result, ShipmentId};
use crate::ledger::{self, AccountKey, AccountKind, Leg, Posting};

/// What became of the wish to capture.
#[derive(Clone, Debug)]
pub enum CaptureBegin {
    /// Set aside and written as *sending*: now ask, outside the transaction.
    Sending(Capture),
    /// The shipment has its capture already, whatever became of it.
    Again(Capture),
    /// The plan takes nothing: the units were captured before, or cost nothing.
    Nothing,
    /// More than is promised and not yet taken.
    Exceeds { capturable: Money },
    /// Nothing is promised: declined, canceled, in conflict or done.
    NotCapturable(IntentState),
    /// The promise ran out; nothing may be handed over without a new one (I13).
    Lapsed,
}

/// Works out what a shipment takes: `units` says of each part how many units will have been taken altogether.
pub fn capture_plan(tx: &mut Tx<'_>, intent: IntentId, units: &[(Part, u32)], last: bool) -> Result<CapturePlan> {
    let found = find(tx, intent)?;
    let before = legs_of_captures(tx, intent)?;
    let legs = found.allocation.capture(&before, units)?;
    let minor = legs.iter().map(|leg| leg.minor).sum();
    Ok(CapturePlan {
        amount: Money::new(minor, found.amount.currency),
        legs,
        last,
    })
}

/// The legs of every capture that took money, or may have.
fn legs_of_captures(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<PlannedLeg>> {
    let captures = store::captures(tx, intent)?;
    Ok(captures
        .into_iter()
        .filter(|capture| capture.state != CaptureState::Failed)
        .flat_map(|capture| capture.legs)
        .collect())
}

/// Sets the amount aside and writes the capture as *sending*. The shipment is its natural key: asked twice, it is one capture.
///
/// Order of answers: again, nothing, not capturable, lapsed, exceeds, sending. A crash after it is finished by [`super::resolve`].
pub fn capture_begin(
    tx: &mut Tx<'_>,
    intent: IntentId,
    shipment: ShipmentId,
    plan: &CapturePlan,
) -> Result<CaptureBegin> {
    refuse_while_frozen(tx)?;
    let Intent {
        shop, state, amount, ..
    } = find(tx, intent)?;
    if let Some(known) = store::capture_of_shipment(tx, shop, shipment)? {
        return Ok(CaptureBegin::Again(find_capture(tx, known)?));
    }
    if plan.amount.minor == 0 {
        return Ok(CaptureBegin::Nothing);
    }
    assert_eq!(
        plan.amount.currency, amount.currency,
        "a capture has the currency of its payment"
    );
    assert_eq!(
        plan.legs.iter().map(|leg| leg.minor).sum::<i64>(),
        plan.amount.minor,
        "the split of a capture is the capture"
    );
    if !state.is_capturable() {
        return Ok(CaptureBegin::NotCapturable(state));
    }
    let attempt = promised(tx, intent)?;
    if attempt.capture_before.is_some_and(|before| before <= tx.now()) {
        return Ok(CaptureBegin::Lapsed);
    }
    let id: CaptureId = tx.id();
    let next_check_at = tx.now().plus(SENDING);
    if !store::insert_capture(
        tx,
        &NewCapture {
            id,
            intent,
            shop,
            shipment,
            plan,
            next_check_at,
        },
    )? {
        let known = store::capture_of_shipment(tx, shop, shipment)?.ok_or_else(|| Error::not_found("shipment"))?;
        return Ok(CaptureBegin::Again(find_capture(tx, known)?));
    }
    if !mutant!("P10-unreserved") && !store::reserve_capture(tx, intent, plan.amount.minor)? {
        store::delete_capture(tx, id)?;
        let capturable = Money::new(find(tx, intent)?.capturable_minor(), amount.currency);
        return Ok(CaptureBegin::Exceeds { capturable });
    }
    Ok(CaptureBegin::Sending(find_capture(tx, id)?))
}

/// Asks for money again that the processor refused to let us take, by the plan of today. It is a new question, with a key of its own: under the
/// old one the processor would repeat its refusal, which stays in the log.
///
/// Order of answers: not capturable, lapsed, nothing (also if nothing is refused any more), exceeds, sending.
pub fn capture_again(tx: &mut Tx<'_>, refused: CaptureId, plan: &CapturePlan) -> Result<CaptureBegin> {
    refuse_while_frozen(tx)?;
    let before = find_capture(tx, refused)?;
    let intent = find(tx, before.intent)?;
    if !intent.state.is_capturable() {
        return Ok(CaptureBegin::NotCapturable(intent.state));
    }
    if promised(tx, intent.id)?
        .capture_before
        .is_some_and(|ends| ends <= tx.now())
    {
        return Ok(CaptureBegin::Lapsed);
    }
    if plan.amount.minor == 0 || before.state != CaptureState::Failed {
        return Ok(CaptureBegin::Nothing);
    }
    if !store::reserve_capture(tx, intent.id, plan.amount.minor)? {
        let capturable = Money::new(intent.capturable_minor(), intent.amount.currency);
        return Ok(CaptureBegin::Exceeds { capturable });
    }
    let new = NewCapture {
        id: tx.id(),
        intent: intent.id,
        shop: intent.shop,
        shipment: before.shipment,
        plan,
        next_check_at: tx.now().plus(SENDING),
    };
    store::renew_capture(tx, refused, &new)?;
    Ok(CaptureBegin::Sending(find_capture(tx, new.id)?))
}

/// Asks the processor to take the money. Network; no transaction is open. Repeating it is safe: the key is the capture's own.
pub async fn capture_ask(app: &App, capture: &Capture) -> Answer {
    let attempt = &capture.attempt;
    let ask = Ask::Capture {
        key: attempt.key(Operation::Capture(capture.id)),
        reference: attempt.reference(),
        payment: attempt.payment.clone(),
        amount: capture.amount,
        last: capture.last,
    };
    ask_processor(app, attempt, &ask).await
}

/// Writes down what became of a capture, once. Taken money is in the ledger in the same transaction (L2).
pub fn capture_record(tx: &mut Tx<'_>, id: CaptureId, answer: &Answer) -> Result<Recorded> {
    let capture = find_capture(tx, id)?;
    let attempt = &capture.attempt;
    let mut changed = false;
    match answer {
        Answer::Captured {
            reference,
            operation,
            amount,
            fee,
            ..
        } if agrees(capture.amount, *amount, reference, attempt) => {
            if store::settle_capture(tx, id, CaptureState::Succeeded, fee.minor, operation, "")? || mutant!("P5") {
                taken(tx, &capture, *fee)?;
                changed = true;
            }
        }
        Answer::Captured { amount, .. } => {
            if store::settle_capture(
                tx,
                id,
                CaptureState::Conflicted,
                0,
                "",
                &format!("The processor says it took {amount}."),
            )? {
                store::conflict_intent(tx, capture.intent)?;
                let what = format!(
                    "{} contradicts us about {}. Frozen until a person decides.",
                    attempt.processor, capture.amount
                );
                store::log(tx, capture.intent, &what, &format!("It says it took {amount}."))?;
                changed = true;
            }
        }
        Answer::Unknown { detail } if mutant!("P10") => {
            if store::settle_capture(tx, id, CaptureState::Failed, 0, "", detail)? {
                store::release_capture(tx, capture.intent, capture.amount.minor)?;
            }
        }
        Answer::Refused { detail } => {
            if store::settle_capture(tx, id, CaptureState::Failed, 0, "", detail)? {
                store::release_capture(tx, capture.intent, capture.amount.minor)?;
                // Perhaps the promise has ended: the resolver looks.
                store::look_again(tx, attempt.id)?;
                store::log(
                    tx,
                    capture.intent,
                    &format!("{} refused to take {}.", attempt.processor, capture.amount),
                    detail,
                )?;
                changed = true;
            }
        }
        Answer::Undone { detail } if capture.state == CaptureState::Succeeded => {
            let what = format!(
                "{} says now that {} was not taken after all. Frozen until a person decides.",
                attempt.processor, capture.amount
            );
            changed = undone(tx, capture.intent, &what, detail)?;
        }
        other => {
            let detail = super::timeline::said(other);
            let first = capture.state == CaptureState::Sending;
            let next = next_check(tx.now(), capture.tries);
            if store::postpone_capture(tx, id, &detail, next)? && first {
                let what = match other {
                    Answer::Pending { .. } => format!(
                        "{} accepted the request to take {} and will say later.",
                        attempt.processor, capture.amount
                    ),
                    _ => format!(
                        "{} gave no clear answer about taking {}. We keep asking.",
                        attempt.processor, capture.amount
                    ),
                };
                store::log(tx, capture.intent, &what, &detail)?;
                changed = true;
            }
        }
    }
    Ok(recorded(attempt, attempt.state, changed))
}

/// What was booked as done is in the ledger, and turned back at the bank: which entries follow, only a person can say.
pub(super) fn undone(tx: &mut Tx<'_>, intent: IntentId, what: &str, detail: &str) -> Result<bool> {
    let frozen = store::conflict_intent(tx, intent)?;
    store::log(tx, intent, what, detail)?;
    Ok(frozen)
}

/// The money is ours: the intent counts it, the ledger splits it by the contract of the day of the sale.
fn taken(tx: &mut Tx<'_>, capture: &Capture, fee: Money) -> Result<()> {
    let intent = find(tx, capture.intent)?;
    let attempt = &capture.attempt;
    let state = store::take_capture(tx, intent.id, capture.amount.minor, capture.last)?;
    if state == IntentState::Succeeded && attempt.state == AttemptState::Authorized {
        let change = AttemptChange {
            from: attempt.state,
            to: AttemptState::Captured,
            payment: "",
            decline: "",
            hard: false,
            action_url: "",
            capture_before: None,
            tries: 0,
            next_check_at: None,
        };
        store::move_attempt(tx, attempt.id, &change)?;
    }
    let clearing = AccountKey::of(AccountKind::ProcessorClearing);
    let share = |leg: &PlannedLeg| Leg {
        debit: clearing,
        credit: leg.account,
        minor: leg.minor,
        purpose: leg.purpose.name(),
    };
    let mut legs: Vec<Leg> = capture.legs.iter().map(share).collect();
    legs.extend(intent.allocation.fee_legs(&capture.legs, fee.minor));
    let order = intent.checkout.order();
    let posting = Posting {
        shop: intent.shop,
        source_kind: "capture",
        source_id: capture.id.uuid(),
        order: Some(order),
        currency: intent.amount.currency,
        legs,
    };
    if !mutant!("L2") {
        ledger::post(tx, &posting)?;
    }
    store::log(
        tx,
        intent.id,
        &format!("{} took {}.", attempt.processor, capture.amount),
        &format!("Its fee is about {fee}."),
    )?;
    tx.publish(&Fact::PaymentCaptured {
        shop: intent.shop,
        order,
    })
}

pub(super) fn find_capture(tx: &mut Tx<'_>, id: CaptureId) -> Result<Capture> {
    store::capture(tx, id)?.ok_or_else(|| Error::not_found("capture"))
}

/// The attempt whose promise stands.
pub(super) fn promised(tx: &mut Tx<'_>, intent: IntentId) -> Result<super::Attempt> {
    let attempts = store::attempts(tx, intent)?;
    let promised = attempts
        .into_iter()
        .rev()
        .find(|attempt| matches!(attempt.state, AttemptState::Authorized | AttemptState::Captured));
    promised.ok_or_else(|| Error::internal("a payment that may be captured has an attempt that promised it"))
}
