//! The ledger's promises: sums of zero, one posting a source, a chain nobody can bend.

use super::*;
use crate::db::{LaneKey, Tx, take_lease};
use crate::fixture::Fixture;
use crate::kernel::{Currency, Id, PageIn, PartyId, Result, Seconds, ShopId};
use proptest::prelude::*;
use uuid::Uuid;

const LANE: LaneKey = LaneKey(0);

fn key(number: u128) -> AccountKey {
    match number {
        0 => AccountKey::of(AccountKind::ProcessorClearing),
        1 => AccountKey::of(AccountKind::TaxPayable),
        other => AccountKey::party(AccountKind::PartyPayable, PartyId::from_uuid(Uuid::from_u128(other))),
    }
}

fn posting(shop: ShopId, source: u128, currency: Currency, legs: &[(u128, u128, i64)]) -> Posting {
    let leg = |(debit, credit, minor): &(u128, u128, i64)| Leg {
        debit: key(*debit),
        credit: key(*credit),
        minor: *minor,
        purpose: "share",
    };
    Posting {
        shop,
        source_kind: "test",
        source_id: Uuid::from_u128(source),
        order: None,
        currency,
        legs: legs.iter().map(leg).collect(),
    }
}

fn post_it(fixture: &Fixture, posting: Posting) -> Result<Post> {
    fixture.db.write_blocking(LANE, move |tx| post(tx, &posting))
}

fn seal_all(fixture: &Fixture) -> u64 {
    let shop = fixture.shop;
    let mut sealed = 0;
    loop {
        let batch = fixture
            .db
            .write_blocking(LANE, move |tx: &mut Tx<'_>| {
                let lease = take_lease(tx, "seal", [1; 16], Seconds(60))?.unwrap();
                seal::batch(tx, &lease, shop)
            })
            .unwrap();
        sealed += batch;
        if batch == 0 {
            return sealed;
        }
    }
}

fn check_chain(fixture: &Fixture) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(verify(&fixture.db, fixture.shop)).unwrap()
}

fn sums(fixture: &Fixture) -> Vec<(Currency, i64)> {
    let shop = fixture.shop;
    let all = fixture.db.read_blocking(move |tx| balances(tx, shop)).unwrap();
    let mut sums: Vec<(Currency, i64)> = Vec::new();
    for balance in all {
        match sums
            .iter_mut()
            .find(|(currency, _)| *currency == balance.money.currency)
        {
            Some((_, sum)) => *sum += balance.money.minor,
            None => sums.push((balance.money.currency, balance.money.minor)),
        }
    }
    sums
}

#[test]
fn l5_a_source_is_posted_once_however_often_it_is_tried() {
    let fixture = Fixture::new();
    let first = post_it(&fixture, posting(fixture.shop, 1, Currency::EUR, &[(0, 2, 100)])).unwrap();
    let again = post_it(&fixture, posting(fixture.shop, 1, Currency::EUR, &[(0, 2, 100)])).unwrap();
    let Post::Posted(id) = first else { panic!("{first:?}") };
    assert_eq!(again, Post::Again(id));
    assert_eq!(sums(&fixture), [(Currency::EUR, 0)]);
    let shop = fixture.shop;
    assert_eq!(
        fixture
            .db
            .read_blocking(move |tx| transfers(tx, shop, &PageIn::default()))
            .unwrap()
            .data
            .len(),
        1
    );
    assert!(
        fixture
            .db
            .read_blocking(move |tx| exists(tx, shop, "test", Uuid::from_u128(1)))
            .unwrap()
    );
    assert!(
        !fixture
            .db
            .read_blocking(move |tx| exists(tx, shop, "other", Uuid::from_u128(1)))
            .unwrap()
    );
}

#[test]
fn legs_of_nothing_are_dropped_and_a_transfer_of_nothing_is_refused() {
    let fixture = Fixture::new();
    post_it(
        &fixture,
        posting(fixture.shop, 1, Currency::EUR, &[(0, 2, 100), (0, 3, 0)]),
    )
    .unwrap();
    let shop = fixture.shop;
    let page = fixture
        .db
        .read_blocking(move |tx| transfers(tx, shop, &PageIn::default()))
        .unwrap();
    assert_eq!(page.data[0].legs.len(), 1);
    assert!(post_it(&fixture, posting(fixture.shop, 2, Currency::EUR, &[(0, 2, 0)])).is_err());
}

#[test]
fn l1_currencies_never_meet_in_an_account() {
    let fixture = Fixture::new();
    let usd: Currency = "USD".parse().unwrap();
    post_it(&fixture, posting(fixture.shop, 1, Currency::EUR, &[(0, 2, 100)])).unwrap();
    post_it(&fixture, posting(fixture.shop, 2, usd, &[(0, 2, 7)])).unwrap();
    assert_eq!(sums(&fixture), [(Currency::EUR, 0), (usd, 0)]);
    let shop = fixture.shop;
    let owed: Vec<i64> = fixture
        .db
        .read_blocking(move |tx| balances(tx, shop))
        .unwrap()
        .iter()
        .map(|balance| balance.money.minor)
        .collect();
    assert_eq!(owed, [100, -100, 7, -7], "each currency has accounts of its own");
}

#[test]
fn i26_the_seal_is_dense_and_a_bent_transfer_is_found() {
    let fixture = Fixture::new();
    for source in 0..95 {
        post_it(
            &fixture,
            posting(fixture.shop, source, Currency::EUR, &[(0, 2, 10), (0, 3, 5), (0, 1, 3)]),
        )
        .unwrap();
    }
    let shop = fixture.shop;
    let before = fixture.db.read_blocking(move |tx| balances(tx, shop)).unwrap();
    assert_eq!(seal_all(&fixture), 95);
    assert_eq!(seal_all(&fixture), 0, "sealing again seals nothing");
    assert_eq!(
        fixture.db.read_blocking(move |tx| balances(tx, shop)).unwrap(),
        before,
        "the seal changes no balance"
    );
    let Verdict::Whole { sealed, head } = check_chain(&fixture) else {
        panic!("a fresh chain is whole")
    };
    assert_eq!(sealed, 95);

    post_it(&fixture, posting(fixture.shop, 200, Currency::EUR, &[(0, 2, 10)])).unwrap();
    assert_eq!(seal_all(&fixture), 1);
    let Verdict::Whole {
        sealed: 96,
        head: longer,
    } = check_chain(&fixture)
    else {
        panic!("a longer chain is whole")
    };
    assert_ne!(head, longer);

    fixture
        .db
        .write_blocking(LANE, move |tx| store::bend(tx, shop, 40))
        .unwrap();
    assert_eq!(
        check_chain(&fixture),
        Verdict::Broken {
            sequence: 40,
            why: "the transfer is not the one that was sealed"
        }
    );
}

#[test]
fn a_paused_sealer_writes_nothing_once_another_took_over() {
    let fixture = Fixture::new();
    post_it(&fixture, posting(fixture.shop, 1, Currency::EUR, &[(0, 2, 10)])).unwrap();
    let shop = fixture.shop;
    let sealed = fixture
        .db
        .write_blocking(LANE, move |tx| {
            let paused = take_lease(tx, "seal", [1; 16], Seconds(-1))?.unwrap();
            take_lease(tx, "seal", [2; 16], Seconds(60))?.unwrap();
            seal::batch(tx, &paused, shop)
        })
        .unwrap();
    assert_eq!(sealed, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn i20_all_accounts_of_a_currency_sum_to_zero(
        moves in prop::collection::vec((0u128..6, 0u128..6, 0i64..1_000_000), 1..60),
    ) {
        let fixture = Fixture::new();
        for (number, (debit, credit, minor)) in moves.iter().enumerate() {
            let legs = [(*debit, *credit, *minor), (*credit, *debit, minor / 3), (0, 1, 1)];
            post_it(&fixture, posting(fixture.shop, number as u128, Currency::EUR, &legs)).unwrap();
            if number % 7 == 0 {
                seal_all(&fixture);
            }
            prop_assert!(sums(&fixture).iter().all(|(_, sum)| *sum == 0));
        }
        seal_all(&fixture);
        prop_assert!(matches!(check_chain(&fixture), Verdict::Whole { .. }), "the chain is whole");
    }
}
