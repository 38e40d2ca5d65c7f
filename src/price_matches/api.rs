//! Batches of differences as JSON.

use super::draw_up::{Act, DrawUp, NewPriceMatch, act, draw_up};
use super::model::{MatchOrder, MatchState, NewPrice, OrderState, PriceMatch, Progress};
use super::store;
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{Json, NewId, Path, Problem, Query, json};
use crate::identity::{Analyst, Creator};
use crate::kernel::{DropId, Error, MoneyOut, OrderId, PageIn, PageOut, PriceMatchId, ShopId, Time};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A difference that is given back to all earlier buyers, and how far it is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PriceMatch)]
pub struct PriceMatchOut {
    pub id: PriceMatchId,
    pub title: String,
    pub state: MatchState,
    pub drop: Option<DropId>,
    pub from: Time,
    pub until: Time,
    pub prices: Vec<NewPrice>,
    pub progress: ProgressOut,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub ended_at: Option<Time>,
    pub version: i64,
}

/// How far it is. While it is `counting`, what was counted so far.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PriceMatchProgress)]
pub struct ProgressOut {
    pub orders: u64,
    /// What will go back, as it was counted.
    pub planned: MoneyOut,
    pub waiting: u64,
    /// Their money is not taken yet; they are looked at again.
    pub later: u64,
    pub done: u64,
    pub skipped: u64,
    pub refunded: MoneyOut,
    pub percent: u64,
}

impl PriceMatchOut {
    fn new(found: &PriceMatch, progress: &Progress) -> Self {
        Self {
            id: found.id,
            title: found.title.clone(),
            state: found.state,
            drop: found.drop,
            from: found.from_at,
            until: found.until_at,
            prices: found.prices.clone(),
            progress: ProgressOut {
                orders: progress.orders,
                planned: found.money(progress.planned_minor).into(),
                waiting: progress.waiting,
                later: progress.later,
                done: progress.done,
                skipped: progress.skipped,
                refunded: found.money(progress.refunded_minor).into(),
                percent: progress.percent(),
            },
            created_at: found.created_at,
            started_at: found.started_at,
            ended_at: found.ended_at,
            version: found.version,
        }
    }
}

/// An order of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PriceMatchOrder)]
pub struct MatchOrderOut {
    pub order: OrderId,
    pub state: OrderState,
    pub planned: MoneyOut,
    pub refunded: MoneyOut,
    /// Of one that was skipped, or waits.
    pub why: String,
}

impl MatchOrderOut {
    fn new(found: &PriceMatch, row: &MatchOrder) -> Self {
        Self {
            order: row.order,
            state: row.state,
            planned: found.money(row.planned_minor).into(),
            refunded: found.money(row.refunded_minor).into(),
            why: row.why.clone(),
        }
    }
}

/// What is to be matched.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPriceMatch)]
pub struct PriceMatchIn {
    /// Chosen by the client; sending it again is the same batch.
    #[serde(default)]
    id: Option<PriceMatchId>,
    #[serde(default)]
    title: String,
    /// Only what was sold in this drop.
    #[serde(default)]
    drop: Option<DropId>,
    /// Orders confirmed from then on; absent: from the first.
    #[serde(default)]
    from: Option<Time>,
    /// And before then; absent: until now.
    #[serde(default)]
    until: Option<Time>,
    prices: Vec<NewPrice>,
}

/// Which orders of it.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct MatchOrdersIn {
    #[serde(default)]
    state: Option<OrderState>,
    #[serde(default)]
    limit: Option<u32>,
    #[serde(default)]
    after: Option<String>,
}

async fn shown(app: &App, shop: ShopId, id: PriceMatchId, status: StatusCode) -> Result<Response, Problem> {
    let read = app
        .db
        .read(move |tx| Ok((store::find(tx, shop, id)?, store::progress(tx, id)?)))
        .await?;
    let (Some(found), progress) = read else {
        return Err(Error::not_found("price match").into());
    };
    Ok(json(status, PriceMatchOut::new(&found, &progress)))
}

/// Batches, newest first.
#[utoipa::path(get, path = "/v1/price-matches", tag = "orders", params(PageIn), responses((status = 200, body = PageOut<PriceMatchOut>)))]
pub async fn list_price_matches(
    State(app): State<App>,
    staff: Analyst,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let (data, next) = app
        .db
        .read(move |tx| {
            let found = store::list(tx, shop, page.after()?, page.limit())?;
            let mut data = Vec::with_capacity(found.data.len());
            for one in &found.data {
                data.push(PriceMatchOut::new(one, &store::progress(tx, one.id)?));
            }
            Ok((data, found.next))
        })
        .await?;
    Ok(json(StatusCode::OK, &PageOut { data, next }))
}

/// Draws one up. It counts its orders by itself: read it until it is `ready`, look at the sum, and start it.
#[utoipa::path(post, path = "/v1/price-matches", tag = "orders", request_body = PriceMatchIn,
    responses((status = 201, body = PriceMatchOut), (status = 200, body = PriceMatchOut, description = "The same again."),
    (status = 409, description = "`no_such_drop`."), (status = 422)))]
pub async fn post_price_match(
    State(app): State<App>,
    creator: Creator,
    new_id: NewId,
    Json(body): Json<PriceMatchIn>,
) -> Result<Response, Problem> {
    let (shop, staff) = (creator.0.shop, creator.0.staff);
    let id = body.id.unwrap_or_else(|| new_id.get());
    let drawn = app
        .db
        .write(LaneKey::of(id), move |tx| {
            let new = NewPriceMatch {
                id,
                title: body.title.clone(),
                drop: body.drop,
                from_at: body.from,
                until_at: body.until,
                prices: body.prices.clone(),
                staff,
            };
            draw_up(tx, shop, new)
        })
        .await?;
    match drawn {
        DrawUp::Drawn(drawn) => shown(&app, shop, drawn.id, StatusCode::CREATED).await,
        DrawUp::Again(drawn) => shown(&app, shop, drawn.id, StatusCode::OK).await,
        DrawUp::NoSuchDrop => Err(Problem::conflict("no_such_drop", "There is no such drop.")),
    }
}

/// One of them, and how far it is.
#[utoipa::path(get, path = "/v1/price-matches/{price_match}", tag = "orders", params(("price_match" = PriceMatchId, Path)),
    responses((status = 200, body = PriceMatchOut), (status = 404)))]
pub async fn get_price_match(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<PriceMatchId>,
) -> Result<Response, Problem> {
    shown(&app, staff.0.shop, id, StatusCode::OK).await
}

/// Its orders: all, or those that were skipped, say.
#[utoipa::path(get, path = "/v1/price-matches/{price_match}/orders", tag = "orders", params(("price_match" = PriceMatchId, Path), MatchOrdersIn),
    responses((status = 200, body = PageOut<MatchOrderOut>), (status = 404)))]
pub async fn list_price_match_orders(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<PriceMatchId>,
    Query(asked): Query<MatchOrdersIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let page = PageIn {
        limit: asked.limit,
        after: asked.after,
    };
    let state = asked.state;
    let read = app
        .db
        .read(move |tx| {
            let Some(found) = store::find(tx, shop, id)? else {
                return Ok(None);
            };
            let rows = store::orders(tx, id, state, page.after()?, page.limit())?;
            Ok(Some(rows.map(|row| MatchOrderOut::new(&found, &row))))
        })
        .await?;
    let rows = read.ok_or_else(|| Error::not_found("price match"))?;
    Ok(json(StatusCode::OK, &rows))
}

async fn done(app: &App, shop: ShopId, id: PriceMatchId, what: Act) -> Result<Response, Problem> {
    let found = app.db.write(LaneKey::of(id), move |tx| act(tx, shop, id, what)).await?;
    match found {
        Some(_) => shown(app, shop, id, StatusCode::OK).await,
        None => Err(Error::not_found("price match").into()),
    }
}

/// Starts it, or lets it go on after a pause.
#[utoipa::path(post, path = "/v1/price-matches/{price_match}/start", tag = "orders", params(("price_match" = PriceMatchId, Path)),
    responses((status = 200, body = PriceMatchOut), (status = 404), (status = 409, description = "`wrong_state`.")))]
pub async fn post_price_match_start(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<PriceMatchId>,
) -> Result<Response, Problem> {
    done(&app, creator.0.shop, id, Act::Start).await
}

/// Pauses it: what is on its way arrives, nothing more begins.
#[utoipa::path(post, path = "/v1/price-matches/{price_match}/pause", tag = "orders", params(("price_match" = PriceMatchId, Path)),
    responses((status = 200, body = PriceMatchOut), (status = 404), (status = 409, description = "`wrong_state`.")))]
pub async fn post_price_match_pause(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<PriceMatchId>,
) -> Result<Response, Problem> {
    done(&app, creator.0.shop, id, Act::Pause).await
}

/// Ends it. What went back stays so.
#[utoipa::path(post, path = "/v1/price-matches/{price_match}/cancellation", tag = "orders", params(("price_match" = PriceMatchId, Path)),
    responses((status = 200, body = PriceMatchOut), (status = 404), (status = 409, description = "`wrong_state`.")))]
pub async fn post_price_match_cancellation(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<PriceMatchId>,
) -> Result<Response, Problem> {
    done(&app, creator.0.shop, id, Act::Cancel).await
}
