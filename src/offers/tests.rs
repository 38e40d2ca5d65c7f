//! Quotes: what is shown, what is signed, and what is payable later.

use super::*;
use crate::catalog::{
    self, Create, Kind, NewProduct, NewVariant, ProductState, SetPrice, TaxCategory, VariantEdit, VariantState,
};
use crate::delivery::{self, NewMethod, NewZone};
use crate::discounts::{self, Quoted, Rule, Step, TakenOff, Takes};
use crate::fixture::Fixture;
use crate::kernel::{Currency, Money, Rate, Seconds, VariantId};
use crate::taxes::{self, TaxRate};

const KEY: [u8; 32] = [7; 32];
const HOLDS: Seconds = Seconds::minutes(15);

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

struct Shelf {
    fixture: Fixture,
    mug: VariantId,
    print: VariantId,
}

/// A mug that travels (38.00) and a print as a file (5.00); Germany by parcel, 19 % and 7 %.
fn shelf() -> Shelf {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let (mug, print) = fixture.write(move |tx| {
        let mut made = Vec::new();
        for (title, kind, tax_category, price) in [
            ("Ebb mug", Kind::Physical, TaxCategory::Standard, 3800),
            ("Tide print", Kind::Digital, TaxCategory::Reduced, 500),
        ] {
            let new = NewProduct {
                title: title.into(),
                slug: None,
                description: String::new(),
                kind,
                tax_category,
                image: String::new(),
                state: ProductState::Active,
                variants: vec![NewVariant {
                    price: Some(eur(price)),
                    ..NewVariant::default()
                }],
            };
            let id = tx.id();
            let Create::Created(_, variants) = catalog::create(tx, (shop, Currency::EUR), id, &new)? else {
                panic!("not created")
            };
            made.push(variants[0].id);
        }
        let rate = |country: &str, category, rate| TaxRate {
            country: country.into(),
            category,
            rate: Rate(rate),
        };
        taxes::set(
            tx,
            shop,
            &[
                rate("DE", TaxCategory::Standard, 1900),
                rate("DE", TaxCategory::Reduced, 700),
                rate("*", TaxCategory::Standard, 0),
            ],
        )?;
        set_delivery(tx, shop, 490)?;
        Ok((made[0], made[1]))
    });
    Shelf { fixture, mug, print }
}

fn set_delivery(tx: &mut crate::db::Tx<'_>, shop: crate::kernel::ShopId, parcel: i64) -> crate::kernel::Result<()> {
    let known = delivery::all(tx, shop)?;
    let ids = known.first().map(|zone| (zone.zone.id, zone.methods[0].id));
    let method = |name: &str, price: i64, days: u32| NewMethod {
        id: ids.map(|(_, method)| method).filter(|_| name == "Parcel"),
        name: name.into(),
        price: eur(price),
        eta_days_min: days,
        eta_days_max: days + 2,
    };
    let zones = [NewZone {
        id: ids.map(|(zone, _)| zone),
        name: "Germany".into(),
        countries: vec!["DE".into()],
        methods: vec![method("Parcel", parcel, 2), method("Express", 990, 1)],
    }];
    delivery::set(tx, shop, &zones).map(drop)
}

impl Shelf {
    fn offer(&self, lines: &[(VariantId, u32)], country: &str) -> Offer {
        let shop = self.fixture.settings();
        let asked = Asked {
            drop: None,
            lines: lines
                .iter()
                .map(|(variant, quantity)| WantedLine {
                    variant: *variant,
                    quantity: *quantity,
                })
                .collect(),
            country: country.into(),
            delivery: None,
            seen: None,
            discounts: discounts::Wish::default(),
        };
        self.fixture.write(move |tx| quote(tx, &shop, &asked, HOLDS))
    }

    fn quoted(&self, lines: &[(VariantId, u32)]) -> Quote {
        match self.offer(lines, "DE") {
            Offer::Quoted(quote, _) => *quote,
            other => panic!("{other:?}"),
        }
    }

    fn recheck(&self, shown: &Quote) -> Recheck {
        let shown = shown.clone();
        self.fixture.write(move |tx| recheck(tx, &shown, None))
    }

    fn price(&self, variant: VariantId, minor: i64) {
        let shop = self.fixture.shop;
        let set = self
            .fixture
            .write(move |tx| catalog::set_price(tx, shop, variant, None, eur(minor)));
        assert!(matches!(set, SetPrice::Set { .. }), "{set:?}");
    }
}

#[test]
fn a_quote_adds_up_lines_delivery_and_tax() {
    let shelf = shelf();
    let quote = shelf.quoted(&[(shelf.mug, 2), (shelf.print, 1)]);
    let lines: Vec<_> = quote
        .lines
        .iter()
        .map(|line| (line.unit_minor, line.amount_minor, line.tax_minor, line.tax.0))
        .collect();
    assert_eq!(lines, [(3800, 7600, 1213, 1900), (500, 500, 33, 700)]);
    let delivery = quote.delivery.as_ref().unwrap();
    assert_eq!(
        (delivery.name.as_str(), delivery.amount_minor, delivery.tax_minor),
        ("Parcel", 490, 78)
    );
    assert_eq!(
        (quote.items_minor, quote.tax_minor, quote.total_minor),
        (8100, 1213 + 33 + 78, 8590)
    );
    assert_eq!(quote.expires_at.since(quote.shown_at), HOLDS);
    assert!(quote.needs_address());
}

#[test]
fn what_does_not_travel_has_no_delivery_and_is_sold_everywhere() {
    let shelf = shelf();
    let Offer::Quoted(quote, methods) = shelf.offer(&[(shelf.print, 1)], "NZ") else {
        panic!("not quoted")
    };
    assert!(quote.delivery.is_none() && methods.is_empty() && !quote.needs_address());
    assert_eq!((quote.tax_minor, quote.total_minor), (0, 500));
    assert_eq!(shelf.offer(&[(shelf.mug, 1)], "NZ"), Offer::NotDeliveredThere);
}

#[test]
fn x8_nothing_but_our_own_token_is_believed() {
    let shelf = shelf();
    let quote = shelf.quoted(&[(shelf.mug, 1)]);
    let token = sign(&KEY, &quote);
    let read = open(&KEY, &token).unwrap();
    assert_eq!(
        (&read.lines, &read.delivery, read.total_minor),
        (&quote.lines, &quote.delivery, quote.total_minor)
    );
    assert_eq!(sign(&KEY, &read), token, "what is read is what was signed");
    assert!(open(&[8; 32], &token).is_err(), "another installation's key");
    // Any single changed character: the price inside is the one we signed, or the token is refused.
    for at in 0..token.len() {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).unwrap();
        if altered != token {
            assert!(open(&KEY, &altered).is_err(), "changed at {at}");
        }
    }
    for bad in [
        "",
        ".",
        "q1.",
        "q1.e30.AAAA",
        &token[..token.len() - 1],
        &format!("{token}A"),
        &"A".repeat(40_000),
    ] {
        assert_eq!(open(&KEY, bad).unwrap_err().code, "invalid_quote");
    }
}

#[test]
fn d19_what_left_the_shop_is_not_sold_on_an_old_token() {
    let shelf = shelf();
    let quote = shelf.quoted(&[(shelf.mug, 1)]);
    let (shop, mug) = (shelf.fixture.shop, shelf.mug);
    let archived = shelf.fixture.write(move |tx| {
        let product = catalog::product_of(tx, shop, mug)?.unwrap();
        let edit = catalog::ProductEdit {
            state: Some(ProductState::Archived),
            ..catalog::ProductEdit::default()
        };
        catalog::edit_product(tx, (shop, Currency::EUR), product.id, product.version, &edit)
    });
    assert!(matches!(archived, catalog::Edit::Edited(..)), "{archived:?}");
    assert_eq!(shelf.recheck(&quote), Recheck::NotForSale(mug));
    assert_eq!(shelf.offer(&[(mug, 1)], "DE"), Offer::NotForSale(mug));

    let unpublished = Quote {
        seen: Some(Seen {
            clip: shelf.fixture.write(|tx| Ok(tx.id())),
            version: 1,
            anchor: None,
            at_ms: 0,
        }),
        ..shelf.quoted(&[(shelf.print, 1)])
    };
    assert_eq!(shelf.recheck(&unpublished), Recheck::NotForSale(shelf.print));
}

#[test]
fn the_buyer_pays_at_most_what_was_shown() {
    let shelf = shelf();
    let shown = shelf.quoted(&[(shelf.mug, 2), (shelf.print, 1)]);
    // mug, print, parcel -> payable
    for (mug, print, parcel, payable) in [
        (3800, 500, 490, 8590),
        (9900, 900, 990, 8590), // a rise is not charged
        (3500, 500, 490, 7990), // a fall is passed on
        (9900, 400, 0, 8000),   // each by itself
    ] {
        shelf.price(shelf.mug, mug);
        shelf.price(shelf.print, print);
        let shop = shelf.fixture.shop;
        shelf.fixture.write(move |tx| set_delivery(tx, shop, parcel));
        let Recheck::Payable(quote) = shelf.recheck(&shown) else {
            panic!("not payable")
        };
        assert_eq!(quote.total_minor, payable, "{mug} {print} {parcel}");
        assert_eq!(
            quote.lines.iter().map(|line| line.amount_minor).sum::<i64>(),
            quote.items_minor
        );
    }
}

#[test]
fn a_quote_ends() {
    let shelf = shelf();
    let shown = shelf.quoted(&[(shelf.mug, 1)]);
    shelf.fixture.pass(14);
    assert!(matches!(shelf.recheck(&shown), Recheck::Payable(_)));
    shelf.fixture.pass(2);
    assert_eq!(shelf.recheck(&shown), Recheck::Expired);
}

#[test]
fn a_delivery_that_is_gone_needs_a_new_quote() {
    let shelf = shelf();
    let shown = shelf.quoted(&[(shelf.mug, 1)]);
    let shop = shelf.fixture.shop;
    shelf.fixture.write(move |tx| delivery::set(tx, shop, &[]).map(drop));
    assert_eq!(shelf.recheck(&shown), Recheck::Expired);
}

#[test]
fn t1_a_neighbours_variant_is_not_for_sale_here() {
    let shelf = shelf();
    let neighbour = shelf.fixture.neighbour;
    let (mug, asked) = (
        shelf.mug,
        Asked {
            drop: None,
            lines: vec![WantedLine {
                variant: shelf.mug,
                quantity: 1,
            }],
            country: "DE".into(),
            delivery: None,
            seen: None,
            discounts: discounts::Wish::default(),
        },
    );
    let offer = shelf.fixture.write(move |tx| {
        let shop = crate::identity::shop(tx, neighbour)?;
        quote(tx, &shop, &asked, HOLDS)
    });
    assert_eq!(offer, Offer::NotForSale(mug));
    let edit = VariantEdit {
        state: Some(VariantState::Archived),
        ..VariantEdit::default()
    };
    let refused = shelf
        .fixture
        .write(move |tx| catalog::edit_variant(tx, (neighbour, Currency::EUR), mug, 1, &edit));
    assert_eq!(refused, catalog::Edit::NotFound);
}

#[test]
fn demand_has_limits() {
    let id = "var_01h455vb4pex5vsknk084sn02q";
    assert_eq!(Asked::lines(id).unwrap()[0].quantity, 1);
    assert_eq!(Asked::lines(&format!("{id}:20")).unwrap()[0].quantity, 20);
    for bad in [
        "",
        ",",
        "x",
        &format!("{id}:0"),
        &format!("{id}:21"),
        &format!("{id}:-1"),
        &format!("{id}:1.5"),
        &format!("{id}:1,{id}:2"),
        "prd_01h455vb4pex5vsknk084sn02q:1",
    ] {
        assert!(Asked::lines(bad).is_err(), "{bad}");
    }
    assert!(Asked::country("DE").is_ok() && Asked::country("de").is_err() && Asked::country("DEU").is_err());
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
    fn price(&mut self) -> i64 {
        match self.roll(12) {
            0 => 0,
            1 => i64::from(self.roll(5)),
            _ => i64::from(self.roll(30_000)),
        }
    }
    fn id<T: crate::kernel::Id>(&mut self) -> T {
        T::from_uuid(uuid::Uuid::from_u128(u128::from(self.roll(6))))
    }
}

/// How often a property is tried: so often in every run of the tests, and as often as `HAWKER_ROUNDS` says when somebody wants to know.
pub(super) fn rounds(usual: u32) -> u32 {
    std::env::var("HAWKER_ROUNDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(usual)
}

fn any_line(dice: &mut Dice, bundle: Option<u32>) -> QuotedLine {
    QuotedLine {
        variant: dice.id(),
        product: dice.id(),
        sku: String::new(),
        title: String::new(),
        variant_title: String::new(),
        image: String::new(),
        physical: true,
        quantity: 1 + dice.roll(6),
        unit_minor: dice.price(),
        amount_minor: 0,
        tax_minor: 0,
        tax: Rate([0, 700, 1900, 2500][dice.roll(4) as usize]),
        price_version: 1,
        contract: None,
        taken: Vec::new(),
        bundle: bundle.map(|at| InBundle { at, minor: 0 }),
        preorder: None,
    }
}

fn any_quote(dice: &mut Dice, empty: &Quote) -> Quote {
    let mut quote = Quote {
        inclusive: dice.roll(2) == 0,
        lines: Vec::new(),
        bundles: Vec::new(),
        delivery: None,
        ..empty.clone()
    };
    for _ in 0..=dice.roll(3) {
        if dice.roll(2) == 0 {
            quote.lines.push(any_line(dice, None));
            continue;
        }
        let at = u32::try_from(quote.bundles.len()).unwrap();
        for _ in 0..=dice.roll(4) {
            quote.lines.push(any_line(dice, Some(at)));
        }
        quote.bundles.push(QuotedBundle {
            variant: dice.id(),
            product: dice.id(),
            sku: String::new(),
            title: String::new(),
            image: String::new(),
            quantity: 1 + dice.roll(4),
            unit_minor: dice.price(),
            price_version: 1,
            keep_the_rest: catalog::KeepTheRest::Prorate,
        });
    }
    let inclusive = quote.inclusive;
    for line in &mut quote.lines {
        line.priced(inclusive);
    }
    for at in 0..quote.bundles.len() {
        quote.share_out(at);
    }
    quote
}

fn any_taken(dice: &mut Dice, quote: &Quote) -> Vec<TakenOff> {
    let lines = quote.bare_lines();
    let rule = |dice: &mut Dice| Rule {
        name: String::new(),
        takes: match dice.roll(4) {
            0 => Takes::Percentage {
                off_bp: 1 + dice.roll(10_000),
            },
            1 => Takes::Fixed {
                off: eur(1 + i64::from(dice.roll(40_000))).into(),
            },
            2 => Takes::Bogo {
                buy: 1 + dice.roll(3),
                get: 1 + dice.roll(2),
                off_bp: 1 + dice.roll(10_000),
            },
            _ => Takes::Volume {
                steps: vec![Step {
                    from: 1 + dice.roll(8),
                    off_bp: 1 + dice.roll(10_000),
                }],
            },
        },
        products: match dice.roll(3) {
            0 => vec![dice.id(), dice.id()],
            _ => Vec::new(),
        },
        minimum: None,
        priority: 0,
        combinable: true,
        per_buyer: 0,
    };
    let rules: Vec<Rule> = (0..dice.roll(4)).map(|_| rule(dice)).collect();
    let quoted = Quoted {
        id: dice.id(),
        version: 1,
        name: String::new(),
        code: None,
        limited: false,
        per_buyer: 0,
    };
    let taken = discounts::stacked(&rules, &lines, quote.currency);
    let each = taken.into_iter().map(|minor| TakenOff {
        discount: quoted.clone(),
        minor,
    });
    each.collect()
}

#[test]
fn f5_any_bundles_under_any_discounts_come_to_what_they_cost_to_the_minor_unit() {
    let shelf = shelf();
    let empty = shelf.quoted(&[(shelf.mug, 1)]);
    let mut dice = Dice(0x0b0b_5eed);
    for round in 0..rounds(40_000) {
        let mut quote = any_quote(&mut dice, &empty);
        for (at, bundle) in quote.bundles.iter().enumerate() {
            let shares = quote
                .lines_of(at)
                .into_iter()
                .map(|line| quote.lines[line].full_minor());
            assert_eq!(
                shares.sum::<i64>(),
                bundle.unit_minor * i64::from(bundle.quantity),
                "{round}: its shares"
            );
        }
        let full: i64 = quote.lines.iter().map(QuotedLine::full_minor).sum();
        let taken = any_taken(&mut dice, &quote);
        let off: i64 = taken.iter().flat_map(|off| &off.minor).sum();
        quote.take_off(taken.clone());
        for (number, off) in taken.iter().enumerate() {
            let on_lines: i64 = quote.lines.iter().map(|line| line.taken[number]).sum();
            assert_eq!(
                on_lines,
                off.minor.iter().sum::<i64>(),
                "{round}: what a discount takes is what it takes of lines"
            );
        }
        let inclusive = quote.inclusive;
        for line in &quote.lines {
            let left = line.full_minor() - line.taken.iter().sum::<i64>();
            assert!(
                left >= 0 && line.taken.iter().all(|minor| *minor >= 0),
                "{round}: less than nothing"
            );
            assert!((0..=line.amount_minor).contains(&line.tax_minor), "{round}: tax");
            let net = if inclusive {
                line.amount_minor
            } else {
                line.amount_minor - line.tax_minor
            };
            assert_eq!(net, left, "{round}: what is left of the line");
        }
        assert_eq!(
            quote
                .lines
                .iter()
                .map(|line| line.amount_minor - if inclusive { 0 } else { line.tax_minor })
                .sum::<i64>(),
            full - off,
            "{round}: altogether"
        );
        // What is shown adds up: full price, less each discount, is what the lines cost.
        let shown: i64 = quote.taken_off().iter().map(|(_, minor)| minor).sum();
        let summed = quote.clone().summed().unwrap();
        if quote.discounts.is_empty() {
            assert_eq!(shown, 0);
        }
        assert_eq!(
            quote.full_minor() - shown,
            summed.items_minor,
            "{round}: as it is shown"
        );
        // Its question asks for the same again.
        assert_eq!(quote.wanted().len(), quote.groups().len());
    }
}
