//! What the clock does: it finishes what was closed, and says that a day has passed.

use super::arrive::{cover, next_look, tidy};
use super::model::PreorderState;
use super::store;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{PreorderId, Result, Seconds};

/// Looked at in a round.
const ROWS: i64 = 100;

/// The job `preorders`. Returns how many it looked at.
pub async fn mind(app: &App) -> Result<u64> {
    let due = app.db.read(|tx| store::due(tx, ROWS)).await?;
    for id in &due {
        let id = *id;
        // One that cannot be looked at keeps nobody from the others.
        if let Err(error) = app.db.write(LaneKey::of(id), move |tx| look(tx, id)).await {
            tracing::error!(%error, preorder = %id, "a pre-order could not be looked at; it is looked at again in a minute");
            let later = move |tx: &mut Tx<'_>| store::look_again(tx, id, tx.now().plus(Seconds::minutes(1)));
            app.db.write(LaneKey::of(id), later).await?;
        }
    }
    Ok(due.len() as u64)
}

pub(super) fn look(tx: &mut Tx<'_>, id: PreorderId) -> Result<()> {
    let known = store::load(tx, id)?;
    let Some(preorder) = store::hold_still(tx, known.shop, id)? else {
        return Ok(());
    };
    if preorder.state == PreorderState::Done {
        return Ok(());
    }
    if preorder.ships_by <= tx.now() && !preorder.late && store::somebody_waits(tx, id)? {
        // Nobody is promised a day that has passed, and who waits is told.
        store::set_day(tx, &preorder, preorder.ships_by, true)?;
        store::tell_those_who_wait(tx, id)?;
    }
    let preorder = store::load(tx, id)?;
    store::look_again(tx, id, next_look(&preorder, tx.now()))?;
    let preorder = cover(tx, preorder)?;
    tidy(tx, preorder)
}
