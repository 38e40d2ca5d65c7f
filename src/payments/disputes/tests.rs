//! Disputes: the table of states, all orders of notices, exact shares, and the words of Stripe.

use super::model::{ClosedBy as By, DisputeState as S, step};
use super::*;
use crate::db::Tx;
use crate::fixture::Fixture;
use crate::kernel::{
    About, AdjustmentId, Answer, Ask, CheckoutId, Currency, DisputeAnswer, DisputeAsk, DisputeFee, DisputeStage as T,
    DisputeTold, Heard, Id, Mail, MailError, Mailer, Money, MoneyOut, OrderId, PartyId, Processor, Rate, Result,
    ShopId, Time,
};
use crate::ledger::{self, AccountKey, AccountKind};
use crate::payments::processors::{Stripe, StripeSettings, sign};
use crate::payments::{
    self, AllocatedLeg, AllocatedPart, Allocation, Attempt, CaptureBegin, FeeBearer, OpenIntent, Operation, Part,
    Purpose, RefundBegin, RefundOf, Start, Terms, capture_begin, capture_plan, open_and_start, refund_begin,
    refund_plan,
};
use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;

const EUR: Currency = Currency::EUR;
const STAGES: [T; 6] = [T::Inquiry, T::NeedsResponse, T::TimeUp, T::UnderReview, T::Won, T::Lost];

/// A state, and who said that it is over; nothing before the first notice, or where nothing changes.
type Stands = Option<(S, By)>;

#[test]
fn what_follows_from_what_is_one_table() {
    let none = None;
    let rows: [(Stands, [Stands; 6]); 8] = {
        let inquiry = Some((S::Inquiry, By::Nobody));
        let needs = Some((S::NeedsResponse, By::Nobody));
        let up = Some((S::Lost, By::Time));
        let review = Some((S::UnderReview, By::Nobody));
        let won = Some((S::Won, By::Processor));
        let lost = Some((S::Lost, By::Processor));
        [
            // From, and what it becomes on: inquiry, needs response, time up, under review, won, lost.
            (none, [inquiry, needs, up, review, won, lost]),
            (inquiry, [none, needs, up, review, won, lost]),
            (Some((S::Won, By::Time)), [none, needs, up, review, won, lost]),
            (needs, [none, none, up, review, won, lost]),
            (up, [none, none, none, review, won, lost]),
            (review, [none, none, none, none, won, lost]),
            (won, [none; 6]),
            (lost, [none; 6]),
        ]
    };
    for (from, becomes) in rows {
        for (told, expected) in STAGES.into_iter().zip(becomes) {
            assert_eq!(step(from, told), expected, "{from:?} and {told:?}");
        }
    }
    assert!(
        STAGES
            .iter()
            .all(|told| step(Some((S::Lost, By::Staff)), *told).is_none())
    );
}

fn creator(n: u128) -> AccountKey {
    AccountKey::party(AccountKind::PartyPayable, PartyId::from_uuid(uuid::Uuid::from_u128(n)))
}

fn allocation() -> Allocation {
    let leg = |account, purpose, minor| AllocatedLeg {
        account,
        purpose,
        minor,
    };
    let line = |legs| AllocatedPart { quantity: 1, legs };
    Allocation {
        lines: vec![
            line(vec![
                leg(creator(1), Purpose::Share, 1331),
                leg(creator(2), Purpose::Share, 968),
                leg(AccountKey::of(AccountKind::TaxPayable), Purpose::Tax, 479),
            ]),
            line(vec![
                leg(creator(2), Purpose::Share, 3),
                leg(creator(1), Purpose::Share, 552),
            ]),
        ],
        delivery: None,
        processor_fee: FeeBearer::Everyone,
    }
}

const TOTAL: i64 = 3333;

/// A sale that was taken whole, at the sandbox.
fn paid(tx: &mut Tx<'_>, shop: ShopId) -> Result<Attempt> {
    let checkout: CheckoutId = tx.id();
    let wish = OpenIntent {
        shop,
        checkout,
        amount: Money::new(TOTAL, EUR),
        allocation: allocation(),
    };
    let by = payments::By {
        processor: "sandbox",
        method: "card",
        token: "tok_visa",
        terms: Terms::NONE,
    };
    let Start::Sending(attempt) = open_and_start(tx, &wish, by)? else {
        panic!("a new payment starts")
    };
    let amount = Money::new(TOTAL, EUR);
    let promised = Answer::Authorized {
        payment: format!("pi_{checkout}"),
        reference: attempt.reference(),
        amount,
        capture_before: None,
        once: false,
        card: None,
    };
    payments::record(tx, attempt.id, Operation::Authorize, &promised)?;
    let intent = checkout.intent();
    let plan = capture_plan(tx, intent, &[(Part::Line(0), 1), (Part::Line(1), 1)], true)?;
    let shipment = tx.id();
    let CaptureBegin::Sending(capture) = capture_begin(tx, intent, shipment, &plan)? else {
        panic!("a promise is taken")
    };
    let taken = Answer::Captured {
        payment: format!("pi_{checkout}"),
        reference: attempt.reference(),
        operation: "op".into(),
        amount,
        fee: Money::new(75, EUR),
    };
    payments::record(tx, attempt.id, Operation::Capture(capture.id), &taken)?;
    Ok(capture.attempt)
}

fn told(attempt: &Attempt, round: u32, stage: T, minor: i64) -> DisputeTold {
    let fee = DisputeFee {
        name: format!("txn_{round}"),
        amount: MoneyOut {
            amount: 1500,
            currency: EUR,
        },
    };
    DisputeTold {
        name: format!("dp_{}", attempt.checkout),
        round,
        reference: attempt.reference(),
        stage,
        amount: Money::new(minor, EUR),
        reason: "fraudulent".into(),
        detail: "10.4".into(),
        due_by: (stage == T::NeedsResponse).then_some(Time(i64::MAX / 4)),
        fees: if stage == T::Inquiry { Vec::new() } else { vec![fee] },
    }
}

/// What every account stands at because of one order.
fn accounts(tx: &mut Tx<'_>, shop: ShopId, order: OrderId) -> Result<BTreeMap<AccountKey, i64>> {
    let mut sums = BTreeMap::new();
    for transfer in ledger::transfers_of_order(tx, shop, order)? {
        for leg in transfer.legs {
            *sums.entry(leg.credit.key).or_insert(0) += leg.minor;
            *sums.entry(leg.debit.key).or_insert(0) -= leg.minor;
        }
    }
    sums.retain(|_, minor| *minor != 0);
    Ok(sums)
}

/// A round as it ends: its number, state, who closed it, amount and last date.
type Round = (u32, S, By, i64, Option<Time>);
/// All rounds, all accounts, and what the payment counts: disputed, open disputes, refundable.
type Ends = (Vec<Round>, BTreeMap<AccountKey, i64>, (i64, u32, i64));

/// Where a payment ends that heard all of this in this order.
fn ends(fixture: &Fixture, heard: &[(u32, T)]) -> Ends {
    let (shop, heard) = (fixture.shop, heard.to_vec());
    fixture.write(move |tx| {
        let attempt = paid(tx, shop)?;
        for (round, stage) in &heard {
            record(tx, &attempt, &told(&attempt, *round, *stage, 2000))?;
            assert_eq!(check(tx)?, Vec::<String>::new(), "after {stage:?} of {heard:?}");
        }
        let rows = of_payment(tx, attempt.intent)?;
        let rounds = rows
            .iter()
            .map(|row| (row.round, row.state, row.closed_by, row.amount.minor, row.due_by));
        let mut rounds: Vec<_> = rounds.collect();
        rounds.sort_by_key(|(round, ..)| *round);
        let intent = payments::intent(tx, attempt.intent)?.unwrap();
        let counted = (intent.disputed_minor, intent.disputes_open, intent.refundable_minor());
        Ok((rounds, accounts(tx, shop, attempt.checkout.order())?, counted))
    })
}

fn permutations<X: Clone>(all: &[X]) -> Vec<Vec<X>> {
    if all.is_empty() {
        return vec![Vec::new()];
    }
    let mut found = Vec::new();
    for at in 0..all.len() {
        let mut rest = all.to_vec();
        let first = rest.remove(at);
        for mut other in permutations(&rest) {
            other.insert(0, first.clone());
            found.push(other);
        }
    }
    found
}

#[test]
fn l11_every_order_of_a_disputes_notices_with_duplicates_ends_in_one_state() {
    let stories: [&[(u32, T)]; 6] = [
        &[(1, T::Inquiry), (1, T::NeedsResponse), (1, T::UnderReview), (1, T::Won)],
        &[(1, T::NeedsResponse), (1, T::UnderReview), (1, T::Lost)],
        &[(1, T::NeedsResponse), (1, T::UnderReview), (1, T::TimeUp)],
        &[(1, T::Inquiry), (1, T::NeedsResponse), (1, T::TimeUp)],
        &[(1, T::Inquiry), (1, T::Won)],
        &[(1, T::NeedsResponse), (1, T::Won), (2, T::TimeUp), (2, T::Lost)],
    ];
    for fixture in Fixture::engines() {
        for story in stories {
            let expected = ends(&fixture, story);
            for order in permutations(story) {
                assert_eq!(ends(&fixture, &order), expected, "{order:?}");
                let late = [order.clone(), order.iter().rev().copied().collect()].concat();
                assert_eq!(ends(&fixture, &late), expected, "and all of it again: {late:?}");
            }
        }
    }
}

#[test]
fn l9_the_money_is_taken_as_the_sale_was_split_and_comes_back_exactly() {
    for fixture in Fixture::engines() {
        let before = ends(&fixture, &[]).1;
        let fee = |minor: i64| minor; // 15.00 over 13.31 + 5.52 and 9.68 + 0.03: in proportion to the shares.
        let (first, second) = (fee(989), fee(511));
        // Won: everybody has what they had, but for the fee.
        let won = ends(&fixture, &[(1, T::NeedsResponse), (1, T::Won)]);
        let difference = |account| before[&account] - won.1.get(&account).copied().unwrap_or(0);
        assert_eq!(
            difference(creator(1)) + difference(creator(2)),
            1500,
            "only the fee is gone"
        );
        assert!((difference(creator(1)) - first).abs() <= 1 && (difference(creator(2)) - second).abs() <= 1);
        assert_eq!(difference(AccountKey::of(AccountKind::TaxPayable)), 0);
        assert_eq!(won.2, (0, 0, TOTAL));
        // Lost: 20.00 of 33.33 from everybody.
        let lost = ends(&fixture, &[(1, T::NeedsResponse), (1, T::Lost)]);
        assert_eq!(lost.2, (2000, 0, TOTAL - 2000));
        let clearing = AccountKey::of(AccountKind::ProcessorClearing);
        assert_eq!(lost.1[&clearing], before[&clearing] + 2000 + 1500);
        assert!(!lost.1.contains_key(&AccountKey::of(AccountKind::DisputeLosses)));
        // An inquiry moves nothing.
        let asked = ends(&fixture, &[(1, T::Inquiry)]);
        assert_eq!((asked.1, asked.2), (before, (0, 0, TOTAL)));
    }
}

#[test]
fn l10_nothing_is_refunded_while_a_bank_has_the_money_and_only_the_rest_after_it_is_lost() {
    for fixture in Fixture::engines() {
        let shop = fixture.shop;
        let attempt = fixture.write(move |tx| {
            let attempt = paid(tx, shop)?;
            record(tx, &attempt, &told(&attempt, 1, T::Inquiry, 2000))?;
            refund_plan(tx, attempt.intent, &RefundOf::Amount(100))?; // An inquiry may be ended by a refund.
            record(tx, &attempt, &told(&attempt, 1, T::NeedsResponse, 2000))?;
            Ok(attempt)
        });
        let intent = attempt.intent;
        for of in [RefundOf::Rest, RefundOf::Amount(1)] {
            assert_eq!(fixture.refused(move |tx| refund_plan(tx, intent, &of)), "dispute_open");
        }
        let lost = told(&attempt, 1, T::Lost, 2000);
        fixture.write(move |tx| record(tx, &attempt, &lost));
        assert_eq!(
            fixture.refused(move |tx| refund_plan(tx, intent, &RefundOf::Amount(1334))),
            "exceeds_captured"
        );
        let gone = fixture.write(move |tx| {
            let plan = refund_plan(tx, intent, &RefundOf::Rest)?;
            assert_eq!(plan.amount.minor, TOTAL - 2000);
            let adjustment: AdjustmentId = tx.id();
            let RefundBegin::Sending(refund) = refund_begin(tx, intent, adjustment, &plan)? else {
                panic!("the rest can be given back")
            };
            let given = Answer::Refunded {
                payment: refund.attempt.payment.clone(),
                reference: refund.attempt.reference(),
                operation: "re".into(),
                amount: refund.amount,
            };
            payments::record(tx, refund.attempt.id, Operation::Refund(refund.id), &given)?;
            assert_eq!(check(tx)?, Vec::<String>::new());
            accounts(tx, shop, refund.attempt.checkout.order())
        });
        // Every share has gone back exactly; what is left are the fees of the capture and of the dispute.
        assert_eq!(gone.get(&AccountKey::of(AccountKind::TaxPayable)), None);
        assert_eq!(gone[&creator(1)] + gone[&creator(2)], -1575);
    }
}

#[test]
fn l10_what_had_gone_back_before_is_on_nobodys_share_and_moves_when_the_refund_fails() {
    for fixture in Fixture::engines() {
        let shop = fixture.shop;
        let losses = AccountKey::of(AccountKind::DisputeLosses);
        fixture.write(move |tx| {
            let attempt = paid(tx, shop)?;
            let (intent, order) = (attempt.intent, attempt.checkout.order());
            let plan = refund_plan(tx, intent, &RefundOf::Amount(3000))?;
            let adjustment: AdjustmentId = tx.id();
            let RefundBegin::Sending(refund) = refund_begin(tx, intent, adjustment, &plan)? else {
                panic!("it can be given back")
            };
            let before = accounts(tx, shop, order)?;
            record(tx, &attempt, &told(&attempt, 1, T::NeedsResponse, TOTAL))?;
            assert_eq!(check(tx)?, Vec::<String>::new());
            let row = of_payment(tx, intent)?.remove(0);
            assert_eq!((row.covered_minor, row.excess_minor), (333, 3000), "3.33 was there");
            assert_eq!(accounts(tx, shop, order)?[&losses], -3000);
            assert_eq!(told_twice(tx, shop, 10)?.len(), 1, "a person is told");
            // The refund did not go: the money was there after all.
            let refused = Answer::Refused {
                detail: "charge_disputed".into(),
            };
            payments::record(tx, attempt.id, Operation::Refund(refund.id), &refused)?;
            assert_eq!(check(tx)?, Vec::<String>::new());
            let row = of_payment(tx, intent)?.remove(0);
            assert_eq!((row.covered_minor, row.excess_minor), (TOTAL, 0));
            assert_eq!(accounts(tx, shop, order)?.get(&losses), None);
            // And all of it comes back.
            record(tx, &attempt, &told(&attempt, 1, T::Won, TOTAL))?;
            let after = accounts(tx, shop, order)?;
            let fee: i64 = [creator(1), creator(2)]
                .iter()
                .map(|who| before[who] - after[who])
                .sum();
            assert_eq!(fee, 1500);
            assert_eq!(check(tx)?, Vec::<String>::new());
            Ok(())
        });
    }
}

#[test]
fn a_fee_that_comes_back_comes_back_to_whoever_bore_it() {
    for fixture in Fixture::engines() {
        let shop = fixture.shop;
        fixture.write(move |tx| {
            let attempt = paid(tx, shop)?;
            let order = attempt.checkout.order();
            let before = accounts(tx, shop, order)?;
            record(tx, &attempt, &told(&attempt, 1, T::NeedsResponse, 2000))?;
            let mut won = told(&attempt, 1, T::Won, 2000);
            won.fees.push(DisputeFee {
                name: "txn_back".into(),
                amount: MoneyOut {
                    amount: -1500,
                    currency: EUR,
                },
            });
            record(tx, &attempt, &won)?;
            assert_eq!(accounts(tx, shop, order)?, before);
            assert_eq!(of_payment(tx, attempt.intent)?[0].fee(), vec![Money::zero(EUR)]);
            Ok(())
        });
    }
}

#[test]
fn stripes_dispute_objects_say_what_their_page_says() {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../../../tests/golden/stripe/disputes.json")).unwrap();
    let stripe = Stripe::new(StripeSettings {
        url: "http://127.0.0.1:9".into(),
        api_key: "sk_test_x".into(),
        webhook_secret: "whsec_x".into(),
        fee: (Rate(150), 25),
    })
    .unwrap();
    for entry in golden.as_array().unwrap() {
        let name = entry["name"].as_str().unwrap();
        let body = entry["event"].to_string();
        let header = sign("whsec_x", 1_800_000_000, body.as_bytes());
        let heard = stripe.hear(body.as_bytes(), &header, Time::from_unix_seconds(1_800_000_000));
        let said = match heard {
            Heard::Notices(mut notices) => match notices.remove(0).about {
                About::Dispute(told) => shown(&told),
                other => format!("{other:?}"),
            },
            other => format!("{other:?}"),
        };
        assert_eq!(said, entry["said"].as_str().unwrap(), "{name}");
    }
}

fn shown(told: &DisputeTold) -> String {
    let due = told.due_by.map_or("never".into(), |due| due.to_string());
    let fees: Vec<String> = told
        .fees
        .iter()
        .map(|fee| format!("{} {}", fee.name, Money::from(fee.amount)))
        .collect();
    format!(
        "{} round {} {:?} of {}, {} {:?}, due {due}, fees {fees:?}",
        told.name, told.round, told.stage, told.amount, told.reason, told.detail
    )
}

/// A processor that says always the same of its disputes.
struct Says(DisputeAnswer);

impl Processor for Says {
    fn name(&self) -> &'static str {
        "sandbox"
    }
    fn ask<'a>(&'a self, _: &'a Ask) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        unreachable!("only its disputes are asked about")
    }
    fn dispute<'a>(&'a self, _: &'a DisputeAsk) -> Pin<Box<dyn Future<Output = DisputeAnswer> + Send + 'a>> {
        Box::pin(ready(self.0.clone()))
    }
}

struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _: &Mail) -> Result<(), MailError> {
        Ok(())
    }
}

/// Where a dispute of this stage stands after so many minutes, by a job that hears this of its processor; its date for an answer is after an hour.
fn after(stage: T, minutes: &[i64], says: DisputeAnswer) -> (S, By, i64) {
    let fixture = Fixture::engines().remove(0); // The other engine's time is the server's.
    let shop = fixture.shop;
    let due = fixture.clock().wall().plus(crate::kernel::Seconds(3600));
    let intent = fixture.write(move |tx| {
        let attempt = paid(tx, shop)?;
        let told = DisputeTold {
            due_by: Some(due),
            ..told(&attempt, 1, stage, 2000)
        };
        record(tx, &attempt, &told)?;
        Ok(attempt.intent)
    });
    let app = fixture.app(vec![Arc::new(Says(says))], Arc::new(NoMail));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for span in minutes {
        fixture.pass(*span);
        runtime.block_on(mind(&app)).unwrap();
    }
    fixture.write(move |tx| {
        assert_eq!(check(tx)?, Vec::<String>::new());
        let row = of_payment(tx, intent)?.remove(0);
        let found = payments::intent(tx, intent)?.unwrap();
        Ok((row.state, row.closed_by, found.disputed_minor))
    })
}

#[test]
fn l11_the_clock_closes_what_nobody_answers_and_a_silent_processor_gets_a_day() {
    let silent = || DisputeAnswer::Unknown {
        detail: "timed out".into(),
    };
    let turned_away = || DisputeAnswer::Refused {
        detail: "HTTP 401".into(),
    };
    let (needs, lost) = ((S::NeedsResponse, By::Nobody, 2000), (S::Lost, By::Time, 2000));
    for (stage, minutes, says, expected) in [
        (T::NeedsResponse, vec![50], DisputeAnswer::NotHere, needs),
        (T::NeedsResponse, vec![61], DisputeAnswer::NotHere, lost),
        (T::NeedsResponse, vec![61], silent(), needs),
        (T::NeedsResponse, vec![61], turned_away(), needs),
        (T::NeedsResponse, vec![61, 1440, 1440], silent(), lost),
        (
            T::UnderReview,
            vec![61, 1440 * 200],
            DisputeAnswer::NotHere,
            (S::UnderReview, By::Nobody, 2000),
        ),
        (
            T::Inquiry,
            vec![61, 1440 * 100],
            DisputeAnswer::NotHere,
            (S::Inquiry, By::Nobody, 0),
        ),
        (
            T::Inquiry,
            vec![61, 1440 * 121],
            DisputeAnswer::NotHere,
            (S::Won, By::Time, 0),
        ),
    ] {
        assert_eq!(
            after(stage, &minutes, says.clone()),
            expected,
            "{stage:?} after {minutes:?}, heard {says:?}"
        );
    }
}

/// A bank took money back, and its processor's notice does not say whose: while that cannot be asked, it is not thanked for.
#[test]
fn l11_a_disputes_notice_is_not_thanked_for_while_its_processor_will_not_say_what_it_is_of() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let detail = || "HTTP 401".to_owned();
    for (says, expected) in [
        (Some(DisputeAnswer::Refused { detail: detail() }), (None, 0)),
        (Some(DisputeAnswer::NotFound), (None, 0)),
        (Some(DisputeAnswer::Unknown { detail: detail() }), (None, 0)),
        (None, (Some(true), 2000)), // It says which payment it is.
    ] {
        let fixture = Fixture::engines().remove(0);
        let shop = fixture.shop;
        let attempt = fixture.write(move |tx| paid(tx, shop));
        let whole = told(&attempt, 1, T::NeedsResponse, 2000);
        let nameless = DisputeTold {
            reference: String::new(),
            ..whole.clone()
        };
        let says = says.unwrap_or(DisputeAnswer::Told(Box::new(whole)));
        let app = fixture.app(vec![Arc::new(Says(says.clone()))], Arc::new(NoMail));
        let notice = Some(("evt_1".to_owned(), String::new()));
        let heard = runtime.block_on(hear(&app, "sandbox", nameless, notice));
        let disputed = fixture.write(move |tx| Ok(payments::intent(tx, attempt.intent)?.unwrap().disputed_minor));
        assert_eq!((heard.ok(), disputed), expected, "{says:?}");
    }
}
