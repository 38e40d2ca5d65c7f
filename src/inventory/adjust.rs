//! Counting stock in and putting sold units back.

use super::model::{Claim, StockRow, checked_count};
use super::store;
use crate::catalog;
use crate::db::Tx;
use crate::kernel::{Error, LocationId, Result, ShopId, VariantId};

/// The answer to a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetStock {
    Set(StockRow),
    NoSuchPlace,
    /// More lie there than were set aside: the rest lies elsewhere.
    MoreThanSetAside,
}

/// Says how many units of a variant are free to sell at a place (the shop's first one if none is named).
///
/// What is sold or inside checkouts stays claimed: the count is of what lies on the shelf beside it. Errors: `is_bundle`, which has none of its own.
pub fn set_stock(
    tx: &mut Tx<'_>,
    shop: ShopId,
    variant: VariantId,
    location: Option<LocationId>,
    free: u32,
) -> Result<SetStock> {
    let free = checked_count(free)?;
    no_bundle(tx, variant, free)?;
    let location = match location {
        Some(location) if !store::location_exists(tx, shop, location)? => return Ok(SetStock::NoSuchPlace),
        Some(location) => location,
        None => store::first_location(tx, shop)?,
    };
    store::set_free(tx, shop, variant, location, free).map(SetStock::Set)
}

/// Says how many units of a variant lie at a place in all (the shop's first one if none is named): those that are promised, too.
///
/// `waiting` says how many of them were sold and have not left; it is asked while nobody else can move the units. What is promised stays promised: what
/// of it is not there is a shortage, until units come or promises go. Order of answers: not countable, is a bundle, no such place, more than set aside,
/// set.
pub fn count_shelf(
    tx: &mut Tx<'_>,
    shop: ShopId,
    variant: VariantId,
    location: Option<LocationId>,
    lying: u32,
    waiting: impl FnOnce(&mut Tx<'_>, LocationId) -> Result<i64>,
) -> Result<SetStock> {
    let lying = checked_count(lying)?;
    no_bundle(tx, variant, lying)?;
    let location = match location {
        Some(location)
            if !store::location_exists(tx, shop, location)? && !store::lies_at(tx, shop, variant, location)? =>
        {
            return Ok(SetStock::NoSuchPlace);
        }
        Some(location) => location,
        None => store::first_location(tx, shop)?,
    };
    store::begin_count(tx, shop, variant, location)?;
    let beside = i64::from(lying) - waiting(tx, location)?;
    let counted = store::end_count(tx, variant, location, beside)?;
    Ok(counted.map_or(SetStock::MoreThanSetAside, SetStock::Set))
}

fn no_bundle(tx: &mut Tx<'_>, variant: VariantId, units: u32) -> Result<()> {
    if units == 0 || catalog::parts_of(tx, variant)?.is_empty() {
        return Ok(());
    }
    let detail = "A bundle has no stock of its own: as many are left as its parts make. Count those.";
    Err(Error::invalid("is_bundle", detail).with_field("/left", detail))
}

/// Whether returned or canceled units may be sold again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restock {
    Sellable,
    WrittenOff,
}

/// Takes a sale back. Written-off units leave the count altogether; what was set aside for something that is over goes home.
pub fn restock(tx: &mut Tx<'_>, claim: &Claim, how: Restock) -> Result<()> {
    let home = store::unsell_home(tx, claim)?;
    if how == Restock::WrittenOff {
        store::write_off(tx, claim)?;
    } else if let Some(home) = home {
        // They were sold a moment ago in this very transaction, so they are free, but for what makes up for a shortage there.
        let free = store::left_aside(tx, claim)?.map_or(0, |(left, _)| left);
        let units = i64::from(claim.quantity).min(free);
        if units > 0 && store::pick_up(tx, claim.variant, claim.location, units)? {
            store::put_home(tx, claim.variant, home, units)?;
        }
    }
    Ok(())
}
