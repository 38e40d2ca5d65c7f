//! Repeated requests: the same `Idempotency-Key` from the same caller on the same route changes something once and answers the same.
//!
//! A key is written as *started* before the work, under a lease. A crash in between leaves the started record; after its lease the next
//! try runs again, and finds by natural keys ([`NewId`], a checkout's id, a shipment) what the first one had done.

use super::{Problem, store};
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::kernel::{Error, Id, Kind, MayFail, Result, Seconds, ShopId};
use axum::body::{Body, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::future::Future;

/// How long a started request may take before another one may take over: more than any request is allowed to last.
pub const LEASE: Seconds = Seconds(90);
/// How long answers are kept.
const KEPT: Seconds = Seconds::days(30);
/// The largest answer that is kept; ours are far smaller.
const ANSWER_MAX: usize = 1 << 20;

/// What is kept of an answer instead of the answer itself: of one that holds a secret, which is shown once. Put among the response's extensions.
#[derive(Clone, Debug)]
pub struct KeptAs(pub String);

/// Whose key it is, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    pub shop: ShopId,
    /// The staff member or API key.
    pub principal: String,
    /// Method and route, such as `POST /v1/products`.
    pub route: String,
}

/// What a key says about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// The first time, or a try that died: do it.
    Run,
    /// Done before: this was the answer.
    Replay { status: u16, body: String },
    /// Someone is doing it right now.
    InFlight,
    /// The same key came with something else.
    OtherRequest,
}

/// The header, if there is one. Errors: 400 `invalid_idempotency_key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, Problem> {
        let Some(value) = parts.headers.get("idempotency-key") else {
            return Ok(Self(None));
        };
        let text = value.to_str().unwrap_or("").trim();
        let text = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .unwrap_or(text);
        if text.is_empty() || text.len() > 255 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let detail = "`Idempotency-Key` is 1 to 255 visible characters; a UUID is good.";
            return Err(Error::new(Kind::Unreadable, "invalid_idempotency_key", detail).into());
        }
        Ok(Self(Some(text.to_owned())))
    }
}

/// The id of what a request creates: derived from its `Idempotency-Key`, else new. A try that died is found again under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewId(uuid::Uuid);

impl NewId {
    pub fn get<T: Id>(self) -> T {
        T::from_uuid(self.0)
    }
}

impl FromRequestParts<App> for NewId {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> std::result::Result<Self, Problem> {
        if let Some(derived) = parts.extensions.get::<Self>() {
            return Ok(*derived);
        }
        Ok(Self(app.random.id::<crate::kernel::FactId>(app.clock.wall()).uuid()))
    }
}

/// Decides by one conditional insert; two requests with one key cannot both run.
pub fn begin(tx: &mut Tx<'_>, scope: &Scope, key: &str, fingerprint: [u8; 32]) -> Result<Begin> {
    let lease_until = tx.now().plus(LEASE);
    if store::start(tx, scope, key, fingerprint, lease_until)? {
        return Ok(Begin::Run);
    }
    let Some(record) = store::find(tx, scope, key)? else {
        return Ok(Begin::InFlight);
    };
    if record.fingerprint != fingerprint {
        return Ok(Begin::OtherRequest);
    }
    match (record.status, record.body) {
        (Some(status), Some(body)) => Ok(Begin::Replay { status, body }),
        _ if store::take_over(tx, scope, key, lease_until)? => Ok(Begin::Run),
        _ => Ok(Begin::InFlight),
    }
}

/// Keeps the answer.
pub fn finish(tx: &mut Tx<'_>, scope: &Scope, key: &str, status: u16, body: &str) -> Result<()> {
    store::finish(tx, scope, key, status, body)
}

/// Lets the next try run at once: ours failed without changing anything.
pub fn give_up(tx: &mut Tx<'_>, scope: &Scope, key: &str) -> Result<()> {
    store::give_up(tx, scope, key)
}

/// Removes answers older than thirty days, some at a time.
pub fn forget_old_keys(tx: &mut Tx<'_>) -> Result<u64> {
    let before = tx.now().minus(KEPT);
    store::forget(tx, before)
}

/// Kept answers of a shop that hold a text, as principal, route and key.
pub fn answers_with(tx: &mut Tx<'_>, shop: ShopId, text: &str) -> Result<Vec<(String, String, String)>> {
    store::answers_with(tx, shop, text)
}

/// Forgets what was answered, and not that it was: the same key does nothing twice.
pub fn erase_answer(tx: &mut Tx<'_>, shop: ShopId, of: &(String, String, String)) -> Result<()> {
    let body = r#"{"type":"about:blank","title":"Gone","status":410,"code":"erased","detail":"It was done. What was answered told about a buyer who was erased since."}"#;
    store::erase_answer(tx, shop, (&of.0, &of.1, &of.2), 410, body)
}

/// What makes two requests the same.
pub fn fingerprint(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Runs `work` at most once for this key; it goes on even if the caller leaves. Order of answers: other request 422, in flight 409, replay, the work's own.
pub async fn once<F>(
    app: &App,
    scope: Scope,
    key: String,
    fingerprint: [u8; 32],
    work: impl FnOnce(NewId) -> F,
) -> std::result::Result<Response, Problem>
where
    F: Future<Output = Response> + Send + 'static,
{
    let begun = {
        let (scope, key) = (scope.clone(), key.clone());
        app.db
            .write(LaneKey::of(scope.shop), move |tx| begin(tx, &scope, &key, fingerprint))
            .await?
    };
    match begun {
        Begin::Run => {}
        Begin::Replay { status, body } => return Ok(replayed(status, body)),
        Begin::InFlight => {
            let detail = "The first request with this Idempotency-Key is still at work. Ask again in a moment.";
            return Err(Problem::conflict("idempotency_in_flight", detail).retry_after(1));
        }
        Begin::OtherRequest => {
            let detail = "This Idempotency-Key was used for another request. Send the first one again unchanged, or take a new key.";
            return Err(Problem::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                detail,
            ));
        }
    }
    let work = work(derived_id(&scope, &key));
    let running = app.clone();
    let answer = app
        .track(async move { Ok(keep(&running, scope, key, work.await).await) })
        .await?;
    Ok(answer)
}

/// Writes the answer down before it leaves. A failure of ours is not an answer: it is forgotten, so that a retry may succeed.
async fn keep(app: &App, scope: Scope, key: String, answer: Response) -> Response {
    let lane = LaneKey::of(scope.shop);
    if answer.status().is_server_error() {
        app.db
            .write(lane, move |tx| give_up(tx, &scope, &key))
            .await
            .may_fail("the lease ends by itself");
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let kept = parts.extensions.remove::<KeptAs>();
    let Ok(bytes) = to_bytes(body, ANSWER_MAX).await else {
        return Problem::from(Error::internal(
            "an answer under an idempotency key is too large to keep",
        ))
        .into_response();
    };
    let (status, text) = (
        parts.status.as_u16(),
        kept.map_or_else(|| String::from_utf8_lossy(&bytes).into_owned(), |KeptAs(text)| text),
    );
    match app
        .db
        .write(lane, move |tx| finish(tx, &scope, &key, status, &text))
        .await
    {
        Ok(()) => Response::from_parts(parts, Body::from(bytes)),
        // Not kept: the caller must not believe that repeating is harmless from now on.
        Err(error) => Problem::from(error).into_response(),
    }
}

fn derived_id(scope: &Scope, key: &str) -> NewId {
    let name = fingerprint(&[scope.principal.as_bytes(), scope.route.as_bytes(), key.as_bytes()]);
    NewId(uuid::Uuid::new_v5(&scope.shop.uuid(), &name))
}

fn replayed(status: u16, body: String) -> Response {
    let kind = if status >= 400 {
        "application/problem+json"
    } else {
        "application/json"
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
        .headers_mut()
        .insert("idempotent-replayed", HeaderValue::from_static("true"));
    response
}
