//! Several processors, one answer: who is asked, who is asked next, and who never is. Every story ends with the invariants.

use crate::bank::eventually;
use crate::buying::{Stall, tap_body};
use crate::harness::{Answer, Client};
use hawker::checkout::{self, Paying, Payment};
use hawker::config::MoreProcessor;
use hawker::kernel::{self, About, CheckoutId, Decline, Notice, OrderId};
use hawker::offers::PaymentMethod;
use hawker::payments::sandbox::{Faults, PaymentState, Sandbox};
use hawker::payments::{self, Entry};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A shop with two processors of different shapes: `sandbox`, and `sandbox-b`, which takes a promise once and honours `tok_choosy`.
async fn two(units: u32) -> Stall {
    Stall::open_with(units, |config| {
        config.more_processors = vec![MoreProcessor {
            name: "sandbox-b".into(),
            address: "sandbox-single".into(),
            ..MoreProcessor::default()
        }];
    })
    .await
}

fn sandboxes(stall: &Stall) -> (Arc<Sandbox>, Arc<Sandbox>) {
    let all = Sandbox::all(&stall.world.app);
    (all[0].clone(), all[1].clone())
}

/// Payments in a processor's books: how often it was asked.
fn asked(sandbox: &Sandbox) -> usize {
    sandbox.books().payments().count()
}

fn charged(sandbox: &Sandbox) -> usize {
    let books = sandbox.books();
    let binds = |state| matches!(state, PaymentState::RequiresCapture | PaymentState::Succeeded);
    books.payments().filter(|payment| binds(payment.state)).count()
}

fn weather(sandbox: &Sandbox, faults: &str) {
    sandbox.set_faults(Faults::parse(1, faults).unwrap());
}

async fn log(stall: &Stall, id: CheckoutId) -> String {
    let entries: Vec<Entry> = stall
        .world
        .app
        .db
        .read(move |tx| payments::timeline(tx, id.intent()))
        .await
        .unwrap();
    let line = |entry: &Entry| format!("{} {}", entry.what, entry.detail);
    entries.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn owner(stall: &Stall) -> Client {
    stall.staff.clone().with("accept", "application/json")
}

async fn rules(stall: &Stall, rules: Value) {
    let owner = owner(stall);
    let version = owner.get("/v1/routing").await.value()["version"].as_i64().unwrap();
    let put = owner
        .with("if-match", &format!("\"{version}\""))
        .put("/v1/routing", &json!({ "rules": rules }))
        .await;
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(put.value()["version"], version + 1);
}

async fn dry_run(stall: &Stall) -> Value {
    let payment = json!({ "amount": { "amount": 3490, "currency": "EUR" }, "country": "DE", "method": "card" });
    let answer = owner(stall).post("/v1/routing/dry-run", &payment).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.value()
}

fn state(answer: &Answer) -> (u16, String) {
    let state = answer.value()["state"].as_str().unwrap_or_default().to_owned();
    (answer.status, state)
}

fn order_of(answer: &Answer) -> OrderId {
    answer.value()["order"]["id"].as_str().unwrap().parse().unwrap()
}

/// Pays a checkout again, as the buyer does after a no.
async fn pay_again(stall: &Stall, first: &Answer, id: CheckoutId, token: &str) -> Answer {
    let checkout = first.value();
    let secret = checkout["checkout"]["client_secret"]
        .as_str()
        .or(checkout["client_secret"].as_str())
        .unwrap_or_else(|| panic!("{checkout}"))
        .to_owned();
    stall
        .player
        .clone()
        .with("hawker-checkout-secret", &secret)
        .post(
            &format!("/v1/checkouts/{id}/payment"),
            &json!({ "method": "card", "token": token }),
        )
        .await
}

async fn becomes_an_order(stall: &Stall, id: CheckoutId) -> bool {
    let shop = stall.shop.id;
    for _ in 0..300 {
        let born = stall
            .world
            .app
            .db
            .read(move |tx| checkout::order_of_checkout(tx, shop, id))
            .await
            .unwrap();
        if born.is_some() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    false
}

#[tokio::test]
async fn p20_a_soft_no_of_one_processor_and_a_yes_of_the_next_are_one_order_and_one_charge() {
    let stall = two(2).await;
    let (a, b) = sandboxes(&stall);
    let id = stall.checkout();
    let bought = stall.tap(id, "tok_choosy").await;
    assert_eq!(state(&bought), (201, "completed".into()), "{}", bought.text());
    assert_eq!((asked(&a), charged(&a), asked(&b), charged(&b)), (1, 0, 1, 1));
    let log = log(&stall, id).await;
    for sentence in [
        "No rule fits, so we ask in the usual order: sandbox, then sandbox-b.",
        "sandbox declined 34.90 EUR (try 1).",
        "sandbox said no, so sandbox-b is asked. do_not_honor",
        "sandbox-b promised 34.90 EUR (try 2).",
    ] {
        assert!(log.contains(sentence), "{sentence} is not in\n{log}");
    }
    let order = order_of(&bought);
    assert_eq!(stall.ship(order).await.status, 201);
    let seen = stall.order(order).await;
    assert_eq!(
        (seen["payment"].as_str(), &seen["captured"]["amount"]),
        (Some("captured"), &json!(3490)),
        "{seen}"
    );
    let page = stall
        .staff
        .get(&format!("/studio/{}/orders/{order}", stall.shop.slug))
        .await;
    assert!(
        page.text().contains("sandbox said no, so sandbox-b is asked."),
        "the studio tells it"
    );
    // The same tap again is the same purchase, and nobody is asked.
    assert_eq!((stall.charged(), stall.left().await), (1, (1, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn d10_the_same_tap_many_times_at_once_is_one_order_also_over_two_processors() {
    let stall = two(5).await;
    let (a, b) = sandboxes(&stall);
    let (id, quote) = (stall.checkout(), stall.quote(1).await);
    let (path, body) = (format!("/v1/checkouts/{id}"), tap_body(&quote, "tok_choosy"));
    let taps = (0..8).map(|_| stall.player.put(&path, &body));
    let answers = futures_util::future::join_all(taps).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    assert!(becomes_an_order(&stall, id).await);
    assert_eq!(
        (asked(&a), asked(&b), stall.charged(), stall.left().await),
        (1, 1, 1, (4, 0))
    );
    stall.invariants().await;
}

#[tokio::test]
async fn p20_a_hard_no_is_asked_of_nobody_else_and_never_again_with_this_card() {
    let stall = two(2).await;
    let (a, b) = sandboxes(&stall);
    let id = stall.checkout();
    let refused = stall.tap(id, "tok_stolen").await;
    assert_eq!(refused.refusal(), (402, "declined".into()), "{}", refused.text());
    assert_eq!((asked(&a), asked(&b)), (1, 0));
    let again = pay_again(&stall, &refused, id, "tok_stolen").await;
    assert_eq!(again.refusal(), (402, "declined".into()), "{}", again.text());
    assert_eq!((asked(&a), asked(&b)), (1, 0), "the same no, and nobody was asked");
    let paid = pay_again(&stall, &refused, id, "tok_visa").await;
    assert_eq!(
        state(&paid),
        (200, "completed".into()),
        "another card is another story: {}",
        paid.text()
    );
    assert_eq!((stall.charged(), stall.left().await), (1, (1, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn p20_a_no_of_everybody_is_one_no_to_the_buyer() {
    let stall = two(1).await;
    let (a, b) = sandboxes(&stall);
    let id = stall.checkout();
    let refused = stall.tap(id, "tok_declined").await;
    assert_eq!(refused.refusal(), (402, "declined".into()), "{}", refused.text());
    assert_eq!((asked(&a), asked(&b), stall.charged()), (1, 1, 0));
    assert_eq!(
        stall.left().await,
        (0, 1),
        "the unit stays theirs while they look for another card"
    );
    let paid = pay_again(&stall, &refused, id, "tok_visa").await;
    assert_eq!(state(&paid), (200, "completed".into()), "{}", paid.text());
    assert_eq!((stall.charged(), stall.left().await), (1, (0, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn p4_after_an_unknown_nobody_else_is_asked_and_it_ends_in_one_charge() {
    let stall = two(2).await;
    let (a, b) = sandboxes(&stall);
    weather(&a, "timeout_then_ok=1000");
    let id = stall.checkout();
    let unknown = stall.tap(id, "tok_visa").await;
    assert_eq!(
        state(&unknown),
        (201, "complete_in_progress".into()),
        "{}",
        unknown.text()
    );
    assert_eq!(asked(&b), 0);
    weather(&a, "");
    stall.world.clock.advance(15);
    assert!(
        becomes_an_order(&stall, id).await,
        "the resolver asked where the money is"
    );
    assert_eq!((charged(&a), asked(&b), stall.left().await), (1, 0, (1, 0)));
    stall.invariants().await;
}

#[tokio::test]
async fn a_processor_that_cannot_be_reached_is_passed_over_in_the_same_tap() {
    let stall = two(2).await;
    let (a, b) = sandboxes(&stall);
    weather(&a, "not_sent=1000");
    let id = stall.checkout();
    let bought = stall.tap(id, "tok_visa").await;
    assert_eq!(state(&bought), (201, "completed".into()), "{}", bought.text());
    assert_eq!((asked(&a), charged(&b)), (0, 1));
    let log = log(&stall, id).await;
    assert!(log.contains("sandbox was not reached, so sandbox-b is asked."), "{log}");
    stall.invariants().await;
}

#[tokio::test]
async fn p19_an_open_breaker_sends_new_payments_elsewhere_and_leaves_money_where_it_is() {
    let stall = two(20).await;
    let (a, b) = sandboxes(&stall);
    let early = order_of(&stall.tap(stall.checkout(), "tok_visa").await);
    weather(&a, "not_sent=1000");
    for _ in 0..5 {
        let bought = stall.tap(stall.checkout(), "tok_visa").await;
        assert_eq!(state(&bought), (201, "completed".into()), "{}", bought.text());
    }
    let told = dry_run(&stall).await;
    assert_eq!(told["asked"], json!(["sandbox-b"]), "{told}");
    assert_eq!(told["processors"][1]["reason"], "not_reached", "{told}");
    weather(&a, "");
    let id = stall.checkout();
    assert_eq!(state(&stall.tap(id, "tok_visa").await), (201, "completed".into()));
    let told = log(&stall, id).await;
    assert!(
        told.contains("sandbox-b promised 34.90 EUR (try 1)."),
        "b is first now: {told}"
    );
    assert!(told.contains("sandbox was not reached lately."), "{told}");
    // Money that is at `sandbox` is taken there: the breaker is that of promises.
    assert_eq!(stall.ship(early).await.status, 201);
    assert_eq!(stall.order(early).await["payment"], "captured");

    stall.world.clock.advance(31);
    assert_eq!(dry_run(&stall).await["asked"], json!(["sandbox", "sandbox-b"]));
    let id = stall.checkout();
    assert_eq!(state(&stall.tap(id, "tok_visa").await), (201, "completed".into()));
    let told = log(&stall, id).await;
    assert!(
        told.contains("sandbox promised 34.90 EUR (try 1)."),
        "one probe, and it is back: {told}"
    );
    assert_eq!((charged(&a), charged(&b)), (2, 6));
    stall.invariants().await;
}

#[tokio::test]
async fn p19_nobody_who_hands_parcels_over_waits_for_a_processor_that_does_not_answer() {
    let stall = two(20).await;
    let (a, _) = sandboxes(&stall);
    let mut orders = Vec::new();
    for _ in 0..8 {
        orders.push(order_of(&stall.tap(stall.checkout(), "tok_visa").await));
    }
    assert_eq!(stall.ship(orders[7]).await.status, 201);
    weather(&a, "not_sent=1000");
    for order in &orders[..5] {
        assert_eq!(stall.ship(*order).await.status, 201);
    }
    weather(&a, "");
    // The parcel leaves, and its money is asked for later; what else is asked of the same processor is asked at once.
    let left_alone: CheckoutId = orders[5].to_string().replace("ord_", "chk_").parse().unwrap();
    assert_eq!(stall.ship(orders[5]).await.status, 201);
    assert_ne!(stall.order(orders[5]).await["payment"], "captured");
    let told = log(&stall, left_alone).await;
    assert!(told.contains("left alone"), "{told}");
    let refund = json!({ "amount": 3490, "reason": "lost" });
    let given = owner(&stall)
        .post(&format!("/v1/orders/{}/refunds", orders[7]), &refund)
        .await;
    assert_eq!(given.status, 201, "{}", given.text());
    assert_eq!(stall.order(orders[7]).await["payment"], "refunded");

    stall.world.clock.advance(31);
    assert_eq!(stall.ship(orders[6]).await.status, 201);
    assert_eq!(stall.order(orders[6]).await["payment"], "captured", "one ask found out");
    stall.world.clock.advance(60);
    for order in &orders[..6] {
        let taken = async || (stall.order(*order).await["payment"] == "captured").then_some(());
        eventually(taken).await;
    }
    stall.invariants().await;
}

#[tokio::test]
async fn p19_where_everybody_is_down_the_first_is_asked_all_the_same() {
    let stall = two(20).await;
    let (a, b) = sandboxes(&stall);
    weather(&a, "not_sent=1000");
    weather(&b, "not_sent=1000");
    for _ in 0..5 {
        let refused = stall.tap(stall.checkout(), "tok_visa").await;
        assert!(refused.status < 500, "{}", refused.text());
    }
    let told = dry_run(&stall).await;
    assert_eq!(
        (&told["asked"], &told["processors"][0]["reason"]),
        (&json!(["sandbox"]), &json!("nobody_else")),
        "{told}"
    );
    weather(&a, "");
    let bought = stall.tap(stall.checkout(), "tok_visa").await;
    assert_eq!(state(&bought), (201, "completed".into()), "{}", bought.text());
    stall.invariants().await;
}

#[tokio::test]
async fn a_shops_rules_say_who_is_asked_and_a_dry_run_says_so_before() {
    let stall = two(20).await;
    let (a, b) = sandboxes(&stall);
    rules(
        &stall,
        json!([
            { "name": "Yen", "currencies": ["JPY"], "choice": { "order": ["sandbox"] } },
            { "name": "Germany", "countries": ["DE"], "amount_max": { "amount": 5000, "currency": "EUR" },
              "choice": { "order": ["sandbox-b", "sandbox"] } },
        ]),
    )
    .await;
    let told = dry_run(&stall).await;
    assert_eq!(told["rule"], json!({ "index": 1, "name": "Germany" }));
    assert_eq!(
        (&told["asked"], &told["version"]),
        (&json!(["sandbox-b", "sandbox"]), &json!(1))
    );
    let id = stall.checkout();
    assert_eq!(state(&stall.tap(id, "tok_visa").await), (201, "completed".into()));
    assert_eq!((asked(&a), asked(&b)), (0, 1));
    let told = log(&stall, id).await;
    assert!(
        told.contains("Rule \"Germany\" (version 1) has us ask sandbox-b, then sandbox."),
        "{told}"
    );

    // Two mugs cost more than the rule's limit, and may leave in two parcels.
    let quote = stall.quote(2).await;
    let two_mugs = stall
        .player
        .put(
            &format!("/v1/checkouts/{}", stall.checkout()),
            &tap_body(&quote, "tok_visa"),
        )
        .await;
    assert_eq!(state(&two_mugs), (201, "completed".into()), "{}", two_mugs.text());
    assert_eq!((asked(&a), asked(&b)), (1, 1));

    // A split: the lot is the checkout's.
    rules(
        &stall,
        json!([{ "name": "Half", "choice": { "split": [
        { "processor": "sandbox", "percent": 50 }, { "processor": "sandbox-b", "percent": 50 }] } }]),
    )
    .await;
    for _ in 0..6 {
        let id = stall.checkout();
        let question = json!({ "amount": { "amount": 3490, "currency": "EUR" }, "country": "DE", "method": "card", "checkout": id });
        let told = owner(&stall).post("/v1/routing/dry-run", &question).await.value();
        let first = told["asked"][0].as_str().unwrap().to_owned();
        assert_eq!(state(&stall.tap(id, "tok_visa").await), (201, "completed".into()));
        let log = log(&stall, id).await;
        assert!(
            log.contains(&format!("{first} promised 34.90 EUR (try 1).")),
            "{told}\n{log}"
        );
    }

    // The best by what was recorded: too few tries say nothing, so it is the order of the rule.
    rules(
        &stall,
        json!([{ "name": "Best", "choice": { "best": {
        "processors": ["sandbox-b", "sandbox"], "window_hours": 24, "floor_percent": 50 } } }]),
    )
    .await;
    assert_eq!(dry_run(&stall).await["asked"], json!(["sandbox-b", "sandbox"]));
    assert_eq!(stall.charged(), 8);
    stall.invariants().await;
}

#[tokio::test]
async fn a_sale_no_processor_of_the_rule_takes_is_refused_before_anything_is_held() {
    let stall = two(2).await;
    let (a, b) = sandboxes(&stall);
    rules(
        &stall,
        json!([{ "name": "By hand", "choice": { "order": ["manual"] } }]),
    )
    .await;
    let refused = stall.tap(stall.checkout(), "tok_visa").await;
    assert_eq!(
        refused.refusal(),
        (409, "method_not_offered".into()),
        "{}",
        refused.text()
    );
    assert_eq!((asked(&a), asked(&b), stall.left().await), (0, 0, (2, 0)));
    let told = dry_run(&stall).await;
    assert_eq!(
        (&told["asked"], &told["processors"][0]["reason"]),
        (&json!([]), &json!("other_method")),
        "{told}"
    );
    stall.invariants().await;
}

/// A processor that is slow, and whose notice of a no overtakes its answer: by then the buyer may pay again.
async fn overtaken(stall: &Stall) -> (CheckoutId, tokio::task::JoinHandle<Answer>) {
    let (a, _) = sandboxes(stall);
    weather(&a, "not_sent=1000");
    let id = stall.checkout();
    let (player, body) = (stall.player.clone(), tap_body(&stall.quote(1).await, "tok_slow"));
    let tap = tokio::spawn(async move { player.put(&format!("/v1/checkouts/{id}"), &body).await });
    let told = Notice {
        id: "evt_early".into(),
        reference: format!("{id}/1"),
        about: About::Authorize,
        answer: kernel::Answer::Declined {
            payment: "pi_early".into(),
            decline: Decline::Soft("do_not_honor"),
        },
    };
    for _ in 0..100 {
        if checkout::hear::hear(&stall.world.app, "sandbox", told.clone(), "{}".into())
            .await
            .unwrap()
        {
            return (id, tap);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the attempt was never there");
}

#[tokio::test]
async fn p6_a_notice_that_overtakes_the_answer_does_not_keep_the_next_processor_from_being_asked() {
    let stall = two(2).await;
    let (_, b) = sandboxes(&stall);
    let (id, tap) = overtaken(&stall).await;
    let bought = tap.await.unwrap();
    assert_eq!(state(&bought), (201, "completed".into()), "{}", bought.text());
    assert_eq!((charged(&b), stall.charged(), stall.left().await), (1, 1, (1, 0)));
    assert!(
        log(&stall, id)
            .await
            .contains("sandbox said no, so sandbox-b is asked.")
    );
    stall.invariants().await;
}

#[tokio::test]
async fn p6_a_buyer_who_paid_another_way_meanwhile_is_not_charged_twice() {
    let stall = two(2).await;
    let (_, b) = sandboxes(&stall);
    let (id, tap) = overtaken(&stall).await;
    let shop = stall.shop.id;
    let payment = Paying::plain(Payment::new(PaymentMethod::Card, Some("tok_visa".into())));
    let paid = checkout::pay(&stall.world.app, shop, id, payment, String::new())
        .await
        .unwrap();
    assert!(matches!(paid, checkout::Pay::Settled(settled) if settled.order.is_some()));
    let late = tap.await.unwrap();
    assert_eq!(
        state(&late),
        (201, "completed".into()),
        "the late answer finds the order: {}",
        late.text()
    );
    assert_eq!((asked(&b), stall.charged(), stall.left().await), (1, 1, (1, 0)));
    stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn i10_i11_whatever_the_weather_at_both_every_checkout_ends_with_at_most_one_charge() {
    let stall = Arc::new(two(60).await);
    let (a, b) = sandboxes(&stall);
    for (seed, sandbox) in [(11, &a), (12, &b)] {
        let faults = "not_sent=150,lost=80,timeout_then_ok=80,timeout_then_decline=60,error_then_ok=60,garbage=40";
        sandbox.set_faults(Faults::parse(seed, faults).unwrap());
    }
    let mut taps = Vec::new();
    for token in ["tok_visa", "tok_choosy", "tok_declined", "tok_stolen"]
        .iter()
        .cycle()
        .take(40)
    {
        let (stall, id) = (stall.clone(), stall.checkout());
        taps.push(tokio::spawn(async move {
            let answer = stall.tap(id, token).await;
            assert!(answer.status < 500, "{}", answer.text());
            id
        }));
    }
    let ids: Vec<CheckoutId> = futures_util::future::join_all(taps)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    for sandbox in [&a, &b] {
        weather(sandbox, "");
    }
    let app = &stall.world.app;
    let mut waiting = 1;
    for _ in 0..400 {
        let left = app.db.read(payments::waiting).await.unwrap();
        waiting = left.unknown + left.voids_owed + left.conflicted;
        if waiting == 0 {
            break;
        }
        stall.world.clock.advance(5);
        tokio::time::sleep(Duration::from_millis(20)).await;
        payments::resolve(app, checkout::conclude).await.unwrap();
    }
    assert_eq!(waiting, 0, "every unknown is resolved");
    for id in ids {
        let binds = [&a, &b]
            .iter()
            .flat_map(|sandbox| {
                let books = sandbox.books();
                let ours = books.payments().filter(|payment| {
                    let bound = matches!(payment.state, PaymentState::RequiresCapture | PaymentState::Succeeded);
                    bound && payment.reference().starts_with(&format!("{id}/"))
                });
                ours.map(|payment| payment.id.clone()).collect::<Vec<_>>()
            })
            .count();
        let shop = stall.shop.id;
        let born = app
            .db
            .read(move |tx| checkout::order_of_checkout(tx, shop, id))
            .await
            .unwrap();
        assert_eq!(binds, usize::from(born.is_some()), "{}", log(&stall, id).await);
    }
    stall.invariants().await;
}

#[tokio::test]
async fn p8_the_bank_of_the_second_processor_finds_its_buyer_too() {
    let stall = two(1).await;
    let (_, b) = sandboxes(&stall);
    rules(&stall, json!([{ "name": "B", "choice": { "order": ["sandbox-b"] } }])).await;
    let id = stall.checkout();
    let at_the_bank = stall.tap(id, "tok_3ds").await;
    assert_eq!(
        at_the_bank.value()["state"],
        "requires_escalation",
        "{}",
        at_the_bank.text()
    );
    let url = at_the_bank.value()["next_action"]["url"].as_str().unwrap().to_owned();
    let (_, page) = url.split_once("/sandbox/").unwrap();
    let answer = stall
        .world
        .browser()
        .form(&format!("/sandbox/{page}"), &[("answer", "approve")])
        .await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(
        becomes_an_order(&stall, id).await,
        "its notice was heard under its own name"
    );
    assert_eq!((charged(&b), stall.charged()), (1, 1));
    stall.invariants().await;
}

#[tokio::test]
async fn rules_are_versioned_checked_and_the_owners() {
    let stall = two(1).await;
    let owner = owner(&stall);
    let good = json!({ "rules": [{ "name": "All", "choice": { "order": ["sandbox"] } }] });
    let read = owner.get("/v1/routing").await;
    assert_eq!(
        (read.header("etag"), &read.value()["version"], &read.value()["rules"]),
        (Some("\"0\""), &json!(0), &json!([]))
    );
    let single = &read.value()["processors"][1];
    assert_eq!(
        (single["name"].as_str(), single["multicapture"].as_bool()),
        (Some("sandbox-b"), Some(false)),
        "{single}"
    );
    let put = |version: &str, body: Value| {
        let owner = owner.clone().with("if-match", version);
        async move { owner.put("/v1/routing", &body).await }
    };
    assert_eq!(
        owner.put("/v1/routing", &good).await.refusal(),
        (428, "version_required".into())
    );
    assert_eq!(put("3", good.clone()).await.refusal(), (400, "invalid_if_match".into()));
    assert_eq!(put("\"0\"", good.clone()).await.status, 200);
    let stale = put("\"0\"", good.clone()).await;
    assert_eq!(
        (stale.refusal(), stale.header("etag")),
        ((412, "stale".into()), Some("\"1\""))
    );
    // what is sent -> how it is refused; nothing of it is stored
    let wrong = [
        (
            json!({ "rules": [{ "name": "x", "choice": { "order": ["paypal"] } }] }),
            422,
            "invalid_field",
        ),
        (
            json!({ "rules": [{ "name": "x", "choice": { "split": [{ "processor": "sandbox", "percent": 99 }] } }] }),
            422,
            "invalid_field",
        ),
        (
            json!({ "rules": [{ "name": "", "choice": { "order": ["sandbox"] } }] }),
            422,
            "invalid_field",
        ),
    ];
    for (body, status, code) in wrong {
        assert_eq!(
            put("\"1\"", body.clone()).await.refusal(),
            (status, code.into()),
            "{body}"
        );
    }
    let unreadable = [
        json!({}),
        json!({ "rules": {} }),
        json!({ "rules": [{ "name": "x" }] }),
        json!({ "rules": [{ "name": "x", "choice": { "lot": ["sandbox"] } }] }),
        json!({ "rules": [{ "name": "x", "choice": { "order": ["sandbox"], "split": [] } }] }),
        json!({ "rules": [{ "name": "x", "choice": { "order": ["sandbox"] }, "currencies": ["EURO"] }] }),
        json!({ "rules": [{ "name": "x", "choice": { "order": ["sandbox"] }, "city": "Berlin" }] }),
        json!({ "rules": [{ "name": "x", "choice": { "best": { "processors": ["sandbox"], "window_hours": -1, "floor_percent": 1.5 } } }] }),
    ];
    for body in unreadable {
        let answer = put("\"1\"", body.clone()).await;
        assert!(
            (400..=422).contains(&answer.status) && !answer.refusal().1.is_empty(),
            "{body}: {}",
            answer.text()
        );
    }
    let question = |amount: i64, country: &str| json!({ "amount": { "amount": amount, "currency": "EUR" }, "country": country, "method": "card" });
    for (body, code) in [
        (question(0, "DE"), "amount_too_small"),
        (question(i64::MIN, "DE"), "amount_too_small"),
        (question(i64::MAX, "DE"), "amount_too_large"),
        (question(1, "Germany"), "invalid_field"),
    ] {
        assert_eq!(
            owner.post("/v1/routing/dry-run", &body).await.refusal(),
            (422, code.into()),
            "{body}"
        );
    }
    assert_eq!(owner.get("/v1/routing").await.value()["version"], 1);
    stall.invariants().await;
}

/// A rule as the page's form sends it: its name, how it chooses, and of `sandbox`, `sandbox-b` and `manual` the place and the percent.
fn typed_rule<'a>(name: &'a str, asks: &'a str, who: [(&'a str, &'a str); 3]) -> Vec<(&'a str, &'a str)> {
    let mut fields = vec![
        ("rule", "1"),
        ("rule_name", name),
        ("rule_method_0", "card"),
        ("rule_from", ""),
        ("rule_to", "50"),
        ("rule_amount_currency", "eur"),
        ("rule_countries", "de, at"),
        ("rule_currencies", ""),
        ("asks_0", asks),
        ("rule_window", "24"),
        ("rule_floor", "0"),
    ];
    for (processor, (place, percent)) in ["sandbox", "sandbox-b", "manual"].into_iter().zip(who) {
        fields.extend([("who_0", processor), ("place_0", place), ("percent_0", percent)]);
    }
    fields
}

/// The payment of the page's question.
const TRIAL: [(&str, &str); 4] = [
    ("try_amount", "34.90"),
    ("try_currency", "EUR"),
    ("try_country", "DE"),
    ("try_method", "card"),
];

#[tokio::test]
async fn an_owner_writes_a_rule_tries_it_before_it_counts_and_saves_it_without_scripts() {
    let stall = two(20).await;
    let path = format!("/studio/{}/settings/payments", stall.shop.slug);
    let send = async |version: &str, act: &str, rule: &[(&str, &str)]| {
        let fields = [&[("version", version), ("do", act)], rule, &TRIAL[..]].concat();
        stall.staff.form(&path, &fields).await
    };
    let shown = stall.staff.get(&path).await.text();
    for words in [
        "sandbox-b",
        "It takes a promise once.",
        "7 days, unless its answer says otherwise.",
        "Reached",
        "No rule yet",
        "What would happen to this payment?",
    ] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let added = send("0", "add", &[]).await.text();
    assert!(
        added.contains("id=\"rule-1\"") && added.contains("Not saved yet"),
        "{added}"
    );

    // Tried as it is typed; nothing is saved.
    let germany = typed_rule("Germany", "order", [("2", ""), ("1", ""), ("", "")]);
    let tried = send("0", "try", &germany).await.text();
    for words in [
        "Rule 1, “Germany”, fits and decides.",
        "they are not saved",
        "Only after a definite no of sandbox-b; never while an answer of sandbox-b is missing.",
        "Card payments of at most €50.00 to Germany or Austria ask sandbox-b, then sandbox.",
    ] {
        assert!(tried.contains(words), "{words} is not in\n{tried}");
    }
    assert_eq!(owner(&stall).get("/v1/routing").await.value()["version"], 0);

    // Refused beside its field, with everything that was typed.
    let short = typed_rule("Germany", "split", [("", "60"), ("", "20"), ("", "")]);
    let refused = send("0", "save", &short).await.text();
    assert!(
        refused.contains("Rule 1, who is asked: The shares are at least 1 and make 100, not 80."),
        "{refused}"
    );
    assert!(
        refused.contains("value=\"Germany\"") && refused.contains("value=\"60\""),
        "{refused}"
    );
    let nowhere: Vec<_> = (germany.iter())
        .map(|(name, value)| (*name, if *name == "rule_countries" { "XX" } else { *value }))
        .collect();
    let refused = send("0", "save", &nowhere).await.text();
    assert!(refused.contains("Rule 1, countries: XX is no country"), "{refused}");

    let saved = send("0", "save", &germany).await;
    assert_eq!(
        (saved.status, saved.header("location")),
        (303, Some(&*format!("{path}?done=saved"))),
        "{}",
        saved.text()
    );
    let routing = owner(&stall).get("/v1/routing").await.value();
    assert_eq!(
        (&routing["version"], &routing["rules"][0]),
        (
            &json!(1),
            &json!({ "name": "Germany", "amount_max": { "amount": 5000, "currency": "EUR" }, "countries": ["DE", "AT"],
                "methods": ["card"], "choice": { "order": ["sandbox-b", "sandbox"] } })
        )
    );
    let shown = stall.staff.get(&path).await.text();
    assert!(
        shown.contains("Version <span class=\"number\">1</span> is in force"),
        "{shown}"
    );

    // A colleague's page is older: what changed is said, what they typed stays, and saving again replaces it.
    let half = typed_rule("Half", "split", [("", "50"), ("", "50"), ("", "")]);
    let stale = send("0", "save", &half).await.text();
    for words in [
        "Someone changed this while you were typing.",
        "New “Germany”: Card payments of at most €50.00",
        "value=\"Half\"",
        "name=\"version\" value=\"1\"",
    ] {
        assert!(stale.contains(words), "{words} is not in\n{stale}");
    }
    assert_eq!(send("1", "save", &half).await.status, 303);
    assert_eq!(
        owner(&stall).get("/v1/routing").await.value()["rules"][0]["choice"],
        json!({ "split": [{ "processor": "sandbox", "percent": 50 }, { "processor": "sandbox-b", "percent": 50 }] })
    );
    stall.invariants().await;
}

#[tokio::test]
async fn with_one_processor_the_page_says_that_there_is_nothing_to_decide() {
    let stall = Stall::open(1).await;
    let path = format!("/studio/{}/settings/payments", stall.shop.slug);
    let shown = stall.staff.get(&path).await.text();
    assert!(
        shown.contains("There is nothing to decide: each way to pay has one processor"),
        "{shown}"
    );
    assert!(!shown.contains("Add a rule"));
    let fields = [&[("version", "0"), ("do", "try")][..], &TRIAL].concat();
    let told = stall.staff.form(&path, &fields).await.text();
    assert!(
        told.contains("There is nothing to decide: only sandbox takes this. No rule is asked."),
        "{told}"
    );
}
