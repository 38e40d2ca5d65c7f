//! Gift cards and split tender, as a buyer and a shop meet them. Every story ends with the invariants, which count gift cards too.

use crate::bank::DAY;
use crate::buying::{Stall, tap_body};
use crate::harness::{Answer, Client};
use hawker::checkout;
use hawker::db::LaneKey;
use hawker::gift_cards;
use hawker::kernel::{AdjustmentId, CheckoutId, OrderId, Seconds};
use hawker::ledger::AccountKind;
use hawker::payments::sandbox::{Faults, Sandbox};
use serde_json::{Value, json};
use std::time::Duration;

/// A card of this shop, and its code.
async fn issue(stall: &Stall, minor: i64) -> (String, String) {
    issue_with(
        stall,
        json!({ "amount": { "amount": minor, "currency": "EUR" }, "reason": "sold" }),
    )
    .await
}

async fn issue_with(stall: &Stall, body: Value) -> (String, String) {
    let issued = stall.staff.post("/v1/gift-cards", &body).await;
    assert_eq!(issued.status, 201, "{}", issued.text());
    let value = issued.value();
    (
        value["gift_card"]["id"].as_str().unwrap().to_owned(),
        value["code"].as_str().unwrap().to_owned(),
    )
}

/// What may be spent of a card, and what it holds.
async fn standing(stall: &Stall, card: &str) -> (i64, i64) {
    let card = stall.staff.get(&format!("/v1/gift-cards/{card}")).await.value();
    (
        card["balance"]["amount"].as_i64().unwrap(),
        card["held"]["amount"].as_i64().unwrap(),
    )
}

async fn tap_with(stall: &Stall, id: CheckoutId, units: u32, token: &str, gift_card: Value) -> Answer {
    let mut body = tap_body(&stall.quote(units).await, token);
    body["gift_card"] = gift_card;
    stall.player.put(&format!("/v1/checkouts/{id}"), &body).await
}

async fn buy_with(stall: &Stall, units: u32, gift_card: Value) -> OrderId {
    let bought = tap_with(stall, stall.checkout(), units, "tok_visa", gift_card).await;
    assert_eq!(
        (bought.status, bought.value()["state"].as_str()),
        (201, Some("completed")),
        "{}",
        bought.text()
    );
    bought.value()["order"]["id"].as_str().unwrap().parse().unwrap()
}

/// Payment state, and what was taken and given back altogether and of the gift card.
async fn money(stall: &Stall, order: OrderId) -> (String, i64, i64, i64, i64) {
    let seen = stall.order(order).await;
    let amount = |value: &Value| value["amount"].as_i64().unwrap_or_else(|| panic!("{seen}"));
    let card = &seen["gift_card"];
    (
        seen["payment"].as_str().unwrap().to_owned(),
        amount(&seen["captured"]),
        amount(&seen["refunded"]),
        amount(&card["captured"]),
        amount(&card["refunded"]),
    )
}

async fn refund(stall: &Stall, order: OrderId, body: Value) -> Value {
    let refunded = stall.staff.post(&format!("/v1/orders/{order}/refunds"), &body).await;
    assert_eq!(refunded.status, 201, "{}", refunded.text());
    refunded.value()
}

fn told(state: &str, taken: i64, back: i64, card_taken: i64, card_back: i64) -> (String, i64, i64, i64, i64) {
    (state.to_owned(), taken, back, card_taken, card_back)
}

#[tokio::test]
async fn x4_a_gift_card_pays_a_part_the_processor_the_rest_and_the_ledger_sums_to_zero() {
    let stall = Stall::open(5).await;
    let (card, code) = issue(&stall, 2000).await;
    assert_eq!(stall.balance(AccountKind::GiftCardLiability).await, 2000);
    assert_eq!(stall.balance(AccountKind::GiftCardsSold).await, -2000);
    let id = stall.checkout();
    // As people type it.
    let typed = code.to_lowercase().replace('-', " ");
    let bought = tap_with(&stall, id, 1, "tok_visa", json!({ "code": typed, "covers": 2000 })).await;
    let value = bought.value();
    assert_eq!(
        (
            bought.status,
            value["total"]["amount"].as_i64(),
            value["gift_card"]["amount"]["amount"].as_i64(),
            value["to_pay"]["amount"].as_i64(),
        ),
        (201, Some(3490), Some(2000), Some(1490)),
        "{value}"
    );
    assert_eq!(standing(&stall, &card).await, (0, 2000), "held, not taken");
    let order: OrderId = value["order"]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(money(&stall, order).await, told("authorized", 0, 0, 0, 0));
    assert_eq!(stall.ship(order).await.status, 201);
    assert_eq!(money(&stall, order).await, told("captured", 3490, 0, 2000, 0));
    assert_eq!(
        stall.at_the_processor(order),
        (1490, 0),
        "the processor took the rest only"
    );
    assert_eq!(standing(&stall, &card).await, (0, 0));
    // The same split as a sale that is paid by card alone: to the cent, whichever purse a cent came from.
    assert_eq!(stall.balance(AccountKind::TaxPayable).await, 479 + 78);
    assert_eq!(stall.balance(AccountKind::PlatformRevenue).await, 121);
    assert_eq!(stall.balance(AccountKind::GiftCardLiability).await, 0);
    stall.invariants().await;
}

#[tokio::test]
async fn x4_a_gift_card_that_covers_everything_asks_no_processor() {
    let stall = Stall::open(5).await;
    let given = json!({ "amount": { "amount": 5000, "currency": "EUR" }, "reason": "given", "note": "For the winner" });
    let (card, code) = issue_with(&stall, given).await;
    assert_eq!(
        stall.balance(AccountKind::GiftCardsGiven).await,
        -5000,
        "what giving costs"
    );
    let mut body = tap_body(&stall.quote(1).await, "");
    body["payment"] = json!({ "method": "card" });
    body["gift_card"] = json!({ "code": code });
    let id = stall.checkout();
    let bought = stall.player.put(&format!("/v1/checkouts/{id}"), &body).await;
    assert_eq!(bought.value()["state"], "completed", "{}", bought.text());
    assert_eq!(bought.value()["to_pay"]["amount"], 0);
    let order: OrderId = bought.value()["order"]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(money(&stall, order).await, told("authorized", 0, 0, 0, 0));
    assert_eq!(standing(&stall, &card).await, (1510, 3490));
    assert_eq!(stall.ship(order).await.status, 201);
    assert_eq!(money(&stall, order).await, told("captured", 3490, 0, 3490, 0));
    assert_eq!(
        (stall.at_the_processor(order), stall.charged()),
        ((0, 0), 0),
        "nobody was asked"
    );
    refund(&stall, order, json!({ "reason": "returned" })).await;
    assert_eq!(money(&stall, order).await, told("refunded", 3490, 3490, 3490, 3490));
    assert_eq!(standing(&stall, &card).await, (5000, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn x4_a_decline_lets_the_gift_card_go_and_another_try_holds_it_again() {
    let stall = Stall::open(5).await;
    let (card, code) = issue(&stall, 2000).await;
    let id = stall.checkout();
    let declined = tap_with(&stall, id, 1, "tok_declined", json!({ "code": code })).await;
    assert_eq!(declined.refusal(), (402, "declined".into()), "{}", declined.text());
    assert_eq!(standing(&stall, &card).await, (2000, 0), "it may be used elsewhere");
    let secret = declined.value()["checkout"]["client_secret"]
        .as_str()
        .unwrap()
        .to_owned();
    let buyer = stall.player.clone().with("hawker-checkout-secret", &secret);
    let pay = json!({ "method": "card", "token": "tok_visa" });
    // Used elsewhere meanwhile: nothing is charged, and the buyer is told.
    let elsewhere = stall.checkout();
    let small = tap_with(&stall, elsewhere, 1, "tok_visa", json!({ "code": code, "covers": 1 })).await;
    assert_eq!(small.status, 201, "{}", small.text());
    let changed = buyer.post(&format!("/v1/checkouts/{id}/payment"), &pay).await;
    assert_eq!(changed.refusal(), (409, "gift_card_changed".into()));
    let other: OrderId = small.value()["order"]["id"].as_str().unwrap().parse().unwrap();
    let canceled = stall
        .staff
        .post(&format!("/v1/orders/{other}/cancellation"), &json!({}))
        .await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    // It is back: the same checkout is paid.
    let paid = buyer.post(&format!("/v1/checkouts/{id}/payment"), &pay).await;
    assert_eq!(paid.value()["state"], "completed", "{}", paid.text());
    assert_eq!(standing(&stall, &card).await, (0, 2000));
    stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn x4_twenty_who_spend_one_gift_card_at_once_never_have_more_than_there_is() {
    let stall = Stall::open(40).await;
    let (card, code) = issue(&stall, 5000).await;
    let quote = stall.quote(1).await;
    let tap = |covers: Option<i64>| {
        let (player, id, mut body) = (stall.player.clone(), stall.checkout(), tap_body(&quote, "tok_visa"));
        body["gift_card"] = json!({ "code": code });
        if let Some(minor) = covers {
            body["gift_card"]["covers"] = json!(minor);
        }
        async move { player.put(&format!("/v1/checkouts/{id}"), &body).await }
    };
    // Ten were shown that it pays ten euros for them, ten take what there is.
    let taps = (0..20).map(|n| tap((n % 2 == 0).then_some(1000)));
    let answers = futures_util::future::join_all(taps).await;
    let mut spent = 0;
    for answer in &answers {
        match answer.refusal() {
            (201, _) => spent += answer.value()["gift_card"]["amount"]["amount"].as_i64().unwrap(),
            (409, code) => assert!(
                ["gift_card_changed", "gift_card_used_up"].contains(&code.as_str()),
                "{code}"
            ),
            other => panic!("{other:?} {}", answer.text()),
        }
    }
    let (left, held) = standing(&stall, &card).await;
    assert_eq!((spent, left + held), (held, 5000), "never more, and nothing is lost");
    assert!(held >= 4000, "somebody got it: {held}");
    stall.invariants().await;
}

#[tokio::test]
async fn l3_x4_money_goes_back_to_the_card_first_and_then_onto_the_gift_card_exactly() {
    let stall = Stall::open(5).await;
    let (card, code) = issue(&stall, 2000).await;
    let order = buy_with(&stall, 1, json!({ "code": code })).await;
    assert_eq!(stall.ship(order).await.status, 201);
    let first = refund(&stall, order, json!({ "amount": 1000, "reason": "goodwill" })).await;
    assert_eq!(
        (first["amount"]["amount"].as_i64(), first.get("gift_card")),
        (Some(1000), None)
    );
    assert_eq!(stall.at_the_processor(order), (1490, 1000));
    assert_eq!(standing(&stall, &card).await, (0, 0), "the processor gives back first");
    // Of the next ten euros, 4.90 are left with the processor; a second try of the same refund is the same refund.
    let adjustment: AdjustmentId = stall.world.app.random.id(stall.world.app.clock.wall());
    let body = json!({ "id": adjustment, "amount": 1000, "reason": "goodwill" });
    let second = refund(&stall, order, body.clone()).await;
    assert_eq!(second["gift_card"]["amount"], 510, "{second}");
    let again = stall.staff.post(&format!("/v1/orders/{order}/refunds"), &body).await;
    assert_eq!(
        (again.status, again.value()["gift_card"]["amount"].as_i64()),
        (200, Some(510))
    );
    assert_eq!(again.value()["amount"]["amount"], 1000);
    assert_eq!(stall.at_the_processor(order), (1490, 1490));
    assert_eq!(standing(&stall, &card).await, (510, 0));
    assert_eq!(
        money(&stall, order).await,
        told("partially_refunded", 3490, 2000, 2000, 510)
    );
    // More than is left is refused whole.
    let path = format!("/v1/orders/{order}/refunds");
    let more = stall
        .staff
        .post(&path, &json!({ "amount": 1491, "reason": "goodwill" }))
        .await;
    assert_eq!(more.refusal(), (409, "exceeds_captured".into()));
    // The card was disabled meanwhile: what it paid is still owed on it.
    let version = stall.staff.get(&format!("/v1/gift-cards/{card}")).await.value()["version"].to_string();
    let staff = stall.staff.clone().with("if-match", &format!("\"{version}\""));
    let disabled = staff
        .patch(&format!("/v1/gift-cards/{card}"), &json!({ "state": "disabled" }))
        .await;
    assert_eq!(disabled.status, 200, "{}", disabled.text());
    refund(&stall, order, json!({ "reason": "returned" })).await;
    assert_eq!(money(&stall, order).await, told("refunded", 3490, 3490, 2000, 2000));
    assert_eq!(standing(&stall, &card).await, (2000, 0));
    for kind in [
        AccountKind::TaxPayable,
        AccountKind::PlatformRevenue,
        AccountKind::PartyPayable,
    ] {
        let back = stall.balance(kind).await;
        // The processor's fee is kept by it, and borne by a party here.
        assert!(
            back == 0 || kind == AccountKind::PartyPayable && back < 0,
            "{kind:?} {back}"
        );
    }
    let nothing = stall.staff.post(&path, &json!({ "reason": "goodwill" })).await;
    assert_eq!(nothing.refusal(), (409, "nothing_to_refund".into()));
    stall.invariants().await;
}

#[tokio::test]
async fn p10_x4_every_parcel_takes_its_part_of_both_purses_and_lines_go_back_line_by_line() {
    let stall = Stall::open(9).await;
    let (card, code) = issue(&stall, 3333).await;
    let order = buy_with(&stall, 3, json!({ "code": code })).await; // 94.90
    stall.work_is_open(order).await;
    let ship = async |quantity: u32| {
        let parcel = json!({ "carrier": "DHL", "tracking": "JD01", "lines": [{ "line": 0, "quantity": quantity }] });
        let shipped = stall
            .staff
            .post(&format!("/v1/orders/{order}/shipments"), &parcel)
            .await;
        assert_eq!(shipped.status, 201, "{}", shipped.text());
    };
    ship(1).await;
    let (state, taken, _, from_card, _) = money(&stall, order).await;
    assert_eq!(state, "partially_captured");
    // A mug and the delivery, to a cent a purse: 34.90, of which the gift card pays 35.12 %.
    assert!(
        (3488..=3490).contains(&taken) && (1224..=1226).contains(&from_card),
        "{taken} {from_card}"
    );
    assert_eq!(standing(&stall, &card).await, (0, 3333 - from_card));
    stall.invariants().await;
    ship(2).await;
    assert_eq!(money(&stall, order).await, told("captured", 9490, 0, 3333, 0));
    assert_eq!(stall.at_the_processor(order), (9490 - 3333, 0));
    let one = refund(
        &stall,
        order,
        json!({ "lines": [{ "line": 0, "quantity": 1 }], "reason": "returned" }),
    )
    .await;
    assert_eq!(
        (one["amount"]["amount"].as_i64(), one.get("gift_card")),
        (Some(3000), None)
    );
    let rest = refund(
        &stall,
        order,
        json!({ "lines": [{ "line": 0, "quantity": 3 }], "reason": "returned" }),
    )
    .await;
    assert_eq!(rest["amount"]["amount"], 6000, "{rest}");
    let (_, _, _, _, back) = money(&stall, order).await;
    let delivery = refund(
        &stall,
        order,
        json!({ "lines": [], "delivery": true, "reason": "returned" }),
    )
    .await;
    assert_eq!(delivery["amount"]["amount"], 490, "{delivery}");
    assert_eq!(money(&stall, order).await, told("refunded", 9490, 9490, 3333, 3333));
    assert!(back < 3333, "the delivery's own part came with it");
    assert_eq!(standing(&stall, &card).await, (3333, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn d7_x4_what_is_canceled_or_runs_out_lets_the_gift_card_go() {
    let stall = Stall::open(9).await;
    let (card, code) = issue(&stall, 3000).await;
    // An order that is canceled.
    let order = buy_with(&stall, 1, json!({ "code": code })).await;
    assert_eq!(standing(&stall, &card).await, (0, 3000));
    let canceled = stall
        .staff
        .post(&format!("/v1/orders/{order}/cancellation"), &json!({}))
        .await;
    assert_eq!(canceled.status, 200, "{}", canceled.text());
    assert_eq!(canceled.value()["payment"], "voided");
    assert_eq!(standing(&stall, &card).await, (3000, 0));
    // A checkout that is left.
    let reserve = async |id: CheckoutId| {
        let mut body = tap_body(&stall.quote(1).await, "");
        body.as_object_mut().unwrap().remove("payment");
        body["gift_card"] = json!({ "code": code });
        let reserved = stall.player.put(&format!("/v1/checkouts/{id}"), &body).await;
        assert_eq!(
            (reserved.status, reserved.value()["state"].as_str()),
            (201, Some("ready_for_complete"))
        );
        assert_eq!(standing(&stall, &card).await, (0, 3000), "reserved with the units");
        let secret = reserved.value()["client_secret"].as_str().unwrap().to_owned();
        stall.player.clone().with("hawker-checkout-secret", &secret)
    };
    let left = stall.checkout();
    let buyer = reserve(left).await;
    assert_eq!(
        buyer.delete(&format!("/v1/checkouts/{left}")).await.value()["state"],
        "canceled"
    );
    assert_eq!(standing(&stall, &card).await, (3000, 0));
    // One that nobody comes back to.
    let forgotten = stall.checkout();
    let buyer = reserve(forgotten).await;
    run_out(&stall, forgotten).await;
    let seen = buyer.get(&format!("/v1/checkouts/{forgotten}")).await.value();
    assert_eq!(seen["state"], "expired");
    assert_eq!(standing(&stall, &card).await, (3000, 0));
    assert_eq!(stall.left().await, (9, 0));
    stall.invariants().await;
}

/// The time of a checkout is up, on both engines: no story moves the clock of a PostgreSQL server.
async fn run_out(stall: &Stall, id: CheckoutId) {
    let aged = stall.world.app.db.write(LaneKey(0), move |tx| {
        let at = tx.now().minus(Seconds(1));
        tx.exec(
            "update checkouts set expires_at = $2, next_check_at = $2 where id = $1",
            hawker::args![id, at],
        )?;
        tx.exec(
            "update reservations set expires_at = $2 where checkout_id = $1",
            hawker::args![id, at],
        )
    });
    aged.await.unwrap();
    checkout::resume(&stall.world.app).await.unwrap();
}

/// Asks the processors until a checkout reads so.
async fn until_read(stall: &Stall, id: CheckoutId, holds: impl Fn(&Value) -> bool) -> Value {
    let staff = stall.world.secret_key(&stall.shop, &["orders:write"]).await;
    let server = stall.world.with_key(&staff);
    let mut seen = Value::Null;
    for _ in 0..150 {
        seen = server.get(&format!("/v1/checkouts/{id}")).await.value();
        if holds(&seen) {
            return seen;
        }
        stall.age(20).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never: {seen}");
}

/// A checkout whose processor's answer was lost, and whose time is up before anybody could ask again.
async fn lost_answer(stall: &Stall, code: &str) -> CheckoutId {
    let id = stall.checkout();
    let unknown = tap_with(stall, id, 1, "tok_timeout", json!({ "code": code })).await;
    assert_eq!(unknown.value()["state"], "complete_in_progress", "{}", unknown.text());
    run_out(stall, id).await;
    until_read(stall, id, |seen| seen["state"] == "expired").await;
    id
}

#[tokio::test]
async fn p2_x4_money_that_turns_up_late_finds_the_gift_cards_part_again() {
    let stall = Stall::open(9).await;
    let (card, code) = issue(&stall, 2000).await;
    let id = lost_answer(&stall, &code).await;
    assert_eq!(standing(&stall, &card).await, (2000, 0), "let go with the units");
    until_read(&stall, id, |seen| seen["state"] == "completed").await;
    assert_eq!((standing(&stall, &card).await, stall.charged()), ((0, 2000), 1));
    stall.invariants().await;
}

#[tokio::test]
async fn p8_x4_money_that_turns_up_late_goes_back_if_the_gift_card_was_spent_meanwhile() {
    let stall = Stall::open(9).await;
    let (card, code) = issue(&stall, 2000).await;
    let id = lost_answer(&stall, &code).await;
    let order = buy_with(&stall, 1, json!({ "code": code })).await;
    assert_eq!((standing(&stall, &card).await, stall.left().await), ((0, 2000), (8, 0)));
    for _ in 0..150 {
        stall.age(20).await;
        if stall.charged() == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(stall.charged(), 1, "what it had promised was let go");
    until_read(&stall, id, |seen| seen["state"] == "expired").await;
    assert_eq!((standing(&stall, &card).await, stall.left().await), ((0, 2000), (8, 0)));
    assert_eq!(stall.ship(order).await.status, 201);
    stall.invariants().await;
}

#[tokio::test]
async fn x4_a_gift_card_says_plainly_why_it_cannot_pay_and_nothing_to_whoever_guesses() {
    let stall = Stall::open(9).await;
    let other = Stall::open(1).await;
    let (_, foreign) = issue(&other, 2000).await;
    let (used, used_code) = issue(&stall, 100).await;
    buy_with(&stall, 1, json!({ "code": used_code })).await;
    assert_eq!(standing(&stall, &used).await, (0, 100));
    let soon = stall.world.app.clock.wall().plus(Seconds::hours(1));
    let (_, short_lived) = issue_with(
        &stall,
        json!({ "amount": { "amount": 100, "currency": "EUR" }, "reason": "given", "expires_at": soon }),
    )
    .await;
    let passed = stall.world.app.db.write(LaneKey(0), |tx| {
        let at = tx.now().minus(Seconds(1));
        tx.exec(
            "update gift_cards set expires_at = $1 where expires_at is not null",
            hawker::args![at],
        )
    });
    passed.await.unwrap();
    let (_, francs) = issue_with(
        &stall,
        json!({ "amount": { "amount": 100, "currency": "CHF" }, "reason": "sold" }),
    )
    .await;
    let (stopped, stopped_code) = issue(&stall, 100).await;
    let staff = stall.staff.clone().with("if-match", "\"1\"");
    let path = format!("/v1/gift-cards/{stopped}");
    assert_eq!(staff.patch(&path, &json!({ "state": "disabled" })).await.status, 200);
    assert_eq!(
        staff.patch(&path, &json!({ "state": "active" })).await.refusal(),
        (412, "stale".into())
    );
    let cases = [
        ("not a code", 404, "no_such_gift_card"),
        ("0000-0000-0000-0000-0000", 404, "no_such_gift_card"),
        (foreign.as_str(), 404, "no_such_gift_card"),
        (used_code.as_str(), 409, "gift_card_used_up"),
        (short_lived.as_str(), 409, "gift_card_expired"),
        (francs.as_str(), 409, "gift_card_other_currency"),
        (stopped_code.as_str(), 409, "gift_card_disabled"),
    ];
    let stock = stall.left().await;
    let mut unknown: Vec<Value> = Vec::new();
    for (code, status, name) in cases {
        let looked = stall
            .player
            .post("/v1/gift-card-balances", &json!({ "code": code }))
            .await;
        assert_eq!(looked.refusal(), (status, name.into()), "{code}");
        let tried = tap_with(&stall, stall.checkout(), 1, "tok_visa", json!({ "code": code })).await;
        assert_eq!(tried.refusal(), (status, name.into()), "{code}");
        if status == 404 {
            unknown.push(looked.value()["detail"].clone());
        }
    }
    assert!(
        unknown.windows(2).all(|pair| pair[0] == pair[1]),
        "no oracle: {unknown:?}"
    );
    assert_eq!(stall.left().await, stock, "nothing stays reserved");
    stall.invariants().await;
    other.invariants().await;
}

#[tokio::test]
async fn x3_whoever_tries_codes_has_to_wait() {
    let stall = Stall::open_with(1, |config| config.rate_limits = true).await;
    let look = json!({ "code": "0000-0000-0000-0000-0000" });
    for _ in 0..30 {
        let tried = stall.player.post("/v1/gift-card-balances", &look).await;
        assert_eq!(tried.refusal(), (404, "no_such_gift_card".into()));
    }
    let tried = stall.player.post("/v1/gift-card-balances", &look).await;
    assert_eq!(tried.refusal(), (429, "too_many_requests".into()));
    let tap = tap_with(&stall, stall.checkout(), 1, "tok_visa", look.clone()).await;
    assert_eq!(tap.status, 429, "the same counter");
    assert_eq!(
        stall.tap(stall.checkout(), "tok_visa").await.status,
        201,
        "without a code nobody waits"
    );
}

#[tokio::test]
async fn p22_a_code_is_shown_once_and_kept_nowhere() {
    let stall = Stall::open(1).await;
    let body = json!({ "amount": { "amount": 2500, "currency": "EUR" }, "reason": "sold", "note": "Lina" });
    let staff = stall.staff.clone().with("idempotency-key", "gift-1");
    let first = staff.post("/v1/gift-cards", &body).await;
    let again = staff.post("/v1/gift-cards", &body).await;
    let code = first.value()["code"].as_str().unwrap().to_owned();
    assert_eq!(code.len(), 24);
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(again.value()["gift_card"], first.value()["gift_card"], "the same card");
    assert_eq!(again.value().get("code"), None, "without its code");
    let list = stall.staff.get("/v1/gift-cards").await;
    assert_eq!(list.value()["data"].as_array().unwrap().len(), 1);
    assert!(
        !list.text().contains(&code) && list.text().contains(&code[20..]),
        "the end of it only"
    );
    let looked = stall
        .player
        .post("/v1/gift-card-balances", &json!({ "code": code }))
        .await
        .value();
    assert_eq!(
        (looked["balance"]["amount"].as_i64(), looked["last_four"].as_str()),
        (Some(2500), Some(&code[20..]))
    );
    let wrong = |body: Value| {
        let staff = stall.staff.clone();
        async move { staff.post("/v1/gift-cards", &body).await.refusal() }
    };
    let amount = |minor: i64| json!({ "amount": { "amount": minor, "currency": "EUR" }, "reason": "sold" });
    for body in [amount(0), amount(-1), amount(100_000_000)] {
        assert_eq!(wrong(body).await, (422, "invalid_field".into()));
    }
    if stall.world.is_sqlite() {
        let everything = std::fs::read(stall.world.config.data.join("hawker.db")).unwrap();
        let wal = std::fs::read(stall.world.config.data.join("hawker.db-wal")).unwrap_or_default();
        let plain = code.replace('-', "");
        for needle in [code.as_bytes(), plain.as_bytes()] {
            let found = |hay: &[u8]| hay.windows(needle.len()).any(|window| window == needle);
            assert!(!found(&everything) && !found(&wal), "the code is not in the database");
        }
    }
    stall.invariants().await;
}

#[tokio::test]
async fn p10_x4_a_refused_capture_is_taken_again_and_the_gift_card_has_paid_once() {
    let stall = Stall::open(9).await;
    let (card, code) = issue(&stall, 2000).await;
    let order = buy_with(&stall, 1, json!({ "code": code })).await;
    stall.work_is_open(order).await;
    let sandboxes = Sandbox::all(&stall.world.app);
    sandboxes[0].set_faults(Faults::parse(1, "capture_refused=1000").unwrap());
    let refused = stall.ship(order).await;
    assert_eq!(refused.status, 201, "{}", refused.text());
    let (_, taken, _, from_card, _) = money(&stall, order).await;
    assert_eq!(
        (taken, from_card),
        (2000, 2000),
        "the gift card paid for what left; the rest is owed"
    );
    sandboxes[0].set_faults(Faults::default());
    let again = stall
        .staff
        .post(&format!("/v1/orders/{order}/captures"), &json!({}))
        .await;
    assert!(again.status < 300, "{}", again.text());
    assert_eq!(money(&stall, order).await, told("captured", 3490, 0, 2000, 0));
    assert_eq!(standing(&stall, &card).await, (0, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn p9_x4_a_lost_promise_that_nobody_pays_again_gives_the_rest_of_both_purses_up() {
    let stall = Stall::open(9).await;
    let (card, code) = issue(&stall, 4000).await;
    let bought = tap_with(&stall, stall.checkout(), 3, "tok_once", json!({ "code": code })).await;
    let order: OrderId = bought.value()["order"]["id"].as_str().unwrap().parse().unwrap();
    stall.work_is_open(order).await;
    let parcel = json!({ "carrier": "DHL", "tracking": "JD01", "lines": [{ "line": 0, "quantity": 1 }] });
    let shipped = stall
        .staff
        .post(&format!("/v1/orders/{order}/shipments"), &parcel)
        .await;
    assert_eq!(shipped.status, 201, "{}", shipped.text());
    let (_, _, _, from_card, _) = money(&stall, order).await;
    assert!(
        from_card > 0,
        "the gift card pays with the parcel, whenever the processor does"
    );
    stall.age(7 * DAY + 60).await;
    stall
        .order_becomes(order, "lost", |seen| seen["state"] == "payment_lost")
        .await;
    assert_eq!(
        standing(&stall, &card).await,
        (0, 4000 - from_card),
        "kept for the buyer"
    );
    stall.age(3 * DAY + 60).await;
    stall
        .order_becomes(order, "given up", |seen| seen["state"] == "fulfilled")
        .await;
    assert_eq!(
        standing(&stall, &card).await,
        (4000 - from_card, 0),
        "what did not leave is back"
    );
    let (state, taken, _, kept, _) = money(&stall, order).await;
    assert_eq!((state.as_str(), kept), ("captured", from_card));
    assert_eq!(stall.at_the_processor(order).0 + from_card, taken);
    stall.invariants().await;
}

#[tokio::test]
async fn p9_x4_a_lost_payment_is_paid_again_for_the_processors_part_only() {
    let stall = Stall::open(9).await;
    let (card, code) = issue(&stall, 2000).await;
    let bought = tap_with(&stall, stall.checkout(), 1, "tok_once", json!({ "code": code })).await;
    let (id, order) = (
        bought.value()["id"].as_str().unwrap().to_owned(),
        bought.value()["order"]["id"]
            .as_str()
            .unwrap()
            .parse::<OrderId>()
            .unwrap(),
    );
    let secret = bought.value()["client_secret"].as_str().unwrap().to_owned();
    stall.age(7 * DAY + 60).await;
    stall
        .order_becomes(order, "lost", |seen| seen["state"] == "payment_lost")
        .await;
    let buyer = stall.player.clone().with("hawker-checkout-secret", &secret);
    let pay = json!({ "method": "card", "token": "tok_visa" });
    let paid = buyer.post(&format!("/v1/checkouts/{id}/payment"), &pay).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    stall
        .order_becomes(order, "paid again", |seen| seen["state"] == "confirmed")
        .await;
    assert_eq!(stall.ship(order).await.status, 201);
    assert_eq!(money(&stall, order).await, told("captured", 3490, 0, 2000, 0));
    assert_eq!(
        (stall.at_the_processor(order), standing(&stall, &card).await),
        ((1490, 0), (0, 0))
    );
    stall.invariants().await;
}

/// The form of a page: everything it would send.
pub fn fields(page: &str, changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let form = page.split("class=\"checkout-form\"").nth(1).expect("the form");
    let mut fields: Vec<(String, String)> = Vec::new();
    for input in form.split("<input").skip(1) {
        let input = &input[..input.find('>').unwrap()];
        let attribute = |name: &str| {
            let start = input.find(&format!(" {name}=\""))? + name.len() + 3;
            Some(input[start..start + input[start..].find('"')?].replace("&#38;", "&"))
        };
        let picks = matches!(attribute("type").as_deref(), Some("radio" | "checkbox"));
        if let (Some(name), Some(value)) = (attribute("name"), attribute("value"))
            && (!picks || input.contains(" checked"))
        {
            fields.push((name, value));
        }
    }
    fields.push(("country".into(), "DE".into()));
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push(((*name).into(), (*value).into()));
    }
    fields
}

pub async fn send(browser: &Client, path: &str, fields: &[(String, String)]) -> Answer {
    let fields: Vec<(&str, &str)> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    browser.form(path, &fields).await
}

const BUYER: [(&str, &str); 5] = [
    ("email", "buyer@example.com"),
    ("name", "B. Uyer"),
    ("line1", "Street 1"),
    ("postal_code", "10115"),
    ("city", "Berlin"),
];

#[tokio::test]
async fn x4_without_scripts_a_gift_card_is_shown_before_it_pays_and_no_other_total_is_paid() {
    let stall = Stall::open(9).await;
    let (card, code) = issue(&stall, 2000).await;
    let browser = stall.world.browser();
    let path = format!("/s/{}/checkout", stall.shop.slug);
    let page = browser.get(&format!("{path}?lines={}:1", stall.mug)).await.text();
    // A wrong code is told at its field, and everything typed stays.
    let mut typed = BUYER.to_vec();
    typed.extend([("gift_card", "nonsense"), ("step", "quote")]);
    let wrong = send(&browser, &path, &fields(&page, &typed)).await.text();
    assert!(wrong.contains("There is no gift card with this code here.") && wrong.contains("buyer@example.com"));
    // Paid at once with a code nobody has looked at: first it is shown.
    let mut typed = BUYER.to_vec();
    typed.extend([("gift_card", code.as_str()), ("step", "pay")]);
    let shown = send(&browser, &path, &fields(&wrong, &typed)).await.text();
    assert!(
        shown.contains("Please look at the total again") && shown.contains("Pay €14.90"),
        "{shown}"
    );
    assert_eq!((standing(&stall, &card).await, stall.charged()), ((2000, 0), 0));
    // The bank says no: the same page, and the gift card is free again.
    let declined = send(
        &browser,
        &path,
        &fields(&shown, &[("payment", "card:tok_declined"), ("step", "pay")]),
    )
    .await;
    assert_eq!(declined.status, 402, "{}", declined.text());
    assert!(declined.text().contains("Pay €14.90"));
    assert_eq!(standing(&stall, &card).await, (2000, 0));
    // Taken out of the field and not looked at: shown, not paid.
    let declined = declined.text();
    let without = send(
        &browser,
        &path,
        &fields(&declined, &[("gift_card", ""), ("step", "pay")]),
    )
    .await;
    assert!(
        without.status == 200 && without.text().contains("Pay €34.90"),
        "{}",
        without.text()
    );
    let mut typed = BUYER.to_vec();
    typed.extend([("gift_card", code.as_str()), ("step", "quote")]);
    let shown = send(&browser, &path, &fields(&without.text(), &typed)).await.text();
    let paid = send(
        &browser,
        &path,
        &fields(&shown, &[("payment", "card:tok_visa"), ("step", "pay")]),
    )
    .await;
    assert_eq!(paid.status, 303, "{}", paid.text());
    let receipt = paid.header("location").unwrap().to_owned();
    let receipt = &receipt[receipt.find("/s/").unwrap()..];
    let page = browser.get(receipt).await.text();
    let last_four = &code[20..];
    for words in [
        format!("Gift card •••• {last_four}"),
        "−€20.00".into(),
        format!("€20.00 held on gift card •••• {last_four}, nothing taken yet; €14.90 authorized, nothing taken yet"),
    ] {
        assert!(page.contains(&words), "{words}: {page}");
    }
    let letter = stall.world.mailbox.letter_to("buyer@example.com").await;
    assert!(
        letter.text.contains(&format!(
            "Gift card ending in {last_four}: −€20.00\nLeft to pay: €14.90"
        )),
        "{}",
        letter.text
    );
    assert_eq!(standing(&stall, &card).await, (0, 2000));

    // One that covers everything: no card is asked for.
    let (_, whole) = issue(&stall, 9000).await;
    let page = browser.get(&format!("{path}?lines={}:1", stall.mug)).await.text();
    let mut typed = BUYER.to_vec();
    typed.extend([("gift_card", whole.as_str()), ("step", "quote")]);
    let shown = send(&browser, &path, &fields(&page, &typed)).await.text();
    assert!(
        shown.contains("Order, paid with the gift card") && !shown.contains("How you pay"),
        "{shown}"
    );
    let paid = send(&browser, &path, &fields(&shown, &[("step", "pay")])).await;
    assert_eq!(paid.status, 303, "{}", paid.text());
    assert_eq!(
        stall.charged(),
        1,
        "only the first purchase has a payment at the processor"
    );
    stall.invariants().await;
}

#[tokio::test]
async fn x4_a_gift_card_fits_itself_to_a_total_that_changes_before_it_is_paid() {
    let stall = Stall::open(9).await;
    let (card, code) = issue(&stall, 4000).await;
    let id = stall.checkout();
    let mut body = tap_body(&stall.quote(1).await, "");
    body.as_object_mut().unwrap().remove("payment");
    body.as_object_mut().unwrap().remove("address");
    body["gift_card"] = json!({ "code": code });
    let reserved = stall.player.put(&format!("/v1/checkouts/{id}"), &body).await.value();
    assert_eq!(reserved["to_pay"]["amount"], 0);
    assert_eq!(standing(&stall, &card).await, (510, 3490));
    let secret = reserved["client_secret"].as_str().unwrap().to_owned();
    let buyer = stall.player.clone().with("hawker-checkout-secret", &secret);
    let mut details = json!({
        "address": { "name": "B. Uyer", "line1": "Street 1", "postal_code": "8001", "city": "Zürich", "country": "CH" },
    });
    let path = format!("/v1/checkouts/{id}");
    let dearer = buyer.put(&format!("{path}/details"), &details).await;
    assert_eq!(dearer.refusal(), (409, "price_changed".into()));
    assert_eq!(standing(&stall, &card).await, (510, 3490), "asking changes nothing");
    details["accept"] = dearer.value()["quote"]["quote"].clone();
    let agreed = buyer.put(&format!("{path}/details"), &details).await.value();
    assert_eq!(
        (agreed["total"]["amount"].as_i64(), agreed["to_pay"]["amount"].as_i64()),
        (Some(4490), Some(490)),
        "{agreed}"
    );
    assert_eq!(standing(&stall, &card).await, (0, 4000));
    let pay = json!({ "method": "card", "token": "tok_visa" });
    let paid = buyer.post(&format!("{path}/payment"), &pay).await;
    assert_eq!(paid.value()["state"], "completed", "{}", paid.text());
    let order: OrderId = paid.value()["order"]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(stall.ship(order).await.status, 201);
    assert_eq!(stall.at_the_processor(order), (490, 0));
    let check = stall.world.app.db.read(gift_cards::check).await.unwrap();
    assert_eq!(check, Vec::<String>::new());
    stall.invariants().await;
}

#[tokio::test]
async fn a_shop_issues_a_gift_card_at_the_desk_sees_what_became_of_it_and_stops_it() {
    let stall = Stall::open(9).await;
    let place = format!("/studio/{}/money/gift-cards", stall.shop.slug);
    let desk = stall.staff.clone().with("accept", "text/html");
    let empty = desk.get(&place).await.text();
    assert!(empty.contains("There is none yet."), "{empty}");
    let hidden = |page: &str, name: &str| {
        let start = page.find(&format!("name=\"{name}\" value=\"")).expect("the field") + name.len() + 15;
        page[start..start + page[start..].find('"').unwrap()].to_owned()
    };
    let id = hidden(&empty, "id");
    let wrong = [
        ("id", id.as_str()),
        ("amount", "much"),
        ("reason", "given"),
        ("note", "For Jo"),
    ];
    let refused = desk.form(&place, &wrong).await.text();
    assert!(
        refused.contains("Write the amount as a number") && refused.contains("For Jo"),
        "{refused}"
    );
    let form = [
        ("id", id.as_str()),
        ("amount", "20,00"),
        ("reason", "given"),
        ("note", "For Jo"),
        ("expires", "2999-12-31"),
    ];
    let issued = desk.form(&place, &form).await.text();
    assert!(issued.contains("This is the only time its code is shown"), "{issued}");
    let start = issued.find("id=\"secret\"").unwrap();
    let code = &issued[start + issued[start..].find('>').unwrap() + 1..][..24];
    // Pressed twice: one card, and its code is not shown again.
    let again = desk.form(&place, &form).await.text();
    assert!(
        again.contains("This form was sent twice") && !again.contains(code),
        "{again}"
    );
    let list = desk.get(&place).await.text();
    assert!(list.contains("Owed on them") && list.contains("€20.00") && !list.contains(code));
    assert_eq!(stall.balance(AccountKind::GiftCardsGiven).await, -2000);

    let order = buy_with(&stall, 1, json!({ "code": code })).await;
    assert_eq!(stall.ship(order).await.status, 201);
    let page = format!("{place}/{id}");
    let seen = desk.get(&page).await.text();
    for words in [
        "Paid for a parcel",
        "2999-12-31",
        "Used up",
        &format!("/orders/{order}"),
    ] {
        assert!(seen.contains(words), "{words}: {seen}");
    }
    let version = hidden(&seen, "version");
    let stop = [("version", version.as_str()), ("do", "disable")];
    assert_eq!(desk.form(&page, &stop).await.status, 303);
    let stopped = desk.get(&page).await.text();
    assert!(
        stopped.contains("It pays for nothing new.") && stopped.contains("Enable it again"),
        "{stopped}"
    );
    let stale = desk.form(&page, &stop).await.text();
    assert!(stale.contains("Someone changed this while you were typing"), "{stale}");
    // The order's page and the payment's own say both purses.
    for path in [
        format!("/orders/{order}"),
        format!("/payments/{}", order.to_string().replace("ord_", "int_")),
    ] {
        let told = desk.get(&format!("/studio/{}{path}", stall.shop.slug)).await.text();
        assert!(told.contains("€20.00 was taken from gift card"), "{path}: {told}");
    }
    let money = desk.get(&format!("/studio/{}/money", stall.shop.slug)).await.text();
    assert!(
        money.contains("Sale, paid with a gift card") && money.contains("Gift card issued"),
        "{money}"
    );
    stall.invariants().await;
}
