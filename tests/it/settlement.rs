//! Settlement files over HTTP: the sandbox writes its report, it is sent in, and what does not agree is a question for a person (P23).

use crate::buying::Stall;
use crate::harness::{Answer, Client};
use axum::body::Bytes;
use axum::http::Method;
use hawker::kernel::OrderId;
use hawker::ledger;
use hawker::payments::sandbox::{Sandbox, settlement_report};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

impl Stall {
    /// What the processor would report today.
    fn report(&self) -> String {
        let bank = Sandbox::installed(&self.world.app).unwrap();
        let books = bank.books();
        settlement_report(&books, self.world.app.clock.wall(), |_| true)
    }

    async fn send(&self, name: &str, text: &str) -> Answer {
        send(&self.staff, name, text).await
    }

    /// Sends a file and waits until every line was looked at.
    async fn imported(&self, name: &str, text: &str) -> Value {
        let sent = self.send(name, text).await;
        assert_eq!(sent.status, 201, "{}", sent.text());
        let id = sent.value()["id"].as_str().unwrap().to_owned();
        for _ in 0..400 {
            let file = self.staff.get(&format!("/v1/settlement-files/{id}")).await.value();
            if file["state"] == "done" {
                return file;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the file is not worked on")
    }

    async fn exceptions(&self) -> Vec<Value> {
        let answer = self.staff.get("/v1/settlement-exceptions?limit=100").await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.value()["data"].as_array().unwrap().clone()
    }

    /// The one exception of that kind and line.
    async fn question(&self, trouble: &str, number: i64) -> Value {
        let all = self.exceptions().await;
        let found = all
            .iter()
            .find(|line| line["trouble"] == trouble && line["number"] == number);
        found
            .unwrap_or_else(|| panic!("no {trouble} in line {number}: {all:?}"))
            .clone()
    }

    async fn say(&self, line: &Value, decision: &str) -> Answer {
        let path = format!("/v1/settlement-exceptions/{}/decisions", line["id"].as_str().unwrap());
        let body = json!({ "decision": decision, "reason": "Looked at it with the bank." });
        self.staff.post(&path, &body).await
    }

    /// All accounts of the shop that stand at something, by name and currency.
    async fn accounts(&self) -> BTreeMap<String, i64> {
        let shop = self.shop.id;
        let all = self
            .world
            .app
            .db
            .read(move |tx| ledger::balances(tx, shop))
            .await
            .unwrap();
        let mut sums = BTreeMap::new();
        for balance in all {
            let name = format!("{} {}", balance.key.kind.name(), balance.money.currency);
            *sums.entry(name).or_default() += balance.money.minor;
        }
        sums.retain(|_, minor: &mut i64| *minor != 0);
        sums
    }

    async fn sold(&self) -> OrderId {
        let order = self.buy().await;
        assert_eq!(self.ship(order).await.status, 201);
        order
    }
}

async fn send(client: &Client, name: &str, text: &str) -> Answer {
    let path = format!("/v1/settlement-files?processor=sandbox&name={name}");
    client
        .send(Method::POST, &path, Some("text/csv"), Bytes::from(text.to_owned()))
        .await
}

/// Every currency of the ledger comes to nothing, whatever a file said.
fn adds_up(accounts: &BTreeMap<String, i64>) {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for (name, minor) in accounts {
        *sums.entry(name.rsplit(' ').next().unwrap()).or_default() += minor;
    }
    assert!(sums.values().all(|sum| *sum == 0), "{accounts:?}");
}

/// The mug of 29.90 with delivery is 34.90, of which the sandbox keeps 0.77.
const AS_EXPECTED: &str = ",34.90,0.77,34.13,charge,";

#[tokio::test]
async fn p23_the_processors_file_agrees_line_by_line_and_the_same_again_changes_nothing() {
    let stall = Stall::open(5).await;
    let (first, second) = (stall.sold().await, stall.sold().await);
    let back = json!({ "amount": 1000, "reason": "A scratch" });
    let refunded = stall.staff.post(&format!("/v1/orders/{second}/refunds"), &back).await;
    assert_eq!(refunded.status, 201, "{}", refunded.text());
    let before = stall.accounts().await;
    let report = stall.report();
    assert_eq!(report.matches(AS_EXPECTED).count(), 2, "{report}");
    let file = stall.imported("November.csv", &report).await;
    assert_eq!(
        (&file["lines"], &file["matched"], &file["exceptions"], &file["format"]),
        (&json!(3), &json!(3), &json!(0), &json!("stripe"))
    );
    assert_eq!(stall.accounts().await, before, "everything was as expected");

    // Byte for byte, and renamed: the same file.
    for name in ["November.csv", "copy.csv"] {
        let again = stall.send(name, &report).await;
        assert_eq!((again.status, &again.value()["repeated"]), (200, &json!(true)));
        assert_eq!(again.value()["id"], file["id"]);
    }
    // Exported again with the lines in another order: another file, and no line of it is new.
    let mut lines: Vec<&str> = report.lines().collect();
    lines[1..].reverse();
    let turned = stall.imported("again.csv", &format!("{}\n", lines.join("\n"))).await;
    assert_eq!(
        (&turned["again"], &turned["matched"], &turned["exceptions"]),
        (&json!(3), &json!(0), &json!(0))
    );
    assert_eq!(stall.accounts().await, before);
    assert!(stall.exceptions().await.is_empty());

    // Each line says what it is about.
    let path = format!("/v1/settlement-files/{}/lines", file["id"].as_str().unwrap());
    let lines = stall.staff.get(&path).await.value()["data"].as_array().unwrap().clone();
    let orders: Vec<&str> = lines.iter().map(|line| line["order"].as_str().unwrap()).collect();
    assert!(orders.contains(&first.to_string().as_str()), "{orders:?}");
    assert!(lines.iter().all(|line| line["state"] == "matched"));
    stall.invariants().await;
}

#[tokio::test]
async fn p23_a_changed_fee_is_borne_by_whoever_bore_the_expected_one() {
    let stall = Stall::open(5).await;
    let order = stall.sold().await;
    let before = stall.accounts().await;
    // A little more than expected is simply true.
    let report = stall.report().replace(AS_EXPECTED, ",34.90,0.99,33.91,charge,");
    let file = stall.imported("fees.csv", &report).await;
    assert_eq!(
        (&file["matched"], &file["exceptions"]),
        (&json!(1), &json!(0)),
        "{file}"
    );
    let after = stall.accounts().await;
    let moved: BTreeMap<&String, i64> = (before.iter())
        .map(|(name, minor)| (name, after[name] - minor))
        .filter(|(_, moved)| *moved != 0)
        .collect();
    assert_eq!(
        moved.values().copied().collect::<std::collections::BTreeSet<i64>>(),
        [-22, 22].into(),
        "the processor holds 22 cents less, and one account bears them: {moved:?}"
    );
    adds_up(&after);
    let payment = stall
        .staff
        .get(&format!("/v1/payments/int_{}", &order.to_string()[4..]))
        .await
        .value();
    let log = payment["log"].to_string();
    assert!(
        log.contains("kept €0.99") && log.contains("€0.77 was expected"),
        "{log}"
    );

    // Far more is a question. Nothing moves until a person says so.
    let order = stall.sold().await;
    let before = stall.accounts().await;
    let report = stall.report().replace(AS_EXPECTED, ",34.90,9.99,24.91,charge,");
    let file = stall.imported("high.csv", &report).await;
    // The first sale stands there again, and with other words than before: that is a question of its own.
    assert_eq!(file["exceptions"], json!(2), "{file}");
    assert_eq!(stall.accounts().await, before);
    let high = stall.exceptions().await;
    let high = high.iter().find(|line| line["trouble"] == "fee").unwrap();
    let known = stall.question("duplicate", 5 - high["number"].as_i64().unwrap()).await;
    let open = [known, high.clone()];
    assert_eq!(open[1]["order"], json!(order));
    assert_eq!(stall.say(&open[0], "leave").await.status, 200);
    assert_eq!(stall.accounts().await, before, "left is left");
    let accepted = stall.say(&open[1], "accept").await;
    assert_eq!(
        (accepted.status, &accepted.value()["state"]),
        (200, &json!("accepted")),
        "{}",
        accepted.text()
    );
    let after = stall.accounts().await;
    let clearing = "processor_clearing EUR";
    assert_eq!(after[clearing] - before[clearing], 999 - 77);
    adds_up(&after);
    let twice = stall.say(&open[1], "accept").await;
    assert_eq!(twice.refusal(), (409, "not_open".into()));
    assert_eq!(stall.accounts().await, after);
    assert!(stall.exceptions().await.is_empty());
    stall.invariants().await;
}

#[tokio::test]
async fn p23_a_truncated_file_imports_nothing() {
    let stall = Stall::open(5).await;
    stall.sold().await;
    stall.sold().await;
    let report = stall.report();
    let cut = &report[..report.len() - 20];
    for (text, line) in [(cut.to_owned(), "Line 3"), (format!("{cut}\n"), "Line 3")] {
        let refused = stall.send("cut.csv", &text).await;
        assert_eq!(
            refused.refusal(),
            (422, "settlement_file_broken".into()),
            "{}",
            refused.text()
        );
        assert!(refused.text().contains(line), "{}", refused.text());
    }
    let none = stall.staff.get("/v1/settlement-files").await.value();
    assert_eq!(none["data"], json!([]), "nothing of it is here");
    assert_eq!(stall.imported("whole.csv", &report).await["matched"], json!(2));
    let strange = stall
        .staff
        .send(
            Method::POST,
            "/v1/settlement-files?processor=paypal",
            Some("text/csv"),
            Bytes::from(report),
        )
        .await;
    assert_eq!(strange.refusal(), (422, "invalid_field".into()));
    stall.invariants().await;
}

#[tokio::test]
async fn p23_what_only_they_have_is_a_question_and_agreeing_books_it_once() {
    let stall = Stall::open(5).await;
    stall.sold().await;
    let before = stall.accounts().await;
    let mut report = stall.report();
    report.push_str(
        "po_9,,txn_extra,2026-11-20 10:00:00,,eur,12.00,0.50,11.50,charge,ch_9,,12.00,eur,ch_9,pi_of_somebody\n",
    );
    report.push_str("po_9,,txn_radar,2026-11-20 10:00:00,,eur,-1.20,0.00,-1.20,fee,,Radar,,,,\n");
    report.push_str("po_9,,txn_paid,2026-11-21 10:00:00,,eur,-20.00,0.00,-20.00,payout,po_9,,,,,\n");
    report.push_str("po_9,,txn_other,2026-11-21 10:00:00,,eur,5.00,0.00,5.00,other_adjustment,,,,,,\n");
    let file = stall.imported("extra.csv", &report).await;
    assert_eq!(
        (&file["matched"], &file["booked"], &file["exceptions"]),
        (&json!(1), &json!(2), &json!(2)),
        "{file}"
    );
    // A fee of the account is the shop's; what was paid out is in its bank account.
    let booked = stall.accounts().await;
    assert_eq!(booked["paid_out EUR"], -2000);
    assert_eq!(
        booked["processor_clearing EUR"] - before["processor_clearing EUR"],
        2000 + 120
    );
    let open = stall.exceptions().await;
    assert!(open.iter().all(|line| line["trouble"] == "extra"), "{open:?}");
    assert_eq!(open.len(), 2);
    let open = [stall.question("extra", 3).await, stall.question("extra", 6).await];
    assert!(open[0]["what"].as_str().unwrap().contains("pi_of_somebody"), "{open:?}");
    // Without a reason nobody decides.
    let path = format!(
        "/v1/settlement-exceptions/{}/decisions",
        open[0]["id"].as_str().unwrap()
    );
    let mute = stall
        .staff
        .post(&path, &json!({ "decision": "accept", "reason": " " }))
        .await;
    assert_eq!(mute.refusal(), (422, "invalid_field".into()));
    assert_eq!(stall.say(&open[0], "accept").await.status, 200);
    assert_eq!(stall.say(&open[1], "leave").await.status, 200);
    let after = stall.accounts().await;
    assert_eq!(after["settlement_differences EUR"], 1150);
    assert_eq!(
        after["processor_clearing EUR"] - booked["processor_clearing EUR"],
        -1150
    );
    adds_up(&after);
    assert!(stall.exceptions().await.is_empty());
}

#[tokio::test]
async fn p23_l7_what_is_settled_in_another_currency_leaves_in_one_and_enters_in_the_other() {
    let stall = Stall::open(5).await;
    stall.sold().await;
    let before = stall.accounts().await;
    let report = stall.report();
    let abroad = report.replace(",eur,34.90,0.77,34.13,charge,", ",usd,40.00,1.20,38.80,charge,");
    assert_ne!(report, abroad);
    let file = stall.imported("dollars.csv", &abroad).await;
    assert_eq!(
        (&file["matched"], &file["exceptions"]),
        (&json!(1), &json!(0)),
        "{file}"
    );
    let after = stall.accounts().await;
    // 1.20 of 40.00 dollars is 1.05 of 34.90 euros; what is left of the sale has left in euros and is held in dollars.
    assert_eq!(after.get("processor_clearing EUR"), None);
    assert_eq!(after["currency_exchange EUR"], -(3490 - 105));
    assert_eq!(after["processor_clearing USD"], -3880);
    assert_eq!(after["currency_exchange USD"], 3880);
    adds_up(&after);
    assert_eq!(before["processor_clearing EUR"], -(3490 - 77));
}

#[tokio::test]
async fn p23_a_dispute_and_its_fee_are_settled_as_they_were_booked() {
    let stall = Stall::open(5).await;
    let order = stall.sold().await;
    let bank = Sandbox::installed(&stall.world.app).unwrap();
    let payment = {
        let books = bank.books();
        let ours =
            |reference: &str| hawker::payments::read_reference(reference).is_some_and(|(id, _)| id.order() == order);
        let found = books.payments().find(|payment| ours(payment.reference())).unwrap();
        found.id.clone()
    };
    let new = hawker::payments::sandbox::NewDispute {
        payment,
        amount: None,
        reason: "product_not_received".into(),
        inquiry: false,
        to_answer: hawker::kernel::Seconds::days(14),
    };
    bank.at_the_bank(|books, now| books.open_dispute(&new, now)).unwrap();
    for _ in 0..200 {
        if stall.accounts().await.contains_key("dispute_losses EUR")
            || !stall.staff.get("/v1/disputes").await.value()["data"]
                .as_array()
                .unwrap()
                .is_empty()
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = stall.accounts().await;
    let file = stall.imported("disputed.csv", &stall.report()).await;
    assert_eq!((&file["lines"], &file["matched"]), (&json!(2), &json!(2)), "{file}");
    assert_eq!(stall.accounts().await, before, "its fee was told with it");
}

#[tokio::test]
async fn p23_a_large_file_goes_on_after_a_restart_and_books_each_line_once() {
    let stall = Stall::open(5).await;
    stall.sold().await;
    let mut report = stall.report();
    for n in 0..1500 {
        report.push_str(&format!(
            "po_9,,txn_fee_{n},2026-11-20 10:00:00,,eur,-0.01,0.00,-0.01,fee,,,,,,\n"
        ));
    }
    let before = stall.accounts().await;
    let sent = stall.send("large.csv", &report).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let half = sent.value();
    assert_eq!(half["state"], "matching", "it is too large for one answer: {half}");
    assert!(half["worked"].as_i64().unwrap() > 0, "it says how far it is");
    let Stall { world, shop, mug, .. } = stall;
    let world = world.restart().await;
    let stall = Stall {
        player: world.with_key(&shop.publishable_key),
        staff: world.sign_in(&shop, &shop.owner_email).await,
        world,
        shop,
        mug,
    };
    let path = format!("/v1/settlement-files/{}", half["id"].as_str().unwrap());
    let mut file = half;
    for _ in 0..600 {
        file = stall.staff.get(&path).await.value();
        if file["state"] == "done" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        (
            &file["state"],
            &file["lines"],
            &file["worked"],
            &file["matched"],
            &file["booked"],
            &file["again"]
        ),
        (
            &json!("done"),
            &json!(1501),
            &json!(1501),
            &json!(1),
            &json!(1500),
            &json!(0)
        )
    );
    let after = stall.accounts().await;
    assert_eq!(after["processor_clearing EUR"] - before["processor_clearing EUR"], 1500);
    adds_up(&after);
}

#[tokio::test]
async fn p23_another_shop_sees_no_file_and_settles_nothing_of_ours() {
    let stall = Stall::open(5).await;
    stall.sold().await;
    let before = stall.accounts().await;
    let report = stall.report();
    let other = stall.world.shop("Two Pulls").await;
    let stranger = stall.world.sign_in(&other, &other.owner_email).await;
    // The same file at another shop: of our sale it knows nothing.
    let sent = send(&stranger, "theirs.csv", &report).await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    assert_eq!(
        (&sent.value()["matched"], &sent.value()["exceptions"]),
        (&json!(0), &json!(1))
    );
    let theirs = stranger.get("/v1/settlement-exceptions").await.value()["data"][0].clone();
    assert_eq!((&theirs["trouble"], &theirs["order"]), (&json!("extra"), &Value::Null));
    // And it is no repetition at ours.
    let ours = stall.imported("ours.csv", &report).await;
    assert_eq!(ours["matched"], json!(1));
    let id = ours["id"].as_str().unwrap();
    for path in [
        format!("/v1/settlement-files/{id}"),
        format!("/v1/settlement-files/{id}/lines"),
    ] {
        assert_eq!(stranger.get(&path).await.status, 404, "{path}");
    }
    let path = format!("/v1/settlement-exceptions/{}/decisions", theirs["id"].as_str().unwrap());
    let body = json!({ "decision": "accept", "reason": "Not mine at all" });
    assert_eq!(stall.staff.post(&path, &body).await.status, 404);
    assert_eq!(stall.accounts().await, before);
    let files = stranger.get("/v1/settlement-files").await.value()["data"]
        .as_array()
        .unwrap()
        .len();
    assert_eq!(files, 1);
}
