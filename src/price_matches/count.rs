//! Looking for the orders of a batch: what a person sees before it starts.

use super::model::{MatchOrder, MatchState, OrderState, PriceMatch};
use super::store;
use crate::app::App;
use crate::checkout::{self, Difference, OrderView};
use crate::db::{LaneKey, Tx};
use crate::drops;
use crate::kernel::{OrderId, Result};

/// Orders looked at in one command.
const CHUNK: i64 = 200;

/// Counts on from where it was. False: it is counted, or a person ended it.
pub(super) async fn step(app: &App, found: &PriceMatch) -> Result<bool> {
    let batch = found.clone();
    let (rows, last) = app.db.read(move |tx| look(tx, &batch)).await?;
    let batch = found.clone();
    app.db
        .write(LaneKey::of(found.id), move |tx| {
            let Some(last) = last else {
                store::advance(tx, &batch, MatchState::Ready, None)?;
                return Ok(false);
            };
            if !store::counted(tx, &batch, last)? {
                return Ok(false);
            }
            for row in &rows {
                store::insert_order(tx, batch.id, row)?;
            }
            Ok(true)
        })
        .await
}

/// The next orders of the period, those of them that are owed something, and the last that was looked at; none at the end.
fn look(tx: &mut Tx<'_>, found: &PriceMatch) -> Result<(Vec<MatchOrder>, Option<OrderId>)> {
    let period = (found.from_at, found.until_at);
    let ids = checkout::confirmed_between(tx, found.shop, period, found.counted_to, CHUNK)?;
    let place = found.drop.map(drops::place);
    let mut rows = Vec::new();
    for id in &ids {
        let named = checkout::lines(tx, *id)?.into_iter().any(|line| {
            place.is_none_or(|place| line.location == place)
                && found.prices.iter().any(|price| price.variant == line.variant)
        });
        if !named {
            continue;
        }
        let Some(view) = checkout::view(tx, found.shop, *id)? else {
            continue;
        };
        rows.extend(row(found, &view));
    }
    Ok((rows, ids.last().copied()))
}

/// Where an order stands in a batch; none if nothing is owed to it.
pub(super) fn row(found: &PriceMatch, view: &OrderView) -> Option<MatchOrder> {
    if view.order.currency != found.currency || view.order.canceled_at.is_some() {
        return None;
    }
    let Difference { minor, is_all_taken } = checkout::difference(view, &found.pairs());
    let disputed = view.intent.as_ref().is_some_and(|intent| intent.disputes_open > 0);
    let (state, why) = match (disputed, is_all_taken) {
        (true, _) => (
            OrderState::Skipped,
            "The buyer's bank has its money and has not decided yet.",
        ),
        (false, true) => (OrderState::Waiting, ""),
        (false, false) => (OrderState::Later, "Its money is not taken yet."),
    };
    (minor > 0).then(|| MatchOrder {
        order: view.order.id,
        state,
        planned_minor: minor,
        refunded_minor: 0,
        why: why.into(),
    })
}
