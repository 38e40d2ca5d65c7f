//! Stock as its staff count it, as JSON.

use super::{SetStock, StockRow, set_stock};
use crate::app::App;
use crate::catalog;
use crate::db::LaneKey;
use crate::http::{Json, Path, Problem, json};
use crate::identity::Creator;
use crate::kernel::{Error, LocationId, VariantId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A count.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StockCount)]
pub struct StockIn {
    /// The shop's first place when absent.
    pub location: Option<LocationId>,
    /// Units that lie there and belong to nobody yet: what is sold or inside checkouts is not counted.
    #[schema(maximum = 1_000_000_000)]
    pub on_hand: u32,
}

/// Stock at a place, after the count.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Stock)]
pub struct StockOut {
    pub variant: VariantId,
    pub location: LocationId,
    /// Units that can be sold.
    pub left: i64,
    /// Units inside checkouts right now.
    pub in_checkouts: i64,
    /// Units sold from here.
    pub sold: i64,
    /// Units that are promised and that a count did not find (see the shelf of the variant). A count of what is free ends it only if some are.
    pub short: i64,
}

impl StockOut {
    fn new(variant: VariantId, row: &StockRow) -> Self {
        Self {
            variant,
            location: row.location,
            left: row.left(),
            in_checkouts: row.reserved,
            sold: row.sold,
            short: row.short(),
        }
    }
}

/// Count a variant's stock at a place.
#[utoipa::path(put, path = "/v1/variants/{variant}/stock", tag = "catalog", params(("variant" = VariantId, Path)),
    request_body = StockIn, responses((status = 200, body = StockOut), (status = 404), (status = 422, description = "`no_such_place`")))]
pub async fn put_stock(
    State(app): State<App>,
    staff: Creator,
    Path(variant): Path<VariantId>,
    Json(count): Json<StockIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let counted = app.db.write(LaneKey::of(variant), move |tx| {
        if catalog::product_of(tx, shop, variant)?.is_none() {
            return Ok(None);
        }
        set_stock(tx, shop, variant, count.location, count.on_hand).map(Some)
    });
    match counted.await? {
        None => Err(Error::not_found("variant").into()),
        Some(SetStock::NoSuchPlace) => {
            let detail = "This shop has no such place.";
            Err(Error::invalid("no_such_place", detail)
                .with_field("/location", detail)
                .into())
        }
        Some(SetStock::MoreThanSetAside) => Err(Error::internal("what is free at a place is not set aside").into()),
        Some(SetStock::Set(row)) => Ok(json(StatusCode::OK, StockOut::new(variant, &row))),
    }
}
