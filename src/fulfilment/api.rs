//! The work on orders over HTTP.

use super::model::{Fulfilment, FulfilmentState, Shipment};
use super::ship::{Accept, Deliverance, HandOver, TakeAgain, accept, hand_over, take_again};
use super::store;
use crate::app::App;
use crate::checkout::{self, OrderOut, Ship};
use crate::db::LaneKey;
use crate::http::{Json, NewId, Path, Problem, json};
use crate::identity::{Creator, Helper};
use crate::kernel::{Error, OrderId, PartyId, ShipmentId, Time};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// A parcel that was handed to its carrier.
#[derive(Debug, Deserialize, Serialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShipmentIn {
    /// Chosen by the client; sending it again is the same parcel.
    #[serde(default)]
    id: Option<ShipmentId>,
    /// All that is still open if absent.
    #[serde(default)]
    lines: Option<Vec<Ship>>,
    carrier: String,
    #[serde(default)]
    tracking: String,
}

/// The work on an order, with its parcels.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct FulfilmentOut {
    pub order: OrderId,
    pub state: FulfilmentState,
    pub partner: Option<PartyId>,
    pub promised_from: Option<Time>,
    pub promised_until: Option<Time>,
    pub shipments: Vec<ShipmentOut>,
}

/// A parcel.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ShipmentOut {
    pub id: ShipmentId,
    pub number: u32,
    pub carrier: String,
    pub tracking: String,
    pub lines: Vec<Ship>,
    pub handed_over_at: Time,
}

impl FulfilmentOut {
    fn new(work: &Fulfilment, shipments: &[Shipment]) -> Self {
        Self {
            order: work.order,
            state: work.state,
            partner: work.partner,
            promised_from: work.promised_from,
            promised_until: work.promised_until,
            shipments: shipments.iter().map(ShipmentOut::new).collect(),
        }
    }
}

impl ShipmentOut {
    pub fn new(shipment: &Shipment) -> Self {
        Self {
            id: shipment.id,
            number: shipment.number,
            carrier: shipment.carrier.clone(),
            tracking: shipment.tracking.clone(),
            lines: shipment.lines.clone(),
            handed_over_at: shipment.handed_over_at,
        }
    }
}

async fn shown(app: &App, staff: &Helper, order: OrderId, status: StatusCode) -> Result<Response, Problem> {
    let (shop, party) = (staff.0.shop, staff.0.party);
    let found = app
        .db
        .read(move |tx| Ok((store::find(tx, shop, order)?, store::shipments(tx, shop, order)?)))
        .await?;
    match found {
        (Some(work), shipments) if party.is_none() || work.partner == party => {
            Ok(json(status, FulfilmentOut::new(&work, &shipments)))
        }
        _ => Err(Error::not_found("order").into()),
    }
}

/// A partner, or the shop, takes the work on.
#[utoipa::path(post, path = "/v1/orders/{order}/acceptance", tag = "orders", params(("order" = OrderId, Path)),
    responses((status = 200, body = FulfilmentOut), (status = 404), (status = 409, description = "`work_closed`.")))]
pub async fn post_acceptance(
    State(app): State<App>,
    staff: Helper,
    Path(order): Path<OrderId>,
) -> Result<Response, Problem> {
    let (shop, party) = (staff.0.shop, staff.0.party);
    match app
        .db
        .write(LaneKey::of(order), move |tx| accept(tx, shop, order, party))
        .await?
    {
        Accept::Accepted(_) | Accept::Again(_) => shown(&app, &staff, order, StatusCode::OK).await,
        Accept::NotFound => Err(Error::not_found("order").into()),
        Accept::Closed => Err(Problem::conflict("work_closed", "This order is done or was canceled.")),
    }
}

/// Hands a parcel over and takes its part of the money.
#[utoipa::path(post, path = "/v1/orders/{order}/shipments", tag = "orders", params(("order" = OrderId, Path)), request_body = ShipmentIn,
    responses((status = 201, body = FulfilmentOut), (status = 200, body = FulfilmentOut, description = "The same again."), (status = 404),
    (status = 409, description = "`line_not_open`, `nothing_open`, `order_canceled`, `payment_lost` (the bank's promise is over, and the buyer is asked to pay again), `payment_not_capturable`, `preorder_waiting` (its goods have not arrived): then nothing was marked as shipped.")))]
pub async fn post_shipment(
    State(app): State<App>,
    staff: Helper,
    Path(order): Path<OrderId>,
    new_id: NewId,
    Json(body): Json<ShipmentIn>,
) -> Result<Response, Problem> {
    let (shop, party) = (staff.0.shop, staff.0.party);
    let id = body.id.unwrap_or_else(|| new_id.get());
    let parcel = HandOver {
        id,
        lines: body.lines,
        carrier: body.carrier.trim().to_owned(),
        tracking: body.tracking.trim().to_owned(),
    };
    match hand_over(&app, shop, order, party, parcel).await? {
        Deliverance::HandedOver => shown(&app, &staff, order, StatusCode::CREATED).await,
        Deliverance::Again => shown(&app, &staff, order, StatusCode::OK).await,
        Deliverance::NotFound => Err(Error::not_found("order").into()),
        Deliverance::Canceled => Err(Problem::conflict(
            "order_canceled",
            "This order was canceled. Do not ship it.",
        )),
        Deliverance::NothingOpen => Err(Problem::conflict(
            "nothing_open",
            "Nothing of this order is left to ship.",
        )),
    }
}

/// Asks again for the money of what was shipped, after the processor refused it.
#[utoipa::path(post, path = "/v1/orders/{order}/captures", tag = "orders", params(("order" = OrderId, Path)),
    responses((status = 200, body = OrderOut, description = "Taken, or not known yet: see `captured`."), (status = 404),
    (status = 409, description = "`nothing_owed`, `capture_refused` with the processor's words, `payment_not_capturable`: the buyer has to pay again.")))]
pub async fn post_capture(
    State(app): State<App>,
    creator: Creator,
    Path(order): Path<OrderId>,
) -> Result<Response, Problem> {
    let shop = creator.0.shop;
    match take_again(&app, shop, order).await? {
        TakeAgain::Asked(_) => {
            let found = app.db.read(move |tx| checkout::view(tx, shop, order)).await?;
            let view = found.ok_or_else(|| Error::not_found("order"))?;
            Ok(json(StatusCode::OK, OrderOut::new(&view)))
        }
        TakeAgain::RefusedAgain(words) => Err(Problem::conflict(
            "capture_refused",
            "The processor refused again. Nothing was taken; ask it why, or the buyer.",
        )
        .with("processor", words)),
        TakeAgain::NotFound => Err(Error::not_found("order").into()),
        TakeAgain::NothingOwed => Err(Problem::conflict(
            "nothing_owed",
            "Everything that was shipped is paid, or being taken.",
        )),
    }
}
