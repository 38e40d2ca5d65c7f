//! Units set aside: at a place that nobody else sells from, and home again.

use super::model::{Claim, Gate};
use super::store;
use crate::db::Tx;
use crate::kernel::{Error, LocationId, Result, ShopId, VariantId};

/// Makes a place for units that are set aside. One of this shop where nothing has lain yet is as good as new; any other is somebody else's, whatever id
/// they were told. Errors: `id_reused`.
pub fn make_place(tx: &mut Tx<'_>, shop: ShopId, place: LocationId, name: &str) -> Result<()> {
    if store::insert_aside_place(tx, shop, place, name)? {
        return Ok(());
    }
    Err(Error::conflict(
        "id_reused",
        "This id is taken by something else. Make a new one.",
    ))
}

/// What is set aside.
#[derive(Clone, Copy, Debug)]
pub struct SetAside {
    pub variant: VariantId,
    pub place: LocationId,
    pub units: u32,
    /// Whether they may be taken at once.
    pub gate: Gate,
    /// From there; None: from the first place that has them all.
    pub from: Option<LocationId>,
}

/// Moves free units of a shop to a place that is set aside, all or none. False: there are not that many free in one place.
pub fn set_aside(tx: &mut Tx<'_>, shop: ShopId, what: SetAside) -> Result<bool> {
    if what.units == 0 {
        // So that the place has a row of it: released units need one.
        let Some(home) = store::lift(tx, shop, what.variant, what.from, 0)? else {
            return Ok(false);
        };
        return put(tx, shop, what, home);
    }
    match store::lift(tx, shop, what.variant, what.from, what.units)? {
        Some(home) => put(tx, shop, what, home),
        None => Ok(false),
    }
}

fn put(tx: &mut Tx<'_>, shop: ShopId, what: SetAside, home: LocationId) -> Result<bool> {
    let claim = Claim {
        variant: what.variant,
        location: what.place,
        quantity: what.units,
    };
    store::put_aside(tx, shop, &claim, home, what.gate)?;
    Ok(true)
}

/// Sends everything of a shop home that is free at a place, but what is only `expected` there. Answers how many units went, and how many are still in checkouts.
pub fn send_home(tx: &mut Tx<'_>, shop: ShopId, place: LocationId, expected: &[VariantId]) -> Result<(i64, i64)> {
    let (mut went, mut waits) = (0, 0);
    for row in store::aside(tx, shop, place)? {
        waits += row.reserved;
        let free = if expected.contains(&row.variant) { 0 } else { row.left() };
        // Somebody who buys or leaves in this instant is seen by the next round.
        if free > 0 && store::pick_up(tx, row.variant, place, free)? {
            store::put_home(tx, row.variant, row.home, free)?;
            went += free;
        }
    }
    Ok((went, waits))
}

/// Units that are not there yet, at a place that is set aside: nobody sells them but whoever expects them. `home` is where they will arrive. More of them
/// may be taken when those before them may.
pub fn expect(tx: &mut Tx<'_>, shop: ShopId, expected: &Claim, home: LocationId, gate: Gate) -> Result<()> {
    store::furnish(tx, shop, expected.variant, home)?;
    store::put_aside(tx, shop, expected, home, gate)
}

/// Units that are free at a place are there no more. False: they are not free.
pub fn take_away(tx: &mut Tx<'_>, variant: VariantId, place: LocationId, units: i64) -> Result<bool> {
    store::pick_up(tx, variant, place, units)
}

/// Units that anybody may buy from now on.
pub fn to_shelf(tx: &mut Tx<'_>, variant: VariantId, home: LocationId, units: i64) -> Result<()> {
    store::put_home(tx, variant, home, units)
}
