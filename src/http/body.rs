//! Reading requests: JSON, forms, paths and queries into types, with a pointer to what is wrong. And writing JSON.

use super::Problem;
use crate::kernel::{Error, Kind};
use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Write;

/// A JSON body. Refuses fields that nobody reads, whatever the type says about them.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A form sent by a page. Unknown fields are the type's own business (`deny_unknown_fields`).
#[derive(Debug)]
pub struct Form<T>(pub T);

/// The typed parts of a path. What cannot be read names nothing: 404.
#[derive(Debug)]
pub struct Path<T>(pub T);

/// The typed query. Refuses what the type does not know if it says `deny_unknown_fields`.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = content_type(&request).unwrap_or("");
        if kind != "application/json" && !kind.ends_with("+json") {
            return Err(wrong_type("Send JSON, with `Content-Type: application/json`."));
        }
        let bytes = body_bytes(request, state).await?;
        // A list would be read as the fields of a type in their order: nobody means that.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err(Error::invalid("invalid_body", "Send one JSON object.").into());
        }
        read_json(&bytes).map(Self)
    }
}

/// Reads a value and refuses unknown fields. Errors: 400 `invalid_json`, 422 `invalid_body` and `unknown_field` with a pointer.
pub fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let mut unknown = Vec::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut reader, &mut track);
    let read = serde_ignored::deserialize(tracked, |path| {
        unknown.push(format!("/{}", path.to_string().replace('.', "/")))
    });
    let value: T = read.map_err(|error: serde_json::Error| {
        if error.is_data() {
            Error::invalid("invalid_body", "Some fields need another value.")
                .with_field(pointer(&track.path()), plain(&error))
        } else {
            Error::new(
                Kind::Unreadable,
                "invalid_json",
                format!("The body is not JSON: {error}."),
            )
        }
    })?;
    reader.end().map_err(|error| {
        Error::new(
            Kind::Unreadable,
            "invalid_json",
            format!("The body goes on after its value: {error}."),
        )
    })?;
    if unknown.is_empty() {
        return Ok(value);
    }
    let refusal = Error::invalid(
        "unknown_field",
        "The body has fields this request does not know. Remove them.",
    );
    Err(unknown
        .into_iter()
        .fold(refusal, |refusal, name| refusal.with_field(name, "Not known here."))
        .into())
}

/// Serde's sentence without "at line 1 column 7": the pointer says where.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    format!("Cannot be read: {}.", &text[..end])
}

/// RFC 6901.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter().fold(String::new(), |mut text, segment| {
        let done = match segment {
            Segment::Seq { index } => write!(text, "/{index}"),
            Segment::Map { key } => write!(text, "/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => Ok(()),
        };
        done.expect("text is writable");
        text
    })
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if content_type(&request) != Some("application/x-www-form-urlencoded") {
            return Err(wrong_type(
                "Send a form, with `Content-Type: application/x-www-form-urlencoded`.",
            ));
        }
        let bytes = body_bytes(request, state).await?;
        read_form(&bytes).map(Self)
    }
}

fn read_form<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_path_to_error::deserialize(serde_html_form::Deserializer::from_bytes(bytes)).map_err(|error| {
        let name = pointer(error.path()).trim_start_matches('/').to_owned();
        Error::invalid("invalid_field", "Some fields need another value.")
            .with_field(name, format!("Cannot be read: {}.", error.inner()))
            .into()
    })
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(_) => Err(Error::not_found("thing").into()),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read_form(parts.uri.query().unwrap_or("").as_bytes()).map(Self)
    }
}

/// The whole body, up to the limit of the route. Errors: 413 `too_large`.
pub async fn body_bytes<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejection| {
        if axum::response::IntoResponse::into_response(rejection).status() == StatusCode::PAYLOAD_TOO_LARGE {
            Error::new(
                Kind::TooLarge,
                "too_large",
                "The body is larger than this request may be.",
            )
            .into()
        } else {
            Error::new(Kind::Unreadable, "unreadable", "The body ended before it was complete.").into()
        }
    })
}

fn content_type(request: &Request) -> Option<&str> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or(value).trim())
}

fn wrong_type(detail: &'static str) -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}

/// An answer in JSON.
pub fn json(status: StatusCode, body: impl Serialize) -> Response {
    let text = serde_json::to_vec(&body).expect("own types serialise");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
