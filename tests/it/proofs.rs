//! Failures of payments that no other story tells (docs/payments-proof.md says which test is whose). Every story ends with the invariants.

use crate::bank::{DAY, eventually, payment_of, state};
use crate::buying::Stall;
use hawker::db::LaneKey;
use hawker::kernel;
use hawker::payments::{self, Operation};
use serde_json::json;

#[tokio::test]
async fn p8_money_that_lands_on_a_canceled_checkout_is_let_go_and_nobody_has_to_ask() {
    let stall = Stall::open(1).await;
    let id = stall.checkout();
    let asked = stall.tap(id, "tok_3ds").await;
    assert_eq!(asked.value()["state"], "requires_escalation", "{}", asked.text());
    let url = asked.value()["next_action"]["url"].as_str().unwrap().to_owned();
    let payment = url.rsplit('/').next().unwrap().to_owned();
    let secret = asked.value()["client_secret"].as_str().unwrap().to_owned();
    let buyer = stall.player.clone().with("hawker-checkout-secret", &secret);
    // They cancel with us, and the bank never hears of it; then they confirm there, and never come back.
    stall.weather("lost=1000");
    let canceled = buyer.delete(&format!("/v1/checkouts/{id}")).await;
    assert_eq!(state(&canceled), (200, "canceled".into()), "{}", canceled.text());
    stall.sandbox().answer_challenge(&payment, true).unwrap();
    assert_eq!(stall.charged(), 1, "the bank holds the money");
    let seen = stall.payment(id.intent()).await;
    assert_eq!(
        seen["attempts"][0]["state"], "voiding",
        "an obligation that is on the page: {seen}"
    );
    stall.weather("");
    // At most ten minutes later.
    stall.age(600).await;
    eventually(async || (stall.charged() == 0).then_some(())).await;
    stall
        .payment_becomes(id.intent(), "let go", |seen| seen["attempts"][0]["state"] == "voided")
        .await;
    assert_eq!(stall.left().await, (1, 0));
    stall.invariants().await;
}

#[tokio::test]
async fn p16_a_refund_that_fails_days_later_is_reversed_told_and_can_be_given_again() {
    let stall = Stall::open(1).await;
    let order = stall.buy().await;
    assert_eq!(stall.ship(order).await.status, 201);
    let back = json!({ "amount": 1000, "reason": "goodwill" });
    let path = format!("/v1/orders/{order}/refunds");
    let given = stall.staff.post(&path, &back).await;
    assert_eq!(given.status, 201, "{}", given.text());
    let id = payment_of(order);
    stall
        .payment_becomes(id, "given back", |seen| seen["refunded"]["amount"] == 1000)
        .await;
    stall.age(4 * DAY).await;
    // The bank sends it back: the processor has the money again, and says so twice.
    let refund = stall.world.app.db.read(move |tx| payments::refunds(tx, id));
    let refund = refund.await.unwrap().remove(0);
    let fail = async || {
        let (id, attempt) = (refund.id, refund.attempt);
        let heard = stall.world.app.db.write(LaneKey::of(attempt), move |tx| {
            let answer = kernel::Answer::Undone {
                detail: "expired_or_canceled_card".into(),
            };
            payments::record(tx, attempt, Operation::Refund(id), &answer)
        });
        heard.await.unwrap().changed
    };
    assert!(fail().await);
    assert!(!fail().await, "told again it is nothing new");
    let bounced = refund_at_the_bank(&stall);
    stall.sandbox().books().bounce(&bounced);
    let seen = stall.payment(id).await;
    assert_eq!(
        (
            &seen["state"],
            &seen["refunded"]["amount"],
            &seen["refunds"][0]["state"]
        ),
        (&json!("succeeded"), &json!(0), &json!("failed")),
        "{seen}"
    );
    stall.invariants().await;
    let letter = loop {
        let letter = stall.world.mailbox.letter_to("buyer@example.com").await;
        if letter.subject.contains("did not arrive") {
            break letter;
        }
    };
    assert!(letter.text.contains("€10.00"), "{}", letter.text);
    let today = stall.studio("").await;
    assert!(
        today.contains("did not arrive") && today.contains("Give it back again"),
        "{today}"
    );
    let again = stall.staff.post(&path, &json!({ "reason": "returned" })).await;
    assert_eq!(
        (again.status, &again.value()["amount"]["amount"]),
        (201, &json!(3490)),
        "all of it may go back: {}",
        again.text()
    );
    stall
        .payment_becomes(id, "given back", |seen| seen["refunded"]["amount"] == 3490)
        .await;
    assert!(!stall.studio("").await.contains("did not arrive"));
    stall.invariants().await;
}

/// The newest refund in the bank's own books.
fn refund_at_the_bank(stall: &Stall) -> String {
    let sandbox = stall.sandbox();
    let books = sandbox.books();
    books.refunds().next().unwrap().id.clone()
}

#[tokio::test]
async fn x1_whoever_tries_many_cards_in_a_shop_is_stopped_and_learns_nothing() {
    let stall = Stall::open_with(60, |config| config.rate_limits = true).await;
    let mut tried = 0;
    let refused = loop {
        let token = if tried % 2 == 0 { "tok_stolen" } else { "tok_unheard_of" };
        let tapped = stall.tap(stall.checkout(), token).await;
        if tapped.status == 429 {
            break tapped;
        }
        let said = tapped.text();
        assert_eq!(tapped.refusal(), (402, "declined".into()), "{said}");
        assert!(!said.contains("stolen") && !said.contains("lost_card"), "{said}");
        tried += 1;
        assert!(tried < 40, "nobody stops it");
    };
    assert_eq!(refused.refusal(), (429, "too_many_requests".into()));
    let policy = refused.header("ratelimit-policy").unwrap();
    assert!(policy.starts_with("\"suspect-checkout\""), "{policy}");
    assert!(tried <= 24, "{tried} cards");
    let booked = stall.sandbox().books().payments().count();
    assert!(booked <= tried, "no card is tried beyond it: {booked} of {tried}");
    stall.invariants().await;
}
