//! What a processor tells us without being asked. It ends where the tap ends: `payments::record` and [`super::conclude`].

use crate::app::App;
use crate::http::{Path, Problem};
use crate::kernel::{Error, Heard, Notice, Result};
use crate::payments;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

/// Hears a notice to its end. Whether it changed anything.
pub async fn hear(app: &App, processor: &str, notice: Notice, body: String) -> Result<bool> {
    payments::hear_out(app, processor, notice, body, super::conclude).await
}

/// Hears what a sandbox inside this program says, until it ends. A notice that cannot be recorded is made good by the resolver.
pub async fn listen(app: App, sandbox: &'static str, mut notices: tokio::sync::mpsc::Receiver<Notice>) {
    while let Some(notice) = notices.recv().await {
        let body = format!("{notice:?}");
        if let Err(error) = hear(&app, sandbox, notice, body).await {
            tracing::warn!(%error, "a notice of the sandbox could not be recorded");
        }
    }
}

/// A processor's webhook. Verified on the raw bytes before any work; answered 2xx once it is stored, also when it comes again.
#[utoipa::path(post, path = "/v1/webhooks/{processor}", tag = "buying", params(("processor" = String, Path)), request_body = String,
    security(()), responses((status = 200, description = "As 204, for a provider that waits for a word: `[accepted]`"),
        (status = 204, description = "Stored, known before, or of no interest"), (status = 400, description = "`bad_signature`"), (status = 404)))]
pub async fn post_webhook(
    State(app): State<App>,
    Path(processor): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    if !app.processors.iter().any(|known| known.name() == processor) {
        return Err(Error::not_found("processor").into());
    }
    let signature = headers
        .get("stripe-signature")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match payments::hear(&app, &processor, &body, signature)? {
        Heard::Forged => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "bad_signature",
            "The signature does not belong to this body, or is too old.",
        )),
        Heard::Ignored => Ok(thanks(&app, &processor)),
        Heard::Notices(notices) => {
            let body = String::from_utf8_lossy(&body);
            for notice in notices {
                hear(&app, &processor, notice, body.clone().into_owned()).await?;
            }
            Ok(thanks(&app, &processor))
        }
    }
}

/// Heard, in the words this provider waits for.
fn thanks(app: &App, processor: &str) -> Response {
    match app.processor(processor).map_or("", |known| known.thanks()) {
        "" => StatusCode::NO_CONTENT.into_response(),
        words => words.into_response(),
    }
}
