//! A page somewhere else makes the browser of someone who is signed in send requests here (T5).

use crate::harness::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn t5_a_form_from_a_foreign_page_is_refused() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let owner = world
        .sign_in(&shop, &shop.owner_email)
        .await
        .with("if-match", "\"1\"")
        .with("accept", "application/json");
    let edit = json!({ "name": "Taken over" });
    let foreign = owner
        .clone()
        .with("sec-fetch-site", "cross-site")
        .patch("/v1/shop", &edit)
        .await;
    assert_eq!(foreign.refusal(), (403, "foreign_origin".into()));
    let sibling = owner
        .clone()
        .with("sec-fetch-site", "same-site")
        .patch("/v1/shop", &edit)
        .await;
    assert_eq!(
        sibling.refusal(),
        (403, "foreign_origin".into()),
        "a sibling domain is foreign too"
    );
    let old_browser = owner.clone().without("sec-fetch-site");
    assert_eq!(
        old_browser.patch("/v1/shop", &edit).await.refusal(),
        (403, "foreign_origin".into()),
        "neither header: not from a page of ours"
    );
    let lying = old_browser
        .clone()
        .with("origin", "https://evil.example")
        .patch("/v1/shop", &edit)
        .await;
    assert_eq!(lying.refusal(), (403, "foreign_origin".into()));
    assert_eq!(
        owner.get("/v1/shop").await.value()["name"],
        "Nour Ceramics",
        "nothing was changed"
    );

    let own_page = old_browser
        .with("origin", &world.config.base_url)
        .patch("/v1/shop", &edit)
        .await;
    assert_eq!(
        own_page.status,
        200,
        "an older browser on our own page: {}",
        own_page.text()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t5_nobody_is_signed_in_or_out_from_elsewhere() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let link = world
        .link(&shop, &shop.owner_email, hawker::identity::Door::Mailed)
        .await;
    let foreign = world.client().with("sec-fetch-site", "cross-site");
    assert_eq!(
        foreign.form(&format!("/studio/sign-in/{link}"), &[]).await.status,
        403,
        "a stranger's link cannot be pressed for me"
    );
    assert_eq!(
        foreign
            .form("/studio/sign-in", &[("email", &shop.owner_email)])
            .await
            .status,
        403
    );
    let owner = world.sign_in(&shop, &shop.owner_email).await;
    assert_eq!(
        owner
            .clone()
            .with("sec-fetch-site", "cross-site")
            .form("/studio/sign-out", &[])
            .await
            .status,
        403
    );
    assert_eq!(owner.get("/v1/shop").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn t5_the_api_is_open_to_other_pages_but_lends_them_no_cookie() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let asked = world
        .client()
        .with("origin", "https://blog.example")
        .with("access-control-request-method", "PUT")
        .send(hyper::Method::OPTIONS, "/v1/shop", None, Default::default())
        .await;
    assert_eq!(
        (asked.status, asked.header("access-control-allow-origin")),
        (204, Some("*"))
    );
    assert_eq!(asked.header("access-control-allow-credentials"), None);
    let page = world
        .client()
        .with("origin", "https://blog.example")
        .get("/studio/sign-in")
        .await;
    assert_eq!(
        page.header("access-control-allow-origin"),
        None,
        "pages are not readable from elsewhere"
    );
    let server = world.with_key(&world.secret_key(&shop, &["settings:write"]).await);
    let edited = server
        .with("if-match", "\"1\"")
        .with("sec-fetch-site", "cross-site")
        .patch("/v1/shop", &json!({ "tagline": "x" }))
        .await;
    assert_eq!(edited.status, 200, "a key is not a cookie: no page can lend it");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_say_what_may_run_and_who_may_frame_them() {
    let world = World::start().await;
    let page = world.browser().get("/studio/sign-in").await;
    let policy = page.header("content-security-policy").unwrap();
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let text = page.text();
    assert!(!text.contains(" style=\"") && !text.contains("<style") && !text.contains("javascript:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_did_not_change_keeps_the_rights_it_had() {
    let world = World::start().await;
    let shop = world.shop("Kiln").await;
    let home = format!("/s/{}", shop.slug);
    let tag = world.browser().get(&home).await.header("etag").unwrap().to_owned();
    let again = world.browser().with("if-none-match", &tag).get(&home).await;
    // A browser lays what a 304 says over what it has kept: the policy of a file would leave a page without scripts and styles.
    assert_eq!((again.status, again.header("content-security-policy")), (304, None));
}
