//! One error type for everything that breaks. What merely *happens in business* is an outcome enum of its verb, not an error.

use std::borrow::Cow;

/// The result of anything that can break.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What broke, in the terms of whoever has to react: the HTTP status follows from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 400: the request cannot be read at all.
    Unreadable,
    /// 422: it can be read, but a field breaks a rule.
    Invalid,
    /// 401: no or unknown credentials.
    Unauthorized,
    /// 403: known, but without the right.
    Forbidden,
    /// 404: not there, or not visible to the caller (we do not say which).
    NotFound,
    /// 409: the state of the object forbids it.
    Conflict,
    /// 412: the version in `If-Match` is not the current one.
    Stale,
    /// 413: larger than the limit.
    TooLarge,
    /// 429: a rate limit; try again after the given seconds.
    TooMany { retry_after: u32 },
    /// 503: a queue is full or the disk is; nothing was done.
    Busy { retry_after: u32 },
    /// 500: the transaction is gone or a statement failed; the lane decides whether to run again.
    Engine(Engine),
    /// 500: an invariant or a peer broke.
    Internal,
}

/// How a database statement failed, as far as a caller must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Deadlock, lock time-out or serialization failure: run the whole unit again.
    Retry,
    /// The connection or the transaction is lost.
    Gone,
    /// The disk is full.
    Full,
    /// A constraint said no.
    Constraint,
    /// Anything else: a mistake of ours.
    Broken,
}

/// One field of a request that breaks a rule. `pointer` is a JSON pointer (RFC 6901) or a form field name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub pointer: Cow<'static, str>,
    pub detail: Cow<'static, str>,
}

/// Something broke. `code` and `detail` are public; the cause is for the log only.
#[derive(Debug)]
pub struct Error {
    pub kind: Kind,
    /// Stable name, listed in the API reference.
    pub code: &'static str,
    pub detail: Cow<'static, str>,
    pub fields: Vec<Field>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(kind: Kind, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            code,
            detail: detail.into(),
            fields: Vec::new(),
            cause: None,
        }
    }
    pub fn invalid(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Invalid, code, detail)
    }
    /// A request with one bad field.
    pub fn field(pointer: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::invalid("invalid_field", "Some fields need another value.").with_field(pointer, detail)
    }
    pub fn not_found(what: &'static str) -> Self {
        Self::new(Kind::NotFound, "not_found", format!("There is no such {what}."))
    }
    pub fn conflict(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Conflict, code, detail)
    }
    pub fn internal(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Internal, "internal", detail)
    }
    pub fn engine(engine: Engine, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Kind::Engine(engine), "internal", "The database refused a statement.").because(cause)
    }
    #[must_use]
    pub fn with_field(mut self, pointer: impl Into<Cow<'static, str>>, detail: impl Into<Cow<'static, str>>) -> Self {
        self.fields.push(Field {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }
    /// Keeps the private cause; it is logged, never shown.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }
    /// The HTTP status of the kind.
    pub fn status(&self) -> u16 {
        match self.kind {
            Kind::Unreadable => 400,
            Kind::Unauthorized => 401,
            Kind::Forbidden => 403,
            Kind::NotFound => 404,
            Kind::Conflict => 409,
            Kind::Stale => 412,
            Kind::TooLarge => 413,
            Kind::Invalid => 422,
            Kind::TooMany { .. } => 429,
            Kind::Busy { .. } | Kind::Engine(Engine::Full) => 503,
            Kind::Engine(_) | Kind::Internal => 500,
        }
    }
    /// The private cause, for the log.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + Send + Sync)> {
        self.cause.as_deref()
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)?;
        for field in &self.fields {
            write!(f, " [{} {}]", field.pointer, field.detail)?;
        }
        match &self.cause {
            Some(cause) => write!(f, " ({cause})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Drops an error on purpose, with the reason why that is right.
pub trait MayFail {
    fn may_fail(self, why: &'static str);
}

impl<T, E: std::fmt::Display> MayFail for Result<T, E> {
    fn may_fail(self, why: &'static str) {
        if let Err(error) = self {
            tracing::debug!(%error, why, "failed, and may");
        }
    }
}
