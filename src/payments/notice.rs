//! What a processor tells us without being asked: stored first, then acted on once.

use super::Conclude;
use super::authorize::find_attempt;
use super::disputes;
use super::model::{Attempt, Operation, read_reference};
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{About, Answer, AttemptId, CheckoutId, Heard, Notice, Result};

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
    /// Not about anything we know (yet): the resolver finds out whatever it was about.
    Stranger,
}

/// Verifies a notice on its raw bytes, before any work for it. Errors: no processor has this name.
pub fn hear(app: &App, processor: &str, body: &[u8], signature: &str) -> Result<Heard> {
    Ok(app.processor(processor)?.hear(body, signature, app.clock.wall()))
}

/// Stores a verified notice and says what it means for which attempt. The same notice twice is one.
///
/// One that names no payment of ours is not stored: we could not say whose it is. Its sender tries again, and the resolver asks anyway.
pub fn notice(tx: &mut Tx<'_>, processor: &str, notice: &Notice, body: &str) -> Result<Noticed> {
    let Some(attempt) = attempt_of(tx, &notice.reference)?.filter(|attempt| attempt.processor == processor) else {
        return Ok(Noticed::Stranger);
    };
    let Some(operation) = operation(tx, &attempt, &notice.about)? else {
        return Ok(Noticed::Stranger);
    };
    if !store::insert_notice(tx, attempt.shop, processor, &notice.id, body)? {
        return Ok(Noticed::Again);
    }
    store::notice_acted_on(tx, attempt.shop, processor, &notice.id)?;
    Ok(Noticed::Of(NoticeOf {
        attempt: attempt.id,
        checkout: attempt.checkout,
        operation,
        answer: notice.answer.clone(),
    }))
}

/// Hears a verified notice to its end, in one transaction: stored, recorded, concluded. Whether it changed anything.
pub async fn hear_out(app: &App, processor: &str, told: Notice, body: String, conclude: Conclude) -> Result<bool> {
    if let About::Dispute(dispute) = told.about {
        return disputes::hear(app, processor, *dispute, Some((told.id, body))).await;
    }
    let Some((checkout, _)) = read_reference(&told.reference) else {
        return Ok(false);
    };
    let processor = processor.to_owned();
    app.db
        .write(LaneKey::of(checkout), move |tx| {
            let Noticed::Of(of) = notice(tx, &processor, &told, &body)? else {
                return Ok(false);
            };
            let recorded = super::record(tx, of.attempt, of.operation, &of.answer)?;
            conclude(tx, of.checkout)?;
            Ok(recorded.changed)
        })
        .await
}

fn attempt_of(tx: &mut Tx<'_>, reference: &str) -> Result<Option<Attempt>> {
    let Some((checkout, n)) = read_reference(reference) else {
        return Ok(None);
    };
    store::attempt_by_number(tx, checkout.intent(), n)
}

/// Which of our operations was asked for under a key.
fn operation(tx: &mut Tx<'_>, attempt: &Attempt, about: &About) -> Result<Option<Operation>> {
    let key = match about {
        About::Authorize => return Ok(Some(Operation::Authorize)),
        About::Void => return Ok(Some(Operation::Void)),
        About::Dispute(_) => return Ok(None), // Has a way of its own, see [`hear_out`].
        About::Operation { key } => key,
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
