//! Golden tables an accountant can check by hand, and what must hold of any discounts on any lines.

use super::*;
use crate::catalog::{self, Create, Kind, NewProduct, NewVariant, ProductState, TaxCategory};
use crate::db::{LaneKey, Tx};
use crate::fixture::Fixture;
use crate::kernel::{CheckoutId, Currency, DiscountId, Id, Money, MoneyOut, ProductId, Rate, Result, ShopId, Time};
use crate::taxes;
use uuid::Uuid;

const EUR: Currency = Currency::EUR;

fn product(letter: char) -> ProductId {
    ProductId::from_uuid(Uuid::from_u128(u128::from(u32::from(letter))))
}

fn eur(minor: i64) -> MoneyOut {
    MoneyOut::from(Money::new(minor, EUR))
}

/// "A 3 30.00": three of product A at 30.00 each.
fn line(text: &str) -> Line {
    let mut words = text.split_whitespace();
    let name = words.next().unwrap().chars().next().unwrap();
    let quantity: u32 = words.next().unwrap().parse().unwrap();
    Line {
        product: product(name),
        quantity,
        minor: cents(words.next().unwrap()) * i64::from(quantity),
    }
}

fn cents(text: &str) -> i64 {
    text.replace('.', "").parse().unwrap()
}

/// A rule in a word or two: "10%", "5.00", "buy 2 get 1", "buy 1 get 1 50%", "3:10% 10:20%"; "on A,B", "from 50.00", "alone", "first".
fn rule(text: &str) -> Rule {
    let mut rule = Rule {
        name: text.into(),
        takes: Takes::Percentage { off_bp: 0 },
        products: Vec::new(),
        minimum: None,
        priority: 100,
        combinable: true,
        per_buyer: 0,
    };
    let percent = |text: &str| text.trim_end_matches('%').parse::<u32>().unwrap() * 100;
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut at = 0;
    let mut steps = Vec::new();
    while at < words.len() {
        let next = |by: usize| words.get(at + by).copied().unwrap_or_default();
        match words[at] {
            "on" => {
                rule.products = next(1)
                    .split(',')
                    .map(|name| product(name.chars().next().unwrap()))
                    .collect();
                at += 1;
            }
            "from" => {
                rule.minimum = Some(eur(cents(next(1))));
                at += 1;
            }
            "alone" => rule.combinable = false,
            "first" => rule.priority = 1,
            "buy" => {
                let off = next(4);
                let off_bp = if off.ends_with('%') { percent(off) } else { 10_000 };
                rule.takes = Takes::Bogo {
                    buy: next(1).parse().unwrap(),
                    get: next(3).parse().unwrap(),
                    off_bp,
                };
                at += if off.ends_with('%') { 4 } else { 3 };
            }
            word if word.contains(':') => {
                let (from, off) = word.split_once(':').unwrap();
                steps.push(Step {
                    from: from.parse().unwrap(),
                    off_bp: percent(off),
                });
                rule.takes = Takes::Volume { steps: steps.clone() };
            }
            word if word.ends_with('%') => rule.takes = Takes::Percentage { off_bp: percent(word) },
            word => rule.takes = Takes::Fixed { off: eur(cents(word)) },
        }
        at += 1;
    }
    rule
}

fn discount(number: u128, rule: Rule) -> Discount {
    Discount {
        id: DiscountId::from_uuid(Uuid::from_u128(number)),
        shop: ShopId::from_uuid(Uuid::nil()),
        version: 1,
        state: DiscountState::Active,
        code: None,
        rule,
        starts_at: Time(0),
        ends_at: None,
        uses_max: 0,
        used: 0,
        created_at: Time(0),
        changed_at: Time(0),
    }
}

/// Lines, discounts in the order they were made, and what each takes off each line.
type Golden = (
    &'static [&'static str],
    &'static [&'static str],
    &'static [(&'static str, &'static [i64])],
);

#[test]
fn golden_what_discounts_take_off_each_line() {
    // Lines · discounts, in the order they were made · what each takes off each line, in the order in which they do.
    #[rustfmt::skip]
    let table: &[Golden] = &[
        // A part of the price: 10 % of 100.00 is 10.00, in proportion.
        (&["A 1 70.00", "B 1 30.00"], &["10%"], &[("10%", &[700, 300])]),
        // 10 % of 0.99 is 0.099: rounded down to 0.09. Nobody gets 0.10.
        (&["A 1 0.99"], &["10%"], &[("10%", &[9])]),
        // 10 % of 29.97 is 2.99 (2.997); a third of it is 0.99 each, and the two cents over go to the first two lines.
        (&["A 1 9.99", "B 1 9.99", "C 1 9.99"], &["10%"], &[("10%", &[100, 100, 99])]),
        // An amount: 10.00 over three equal lines is 3.34, 3.33, 3.33.
        (&["A 1 20.00", "B 1 20.00", "C 1 20.00"], &["10.00"], &[("10.00", &[334, 333, 333])]),
        // An amount is never more than there is.
        (&["A 1 3.00", "B 1 1.00"], &["10.00"], &[("10.00", &[300, 100])]),
        // Only on what it is for.
        (&["A 1 20.00", "B 1 20.00"], &["5.00 on B"], &[("5.00 on B", &[0, 500])]),
        // Three for the price of two: the cheapest one is free.
        (&["A 2 20.00", "B 1 12.50"], &["buy 2 get 1"], &[("buy 2 get 1", &[0, 1250])]),
        // Seven pieces are two sets of three: the two cheapest, whichever lines they are in.
        (&["A 4 20.00", "B 1 12.00", "C 2 15.00"], &["buy 2 get 1"], &[("buy 2 get 1", &[0, 1200, 1500])]),
        // Of equal prices the last line's.
        (&["A 1 10.00", "B 1 10.00"], &["buy 1 get 1"], &[("buy 1 get 1", &[0, 1000])]),
        // The second at half price; half of 9.99 is 4.99.
        (&["A 1 20.00", "B 1 9.99"], &["buy 1 get 1 50%"], &[("buy 1 get 1 50%", &[0, 499])]),
        // Not enough pieces: nothing.
        (&["A 2 20.00"], &["buy 2 get 1"], &[]),
        // Steps count all the pieces it is for: three are 10 %, ten are 20 %.
        (&["A 2 10.00", "B 1 5.00"], &["3:10% 10:20%"], &[("3:10% 10:20%", &[200, 50])]),
        (&["A 2 10.00"], &["3:10% 10:20%"], &[]),
        (&["A 9 10.00", "B 1 5.00"], &["3:10% 10:20%"], &[("3:10% 10:20%", &[1800, 100])]),
        // From 50.00 on, before anything is taken off.
        (&["A 1 49.99"], &["10% from 50.00"], &[]),
        (&["A 1 50.00"], &["5.00", "10% from 50.00"], &[("10% from 50.00", &[500]), ("5.00", &[500])]),
        // Together: free pieces, steps, percent, amounts; each works on what is left. 60.00 − 20.00 = 40.00 − 4.00 = 36.00 − 5.00 = 31.00.
        (&["A 3 20.00"], &["5.00", "10%", "buy 2 get 1"], &[("buy 2 get 1", &[2000]), ("10%", &[400]), ("5.00", &[500])]),
        // Unless one says that it goes first: 60.00 − 5.00 = 55.00 − 5.50.
        (&["A 3 20.00"], &["10%", "5.00 first"], &[("5.00 first", &[500]), ("10%", &[550])]),
        // What does not go together: the better of the two ways.
        (&["A 1 100.00"], &["10%", "5.00", "12% alone"], &[("10%", &[1000]), ("5.00", &[500])]),
        (&["A 1 100.00"], &["10%", "5.00", "20% alone"], &[("20% alone", &[2000])]),
        // As good: what goes together.
        (&["A 1 100.00"], &["15% alone", "10%", "5.00"], &[("10%", &[1000]), ("5.00", &[500])]),
        // Everything is free, and what comes after takes nothing and is not there.
        (&["A 1 10.00", "B 1 1.00"], &["100%", "5.00"], &[("100%", &[1000, 100])]),
        // What costs nothing stays so, and gets nothing of the cents that are over.
        (&["A 1 0.00", "B 1 1.00", "C 1 1.00"], &["0.05"], &[("0.05", &[0, 3, 2])]),
    ];
    for (number, (lines, rules, expected)) in table.iter().enumerate() {
        let lines: Vec<Line> = lines.iter().map(|text| line(text)).collect();
        let made = rules.iter().enumerate();
        let candidates: Vec<Discount> = made.map(|(at, text)| discount(at as u128 + 1, rule(text))).collect();
        let taken = best(&candidates, &lines, EUR);
        let told: Vec<(&str, &[i64])> = taken
            .iter()
            .map(|off| (off.discount.name.as_str(), off.minor.as_slice()))
            .collect();
        assert_eq!(told, *expected, "row {number}: {rules:?}");
    }
}

#[test]
fn golden_tax_is_of_what_is_left() {
    // Price, rate, whether prices include tax, taken off → gross, tax.
    #[rustfmt::skip]
    let table = [
        (3000, 1900, true,  0,    3000, 479),  // 30.00 · 19/119 = 4.789
        (3000, 1900, true,  300,  2700, 431),  // 27.00 · 19/119 = 4.310
        (3000, 1900, false, 300,  3213, 513),  // 27.00 · 19 % = 5.13 on top
        (999,  700,  true,  99,   900,  59),   // 9.00 · 7/107 = 0.588
        (999,  700,  false, 99,   963,  63),
        (3000, 1900, true,  3000, 0,    0),
        (3000, 1900, false, 3000, 0,    0),
    ];
    for (price, rate, inclusive, off, gross, tax) in table {
        let taxed = taxes::line(price - off, Rate(rate), inclusive);
        assert_eq!(
            (taxed.gross, taxed.tax),
            (gross, tax),
            "{price} − {off} at {rate}, {inclusive}"
        );
    }
}

/// Numbers that look random and are the same each time.
pub(super) struct Dice(pub u64);

impl Dice {
    pub(super) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below.max(1)
    }
    fn small(&mut self, below: u32) -> u32 {
        u32::try_from(self.roll(u64::from(below))).unwrap()
    }
}

fn any_rule(dice: &mut Dice) -> Rule {
    let bp = 1 + dice.small(10_000);
    let takes = match dice.roll(4) {
        0 => Takes::Percentage { off_bp: bp },
        1 => Takes::Fixed {
            off: eur(1 + i64::from(dice.small(20_000))),
        },
        2 => Takes::Bogo {
            buy: 1 + dice.small(4),
            get: 1 + dice.small(3),
            off_bp: bp,
        },
        _ => Takes::Volume {
            steps: (0..=dice.small(3))
                .map(|at| Step {
                    from: 1 + at * (1 + dice.small(5)),
                    off_bp: 1 + dice.small(10_000),
                })
                .collect(),
        },
    };
    let products = match dice.roll(3) {
        0 => (0..=dice.small(3)).map(|_| product(letter(dice.small(5)))).collect(),
        _ => Vec::new(),
    };
    Rule {
        name: "any".into(),
        takes,
        products,
        minimum: (dice.roll(4) == 0).then(|| eur(i64::from(dice.small(10_000)))),
        priority: i64::from(dice.small(3)),
        combinable: dice.roll(4) > 0,
        per_buyer: 0,
    }
}

fn any_lines(dice: &mut Dice) -> Vec<Line> {
    let count = 1 + dice.roll(6);
    (0..count)
        .map(|_| {
            let quantity = 1 + dice.small(8);
            let unit = match dice.roll(10) {
                0 => 0,
                1 => i64::from(dice.small(10)),
                _ => i64::from(dice.small(20_000)),
            };
            Line {
                product: product(letter(dice.small(6))),
                quantity,
                minor: unit * i64::from(quantity),
            }
        })
        .collect()
}

#[test]
fn any_discounts_on_any_lines_add_up_and_no_line_costs_less_than_nothing() {
    let mut dice = Dice(0x5eed_0fd1);
    for round in 0..60_000 {
        let lines = any_lines(&mut dice);
        let count = 1 + u128::from(dice.roll(5));
        let candidates: Vec<Discount> = (1..=count)
            .map(|number| discount(number, any_rule(&mut dice)))
            .collect();
        let taken = best(&candidates, &lines, EUR);
        let mut left: Vec<i64> = lines.iter().map(|line| line.minor).collect();
        for off in &taken {
            let rule = &candidates.iter().find(|one| one.id == off.discount.id).unwrap().rule;
            for (at, minor) in off.minor.iter().enumerate() {
                assert!(
                    *minor >= 0 && (*minor == 0 || rule.is_for(lines[at].product)),
                    "{round}"
                );
                left[at] -= minor;
                assert!(left[at] >= 0, "{round}: less than nothing");
            }
            if let Takes::Fixed { off: amount } = &rule.takes {
                assert!(
                    off.minor.iter().sum::<i64>() <= amount.amount,
                    "{round}: more than it says"
                );
            }
        }
        // Never worse than any one of them alone, nor than nothing.
        let sum = |taken: &[TakenOff]| taken.iter().flat_map(|off| &off.minor).sum::<i64>();
        for one in &candidates {
            if !one.rule.combinable {
                assert!(
                    sum(&best(std::slice::from_ref(one), &lines, EUR)) <= sum(&taken),
                    "{round}"
                );
            }
        }
        // The same again, whatever order they are found in.
        let mut turned = candidates.clone();
        turned.reverse();
        assert_eq!(best(&turned, &lines, EUR), taken, "{round}");
        // A fall of every price never makes what was promised dearer: percent, amounts and steps are monotone line by line in sum.
        let no_free_pieces = taken.iter().all(|off| {
            let rule = &candidates.iter().find(|one| one.id == off.discount.id).unwrap().rule;
            !matches!(rule.takes, Takes::Bogo { .. })
        });
        if no_free_pieces {
            let fallen: Vec<Line> = lines
                .iter()
                .map(|line| Line {
                    minor: line.minor / 2,
                    ..*line
                })
                .collect();
            let rules: Vec<&Rule> = taken
                .iter()
                .map(|off| &candidates.iter().find(|one| one.id == off.discount.id).unwrap().rule)
                .collect();
            let again: i64 = stacked(rules, &fallen, EUR).iter().flatten().sum();
            let (before, after) = (
                lines.iter().map(|line| line.minor).sum::<i64>() - sum(&taken),
                fallen.iter().map(|line| line.minor).sum::<i64>() - again,
            );
            assert!(after <= before, "{round}: {after} after a fall, {before} before");
        }
    }
}

#[test]
fn a_code_is_read_as_people_type_it() {
    for (typed, code) in [
        ("spring10", Some("SPRING10")),
        (" Spring 10 ", Some("SPRING10")),
        ("A-B_9", Some("A-B_9")),
        ("ab", None),
        ("", None),
        ("ümlaut", None),
        ("a%b", None),
        (&"X".repeat(33), None),
    ] {
        assert_eq!(read_code(typed).as_deref(), code, "{typed}");
    }
}

#[test]
fn what_a_discount_says_is_checked_field_by_field() {
    let fixture = Fixture::new();
    let shop = fixture.shop;
    let refused = |change: &dyn Fn(&mut NewDiscount)| {
        let mut new = new_discount("10%", "");
        change(&mut new);
        let error = tried(&fixture, move |tx| create(tx, (shop, EUR), tx.id(), &new, None)).unwrap_err();
        error
            .fields
            .first()
            .map(|field| field.pointer.to_string())
            .unwrap_or_default()
    };
    assert_eq!(refused(&|new| new.rule.name = " ".into()), "/name");
    assert_eq!(refused(&|new| new.code = "a".into()), "/code");
    assert_eq!(
        refused(&|new| new.rule.takes = Takes::Percentage { off_bp: 0 }),
        "/takes/off_bp"
    );
    assert_eq!(
        refused(&|new| new.rule.takes = Takes::Percentage { off_bp: 10_001 }),
        "/takes/off_bp"
    );
    assert_eq!(refused(&|new| new.rule.takes = rule("buy 0 get 1").takes), "/takes/buy");
    assert_eq!(
        refused(&|new| new.rule.takes = Takes::Volume { steps: Vec::new() }),
        "/takes/steps"
    );
    assert_eq!(
        refused(&|new| new.rule.takes = rule("3:10% 3:20%").takes),
        "/takes/steps"
    );
    let usd = MoneyOut::from(Money::new(500, "USD".parse().unwrap()));
    assert_eq!(
        refused(&move |new| new.rule.takes = Takes::Fixed { off: usd }),
        "/takes/off"
    );
    assert_eq!(refused(&|new| new.rule.products = vec![product('A')]), "/products");
    assert_eq!(refused(&|new| new.rule.minimum = Some(eur(0))), "/minimum");
    assert_eq!(refused(&|new| new.rule.priority = -1), "/priority");
    assert_eq!(refused(&|new| new.rule.per_buyer = 1), "/uses_per_buyer");
    assert_eq!(
        refused(&|new| (new.starts_at, new.ends_at) = (Some(Time(10)), Some(Time(10)))),
        "/ends_at"
    );
}

fn new_discount(text: &str, code: &str) -> NewDiscount {
    NewDiscount {
        code: code.into(),
        rule: rule(text),
        starts_at: None,
        ends_at: None,
        uses_max: 0,
    }
}

/// What a command answers, or why it was refused.
fn tried<T: Send + 'static>(fixture: &Fixture, act: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static) -> Result<T> {
    fixture.db.write_blocking(LaneKey::of(fixture.shop), act)
}

struct Counter {
    fixture: Fixture,
    mug: ProductId,
}

impl Counter {
    fn open() -> Self {
        let fixture = Fixture::new();
        let shop = fixture.shop;
        let mug = fixture.write(move |tx| {
            let new = NewProduct {
                title: "Ebb mug".into(),
                slug: None,
                description: String::new(),
                kind: Kind::Physical,
                tax_category: TaxCategory::Standard,
                image: String::new(),
                state: ProductState::Active,
                variants: vec![NewVariant {
                    price: Some(Money::new(3000, EUR)),
                    ..NewVariant::default()
                }],
            };
            let id = tx.id();
            let Create::Created(product, _) = catalog::create(tx, (shop, EUR), id, &new)? else {
                panic!("not created")
            };
            Ok(product.id)
        });
        Self { fixture, mug }
    }

    fn make(&self, new: NewDiscount) -> Discount {
        let shop = self.fixture.shop;
        match self
            .fixture
            .write(move |tx| create(tx, (shop, EUR), tx.id(), &new, None))
        {
            Change::Done(discount) => *discount,
            other => panic!("{other:?}"),
        }
    }

    fn turn_into(&self, before: &Discount, new: NewDiscount, state: DiscountState) -> Result<Change> {
        let (shop, id, version) = (self.fixture.shop, before.id, before.version);
        tried(&self.fixture, move |tx| {
            change(tx, (shop, EUR), id, version, (&new, state), None)
        })
    }

    fn offered(&self, units: u32, code: &str) -> Result<Vec<(String, i64)>> {
        let shop = self.fixture.shop;
        let lines = [Line {
            product: self.mug,
            quantity: units,
            minor: 3000 * i64::from(units),
        }];
        let wish = Wish::Now(Some(code.to_owned()));
        let taken = tried(&self.fixture, move |tx| offered(tx, shop, EUR, &lines, &wish))?;
        Ok(taken
            .into_iter()
            .map(|off| (off.discount.name, off.minor.iter().sum()))
            .collect())
    }

    fn claim(&self, checkout: CheckoutId, discounts: &[&Discount], email: &str) -> Result<()> {
        let shop = self.fixture.shop;
        let quoted: Vec<Quoted> = discounts.iter().map(|one| one.quoted()).collect();
        let email = email.to_owned();
        tried(&self.fixture, move |tx| {
            let who = Who {
                email: Some(&email),
                phone: None,
                browser: None,
            };
            claim(tx, shop, checkout, &quoted, &who)
        })
    }

    fn checkout(&self) -> CheckoutId {
        self.fixture.write(|tx| Ok(tx.id()))
    }

    fn used(&self, discount: &Discount) -> i64 {
        let (shop, id) = (self.fixture.shop, discount.id);
        self.fixture.write(move |tx| find(tx, shop, id)).unwrap().used
    }

    fn adds_up(&self) {
        let broken = self.fixture.write(check);
        assert!(broken.is_empty(), "{broken:?}");
    }
}

fn code(refused: Result<impl std::fmt::Debug>) -> &'static str {
    refused.unwrap_err().code
}

#[test]
fn a_code_that_was_typed_is_answered_in_one_order() {
    let counter = Counter::open();
    counter.make(new_discount("10%", ""));
    counter.make(new_discount("10.00", "together"));
    counter.make(new_discount("5% alone", "WORSE"));
    counter.make(new_discount("50% alone", "BETTER"));
    counter.make(new_discount("10.00 from 100.00", "LATER"));
    counter.make(new_discount("buy 2 get 1", "THREE"));
    let two = |off: &[(&str, i64)]| {
        Ok(off
            .iter()
            .map(|(name, off)| ((*name).to_owned(), *off))
            .collect::<Vec<_>>())
    };
    let told = |units: u32, typed: &str| counter.offered(units, typed).map_err(|error| error.code);
    assert_eq!(told(1, ""), two(&[("10%", 300)]));
    assert_eq!(told(1, "Together"), two(&[("10%", 300), ("10.00", 1000)]));
    assert_eq!(told(1, "BETTER"), two(&[("50% alone", 1500)]));
    assert_eq!(told(1, "WORSE"), Err("code_gives_less"));
    assert_eq!(told(1, "LATER"), Err("code_minimum"));
    assert_eq!(told(1, "THREE"), Err("code_not_for_these"));
    assert_eq!(told(3, "THREE"), two(&[("buy 2 get 1", 3000), ("10%", 600)]));
    for unknown in ["NOBODY", "x", "ümlaut", "TOGETHER2"] {
        assert_eq!(told(1, unknown), Err("code_unknown"), "{unknown}");
    }
    // Not begun is not known; over is over; used up is used up.
    let now = counter.fixture.write(|tx| Ok(tx.now()));
    let hour = crate::kernel::Seconds::minutes(60);
    counter.make(NewDiscount {
        starts_at: Some(now.plus(hour)),
        ..new_discount("10.00", "SOON")
    });
    counter.make(NewDiscount {
        ends_at: Some(now.plus(hour)),
        ..new_discount("10.00", "SHORT")
    });
    assert_eq!(told(1, "SOON"), Err("code_unknown"));
    assert_eq!(told(1, "SHORT").map(|off| off.len()), Ok(2));
    counter.fixture.pass(61);
    assert_eq!(told(1, "SOON").map(|off| off.len()), Ok(2));
    assert_eq!(told(1, "SHORT"), Err("code_ended"));
    let once = counter.make(NewDiscount {
        uses_max: 1,
        ..new_discount("10.00", "ONCE")
    });
    counter.claim(counter.checkout(), &[&once], "ada@example.com").unwrap();
    assert_eq!(told(1, "ONCE"), Err("code_used_up"));
    counter.adds_up();
}

#[test]
fn x4_a_limit_is_counted_once_a_checkout_and_given_back_once() {
    let counter = Counter::open();
    let twice = counter.make(NewDiscount {
        uses_max: 2,
        ..new_discount("10%", "TWICE")
    });
    let (one, other, third) = (counter.checkout(), counter.checkout(), counter.checkout());
    counter.claim(one, &[&twice], "ada@example.com").unwrap();
    assert_eq!(code(counter.claim(one, &[&twice], "ada@example.com")), "id_reused");
    counter.claim(other, &[&twice], "ada@example.com").unwrap();
    assert_eq!(code(counter.claim(third, &[&twice], "ada@example.com")), "code_used_up");
    assert_eq!(counter.used(&twice), 2, "what was refused is not counted");
    for _ in 0..2 {
        counter.fixture.write(move |tx| let_go(tx, one));
        assert_eq!(counter.used(&twice), 1, "twice is once");
    }
    counter.claim(third, &[&twice], "ada@example.com").unwrap();
    // Money turns up for the one that had run out: somebody else has it.
    let quoted = vec![twice.quoted()];
    let again_quoted = quoted.clone();
    assert!(!counter.fixture.write(move |tx| again(tx, one, &again_quoted)));
    counter.fixture.write(move |tx| let_go(tx, third));
    assert!(counter.fixture.write(move |tx| again(tx, one, &quoted)));
    assert_eq!(counter.used(&twice), 2);
    counter.adds_up();
}

#[test]
fn x4_a_buyer_is_the_same_however_they_write_their_mailbox() {
    let counter = Counter::open();
    let mut each = new_discount("10%", "ONCEEACH");
    each.rule.per_buyer = 1;
    let each = counter.make(each);
    let first = counter.checkout();
    counter.claim(first, &[&each], "ada.love@gmail.com").unwrap();
    for same in ["ADA.LOVE@gmail.com", "adalove@googlemail.com", "ada.love+2@gmail.com"] {
        assert_eq!(
            code(counter.claim(counter.checkout(), &[&each], same)),
            "code_used_by_you",
            "{same}"
        );
    }
    let second = counter.checkout();
    counter.claim(second, &[&each], "grace@example.com").unwrap();
    // Whoever says later who they are is counted then.
    let quoted = vec![each.quoted()];
    let them = |email: &'static str| {
        let quoted = quoted.clone();
        tried(&counter.fixture, move |tx| {
            let who = Who {
                email: Some(email),
                phone: None,
                browser: None,
            };
            identify(tx, second, &quoted, &who)
        })
    };
    assert_eq!(code(them("adalove@gmail.com")), "code_used_by_you");
    them("hopper@example.com").unwrap();
    counter
        .claim(counter.checkout(), &[&each], "grace@example.com")
        .unwrap();
    counter.fixture.write(move |tx| let_go(tx, first));
    counter
        .claim(counter.checkout(), &[&each], "ada.love@gmail.com")
        .unwrap();
    counter.adds_up();
}

#[test]
fn what_was_quoted_is_honoured_by_the_rule_it_was_quoted_with() {
    let counter = Counter::open();
    let before = counter.make(new_discount("10%", "CHANGES"));
    let Change::Done(after) = counter
        .turn_into(&before, new_discount("50%", "CHANGES"), DiscountState::Ended)
        .unwrap()
    else {
        panic!("not changed")
    };
    assert_eq!(after.version, 2);
    let lines = [line("A 1 30.00")];
    let taken = |discount: &Discount| {
        let quoted = vec![discount.quoted()];
        counter.fixture.write(move |tx| promised(tx, &quoted, &lines, EUR))[0].minor[0]
    };
    assert_eq!((taken(&before), taken(&after)), (300, 1500));
    let stale = counter
        .turn_into(&before, new_discount("20%", "CHANGES"), DiscountState::Active)
        .unwrap();
    assert_eq!(stale, Change::Stale(2));
    counter.make(new_discount("1%", "OTHER"));
    let taken = counter
        .turn_into(&after, new_discount("1%", "other"), DiscountState::Active)
        .unwrap();
    assert_eq!(taken, Change::CodeTaken);
}

#[test]
fn a_limit_that_comes_later_counts_what_was_had_before_it() {
    let counter = Counter::open();
    let free = counter.make(new_discount("10%", "MANY"));
    for _ in 0..3 {
        counter.claim(counter.checkout(), &[&free], "ada@example.com").unwrap();
    }
    assert_eq!(counter.used(&free), 0, "nobody counts where there is no limit");
    let limited = |most: u32| NewDiscount {
        uses_max: most,
        ..new_discount("10%", "MANY")
    };
    let low = counter.turn_into(&free, limited(2), DiscountState::Active);
    assert_eq!(code(low), "invalid_field");
    let Change::Done(four) = counter.turn_into(&free, limited(4), DiscountState::Active).unwrap() else {
        panic!("not changed")
    };
    assert_eq!(four.used, 3);
    counter.claim(counter.checkout(), &[&four], "ada@example.com").unwrap();
    assert_eq!(
        code(counter.claim(counter.checkout(), &[&four], "ada@example.com")),
        "code_used_up"
    );
    counter.adds_up();
}

#[test]
fn t1_a_neighbours_code_is_unknown_here() {
    let counter = Counter::open();
    counter.make(new_discount("10%", "OURS"));
    let neighbour = counter.fixture.neighbour;
    let theirs = tried(&counter.fixture, move |tx| code_of(tx, neighbour, "OURS"));
    assert_eq!(code(theirs), "code_unknown");
}

fn letter(number: u32) -> char {
    char::from_u32(u32::from('A') + number).unwrap()
}
