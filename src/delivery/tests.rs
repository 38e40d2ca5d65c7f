//! Promises in working days.

use super::*;
use crate::kernel::{Currency, Id, MethodId, Money, Time};

fn promise(day: &str, min: u32, max: u32) -> String {
    let now: jiff::Timestamp = format!("{day}T10:00:00Z").parse().unwrap();
    let method = Method {
        id: MethodId::from_uuid(uuid::Uuid::nil()),
        name: "Parcel".into(),
        price: Money::zero(Currency::EUR),
        eta_days_min: min,
        eta_days_max: max,
    };
    method.promise(Time(now.as_microsecond())).to_string()
}

#[test]
fn a_promise_counts_working_days() {
    for (day, min, max, words) in [
        ("2026-11-20", 2, 4, "Arrives 24–26 Nov"), // Friday: the weekend does not count
        ("2026-11-21", 2, 4, "Arrives 24–26 Nov"), // Saturday
        ("2026-11-22", 1, 1, "Arrives 23 Nov"),    // Sunday, one day, one word
        ("2026-11-21", 0, 0, "Arrives 23 Nov"),    // nothing arrives on a weekend
        ("2026-11-23", 0, 0, "Arrives 23 Nov"),
        ("2026-11-27", 1, 5, "Arrives 30 Nov – 4 Dec"),
        ("2026-12-30", 1, 3, "Arrives 31 Dec – 4 Jan"),
    ] {
        assert_eq!(promise(day, min, max), words, "{day} {min}-{max}");
    }
}
