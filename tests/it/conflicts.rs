//! Payments without a clear answer, as the people of a shop meet them: what they see, what they can ask, and what they may decide. Every story
//! ends with the invariants.

use crate::bank::payment_of;
use crate::buying::{Stall, tap_body};
use crate::harness::Answer;
use hawker::checkout;
use hawker::db::LaneKey;
use hawker::kernel::{self, CheckoutId, Clock};
use hawker::payments::{self, Operation};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// A tap whose answer contradicts us: the bank promised 34.90 and says 34.91.
async fn contradicted(stall: &Stall) -> (CheckoutId, Answer) {
    stall.weather("wrong_amount=1000");
    let id = stall.checkout();
    let tapped = stall.tap(id, "tok_visa").await;
    stall.weather("");
    assert_eq!(tapped.value()["state"], "complete_in_progress", "{}", tapped.text());
    (id, tapped)
}

async fn order_of(stall: &Stall, id: CheckoutId) -> Option<kernel::OrderId> {
    let shop = stall.shop.id;
    let found = stall
        .world
        .app
        .db
        .read(move |tx| checkout::order_of_checkout(tx, shop, id));
    found.await.unwrap().map(|order| order.id)
}

/// What the bank took and gave back of its newest payment.
fn at_the_bank(stall: &Stall) -> (i64, i64) {
    let sandbox = stall.sandbox();
    let books = sandbox.books();
    let newest = books.payments().next().unwrap();
    (newest.captured, newest.refunded)
}

fn newest_at_the_bank(stall: &Stall) -> String {
    stall.sandbox().books().payments().next().unwrap().id.clone()
}

/// The bank takes what it only promised, whoever told it to.
fn take_at_the_bank(stall: &Stall, wire: Option<i64>) {
    let (now, id) = (stall.world.clock.wall(), newest_at_the_bank(stall));
    let taken = stall.sandbox().books().capture(&id, wire, true, &BTreeMap::new(), now);
    assert!(taken.is_ok(), "{taken:?}");
}

#[tokio::test]
async fn p12_a_contradiction_is_a_task_and_goes_on_when_the_books_prove_that_they_agree() {
    let stall = Stall::open(2).await;
    let (id, _) = contradicted(&stall).await;
    let desk = format!("/studio/{}", stall.shop.slug);
    let path = format!("{desk}/payments/{}", id.intent());

    let today = stall.staff.get(&desk).await.text();
    assert!(
        today.contains("The payment of €34.90 without an order needs a person") && today.contains(&path),
        "{today}"
    );
    let shown = stall.staff.get(&path).await.text();
    for words in [
        "Frozen: the processor's books and ours differ.",
        "Our books",
        "It was not asked since.",
        "What was not lost",
        "sandbox contradicts us about 34.90 EUR",
        "Let the promise go",
    ] {
        let escaped = words.replace('\'', "&#39;");
        assert!(
            shown.contains(words) || shown.contains(&escaped),
            "{words} is not in\n{shown}"
        );
    }

    // Asked again it says the truth; that alone changes nothing.
    let asked = stall.staff.form(&format!("{path}/looks"), &[]).await;
    assert_eq!(asked.status, 303, "{}", asked.text());
    let shown = stall.staff.get(&path).await.text();
    assert!(shown.contains("for try 1 it promises 34.90 EUR."), "{shown}");
    assert_eq!(stall.payment(id.intent()).await["state"], "conflicted");

    let seen = stall.version(id.intent()).await.to_string();
    let send = async |decision: &str, reason: &str| {
        let fields = [("version", seen.as_str()), ("decision", decision), ("reason", reason)];
        stall.staff.form(&format!("{path}/decisions"), &fields).await
    };
    let refused = send("agrees", "").await.text();
    assert!(refused.contains("Say why, in 3 to 1000 characters."), "{refused}");
    let refused = send("", "It was looked at").await.text();
    assert!(
        refused.contains("Choose what to do.") && refused.contains("It was looked at"),
        "{refused}"
    );
    // Money that was not taken cannot go back.
    let refused = send("give_back", "It was looked at").await.text();
    assert!(
        refused.contains("Only money that was taken can be given back, and sandbox promises 34.90 EUR."),
        "{refused}"
    );
    assert_eq!(order_of(&stall, id).await, None);

    let decided = send("agrees", "It was looked at").await;
    assert_eq!(decided.status, 303, "{}", decided.text());
    let order = order_of(&stall, id)
        .await
        .expect("the money is promised, so the order is born");
    let shown = stall.staff.get(&path).await.text();
    for words in [
        "is promised until",
        "Owner of Kiln",
        "decided that the books agree again.",
        "It was looked at",
    ] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    assert!(!stall.staff.get(&desk).await.text().contains("needs a person"));
    let again = send("agrees", "It was looked at").await.text();
    assert!(again.contains("in no conflict any more"), "{again}");
    assert_eq!(stall.ship(order).await.status, 201);
    assert_eq!(stall.order(order).await["payment"], "captured");
    assert_eq!((stall.charged(), at_the_bank(&stall)), (1, (3490, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn p12_a_promise_in_conflict_is_let_go_and_the_buyer_pays_in_another_way() {
    let stall = Stall::open(1).await;
    let (id, tapped) = contradicted(&stall).await;
    let intent = id.intent();
    assert_eq!(
        stall.payment(intent).await["decisions"],
        json!(["agrees", "let_go", "give_back"])
    );
    let seen = stall.version(intent).await;
    assert_eq!(
        stall.decide_at(intent, seen - 1, "let_go").await.refusal(),
        (412, "stale".into())
    );
    let without = stall
        .owner()
        .with("if-match", &format!("\"{seen}\""))
        .post(
            &format!("/v1/payments/{intent}/decisions"),
            &json!({ "decision": "let_go", "reason": " " }),
        )
        .await;
    assert_eq!(without.refusal(), (422, "invalid_field".into()));
    let decided = stall.decide_at(intent, seen, "let_go").await;
    assert_eq!(
        (decided.status, decided.value()["state"].as_str()),
        (200, Some("requires_method")),
        "{}",
        decided.text()
    );
    let twice = stall.decide_at(intent, seen, "let_go").await;
    assert_eq!(twice.refusal(), (409, "not_conflicted".into()));
    let secret = tapped.value()["client_secret"].as_str().unwrap().to_owned();
    let paid = stall
        .player
        .clone()
        .with("hawker-checkout-secret", &secret)
        .post(
            &format!("/v1/checkouts/{id}/payment"),
            &json!({ "method": "card", "token": "tok_visa" }),
        )
        .await;
    assert_eq!(paid.value()["state"], "completed", "{}", paid.text());
    let seen = stall
        .payment_becomes(intent, "let go", |seen| seen["attempts"][0]["state"] == "voided")
        .await;
    assert_eq!(seen["attempts"][1]["state"], "authorized", "{seen}");
    assert_eq!((stall.charged(), stall.left().await), (1, (0, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn p12_a_capture_in_conflict_is_booked_once_its_books_agree() {
    let stall = Stall::open(1).await;
    let order = stall.buy().await;
    stall.weather("wrong_amount=1000");
    assert_eq!(stall.ship(order).await.status, 201);
    stall.weather("");
    let id = payment_of(order);
    let seen = stall.payment(id).await;
    assert_eq!(
        (&seen["state"], &seen["captures"][0]["state"], &seen["decisions"]),
        (&json!("conflicted"), &json!("conflicted"), &json!(["agrees"])),
        "money may have been taken: it cannot be let go"
    );
    let page = stall
        .staff
        .get(&format!("/studio/{}/orders/{order}", stall.shop.slug))
        .await
        .text();
    assert!(page.contains("See both sides and decide"), "{page}");
    let refused = stall.decide(id, "give_back").await;
    assert_eq!(refused.refusal(), (409, "not_proven".into()), "{}", refused.text());
    assert_eq!(stall.payment(id).await["captured"]["amount"], 0);
    let decided = stall.decide(id, "agrees").await;
    assert_eq!(
        (decided.status, decided.value()["state"].as_str()),
        (200, Some("succeeded")),
        "{}",
        decided.text()
    );
    assert_eq!(decided.value()["captured"]["amount"], 3490);
    assert_eq!(stall.order(order).await["payment"], "captured");
    stall.invariants().await;
}

#[tokio::test]
async fn p12_a_refund_in_conflict_is_booked_once_its_books_agree() {
    let stall = Stall::open(1).await;
    let order = stall.buy().await;
    assert_eq!(stall.ship(order).await.status, 201);
    stall.weather("wrong_amount=1000");
    let back = json!({ "amount": 1000, "reason": "goodwill" });
    assert_eq!(
        stall
            .staff
            .post(&format!("/v1/orders/{order}/refunds"), &back)
            .await
            .status,
        201
    );
    stall.weather("");
    let id = payment_of(order);
    let seen = stall.payment(id).await;
    assert_eq!(
        (&seen["state"], &seen["refunds"][0]["state"]),
        (&json!("conflicted"), &json!("conflicted"))
    );
    let decided = stall.decide(id, "agrees").await;
    assert_eq!(
        (
            decided.status,
            decided.value()["state"].as_str(),
            &decided.value()["refunded"]["amount"]
        ),
        (200, Some("succeeded"), &json!(1000)),
        "{}",
        decided.text()
    );
    assert_eq!(at_the_bank(&stall), (3490, 1000));
    let page = stall
        .staff
        .get(&format!("/studio/{}/orders/{order}", stall.shop.slug))
        .await
        .text();
    assert!(page.contains("€34.90 is taken. €10.00 of it went back."), "{page}");
    stall.invariants().await;
}

#[tokio::test]
async fn p11_money_that_was_taken_without_our_wish_goes_back_whole_and_no_order_is_born_of_it() {
    let stall = Stall::open(1).await;
    let (id, _) = contradicted(&stall).await;
    take_at_the_bank(&stall, None);
    let intent = id.intent();
    for decision in ["agrees", "let_go"] {
        let refused = stall.decide(intent, decision).await;
        assert_eq!(
            refused.refusal(),
            (409, "not_proven".into()),
            "{decision}: {}",
            refused.text()
        );
        assert!(refused.text().contains("sandbox took 34.90 EUR"), "{}", refused.text());
    }
    let decided = stall.decide(intent, "give_back").await;
    assert_eq!(
        (decided.status, decided.value()["state"].as_str()),
        (200, Some("canceled")),
        "{}",
        decided.text()
    );
    let seen = stall
        .payment_becomes(intent, "given back", |seen| seen["refunded"]["amount"] == 3490)
        .await;
    assert_eq!(
        (&seen["captured"]["amount"], &seen["state"]),
        (&json!(3490), &json!("canceled"))
    );
    assert_eq!(at_the_bank(&stall), (3490, 3490));
    let page = stall
        .staff
        .get(&format!("/studio/{}/payments/{intent}", stall.shop.slug))
        .await
        .text();
    assert!(
        page.contains("€34.90 was taken without our wish. All of it went back."),
        "{page}"
    );
    // Its time is up; the unit is for sale again.
    stall.world.clock.advance(40 * 60);
    for _ in 0..500 {
        if stall.left().await == (1, 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((stall.left().await, order_of(&stall, id).await), ((1, 0), None));
    stall.invariants().await;
}

#[tokio::test]
async fn p11_a_part_that_was_taken_has_no_way_out_until_the_processors_own_books_hold_nothing_of_it() {
    let stall = Stall::open(1).await;
    let (id, _) = contradicted(&stall).await;
    take_at_the_bank(&stall, Some(1000));
    let intent = id.intent();
    for decision in ["agrees", "let_go", "give_back"] {
        let refused = stall.decide(intent, decision).await;
        assert_eq!(
            refused.refusal(),
            (409, "not_proven".into()),
            "{decision}: {}",
            refused.text()
        );
    }
    assert_eq!(stall.payment(intent).await["state"], "conflicted");
    // Somebody gives it back on the processor's own pages.
    let (now, name) = (stall.world.clock.wall(), newest_at_the_bank(&stall));
    let back = stall.sandbox().books().refund(&name, None, BTreeMap::new(), now);
    assert!(back.is_ok(), "{back:?}");
    let decided = stall.decide(intent, "agrees").await;
    assert_eq!(
        (decided.status, decided.value()["state"].as_str()),
        (200, Some("requires_method")),
        "{}",
        decided.text()
    );
    stall.invariants().await;
}

#[tokio::test]
async fn p2_an_unknown_is_asked_about_the_moment_a_person_wants_to_know() {
    let stall = Stall::open(1).await;
    stall.weather("timeout_then_ok=1000");
    let id = stall.checkout();
    let tapped = stall.tap(id, "tok_visa").await;
    assert_eq!(tapped.value()["state"], "complete_in_progress", "{}", tapped.text());
    let path = format!("/studio/{}/payments/{}", stall.shop.slug, id.intent());
    let shown = stall.staff.get(&path).await.text();
    for words in [
        "Nobody knows yet whether €34.90 is promised.",
        "Looked at again",
        "Ask the processor now",
    ] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    // The processor still does not answer: that it was asked stands in the history, and nothing else changes.
    stall.weather("lost=1000");
    assert_eq!(stall.staff.form(&format!("{path}/looks"), &[]).await.status, 303);
    let shown = stall.staff.get(&path).await.text();
    assert!(
        shown.contains("Asked sandbox about 34.90 EUR again (1): it gave no clear answer (timed out)."),
        "{shown}"
    );
    stall.weather("");
    assert_eq!(stall.staff.form(&format!("{path}/looks"), &[]).await.status, 303);
    let born = stall
        .payment_becomes(id.intent(), "promised", |seen| seen["state"] == "requires_capture")
        .await;
    assert_eq!(born["attempts"][0]["state"], "authorized");
    assert!(order_of(&stall, id).await.is_some());
    assert_eq!((stall.charged(), stall.left().await), (1, (0, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn a_payment_without_an_answer_for_a_while_is_a_task_and_says_when_it_is_looked_at_next() {
    let stall = Stall::open(1).await;
    stall.weather("lost=1000");
    let id = stall.checkout();
    stall.tap(id, "tok_visa").await;
    let desk = format!("/studio/{}", stall.shop.slug);
    assert!(
        !stall.staff.get(&desk).await.text().contains("has no clear answer yet"),
        "not after a minute"
    );
    for tries in 1..=4 {
        stall
            .staff
            .form(&format!("{desk}/payments/{}/looks", id.intent()), &[])
            .await;
        stall
            .payment_becomes(id.intent(), "looked at", |seen| {
                seen["waits"][0]["looks"].as_i64().is_some_and(|looks| looks >= tries)
            })
            .await;
    }
    let today = stall.staff.get(&desk).await.text();
    assert!(
        today.contains("The payment of €34.90 without an order has no clear answer yet")
            && today.contains("Hawker asks again in"),
        "{today}"
    );
    stall.weather("");
    stall.invariants().await;
}

#[tokio::test]
async fn an_orders_page_tells_the_payment_from_the_promise_to_the_money_back() {
    let stall = Stall::open(1).await;
    let order = stall.buy().await;
    let path = format!("/studio/{}/orders/{order}", stall.shop.slug);
    let contains = async |all: &[&str]| {
        let shown = stall.staff.get(&path).await.text();
        for words in all {
            assert!(shown.contains(words), "{words} is not in\n{shown}");
        }
    };
    contains(&[
        "€34.90 is promised until",
        "it is taken when the parcel leaves.",
        "Try 1: asked to promise",
        "we look whether it still does",
        "Looked at again",
        "Asked sandbox for 34.90 EUR (try 1).",
    ])
    .await;
    assert_eq!(stall.ship(order).await.status, 201);
    contains(&[
        "€34.90 is taken.",
        "Asked sandbox to take 34.90 EUR.",
        "sandbox took 34.90 EUR.",
    ])
    .await;
    let back = json!({ "reason": "returned" });
    let given = stall.staff.post(&format!("/v1/orders/{order}/refunds"), &back).await;
    assert_eq!(given.status, 201, "{}", given.text());
    contains(&[
        "€34.90 is taken. All of it went back.",
        "Asked sandbox to give back 34.90 EUR.",
        "sandbox gave back 34.90 EUR.",
    ])
    .await;
    stall.invariants().await;
}

#[tokio::test]
async fn p12_a_promise_that_stands_goes_on_once_the_books_agree_about_it() {
    let stall = Stall::open(1).await;
    let order = stall.buy().await;
    let id = payment_of(order);
    // Looked at, the bank names another amount for once.
    let attempt = stall.world.app.db.read(move |tx| payments::latest_attempt(tx, id));
    let attempt = attempt.await.unwrap().unwrap();
    let wrong = kernel::Answer::Authorized {
        payment: attempt.payment.clone(),
        reference: attempt.reference(),
        amount: kernel::Money::new(attempt.amount.minor + 1, attempt.amount.currency),
        capture_before: None,
        once: false,
        card: None,
    };
    let heard = stall.world.app.db.write(LaneKey::of(id), move |tx| {
        payments::record(tx, attempt.id, Operation::Authorize, &wrong)
    });
    heard.await.unwrap();
    assert_eq!(stall.payment(id).await["state"], "conflicted");
    assert_eq!(
        stall.decide(id, "give_back").await.refusal(),
        (409, "not_proven".into())
    );
    let decided = stall.decide(id, "agrees").await;
    assert_eq!(
        (decided.status, decided.value()["state"].as_str()),
        (200, Some("requires_capture")),
        "{}",
        decided.text()
    );
    assert_eq!(stall.ship(order).await.status, 201);
    assert_eq!((stall.charged(), stall.at_the_processor(order)), (1, (3490, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn i16_a_conflict_that_ends_as_a_promise_that_is_over_is_looked_at_and_the_rest_is_promised_anew() {
    let stall = Stall::open(2).await;
    let (checkout, quote) = (stall.checkout(), stall.quote(2).await);
    let bought = stall
        .player
        .put(&format!("/v1/checkouts/{checkout}"), &tap_body(&quote, "tok_visa"))
        .await;
    assert_eq!(bought.status, 201, "{}", bought.text());
    let (order, id) = (checkout.order(), checkout.intent());
    stall.work_is_open(order).await;
    let parcel = json!({ "carrier": "DHL", "tracking": "JD01", "lines": [{ "line": 0, "quantity": 1 }] });
    let shipped = stall
        .staff
        .post(&format!("/v1/orders/{order}/shipments"), &parcel)
        .await;
    assert_eq!(shipped.status, 201, "{}", shipped.text());
    // The bank says that what it took was not taken after all, and lets the rest go.
    let undone = stall.world.app.db.write(LaneKey::of(id), move |tx| {
        let capture = payments::captures(tx, id)?.remove(0);
        let answer = kernel::Answer::Undone {
            detail: "returned".into(),
        };
        payments::record(tx, capture.attempt, Operation::Capture(capture.id), &answer)
    });
    undone.await.unwrap();
    assert_eq!(stall.payment(id).await["state"], "conflicted");
    let (now, name) = (stall.world.clock.wall(), newest_at_the_bank(&stall));
    assert!(stall.sandbox().books().cancel(&name, now).is_ok());
    let decided = stall.decide(id, "agrees").await;
    assert_eq!(
        (decided.status, decided.value()["state"].as_str()),
        (200, Some("expired")),
        "what left is taken, the rest is not promised any more: {}",
        decided.text()
    );
    // Nobody has to ask: it is looked at by itself.
    let seen = stall
        .payment_becomes(id, "promised anew", |seen| seen["state"] == "partially_captured")
        .await;
    assert_eq!(
        (&seen["attempts"][0]["state"], &seen["attempts"][1]["state"]),
        (&json!("captured"), &json!("authorized")),
        "{seen}"
    );
    let shipped = stall
        .staff
        .post(&format!("/v1/orders/{order}/shipments"), &parcel)
        .await;
    assert_eq!(shipped.status, 201, "{}", shipped.text());
    stall
        .order_becomes(order, "paid", |seen| seen["payment"] == "captured")
        .await;
    assert_eq!(stall.at_the_processor(order), (6490, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn p15_money_without_an_order_that_a_bank_refuses_to_give_back_is_a_task_and_is_asked_for_again() {
    let stall = Stall::open(1).await;
    let (id, _) = contradicted(&stall).await;
    let intent = id.intent();
    take_at_the_bank(&stall, None);
    stall.weather("refund_refused=1000");
    assert_eq!(stall.decide(intent, "give_back").await.status, 200);
    stall
        .payment_becomes(intent, "refused", |seen| seen["refunds"][0]["state"] == "failed")
        .await;
    let today = stall.studio("").await;
    assert!(
        today.contains("€34.90 did not go back to a buyer") && today.contains(&format!("/payments/{intent}")),
        "{today}"
    );
    assert_eq!(stall.payment(intent).await["decisions"], json!(["give_back"]));
    let page = stall.studio(&format!("/payments/{intent}")).await;
    assert!(page.contains("Give it back once more"), "{page}");
    assert_eq!(
        stall.decide(intent, "let_go").await.refusal(),
        (409, "not_conflicted".into())
    );
    let seen = stall.version(intent).await;
    assert_eq!(
        stall.decide_at(intent, seen - 1, "give_back").await.refusal(),
        (412, "stale".into())
    );
    stall.weather("");
    assert_eq!(stall.decide_at(intent, seen, "give_back").await.status, 200);
    let twice = stall.decide_at(intent, seen, "give_back").await;
    assert_eq!(twice.status / 100, 4, "{}", twice.text());
    stall
        .payment_becomes(intent, "given back", |seen| seen["refunded"]["amount"] == 3490)
        .await;
    assert_eq!(at_the_bank(&stall), (3490, 3490));
    assert!(!stall.studio("").await.contains("did not go back"));
    stall.invariants().await;
}
