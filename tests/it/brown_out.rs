//! A processor in a brown-out (P19): ten seconds to every answer, and a third of them errors, while buyers keep coming and another processor is well.
//! Nothing here measures time; what is counted is who was asked how often, and that every buyer was told what became of their payment.

use crate::buying::Stall;
use crate::harness::{Answer, Client};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use hawker::checkout;
use hawker::config::MoreProcessor;
use hawker::db::SystemClock;
use hawker::kernel::CheckoutId;
use hawker::payments::sandbox::{Faults, Sandbox, ServerSettings, router};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How the slow processor is today.
#[derive(Clone, Default)]
struct Weather {
    slow: Arc<AtomicBool>,
    /// Promises it was asked for.
    asked: Arc<AtomicUsize>,
}

impl Weather {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn brown(State(weather): State<Weather>, request: Request, next: Next) -> Response {
    let asks = request.method() == Method::POST && request.uri().path() == "/v1/payment_intents";
    let nth = if asks {
        weather.asked.fetch_add(1, Ordering::SeqCst) + 1
    } else {
        0
    };
    let slow = weather.slow.load(Ordering::SeqCst);
    let answer = next.run(request).await;
    if !slow {
        return answer;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    // It did what it was asked for, and could not say so.
    if asks && nth.is_multiple_of(3) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    answer
}

async fn a_slow_one() -> (Weather, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let url = format!("http://{address}");
    let settings = ServerSettings {
        listen: address,
        journal: None,
        faults: Faults::default(),
        webhook: None,
        hang: Duration::from_secs(1),
    };
    let weather = Weather::default();
    weather.slow.store(true, Ordering::SeqCst);
    let router = router(settings, Arc::new(SystemClock::default()), url.clone()).unwrap();
    let router = router.layer(from_fn_with_state(weather.clone(), brown));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (weather, url)
}

/// So many buyers at once; what each was told.
async fn buyers(stall: &Stall, count: usize) -> Vec<(CheckoutId, Answer)> {
    let taps = (0..count).map(|_| async {
        let id = stall.checkout();
        (id, stall.tap(id, "tok_visa").await)
    });
    futures_util::future::join_all(taps).await
}

fn states(told: &[(CheckoutId, Answer)]) -> (usize, usize) {
    let count = |state: &str| {
        let so = told
            .iter()
            .filter(|(_, answer)| answer.status == 201 && answer.value()["state"] == state);
        so.count()
    };
    (count("completed"), count("complete_in_progress"))
}

#[tokio::test(flavor = "multi_thread")]
async fn p19_in_a_brown_out_every_buyer_is_answered_and_the_slow_one_is_hardly_asked() {
    let (weather, url) = a_slow_one().await;
    let address = url.clone();
    let stall = Stall::open_with(100, |config| {
        config.more_processors = vec![MoreProcessor {
            name: "slow".into(),
            address,
            key: "sk_test_it".into(),
            ..MoreProcessor::default()
        }];
    })
    .await;
    let rules = json!({ "rules": [{ "name": "Slow first", "choice": { "order": ["slow", "sandbox"] } }] });
    let put = stall
        .staff
        .clone()
        .with("if-match", "\"0\"")
        .put("/v1/routing", &rules)
        .await;
    assert_eq!(put.status, 200, "{}", put.text());
    let well = || Sandbox::installed(&stall.world.app).unwrap().books().payments().count();

    // All of the first crowd are asked there. Two thirds have bought; of the others nobody knows yet, and they are told so.
    let first = buyers(&stall, 21).await;
    assert_eq!(states(&first), (14, 7));
    assert_eq!(
        (weather.asked(), well()),
        (21, 0),
        "after an unknown nobody else is asked"
    );

    // Five of the last twenty in vain are enough: the next crowd goes to the one that is well, and does not wait.
    let second = buyers(&stall, 12).await;
    assert_eq!(states(&second), (12, 0));
    assert_eq!((weather.asked(), well()), (21, 12));

    // After its time one of a crowd finds out how it is; the others do not wait for that.
    stall.world.clock.advance(31);
    let third = buyers(&stall, 8).await;
    assert_eq!(states(&third), (8, 0));
    assert_eq!((weather.asked(), well()), (22, 19), "one probe");

    // It is well again. Those who were told to wait have bought, once: it had done what it could not say.
    weather.slow.store(false, Ordering::SeqCst);
    let shop = stall.shop.id;
    let all: Vec<CheckoutId> = first.iter().chain(&second).chain(&third).map(|(id, _)| *id).collect();
    for id in &all {
        let id = *id;
        let mut born = false;
        for _ in 0..1500 {
            let order = stall
                .world
                .app
                .db
                .read(move |tx| checkout::order_of_checkout(tx, shop, id));
            born = order.await.unwrap().is_some();
            if born {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(born, "{id} has no order");
    }
    let books: Value = Client::of(url.strip_prefix("http://").unwrap().parse().unwrap())
        .get("/_books")
        .await
        .value();
    let promised = books["payments"].as_array().unwrap().len();
    assert_eq!((promised + well(), all.len()), (41, 41), "one promise a buyer");
    assert_eq!(
        stall.left().await,
        (100 - 41, 0),
        "and one mug each: none is held for nobody"
    );
}
