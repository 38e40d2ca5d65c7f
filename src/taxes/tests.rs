//! Rules of tax, and the shop's table.

use super::model::checked;
use super::*;
use crate::catalog::TaxCategory;
use crate::fixture::Fixture;
use crate::kernel::Rate;

#[test]
fn tax_is_inside_or_on_top_and_rounded_half_up() {
    // amount, rate in basis points, inclusive -> net, tax, gross
    let cases = [
        (1999, 1900, true, 1680, 319, 1999),
        (1999, 1900, false, 1999, 380, 2379),
        (50, 100, false, 50, 1, 51), // 0.5 rounds up
        (49, 100, false, 49, 0, 49),
        (7000, 1900, true, 5882, 1118, 7000),
        (100, 0, true, 100, 0, 100),
        (0, 1900, true, 0, 0, 0),
    ];
    for (amount, rate, inclusive, net, tax, gross) in cases {
        assert_eq!(
            line(amount, Rate(rate), inclusive),
            Taxed { net, tax, gross },
            "{amount} at {rate}"
        );
    }
}

#[test]
fn a_table_of_rates_has_rules() {
    let row = |country: &str, category, rate| TaxRate {
        country: country.into(),
        category,
        rate: Rate(rate),
    };
    let good = [
        row("DE", TaxCategory::Standard, 1900),
        row("DE", TaxCategory::Reduced, 700),
        row("*", TaxCategory::Standard, 0),
    ];
    assert!(checked(&good).is_ok());
    for bad in [
        vec![row("de", TaxCategory::Standard, 1900)],
        vec![row("DEU", TaxCategory::Standard, 1900)],
        vec![row("DE", TaxCategory::Standard, 10_001)],
        vec![row("DE", TaxCategory::Zero, 1)],
        vec![
            row("DE", TaxCategory::Standard, 1900),
            row("DE", TaxCategory::Standard, 1600),
        ],
    ] {
        assert!(checked(&bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_country_has_its_own_rate_or_that_of_everywhere_or_none() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let at = |country: &'static str, category| fixture.write(move |tx| rate(tx, shop, country, category)).0;
    assert_eq!(at("DE", TaxCategory::Standard), 0);
    let row = |country: &str, category, rate| TaxRate {
        country: country.into(),
        category,
        rate: Rate(rate),
    };
    let rows = [
        row("DE", TaxCategory::Standard, 1900),
        row("DE", TaxCategory::Reduced, 700),
        row("*", TaxCategory::Standard, 2500),
    ];
    fixture.write(move |tx| set(tx, shop, &rows));
    assert_eq!(at("DE", TaxCategory::Standard), 1900);
    assert_eq!(at("DE", TaxCategory::Reduced), 700);
    assert_eq!(at("DE", TaxCategory::Zero), 0);
    assert_eq!(at("FR", TaxCategory::Standard), 2500);
    assert_eq!(at("FR", TaxCategory::Reduced), 0);
    let neighbour = fixture.neighbour;
    assert!(fixture.write(move |tx| all(tx, neighbour)).is_empty());
}
