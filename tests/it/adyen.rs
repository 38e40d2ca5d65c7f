//! The whole program with a pretended Adyen: promises, modifications that are only received, signed notices in any order, lost answers.
//!
//! The pretended one answers as its documentation says (`tests/golden/adyen`) and remembers keys; nobody else has verified that the real one does.

use crate::buying::{Stall, invariants};
use crate::harness::Answer;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hawker::checkout;
use hawker::kernel::{CheckoutId, OrderId};
use hawker::payments;
use hmac::{Hmac, Mac};
use hyper::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Two bytes are a key, too: `0a0b` in the settings.
const HMAC_KEY: &[u8] = &[0x0a, 0x0b];

/// What the pretended provider knows.
#[derive(Default)]
struct Book {
    /// The first answer to each key.
    answers: HashMap<String, (u16, Value)>,
    /// Everything that was asked, repetitions too: the path and the body.
    asked: Vec<(String, Value)>,
    /// What it did: payments it promised, and what was taken and given back.
    promised: usize,
    taken: i64,
    given_back: i64,
    /// Notices that nobody has delivered yet.
    notices: Vec<Value>,
    /// So many of its next answers are lost on the way.
    losing: usize,
    /// It executes nothing at all, and its answers are lost.
    deaf: bool,
    /// So many of its next answers are refusals that are not meant: "try again under the same key".
    passing: usize,
}

#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Book>>);

impl Fake {
    fn book(&self) -> std::sync::MutexGuard<'_, Book> {
        self.0.lock().unwrap()
    }

    /// Notices of this kind, taken out of the drawer.
    fn take(&self, event: &str) -> Vec<Value> {
        let mut book = self.book();
        let (wanted, kept) = book.notices.drain(..).partition(|item| item["eventCode"] == event);
        book.notices = kept;
        wanted
    }
}

async fn answer(State(fake): State<Fake>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let gone = || (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>").into_response();
    let mut book = fake.book();
    let body: Value = serde_json::from_slice(&body).unwrap();
    let path = uri.path().strip_prefix("/v71").unwrap().to_owned();
    assert!(
        path == "/payments/details" || body["merchantAccount"] == "HawkerECOM",
        "{body}"
    );
    book.asked.push((path.clone(), body.clone()));
    if book.deaf {
        return gone();
    }
    if header("x-api-key") != "AQE_it" {
        let refused = json!({ "status": 401, "errorCode": "000", "message": "Unauthorized", "errorType": "security" });
        return (StatusCode::UNAUTHORIZED, axum::Json(refused)).into_response();
    }
    if book.passing > 0 {
        book.passing -= 1;
        let busy = json!({ "status": 422, "errorCode": "901", "message": "Busy", "errorType": "internal" });
        return (
            StatusCode::UNPROCESSABLE_ENTITY,
            [("transient-error", "true")],
            axum::Json(busy),
        )
            .into_response();
    }
    let key = header("idempotency-key");
    assert!(!key.is_empty());
    let known = book.answers.get(&key).cloned();
    let (status, value) = known.unwrap_or_else(|| {
        let made = execute(&mut book, &path, &body);
        book.answers.insert(key, made.clone());
        made
    });
    if book.losing > 0 {
        book.losing -= 1;
        return gone();
    }
    (StatusCode::from_u16(status).unwrap(), axum::Json(value)).into_response()
}

/// Does what was asked, and writes the notice about it.
fn execute(book: &mut Book, path: &str, body: &Value) -> (u16, Value) {
    let own = format!("PSP{:013}", book.answers.len());
    let reference = &body["reference"];
    let amount = &body["amount"];
    let minor = amount["value"].as_i64().unwrap_or_default();
    let notice = |event: &str, reference: &Value, original: &str| {
        json!({
            "additionalData": {}, "amount": amount, "eventCode": event, "eventDate": "2026-11-26T09:00:00+01:00",
            "merchantAccountCode": "HawkerECOM", "merchantReference": reference, "originalReference": original,
            "paymentMethod": "visa", "pspReference": own, "reason": "", "success": "true",
        })
    };
    if path == "/payments" {
        assert_eq!(body["additionalData"]["manualCapture"], "true");
        return match body["paymentMethod"]["storedPaymentMethodId"].as_str().unwrap() {
            "poor" => {
                let refused = json!({ "pspReference": own, "resultCode": "Refused", "refusalReason": "Not enough balance", "refusalReasonCode": "12" });
                (200, refused)
            }
            "asks" => {
                book.promised += 1;
                book.notices.push(notice("AUTHORISATION", reference, ""));
                let url = "https://checkoutshopper-test.adyen.com/threeDS/redirect?MD=M2R";
                let action = json!({ "paymentMethodType": "scheme", "url": url, "method": "GET", "type": "redirect" });
                (200, json!({ "resultCode": "RedirectShopper", "action": action }))
            }
            _ => {
                book.promised += 1;
                book.notices.push(notice("AUTHORISATION", reference, ""));
                let promised = json!({ "pspReference": own, "resultCode": "Authorised", "amount": amount, "merchantReference": reference });
                (200, promised)
            }
        };
    }
    // A buyer is back: what they were asked for is in the newest payment.
    if path == "/payments/details" {
        if body["details"]["redirectResult"] != "agreed" {
            let unread = json!({ "status": 422, "errorCode": "14_031", "message": "Cannot decode redirectResult", "errorType": "validation" });
            return (422, unread);
        }
        let (_, asked) = book.asked.iter().rfind(|(path, _)| path == "/payments").unwrap();
        let promised = json!({ "pspReference": own, "resultCode": "Authorised", "amount": asked["amount"], "merchantReference": asked["reference"] });
        return (200, promised);
    }
    let mut received = json!({
        "merchantAccount": "HawkerECOM", "pspReference": own, "reference": reference, "status": "received", "amount": amount,
    });
    if path == "/cancels" {
        let payment = &body["paymentReference"];
        book.notices.push(notice("TECHNICAL_CANCEL", payment, ""));
        received["paymentReference"] = payment.clone();
        return (201, received);
    }
    let mut parts = path.trim_start_matches("/payments/").split('/');
    let (payment, what) = (parts.next().unwrap(), parts.next().unwrap());
    received["paymentPspReference"] = payment.into();
    let event = match what {
        "captures" => {
            book.taken += minor;
            "CAPTURE"
        }
        "refunds" => {
            book.given_back += minor;
            "REFUND"
        }
        "cancels" => "CANCELLATION",
        other => panic!("{other}"),
    };
    book.notices.push(notice(event, reference, payment));
    (201, received)
}

/// A shop that takes cards through the pretended Adyen.
struct Till {
    stall: Stall,
    fake: Fake,
}

impl Till {
    async fn open(units: u32) -> Self {
        let fake = Fake::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let stall = Stall::open_with(units, |config| {
            config.card_processor = format!("adyen:http://{address}/v71");
            config.card_processor_key = "AQE_it".into();
            config.card_processor_account = "HawkerECOM".into();
            config.card_processor_webhook_secret = "0a0b".into();
        })
        .await;
        Self { stall, fake }
    }

    async fn buy(&self) -> (CheckoutId, OrderId) {
        let id = self.stall.checkout();
        let answer = self.stall.tap(id, "visa").await;
        assert_eq!(
            (answer.status, answer.value()["state"].as_str()),
            (201, Some("completed")),
            "{}",
            answer.text()
        );
        (id, answer.value()["order"]["id"].as_str().unwrap().parse().unwrap())
    }

    /// Delivers items in one batch.
    async fn tell(&self, items: &[Value]) -> Answer {
        self.tell_signed(items, HMAC_KEY).await
    }

    async fn tell_signed(&self, items: &[Value], key: &[u8]) -> Answer {
        let wrapped: Vec<Value> = items
            .iter()
            .map(|item| json!({ "NotificationRequestItem": signed(item, key) }))
            .collect();
        let body = json!({ "live": "false", "notificationItems": wrapped }).to_string();
        self.stall
            .world
            .client()
            .send(
                Method::POST,
                "/v1/webhooks/adyen",
                Some("application/json"),
                body.into_bytes().into(),
            )
            .await
    }

    async fn accepted(&self, items: &[Value]) {
        let answer = self.tell(items).await;
        assert_eq!((answer.status, answer.text().as_str()), (200, "[accepted]"));
    }

    /// A payment in one line: its state, what was taken and given back, and the state of each of its operations.
    async fn sheet(&self, id: CheckoutId) -> String {
        let read = self.stall.world.app.db.read(move |tx| {
            let intent = payments::intent(tx, id.intent())?.unwrap();
            let attempt = payments::latest_attempt(tx, intent.id)?.unwrap();
            let captures: Vec<_> = payments::captures(tx, intent.id)?
                .iter()
                .map(|capture| capture.state.name())
                .collect();
            let refunds: Vec<_> = payments::refunds(tx, intent.id)?
                .iter()
                .map(|refund| refund.state.name())
                .collect();
            Ok(format!(
                "{} {} taken {} back {} captures {captures:?} refunds {refunds:?}",
                intent.state.name(),
                attempt.state.name(),
                intent.captured_minor,
                intent.refunded_minor
            ))
        });
        read.await.unwrap()
    }

    /// Waits for what the resolver does in the background.
    async fn becomes(&self, id: CheckoutId, expected: &str) {
        let mut sheet = String::new();
        for _ in 0..300 {
            sheet = self.sheet(id).await;
            if sheet.starts_with(expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{sheet} is not {expected}");
    }

    async fn invariants(&self) {
        let held = {
            let book = self.fake.book();
            book.taken - book.given_back
        };
        invariants(&self.stall.world.app, self.stall.shop.id, || held).await;
    }
}

fn signed(item: &Value, key: &[u8]) -> Value {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let fields = [
        &item["pspReference"],
        &item["originalReference"],
        &item["merchantAccountCode"],
        &item["merchantReference"],
        &item["amount"]["value"],
        &item["amount"]["currency"],
        &item["eventCode"],
        &item["success"],
    ];
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(fields.map(text).join(":").as_bytes());
    let mut item = item.clone();
    item["additionalData"]["hmacSignature"] = BASE64.encode(mac.finalize().into_bytes()).into();
    item
}

#[tokio::test]
async fn a_tap_a_parcel_and_a_refund_through_adyen_are_booked_when_their_notices_come() {
    let till = Till::open(2).await;
    let (id, order) = till.buy().await;
    till.accepted(&till.fake.take("AUTHORISATION")).await;
    assert_eq!(
        till.sheet(id).await,
        "requires_capture authorized taken 0 back 0 captures [] refunds []"
    );

    let shipped = till.stall.ship(order).await;
    assert_eq!(shipped.status, 201, "{}", shipped.text());
    assert_eq!(
        till.sheet(id).await,
        r#"requires_capture authorized taken 0 back 0 captures ["unknown"] refunds []"#,
        "received is not taken"
    );
    let capture = till.fake.take("CAPTURE");
    let forged = till.tell_signed(&capture, b"another key").await;
    assert_eq!(forged.refusal(), (400, "bad_signature".into()));
    assert!(till.sheet(id).await.contains("taken 0"), "P25: nobody believed it");
    for _ in 0..3 {
        till.accepted(&capture).await;
    }
    let taken = r#"succeeded captured taken 3490 back 0 captures ["succeeded"] refunds []"#;
    assert_eq!(till.sheet(id).await, taken, "P6: once, however often it is said");
    till.invariants().await;

    let back = till
        .stall
        .staff
        .post(
            &format!("/v1/orders/{order}/refunds"),
            &json!({ "amount": 1000, "reason": "goodwill" }),
        )
        .await;
    assert_eq!(back.status, 201, "{}", back.text());
    assert!(
        till.sheet(id)
            .await
            .contains(r#"back 0 captures ["succeeded"] refunds ["unknown"]"#)
    );
    till.accepted(&till.fake.take("REFUND")).await;
    assert_eq!(
        till.sheet(id).await,
        r#"succeeded captured taken 3490 back 1000 captures ["succeeded"] refunds ["succeeded"]"#
    );
    till.invariants().await;
}

#[tokio::test]
async fn p2_a_lost_answer_is_asked_for_again_under_its_key_and_one_payment_is_made() {
    let till = Till::open(1).await;
    let id = till.stall.checkout();
    till.fake.book().losing = 1;
    let unknown = till.stall.tap(id, "visa").await;
    assert_eq!(
        unknown.value()["state"].as_str(),
        Some("complete_in_progress"),
        "{}",
        unknown.text()
    );
    till.stall.world.clock.advance(15);
    till.becomes(id, "requires_capture authorized").await;
    {
        let book = till.fake.book();
        let same = |(_, body): &(String, Value)| (body["reference"].clone(), body["amount"].clone());
        assert_eq!((book.promised, book.asked.len(), book.answers.len()), (1, 2, 1));
        assert_eq!(same(&book.asked[0]), same(&book.asked[1]));
    }
    assert_eq!(till.stall.left().await, (0, 0));

    let order = id.order();
    till.fake.book().losing = 1;
    till.stall.ship(order).await;
    assert!(till.sheet(id).await.contains(r#"captures ["unknown"]"#));
    till.stall.world.clock.advance(15);
    for _ in 0..300 {
        if till.fake.book().asked.len() >= 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    {
        let book = till.fake.book();
        assert_eq!(book.asked[2], book.asked[3], "the same capture under the same key");
        assert_eq!(book.taken, 3490, "and taken once");
    }
    till.accepted(&till.fake.take("CAPTURE")).await;
    till.becomes(id, "succeeded captured taken 3490").await;
    till.invariants().await;
}

#[tokio::test]
async fn an_error_that_passes_is_no_refusal_and_a_wrong_key_asks_for_nothing() {
    let till = Till::open(2).await;
    let id = till.stall.checkout();
    till.fake.book().passing = 1;
    till.stall.tap(id, "visa").await;
    assert!(till.sheet(id).await.starts_with("unknown unknown"), "not failed");
    till.stall.world.clock.advance(15);
    till.becomes(id, "requires_capture authorized").await;

    let stall = Stall::open_with(1, |config| {
        config.card_processor = till.stall.world.config.card_processor.clone();
        config.card_processor_key = "AQE_of_somebody_else".into();
        config.card_processor_account = "HawkerECOM".into();
    })
    .await;
    let id = stall.checkout();
    let answer = stall.tap(id, "visa").await;
    assert_ne!(answer.value()["state"], "completed", "{}", answer.text());
    assert_eq!(stall.payment(id.intent()).await["state"], "requires_method");
    assert_eq!(till.fake.book().promised, 1);
}

#[tokio::test]
async fn a_request_nobody_answers_for_is_withdrawn_by_our_own_name_and_never_made_late() {
    let till = Till::open(1).await;
    let id = till.stall.checkout();
    till.fake.book().deaf = true;
    till.stall.tap(id, "visa").await;
    till.stall.world.clock.advance(15);
    for _ in 0..300 {
        if till.fake.book().asked.len() >= 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    till.becomes(id, "unknown unknown").await;
    // It hears again, long after the buyer has left: no promise may be made now.
    till.fake.book().deaf = false;
    for round in 0..300 {
        // The second answer may be written down only now, and its next look be an hour away.
        if round % 50 == 0 {
            till.stall.world.clock.advance(2 * 3600);
        }
        if !till.fake.book().notices.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    {
        let book = till.fake.book();
        assert_eq!(book.promised, 0, "nothing was made late");
        let (path, body) = &book.asked[2];
        assert_eq!(path, "/cancels");
        assert_eq!(body["paymentReference"], format!("{id}/1"));
    }
    till.becomes(id, "requires_method voiding").await;
    till.accepted(&till.fake.take("TECHNICAL_CANCEL")).await;
    till.becomes(id, "requires_method voided").await;
}

#[tokio::test]
async fn a_refused_card_can_be_another_and_a_buyer_at_their_bank_has_bought_when_the_notice_comes() {
    let till = Till::open(3).await;
    let id = till.stall.checkout();
    let poor = till.stall.tap(id, "poor").await;
    assert_eq!(poor.refusal(), (402, "declined".into()));
    assert!(till.sheet(id).await.starts_with("requires_method failed"));

    let id = till.stall.checkout();
    let asks = till.stall.tap(id, "asks").await;
    let value = asks.value();
    assert_eq!(value["state"].as_str(), Some("requires_escalation"), "{value}");
    let url = value["next_action"]["url"].as_str().unwrap();
    assert!(url.starts_with("https://checkoutshopper-test.adyen.com/"), "{url}");
    till.accepted(&till.fake.take("AUTHORISATION")).await;
    till.becomes(id, "requires_capture authorized").await;
    let shop = till.stall.shop.id;
    let db = &till.stall.world.app.db;
    let born = db
        .read(move |tx| checkout::order_of_checkout(tx, shop, id))
        .await
        .unwrap();
    assert!(born.is_some(), "P8: they never came back, and have bought");

    let away = till.stall.checkout();
    till.stall.tap(away, "asks").await;
    let asked = till.fake.book().asked.len();
    till.stall.world.clock.advance(16 * 60);
    till.becomes(away, "requires_method voiding").await;
    for _ in 0..300 {
        if till.fake.book().asked.len() > asked {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    {
        let book = till.fake.book();
        let (path, body) = &book.asked[asked];
        assert_eq!(
            (path.as_str(), body["paymentReference"].as_str()),
            ("/cancels", Some(format!("{away}/1").as_str())),
            "its own name was never told, and it is withdrawn by ours"
        );
    }
    till.accepted(&till.fake.take("AUTHORISATION")).await;
    till.accepted(&till.fake.take("TECHNICAL_CANCEL")).await;
    till.becomes(away, "requires_method voided").await;
}

#[tokio::test]
async fn p24_what_is_not_remembered_is_not_repeated_and_books_that_cannot_be_read_are_said_to_be() {
    let till = Till::open(1).await;
    let (id, order) = till.buy().await;
    till.stall.ship(order).await;
    let app = &till.stall.world.app;
    let before = app.clock.wall();
    till.stall.world.clock.advance(6 * 86_400);
    till.becomes(id, "requires_capture").await;
    while payments::resolve(app, checkout::conclude).await.unwrap() > 0 {}
    let asked = |path: &str| {
        let book = till.fake.book();
        book.asked.iter().filter(|(asked, _)| asked.ends_with(path)).count()
    };
    let (payments_asked, captures_asked) = (asked("/payments"), asked("/captures"));
    till.stall.world.clock.advance(30 * 86_400);
    let done = payments::reconcile(app, Some(before), None, checkout::conclude)
        .await
        .unwrap();
    assert_eq!(
        (asked("/payments"), asked("/captures")),
        (payments_asked, captures_asked),
        "the keys are forgotten by now: another request would take the money twice"
    );
    assert_eq!(payments_asked, 1, "a promise that is known is not asked for again");
    assert!(
        !done.lifted
            && done
                .differences
                .iter()
                .any(|difference| difference.what.starts_with("adyen does not show its books"))
    );
    let accepted = payments::reconcile(app, Some(before), Some("compared by hand".into()), checkout::conclude).await;
    assert!(accepted.unwrap().lifted);

    till.accepted(&till.fake.take("CAPTURE")).await;
    till.becomes(id, "succeeded captured taken 3490").await;
    till.invariants().await;
}

impl Till {
    async fn payment(&self, id: CheckoutId) -> Value {
        let path = format!("/v1/payments/{}", id.intent());
        self.stall.staff.get(&path).await.value()
    }

    /// A person says what the processor's own pages show of the one thing that waits.
    async fn say(&self, id: CheckoutId, decision: &str, reference: &str) -> Answer {
        let payment = self.payment(id).await;
        let body = json!({ "decision": decision, "reason": "Looked at the Customer Area with Ana.",
            "of": payment["unheard"][0]["of"].as_str().unwrap_or("nothing"), "reference": reference });
        let seen = format!("\"{}\"", payment["version"]);
        let staff = self.stall.staff.clone().with("if-match", &seen);
        staff
            .post(&format!("/v1/payments/{}/decisions", id.intent()), &body)
            .await
    }
}

#[tokio::test]
async fn p2_i16_what_cannot_be_asked_is_said_by_a_person_and_the_opposite_is_a_conflict() {
    let till = Till::open(3).await;
    if !till.stall.world.is_sqlite() {
        return; // PostgreSQL takes its time from the server, which nobody moves.
    }
    let (taken, order) = till.buy().await;
    let (missed, other) = till.buy().await;
    assert_eq!(till.stall.ship(order).await.status, 201);
    assert_eq!(till.stall.ship(other).await.status, 201);
    let waits = till.payment(taken).await["unheard"][0].clone();
    assert_eq!(
        (&waits["kind"], &waits["amount"]["amount"], &waits["processor"]),
        (&json!("capture"), &json!(3490), &json!("adyen"))
    );
    // As long as the same request can be repeated, nobody needs to say anything.
    let early = till.say(taken, "happened", "PSPCAPTURE1").await;
    assert_eq!(early.refusal(), (409, "not_proven".into()), "{}", early.text());
    till.stall.world.clock.advance(6 * 86_400 + 3600);
    while payments::resolve(&till.stall.world.app, checkout::conclude)
        .await
        .unwrap()
        > 0
    {}
    assert!(
        till.sheet(taken)
            .await
            .contains(r#"taken 0 back 0 captures ["unknown"]"#)
    );

    // It was taken: under which name, has to be said. Then everything follows as if the processor had said so.
    let nameless = till.say(taken, "happened", "").await;
    assert_eq!(nameless.refusal(), (422, "invalid_field".into()));
    let said = till.say(taken, "happened", "PSPCAPTURE1").await;
    assert_eq!(said.status, 200, "{}", said.text());
    assert_eq!(said.value()["unheard"], json!([]));
    assert!(
        said.value()["log"]
            .to_string()
            .contains("Looked at the Customer Area with Ana.")
    );
    let booked = r#"succeeded captured taken 3490 back 0 captures ["succeeded"] refunds []"#;
    assert_eq!(till.sheet(taken).await, booked);
    let again = till.say(taken, "did_not_happen", "").await;
    assert_eq!(again.refusal(), (409, "not_conflicted".into()), "said is said");

    // It was not taken: the money can be asked for again.
    let said = till.say(missed, "did_not_happen", "").await;
    assert_eq!(said.status, 200, "{}", said.text());
    assert!(
        till.sheet(missed)
            .await
            .contains(r#"taken 0 back 0 captures ["failed"]"#)
    );

    // Its notices come after all. One agrees; the other says the opposite, and freezes the payment.
    let notices = till.fake.take("CAPTURE");
    assert_eq!(notices.len(), 2);
    for _ in 0..2 {
        till.accepted(&notices).await;
    }
    assert_eq!(till.sheet(taken).await, booked, "once");
    assert!(
        till.sheet(missed).await.starts_with("conflicted"),
        "{}",
        till.sheet(missed).await
    );
    let log = till.payment(missed).await["log"].to_string();
    assert!(log.contains("the opposite of what was decided here"), "{log}");

    // The same of money that was to go back.
    let path = format!("/v1/orders/{order}/refunds");
    let back = till
        .stall
        .staff
        .post(&path, &json!({ "amount": 1000, "reason": "goodwill" }))
        .await;
    assert_eq!(back.status, 201, "{}", back.text());
    assert_eq!(till.payment(taken).await["unheard"][0]["kind"], json!("refund"));
    till.stall.world.clock.advance(6 * 86_400 + 3600);
    let said = till.say(taken, "happened", "PSPREFUND1").await;
    assert_eq!(said.status, 200, "{}", said.text());
    assert!(
        till.sheet(taken)
            .await
            .contains(r#"back 1000 captures ["succeeded"] refunds ["succeeded"]"#)
    );
}

#[tokio::test]
async fn a_buyer_who_comes_back_from_their_bank_has_bought_before_any_notice_comes() {
    let till = Till::open(2).await;
    let id = till.stall.checkout();
    let asks = till.stall.tap(id, "asks").await;
    assert_eq!(
        asks.value()["state"].as_str(),
        Some("requires_escalation"),
        "{}",
        asks.text()
    );
    let token = checkout::order_token(till.stall.world.app.db.signing_key(), id.order());
    let browser = till.stall.world.browser();
    let back = async |token: &str, words: &str| {
        let path = format!(
            "/s/{}/checkout?checkout={id}&t={token}&redirectResult={words}",
            till.stall.shop.slug
        );
        browser.get(&path).await
    };
    let asked = till.fake.book().asked.len();
    assert_eq!(back("stranger", "agreed").await.status, 404);
    assert_eq!(till.fake.book().asked.len(), asked, "whoever has no token asks nobody");
    assert_eq!(back(&token, "made-up").await.status, 200);
    assert!(
        till.sheet(id).await.starts_with("requires_action requires_action"),
        "words of nobody change nothing"
    );
    let bought = back(&token, "agreed").await;
    assert_eq!(bought.status, 303, "{}", bought.text());
    assert!(bought.header("location").unwrap().contains("/orders/"), "{bought:?}");
    assert!(till.sheet(id).await.starts_with("requires_capture authorized"));
    let asked = till.fake.book().asked.len();
    assert_eq!(back(&token, "agreed").await.status, 303, "the page is loaded again");
    assert_eq!(till.fake.book().asked.len(), asked);
    till.accepted(&till.fake.take("AUTHORISATION")).await;
    assert!(
        till.sheet(id).await.starts_with("requires_capture authorized"),
        "the notice says nothing new"
    );
}

/// All orders of so many things.
fn orders(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(count - 1);
    let into = |order: &Vec<usize>| {
        let order = order.clone();
        (0..count).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, count - 1);
            longer
        })
    };
    shorter.iter().flat_map(into).collect()
}

/// Delivers five notices in every order, each order to a payment of its own, and returns the one state all of them end in.
async fn in_every_order(till: &Till, refund: bool, pick: impl Fn(&[Value]) -> Vec<Value>) -> String {
    let mut ends = std::collections::BTreeMap::<String, usize>::new();
    for order_of in orders(5) {
        let (id, order) = till.buy().await;
        let shipped = till.stall.ship(order).await;
        assert_eq!(shipped.status, 201, "{}", shipped.text());
        let mut items: Vec<Value> = till.fake.book().notices.drain(..).collect();
        if refund {
            till.accepted(&items).await;
            let path = format!("/v1/orders/{order}/refunds");
            let asked = json!({ "amount": 500, "reason": "goodwill" });
            let back = till.stall.staff.post(&path, &asked).await;
            assert_eq!(back.status, 201, "{}", back.text());
            items.append(&mut till.fake.book().notices);
        }
        let five = pick(&items);
        assert_eq!(five.len(), 5);
        for at in order_of {
            till.accepted(&[five[at].clone()]).await;
        }
        *ends.entry(till.sheet(id).await).or_default() += 1;
    }
    assert_eq!(ends.len(), 1, "{ends:?}");
    ends.pop_first().unwrap().0
}

/// Another notice about the same request.
fn another(item: &Value, event: &str) -> Value {
    let mut item = item.clone();
    item["eventCode"] = event.into();
    item
}

#[tokio::test(flavor = "multi_thread")]
async fn p5_p6_notices_in_every_order_and_twice_end_in_one_state() {
    let till = Till::open(400).await;
    let taken = in_every_order(&till, false, |items| {
        let [authorisation, capture] = items else {
            panic!("{items:?}")
        };
        let other = another(capture, "NOTIFICATION_OF_FRAUD");
        vec![
            authorisation.clone(),
            capture.clone(),
            authorisation.clone(),
            capture.clone(),
            other,
        ]
    })
    .await;
    assert_eq!(
        taken,
        r#"succeeded captured taken 3490 back 0 captures ["succeeded"] refunds []"#
    );
    till.invariants().await;
    let undone = in_every_order(&till, false, |items| {
        let [authorisation, capture] = items else {
            panic!("{items:?}")
        };
        let failed = another(capture, "CAPTURE_FAILED");
        vec![
            authorisation.clone(),
            capture.clone(),
            capture.clone(),
            failed.clone(),
            failed,
        ]
    })
    .await;
    assert_eq!(
        undone, r#"conflicted captured taken 3490 back 0 captures ["succeeded"] refunds []"#,
        "booked as taken, and on somebody's list"
    );
    let returned = in_every_order(&till, true, |items| {
        let [authorisation, capture, refund] = items else {
            panic!("{items:?}")
        };
        let failed = another(refund, "REFUND_FAILED");
        vec![
            authorisation.clone(),
            capture.clone(),
            refund.clone(),
            refund.clone(),
            failed,
        ]
    })
    .await;
    assert_eq!(
        returned, r#"succeeded captured taken 3490 back 0 captures ["succeeded"] refunds ["failed"]"#,
        "P16: the money is here again, and can be given back again"
    );
}
