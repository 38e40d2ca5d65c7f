//! Forms from foreign pages are refused: what changes something by cookie must come from a page of ours.

use super::Problem;
use crate::app::App;
use crate::kernel::{Error, Kind};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};

/// Proof that a request that changes something came from our own page. Safe methods always pass.
#[derive(Clone, Copy, Debug)]
pub struct SameOrigin(());

impl FromRequestParts<App> for SameOrigin {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if is_same_origin(&parts.method, &parts.headers, &app.base_url) {
            return Ok(Self(()));
        }
        tracing::warn!(method = %parts.method, "a request from a foreign page was refused");
        Err(Error::new(
            Kind::Forbidden,
            "foreign_origin",
            "This request came from another site. Open the page here and try again.",
        )
        .into())
    }
}

/// Every current browser sends `Sec-Fetch-Site`; an older one at least `Origin` with a form. A request with neither is not from a page.
pub fn is_same_origin(method: &Method, headers: &HeaderMap, base_url: &str) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = headers.get("sec-fetch-site") {
        return matches!(site.as_bytes(), b"same-origin" | b"none");
    }
    let Some(origin) = text(header::ORIGIN) else {
        return false;
    };
    let host = origin.split_once("://").map(|(_, host)| host);
    origin == base_url || (host.is_some() && host == text(header::HOST))
}
