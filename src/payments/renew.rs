//! What happens to a promise as it comes to its end: it is promised anew without the buyer, for what was not taken; or it is lost, and the buyer is
//! asked to pay again.

use super::authorize::{authorize_ask, find, find_attempt, refuse_while_frozen, theirs_to_mend};
use super::model::{Attempt, AttemptState as S, CaptureState, Intent, IntentState, Operation, SENDING};
use super::resolve::{Conclude, find_at_processor, noted};
use super::store;
use super::taking::{GRACE, PAY_AGAIN, Terms, is_ending, next_ask, next_look};
use super::{record, void};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{AttemptId, Engine, Error, Fact, IntentId, Money, Result, Reuse, Seconds, Time};
use sha2::{Digest, Sha256};

/// Tries without the buyer at one payment, in all its life; the constraint of the table says the same.
const OWN_ASKS_MAX: u32 = 12;
/// Tries without its holder at one card, a day; the constraint of the table says the same.
const CARD_ASKS_MAX: u32 = 10;

/// A due look at a promise that stands: the processor says whether it does; near its end, it is promised anew.
///
/// In acts, each of which can be repeated: ask; record, and write the renewal as *sending*; ask for it; record. What a crash leaves of the renewal
/// is an attempt like any other, and [`super::resolve`] finds out.
pub(super) async fn watch(app: &App, attempt: Attempt, frozen: bool, conclude: Conclude) -> Result<bool> {
    let answer = find_at_processor(app, &attempt).await;
    let (id, lane) = (attempt.id, LaneKey::of(attempt.id));
    let again = may_ask_again(app, &attempt) && !frozen;
    let renewal = app
        .db
        .write(lane, move |tx| {
            let recorded = noted(tx, id, Operation::Authorize, &answer)?;
            conclude(tx, recorded.checkout)?;
            renew_promise(tx, id, again)
        })
        .await?;
    match renewal {
        Some(renewal) => perform(app, &renewal, conclude).await,
        None => Ok(true),
    }
}

/// A due look at a payment whose promise is over.
pub(super) async fn look(app: &App, id: IntentId, frozen: bool, conclude: Conclude) -> Result<bool> {
    let lane = LaneKey::of(id);
    let claimed = app
        .db
        .write(lane, move |tx| {
            let until = tx.now().plus(SENDING);
            Ok(if store::claim_intent(tx, id, until)? {
                store::attempts(tx, id)?.into_iter().rev().find(was_promised)
            } else {
                None
            })
        })
        .await?;
    let Some(promise) = claimed.filter(|_| !frozen) else {
        return Ok(false);
    };
    let again = may_ask_again(app, &promise);
    let renewal = app
        .db
        .write(lane, move |tx| after_the_end(tx, id, &promise, again))
        .await?;
    match renewal {
        Some(renewal) => perform(app, &renewal, conclude).await,
        None => Ok(true),
    }
}

/// Acts 2 and 3 of a renewal.
async fn perform(app: &App, renewal: &Attempt, conclude: Conclude) -> Result<bool> {
    let answer = authorize_ask(app, renewal).await;
    let id = renewal.id;
    app.db
        .write(LaneKey::of(id), move |tx| {
            let recorded = record(tx, id, Operation::Authorize, &answer)?;
            conclude(tx, recorded.checkout)
        })
        .await?;
    Ok(true)
}

/// Whether the processor of a promise promises without the buyer, and this method is not spent.
fn may_ask_again(app: &App, attempt: &Attempt) -> bool {
    app.processor(&attempt.processor)
        .is_ok_and(|one| one.capabilities().off_session && one.reusable(&attempt.token))
}

fn was_promised(attempt: &Attempt) -> bool {
    matches!(attempt.state, S::Authorized | S::Captured | S::Voiding | S::Voided)
}

/// A promise that stands, near its end: the renewal that was written down, if there is one to ask for.
fn renew_promise(tx: &mut Tx<'_>, id: AttemptId, again: bool) -> Result<Option<Attempt>> {
    let promise = find_attempt(tx, id)?;
    if promise.state != S::Authorized || !is_ending(tx.now(), promise.capture_before) {
        return Ok(None);
    }
    let intent = find(tx, promise.intent)?;
    if !intent.state.is_capturable() {
        return Ok(None);
    }
    match renewal(tx, &intent, &promise, again)? {
        Renewal::Now => begin(tx, &intent, &promise),
        Renewal::Later(at) => {
            let look = next_look(tx.now(), promise.capture_before);
            store::look_at_promise(tx, id, at.max(tx.now().plus(SENDING)).min(look))?;
            Ok(None)
        }
        Renewal::No => Ok(None),
    }
}

/// Whether, and when, the rest of a payment may be promised anew without the buyer.
enum Renewal {
    Now,
    Later(Time),
    No,
}

/// Order of answers: later (an attempt is on its way, or something is being taken), no (this method cannot, was refused for good, needs its holder,
/// or was asked often enough), later (after a soft no), now.
fn renewal(tx: &mut Tx<'_>, intent: &Intent, promise: &Attempt, again: bool) -> Result<Renewal> {
    let attempts = store::attempts(tx, intent.id)?;
    if intent.capture_pending_minor > 0 || attempts.iter().any(|attempt| attempt.state.is_open()) {
        return Ok(Renewal::Later(tx.now().plus(SENDING)));
    }
    let asked: Vec<&Attempt> = attempts
        .iter()
        .filter(|attempt| attempt.off_session && attempt.n > promise.n)
        .collect();
    let Some(last) = asked.last() else {
        return Ok(if again { Renewal::Now } else { Renewal::No });
    };
    let settled = last.state == S::Failed && (last.decline == "refused" || theirs_to_mend(&last.decline));
    let asks = u32::try_from(asked.len()).unwrap_or(u32::MAX);
    Ok(match next_ask(asks, last.created_at) {
        Some(at) if again && !settled && at > tx.now() => Renewal::Later(at),
        Some(_) if again && !settled => Renewal::Now,
        _ => Renewal::No,
    })
}

/// Writes the renewal as *sending*: for what was not taken, with the method of the promise, where that one is.
///
/// None: somebody was faster, a budget is spent (of the payment, or of the card on this day), or the card was refused for good: each of them is one
/// conditional statement.
pub(super) fn begin(tx: &mut Tx<'_>, intent: &Intent, promise: &Attempt) -> Result<Option<Attempt>> {
    refuse_while_frozen(tx)?;
    let card: [u8; 32] = Sha256::digest(format!("{} {}", promise.processor, promise.token)).into();
    if store::card_asks(tx, intent.shop, card)? >= CARD_ASKS_MAX {
        return Ok(None);
    }
    let Some(n) = store::begin_renewal(tx, intent.id, intent.attempts, OWN_ASKS_MAX, &promise.token)? else {
        return Ok(None);
    };
    // Counted once the try is certain: whoever loses the race for the payment uses up nothing of the card.
    if !store::count_card_ask(tx, intent.shop, card, CARD_ASKS_MAX)? {
        return Err(Error::engine(
            Engine::Retry,
            "another payment used the card's last try of the day meanwhile",
        ));
    }
    let terms = Terms {
        taking: promise.taking,
        window: promise.window,
    };
    let reuse = match super::stored::reuse_of(tx, promise)? {
        kept @ Reuse::Kept { .. } => kept,
        Reuse::Once | Reuse::Keep { .. } => Reuse::Once,
    };
    let renewal = Attempt {
        id: tx.id(),
        n,
        state: S::Sending,
        amount: intent.rest(),
        taking: terms.taking,
        window: terms.window,
        off_session: true,
        reuse,
        payment: String::new(),
        decline: String::new(),
        action_url: String::new(),
        capture_before: None,
        tries: 0,
        next_check_at: Some(tx.now().plus(SENDING)),
        created_at: tx.now(),
        ..promise.clone()
    };
    store::insert_attempt(tx, &renewal)?;
    let what = format!(
        "{} of it is not taken, and the promise ends: {} is asked again, without the buyer.",
        renewal.amount, renewal.processor
    );
    store::log(tx, intent.id, &what, "")?;
    Ok(Some(renewal))
}

/// A new promise stands: those before it are let go, in the same transaction, since two are never counted on; the resolver keeps at it. Money of
/// parcels that had left when it was refused can be taken now.
pub(super) fn stands(tx: &mut Tx<'_>, new: &Attempt) -> Result<()> {
    for other in store::attempts(tx, new.intent)? {
        if other.id != new.id && other.state == S::Authorized {
            let to = if mutant!("P9-twice") { S::Voided } else { S::Voiding };
            let next_check_at = (to == S::Voiding).then(|| tx.now());
            void::move_to(tx, &other, to, 0, next_check_at)?;
        }
    }
    let captures = store::captures(tx, new.intent)?;
    if captures.iter().any(|capture| capture.state == CaptureState::Failed) {
        let order = find(tx, new.intent)?.checkout.order();
        tx.publish(&Fact::PaymentRenewed { shop: new.shop, order })?;
    }
    Ok(())
}

/// A promise is over. What waited for the last parcel is not taken from it any more, and nothing may leave without a new one.
pub(super) fn ended(tx: &mut Tx<'_>, promise: &Attempt) -> Result<()> {
    let why = "The promise ended before it was taken.";
    if let Some(minor) = store::fail_waiting(tx, promise.intent, why)? {
        store::release_capture(tx, promise.intent, minor)?;
        let what = format!("{} was not taken in time.", Money::new(minor, promise.amount.currency));
        store::log(tx, promise.intent, &what, why)?;
    }
    if !mutant!("P9") {
        store::expire_intent(tx, promise.intent)?;
    }
    Ok(())
}

/// Nothing is promised: it is asked for once more without the buyer, or the buyer is; and when they have not paid in time, checkout decides what
/// becomes of the sale.
fn after_the_end(tx: &mut Tx<'_>, id: IntentId, promise: &Attempt, again: bool) -> Result<Option<Attempt>> {
    let intent = find(tx, id)?;
    if intent.state != IntentState::Expired {
        // The buyer is paying.
        store::postpone_intent(tx, id, tx.now().plus(Seconds::minutes(15)))?;
        return Ok(None);
    }
    if let Some(lost_at) = intent.lost_at {
        let deadline = lost_at.plus(PAY_AGAIN);
        if deadline > tx.now() {
            store::postpone_intent(tx, id, deadline)?;
            return Ok(None);
        }
        store::postpone_intent(tx, id, tx.now().plus(Seconds::days(1)))?;
        tx.publish(&Fact::PaymentOverdue {
            shop: intent.shop,
            order: intent.checkout.order(),
        })?;
        return Ok(None);
    }
    let wait = match renewal(tx, &intent, promise, again)? {
        Renewal::Now => match begin(tx, &intent, promise)? {
            Some(renewal) => return Ok(Some(renewal)),
            None => None,
        },
        // As long as the promise would have lasted, a soft no may become a yes.
        Renewal::Later(at) => {
            let open = store::attempts(tx, id)?.iter().any(|attempt| attempt.state.is_open());
            let ends = promise.capture_before.map(|ends| ends.plus(GRACE));
            (open || ends.is_some_and(|ends| at < ends)).then_some(at)
        }
        Renewal::No => None,
    };
    match wait {
        Some(at) => store::postpone_intent(tx, id, at.max(tx.now().plus(SENDING)))?,
        None => lose(tx, &intent)?,
    }
    Ok(None)
}

fn lose(tx: &mut Tx<'_>, intent: &Intent) -> Result<()> {
    if !store::lose_intent(tx, intent.id, tx.now().plus(PAY_AGAIN))? {
        return Ok(());
    }
    let what = format!(
        "{} is promised no longer. The buyer is asked to pay again.",
        intent.rest()
    );
    store::log(tx, intent.id, &what, "")?;
    tx.publish(&Fact::PaymentLost {
        shop: intent.shop,
        order: intent.checkout.order(),
        tries: intent.attempts,
    })
}

/// Whether the buyer was asked to pay again, long enough ago, and is not at it.
pub fn is_overdue(intent: &Intent, now: Time) -> bool {
    intent.state == IntentState::Expired && intent.lost_at.is_some_and(|lost_at| lost_at.plus(PAY_AGAIN) <= now)
}
