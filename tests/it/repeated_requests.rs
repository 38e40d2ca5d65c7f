//! The same request twice, at once, after a crash, or not quite the same (P18).

use crate::harness::World;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use hawker::db::LaneKey;
use hawker::http::{self, Begin, Scope, fingerprint, once};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

fn person(name: &str) -> serde_json::Value {
    json!({ "email": format!("{name}@nour.example"), "name": name, "role": "helper" })
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_the_same_key_answers_the_same_and_changes_nothing_twice() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let secret = world.secret_key(&shop, &["settings:write"]).await;
    let server = world.with_key(&secret).with("idempotency-key", "\"first\"");
    let first = server.post("/v1/staff", &person("mara")).await;
    assert_eq!(
        (first.status, first.header("idempotent-replayed")),
        (201, None),
        "{}",
        first.text()
    );
    let again = server.post("/v1/staff", &person("mara")).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(first.value(), again.value());

    let other = server.post("/v1/staff", &person("jonas")).await;
    assert_eq!(other.refusal(), (422, "idempotency_key_reused".into()), "another body");
    let refused = server
        .clone()
        .with("idempotency-key", "second")
        .post("/v1/staff", &person("mara"))
        .await;
    assert_eq!(
        refused.refusal(),
        (409, "already_here".into()),
        "a new key is a new request"
    );
    let refused_again = server
        .clone()
        .with("idempotency-key", "second")
        .post("/v1/staff", &person("mara"))
        .await;
    assert_eq!(
        (refused_again.refusal(), refused_again.header("idempotent-replayed")),
        ((409, "already_here".into()), Some("true"))
    );

    let bad = server
        .clone()
        .with("idempotency-key", &"x".repeat(256))
        .post("/v1/staff", &person("mara"))
        .await;
    assert_eq!(bad.refusal(), (400, "invalid_idempotency_key".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_another_tenant_and_another_route_have_keys_of_their_own() {
    let world = World::start().await;
    let (nour, tidal) = (world.shop("Nour Ceramics").await, world.shop("Tidal Kiln").await);
    let mut made = Vec::new();
    for shop in [&nour, &tidal] {
        let server = world
            .with_key(&world.secret_key(shop, &["settings:write"]).await)
            .with("idempotency-key", "same");
        let answer = server.post("/v1/staff", &person("mara")).await;
        assert_eq!(
            (answer.status, answer.header("idempotent-replayed")),
            (201, None),
            "{}",
            answer.text()
        );
        made.push((server, answer.value()["id"].as_str().unwrap().to_owned()));
    }
    assert_ne!(made[0].1, made[1].1);
    let (server, id) = &made[0];
    let other_route = server.delete(&format!("/v1/staff/{id}")).await;
    assert_eq!(
        (other_route.status, other_route.header("idempotent-replayed")),
        (200, None)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_a_request_that_died_in_the_middle_is_in_flight_and_then_resumes() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let secret = world.secret_key(&shop, &["settings:write"]).await;
    let keys = world
        .app
        .db
        .read(move |tx| hawker::identity::key_list(tx, shop.id))
        .await
        .unwrap();
    let key = keys.iter().find(|key| !key.publishable).unwrap();
    let body = person("mara");

    // What a server leaves that was killed after it had begun.
    let scope = Scope {
        shop: shop.id,
        principal: key.id.to_string(),
        route: "POST /v1/staff".into(),
    };
    let same = fingerprint(&[b"/v1/staff", b"", body.to_string().as_bytes()]);
    let begun = world
        .app
        .db
        .write(LaneKey(0), move |tx| http::begin(tx, &scope, "died", same))
        .await
        .unwrap();
    assert_eq!(begun, Begin::Run);

    let server = world.with_key(&secret).with("idempotency-key", "died");
    let early = server.post("/v1/staff", &body).await;
    assert_eq!(early.refusal(), (409, "idempotency_in_flight".into()));
    assert!(early.header("retry-after").is_some());
    world.clock.advance(http::LEASE.0 + 1);
    let resumed = server.post("/v1/staff", &body).await;
    assert_eq!(
        (resumed.status, resumed.header("idempotent-replayed")),
        (201, None),
        "{}",
        resumed.text()
    );
    assert_eq!(
        server.post("/v1/staff", &body).await.header("idempotent-replayed"),
        Some("true")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_what_a_dead_try_had_made_is_found_again_not_made_twice() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let secret = world.secret_key(&shop, &["settings:write"]).await;
    let server = world.with_key(&secret).with("idempotency-key", "lost");
    let first = server.post("/v1/staff", &person("mara")).await.value();
    // The answer was written, but never kept: the record is as before the end.
    let keys = world
        .app
        .db
        .read(move |tx| hawker::identity::key_list(tx, shop.id))
        .await
        .unwrap();
    let principal = keys.iter().find(|key| !key.publishable).unwrap().id.to_string();
    world
        .app
        .db
        .write(LaneKey(0), move |tx| {
            tx.exec(
                "update idempotency_keys set status = null, body = null where principal = $1",
                hawker::args![principal],
            )
        })
        .await
        .unwrap();
    world.clock.advance(http::LEASE.0 + 1);
    let second = server.post("/v1/staff", &person("mara")).await;
    assert_eq!((second.status, second.value()), (201, first));
}

#[tokio::test(flavor = "multi_thread")]
async fn p18_two_at_once_one_works_the_other_is_told_to_wait_and_a_failure_is_not_kept() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let scope = Scope {
        shop: shop.id,
        principal: "stf_story".into(),
        route: "POST /v1/story".into(),
    };
    let runs = Arc::new(AtomicU32::new(0));
    let (go, wait) = tokio::sync::oneshot::channel::<()>();
    let (started, begun) = tokio::sync::oneshot::channel::<()>();
    let slow = {
        let (app, scope, runs) = (world.app.clone(), scope.clone(), runs.clone());
        tokio::spawn(async move {
            once(&app, scope, "k".into(), [1; 32], |_| async move {
                started.send(()).unwrap();
                wait.await.unwrap();
                runs.fetch_add(1, Ordering::SeqCst);
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            })
            .await
            .unwrap()
            .status()
        })
    };
    begun.await.unwrap();
    let work = |status: StatusCode| {
        let runs = runs.clone();
        move |_| async move {
            runs.fetch_add(1, Ordering::SeqCst);
            status.into_response()
        }
    };
    let second = once(&world.app, scope.clone(), "k".into(), [1; 32], work(StatusCode::OK))
        .await
        .unwrap_err();
    assert_eq!(second.code(), "idempotency_in_flight");
    go.send(()).unwrap();
    assert_eq!(slow.await.unwrap(), StatusCode::INTERNAL_SERVER_ERROR);
    let third = once(
        &world.app,
        scope.clone(),
        "k".into(),
        [1; 32],
        work(StatusCode::CREATED),
    )
    .await
    .unwrap();
    assert_eq!(third.status(), StatusCode::CREATED, "our failure was not kept");
    let fourth = once(&world.app, scope, "k".into(), [1; 32], work(StatusCode::OK))
        .await
        .unwrap();
    assert_eq!(
        (fourth.status(), runs.load(Ordering::SeqCst)),
        (StatusCode::CREATED, 2),
        "replayed"
    );
}
