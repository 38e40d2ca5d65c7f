//! All SQL on stock. The where-clauses are the rules; no row means no.

use super::model::{Aside, Availability, Claim, Gate, Reserved, Shortage, StockRow};
use crate::args;
use crate::db::{Bind, FromRow, Row, RowKey, Tx, Value};
use crate::kernel::{CheckoutId, Id, LocationId, ReservationId, Result, ShopId, Time, VariantId};
use std::collections::BTreeMap;
use uuid::Uuid;

impl FromRow for Claim {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            variant: row.get(0)?,
            location: row.get(1)?,
            quantity: row.get(2)?,
        })
    }
}

impl FromRow for StockRow {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            location: row.get(0)?,
            on_hand: row.get(1)?,
            missing: row.get(2)?,
            reserved: row.get(3)?,
            sold: row.get(4)?,
        })
    }
}

/// What is left of a variant and what is inside checkouts; zeros for a variant that was never stocked.
pub(super) fn availability(tx: &mut Tx<'_>, variant: VariantId) -> Result<Availability> {
    let (left, in_checkouts, version): (i64, i64, i64) = tx.one(
        "select cast(coalesce(sum(case when on_hand - missing > sold + reserved then on_hand - missing - sold - reserved else 0 end), 0) as bigint),
                cast(coalesce(sum(reserved), 0) as bigint), cast(coalesce(sum(version), 0) as bigint) from stock where variant_id = $1 and home_id is null",
        args![variant],
    )?;
    Ok(Availability {
        left,
        in_checkouts,
        version,
    })
}

/// Variants of one statement of [`availability_of`].
const TOGETHER: usize = 32;

/// The availability of many variants, in the order of their ids; each of them once. Both engines take a list of fixed length alike, so the last
/// one is filled up.
pub(super) fn availability_of(tx: &mut Tx<'_>, variants: &[VariantId]) -> Result<Vec<(VariantId, Availability)>> {
    let mut found = BTreeMap::new();
    for part in variants.chunks(TOGETHER) {
        let filled = part.iter().chain(std::iter::repeat(&part[0])).take(TOGETHER);
        let list: Vec<Value<'_>> = filled.map(Bind::value).collect();
        let rows: Vec<(VariantId, i64, i64, i64)> = tx.all(
            "select variant_id, cast(sum(case when on_hand - missing > sold + reserved then on_hand - missing - sold - reserved else 0 end) as bigint),
                    cast(sum(reserved) as bigint), cast(sum(version) as bigint)
               from stock where variant_id in ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
                $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) and home_id is null
              group by variant_id limit 32",
            &list,
        )?;
        // What was never stocked has no row, and nothing left.
        found.extend(part.iter().map(|variant| (*variant, Availability::default())));
        found.extend(rows.into_iter().map(|(variant, left, in_checkouts, version)| {
            let availability = Availability {
                left,
                in_checkouts,
                version,
            };
            (variant, availability)
        }));
    }
    Ok(found.into_iter().collect())
}

/// Takes units at the first place that has them all. No row: at this instant no place had them.
pub(super) fn take(tx: &mut Tx<'_>, variant: VariantId, quantity: u32) -> Result<Option<LocationId>> {
    if mutant!("D1") {
        let first: Option<(LocationId,)> = tx.maybe_one(
            "update stock set reserved = reserved + $2 where variant_id = $1 returning location_id",
            args![variant, quantity],
        )?;
        return Ok(first.map(|(location,)| location));
    }
    if mutant!("D9-sold") {
        let first: Option<(LocationId,)> = tx.maybe_one(
            "update stock set reserved = reserved + $2 where variant_id = $1 and home_id is null and on_hand - sold - reserved >= $2 returning location_id",
            args![variant, quantity],
        )?;
        return Ok(first.map(|(location,)| location));
    }
    let known = (variant.uuid(), ANY_PLACE);
    if let Some(location) = take_at_the_end(tx, known, variant, quantity) {
        return Ok(Some(location));
    }
    let taken: Option<(LocationId, i64)> = tx.maybe_one(
        "update stock set reserved = reserved + $2, version = version + 1
          where variant_id = $1 and on_hand - missing - sold - reserved >= $2 and home_id is null
            and location_id = (select location_id from stock where variant_id = $1 and on_hand - missing - sold - reserved >= $2 and home_id is null
                                order by location_id limit 1)
         returning location_id, on_hand - missing - sold - reserved",
        args![variant, quantity],
    )?;
    if let Some((location, left)) = taken {
        tx.see("stock", known, (location.uuid(), left));
    }
    Ok(taken.map(|(location, _)| location))
}

/// What a batch of commands does to one row of stock: taken, sold and given back. The where-clause is that of each alone; the gate of what anybody may
/// buy is always open.
const AT_THE_END: &str = "update stock set reserved = reserved + $3 - $4 - $5, sold = sold + $4, version = version + 1
      where variant_id = $1 and location_id = $2 and ($3 = 0 or (on_hand - missing - sold - reserved + $5 >= $3 and gate = 0))";

/// In the place of a location, for units from wherever they are.
const ANY_PLACE: Uuid = Uuid::nil();

/// Only of what is there in plenty units are taken at the end of a batch: other lanes and replicas take, too, and where it is close each command has
/// to know at once.
const PLENTY: i64 = 500;

impl Claim {
    fn row(&self) -> RowKey {
        (self.variant.uuid(), self.location.uuid())
    }
}

/// Takes units with all else that the batch does to their row, where this lane saw plenty of them within the last second.
fn take_at_the_end(tx: &mut Tx<'_>, known: RowKey, variant: VariantId, quantity: u32) -> Option<LocationId> {
    let (location, left) = tx.seen("stock", known)?;
    let quantity = i64::from(quantity);
    if left - quantity < PLENTY || !tx.gather("stock", AT_THE_END, (variant.uuid(), location), [quantity, 0, 0]) {
        return None;
    }
    tx.spend("stock", known, quantity);
    Some(LocationId::from_uuid(location))
}

/// The most units any one place still has; none where all are short.
pub(super) fn most_at_one_place(tx: &mut Tx<'_>, variant: VariantId) -> Result<i64> {
    Ok(tx
        .one::<(i64,)>(
            "select coalesce(max(on_hand - missing - sold - reserved), 0) from stock where variant_id = $1 and home_id is null",
            args![variant],
        )?
        .0
        .max(0))
}

/// Takes units that are set aside. No row: they are not there, or its gate is shut at this instant.
pub(super) fn take_aside(tx: &mut Tx<'_>, claim: &Claim) -> Result<bool> {
    let known = claim.row();
    if take_at_the_end(tx, known, claim.variant, claim.quantity).is_some() {
        return Ok(true);
    }
    let taken: Option<(i64,)> = tx.maybe_one(
        "update stock set reserved = reserved + $3, version = version + 1
          where variant_id = $1 and location_id = $2 and gate = 0 and on_hand - missing - sold - reserved >= $3
         returning on_hand - missing - sold - reserved",
        args![claim.variant, claim.location, claim.quantity],
    )?;
    if let Some((left,)) = taken {
        tx.see("stock", known, (claim.location.uuid(), left));
    }
    Ok(taken.is_some())
}

/// What is left of a variant at a place, and its gate.
pub(super) fn left_aside(tx: &mut Tx<'_>, claim: &Claim) -> Result<Option<(i64, i64)>> {
    let row: Option<(i64, i64)> = tx.maybe_one(
        "select on_hand - missing - sold - reserved, gate from stock where variant_id = $1 and location_id = $2",
        args![claim.variant, claim.location],
    )?;
    Ok(row.map(|(left, gate)| (left.max(0), gate)))
}

impl FromRow for Aside {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            variant: row.get(0)?,
            home: row.get(1)?,
            on_hand: row.get(2)?,
            missing: row.get(3)?,
            reserved: row.get(4)?,
            sold: row.get(5)?,
            version: row.get(6)?,
        })
    }
}

/// Everything of a shop that is, or was, set aside at a place, by variant.
pub fn aside(tx: &mut Tx<'_>, shop: ShopId, place: LocationId) -> Result<Vec<Aside>> {
    tx.all(
        "select variant_id, home_id, on_hand, missing, reserved, sold, version from stock
          where location_id = $1 and shop_id = $2 and home_id is not null order by variant_id limit 100",
        args![place, shop],
    )
}

/// A place that nobody sells from but whoever set units aside there. False: its id is another place's already, or units lie there or lay there.
pub(super) fn insert_aside_place(tx: &mut Tx<'_>, shop: ShopId, place: LocationId, name: &str) -> Result<bool> {
    let done = tx.exec(
        "insert into locations (id, shop_id, name, position, set_aside) values ($1, $2, $3, 1000000, 1) on conflict (id) do nothing",
        args![place, shop, name],
    )?;
    if done == 1 {
        return Ok(true);
    }
    let empty: Option<(i64,)> = tx.maybe_one(
        "select 1 from locations l where l.id = $1 and l.shop_id = $2 and l.set_aside = 1
            and not exists (select 1 from stock s where s.location_id = l.id and s.home_id is not null and (s.on_hand > 0 or s.gate = 2))",
        args![place, shop],
    )?;
    Ok(empty.is_some())
}

/// Takes free units out of a shop's stock: at `home`, or at the first place that has them all. No row: they are not there.
pub(super) fn lift(
    tx: &mut Tx<'_>,
    shop: ShopId,
    variant: VariantId,
    home: Option<LocationId>,
    units: u32,
) -> Result<Option<LocationId>> {
    let lifted: Option<(LocationId,)> = tx.maybe_one(
        "update stock set on_hand = on_hand - $3, version = version + 1
          where shop_id = $1 and variant_id = $2 and (on_hand - missing - sold - reserved >= $3 or $3 = 0) and home_id is null
            and location_id = coalesce($4, (select location_id from stock where variant_id = $2 and (on_hand - missing - sold - reserved >= $3 or $3 = 0) and home_id is null
                                             order by location_id limit 1))
         returning location_id",
        args![shop, variant, units, home],
    )?;
    Ok(lifted.map(|(location,)| location))
}

/// Puts lifted units down at a place that is set aside.
pub(super) fn put_aside(tx: &mut Tx<'_>, shop: ShopId, claim: &Claim, home: LocationId, gate: Gate) -> Result<()> {
    tx.put(
        "insert into stock (variant_id, location_id, shop_id, on_hand, home_id, gate) values ($1, $2, $3, $4, $5, $6)
         on conflict (variant_id, location_id) do update set on_hand = stock.on_hand + excluded.on_hand, version = stock.version + 1",
        args![claim.variant, claim.location, shop, claim.quantity, home, gate as u8],
    )
}

/// Makes sure that a variant has a row at a place.
pub(super) fn furnish(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId, location: LocationId) -> Result<()> {
    tx.put(
        "insert into stock (variant_id, location_id, shop_id, on_hand) values ($1, $2, $3, 0) on conflict (variant_id, location_id) do nothing",
        args![variant, location, shop],
    )
}

/// Opens or shuts everything of a shop at a place that is set aside. What is over stays over.
pub fn set_gate(tx: &mut Tx<'_>, shop: ShopId, place: LocationId, gate: Gate) -> Result<()> {
    tx.put(
        "update stock set gate = $3, version = version + 1 where location_id = $1 and shop_id = $2 and home_id is not null and gate < 2",
        args![place, shop, gate as u8],
    )
}

/// The same of one variant.
pub fn set_gate_of(tx: &mut Tx<'_>, place: LocationId, variant: VariantId, gate: Gate) -> Result<()> {
    tx.put(
        "update stock set gate = $3, version = version + 1 where location_id = $1 and variant_id = $2 and home_id is not null and gate < 2 and gate <> $3",
        args![place, variant, gate as u8],
    )
}

/// From here to the end of the transaction nobody else moves these units or their gate: what is read of them afterwards is how it stands.
pub fn hold_still(tx: &mut Tx<'_>, place: LocationId, variant: VariantId) -> Result<()> {
    tx.put(
        "update stock set version = version where location_id = $1 and variant_id = $2 and home_id is not null",
        args![place, variant],
    )
}

/// Takes free units away from a place. No row: they are not free any more.
pub(super) fn pick_up(tx: &mut Tx<'_>, variant: VariantId, place: LocationId, units: i64) -> Result<bool> {
    let done = tx.exec(
        "update stock set on_hand = on_hand - $3, version = version + 1
          where variant_id = $1 and location_id = $2 and on_hand - missing - sold - reserved >= $3",
        args![variant, place, units],
    )?;
    Ok(done == 1)
}

/// Puts units back onto the shelf they came from.
pub(super) fn put_home(tx: &mut Tx<'_>, variant: VariantId, home: LocationId, units: i64) -> Result<()> {
    tx.change_one(
        "update stock set on_hand = on_hand + $3, version = version + 1 where variant_id = $1 and location_id = $2",
        args![variant, home, units],
    )
}

/// Takes a sale back. Where it was sold from what was set aside and that is over: the place the units go to.
pub(super) fn unsell_home(tx: &mut Tx<'_>, claim: &Claim) -> Result<Option<LocationId>> {
    let (home, gate): (Option<LocationId>, i64) = tx.one(
        "update stock set sold = sold - $3, version = version + 1 where variant_id = $1 and location_id = $2 returning home_id, gate",
        args![claim.variant, claim.location, claim.quantity],
    )?;
    Ok(home.filter(|_| gate == i64::from(Gate::Over as u8) && !mutant!("I6-home")))
}

pub(super) fn give_back(tx: &mut Tx<'_>, claim: &Claim) -> Result<()> {
    if tx.gather("stock", AT_THE_END, claim.row(), [0, 0, claim.quantity.into()]) {
        return Ok(());
    }
    tx.put(
        "update stock set reserved = reserved - $3, version = version + 1 where variant_id = $1 and location_id = $2",
        args![claim.variant, claim.location, claim.quantity],
    )
}

pub(super) fn sell(tx: &mut Tx<'_>, claim: &Claim) -> Result<()> {
    if tx.gather("stock", AT_THE_END, claim.row(), [0, claim.quantity.into(), 0]) {
        return Ok(());
    }
    tx.put(
        "update stock set reserved = reserved - $3, sold = sold + $3, version = version + 1 where variant_id = $1 and location_id = $2",
        args![claim.variant, claim.location, claim.quantity],
    )
}

/// Sells units that are no longer reserved: late money. No row: they went to someone else.
pub(super) fn sell_unreserved(tx: &mut Tx<'_>, claim: &Claim) -> Result<bool> {
    let sold = tx.exec(
        "update stock set sold = sold + $3, version = version + 1 where variant_id = $1 and location_id = $2 and on_hand - missing - sold - reserved >= $3",
        args![claim.variant, claim.location, claim.quantity],
    )?;
    Ok(sold == 1)
}

pub(super) fn unsell(tx: &mut Tx<'_>, claim: &Claim) -> Result<()> {
    tx.put(
        "update stock set sold = sold - $3, version = version + 1 where variant_id = $1 and location_id = $2",
        args![claim.variant, claim.location, claim.quantity],
    )
}

pub(super) fn write_off(tx: &mut Tx<'_>, claim: &Claim) -> Result<()> {
    tx.put(
        "update stock set on_hand = on_hand - $3, version = version + 1 where variant_id = $1 and location_id = $2",
        args![claim.variant, claim.location, claim.quantity],
    )
}

pub(super) fn insert_reservation(
    tx: &mut Tx<'_>,
    id: ReservationId,
    shop: ShopId,
    checkout: CheckoutId,
    claim: &Claim,
    state: &'static str,
    expires_at: Time,
) -> Result<()> {
    tx.together(
        checkout,
        "insert into reservations (id, shop_id, checkout_id, variant_id, location_id, quantity, state, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![id, shop, checkout, claim.variant, claim.location, claim.quantity, state, tx.now(), expires_at],
    )
}

/// What a checkout holds, in the order in which stock is locked.
pub(super) fn live(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<Vec<Claim>> {
    tx.all(
        "select variant_id, location_id, quantity from reservations
          where checkout_id = $1 and state in ('active', 'paying') order by variant_id, location_id limit 1000",
        args![checkout],
    )
}

/// Ends a reservation that was read as live.
pub(super) fn end(tx: &mut Tx<'_>, checkout: CheckoutId, claim: &Claim, state: &'static str) -> Result<()> {
    tx.together(
        checkout,
        "update reservations set state = $4 where checkout_id = $1 and variant_id = $2 and location_id = $3 and state in ('active', 'paying')",
        args![checkout, claim.variant, claim.location, state],
    )
}

/// Revives reservations that had ended without a sale, for late money; answers what they held.
pub(super) fn convert_ended(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<Vec<Claim>> {
    tx.all(
        "update reservations set state = 'converted' where checkout_id = $1 and state in ('released', 'expired', 'expired_unknown')
         returning variant_id, location_id, quantity",
        args![checkout],
    )
}

/// Undoes [`convert_ended`] when some of the units were gone.
pub(super) fn end_converted(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<()> {
    tx.put(
        "update reservations set state = 'expired' where checkout_id = $1 and state = 'converted'",
        args![checkout],
    )
}

/// Another place of a shop, for tests.
#[cfg(test)]
pub(super) fn insert_place(tx: &mut Tx<'_>, shop: ShopId, place: LocationId, name: &str) -> Result<()> {
    tx.put(
        "insert into locations (id, shop_id, name, position) values ($1, $2, $3, 1)",
        args![place, shop, name],
    )
}

/// What a checkout holds or held, for the tests' model.
#[cfg(test)]
pub(super) fn claims(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<Vec<Claim>> {
    tx.all(
        "select variant_id, location_id, quantity from reservations where checkout_id = $1",
        args![checkout],
    )
}

pub(super) fn is_converted(tx: &mut Tx<'_>, checkout: CheckoutId) -> Result<bool> {
    let row: Option<(i64,)> = tx.maybe_one(
        "select 1 from reservations where checkout_id = $1 and state = 'converted' limit 1",
        args![checkout],
    )?;
    Ok(row.is_some())
}

pub(super) fn move_live(tx: &mut Tx<'_>, checkout: CheckoutId, state: &'static str, expires_at: Time) -> Result<bool> {
    let moved = tx.exec(
        "update reservations set state = $2, expires_at = case when expires_at > $3 then expires_at else $3 end
          where checkout_id = $1 and state in ('active', 'paying')",
        args![checkout, state, expires_at],
    )?;
    Ok(moved > 0)
}

/// The shop's first place; made when the first stock is counted in.
pub fn first_location(tx: &mut Tx<'_>, shop: ShopId) -> Result<LocationId> {
    if let Some((id,)) = tx.maybe_one(
        "select id from locations where shop_id = $1 and set_aside = 0 order by position, id limit 1",
        args![shop],
    )? {
        return Ok(id);
    }
    let id: LocationId = tx.id();
    tx.put(
        "insert into locations (id, shop_id, name, position) values ($1, $2, 'Studio', 0)",
        args![id, shop],
    )?;
    Ok(id)
}

pub(super) fn location_exists(tx: &mut Tx<'_>, shop: ShopId, location: LocationId) -> Result<bool> {
    Ok(tx
        .maybe_one::<(i64,)>(
            "select 1 from locations where shop_id = $1 and id = $2 and set_aside = 0",
            args![shop, location],
        )?
        .is_some())
}

/// Sets what is free to sell at a place to `free`, whatever was sold and reserved meanwhile. That nothing is free says nothing of what is missing of the
/// promised: only a count of the shelf and units that are free end a shortage.
pub(super) fn set_free(
    tx: &mut Tx<'_>,
    shop: ShopId,
    variant: VariantId,
    location: LocationId,
    free: u32,
) -> Result<StockRow> {
    if mutant!("D9") {
        tx.put(
            "update stock set on_hand = $2 - sold - reserved where variant_id = $1",
            args![variant, free],
        )?;
    }
    tx.one(
        "insert into stock (variant_id, location_id, shop_id, on_hand) values ($1, $2, $3, $4)
         on conflict (variant_id, location_id) do update set on_hand = stock.sold + stock.reserved + excluded.on_hand,
            missing = case when excluded.on_hand = 0 and stock.missing > stock.on_hand - stock.sold - stock.reserved
                           then stock.missing - (stock.on_hand - stock.sold - stock.reserved) else 0 end,
            version = stock.version + 1
         returning location_id, on_hand, missing, reserved, sold",
        args![variant, location, shop, free],
    )
}

/// Makes sure that a variant has a row at a place, and holds it: from here to the end of the transaction nobody else sells or reserves of it.
pub(super) fn begin_count(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId, location: LocationId) -> Result<()> {
    tx.put(
        "insert into stock (variant_id, location_id, shop_id, on_hand) values ($1, $2, $3, 0)
         on conflict (variant_id, location_id) do update set version = stock.version + 1",
        args![variant, location, shop],
    )
}

/// Says that `beside` units lie at a place beside what was sold from it and what of that has left; less than none if some of the sold are not there either.
/// What should be there and is not is missing. No row: more lie there than were set aside.
pub(super) fn end_count(
    tx: &mut Tx<'_>,
    variant: VariantId,
    location: LocationId,
    beside: i64,
) -> Result<Option<StockRow>> {
    tx.maybe_one(
        "update stock set on_hand = case when on_hand < sold + $3 then sold + $3 else on_hand end,
                          missing = case when on_hand > sold + $3 then on_hand - sold - $3 else 0 end
          where variant_id = $1 and location_id = $2 and (home_id is null or on_hand >= sold + $3)
         returning location_id, on_hand, missing, reserved, sold",
        args![variant, location, beside],
    )
}

/// Where fewer units lie than a shop has promised, and how many are missing; by variant and place.
pub fn shortages(tx: &mut Tx<'_>, shop: ShopId, limit: i64) -> Result<Vec<Shortage>> {
    tx.all(
        "select variant_id, location_id, sold + reserved - on_hand + missing from stock
          where shop_id = $1 and missing > 0 and missing > on_hand - sold - reserved order by variant_id, location_id limit $2",
        args![shop, limit],
    )
}

impl FromRow for Shortage {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            variant: row.get(0)?,
            location: row.get(1)?,
            units: row.get(2)?,
        })
    }
}

/// Who has reserved units of a variant at a place and not bought them yet, the last one first.
pub fn reserved_last(tx: &mut Tx<'_>, variant: VariantId, location: LocationId, limit: i64) -> Result<Vec<Reserved>> {
    tx.all(
        "select checkout_id, quantity, created_at, expires_at from reservations
          where state in ('active', 'paying') and variant_id = $1 and location_id = $2
          order by created_at desc, id desc limit $3",
        args![variant, location, limit],
    )
}

impl FromRow for Reserved {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            checkout: row.get(0)?,
            units: row.get(1)?,
            since: row.get(2)?,
            expires_at: row.get(3)?,
        })
    }
}

/// A shop's places where something of a variant lies or lay, with their names: its shelves first, then what is set aside.
pub fn places_of(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId) -> Result<Vec<(LocationId, String)>> {
    tx.all(
        "select locations.id, locations.name from stock join locations on locations.id = stock.location_id
          where stock.variant_id = $2 and stock.shop_id = $1
            and (stock.home_id is null or stock.on_hand > stock.sold or stock.missing > 0)
          order by locations.set_aside, locations.position, locations.id limit 100",
        args![shop, variant],
    )
}

/// Whether a variant lies, or lay, at a place of a shop.
pub(super) fn lies_at(tx: &mut Tx<'_>, shop: ShopId, variant: VariantId, location: LocationId) -> Result<bool> {
    let row: Option<(i64,)> = tx.maybe_one(
        "select 1 from stock where variant_id = $2 and location_id = $3 and shop_id = $1",
        args![shop, variant, location],
    )?;
    Ok(row.is_some())
}

/// Stock of a variant by place.
pub fn stock_of(tx: &mut Tx<'_>, variant: VariantId) -> Result<Vec<StockRow>> {
    tx.all(
        "select location_id, on_hand, missing, reserved, sold from stock where variant_id = $1 order by location_id limit 100",
        args![variant],
    )
}

/// Rows that break a promise of this module (I1, I2, I4): empty, always. Called after every story and by the operator's check.
pub fn check(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let oversold: Vec<(VariantId, i64, i64, i64)> = tx.all(
        "select variant_id, on_hand, reserved, sold from stock where on_hand < sold + reserved or reserved < 0 or sold < 0 limit 20",
        &[],
    )?;
    let mut broken: Vec<String> = oversold
        .iter()
        .map(|(variant, on_hand, reserved, sold)| {
            format!("I1 {variant}: on hand {on_hand}, reserved {reserved}, sold {sold}")
        })
        .collect();
    let drifted: Vec<(VariantId, i64, i64)> = tx.all(
        "select stock.variant_id, stock.reserved, cast(coalesce(sum(live.quantity), 0) as bigint) from stock
           left join reservations live on live.variant_id = stock.variant_id and live.location_id = stock.location_id and live.state in ('active', 'paying')
          group by stock.variant_id, stock.location_id, stock.reserved having stock.reserved <> coalesce(sum(live.quantity), 0) limit 20",
        &[],
    )?;
    broken.extend(
        drifted.iter().map(|(variant, counter, rows)| {
            format!("I2 {variant}: the counter says {counter} reserved, the rows {rows}")
        }),
    );
    Ok(broken)
}
