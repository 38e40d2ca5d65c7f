//! From the wish to be paid to the promise of money: open, start, ask, record.

use super::breaker::{Asked, Breakers};
use super::card_testing::Declines;
use super::model::{
    ACTION, ATTEMPTS_MAX, Attempt, AttemptState as S, CaptureState, Intent, IntentState, OpenIntent, Operation,
    SENDING, SILENT, VISIBILITY, check_amount, needs_a_person, next_check,
};
use super::rules::Plan;
use super::store::{self, AttemptChange};
use super::taking::{GRACE, Terms, next_look};
use crate::app::App;
use crate::db::{Tx, epoch};
use crate::kernel::{
    Answer, Ask, AttemptId, CheckoutId, Decline, Error, Id, IntentId, Kind, Money, Result, Reuse, Seconds, Session,
    ShopId, Time,
};
use sha2::{Digest, Sha256};

/// What became of the wish to start an attempt.
#[derive(Clone, Debug)]
pub enum Start {
    /// Written down as *sending*: now ask the processor, outside the transaction.
    Sending(Attempt),
    /// An attempt is on its way or unknown; no other may start (I10).
    Unresolved,
    /// The budget of tries is spent.
    TooMany,
    /// This card was refused for good already: nobody is asked about it again (P20).
    CardRefused,
    /// Paid, canceled, in conflict, or nothing to pay.
    NotPayable,
}

/// What an answer changed. Whoever learns of it re-reads the intent and concludes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub checkout: CheckoutId,
    pub attempt: AttemptId,
    pub state: S,
    /// The card it was promised by, as a hash, if the processor says which it is.
    pub card: Option<[u8; 32]>,
    /// False if this answer had been recorded before, or came too late to matter.
    pub changed: bool,
}

/// Writes down the one wish of a checkout to be paid. Opened again with another amount or split, it takes them, as long as nothing was tried.
///
/// A sale of nothing has succeeded at once; it needs no processor. Errors: amounts nobody can charge.
pub fn open(tx: &mut Tx<'_>, wish: &OpenIntent) -> Result<IntentId> {
    let state = state_of(wish)?;
    let id = wish.checkout.intent();
    if store::insert_intent(tx, id, wish, state)? {
        return Ok(id);
    }
    let known = find(tx, id)?;
    if known.shop != wish.shop {
        return Err(Error::not_found("checkout"));
    }
    if (known.amount, &known.allocation) != (wish.amount, &wish.allocation)
        && !store::reprice_intent(tx, id, state, wish.amount, &wish.allocation)?
    {
        return Err(Error::conflict(
            "payment_begun",
            "The payment has begun; its amount cannot change any more.",
        ));
    }
    Ok(id)
}

/// The state a wish is born in, if somebody can charge it.
fn state_of(wish: &OpenIntent) -> Result<IntentState> {
    wish.allocation.check()?;
    assert_eq!(
        wish.allocation.total(),
        wish.amount.minor,
        "the split of a sale is the sale"
    );
    if wish.amount.minor == 0 {
        return Ok(IntentState::Succeeded);
    }
    check_amount(wish.amount)?;
    Ok(IntentState::RequiresMethod)
}

/// By whom and with what a buyer pays.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    pub processor: &'a str,
    pub method: &'a str,
    pub token: &'a str,
    /// What the promise will be able to do.
    pub terms: Terms,
}

/// [`open`] and [`start`] for a checkout that pays at once: the intent is born with its first attempt, in one statement.
pub fn open_and_start(tx: &mut Tx<'_>, wish: &OpenIntent, by: By<'_>) -> Result<Start> {
    refuse_while_frozen(tx)?;
    let pays = state_of(wish)? == IntentState::RequiresMethod;
    if pays && store::insert_intent(tx, wish.checkout.intent(), wish, IntentState::Processing)? {
        return sending(tx, wish.shop, wish.checkout, wish.amount, 1, by);
    }
    let intent = open(tx, wish)?;
    start(tx, intent, by)
}

/// [`open_and_start`] for a checkout that was written in this transaction.
pub fn start_new(tx: &mut Tx<'_>, wish: &OpenIntent, by: By<'_>) -> Result<Start> {
    refuse_while_frozen(tx)?;
    if state_of(wish)? != IntentState::RequiresMethod {
        return open_and_start(tx, wish, by);
    }
    store::insert_new_intent(tx, wish.checkout.intent(), wish, IntentState::Processing)?;
    sending(tx, wish.shop, wish.checkout, wish.amount, 1, by)
}

/// Writes an attempt as *sending*, in one conditional statement: while another is on its way there is no row to change.
///
/// Order of answers: card refused, not payable, unresolved, too many, sending. A crash after it is finished by [`super::resolve`].
pub fn start(tx: &mut Tx<'_>, intent: IntentId, by: By<'_>) -> Result<Start> {
    refuse_while_frozen(tx)?;
    if !by.token.is_empty() && store::refused_for_good(tx, intent, by.token)? {
        return Ok(Start::CardRefused);
    }
    let Some((n, shop, checkout, amount)) = store::begin_attempt(tx, intent, ATTEMPTS_MAX, by.token)? else {
        let found = find(tx, intent)?;
        return Ok(match found.state {
            IntentState::RequiresMethod => Start::TooMany,
            IntentState::Expired if found.is_lost() => Start::TooMany,
            // A renewal is on its way, or will be in a moment.
            IntentState::Expired => Start::Unresolved,
            state if state.waits() => Start::Unresolved,
            _ => Start::NotPayable,
        });
    };
    sending(tx, shop, checkout, amount, n, by)
}

fn sending(tx: &mut Tx<'_>, shop: ShopId, checkout: CheckoutId, amount: Money, n: u32, by: By<'_>) -> Result<Start> {
    let attempt = Attempt {
        id: tx.id(),
        intent: checkout.intent(),
        shop,
        checkout,
        n,
        processor: by.processor.to_owned(),
        method: by.method.to_owned(),
        token: by.token.to_owned(),
        state: S::Sending,
        amount,
        taking: by.terms.taking,
        window: by.terms.window,
        off_session: false,
        payment: String::new(),
        decline: String::new(),
        action_url: String::new(),
        capture_before: None,
        tries: 0,
        next_check_at: (!mutant!("P3")).then(|| tx.now().plus(SENDING)),
        created_at: tx.now(),
        return_url: String::new(),
        reuse: Reuse::Once,
    };
    store::insert_attempt(tx, &attempt)?;
    Ok(Start::Sending(attempt))
}

/// The next processor of the plan, started in the transaction in which the last one's definite no was recorded, so that two are never open at once
/// (I10). The buyer still waits for one answer.
///
/// None unless the answer is definite (declined, refused, not sent, not executed), may be another elsewhere, and is the newest: after *unknown*
/// nobody else is asked (P4), after a hard decline nobody with this card (P20), and not once the buyer has begun something else meanwhile.
pub fn fail_over(tx: &mut Tx<'_>, last: AttemptId, plan: &Plan) -> Result<Option<Attempt>> {
    let attempt = find_attempt(tx, last)?;
    let Some(next) = plan.after(&attempt.processor) else {
        return Ok(None);
    };
    let definite = match attempt.state {
        S::NotSent | S::NotExecuted => true,
        S::Failed => !theirs_to_mend(&attempt.decline),
        S::Unknown => mutant!("P4"),
        _ => false,
    };
    let intent = find(tx, attempt.intent)?;
    let wanted =
        intent.state == IntentState::RequiresMethod || intent.state == IntentState::Expired && intent.is_lost();
    if !definite || !wanted || intent.attempts != attempt.n {
        return Ok(None);
    }
    let by = By {
        processor: next,
        method: &attempt.method,
        token: &attempt.token,
        terms: plan.terms(next),
    };
    let Start::Sending(started) = start(tx, attempt.intent, by)? else {
        return Ok(None); // A hard decline, or the budget is spent.
    };
    let why = match attempt.state {
        S::Failed => "said no",
        _ => "was not reached",
    };
    let said = format!("{} {why}, so {next} is asked.", attempt.processor);
    store::log(tx, attempt.intent, &said, &attempt.decline)?;
    Ok(Some(started))
}

/// Asks the processor for the promise. Network; no transaction is open.
pub async fn authorize_ask(app: &App, attempt: &Attempt) -> Answer {
    let return_url = if attempt.return_url.is_empty() {
        app.base_url.clone()
    } else {
        attempt.return_url.clone()
    };
    let ask = Ask::Authorize {
        key: attempt.key(Operation::Authorize),
        reference: attempt.reference(),
        amount: attempt.amount,
        token: attempt.token.clone(),
        return_url,
        session: if attempt.off_session {
            Session::Nobody
        } else {
            Session::Buyer
        },
        reuse: attempt.reuse.clone(),
    };
    let answer = ask_processor(app, attempt, &ask).await;
    if !attempt.off_session {
        let now = app.clock.monotonic();
        app.kept::<Declines>().learn(attempt.shop, &answer, now);
    }
    answer
}

/// Declines that are the same everywhere until the buyer does something: asking elsewhere would only be another no on their card.
pub(super) fn theirs_to_mend(decline: &str) -> bool {
    matches!(
        decline,
        "incorrect_cvc" | "authentication_failed" | "authentication_required" | "canceled"
    )
}

/// Asks the processor of an attempt; one that is not there any more could not be asked. Its breaker learns whether anybody was there, and while it is
/// open nobody waits for what can be done later.
pub(super) async fn ask_processor(app: &App, attempt: &Attempt, ask: &Ask) -> Answer {
    let processor = match app.processor(&attempt.processor) {
        Ok(processor) => processor,
        Err(error) => {
            return Answer::NotSent {
                detail: error.to_string(),
            };
        }
    };
    let (breakers, asked) = (app.kept::<Breakers>(), Asked::of(ask));
    if asked.can_wait() && !breakers.admit(processor.name(), asked, app.clock.monotonic()) {
        return Answer::NotSent {
            detail: "It did not answer lately, and is left alone for half a minute.".into(),
        };
    }
    let answer = processor.ask(ask).await;
    breakers.learn(processor.name(), asked, &answer, app.clock.monotonic());
    answer
}

/// Writes down what a processor said of an attempt, whoever heard it: the asking verb, the processor's notice, the resolver.
///
/// Applied once: it moves the attempt only from the state it read, along a declared edge; everything else changes nothing (P5, P6).
pub fn record(tx: &mut Tx<'_>, attempt: AttemptId, operation: Operation, answer: &Answer) -> Result<Recorded> {
    match operation {
        Operation::Authorize => {
            let attempt = find_attempt(tx, attempt)?;
            record_of(tx, &attempt, answer, wanted)
        }
        Operation::Void => super::void::record_void(tx, attempt, answer),
        Operation::Capture(capture) => super::capture::capture_record(tx, capture, answer),
        Operation::Refund(refund) => super::refund::refund_record(tx, refund, answer),
    }
}

/// [`record`] for whoever asked for the promise and still has the attempt as it was written. Should somebody else have moved it or its payment
/// meanwhile, the statement that moves it finds no row, and the whole command runs again: it must not come with the same attempt twice.
pub fn record_asked(tx: &mut Tx<'_>, attempt: &Attempt, answer: &Answer) -> Result<Recorded> {
    record_of(tx, attempt, answer, |tx, attempt| {
        if attempt.off_session {
            return wanted(tx, attempt);
        }
        store::authorize_waiting_intent(tx, attempt.intent).map(|()| true)
    })
}

fn record_of(
    tx: &mut Tx<'_>,
    attempt: &Attempt,
    answer: &Answer,
    wanted: impl FnOnce(&mut Tx<'_>, &Attempt) -> Result<bool>,
) -> Result<Recorded> {
    let taken = if attempt.state == S::Authorized {
        taken_of(tx, attempt)?
    } else {
        Taken::default()
    };
    let Some(step) = step(attempt, answer, tx.now(), taken) else {
        return Ok(recorded(attempt, attempt.state, false));
    };
    // The intent decides whether the promise is still wanted; it moves first, so that two promises cannot both be kept.
    let to = match step.to {
        S::Authorized if attempt.state != S::Authorized && !wanted(tx, attempt)? && !mutant!("P4-extra") => S::Voiding,
        // Nobody is there to answer their bank.
        S::RequiresAction if attempt.off_session => S::Voiding,
        to => to,
    };
    let follows = match to {
        S::Failed | S::NotExecuted | S::NotSent => Some(IntentState::RequiresMethod),
        S::Voiding if attempt.state.is_open() => Some(IntentState::RequiresMethod),
        S::RequiresAction => Some(IntentState::RequiresAction),
        S::Unknown if mutant!("P4") => Some(IntentState::RequiresMethod),
        S::Unknown => Some(IntentState::Unknown),
        S::Pending => Some(IntentState::Processing),
        _ => None,
    };
    if let Some(next) = follows.filter(|_| to != attempt.state && !attempt.off_session) {
        store::answer_intent(tx, attempt.intent, next)?;
    }
    if to == S::Conflicted {
        store::conflict_intent(tx, attempt.intent)?;
    }
    let ended = attempt.state == S::Authorized && matches!(to, S::Voided | S::Voiding | S::Captured);
    let next_check_at = match to {
        S::Unknown => Some(next_check(tx.now(), attempt.tries)),
        // Buyers finish at their bank and never come back, so we look from time to time.
        S::Pending | S::RequiresAction => Some(tx.now().plus(Seconds(60))),
        S::Voiding => Some(tx.now()),
        S::NotExecuted if mutant!("P2-late") => None,
        S::NotExecuted => later_look(tx.now(), attempt),
        // A promise ends by itself; we look some time before.
        S::Authorized => Some(next_look(tx.now(), ends(attempt, step.capture_before))),
        _ => None,
    };
    let tries = if matches!(to, S::Unknown | S::NotExecuted) && to == attempt.state {
        attempt.tries + 1
    } else {
        attempt.tries * u32::from(to == attempt.state)
    };
    let change = AttemptChange {
        from: attempt.state,
        to,
        payment: step.payment,
        decline: step.decline,
        hard: matches!(
            answer,
            Answer::Declined {
                decline: Decline::Hard(_),
                ..
            }
        ) && !mutant!("P20"),
        action_url: step.url,
        capture_before: if to == S::Authorized {
            ends(attempt, step.capture_before)
        } else {
            step.capture_before
        },
        once: step.once,
        card: step.card.map(|card| card_hash(attempt, card)),
        tries,
        next_check_at,
    };
    if to == S::Authorized && attempt.state != S::Authorized && attempt.n > 1 {
        super::renew::stands(tx, attempt)?;
    }
    store::move_attempt(tx, attempt, &change)?;
    if ended {
        super::renew::ended(tx, attempt)?;
    }
    if attempt.off_session && !to.is_open() {
        store::postpone_intent(tx, attempt.intent, tx.now())?; // If it was in vain, the buyer's turn may have come.
    }
    if to != attempt.state {
        store::log(tx, attempt.intent, &sentence(attempt, to), step.detail)?;
    } else if needs_a_person(tries) && !needs_a_person(attempt.tries) {
        store::log(
            tx,
            attempt.intent,
            "The processor still does not say what happened. A person has to look.",
            step.detail,
        )?;
    }
    Ok(Recorded {
        card: change.card,
        ..recorded(attempt, to, to != attempt.state)
    })
}

/// Which card it is, without what its processor calls it: a name that means nothing in another shop or at another processor.
fn card_hash(attempt: &Attempt, card: &str) -> [u8; 32] {
    let shop = attempt.shop.uuid();
    let mut hash = Sha256::new_with_prefix(b"card");
    for part in [
        shop.as_bytes().as_slice(),
        attempt.processor.as_bytes(),
        card.as_bytes(),
    ] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Whether the promise is wanted: by a payment that waits for it, or, asked for without the buyer, as the rest of one that is promised already.
fn wanted(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<bool> {
    if attempt.off_session {
        store::renew_intent(tx, attempt.intent, attempt.amount.minor)
    } else {
        store::authorize_intent(tx, attempt.intent)
    }
}

/// When a promise ends: as the processor says, or as it usually does, counted from when it was asked for: the answer may have come days later.
fn ends(attempt: &Attempt, said: Option<Time>) -> Option<Time> {
    let usual = || attempt.window.map(|window| attempt.created_at.plus(window));
    said.or(attempt.capture_before).or_else(usual)
}

/// What was taken of a promise.
#[derive(Clone, Copy, Default)]
struct Taken {
    minor: i64,
    /// Whether more may be taken right now, of which we do not know yet.
    open: bool,
    /// Whether the processor contradicts us about some of it already.
    contested: bool,
}

fn taken_of(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<Taken> {
    let mut taken = Taken::default();
    let captures = store::captures(tx, attempt.intent)?;
    for capture in captures.iter().filter(|capture| capture.attempt == attempt.id) {
        match capture.state {
            CaptureState::Succeeded => taken.minor += capture.minor,
            CaptureState::Sending | CaptureState::Unknown => taken.open = true,
            CaptureState::Conflicted => taken.contested = true,
            CaptureState::Waiting | CaptureState::Failed => {}
        }
    }
    Ok(taken)
}

/// "No such payment" was believed, and the buyer may have paid in another way since. Should the request have been on its way after all (a clock
/// that was put right made ninety seconds of one), what it promised is found by these looks and let go.
fn later_look(now: Time, attempt: &Attempt) -> Option<Time> {
    let looks = if attempt.state == S::NotExecuted {
        attempt.tries + 1
    } else {
        0
    };
    match looks {
        0 => Some(now.plus(Seconds::minutes(15))),
        1 => Some(now.plus(Seconds::days(1))),
        _ => None,
    }
}

/// Where an answer leads, before anybody asks whether the money is still wanted.
struct Step<'a> {
    to: S,
    payment: &'a str,
    decline: &'a str,
    url: &'a str,
    capture_before: Option<Time>,
    once: bool,
    card: Option<&'a str>,
    detail: &'a str,
}

/// Reads an answer against the attempt. `None`: it says nothing new.
fn step<'a>(attempt: &Attempt, answer: &'a Answer, now: Time, taken: Taken) -> Option<Step<'a>> {
    if matches!(attempt.state, S::Voiding | S::Voided | S::Captured | S::Conflicted) {
        return None; // Decided already; what comes late changes nothing.
    }
    let to = |to| Step {
        to,
        payment: "",
        decline: "",
        url: "",
        capture_before: None,
        once: false,
        card: None,
        detail: "",
    };
    let step = match answer {
        Answer::Authorized {
            payment,
            reference,
            amount,
            capture_before,
            once,
            card,
        } => {
            let agreed = *amount == attempt.amount && *reference == attempt.reference();
            let over = ends(attempt, *capture_before).is_some_and(|ends| ends <= now);
            let next = match (attempt.state.is_open() || attempt.state == S::Authorized, agreed) {
                // It says that it stands, and its time is over, or was when we first heard of it: it is let go, and nothing is built on it.
                (true, true) if over && !taken.open && !mutant!("P9-late") => S::Voiding,
                (true, true) => S::Authorized,
                (true, false) => S::Conflicted,
                // It was given up. Whatever turns up now is let go.
                (false, _) => S::Voiding,
            };
            let detail = if next == S::Conflicted {
                "The processor answered with another amount, currency or reference."
            } else {
                ""
            };
            Step {
                payment,
                capture_before: *capture_before,
                once: *once,
                card: card.as_deref(),
                detail,
                ..to(next)
            }
        }
        // Nobody asked for a capture yet: whatever this is, it is not ours to build on.
        Answer::Captured { payment, .. } | Answer::Refunded { payment, .. } if attempt.state.is_open() => Step {
            payment,
            detail: "The processor took money that was only to be promised.",
            ..to(S::Conflicted)
        },
        Answer::RequiresAction { payment, url } if attempt.state.is_open() => Step {
            payment,
            url,
            ..to(S::RequiresAction)
        },
        Answer::Pending { payment } if attempt.state.is_open() => Step {
            payment,
            ..to(S::Pending)
        },
        Answer::Declined { payment, decline } if attempt.state.is_open() => {
            let detail = if matches!(decline, Decline::Hard(_)) {
                "This method will not be tried again."
            } else {
                ""
            };
            Step {
                payment,
                decline: decline.code(),
                detail,
                ..to(S::Failed)
            }
        }
        Answer::Refused { detail } if attempt.state.is_open() => Step {
            decline: "refused",
            detail,
            ..to(S::Failed)
        },
        Answer::Voided { payment } if attempt.state.is_open() => Step {
            payment,
            decline: "canceled",
            ..to(S::Failed)
        },
        Answer::Voided { .. } if attempt.state == S::Authorized => Step {
            detail: "The promise ended at the processor.",
            ..to(S::Voided)
        },
        // It has closed the payment with exactly what we took.
        Answer::Captured { amount, .. }
            if attempt.state == S::Authorized && !taken.open && taken.minor == amount.minor =>
        {
            Step {
                detail: "What was not taken is promised no longer.",
                ..to(S::Captured)
            }
        }
        // Somebody took money of it that we did not ask for, on the processor's own pages: all of it is more than we took, or it is one capture
        // that is none of ours.
        Answer::Captured { operation, amount, .. }
            if attempt.state == S::Authorized
                && (!operation.is_empty() || !taken.open && !taken.contested && amount.minor > taken.minor) =>
        {
            Step {
                detail: "The processor took money that we did not ask it for.",
                ..to(S::Conflicted)
            }
        }
        // Nobody says anything, and by its own time it is over.
        _ if attempt.state == S::Authorized
            && !taken.open
            && attempt.capture_before.is_some_and(|ends| ends.plus(GRACE) <= now) =>
        {
            Step {
                detail: "Its time is over.",
                ..to(S::Voided)
            }
        }
        _ if attempt.state == S::Authorized => to(S::Authorized),
        Answer::NotFound if attempt.state.is_open() && now >= attempt.created_at.plus(VISIBILITY) => to(S::NotExecuted),
        Answer::Unknown { .. } if mutant!("P2") && attempt.state.is_open() => to(S::Failed),
        // Looked at once more: still nothing, or nobody to ask.
        Answer::NotFound | Answer::NotSent { .. } | Answer::Unknown { .. } if attempt.state == S::NotExecuted => {
            to(S::NotExecuted)
        }
        Answer::NotFound if attempt.state.is_open() => Step {
            detail: "Not there yet; it may still be on its way.",
            ..to(still_open(attempt, now))
        },
        Answer::NotSent { detail } if attempt.state == S::Sending => Step {
            detail,
            ..to(S::NotSent)
        },
        Answer::NotSent { detail } | Answer::Unknown { detail } if attempt.state.is_open() => Step {
            detail,
            ..to(still_open(attempt, now))
        },
        _ => return None,
    };
    (step.to == attempt.state || attempt.state.may_become(step.to)).then_some(step)
}

/// Not knowing changes nothing for a buyer who is at their bank, for a while: who is never answered is a person's turn in the end.
fn still_open(attempt: &Attempt, now: Time) -> S {
    if matches!(attempt.state, S::RequiresAction | S::Pending) && now < attempt.created_at.plus(SILENT) {
        attempt.state
    } else {
        S::Unknown
    }
}

fn sentence(attempt: &Attempt, to: S) -> String {
    let Attempt {
        amount, processor, n, ..
    } = attempt;
    match to {
        S::Authorized => format!("{processor} promised {amount} (try {n})."),
        S::Failed => format!("{processor} declined {amount} (try {n})."),
        S::RequiresAction => format!("The buyer has to confirm {amount} at their bank."),
        S::Pending => format!("{processor} accepted the request for {amount} and will say later."),
        S::Unknown => {
            format!("{processor} gave no clear answer about {amount}. We keep asking; nothing else is tried meanwhile.")
        }
        S::NotExecuted => format!("{processor} never got the request for {amount}."),
        S::NotSent => format!("{processor} could not be reached; nothing was asked."),
        S::Conflicted => format!("{processor} contradicts us about {amount}. Frozen until a person decides."),
        S::Voiding if attempt.state == S::Authorized => format!("The promise of {processor} over {amount} is over."),
        S::Voiding if attempt.off_session => {
            format!("{processor} has {amount} that is not wanted. It is let go again.")
        }
        S::Voiding => format!("{processor} promised {amount} too late. It is let go again."),
        S::Voided => format!("{processor} promises {amount} no longer."),
        S::Captured => format!("{processor} holds nothing more of {amount}."),
        S::Sending => format!("{processor}: {}.", to.name()),
    }
}

pub(super) fn recorded(attempt: &Attempt, state: S, changed: bool) -> Recorded {
    Recorded {
        checkout: attempt.checkout,
        attempt: attempt.id,
        state,
        card: None,
        changed,
    }
}

/// After a restore no money moves until the processors' books were compared with ours (P24).
pub(super) fn refuse_while_frozen(tx: &mut Tx<'_>) -> Result<()> {
    let (_, frozen) = epoch(tx)?;
    if frozen {
        return Err(Error::new(
            Kind::Busy { retry_after: 300 },
            "money_frozen",
            "This installation was restored from a backup. No money moves until its payments were reconciled.",
        ));
    }
    Ok(())
}

pub(super) fn find(tx: &mut Tx<'_>, id: IntentId) -> Result<Intent> {
    store::intent(tx, id)?.ok_or_else(|| Error::not_found("payment"))
}

pub(super) fn find_attempt(tx: &mut Tx<'_>, id: AttemptId) -> Result<Attempt> {
    store::attempt(tx, id)?.ok_or_else(|| Error::not_found("payment attempt"))
}

/// Whether a buyer who was sent to their bank has been away for too long.
pub(super) fn overdue_at_the_bank(attempt: &Attempt, now: Time) -> bool {
    attempt.state == S::RequiresAction && now >= attempt.created_at.plus(ACTION)
}

/// Amounts compare as wholes: minor units and currency.
pub(super) fn agrees(ours: Money, theirs: Money, reference: &str, attempt: &Attempt) -> bool {
    ours == theirs && reference == attempt.reference()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{CheckoutId, Currency, Id};
    use uuid::Uuid;

    fn sending() -> Attempt {
        let checkout = CheckoutId::from_uuid(Uuid::from_u128(1));
        Attempt {
            id: AttemptId::from_uuid(Uuid::from_u128(2)),
            intent: checkout.intent(),
            shop: ShopId::from_uuid(Uuid::from_u128(3)),
            checkout,
            n: 1,
            processor: "a".into(),
            method: "card".into(),
            token: "tok".into(),
            state: S::Sending,
            amount: Money::new(2_000, Currency::EUR),
            taking: super::super::model::Taking::Each,
            window: None,
            off_session: false,
            payment: String::new(),
            decline: String::new(),
            action_url: String::new(),
            capture_before: None,
            tries: 0,
            next_check_at: None,
            created_at: Time(0),
            return_url: String::new(),
            reuse: Reuse::Once,
        }
    }

    #[test]
    fn p9_a_promise_that_is_heard_of_when_its_time_is_over_is_let_go() {
        let day = |n: i64| Time(0).plus(Seconds::days(n));
        let yes = |capture_before| Answer::Authorized {
            payment: "p".into(),
            reference: sending().reference(),
            amount: sending().amount,
            capture_before,
            once: false,
            card: None,
        };
        // asked on day 0; what the answer says of its end; the day on which it is heard -> what becomes of it
        let table = [
            (Some(day(7)), 6, S::Authorized),
            (Some(day(7)), 7, S::Voiding),
            (None, 6, S::Authorized), // As long as its processor's promises last.
            (None, 9, S::Voiding),
        ];
        for state in [S::Sending, S::Unknown, S::Pending, S::RequiresAction] {
            for (said, heard, expected) in table {
                let attempt = Attempt {
                    state,
                    window: Some(Seconds::days(7)),
                    ..sending()
                };
                let answer = yes(said);
                let step = step(&attempt, &answer, day(heard), Taken::default()).expect("it says something");
                assert_eq!(step.to, expected, "{state:?} {said:?} {heard}");
            }
        }
    }

    /// Every history of up to six answers out of seven, with repetitions: 274,512 of them. What was the truth decides where it ends, not the order
    /// of what was heard.
    #[test]
    fn p6_g9_every_history_of_answers_to_one_try_ends_where_its_truth_is() {
        let now = Time(0).plus(Seconds(10));
        let unknown = |detail: &str| Answer::Unknown { detail: detail.into() };
        let at_the_bank = |url: &str| Answer::RequiresAction {
            payment: "p".into(),
            url: url.into(),
        };
        let yes = Answer::Authorized {
            payment: "p".into(),
            reference: sending().reference(),
            amount: sending().amount,
            capture_before: None,
            once: false,
            card: None,
        };
        let no = Answer::Declined {
            payment: "p".into(),
            decline: Decline::Soft("do_not_honor"),
        };
        let mut histories = 0_u32;
        for (truth, end) in [(yes, S::Authorized), (no, S::Failed)] {
            let answers = [
                Answer::Pending { payment: "p".into() },
                at_the_bank("https://bank.example/1"),
                at_the_bank("https://bank.example/2"),
                unknown("timed out"),
                unknown("HTTP 500"),
                Answer::NotFound,
                truth,
            ];
            let truth = answers.len() - 1;
            for length in 1..=6 {
                for history in 0..answers.len().pow(length) {
                    let heard: Vec<usize> = (0..length)
                        .map(|at| history / answers.len().pow(at) % answers.len())
                        .collect();
                    let mut attempt = sending();
                    for answer in &heard {
                        let Some(step) = step(&attempt, &answers[*answer], now, Taken::default()) else {
                            continue;
                        };
                        assert!(
                            step.to == attempt.state || attempt.state.may_become(step.to),
                            "{heard:?}"
                        );
                        assert!(attempt.state != end || step.to == end, "{heard:?} left {end:?}");
                        attempt.state = step.to;
                    }
                    let is_there = if heard.contains(&truth) {
                        attempt.state == end
                    } else {
                        attempt.state.is_open()
                    };
                    assert!(is_there, "{heard:?} ends as {:?}", attempt.state);
                    histories += 1;
                }
            }
        }
        assert_eq!(histories, 274_512);
    }
}
