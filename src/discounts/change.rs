//! Making a discount, and changing one: each change is a version of its own, and what was quoted by an earlier one is honoured by that.

use super::model::{Discount, DiscountState, NewDiscount};
use super::store;
use crate::catalog;
use crate::db::Tx;
use crate::kernel::{Currency, DiscountId, Error, Result, ShopId, StaffId};

/// What became of making or changing a discount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Done(Box<Discount>),
    NotFound,
    /// Somebody changed it meanwhile; its version now.
    Stale(i64),
    /// Another discount has this code, or had it.
    CodeTaken,
    /// Fifty apply by themselves already.
    TooMany,
}

const BY_THEMSELVES_MAX: i64 = 50;

/// Makes a discount under an id the caller chose; asked again, it is the same one. Order of answers: invalid fields, done before, too many, code taken,
/// done.
pub fn create(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: DiscountId,
    new: &NewDiscount,
    staff: Option<StaffId>,
) -> Result<Change> {
    let (new, code) = new.clone().checked(currency)?;
    check_products(tx, shop, &new)?;
    if let Some(known) = store::find(tx, shop, id)? {
        return Ok(Change::Done(Box::new(known)));
    }
    if code.is_none() && store::how_many_by_themselves(tx, shop)? >= BY_THEMSELVES_MAX {
        return Ok(Change::TooMany);
    }
    let discount = Discount {
        id,
        shop,
        version: 1,
        state: DiscountState::Active,
        code,
        rule: new.rule,
        starts_at: new.starts_at.unwrap_or(tx.now()),
        ends_at: new.ends_at,
        uses_max: new.uses_max,
        used: 0,
        created_at: tx.now(),
        changed_at: tx.now(),
    };
    if !store::insert(tx, &discount)? {
        return Ok(Change::CodeTaken);
    }
    store::keep_version(tx, &discount, staff)?;
    Ok(Change::Done(Box::new(discount)))
}

fn check_products(tx: &mut Tx<'_>, shop: ShopId, new: &NewDiscount) -> Result<()> {
    for product in &new.rule.products {
        if catalog::find(tx, shop, *product)?.is_none() {
            return Err(Error::field("/products", "One of these products is not in this shop."));
        }
    }
    Ok(())
}

/// Changes a discount, or ends it, or takes it up again. Order of answers: not found, stale, invalid fields, code taken, done.
///
/// A limit may not be lower than what was had already. One that is set where there was none counts what was had before it.
pub fn change(
    tx: &mut Tx<'_>,
    (shop, currency): (ShopId, Currency),
    id: DiscountId,
    version: i64,
    (new, state): (&NewDiscount, DiscountState),
    staff: Option<StaffId>,
) -> Result<Change> {
    let Some(before) = store::find(tx, shop, id)? else {
        return Ok(Change::NotFound);
    };
    if before.version != version {
        return Ok(Change::Stale(before.version));
    }
    let (new, code) = new.clone().checked(currency)?;
    check_products(tx, shop, &new)?;
    if let Some(code) = &code
        && store::by_code(tx, shop, code)?.is_some_and(|other| other.id != id)
    {
        return Ok(Change::CodeTaken);
    }
    let mut after = Discount {
        version: version + 1,
        state,
        code,
        rule: new.rule,
        starts_at: new.starts_at.unwrap_or(before.starts_at),
        ends_at: new.ends_at,
        changed_at: tx.now(),
        ..before
    };
    if !store::edit(tx, &after, version)? {
        let now = store::find(tx, shop, id)?;
        return Ok(now.map_or(Change::NotFound, |now| Change::Stale(now.version)));
    }
    store::keep_version(tx, &after, staff)?;
    if new.uses_max != before.uses_max {
        let used = match new.uses_max {
            // Its row is ours since it was edited: whoever counted until then is in it.
            0 => store::find(tx, shop, id)?.map_or(0, |now| now.used),
            _ => store::count_all(tx, id)?,
        };
        if new.uses_max > 0 && used > i64::from(new.uses_max) {
            return Err(Error::field(
                "/uses_max",
                format!("It was had {used} times already: a limit is at least that."),
            ));
        }
        store::set_limit(tx, id, new.uses_max, used)?;
        (after.uses_max, after.used) = (new.uses_max, used);
    }
    Ok(Change::Done(Box::new(after)))
}
