//! Leases: at most one process runs a job at a time, and a paused one cannot write once another took over.

use super::tx::Tx;
use crate::args;
use crate::kernel::{Result, Seconds};

/// A held lease. Every write made under it is fenced by [`Lease::holds`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    pub name: &'static str,
    pub number: i64,
}

/// Takes or renews a lease; `None` while someone else holds it.
pub fn take(tx: &mut Tx<'_>, name: &'static str, owner: [u8; 16], term: Seconds) -> Result<Option<Lease>> {
    let number: Option<(i64,)> = tx.maybe_one(
        "insert into leases (name, owner, number, until) values ($1, $2, 1, $3)
         on conflict (name) do update set number = leases.number + case when leases.owner = excluded.owner then 0 else 1 end,
           owner = excluded.owner, until = excluded.until
          where leases.owner = excluded.owner or leases.until < $4
         returning number",
        args![name, owner, tx.now().plus(term), tx.now()],
    )?;
    Ok(number.map(|(number,)| Lease { name, number }))
}

/// Lets go of everything this owner holds, so that another replica need not wait for the term's end. The number stays and grows with the next owner.
pub fn give_up(tx: &mut Tx<'_>, owner: [u8; 16]) -> Result<()> {
    tx.exec("update leases set until = 0 where owner = $1", args![owner])
        .map(drop)
}

impl Lease {
    /// Whether the lease is still ours; asked inside the transaction that writes.
    pub fn holds(&self, tx: &mut Tx<'_>) -> Result<bool> {
        let current: Option<(i64,)> = tx.maybe_one("select number from leases where name = $1", args![self.name])?;
        Ok(current == Some((self.number,)))
    }
}
