//! Disputes over HTTP: what there are, how one stands, giving it up, answering it.

use super::evidence::proposed;
use crate::app::App;
use crate::http::{Json, Path, Problem, Query, json};
use crate::identity::{Analyst, Creator};
use crate::kernel::{DisputeId, Error, IntentId, MoneyOut, OrderId, PageIn, PageOut, Result, ShopId, Time};
use crate::payments::disputes::{self, Answering, Asked, Dispute, DisputeState, reason_words};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One round of a dispute.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Dispute)]
pub struct DisputeOut {
    pub id: DisputeId,
    pub order: OrderId,
    pub payment: IntentId,
    pub processor: String,
    /// The processor's name for it.
    pub reference: String,
    /// 2 where the bank came back after the first was won.
    pub round: u32,
    /// `inquiry`, `needs_response`, `under_review`, `won` or `lost`.
    pub state: String,
    /// Who said that it is over: `processor`, `staff` or `time`.
    pub closed_by: Option<String>,
    pub amount: MoneyOut,
    /// What of it had gone back to the buyer before: they have it twice until a person settles that.
    pub paid_twice: MoneyOut,
    /// What the processor charged for it, by currency.
    pub fees: Vec<MoneyOut>,
    /// `fraudulent`, `product_not_received` …
    pub reason: String,
    /// The reason in plain words.
    pub meaning: String,
    /// The bank's own code or words.
    pub detail: String,
    /// Until when it can be answered; absent: it cannot.
    pub due_by: Option<Time>,
    /// What the processor was told: `accept` or `submit`.
    pub asked: Option<String>,
    /// Why it was given up.
    pub accepted_because: Option<String>,
    /// What was answered.
    pub answer: BTreeMap<String, String>,
    /// What an answer could say, from what we know; where one dispute is read and can still be answered.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub proposed: BTreeMap<String, String>,
    /// What stood in the way last, such as the processor's refusal.
    pub trouble: Option<String>,
    pub next_look_at: Option<Time>,
    pub created_at: Time,
    pub changed_at: Time,
}

impl DisputeOut {
    /// Without what an answer could say.
    pub fn bare(dispute: Dispute) -> Self {
        Self::new(dispute, BTreeMap::new())
    }

    fn new(dispute: Dispute, proposed: BTreeMap<String, String>) -> Self {
        let filled = |text: String| (!text.is_empty()).then_some(text);
        let closed_by = dispute.state.is_over().then(|| dispute.closed_by.name().to_owned());
        let asked = (dispute.asked != Asked::Nothing).then(|| dispute.asked.name().to_owned());
        Self {
            id: dispute.id,
            order: dispute.checkout().order(),
            payment: dispute.intent,
            processor: dispute.processor().to_owned(),
            reference: dispute.name.clone(),
            round: dispute.round,
            state: dispute.state.name().to_owned(),
            closed_by,
            amount: dispute.amount.into(),
            paid_twice: dispute.money(dispute.excess_minor).into(),
            fees: dispute.fee().into_iter().map(MoneyOut::from).collect(),
            meaning: reason_words(&dispute.reason).to_owned(),
            due_by: dispute.due_by,
            asked,
            accepted_because: filled(dispute.why),
            answer: dispute.answer,
            proposed,
            trouble: filled(dispute.trouble),
            next_look_at: dispute.next_check_at,
            created_at: dispute.created_at,
            changed_at: dispute.changed_at,
            reason: dispute.reason,
            detail: dispute.detail,
        }
    }
}

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
    /// `shipping_tracking_number`, `shipping_date`, `refund_policy`, `statement`.
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
