//! Promises in working days, and which zone a country is in.

use super::*;
use crate::fixture::Fixture;
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

fn zone(name: &str, countries: &[&str], methods: Vec<NewMethod>) -> NewZone {
    let countries = countries.iter().map(|country| (*country).to_owned()).collect();
    NewZone {
        id: None,
        name: name.into(),
        countries,
        methods,
    }
}

fn parcel(name: &str, minor: i64) -> NewMethod {
    let price = Money::new(minor, Currency::EUR);
    NewMethod {
        id: None,
        name: name.into(),
        price,
        eta_days_min: 2,
        eta_days_max: 4,
    }
}

#[test]
fn a_country_is_in_the_zone_that_names_it_else_in_the_rest_of_the_world() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let zones = [
        zone("Everywhere", &["*"], vec![parcel("Air mail", 2500)]),
        zone(
            "Home",
            &["DE", "AT"],
            vec![parcel("Parcel", 490), parcel("Express", 990)],
        ),
        zone("Nowhere", &["CH"], Vec::new()),
    ];
    let set_zones = fixture.write(move |tx| set(tx, shop, &zones));
    let names = |country: &'static str| {
        let found = fixture.write(move |tx| options(tx, shop, country, Currency::EUR));
        found.map(|found| found.methods.into_iter().map(|method| method.name).collect::<Vec<_>>())
    };
    assert_eq!(names("AT").unwrap(), ["Parcel", "Express"]);
    assert_eq!(names("FR").unwrap(), ["Air mail"]);
    assert_eq!(
        names("CH"),
        None,
        "a zone that names a country and offers nothing is an answer, too"
    );
    assert!(
        fixture
            .write(move |tx| options(tx, shop, "DE", "USD".parse()?))
            .is_none()
    );
    let (neighbour, express) = (fixture.neighbour, set_zones[1].methods[1].id);
    assert!(
        fixture
            .write(move |tx| options(tx, neighbour, "DE", Currency::EUR))
            .is_none()
    );
    assert!(fixture.write(move |tx| method(tx, neighbour, express)).is_none());
    assert_eq!(
        fixture.write(move |tx| method(tx, shop, express)).unwrap().name,
        "Express"
    );
}

#[test]
fn zones_and_methods_keep_the_ids_they_are_sent_with() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let first = fixture.write(move |tx| set(tx, shop, &[zone("Home", &["DE"], vec![parcel("Parcel", 490)])]));
    let (zone_id, method_id) = (first[0].zone.id, first[0].methods[0].id);
    let foreign: MethodId = fixture.write(|tx| Ok(tx.id()));
    let again = [NewZone {
        id: Some(zone_id),
        ..zone(
            "Home",
            &["DE"],
            vec![
                NewMethod {
                    id: Some(foreign),
                    ..parcel("Stranger", 100)
                },
                NewMethod {
                    id: Some(method_id),
                    ..parcel("Parcel", 590)
                },
                NewMethod {
                    id: Some(method_id),
                    ..parcel("Twin", 690)
                },
            ],
        )
    }];
    let second = fixture.write(move |tx| set(tx, shop, &again));
    let methods = &second[0].methods;
    assert_eq!((second[0].zone.id, methods[1].id), (zone_id, method_id));
    assert_ne!(methods[0].id, foreign, "an id that is not the shop's is not taken over");
    assert_ne!(methods[2].id, method_id, "an id is kept once");
}

#[test]
fn zones_have_rules() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let backwards = NewMethod {
        eta_days_max: 1,
        ..parcel("Parcel", 490)
    };
    for bad in [
        zone("", &["DE"], Vec::new()),
        zone("Home", &[], Vec::new()),
        zone("Home", &["DE", "*"], Vec::new()),
        zone("Home", &["de"], Vec::new()),
        zone("Home", &["DE", "DE"], Vec::new()),
        zone("Home", &["DE"], vec![backwards]),
        zone("Home", &["DE"], vec![parcel("Parcel", -1)]),
    ] {
        let described = format!("{bad:?}");
        assert_eq!(
            fixture.refused(move |tx| set(tx, shop, std::slice::from_ref(&bad))),
            "invalid_field",
            "{described}"
        );
    }
}
