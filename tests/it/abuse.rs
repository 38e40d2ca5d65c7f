//! Guessing and flooding: limits on sign-in and on letters to one mailbox (X10), and fields that are nobody's business (T2).

use crate::harness::World;
use hawker::identity::Door;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn guessing_sign_in_links_is_slowed_down() {
    let world = World::start().await;
    let mut refused = None;
    for _ in 0..40 {
        let answer = world
            .client()
            .get("/studio/sign-in/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
            .await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
        assert_eq!(answer.status, 410);
    }
    let refused = refused.expect("the limit is reached");
    assert_eq!(refused.refusal(), (429, "too_many_requests".into()));
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=300).contains(&wait));
    assert!(refused.header("ratelimit").unwrap().starts_with("\"sign-in\";r=0"));
    assert!(refused.header("ratelimit-policy").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn x10_one_mailbox_gets_few_letters() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(
            world
                .browser()
                .form("/studio/sign-in", &[("email", &shop.owner_email)])
                .await
                .status,
        );
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_can_be_switched_off_for_a_load_test() {
    let world = World::start_with(|config| config.rate_limits = false).await;
    let shop = world.shop("Nour Ceramics").await;
    for _ in 0..35 {
        let link = world.link(&shop, &shop.owner_email, Door::Mailed).await;
        assert_eq!(
            world.browser().get(&format!("/studio/sign-in/{link}")).await.status,
            200
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t2_fields_that_are_not_theirs_to_set_are_refused() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let owner = world.sign_in(&shop, &shop.owner_email).await.with("if-match", "\"1\"");
    for (name, value) in [
        ("id", json!("shop_01h455vb4pex5vsknk084sn02q")),
        ("version", json!(99)),
        ("currency", json!("USD")),
        ("slug", json!("other")),
        ("test_mode", json!(false)),
        ("created_at", json!("2020-01-01T00:00:00Z")),
    ] {
        let answer = owner.patch("/v1/shop", &json!({ "tagline": "x", name: value })).await;
        assert_eq!(answer.status, 422, "{name}");
        assert_eq!(answer.value()["errors"][0]["pointer"], format!("/{name}"));
    }
    let nested = owner
        .patch("/v1/shop", &json!({ "seller": { "name": "x", "verified": true } }))
        .await;
    assert_eq!(
        (nested.status, nested.value()["errors"][0]["pointer"].clone()),
        (422, json!("/seller/verified"))
    );
    let staff = owner.post("/v1/staff", &json!({ "email": "a@b.example", "name": "A", "role": "helper", "shop": "shop_01h455vb4pex5vsknk084sn02q" })).await;
    assert_eq!(staff.status, 422);
    let unchanged = owner.get("/v1/shop").await.value();
    assert_eq!(
        (unchanged["version"].clone(), unchanged["tagline"].clone()),
        (json!(1), json!(""))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_that_has_not_seen_the_last_one_is_refused() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let owner = world.sign_in(&shop, &shop.owner_email).await;
    let edit = json!({ "tagline": "Fired at dawn" });
    assert_eq!(
        owner.patch("/v1/shop", &edit).await.refusal(),
        (428, "version_required".into())
    );
    let read = owner.get("/v1/shop").await;
    assert_eq!(read.header("etag"), Some("\"1\""));
    let edited = owner.clone().with("if-match", "\"1\"").patch("/v1/shop", &edit).await;
    assert_eq!((edited.status, edited.header("etag")), (200, Some("\"2\"")));
    let lost = owner
        .clone()
        .with("if-match", "\"1\"")
        .patch("/v1/shop", &json!({ "tagline": "Other" }))
        .await;
    assert_eq!(
        (lost.refusal(), lost.value()["version"].clone()),
        ((412, "stale".into()), json!(2))
    );
    assert_eq!(
        owner
            .clone()
            .with("if-none-match", "\"2\"")
            .get("/v1/shop")
            .await
            .status,
        304
    );
    let wrong = owner
        .with("if-match", "\"2\"")
        .patch(
            "/v1/shop",
            &json!({ "accent": "red", "return_days": 400, "country": "de" }),
        )
        .await
        .value();
    let pointers: Vec<_> = wrong["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(
        pointers,
        ["/country", "/accent", "/return_days"],
        "everything wrong is said at once"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_a_type_and_a_size() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let server = world.with_key(&world.secret_key(&shop, &["settings:write"]).await);
    let wrong_type = server
        .send(hyper::Method::POST, "/v1/staff", Some("text/plain"), "{}".into())
        .await;
    assert_eq!(wrong_type.refusal(), (415, "unsupported_media_type".into()));
    let large = server
        .send(
            hyper::Method::POST,
            "/v1/staff",
            Some("application/json"),
            vec![b' '; (1 << 20) + 1].into(),
        )
        .await;
    assert_eq!(large.refusal(), (413, "too_large".into()));
    let broken = server
        .send(hyper::Method::POST, "/v1/staff", Some("application/json"), "{".into())
        .await;
    assert_eq!(broken.refusal(), (400, "invalid_json".into()));
    assert_eq!(server.get("/v1/nothing").await.refusal(), (404, "not_found".into()));
    assert_eq!(
        server.put("/v1/shop", &json!({})).await.refusal(),
        (405, "method_not_allowed".into())
    );
    assert_eq!(
        server.delete("/v1/keys/not-an-id").await.refusal(),
        (404, "not_found".into())
    );
}
