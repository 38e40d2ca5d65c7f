//! What is always true of pre-orders, read off the rows.

use super::model::PreorderState;
use super::store;
use crate::db::Tx;
use crate::kernel::Result;

/// Rows that break a promise of this module: empty, always. Called after every story and by the operator's check.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for preorder in store::all(tx)? {
        let id = preorder.id;
        let (waiting, here) = store::sums(tx, id)?;
        let row = store::stock(tx, &preorder)?;
        let (on_hand, sold) = row.map_or((0, 0), |row| (row.on_hand, row.sold));
        if on_hand != preorder.units || sold != waiting + here || here != preorder.covered {
            broken.push(format!(
                "I1 {id}: {} units and {on_hand} at its place, {sold} sold, {waiting} wait, {here} have theirs of {} given",
                preorder.units, preorder.covered
            ));
        }
        if preorder.state == PreorderState::Done && waiting > 0 {
            broken.push(format!("I6 {id} is done, and {waiting} wait"));
        }
        if preorder.state != PreorderState::Done && preorder.next_check_at.is_none() {
            broken.push(format!("I16 nobody will look at {id} again"));
        }
    }
    Ok(broken)
}
