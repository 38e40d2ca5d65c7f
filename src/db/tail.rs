//! The end of our past, after a failover: what was committed and acknowledged, and is not there any more.

use super::tx::Tx;
use crate::args;
use crate::kernel::{Result, Seconds, Time};

/// Whether a batch is known to have been committed.
pub(super) fn is_there(tx: &mut Tx<'_>, batch: [u8; 16]) -> Result<bool> {
    let row: Option<(i64,)> = tx.maybe_one("select 1 from batches where id = $1", args![batch])?;
    Ok(row.is_some())
}

/// Lanes commit side by side, so a batch of a later time may be on the disk while one of an earlier is not.
const SIDE_BY_SIDE: Seconds = Seconds(60);

/// Freezes outgoing money since the newest batch before the one that is lost. Many lanes and replicas may find out: the earliest counts.
pub(super) fn freeze(tx: &mut Tx<'_>, lost_at: Time) -> Result<()> {
    let (kept,): (Option<i64>,) = tx.one("select max(at) from batches where at < $1", args![lost_at])?;
    let since = Time(kept.unwrap_or(lost_at.0)).minus(SIDE_BY_SIDE);
    tx.exec(
        "update installation set epoch = case when frozen = 0 then epoch + 1 else epoch end,
           frozen = case when frozen = 0 or frozen > $1 then $1 else frozen end",
        args![since],
    )
    .map(drop)
}
