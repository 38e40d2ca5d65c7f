//! Golden requests, replies and notices, each with the page of Adyen's documentation it was written from (`tests/golden/adyen`).

use super::*;
use crate::kernel::{About, Currency, Notice};

const REQUESTS: &str = include_str!("../../../../tests/golden/adyen/requests.json");
const REPLIES: &str = include_str!("../../../../tests/golden/adyen/replies.json");
const NOTICES: &str = include_str!("../../../../tests/golden/adyen/notices.json");
const CURRENCIES: &str = include_str!("../../../../tests/golden/adyen/currencies.json");

/// Published with Adyen's own libraries, as are the fields below and their signature.
const KEY: &str = "DFB1EB5485895CFA84146406857104ABB4CBCABDC8AAF103A624C8F6A3EAAB00";
const SIGNATURE: &str = "xhpHvYq2u2Np0rstbZ6QjLGu7JWhvf7Iwaa6EviJSX0=";

fn adyen(hmac_keys: &str) -> Adyen {
    Adyen::new(AdyenSettings {
        url: "http://127.0.0.1:9/v71".into(),
        api_key: "AQE".into(),
        merchant_account: "HawkerECOM".into(),
        hmac_keys: hmac_keys.into(),
        fee: (Rate(150), 25),
    })
    .unwrap()
}

/// `shopperInteraction` and `recurringProcessingModel`, as Adyen's page on tokenisation has them for what is asked without the shopper.
#[test]
fn p9_without_the_buyer_a_stored_method_is_asked_as_unscheduled_card_on_file() {
    let adyen = adyen("");
    let ask = |session| Ask::Authorize {
        key: "k".into(),
        reference: "chk_a/2".into(),
        amount: Money::new(500, Currency::EUR),
        token: "M5N7TQ4TG5PFWR50".into(),
        return_url: String::new(),
        session,
        reuse: Reuse::Kept {
            customer: "smt_a".into(),
        },
    };
    let said = |session| adyen.request(&ask(session)).unwrap().body;
    let (there, nobody) = (said(Session::Buyer), said(Session::Nobody));
    assert_eq!(
        (&there["shopperReference"], &there["recurringProcessingModel"]),
        (&json!("smt_a"), &json!("CardOnFile"))
    );
    assert_eq!(
        (&nobody["shopperInteraction"], &nobody["recurringProcessingModel"]),
        (&json!("ContAuth"), &json!("UnscheduledCardOnFile"))
    );
    // Which tokens may be asked again.
    for (token, again) in [
        ("M5N7TQ4TG5PFWR50", true),
        (r#"{"type":"scheme","encryptedCardNumber":"x"}"#, false),
        ("", false),
        ("tok_visa", false),
    ] {
        assert_eq!(adyen.reusable(token), again, "{token}");
    }
}

/// The entries of a golden file, each of which says where it comes from and who else has seen it.
fn golden(file: &str) -> Vec<Value> {
    let entries: Vec<Value> = serde_json::from_str(file).unwrap();
    for entry in &entries {
        let said = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        assert!(said("page").starts_with("https://docs.adyen.com/"), "{}", said("name"));
        assert_eq!(said("verified"), "not verified by an outside peer", "{}", said("name"));
    }
    entries
}

fn ask(value: &Value) -> Ask {
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let (key, reference, payment) = (text("key"), text("reference"), text("payment"));
    let amount = || Money::new(value["amount"].as_i64().unwrap(), text("currency").parse().unwrap());
    match text("kind").as_str() {
        "authorize" => Ask::Authorize {
            key,
            reference,
            amount: amount(),
            token: text("token"),
            return_url: "https://shop.example/back".into(),
            session: Session::Buyer,
            reuse: match (text("keep"), text("kept")) {
                (owner, _) if !owner.is_empty() => Reuse::Keep { owner },
                (_, customer) if !customer.is_empty() => Reuse::Kept { customer },
                _ => Reuse::Once,
            },
        },
        "came_back" => Ask::CameBack {
            key,
            reference,
            words: text("words"),
        },
        "capture" => Ask::Capture {
            key,
            reference,
            payment,
            amount: amount(),
            last: false,
        },
        "void" => Ask::Void {
            key,
            reference,
            payment,
        },
        "refund" => Ask::Refund {
            key,
            reference,
            payment,
            amount: amount(),
        },
        other => panic!("{other}"),
    }
}

#[test]
fn requests_are_as_the_documentation_has_them() {
    for entry in golden(REQUESTS) {
        let request = adyen("").request(&ask(&entry["ask"])).unwrap();
        let expected = Request {
            path: entry["path"].as_str().unwrap().to_owned(),
            key: entry["key"].as_str().unwrap().to_owned(),
            body: entry["body"].clone(),
        };
        assert_eq!(request, expected, "{}", entry["name"]);
        assert!(request.key.len() <= 64, "a key has at most 64 characters");
        let reference = request.body["reference"].as_str().unwrap_or_default(); // None where a buyer comes back.
        assert!(reference.len() <= 80, "a reference has at most 80 characters");
    }
}

#[test]
fn replies_are_read_as_the_documentation_means_them() {
    for entry in golden(REPLIES) {
        let (reference, payment) = ("chk_01m3nh8hg6e7ntcxvx1vxk4d1z/1", "993617895215577D");
        let status = u16::try_from(entry["status"].as_u64().unwrap()).unwrap();
        let answer = said(
            Sent::Answered(status, entry["body"].clone()),
            |value| match entry["ask"].as_str().unwrap() {
                "authorize" => words::read_payment(value),
                "kept" => Some(words::read_kept(value, "smt_01m3nh8hg6e7ntcxvx1vxk4d1z")),
                "void by reference" => words::read_received(value, "paymentReference", reference, ""),
                _ => words::read_received(value, "paymentPspReference", payment, payment),
            },
        );
        assert_eq!(
            format!("{answer:?}"),
            entry["answer"].as_str().unwrap(),
            "{}",
            entry["name"]
        );
    }
    let not = said(Sent::Not("no connection".into()), words::read_payment);
    assert!(matches!(not, Answer::NotSent { .. }));
    let lost = said(Sent::Lost("timed out".into()), words::read_payment);
    assert!(matches!(lost, Answer::Unknown { .. }));
}

#[test]
fn p21_amounts_reach_adyen_in_its_own_decimals_and_come_back_exactly() {
    let golden: Value = serde_json::from_str(CURRENCIES).unwrap();
    for row in golden["rows"].as_array().unwrap() {
        let currency: Currency = row[0].as_str().unwrap().parse().unwrap();
        let ours = Money::new(row[1].as_i64().unwrap(), currency);
        let sent = words::amount(ours).ok();
        assert_eq!(
            sent.as_ref().and_then(|amount| amount["value"].as_i64()),
            row[2].as_i64(),
            "{row}"
        );
        if let Some(sent) = sent {
            assert_eq!(words::money(&sent), Some(ours), "{row} comes back");
        }
    }
    let much = Money::new(i64::MAX, "CLP".parse().unwrap());
    assert!(words::amount(much).is_err(), "overflow is refused, not wrapped");
}

/// An item signed by a key.
fn signed(mut item: Value, key: &str) -> Value {
    let text = [
        "pspReference",
        "originalReference",
        "merchantAccountCode",
        "merchantReference",
    ]
    .map(|name| item[name].as_str().unwrap_or_default().to_owned())
    .join(":");
    let amount = &item["amount"];
    let text = format!(
        "{text}:{}:{}:{}:{}",
        amount["value"],
        amount["currency"].as_str().unwrap(),
        item["eventCode"].as_str().unwrap(),
        item["success"].as_str().unwrap()
    );
    item["additionalData"]["hmacSignature"] = notices::sign(&notices::unhex(key).unwrap(), &text).into();
    item
}

fn batch(items: &[Value]) -> Vec<u8> {
    let wrapped: Vec<Value> = items
        .iter()
        .map(|item| json!({ "NotificationRequestItem": item }))
        .collect();
    json!({ "live": "false", "notificationItems": wrapped })
        .to_string()
        .into_bytes()
}

fn hear(keys: &str, body: &[u8]) -> Heard {
    adyen(keys).hear(body, "", Time(0))
}

fn told(notice: &Notice) -> String {
    format!(
        "{} | {} | {:?} | {:?}",
        notice.id, notice.reference, notice.about, notice.answer
    )
}

#[test]
fn notices_say_which_operation_of_ours_they_are_about() {
    for entry in golden(NOTICES) {
        let heard = hear(KEY, &batch(&[signed(entry["item"].clone(), KEY)]));
        let said: Vec<String> = match &heard {
            Heard::Notices(notices) => notices.iter().map(told).collect(),
            Heard::Ignored => Vec::new(),
            Heard::Forged => panic!("{}", entry["name"]),
        };
        let expected: Vec<&str> = entry["said"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line.as_str().unwrap())
            .collect();
        assert_eq!(said, expected, "{}", entry["name"]);
    }
}

#[test]
fn p25_the_published_example_is_signed_and_nothing_else_is_believed() {
    let item = json!({
        "pspReference": "pspReference", "originalReference": "originalReference", "merchantAccountCode": "merchantAccount",
        "merchantReference": "reference", "amount": { "currency": "EUR", "value": 1000 }, "eventCode": "CAPTURE", "success": "true",
        "reason": "reason", "additionalData": { "hmacSignature": SIGNATURE },
    });
    let keys = |text: &str| vec![notices::unhex(text).unwrap()];
    assert!(
        notices::is_signed(&keys(KEY), &item),
        "verified by an outside peer: Adyen's libraries test themselves with this value"
    );
    assert!(!notices::is_signed(&keys("00"), &item), "another key");
    assert!(!notices::is_signed(&[], &item), "no key believes nobody");
    for (field, value) in [
        ("pspReference", json!("other")),
        ("merchantReference", json!("other")),
        ("eventCode", json!("REFUND")),
        ("success", json!("false")),
        ("amount", json!({ "currency": "EUR", "value": 1001 })),
        ("amount", json!({ "currency": "USD", "value": 1000 })),
        ("additionalData", json!({})),
        ("additionalData", json!({ "hmacSignature": "" })),
    ] {
        let mut altered = item.clone();
        altered[field] = value;
        assert!(!notices::is_signed(&keys(KEY), &altered), "{field}");
    }

    let one = golden(NOTICES)[2]["item"].clone();
    let (good, bad) = (signed(one.clone(), KEY), signed(one.clone(), "0A0B"));
    assert!(matches!(hear(KEY, &batch(std::slice::from_ref(&good))), Heard::Notices(notices) if notices.len() == 1));
    assert!(
        matches!(hear("0A0B, ", &batch(std::slice::from_ref(&bad))), Heard::Notices(_)),
        "a list of keys, as after a change"
    );
    assert!(
        matches!(hear(&format!("0a0b,{KEY}"), &batch(&[good.clone(), bad.clone()])), Heard::Notices(all) if all.len() == 2)
    );
    for (keys, body) in [
        (KEY, batch(&[good.clone(), bad])),
        (KEY, batch(&[one])),
        (KEY, batch(&[])),
        ("", batch(&[good])),
        (KEY, b"not json".to_vec()),
        (KEY, b"[]".to_vec()),
        (KEY, Vec::new()),
    ] {
        assert_eq!(hear(keys, &body), Heard::Forged, "{}", String::from_utf8_lossy(&body));
    }
    let settings = AdyenSettings {
        hmac_keys: "not hexadecimal".into(),
        ..adyen("").settings
    };
    assert!(
        Adyen::new(settings).is_err(),
        "a key that cannot be one is found at the start"
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_not_asked_and_cards_in_plain_digits_do_not_pass() {
    let adyen = adyen("");
    let find = Ask::Find {
        reference: "chk_a/1".into(),
    };
    let find_operation = Ask::FindOperation {
        key: "k".into(),
        reference: "chk_a/1".into(),
        payment: "993617895215577D".into(),
    };
    for ask in [find, find_operation] {
        let answer = adyen.ask(&ask).await;
        assert!(matches!(answer, Answer::Unknown { .. }), "not NotFound: {answer:?}");
    }
    let pay = |token: &str| Ask::Authorize {
        key: "k".into(),
        reference: "chk_a/1".into(),
        amount: Money::new(500, Currency::EUR),
        token: token.into(),
        return_url: String::new(),
        session: Session::Buyer,
        reuse: Reuse::Once,
    };
    for token in [
        r#"{"type":"scheme","number":"4…","cvc":"7…"}"#,
        r#"{"type":"scheme","expiryMonth":"03"}"#,
        "{",
    ] {
        let answer = adyen.ask(&pay(token)).await;
        assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
    }
    let answer = adyen.ask(&pay("M5N7TQ4TG5PFWR50")).await;
    assert!(matches!(answer, Answer::NotSent { .. }), "nobody listens: {answer:?}");
    let elsewhere = Ask::Capture {
        key: "k".into(),
        reference: "chk_a/1".into(),
        payment: "../payments".into(),
        amount: Money::new(500, Currency::EUR),
        last: true,
    };
    let answer = adyen.ask(&elsewhere).await;
    assert!(matches!(answer, Answer::Refused { .. }), "{answer:?}");
    assert_eq!(adyen.repeats_for(), Some(Seconds::days(6)));
    assert_eq!(words::read_reference("chk_a/1"), Some(("chk_a/1".into(), None)));
    assert_eq!(words::read_reference("theirs"), None);
    let about = About::Operation { key: "k".into() };
    assert_eq!(
        words::read_reference(&words::operation_reference("chk_a/1", "k"))
            .map(|(_, key)| About::Operation { key: key.unwrap() }),
        Some(about)
    );
}
