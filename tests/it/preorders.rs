//! Pre-orders, as a shop and its buyers meet them: a limited number for a promised day, who ordered first is served first, and a day that moves is told.

use crate::buying::{Stall, tap_body};
use crate::harness::{Answer, Client};
use hawker::kernel::{CheckoutId, Id, OrderId, Time};
use hawker::payments::{self, AttemptState};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const DAY: i64 = 86_400;

fn in_days(stall: &Stall, days: i64) -> Time {
    Time(stall.world.app.clock.wall().0 + days * DAY * 1_000_000)
}

/// A stall whose shelf is empty and that expects some.
struct Expecting {
    stall: Stall,
    /// The shop's own program: a session would end before the goods are there.
    server: Client,
    id: String,
    ships_by: Time,
}

impl Expecting {
    async fn some(units: u32) -> Self {
        let stall = Stall::open(0).await;
        let ships_by = in_days(&stall, 20);
        let made = stall
            .staff
            .post(
                "/v1/preorders",
                &json!({ "variant": stall.mug, "units": units, "ships_by": ships_by }),
            )
            .await;
        assert_eq!(made.status, 201, "{}", made.text());
        let id = made.value()["id"].as_str().unwrap().to_owned();
        let key = stall
            .world
            .secret_key(&stall.shop, &["catalog:write", "orders:write"])
            .await;
        let server = stall.world.with_key(&key);
        Self {
            stall,
            server,
            id,
            ships_by,
        }
    }

    async fn act(&self, act: &str, body: Value) -> Answer {
        self.server
            .post(&format!("/v1/preorders/{}/{act}", self.id), &body)
            .await
    }

    async fn known(&self) -> Value {
        self.server.get(&format!("/v1/preorders/{}", self.id)).await.value()
    }

    async fn becomes(&self, state: &str) {
        for _ in 0..300 {
            if self.known().await["state"] == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{}", self.known().await);
    }

    async fn asked(&self, units: u32) -> Answer {
        let path = format!("/v1/quotes?lines={}:{units}&country=DE", self.stall.mug);
        self.stall.player.get(&path).await
    }

    async fn buy(&self, units: u32, who: &str) -> OrderId {
        let quote = self.asked(units).await;
        assert_eq!(quote.status, 200, "{}", quote.text());
        let bought = self.tap(&quote.value(), who).await;
        assert_eq!(bought.status, 201, "{}", bought.text());
        let order: OrderId = bought.value()["order"]["id"].as_str().unwrap().parse().unwrap();
        self.stall.work_is_open(order).await;
        order
    }

    async fn tap(&self, quote: &Value, who: &str) -> Answer {
        let mut body = tap_body(quote, "tok_visa");
        body["contact"] = json!({ "email": format!("{who}@example.com") });
        let id: CheckoutId = self.stall.checkout();
        self.stall.player.put(&format!("/v1/checkouts/{id}"), &body).await
    }

    async fn letter(&self, who: &str, subject: &str) -> String {
        loop {
            let letter = self.stall.world.mailbox.letter_to(&format!("{who}@example.com")).await;
            if letter.subject.contains(subject) {
                return letter.text;
            }
        }
    }

    /// What a buyer's page of their order says.
    async fn page(&self, order: OrderId) -> String {
        let token = hawker::checkout::order_token(self.stall.world.app.db.signing_key(), order);
        let path = format!("/s/{}/orders/{order}?t={token}", self.stall.shop.slug);
        self.stall.world.browser().get(&path).await.text()
    }
}

#[tokio::test]
async fn d1_a_preorder_promises_a_day_and_not_one_unit_more_than_is_expected() {
    let expecting = Expecting::some(3).await;
    let stall = &expecting.stall;
    let quote = expecting.asked(1).await.value();
    assert_eq!(
        quote["lines"][0]["preorder"],
        json!({ "id": expecting.id, "ships_by": expecting.ships_by }),
        "{quote}"
    );
    assert_eq!(quote["availability"]["left"], 3);
    // Everything it says of the delivery begins with that day.
    let eta = quote["delivery"]["eta_min"].as_str().unwrap();
    assert!(eta > &expecting.ships_by.to_string()[..10], "{eta}");
    let refused = expecting.asked(4).await;
    assert_eq!(refused.refusal(), (409, "sold_out".into()));
    let product = stall
        .world
        .browser()
        .get(&format!("/s/{}/products/mug", stall.shop.slug))
        .await
        .text();
    assert!(
        product.contains("Pre-order, leaves by") && product.contains("schema.org/PreOrder"),
        "{product}"
    );
    let form = format!("/s/{}/checkout?lines={}:1", stall.shop.slug, stall.mug);
    let form = stall.world.browser().get(&form).await.text();
    assert!(form.contains("Pre-order: not there yet, leaves by"), "{form}");

    let order = expecting.buy(2, "first").await;
    let receipt = expecting.letter("first", "Your order").await;
    assert!(receipt.contains("Pre-order: leaves by"), "{receipt}");
    let page = expecting.page(order).await;
    assert!(
        page.contains("Pre-order: leaves by") && page.contains("It waits for its goods"),
        "{page}"
    );
    assert_eq!(expecting.asked(2).await.refusal(), (409, "sold_out".into()));
    expecting.buy(1, "second").await;
    assert_eq!(expecting.asked(1).await.refusal(), (409, "sold_out".into()));
    assert_eq!(
        (expecting.known().await["left"].as_i64(), stall.left().await),
        (Some(0), (0, 0))
    );
    // Nothing leaves before it is there, and nothing is charged.
    let early = stall.ship(order).await;
    assert_eq!(early.refusal(), (409, "preorder_waiting".into()));
    assert_eq!(stall.at_the_processor(order), (0, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn d1_fifty_buyers_at_once_are_promised_what_is_expected_and_nothing_else() {
    let expecting = Arc::new(Expecting::some(7).await);
    let quote = expecting.asked(1).await.value();
    let mut buyers = Vec::new();
    for number in 0..50 {
        let (expecting, quote) = (expecting.clone(), quote.clone());
        buyers.push(tokio::spawn(async move {
            loop {
                let answer = expecting.tap(&quote, &format!("buyer{number}")).await;
                if answer.status != 503 {
                    return answer.status;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }));
    }
    let mut sold = 0;
    for buyer in buyers {
        match buyer.await.unwrap() {
            201 => sold += 1,
            409 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(sold, 7);
    assert_eq!(expecting.known().await["waiting"], 7);
    expecting.stall.invariants().await;
}

#[tokio::test]
async fn f2_goods_that_arrive_go_to_who_ordered_first_and_the_rest_to_the_shelf() {
    let expecting = Expecting::some(5).await;
    let stall = &expecting.stall;
    let first = expecting.buy(2, "first").await;
    let second = expecting.buy(1, "second").await;
    let third = expecting.buy(1, "third").await;
    // One unit is not enough for who is first, and nobody overtakes them.
    let arrival = json!({ "units": 1, "after": 0 });
    for _ in 0..2 {
        let counted = expecting.act("arrivals", arrival.clone()).await;
        assert_eq!(
            (counted.status, counted.value()["arrived"].as_i64()),
            (200, Some(1)),
            "the same goods count once"
        );
    }
    for order in [first, second, third] {
        assert_eq!(stall.ship(order).await.refusal(), (409, "preorder_waiting".into()));
    }
    expecting.act("arrivals", json!({ "units": 2, "after": 1 })).await;
    assert!(expecting.page(first).await.contains("Pre-order: it is here"));
    assert_eq!(stall.ship(third).await.refusal(), (409, "preorder_waiting".into()));
    for order in [first, second] {
        let shipped = stall.ship(order).await;
        assert_eq!(shipped.status, 201, "{}", shipped.text());
    }
    // Who cancels while they wait gives up a promise; who cancels what is here gives it to the next.
    let fourth = expecting.buy(1, "fourth").await;
    let canceled = stall
        .staff
        .post(
            &format!("/v1/orders/{third}/cancellation"),
            &json!({ "reason": "story" }),
        )
        .await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    expecting.act("arrivals", json!({ "units": 1 })).await;
    let here = stall.ship(fourth).await;
    assert_eq!(here.status, 201, "{}", here.text());
    // The last one expected arrives with three nobody expected: it is sold no more, and all four are on the shelf.
    let done = expecting.act("arrivals", json!({ "units": 4 })).await;
    assert_eq!(done.status, 200, "{}", done.text());
    expecting.becomes("done").await;
    assert_eq!(stall.left().await, (4, 0));
    assert_eq!(
        expecting.act("arrivals", json!({ "units": 1 })).await.refusal(),
        (409, "wrong_preorder_state".into())
    );
    let quote = expecting.asked(1).await.value();
    assert_eq!(quote["lines"][0].get("preorder"), None, "from the shelf: {quote}");
    // What comes back afterwards comes back to the shelf.
    let back = json!({ "lines": [{ "line": 0, "quantity": 1 }], "restock": "sellable", "reason": "returned" });
    let back = stall.staff.post(&format!("/v1/orders/{second}/refunds"), &back).await;
    assert!(back.status < 300, "{}", back.text());
    assert_eq!(stall.left().await, (5, 0));
    stall.invariants().await;
}

/// What arrived for nobody goes to the shelf, so the number that is here falls again: two who count the same goods were both believed.
#[tokio::test]
async fn d10_the_same_goods_count_once_also_when_some_went_to_the_shelf() {
    let expecting = Expecting::some(5).await;
    let stall = &expecting.stall;
    expecting.buy(1, "first").await;
    let mut tap = tap_body(&expecting.asked(1).await.value(), "tok_visa");
    tap.as_object_mut().unwrap().remove("payment");
    let checkout = format!("/v1/checkouts/{}", stall.checkout());
    let reserved = stall.player.put(&checkout, &tap).await;
    assert_eq!(reserved.status, 201, "{}", reserved.text());
    // (said twice each) What came, what had been counted in before, what is here for it afterwards, and what is on the shelf.
    let count = async |units: i64, after: i64, here: i64, shelf: i64| {
        for _ in 0..2 {
            let arrival = json!({ "units": units, "after": after });
            let said = expecting.act("arrivals", arrival).await.value();
            assert_eq!(said["counted"], after + units, "{said}");
            assert_eq!(
                (&said["arrived"], stall.left().await.0),
                (&json!(here), shelf),
                "{said}"
            );
        }
    };
    count(3, 0, 3, 0).await;
    let closed = expecting.act("closing", json!({})).await.value();
    assert_eq!(
        (&closed["arrived"], &closed["counted"], &closed["state"]),
        (&json!(2), &json!(3), &json!("closed"))
    );
    assert_eq!(stall.left().await.0, 1);
    // More than anybody expects.
    count(2, 3, 2, 3).await;
    let secret = reserved.value()["client_secret"].as_str().unwrap().to_owned();
    let buyer = (stall.world.with_key(&stall.shop.publishable_key)).with("hawker-checkout-secret", &secret);
    let card = json!({ "method": "card", "token": "tok_visa" });
    let paid = buyer.post(&format!("{checkout}/payment"), &card).await;
    assert!(paid.status < 300, "{}", paid.text());
    expecting.becomes("done").await;
    assert_eq!(stall.left().await.0, 3);
    stall.invariants().await;
}

#[tokio::test]
async fn f2_who_cancels_what_is_here_gives_it_to_the_next_who_waits() {
    let expecting = Expecting::some(4).await;
    let stall = &expecting.stall;
    let first = expecting.buy(1, "first").await;
    let second = expecting.buy(1, "second").await;
    expecting.act("arrivals", json!({ "units": 1 })).await;
    assert_eq!(stall.ship(second).await.refusal(), (409, "preorder_waiting".into()));
    let token = hawker::checkout::order_token(stall.world.app.db.signing_key(), first);
    let cancel = format!("/s/{}/orders/{first}/cancellation?t={token}", stall.shop.slug);
    assert_eq!(
        stall.world.browser().form(&cancel, &[]).await.status,
        303,
        "by the buyer, on their page"
    );
    let shipped = stall.ship(second).await;
    assert_eq!(shipped.status, 201, "{}", shipped.text());
    // Closed by hand: what nobody bought is expected no more.
    let closed = expecting.act("closing", json!({})).await;
    assert_eq!(closed.status, 200, "{}", closed.text());
    expecting.becomes("done").await;
    assert_eq!(stall.left().await, (0, 0));
    assert_eq!(expecting.asked(1).await.refusal(), (409, "sold_out".into()));
    stall.invariants().await;
}

#[tokio::test]
async fn a_day_that_moves_is_told_to_everybody_who_waits_and_a_day_that_passes_too() {
    let expecting = Expecting::some(4).await;
    let stall = &expecting.stall;
    let order = expecting.buy(1, "first").await;
    let shown = expecting.asked(1).await.value();
    let sooner = json!({ "ships_by": in_days(stall, 10) });
    assert_eq!(
        expecting.act("delay", sooner).await.refusal(),
        (422, "invalid_field".into())
    );
    let later = in_days(stall, 22);
    for _ in 0..2 {
        let moved = expecting.act("delay", json!({ "ships_by": later })).await;
        assert_eq!(
            (moved.status, &moved.value()["ships_by"]),
            (200, &json!(later)),
            "{}",
            moved.text()
        );
    }
    let letter = expecting.letter("first", "takes longer").await;
    assert!(
        letter.contains("it now leaves by") && letter.contains("cancel it"),
        "{letter}"
    );
    let page = expecting.page(order).await;
    assert!(
        page.contains("It takes longer than we promised") && page.contains("Cancel this order"),
        "{page}"
    );
    // Who was shown the earlier day sees the later one before they pay.
    assert_eq!(
        expecting.tap(&shown, "second").await.refusal(),
        (409, "quote_expired".into())
    );
    expecting.buy(1, "third").await;
    // The second promise is broken, too: nobody is promised a day that has passed.
    stall.world.clock.advance(22 * DAY + 60);
    let letter = expecting.letter("third", "takes longer").await;
    assert!(letter.contains("we do not know a new day"), "{letter}");
    assert_eq!(expecting.asked(1).await.refusal(), (409, "sold_out".into()));
    assert_eq!(expecting.known().await["late"], true);
    let desk = stall
        .world
        .sign_in(&stall.shop, &stall.shop.owner_email)
        .await
        .get(&format!("/studio/{}/preorders", stall.shop.slug))
        .await
        .text();
    let again = stall.world.sign_in(&stall.shop, &stall.shop.owner_email).await;
    let today = again.get(&format!("/studio/{}", stall.shop.slug)).await.text();
    assert!(today.contains("A pre-order is late"), "{today}");
    assert!(
        desk.contains("Late") && desk.contains("2 pieces wait in 2 orders for goods"),
        "{desk}"
    );
    let again = expecting.act("delay", json!({ "ships_by": in_days(stall, 5) })).await;
    assert_eq!(
        (again.status, &again.value()["late"]),
        (200, &json!(false)),
        "{}",
        again.text()
    );
    assert_eq!(expecting.asked(1).await.status, 200);
    stall.invariants().await;
}

#[tokio::test]
async fn p9_the_promise_of_a_preorders_money_is_renewed_until_the_goods_are_there() {
    let expecting = Expecting::some(2).await;
    let stall = &expecting.stall;
    let order = expecting.buy(1, "first").await;
    // Three weeks of a promise that lasts one.
    for _ in 0..4 {
        let checkout = CheckoutId::from_uuid(order.uuid());
        let before = tries(stall, checkout).await;
        stall.age(6 * DAY + 60).await;
        for _ in 0..300 {
            if tries(stall, checkout).await > before {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(tries(stall, checkout).await > before, "it is promised anew");
    }
    expecting.act("arrivals", json!({ "units": 2 })).await;
    let parcel = json!({ "carrier": "DHL", "tracking": "JD01" });
    let shipped = expecting
        .server
        .post(&format!("/v1/orders/{order}/shipments"), &parcel)
        .await;
    assert_eq!(shipped.status, 201, "{}", shipped.text());
    assert_eq!(stall.at_the_processor(order), (3490, 0), "charged once, when it left");
    stall.invariants().await;
}

/// The number of the try whose promise stands; 0 while one is on its way.
async fn tries(stall: &Stall, checkout: CheckoutId) -> u32 {
    let read = stall
        .world
        .app
        .db
        .read(move |tx| payments::latest_attempt(tx, checkout.intent()));
    let stands = read
        .await
        .unwrap()
        .filter(|attempt| attempt.state == AttemptState::Authorized);
    stands.map_or(0, |attempt| attempt.n)
}
