//! Codes, standings, and the cut of a sale between two purses.

use super::model::{Code, GiftCard, GiftCardState, Reason, Standing};
use crate::kernel::{Currency, GiftCardId, Id, ShopId, Time};
use crate::ledger::{AccountKey, AccountKind};
use crate::payments::{AllocatedLeg, AllocatedPart, Allocation, FeeBearer, Part, PlannedLeg, Purpose};
use std::collections::HashSet;
use uuid::Uuid;

#[test]
fn a_code_is_read_as_people_type_it_and_nothing_else_is_one() {
    let code = Code::of_token("some random token");
    let full = code.in_full();
    assert_eq!((full.len(), full.matches('-').count()), (24, 4));
    let loose = full.to_lowercase().replace('-', " ");
    let mistaken = full.replace('0', "o").replace('1', "l");
    for typed in [
        full.as_str(),
        &loose,
        &mistaken,
        &format!("  {full}  "),
        &full.replace('-', ""),
    ] {
        assert_eq!(Code::read(typed), Some(code.clone()), "{typed}");
    }
    let longer = format!("{full}0");
    for typed in [
        "",
        "7K3M",
        &full[..23],
        &longer,
        &full.replacen(&full[..1], "U", 1),
        &full.replacen('-', "_", 1),
        "ﬀ",
    ] {
        assert_eq!(Code::read(typed), None, "{typed}");
    }
    assert!(full.ends_with(code.last_four()));
    assert_eq!(
        format!("{code:?}"),
        format!("Code(…{})", code.last_four()),
        "no log has it"
    );
}

#[test]
fn codes_are_a_hundred_random_bits_and_belong_to_one_shop() {
    let codes: HashSet<String> = (0..2000).map(|n| Code::of_token(&n.to_string()).in_full()).collect();
    assert_eq!(codes.len(), 2000);
    let letters: HashSet<char> = codes.iter().flat_map(|code| code.chars()).collect();
    assert_eq!(letters.len(), 33, "every letter of the alphabet, and the dash");
    let code = Code::of_token("x");
    let shop = |n| ShopId::from_uuid(Uuid::from_u128(n));
    assert_eq!(code.hash(shop(1)), code.hash(shop(1)));
    assert_ne!(code.hash(shop(1)), code.hash(shop(2)));
}

fn card(state: GiftCardState, balance_minor: i64, expires_at: Option<Time>) -> GiftCard {
    GiftCard {
        id: GiftCardId::from_uuid(Uuid::nil()),
        shop: ShopId::from_uuid(Uuid::nil()),
        last_four: "7K3M".into(),
        currency: Currency::EUR,
        initial_minor: 5000,
        balance_minor,
        held_minor: 0,
        reason: Reason::Sold,
        state,
        note: String::new(),
        expires_at,
        version: 1,
        created_at: Time(0),
        order: None,
    }
}

#[test]
fn how_a_card_stands_is_a_table() {
    use GiftCardState::{Active, Disabled};
    let chf: Currency = "CHF".parse().unwrap();
    let (eur, now) = (Currency::EUR, Time(100));
    // state, balance, end, currency asked -> how it stands, what its holder is told
    let table = [
        (Active, 10, None, eur, Standing::Usable, None),
        (Active, 10, Some(Time(101)), eur, Standing::Usable, None),
        (
            Active,
            10,
            Some(Time(100)),
            eur,
            Standing::Expired,
            Some("gift_card_expired"),
        ),
        (Active, 0, None, eur, Standing::UsedUp, Some("gift_card_used_up")),
        (
            Active,
            0,
            Some(Time(1)),
            eur,
            Standing::Expired,
            Some("gift_card_expired"),
        ),
        (
            Disabled,
            10,
            Some(Time(1)),
            eur,
            Standing::Disabled,
            Some("gift_card_disabled"),
        ),
        (
            Active,
            10,
            None,
            chf,
            Standing::Usable,
            Some("gift_card_other_currency"),
        ),
        (Active, 0, None, chf, Standing::UsedUp, Some("gift_card_other_currency")),
        (Disabled, 10, None, chf, Standing::Disabled, Some("gift_card_disabled")),
    ];
    for (state, balance, end, asked, standing, refused) in table {
        let card = card(state, balance, end);
        assert_eq!(card.standing(now), standing);
        assert_eq!(
            card.usable(asked, now).err().map(|error| error.code),
            refused,
            "{state:?} {balance} {end:?} {asked}"
        );
    }
}

/// Three units with a share, a fee and tax each, and a delivery.
fn sale() -> Allocation {
    let leg = |kind, purpose, minor| AllocatedLeg {
        account: AccountKey::of(kind),
        purpose,
        minor,
    };
    let part = |quantity, share, fee, tax| AllocatedPart {
        quantity,
        legs: vec![
            leg(AccountKind::ShopRevenue, Purpose::Share, share),
            leg(AccountKind::PlatformRevenue, Purpose::PlatformFee, fee),
            leg(AccountKind::TaxPayable, Purpose::Tax, tax),
        ],
    };
    Allocation {
        lines: vec![part(3, 7003, 361, 1401), part(1, 1, 0, 0)],
        delivery: Some(part(1, 412, 0, 78)),
        processor_fee: FeeBearer::Shop,
    }
}

fn sum(legs: &[PlannedLeg]) -> i64 {
    legs.iter().map(|leg| leg.minor).sum()
}

#[test]
fn a_sale_is_cut_between_two_purses_leg_by_leg_and_both_together_are_the_sale() {
    let whole = sale();
    for minor in [0, 1, 2, 17, 3333, whole.total() - 1, whole.total()] {
        let (first, second) = whole.split(minor).unwrap();
        assert_eq!((first.total(), second.total()), (minor, whole.total() - minor));
        for ((name, part), ((_, one), (_, two))) in whole.parts().zip(first.parts().zip(second.parts())) {
            assert_eq!((part.quantity, part.quantity), (one.quantity, two.quantity), "{name:?}");
            for ((leg, a), b) in part.legs.iter().zip(&one.legs).zip(&two.legs) {
                assert_eq!((a.account, b.account), (leg.account, leg.account));
                assert!(
                    a.minor >= 0 && b.minor >= 0 && a.minor + b.minor == leg.minor,
                    "{name:?} {leg:?}"
                );
            }
        }
    }
    assert_eq!(whole.split(whole.total() + 1).unwrap_err().code, "exceeds_captured");
}

#[test]
fn parcel_by_parcel_both_purses_take_all_of_their_part_and_give_all_of_it_back() {
    let whole = sale();
    let parts = [(Part::Line(0), 3), (Part::Line(1), 1), (Part::Delivery, 1)];
    for minor in [1, 17, 3333, 9000] {
        let (first, second) = whole.split(minor).unwrap();
        for purse in [&first, &second] {
            let mut taken: Vec<PlannedLeg> = Vec::new();
            for units in 1..=3 {
                let now = purse.capture(&taken, &[(Part::Line(0), units)]).unwrap();
                assert!(
                    purse
                        .capture(&[taken.clone(), now.clone()].concat(), &[(Part::Line(0), units)])
                        .unwrap()
                        .is_empty()
                );
                taken.extend(now);
            }
            taken.extend(purse.capture(&taken, &parts[1..]).unwrap());
            assert_eq!(sum(&taken), purse.total(), "{minor}");
            let some = purse.spread(&taken, &[], purse.total() / 3).unwrap();
            let mut back = purse.refund(&taken, &[], &some).unwrap();
            let rest = purse.spread(&taken, &back, purse.total() - sum(&back)).unwrap();
            back.extend(purse.refund(&taken, &back, &rest).unwrap());
            assert_eq!(sum(&back), purse.total(), "{minor}");
        }
    }
}
