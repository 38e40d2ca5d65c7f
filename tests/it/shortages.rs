//! Fewer pieces on the shelf than were promised (docs/changes.md). Every story ends with the invariants.

use crate::buying::{Stall, tap_body};
use hawker::identity::Role;
use hawker::kernel::OrderId;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

impl Stall {
    /// Where the mug lies, and what is promised of it.
    pub async fn shelves(&self) -> Vec<Value> {
        let found = self.staff.get(&format!("/v1/variants/{}/shelf", self.mug)).await;
        assert_eq!(found.status, 200, "{}", found.text());
        found.value()["data"].as_array().unwrap().clone()
    }

    pub async fn shortages(&self) -> Vec<Value> {
        let found = self.staff.get("/v1/shortages").await;
        assert_eq!(found.status, 200, "{}", found.text());
        found.value()["data"].as_array().unwrap().clone()
    }

    async fn count_shelf(&self, units: u32) -> Value {
        let path = format!("/v1/variants/{}/shelf", self.mug);
        let counted = self.staff.put(&path, &json!({ "counted": units })).await;
        assert_eq!(counted.status, 200, "{}", counted.text());
        counted.value()
    }

    async fn cancel_one(&self, order: OrderId) {
        let path = format!("/v1/orders/{order}/canceled-units");
        let body = json!({ "lines": [{ "line": 0, "quantity": 1 }], "reason": "not there" });
        let canceled = self.staff.post(&path, &body).await;
        assert!(canceled.status < 300, "{}", canceled.text());
    }
}

/// Whose pieces are missing: orders and checkouts by their ids, and how many.
fn whose(shelf: &Value) -> Vec<(String, i64)> {
    let affected = shelf["affected"].as_array().unwrap().iter();
    let id = |promise: &Value| {
        promise["order"]
            .as_str()
            .or(promise["checkout"].as_str())
            .unwrap()
            .to_owned()
    };
    affected
        .map(|promise| (id(promise), promise["short"].as_i64().unwrap()))
        .collect()
}

/// A helper on their first day counts two where four are promised. The count stands, nobody's piece is taken away, nothing more is sold; whose pieces are
/// missing is a task, the last ones first, until pieces and promises agree.
#[tokio::test]
async fn d9_a_count_below_what_is_promised_is_a_shortage_of_those_who_came_last() {
    let stall = Stall::open(5).await;
    let mut orders = Vec::new();
    for _ in 0..3 {
        orders.push(stall.buy().await);
        stall.world.clock.advance(1);
    }
    let mut body = tap_body(&stall.quote(1).await, "tok_visa");
    let payment = body.as_object_mut().unwrap().remove("payment").unwrap();
    let held = stall.checkout();
    let placed = stall.player.put(&format!("/v1/checkouts/{held}"), &body).await.value();
    assert_eq!(placed["state"], "ready_for_complete", "{placed}");
    assert_eq!(stall.left().await, (1, 1));

    let (_, email) = stall.world.person(&stall.shop, Role::Helper).await;
    let helper = stall.world.sign_in(&stall.shop, &email).await;
    let mug = stall.mug.to_string();
    let product = stall.staff.get(&format!("/v1/orders/{}", orders[0])).await;
    assert_eq!(product.status, 200);
    let shelf_page = shelf_page(&stall).await;
    let page = helper.get(&shelf_page).await.text();
    assert!(
        page.contains("5 pieces should lie here: 1 left, 1 in checkouts, 3 sold and not sent."),
        "{page}"
    );
    let typed = |counted| [("variant", mug.as_str()), ("counted", counted)];
    let refused = helper.form(&shelf_page, &typed("two")).await;
    assert!(
        refused.text().contains("A whole number, such as 12."),
        "{}",
        refused.text()
    );
    assert_eq!(helper.form(&shelf_page, &typed("2")).await.status, 303);

    let short = stall.shortages().await;
    assert_eq!(short.len(), 1, "{short:?}");
    let last = (held.to_string(), 1);
    assert_eq!(whose(&short[0]), [last.clone(), (orders[2].to_string(), 1)]);
    assert_eq!(
        (&short[0]["short"], &short[0]["left"], &short[0]["waiting"]),
        (&json!(2), &json!(0), &json!(3))
    );
    assert_eq!(stall.left().await, (0, 1), "nobody is sold what is missing");
    let late = stall
        .player
        .get(&format!("/v1/quotes?lines={}:1&country=DE", stall.mug))
        .await;
    assert_eq!(late.refusal(), (409, "sold_out".into()));
    let today = helper.get("/studio/kiln").await.text();
    let number = stall.order(orders[2]).await["number"].as_str().unwrap().to_owned();
    assert!(today.contains("2 missing") && today.contains(&shelf_page), "{today}");
    assert!(
        today.contains(&format!(
            "4 promised, 2 on the shelf. Affected first: a checkout that has not paid, order {number}."
        )),
        "{today}"
    );
    let page = helper.get(&shelf_page).await.text();
    assert!(
        page.contains("2 pieces are missing") && page.contains(&format!("/orders/{}", orders[2])),
        "{page}"
    );
    assert!(!page.contains(&orders[1].to_string()), "who is safe is not named");

    // That nothing is free is no news; a count of pieces that are free would be.
    let free = stall
        .staff
        .put(&format!("/v1/variants/{}/stock", stall.mug), &json!({ "on_hand": 0 }))
        .await
        .value();
    assert_eq!((&free["short"], &free["left"]), (&json!(2), &json!(0)), "{free}");
    // Who reserved may pay, and is the last who bought then: nobody who was safe is affected by it.
    let secret = placed["client_secret"].as_str().unwrap();
    let buyer = stall.player.clone().with("hawker-checkout-secret", secret);
    let paid = buyer
        .post(&format!("/v1/checkouts/{held}/payment"), &payment)
        .await
        .value();
    assert_eq!(paid["state"], "completed", "{paid}");
    let bought: OrderId = paid["order"]["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(
        whose(&stall.shortages().await[0]),
        [(bought.to_string(), 1), (orders[2].to_string(), 1)]
    );
    // Its piece is canceled, and its money never taken; the piece is not sold again, for it is not there.
    stall.work_is_open(bought).await;
    stall.cancel_one(bought).await;
    assert_eq!(whose(&stall.shortages().await[0]), [(orders[2].to_string(), 1)]);
    assert_eq!((stall.left().await, stall.at_the_processor(bought).0), ((0, 0), 0));
    // One more turns up behind the kiln: everybody has theirs, and the task is gone.
    let counted = stall.count_shelf(3).await;
    assert_eq!(
        (&counted["short"], &counted["left"]),
        (&json!(0), &json!(0)),
        "{counted}"
    );
    assert_eq!(stall.shortages().await, Vec::<Value>::new());
    assert!(!helper.get("/studio/kiln").await.text().contains("See whose they are"));
    for order in &orders {
        assert_eq!(stall.ship(*order).await.status, 201);
    }
    assert_eq!(
        stall.count_shelf(2).await["left"],
        2,
        "what has left lies there no more"
    );
    assert_eq!(stall.left().await, (2, 0));
    stall.invariants().await;
}

/// The studio's page of the mug's shelf.
async fn shelf_page(stall: &Stall) -> String {
    let (shop, mug) = (stall.shop.id, stall.mug);
    let product = stall
        .world
        .app
        .db
        .read(move |tx| hawker::catalog::product_of(tx, shop, mug));
    format!("/studio/kiln/products/{}/shelf", product.await.unwrap().unwrap().id)
}

#[tokio::test]
async fn d9_a_shortage_ends_by_itself_when_reservations_end_and_nothing_that_is_missing_is_sold() {
    let stall = Stall::open(3).await;
    let sold = stall.buy().await;
    let reserved = json!({ "quote": stall.quote(2).await["quote"] });
    let held = stall
        .player
        .put(&format!("/v1/checkouts/{}", stall.checkout()), &reserved)
        .await;
    assert_eq!(held.status, 201, "{}", held.text());
    assert_eq!(stall.count_shelf(0).await["short"], 3);
    stall.world.clock.advance(11 * 60);
    for _ in 0..300 {
        if stall.left().await == (0, 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let short = stall.shortages().await;
    assert_eq!(whose(&short[0]), [(sold.to_string(), 1)], "{short:?}");
    assert_eq!(stall.left().await, (0, 0));
    // Whatever comes makes up for what is missing first.
    let more = stall
        .staff
        .put(&format!("/v1/variants/{}/stock", stall.mug), &json!({ "on_hand": 2 }))
        .await
        .value();
    assert_eq!((&more["short"], &more["left"]), (&json!(0), &json!(2)), "{more}");
    assert_eq!(stall.shortages().await, Vec::<Value>::new());
    assert_eq!(stall.ship(sold).await.status, 201);
    stall.invariants().await;
}

/// Forty buyers tap while a helper counts ten of thirty: whatever comes first, no more than ten that lie there are sold, or all that is sold beyond them
/// is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d9_a_count_in_the_middle_of_a_rush_counts_every_promise_once() {
    let stall = Arc::new(Stall::open(30).await);
    let quote = stall.quote(1).await;
    let buyers: Vec<_> = (0..40)
        .map(|number| {
            let (stall, body) = (stall.clone(), tap_body(&quote, "tok_visa"));
            tokio::spawn(async move {
                if number == 12 {
                    stall.count_shelf(10).await;
                }
                let id = stall.checkout();
                stall.player.put(&format!("/v1/checkouts/{id}"), &body).await.status
            })
        })
        .collect();
    let mut sold = 0;
    for buyer in buyers {
        sold += i64::from(buyer.await.unwrap() == 201);
    }
    let shelf = &stall.shelves().await[0];
    let of = |name: &str| shelf[name].as_i64().unwrap();
    assert_eq!((of("waiting"), of("left"), of("in_checkouts")), (sold, 0, 0), "{shelf}");
    assert_eq!(sold - of("short"), 10, "{shelf}");
    stall.invariants().await;
}
