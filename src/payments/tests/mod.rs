//! Payments as account sheets: what was asked, and what came of it. The sandbox's books are the truth they are compared with.

use super::authorize::{open, start};
use super::processors::Manual;
use super::sandbox::{Books, Faults, Notices, Sandbox};
use super::taking::Terms;
use super::*;
use crate::app::{App, Parts, Settings};
use crate::db::{Config, Db, Engine, LaneKey, MAIN, SystemRandom, Tx};
use crate::identity::{CreateShop, NewShop, create_shop};
use crate::kernel::{
    AdjustmentId, Answer, AttemptId, CheckoutId, Clock, Currency, Decline, Id, IntentId, Mail, MailError, Mailer,
    Money, PartyId, Random, Result, ShipmentId, ShopId, Time,
};
use crate::ledger::{self, AccountKey, AccountKind, Leg, Posting};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use uuid::Uuid;

mod notices;

const LANE: LaneKey = LaneKey(0);
const CREATOR: u128 = 0xc0;

/// A clock that is moved by hand.
struct Hand(Mutex<i64>);

const START: i64 = 1_790_000_000_000_000;

impl Clock for Hand {
    fn wall(&self) -> Time {
        Time(START + *self.0.lock().unwrap())
    }
    fn monotonic(&self) -> Duration {
        Duration::from_micros(u64::try_from(*self.0.lock().unwrap()).unwrap())
    }
}

struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _: &Mail) -> Result<(), MailError> {
        Ok(())
    }
}

/// A processor that needs twenty seconds for each answer, and then has none.
struct Slow(Arc<Hand>);

impl crate::kernel::Processor for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }
    fn ask<'a>(&'a self, _: &'a crate::kernel::Ask) -> std::pin::Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async {
            *self.0.0.lock().unwrap() += 20_000_000;
            tokio::task::yield_now().await;
            Answer::Unknown {
                detail: "timed out".into(),
            }
        })
    }
}

/// A shop with a sandbox, and the words of the sheets.
struct Bank {
    app: App,
    sandbox: Arc<Sandbox>,
    clock: Arc<Hand>,
    shop: ShopId,
    /// Attempts and answers a sheet keeps for later.
    kept: HashMap<String, (Attempt, Answer)>,
    _folder: tempfile::TempDir,
}

fn bank() -> Bank {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::Sqlite(folder.path().join("hawker.db"));
    bank_on(folder, engine)
}

/// The sheets move the clock by hand, and PostgreSQL takes its time from the server: there, the stories over HTTP play the same acts.
fn banks() -> Vec<Bank> {
    vec![bank()]
}

fn bank_on(folder: tempfile::TempDir, engine: Engine) -> Bank {
    let clock = Arc::new(Hand(Mutex::new(0)));
    let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
    let port: Arc<dyn Clock> = clock.clone();
    let db = Db::open(&Config::new(engine, "main", MAIN), &port, &random).unwrap();
    let shop = db.write_blocking(LANE, some_shop).unwrap();
    let (sandbox, _) = Sandbox::new(
        Books::default(),
        Faults::default(),
        Notices::Challenges,
        port.clone(),
        "http://shop".into(),
    );
    let sandbox = Arc::new(sandbox);
    let app = App::new(Parts {
        db: db.clone(),
        events: db,
        clock: port,
        random,
        processors: vec![sandbox.clone(), Arc::new(Manual), Arc::new(Slow(clock.clone()))],
        mailer: Arc::new(NoMail),
        media: folder.path().to_owned(),
        base_url: "http://shop".into(),
        settings: Settings::default(),
        tasks: tokio_util::task::TaskTracker::new(),
    });
    Bank {
        app,
        sandbox,
        clock,
        shop,
        kept: HashMap::new(),
        _folder: folder,
    }
}

fn some_shop(tx: &mut Tx<'_>) -> Result<ShopId> {
    let new = NewShop {
        name: "Tidal Kiln".into(),
        slug: String::new(),
        currency: Currency::EUR,
        country: "DE".into(),
        language: "en".into(),
        owner_name: "Nour".into(),
        owner_email: "nour@example.org".into(),
        test_mode: true,
    };
    match create_shop(tx, new)? {
        CreateShop::Created { shop, .. } => Ok(shop),
        CreateShop::SlugTaken { .. } => panic!("an empty database has no shop"),
    }
}

fn number(name: &str) -> Uuid {
    Uuid::new_v5(&Uuid::nil(), name.as_bytes())
}

fn minor(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or_else(|| panic!("{text} has no cents"));
    whole.parse::<i64>().unwrap() * 100 + part.parse::<i64>().unwrap()
}

fn creator() -> AccountKey {
    AccountKey::party(AccountKind::PartyPayable, PartyId::from_uuid(Uuid::from_u128(CREATOR)))
}

/// A line of one cent units, nine tenths of it the creator's and one tenth the platform's; the shop bears the processor's fee.
fn split(total: i64) -> Allocation {
    let shares = crate::kernel::apportion(total, &[9, 1]);
    let legs = vec![
        AllocatedLeg {
            account: creator(),
            purpose: Purpose::Share,
            minor: shares[0],
        },
        AllocatedLeg {
            account: AccountKey::of(AccountKind::PlatformRevenue),
            purpose: Purpose::PlatformFee,
            minor: shares[1],
        },
    ];
    let lines = vec![AllocatedPart {
        quantity: u32::try_from(total).unwrap(),
        legs,
    }];
    Allocation {
        lines,
        delivery: None,
        processor_fee: FeeBearer::Shop,
    }
}

fn nothing_follows(_: &mut Tx<'_>, _: CheckoutId) -> Result<()> {
    Ok(())
}

impl Bank {
    fn checkout(order: &str) -> CheckoutId {
        CheckoutId::from_uuid(number(order))
    }

    /// Runs a command and waits for it, on a thread of its own: sheets are played inside a runtime, where nobody may block.
    fn write<T: Send + 'static>(&self, act: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        let db = self.app.db.clone();
        std::thread::spawn(move || db.write_blocking(LANE, act)).join().unwrap()
    }

    fn read<T: Send + 'static>(&self, act: impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        let db = self.app.db.clone();
        std::thread::spawn(move || db.read_blocking(act)).join().unwrap()
    }

    fn pass(&self, seconds: i64) {
        *self.clock.0.lock().unwrap() += seconds * 1_000_000;
    }

    fn open(&self, order: &str, total: i64) -> IntentId {
        let intent = OpenIntent {
            shop: self.shop,
            checkout: Self::checkout(order),
            amount: Money::new(total, Currency::EUR),
            allocation: split(total),
        };
        self.write(move |tx| open(tx, &intent)).unwrap()
    }

    fn intent(&self, order: &str) -> Intent {
        let id = Self::checkout(order).intent();
        self.read(move |tx| intent(tx, id)).unwrap().unwrap()
    }

    /// `once`: the sandbox, as if it took a promise in one part.
    fn start(&self, order: &str, processor: &'static str, token: &str) -> Start {
        let (id, token) = (Self::checkout(order).intent(), token.to_owned());
        let (processor, once) = match processor {
            "once" => ("sandbox", true),
            other => (other, false),
        };
        self.write(move |tx| {
            let by = By {
                processor,
                method: "card",
                token: &token,
                terms: Terms {
                    taking: if once { Taking::Once } else { Taking::Each },
                    window: None,
                },
            };
            start(tx, id, by)
        })
        .unwrap()
    }

    fn record(&self, attempt: AttemptId, operation: Operation, answer: &Answer) -> Recorded {
        let answer = answer.clone();
        self.write(move |tx| record(tx, attempt, operation, &answer)).unwrap()
    }

    fn balance(&self, key: AccountKey) -> i64 {
        let shop = self.shop;
        let all = self.read(move |tx| ledger::balances(tx, shop)).unwrap();
        all.iter()
            .filter(|balance| balance.key == key)
            .map(|balance| balance.money.minor)
            .sum()
    }

    /// One line of a sheet.
    async fn act(&mut self, words: &[&str]) -> String {
        let named = |name: &str| words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let order = named("order").unwrap_or("A");
        let amount = words
            .iter()
            .skip(1)
            .find(|word| word.contains('.') && !word.contains('='))
            .map(|word| minor(word));
        match words[0] {
            "open" => {
                self.open(order, amount.unwrap());
                "ok".into()
            }
            "authorize" | "start" | "ask" => {
                self.authorize(words[0], order, amount, named("token"), named("by"))
                    .await
            }
            // What an earlier `ask` heard arrives at last.
            "recorded" => {
                let (attempt, answer) = self.kept[order].clone();
                self.record(attempt.id, Operation::Authorize, &answer)
                    .state
                    .name()
                    .into()
            }
            "capture" => {
                self.capture(
                    order,
                    amount.unwrap(),
                    named("shipment"),
                    named("last").is_some(),
                    named("act"),
                )
                .await
            }
            "void" => self.void(order, named("act")).await,
            "refund" => self.refund(order, amount.unwrap(), named("id"), named("act")).await,
            "faults" => {
                self.sandbox
                    .set_faults(Faults::parse(1, words[1].trim_start_matches("none")).unwrap());
                "ok".into()
            }
            "wait" => {
                self.pass(words[1].trim_end_matches('s').parse().unwrap());
                resolve(&self.app, nothing_follows).await.unwrap();
                "ok".into()
            }
            "bank" => {
                let payment = self
                    .sandbox
                    .books()
                    .find(&format!("{}/1", Self::checkout(order)), self.clock.wall())
                    .unwrap()
                    .id;
                self.sandbox.answer_challenge(&payment, words[1] == "approves").unwrap()
            }
            "intent" => self.intent(order).state.name().into(),
            "attempt" => {
                let id = Self::checkout(order).intent();
                self.read(move |tx| latest_attempt(tx, id))
                    .unwrap()
                    .unwrap()
                    .state
                    .name()
                    .into()
            }
            "balance" => {
                let key = match words[1] {
                    "creator" => creator(),
                    name => AccountKey::of(name.parse().unwrap()),
                };
                shown(self.balance(key))
            }
            "truth" => self.truth(order),
            other => panic!("no sheet knows the word {other}"),
        }
    }

    /// `start` is act 1 alone, `ask` acts 1 and 2: what a crash leaves.
    async fn authorize(
        &mut self,
        acts: &str,
        order: &str,
        amount: Option<i64>,
        token: Option<&str>,
        by: Option<&str>,
    ) -> String {
        if let Some(amount) = amount {
            self.open(order, amount);
        }
        let processor = match by {
            Some("manual") => "manual",
            Some("once") => "once",
            _ => "sandbox",
        };
        let attempt = match self.start(order, processor, token.unwrap_or("tok_visa")) {
            Start::Sending(attempt) => attempt,
            Start::Unresolved => return "unresolved".into(),
            Start::TooMany => return "too_many".into(),
            Start::CardRefused => return "card_refused".into(),
            Start::NotPayable => return "not_payable".into(),
        };
        if acts == "start" {
            return "sending".into();
        }
        let answer = authorize_ask(&self.app, &attempt).await;
        self.kept.insert(order.to_owned(), (attempt.clone(), answer.clone()));
        if acts == "ask" {
            return "sending".into();
        }
        self.record(attempt.id, Operation::Authorize, &answer);
        let id = attempt.intent;
        let attempt = self.read(move |tx| latest_attempt(tx, id)).unwrap().unwrap();
        match attempt.state {
            AttemptState::Authorized => "ok".into(),
            AttemptState::Failed => attempt.decline,
            state => state.name().into(),
        }
    }

    async fn capture(
        &mut self,
        order: &str,
        amount: i64,
        shipment: Option<&str>,
        last: bool,
        act: Option<&str>,
    ) -> String {
        let id = Self::checkout(order).intent();
        let shipment = ShipmentId::from_uuid(number(&format!(
            "{order} {}",
            shipment.map_or_else(|| amount.to_string(), str::to_owned)
        )));
        let begun = self.write(move |tx| {
            let before: i64 = captures(tx, id)?
                .iter()
                .filter(|capture| capture.state != CaptureState::Failed)
                .map(|capture| capture.minor)
                .sum();
            let units = u32::try_from(before + amount).unwrap();
            match capture_plan(tx, id, &[(Part::Line(0), units)], last) {
                Ok(plan) => capture_begin(tx, id, shipment, &plan).map(Ok),
                Err(error) => Ok(Err(error.code)),
            }
        });
        let capture = match begun.unwrap() {
            Ok(CaptureBegin::Sending(capture)) => capture,
            Ok(CaptureBegin::Again(_)) => return "again".into(),
            Ok(CaptureBegin::Nothing) => return "nothing".into(),
            Ok(CaptureBegin::Exceeds { .. }) => return "exceeds_authorized".into(),
            Ok(CaptureBegin::NotCapturable(state)) => return format!("not_capturable:{}", state.name()),
            Ok(CaptureBegin::Lapsed) => return "lapsed".into(),
            Ok(CaptureBegin::Waiting) => return "waiting".into(),
            Ok(CaptureBegin::TakenOnce) => return "taken_once".into(),
            Err(code) => return code.into(),
        };
        if act == Some("1") {
            return "sending".into();
        }
        let answer = capture_ask(&self.app, &capture).await;
        if act == Some("2") {
            return "sending".into();
        }
        self.record(capture.attempt.id, Operation::Capture(capture.id), &answer);
        let state = self
            .read(move |tx| captures(tx, id))
            .unwrap()
            .into_iter()
            .find(|line| line.id == capture.id)
            .unwrap()
            .state;
        if state == CaptureState::Succeeded {
            "ok".into()
        } else {
            state.name().into()
        }
    }

    async fn void(&mut self, order: &str, act: Option<&str>) -> String {
        let id = Self::checkout(order).intent();
        let attempt = match self.write(move |tx| void_begin(tx, id)).unwrap() {
            VoidBegin::Sending(attempt) => attempt,
            VoidBegin::Nothing => return "nothing".into(),
            VoidBegin::CapturePending => return "capture_pending".into(),
        };
        if act == Some("1") {
            return "voiding".into();
        }
        let answer = void_ask(&self.app, &attempt).await;
        let state = self.record(attempt.id, Operation::Void, &answer).state;
        if state == AttemptState::Voided {
            "ok".into()
        } else {
            state.name().into()
        }
    }

    async fn refund(&mut self, order: &str, amount: i64, name: Option<&str>, act: Option<&str>) -> String {
        let id = Self::checkout(order).intent();
        let adjustment = AdjustmentId::from_uuid(number(&format!(
            "{order} refund {}",
            name.map_or_else(|| amount.to_string(), str::to_owned)
        )));
        let begun = self.write(move |tx| {
            if let Some(known) = refunds(tx, id)?
                .into_iter()
                .find(|refund| refund.adjustment == adjustment)
            {
                assert_eq!(known.minor, amount);
                return Ok(Err("again"));
            }
            match refund_plan(tx, id, &RefundOf::Amount(amount)) {
                Ok(plan) => refund_begin(tx, id, adjustment, &plan).map(Ok),
                Err(error) => Ok(Err(error.code)),
            }
        });
        let refund = match begun.unwrap() {
            Ok(RefundBegin::Sending(refund)) => refund,
            Ok(RefundBegin::Again(_)) => return "again".into(),
            Ok(RefundBegin::Refused { .. }) => return "refused".into(),
            Err(code) => return code.into(),
        };
        if act == Some("1") {
            return "sending".into();
        }
        let answer = refund_ask(&self.app, &refund).await;
        if act == Some("2") {
            return "sending".into();
        }
        self.record(refund.attempt.id, Operation::Refund(refund.id), &answer);
        let state = self
            .read(move |tx| refunds(tx, id))
            .unwrap()
            .into_iter()
            .find(|line| line.id == refund.id)
            .unwrap()
            .state;
        if state == RefundState::Succeeded {
            "ok".into()
        } else {
            state.name().into()
        }
    }

    /// What the sandbox's books say of an order's payments, oldest first.
    fn truth(&self, order: &str) -> String {
        let books = self.sandbox.books();
        let prefix = format!("{}/", Self::checkout(order));
        let mine = books
            .payments()
            .filter(|payment| payment.reference().starts_with(&prefix));
        let mut said: Vec<String> = mine
            .map(|payment| {
                format!(
                    "{}:{}:{}",
                    payment.state.name(),
                    shown(payment.captured),
                    shown(payment.refunded)
                )
            })
            .collect();
        said.reverse();
        if said.is_empty() { "none".into() } else { said.join(",") }
    }

    /// After every sheet: no money is missing, and our books are the processor's (I11, I20, I21).
    fn all_is_well(&self) {
        let shop = self.shop;
        let sum: i64 = self
            .read(move |tx| ledger::balances(tx, shop))
            .unwrap()
            .iter()
            .map(|balance| balance.money.minor)
            .sum();
        assert_eq!(sum, 0, "all accounts sum to zero");
    }
}

fn shown(minor: i64) -> String {
    Money::new(minor, Currency::EUR)
        .to_string()
        .trim_end_matches(" EUR")
        .to_owned()
}

/// Plays a sheet on every engine: `words -> answer` a line.
fn check(sheet: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    for mut bank in banks() {
        for line in sheet.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (said, expected) = line
                .split_once("->")
                .map_or((line, None), |(said, expected)| (said, Some(expected.trim())));
            let words: Vec<&str> = said.split_whitespace().collect();
            let answer = runtime.block_on(bank.act(&words));
            if let Some(expected) = expected {
                assert_eq!(answer, expected, "{line}");
            }
        }
        bank.all_is_well();
    }
}

#[test]
fn money_is_promised_taken_by_shipment_split_and_given_back() {
    check(
        "
        authorize order=A  100.00  -> ok
        capture   order=A   60.00  -> ok
        capture   order=A   50.00  -> too_many_units
        intent    order=A          -> partially_captured
        balance   creator            -> 54.00
        balance   platform_revenue   ->  6.00
        balance   processor_fees     -> -1.15
        balance   processor_clearing -> -58.85
        capture   order=A   40.00  last=1 -> ok
        intent    order=A          -> succeeded
        capture   order=A    0.00  shipment=3 -> nothing
        refund    order=A   10.00  -> ok
        balance   creator            -> 81.00
        refund    order=A   90.00  -> ok
        balance   creator            ->  0.00
        balance   platform_revenue   ->  0.00
        refund    order=A    0.01  -> exceeds_captured
        truth     order=A          -> succeeded:100.00:100.00
        ",
    );
}

#[test]
fn every_step_twice_is_once() {
    check(
        "
        authorize order=A  20.00 -> ok
        authorize order=A  20.00 -> not_payable
        capture   order=A  15.00 shipment=1 -> ok
        capture   order=A   5.00 shipment=1 -> again
        refund    order=A   5.00 id=1 -> ok
        refund    order=A   5.00 id=1 -> again
        void      order=A  -> ok
        void      order=A  -> nothing
        capture   order=A   5.00 shipment=2 -> not_capturable:succeeded
        truth     order=A  -> succeeded:15.00:5.00
        balance   creator  ->  9.00
        ",
    );
}

#[test]
fn money_without_a_processor_is_promised_and_taken_by_hand() {
    check(
        "
        authorize order=A  20.00 by=manual -> ok
        capture   order=A  20.00 -> ok
        refund    order=A   5.00 -> ok
        truth     order=A -> none
        balance   creator -> 13.50
        balance   processor_fees -> 0.00
        start     order=B  20.00 by=manual -> sending
        wait      61s
        wait      120s
        intent    order=B -> requires_method
        ",
    );
}

#[test]
fn declined_money_may_be_tried_again_ten_times() {
    let mut sheet = String::from(
        "
        authorize order=A  20.00 token=tok_declined -> insufficient_funds
        authorize order=A  token=tok_stolen -> stolen_card
        authorize order=A  token=tok_unheard_of -> refused
        intent    order=A  -> requires_method
        authorize order=B  20.00 token=tok_declined -> insufficient_funds
        authorize order=B  -> ok
        truth     order=B  -> requires_payment_method:0.00:0.00,requires_capture:0.00:0.00
        ",
    );
    for _ in 0..7 {
        sheet.push_str("authorize order=A token=tok_declined -> insufficient_funds\n");
    }
    sheet.push_str("authorize order=A -> too_many\n");
    check(&sheet);
}

#[test]
fn p1_a_request_lost_on_the_way_is_not_a_payment_and_may_be_made_again() {
    check(
        "
        faults    lost=1000
        authorize order=A  20.00 -> unknown
        authorize order=A  -> unresolved
        faults    none
        wait      11s
        intent    order=A  -> unknown
        wait      31s
        wait      121s
        attempt   order=A  -> not_executed
        authorize order=A  -> ok
        truth     order=A  -> requires_capture:0.00:0.00
        faults    not_sent=1000
        authorize order=B  20.00 -> not_sent
        faults    none
        authorize order=B  -> ok
        ",
    );
}

#[test]
fn p2_what_the_processor_did_but_could_not_say_is_found_by_our_reference() {
    for fault in ["timeout_then_ok", "error_then_ok", "garbage"] {
        check(&format!(
            "
            faults    {fault}=1000
            authorize order=A  20.00 -> unknown
            authorize order=A  -> unresolved
            faults    none
            wait      11s
            intent    order=A  -> requires_capture
            faults    {fault}=1000
            capture   order=A  12.00 -> unknown
            void      order=A  -> capture_pending
            faults    none
            wait      11s
            intent    order=A  -> partially_captured
            faults    {fault}=1000
            refund    order=A   2.00 -> unknown
            faults    none
            wait      11s
            truth     order=A  -> requires_capture:12.00:2.00
            balance   creator  -> 9.00
            "
        ));
    }
    check(
        "
        faults    timeout_then_decline=1000
        authorize order=A  20.00 -> unknown
        faults    none
        wait      11s
        intent    order=A  -> requires_method
        authorize order=B  20.00 token=tok_timeout -> unknown
        wait      11s
        intent    order=B  -> requires_capture
        ",
    );
}

/// A key was changed: every question is turned away. What was asked for before stays what it is.
#[test]
fn p2_a_question_that_is_refused_says_nothing_about_what_was_asked_for() {
    check(
        "
        faults    timeout_then_ok=1000
        authorize order=A  20.00 -> unknown
        authorize order=B  20.00 token=tok_3ds -> unknown
        faults    look_refused=1000
        wait      11s
        intent    order=A  -> unknown
        authorize order=A  -> unresolved
        wait      31s
        intent    order=A  -> unknown
        faults    none
        wait      121s
        intent    order=A  -> requires_capture
        faults    timeout_then_ok=1000
        capture   order=A  12.00 -> unknown
        faults    look_refused=1000
        wait      11s
        void      order=A  -> capture_pending
        faults    none
        wait      31s
        intent    order=A  -> partially_captured
        faults    timeout_then_ok=1000
        refund    order=A   2.00 -> unknown
        faults    look_refused=1000
        wait      11s
        refund    order=A   2.00 -> again
        truth     order=A  -> requires_capture:12.00:2.00
        faults    none
        wait      31s
        balance   creator  -> 9.00
        ",
    );
}

#[test]
fn p3_a_crash_between_the_acts_is_finished_by_the_resolver() {
    check(
        "
        start     order=A  20.00 -> sending
        wait      61s
        intent    order=A  -> unknown
        wait      60s
        intent    order=A  -> requires_method
        truth     order=A  -> none
        ask       order=B  20.00 -> sending
        wait      61s
        intent    order=B  -> requires_capture
        recorded  order=B  -> authorized
        capture   order=B   5.00 act=1 -> sending
        capture   order=B   6.00 act=2 -> sending
        wait      61s
        truth     order=B  -> requires_capture:11.00:0.00
        balance   creator  -> 9.90
        refund    order=B   3.00 act=1 -> sending
        refund    order=B   4.00 act=2 -> sending
        wait      61s
        truth     order=B  -> requires_capture:11.00:7.00
        balance   creator  -> 3.60
        void      order=B  act=1 -> voiding
        wait      61s
        attempt   order=B  -> voided
        truth     order=B  -> succeeded:11.00:7.00
        ",
    );
}

#[test]
fn p8_a_buyer_who_confirms_and_never_comes_back_has_paid() {
    check(
        "
        authorize order=A  20.00 token=tok_3ds -> requires_action
        authorize order=A  -> unresolved
        bank      approves order=A -> http://shop
        wait      61s
        intent    order=A  -> requires_capture
        authorize order=B  20.00 token=tok_3ds -> requires_action
        bank      refuses order=B -> http://shop
        wait      61s
        intent    order=B  -> requires_method
        authorize order=C  20.00 token=tok_3ds -> requires_action
        wait      901s
        intent    order=C  -> requires_method
        wait      61s
        attempt   order=C  -> voided
        truth     order=C  -> canceled:0.00:0.00
        authorize order=C  -> ok
        ",
    );
}

#[test]
fn money_that_comes_after_the_checkout_was_left_is_let_go() {
    check(
        "
        faults    timeout_then_ok=1000
        authorize order=A  20.00 -> unknown
        faults    none
        void      order=A  -> nothing
        intent    order=A  -> canceled
        wait      11s
        attempt   order=A  -> voiding
        wait      1s
        attempt   order=A  -> voided
        truth     order=A  -> canceled:0.00:0.00
        authorize order=A  -> not_payable
        ",
    );
}

#[test]
fn p9_a_promise_that_ran_out_is_not_captured() {
    check(
        "
        authorize order=A  20.00 -> ok
        wait      604801s
        capture   order=A  20.00 -> not_capturable:expired
        authorize order=B  20.00 -> ok
        faults    capture_after_expiry=1000
        capture   order=B  20.00 -> failed
        faults    none
        wait      1s
        intent    order=B  -> expired
        balance   creator  -> 0.00
        ",
    );
}

#[test]
fn p10_a_promise_that_is_taken_once_is_taken_with_the_last_parcel() {
    check(
        "
        authorize order=A  30.00 by=once -> ok
        capture   order=A  10.00 shipment=1 -> waiting
        capture   order=A  10.00 shipment=2 -> waiting
        capture   order=A  10.01 shipment=3 -> too_many_units
        truth     order=A  -> requires_capture:0.00:0.00
        void      order=A  -> capture_pending
        wait      86400s
        capture   order=A  10.00 shipment=3 last=1 -> ok
        intent    order=A  -> succeeded
        truth     order=A  -> succeeded:30.00:0.00
        balance   creator  -> 27.00
        refund    order=A  30.00 -> ok
        balance   creator  -> 0.00
        ",
    );
}

#[test]
fn p10_p9_what_has_left_is_taken_before_a_promise_ends_and_the_rest_is_promised_anew() {
    check(
        "
        authorize order=A  30.00 by=once -> ok
        capture   order=A  10.00 shipment=1 -> waiting
        wait      518000s
        truth     order=A  -> requires_capture:0.00:0.00
        wait      401s
        truth     order=A  -> succeeded:10.00:0.00
        intent    order=A  -> expired
        capture   order=A  20.00 shipment=2 -> not_capturable:expired
        wait      1s
        intent    order=A  -> partially_captured
        truth     order=A  -> succeeded:10.00:0.00,requires_capture:0.00:0.00
        capture   order=A  10.00 shipment=2 -> waiting
        capture   order=A  10.00 shipment=3 last=1 -> ok
        truth     order=A  -> succeeded:10.00:0.00,succeeded:20.00:0.00
        intent    order=A  -> succeeded
        refund    order=A  25.00 -> ok
        wait      1s
        truth     order=A  -> succeeded:10.00:10.00,succeeded:20.00:15.00
        refund    order=A  5.00 -> ok
        truth     order=A  -> succeeded:10.00:10.00,succeeded:20.00:20.00
        balance   creator  -> 0.00
        ",
    );
}

#[test]
fn p9_a_promise_is_renewed_for_the_rest_and_the_one_before_is_let_go() {
    check(
        "
        authorize order=A  30.00 -> ok
        authorize order=B  30.00 -> ok
        capture   order=B  10.00 -> ok
        wait      518399s
        truth     order=A  -> requires_capture:0.00:0.00
        wait      1s
        wait      0s
        truth     order=A  -> canceled:0.00:0.00,requires_capture:0.00:0.00
        intent    order=A  -> requires_capture
        truth     order=B  -> succeeded:10.00:0.00,requires_capture:0.00:0.00
        intent    order=B  -> partially_captured
        wait      432000s
        capture   order=A  30.00 last=1 -> ok
        capture   order=B  20.00 last=1 -> ok
        truth     order=A  -> canceled:0.00:0.00,succeeded:30.00:0.00
        truth     order=B  -> succeeded:10.00:0.00,succeeded:20.00:0.00
        balance   creator  -> 54.00
        ",
    );
}

#[test]
fn p20_a_soft_no_to_a_renewal_is_asked_again_and_a_hard_one_never() {
    // the card -> how often it is asked without its holder until the promise is over
    for (token, asks) in [
        ("tok_later_empty", 4),
        ("tok_later_lost", 1),
        ("tok_later_asks", 1),
        ("tok_3ds", 1),
        ("tok_once", 0),
    ] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let mut bank = bank();
        runtime.block_on(async {
            let wanted = if token == "tok_3ds" { "requires_action" } else { "ok" };
            let authorized = format!("authorize order=A 30.00 token={token}");
            assert_eq!(
                bank.act(&authorized.split(' ').collect::<Vec<_>>()).await,
                wanted,
                "{token}"
            );
            if wanted != "ok" {
                bank.act(&["bank", "approves"]).await;
                bank.act(&["wait", "61s"]).await;
            }
            bank.act(&["wait", "518400s"]).await;
            for _ in 0..23 {
                bank.act(&["wait", "3600s"]).await;
                assert_eq!(
                    bank.act(&["intent"]).await,
                    "requires_capture",
                    "{token}: the first promise stands"
                );
            }
            for _ in 0..4 {
                bank.act(&["wait", "3600s"]).await;
            }
            assert_eq!(bank.act(&["intent"]).await, "expired", "{token}");
        });
        let intent = bank.intent("A");
        assert!(intent.is_lost(), "{token}: the buyer is asked");
        assert_eq!(intent.own_asks, asks, "{token}");
        let asked = bank.sandbox.books().payments().count();
        assert_eq!(
            asked,
            1 + usize::try_from(asks).unwrap(),
            "{token}: and nobody else was"
        );
        bank.all_is_well();
    }
}

#[test]
fn p9_a_lost_payment_is_paid_again_by_the_buyer_for_what_was_not_taken() {
    check(
        "
        authorize order=A  30.00 token=tok_once -> ok
        capture   order=A  10.00 -> ok
        wait      604801s
        wait      1s
        intent    order=A  -> expired
        capture   order=A  20.00 last=1 -> not_capturable:expired
        authorize order=A  token=tok_declined -> insufficient_funds
        intent    order=A  -> expired
        authorize order=A  token=tok_stolen -> stolen_card
        authorize order=A  token=tok_stolen -> card_refused
        authorize order=A  token=tok_visa -> ok
        intent    order=A  -> partially_captured
        capture   order=A  20.00 last=1 -> ok
        intent    order=A  -> succeeded
        balance   creator  -> 27.00
        authorize order=B  30.00 token=tok_later_lost -> ok
        wait      604801s
        wait      1s
        intent    order=B  -> expired
        void      order=B  -> nothing
        intent    order=B  -> canceled
        authorize order=B  token=tok_visa -> not_payable
        ",
    );
}

#[test]
fn p20_a_card_is_asked_without_its_holder_ten_times_a_day_and_no_more() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut bank = bank();
    runtime.block_on(async {
        for order in 0..13 {
            let line = format!("authorize order={order} 30.00");
            assert_eq!(bank.act(&line.split(' ').collect::<Vec<_>>()).await, "ok");
        }
        bank.act(&["wait", "518401s"]).await;
        bank.act(&["wait", "1s"]).await;
    });
    let asked: u32 = (0..13).map(|order| bank.intent(&order.to_string()).own_asks).sum();
    assert_eq!(asked, 10);
    bank.all_is_well();
}

/// Found by the simulator: the promise is over, and one capture of it may still have succeeded.
#[test]
fn i13_while_an_unanswered_capture_alone_keeps_a_payment_open_nothing_more_is_taken_of_it() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut bank = bank();
    runtime.block_on(async {
        assert_eq!(bank.act(&["authorize", "order=A", "30.00"]).await, "ok");
        assert_eq!(bank.act(&["capture", "order=A", "10.00", "act=1"]).await, "sending");
        let id = Bank::checkout("A").intent();
        let attempt = bank.read(move |tx| latest_attempt(tx, id)).unwrap().unwrap();
        let gone = Answer::Voided {
            payment: attempt.payment.clone(),
        };
        bank.record(attempt.id, Operation::Authorize, &gone);
        assert_eq!(
            bank.intent("A").state,
            IntentState::RequiresCapture,
            "the capture may have succeeded"
        );
        assert_eq!(bank.act(&["capture", "order=A", "20.00"]).await, "lapsed");
    });
}

/// Found by the simulator: it was told to let go before it had the request, said no, and would have said so for ever: a key is one request.
#[test]
fn p9_letting_go_is_asked_anew_each_time() {
    let mut bank = bank();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        assert_eq!(bank.act(&["authorize", "order=A", "30.00"]).await, "ok");
    });
    let id = Bank::checkout("A").intent();
    let attempt = bank.read(move |tx| latest_attempt(tx, id)).unwrap().unwrap();
    let again = |tries| Attempt {
        tries,
        ..attempt.clone()
    };
    let keys = [0, 1, 2].map(|tries| again(tries).key(Operation::Void));
    assert!(keys[0] != keys[1] && keys[1] != keys[2], "{keys:?}");
    let asked = [0, 1].map(|tries| again(tries).key(Operation::Authorize));
    assert_eq!(
        asked[0], asked[1],
        "what takes or promises money is one request for ever"
    );
}

/// Found by the simulator: a processor that cannot be asked never had the request, or refuses to let go of what is over, and nobody can say so.
#[test]
fn p8_the_duty_to_let_go_ends_with_the_promise_where_nobody_says_it_is_met() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut bank = bank();
    runtime.block_on(async {
        assert_eq!(bank.act(&["authorize", "order=A", "30.00"]).await, "ok");
        assert_eq!(bank.act(&["void", "order=A", "act=1"]).await, "voiding");
        let id = Bank::checkout("A").intent();
        let attempt = bank.read(move |tx| latest_attempt(tx, id)).unwrap().unwrap();
        let silent = Answer::Unknown {
            detail: "it cannot be asked".into(),
        };
        let refused = Answer::Refused {
            detail: "no such payment".into(),
        };
        let not_asked = Answer::NotSent {
            detail: "connection refused".into(),
        };
        // An hour is left for a promise that was made some time after it was asked for; one lost word is no silence, and nobody asked is none at all.
        for (seconds, answer, expected) in [
            (0, &silent, AttemptState::Voiding),
            (7 * 86_400 + 3_590, &refused, AttemptState::Voiding),
            (20, &silent, AttemptState::Voiding),
            (120, &not_asked, AttemptState::Voiding),
            (600, &silent, AttemptState::Voided),
        ] {
            bank.pass(seconds);
            let state = bank.record(attempt.id, Operation::Void, answer).state;
            assert_eq!(state, expected, "{seconds} s later");
        }
    });
}

#[test]
fn i10_a_renewal_that_meets_a_capture_is_let_go_and_never_two_promises_are_counted_on() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut bank = bank();
    runtime.block_on(async {
        assert_eq!(bank.act(&["authorize", "30.00"]).await, "ok");
        // The answer to the renewal is lost, and a parcel leaves before it is found.
        bank.act(&["faults", "timeout_then_ok=1000"]).await;
        bank.act(&["wait", "518401s"]).await;
        assert_eq!(bank.act(&["attempt"]).await, "unknown");
        bank.act(&["faults", "none"]).await;
        assert_eq!(
            bank.act(&["capture", "10.00"]).await,
            "ok",
            "the first promise still stands"
        );
        bank.act(&["wait", "11s"]).await;
        assert_eq!(bank.act(&["attempt"]).await, "voiding", "it promised too much by now");
        bank.act(&["wait", "1s"]).await;
        let truth = bank.act(&["truth"]).await;
        assert_eq!(truth, "requires_capture:10.00:0.00,canceled:0.00:0.00");
        bank.act(&["wait", "3600s"]).await;
        bank.act(&["wait", "1s"]).await;
        let truth = bank.act(&["truth"]).await;
        assert_eq!(
            truth,
            "succeeded:10.00:0.00,canceled:0.00:0.00,requires_capture:0.00:0.00"
        );
    });
    bank.all_is_well();
}

#[test]
fn p12_an_answer_about_other_money_freezes_the_payment() {
    for fault in ["wrong_amount", "wrong_currency"] {
        check(&format!(
            "
            faults    {fault}=1000
            authorize order=A  20.00 -> conflicted
            intent    order=A  -> conflicted
            faults    none
            authorize order=A  -> not_payable
            capture   order=A  20.00 -> not_capturable:conflicted
            void      order=A  -> nothing
            wait      86401s
            intent    order=A  -> conflicted
            authorize order=B  20.00 -> ok
            faults    {fault}=1000
            capture   order=B  10.00 -> conflicted
            intent    order=B  -> conflicted
            balance   creator  -> 0.00
            "
        ));
    }
}

#[test]
fn p13_a_hundred_refunds_at_once_give_back_no_more_than_was_taken() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_time()
        .build()
        .unwrap();
    for mut bank in banks() {
        runtime.block_on(async {
            assert_eq!(bank.act(&["authorize", "order=A", "100.00"]).await, "ok");
            assert_eq!(bank.act(&["capture", "order=A", "100.00"]).await, "ok");
            let id = Bank::checkout("A").intent();
            let tasks: Vec<_> = (0..100)
                .map(|n| {
                    let app = bank.app.clone();
                    tokio::spawn(async move {
                        let adjustment = AdjustmentId::from_uuid(number(&format!("race {n}")));
                        let begun = app
                            .db
                            .write(LaneKey(n), move |tx| {
                                let plan = match refund_plan(tx, id, &RefundOf::Amount(700)) {
                                    Ok(plan) => plan,
                                    Err(_) => return Ok(None),
                                };
                                Ok(match refund_begin(tx, id, adjustment, &plan)? {
                                    RefundBegin::Sending(refund) => Some(refund),
                                    RefundBegin::Again(_) | RefundBegin::Refused { .. } => None,
                                })
                            })
                            .await
                            .unwrap();
                        let Some(refund) = begun else { return 0 };
                        let answer = refund_ask(&app, &refund).await;
                        app.db
                            .write(LaneKey(n), move |tx| refund_record(tx, refund.id, &answer))
                            .await
                            .unwrap();
                        1
                    })
                })
                .collect();
            let mut refunded = 0;
            for task in tasks {
                refunded += task.await.unwrap();
            }
            assert_eq!(refunded, 14, "fourteen times seven fit into a hundred");
            assert_eq!(bank.intent("A").refunded_minor, 9_800);
            assert_eq!(bank.truth("A"), "succeeded:100.00:98.00");
            bank.all_is_well();
        });
    }
}

#[test]
fn p5_answer_notice_and_poller_finish_an_attempt_once() {
    let bank = bank();
    bank.open("A", 2_000);
    let Start::Sending(attempt) = bank.start("A", "sandbox", "tok_visa") else {
        panic!("a new payment starts")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let answer = runtime.block_on(authorize_ask(&bank.app, &attempt));
    let heard: Vec<bool> = (0..4)
        .map(|_| bank.record(attempt.id, Operation::Authorize, &answer).changed)
        .collect();
    assert_eq!(heard, [true, false, false, false]);
    let intent = bank.intent("A");
    assert_eq!(
        (intent.state, intent.authorized_minor, intent.version),
        (IntentState::RequiresCapture, 2_000, 3)
    );
    let id = intent.id;
    let entries = bank.read(move |tx| timeline(tx, id)).unwrap();
    let said: Vec<&str> = entries.iter().map(|entry| entry.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "Asked sandbox for 20.00 EUR (try 1).",
            "sandbox promised 20.00 EUR (try 1)."
        ]
    );
}

#[test]
fn p6_answers_in_any_order_and_number_never_leave_a_final_state() {
    let money = Money::new(2_000, Currency::EUR);
    for order in permutations(5) {
        let bank = SHARED.with(|bank| bank.clone());
        let name = format!("{order:?}");
        bank.open(&name, 2_000);
        let Start::Sending(attempt) = bank.start(&name, "sandbox", "tok_visa") else {
            panic!("a new payment starts")
        };
        let answers = [
            Answer::Authorized {
                payment: "p".into(),
                reference: attempt.reference(),
                amount: money,
                capture_before: None,
                once: false,
                card: None,
            },
            Answer::Declined {
                payment: "p".into(),
                decline: Decline::Soft("do_not_honor"),
            },
            Answer::RequiresAction {
                payment: "p".into(),
                url: "http://bank".into(),
            },
            Answer::Unknown {
                detail: "timed out".into(),
            },
            Answer::NotFound,
        ];
        let mut state = AttemptState::Sending;
        let mut promised = 0;
        for index in order {
            let next = bank.record(attempt.id, Operation::Authorize, &answers[index]).state;
            assert!(
                next == state || state.may_become(next),
                "{state:?} became {next:?} in {name}"
            );
            promised += u32::from(next != state && next == AttemptState::Authorized);
            state = next;
        }
        let intent = bank.intent(&name);
        let kept = state == AttemptState::Authorized;
        assert_eq!(
            (promised == 1, intent.state == IntentState::RequiresCapture),
            (kept, kept),
            "{name}"
        );
        assert!(
            kept || state == AttemptState::Voiding,
            "money that came is kept or let go, never forgotten: {state:?} in {name}"
        );
    }
}

thread_local! {
    /// One database for a test that needs hundreds of payments and no clock.
    static SHARED: std::rc::Rc<Bank> = std::rc::Rc::new(bank());
}

fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(count - 1);
    shorter
        .iter()
        .flat_map(|rest| {
            (0..count).map(move |at| {
                let mut all = rest.clone();
                all.insert(at, count - 1);
                all
            })
        })
        .collect()
}

#[test]
fn p6_an_old_attempt_that_fails_late_does_not_touch_the_new_one() {
    let bank = bank();
    bank.open("A", 2_000);
    let Start::Sending(first) = bank.start("A", "sandbox", "tok_visa") else {
        panic!("a new payment starts")
    };
    bank.record(
        first.id,
        Operation::Authorize,
        &Answer::NotSent {
            detail: "no route".into(),
        },
    );
    let Start::Sending(second) = bank.start("A", "sandbox", "tok_visa") else {
        panic!("a payment that never left may be tried again")
    };
    let declined = Answer::Declined {
        payment: "p".into(),
        decline: Decline::Soft("do_not_honor"),
    };
    assert!(!bank.record(first.id, Operation::Authorize, &declined).changed);
    assert_eq!(bank.intent("A").state, IntentState::Processing);
    let amount = Money::new(2_000, Currency::EUR);
    let late = Answer::Authorized {
        payment: "p1".into(),
        reference: first.reference(),
        amount,
        capture_before: None,
        once: false,
        card: None,
    };
    let right = Answer::Authorized {
        payment: "p2".into(),
        reference: second.reference(),
        amount,
        capture_before: None,
        once: false,
        card: None,
    };
    assert_eq!(
        bank.record(first.id, Operation::Authorize, &late).state,
        AttemptState::Voiding,
        "I10: the loser is let go"
    );
    assert_eq!(
        bank.record(second.id, Operation::Authorize, &right).state,
        AttemptState::Authorized
    );
}

#[test]
fn p17_the_processors_reference_leads_to_the_order() {
    let mut bank = bank();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(bank.act(&["authorize", "order=A", "20.00"]));
    let reference = bank.sandbox.books().payments().next().unwrap().reference().to_owned();
    let (checkout, n) = read_reference(&reference).unwrap();
    assert_eq!((checkout.order(), n), (Bank::checkout("A").order(), 1));
    for bad in [
        "",
        "chk_x/1",
        "ord_01h455vb4pex5vsknk084sn02q/1",
        &checkout.to_string(),
        &format!("{checkout}/x"),
    ] {
        assert!(read_reference(bad).is_none(), "{bad}");
    }
}

#[test]
fn p18_a_key_belongs_to_one_operation_for_ever() {
    let bank = bank();
    bank.open("A", 2_000);
    let Start::Sending(attempt) = bank.start("A", "sandbox", "tok_visa") else {
        panic!("a new payment starts")
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let first = runtime.block_on(authorize_ask(&bank.app, &attempt));
    assert_eq!(
        runtime.block_on(authorize_ask(&bank.app, &attempt)),
        first,
        "the same key and body is the same answer"
    );
    let other = Attempt {
        amount: Money::new(2_001, Currency::EUR),
        ..attempt.clone()
    };
    assert!(
        matches!(
            runtime.block_on(authorize_ask(&bank.app, &other)),
            Answer::Refused { .. }
        ),
        "the same key with another body is refused"
    );
    assert_eq!(bank.sandbox.books().payments().count(), 1);
    let keys = [Operation::Authorize, Operation::Void].map(|operation| attempt.key(operation));
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn p21_amounts_nobody_can_charge_are_refused_before_anything_is_written() {
    let bank = bank();
    let shop = bank.shop;
    for (total, code) in [
        (-1, "amount_too_small"),
        (100_000_000, "amount_too_large"),
        (i64::MAX, "amount_too_large"),
    ] {
        let legs = vec![AllocatedLeg {
            account: creator(),
            purpose: Purpose::Share,
            minor: total,
        }];
        let allocation = Allocation {
            lines: vec![AllocatedPart { quantity: 1, legs }],
            delivery: None,
            processor_fee: FeeBearer::Shop,
        };
        let intent = OpenIntent {
            shop,
            checkout: Bank::checkout("A"),
            amount: Money::new(total, Currency::EUR),
            allocation,
        };
        let error = bank.write(move |tx| open(tx, &intent)).unwrap_err();
        assert!(error.code == code || total < 0, "{total}: {}", error.code);
    }
    let free = OpenIntent {
        shop,
        checkout: Bank::checkout("B"),
        amount: Money::new(0, Currency::EUR),
        allocation: split(1),
    };
    let free = OpenIntent {
        allocation: Allocation {
            lines: Vec::new(),
            ..free.allocation.clone()
        },
        ..free
    };
    bank.write(move |tx| open(tx, &free)).unwrap();
    assert_eq!(bank.intent("B").state, IntentState::Succeeded, "nothing to pay is paid");
    assert!(matches!(bank.start("B", "sandbox", "tok_visa"), Start::NotPayable));
}

#[test]
fn another_price_before_the_first_try_replaces_the_amount_and_after_it_does_not() {
    let bank = bank();
    bank.open("A", 2_000);
    bank.open("A", 2_500);
    assert_eq!(bank.intent("A").amount.minor, 2_500);
    let Start::Sending(_) = bank.start("A", "sandbox", "tok_visa") else {
        panic!("a new payment starts")
    };
    let dearer = OpenIntent {
        shop: bank.shop,
        checkout: Bank::checkout("A"),
        amount: Money::new(2_600, Currency::EUR),
        allocation: split(2_600),
    };
    let error = bank.write(move |tx| open(tx, &dearer)).unwrap_err();
    assert_eq!(error.code, "payment_begun");
}

#[test]
fn l2_captured_money_and_its_transfer_exist_together() {
    let mut bank = bank();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        bank.act(&["authorize", "order=A", "20.00"]).await;
        bank.act(&["capture", "order=A", "12.00"]).await;
        bank.act(&["faults", "timeout_then_ok=1000"]).await;
        bank.act(&["capture", "order=A", "5.00"]).await;
        bank.act(&["refund", "order=A", "2.00"]).await;
    });
    let (shop, id, order) = (bank.shop, Bank::checkout("A").intent(), Bank::checkout("A").order());
    let (lines, transfers) = bank
        .read(move |tx| Ok((captures(tx, id)?, ledger::transfers_of_order(tx, shop, order)?)))
        .unwrap();
    for line in lines {
        let posted = transfers
            .iter()
            .any(|transfer| transfer.source_kind == "capture" && transfer.source_id == line.id.uuid());
        assert_eq!(posted, line.state == CaptureState::Succeeded);
    }
    assert_eq!(transfers.len(), 1, "what is unknown is not in the ledger");
}

#[test]
fn l5_the_same_capture_posted_again_adds_nothing() {
    let bank = bank();
    let shop = bank.shop;
    let posting = move || Posting {
        shop,
        source_kind: "capture",
        source_id: number("capture"),
        order: None,
        currency: Currency::EUR,
        legs: vec![Leg {
            debit: AccountKey::of(AccountKind::ProcessorClearing),
            credit: creator(),
            minor: 100,
            purpose: "share",
        }],
    };
    for _ in 0..3 {
        bank.write(move |tx| ledger::post(tx, &posting())).unwrap();
    }
    assert_eq!(bank.balance(creator()), 100);
}

#[test]
fn the_fee_is_borne_as_the_contract_says() {
    let party =
        |number: u128| AccountKey::party(AccountKind::PartyPayable, PartyId::from_uuid(Uuid::from_u128(number)));
    let leg = |number, account, minor| PlannedLeg {
        part: Part::Line(0),
        leg: number,
        account,
        purpose: Purpose::Share,
        minor,
    };
    let captured = [
        leg(0, party(1), 600),
        leg(1, party(2), 300),
        leg(2, AccountKey::of(AccountKind::ShopRevenue), 100),
    ];
    let bear = |processor_fee| {
        let allocation = Allocation {
            lines: Vec::new(),
            delivery: None,
            processor_fee,
        };
        let legs = allocation.fee_legs(&captured, 31);
        legs.iter().map(|leg| (leg.debit, leg.minor)).collect::<Vec<_>>()
    };
    let fees = AccountKey::of(AccountKind::ProcessorFees);
    assert_eq!(bear(FeeBearer::Shop), [(fees, 31)]);
    assert_eq!(
        bear(FeeBearer::Party(PartyId::from_uuid(Uuid::from_u128(2)))),
        [(party(2), 31)]
    );
    assert_eq!(bear(FeeBearer::Everyone), [(party(1), 19), (party(2), 9), (fees, 3)]);
}

// The allocator ------------------------------------------------------------------------------------------------------------------

/// Plays refunds through an allocator; `None` if it ever broke a rule of L3.
fn play(shares: &[i64], cuts: &[u16], allocate: fn(&[i64], &[i64], i64) -> Vec<i64>) -> Option<()> {
    let total: i64 = shares.iter().sum();
    let mut already = vec![0; shares.len()];
    let mut left = total;
    let last = [u16::MAX];
    for cut in cuts.iter().chain(&last) {
        let amount = if *cut == u16::MAX {
            left
        } else {
            i64::try_from(i128::from(left) * i128::from(*cut) / i128::from(u16::MAX)).unwrap()
        };
        let given = allocate(shares, &already, amount);
        (given.iter().sum::<i64>() == amount).then_some(())?;
        given.iter().all(|minor| *minor >= 0).then_some(())?;
        already
            .iter_mut()
            .zip(&given)
            .for_each(|(already, given)| *already += given);
        already
            .iter()
            .zip(shares)
            .all(|(already, share)| already <= share)
            .then_some(())?;
        left -= amount;
    }
    (already == shares).then_some(())
}

fn clamped(shares: &[i64], already: &[i64], amount: i64) -> Vec<i64> {
    allocate(shares, already, amount).unwrap()
}

/// Rounds each share of each refund on its own.
fn naive_rounding(shares: &[i64], _: &[i64], amount: i64) -> Vec<i64> {
    let total: i64 = shares.iter().sum::<i64>().max(1);
    shares
        .iter()
        .map(|share| {
            i64::try_from((i128::from(amount) * i128::from(*share) * 2 + i128::from(total)) / (2 * i128::from(total)))
                .unwrap()
        })
        .collect()
}

/// Splits each refund exactly by largest remainder, and forgets the ones before.
fn naive_remainder(shares: &[i64], _: &[i64], amount: i64) -> Vec<i64> {
    let weights: Vec<u64> = shares.iter().map(|share| share.unsigned_abs()).collect();
    crate::kernel::apportion(amount, &weights)
}

/// A cheap stream of random cases, for the long run.
fn sequences(count: u64, mut check: impl FnMut(&[i64], &[u16])) {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..count {
        let parts = 1 + next() % 6;
        let size = [3, 100, 10_000, 90_000_000][usize::try_from(next() % 4).unwrap()];
        let shares: Vec<i64> = (0..parts).map(|_| i64::try_from(next() % size).unwrap()).collect();
        let cuts: Vec<u16> = (0..next() % 9)
            .map(|_| u16::try_from(next() % 65_535).unwrap())
            .collect();
        check(&shares, &cuts);
    }
}

/// How many sequences to play: 10^5 in the test command, 10^6 and more by hand.
fn many() -> u64 {
    std::env::var("HAWKER_SEQUENCES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(100_000)
}

#[test]
fn l3_any_number_of_partial_refunds_is_exact_and_the_last_restores_every_share() {
    sequences(many(), |shares, cuts| {
        assert!(play(shares, cuts, clamped).is_some(), "{shares:?} {cuts:?}")
    });
}

#[test]
fn l3_the_naive_ways_are_found_out() {
    for naive in [naive_rounding as fn(&[i64], &[i64], i64) -> Vec<i64>, naive_remainder] {
        let mut broken = 0;
        sequences(2_000, |shares, cuts| {
            broken += u32::from(play(shares, cuts, naive).is_none())
        });
        assert!(
            broken > 100,
            "a naive allocator survived: {broken} of 2000 sequences broke it"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn l3_even_a_crooked_past_is_paid_exactly(parts in prop::collection::vec((0i64..5_000, 0u16..=1_000), 1..8), cut in 0u16..=1_000) {
        let shares: Vec<i64> = parts.iter().map(|(share, _)| *share).collect();
        let already: Vec<i64> = parts.iter().map(|(share, part)| share * i64::from(*part) / 1_000).collect();
        let left: i64 = shares.iter().sum::<i64>() - already.iter().sum::<i64>();
        let amount = left * i64::from(cut) / 1_000;
        let given = allocate(&shares, &already, amount).unwrap();
        prop_assert_eq!(given.iter().sum::<i64>(), amount);
        for ((share, already), given) in shares.iter().zip(&already).zip(&given) {
            prop_assert!(*given >= 0 && already + given <= *share);
        }
        prop_assert!(allocate(&shares, &already, left + 1).is_err());
        prop_assert!(allocate(&shares, &already, -1).is_err());
    }

    #[test]
    fn l4_captures_in_any_order_take_every_share_exactly(
        legs in prop::collection::vec(0i64..10_000, 1..6), quantity in 1u32..9, steps in prop::collection::vec(1u32..4, 0..9),
    ) {
        let part = AllocatedPart {
            quantity,
            legs: legs.iter().map(|minor| AllocatedLeg { account: creator(), purpose: Purpose::Share, minor: *minor }).collect(),
        };
        let allocation = Allocation { lines: vec![part], delivery: None, processor_fee: FeeBearer::Shop };
        let mut taken: Vec<PlannedLeg> = Vec::new();
        let mut units = 0;
        for step in steps.into_iter().chain([quantity]) {
            units = (units + step).min(quantity);
            let planned = allocation.capture(&taken, &[(Part::Line(0), units)]).unwrap();
            prop_assert_eq!(&allocation.capture(&[&taken[..], &planned[..]].concat(), &[(Part::Line(0), units)]).unwrap(), &Vec::new());
            taken.extend(planned);
        }
        for (number, minor) in (0..).zip(&legs) {
            prop_assert_eq!(taken.iter().filter(|leg| leg.leg == number).map(|leg| leg.minor).sum::<i64>(), *minor);
        }
    }
}

#[test]
fn p20_a_renewal_that_loses_the_race_for_its_payment_uses_up_nothing_of_the_card() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut bank = bank();
    runtime.block_on(async {
        assert_eq!(bank.act(&["authorize", "30.00"]).await, "ok");
    });
    let id = Bank::checkout("A").intent();
    let tried = |bank: &Bank, seen: u32| {
        bank.write(move |tx| {
            let promise = latest_attempt(tx, id)?.unwrap();
            let intent = Intent {
                attempts: seen,
                ..intent(tx, id)?.unwrap()
            };
            Ok(renew::begin(tx, &intent, &promise)?.is_some())
        })
        .unwrap()
    };
    let shop = bank.shop;
    let card: [u8; 32] = Sha256::digest("sandbox tok_visa").into();
    let asks = |bank: &Bank| bank.read(move |tx| store::card_asks(tx, shop, card)).unwrap();
    for _ in 0..3 {
        assert!(!tried(&bank, 7), "somebody else began a try meanwhile");
    }
    assert_eq!(asks(&bank), 0);
    assert!(tried(&bank, 1));
    assert_eq!(asks(&bank), 1);
}

#[test]
fn p15_a_refund_that_was_not_sent_is_sent_and_one_that_is_unknown_is_asked_about() {
    check(
        "
        authorize order=A  20.00 -> ok
        capture   order=A  12.00 -> ok
        faults    not_sent=1000
        refund    order=A   2.00 -> not_sent
        faults    timeout_then_ok=1000
        refund    order=A   3.00 -> unknown
        faults    lost=1000
        refund    order=A   4.00 -> unknown
        faults    none
        truth     order=A  -> requires_capture:12.00:3.00
        refund    order=A   4.00 -> again
        wait      11s
        truth     order=A  -> requires_capture:12.00:9.00
        wait      3600s
        truth     order=A  -> requires_capture:12.00:9.00
        balance   creator  -> 2.70
        ",
    );
}

/// Five payments wait for a processor that is slow, and one for another: its answer is recorded, and the round ends.
#[test]
fn i16_a_slow_processor_holds_up_only_its_own_payments() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut bank = bank();
    for n in 0..5 {
        let order = format!("slow {n}");
        bank.open(&order, 2_000);
        assert!(matches!(bank.start(&order, "slow", "tok"), Start::Sending(_)));
    }
    bank.pass(1);
    runtime.block_on(async {
        assert_eq!(bank.act(&["ask", "order=B", "20.00"]).await, "sending");
        bank.act(&["wait", "61s"]).await;
        assert_eq!(bank.act(&["intent", "order=B"]).await, "requires_capture");
    });
    let asked = (0..5).filter(|n| bank.intent(&format!("slow {n}")).state == IntentState::Unknown);
    assert_eq!(asked.count(), 2, "as many as fit into a round; the others stay due");
    for round in 0..2 {
        runtime.block_on(resolve(&bank.app, nothing_follows)).unwrap();
        let asked = (0..5).filter(|n| bank.intent(&format!("slow {n}")).state == IntentState::Unknown);
        assert!(asked.count() > 2 + round, "and have their turn");
    }
}

#[test]
fn i16_a_buyer_at_the_bank_of_a_processor_that_is_gone_is_a_persons_turn_in_the_end() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let bank = bank();
    let answers = [
        Answer::RequiresAction {
            payment: "p".into(),
            url: "https://bank.example".into(),
        },
        Answer::Pending { payment: "p".into() },
    ];
    for (order, answer) in ["A", "B"].into_iter().zip(answers) {
        bank.open(order, 2_000);
        let Start::Sending(attempt) = bank.start(order, "gone", "tok") else {
            panic!("a new payment starts")
        };
        bank.record(attempt.id, Operation::Authorize, &answer);
    }
    let shop = bank.shop;
    let listed = |bank: &Bank| bank.read(move |tx| stuck(tx, shop)).unwrap().len();
    bank.pass(61);
    runtime.block_on(resolve(&bank.app, nothing_follows)).unwrap();
    assert_ne!(
        bank.intent("A").state,
        IntentState::Unknown,
        "they may be reading their bank's page"
    );
    for _ in 0..12 {
        bank.pass(86_400);
        runtime.block_on(resolve(&bank.app, nothing_follows)).unwrap();
    }
    for order in ["A", "B"] {
        assert_eq!(bank.intent(order).state, IntentState::Unknown);
    }
    assert_eq!(listed(&bank), 2);
}

/// Units were canceled while the money of the others was being taken: nobody said that it was the last part.
#[test]
fn p8_what_is_promised_for_canceled_units_is_let_go_once_the_rest_is_taken() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut bank = bank();
    runtime.block_on(async {
        assert_eq!(bank.act(&["authorize", "order=A", "20.00"]).await, "ok");
        assert_eq!(bank.act(&["capture", "order=A", "12.00", "act=1"]).await, "sending");
        let id = Bank::checkout("A").intent();
        assert!(bank.write(move |tx| let_go_part(tx, id, 800)).unwrap());
        bank.act(&["wait", "61s"]).await;
        bank.act(&["wait", "1s"]).await;
        assert_eq!(bank.act(&["intent", "order=A"]).await, "succeeded");
        assert_eq!(bank.act(&["attempt", "order=A"]).await, "voided");
        assert_eq!(bank.act(&["truth", "order=A"]).await, "succeeded:12.00:0.00");
    });
    bank.all_is_well();
}
