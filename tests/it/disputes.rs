//! Disputes over HTTP: a buyer goes to their bank, and what becomes of the money, of refunds, and of everybody's share.

use crate::buying::Stall;
use crate::harness::Client;
use hawker::checkout;
use hawker::kernel::{DisputeStage, DisputeTold, Money, OrderId, Seconds};
use hawker::ledger::{self, AccountKey};
use hawker::payments::disputes;
use hawker::payments::sandbox::{BookedDispute, Books, Faults, NewDispute, Sandbox};
use hawker::payments::{self, read_reference};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

impl Stall {
    fn bank(&self) -> Arc<Sandbox> {
        Sandbox::installed(&self.world.app).unwrap()
    }

    /// Bought, shipped and taken.
    async fn paid(&self) -> OrderId {
        let order = self.buy().await;
        let shipped = self.ship(order).await;
        assert_eq!(shipped.status, 201, "{}", shipped.text());
        order
    }

    fn payment_of(&self, order: OrderId) -> String {
        let bank = self.bank();
        let books = bank.books();
        let ours = |reference: &str| read_reference(reference).is_some_and(|(id, _)| id.order() == order);
        let found = books.payments().find(|payment| ours(payment.reference()));
        found.unwrap().id.clone()
    }

    pub fn disputed(&self, order: OrderId) -> NewDispute {
        NewDispute {
            payment: self.payment_of(order),
            amount: None,
            reason: "product_not_received".into(),
            inquiry: false,
            to_answer: Seconds::days(14),
        }
    }

    /// The bank opens a dispute; its API's id, once the notice is heard.
    pub async fn open_dispute(&self, new: &NewDispute) -> String {
        let before = self.disputes().await.len();
        self.bank()
            .at_the_bank(|books, now| books.open_dispute(new, now))
            .unwrap();
        for _ in 0..200 {
            let all = self.disputes().await;
            if all.len() > before {
                return all[0]["id"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("no dispute was heard of")
    }

    fn the_bank_says(&self, id: &Value, act: impl Fn(&mut Books, &str) -> Result<BookedDispute, String>) {
        let name = id["reference"].as_str().unwrap().to_owned();
        let refused = std::cell::RefCell::new(String::new());
        let done = self.bank().at_the_bank(|books, _| {
            act(books, &name).map_err(|error| {
                *refused.borrow_mut() = error;
                books.decide_dispute("nobody", true).unwrap_err()
            })
        });
        assert!(done.is_ok(), "{}", refused.borrow());
    }

    fn win(&self, dispute: &Value, won: bool) {
        self.the_bank_says(dispute, |books, name| {
            books.decide_dispute(name, won).map_err(|refusal| refusal.message)
        });
    }

    async fn disputes(&self) -> Vec<Value> {
        let answer = self.staff.get("/v1/disputes").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.value()["data"].as_array().unwrap().clone()
    }

    async fn dispute(&self, id: &str) -> Value {
        let answer = self.staff.get(&format!("/v1/disputes/{id}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.value()
    }

    async fn dispute_becomes(&self, id: &str, state: &str) -> Value {
        let mut seen = Value::Null;
        for _ in 0..400 {
            seen = self.dispute(id).await;
            if seen["state"] == state {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{seen} is not {state}");
    }

    async fn refund(&self, order: OrderId, body: Value) -> (u16, String) {
        let answer = self.staff.post(&format!("/v1/orders/{order}/refunds"), &body).await;
        if answer.status < 300 {
            (answer.status, answer.value()["state"].as_str().unwrap().to_owned())
        } else {
            answer.refusal()
        }
    }

    /// Every account but the clearing account and fees.
    async fn shares(&self) -> BTreeMap<AccountKey, i64> {
        let shop = self.shop.id;
        let all = self
            .world
            .app
            .db
            .read(move |tx| ledger::balances(tx, shop))
            .await
            .unwrap();
        let kept = all.into_iter().filter(|balance| balance.money.minor != 0);
        kept.map(|balance| (balance.key, balance.money.minor)).collect()
    }
}

fn sum(shares: &BTreeMap<AccountKey, i64>, of: impl Fn(&AccountKey) -> bool) -> i64 {
    shares.iter().filter(|(key, _)| of(key)).map(|(_, minor)| minor).sum()
}

#[tokio::test]
async fn l9_l10_l11_a_dispute_is_answered_and_won_and_everybody_has_what_they_had() {
    let stall = Stall::open(5).await;
    let order = stall.paid().await;
    let before = stall.shares().await;
    let id = stall.open_dispute(&stall.disputed(order)).await;
    let seen = stall.dispute(&id).await;
    assert_eq!(
        (seen["state"].as_str(), seen["amount"]["amount"].as_i64()),
        (Some("needs_response"), Some(3490))
    );
    assert_eq!(seen["fees"][0]["amount"], 1500);
    assert_eq!(seen["meaning"], "The buyer says the parcel never came.");
    assert_eq!(seen["proposed"]["shipping_carrier"], "DHL", "{seen}");
    assert_eq!(seen["proposed"]["customer_email"], "buyer@example.com");
    assert!(
        seen["proposed"]["statement"].as_str().unwrap().contains("Mug"),
        "{seen}"
    );
    // Every share is gone, and the fee is the remainder's, as the processor's fees of this sale are.
    let taken = stall.shares().await;
    assert_eq!(
        sum(&taken, |key| key.party.is_none()
            && key.kind.name() != "processor_clearing"),
        0,
        "{taken:?}"
    );
    assert_eq!(
        taken.values().copied().min().unwrap(),
        taken[&bearer(&before, &taken)],
        "a member may be below zero"
    );
    stall.invariants().await;

    // Nothing is given back meanwhile, whatever is asked for: an outside system took it from the seller twice (antiwork/gumroad#4372).
    for body in [
        json!({ "reason": "kind" }),
        json!({ "amount": 1, "reason": "kind" }),
        json!({ "lines": [{ "line": 0, "quantity": 1 }], "reason": "kind" }),
    ] {
        assert_eq!(stall.refund(order, body).await, (409, "dispute_open".into()));
    }

    // One answer.
    let answer = format!("/v1/disputes/{id}/answer");
    let empty = stall
        .staff
        .post(&answer, &json!({ "texts": { "statement": "  " } }))
        .await;
    assert_eq!(empty.refusal(), (422, "invalid_field".into()));
    let unknown = stall.staff.post(&answer, &json!({ "texts": { "secret": "x" } })).await;
    assert_eq!(unknown.refusal(), (422, "invalid_field".into()));
    let texts = json!({ "texts": { "statement": "It was delivered.", "shipping_tracking_number": "JD01" } });
    let sent = stall.staff.post(&answer, &texts).await;
    assert_eq!(
        (sent.status, sent.value()["state"].as_str()),
        (200, Some("under_review")),
        "{}",
        sent.text()
    );
    let again = stall
        .staff
        .post(&answer, &json!({ "texts": { "statement": "Another." } }))
        .await;
    assert_eq!(
        again.value()["answer"]["statement"],
        "It was delivered.",
        "there is one answer"
    );
    let accepted = stall
        .staff
        .post(&format!("/v1/disputes/{id}/acceptance"), &json!({ "reason": "late" }))
        .await;
    assert_eq!(accepted.refusal(), (409, "not_open".into()));
    assert_eq!(
        stall.bank().books().disputes().next().unwrap().evidence["statement"],
        "It was delivered."
    );

    stall.win(&seen, true);
    stall.dispute_becomes(&id, "won").await;
    let after = stall.shares().await;
    let clearing = |key: &AccountKey| key.kind.name() == "processor_clearing";
    assert_eq!(
        sum(&before, clearing) - sum(&after, clearing),
        -1500,
        "only the fee is gone"
    );
    assert_eq!(
        sum(&before, |key| !clearing(key)) - sum(&after, |key| !clearing(key)),
        1500
    );
    let changed: Vec<&AccountKey> = before
        .keys()
        .filter(|key| before[key] != after[key] && !clearing(key))
        .collect();
    assert_eq!(changed.len(), 1, "one bears it: {changed:?}");
    assert_eq!(
        stall.refund(order, json!({ "reason": "kind" })).await,
        (201, "succeeded".into())
    );
    stall.invariants().await;
}

/// Whoever lost the most.
fn bearer(before: &BTreeMap<AccountKey, i64>, after: &BTreeMap<AccountKey, i64>) -> AccountKey {
    let parties = before.keys().filter(|key| key.party.is_some());
    *parties.min_by_key(|key| after.get(key).copied().unwrap_or(0)).unwrap()
}

#[tokio::test]
async fn l11_a_dispute_is_lost_accepted_or_out_of_time_and_the_money_stays_with_the_buyer() {
    let stall = Stall::open(5).await;
    // Lost after an answer.
    let first = stall.paid().await;
    let id = stall.open_dispute(&stall.disputed(first)).await;
    let texts = json!({ "texts": { "statement": "losing_evidence" } });
    let sent = stall.staff.post(&format!("/v1/disputes/{id}/answer"), &texts).await;
    assert_eq!(
        (sent.status, sent.value()["state"].as_str()),
        (200, Some("lost")),
        "{}",
        sent.text()
    );
    assert_eq!(
        stall.refund(first, json!({ "reason": "kind" })).await,
        (409, "nothing_to_refund".into())
    );
    // Given up, with a reason, once.
    let second = stall.paid().await;
    let id = stall.open_dispute(&stall.disputed(second)).await;
    let path = format!("/v1/disputes/{id}/acceptance");
    assert_eq!(
        stall.staff.post(&path, &json!({ "reason": "" })).await.refusal(),
        (422, "invalid_field".into())
    );
    for _ in 0..2 {
        let given = stall
            .staff
            .post(&path, &json!({ "reason": "the parcel was lost" }))
            .await;
        let value = given.value();
        assert_eq!(
            (given.status, value["state"].as_str()),
            (200, Some("lost")),
            "{}",
            given.text()
        );
        assert_eq!(
            (value["closed_by"].as_str(), value["accepted_because"].as_str()),
            (Some("staff"), Some("the parcel was lost"))
        );
    }
    // Nobody answers: a job finds the date passed.
    let third = stall.paid().await;
    let soon = NewDispute {
        to_answer: Seconds(1),
        ..stall.disputed(third)
    };
    let id = stall.open_dispute(&soon).await;
    let seen = stall.dispute_becomes(&id, "lost").await;
    assert_eq!(seen["next_look_at"], Value::Null);
    let late = stall
        .staff
        .post(
            &format!("/v1/disputes/{id}/answer"),
            &json!({ "texts": { "statement": "x" } }),
        )
        .await;
    assert_eq!(late.refusal(), (409, "not_open".into()));
    stall.invariants().await;
}

#[tokio::test]
async fn l11_an_inquiry_moves_nothing_until_it_becomes_a_chargeback_and_a_second_round_has_legs_of_its_own() {
    let stall = Stall::open(5).await;
    let order = stall.paid().await;
    let before = stall.shares().await;
    let asks = NewDispute {
        inquiry: true,
        ..stall.disputed(order)
    };
    let id = stall.open_dispute(&asks).await;
    let seen = stall.dispute(&id).await;
    assert_eq!(seen["state"], "inquiry");
    assert_eq!(stall.shares().await, before);
    let not_yet = stall
        .staff
        .post(
            &format!("/v1/disputes/{id}/acceptance"),
            &json!({ "reason": "why not" }),
        )
        .await;
    assert_eq!(not_yet.refusal(), (409, "not_open".into()));
    assert_eq!(
        stall.refund(order, json!({ "amount": 490, "reason": "kind" })).await,
        (201, "succeeded".into()),
        "a refund may end it"
    );

    // The bank is not satisfied, and takes all of it: 4.90 had gone back before.
    let name = seen["reference"].as_str().unwrap().to_owned();
    stall
        .bank()
        .at_the_bank(|books, now| books.escalate_dispute(&name, now))
        .unwrap();
    let seen = stall.dispute_becomes(&id, "needs_response").await;
    assert_eq!(seen["paid_twice"]["amount"], 490);
    let today = stall.staff.get(&format!("/studio/{}", stall.shop.slug)).await.text();
    assert!(
        today.contains("Answer until") && today.contains("they have it twice"),
        "{today}"
    );
    stall.invariants().await;

    stall.win(&seen, true);
    stall.dispute_becomes(&id, "won").await;
    stall
        .bank()
        .at_the_bank(|books, now| books.dispute_again(&name, now))
        .unwrap();
    let mut second = Vec::new();
    for _ in 0..200 {
        second = stall.disputes().await;
        if second.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        (second[0]["round"].as_i64(), second[0]["state"].as_str()),
        (Some(2), Some("needs_response"))
    );
    assert_eq!(
        second[0]["reference"], second[1]["reference"],
        "linked by the processor's name"
    );
    assert_eq!(stall.dispute(&id).await["state"], "won");
    stall.invariants().await;
    stall.win(&second[0], false);
    stall.dispute_becomes(second[0]["id"].as_str().unwrap(), "lost").await;
    stall.invariants().await;
}

#[tokio::test]
async fn l10_refunds_before_a_dispute_leave_only_the_rest_to_take_and_a_second_payment_back_is_seen() {
    let stall = Stall::open(5).await;
    // Part of it went back, and the bank takes the rest.
    let order = stall.paid().await;
    assert_eq!(
        stall
            .refund(order, json!({ "amount": 1000, "reason": "scratch" }))
            .await,
        (201, "succeeded".into())
    );
    let rest = NewDispute {
        amount: Some(2490),
        ..stall.disputed(order)
    };
    let id = stall.open_dispute(&rest).await;
    let seen = stall.dispute(&id).await;
    assert_eq!(seen["paid_twice"]["amount"], 0);
    stall.invariants().await;
    stall.win(&seen, false);
    stall.dispute_becomes(&id, "lost").await;
    assert_eq!(
        stall.refund(order, json!({ "amount": 1, "reason": "kind" })).await.0,
        409
    );

    // All of it went back, and the bank takes it once more: no share is touched, and a person is told.
    let order = stall.paid().await;
    assert_eq!(
        stall.refund(order, json!({ "reason": "scratch" })).await,
        (201, "succeeded".into())
    );
    let before = stall.shares().await;
    let id = stall.open_dispute(&stall.disputed(order)).await;
    let seen = stall.dispute(&id).await;
    assert_eq!(seen["paid_twice"]["amount"], 3490);
    let after = stall.shares().await;
    let parties = |shares: &BTreeMap<AccountKey, i64>| sum(shares, |key| key.party.is_some());
    assert_eq!(
        parties(&before) - parties(&after),
        1500,
        "nobody's share is taken twice; the fee is borne as agreed"
    );
    assert_eq!(sum(&after, |key| key.kind.name() == "dispute_losses"), -3490);
    stall.invariants().await;
    let page = stall
        .staff
        .get(&format!("/studio/{}/disputes/{id}", stall.shop.slug))
        .await
        .text();
    assert!(page.contains("they have it twice"), "{page}");
    stall.win(&seen, true);
    stall.dispute_becomes(&id, "won").await;
    assert_eq!(sum(&stall.shares().await, |key| key.kind.name() == "dispute_losses"), 0);
    stall.invariants().await;
}

#[tokio::test]
async fn p6_l11_notices_that_are_late_lost_or_twice_and_answers_that_are_lost_end_in_the_processors_state() {
    for weather in [
        "notice_duplicate=1000",
        "notice_early=1000",
        "notice_duplicate=300,notice_late=300,timeout_then_ok=300,error_then_ok=200",
    ] {
        let stall = Stall::open(5).await;
        let order = stall.paid().await;
        let id = stall.open_dispute(&stall.disputed(order)).await;
        stall.bank().set_faults(Faults::parse(7, weather).unwrap());
        let seen = stall.dispute(&id).await;
        let texts = json!({ "texts": { "statement": "It was delivered." } });
        let sent = stall.staff.post(&format!("/v1/disputes/{id}/answer"), &texts).await;
        assert_eq!(sent.status, 200, "{}", sent.text());
        stall
            .bank()
            .set_faults(Faults::parse(7, weather.split(",timeout").next().unwrap()).unwrap());
        // Whose answer was lost asks for what became of it, sooner here than the job would.
        stall.look_now(&id).await;
        stall.dispute_becomes_in_time(&id, "under_review").await;
        stall.win(&seen, true);
        stall.bank().set_faults(Faults::default());
        // A notice that is late is made good by looking.
        stall.look_now(&id).await;
        stall.dispute_becomes_in_time(&id, "won").await;
        assert_eq!(
            stall.bank().books().disputes().next().unwrap().submitted,
            1,
            "answered once"
        );
        stall.invariants().await;
    }
}

impl Stall {
    async fn dispute_becomes_in_time(&self, id: &str, state: &str) {
        for _ in 0..30 {
            if self.dispute(id).await["state"] == state {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("{} is not {state}", self.dispute(id).await);
    }

    /// What the job would do tomorrow.
    async fn look_now(&self, id: &str) {
        let (shop, id) = (self.shop.id, id.parse().unwrap());
        let found = self
            .world
            .app
            .db
            .read(move |tx| disputes::find(tx, shop, id))
            .await
            .unwrap()
            .unwrap();
        let ask = hawker::kernel::DisputeAsk::Find {
            dispute: found.name.clone(),
        };
        let hawker::kernel::DisputeAnswer::Told(told) =
            self.world.app.processor(found.processor()).unwrap().dispute(&ask).await
        else {
            panic!("an honest bank answers")
        };
        disputes::hear(&self.world.app, found.processor(), *told, None)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_dispute_of_a_payment_nobody_here_knows_is_no_dispute_of_ours() {
    let stall = Stall::open(5).await;
    let order = stall.paid().await;
    let told = |reference: String| DisputeTold {
        name: "dp_stranger".into(),
        round: 1,
        reference,
        stage: DisputeStage::NeedsResponse,
        amount: Money::new(100, "EUR".parse().unwrap()),
        reason: "general".into(),
        detail: String::new(),
        due_by: None,
        fees: Vec::new(),
    };
    let app = &stall.world.app;
    let nobody = stall.checkout();
    for reference in [format!("{nobody}/1"), "theirs".into()] {
        assert!(!disputes::hear(app, "sandbox", told(reference), None).await.unwrap());
    }
    let intent = stall.checkout_of(order).await.intent();
    let attempt = app
        .db
        .read(move |tx| payments::latest_attempt(tx, intent))
        .await
        .unwrap()
        .unwrap();
    assert!(
        !disputes::hear(app, "manual", told(attempt.reference()), None)
            .await
            .unwrap(),
        "another processor's word"
    );
    assert_eq!(stall.disputes().await, Vec::<Value>::new());
    stall.invariants().await;
}

impl Stall {
    async fn checkout_of(&self, order: OrderId) -> hawker::kernel::CheckoutId {
        let shop = self.shop.id;
        let found = self
            .world
            .app
            .db
            .read(move |tx| checkout::order(tx, shop, order))
            .await
            .unwrap();
        found.unwrap().checkout
    }
}

#[tokio::test]
async fn the_studio_shows_disputes_answers_them_and_plays_the_bank_in_test_mode() {
    let stall = Stall::open(5).await;
    let order = stall.paid().await;
    let desk = format!("/studio/{}/disputes", stall.shop.slug);
    assert!(
        stall
            .staff
            .get(&desk)
            .await
            .text()
            .contains("No buyer has gone to their bank")
    );
    let who: &Client = &stall.staff;
    let opened = who
        .form(
            &desk,
            &[
                ("order", &order.to_string()),
                ("kind", "chargeback"),
                ("reason", "fraudulent"),
            ],
        )
        .await;
    assert_eq!(opened.status, 303, "{}", opened.text());
    let mut all = Vec::new();
    for _ in 0..200 {
        all = stall.disputes().await;
        if !all.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let id = all[0]["id"].as_str().unwrap();
    let list = who.get(&desk).await.text();
    assert!(
        list.contains("Needs an answer") && list.contains("did not make this purchase"),
        "{list}"
    );
    let here = format!("{desk}/{id}");
    let page = who.get(&here).await.text();
    for words in ["Answer the bank", "Who bears it", "JD01", "€15.00", "Packhof"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let orders = who.get(&format!("/studio/{}/orders", stall.shop.slug)).await.text();
    assert!(orders.contains("Disputed"), "{orders}");
    let refused = who.form(&format!("{here}/answer"), &[("statement", " ")]).await;
    assert!(
        refused.status == 200 && refused.text().contains("an empty answer is a lost one"),
        "{}",
        refused.text()
    );
    let sent = who
        .form(&format!("{here}/answer"), &[("statement", "It was delivered.")])
        .await;
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert!(who.get(&here).await.text().contains("What was answered"));
    let decided = who.form(&format!("{here}/bank"), &[("step", "win")]).await;
    assert_eq!(decided.status, 303, "{}", decided.text());
    stall.dispute_becomes(id, "won").await;
    let page = who.get(&here).await.text();
    assert!(
        page.contains("Everybody has exactly what was taken from them"),
        "{page}"
    );
    stall.invariants().await;
}
