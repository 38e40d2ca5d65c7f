//! Disputes over HTTP: what there are, how one stands, giving it up, answering it; and the pack of evidence of a sale.

use super::answer::proposed;
use super::pack::{Pack, PackOut, pack};
use crate::app::App;
use crate::http::{Json, Path, Problem, Query, json};
use crate::identity::{Analyst, Creator};
use crate::kernel::{DisputeId, Error, OrderId, PageIn, PageOut, Result, ShopId};
use crate::payments::disputes::{self, Answering, DisputeOut, DisputeState};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The shop's disputes, newest first.
#[utoipa::path(get, path = "/v1/disputes", tag = "money", params(PageIn), responses((status = 200, body = PageOut<DisputeOut>)))]
pub async fn list_disputes(
    State(app): State<App>,
    staff: Analyst,
    Query(page): Query<PageIn>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let found = app
        .db
        .read(move |tx| disputes::list(tx, shop, page.after()?, page.limit()))
        .await?;
    Ok(json(StatusCode::OK, found.map(DisputeOut::bare)))
}

/// One dispute: what happened, until when it can be answered, and what an answer could say.
#[utoipa::path(get, path = "/v1/disputes/{dispute}", tag = "money", params(("dispute" = DisputeId, Path)),
    responses((status = 200, body = DisputeOut), (status = 404)))]
pub async fn get_dispute(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<DisputeId>,
) -> Result<Response, Problem> {
    shown(&app, staff.0.shop, id).await
}

async fn shown(app: &App, shop: ShopId, id: DisputeId) -> Result<Response, Problem> {
    let found = app
        .db
        .read(move |tx| {
            let Some(dispute) = disputes::find(tx, shop, id)? else {
                return Ok(None);
            };
            let texts = if dispute.can_be_answered(tx.now()) {
                proposed(tx, &dispute)?
            } else {
                BTreeMap::new()
            };
            Ok(Some(DisputeOut::new(dispute, texts)))
        })
        .await?;
    let out = found.ok_or_else(|| Error::not_found("dispute"))?;
    Ok(json(StatusCode::OK, out))
}

/// Why a dispute is given up.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDisputeAcceptance)]
pub struct AcceptanceIn {
    /// 3 to 1000 characters; stays with the dispute.
    pub reason: String,
}

/// Gives a dispute up: the money stays with the buyer, for good. Said again it is the same.
#[utoipa::path(post, path = "/v1/disputes/{dispute}/acceptance", tag = "money", params(("dispute" = DisputeId, Path)),
    request_body = AcceptanceIn, responses((status = 200, body = DisputeOut), (status = 404),
    (status = 409, description = "`not_open`; `answer_at_processor`: its own pages are the place; `refused`: the processor said no."),
    (status = 422, description = "`invalid_field`: no reason."), (status = 503, description = "`money_frozen`")))]
pub async fn post_dispute_acceptance(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DisputeId>,
    Json(body): Json<AcceptanceIn>,
) -> Result<Response, Problem> {
    let staff = creator.0;
    let answering = disputes::accept(&app, staff.shop, id, &body.reason, staff.staff).await?;
    answered(&app, staff.shop, id, answering).await
}

/// The answer to a dispute.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewDisputeAnswer)]
pub struct AnswerIn {
    /// Texts by name: `product_description`, `customer_name`, `customer_email`, `shipping_address`, `shipping_carrier`,
    /// `shipping_tracking_number`, `shipping_date`, `refund_policy`, `activity`, `statement`.
    pub texts: BTreeMap<String, String>,
}

/// Answers a dispute. There is one answer: said again it is the same one, whatever it says.
#[utoipa::path(post, path = "/v1/disputes/{dispute}/answer", tag = "money", params(("dispute" = DisputeId, Path)),
    request_body = AnswerIn, responses((status = 200, body = DisputeOut), (status = 404),
    (status = 409, description = "`not_open`; `too_late`: the last date has passed, or there never was one; `answer_at_processor`: its own pages are the place; `refused`: the processor said no."),
    (status = 422, description = "`invalid_field`: an unknown text, none, or too long."), (status = 503, description = "`money_frozen`")))]
pub async fn post_dispute_answer(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<DisputeId>,
    Json(body): Json<AnswerIn>,
) -> Result<Response, Problem> {
    let staff = creator.0;
    let answering = disputes::submit(&app, staff.shop, id, body.texts, staff.staff).await?;
    answered(&app, staff.shop, id, answering).await
}

async fn answered(app: &App, shop: ShopId, id: DisputeId, answering: Answering) -> Result<Response, Problem> {
    match refusal(&answering) {
        None => shown(app, shop, id).await,
        Some(error) => Err(error.into()),
    }
}

/// Why a wish about a dispute came to nothing; none if it did not.
pub fn refusal(answering: &Answering) -> Option<Error> {
    Some(match answering {
        Answering::Told(_) | Answering::Again(_) => return None,
        Answering::NotFound => Error::not_found("dispute"),
        Answering::NotOpen(dispute) => {
            let why = match dispute.state {
                DisputeState::Inquiry => {
                    "The bank only asks yet. A refund can end it; answer it on the processor's own pages."
                }
                DisputeState::NeedsResponse => {
                    "The processor was told something else already, and has not confirmed it yet."
                }
                DisputeState::UnderReview => "It was answered; the bank decides.",
                DisputeState::Won | DisputeState::Lost => "It is over.",
            };
            Error::conflict("not_open", why)
        }
        Answering::TooLate(_) => Error::conflict(
            "too_late",
            "The last date for an answer has passed, or there never was one.",
        ),
        Answering::NotHere => Error::conflict(
            "answer_at_processor",
            "Disputes of this processor are answered on its own pages; what it decides comes back here.",
        ),
        Answering::Refused(dispute) => Error::conflict("refused", dispute.trouble.clone()),
    })
}

/// Everything that shows what a buyer saw, agreed to and got, as it was: for a bank, a court, or whoever asks.
#[utoipa::path(get, path = "/v1/orders/{order}/evidence", tag = "money", params(("order" = OrderId, Path)),
    responses((status = 200, body = PackOut), (status = 404)))]
pub async fn get_evidence(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<OrderId>,
) -> Result<Response, Problem> {
    let shop = staff.0.shop;
    let found: Option<Pack> = app.db.read(move |tx| pack(tx, shop, id)).await?;
    let found = found.ok_or_else(|| Error::not_found("order"))?;
    Ok(json(StatusCode::OK, PackOut::new(&found)))
}
