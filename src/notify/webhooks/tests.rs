//! Webhooks without a network: which addresses may be dialled, when is tried again, who may write what came of a try.

use super::address::{is_public, may_dial};
use super::model::{FAILING, LEASE, next_try, rest};
use super::*;
use crate::app::App;
use crate::db::{LaneKey, Tx};
use crate::fixture::Fixture;
use crate::kernel::{
    Fact, Id, Network, OrderId, Result, Seconds, ShopId, Time, WebhookDeliveryId, WebhookEndpointId, WebhookEventId,
};
use crate::notify::{Links, Mailbox};
use reqwest::Url;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

#[test]
fn w9_only_addresses_of_the_public_internet_are_dialled() {
    let shut = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.1",
        "169.254.169.254", // the clouds' metadata
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254", // metadata again
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ];
    let open = [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "2a00:1450:4001:800::200e",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ];
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    for text in shut {
        assert!(!is_public(ip(text)), "{text}");
        assert!(!may_dial(&[], true, ip(text), 443), "{text}");
    }
    for text in open {
        assert!(is_public(ip(text)), "{text}");
        assert!(may_dial(&[], true, ip(text), 443), "{text}");
        assert!(!may_dial(&[], false, ip(text), 443), "{text} without TLS");
        assert!(!may_dial(&[], true, ip(text), 22), "{text} at another port");
    }
    let ours: [Network; 1] = ["10.1.0.0/16".parse().unwrap()];
    assert!(may_dial(&ours, false, ip("10.1.2.3"), 8080), "what the operator opened");
    assert!(!may_dial(&ours, false, ip("10.2.2.3"), 8080));
}

#[test]
fn w9_addresses_are_read_as_a_browser_reads_them() {
    let read = |text: &str, ours: &[Network]| Target::read(text, ours).map(|target| target.as_str().to_owned());
    for good in [
        "https://example.com/hooks",
        "https://example.com:443/hooks?key=1",
        "https://1.1.1.1/",
        "https://[2606:4700:4700::1111]/",
        "https://bücher.example/",
    ] {
        assert!(read(good, &[]).is_ok(), "{good}");
    }
    for bad in [
        "",
        "example.com",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://example.com/",
        "https://example.com:8443/",
        "https://user@example.com/",
        "https://user:word@example.com/",
        "https://example.com/#part",
        "https://127.0.0.1/",
        "https://2130706433/", // 127.0.0.1, in one number
        "https://0x7f.1/",     // in hexadecimal
        "https://0177.0.0.1/", // in octal
        "https://127.1/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
    ] {
        let refused = read(bad, &[]).unwrap_err();
        assert_eq!(
            (refused.code, &*refused.fields[0].pointer),
            ("invalid_field", "/url"),
            "{bad}"
        );
    }
    let loopback: [Network; 1] = ["127.0.0.0/8".parse().unwrap()];
    assert!(read("http://127.0.0.1:9000/hook", &loopback).is_ok());
    assert!(
        read("http://localhost:9000/hook", &loopback).is_ok(),
        "judged when it is looked up"
    );
    assert!(read("http://10.0.0.1/hook", &loopback).is_err());
}

#[tokio::test]
async fn w9_a_name_is_judged_by_every_address_it_has_at_every_try() {
    let url = Url::parse("https://rebinding.example/hook").unwrap();
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let asked = AtomicUsize::new(0);
    // A name server of somebody who means ill: public when it is looked at, and then not.
    let answers = [
        vec![ip("93.184.215.14")],
        vec![ip("169.254.169.254")],
        vec![ip("93.184.215.14"), ip("127.0.0.1")],
        vec![],
        vec![ip("93.184.215.14"), ip("2606:4700::1")],
    ];
    let look_up = |_: String, _: u16| {
        let answer = answers[asked.fetch_add(1, Ordering::SeqCst)].clone();
        async move { Ok(answer) }
    };
    let good = send::vetted(&url, &[], look_up).await.unwrap();
    assert_eq!(good, ["93.184.215.14:443".parse::<SocketAddr>().unwrap()]);
    let why = send::vetted(&url, &[], look_up).await.unwrap_err();
    assert!(why.contains("not public"), "{why}");
    assert!(
        send::vetted(&url, &[], look_up).await.is_err(),
        "one bad address is enough"
    );
    assert!(send::vetted(&url, &[], look_up).await.is_err(), "no address");
    assert_eq!(send::vetted(&url, &[], look_up).await.unwrap().len(), 2);
    assert_eq!(asked.load(Ordering::SeqCst), 5);
    // An address needs no name server.
    let literal = Url::parse("https://[::ffff:127.0.0.1]/").unwrap();
    assert!(send::vetted(&literal, &[], look_up).await.is_err());
}

#[tokio::test]
async fn w5_an_arrival_is_one_however_slowly_the_body_of_the_answer_comes() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://slow.example:{}/hook", listener.local_addr().unwrap().port());
    let serves = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"{}") {
            stream.read_buf(&mut asked).await.unwrap();
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nthank";
        stream.write_all(answer).await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await; // The rest never comes.
    });
    let nil = Uuid::nil();
    let parcel = Parcel {
        id: WebhookDeliveryId::from_uuid(nil),
        event: WebhookEventId::from_uuid(nil),
        payload: "{}".into(),
        endpoint: Endpoint {
            id: WebhookEndpointId::from_uuid(nil),
            shop: ShopId::from_uuid(nil),
            url,
            description: String::new(),
            events: Vec::new(),
            state: EndpointState::Enabled,
            reason: None,
            generation: 1,
            old_until: None,
            failures: 0,
            failing_since: None,
            disabled_at: None,
            rest_until: Time(0),
            version: 1,
            created_at: Time(0),
        },
        lease: 1,
        tries: 1,
        taken_at: Time(0),
    };
    let loopback: [Network; 1] = ["127.0.0.0/8".parse().unwrap()];
    let look_up = |_: String, _: u16| async { Ok(vec!["127.0.0.1".parse().unwrap()]) };
    // Shorter than a body is waited for, as fifteen seconds are for a status that comes in the fourteenth.
    let limit = Duration::from_millis(1500);
    let reply = send::post(&parcel, &[7; 32], &loopback, limit, look_up).await;
    serves.abort();
    assert_eq!(
        (reply.outcome, reply.status, &*reply.body),
        (Outcome::Delivered, Some(200), "thank"),
        "{}",
        reply.detail
    );
    assert!(reply.millis < 1500, "the time until the status came: {}", reply.millis);
}

#[test]
fn w3_an_event_is_tried_ten_times_in_three_days_and_not_before_it_was_asked_to() {
    let now = Time::from_unix_seconds(1_000_000);
    let pauses: Vec<i64> = (1..=9)
        .map(|tries| next_try(now, tries, Seconds(0), 0).unwrap().since(now).0)
        .collect();
    assert_eq!(pauses, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
    assert_eq!(next_try(now, 10, Seconds(0), 0), None, "the tenth was the last");
    assert_eq!(
        next_try(now, 2, Seconds(0), 255).unwrap().since(now),
        Seconds(330),
        "spread over a tenth"
    );
    assert_eq!(
        next_try(now, 1, Seconds(120), 0).unwrap().since(now),
        Seconds(120),
        "Retry-After"
    );
    assert_eq!(
        next_try(now, 1, Seconds::days(300), 0).unwrap().since(now),
        Seconds::hours(24),
        "but not for ever"
    );
    assert_eq!(
        (rest(FAILING - 1), rest(FAILING), rest(1000)),
        (Seconds(0), Seconds(2), Seconds::minutes(1))
    );
}

struct World {
    fixture: Fixture,
    app: App,
    links: Links,
}

/// On every engine there is.
fn worlds() -> Vec<World> {
    let all = Fixture::engines().into_iter();
    all.map(|fixture| {
        let app = fixture.app(Vec::new(), Arc::new(Mailbox::new(fixture.clock())));
        World {
            links: Links::of(&app),
            app,
            fixture,
        }
    })
    .collect()
}

fn order() -> OrderId {
    OrderId::from_uuid(Uuid::from_u128(7))
}

impl World {
    fn endpoint(&self, n: u128, events: &[EventType]) -> Endpoint {
        let shop = self.fixture.shop;
        let new = NewEndpoint {
            id: WebhookEndpointId::from_uuid(Uuid::from_u128(n)),
            url: Target::read("https://example.com/hook", &[]).unwrap(),
            description: String::new(),
            events: events.to_vec(),
        };
        match self.fixture.write(move |tx| make(tx, shop, &new)) {
            Made::New(endpoint) | Made::Again(endpoint) => endpoint,
        }
    }

    /// A fact about an order that does not exist, which is enough to be told.
    fn announce(&self) -> Announced {
        let fact = Fact::PaymentCaptured {
            shop: self.fixture.shop,
            order: order(),
        };
        self.fixture.pass(1); // Ids of one moment have no order.
        self.fixture.write(move |tx| announce(tx, &fact))
    }

    fn take(&self, endpoint: &Endpoint, newest: bool) -> Option<Parcel> {
        let id = endpoint.id;
        self.fixture.write(move |tx| take(tx, &[(id, newest)])).pop()
    }

    fn write_down(&self, parcel: &Parcel, status: u16) -> Sent {
        self.fixture.write(self.answers(parcel, status))
    }

    /// The command that writes down what came of a try.
    fn answers(&self, parcel: &Parcel, status: u16) -> impl Fn(&mut Tx<'_>) -> Result<Sent> + Send + use<> {
        let (parcel, links) = (parcel.clone(), self.links.clone());
        let reply = Reply {
            outcome: match status {
                200 => Outcome::Delivered,
                410 => Outcome::Gone,
                _ => Outcome::Failed { not_before: Seconds(0) },
            },
            status: Some(status),
            millis: 3,
            detail: if status == 200 {
                String::new()
            } else {
                format!("It answered {status}.")
            },
            body: String::new(),
        };
        move |tx| write_down(tx, &links, &parcel, &reply, 0)
    }

    fn now(&self, endpoint: &Endpoint) -> Endpoint {
        let (shop, id) = (self.fixture.shop, endpoint.id);
        self.fixture.write(move |tx| find(tx, shop, id)).unwrap()
    }

    fn delivery(&self, parcel: &Parcel) -> Delivery {
        let (shop, id) = (self.fixture.shop, parcel.id);
        self.fixture.write(move |tx| delivery(tx, shop, id)).unwrap()
    }

    fn deliveries(&self) -> Vec<Delivery> {
        let shop = self.fixture.shop;
        self.fixture
            .write(move |tx| deliveries(tx, shop, None, None, None, 100))
            .data
    }

    fn set_disabled(&self, endpoint: &Endpoint, disabled: bool) {
        let (shop, id, version) = (self.fixture.shop, endpoint.id, self.now(endpoint).version);
        let edit = Edit {
            disabled: Some(disabled),
            ..Edit::default()
        };
        let done = self.fixture.write(move |tx| change(tx, shop, id, version, &edit));
        assert!(matches!(done, Change::Changed(_)), "{done:?}");
    }

    /// Runs `first`, and `second` before that is committed. On PostgreSQL the second one, in another lane, chooses rows as they were, and waits for
    /// those that the first one holds; on SQLite it comes after.
    fn race<A: Send + 'static, B: Send + 'static>(
        &self,
        first: impl Fn(&mut Tx<'_>) -> Result<A> + Send + 'static,
        second: impl Fn(&mut Tx<'_>) -> Result<B> + Send + 'static,
    ) -> (A, B) {
        let (held, holds) = std::sync::mpsc::channel();
        let db = self.fixture.db.clone();
        let first = std::thread::spawn(move || {
            db.write_blocking(LaneKey(0), move |tx| {
                let done = first(tx)?;
                held.send(()).unwrap();
                std::thread::sleep(Duration::from_millis(400)); // The other one is at its statement by then.
                Ok(done)
            })
        });
        holds.recv().unwrap();
        let second = self.fixture.db.write_blocking(LaneKey(1), second).unwrap();
        (first.join().unwrap().unwrap(), second)
    }

    fn letters(&self) -> i64 {
        self.fixture.write(crate::notify::waiting).letters
    }
}

#[test]
fn w6_events_are_written_for_whoever_listens_and_their_versions_have_no_gap() {
    for world in worlds() {
        assert_eq!(world.announce(), Announced::Nobody);
        let all = world.endpoint(1, &[]);
        let orders = world.endpoint(2, &[EventType::OrderConfirmed]);
        assert_eq!(world.deliveries(), [], "nothing was written for nobody");
        assert!(matches!(world.announce(), Announced::Told { endpoints: 1, .. }));
        assert!(matches!(world.announce(), Announced::Told { endpoints: 1, .. }));
        let told = world.deliveries();
        assert_eq!(
            told.iter().map(|one| (one.endpoint, one.version)).collect::<Vec<_>>(),
            [(all.id, 2), (all.id, 1)]
        );
        assert!(world.take(&orders, false).is_none());
        let parcel = world.take(&all, false).unwrap();
        let said: serde_json::Value = serde_json::from_str(&parcel.payload).unwrap();
        assert_eq!(
            (&said["type"], &said["data"]["version"], &said["data"]["id"]),
            (&"payment.captured".into(), &1.into(), &order().to_string().into())
        );
        assert_eq!(world.fixture.write(check), [""; 0]);
    }
}

#[test]
fn w6_a_command_that_is_undone_tells_nothing_and_uses_no_version() {
    for world in worlds() {
        world.endpoint(1, &[]);
        let fact = Fact::PaymentCaptured {
            shop: world.fixture.shop,
            order: order(),
        };
        let refused = world.fixture.refused(move |tx| -> Result<()> {
            announce(tx, &fact)?;
            Err(crate::kernel::Error::conflict("undone", "Undone."))
        });
        assert_eq!((refused, world.deliveries().len()), ("undone", 0));
        world.announce();
        assert_eq!(world.deliveries()[0].version, 1);
    }
}

#[test]
fn w4_who_was_away_too_long_writes_nothing_and_the_event_keeps_its_id() {
    for world in worlds() {
        let endpoint = world.endpoint(1, &[]);
        world.announce();
        let first = world.take(&endpoint, false).unwrap();
        assert!(world.take(&endpoint, false).is_none(), "it is leased");
        world.fixture.pass(LEASE.0 / 60 + 1);
        let second = world.take(&endpoint, false).expect("its taker was away too long");
        assert_eq!(
            (second.id, second.event),
            (first.id, first.event),
            "the same webhook-id"
        );
        assert_eq!(second.lease, first.lease + 1);
        assert_eq!(world.write_down(&first, 410), Sent::Overtaken);
        assert_eq!(
            world.now(&endpoint).state,
            EndpointState::Enabled,
            "nor does it disable anything"
        );
        assert_eq!(world.delivery(&second).state, DeliveryState::Leased);
        assert_eq!(world.write_down(&second, 200), Sent::Delivered);
        assert_eq!(world.write_down(&first, 500), Sent::Overtaken, "an end is final");
        assert_eq!(world.write_down(&second, 500), Sent::Overtaken);
        assert_eq!(world.delivery(&second).state, DeliveryState::Delivered);
        assert!(world.take(&endpoint, false).is_none());
    }
}

#[test]
fn w4_who_chose_from_the_past_looks_again_before_it_changes_anything() {
    for world in worlds() {
        let endpoint = world.endpoint(1, &[]);
        let (shop, id) = (world.fixture.shop, endpoint.id);
        // Replayed one by one and taken, while all that was given up is replayed: its taker keeps it.
        world.set_disabled(&endpoint, true);
        world.announce();
        world.set_disabled(&endpoint, false);
        let lost = world.deliveries().remove(0);
        assert_eq!(lost.state, DeliveryState::Exhausted);
        let (one, since) = (lost.id, lost.created_at);
        let (mut taken, again) = world.race(
            move |tx| {
                assert!(store::again(tx, shop, one)?);
                take(tx, &[(id, false)])
            },
            move |tx| store::again_since(tx, shop, id, since, 200),
        );
        assert_eq!((taken.len(), again), (1, 0));
        assert_eq!(world.deliveries()[0].state, DeliveryState::Leased);
        assert_eq!(world.write_down(&taken.remove(0), 200), Sent::Delivered);

        // It arrives at the last moment, while what waits for a disabled endpoint is ended.
        world.announce();
        let parcel = world.take(&endpoint, false).unwrap();
        world.set_disabled(&endpoint, true);
        world.fixture.pass(LEASE.0 / 60 + 1);
        let arrives = world.answers(&parcel, 200);
        let (sent, ended) = world.race(arrives, |tx| store::end_of_disabled(tx, "It was disabled.", 200));
        assert_eq!((sent, ended), (Sent::Delivered, 0));
        assert_eq!(world.delivery(&parcel).state, DeliveryState::Delivered);

        // Replayed after a month, while it is forgotten.
        world.set_disabled(&endpoint, false);
        world.fixture.pass(31 * 24 * 60);
        let one = parcel.id;
        world.race(
            move |tx| store::again(tx, shop, one),
            |tx| store::forget(tx, tx.now().minus(Seconds::days(30)), 50),
        );
        assert_eq!(world.delivery(&parcel).state, DeliveryState::Pending);
        let tries = world.fixture.write(move |tx| attempts(tx, shop, one));
        assert_eq!(tries.len(), 1, "and what came of it");
        assert_eq!(world.take(&endpoint, false).unwrap().payload, parcel.payload);
    }
}

#[test]
fn w10_an_event_that_never_arrives_is_given_up_and_can_be_sent_again() {
    for world in worlds() {
        let endpoint = world.endpoint(1, &[]);
        world.announce();
        let mut last = None;
        for n in 1..=10 {
            let parcel = world.take(&endpoint, false).unwrap_or_else(|| panic!("try {n}"));
            let expected = if n == 10 { Sent::Exhausted } else { Sent::PutOff };
            assert_eq!(world.write_down(&parcel, 500), expected);
            assert!(world.take(&endpoint, false).is_none(), "not before its time");
            // Meanwhile others arrive: it blocks nothing.
            world.announce();
            let other = world.take(&endpoint, true).unwrap();
            assert_ne!(other.id, parcel.id);
            assert_eq!(world.write_down(&other, 200), Sent::Delivered);
            last = Some(parcel);
            world.fixture.pass(25 * 60);
        }
        let lost = last.unwrap();
        assert_eq!(world.delivery(&lost).state, DeliveryState::Exhausted);
        assert!(world.take(&endpoint, false).is_none());
        let (shop, id) = (world.fixture.shop, lost.id);
        let tries = world.fixture.write(move |tx| attempts(tx, shop, id));
        assert_eq!(tries.len(), 10);
        assert_eq!(world.fixture.write(move |tx| replay(tx, shop, id)), Replay::Begun);
        let again = world.take(&endpoint, false).unwrap();
        assert_eq!((again.event, again.tries), (lost.event, 1));
        assert_eq!(world.fixture.write(move |tx| replay(tx, shop, id)), Replay::Sending);
        let neighbour = world.fixture.neighbour;
        assert_eq!(
            world.fixture.write(move |tx| replay(tx, neighbour, id)),
            Replay::NotFound
        );
    }
}

#[test]
fn w5_an_endpoint_that_fails_for_five_days_is_disabled_and_its_owner_hears_of_it() {
    for world in worlds() {
        let endpoint = world.endpoint(1, &[]);
        world.announce();
        world.announce();
        for n in 0..FAILING {
            if n > 0 {
                world.announce();
            }
            let parcel = world.take(&endpoint, true).unwrap();
            world.write_down(&parcel, 503);
        }
        let failing = world.now(&endpoint);
        assert_eq!(failing.state, EndpointState::Failing);
        assert!(failing.rest_until > failing.failing_since.unwrap());
        world.fixture.pass(4 * 24 * 60);
        let parcel = world.take(&endpoint, true).unwrap();
        world.write_down(&parcel, 503);
        assert_eq!(
            world.now(&endpoint).state,
            EndpointState::Failing,
            "four days are not five"
        );
        assert_eq!(world.letters(), 0);
        world.fixture.pass(25 * 60);
        let parcel = world.take(&endpoint, true).unwrap();
        world.write_down(&parcel, 503);
        let disabled = world.now(&endpoint);
        assert_eq!(
            (disabled.state, disabled.reason),
            (EndpointState::Disabled, Some(Reason::Failing))
        );
        assert_eq!(world.letters(), 1, "its owner is written to");
        assert!(world.take(&endpoint, true).is_none(), "nothing more is sent");
        // What it misses is kept for a replay.
        assert!(matches!(world.announce(), Announced::Told { endpoints: 1, .. }));
        assert_eq!(world.deliveries()[0].state, DeliveryState::Exhausted);
        let (shop, id) = (world.fixture.shop, world.deliveries()[0].id);
        assert_eq!(world.fixture.write(move |tx| replay(tx, shop, id)), Replay::Disabled);
        let edit = Edit {
            disabled: Some(false),
            ..Edit::default()
        };
        let (id, version) = (endpoint.id, disabled.version);
        let stale = edit.clone();
        assert!(matches!(
            world.fixture.write(move |tx| change(tx, shop, id, version - 1, &stale)),
            Change::Stale(_)
        ));
        let enabled = world.fixture.write(move |tx| change(tx, shop, id, version, &edit));
        let Change::Changed(enabled) = enabled else {
            panic!("{enabled:?}")
        };
        assert_eq!((enabled.state, enabled.failures), (EndpointState::Enabled, 0));
        // After a month nobody writes down what a disabled endpoint misses.
        let off = Edit {
            disabled: Some(true),
            ..Edit::default()
        };
        world.fixture.write(move |tx| change(tx, shop, id, version + 1, &off));
        world.fixture.pass(31 * 24 * 60);
        assert_eq!(world.announce(), Announced::Nobody);
    }
}

#[test]
fn w5_an_endpoint_that_is_gone_is_disabled_at_once_and_an_arrival_heals() {
    for world in worlds() {
        let (gone, well) = (world.endpoint(1, &[]), world.endpoint(2, &[]));
        world.announce();
        let parcel = world.take(&gone, false).unwrap();
        assert_eq!(world.write_down(&parcel, 410), Sent::Exhausted);
        assert_eq!(world.now(&gone).reason, Some(Reason::Gone));
        assert_eq!(world.letters(), 1);
        for _ in 0..FAILING {
            world.announce();
            let parcel = world.take(&well, true).unwrap();
            world.write_down(&parcel, 500);
        }
        assert_eq!(world.now(&well).state, EndpointState::Failing);
        world.fixture.pass(2);
        let parcel = world.take(&well, true).unwrap();
        world.write_down(&parcel, 200);
        let healed = world.now(&well);
        assert_eq!(
            (healed.state, healed.failures, healed.failing_since),
            (EndpointState::Enabled, 0, None)
        );
    }
}

#[test]
fn w5_what_one_address_says_is_not_held_against_the_next() {
    for world in worlds() {
        let endpoint = world.endpoint(1, &[]);
        let (shop, id) = (world.fixture.shop, endpoint.id);
        let move_to = |url: &str| {
            let edit = Edit {
                url: Some(Target::read(url, &[]).unwrap()),
                ..Edit::default()
            };
            let version = world.now(&endpoint).version;
            let done = world.fixture.write(move |tx| change(tx, shop, id, version, &edit));
            assert!(matches!(done, Change::Changed(_)), "{done:?}");
        };
        for _ in 0..FAILING {
            world.announce();
            let parcel = world.take(&endpoint, true).unwrap();
            world.write_down(&parcel, 503);
        }
        for _ in 0..4 {
            world.announce();
        }
        let [gone, failed, arrived] = [(); 3].map(|()| world.take(&endpoint, true).unwrap());
        let failing = world.now(&endpoint);
        assert_eq!(failing.state, EndpointState::Failing);
        move_to("https://example.com/hook");
        assert_eq!(
            world.now(&endpoint),
            failing,
            "the same address has failed as often as before"
        );

        move_to("https://example.com/new");
        let fresh = |world: &World| {
            let now = world.now(&endpoint);
            (now.state, now.failures, now.failing_since, now.rest_until)
        };
        let afresh = (EndpointState::Enabled, 0, None, Time(0));
        assert_eq!(fresh(&world), afresh);
        // What was in the air ends, and says nothing of the new address.
        assert_eq!(world.write_down(&failed, 503), Sent::PutOff);
        assert_eq!(fresh(&world), afresh);
        assert_eq!(
            world.write_down(&gone, 410),
            Sent::PutOff,
            "the new address has not been asked yet"
        );
        assert_eq!((fresh(&world), world.letters()), (afresh, 0));
        let new = world.take(&endpoint, true).unwrap();
        world.write_down(&new, 503);
        assert_eq!(world.now(&endpoint).failures, 1, "its own failures count");
        assert_eq!(world.write_down(&arrived, 200), Sent::Delivered);
        assert_eq!(world.now(&endpoint).failures, 1, "an arrival there is none here");
        world.fixture.pass(1);
        let again = [(); 3].map(|()| world.take(&endpoint, true).unwrap());
        let again = again.iter().find(|parcel| parcel.id == gone.id).unwrap();
        assert_eq!(again.endpoint.url, "https://example.com/new");
        assert_eq!(world.write_down(again, 410), Sent::Exhausted);
        assert_eq!(
            world.now(&endpoint).reason,
            Some(Reason::Gone),
            "and so does its own 410"
        );
        // Whoever only corrects the address of a disabled one does not enable it.
        move_to("https://example.com/third");
        assert_eq!(world.now(&endpoint).state, EndpointState::Disabled);
    }
}

#[test]
fn w11_what_has_just_happened_does_not_wait_for_a_backlog() {
    for world in worlds() {
        let endpoint = world.endpoint(1, &[]);
        for _ in 0..50 {
            world.announce();
        }
        world.fixture.pass(60);
        world.announce();
        let fresh = world.take(&endpoint, true).unwrap();
        assert_eq!(world.delivery(&fresh).version, 51);
        let old = world.take(&endpoint, false).unwrap();
        assert_eq!(world.delivery(&old).version, 1);
        let figures = world.fixture.write(waiting);
        assert_eq!(figures.deliveries, 51);
        assert!(figures.oldest.is_some());
    }
}

#[test]
fn what_ended_is_forgotten_after_thirty_days_and_what_waits_is_not() {
    for world in worlds() {
        let endpoint = world.endpoint(1, &[]);
        world.announce();
        world.announce();
        let parcel = world.take(&endpoint, false).unwrap();
        world.write_down(&parcel, 200);
        let forget = |world: &World| {
            world
                .fixture
                .write(|tx| store::forget(tx, tx.now().minus(Seconds::days(30)), 50))
        };
        assert_eq!(forget(&world), 0);
        world.fixture.pass(31 * 24 * 60);
        assert_eq!(forget(&world), 2, "a delivery and its event");
        let left = world.deliveries();
        assert_eq!((left.len(), left[0].state), (1, DeliveryState::Pending));
        // Its versions go on where they were.
        world.announce();
        assert_eq!(world.deliveries()[0].version, 3);
        let (shop, id) = (world.fixture.shop, endpoint.id);
        assert!(world.fixture.write(move |tx| delete(tx, shop, id)));
        assert!(!world.fixture.write(move |tx| delete(tx, shop, id)));
        assert_eq!(world.deliveries(), []);
        assert!(world.take(&endpoint, false).is_none());
        world.fixture.pass(3);
        while forget(&world) > 0 {}
        let left = world.fixture.write(move |tx| store::open_endpoint(tx, id));
        assert_eq!(left, None);
    }
}

#[test]
fn retention_keeps_up_and_what_is_old_does_not_hide_what_was_deleted() {
    for world in worlds() {
        let (old, deleted) = (world.endpoint(1, &[]), world.endpoint(2, &[]));
        world.set_disabled(&old, true);
        for _ in 0..120 {
            world.announce();
        }
        let (shop, id) = (world.fixture.shop, deleted.id);
        assert!(world.fixture.write(move |tx| delete(tx, shop, id)));
        world.fixture.pass(31 * 24 * 60);
        let left = |endpoint: &Endpoint| {
            let id = Some(endpoint.id);
            let found = world
                .fixture
                .write(move |tx| deliveries(tx, shop, id, None, None, 1000));
            found.data.len()
        };
        assert_eq!((left(&old), left(&deleted)), (120, 120));
        let month = Seconds::days(30);
        let first = world
            .fixture
            .write(move |tx| store::forget(tx, tx.now().minus(month), 10));
        assert_eq!((left(&old), left(&deleted)), (110, 110), "both kinds in one command");
        // One round of the job lets all go: it is called every ten seconds only.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let gone = runtime.block_on(prune(&world.app)).unwrap();
        assert_eq!((left(&old), left(&deleted)), (0, 0));
        assert_eq!(first + gone, 3 * 120 + 1, "with their events, and the endpoint");
        assert_eq!(world.fixture.write(check), [""; 0]);
    }
}

#[test]
fn w7_both_secrets_sign_during_the_change_and_the_old_one_no_longer_after() {
    for world in worlds() {
        let endpoint = world.endpoint(1, &[]);
        let (shop, id) = (world.fixture.shop, endpoint.id);
        let key = [9; 32];
        world.announce();
        let before = world.take(&endpoint, false).unwrap();
        let old = send::signatures(&before, &key);
        assert_eq!(old.split(' ').count(), 1);
        let rotated = world.fixture.write(move |tx| rotate(tx, shop, id, Seconds::hours(24)));
        assert!(matches!(rotated, Change::Changed(_)));
        let during = Parcel {
            endpoint: world.now(&endpoint),
            ..before.clone()
        };
        let both = send::signatures(&during, &key);
        let both: Vec<&str> = both.split(' ').collect();
        assert_eq!(both.len(), 2);
        assert_eq!(both[1], old, "the old one still signs");
        let after = Parcel {
            taken_at: before.taken_at.plus(Seconds::hours(25)),
            ..during.clone()
        };
        assert_eq!(send::signatures(&after, &key).split(' ').count(), 1);
        // Stolen: the old one is worth nothing at once.
        world.fixture.write(move |tx| rotate(tx, shop, id, Seconds(0)));
        let now = Parcel {
            endpoint: world.now(&endpoint),
            ..before.clone()
        };
        let now = send::signatures(&now, &key);
        assert!(now.split(' ').count() == 1 && !both.contains(&now.as_str()) && now != old);
        assert_eq!(
            world
                .fixture
                .refused(move |tx| rotate(tx, shop, id, Seconds::hours(169))),
            "invalid_field"
        );
        let neighbour = world.fixture.neighbour;
        assert!(matches!(
            world.fixture.write(move |tx| rotate(tx, neighbour, id, Seconds(0))),
            Change::NotFound
        ));
    }
}

#[test]
fn the_order_of_answers_when_endpoints_are_made() {
    for world in worlds() {
        let shop = world.fixture.shop;
        let new = move |n: u128, description: &str, events: Vec<EventType>| NewEndpoint {
            id: WebhookEndpointId::from_uuid(Uuid::from_u128(n)),
            url: Target::read("https://example.com/hook", &[]).unwrap(),
            description: description.into(),
            events,
        };
        let long = new(1, &"x".repeat(201), Vec::new());
        assert_eq!(world.fixture.refused(move |tx| make(tx, shop, &long)), "invalid_field");
        let test = new(1, "", vec![EventType::Test]);
        assert_eq!(world.fixture.refused(move |tx| make(tx, shop, &test)), "invalid_field");
        for n in 1..=20 {
            world.endpoint(n, &[]);
        }
        let again = new(20, "", Vec::new());
        assert!(matches!(
            world.fixture.write(move |tx| make(tx, shop, &again)),
            Made::Again(_)
        ));
        let more = new(21, "", Vec::new());
        assert_eq!(
            world.fixture.refused(move |tx| make(tx, shop, &more)),
            "too_many_endpoints"
        );
        let neighbour = world.fixture.neighbour;
        let taken = new(1, "", Vec::new());
        assert_eq!(
            world.fixture.refused(move |tx| make(tx, neighbour, &taken)),
            "id_reused",
            "another shop's id"
        );
    }
}

#[test]
fn what_waits_for_a_disabled_endpoint_ends_and_is_sent_when_it_is_enabled_again() {
    for world in worlds() {
        let endpoint = world.endpoint(1, &[]);
        world.announce();
        let (shop, id) = (world.fixture.shop, endpoint.id);
        let set = |version: i64, disabled: bool| {
            let edit = Edit {
                disabled: Some(disabled),
                ..Edit::default()
            };
            world.fixture.write(move |tx| change(tx, shop, id, version, &edit))
        };
        set(1, true);
        let ended = world
            .fixture
            .write(|tx| store::end_of_disabled(tx, "The endpoint was disabled.", 200));
        assert_eq!((ended, world.deliveries()[0].state), (1, DeliveryState::Exhausted));
        set(2, false);
        let since = world.deliveries()[0].created_at;
        let again = world
            .fixture
            .db
            .write_blocking(LaneKey(0), move |tx| store::again_since(tx, shop, id, since, 200));
        assert_eq!(again.unwrap(), 1);
        assert!(world.take(&endpoint, false).is_some());
    }
}
