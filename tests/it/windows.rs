//! Shops that exist for a time, as their owner and their visitors meet them.

use crate::buying::{Stall, tap_body};
use crate::harness::{Answer, Client};
use hawker::catalog;
use hawker::kernel::Time;
use serde_json::{Value, json};
use std::time::Duration;

const HOUR: i64 = 3600;

fn at(stall: &Stall, seconds: i64) -> Time {
    Time(stall.world.app.clock.wall().0 + seconds * 1_000_000)
}

async fn set(stall: &Stall, window: Value) -> Answer {
    stall.staff.put("/v1/shop/window", &window).await
}

async fn asked(stall: &Stall) -> Answer {
    let path = format!("/v1/quotes?lines={}:1&country=DE", stall.mug);
    stall.player.get(&path).await
}

fn visitor(stall: &Stall) -> Client {
    stall.world.browser()
}

/// What the job does at the end of a shop.
async fn until_archived(stall: &Stall) {
    let shop = stall.shop.id;
    for _ in 0..300 {
        let left = stall
            .world
            .app
            .db
            .read(move |tx| Ok(catalog::list_active(tx, shop, None, 10)?.data.len()));
        if left.await.unwrap() == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("what the shop sold is never archived");
}

#[tokio::test]
async fn d13_a_shop_of_three_days_opens_sells_and_closes_itself_and_keeps_its_promises() {
    let stall = Stall::open(5).await;
    let (opens, closes) = (at(&stall, HOUR), at(&stall, 73 * HOUR));
    let window = json!({ "opens_at": opens, "closes_at": closes, "archives": true });
    let made = set(&stall, window.clone()).await;
    assert_eq!(
        (made.status, &made.value()["window"]),
        (200, &window),
        "{}",
        made.text()
    );
    assert_eq!(set(&stall, window).await.status, 200, "twice is once");

    // Before: a page with a clock, and nothing for sale.
    let front = format!("/s/{}", stall.shop.slug);
    let product = format!("{front}/products/mug");
    let coming = visitor(&stall).get(&front).await;
    assert_eq!(coming.status, 200);
    assert!(
        coming.text().contains("Opens soon") && coming.text().contains(&opens.to_string()),
        "{}",
        coming.text()
    );
    assert!(coming.text().contains("It is here for 72 hours."), "{}", coming.text());
    assert!(coming.header("refresh").is_some(), "without scripts it looks again");
    assert!(!visitor(&stall).get(&product).await.text().contains("Mug"));
    assert_eq!(asked(&stall).await.refusal(), (409, "shop_not_open".into()));
    let sitemap = |stall: &Stall| {
        let client = stall.world.client();
        async move { client.get("/sitemap.xml").await.text() }
    };
    assert!(!sitemap(&stall).await.contains("/products/mug"));
    // Its own people see it as it will be, and can buy no more than anybody.
    assert!(stall.staff.get(&product).await.text().contains("Mug"));
    let form = format!("{front}/checkout?lines={}:1", stall.mug);
    let refused = visitor(&stall).get(&form).await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.text().contains("This shop is not open yet."),
        "{}",
        refused.text()
    );

    // While it is open it is a shop like any other, and its end is only moved away.
    stall.world.clock.advance(HOUR + 1);
    assert!(
        visitor(&stall)
            .get(&product)
            .await
            .text()
            .contains("application/ld+json")
    );
    assert!(sitemap(&stall).await.contains("/products/mug"));
    let order = stall.buy().await;
    let sooner = json!({ "opens_at": opens, "closes_at": at(&stall, HOUR), "archives": true });
    assert_eq!(set(&stall, sooner).await.refusal(), (422, "invalid_field".into()));
    let later = json!({ "opens_at": opens, "closes_at": at(&stall, 80 * HOUR), "archives": true });
    assert_eq!(set(&stall, later).await.status, 200);
    stall.world.clock.advance(79 * HOUR);

    // The last minutes: what is reserved can be paid after the end, by the clock, whether or not a job was there.
    stall.world.clock.advance(HOUR - 120);
    let quote_of_the_last_minute = stall.quote(1).await;
    let mut body = tap_body(&quote_of_the_last_minute, "tok_visa");
    body.as_object_mut().unwrap().remove("payment");
    let id = stall.checkout();
    let reserved = stall.player.put(&format!("/v1/checkouts/{id}"), &body).await;
    assert_eq!(reserved.status, 201, "{}", reserved.text());
    let secret = reserved.value()["client_secret"].as_str().unwrap().to_owned();
    stall.world.clock.advance(130);
    let late = stall
        .player
        .put(
            &format!("/v1/checkouts/{}", stall.checkout()),
            &tap_body(&quote_of_the_last_minute, "tok_visa"),
        )
        .await;
    assert_eq!(
        late.refusal(),
        (409, "shop_closed".into()),
        "a quote that was shown before"
    );
    assert_eq!(asked(&stall).await.refusal(), (409, "shop_closed".into()));
    let holder = stall.player.clone().with("hawker-checkout-secret", &secret);
    let payment = json!({ "method": "card", "token": "tok_visa" });
    let paid = holder.post(&format!("/v1/checkouts/{id}/payment"), &payment).await;
    assert_eq!(
        (paid.status, paid.value()["state"].as_str()),
        (200, Some("completed")),
        "{}",
        paid.text()
    );

    // Afterwards: closed pages, and everything that was promised.
    for path in [&front, &product] {
        let gone = visitor(&stall).get(path).await;
        assert_eq!(gone.status, 410, "{path}");
        assert!(gone.text().contains("has closed."), "{}", gone.text());
        assert!(!gone.text().contains("ld+json") && gone.text().contains("noindex"));
    }
    assert!(!sitemap(&stall).await.contains(&stall.shop.slug));
    until_archived(&stall).await;
    let page = paid.value()["order"]["page_url"].as_str().unwrap().to_owned();
    let page = page.split_once(&front).unwrap().1;
    let receipt = visitor(&stall).get(&format!("{front}{page}")).await;
    assert_eq!(receipt.status, 200, "{}", receipt.text());
    assert_eq!(
        visitor(&stall).get(&format!("{front}/policies/returns")).await.status,
        200
    );
    assert_eq!(stall.ship(order).await.status, 201);
    let back = json!({ "lines": [{ "line": 0, "quantity": 1 }], "reason": "returned" });
    let back = stall.staff.post(&format!("/v1/orders/{order}/refunds"), &back).await;
    assert!(back.status < 300, "{}", back.text());
    stall.invariants().await;
}

#[tokio::test]
async fn d13_a_shop_is_closed_early_by_hand_takes_its_drops_along_and_may_come_back() {
    let stall = Stall::open(5).await;
    let plan = json!({
        "title": "Friday firing",
        "items": [{ "variant": stall.mug, "allotment": 3, "price": { "amount": 2500, "currency": "EUR" } }],
    });
    let drop = stall.staff.post("/v1/drops", &plan).await.value()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    for act in ["scheduling", "opening"] {
        let done = stall.staff.post(&format!("/v1/drops/{drop}/{act}"), &json!({})).await;
        assert_eq!(done.status, 200, "{}", done.text());
    }
    assert_eq!(stall.left().await, (2, 0));
    assert_eq!(
        set(&stall, json!({ "closes_at": at(&stall, 72 * HOUR) })).await.status,
        200
    );
    for _ in 0..2 {
        let closed = stall.staff.post("/v1/shop/closing", &json!({})).await;
        assert_eq!(closed.status, 200, "twice is once: {}", closed.text());
    }
    let in_drop = format!("/v1/quotes?lines={}:1&country=DE&drop={drop}", stall.mug);
    assert_eq!(stall.player.get(&in_drop).await.refusal(), (409, "shop_closed".into()));
    // The drop's units are on the shelf again.
    for _ in 0..300 {
        if stall.left().await == (5, 0) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(stall.left().await, (5, 0));
    let known = stall.staff.get(&format!("/v1/drops/{drop}")).await.value();
    assert_eq!(known["state"], "closed");
    // It comes back for a day; nothing was archived, as nobody asked for that.
    let passed = json!({ "closes_at": at(&stall, -HOUR) });
    assert_eq!(set(&stall, passed).await.refusal(), (422, "invalid_field".into()));
    assert_eq!(
        set(&stall, json!({ "closes_at": at(&stall, 24 * HOUR) })).await.status,
        200
    );
    stall.buy().await;
    stall.world.clock.advance(24 * HOUR + 1);
    assert_eq!(asked(&stall).await.refusal(), (409, "shop_closed".into()));
    // And in the end it stays.
    let stays = stall.staff.delete("/v1/shop/window").await;
    assert_eq!((stays.status, stays.value().get("window")), (200, None));
    stall.buy().await;
    stall.invariants().await;
}

#[tokio::test]
async fn a_shop_for_a_time_is_set_in_the_studio_by_the_shops_clock() {
    let stall = Stall::open(2).await;
    let page = format!("/studio/{}/settings/window", stall.shop.slug);
    let shown = stall.staff.get(&page).await;
    assert_eq!(shown.status, 200, "{}", shown.text());
    assert!(shown.text().contains("It is open, and stays."));
    let wrong = stall
        .staff
        .form(
            &page,
            &[
                ("opens", "2031-05-02T10:00"),
                ("closes", "2031-05-01T10:00"),
                ("do", "save"),
            ],
        )
        .await;
    assert_eq!(wrong.status, 200);
    assert!(wrong.text().contains("A shop closes after it opens.") && wrong.text().contains("2031-05-01T10:00"));
    let saved = stall
        .staff
        .form(
            &page,
            &[
                ("opens", ""),
                ("closes", "2031-05-01T10:00"),
                ("archives", "yes"),
                ("do", "save"),
            ],
        )
        .await;
    assert_eq!(saved.status, 303, "{}", saved.text());
    let known = stall.staff.get("/v1/shop").await.value();
    assert_eq!(
        known["window"],
        json!({ "opens_at": null, "closes_at": "2031-05-01T10:00:00.000Z", "archives": true }),
        "{known}"
    );
    let closed = stall.staff.form(&page, &[("do", "close")]).await;
    assert_eq!(closed.status, 303);
    assert!(
        stall
            .staff
            .get(&format!("{page}?done=closed"))
            .await
            .text()
            .contains("The shop has closed.")
    );
    assert_eq!(
        stall
            .world
            .browser()
            .get(&format!("/s/{}", stall.shop.slug))
            .await
            .status,
        410
    );
    assert_eq!(stall.staff.form(&page, &[("do", "stay")]).await.status, 303);
    assert_eq!(
        stall
            .world
            .browser()
            .get(&format!("/s/{}", stall.shop.slug))
            .await
            .status,
        200
    );
    stall.invariants().await;
}
