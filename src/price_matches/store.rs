//! All SQL on batches of differences.

use super::model::{MatchOrder, MatchState, NewPrice, OrderState, PriceMatch, Progress};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{Id, OrderId, Page, PriceMatchId, Result, ShopId, Time};
use uuid::Uuid;

impl FromRow for PriceMatch {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            title: row.get(2)?,
            drop: row.get(3)?,
            from_at: row.get(4)?,
            until_at: row.get(5)?,
            prices: row.get::<Json<Vec<NewPrice>>>(6)?.0,
            currency: row.get(7)?,
            state: row.get(8)?,
            counted_to: row.get(9)?,
            staff: row.get(10)?,
            created_at: row.get(11)?,
            started_at: row.get(12)?,
            ended_at: row.get(13)?,
            version: row.get(14)?,
        })
    }
}

impl FromRow for MatchOrder {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            order: row.get(0)?,
            state: row.get(1)?,
            planned_minor: row.get(2)?,
            refunded_minor: row.get(3)?,
            why: row.get(4)?,
        })
    }
}

/// Writes a new batch, to be counted at once. False: its id is taken.
pub(super) fn insert(tx: &mut Tx<'_>, new: &PriceMatch) -> Result<bool> {
    let done = tx.exec(
        "insert into price_matches (id, shop_id, title, drop_id, from_at, until_at, prices, currency, state, staff_id, created_at, version, next_check_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $11) on conflict (id) do nothing",
        args![
            new.id,
            new.shop,
            new.title,
            new.drop,
            new.from_at,
            new.until_at,
            Json(&new.prices),
            new.currency,
            new.state,
            new.staff,
            new.created_at
        ],
    )?;
    Ok(done == 1)
}

/// A batch of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: PriceMatchId) -> Result<Option<PriceMatch>> {
    tx.maybe_one(
        "select id, shop_id, title, drop_id, from_at, until_at, prices, currency, state, counted_to, staff_id, created_at, started_at, ended_at, version
           from price_matches where shop_id = $1 and id = $2",
        args![shop, id],
    )
}

/// A batch whose id we looked up ourselves.
pub(super) fn load(tx: &mut Tx<'_>, id: PriceMatchId) -> Result<Option<PriceMatch>> {
    tx.maybe_one(
        "select id, shop_id, title, drop_id, from_at, until_at, prices, currency, state, counted_to, staff_id, created_at, started_at, ended_at, version
           from price_matches where id = $1",
        args![id],
    )
}

/// Newest first.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, after: Option<PriceMatchId>, limit: i64) -> Result<Page<PriceMatch>> {
    let before = after.unwrap_or(PriceMatchId::from_uuid(Uuid::max()));
    let found = tx.all(
        "select id, shop_id, title, drop_id, from_at, until_at, prices, currency, state, counted_to, staff_id, created_at, started_at, ended_at, version
           from price_matches where shop_id = $1 and id < $2 order by id desc limit $3",
        args![shop, before, limit + 1],
    )?;
    Ok(Page::cut(found, limit, |found: &PriceMatch| found.id.to_string()))
}

/// Moves a batch from the state it was read in. False: somebody was faster.
pub(super) fn advance(
    tx: &mut Tx<'_>,
    found: &PriceMatch,
    to: MatchState,
    next_check_at: Option<Time>,
) -> Result<bool> {
    let is_over = matches!(to, MatchState::Done | MatchState::Canceled);
    let done = tx.exec(
        "update price_matches set state = $3, next_check_at = $4, version = version + 1,
                started_at = case when $3 = 'running' then coalesce(started_at, $5) else started_at end,
                ended_at = case when $6 = 1 then cast($5 as bigint) end
          where id = $1 and state = $2",
        args![found.id, found.state, to, next_check_at, tx.now(), is_over],
    )?;
    Ok(done == 1)
}

/// Batches that somebody has to work on.
pub(super) fn due(tx: &mut Tx<'_>, limit: i64) -> Result<Vec<PriceMatchId>> {
    let rows: Vec<(PriceMatchId,)> = tx.all(
        "select id from price_matches where next_check_at is not null and next_check_at <= $1 order by next_check_at limit $2",
        args![tx.now(), limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// When somebody works on it again.
pub(super) fn look_again(tx: &mut Tx<'_>, id: PriceMatchId, at: Time) -> Result<()> {
    tx.put(
        "update price_matches set next_check_at = $2 where id = $1 and next_check_at is not null",
        args![id, at],
    )
}

/// So far it was counted. False: somebody else counted on meanwhile.
pub(super) fn counted(tx: &mut Tx<'_>, found: &PriceMatch, to: OrderId) -> Result<bool> {
    let done = tx.exec(
        "update price_matches set counted_to = $2 where id = $1 and state = 'counting' and (counted_to is null or counted_to < $2)",
        args![found.id, to],
    )?;
    Ok(done == 1)
}

/// Writes an order of a batch down, once.
pub(super) fn insert_order(tx: &mut Tx<'_>, id: PriceMatchId, row: &MatchOrder) -> Result<()> {
    tx.put(
        "insert into price_match_orders (match_id, order_id, state, planned_minor, why, changed_at) values ($1, $2, $3, $4, $5, $6)
         on conflict (match_id, order_id) do nothing",
        args![id, row.order, row.state, row.planned_minor, row.why, tx.now()],
    )
}

/// Orders that wait, in the order in which they were counted.
pub(super) fn waiting(tx: &mut Tx<'_>, id: PriceMatchId, limit: i64) -> Result<Vec<OrderId>> {
    let rows: Vec<(OrderId,)> = tx.all(
        "select order_id from price_match_orders where match_id = $1 and state = 'waiting' order by changed_at, order_id limit $2",
        args![id, limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Orders whose money was not taken when they were last looked at, before `before`.
pub(super) fn later(tx: &mut Tx<'_>, id: PriceMatchId, before: Time, limit: i64) -> Result<Vec<OrderId>> {
    let rows: Vec<(OrderId,)> = tx.all(
        "select order_id from price_match_orders where match_id = $1 and state = 'later' and changed_at <= $2 order by changed_at, order_id limit $3",
        args![id, before, limit],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How an order of a batch stands now. What is done or skipped stays so.
pub(super) fn settle(tx: &mut Tx<'_>, id: PriceMatchId, row: &MatchOrder) -> Result<()> {
    tx.put(
        "update price_match_orders set state = $3, refunded_minor = $4, why = $5, changed_at = $6
          where match_id = $1 and order_id = $2 and (state = 'waiting' or state = 'later')",
        args![id, row.order, row.state, row.refunded_minor, row.why, tx.now()],
    )
}

/// What was given back did not arrive, and why: a person gives it back, from the order.
pub(super) fn not_given_back(tx: &mut Tx<'_>, id: PriceMatchId, order: OrderId, why: &str) -> Result<()> {
    tx.put(
        "update price_match_orders set state = 'skipped', refunded_minor = 0, why = $3, changed_at = $4
          where match_id = $1 and order_id = $2 and state = 'done'",
        args![id, order, why, tx.now()],
    )
}

/// Orders of a batch, of one state or of all.
pub fn orders(
    tx: &mut Tx<'_>,
    id: PriceMatchId,
    state: Option<OrderState>,
    after: Option<OrderId>,
    limit: i64,
) -> Result<Page<MatchOrder>> {
    let after = after.unwrap_or(OrderId::from_uuid(Uuid::nil()));
    let found = match state {
        Some(state) => tx.all(
            "select order_id, state, planned_minor, refunded_minor, why from price_match_orders
              where match_id = $1 and order_id > $2 and state = $3 order by order_id limit $4",
            args![id, after, state, limit + 1],
        )?,
        None => tx.all(
            "select order_id, state, planned_minor, refunded_minor, why from price_match_orders
              where match_id = $1 and order_id > $2 order by order_id limit $3",
            args![id, after, limit + 1],
        )?,
    };
    Ok(Page::cut(found, limit, |row: &MatchOrder| row.order.to_string()))
}

/// How far a batch is.
pub fn progress(tx: &mut Tx<'_>, id: PriceMatchId) -> Result<Progress> {
    let rows: Vec<(OrderState, i64, i64, i64)> = tx.all(
        "select state, count(*), cast(sum(planned_minor) as bigint), cast(sum(refunded_minor) as bigint)
           from price_match_orders where match_id = $1 group by state limit 10",
        args![id],
    )?;
    let mut progress = Progress::default();
    for (state, orders, planned, refunded) in rows {
        let orders = orders.unsigned_abs();
        progress.orders += orders;
        progress.planned_minor += planned;
        progress.refunded_minor += refunded;
        match state {
            OrderState::Waiting => progress.waiting = orders,
            OrderState::Later => progress.later = orders,
            OrderState::Done => progress.done = orders,
            OrderState::Skipped => progress.skipped = orders,
        }
    }
    Ok(progress)
}

/// Rows that break a promise of this module: empty, always.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let forgotten: Vec<(PriceMatchId,)> = tx.all(
        "select id from price_matches where (next_check_at is null) <> (state <> 'counting' and state <> 'running') limit 20",
        &[],
    )?;
    let unfinished: Vec<(PriceMatchId,)> = tx.all(
        "select id from price_matches where state = 'done'
            and exists (select 1 from price_match_orders o where o.match_id = price_matches.id and (o.state = 'waiting' or o.state = 'later')) limit 20",
        &[],
    )?;
    let mut broken: Vec<String> = (forgotten.iter())
        .map(|(id,)| format!("I16 nobody works on {id} any more, or somebody does for ever"))
        .collect();
    broken.extend((unfinished.iter()).map(|(id,)| format!("{id} is done, and some of its orders are not")));
    Ok(broken)
}
