//! The adapter for Stripe's wire format against the sandbox server that speaks it: both ends of the wire, over a real socket.

use crate::harness::Client;
use hawker::db::SystemClock;
use hawker::kernel::{
    About, Answer, Ask, Clock, Currency, Decline, DisputeAnswer, DisputeAsk, DisputeStage, DisputeTold, Heard, Money,
    Processor, Rate, Reuse, Session,
};
use hawker::payments::processors::{Stripe, StripeSettings};
use hawker::payments::sandbox::{Faults, ServerSettings, router};
use std::sync::Arc;
use std::time::Duration;

struct Wire {
    stripe: Stripe,
    url: String,
}

async fn wire(faults: &str) -> Wire {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}");
    let settings = ServerSettings {
        listen: address,
        journal: None,
        faults: Faults::parse(1, faults).unwrap(),
        webhook: None,
        hang: Duration::from_millis(100),
    };
    let router = router(settings, Arc::new(SystemClock::default()), url.clone()).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = StripeSettings {
        url: url.clone(),
        api_key: "sk_test_it".into(),
        webhook_secret: "whsec_it".into(),
        fee: (Rate(150), 25),
    };
    Wire {
        stripe: Stripe::new(settings).unwrap(),
        url,
    }
}

fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::EUR)
}

fn authorize(key: &str, reference: &str, amount: Money, token: &str) -> Ask {
    Ask::Authorize {
        key: key.into(),
        reference: reference.into(),
        amount,
        token: token.into(),
        return_url: "http://127.0.0.1:9/back".into(),
        session: Session::Buyer,
        reuse: Reuse::Once,
    }
}

fn capture(key: &str, payment: &str, amount: Money, last: bool) -> Ask {
    Ask::Capture {
        key: key.into(),
        reference: "ours/1".into(),
        payment: payment.into(),
        amount,
        last,
    }
}

fn refund(key: &str, payment: &str, amount: Money) -> Ask {
    Ask::Refund {
        key: key.into(),
        reference: "ours/1".into(),
        payment: payment.into(),
        amount,
    }
}

async fn promised(wire: &Wire, amount: Money) -> String {
    match wire.stripe.ask(&authorize("k1", "ours/1", amount, "tok_visa")).await {
        Answer::Authorized {
            payment,
            reference,
            amount: promised,
            capture_before: Some(_),
            once: false,
            card: None,
        } => {
            assert_eq!((reference.as_str(), promised), ("ours/1", amount));
            payment
        }
        other => panic!("{other:?}"),
    }
}

/// `multicapture.status` of the charge, as Stripe's page on it has it: whether a promise can be taken in parts depends on the account and the card.
#[tokio::test]
async fn p10_a_promise_says_itself_that_it_can_be_taken_only_once() {
    let wire = wire("").await;
    for (key, token, taken_once) in [("k1", "tok_visa", false), ("k2", "tok_one_capture", true)] {
        let reference = format!("ours/{key}");
        let answer = wire.stripe.ask(&authorize(key, &reference, eur(2_000), token)).await;
        assert!(
            matches!(&answer, Answer::Authorized { once, .. } if *once == taken_once),
            "{token}: {answer:?}"
        );
        let found = wire.stripe.ask(&Ask::Find { reference }).await;
        assert!(
            matches!(&found, Answer::Authorized { once, .. } if *once == taken_once),
            "{token}, asked later: {found:?}"
        );
    }
}

#[tokio::test]
async fn money_is_promised_taken_in_parts_and_given_back_over_the_wire() {
    let wire = wire("").await;
    let payment = promised(&wire, eur(2_000)).await;
    assert_eq!(
        promised(&wire, eur(2_000)).await,
        payment,
        "the same key is the same payment"
    );

    let Answer::Captured {
        reference, amount, fee, ..
    } = wire.stripe.ask(&capture("c1", &payment, eur(1_200), false)).await
    else {
        panic!("a part of the promise is taken")
    };
    assert_eq!((reference.as_str(), amount, fee), ("ours/1", eur(1_200), eur(43)));
    let too_much = wire.stripe.ask(&capture("c2", &payment, eur(801), false)).await;
    assert!(matches!(too_much, Answer::Refused { .. }), "{too_much:?}");
    let rest = wire.stripe.ask(&capture("c3", &payment, eur(800), true)).await;
    assert!(
        matches!(rest, Answer::Captured { amount, .. } if amount == eur(800)),
        "{rest:?}"
    );

    let back = wire.stripe.ask(&refund("r1", &payment, eur(500))).await;
    assert!(
        matches!(&back, Answer::Refunded { amount, reference, .. } if *amount == eur(500) && reference == "ours/1"),
        "{back:?}"
    );
    let too_much = wire.stripe.ask(&refund("r2", &payment, eur(1_501))).await;
    assert!(matches!(too_much, Answer::Refused { .. }), "{too_much:?}");
}

#[tokio::test]
async fn p9_without_the_buyer_a_bank_that_would_ask_back_declines_and_a_spent_token_is_refused() {
    let wire = wire("").await;
    let ask = async |n: u32, token: &str, session: Session| {
        let (key, reference) = (format!("k{n}"), format!("ours/{n}"));
        let Ask::Authorize { amount, return_url, .. } = authorize("", "", eur(2_000), "") else {
            unreachable!("it is one")
        };
        let token = token.to_owned();
        let ask = Ask::Authorize {
            key,
            reference,
            amount,
            token,
            return_url,
            session,
            reuse: Reuse::Once,
        };
        wire.stripe.ask(&ask).await
    };
    let at_the_bank = ask(1, "tok_3ds", Session::Buyer).await;
    assert!(matches!(at_the_bank, Answer::RequiresAction { .. }), "{at_the_bank:?}");
    // the card -> what is said of it when nobody is there
    for (n, token, decline) in [
        (2, "tok_3ds", Decline::Soft("authentication_required")),
        (3, "tok_later_empty", Decline::Soft("insufficient_funds")),
        (4, "tok_later_lost", Decline::Hard("lost_card")),
    ] {
        let answer = ask(n, token, Session::Nobody).await;
        let said = match answer {
            Answer::Declined { decline, .. } => decline,
            other => panic!("{other:?}"),
        };
        assert_eq!(said, decline, "{token}");
    }
    let promised = ask(5, "tok_visa", Session::Nobody).await;
    assert!(matches!(promised, Answer::Authorized { .. }), "{promised:?}");
    let once = ask(6, "tok_once", Session::Buyer).await;
    assert!(matches!(once, Answer::Authorized { .. }), "{once:?}");
    let spent = ask(7, "tok_once", Session::Nobody).await;
    assert!(
        matches!(&spent, Answer::Refused { detail } if detail.contains("previously used")),
        "{spent:?}"
    );
    // Tokens say nothing but that they are spent; payment methods may be kept.
    assert!(wire.stripe.reusable("pm_card_visa") && !wire.stripe.reusable("tok_visa") && !wire.stripe.reusable(""));
}

#[tokio::test]
async fn p2_lost_answers_are_found_again_by_reference_and_key() {
    let wire = wire("").await;
    let payment = promised(&wire, eur(2_000)).await;
    wire.stripe.ask(&capture("c1", &payment, eur(700), false)).await;
    wire.stripe.ask(&refund("r1", &payment, eur(200))).await;
    let find = |key: &str| Ask::FindOperation {
        key: key.into(),
        reference: "ours/1".into(),
        payment: payment.clone(),
    };
    let found = wire.stripe.ask(&find("c1")).await;
    assert!(
        matches!(found, Answer::Captured { amount, .. } if amount == eur(700)),
        "{found:?}"
    );
    let found = wire.stripe.ask(&find("r1")).await;
    assert!(
        matches!(found, Answer::Refunded { amount, .. } if amount == eur(200)),
        "{found:?}"
    );
    assert_eq!(wire.stripe.ask(&find("never")).await, Answer::NotFound);
    let found = wire
        .stripe
        .ask(&Ask::Find {
            reference: "ours/1".into(),
        })
        .await;
    assert!(matches!(found, Answer::Authorized { .. }), "{found:?}");
    assert_eq!(
        wire.stripe
            .ask(&Ask::Find {
                reference: "theirs/1".into()
            })
            .await,
        Answer::NotFound
    );
}

#[tokio::test]
async fn declines_questions_of_the_bank_and_voids_cross_the_wire() {
    let wire = wire("").await;
    let declined = wire.stripe.ask(&authorize("k1", "a/1", eur(500), "tok_declined")).await;
    assert!(
        matches!(
            declined,
            Answer::Declined {
                decline: Decline::Soft("insufficient_funds"),
                ..
            }
        ),
        "{declined:?}"
    );
    let stolen = wire.stripe.ask(&authorize("k2", "a/2", eur(500), "tok_stolen")).await;
    assert!(
        matches!(
            stolen,
            Answer::Declined {
                decline: Decline::Hard("stolen_card"),
                ..
            }
        ),
        "{stolen:?}"
    );
    let Answer::RequiresAction { payment, url } = wire.stripe.ask(&authorize("k3", "a/3", eur(500), "tok_3ds")).await
    else {
        panic!("this card's bank asks back")
    };
    assert_eq!(url, format!("{}/3ds/{payment}", wire.url));
    let void = Ask::Void {
        key: "v".into(),
        reference: "a/3".into(),
        payment: payment.clone(),
    };
    assert_eq!(
        wire.stripe.ask(&void).await,
        Answer::Voided {
            payment: payment.clone()
        }
    );
    assert_eq!(
        wire.stripe
            .ask(&Ask::Find {
                reference: "a/3".into()
            })
            .await,
        Answer::Voided { payment }
    );
    let clash = wire.stripe.ask(&authorize("k1", "a/1", eur(501), "tok_visa")).await;
    assert!(
        matches!(clash, Answer::Refused { .. }),
        "P18: the same key with another body is refused: {clash:?}"
    );
}

#[tokio::test]
async fn p21_amounts_of_other_decimals_come_back_as_they_went() {
    let wire = wire("").await;
    for (n, (code, minor)) in [("JPY", 1_500), ("ISK", 900), ("KWD", 5_120), ("MGA", 4_500)]
        .into_iter()
        .enumerate()
    {
        let amount = Money::new(minor, code.parse().unwrap());
        let answer = wire
            .stripe
            .ask(&authorize(&format!("k{n}"), &format!("d/{n}"), amount, "tok_visa"))
            .await;
        assert!(
            matches!(&answer, Answer::Authorized { amount: promised, .. } if *promised == amount),
            "{code}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn nothing_unclear_is_believed() {
    for fault in ["error_then_ok", "garbage", "lost", "timeout_then_ok"] {
        let wire = wire(&format!("{fault}=1000")).await;
        let answer = wire.stripe.ask(&authorize("k", "u/1", eur(500), "tok_visa")).await;
        assert!(matches!(answer, Answer::Unknown { .. }), "{fault}: {answer:?}");
    }
    for fault in ["wrong_amount", "wrong_currency"] {
        let wire = wire(&format!("{fault}=1000")).await;
        let answer = wire.stripe.ask(&authorize("k", "u/1", eur(500), "tok_visa")).await;
        let told = matches!(&answer, Answer::Authorized { amount, .. } if *amount == eur(500));
        assert!(!told, "P12: {fault}: {answer:?}");
    }
    let nobody = Stripe::new(StripeSettings {
        url: "http://127.0.0.1:9".into(),
        api_key: "sk_test_it".into(),
        webhook_secret: String::new(),
        fee: (Rate(0), 0),
    });
    let answer = nobody.unwrap().ask(&authorize("k", "u/1", eur(500), "tok_visa")).await;
    assert!(matches!(answer, Answer::NotSent { .. }), "{answer:?}");
}

#[tokio::test]
async fn p25_only_signed_notices_are_heard() {
    let wire = wire("").await;
    let now = SystemClock::default().wall();
    let event = serde_json::json!({
        "id": "evt_1", "type": "payment_intent.payment_failed",
        "data": { "object": {
            "id": "pi_1", "status": "requires_payment_method", "amount": 500, "currency": "eur", "metadata": { "reference": "ours/1" },
            "last_payment_error": { "code": "card_declined", "decline_code": "insufficient_funds" },
        } },
    });
    let body = event.to_string();
    assert_eq!(wire.stripe.hear(body.as_bytes(), "t=1,v1=00", now), Heard::Forged);
    assert_eq!(wire.stripe.hear(body.as_bytes(), "", now), Heard::Forged);
    let signed = |body: &str| hawker::payments::processors::sign("whsec_it", now.unix_seconds(), body.as_bytes());
    let Heard::Notices(mut notices) = wire.stripe.hear(body.as_bytes(), &signed(&body), now) else {
        panic!("a signed notice is heard")
    };
    let notice = notices.remove(0);
    assert_eq!(
        (notice.id.as_str(), notice.reference.as_str(), notice.about),
        ("evt_1", "ours/1", About::Authorize)
    );
    assert!(matches!(
        notice.answer,
        Answer::Declined {
            decline: Decline::Soft("insufficient_funds"),
            ..
        }
    ));
    let other = r#"{"id":"evt_2","type":"customer.created","data":{"object":{}}}"#;
    assert_eq!(wire.stripe.hear(other.as_bytes(), &signed(other), now), Heard::Ignored);
}

#[tokio::test]
async fn p24_the_books_are_read_to_their_end_and_say_what_was_taken_and_given_back() {
    let wire = wire("").await;
    let before = SystemClock::default().wall().minus(hawker::kernel::Seconds::hours(1));
    for n in 0..60 {
        let ask = authorize(&format!("b{n}"), &format!("ours/{n}"), eur(1_000), "tok_visa");
        let Answer::Authorized { payment, .. } = wire.stripe.ask(&ask).await else {
            panic!("a good card")
        };
        if n == 7 {
            wire.stripe.ask(&capture("b7c", &payment, eur(600), true)).await;
            wire.stripe.ask(&refund("b7r", &payment, eur(250))).await;
        }
    }
    let books = wire.stripe.booked(before).await.unwrap().expect("it keeps books");
    assert_eq!(books.len(), 60, "more than a page");
    let one = books.iter().find(|entry| entry.reference == "ours/7").unwrap();
    assert_eq!(
        (one.amount, one.captured, one.refunded, one.promised),
        (eur(1_000), eur(600), eur(250), false)
    );
    assert_eq!(books.iter().filter(|entry| entry.promised).count(), 59);
    let later = before.plus(hawker::kernel::Seconds::hours(2));
    assert_eq!(wire.stripe.booked(later).await.unwrap().unwrap().len(), 0);
    let lost = wire_gone().await.booked(before).await;
    assert!(lost.is_err(), "unread books are not empty books");
}

/// A provider nobody answers for.
async fn wire_gone() -> Stripe {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let settings = StripeSettings {
        url,
        api_key: "sk_test_it".into(),
        webhook_secret: "whsec_it".into(),
        fee: (Rate(150), 25),
    };
    Stripe::new(settings).unwrap()
}

#[tokio::test]
async fn a_card_is_kept_used_again_and_forgotten_over_the_wire() {
    let wire = wire("").await;
    let ask = |key: &str, reference: &str, token: &str, reuse: Reuse| match authorize(key, reference, eur(500), token) {
        Ask::Authorize {
            key,
            reference,
            amount,
            token,
            return_url,
            ..
        } => Ask::Authorize {
            key,
            reference,
            amount,
            token,
            return_url,
            session: Session::Buyer,
            reuse,
        },
        other => other,
    };
    let keep = |owner: &str| Reuse::Keep { owner: owner.into() };
    let first = wire.stripe.ask(&ask("k1", "a/1", "pm_card_visa", keep("smt_1"))).await;
    let Answer::Authorized { payment, .. } = first else {
        panic!("{first:?}")
    };
    let kept = wire
        .stripe
        .ask(&Ask::Kept {
            payment,
            owner: "smt_1".into(),
        })
        .await;
    let Answer::Kept { token, customer, face } = kept else {
        panic!("{kept:?}")
    };
    assert_eq!(
        (face.brand.as_str(), face.last_four.as_str(), face.expires.as_str()),
        ("visa", "4242", "2030-08")
    );
    let again = Reuse::Kept {
        customer: customer.clone(),
    };
    let second = wire.stripe.ask(&ask("k2", "a/2", &token, again.clone())).await;
    assert!(matches!(second, Answer::Authorized { .. }), "{second:?}");
    // As somebody else's, or as nobody's, it is refused, which is a definite no.
    let stolen = wire.stripe.ask(&ask("k3", "a/3", &token, Reuse::Once)).await;
    assert!(matches!(stolen, Answer::Refused { .. }), "{stolen:?}");

    // What was paid once without being kept left nothing to keep.
    let plain = wire.stripe.ask(&ask("k4", "a/4", "pm_card_visa", Reuse::Once)).await;
    let Answer::Authorized { payment, .. } = plain else {
        panic!("{plain:?}")
    };
    let nothing = Ask::Kept {
        payment,
        owner: "smt_1".into(),
    };
    assert_eq!(wire.stripe.ask(&nothing).await, Answer::NotFound);

    let forget = |key: &str, token: &str| Ask::Forget {
        key: key.into(),
        token: token.into(),
        customer: customer.clone(),
    };
    assert_eq!(wire.stripe.ask(&forget("f1", &token)).await, Answer::Forgotten);
    assert_eq!(
        wire.stripe.ask(&forget("f2", &token)).await,
        Answer::Forgotten,
        "told again, long after"
    );
    assert_eq!(wire.stripe.ask(&forget("f3", "pm_unheard_of")).await, Answer::NotFound);
    let late = wire.stripe.ask(&ask("k5", "a/5", &token, again)).await;
    assert!(matches!(late, Answer::Refused { .. }), "{late:?}");
}

impl Wire {
    /// What a buyer and their bank do: the sandbox's own word for it, not Stripe's.
    async fn at_the_bank(&self, words: &[(&str, &str)]) -> String {
        let address = self.url.trim_start_matches("http://").parse().unwrap();
        let client = Client::of(address).with("authorization", "Bearer sk_test_it");
        let value = client.form("/_disputes", words).await.value();
        value["id"].as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
    }

    async fn stands(&self, dispute: &str) -> DisputeTold {
        told(
            self.stripe
                .dispute(&DisputeAsk::Find {
                    dispute: dispute.into(),
                })
                .await,
        )
    }
}

fn told(answer: DisputeAnswer) -> DisputeTold {
    match answer {
        DisputeAnswer::Told(told) => *told,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn l11_a_dispute_is_read_back_answered_once_and_given_up_over_the_wire() {
    let wire = wire("").await;
    let payment = promised(&wire, eur(2_000)).await;
    wire.stripe.ask(&capture("c1", &payment, eur(2_000), true)).await;
    let opened = [
        ("act", "open"),
        ("payment_intent", payment.as_str()),
        ("amount", "1500"),
        ("reason", "duplicate"),
    ];
    let dispute = wire.at_the_bank(&opened).await;
    let found = wire.stands(&dispute).await;
    assert_eq!(
        (found.stage, found.amount, found.round),
        (DisputeStage::NeedsResponse, eur(1_500), 1)
    );
    assert_eq!(
        (found.reference.as_str(), found.reason.as_str()),
        ("ours/1", "duplicate"),
        "read back with its payment"
    );
    assert_eq!((found.fees.len(), found.fees[0].amount.amount), (1, 1_500));
    assert!(found.due_by.is_some());
    let refused = wire.stripe.ask(&refund("r1", &payment, eur(100))).await;
    assert!(matches!(refused, Answer::Refused { .. }), "charged back: {refused:?}");

    let submit = |key: &str, text: &str| DisputeAsk::Submit {
        key: key.into(),
        dispute: dispute.clone(),
        texts: vec![
            ("statement".into(), text.into()),
            ("shipping_carrier".into(), "DHL".into()),
        ],
    };
    for _ in 0..2 {
        let answered = told(wire.stripe.dispute(&submit("s1", "It was delivered.")).await);
        assert_eq!(
            answered.stage,
            DisputeStage::UnderReview,
            "the same key is the same answer"
        );
    }
    let second = wire.stripe.dispute(&submit("s2", "Another.")).await;
    assert!(matches!(second, DisputeAnswer::Refused { .. }), "{second:?}");
    wire.at_the_bank(&[("act", "win"), ("dispute", &dispute)]).await;
    let won = wire.stands(&dispute).await;
    assert_eq!(
        (won.stage, won.due_by, won.fees),
        (DisputeStage::Won, None, found.fees),
        "the fee stays"
    );

    let asked = wire.at_the_bank(&[("act", "ask"), ("payment_intent", &payment)]).await;
    assert_eq!(wire.stands(&asked).await.stage, DisputeStage::Inquiry);
    let close = |key: &str| DisputeAsk::Accept {
        key: key.into(),
        dispute: asked.clone(),
    };
    let early = wire.stripe.dispute(&close("a1")).await;
    assert!(
        matches!(early, DisputeAnswer::Refused { .. }),
        "an inquiry is not given up: {early:?}"
    );
    wire.at_the_bank(&[("act", "escalate"), ("dispute", &asked)]).await;
    assert_eq!(told(wire.stripe.dispute(&close("a2")).await).stage, DisputeStage::Lost);
    let nobody = wire
        .stripe
        .dispute(&DisputeAsk::Find {
            dispute: "dp_none".into(),
        })
        .await;
    assert_eq!(nobody, DisputeAnswer::NotFound);
}

/// A search that is down, or a key that was changed: what was asked for before stays what it is.
#[tokio::test]
async fn p2_a_question_that_stripe_refuses_is_no_answer() {
    let mut wire = wire("look_refused=1000").await;
    let payment = promised(&wire, eur(2_000)).await;
    let find = Ask::Find {
        reference: "ours/1".into(),
    };
    let operation = Ask::FindOperation {
        key: "r1".into(),
        reference: "ours/1".into(),
        payment,
    };
    for ask in [&find, &operation] {
        let answer = wire.stripe.ask(ask).await;
        assert!(matches!(answer, Answer::Unknown { .. }), "{ask:?}: {answer:?}");
    }
    // Without a key that is good for it nothing is done at all.
    wire.stripe = Stripe::new(StripeSettings {
        url: wire.url.clone(),
        api_key: String::new(),
        webhook_secret: String::new(),
        fee: (Rate(150), 25),
    })
    .unwrap();
    for ask in [&find, &operation, &authorize("k2", "ours/2", eur(2_000), "tok_visa")] {
        let answer = wire.stripe.ask(ask).await;
        assert!(matches!(answer, Answer::NotSent { .. }), "{ask:?}: {answer:?}");
    }
}
