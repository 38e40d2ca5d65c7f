//! Beginning to take pre-orders.

use super::model::{AHEAD_MAX, Preorder, PreorderState, UNITS_MAX, place};
use super::store;
use crate::catalog::{self, Kind};
use crate::db::Tx;
use crate::inventory::{self, Claim, Gate};
use crate::kernel::{Error, LocationId, PreorderId, Result, ShopId, Time, VariantId};

/// What is expected of a variant, and when it leaves.
#[derive(Clone, Copy, Debug)]
pub struct NewPreorder {
    pub variant: VariantId,
    pub units: u32,
    pub ships_by: Time,
}

/// Takes pre-orders of a variant in the shop, under an id the caller chose; asked again, it answers what it made. One at a time of a variant, and only of what travels.
/// Errors: `invalid_field`, `preorder_open`, `id_reused`.
pub fn take(tx: &mut Tx<'_>, shop: ShopId, id: PreorderId, new: NewPreorder) -> Result<Preorder> {
    if let Some(known) = store::find(tx, shop, id)? {
        return Ok(known);
    }
    inventory::make_place(tx, shop, place(id), "Pre-orders")?;
    begin(tx, shop, id, new, (place(id), Gate::Open))
}

/// Takes pre-orders of a variant in a drop: at its place, where its gate is shut. Errors: `invalid_field`, `preorder_open`.
pub fn take_in_drop(tx: &mut Tx<'_>, shop: ShopId, place: LocationId, new: NewPreorder) -> Result<Preorder> {
    let id = tx.id();
    begin(tx, shop, id, new, (place, Gate::Shut))
}

fn begin(
    tx: &mut Tx<'_>,
    shop: ShopId,
    id: PreorderId,
    new: NewPreorder,
    (place, gate): (LocationId, Gate),
) -> Result<Preorder> {
    if new.units == 0 || new.units > UNITS_MAX {
        return Err(Error::field("/units", "Take pre-orders of 1 to 1,000,000 units."));
    }
    checked_day(tx.now(), new.ships_by)?;
    let product = catalog::product_of(tx, shop, new.variant)?;
    let Some(product) = product else {
        return Err(Error::field("/variant", "This shop has no such variant."));
    };
    if product.kind != Kind::Physical {
        return Err(Error::field(
            "/variant",
            "What does not travel needs no pre-order: sell it when it is there.",
        ));
    }
    if store::open_of(tx, shop, new.variant)?.is_some() {
        return Err(Error::conflict(
            "preorder_open",
            "Pre-orders of this are being taken already. Close those first.",
        ));
    }
    let preorder = Preorder {
        id,
        shop,
        variant: new.variant,
        place,
        home: inventory::first_location(tx, shop)?,
        state: PreorderState::Open,
        units: i64::from(new.units),
        arrived: 0,
        counted: 0,
        covered: 0,
        ships_by: new.ships_by,
        late: false,
        version: 1,
        next_check_at: Some(tx.now()),
        created_at: tx.now(),
    };
    if !store::insert(tx, &preorder)? {
        return Err(Error::conflict(
            "id_reused",
            "This id is taken, or somebody began at the same time.",
        ));
    }
    let expected = Claim {
        variant: new.variant,
        location: place,
        quantity: new.units,
    };
    inventory::expect(tx, shop, &expected, preorder.home, gate)?;
    Ok(preorder)
}

/// A day that can be promised. Errors: `invalid_field`.
pub(super) fn checked_day(now: Time, ships_by: Time) -> Result<()> {
    if ships_by <= now {
        return Err(Error::field("/ships_by", "Promise a day that is still to come."));
    }
    if ships_by > now.plus(AHEAD_MAX) {
        return Err(Error::field(
            "/ships_by",
            "Promise a day within 60 days: a bank keeps its promise of the money for about that long.",
        ));
    }
    Ok(())
}
