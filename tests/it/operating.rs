//! Running it: one server a file (S10), migrations that run once (S12), backups that come back (S9), figures, and an orderly end.

use crate::harness::World;
use hawker::db;
use hawker::identity;
use hawker::kernel::Clock;
use hawker::open::{Ports, Use, open};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn s10_a_second_server_on_the_same_file_is_refused_and_names_the_first() {
    let world = World::start().await;
    if !world.is_sqlite() {
        return; // Replicas on one PostgreSQL database are meant to be.
    }
    let config = world.config.clone();
    let refused = tokio::task::spawn_blocking(move || {
        open(&config, Ports::usual(&config).unwrap(), Use::Alone)
            .err()
            .expect("one server a file")
    })
    .await
    .unwrap();
    assert_eq!(refused.code, "already_running");
    assert!(
        refused.detail.contains(&std::process::id().to_string()),
        "{}",
        refused.detail
    );
    assert_eq!(world.client().get("/readyz").await.status, 200, "the first goes on");

    let config = world.config.clone();
    let beside = tokio::task::spawn_blocking(move || {
        let app = open(&config, Ports::usual(&config).unwrap(), Use::BesideAServer)?;
        let shops = app.db.read_blocking(identity::shops);
        app.db.shut_down();
        app.events.shut_down();
        shops
    });
    assert_eq!(
        beside.await.unwrap().unwrap().len(),
        0,
        "a short command may come beside it"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_migrations_run_once_and_a_restart_finds_everything() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let world = world.restart().await.restart().await;
    let found = world.app.db.read(move |tx| identity::shop(tx, shop.id)).await.unwrap();
    assert_eq!(found.slug, "nour-ceramics");
    assert_eq!(
        world.with_key(&shop.publishable_key).get("/v1/shop").await.status,
        403,
        "its key is known again"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_two_starters_at_once_leave_one_schema() {
    let world = World::start().await;
    if world.is_sqlite() {
        return; // There the second starter is refused: S10.
    }
    let starters = (0..3).map(|_| {
        let config = world.config.clone();
        tokio::task::spawn_blocking(move || {
            let app = open(&config, Ports::usual(&config).unwrap(), Use::Alone)?;
            let shops = app.db.read_blocking(identity::shops);
            app.db.shut_down();
            app.events.shut_down();
            shops
        })
    });
    for starter in starters.collect::<Vec<_>>() {
        assert!(starter.await.unwrap().is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s9_a_backup_made_while_selling_comes_back_whole_with_money_frozen() {
    let mut world = World::start().await;
    if !world.is_sqlite() {
        return; // PostgreSQL has backups of its own.
    }
    let shop = world.shop("Nour Ceramics").await;
    std::fs::write(world.app.media.join("picture.jpg"), b"bytes").unwrap();
    let writing = {
        let app = world.app.clone();
        tokio::spawn(async move {
            for round in 0..200 {
                let new = identity::NewPerson {
                    email: format!("p{round}@nour.example"),
                    name: "P".into(),
                    role: identity::Role::Helper,
                    party: None,
                };
                let added = app.db.write(db::LaneKey(0), move |tx| {
                    let id = tx.id();
                    identity::add_person(tx, shop.id, id, new.clone())
                });
                added.await.unwrap();
            }
        })
    };
    let (from, to) = (world.config.data.clone(), world.folder().join("backup"));
    let target = to.clone();
    let manifest =
        tokio::task::spawn_blocking(move || db::backup(&from, &target, db::SystemClock::default().wall()).unwrap())
            .await
            .unwrap();
    assert!(
        manifest.files.contains_key("hawker.db")
            && manifest.files.contains_key("events.db")
            && manifest.files.contains_key("media/picture.jpg")
    );
    writing.await.unwrap();
    world.end().await;

    let restored = world.folder().join("restored");
    db::restore(&to, &restored).unwrap();
    let mut config = world.config.clone();
    config.data = restored;
    let (shops, epoch) = tokio::task::spawn_blocking(move || {
        let app = open(&config, Ports::usual(&config).unwrap(), Use::Alone).unwrap();
        let found = app
            .db
            .read_blocking(|tx| Ok((identity::shops(tx)?, db::epoch(tx)?)))
            .unwrap();
        app.db.check().unwrap();
        app.db.shut_down();
        app.events.shut_down();
        found
    })
    .await
    .unwrap();
    assert_eq!(shops.len(), 1);
    assert_eq!(
        epoch,
        (2, true),
        "a new epoch, and no money leaves before the books were compared"
    );

    // A flipped bit is found before anything is restored.
    let database = to.join("hawker.db");
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&database, bytes).unwrap();
    let refused = db::restore(&to, &world.folder().join("elsewhere")).unwrap_err();
    assert!(refused.detail.contains("hawker.db"), "{}", refused.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_finds_figures_and_nothing_personal() {
    let world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    assert_eq!(world.client().get("/healthz").await.text(), "ok\n");
    assert_eq!(world.client().get("/readyz").await.status, 200);
    let figures = world.client().get("/metrics").await.text();
    for name in [
        "hawker_queue_depth",
        "hawker_facts_oldest_seconds",
        "hawker_payments_unknown",
        "hawker_wal_bytes",
        "hawker_resident_bytes",
        "hawker_disk_full 0",
    ] {
        assert!(figures.contains(name), "{name} is missing");
    }
    assert!(!figures.contains(&shop.slug) && !figures.contains(&shop.id.to_string()));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_kept_for_ever_under_their_hash() {
    let world = World::start().await;
    let url = hawker::kernel::assets::url("web/css/tokens.css");
    let packed = world.client().with("accept-encoding", "gzip").get(url).await;
    assert_eq!((packed.status, packed.header("content-encoding")), (200, Some("gzip")));
    assert_eq!(
        packed.header("cache-control"),
        Some("public, max-age=31536000, immutable")
    );
    assert_eq!(packed.header("content-type"), Some("text/css; charset=utf-8"));
    let plain = world.client().get(url).await;
    assert_eq!(
        plain.body.as_ref(),
        hawker::kernel::assets::find("web/css/tokens.css").unwrap().bytes
    );
    let tag = plain.header("etag").unwrap().to_owned();
    assert_eq!(world.client().with("if-none-match", &tag).get(url).await.status, 304);
    assert_eq!(
        world
            .client()
            .get("/assets/0000000000000000/web/css/tokens.css")
            .await
            .header("cache-control"),
        Some("public, max-age=60")
    );
    assert_eq!(
        world.client().get("/assets/0000000000000000/Cargo.toml").await.status,
        404
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_get_pages_and_programs_get_problems() {
    let world = World::start().await;
    let page = world.browser().get("/nowhere").await;
    assert_eq!(page.status, 404);
    assert!(page.text().contains("<h1>") && page.header("content-security-policy").is_some());
    let problem = world.client().get("/nowhere").await;
    assert_eq!(
        (problem.header("content-type"), problem.value()["status"].clone()),
        (Some("application/problem+json"), json!(404))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_ends_open_connections_and_a_request_that_was_begun_is_answered() {
    let mut world = World::start().await;
    let shop = world.shop("Nour Ceramics").await;
    let server = world.with_key(&world.secret_key(&shop, &["settings:write"]).await);
    let asked = tokio::spawn(async move {
        server
            .post(
                "/v1/staff",
                &json!({ "email": "a@b.example", "name": "A", "role": "helper" }),
            )
            .await
            .status
    });
    let status = asked.await.unwrap();
    assert_eq!(status, 201);
    tokio::time::timeout(std::time::Duration::from_secs(15), world.end())
        .await
        .expect("the server ends soon after it is told to");
    let people = world
        .restart()
        .await
        .app
        .db
        .read(move |tx| identity::people(tx, shop.id))
        .await
        .unwrap();
    assert_eq!(people.len(), 2, "what was answered is there");
}
