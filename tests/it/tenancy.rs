//! A tenant never sees another (T1): what the census asks of every route, told once as a story.

use crate::harness::World;
use hawker::identity::Role;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn t1_an_owner_of_one_shop_finds_nothing_of_another() {
    let world = World::start().await;
    let (nour, tidal) = (world.shop("Nour Ceramics").await, world.shop("Tidal Kiln").await);
    let (helper, _) = world.person(&tidal, Role::Helper).await;
    let intruder = world
        .sign_in(&nour, &nour.owner_email)
        .await
        .with("accept", "application/json");
    assert_eq!(intruder.get(&format!("/studio/{}", tidal.slug)).await.status, 404);
    assert_eq!(
        intruder
            .patch(&format!("/v1/staff/{helper}"), &json!({ "role": "owner" }))
            .await
            .refusal(),
        (404, "not_found".into())
    );
    assert_eq!(intruder.delete(&format!("/v1/staff/{helper}")).await.status, 404);
    assert_eq!(
        intruder.delete(&format!("/v1/staff/{helper}/sessions")).await.status,
        404
    );
    let people = intruder.get("/v1/staff").await.text();
    assert!(people.contains(&nour.owner_email) && !people.contains("tidal-kiln"));

    let owner = world.sign_in(&tidal, &tidal.owner_email).await;
    let keys = owner.get("/v1/keys").await.value();
    let key = keys["data"][0]["id"].as_str().unwrap();
    assert_eq!(intruder.delete(&format!("/v1/keys/{key}")).await.status, 404);
    let still = world.with_key(&tidal.publishable_key).get("/v1/shop").await;
    assert_eq!(still.status, 403, "the key still works, and still shows no settings");
    let helpers = owner.get("/v1/staff").await.value();
    assert!(
        helpers["data"]
            .as_array()
            .unwrap()
            .iter()
            .any(|person| person["role"] == "helper"),
        "nothing was changed"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t1_the_same_person_may_work_at_two_shops_with_two_roles() {
    let world = World::start().await;
    let (nour, tidal) = (world.shop("Nour Ceramics").await, world.shop("Tidal Kiln").await);
    let owner = world.sign_in(&tidal, &tidal.owner_email).await;
    let added = owner
        .post(
            "/v1/staff",
            &json!({ "email": nour.owner_email, "name": "Guest", "role": "analyst" }),
        )
        .await;
    assert_eq!(added.status, 201, "{}", added.text());
    let as_guest = world.sign_in(&tidal, &nour.owner_email).await;
    assert_eq!(as_guest.get("/v1/shop").await.value()["slug"], "tidal-kiln");
    assert_eq!(as_guest.get("/v1/staff").await.status, 403, "an analyst there");
    let at_home = world.sign_in(&nour, &nour.owner_email).await;
    assert_eq!(at_home.get("/v1/staff").await.status, 200, "an owner here");
}
