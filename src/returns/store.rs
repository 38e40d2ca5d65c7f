//! All SQL on returns.

use super::model::{REMIND, Return, ReturnState};
use crate::args;
use crate::checkout::{self, Ship};
use crate::db::{FromRow, Row, Tx};
use crate::kernel::{OrderId, Result, ReturnId, ShopId, StaffId, Time};

impl FromRow for Return {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            order: row.get(2)?,
            state: row.get(3)?,
            whole: row.get(4)?,
            name: row.get(5)?,
            email: row.get(6)?,
            words: row.get(7)?,
            units_canceled: row.get(8)?,
            stated_at: row.get(9)?,
            due_by: row.get(10)?,
            proof: row.get(11)?,
            received_at: row.get(12)?,
            deducted_minor: row.get(13)?,
            deduction: row.get(14)?,
            restock: row.get(15)?,
            refunded_minor: row.get(16)?,
            ended_at: row.get(17)?,
            trouble: row.get(18)?,
            staff: row.get(19)?,
            version: row.get(20)?,
            units: Vec::new(),
        })
    }
}

/// Writes a statement down once. False: its id is taken.
pub(super) fn insert(tx: &mut Tx<'_>, new: &Return, next_check_at: Option<Time>) -> Result<bool> {
    let done = tx.exec(
        "insert into returns (id, shop_id, order_id, state, whole, name, email, words, units_canceled, stated_at, due_by, received_at, ended_at, version,
                              next_check_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14) on conflict (id) do nothing",
        args![
            new.id,
            new.shop,
            new.order,
            new.state,
            new.whole,
            new.name,
            new.email,
            new.words,
            new.units_canceled,
            new.stated_at,
            new.due_by,
            new.received_at,
            new.ended_at,
            next_check_at
        ],
    )?;
    for unit in &new.units {
        tx.put(
            "insert into return_lines (return_id, line, quantity) values ($1, $2, $3)",
            args![new.id, unit.line, unit.quantity],
        )?;
    }
    Ok(done == 1)
}

fn with_units(tx: &mut Tx<'_>, found: Return) -> Result<Return> {
    let rows: Vec<(u32, u32)> = tx.all(
        "select line, quantity from return_lines where return_id = $1 and quantity > 0 order by line limit 100",
        args![found.id],
    )?;
    let units = rows.into_iter().map(|(line, quantity)| Ship { line, quantity });
    Ok(Return {
        units: units.collect(),
        ..found
    })
}

fn all_with_units(tx: &mut Tx<'_>, found: Vec<Return>) -> Result<Vec<Return>> {
    found.into_iter().map(|one| with_units(tx, one)).collect()
}

/// A return of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: ReturnId) -> Result<Option<Return>> {
    let found: Option<Return> = tx.maybe_one(
        "select id, shop_id, order_id, state, whole, name, email, words, units_canceled, stated_at, due_by, proof, received_at, deducted_minor, deduction,
                restock, refunded_minor, ended_at, trouble, staff_id, version
           from returns where shop_id = $1 and id = $2",
        args![shop, id],
    )?;
    found.map(|one| with_units(tx, one)).transpose()
}

/// The returns of an order, oldest first.
pub fn of_order(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<Vec<Return>> {
    let found: Vec<Return> = tx.all(
        "select id, shop_id, order_id, state, whole, name, email, words, units_canceled, stated_at, due_by, proof, received_at, deducted_minor, deduction,
                restock, refunded_minor, ended_at, trouble, staff_id, version
           from returns where shop_id = $1 and order_id = $2 order by stated_at, id limit 100",
        args![shop, order],
    )?;
    all_with_units(tx, found)
}

/// Returns that have not ended, the most urgent first.
pub fn open(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<Return>> {
    let found: Vec<Return> = tx.all(
        "select id, shop_id, order_id, state, whole, name, email, words, units_canceled, stated_at, due_by, proof, received_at, deducted_minor, deduction,
                restock, refunded_minor, ended_at, trouble, staff_id, version
           from returns where shop_id = $1 and ended_at is null order by due_by, id limit $2",
        args![shop, limit],
    )?;
    all_with_units(tx, found)
}

/// The buyer says how they sent it.
pub(super) fn say_sent(tx: &mut Tx<'_>, shop: ShopId, id: ReturnId, proof: &str) -> Result<bool> {
    let done = tx.exec(
        "update returns set state = 'sent', proof = $3, version = version + 1 where shop_id = $1 and id = $2 and (state = 'awaited' or state = 'sent')",
        args![shop, id, proof],
    )?;
    Ok(done == 1)
}

/// What a person says of goods that arrived.
pub(super) struct Arrived<'a> {
    pub deducted_minor: i64,
    pub deduction: &'a str,
    pub restock: &'a str,
    pub staff: Option<StaffId>,
}

/// It arrived, or is taken as sent: the money is to go back. False: that was said before, or it has ended.
pub(super) fn receive(tx: &mut Tx<'_>, id: ReturnId, arrived: &Arrived<'_>) -> Result<bool> {
    let done = tx.exec(
        "update returns set state = 'received', received_at = $2, deducted_minor = $3, deduction = $4, restock = $5, staff_id = $6, next_check_at = $2,
                version = version + 1
          where id = $1 and (state = 'awaited' or state = 'sent')",
        args![id, tx.now(), arrived.deducted_minor, arrived.deduction, arrived.restock, arrived.staff],
    )?;
    Ok(done == 1)
}

/// Fewer came than were to come.
pub(super) fn set_units(tx: &mut Tx<'_>, id: ReturnId, line: u32, quantity: u32) -> Result<()> {
    tx.change_one(
        "update return_lines set quantity = $3 where return_id = $1 and line = $2 and quantity >= $3",
        args![id, line, quantity],
    )
}

/// The money is on its way, once.
pub(super) fn refunded(tx: &mut Tx<'_>, id: ReturnId, minor: i64) -> Result<bool> {
    let done = tx.exec(
        "update returns set state = 'refunded', refunded_minor = $2, ended_at = $3, trouble = '', next_check_at = null, version = version + 1
          where id = $1 and state = 'received'",
        args![id, minor, tx.now()],
    )?;
    Ok(done == 1)
}

/// The money goes back now: until it is known why it cannot, nobody ends the return without it. False: it has ended.
pub(super) fn pays(tx: &mut Tx<'_>, id: ReturnId) -> Result<bool> {
    let done = tx.exec(
        "update returns set trouble = '' where id = $1 and state = 'received'",
        args![id],
    )?;
    Ok(done == 1)
}

/// The money cannot go back yet, and why.
pub(super) fn postpone(tx: &mut Tx<'_>, id: ReturnId, trouble: &str, at: Time) -> Result<()> {
    tx.put(
        "update returns set trouble = $2, next_check_at = $3, version = version + 1 where id = $1 and state = 'received'",
        args![id, trouble, at],
    )
}

/// Ended by a person, without money. False: it has ended, or its money is on its way.
pub(super) fn close(tx: &mut Tx<'_>, shop: ShopId, id: ReturnId, why: &str, staff: Option<StaffId>) -> Result<bool> {
    let done = tx.exec(
        "update returns set state = 'closed', trouble = $3, staff_id = $4, ended_at = $5, next_check_at = null, version = version + 1
          where shop_id = $1 and id = $2 and (state = 'awaited' or state = 'sent' or (state = 'received' and trouble <> ''))",
        args![shop, id, why, staff, tx.now()],
    )?;
    Ok(done == 1)
}

/// Returns somebody has to look at.
pub(super) fn due(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<(ShopId, ReturnId, ReturnState)>> {
    tx.all(
        "select shop_id, id, state from returns where next_check_at is not null and next_check_at <= $1 order by next_check_at limit $2",
        args![tx.now(), limit],
    )
}

/// When somebody looks again.
pub(super) fn look_again(tx: &mut Tx<'_>, id: ReturnId, at: Time) -> Result<()> {
    tx.put(
        "update returns set next_check_at = $2 where id = $1 and next_check_at is not null",
        args![id, at],
    )
}

/// Buyers who withdrew some time ago and have not said that they sent it.
pub fn to_remind(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<(ShopId, ReturnId)>> {
    tx.all(
        "select shop_id, id from returns where next_check_at is not null and state = 'awaited' and reminded = 0 and stated_at <= $1
          order by next_check_at limit $2",
        args![tx.now().minus(REMIND), limit],
    )
}

/// They are asked where it is, once. False: they were, or it is not awaited any more.
pub fn reminded(tx: &mut Tx<'_>, id: ReturnId) -> Result<bool> {
    let done = tx.exec(
        "update returns set reminded = 1 where id = $1 and state = 'awaited' and reminded = 0",
        args![id],
    )?;
    Ok(done == 1)
}

/// Rows that break a promise of this module: empty, always.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let forgotten: Vec<(ReturnId,)> = tx.all(
        "select id from returns where (next_check_at is null) <> (state = 'refunded' or state = 'closed') limit 20",
        &[],
    )?;
    let asked: Vec<(OrderId, u32, u32)> = tx.all(
        "select r.order_id, x.line, cast(sum(x.quantity) as bigint) from returns r join return_lines x on x.return_id = r.id
          where r.state <> 'closed' group by r.order_id, x.line limit 1000",
        &[],
    )?;
    let mut broken: Vec<String> = (forgotten.iter())
        .map(|(id,)| format!("I16 nobody will look at {id} again, or somebody looks for ever"))
        .collect();
    for (order, number, units) in asked {
        let line = checkout::lines(tx, order)?.into_iter().find(|line| line.line == number);
        if line.is_none_or(|line| line.asked < units || line.asked < line.returned) {
            broken.push(format!("I27 {order}: more units of line {number} come back than left"));
        }
    }
    Ok(broken)
}
