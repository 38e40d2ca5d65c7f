//! The census: every route × no, wrong, another tenant's and the right credentials. A route without a row fails, and so does a row without a
//! route; what may be done with a route is read here and nowhere guessed.

use crate::harness::{Client, TestShop, World};
use hawker::identity::Role;
use hawker::kernel::KeyId;
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Who may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Anyone,
    Owner,
    /// Everybody who works here but partners.
    Analyst,
}

impl Who {
    fn may(self, role: Role) -> bool {
        match self {
            Self::Anyone => true,
            Self::Owner => role.is_owner(),
            Self::Analyst => role.may_look(),
        }
    }
}

/// One route: what it needs, what a good request sends, and what it answers.
struct Row {
    method: &'static str,
    path: &'static str,
    who: Who,
    /// A body that is right, if the route takes one.
    body: fn(n: usize) -> Option<Value>,
    /// What the right credentials get.
    right: u16,
}

const fn row(method: &'static str, path: &'static str, who: Who, right: u16, body: fn(usize) -> Option<Value>) -> Row {
    Row {
        method,
        path,
        who,
        body,
        right,
    }
}

const fn none(_: usize) -> Option<Value> {
    None
}

const CENSUS: &[Row] = &[
    row("GET", "/healthz", Who::Anyone, 200, none),
    row("GET", "/readyz", Who::Anyone, 200, none),
    row("GET", "/metrics", Who::Anyone, 200, none),
    row("GET", "/openapi.json", Who::Anyone, 200, none),
    row("GET", "/docs", Who::Anyone, 200, none),
    row("GET", "/assets/{hash}/{*path}", Who::Anyone, 200, none),
    row("GET", "/studio/sign-in", Who::Anyone, 200, none),
    row("POST", "/studio/sign-in", Who::Anyone, 415, none), // A form is needed; tests/it/sign_in.rs sends it.
    row("GET", "/studio/sign-in/{token}", Who::Anyone, 410, none),
    row("POST", "/studio/sign-in/{token}", Who::Anyone, 410, none),
    row("POST", "/studio/sign-out", Who::Anyone, 303, none),
    row("GET", "/mailbox", Who::Anyone, 404, none), // Only the demo has one.
    row("GET", "/mailbox/{mail}", Who::Anyone, 404, none),
    row("POST", "/v1/beacons", Who::Anyone, 401, |_| {
        // The key is in the body, whatever the headers say.
        Some(json!({ "key": "pk_nobody", "clip": "clp_00000000000000000000000000", "version": 1, "events": [] }))
    }),
    row("GET", "/v1/balances", Who::Analyst, 200, none),
    row("GET", "/v1/transfers", Who::Analyst, 200, none),
    row("GET", "/v1/funnel", Who::Analyst, 200, none),
    row("GET", "/v1/retention", Who::Analyst, 422, none), // Of which clip?
    row("GET", "/v1/shop", Who::Analyst, 200, none),
    row("PATCH", "/v1/shop", Who::Owner, 200, |n| {
        Some(json!({ "tagline": format!("Line {n}") }))
    }),
    row("GET", "/v1/staff", Who::Owner, 200, none),
    row("POST", "/v1/staff", Who::Owner, 201, |n| {
        Some(json!({ "email": format!("new{n}@census.example"), "name": "New", "role": "helper" }))
    }),
    row("PATCH", "/v1/staff/{staff}", Who::Owner, 200, |n| {
        Some(json!({ "name": format!("Name {n}") }))
    }),
    row("DELETE", "/v1/staff/{staff}/sessions", Who::Owner, 204, none),
    row("DELETE", "/v1/staff/{staff}", Who::Owner, 200, none),
    row("GET", "/v1/keys", Who::Owner, 200, none),
    row("POST", "/v1/keys", Who::Owner, 201, |n| {
        Some(json!({ "kind": "secret", "name": format!("Key {n}"), "scopes": ["orders:read"] }))
    }),
    row("DELETE", "/v1/keys/{key}", Who::Owner, 204, none),
];

/// A shop with one of everything a path can name.
struct Furnished {
    shop: TestShop,
    staff: String,
    key: String,
}

impl Furnished {
    async fn make(world: &World, name: &str) -> Self {
        let shop = world.shop(name).await;
        let (staff, _) = world.person(&shop, Role::Helper).await;
        let id = shop.id;
        world.secret_key(&shop, &["audience:read"]).await;
        let keys = world
            .app
            .db
            .read(move |tx| hawker::identity::key_list(tx, id))
            .await
            .unwrap();
        let key: KeyId = keys.iter().find(|key| !key.publishable).unwrap().id;
        Self {
            shop,
            staff: staff.to_string(),
            key: key.to_string(),
        }
    }

    /// The path with this shop's things in it. A parameter nobody furnished fails the census: add the thing to [`Furnished`].
    fn path(&self, path: &str) -> String {
        let (hash, file) = hawker::kernel::assets::url("web/css/tokens.css")
            .trim_start_matches("/assets/")
            .split_once('/')
            .unwrap();
        let filled = path
            .replace("{staff}", &self.staff)
            .replace("{key}", &self.key)
            .replace("{token}", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
            .replace("{mail}", "mal_00000000000000000000000000")
            .replace("{hash}", hash)
            .replace("{*path}", file);
        assert!(
            !filled.contains('{'),
            "the census does not know what to put into {path}"
        );
        filled
    }

    /// Everything that would give this shop away in an answer to somebody else.
    fn marks(&self) -> Vec<String> {
        vec![
            self.shop.id.to_string(),
            self.shop.slug.clone(),
            self.shop.owner.to_string(),
            self.staff.clone(),
            self.key.clone(),
        ]
    }
}

async fn ask(client: &Client, row: &Row, path: &str, n: usize) -> crate::harness::Answer {
    let method: Method = row.method.parse().unwrap();
    let client = if row.method == "PATCH" && row.path == "/v1/shop" {
        client.clone().with("if-match", "\"1\"")
    } else {
        client.clone()
    };
    match (row.body)(n) {
        Some(body) => client.json(method, path, &body).await,
        None => client.send(method, path, None, Default::default()).await,
    }
}

fn routes() -> BTreeSet<(String, String)> {
    let api: Value = serde_json::from_str(&hawker::routes::openapi()).unwrap();
    let mut found: BTreeSet<_> = hawker::routes::PAGES
        .iter()
        .map(|(method, path)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    for (path, methods) in api["paths"].as_object().unwrap() {
        found.extend(
            methods
                .as_object()
                .unwrap()
                .keys()
                .map(|method| (method.to_uppercase(), path.clone())),
        );
    }
    found
}

#[test]
fn t1_every_route_has_a_row_and_every_row_a_route() {
    let rows: BTreeSet<_> = CENSUS
        .iter()
        .map(|row| (row.method.to_owned(), row.path.to_owned()))
        .collect();
    assert_eq!(rows.len(), CENSUS.len(), "a route has one row");
    let routes = routes();
    let without_row: Vec<_> = routes.difference(&rows).collect();
    let without_route: Vec<_> = rows.difference(&routes).collect();
    assert!(
        without_row.is_empty() && without_route.is_empty(),
        "no row for {without_row:?}; no route for {without_route:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t1_no_credentials_and_wrong_credentials_open_nothing() {
    let world = World::start().await;
    let ours = Furnished::make(&world, "Ours").await;
    let cases = [
        ("none", world.client().with("sec-fetch-site", "same-origin")),
        (
            "an unknown session",
            world
                .browser()
                .with("accept", "*/*")
                .with("cookie", "__Host-hawker=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ),
        (
            "an unknown key",
            world
                .with_key("sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
                .with("sec-fetch-site", "same-origin"),
        ),
        (
            "another scheme",
            world
                .client()
                .with("authorization", "Basic b3duZXI6b3duZXI=")
                .with("sec-fetch-site", "same-origin"),
        ),
    ];
    for (name, client) in cases {
        for row in CENSUS {
            let answer = ask(&client, row, &ours.path(row.path), 0).await;
            let expected = if row.who == Who::Anyone { row.right } else { 401 };
            assert_eq!(
                answer.status,
                expected,
                "{name}: {} {}: {}",
                row.method,
                row.path,
                answer.text()
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t1_another_tenant_finds_nothing_and_sees_nothing() {
    let world = World::start().await;
    let ours = Furnished::make(&world, "Ours").await;
    let theirs = Furnished::make(&world, "Theirs").await;
    let session = world
        .sign_in(&theirs.shop, &theirs.shop.owner_email)
        .await
        .with("accept", "*/*");
    let all: Vec<&str> = hawker::identity::SCOPES.to_vec();
    let key = world
        .with_key(&world.secret_key(&theirs.shop, &all).await)
        .with("sec-fetch-site", "same-origin");
    for (who, client) in [("their owner", session), ("their key", key)] {
        for (n, row) in CENSUS
            .iter()
            .enumerate()
            .filter(|(_, row)| row.path != "/studio/sign-out")
        {
            let path = ours.path(row.path);
            let answer = ask(&client, row, &path, n).await;
            let text = answer.text();
            if path != row.path && row.who != Who::Anyone {
                assert_eq!(answer.status, 404, "{who}: {} {}: {text}", row.method, row.path);
            }
            for mark in ours.marks() {
                assert!(
                    !text.contains(&mark),
                    "{who}: {} {} gives {mark} away",
                    row.method,
                    row.path
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn t1_every_role_may_what_its_row_says_and_a_player_nothing_of_the_staff() {
    for role in Role::ALL {
        let world = World::start_with(|config| config.rate_limits = false).await;
        let ours = Furnished::make(&world, "Ours").await;
        let email = if role == Role::Owner {
            ours.shop.owner_email.clone()
        } else {
            world.person(&ours.shop, role).await.1
        };
        let client = world.sign_in(&ours.shop, &email).await.with("accept", "*/*");
        for (n, row) in CENSUS
            .iter()
            .enumerate()
            .filter(|(_, row)| row.path != "/studio/sign-out")
        {
            let answer = ask(&client, row, &ours.path(row.path), n).await;
            let itself = role == Role::Helper && row.path == "/v1/staff/{staff}"; // The furnished person is a helper too.
            let expected = if row.who.may(role) { row.right } else { 403 };
            assert!(
                answer.status == expected || itself,
                "{}: {} {}: {} {}",
                role.name(),
                row.method,
                row.path,
                answer.status,
                answer.text()
            );
        }
        let player = world
            .with_key(&ours.shop.publishable_key)
            .with("sec-fetch-site", "same-origin");
        for row in CENSUS.iter().filter(|row| row.who != Who::Anyone) {
            let answer = ask(&player, row, &ours.path(row.path), 0).await;
            assert_eq!(
                answer.refusal(),
                (403, "forbidden".into()),
                "player: {} {}",
                row.method,
                row.path
            );
        }
    }
}
