//! Counting a shelf, and what is missing of what was promised, as JSON.

use super::shelf::{Affected, Count, Promise, Shelf, count, shelves, shortages};
use crate::app::App;
use crate::catalog;
use crate::db::LaneKey;
use crate::http::{Json, Path, Problem, json};
use crate::identity::Packer;
use crate::kernel::{CheckoutId, Error, LocationId, OrderId, Time, VariantId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A count of a shelf.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShelfIn {
    /// The shop's first place when absent. What is set aside for a drop or an exchange lies at a place of its own; getting the shelves names them.
    pub location: Option<LocationId>,
    /// All units that lie there, also those that are sold and have not left, or are inside checkouts.
    #[schema(maximum = 1_000_000_000)]
    pub counted: u32,
}

/// A variant's units at a place.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShelfOut {
    pub variant: VariantId,
    pub location: LocationId,
    pub name: String,
    /// Units that can be sold.
    pub left: i64,
    /// Units inside checkouts right now.
    pub in_checkouts: i64,
    /// Units that are sold and have not left.
    pub waiting: i64,
    /// Units that are promised and are not there.
    pub short: i64,
    /// Whose they are: whoever was promised something last first, those who have reserved and not bought before those who have bought. At most 100.
    pub affected: Vec<AffectedOut>,
}

/// A promise that cannot be kept as it stands: of a line of an order, or of a checkout.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AffectedOut {
    /// Units of it that are not there.
    pub short: i64,
    /// Units it is for.
    pub units: i64,
    /// When it was given.
    pub since: Time,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout: Option<CheckoutId>,
    /// When the reservation of a checkout ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

impl AffectedOut {
    fn new(affected: &Affected) -> Self {
        let mut out = Self {
            short: affected.short,
            units: affected.units,
            since: affected.since,
            order: None,
            number: None,
            line: None,
            checkout: None,
            expires_at: None,
        };
        match &affected.promise {
            Promise::Line { order, number, line } => {
                out.order = Some(*order);
                out.number = Some(number.clone());
                out.line = Some(*line);
            }
            Promise::Checkout { id, expires_at } => {
                out.checkout = Some(*id);
                out.expires_at = Some(*expires_at);
            }
        }
        out
    }
}

impl ShelfOut {
    fn new(shelf: &Shelf) -> Self {
        Self {
            variant: shelf.variant,
            location: shelf.location,
            name: shelf.name.clone(),
            left: shelf.left,
            in_checkouts: shelf.in_checkouts,
            waiting: shelf.waiting,
            short: shelf.short,
            affected: shelf.affected.iter().map(AffectedOut::new).collect(),
        }
    }
}

/// Several shelves.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShelvesOut {
    pub data: Vec<ShelfOut>,
}

/// Where a variant lies, and what is promised of it: the shop's places first, then what is set aside.
#[utoipa::path(get, path = "/v1/variants/{variant}/shelf", tag = "catalog", params(("variant" = VariantId, Path)),
    responses((status = 200, body = ShelvesOut), (status = 404)))]
pub async fn get_shelf(
    State(app): State<App>,
    staff: Packer,
    Path(variant): Path<VariantId>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let found = app.db.read(move |tx| match catalog::product_of(tx, shop, variant)? {
        Some(_) => shelves(tx, shop, variant).map(Some),
        None => Ok(None),
    });
    let found = found.await?.ok_or_else(|| Error::not_found("variant"))?;
    let data = found.iter().map(ShelfOut::new).collect();
    Ok(json(StatusCode::OK, ShelvesOut { data }))
}

/// Count everything of a variant that lies at a place. If that is less than is promised, the rest is a shortage: nothing that was promised is taken back, and
/// whoever is affected is listed.
#[utoipa::path(put, path = "/v1/variants/{variant}/shelf", tag = "catalog", params(("variant" = VariantId, Path)), request_body = ShelfIn,
    responses((status = 200, body = ShelfOut), (status = 404), (status = 409, description = "`more_than_set_aside`: the rest lies elsewhere, count it there."),
    (status = 422, description = "`no_such_place`, `is_bundle`")))]
pub async fn put_shelf(
    State(app): State<App>,
    staff: Packer,
    Path(variant): Path<VariantId>,
    Json(body): Json<ShelfIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let counted = app.db.write(LaneKey::of(variant), move |tx| {
        if catalog::product_of(tx, shop, variant)?.is_none() {
            return Ok(None);
        }
        count(tx, shop, variant, body.location, body.counted).map(Some)
    });
    match counted.await? {
        None => Err(Error::not_found("variant").into()),
        Some(Count::NoSuchPlace) => {
            let detail = "This shop has no such place.";
            Err(Error::invalid("no_such_place", detail)
                .with_field("/location", detail)
                .into())
        }
        Some(Count::MoreThanSetAside) => Err(Problem::conflict("more_than_set_aside", MORE_THAN_SET_ASIDE)),
        Some(Count::Counted(shelf)) => Ok(json(StatusCode::OK, ShelfOut::new(&shelf))),
    }
}

/// Why a count of what is set aside is refused.
pub const MORE_THAN_SET_ASIDE: &str = "More lie here than were set aside. Count the rest at the place it came from.";

/// What is missing of what was promised, by variant and place. Each ends by itself: when units are counted in, promises are canceled, or reservations end.
#[utoipa::path(get, path = "/v1/shortages", tag = "catalog", responses((status = 200, body = ShelvesOut)))]
pub async fn list_shortages(State(app): State<App>, staff: Packer) -> Result<Response, Problem> {
    let shop = staff.shop;
    let data = app.db.read(move |tx| shortages(tx, shop, SHORTAGES)).await?;
    let data = data.iter().map(ShelfOut::new).collect();
    Ok(json(StatusCode::OK, ShelvesOut { data }))
}

/// Shelves in one answer.
const SHORTAGES: i64 = 100;
