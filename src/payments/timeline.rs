//! What happened to a payment, in plain words, and what waits.

use super::model::{AttemptState, Intent, needs_a_person};
use super::store::{self, CaptureLine, RefundLine};
use crate::db::Tx;
use crate::kernel::{CheckoutId, IntentId, Result, ShopId, Time};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: Time,
    /// A plain sentence.
    pub what: String,
    /// The processor's words or an amount, where there is more to say.
    pub detail: String,
}

/// How many payments wait for a processor's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub unknown: i64,
    pub voids_owed: i64,
    pub conflicted: i64,
}

/// A payment that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    pub intent: IntentId,
    pub checkout: CheckoutId,
    pub state: String,
}

/// The payment of a checkout, if it got that far.
pub fn intent(tx: &mut Tx<'_>, id: IntentId) -> Result<Option<Intent>> {
    store::intent(tx, id)
}

/// The newest attempt: its decline or its page at the bank is what the buyer needs to see.
pub fn latest_attempt(tx: &mut Tx<'_>, intent: IntentId) -> Result<Option<super::Attempt>> {
    Ok(store::attempts(tx, intent)?.pop())
}

/// The captures of a payment, oldest first.
pub fn captures(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<CaptureLine>> {
    store::captures(tx, intent)
}

/// The refunds of a payment, oldest first.
pub fn refunds(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<RefundLine>> {
    store::refunds(tx, intent)
}

/// Everything that happened to a payment, oldest first.
pub fn timeline(tx: &mut Tx<'_>, intent: IntentId) -> Result<Vec<Entry>> {
    let asked = store::attempts(tx, intent)?.into_iter().map(|attempt| Entry {
        at: attempt.created_at,
        what: format!(
            "Asked {} for {} (try {}{}).",
            attempt.processor,
            attempt.amount,
            attempt.n,
            if attempt.off_session { ", without the buyer" } else { "" }
        ),
        detail: String::new(),
    });
    let mut entries: Vec<Entry> = asked.collect();
    entries.extend(
        store::entries(tx, intent)?
            .into_iter()
            .map(|(at, what, detail)| Entry { at, what, detail }),
    );
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

/// For the metrics of the installation.
pub fn waiting(tx: &mut Tx<'_>) -> Result<Waiting> {
    let (unknown, voids_owed, conflicted) = store::count_waiting(tx)?;
    Ok(Waiting {
        unknown,
        voids_owed,
        conflicted,
    })
}

/// Checkouts of a shop whose payment was lost: the buyer was asked to pay again.
pub fn lost(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<CheckoutId>> {
    store::lost(tx, shop, 50)
}

/// How the money of a payment is taken, and when its promise ends: of the promise that stands, or of the try that may become one.
pub fn promise(tx: &mut Tx<'_>, intent: IntentId) -> Result<Option<super::Attempt>> {
    let mut attempts = store::attempts(tx, intent)?;
    let standing = attempts
        .iter()
        .position(|attempt| attempt.state == AttemptState::Authorized);
    Ok(standing.map(|index| attempts.swap_remove(index)))
}

/// Payments of a shop that a person has to look at.
pub fn stuck(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<Stuck>> {
    let tries = (0..).find(|tries| needs_a_person(*tries)).unwrap_or(0);
    Ok(store::stuck(tx, shop, tries, 50)?
        .into_iter()
        .map(|(intent, checkout, state)| Stuck {
            intent,
            checkout,
            state,
        })
        .collect())
}
