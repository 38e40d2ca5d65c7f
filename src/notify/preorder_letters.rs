//! Letters to those who wait longer for what they pre-ordered than they were promised.

use super::compose::{Links, preorder_late};
use crate::app::App;
use crate::db::LaneKey;
use crate::kernel::Result;
use crate::preorders;

/// Written in a round.
const LETTERS: i64 = 50;

/// The job `preorder_letters`. Returns how many it wrote. A letter is marked as written in the transaction that writes it, so there is one of each.
pub async fn write_preorder_letters(app: &App) -> Result<u64> {
    let links = Links::of(app);
    let mut written = 0;
    for owed in app.db.read(|tx| preorders::untold(tx, LETTERS)).await? {
        let (links, order) = (links.clone(), owed.sale.order);
        let done = app.db.write(LaneKey::of(order), move |tx| {
            if !preorders::told(tx, &owed.sale)? {
                return Ok(false);
            }
            preorder_late(tx, &links, owed.shop, &owed.sale).map(|_| true)
        });
        match done.await {
            Ok(done) => written += u64::from(done),
            Err(error) => {
                tracing::error!(%error, %order, "a letter about a pre-order could not be written; the next round tries again")
            }
        }
    }
    Ok(written)
}
