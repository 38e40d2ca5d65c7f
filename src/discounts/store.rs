//! All SQL on discounts and on who had them.

use super::claim::Name;
use super::model::{Discount, Rule};
use crate::args;
use crate::db::{FromRow, Json, Row, Tx};
use crate::kernel::{CheckoutId, DiscountId, Error, Id, Page, Result, ShopId, StaffId};
use uuid::Uuid;

impl FromRow for Discount {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            shop: row.get(1)?,
            version: row.get(2)?,
            state: row.get(3)?,
            code: row.get(4)?,
            rule: row.get::<Json<Rule>>(5)?.0,
            starts_at: row.get(6)?,
            ends_at: row.get(7)?,
            uses_max: row.get(8)?,
            used: row.get(9)?,
            created_at: row.get(10)?,
            changed_at: row.get(11)?,
        })
    }
}

/// Writes a new discount. False: its id is taken, or its code is.
pub(super) fn insert(tx: &mut Tx<'_>, discount: &Discount) -> Result<bool> {
    let added = tx.exec(
        "insert into discounts (id, shop_id, version, state, code, rule, starts_at, ends_at, uses_max, used, created_at, changed_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, $10, $10) on conflict do nothing",
        args![
            discount.id,
            discount.shop,
            discount.version,
            discount.state,
            discount.code,
            Json(&discount.rule),
            discount.starts_at,
            discount.ends_at,
            discount.uses_max,
            discount.created_at
        ],
    )?;
    Ok(added == 1)
}

/// Keeps the rule of a version, for what is quoted with it.
pub(super) fn keep_version(tx: &mut Tx<'_>, discount: &Discount, staff: Option<StaffId>) -> Result<()> {
    tx.put(
        "insert into discount_versions (discount_id, version, rule, staff_id, at) values ($1, $2, $3, $4, $5)",
        args![discount.id, discount.version, Json(&discount.rule), staff, tx.now()],
    )
}

/// The rule of a version.
pub(super) fn rule(tx: &mut Tx<'_>, discount: DiscountId, version: i64) -> Result<Option<Rule>> {
    let found: Option<(Json<Rule>,)> = tx.maybe_one(
        "select rule from discount_versions where discount_id = $1 and version = $2",
        args![discount, version],
    )?;
    Ok(found.map(|(rule,)| rule.0))
}

/// Writes what a discount becomes, but for its limit, from the version somebody saw. False: it has moved on. From here on nobody else counts with it
/// until this command ends.
pub(super) fn edit(tx: &mut Tx<'_>, discount: &Discount, from_version: i64) -> Result<bool> {
    let done = tx.exec(
        "update discounts set version = $3, state = $4, code = $5, rule = $6, starts_at = $7, ends_at = $8, changed_at = $9
          where id = $1 and version = $2",
        args![
            discount.id,
            from_version,
            discount.version,
            discount.state,
            discount.code,
            Json(&discount.rule),
            discount.starts_at,
            discount.ends_at,
            tx.now()
        ],
    )?;
    Ok(done == 1)
}

/// Sets a limit and what counts against it.
pub(super) fn set_limit(tx: &mut Tx<'_>, discount: DiscountId, uses_max: u32, used: i64) -> Result<()> {
    tx.change_one(
        "update discounts set uses_max = $2, used = $3 where id = $1",
        args![discount, uses_max, used],
    )
}

/// From now on every use that was not given back counts against the limit; how many those are.
pub(super) fn count_all(tx: &mut Tx<'_>, discount: DiscountId) -> Result<i64> {
    tx.exec(
        "update discount_uses set counted = 1 where discount_id = $1 and held = 1 and counted = 0",
        args![discount],
    )?;
    let (uses,): (i64,) = tx.one(
        "select count(*) from discount_uses where discount_id = $1 and held = 1 and counted = 1",
        args![discount],
    )?;
    Ok(uses)
}

/// A discount of a shop.
pub fn find(tx: &mut Tx<'_>, shop: ShopId, id: DiscountId) -> Result<Option<Discount>> {
    tx.maybe_one(
        "select id, shop_id, version, state, code, rule, starts_at, ends_at, uses_max, used, created_at, changed_at
           from discounts where shop_id = $1 and id = $2",
        args![shop, id],
    )
}

/// The discount of a shop with this code, in whatever state.
pub(super) fn by_code(tx: &mut Tx<'_>, shop: ShopId, code: &str) -> Result<Option<Discount>> {
    tx.maybe_one(
        "select id, shop_id, version, state, code, rule, starts_at, ends_at, uses_max, used, created_at, changed_at
           from discounts where shop_id = $1 and code = $2",
        args![shop, code],
    )
}

/// What applies by itself now and is not used up, oldest first.
pub(super) fn by_themselves(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<Discount>> {
    let now = tx.now();
    // What has ended now has ended later, too; what begins later is known already.
    let mut found = tx.once(&["discounts"], (shop, Uuid::nil()), |tx| {
        tx.all(
            "select id, shop_id, version, state, code, rule, starts_at, ends_at, uses_max, used, created_at, changed_at
               from discounts
              where shop_id = $1 and code is null and state = 'active' and (ends_at is null or ends_at > $2)
                and (uses_max = 0 or used < uses_max) order by id limit 50",
            args![shop, now],
        )
    })?;
    found.retain(|discount: &Discount| discount.is_on(now));
    Ok(found)
}

/// How many of a shop's apply by themselves, now or later.
pub(super) fn how_many_by_themselves(tx: &mut Tx<'_>, shop: ShopId) -> Result<i64> {
    let (count,): (i64,) = tx.one(
        "select count(*) from discounts where shop_id = $1 and code is null and state = 'active' and (ends_at is null or ends_at > $2)",
        args![shop, tx.now()],
    )?;
    Ok(count)
}

/// Newest first.
pub fn list(tx: &mut Tx<'_>, shop: ShopId, after: Option<DiscountId>, limit: i64) -> Result<Page<Discount>> {
    let before = after.unwrap_or(DiscountId::from_uuid(Uuid::max()));
    let found = tx.all(
        "select id, shop_id, version, state, code, rule, starts_at, ends_at, uses_max, used, created_at, changed_at
           from discounts where shop_id = $1 and id < $2 order by id desc limit $3",
        args![shop, before, limit + 1],
    )?;
    Ok(Page::cut(found, limit, |one: &Discount| one.id.to_string()))
}

/// How often a discount was had and not given back.
pub fn uses(tx: &mut Tx<'_>, discount: DiscountId) -> Result<i64> {
    let (count,): (i64,) = tx.one(
        "select count(*) from discount_uses where discount_id = $1 and held = 1",
        args![discount],
    )?;
    Ok(count)
}

/// Counts one more. No row: it was had as often as it may be.
pub(super) fn count(tx: &mut Tx<'_>, discount: DiscountId) -> Result<bool> {
    let done = tx.exec(
        "update discounts set used = used + 1 where id = $1 and (uses_max = 0 or used < uses_max)",
        args![discount],
    )?;
    Ok(done == 1)
}

pub(super) fn uncount(tx: &mut Tx<'_>, discount: DiscountId) -> Result<()> {
    tx.change_one("update discounts set used = used - 1 where id = $1", args![discount])
}

/// Counts one more for a buyer. No row: they had it as often as they may.
pub(super) fn count_buyer(tx: &mut Tx<'_>, discount: DiscountId, name: &Name, most: u32) -> Result<bool> {
    let done = tx.exec(
        "insert into discount_buyers (discount_id, name, used, used_max) values ($1, $2, 1, $3)
         on conflict (discount_id, name) do update set used = discount_buyers.used + 1, used_max = excluded.used_max
          where discount_buyers.used < excluded.used_max",
        args![discount, name.to_vec(), most],
    )?;
    Ok(done == 1)
}

pub(super) fn uncount_buyer(tx: &mut Tx<'_>, discount: DiscountId, name: &Name) -> Result<()> {
    tx.change_one(
        "update discount_buyers set used = used - 1 where discount_id = $1 and name = $2",
        args![discount, name.to_vec()],
    )
}

/// A name under which nothing is counted any more.
pub(super) fn forget_buyer(tx: &mut Tx<'_>, discount: DiscountId, name: &Name) -> Result<()> {
    tx.put(
        "delete from discount_buyers where discount_id = $1 and name = $2 and used = 0",
        args![discount, name.to_vec()],
    )
}

/// That a checkout has a discount.
#[derive(Clone, Debug)]
pub(super) struct Use {
    pub discount: DiscountId,
    /// Not given back.
    pub held: bool,
    /// Counted against the limit of all uses.
    pub counted: bool,
    /// The names of the buyer it is counted under.
    pub names: Vec<Name>,
}

impl FromRow for Use {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let names: Vec<u8> = row.get(3)?;
        let (names, rest) = names.as_chunks::<33>();
        if !rest.is_empty() {
            return Err(Error::internal("the names of a buyer have another length"));
        }
        Ok(Self {
            discount: row.get(0)?,
            held: row.get(1)?,
            counted: row.get(2)?,
            names: names.to_vec(),
        })
    }
}

/// Writes that a checkout has a discount. False: a checkout with this id has it already.
pub(super) fn insert_use(tx: &mut Tx<'_>, shop: ShopId, checkout: CheckoutId, had: &Use, version: i64) -> Result<bool> {
    let added = tx.exec(
        "insert into discount_uses (discount_id, checkout_id, shop_id, version, held, counted, names, created_at)
         values ($1, $2, $3, $4, 1, $5, $6, $7) on conflict (checkout_id, discount_id) do nothing",
        args![
            had.discount,
            checkout,
            shop,
            version,
            had.counted,
            had.names.concat(),
            tx.now()
        ],
    )?;
    Ok(added == 1)
}

pub(super) fn uses_of(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<Vec<Use>> {
    tx.all(
        "select discount_id, held, counted, names from discount_uses where checkout_id = $1 order by discount_id limit 100",
        args![checkout],
    )
}

/// Gives back what a checkout has; those it had until now.
pub(super) fn let_go(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<Vec<Use>> {
    if mutant!("X4-twice") {
        let again =
            "update discount_uses set held = 0 where checkout_id = $1 returning discount_id, held, counted, names";
        return tx.all(again, args![checkout]);
    }
    let mut gone: Vec<Use> = tx.all(
        "update discount_uses set held = 0 where checkout_id = $1 and held = 1 returning discount_id, held, counted, names",
        args![checkout],
    )?;
    gone.sort_by_key(|had| had.discount);
    Ok(gone)
}

pub(super) fn hold_again(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<()> {
    tx.put(
        "update discount_uses set held = 1 where checkout_id = $1 and held = 0",
        args![checkout],
    )
}

pub(super) fn set_names(tx: &mut Tx<'_>, checkout: CheckoutId, discount: DiscountId, names: &[Name]) -> Result<()> {
    tx.change_one(
        "update discount_uses set names = $3 where checkout_id = $1 and discount_id = $2",
        args![checkout, discount, names.concat()],
    )
}

/// Checkouts that have a discount, for whoever checks that they should.
pub fn holding(tx: &mut Tx<'_>) -> Result<Vec<CheckoutId>> {
    let rows: Vec<(CheckoutId,)> = tx.all(
        "select distinct checkout_id from discount_uses where held = 1 limit 100000",
        &[],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

pub(super) fn uses_held(tx: &mut Tx<'_>) -> Result<Vec<Use>> {
    tx.all(
        "select discount_id, held, counted, names from discount_uses where held = 1 limit 100000",
        &[],
    )
}

/// Discounts whose counter is not the number of uses it counts, or above its limit.
pub(super) fn miscounted(tx: &mut Tx<'_>) -> Result<Vec<DiscountId>> {
    let rows: Vec<(DiscountId,)> = tx.all(
        "select d.id from discounts d
          where (d.uses_max > 0 and d.used > d.uses_max)
             or d.used <> (select count(*) from discount_uses u where u.discount_id = d.id and u.held = 1 and u.counted = 1) limit 20",
        &[],
    )?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Discount and name, how often, and how often it may be.
pub(super) type Buyers = (DiscountId, Vec<u8>, i64, i64);

pub(super) fn buyers(tx: &mut Tx<'_>) -> Result<Vec<Buyers>> {
    tx.all(
        "select discount_id, name, used, used_max from discount_buyers where used > 0 limit 100000",
        &[],
    )
}
