//! Drops, as a host and their buyers meet them. Every story ends with the invariants, which count drops too.

use crate::buying::{Stall, tap_body};
use crate::harness::{Answer, Client};
use hawker::db::LaneKey;
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

/// A shop that counts its shelf lower in the middle of a sale takes nothing back that it has promised: what is counted lies beside that.
#[tokio::test]
async fn d9_a_count_of_nothing_takes_nothing_from_who_reserved_or_bought() {
    let show = Show::open(8, 3, json!({})).await;
    let stall = &show.stall;
    let (sold, quote) = (stall.buy().await, show.quote(1).await);
    let (id, buyer) = show.reserve(&quote, "ada").await;
    let outside = stall.quote(1).await;
    let mut body = body_of(&outside, "bob");
    body.as_object_mut().unwrap().remove("payment");
    let held = stall.checkout();
    let placed = show.put(held, &body).await;
    assert_eq!(placed.value()["state"], "ready_for_complete", "{}", placed.text());
    let secret = placed.value()["client_secret"].as_str().unwrap().to_owned();
    let path = format!("/v1/variants/{}/stock", stall.mug);
    let counted = stall.staff.put(&path, &json!({ "on_hand": 0 })).await.value();
    assert_eq!(
        (&counted["left"], &counted["in_checkouts"], &counted["sold"]),
        (&json!(0), &json!(1), &json!(1)),
        "{counted}"
    );
    assert_eq!(
        show.figures().await,
        (2, 1, 0, 0),
        "what lies in the drop is the drop's"
    );
    let refused = show.put(stall.checkout(), &body_of(&outside, "late")).await;
    assert_eq!(refused.refusal(), (409, "sold_out".into()));
    // Who reserved pays, here and there, and what was sold leaves.
    let bob = stall.player.clone().with("hawker-checkout-secret", &secret);
    for (buyer, id) in [(buyer, id), (bob, held)] {
        let paid = buyer.post(&format!("/v1/checkouts/{id}/payment"), &pay()).await;
        assert_eq!(paid.value()["state"], "completed", "{}", paid.text());
    }
    assert_eq!(stall.ship(sold).await.status, 201);
    assert_eq!((stall.left().await, show.figures().await), ((0, 0), (2, 0, 1, 0)));
    stall.invariants().await;
}

/// A helper finds fewer pieces than a running drop has promised: nothing is taken back, nothing more is sold, and whoever came last is affected first.
#[tokio::test]
async fn d9_fewer_pieces_than_a_drop_has_promised_are_a_shortage_of_whoever_came_last() {
    let show = Show::open(8, 4, json!({})).await;
    let stall = &show.stall;
    let quote = show.quote(1).await;
    let sold = show.put(stall.checkout(), &body_of(&quote, "ada")).await.value();
    let (first, bob) = show.reserve(&quote, "bob").await;
    let (last, cem) = show.reserve(&quote, "cem").await;
    let shelves = stall.shelves().await;
    let of_the_drop = shelves.iter().find(|shelf| shelf["name"] == "Friday firing").unwrap();
    assert_eq!(
        (
            &of_the_drop["left"],
            &of_the_drop["in_checkouts"],
            &of_the_drop["waiting"]
        ),
        (&json!(1), &json!(2), &json!(1)),
        "{of_the_drop}"
    );
    let path = format!("/v1/variants/{}/shelf", stall.mug);
    let count = async |units: u32| {
        let body = json!({ "location": of_the_drop["location"], "counted": units });
        stall.staff.put(&path, &body).await
    };
    assert_eq!(
        count(5).await.refusal(),
        (409, "more_than_set_aside".into()),
        "the fifth is not the drop's"
    );
    let short = count(1).await.value();
    let whose: Vec<&Value> = short["affected"].as_array().unwrap().iter().collect();
    assert_eq!((&short["short"], &short["left"]), (&json!(2), &json!(0)), "{short}");
    assert_eq!(
        [&whose[0]["checkout"], &whose[1]["checkout"]],
        [&json!(last), &json!(first)],
        "{short}"
    );
    assert_eq!(
        (show.figures().await, stall.left().await),
        ((0, 2, 1, 0), (4, 0)),
        "the shop's own are untouched"
    );
    let late = show.put(stall.checkout(), &body_of(&quote, "late")).await;
    assert_eq!(late.refusal(), (409, "sold_out".into()));
    // Who reserved may pay still, and is then who bought last; who leaves makes the shortage smaller, and sells nothing.
    let paid = bob.post(&format!("/v1/checkouts/{first}/payment"), &pay()).await;
    assert_eq!(paid.value()["state"], "completed", "{}", paid.text());
    assert_eq!(cem.delete(&format!("/v1/checkouts/{last}")).await.status, 200);
    let short = stall.shortages().await;
    assert_eq!(short[0]["short"], 1, "{short:?}");
    assert_eq!(
        short[0]["affected"][0]["order"],
        paid.value()["order"]["id"],
        "not {}",
        sold["order"]["id"]
    );
    assert_eq!(show.figures().await, (0, 0, 2, 0));
    // One from the shop's shelf makes up for it, and the next is for sale.
    show.act("releases", json!({ "variant": stall.mug, "units": 2 })).await;
    assert_eq!(stall.shortages().await, Vec::<Value>::new());
    assert_eq!((show.figures().await, stall.left().await), ((1, 0, 2, 0), (2, 0)));
    show.act("closing", json!({})).await;
    assert_eq!(stall.left().await, (3, 0));
    stall.invariants().await;
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

/// A tap that pays with one and the same card.
fn by_gold(quote: &Value, name: &str) -> Value {
    let mut body = body_of(quote, name);
    body["payment"]["token"] = json!("tok_card_gold");
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d11_one_card_is_one_buyer_whatever_names_it_comes_with() {
    let show = Arc::new(Show::open(20, 12, json!({ "limit_per_buyer": 1 })).await);
    let quote = show.quote(1).await;
    let limited = (409, "drop_limit_reached".to_owned());
    let with_card = |name: &str| by_gold(&quote, name);
    let taps = (0..10).map(|number| {
        let (show, body) = (show.clone(), with_card(&format!("name{number}")));
        tokio::spawn(async move { state(&show.put(show.stall.checkout(), &body).await) })
    });
    let mut answers = Vec::new();
    for tap in taps.collect::<Vec<_>>() {
        answers.push(tap.await.unwrap());
    }
    let count = |wanted: &(u16, String)| answers.iter().filter(|answer| *answer == wanted).count();
    assert_eq!((count(&bought()), count(&limited)), (1, 9), "{answers:?}");
    // What they reserved is free again at once, and nothing of theirs is promised.
    show.becomes((11, 0, 1, 0)).await;
    // Said step by step, and asked for again later, it is the same.
    let (id, buyer) = show.reserve(&quote, "late").await;
    let paying = json!({ "method": "card", "token": "tok_card_gold" });
    let late = buyer.post(&format!("/v1/checkouts/{id}/payment"), &paying).await;
    assert_eq!(late.refusal(), limited, "{}", late.text());
    let seen = buyer.get(&format!("/v1/checkouts/{id}")).await.value();
    assert_eq!(
        (&seen["state"], &seen["decline"]["code"]),
        (&json!("expired"), &json!("drop_limit_reached"))
    );
    // Another card is somebody else, as far as anybody knows; a card without a name counts for nobody.
    let mut other = with_card("late");
    other["payment"]["token"] = json!("tok_card_silver");
    assert_eq!(state(&show.put(show.stall.checkout(), &other).await), bought());
    assert_eq!(state(&show.tap(&quote, "plain").await), bought());
    assert_eq!(state(&show.tap(&quote, "plain.too").await), bought());
    show.stall.invariants().await;
}

#[tokio::test]
async fn d11_a_card_counts_no_more_when_its_order_is_canceled() {
    let show = Show::open(10, 6, json!({ "limit_per_buyer": 1 })).await;
    let quote = show.quote(1).await;
    let with_card = |name: &str| by_gold(&quote, name);
    let first = show.put(show.stall.checkout(), &with_card("ada")).await;
    assert_eq!(state(&first), bought(), "{}", first.text());
    let second = show.put(show.stall.checkout(), &with_card("eve")).await;
    assert_eq!(
        second.refusal(),
        (409, "drop_limit_reached".into()),
        "{}",
        second.text()
    );
    let order = first.value()["order"]["id"].as_str().unwrap().to_owned();
    let (staff, path) = (&show.stall.staff, format!("/v1/orders/{order}/cancellation"));
    assert_eq!(staff.post(&path, &json!({})).await.status, 200);
    let third = show.put(show.stall.checkout(), &with_card("eve")).await;
    assert_eq!(state(&third), bought(), "{}", third.text());
    show.stall.invariants().await;
}

#[tokio::test]
async fn x3_whoever_lets_units_lie_twice_waits_while_others_buy() {
    let show = Show::open(10, 6, json!({ "limit_per_buyer": 1 })).await;
    let clock = &show.stall.world.clock;
    let cooling = (409, "drop_cooling_down".to_owned());
    // Whoever thinks again within a minute is no hoarder, however often.
    for _ in 0..3 {
        let (id, buyer) = show.reserve(&show.quote(1).await, "bob").await;
        assert_eq!(buyer.delete(&format!("/v1/checkouts/{id}")).await.status, 200);
    }
    // Ada's minutes run out, and she leaves the next one after two of them.
    show.reserve(&show.quote(1).await, "ada").await;
    clock.advance(3 * 60 + 1);
    show.becomes((6, 0, 0, 0)).await;
    let (id, buyer) = show.reserve(&show.quote(1).await, "ada").await;
    clock.advance(120);
    assert_eq!(buyer.delete(&format!("/v1/checkouts/{id}")).await.status, 200);
    let quote = show.quote(1).await;
    let again = show.tap(&quote, "ada").await;
    assert_eq!(again.refusal(), cooling, "{}", again.text());
    assert!(again.text().contains("in 3 minutes"), "{}", again.text());
    let mut elsewhere = body_of(&quote, "ada.too");
    elsewhere["address"]["line1"] = json!("Ada Street 1");
    let elsewhere = show.put(show.stall.checkout(), &elsewhere).await;
    assert_eq!(elsewhere.refusal(), cooling, "the same street: {}", elsewhere.text());
    let (other, them) = show.reserve(&quote, "eve").await;
    let said = json!({ "contact": { "email": "ada+1@example.com" } });
    let said = them.put(&format!("/v1/checkouts/{other}/details"), &said).await;
    assert_eq!(said.refusal(), cooling, "nor does she say later who she is");
    assert_eq!(state(&show.tap(&quote, "bob").await), bought(), "others buy meanwhile");
    clock.advance(3 * 60 + 1);
    assert_eq!(state(&show.tap(&show.quote(1).await, "ada").await), bought());
    // Nor does a bank that is never answered keep units from others for ever.
    for _ in 0..2 {
        let mut body = body_of(&show.quote(1).await, "dan");
        body["payment"]["token"] = json!("tok_3ds");
        let waits = show.put(show.stall.checkout(), &body).await;
        assert_eq!(state(&waits), (201, "requires_escalation".into()), "{}", waits.text());
        clock.advance(31 * 60);
        show.becomes((4, 0, 2, 0)).await;
    }
    assert_eq!(show.tap(&show.quote(1).await, "dan").await.refusal(), cooling);
    show.stall.invariants().await;
}

#[tokio::test]
async fn d11_what_is_given_up_of_an_order_counts_no_more_against_its_buyers_limit() {
    let show = Show::open(5, 4, json!({ "limit_per_buyer": 2 })).await;
    let stall = &show.stall;
    let mut body = body_of(&show.quote(2).await, "first");
    body["payment"]["token"] = json!("tok_once");
    let bought_two = show.put(stall.checkout(), &body).await;
    assert_eq!(state(&bought_two), bought(), "{}", bought_two.text());
    let order: hawker::kernel::OrderId = bought_two.value()["order"]["id"].as_str().unwrap().parse().unwrap();
    stall.work_is_open(order).await;
    let one = json!({ "carrier": "DHL", "lines": [{ "line": 0, "quantity": 1 }] });
    let left = stall.staff.post(&format!("/v1/orders/{order}/shipments"), &one).await;
    assert_eq!(left.status, 201, "{}", left.text());
    // Its money is not promised any more, and nobody pays again: the other piece stays here.
    stall.age(7 * 86_400 + 60).await;
    stall
        .order_becomes(order, "lost", |seen| seen["state"] == "payment_lost")
        .await;
    stall.age(3 * 86_400 + 60).await;
    stall
        .order_becomes(order, "given up", |seen| seen["state"] == "fulfilled")
        .await;
    let more = body_of(&show.quote(2).await, "first");
    assert_eq!(
        show.put(stall.checkout(), &more).await.status,
        409,
        "two more are one too many"
    );
    assert_eq!(state(&show.tap(&show.quote(1).await, "first").await), bought());
    stall.invariants().await;
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

/// A drop of `units` of a mug that is not there yet.
async fn announced_before_it_is_there(stock: u32, units: u32, days: i64) -> (Show, Time) {
    let stall = Stall::open(stock).await;
    let ships_by = in_seconds(&stall, days * 86_400);
    let item = json!({ "variant": stall.mug, "allotment": units, "price": { "amount": 2500, "currency": "EUR" }, "ships_by": ships_by });
    let drop = plan(&stall, 0, json!({ "items": [item] })).await;
    let show = Show { stall, drop };
    show.act("scheduling", json!({})).await;
    (show, ships_by)
}

/// The pre-order of the drop's mug, as the shop reads it.
async fn expected(stall: &Stall) -> Value {
    let all = stall.staff.get("/v1/preorders").await.value();
    all["data"][0].clone()
}

async fn until(what: &str, mut is: impl AsyncFnMut() -> bool) {
    for _ in 0..400 {
        if is().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

#[tokio::test]
async fn a_drop_sells_what_is_not_there_yet_for_a_promised_day_and_who_bought_first_gets_theirs_first() {
    let (show, ships_by) = announced_before_it_is_there(5, 3, 20).await;
    let stall = &show.stall;
    assert_eq!(stall.left().await, (5, 0), "nothing is taken from the shelf");
    let page = async || {
        let path = format!("/s/{}/drops/friday-firing", stall.shop.slug);
        stall.world.browser().get(&path).await.text()
    };
    assert!(page().await.contains("Pre-order: leaves by"), "before it opens, too");
    show.act("opening", json!({})).await;
    // In the shop it is sold from the shelf, at the shop's price and for no day.
    let shop = format!("/v1/quotes?lines={}:1&country=DE", stall.mug);
    assert_eq!(
        stall.player.get(&shop).await.value()["lines"][0]["preorder"],
        Value::Null
    );
    let quote = show.quote(2).await;
    assert_eq!(quote["lines"][0]["preorder"]["ships_by"], json!(ships_by), "{quote}");
    assert_eq!(quote["availability"]["left"], 3);
    let eta = quote["delivery"]["eta_min"].as_str().unwrap();
    assert!(eta > &ships_by.to_string()[..10], "{eta}");
    let form = format!(
        "/s/{}/checkout?lines={}:1&drop={}",
        stall.shop.slug, stall.mug, show.drop
    );
    let form = stall.world.browser().get(&form).await.text();
    assert!(form.contains("Pre-order: not there yet, leaves by"), "{form}");

    let order = |answer: &Answer| -> hawker::kernel::OrderId {
        answer.value()["order"]["id"].as_str().unwrap().parse().unwrap()
    };
    let ada = show.tap(&quote, "ada").await;
    assert_eq!(state(&ada), bought(), "{}", ada.text());
    let (ada, one) = (order(&ada), show.quote(1).await);
    let bob = order(&show.tap(&one, "bob").await);
    assert_eq!(show.asked(1).await.refusal(), (409, "sold_out".into()));
    assert_eq!(show.figures().await, (0, 0, 3, 0));
    // A host promises two more for the same day, and one of them is sold.
    let released = json!({ "variant": stall.mug, "units": 2 });
    assert_eq!(show.act("releases", released.clone()).await["items"][0]["allotment"], 5);
    let cleo = order(&show.tap(&one, "cleo").await);
    for order in [ada, bob, cleo] {
        stall.work_is_open(order).await;
        assert_eq!(stall.ship(order).await.refusal(), (409, "preorder_waiting".into()));
    }
    assert_eq!(stall.left().await, (5, 0));

    // The drop ends: what nobody bought is expected no more, and none of it turns up on the shelf.
    show.act("closing", json!({})).await;
    assert_eq!(show.figures().await, (0, 0, 4, 1));
    let known = expected(stall).await;
    assert_eq!(
        (&known["units"], &known["state"]),
        (&json!(4), &json!("closed")),
        "{known}"
    );
    assert_eq!(stall.left().await, (5, 0));
    assert_eq!(show.refused("releases", released).await, "wrong_drop_state");
    // Somebody changes their mind: it is nobody's, and on no shelf.
    let canceled = stall
        .staff
        .post(&format!("/v1/orders/{bob}/cancellation"), &json!({}))
        .await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    until("given up", async || expected(stall).await["units"] == 3).await;
    assert_eq!(stall.left().await, (5, 0));

    // Two arrive: who bought first gets theirs; then the last one.
    let arrivals = format!("/v1/preorders/{}/arrivals", known["id"].as_str().unwrap());
    let counted = stall.staff.post(&arrivals, &json!({ "units": 2 })).await;
    assert_eq!(counted.status, 200, "{}", counted.text());
    assert_eq!(stall.ship(cleo).await.refusal(), (409, "preorder_waiting".into()));
    assert_eq!(stall.ship(ada).await.status, 201);
    let counted = stall.staff.post(&arrivals, &json!({ "units": 2 })).await;
    assert_eq!(counted.value()["state"], "done", "{}", counted.text());
    assert_eq!(stall.ship(cleo).await.status, 201);
    assert_eq!(stall.left().await, (6, 0), "one more came than was expected");
    stall.invariants().await;
}

#[tokio::test]
async fn d13_who_reserved_what_is_not_there_yet_may_finish_after_the_end_and_what_they_leave_is_on_no_shelf() {
    let (show, _) = announced_before_it_is_there(0, 4, 20).await;
    show.act("opening", json!({})).await;
    let quote = show.quote(1).await;
    let (ada, adas) = show.reserve(&quote, "ada").await;
    let (bob, bobs) = show.reserve(&quote, "bob").await;
    show.act("closing", json!({})).await;
    assert_eq!(show.figures().await, (0, 2, 0, 2));
    let late = show.tap(&quote, "cleo").await;
    assert_eq!(
        late.refusal(),
        (409, "drop_closed".into()),
        "the drop is over, whatever was promised"
    );
    let paid = adas.post(&format!("/v1/checkouts/{ada}/payment"), &pay()).await;
    assert_eq!(state(&paid), (200, "completed".into()), "{}", paid.text());
    let left = bobs.delete(&format!("/v1/checkouts/{bob}")).await;
    assert!(left.status < 300, "{}", left.text());
    show.becomes((0, 0, 1, 3)).await;
    until("settled", async || show.seen().await["settled"] == true).await;
    assert_eq!(show.stall.left().await, (0, 0));
    assert_eq!(expected(&show.stall).await["units"], 1);
    show.stall.invariants().await;
}

#[tokio::test]
async fn d12_a_day_that_moves_in_a_drop_is_shown_before_anybody_buys_and_one_that_passed_sells_nothing() {
    let (show, ships_by) = announced_before_it_is_there(0, 4, 20).await;
    show.act("opening", json!({})).await;
    let shown = show.quote(1).await;
    let later = Time(ships_by.0 + 86_400_000_000);
    let known = expected(&show.stall).await;
    let delay = format!("/v1/preorders/{}/delay", known["id"].as_str().unwrap());
    let moved = show.stall.staff.post(&delay, &json!({ "ships_by": later })).await;
    assert_eq!(moved.status, 200, "{}", moved.text());
    assert_eq!(show.tap(&shown, "ada").await.refusal(), (409, "quote_expired".into()));
    let shown = show.quote(1).await;
    assert_eq!(shown["lines"][0]["preorder"]["ships_by"], json!(later));
    assert_eq!(state(&show.tap(&shown, "ada").await), bought());
    // Somebody who minds the pre-orders takes no more: nothing of it is for sale in the drop either.
    let closing = format!("/v1/preorders/{}/closing", known["id"].as_str().unwrap());
    assert_eq!(show.stall.staff.post(&closing, &json!({})).await.status, 200);
    assert_eq!(show.asked(1).await.refusal(), (404, "not_for_sale".into()));
    assert_eq!(
        show.refused("releases", json!({ "variant": show.stall.mug, "units": 1 }))
            .await,
        "preorder_closed"
    );
    show.act("pause", json!({})).await;
    show.act("opening", json!({})).await;
    assert_eq!(
        show.asked(1).await.refusal(),
        (404, "not_for_sale".into()),
        "a pause opens nothing"
    );
    show.stall.invariants().await;
}

#[tokio::test]
async fn what_cannot_be_promised_in_a_drop_is_refused_before_anybody_is_told() {
    let stall = Stall::open(5).await;
    let item = |days: i64| json!({ "items": [{ "variant": stall.mug, "allotment": 3, "price": { "amount": 2500, "currency": "EUR" }, "ships_by": in_seconds(&stall, days * 86_400) }] });
    let schedule = async |drop: &str| {
        let path = format!("/v1/drops/{drop}/scheduling");
        stall.staff.post(&path, &json!({})).await
    };
    // Before it opens, in the past, too far ahead: by field.
    let opens = json!({ "opens_at": in_seconds(&stall, 5 * 86_400) });
    let mut early = item(4);
    early
        .as_object_mut()
        .unwrap()
        .extend(opens.as_object().unwrap().clone());
    early["title"] = json!("Early");
    let refused = stall.staff.post("/v1/drops", &early).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.text().contains("/items/0/ships_by"), "{}", refused.text());
    for days in [-1, 61] {
        let drop = plan(&stall, 0, item(days)).await;
        let refused = schedule(&drop).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().contains("ships_by"), "{}", refused.text());
    }
    // One pre-order of a variant at a time, wherever it is sold.
    let body = json!({ "variant": stall.mug, "units": 4, "ships_by": in_seconds(&stall, 20 * 86_400) });
    let in_the_shop = stall.staff.post("/v1/preorders", &body).await;
    assert_eq!(in_the_shop.status, 201, "{}", in_the_shop.text());
    let drop = plan(&stall, 0, item(10)).await;
    assert_eq!(schedule(&drop).await.refusal(), (409, "preorder_open".into()));
    let closing = format!("/v1/preorders/{}/closing", in_the_shop.value()["id"].as_str().unwrap());
    assert_eq!(stall.staff.post(&closing, &json!({})).await.status, 200);
    assert_eq!(schedule(&drop).await.status, 200);
    // Called off: nothing is expected any more.
    let called_off = stall.staff.post(&format!("/v1/drops/{drop}/closing"), &json!({})).await;
    assert_eq!(called_off.status, 200, "{}", called_off.text());
    assert_eq!(expected(&stall).await["units"], 0);
    assert_eq!(stall.left().await, (5, 0));
    stall.invariants().await;
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

/// A drop's and a pre-order's id are chosen by whoever makes them: another shop's, read off its page, opens nothing of it.
#[tokio::test]
async fn t1_a_place_is_not_had_by_naming_another_shops_drop_or_preorder() {
    let show = Show::open(5, 3, json!({})).await;
    let world = &show.stall.world;
    let letters = show.drop.strip_prefix("drp_").unwrap().to_owned();
    let ships_by = in_seconds(&show.stall, 20 * 86_400);
    let body = json!({ "variant": show.stall.mug, "units": 4, "ships_by": ships_by });
    let expected = show.stall.staff.post("/v1/preorders", &body).await.value();
    let expected = expected["id"]
        .as_str()
        .unwrap()
        .strip_prefix("pre_")
        .unwrap()
        .to_owned();

    let next_door = world.shop("Next Door").await;
    let theirs = crate::buying::lay_out(&world.app, next_door.id, 9).await;
    let staff = world.sign_in(&next_door, &next_door.owner_email).await;
    let desk = format!("/studio/{}", next_door.slug);
    let begin = |id: String| {
        let (staff, to) = (&staff, format!("{desk}/preorders"));
        async move {
            let fields = [
                ("do", "take"),
                ("id", &id),
                ("variant", &theirs.to_string()),
                ("units", "2"),
                ("day", &ships_by.to_string()[..10]),
            ];
            staff.form(&to, &fields).await
        }
    };
    // A pre-order with the letters of a running drop, and of another's pre-order.
    for id in [&letters, &expected] {
        let refused = begin(format!("pre_{id}")).await;
        assert_ne!(refused.status, 303, "{}", refused.text());
        assert!(refused.text().contains("This id is taken"), "{}", refused.text());
    }
    // A drop with the letters of a pre-order: it may be planned, and is never given that place.
    let named = format!("drp_{expected}");
    let planned = staff
        .form(&format!("{desk}/drops"), &[("id", &named), ("title", "Theirs")])
        .await;
    assert_eq!(planned.status, 303, "{}", planned.text());
    let known = staff.get(&format!("/v1/drops/{named}")).await.value();
    let sells = json!({ "title": "Theirs", "items": [{ "variant": theirs, "allotment": 1, "price": { "amount": 100, "currency": "EUR" } }] });
    let version = format!("\"{}\"", known["version"]);
    let filled = staff
        .clone()
        .with("if-match", &version)
        .patch(&format!("/v1/drops/{named}"), &sells)
        .await;
    assert_eq!(filled.status, 200, "{}", filled.text());
    let refused = staff.post(&format!("/v1/drops/{named}/scheduling"), &json!({})).await;
    assert_eq!(refused.refusal(), (409, "id_reused".into()));
    // The drop sells on, and what its shop expected is nobody's on a shelf.
    let quote = show.quote(1).await;
    assert_eq!(state(&show.tap(&quote, "first").await), bought());
    assert_eq!(show.figures().await, (2, 0, 1, 0));
    assert_eq!(show.stall.left().await, (2, 0), "no unit that is only expected");
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
            // While the one that came first asks for its money, the others are its own second tabs.
            _ => assert!(
                ["drop_pass_used", "drop_reserved"].contains(&answer.1.as_str()),
                "{answer:?}"
            ),
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

/// One buyer, one reservation: their second tab, their retry and their next visit go on with it, and nobody else is told of it.
#[tokio::test]
async fn d10_a_second_tab_goes_on_with_the_reservation_of_the_first_and_a_stranger_learns_nothing() {
    let show = Show::open(9, 4, json!({ "limit_per_buyer": 1 })).await;
    let quote = show.quote(1).await;
    let path = || format!("/v1/checkouts/{}", show.stall.checkout());
    let unpaid = |who: &str| {
        let mut body = body_of(&quote, who);
        body.as_object_mut().unwrap().remove("payment");
        body
    };
    let none = browser(&show, 1).get(&show.path("reservation")).await;
    assert_eq!(none.refusal(), (404, "no_reservation".into()));
    let first = browser(&show, 1).put(&path(), &unpaid("ada")).await;
    assert_eq!(first.status, 201, "{}", first.text());
    let first = first.value();

    // The second tab has another checkout id, and even another mailbox; it is led to the first one, with what it needs to go on.
    for who in ["ada", "ada.too"] {
        let second = browser(&show, 1).put(&path(), &body_of(&quote, who)).await;
        assert_eq!(second.refusal(), (409, "drop_reserved".into()), "{}", second.text());
        assert_eq!(
            (&second.value()["checkout"], &second.value()["client_secret"]),
            (&first["id"], &first["client_secret"])
        );
    }
    assert_eq!(show.figures().await, (3, 1, 0, 0), "nothing more was reserved");
    let found = browser(&show, 1).get(&show.path("reservation")).await;
    assert_eq!(
        (found.status, &found.value()["id"], &found.value()["client_secret"]),
        (200, &first["id"], &first["client_secret"])
    );

    // Whoever types the same mailbox elsewhere meets the limit, in words that lead nowhere but to their own other tab.
    let stranger = browser(&show, 2).put(&path(), &body_of(&quote, "ADA+x")).await;
    assert_eq!(stranger.refusal(), (409, "drop_limit_reached".into()));
    assert!(
        !stranger.text().contains("chk_") && !stranger.text().contains("cs_"),
        "{}",
        stranger.text()
    );
    let none = browser(&show, 2).get(&show.path("reservation")).await;
    assert_eq!(none.refusal(), (404, "no_reservation".into()));
    let other_shop = show.stall.world.shop("Next Door").await;
    let elsewhere = show
        .stall
        .world
        .with_key(&other_shop.publishable_key)
        .with("hawker-buyer-key", &format!("{:0>40}", 1));
    assert_eq!(
        elsewhere.get(&show.path("reservation")).await.refusal(),
        (404, "no_such_drop".into())
    );

    // The drop closes: who reserved may finish, from the second tab too.
    show.act("closing", json!({})).await;
    let late = browser(&show, 1).put(&path(), &body_of(&quote, "ada")).await;
    assert_eq!(late.refusal(), (409, "drop_reserved".into()), "{}", late.text());
    let id = first["id"].as_str().unwrap();
    let tab = show.stall.player.clone().with(
        "hawker-checkout-secret",
        late.value()["client_secret"].as_str().unwrap(),
    );
    let paid = tab.post(&format!("/v1/checkouts/{id}/payment"), &pay()).await;
    assert_eq!(paid.value()["state"], "completed", "{}", paid.text());
    let over = browser(&show, 1).get(&show.path("reservation")).await;
    assert_eq!(over.refusal(), (404, "no_reservation".into()), "it is an order now");
    show.becomes((0, 0, 1, 3)).await;
    show.stall.invariants().await;
}

#[tokio::test]
async fn d10_what_ended_is_in_nobodys_way() {
    let show = Show::open(9, 4, json!({ "limit_per_buyer": 1 })).await;
    let path = || format!("/v1/checkouts/{}", show.stall.checkout());
    let tries = async |who: &str| {
        let quote = show.quote(1).await;
        let mut body = body_of(&quote, who);
        body.as_object_mut().unwrap().remove("payment");
        browser(&show, 7).put(&path(), &body).await
    };
    let first = tries("eve").await.value();
    let tab = show
        .stall
        .player
        .clone()
        .with("hawker-checkout-secret", first["client_secret"].as_str().unwrap());
    assert_eq!(
        tab.delete(&format!("/v1/checkouts/{}", first["id"].as_str().unwrap()))
            .await
            .status,
        200
    );
    let second = tries("eve").await;
    assert_eq!(second.status, 201, "let go, then begun again: {}", second.text());
    // Its minutes pass.
    show.stall.world.clock.advance(3 * 60 + 1);
    show.becomes((4, 0, 0, 0)).await;
    let third = tries("eve").await;
    assert_eq!(third.status, 201, "{}", third.text());
    assert_eq!(show.figures().await, (3, 1, 0, 0));
    show.stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d10_thirty_tabs_of_one_browser_in_one_instant_have_one_reservation() {
    let show = Arc::new(Show::open(40, 30, json!({})).await);
    let quote = Arc::new(show.quote(1).await);
    let tabs: Vec<_> = (0..30)
        .map(|number| {
            let (show, quote) = (show.clone(), quote.clone());
            tokio::spawn(async move {
                let mut body = body_of(&quote, &format!("tab{number}"));
                body.as_object_mut().unwrap().remove("payment");
                let path = format!("/v1/checkouts/{}", show.stall.checkout());
                let answer = browser(&show, 1).put(&path, &body).await;
                let id = match answer.status {
                    201 => answer.value()["id"].clone(),
                    _ => answer.value()["checkout"].clone(),
                };
                (answer.status, id)
            })
        })
        .collect();
    let (mut begun, mut ids) = (0, std::collections::BTreeSet::new());
    for tab in tabs {
        let (status, id) = tab.await.unwrap();
        begun += usize::from(status == 201);
        ids.insert(id.to_string());
    }
    assert_eq!((begun, ids.len()), (1, 1), "{ids:?}");
    assert_eq!(show.figures().await, (29, 1, 0, 0));
    show.stall.invariants().await;
}

/// A drop whose mug has these price rules.
fn ruled(mug: hawker::kernel::VariantId, allotment: u32, rules: Value) -> Value {
    let price = json!({ "amount": 2500, "currency": "EUR" });
    json!({ "items": [{ "variant": mug, "allotment": allotment, "price": price, "price_rules": rules }] })
}

fn euros(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "EUR" })
}

impl Show {
    async fn price(&self) -> i64 {
        self.seen().await["items"][0]["price"]["amount"].as_i64().unwrap()
    }

    async fn costs(&self, minor: i64) {
        for _ in 0..400 {
            if self.price().await == minor {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(self.price().await, minor);
    }

    /// The price steps of its archive: to what, and by which kind of rule.
    async fn steps(&self) -> Vec<(i64, String)> {
        let archive = self.stall.staff.get(&self.path("events")).await.value();
        assert_eq!(archive["verified"], true);
        let events = archive["events"].as_array().unwrap().iter();
        events
            .filter(|event| event["kind"] == "price_step")
            .map(|event| {
                let detail: Value = serde_json::from_str(event["detail"].as_str().unwrap()).unwrap();
                let kind = detail["rule"]["kind"].as_str().unwrap_or("hand").to_owned();
                (detail["to"].as_i64().unwrap(), kind)
            })
            .collect()
    }
}

#[tokio::test]
async fn d12_price_rules_step_by_the_clock_and_by_sales_each_once_and_a_host_can_stop_them() {
    let stall = Stall::open(30).await;
    let at = in_seconds(&stall, 20 * 60);
    let rules = json!([
        { "kind": "at", "at": at, "price": euros(1800) },
        { "kind": "every", "minutes": 5, "down": euros(100), "floor": euros(2300) },
        { "kind": "sold", "units": 3, "price": euros(3000) },
        { "kind": "sold", "units": 9, "price": euros(9900) },
    ]);
    for (wrong, pointer) in [
        (
            json!([{ "kind": "every", "minutes": 5, "down": euros(0), "floor": euros(100) }]),
            "/items/0/price_rules/0/down",
        ),
        (
            json!([{ "kind": "every", "minutes": 5, "down": euros(1), "floor": euros(2500) }]),
            "/items/0/price_rules/0/floor",
        ),
        (
            json!([{ "kind": "sold", "units": 0, "price": euros(1) }]),
            "/items/0/price_rules/0/units",
        ),
        (
            json!([{ "kind": "at", "at": at, "price": { "amount": 1, "currency": "USD" } }]),
            "/items/0/price_rules/0/price",
        ),
    ] {
        let mut body = ruled(stall.mug, 9, wrong);
        body["title"] = json!("Wrong");
        let refused = stall.staff.post("/v1/drops", &body).await;
        assert_eq!(refused.status, 422, "{}", refused.text());
        assert!(refused.text().contains(pointer), "{}", refused.text());
    }
    let drop = plan(&stall, 0, ruled(stall.mug, 20, rules)).await;
    let show = Show { stall, drop };
    show.act("scheduling", json!({})).await;
    // Nothing steps before it opens.
    show.stall.world.clock.advance(6 * 60);
    assert_eq!(show.price().await, 2500);
    show.act("opening", json!({})).await;
    show.stall.world.clock.advance(5 * 60 + 1);
    // The first buyer after the moment pays what the rule says, whether or not the job was there.
    let quote = show.quote(1).await;
    let first = show.tap(&quote, "ada").await;
    assert_eq!(state(&first), bought(), "{}", first.text());
    assert_eq!(first.value()["total"]["amount"], 2400 + 490);
    show.costs(2400).await;
    // A pause stops that clock, and takes nothing from it.
    show.act("pause", json!({})).await;
    show.stall.world.clock.advance(60 * 60);
    let resumed = show.stall.staff.delete(&show.path("pause")).await;
    assert_eq!(resumed.status, 200, "{}", resumed.text());
    // What was set for a moment in the pause is taken when it goes on.
    show.costs(1800).await;
    assert_eq!(show.steps().await, [(2400, "every".into()), (1800, "at".into())]);
    // Below its floor a rule that steps down does nothing more.
    show.stall.world.clock.advance(5 * 60);
    for _ in 0..400 {
        let rules = show.seen().await["items"][0]["price_rules"].clone();
        if rules[1]["state"] == "done" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(show.price().await, 1800);
    // After three are paid it is dearer; who was shown the old price pays that.
    let quote = show.quote(1).await;
    for who in ["bob", "cleo"] {
        let paid = show.tap(&quote, who).await;
        assert_eq!(
            (state(&paid), paid.value()["total"]["amount"].as_i64()),
            (bought(), Some(1800 + 490))
        );
    }
    show.costs(3000).await;
    let paid = show.tap(&quote, "dora").await;
    assert_eq!(
        (state(&paid), paid.value()["total"]["amount"].as_i64()),
        (bought(), Some(1800 + 490))
    );
    // A host stops what is left; twice is once.
    let seen = show.seen().await;
    let left = seen["items"][0]["price_rules"][3].clone();
    assert_eq!(left["state"], "waiting", "{seen}");
    let stop = show.path(&format!("price-rules/{}", left["id"].as_str().unwrap()));
    for _ in 0..2 {
        let stopped = show.stall.staff.delete(&stop).await;
        assert_eq!(stopped.status, 200, "{}", stopped.text());
        assert_eq!(stopped.value()["items"][0]["price_rules"][3]["state"], "stopped");
    }
    let unknown = show
        .stall
        .staff
        .delete(&show.path("price-rules/prr_0000000000000000000000000a"))
        .await;
    assert_eq!(unknown.refusal(), (404, "no_such_price_rule".into()));
    let steps = [(2400, "every".to_owned()), (1800, "at".into()), (3000, "sold".into())];
    assert_eq!(show.steps().await, steps, "each once");
    show.act("closing", json!({})).await;
    assert_eq!(
        show.stall.staff.delete(&stop).await.refusal(),
        (409, "wrong_drop_state".into())
    );
    show.stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d12_rules_step_the_price_every_50_ms_while_people_buy_and_nobody_pays_more_than_they_were_shown() {
    let stall = Stall::open(200).await;
    let now = stall.world.app.clock.wall().0 + 500_000;
    let prices = [2600, 2100, 2900, 1900, 3100, 1700];
    let rules: Vec<Value> = (0i64..20)
        .map(|n| {
            let price = prices[usize::try_from(n).unwrap() % prices.len()] + n;
            json!({ "kind": "at", "at": Time(now + n * 50_000), "price": euros(price) })
        })
        .collect();
    let drop = plan(&stall, 0, ruled(stall.mug, 150, json!(rules))).await;
    let show = Arc::new(Show { stall, drop });
    show.act("scheduling", json!({})).await;
    show.act("opening", json!({})).await;
    let buyers: Vec<_> = (0..60)
        .map(|number| {
            let show = show.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(30 * number)).await;
                let quote = show.quote(1).await;
                let shown = quote["total"]["amount"].as_i64().unwrap();
                tokio::time::sleep(Duration::from_millis(40)).await;
                let paid = show.tap(&quote, &format!("buyer{number}")).await;
                assert_eq!(state(&paid), bought(), "{}", paid.text());
                (shown, paid.value()["total"]["amount"].as_i64().unwrap())
            })
        })
        .collect();
    let mut prices = std::collections::BTreeSet::new();
    for buyer in buyers {
        let (shown, paid) = buyer.await.unwrap();
        assert!(paid <= shown, "shown {shown}, paid {paid}");
        prices.insert(paid);
    }
    show.costs(2119).await;
    let steps = show.steps().await;
    let by_rule = steps.iter().filter(|(_, kind)| kind == "at").count();
    assert_eq!((by_rule, steps.len()), (20, 20), "each of the twenty once: {steps:?}");
    assert!(prices.len() > 1, "it did step while they bought: {prices:?}");
    assert_eq!(show.figures().await, (90, 0, 60, 0));
    show.stall.invariants().await;
}

#[tokio::test]
async fn x5_a_guest_may_buy_earlier_by_a_link_that_is_counted_bound_and_worth_nothing_forged() {
    let stall = Stall::open(9).await;
    let opens = in_seconds(&stall, 30 * 60);
    let no_time = json!({ "title": "Guests", "early_minutes": 10 });
    assert_eq!(
        stall.staff.post("/v1/drops", &no_time).await.status,
        422,
        "earlier than what?"
    );
    let room = json!({ "opens_at": opens, "early_minutes": 10, "waiting_room": { "rate_per_minute": 6000 } });
    let drop = plan(&stall, 3, room).await;
    let show = Show { stall, drop };
    show.act("scheduling", json!({})).await;
    let links = show.path("early-links");
    let link = show
        .stall
        .staff
        .post(&links, &json!({ "label": "Newsletter", "people": 2 }))
        .await;
    assert_eq!(link.status, 201, "{}", link.text());
    let (link, url) = (
        link.value()["id"].clone(),
        link.value()["url"].as_str().unwrap().to_owned(),
    );
    let token = url.split_once("?early=").expect("its address says it").1.to_owned();
    let guest = async |number: usize, token: &str| {
        let path = show.path("early-access");
        browser(&show, number).put(&path, &json!({ "early": token })).await
    };
    let forged = token.replacen('.', ".A", 1);
    for made_up in ["", "nothing", link.as_str().unwrap(), &forged] {
        assert_eq!(
            guest(1, made_up).await.refusal(),
            (409, "no_such_early_link".into()),
            "{made_up}"
        );
    }
    // Two browsers, each as often as they like; the third is too many.
    for number in [1, 1, 2, 1] {
        assert_eq!(guest(number, &token).await.status, 200);
    }
    assert_eq!(guest(3, &token).await.refusal(), (409, "early_link_used_up".into()));
    let listed = show.stall.staff.get(&links).await.value();
    assert_eq!(
        (&listed["data"][0]["used"], &listed["data"][0]["people"]),
        (&json!(2), &json!(2))
    );

    let ask = async |client: &Client| {
        let path = format!("/v1/quotes?lines={}:1&country=DE&drop={}", show.stall.mug, show.drop);
        client.get(&path).await
    };
    let tap = async |client: &Client, quote: &Value, who: &str| {
        let path = format!("/v1/checkouts/{}", show.stall.checkout());
        state(&client.put(&path, &body_of(quote, who)).await)
    };
    let not_open = (409, "drop_not_open".to_owned());
    assert_eq!(ask(&browser(&show, 1)).await.refusal(), not_open, "twenty minutes more");
    show.stall.world.clock.advance(20 * 60 + 1);
    for client in [&show.stall.player, &browser(&show, 3)] {
        assert_eq!(ask(client).await.refusal(), not_open);
    }
    let quote = ask(&browser(&show, 1)).await;
    assert_eq!(quote.status, 200, "{}", quote.text());
    let quote = quote.value();
    // A guest's quote is no key for anybody else.
    assert_eq!(tap(&browser(&show, 3), &quote, "eve").await, not_open);
    assert_eq!(tap(&show.stall.player, &quote, "eve").await, not_open);
    assert_eq!(tap(&browser(&show, 1), &quote, "ada").await, bought(), "without a turn");
    assert_eq!(
        show.seen().await["state"],
        "scheduled",
        "it is not open for anybody else"
    );
    // What was taken back lets nobody else in; who was let in stays.
    let more = show
        .stall
        .staff
        .post(&links, &json!({ "label": "Late", "people": 9 }))
        .await
        .value();
    let late = more["url"]
        .as_str()
        .unwrap()
        .split_once("?early=")
        .unwrap()
        .1
        .to_owned();
    let revoke = format!("{links}/{}", more["id"].as_str().unwrap());
    assert_eq!(show.stall.staff.delete(&revoke).await.status, 204);
    assert_eq!(guest(4, &late).await.refusal(), (409, "no_such_early_link".into()));
    let quote = ask(&browser(&show, 2)).await.value();
    // Two guests in one instant, and what is left is enough for both; the third unit is for everybody.
    assert_eq!(tap(&browser(&show, 2), &quote, "bob").await, bought());
    assert_eq!(show.figures().await, (1, 0, 2, 0));
    turn(&show, 5).await;
    show.act("opening", json!({})).await;
    let quote = ask(&browser(&show, 5)).await;
    assert_eq!(quote.status, 200, "{}", quote.text());
    assert_eq!(
        tap(&browser(&show, 2), &quote.value(), "bob2").await,
        (409, "drop_pass_needed".into())
    );
    for _ in 0..400 {
        if turn(&show, 5).await["standing"] == "admitted" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(tap(&browser(&show, 5), &quote.value(), "cleo").await, bought());
    let refused = show
        .stall
        .staff
        .post(&links, &json!({ "label": "Now", "people": 1 }))
        .await;
    assert_eq!(refused.refusal(), (409, "wrong_drop_state".into()));
    show.stall.invariants().await;
}

#[tokio::test]
async fn x2_x3_x5_a_host_makes_turns_cost_work_and_each_answer_is_good_for_one_turn() {
    let show = Show::announced(9, 3, json!({ "waiting_room": { "rate_per_minute": 6000 } })).await;
    let path = show.path("turn");
    let first = turn(&show, 1).await;
    let guard = show.path("guard");
    for _ in 0..2 {
        let on = show.stall.staff.put(&guard, &json!({})).await;
        assert_eq!(
            (on.status, &on.value()["waiting_room"]["guarded"]),
            (200, &json!(true)),
            "{}",
            on.text()
        );
    }
    assert_eq!(
        turn(&show, 1).await["id"],
        first["id"],
        "who has a turn keeps it for nothing"
    );
    let ask = async |number: usize, work: Option<&str>| {
        let client = browser(&show, number);
        let client = match work {
            Some(work) => client.with("hawker-work", work),
            None => client,
        };
        client.put(&path, &json!({})).await
    };
    let needed = ask(2, None).await;
    assert_eq!(needed.refusal(), (428, "drop_work_needed".into()));
    let asked = needed.value();
    let challenge = hawker::drops::Challenge {
        text: asked["challenge"].as_str().unwrap().to_owned(),
        bits: u8::try_from(asked["bits"].as_u64().unwrap()).unwrap(),
        waited_at: show.stall.world.app.clock.wall(),
    };
    assert_eq!(challenge.bits, hawker::drops::BITS);
    let work = format!("{}:{}", challenge.text, hawker::drops::solve(&challenge));
    for wrong in ["", ":", "made-up:1", &format!("{}:", challenge.text)] {
        assert_eq!(
            ask(2, Some(wrong)).await.refusal(),
            (428, "drop_work_needed".into()),
            "{wrong}"
        );
    }
    assert_eq!(
        ask(3, Some(&work)).await.refusal(),
        (428, "drop_work_needed".into()),
        "the work of another"
    );
    let taken = ask(2, Some(&work)).await;
    assert_eq!(taken.status, 200, "{}", taken.text());
    // Told again it is the same turn: the answer makes no second one.
    assert_eq!(ask(2, Some(&work)).await.value()["id"], taken.value()["id"]);
    assert_eq!(show.seen().await["waiting_room"]["arrivals"], 2);
    // Whoever cannot work waits half a minute; a challenge that was left lying about is none.
    let text = ask(4, None).await.value()["challenge"].as_str().unwrap().to_owned();
    let old = ask(5, None).await.value()["challenge"].as_str().unwrap().to_owned();
    show.stall.world.clock.advance(31);
    assert_eq!(ask(4, Some(&format!("{text}:"))).await.status, 200);
    show.stall.world.clock.advance(3 * 60);
    assert_eq!(
        ask(5, Some(&format!("{old}:"))).await.refusal(),
        (428, "drop_work_needed".into())
    );
    let off = show.stall.staff.delete(&guard).await;
    assert_eq!(
        (off.status, &off.value()["waiting_room"]["guarded"]),
        (200, &json!(false))
    );
    assert_eq!(ask(5, None).await.status, 200);
    // A drop without a room has no door.
    let plain = Show::announced(9, 3, json!({})).await;
    let none = plain.stall.staff.put(&plain.path("guard"), &json!({})).await;
    assert_eq!(none.refusal(), (409, "no_waiting_room".into()));
    show.stall.invariants().await;
}

/// Fifty in one second are people; more are a rush, and from then on a new turn costs work.
#[tokio::test]
async fn x2_a_rush_at_the_door_makes_turns_cost_work_by_itself() {
    let show = Show::announced(9, 3, json!({ "waiting_room": { "rate_per_minute": 6000 } })).await;
    let (shop, id) = (show.stall.shop.id, show.drop.parse().unwrap());
    let (lane, _) = (LaneKey::of(id), ());
    // In one transaction, so that they come in one second however slow the machine is.
    let come = |from: u8, to: u8| {
        show.stall.world.app.db.write(lane, move |tx| {
            for number in from..to {
                hawker::drops::join(tx, shop, id, &[number; 32])?;
            }
            Ok(())
        })
    };
    come(0, 50).await.unwrap();
    assert_eq!(turn(&show, 1).await["standing"], "waiting", "a crowd is no rush");
    show.stall.world.clock.advance(2);
    come(60, 112).await.unwrap();
    let needed = browser(&show, 2).put(&show.path("turn"), &json!({})).await;
    assert_eq!(needed.refusal(), (428, "drop_work_needed".into()), "{}", needed.text());
    assert_eq!(show.seen().await["waiting_room"]["guarded"], false);
    show.stall.world.clock.advance(90); // A database server's own clock may take back the two seconds of above.
    assert_eq!(turn(&show, 2).await["standing"], "waiting", "it passed");
    show.stall.invariants().await;
}

/// The token of the link in a letter.
fn letter_token(mail: &hawker::kernel::Mail) -> String {
    let after = mail
        .text
        .split_once("?letter=")
        .unwrap_or_else(|| panic!("{}", mail.text))
        .1;
    after.split_whitespace().next().unwrap().to_owned()
}

#[tokio::test]
async fn d14_x3_an_offer_is_written_to_who_said_yes_once_and_is_for_their_mailbox_in_any_browser_of_theirs() {
    let show = Show::open(9, 1, json!({})).await;
    let (world, slug) = (&show.stall.world, show.stall.shop.slug.clone());
    let secret = |number: usize| format!("{number:0>43}");
    let api = |number: usize| show.stall.player.clone().with("hawker-buyer-key", &secret(number));
    let page = |number: usize| {
        world
            .browser()
            .with("cookie", &format!("__Host-hawker-buyer={}", secret(number)))
    };
    let waits = show.path(&format!("waits/{}", show.stall.mug));
    let letters = show.path("letters");
    let forms = format!("/s/{slug}/drops/{}/letters", show.drop);
    let ask = |about: &str, email: &str| json!({ "about": about, "email": email });
    let quote = show.quote(1).await;
    let (ada, hers) = show.reserve(&quote, "ada").await;

    let wrong = api(1).put(&letters, &ask("offer", "nobody")).await;
    assert_eq!(wrong.status, 422, "{}", wrong.text());
    let early = api(1).put(&letters, &ask("offer", "jo@example.com")).await;
    assert_eq!(early.refusal(), (409, "not_waiting".into()));
    for number in [1, 2] {
        assert_eq!(api(number).put(&waits, &json!({})).await.status, 200);
    }
    // Asked as often as anybody likes, the mailbox is asked once whether it was they.
    for email in ["Jo@Example.com", "jo+drop@example.com", "jo@example.com"] {
        assert_eq!(api(1).put(&letters, &ask("offer", email)).await.status, 202, "{email}");
    }
    assert_eq!(api(2).put(&letters, &ask("offer", "no@example.com")).await.status, 202);
    let asked = world.mailbox.letter_to("jo@example.com").await;
    let declined = world.mailbox.letter_to("no@example.com").await;
    assert!(asked.subject.contains("May we write to you"), "{}", asked.subject);
    let (token, other) = (letter_token(&asked), letter_token(&declined));
    let shown = page(1)
        .get(&format!("/s/{slug}/drops/{}?letter={token}", show.drop))
        .await;
    assert!(
        shown.text().contains("May we write to jo@example.com"),
        "{}",
        shown.text()
    );
    let forged = page(1)
        .form(&forms, &[("letter", &token.replacen('.', ".A", 1)), ("do", "yes")])
        .await;
    assert_eq!(forged.status, 404);
    assert_eq!(
        page(1).form(&forms, &[("letter", &token), ("do", "yes")]).await.status,
        303
    );
    assert_eq!(
        page(2).form(&forms, &[("letter", &other), ("do", "stop")]).await.status,
        303
    );
    // Whoever said no is asked by nobody's typing again.
    assert_eq!(api(9).put(&waits, &json!({})).await.status, 200);
    assert_eq!(api(9).put(&letters, &ask("offer", "NO@example.com")).await.status, 202);

    // It comes free: the first is written to, once.
    assert_eq!(hers.delete(&format!("/v1/checkouts/{ada}")).await.status, 200);
    let offer = world.mailbox.letter_to("jo@example.com").await;
    assert!(offer.subject.starts_with("Kept for you until"), "{}", offer.subject);
    assert_eq!(letter_token(&offer), token);
    // They open it on their phone, and bring their place there; the first browser has none any more.
    assert_eq!(
        page(7).form(&forms, &[("letter", &token), ("do", "take")]).await.status,
        303
    );
    let theirs = format!("/v1/quotes?lines={}:1&country=DE&drop={}", show.stall.mug, show.drop);
    let gone = api(1).get(&theirs).await;
    assert_eq!(gone.refusal(), (409, "sold_out".into()), "{}", gone.text());
    let quote = api(7).get(&theirs).await.value();
    let path = || format!("/v1/checkouts/{}", show.stall.checkout());
    // What is kept is for the mailbox that was given: a robot's list of places is worth nothing to others.
    let other_mailbox = api(7).put(&path(), &body_of(&quote, "eve")).await;
    assert_eq!(
        other_mailbox.refusal(),
        (409, "drop_offer_bound".into()),
        "{}",
        other_mailbox.text()
    );
    assert_eq!(show.figures().await, (0, 1, 0, 0), "it stays kept for them");
    let paid = api(7).put(&path(), &body_of(&quote, "jo")).await;
    assert_eq!(state(&paid), bought(), "{}", paid.text());
    let receipt = world.mailbox.letter_to("jo@example.com").await;
    assert!(
        receipt.subject.contains("order"),
        "no second letter of the offer: {}",
        receipt.subject
    );
    show.act("releases", json!({ "variant": show.stall.mug, "units": 1 }))
        .await;
    for _ in 0..400 {
        if api(2).put(&waits, &json!({})).await.value()["standing"] == "offered" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(world.mailbox.count(), 0, "who said no is written to no more");
    show.act("closing", json!({})).await;
    show.stall.invariants().await;
}

#[tokio::test]
async fn who_asked_is_reminded_once_before_a_drop_opens() {
    let stall = Stall::open(9).await;
    let opens = in_seconds(&stall, 60 * 60);
    let drop = plan(&stall, 3, json!({ "opens_at": opens })).await;
    let show = Show { stall, drop };
    show.act("scheduling", json!({})).await;
    let letters = show.path("letters");
    let ask = json!({ "about": "opening", "email": "jo@example.com" });
    let world = &show.stall.world;
    assert_eq!(browser(&show, 1).put(&letters, &ask).await.status, 202);
    let token = letter_token(&world.mailbox.letter_to("jo@example.com").await);
    let forms = format!("/s/{}/drops/{}/letters", show.stall.shop.slug, show.drop);
    assert_eq!(
        world
            .browser()
            .form(&forms, &[("letter", &token), ("do", "yes")])
            .await
            .status,
        303
    );
    world.clock.advance(44 * 60);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(world.mailbox.count(), 0, "sixteen minutes before is too early");
    world.clock.advance(61);
    let letter = world.mailbox.letter_to("jo@example.com").await;
    assert!(letter.subject.contains("opens soon"), "{}", letter.subject);
    let late = browser(&show, 2)
        .put(&letters, &json!({ "about": "opening", "email": "late@example.com" }))
        .await;
    assert_eq!(late.refusal(), (409, "drop_opens_soon".into()));
    show.act("opening", json!({})).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(world.mailbox.count(), 0, "once");
    show.stall.invariants().await;
}

/// Everybody on a line of their own in the same moment, each with an offer of their own: some tap once, some twice at once, some again, some reserve
/// and leave.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d1_four_hundred_lines_at_once_twenty_units_taps_doubled_repeated_and_left() {
    let show = Arc::new(Show::open(50, 20, json!({ "limit_per_buyer": 1 })).await);
    let quote = Arc::new(show.quote(1).await);
    let tasks: Vec<_> = (0..400)
        .map(|number| {
            let (show, quote) = (show.clone(), quote.clone());
            tokio::spawn(async move {
                let who = format!("buyer{number}");
                let (id, body) = (show.stall.checkout(), body_of(&quote, &who));
                loop {
                    let told = a_visit(&show, number, id, body.clone()).await;
                    if told != (503, "busy".to_owned()) {
                        return told;
                    }
                    tokio::time::sleep(Duration::from_millis(200)).await; // As they were told: nothing was done.
                }
            })
        })
        .collect();
    let mut told = std::collections::BTreeMap::new();
    for task in tasks {
        *told.entry(task.await.unwrap()).or_insert(0) += 1;
    }
    let of = |answer: (u16, &str)| told.get(&(answer.0, answer.1.to_owned())).copied().unwrap_or(0);
    let (sold, left) = (of((201, "completed")), of((200, "left")));
    assert_eq!(sold + left + of((409, "sold_out")), 400, "{told:?}");
    // What those who left had held may have been bought by somebody, or by nobody.
    assert!((20 - left..=20).contains(&sold), "{told:?}");
    assert_eq!(show.figures().await, (i64::from(20 - sold), 0, i64::from(sold), 0));
    assert_eq!(show.stall.charged(), usize::try_from(sold).unwrap());
    show.act("closing", json!({})).await;
    show.stall.invariants().await;
}

/// What one of them does, and what they are told.
async fn a_visit(show: &Show, number: usize, id: CheckoutId, body: Value) -> (u16, String) {
    match number % 10 {
        0 => {
            let (one, two) = tokio::join!(show.put(id, &body), show.put(id, &body));
            told_once(&one, &two)
        }
        1 => {
            let one = show.put(id, &body).await;
            told_once(&one, &show.put(id, &body).await)
        }
        2 => {
            let mut unpaid = body;
            unpaid.as_object_mut().unwrap().remove("payment");
            let placed = show.put(id, &unpaid).await;
            if placed.status != 201 {
                return state(&placed);
            }
            let secret = placed.value()["client_secret"].as_str().unwrap().to_owned();
            let theirs = show.stall.player.clone().with("hawker-checkout-secret", &secret);
            let left = theirs.delete(&format!("/v1/checkouts/{id}")).await;
            assert_eq!(left.status, 200, "{}", left.text());
            (200, "left".into())
        }
        _ => state(&show.put(id, &body).await),
    }
}

/// The same tap sent twice is one purchase; a refusal may have become one in between.
fn told_once(one: &Answer, two: &Answer) -> (u16, String) {
    let order = |answer: &Answer| answer.value()["order"]["id"].as_str().map(str::to_owned);
    match (order(one), order(two)) {
        (Some(one), Some(two)) => assert_eq!(one, two, "a tap is one order"),
        (None, None) if one.status < 300 || two.status < 300 => panic!("{} {}", one.text(), two.text()),
        (None, None) => return state(two),
        _ => {}
    }
    bought()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d15_who_cannot_be_served_in_time_is_turned_away_before_any_work_and_served_when_they_ask_again() {
    let show = Arc::new(Show::open(9, 3, json!({})).await);
    let quote = show.quote(1).await;
    let (reserved, buyer) = show.reserve(&quote, "ada").await;

    // The lane is busy with one thing, and more wait for it than it does in two commits.
    let busy = Arc::new(std::sync::atomic::AtomicBool::new(true));
    let mut queued = Vec::new();
    for number in 0..=hawker::db::ROOM {
        let (db, busy) = (show.stall.world.app.db.clone(), busy.clone());
        queued.push(tokio::spawn(async move {
            db.write(LaneKey(0), move |_| {
                while number == 0 && busy.load(std::sync::atomic::Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Ok(())
            })
            .await
        }));
        if number == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    while show.stall.world.app.db.health().queue_depth < hawker::db::ROOM {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    let (id, body) = (show.stall.checkout(), body_of(&quote, "ben"));
    let refused = show.put(id, &body).await;
    assert_eq!(refused.refusal(), (503, "busy".into()));
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(show.figures().await, (2, 1, 0, 0), "nothing was done for them");

    // Whoever comes now waits at the door, and who has reserved is not sent away from it.
    let offered = tokio::spawn({
        let show = show.clone();
        async move { show.asked(1).await }
    });
    let paid = tokio::spawn(async move { buyer.post(&format!("/v1/checkouts/{reserved}/payment"), &pay()).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!offered.is_finished());
    // On PostgreSQL another lane serves them meanwhile.
    assert!(!paid.is_finished() || !show.stall.world.is_sqlite());
    busy.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(offered.await.unwrap().status, 200, "as soon as there is room");
    assert_eq!(state(&paid.await.unwrap()), (200, "completed".into()));
    assert_eq!(state(&show.put(id, &body).await), bought(), "the same tap again");
    for command in queued {
        command.await.unwrap().unwrap();
    }
    let metrics = show.stall.world.client().get("/metrics").await.text();
    assert!(metrics.contains("hawker_buyers_turned_away_total 1\n"), "{metrics}");
    assert!(metrics.contains("hawker_buyers_at_the_door 0\n"), "{metrics}");
    assert_eq!(show.figures().await, (1, 0, 2, 0));
    show.stall.invariants().await;
}

#[tokio::test]
async fn d1_the_bench_of_a_drop_counts_what_the_books_say() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let mut bench = std::process::Command::new(env!("CARGO_BIN_EXE_hawker"));
    bench
        .args([
            "bench", "drop", "--buyers", "150", "--units", "12", "--leave", "10", "--json", "--folder",
        ])
        .arg(folder.path())
        .arg("--report")
        .arg(&page);
    let run = tokio::task::spawn_blocking(move || bench.output())
        .await
        .unwrap()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{told}\n{}", String::from_utf8_lossy(&run.stderr));
    let report: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
    let of = |name: &str| report[name].as_i64().unwrap_or_else(|| panic!("{name}: {report}"));
    let left = of("left");
    assert_eq!(
        (of("sold"), of("oversold"), of("stranded"), of("double_charged")),
        (12, 0, 0, 0),
        "{report}"
    );
    assert_eq!(
        of("refused") + left + 12,
        150,
        "everybody knows what became of it: {report}"
    );
    assert!(report["slowest_answer_ms"].as_f64().unwrap() > 0.0 && report["orders_per_s"].as_f64().unwrap() > 0.0);
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("The books agree.") && page.contains("<svg") && !page.contains("http"));
}

/// Who waits and whose mailbox said yes: the browser `number`, and the letter's token.
async fn waits_for_letters(show: &Show, number: usize, email: &str) -> String {
    let waits = show.path(&format!("waits/{}", show.stall.mug));
    let waiting = browser(show, number).put(&waits, &json!({})).await;
    assert_eq!(waiting.status, 200, "{}", waiting.text());
    let ask = json!({ "about": "offer", "email": email });
    assert_eq!(browser(show, number).put(&show.path("letters"), &ask).await.status, 202);
    let token = letter_token(&show.stall.world.mailbox.letter_to(email).await);
    let forms = format!("/s/{}/drops/{}/letters", show.stall.shop.slug, show.drop);
    let yes = show
        .stall
        .world
        .browser()
        .form(&forms, &[("letter", &token), ("do", "yes")])
        .await;
    assert_eq!(yes.status, 303);
    token
}

#[tokio::test]
async fn d14_x3_what_is_kept_for_a_mailbox_stays_its_whatever_is_typed_stopped_or_changed_afterwards() {
    let show = Show::open(9, 1, json!({})).await;
    let quote = show.quote(1).await;
    let (ada, hers) = show.reserve(&quote, "ada").await;
    let token = waits_for_letters(&show, 1, "jo@example.com").await;
    assert_eq!(hers.delete(&format!("/v1/checkouts/{ada}")).await.status, 200);
    let offer = show.stall.world.mailbox.letter_to("jo@example.com").await;
    assert!(offer.subject.starts_with("Kept for you until"), "{}", offer.subject);
    let theirs = format!("/v1/quotes?lines={}:1&country=DE&drop={}", show.stall.mug, show.drop);
    let quote = browser(&show, 1).get(&theirs).await.value();
    let buy = async |who: &str, pays: bool| {
        let mut body = body_of(&quote, who);
        if !pays {
            body.as_object_mut().unwrap().remove("payment");
        }
        let path = format!("/v1/checkouts/{}", show.stall.checkout());
        browser(&show, 1).put(&path, &body).await
    };
    let bound = (409, "drop_offer_bound".to_owned());
    assert_eq!(buy("eve", true).await.refusal(), bound);
    // Letters to another mailbox, or to none, take nothing from the first.
    let ask = json!({ "about": "offer", "email": "eve@example.com" });
    assert_eq!(browser(&show, 1).put(&show.path("letters"), &ask).await.status, 202);
    let asked = show.stall.world.mailbox.letter_to("eve@example.com").await;
    let forms = format!("/s/{}/drops/{}/letters", show.stall.shop.slug, show.drop);
    let yes = [("letter", &*letter_token(&asked)), ("do", "yes")].map(|(name, value)| (name, value.to_owned()));
    let yes: Vec<(&str, &str)> = yes.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(show.stall.world.browser().form(&forms, &yes).await.status, 303);
    assert_eq!(buy("eve", true).await.refusal(), bound);
    let stop = show
        .stall
        .world
        .browser()
        .form(&forms, &[("letter", &token), ("do", "stop")])
        .await;
    assert_eq!(stop.status, 303);
    assert_eq!(buy("eve", true).await.refusal(), bound);
    assert_eq!(show.figures().await, (0, 1, 0, 0), "it stays kept");
    // Reserved with the mailbox it is for, it is paid with that one.
    let reserved = buy("jo", false).await;
    assert_eq!(reserved.status, 201, "{}", reserved.text());
    let id = reserved.value()["id"].as_str().unwrap().to_owned();
    let secret = reserved.value()["client_secret"].as_str().unwrap().to_owned();
    let holder = show.stall.player.clone().with("hawker-checkout-secret", &secret);
    let details = format!("/v1/checkouts/{id}/details");
    let elsewhere = holder
        .put(&details, &json!({ "contact": { "email": "eve@example.com" } }))
        .await;
    assert_eq!(elsewhere.refusal(), bound, "{}", elsewhere.text());
    let same = holder
        .put(&details, &json!({ "contact": { "email": "Jo+drop@example.com" } }))
        .await;
    assert_eq!(same.status, 200, "{}", same.text());
    let paid = holder.post(&format!("/v1/checkouts/{id}/payment"), &pay()).await;
    assert_eq!(state(&paid), (200, "completed".into()), "{}", paid.text());
    show.act("closing", json!({})).await;
    show.stall.invariants().await;
}

#[tokio::test]
async fn x5_who_bought_before_and_who_the_shop_names_come_in_earlier_with_browsers_of_their_own() {
    let stall = Stall::open(9).await;
    let world = &stall.world;
    // Somebody bought here once.
    let quote = stall.quote(1).await;
    let bought_before = stall
        .player
        .put(&format!("/v1/checkouts/{}", stall.checkout()), &body_of(&quote, "ada"))
        .await;
    let receipt = bought_before.value()["order"]["page_url"].as_str().unwrap().to_owned();
    let receipt = receipt[receipt.find("/s/").unwrap()..].to_owned();
    let opens = in_seconds(&stall, 30 * 60);
    let early = json!({ "opens_at": opens, "early_minutes": 10, "early_for_buyers": true });
    let drop = plan(&stall, 5, early).await;
    assert!(
        !world.browser().get(&receipt).await.text().contains("?early="),
        "nobody knows of a draft"
    );
    let scheduled = stall
        .staff
        .post(&format!("/v1/drops/{drop}/scheduling"), &json!({}))
        .await;
    assert_eq!(scheduled.status, 200, "{}", scheduled.text());
    let page = world.browser().get(&receipt).await.text();
    assert!(
        page.contains("because you bought here you may come in 10 minutes earlier"),
        "{page}"
    );
    let token = page
        .split_once("?early=")
        .unwrap()
        .1
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    // And somebody is a member elsewhere, of whom the shop's own program tells.
    let guests = format!("/v1/drops/{drop}/guests");
    let named = json!({ "emails": ["member@example.com", "Member+x@example.com", "other@example.com"] });
    let told = stall.staff.put(&guests, &named).await;
    assert_eq!(told.status, 200, "{}", told.text());
    assert_eq!(
        (&told.value()["mailboxes"], &told.value()["came"]),
        (&json!(2), &json!(0)),
        "one mailbox is one"
    );
    let token_of = |told: &Value, at: usize| {
        let url = told["data"][at]["url"].as_str().unwrap().to_owned();
        url.split_once("?early=").unwrap().1.to_owned()
    };
    let (member, other) = (token_of(&told.value(), 0), token_of(&told.value(), 2));
    assert_eq!(token_of(&told.value(), 1), member);
    let taken_back = json!({ "emails": ["other@example.com"] });
    let removals = format!("/v1/drops/{drop}/guest-removals");
    let less = stall.staff.post(&removals, &taken_back).await;
    assert_eq!(
        (less.status, &less.value()["mailboxes"]),
        (200, &json!(1)),
        "{}",
        less.text()
    );

    let show = Show { stall, drop };
    let come = async |number: usize, token: &str| {
        let path = show.path("early-access");
        browser(&show, number).put(&path, &json!({ "early": token })).await
    };
    let no = (409, "no_such_early_link".to_owned());
    assert_eq!(come(1, &other).await.refusal(), no, "what was taken back");
    for forged in [
        "gst.x.y",
        "gso.x.y",
        &member.replacen("gst", "gso", 1),
        &token.replacen("gso", "gst", 1),
    ] {
        assert_eq!(come(1, forged).await.refusal(), no, "{forged}");
    }
    // Three browsers each, as often as they like.
    for number in [1, 2, 3, 1] {
        assert_eq!(come(number, &member).await.status, 200);
    }
    assert_eq!(come(4, &member).await.refusal(), (409, "early_link_used_up".into()));
    let enter = format!("/s/{}/drops/{}/early", show.stall.shop.slug, show.drop);
    let secret = format!("{:0>43}", 5);
    let bought_here = show.stall.player.clone().with("hawker-buyer-key", &secret);
    let cookie = format!("__Host-hawker-buyer={secret}");
    let page = show
        .stall
        .world
        .browser()
        .with("cookie", &cookie)
        .form(&enter, &[("early", &token)])
        .await;
    assert_eq!(page.status, 303, "{}", page.text());
    let known = show.stall.staff.get(&show.path("guests")).await.value();
    assert_eq!(
        (&known["mailboxes"], &known["came"]),
        (&json!(2), &json!(2)),
        "who bought is counted as they come"
    );

    show.stall.world.clock.advance(20 * 60 + 1);
    let ask = format!("/v1/quotes?lines={}:1&country=DE&drop={}", show.stall.mug, show.drop);
    for (number, client) in [(1, browser(&show, 1)), (5, bought_here)] {
        let quote = client.get(&ask).await;
        assert_eq!(quote.status, 200, "{}", quote.text());
        let path = format!("/v1/checkouts/{}", show.stall.checkout());
        let who = format!("guest{number}");
        let answer = client.put(&path, &body_of(&quote.value(), &who)).await;
        assert_eq!(state(&answer), bought(), "{}", answer.text());
    }
    assert_eq!(
        browser(&show, 4).get(&ask).await.refusal(),
        (409, "drop_not_open".into())
    );
    let archive = show.stall.staff.get(&show.path("events")).await.text();
    assert!(
        archive.contains("guests_named") && !archive.contains("member@"),
        "{archive}"
    );
    show.stall.invariants().await;
}

#[tokio::test]
async fn x2_a_place_in_a_draw_of_many_is_the_same_from_every_mark() {
    let room = json!({ "waiting_room": { "rate_per_minute": 1 } });
    let show = Show::announced(9, 3, room).await;
    let app = &show.stall.world.app;
    let (shop, drop): (_, hawker::kernel::DropId) = (show.stall.shop.id, show.drop.parse().unwrap());
    let keys: Vec<[u8; 32]> = (0..650u32)
        .map(|number| hawker::drops::key_hash(shop, &format!("{number:0>43}")))
        .collect();
    for some in keys.chunks(50) {
        let some = some.to_vec();
        app.db
            .write(LaneKey::of(drop), move |tx| {
                some.iter()
                    .try_for_each(|key| hawker::drops::join(tx, shop, drop, key).map(std::mem::drop))
            })
            .await
            .unwrap();
    }
    show.act("opening", json!({})).await;
    let draw = show.stall.player.get(&show.path("draw")).await.value();
    let seed: Vec<u8> = (0..64)
        .step_by(2)
        .map(|at| u8::from_str_radix(&draw["seed"].as_str().unwrap()[at..at + 2], 16).unwrap())
        .collect();
    let seed: [u8; 32] = seed.try_into().unwrap();
    let mut ranks: Vec<[u8; 32]> = keys
        .iter()
        .map(|key| hawker::drops::rank(&seed, hawker::drops::turn_of(drop, key)))
        .collect();
    ranks.sort_unstable();
    // Before the marks are written, while they are, and afterwards.
    for round in 0..3 {
        let all = keys.clone();
        let places = app
            .db
            .read(move |tx| {
                let drop = hawker::drops::find(tx, shop, drop)?.unwrap();
                all.iter()
                    .map(|key| Ok(hawker::drops::stand(tx, &drop, key)?.unwrap().place.unwrap()))
                    .collect::<hawker::kernel::Result<Vec<i64>>>()
            })
            .await
            .unwrap();
        for (key, place) in keys.iter().zip(places) {
            let rank = hawker::drops::rank(&seed, hawker::drops::turn_of(drop, key));
            assert_eq!(
                ranks[usize::try_from(place).unwrap() - 1],
                rank,
                "round {round}, place {place}"
            );
        }
        tokio::time::sleep(Duration::from_millis(1500)).await;
    }
    let whole: Vec<Value> = draw["turns"].as_array().unwrap().clone();
    assert_eq!(whole.len(), 650);
    for after in [0usize, 1, 198, 199, 200, 201, 399, 400, 401, 649] {
        let part = show
            .stall
            .player
            .get(&format!("{}?after={after}", show.path("draw")))
            .await
            .value();
        assert_eq!(part["turns"].as_array().unwrap()[..], whole[after..], "after {after}");
    }
    show.act("closing", json!({})).await;
    show.stall.invariants().await;
}
