//! One payment as JSON: how it stands, what happened, what waits; asking its processor now, and deciding about a conflict.

use super::Conclude;
use super::model::{AttemptState, CaptureState, IntentState, RefundState};
use super::settle_conflict::{Decided, Decision, Settle, Who, ask_now, decisions, settle};
use super::settle_unheard::{Unheard, unheard};
use super::timeline::{Standing, standing};
use crate::app::App;
use crate::http::{IfMatch, Problem, etag, json};
use crate::identity::Staff;
use crate::kernel::{CheckoutId, Error, IntentId, MoneyOut, OrderId, Result, ShopId, Time};
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// One wish to be paid, of one checkout.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PaymentStanding)]
pub struct PaymentOut {
    pub id: IntentId,
    pub checkout: CheckoutId,
    /// The order it pays; there is one as soon as the money was promised, and none before.
    pub order: OrderId,
    /// `requires_method`, `processing`, `requires_action`, `unknown`, `conflicted`, `requires_capture`, `partially_captured`, `succeeded`, `canceled`,
    /// `expired`.
    pub state: String,
    pub version: i64,
    pub amount: MoneyOut,
    pub authorized: MoneyOut,
    pub captured: MoneyOut,
    pub refunded: MoneyOut,
    /// First to last.
    pub attempts: Vec<AttemptOut>,
    pub captures: Vec<MovedOut>,
    pub refunds: Vec<MovedOut>,
    /// What is looked at again by itself, soonest first.
    pub waits: Vec<WaitOut>,
    /// Everything that happened, oldest first.
    pub log: Vec<EntryOut>,
    /// What a person may decide; only of a payment in conflict. What the processor says then has to prove it.
    pub decisions: Vec<Decision>,
    /// Captures and refunds without an answer, at a processor that cannot be asked: a person looks at its own pages and says what became of them.
    pub unheard: Vec<UnheardOut>,
}

/// Money of which nobody says whether it moved.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = UnheardOperation)]
pub struct UnheardOut {
    /// The capture or refund, for the decision's `of`.
    pub of: String,
    /// `capture` or `refund`.
    pub kind: String,
    pub processor: String,
    pub amount: MoneyOut,
    pub asked_at: Time,
    /// Until then the request is repeated, and nobody needs to say anything.
    pub decide_from: Time,
}

/// One try at one processor.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PaymentAttempt)]
pub struct AttemptOut {
    pub n: u32,
    pub processor: String,
    pub method: String,
    /// `sending`, `pending`, `requires_action`, `authorized`, `failed`, `unknown`, `not_executed`, `not_sent`, `conflicted`, `voiding`, `voided`, `captured`.
    pub state: String,
    pub decline: Option<String>,
    /// The processor's name for the payment.
    pub reference: Option<String>,
    pub capture_before: Option<Time>,
    pub created_at: Time,
}

/// Money that was taken or given back, or was to be.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PaymentMovement)]
pub struct MovedOut {
    pub amount: MoneyOut,
    /// `not_sent`, `sending`, `unknown`, `succeeded`, `failed`, `conflicted`.
    pub state: String,
    pub created_at: Time,
    pub changed_at: Time,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PaymentWait)]
pub struct WaitOut {
    pub what: String,
    pub next_look_at: Time,
    /// Looks in vain so far.
    pub looks: u32,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PaymentLogEntry)]
pub struct EntryOut {
    pub at: Time,
    pub what: String,
    pub detail: String,
}

/// A decision about a payment in conflict.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewPaymentDecision)]
pub struct DecisionIn {
    pub decision: Decision,
    /// 3 to 1000 characters; stays in the payment's history, with who decided.
    pub reason: String,
    /// With `happened` and `did_not_happen`: which of `unheard` it is about.
    #[serde(default)]
    pub of: String,
    /// With `happened`: what the processor calls it on its own pages.
    #[serde(default)]
    pub reference: String,
}

impl PaymentOut {
    fn new(standing: &Standing, unheard: &[Unheard]) -> Self {
        let intent = &standing.intent;
        let money = |minor| MoneyOut {
            amount: minor,
            currency: intent.amount.currency,
        };
        let filled = |text: &String| (!text.is_empty()).then(|| text.clone());
        Self {
            id: intent.id,
            checkout: intent.checkout,
            order: intent.checkout.order(),
            state: IntentState::name(intent.state).to_owned(),
            version: intent.version,
            amount: intent.amount.into(),
            authorized: money(intent.authorized_minor),
            captured: money(intent.captured_minor),
            refunded: money(intent.refunded_minor),
            attempts: (standing.attempts.iter())
                .map(|attempt| AttemptOut {
                    n: attempt.n,
                    processor: attempt.processor.clone(),
                    method: attempt.method.clone(),
                    state: AttemptState::name(attempt.state).to_owned(),
                    decline: filled(&attempt.decline),
                    reference: filled(&attempt.payment),
                    capture_before: attempt.capture_before,
                    created_at: attempt.created_at,
                })
                .collect(),
            captures: (standing.captures.iter())
                .map(|line| MovedOut {
                    amount: money(line.minor),
                    state: CaptureState::name(line.state).to_owned(),
                    created_at: line.created_at,
                    changed_at: line.changed_at,
                })
                .collect(),
            refunds: (standing.refunds.iter())
                .map(|line| MovedOut {
                    amount: money(line.minor),
                    state: RefundState::name(line.state).to_owned(),
                    created_at: line.created_at,
                    changed_at: line.changed_at,
                })
                .collect(),
            waits: (standing.waits.iter())
                .map(|wait| WaitOut {
                    what: wait.what.clone(),
                    next_look_at: wait.at,
                    looks: wait.tries,
                })
                .collect(),
            log: (standing.entries.iter())
                .map(|entry| EntryOut {
                    at: entry.at,
                    what: entry.what.clone(),
                    detail: entry.detail.clone(),
                })
                .collect(),
            decisions: decisions(intent, &standing.attempts),
            unheard: (unheard.iter())
                .map(|one| UnheardOut {
                    of: one.of.clone(),
                    kind: if one.is_refund { "refund" } else { "capture" }.to_owned(),
                    processor: one.processor.clone(),
                    amount: one.amount.into(),
                    asked_at: one.asked_at,
                    decide_from: one.from,
                })
                .collect(),
        }
    }
}

/// A payment of this shop, as it stands.
pub async fn shown(app: &App, shop: ShopId, id: IntentId) -> Result<Response, Problem> {
    let processors = app.processors.clone();
    let (found, unheard) = app
        .db
        .read(move |tx| Ok((standing(tx, shop, id)?, unheard(tx, &processors, id)?)))
        .await?;
    let standing = found.ok_or_else(|| Error::not_found("payment"))?;
    let mut response = json(StatusCode::OK, PaymentOut::new(&standing, &unheard));
    response
        .headers_mut()
        .insert(header::ETAG, etag(standing.intent.version));
    Ok(response)
}

/// Asks now; what follows an answer is the caller's, who stands to the right of payments.
pub async fn look(app: &App, shop: ShopId, id: IntentId, conclude: Conclude) -> Result<Response, Problem> {
    match ask_now(app, shop, id, conclude).await? {
        Some(_) => shown(app, shop, id).await,
        None => Err(Error::not_found("payment").into()),
    }
}

/// Decides, and shows what came of it.
pub async fn decide(
    app: &App,
    staff: &Staff,
    id: IntentId,
    version: i64,
    body: DecisionIn,
    conclude: Conclude,
) -> Result<Response, Problem> {
    let decided = Decided {
        decision: body.decision,
        version,
        who: who(staff),
        reason: body.reason,
        of: body.of,
        reference: body.reference,
    };
    match settle(app, staff.shop, id, decided, conclude).await? {
        Settle::Settled(_) => shown(app, staff.shop, id).await,
        Settle::NotFound => Err(Error::not_found("payment").into()),
        Settle::NotConflicted => Err(Problem::conflict(
            "not_conflicted",
            "This payment is in no conflict, or nothing of it waits for this; there is nothing to decide.",
        )),
        Settle::Stale(current) => Err(IfMatch::stale(current)),
        Settle::NotProven(doubts) => Err(Problem::conflict(
            "not_proven",
            "What the processor says today does not allow this. Nothing was changed; the payment stays frozen.",
        )
        .with("missing", doubts)),
    }
}

/// Whoever decides, as the history names them.
pub fn who(staff: &Staff) -> Who {
    let name = if staff.name.is_empty() {
        "A key of the shop".to_owned()
    } else {
        staff.name.clone()
    };
    Who {
        name,
        principal: staff.principal(),
    }
}
