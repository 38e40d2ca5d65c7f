//! The audience pages: what viewers did comes from beacons, what they bought from orders, and packers see neither.

use crate::buying::{Stall, tap_body};
use crate::harness::{Answer, Client, nobody};
use hawker::identity::Role;
use hawker::kernel::{EventId, Id, VisitId};
use hyper::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// A published clip with the mug at its first half second: its id, and its anchor's.
async fn publish(stall: &Stall) -> (String, String) {
    let staff = stall.staff.clone().with("accept", "application/json");
    let id = |answer: &Answer| answer.value()["id"].as_str().expect("an id").to_owned();
    let film = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/media/clip.mp4")).unwrap();
    let media = staff
        .send(Method::POST, "/v1/media", Some("video/mp4"), film.into())
        .await;
    let clip = json!({ "title": "Glaze, <fast>", "media": media.value()["id"] });
    let clip = id(&staff.post("/v1/clips", &clip).await);
    let card = json!({ "kind": "product_card", "start_ms": 0, "end_ms": 500, "variant": stall.mug, "copy": {} });
    let made = staff.post(&format!("/v1/clips/{clip}/anchors"), &card).await;
    assert!(made.status < 300, "{}", made.text());
    let draft = staff.get(&format!("/v1/clips/{clip}/draft")).await.value();
    let anchor = draft["anchors"][0]["id"].as_str().unwrap().to_owned();
    let published = staff
        .send(
            Method::POST,
            &format!("/v1/clips/{clip}/publication"),
            None,
            Default::default(),
        )
        .await;
    assert!(published.status < 300, "{}", published.text());
    (clip, anchor)
}

/// What one visit saw and did.
async fn visit(stall: &Stall, clip: &str, anchor: &str, kinds: &[&str]) {
    let event = |kind: &&str| {
        let of = matches!(*kind, "impression" | "tap" | "add").then_some(anchor);
        let seconds = (*kind == "second").then_some([0, 1]);
        json!({ "id": nobody::<EventId>().uuid().to_string(), "kind": kind, "anchor": of, "at_ms": 0, "seconds": seconds })
    };
    let batch = json!({ "key": stall.shop.publishable_key, "visit": nobody::<VisitId>(), "clip": clip, "version": 1,
        "events": kinds.iter().map(event).collect::<Vec<Value>>() });
    let taken = stall.world.client().post("/v1/beacons", &batch).await;
    assert_eq!(
        taken.value(),
        json!({ "accepted": kinds.len(), "duplicates": 0, "dropped": 0 })
    );
}

/// Asks again until the figures are there: they are summed up every second.
async fn when_it_says(client: &Client, path: &str, words: &str) -> String {
    for _ in 0..200 {
        let text = client.get(path).await.text();
        if text.contains(words) {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} never said {words:?}: {}", client.get(path).await.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a3_figures_of_viewers_come_from_beacons_and_figures_of_money_from_orders() {
    let stall = Stall::open(5).await;
    let (clip, anchor) = publish(&stall).await;
    let base = format!("/studio/{}/audience", stall.shop.slug);
    let before = stall.staff.get(&base).await;
    assert_eq!(before.status, 200, "{}", before.text());
    assert!(before.text().contains("Nobody was there yet"));
    let page = format!("{base}/{clip}");
    assert!(stall.staff.get(&page).await.text().contains("Nobody watched it"));

    for _ in 0..7 {
        visit(&stall, &clip, &anchor, &["impression", "view", "second"]).await;
    }
    for _ in 0..2 {
        visit(&stall, &clip, &anchor, &["view", "hook", "second", "tap"]).await;
    }
    // Whoever claims ten purchases has bought nothing.
    let claims = ["view", "tap", "add", "purchase", "purchase", "purchase"];
    visit(&stall, &clip, &anchor, &claims).await;
    let quoted = format!(
        "/v1/quotes?lines={}:1&country=DE&clip={clip}&version=1&anchor={anchor}&at_ms=300",
        stall.mug
    );
    let quote = stall.player.get(&quoted).await.value();
    let bought = stall
        .player
        .put(
            &format!("/v1/checkouts/{}", stall.checkout()),
            &tap_body(&quote, "tok_visa"),
        )
        .await;
    assert_eq!(bought.status, 201, "{}", bought.text());

    let funnel = when_it_says(&stall.staff, &format!("{page}/funnel.csv?period=day"), "view,10,").await;
    assert_eq!(
        funnel,
        "step,count,counted,percent_of_step_before\r\nview,10,visits,\r\ntap,3,visits,30.0\r\nadd,1,visits,33.3\r\npurchase,1,orders,100.0\r\n"
    );
    let retention = stall.staff.get(&format!("{page}/retention.csv")).await;
    assert_eq!(retention.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(
        retention.text(),
        "second,plays,views,percent_of_views\r\n0,9,10,90.0\r\n"
    );
    let clips = stall.staff.get(&format!("{base}/clips.csv")).await.text();
    let row = format!("{clip},\"Glaze, <fast>\",10,10,3,1,1,");
    assert!(clips.contains(&row) && clips.contains(",34.90,EUR\r\n"), "{clips}");

    let shop = stall.staff.get(&base).await.text();
    assert!(shop.contains("€34.90") && shop.contains("10.0 %"), "{shop}");
    let of_clip = stall.staff.get(&page).await.text();
    for said in [
        "Glaze, &#60;fast&#62;",
        "Who is still watching",
        "<td class=\"number strong\">1</td>",
    ] {
        assert!(of_clip.contains(said), "{said}: {of_clip}");
    }
    assert_eq!(stall.staff.get(&format!("{base}?period=century")).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_helper_packs_and_does_not_look_at_figures() {
    let stall = Stall::open(1).await;
    let (clip, _) = publish(&stall).await;
    let base = format!("/studio/{}/audience", stall.shop.slug);
    for (role, status) in [(Role::Analyst, 200), (Role::Creator, 200), (Role::Helper, 403)] {
        let (_, email) = stall.world.person(&stall.shop, role).await;
        let someone = stall.world.sign_in(&stall.shop, &email).await;
        for path in [
            base.clone(),
            format!("{base}/{clip}"),
            format!("{base}/clips.csv"),
            "/v1/funnel".into(),
        ] {
            assert_eq!(someone.get(&path).await.status, status, "{} at {path}", role.name());
        }
    }
}
