//! What follows from the end of a shop that existed for a time: its drops close, and what it sells is archived if its people said so.

use super::run::closed;
use super::store;
use crate::app::App;
use crate::catalog;
use crate::db::{LaneKey, Tx};
use crate::identity;
use crate::kernel::{Result, ShopId};

/// Looked at in a round.
const ROWS: i64 = 100;

/// The job `windows`. Returns how many it looked at. Buyers do not wait for it: a shop sells inside its window to the microsecond.
pub async fn mind_windows(app: &App) -> Result<u64> {
    let due = app.db.read(|tx| identity::windows_due(tx, ROWS)).await?;
    for id in &due {
        let id = *id;
        let done = app.db.write(LaneKey::of(id), move |tx| wind_up(tx, id)).await;
        // One shop that cannot be looked at keeps nobody from the others.
        if let Err(error) = done {
            tracing::error!(%error, shop = %id, "a shop's window could not be looked at; the next round tries again");
        }
    }
    Ok(due.len() as u64)
}

pub(super) fn wind_up(tx: &mut Tx<'_>, id: ShopId) -> Result<()> {
    let Some(shop) = identity::look_at_window(tx, id)? else {
        return Ok(());
    };
    for drop in store::running_of(tx, id, 1000)? {
        let drop = store::load(tx, drop)?;
        closed(tx, &drop, None)?;
    }
    if shop.window.archives {
        catalog::archive_all(tx, id)?;
    }
    Ok(())
}
