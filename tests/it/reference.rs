//! The API's description: committed, current, and readable.

use crate::harness::World;
use serde_json::Value;

#[test]
fn the_committed_description_is_the_generated_one() {
    let committed = include_str!("../../docs/openapi.json");
    assert!(
        committed == hawker::routes::openapi(),
        "docs/openapi.json is not what the handlers say: cargo run -- openapi > docs/openapi.json"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_description_is_served_to_machines_and_people() {
    let world = World::start().await;
    let api: Value = world.client().get("/openapi.json").await.value();
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1"));
    let docs = world.browser().get("/docs").await;
    assert_eq!(docs.status, 200);
    let text = docs.text();
    for (path, methods) in api["paths"].as_object().unwrap() {
        assert!(text.contains(&format!("<code>{path}</code>")), "{path} is not in /docs");
        for (method, operation) in methods.as_object().unwrap() {
            assert!(
                operation["summary"].as_str().is_some_and(|words| words.len() > 3),
                "{method} {path} has no summary"
            );
            assert!(operation["tags"][0].is_string(), "{method} {path} has no tag");
            assert!(
                operation["responses"]["4XX"].is_object(),
                "{method} {path} tells nothing of its refusals"
            );
        }
    }
    for (name, schema) in api["components"]["schemas"].as_object().unwrap() {
        assert!(
            text.contains(&format!("id=\"schema-{name}\"")),
            "{name} is not in /docs"
        );
        assert!(!schema.is_null());
    }
}
