//! Returns, and until when a buyer may withdraw.

use crate::checkout::{self, Ship};
use crate::delivery::{Method, Promise};
use crate::fulfilment::Shipment;
use crate::kernel::{AdjustmentId, ExchangeId, Id, MethodId, Money, OrderId, ReturnId, Seconds, ShopId, StaffId, Time};
use crate::offers::Quote;
use jiff::civil::{Date, Weekday};
use uuid::Uuid;

crate::words! {
    /// Where a return stands.
    pub enum ReturnState {
        /// The buyer withdrew, and the goods have to come back.
        Awaited = "awaited",
        /// The buyer says how they sent them: from then on the money may not be kept until they arrive.
        Sent = "sent",
        /// They arrived, or there was nothing to send: the money goes back.
        Received = "received",
        Refunded = "refunded",
        /// A person ended it without money, and said why.
        Closed = "closed",
    }
}

impl ReturnState {
    pub fn is_over(self) -> bool {
        matches!(self, Self::Refunded | Self::Closed)
    }
}

/// The money is back within so much time of the statement (Directive 2011/83/EU, article 13).
pub const WITHIN: Seconds = Seconds::days(14);
/// A refund that a processor refuses is tried so often, a day apart; then it waits for a person.
pub(super) const TRIES: u32 = 3;
/// So long after the statement the buyer is asked where it is; they have fourteen days to send it (article 14).
pub(super) const REMIND: Seconds = Seconds::days(10);

/// Things that come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Return {
    pub id: ReturnId,
    pub shop: ShopId,
    pub order: OrderId,
    pub state: ReturnState,
    /// Nothing of the order is kept: what the delivery cost goes back, too.
    pub whole: bool,
    pub name: String,
    pub email: String,
    pub words: String,
    /// Of it that had not left, and was canceled at once.
    pub units_canceled: u32,
    pub stated_at: Time,
    pub due_by: Time,
    pub proof: String,
    pub received_at: Option<Time>,
    pub deducted_minor: i64,
    pub deduction: String,
    /// `sellable`, `written_off`, or empty.
    pub restock: String,
    pub refunded_minor: i64,
    pub ended_at: Option<Time>,
    pub trouble: String,
    pub staff: Option<StaffId>,
    pub version: i64,
    /// Something else leaves for it: that exchange decides what becomes of its money.
    pub exchange: Option<ExchangeId>,
    /// What has to come back.
    pub units: Vec<Ship>,
}

impl Return {
    /// The id of a try to refund it: derived, so that a return has one refund at a time.
    pub fn refund(&self, number: u32) -> AdjustmentId {
        let name = match number {
            0 => "refund".to_owned(),
            _ => format!("refund {number}"),
        };
        AdjustmentId::from_uuid(Uuid::new_v5(&self.id.uuid(), name.as_bytes()))
    }
    /// The id of a try to give its money back by a processor: of one that was exchanged, of what goes back beside the credit.
    pub(super) fn money_back(&self, number: u32) -> AdjustmentId {
        match self.exchange {
            Some(_) => checkout::rest_of(self.refund(number)),
            None => self.refund(number),
        }
    }
    /// Whether an adjustment is a try to give its money back.
    pub fn is_refund(&self, adjustment: AdjustmentId) -> bool {
        (0..TRIES).any(|number| self.money_back(number) == adjustment)
    }
    /// The cancellation's id, of what had not left.
    pub(super) fn cancellation(id: ReturnId) -> AdjustmentId {
        AdjustmentId::from_uuid(Uuid::new_v5(&id.uuid(), b"canceled"))
    }
}

/// Whether a buyer may withdraw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Something has not left yet: the days do not count.
    Open,
    Until(Time),
    /// The shop takes nothing back from there.
    Never,
}

impl Right {
    pub fn is_open(self, now: Time) -> bool {
        match self {
            Self::Open => true,
            Self::Until(end) => now < end,
            Self::Never => false,
        }
    }
}

/// Where consumers may withdraw for fourteen days whatever a shop says: the European Union, and the countries that have its rule by the EEA.
const AT_LEAST_FOURTEEN: [&str; 30] = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT",
    "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// The days a buyer there has.
pub fn days(country: &str, promised: u32) -> u32 {
    if AT_LEAST_FOURTEEN.contains(&country) {
        promised.max(14)
    } else {
        promised
    }
}

/// Until when a buyer may withdraw, by what they were shown and by what has left. The days begin when the last parcel arrives: carriers tell us
/// nothing, so it counts as arrived on the last day it was promised for. Digital goods have no parcel, and begin with the order.
pub fn right(quote: &Quote, country: &str, confirmed_at: Time, parcels: &[Shipment], all_left: bool) -> Right {
    let days = days(country, quote.return_days);
    if days == 0 {
        return Right::Never;
    }
    if !all_left {
        return Right::Open;
    }
    let arrived = |parcel: &Shipment| match &quote.delivery {
        Some(delivery) if !parcel.carrier.is_empty() || quote.needs_address() => {
            let method = Method {
                id: MethodId::from_uuid(Uuid::nil()),
                name: String::new(),
                price: Money::zero(quote.currency),
                eta_days_min: delivery.eta_days_min,
                eta_days_max: delivery.eta_days_max,
            };
            let Promise { until, .. } = method.promise(parcel.handed_over_at);
            until
        }
        _ => parcel.handed_over_at.date(),
    };
    let last = parcels.iter().map(arrived).max();
    Right::Until(end_of(last.unwrap_or_else(|| confirmed_at.date()), days))
}

/// The end of the last of so many days after `day`. The day itself does not count, and a period does not end on a weekend (Regulation 1182/71).
fn end_of(day: Date, days: u32) -> Time {
    let mut last = day
        .checked_add(jiff::Span::new().days(i64::from(days)))
        .unwrap_or(Date::MAX);
    while matches!(last.weekday(), Weekday::Saturday | Weekday::Sunday) {
        let Ok(next) = last.tomorrow() else { break };
        last = next;
    }
    let midnight = last.tomorrow().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC));
    midnight.map_or(Time(i64::MAX), |zoned| Time(zoned.timestamp().as_microsecond()))
}
