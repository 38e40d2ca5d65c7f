//! Looking things up: balances, transfers, and how far the seal has come.

use super::model::{Balance, Transfer};
use super::store;
use crate::db::Tx;
use crate::kernel::{OrderId, Page, PageIn, Result, ShopId, Time};
use uuid::Uuid;

/// Accounts of a shop that are shown or summed at most; a shop with more parties than this needs pages first.
pub(super) const ACCOUNTS_MAX: i64 = 5_000;
const TRANSFERS_OF_AN_ORDER_MAX: i64 = 500;

/// Whether a source was posted.
pub fn exists(tx: &mut Tx<'_>, shop: ShopId, source_kind: &'static str, source_id: Uuid) -> Result<bool> {
    Ok(store::transfer_of_source(tx, shop, source_kind, source_id)?.is_some())
}

/// What every account of a shop stands at: credits minus debits, unsealed transfers included.
pub fn balances(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<Balance>> {
    store::balances(tx, shop, ACCOUNTS_MAX)
}

/// The transfers of a shop with their legs, newest first.
pub fn transfers(tx: &mut Tx<'_>, shop: ShopId, page: &PageIn) -> Result<Page<Transfer>> {
    let limit = page.limit();
    let rows = store::newest(tx, shop, page.after()?, limit + 1)?;
    Ok(Page::cut(rows, limit, |transfer| transfer.id.to_string()))
}

/// The transfers of one order, oldest first.
pub fn transfers_of_order(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<Vec<Transfer>> {
    store::of_order(tx, shop, order, TRANSFERS_OF_AN_ORDER_MAX)
}

/// How many transfers wait for their seal, and since when: a metric.
pub fn unsealed(tx: &mut Tx<'_>) -> Result<(i64, Option<Time>)> {
    store::count_unsealed(tx)
}
