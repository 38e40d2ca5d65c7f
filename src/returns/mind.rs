//! Looking again at returns that have not ended.

use super::model::ReturnState;
use super::store;
use super::withdraw::tomorrow;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{Result, Seconds};

/// Looked at in a round.
const ROWS: i64 = 50;

/// The job `returns`: money that did not go back yet is tried again; what is awaited stays on Today, and its buyer is asked where it is by
/// `notify`. Returns how many it looked at.
pub async fn mind(app: &App) -> Result<u64> {
    let due = app.db.read(|tx| store::due(tx, ROWS)).await?;
    for (shop, id, state) in &due {
        let (shop, id) = (*shop, *id);
        let lane = LaneKey::of(id);
        if *state == ReturnState::Received && !mutant!("I16-return") {
            if let Err(error) = super::receive::pay_back(app, shop, id).await {
                tracing::error!(%error, %id, "the money of a return did not go back; it is tried again in a minute");
                let later = move |tx: &mut Tx<'_>| store::look_again(tx, id, tx.now().plus(Seconds::minutes(1)));
                app.db.write(lane, later).await?;
            }
        } else {
            app.db
                .write(lane, move |tx| store::look_again(tx, id, tomorrow(tx.now())))
                .await?;
        }
    }
    Ok(due.len() as u64)
}
