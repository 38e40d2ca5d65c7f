//! What a method promises, and which zone a country is in.

use crate::kernel::{MethodId, Money, Time, ZoneId};
use jiff::civil::{Date, Weekday};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    pub id: ZoneId,
    pub name: String,
    /// ISO 3166-1 alpha-2 codes, or only `*`: the rest of the world.
    pub countries: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    pub id: MethodId,
    pub name: String,
    pub price: Money,
    pub eta_days_min: u32,
    pub eta_days_max: u32,
}

/// A zone and what it offers, in the shop's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneMethods {
    pub zone: Zone,
    pub methods: Vec<Method>,
}

/// When a parcel arrives, as a span of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    pub from: Date,
    pub until: Date,
}

impl Method {
    /// The promise made for an order placed at `now`.
    pub fn promise(&self, now: Time) -> Promise {
        let day = now.date();
        Promise {
            from: working_days_after(day, self.eta_days_min),
            until: working_days_after(day, self.eta_days_max),
        }
    }
}

/// The day that lies `days` working days after `day`; the day itself does not count, and 0 is the next working day at the earliest
/// when `day` is on a weekend.
fn working_days_after(day: Date, days: u32) -> Date {
    let weekend = |day: Date| matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let mut left = days;
    let mut day = day;
    while left > 0 || weekend(day) {
        let Ok(next) = day.tomorrow() else { return day };
        day = next;
        if !weekend(day) {
            left = left.saturating_sub(1);
        }
    }
    day
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

fn month(day: Date) -> &'static str {
    MONTHS[usize::from(day.month().unsigned_abs()) - 1]
}

impl std::fmt::Display for Promise {
    /// "Arrives 24–26 Nov". In English; pages in another language format the dates themselves.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, until } = *self;
        if from == until {
            write!(f, "Arrives {} {}", from.day(), month(from))
        } else if from.month() == until.month() {
            write!(f, "Arrives {}–{} {}", from.day(), until.day(), month(until))
        } else {
            write!(
                f,
                "Arrives {} {} – {} {}",
                from.day(),
                month(from),
                until.day(),
                month(until)
            )
        }
    }
}
