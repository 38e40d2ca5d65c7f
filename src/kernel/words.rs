//! How amounts, lengths and moments are written for people, on pages and in mails. The API never uses this: it sends numbers.
//!
//! English only; the player says the same in the viewer's language with the browser's own tables.

use super::{Money, Rate, Time};

/// "€1,234.50", "CHF 12.00", "−€3.00".
pub fn money(money: Money) -> String {
    let exponent = money.currency.exponent() as usize;
    let digits = format!("{:0>width$}", money.minor.unsigned_abs(), width = exponent + 1);
    let (whole, part) = digits.split_at(digits.len() - exponent);
    let sign = if money.minor < 0 { "−" } else { "" };
    let symbol = match money.currency.code() {
        "EUR" => "€".into(),
        "GBP" => "£".into(),
        "USD" => "$".into(),
        "JPY" => "¥".into(),
        code => format!("{code} "),
    };
    let point = if exponent == 0 { "" } else { "." };
    format!("{sign}{symbol}{}{point}{part}", grouped(whole))
}

/// "34.00": a plain decimal number, as feeds and structured data want it.
pub fn decimal(money: Money) -> String {
    let text = money.to_string();
    text.strip_suffix(money.currency.code())
        .unwrap_or(&text)
        .trim_end()
        .into()
}

/// "19 %", "8.1 %".
pub fn percent(rate: Rate) -> String {
    let (whole, hundredths) = (rate.0 / 100, rate.0 % 100);
    let part = format!("{hundredths:02}");
    match part.trim_end_matches('0') {
        "" => format!("{whole} %"),
        part => format!("{whole}.{part} %"),
    }
}

/// "Germany" for `DE`; a code nobody knows stays as it is.
pub fn country(code: &str) -> String {
    code.parse::<iso_currency::Country>()
        .map_or_else(|_| code.to_owned(), |country| country.name().to_owned())
}

/// The codes of all countries.
pub fn countries() -> Vec<String> {
    let letters = || 'A'..='Z';
    letters()
        .flat_map(|first| letters().map(move |second| format!("{first}{second}")))
        .filter(|code| {
            code.parse::<iso_currency::Country>()
                .is_ok_and(|country| !country.name().is_empty())
        })
        .collect()
}

/// "1 piece", "3 pieces". `many` is the plural.
pub fn count(of: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(of), if of == 1 { one } else { many })
}

/// "4,812".
pub fn number(number: u64) -> String {
    grouped(&number.to_string())
}

/// "11.2 %" of thousandths.
pub fn per_mille(thousandths: u32) -> String {
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

/// "0:13", "12:05": the second of a clip.
pub fn timecode(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// "20 seconds", "1 minute 5 seconds", for ears.
pub fn spoken_length(milliseconds: u64) -> String {
    let seconds = milliseconds.div_ceil(1000);
    let rest = count(seconds % 60, "second", "seconds");
    match (seconds / 60, seconds % 60) {
        (0, _) => rest,
        (minutes, 0) => count(minutes, "minute", "minutes"),
        (minutes, _) => format!("{} {rest}", count(minutes, "minute", "minutes")),
    }
}

/// "3 hours ago", "in 10 minutes", "just now".
pub fn relative(at: Time, now: Time) -> String {
    let seconds = now.since(at).0;
    let distance = seconds.unsigned_abs();
    let text = match distance {
        0..45 => return "just now".into(),
        45..3_570 => count((distance + 30) / 60, "minute", "minutes"),
        3_570..84_600 => count((distance + 1_800) / 3_600, "hour", "hours"),
        84_600..2_592_000 => count((distance + 43_200) / 86_400, "day", "days"),
        2_592_000..31_104_000 => count((distance + 1_296_000) / 2_592_000, "month", "months"),
        _ => count(distance.max(31_536_000) / 31_536_000, "year", "years"),
    };
    if seconds < 0 {
        format!("in {text}")
    } else {
        format!("{text} ago")
    }
}

/// "21 November 2026, 20:31 UTC", for hovering and for paper.
pub fn exact(at: Time) -> String {
    at.timestamp().strftime("%-d %B %Y, %H:%M UTC").to_string()
}

/// The same to the second, where that matters: "21 November 2026, 20:31:07 UTC".
pub fn to_the_second(at: Time) -> String {
    at.timestamp().strftime("%-d %B %Y, %H:%M:%S UTC").to_string()
}

/// The same by the clock of a time zone: "21 November 2026, 21:31 CET". A zone nobody knows is UTC.
pub fn exact_in(at: Time, zone: &str) -> String {
    match jiff::tz::TimeZone::get(zone) {
        Ok(zone) => at
            .timestamp()
            .to_zoned(zone)
            .strftime("%-d %B %Y, %H:%M %Z")
            .to_string(),
        Err(_) => exact(at),
    }
}

/// A day by the clock of a time zone: "21 November 2026".
pub fn day_in(at: Time, zone: &str) -> String {
    let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
    at.timestamp().to_zoned(zone).strftime("%-d %B %Y").to_string()
}

fn grouped(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Currency;

    #[test]
    fn amounts_are_written_in_full() {
        let of = |minor: i64, code: &str| money(Money::new(minor, code.parse::<Currency>().expect("a currency")));
        assert_eq!(of(123_450, "EUR"), "€1,234.50");
        assert_eq!(of(-5, "EUR"), "−€0.05");
        assert_eq!(of(1_234_567, "JPY"), "¥1,234,567");
        assert_eq!(of(1_200, "CHF"), "CHF 12.00");
        assert_eq!(of(1_234, "KWD"), "KWD 1.234");
        assert_eq!(of(0, "USD"), "$0.00");
        assert_eq!(decimal(Money::new(3_400, Currency::EUR)), "34.00");
    }

    #[test]
    fn rates_drop_empty_digits() {
        assert_eq!(
            [1900, 810, 0, 1_050, 5].map(|bp| percent(Rate(bp))),
            ["19 %", "8.1 %", "0 %", "10.5 %", "0.05 %"]
        );
        assert_eq!([112, 5, 1_250].map(per_mille), ["11.2 %", "0.5 %", "125.0 %"]);
        assert_eq!([7, 4_812].map(number), ["7", "4,812"]);
    }

    #[test]
    fn countries_have_names() {
        assert_eq!(country("DE"), "Germany");
        assert_eq!(country("QQ"), "QQ");
        assert!(countries().len() > 200 && countries().contains(&"PT".to_owned()));
    }

    #[test]
    fn lengths_and_timecodes() {
        assert_eq!(timecode(13_400), "0:13");
        assert_eq!(timecode(725_000), "12:05");
        assert_eq!(spoken_length(20_000), "20 seconds");
        assert_eq!(spoken_length(61_000), "1 minute 1 second");
        assert_eq!(spoken_length(120_000), "2 minutes");
    }

    #[test]
    fn distances_round_to_the_nearest_word() {
        let now = Time::from_unix_seconds(1_800_000_000);
        let ago = |seconds: i64| relative(Time::from_unix_seconds(1_800_000_000 - seconds), now);
        assert_eq!(ago(0), "just now");
        assert_eq!(ago(60), "1 minute ago");
        assert_eq!(ago(-600), "in 10 minutes");
        assert_eq!(ago(3_599), "1 hour ago");
        assert_eq!(ago(86_399), "1 day ago");
        assert_eq!(ago(3 * 86_400), "3 days ago");
        assert_eq!(ago(40 * 86_400), "1 month ago");
        assert_eq!(ago(364 * 86_400), "1 year ago");
        assert_eq!(ago(800 * 86_400), "2 years ago");
        assert_eq!(
            exact(Time::from_unix_seconds(1_795_293_060)),
            "21 November 2026, 20:31 UTC"
        );
    }
}
