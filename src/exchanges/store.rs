//! All SQL on exchanges.

use super::model::{Exchange, ExchangeState, place};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::inventory;
use crate::kernel::{CheckoutId, ExchangeId, OrderId, Result, ReturnId, ShopId, StaffId, Time};
use crate::offers::Quote;

impl FromRow for Exchange {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            order: row.get(2)?,
            state: row.get(3)?,
            unit: crate::checkout::Ship {
                line: row.get(4)?,
                quantity: row.get(5)?,
            },
            variant: row.get(6)?,
            quote: row.get::<Json<Quote>>(7)?.0,
            due_by: row.get(8)?,
            missing_minor: row.get(9)?,
            tries: row.get(10)?,
            trouble: row.get(11)?,
            asked_at: row.get(12)?,
            ended_at: row.get(13)?,
            staff: row.get(14)?,
            version: row.get(15)?,
        })
    }
}

/// The columns that [`Exchange`] is read from.
macro_rules! exchange {
    ($rest:literal) => {
        concat!(
            "select id, shop_id, order_id, state, line, quantity, variant_id, quote, due_by, missing_minor, tries, trouble, asked_at, ended_at, staff_id, version
               from exchanges ",
            $rest
        )
    };
}

/// Writes a new one down. False: its id is taken.
pub(super) fn insert(tx: &mut Tx<'_>, new: &Exchange, next_check_at: Time) -> Result<bool> {
    let done = tx.exec(
        "insert into exchanges (id, shop_id, order_id, return_id, state, line, quantity, variant_id, quote, due_by, asked_at, staff_id, version, next_check_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13) on conflict (id) do nothing",
        args![
            new.id,
            new.shop,
            new.order,
            new.back(),
            new.state,
            new.unit.line,
            new.unit.quantity,
            new.variant,
            Json(&new.quote),
            new.due_by,
            new.asked_at,
            new.staff,
            next_check_at
        ],
    )?;
    Ok(done == 1)
}

/// An exchange of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: ExchangeId) -> Result<Option<Exchange>> {
    tx.maybe_one(exchange!("where shop_id = $1 and id = $2"), args![shop, id])
}

/// The exchange a return belongs to.
pub fn of_return(tx: &mut Tx<'_>, shop: ShopId, back: ReturnId) -> Result<Option<Exchange>> {
    tx.maybe_one(exchange!("where shop_id = $1 and return_id = $2"), args![shop, back])
}

/// The exchanges of an order, oldest first.
pub fn of_order(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<Vec<Exchange>> {
    tx.all(
        exchange!("where shop_id = $1 and order_id = $2 order by asked_at, id limit 100"),
        args![shop, order],
    )
}

/// The exchange whose last checkout this is.
pub fn of_checkout(tx: &mut Tx<'_>, shop: ShopId, checkout: CheckoutId) -> Result<Option<Exchange>> {
    tx.maybe_one(
        exchange!("where shop_id = $1 and checkout_id = $2"),
        args![shop, checkout],
    )
}

/// Exchanges that have not ended, the most urgent first.
pub fn open(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<Exchange>> {
    tx.all(
        exchange!("where shop_id = $1 and ended_at is null order by due_by, id limit $2"),
        args![shop, limit],
    )
}

/// Moves one on from the version that was seen. False: somebody else was faster.
pub(super) fn advance(tx: &mut Tx<'_>, seen: &Exchange, to: ExchangeState, trouble: &str) -> Result<bool> {
    let done = match to.is_over() {
        true => tx.exec(
            "update exchanges set state = $3, trouble = $4, ended_at = $5, next_check_at = null, version = version + 1 where id = $1 and version = $2",
            args![seen.id, seen.version, to, trouble, tx.now()],
        )?,
        false => tx.exec(
            "update exchanges set state = $3, trouble = $4, version = version + 1 where id = $1 and version = $2",
            args![seen.id, seen.version, to, trouble],
        )?,
    };
    Ok(done == 1)
}

/// A person ended it.
pub(super) fn by(tx: &mut Tx<'_>, id: ExchangeId, staff: StaffId) -> Result<()> {
    tx.put("update exchanges set staff_id = $2 where id = $1", args![id, staff])
}

/// It is to be paid: how much, and until when.
pub(super) fn ask_for(tx: &mut Tx<'_>, id: ExchangeId, missing_minor: i64, due_by: Time) -> Result<()> {
    tx.change_one(
        "update exchanges set missing_minor = $2, due_by = $3, next_check_at = $3 where id = $1 and ended_at is null",
        args![id, missing_minor, due_by],
    )
}

/// Another checkout is begun for it, from the version that was seen. False: somebody else was faster.
pub(super) fn begin(tx: &mut Tx<'_>, seen: &Exchange) -> Result<bool> {
    let n = seen.tries + 1;
    let done = tx.exec(
        "update exchanges set tries = $3, checkout_id = $4, version = version + 1 where id = $1 and version = $2",
        args![seen.id, seen.version, n, seen.checkout_of(n)],
    )?;
    Ok(done == 1)
}

/// Exchanges somebody has to look at.
pub(super) fn due(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<(ShopId, ExchangeId)>> {
    tx.all(
        "select shop_id, id from exchanges where next_check_at is not null and next_check_at <= $1 order by next_check_at limit $2",
        args![tx.now(), limit],
    )
}

/// When somebody looks again, and why it waits.
pub(super) fn look_again(tx: &mut Tx<'_>, id: ExchangeId, at: Time, trouble: &str) -> Result<()> {
    tx.put(
        "update exchanges set next_check_at = $2, trouble = $3 where id = $1 and next_check_at is not null",
        args![id, at, trouble],
    )
}

/// Something happened to what it waits for: somebody looks at once.
pub fn wake(tx: &mut Tx<'_>, id: ExchangeId) -> Result<()> {
    tx.put(
        "update exchanges set next_check_at = $2 where id = $1 and next_check_at is not null",
        args![id, tx.now()],
    )
}

/// Rows that break a promise of this module: empty, always.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let forgotten: Vec<(ExchangeId,)> = tx.all(
        "select id from exchanges where (next_check_at is null) <> (ended_at is not null)
             or (ended_at is null) <> (state = 'awaited' or state = 'to_pay') limit 20",
        &[],
    )?;
    let mut broken: Vec<String> = (forgotten.iter())
        .map(|(id,)| format!("I16 nobody will look at {id} again, or somebody looks for ever"))
        .collect();
    let all: Vec<Exchange> = tx.all(exchange!("order by id limit 1000"), &[])?;
    for found in all {
        let kept: i64 = (inventory::aside(tx, found.shop, place(found.id))?.iter())
            .map(|row| row.on_hand - row.sold)
            .sum();
        let wanted = match found.state.is_over() {
            true => 0,
            false => i64::from(found.unit.quantity),
        };
        if kept != wanted {
            broken.push(format!("D1 {}: keeps {kept} units, and promised {wanted}", found.id));
        }
        let order = match found.checkout() {
            Some(checkout) => crate::checkout::order_of_checkout(tx, found.shop, checkout)?,
            None => None,
        };
        if order.is_some() != (found.state == ExchangeState::Placed) {
            broken.push(format!(
                "I3 {}: is {} and its order says otherwise",
                found.id,
                found.state.word()
            ));
        }
    }
    Ok(broken)
}
