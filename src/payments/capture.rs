//! Taking part of the promised money, once per shipment.

use super::allocation::{Part, PlannedLeg};
use super::authorize::{Recorded, agrees, ask_processor, find, recorded, refuse_while_frozen};
use super::disputes;
use super::model::{
    Attempt, AttemptState, Capture, CapturePlan, CaptureState, Intent, IntentState, Operation, SENDING, Taking,
    next_check,
};
use super::settle_unheard::contradicts_capture;
use super::store::{self, AttemptChange, NewCapture};
use super::taking::{Take, next_look, take};
use crate::app::App;
use crate::db::Tx;
use crate::kernel::{Answer, Ask, CaptureId, Error, Fact, Id, IntentId, Money, Result, Seconds, ShipmentId, Time};
use crate::ledger::{self, AccountKey, AccountKind, Leg, Posting};

/// What became of the wish to capture.
#[derive(Clone, Debug)]
pub enum CaptureBegin {
    /// Set aside and written as *sending*: now ask, outside the transaction.
    Sending(Capture),
    /// Set aside: it is taken with the last parcel, or before the promise ends, by [`super::resolve`].
    Waiting,
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
    /// The promise can be taken once, and is being taken right now.
    TakenOnce,
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

/// Sets the amount aside and writes the capture as *sending*, or as *waiting* where the promise is taken once and more parcels follow
/// ([`super::taking`]). The shipment is its natural key: asked twice, it is one capture.
///
/// Order of answers: again, not capturable, lapsed, taken once, nothing, exceeds, waiting, sending. A crash after it is finished by
/// [`super::resolve`].
pub fn capture_begin(
    tx: &mut Tx<'_>,
    intent: IntentId,
    shipment: ShipmentId,
    plan: &CapturePlan,
) -> Result<CaptureBegin> {
    refuse_while_frozen(tx)?;
    let Intent {
        shop,
        state,
        amount,
        capture_pending_minor,
        ..
    } = find(tx, intent)?;
    if let Some(known) = store::capture_of_shipment(tx, shop, shipment)? {
        return Ok(CaptureBegin::Again(find_capture(tx, known)?));
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
    let waiting = if capture_pending_minor > 0 {
        store::waiting_capture(tx, intent)?
    } else {
        None
    };
    if plan.amount.minor == 0 && (waiting.is_none() || !plan.last) {
        return Ok(CaptureBegin::Nothing);
    }
    if !state.is_capturable() {
        return Ok(CaptureBegin::NotCapturable(state));
    }
    let Some(attempt) = promised(tx, intent)? else {
        return Ok(CaptureBegin::Lapsed);
    };
    if attempt.capture_before.is_some_and(|before| before <= tx.now()) && !mutant!("I13") {
        return Ok(CaptureBegin::Lapsed);
    }
    if is_being_taken_once(tx, &attempt)? {
        return Ok(CaptureBegin::TakenOnce);
    }
    let taking = take(attempt.taking, plan.last, tx.now(), attempt.capture_before);
    let id = match waiting {
        Some(waiting) => {
            if !store::reserve_capture(tx, intent, plan.amount.minor)? {
                return exceeds(tx, intent);
            }
            let known = find_capture(tx, waiting)?;
            grow(tx, &known, plan, taking)?;
            waiting
        }
        None => {
            let id: CaptureId = tx.id();
            if !store::insert_capture(tx, &new(tx, id, &attempt, shipment, plan, taking))? {
                let known =
                    store::capture_of_shipment(tx, shop, shipment)?.ok_or_else(|| Error::not_found("shipment"))?;
                return Ok(CaptureBegin::Again(find_capture(tx, known)?));
            }
            if !mutant!("P10-unreserved") && !store::reserve_capture(tx, intent, plan.amount.minor)? {
                store::delete_capture(tx, id)?;
                return exceeds(tx, intent);
            }
            id
        }
    };
    begun(tx, id, taking)
}

fn exceeds(tx: &mut Tx<'_>, intent: IntentId) -> Result<CaptureBegin> {
    let found = find(tx, intent)?;
    let capturable = Money::new(found.capturable_minor(), found.amount.currency);
    Ok(CaptureBegin::Exceeds { capturable })
}

/// A capture to be written down. What waits is looked at when its promise comes near its end.
fn new<'a>(
    tx: &Tx<'_>,
    id: CaptureId,
    attempt: &Attempt,
    shipment: ShipmentId,
    plan: &'a CapturePlan,
    taking: Take,
) -> NewCapture<'a> {
    let (state, next_check_at) = due(tx, attempt, taking);
    NewCapture {
        id,
        intent: attempt.intent,
        attempt: attempt.id,
        shop: attempt.shop,
        shipment,
        plan,
        last: taking == Take::Now { last: true } || attempt.taking == Taking::Once,
        state,
        next_check_at,
    }
}

fn due(tx: &Tx<'_>, attempt: &Attempt, taking: Take) -> (CaptureState, Time) {
    match taking {
        Take::Now { .. } => (CaptureState::Sending, tx.now().plus(SENDING)),
        Take::Wait => (CaptureState::Waiting, next_look(tx.now(), attempt.capture_before)),
    }
}

/// Another parcel's part joins what waits.
fn grow(tx: &mut Tx<'_>, waiting: &Capture, plan: &CapturePlan, taking: Take) -> Result<()> {
    let (state, next_check_at) = due(tx, &waiting.attempt, taking);
    let legs: Vec<PlannedLeg> = waiting.legs.iter().chain(&plan.legs).cloned().collect();
    store::grow_capture(tx, waiting.id, plan.amount.minor, &legs, state, next_check_at)
}

/// What waits is taken now, if its promise comes near its end; else it waits on. The capture to ask for.
pub(super) fn capture_waiting(tx: &mut Tx<'_>, id: CaptureId) -> Result<Option<Capture>> {
    let waiting = find_capture(tx, id)?;
    if waiting.state != CaptureState::Waiting || refuse_while_frozen(tx).is_err() {
        return Ok(None);
    }
    let nothing = CapturePlan {
        amount: Money::zero(waiting.amount.currency),
        legs: Vec::new(),
        last: false,
    };
    let taking = take(waiting.attempt.taking, false, tx.now(), waiting.attempt.capture_before);
    grow(tx, &waiting, &nothing, taking)?;
    if taking == Take::Wait {
        return Ok(None);
    }
    let what = format!(
        "The promise of {} ends soon and not everything has left: {} is taken for what has.",
        waiting.attempt.processor, waiting.amount
    );
    store::log(tx, waiting.intent, &what, "")?;
    find_capture(tx, id).map(Some)
}

/// Asks for money again that the processor refused to let us take, by the plan of today. It is a new question, with a key of its own: under the
/// old one the processor would repeat its refusal, which stays in the log. Where the promise can be taken once and more parcels follow, it waits
/// for them like everything else ([`super::taking`]).
///
/// Order of answers: not capturable, lapsed, nothing (also if nothing is refused any more), taken once, exceeds, waiting, sending.
pub fn capture_again(tx: &mut Tx<'_>, refused: CaptureId, plan: &CapturePlan) -> Result<CaptureBegin> {
    refuse_while_frozen(tx)?;
    let before = find_capture(tx, refused)?;
    let intent = find(tx, before.intent)?;
    if !intent.state.is_capturable() {
        return Ok(CaptureBegin::NotCapturable(intent.state));
    }
    let Some(attempt) = promised(tx, intent.id)? else {
        return Ok(CaptureBegin::Lapsed);
    };
    if attempt.capture_before.is_some_and(|ends| ends <= tx.now()) {
        return Ok(CaptureBegin::Lapsed);
    }
    if plan.amount.minor == 0 || before.state != CaptureState::Failed {
        return Ok(CaptureBegin::Nothing);
    }
    if is_being_taken_once(tx, &attempt)? {
        return Ok(CaptureBegin::TakenOnce);
    }
    if !store::reserve_capture(tx, intent.id, plan.amount.minor)? {
        return exceeds(tx, intent.id);
    }
    let taking = take(attempt.taking, plan.last, tx.now(), attempt.capture_before);
    let id = match store::waiting_capture(tx, intent.id)? {
        Some(waiting) => {
            let known = find_capture(tx, waiting)?;
            grow(tx, &known, plan, taking)?;
            waiting
        }
        None => {
            let renewed = new(tx, tx.id(), &attempt, before.shipment, plan, taking);
            store::renew_capture(tx, refused, &renewed)?;
            renewed.id
        }
    };
    begun(tx, id, taking)
}

/// Whether the promise can be taken once, and is being taken right now.
fn is_being_taken_once(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<bool> {
    let is_open = |state| matches!(state, CaptureState::Sending | CaptureState::Unknown);
    Ok(attempt.taking == Taking::Once
        && store::captures(tx, attempt.intent)?
            .iter()
            .any(|one| is_open(one.state)))
}

fn begun(tx: &mut Tx<'_>, id: CaptureId, taking: Take) -> Result<CaptureBegin> {
    Ok(match taking {
        Take::Now { .. } => CaptureBegin::Sending(find_capture(tx, id)?),
        Take::Wait => CaptureBegin::Waiting,
    })
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
    if contradicts_capture(tx, &capture, answer)? {
        return Ok(recorded(attempt, attempt.state, true));
    }
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
                // Perhaps the promise has ended: the resolver looks. If we know it has, the rest is not promised any more.
                store::look_again(tx, attempt.id)?;
                store::expire_intent(tx, capture.intent)?;
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
            let next = match mutant!("I16") {
                true => tx.now().plus(Seconds::days(10_000)),
                false => next_check(tx.now(), capture.tries),
            };
            if store::postpone_capture(tx, id, &detail, next)? && first {
                let what = match other {
                    Answer::Pending { .. } => format!(
                        "{} accepted the request to take {} and will say later.",
                        attempt.processor, capture.amount
                    ),
                    Answer::NotSent { .. } => format!(
                        "{} could not be asked to take {}. It is asked again by itself.",
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
fn undone(tx: &mut Tx<'_>, intent: IntentId, what: &str, detail: &str) -> Result<bool> {
    let frozen = store::conflict_intent(tx, intent)?;
    store::log(tx, intent, what, detail)?;
    Ok(frozen)
}

/// The money is ours: the intent counts it, the ledger splits it by the contract of the day of the sale.
fn taken(tx: &mut Tx<'_>, capture: &Capture, fee: Money) -> Result<()> {
    let intent = find(tx, capture.intent)?;
    let attempt = &capture.attempt;
    let once = attempt.taking == Taking::Once;
    let state = store::take_capture(tx, intent.id, capture.amount.minor, capture.last && !once)?;
    // A promise that is taken once is used up by it, also where that was not everything.
    if (state == IntentState::Succeeded || once) && attempt.state == AttemptState::Authorized {
        // Units were canceled while this was on its way: nobody said that it was the last part, so the processor still holds theirs.
        let holds = !once && !capture.last && super::void::taken(tx, attempt)?.minor < attempt.amount.minor;
        let change = AttemptChange {
            from: attempt.state,
            to: if holds {
                AttemptState::Voiding
            } else {
                AttemptState::Captured
            },
            payment: "",
            decline: "",
            hard: false,
            action_url: "",
            capture_before: None,
            once: false,
            card: None,
            tries: 0,
            next_check_at: holds.then(|| tx.now()),
        };
        store::move_attempt(tx, attempt, &change)?;
    }
    if state == IntentState::PartiallyCaptured {
        store::expire_intent(tx, intent.id)?;
    }
    let clearing = AccountKey::of(AccountKind::ProcessorClearing);
    let share = |leg: &PlannedLeg| Leg {
        debit: clearing,
        credit: leg.account,
        minor: leg.minor,
        purpose: leg.purpose.name(),
    };
    let mut legs: Vec<Leg> = capture.legs.iter().map(share).collect();
    if !mutant!("L2-fee") {
        legs.extend(intent.allocation.fee_legs(&capture.legs, fee.minor));
    }
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
    // A bank may have taken it back before we heard that it was taken.
    if !mutant!("L10") {
        disputes::cover(tx, intent.id)?;
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

/// The attempt whose promise stands. None: it is over, and a capture of it that may still succeed keeps the payment from being lost.
pub(super) fn promised(tx: &mut Tx<'_>, intent: IntentId) -> Result<Option<Attempt>> {
    let attempts = store::attempts(tx, intent)?;
    Ok(attempts
        .into_iter()
        .find(|attempt| attempt.state == AttemptState::Authorized))
}
