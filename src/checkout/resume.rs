//! Looking again at checkouts whose time has come: what expired gives its units back; what a crash left is concluded.

use super::buy::{let_discounts_go, let_drop_go, let_drop_lie, let_gift_card_go};
use super::conclude::settle;
use super::model::CheckoutState;
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::inventory;
use crate::kernel::{CheckoutId, Result};

/// Taken a round: after a long outage thousands are stale at once, and their release must not crowd out buyers.
const ROWS: i64 = 200;
/// Concluded in one command.
const CHUNK: usize = 25;

/// The job `checkouts`. Returns how many it looked at.
///
/// A checkout that is being paid when its time is up keeps the void obligation on its attempt: the resolver of payments goes on asking, and
/// money that arrives after all either finds a free unit or is let go.
pub async fn resume(app: &App) -> Result<u64> {
    let due = app.db.read(|tx| store::due(tx, ROWS)).await?;
    for chunk in due.chunks(CHUNK) {
        let ids: Vec<CheckoutId> = chunk.iter().map(|(id, _)| *id).collect();
        let lane = chunk
            .first()
            .map_or(LaneKey(0), |(_, lane)| super::model::lane_key(*lane));
        let all = ids.clone();
        let together = move |tx: &mut Tx<'_>| all.iter().try_for_each(|id| look(tx, *id));
        if app.db.write(lane, together).await.is_ok() {
            continue;
        }
        // One that cannot be looked at keeps nobody's units from the others.
        for id in ids {
            let alone = app.db.write(lane, move |tx| look(tx, id)).await;
            if let Err(error) = alone {
                tracing::error!(%error, checkout = %id, "a checkout could not be looked at; the next round tries again");
            }
        }
    }
    Ok(due.len() as u64)
}

fn look(tx: &mut Tx<'_>, id: CheckoutId) -> Result<()> {
    let checkout = settle(tx, id)?.checkout;
    if !checkout.state.is_open() {
        return Ok(());
    }
    if checkout.expires_at > tx.now() || mutant!("D7") {
        return store::look_again(tx, id, checkout.expires_at);
    }
    let money_unknown = checkout.state.is_paying();
    inventory::expire(tx, id, money_unknown)?;
    let_gift_card_go(tx, &checkout)?;
    let_discounts_go(tx, &checkout)?;
    match checkout.state {
        _ if mutant!("D2-expiry") => {}
        CheckoutState::CompleteInProgress => let_drop_go(tx, &checkout)?, // They paid: it is the processor that says nothing.
        _ => let_drop_lie(tx, &checkout)?,
    }
    store::advance(tx, &checkout, CheckoutState::Expired, checkout.expires_at)
}
