//! What lies on a shelf against what is promised of it. Nothing is kept of a shortage but what a count did not find: who is affected follows from who
//! was promised what, at any moment.

use crate::checkout;
use crate::db::Tx;
use crate::inventory::{self, SetStock, StockRow};
use crate::kernel::{CheckoutId, LocationId, OrderId, Result, ShopId, Time, VariantId};
use crate::preorders;

/// Units of a variant at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    pub variant: VariantId,
    pub location: LocationId,
    pub name: String,
    /// Units that can still be sold.
    pub left: i64,
    pub in_checkouts: i64,
    /// Sold, and not left yet.
    pub waiting: i64,
    /// Units that are promised and are not there.
    pub short: i64,
    /// Whose they are, the first to be affected first; at most [`LIST`].
    pub affected: Vec<Affected>,
}

impl Shelf {
    /// Units that should lie there.
    pub fn lying(&self) -> i64 {
        self.left + self.in_checkouts + self.waiting - self.short
    }
}

/// A promise that cannot be kept as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected {
    pub promise: Promise,
    /// Units of it that are not there.
    pub short: i64,
    /// Units it is for.
    pub units: i64,
    pub since: Time,
}

/// Who was promised units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Reserved and not bought: it ends by itself.
    Checkout { id: CheckoutId, expires_at: Time },
    /// Bought.
    Line { order: OrderId, number: String, line: u32 },
}

/// The answer to a count of a shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Count {
    Counted(Shelf),
    NoSuchPlace,
    MoreThanSetAside,
}

/// Promises in the list of a shortage.
const LIST: i64 = 100;

/// Says how many units of a variant lie at a place (the shop's first one if none is named), promised ones included. What is promised stays promised.
/// Order of answers: is a bundle, no such place, more than set aside, counted.
pub fn count(
    tx: &mut Tx<'_>,
    shop: ShopId,
    variant: VariantId,
    location: Option<LocationId>,
    lying: u32,
) -> Result<Count> {
    if let Some(location) = location
        && preorders::is_expected(tx, shop, location, variant)?
    {
        return Ok(Count::NoSuchPlace); // Nothing lies there yet: it is counted in when it arrives.
    }
    let waiting = |tx: &mut Tx<'_>, location| checkout::waiting_at(tx, variant, location);
    let row = match inventory::count_shelf(tx, shop, variant, location, lying, waiting)? {
        SetStock::Set(row) => row,
        SetStock::NoSuchPlace => return Ok(Count::NoSuchPlace),
        SetStock::MoreThanSetAside => return Ok(Count::MoreThanSetAside),
    };
    let places = inventory::places_of(tx, shop, variant)?;
    let place = places.into_iter().find(|(place, _)| *place == row.location);
    let name = place.map_or_else(String::new, |(_, name)| name);
    shelf(tx, variant, name, &row).map(Count::Counted)
}

/// A variant's shelves: the shop's places first, then what is set aside.
pub fn shelves(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId) -> Result<Vec<Shelf>> {
    let rows = inventory::stock_of(tx, variant)?;
    let mut shelves = Vec::new();
    for (place, name) in inventory::places_of(tx, shop, variant)? {
        if let Some(row) = rows.iter().find(|row| row.location == place)
            && !preorders::is_expected(tx, shop, place, variant)?
        {
            shelves.push(shelf(tx, variant, name, row)?);
        }
    }
    Ok(shelves)
}

/// Every shelf of a shop on which fewer units lie than are promised.
pub fn shortages(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<Shelf>> {
    let mut short = Vec::new();
    for found in inventory::shortages(tx, shop, limit)? {
        let all = shelves(tx, shop, found.variant)?;
        short.extend(all.into_iter().find(|shelf| shelf.location == found.location));
    }
    Ok(short)
}

fn shelf(tx: &mut Tx<'_>, variant: VariantId, name: String, row: &StockRow) -> Result<Shelf> {
    Ok(Shelf {
        variant,
        location: row.location,
        name,
        left: row.left(),
        in_checkouts: row.reserved,
        waiting: checkout::waiting_at(tx, variant, row.location)?,
        short: row.short(),
        affected: affected(tx, variant, row)?,
    })
}

/// Whoever was promised something last is affected first: those who have reserved and not bought before those who have bought. A reservation that is
/// bought becomes the last order, so nobody who was safe is affected by it.
fn affected(tx: &mut Tx<'_>, variant: VariantId, row: &StockRow) -> Result<Vec<Affected>> {
    let mut short = row.short();
    let mut affected = Vec::new();
    let mut hit = |promise, units: i64, since| {
        if short > 0 {
            let of_it = units.min(short);
            short -= of_it;
            affected.push(Affected {
                promise,
                short: of_it,
                units,
                since,
            });
        }
    };
    let most = row.short().min(LIST);
    if most == 0 {
        return Ok(affected);
    }
    let reserved = if mutant!("D9-order") {
        Vec::new()
    } else {
        inventory::reserved_last(tx, variant, row.location, most)?
    };
    for reserved in reserved {
        let promise = Promise::Checkout {
            id: reserved.checkout,
            expires_at: reserved.expires_at,
        };
        hit(promise, reserved.units, reserved.since);
    }
    for waiting in checkout::bought_last(tx, variant, row.location, most)? {
        let promise = Promise::Line {
            order: waiting.order,
            number: waiting.number,
            line: waiting.line,
        };
        hit(promise, waiting.units, waiting.since);
    }
    affected.truncate(usize::try_from(LIST).unwrap_or(usize::MAX));
    Ok(affected)
}
