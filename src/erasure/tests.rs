//! The map and the schema, the page and the map; and reading whom to erase.

use super::map::{self, NOTHING, PERSONAL};
use super::model::{Subject, hashes};
use crate::checkout::Contact;
use crate::fixture::Fixture;
use std::collections::BTreeSet;

/// Every column of both books as they are after all migrations.
fn schema() -> BTreeSet<(String, String)> {
    let mut all = crate::db::tests::columns("main", crate::db::MAIN);
    all.extend(crate::db::tests::columns("events", crate::db::EVENTS));
    all
}

#[test]
fn t9_every_column_of_the_schema_is_in_the_data_map_once() {
    let schema = schema();
    let mut classified: Vec<(String, String)> = PERSONAL
        .iter()
        .map(|one| (one.table.to_owned(), one.column.to_owned()))
        .collect();
    classified.extend(NOTHING.iter().flat_map(|(table, columns)| {
        columns
            .split(' ')
            .map(|column| ((*table).to_owned(), column.to_owned()))
    }));
    let map: BTreeSet<(String, String)> = classified.iter().cloned().collect();
    assert_eq!(map.len(), classified.len(), "a column is classified twice");
    let unknown: Vec<_> = schema.difference(&map).collect();
    assert!(
        unknown.is_empty(),
        "say in src/erasure/map.rs whether these hold something about a person: {unknown:?}"
    );
    let gone: Vec<_> = map.difference(&schema).collect();
    assert!(gone.is_empty(), "these are not in the schema any more: {gone:?}");
    assert!(
        PERSONAL
            .iter()
            .all(|one| !one.purpose.is_empty() && !one.ends.is_empty())
    );
}

#[test]
fn the_page_holds_the_map_as_it_is() {
    let page = include_str!("../../docs/privacy.md");
    assert!(
        page.contains(&map::markdown()),
        "run `cargo run -- data-map` and put what it prints under “The data map” in docs/privacy.md"
    );
}

#[test]
fn somebody_is_found_however_they_write_themselves_and_only_in_their_shop() {
    let fixture = Fixture::new();
    let (key, shop, neighbour) = ([7u8; 32], fixture.shop, fixture.neighbour);
    let by = |text: &str| Subject::read(text).unwrap().hash(&key, shop);
    let contact = Contact {
        email: Some("Jo@Example.org".into()),
        phone: Some("+49 (0) 30 1234567".into()),
    };
    let mine = hashes(&key, shop, &contact);
    assert!(mine.contains(&by("jo@example.org")) && mine.contains(&by(" JO+mugs@example.org ")));
    assert!(mine.contains(&by("0049 30 1234567")));
    assert!(!mine.contains(&by("jo@example.com")));
    assert!(!mine.contains(&Subject::read("jo@example.org").unwrap().hash(&key, neighbour)));
    assert!(!mine.contains(&Subject::read("jo@example.org").unwrap().hash(&[8u8; 32], shop)));
    for text in ["", "jo", "@", "12"] {
        assert!(Subject::read(text).is_err(), "{text}");
    }
}
