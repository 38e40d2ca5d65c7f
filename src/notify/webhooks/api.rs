//! Webhooks over HTTP: endpoints, their secrets, the log of deliveries, replays.

use super::announce::{PayloadOut, send_test};
use super::endpoints::{
    Change, Edit, Made, NewEndpoint, Replay, change, delete, make, replay, replay_since, rotate, secret,
};
use super::model::{Attempt, Delivery, DeliveryState, Endpoint, EndpointState, EventType, Reason, Target};
use super::{Waker, store};
use crate::app::App;
use crate::db::LaneKey;
use crate::http::{IfMatch, Json, KeptAs, NewId, Path, Problem, Query, etag, json};
use crate::identity::Owner;
use crate::kernel::{
    Error, PageIn, PageOut, Result, Seconds, ShopId, Time, WebhookDeliveryId, WebhookEndpointId, WebhookEventId,
};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// An address that hears of events, without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WebhookEndpoint)]
pub struct EndpointOut {
    pub id: WebhookEndpointId,
    pub url: String,
    pub description: String,
    /// What it hears of; an empty list is everything.
    pub events: Vec<EventType>,
    #[schema(inline)]
    pub state: EndpointState,
    /// Of a disabled one.
    #[schema(inline)]
    pub reason: Option<Reason>,
    pub disabled_at: Option<Time>,
    /// Since when nothing has arrived.
    pub failing_since: Option<Time>,
    /// Until then the secret before signs as well.
    pub old_secret_until: Option<Time>,
    pub version: i64,
    pub created_at: Time,
}

impl From<&Endpoint> for EndpointOut {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            id: endpoint.id,
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            events: endpoint.events.clone(),
            state: endpoint.state,
            reason: endpoint.reason,
            disabled_at: endpoint.disabled_at,
            failing_since: endpoint.failing_since,
            old_secret_until: endpoint.old_until,
            version: endpoint.version,
            created_at: endpoint.created_at,
        }
    }
}

/// An endpoint with a secret that was just made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WebhookEndpointWithSecret)]
pub struct WithSecretOut {
    pub endpoint: EndpointOut,
    /// `whsec_…`, this once. Absent where the same request is answered again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

/// An endpoint to make.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhookEndpoint)]
pub struct EndpointIn {
    /// HTTPS, at port 443 of the public internet.
    pub url: String,
    /// For the people of the shop.
    #[serde(default)]
    pub description: String,
    /// What it hears of; absent or empty: everything, also what is added later.
    #[serde(default)]
    pub events: Vec<EventType>,
}

/// A change of an endpoint; what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookEndpointEdit)]
pub struct EndpointEditIn {
    #[serde(default)]
    pub url: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub events: Option<Vec<EventType>>,
    /// False enables it again, with everything forgotten that failed before.
    #[serde(default)]
    pub disabled: Option<bool>,
}

/// How a secret is changed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhookSecret)]
pub struct RotationIn {
    /// How long the old secret signs beside the new one: 0 to 168 hours, 24 if absent. 0 where the old one was stolen.
    #[serde(default)]
    pub overlap_hours: Option<u32>,
}

/// What is sent again.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhookReplay)]
pub struct ReplayIn {
    /// Everything that was given up and had happened since then.
    pub since: Time,
}

/// What was begun again.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WebhookReplay)]
pub struct ReplayOut {
    pub replayed: u64,
    /// There is more: ask again.
    pub more: bool,
}

/// An event on its way to an endpoint.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WebhookDelivery)]
pub struct DeliveryOut {
    pub id: WebhookDeliveryId,
    pub endpoint: WebhookEndpointId,
    /// The `webhook-id` it is sent under, always the same.
    pub event: WebhookEventId,
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub kind: EventType,
    /// The version of its object.
    pub version: i64,
    #[schema(inline)]
    pub state: DeliveryState,
    /// Since it was begun, or begun again.
    pub tries: u32,
    /// When it is tried next; absent where it ended.
    pub next_try_at: Option<Time>,
    /// What the endpoint answered last.
    pub status: Option<u16>,
    /// What stood in the way last.
    pub trouble: Option<String>,
    pub created_at: Time,
    pub ended_at: Option<Time>,
    /// The tries, newest first; where one delivery is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<AttemptOut>>,
    /// What is sent; where one delivery is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PayloadOut>)]
    pub payload: Option<serde_json::Value>,
}

/// One try.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = WebhookAttempt)]
pub struct AttemptOut {
    pub at: Time,
    /// Absent: there was no answer.
    pub status: Option<u16>,
    pub duration_ms: u32,
    /// What stood in the way.
    pub trouble: Option<String>,
    /// The first 1024 bytes of the answer's body.
    pub reply: String,
}

fn filled(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl From<&Delivery> for DeliveryOut {
    fn from(one: &Delivery) -> Self {
        Self {
            id: one.id,
            endpoint: one.endpoint,
            event: one.event,
            kind: one.kind,
            version: one.version,
            state: one.state,
            tries: one.tries,
            next_try_at: one.ended_at.is_none().then_some(one.due_at),
            status: one.status,
            trouble: filled(&one.detail),
            created_at: one.created_at,
            ended_at: one.ended_at,
            attempts: None,
            payload: None,
        }
    }
}

impl From<&Attempt> for AttemptOut {
    fn from(one: &Attempt) -> Self {
        Self {
            at: one.at,
            status: one.status,
            duration_ms: one.millis,
            trouble: filled(&one.detail),
            reply: one.reply.clone(),
        }
    }
}

fn answer(status: StatusCode, endpoint: &Endpoint) -> Response {
    let mut response = json(status, EndpointOut::from(endpoint));
    response.headers_mut().insert(header::ETAG, etag(endpoint.version));
    response
}

fn with_secret(app: &App, status: StatusCode, endpoint: &Endpoint) -> Result<Response> {
    let out = |secret| WithSecretOut {
        endpoint: EndpointOut::from(endpoint),
        secret,
    };
    let kept = serde_json::to_string(&out(None))
        .map_err(|error| Error::internal("an answer does not serialise").because(error))?;
    let mut response = json(status, out(Some(secret(app, endpoint).in_full())));
    response.headers_mut().insert(header::ETAG, etag(endpoint.version));
    response.extensions_mut().insert(KeptAs(kept));
    Ok(response)
}

/// The shop's endpoints: all of them, as they are few.
#[utoipa::path(get, path = "/v1/webhook-endpoints", tag = "webhooks", responses((status = 200, body = PageOut<EndpointOut>)))]
pub async fn list_webhook_endpoints(State(app): State<App>, owner: Owner) -> Result<Response, Problem> {
    let shop = owner.0.shop;
    let found = app.db.read(move |tx| store::list(tx, shop)).await?;
    let page = PageOut {
        data: found.iter().map(EndpointOut::from).collect(),
        next: None,
    };
    Ok(json(StatusCode::OK, page))
}

/// Make an endpoint. The answer is the only place where its secret is shown; with the same `Idempotency-Key` again, the endpoint is answered without it.
#[utoipa::path(post, path = "/v1/webhook-endpoints", tag = "webhooks", request_body = EndpointIn,
    responses((status = 201, body = WithSecretOut), (status = 409, description = "`too_many_endpoints`"), (status = 422, description = "`invalid_field`")))]
pub async fn post_webhook_endpoint(
    State(app): State<App>,
    owner: Owner,
    id: NewId,
    Json(body): Json<EndpointIn>,
) -> Result<Response, Problem> {
    let shop = owner.0.shop;
    let new = NewEndpoint {
        id: id.get(),
        url: Target::read(&body.url, &app.settings.webhook_networks)?,
        description: body.description,
        events: body.events,
    };
    match app.db.write(LaneKey::of(shop), move |tx| make(tx, shop, &new)).await? {
        Made::New(endpoint) => Ok(with_secret(&app, StatusCode::CREATED, &endpoint)?),
        Made::Again(endpoint) => {
            let out = WithSecretOut {
                endpoint: EndpointOut::from(&endpoint),
                secret: None,
            };
            Ok(json(StatusCode::CREATED, out))
        }
    }
}

/// One endpoint.
#[utoipa::path(get, path = "/v1/webhook-endpoints/{webhook_endpoint}", tag = "webhooks", params(("webhook_endpoint" = WebhookEndpointId, Path)),
    responses((status = 200, body = EndpointOut), (status = 404)))]
pub async fn get_webhook_endpoint(
    State(app): State<App>,
    owner: Owner,
    Path(id): Path<WebhookEndpointId>,
) -> Result<Response, Problem> {
    let shop = owner.0.shop;
    let found = app.db.read(move |tx| store::find(tx, shop, id)).await?;
    let endpoint = found.ok_or_else(|| Error::not_found("webhook endpoint"))?;
    Ok(answer(StatusCode::OK, &endpoint))
}

/// Change an endpoint: its address, what it hears of; disable it or enable it again.
#[utoipa::path(patch, path = "/v1/webhook-endpoints/{webhook_endpoint}", tag = "webhooks", params(("webhook_endpoint" = WebhookEndpointId, Path),
    ("If-Match" = String, Header, description = "The version you edit, in quotes.")), request_body = EndpointEditIn,
    responses((status = 200, body = EndpointOut), (status = 404), (status = 412, description = "`stale`"), (status = 422, description = "`invalid_field`")))]
pub async fn patch_webhook_endpoint(
    State(app): State<App>,
    owner: Owner,
    Path(id): Path<WebhookEndpointId>,
    IfMatch(version): IfMatch,
    Json(body): Json<EndpointEditIn>,
) -> Result<Response, Problem> {
    let shop = owner.0.shop;
    let target = |url: &String| Target::read(url, &app.settings.webhook_networks);
    let edit = Edit {
        url: body.url.as_ref().map(target).transpose()?,
        description: body.description,
        events: body.events,
        disabled: body.disabled,
    };
    let changed = app
        .db
        .write(LaneKey::of(shop), move |tx| change(tx, shop, id, version, &edit))
        .await?;
    app.kept::<Waker>().wake();
    Ok(answer(StatusCode::OK, &changed_to(changed)?))
}

fn changed_to(changed: Change) -> Result<Endpoint, Problem> {
    match changed {
        Change::Changed(endpoint) => Ok(endpoint),
        Change::NotFound => Err(Error::not_found("webhook endpoint").into()),
        Change::Stale(current) => Err(IfMatch::stale(current)),
    }
}

/// Delete an endpoint, with the log of what it heard. What is being sent right now may still arrive.
#[utoipa::path(delete, path = "/v1/webhook-endpoints/{webhook_endpoint}", tag = "webhooks", params(("webhook_endpoint" = WebhookEndpointId, Path)),
    responses((status = 204), (status = 404)))]
pub async fn delete_webhook_endpoint(
    State(app): State<App>,
    owner: Owner,
    Path(id): Path<WebhookEndpointId>,
) -> Result<StatusCode, Problem> {
    let shop = owner.0.shop;
    if app.db.write(LaneKey::of(shop), move |tx| delete(tx, shop, id)).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::not_found("webhook endpoint").into())
}

/// Give an endpoint another secret, shown this once. For a while both sign, so that receivers can change over.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{webhook_endpoint}/secret-rotation", tag = "webhooks",
    params(("webhook_endpoint" = WebhookEndpointId, Path)), request_body = RotationIn,
    responses((status = 201, body = WithSecretOut), (status = 404), (status = 412, description = "`stale`: somebody changed it at the same moment."),
    (status = 422, description = "`invalid_field`")))]
pub async fn post_webhook_secret_rotation(
    State(app): State<App>,
    owner: Owner,
    Path(id): Path<WebhookEndpointId>,
    Json(body): Json<RotationIn>,
) -> Result<Response, Problem> {
    let shop = owner.0.shop;
    let overlap = Seconds::hours(body.overlap_hours.unwrap_or(24).into());
    let changed = app
        .db
        .write(LaneKey::of(shop), move |tx| rotate(tx, shop, id, overlap))
        .await?;
    Ok(with_secret(&app, StatusCode::CREATED, &changed_to(changed)?)?)
}

/// Send a `webhook.test` to an endpoint; the log tells what came of it.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{webhook_endpoint}/test", tag = "webhooks",
    params(("webhook_endpoint" = WebhookEndpointId, Path)), responses((status = 201, body = DeliveryOut), (status = 404),
    (status = 409, description = "`endpoint_disabled`: enable it first.")))]
pub async fn post_webhook_test(
    State(app): State<App>,
    owner: Owner,
    Path(id): Path<WebhookEndpointId>,
) -> Result<Response, Problem> {
    let shop = owner.0.shop;
    let sent = app.db.write(LaneKey::of(shop), move |tx| {
        if store::find(tx, shop, id)?.is_none() {
            return Err(Error::not_found("webhook endpoint"));
        }
        let sent = send_test(tx, shop, id)?.ok_or_else(disabled)?;
        store::delivery(tx, shop, sent)
    });
    let delivery = sent.await?.ok_or_else(|| Error::not_found("webhook endpoint"))?;
    app.kept::<Waker>().wake();
    Ok(json(StatusCode::CREATED, DeliveryOut::from(&delivery)))
}

fn disabled() -> Error {
    Error::conflict(
        "endpoint_disabled",
        "Nothing is sent to a disabled endpoint. Enable it first.",
    )
}

/// Send everything again that an endpoint did not get since a time.
#[utoipa::path(post, path = "/v1/webhook-endpoints/{webhook_endpoint}/replays", tag = "webhooks",
    params(("webhook_endpoint" = WebhookEndpointId, Path)), request_body = ReplayIn,
    responses((status = 200, body = ReplayOut), (status = 404), (status = 409, description = "`endpoint_disabled`: enable it first.")))]
pub async fn post_webhook_replays(
    State(app): State<App>,
    owner: Owner,
    Path(id): Path<WebhookEndpointId>,
    Json(body): Json<ReplayIn>,
) -> Result<Response, Problem> {
    let (answer, replayed, all) = replay_since(&app, owner.0.shop, id, body.since).await?;
    app.kept::<Waker>().wake();
    match answer {
        Replay::NotFound => Err(Error::not_found("webhook endpoint").into()),
        Replay::Disabled => Err(disabled().into()),
        Replay::Begun | Replay::Sending => Ok(json(StatusCode::OK, ReplayOut { replayed, more: !all })),
    }
}

/// Which deliveries.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveriesIn {
    /// Of this endpoint; absent: of all.
    pub endpoint: Option<WebhookEndpointId>,
    /// In this state.
    #[param(inline)]
    pub state: Option<DeliveryState>,
    /// At most this many, 1 to 100; 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    pub after: Option<String>,
}

/// What was sent and is to be sent, newest first. Kept for 30 days after it ended.
#[utoipa::path(get, path = "/v1/webhook-deliveries", tag = "webhooks", params(DeliveriesIn), responses((status = 200, body = PageOut<DeliveryOut>)))]
pub async fn list_webhook_deliveries(
    State(app): State<App>,
    owner: Owner,
    Query(asked): Query<DeliveriesIn>,
) -> Result<Response, Problem> {
    let shop = owner.0.shop;
    if matches!(asked.limit, Some(0 | 101..)) {
        return Err(Error::field("/limit", "A page has 1 to 100 entries.").into());
    }
    let page = PageIn {
        limit: asked.limit,
        after: asked.after,
    };
    let (endpoint, state) = (asked.endpoint, asked.state);
    let found = app
        .db
        .read(move |tx| store::deliveries(tx, shop, endpoint, state, page.after()?, page.limit()))
        .await?;
    Ok(json(StatusCode::OK, found.map(|one| DeliveryOut::from(&one))))
}

/// A delivery with its payload and every try.
#[utoipa::path(get, path = "/v1/webhook-deliveries/{webhook_delivery}", tag = "webhooks", params(("webhook_delivery" = WebhookDeliveryId, Path)),
    responses((status = 200, body = DeliveryOut), (status = 404)))]
pub async fn get_webhook_delivery(
    State(app): State<App>,
    owner: Owner,
    Path(id): Path<WebhookDeliveryId>,
) -> Result<Response, Problem> {
    whole(&app, owner.0.shop, id).await
}

async fn whole(app: &App, shop: ShopId, id: WebhookDeliveryId) -> Result<Response, Problem> {
    let (found, attempts, payload) = app
        .db
        .read(move |tx| {
            let found = store::delivery(tx, shop, id)?.ok_or_else(|| Error::not_found("webhook delivery"))?;
            Ok((found, store::attempts(tx, shop, id)?, store::payload_of(tx, shop, id)?))
        })
        .await?;
    let unreadable = |error| Error::internal("an event's payload cannot be read").because(error);
    let payload = payload
        .map(|text| serde_json::from_str(&text))
        .transpose()
        .map_err(unreadable)?;
    let out = DeliveryOut {
        attempts: Some(attempts.iter().map(AttemptOut::from).collect()),
        payload,
        ..DeliveryOut::from(&found)
    };
    Ok(json(StatusCode::OK, out))
}

/// Send a delivery again at once, under the same `webhook-id`: whether it was given up, had arrived, or waits.
#[utoipa::path(post, path = "/v1/webhook-deliveries/{webhook_delivery}/replay", tag = "webhooks", params(("webhook_delivery" = WebhookDeliveryId, Path)),
    responses((status = 200, body = DeliveryOut), (status = 404),
    (status = 409, description = "`being_sent`: it is on its way this moment. `endpoint_disabled`: enable it first.")))]
pub async fn post_webhook_replay(
    State(app): State<App>,
    owner: Owner,
    Path(id): Path<WebhookDeliveryId>,
) -> Result<Response, Problem> {
    let shop = owner.0.shop;
    let begun = app.db.write(LaneKey::of(shop), move |tx| replay(tx, shop, id)).await?;
    app.kept::<Waker>().wake();
    match begun {
        Replay::Begun => whole(&app, shop, id).await,
        Replay::NotFound => Err(Error::not_found("webhook delivery").into()),
        Replay::Disabled => Err(disabled().into()),
        Replay::Sending => {
            Err(Error::conflict("being_sent", "It is on its way this moment. Look again in a minute.").into())
        }
    }
}
