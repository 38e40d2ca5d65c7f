//! Instants and spans. Instants are microseconds since the Unix epoch, UTC; a time zone is a matter of showing.

use serde::{Deserialize, Serialize};

/// An instant: microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

/// A span in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub i64);

impl Seconds {
    pub const fn minutes(minutes: i64) -> Self {
        Self(minutes * 60)
    }
    pub const fn hours(hours: i64) -> Self {
        Self(hours * 3600)
    }
    pub const fn days(days: i64) -> Self {
        Self(days * 86_400)
    }
}

impl Time {
    #[must_use]
    pub fn plus(self, span: Seconds) -> Self {
        Self(self.0.saturating_add(span.0.saturating_mul(1_000_000)))
    }
    #[must_use]
    pub fn minus(self, span: Seconds) -> Self {
        Self(self.0.saturating_sub(span.0.saturating_mul(1_000_000)))
    }
    /// Whole seconds from `earlier` to `self`; negative if `self` is before it.
    pub fn since(self, earlier: Self) -> Seconds {
        Seconds((self.0 - earlier.0).div_euclid(1_000_000))
    }
    pub fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    pub fn from_unix_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }
    /// For calendars; instants outside jiff's range (year 9999) saturate to the epoch, which no stored time does.
    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
    /// The date in UTC.
    pub fn date(self) -> jiff::civil::Date {
        self.timestamp().to_zoned(jiff::tz::TimeZone::UTC).date()
    }
}

impl std::fmt::Display for Time {
    /// RFC 3339 with milliseconds.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3}", self.timestamp())
    }
}

impl Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(jiff::Timestamp::deserialize(deserializer)?.as_microsecond()))
    }
}

impl utoipa::PartialSchema for Time {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .format(Some(utoipa::openapi::SchemaFormat::KnownFormat(
                utoipa::openapi::KnownFormat::DateTime,
            )))
            .description(Some("An instant, RFC 3339, UTC."))
            .into()
    }
}
impl utoipa::ToSchema for Time {}
