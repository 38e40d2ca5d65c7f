//! The life of a promise of money after the sale: taken in parts or once, renewed before it ends, lost and paid again. Every story ends with the
//! invariants.

use crate::bank::{DAY, payment_of};
use crate::buying::{Stall, tap_body};
use crate::harness::Answer;
use hawker::checkout;
use hawker::config::MoreProcessor;
use hawker::kernel::{CheckoutId, OrderId};
use hawker::payments::{self, AttemptState};
use serde_json::json;
use std::time::Duration;

const BUYER: &str = "buyer@example.com";

/// A shop whose cards go to a processor that takes a promise once.
pub async fn takes_once(units: u32) -> Stall {
    let stall = Stall::open_with(units, |config| {
        config.more_processors = vec![MoreProcessor {
            name: "sandbox-b".into(),
            address: "sandbox-single".into(),
            ..MoreProcessor::default()
        }];
    })
    .await;
    let rules = json!({ "rules": [{ "name": "Once", "choice": { "order": ["sandbox-b"] } }] });
    let put = stall
        .staff
        .clone()
        .with("accept", "application/json")
        .with("if-match", "\"0\"")
        .put("/v1/routing", &rules)
        .await;
    assert_eq!(put.status, 200, "{}", put.text());
    stall
}

async fn until_tried(stall: &Stall, checkout: CheckoutId, n: u32, state: AttemptState) {
    for _ in 0..150 {
        let last = stall
            .world
            .app
            .db
            .read(move |tx| payments::latest_attempt(tx, checkout.intent()))
            .await
            .unwrap()
            .unwrap();
        if (last.n, last.state) == (n, state) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("try {n} is never {}", state.name());
}

/// Nobody is asked any more to take again what was refused.
async fn until_nothing_is_owed(stall: &Stall, order: OrderId) {
    for _ in 0..150 {
        let page = stall.studio(&format!("/orders/{order}")).await;
        if !page.contains("again</button>") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("still owed");
}

async fn buy(stall: &Stall, units: u32, token: &str) -> (CheckoutId, OrderId, Answer) {
    let id = stall.checkout();
    let quote = stall.quote(units).await;
    let bought = stall
        .player
        .put(&format!("/v1/checkouts/{id}"), &tap_body(&quote, token))
        .await;
    assert_eq!(bought.value()["state"], "completed", "{}", bought.text());
    let order = bought.value()["order"]["id"].as_str().unwrap().parse().unwrap();
    stall.work_is_open(order).await;
    (id, order, bought)
}

async fn ship(stall: &Stall, id: OrderId, units: u32) -> Answer {
    let parcel = json!({ "carrier": "DHL", "tracking": "JD01", "lines": [{ "line": 0, "quantity": units }] });
    stall.staff.post(&format!("/v1/orders/{id}/shipments"), &parcel).await
}

async fn letter(stall: &Stall, subject: &str) -> String {
    loop {
        let letter = stall.world.mailbox.letter_to(BUYER).await;
        if letter.subject.contains(subject) {
            return letter.text;
        }
    }
}

fn order_page(stall: &Stall, id: OrderId, action: &str) -> String {
    let token = checkout::order_token(stall.world.app.db.signing_key(), id);
    format!("/s/{}/orders/{id}{action}?t={token}", stall.shop.slug)
}

#[tokio::test]
async fn p9_a_parcel_that_leaves_late_finds_its_promise_renewed_and_is_charged_once() {
    let stall = Stall::open(5).await;
    let (id, order, _) = buy(&stall, 2, "tok_visa").await;
    assert_eq!(ship(&stall, order, 1).await.status, 201);
    let page = stall.studio(&format!("/orders/{order}")).await;
    assert!(
        page.contains("Every parcel takes its own part as it leaves."),
        "the studio says when"
    );
    stall.age(6 * DAY + 60).await;
    until_tried(&stall, id, 2, AttemptState::Authorized).await;
    assert_eq!(stall.order(order).await["payment"], "partially_captured");
    stall.age(3 * DAY).await; // The first promise would be over.
    assert_eq!(ship(&stall, order, 1).await.status, 201);
    let seen = stall
        .order_becomes(order, "paid", |seen| seen["payment"] == "captured")
        .await;
    assert_eq!(seen["captured"]["amount"], 6490, "{seen}");
    assert_eq!(stall.at_the_processor(order), (6490, 0), "the same at the processor");
    // What went to two promises comes back from both.
    let refund = json!({ "reason": "returned" });
    let refunded = stall.staff.post(&format!("/v1/orders/{order}/refunds"), &refund).await;
    assert_eq!(
        (refunded.status, &refunded.value()["amount"]["amount"]),
        (201, &json!(6490)),
        "{}",
        refunded.text()
    );
    stall
        .order_becomes(order, "refunded", |seen| seen["payment"] == "refunded")
        .await;
    assert_eq!(stall.at_the_processor(order), (6490, 6490));
    stall.invariants().await;
}

#[tokio::test]
async fn p10_a_promise_that_is_taken_once_is_taken_with_the_last_parcel() {
    taken_with_the_last_parcel(takes_once(5).await, "tok_visa").await;
}

#[tokio::test]
async fn p10_a_card_that_can_be_taken_only_once_waits_for_the_last_parcel_wherever_it_is() {
    taken_with_the_last_parcel(Stall::open(5).await, "tok_one_capture").await;
}

async fn taken_with_the_last_parcel(stall: Stall, token: &str) {
    let (_, order, _) = buy(&stall, 3, token).await;
    let receipt = letter(&stall, "Your order").await;
    assert!(receipt.contains("when the last parcel leaves"), "{receipt}");
    assert_eq!(ship(&stall, order, 1).await.status, 201);
    let seen = stall.order(order).await;
    assert_eq!(
        (&seen["payment"], &seen["captured"]["amount"]),
        (&json!("authorized"), &json!(0)),
        "{seen}"
    );
    let told = letter(&stall, "on its way").await;
    assert!(
        told.contains("Your card is charged once, when the last parcel leaves."),
        "{told}"
    );
    let page = stall.studio(&format!("/orders/{order}")).await;
    assert!(
        page.contains("everything is taken with the last parcel"),
        "the studio says when"
    );
    let theirs = stall.world.browser().get(&order_page(&stall, order, "")).await.text();
    assert!(
        theirs.contains("Your card is charged once, when the last parcel leaves."),
        "so does the buyer's page"
    );
    assert_eq!(ship(&stall, order, 2).await.status, 201);
    let seen = stall
        .order_becomes(order, "paid", |seen| seen["payment"] == "captured")
        .await;
    assert_eq!(
        (seen["captured"]["amount"].as_i64(), seen["state"].as_str()),
        (Some(9490), Some("fulfilled"))
    );
    assert_eq!(stall.at_the_processor(order), (9490, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn p10_what_has_left_is_taken_before_the_promise_ends_and_the_rest_is_promised_anew() {
    let stall = takes_once(5).await;
    let (id, order, _) = buy(&stall, 3, "tok_visa").await;
    assert_eq!(ship(&stall, order, 1).await.status, 201);
    stall.age(6 * DAY + 60).await;
    until_tried(&stall, id, 2, AttemptState::Authorized).await;
    let seen = stall.order(order).await;
    assert_eq!(
        (&seen["payment"], &seen["captured"]["amount"]),
        (&json!("partially_captured"), &json!(3490)),
        "{seen}"
    );
    assert_eq!(ship(&stall, order, 1).await.status, 201);
    assert_eq!(ship(&stall, order, 1).await.status, 201);
    stall
        .order_becomes(order, "paid", |seen| seen["captured"]["amount"] == 9490)
        .await;
    assert_eq!(stall.at_the_processor(order), (9490, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn p9_what_left_and_was_refused_is_taken_once_the_promise_is_renewed_and_nobody_has_to_ask() {
    let stall = Stall::open(5).await;
    let (id, order, _) = buy(&stall, 1, "tok_visa").await;
    stall.weather("capture_refused=1000");
    assert_eq!(ship(&stall, order, 1).await.status, 201);
    assert_eq!(stall.at_the_processor(order), (0, 0));
    stall.weather("");
    stall.age(6 * DAY + 60).await;
    until_tried(&stall, id, 2, AttemptState::Authorized).await;
    until_nothing_is_owed(&stall, order).await;
    stall.age(120).await; // The resolver takes it for a crash's.
    let seen = stall
        .order_becomes(order, "paid", |seen| seen["payment"] == "captured")
        .await;
    assert_eq!(seen["captured"]["amount"], 3490, "{seen}");
    assert_eq!(stall.at_the_processor(order), (3490, 0));
    assert!(!stall.studio("").await.contains("was refused"), "it is nobody's task");
    stall.invariants().await;
}

#[tokio::test]
async fn p10_what_was_refused_of_a_promise_that_is_taken_once_waits_for_the_last_parcel_again() {
    let stall = Stall::open(5).await;
    let (id, order, _) = buy(&stall, 2, "tok_one_capture").await;
    assert_eq!(ship(&stall, order, 1).await.status, 201);
    stall.weather("capture_refused=1000");
    stall.age(6 * DAY + 60).await;
    until_tried(&stall, id, 2, AttemptState::Authorized).await;
    stall.weather("");
    until_nothing_is_owed(&stall, order).await;
    assert_eq!(
        stall.at_the_processor(order),
        (0, 0),
        "the new promise, too, can be taken once"
    );
    assert_eq!(ship(&stall, order, 1).await.status, 201);
    stall
        .order_becomes(order, "paid", |seen| seen["captured"]["amount"] == 6490)
        .await;
    assert_eq!(stall.at_the_processor(order), (6490, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn p9_i13_a_lost_payment_blocks_the_parcel_until_the_buyer_has_paid_again() {
    let stall = Stall::open(5).await;
    let (_, order, _) = buy(&stall, 1, "tok_once").await;
    stall.age(7 * DAY + 60).await;
    stall
        .order_becomes(order, "lost", |seen| seen["state"] == "payment_lost")
        .await;
    assert_eq!(stall.order(order).await["payment"], "lost");
    let refused = stall.ship(order).await;
    assert_eq!(refused.refusal(), (409, "payment_lost".into()), "{}", refused.text());
    assert_eq!(
        stall.order(order).await["lines"][0]["shipped"],
        0,
        "nothing is marked as shipped"
    );
    let asked = letter(&stall, "Please pay your order").await;
    assert!(
        asked.contains("stays yours for 72 hours") && asked.contains("€34.90"),
        "{asked}"
    );
    let today = stall.studio("").await;
    assert!(
        today.contains("is lost") && today.contains("asked to pay again"),
        "it is somebody's task"
    );
    assert!(
        stall
            .studio(&format!("/orders/{order}"))
            .await
            .contains("nothing may leave before they have")
    );

    // Without scripts: a form, a no, and a bank that asks back.
    let browser = stall.world.browser();
    let (page, pay) = (order_page(&stall, order, ""), order_page(&stall, order, "/payment"));
    let shown = browser.get(&page).await.text();
    assert!(
        shown.contains("Pay €34.90 again") && shown.contains("value=\"card:tok_visa\""),
        "{shown}"
    );
    let stranger = pay.replace("?t=", "?t=x");
    assert_eq!(
        browser.form(&stranger, &[("payment", "card:tok_visa")]).await.status,
        404
    );
    let declined = browser.form(&pay, &[("payment", "card:tok_declined")]).await;
    assert_eq!(declined.status, 303, "{}", declined.text());
    let shown = browser.get(&page).await.text();
    assert!(
        shown.contains("Your bank declined the payment") && shown.contains("Pay €34.90 again"),
        "{shown}"
    );
    let at_the_bank = browser.form(&pay, &[("payment", "card:tok_3ds")]).await;
    let bank = at_the_bank.header("location").unwrap().to_owned();
    let (_, bank) = bank.split_once("/sandbox/").unwrap_or_else(|| panic!("{bank}"));
    assert!(
        browser.get(&page).await.text().contains("Confirm at your bank"),
        "a buyer who comes back finds the way"
    );
    let again = browser.form(&pay, &[("payment", "card:tok_visa")]).await;
    assert_eq!(again.status, 303, "while one try is open no other starts");
    let approved = browser
        .form(&format!("/sandbox/{bank}"), &[("answer", "approve")])
        .await;
    assert_eq!(approved.status, 303, "{}", approved.text());
    stall
        .order_becomes(order, "paid again", |seen| seen["payment"] == "authorized")
        .await;
    assert!(
        !browser.get(&page).await.text().contains("again"),
        "nothing is asked any more"
    );
    assert_eq!((stall.ship(order).await.status, stall.charged()), (201, 1));
    assert_eq!(stall.at_the_processor(order), (3490, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn p9_a_lost_payment_is_paid_again_by_the_player_too() {
    let stall = Stall::open(5).await;
    let (id, order, bought) = buy(&stall, 1, "tok_once").await;
    let secret = bought.value()["client_secret"].as_str().unwrap().to_owned();
    let player = stall.player.clone().with("hawker-checkout-secret", &secret);
    let pay = async |token: &str| {
        let body = json!({ "method": "card", "token": token });
        player.post(&format!("/v1/checkouts/{id}/payment"), &body).await
    };
    assert_eq!(
        pay("tok_visa").await.status,
        200,
        "it is an order, and nothing is to be paid"
    );
    assert_eq!(stall.charged(), 1);
    stall.age(7 * DAY + 60).await;
    stall
        .order_becomes(order, "lost", |seen| seen["state"] == "payment_lost")
        .await;
    assert_eq!(pay("tok_stolen").await.refusal(), (402, "declined".into()));
    assert_eq!(
        pay("tok_stolen").await.refusal(),
        (402, "declined".into()),
        "the same no, and nobody is asked"
    );
    let paid = pay("tok_visa").await;
    assert_eq!(
        (paid.status, &paid.value()["order"]["id"]),
        (200, &json!(order)),
        "{}",
        paid.text()
    );
    assert_eq!(
        (&stall.order(order).await["state"], stall.charged()),
        (&json!("confirmed"), 1)
    );
    stall.invariants().await;
}

#[tokio::test]
async fn p9_an_order_that_is_not_paid_again_in_72_hours_is_canceled_and_its_units_are_for_sale() {
    let stall = Stall::open(5).await;
    let (_, whole, _) = buy(&stall, 1, "tok_once").await;
    stall.age(7 * DAY + 60).await;
    stall
        .order_becomes(whole, "lost", |seen| seen["state"] == "payment_lost")
        .await;
    assert_eq!(stall.left().await.0, 4, "kept for the buyer");
    stall.age(3 * DAY + 60).await;
    stall
        .order_becomes(whole, "canceled", |seen| seen["state"] == "canceled")
        .await;
    assert_eq!((stall.left().await.0, stall.charged()), (5, 0));
    letter(&stall, "was canceled").await;
    stall.invariants().await;
}

#[tokio::test]
async fn p9_of_an_order_that_left_in_part_only_the_rest_is_given_up() {
    let stall = Stall::open(5).await;
    let (_, order, _) = buy(&stall, 3, "tok_once").await;
    assert_eq!(ship(&stall, order, 1).await.status, 201);
    stall.age(7 * DAY + 60).await;
    stall
        .order_becomes(order, "lost", |seen| seen["state"] == "payment_lost")
        .await;
    assert_eq!(ship(&stall, order, 1).await.refusal(), (409, "payment_lost".into()));
    stall.age(3 * DAY + 60).await;
    let seen = stall
        .order_becomes(order, "given up", |seen| seen["state"] == "fulfilled")
        .await;
    let line = &seen["lines"][0];
    assert_eq!((&line["shipped"], &line["canceled"]), (&json!(1), &json!(2)), "{seen}");
    assert_eq!(
        (&seen["payment"], &seen["captured"]["amount"]),
        (&json!("captured"), &json!(3490)),
        "{seen}"
    );
    assert_eq!((stall.left().await.0, stall.at_the_processor(order)), (4, (3490, 0)));
    let told = letter(&stall, "The rest of your order").await;
    assert!(told.contains("€60.00"), "{told}");
    stall.invariants().await;
}

/// A lost order whose buyer pays again, and the bank names another amount.
async fn contradicted_again(stall: &Stall) -> OrderId {
    let (_, order, _) = buy(stall, 1, "tok_once").await;
    stall.age(7 * DAY + 60).await;
    stall
        .order_becomes(order, "lost", |seen| seen["state"] == "payment_lost")
        .await;
    stall.weather("wrong_amount=1000");
    let pay = order_page(stall, order, "/payment");
    let paid = stall.world.browser().form(&pay, &[("payment", "card:tok_visa")]).await;
    assert_eq!(paid.status, 303, "{}", paid.text());
    stall.weather("");
    let seen = stall.payment(payment_of(order)).await;
    assert_eq!(seen["state"], "conflicted", "{seen}");
    order
}

#[tokio::test]
async fn p12_a_buyer_who_paid_again_is_not_asked_once_more_when_the_books_agree() {
    let stall = Stall::open(5).await;
    let order = contradicted_again(&stall).await;
    let refused = stall.decide(payment_of(order), "give_back").await;
    assert_eq!(refused.refusal(), (409, "not_proven".into()), "{}", refused.text());
    let decided = stall.decide(payment_of(order), "agrees").await;
    assert_eq!(
        (decided.status, decided.value()["state"].as_str()),
        (200, Some("requires_capture")),
        "{}",
        decided.text()
    );
    assert!(!stall.studio("").await.contains("is lost"), "nobody is asked any more");
    // As every promise it is renewed, and not forgotten as one that was lost.
    stall.age(6 * DAY + 60).await;
    stall
        .payment_becomes(payment_of(order), "renewed", |seen| {
            seen["attempts"][2]["state"] == "authorized"
        })
        .await;
    assert_eq!(stall.ship(order).await.status, 201);
    assert_eq!(stall.at_the_processor(order), (3490, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn p12_a_second_promise_in_conflict_is_let_go_and_the_buyer_is_still_asked_to_pay() {
    let stall = Stall::open(5).await;
    let order = contradicted_again(&stall).await;
    let decided = stall.decide(payment_of(order), "let_go").await;
    assert_eq!(
        (decided.status, decided.value()["state"].as_str()),
        (200, Some("expired")),
        "{}",
        decided.text()
    );
    assert!(
        stall.studio("").await.contains("is lost"),
        "it is still somebody's task"
    );
    stall
        .payment_becomes(payment_of(order), "let go", |seen| {
            seen["attempts"][1]["state"] == "voided"
        })
        .await;
    let pay = order_page(&stall, order, "/payment");
    let paid = stall.world.browser().form(&pay, &[("payment", "card:tok_visa")]).await;
    assert_eq!(paid.status, 303, "{}", paid.text());
    assert_eq!(
        (&stall.order(order).await["state"], stall.charged()),
        (&json!("confirmed"), 1)
    );
    stall.invariants().await;
}
