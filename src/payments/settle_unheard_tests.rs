//! What a person says in the place of a processor that cannot be asked, and what it says afterwards: one table.

use super::processors::{Adyen, AdyenSettings};
use super::*;
use crate::app::App;
use crate::fixture::Fixture;
use crate::kernel::{
    AdjustmentId, Answer, CheckoutId, Currency, Mail, MailError, Mailer, Money, Processor, Rate, Result,
};
use crate::ledger::{AccountKey, AccountKind};
use std::sync::Arc;

struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _: &Mail) -> Result<(), MailError> {
        Ok(())
    }
}

fn wait<T>(story: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(story)
}

fn program(fixture: &Fixture) -> App {
    let settings = AdyenSettings {
        url: "http://127.0.0.1:1/v71".into(),
        api_key: String::new(),
        merchant_account: String::new(),
        hmac_keys: "0a0b".into(),
        fee: (Rate(150), 25),
    };
    let adyen: Arc<dyn Processor> = Arc::new(Adyen::new(settings).unwrap());
    fixture.app(vec![adyen], Arc::new(NoMail))
}

const PAID: Money = Money::new(2000, Currency::EUR);

/// A payment that was promised, and of which a capture was asked for and not answered; or one that was taken, and its refund was not.
fn waiting(fixture: &Fixture, refund: bool) -> (CheckoutId, Operation, Attempt) {
    let shop = fixture.shop;
    fixture.write(move |tx| {
        let checkout: CheckoutId = tx.id();
        let leg = AllocatedLeg {
            account: AccountKey::of(AccountKind::ShopRevenue),
            purpose: Purpose::Share,
            minor: PAID.minor,
        };
        let wish = OpenIntent {
            shop,
            checkout,
            amount: PAID,
            allocation: Allocation {
                lines: vec![AllocatedPart {
                    quantity: 1,
                    legs: vec![leg],
                }],
                delivery: None,
                processor_fee: FeeBearer::Shop,
            },
        };
        let by = By {
            processor: "adyen",
            method: "card",
            token: "visa",
            terms: Terms::NONE,
        };
        let Start::Sending(attempt) = open_and_start(tx, &wish, by)? else {
            panic!("a new payment starts")
        };
        let promised = Answer::Authorized {
            payment: "PSP1".into(),
            reference: attempt.reference(),
            amount: PAID,
            capture_before: None,
            once: false,
            card: None,
        };
        record(tx, attempt.id, Operation::Authorize, &promised)?;
        let plan = capture_plan(tx, checkout.intent(), &[(Part::Line(0), 1)], true)?;
        let shipment = tx.id();
        let CaptureBegin::Sending(capture) = capture_begin(tx, checkout.intent(), shipment, &plan)? else {
            panic!("a promise is taken")
        };
        let received = Answer::Pending { payment: "PSP1".into() };
        let mut operation = Operation::Capture(capture.id);
        if refund {
            record(tx, attempt.id, operation, &done(&attempt, false))?;
            let adjustment: AdjustmentId = tx.id();
            let plan = refund_plan(tx, checkout.intent(), &RefundOf::Rest)?;
            let RefundBegin::Sending(refund) = refund_begin(tx, checkout.intent(), adjustment, &plan)? else {
                panic!("what was taken can go back")
            };
            operation = Operation::Refund(refund.id);
        }
        record(tx, attempt.id, operation, &received)?;
        Ok((checkout, operation, attempt))
    })
}

fn done(attempt: &Attempt, refund: bool) -> Answer {
    let (payment, reference, operation) = ("PSP1".to_owned(), attempt.reference(), "PSPOWN".to_owned());
    if refund {
        return Answer::Refunded {
            payment,
            reference,
            operation,
            amount: PAID,
        };
    }
    Answer::Captured {
        payment,
        reference,
        operation,
        amount: PAID,
        fee: Money::new(55, Currency::EUR),
    }
}

#[test]
fn p2_i16_what_a_person_says_in_a_processors_place_and_what_it_says_later_is_one_table() {
    if std::env::var("HAWKER_TEST_ENGINE").is_ok() {
        return; // The clock there is the server's.
    }
    use Decision::{DidNotHappen, Happened};
    // Money back or not, what the person says, whether the processor later says that it was done: taken and given back, in conflict or not.
    let rows = [
        (false, Happened, true, (2000, 0), false),
        (false, Happened, false, (2000, 0), true),
        (false, DidNotHappen, true, (0, 0), true),
        (false, DidNotHappen, false, (0, 0), false),
        (true, Happened, true, (2000, 2000), false),
        (true, Happened, false, (2000, 2000), true),
        (true, DidNotHappen, true, (2000, 0), true),
        (true, DidNotHappen, false, (2000, 0), false),
    ];
    for (refund, decision, later_done, (taken, back), conflict) in rows {
        let row = format!("refund {refund}, {decision:?}, later done {later_done}");
        let fixture = Fixture::new(); // A jump of the clock belongs to one row.
        let app = program(&fixture);
        let (checkout, operation, attempt) = waiting(&fixture, refund);
        let id = checkout.intent();
        let processors = app.processors.clone();
        let open = fixture.write(move |tx| unheard(tx, &processors, id));
        assert_eq!(
            (open.len(), open[0].is_refund, open[0].amount),
            (1, refund, PAID),
            "{row}"
        );
        let say = |minutes: i64, of: &str| {
            fixture.pass(minutes);
            let seen = fixture.write(move |tx| Ok(intent(tx, id)?.unwrap().version));
            let decided = Decided {
                decision,
                version: seen,
                who: Who {
                    name: "Mira".into(),
                    principal: "stf".into(),
                },
                reason: "Looked at its pages.".into(),
                of: of.to_owned(),
                reference: "PSPOWN".into(),
            };
            wait(settle(&app, fixture.shop, id, decided, |_, _| Ok(()))).unwrap()
        };
        assert!(
            matches!(say(0, &open[0].of), Settle::NotProven(_)),
            "{row}: the request is still repeated"
        );
        assert_eq!(say(6 * 24 * 60, "cap_of_nobody"), Settle::NotConflicted, "{row}");
        assert!(matches!(say(0, &open[0].of), Settle::Settled(_)), "{row}");
        assert_eq!(say(0, &open[0].of), Settle::NotConflicted, "{row}: said is said");
        let later = match later_done {
            true => done(&attempt, refund),
            false => Answer::Refused { detail: "no".into() },
        };
        for _ in 0..2 {
            let later = later.clone();
            fixture.write(move |tx| record(tx, attempt.id, operation, &later).map(drop));
        }
        let now = fixture.write(move |tx| Ok(intent(tx, id)?.unwrap()));
        assert_eq!((now.captured_minor, now.refunded_minor), (taken, back), "{row}");
        assert_eq!(now.state == IntentState::Conflicted, conflict, "{row}");
        // It was asked for once, whoever answered: never more than that is set aside.
        assert_eq!((now.capture_pending_minor, now.refund_pending_minor), (0, 0), "{row}");
    }
}
