//! Cards that buyers had kept: agreed at a payment, made reusable by the processor, used again with the buyer there, forgotten on request.
//!
//! What is kept is the processor's token, what its owner knows the card by, and where their parcels go; never a number. It belongs to whoever holds
//! the browser's secret, of which we know a hash that also holds the shop: who has our database can neither use a card nor find the same buyer at two
//! shops. What the details say is checkout's business; here they are text.
//!
//! Wanted, kept, forgetting: each row has a time at which the job [`mind`] looks again, and leaves by being deleted.

use super::authorize::ask_processor;
use super::model::{Attempt, AttemptState, IntentState, SENDING, next_check};
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx, epoch};
use crate::kernel::{
    Answer, Ask, CardFace, CheckoutId, Error, Id, IntentId, Result, Reuse, Seconds, ShopId, StoredMethodId, Time,
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Kept for so long after it was last used: no browser keeps a cookie longer.
/// Source: RFC 6265bis, section 5.5, "Cookie Lifetime Limits".
pub const KEPT: Seconds = Seconds::days(400);
/// A buyer keeps at most so many at a shop.
pub const METHODS_MAX: i64 = 5;
/// So often a processor is asked what it kept; then the buyer simply types the next time.
const ASKED_MAX: u32 = 8;
/// Rows a round of the job.
const ROWS: i64 = 50;

super::model::states! {
    /// Where a stored method stands.
    StoredState {
        /// The buyer agreed; the payment is on its way, or the processor has yet to say what it kept.
        Wanted "wanted",
        Kept "kept",
        /// Of no use to anybody here any more; the processor is being told.
        Forgetting "forgetting",
    }
}

/// Whoever holds a browser's secret, at one shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner(pub(super) [u8; 32]);

impl Owner {
    /// A secret of 256 random bits needs no slow hash: it cannot be guessed.
    pub fn of(shop: ShopId, secret: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"stored method");
        hash.update(shop.uuid().as_bytes());
        hash.update(secret.as_bytes());
        Self(hash.finalize().into())
    }
}

/// How to reach the buyer and where their parcels go: JSON of the module that knows what it means. Empty: not known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    pub contact: String,
    pub address: String,
}

/// What a buyer agreed to.
#[derive(Clone, Debug)]
pub struct Want {
    pub shop: ShopId,
    pub checkout: CheckoutId,
    pub owner: Owner,
    pub details: Details,
}

/// A card that was, is or will no longer be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMethod {
    pub id: StoredMethodId,
    pub shop: ShopId,
    /// The purchase at which the buyer agreed.
    pub checkout: CheckoutId,
    pub state: StoredState,
    /// In whose vault it is. Empty while it is wanted.
    pub processor: String,
    pub token: String,
    pub customer: String,
    pub face: CardFace,
    pub details: Details,
    pub tries: u32,
    pub created_at: Time,
    pub used_at: Time,
}

impl StoredMethod {
    /// How the processor is to use it.
    pub fn reuse(&self) -> Reuse {
        Reuse::Kept {
            customer: self.customer.clone(),
        }
    }
}

/// Writes the buyer's consent down, with the attempt in one transaction: how that attempt is to be made.
pub fn want(tx: &mut Tx<'_>, want: &Want) -> Result<Reuse> {
    let next_check_at = tx.now().plus(SENDING);
    let wanted = store::want_method(tx, want, next_check_at)?;
    Ok(wanted.map_or(Reuse::Once, |id| Reuse::Keep { owner: id.to_string() }))
}

/// The buyer pays again and agrees no longer.
pub fn unwant(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<()> {
    store::unwant_method(tx, checkout)
}

/// How an attempt was made, for asking the same again.
pub(super) fn reuse_of(tx: &mut Tx<'_>, attempt: &Attempt) -> Result<Reuse> {
    if attempt.token.is_empty() {
        return Ok(Reuse::Once);
    }
    if let Some(customer) = store::customer_of(tx, attempt.shop, &attempt.processor, &attempt.token)? {
        return Ok(Reuse::Kept { customer });
    }
    let wanted = store::wanted_of(tx, attempt.checkout)?;
    Ok(wanted.map_or(Reuse::Once, |id| Reuse::Keep { owner: id.to_string() }))
}

/// A kept method, for whoever holds its secret.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, owner: Owner, id: StoredMethodId) -> Result<Option<StoredMethod>> {
    if mutant!("T6") {
        let found = store::stored_method(tx, id)?;
        return Ok(found.filter(|method| method.state == StoredState::Kept));
    }
    store::kept_method(tx, shop, owner, id)
}

/// Everything a buyer may pay with at a shop, last used first.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, owner: Owner) -> Result<Vec<StoredMethod>> {
    store::kept_methods(tx, shop, owner, METHODS_MAX)
}

/// The kept method that paid for something, or was kept when it was paid: what an offer right after it may use.
pub fn paid_with(tx: &mut Tx<'_>, shop: ShopId, intent: IntentId) -> Result<Option<StoredMethodId>> {
    store::method_of_payment(tx, shop, intent)
}

/// Begins its time anew. False if it is kept no longer: whoever forgets it and whoever pays with it change the same row.
pub fn used(tx: &mut Tx<'_>, id: StoredMethodId) -> Result<bool> {
    let until = tx.now().plus(KEPT);
    store::touch_method(tx, id, until)
}

/// The buyer takes it back: at once nobody can pay with it and nothing about them is left here; the job tells the processor until it has let go.
/// False if they have no such method.
pub fn forget(tx: &mut Tx<'_>, shop: ShopId, owner: Owner, id: StoredMethodId) -> Result<bool> {
    if mutant!("T6-forget") {
        return Ok(true);
    }
    store::forget_method(tx, shop, owner, id)
}

/// The same for the card of a purchase whose buyer is erased. Whether one was kept.
pub fn forget_of(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<bool> {
    store::forget_method_of(tx, checkout)
}

/// Whether a card was kept at a purchase, and still is.
pub fn is_kept(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<bool> {
    store::has_method(tx, checkout)
}

/// Asks at once what the processor kept of a purchase that was just paid, so that the receipt can say it. Nothing wanted: nothing done. What goes
/// wrong here is done by the job.
pub async fn keep_now(app: &App, checkout: CheckoutId) {
    let wanted = app.db.look(move |tx| store::wanted_of(tx, checkout)).await;
    let kept = match wanted {
        Ok(Some(id)) => keep(app, id).await,
        Ok(None) => Ok(false),
        Err(error) => Err(error),
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "a method was not kept at once; the job tries again");
    }
}

/// The job `stored_methods`: keeps what is wanted, forgets what nobody used for long, and tells processors to forget. Returns how many it looked at.
pub async fn mind(app: &App) -> Result<u64> {
    let (due, frozen) = app
        .db
        .read(|tx| Ok((store::due_methods(tx, ROWS)?, epoch(tx)?.1)))
        .await?;
    if frozen {
        return Ok(0); // After a restore: what was kept or forgotten since is not known yet.
    }
    let mut looked = 0;
    for id in due {
        let Some(method) = app.db.read(move |tx| store::stored_method(tx, id)).await? else {
            continue;
        };
        match method.state {
            StoredState::Wanted => drop(keep(app, id).await?),
            StoredState::Forgetting => tell(app, &method).await?,
            StoredState::Kept => {
                app.db
                    .write(LaneKey::of(id), move |tx| store::expire_method(tx, id))
                    .await?
            }
        }
        looked += 1;
    }
    Ok(looked)
}

/// What is to be asked of whom about a wanted method.
enum Next {
    Ask(Box<Attempt>),
    /// The money is not promised yet.
    Later,
    Over,
}

/// Asks the processor of a promise which token it kept, and keeps it. Whether it did.
async fn keep(app: &App, id: StoredMethodId) -> Result<bool> {
    let lane = LaneKey::of(id);
    let next = app.db.write(lane, move |tx| {
        let Some(method) = store::stored_method(tx, id)?.filter(|method| method.state == StoredState::Wanted) else {
            return Ok(Next::Over);
        };
        let next = whom(tx, &method)?;
        if matches!(next, Next::Over) {
            store::delete_method(tx, id)?;
        } else {
            store::claim_method(tx, id, StoredState::Wanted, next_check(tx.now(), method.tries))?;
        }
        Ok(next)
    });
    let Next::Ask(attempt) = next.await? else {
        return Ok(false);
    };
    let ask = Ask::Kept {
        payment: attempt.payment.clone(),
        owner: id.to_string(),
    };
    let answer = ask_processor(app, &attempt, &ask).await;
    app.db
        .write(lane, move |tx| match &answer {
            Answer::Kept { token, customer, face } => {
                let until = tx.now().plus(KEPT);
                let kept = store::keep_method(tx, id, &attempt.processor, token, customer, face, until)?;
                for old in store::methods_beyond(tx, id, METHODS_MAX)? {
                    store::expire_method(tx, old)?;
                }
                Ok(kept)
            }
            // It knows the payment and kept nothing of it.
            Answer::NotFound | Answer::Refused { .. } => store::delete_method(tx, id).map(|()| false),
            _ => Ok(false),
        })
        .await
}

/// The attempt whose processor holds the card, if the money is promised; later, if it still may be.
fn whom(tx: &mut Tx<'_>, method: &StoredMethod) -> Result<Next> {
    let intent = method.checkout.intent();
    if method.tries >= ASKED_MAX {
        return Ok(Next::Over);
    }
    Ok(match store::intent_state(tx, intent)? {
        Some(state) if state.waits() => Next::Later,
        Some(IntentState::RequiresMethod) if method.tries < ASKED_MAX / 2 => Next::Later, // Declined; they may try again.
        Some(_) => {
            let mut attempts = store::attempts(tx, intent)?.into_iter();
            let promised = attempts.rfind(|attempt| {
                matches!(attempt.state, AttemptState::Authorized | AttemptState::Captured) && !attempt.token.is_empty()
            });
            promised.map_or(Next::Over, |attempt| Next::Ask(Box::new(attempt)))
        }
        None => Next::Over,
    })
}

/// Tells the processor to let go of a token, until it has.
async fn tell(app: &App, method: &StoredMethod) -> Result<()> {
    let (id, tries) = (method.id, method.tries);
    // From two minutes on: it was asked a moment ago.
    let lane = LaneKey::of(id);
    let claimed = app.db.write(lane, move |tx| {
        let until = next_check(tx.now(), tries + 2);
        store::claim_method(tx, id, StoredState::Forgetting, until)
    });
    if !claimed.await? {
        return Ok(());
    }
    let ask = Ask::Forget {
        key: Uuid::new_v5(&id.uuid(), b"forget").to_string(),
        token: method.token.clone(),
        customer: method.customer.clone(),
    };
    let answer = match app.processor(&method.processor) {
        Ok(processor) => processor.ask(&ask).await,
        Err(error) => Answer::NotSent {
            detail: error.to_string(),
        },
    };
    match answer {
        Answer::Forgotten | Answer::NotFound => app.db.write(lane, move |tx| store::delete_method(tx, id)).await,
        other => {
            tracing::warn!(method = %id, processor = method.processor, answer = ?other, "a processor did not forget a card; it is told again");
            Ok(())
        }
    }
}
