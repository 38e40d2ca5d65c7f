//! Facts on their way from the transaction that made them to the acts that follow.

use super::tx::Tx;
use super::{Db, value::Json};
use crate::args;
use crate::kernel::{Fact, FactId, Result, Seconds, Time};

/// Facts taken by one command: small enough to stay inside a command's budget.
const CHUNK: i64 = 40;
/// After this many failures a fact is set aside for a person; it does not block the others.
const TRIES_MAX: u32 = 12;

pub(super) fn append(tx: &mut Tx<'_>, id: FactId, fact: &Fact) -> Result<()> {
    tx.put(
        "insert into outbox (id, kind, payload, due_at, recorded_at) values ($1, $2, $3, $4, $4)",
        args![id, fact.kind(), Json(fact), tx.now()],
    )
}

/// In the order in which they were recorded: `returning` promises none.
fn claim(tx: &mut Tx<'_>, most: i64) -> Result<Vec<Fact>> {
    let sql = super::dialect::claim_facts(tx);
    let mut claimed: Vec<(Time, FactId, Json<Fact>)> = tx.all(sql, args![tx.now(), most])?;
    claimed.sort_by_key(|(at, id, _)| (*at, *id));
    Ok(claimed.into_iter().map(|(_, _, Json(fact))| fact).collect())
}

/// What is done about a fact: a function, or a closure that knows what the transaction does not (where the world reaches us, say).
pub trait Act: Fn(&mut Tx<'_>, &Fact) -> Result<()> + Clone + Send + Sync + 'static {}
impl<F: Fn(&mut Tx<'_>, &Fact) -> Result<()> + Clone + Send + Sync + 'static> Act for F {}

impl Db {
    /// Acts on every due fact, in the transaction that removes it: each is acted on exactly once, and none is skipped.
    ///
    /// Returns how many were acted on. A chunk that fails is taken again fact by fact, so that one poisonous fact cannot hold up the rest.
    pub async fn drain_facts<A: Act>(&self, act: A) -> Result<u64> {
        let mut total = 0;
        loop {
            let whole = act.clone();
            let done = self.background(move |tx| act_on(tx, CHUNK, &whole)).await;
            let count = match done {
                Ok(count) => count,
                Err(error) => {
                    tracing::warn!(%error, "a chunk of facts failed; taking them singly");
                    self.drain_singly(&act).await?
                }
            };
            total += count;
            if count == 0 {
                return Ok(total);
            }
        }
    }

    async fn drain_singly<A: Act>(&self, act: &A) -> Result<u64> {
        for done in 0..CHUNK.unsigned_abs() {
            let act = act.clone();
            match self.background(move |tx| act_on(tx, 1, &act)).await {
                Ok(0) => return Ok(done),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "a fact could not be acted on");
                    self.background(postpone).await?;
                }
            }
        }
        Ok(CHUNK.unsigned_abs())
    }
}

fn act_on(tx: &mut Tx<'_>, most: i64, act: &impl Act) -> Result<u64> {
    let claimed = claim(tx, most)?;
    for (number, fact) in claimed.iter().enumerate() {
        if mutant!("W1") && number == 3 {
            continue;
        }
        act(tx, fact)?;
    }
    Ok(claimed.len() as u64)
}

/// Puts the oldest due fact off, longer each time, and sets it aside after too many tries.
fn postpone(tx: &mut Tx<'_>) -> Result<()> {
    let oldest: Option<(FactId, u32)> = tx.maybe_one(
        "select id, tries from outbox where state = 0 and due_at <= $1 order by due_at, id limit 1",
        args![tx.now()],
    )?;
    if let Some((id, tries)) = oldest {
        let due = tx.now().plus(Seconds(1i64 << tries.min(10)));
        tx.exec(
            "update outbox set tries = tries + 1, due_at = $2, state = case when tries + 1 >= $3 then 1 else 0 end where id = $1",
            args![id, due, TRIES_MAX],
        )?;
    }
    Ok(())
}

/// How many facts wait, since when, and how many were set aside.
pub fn facts_waiting(tx: &mut Tx<'_>) -> Result<(i64, Option<Time>, i64)> {
    tx.one(
        "select count(case when state = 0 then 1 end), min(case when state = 0 then recorded_at end),
                count(case when state = 1 then 1 end) from outbox",
        &[],
    )
}
