//! What a checkout can rely on: the texts it is made under are kept, once for every wording.

use super::allocate::part;
use super::model::{
    Adjustment, AdjustmentKind, Checkout, CheckoutState, Contact, Frozen, Order, OrderLine, OrderState,
};
use super::orders::{OrderView, Ship};
use super::refund::{RefundLines, given_of, judged, rest_of};
use crate::catalog::KeepTheRest;
use crate::fixture::Fixture;
use crate::identity::{EditShop, Shop, ShopEdit, edit_shop, keep_policies, policies};
use crate::kernel::{Currency, Id, LocationId, Money, PartyId, Rate, Time, VariantId};
use crate::offers::{InBundle, Quote, QuotedBundle, QuotedLine};
use crate::partners::{self, Bearer, FulfilmentFee, Share, Terms};
use crate::payments::{Allocation, CaptureLine, CaptureState, FeeBearer, Part, PlannedLeg, RefundLine, RefundState};
use crate::taxes;

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

fn nil<T: Id>() -> T {
    T::from_uuid(uuid::Uuid::nil())
}

fn number<T: Id>(number: u32) -> T {
    T::from_uuid(uuid::Uuid::from_u128(u128::from(number) + 1))
}

/// An order that was paid whole: some lines of a bundle and some loose ones, at prices with or without tax, with something taken off.
fn paid(dice: &mut Dice, keep: KeepTheRest) -> (OrderView, Allocation) {
    let (shop, currency, inclusive) = (nil(), Currency::EUR, dice.roll(2) == 0);
    let inside = 1 + dice.roll(3);
    let lines: Vec<QuotedLine> = (0..inside + dice.roll(3))
        .map(|at| {
            let (quantity, unit_minor) = (1 + dice.roll(4), i64::from(dice.roll(5000)));
            let alone = unit_minor * i64::from(quantity);
            let minor = alone - alone * i64::from(dice.roll(40)) / 100;
            let bundle = (at < inside).then_some(InBundle { at: 0, minor });
            let full = if bundle.is_some() { minor } else { alone };
            let off = full * i64::from(dice.roll(30)) / 100;
            let tax = Rate([0, 700, 1900][dice.roll(3) as usize]);
            let taxed = taxes::line(full - off, tax, inclusive);
            QuotedLine {
                variant: number(at),
                product: nil(),
                sku: String::new(),
                title: String::new(),
                variant_title: String::new(),
                image: String::new(),
                physical: true,
                quantity,
                unit_minor,
                amount_minor: taxed.gross,
                tax_minor: taxed.tax,
                tax,
                price_version: 1,
                contract: None,
                taken: vec![off],
                bundle,
                preorder: None,
            }
        })
        .collect();
    let total: i64 = lines.iter().map(|line| line.amount_minor).sum();
    let sold: Vec<OrderLine> = (0u32..)
        .zip(&lines)
        .map(|(at, line)| OrderLine {
            line: at,
            variant: line.variant,
            location: nil(),
            title: String::new(),
            quantity: line.quantity,
            amount_minor: line.amount_minor,
            tax_minor: line.tax_minor,
            tax: line.tax,
            shipped: line.quantity,
            canceled: 0,
            returned: 0,
            asked: 0,
        })
        .collect();
    let parts = lines.iter().map(|line| {
        let net = Money::new(line.amount_minor - line.tax_minor, currency);
        part(line.quantity, &partners::legs(None, net, line.quantity), line.tax_minor)
    });
    let allocation = Allocation {
        lines: parts.collect(),
        delivery: None,
        processor_fee: FeeBearer::Shop,
    };
    let all: Vec<(Part, u32)> = (sold.iter())
        .map(|line| (Part::Line(line.line), line.quantity))
        .collect();
    let quote = Quote {
        shop,
        version: 1,
        shown_at: Time(0),
        expires_at: Time(0),
        country: "DE".into(),
        zone: None,
        currency,
        inclusive,
        lines,
        delivery: None,
        items_minor: 0,
        tax_minor: 0,
        total_minor: total,
        return_days: 14,
        policies: None,
        seen: None,
        drop: None,
        discounts: Vec::new(),
        bundles: vec![QuotedBundle {
            variant: nil(),
            product: nil(),
            sku: String::new(),
            title: "Set".into(),
            image: String::new(),
            quantity: 1,
            unit_minor: 0,
            price_version: 1,
            keep_the_rest: keep,
        }],
    };
    let capture = CaptureLine {
        id: nil(),
        shipment: nil(),
        minor: total,
        fee_minor: 0,
        state: CaptureState::Succeeded,
        legs: allocation.capture(&[], &all).unwrap(),
        detail: String::new(),
        created_at: Time(0),
        changed_at: Time(0),
        attempt: nil(),
    };
    let view = OrderView {
        order: Order {
            id: nil(),
            shop,
            checkout: nil(),
            number: String::new(),
            currency,
            total_minor: total,
            tax_minor: 0,
            delivery_minor: 0,
            country: "DE".into(),
            email: String::new(),
            confirmed_at: Time(0),
            canceled_at: None,
            version: 1,
        },
        state: OrderState::Fulfilled,
        erased_at: None,
        lines: sold,
        checkout: Checkout {
            id: nil(),
            shop,
            state: CheckoutState::Completed,
            version: 1,
            fingerprint: [0; 32],
            lane: 0,
            offer: Frozen {
                quote,
                shop_version: 1,
                accepted_at: Time(0),
                dearer_than_minor: None,
                gift_card: None,
            },
            contact: Contact::default(),
            address: None,
            created_at: Time(0),
            changed_at: Time(0),
            expires_at: Time(0),
        },
        intent: None,
        captures: vec![capture],
        refunds: Vec::new(),
        adjustments: Vec::new(),
        disputed: Vec::new(),
        gift_card: None,
    };
    (view, allocation)
}

/// Writes a refund down as it is written down.
fn give(view: &mut OrderView, allocation: &Allocation, lines: &RefundLines) -> i64 {
    let (parts, less) = judged(view, lines).unwrap();
    let minor: i64 = parts.iter().map(|(_, minor)| minor).sum();
    let at = u32::try_from(view.adjustments.len()).unwrap();
    let captured: Vec<PlannedLeg> = view.captures.iter().flat_map(|capture| capture.legs.clone()).collect();
    let refunded: Vec<PlannedLeg> = view.refunds.iter().flat_map(|refund| refund.legs.clone()).collect();
    // It says no to a leg that would give back more of a share than was taken.
    let legs = allocation.refund(&captured, &refunded, &parts).unwrap();
    assert_eq!(legs.iter().map(|leg| leg.minor).sum::<i64>(), minor);
    assert!(legs.iter().all(|leg| leg.minor > 0));
    let detail = serde_json::json!({ "lines": lines.units, "kept": lines.less_minor > 0, "less": less });
    view.adjustments.push(Adjustment {
        id: number(at),
        order: nil(),
        kind: AdjustmentKind::Refund,
        amount_minor: minor,
        reason: "returned".into(),
        detail: detail.to_string(),
        staff: None,
        at: Time(i64::from(at)),
    });
    view.refunds.push(RefundLine {
        id: number(at),
        adjustment: number(at),
        minor,
        state: RefundState::Succeeded,
        credited: false,
        legs,
        detail: String::new(),
        created_at: Time(i64::from(at)),
        changed_at: Time(i64::from(at)),
        attempt: nil(),
    });
    for unit in &lines.units {
        let line = &mut view.lines[unit.line as usize];
        line.asked += unit.quantity;
        line.returned += unit.quantity;
    }
    minor
}

#[test]
fn f5_whatever_comes_back_of_bundles_and_loose_pieces_the_sums_are_exact_and_the_last_of_it_is_the_rest() {
    let mut dice = Dice(0x000b_0d1e_5eed);
    for round in 0..6_000 {
        let keep = [KeepTheRest::Prorate, KeepTheRest::Reprice, KeepTheRest::None][round % 3];
        let (mut view, allocation) = paid(&mut dice, keep);
        let places = view.checkout.offer.quote.lines_of(0);
        loop {
            let mut units: Vec<Ship> = Vec::new();
            let whole = dice.roll(2) == 0;
            for line in view.lines.iter().filter(|line| line.kept() > 0) {
                let inside = places.contains(&(line.line as usize));
                let quantity = match keep == KeepTheRest::None && inside {
                    true if whole => line.kept(),
                    true => 0,
                    false => dice.roll(line.kept() + 1),
                };
                let line = line.line;
                units.extend((quantity > 0).then_some(Ship { line, quantity }));
            }
            if view.lines.iter().all(|line| line.kept() == 0) {
                break;
            }
            if units.is_empty() {
                continue;
            }
            let mut lines = RefundLines {
                units,
                ..RefundLines::default()
            };
            let mine: Vec<OrderLine> = (view.lines.iter())
                .filter(|line| places.contains(&(line.line as usize)))
                .cloned()
                .collect();
            let mine: Vec<&OrderLine> = mine.iter().collect();
            let before = given_of(&view, &mine);
            let due: i64 = judged(&view, &lines).unwrap().0.iter().map(|(_, minor)| minor).sum();
            if dice.roll(4) == 0 && due > 0 {
                lines.less_minor = i64::from(dice.roll(u32::try_from(due).unwrap()));
            }
            assert_eq!(give(&mut view, &allocation, &lines), due - lines.less_minor, "{round}");
            // Of a bundle whose kept parts cost what they cost alone, the buyer has paid exactly that, or all they paid if it is less.
            let touched = lines.units.iter().any(|unit| places.contains(&(unit.line as usize)));
            if keep == KeepTheRest::Reprice && touched {
                let quote = &view.checkout.offer.quote;
                let alone = places.iter().map(|at| {
                    let quoted = &quote.lines[*at];
                    taxes::line(quoted.alone_minor(view.lines[*at].kept()), quoted.tax, quote.inclusive).gross
                });
                let cost: i64 = mine.iter().map(|line| line.amount_minor).sum();
                assert_eq!(given_of(&view, &mine), before.max(cost - alone.sum::<i64>()), "{round}");
            }
            if keep == KeepTheRest::None && mine.len() > 1 && view.lines[places[0]].kept() > 0 {
                let part = RefundLines {
                    units: vec![Ship {
                        line: mine[0].line,
                        quantity: 1,
                    }],
                    ..RefundLines::default()
                };
                assert_eq!(
                    judged(&view, &part).unwrap_err().code,
                    "bundle_goes_back_whole",
                    "{round}"
                );
            }
        }
        let taken: i64 = view.lines.iter().map(|line| line.amount_minor).sum();
        let kept: i64 = view.lines.iter().map(|line| view.deducted(line.line)).sum();
        let back: i64 = view.refunds.iter().map(|refund| refund.minor).sum();
        assert_eq!(back + kept, taken, "{round}: all of it, but what was kept for a reason");
    }
}

/// Of an exchange for something cheaper, a part becomes credit and the rest goes back under an adjustment that names no units.
#[test]
fn f5_what_goes_back_beside_credit_is_of_the_units_that_the_credit_names() {
    let mut dice = Dice(0x0ca5_4bac);
    let mut seen = 0;
    for _ in 0..400 {
        let (mut view, allocation) = paid(&mut dice, KeepTheRest::Prorate);
        let Some(line) = view.lines.iter().find(|line| line.quantity > 1).cloned() else {
            continue;
        };
        let before = view.paid_of(&line, line.quantity - 1);
        let unit = Ship {
            line: line.line,
            quantity: 1,
        };
        let one = RefundLines {
            units: vec![unit],
            ..RefundLines::default()
        };
        if give(&mut view, &allocation, &one) == 0 {
            continue;
        }
        let (mut change, mut refund) = (view.adjustments[0].clone(), view.refunds[0].clone());
        change.id = rest_of(change.id);
        change.detail = r#"{"lines":[]}"#.into();
        refund.adjustment = change.id;
        view.adjustments.push(change);
        view.refunds[0].legs.clear();
        view.refunds.push(refund);
        assert_eq!(view.paid_of(&line, line.quantity - 1), before);
        seen += 1;
    }
    assert!(seen > 100, "{seen}");
}

/// To be checked with a pencil. Two mugs at 30.00 (19 %) and a print at 13.33 (7 %) as a set for 60.00, and a parcel for 4.90, tax inside; the shop earns all of it.
#[test]
fn l3_the_cents_of_a_set_that_comes_back_bit_by_bit_are_these() {
    // The set told apart: 60.00 · 60.00 / 73.33 = 49.09 and 60.00 · 13.33 / 73.33 = 10.90, and the cent over goes to the first.
    let line = |gross: i64, rate: u32, quantity: u32| {
        let taxed = taxes::line(gross, Rate(rate), true);
        let net = Money::new(taxed.net, Currency::EUR);
        part(quantity, &partners::legs(None, net, quantity), taxed.tax)
    };
    let allocation = Allocation {
        lines: vec![line(4910, 1900, 2), line(1090, 700, 1)],
        delivery: Some(line(490, 1900, 1)),
        processor_fee: FeeBearer::Shop,
    };
    let (mugs, print, parcel) = (Part::Line(0), Part::Line(1), Part::Delivery);
    let captured = allocation.capture(&[], &[(mugs, 2), (print, 1), (parcel, 1)]).unwrap();
    let cents = |legs: &[PlannedLeg]| legs.iter().map(|leg| leg.minor).collect::<Vec<i64>>();
    // 49.10 = 41.26 + 7.84; 10.90 = 10.19 + 0.71; 4.90 = 4.12 + 0.78.
    assert_eq!(cents(&captured), [4126, 784, 1019, 71, 412, 78]);
    let moved = std::cell::RefCell::new(Vec::<PlannedLeg>::new());
    let back = |amounts: &[(Part, i64)]| {
        let legs = allocation.refund(&captured, &moved.borrow(), amounts).unwrap();
        moved.borrow_mut().extend(legs.clone());
        cents(&legs)
    };
    // A mug comes back: half of the line. 24.55 = 20.63 + 3.92.
    assert_eq!(back(&[(mugs, 2455)]), [2063, 392]);
    // The other one costs 20.00 now: 4.55. Of 29.10 the net is 24.453 and the tax 4.647, less what went back: 3.82 + 0.73.
    assert_eq!(back(&[(mugs, 455)]), [382, 73]);
    // The print comes back, and 2.00 are kept: 8.90 = 8.32 + 0.58.
    assert_eq!(back(&[(print, 890)]), [832, 58]);
    // A bank takes 10.00 and names no line: of what is still here as it was paid, and none of the print, of which more is gone than of the others.
    let dispute = allocation.spread(&captured, &moved.borrow(), 1000).unwrap();
    assert_eq!(dispute, [(mugs, 680), (parcel, 320)]);
    assert_eq!(back(&[(mugs, 680), (parcel, 320)]), [572, 108, 269, 51]);
    // The rest: nothing is lost to rounding, and nothing is left.
    assert_eq!(
        back(&[(mugs, 1320), (print, 200), (parcel, 170)]),
        [1109, 211, 187, 13, 143, 27]
    );
    let (given, taken): (i64, i64) = (cents(&moved.borrow()).iter().sum(), cents(&captured).iter().sum());
    assert_eq!((given, taken), (6490, 6490));
}
