//! Versions on the wire: `ETag` on what is read, `If-Match` on what is edited, so that no update is lost.

use super::{Problem, json};
use crate::kernel::{Error, Kind};
use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;

/// The version an edit was made from. A request without it is refused with 428: it would overwrite what it has not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub i64);

impl IfMatch {
    /// What an edit answers when the object has moved on.
    pub fn stale(current: i64) -> Problem {
        let error = Error::new(
            Kind::Stale,
            "stale",
            "Someone changed this since you read it. Read it again and repeat the edit.",
        );
        Problem::from(error)
            .with("version", current)
            .with_header(header::ETAG, etag(current))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Err(Problem::new(
                StatusCode::PRECONDITION_REQUIRED,
                "version_required",
                "Say which version you edit: `If-Match: \"<version>\"`, as its `ETag` or `version` says.",
            ));
        };
        let version = value
            .to_str()
            .ok()
            .and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
        version.map(Self).ok_or_else(|| {
            Error::new(
                Kind::Unreadable,
                "invalid_if_match",
                "`If-Match` is a version in quotes, such as \"3\".",
            )
            .into()
        })
    }
}

/// The entity tag of a version.
pub fn etag(version: i64) -> HeaderValue {
    HeaderValue::try_from(format!("\"{version}\"")).expect("digits in quotes are a header value")
}

/// Whether the caller has this version already.
pub(super) fn knows(headers: &HeaderMap, tag: &HeaderValue) -> bool {
    headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| {
            value
                .split(',')
                .map(|candidate| candidate.trim().trim_start_matches("W/"))
                .any(|candidate| candidate == "*" || candidate.as_bytes() == tag.as_bytes())
        })
}

/// 304: what the caller has is still right.
pub(super) fn not_modified() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    response
}

/// 200 with the body and its tag, or 304 if the caller has this version already.
pub fn json_unless_known(headers: &HeaderMap, tag: HeaderValue, body: impl Serialize) -> Response {
    let mut response = if knows(headers, &tag) {
        not_modified()
    } else {
        json(StatusCode::OK, body)
    };
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// Anybody may keep the answer for a second and hand it out for one more while they ask again: caches between us and a crowd of viewers take the crowd. What
/// is shown is then at most two seconds old (D17); whether there is a unit is decided by the reservation alone.
pub fn for_a_moment(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=1, stale-while-revalidate=1"),
    );
    // The shop follows from the key.
    headers.insert(header::VARY, HeaderValue::from_static("authorization"));
    response
}
