//! Exchanges as JSON, for the people of the shop. A buyer asks on their order's page.

use super::ask::{Ask, AskFor, ask, preview};
use super::end::{End, end};
use super::model::{Exchange, ExchangeState};
use super::store;
use crate::app::App;
use crate::checkout::{self, Ship};
use crate::http::{Json, NewId, Path, Problem, json};
use crate::identity::Creator;
use crate::kernel::{Error, ExchangeId, Money, MoneyOut, OrderId, ReturnId, ShopId, Time, VariantId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// Something comes back, and something else leaves for it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Exchange)]
pub struct ExchangeOut {
    pub id: ExchangeId,
    pub order: OrderId,
    pub state: ExchangeState,
    /// What comes back; its return says where that is, and receives it.
    pub back: Ship,
    pub r#return: ReturnId,
    /// What leaves for it, as many; kept from the start.
    pub variant: VariantId,
    pub title: String,
    /// What that costs, with its delivery, as it was shown when it was asked for.
    pub costs: MoneyOut,
    /// Of one to pay: what is dearer.
    pub missing: MoneyOut,
    /// Until when the goods have to be here; of one to pay, its money.
    pub due_by: Time,
    /// The order that left for it.
    pub placed: Option<OrderId>,
    pub asked_at: Time,
    pub ended_at: Option<Time>,
    /// Why it waits, or why it ended without a new order.
    pub trouble: String,
}

impl From<&Exchange> for ExchangeOut {
    fn from(found: &Exchange) -> Self {
        let money = |minor| MoneyOut::from(Money::new(minor, found.quote.currency));
        Self {
            id: found.id,
            order: found.order,
            state: found.state,
            back: found.unit,
            r#return: found.back(),
            variant: found.variant,
            title: found.wanted(),
            costs: money(found.quote.total_minor),
            missing: money(found.missing_minor),
            due_by: found.due_by,
            placed: found.placed(),
            asked_at: found.asked_at,
            ended_at: found.ended_at,
            trouble: found.trouble.clone(),
        }
    }
}

/// The exchanges of an order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Exchanges)]
pub struct ExchangesOut {
    pub data: Vec<ExchangeOut>,
}

/// What a buyer wants instead of what they have.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewExchange)]
pub struct ExchangeIn {
    /// Chosen by the client; sending it again is the same exchange.
    #[serde(default)]
    id: Option<ExchangeId>,
    /// What comes back: it has left.
    back: Ship,
    /// What leaves for it, as many.
    variant: VariantId,
}

/// Why an exchange ends.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ExchangeClosing)]
pub struct ExchangeClosingIn {
    reason: String,
}

/// The exchanges of an order, oldest first.
#[utoipa::path(get, path = "/v1/orders/{order}/exchanges", tag = "orders", params(("order" = OrderId, Path)),
    responses((status = 200, body = ExchangesOut), (status = 404)))]
pub async fn list_exchanges(
    State(app): State<App>,
    creator: Creator,
    Path(order): Path<OrderId>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let read = app
        .db
        .read(move |tx| {
            if checkout::order(tx, shop, order)?.is_none() {
                return Ok(None);
            }
            store::of_order(tx, shop, order).map(Some)
        })
        .await?;
    let all = read.ok_or_else(|| Error::not_found("order"))?;
    let data = all.iter().map(ExchangeOut::from).collect();
    Ok(json(StatusCode::OK, ExchangesOut { data }))
}

/// What an exchange would come to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = ExchangePreview)]
pub struct ExchangePreviewOut {
    /// What the pieces that come back are worth.
    pub comes_back: MoneyOut,
    /// What leaves costs, with its delivery.
    pub costs: MoneyOut,
    /// What the buyer would have to pay once the goods are here.
    pub missing: MoneyOut,
    /// What would go back the way it came.
    pub back: MoneyOut,
}

/// What an exchange would come to; nothing is kept or written down. An `id` is not needed.
#[utoipa::path(post, path = "/v1/orders/{order}/exchange-previews", tag = "orders", params(("order" = OrderId, Path)), request_body = ExchangeIn,
    responses((status = 200, body = ExchangePreviewOut), (status = 404),
    (status = 409, description = "`not_theirs`, `not_exchangeable`, `not_for_sale`, `dispute_open`.")))]
pub async fn post_exchange_preview(
    State(app): State<App>,
    creator: Creator,
    Path(order): Path<OrderId>,
    Json(body): Json<ExchangeIn>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let read = app.db.read(move |tx| match checkout::view(tx, shop, order)? {
        Some(view) => preview(tx, &view, body.back, body.variant).map(Some),
        None => Ok(None),
    });
    let found = read.await?.ok_or_else(|| Error::not_found("order"))?;
    let money = |minor| MoneyOut::from(Money::new(minor, found.quote.currency));
    let out = ExchangePreviewOut {
        comes_back: money(found.comes_back_minor),
        costs: money(found.quote.total_minor),
        missing: money(found.sums.missing_minor),
        back: money(found.sums.back_minor),
    };
    Ok(json(StatusCode::OK, out))
}

/// A buyer wants something else: it is kept for them, and what they have is asked back. Received by its return, its money pays for the new order.
#[utoipa::path(post, path = "/v1/orders/{order}/exchanges", tag = "orders", params(("order" = OrderId, Path)), request_body = ExchangeIn,
    responses((status = 201, body = ExchangeOut), (status = 200, body = ExchangeOut, description = "The same again."), (status = 404),
    (status = 409, description = "`sold_out`, `not_theirs`, `not_exchangeable`, `not_for_sale`, `bundle_goes_back_whole`, `dispute_open`, `id_reused`: then nothing was changed.")))]
pub async fn post_exchange(
    State(app): State<App>,
    creator: Creator,
    Path(order): Path<OrderId>,
    new_id: NewId,
    Json(body): Json<ExchangeIn>,
) -> Result<Response, Problem> {
    let wish = AskFor {
        id: body.id.unwrap_or_else(|| new_id.get()),
        unit: body.back,
        variant: body.variant,
        staff: creator.0.staff,
    };
    match ask(&app, creator.0.shop, order, wish).await? {
        Ask::Asked(found) => Ok(json(StatusCode::CREATED, ExchangeOut::from(&*found))),
        Ask::Again(found) => Ok(json(StatusCode::OK, ExchangeOut::from(&*found))),
        Ask::NotFound => Err(Error::not_found("order").into()),
        Ask::TooLate => Err(Problem::conflict("too_late", "The time for it is over.")),
    }
}

/// Ends an exchange: what was kept is for sale again. If the goods are here, their money goes back the way it came.
#[utoipa::path(post, path = "/v1/orders/{order}/exchanges/{exchange}/closing", tag = "orders",
    params(("order" = OrderId, Path), ("exchange" = ExchangeId, Path)), request_body = ExchangeClosingIn,
    responses((status = 200, body = ExchangeOut), (status = 404), (status = 409, description = "`exchange_placed`, `checkout_open`.")))]
pub async fn post_exchange_closing(
    State(app): State<App>,
    creator: Creator,
    Path((order, id)): Path<(OrderId, ExchangeId)>,
    Json(body): Json<ExchangeClosingIn>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    match end(&app, shop, (order, id), &body.reason, creator.0.staff).await? {
        End::Ended => shown(&app, shop, id).await,
        End::NotFound => Err(Error::not_found("exchange").into()),
        End::Placed => Err(Problem::conflict(
            "exchange_placed",
            "What leaves for it is an order already: cancel that, or take it back.",
        )),
    }
}

async fn shown(app: &App, shop: ShopId, id: ExchangeId) -> Result<Response, Problem> {
    let found = app.db.read(move |tx| store::find(tx, shop, id)).await?;
    let found = found.ok_or_else(|| Error::not_found("exchange"))?;
    Ok(json(StatusCode::OK, ExchangeOut::from(&found)))
}
