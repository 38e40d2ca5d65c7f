//! What processors say of their own accord: in every order and number (P6), about what nobody here knows (P7), about what was done on their own
//! pages (P14) or turned back later (P16), and with which secret (W7).

use super::*;
use crate::kernel::{About, DisputeStage, DisputeTold, Heard, Notice, Processor, Rate};
use crate::payments::disputes;
use crate::payments::processors::{Adyen, AdyenSettings, Stripe, StripeSettings, sign};
use base64::Engine as _;
use hmac::{Hmac, Mac};
use serde_json::{Value, json};

fn stripe(webhook_secret: &str) -> Stripe {
    Stripe::new(StripeSettings {
        url: "http://127.0.0.1:9".into(),
        api_key: "sk".into(),
        webhook_secret: webhook_secret.into(),
        fee: (Rate(0), 0),
    })
    .unwrap()
}

const HMAC: &str = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";

fn adyen(hmac_keys: &str) -> Adyen {
    Adyen::new(AdyenSettings {
        url: "http://127.0.0.1:9/v71".into(),
        api_key: "AQE".into(),
        merchant_account: "HawkerECOM".into(),
        hmac_keys: hmac_keys.into(),
        fee: (Rate(0), 0),
    })
    .unwrap()
}

/// One of Stripe's events, signed now.
fn event(processor: &Stripe, secret: &str, id: &str, kind: &str, object: &Value) -> Heard {
    let body = json!({ "id": id, "type": kind, "data": { "object": object } }).to_string();
    let header = sign(secret, START / 1_000_000, body.as_bytes());
    processor.hear(body.as_bytes(), &header, Time(START))
}

/// One of Adyen's, signed.
fn item(processor: &Adyen, key: &str, event: &str, reference: &str, names: (&str, &str), minor: i64) -> Heard {
    let (own, original) = names;
    let text = format!("{own}:{original}:HawkerECOM:{reference}:{minor}:EUR:{event}:true");
    let key: Vec<u8> = (0..key.len() / 2)
        .map(|at| u8::from_str_radix(&key[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(text.as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    let item = json!({
        "pspReference": own, "originalReference": original, "merchantAccountCode": "HawkerECOM", "merchantReference": reference,
        "amount": { "value": minor, "currency": "EUR" }, "eventCode": event, "success": "true", "reason": "",
        "additionalData": { "hmacSignature": signature },
    });
    let body = json!({ "live": "false", "notificationItems": [{ "NotificationRequestItem": item }] });
    processor.hear(body.to_string().as_bytes(), "", Time(START))
}

fn told(heard: Heard) -> Vec<Notice> {
    match heard {
        Heard::Notices(notices) => notices,
        other => panic!("{other:?}"),
    }
}

impl Bank {
    /// Hears notices one after the other, as the intake does: stored, recorded.
    fn hear(&self, processor: &'static str, heard: &[Vec<Notice>]) -> Vec<&'static str> {
        let heard = heard.to_vec();
        self.write(move |tx| {
            let mut said = Vec::new();
            for told in heard.iter().flatten() {
                said.push(match notice(tx, processor, told, "")? {
                    Noticed::Of(of) if record(tx, of.attempt, of.operation, &of.answer)?.changed => "changed",
                    Noticed::Of(_) => "known",
                    Noticed::Again => "again",
                    Noticed::Stranger => "stranger",
                });
            }
            Ok(said)
        })
        .unwrap()
    }

    /// A try at a processor that is not there: its answers are this test's.
    fn asked(&self, order: &str, processor: &'static str) -> Attempt {
        self.open(order, 2_000);
        match self.start(order, processor, "tok") {
            Start::Sending(attempt) => attempt,
            other => panic!("{other:?}"),
        }
    }

    /// Promised and captured whole, and 5.00 of it asked back.
    fn sold(&self, order: &str, processor: &'static str, payment: &str) -> (Attempt, Capture, Refund) {
        let attempt = self.asked(order, processor);
        let promised = Answer::Authorized {
            payment: payment.to_owned(),
            reference: attempt.reference(),
            amount: attempt.amount,
            capture_before: None,
            once: false,
            card: None,
        };
        self.record(attempt.id, Operation::Authorize, &promised);
        let (id, shipment) = (attempt.intent, ShipmentId::from_uuid(number(order)));
        let begun = self.write(move |tx| {
            let plan = capture_plan(tx, id, &[(Part::Line(0), 2_000)], true)?;
            capture_begin(tx, id, shipment, &plan)
        });
        let CaptureBegin::Sending(capture) = begun.unwrap() else {
            panic!("what is promised can be taken")
        };
        let taken = Answer::Captured {
            payment: payment.to_owned(),
            reference: attempt.reference(),
            operation: payment.to_owned(),
            amount: capture.amount,
            fee: Money::new(0, Currency::EUR),
        };
        self.record(attempt.id, Operation::Capture(capture.id), &taken);
        let adjustment = AdjustmentId::from_uuid(number(order));
        let begun = self.write(move |tx| {
            let plan = refund_plan(tx, id, &RefundOf::Amount(500))?;
            refund_begin(tx, id, adjustment, &plan)
        });
        let RefundBegin::Sending(refund) = begun.unwrap() else {
            panic!("what was taken can go back")
        };
        (attempt, capture, refund)
    }

    /// Where a payment stands, in one line.
    fn stands(&self, order: &str) -> String {
        let intent = self.intent(order);
        let id = intent.id;
        let (attempt, refunds) = self
            .read(move |tx| Ok((latest_attempt(tx, id)?, refunds(tx, id)?)))
            .unwrap();
        let refunds: Vec<&str> = refunds.iter().map(|refund| refund.state.name()).collect();
        format!(
            "{} {} taken {} back {} ({} on its way) {refunds:?}",
            intent.state.name(),
            attempt.unwrap().state.name(),
            intent.captured_minor,
            intent.refunded_minor,
            intent.refund_pending_minor
        )
    }
}

/// Six notices in all 720 orders, each order told to a payment of its own: the one state they all end in.
fn in_every_order(processor: &'static str, mut notices: impl FnMut(&Bank, &str) -> Vec<Vec<Notice>>) -> String {
    let bank = bank();
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    for order in permutations(6) {
        let name = format!("{order:?}");
        let six = notices(&bank, &name);
        assert_eq!(six.len(), 6);
        let heard: Vec<Vec<Notice>> = order.iter().map(|at| six[*at].clone()).collect();
        bank.hear(processor, &heard);
        let end = bank.stands(&name);
        // All of them once more, days later.
        bank.hear(processor, &heard);
        assert_eq!(bank.stands(&name), end, "{name} told again");
        *ends.entry(end).or_default() += 1;
    }
    bank.all_is_well();
    assert_eq!(ends.values().sum::<usize>(), 720);
    assert_eq!(ends.len(), 1, "{ends:?}");
    ends.pop_first().unwrap().0
}

#[test]
fn p6_g9_stripes_notices_of_a_promise_in_all_orders_of_six_end_in_one_state() {
    let stripe = stripe("whsec");
    let end = in_every_order("stripe", |bank, name| {
        let attempt = bank.asked(name, "stripe");
        let object = |status: &str| {
            json!({
                "id": format!("pi_{name}"), "status": status, "amount": 2_000, "currency": "eur",
                "metadata": { "reference": attempt.reference() }, "next_action": { "redirect_to_url": { "url": "https://bank.example" } },
            })
        };
        let say = |n: u32, kind: &str, status: &str| {
            let id = format!("evt_{name}_{n}");
            told(event(
                &stripe,
                "whsec",
                &id,
                &format!("payment_intent.{kind}"),
                &object(status),
            ))
        };
        vec![
            say(1, "created", "requires_confirmation"),
            say(2, "requires_action", "requires_action"),
            say(3, "processing", "processing"),
            say(4, "amount_capturable_updated", "requires_capture"),
            say(4, "amount_capturable_updated", "requires_capture"),
            say(5, "requires_action", "requires_action"),
        ]
    });
    assert_eq!(end, "requires_capture authorized taken 0 back 0 (0 on its way) []");
}

#[test]
fn p6_p16_g9_stripes_notices_of_a_refund_that_failed_later_in_all_orders_of_six_end_in_one_state() {
    let stripe = stripe("whsec");
    let end = in_every_order("stripe", |bank, name| {
        let payment = format!("pi_{name}");
        let (attempt, _, refund) = bank.sold(name, "stripe", &payment);
        let key = attempt.key(Operation::Refund(refund.id));
        let say = |n: u32, kind: &str, status: &str| {
            let mut object = json!({
                "id": format!("re_{name}"), "payment_intent": payment, "status": status, "amount": 500, "currency": "eur",
                "metadata": { "reference": attempt.reference(), "key": key },
            });
            if status == "failed" {
                object["failure_reason"] = "expired_or_canceled_card".into();
                object["failure_balance_transaction"] = "txn_1".into();
            }
            told(event(&stripe, "whsec", &format!("evt_{name}_{n}"), kind, &object))
        };
        vec![
            say(1, "refund.created", "pending"),
            say(2, "refund.updated", "succeeded"),
            say(3, "charge.refund.updated", "succeeded"),
            say(4, "refund.failed", "failed"),
            say(5, "charge.refund.updated", "failed"),
            say(2, "refund.updated", "succeeded"),
        ]
    });
    assert_eq!(end, r#"succeeded captured taken 2000 back 0 (0 on its way) ["failed"]"#);
}

#[test]
fn p6_p16_g9_adyens_notices_in_all_orders_of_six_end_in_one_state() {
    let adyen = adyen(HMAC);
    let mut n = 0;
    let end = in_every_order("adyen", |bank, name| {
        n += 1;
        let payment = format!("PSP{n}");
        let (attempt, capture, refund) = bank.sold(name, "adyen", &payment);
        let reference = attempt.reference();
        let of = |operation| format!("{reference}/{}", attempt.key(operation));
        let say = |event: &str, reference: &str, names: (&str, &str), minor| {
            told(item(&adyen, HMAC, event, reference, names, minor))
        };
        let (taking, giving) = (of(Operation::Capture(capture.id)), of(Operation::Refund(refund.id)));
        let (took, gave) = (format!("CAP{n}"), format!("REF{n}"));
        vec![
            say("AUTHORISATION", &reference, (&payment, ""), 2_000),
            say("CAPTURE", &taking, (&took, &payment), 2_000),
            say("CAPTURE", &taking, (&took, &payment), 2_000),
            say("REFUND", &giving, (&gave, &payment), 500),
            say("REFUND", &giving, (&gave, &payment), 500),
            say("REFUND_FAILED", &giving, (&gave, &payment), 500),
        ]
    });
    assert_eq!(end, r#"succeeded captured taken 2000 back 0 (0 on its way) ["failed"]"#);
}

#[test]
fn p14_refunds_made_on_stripes_own_pages_are_written_down_once() {
    let (bank, stripe) = (bank(), stripe("whsec"));
    bank.sold("A", "stripe", "pi_A");
    let say = |n: u32, refund: &str, status: &str, minor: i64| {
        let mut object = json!({
            "id": refund, "payment_intent": "pi_A", "status": status, "amount": minor, "currency": "eur", "metadata": {},
        });
        if status == "failed" {
            object["failure_balance_transaction"] = "txn_1".into();
        }
        vec![told(event(
            &stripe,
            "whsec",
            &format!("evt_{n}"),
            "refund.updated",
            &object,
        ))]
    };
    let own = r#""sending", "#;
    let stands = |rest: &str| format!("succeeded captured taken 2000 back {rest}]");
    assert_eq!(
        bank.hear("stripe", &say(1, "re_1", "pending", 300)),
        ["stranger"],
        "nothing happened yet"
    );
    assert_eq!(bank.hear("stripe", &say(2, "re_1", "succeeded", 300)), ["changed"]);
    assert_eq!(bank.hear("stripe", &say(2, "re_1", "succeeded", 300)), ["again"]);
    assert_eq!(
        bank.hear("stripe", &say(3, "re_1", "succeeded", 300)),
        ["known"],
        "another notice about the same"
    );
    assert_eq!(
        bank.stands("A"),
        stands(&format!(r#"300 (500 on its way) [{own}"succeeded""#))
    );
    assert_eq!(bank.balance(creator()), 1_800 - 270, "taken back from whoever had it");
    assert_eq!(bank.hear("stripe", &say(4, "re_2", "succeeded", 200)), ["changed"]);
    assert_eq!(
        bank.stands("A"),
        stands(&format!(r#"500 (500 on its way) [{own}"succeeded", "succeeded""#))
    );
    // One of them does not arrive.
    assert_eq!(
        bank.hear("stripe", &say(5, "re_1", "failed", 300)),
        ["known", "changed"]
    );
    assert_eq!(
        bank.stands("A"),
        stands(&format!(r#"200 (500 on its way) [{own}"failed", "succeeded""#))
    );
    // More than there is by our books: no program can say what that is.
    assert_eq!(bank.hear("stripe", &say(6, "re_3", "succeeded", 1_900)), ["stranger"]);
    assert_eq!(bank.intent("A").state, IntentState::Conflicted);
    bank.all_is_well();
}

/// The bank has 1,000 of 2,000, and nothing can be given back here meanwhile (L10). What goes back on the processor's own pages all the same is there.
#[test]
fn l10_p14_a_refund_made_on_the_processors_pages_while_a_bank_decides_is_written_down() {
    let (bank, stripe) = (bank(), stripe("whsec"));
    let (attempt, ..) = bank.sold("A", "stripe", "pi_A");
    let dispute = DisputeTold {
        name: "dp_A".into(),
        round: 1,
        reference: attempt.reference(),
        stage: DisputeStage::NeedsResponse,
        amount: Money::new(1_000, attempt.amount.currency),
        reason: "fraudulent".into(),
        detail: String::new(),
        due_by: Some(Time(START).plus(crate::kernel::Seconds::days(7))),
        fees: Vec::new(),
    };
    bank.write(move |tx| disputes::record(tx, &attempt, &dispute)).unwrap();
    let object = json!({
        "id": "re_1", "payment_intent": "pi_A", "status": "succeeded", "amount": 300, "currency": "eur", "metadata": {},
    });
    let say = || vec![told(event(&stripe, "whsec", "evt_1", "refund.updated", &object))];
    assert_eq!(bank.hear("stripe", &say()), ["changed"]);
    assert_eq!(bank.hear("stripe", &say()), ["again"]);
    let expected = r#"succeeded captured taken 2000 back 300 (500 on its way) ["sending", "succeeded"]"#;
    assert_eq!(bank.stands("A"), expected);
    assert_eq!(bank.balance(creator()), 1_800 - 900 - 270, "borne by whoever had it");
    bank.all_is_well();
}

#[test]
fn p14_refunds_made_on_adyens_own_pages_are_written_down_once() {
    let (bank, adyen) = (bank(), adyen(HMAC));
    let (attempt, ..) = bank.sold("A", "adyen", "PSPA");
    for reference in [attempt.reference(), "typed by hand".into()] {
        let say = || vec![told(item(&adyen, HMAC, "REFUND", &reference, ("REFA", "PSPA"), 300))];
        bank.hear("adyen", &say());
        bank.hear("adyen", &say());
        let expected = r#"succeeded captured taken 2000 back 300 (500 on its way) ["sending", "succeeded"]"#;
        assert_eq!(bank.stands("A"), expected, "{reference}");
    }
    bank.all_is_well();
}

#[test]
fn p7_a_notice_about_an_unknown_payment_is_kept_until_it_is_known_or_reported() {
    let bank = bank();
    let say = |order: &str| {
        let reference = format!("{}/1", Bank::checkout(order));
        vec![vec![Notice {
            id: format!("evt_{order}"),
            reference: reference.clone(),
            about: About::Authorize,
            answer: Answer::Authorized {
                payment: "p".into(),
                reference,
                amount: Money::new(2_000, Currency::EUR),
                capture_before: None,
                once: false,
                card: None,
            },
        }]]
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        for order in ["late", "never"] {
            assert_eq!(bank.hear("sandbox", &say(order)), ["stranger"]);
            assert_eq!(bank.hear("sandbox", &say(order)), ["stranger"], "kept once");
        }
        bank.pass(61);
        assert_eq!(mind_strangers(&bank.app, nothing_follows).await.unwrap(), 0);
        // The payment gets known, and its processor has promised it: what it says today is recorded.
        bank.open("late", 2_000);
        let Start::Sending(attempt) = bank.start("late", "sandbox", "tok_visa") else {
            panic!("a new payment starts")
        };
        let lost = authorize_ask(&bank.app, &attempt).await;
        assert!(matches!(lost, Answer::Authorized { .. }));
        bank.pass(61);
        assert_eq!(mind_strangers(&bank.app, nothing_follows).await.unwrap(), 1);
        assert_eq!(bank.intent("late").state, IntentState::RequiresCapture);
        let reported = |bank: &Bank| bank.read(waiting).unwrap().strange_notices;
        assert_eq!(reported(&bank), 0);
        bank.pass(86_400);
        mind_strangers(&bank.app, nothing_follows).await.unwrap();
        assert_eq!(reported(&bank), 1, "a day later it is told");
        bank.pass(86_400);
        assert_eq!(
            mind_strangers(&bank.app, nothing_follows).await.unwrap(),
            0,
            "and is left alone"
        );
    });
}

#[test]
fn w7_while_a_secret_is_rotated_both_are_believed_and_the_old_one_no_longer_after() {
    let object = json!({ "id": "pi_1", "status": "processing", "metadata": { "reference": "ours/1" } });
    let is_heard = |secrets: &str, signed_with: &str| {
        let heard = event(
            &stripe(secrets),
            signed_with,
            "evt_1",
            "payment_intent.processing",
            &object,
        );
        heard != Heard::Forged
    };
    let other = "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00";
    let is_heard_of_adyen =
        |keys: &str, key: &str| item(&adyen(keys), key, "AUTHORISATION", "a/1", ("PSP", ""), 5) != Heard::Forged;
    // secrets we have -> is the old one, is the new one believed
    let both = format!("{HMAC}, {other}");
    for (of_stripe, of_adyen, old, new) in [
        ("whsec_old", HMAC, true, false),
        ("whsec_old,whsec_new", both.as_str(), true, true),
        ("whsec_new", other, false, true),
        ("", "", false, false),
    ] {
        assert_eq!(
            (is_heard(of_stripe, "whsec_old"), is_heard(of_stripe, "whsec_new")),
            (old, new),
            "{of_stripe}"
        );
        let believed = (is_heard_of_adyen(of_adyen, HMAC), is_heard_of_adyen(of_adyen, other));
        assert_eq!(believed, (old, new), "{of_adyen}");
    }
}

impl Bank {
    /// Promised, and nothing of it taken.
    fn promised(&self, order: &str, processor: &'static str, payment: &str) -> Attempt {
        let attempt = self.asked(order, processor);
        let promised = Answer::Authorized {
            payment: payment.to_owned(),
            reference: attempt.reference(),
            amount: attempt.amount,
            capture_before: None,
            once: false,
            card: None,
        };
        self.record(attempt.id, Operation::Authorize, &promised);
        attempt
    }
}

/// On the pages of Stripe or Adyen somebody cancels what an order counts on.
#[test]
fn p11_a_promise_that_is_canceled_on_the_processors_own_pages_is_counted_on_no_longer() {
    let (bank, stripe, adyen) = (bank(), stripe("whsec"), adyen(HMAC));
    let of_stripe = bank.promised("A", "stripe", "pi_A");
    let object = json!({
        "id": "pi_A", "status": "canceled", "amount": 2_000, "currency": "eur", "metadata": { "reference": of_stripe.reference() },
    });
    let canceled = told(event(&stripe, "whsec", "evt_1", "payment_intent.canceled", &object));
    assert_eq!(bank.hear("stripe", std::slice::from_ref(&canceled)), ["changed"]);
    assert_eq!(bank.hear("stripe", &[canceled]), ["again"]);
    let of_adyen = bank.promised("B", "adyen", "PSPB");
    let canceled = told(item(
        &adyen,
        HMAC,
        "CANCELLATION",
        &of_adyen.reference(),
        ("CANB", "PSPB"),
        2_000,
    ));
    assert_eq!(bank.hear("adyen", &[canceled]), ["changed"]);
    for order in ["A", "B"] {
        assert_eq!(bank.stands(order), "expired voided taken 0 back 0 (0 on its way) []");
    }
    // One that is let go here is let go as ever, and only once.
    let ours = bank.promised("C", "stripe", "pi_C");
    let id = ours.intent;
    bank.write(move |tx| void_begin(tx, id)).unwrap();
    let object = json!({ "id": "pi_C", "status": "canceled", "metadata": { "reference": ours.reference() } });
    let say = |n: u32| {
        told(event(
            &stripe,
            "whsec",
            &format!("evt_C{n}"),
            "payment_intent.canceled",
            &object,
        ))
    };
    assert_eq!(bank.hear("stripe", &[say(1), say(2)]), ["changed", "known"]);
    assert_eq!(bank.stands("C"), "canceled voided taken 0 back 0 (0 on its way) []");
}

/// Money of a standing promise is taken on the processor's own pages: nothing here asked for it, so nobody may ask for it again.
#[test]
fn p11_a_standing_promise_that_is_taken_elsewhere_is_a_conflict() {
    let (bank, stripe, adyen) = (bank(), stripe("whsec"), adyen(HMAC));
    let conflict = "conflicted conflicted taken 0 back 0 (0 on its way) []";
    let of_stripe = bank.promised("A", "stripe", "pi_A");
    let object = |minor: i64, reference: &str| {
        json!({
            "id": "pi", "status": "succeeded", "amount": 2_000, "amount_received": minor, "currency": "eur",
            "metadata": { "reference": reference },
        })
    };
    let succeeded = |id: &str, minor, attempt: &Attempt| {
        let object = object(minor, &attempt.reference());
        told(event(&stripe, "whsec", id, "payment_intent.succeeded", &object))
    };
    assert_eq!(
        bank.hear("stripe", &[succeeded("evt_1", 2_000, &of_stripe)]),
        ["changed"]
    );
    assert_eq!(bank.stands("A"), conflict);
    let of_adyen = bank.promised("B", "adyen", "PSPB");
    let taken = told(item(
        &adyen,
        HMAC,
        "CAPTURE",
        &of_adyen.reference(),
        ("CAPB", "PSPB"),
        700,
    ));
    assert_eq!(bank.hear("adyen", &[taken]), ["changed"]);
    assert_eq!(bank.stands("B"), conflict);
    // Found by the look at a promise that ends, and not taken for the end of its time.
    let found = bank.promised("C", "stripe", "pi_C");
    bank.pass(30 * 86_400);
    let answer = Answer::Captured {
        payment: "pi_C".into(),
        reference: found.reference(),
        operation: String::new(),
        amount: found.amount,
        fee: Money::new(0, Currency::EUR),
    };
    bank.record(found.id, Operation::Authorize, &answer);
    assert_eq!(bank.stands("C"), conflict);
    // What we took ourselves says nothing new, whichever is heard first.
    let ours = bank.promised("D", "stripe", "pi_D");
    let (id, shipment) = (ours.intent, ShipmentId::from_uuid(number("D")));
    let begun = bank.write(move |tx| {
        let plan = capture_plan(tx, id, &[(Part::Line(0), 2_000)], true)?;
        capture_begin(tx, id, shipment, &plan)
    });
    assert!(matches!(begun.unwrap(), CaptureBegin::Sending(_)));
    assert_eq!(bank.hear("stripe", &[succeeded("evt_4", 2_000, &ours)]), ["known"]);
    assert_eq!(
        bank.stands("D"),
        "requires_capture authorized taken 0 back 0 (0 on its way) []"
    );
    let sold = bank.sold("E", "stripe", "pi_E").0;
    assert_eq!(bank.hear("stripe", &[succeeded("evt_5", 2_000, &sold)]), ["known"]);
    bank.all_is_well();
}

#[test]
fn p14_a_refund_made_on_stripes_own_pages_while_a_payment_is_in_conflict_is_written_down() {
    let (bank, stripe) = (bank(), stripe("whsec"));
    let (attempt, ..) = bank.sold("A", "stripe", "pi_A");
    let id = attempt.intent;
    bank.write(move |tx| store::conflict_intent(tx, id)).unwrap();
    let object = json!({
        "id": "re_1", "payment_intent": "pi_A", "status": "succeeded", "amount": 300, "currency": "eur", "metadata": {},
    });
    let say = || vec![told(event(&stripe, "whsec", "evt_1", "refund.updated", &object))];
    assert_eq!(bank.hear("stripe", &say()), ["changed"]);
    let expected = r#"conflicted captured taken 2000 back 300 (500 on its way) ["sending", "succeeded"]"#;
    assert_eq!(bank.stands("A"), expected);
    bank.all_is_well();
}

#[test]
fn p25_a_notice_about_test_money_says_nothing_about_live_money() {
    let stripe_of = |api_key: &str| {
        Stripe::new(StripeSettings {
            url: "http://127.0.0.1:9".into(),
            api_key: api_key.into(),
            webhook_secret: "whsec".into(),
            fee: (Rate(0), 0),
        })
        .unwrap()
    };
    let adyen_of = |url: &str| {
        Adyen::new(AdyenSettings {
            url: url.into(),
            api_key: "AQE".into(),
            merchant_account: "HawkerECOM".into(),
            hmac_keys: HMAC.into(),
            fee: (Rate(0), 0),
        })
        .unwrap()
    };
    let object = json!({ "id": "pi_1", "status": "processing", "metadata": { "reference": "ours/1" } });
    let body = |live: Option<bool>| {
        let mut body = json!({ "id": "evt_1", "type": "payment_intent.processing", "data": { "object": object } });
        if let Some(live) = live {
            body["livemode"] = live.into();
        }
        body.to_string()
    };
    // the account's key, what the event says of itself -> is it believed
    for (api_key, says, believed) in [
        ("sk_live_1", Some(true), true),
        ("rk_live_1", Some(false), false),
        ("sk_test_1", Some(false), true),
        ("sk_test_1", Some(true), false),
        ("sk_test_1", None, true),
        ("of another server of the format", Some(false), true),
    ] {
        let body = body(says);
        let header = sign("whsec", START / 1_000_000, body.as_bytes());
        let heard = stripe_of(api_key).hear(body.as_bytes(), &header, Time(START));
        assert_eq!(heard != Heard::Forged, believed, "{api_key} {says:?}");
    }
    // `item` says "live": "false".
    for (url, believed) in [
        ("https://checkout-test.adyen.com/v71", true),
        (
            "https://1797a841fbb37ca7-HawkerShop-checkout-live.adyenpayments.com/checkout/v71",
            false,
        ),
        ("http://127.0.0.1:9/v71", true),
    ] {
        let heard = item(&adyen_of(url), HMAC, "AUTHORISATION", "a/1", ("PSP", ""), 5);
        assert_eq!(heard != Heard::Forged, believed, "{url}");
    }
}
