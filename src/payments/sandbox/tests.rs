//! The sandbox is strict, and remembers.

use super::books::{NewPayment, Object};
use super::*;
use crate::kernel::{Currency, Seconds, Session, Time};
use std::collections::BTreeMap;

const NOW: Time = Time(1_790_000_000_000_000);

fn new(method: &str) -> NewPayment {
    NewPayment {
        amount: 2_000,
        currency: Currency::EUR,
        automatic: false,
        method: method.into(),
        confirm: true,
        metadata: BTreeMap::from([("reference".into(), "ours".into())]),
        return_url: String::new(),
        customer: String::new(),
        keep: false,
        description: String::new(),
        session: Session::Buyer,
    }
}

fn promised(books: &mut Books) -> String {
    books.create(new("tok_visa"), NOW).unwrap().payment().id.clone()
}

fn code(outcome: books::Outcome) -> String {
    outcome.unwrap_err().code
}

#[test]
fn nothing_is_taken_above_the_promise_or_after_it_ended() {
    let mut books = Books::default();
    let id = promised(&mut books);
    let none = BTreeMap::new();
    assert_eq!(
        code(books.capture(&id, Some(2_001), true, &none, NOW)),
        "amount_too_large"
    );
    assert_eq!(code(books.capture(&id, Some(0), true, &none, NOW)), "amount_too_large");
    books.capture(&id, Some(1_500), false, &none, NOW).unwrap();
    assert_eq!(
        code(books.capture(&id, Some(501), false, &none, NOW)),
        "amount_too_large"
    );
    books.capture(&id, Some(100), true, &none, NOW).unwrap();
    assert_eq!(
        code(books.capture(&id, Some(1), true, &none, NOW)),
        "payment_intent_unexpected_state"
    );
    assert_eq!(code(books.cancel(&id, NOW)), "payment_intent_unexpected_state");

    let canceled = promised(&mut books);
    books.cancel(&canceled, NOW).unwrap();
    assert_eq!(
        code(books.capture(&canceled, None, true, &none, NOW)),
        "payment_intent_unexpected_state"
    );

    let lapsed = promised(&mut books);
    let later = NOW.plus(Seconds::days(7));
    assert_eq!(
        code(books.capture(&lapsed, None, true, &none, later)),
        "charge_expired_for_capture"
    );
    assert_eq!(books.look(&lapsed, later).unwrap().state, PaymentState::Canceled);
}

#[test]
fn nothing_goes_back_twice() {
    let mut books = Books::default();
    let id = promised(&mut books);
    let none = BTreeMap::new();
    assert_eq!(
        code(books.refund(&id, None, none.clone(), NOW)),
        "payment_intent_unexpected_state"
    );
    books.capture(&id, Some(1_000), false, &none, NOW).unwrap();
    assert_eq!(
        code(books.refund(&id, Some(1_001), none.clone(), NOW)),
        "amount_too_large"
    );
    books.refund(&id, Some(400), none.clone(), NOW).unwrap();
    books.refund(&id, None, none.clone(), NOW).unwrap();
    assert_eq!(code(books.refund(&id, Some(1), none, NOW)), "charge_already_refunded");
}

#[test]
fn p18_a_key_is_one_request_for_ever_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.jsonl");
    let first = {
        let mut books = Books::open(&path).unwrap();
        let first = books.once(Some("k"), "authorize".into(), |books| {
            books.create(new("tok_visa"), NOW)
        });
        assert_eq!(
            books.once(Some("k"), "authorize".into(), |_| panic!("it was done")),
            first
        );
        let declined = books.once(Some("d"), "authorize".into(), |books| {
            books.create(new("tok_stolen"), NOW)
        });
        assert_eq!(declined.unwrap_err().decline.as_deref(), Some("stolen_card"));
        first
    };
    // A command beside a running server reads its books and leaves them alone.
    {
        let server = Books::open(&path).unwrap();
        let beside = Books::open(&path).unwrap();
        assert_eq!((server.payments().count(), beside.payments().count()), (2, 2));
    }
    // A killed process leaves half a line.
    let mut text = std::fs::read(&path).unwrap();
    let whole = text.len();
    text.extend_from_slice(b"{\"payments\":[{\"id\":\"pi_0000");
    std::fs::write(&path, &text).unwrap();

    let mut books = Books::open(&path).unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().len(),
        whole as u64,
        "the torn line is cut off"
    );
    assert_eq!(
        books.once(Some("k"), "authorize".into(), |_| panic!("it was done")),
        first
    );
    let other = books.once(Some("k"), "capture".into(), |_| panic!("it is another request"));
    assert_eq!(other.unwrap_err().kind, "idempotency_error");
    assert_eq!(books.payments().count(), 2);
    let Ok(Object::Payment(payment)) = first else {
        panic!("a good card is promised")
    };
    assert_eq!(books.payment(&payment.id), Some(payment.as_ref()));
}

#[test]
fn a_bank_that_asks_back_believes_the_first_answer() {
    let mut books = Books::default();
    let id = books.create(new("tok_3ds"), NOW).unwrap().payment().id.clone();
    assert_eq!(books.payment(&id).unwrap().state, PaymentState::RequiresAction);
    assert_eq!(
        books.answer_challenge(&id, true, NOW).unwrap().state,
        PaymentState::RequiresCapture
    );
    assert_eq!(
        books.answer_challenge(&id, false, NOW).unwrap().state,
        PaymentState::RequiresCapture
    );
    let refused = books.create(new("tok_3ds"), NOW).unwrap().payment().id.clone();
    assert_eq!(
        books.answer_challenge(&refused, false, NOW).unwrap().decline.as_deref(),
        Some("authentication_failed")
    );
    assert!(books.answer_challenge("pi_nothing", true, NOW).is_none());
}

#[test]
fn a_card_that_was_not_kept_cannot_be_used_a_second_time_and_a_kept_one_only_by_its_customer() {
    let mut books = Books::default();
    let used = books.create(new("pm_card_visa"), NOW).unwrap().payment().made.clone();
    assert!(used.starts_with("pm_") && used != "pm_card_visa");
    let again = books.create(new(&used), NOW).unwrap_err();
    assert_eq!((again.status, again.kind.as_str()), (400, "invalid_request_error"));
    assert!(again.message.contains("It may not be used again."), "{}", again.message);

    let owner = books.customer("smt_1", BTreeMap::new(), NOW).unwrap().id;
    assert_eq!(
        books.customer("smt_1", BTreeMap::new(), NOW).unwrap().id,
        owner,
        "asked twice, one customer"
    );
    let other = books.customer("smt_2", BTreeMap::new(), NOW).unwrap().id;
    let keep = |method: &str, customer: &str, keep| NewPayment {
        customer: customer.into(),
        keep,
        ..new(method)
    };
    assert_eq!(code(books.create(keep("tok_visa", "", true), NOW)), "parameter_missing");
    assert_eq!(
        code(books.create(keep("tok_visa", "cus_unheard_of", true), NOW)),
        "resource_missing"
    );
    // A card that is declined is kept for nobody.
    let declined = books
        .create(keep("tok_declined", &owner, true), NOW)
        .unwrap_err()
        .payment
        .unwrap();
    assert!(books.create(keep(&declined.made, &owner, false), NOW).is_err());

    let kept = books
        .create(keep("tok_visa", &owner, true), NOW)
        .unwrap()
        .payment()
        .made
        .clone();
    for stranger in ["", other.as_str()] {
        let refused = books.create(keep(&kept, stranger, false), NOW).unwrap_err();
        assert!(
            refused.message.contains("must be attached to the customer"),
            "{}",
            refused.message
        );
    }
    for _ in 0..2 {
        let paid = books.create(keep(&kept, &owner, false), NOW).unwrap();
        assert_eq!(
            (paid.payment().state, paid.payment().made.as_str()),
            (PaymentState::RequiresCapture, "")
        );
    }
    books.detach(&kept).unwrap();
    assert!(books.create(keep(&kept, &owner, false), NOW).is_err());
    assert!(books.detach(&kept).is_err(), "there is nothing to detach");
}

#[test]
fn a_card_whose_bank_asks_back_is_kept_once_it_is_confirmed() {
    let mut books = Books::default();
    let owner = books.customer("smt_1", BTreeMap::new(), NOW).unwrap().id;
    let asked = books
        .create(
            NewPayment {
                customer: owner.clone(),
                keep: true,
                ..new("tok_3ds")
            },
            NOW,
        )
        .unwrap();
    let (payment, made) = (asked.payment().id.clone(), asked.payment().made.clone());
    assert_eq!(books.method(&made).unwrap().customer, "");
    books.answer_challenge(&payment, true, NOW).unwrap();
    assert_eq!(books.method(&made).unwrap().customer, owner);
}

#[test]
fn kept_cards_outlive_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("books.journal");
    let (owner, kept) = {
        let mut books = Books::open(&path).unwrap();
        let owner = books.customer("smt_1", BTreeMap::new(), NOW).unwrap().id;
        let new = NewPayment {
            customer: owner.clone(),
            keep: true,
            ..new("tok_visa")
        };
        let kept = books
            .once(Some("k"), "f".into(), |books| books.create(new, NOW))
            .unwrap();
        (owner, kept.payment().made.clone())
    };
    let books = Books::open(&path).unwrap();
    assert_eq!(books.method(&kept).unwrap().customer, owner);
}
