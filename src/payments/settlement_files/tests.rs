//! Settlement files as tables: what a report says, what is no report, which of ours a line is about, and who bears a fee that turns out different.
//!
//! The files under tests/golden/settlement are written by hand from the pages that the translators name. No outside peer, and neither Stripe nor Adyen,
//! has verified them.

use super::import::translate;
use super::model::{Amount, Line, Ours, Pick, Report, pick};
use super::read::decimal;
use super::work::{look, step, work};
use super::*;
use crate::app::App;
use crate::db::Tx;
use crate::fixture::Fixture;
use crate::kernel::{
    Answer, Ask, CaptureId, CheckoutId, Currency, DisputeFee, DisputeStage, DisputeTold, Id, Mail, MailError, Mailer,
    Money, PartyId, Processor, Result, ShopId, Time,
};
use crate::ledger::{self, AccountKey, AccountKind};
use crate::payments::disputes;
use crate::payments::model::Attempt;
use crate::payments::sandbox::{Books, Faults, Notices, Sandbox};
use crate::payments::{
    self, AllocatedLeg, AllocatedPart, Allocation, CaptureBegin, FeeBearer, OpenIntent, Operation, Part, Purpose,
    Start, Terms, capture_begin, capture_plan, open_and_start,
};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use uuid::Uuid;

const STRIPE: &str = include_str!("../../../tests/golden/settlement/stripe.csv");
const ADYEN: &str = include_str!("../../../tests/golden/settlement/adyen.csv");
const EUR: Currency = Currency::EUR;

fn read(text: &str) -> Result<Report> {
    translate(text.as_bytes())
}

/// A line in one row: number, kind, payment, operation, sold, net, kept.
fn told(line: &Line) -> String {
    let money = |amount: Amount| Money::from(amount).to_string();
    let fee = Money::new(line.fee_minor, line.net.currency);
    format!(
        "{} {} {} {} | {} | {} | {fee}",
        line.number,
        line.kind.word(),
        line.payment,
        line.operation,
        money(line.sold),
        money(line.net)
    )
}

#[test]
fn p23_stripes_report_is_read_as_its_pages_describe_it() {
    let report = read(STRIPE).unwrap();
    assert_eq!(
        (report.format, report.batches),
        (Format::Stripe, vec!["po_1".to_owned(), "po_2".into()])
    );
    let lines: Vec<String> = report.lines.iter().map(told).collect();
    assert_eq!(
        lines,
        [
            "2 charge pi_1  | 34.90 EUR | 34.13 EUR | 0.77 EUR",
            "3 refund pi_1 re_1 | -10.00 EUR | -10.00 EUR | 0.00 EUR",
            "5 dispute pi_2 dp_1 | -34.90 EUR | -49.90 EUR | 15.00 EUR",
            "6 dispute_won pi_2 dp_1 | 34.90 EUR | 34.90 EUR | 0.00 EUR",
            "7 fee   | -1.20 EUR | -1.20 EUR | 0.00 EUR",
            "8 charge pi_3  | 34.90 EUR | 38.80 USD | 1.20 USD",
            "9 charge pi_4  | 5000 JPY | 4820 JPY | 180 JPY",
            "10 other   | 5.00 EUR | 5.00 EUR | 0.00 EUR",
        ]
    );
    assert_eq!(report.lines[0].name, "txn_1");
    assert_eq!(report.lines[0].at.unwrap().to_string(), "2026-11-20T10:12:00.000Z");
    // 1.20 of 40.00 dollars, of 34.90 euros: 1.047.
    assert_eq!(report.lines[5].fee_as_sold(), Some(105));
    // The same of money that goes back, and of one that was given back to us.
    let dollars = report.lines[5].net.currency;
    let back = |fee_minor: i64| {
        let net = Amount {
            minor: -4000 - fee_minor,
            currency: dollars,
        };
        let line = Line {
            net,
            fee_minor,
            ..charge(-3490, 0)
        };
        line.fee_as_sold()
    };
    assert_eq!((back(120), back(0), back(-120)), (Some(105), Some(0), Some(-105)));
}

#[test]
fn p23_adyens_report_is_read_as_its_page_describes_it() {
    let report = read(ADYEN).unwrap();
    assert_eq!((report.format, report.batches), (Format::Adyen, vec!["134".to_owned()]));
    let lines: Vec<String> = report.lines.iter().map(told).collect();
    assert_eq!(
        lines,
        [
            "2 charge PSPPAYMENT000001 PSPCAPTURE000001 | 34.90 EUR | 34.40 EUR | 0.50 EUR",
            "3 charge PSPPAYMENT000002 PSPCAPTURE000002 | 50.00 EUR | 54.25 USD | 0.75 USD",
            "4 refund PSPPAYMENT000001 PSPREFUND0000001 | -10.00 EUR | -10.05 EUR | 0.05 EUR",
            "5 dispute PSPPAYMENT000003 PSPDISPUTE000001 | -20.00 EUR | -27.50 EUR | 7.50 EUR",
            "6 fee  Transaction Fees November 2026 | -1.40 EUR | -1.40 EUR | 0.00 EUR",
            "7 fee  Transaction Fees November 2026 | -1.40 EUR | -1.40 EUR | 0.00 EUR",
            "8 carried  From batch 133 | 16.95 EUR | 16.95 EUR | 0.00 EUR",
            "9 payout  TX1, batch 134, TidalKilnShop | -11.00 EUR | -11.00 EUR | 0.00 EUR",
            "10 payout  TX2, batch 134, TidalKilnShop | -54.25 USD | -54.25 USD | 0.00 USD",
        ]
    );
    // Two equal entries are two; exported in another order they are the same two.
    let mut rows: Vec<&str> = ADYEN.lines().skip(1).collect();
    rows.reverse();
    let turned = format!("{}\n{}\n", ADYEN.lines().next().unwrap(), rows.join("\n"));
    let names = |text: &str| {
        let mut names: Vec<String> = read(text).unwrap().lines.into_iter().map(|line| line.name).collect();
        names.sort();
        names
    };
    assert_eq!(names(ADYEN), names(&turned));
    let distinct: std::collections::BTreeSet<String> = names(ADYEN).into_iter().collect();
    assert_eq!(distinct.len(), 9);
}

#[test]
fn p23_a_file_that_is_not_whole_is_refused_with_the_line_that_shows_it() {
    let without = |text: &str, line: usize| {
        let kept = text.lines().enumerate().filter(|(index, _)| index + 1 != line);
        kept.map(|(_, text)| format!("{text}\n")).collect::<String>()
    };
    let broken = "settlement_file_broken";
    let rows: Vec<(String, &str, &str)> = vec![
        (String::new(), broken, "empty"),
        (STRIPE[..STRIPE.len() - 1].into(), broken, "Line 10: it has no end"),
        (STRIPE[..STRIPE.len() - 40].into(), broken, "Line 10: it has no end"),
        (format!("{}\n", &STRIPE[..STRIPE.len() - 40]), broken, "Line 10: it has"),
        (
            STRIPE.replace("34.13,charge", "34.14,charge"),
            broken,
            "Line 2: its gross less its fee",
        ),
        (STRIPE.replace("34.90,0.77", "34.9x,0.77"), broken, "Line 2: “34.9x”"),
        (
            STRIPE.replace("5000,180,4820", "5000,180.5,4819.5"),
            broken,
            "Line 9: “180.5”",
        ),
        (STRIPE.replace(",usd,40.00", ",usx,40.00"), broken, "Line 8: “USX”"),
        (
            STRIPE.replace("txn_2", "txn_1"),
            broken,
            "Line 3: the movement txn_1 stands there twice",
        ),
        (
            STRIPE.replace(",payment_intent_id", ",payment"),
            "settlement_file_columns",
            "payment_intent_id",
        ),
        (
            STRIPE.replace("currency,gross", "fee,gross"),
            broken,
            "Line 1: the column “fee” stands there twice",
        ),
        (STRIPE.replace("a mug\"", "a mug"), broken, "quotation mark"),
        (STRIPE.replace("txn_2", "txn\0_2"), broken, "Line 3: it has bytes"),
        (
            format!("{}\n", STRIPE.lines().next().unwrap()),
            "settlement_file_empty",
            "no line",
        ),
        ("a,b\n1,2\n".into(), "settlement_file_unknown", "neither"),
        // The payout is missing, then an entry, then somebody changed an amount.
        (
            without(ADYEN, 10),
            broken,
            "Line 9: the lines of batch 134 in USD do not come to nothing",
        ),
        (without(ADYEN, 4), broken, "batch 134 in EUR do not come to nothing"),
        (
            ADYEN.replace("34.40", "34.41"),
            broken,
            "batch 134 in EUR do not come to nothing",
        ),
        (
            ADYEN.replace(",Batch Number", ",Batch"),
            "settlement_file_columns",
            "Batch Number",
        ),
    ];
    for (text, code, words) in rows {
        let error = read(&text).unwrap_err();
        assert_eq!(error.code, code, "{}", error.detail);
        assert!(error.detail.contains(words), "{} should say {words}", error.detail);
    }
    let many = format!(
        "{}\n{}",
        STRIPE.lines().next().unwrap(),
        "po,,txn,,,eur,1.00,0.00,1.00,charge,,,,,,\n".repeat(usize::try_from(LINES_MAX).unwrap() + 1)
    );
    assert_eq!(read(&many).unwrap_err().code, "settlement_file_too_large");
}

#[test]
fn p23_p21_amounts_are_read_exactly_or_not_at_all() {
    let rows = [
        ("12.50", 2, Some(1250)),
        ("-12.5", 2, Some(-1250)),
        ("+3", 2, Some(300)),
        ("0.0000", 2, Some(0)),
        ("100.00", 0, Some(100)),
        ("100.50", 0, None),
        ("1.234", 3, Some(1234)),
        ("1.2345", 3, None),
        ("1,50", 2, None),
        ("1 000", 2, None),
        (".5", 2, None),
        ("5.", 2, None),
        ("--5", 2, None),
        ("1e3", 2, None),
        ("9007199254740993.00", 2, None),
        ("99999999999999999999", 2, None),
    ];
    for (text, decimals, units) in rows {
        assert_eq!(decimal(text, decimals), units, "{text}");
    }
}

fn charge(minor: i64, fee: i64) -> Line {
    Line {
        number: 2,
        name: "txn".into(),
        kind: LineKind::Charge,
        word: "charge".into(),
        payment: "pi".into(),
        operation: String::new(),
        names_operation: false,
        sold: Amount { minor, currency: EUR },
        net: Amount {
            minor: minor - fee,
            currency: EUR,
        },
        fee_minor: fee,
        at: None,
    }
}

#[test]
fn p23_which_of_ours_a_line_is_about_is_one_table() {
    let ours = |n: u128, name: &str, minor: i64, is_taken: bool| Ours {
        id: Uuid::from_u128(n),
        checkout: CheckoutId::from_uuid(Uuid::from_u128(1)),
        name: name.into(),
        minor,
        currency: EUR,
        fee_minor: 77,
        told_minor: 0,
        is_taken,
    };
    let named = |line: Line, operation: &str| Line {
        operation: operation.into(),
        names_operation: true,
        ..line
    };
    let dollars: Currency = "USD".parse().unwrap();
    let in_dollars = Line {
        sold: Amount {
            minor: 3490,
            currency: dollars,
        },
        net: Amount {
            minor: 3400,
            currency: dollars,
        },
        ..charge(3490, 90)
    };
    let no_rate = Line {
        net: Amount {
            minor: -90,
            currency: dollars,
        },
        ..charge(3490, 90)
    };
    let one = |n| vec![ours(n, "", 3490, false)];
    let free = |n| {
        let ours = ours(n, "", 3490, false);
        vec![Ours { fee_minor: 0, ..ours }]
    };
    let two = vec![ours(1, "a", 3490, false), ours(2, "b", 3490, false)];
    type Row = (&'static str, Line, Vec<Ours>, Option<(u128, Trouble)>, bool);
    let rows: Vec<Row> = vec![
        ("nothing", charge(3490, 77), vec![], None, false),
        ("as expected", charge(3490, 77), one(1), Some((1, Trouble::None)), false),
        (
            "a little off",
            charge(3490, 127),
            one(1),
            Some((1, Trouble::None)),
            false,
        ),
        (
            "a fiftieth off",
            charge(3490, 77 + 69),
            one(1),
            Some((1, Trouble::None)),
            false,
        ),
        (
            "more off",
            charge(3490, 77 + 70),
            one(1),
            Some((1, Trouble::Fee)),
            false,
        ),
        ("below zero", charge(3490, -1), one(1), Some((1, Trouble::Fee)), false),
        (
            "a dispute costs",
            Line {
                kind: LineKind::Dispute,
                ..charge(3490, 1500)
            },
            free(1),
            Some((1, Trouble::None)),
            false,
        ),
        (
            "another amount",
            charge(3000, 77),
            one(1),
            Some((1, Trouble::Amount)),
            false,
        ),
        (
            "another currency",
            in_dollars,
            one(1),
            Some((1, Trouble::Currency)),
            false,
        ),
        ("no rate", no_rate, one(1), Some((1, Trouble::Currency)), false),
        (
            "named before",
            charge(3490, 77),
            vec![ours(1, "", 3490, true)],
            None,
            true,
        ),
        (
            "the second of two",
            charge(3490, 77),
            vec![ours(1, "", 3490, true), ours(2, "", 3490, false)],
            Some((2, Trouble::None)),
            false,
        ),
        (
            "by name",
            named(charge(3490, 77), "b"),
            two.clone(),
            Some((2, Trouble::None)),
            false,
        ),
        ("by another name", named(charge(3490, 77), "c"), two, None, false),
        (
            "not named to us",
            named(charge(3490, 77), "c"),
            one(1),
            Some((1, Trouble::None)),
            false,
        ),
        (
            "by its amount",
            charge(1000, 40),
            vec![ours(1, "", 3490, false), ours(2, "", 1000, false)],
            Some((2, Trouble::None)),
            false,
        ),
    ];
    for (name, line, all, expected, taken) in rows {
        let found = match pick(&line, &all) {
            Pick::One(ours, trouble) => (Some((ours.id.as_u128(), trouble)), false),
            Pick::Taken => (None, true),
            Pick::Nothing => (None, false),
        };
        assert_eq!(found, (expected, taken), "{name}");
    }
}

fn party(n: u128) -> AccountKey {
    AccountKey::party(AccountKind::PartyPayable, PartyId::from_uuid(Uuid::from_u128(n)))
}

fn allocation(shares: &[i64]) -> Allocation {
    let legs = (1..).zip(shares).map(|(n, minor)| AllocatedLeg {
        account: party(n),
        purpose: Purpose::Share,
        minor: *minor,
    });
    Allocation {
        lines: vec![AllocatedPart {
            quantity: 1,
            legs: legs.collect(),
        }],
        delivery: None,
        processor_fee: FeeBearer::Everyone,
    }
}

proptest! {
    #[test]
    fn p23_a_true_fee_is_borne_as_if_it_had_been_known(
        shares in proptest::collection::vec(1i64..5000, 1..6), before in 0i64..500, after in 0i64..500,
    ) {
        let split = allocation(&shares);
        let captured = split.capture(&[], &[(Part::Line(0), 1)]).unwrap();
        let sums = |legs: Vec<ledger::Leg>| {
            let mut sums: BTreeMap<AccountKey, i64> = BTreeMap::new();
            for leg in legs {
                *sums.entry(leg.debit).or_default() += leg.minor;
                *sums.entry(leg.credit).or_default() -= leg.minor;
            }
            sums.retain(|_, minor| *minor != 0);
            sums
        };
        let mut both = split.fee_legs(&captured, before);
        both.extend(split.fee_change(&captured, before, after));
        prop_assert_eq!(sums(both), sums(split.fee_legs(&captured, after)));
    }
}

proptest! {
    #[test]
    fn p23_whatever_comes_is_read_or_refused_and_never_stumbled_over(
        bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..2000, with in any::<char>(), adyen in any::<bool>(), cut in any::<bool>(),
    ) {
        let _ = translate(&bytes);
        let text = if adyen { ADYEN } else { STRIPE };
        let at = at % text.len();
        let end = if cut { text.len() } else { at + 1 };
        let edited = format!("{}{with}{}", &text[..at], &text[end..]);
        if let Err(error) = translate(edited.as_bytes()) {
            prop_assert!(error.code.starts_with("settlement_file_"), "{}", error.code);
        } else if adyen && !cut {
            // What is read of an edited file comes to nothing in every batch, as before.
            let report = translate(edited.as_bytes()).unwrap();
            let euros = report.lines.iter().filter(|line| line.net.currency == EUR);
            prop_assert!(report.batches.len() > 1 || euros.map(|line| line.net.minor).sum::<i64>() == 0);
        }
    }
}

// The job ------------------------------------------------------------------------------------------------------------------------

struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _: &Mail) -> Result<(), MailError> {
        Ok(())
    }
}

/// Another processor; it writes its reports in the sandbox's way.
struct Second;

impl Processor for Second {
    fn name(&self) -> &'static str {
        "second"
    }

    fn ask<'a>(&'a self, _: &'a Ask) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(std::future::ready(Answer::NotSent {
            detail: "This one only writes reports.".into(),
        }))
    }
}

fn program(fixture: &Fixture) -> App {
    let (sandbox, _) = Sandbox::new(
        Books::default(),
        Faults::default(),
        Notices::Challenges,
        fixture.clock(),
        "http://shop.test".into(),
    );
    let sandbox: Arc<dyn Processor> = Arc::new(sandbox);
    fixture.app(vec![sandbox, Arc::new(Second)], Arc::new(NoMail))
}

/// The job and the import are asynchronous; the rest of these sheets is not.
fn wait<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(story)
}

/// A sale of 33.33 that was taken; its payment is called `pi_` and a number.
fn sale(tx: &mut Tx<'_>, shop: ShopId, number: u32) -> Result<Attempt> {
    let (attempt, capture) = sending(tx, shop, number)?;
    taken(tx, &attempt, capture, number)?;
    Ok(attempt)
}

/// Its capture is sent, and nothing was heard of it yet.
fn sending(tx: &mut Tx<'_>, shop: ShopId, number: u32) -> Result<(Attempt, CaptureId)> {
    let checkout: CheckoutId = tx.id();
    let amount = Money::new(3333, EUR);
    let wish = OpenIntent {
        shop,
        checkout,
        amount,
        allocation: allocation(&[2000, 1333]),
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
    let promised = Answer::Authorized {
        payment: format!("pi_{number}"),
        reference: attempt.reference(),
        amount,
        capture_before: None,
        once: false,
        card: None,
    };
    payments::record(tx, attempt.id, Operation::Authorize, &promised)?;
    let plan = capture_plan(tx, checkout.intent(), &[(Part::Line(0), 1)], true)?;
    let shipment = tx.id();
    let CaptureBegin::Sending(capture) = capture_begin(tx, checkout.intent(), shipment, &plan)? else {
        panic!("a promise is taken")
    };
    Ok((attempt, capture.id))
}

fn taken(tx: &mut Tx<'_>, attempt: &Attempt, capture: CaptureId, number: u32) -> Result<()> {
    let taken = Answer::Captured {
        payment: format!("pi_{number}"),
        reference: attempt.reference(),
        operation: format!("key_{number}"),
        amount: Money::new(3333, EUR),
        fee: Money::new(75, EUR),
    };
    payments::record(tx, attempt.id, Operation::Capture(capture), &taken).map(drop)
}

/// The column names, and rows of charges in Stripe's way.
fn report(rows: &[String]) -> Vec<u8> {
    let head = STRIPE.lines().next().unwrap();
    format!("{head}\n{}", rows.concat()).into_bytes()
}

fn row(number: u32, gross: &str, fee: &str, net: &str, at: &str) -> String {
    format!("po_1,,txn_{number},{at},,eur,{gross},{fee},{net},charge,ch,,{gross},eur,ch,pi_{number}\n")
}

fn new(bytes: Vec<u8>) -> NewFile {
    NewFile {
        processor: "sandbox".into(),
        name: "November.csv".into(),
        bytes,
        staff: None,
    }
}

fn balances(fixture: &Fixture) -> BTreeMap<(AccountKey, &'static str), i64> {
    let shop = fixture.shop;
    let all = fixture.write(move |tx| ledger::balances(tx, shop)).into_iter();
    all.map(|balance| ((balance.key, balance.money.currency.code()), balance.money.minor))
        .filter(|(_, minor)| *minor != 0)
        .collect()
}

#[test]
fn p23_a_job_killed_in_any_step_goes_on_and_books_each_line_once() {
    for fixture in Fixture::engines() {
        let app = program(&fixture);
        let shop = fixture.shop;
        for number in 1..=20 {
            fixture.write(move |tx| sale(tx, shop, number));
        }
        let now = "2026-11-23 10:00:00";
        let rows: Vec<String> = (1..=20)
            .map(|number| row(number, "33.33", "0.91", "32.42", now))
            .collect();
        let Import::Taken(id) = wait(import(&app, shop, new(report(&rows)))).unwrap() else {
            panic!("a new file is taken")
        };
        // Every step is made, lost with its transaction, and made again.
        for _ in 0..20 {
            let lost = app.db.write_blocking(crate::db::LaneKey::of(shop), move |tx| {
                step(tx, id)?;
                Err::<(), _>(crate::kernel::Error::internal("the power is gone"))
            });
            assert!(lost.is_err());
            if !fixture.write(move |tx| step(tx, id)) {
                break;
            }
        }
        let file = fixture.write(move |tx| file(tx, shop, id)).unwrap();
        assert_eq!(
            (
                file.state,
                file.lines,
                file.worked,
                file.matched,
                file.excepted,
                file.again
            ),
            (FileState::Done, 20, 20, 20, 0, 0)
        );
        assert_eq!(wait(work(&app)).unwrap(), 0, "nothing is due");
        // 20 sales; each bore 0.91 instead of 0.75, the two creators 0.55 and 0.36 of it.
        let expected = BTreeMap::from([
            (
                (AccountKey::of(AccountKind::ProcessorClearing), "EUR"),
                -20 * (3333 - 91),
            ),
            ((party(1), "EUR"), 20 * (2000 - 55)),
            ((party(2), "EUR"), 20 * (1333 - 36)),
        ]);
        assert_eq!(balances(&fixture), expected);
        // The same lines in another order and under another name are nothing new.
        let turned: Vec<String> = rows.iter().rev().cloned().collect();
        let Import::Taken(second) = wait(import(&app, shop, new(report(&turned)))).unwrap() else {
            panic!("these are other bytes")
        };
        wait(work(&app)).unwrap();
        let again = fixture.write(move |tx| super::file(tx, shop, second)).unwrap();
        assert_eq!(
            (again.state, again.worked, again.again, again.matched),
            (FileState::Done, 20, 20, 0)
        );
        assert_eq!(balances(&fixture), expected);
        // And the same bytes are not even read twice.
        let repeated = wait(import(&app, shop, new(report(&rows)))).unwrap();
        assert!(matches!(repeated, Import::Again(known) if known == id));
    }
}

#[test]
fn p23_what_was_not_received_whole_is_thrown_away_and_can_be_sent_again() {
    let fixture = Fixture::new();
    if std::env::var("HAWKER_TEST_ENGINE").is_ok() {
        return; // The clock there is the server's.
    }
    let app = program(&fixture);
    let shop = fixture.shop;
    let bytes = report(&[row(1, "33.33", "0.91", "32.42", "2026-11-23 10:00:00")]);
    let Import::Taken(id) = wait(import(&app, shop, new(bytes.clone()))).unwrap() else {
        panic!("a new file is taken")
    };
    // As a crash leaves it: the parts are not all there, and nobody handed it over.
    fixture.write(move |tx| store::as_a_crash_leaves_it(tx, id));
    let busy = wait(import(&app, shop, new(bytes.clone()))).unwrap_err();
    assert_eq!(busy.code, "settlement_file_arriving");
    wait(work(&app)).unwrap();
    assert!(
        fixture.write(move |tx| file(tx, shop, id)).is_some(),
        "perhaps it is still arriving"
    );
    fixture.pass(3);
    wait(work(&app)).unwrap();
    assert_eq!(fixture.write(move |tx| file(tx, shop, id)), None);
    assert!(matches!(
        wait(import(&app, shop, new(bytes))).unwrap(),
        Import::Taken(_)
    ));
}

#[test]
fn p23_what_no_file_names_is_missing_until_it_comes() {
    let fixture = Fixture::new();
    if std::env::var("HAWKER_TEST_ENGINE").is_ok() {
        return; // The clock there is the server's.
    }
    let app = program(&fixture);
    let shop = fixture.shop;
    for number in 1..=3 {
        fixture.write(move |tx| sale(tx, shop, number));
    }
    // The first two were in the file of that day; the third was not, and ten days later it still is not.
    let at = "2026-11-23 09:00:00";
    let first = [
        row(1, "33.33", "0.75", "32.58", at),
        row(2, "33.33", "0.75", "32.58", at),
    ];
    wait(import(&app, shop, new(report(&first)))).unwrap();
    wait(work(&app)).unwrap();
    let waiting = |fixture: &Fixture| fixture.write(move |tx| open(tx, shop, None, 50)).data;
    assert_eq!(waiting(&fixture), vec![], "it may be in the next");
    fixture.pass(60 * 24 * 10);
    fixture.write(move |tx| sale(tx, shop, 4));
    let second = [row(4, "33.33", "0.75", "32.58", "2026-12-03 10:00:00")];
    let Import::Taken(id) = wait(import(&app, shop, new(report(&second)))).unwrap() else {
        panic!("a new file is taken")
    };
    wait(work(&app)).unwrap();
    assert_eq!(fixture.write(move |tx| file(tx, shop, id)).unwrap().missing, 1);
    let open_now = waiting(&fixture);
    let told: Vec<_> = open_now
        .iter()
        .map(|line| (line.trouble, line.ours_minor, line.payment.as_str()))
        .collect();
    assert_eq!(told, [(Trouble::Missing, 3333, "pi_3")]);
    // Then it comes after all.
    let third = [row(3, "33.33", "0.75", "32.58", "2026-12-04 10:00:00")];
    wait(import(&app, shop, new(report(&third)))).unwrap();
    wait(work(&app)).unwrap();
    assert_eq!(waiting(&fixture), vec![]);
    let missing = open_now[0].id;
    let line = fixture.write(move |tx| line(tx, shop, missing)).unwrap();
    assert_eq!(line.state, LineState::Resolved);
    let late = fixture.write(move |tx| decide(tx, shop, missing, Decision::Accept, "too late", None));
    assert_eq!(late, Decide::NotOpen(LineState::Resolved));
}

/// A dispute of the whole of a sale, and what was charged for it: movement, amount, currency.
fn disputed(attempt: &Attempt, stage: DisputeStage, fees: &[(&str, i64, &str)]) -> DisputeTold {
    let fee = |(name, minor, currency): &(&str, i64, &str)| DisputeFee {
        name: (*name).to_owned(),
        amount: Money::new(*minor, currency.parse().unwrap()).into(),
    };
    DisputeTold {
        name: "dp_1".into(),
        round: 1,
        reference: attempt.reference(),
        stage,
        amount: Money::new(3333, EUR),
        reason: "fraudulent".into(),
        detail: String::new(),
        due_by: (stage == DisputeStage::NeedsResponse).then_some(Time(i64::MAX / 4)),
        fees: fees.iter().map(fee).collect(),
    }
}

/// What the processor's account stands at, in each currency.
fn clearing(fixture: &Fixture) -> BTreeMap<&'static str, i64> {
    let of_it = |((key, currency), minor): ((AccountKey, &'static str), i64)| {
        (key == AccountKey::of(AccountKind::ProcessorClearing)).then_some((currency, minor))
    };
    balances(fixture).into_iter().filter_map(of_it).collect()
}

#[test]
fn p23_l7_the_fee_of_a_dispute_is_booked_once_whoever_tells_it_first() {
    let told = [("txn_d", 1500, "USD")];
    let line = "po_1,,txn_d,2026-11-23 10:00:00,,usd,-40.00,15.00,-55.00,dispute,dp_1,,33.33,eur,ch,pi_1\n".to_owned();
    // Told with the dispute, before its file; after the file, which found no dispute; the dispute first and its fee last.
    for order in ["notice, file", "file, notice", "dispute, file, fee"] {
        for fixture in Fixture::engines() {
            let app = program(&fixture);
            let shop = fixture.shop;
            let attempt = fixture.write(move |tx| sale(tx, shop, 1));
            let hear = |fees: &[(&str, i64, &str)]| {
                let (attempt, told) = (attempt.clone(), disputed(&attempt, DisputeStage::NeedsResponse, fees));
                fixture.write(move |tx| disputes::record(tx, &attempt, &told))
            };
            match order {
                "notice, file" => drop(hear(&told)),
                "file, notice" => {}
                _ => drop(hear(&[])),
            }
            wait(import(&app, shop, new(report(std::slice::from_ref(&line))))).unwrap();
            wait(work(&app)).unwrap();
            // Said again every day until the dispute is over.
            hear(&told);
            hear(&told);
            let open_now = fixture.write(move |tx| open(tx, shop, None, 50)).data;
            assert_eq!(
                open_now.len(),
                usize::from(order == "file, notice"),
                "{order}: {open_now:?}"
            );
            for line in open_now {
                assert_eq!(line.trouble, Trouble::Extra);
                let decided =
                    fixture.write(move |tx| decide(tx, shop, line.id, Decision::Accept, "It came since.", None));
                assert!(
                    matches!(&decided, Decide::Decided(line) if line.state == LineState::Matched),
                    "{decided:?}"
                );
            }
            // Of euros the sale is held, less what it cost; 55 dollars left, and no more.
            assert_eq!(
                clearing(&fixture),
                BTreeMap::from([("EUR", -(3333 - 75)), ("USD", 5500)]),
                "{order}"
            );
        }
    }
}

#[test]
fn p23_the_fee_of_a_dispute_that_was_won_comes_back_once() {
    for fixture in Fixture::engines() {
        let app = program(&fixture);
        let shop = fixture.shop;
        let attempt = fixture.write(move |tx| sale(tx, shop, 1));
        let before = balances(&fixture);
        let fees = [("txn_d", 1500, "EUR"), ("txn_w", -1500, "EUR")];
        for (stage, count) in [(DisputeStage::NeedsResponse, 1), (DisputeStage::Won, 2)] {
            let (attempt, told) = (attempt.clone(), disputed(&attempt, stage, &fees[..count]));
            fixture.write(move |tx| disputes::record(tx, &attempt, &told));
        }
        let lines = [
            "po_1,,txn_d,2026-11-23 10:00:00,,eur,-33.33,15.00,-48.33,dispute,dp_1,,33.33,eur,ch,pi_1\n".to_owned(),
            "po_1,,txn_w,2026-11-23 10:00:00,,eur,33.33,-15.00,48.33,dispute_reversal,dp_1,,33.33,eur,ch,pi_1\n"
                .to_owned(),
        ];
        let Import::Taken(id) = wait(import(&app, shop, new(report(&lines)))).unwrap() else {
            panic!("a new file is taken")
        };
        wait(work(&app)).unwrap();
        let file = fixture.write(move |tx| file(tx, shop, id)).unwrap();
        assert_eq!((file.matched, file.excepted), (2, 0));
        assert_eq!(balances(&fixture), before);
    }
}

/// A charge came before we knew that it had been taken; days later a file came without it. Both questions, and the shop's books.
fn late(fixture: &Fixture, fee: &str, net: &str) -> (SettlementLine, SettlementLine) {
    let app = program(fixture);
    let shop = fixture.shop;
    let (attempt, capture) = fixture.write(move |tx| sending(tx, shop, 1));
    let early = [row(1, "33.33", fee, net, "2026-11-23 09:00:00")];
    wait(import(&app, shop, new(report(&early)))).unwrap();
    wait(work(&app)).unwrap();
    fixture.write(move |tx| taken(tx, &attempt, capture, 1));
    fixture.pass(60 * 24 * 10);
    fixture.write(move |tx| sale(tx, shop, 4).map(drop));
    let second = [row(4, "33.33", "0.75", "32.58", "2026-12-03 10:00:00")];
    wait(import(&app, shop, new(report(&second)))).unwrap();
    wait(work(&app)).unwrap();
    let found = fixture.write(move |tx| open(tx, shop, None, 50)).data;
    let of = |trouble| found.iter().find(|line| line.trouble == trouble).unwrap().clone();
    assert_eq!(found.len(), 2, "{found:?}");
    (of(Trouble::Extra), of(Trouble::Missing))
}

fn say(fixture: &Fixture, line: &SettlementLine, decision: Decision) -> Decide {
    let (shop, id) = (fixture.shop, line.id);
    fixture.write(move |tx| decide(tx, shop, id, decision, "We looked at both.", None))
}

#[test]
fn p23_what_came_early_and_went_missing_is_booked_once_in_either_order() {
    if std::env::var("HAWKER_TEST_ENGINE").is_ok() {
        return; // The clock there is the server's.
    }
    // Accepted as it came: it is settled, and nothing is missing any more.
    let fixture = Fixture::new();
    let (extra, missing) = late(&fixture, "0.91", "32.42");
    let decided = say(&fixture, &extra, Decision::Accept);
    assert!(
        matches!(&decided, Decide::Decided(line) if line.state == LineState::Matched),
        "{decided:?}"
    );
    let settled = -(3333 - 91) - (3333 - 75);
    assert_eq!(clearing(&fixture), BTreeMap::from([("EUR", settled)]));
    let late_word = say(&fixture, &missing, Decision::Accept);
    assert_eq!(late_word, Decide::NotOpen(LineState::Resolved));
    assert_eq!(clearing(&fixture), BTreeMap::from([("EUR", settled)]));
    // Written off first: then what came is a difference, whole.
    let fixture = Fixture::new();
    let (extra, missing) = late(&fixture, "0.91", "32.42");
    say(&fixture, &missing, Decision::Accept);
    assert_eq!(clearing(&fixture), BTreeMap::from([("EUR", -(3333 - 75))]));
    let decided = say(&fixture, &extra, Decision::Accept);
    assert!(
        matches!(&decided, Decide::Decided(line) if line.state == LineState::Accepted),
        "{decided:?}"
    );
    assert_eq!(clearing(&fixture), BTreeMap::from([("EUR", settled)]));
}

#[test]
fn p23_what_is_known_by_now_and_does_not_agree_is_another_question() {
    if std::env::var("HAWKER_TEST_ENGINE").is_ok() {
        return; // The clock there is the server's.
    }
    let fixture = Fixture::new();
    let (extra, missing) = late(&fixture, "9.99", "23.34");
    let before = clearing(&fixture);
    let Decide::Decided(asked) = say(&fixture, &extra, Decision::Accept) else {
        panic!("it is asked again")
    };
    assert_eq!(
        (asked.state, asked.trouble, asked.ours_fee_minor, asked.reason.as_str()),
        (LineState::Open, Trouble::Fee, 75, "")
    );
    assert_eq!(clearing(&fixture), before);
    assert_eq!(
        say(&fixture, &missing, Decision::Leave),
        Decide::NotOpen(LineState::Resolved)
    );
    say(&fixture, &extra, Decision::Accept);
    let settled = -(3333 - 999) - (3333 - 75);
    assert_eq!(clearing(&fixture), BTreeMap::from([("EUR", settled)]));
}

#[test]
fn p23_what_was_named_in_the_moment_it_was_found_missing_is_not_written_off() {
    if std::env::var("HAWKER_TEST_ENGINE").is_ok() {
        return; // The clock there is the server's.
    }
    let fixture = Fixture::new();
    let (extra, missing) = late(&fixture, "0.75", "32.58");
    say(&fixture, &extra, Decision::Accept);
    let settled = clearing(&fixture);
    // As two who write at once leave it on PostgreSQL.
    let id = missing.id;
    fixture.write(move |tx| store::as_a_race_leaves_it(tx, id));
    for decision in [Decision::Leave, Decision::Accept] {
        assert_eq!(say(&fixture, &missing, decision), Decide::NotOpen(LineState::Resolved));
        assert_eq!(clearing(&fixture), settled);
    }
}

#[test]
fn p23_what_is_missing_is_looked_for_in_windows_of_all_shops_captures() {
    let fixture = Fixture::new();
    if std::env::var("HAWKER_TEST_ENGINE").is_ok() {
        return; // The clock there is the server's.
    }
    let app = program(&fixture);
    let (shop, neighbour) = (fixture.shop, fixture.neighbour);
    let at = "2026-11-23 09:00:00";
    wait(import(&app, shop, new(report(&[row(9, "33.33", "0.75", "32.58", at)])))).unwrap();
    wait(work(&app)).unwrap();
    for number in 1..=9 {
        let seller = if number % 4 == 0 { shop } else { neighbour };
        fixture.write(move |tx| sale(tx, seller, number).map(drop));
        fixture.pass(1); // Ids are in the order of their time.
    }
    fixture.pass(60 * 24 * 10);
    fixture.write(move |tx| sale(tx, shop, 10).map(drop));
    let later = [row(10, "33.33", "0.75", "32.58", "2026-12-03 10:00:00")];
    let Import::Taken(id) = wait(import(&app, shop, new(report(&later)))).unwrap() else {
        panic!("a new file is taken")
    };
    let read = |fixture: &Fixture| fixture.write(move |tx| file(tx, shop, id)).unwrap();
    while read(&fixture).state != FileState::Looking {
        fixture.write(move |tx| step(tx, id));
    }
    // Nine captures of both shops are three windows of at most four; then nothing is left.
    let mut missing = Vec::new();
    while read(&fixture).state != FileState::Done {
        let seen = read(&fixture);
        fixture.write(move |tx| look(tx, &seen, 4));
        missing.push(read(&fixture).missing);
        assert!(missing.len() < 9, "it comes to an end: {missing:?}");
    }
    assert_eq!(missing, [1, 2, 2, 2]);
    let found = fixture.write(move |tx| open(tx, shop, None, 50)).data;
    let told: std::collections::BTreeSet<_> = (found.iter())
        .filter(|line| line.trouble == Trouble::Missing)
        .map(|line| line.payment.as_str())
        .collect();
    assert_eq!(told, ["pi_4", "pi_8"].into());
}

#[test]
fn p23_what_is_being_thrown_away_is_not_received_any_more() {
    for fixture in Fixture::engines() {
        let app = program(&fixture);
        let shop = fixture.shop;
        let rows: Vec<String> = (1..=900)
            .map(|number| format!("po_1,,txn_{number},2026-11-23 10:00:00,,eur,-0.01,0.00,-0.01,fee,,,,,,\n"))
            .collect();
        let Import::Taken(id) = wait(import(&app, shop, new(report(&rows)))).unwrap() else {
            panic!("a new file is taken")
        };
        fixture.write(move |tx| store::as_a_crash_leaves_it(tx, id));
        // Of 113 parts a hundred are thrown away when its sender is back, and would hand it over.
        assert!(fixture.write(move |tx| step(tx, id)), "not all in one step");
        let until = Time(i64::MAX / 4);
        assert!(!fixture.write(move |tx| store::arrives(tx, id, until)));
        assert!(!fixture.write(move |tx| store::received(tx, id)));
        assert!(!fixture.write(move |tx| step(tx, id)));
        assert_eq!(fixture.write(move |tx| file(tx, shop, id)), None);
        // What was received in time is not thrown away.
        let Import::Taken(id) = wait(import(&app, shop, new(report(&rows)))).unwrap() else {
            panic!("a new file is taken")
        };
        assert!(
            fixture.write(move |tx| store::throw_away(tx, id)),
            "there is nothing to do"
        );
        wait(work(&app)).unwrap();
        let file = fixture.write(move |tx| file(tx, shop, id)).unwrap();
        assert_eq!((file.state, file.booked), (FileState::Done, 900));
    }
}

#[test]
fn p23_a_file_sent_as_another_processors_books_nothing_twice() {
    for fixture in Fixture::engines() {
        let app = program(&fixture);
        let shop = fixture.shop;
        let rows = [
            "po_1,,txn_f,2026-11-23 10:00:00,,eur,-1.20,0.00,-1.20,fee,,Radar,,,,\n".to_owned(),
            "po_1,,txn_p,2026-11-23 10:00:00,,eur,-20.00,0.00,-20.00,payout,po_1,,,,,\n".to_owned(),
        ];
        let wrong = NewFile {
            processor: "second".into(),
            ..new(report(&rows))
        };
        wait(import(&app, shop, wrong)).unwrap();
        wait(work(&app)).unwrap();
        let booked = balances(&fixture);
        wait(import(&app, shop, new(report(&rows)))).unwrap();
        wait(work(&app)).unwrap();
        assert_eq!(balances(&fixture), booked);
        let found = fixture.write(move |tx| open(tx, shop, None, 50)).data;
        let troubles: Vec<Trouble> = found.iter().map(|line| line.trouble).collect();
        assert_eq!(troubles, [Trouble::Duplicate, Trouble::Duplicate]);
        // What the sandbox does not write is not its own.
        let adyens = wait(import(&app, shop, new(ADYEN.into()))).unwrap_err();
        assert_eq!(adyens.code, "settlement_file_of_another", "{}", adyens.detail);
    }
}

#[test]
fn p23_the_same_file_sent_twice_at_once_is_taken_once() {
    for fixture in Fixture::engines() {
        let app = program(&fixture);
        let shop = fixture.shop;
        let bytes = report(&[row(1, "33.33", "0.91", "32.42", "2026-11-23 10:00:00")]);
        let send = || import(&app, shop, new(bytes.clone()));
        let both = wait(async { tokio::join!(send(), send(), send(), send()) });
        let mut taken = Vec::new();
        let mut known = Vec::new();
        for answer in [both.0, both.1, both.2, both.3] {
            match answer {
                Ok(Import::Taken(id)) => taken.push(id),
                Ok(Import::Again(id)) => known.push(id),
                Err(error) => assert_eq!(error.code, "settlement_file_arriving", "{}", error.detail),
            }
        }
        assert_eq!(taken.len(), 1);
        assert!(
            known.iter().all(|id| *id == taken[0]),
            "who hears of a file finds it: {known:?} {taken:?}"
        );
    }
}
