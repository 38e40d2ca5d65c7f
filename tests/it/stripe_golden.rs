//! Golden questions, replies and events of Stripe's format, each with the page of its documentation it was written from and who else has seen it
//! (`tests/golden/stripe`).

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hawker::kernel::{Answer, Ask, Clock, Heard, Money, Processor, Rate, Reuse, Session};
use hawker::payments::processors::{Stripe, StripeSettings, sign};
use serde_json::Value;
use std::sync::{Arc, Mutex};

/// The entries of a golden file.
fn golden(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/golden/stripe/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let entries: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    for entry in &entries {
        let said = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        assert!(said("page").starts_with("https://docs.stripe.com/"), "{}", said("name"));
        assert!(said("verified").contains("not verified by"), "{}", said("name"));
    }
    entries
}

fn stripe(url: String) -> Stripe {
    Stripe::new(StripeSettings {
        url,
        api_key: "sk_test_it".into(),
        webhook_secret: "whsec_it".into(),
        fee: (Rate(150), 25),
    })
    .unwrap()
}

/// What is asked, one question after the other, and what is replied.
#[derive(Default)]
struct Script {
    asked: Vec<Value>,
    replies: Vec<(u16, Value)>,
}

type Told = Arc<Mutex<Script>>;

async fn reply(State(script): State<Told>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("authorization"), Some("Bearer sk_test_it"));
    assert_eq!(header("stripe-version"), Some("2025-03-31.basil"));
    let form = match uri.query() {
        Some(query) => query.as_bytes(),
        None => &body,
    };
    let form: Vec<String> = form_urlencoded::parse(form)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let mut script = script.lock().unwrap();
    script.asked.push(serde_json::json!({
        "method": method.as_str(), "path": uri.path(), "key": header("idempotency-key"), "form": form,
    }));
    let (status, value) = script.replies.remove(0);
    (StatusCode::from_u16(status).unwrap(), axum::Json(value)).into_response()
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
            session: match text("session").as_str() {
                "nobody" => Session::Nobody,
                _ => Session::Buyer,
            },
            reuse: match (text("keep"), text("kept")) {
                (owner, _) if !owner.is_empty() => Reuse::Keep { owner },
                (_, customer) if !customer.is_empty() => Reuse::Kept { customer },
                _ => Reuse::Once,
            },
        },
        "capture" => Ask::Capture {
            key,
            reference,
            payment,
            amount: amount(),
            last: value["last"] == true,
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
        "find" => Ask::Find { reference },
        "find_operation" => Ask::FindOperation {
            key,
            reference,
            payment,
        },
        "kept" => Ask::Kept {
            payment,
            owner: text("owner"),
        },
        "forget" => Ask::Forget {
            key,
            token: text("token"),
            customer: text("customer"),
        },
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn questions_and_replies_are_as_stripes_documentation_has_them() {
    let script = Told::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stripe = stripe(format!("http://{}", listener.local_addr().unwrap()));
    let router = Router::new().fallback(reply).with_state(script.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    for entry in golden("payments") {
        let exchanges = entry["exchanges"].as_array().unwrap();
        let mut wanted = Vec::new();
        for exchange in exchanges {
            let status = u16::try_from(exchange["status"].as_u64().unwrap()).unwrap();
            let reply = (status, exchange["body"].clone());
            script.lock().unwrap().replies.push(reply);
            let mut asked = exchange.clone();
            asked
                .as_object_mut()
                .unwrap()
                .retain(|name, _| name != "status" && name != "body");
            wanted.push(asked);
        }
        let answer: Answer = stripe.ask(&ask(&entry["ask"])).await;
        let Script { asked, replies } = std::mem::take(&mut *script.lock().unwrap());
        assert_eq!(asked, wanted, "{}", entry["name"]);
        assert!(replies.is_empty(), "{}", entry["name"]);
        assert_eq!(
            format!("{answer:?}"),
            entry["answer"].as_str().unwrap(),
            "{}",
            entry["name"]
        );
    }
}

#[test]
fn events_are_read_as_stripes_documentation_has_them() {
    let stripe = stripe("http://127.0.0.1:9".into());
    let clock = hawker::db::SystemClock::default();
    for entry in golden("events") {
        let body = entry["event"].to_string();
        let header = sign("whsec_it", clock.wall().unix_seconds(), body.as_bytes());
        let said: Vec<String> = match stripe.hear(body.as_bytes(), &header, clock.wall()) {
            Heard::Notices(notices) => notices
                .iter()
                .map(|notice| {
                    format!(
                        "{} | {} | {:?} | {:?}",
                        notice.id, notice.reference, notice.about, notice.answer
                    )
                })
                .collect(),
            Heard::Ignored => Vec::new(),
            Heard::Forged => panic!("{}", entry["name"]),
        };
        let wanted: Vec<String> = serde_json::from_value(entry["said"].clone()).unwrap();
        assert_eq!(said, wanted, "{}", entry["name"]);
    }
}
