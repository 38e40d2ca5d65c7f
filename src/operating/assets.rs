//! Embedded files under `/assets/{hash}/…`: their address changes when any of them does, so they may be kept for ever.

use crate::http::{Path, Problem};
use crate::kernel::{Error, assets};
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// What a script may do that runs as a worker: compute, and nothing else.
const SCRIPT_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// A file by its hashed address. An old hash is answered with the file of today, kept shortly: a page that was open during an update goes on working.
pub async fn asset(Path((hash, path)): Path<(String, String)>, headers: HeaderMap) -> Result<Response, Problem> {
    let asset = assets::find(&path).ok_or_else(|| Error::not_found("file"))?;
    let current = hash == assets::HASH;
    let tag = HeaderValue::from_static(all_files_tag());
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| *known == tag);
    let gzip = asset.gzip.len() < asset.bytes.len()
        && headers
            .get_all(header::ACCEPT_ENCODING)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(accepts_gzip);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Body::from(if gzip { asset.gzip } else { asset.bytes }))
    };
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    out.insert(header::ETAG, tag);
    if asset.content_type.starts_with("text/javascript") {
        // A worker lives under its script's own policy: in a sandbox it would be nobody's, and the browser's hashing is for pages of somebody. Opened by
        // itself a script is words.
        out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SCRIPT_POLICY));
    }
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    out.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(if current {
            "public, max-age=31536000, immutable"
        } else {
            "public, max-age=60"
        }),
    );
    if gzip && !known {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// One tag for all: the hash is over all files.
fn all_files_tag() -> &'static str {
    static TAG: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("\"{}\"", assets::HASH));
    &TAG
}

pub(super) fn accepts_gzip(value: &str) -> bool {
    value.split(',').any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let name = parts.next().unwrap_or("");
        let refused =
            parts.any(|weight| matches!(weight.replace(' ', "").as_str(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        matches!(name, "gzip" | "x-gzip" | "*") && !refused
    })
}
