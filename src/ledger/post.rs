//! Writing down a movement.

use super::model::{Post, Posting};
use super::store;
use crate::db::Tx;
use crate::kernel::{AccountId, Error, Result, TransferId};

/// Posts a transfer, once per source (L5). Legs of nothing are dropped.
///
/// Call it in the transaction that moves the business row, so that neither exists without the other (L2).
pub fn post(tx: &mut Tx<'_>, posting: &Posting) -> Result<Post> {
    let legs: Vec<_> = posting
        .legs
        .iter()
        .filter(|leg| leg.minor != 0 && leg.debit != leg.credit)
        .collect();
    assert!(
        legs.iter().all(|leg| leg.minor > 0),
        "a leg moves a positive amount; the other direction swaps its accounts"
    );
    if legs.is_empty() {
        return Err(Error::internal(format!(
            "a {} without any money was posted",
            posting.source_kind
        )));
    }
    let transfer: TransferId = tx.id();
    if !store::insert_transfer(tx, transfer, posting)? {
        let known = store::transfer_of_source(tx, posting.shop, posting.source_kind, posting.source_id)?;
        return known
            .map(Post::Again)
            .ok_or_else(|| Error::internal("a transfer that stood in the way is gone"));
    }
    let mut made: Vec<AccountId> = Vec::new();
    for (number, leg) in (0..).zip(legs) {
        let [debit, credit] = [leg.debit, leg.credit].map(|key| (key, key.id(posting.shop, posting.currency)));
        for (key, id) in [debit, credit] {
            if !made.contains(&id) {
                store::insert_account(tx, id, posting.shop, key, posting.currency)?;
                made.push(id);
            }
        }
        let leg = store::NewLeg {
            number,
            debit: debit.1,
            credit: credit.1,
            minor: leg.minor,
            purpose: leg.purpose,
        };
        store::insert_leg(tx, transfer, posting.currency, &leg)?;
    }
    Ok(Post::Posted(transfer))
}
