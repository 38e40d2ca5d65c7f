//! Products as their staff see and change them, as JSON. What viewers see, with stock, is in `offers`.

use super::{
    AddVariant, Create, Edit, Kind, NewProduct, NewVariant, Product, ProductEdit, ProductState, SetPrice, TaxCategory,
    Variant, VariantEdit, VariantState, add_variant, create, edit_product, edit_variant, find, set_price, variants,
};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::http::{IfMatch, Json, NewId, Path, Problem, etag, json, json_unless_known};
use crate::identity::{self, Analyst, Creator};
use crate::kernel::{ContractId, Currency, Error, Money, MoneyOut, ProductId, Result as Done, ShopId, Time, VariantId};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A product as its staff see it: drafts and archived variants too.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ProductDraft)]
pub struct ProductDraftOut {
    pub id: ProductId,
    pub slug: String,
    pub title: String,
    pub description: String,
    pub kind: Kind,
    pub tax_category: TaxCategory,
    /// A media path, or empty.
    pub image: String,
    pub state: ProductState,
    /// Who earns; none: everything is the shop's.
    pub contract: Option<ContractId>,
    /// Rises with every change of the product, its variants or their prices.
    pub version: i64,
    pub variants: Vec<VariantDraftOut>,
    pub created_at: Time,
    pub changed_at: Time,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = VariantDraft)]
pub struct VariantDraftOut {
    pub id: VariantId,
    pub product: ProductId,
    pub sku: String,
    pub title: String,
    pub weight_grams: u32,
    pub position: i64,
    pub state: VariantState,
    /// In the shop's currency.
    pub price: Option<MoneyOut>,
}

impl From<Variant> for VariantDraftOut {
    fn from(variant: Variant) -> Self {
        Self {
            id: variant.id,
            product: variant.product,
            sku: variant.sku,
            title: variant.title,
            weight_grams: variant.weight_grams,
            position: variant.position,
            state: variant.state,
            price: variant.price.map(MoneyOut::from),
        }
    }
}

impl ProductDraftOut {
    pub fn new(product: Product, variants: Vec<Variant>) -> Self {
        Self {
            id: product.id,
            slug: product.slug,
            title: product.title,
            description: product.description,
            kind: product.kind,
            tax_category: product.tax_category,
            image: product.image,
            state: product.state,
            contract: product.contract,
            version: product.version,
            variants: variants.into_iter().map(VariantDraftOut::from).collect(),
            created_at: product.created_at,
            changed_at: product.changed_at,
        }
    }
}

/// A new product, with its first variants if they are known.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewProduct)]
pub struct ProductIn {
    pub title: String,
    /// Made from the title when absent.
    pub slug: Option<String>,
    #[serde(default)]
    pub description: String,
    pub kind: Kind,
    pub tax_category: Option<TaxCategory>,
    #[serde(default)]
    pub image: String,
    /// A draft when absent.
    pub state: Option<ProductState>,
    #[serde(default)]
    pub variants: Vec<VariantIn>,
}

/// A new variant.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewVariant)]
pub struct VariantIn {
    #[serde(default)]
    pub title: String,
    /// Made from the product's address when absent.
    pub sku: Option<String>,
    #[serde(default)]
    #[schema(maximum = 1_000_000)]
    pub weight_grams: u32,
    pub price: Option<MoneyOut>,
}

impl From<VariantIn> for NewVariant {
    fn from(new: VariantIn) -> Self {
        Self {
            title: new.title,
            sku: new.sku,
            weight_grams: new.weight_grams,
            price: new.price.map(Money::from),
        }
    }
}

/// What is to be different about a product; what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProductEdit)]
pub struct ProductEditIn {
    pub title: Option<String>,
    pub slug: Option<String>,
    pub description: Option<String>,
    pub tax_category: Option<TaxCategory>,
    pub image: Option<String>,
    /// `active` needs a variant with a price; `archived` ends the sale and keeps the product readable.
    pub state: Option<ProductState>,
}

/// What is to be different about a variant; what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = VariantEdit)]
pub struct VariantEditIn {
    pub title: Option<String>,
    pub sku: Option<String>,
    #[schema(maximum = 1_000_000)]
    pub weight_grams: Option<u32>,
    pub position: Option<i64>,
    pub state: Option<VariantState>,
}

/// A price, in minor units of the currency in the address.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPrice)]
pub struct PriceIn {
    pub amount: i64,
}

/// A price as it was set.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Price)]
pub struct PriceOut {
    pub variant: VariantId,
    pub price: MoneyOut,
    /// Of the product, after the change.
    pub version: i64,
}

fn with_version(status: StatusCode, version: i64, body: impl Serialize) -> Response {
    let mut response = json(status, body);
    response.headers_mut().insert(header::ETAG, etag(version));
    response
}

fn slug_taken() -> Problem {
    Problem::conflict("slug_taken", "Another product has this address. Choose another one.")
        .with_field("/slug", "Taken.")
}

fn sku_taken() -> Problem {
    Problem::conflict("sku_taken", "Another variant has this SKU. Choose another one.").with_field("/sku", "Taken.")
}

fn nothing_to_sell() -> Problem {
    Problem::conflict(
        "nothing_to_sell",
        "An active product needs an active variant with a price in the shop's currency.",
    )
}

fn too_many_variants() -> Problem {
    Problem::conflict("too_many_variants", "A product has at most 50 variants.")
}

/// A product with everything staff know of it.
#[utoipa::path(get, path = "/v1/products/{product}/draft", tag = "catalog", params(("product" = ProductId, Path)),
    responses((status = 200, body = ProductDraftOut), (status = 304, description = "You have this version."), (status = 404)))]
pub async fn get_product_draft(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<ProductId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let found = app
        .db
        .read(move |tx| draft(tx, shop, id))
        .await?
        .ok_or_else(|| Error::not_found("product"))?;
    Ok(json_unless_known(&headers, etag(found.version), found))
}

fn draft(tx: &mut Tx<'_>, shop: ShopId, id: ProductId) -> Done<Option<ProductDraftOut>> {
    let Some(product) = find(tx, shop, id)? else {
        return Ok(None);
    };
    let currency = identity::shop(tx, shop)?.currency;
    let variants = variants(tx, shop, id, currency)?;
    Ok(Some(ProductDraftOut::new(product, variants)))
}

/// Make a product.
#[utoipa::path(post, path = "/v1/products", tag = "catalog", request_body = ProductIn, responses((status = 201, body = ProductDraftOut),
    (status = 409, description = "`slug_taken`, `sku_taken`, `too_many_variants`, or `nothing_to_sell`: active without a price.")))]
pub async fn post_product(
    State(app): State<App>,
    staff: Creator,
    id: NewId,
    Json(new): Json<ProductIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let new = NewProduct {
        title: new.title,
        slug: new.slug,
        description: new.description,
        kind: new.kind,
        tax_category: new.tax_category.unwrap_or(TaxCategory::Standard),
        image: new.image,
        state: new.state.unwrap_or(ProductState::Draft),
        variants: new.variants.into_iter().map(NewVariant::from).collect(),
    };
    let made = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        create(tx, (shop, currency), id.get(), &new)
    });
    match made.await? {
        Create::Created(product, variants) => Ok(with_version(
            StatusCode::CREATED,
            product.version,
            ProductDraftOut::new(product, variants),
        )),
        Create::SlugTaken => Err(slug_taken()),
        Create::SkuTaken(sku) => Err(sku_taken().with("sku", sku)),
        Create::TooManyVariants => Err(too_many_variants()),
        Create::NothingToSell => Err(nothing_to_sell()),
    }
}

/// Edit a product; `state` puts it on sale, hides or archives it.
#[utoipa::path(patch, path = "/v1/products/{product}", tag = "catalog",
    params(("product" = ProductId, Path), ("If-Match" = String, Header, description = "The version you edit, in quotes.")),
    request_body = ProductEditIn, responses((status = 200, body = ProductDraftOut), (status = 404), (status = 412, description = "`stale`"),
    (status = 409, description = "`slug_taken` or `nothing_to_sell`.")))]
pub async fn patch_product(
    State(app): State<App>,
    staff: Creator,
    Path(id): Path<ProductId>,
    IfMatch(version): IfMatch,
    Json(edit): Json<ProductEditIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let edit = ProductEdit {
        title: edit.title,
        slug: edit.slug,
        description: edit.description,
        tax_category: edit.tax_category,
        image: edit.image,
        state: edit.state,
    };
    let edited = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        let edited = edit_product(tx, (shop, currency), id, version, &edit)?;
        Ok((edited, variants(tx, shop, id, currency)?))
    });
    let (edited, variants) = edited.await?;
    answer(edited, "product", |product| ProductDraftOut::new(product, variants))
}

/// Add a variant to a product.
#[utoipa::path(post, path = "/v1/products/{product}/variants", tag = "catalog", params(("product" = ProductId, Path)),
    request_body = VariantIn, responses((status = 201, body = VariantDraftOut), (status = 404),
    (status = 409, description = "`sku_taken` or `too_many_variants`.")))]
pub async fn post_variant(
    State(app): State<App>,
    staff: Creator,
    Path(product): Path<ProductId>,
    id: NewId,
    Json(new): Json<VariantIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let new = NewVariant::from(new);
    let added = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        add_variant(tx, (shop, currency), product, id.get(), &new)
    });
    match added.await? {
        AddVariant::Added(variant) => Ok(json(StatusCode::CREATED, VariantDraftOut::from(variant))),
        AddVariant::NotFound => Err(Error::not_found("product").into()),
        AddVariant::SkuTaken => Err(sku_taken()),
        AddVariant::TooManyVariants => Err(too_many_variants()),
    }
}

/// Edit a variant. The version is its product's.
#[utoipa::path(patch, path = "/v1/variants/{variant}", tag = "catalog",
    params(("variant" = VariantId, Path), ("If-Match" = String, Header, description = "The product's version, in quotes.")),
    request_body = VariantEditIn, responses((status = 200, body = VariantDraftOut), (status = 404), (status = 412, description = "`stale`"),
    (status = 409, description = "`sku_taken`, or `nothing_to_sell`: the last variant of an active product stays.")))]
pub async fn patch_variant(
    State(app): State<App>,
    staff: Creator,
    Path(id): Path<VariantId>,
    IfMatch(version): IfMatch,
    Json(edit): Json<VariantEditIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let edit = VariantEdit {
        title: edit.title,
        sku: edit.sku,
        weight_grams: edit.weight_grams,
        position: edit.position,
        state: edit.state,
    };
    let edited = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        edit_variant(tx, (shop, currency), id, version, &edit)
    });
    answer(edited.await?, "variant", VariantDraftOut::from)
}

fn answer<T, O: Serialize>(edited: Edit<T>, what: &'static str, out: impl FnOnce(T) -> O) -> Result<Response, Problem> {
    match edited {
        Edit::Edited(thing, version) => Ok(with_version(StatusCode::OK, version, out(thing))),
        Edit::NotFound => Err(Error::not_found(what).into()),
        Edit::Stale(current) => Err(IfMatch::stale(current)),
        Edit::SlugTaken => Err(slug_taken()),
        Edit::SkuTaken => Err(sku_taken()),
        Edit::NothingToSell => Err(nothing_to_sell()),
    }
}

/// Set a variant's price in one currency. Quotes already shown keep theirs while they hold, unless it fell.
#[utoipa::path(put, path = "/v1/variants/{variant}/prices/{currency}", tag = "catalog",
    params(("variant" = VariantId, Path), ("currency" = Currency, Path)),
    request_body = PriceIn, responses((status = 200, body = PriceOut), (status = 404)))]
pub async fn put_price(
    State(app): State<App>,
    staff: Creator,
    Path((id, currency)): Path<(VariantId, Currency)>,
    Json(new): Json<PriceIn>,
) -> Result<Response, Problem> {
    let shop = staff.shop;
    let price = Money::new(new.amount, currency);
    match app
        .db
        .write(LaneKey::of(shop), move |tx| set_price(tx, shop, id, None, price))
        .await?
    {
        SetPrice::Set { price, product_version } => {
            let out = PriceOut {
                variant: id,
                price: price.into(),
                version: product_version,
            };
            Ok(with_version(StatusCode::OK, product_version, out))
        }
        SetPrice::NotFound => Err(Error::not_found("variant").into()),
        SetPrice::Stale(current) => Err(IfMatch::stale(current)),
    }
}
