//! Outgoing webhooks against a real receiver: what arrives, under which name and signature, and what happens when it does not.

use crate::buying::Stall;
use crate::harness::{Answer, Client, World};
use base64::Engine;
use hawker::identity::Role;
use hawker::notify::webhooks::{self, Waker};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What a receiver does with a request.
#[derive(Clone)]
enum Does {
    /// Answers these bytes.
    Says(String),
    /// Answers nothing, and keeps the line open.
    Hangs,
    /// A byte of the answer every second.
    Drips,
    /// 200 and ten megabytes.
    Floods,
}

fn says(status: &str, headers: &str) -> Does {
    Does::Says(format!(
        "HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n{headers}\r\nok"
    ))
}

/// One request as it came.
#[derive(Clone, Debug)]
struct Got {
    head: String,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        let line = self
            .head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(&start));
        line.map_or("", |line| &line[start.len()..])
    }
    fn value(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
    fn kind(&self) -> String {
        self.value()["type"].as_str().unwrap().to_owned()
    }
    /// Which of these secrets signed it.
    fn signed_by<'a>(&self, secrets: &[&'a str]) -> Vec<&'a str> {
        let content = format!(
            "{}.{}.{}",
            self.header("webhook-id"),
            self.header("webhook-timestamp"),
            self.body
        );
        let good = |secret: &&&str| {
            let key = base64::engine::general_purpose::STANDARD
                .decode(secret.strip_prefix("whsec_").unwrap())
                .unwrap();
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
            mac.update(content.as_bytes());
            let expected = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
            self.header("webhook-signature")
                .split(' ')
                .any(|one| one.strip_prefix("v1,") == Some(&expected))
        };
        secrets.iter().filter(good).copied().collect()
    }
}

/// A program of the shop's that takes events.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
    does: Arc<Mutex<Does>>,
}

impl Receiver {
    async fn start(does: Does) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            url: format!("http://{}/hook", listener.local_addr().unwrap()),
            got: Arc::default(),
            does: Arc::new(Mutex::new(does)),
        };
        let (got, does) = (receiver.got.clone(), receiver.does.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, got.clone(), does.clone()));
            }
        });
        receiver
    }

    fn now(&self, does: Does) {
        *self.does.lock().unwrap() = does;
    }

    fn all(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    fn kinds(&self) -> Vec<String> {
        self.all().iter().map(Got::kind).collect()
    }

    /// Waits until so many requests came.
    async fn wait(&self, count: usize) -> Vec<Got> {
        for _ in 0..1000 {
            let all = self.all();
            if all.len() >= count {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{count} requests were expected, {:?} came", self.kinds());
    }
}

async fn serve(mut stream: TcpStream, got: Arc<Mutex<Vec<Got>>>, does: Arc<Mutex<Does>>) {
    let mut bytes = Vec::new();
    let mut part = [0u8; 4096];
    let (head, body) = loop {
        let Ok(count @ 1..) = stream.read(&mut part).await else {
            return;
        };
        bytes.extend_from_slice(&part[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")?
                        .parse::<usize>()
                        .ok()
                })
                .unwrap_or(0);
            if body.len() >= length {
                break (head.to_owned(), body.to_owned());
            }
        }
    };
    got.lock().unwrap().push(Got { head, body });
    let does = does.lock().unwrap().clone();
    match does {
        Does::Says(answer) => drop(stream.write_all(answer.as_bytes()).await),
        Does::Hangs => tokio::time::sleep(Duration::from_secs(120)).await,
        Does::Drips => {
            for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".iter().cycle() {
                if stream.write_all(&[*byte]).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
        Does::Floods => {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 10485760\r\n\r\n";
            drop(stream.write_all(head.as_bytes()).await);
            let block = [b'x'; 65536];
            for _ in 0..160 {
                if stream.write_all(&block).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A stall whose program may send to this machine.
async fn stall(units: u32) -> Stall {
    Stall::open_with(units, |config| {
        config.webhook_networks = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await
}

/// Adds an endpoint; its id and secret.
async fn add(staff: &Client, url: &str, events: Value) -> (String, String) {
    let body = json!({ "url": url, "events": events });
    let made = staff.post("/v1/webhook-endpoints", &body).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let value = made.value();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&value["endpoint"]["id"]), text(&value["secret"]))
}

async fn endpoint(staff: &Client, id: &str) -> Value {
    staff.get(&format!("/v1/webhook-endpoints/{id}")).await.value()
}

async fn deliveries(staff: &Client, query: &str) -> Vec<Value> {
    let found = staff.get(&format!("/v1/webhook-deliveries?limit=100{query}")).await;
    assert_eq!(found.status, 200, "{}", found.text());
    found.value()["data"].as_array().unwrap().clone()
}

/// Waits until so many deliveries are in this state.
async fn settled(staff: &Client, state: &str, count: usize) -> Vec<Value> {
    for _ in 0..1000 {
        let found = deliveries(staff, &format!("&state={state}")).await;
        if found.len() >= count {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{count} {state} were expected: {:?}", deliveries(staff, "").await);
}

/// Waits until a delivery was tried so often, and lies there to be tried again.
async fn tried(staff: &Client, id: &str, tries: i64) -> Value {
    for _ in 0..1000 {
        let found = staff.get(&format!("/v1/webhook-deliveries/{id}")).await.value();
        if found["tries"] == tries && found["state"] != "leased" {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{tries} tries of {id} were expected");
}

/// Lets time pass, and has what is due by then looked for.
fn pass(world: &World, seconds: i64) {
    world.clock.advance(seconds);
    world.app.kept::<Waker>().wake();
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

async fn test(staff: &Client, endpoint: &str) -> Answer {
    let path = format!("/v1/webhook-endpoints/{endpoint}/test");
    staff.send(hyper::Method::POST, &path, None, Default::default()).await
}

async fn versions_are_dense(world: &World) {
    assert_eq!(world.app.db.read(webhooks::check).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn w6_an_order_is_told_from_the_tap_to_the_refund_as_the_api_tells_it() {
    let stall = stall(5).await;
    let receiver = Receiver::start(says("200 OK", "")).await;
    let (_, secret) = add(&stall.staff, &receiver.url, json!([])).await;
    let order = stall.buy().await;
    let first = receiver.wait(1).await.remove(0);
    assert_eq!(first.kind(), "order.confirmed");
    assert!(first.head.starts_with("POST /hook HTTP/1.1"), "{}", first.head);
    assert_eq!(first.header("content-type"), "application/json");
    assert!(first.header("webhook-id").starts_with("msg_"));
    assert_eq!(first.signed_by(&[&secret]), [&secret]);
    let at: i64 = first.header("webhook-timestamp").parse().unwrap();
    assert!((at - stall.world.app.clock.wall().unix_seconds()).abs() < 60, "{at}");
    let said = first.value();
    assert_eq!(
        (&said["data"]["object"], &said["data"]["id"], &said["data"]["version"]),
        (&json!("order"), &json!(order.to_string()), &json!(1))
    );
    let api = stall.order(order).await;
    for field in ["id", "number", "total", "lines", "contact", "address", "currency"] {
        assert_eq!(said["data"]["order"][field], api[field], "{field}");
    }
    assert_eq!(stall.ship(order).await.status, 201);
    receiver.wait(3).await;
    let refund = stall
        .staff
        .post(
            &format!("/v1/orders/{order}/refunds"),
            &json!({ "amount": 500, "reason": "a chip" }),
        )
        .await;
    assert_eq!(refund.status, 201, "{}", refund.text());
    let all = receiver.wait(4).await;
    let mut kinds = receiver.kinds();
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "order.confirmed",
            "order.refunded",
            "payment.captured",
            "shipment.handed_over"
        ]
    );
    let mut versions: Vec<i64> = all
        .iter()
        .map(|got| got.value()["data"]["version"].as_i64().unwrap())
        .collect();
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4], "dense, whatever order they come in");
    let find = |kind: &str| all.iter().find(|got| got.kind() == kind).unwrap().value();
    assert_eq!(
        find("order.refunded")["data"]["amount"],
        json!({ "amount": 500, "currency": "EUR" })
    );
    assert_eq!(find("shipment.handed_over")["data"]["shipment"]["tracking"], "JD01");
    assert!(
        find("order.refunded")["data"]["adjustment"]
            .as_str()
            .unwrap()
            .starts_with("adj_")
    );
    assert!(all.iter().all(|got| got.signed_by(&[&secret]).len() == 1));
    settled(&stall.staff, "delivered", 4).await;
    versions_are_dense(&stall.world).await;
    stall.invariants().await;
}

#[tokio::test]
async fn w6_a_dispute_is_an_object_of_its_own_with_versions_of_its_own() {
    let stall = stall(5).await;
    let receiver = Receiver::start(says("200 OK", "")).await;
    add(
        &stall.staff,
        &receiver.url,
        json!(["order.confirmed", "dispute.opened"]),
    )
    .await;
    let order = stall.buy().await;
    receiver.wait(1).await;
    let payment = order.to_string().replace("ord_", "int_");
    let dispute = crate::census::inquiry(&stall.world.app, &payment).await;
    let told = receiver.wait(2).await.remove(1).value();
    assert_eq!(
        (
            &told["type"],
            &told["data"]["object"],
            &told["data"]["id"],
            &told["data"]["version"]
        ),
        (&json!("dispute.opened"), &json!("dispute"), &json!(dispute), &json!(1))
    );
    let api = stall.staff.get(&format!("/v1/disputes/{dispute}")).await.value();
    for field in ["id", "order", "payment", "state", "amount", "reason"] {
        assert_eq!(told["data"]["dispute"][field], api[field], "{field}");
    }
}

#[tokio::test]
async fn w6_whoever_asked_for_some_events_hears_of_those_and_nobody_of_another_shops() {
    let stall = stall(5).await;
    let (all, some, theirs) = (
        Receiver::start(says("200 OK", "")).await,
        Receiver::start(says("200 OK", "")).await,
        Receiver::start(says("204 No Content", "")).await,
    );
    let (ours, _) = add(&stall.staff, &all.url, json!([])).await;
    add(&stall.staff, &some.url, json!(["shipment.handed_over"])).await;
    let other = stall.world.shop("Elsewhere").await;
    let neighbour = stall.world.sign_in(&other, &other.owner_email).await;
    add(&neighbour, &theirs.url, json!([])).await;
    let order = stall.buy().await;
    assert_eq!(stall.ship(order).await.status, 201);
    all.wait(3).await;
    some.wait(1).await;
    assert_eq!(
        (some.kinds(), theirs.all().len()),
        (vec!["shipment.handed_over".to_owned()], 0)
    );
    // Another tenant finds nothing of it.
    let delivery = id_of(&deliveries(&stall.staff, "").await[0]);
    for path in [
        format!("/v1/webhook-endpoints/{ours}"),
        format!("/v1/webhook-deliveries/{delivery}"),
    ] {
        assert_eq!(neighbour.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(deliveries(&neighbour, "").await.len(), 0);
    assert_eq!(deliveries(&neighbour, &format!("&endpoint={ours}")).await.len(), 0);
    let replay = format!("/v1/webhook-deliveries/{delivery}/replay");
    let foreign = neighbour
        .send(hyper::Method::POST, &replay, None, Default::default())
        .await;
    assert_eq!((foreign.status, test(&neighbour, &ours).await.status), (404, 404));
    assert_eq!(
        neighbour.delete(&format!("/v1/webhook-endpoints/{ours}")).await.status,
        404
    );
    let since = json!({ "since": "2020-01-01T00:00:00Z" });
    let foreign = neighbour
        .post(&format!("/v1/webhook-endpoints/{ours}/replays"), &since)
        .await;
    assert_eq!(foreign.status, 404);
}

#[tokio::test]
async fn w1_an_event_outlives_the_program_that_could_not_send_it() {
    let stall = stall(5).await;
    let receiver = Receiver::start(says("503 Service Unavailable", "")).await;
    let (_, secret) = add(&stall.staff, &receiver.url, json!(["order.confirmed"])).await;
    let order = stall.buy().await;
    let first = receiver.wait(1).await.remove(0);
    let delivery = id_of(&settled(&stall.staff, "pending", 1).await[0]);
    let before = tried(&stall.staff, &delivery, 1).await;
    assert_eq!(
        (
            before["status"].as_i64(),
            before["trouble"].as_str(),
            before["attempts"][0]["reply"].as_str()
        ),
        (Some(503), Some("It answered 503."), Some("ok")),
        "{before}"
    );
    let world = stall.world.restart().await;
    receiver.now(says("200 OK", ""));
    pass(&world, 10);
    let second = receiver.wait(2).await.remove(1);
    assert_eq!(
        second.header("webhook-id"),
        first.header("webhook-id"),
        "the same event"
    );
    assert_eq!(second.body, first.body, "byte for byte");
    assert_eq!(second.value()["data"]["id"], json!(order.to_string()));
    assert_eq!(second.signed_by(&[&secret]).len(), 1);
}

#[tokio::test]
async fn w1_w4_a_taker_that_dies_between_sending_and_writing_is_followed_by_another_under_the_same_id() {
    let stall = stall(5).await;
    let receiver = Receiver::start(Does::Hangs).await;
    let (id, _) = add(&stall.staff, &receiver.url, json!([])).await;
    assert_eq!(test(&stall.staff, &id).await.status, 201);
    let first = receiver.wait(1).await.remove(0);
    // The program ends while the request hangs: nobody writes what came of it.
    let world = stall.world.restart().await;
    receiver.now(says("200 OK", ""));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(receiver.all().len(), 1, "its lease is respected");
    pass(&world, 61);
    let second = receiver.wait(2).await.remove(1);
    assert_eq!(second.header("webhook-id"), first.header("webhook-id"));
}

#[tokio::test]
async fn w3_an_event_that_did_not_arrive_is_tried_again_on_its_schedule() {
    let stall = stall(5).await;
    let receiver = Receiver::start(says("500 Internal Server Error", "")).await;
    let (id, _) = add(&stall.staff, &receiver.url, json!([])).await;
    let sent = test(&stall.staff, &id).await;
    let delivery = id_of(&sent.value());
    for (tries, pause) in [(1, 6), (2, 331), (3, 1981)] {
        let seen = tried(&stall.staff, &delivery, tries).await;
        assert_eq!(
            (seen["state"].as_str(), seen["status"].as_i64()),
            (Some("pending"), Some(500))
        );
        receiver.wait(usize::try_from(tries).unwrap()).await;
        pass(&stall.world, pause);
    }
    let all = receiver.wait(4).await;
    let ids: std::collections::BTreeSet<&str> = all.iter().map(|got| got.header("webhook-id")).collect();
    assert_eq!(ids.len(), 1, "one event, one id");
    let times: std::collections::BTreeSet<&str> = all.iter().map(|got| got.header("webhook-timestamp")).collect();
    assert_eq!(times.len(), 4, "the time is that of the try");
    receiver.now(says("200 OK", ""));
    tried(&stall.staff, &delivery, 4).await;
    pass(&stall.world, 8000);
    let arrived = settled(&stall.staff, "delivered", 1).await;
    assert_eq!(arrived[0]["tries"], 5);
    let whole = stall
        .staff
        .get(&format!("/v1/webhook-deliveries/{delivery}"))
        .await
        .value();
    assert_eq!(whole["attempts"].as_array().unwrap().len(), 5);
    assert_eq!(whole["payload"]["type"], "webhook.test");
}

#[tokio::test]
async fn w5_one_that_hangs_one_that_drips_and_one_that_floods_delay_nobody() {
    let stall = stall(5).await;
    stall.buy().await; // Before its first sale a shop's page teaches, and has no tasks.
    let (hangs, drips, floods, well) = (
        Receiver::start(Does::Hangs).await,
        Receiver::start(Does::Drips).await,
        Receiver::start(Does::Floods).await,
        Receiver::start(says("200 OK", "")).await,
    );
    let mut ids = Vec::new();
    for receiver in [&hangs, &drips, &floods, &well] {
        ids.push(add(&stall.staff, &receiver.url, json!([])).await.0);
    }
    for _ in 0..20 {
        for id in &ids[..2] {
            test(&stall.staff, id).await;
        }
    }
    hangs.wait(8).await;
    let begun = std::time::Instant::now();
    for id in &ids[2..] {
        test(&stall.staff, id).await;
    }
    settled(&stall.staff, "delivered", 2).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(
        (hangs.all().len(), drips.all().len()),
        (8, 8),
        "each has so many places and no more"
    );
    let flooded = deliveries(&stall.staff, &format!("&endpoint={}", ids[2])).await;
    let whole = stall
        .staff
        .get(&format!("/v1/webhook-deliveries/{}", id_of(&flooded[0])))
        .await
        .value();
    assert_eq!(
        whole["attempts"][0]["reply"].as_str().unwrap().len(),
        1024,
        "the beginning is kept"
    );
    // After fifteen seconds both are let go, whatever still drips.
    for id in &ids[..2] {
        let mut state = String::new();
        for _ in 0..1200 {
            state = endpoint(&stall.staff, id).await["state"].as_str().unwrap().to_owned();
            if state == "failing" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(state, "failing");
        let pending = deliveries(&stall.staff, &format!("&endpoint={id}&state=pending")).await;
        assert!(
            pending
                .iter()
                .any(|one| one["trouble"] == "There was no answer within 15 seconds."),
            "{pending:?}"
        );
    }
    // And the shop is told.
    let today = stall.staff.get(&format!("/studio/{}", stall.shop.slug)).await.text();
    assert!(today.contains("Events do not reach 127.0.0.1"), "{today}");
}

#[tokio::test]
async fn w5_redirects_are_not_followed_410_disables_and_retry_after_is_honoured() {
    let stall = stall(5).await;
    let elsewhere = Receiver::start(says("200 OK", "")).await;
    let redirects = Receiver::start(says("302 Found", &format!("location: {}\r\n", elsewhere.url))).await;
    let gone = Receiver::start(says("410 Gone", "")).await;
    let busy = Receiver::start(says("429 Too Many Requests", "retry-after: 600\r\n")).await;
    let (redirected, _) = add(&stall.staff, &redirects.url, json!([])).await;
    let (left, _) = add(&stall.staff, &gone.url, json!([])).await;
    let (asked, _) = add(&stall.staff, &busy.url, json!([])).await;

    let one = id_of(&test(&stall.staff, &redirected).await.value());
    let seen = tried(&stall.staff, &one, 1).await;
    assert!(
        seen["trouble"].as_str().unwrap().contains("redirects are not followed"),
        "{seen}"
    );
    assert_eq!(elsewhere.all().len(), 0);

    let two = id_of(&test(&stall.staff, &left).await.value());
    let seen = tried(&stall.staff, &two, 1).await;
    assert_eq!(seen["state"], "exhausted");
    let disabled = endpoint(&stall.staff, &left).await;
    assert_eq!(
        (&disabled["state"], &disabled["reason"]),
        (&json!("disabled"), &json!("gone"))
    );
    let letter = stall.world.mailbox.letter_to(&stall.shop.owner_email).await;
    assert!(
        letter.text.contains("410") && letter.text.contains(&left),
        "{}",
        letter.text
    );
    assert_eq!(
        test(&stall.staff, &left).await.refusal(),
        (409, "endpoint_disabled".into())
    );
    let replay = format!("/v1/webhook-deliveries/{two}/replay");
    let refused = stall
        .staff
        .send(hyper::Method::POST, &replay, None, Default::default())
        .await;
    assert_eq!(refused.refusal(), (409, "endpoint_disabled".into()));

    let three = id_of(&test(&stall.staff, &asked).await.value());
    tried(&stall.staff, &three, 1).await;
    test(&stall.staff, &asked).await;
    pass(&stall.world, 300);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(busy.all().len(), 1, "it asked for ten minutes, for everything");
    busy.now(says("200 OK", ""));
    pass(&stall.world, 301);
    busy.wait(3).await;
}

#[tokio::test]
async fn w7_a_secret_is_changed_over_and_the_old_one_signs_no_longer_after() {
    let stall = stall(5).await;
    let receiver = Receiver::start(says("200 OK", "")).await;
    let (id, old) = add(&stall.staff, &receiver.url, json!([])).await;
    let rotation = format!("/v1/webhook-endpoints/{id}/secret-rotation");
    let rotated = stall.staff.post(&rotation, &json!({ "overlap_hours": 1 })).await;
    assert_eq!(rotated.status, 201, "{}", rotated.text());
    let new = rotated.value()["secret"].as_str().unwrap().to_owned();
    assert_ne!(new, old);
    let seen = endpoint(&stall.staff, &id).await;
    assert!(
        seen["old_secret_until"].is_string() && seen.get("secret").is_none(),
        "{seen}"
    );
    test(&stall.staff, &id).await;
    let during = receiver.wait(1).await.remove(0);
    assert_eq!(during.signed_by(&[&old, &new]), [&old, &new]);
    pass(&stall.world, 3700);
    test(&stall.staff, &id).await;
    let after = receiver.wait(2).await.remove(1);
    assert_eq!(after.signed_by(&[&old, &new]), [&new]);
    // Stolen: no overlap.
    let rotated = stall.staff.post(&rotation, &json!({ "overlap_hours": 0 })).await;
    let newest = rotated.value()["secret"].as_str().unwrap().to_owned();
    test(&stall.staff, &id).await;
    let now = receiver.wait(3).await.remove(2);
    assert_eq!(now.signed_by(&[&old, &new, &newest]), [&newest]);
    let refused = stall.staff.post(&rotation, &json!({ "overlap_hours": 200 })).await;
    assert_eq!(refused.refusal(), (422, "invalid_field".into()));
}

#[tokio::test]
async fn w9_nothing_is_sent_to_this_machine_or_its_network_whatever_it_is_called() {
    // As in production: no network of our own is opened.
    let stall = Stall::open(5).await;
    let receiver = Receiver::start(says("200 OK", "")).await;
    let port = receiver
        .url
        .rsplit(':')
        .next()
        .unwrap()
        .trim_end_matches("/hook")
        .to_owned();
    for url in [
        receiver.url.clone(),
        format!("https://127.0.0.1:{port}/hook"),
        format!("http://localhost:{port}/hook"),
        "https://2130706433/hook".to_owned(),
        "https://[::ffff:7f00:1]/hook".to_owned(),
        "https://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        let refused = stall.staff.post("/v1/webhook-endpoints", &json!({ "url": url })).await;
        assert_eq!(refused.refusal(), (422, "invalid_field".into()), "{url}");
    }
    // A name says nothing about where it leads; the address it leads to does.
    let (id, _) = add(&stall.staff, "https://localhost/hook", json!([])).await;
    let delivery = id_of(&test(&stall.staff, &id).await.value());
    let seen = tried(&stall.staff, &delivery, 1).await;
    assert!(
        seen["trouble"]
            .as_str()
            .unwrap()
            .contains("leads to an address that is not public"),
        "{seen}"
    );
    assert_eq!(receiver.all().len(), 0);
}

#[tokio::test]
async fn w9_what_was_allowed_when_it_was_added_is_judged_again_at_every_try() {
    let stall = stall(5).await;
    let receiver = Receiver::start(says("200 OK", "")).await;
    let (id, _) = add(&stall.staff, &receiver.url, json!([])).await;
    test(&stall.staff, &id).await;
    receiver.wait(1).await;
    // The operator closes the network again.
    let mut world = stall.world;
    world.config.webhook_networks.clear();
    let world = world.restart().await;
    let staff = world.sign_in(&stall.shop, &stall.shop.owner_email).await;
    let delivery = id_of(&test(&staff, &id).await.value());
    let seen = tried(&staff, &delivery, 1).await;
    assert!(seen["trouble"].as_str().unwrap().contains("Nothing was sent"), "{seen}");
    assert_eq!(receiver.all().len(), 1);
}

#[tokio::test]
async fn w10_what_was_given_up_is_replayed_under_its_own_id_one_by_one_or_all_since_a_time() {
    let stall = stall(5).await;
    let receiver = Receiver::start(says("500 Internal Server Error", "")).await;
    let (id, _) = add(
        &stall.staff,
        &receiver.url,
        json!(["order.confirmed", "shipment.handed_over"]),
    )
    .await;
    let order = stall.buy().await;
    let delivery = id_of(&settled(&stall.staff, "pending", 1).await[0]);
    tried(&stall.staff, &delivery, 1).await;
    // Ten tries take three days; where staff disable it, what waits is given up at once.
    let path = format!("/v1/webhook-endpoints/{id}");
    let version = endpoint(&stall.staff, &id).await["version"].as_i64().unwrap();
    let editor = stall.staff.clone().with("if-match", &format!("\"{version}\""));
    assert_eq!(editor.patch(&path, &json!({ "disabled": true })).await.status, 200);
    assert_eq!(
        editor.patch(&path, &json!({ "disabled": true })).await.refusal(),
        (412, "stale".into())
    );
    assert_eq!(stall.ship(order).await.status, 201);
    for _ in 0..600 {
        webhooks::prune(&stall.world.app).await.unwrap();
        if deliveries(&stall.staff, "&state=exhausted").await.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let lost = deliveries(&stall.staff, "&state=exhausted").await;
    assert_eq!(
        lost.len(),
        2,
        "what waited, and what was missed while it was disabled: {lost:?}"
    );
    let since = json!({ "since": "2020-01-01T00:00:00Z" });
    let refused = stall.staff.post(&format!("{path}/replays"), &since).await;
    assert_eq!(refused.refusal(), (409, "endpoint_disabled".into()));
    let editor = stall.staff.clone().with("if-match", &format!("\"{}\"", version + 1));
    assert_eq!(editor.patch(&path, &json!({ "disabled": false })).await.status, 200);
    receiver.now(says("200 OK", ""));
    let before = receiver.all().len();
    let first_id = receiver.all()[0].header("webhook-id").to_owned();
    let replayed = stall.staff.post(&format!("{path}/replays"), &since).await.value();
    assert_eq!(replayed, json!({ "replayed": 2, "more": false }));
    let all = receiver.wait(before + 2).await;
    let again: Vec<&str> = all[before..].iter().map(|got| got.header("webhook-id")).collect();
    assert!(again.contains(&first_id.as_str()), "under its own id");
    // What arrived can be sent once more, for a receiver that lost it.
    settled(&stall.staff, "delivered", 2).await;
    let replay = format!("/v1/webhook-deliveries/{delivery}/replay");
    let once_more = stall
        .staff
        .send(hyper::Method::POST, &replay, None, Default::default())
        .await;
    assert_eq!(once_more.status, 200, "{}", once_more.text());
    let all = receiver.wait(before + 3).await;
    assert_eq!(all[before + 2].header("webhook-id"), first_id);
}

#[tokio::test]
async fn a_secret_is_shown_once_and_the_endpoint_is_edited_from_the_version_one_saw() {
    let stall = stall(5).await;
    let receiver = Receiver::start(says("200 OK", "")).await;
    let keyed = stall.staff.clone().with("idempotency-key", "add-once");
    let body =
        json!({ "url": receiver.url, "description": "Books", "events": ["payment.captured", "order.confirmed"] });
    let first = keyed.post("/v1/webhook-endpoints", &body).await;
    let again = keyed.post("/v1/webhook-endpoints", &body).await;
    let id = first.value()["endpoint"]["id"].as_str().unwrap().to_owned();
    assert!(first.value()["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(
        (
            again.status,
            &again.value()["endpoint"]["id"],
            again.value().get("secret")
        ),
        (201, &json!(id), None)
    );
    let path = format!("/v1/webhook-endpoints/{id}");
    let read = stall.staff.get(&path).await;
    assert_eq!(read.header("etag"), Some("\"1\""));
    assert_eq!(read.value()["events"], json!(["order.confirmed", "payment.captured"]));
    assert!(!read.text().contains("whsec_"));
    let unversioned = stall.staff.patch(&path, &json!({ "description": "x" })).await;
    assert_eq!(unversioned.status, 428);
    let editor = stall.staff.clone().with("if-match", "\"1\"");
    let edited = editor
        .patch(&path, &json!({ "description": "Bookkeeping", "events": [] }))
        .await;
    assert_eq!(
        (edited.status, &edited.value()["version"]),
        (200, &json!(2)),
        "{}",
        edited.text()
    );
    assert_eq!(
        editor.patch(&path, &json!({ "events": [] })).await.refusal(),
        (412, "stale".into())
    );
    let unknown = stall
        .staff
        .post(
            "/v1/webhook-endpoints",
            &json!({ "url": receiver.url, "events": ["order.born"] }),
        )
        .await;
    assert_eq!(unknown.status, 422);
    assert_eq!(
        stall.staff.get("/v1/webhook-endpoints").await.value()["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(stall.staff.delete(&path).await.status, 204);
    assert_eq!(stall.staff.delete(&path).await.status, 404);
    stall.buy().await;
    assert_eq!(deliveries(&stall.staff, "").await.len(), 0, "nobody listens any more");
    assert_eq!(receiver.all().len(), 0);
}

#[tokio::test]
async fn the_studio_adds_tests_rotates_and_replays_without_scripts() {
    let stall = stall(5).await;
    let receiver = Receiver::start(says("500 Internal Server Error", "")).await;
    let list = format!("/studio/{}/settings/webhooks", stall.shop.slug);
    let empty = stall.staff.get(&list).await.text();
    assert!(empty.contains("Nobody yet."), "{empty}");
    let fresh: hawker::kernel::WebhookEndpointId = stall.world.app.random.id(stall.world.app.clock.wall());
    let (id, url) = (fresh.to_string(), receiver.url.clone());
    let refused = stall.staff.form(&list, &[("id", &id), ("url", "ftp://x")]).await.text();
    assert!(refused.contains("The address starts with https://."), "{refused}");
    let added = stall
        .staff
        .form(&list, &[("id", &id), ("url", &url), ("event", "order.confirmed")])
        .await
        .text();
    assert!(added.contains("whsec_") && added.contains("the only time"), "{added}");
    let twice = stall
        .staff
        .form(&list, &[("id", &id), ("url", &url), ("event", "order.confirmed")])
        .await
        .text();
    assert!(!twice.contains("whsec_") && twice.contains("sent twice"));
    let page = format!("{list}/{id}");
    assert_eq!(stall.staff.form(&page, &[("do", "test")]).await.status, 303);
    let got = receiver.wait(1).await;
    let delivery = id_of(&deliveries(&stall.staff, "").await[0]);
    tried(&stall.staff, &delivery, 1).await;
    let log = stall.staff.get(&page).await.text();
    assert!(log.contains("A test") && log.contains("It answered 500."), "{log}");
    receiver.now(says("200 OK", ""));
    assert_eq!(
        stall
            .staff
            .form(&page, &[("do", "replay"), ("delivery", &delivery)])
            .await
            .status,
        303
    );
    assert_eq!(
        receiver.wait(2).await[1].header("webhook-id"),
        got[0].header("webhook-id")
    );
    settled(&stall.staff, "delivered", 1).await;
    assert!(stall.staff.get(&page).await.text().contains("Arrived"));
    let rotated = stall
        .staff
        .form(&page, &[("do", "rotate"), ("version", "1")])
        .await
        .text();
    assert!(rotated.contains("whsec_"), "{rotated}");
    assert!(!stall.staff.get(&page).await.text().contains("whsec_"));
    assert_eq!(
        stall
            .staff
            .form(&page, &[("do", "disable"), ("version", "2")])
            .await
            .status,
        303
    );
    assert!(stall.staff.get(&page).await.text().contains("Enable it again"));
    let stale = stall.staff.form(&page, &[("do", "enable"), ("version", "1")]).await;
    assert_eq!(stale.status, 200);
    assert!(stale.text().contains("Someone changed this"));
    let (_, helper) = stall.world.person(&stall.shop, Role::Helper).await;
    let helper = stall.world.sign_in(&stall.shop, &helper).await;
    assert_eq!(
        helper.get(&page).await.status,
        403,
        "owners only: orders with their buyers are in there"
    );
    assert_eq!(stall.staff.form(&page, &[("do", "delete")]).await.status, 303);
    assert_eq!(stall.staff.get(&page).await.status, 404);
}
