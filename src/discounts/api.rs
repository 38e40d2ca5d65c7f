//! Discounts as JSON, for the people of a shop. Buyers meet them in quotes.

use super::change::{Change, change, create};
use super::model::{Discount, DiscountState, NewDiscount, Rule, Takes};
use super::store;
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{IfMatch, Json, NewId, Path, Problem, Query, etag, json};
use crate::identity::{self, Analyst, Creator};
use crate::kernel::{DiscountId, Error, MoneyOut, PageIn, PageOut, ProductId, Time};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A discount.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Discount)]
pub struct DiscountOut {
    pub id: DiscountId,
    pub name: String,
    /// What a buyer types, in capitals; absent: it applies by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    pub takes: Takes,
    /// The products it is for; none: everything.
    pub products: Vec<ProductId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<MoneyOut>,
    pub priority: i64,
    pub combinable: bool,
    pub starts_at: Time,
    pub ends_at: Option<Time>,
    /// How often it may be had altogether; 0: no limit.
    pub uses_max: u32,
    /// How often one buyer may have it; 0: no limit.
    pub uses_per_buyer: u32,
    pub state: DiscountState,
    /// How often it was had and not given back; where one discount is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uses: Option<i64>,
    pub version: i64,
    pub created_at: Time,
    pub changed_at: Time,
}

impl DiscountOut {
    fn new(discount: &Discount, uses: Option<i64>) -> Self {
        let rule = &discount.rule;
        Self {
            id: discount.id,
            name: rule.name.clone(),
            code: discount.code.clone(),
            takes: rule.takes.clone(),
            products: rule.products.clone(),
            minimum: rule.minimum,
            priority: rule.priority,
            combinable: rule.combinable,
            starts_at: discount.starts_at,
            ends_at: discount.ends_at,
            uses_max: discount.uses_max,
            uses_per_buyer: rule.per_buyer,
            state: discount.state,
            uses,
            version: discount.version,
            created_at: discount.created_at,
            changed_at: discount.changed_at,
        }
    }
}

/// A discount to make.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDiscount)]
pub struct DiscountIn {
    /// Buyers see it beside what it takes off.
    pub name: String,
    /// 3 to 32 letters, digits, `-` or `_`, in any case. Absent: it applies by itself.
    #[serde(default)]
    pub code: String,
    pub takes: Takes,
    /// The products it is for; none: everything.
    #[serde(default)]
    pub products: Vec<ProductId>,
    /// What the lines it is for must come to before anything is taken off.
    #[serde(default)]
    pub minimum: Option<MoneyOut>,
    /// 0 to 1000; the smallest goes first. 100 if absent.
    #[serde(default = "usual_priority")]
    pub priority: i64,
    /// Whether it works together with others.
    #[serde(default)]
    pub combinable: bool,
    /// Absent: at once.
    #[serde(default)]
    pub starts_at: Option<Time>,
    /// Absent: until somebody ends it.
    #[serde(default)]
    pub ends_at: Option<Time>,
    /// How often it may be had altogether; 0: no limit.
    #[serde(default)]
    pub uses_max: u32,
    /// How often one buyer may have it; 0: no limit.
    #[serde(default)]
    pub uses_per_buyer: u32,
}

/// Where it stands among others if nobody says.
pub const USUAL_PRIORITY: i64 = 100;

fn usual_priority() -> i64 {
    USUAL_PRIORITY
}

impl From<DiscountIn> for NewDiscount {
    fn from(given: DiscountIn) -> Self {
        Self {
            code: given.code,
            rule: Rule {
                name: given.name,
                takes: given.takes,
                products: given.products,
                minimum: given.minimum,
                priority: given.priority,
                combinable: given.combinable,
                per_buyer: given.uses_per_buyer,
            },
            starts_at: given.starts_at,
            ends_at: given.ends_at,
            uses_max: given.uses_max,
        }
    }
}

/// What a discount becomes: what is absent stays. What was quoted before is honoured by the version it was quoted with.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DiscountEdit)]
pub struct DiscountEditIn {
    pub name: Option<String>,
    /// Empty: it applies by itself.
    pub code: Option<String>,
    pub takes: Option<Takes>,
    pub products: Option<Vec<ProductId>>,
    pub minimum: Option<MoneyOut>,
    pub priority: Option<i64>,
    pub combinable: Option<bool>,
    pub starts_at: Option<Time>,
    pub ends_at: Option<Time>,
    pub uses_max: Option<u32>,
    pub uses_per_buyer: Option<u32>,
    /// `ended` ends it, `active` takes it up again.
    pub state: Option<DiscountState>,
}

impl DiscountEditIn {
    fn on(self, before: &Discount) -> (NewDiscount, DiscountState) {
        let rule = before.rule.clone();
        let new = NewDiscount {
            code: self.code.unwrap_or_else(|| before.code.clone().unwrap_or_default()),
            rule: Rule {
                name: self.name.unwrap_or(rule.name),
                takes: self.takes.unwrap_or(rule.takes),
                products: self.products.unwrap_or(rule.products),
                minimum: self.minimum.or(rule.minimum),
                priority: self.priority.unwrap_or(rule.priority),
                combinable: self.combinable.unwrap_or(rule.combinable),
                per_buyer: self.uses_per_buyer.unwrap_or(rule.per_buyer),
            },
            starts_at: self.starts_at,
            ends_at: self.ends_at.or(before.ends_at),
            uses_max: self.uses_max.unwrap_or(before.uses_max),
        };
        (new, self.state.unwrap_or(before.state))
    }
}

fn answer(status: StatusCode, change: Change) -> Result<Response, Problem> {
    match change {
        Change::Done(discount) => {
            let mut response = json(status, DiscountOut::new(&discount, None));
            response.headers_mut().insert(header::ETAG, etag(discount.version));
            Ok(response)
        }
        Change::NotFound => Err(Error::not_found("discount").into()),
        Change::Stale(current) => Err(IfMatch::stale(current)),
        Change::CodeTaken => Err(Problem::conflict(
            "code_taken",
            "Another discount has this code, or had it. Choose another one.",
        )
        .with_field("/code", "Taken.")),
        Change::TooMany => Err(Problem::conflict(
            "too_many_discounts",
            "Fifty discounts apply by themselves already. End one of them first.",
        )),
    }
}

/// The shop's discounts, newest first.
#[utoipa::path(get, path = "/v1/discounts", tag = "catalog", params(PageIn), responses((status = 200, body = PageOut<DiscountOut>)))]
pub async fn list_discounts(
    State(app): State<App>,
    staff: Analyst,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let found = app
        .db
        .read(move |tx| store::list(tx, shop, page.after()?, page.limit()))
        .await?;
    Ok(json(StatusCode::OK, found.map(|one| DiscountOut::new(&one, None))))
}

/// Make a discount.
#[utoipa::path(post, path = "/v1/discounts", tag = "catalog", request_body = DiscountIn, responses((status = 201, body = DiscountOut),
    (status = 409, description = "`code_taken`, `too_many_discounts`"), (status = 422, description = "`invalid_field`")))]
pub async fn post_discount(
    State(app): State<App>,
    creator: Creator,
    id: NewId,
    Json(body): Json<DiscountIn>,
) -> Result<Response, Problem> {
    let (shop, who, new) = (creator.0.shop, creator.0.staff, NewDiscount::from(body));
    let made = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        create(tx, (shop, currency), id.get(), &new, who)
    });
    answer(StatusCode::CREATED, made.await?)
}

/// A discount as it is now.
#[utoipa::path(get, path = "/v1/discounts/{discount}", tag = "catalog", params(("discount" = DiscountId, Path)),
    responses((status = 200, body = DiscountOut), (status = 404)))]
pub async fn get_discount(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<DiscountId>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let (discount, uses) = app
        .db
        .read(move |tx| {
            let discount = store::find(tx, shop, id)?.ok_or_else(|| Error::not_found("discount"))?;
            Ok((discount, store::uses(tx, id)?))
        })
        .await?;
    let mut response = json(StatusCode::OK, DiscountOut::new(&discount, Some(uses)));
    response.headers_mut().insert(header::ETAG, etag(discount.version));
    Ok(response)
}

/// Change a discount, end it, or take it up again. Orders keep what they were sold with, and quotes what they were made with.
#[utoipa::path(patch, path = "/v1/discounts/{discount}", tag = "catalog", params(("discount" = DiscountId, Path),
    ("If-Match" = String, Header, description = "The version you edit, in quotes.")), request_body = DiscountEditIn,
    responses((status = 200, body = DiscountOut), (status = 404), (status = 409, description = "`code_taken`"), (status = 412, description = "`stale`"),
    (status = 422, description = "`invalid_field`: also a limit below what was had already.")))]
pub async fn patch_discount(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DiscountId>,
    IfMatch(version): IfMatch,
    Json(body): Json<DiscountEditIn>,
) -> Result<Response, Problem> {
    let (shop, who) = (creator.0.shop, creator.0.staff);
    let before = app.db.read(move |tx| store::find(tx, shop, id)).await?;
    let before = before.ok_or_else(|| Error::not_found("discount"))?;
    let (new, state) = body.on(&before);
    let changed = app.db.write(LaneKey::of(shop), move |tx| {
        let currency = identity::shop(tx, shop)?.currency;
        change(tx, (shop, currency), id, version, (&new, state), who)
    });
    answer(StatusCode::OK, changed.await?)
}
