//! The pack of evidence of a sale: complete, and the same whatever was edited, unpublished or put away since.

use crate::buying::{Stall, tap_body};
use crate::harness::{Answer, Client};
use hawker::kernel::OrderId;
use hyper::Method;
use serde_json::{Value, json};

/// The stall's mug in a clip and in a drop, bought at the second at which it was on the card.
struct LiveSale {
    stall: Stall,
    clip: String,
    drop: String,
    order: OrderId,
}

fn id(answer: &Answer) -> String {
    assert!(answer.status < 300, "{}", answer.text());
    answer.value()["id"].as_str().unwrap().to_owned()
}

fn of_version(staff: &Client, version: &Value) -> Client {
    staff.clone().with("if-match", &format!("\"{version}\""))
}

impl LiveSale {
    async fn made() -> Self {
        let stall = Stall::open(5).await;
        let staff = &stall.staff;
        let shop = staff.get("/v1/shop").await.value();
        let terms = json!({ "return_policy": "Send it back whole within two weeks.", "return_days": 14 });
        let edited = of_version(staff, &shop["version"]).patch("/v1/shop", &terms).await;
        assert_eq!(edited.status, 200, "{}", edited.text());

        let film = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/media/clip.mp4")).unwrap();
        let media = id(&staff
            .send(Method::POST, "/v1/media", Some("video/mp4"), film.into())
            .await);
        let clip = id(&staff
            .post("/v1/clips", &json!({ "title": "From the wheel", "media": media }))
            .await);
        let path = format!("/v1/clips/{clip}");
        let draft = staff.get(&format!("{path}/draft")).await.value();
        let card = json!({ "kind": "product_card", "start_ms": 0, "end_ms": 900, "variant": stall.mug,
            "copy": { "en": { "title": "The mug you just saw", "text": "Thrown an hour ago.", "label": "Get it" } } });
        let added = of_version(staff, &draft["version"])
            .post(&format!("{path}/anchors"), &card)
            .await;
        assert!(added.status < 300, "{}", added.text());
        let draft = staff.get(&format!("{path}/draft")).await.value();
        let anchor = draft["anchors"][0]["id"].as_str().unwrap().to_owned();
        let live = staff.post(&format!("{path}/publication"), &json!({})).await;
        assert!(live.status < 300, "{}", live.text());
        let version = stall.player.get(&path).await.value()["version"].clone();

        let planned = json!({ "title": "Friday firing",
            "items": [{ "variant": stall.mug, "allotment": 3, "price": { "amount": 2500, "currency": "EUR" } }] });
        let drop = id(&staff.post("/v1/drops", &planned).await);
        for act in ["scheduling", "opening"] {
            let done = staff.post(&format!("/v1/drops/{drop}/{act}"), &json!({})).await;
            assert_eq!(done.status, 200, "{}", done.text());
        }
        let asked = format!(
            "/v1/quotes?lines={}:1&country=DE&drop={drop}&clip={clip}&version={version}&anchor={anchor}&at_ms=400",
            stall.mug
        );
        let quote = stall.player.get(&asked).await;
        assert_eq!(quote.status, 200, "{}", quote.text());
        let tap = format!("/v1/checkouts/{}", stall.checkout());
        let bought = stall.player.put(&tap, &tap_body(&quote.value(), "tok_visa")).await;
        assert_eq!(bought.status, 201, "{}", bought.text());
        let order: OrderId = bought.value()["order"]["id"].as_str().unwrap().parse().unwrap();
        let shipped = stall.ship(order).await;
        assert_eq!(shipped.status, 201, "{}", shipped.text());
        Self {
            stall,
            clip,
            drop,
            order,
        }
    }

    /// The pack, but for the moment it was put together.
    async fn pack(&self) -> Value {
        let path = format!("/v1/orders/{}/evidence", self.order);
        let answer = self.stall.staff.get(&path).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let mut pack = answer.value();
        pack.as_object_mut().unwrap().remove("made_at").unwrap();
        pack
    }

    /// Waits until both letters left.
    async fn told(&self) -> Value {
        for _ in 0..400 {
            let pack = self.pack().await;
            let letters = pack["letters"].as_array().unwrap();
            if letters.len() == 2 && letters.iter().all(|letter| !letter["sent_at"].is_null()) {
                return pack;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("the letters did not leave: {}", self.pack().await)
    }

    fn page(&self, name: &str) -> String {
        format!("/studio/{}/orders/{}/{name}", self.stall.shop.slug, self.order)
    }
}

#[tokio::test]
async fn l17_m7_the_pack_of_a_live_sale_says_the_same_after_everything_it_names_was_changed() {
    let sale = LiveSale::made().await;
    let staff = &sale.stall.staff;
    sale.stall.open_dispute(&sale.stall.disputed(sale.order)).await;
    let before = sale.told().await;

    let clip = &before["seen"]["clip"];
    assert_eq!(
        (
            clip["title"].as_str(),
            clip["at_ms"].as_i64(),
            clip["copy"]["en"]["label"].as_str()
        ),
        (Some("From the wheel"), Some(400), Some("Get it"))
    );
    assert_eq!(
        before["seen"]["policies"]["return_policy"],
        "Send it back whole within two weeks."
    );
    assert_eq!(before["seen"]["items"][0]["unit"]["amount"], 2500);
    assert_eq!(before["parcels"][0]["tracking"], "JD01");
    assert_eq!(before["disputes"][0]["reason"], "product_not_received");
    assert_eq!(before["missing"], json!([]));
    let archive = &before["archive"];
    let position = usize::try_from(before["seen"]["drop"]["position"].as_u64().unwrap()).unwrap();
    assert_eq!(archive["events"][position - 1]["kind"], "opened", "{archive}");
    let steps: Vec<&str> = before["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["what"].as_str().unwrap())
        .collect();
    for words in [
        "Was shown the offer in the drop “Friday firing”, in the clip “From the wheel”, version 1",
        "The buyer agreed to pay €29.90.",
        "Parcel 1 was handed over.",
    ] {
        assert!(steps.iter().any(|step| step.contains(words)), "{words}: {steps:?}");
    }
    assert!(steps.is_sorted_by_key(|step| steps.iter().position(|other| other == step)));
    let letters = before["letters"].to_string();
    assert!(
        letters.contains("/orders/") && !letters.contains("?t="),
        "no key of the buyer's leaves: {letters}"
    );

    // The same, in the texts a bank reads.
    let dispute = before["disputes"][0]["id"].as_str().unwrap();
    let proposed = staff.get(&format!("/v1/disputes/{dispute}")).await.value()["proposed"].clone();
    let activity = proposed["activity"].as_str().unwrap_or_else(|| panic!("{proposed}"));
    assert!(
        activity.contains("in the drop “Friday firing”") && activity.contains("JD01"),
        "{activity}"
    );

    // Everything is changed.
    let path = format!("/v1/clips/{}", sale.clip);
    let draft = staff.get(&format!("{path}/draft")).await.value();
    let renamed = of_version(staff, &draft["version"])
        .patch(&path, &json!({ "title": "Something else" }))
        .await;
    assert_eq!(renamed.status, 200, "{}", renamed.text());
    let again = staff.post(&format!("{path}/publication"), &json!({})).await;
    assert!(again.status < 300, "{}", again.text());
    assert_eq!(staff.delete(&format!("{path}/publication")).await.status, 204);
    let shop = staff.get("/v1/shop").await.value();
    let edited = of_version(staff, &shop["version"])
        .patch("/v1/shop", &json!({ "return_policy": "Never.", "return_days": 0 }))
        .await;
    assert_eq!(edited.status, 200, "{}", edited.text());
    let product = sale.stall.player.get("/v1/products").await.value()["data"][0]["id"].clone();
    let path = format!("/v1/products/{}", product.as_str().unwrap());
    let product = staff.get(&format!("{path}/draft")).await.value();
    let renamed = of_version(staff, &product["version"])
        .patch(&path, &json!({ "title": "Bowl" }))
        .await;
    assert_eq!(renamed.status, 200, "{}", renamed.text());

    assert_eq!(sale.pack().await, before, "what was is what it was");
    let page = staff.get(&sale.page("evidence")).await.text();
    for words in [
        "From the wheel, version 1",
        "Get it",
        "Send it back whole within two weeks.",
        "This buyer was shown the offer",
        "JD01",
        "none was changed, left out or put in",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for words in ["Something else", "Never.", "Bowl"] {
        assert!(!page.contains(words), "{words}: {page}");
    }

    // The buyer asks to be erased: while a bank decides, it is complete.
    let email = before["contact"]["email"].as_str().unwrap();
    let asked = sale.stall.ask(sale.stall.wish(), email).await;
    assert!(
        asked["erased"] == 0 && asked["held"][0]["reasons"].to_string().contains("dispute"),
        "{asked}"
    );
    assert_eq!(sale.pack().await, before, "evidence of a disputed sale is held");

    // The drop goes on: its archive grows, and what was in it stays.
    let closed = staff
        .post(&format!("/v1/drops/{}/closing", sale.drop), &json!({}))
        .await;
    assert_eq!(closed.status, 200, "{}", closed.text());
    let after = sale.pack().await;
    let (was, is) = (
        archive["events"].as_array().unwrap(),
        after["archive"]["events"].as_array().unwrap(),
    );
    assert!(is.len() > was.len() && is.starts_with(was));
    assert_eq!(after["seen"], before["seen"]);
    sale.stall.invariants().await;
}

#[tokio::test]
async fn l17_the_picture_is_that_of_the_tapped_moment_and_is_there_after_the_clip_is_gone() {
    let sale = LiveSale::made().await;
    let staff = &sale.stall.staff;
    assert_eq!(
        staff
            .delete(&format!("/v1/clips/{}/publication", sale.clip))
            .await
            .status,
        204
    );
    let picture = staff.get(&sale.page("frame")).await;
    let has_ffmpeg = std::process::Command::new("ffmpeg").arg("-version").output().is_ok();
    if has_ffmpeg {
        assert_eq!(
            (picture.status, picture.header("content-type")),
            (200, Some("image/jpeg"))
        );
        assert!(picture.body.starts_with(&[0xff, 0xd8]) && picture.body.len() > 1000);
    } else {
        assert_eq!(
            picture.status, 404,
            "this machine takes no pictures, and the clip has no poster"
        );
    }
    // Nobody else's, and nothing of an order that is not there.
    let other = sale.stall.world.shop("Other").await;
    let stranger = sale.stall.world.sign_in(&other, "owner@other.example").await;
    let foreign = format!("/studio/{}/orders/{}/frame", other.slug, sale.order);
    assert_eq!(stranger.get(&foreign).await.status, 404);
    assert_eq!(
        stranger
            .get(&format!("/v1/orders/{}/evidence", sale.order))
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn the_pack_says_what_a_bank_will_ask_for_and_is_not_there() {
    let stall = Stall::open(5).await;
    let order = stall.buy().await;
    let pack = async || stall.staff.get(&format!("/v1/orders/{order}/evidence")).await.value();
    let missing = pack().await["missing"].to_string();
    assert!(
        missing.contains("No parcel has left") && missing.contains("no return policy"),
        "{missing}"
    );
    stall.work_is_open(order).await;
    let shipped = stall
        .staff
        .post(&format!("/v1/orders/{order}/shipments"), &json!({ "carrier": "DHL" }))
        .await;
    assert_eq!(shipped.status, 201, "{}", shipped.text());
    let missing = pack().await["missing"].to_string();
    assert!(
        !missing.contains("No parcel has left") && missing.contains("Parcel 1 has no tracking number"),
        "{missing}"
    );
}
