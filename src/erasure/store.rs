//! All SQL on erasures.

use super::model::{Erasure, Item, ItemState, Why};
use crate::args;
use crate::checkout::{self, Contact};
use crate::db::{FromRow, Row, Tx};
use crate::kernel::{CheckoutId, ErasureId, Id, OrderId, Page, Result, ShopId, Time};
use crate::{fulfilment, payments, returns};

impl FromRow for Erasure {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            subject: row.get(2)?,
            email: row.get(3)?,
            asked_by: row.get(4)?,
            staff: row.get(5)?,
            state: row.get(6)?,
            asked_at: row.get(7)?,
            done_at: row.get(8)?,
            next_check_at: row.get(9)?,
        })
    }
}

/// An erasure of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: ErasureId) -> Result<Option<Erasure>> {
    tx.maybe_one(
        "select id, shop_id, subject, email, asked_by, staff_id, state, asked_at, done_at, next_check_at from erasures where shop_id = $1 and id = $2",
        args![shop, id],
    )
}

/// One we looked up ourselves.
pub(super) fn load(tx: &mut Tx<'_>, id: ErasureId) -> Result<Option<Erasure>> {
    tx.maybe_one(
        "select id, shop_id, subject, email, asked_by, staff_id, state, asked_at, done_at, next_check_at from erasures where id = $1",
        args![id],
    )
}

/// The erasures of a shop, newest first.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, after: Option<ErasureId>, limit: i64) -> Result<Page<Erasure>> {
    let before = after.unwrap_or(Id::from_uuid(uuid::Uuid::max()));
    let rows: Vec<Erasure> = tx.all(
        "select id, shop_id, subject, email, asked_by, staff_id, state, asked_at, done_at, next_check_at from erasures
          where shop_id = $1 and id < $2 order by id desc limit $3",
        args![shop, before, limit + 1],
    )?;
    Ok(Page::cut(rows, limit, |erasure| erasure.id.to_string()))
}

/// All erasures of the installation, for a list to be kept beside the backups.
pub(super) fn all(tx: &mut Tx<'_>, after: ErasureId, limit: i64) -> Result<Vec<Erasure>> {
    tx.all(
        "select id, shop_id, subject, email, asked_by, staff_id, state, asked_at, done_at, next_check_at from erasures where id > $1 order by id limit $2",
        args![after, limit],
    )
}

/// Writes a wish down. False: its id is taken.
pub(super) fn insert(tx: &mut Tx<'_>, new: &Erasure) -> Result<bool> {
    let added = tx.exec(
        "insert into erasures (id, shop_id, subject, email, asked_by, staff_id, state, asked_at, next_check_at)
         values ($1, $2, $3, $4, $5, $6, 'looking', $7, $8) on conflict (id) do nothing",
        args![
            new.id,
            new.shop,
            new.subject,
            new.email,
            new.asked_by,
            new.staff,
            new.asked_at,
            tx.now()
        ],
    )?;
    Ok(added == 1)
}

/// Erasures somebody has to look at.
pub(super) fn due(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<ErasureId>> {
    let rows: Vec<(ErasureId,)> = tx.all(
        "select id from erasures where next_check_at is not null and next_check_at <= $1 order by next_check_at limit $2",
        args![tx.now(), limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Everything was looked for: the address is needed no more. False: somebody else was faster.
pub(super) fn looked(tx: &mut Tx<'_>, id: ErasureId) -> Result<bool> {
    let done = tx.exec(
        "update erasures set state = 'open', email = '', next_check_at = $2 where id = $1 and state = 'looking'",
        args![id, tx.now()],
    )?;
    Ok(done == 1)
}

pub(super) fn look_again(tx: &mut Tx<'_>, id: ErasureId, at: Time) -> Result<()> {
    tx.put(
        "update erasures set next_check_at = $2 where id = $1 and next_check_at is not null",
        args![id, at],
    )
}

pub(super) fn finish(tx: &mut Tx<'_>, id: ErasureId) -> Result<()> {
    tx.put(
        "update erasures set state = 'done', done_at = $2, next_check_at = null
          where id = $1 and state = 'open' and not exists (select 1 from erasure_items where erasure_id = $1 and state <> 'erased')",
        args![id, tx.now()],
    )
}

/// Something was said of an order whose buyer may have been erased: it is erased, too, when nothing needs it any more.
pub fn again(tx: &mut Tx<'_>, order: OrderId) -> Result<()> {
    let checkout = CheckoutId::from_uuid(order.uuid());
    tx.put(
        "update erasure_items set state = 'waiting', changed_at = $2 where checkout_id = $1 and state = 'erased'",
        args![checkout, tx.now()],
    )?;
    tx.put(
        "update erasures set state = 'open', done_at = null, next_check_at = $2
          where state = 'done' and id in (select erasure_id from erasure_items where checkout_id = $1)",
        args![checkout, tx.now()],
    )
}

/// A purchase it is about, once.
pub(super) fn insert_item(tx: &mut Tx<'_>, id: ErasureId, checkout: CheckoutId) -> Result<()> {
    tx.put(
        "insert into erasure_items (erasure_id, checkout_id, state, changed_at) values ($1, $2, 'waiting', $3) on conflict do nothing",
        args![id, checkout, tx.now()],
    )
}

impl FromRow for Item {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let reasons: String = row.get(2)?;
        let reasons: Result<Vec<Why>> = reasons.split_whitespace().map(str::parse).collect();
        Ok(Self {
            checkout: row.get(0)?,
            state: row.get(1)?,
            reasons: reasons?,
            until: row.get(3)?,
            number: None,
        })
    }
}

/// The purchases it is about.
pub fn items(tx: &mut Tx<'_>, id: ErasureId) -> Result<Vec<Item>> {
    let shop: Option<(ShopId,)> = tx.maybe_one("select shop_id from erasures where id = $1", args![id])?;
    let Some((shop,)) = shop else {
        return Ok(Vec::new());
    };
    let mut items: Vec<Item> = tx.all(
        "select checkout_id, state, reasons, until from erasure_items where erasure_id = $1 order by checkout_id limit 10000",
        args![id],
    )?;
    for item in &mut items {
        item.number = checkout::order_of_checkout(tx, shop, item.checkout)?.map(|order| order.number);
    }
    Ok(items)
}

pub(super) fn set_item(
    tx: &mut Tx<'_>,
    id: ErasureId,
    checkout: CheckoutId,
    state: ItemState,
    reasons: &str,
    until: Option<Time>,
) -> Result<()> {
    tx.put(
        "update erasure_items set state = $3, reasons = $4, until = $5, changed_at = $6 where erasure_id = $1 and checkout_id = $2",
        args![id, checkout, state, reasons, until, tx.now()],
    )
}

/// Rows that break a promise of this module (T9): empty, always.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let erased: Vec<(ErasureId, ShopId, CheckoutId)> = tx.all(
        "select i.erasure_id, e.shop_id, i.checkout_id from erasure_items i join erasures e on e.id = i.erasure_id
          where i.state = 'erased' order by i.checkout_id limit 1000",
        &[],
    )?;
    let mut filled = Vec::new();
    for (id, shop, checkout) in erased {
        if says_something(tx, shop, checkout)? {
            filled.push((id, checkout));
        }
    }
    let forgotten: Vec<(ErasureId,)> = tx.all(
        "select id from erasures where (state = 'done') <> (next_check_at is null) limit 20",
        &[],
    )?;
    let mut broken: Vec<String> = filled
        .iter()
        .map(|(id, checkout)| format!("T9 {checkout} of {id} was erased, and still says something about its buyer"))
        .collect();
    broken.extend(
        forgotten
            .iter()
            .map(|(id,)| format!("I16 nobody will look at {id} again")),
    );
    Ok(broken)
}

/// Whether what is kept of a purchase says who bought.
fn says_something(tx: &mut Tx<'_>, shop: ShopId, id: CheckoutId) -> Result<bool> {
    let found = checkout::find(tx, shop, id)?;
    let is_known = found.is_some_and(|found| found.contact != Contact::default() || found.address.is_some());
    if is_known || payments::stored::is_kept(tx, id)? {
        return Ok(true);
    }
    let Some(order) = checkout::order_of_checkout(tx, shop, id)? else {
        return Ok(false);
    };
    let returns = returns::of_order(tx, shop, order.id)?;
    let told = |back: &returns::Return| {
        [&back.name, &back.email, &back.words, &back.proof]
            .iter()
            .any(|text| !text.is_empty())
    };
    // What was said since then is erased when it has come back: see [`again`].
    let erased_at = checkout::view(tx, shop, order.id)?.and_then(|view| view.erased_at);
    let mut before = (returns.iter()).filter(|back| erased_at.is_none_or(|at| back.stated_at < at));
    let parcels = fulfilment::shipments(tx, shop, order.id)?;
    Ok(!order.email.is_empty() || before.any(told) || parcels.iter().any(|parcel| !parcel.tracking.is_empty()))
}
