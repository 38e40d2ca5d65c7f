//! Server-sent events: one stream a page, kept alive, ended at once when the server stops.

use crate::app::App;
use axum::http::{HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt};
use std::convert::Infallible;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Rung once, when the server stops: long streams end, so that the shutdown need not wait for them.
#[derive(Clone, Default)]
pub struct Stopping(pub CancellationToken);

/// Answers with a stream of events. Clients reconnect by themselves and say what they saw last.
pub fn events(app: &App, stream: impl Stream<Item = Event> + Send + 'static) -> Response {
    let stopping = app.kept::<Stopping>().0.clone();
    let stream = stream.map(Ok::<_, Infallible>).take_until(stopping.cancelled_owned());
    let mut response = Sse::new(stream)
        .keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
        .into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies that buffer would hold back the very thing a stream is for.
    response
        .headers_mut()
        .insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}
