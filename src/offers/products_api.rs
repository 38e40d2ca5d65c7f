//! Products as viewers see them: what is for sale, for how much, and how many are left.

use super::api::AvailabilityOut;
use crate::app::App;
use crate::catalog::{self, Kind, Product, VariantState};
use crate::db::Tx;
use crate::http::{Path, Problem, Query, for_a_moment, json, json_unless_known};
use crate::identity::{self, Player, Shop};
use crate::inventory;
use crate::kernel::{Error, MoneyOut, PageIn, PageOut, ProductId, Result as Done, VariantId};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde::Serialize;

/// A product that is for sale.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Product)]
pub struct ProductOut {
    pub id: ProductId,
    pub slug: String,
    pub title: String,
    pub description: String,
    pub kind: Kind,
    /// A media path, or empty.
    pub image: String,
    pub page_url: String,
    pub version: i64,
    pub variants: Vec<VariantOut>,
}

/// A variant that can be bought, in the shop's currency.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Variant)]
pub struct VariantOut {
    pub id: VariantId,
    pub sku: String,
    pub title: String,
    pub price: MoneyOut,
    pub availability: AvailabilityOut,
}

/// A product with what is left of it; the number rises with every change of the stock.
fn product_out(tx: &mut Tx<'_>, shop: &Shop, base_url: &str, product: Product) -> Done<(ProductOut, i64)> {
    let mut stock_version = 0;
    let mut variants = Vec::new();
    for variant in catalog::variants(tx, shop.id, product.id, shop.currency)? {
        let (VariantState::Active, Some(price)) = (variant.state, variant.price) else {
            continue;
        };
        let stock = inventory::availability(tx, variant.id)?;
        stock_version += stock.version;
        variants.push(VariantOut {
            id: variant.id,
            sku: variant.sku,
            title: variant.title,
            price: price.into(),
            availability: AvailabilityOut {
                left: stock.left.max(0),
                in_checkouts: stock.in_checkouts,
            },
        });
    }
    let out = ProductOut {
        id: product.id,
        page_url: format!("{base_url}/s/{}/products/{}", shop.slug, product.slug),
        slug: product.slug,
        title: product.title,
        description: product.description,
        kind: product.kind,
        image: product.image,
        version: product.version,
        variants,
    };
    Ok((out, stock_version))
}

/// What is for sale, newest first.
#[utoipa::path(get, path = "/v1/products", tag = "catalog", params(PageIn), responses((status = 200, body = PageOut<ProductOut>)))]
pub async fn get_products(
    State(app): State<App>,
    player: Player,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let after = page.after::<ProductId>()?;
    let base_url = app.base_url.clone();
    let found = app.db.read_lately(move |tx| {
        let shop = identity::shop(tx, player.shop)?;
        let found = catalog::list_active(tx, shop.id, after, page.limit())?;
        let next = found.next;
        let products = found
            .data
            .into_iter()
            .map(|product| product_out(tx, &shop, &base_url, product).map(|(out, _)| out));
        Ok(PageOut {
            data: products.collect::<Done<Vec<_>>>()?,
            next,
        })
    });
    Ok(for_a_moment(json(StatusCode::OK, found.await?)))
}

/// A product that is for sale.
#[utoipa::path(get, path = "/v1/products/{product}", tag = "catalog", params(("product" = ProductId, Path)),
    responses((status = 200, body = ProductOut), (status = 304, description = "You have this version, and no stock moved."), (status = 404)))]
pub async fn get_product(
    State(app): State<App>,
    player: Player,
    Path(id): Path<ProductId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let base_url = app.base_url.clone();
    let found = app.db.read_lately(move |tx| {
        let shop = identity::shop(tx, player.shop)?;
        let product = catalog::find(tx, shop.id, id)?.filter(|product| product.state == catalog::ProductState::Active);
        product
            .map(|product| product_out(tx, &shop, &base_url, product))
            .transpose()
    });
    let (product, stock) = found.await?.ok_or_else(|| Error::not_found("product"))?;
    let tag = HeaderValue::try_from(format!("\"{}.{stock}\"", product.version))
        .map_err(|error| Error::internal("no tag").because(error))?;
    Ok(for_a_moment(json_unless_known(&headers, tag, product)))
}
