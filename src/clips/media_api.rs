//! Media over HTTP: raw bytes in, and the stored files out with ranges, for ever the same under the same name.

use super::api::MediaOut;
use super::{Intake, intake, media_file};
use crate::app::App;
use crate::http::{Path, Problem, json};
use crate::identity::Creator;
use crate::kernel::Error;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use std::ops::RangeInclusive;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

/// A file that was taken.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = StoredMedia)]
pub struct StoredMediaOut {
    #[serde(flatten)]
    pub media: MediaOut,
    /// A still of the video at its first second, where the server could take one.
    pub poster: Option<MediaOut>,
}

/// Upload a video (MP4, H.264 and AAC, index first, 1 to 180 seconds), a picture (PNG, JPEG, WebP) or captions (WebVTT).
///
/// The type is found out from the bytes. What a browser could not play everywhere is refused, with what to do. The same bytes again are the
/// same file.
#[utoipa::path(post, path = "/v1/media", tag = "clips", request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, body = StoredMediaOut), (status = 413, description = "`too_large`: 200 MB for a video, 10 MB for a picture, 1 MB for captions."),
    (status = 422, description = "`media_refused`, with a `reason` and a `remedy`.")))]
pub async fn post_media(State(app): State<App>, staff: Creator, body: Body) -> Result<Response, Problem> {
    match intake(&app, staff.shop, body.into_data_stream()).await? {
        Intake::Stored { media, poster } => {
            let out = StoredMediaOut {
                media: MediaOut::from(&media),
                poster: poster.as_ref().map(MediaOut::from),
            };
            Ok(json(StatusCode::CREATED, out))
        }
        Intake::Refused(refusal) => {
            let detail = format!("{} {}", refusal.detail, refusal.remedy);
            let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "media_refused", detail);
            Err(problem.with("reason", refusal.reason).with("remedy", refusal.remedy))
        }
        Intake::TooLarge { bytes_max } => {
            let detail = format!("A file of this kind may have at most {} MB.", bytes_max >> 20);
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", detail).with("bytes_max", bytes_max))
        }
        Intake::CutOff => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "unreadable",
            "The upload ended before it was complete.",
        )),
    }
}

/// What a stored file is, by its extension: the name we gave it after the probe.
const TYPES: [(&str, &str); 6] = [
    ("mp4", "video/mp4"),
    ("vtt", "text/vtt; charset=utf-8"),
    ("jpg", "image/jpeg"),
    ("png", "image/png"),
    ("webp", "image/webp"),
    ("svg", "image/svg+xml"),
];

/// A stored file, whole or one range of it.
pub async fn get_media(
    State(app): State<App>,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let missing = || Problem::from(Error::not_found("file"));
    let (hash, extension) = name.split_once('.').ok_or_else(missing)?;
    let known = hash.len() == 64 && hash.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
    let (_, content_type) = TYPES
        .iter()
        .find(|(name, _)| known && *name == extension)
        .ok_or_else(missing)?;
    let mut file = tokio::fs::File::open(media_file(&app, hash, extension))
        .await
        .map_err(|_| missing())?;
    let length = file.metadata().await.map_err(|_| missing())?.len();

    let tag = HeaderValue::try_from(format!("\"{hash}\"")).map_err(|_| missing())?;
    let mut response = Response::new(Body::empty());
    let set = response.headers_mut();
    set.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    set.insert(header::ETAG, tag.clone());
    set.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    set.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=31536000, immutable"),
    );
    set.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Even a file that fooled the probe runs nothing and loads nothing.
    set.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; sandbox"),
    );
    // Players live on other people's pages.
    set.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    set.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));

    if names(&headers, &header::IF_NONE_MATCH, &tag) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let same = !headers.contains_key(header::IF_RANGE) || names(&headers, &header::IF_RANGE, &tag);
    let wanted = match range
        .filter(|_| same)
        .map_or(Wanted::All, |range| wanted(range, length))
    {
        Wanted::All => 0..=length.saturating_sub(1),
        Wanted::Part(part) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let span = format!("bytes {}-{}/{length}", part.start(), part.end());
            set_header(&mut response, header::CONTENT_RANGE, &span);
            part
        }
        Wanted::Nothing => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            set_header(&mut response, header::CONTENT_RANGE, &format!("bytes */{length}"));
            return Ok(response);
        }
    };
    let count = if length == 0 {
        0
    } else {
        wanted.end() - wanted.start() + 1
    };
    set_header(&mut response, header::CONTENT_LENGTH, &count.to_string());
    if method != Method::HEAD {
        file.seek(std::io::SeekFrom::Start(*wanted.start()))
            .await
            .map_err(|_| missing())?;
        *response.body_mut() = Body::from_stream(ReaderStream::with_capacity(file.take(count), 64 << 10));
    }
    Ok(response)
}

fn set_header(response: &mut Response, name: header::HeaderName, value: &str) {
    response.headers_mut().insert(
        name,
        HeaderValue::try_from(value).expect("digits and names are a header value"),
    );
}

/// Whether a header names our tag; the bytes never change, so a weak tag is as good.
fn names(headers: &HeaderMap, name: &header::HeaderName, tag: &HeaderValue) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut tags = values
        .flat_map(|value| value.split(','))
        .map(|value| value.trim().trim_start_matches("W/"));
    tags.any(|value| value == "*" || value.as_bytes() == tag.as_bytes())
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    Part(RangeInclusive<u64>),
    /// Nothing of the file lies in the range.
    Nothing,
}

/// One range of bytes (RFC 9110, 14). What we cannot read, and several ranges at once, are answered with the whole file.
pub(super) fn wanted(range: &str, length: u64) -> Wanted {
    let Some((first, last)) = range
        .strip_prefix("bytes=")
        .and_then(|span| span.trim().split_once('-'))
    else {
        return Wanted::All;
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|c| c.is_ascii_digit());
    let end = length.saturating_sub(1);
    match (first, last) {
        ("", count) if digits(count) => match count.parse::<u64>() {
            Ok(0) => Wanted::Nothing,
            _ if length == 0 => Wanted::Nothing,
            Ok(count) => Wanted::Part(length.saturating_sub(count)..=end),
            Err(_) => Wanted::Part(0..=end),
        },
        (first, "") if digits(first) => match first.parse::<u64>() {
            Ok(first) if first < length => Wanted::Part(first..=end),
            _ => Wanted::Nothing,
        },
        (first, last) if digits(first) && digits(last) => match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first > last => Wanted::All,
            (Ok(first), last) if first < length => Wanted::Part(first..=last.unwrap_or(end).min(end)),
            _ => Wanted::Nothing,
        },
        _ => Wanted::All,
    }
}
