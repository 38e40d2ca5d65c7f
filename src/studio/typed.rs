//! What a form sent, as it was typed: names and values in the order of the page. Rows of a table send the same names again.

use crate::kernel::{Currency, Error, Money, Result};
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct Typed(Vec<(String, String)>);

impl Typed {
    #[cfg(test)]
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self(
            pairs
                .iter()
                .map(|(name, value)| ((*name).into(), (*value).into()))
                .collect(),
        )
    }

    /// The first value of a name, trimmed; empty when it was not sent.
    pub fn one(&self, name: &str) -> &str {
        self.all(name).next().unwrap_or("")
    }

    /// All values of a name, in order.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(sent, _)| sent == name)
            .map(|(_, value)| value.trim())
    }

    /// The value of row `at`.
    pub fn row(&self, name: &str, at: usize) -> &str {
        self.all(name).nth(at).unwrap_or("")
    }

    /// An id that a hidden field or a choice carried; none when it is empty or not one.
    pub fn id<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.one(name).parse().ok()
    }

    /// The version that was edited; 0 matches nothing that exists.
    pub fn version(&self) -> i64 {
        self.one("version").parse().unwrap_or(0)
    }
}

/// A decimal number as people type it, in units of `digits` places: `28`, `28.00` and `28,5` with two digits are 2800, 2800 and 2850.
pub fn decimal(text: &str, digits: usize) -> Option<i64> {
    let text = text.trim().replace(',', ".");
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let plain = |text: &str| text.bytes().all(|c| c.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || part.len() > digits {
        return None;
    }
    format!("{whole}{part:0<digits$}").parse().ok()
}

/// An amount in the shop's currency. Errors: `invalid_field` at `pointer`.
pub fn amount(pointer: &'static str, text: &str, currency: Currency) -> Result<Money> {
    let minor = decimal(text, currency.exponent() as usize);
    minor
        .map(|minor| Money::new(minor, currency))
        .ok_or_else(|| Error::field(pointer, "Write the amount as a number, such as 28.00."))
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn numbers_are_read_as_people_type_them() {
        let cases = [
            ("28", 2, Some(2800)),
            ("28.00", 2, Some(2800)),
            (" 28,5 ", 2, Some(2850)),
            ("0.05", 2, Some(5)),
            ("4.20", 3, Some(4200)),
            ("1200", 0, Some(1200)),
            ("1.5", 0, None),
            ("34,00,0", 2, None),
            ("-3", 2, None),
            ("", 2, None),
            (".5", 2, None),
            ("99999999999999999999", 2, None),
        ];
        for (text, digits, expected) in cases {
            assert_eq!(decimal(text, digits), expected, "{text}");
        }
    }
}
