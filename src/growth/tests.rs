//! Beacons: what is believed, what is counted, and that it is counted once.

use super::fold::{fold_some, prune_some};
use super::model::{Known, SHOP_EVENTS_MAX, VISIT_EVENTS_MAX, check, day_of_event, per_mille, whole};
use super::store;
use super::*;
use crate::app::App;
use crate::db::LaneKey;
use crate::fixture::Fixture;
use crate::identity;
use crate::kernel::{AnchorId, ClipId, Error, Id, Mail, MailError, Mailer, ShopId, Time, VisitId};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use tower::ServiceExt;
use uuid::Uuid;

struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _: &Mail) -> Result<(), MailError> {
        Err(MailError::Refused("no mail here".into()))
    }
}

fn clip(number: u128) -> ClipId {
    ClipId::from_uuid(Uuid::from_u128(0xc11b_0000 + number))
}
fn anchor(number: u128) -> AnchorId {
    AnchorId::from_uuid(Uuid::from_u128(0xa0c0_0000 + number))
}
fn visit(number: u128) -> VisitId {
    VisitId::from_uuid(Uuid::from_u128(0x0151_0000 + number))
}

/// A shop whose clip 1 has anchor 1 and lasts twenty seconds.
struct World {
    fixture: Fixture,
    app: App,
    ids: u128,
}

fn world_on(fixture: Fixture) -> World {
    let app = fixture.app(Vec::new(), Arc::new(NoMail));
    known::remember(
        &app,
        fixture.shop,
        clip(1),
        3,
        Known {
            anchors: vec![anchor(1)],
            duration_ms: 20_000,
        },
    );
    World { fixture, app, ids: 0 }
}

fn world() -> World {
    world_on(Fixture::new())
}

fn worlds() -> Vec<World> {
    Fixture::engines().into_iter().map(world_on).collect()
}

/// As [`world`], in a story that awaits.
async fn ready() -> World {
    tokio::task::spawn_blocking(world).await.unwrap()
}

impl World {
    fn event(&mut self, kind: Kind) -> Event {
        self.ids += 1;
        Event {
            id: Uuid::from_u128(0xe000_0000 + self.ids),
            kind,
            anchor: None,
            at_ms: 2_000,
            seconds: None,
            ago_ms: 0,
        }
    }
    fn seconds(&mut self, from: i64, to: i64) -> Event {
        Event {
            seconds: Some((from, to)),
            ..self.event(Kind::Second)
        }
    }
    fn batch(&self, visit: Option<VisitId>, events: Vec<Event>) -> Batch {
        Batch {
            shop: self.fixture.shop,
            clip: clip(1),
            version: 3,
            visit,
            events,
            dropped: Vec::new(),
        }
    }
    fn send(&self, batch: &Batch) -> (u32, u32, u32) {
        let batch = batch.clone();
        let done = self
            .app
            .events
            .write_blocking(LaneKey(0), move |tx| ingest(tx, &batch))
            .unwrap();
        (done.accepted, done.duplicates, done.dropped)
    }
    fn fold(&self) -> u64 {
        let mut total = 0;
        loop {
            match self
                .app
                .events
                .write_blocking(LaneKey(0), |tx| fold_some(tx, 7))
                .unwrap()
            {
                0 => return total,
                done => total += done,
            }
        }
    }
    fn count(&self, kind: Kind) -> i64 {
        let shop = self.fixture.shop;
        self.app
            .events
            .read_blocking(move |tx| store::count(tx, shop, None, Period { from: 0, to: 99_999 }, kind))
            .unwrap()
    }
    fn period(&self) -> Period {
        Period::last(30, self.fixture.clock().wall())
    }
}

#[test]
fn a4_a_claim_that_cannot_be_true_is_dropped_for_a_reason() {
    let known = Known {
        anchors: vec![anchor(1)],
        duration_ms: 20_000,
    };
    let event = |kind, seconds, at_ms| Event {
        id: Uuid::nil(),
        kind,
        anchor: None,
        at_ms,
        seconds,
        ago_ms: 0,
    };
    let cases = [
        (event(Kind::View, None, 2_000), Ok(())),
        (event(Kind::End, None, 20_900), Ok(())),
        (event(Kind::View, None, 21_001), Err(Dropped::Invalid)),
        (event(Kind::View, None, -1), Err(Dropped::Invalid)),
        (event(Kind::View, Some((0, 1)), 0), Err(Dropped::Invalid)),
        (event(Kind::Second, None, 0), Err(Dropped::Invalid)),
        (event(Kind::Second, Some((0, 20)), 0), Ok(())),
        (event(Kind::Second, Some((0, 23)), 0), Err(Dropped::Invalid)),
        (event(Kind::Second, Some((4, 4)), 0), Err(Dropped::Invalid)),
        (event(Kind::Second, Some((-1, 4)), 0), Err(Dropped::Invalid)),
        (event(Kind::Second, Some((0, i64::MAX)), 0), Err(Dropped::Invalid)),
        (
            Event {
                anchor: Some(anchor(1)),
                ..event(Kind::Tap, None, 0)
            },
            Ok(()),
        ),
        (
            Event {
                anchor: Some(anchor(2)),
                ..event(Kind::Tap, None, 0)
            },
            Err(Dropped::UnknownAnchor),
        ),
        (
            Event {
                ago_ms: -1,
                ..event(Kind::Tap, None, 0)
            },
            Err(Dropped::Invalid),
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(check(&event, &known), expected, "{event:?}");
    }
}

#[test]
fn an_event_is_counted_on_the_day_it_happened_as_far_as_we_still_take_it() {
    let noon = Time::from_unix_seconds(20_000 * 86_400 + 43_200);
    let hours = |hours: i64| hours * 3_600_000;
    let cases = [
        (0, 20_000),
        (hours(11), 20_000),
        (hours(13), 19_999),
        (hours(500), 19_999),
        (i64::MAX, 19_999),
    ];
    for (ago, day) in cases {
        assert_eq!(day_of_event(noon, ago), day, "{ago}");
    }
}

#[test]
fn shares_are_rounded_and_nothing_has_no_share() {
    let cases = [
        ((1, 2), Some(500)),
        ((1, 3), Some(333)),
        ((2, 3), Some(667)),
        ((3, 2), Some(1_500)),
        ((0, 5), Some(0)),
        ((1, 0), None),
    ];
    for ((part, of), share) in cases {
        assert_eq!(per_mille(part, of), share, "{part} of {of}");
    }
}

#[test]
fn a1_a_batch_that_is_sent_again_counts_once_before_and_after_it_is_summed() {
    for mut world in worlds() {
        let events = vec![world.event(Kind::View), world.event(Kind::Tap), world.seconds(0, 5)];
        let batch = world.batch(Some(visit(1)), events);
        assert_eq!(world.send(&batch), (3, 0, 0));
        assert_eq!(world.send(&batch), (0, 3, 0));
        assert_eq!(world.fold(), 3);
        assert_eq!(world.send(&batch), (0, 3, 0));
        assert_eq!(world.fold(), 0);
        assert_eq!((world.count(Kind::View), world.count(Kind::Tap)), (1, 1));
    }
}

#[test]
fn a1_an_id_is_remembered_for_a_week_and_then_forgotten() {
    let mut world = world();
    let events = vec![world.event(Kind::View)];
    let batch = world.batch(Some(visit(1)), events);
    world.send(&batch);
    let prune = |world: &World| world.app.events.write_blocking(LaneKey(0), prune_some).unwrap();
    world.fixture.pass(8 * 24 * 60);
    prune(&world);
    assert_eq!(world.send(&batch), (0, 1, 0), "what is not summed is never forgotten");
    world.fold();
    assert_eq!(prune(&world), 1);
    assert_eq!(world.send(&batch), (1, 0, 0));
    world.fold();
    world.fixture.pass(6 * 24 * 60);
    prune(&world);
    assert_eq!(world.send(&batch), (0, 1, 0), "six days later it is still known");
}

#[test]
fn a5_a_sum_that_dies_half_way_leaves_everything_to_the_next() {
    for mut world in worlds() {
        let events = (0..20).map(|_| world.event(Kind::View)).collect();
        let batch = world.batch(Some(visit(1)), events);
        world.send(&batch);
        for _ in 0..3 {
            let died = world.app.events.write_blocking(LaneKey(0), |tx| {
                fold_some(tx, 7)?;
                Err::<(), _>(Error::internal("the process was killed here"))
            });
            assert!(died.is_err());
        }
        assert_eq!(world.count(Kind::View), 0);
        assert_eq!(world.fold(), 20);
        assert_eq!(world.count(Kind::View), 20);
    }
}

#[test]
fn a5_four_summing_at_once_count_each_event_once() {
    for mut world in worlds() {
        for number in 0..8 {
            let events = (0..50).map(|_| world.event(Kind::View)).collect();
            let batch = world.batch(Some(visit(number)), events);
            world.send(&batch);
        }
        let events = &world.app.events;
        let summed: u64 = std::thread::scope(|scope| {
            let one = |lane| {
                scope.spawn(move || {
                    let mut total = 0;
                    loop {
                        match events.write_blocking(LaneKey(lane), |tx| fold_some(tx, 7)).unwrap() {
                            0 => return total,
                            done => total += done,
                        }
                    }
                })
            };
            let threads: Vec<_> = (0..4).map(one).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // One that met only rows of another may have ended early; whoever comes next takes the rest.
        assert_eq!(summed + world.fold(), 400);
        assert_eq!(world.count(Kind::View), 400);
    }
}

#[test]
fn a4_a_visit_has_a_budget_and_what_exceeds_it_is_counted_as_dropped() {
    let mut world = world();
    let mut taken = 0;
    for _ in 0..(VISIT_EVENTS_MAX / 50 + 2) {
        let events = (0..50).map(|_| world.event(Kind::Tap)).collect();
        let batch = world.batch(Some(visit(1)), events);
        taken += i64::from(world.send(&batch).0);
    }
    assert_eq!(taken, VISIT_EVENTS_MAX);
    let events = vec![world.event(Kind::Tap)];
    let other = world.batch(Some(visit(2)), events);
    assert_eq!(world.send(&other), (1, 0, 0), "another visit is not in its way");
    let (shop, period) = (world.fixture.shop, world.period());
    let counted = world
        .app
        .events
        .read_blocking(move |tx| dropped(tx, shop, period))
        .unwrap();
    assert_eq!(counted, [(Dropped::VisitLimit, 100)]);
    // The next day the budget is new, and yesterday's is forgotten the day after.
    world.fixture.pass(24 * 60);
    let events = vec![world.event(Kind::Tap)];
    let batch = world.batch(Some(visit(1)), events);
    assert_eq!(world.send(&batch), (1, 0, 0));
}

#[test]
fn a4_a_shop_has_a_budget_that_invented_visits_do_not_escape() {
    for mut world in worlds() {
        let (shop, today) = (world.fixture.shop, world.period().to);
        let nearly = SHOP_EVENTS_MAX - 60;
        let spent =
            move |tx: &mut crate::db::Tx<'_>| store::take_budget(tx, shop, today, whole(shop), nearly, SHOP_EVENTS_MAX);
        assert!(world.app.events.write_blocking(LaneKey(0), spent).unwrap());
        let mut send = |number| {
            let events = (0..50).map(|_| world.event(Kind::View)).collect();
            let batch = world.batch(Some(visit(number)), events);
            world.send(&batch)
        };
        assert_eq!(send(1), (50, 0, 0));
        assert_eq!(send(2), (0, 0, 50));
        let counted = world
            .app
            .events
            .read_blocking(move |tx| dropped(tx, shop, Period { from: today, to: today }))
            .unwrap();
        assert_eq!(counted, [(Dropped::ShopLimit, 50)]);
    }
}

#[test]
fn stretches_of_playback_become_plays_of_each_second() {
    let changes = [(0, 2), (1, 1), (2, -1), (3, -1), (4, 0), (5, -1)];
    let watched = Retention::of(2, &changes);
    assert_eq!(watched.plays, [2, 3, 2, 1, 1]);
    assert_eq!(watched.per_mille(), [1_000, 1_500, 1_000, 500, 500]);
    assert_eq!(Retention::of(3, &[(4, 1), (5, -1)]).plays, [0, 0, 0, 0, 1]);
}

#[tokio::test]
async fn the_funnel_counts_visits_and_the_retention_counts_plays() {
    let worlds = tokio::task::spawn_blocking(worlds).await.unwrap();
    for mut world in worlds {
        let all = [
            (1, vec![Kind::Impression, Kind::View, Kind::Tap, Kind::Tap, Kind::Add]),
            (2, vec![Kind::View, Kind::Tap]),
            (3, vec![Kind::View]),
        ];
        for (number, kinds) in all {
            let mut events: Vec<Event> = kinds.into_iter().map(|kind| world.event(kind)).collect();
            events.push(world.seconds(0, 2 + i64::try_from(number).unwrap()));
            let batch = world.batch(Some(visit(number)), events);
            send(&world, batch).await;
        }
        // A viewer who is not followed is in the sums, and in no step.
        let events = vec![
            Event {
                anchor: Some(anchor(1)),
                ..world.event(Kind::Impression)
            },
            world.event(Kind::View),
            world.seconds(1, 2),
        ];
        let batch = world.batch(None, events);
        send(&world, batch).await;
        assert_eq!(fold(&world.app).await.unwrap(), 14);

        let (shop, period) = (world.fixture.shop, world.period());
        let found = funnel(&world.app, shop, Some(clip(1)), period).await.unwrap();
        assert_eq!(
            found,
            Funnel {
                impressions: 2,
                views: 3,
                taps: 2,
                adds: 1,
                purchases: 0
            }
        );
        let rates: Vec<_> = found.steps().iter().map(|step| step.per_mille).collect();
        assert_eq!(rates, [None, Some(667), Some(500), Some(0)]);
        assert_eq!(funnel(&world.app, shop, None, period).await.unwrap(), found);
        let watched = retention(&world.app, shop, clip(1), period).await.unwrap();
        assert_eq!((watched.views, watched.plays), (4, vec![3, 4, 3, 2, 1]));

        let nothing = Funnel {
            impressions: 0,
            views: 0,
            taps: 0,
            adds: 0,
            purchases: 0,
        };
        assert_eq!(funnel(&world.app, shop, Some(clip(2)), period).await.unwrap(), nothing);
        assert_eq!(funnel(&world.app, shop, None, period.before()).await.unwrap(), nothing);
        assert_eq!(
            funnel(&world.app, world.fixture.neighbour, Some(clip(1)), period)
                .await
                .unwrap(),
            nothing
        );

        let read = world.app.events.read(move |tx| {
            let totals = clip_totals(tx, shop, None, period, 10)?;
            Ok((
                totals,
                anchor_totals(tx, shop, clip(1), period)?,
                viewers_by_day(tx, shop, None, period)?,
                unfolded(tx)?,
            ))
        });
        let (totals, anchors, days, waiting) = read.await.unwrap();
        assert_eq!(
            totals,
            [ClipTotals {
                clip: clip(1),
                views: 4,
                hooks: 0,
                viewers: 3,
                tapped: 2,
                added: 1,
                seconds_played: 13
            }]
        );
        assert_eq!(
            totals[0].watched_per_mille(10_000),
            Some(325),
            "13 of 4 times 10 seconds"
        );
        assert_eq!(totals[0].watched_per_mille(0), None);
        assert_eq!(
            totals[0].funnel(0),
            Funnel {
                impressions: 0,
                ..found
            }
        );
        assert_eq!(
            anchors,
            [AnchorTotals {
                anchor: anchor(1),
                impressions: 1,
                taps: 0,
                adds: 0,
                asks: 0
            }]
        );
        assert_eq!((days, waiting), (vec![(period.to, 3)], (0, None)));
    }
}

async fn send(world: &World, batch: Batch) -> Ingested {
    world
        .app
        .events
        .write(LaneKey(0), move |tx| ingest(tx, &batch))
        .await
        .unwrap()
}

#[tokio::test]
async fn a3_purchases_that_a_player_claims_are_no_purchases_and_no_revenue() {
    let mut world = ready().await;
    let events = (0..50).map(|_| world.event(Kind::Purchase)).collect();
    let batch = world.batch(Some(visit(1)), events);
    assert_eq!(send(&world, batch).await.accepted, 50);
    fold(&world.app).await.unwrap();
    let (shop, period) = (world.fixture.shop, world.period());
    assert_eq!(funnel(&world.app, shop, None, period).await.unwrap().purchases, 0);
    assert_eq!(revenue(&world.app, shop, None, period).await.unwrap(), []);
}

/// The beacon route as a browser meets it.
struct Post {
    router: Router,
    key: String,
}

impl Post {
    async fn to(world: &World) -> Self {
        let shop = world.fixture.shop;
        let key = world
            .app
            .db
            .read(move |tx| identity::publishable_key(tx, shop))
            .await
            .unwrap();
        let router = Router::new()
            .route("/v1/beacons", axum::routing::post(post_beacons))
            .with_state(world.app.clone());
        Self { router, key }
    }

    async fn send(&self, headers: &[(&'static str, &'static str)], body: String) -> (StatusCode, Value) {
        let mut request = Request::post("/v1/beacons").header("content-type", "text/plain;charset=UTF-8");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self
            .router
            .clone()
            .oneshot(request.body(Body::from(body)).unwrap())
            .await
            .unwrap();
        let status = answer.status();
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    fn batch(&self, clip: ClipId, version: i64, events: Value) -> Value {
        json!({ "key": self.key, "visit": visit(7).to_string(), "clip": clip.to_string(), "version": version, "lang": "en", "events": events })
    }
}

fn view(id: u128) -> Value {
    json!({ "id": Uuid::from_u128(id).to_string(), "kind": "view", "at_ms": 2_000, "ago_ms": 10 })
}

fn visits(world: &World) -> i64 {
    let (shop, period): (ShopId, Period) = (world.fixture.shop, world.period());
    let read = world
        .app
        .events
        .read_blocking(move |tx| store::visits_per_step(tx, shop, None, period))
        .unwrap();
    read.iter().map(|(_, visits)| visits).sum()
}

#[tokio::test]
async fn what_can_be_true_is_taken_and_the_rest_is_counted_as_dropped() {
    let world = ready().await;
    let post = Post::to(&world).await;
    let events = json!([
        view(1),
        { "id": "no uuid", "kind": "view", "ago_ms": 0 },
        { "id": Uuid::from_u128(2).to_string(), "kind": "teleport", "ago_ms": 0 },
        { "id": Uuid::from_u128(3).to_string(), "kind": "tap", "anchor": anchor(9).to_string(), "ago_ms": 0 },
        { "id": Uuid::from_u128(4).to_string(), "kind": "tap", "anchor": anchor(1).to_string(), "ago_ms": 0 },
        { "id": Uuid::from_u128(5).to_string(), "kind": "second", "seconds": [0, 4], "ago_ms": 0 },
    ]);
    let body = post.batch(clip(1), 3, events).to_string();
    let (status, answer) = post.send(&[], body.clone()).await;
    assert_eq!(
        (status, answer),
        (
            StatusCode::ACCEPTED,
            json!({ "accepted": 3, "duplicates": 0, "dropped": 3 })
        )
    );
    let (_, again) = post.send(&[], body).await;
    assert_eq!(again, json!({ "accepted": 0, "duplicates": 3, "dropped": 3 }));
    for (clip, version) in [(clip(1), 4), (clip(2), 3)] {
        let (status, answer) = post
            .send(&[], post.batch(clip, version, json!([view(9)])).to_string())
            .await;
        assert_eq!(
            (status, answer),
            (
                StatusCode::ACCEPTED,
                json!({ "accepted": 0, "duplicates": 0, "dropped": 1 })
            )
        );
    }
}

#[tokio::test]
async fn a4_batches_that_are_too_large_are_refused_unread() {
    let world = ready().await;
    let post = Post::to(&world).await;
    let code = |answer: &Value| answer["code"].as_str().unwrap_or_default().to_owned();
    let (status, answer) = post.send(&[], "x".repeat(1 << 20)).await;
    assert_eq!(
        (status, code(&answer)),
        (StatusCode::PAYLOAD_TOO_LARGE, "too_large".into())
    );
    let many: Vec<Value> = (0..51).map(view).collect();
    let (status, answer) = post.send(&[], post.batch(clip(1), 3, json!(many)).to_string()).await;
    assert_eq!(
        (status, code(&answer)),
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_field".into())
    );
    let (status, _) = post.send(&[], "{".into()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let mut stranger = post.batch(clip(1), 3, json!([view(1)]));
    stranger["key"] = json!("pk_nobody");
    assert_eq!(post.send(&[], stranger.to_string()).await.0, StatusCode::UNAUTHORIZED);
    let mut more = post.batch(clip(1), 3, json!([view(1)]));
    more["user"] = json!("jo");
    assert_eq!(
        post.send(&[], more.to_string()).await.0,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    assert_eq!(fold(&world.app).await.unwrap(), 0);
}

#[tokio::test]
async fn a_viewer_who_asks_not_to_be_followed_has_no_visit() {
    let world = ready().await;
    let post = Post::to(&world).await;
    for (number, header) in [("sec-gpc", "1"), ("dnt", "1")].into_iter().enumerate() {
        let (status, _) = post
            .send(
                &[header],
                post.batch(clip(1), 3, json!([view(number as u128)])).to_string(),
            )
            .await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    fold(&world.app).await.unwrap();
    let world = tokio::task::spawn_blocking(move || {
        assert_eq!((world.count(Kind::View), visits(&world)), (2, 0));
        world
    })
    .await
    .unwrap();
    post.send(
        &[("sec-gpc", "0")],
        post.batch(clip(1), 3, json!([view(9)])).to_string(),
    )
    .await;
    fold(&world.app).await.unwrap();
    tokio::task::spawn_blocking(move || assert_eq!((world.count(Kind::View), visits(&world)), (3, 1)))
        .await
        .unwrap();
}

/// A6 and I36: whatever names a person or a device is in no file.
#[tokio::test]
async fn i36_no_address_and_no_browser_is_in_any_file() {
    let world = ready().await;
    let post = Post::to(&world).await;
    let headers = [
        ("user-agent", "NeedleBrowser/77"),
        ("x-forwarded-for", "203.0.113.77"),
        ("forwarded", "for=203.0.113.78"),
        ("cookie", "needlecookie=1"),
        ("referer", "https://needle.example/page"),
        ("accept-language", "xx-needle"),
    ];
    let body = post.batch(clip(1), 3, json!([view(0x1234_5678_9abc)])).to_string();
    assert_eq!(post.send(&headers, body).await.0, StatusCode::ACCEPTED);
    fold(&world.app).await.unwrap();
    let holds = |needle: &[u8]| {
        let files = std::fs::read_dir(world.fixture.folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file());
        files
            .map(|path| std::fs::read(path).unwrap())
            .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    };
    assert!(
        holds(Uuid::from_u128(0x1234_5678_9abc).as_bytes()),
        "the search finds what is there"
    );
    let packed = |last| [203, 0, 113, last];
    for needle in [
        &b"203.0.113."[..],
        &packed(77),
        &packed(78),
        b"eedle",
        b"127.0.0.1",
        b"0.0.0.0",
    ] {
        assert!(!holds(needle), "{}", String::from_utf8_lossy(needle));
    }
}
