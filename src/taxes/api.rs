//! The table of tax rates as JSON.

use super::{TaxRate, all, set};
use crate::app::App;
use crate::catalog::TaxCategory;
use crate::db::LaneKey;
use crate::http::{Json, Problem, json};
use crate::identity::{Analyst, Owner};
use crate::kernel::Rate;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// All rates. A country without a row uses the row of `*`, and without one owes nothing.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxRates {
    pub rates: Vec<TaxRateOut>,
}

#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaxRate)]
pub struct TaxRateOut {
    /// ISO 3166-1 alpha-2, or `*`.
    pub country: String,
    pub category: TaxCategory,
    /// Basis points: 1900 is 19 %.
    pub rate_bp: u32,
}

impl From<Vec<TaxRate>> for TaxRates {
    fn from(rates: Vec<TaxRate>) -> Self {
        let out = |rate: TaxRate| TaxRateOut {
            country: rate.country,
            category: rate.category,
            rate_bp: rate.rate.0,
        };
        Self {
            rates: rates.into_iter().map(out).collect(),
        }
    }
}

/// The shop's tax rates.
#[utoipa::path(get, path = "/v1/tax-rates", tag = "delivery", responses((status = 200, body = TaxRates)))]
pub async fn get_tax_rates(State(app): State<App>, staff: Analyst) -> Result<Response, Problem> {
    let shop = staff.shop;
    let rates = app.db.read(move |tx| all(tx, shop)).await?;
    Ok(json(StatusCode::OK, TaxRates::from(rates)))
}

/// Replace all tax rates. Sales already made keep the rates frozen on them. Needs the owner.
#[utoipa::path(put, path = "/v1/tax-rates", tag = "delivery", request_body = TaxRates, responses((status = 200, body = TaxRates)))]
pub async fn put_tax_rates(
    State(app): State<App>,
    owner: Owner,
    Json(new): Json<TaxRates>,
) -> Result<Response, Problem> {
    let shop = owner.shop;
    let row = |rate: TaxRateOut| TaxRate {
        country: rate.country,
        category: rate.category,
        rate: Rate(rate.rate_bp),
    };
    let rates: Vec<TaxRate> = new.rates.into_iter().map(row).collect();
    let stored = app.db.write(LaneKey::of(shop), move |tx| {
        set(tx, shop, &rates)?;
        all(tx, shop)
    });
    Ok(json(StatusCode::OK, TaxRates::from(stored.await?)))
}
