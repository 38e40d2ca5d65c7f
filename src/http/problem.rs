//! Errors on the wire: RFC 9457 `application/problem+json`. Codes and details are public, causes are for the log.

use crate::kernel::{Engine, Error, Field, Kind};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A refusal on its way out. Boxed: handlers return it in every `Result`.
#[derive(Debug)]
pub struct Problem(Box<Parts>);

#[derive(Debug)]
struct Parts {
    status: StatusCode,
    error: Error,
    extras: Map<String, Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What was answered, kept beside the response so that pages can say it in their own words.
#[derive(Clone, Debug)]
pub struct Shown {
    pub status: StatusCode,
    pub code: &'static str,
    pub detail: String,
}

/// A problem as the API reference describes it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemOut {
    /// Where the code is explained.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words.
    pub title: String,
    pub status: u16,
    /// Stable name of what went wrong; decide by this one.
    pub code: String,
    /// What happened and what to do, for people.
    pub detail: String,
    /// The fields that need another value.
    pub errors: Vec<ProblemField>,
}

/// One field that needs another value.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ProblemField {
    /// JSON pointer into the body, or the name of a parameter.
    pub pointer: String,
    pub detail: String,
}

impl Problem {
    /// A refusal of the business, with a status of its own: 402, 409, 422 …
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::of(status, Error::new(Kind::Conflict, code, detail))
    }

    /// 409 with a named code.
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    fn of(status: StatusCode, error: Error) -> Self {
        Self(Box::new(Parts {
            status,
            error,
            extras: Map::new(),
            headers: Vec::new(),
        }))
    }

    /// A further member of the body, such as `left` or a new quote.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Serialize) -> Self {
        let value = serde_json::to_value(value).expect("own types serialise");
        self.0.extras.insert(name.to_owned(), value);
        self
    }

    #[must_use]
    pub fn with_field(mut self, pointer: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.error.fields.push(Field {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Seconds after which trying again makes sense.
    #[must_use]
    pub fn retry_after(self, seconds: u32) -> Self {
        self.with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    pub fn code(&self) -> &'static str {
        self.0.error.code
    }

    pub fn fields(&self) -> &[Field] {
        &self.0.error.fields
    }

    /// What may be shown: a broken invariant names itself in the log only.
    pub fn detail(&self) -> &str {
        match self.0.error.kind {
            Kind::Internal | Kind::Engine(Engine::Retry | Engine::Gone | Engine::Constraint | Engine::Broken) => {
                "Something broke on our side. It is in our log; trying again with the same id is safe."
            }
            Kind::Engine(Engine::Full) => "The disk is full. Nothing was done; try again in a minute.",
            _ => &self.0.error.detail,
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let wait = match error.kind {
            Kind::TooMany { retry_after } | Kind::Busy { retry_after } => Some(retry_after),
            Kind::Engine(Engine::Full) => Some(60),
            _ => None,
        };
        let asks_who = error.kind == Kind::Unauthorized;
        let problem = Self::of(status, error);
        let problem = if asks_who {
            problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
        } else {
            problem
        };
        match wait {
            Some(seconds) => problem.retry_after(seconds),
            None => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            // In a rush there are thousands of them, and each tells the caller what to do.
            tracing::debug!(code = self.code(), error = %self.0.error, "a request was turned away");
        } else if status.is_server_error() {
            tracing::error!(code = self.code(), error = %self.0.error, "a request failed");
        }
        let shown = Shown {
            status,
            code: self.code(),
            detail: self.detail().to_owned(),
        };
        let out = ProblemOut {
            kind: format!("/docs#problem-{}", self.code()),
            title: status.canonical_reason().unwrap_or("Refused").to_owned(),
            status: status.as_u16(),
            code: self.code().to_owned(),
            detail: self.detail().to_owned(),
            errors: self
                .fields()
                .iter()
                .map(|field| ProblemField {
                    pointer: field.pointer.to_string(),
                    detail: field.detail.to_string(),
                })
                .collect(),
        };
        let mut body = match serde_json::to_value(out) {
            Ok(Value::Object(body)) => body,
            _ => Map::new(),
        };
        for (name, value) in self.0.extras {
            body.entry(name).or_insert(value); // An extra never replaces a member of the standard.
        }
        let mut response = Response::new(Body::from(Value::Object(body).to_string()));
        *response.status_mut() = status;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        for (name, value) in self.0.headers {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(shown);
        response
    }
}
