//! Several servers on one PostgreSQL: a drop while one of them is killed, the bell's carrier loses everything it knows, and a link is cut at COMMIT (S5, S13,
//! W12, D1, D16); servers of two versions side by side (S12); the end of a reservation and its payment at two servers in one instant (D4). The verdict is the
//! database's and the bank's.
//!
//! With SQLite there is one server, and none of this.

use crate::buying::{invariants, tap_body};
use crate::faults::{Cutter, not_run};
use crate::harness::{Answer, Client, Events};
use crate::program::{Dice, House, OutsideBank, Program, close, fresh};
use futures_util::future::join_all;
use hawker::checkout;
use hawker::kernel::CheckoutId;
use hawker::payments;
use hyper::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A NATS server that can lose everything it knows.
struct Nats {
    program: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl Nats {
    fn hire() -> Option<Self> {
        let named = std::env::var_os("HAWKER_NATS_SERVER").map(PathBuf::from);
        let places = ["/usr/sbin/nats-server", "/usr/bin/nats-server"].map(PathBuf::from);
        let program = named.into_iter().chain(places).find(|path| path.exists())?;
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Self::run(&program, &folder, port);
        Some(Self {
            program,
            folder,
            port,
            child,
        })
    }

    fn run(program: &PathBuf, folder: &tempfile::TempDir, port: u16) -> Child {
        let store = folder.path().join("store");
        Command::new(program)
            .args([
                "--addr",
                "127.0.0.1",
                "--port",
                &port.to_string(),
                "--jetstream",
                "--store_dir",
            ])
            .arg(store)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Killed, its disk emptied, started again.
    fn wipe(&mut self) {
        self.kill();
        drop(std::fs::remove_dir_all(self.folder.path().join("store")));
        self.child = Self::run(&self.program, &self.folder, self.port);
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Servers of one shop.
struct Fleet {
    houses: Vec<Arc<House>>,
    programs: Vec<Option<Program>>,
    bank: OutsideBank,
    drop: String,
}

impl Fleet {
    /// A drop of `allotment` mugs, open at as many servers as there are ways to the database; `None`: there is one server only.
    async fn open(allotment: u32, nats: &str, third: bool) -> Option<(Self, Option<Cutter>)> {
        let bank = OutsideBank::open().await;
        let build = House::build_with(allotment, |config, _| {
            bank.takes_cards_of(config);
            config.nats = nats.to_owned();
        });
        let house = build.await;
        if house.is_sqlite() {
            return None;
        }
        let (cutter, around) = if third {
            let (cutter, around) = Cutter::stand_before(&house.config.database, 3).await;
            (Some(cutter), around)
        } else {
            (None, house.config.database.clone())
        };
        let houses = vec![
            Arc::new(house.twin()),
            Arc::new(house.twin_by(&around)),
            Arc::new(house),
        ];
        let mut programs = Vec::new();
        for house in &houses {
            programs.push(Some(house.start().await));
        }
        let drop = plan(&houses[0], allotment).await;
        let fleet = Self {
            houses,
            programs,
            bank,
            drop,
        };
        Some((fleet, cutter))
    }

    fn kill(&mut self, number: usize) {
        self.programs[number].take().unwrap().kill();
    }

    /// Whatever became of a buyer, asked at one server after another until it is definite or the servers are gone.
    async fn buy(&self, buyer: usize, answered: &AtomicUsize) -> Bought {
        let mut dice = Dice(buyer as u64 + 1);
        let mut bought = Bought {
            id: fresh(),
            ..Bought::default()
        };
        tokio::time::sleep(Duration::from_millis(8 * buyer as u64)).await; // They come one after another, faster than they are served.
        let since = Instant::now();
        for at in 0.. {
            if since.elapsed() > Duration::from_secs(60) {
                break;
            }
            let house = &self.houses[(buyer + at) % self.houses.len()];
            if bought.body.is_null() {
                let path = format!("/v1/quotes?lines={}:1&country=DE&drop={}", house.mug, self.drop);
                match ask(&house.player(), Method::GET, &path, &Value::Null).await {
                    Some(quote) if quote.status == 200 => bought.body = body_of(&quote.value(), buyer),
                    Some(quote) if quote.refusal().1 == "sold_out" => {
                        bought.answer = Some(quote.refusal());
                        break;
                    }
                    _ => tokio::time::sleep(Duration::from_millis(20 + dice.below(80))).await,
                }
                if bought.body.is_null() {
                    continue;
                }
            }
            let path = format!("/v1/checkouts/{}", bought.id);
            let answer = ask(&house.player(), Method::PUT, &path, &bought.body).await;
            let Some(answer) = answer.filter(|answer| answer.status < 500) else {
                tokio::time::sleep(Duration::from_millis(20 + dice.below(80))).await;
                continue;
            };
            bought.answer = Some(match answer.value()["state"].as_str() {
                Some(state) => (answer.status, state.to_owned()),
                None => answer.refusal(),
            });
            break;
        }
        answered.fetch_add(1, Ordering::SeqCst);
        bought.waited = since.elapsed();
        bought
    }

    /// Ends every server in good order.
    async fn end(&mut self) {
        for program in self.programs.iter_mut().filter_map(Option::take) {
            program.end().await;
        }
    }
}

#[derive(Debug)]
struct Bought {
    id: CheckoutId,
    body: Value,
    /// Status and state or code; none: no server gave a definite answer in a minute.
    answer: Option<(u16, String)>,
    waited: Duration,
}

impl Default for Bought {
    fn default() -> Self {
        Self {
            id: fresh(),
            body: Value::Null,
            answer: None,
            waited: Duration::ZERO,
        }
    }
}

async fn ask(client: &Client, method: Method, path: &str, body: &Value) -> Option<Answer> {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let asked = client.try_send(method, path, Some("application/json"), body.into());
    tokio::time::timeout(Duration::from_secs(20), asked).await.ok()?.ok()
}

fn body_of(quote: &Value, buyer: usize) -> Value {
    let mut body = tap_body(quote, "tok_visa");
    body["contact"] = json!({ "email": format!("buyer{buyer}@example.com") });
    body["address"]["line1"] = json!(format!("{buyer} Long Street"));
    body
}

async fn plan(house: &House, allotment: u32) -> String {
    let staff = house.staff();
    let body = json!({
        "title": "Friday firing",
        "items": [{ "variant": house.mug, "allotment": allotment, "price": { "amount": 2500, "currency": "EUR" } }],
    });
    let planned = staff.post("/v1/drops", &body).await;
    assert_eq!(planned.status, 201, "{}", planned.text());
    let id = planned.value()["id"].as_str().unwrap().to_owned();
    for act in ["scheduling", "opening"] {
        let done = staff.post(&format!("/v1/drops/{id}/{act}"), &json!({})).await;
        assert_eq!(done.status, 200, "{act}: {}", done.text());
    }
    id
}

/// What the tables say once everything has come to rest.
struct Verdict {
    sold: i64,
    reserved: i64,
    on_hand: i64,
    orders: i64,
    live_reservations: i64,
    doubled: i64,
}

async fn verdict(database: &str) -> Verdict {
    let database = database.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut client = postgres::Client::connect(&database, postgres::NoTls).unwrap();
        let row = client
            .query_one(
                "select (select sum(sold)::bigint from stock), (select sum(reserved)::bigint from stock),
                        (select sum(on_hand)::bigint from stock), (select count(*) from orders),
                        (select count(*) from reservations where state in ('active', 'paying')),
                        (select count(*) from (select checkout_id from orders group by checkout_id having count(*) > 1) as twice)",
                &[],
            )
            .unwrap();
        Verdict {
            sold: row.get(0),
            reserved: row.get(1),
            on_hand: row.get(2),
            orders: row.get(3),
            live_reservations: row.get(4),
            doubled: row.get(5),
        }
    })
    .await
    .unwrap()
}

/// The end of a drop: no server runs. Time passes until everything rests, whoever had no definite answer asks again, and all books agree.
/// Answers how many units were sold.
async fn settle(fleet: &Fleet, crowd: &[Bought], allotment: i64) -> i64 {
    let house = fleet.houses.last().unwrap();
    let here = house.serve_here().await;
    let since = Instant::now();
    let mut bought = 0;
    // Whoever was told no is content with that: asking once more might buy what came free since.
    let was_refused = |one: &Bought| matches!(&one.answer, Some((409, _)));
    for one in crowd.iter().filter(|one| !one.body.is_null() && !was_refused(one)) {
        loop {
            let path = format!("/v1/checkouts/{}", one.id);
            let answer = ask(&house.player(), Method::PUT, &path, &one.body).await.unwrap();
            let state = answer.value()["state"].as_str().unwrap_or_default().to_owned();
            let was_bought = matches!(&one.answer, Some((_, state)) if state == "completed");
            if state == "completed" {
                bought += 1;
                break;
            }
            if matches!(answer.status, 404 | 409 | 410 | 422)
                || matches!(state.as_str(), "canceled" | "expired" | "ready_for_complete")
            {
                assert!(!was_bought, "{} was bought and is not: {}", one.id, answer.text());
                break;
            }
            assert!(
                since.elapsed() < Duration::from_secs(240),
                "{} does not come to rest: {}",
                one.id,
                answer.text()
            );
            here.clock.advance(10);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    // Past the end of every reservation, and what its sweeper needs.
    here.clock.advance(45 * 60);
    house.until_quiet(&here.clock).await;
    let found = loop {
        let found = verdict(&house.config.database).await;
        if found.reserved == 0 || since.elapsed() > Duration::from_secs(300) {
            break found;
        }
        here.clock.advance(30);
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    here.end().await;
    assert_eq!(
        (found.reserved, found.live_reservations),
        (0, 0),
        "D7: nothing is stranded"
    );
    assert!(
        found.sold <= allotment && found.on_hand == allotment,
        "D1: {} of {allotment} sold",
        found.sold
    );
    assert_eq!(
        (found.sold, found.orders, found.doubled),
        (bought, bought, 0),
        "every order is one unit, and every buyer has one"
    );
    let (charged, held) = fleet.bank.charged().await;
    assert_eq!(
        i64::try_from(charged).unwrap(),
        bought,
        "each order was charged once, and nothing else was"
    );
    let app = house.look().await;
    invariants(&app, house.shop.id, || held).await;
    close(app).await;
    bought
}

fn counted(crowd: &[Bought]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in crowd {
        let name = one
            .answer
            .as_ref()
            .map_or("no answer".to_owned(), |(status, word)| format!("{status} {word}"));
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// `buyers` at once, while `break_it` does what it does as answers come in.
async fn rush(fleet: &mut Fleet, buyers: usize, mut break_it: impl FnMut(&mut Fleet, usize)) -> Vec<Bought> {
    let answered = Arc::new(AtomicUsize::new(0));
    let crowd = {
        // The crowd's own view of the fleet: addresses, which outlive the programs behind them.
        let view = Arc::new(Fleet {
            houses: fleet.houses.clone(),
            programs: Vec::new(),
            bank: fleet.bank.clone(),
            drop: fleet.drop.clone(),
        });
        let tasks: Vec<_> = (0..buyers)
            .map(|buyer| {
                let (view, answered) = (view.clone(), answered.clone());
                tokio::spawn(async move { view.buy(buyer, &answered).await })
            })
            .collect();
        while answered.load(Ordering::SeqCst) < buyers {
            break_it(fleet, answered.load(Ordering::SeqCst));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        join_all(tasks).await
    };
    crowd.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_s5_w12_d1_three_replicas_a_kill_a_wiped_nats_and_cuts_at_commit_sell_exactly_what_there_is() {
    let nats = Nats::hire();
    let url = nats.as_ref().map_or_else(String::new, Nats::url);
    let Some((mut fleet, cutter)) = Fleet::open(100, &url, true).await else {
        return;
    };
    let Some(mut nats) = nats else {
        return not_run("s13_s5_w12_d1", "nats-server is missing");
    };
    let (mut killed, mut wiped) = (false, false);
    let crowd = rush(&mut fleet, 300, |fleet, answered| {
        if answered >= 15 && !std::mem::replace(&mut killed, true) {
            fleet.kill(0);
        }
        if answered >= 30 && !std::mem::replace(&mut wiped, true) {
            nats.wipe();
        }
    })
    .await;
    let cuts = cutter.unwrap().cuts.load(Ordering::SeqCst);
    println!("{:?}; the link was cut {cuts} times at COMMIT", counted(&crowd));
    assert!(killed && wiped && cuts > 0);
    fleet.end().await;
    let sold = settle(&fleet, &crowd, 100).await;
    println!("{sold} of 100 were sold");
    // Whom a kill caught before the processor had heard of them is asked to pay again, and has not here: their units are free.
    assert!(sold > 50, "{:?}", counted(&crowd));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s14_d1_without_nats_three_replicas_wake_each_other_through_the_database() {
    let Some((mut fleet, _)) = Fleet::open(40, "", false).await else {
        return;
    };
    let crowd = rush(&mut fleet, 120, |_, _| {}).await;
    let slowest = crowd.iter().map(|one| one.waited).max().unwrap();
    println!("{:?}; the slowest answer took {slowest:.1?}", counted(&crowd));
    for house in &fleet.houses {
        assert_eq!(house.figure("hawker_bell_carried").await, 1);
        assert!(
            house.figure("hawker_bell_heard_total").await > 0,
            "it heard of the others' sales"
        );
    }
    assert_eq!(
        crowd
            .iter()
            .filter(|one| one.answer == Some((201, "completed".into())))
            .count(),
        40,
        "{:?}",
        counted(&crowd)
    );
    assert!(
        crowd.iter().all(|one| matches!(&one.answer, Some((201 | 409, _)))),
        "{:?}",
        counted(&crowd)
    );
    fleet.end().await;
    assert_eq!(settle(&fleet, &crowd, 40).await, 40);
}

/// How long a page elsewhere needs to hear of the purchase of the n-th buyer, counted from one.
async fn heard_after(fleet: &Fleet, page: &mut Events, buyer: usize) -> Duration {
    let answered = AtomicUsize::new(0);
    let view = Fleet {
        houses: vec![fleet.houses[0].clone()],
        programs: Vec::new(),
        bank: fleet.bank.clone(),
        drop: fleet.drop.clone(),
    };
    let bought = view.buy(buyer, &answered).await;
    assert_eq!(bought.answer, Some((201, "completed".into())));
    let since = Instant::now();
    loop {
        let heard = tokio::time::timeout(Duration::from_secs(20), page.next()).await;
        let heard = heard.expect("the page hears of it").expect("the stream goes on");
        let item = &heard.data["items"][0];
        if (&item["left"], &item["in_checkouts"]) == (&json!(40 - buyer), &json!(0)) {
            return since.elapsed();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w12_d17_a_page_at_another_replica_hears_by_nats_and_without_it_and_when_it_is_back() {
    let nats = Nats::hire();
    let url = nats.as_ref().map_or_else(String::new, Nats::url);
    let Some((mut fleet, _)) = Fleet::open(40, &url, false).await else {
        return;
    };
    let Some(mut nats) = nats else {
        return not_run("w12_d17", "nats-server is missing");
    };
    let far = fleet.houses[1].clone();
    let until = async |carried: i64| {
        let since = Instant::now();
        while far.figure("hawker_bell_carried").await != carried
            || fleet.houses[0].figure("hawker_bell_carried").await != carried
        {
            assert!(
                since.elapsed() < Duration::from_secs(40),
                "the bell is not {carried}:\n{}",
                far.last_words()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    until(1).await;
    let mut page = far.player().follow(&format!("/v1/drops/{}/live", fleet.drop)).await;
    page.next().await.unwrap();
    let with = heard_after(&fleet, &mut page, 1).await;
    let before = far.figure("hawker_bell_heard_total").await;
    assert!(before > 0);
    nats.kill();
    until(0).await;
    let without = heard_after(&fleet, &mut page, 2).await;
    assert_eq!(far.figure("hawker_bell_heard_total").await, before, "nobody carried it");
    nats.wipe();
    until(1).await;
    let again = heard_after(&fleet, &mut page, 3).await;
    println!(
        "a page elsewhere hears after {with:.0?}, without NATS after {without:.0?}, when it is back after {again:.0?}"
    );
    assert!(
        without < Duration::from_secs(4),
        "D17: two seconds, and what a busy machine adds"
    );
    assert!(far.figure("hawker_bell_heard_total").await > before);
    drop(page);
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s12_a_running_replica_goes_on_selling_beside_a_newer_schema_and_an_old_one_does_not_start() {
    let Some((mut fleet, _)) = Fleet::open(40, "", false).await else {
        return;
    };
    let answered = AtomicUsize::new(0);
    assert_eq!(fleet.buy(0, &answered).await.answer, Some((201, "completed".into())));
    let database = fleet.houses[0].config.database.clone();
    tokio::task::spawn_blocking(move || {
        // What the next version's first replica does: it only adds.
        let mut client = postgres::Client::connect(&database, postgres::NoTls).unwrap();
        client
            .batch_execute(
                "begin; alter table stock add column shelf_mark text; alter table checkouts add column gift_note text not null default '';
                 insert into migrations (book, number, name, checksum, applied_at) values ('main', 999, 'newer', 'x', 0); commit",
            )
            .unwrap();
    })
    .await
    .unwrap();
    for buyer in 1..10 {
        assert_eq!(
            fleet.buy(buyer, &answered).await.answer,
            Some((201, "completed".into())),
            "buyer {buyer}"
        );
    }
    let mut old = fleet.houses[0].twin().spawn(Command::new(crate::program::binary()));
    let status = old.until_gone(Duration::from_secs(30)).await;
    assert!(
        !status.success() && old.last_words().contains("start a newer one"),
        "{}",
        old.last_words()
    );
    fleet.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_replica_with_the_sandbox_inside_is_refused_and_told_what_to_do() {
    let house = House::build(1).await;
    if house.is_sqlite() {
        return; // S10: it is refused anyway.
    }
    let first = house.start().await;
    let mut second = house.twin().spawn(Command::new(crate::program::binary()));
    let status = second.until_gone(Duration::from_secs(30)).await;
    assert!(
        !status.success() && second.last_words().contains("hawker sandbox"),
        "{}",
        second.last_words()
    );
    first.kill();
    house.start().await.end().await;
}

/// A copy of the whole PostgreSQL server, as a standby that follows or as a server of its own that knows nothing of what came later.
struct ServerCopy {
    folder: PathBuf,
    port: u16,
    as_root: bool,
}

impl ServerCopy {
    fn bin() -> Option<PathBuf> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        versions
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .find(|bin| bin.join("pg_basebackup").exists())
    }

    /// Taken now. `None`: this machine cannot, or not as this user.
    fn take(server: &str, number: u32) -> Option<Self> {
        let config: postgres::Config = server.parse().ok()?;
        let [postgres::config::Host::Tcp(host)] = config.get_hosts() else {
            return None;
        };
        let from = config.get_ports().first().copied().unwrap_or(5432).to_string();
        let folder = PathBuf::from(format!("/tmp/hawker-standby-{}-{number}", std::process::id()));
        let copy = Self {
            folder,
            port: free_port(),
            as_root: is_root(),
        };
        let made = Command::new(Self::bin()?.join("pg_basebackup"))
            .args([
                "-h",
                host,
                "-p",
                &from,
                "-U",
                config.get_user().unwrap_or("postgres"),
                "-R",
                "-X",
                "stream",
                "-c",
                "fast",
                "-D",
            ])
            .arg(&copy.folder)
            .stderr(Stdio::null())
            .status();
        if !made.is_ok_and(|status| status.success()) {
            return None;
        }
        if copy.as_root {
            let given = Command::new("chown")
                .args(["-R", "postgres"])
                .arg(&copy.folder)
                .status();
            given.ok().filter(std::process::ExitStatus::success)?;
        }
        Some(copy)
    }

    fn ctl(&self, words: &[&str]) -> bool {
        let Some(bin) = Self::bin() else { return false };
        let mut command = if self.as_root {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(bin.join("pg_ctl"));
            command
        } else {
            Command::new(bin.join("pg_ctl"))
        };
        command
            .arg("-D")
            .arg(&self.folder)
            .args(words)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    }

    fn start(&self) -> bool {
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={} -c max_connections=300 -c hot_standby=on",
            self.port,
            self.folder.display()
        );
        let log = self.folder.join("standby.log").display().to_string();
        self.ctl(&["-w", "-t", "60", "-l", &log, "-o", &options, "start"])
    }

    /// From now on it follows nobody.
    fn stand_alone(&self) {
        std::fs::remove_file(self.folder.join("standby.signal")).unwrap();
    }
}

impl Drop for ServerCopy {
    fn drop(&mut self) {
        self.ctl(&["-m", "immediate", "stop"]);
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An address of the database that can be moved to another server; moving it cuts every connection.
#[derive(Clone)]
struct Switch {
    to: Arc<Mutex<String>>,
    moved: Arc<tokio::sync::Notify>,
}

impl Switch {
    async fn before(database: &str) -> (Self, String) {
        let config: postgres::Config = database.parse().unwrap();
        let [postgres::config::Host::Tcp(host)] = config.get_hosts() else {
            panic!("the server is reached over TCP: {database}")
        };
        let behind = format!("{host}:{}", config.get_ports().first().unwrap_or(&5432));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = database.replace(&behind, &listener.local_addr().unwrap().to_string());
        let switch = Self {
            to: Arc::new(Mutex::new(behind)),
            moved: Arc::default(),
        };
        let standing = switch.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let switch = standing.clone();
                tokio::spawn(async move {
                    let moved = switch.moved.notified();
                    let to = switch.to.lock().unwrap().clone();
                    let mut server = tokio::net::TcpStream::connect(to).await?;
                    tokio::select! {
                        carried = tokio::io::copy_bidirectional(&mut client, &mut server) => carried.map(drop),
                        () = moved => Ok(()),
                    }
                });
            }
        });
        (switch, url)
    }

    fn move_to(&self, port: u16) {
        *self.to.lock().unwrap() = format!("127.0.0.1:{port}");
        self.moved.notify_waiters();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s11_a_failover_to_a_server_that_lost_the_last_sales_freezes_money_until_the_books_are_compared() {
    let bank = OutsideBank::open().await;
    let mut house = House::build_with(40, |config, _| bank.takes_cards_of(config)).await;
    if house.is_sqlite() {
        return;
    }
    let direct = house.config.database.clone();
    let (switch, around) = Switch::before(&direct).await;
    house.config.database = around;
    let program = house.start().await;
    let tap = async || {
        let body = tap_body(&house.quote().await, "tok_visa");
        let path = format!("/v1/checkouts/{}", fresh::<CheckoutId>());
        ask(&house.player(), Method::PUT, &path, &body).await.unwrap()
    };
    let bought = |answer: &Answer| {
        assert_eq!(
            (answer.status, answer.value()["state"].as_str()),
            (201, Some("completed")),
            "{}",
            answer.text()
        );
    };
    bought(&tap().await);
    let server = direct.clone();
    let Some(copy) = tokio::task::spawn_blocking(move || ServerCopy::take(&server, 1))
        .await
        .unwrap()
    else {
        return not_run("s11", "PostgreSQL cannot be copied here");
    };
    bought(&tap().await);
    bought(&tap().await);
    copy.stand_alone();
    assert!(copy.start(), "the copy starts");
    switch.move_to(copy.port);
    let since = Instant::now();
    let frozen = loop {
        let moved = direct.replace(&port_of(&direct).to_string(), &copy.port.to_string());
        let row = tokio::task::spawn_blocking(move || {
            let mut client = postgres::Client::connect(&moved, postgres::NoTls).unwrap();
            let row = client
                .query_one("select frozen, (select count(*) from orders) from installation", &[])
                .unwrap();
            (row.get::<_, i64>(0), row.get::<_, i64>(1))
        });
        let (frozen, orders) = row.await.unwrap();
        if frozen != 0 {
            assert_eq!(orders, 1, "two orders that were answered are lost");
            break frozen;
        }
        assert!(
            since.elapsed() < Duration::from_secs(40),
            "nobody noticed:\n{}",
            program.last_words()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(frozen > 0);
    assert!(
        program.last_words().contains("lost commits"),
        "{}",
        program.last_words()
    );
    let refused = tap().await;
    assert_eq!(refused.refusal(), (503, "money_frozen".into()), "{}", refused.text());
    program.end().await;
    let app = house.look().await;
    let why = Some("the two sales that the failover lost are given back by hand".to_owned());
    let compared = payments::reconcile(&app, None, why, checkout::conclude).await.unwrap();
    close(app).await;
    assert!(
        compared.lifted && compared.differences.len() >= 2,
        "the bank knows of both: {compared:?}"
    );
    let program = house.start().await;
    bought(&tap().await);
    program.end().await;
}

fn port_of(database: &str) -> u16 {
    let config: postgres::Config = database.parse().unwrap();
    config.get_ports().first().copied().unwrap_or(5432)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d17_pages_that_may_be_a_second_old_are_read_from_a_standby_and_from_the_server_when_it_is_gone() {
    let mut house = House::build(40).await;
    if house.is_sqlite() {
        return;
    }
    let direct = house.config.database.clone();
    let server = direct.clone();
    let Some(standby) = tokio::task::spawn_blocking(move || ServerCopy::take(&server, 2))
        .await
        .unwrap()
    else {
        return not_run("d17 (read replicas)", "PostgreSQL cannot be copied here");
    };
    assert!(standby.start(), "the standby starts");
    house.config.read_database = direct.replace(&port_of(&direct).to_string(), &standby.port.to_string());
    let program = house.start().await;
    let left = async || {
        let seen = house.player().get("/v1/products").await;
        assert_eq!(seen.status, 200, "{}", seen.text());
        seen.value()["data"][0]["variants"][0]["availability"]["left"]
            .as_i64()
            .unwrap()
    };
    let answered = async || house.figure("hawker_reads_lately_total").await;
    let since = Instant::now();
    while answered().await < 5 {
        assert_eq!(left().await, 40);
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "the standby is never asked:\n{}",
            program.last_words()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let body = tap_body(&house.quote().await, "tok_visa");
    let bought = ask(
        &house.player(),
        Method::PUT,
        &format!("/v1/checkouts/{}", fresh::<CheckoutId>()),
        &body,
    )
    .await;
    assert_eq!(bought.unwrap().status, 201);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(left().await, 39, "nothing older than it may be is shown");
    drop(standby);
    let before = answered().await;
    for _ in 0..10 {
        assert_eq!(left().await, 39, "without it pages are read where they always were");
    }
    assert_eq!(answered().await, before);
    program.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d4_a_payment_at_one_replica_and_the_end_of_its_reservation_at_another_end_in_one_of_both() {
    const BUYERS: u32 = 24;
    let bank = OutsideBank::open().await;
    let house = House::build_with(BUYERS, |config, _| bank.takes_cards_of(config)).await;
    if house.is_sqlite() {
        return;
    }
    let (here, there) = (Arc::new(house.twin()), Arc::new(house));
    let (ends, pays) = (here.serve_here().await, there.serve_here().await);
    let mut held = Vec::new();
    for buyer in 0..BUYERS as usize {
        let (id, whole) = (fresh::<CheckoutId>(), body_of(&there.quote().await, buyer));
        let mut unpaid = whole.clone();
        unpaid.as_object_mut().unwrap().remove("payment");
        let path = format!("/v1/checkouts/{id}");
        let placed = ask(&there.player(), Method::PUT, &path, &unpaid).await.unwrap();
        assert_eq!(placed.status, 201, "{}", placed.text());
        let secret = placed.value()["client_secret"].as_str().unwrap().to_owned();
        held.push((id, unpaid, whole["payment"].clone(), secret));
    }
    // One of them believes that the time is up; its job comes once a second, among the payments at the other.
    ends.clock.advance(10 * 60 + 2);
    let paid = held.iter().enumerate().map(|(buyer, (id, _, payment, secret))| {
        let player = there.player().with("hawker-checkout-secret", secret);
        async move {
            tokio::time::sleep(Duration::from_millis(60 * buyer as u64)).await;
            ask(&player, Method::POST, &format!("/v1/checkouts/{id}/payment"), payment).await
        }
    });
    let answers = join_all(paid).await;
    let crowd: Vec<Bought> = held
        .into_iter()
        .zip(answers)
        .map(|((id, body, _, _), answer)| Bought {
            id,
            body,
            answer: answer.map(|answer| match answer.value()["state"].as_str() {
                Some("completed") => (201, "completed".to_owned()),
                Some(state) => (answer.status, state.to_owned()),
                None => answer.refusal(),
            }),
            waited: Duration::ZERO,
        })
        .collect();
    println!("{:?}", counted(&crowd));
    assert!(
        crowd
            .iter()
            .all(|one| one.answer.as_ref().is_some_and(|(status, _)| *status < 500)),
        "{:?}",
        counted(&crowd)
    );
    ends.end().await;
    pays.end().await;
    let fleet = Fleet {
        houses: vec![there],
        programs: Vec::new(),
        bank,
        drop: String::new(),
    };
    let paid = crowd.iter().filter(|one| matches!(&one.answer, Some((201, _)))).count();
    assert_eq!(
        settle(&fleet, &crowd, BUYERS.into()).await,
        i64::try_from(paid).unwrap()
    );
}
