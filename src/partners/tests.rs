//! Terms that add up, and legs that do.

use super::*;
use crate::fixture::Fixture;
use crate::kernel::{ContractId, Currency, Id, Money, MoneyOut, PartyId, ShopId};
use proptest::prelude::*;

fn party(n: u128) -> PartyId {
    PartyId::from_uuid(uuid::Uuid::from_u128(n))
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

fn portion(n: u128, basis_points: u32) -> Share {
    Share {
        party: party(n),
        part: Part::Portion(basis_points),
    }
}

fn fixed(n: u128, minor: i64) -> Share {
    Share {
        party: party(n),
        part: Part::Fixed(eur(minor).into()),
    }
}

/// One line of text, leg by leg: `1 share 1234`.
fn sheet(terms: Option<&Terms>, net: i64, quantity: u32) -> String {
    let lines: Vec<String> = legs(terms, eur(net), quantity)
        .iter()
        .map(|leg| {
            let to = match leg.to {
                Earner::Shop => "shop".to_owned(),
                Earner::Platform => "platform".to_owned(),
                Earner::Party(party) => party.uuid().as_u128().to_string(),
            };
            format!("{to} {} {}", leg.purpose.word(), leg.minor)
        })
        .collect();
    lines.join(", ")
}

#[test]
fn a_line_is_split_to_the_cent() {
    let twenty = Terms {
        shares: vec![portion(1, 2000)],
        platform_fee_bp: 500,
        ..Terms::all_to(party(9))
    };
    let thirds = Terms {
        shares: vec![portion(1, 3333), portion(2, 3333), portion(3, 3334)],
        ..Terms::all_to(party(9))
    };
    let posted = Terms {
        shares: vec![fixed(1, 300), portion(2, 5000)],
        fulfilment: Some(FulfilmentFee {
            party: party(7),
            per_unit: MoneyOut::from(eur(150)),
        }),
        ..Terms::all_to(party(9))
    };
    for (terms, net, quantity, expected) in [
        (None, 5882, 1, "shop remainder 5882"),
        (
            Some(&twenty),
            5882,
            1,
            "1 share 1176, platform platform_fee 294, 9 remainder 4412",
        ),
        // Portions that leave nothing for the rest: the lost unit goes to the first in the list.
        (Some(&thirds), 100, 1, "1 share 34, 2 share 33, 3 share 33"),
        (
            Some(&posted),
            1000,
            1,
            "7 fulfilment 150, 1 fixed 300, 2 share 275, 9 remainder 275",
        ),
        (
            Some(&posted),
            1000,
            2,
            "7 fulfilment 300, 1 fixed 600, 2 share 50, 9 remainder 50",
        ),
        // Less money than fixed amounts: in order, as far as it goes.
        (Some(&posted), 400, 1, "7 fulfilment 150, 1 fixed 250"),
        (Some(&posted), 0, 1, ""),
        (Some(&twenty), 1, 1, "9 remainder 1"),
    ] {
        assert_eq!(sheet(terms, net, quantity), expected, "{net} × {quantity}");
    }
}

#[test]
fn the_delivery_and_the_fee_have_an_owner() {
    let plain = Terms::all_to(party(9));
    let named = Terms {
        delivery: Some(party(3)),
        processor_fee: Bearer::Platform,
        ..Terms::all_to(party(9))
    };
    assert_eq!(delivery_leg(None, 490)[0].to, Earner::Shop);
    assert_eq!(delivery_leg(Some(&plain), 490)[0].to, Earner::Party(party(9)));
    assert_eq!(delivery_leg(Some(&named), 490)[0].to, Earner::Party(party(3)));
    assert!(delivery_leg(Some(&named), 0).is_empty());
    assert_eq!(fee_bearer(None), FeeFalls::On(Earner::Shop));
    assert_eq!(fee_bearer(Some(&plain)), FeeFalls::On(Earner::Party(party(9))));
    assert_eq!(fee_bearer(Some(&named)), FeeFalls::On(Earner::Platform));
    let shared = Terms {
        processor_fee: Bearer::Everyone,
        ..plain
    };
    assert_eq!(fee_bearer(Some(&shared)), FeeFalls::OnEveryone);
}

#[test]
fn l16_terms_that_do_not_add_up_are_refused_when_written_down() {
    let terms = |shares: Vec<Share>, platform_fee_bp| Terms {
        shares,
        platform_fee_bp,
        ..Terms::all_to(party(9))
    };
    let usd = Money::new(100, "USD".parse().unwrap());
    for (terms, answer) in [
        (terms(vec![portion(1, 6000), portion(2, 4000)], 0), Ok(())),
        // 99 % leaves one per cent to the remainder, which has a name.
        (terms(vec![portion(1, 9900)], 0), Ok(())),
        (
            terms(vec![portion(1, 6000), portion(2, 4100)], 0),
            Err(Unfit::MoreThanTheWhole { basis_points: 10_100 }),
        ),
        (
            terms(vec![portion(1, 9900)], 500),
            Err(Unfit::MoreThanTheWhole { basis_points: 10_400 }),
        ),
        (
            terms(vec![portion(1, 100), portion(2, 0)], 0),
            Err(Unfit::EmptyPortion { share: 1 }),
        ),
        (
            terms(vec![portion(1, 100), portion(1, 200)], 0),
            Err(Unfit::SaidTwice { share: 1 }),
        ),
        (terms(vec![portion(1, 100), fixed(1, 200)], 0), Ok(())),
        (terms(vec![fixed(1, 0)], 0), Err(Unfit::FixedAmount)),
        (
            terms(
                vec![Share {
                    party: party(1),
                    part: Part::Fixed(usd.into()),
                }],
                0,
            ),
            Err(Unfit::FixedAmount),
        ),
        (
            terms((1..=21).map(|n| portion(n, 10)).collect(), 0),
            Err(Unfit::TooManyShares),
        ),
    ] {
        assert_eq!(terms.fit(Currency::EUR), answer, "{terms:?}");
    }
    assert!(
        serde_json::from_str::<Terms>(r#"{"shares":[],"processor_fee":"platform"}"#).is_err(),
        "no remainder"
    );
}

#[test]
fn terms_read_what_they_write() {
    let terms = Terms {
        shares: vec![portion(1, 2000), fixed(2, 150)],
        processor_fee: Bearer::Party(party(1)),
        platform_fee_bp: 500,
        fulfilment: Some(FulfilmentFee {
            party: party(7),
            per_unit: MoneyOut::from(eur(150)),
        }),
        delivery: Some(party(7)),
        remainder: party(9),
    };
    let text = serde_json::to_string(&terms).unwrap();
    assert_eq!(serde_json::from_str::<Terms>(&text).unwrap(), terms);
    assert_eq!(terms.parties(), [party(1), party(2), party(7), party(9)]);
}

prop_compose! {
    /// Any terms that add up: some fixed amounts, some portions, perhaps nothing left for the remainder.
    fn any_terms()(
        portions in prop::collection::vec(1u32..4000, 0..6),
        fixed_amounts in prop::collection::vec(1i64..2000, 0..4),
        platform_fee_bp in 0u32..3000,
        fulfilment in prop::option::of(1i64..800),
        whole in any::<bool>(),
    ) -> Terms {
        let mut left = 10_000 - platform_fee_bp;
        let mut shares = Vec::new();
        for (n, wanted) in (1u128..).zip(portions) {
            let taken = wanted.min(left);
            left -= taken;
            if taken > 0 {
                shares.push(portion(n, taken));
            }
        }
        if whole && left > 0 {
            shares.push(portion(50, left));
        }
        shares.extend((100u128..).zip(fixed_amounts).map(|(n, minor)| fixed(n, minor)));
        Terms {
            shares,
            platform_fee_bp,
            fulfilment: fulfilment.map(|minor| FulfilmentFee { party: party(7), per_unit: eur(minor).into() }),
            ..Terms::all_to(party(9))
        }
    }
}

proptest! {
    #[test]
    fn legs_add_up_to_the_net_amount_exactly(terms in any_terms(), net in 0i64..10_000_000, quantity in 1u32..=20) {
        prop_assert_eq!(terms.fit(Currency::EUR), Ok(()));
        let legs = legs(Some(&terms), eur(net), quantity);
        prop_assert_eq!(legs.iter().map(|leg| leg.minor).sum::<i64>(), net);
        prop_assert!(legs.iter().all(|leg| leg.minor > 0));
    }

    #[test]
    fn a_portion_is_never_more_than_a_unit_above_its_floor(terms in any_terms(), net in 0i64..10_000_000) {
        let portions: Vec<Share> = terms.shares.iter().copied().filter(|share| matches!(share.part, Part::Portion(_))).collect();
        let terms = Terms { shares: portions.clone(), fulfilment: None, ..terms };
        for leg in legs(Some(&terms), eur(net), 1).iter().filter(|leg| leg.purpose == Purpose::Share) {
            let share = portions.iter().find(|share| Earner::Party(share.party) == leg.to).unwrap();
            let Part::Portion(portion) = share.part else { unreachable!("only portions are left") };
            let floor = net * i64::from(portion) / 10_000;
            prop_assert!((floor..=floor + 1).contains(&leg.minor), "{:?} has {} of {}", share, leg.minor, net);
        }
    }
}

fn creator(fixture: &Fixture, shop: ShopId, name: &'static str) -> PartyId {
    let new = NewParty {
        kind: PartyKind::Creator,
        name: name.into(),
        email: String::new(),
    };
    fixture
        .write(move |tx| {
            let id = tx.id();
            add_party(tx, shop, id, &new)
        })
        .id
}

fn agree(fixture: &Fixture, terms: &Terms) -> Agree {
    let (shop, terms) = (fixture.shop, terms.clone());
    fixture.write(move |tx| {
        let id = tx.id();
        draw_up(tx, (shop, Currency::EUR), id, "Studio pieces", &terms)
    })
}

#[test]
fn a_contract_names_only_parties_of_its_shop() {
    let fixture = Fixture::new();
    let lina = creator(&fixture, fixture.shop, "Lina");
    let stranger = creator(&fixture, fixture.neighbour, "Stranger");
    assert_eq!(
        agree(&fixture, &Terms::all_to(stranger)),
        Agree::Unfit(Unfit::UnknownParty(stranger))
    );
    let hidden = Terms {
        processor_fee: Bearer::Party(stranger),
        ..Terms::all_to(lina)
    };
    assert_eq!(agree(&fixture, &hidden), Agree::Unfit(Unfit::UnknownParty(stranger)));
    let Agree::Agreed(contract) = agree(&fixture, &Terms::all_to(lina)) else {
        panic!("not agreed")
    };
    let (neighbour, id) = (fixture.neighbour, contract.id);
    fixture.write(move |tx| {
        assert_eq!(super::contract(tx, neighbour, id)?, None);
        assert_eq!(current_version(tx, neighbour, id)?, None);
        assert_eq!(terms(tx, neighbour, id, 1)?, None);
        assert!(versions(tx, neighbour, id)?.is_empty());
        assert_eq!(super::party(tx, neighbour, lina)?, None);
        assert_eq!(
            revise(tx, (neighbour, Currency::EUR), id, 1, &Terms::all_to(lina))?,
            Agree::NotFound
        );
        Ok(())
    });
}

#[test]
fn a_revision_is_a_version_and_the_old_ones_stay() {
    let fixture = Fixture::new();
    let (lina, jonas) = (
        creator(&fixture, fixture.shop, "Lina"),
        creator(&fixture, fixture.shop, "Jonas"),
    );
    let first = Terms::all_to(lina);
    let second = Terms {
        shares: vec![Share {
            party: jonas,
            part: Part::Portion(2000),
        }],
        ..first
    };
    let Agree::Agreed(contract) = agree(&fixture, &first) else {
        panic!("not agreed")
    };
    let (shop, id) = (fixture.shop, contract.id);
    let revised = |version: i64, terms: &Terms| {
        let terms = terms.clone();
        fixture.write(move |tx| revise(tx, (shop, Currency::EUR), id, version, &terms))
    };
    assert!(matches!(revised(1, &second), Agree::Agreed(contract) if contract.version == 2));
    assert_eq!(revised(1, &first), Agree::Stale(2));
    let too_much = Terms {
        platform_fee_bp: 9000,
        ..second.clone()
    };
    assert_eq!(
        revised(2, &too_much),
        Agree::Unfit(Unfit::MoreThanTheWhole { basis_points: 11_000 })
    );
    let (old, new, current) = fixture.write(move |tx| {
        Ok((
            terms(tx, shop, id, 1)?,
            terms(tx, shop, id, 2)?,
            current_version(tx, shop, id)?,
        ))
    });
    assert_eq!((old, new, current), (Some(first), Some(second), Some(2)));
}

#[test]
fn a_product_is_put_under_a_contract_of_its_shop() {
    use crate::catalog::{self, Create, Kind, NewProduct, ProductState, TaxCategory};
    let fixture = Fixture::new();
    let lina = creator(&fixture, fixture.shop, "Lina");
    let Agree::Agreed(contract) = agree(&fixture, &Terms::all_to(lina)) else {
        panic!("not agreed")
    };
    let shop = fixture.shop;
    let product = fixture.write(move |tx| {
        let new = NewProduct {
            title: "Ebb mug".into(),
            slug: None,
            description: String::new(),
            kind: Kind::Physical,
            tax_category: TaxCategory::Standard,
            image: String::new(),
            state: ProductState::Draft,
            variants: Vec::new(),
        };
        let id = tx.id();
        match catalog::create(tx, (shop, Currency::EUR), id, &new)? {
            Create::Created(product, _) => Ok(product.id),
            other => panic!("{other:?}"),
        }
    });
    let under =
        |version, contract: Option<ContractId>| fixture.write(move |tx| assign(tx, shop, product, version, contract));
    let unknown: ContractId = fixture.write(|tx| Ok(tx.id()));
    assert_eq!(under(1, Some(unknown)), Assign::NoSuchContract);
    assert!(matches!(under(1, Some(contract.id)), Assign::Assigned(product) if product.contract == Some(contract.id)));
    assert_eq!(under(1, None), Assign::Stale(2));
    assert!(matches!(under(2, None), Assign::Assigned(product) if product.contract.is_none()));
}
