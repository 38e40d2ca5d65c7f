//! What a processor tells us without being asked: stored first, then acted on once.

use super::Conclude;
use super::authorize::{find, find_attempt};
use super::disputes;
use super::model::{Attempt, AttemptState, Operation, SENDING, read_reference};
use super::refund::{RefundOf, legs_of};
use super::store::{self, NewRefund};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{
    About, AdjustmentId, Answer, AttemptId, CheckoutId, Engine, Error, Heard, Id, Notice, Result, Seconds,
};
use uuid::Uuid;

/// A notice in our terms: give it to [`super::record`], then conclude the checkout, in the same transaction.
#[derive(Clone, Debug)]
pub struct NoticeOf {
    pub attempt: AttemptId,
    pub checkout: CheckoutId,
    pub operation: Operation,
    pub answer: Answer,
}

/// What became of a notice.
#[derive(Clone, Debug)]
pub enum Noticed {
    /// New, stored, and about a payment of ours.
    Of(NoticeOf),
    /// Stored before: nothing is to be done (P6).
    Again,
    /// Not about anything we know (yet). It was written down: should we get to know it, its processor is asked; if not, a person is told (P7).
    Stranger,
}

/// Verifies a notice on its raw bytes, before any work for it. Errors: no processor has this name.
pub fn hear(app: &App, processor: &str, body: &[u8], signature: &str) -> Result<Heard> {
    Ok(app.processor(processor)?.hear(body, signature, app.clock.wall()))
}

/// Stores a verified notice and says what it means for which attempt. The same notice twice is one.
///
/// A refund that somebody made at the processor itself is ours from here on: written down once, under the processor's name of it (P14).
pub fn notice(tx: &mut Tx<'_>, processor: &str, notice: &Notice, body: &str) -> Result<Noticed> {
    let found = attempt_of(tx, processor, notice)?.filter(|attempt| attempt.processor == processor);
    let Some(attempt) = found else {
        return strange(tx, processor, notice);
    };
    let operation = match &notice.about {
        About::RefundElsewhere { refund, .. } => elsewhere(tx, &attempt, refund, &notice.answer)?,
        about => operation(tx, &attempt, about, &notice.answer)?,
    };
    let Some(operation) = operation else {
        return strange(tx, processor, notice);
    };
    if !store::insert_notice(tx, attempt.shop, processor, &notice.id, body)? {
        return Ok(Noticed::Again);
    }
    store::notice_acted_on(tx, attempt.shop, processor, &notice.id)?;
    // Of a refund made elsewhere the processor's notice does not name us.
    let answer = match &notice.answer {
        Answer::Refunded {
            payment,
            operation,
            amount,
            ..
        } if matches!(notice.about, About::RefundElsewhere { .. }) => Answer::Refunded {
            payment: payment.clone(),
            reference: attempt.reference(),
            operation: operation.clone(),
            amount: *amount,
        },
        answer => answer.clone(),
    };
    Ok(Noticed::Of(NoticeOf {
        attempt: attempt.id,
        checkout: attempt.checkout,
        operation,
        answer,
    }))
}

/// The refund of ours that stands for one made at the processor itself. Written down as soon as it is said to have succeeded; one that is more than
/// we know to be there freezes the payment. None: nothing happened yet, or there is nothing to build on.
fn elsewhere(tx: &mut Tx<'_>, attempt: &Attempt, refund: &str, answer: &Answer) -> Result<Option<Operation>> {
    disputes::hold_intent(tx, attempt.intent)?; // Two replicas would plan the same money twice.
    let name = format!("elsewhere/{}/{refund}", attempt.processor);
    let adjustment = AdjustmentId::from_uuid(Uuid::new_v5(&attempt.intent.uuid(), name.as_bytes()));
    if let Some(known) = store::refund_of_adjustment(tx, attempt.shop, adjustment)? {
        return Ok(Some(Operation::Refund(known)));
    }
    let Answer::Refunded { amount, .. } = answer else {
        return Ok(None);
    };
    let intent = find(tx, attempt.intent)?;
    if amount.currency != intent.amount.currency || amount.minor > intent.refundable_minor() || amount.minor <= 0 {
        if store::conflict_intent(tx, intent.id)? {
            let what = format!(
                "{} gave back {amount} that we did not ask it for, and by our books there is not that much. Frozen until a person decides.",
                attempt.processor
            );
            store::log(tx, intent.id, &what, refund)?;
        }
        return Ok(None);
    }
    let plan = legs_of(tx, &intent, &RefundOf::Amount(amount.minor))?;
    let new = NewRefund {
        id: tx.id(),
        intent: intent.id,
        attempt: attempt.id,
        shop: attempt.shop,
        adjustment,
        plan: &plan,
        next_check_at: tx.now().plus(SENDING),
    };
    if !store::insert_refund(tx, &new)? || !store::reserve_refund(tx, intent.id, amount.minor, true)? {
        return Err(Error::engine(
            Engine::Retry,
            "money of a payment moved while one of its refunds was written down",
        ));
    }
    let what = format!("{amount} was given back on the pages of {} itself.", attempt.processor);
    store::log(tx, intent.id, &what, refund)?;
    Ok(Some(Operation::Refund(new.id)))
}

/// Writes down that somebody spoke of a payment we do not know, if it could be ours; the account may be used for other things, too.
fn strange(tx: &mut Tx<'_>, processor: &str, notice: &Notice) -> Result<Noticed> {
    if read_reference(&notice.reference).is_some() {
        let said = format!("{processor} {}", super::timeline::said(&notice.answer));
        store::insert_strange_notice(tx, processor, notice, &said, tx.now().plus(STRANGE_LOOK))?;
    }
    Ok(Noticed::Stranger)
}

/// So often it is looked whether we know by now what a strange notice was about,
const STRANGE_LOOK: Seconds = Seconds(60);
/// and so long. After it a person is told.
const STRANGE: Seconds = Seconds::hours(24);

/// Looks at notices about payments that were unknown when they came. Of one we know by now the processor is asked: its answer of today is worth more
/// than what it said then. Returns how many were settled.
pub async fn mind_strangers(app: &App, conclude: Conclude) -> Result<u64> {
    let due = app.db.read(|tx| store::due_strange_notices(tx, 50)).await?;
    let mut settled = 0;
    for (processor, id, reference, said, received_at) in due {
        let known = app.db.read({
            let reference = reference.clone();
            move |tx| named_by(tx, &reference)
        });
        let known = known.await?.filter(|attempt| attempt.processor == processor);
        let mut resolved = true;
        if let Some(attempt) = &known {
            // Of one that cannot be resolved now, the row stays: the others have their turn, and it comes again.
            match super::resolve::resolve_payment(app, attempt.intent, conclude).await {
                Ok(_) => settled += 1,
                Err(error) => {
                    tracing::warn!(%error, processor, notice = id, "a payment of a strange notice could not be resolved; it is tried again");
                    resolved = false;
                }
            }
        }
        let lane = LaneKey(0);
        app.db
            .write(lane, move |tx| {
                if resolved && known.is_some() {
                    return store::forget_strange_notice(tx, &processor, &id);
                }
                let over = received_at.plus(STRANGE) <= tx.now();
                if over {
                    tracing::warn!(
                        processor,
                        notice = id,
                        reference,
                        said,
                        "a processor speaks of a payment that is not here"
                    );
                }
                store::postpone_strange_notice(tx, &processor, &id, (!over).then(|| tx.now().plus(STRANGE_LOOK)))
            })
            .await?;
    }
    Ok(settled)
}

/// Hears a verified notice to its end, in one transaction: stored, recorded, concluded. Whether it changed anything.
pub async fn hear_out(app: &App, processor: &str, told: Notice, body: String, conclude: Conclude) -> Result<bool> {
    if let About::Dispute(dispute) = told.about {
        return disputes::hear(app, processor, *dispute, Some((told.id, body))).await;
    }
    let lane = read_reference(&told.reference).map_or(LaneKey(0), |(checkout, _)| LaneKey::of(checkout));
    let processor = processor.to_owned();
    app.db
        .write(lane, move |tx| {
            let Noticed::Of(of) = notice(tx, &processor, &told, &body)? else {
                return Ok(false);
            };
            let recorded = super::record(tx, of.attempt, of.operation, &of.answer)?;
            conclude(tx, of.checkout)?;
            Ok(recorded.changed)
        })
        .await
}

fn attempt_of(tx: &mut Tx<'_>, processor: &str, notice: &Notice) -> Result<Option<Attempt>> {
    match &notice.about {
        About::RefundElsewhere { payment, .. } => store::attempt_by_payment(tx, processor, payment),
        _ => named_by(tx, &notice.reference),
    }
}

/// The attempt that a reference of ours names.
fn named_by(tx: &mut Tx<'_>, reference: &str) -> Result<Option<Attempt>> {
    let Some((checkout, n)) = read_reference(reference) else {
        return Ok(None);
    };
    if mutant!("P6") {
        return Ok(store::attempts(tx, checkout.intent())?.pop());
    }
    store::attempt_by_number(tx, checkout.intent(), n)
}

/// Which of our operations was asked for under a key.
fn operation(tx: &mut Tx<'_>, attempt: &Attempt, about: &About, answer: &Answer) -> Result<Option<Operation>> {
    let key = match about {
        About::Authorize => return Ok(Some(Operation::Authorize)),
        // Nobody here let it go: somebody did on the processor's own pages, or it ended there.
        About::Void if matches!(answer, Answer::Voided { .. }) && attempt.state != AttemptState::Voiding => {
            return Ok(Some(Operation::Authorize));
        }
        About::Void => return Ok(Some(Operation::Void)),
        About::Dispute(_) => return Ok(None), // Has a way of its own, see [`hear_out`].
        About::Operation { key } => key,
        About::RefundElsewhere { .. } => return Ok(None),
    };
    let attempt = find_attempt(tx, attempt.id)?;
    let captures = store::captures(tx, attempt.intent)?
        .into_iter()
        .map(|capture| Operation::Capture(capture.id));
    let refunds = store::refunds(tx, attempt.intent)?
        .into_iter()
        .map(|refund| Operation::Refund(refund.id));
    Ok(captures
        .chain(refunds)
        .find(|operation| attempt.key(*operation) == *key))
}
