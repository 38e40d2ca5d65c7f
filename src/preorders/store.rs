//! All SQL on pre-orders and what was sold of them.

use super::model::{Preorder, PreorderState, Sale, SaleState, place};
use crate::args;
use crate::db::{FromRow, Row, Tx};
use crate::inventory::{self, Aside};
use crate::kernel::{Error, LocationId, OrderId, PreorderId, Result, ShopId, Time, VariantId};

/// Sales of one look at who waits.
pub(super) const FIRST: usize = 50;

impl FromRow for Preorder {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            variant: row.get(2)?,
            home: row.get(3)?,
            state: row.get(4)?,
            units: row.get(5)?,
            arrived: row.get(6)?,
            covered: row.get(7)?,
            ships_by: row.get(8)?,
            late: row.get(9)?,
            version: row.get(10)?,
            next_check_at: row.get(11)?,
            created_at: row.get(12)?,
            counted: row.get(13)?,
            place: row
                .get::<Option<LocationId>>(14)?
                .map_or_else(|| row.get(0).map(place), Ok)?,
        })
    }
}

/// The columns that [`Preorder`] is read from.
macro_rules! preorder {
    ($rest:literal) => {
        concat!(
            "select id, shop_id, variant_id, home_id, state, units, arrived, covered, ships_by, late, version, next_check_at, created_at, counted, place_id
               from preorders ",
            $rest
        )
    };
}

/// Writes a new one. False: its id is taken, or another one of the variant is open.
pub(super) fn insert(tx: &mut Tx<'_>, new: &Preorder) -> Result<bool> {
    let done = tx.exec(
        "insert into preorders (id, shop_id, variant_id, home_id, state, units, arrived, covered, ships_by, late, version, next_check_at, created_at, changed_at,
                                place_id)
         values ($1, $2, $3, $4, $5, $6, 0, 0, $7, 0, 1, $8, $9, $9, $10) on conflict do nothing",
        args![
            new.id,
            new.shop,
            new.variant,
            new.home,
            new.state,
            new.units,
            new.ships_by,
            new.next_check_at,
            new.created_at,
            new.is_in_drop().then_some(new.place)
        ],
    )?;
    Ok(done == 1)
}

/// A pre-order of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: PreorderId) -> Result<Option<Preorder>> {
    tx.maybe_one(preorder!("where shop_id = $1 and id = $2"), args![shop, id])
}

/// One whose id we looked up ourselves.
pub(super) fn load(tx: &mut Tx<'_>, id: PreorderId) -> Result<Preorder> {
    tx.maybe_one(preorder!("where id = $1"), args![id])?
        .ok_or_else(|| Error::not_found("pre-order"))
}

/// The one that is being sold of a variant.
pub(super) fn open_of(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId) -> Result<Option<Preorder>> {
    tx.maybe_one(
        preorder!("where shop_id = $1 and variant_id = $2 and state = 'open'"),
        args![shop, variant],
    )
}

/// That of a variant in a drop, by the drop's place.
pub(super) fn at(tx: &mut Tx<'_>, place: LocationId, variant: VariantId) -> Result<Option<Preorder>> {
    tx.maybe_one(
        preorder!("where place_id = $1 and variant_id = $2"),
        args![place, variant],
    )
}

/// Its units.
pub fn stock(tx: &mut Tx<'_>, preorder: &Preorder) -> Result<Option<Aside>> {
    let there = inventory::aside(tx, preorder.shop, preorder.place)?;
    Ok(there.into_iter().find(|row| row.variant == preorder.variant))
}

/// Whether units of a variant are only expected at a place.
pub fn is_expected(tx: &mut Tx<'_>, shop: ShopId, place: LocationId, variant: VariantId) -> Result<bool> {
    let found: Option<(i64,)> = tx.maybe_one(
        "select 1 from preorders where shop_id = $1 and variant_id = $3 and (id = $2 and place_id is null or place_id = $2) limit 1",
        args![shop, place, variant],
    )?;
    Ok(found.is_some())
}

/// Those of a shop, newest first.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<Preorder>> {
    tx.all(
        preorder!("where shop_id = $1 order by id desc limit $2"),
        args![shop, limit],
    )
}

/// Those of a shop whose day has passed, while somebody waits.
pub fn late(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<Preorder>> {
    tx.all(
        preorder!("where shop_id = $1 and late = 1 and state <> 'done'
            and exists (select 1 from preorder_sales s where s.preorder_id = preorders.id and s.state = 'waiting') order by ships_by limit 20"),
        args![shop],
    )
}

/// Every one there is, for the operator's check.
pub(super) fn all(tx: &mut Tx<'_>) -> Result<Vec<Preorder>> {
    tx.all(preorder!("order by id limit 10000"), &[])
}

/// From here to the end of the transaction nobody else moves it or its units: what is answered is how it stands. The stock's row first, as a sale does.
pub(super) fn hold_still(tx: &mut Tx<'_>, shop: ShopId, id: PreorderId) -> Result<Option<Preorder>> {
    let Some(known) = find(tx, shop, id)? else {
        return Ok(None);
    };
    inventory::hold_still(tx, known.place, known.variant)?;
    tx.put("update preorders set version = version where id = $1", args![id])?;
    find(tx, shop, id)
}

/// Those whose time has come, oldest first.
pub(super) fn due(tx: &mut Tx<'_>, most: i64) -> Result<Vec<PreorderId>> {
    let rows: Vec<(PreorderId,)> = tx.all(
        "select id from preorders where next_check_at is not null and next_check_at <= $1 order by next_check_at limit $2",
        args![tx.now(), most],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) fn look_again(tx: &mut Tx<'_>, id: PreorderId, at: Time) -> Result<()> {
    tx.put(
        "update preorders set next_check_at = $2 where id = $1 and state <> 'done'",
        args![id, at],
    )
}

/// The same, but never later than somebody is to look already: those who are given what arrived in the next round wait for that.
pub(super) fn look_by(tx: &mut Tx<'_>, id: PreorderId, at: Time) -> Result<()> {
    tx.put(
        "update preorders set next_check_at = case when next_check_at < $2 then next_check_at else $2 end where id = $1 and state <> 'done'",
        args![id, at],
    )
}

/// Moves one from the state it was read in.
pub(super) fn set_state(tx: &mut Tx<'_>, preorder: &Preorder, to: PreorderState) -> Result<()> {
    let look = (to != PreorderState::Done).then(|| tx.now());
    tx.change_one(
        "update preorders set state = $3, next_check_at = $4, changed_at = $5, version = version + 1 where id = $1 and state = $2",
        args![preorder.id, preorder.state, to, look, tx.now()],
    )
}

pub(super) fn set_day(tx: &mut Tx<'_>, preorder: &Preorder, ships_by: Time, late: bool) -> Result<()> {
    tx.change_one(
        "update preorders set ships_by = $2, late = $3, next_check_at = $4, changed_at = $4, version = version + 1 where id = $1",
        args![preorder.id, ships_by, late, tx.now()],
    )
}

/// Counts units in, so many of them expected ones. The constraint says no to more than are expected.
pub(super) fn arrived(tx: &mut Tx<'_>, preorder: &Preorder, units: i64, expected: i64) -> Result<()> {
    tx.change_one(
        "update preorders set counted = counted + $2, arrived = arrived + $3, changed_at = $4, version = version + 1 where id = $1 and arrived + $3 <= units",
        args![preorder.id, units, expected, tx.now()],
    )
}

/// Gives units that arrived to whoever waited. The constraint says no to more than arrived.
pub(super) fn cover(tx: &mut Tx<'_>, preorder: &Preorder, units: i64) -> Result<()> {
    tx.change_one(
        "update preorders set covered = covered + $2, version = version + 1 where id = $1 and covered + $2 <= arrived",
        args![preorder.id, units],
    )
}

pub(super) fn uncover(tx: &mut Tx<'_>, preorder: &Preorder, units: i64) -> Result<()> {
    tx.change_one(
        "update preorders set covered = covered - $2, version = version + 1 where id = $1 and covered >= $2",
        args![preorder.id, units],
    )
}

/// Units are expected no more, and what arrived for nobody has gone to the shelf.
pub(super) fn give_up(tx: &mut Tx<'_>, preorder: &Preorder, free: i64, surplus: i64) -> Result<()> {
    tx.change_one(
        "update preorders set units = units - $2, arrived = arrived - $3, version = version + 1 where id = $1",
        args![preorder.id, free, surplus],
    )
}

/// More units are expected of one that is sold. False: it is sold no more.
pub(super) fn expect_more(tx: &mut Tx<'_>, preorder: &Preorder, units: u32) -> Result<bool> {
    let done = tx.exec(
        "update preorders set units = units + $2, changed_at = $3, version = version + 1 where id = $1 and state = 'open'",
        args![preorder.id, units, tx.now()],
    )?;
    Ok(done == 1)
}

/// Units are gone from here; `here` of them had arrived and were somebody's.
pub(super) fn shrink(tx: &mut Tx<'_>, preorder: &Preorder, units: i64, here: i64) -> Result<()> {
    tx.change_one(
        "update preorders set units = units - $2, arrived = arrived - $3, covered = covered - $3, version = version + 1 where id = $1",
        args![preorder.id, units, here],
    )
}

// What was sold. -----------------------------------------------------------------------------------------------------------------------------------

impl FromRow for Sale {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            order: row.get(0)?,
            line: row.get(1)?,
            preorder: row.get(2)?,
            units: row.get(3)?,
            state: row.get(4)?,
            promised: row.get(5)?,
        })
    }
}

pub(super) fn insert_sale(tx: &mut Tx<'_>, shop: ShopId, sale: &Sale, tell: bool) -> Result<()> {
    tx.put(
        "insert into preorder_sales (order_id, line, preorder_id, shop_id, units, state, promised, tell, sold_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            sale.order,
            sale.line,
            sale.preorder,
            shop,
            sale.units,
            sale.state,
            sale.promised,
            tell,
            tx.now()
        ],
    )
}

/// The pre-order of a line that was not canceled.
pub(super) fn sale(tx: &mut Tx<'_>, order: OrderId, line: u32) -> Result<Option<Sale>> {
    tx.maybe_one(
        "select order_id, line, preorder_id, units, state, promised from preorder_sales where order_id = $1 and line = $2 and state <> 'canceled'",
        args![order, line],
    )
}

/// The lines of an order that were pre-ordered.
pub fn sales_of(tx: &mut Tx<'_>, order: OrderId) -> Result<Vec<Sale>> {
    tx.all(
        "select order_id, line, preorder_id, units, state, promised from preorder_sales where order_id = $1 order by line limit 100",
        args![order],
    )
}

/// Those who wait longest.
pub(super) fn first_waiting(tx: &mut Tx<'_>, preorder: PreorderId) -> Result<Vec<Sale>> {
    if mutant!("D14-preorder") {
        return tx.all(
            "select order_id, line, preorder_id, units, state, promised from preorder_sales
              where preorder_id = $1 and state = 'waiting' order by units, sold_at desc, order_id, line limit 50",
            args![preorder],
        );
    }
    tx.all(
        "select order_id, line, preorder_id, units, state, promised from preorder_sales
          where preorder_id = $1 and state = 'waiting' order by sold_at, order_id, line limit 50",
        args![preorder],
    )
}

pub(super) fn somebody_waits(tx: &mut Tx<'_>, preorder: PreorderId) -> Result<bool> {
    let found: Option<(i64,)> = tx.maybe_one(
        "select 1 from preorder_sales where preorder_id = $1 and state = 'waiting' limit 1",
        args![preorder],
    )?;
    Ok(found.is_some())
}

/// Moves a sale from the state it was read in. Who has theirs need not be told that it is late.
pub(super) fn move_sale(tx: &mut Tx<'_>, sale: &Sale, to: SaleState) -> Result<()> {
    tx.change_one(
        "update preorder_sales set state = $4, tell = 0 where order_id = $1 and line = $2 and state = $3",
        args![sale.order, sale.line, sale.state, to],
    )
}

/// Fewer units of a sale; none of them is canceled.
pub(super) fn less(tx: &mut Tx<'_>, sale: &Sale, units: u32) -> Result<()> {
    tx.change_one(
        "update preorder_sales set units = units - $4, state = case when units = $4 then 'canceled' else state end
          where order_id = $1 and line = $2 and state = $3 and units >= $4",
        args![sale.order, sale.line, sale.state, units],
    )
}

/// Units that wait, and units that are their buyers'.
pub(super) fn sums(tx: &mut Tx<'_>, preorder: PreorderId) -> Result<(i64, i64)> {
    tx.one(
        "select cast(coalesce(sum(case when state = 'waiting' then units else 0 end), 0) as bigint),
                cast(coalesce(sum(case when state = 'here' then units else 0 end), 0) as bigint) from preorder_sales where preorder_id = $1",
        args![preorder],
    )
}

/// How many buyers wait.
pub fn waiting(tx: &mut Tx<'_>, preorder: PreorderId) -> Result<(i64, i64)> {
    tx.one(
        "select count(*), cast(coalesce(sum(units), 0) as bigint) from preorder_sales where preorder_id = $1 and state = 'waiting'",
        args![preorder],
    )
}

pub(super) fn tell_those_who_wait(tx: &mut Tx<'_>, preorder: PreorderId) -> Result<()> {
    tx.put(
        "update preorder_sales set tell = 1 where preorder_id = $1 and state = 'waiting'",
        args![preorder],
    )
}

/// A letter that is owed to a buyer who waits longer than they were promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Untold {
    pub shop: ShopId,
    pub sale: Sale,
}

impl FromRow for Untold {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            sale: Sale::from_row(row)?,
            shop: row.get(6)?,
        })
    }
}

/// Letters that are owed now, some of them.
pub fn untold(tx: &mut Tx<'_>, most: i64) -> Result<Vec<Untold>> {
    tx.all(
        "select order_id, line, preorder_id, units, state, promised, shop_id from preorder_sales where tell = 1 order by preorder_id, order_id limit $1",
        args![most],
    )
}

/// In the transaction that writes it: the letter is owed no more. False: somebody wrote it, or it is not owed any more.
pub fn told(tx: &mut Tx<'_>, sale: &Sale) -> Result<bool> {
    let done = tx.exec(
        "update preorder_sales set tell = 0 where order_id = $1 and line = $2 and tell = 1 and state = 'waiting'",
        args![sale.order, sale.line],
    )?;
    if done == 0 {
        tx.put(
            "update preorder_sales set tell = 0 where order_id = $1 and line = $2 and state <> 'waiting'",
            args![sale.order, sale.line],
        )?;
    }
    Ok(done == 1)
}
