//! What a checkout can rely on: the texts it is made under are kept, once for every wording.

use super::allocate::part;
use super::model::OrderLine;
use crate::fixture::Fixture;
use crate::identity::{EditShop, Shop, ShopEdit, edit_shop, keep_policies, policies};
use crate::kernel::{Currency, Id, LocationId, Money, PartyId, Rate, VariantId};
use crate::partners::{self, Bearer, FulfilmentFee, Share, Terms};
use crate::payments::{Allocation, FeeBearer, Part, PlannedLeg};

#[test]
fn a_shops_texts_are_kept_once_for_every_wording_and_never_change() {
    for fixture in Fixture::engines() {
        let id = fixture.shop;
        let say = |text: &'static str| {
            let version = fixture.settings().version;
            let edited = fixture.write(move |tx| {
                let edit = ShopEdit {
                    return_policy: Some(text.into()),
                    ..ShopEdit::default()
                };
                edit_shop(tx, id, version, edit)
            });
            let EditShop::Edited(shop) = edited else {
                panic!("the version is the current one")
            };
            shop.policies.expect("an edit keeps the texts")
        };
        let (first, second, again) = (say("Whole."), say("Not at all."), say("Whole."));
        assert_eq!(first, again, "the same words are the same texts");
        assert_ne!(first, second);
        for (hash, text) in [(first, "Whole."), (second, "Not at all.")] {
            let kept = hash.clone();
            let found = fixture.write(move |tx| policies(tx, id, &kept)).expect("kept for ever");
            assert_eq!(found.return_policy, text);
            let (neighbour, hash) = (fixture.neighbour, hash.clone());
            assert!(fixture.write(move |tx| policies(tx, neighbour, &hash)).is_none());
        }
    }
}

#[test]
fn a_shop_from_before_its_texts_were_kept_keeps_them_when_they_are_needed() {
    for fixture in Fixture::engines() {
        let now = fixture.settings();
        let old = Shop {
            name: "Before".into(),
            policies: None,
            ..now.clone()
        };
        let hash = fixture.write(move |tx| keep_policies(tx, &old));
        assert_eq!(
            fixture.settings().policies.as_ref(),
            Some(&hash),
            "the next sale has nothing to do"
        );
        let found = fixture.write(move |tx| policies(tx, now.id, &hash)).expect("kept");
        assert_eq!(found.shop, "Before");
    }
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 % u64::from(below.max(1))).unwrap()
    }
}

fn sold(dice: &mut Dice, line: u32) -> OrderLine {
    let amount_minor = i64::from(dice.roll(20_000));
    OrderLine {
        line,
        variant: VariantId::from_uuid(uuid::Uuid::nil()),
        location: LocationId::from_uuid(uuid::Uuid::nil()),
        title: String::new(),
        quantity: 1 + dice.roll(7),
        amount_minor,
        tax_minor: Rate(1900).inside(amount_minor),
        tax: Rate(1900),
        shipped: 0,
        canceled: 0,
        returned: 0,
        asked: 0,
    }
}

#[test]
fn f5_l3_units_that_come_back_in_any_order_give_back_exactly_what_was_paid_and_restore_every_share() {
    let party = |number: u128| PartyId::from_uuid(uuid::Uuid::from_u128(number));
    let share = |number: u128, portion: u32| Share {
        party: party(number),
        part: partners::Part::Portion(portion),
    };
    let terms = Terms {
        shares: vec![share(1, 4000), share(2, 1333)],
        remainder: party(3),
        processor_fee: Bearer::Remainder,
        platform_fee_bp: 500,
        fulfilment: Some(FulfilmentFee {
            party: party(4),
            per_unit: Money::new(100, Currency::EUR).into(),
        }),
        delivery: None,
    };
    let mut dice = Dice(0x0f5f_5eed);
    // So often in every run of the tests, and as often as this says when somebody wants to know.
    let rounds = std::env::var("HAWKER_ROUNDS").ok().and_then(|text| text.parse().ok());
    for round in 0..rounds.unwrap_or(8_000) {
        let lines: Vec<OrderLine> = (0..=dice.roll(3)).map(|line| sold(&mut dice, line)).collect();
        let parts = lines.iter().map(|line| {
            let net = Money::new(line.amount_minor - line.tax_minor, Currency::EUR);
            part(
                line.quantity,
                &partners::legs(Some(&terms), net, line.quantity),
                line.tax_minor,
            )
        });
        let allocation = Allocation {
            lines: parts.collect(),
            delivery: None,
            processor_fee: FeeBearer::Shop,
        };
        let all: Vec<(Part, u32)> = lines
            .iter()
            .map(|line| (Part::Line(line.line), line.quantity))
            .collect();
        let captured = allocation.capture(&[], &all).unwrap();
        let mut refunded: Vec<PlannedLeg> = Vec::new();
        let mut units: Vec<u32> = lines
            .iter()
            .flat_map(|line| vec![line.line; line.quantity as usize])
            .collect();
        let mut back = vec![0u32; lines.len()];
        while !units.is_empty() {
            let line = units.swap_remove(dice.roll(u32::try_from(units.len()).unwrap()) as usize);
            let of = &lines[line as usize];
            let before = back[line as usize];
            back[line as usize] += 1;
            let minor = of.worth(before + 1) - of.worth(before);
            assert!(minor >= 0, "{round}");
            if minor == 0 {
                continue;
            }
            let legs = allocation
                .refund(&captured, &refunded, &[(Part::Line(line), minor)])
                .unwrap();
            assert_eq!(legs.iter().map(|leg| leg.minor).sum::<i64>(), minor, "{round}");
            refunded.extend(legs);
        }
        for leg in &captured {
            let same = |other: &&PlannedLeg| {
                (other.part, other.account, other.purpose) == (leg.part, leg.account, leg.purpose)
            };
            let given: i64 = refunded.iter().filter(same).map(|leg| leg.minor).sum();
            let taken: i64 = captured.iter().filter(same).map(|leg| leg.minor).sum();
            assert_eq!(given, taken, "{round}: every share is restored");
        }
    }
}
