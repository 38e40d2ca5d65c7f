//! Asking buyers where it is that they wanted to send back.

use super::compose::{Links, return_awaited};
use crate::app::App;
use crate::db::LaneKey;
use crate::kernel::Result;
use crate::returns;

/// Written in a round.
const LETTERS: i64 = 20;

/// The job `return_letters`. Returns how many it wrote. A return is marked in the transaction that writes its letter, so there is one.
pub async fn remind_of_returns(app: &App) -> Result<u64> {
    let links = Links::of(app);
    let mut written = 0;
    for (shop, id) in app.db.read(|tx| returns::to_remind(tx, LETTERS)).await? {
        let links = links.clone();
        let done = app.db.write(LaneKey::of(id), move |tx| {
            let Some(found) = returns::find(tx, shop, id)? else {
                return Ok(false);
            };
            if !returns::reminded(tx, id)? {
                return Ok(false);
            }
            return_awaited(tx, &links, shop, found.order, id).map(|_| true)
        });
        written += u64::from(done.await?);
    }
    Ok(written)
}
