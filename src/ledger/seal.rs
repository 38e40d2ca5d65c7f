//! The sealing job: gives transfers a dense sequence and links each to the one before by its hash.

use super::model::{ORIGIN, Transfer};
use super::store;
use crate::app::App;
use crate::db::{Lease, Tx, serialize_on, take_lease};
use crate::kernel::{AccountId, Error, Id, Result, Seconds, ShopId};
use std::collections::BTreeMap;

/// With about six legs each, this many transfers stay inside a command's budget of 200 rows.
const BATCH: i64 = 30;
const SHOPS: i64 = 50;
const TERM: Seconds = Seconds(60);

/// Seals everything that waits, as long as the lease is ours. Returns how many transfers were sealed.
///
/// Transfers commit unsealed, so that selling never waits for the end of a chain; statements and periods use the sealed sequence.
pub async fn seal(app: &App, owner: [u8; 16]) -> Result<u64> {
    let Some(lease) = app.db.background(move |tx| take_lease(tx, "seal", owner, TERM)).await? else {
        return Ok(0);
    };
    let mut total = 0;
    for shop in app.db.read(|tx| store::shops_with_unsealed(tx, SHOPS)).await? {
        loop {
            let held = lease.clone();
            let sealed = app.db.background(move |tx| batch(tx, &held, shop)).await?;
            total += sealed;
            if sealed == 0 {
                break;
            }
        }
    }
    Ok(total)
}

/// Seals one batch of a shop. The lease keeps others away; the head moves only from where this batch read it.
pub(super) fn batch(tx: &mut Tx<'_>, lease: &Lease, shop: ShopId) -> Result<u64> {
    if !lease.holds(tx)? {
        return Ok(0); // Another process took over while we were paused: it goes on where the head is.
    }
    serialize_on(
        tx,
        i64::from_be_bytes(shop.uuid().as_bytes()[8..].try_into().unwrap_or_default()),
    )?;
    let waiting = store::unsealed_after(tx, shop, None, BATCH)?;
    if waiting.is_empty() || mutant!("I26") {
        return Ok(0);
    }
    let (start, mut hash) = store::head(tx, shop)?.unwrap_or((0, ORIGIN));
    let mut sequence = start;
    for transfer in &waiting {
        sequence += 1;
        hash = transfer.link(&hash, sequence);
        if !store::seal(tx, transfer.id, sequence, &hash)? {
            return Err(Error::internal("a transfer was sealed by somebody without the lease"));
        }
    }
    for (account, change) in changes(&waiting) {
        store::add_to_snapshot(tx, account, sequence, change)?;
    }
    if !store::move_head(tx, shop, start, sequence, &hash)? {
        return Err(Error::internal("the head of the chain moved under the lease"));
    }
    Ok(waiting.len() as u64)
}

/// By how much the accounts changed: credits minus debits.
pub(super) fn changes(transfers: &[Transfer]) -> BTreeMap<AccountId, i64> {
    let mut changes = BTreeMap::new();
    for leg in transfers.iter().flat_map(|transfer| &transfer.legs) {
        *changes.entry(leg.credit.id).or_insert(0) += leg.minor;
        *changes.entry(leg.debit.id).or_insert(0) -= leg.minor;
    }
    changes
}
