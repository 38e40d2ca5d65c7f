//! What browsers are told about our answers: what may run, who may frame, how long to keep. And who may read the API from elsewhere.

use super::Problem;
use super::version::{knows, not_modified};
use crate::app::App;
use crate::kernel::Error;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// Pages load only what this origin serves; nothing is written into them that runs.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; \
    font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'";
/// Anything else that a browser might open by itself: an uploaded picture must not become a page with rights.
const FILE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";

/// A page. The security headers are added by [`security_headers`].
pub fn html(status: StatusCode, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    response
}

/// A page from its template. Errors: a template that cannot be rendered is a mistake of ours.
pub fn page(template: &impl askama::Template) -> Result<Response, Problem> {
    Ok(html(StatusCode::OK, rendered(template)?))
}

/// A page that anybody may see, tagged by what it says: 304 if the caller has it as it is.
pub fn page_unless_known(headers: &HeaderMap, template: &impl askama::Template) -> Result<Response, Problem> {
    let text = rendered(template)?;
    let hash = URL_SAFE_NO_PAD.encode(&Sha256::digest(text.as_bytes())[..12]);
    let tag = HeaderValue::try_from(format!("\"{hash}\"")).map_err(|error| Error::internal("no tag").because(error))?;
    let mut response = if knows(headers, &tag) {
        not_modified()
    } else {
        html(StatusCode::OK, text)
    };
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

fn rendered(template: &impl askama::Template) -> Result<String, Problem> {
    template
        .render()
        .map_err(|error| Error::internal("a page could not be rendered").because(error).into())
}

/// After a form was acted on: the browser fetches the next page, and reloading it sends nothing again.
pub fn redirect(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// Lets one page show what another site plays: in a frame (`frame-src`) or as a film (`media-src`). `url` is https and was checked when it was kept.
pub fn allow_on_page(response: &mut Response, directive: &str, url: &str) {
    let host = url
        .strip_prefix("https://")
        .and_then(|rest| rest.split(['/', '?', '#']).next());
    let Some(host) = host.filter(|host| {
        host.chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':'))
    }) else {
        return;
    };
    let policy = match directive {
        "media-src" => PAGE_POLICY
            .replace("media-src 'self'", &format!("media-src 'self' https://{host}"))
            // A browser without HLS of its own fetches the playlist and its parts by script.
            .replace("connect-src 'self'", &format!("connect-src 'self' https://{host}")),
        directive => format!("{PAGE_POLICY}; {directive} https://{host}"),
    };
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// Puts the headers on every answer that does not bring its own. A 304 gets none: a browser lays them over those it has kept, and those of a
/// file would take a page's scripts and styles away.
pub async fn security_headers<F: Future<Output = Response>>(
    app: &App,
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let private = request.uri().path().starts_with("/v1/") || request.uri().path().starts_with("/studio");
    let mut response = next(request).await;
    if response.status() == StatusCode::NOT_MODIFIED {
        return response;
    }
    let is_page = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let redirects = response.status().is_redirection();
    let has_tag = response.headers().contains_key(header::ETAG);
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "strict-origin-when-cross-origin");
    set(
        header::CONTENT_SECURITY_POLICY,
        if is_page { PAGE_POLICY } else { FILE_POLICY },
    );
    if is_page || redirects {
        // On the way as well: a redirect without it would cut a bank's window off from the page that opened it and is to close it.
        set(
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin-allow-popups",
        );
    }
    if is_page {
        set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
        set(
            HeaderName::from_static("permissions-policy"),
            "camera=(), microphone=(), geolocation=(), payment=()",
        );
    } else {
        // The player runs in other people's pages and loads its script and clips from here.
        set(HeaderName::from_static("cross-origin-resource-policy"), "cross-origin");
    }
    if is_page || private {
        set(
            header::CACHE_CONTROL,
            if has_tag { "private, no-cache" } else { "no-store" },
        );
    }
    if app.base_url.starts_with("https://") {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000; includeSubDomains");
    }
    response
}

/// The API may be read from any page: a player lives on foreign sites. Cookies never count there, so nothing is lent to them.
pub async fn allow_other_origins<F: Future<Output = Response>>(
    request: Request,
    next: impl FnOnce(Request) -> F,
) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/v1/")
        && !path.starts_with("/assets/")
        && !path.starts_with("/media/")
        && path != "/openapi.json"
    {
        return next(request).await;
    }
    if request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        let mut response = StatusCode::NO_CONTENT.into_response();
        let headers = response.headers_mut();
        allow(headers);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE"),
        );
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("authorization, content-type, if-match, if-none-match, idempotency-key, hawker-checkout-secret, hawker-buyer-key, last-event-id, range"),
        );
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
        return response;
    }
    let mut response = next(request).await;
    allow(response.headers_mut());
    response.headers_mut().insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static("etag, retry-after, idempotent-replayed, ratelimit, ratelimit-policy"),
    );
    response
}

fn allow(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}
