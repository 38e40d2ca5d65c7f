//! Exact money: whole minor units with a currency. No floats, checked sums, wide intermediates.

use super::{Error, Result};
use serde::{Deserialize, Serialize};

/// An ISO 4217 currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    pub const EUR: Self = Self(iso_currency::Currency::EUR);
    pub fn code(self) -> &'static str {
        self.0.code()
    }
    /// Digits after the decimal point; 0 for currencies without a minor unit.
    pub fn exponent(self) -> u32 {
        u32::from(self.0.exponent().unwrap_or(0))
    }
}

impl std::str::FromStr for Currency {
    type Err = Error;
    fn from_str(code: &str) -> Result<Self> {
        iso_currency::Currency::from_code(code)
            .map(Self)
            .ok_or_else(|| Error::invalid("unknown_currency", "Expected an ISO 4217 code such as EUR."))
    }
}

impl std::fmt::Debug for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}
impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        code.parse()
            .map_err(|error: Error| serde::de::Error::custom(error.detail))
    }
}
impl utoipa::PartialSchema for Currency {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .pattern(Some("^[A-Z]{3}$"))
            .description(Some("ISO 4217 code."))
            .into()
    }
}
impl utoipa::ToSchema for Currency {}

/// An amount in minor units (cents) of one currency.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    pub minor: i64,
    pub currency: Currency,
}

/// Money on the wire: `{"amount": 1999, "currency": "EUR"}`, |amount| < 2^53 so that JavaScript reads it exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Money)]
pub struct MoneyOut {
    /// Minor units.
    pub amount: i64,
    pub currency: Currency,
}

/// The largest amount JavaScript reads exactly.
const WIRE_MAX: i64 = (1 << 53) - 1;

impl Money {
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }
    /// The sum. Errors: `mixed_currencies`, `amount_too_large`.
    pub fn plus(self, other: Self) -> Result<Self> {
        self.same(other)?;
        let minor = self
            .minor
            .checked_add(other.minor)
            .filter(|minor| minor.abs() <= WIRE_MAX)
            .ok_or_else(too_large)?;
        Ok(Self { minor, ..self })
    }
    /// The difference. Errors as [`Money::plus`].
    pub fn minus(self, other: Self) -> Result<Self> {
        self.plus(Self {
            minor: -other.minor,
            ..other
        })
    }
    /// Errors: `amount_too_large`.
    pub fn times(self, count: u32) -> Result<Self> {
        let minor = self
            .minor
            .checked_mul(i64::from(count))
            .filter(|minor| minor.abs() <= WIRE_MAX)
            .ok_or_else(too_large)?;
        Ok(Self { minor, ..self })
    }
    fn same(self, other: Self) -> Result<()> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(Error::invalid(
            "mixed_currencies",
            format!("{} and {} cannot be added.", self.currency, other.currency),
        ))
    }
}

fn too_large() -> Error {
    Error::invalid("amount_too_large", "Amounts stay below 2^53 minor units.")
}

impl std::fmt::Debug for Money {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::fmt::Display for Money {
    /// Plain and unambiguous (`12.50 EUR`); pages format for the viewer's locale.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let exponent = self.currency.exponent() as usize;
        let sign = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = exponent + 1);
        let (whole, part) = digits.split_at(digits.len() - exponent);
        let point = if exponent == 0 { "" } else { "." };
        write!(f, "{sign}{whole}{point}{part} {}", self.currency)
    }
}

impl From<Money> for MoneyOut {
    fn from(money: Money) -> Self {
        Self {
            amount: money.minor,
            currency: money.currency,
        }
    }
}
impl From<MoneyOut> for Money {
    fn from(money: MoneyOut) -> Self {
        Self {
            minor: money.amount,
            currency: money.currency,
        }
    }
}

/// A rate in basis points: 1900 is 19 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub u32);

impl Rate {
    /// The part of a net amount, rounded half up (away from zero).
    pub fn of(self, minor: i64) -> i64 {
        round_half_up(i128::from(minor) * i128::from(self.0), 10_000)
    }
    /// The part already inside a gross amount: gross · r / (1 + r), rounded half up.
    pub fn inside(self, minor: i64) -> i64 {
        round_half_up(i128::from(minor) * i128::from(self.0), 10_000 + i128::from(self.0))
    }
}

fn round_half_up(numerator: i128, denominator: i128) -> i64 {
    let half = denominator / 2;
    let rounded = if numerator >= 0 {
        (numerator + half) / denominator
    } else {
        (numerator - half) / denominator
    };
    i64::try_from(rounded).unwrap_or(i64::MAX)
}

/// Splits `total` by weights: every share floored, leftover units one at a time in listed order. The sum is exact.
///
/// `total` must not be negative and some weight must be positive; otherwise all shares are zero.
pub fn apportion(total: i64, weights: &[u64]) -> Vec<i64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    if sum == 0 || total <= 0 {
        return vec![0; weights.len()];
    }
    let mut shares: Vec<i64> = weights
        .iter()
        .map(|weight| i64::try_from(u128::from(total.unsigned_abs()) * u128::from(*weight) / sum).unwrap_or(0))
        .collect();
    let mut left = total - shares.iter().sum::<i64>();
    for (share, weight) in shares.iter_mut().zip(weights) {
        if left > 0 && *weight > 0 {
            *share += 1;
            left -= 1;
        }
    }
    shares
}
