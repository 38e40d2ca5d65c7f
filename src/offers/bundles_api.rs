//! Bundles, for the people of a shop.

use crate::app::App;
use crate::catalog::{self, Bundle, BundlePart, KeepTheRest, SetBundle};
use crate::db::{LaneKey, Tx};
use crate::http::{IfMatch, Json, Path, Problem, etag, json};
use crate::identity::{self, Analyst, Creator};
use crate::inventory;
use crate::kernel::{Currency, Error, ProductId, Result as Done, ShopId, VariantId};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// What a bundle is made of.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Bundle)]
pub struct BundleBody {
    /// At most ten different ones; none: it is a product of its own again.
    pub parts: Vec<BundlePartBody>,
    /// What is given back when parts come back and the rest is kept: `prorate` what was paid for them, `reprice` what the bundle cost less what the kept
    /// ones cost alone, `none` nothing, only the whole goes back.
    pub keep_the_rest: KeepTheRest,
}

/// One part of a bundle.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BundlePart)]
pub struct BundlePartBody {
    pub variant: VariantId,
    pub quantity: u32,
}

impl From<&Bundle> for BundleBody {
    fn from(bundle: &Bundle) -> Self {
        let part = |part: &BundlePart| BundlePartBody {
            variant: part.variant,
            quantity: part.quantity,
        };
        Self {
            parts: bundle.parts.iter().map(part).collect(),
            keep_the_rest: bundle.keep_the_rest,
        }
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutBundle {
    Done(SetBundle),
    /// It has stock of its own, and a bundle has none.
    HasStock,
}

/// Makes a product a bundle, unless it has units of its own on the shelf. Order of answers: it has stock, then those of [`catalog::set_bundle`].
pub fn put(
    tx: &mut Tx<'_>,
    of: (ShopId, Currency),
    id: ProductId,
    version: i64,
    keep_the_rest: KeepTheRest,
    parts: &[BundlePart],
) -> Done<PutBundle> {
    if !parts.is_empty() && catalog::bundle(tx, of.0, id)?.is_none() {
        for variant in catalog::variants(tx, of.0, id, of.1)? {
            let stock = inventory::availability(tx, variant.id)?;
            if stock.left > 0 || stock.in_checkouts > 0 {
                return Ok(PutBundle::HasStock);
            }
        }
    }
    catalog::set_bundle(tx, of, id, version, keep_the_rest, parts).map(PutBundle::Done)
}

/// What a bundle is made of; no parts: the product is none.
#[utoipa::path(get, path = "/v1/products/{product}/bundle", tag = "catalog", params(("product" = ProductId, Path)),
    responses((status = 200, body = BundleBody), (status = 404)))]
pub async fn get_bundle(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<ProductId>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let (product, bundle) = app
        .db
        .read(move |tx| Ok((catalog::find(tx, shop, id)?, catalog::bundle(tx, shop, id)?)))
        .await?;
    let product = product.ok_or_else(|| Error::not_found("product"))?;
    let none = || BundleBody {
        parts: Vec::new(),
        keep_the_rest: KeepTheRest::Prorate,
    };
    let mut response = json(StatusCode::OK, bundle.as_ref().map_or_else(none, BundleBody::from));
    response.headers_mut().insert(header::ETAG, etag(product.version));
    Ok(response)
}

/// Make a product of one variant a bundle of others, change what it is made of, or, with no parts, make it a product of its own again.
#[utoipa::path(put, path = "/v1/products/{product}/bundle", tag = "catalog", params(("product" = ProductId, Path),
    ("If-Match" = String, Header, description = "The product's version you edit, in quotes.")), request_body = BundleBody,
    responses((status = 200, body = BundleBody), (status = 404), (status = 412, description = "`stale`"), (status = 422, description = "`invalid_field`"),
    (status = 409, description = "`has_stock`, `several_variants`, `nested_bundle`, `not_for_sale`, each of the last two with the `variant`.")))]
pub async fn put_bundle(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<ProductId>,
    IfMatch(version): IfMatch,
    Json(body): Json<BundleBody>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let keep = body.keep_the_rest;
    let part = |part: &BundlePartBody| BundlePart {
        variant: part.variant,
        quantity: part.quantity,
    };
    let parts: Vec<BundlePart> = body.parts.iter().map(part).collect();
    let set = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        put(tx, (shop, currency), id, version, keep, &parts)
    });
    let (body, version) = match set.await? {
        PutBundle::HasStock => return Err(refused("has_stock", HAS_STOCK)),
        PutBundle::Done(SetBundle::Set(bundle, version)) => (BundleBody::from(&bundle), version),
        PutBundle::Done(SetBundle::Dissolved(version)) => (body, version),
        PutBundle::Done(SetBundle::NotFound) => return Err(Error::not_found("product").into()),
        PutBundle::Done(SetBundle::Stale(current)) => return Err(IfMatch::stale(current)),
        PutBundle::Done(SetBundle::SeveralVariants) => return Err(refused("several_variants", SEVERAL_VARIANTS)),
        PutBundle::Done(SetBundle::NotForSale(variant)) => {
            return Err(refused("not_for_sale", NOT_FOR_SALE).with("variant", variant));
        }
        PutBundle::Done(SetBundle::Nested(variant)) => {
            return Err(refused("nested_bundle", NESTED).with("variant", variant));
        }
    };
    let mut response = json(StatusCode::OK, body);
    response.headers_mut().insert(header::ETAG, etag(version));
    Ok(response)
}

fn refused(code: &'static str, detail: &'static str) -> Problem {
    Problem::conflict(code, detail)
}

pub const HAS_STOCK: &str =
    "It has pieces of its own on the shelf. A bundle is made of what its parts have: set its own stock to none first.";
pub const SEVERAL_VARIANTS: &str = "A bundle is one thing for one price: its product has one variant.";
pub const NOT_FOR_SALE: &str = "A part needs a price in the shop's currency, and its product must not be archived.";
pub const NESTED: &str = "A bundle is not a part of another one, nor of itself.";
