//! What is always true of drops, read off the rows.

use super::model::{DropState, verify};
use super::{claim, store};
use crate::db::Tx;
use crate::inventory;
use crate::kernel::Result;

/// Rows that break a promise of this module (I1 of drops, I7, I16, the archive): empty, always. Called after every story and by the operator's check.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let mut broken = claim::check(tx)?;
    for drop in store::all(tx)? {
        let events = store::events(tx, drop.id)?;
        if let Err(position) = verify(drop.id, &events, &drop.head) {
            broken.push(format!("{}: its archive is broken at {position}", drop.id));
        }
        let waits = matches!(drop.state, DropState::Scheduled | DropState::Open | DropState::Paused);
        if waits && drop.next_check_at.is_none() {
            broken.push(format!("I16 nobody will look at {} again", drop.id));
        }
        let items = store::items(tx, drop.id)?;
        for row in inventory::aside(tx, drop.shop, drop.place())? {
            let allotted = items
                .iter()
                .find(|item| item.variant == row.variant)
                .map_or(0, |item| i64::from(item.allotment));
            if row.sold + row.reserved > allotted || row.on_hand > allotted {
                broken.push(format!(
                    "I1 {} {}: {} sold, {} reserved, {} there of {allotted} allotted",
                    drop.id, row.variant, row.sold, row.reserved, row.on_hand
                ));
            }
            if drop.state == DropState::Closed && drop.next_check_at.is_none() && row.left() != 0 {
                broken.push(format!(
                    "I6 {} {}: {} units never went home",
                    drop.id,
                    row.variant,
                    row.left()
                ));
            }
        }
    }
    Ok(broken)
}
