//! Letting go of promised money.

use super::authorize::{Recorded, ask_processor, find, find_attempt, recorded, refuse_while_frozen};
use super::model::{Attempt, AttemptState as S, CaptureState, IntentState, Operation, SENDING, next_check};
use super::store::{self, AttemptChange};
use super::taking::GRACE;
use crate::app::App;
use crate::db::Tx;
use crate::kernel::{Answer, Ask, AttemptId, IntentId, Money, Result, Time};

/// What became of the wish to let go.
#[derive(Clone, Debug)]
pub enum VoidBegin {
    /// An obligation, written as *voiding*: now ask, outside the transaction. If nobody does, [`super::resolve`] will.
    Sending(Attempt),
    /// The payment is closed and nothing is promised. If an attempt is still unknown, its money is let go when it turns up.
    Nothing,
    /// Money is being taken right now; ask again when that is known.
    CapturePending,
}

/// Closes a payment: nothing more will be taken. What was captured stays.
///
/// Order of answers: capture pending, sending, nothing. Closing twice is closing once.
pub fn void_begin(tx: &mut Tx<'_>, intent: IntentId) -> Result<VoidBegin> {
    refuse_while_frozen(tx)?;
    let before = find(tx, intent)?;
    if before.capture_pending_minor > 0 {
        return Ok(VoidBegin::CapturePending);
    }
    match store::close_intent(tx, intent)? {
        Some(_) if before.state != IntentState::RequiresMethod => {
            store::log(tx, intent, "The payment was closed; nothing more is taken.", "")?;
        }
        // Somebody began to take it since we looked.
        None if find(tx, intent)?.capture_pending_minor > 0 => return Ok(VoidBegin::CapturePending),
        _ => {}
    }
    if before.state == IntentState::Conflicted && !mutant!("P8-conflict") {
        store::close_conflicted(tx, intent)?;
    }
    let attempts = store::attempts(tx, intent)?;
    // A renewal that is let go already has its own obligation: the promise that stands comes first.
    let newest = |states: &[S]| attempts.iter().rev().find(|attempt| states.contains(&attempt.state));
    let Some(attempt) = newest(&[S::Authorized, S::RequiresAction])
        .or_else(|| newest(&[S::Voiding]))
        .cloned()
    else {
        return Ok(VoidBegin::Nothing);
    };
    if attempt.state == S::Authorized && before.state == IntentState::Conflicted {
        return Ok(VoidBegin::Nothing); // Frozen: only a person moves it on.
    }
    let next_check_at = Some(tx.now().plus(SENDING));
    move_to(tx, &attempt, S::Voiding, 0, next_check_at)?;
    Ok(VoidBegin::Sending(Attempt {
        state: S::Voiding,
        next_check_at,
        ..attempt
    }))
}

/// Nothing was heard in time, of the buyer at their bank or of a provider that cannot be asked: the attempt is let go, and another may start.
pub(super) fn give_up(tx: &mut Tx<'_>, id: AttemptId) -> Result<()> {
    let attempt = find_attempt(tx, id)?;
    let why = match attempt.state {
        S::RequiresAction | S::Pending => "The buyer did not confirm in time. The request is withdrawn.",
        S::Unknown => "The processor cannot be asked any more what became of the request. It is withdrawn.",
        _ => return Ok(()),
    };
    let next_check_at = Some(tx.now());
    move_to(tx, &attempt, S::Voiding, 0, next_check_at)?;
    if !attempt.off_session {
        store::answer_intent(tx, attempt.intent, IntentState::RequiresMethod)?;
    }
    store::log(tx, attempt.intent, why, "")?;
    Ok(())
}

pub(super) fn move_to(
    tx: &mut Tx<'_>,
    attempt: &Attempt,
    to: S,
    tries: u32,
    next_check_at: Option<Time>,
) -> Result<()> {
    let change = AttemptChange {
        from: attempt.state,
        to,
        payment: "",
        decline: "",
        hard: false,
        action_url: "",
        capture_before: None,
        once: false,
        card: None,
        tries,
        next_check_at,
    };
    store::move_attempt(tx, attempt, &change)
}

/// What was taken from a promise.
pub(super) fn taken(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<Money> {
    let captures = store::captures(tx, attempt.intent)?;
    let mine = captures
        .iter()
        .filter(|capture| capture.attempt == attempt.id && capture.state == CaptureState::Succeeded);
    Ok(Money::new(
        mine.map(|capture| capture.minor).sum(),
        attempt.amount.currency,
    ))
}

/// Asks the processor to let go. Network; no transaction is open. Repeating it is safe.
pub async fn void_ask(app: &App, attempt: &Attempt) -> Answer {
    let ask = Ask::Void {
        key: attempt.key(Operation::Void),
        reference: attempt.reference(),
        payment: attempt.payment.clone(),
    };
    ask_processor(app, attempt, &ask).await
}

/// So often a processor says nothing of letting go before its silence ends the duty: one lost word is no silence, and a buyer at their bank may have
/// confirmed since we looked.
const SILENCES: u32 = 3;

/// Whether what an attempt may have promised has ended by itself, also if it was promised some time after it was asked for.
fn is_over(attempt: &Attempt, now: Time) -> bool {
    let usual = || attempt.window.map(|window| attempt.created_at.plus(window));
    let ends = attempt.capture_before.or_else(usual);
    ends.is_some_and(|ends| ends.plus(GRACE) <= now)
}

/// Writes down whether it was let go. Anything but a clear answer keeps the obligation open, until the promise would have ended by itself.
pub(super) fn record_void(tx: &mut Tx<'_>, id: AttemptId, answer: &Answer) -> Result<Recorded> {
    let attempt = find_attempt(tx, id)?;
    if attempt.state != S::Voiding {
        return Ok(recorded(&attempt, attempt.state, false));
    }
    let (to, what, detail) = match answer {
        Answer::Voided { .. } | Answer::Declined { .. } => (
            S::Voided,
            format!("{} let {} go.", attempt.processor, attempt.amount),
            String::new(),
        ),
        Answer::NotFound => (
            S::Voided,
            format!(
                "{} never promised {}; there is nothing to let go.",
                attempt.processor, attempt.amount
            ),
            String::new(),
        ),
        // What we took of it before is all that was taken: the rest is gone, as it should be.
        Answer::Captured { amount, .. } if *amount == taken(tx, &attempt)? => (
            S::Voided,
            format!("{} holds nothing more of {}.", attempt.processor, attempt.amount),
            String::new(),
        ),
        // It did the other thing: the state follows the processor, and a person hears of it (P11).
        Answer::Captured { amount, .. } => (
            S::Conflicted,
            format!(
                "{} took {amount} that was to be let go. A person has to give it back.",
                attempt.processor
            ),
            String::new(),
        ),
        // Asked again and again it does not say whether it was let go, and by its own time whatever was promised is over.
        said if !matches!(said, Answer::NotSent { .. })
            && attempt.tries >= SILENCES
            && is_over(&attempt, tx.now())
            && !mutant!("P8-over") =>
        {
            (
                S::Voided,
                format!(
                    "{} never said that it let {} go; a promise of it would be over by now.",
                    attempt.processor, attempt.amount
                ),
                format!("{answer:?}"),
            )
        }
        other if mutant!("P11") => (S::Voided, String::new(), format!("{other:?}")),
        other => (S::Voiding, String::new(), format!("{other:?}")),
    };
    let next_check_at = (to == S::Voiding).then(|| next_check(tx.now(), attempt.tries));
    move_to(tx, &attempt, to, attempt.tries + 1, next_check_at)?;
    if to != S::Voiding {
        store::log(tx, attempt.intent, &what, &detail)?;
    }
    if to == S::Conflicted {
        store::conflict_intent(tx, attempt.intent)?;
    }
    Ok(recorded(&attempt, to, to != S::Voiding))
}
