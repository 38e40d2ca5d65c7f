//! From nothing to a quote through the whole server: what a creator's own program sends, and what a player gets.

use crate::harness::{Client, TestShop, World};
use hawker::identity::SCOPES;
use hyper::Method;
use hyper::body::Bytes;
use serde_json::{Value, json};

const CLIP: &[u8] = include_bytes!("../media/clip.mp4");

/// The shop's own server, with every right.
async fn server_of(world: &World, shop: &TestShop) -> Client {
    let scopes: Vec<&str> = SCOPES.to_vec();
    world.with_key(&world.secret_key(shop, &scopes).await)
}

async fn upload(server: &Client, bytes: impl Into<Bytes>) -> (u16, Value) {
    let answer = server
        .send(
            Method::POST,
            "/v1/media",
            Some("application/octet-stream"),
            bytes.into(),
        )
        .await;
    (answer.status, answer.value())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_creators_program_makes_a_shop_that_sells() {
    let world = World::start().await;
    let shop = world.shop("Tidal Kiln").await;
    let server = server_of(&world, &shop).await;
    let player = world.with_key(&shop.publishable_key);

    let mug = json!({"title": "Ebb mug", "kind": "physical", "state": "active",
        "variants": [{"title": "Sand", "price": {"amount": 3800, "currency": "EUR"}}]});
    let once = server.clone().with("idempotency-key", "make-the-mug");
    let made = once.post("/v1/products", &mug).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let again = once.post("/v1/products", &mug).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, Some("true")));
    assert_eq!(
        again.value()["id"],
        made.value()["id"],
        "the same key makes one product"
    );
    let variant = text(&made.value()["variants"][0]["id"]).to_owned();
    assert_eq!(
        server
            .put(&format!("/v1/variants/{variant}/stock"), &json!({"on_hand": 2}))
            .await
            .status,
        200
    );
    let zones = json!({"zones": [{"name": "Home", "countries": ["DE"], "methods": [
        {"name": "Parcel", "price": {"amount": 490, "currency": "EUR"}, "eta_days_min": 2, "eta_days_max": 4}]}]});
    assert_eq!(server.put("/v1/delivery", &zones).await.status, 200);

    let (status, media) = upload(&server, CLIP).await;
    assert_eq!(status, 201, "{media}");
    let clip = server
        .post("/v1/clips", &json!({"title": "Glaze day", "media": media["id"]}))
        .await
        .value();
    let id = text(&clip["id"]);
    let card = json!({"kind": "product_card", "variant": variant, "start_ms": 500, "end_ms": 1500});
    let anchor = server.post(&format!("/v1/clips/{id}/anchors"), &card).await;
    assert_eq!(anchor.status, 201, "{}", anchor.text());
    let live = server.post(&format!("/v1/clips/{id}/publication"), &json!({})).await;
    assert_eq!((live.status, live.value()["offers"].as_i64()), (200, Some(1)));

    let seen = player.get("/v1/clips").await.value();
    assert_eq!(seen["data"][0]["anchors"][0]["variant"], variant);
    let src = text(&seen["data"][0]["media"]["src"]).to_owned();
    let part = world.client().with("range", "bytes=0-7").get(&src).await;
    assert_eq!((part.status, &part.body[..]), (206, &CLIP[..8]));
    assert_eq!(
        part.header("access-control-allow-origin"),
        Some("*"),
        "players live on other people's pages"
    );
    assert!(
        part.header("cache-control")
            .is_some_and(|value| value.contains("immutable"))
    );

    let ask = format!("/v1/quotes?lines={variant}:1&clip={id}&version=1&at_ms=700");
    let quote = player.get(&ask).await;
    assert_eq!(
        (quote.status, quote.value()["total"]["amount"].as_i64()),
        (200, Some(4290)),
        "{}",
        quote.text()
    );
    assert_eq!(server.delete(&format!("/v1/clips/{id}/publication")).await.status, 204);
    assert_eq!(
        player.get(&ask).await.refusal(),
        (404, "not_for_sale".into()),
        "d19: an unpublished clip sells nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_larger_than_a_form_is_taken_and_a_picture_larger_than_its_limit_is_not() {
    let world = World::start().await;
    let shop = world.shop("Tidal Kiln").await;
    let server = server_of(&world, &shop).await;
    // A box of nothing at the end makes the clip as large as a real one.
    let mut large = CLIP.to_vec();
    large.extend_from_slice(&(12u32 << 20).to_be_bytes());
    large.extend_from_slice(b"free");
    large.resize(large.len() + (12 << 20) - 8, 0);
    let (status, media) = upload(&server, large).await;
    assert_eq!(status, 201, "{media}");
    let picture = [&b"\x89PNG\r\n\x1a\n"[..], &vec![0; 10 << 20]].concat();
    let (status, refused) = upload(&server, picture).await;
    assert_eq!((status, text(&refused["code"])), (413, "too_large"));
    let (status, refused) = upload(&server, &b"not a film"[..]).await;
    assert_eq!(
        (status, text(&refused["code"]), text(&refused["reason"])),
        (422, "media_refused", "unknown_type")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn captions_are_pasted_in_the_studio_and_viewers_get_them_once_published() {
    let world = World::start().await;
    let shop = world.shop("Tidal Kiln").await;
    let server = server_of(&world, &shop).await;
    let (_, media) = upload(&server, CLIP).await;
    let clip = server
        .post("/v1/clips", &json!({"title": "Glaze day", "media": media["id"]}))
        .await
        .value();
    let id = text(&clip["id"]);
    let studio = world.sign_in(&shop, &shop.owner_email).await;
    let place = format!("/studio/{}/clips/{id}", shop.slug);
    let send = async |act: &str, words: &str| {
        let draft = server.get(&format!("/v1/clips/{id}/draft")).await.value();
        let fields = [
            ("version", draft["version"].to_string()),
            ("do", act.to_owned()),
            ("caption_language", "de".to_owned()),
            ("caption_text", words.to_owned()),
        ];
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        studio.form(&place, &fields).await
    };
    let refused = send("save_captions", "Just a sentence.").await;
    assert_eq!(refused.status, 200);
    assert!(
        refused.text().contains("Just a sentence."),
        "nothing that was typed is lost"
    );
    let first = "WEBVTT\n\n00:00.000 --> 00:01.000\nGuten Morgen\n";
    assert_eq!(send("save_captions", first).await.status, 303);
    assert_eq!(send("save_captions", &first.replace("Morgen", "Tag")).await.status, 303);
    let page = studio.get(&place).await.text();
    assert!(
        page.contains("Deutsch") && page.contains("Remove"),
        "they stand in the editor"
    );

    let live = server.post(&format!("/v1/clips/{id}/publication"), &json!({})).await;
    assert_eq!(live.status, 200, "{}", live.text());
    let player = world.with_key(&shop.publishable_key);
    let seen = player.get(&format!("/v1/clips/{id}")).await.value();
    let captions = seen["captions"].as_array().unwrap();
    assert_eq!(
        (captions.len(), captions[0]["lang"].as_str()),
        (1, Some("de")),
        "the newer ones took their place"
    );
    let file = world.client().get(text(&captions[0]["src"])).await.text();
    assert!(file.contains("Guten Tag"), "{file}");

    assert_eq!(send("remove_captions", "").await.status, 303);
    let page = studio.get(&place).await.text();
    assert!(
        page.contains("Captions, Deutsch") && page.contains("gone"),
        "what publishing would change is said"
    );
}
