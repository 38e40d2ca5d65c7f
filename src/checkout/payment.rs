//! One payment over HTTP: how it stands, asking its processor now, deciding about a conflict. What follows an answer is the checkout's to conclude.

use super::conclude;
use crate::app::App;
use crate::http::{IfMatch, Json, Path, Problem};
use crate::identity::{Analyst, Creator};
use crate::kernel::IntentId;
use crate::payments::{self, DecisionIn, PaymentOut};
use axum::extract::State;
use axum::response::Response;

/// A payment: every try, every answer, and what waits.
#[utoipa::path(get, path = "/v1/payments/{payment}", tag = "money", params(("payment" = IntentId, Path)),
    responses((status = 200, body = PaymentOut), (status = 404)))]
pub async fn get_payment(
    State(app): State<App>,
    staff: Analyst,
    Path(id): Path<IntentId>,
) -> Result<Response, Problem> {
    payments::shown(&app, staff.0.shop, id).await
}

/// Asks the processor now about everything of a payment, whenever it would have been asked again. Of a payment in conflict its answers are written
/// into the log and change nothing.
#[utoipa::path(post, path = "/v1/payments/{payment}/looks", tag = "money", params(("payment" = IntentId, Path)),
    responses((status = 200, body = PaymentOut), (status = 404)))]
pub async fn post_look(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<IntentId>,
) -> Result<Response, Problem> {
    payments::look_again(&app, creator.0.shop, id, conclude).await
}

/// Leads a payment out of its conflict. The processor is asked once more, and what it says has to prove the decision: `agrees`, its books and
/// ours are the same by now; `let_go`, it holds a promise and nothing was taken; `give_back`, it took the whole amount without our wish.
///
/// Or says what a processor that cannot be asked never said: `happened` and `did_not_happen`, about one of the payment's `unheard`, as its own pages show.
#[utoipa::path(post, path = "/v1/payments/{payment}/decisions", tag = "money", params(("payment" = IntentId, Path),
    ("If-Match" = String, Header, description = "The version you looked at, in quotes.")), request_body = DecisionIn,
    responses((status = 200, body = PaymentOut), (status = 404),
    (status = 409, description = "`not_conflicted`, or `not_proven` with what is `missing`: nothing was changed."), (status = 412, description = "`stale`"),
    (status = 422, description = "`invalid_field`: no reason."), (status = 503, description = "`money_frozen`")))]
pub async fn post_decision(
    State(app): State<App>,
    creator: Creator,
    Path(id): Path<IntentId>,
    IfMatch(version): IfMatch,
    Json(body): Json<DecisionIn>,
) -> Result<Response, Problem> {
    payments::decide(&app, &creator.0, id, version, body, conclude).await
}
