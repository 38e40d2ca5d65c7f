//! The machine under the real program fails: its disk (S3, S4), its clock (D5), its link to PostgreSQL (S5), a transaction that commits late
//! (W2), a process that is paused (W4). Each story ends with every promise kept and the invariants.
//!
//! What a machine lacks is said: a story that cannot be told here prints that it did not run, and why.

use crate::buying::tap_body;
use crate::diary::Diary;
use crate::harness::{Answer, World, engine};
use crate::kill9::publish;
use crate::program::{Bank, Dice, House, OutsideBank, Program, binary, fresh};
use hawker::kernel::{CheckoutId, Fact, FactId, Id, OrderId};
use serde_json::json;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CLIENTS: u64 = 8;

pub fn not_run(story: &str, reason: &str) {
    println!("not run: {story}: {reason}");
}

/// Every promise is kept by a fresh start, and everything comes to rest. The end of most stories here.
async fn all_is_kept(house: &House, diary: &Diary, bank: Bank<'_>) {
    let program = house.start().await;
    let broken = diary.check(house, &mut Dice::thrown()).await;
    assert!(broken.is_empty(), "{broken:#?}\n{}", program.last_words());
    program.end().await;
    let here = house.serve_here().await;
    let bought = diary.until_settled(house, &here.clock).await;
    here.end().await;
    assert!(!bought.is_empty(), "something was sold");
    house.settle(&bought, bank).await;
}

/// Makes one `fsync` of the named thread fail, the n-th from now.
fn fail_fsync(program: &Program, thread: &str, nth: u32) -> Option<Child> {
    let named = |task: &PathBuf| std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == thread);
    let tasks = std::fs::read_dir(format!("/proc/{}/task", program.id())).unwrap();
    let mut strace = Command::new("strace");
    for task in tasks.map(|task| task.unwrap().path()).filter(named) {
        strace.arg("-p").arg(task.file_name().unwrap());
    }
    strace
        .args([
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            &format!("inject=fsync,fdatasync:error=EIO:when={nth}"),
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

async fn a_failed_fsync_of(thread: &str, nth: u32) {
    let story = format!("s3 ({thread})");
    let house = Arc::new(House::build(100_000).await);
    if !house.is_sqlite() {
        return; // PostgreSQL looks after its own disk.
    }
    let (diary, mut dice) = (Diary::default(), Dice::thrown());
    let mut program = house.start().await;
    let crowd = diary.crowd(&house, None, CLIENTS, &mut dice);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let Some(mut strace) = fail_fsync(&program, thread, nth) else {
        return not_run(&story, "strace is missing");
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    if strace
        .try_wait()
        .unwrap()
        .is_some_and(|status| status.code() == Some(1))
    {
        return not_run(&story, "strace may not attach to another process here");
    }
    let status = program.until_gone(Duration::from_secs(60)).await;
    assert_eq!(
        status.signal(),
        Some(6),
        "it aborts and does not try the fsync again: {status}"
    );
    assert!(
        program.last_words().contains("fsync failed"),
        "{}",
        program.last_words()
    );
    strace.wait().unwrap();
    for client in crowd {
        client.await.unwrap();
    }
    all_is_kept(&house, &diary, Bank::Inside).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_a_failed_fsync_at_commit_ends_the_program_and_loses_nothing() {
    a_failed_fsync_of("lane-0", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_a_failed_fsync_at_a_checkpoint_ends_the_program_and_loses_nothing() {
    a_failed_fsync_of("checkpoints", 1).await;
}

/// A program whose data folder is a small disk of its own, reached from here through the process.
struct SmallDisk {
    program: Program,
    inside: PathBuf,
}

impl SmallDisk {
    async fn start(house: &House, megabytes: u32) -> Option<Self> {
        let flags: &[&str] = if succeeds(&["unshare", "--mount", "true"]) {
            &["--mount"]
        } else if succeeds(&["unshare", "--map-root-user", "--mount", "true"]) {
            &["--map-root-user", "--mount"]
        } else {
            return None;
        };
        let (data, seed) = (&house.config.data, house.folder.path().join("seed"));
        run(Command::new("cp").arg("-a").arg(data).arg(&seed));
        let script = format!(r#"mount -t tmpfs -o size={megabytes}m none "$1" && cp -a "$2/." "$1" && exec "$3" "$4""#);
        let mut command = Command::new("unshare");
        command
            .args(flags)
            .args(["sh", "-c", &script, "sh"])
            .arg(data)
            .arg(seed)
            .arg(binary());
        let program = house.start_by(command).await;
        let inside = PathBuf::from(format!("/proc/{}/root{}", program.id(), data.display()));
        Some(Self { program, inside })
    }

    /// Somebody else's file takes all the room there is.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.inside.join("ballast")).unwrap();
        for size in [1 << 16, 1 << 12] {
            while std::io::Write::write_all(&mut file, &vec![1; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.inside.join("ballast")).unwrap();
    }

    /// Ends the program; what it wrote is where the house looks.
    async fn end(self, house: &House) {
        let folder = std::fs::File::open(&self.inside).unwrap();
        self.program.end().await;
        let held = format!(
            "/proc/{}/fd/{}/.",
            std::process::id(),
            std::os::fd::AsRawFd::as_raw_fd(&folder)
        );
        std::fs::remove_dir_all(&house.config.data).unwrap();
        run(Command::new("cp").arg("-a").arg(held).arg(&house.config.data));
    }
}

fn succeeds(words: &[&str]) -> bool {
    let status = Command::new(words[0]).args(&words[1..]).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// Asks until the answer is one of these; anything else than `disk_full` on the way is wrong.
async fn until(what: &str, statuses: &[u16], ask: impl AsyncFn() -> Answer) -> Answer {
    let since = Instant::now();
    loop {
        let answer = ask().await;
        if statuses.contains(&answer.status) {
            return answer;
        }
        assert_eq!(answer.refusal(), (503, "disk_full".into()), "{what}: {}", answer.text());
        assert!(since.elapsed() < Duration::from_secs(40), "{what}: {}", answer.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s4_a_full_disk_stops_new_sales_and_not_the_money_that_is_on_its_way() {
    let bank = OutsideBank::open().await;
    let build = House::build_with(100_000, |config, _| {
        config.headroom_mb = 8;
        bank.takes_cards_of(config);
    });
    let house = build.await;
    if !house.is_sqlite() {
        return; // The disk of a PostgreSQL server is its own business.
    }
    let Some(disk) = SmallDisk::start(&house, 32).await else {
        return not_run("s4", "no mount namespace can be had here");
    };
    let (diary, mut dice) = (Diary::default(), Dice(3));
    let clip = publish(&house).await;
    let mut orders = Vec::new();
    for _ in 0..3 {
        let bought = diary.tap(&house, &mut dice).await.unwrap();
        orders.push(
            bought.value()["order"]["id"]
                .as_str()
                .unwrap_or_else(|| panic!("{}", bought.text()))
                .to_owned(),
        );
    }
    let pack = async |order: &str| {
        let body = json!({ "carrier": "DHL" });
        house
            .staff()
            .post(&format!("/v1/orders/{order}/shipments"), &body)
            .await
    };
    while pack(&orders[0]).await.status == 404 {} // Until somebody has the work.
    disk.fill();

    let full = (503, "disk_full".to_owned());
    let mut sold_in_the_log = 0;
    loop {
        let answer = diary.tap(&house, &mut dice).await.unwrap();
        if answer.refusal() == full {
            break;
        }
        assert_eq!(answer.status, 201, "{}", answer.text());
        sold_in_the_log += 1;
        assert!(sold_in_the_log < 3_000, "the disk is not full");
    }
    // What was begun goes on in the room that was kept aside.
    until("a capture", &[201], async || pack(&orders[1]).await).await;
    let refund = json!({ "amount": 500, "reason": "late" });
    let refunds = format!("/v1/orders/{}/refunds", orders[0]);
    until("a refund", &[201], async || house.staff().post(&refunds, &refund).await).await;
    assert_eq!(house.player().get("/readyz").await.refusal(), full);
    for _ in 0..5 {
        let refused = diary.tap(&house, &mut dice).await.unwrap();
        assert_eq!(refused.refusal(), full, "new sales still wait");
    }
    let beacons = diary.beacon(&house, &clip).await;
    assert_eq!(beacons.refusal(), full, "figures must not take the room of money");
    until("the first buyer asks again", &[200], async || {
        diary.again(&house, 0).await
    })
    .await;
    until("another capture", &[201], async || pack(&orders[2]).await).await;

    disk.make_room();
    until("a new sale", &[201], async || {
        diary.tap(&house, &mut dice.clone()).await.unwrap()
    })
    .await;
    let broken = diary.check(&house, &mut dice).await;
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(diary.refusals(503) >= 6);
    disk.end(&house).await;
    all_is_kept(&house, &diary, Bank::Outside(&bank)).await;
}

/// The library that lies about the time of day, and a file that says by how much.
struct Liar {
    library: PathBuf,
    offset: PathBuf,
}

impl Liar {
    fn hire(folder: &Path) -> Option<Self> {
        let libraries = std::fs::read_dir("/usr/lib").ok()?;
        let mut places = libraries.filter_map(|entry| Some(entry.ok()?.path().join("faketime/libfaketimeMT.so.1")));
        let liar = Self {
            library: places.find(|path| path.exists())?,
            offset: folder.join("offset"),
        };
        liar.say("+0");
        Some(liar)
    }

    /// Only the wall clock is stepped, as by an administrator or NTP; how much time passes stays true.
    fn program(&self) -> Command {
        let mut command = Command::new(binary());
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", &self.offset)
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
        command
    }

    fn say(&self, offset: &str) {
        // Renamed into place: a reader must not meet half of it.
        let new = self.offset.with_extension("new");
        std::fs::write(&new, offset).unwrap();
        std::fs::rename(&new, &self.offset).unwrap();
    }
}

async fn is_sold_out(house: &House) -> bool {
    let answer = house
        .player()
        .get(&format!("/v1/quotes?lines={}:1&country=DE", house.mug))
        .await;
    assert!(
        answer.status == 200 || answer.refusal() == (409, "sold_out".into()),
        "{}",
        answer.text()
    );
    answer.status == 409
}

/// Takes a unit without paying for it.
async fn reserve(house: &House) -> Instant {
    let quote = house.quote().await;
    let id: CheckoutId = fresh();
    let placed = house
        .player()
        .put(&format!("/v1/checkouts/{id}"), &json!({ "quote": quote["quote"] }))
        .await;
    assert_eq!(
        (placed.status, placed.value()["state"].as_str()),
        (201, Some("incomplete")),
        "{}",
        placed.text()
    );
    Instant::now()
}

async fn buys(house: &House, when: &str) {
    let id: CheckoutId = fresh();
    let body = tap_body(&house.quote().await, "tok_visa");
    let bought = house.player().put(&format!("/v1/checkouts/{id}"), &body).await;
    assert_eq!(
        (bought.status, bought.value()["state"].as_str()),
        (201, Some("completed")),
        "{when}: {}",
        bought.text()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_reservation_lives_its_time_whatever_the_wall_clock_says() {
    let house = House::build_with(3, |config, _| config.reservation_minutes = 1).await;
    if !house.is_sqlite() {
        return; // There the server's clock counts: the next story.
    }
    let Some(liar) = Liar::hire(house.folder.path()) else {
        return not_run("d5", "libfaketime is missing");
    };
    let program = house.start_by(liar.program()).await;
    let reserved = reserve(&house).await;
    for (step, units) in [("+3h", 2), ("-10m", 1), ("-3h", 0)] {
        liar.say(step);
        if units > 0 {
            buys(&house, step).await;
        }
        let sold_out = units <= 1;
        tokio::time::sleep(Duration::from_secs(4)).await; // Several rounds of the job that lets reservations expire.
        assert_eq!(is_sold_out(&house).await, sold_out, "after a step by {step}");
    }
    while is_sold_out(&house).await {
        assert!(
            reserved.elapsed() < Duration::from_secs(80),
            "it lives on:\n{}",
            program.last_words()
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // A tenth of the time may be lost or gained while the program's time goes towards the wall clock; the job comes once a second.
    let lived = reserved.elapsed();
    assert!(
        lived >= Duration::from_secs(54) && lived < Duration::from_secs(72),
        "it lived {lived:.1?}"
    );
    buys(&house, "three hours behind").await;
    program.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn d5_a_replica_that_is_ahead_lets_nothing_expire_early() {
    let bank = OutsideBank::open().await;
    let build = House::build_with(1, |config, _| {
        config.reservation_minutes = 1;
        bank.takes_cards_of(config);
    });
    let house = build.await;
    if house.is_sqlite() {
        return; // One process a file.
    }
    let Some(liar) = Liar::hire(house.folder.path()) else {
        return not_run("d5 (replicas)", "libfaketime is missing");
    };
    liar.say("+90");
    let right = house.start().await;
    let reserved = reserve(&house).await;
    let ahead = house.twin().start_by(liar.program()).await;
    while reserved.elapsed() < Duration::from_secs(15) {
        assert!(is_sold_out(&house).await, "it expired after {:.1?}", reserved.elapsed());
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    right.end().await;
    ahead.end().await;
}

/// Stands between the program and PostgreSQL, and cuts the link at every seventh COMMIT, say: by turns after the server did it, and before it heard.
#[derive(Clone)]
pub struct Cutter {
    every: u32,
    commits: Arc<AtomicU32>,
    pub cuts: Arc<AtomicU32>,
}

const COMMIT: &[u8] = b"Q\0\0\0\x0bcommit\0";

impl Cutter {
    /// The cutter, and the address of the database behind it.
    pub async fn stand_before(database: &str, every: u32) -> (Self, String) {
        let config: postgres::Config = database.parse().unwrap();
        let [postgres::config::Host::Tcp(host)] = config.get_hosts() else {
            panic!("the server is reached over TCP: {database}")
        };
        let behind = format!("{host}:{}", config.get_ports().first().unwrap_or(&5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = database.replace(&behind, &listener.local_addr().unwrap().to_string());
        assert_ne!(url, database);
        let cutter = Self {
            every,
            commits: Arc::default(),
            cuts: Arc::default(),
        };
        let standing = cutter.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (cutter, behind) = (standing.clone(), behind.clone());
                tokio::spawn(async move {
                    let server = TcpStream::connect(behind).await?;
                    cutter.carry(client, server).await
                });
            }
        });
        (cutter, url)
    }

    async fn carry(&self, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
        let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            tokio::select! {
                read = client.read(&mut asked) => {
                    let asked = &asked[..read?];
                    if asked.is_empty() {
                        return Ok(());
                    }
                    if asked.ends_with(COMMIT) && self.commits.fetch_add(1, Ordering::SeqCst) % self.every == self.every - 1 {
                        if self.cuts.fetch_add(1, Ordering::SeqCst).is_multiple_of(2) {
                            server.write_all(asked).await?;
                            let _done = server.read(&mut answered).await?; // Nobody will hear of it.
                        }
                        return Ok(());
                    }
                    server.write_all(asked).await?;
                }
                read = server.read(&mut answered) => {
                    let answered = &answered[..read?];
                    if answered.is_empty() {
                        return Ok(());
                    }
                    client.write_all(answered).await?;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s5_a_link_cut_at_commit_is_one_order_and_a_definite_answer() {
    let mut house = House::build(100_000).await;
    if house.is_sqlite() {
        return; // There is no link.
    }
    let direct = house.config.database.clone();
    let (cutter, url) = Cutter::stand_before(&direct, 7).await;
    house.config.database = url;
    let mut house = Arc::new(house);
    let program = house.start().await;
    let diary = Diary::default();
    let buyers: Vec<_> = (0..CLIENTS)
        .map(|seed| {
            let (house, diary) = (house.clone(), diary.clone());
            tokio::spawn(async move {
                let mut dice = Dice(seed);
                for _ in 0..25 {
                    let answer = diary.tap(&house, &mut dice).await.unwrap();
                    assert_eq!(answer.status, 201, "{}", answer.text());
                }
            })
        })
        .collect();
    for buyer in buyers {
        buyer.await.unwrap();
    }
    let looked_up = house.figure("hawker_commits_ambiguous_total").await;
    let cuts = cutter.cuts.load(Ordering::SeqCst);
    assert!(
        cuts > 10 && looked_up > 10,
        "{cuts} cuts, {looked_up} commits looked up"
    );
    program.end().await;
    Arc::get_mut(&mut house).unwrap().config.database = direct;
    all_is_kept(&house, &diary, Bank::Inside).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w2_a_fact_whose_transaction_commits_late_is_still_acted_on() {
    if engine() != "postgres" {
        return; // One writer: nothing commits out of order.
    }
    let world = World::start().await;
    let shop = world.shop("Kiln").await.id;
    let early: FactId = fresh();
    let database = world.config.database.clone();
    let (begun, begin) = tokio::sync::oneshot::channel::<()>();
    let (overtaken, overtake) = tokio::sync::oneshot::channel::<()>();
    let id = early.uuid().into_bytes().to_vec();
    let late = tokio::task::spawn_blocking(move || {
        let mut client = postgres::Client::connect(&database, postgres::NoTls).unwrap();
        let mut transaction = client.transaction().unwrap();
        let payload = serde_json::to_string(&Fact::PaymentCaptured {
            shop,
            order: fresh::<OrderId>(),
        })
        .unwrap();
        let insert =
            "insert into outbox (id, kind, payload, due_at, recorded_at) values ($1, 'payment_captured', $2, 1, 1)";
        transaction.execute(insert, &[&id, &payload]).unwrap();
        begun.send(()).unwrap();
        overtake.blocking_recv().unwrap();
        transaction.commit().unwrap();
    });
    begin.await.unwrap();
    for _ in 0..50 {
        let later = Fact::PaymentCaptured {
            shop,
            order: fresh::<OrderId>(),
        };
        world
            .app
            .db
            .write(hawker::db::LaneKey::of(shop), move |tx| tx.publish(&later))
            .await
            .unwrap();
    }
    until_no_facts(&world).await;
    overtaken.send(()).unwrap();
    late.await.unwrap();
    until_no_facts(&world).await;
}

async fn until_no_facts(world: &World) {
    let since = Instant::now();
    loop {
        let (waiting, _, dead) = world.app.db.read(hawker::db::facts_waiting).await.unwrap();
        assert_eq!(dead, 0);
        if waiting == 0 {
            return;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{waiting} facts wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w4_a_paused_replica_stops_nobody_for_long_and_writes_nothing_stale() {
    let bank = OutsideBank::open().await;
    let build = House::build_with(100_000, |config, _| bank.takes_cards_of(config));
    let house = Arc::new(build.await);
    if house.is_sqlite() {
        return; // One process a file.
    }
    let (diary, mut dice) = (Diary::default(), Dice::thrown());
    let paused = house.start().await;
    let twin = Arc::new(house.twin());
    let other = twin.start().await;
    let crowd = diary.crowd(&house, None, CLIENTS, &mut dice);
    tokio::time::sleep(Duration::from_millis(700)).await;
    // In the middle of its transactions, with rows locked and jobs leased for 13 seconds.
    paused.signal("STOP");
    let since = Instant::now();
    let mut sold = 0;
    while since.elapsed() < Duration::from_secs(16) || sold == 0 {
        let answer = diary.tap(&twin, &mut dice).await.unwrap();
        assert!(
            matches!(answer.status, 201 | 503),
            "a definite answer: {}",
            answer.text()
        );
        sold += u32::from(answer.status == 201);
        assert!(
            since.elapsed() < Duration::from_secs(30),
            "a paused replica holds everybody up"
        );
    }
    paused.signal("CONT");
    tokio::time::sleep(Duration::from_secs(2)).await;
    paused.kill();
    for client in crowd {
        client.await.unwrap();
    }
    other.end().await;
    assert!(sold > 10, "the other replica sold {sold} meanwhile");
    assert_eq!(diary.refusals(500), 0, "every answer is a definite one");
    all_is_kept(&house, &diary, Bank::Outside(&bank)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s13_a_program_without_free_file_descriptors_waits_for_some_and_loses_nothing() {
    let house = House::build(4).await;
    let mut command = Command::new("sh");
    let script = r#"ulimit -n "$1"; shift; exec "$@""#;
    let files = if house.is_sqlite() { "90" } else { "140" };
    command.args(["-c", script, "sh", files]).arg(binary());
    let program = house.start_by(command).await;
    buys(&house, "before").await;
    // More than it has room for, and all of them keep their lines open.
    let address = house.config.base_url.trim_start_matches("http://").to_owned();
    let mut idle = Vec::new();
    for _ in 0..200 {
        let connected = tokio::time::timeout(Duration::from_secs(1), TcpStream::connect(&address)).await;
        idle.extend(connected.ok().and_then(Result::ok));
    }
    assert!(idle.len() > 100, "{}", idle.len());
    tokio::time::sleep(Duration::from_secs(3)).await; // Several rounds of every job.
    assert!(
        program.last_words().contains("could not be accepted"),
        "{}",
        program.last_words()
    );
    drop(idle);
    let (since, player) = (Instant::now(), house.player());
    loop {
        let asked = tokio::time::timeout(
            Duration::from_secs(2),
            player.try_send(hyper::Method::GET, "/readyz", None, axum::body::Bytes::new()),
        );
        if asked
            .await
            .is_ok_and(|answer| answer.is_ok_and(|answer| answer.status == 200))
        {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{}", program.last_words());
    }
    buys(&house, "after").await;
    program.end().await;
    let app = house.look().await;
    let mug = house.mug;
    let left = app
        .db
        .read(move |tx| hawker::inventory::availability(tx, mug))
        .await
        .unwrap();
    assert_eq!((left.left, left.in_checkouts), (2, 0));
    crate::program::close(app).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s7_a_flipped_bit_in_a_file_that_lay_on_a_disk_is_refused_with_what_to_do() {
    let house = House::build(4).await;
    if !house.is_sqlite() {
        return; // PostgreSQL looks after its own pages.
    }
    let program = house.start().await;
    buys(&house, "before").await;
    program.end().await;
    let backup = house.folder.path().join("backup");
    let mut made = Command::new(binary());
    made.arg("backup").arg(&backup).env("HAWKER_DATA", &house.config.data);
    let made = made.output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let flip = |path: &Path, at: usize| {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[at] ^= 0x10;
        std::fs::write(path, bytes).unwrap();
    };
    let serve = |data: &Path| {
        let mut command = Command::new(binary());
        command
            .arg("serve")
            .env("HAWKER_DATA", data)
            .env("HAWKER_LISTEN", "127.0.0.1:0");
        command.output().unwrap()
    };
    // The kind of the second page.
    flip(&house.config.data.join("hawker.db"), 4096);
    let refused = serve(&house.config.data);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "it is not served");
    assert!(said.contains("is damaged") && said.contains("hawker restore"), "{said}");
    // Neither is a backup that rotted.
    let restore = |from: &Path, to: &Path| {
        let mut command = Command::new(binary());
        command
            .arg("restore")
            .arg(from)
            .env("HAWKER_DATA", to)
            .output()
            .unwrap()
    };
    let whole = restore(&backup, &house.folder.path().join("restored"));
    assert!(whole.status.success(), "{}", String::from_utf8_lossy(&whole.stderr));
    let size = std::fs::metadata(backup.join("hawker.db")).unwrap().len();
    flip(&backup.join("hawker.db"), usize::try_from(size).unwrap() / 2);
    let rotten = restore(&backup, &house.folder.path().join("rotten"));
    let said = String::from_utf8_lossy(&rotten.stderr).into_owned();
    assert!(
        !rotten.status.success() && said.contains("Use another backup"),
        "{said}"
    );
}
