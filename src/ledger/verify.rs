//! Checking the chain: every sealed transfer, its place, its hash, and the snapshots built on them.

use super::model::{ORIGIN, Transfer};
use super::read::ACCOUNTS_MAX;
use super::{seal, store};
use crate::db::Db;
use crate::kernel::{AccountId, Result, ShopId};
use std::collections::BTreeMap;

const PAGE: i64 = 200;

/// What the check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All `sealed` transfers are as they were written; the chain ends in `head`.
    Whole { sealed: i64, head: [u8; 32] },
    /// The first thing that is wrong. Payouts stop until a person knows why.
    Broken { sequence: i64, why: &'static str },
}

/// Recomputes a shop's chain from its first transfer, a page at a time, and compares the snapshots with the legs.
pub async fn verify(db: &Db, shop: ShopId) -> Result<Verdict> {
    let (end, head) = db.read(move |tx| store::head(tx, shop)).await?.unwrap_or((0, ORIGIN));
    let mut at = 0;
    let mut hash = ORIGIN;
    let mut sums: BTreeMap<AccountId, i64> = BTreeMap::new();
    while at < end {
        let page = db.read(move |tx| store::sealed_after(tx, shop, at, PAGE)).await?;
        let page: Vec<Transfer> = page
            .into_iter()
            .filter(|transfer| transfer.sequence.is_some_and(|sequence| sequence <= end))
            .collect();
        if page.is_empty() {
            return Ok(Verdict::Broken {
                sequence: at + 1,
                why: "transfers before the end of the chain are missing",
            });
        }
        for transfer in &page {
            at += 1;
            if transfer.sequence != Some(at) {
                return Ok(Verdict::Broken {
                    sequence: at,
                    why: "the sequence has a gap",
                });
            }
            hash = transfer.link(&hash, at);
            if transfer.hash != Some(hash) {
                return Ok(Verdict::Broken {
                    sequence: at,
                    why: "the transfer is not the one that was sealed",
                });
            }
        }
        for (account, change) in seal::changes(&page) {
            *sums.entry(account).or_insert(0) += change;
        }
    }
    if hash != head {
        return Ok(Verdict::Broken {
            sequence: end,
            why: "the head is not the hash of the last transfer",
        });
    }
    snapshots_agree(db, shop, end, head, sums).await
}

/// Snapshots may have moved on while we read; only those that end where we ended can be compared.
async fn snapshots_agree(
    db: &Db,
    shop: ShopId,
    end: i64,
    head: [u8; 32],
    sums: BTreeMap<AccountId, i64>,
) -> Result<Verdict> {
    let snapshots = db.read(move |tx| store::snapshots(tx, shop, ACCOUNTS_MAX)).await?;
    let wrong = snapshots
        .iter()
        .filter(|(_, through, _)| *through <= end)
        .any(|(account, _, balance)| sums.get(account).copied().unwrap_or(0) != *balance);
    if wrong {
        return Ok(Verdict::Broken {
            sequence: end,
            why: "a balance is not the sum of its legs",
        });
    }
    Ok(Verdict::Whole { sealed: end, head })
}
