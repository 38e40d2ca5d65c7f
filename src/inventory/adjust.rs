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
    if free > 0 && !catalog::parts_of(tx, variant)?.is_empty() {
        let detail = "A bundle has no stock of its own: as many are left as its parts make. Count those.";
        return Err(Error::invalid("is_bundle", detail).with_field("/left", detail));
    }
    let location = match location {
        Some(location) if !store::location_exists(tx, shop, location)? => return Ok(SetStock::NoSuchPlace),
        Some(location) => location,
        None => store::first_location(tx, shop)?,
    };
    store::set_free(tx, shop, variant, location, free).map(SetStock::Set)
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
        let units = i64::from(claim.quantity);
        // They were sold a moment ago in this very transaction, so they are free.
        if store::pick_up(tx, claim.variant, claim.location, units)? {
            store::put_home(tx, claim.variant, home, units)?;
        }
    }
    Ok(())
}
