//! `Idempotency-Key` on everything staff change through the API: one layer, so that no handler can forget it.

use super::extract::Staff;
use crate::app::App;
use crate::http::{IdempotencyKey, Problem, Scope, body_bytes, fingerprint, once};
use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Routes whose answers are not kept: an upload is named by its content's hash anyway, and a new key's secret is stored nowhere.
const NOT_KEPT: [&str; 2] = ["/v1/media", "/v1/keys"];

/// Requests without the header, reads, and players (whose checkouts have ids of their own) pass untouched.
pub async fn idempotent(State(app): State<App>, request: Request, next: Next) -> Response {
    let exempt = request.method().is_safe()
        || NOT_KEPT.contains(&request.uri().path())
        || !request.headers().contains_key("idempotency-key");
    if exempt {
        return next.run(request).await;
    }
    match guarded(app, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn guarded(app: App, request: Request, next: Next) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let IdempotencyKey(key) = IdempotencyKey::from_request_parts(&mut parts, &app).await?;
    let staff = <Option<Staff> as FromRequestParts<App>>::from_request_parts(&mut parts, &app).await?;
    let (Some(key), Some(staff)) = (key, staff) else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let route = parts
        .extensions
        .get::<MatchedPath>()
        .map_or(parts.uri.path(), MatchedPath::as_str);
    let scope = Scope {
        shop: staff.shop,
        principal: staff.principal(),
        route: format!("{} {route}", parts.method),
    };
    let bytes = body_bytes(Request::from_parts(parts.clone(), body), &app).await?;
    let version = parts.headers.get("if-match").map_or(&[][..], |value| value.as_bytes());
    let address = parts.uri.path_and_query().map_or("", |address| address.as_str());
    let same = fingerprint(&[address.as_bytes(), version, &bytes]);
    once(&app, scope, key, same, move |new_id| async move {
        parts.extensions.insert(new_id);
        next.run(Request::from_parts(parts, Body::from(bytes))).await
    })
    .await
}
