//! Changes after the sale: units canceled before they leave, goods sent back, and differences given back to all earlier buyers (docs/changes.md).
//! Every story ends with the invariants.

use crate::bank::{DAY, eventually, payment_of};
use crate::buying::{Stall, tap_body};
use crate::harness::Answer;
use hawker::checkout;
use hawker::db::LaneKey;
use hawker::kernel::{AdjustmentId, Id, OrderId};
use hawker::ledger::AccountKind;
use hawker::payments::read_reference;
use hawker::payments::sandbox::NewDispute;
use hawker::{price_matches, returns};
use serde_json::{Value, json};

/// A mug.
const MUG: i64 = 3000;
const PARCEL: i64 = 490;

impl Stall {
    async fn buy_many(&self, units: u32) -> OrderId {
        self.buy_with(units, Value::Null).await
    }

    async fn buy_with(&self, units: u32, gift_card: Value) -> OrderId {
        let mut body = tap_body(&self.quote(units).await, "tok_visa");
        if !gift_card.is_null() {
            body["gift_card"] = gift_card;
        }
        let id = self.checkout();
        let bought = self.player.put(&format!("/v1/checkouts/{id}"), &body).await;
        assert_eq!(bought.value()["state"], "completed", "{}", bought.text());
        let order = bought.value()["order"]["id"].as_str().unwrap().parse().unwrap();
        self.work_is_open(order).await;
        order
    }

    async fn cancel_units(&self, order: OrderId, id: &str, units: u32) -> Answer {
        let body = json!({ "id": id, "lines": [{ "line": 0, "quantity": units }], "reason": "story" });
        let path = format!("/v1/orders/{order}/canceled-units");
        self.staff.post(&path, &body).await
    }

    async fn ship_units(&self, order: OrderId, units: u32) -> Answer {
        let body = json!({ "carrier": "DHL", "lines": [{ "line": 0, "quantity": units }] });
        self.staff.post(&format!("/v1/orders/{order}/shipments"), &body).await
    }

    fn fresh<T: Id>(&self) -> T {
        self.world.app.random.id(self.world.app.clock.wall())
    }

    fn adjustment(&self) -> String {
        self.fresh::<AdjustmentId>().to_string()
    }

    async fn check_changes(&self) {
        self.invariants().await;
        let broken = self.world.app.db.read(|tx| {
            let mut broken = returns::check(tx)?;
            broken.extend(price_matches::check(tx)?);
            Ok(broken)
        });
        assert_eq!(broken.await.unwrap(), Vec::<String>::new());
    }

    /// The letter to the buyer whose subject says this.
    pub async fn letter(&self, subject: &str) -> String {
        loop {
            let letter = self.world.mailbox.letter_to("buyer@example.com").await;
            if letter.subject.contains(subject) {
                return letter.text;
            }
        }
    }

    /// Everything of this shop that has left, left so much earlier.
    async fn left_earlier(&self, days: i64) {
        let (shop, by) = (self.shop.id, days * DAY * 1_000_000);
        let aged = self.world.app.db.write(LaneKey(0), move |tx| {
            tx.exec(
                "update shipments set handed_over_at = handed_over_at - $2 where shop_id = $1",
                hawker::args![shop, by],
            )
        });
        aged.await.unwrap();
    }
}

fn money(seen: &Value) -> (i64, i64) {
    let amount = |name: &str| seen[name]["amount"].as_i64().unwrap_or_else(|| panic!("{seen}"));
    (amount("captured"), amount("refunded"))
}

fn states(seen: &Value) -> (&str, &str) {
    (
        seen["state"].as_str().unwrap_or_default(),
        seen["payment"].as_str().unwrap_or_default(),
    )
}

#[tokio::test]
async fn f2_units_are_canceled_before_they_leave_and_only_the_rest_is_charged() {
    let stall = Stall::open(5).await;
    let order = stall.buy_many(3).await;
    assert_eq!(stall.left().await, (2, 0));
    let id = stall.adjustment();
    let canceled = stall.cancel_units(order, &id, 1).await;
    assert_eq!(canceled.status, 201, "{}", canceled.text());
    let seen = canceled.value();
    assert_eq!(
        (states(&seen), &seen["lines"][0]["canceled"]),
        (("confirmed", "authorized"), &json!(1))
    );
    assert_eq!(stall.left().await, (3, 0), "it is for sale again");
    // The same again is the same; more than are open is refused, and so is another use of the id.
    assert_eq!(stall.cancel_units(order, &id, 1).await.status, 200);
    let more = stall.cancel_units(order, &stall.adjustment(), 3).await;
    assert_eq!(more.refusal(), (409, "line_not_open".into()));
    assert_eq!(stall.left().await, (3, 0));
    assert!(stall.letter("A part of your order").await.contains("€30.00"));
    let shipped = stall.ship(order).await;
    assert_eq!(shipped.status, 201, "{}", shipped.text());
    let seen = stall
        .order_becomes(order, "charged", |seen| states(seen) == ("fulfilled", "captured"))
        .await;
    assert_eq!(money(&seen), (2 * MUG + PARCEL, 0));
    assert_eq!(stall.at_the_processor(order), (2 * MUG + PARCEL, 0));
    // All of it can go back, to the cent.
    let back = json!({ "reason": "returned" });
    let back = stall.staff.post(&format!("/v1/orders/{order}/refunds"), &back).await;
    assert_eq!(back.value()["amount"]["amount"], 2 * MUG + PARCEL, "{}", back.text());
    stall
        .order_becomes(order, "refunded", |seen| money(seen).1 == 2 * MUG + PARCEL)
        .await;
    assert_eq!(stall.balance(AccountKind::TaxPayable).await, 0);
    stall.check_changes().await;
}

#[tokio::test]
async fn f2_the_last_open_units_let_the_rest_of_the_promise_go_or_cancel_the_order() {
    let stall = Stall::open(6).await;
    // A parcel has left: the rest is let go, and the order is done.
    let order = stall.buy_many(3).await;
    assert_eq!(stall.ship_units(order, 1).await.status, 201);
    let canceled = stall.cancel_units(order, &stall.adjustment(), 2).await;
    assert_eq!(canceled.status, 201, "{}", canceled.text());
    assert_eq!(states(&canceled.value()), ("fulfilled", "captured"));
    let seen = stall
        .payment_becomes(payment_of(order), "let go", |seen| {
            seen["attempts"][0]["state"] == "voided"
        })
        .await;
    assert_eq!(seen["captured"]["amount"], MUG + PARCEL);
    let work = format!("/v1/orders/{order}/acceptance");
    eventually(async || {
        let closed = stall.staff.post(&work, &json!({})).await;
        (closed.status == 409).then_some(())
    })
    .await;
    // Nothing has left: unit by unit it is canceled as a whole.
    let order = stall.buy_many(2).await;
    assert_eq!(stall.cancel_units(order, &stall.adjustment(), 1).await.status, 201);
    let last = stall.adjustment();
    let canceled = stall.cancel_units(order, &last, 1).await;
    assert_eq!(states(&canceled.value()), ("canceled", "voided"), "{}", canceled.text());
    assert_eq!(stall.cancel_units(order, &last, 1).await.status, 200, "the same again");
    assert_eq!(
        stall.cancel_units(order, &stall.adjustment(), 1).await.refusal(),
        (409, "order_canceled".into())
    );
    assert_eq!(stall.left().await, (5, 0), "one mug was sold");
    stall
        .payment_becomes(payment_of(order), "let go", |seen| {
            seen["attempts"][0]["state"] == "voided"
        })
        .await;
    stall.letter("was canceled").await;
    stall.check_changes().await;
}

#[tokio::test]
async fn f2_p10_where_a_promise_is_taken_once_canceling_the_rest_takes_what_has_left() {
    let stall = crate::promises::takes_once(5).await;
    let order = stall.buy_many(3).await;
    assert_eq!(stall.ship_units(order, 1).await.status, 201);
    assert_eq!(stall.at_the_processor(order), (0, 0), "it waits for the last parcel");
    assert_eq!(stall.cancel_units(order, &stall.adjustment(), 1).await.status, 201);
    assert_eq!(stall.at_the_processor(order), (0, 0), "there is one still");
    assert_eq!(stall.cancel_units(order, &stall.adjustment(), 1).await.status, 201);
    let seen = stall.order_becomes(order, "charged", |seen| money(seen).0 > 0).await;
    assert_eq!(
        (states(&seen), money(&seen)),
        (("fulfilled", "captured"), (MUG + PARCEL, 0))
    );
    assert_eq!(stall.at_the_processor(order), (MUG + PARCEL, 0));
    stall.check_changes().await;
}

#[tokio::test]
async fn f2_x4_a_gift_card_has_its_part_of_canceled_units_back() {
    let stall = Stall::open(5).await;
    let issued = json!({ "amount": { "amount": 2001, "currency": "EUR" }, "reason": "sold" });
    let issued = stall.staff.post("/v1/gift-cards", &issued).await.value();
    let order = stall.buy_with(3, json!({ "code": issued["code"] })).await;
    let card = format!("/v1/gift-cards/{}", issued["gift_card"]["id"].as_str().unwrap());
    let before = stall.staff.get(&card).await.value();
    assert_eq!(
        (&before["balance"]["amount"], &before["held"]["amount"]),
        (&json!(0), &json!(2001))
    );
    for _ in 0..2 {
        let canceled = stall.cancel_units(order, &stall.adjustment(), 1).await;
        assert_eq!(canceled.status, 201, "{}", canceled.text());
        stall.invariants().await;
    }
    assert_eq!(stall.ship(order).await.status, 201);
    let seen = stall
        .order_becomes(order, "charged", |seen| states(seen) == ("fulfilled", "captured"))
        .await;
    // Each purse rounds down for itself: a cent may be the buyer's.
    let charged = money(&seen).0;
    assert!((MUG + PARCEL - 1..=MUG + PARCEL).contains(&charged), "{charged}");
    let after = stall.staff.get(&card).await.value();
    assert_eq!(after["held"]["amount"], 0);
    let (taken, _) = stall.at_the_processor(order);
    let paid = 2001 - after["balance"]["amount"].as_i64().unwrap();
    assert_eq!(taken + paid, charged);
    stall.check_changes().await;
}

#[tokio::test]
async fn f2_people_who_cancel_and_ship_at_once_never_do_more_than_there_is() {
    let stall = Stall::open(10).await;
    let order = stall.buy_many(10).await;
    let cancels = (0..12).map(|_| {
        let id = stall.adjustment();
        let stall = &stall;
        async move { stall.cancel_units(order, &id, 1).await.status }
    });
    let ships = (0..4).map(|_| async { stall.ship_units(order, 1).await.status });
    let (canceled, shipped) = tokio::join!(
        futures_util::future::join_all(cancels),
        futures_util::future::join_all(ships)
    );
    let done = |all: &[u16]| u32::try_from(all.iter().filter(|status| **status == 201).count()).unwrap();
    assert!(
        canceled
            .iter()
            .chain(&shipped)
            .all(|status| matches!(status, 201 | 409 | 503)),
        "{canceled:?} {shipped:?}"
    );
    let seen = stall.order(order).await;
    let line = &seen["lines"][0];
    let of = |name: &str| u32::try_from(line[name].as_u64().unwrap()).unwrap();
    assert!(of("shipped") + of("canceled") <= 10, "{line}");
    assert_eq!((of("canceled"), of("shipped")), (done(&canceled), done(&shipped)));
    let left = 10 - of("shipped") - of("canceled");
    if left > 0 {
        assert!(stall.cancel_units(order, &stall.adjustment(), left).await.status < 300);
    }
    let sent = i64::from(of("shipped"));
    let charged = if sent == 0 { 0 } else { sent * MUG + PARCEL };
    eventually(async || (stall.at_the_processor(order).0 == charged).then_some(())).await;
    assert_eq!(stall.left().await, (10 - sent, 0));
    stall.check_changes().await;
}

#[tokio::test]
async fn f2_p12_nothing_is_canceled_while_nobody_knows_what_is_promised() {
    let stall = Stall::open(5).await;
    let order = stall.buy_many(3).await;
    // The capture of the first parcel is lost on the way.
    stall.weather("lost=1000");
    assert_eq!(stall.ship_units(order, 1).await.status, 201);
    let rest = stall.cancel_units(order, &stall.adjustment(), 2).await;
    assert_eq!(rest.refusal(), (409, "capture_pending".into()), "{}", rest.text());
    assert_eq!(stall.left().await, (2, 0));
    // One of the two may go: the promise is big enough for the other, whatever became of the capture.
    assert_eq!(stall.cancel_units(order, &stall.adjustment(), 1).await.status, 201);
    // Refunds wait for what is not known to be taken.
    let back = stall
        .staff
        .post(&format!("/v1/orders/{order}/refunds"), &json!({ "reason": "other" }))
        .await;
    assert_eq!(
        back.refusal(),
        (409, "nothing_to_refund".into()),
        "P13: {}",
        back.text()
    );
    stall.weather("");
    stall.age(60).await;
    stall
        .order_becomes(order, "known", |seen| money(seen).0 == MUG + PARCEL)
        .await;
    assert_eq!(stall.ship(order).await.status, 201);
    let seen = stall
        .order_becomes(order, "charged", |seen| states(seen) == ("fulfilled", "captured"))
        .await;
    assert_eq!(money(&seen), (2 * MUG + PARCEL, 0));
    stall.check_changes().await;
}

#[tokio::test]
async fn f1_f6_a_parcel_that_is_said_twice_is_one_and_nothing_leaves_while_the_payment_is_unclear() {
    let stall = Stall::open(5).await;
    let order = stall.buy_many(2).await;
    let parcel = json!({ "id": stall.fresh::<hawker::kernel::ShipmentId>(), "carrier": "DHL", "lines": [{ "line": 0, "quantity": 1 }] });
    let path = format!("/v1/orders/{order}/shipments");
    let (first, second) = tokio::join!(stall.staff.post(&path, &parcel), stall.staff.post(&path, &parcel));
    let mut said = [first.status, second.status];
    said.sort_unstable();
    assert_eq!(said, [200, 201], "{} {}", first.text(), second.text());
    let seen = stall.order_becomes(order, "charged", |seen| money(seen).0 > 0).await;
    assert_eq!(
        (money(&seen).0, &seen["lines"][0]["shipped"]),
        (MUG + PARCEL, &json!(1))
    );
    // F6: the bank says another amount than we asked for; the rest stays here.
    stall.weather("wrong_amount=1000");
    let conflicting = stall.buy_conflicting().await;
    stall.weather("");
    if let Some(order) = conflicting {
        let refused = stall.ship_units(order, 1).await;
        assert!(matches!(refused.status, 404 | 409), "{}", refused.text());
    }
    stall.check_changes().await;
}

#[tokio::test]
async fn a_buyer_withdraws_on_the_orders_page_in_two_steps_and_gets_an_acknowledgement() {
    let stall = Stall::open(5).await;
    let order = stall.buy_many(2).await;
    let token = checkout::order_token(stall.world.app.db.signing_key(), order);
    let page = format!("/s/{}/orders/{order}", stall.shop.slug);
    let browser = stall.world.browser();
    let seen = browser.get(&format!("{page}?t={token}")).await.text();
    assert!(seen.contains("Withdraw from contract here"), "{seen}");
    let wrong = browser.get(&format!("{page}/withdrawal?t=nonsense")).await;
    assert_eq!(wrong.status, 404);
    assert_eq!(stall.ship(order).await.status, 201);
    stall.letter("on its way").await;
    // The first step asks; the second shows the statement, and nothing has happened yet.
    let first = browser.get(&format!("{page}/withdrawal?t={token}")).await.text();
    assert!(
        first.contains("name=\"back_0\"") && !first.contains("Confirm withdrawal"),
        "{first}"
    );
    let asked = "back_0=1&name=B.+Uyer&email=buyer%40example.com&words=Too+blue";
    let second = browser
        .get(&format!("{page}/withdrawal?t={token}&{asked}"))
        .await
        .text();
    assert!(
        second.contains("Confirm withdrawal") && second.contains("1 × Mug"),
        "{second}"
    );
    let nameless = browser
        .get(&format!(
            "{page}/withdrawal?t={token}&back_0=1&name=&email=buyer%40example.com"
        ))
        .await
        .text();
    assert!(
        nameless.contains("Write your name") && !nameless.contains("Confirm withdrawal"),
        "{nameless}"
    );
    let statement = second
        .split("name=\"statement\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let fields = [
        ("statement", statement),
        ("name", "B. Uyer"),
        ("email", "buyer@example.com"),
        ("words", "Too blue"),
        ("back_0", "1"),
    ];
    let path = format!("{page}/withdrawal?t={token}");
    for _ in 0..2 {
        assert_eq!(browser.form(&path, &fields).await.status, 303, "twice is once");
    }
    let letter = stall.letter("You withdrew").await;
    assert!(
        letter.contains("B. Uyer withdrew")
            && letter.contains("UTC")
            && letter.contains("1 × Mug")
            && letter.contains("Too blue"),
        "{letter}"
    );
    let all = stall.staff.get(&format!("/v1/orders/{order}/returns")).await.value();
    assert_eq!(all["data"].as_array().unwrap().len(), 1, "{all}");
    assert_eq!(
        (&all["data"][0]["state"], &all["data"][0]["whole"]),
        (&json!("awaited"), &json!(false))
    );
    assert!(stall.studio("").await.contains("comes back"), "it stands on Today");
    let back = &all["data"][0]["id"].as_str().unwrap().to_owned();
    let proof = [("statement", back.as_str()), ("proof", "DHL JJD0001")];
    assert_eq!(
        browser.form(&format!("{page}/proof?t={token}"), &proof).await.status,
        303
    );
    let told = browser.get(&format!("{page}?t={token}")).await.text();
    assert!(told.contains("DHL JJD0001"), "{told}");
    // It arrives scratched.
    let receipt = json!({ "deducted": 500, "deduction": "A scratch", "restock": "sellable" });
    let path = format!("/v1/orders/{order}/returns/{back}/receipt");
    let received = stall.staff.post(&path, &receipt).await;
    assert_eq!(
        (
            received.status,
            &received.value()["state"],
            &received.value()["refunded"]["amount"]
        ),
        (200, &json!("refunded"), &json!(MUG - 500)),
        "{}",
        received.text()
    );
    assert_eq!(stall.staff.post(&path, &receipt).await.status, 200, "F4: said twice");
    assert!(stall.letter("goes back to you").await.contains("A scratch"));
    let seen = stall.order_becomes(order, "refunded", |seen| money(seen).1 > 0).await;
    assert_eq!(money(&seen), (2 * MUG + PARCEL, MUG - 500));
    assert_eq!(stall.left().await, (4, 0), "one came back, once");
    assert!(!stall.studio("").await.contains("comes back"));
    stall.check_changes().await;
}

#[tokio::test]
async fn withdrawing_whole_gives_the_delivery_back_and_what_has_not_left_is_never_charged() {
    let stall = Stall::open(6).await;
    let order = stall.buy_many(3).await;
    assert_eq!(stall.ship_units(order, 1).await.status, 201);
    let said = json!({ "name": "B. Uyer", "email": "buyer@example.com" });
    let path = format!("/v1/orders/{order}/returns");
    let stated = stall.staff.post(&path, &said).await;
    let seen = stated.value();
    assert_eq!(
        (stated.status, &seen["state"], &seen["whole"], &seen["units_canceled"]),
        (201, &json!("awaited"), &json!(true), &json!(2)),
        "{seen}"
    );
    assert_eq!(
        stall.staff.post(&path, &said).await.refusal(),
        (409, "nothing_left".into())
    );
    assert_eq!(stall.left().await, (5, 0));
    let back = seen["id"].as_str().unwrap();
    // Only the slip of the post is there: the money may not wait for the goods.
    let received = stall.staff.post(&format!("{path}/{back}/receipt"), &json!({})).await;
    assert_eq!(
        received.value()["refunded"]["amount"],
        MUG + PARCEL,
        "{}",
        received.text()
    );
    let seen = stall
        .order_becomes(order, "refunded", |seen| money(seen).1 == MUG + PARCEL)
        .await;
    assert_eq!(states(&seen), ("fulfilled", "refunded"));
    assert_eq!(stall.left().await, (5, 0), "the mug itself has not come");
    assert_eq!(stall.balance(AccountKind::TaxPayable).await, 0);
    // Before anything has left it is simply canceled.
    let order = stall.buy_many(2).await;
    let stated = stall.staff.post(&format!("/v1/orders/{order}/returns"), &said).await;
    assert_eq!(stated.value()["state"], "refunded", "{}", stated.text());
    assert_eq!(states(&stall.order(order).await), ("canceled", "voided"));
    stall.check_changes().await;
}

#[tokio::test]
async fn f4_what_comes_back_comes_back_once_however_often_it_is_said() {
    let stall = Stall::open(6).await;
    let order = stall.buy_many(3).await;
    assert_eq!(stall.ship(order).await.status, 201);
    let path = format!("/v1/orders/{order}/returns");
    let said = json!({ "lines": [{ "line": 0, "quantity": 2 }], "name": "B", "email": "buyer@example.com" });
    let (one, two) = tokio::join!(stall.staff.post(&path, &said), stall.staff.post(&path, &said));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409], "three mugs: two statements of two do not fit");
    let stated = if one.status == 201 { one } else { two };
    let back = stated.value()["id"].as_str().unwrap().to_owned();
    // The shop gives the third one back by an ordinary refund: it is not asked back again.
    let refund = json!({ "lines": [{ "line": 0, "quantity": 1 }], "restock": "sellable", "reason": "returned" });
    assert_eq!(
        stall
            .staff
            .post(&format!("/v1/orders/{order}/refunds"), &refund)
            .await
            .status,
        201
    );
    assert_eq!(
        stall
            .staff
            .post(&path, &json!({ "name": "B", "email": "b@example.com" }))
            .await
            .refusal()
            .1,
        "nothing_left"
    );
    // Fewer come than were to come: the other one can be sent later.
    let receipts = (0..5).map(|_| async {
        let came = json!({ "lines": [{ "line": 0, "quantity": 1 }], "restock": "sellable" });
        stall.staff.post(&format!("{path}/{back}/receipt"), &came).await.status
    });
    let said = futures_util::future::join_all(receipts).await;
    assert!(said.iter().all(|status| matches!(status, 200 | 409 | 503)), "{said:?}");
    let seen = stall
        .order_becomes(order, "refunded", |seen| money(seen).1 == 2 * MUG)
        .await;
    assert_eq!((&seen["lines"][0]["returned"], stall.left().await), (&json!(2), (5, 0)));
    let later = json!({ "name": "B", "email": "b@example.com" });
    let later = stall.staff.post(&path, &later).await;
    assert_eq!(
        (&later.value()["lines"][0]["quantity"], &later.value()["whole"]),
        (&json!(1), &json!(true)),
        "{}",
        later.text()
    );
    // Nothing comes: a person ends it, and the mug is theirs again.
    let back = later.value()["id"].as_str().unwrap().to_owned();
    let closing = format!("{path}/{back}/closing");
    assert_eq!(stall.staff.post(&closing, &json!({ "reason": "" })).await.status, 422);
    let closed = stall.staff.post(&closing, &json!({ "reason": "They keep it" })).await;
    assert_eq!(closed.value()["state"], "closed", "{}", closed.text());
    let received = stall.staff.post(&format!("{path}/{back}/receipt"), &json!({})).await;
    assert_eq!(received.refusal(), (409, "return_closed".into()));
    stall.check_changes().await;
}

#[tokio::test]
async fn the_time_to_withdraw_begins_with_the_last_parcel_and_a_person_can_be_kind_after_it() {
    let stall = Stall::open(4).await;
    let order = stall.buy_many(2).await;
    assert_eq!(stall.ship_units(order, 1).await.status, 201);
    stall.left_earlier(400).await;
    let token = checkout::order_token(stall.world.app.db.signing_key(), order);
    let page = format!("/s/{}/orders/{order}?t={token}", stall.shop.slug);
    let offers = async || {
        stall
            .world
            .browser()
            .get(&page)
            .await
            .text()
            .contains("Withdraw from contract here")
    };
    assert!(offers().await, "one has not left: the days do not count yet");
    assert_eq!(stall.ship(order).await.status, 201);
    stall.left_earlier(13).await;
    assert!(offers().await);
    stall.left_earlier(60).await;
    assert!(!offers().await);
    let path = format!("/v1/orders/{order}/returns");
    let said = json!({ "name": "B. Uyer", "email": "buyer@example.com" });
    assert_eq!(stall.staff.post(&path, &said).await.refusal(), (409, "too_late".into()));
    let kind = json!({ "lines": [{ "line": 0, "quantity": 1 }], "restock": "sellable", "reason": "goodwill" });
    assert_eq!(
        stall
            .staff
            .post(&format!("/v1/orders/{order}/refunds"), &kind)
            .await
            .status,
        201
    );
    stall.check_changes().await;
}

#[tokio::test]
async fn a_buyer_who_sends_nothing_is_asked_and_a_refund_that_cannot_be_made_is_tried_again() {
    let stall = Stall::open(4).await;
    let order = stall.buy_many(1).await;
    assert_eq!(stall.ship(order).await.status, 201);
    let path = format!("/v1/orders/{order}/returns");
    let said = json!({ "name": "B. Uyer", "email": "buyer@example.com" });
    let back = stall.staff.post(&path, &said).await.value()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    stall.age_returns(11).await;
    let job = hawker::notify::remind_of_returns(&stall.world.app);
    assert!(job.await.unwrap() <= 1);
    stall.letter("Have you sent back").await;
    assert_eq!(
        hawker::notify::remind_of_returns(&stall.world.app).await.unwrap(),
        0,
        "once"
    );
    // The bank has the money in a dispute: the goods are here, and the money waits.
    let reference = |reference: &str| read_reference(reference).is_some_and(|(id, _)| id.order() == order);
    let payment = {
        let bank = stall.sandbox();
        let books = bank.books();
        books
            .payments()
            .find(|payment| reference(payment.reference()))
            .unwrap()
            .id
            .clone()
    };
    let new = NewDispute {
        payment,
        amount: None,
        reason: "product_not_received".into(),
        inquiry: false,
        to_answer: hawker::kernel::Seconds::days(14),
    };
    stall
        .sandbox()
        .at_the_bank(|books, now| books.open_dispute(&new, now))
        .unwrap();
    eventually(async || {
        let all = stall.staff.get("/v1/disputes").await.value();
        (!all["data"].as_array().unwrap().is_empty()).then_some(())
    })
    .await;
    let received = stall
        .staff
        .post(&format!("{path}/{back}/receipt"), &json!({ "restock": "sellable" }))
        .await;
    assert_eq!(received.value()["state"], "received", "{}", received.text());
    assert!(
        received.value()["trouble"].as_str().unwrap().contains("bank"),
        "{}",
        received.text()
    );
    assert!(stall.studio("").await.contains("waits"), "it stands on Today");
    let name = stall.staff.get("/v1/disputes").await.value()["data"][0]["reference"]
        .as_str()
        .unwrap()
        .to_owned();
    stall
        .sandbox()
        .at_the_bank(|books, _| books.decide_dispute(&name, true))
        .unwrap();
    eventually(async || {
        let all = stall.staff.get("/v1/disputes").await.value();
        (all["data"][0]["state"] == "won").then_some(())
    })
    .await;
    stall.age_returns(1).await;
    let seen = stall
        .order_becomes(order, "refunded", |seen| money(seen).1 == MUG + PARCEL)
        .await;
    assert_eq!((&seen["lines"][0]["returned"], stall.left().await), (&json!(1), (4, 0)));
    stall.check_changes().await;
}

impl Stall {
    /// Everything about returns happened so much earlier.
    async fn age_returns(&self, days: i64) {
        let (shop, by) = (self.shop.id, days * DAY * 1_000_000);
        let aged = self.world.app.db.write(LaneKey(0), move |tx| {
            tx.exec(
                "update returns set stated_at = stated_at - $2, due_by = due_by - $2, next_check_at = next_check_at - $2 where shop_id = $1",
                hawker::args![shop, by],
            )
        });
        aged.await.unwrap();
    }

    /// A tap while the bank contradicts us; its order, if one was born.
    async fn buy_conflicting(&self) -> Option<OrderId> {
        let tapped = self.tap(self.checkout(), "tok_visa").await;
        tapped.value()["order"]["id"].as_str().map(|id| id.parse().unwrap())
    }

    async fn draw_up(&self, unit_minor: i64) -> String {
        let body = json!({ "title": "Mugs", "prices": [{ "variant": self.mug, "unit_minor": unit_minor }] });
        let drawn = self.staff.post("/v1/price-matches", &body).await;
        assert_eq!(drawn.status, 201, "{}", drawn.text());
        drawn.value()["id"].as_str().unwrap().to_owned()
    }

    async fn price_match(&self, id: &str) -> Value {
        self.staff.get(&format!("/v1/price-matches/{id}")).await.value()
    }

    async fn match_becomes(&self, id: &str, state: &str) -> Value {
        let mut seen = Value::Null;
        for _ in 0..1500 {
            seen = self.price_match(id).await;
            if seen["state"] == state {
                return seen;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("never {state}: {seen}");
    }

    async fn act_on(&self, id: &str, act: &str) -> Answer {
        self.staff
            .post(&format!("/v1/price-matches/{id}/{act}"), &json!({}))
            .await
    }
}

#[tokio::test]
async fn everybody_who_paid_more_gets_the_difference_exactly_once() {
    let stall = Stall::open(40).await;
    let mut orders = Vec::new();
    for units in [1, 2, 3, 1, 1] {
        let order = stall.buy_many(units).await;
        assert_eq!(stall.ship(order).await.status, 201);
        orders.push(order);
    }
    // One of a pair was sent back; one order was canceled; one has not left yet.
    let back = json!({ "lines": [{ "line": 0, "quantity": 1 }], "restock": "sellable", "reason": "returned" });
    let returned = stall
        .staff
        .post(&format!("/v1/orders/{}/refunds", orders[1]), &back)
        .await;
    assert_eq!(returned.status, 201, "{}", returned.text());
    let canceled = stall.buy_many(1).await;
    stall
        .staff
        .post(
            &format!("/v1/orders/{canceled}/cancellation"),
            &json!({ "reason": "story" }),
        )
        .await;
    let open = stall.buy_many(2).await;
    let id = stall.draw_up(2500).await;
    let ready = stall.match_becomes(&id, "ready").await;
    let progress = &ready["progress"];
    assert_eq!(
        (&progress["orders"], &progress["planned"]["amount"], &progress["later"]),
        (&json!(6), &json!((1 + 1 + 3 + 1 + 1 + 2) * 500), &json!(1)),
        "{ready}"
    );
    assert_eq!(
        progress["refunded"]["amount"], 0,
        "nothing moves before a person has seen it"
    );
    assert_eq!(stall.act_on(&id, "pause").await.refusal(), (409, "wrong_state".into()));
    assert_eq!(stall.act_on(&id, "start").await.status, 200);
    // Somebody else works on it at the same time, and the job runs, too.
    let app = &stall.world.app;
    let (one, two) = tokio::join!(price_matches::work(app), price_matches::work(app));
    assert!(one.is_ok() && two.is_ok(), "{one:?} {two:?}");
    eventually(async || (stall.price_match(&id).await["progress"]["done"] == 5).then_some(())).await;
    let expected = [500, MUG + 500, 1500, 500, 500];
    for (order, back) in orders.iter().zip(expected) {
        stall
            .order_becomes(*order, "given back", |seen| money(seen).1 == back)
            .await;
    }
    assert!(
        stall.letter("goes back to you").await.contains("costs less now")
            || !stall.letter("goes back to you").await.is_empty()
    );
    // The last one gets it once it has left.
    assert_eq!(stall.price_match(&id).await["state"], "running");
    assert_eq!(stall.ship(open).await.status, 201);
    stall.order_becomes(open, "charged", |seen| money(seen).0 > 0).await;
    let aged = app.db.write(LaneKey(0), |tx| {
        tx.exec(
            "update price_match_orders set changed_at = changed_at - 7200000000 where state = 'later'",
            &[],
        )?;
        tx.exec(
            "update price_matches set next_check_at = next_check_at - 7200000000 where next_check_at is not null",
            &[],
        )
    });
    aged.await.unwrap();
    let done = stall.match_becomes(&id, "done").await;
    assert_eq!(
        (
            &done["progress"]["done"],
            &done["progress"]["refunded"]["amount"],
            &done["progress"]["percent"]
        ),
        (&json!(6), &json!(9 * 500), &json!(100)),
        "{done}"
    );
    assert_eq!(money(&stall.order(open).await).1, 1000);
    // Once more for the same price: nobody is owed anything.
    let again = stall.draw_up(2500).await;
    assert_eq!(stall.match_becomes(&again, "ready").await["progress"]["orders"], 0);
    assert_eq!(stall.act_on(&again, "start").await.status, 200);
    stall.match_becomes(&again, "done").await;
    stall.check_changes().await;
}

#[tokio::test]
async fn a_batch_is_paused_goes_on_and_lists_whom_it_leaves_out() {
    let stall = Stall::open(40).await;
    let mut orders = Vec::new();
    for _ in 0..4 {
        let order = stall.buy_many(1).await;
        assert_eq!(stall.ship(order).await.status, 201);
        orders.push(order);
    }
    let id = stall.draw_up(2000).await;
    assert_eq!(stall.match_becomes(&id, "ready").await["progress"]["waiting"], 4);
    // Meanwhile one of them got everything back.
    let all = json!({ "reason": "goodwill" });
    assert_eq!(
        stall
            .staff
            .post(&format!("/v1/orders/{}/refunds", orders[2]), &all)
            .await
            .status,
        201
    );
    assert_eq!(stall.act_on(&id, "start").await.status, 200);
    let paused = stall.act_on(&id, "pause").await;
    assert!(matches!(paused.status, 200 | 409), "{}", paused.text());
    if paused.status == 200 {
        let before = stall.price_match(&id).await;
        assert_eq!(before["state"], "paused");
        assert_eq!(stall.act_on(&id, "start").await.status, 200);
    }
    let done = stall.match_becomes(&id, "done").await;
    assert_eq!(
        (&done["progress"]["done"], &done["progress"]["skipped"]),
        (&json!(3), &json!(1)),
        "{done}"
    );
    let skipped = stall
        .staff
        .get(&format!("/v1/price-matches/{id}/orders?state=skipped"))
        .await
        .value();
    assert_eq!(skipped["data"][0]["order"], orders[2].to_string(), "{skipped}");
    assert!(
        skipped["data"][0]["why"].as_str().unwrap().contains("Nothing"),
        "{skipped}"
    );
    let page = stall.studio(&format!("/price-matches/{id}")).await;
    assert!(page.contains("Left out") && page.contains("€30.00"), "{page}");
    // Ended before it starts, nothing moves.
    let other = stall.draw_up(1000).await;
    stall.match_becomes(&other, "ready").await;
    assert_eq!(stall.act_on(&other, "cancellation").await.value()["state"], "canceled");
    assert_eq!(
        stall.act_on(&other, "start").await.refusal(),
        (409, "wrong_state".into())
    );
    stall.check_changes().await;
}

#[tokio::test]
async fn what_comes_back_after_a_lower_price_is_worth_what_was_left_of_its_price() {
    let stall = Stall::open(4).await;
    let order = stall.buy_many(3).await;
    assert_eq!(stall.ship(order).await.status, 201);
    // One is on its way back while the others get their difference.
    let path = format!("/v1/orders/{order}/returns");
    let one = json!({ "lines": [{ "line": 0, "quantity": 1 }], "name": "B", "email": "buyer@example.com" });
    let first = stall.staff.post(&path, &one).await.value()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let id = stall.draw_up(2500).await;
    assert_eq!(
        stall.match_becomes(&id, "ready").await["progress"]["planned"]["amount"],
        2 * 500
    );
    assert_eq!(stall.act_on(&id, "start").await.status, 200);
    stall.match_becomes(&id, "done").await;
    stall
        .order_becomes(order, "matched", |seen| money(seen).1 == 1000)
        .await;
    let second = stall.staff.post(&path, &one).await.value()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let came = json!({ "restock": "sellable" });
    for back in [first, second] {
        let received = stall.staff.post(&format!("{path}/{back}/receipt"), &came).await;
        assert_eq!(received.value()["state"], "refunded", "{}", received.text());
    }
    let seen = stall
        .order_becomes(order, "refunded", |seen| money(seen).1 > 6000)
        .await;
    let (taken, back) = money(&seen);
    // The one that was on its way back already was paid in full, the other one less its difference; the third costs 25.00 now.
    assert_eq!((taken, back), (3 * MUG + PARCEL, 1000 + MUG + 2500));
    stall.check_changes().await;
}

/// Money of pieces that are not kept (what was kept of one that came back damaged, what is still owed for one that is on its way) once made a second match pay again.
#[tokio::test]
async fn a_second_match_at_the_same_price_pays_nothing_whatever_comes_back_meanwhile() {
    let stall = Stall::open(12).await;
    let mut orders = Vec::new();
    for _ in 0..2 {
        let order = stall.buy_many(2).await;
        assert_eq!(stall.ship(order).await.status, 201);
        orders.push(order);
    }
    let one = json!({ "lines": [{ "line": 0, "quantity": 1 }], "name": "B", "email": "buyer@example.com" });
    let mut backs = Vec::new();
    for order in &orders {
        let stated = stall.staff.post(&format!("/v1/orders/{order}/returns"), &one).await;
        backs.push(stated.value()["id"].as_str().unwrap().to_owned());
    }
    let damaged = json!({ "restock": "sellable", "deducted": 1200, "deduction": "A crack." });
    let path = format!("/v1/orders/{}/returns/{}/receipt", orders[0], backs[0]);
    let received = stall.staff.post(&path, &damaged).await;
    assert_eq!(received.value()["state"], "refunded", "{}", received.text());
    // Each of them keeps one mug, and is given the 5.00 it costs less once.
    for (round, owed) in [(0, 2 * 500), (1, 0), (2, 0)] {
        let id = stall.draw_up(2500).await;
        let ready = stall.match_becomes(&id, "ready").await;
        assert_eq!(ready["progress"]["planned"]["amount"], owed, "{round}: {ready}");
        assert_eq!(stall.act_on(&id, "start").await.status, 200);
        stall.match_becomes(&id, "done").await;
    }
    for (order, back) in orders.iter().zip([MUG - 1200 + 500, 500]) {
        stall
            .order_becomes(*order, "given back", |seen| money(seen).1 == back)
            .await;
    }
    // The one that is on its way is worth its whole price, and the ones that are kept 25.00.
    let path = format!("/v1/orders/{}/returns/{}/receipt", orders[1], backs[1]);
    let received = stall.staff.post(&path, &json!({ "restock": "sellable" })).await;
    assert_eq!(received.value()["refunded"]["amount"], MUG, "{}", received.text());
    stall.check_changes().await;
}

/// One of three was paid for in full although it stays, and one came back damaged: what was kept of that one was given back with the others' difference.
#[tokio::test]
async fn what_was_kept_of_a_damaged_piece_is_no_part_of_what_the_others_cost() {
    let stall = Stall::open(6).await;
    let order = stall.buy_many(3).await;
    assert_eq!(stall.ship(order).await.status, 201);
    let kind = json!({ "lines": [{ "line": 0, "quantity": 1 }], "reason": "goodwill" });
    let given = stall.staff.post(&format!("/v1/orders/{order}/refunds"), &kind).await;
    assert!(given.status < 300, "{}", given.text());
    let path = format!("/v1/orders/{order}/returns");
    let one = json!({ "lines": [{ "line": 0, "quantity": 1 }], "name": "B", "email": "buyer@example.com" });
    let back = stall.staff.post(&path, &one).await.value()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let damaged = json!({ "restock": "sellable", "deducted": 1200, "deduction": "A crack." });
    let received = stall.staff.post(&format!("{path}/{back}/receipt"), &damaged).await;
    assert_eq!(received.value()["state"], "refunded", "{}", received.text());
    // Two are left, for which 30.00 are still paid; they cost 10.00 each now.
    let id = stall.draw_up(1000).await;
    let ready = stall.match_becomes(&id, "ready").await;
    assert_eq!(ready["progress"]["planned"]["amount"], MUG - 2 * 1000, "{ready}");
    assert_eq!(stall.act_on(&id, "start").await.status, 200);
    stall.match_becomes(&id, "done").await;
    let all = MUG + (MUG - 1200) + (MUG - 2 * 1000);
    stall
        .order_becomes(order, "given back", |seen| money(seen).1 == all)
        .await;
    stall.check_changes().await;
}

/// A processor's no came back as done: the return was "refunded", the batch counted it, and the buyer was told that money goes back.
#[tokio::test]
async fn p16_a_refund_that_is_refused_is_no_refund_and_a_return_is_tried_again() {
    let stall = Stall::open(6).await;
    let mut orders = Vec::new();
    for _ in 0..2 {
        let order = stall.buy_many(1).await;
        assert_eq!(stall.ship(order).await.status, 201);
        orders.push(order);
    }
    let (order, other) = (orders[0], orders[1]);
    let path = format!("/v1/orders/{order}/returns");
    let said = json!({ "name": "B. Uyer", "email": "buyer@example.com" });
    let stated = stall.staff.post(&path, &said).await.value();
    let back = format!("{path}/{}", stated["id"].as_str().unwrap());
    stall.weather("refund_refused=1000");
    let came = json!({ "restock": "sellable" });
    let received = stall.staff.post(&format!("{back}/receipt"), &came).await;
    assert_eq!(received.value()["state"], "received", "{}", received.text());
    assert!(!received.value()["trouble"].as_str().unwrap().is_empty());
    assert!(stall.letter("did not arrive").await.contains("€34.90"));
    let today = stall.studio("").await;
    assert!(
        today.contains("A refund of order") && today.contains("did not arrive"),
        "{today}"
    );
    // The same of a batch: its row says why, and counts nothing.
    let id = stall.draw_up(2500).await;
    assert_eq!(stall.match_becomes(&id, "ready").await["progress"]["orders"], 1);
    assert_eq!(stall.act_on(&id, "start").await.status, 200);
    let done = stall.match_becomes(&id, "done").await;
    let progress = &done["progress"];
    assert_eq!(
        (&progress["done"], &progress["skipped"], &progress["refunded"]["amount"]),
        (&json!(0), &json!(1), &json!(0)),
        "{done}"
    );
    // The processor comes round: what was refused is tried again, and the goods were put back once.
    stall.weather("");
    stall.age_returns(2).await;
    let seen = stall
        .order_becomes(order, "refunded", |seen| money(seen).1 == MUG + PARCEL)
        .await;
    assert_eq!((&seen["lines"][0]["returned"], stall.left().await), (&json!(1), (5, 0)));
    eventually(async || {
        let all = stall.staff.get(&path).await.value();
        (all["data"][0]["state"] == "refunded").then_some(())
    })
    .await;
    // What the first batch could not give back is owed still; after that nobody is owed anything.
    for owed in [500, 0] {
        let id = stall.draw_up(2500).await;
        let ready = stall.match_becomes(&id, "ready").await;
        assert_eq!(ready["progress"]["planned"]["amount"], owed, "{ready}");
        assert_eq!(stall.act_on(&id, "start").await.status, 200);
        stall.match_becomes(&id, "done").await;
        stall
            .order_becomes(other, "refunded", |seen| money(seen).1 == 500)
            .await;
    }
    let today = stall.studio("").await;
    assert!(!today.contains("did not arrive"), "{today}");
    stall.check_changes().await;
}

/// Whoever closes a return and whoever gives its money back at the same moment: one of them was first.
#[tokio::test(flavor = "multi_thread")]
async fn f4_a_return_that_is_closed_while_it_is_paid_is_one_or_the_other() {
    let stall = Stall::open(12).await;
    for _ in 0..8 {
        let order = stall.buy_many(1).await;
        assert_eq!(stall.ship(order).await.status, 201);
        let path = format!("/v1/orders/{order}/returns");
        let said = json!({ "name": "B", "email": "buyer@example.com" });
        let stated = stall.staff.post(&path, &said).await.value();
        let back = format!("{path}/{}", stated["id"].as_str().unwrap());
        let (came, why) = (json!({}), json!({ "reason": "They keep it" }));
        let (receipt, closing) = (format!("{back}/receipt"), format!("{back}/closing"));
        tokio::join!(stall.staff.post(&receipt, &came), stall.staff.post(&closing, &why));
        let state = eventually(async || {
            let all = stall.staff.get(&path).await.value();
            let state = all["data"][0]["state"].clone();
            (state == "closed" || state == "refunded").then_some(state)
        })
        .await;
        let given = money(&stall.order(order).await).1;
        assert_eq!(given, if state == "closed" { 0 } else { MUG + PARCEL }, "{state}");
    }
    // In between: the refund asks again when it is its turn.
    let order = stall.buy_many(1).await;
    assert_eq!(stall.ship(order).await.status, 201);
    let ended = |_: &mut hawker::db::Tx<'_>| {
        Err(hawker::kernel::Error::conflict(
            "return_closed",
            "The return has ended.",
        ))
    };
    let new = checkout::NewRefund {
        id: stall.fresh(),
        what: checkout::RefundWhat::Everything,
        way: checkout::Way::AsItCame,
        reason: "withdrawal".into(),
        staff: None,
    };
    let refused = checkout::refund_while(&stall.world.app, stall.shop.id, order, new, ended);
    assert_eq!(refused.await.unwrap_err().code, "return_closed");
    assert_eq!(money(&stall.order(order).await).1, 0);
    stall.check_changes().await;
}

/// Units came back for nothing while their money was on its way in.
#[tokio::test]
async fn what_is_being_paid_at_this_moment_is_not_given_back_for_nothing() {
    let stall = Stall::open(4).await;
    let order = stall.buy_many(1).await;
    stall.weather("lost=1000");
    assert_eq!(stall.ship(order).await.status, 201);
    let one = json!({ "lines": [{ "line": 0, "quantity": 1 }], "restock": "sellable", "reason": "returned" });
    let path = format!("/v1/orders/{order}/refunds");
    let refused = stall.staff.post(&path, &one).await;
    assert_eq!(refused.refusal(), (409, "capture_pending".into()), "{}", refused.text());
    let seen = stall.order(order).await;
    assert_eq!((&seen["lines"][0]["returned"], stall.left().await), (&json!(0), (3, 0)));
    stall.weather("");
    stall
        .order_becomes(order, "charged", |seen| money(seen).0 == MUG + PARCEL)
        .await;
    let given = stall.staff.post(&path, &one).await;
    assert_eq!(given.value()["amount"]["amount"], MUG, "{}", given.text());
    stall.check_changes().await;
}

#[tokio::test]
async fn a_cancellation_never_takes_the_id_of_another_order() {
    let stall = Stall::open(4).await;
    let (first, second) = (stall.buy_many(2).await, stall.buy_many(1).await);
    let id = stall.adjustment();
    assert_eq!(stall.cancel_units(first, &id, 1).await.status, 201);
    let refused = stall.cancel_units(second, &id, 1).await;
    assert_eq!(refused.refusal(), (409, "id_reused".into()), "{}", refused.text());
    assert_eq!(stall.order(second).await["state"], "confirmed");
    assert_eq!(stall.left().await, (2, 0), "and nothing of it was done");
    stall.check_changes().await;
}

/// Money that was refused is still owed: who pays it later paid the old price, too.
#[tokio::test]
async fn who_pays_late_is_not_left_out_of_a_match() {
    let stall = Stall::open(4).await;
    let order = stall.buy_many(2).await;
    stall.weather("capture_refused=1000");
    assert_eq!(stall.ship(order).await.status, 201);
    assert_eq!(stall.at_the_processor(order), (0, 0));
    let id = stall.draw_up(2500).await;
    let ready = stall.match_becomes(&id, "ready").await;
    assert_eq!(
        (&ready["progress"]["later"], &ready["progress"]["planned"]["amount"]),
        (&json!(1), &json!(1000)),
        "{ready}"
    );
    stall.weather("");
    let taken = stall
        .staff
        .post(&format!("/v1/orders/{order}/captures"), &json!({}))
        .await;
    assert!(taken.status < 300, "{}", taken.text());
    stall.order_becomes(order, "charged", |seen| money(seen).0 > 0).await;
    assert_eq!(stall.act_on(&id, "start").await.status, 200);
    let aged = stall.world.app.db.write(LaneKey(0), |tx| {
        tx.exec(
            "update price_match_orders set changed_at = changed_at - 7200000000 where state = 'later'",
            &[],
        )
    });
    aged.await.unwrap();
    stall.match_becomes(&id, "done").await;
    stall
        .order_becomes(order, "matched", |seen| money(seen).1 == 1000)
        .await;
    stall.check_changes().await;
}

/// One that breaks every time stands behind the others, not before them.
#[tokio::test]
async fn what_cannot_be_looked_at_waits_behind_the_others() {
    let stall = Stall::open(4).await;
    let order = stall.buy_many(1).await;
    assert_eq!(stall.ship(order).await.status, 201);
    let path = format!("/v1/orders/{order}/returns");
    stall
        .staff
        .post(&path, &json!({ "name": "B", "email": "buyer@example.com" }))
        .await;
    let soon = hawker::kernel::Time(stall.world.app.clock.wall().0 + 20 * DAY * 1_000_000);
    let expected = json!({ "variant": stall.mug, "units": 4, "ships_by": soon });
    assert_eq!(stall.staff.post("/v1/preorders", &expected).await.status, 201);
    let drop = json!({ "title": "Soon", "opens_at": soon, "items": [{ "variant": stall.mug, "allotment": 1, "price": { "amount": 100, "currency": "EUR" } }] });
    let drop = stall.staff.post("/v1/drops", &drop).await.value()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let scheduled = stall
        .staff
        .post(&format!("/v1/drops/{drop}/scheduling"), &json!({}))
        .await;
    assert_eq!(scheduled.status, 200, "{}", scheduled.text());
    let app = &stall.world.app;
    let broken = app.db.write(LaneKey(0), |tx| {
        tx.exec("update intents set allocation = 'torn'", &[])?;
        tx.exec("update returns set state = 'received', next_check_at = 1", &[])?;
        tx.exec("delete from stock where location_id in (select id from preorders)", &[])?;
        tx.exec("update preorders set state = 'closed', next_check_at = 1", &[])?;
        // Its next event is there already.
        tx.exec(
            "insert into drop_events (drop_id, position, kind, detail, staff_id, at, hash)
             select drop_id, position + 1, kind, detail, staff_id, at, hash from drop_events where kind = 'scheduled'",
            &[],
        )?;
        tx.exec(
            "update drops set opens_at = 1, next_check_at = 1 where state = 'scheduled'",
            &[],
        )
    });
    assert_eq!(broken.await.unwrap(), 1);
    eventually(async || {
        let first = app.db.read(|tx| {
            tx.one::<(i64,)>(
                "select count(*) from (select next_check_at from returns union all select next_check_at from preorders union all select next_check_at from drops) d
                  where next_check_at > 1",
                &[],
            )
        });
        (first.await.unwrap().0 == 3).then_some(())
    })
    .await;
}

/// Two refunds at once each saw the history without the other (juspay/hyperswitch#13182).
#[tokio::test]
async fn p13_a_hundred_refunds_over_http_never_exceed_one_capture() {
    let stall = Stall::open(2).await;
    let order = stall.buy_many(1).await;
    assert_eq!(stall.ship(order).await.status, 201);
    stall.order_becomes(order, "charged", |seen| money(seen).0 > 0).await;
    let path = format!("/v1/orders/{order}/refunds");
    let refunds = (0..100).map(|_| async {
        let body = json!({ "amount": 100, "reason": "story" });
        stall.staff.post(&path, &body).await.status
    });
    let all = futures_util::future::join_all(refunds).await;
    let given = all.iter().filter(|status| **status == 201).count();
    assert!(all.iter().all(|status| matches!(status, 201 | 409 | 503)), "{all:?}");
    assert!(given <= 34, "34.90 was taken, and {given} euros were given back");
    eventually(async || {
        let (_, back) = stall.at_the_processor(order);
        (back == i64::try_from(given).unwrap() * 100).then_some(())
    })
    .await;
    stall.check_changes().await;
}
