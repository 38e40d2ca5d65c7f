//! Zones and methods as JSON.

use super::{Method, NewMethod, NewZone, ZoneMethods, all, set};
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{Json, Problem, json};
use crate::identity::{Analyst, Owner};
use crate::kernel::{MethodId, Money, MoneyOut, ZoneId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// Where the shop delivers. A country belongs to the first zone that names it, else to the first zone of `*`.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Delivery)]
pub struct DeliveryZones {
    pub zones: Vec<ZoneIn>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeliveryZone)]
pub struct ZoneIn {
    /// Of a zone that exists and shall keep its id.
    pub id: Option<ZoneId>,
    pub name: String,
    /// ISO 3166-1 alpha-2 codes, or only `*`.
    pub countries: Vec<String>,
    #[serde(default)]
    pub methods: Vec<MethodIn>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DeliveryMethod)]
pub struct MethodIn {
    /// Of a method that exists and shall keep its id.
    pub id: Option<MethodId>,
    pub name: String,
    pub price: MoneyOut,
    /// In working days.
    pub eta_days_min: u32,
    pub eta_days_max: u32,
}

impl From<Vec<ZoneMethods>> for DeliveryZones {
    fn from(zones: Vec<ZoneMethods>) -> Self {
        Self {
            zones: zones.into_iter().map(ZoneIn::from).collect(),
        }
    }
}

impl From<ZoneMethods> for ZoneIn {
    fn from(ZoneMethods { zone, methods }: ZoneMethods) -> Self {
        let method = |method: Method| MethodIn {
            id: Some(method.id),
            name: method.name,
            price: method.price.into(),
            eta_days_min: method.eta_days_min,
            eta_days_max: method.eta_days_max,
        };
        Self {
            id: Some(zone.id),
            name: zone.name,
            countries: zone.countries,
            methods: methods.into_iter().map(method).collect(),
        }
    }
}

impl From<ZoneIn> for NewZone {
    fn from(zone: ZoneIn) -> Self {
        let method = |method: MethodIn| NewMethod {
            id: method.id,
            name: method.name,
            price: Money::from(method.price),
            eta_days_min: method.eta_days_min,
            eta_days_max: method.eta_days_max,
        };
        Self {
            id: zone.id,
            name: zone.name,
            countries: zone.countries,
            methods: zone.methods.into_iter().map(method).collect(),
        }
    }
}

/// The shop's zones and methods.
#[utoipa::path(get, path = "/v1/delivery", tag = "delivery", responses((status = 200, body = DeliveryZones)))]
pub async fn get_delivery(State(app): State<App>, staff: Analyst) -> Result<Response, Problem> {
    let shop = staff.shop;
    let zones = app.db.read(move |tx| all(tx, shop)).await?;
    Ok(json(StatusCode::OK, DeliveryZones::from(zones)))
}

/// Replace all zones and methods. Quotes already shown keep their price. Needs the owner.
#[utoipa::path(put, path = "/v1/delivery", tag = "delivery", request_body = DeliveryZones, responses((status = 200, body = DeliveryZones)))]
pub async fn put_delivery(
    State(app): State<App>,
    owner: Owner,
    Json(new): Json<DeliveryZones>,
) -> Result<Response, Problem> {
    let shop = owner.shop;
    let zones: Vec<NewZone> = new.zones.into_iter().map(NewZone::from).collect();
    let stored = app.db.write(LaneKey::of(shop), move |tx| set(tx, shop, &zones)).await?;
    Ok(json(StatusCode::OK, DeliveryZones::from(stored)))
}
