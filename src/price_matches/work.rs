//! Giving the differences back.

use super::count::{self, row};
use super::model::{MatchOrder, MatchState, OrderState, PriceMatch};
use super::store;
use crate::app::App;
use crate::checkout::{self, NewRefund, PRICE_MATCH, Refund, RefundWhat, Way};
use crate::db::{LaneKey, Tx};
use crate::kernel::{AdjustmentId, Kind, OrderId, PriceMatchId, Result, Seconds, ShopId};
use crate::payments;
use futures_util::StreamExt;

/// Orders that are given their money in one go, before the batch is looked at again: whether a person paused it.
const CHUNK: i64 = 200;
/// At once: each waits for its processor.
const ABREAST: usize = 32;
/// Chunks of a round, so that the lease is renewed.
const ROUND: usize = 20;
/// Between two looks at orders whose money is not taken yet.
const AGAIN: Seconds = Seconds::minutes(30);

/// The job `price_matches`: counts batches that were drawn up and works on those that run. Returns on how many orders it worked.
///
/// A crash, or another replica that takes over, goes on where it was: what was given back and not written down is found by its id.
pub async fn work(app: &App) -> Result<u64> {
    let mut worked = 0;
    for id in app.db.read(|tx| store::due(tx, 20)).await? {
        for _ in 0..ROUND {
            // One batch that cannot go on keeps none of the others.
            let (more, orders) = match step(app, id).await {
                Ok(done) => done,
                Err(error) => {
                    tracing::error!(%error, batch = %id, "a price match could not go on; it is looked at again in a minute");
                    let look = move |tx: &mut Tx<'_>| store::look_again(tx, id, tx.now().plus(Seconds::minutes(1)));
                    app.db.write(LaneKey::of(id), look).await?;
                    break;
                }
            };
            worked += orders;
            if !more {
                break;
            }
        }
    }
    Ok(worked)
}

/// One step, and whether another may follow at once.
async fn step(app: &App, id: PriceMatchId) -> Result<(bool, u64)> {
    let Some(found) = app.db.read(move |tx| store::load(tx, id)).await? else {
        return Ok((false, 0));
    };
    match found.state {
        MatchState::Counting => Ok((count::step(app, &found).await?, 0)),
        MatchState::Running => give_back(app, &found).await,
        _ => Ok((false, 0)),
    }
}

async fn give_back(app: &App, found: &PriceMatch) -> Result<(bool, u64)> {
    let id = found.id;
    let orders = app.db.read(move |tx| store::waiting(tx, id, CHUNK)).await?;
    if orders.is_empty() {
        return Ok((look_later(app, found).await?, 0));
    }
    let done: Vec<Result<MatchOrder>> = futures_util::stream::iter(orders)
        .map(|order| one(app.clone(), found.clone(), order))
        .buffer_unordered(ABREAST)
        .collect()
        .await;
    let count = done.len() as u64;
    let (shop, batch) = (found.shop, found.clone());
    // What broke, breaks this round; what was done is written down before that.
    let mut broken = None;
    let mut rows = Vec::with_capacity(done.len());
    for row in done {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => broken = Some(error),
        }
    }
    app.db
        .write(LaneKey::of(id), move |tx| {
            for row in &rows {
                store::settle(tx, id, row)?;
                // It may have failed at once. What fails later is a fact that finds the row.
                if let Some(why) = payments::refund_failure(tx, shop, batch.refund(row.order))? {
                    store::not_given_back(tx, id, row.order, &refused(&why))?;
                }
            }
            Ok(())
        })
        .await?;
    match broken {
        Some(error) => Err(error),
        None => Ok((true, count)),
    }
}

/// Gives one order its difference, by the refund every other one takes. Its id follows from the batch and the order: twice is once.
async fn one(app: App, found: PriceMatch, order: OrderId) -> Result<MatchOrder> {
    let row = |state, refunded_minor, why: &str| MatchOrder {
        order,
        state,
        planned_minor: 0, // As it was counted; it is not written again.
        refunded_minor,
        why: why.to_owned(),
    };
    let new = NewRefund {
        id: if mutant!("L13-match") {
            app.random.id(app.clock.wall())
        } else {
            found.refund(order)
        },
        what: RefundWhat::Difference(found.pairs()),
        way: Way::AsItCame,
        reason: PRICE_MATCH.to_owned(),
        staff: found.staff,
    };
    match checkout::refund(&app, found.shop, order, new).await {
        Ok(Refund::Begun(back) | Refund::Again(back)) => Ok(row(OrderState::Done, back.amount.minor, "")),
        Ok(Refund::NotFound) => Ok(row(OrderState::Skipped, 0, "The order is not there.")),
        // Refunds of this very order came in between: it is looked at again.
        Err(error) if error.code == "exceeds_captured" => Ok(row(OrderState::Later, 0, &error.detail)),
        Err(error) if matches!(error.kind, Kind::Conflict | Kind::Invalid) => {
            Ok(row(OrderState::Skipped, 0, &error.detail))
        }
        Err(error) => Err(error),
    }
}

fn refused(why: &str) -> String {
    format!("Its processor did not give it back ({why}). Give it back from the order.")
}

/// Money that went back did not arrive: the batch it belonged to says so.
pub fn not_given_back(tx: &mut Tx<'_>, shop: ShopId, order: OrderId, refund: AdjustmentId) -> Result<()> {
    let Some(why) = payments::refund_failure(tx, shop, refund)? else {
        return Ok(());
    };
    for batch in store::list(tx, shop, None, 1000)?.data {
        if batch.refund(order) == refund {
            store::not_given_back(tx, batch.id, order, &refused(&why))?;
        }
    }
    Ok(())
}

/// Nothing waits: orders whose money was not taken are looked at again, or the batch is done.
async fn look_later(app: &App, found: &PriceMatch) -> Result<bool> {
    let batch = found.clone();
    app.db
        .write(LaneKey::of(found.id), move |tx| {
            let before = tx.now().minus(AGAIN);
            let due = match mutant!("I16-match") {
                true => Vec::new(),
                false => store::later(tx, batch.id, before, CHUNK / 4)?,
            };
            for order in &due {
                let now = match checkout::view(tx, batch.shop, *order)? {
                    Some(view) => row(&batch, &view),
                    None => None,
                };
                let settled = now.unwrap_or_else(|| MatchOrder {
                    order: *order,
                    state: OrderState::Skipped,
                    planned_minor: 0,
                    refunded_minor: 0,
                    why: "Nothing of it is owed any more.".into(),
                });
                store::settle(tx, batch.id, &settled)?;
            }
            if !due.is_empty() {
                return Ok(true);
            }
            let left = store::progress(tx, batch.id)?;
            if left.later == 0 && left.waiting == 0 {
                store::advance(tx, &batch, MatchState::Done, None)?;
            } else if left.waiting == 0 {
                store::look_again(tx, batch.id, tx.now().plus(Seconds::minutes(5)))?;
            }
            Ok(left.waiting > 0)
        })
        .await
}
