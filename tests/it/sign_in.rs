//! Links, sessions and keys: each opens one thing, for a while, and can be taken away at once (T6).

use crate::harness::World;
use hawker::identity::{Door, Role};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn t6_a_mailed_link_shows_a_button_and_the_button_opens_the_studio_once() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let door = world
        .browser()
        .form("/studio/sign-in", &[("email", &shop.owner_email)])
        .await;
    assert_eq!(door.status, 200);
    let letter = world.mailbox.letter_to(&shop.owner_email).await;
    let path = letter
        .text
        .split_whitespace()
        .find_map(|word| word.strip_prefix(world.config.base_url.as_str()))
        .unwrap()
        .to_owned();

    // A mail scanner that follows the link spends nothing.
    for _ in 0..2 {
        let shown = world.browser().get(&path).await;
        assert_eq!(shown.status, 200);
        assert!(shown.text().contains("Nour Ceramics") && shown.text().contains("<form method=\"post\""));
    }
    let opened = world.browser().form(&path, &[]).await;
    assert_eq!(
        (opened.status, opened.header("location")),
        (303, Some("/studio/nour-ceramics"))
    );
    let cookie = opened.header("set-cookie").unwrap();
    for attribute in ["__Host-hawker=", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Domain"));
    let again = world.browser().form(&path, &[]).await;
    assert_eq!(
        (again.status, again.header("set-cookie")),
        (410, None),
        "a link works once"
    );
    assert_eq!(world.browser().get(&path).await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn t6_the_door_tells_nobody_who_works_here() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let known = world
        .browser()
        .form("/studio/sign-in", &[("email", &shop.owner_email)])
        .await;
    let unknown = world
        .browser()
        .form("/studio/sign-in", &[("email", "nobody@nour-ceramics.example")])
        .await;
    assert_eq!(known.status, unknown.status);
    assert_eq!(
        known.text().replace(&shop.owner_email, "x"),
        unknown.text().replace("nobody@nour-ceramics.example", "x")
    );
    world.mailbox.letter_to(&shop.owner_email).await;
    assert_eq!(world.mailbox.count(), 0, "only the known address got a letter");
}

#[tokio::test(flavor = "multi_thread")]
async fn t6_links_end_after_their_time_and_when_a_newer_one_is_made() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let open = async |token: &str| {
        world
            .browser()
            .form(&format!("/studio/sign-in/{token}"), &[])
            .await
            .status
    };

    let older = world.link(&shop, &shop.owner_email, Door::Mailed).await;
    let newer = world.link(&shop, &shop.owner_email, Door::Mailed).await;
    assert_eq!((open(&older).await, open(&newer).await), (410, 303));

    let mailed = world.link(&shop, &shop.owner_email, Door::Mailed).await;
    world.clock.advance(16 * 60);
    assert_eq!(open(&mailed).await, 410, "a mailed link lives fifteen minutes");

    let printed = world.link(&shop, &shop.owner_email, Door::Printed).await;
    world.clock.advance(23 * 3600);
    assert_eq!(open(&printed).await, 303, "a printed link lives a day");
    let printed = world.link(&shop, &shop.owner_email, Door::Printed).await;
    world.clock.advance(25 * 3600);
    assert_eq!(open(&printed).await, 410);
    assert_eq!(
        open("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").await,
        410,
        "a guessed link opens nothing"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t6_one_link_pressed_twenty_times_at_once_opens_one_session() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let path = format!(
        "/studio/sign-in/{}",
        world.link(&shop, &shop.owner_email, Door::Mailed).await
    );
    let tries = (0..20).map(|_| {
        let (browser, path) = (world.browser(), path.clone());
        tokio::spawn(async move { browser.form(&path, &[]).await.status })
    });
    let mut opened = 0;
    for done in tries.collect::<Vec<_>>() {
        opened += usize::from(done.await.unwrap() == 303);
    }
    assert_eq!(opened, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn t6_a_session_ends_by_signing_out_by_time_by_the_owner_and_with_the_job() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let owner = world.sign_in(&shop, &shop.owner_email).await;
    assert_eq!(owner.get("/v1/shop").await.status, 200);
    let left = owner.form("/studio/sign-out", &[]).await;
    assert_eq!(left.status, 303);
    assert!(left.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(
        owner.get("/v1/shop").await.status,
        401,
        "a copied cookie is worth nothing after signing out"
    );

    let owner = world.sign_in(&shop, &shop.owner_email).await;
    let (helper, email) = world.person(&shop, Role::Helper).await;
    let packing = world.sign_in(&shop, &email).await;
    assert_eq!(packing.get("/v1/shop").await.status, 200);
    assert_eq!(owner.delete(&format!("/v1/staff/{helper}/sessions")).await.status, 204);
    assert_eq!(packing.get("/v1/shop").await.status, 401, "the owner ended it");

    let packing = world.sign_in(&shop, &email).await;
    let unspent = world.link(&shop, &email, Door::Mailed).await;
    assert_eq!(owner.delete(&format!("/v1/staff/{helper}")).await.status, 200);
    assert_eq!(
        packing.get("/v1/shop").await.status,
        401,
        "who no longer works here is out at once"
    );
    assert_eq!(
        world
            .browser()
            .form(&format!("/studio/sign-in/{unspent}"), &[])
            .await
            .status,
        410
    );

    world.clock.advance(15 * 24 * 3600);
    assert_eq!(owner.get("/v1/shop").await.status, 401, "two weeks");
}

#[tokio::test(flavor = "multi_thread")]
async fn t6_secrets_are_not_in_the_database() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let link = world.link(&shop, &shop.owner_email, Door::Printed).await;
    let key = world.secret_key(&shop, &["settings:read"]).await;
    let owner = world.sign_in(&shop, &shop.owner_email).await;
    let made = owner
        .post(
            "/v1/keys",
            &json!({ "kind": "secret", "name": "Stock", "scopes": ["catalog:write"] }),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.text());
    let fresh = made.value()["secret"].as_str().unwrap().to_owned();
    let listed = owner.get("/v1/keys").await.text();
    assert!(
        !listed.contains(&fresh) && !listed.contains(&key),
        "a secret key is shown once"
    );
    assert!(listed.contains(&shop.publishable_key), "a publishable key is no secret");
    if !world.is_sqlite() {
        return; // The same statements wrote it; only the file can be searched.
    }
    for file in ["hawker.db", "hawker.db-wal"] {
        let bytes = std::fs::read(world.config.data.join(file)).unwrap();
        for secret in [&link, &key, &fresh] {
            let secret = secret.trim_start_matches("sk_").as_bytes();
            assert!(
                !bytes.windows(secret.len()).any(|window| window == secret),
                "{file} holds a secret"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t6_a_revoked_key_is_refused_at_once() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let owner = world.sign_in(&shop, &shop.owner_email).await;
    let made = owner
        .post(
            "/v1/keys",
            &json!({ "kind": "secret", "name": "Stock", "scopes": ["settings:read"] }),
        )
        .await
        .value();
    let (id, secret) = (made["key"]["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let server = world.with_key(secret);
    assert_eq!(server.get("/v1/shop").await.status, 200, "it is in the cache now");
    assert_eq!(owner.delete(&format!("/v1/keys/{id}")).await.status, 204);
    assert_eq!(server.get("/v1/shop").await.refusal(), (401, "unauthorized".into()));
    assert_eq!(
        owner.delete(&format!("/v1/keys/{id}")).await.status,
        204,
        "revoking twice is fine"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t6_a_key_does_only_what_its_scopes_say_and_makes_no_other_keys() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let read = world.with_key(&world.secret_key(&shop, &["settings:read"]).await);
    let other = world.with_key(&world.secret_key(&shop, &["orders:write"]).await);
    let write = world.with_key(&world.secret_key(&shop, &["settings:write"]).await);
    assert_eq!(read.get("/v1/shop").await.status, 200);
    assert_eq!(
        read.clone()
            .with("if-match", "\"1\"")
            .patch("/v1/shop", &json!({ "tagline": "x" }))
            .await
            .refusal(),
        (403, "forbidden".into())
    );
    assert_eq!(other.get("/v1/shop").await.refusal(), (403, "forbidden".into()));
    assert_eq!(
        write
            .clone()
            .with("if-match", "\"1\"")
            .patch("/v1/shop", &json!({ "tagline": "x" }))
            .await
            .status,
        200
    );
    let more = write
        .post(
            "/v1/keys",
            &json!({ "kind": "secret", "name": "More", "scopes": ["money:read"] }),
        )
        .await;
    assert_eq!(more.refusal(), (403, "session_needed".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_owner_stays() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let owner = world.sign_in(&shop, &shop.owner_email).await;
    let path = format!("/v1/staff/{}", shop.owner);
    assert_eq!(owner.delete(&path).await.refusal(), (409, "last_owner".into()));
    assert_eq!(
        owner.patch(&path, &json!({ "role": "helper" })).await.refusal(),
        (409, "last_owner".into())
    );
    let (_, _) = world.person(&shop, Role::Creator).await;
    let second = owner
        .post(
            "/v1/staff",
            &json!({ "email": "second@nour.example", "name": "Second", "role": "owner" }),
        )
        .await;
    assert_eq!(second.status, 201, "{}", second.text());
    assert_eq!(owner.patch(&path, &json!({ "role": "helper" })).await.status, 200);
    assert_eq!(
        owner.get("/v1/staff").await.refusal(),
        (403, "forbidden".into()),
        "the new role counts at once"
    );
}
