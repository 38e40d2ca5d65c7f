//! What stands between the listener and every handler, outermost first.

use crate::app::App;
use crate::db::Errand;
use crate::http::{Problem, allow_other_origins, security_headers};
use crate::identity::idempotent;
use crate::kernel::{Error, Kind};
use crate::operating::{Meters, pages_for_people};
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The largest body, unless a route says otherwise (uploads do).
const BODY: usize = 1 << 20;
/// For a request to be answered; streams go on after their head.
const ANSWER: Duration = Duration::from_secs(30);
/// Uploads come over slow lines.
const UPLOAD: Duration = Duration::from_secs(600);
/// Slower answers are worth a line in the log.
const SLOW: Duration = Duration::from_secs(1);

/// How long a buyer may wait at the door of the database: with the time to serve them it is less than a page waits for an answer.
const AT_THE_DOOR: Duration = Duration::from_millis(2_750);

/// How long somebody who wants to look may take to say at what, and in how many bytes.
const SAID: Duration = Duration::from_secs(5);
const SHORT: usize = 64 << 10;

/// Wraps all routes. The last line of the first function is the first to see a request.
pub(super) fn around(routes: Router<App>, app: &App) -> Router<App> {
    routes
        .fallback(nothing_here)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), idempotent))
        .layer(DefaultBodyLimit::max(BODY))
        .layer(from_fn_with_state(app.clone(), edge))
}

/// All that needs no layer of its own, in one: each layer costs every request two allocations.
async fn edge(State(app): State<App>, request: Request, next: Next) -> Response {
    let inside = |request| {
        caught(in_time(request, |request| {
            let_in(&app, request, |request| next.run(request))
        }))
    };
    let seen = |request| observed(&app, request, |request| pages_for_people(request, inside));
    allow_other_origins(request, |request| security_headers(&app, request, seen)).await
}

async fn nothing_here() -> Problem {
    Error::not_found("page").into()
}

async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This address exists, but not for this method. See /docs.",
    )
}

async fn in_time<F: Future<Output = Response>>(request: Request, next: impl FnOnce(Request) -> F) -> Response {
    let limit = if request.uri().path() == "/v1/media" || request.uri().path().ends_with("/clips/new") {
        UPLOAD
    } else {
        ANSWER
    };
    match tokio::time::timeout(limit, next(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "This took too long and was let go. What was begun goes on; ask again with the same id.";
            Problem::from(Error::new(Kind::Busy { retry_after: 2 }, "too_slow", detail)).into_response()
        }
    }
}

/// What a request comes for, if it is something that a crowd comes for: an offer, a purchase, a place in a line.
fn errand(request: &Request) -> Option<Errand> {
    let route = request.extensions().get::<MatchedPath>()?;
    match (request.method(), route.as_str()) {
        (&Method::PUT, "/v1/checkouts/{checkout}") => Some(Errand::Take),
        (&Method::GET, "/v1/quotes")
        | (&Method::PUT, "/v1/drops/{drop}/turn" | "/v1/drops/{drop}/waits/{variant}")
        | (&Method::POST, "/s/{shop}/drops/{drop}/turn" | "/s/{shop}/drops/{drop}/waits") => Some(Errand::Look),
        _ => None,
    }
}

/// Buyers come in as fast as the lanes take them. Who would have to wait for too long is told so before their body is read: a crowd that asks again at
/// once must not keep those from being served who are let in (D15). Paying for what is reserved never waits here: its units are somebody's.
async fn let_in<F: Future<Output = Response>>(
    app: &App,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let Some(errand) = errand(&request) else {
        return next(request).await;
    };
    // Whoever only looks is let in with all they have to say: a body that does not come would keep a place that few have.
    let request = match errand {
        Errand::Look => match whole(request).await {
            Ok(request) => request,
            Err(refused) => return refused,
        },
        Errand::Take => request,
    };
    match app.db.enter(errand, AT_THE_DOOR).await {
        Some(_entered) => next(request).await,
        None => {
            app.kept::<Meters>().turned_away.fetch_add(1, Ordering::Relaxed);
            let detail = "Too many people buy at this moment. Nothing was done; try again with the same id.";
            Problem::from(Error::new(Kind::Busy { retry_after: 1 }, "busy", detail)).into_response()
        }
    }
}

/// The request with its body, a short one.
async fn whole(request: Request) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    match tokio::time::timeout(SAID, axum::body::to_bytes(body, SHORT)).await {
        Ok(Ok(bytes)) => Ok(Request::from_parts(parts, bytes.into())),
        Ok(Err(_)) => {
            let detail = "This is larger than it can be.";
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).into_response())
        }
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "too_slow", "The body did not come.").into_response()),
    }
}

/// A panic is this request's answer and nobody else's trouble.
async fn caught(answer: impl Future<Output = Response>) -> Response {
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(panicked)
}

fn panicked(cause: Box<dyn Any + Send>) -> Response {
    let said = cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned());
    Problem::from(Error::internal(format!(
        "a handler panicked: {}",
        said.unwrap_or_default()
    )))
    .into_response()
}

/// Counts, and logs what failed or was slow: route, status and time; never an address, a query or a body.
async fn observed<F: Future<Output = Response>>(
    app: &App,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let started = app.clock.monotonic();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next(request).await;
    let status = response.status().as_u16();
    app.kept::<Meters>().answered(status);
    let took = app.clock.monotonic().saturating_sub(started);
    let route = route.as_ref().map_or("-", MatchedPath::as_str);
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status != 503 && (status >= 500 || took > SLOW) {
        tracing::warn!(%method, route, status, ms, "answered");
    } else {
        tracing::debug!(%method, route, status, ms, "answered");
    }
    response
}
