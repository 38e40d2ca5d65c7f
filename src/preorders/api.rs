//! Pre-orders over HTTP.

use super::arrive::{close, delay, receive};
use super::model::{Act, Preorder, PreorderState};
use super::store;
use super::take::{NewPreorder, take};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::http::{Json, NewId, Path, Problem, json};
use crate::identity::{Analyst, Creator};
use crate::kernel::{Error, PreorderId, Result as Done, ShopId, Time, VariantId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// Units that are sold before they are there.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Preorder)]
pub struct PreorderOut {
    pub id: PreorderId,
    pub variant: VariantId,
    pub state: PreorderState,
    /// Expected and arrived, and not given up.
    pub units: i64,
    /// Of these: here.
    pub arrived: i64,
    /// Pieces that were ever counted in, also what nobody expected and has gone to the shelf: it only grows. Say it as `after`.
    pub counted: i64,
    /// Can still be pre-ordered.
    pub left: i64,
    /// Inside checkouts now.
    pub reserved: i64,
    /// Units that wait for goods, and in how many orders' lines.
    pub waiting: i64,
    pub buyers_waiting: i64,
    /// What new buyers are promised.
    pub ships_by: Time,
    /// That day has passed, and somebody waits still.
    pub late: bool,
    pub created_at: Time,
}

impl PreorderOut {
    pub fn of(tx: &mut Tx<'_>, preorder: &Preorder) -> Done<Self> {
        let row = store::stock(tx, preorder)?;
        let (buyers_waiting, waiting) = store::waiting(tx, preorder.id)?;
        Ok(Self {
            id: preorder.id,
            variant: preorder.variant,
            state: preorder.state,
            units: preorder.units,
            arrived: preorder.arrived,
            counted: preorder.counted,
            left: match preorder.state {
                PreorderState::Open => row.map_or(0, |row| row.left()),
                _ => 0,
            },
            reserved: row.map_or(0, |row| row.reserved),
            waiting,
            buyers_waiting,
            ships_by: preorder.ships_by,
            late: preorder.late,
            created_at: preorder.created_at,
        })
    }
}

/// The shop's pre-orders, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Preorders)]
pub struct PreordersOut {
    pub data: Vec<PreorderOut>,
}

/// What is expected.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPreorder)]
pub struct PreorderIn {
    pub variant: VariantId,
    /// No more than so many are promised.
    pub units: u32,
    /// They leave by then, within 60 days.
    pub ships_by: Time,
}

/// Goods that came.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Arrival)]
pub struct ArrivalIn {
    pub units: u32,
    /// What had been counted in before, as you saw it (`counted`): if something else was counted meanwhile nothing is counted, so that the same goods count once.
    pub after: Option<i64>,
}

/// A later day.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PreorderDelay)]
pub struct DelayIn {
    pub ships_by: Time,
}

fn unknown() -> Problem {
    Error::not_found("pre-order").into()
}

async fn answer(app: &App, shop: ShopId, act: Act) -> Result<Response, Problem> {
    match act {
        Act::Done(preorder) | Act::Again(preorder) => shown(app, shop, preorder.id, StatusCode::OK).await,
        Act::NotFound => Err(unknown()),
        Act::Wrong(state) => Err(Problem::conflict(
            "wrong_preorder_state",
            "Everybody has theirs already: there is nothing to do.",
        )
        .with("state", state.word())),
    }
}

async fn shown(app: &App, shop: ShopId, id: PreorderId, status: StatusCode) -> Result<Response, Problem> {
    let found = app.db.read(move |tx| {
        let found = store::find(tx, shop, id)?;
        found.map(|preorder| PreorderOut::of(tx, &preorder)).transpose()
    });
    Ok(json(status, found.await?.ok_or_else(unknown)?))
}

/// The shop's pre-orders.
#[utoipa::path(get, path = "/v1/preorders", tag = "catalog", responses((status = 200, body = PreordersOut)))]
pub async fn list_preorders(State(app): State<App>, staff: Analyst) -> Result<Response, Problem> {
    let shop = staff.shop;
    let found = app.db.read(move |tx| {
        let all = store::list(tx, shop, 100)?;
        all.iter()
            .map(|preorder| PreorderOut::of(tx, preorder))
            .collect::<Done<Vec<_>>>()
    });
    Ok(json(StatusCode::OK, PreordersOut { data: found.await? }))
}

/// Sell units of a variant before they are there: a limited number, for a promised day, once the shelf is empty.
#[utoipa::path(post, path = "/v1/preorders", tag = "catalog", request_body = PreorderIn, responses((status = 201, body = PreorderOut),
    (status = 409, description = "`preorder_open`: there is one of this variant"), (status = 422, description = "`invalid_field`")))]
pub async fn post_preorder(
    State(app): State<App>,
    creator: Creator,
    id: NewId,
    Json(body): Json<PreorderIn>,
) -> Result<Response, Problem> {
    let (shop, id): (_, PreorderId) = (creator.0.shop, id.get());
    let new = NewPreorder {
        variant: body.variant,
        units: body.units,
        ships_by: body.ships_by,
    };
    app.db.write(LaneKey::of(id), move |tx| take(tx, shop, id, new)).await?;
    shown(&app, shop, id, StatusCode::CREATED).await
}

/// One pre-order.
#[utoipa::path(get, path = "/v1/preorders/{preorder}", tag = "catalog", params(("preorder" = PreorderId, Path)),
    responses((status = 200, body = PreorderOut), (status = 404)))]
pub async fn get_preorder(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<PreorderId>,
) -> Result<Response, Problem> {
    shown(&app, staff.shop, id, StatusCode::OK).await
}

/// Goods arrived. The oldest pre-orders get them first; what is more than expected is for sale at once. Say what had been counted in before (`after`), or send it with an `Idempotency-Key`.
#[utoipa::path(post, path = "/v1/preorders/{preorder}/arrivals", tag = "catalog", params(("preorder" = PreorderId, Path)), request_body = ArrivalIn,
    responses((status = 200, body = PreorderOut), (status = 404), (status = 409, description = "`wrong_preorder_state`"), (status = 422, description = "`invalid_field`")))]
pub async fn post_arrival(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<PreorderId>,
    Json(body): Json<ArrivalIn>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let act = app
        .db
        .write(LaneKey::of(id), move |tx| receive(tx, shop, id, body.units, body.after));
    answer(&app, shop, act.await?).await
}

/// They leave later: new buyers are promised that day, and whoever waits is told and may cancel.
#[utoipa::path(post, path = "/v1/preorders/{preorder}/delay", tag = "catalog", params(("preorder" = PreorderId, Path)), request_body = DelayIn,
    responses((status = 200, body = PreorderOut), (status = 404), (status = 409, description = "`wrong_preorder_state`"), (status = 422, description = "`invalid_field`")))]
pub async fn post_delay(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<PreorderId>,
    Json(body): Json<DelayIn>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let act = app
        .db
        .write(LaneKey::of(id), move |tx| delay(tx, shop, id, body.ships_by));
    answer(&app, shop, act.await?).await
}

/// Take no more pre-orders. Whoever waits, waits still.
#[utoipa::path(post, path = "/v1/preorders/{preorder}/closing", tag = "catalog", params(("preorder" = PreorderId, Path)),
    responses((status = 200, body = PreorderOut), (status = 404)))]
pub async fn post_preorder_closing(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<PreorderId>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let act = app.db.write(LaneKey::of(id), move |tx| close(tx, shop, id));
    answer(&app, shop, act.await?).await
}
