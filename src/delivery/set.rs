//! The shop sets where it delivers and for how much, whole. Quotes shown before keep their price; orders keep their promise.

use super::model::{Method, Zone, ZoneMethods};
use super::store;
use crate::db::Tx;
use crate::kernel::{Error, MethodId, Money, Result, ShopId, ZoneId, text};

/// A zone as it shall be. With an id it is one that exists and keeps its id.
#[derive(Clone, Debug)]
pub struct NewZone {
    pub id: Option<ZoneId>,
    pub name: String,
    pub countries: Vec<String>,
    pub methods: Vec<NewMethod>,
}

/// A method as it shall be. With an id it is one that exists and keeps its id.
#[derive(Clone, Debug)]
pub struct NewMethod {
    pub id: Option<MethodId>,
    pub name: String,
    pub price: Money,
    pub eta_days_min: u32,
    pub eta_days_max: u32,
}

const ZONES_MAX: usize = 50;
const METHODS_MAX: usize = 20;
const DAYS_MAX: u32 = 365;
const PRICE_MAX: i64 = 100_000_000;

/// Replaces all zones and methods. An id that is not the shop's gets a new one. Errors: `invalid_field`.
pub fn set(tx: &mut Tx<'_>, shop: ShopId, zones: &[NewZone]) -> Result<Vec<ZoneMethods>> {
    checked(zones)?;
    let known = store::all(tx, shop)?;
    let mut zone_ids: Vec<ZoneId> = known.iter().map(|zone| zone.zone.id).collect();
    let mut method_ids: Vec<MethodId> = known
        .iter()
        .flat_map(|zone| zone.methods.iter().map(|method| method.id))
        .collect();
    store::clear(tx, shop)?;
    for (position, new) in (0..).zip(zones) {
        let id = claim(&mut zone_ids, new.id).unwrap_or_else(|| tx.id());
        let zone = Zone {
            id,
            name: text::line("/name", &new.name, 60)?,
            countries: new.countries.clone(),
        };
        store::insert_zone(tx, shop, &zone, position)?;
        for (position, new) in (0..).zip(&new.methods) {
            let method = Method {
                id: claim(&mut method_ids, new.id).unwrap_or_else(|| tx.id()),
                name: text::line("/name", &new.name, 60)?,
                price: new.price,
                eta_days_min: new.eta_days_min,
                eta_days_max: new.eta_days_max,
            };
            store::insert_method(tx, shop, zone.id, &method, position)?;
        }
    }
    store::all(tx, shop)
}

/// Takes an id out of those the shop has; each can be kept once.
fn claim<T: PartialEq + Copy>(known: &mut Vec<T>, wanted: Option<T>) -> Option<T> {
    let at = known.iter().position(|id| Some(*id) == wanted)?;
    Some(known.swap_remove(at))
}

fn checked(zones: &[NewZone]) -> Result<()> {
    if zones.len() > ZONES_MAX {
        return Err(Error::field("/zones", "There are at most 50 zones."));
    }
    let mut named: Vec<&str> = Vec::new();
    for (at, zone) in zones.iter().enumerate() {
        text::line("/name", &zone.name, 60)?;
        if zone.countries.is_empty()
            || (zone.countries.len() > 1 && zone.countries.iter().any(|country| country == "*"))
        {
            return Err(Error::field(
                format!("/zones/{at}/countries"),
                "Name countries such as DE, or only * for the rest of the world.",
            ));
        }
        for country in &zone.countries {
            if country != "*" && !(country.len() == 2 && country.bytes().all(|c| c.is_ascii_uppercase())) {
                return Err(Error::field(
                    format!("/zones/{at}/countries"),
                    "A country is two capital letters such as DE.",
                ));
            }
            if named.contains(&country.as_str()) {
                return Err(Error::field(
                    format!("/zones/{at}/countries"),
                    format!("{country} stands twice."),
                ));
            }
            named.push(country);
        }
        if zone.methods.len() > METHODS_MAX {
            return Err(Error::field(
                format!("/zones/{at}/methods"),
                "A zone has at most 20 methods.",
            ));
        }
        for (number, method) in zone.methods.iter().enumerate() {
            checked_method(&format!("/zones/{at}/methods/{number}"), method)?;
        }
    }
    Ok(())
}

fn checked_method(pointer: &str, method: &NewMethod) -> Result<()> {
    text::line("/name", &method.name, 60)?;
    if !(0..=PRICE_MAX).contains(&method.price.minor) {
        return Err(Error::field(
            format!("{pointer}/price"),
            "A price is between 0 and 100,000,000 minor units.",
        ));
    }
    if method.eta_days_max < method.eta_days_min || method.eta_days_max > DAYS_MAX {
        let rule = "The earliest day comes before the latest, and both within a year.";
        return Err(Error::field(format!("{pointer}/eta_days_max"), rule));
    }
    Ok(())
}
