//! Live stock (D17): a page that is open shows within two seconds what happens elsewhere, and knows nothing of other shops.

use crate::buying::Stall;
use crate::harness::Events;
use hawker::db::LaneKey;
use hawker::inventory::set_stock;
use hawker::open::{Ports, Use, open};
use serde_json::json;

/// Hears until the stock is this, and answers the last id.
async fn hears(events: &mut Events, left: i64, in_checkouts: i64) -> String {
    loop {
        let heard = events.next().await.expect("the stream goes on");
        if (&heard.data["left"], &heard.data["in_checkouts"]) == (&json!(left), &json!(in_checkouts)) {
            return heard.id;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn d17_a_purchase_elsewhere_shows_on_an_open_page_and_a_lost_stream_goes_on_where_it_was() {
    let stall = Stall::open(3).await;
    let path = format!("/v1/live?variants={}", stall.mug);
    let mut page = stall.player.follow(&path).await;
    let first = page.next().await.unwrap();
    assert_eq!(
        first.data,
        json!({ "variant": stall.mug, "left": 3, "in_checkouts": 0 })
    );

    let open = format!("/v1/checkouts/{}", stall.checkout());
    let begun = json!({ "quote": stall.quote(1).await["quote"] });
    let begun = stall.player.put(&open, &begun).await;
    assert_eq!(begun.status, 201, "{}", begun.text());
    hears(&mut page, 2, 1).await;
    stall.buy().await;
    let last = hears(&mut page, 1, 1).await;

    let metrics = stall.world.client().get("/metrics").await.text();
    assert!(metrics.contains("hawker_live_streams 1\n"), "{metrics}");
    drop(page);
    let back = |id: &str| stall.player.clone().with("last-event-id", id);
    let mut known = back(&last).follow(&path).await;
    let mut behind = back(&first.id).follow(&path).await;
    let caught_up = behind.next().await.unwrap();
    assert_eq!((&caught_up.data["left"], &caught_up.id), (&json!(1), &last));

    let secret = begun.value()["client_secret"].as_str().unwrap().to_owned();
    let given_up = stall.player.clone().with("hawker-checkout-secret", &secret);
    assert_eq!(given_up.delete(&open).await.status, 200);
    let next = known.next().await.unwrap();
    assert_eq!(
        (&next.data["left"], &next.data["in_checkouts"]),
        (&json!(2), &json!(0)),
        "what was heard before the line was lost is not said again"
    );
    stall.invariants().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn d17_what_another_process_commits_shows_too() {
    let stall = Stall::open(3).await;
    let mut page = stall.player.follow(&format!("/v1/live?variants={}", stall.mug)).await;
    hears(&mut page, 3, 0).await;
    let (config, shop, mug) = (stall.world.config.clone(), stall.shop.id, stall.mug);
    tokio::task::spawn_blocking(move || {
        let other = open(&config, Ports::usual(&config).unwrap(), Use::BesideAServer).unwrap();
        other
            .db
            .write_blocking(LaneKey::of(mug), move |tx| set_stock(tx, shop, mug, None, 40).map(drop))
            .unwrap();
        other.db.shut_down();
        other.events.shut_down();
    })
    .await
    .unwrap();
    hears(&mut page, 40, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn t1_a_stream_shows_nothing_of_another_shop_and_not_even_that_it_is_there() {
    let stall = Stall::open(3).await;
    let theirs = stall.world.shop("Next Door").await;
    let them = stall.world.with_key(&theirs.publishable_key);
    let of = |list: &str| format!("/v1/live?variants={list}");
    let unknown: hawker::kernel::VariantId = crate::harness::nobody();
    let ours = them.get(&of(&stall.mug.to_string())).await;
    let nobodys = them.get(&of(&unknown.to_string())).await;
    assert_eq!(ours.refusal(), (404, "not_found".into()));
    assert_eq!(ours.value()["detail"], nobodys.value()["detail"]);
    assert_eq!(stall.world.client().get(&of(&stall.mug.to_string())).await.status, 401);
    for list in ["", "mug", &format!("{},", stall.mug)] {
        assert_eq!(
            stall.player.get(&of(list)).await.refusal(),
            (422, "invalid_field".into()),
            "{list}"
        );
    }
    // A page that still names what is gone follows the rest.
    let mut page = stall.player.follow(&of(&format!("{unknown},{}", stall.mug))).await;
    assert_eq!(page.next().await.unwrap().data["variant"], json!(stall.mug));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_ends_its_streams() {
    let mut stall = Stall::open(3).await;
    let mut page = stall.player.follow(&format!("/v1/live?variants={}", stall.mug)).await;
    hears(&mut page, 3, 0).await;
    stall.world.end().await;
    assert!(page.next().await.is_none());
}
