//! What both formats share: a table of named columns, amounts told as decimals, times. A file that is not whole is refused, with the line that shows it.

use super::model::Amount;
use crate::kernel::{Currency, Error, Result, Time};
use std::collections::HashMap;

/// The most lines a file may have.
pub const LINES_MAX: u32 = 20_000;

/// Decimals of what is finer than any currency.
const FINE: u32 = 6;

/// A file as a table; its first line names the columns.
pub struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<(u32, csv::StringRecord)>,
}

/// One line of it.
pub struct Cells<'a> {
    pub number: u32,
    columns: &'a HashMap<String, usize>,
    record: &'a csv::StringRecord,
}

/// A refusal of the whole file.
pub fn refused(code: &'static str, detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid(code, detail)
}

fn broken(number: u64, what: &str) -> Error {
    refused(
        "settlement_file_broken",
        format!("Line {number}: {what} Nothing was imported; download the file again, whole and unchanged."),
    )
}

impl Table {
    /// Reads a file. Errors: `settlement_file_broken`, `settlement_file_too_large`.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            let line = before.iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
            broken(line, "it has bytes that are no text.")
        })?;
        // No text that PostgreSQL keeps.
        if let Some(at) = text.find('\0') {
            let line = text[..at].matches('\n').count() as u64 + 1;
            return Err(broken(line, "it has bytes that are no text."));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if text.trim().is_empty() {
            return Err(refused("settlement_file_broken", "The file is empty."));
        }
        let last = text.lines().count() as u64;
        if !text.ends_with('\n') {
            return Err(broken(last, "it has no end, so the file was cut off there."));
        }
        if text.matches('"').count() % 2 == 1 {
            return Err(broken(last, "up to here a quotation mark is not closed."));
        }
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(text.as_bytes());
        let mut columns = HashMap::new();
        let mut rows = Vec::new();
        let mut width = 0;
        for record in reader.records() {
            let record = record.map_err(|error| broken(last, &format!("it cannot be read: {error}.")))?;
            let number = record.position().map_or(0, csv::Position::line);
            if width == 0 {
                width = record.len();
                for (index, name) in record.iter().enumerate() {
                    if columns.insert(name.trim().to_lowercase(), index).is_some() && !name.trim().is_empty() {
                        return Err(broken(
                            number,
                            &format!("the column “{}” stands there twice.", name.trim()),
                        ));
                    }
                }
                continue;
            }
            if record.len() != width {
                let what = format!("it has {} columns, and the first line names {width}.", record.len());
                return Err(broken(number, &what));
            }
            if rows.len() as u64 >= u64::from(LINES_MAX) {
                return Err(refused(
                    "settlement_file_too_large",
                    format!("A file may have {LINES_MAX} lines. Export a shorter time, or one payout at a time."),
                ));
            }
            rows.push((u32::try_from(number).unwrap_or(u32::MAX), record));
        }
        Ok(Self { columns, rows })
    }

    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(&column.to_lowercase())
    }

    /// Errors: `settlement_file_columns`, naming what is missing.
    pub fn need(&self, columns: &[&str]) -> Result<()> {
        let missing: Vec<&str> = columns.iter().copied().filter(|name| !self.has(name)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        Err(refused(
            "settlement_file_columns",
            format!(
                "Line 1: the column{} {} missing. Export the report again with {}.",
                if missing.len() == 1 { "" } else { "s" },
                format_args!(
                    "“{}” {}",
                    missing.join("”, “"),
                    if missing.len() == 1 { "is" } else { "are" }
                ),
                if missing.len() == 1 { "it" } else { "them" },
            ),
        ))
    }

    pub fn rows(&self) -> impl Iterator<Item = Cells<'_>> {
        self.rows.iter().map(|(number, record)| Cells {
            number: *number,
            columns: &self.columns,
            record,
        })
    }
}

impl Cells<'_> {
    /// A cell without the space around it; empty where there is no such column.
    pub fn text(&self, column: &str) -> &str {
        let index = self.columns.get(&column.to_lowercase());
        index
            .and_then(|index| self.record.get(*index))
            .unwrap_or_default()
            .trim()
    }

    pub fn broken(&self, what: &str) -> Error {
        broken(u64::from(self.number), what)
    }

    pub fn currency(&self, column: &str) -> Result<Currency> {
        let code = self.text(column).to_uppercase();
        let unknown = |_| self.broken(&format!("“{code}” in the column “{column}” is no currency."));
        code.parse().map_err(unknown)
    }

    /// An amount told as a decimal of whole currency units, such as `-12.50`, exactly. Reports do not count in a processor's own minor units, so what
    /// it counts otherwise than ISO 4217 does not matter here; zeros at the end say nothing (P21). An empty cell is nothing.
    pub fn amount(&self, column: &str, currency: Currency) -> Result<Amount> {
        let text = self.text(column);
        let wrong = || {
            self.broken(&format!(
                "“{text}” in the column “{column}” is no amount of {currency}."
            ))
        };
        let minor = if text.is_empty() {
            Some(0)
        } else {
            decimal(text, currency.exponent())
        };
        minor.map(|minor| Amount { minor, currency }).ok_or_else(wrong)
    }

    /// The sum of decimals that may be finer than the currency, rounded once: parts of a fee are told so.
    pub fn sum(&self, columns: &[&str], currency: Currency) -> Result<i64> {
        let mut sum = 0_i64;
        for column in columns {
            let text = self.text(column);
            let wrong = || {
                self.broken(&format!(
                    "“{text}” in the column “{column}” is no amount of {currency}."
                ))
            };
            sum += if text.is_empty() {
                0
            } else {
                decimal(text, FINE).ok_or_else(wrong)?
            };
        }
        let unit = 10_i64.pow(FINE - currency.exponent().min(FINE));
        Ok((2 * sum + unit).div_euclid(2 * unit))
    }

    /// A time such as `2026-11-25 10:12:00` in UTC; none where it is empty or in another way.
    pub fn time(&self, column: &str) -> Option<Time> {
        let text = self.text(column).replacen(' ', "T", 1);
        let at: jiff::civil::DateTime = text.parse().ok()?;
        let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Time(at.timestamp().as_microsecond()))
    }
}

/// A plain decimal in units of so many decimals, exactly; none if it is not one, or has more that are not zero.
pub fn decimal(text: &str, decimals: u32) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(part) || (digits.contains('.') && part.is_empty()) {
        return None;
    }
    let places = usize::try_from(decimals).ok()?;
    let (kept, rest) = part.split_at(part.len().min(places));
    if rest.bytes().any(|byte| byte != b'0') {
        return None;
    }
    let padded = format!("{whole}{kept:0<places$}");
    let units: i64 = padded.parse().ok().filter(|units| *units < 1 << 53)?;
    Some(if negative { -units } else { units })
}
