//! Routing: which rule fits, who is eligible, how a split falls, when a breaker opens, and that two tries are never open at once.

use super::authorize::{fail_over, open_and_start, record, start};
use super::breaker::{Asked, Breakers, Health};
use super::routing::{Write, current, write};
use super::rules::{
    Best, Candidate, Choice, Plan, Rule, Rules, Sale, SplitShare, Tallies, Tally, Why, checked, choose, lot,
};
use super::store;
use super::taking::Terms;
use super::{AllocatedLeg, AllocatedPart, Allocation, By, FeeBearer, OpenIntent, Operation, Purpose, Start};
use crate::db::LaneKey;
use crate::fixture::Fixture;
use crate::kernel::{
    Answer, AttemptId, Capabilities, CheckoutId, Currency, Decline, Id, Money, MoneyOut, Seconds, ShopId,
};
use crate::ledger::{AccountKey, AccountKind};
use crate::offers::PaymentMethod;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

fn rule(name: &str, choice: Choice) -> Rule {
    Rule {
        name: name.into(),
        currencies: Vec::new(),
        amount_min: None,
        amount_max: None,
        countries: Vec::new(),
        methods: Vec::new(),
        choice,
    }
}

fn order(names: &[&str]) -> Choice {
    Choice::Order(names.iter().map(|name| (*name).to_owned()).collect())
}

fn split(shares: &[(&str, u32)]) -> Choice {
    let share = |(name, percent): &(&str, u32)| SplitShare {
        processor: (*name).to_owned(),
        percent: *percent,
    };
    Choice::Split(shares.iter().map(share).collect())
}

fn money(amount: i64, currency: &str) -> MoneyOut {
    MoneyOut {
        amount,
        currency: currency.parse().unwrap(),
    }
}

fn sale(amount: i64, currency: &str, country: &str) -> Sale {
    Sale {
        checkout: checkout(1),
        amount: Money::new(amount, currency.parse().unwrap()),
        country: country.into(),
        method: PaymentMethod::Card,
        parts: false,
    }
}

fn checkout(n: u128) -> CheckoutId {
    CheckoutId::from_uuid(Uuid::from_u128(n))
}

/// `a` takes everything in parts; `b` few currencies, once; `c` counts the ariary without decimals.
fn candidates() -> Vec<Candidate> {
    let candidate = |name, can| Candidate {
        name,
        can,
        understands: true,
        reached: true,
    };
    let full = Capabilities {
        multicapture: true,
        ..Capabilities::CARD
    };
    let once = Capabilities {
        currencies: &["EUR", "USD"],
        ..Capabilities::CARD
    };
    let coarse = Capabilities {
        exponents: &[("MGA", 0), ("ISK", 2)],
        multicapture: true,
        ..Capabilities::CARD
    };
    let manual = Capabilities {
        method: "manual",
        multicapture: true,
        ..Capabilities::CARD
    };
    vec![
        candidate("a", full),
        candidate("b", once),
        candidate("c", coarse),
        candidate("manual", manual),
    ]
}

fn plan(rules: Vec<Rule>, sale: &Sale) -> Plan {
    choose(&Rules { version: 7, rules }, &candidates(), &Tallies::new(), sale)
}

fn asked(plan: &Plan) -> String {
    plan.asked().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_first_rule_that_fits_a_sale_decides_who_is_asked() {
    let rules = vec![
        Rule {
            countries: vec!["FR".into(), "BE".into()],
            ..rule("French speakers", order(&["c"]))
        },
        Rule {
            amount_min: Some(money(10_000, "EUR")),
            amount_max: Some(money(20_000, "EUR")),
            ..rule("large", order(&["b", "a"]))
        },
        Rule {
            currencies: vec!["USD".parse().unwrap(), "CAD".parse().unwrap()],
            ..rule("dollars", order(&["b"]))
        },
        Rule {
            methods: vec![PaymentMethod::Manual],
            ..rule("by hand", order(&["manual"]))
        },
    ];
    // amount, currency, country -> the rule, who is asked
    let cases = [
        (500, "EUR", "FR", Some("French speakers"), "c"),
        (15_000, "EUR", "FR", Some("French speakers"), "c"),
        (9_999, "EUR", "DE", None, "a b c"),
        (10_000, "EUR", "DE", Some("large"), "b a"),
        (20_000, "EUR", "DE", Some("large"), "b a"),
        (20_001, "EUR", "DE", None, "a b c"),
        (15_000, "USD", "DE", Some("dollars"), "b"),
        // Fits, but `b` does not take it; nobody else is named, so nobody is asked.
        (15_000, "CAD", "DE", Some("dollars"), ""),
        (15_000, "JPY", "DE", None, "a c"),
    ];
    for (amount, currency, country, name, who) in cases {
        let plan = plan(rules.clone(), &sale(amount, currency, country));
        let decided = plan.rule.as_ref().map(|(_, name)| name.as_str());
        assert_eq!(
            (decided, asked(&plan).as_str()),
            (name, who),
            "{amount} {currency} {country}"
        );
        assert_eq!(plan.places.len(), 4, "every processor has its reason: {plan:?}");
    }
}

#[test]
fn where_one_processor_takes_the_method_no_rule_is_asked() {
    let by_hand = Sale {
        method: PaymentMethod::Manual,
        ..sale(500, "EUR", "DE")
    };
    let plan = plan(vec![rule("all", order(&["a"]))], &by_hand);
    assert_eq!(
        (asked(&plan).as_str(), plan.rule.is_none(), plan.chosen),
        ("manual", true, false)
    );
}

#[test]
fn every_processor_has_its_reason() {
    use Why::{
        AmountNotCounted, BelowFloor, CurrencyNotTaken, Eligible, NobodyElse, NotHere, NotInRule, NotReached,
        OtherMethod, TakesOnce,
    };
    let all = || rule("all", order(&["b", "a", "c"]));
    let best = |floor| {
        rule(
            "best",
            Choice::Best(Best {
                processors: vec!["a".into(), "b".into(), "c".into()],
                window_hours: 24,
                floor_percent: floor,
            }),
        )
    };
    let parts = |sale: Sale| Sale { parts: true, ..sale };
    let euro = || sale(4_500, "EUR", "DE");
    // the rule, who is not reached, the sale -> places in order
    type Case = (Rule, &'static [&'static str], Sale, Vec<(&'static str, Why)>);
    let cases: Vec<Case> = vec![
        (
            all(),
            &[],
            euro(),
            vec![
                ("b", Eligible),
                ("a", Eligible),
                ("c", Eligible),
                ("manual", OtherMethod),
            ],
        ),
        (
            all(),
            &[],
            parts(euro()),
            vec![
                ("a", Eligible),
                ("c", Eligible),
                ("b", TakesOnce),
                ("manual", OtherMethod),
            ],
        ),
        (
            rule("only", order(&["b"])),
            &[],
            parts(euro()),
            vec![
                ("b", Eligible),
                ("a", NotInRule),
                ("c", NotInRule),
                ("manual", OtherMethod),
            ],
        ),
        (
            all(),
            &[],
            sale(4_550, "MGA", "MG"),
            vec![
                ("a", Eligible),
                ("b", CurrencyNotTaken),
                ("c", AmountNotCounted),
                ("manual", OtherMethod),
            ],
        ),
        (
            all(),
            &[],
            sale(4_500, "MGA", "MG"),
            vec![
                ("a", Eligible),
                ("c", Eligible),
                ("b", CurrencyNotTaken),
                ("manual", OtherMethod),
            ],
        ),
        (
            all(),
            &["b"],
            euro(),
            vec![
                ("a", Eligible),
                ("c", Eligible),
                ("b", NotReached),
                ("manual", OtherMethod),
            ],
        ),
        (
            all(),
            &["a", "b", "c"],
            euro(),
            vec![
                ("b", NobodyElse),
                ("a", NotReached),
                ("c", NotReached),
                ("manual", OtherMethod),
            ],
        ),
        (
            rule("gone", order(&["z", "a"])),
            &[],
            euro(),
            vec![
                ("a", Eligible),
                ("z", NotHere),
                ("b", NotInRule),
                ("c", NotInRule),
                ("manual", OtherMethod),
            ],
        ),
        // `a` said yes to 60 of 100, `b` to 90; nobody knows enough of `c`.
        (
            best(0),
            &[],
            euro(),
            vec![
                ("c", Eligible),
                ("b", Eligible),
                ("a", Eligible),
                ("manual", OtherMethod),
            ],
        ),
        (
            best(70),
            &[],
            euro(),
            vec![
                ("c", Eligible),
                ("b", Eligible),
                ("a", BelowFloor),
                ("manual", OtherMethod),
            ],
        ),
        (
            best(95),
            &["c"],
            euro(),
            vec![
                ("c", NobodyElse),
                ("b", BelowFloor),
                ("a", BelowFloor),
                ("manual", OtherMethod),
            ],
        ),
    ];
    let tally = |yes, tries| Tally { yes, tries };
    let lately = HashMap::from([
        ("a".to_owned(), tally(60, 100)),
        ("b".to_owned(), tally(90, 100)),
        ("c".to_owned(), tally(0, 19)),
    ]);
    let tallies = Tallies::from([(24, lately)]);
    for (rule, down, sale, expected) in cases {
        let mut candidates = candidates();
        for one in &mut candidates {
            one.reached = !down.contains(&one.name);
        }
        let rules = Rules {
            version: 1,
            rules: vec![rule.clone()],
        };
        let plan = choose(&rules, &candidates, &tallies, &sale);
        let places: Vec<(&str, Why)> = plan
            .places
            .iter()
            .map(|place| (place.processor.as_str(), place.why))
            .collect();
        assert_eq!(places, expected, "{} without {down:?} for {sale:?}", rule.name);
    }
}

#[test]
fn a_card_that_was_typed_in_for_another_vault_is_not_sent_there() {
    let rules = Rules {
        version: 1,
        rules: vec![rule("all", order(&["a", "b", "c"]))],
    };
    let mut all = candidates();
    all[0].understands = false;
    let plan = choose(&rules, &all, &Tallies::new(), &sale(500, "EUR", "DE"));
    assert_eq!(asked(&plan), "b c");
    assert_eq!(
        (plan.places[2].processor.as_str(), plan.places[2].why),
        ("a", Why::OtherVault)
    );
    // With one processor only it is the processor that says so.
    let alone = choose(&Rules::default(), &all[..1], &Tallies::new(), &sale(500, "EUR", "DE"));
    assert_eq!(asked(&alone), "a");
    let codes: std::collections::BTreeSet<&str> = Why::ALL.iter().map(|why| why.code()).collect();
    assert_eq!(codes.len(), Why::ALL.len(), "every reason has a name of its own");
}

#[test]
fn a_split_is_the_same_for_every_try_of_a_checkout_and_even_over_many() {
    let rules = vec![rule("lots", split(&[("a", 70), ("b", 25), ("c", 5)]))];
    let mut firsts: HashMap<String, u32> = HashMap::new();
    for n in 0..10_000 {
        let sale = Sale {
            checkout: checkout(n),
            ..sale(4_500, "EUR", "DE")
        };
        let first = plan(rules.clone(), &sale);
        assert_eq!(
            first,
            plan(rules.clone(), &sale),
            "the same checkout stays where it was"
        );
        *firsts.entry(first.asked().next().unwrap().to_owned()).or_default() += 1;
    }
    for (name, share) in [("a", 7_000u32), ("b", 2_500), ("c", 500)] {
        assert!(firsts[name].abs_diff(share) < 200, "{name} got {}", firsts[name]);
    }
    // Whoever is drawn is first; the others follow by their shares.
    let drawn = |wanted: fn(u32) -> bool| (0..).map(checkout).find(|id| wanted(lot(*id))).unwrap();
    for (checkout, expected) in [
        (drawn(|lot| lot >= 95), "c a b"),
        (drawn(|lot| (70..95).contains(&lot)), "b a c"),
    ] {
        let sale = Sale {
            checkout,
            ..sale(4_500, "EUR", "DE")
        };
        assert_eq!(asked(&plan(rules.clone(), &sale)), expected);
    }
}

#[test]
fn rules_that_cannot_be_are_refused_at_the_field() {
    let known = ["a", "b", "manual"];
    let good = Rule {
        currencies: vec![Currency::EUR],
        amount_min: Some(money(0, "EUR")),
        amount_max: Some(money(0, "EUR")),
        countries: vec!["DE".into()],
        methods: vec![PaymentMethod::Card],
        ..rule(" Good ", split(&[("a", 99), ("b", 1)]))
    };
    let stored = checked(vec![good.clone()], &known).unwrap();
    assert_eq!(stored[0].name, "Good");
    let best = |processors: &[&str], window_hours, floor_percent| {
        Choice::Best(Best {
            processors: processors.iter().map(|name| (*name).to_owned()).collect(),
            window_hours,
            floor_percent,
        })
    };
    let with = |change: fn(&mut Rule)| {
        let mut rule = good.clone();
        change(&mut rule);
        rule
    };
    let cases: Vec<(Rule, &str)> = vec![
        (with(|rule| rule.name = "  ".into()), "name"),
        (with(|rule| rule.name = "x".repeat(101)), "name"),
        (with(|rule| rule.name = "two\nlines".into()), "name"),
        (with(|rule| rule.countries = vec!["de".into()]), "countries"),
        (with(|rule| rule.currencies = vec![Currency::EUR; 301]), "currencies"),
        (with(|rule| rule.amount_min = Some(money(-1, "EUR"))), "amount_min"),
        (with(|rule| rule.amount_min = Some(money(1, "USD"))), "amount_min"),
        (with(|rule| rule.amount_min = Some(money(1, "EUR"))), "amount_max"),
        (
            with(|rule| {
                rule.currencies.clear();
                rule.amount_min = Some(money(0, "USD"));
            }),
            "amount_max",
        ),
        (rule("x", order(&[])), "choice/order"),
        (rule("x", order(&["a", "z"])), "choice/order"),
        (rule("x", order(&["a", "b", "a"])), "choice/order"),
        (rule("x", split(&[("a", 60), ("b", 39)])), "choice/split"),
        (rule("x", split(&[("a", 100), ("b", 0)])), "choice/split"),
        (rule("x", split(&[("a", u32::MAX), ("b", 101)])), "choice/split"),
        (rule("x", best(&[], 24, 50)), "choice/best/processors"),
        (rule("x", best(&["a"], 0, 50)), "choice/best/window_hours"),
        (rule("x", best(&["a"], 721, 50)), "choice/best/window_hours"),
        (rule("x", best(&["a"], 24, 101)), "choice/best/floor_percent"),
    ];
    for (rule, field) in cases {
        let error = checked(vec![good.clone(), rule.clone()], &known).unwrap_err();
        assert_eq!(error.code, "invalid_field");
        assert_eq!(error.fields[0].pointer, format!("/rules/1/{field}"), "{rule:?}");
    }
    assert!(checked(vec![good; 51], &known).is_err());
}

#[test]
fn p19_a_breaker_opens_on_asks_in_vain_and_lets_one_at_a_time_find_out() {
    let breakers = Breakers::default();
    let at = Duration::from_secs;
    let lost = Answer::Unknown {
        detail: "timed out".into(),
    };
    let unsent = Answer::NotSent {
        detail: "refused".into(),
    };
    let no = Answer::Declined {
        payment: String::new(),
        decline: Decline::Soft("do_not_honor"),
    };
    let health = |now| breakers.health("a", Asked::Authorize, at(now));
    let learn = |answer: &Answer, now| breakers.learn("a", Asked::Authorize, answer, at(now));

    // Four in vain are not five; what is older than a minute does not count; a no is somebody who answers.
    for now in 0..4 {
        learn(&lost, now);
        learn(&no, now);
    }
    learn(&unsent, 70);
    assert_eq!(health(70), Health::Closed);
    for now in 71..75 {
        learn(&unsent, now);
    }
    assert_eq!(health(75), Health::Open);
    assert!(!breakers.admit("a", Asked::Authorize, at(75)), "nobody is sent there");
    // Only new promises, and only there.
    assert_eq!(breakers.health("a", Asked::Capture, at(75)), Health::Closed);
    assert_eq!(breakers.health("b", Asked::Authorize, at(75)), Health::Closed);
    // An answer to an ask from before it opened is no recovery.
    learn(&no, 80);
    assert_eq!(health(80), Health::Open);

    assert_eq!(health(104), Health::HalfOpen);
    let admitted = (0..100)
        .filter(|_| breakers.admit("a", Asked::Authorize, at(105)))
        .count();
    assert_eq!(admitted, 1, "one probe at a time");
    learn(&lost, 110);
    assert_eq!(health(139), Health::Open, "in vain: another half minute");
    assert!(breakers.admit("a", Asked::Authorize, at(140)));
    assert!(
        !breakers.admit("a", Asked::Authorize, at(169)),
        "the probe is on its way"
    );
    assert!(
        breakers.admit("a", Asked::Authorize, at(170)),
        "a probe that came to nothing is given on"
    );
    learn(&no, 171);
    assert_eq!(health(171), Health::Closed);
    learn(&lost, 172);
    assert_eq!(health(172), Health::Closed, "it starts afresh");
}

#[test]
fn p19_a_brown_out_of_a_third_opens_the_breaker_and_a_hiccup_does_not() {
    let breakers = Breakers::default();
    let lost = Answer::Unknown { detail: String::new() };
    let yes = Answer::Pending { payment: String::new() };
    for n in 0..200u64 {
        let answer = if n % 20 == 0 { &lost } else { &yes };
        breakers.learn("hiccup", Asked::Authorize, answer, Duration::from_millis(n * 100));
        let answer = if n % 3 == 0 { &lost } else { &yes };
        breakers.learn("brown", Asked::Authorize, answer, Duration::from_millis(n * 100));
    }
    let now = Duration::from_secs(20);
    assert_eq!(breakers.health("hiccup", Asked::Authorize, now), Health::Closed);
    assert_eq!(breakers.health("brown", Asked::Authorize, now), Health::Open);
}

#[test]
fn every_version_of_the_rules_is_kept_and_nobody_overwrites_what_they_have_not_seen() {
    for shop in Fixture::engines() {
        let (id, neighbour) = (shop.shop, shop.neighbour);
        let known: &[&str] = &["a", "b"];
        let put = |seen, names: &[&str]| {
            let rules = vec![rule("all", order(names))];
            shop.write(move |tx| write(tx, id, seen, rules.clone(), known))
        };
        assert_eq!(shop.write(move |tx| current(tx, id)), Rules::default());
        assert!(matches!(put(0, &["a"]), Write::Written(rules) if rules.version == 1));
        assert_eq!(put(0, &["b"]), Write::Stale(1));
        assert!(matches!(put(1, &["b"]), Write::Written(rules) if rules.version == 2));
        let today = shop.write(move |tx| current(tx, id));
        assert_eq!((today.version, today.rules[0].choice.clone()), (2, order(&["b"])));
        assert_eq!(shop.write(move |tx| current(tx, neighbour)), Rules::default());
        let refused = shop.refused(move |tx| write(tx, id, 9, vec![rule("all", order(&["z"]))], known));
        assert_eq!(refused, "invalid_field", "what cannot be is said before what is stale");
    }
}

fn wish(shop: ShopId, checkout: CheckoutId) -> OpenIntent {
    let legs = vec![AllocatedLeg {
        account: AccountKey::of(AccountKind::PlatformRevenue),
        purpose: Purpose::PlatformFee,
        minor: 2_000,
    }];
    OpenIntent {
        shop,
        checkout,
        amount: Money::new(2_000, Currency::EUR),
        allocation: Allocation {
            lines: vec![AllocatedPart { quantity: 1, legs }],
            delivery: None,
            processor_fee: FeeBearer::Shop,
        },
    }
}

const BY: By<'static> = By {
    processor: "a",
    method: "card",
    token: "tok",
    terms: Terms::NONE,
};

fn begun(shop: &Fixture, checkout: CheckoutId) -> AttemptId {
    let wish = wish(shop.shop, checkout);
    match shop.write(move |tx| open_and_start(tx, &wish, BY)) {
        Start::Sending(attempt) => attempt.id,
        other => panic!("a new payment starts: {other:?}"),
    }
}

#[test]
fn p4_p20_the_next_processor_is_asked_after_a_definite_no_and_never_after_unknown() {
    let declined = |decline| Answer::Declined {
        payment: String::new(),
        decline,
    };
    let detail = String::new;
    // what the first one said -> whether the second is asked
    let cases = [
        (declined(Decline::Soft("do_not_honor")), true),
        (declined(Decline::Soft("insufficient_funds")), true),
        (declined(Decline::Soft("incorrect_cvc")), false),
        (declined(Decline::Hard("stolen_card")), false),
        (Answer::Refused { detail: detail() }, true),
        (Answer::NotSent { detail: detail() }, true),
        (Answer::Unknown { detail: detail() }, false),
        (Answer::Pending { payment: detail() }, false),
        (
            Answer::RequiresAction {
                payment: detail(),
                url: "http://bank".into(),
            },
            false,
        ),
        (Answer::NotFound, false), // Too early to mean anything.
        (Answer::Voided { payment: detail() }, false),
    ];
    for shop in Fixture::engines() {
        for (n, (answer, goes_on)) in (100..).zip(&cases) {
            let (checkout, answer) = (checkout(n), answer.clone());
            let first = begun(&shop, checkout);
            let both = plan(vec![rule("two", order(&["a", "b"]))], &sale(2_000, "EUR", "DE"));
            let hard = matches!(
                answer,
                Answer::Declined {
                    decline: Decline::Hard(_),
                    ..
                }
            );
            let said = answer.clone();
            let next = shop.write(move |tx| {
                record(tx, first, Operation::Authorize, &answer)?;
                let next = fail_over(tx, first, &both)?;
                // Said again, nothing more happens: the second try is on its way now, or there is none to be had.
                assert!(fail_over(tx, first, &both)?.is_none());
                Ok(next)
            });
            assert_eq!(
                next.as_ref().map(|next| next.processor.as_str()),
                goes_on.then_some("b"),
                "{said:?}"
            );
            if hard {
                let again =
                    |token: &'static str| shop.write(move |tx| start(tx, checkout.intent(), By { token, ..BY }));
                assert!(matches!(again("tok"), Start::CardRefused), "never again with this card");
                assert!(
                    matches!(again("another"), Start::Sending(_)),
                    "another card is another story"
                );
            }
        }
    }
}

#[test]
fn the_budget_of_a_payment_bounds_failover_too() {
    let shop = Fixture::new();
    let checkout = checkout(500);
    let mut last = begun(&shop, checkout);
    let turns = Plan {
        places: plan(vec![], &sale(2_000, "EUR", "DE")).places,
        ..Plan::default()
    };
    let mut tries = 1;
    loop {
        let plan = turns.clone();
        let next = shop.write(move |tx| {
            let no = Answer::Declined {
                payment: String::new(),
                decline: Decline::Soft("do_not_honor"),
            };
            record(tx, last, Operation::Authorize, &no)?;
            match fail_over(tx, last, &plan)? {
                Some(next) => Ok(Some(next.id)),
                None => Ok(match start(tx, checkout.intent(), BY)? {
                    Start::Sending(next) => Some(next.id),
                    _ => None,
                }),
            }
        });
        let Some(next) = next else { break };
        (last, tries) = (next, tries + 1);
    }
    assert_eq!(tries, super::model::ATTEMPTS_MAX);
}

/// Taps, answers in any order, and failovers race for one payment on every lane there is: after each step at most one try is open (I10).
#[test]
fn i10_two_tries_of_a_payment_are_never_open_at_once() {
    for shop in Fixture::engines() {
        let checkouts: Vec<CheckoutId> = (1_000..1_012).map(checkout).collect();
        for id in &checkouts {
            begun(&shop, *id);
        }
        let both = plan(vec![rule("two", order(&["a", "b", "c"]))], &sale(2_000, "EUR", "DE"));
        let ran = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for thread in 0..6u64 {
                let ran = &ran;
                let (db, checkouts, both) = (shop.db.clone(), checkouts.clone(), both.clone());
                scope.spawn(move || {
                    let mut seed = thread + 1;
                    let mut roll = move |sides: u64| {
                        seed = seed
                            .wrapping_mul(6_364_136_223_846_793_005)
                            .wrapping_add(1_442_695_040_888_963_407);
                        (seed >> 33) % sides
                    };
                    for _ in 0..120 {
                        let id = checkouts[usize::try_from(roll(checkouts.len() as u64)).unwrap()];
                        let (what, which, both) = (roll(7), roll(3), both.clone());
                        let step = db.write_blocking(LaneKey(thread), move |tx| {
                            let intent = id.intent();
                            let all = store::attempts(tx, intent)?;
                            let one = &all[all.len().saturating_sub(1 + usize::try_from(which).unwrap_or(0))];
                            let answer = match what {
                                0 => Answer::Unknown { detail: String::new() },
                                1 => Answer::NotSent { detail: String::new() },
                                2 => Answer::Declined {
                                    payment: String::new(),
                                    decline: Decline::Soft("do_not_honor"),
                                },
                                3 => Answer::Refused { detail: String::new() },
                                _ => Answer::Pending { payment: String::new() },
                            };
                            match what {
                                0..=4 => {
                                    record(tx, one.id, Operation::Authorize, &answer)?;
                                    fail_over(tx, one.id, &both)?;
                                }
                                5 => drop(fail_over(tx, one.id, &both)?),
                                _ => drop(start(tx, intent, BY)?),
                            }
                            let open = store::attempts(tx, intent)?
                                .iter()
                                .filter(|one| one.state.is_open())
                                .count();
                            Ok(open)
                        });
                        // On PostgreSQL a command that lost a race may be told so; then it changed nothing.
                        if let Ok(open) = step {
                            assert!(open <= 1, "{open} tries are open at once");
                            ran.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let mut elsewhere = 0;
        for id in checkouts {
            let all = shop.write(move |tx| store::attempts(tx, id.intent()));
            assert!(all.iter().filter(|one| one.state.is_open()).count() <= 1);
            assert!(all.len() <= super::model::ATTEMPTS_MAX as usize);
            elsewhere += all.iter().filter(|one| one.processor != "a").count();
        }
        let ran = ran.into_inner();
        assert!(
            ran > 600 && elsewhere > 10,
            "{ran} steps, {elsewhere} tries elsewhere: not much of a race"
        );
    }
}

#[test]
fn success_is_counted_over_the_window_and_a_stolen_card_is_nobodys_failure() {
    for shop in Fixture::engines() {
        let id = shop.shop;
        let answers = [
            Answer::NotSent { detail: String::new() },
            Answer::Declined {
                payment: String::new(),
                decline: Decline::Soft("do_not_honor"),
            },
            Answer::Declined {
                payment: String::new(),
                decline: Decline::Hard("stolen_card"),
            },
            Answer::Pending { payment: String::new() },
        ];
        for (n, answer) in (2_000..).zip(answers) {
            let attempt = begun(&shop, checkout(n));
            shop.write(move |tx| record(tx, attempt, Operation::Authorize, &answer));
        }
        let attempt = begun(&shop, checkout(2_100));
        shop.write(move |tx| {
            let yes = Answer::Authorized {
                payment: "p".into(),
                reference: store::attempt(tx, attempt)?.unwrap().reference(),
                amount: Money::new(2_000, Currency::EUR),
                capture_before: None,
                once: false,
                card: None,
            };
            record(tx, attempt, Operation::Authorize, &yes)
        });
        let counted = |hours| shop.write(move |tx| super::routing::tallies(tx, id, hours));
        assert_eq!(counted(1).get("a"), Some(&Tally { yes: 1, tries: 3 }));
        let future = shop.write(move |tx| store::latest_tries(tx, id, tx.now().plus(Seconds(60)), 10));
        assert!(future.is_empty(), "older than the window is not counted");
        let neighbour = shop.neighbour;
        assert!(
            shop.write(move |tx| super::routing::tallies(tx, neighbour, 1))
                .is_empty()
        );
    }
}
