//! Returns as JSON, for the people of the shop. A buyer withdraws on their order's page.

use super::model::{Return, ReturnState};
use super::receive::{Close, Receive, Received, close, receive};
use super::store;
use super::withdraw::{Statement, Withdraw, withdraw};
use crate::app::App;
use crate::checkout::{self, RestockIn, Ship};
use crate::db::LaneKey;
use crate::http::{Json, NewId, Path, Problem, json};
use crate::identity::Creator;
use crate::inventory::Restock;
use crate::kernel::{Error, Money, MoneyOut, OrderId, ReturnId, ShopId, Time};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// Things that come back.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Return)]
pub struct ReturnOut {
    pub id: ReturnId,
    pub order: OrderId,
    pub state: ReturnState,
    /// Nothing of the order is kept: what the delivery cost goes back, too.
    pub whole: bool,
    pub name: String,
    pub email: String,
    /// A reason, which nobody has to give.
    pub words: String,
    /// What has to come back.
    pub lines: Vec<Ship>,
    /// Of it that had not left: canceled at once.
    pub units_canceled: u32,
    pub stated_at: Time,
    /// Until when the money has to be back.
    pub due_by: Time,
    /// What the buyer says of sending it.
    pub proof: String,
    pub received_at: Option<Time>,
    /// What the goods lost in value, and why.
    pub deducted: MoneyOut,
    pub deduction: String,
    pub refunded: MoneyOut,
    pub ended_at: Option<Time>,
    /// Why the money is not on its way yet; of a closed one, why it was closed.
    pub trouble: String,
}

impl ReturnOut {
    fn new(found: &Return, currency: crate::kernel::Currency) -> Self {
        let money = |minor| MoneyOut::from(Money::new(minor, currency));
        Self {
            id: found.id,
            order: found.order,
            state: found.state,
            whole: found.whole,
            name: found.name.clone(),
            email: found.email.clone(),
            words: found.words.clone(),
            lines: found.units.clone(),
            units_canceled: found.units_canceled,
            stated_at: found.stated_at,
            due_by: found.due_by,
            proof: found.proof.clone(),
            received_at: found.received_at,
            deducted: money(found.deducted_minor),
            deduction: found.deduction.clone(),
            refunded: money(found.refunded_minor),
            ended_at: found.ended_at,
            trouble: found.trouble.clone(),
        }
    }
}

/// The returns of an order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Returns)]
pub struct ReturnsOut {
    pub data: Vec<ReturnOut>,
}

/// What a buyer stated by telephone or letter.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewReturn)]
pub struct ReturnIn {
    /// Chosen by the client; sending it again is the same statement.
    #[serde(default)]
    id: Option<ReturnId>,
    /// Everything they still have if absent.
    #[serde(default)]
    lines: Option<Vec<Ship>>,
    name: String,
    /// Where the acknowledgement goes.
    email: String,
    #[serde(default)]
    words: String,
}

/// What arrived.
#[derive(Debug, Default, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReturnReceipt)]
pub struct ReceiptIn {
    /// All that was to come if absent.
    #[serde(default)]
    lines: Option<Vec<Ship>>,
    /// What the goods lost in value, in minor units.
    #[serde(default)]
    deducted: i64,
    /// Why; the buyer reads it.
    #[serde(default)]
    deduction: String,
    /// What becomes of the goods; absent if they are not here.
    #[serde(default)]
    restock: Option<RestockIn>,
}

/// Why a return ends without money.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReturnClosing)]
pub struct ClosingIn {
    reason: String,
}

async fn shown(app: &App, shop: ShopId, order: OrderId, id: ReturnId, status: StatusCode) -> Result<Response, Problem> {
    let read = app
        .db
        .read(move |tx| Ok((checkout::order(tx, shop, order)?, store::find(tx, shop, id)?)))
        .await?;
    match read {
        (Some(order), Some(found)) => Ok(json(status, ReturnOut::new(&found, order.currency))),
        _ => Err(Error::not_found("return").into()),
    }
}

/// The returns of an order, oldest first.
#[utoipa::path(get, path = "/v1/orders/{order}/returns", tag = "orders", params(("order" = OrderId, Path)),
    responses((status = 200, body = ReturnsOut), (status = 404)))]
pub async fn list_returns(
    State(app): State<App>,
    creator: Creator,
    Path(order): Path<OrderId>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let read = app
        .db
        .read(move |tx| {
            let Some(found) = checkout::order(tx, shop, order)? else {
                return Ok(None);
            };
            let all = store::of_order(tx, shop, order)?;
            Ok(Some(
                all.iter().map(|one| ReturnOut::new(one, found.currency)).collect(),
            ))
        })
        .await?;
    let data = read.ok_or_else(|| Error::not_found("order"))?;
    Ok(json(StatusCode::OK, ReturnsOut { data }))
}

/// A buyer withdrew, and told the shop: what has not left is canceled, what has left is asked back, and they get an acknowledgement.
#[utoipa::path(post, path = "/v1/orders/{order}/returns", tag = "orders", params(("order" = OrderId, Path)), request_body = ReturnIn,
    responses((status = 201, body = ReturnOut), (status = 200, body = ReturnOut, description = "The same again."), (status = 404),
    (status = 409, description = "`nothing_left`, `too_late`, `not_theirs`, `payment_unclear`, `capture_pending`: then nothing was written down.")))]
pub async fn post_return(
    State(app): State<App>,
    creator: Creator,
    Path(order): Path<OrderId>,
    new_id: NewId,
    Json(body): Json<ReturnIn>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let statement = Statement {
        id: body.id.unwrap_or_else(|| new_id.get()),
        units: body.lines,
        name: body.name,
        email: body.email,
        words: body.words,
        staff: creator.0.staff,
    };
    match withdraw(&app, shop, order, statement).await? {
        Withdraw::Stated(stated) => shown(&app, shop, order, stated.id, StatusCode::CREATED).await,
        Withdraw::Again(stated) => shown(&app, shop, order, stated.id, StatusCode::OK).await,
        Withdraw::NotFound => Err(Error::not_found("order").into()),
        Withdraw::NothingLeft => Err(Problem::conflict(
            "nothing_left",
            "Everything of it was canceled or given back already.",
        )),
        Withdraw::TooLate(_) => Err(Problem::conflict(
            "too_late",
            "The time for it is over. Money can still be given back, as a refund.",
        )),
    }
}

/// The goods arrived, or were proved to be on their way: the money goes back.
#[utoipa::path(post, path = "/v1/orders/{order}/returns/{return}/receipt", tag = "orders",
    params(("order" = OrderId, Path), ("return" = ReturnId, Path)), request_body = ReceiptIn,
    responses((status = 200, body = ReturnOut, description = "`refunded`; or `received`, with why the money waits in `trouble`. The same again."), (status = 404),
    (status = 409, description = "`return_closed`.")))]
pub async fn post_return_receipt(
    State(app): State<App>,
    creator: Creator,
    Path((order, id)): Path<(OrderId, ReturnId)>,
    Json(body): Json<ReceiptIn>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    let received = Received {
        units: body.lines,
        deducted_minor: body.deducted,
        deduction: body.deduction,
        restock: body.restock.map(|how| match how {
            RestockIn::Sellable => Restock::Sellable,
            RestockIn::WrittenOff => Restock::WrittenOff,
        }),
        staff: creator.0.staff,
    };
    match receive(&app, shop, order, id, received).await? {
        Receive::Received(_) | Receive::Again(_) => shown(&app, shop, order, id, StatusCode::OK).await,
        Receive::NotFound => Err(Error::not_found("return").into()),
        Receive::Closed => Err(Problem::conflict("return_closed", "This return was closed.")),
    }
}

/// Ends a return without money: nothing came, or the two agreed otherwise.
#[utoipa::path(post, path = "/v1/orders/{order}/returns/{return}/closing", tag = "orders",
    params(("order" = OrderId, Path), ("return" = ReturnId, Path)), request_body = ClosingIn,
    responses((status = 200, body = ReturnOut), (status = 404), (status = 409, description = "`return_refunded`.")))]
pub async fn post_return_closing(
    State(app): State<App>,
    creator: Creator,
    Path((order, id)): Path<(OrderId, ReturnId)>,
    Json(body): Json<ClosingIn>,
) -> Result<Response, Problem> {
    let (shop, staff) = (creator.0.shop, creator.0.staff);
    let closed = app
        .db
        .write(LaneKey::of(order), move |tx| {
            close(tx, shop, order, id, &body.reason, staff)
        })
        .await?;
    match closed {
        Close::Closed => shown(&app, shop, order, id, StatusCode::OK).await,
        Close::NotFound => Err(Error::not_found("return").into()),
        Close::Refunded => Err(Problem::conflict("return_refunded", "Its money went back already.")),
    }
}
