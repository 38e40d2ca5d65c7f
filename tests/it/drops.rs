//! Drops, as a host and their buyers meet them. Every story ends with the invariants, which count drops too.

use crate::buying::{Stall, tap_body};
use crate::harness::{Answer, Client};
use hawker::kernel::{CheckoutId, Time};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A drop of the stall's mug at 25.00.
struct Show {
    stall: Stall,
    drop: String,
}

impl Show {
    /// Planned and announced, not open.
    async fn announced(stock: u32, allotment: u32, change: Value) -> Self {
        let stall = Stall::open(stock).await;
        let drop = plan(&stall, allotment, change).await;
        let show = Self { stall, drop };
        show.act("scheduling", json!({})).await;
        show
    }

    async fn open(stock: u32, allotment: u32, change: Value) -> Self {
        let show = Self::announced(stock, allotment, change).await;
        show.act("opening", json!({})).await;
        show
    }

    fn path(&self, act: &str) -> String {
        format!("/v1/drops/{}/{act}", self.drop)
    }

    async fn act(&self, act: &str, body: Value) -> Value {
        let done = self.stall.staff.post(&self.path(act), &body).await;
        assert_eq!(done.status, 200, "{act}: {}", done.text());
        done.value()
    }

    async fn refused(&self, act: &str, body: Value) -> String {
        let refused = self.stall.staff.post(&self.path(act), &body).await;
        assert_eq!(refused.status, 409, "{act}: {}", refused.text());
        refused.refusal().1
    }

    async fn seen(&self) -> Value {
        let seen = self.stall.staff.get(&format!("/v1/drops/{}", self.drop)).await;
        assert_eq!(seen.status, 200, "{}", seen.text());
        seen.value()
    }

    /// Left, reserved, sold and returned of the mug.
    async fn figures(&self) -> (i64, i64, i64, i64) {
        let seen = self.seen().await;
        let of = |name: &str| seen["items"][0][name].as_i64().unwrap_or_else(|| panic!("{seen}"));
        (of("left"), of("reserved"), of("sold"), of("returned"))
    }

    /// Waits for what the jobs do.
    async fn becomes(&self, figures: (i64, i64, i64, i64)) {
        for _ in 0..400 {
            if self.figures().await == figures {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.figures().await, figures);
    }

    async fn asked(&self, units: u32) -> Answer {
        let path = format!(
            "/v1/quotes?lines={}:{units}&country=DE&drop={}",
            self.stall.mug, self.drop
        );
        self.stall.player.get(&path).await
    }

    async fn quote(&self, units: u32) -> Value {
        let quote = self.asked(units).await;
        assert_eq!(quote.status, 200, "{}", quote.text());
        quote.value()
    }

    async fn put(&self, id: CheckoutId, body: &Value) -> Answer {
        self.stall.player.put(&format!("/v1/checkouts/{id}"), body).await
    }

    async fn tap(&self, quote: &Value, who: &str) -> Answer {
        self.put(self.stall.checkout(), &body_of(quote, who)).await
    }

    /// Reserves without paying; answers whoever may go on with it.
    async fn reserve(&self, quote: &Value, who: &str) -> (CheckoutId, Client) {
        let mut body = body_of(quote, who);
        body.as_object_mut().unwrap().remove("payment");
        let id = self.stall.checkout();
        let placed = self.put(id, &body).await;
        assert_eq!(
            (placed.status, placed.value()["state"].as_str()),
            (201, Some("ready_for_complete")),
            "{}",
            placed.text()
        );
        let secret = placed.value()["client_secret"].as_str().unwrap().to_owned();
        (id, self.stall.player.clone().with("hawker-checkout-secret", &secret))
    }
}

async fn plan(stall: &Stall, allotment: u32, change: Value) -> String {
    let mut body = json!({
        "title": "Friday firing",
        "items": [{ "variant": stall.mug, "allotment": allotment, "price": { "amount": 2500, "currency": "EUR" } }],
    });
    body.as_object_mut()
        .unwrap()
        .extend(change.as_object().unwrap().clone());
    let planned = stall.staff.post("/v1/drops", &body).await;
    assert_eq!(planned.status, 201, "{}", planned.text());
    planned.value()["id"].as_str().unwrap().to_owned()
}

/// Somebody of their own: another mailbox and another street.
fn body_of(quote: &Value, who: &str) -> Value {
    let mut body = tap_body(quote, "tok_visa");
    body["contact"] = json!({ "email": format!("{who}@example.com") });
    body["address"]["line1"] = json!(format!("{who} street 1"));
    body
}

fn pay() -> Value {
    json!({ "method": "card", "token": "tok_visa" })
}

fn state(answer: &Answer) -> (u16, String) {
    match answer.value()["state"].as_str() {
        Some(state) => (answer.status, state.to_owned()),
        None => answer.refusal(),
    }
}

fn bought() -> (u16, String) {
    (201, "completed".into())
}

fn in_seconds(show: &Stall, seconds: i64) -> Time {
    Time(show.world.app.clock.wall().0 + seconds * 1_000_000)
}

#[tokio::test]
async fn a_drop_takes_its_units_from_stock_sells_them_and_gives_the_rest_back() {
    let show = Show::announced(10, 4, json!({})).await;
    assert_eq!(
        show.stall.left().await,
        (6, 0),
        "what is set aside cannot be bought in the shop"
    );
    assert_eq!(show.asked(1).await.refusal(), (409, "drop_not_open".into()));
    show.act("opening", json!({})).await;
    let quote = show.quote(2).await;
    assert_eq!(
        (
            quote["items"]["amount"].as_i64(),
            quote["drop"]["hold_minutes"].as_i64()
        ),
        (Some(5000), Some(3)),
        "at the drop's price: {quote}"
    );
    let first = show.tap(&quote, "ada").await;
    assert_eq!(state(&first), bought(), "{}", first.text());
    assert_eq!(show.figures().await, (2, 0, 2, 0));
    let order = first.value()["order"]["id"].as_str().unwrap().parse().unwrap();
    let seen = show.stall.order(order).await["seen"]["drop"].clone();
    assert_eq!(
        (&seen["id"], seen["position"].as_i64()),
        (&json!(show.drop), Some(3)),
        "after created, scheduled, opened"
    );
    // The shop sells beside it, at its own price and from its own units.
    show.stall.buy().await;
    assert_eq!((show.stall.left().await, show.figures().await), ((5, 0), (2, 0, 2, 0)));
    assert_eq!(
        show.asked(3).await.refusal(),
        (409, "sold_out".into()),
        "no more than the allotment"
    );
    show.act("releases", json!({ "variant": show.stall.mug, "units": 3 }))
        .await;
    assert_eq!((show.stall.left().await, show.figures().await), ((2, 0), (5, 0, 2, 0)));
    let too_many = show
        .refused("releases", json!({ "variant": show.stall.mug, "units": 3 }))
        .await;
    assert_eq!(
        (too_many.as_str(), show.figures().await),
        ("not_enough_stock", (5, 0, 2, 0))
    );
    let closed = show.act("closing", json!({})).await;
    assert_eq!(
        (closed["state"].as_str(), closed["settled"].as_bool()),
        (Some("closed"), Some(true)),
        "{closed}"
    );
    assert_eq!((show.stall.left().await, show.figures().await), ((7, 0), (0, 0, 2, 5)));
    assert_eq!(show.asked(1).await.refusal(), (409, "drop_closed".into()));
    // What was sold in it comes back to the shop's shelf, not to a place nobody sells from.
    let order = first.value()["order"]["id"].as_str().unwrap().to_owned();
    let canceled = show
        .stall
        .staff
        .post(&format!("/v1/orders/{order}/cancellation"), &json!({}))
        .await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    assert_eq!((show.stall.left().await, show.figures().await), ((9, 0), (0, 0, 0, 7)));
    show.act("archival", json!({})).await;
    assert_eq!(show.stall.staff.get("/v1/drops").await.value()["data"], json!([]));
    show.stall.invariants().await;
}

#[tokio::test]
async fn every_act_has_its_states_and_doing_it_twice_is_doing_it_once() {
    let stall = Stall::open(5).await;
    let drop = plan(&stall, 9, json!({})).await;
    let show = Show { stall, drop };
    let mug = show.stall.mug;
    for act in ["opening", "closing", "pause", "archival"] {
        assert_eq!(
            show.refused(act, json!({})).await,
            "wrong_drop_state",
            "{act} of a draft"
        );
    }
    assert_eq!(
        show.asked(1).await.refusal(),
        (404, "no_such_drop".into()),
        "nobody sees a draft"
    );
    assert_eq!(show.refused("scheduling", json!({})).await, "not_enough_stock");
    assert_eq!(
        (show.stall.left().await, show.seen().await["state"].as_str()),
        ((5, 0), Some("draft"))
    );
    let fewer =
        json!({ "items": [{ "variant": mug, "allotment": 5, "price": { "amount": 2500, "currency": "EUR" } }] });
    let seen = show.seen().await["version"].to_string();
    let edit = |version: &str| show.stall.staff.clone().with("if-match", &format!("\"{version}\""));
    let path = format!("/v1/drops/{}", show.drop);
    assert_eq!(edit("99").patch(&path, &fewer).await.status, 412);
    assert_eq!(edit(&seen).patch(&path, &fewer).await.status, 200);
    for _ in 0..2 {
        assert_eq!(show.act("scheduling", json!({})).await["state"], "scheduled");
    }
    assert_eq!(show.stall.left().await, (0, 0));
    assert_eq!(show.refused("pause", json!({})).await, "wrong_drop_state");
    let seen = show.seen().await["version"].to_string();
    let limited = edit(&seen).patch(&path, &json!({ "limit_per_buyer": 1 })).await;
    assert_eq!(limited.refusal(), (409, "drop_fixed".into()), "buyers were told");
    for (act, after) in [("opening", "open"), ("pause", "paused")] {
        for _ in 0..2 {
            assert_eq!(show.act(act, json!({})).await["state"], after);
        }
    }
    assert_eq!(show.asked(1).await.refusal(), (409, "drop_paused".into()));
    assert_eq!(
        show.stall.staff.delete(&show.path("pause")).await.value()["state"],
        "open"
    );
    let pinned = show
        .stall
        .staff
        .put(&show.path("pin"), &json!({ "variant": mug }))
        .await;
    assert_eq!(pinned.value()["pinned"], json!(mug));
    assert_eq!(
        show.stall.staff.delete(&show.path("pin")).await.value()["pinned"],
        json!(null)
    );
    let extended = show
        .act("extension", json!({ "closes_at": in_seconds(&show.stall, 600) }))
        .await;
    let sooner = show
        .stall
        .staff
        .post(
            &show.path("extension"),
            &json!({ "closes_at": in_seconds(&show.stall, 300) }),
        )
        .await;
    assert_eq!(
        (sooner.status, extended["closes_at"].is_string()),
        (422, true),
        "nobody loses time they were told"
    );
    for _ in 0..2 {
        assert_eq!(show.act("closing", json!({})).await["state"], "closed");
    }
    for act in ["opening", "pause", "scheduling"] {
        assert_eq!(
            show.refused(act, json!({})).await,
            "wrong_drop_state",
            "{act} after the end"
        );
    }
    // The archive says all of it, in order, and its hashes follow each other.
    let archive = show.stall.staff.get(&show.path("events")).await.value();
    let kinds: Vec<&str> = archive["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "created",
            "edited",
            "scheduled",
            "opened",
            "paused",
            "resumed",
            "pinned",
            "pinned",
            "extended",
            "closed",
            "returned",
            "settled"
        ]
    );
    assert_eq!(archive["verified"], true);
    assert_eq!(show.stall.left().await, (5, 0));
    show.stall.invariants().await;
}

/// Everybody at once; what became of them.
async fn rush(show: &Arc<Show>, buyers: usize, quote: &Value) -> Vec<(u16, String)> {
    let (lines, quote) = (Arc::new(Semaphore::new(64)), Arc::new(quote.clone()));
    let tasks: Vec<_> = (0..buyers)
        .map(|number| {
            let (show, lines, quote) = (show.clone(), lines.clone(), quote.clone());
            tokio::spawn(async move {
                let _line = lines.acquire().await.unwrap();
                state(&show.tap(&quote, &format!("buyer{number}")).await)
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(buyers);
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_three_hundred_buyers_twenty_units_of_a_drop() {
    let show = Arc::new(Show::open(50, 20, json!({ "limit_per_buyer": 1 })).await);
    let quote = show.quote(1).await;
    let answers = rush(&show, 300, &quote).await;
    let sold = answers.iter().filter(|answer| **answer == bought()).count();
    let refused = answers
        .iter()
        .filter(|answer| **answer == (409, "sold_out".into()))
        .count();
    assert_eq!((sold, refused), (20, 280), "{answers:?}");
    assert_eq!(
        (show.figures().await, show.stall.left().await),
        ((0, 0, 20, 0), (30, 0))
    );
    assert_eq!(show.stall.charged(), 20);
    show.act("closing", json!({})).await;
    assert_eq!(show.stall.left().await, (30, 0));
    show.stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_fifty_parallel_checkouts_of_one_buyer_under_many_names_get_the_limit() {
    let show = Arc::new(Show::open(80, 60, json!({ "limit_per_buyer": 2 })).await);
    let quote = show.quote(1).await;
    // One mailbox in five spellings, one phone in four, one street in three: any of them is the same buyer.
    let mails = [
        "Nadja.Ost@gmail.com",
        "nadjaost+1@gmail.com",
        "n.a.d.j.a.ost@googlemail.com",
        "NADJAOST@gmail.com",
        "nadjaost+drop@googlemail.com",
    ];
    let phones = [
        "+49 30 1234567",
        "0049 30 1234567",
        "+49 (0)30 1234567",
        "+49-30-1234567",
    ];
    let streets = ["Hauptstraße 5", "hauptstr. 5", "Hauptstrasse 5"];
    let taps = (0..50).map(|number| {
        let (show, mut body) = (show.clone(), body_of(&quote, "x"));
        match number % 3 {
            0 => body["contact"] = json!({ "email": mails[number % 5], "phone": phones[number % 4] }),
            1 => {
                body["contact"] = json!({ "email": format!("other{number}@example.com"), "phone": phones[number % 4] })
            }
            _ => body["contact"] = json!({ "email": mails[number % 5] }),
        }
        body["address"]["line1"] = json!(streets[number % 3]);
        tokio::spawn(async move { state(&show.put(show.stall.checkout(), &body).await) })
    });
    let taps: Vec<_> = taps.collect();
    let mut answers = Vec::new();
    for tap in taps {
        answers.push(tap.await.unwrap());
    }
    let sold = answers.iter().filter(|answer| **answer == bought()).count();
    let limited = answers
        .iter()
        .filter(|answer| **answer == (409, "drop_limit_reached".into()))
        .count();
    assert_eq!((sold, limited), (2, 48), "{answers:?}");
    assert_eq!(show.figures().await, (58, 0, 2, 0));
    assert_eq!(state(&show.tap(&quote, "somebody.else").await), bought());
    show.stall.invariants().await;
}

#[tokio::test]
async fn d11_a_reservation_that_ends_gives_its_buyer_their_limit_back() {
    let show = Show::open(10, 6, json!({ "limit_per_buyer": 1 })).await;
    let quote = show.quote(1).await;
    let limited = (409, "drop_limit_reached".to_owned());
    // Without a name nothing can be counted.
    let nameless = show
        .put(show.stall.checkout(), &json!({ "quote": quote["quote"] }))
        .await;
    assert_eq!(nameless.refusal(), (409, "drop_contact_needed".into()));
    assert_eq!(show.asked(2).await.status, 200, "a quote counts nobody");
    assert_eq!(show.tap(&show.quote(2).await, "ada").await.refusal(), limited);
    let (id, buyer) = show.reserve(&quote, "ada").await;
    assert_eq!(show.tap(&quote, "ada").await.refusal(), limited);
    assert_eq!(buyer.delete(&format!("/v1/checkouts/{id}")).await.status, 200);
    let again = show.tap(&quote, "ada").await;
    assert_eq!(state(&again), bought(), "{}", again.text());
    assert_eq!(
        show.tap(&quote, "ada").await.refusal(),
        limited,
        "what was bought counts too"
    );
    // An order that is canceled whole is not bought any more.
    let order = again.value()["order"]["id"].as_str().unwrap().to_owned();
    let canceled = show
        .stall
        .staff
        .post(&format!("/v1/orders/{order}/cancellation"), &json!({}))
        .await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    let (id, buyer) = show.reserve(&quote, "ada").await;
    // Somebody who reserved under another name and then says who they are is the same buyer.
    let (other, them) = show.reserve(&quote, "bob").await;
    let mut said = body_of(&quote, "ada");
    let said = json!({ "contact": said["contact"].take() });
    let refused = them.put(&format!("/v1/checkouts/{other}/details"), &said).await;
    assert_eq!(refused.refusal(), limited);
    let paid = them.post(&format!("/v1/checkouts/{other}/payment"), &pay()).await;
    assert_eq!(paid.value()["state"], "completed", "as bob it is paid: {}", paid.text());
    // Time runs out for ada: three minutes in a drop.
    show.stall.world.clock.advance(3 * 60 + 1);
    show.becomes((5, 0, 1, 0)).await;
    let late = buyer.post(&format!("/v1/checkouts/{id}/payment"), &pay()).await;
    assert_eq!(late.status, 409, "{}", late.text());
    let quote = show.quote(1).await;
    assert_eq!(state(&show.tap(&quote, "ada").await), bought());
    show.stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d12_prices_step_while_people_buy_and_nobody_pays_more_than_they_were_shown() {
    let show = Arc::new(Show::open(200, 200, json!({})).await);
    let mug = show.stall.mug;
    let host = {
        let show = show.clone();
        tokio::spawn(async move {
            for number in 0..20i64 {
                let minor = 2500 + (number * 700) % 1900;
                show.act(
                    "prices",
                    json!({ "variant": mug, "price": { "amount": minor, "currency": "EUR" } }),
                )
                .await;
            }
        })
    };
    let buyers: Vec<_> = (0..6)
        .map(|number| {
            let show = show.clone();
            tokio::spawn(async move {
                for round in 0..5 {
                    let quote = show.quote(1).await;
                    let answer = show.tap(&quote, &format!("buyer{number}x{round}")).await;
                    assert_eq!(state(&answer), bought(), "{}", answer.text());
                    let (shown, paid) = (&quote["total"]["amount"], &answer.value()["total"]["amount"]);
                    assert!(paid.as_i64() <= shown.as_i64(), "shown {shown}, paid {paid}");
                    let unit = answer.value()["quote"]["lines"][0]["unit"]["amount"].clone();
                    let steps = (0..20).map(|number| 2500 + (number * 700) % 1900);
                    assert!(
                        steps.chain([2500]).any(|price| json!(price) == unit),
                        "{unit} was a price"
                    );
                }
            })
        })
        .collect();
    for task in buyers.into_iter().chain([host]) {
        task.await.unwrap();
    }
    assert_eq!(show.figures().await.2, 30);
    show.stall.invariants().await;
}

#[tokio::test]
async fn d12_a_rise_is_for_new_quotes_and_a_fall_is_passed_on() {
    let show = Show::open(9, 9, json!({})).await;
    let mug = show.stall.mug;
    let step = async |minor: i64| {
        show.act(
            "prices",
            json!({ "variant": mug, "price": { "amount": minor, "currency": "EUR" } }),
        )
        .await;
    };
    let unit = |answer: &Answer| answer.value()["quote"]["lines"][0]["unit"]["amount"].as_i64();
    let shown = show.quote(1).await;
    step(4000).await;
    assert_eq!(show.quote(1).await["items"]["amount"], 4000);
    let first = show.tap(&shown, "ada").await;
    assert_eq!((state(&first), unit(&first)), (bought(), Some(2500)), "as it was shown");
    let dear = show.quote(1).await;
    step(1900).await;
    let second = show.tap(&dear, "bob").await;
    assert_eq!(
        (state(&second), unit(&second)),
        (bought(), Some(1900)),
        "the fall is passed on"
    );
    // Who has reserved keeps their price, also when they change where it goes.
    let (id, buyer) = show.reserve(&show.quote(1).await, "cleo").await;
    step(9000).await;
    let express = json!({ "address": { "name": "C", "line1": "Elsewhere 2", "postal_code": "8001", "city": "Zürich", "country": "CH" } });
    let moved = buyer.put(&format!("/v1/checkouts/{id}/details"), &express).await;
    let asked = moved.value();
    assert_eq!(
        moved.refusal(),
        (409, "price_changed".into()),
        "the parcel costs more there: {asked}"
    );
    assert!(
        asked["quote"]["lines"][0]["unit"]["amount"].as_i64() <= Some(1900),
        "{asked}"
    );
    let paid = buyer.post(&format!("/v1/checkouts/{id}/payment"), &pay()).await;
    assert_eq!(
        (paid.value()["state"].as_str(), unit(&paid)),
        (Some("completed"), Some(1900))
    );
    // An old quote ends with the time units are kept: then the new price is asked.
    let old = show.quote(1).await;
    show.stall.world.clock.advance(3 * 60 + 1);
    assert_eq!(show.tap(&old, "dora").await.refusal(), (409, "quote_expired".into()));
    show.stall.invariants().await;
}

#[tokio::test]
async fn d13_who_reserved_before_the_close_may_finish_and_nobody_reserves_after_it() {
    let show = Show::open(8, 5, json!({ "hold_minutes": 5 })).await;
    let quote = show.quote(1).await;
    let (id, buyer) = show.reserve(&quote, "ada").await;
    let (_, idle) = show.reserve(&quote, "idle").await;
    let closed = show.act("closing", json!({})).await;
    assert_eq!(
        (closed["state"].as_str(), closed["settled"].as_bool()),
        (Some("closed"), Some(false))
    );
    assert_eq!(
        (show.figures().await, show.stall.left().await),
        ((0, 2, 0, 3), (6, 0)),
        "what is free goes home at once"
    );
    assert_eq!(show.tap(&quote, "late").await.refusal(), (409, "drop_closed".into()));
    assert_eq!(
        show.refused("archival", json!({})).await,
        "wrong_drop_state",
        "not while two may still buy"
    );
    // They may even say where it goes.
    let moved = json!({ "address": { "name": "A", "line1": "New street 9", "postal_code": "20095", "city": "Hamburg", "country": "DE" } });
    assert_eq!(
        buyer.put(&format!("/v1/checkouts/{id}/details"), &moved).await.status,
        200
    );
    let paid = buyer.post(&format!("/v1/checkouts/{id}/payment"), &pay()).await;
    assert_eq!(paid.value()["state"], "completed", "{}", paid.text());
    assert_eq!(show.figures().await, (0, 1, 1, 3));
    drop(idle);
    show.stall.world.clock.advance(5 * 60 + 1);
    show.becomes((0, 0, 1, 4)).await;
    for _ in 0..200 {
        if show.seen().await["settled"] == true {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        (show.seen().await["settled"].as_bool(), show.stall.left().await),
        (Some(true), (7, 0))
    );
    show.stall.invariants().await;
}

#[tokio::test]
async fn d13_d5_a_drop_opens_and_closes_at_its_times_whether_or_not_anybody_acts() {
    let stall = Stall::open(6).await;
    let (opens, closes) = (in_seconds(&stall, 600), in_seconds(&stall, 1200));
    let drop = plan(&stall, 4, json!({ "opens_at": opens, "closes_at": closes })).await;
    let show = Show { stall, drop };
    show.act("scheduling", json!({})).await;
    assert_eq!(show.asked(1).await.refusal(), (409, "drop_not_open".into()));
    show.stall.world.clock.advance(601);
    // The first buyer need not wait for the job.
    let quote = show.quote(1).await;
    let first = show.tap(&quote, "ada").await;
    assert_eq!(state(&first), bought(), "{}", first.text());
    assert_eq!(show.seen().await["state"], "open");
    show.stall.world.clock.advance(601);
    assert_eq!(show.tap(&quote, "bob").await.status, 409);
    assert_eq!(show.asked(1).await.refusal(), (409, "drop_closed".into()));
    let extended = show
        .stall
        .staff
        .post(
            &show.path("extension"),
            &json!({ "closes_at": in_seconds(&show.stall, 900) }),
        )
        .await;
    assert_eq!(
        extended.refusal(),
        (409, "wrong_drop_state".into()),
        "what is over is over"
    );
    show.becomes((0, 0, 1, 3)).await;
    assert_eq!(show.stall.left().await, (5, 0));
    show.stall.invariants().await;
}

#[tokio::test]
async fn a_transient_variant_is_sold_in_its_drop_only_and_archives_itself() {
    let stall = Stall::open(5).await;
    let product = stall
        .staff
        .post(
            "/v1/products",
            &json!({ "title": "Smoke mug", "kind": "physical", "variants": [{ "title": "Only here" }] }),
        )
        .await;
    assert_eq!(product.status, 201, "{}", product.text());
    let draft = format!("/v1/products/{}/draft", product.value()["id"].as_str().unwrap());
    let variant = stall.staff.get(&draft).await.value()["variants"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let counted = stall
        .staff
        .put(&format!("/v1/variants/{variant}/stock"), &json!({ "on_hand": 2 }))
        .await;
    assert_eq!(counted.status, 200, "{}", counted.text());
    let items = |transient: bool| json!({ "items": [{ "variant": variant, "allotment": 2, "price": { "amount": 7700, "currency": "EUR" }, "transient": transient }] });
    // A draft product is not for sale, unless in this drop only.
    let plain = plan(&stall, 0, items(false)).await;
    let refused = stall
        .staff
        .post(&format!("/v1/drops/{plain}/scheduling"), &json!({}))
        .await;
    assert_eq!(refused.refusal(), (409, "not_for_sale".into()));
    let drop = plan(&stall, 0, items(true)).await;
    let show = Show { stall, drop };
    show.act("scheduling", json!({})).await;
    show.act("opening", json!({})).await;
    let shop = show
        .stall
        .player
        .get(&format!("/v1/quotes?lines={variant}:1&country=DE"))
        .await;
    assert_eq!(shop.status, 404, "{}", shop.text());
    let quote = show
        .stall
        .player
        .get(&format!("/v1/quotes?lines={variant}:1&country=DE&drop={}", show.drop))
        .await
        .value();
    let bought_it = show.tap(&quote, "ada").await;
    assert_eq!(state(&bought_it), bought(), "{}", bought_it.text());
    assert_eq!(bought_it.value()["total"]["amount"], 7700 + 490);
    show.act("closing", json!({})).await;
    assert_eq!(
        show.stall.staff.get(&draft).await.value()["variants"][0]["state"],
        "archived"
    );
    show.stall.invariants().await;
}

#[tokio::test]
async fn t1_a_drop_is_nothing_to_another_shop() {
    let show = Show::open(5, 3, json!({})).await;
    let theirs = show.stall.world.shop("Next Door").await;
    let (them, staff) = (
        show.stall.world.with_key(&theirs.publishable_key),
        show.stall.world.sign_in(&theirs, &theirs.owner_email).await,
    );
    let quote = format!("/v1/quotes?lines={}:1&country=DE&drop={}", show.stall.mug, show.drop);
    assert_eq!(them.get(&quote).await.refusal(), (404, "no_such_drop".into()));
    assert_eq!(
        them.get(&show.path("live")).await.refusal(),
        (404, "no_such_drop".into())
    );
    for act in ["scheduling", "opening", "closing", "pause", "archival"] {
        assert_eq!(staff.post(&show.path(act), &json!({})).await.status, 404, "{act}");
    }
    assert_eq!(staff.get(&show.path("events")).await.status, 404);
    let stolen = json!({ "title": "Theirs", "items": [{ "variant": show.stall.mug, "allotment": 1, "price": { "amount": 1, "currency": "EUR" } }] });
    assert_eq!(
        staff.post("/v1/drops", &stolen).await.status,
        422,
        "of another shop's variant"
    );
    assert_eq!(show.figures().await, (3, 0, 0, 0));
    // A variant the drop does not sell is not sold through it.
    let unknown: hawker::kernel::VariantId = crate::harness::nobody();
    let foreign = format!("/v1/quotes?lines={unknown}:1&country=DE&drop={}", show.drop);
    assert_eq!(
        show.stall.player.get(&foreign).await.refusal(),
        (409, "not_in_drop".into())
    );
    show.stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d17_an_open_page_hears_of_prices_pins_and_units_and_who_joins_late_is_right_at_once() {
    let show = Show::open(5, 3, json!({})).await;
    let mug = show.stall.mug;
    let mut page = show.stall.player.follow(&show.path("live")).await;
    let first = page.next().await.unwrap();
    assert_eq!(first.data["phase"], "open");
    assert_eq!(
        (
            &first.data["items"][0]["left"],
            &first.data["items"][0]["price"]["amount"]
        ),
        (&json!(3), &json!(2500))
    );
    show.act(
        "prices",
        json!({ "variant": mug, "price": { "amount": 2200, "currency": "EUR" } }),
    )
    .await;
    show.stall
        .staff
        .put(&show.path("pin"), &json!({ "variant": mug }))
        .await;
    show.reserve(&show.quote(1).await, "ada").await;
    let last = loop {
        let heard = page.next().await.expect("the stream goes on");
        let item = &heard.data["items"][0];
        if (
            &heard.data["pinned"],
            &item["price"]["amount"],
            &item["left"],
            &item["in_checkouts"],
        ) == (&json!(mug), &json!(2200), &json!(2), &json!(1))
        {
            break heard;
        }
    };
    let mut late = show.stall.player.follow(&show.path("live")).await;
    assert_eq!(late.next().await.unwrap().data, last.data);
    let mut back = show
        .stall
        .player
        .clone()
        .with("last-event-id", &last.id)
        .follow(&show.path("live"))
        .await;
    show.act("closing", json!({})).await;
    let next = back.next().await.unwrap();
    assert_eq!(next.data["phase"], "over", "what was heard before is not said again");
    show.stall.invariants().await;
}

#[tokio::test]
async fn an_archive_that_was_touched_is_noticed() {
    let show = Show::open(5, 3, json!({})).await;
    let id: hawker::kernel::DropId = show.drop.parse().unwrap();
    let shop = show.stall.shop.id;
    let read = move |tx: &mut hawker::db::Tx<'_>| {
        let drop = hawker::drops::find(tx, shop, id)?.unwrap();
        Ok((hawker::drops::events(tx, id)?, drop.head))
    };
    let (events, head) = show.stall.world.app.db.read(read).await.unwrap();
    assert_eq!(hawker::drops::verify(id, &events, &head), Ok(()));
    let mut other = events.clone();
    other[1].detail = other[1].detail.replace("2500", "1500");
    assert_eq!(hawker::drops::verify(id, &other, &head), Err(2), "changed");
    let mut fewer = events.clone();
    fewer.remove(1);
    assert_eq!(hawker::drops::verify(id, &fewer, &head), Err(2), "left out");
    assert_eq!(hawker::drops::verify(id, &events[..2], &head), Err(3), "cut off");
    // What is handed out can be checked by nothing but itself.
    let handed = show.stall.staff.get(&show.path("events")).await.value();
    let read = |value: Value| serde_json::from_value::<hawker::drops::api::DropArchiveOut>(value).unwrap();
    assert_eq!(read(handed.clone()).verify(), Ok(()));
    let mut forged = handed;
    forged["events"][2]["at"] = json!("2020-01-01T00:00:00.000Z");
    assert_eq!(read(forged).verify(), Err(3));
}

/// A browser with a secret of its own.
fn browser(show: &Show, number: usize) -> Client {
    show.stall
        .player
        .clone()
        .with("hawker-buyer-key", &format!("{number:0>40}"))
}

async fn turn(show: &Show, number: usize) -> Value {
    let taken = browser(show, number).put(&show.path("turn"), &json!({})).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    taken.value()
}

#[tokio::test]
async fn x2_x5_the_draw_is_committed_before_told_after_and_a_pass_is_its_browsers_alone() {
    use hmac::{Hmac, Mac};
    use sha2::{Digest, Sha256};
    let show = Show::announced(30, 20, json!({ "waiting_room": { "rate_per_minute": 12 } })).await;
    let draw = async || show.stall.player.get(&show.path("draw")).await.value();
    let mut turns = Vec::new();
    for number in 0..12 {
        turns.push(turn(&show, number).await);
        assert_eq!(
            turns[number]["place"],
            json!(null),
            "nobody knows their place before the draw"
        );
    }
    assert_eq!(
        turn(&show, 3).await["id"],
        turns[3]["id"],
        "coming twice is coming once"
    );
    let before = draw().await;
    assert_eq!((&before["seed"], &before["turns"]), (&json!(null), &json!([])));
    show.act("opening", json!({})).await;
    let late = turn(&show, 99).await;
    assert_eq!(late["place"], 13, "whoever comes after the opening is behind the draw");
    // Anybody can check it, from what is public: the seal, the number, and everybody's turn.
    let after = draw().await;
    let seed = after["seed"].as_str().unwrap();
    let seed: Vec<u8> = (0..32)
        .map(|at| u8::from_str_radix(&seed[2 * at..2 * at + 2], 16).unwrap())
        .collect();
    let seal: String = Sha256::digest(&seed).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        (&before["seed_hash"], &after["seed_hash"]),
        (&json!(seal), &json!(seal))
    );
    let mut lots: Vec<(Vec<u8>, String)> = turns
        .iter()
        .map(|turn| {
            let id = turn["id"].as_str().unwrap();
            let bytes: hawker::kernel::TurnId = id.parse().unwrap();
            let mut lot = Hmac::<Sha256>::new_from_slice(&seed).unwrap();
            lot.update(hawker::kernel::Id::uuid(bytes).as_bytes());
            (lot.finalize().into_bytes().to_vec(), id.to_owned())
        })
        .collect();
    lots.sort();
    let order: Vec<&str> = lots.iter().map(|(_, id)| id.as_str()).collect();
    assert_eq!(json!(order), after["turns"]);
    let number = |place: usize| turns.iter().position(|turn| turn["id"] == order[place - 1]).unwrap();
    for place in [1, 7, 12] {
        assert_eq!(turn(&show, number(place)).await["place"], place);
    }

    // The first wave lets in one at this rate; the others wait for theirs.
    let standing = async |number: usize| {
        let stands = browser(&show, number).get(&show.path("turn")).await;
        stands.value()["standing"]
            .as_str()
            .unwrap_or_else(|| panic!("{}", stands.text()))
            .to_owned()
    };
    let is_let_in = async |number: usize| {
        for _ in 0..400 {
            if standing(number).await == "admitted" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{number} is {}", standing(number).await);
    };
    is_let_in(number(1)).await;
    let quote = show.quote(1).await;
    let reserve = async |client: Client, who: &str| {
        let path = format!("/v1/checkouts/{}", show.stall.checkout());
        state(&client.put(&path, &body_of(&quote, who)).await)
    };
    let refused = |code: &str| (409, code.to_owned());
    assert_eq!(
        reserve(show.stall.player.clone(), "none").await,
        refused("drop_pass_needed")
    );
    assert_eq!(
        reserve(browser(&show, 500), "forger").await,
        refused("drop_pass_needed"),
        "of a key that took no turn"
    );
    assert_eq!(
        reserve(browser(&show, number(12)), "eager").await,
        refused("drop_pass_waiting")
    );
    assert_eq!(reserve(browser(&show, 99), "late").await, refused("drop_pass_waiting"));
    assert_eq!(reserve(browser(&show, number(1)), "first").await, bought());
    assert_eq!(
        reserve(browser(&show, number(1)), "replay").await,
        refused("drop_pass_used"),
        "once"
    );
    // In time everybody is let in, also who came late; and a pass that is not used ends.
    show.stall.world.clock.advance(3 * 60);
    is_let_in(99).await;
    let reserve_now = async |number: usize, who: &str| {
        let quote = show.quote(1).await;
        let path = format!("/v1/checkouts/{}", show.stall.checkout());
        state(&browser(&show, number).put(&path, &body_of(&quote, who)).await)
    };
    assert_eq!(reserve_now(99, "late").await, bought());
    show.stall.world.clock.advance(5 * 60 + 1);
    assert_eq!(standing(number(2)).await, "expired");
    assert_eq!(reserve_now(number(2), "slow").await, refused("drop_pass_expired"));
    assert_eq!(show.seen().await["waiting_room"]["admitted"], 13);
    assert_eq!(show.figures().await.2, 2, "nobody else bought");
    show.stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn x2_one_pass_reserves_once_however_many_use_it_at_the_same_moment() {
    let show = Arc::new(Show::announced(30, 20, json!({ "waiting_room": { "rate_per_minute": 6000 } })).await);
    turn(&show, 1).await;
    show.act("opening", json!({})).await;
    for _ in 0..400 {
        if turn(&show, 1).await["standing"] == "admitted" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let quote = Arc::new(show.quote(1).await);
    let tries: Vec<_> = (0..20)
        .map(|number| {
            let (show, quote) = (show.clone(), quote.clone());
            tokio::spawn(async move {
                let path = format!("/v1/checkouts/{}", show.stall.checkout());
                state(
                    &browser(&show, 1)
                        .put(&path, &body_of(&quote, &format!("many{number}")))
                        .await,
                )
            })
        })
        .collect();
    let mut sold = 0;
    for one in tries {
        let answer = one.await.unwrap();
        match answer.0 {
            201 => sold += 1,
            _ => assert_eq!(answer, (409, "drop_pass_used".into())),
        }
    }
    assert_eq!((sold, show.figures().await), (1, (19, 0, 1, 0)));
    show.stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d13_a_close_in_the_middle_of_a_rush_leaves_every_unit_sold_or_home() {
    let show = Arc::new(Show::open(120, 100, json!({ "limit_per_buyer": 1 })).await);
    let quote = show.quote(1).await;
    let crowd = {
        let (show, quote) = (show.clone(), quote.clone());
        tokio::spawn(async move { rush(&show, 150, &quote).await })
    };
    for _ in 0..400 {
        if show.figures().await.2 >= 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    show.act("closing", json!({})).await;
    for number in 0..10 {
        let late = show.tap(&quote, &format!("late{number}")).await;
        assert_eq!(
            late.refusal(),
            (409, "drop_closed".into()),
            "nobody reserves after the close was answered"
        );
    }
    let answers = crowd.await.unwrap();
    let sold = answers.iter().filter(|answer| **answer == bought()).count();
    let closed = answers
        .iter()
        .filter(|answer| **answer == (409, "drop_closed".into()))
        .count();
    let out = answers
        .iter()
        .filter(|answer| **answer == (409, "sold_out".into()))
        .count();
    assert_eq!(sold + closed + out, 150, "everybody got a definite answer: {answers:?}");
    let sold = i64::try_from(sold).unwrap();
    show.becomes((0, 0, sold, 100 - sold)).await;
    assert_eq!(
        (show.stall.left().await, show.stall.charged()),
        ((120 - sold, 0), usize::try_from(sold).unwrap())
    );
    show.stall.invariants().await;
}

#[tokio::test]
async fn d14_what_comes_free_is_offered_to_those_who_wait_one_after_another_and_to_nobody_else() {
    let show = Show::open(9, 2, json!({})).await;
    let waits = show.path(&format!("waits/{}", show.stall.mug));
    let wait = async |number: usize| {
        let stands = browser(&show, number).put(&waits, &json!({})).await;
        (stands.status, stands.value())
    };
    let standing = async |number: usize| wait(number).await.1["standing"].as_str().unwrap_or_default().to_owned();
    let becomes_offered = async |number: usize| {
        for _ in 0..400 {
            if standing(number).await == "offered" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{number} is {}", standing(number).await);
    };
    let sold_out = (409, "sold_out".to_owned());
    let early = show.quote(1).await;
    assert_eq!(wait(1).await.0, 409, "there is enough: buy it");
    let (id, ada) = show.reserve(&early, "ada").await;
    assert_eq!(state(&show.tap(&early, "bob").await), bought());
    assert_eq!(wait(1).await.1["before"], 0);
    assert_eq!(
        (wait(2).await.1["before"].as_i64(), wait(1).await.1["before"].as_i64()),
        (Some(1), Some(0))
    );

    // Ada leaves: her unit is the first one's, whoever else looks.
    assert_eq!(ada.delete(&format!("/v1/checkouts/{id}")).await.status, 200);
    assert_eq!(show.tap(&early, "eve").await.refusal(), sold_out);
    becomes_offered(1).await;
    assert_eq!(standing(2).await, "waiting", "one unit, one offer");
    assert_eq!(show.tap(&early, "eve").await.refusal(), sold_out);
    let path = || format!("/v1/checkouts/{}", show.stall.checkout());
    assert_eq!(
        browser(&show, 2).put(&path(), &body_of(&early, "dora")).await.refusal(),
        sold_out
    );
    let theirs = format!("/v1/quotes?lines={}:1&country=DE&drop={}", show.stall.mug, show.drop);
    assert_eq!(show.stall.player.get(&theirs).await.refusal(), sold_out);
    let quote = browser(&show, 1).get(&theirs).await;
    assert_eq!(
        quote.status,
        200,
        "for whoever was offered it there is one: {}",
        quote.text()
    );
    let taken = browser(&show, 1).put(&path(), &body_of(&quote.value(), "cleo")).await;
    assert_eq!(state(&taken), bought(), "{}", taken.text());
    assert_eq!(show.figures().await, (0, 0, 2, 0));

    // A released unit is the second one's; they let five minutes pass, and it is the third one's.
    show.act("releases", json!({ "variant": show.stall.mug, "units": 1 }))
        .await;
    becomes_offered(2).await;
    assert_eq!(wait(3).await.1["before"], 0);
    show.stall.world.clock.advance(5 * 60 + 1);
    becomes_offered(3).await;
    assert_eq!(show.figures().await, (0, 1, 2, 0));
    // The third does not want it any more, and nobody waits: everybody may buy.
    assert_eq!(browser(&show, 3).delete(&waits).await.status, 204);
    let quote = show.quote(1).await;
    assert_eq!(state(&show.tap(&quote, "eve").await), bought());

    // The end is the end of the list, and what was offered goes home.
    assert_eq!(wait(4).await.0, 200);
    show.act("releases", json!({ "variant": show.stall.mug, "units": 1 }))
        .await;
    becomes_offered(4).await;
    show.act("closing", json!({})).await;
    assert_eq!(
        browser(&show, 4).put(&path(), &body_of(&quote, "four")).await.refusal(),
        (409, "drop_closed".into())
    );
    show.becomes((0, 0, 3, 1)).await;
    assert_eq!(show.stall.left().await, (6, 0));
    show.stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d14_a_crowd_that_grabs_for_a_unit_that_comes_free_gets_none_of_it() {
    let show = Arc::new(Show::open(9, 3, json!({})).await);
    let waits = show.path(&format!("waits/{}", show.stall.mug));
    let quote = show.quote(1).await;
    let mut held = Vec::new();
    for number in 0..3 {
        held.push(show.reserve(&quote, &format!("held{number}")).await);
    }
    for number in 0..3 {
        assert_eq!(browser(&show, number).put(&waits, &json!({})).await.status, 200);
    }
    let crowd = {
        let (show, quote) = (show.clone(), quote.clone());
        tokio::spawn(async move { rush(&show, 120, &quote).await })
    };
    for (id, buyer) in held {
        assert_eq!(buyer.delete(&format!("/v1/checkouts/{id}")).await.status, 200);
    }
    let answers = crowd.await.unwrap();
    assert!(
        answers.iter().all(|answer| *answer == (409, "sold_out".into())),
        "{answers:?}"
    );
    for number in 0..3 {
        for _ in 0..400 {
            if browser(&show, number).put(&waits, &json!({})).await.value()["standing"] == "offered" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let path = format!("/v1/checkouts/{}", show.stall.checkout());
        let taken = browser(&show, number)
            .put(&path, &body_of(&quote, &format!("patient{number}")))
            .await;
        assert_eq!(state(&taken), bought(), "{}", taken.text());
    }
    assert_eq!(show.figures().await, (0, 0, 3, 0));
    show.stall.invariants().await;
}

/// The name of a place on the list is its waiter's to know, and the id of a checkout is its buyer's to choose.
#[tokio::test]
async fn d14_x5_the_name_of_a_place_on_the_list_is_no_key_to_what_is_offered_there() {
    let show = Show::open(9, 2, json!({})).await;
    let waits = show.path(&format!("waits/{}", show.stall.mug));
    let early = show.quote(1).await;
    let (ada, hers) = show.reserve(&early, "ada").await;
    // One is left, and they wait for two.
    let place = async || browser(&show, 1).put(&waits, &json!({ "units": 2 })).await.value();
    let name = place().await["id"].as_str().unwrap().to_owned();
    let id: CheckoutId = name.replacen("wai_", "chk_", 1).parse().unwrap();
    let mut body = body_of(&early, "eve");
    body.as_object_mut().unwrap().remove("payment");
    let placed = show.put(id, &body).await;
    assert_eq!(placed.status, 201, "{}", placed.text());
    let secret = placed.value()["client_secret"].as_str().unwrap().to_owned();
    let eve = show.stall.player.clone().with("hawker-checkout-secret", &secret);
    for (id, buyer) in [(id, &eve), (ada, &hers)] {
        assert_eq!(buyer.delete(&format!("/v1/checkouts/{id}")).await.status, 200);
    }
    for _ in 0..400 {
        if place().await["standing"] == "offered" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        show.figures().await,
        (0, 2, 0, 0),
        "both came free and are offered together"
    );
    show.stall.invariants().await;
}

/// An offer of one thing is a pass for that thing.
#[tokio::test]
async fn d14_x2_what_is_offered_needs_no_turn_and_what_is_taken_beside_it_does() {
    let stall = Stall::open(9).await;
    let cup = json!({ "title": "Cup", "kind": "physical", "variants": [{ "title": "Plain" }] });
    let cup = stall.staff.post("/v1/products", &cup).await;
    assert_eq!(cup.status, 201, "{}", cup.text());
    let draft = format!("/v1/products/{}/draft", cup.value()["id"].as_str().unwrap());
    let cup = stall.staff.get(&draft).await.value()["variants"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let counted = json!({ "on_hand": 9 });
    let counted = stall.staff.put(&format!("/v1/variants/{cup}/stock"), &counted).await;
    assert_eq!(counted.status, 200, "{}", counted.text());
    let price = json!({ "amount": 2500, "currency": "EUR" });
    let items = json!([
        { "variant": stall.mug, "allotment": 1, "price": price },
        { "variant": cup, "allotment": 5, "price": price, "transient": true },
    ]);
    let room = json!({ "items": items, "waiting_room": { "rate_per_minute": 6000 } });
    let drop = plan(&stall, 1, room).await;
    let show = Show { stall, drop };
    show.act("scheduling", json!({})).await;
    turn(&show, 1).await;
    show.act("opening", json!({})).await;
    let quote = |lines: String| format!("/v1/quotes?lines={lines}&country=DE&drop={}", show.drop);
    let buy = async |number: usize, lines: String| {
        let found = browser(&show, number).get(&quote(lines)).await;
        assert_eq!(found.status, 200, "{}", found.text());
        let path = format!("/v1/checkouts/{}", show.stall.checkout());
        let body = body_of(&found.value(), &format!("buyer{number}"));
        state(&browser(&show, number).put(&path, &body).await)
    };
    let mug = show.stall.mug;
    for _ in 0..400 {
        if turn(&show, 1).await["standing"] == "admitted" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(buy(1, format!("{mug}:1")).await, bought());
    // The second one waits for the mug, without a turn, and gets the one that is released.
    let waits = show.path(&format!("waits/{mug}"));
    assert_eq!(browser(&show, 2).put(&waits, &json!({})).await.status, 200);
    show.act("releases", json!({ "variant": mug, "units": 1 })).await;
    for _ in 0..400 {
        if browser(&show, 2).put(&waits, &json!({})).await.value()["standing"] == "offered" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let beside = buy(2, format!("{mug}:1,{cup}:5")).await;
    assert_eq!(beside, (409, "drop_pass_needed".into()));
    assert_eq!(buy(2, format!("{mug}:1")).await, bought(), "the offer is still theirs");
    show.stall.invariants().await;
}
