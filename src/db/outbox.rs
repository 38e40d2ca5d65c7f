//! Facts on their way from the transaction that made them to the acts that follow.

use super::lane::lock;
use super::tx::Tx;
use super::{Db, value::Json};
use crate::args;
use crate::kernel::{Fact, FactId, Kind, Result, Seconds, Time};
use std::sync::{Arc, Mutex};

/// Facts taken by one command: small enough to stay inside a command's budget.
const CHUNK: i64 = 40;
/// After this many failures a fact is set aside for a person; it does not block the others.
const TRIES_MAX: u32 = 12;
/// A fact that has to wait is tried again after so many seconds, however long it was told to.
const BUSY_MAX: i64 = 60;

pub(super) fn append(tx: &mut Tx<'_>, id: FactId, fact: &Fact) -> Result<()> {
    tx.together(
        id,
        "insert into outbox (id, kind, payload, due_at, recorded_at) values ($1, $2, $3, $4, $4)",
        args![id, fact.kind(), Json(fact), tx.now()],
    )
}

/// In the order in which they were recorded: `returning` promises none.
fn claim(tx: &mut Tx<'_>, most: i64) -> Result<Vec<(FactId, Fact)>> {
    let sql = super::dialect::claim_facts(tx);
    let mut claimed: Vec<(Time, FactId, Json<Fact>)> = tx.all(sql, args![tx.now(), most])?;
    claimed.sort_by_key(|(at, id, _)| (*at, *id));
    Ok(claimed.into_iter().map(|(_, id, Json(fact))| (id, fact)).collect())
}

/// What is done about a fact: a function, or something that knows what the transaction does not (where the world reaches us, say).
pub trait Act: Clone + Send + Sync + 'static {
    /// Asks ahead what acting on it will read ([`Tx::ahead`]).
    fn ask(&self, _tx: &mut Tx<'_>, _fact: &Fact) {}
    fn act(&self, tx: &mut Tx<'_>, fact: &Fact) -> Result<()>;
}

impl<F: Fn(&mut Tx<'_>, &Fact) -> Result<()> + Clone + Send + Sync + 'static> Act for F {
    fn act(&self, tx: &mut Tx<'_>, fact: &Fact) -> Result<()> {
        self(tx, fact)
    }
}

impl Db {
    /// Acts on every due fact, in the transaction that removes it: each is acted on exactly once, and none is skipped.
    ///
    /// Returns how many were acted on. A chunk that fails is taken again fact by fact, so that one poisonous fact cannot hold up the rest.
    pub async fn drain_facts<A: Act>(&self, act: A) -> Result<u64> {
        let mut total = 0;
        loop {
            let whole = act.clone();
            let done = self.background(move |tx| {
                let claimed = claim(tx, CHUNK)?;
                act_on(tx, &claimed, &whole)
            });
            let done = done.await;
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
            // Kept beside the transaction, which a failure undoes: with other replicas at work it need not be the oldest one.
            let tried = Arc::new(Mutex::new(None));
            let trying = tried.clone();
            let one = move |tx: &mut Tx<'_>| {
                let claimed = claim(tx, 1)?;
                *lock(&trying) = claimed.first().map(|(id, _)| *id);
                act_on(tx, &claimed, &act)
            };
            match self.background(one).await {
                Ok(0) => return Ok(done),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "a fact could not be acted on");
                    let Some(id) = *lock(&tried) else { return Err(error) };
                    let busy = match error.kind {
                        Kind::Busy { retry_after } => Some(Seconds(i64::from(retry_after).min(BUSY_MAX))),
                        _ => None,
                    };
                    self.background(move |tx| postpone(tx, id, busy)).await?;
                }
            }
        }
        Ok(CHUNK.unsigned_abs())
    }
}

fn act_on(tx: &mut Tx<'_>, claimed: &[(FactId, Fact)], act: &impl Act) -> Result<u64> {
    tx.ahead(|tx| {
        for (_, fact) in claimed {
            act.ask(tx, fact);
        }
    });
    for (number, (_, fact)) in claimed.iter().enumerate() {
        if mutant!("W1") && number == 3 {
            continue;
        }
        act.act(tx, fact)?;
    }
    Ok(claimed.len() as u64)
}

/// Puts a fact off, longer each time, and sets it aside after too many tries. What only has to wait (while money is frozen, say) is no failure.
fn postpone(tx: &mut Tx<'_>, id: FactId, busy: Option<Seconds>) -> Result<()> {
    if let Some(pause) = busy {
        let due = tx.now().plus(pause);
        return tx.put("update outbox set due_at = $2 where id = $1", args![id, due]);
    }
    let known: Option<(u32,)> = tx.maybe_one("select tries from outbox where id = $1", args![id])?;
    if let Some((tries,)) = known {
        let due = tx.now().plus(Seconds(1i64 << tries.min(10)));
        tx.exec(
            "update outbox set tries = tries + 1, due_at = $2, state = case when tries + 1 >= $3 then 1 else 0 end where id = $1",
            args![id, due, TRIES_MAX],
        )?;
    }
    Ok(())
}

/// Takes facts that were set aside into the queue again, as if they had just been recorded. Returns how many.
pub fn requeue_facts(tx: &mut Tx<'_>) -> Result<u64> {
    tx.exec(
        "update outbox set state = 0, tries = 0, due_at = $1 where state = 1",
        args![tx.now()],
    )
}

/// How many facts wait, since when, and how many were set aside.
pub fn facts_waiting(tx: &mut Tx<'_>) -> Result<(i64, Option<Time>, i64)> {
    tx.one(
        "select count(case when state = 0 then 1 end), min(case when state = 0 then recorded_at end),
                count(case when state = 1 then 1 end) from outbox",
        &[],
    )
}
