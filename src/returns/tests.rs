//! Until when a buyer may withdraw, as a table.

use super::model::{Right, days, right};
use crate::fulfilment::Shipment;
use crate::kernel::{Currency, Id, MethodId, OrderId, ShipmentId, ShopId, Time, ZoneId};
use crate::offers::{Quote, QuotedDelivery};
use uuid::Uuid;

#[test]
fn a_consumer_in_the_union_has_fourteen_days_whatever_the_shop_says() {
    for (country, promised, has) in [
        ("DE", 0, 14),
        ("DE", 14, 14),
        ("FR", 30, 30),
        ("NO", 7, 14),
        ("GB", 0, 0),
        ("US", 30, 30),
        ("CH", 7, 7),
    ] {
        assert_eq!(days(country, promised), has, "{country} {promised}");
    }
}

fn at(text: &str) -> Time {
    let stamp: jiff::Timestamp = text.parse().unwrap();
    Time(stamp.as_microsecond())
}

fn quote(return_days: u32, eta: u32) -> Quote {
    Quote {
        shop: ShopId::from_uuid(Uuid::nil()),
        version: 1,
        shown_at: Time(0),
        expires_at: Time(0),
        country: "DE".into(),
        zone: None,
        currency: Currency::EUR,
        inclusive: true,
        lines: Vec::new(),
        delivery: Some(QuotedDelivery {
            method: MethodId::from_uuid(Uuid::nil()),
            name: "Parcel".into(),
            zone: ZoneId::from_uuid(Uuid::nil()),
            amount_minor: 490,
            tax_minor: 78,
            tax: crate::kernel::Rate(1900),
            eta_days_min: 1,
            eta_days_max: eta,
        }),
        items_minor: 0,
        tax_minor: 0,
        total_minor: 0,
        return_days,
        policies: None,
        seen: None,
        bundles: Vec::new(),
        discounts: Vec::new(),
        drop: None,
    }
}

fn parcel(handed_over: &str) -> Shipment {
    Shipment {
        id: ShipmentId::from_uuid(Uuid::nil()),
        order: OrderId::from_uuid(Uuid::nil()),
        number: 1,
        carrier: "DHL".into(),
        tracking: String::new(),
        lines: Vec::new(),
        handed_over_at: at(handed_over),
    }
}

#[test]
fn the_days_begin_with_the_last_parcel_and_do_not_end_on_a_weekend() {
    let ordered = at("2026-11-02T10:00:00Z"); // A Monday.
    let first = parcel("2026-11-03T10:00:00Z");
    let last = parcel("2026-11-09T10:00:00Z");
    let both = [first.clone(), last];
    // Something is still here: it does not count yet, not even after a year.
    assert_eq!(right(&quote(14, 2), "DE", ordered, &both, false), Right::Open);
    // The last parcel was promised for Wednesday 11 November: the 25th is the last day.
    let until = right(&quote(14, 2), "DE", ordered, &both, true);
    assert_eq!(until, Right::Until(at("2026-11-26T00:00:00Z")));
    assert!(until.is_open(at("2026-11-25T23:59:59Z")) && !until.is_open(at("2026-11-26T00:00:00Z")));
    // Of the first alone it is Thursday 5 November and the 19th; with sixteen days the 21st is a Saturday, and Monday is the last day.
    let alone = [first];
    assert_eq!(
        right(&quote(14, 2), "DE", ordered, &alone, true),
        Right::Until(at("2026-11-20T00:00:00Z"))
    );
    assert_eq!(
        right(&quote(16, 2), "DE", ordered, &alone, true),
        Right::Until(at("2026-11-24T00:00:00Z"))
    );
    // Elsewhere a shop may take nothing back.
    assert_eq!(right(&quote(0, 2), "US", ordered, &alone, true), Right::Never);
    assert!(!Right::Never.is_open(ordered));
}
