//! Letters of a buyer who is erased: which they are, what becomes of them, and the last one, which says that it was done.

use super::compose::occasions;
use super::model::{MailKind, NewMail};
use super::queue::{Queue, queue};
use super::store;
use crate::checkout::OrderView;
use crate::db::Tx;
use crate::identity;
use crate::kernel::{ErasureId, Id, MailId, Result, ShopId, Time};
use serde_json::json;

/// Letters of a shop from before `before`, and who got them: a page of all letters after `after`, and where it ended. Not what confirms an erasure.
pub fn recipients(
    tx: &mut Tx<'_>,
    shop: ShopId,
    before: Time,
    after: MailId,
    page: i64,
) -> Result<store::PageOf<(MailId, String)>> {
    let (rows, end) = store::recipients(tx, shop, before, after, page)?;
    let rows = rows.into_iter().filter(|(_, kind, _)| *kind != MailKind::Erased);
    Ok((rows.map(|(id, _, to)| (id, to)).collect(), end))
}

/// All letters about an order.
pub fn letters_about(tx: &mut Tx<'_>, view: &OrderView) -> Result<Vec<MailId>> {
    let mut all = Vec::new();
    for subject in occasions(tx, view)? {
        all.extend(store::about(tx, view.order.shop, subject)?);
    }
    Ok(all)
}

/// One that has not left never does; one that has says only that it did, and when.
pub fn erase_letter(tx: &mut Tx<'_>, id: MailId) -> Result<()> {
    store::erase(tx, id)
}

/// Confirms to a buyer what was deleted, and says what is held for now: one sentence each.
pub fn confirm_erasure(tx: &mut Tx<'_>, shop: ShopId, id: ErasureId, to: &str, held: &[String]) -> Result<Queue> {
    let shop = identity::shop(tx, shop)?;
    let says = json!({
        "shop": shop.name, "language": "en", "held": held, "test_mode": shop.test_mode,
        "seller": super::compose::seller(&shop),
    });
    let mail = NewMail {
        shop: shop.id,
        kind: MailKind::Erased,
        about: id.uuid(),
        to: to.to_owned(),
        subject: format!("Your personal data at {} was deleted", shop.name),
        says: says.to_string(),
    };
    queue(tx, &mail)
}

/// Erases that letter, too, once it has left or never will. False: it has still to leave.
pub fn erase_confirmation(tx: &mut Tx<'_>, shop: ShopId, id: ErasureId) -> Result<bool> {
    if store::is_to_leave(tx, MailKind::Erased, id.uuid())? {
        return Ok(false);
    }
    for letter in store::about(tx, shop, id.uuid())? {
        store::erase(tx, letter)?;
    }
    Ok(true)
}
