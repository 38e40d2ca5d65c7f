//! All SQL on delivery zones and methods.

use super::model::{Method, Zone, ZoneMethods};
use crate::args;
use crate::db::{FromRow, Row, Tx, key_with};
use crate::kernel::{Currency, Id, MethodId, Money, Result, ShopId, ZoneId};

/// A zone joined with one of its methods, if it has any.
struct ZoneRow {
    zone: Zone,
    method: Option<Method>,
}

impl FromRow for ZoneRow {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let countries: String = row.get(2)?;
        let zone = Zone {
            id: row.get(0)?,
            name: row.get(1)?,
            countries: countries.split(' ').map(str::to_owned).collect(),
        };
        let method = match row.get::<Option<MethodId>>(3)? {
            None => None,
            Some(id) => Some(Method {
                id,
                name: row.get(4)?,
                price: row.money(5)?,
                eta_days_min: row.get(7)?,
                eta_days_max: row.get(8)?,
            }),
        };
        Ok(Self { zone, method })
    }
}

/// A row with its place among those that deliver to one country. Ordered here: every quote asks for it, and an engine would build a tree to sort.
struct Placed {
    row: ZoneRow,
    /// A zone that names the country is before the rest of the world.
    place: (bool, i64, ZoneId, Option<i64>, Option<MethodId>),
}

impl FromRow for Placed {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        let (zone_place, method_place) = (row.get(9)?, row.get(10)?);
        let row = ZoneRow::from_row(row)?;
        let elsewhere = row.zone.countries == ["*"];
        let place = (
            elsewhere,
            zone_place,
            row.zone.id,
            method_place,
            row.method.as_ref().map(|method| method.id),
        );
        Ok(Self { row, place })
    }
}

fn grouped(rows: Vec<ZoneRow>) -> Vec<ZoneMethods> {
    let mut zones: Vec<ZoneMethods> = Vec::new();
    for ZoneRow { zone, method } in rows {
        match zones.last_mut().filter(|last| last.zone.id == zone.id) {
            Some(last) => last.methods.extend(method),
            None => zones.push(ZoneMethods {
                zone,
                methods: method.into_iter().collect(),
            }),
        }
    }
    zones
}

/// The zone of a country and its methods in a currency; `None` when nothing is delivered there.
pub fn options(tx: &mut Tx<'_>, shop: ShopId, country: &str, currency: Currency) -> Result<Option<ZoneMethods>> {
    let key = key_with(shop.uuid(), &[country, currency.code()]);
    tx.once(&["delivery_zones", "delivery_methods"], (shop, key), |tx| {
        let mut rows: Vec<Placed> = tx.all(
            "select z.id, z.name, z.countries, m.id, m.name, m.price_minor, m.currency, m.eta_days_min, m.eta_days_max, z.position, m.position
               from delivery_zones z left join delivery_methods m on m.zone_id = z.id and m.currency = $3
              where z.shop_id = $1 and (z.countries = '*' or ' ' || z.countries || ' ' like '% ' || cast($2 as text) || ' %') limit 2000",
            args![shop, country, currency],
        )?;
        rows.sort_by_key(|placed| placed.place);
        let rows = rows.into_iter().map(|placed| placed.row).collect();
        Ok(grouped(rows).into_iter().next().filter(|zone| !zone.methods.is_empty()))
    })
}

impl FromRow for Method {
    fn from_row(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            price: row.money(2)?,
            eta_days_min: row.get(4)?,
            eta_days_max: row.get(5)?,
        })
    }
}

pub fn method(tx: &mut Tx<'_>, shop: ShopId, method: MethodId) -> Result<Option<Method>> {
    tx.once(&["delivery_methods"], (shop, method.uuid()), |tx| {
        tx.maybe_one(
            "select id, name, price_minor, currency, eta_days_min, eta_days_max from delivery_methods where shop_id = $1 and id = $2",
            args![shop, method],
        )
    })
}

/// Everything, in every currency, in the shop's order.
pub fn all(tx: &mut Tx<'_>, shop: ShopId) -> Result<Vec<ZoneMethods>> {
    let rows = tx.all(
        "select z.id, z.name, z.countries, m.id, m.name, m.price_minor, m.currency, m.eta_days_min, m.eta_days_max
           from delivery_zones z left join delivery_methods m on m.zone_id = z.id
          where z.shop_id = $1 order by z.position, z.id, m.position, m.id limit 2000",
        args![shop],
    )?;
    Ok(grouped(rows))
}

pub(super) fn clear(tx: &mut Tx<'_>, shop: ShopId) -> Result<()> {
    tx.put("delete from delivery_methods where shop_id = $1", args![shop])?;
    tx.put("delete from delivery_zones where shop_id = $1", args![shop])
}

pub(super) fn insert_zone(tx: &mut Tx<'_>, shop: ShopId, zone: &Zone, position: i64) -> Result<()> {
    tx.put(
        "insert into delivery_zones (id, shop_id, name, countries, position) values ($1, $2, $3, $4, $5)",
        args![zone.id, shop, zone.name, zone.countries.join(" "), position],
    )
}

pub(super) fn insert_method(tx: &mut Tx<'_>, shop: ShopId, zone: ZoneId, method: &Method, position: i64) -> Result<()> {
    let Money { minor, currency } = method.price;
    tx.put(
        "insert into delivery_methods (id, shop_id, zone_id, name, price_minor, currency, eta_days_min, eta_days_max, position)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![method.id, shop, zone, method.name, minor, currency, method.eta_days_min, method.eta_days_max, position],
    )
}
