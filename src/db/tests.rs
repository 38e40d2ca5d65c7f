//! Stories of the lanes: what a caller is promised, on the engine named by `HAWKER_TEST_POSTGRES` too if it is set.

use super::*;
use crate::args;
use crate::kernel::{Fact, Kind, OrderId, Seconds, ShopId};
use std::collections::BTreeSet;
use std::sync::atomic::AtomicU32;

const TABLES: &[Migration] = &[Migration {
    number: 1,
    name: "shelf",
    sql: "create table shelf (id {int} not null primary key, units {int} not null check (units >= 0)) {strict}; insert into shelf values (1, 100); create table parcels (id {bytes} not null primary key, units {int} not null check (units >= 0), said text not null) {strict}; create table prices (amount {int} not null) {strict}; insert into prices values (0); create table parts (amount {int} not null) {strict}; insert into parts values (0);",
}];

struct Fixture {
    db: Db,
    config: Config,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    _folder: tempfile::TempDir,
}

fn sqlite_fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::Sqlite(folder.path().join("hawker.db"));
    fixture_on(engine, folder)
}

/// On SQLite, and on PostgreSQL where the test command gives us one.
fn fixtures() -> Vec<Fixture> {
    let mut fixtures = vec![sqlite_fixture()];
    if let Some(engine) = postgres_database() {
        fixtures.push(fixture_on(engine, tempfile::tempdir().unwrap()));
    }
    fixtures
}

/// A database of its own on the server that `HAWKER_TEST_POSTGRES` names.
fn postgres_database() -> Option<Engine> {
    let url = std::env::var("HAWKER_TEST_POSTGRES")
        .ok()
        .filter(|url| !url.is_empty())?;
    let random = SystemRandom::default();
    let name = format!("fixture_{}", (&random as &dyn Random).uuid().simple());
    let mut server = url
        .parse::<postgres::Config>()
        .unwrap()
        .connect(postgres::NoTls)
        .unwrap();
    server.batch_execute(&format!("create database {name}")).unwrap();
    let (base, query) = url
        .split_once('?')
        .map_or((url.as_str(), String::new()), |(base, query)| {
            (base, format!("?{query}"))
        });
    let (server, _) = base.rsplit_once('/').unwrap();
    Some(Engine::Postgres(format!("{server}/{name}{query}")))
}

fn fixture_on(engine: Engine, folder: tempfile::TempDir) -> Fixture {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
    let config = Config::new(engine, "test", TABLES);
    let db = Db::open(&config, &clock, &random).unwrap();
    Fixture {
        db,
        config,
        clock,
        random,
        _folder: folder,
    }
}

const LANE: LaneKey = LaneKey(0);

fn take(tx: &mut Tx<'_>, units: i64) -> Result<bool> {
    tx.exec(
        "update shelf set units = units - $1 where id = 1 and units >= $1",
        args![units],
    )
    .map(|rows| rows == 1)
}

fn units(db: &Db) -> i64 {
    db.read_blocking(|tx| tx.one::<(i64,)>("select units from shelf where id = 1", &[]))
        .unwrap()
        .0
}

#[test]
fn d1_a_hundred_units_are_taken_a_hundred_times_by_a_thousand_callers() {
    let fixture = sqlite_fixture();
    let taken = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                for _ in 0..50 {
                    if fixture.db.write_blocking(LANE, |tx| take(tx, 1)).unwrap() {
                        taken.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!((taken.into_inner(), units(&fixture.db)), (100, 0));
}

#[test]
fn a_batch_reads_once_and_sees_what_it_wrote_and_not_what_was_refused() {
    let folder = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
    let config = Config {
        drive: Drive::Caller,
        ..Config::new(Engine::Sqlite(folder.path().join("hawker.db")), "test", TABLES)
    };
    let db = Db::open(&config, &clock, &random).unwrap();
    let reads = Arc::new(AtomicU32::new(0));
    let (shop, row) = (ShopId::from_uuid(uuid::Uuid::from_u128(1)), uuid::Uuid::from_u128(2));
    // Takes so many units, then says how many it knows of; refused if it is told so.
    let look = |taken: i64, refused: bool| {
        let reads = reads.clone();
        db.queue(
            LANE,
            move |tx| {
                if taken > 0 {
                    take(tx, taken)?;
                }
                let known: i64 = tx.once(&["shelf"], (shop, row), |tx| {
                    reads.fetch_add(1, Ordering::SeqCst);
                    tx.one::<(i64,)>("select units from shelf where id = 1", &[])
                        .map(|found| found.0)
                })?;
                if refused {
                    return Err(Error::conflict("refused", "No."));
                }
                Ok(known)
            },
            Urgency::Caller,
        )
        .unwrap()
    };
    // what each command of a batch takes, and whether it is refused -> what each knows
    for (batch, expected) in [
        (
            vec![(0, false), (0, false), (0, false)],
            vec![Some(100), Some(100), Some(100)],
        ),
        (
            vec![(0, false), (1, false), (0, false)],
            vec![Some(100), Some(99), Some(99)],
        ),
        (vec![(0, false), (50, true), (0, false)], vec![Some(99), None, Some(99)]),
    ] {
        let answers: Vec<_> = batch.iter().map(|(taken, refused)| look(*taken, *refused)).collect();
        assert_eq!(db.drive(0, 10), batch.len());
        let known: Vec<Option<i64>> = answers
            .into_iter()
            .map(|answer| answer.blocking_recv().unwrap().ok())
            .collect();
        assert_eq!(known, expected);
        if reads.load(Ordering::SeqCst) == 1 {
            continue; // Nobody wrote: one read served all three.
        }
        assert!(
            batch.iter().any(|(taken, _)| *taken > 0),
            "a batch without a write reads once"
        );
    }
    db.shut_down();
}

#[test]
fn who_is_refused_waits_for_no_disk() {
    let fixture = sqlite_fixture();
    let marks = || {
        fixture
            .db
            .read_blocking(|tx| tx.one::<(i64,)>("select count(*) from batches", &[]))
    };
    assert!(fixture.db.write_blocking(LANE, |tx| take(tx, 100)).unwrap());
    let (marked, log) = (marks().unwrap(), fixture.db.health().wal_bytes);
    for _ in 0..20 {
        assert!(!fixture.db.write_blocking(LANE, |tx| take(tx, 1)).unwrap());
    }
    assert_eq!(
        (marks().unwrap(), fixture.db.health().wal_bytes),
        (marked, log),
        "nothing was written"
    );
    fixture
        .db
        .write_blocking(LANE, |tx| tx.put("update shelf set units = 1", &[]))
        .unwrap();
    assert!(marks().unwrap() > marked && fixture.db.health().wal_bytes > log);
}

#[test]
fn a_reader_keeps_a_setting_until_it_changes_and_never_mixes_two_times() {
    const ROUNDS: i64 = 300;
    for fixture in fixtures() {
        let (db, read) = (&fixture.db, Arc::new(AtomicU32::new(0)));
        let row = (ShopId::from_uuid(uuid::Uuid::from_u128(1)), uuid::Uuid::nil());
        // A price, which is a setting, and what is written together with it and always looked up.
        let look = || {
            let read = read.clone();
            let both = move |tx: &mut Tx<'_>| {
                let (price,): (i64,) = tx.once(&["prices"], row, |tx| {
                    read.fetch_add(1, Ordering::SeqCst);
                    tx.one("select amount from prices", &[])
                })?;
                Ok((price, tx.one::<(i64,)>("select amount from parts", &[])?.0))
            };
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(db.look(both)).unwrap()
        };
        let told = std::sync::atomic::AtomicI64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while told.load(Ordering::SeqCst) < ROUNDS {
                        let least = told.load(Ordering::SeqCst);
                        let (price, parts) = look();
                        assert!(
                            price == parts && price >= least,
                            "{price} and {parts}, {least} was acknowledged"
                        );
                    }
                });
            }
            for round in 1..=ROUNDS {
                let write = move |tx: &mut Tx<'_>| {
                    tx.put("update prices set amount = $1", args![round])?;
                    tx.put("update parts set amount = $1", args![round])
                };
                db.write_blocking(LANE, write).unwrap();
                told.store(round, Ordering::SeqCst);
            }
        });
        db.write_blocking(LANE, |tx| tx.put("update shelf set units = 1", &[]))
            .unwrap();
        assert_eq!(look(), (ROUNDS, ROUNDS));
        let again = (0..5).map(|_| {
            let before = read.load(Ordering::SeqCst);
            assert_eq!(look(), (ROUNDS, ROUNDS));
            read.load(Ordering::SeqCst) - before
        });
        let again = again.min().unwrap(); // A second may end in between.
        let file = matches!(fixture.config.engine, Engine::Sqlite(_));
        assert_eq!(
            again,
            u32::from(!file),
            "a file's reader knew it; who shares a server asks it"
        );
    }
}

#[test]
fn a_refused_command_leaves_nothing_and_its_neighbours_everything() {
    let fixture = sqlite_fixture();
    let refused = fixture.db.write_blocking(LANE, |tx| {
        take(tx, 7)?;
        Err::<(), _>(Error::conflict("changed_my_mind", "No."))
    });
    assert_eq!(refused.unwrap_err().code, "changed_my_mind");
    assert!(fixture.db.write_blocking(LANE, |tx| take(tx, 3)).unwrap());
    assert_eq!(units(&fixture.db), 97);
}

#[test]
fn a_refusal_in_a_crowd_undoes_itself_only() {
    for fixture in fixtures() {
        let (done, refused) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for caller in 0..40 {
                let (fixture, done, refused) = (&fixture, &done, &refused);
                scope.spawn(move || {
                    let taken = fixture.db.write_blocking(LANE, move |tx| {
                        take(tx, 1)?;
                        match caller % 4 {
                            0 => Err(Error::conflict("changed_my_mind", "No.")),
                            // Nobody waits for the answer of what is put, and it breaks a rule of the table.
                            1 => tx.put("update shelf set units = -1 where id = 1", &[]),
                            _ => tx.put("update shelf set units = units - $1 where id = 1", args![1i64]),
                        }
                    });
                    match (caller % 4, taken) {
                        (0, Err(error)) if error.code == "changed_my_mind" => refused.fetch_add(1, Ordering::SeqCst),
                        (1, Err(error)) if error.kind == Kind::Engine(crate::kernel::Engine::Constraint) => {
                            refused.fetch_add(1, Ordering::SeqCst)
                        }
                        (2 | 3, Ok(())) => done.fetch_add(1, Ordering::SeqCst),
                        (_, other) => panic!("{caller}: {other:?}"),
                    };
                });
            }
        });
        assert_eq!((done.into_inner(), refused.into_inner()), (20, 20));
        assert_eq!(units(&fixture.db), 60);
        fixture.db.shut_down();
    }
}

#[test]
fn a_row_that_is_not_as_it_was_read_is_read_again() {
    for fixture in fixtures() {
        let runs = Arc::new(AtomicU32::new(0));
        let seen = runs.clone();
        let changed = fixture.db.write_blocking(LANE, move |tx| {
            let first = seen.fetch_add(1, Ordering::SeqCst) == 0;
            let read = if first { 7 } else { 100 };
            tx.change_one("update shelf set units = 1 where id = 1 and units = $1", args![read])
        });
        changed.unwrap();
        assert_eq!((runs.load(Ordering::SeqCst), units(&fixture.db)), (2, 1));
        fixture.db.shut_down();
    }
}

#[test]
fn s5_connections_that_an_administrator_ended_cost_nobody_an_answer() {
    let Some(engine) = postgres_database() else {
        return; // Only a server on a network has such connections.
    };
    let Engine::Postgres(url) = engine.clone() else {
        unreachable!()
    };
    let fixture = fixture_on(engine, tempfile::tempdir().unwrap());
    let mut administrator = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    for round in 1..=20 {
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hawker' and datname = current_database()";
        assert!(!administrator.query(end, &[]).unwrap().is_empty());
        assert_eq!(units(&fixture.db), 101 - round);
        assert!(fixture.db.write_blocking(LANE, |tx| take(tx, 1)).unwrap());
    }
    fixture.db.shut_down();
}

#[test]
fn s13_a_panic_fails_one_command_only() {
    let fixture = sqlite_fixture();
    let panicked = fixture.db.write_blocking(LANE, |tx| {
        take(tx, 7)?;
        assert!(tx.now() < Time(0), "a broken invariant");
        Ok(())
    });
    assert_eq!(panicked.unwrap_err().kind, Kind::Internal);
    assert!(fixture.db.write_blocking(LANE, |tx| take(tx, 1)).unwrap());
    assert_eq!(units(&fixture.db), 99);
}

#[test]
fn a_swallowed_engine_error_is_not_committed() {
    let fixture = sqlite_fixture();
    let hidden = fixture.db.write_blocking(LANE, |tx| {
        take(tx, 5)?;
        drop(tx.exec("insert into shelf (id, units) values (1, 1)", &[]));
        Ok(())
    });
    assert!(hidden.is_err());
    assert_eq!(units(&fixture.db), 100);
}

#[test]
fn a_full_queue_refuses_before_any_work() {
    let queue = Queue::new(1);
    let command = || {
        let (reply, _) = tokio::sync::oneshot::channel::<Result<()>>();
        Box::new(Typed::new(|_: &mut Tx<'_>| Ok(()), reply))
    };
    queue.push(command(), Urgency::Caller).unwrap();
    let error = queue.push(command(), Urgency::Caller).unwrap_err();
    assert_eq!((error.kind, error.code), (Kind::Busy { retry_after: 1 }, "busy"));
}

#[test]
fn background_work_gets_a_fifth_of_a_batch() {
    let queue = Queue::new(1000);
    for _ in 0..100 {
        for urgency in [Urgency::Caller, Urgency::Background] {
            let (reply, _) = tokio::sync::oneshot::channel::<Result<()>>();
            queue
                .push(Box::new(Typed::new(|_: &mut Tx<'_>| Ok(()), reply)), urgency)
                .unwrap();
        }
    }
    assert_eq!(queue.take(50).len(), 50);
    assert_eq!(queue.depth(), 150);
    assert_eq!(
        queue.take(256).len(),
        60 + 51,
        "the sixty callers left, and a fifth of 256"
    );
}

#[test]
fn s10_a_second_server_on_one_file_is_refused() {
    let fixture = sqlite_fixture();
    let second = Db::open(&fixture.config, &fixture.clock, &fixture.random)
        .map(drop)
        .unwrap_err();
    assert_eq!(second.code, "already_running");
    assert!(
        second.detail.contains(&std::process::id().to_string()),
        "{}",
        second.detail
    );
}

#[test]
fn a_restart_keeps_time_and_what_was_acknowledged() {
    let fixture = sqlite_fixture();
    // In one batch as far as they meet: the last one of it counts.
    let times = at_once(&fixture.db, 40, |tx, _| take(tx, 1).map(|_| tx.now()));
    let before = times.into_iter().map(Result::unwrap).max().unwrap();
    fixture.db.shut_down();
    let Fixture {
        config,
        random,
        db,
        _folder,
        ..
    } = fixture;
    drop(db);
    let behind: Arc<dyn Clock> = Arc::new(Behind);
    let db = Db::open(&config, &behind, &random).unwrap();
    assert_eq!(units(&db), 60);
    assert!(db.write_blocking(LANE, |tx| Ok(tx.now())).unwrap() > before);
}

/// A machine that was put back by years while it was off, and whose clocks stand.
struct Behind;

impl Clock for Behind {
    fn wall(&self) -> Time {
        Time(0)
    }
    fn monotonic(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

#[test]
fn a_rewritten_or_unknown_migration_is_refused() {
    let fixture = sqlite_fixture();
    fixture.db.shut_down();
    let Fixture {
        mut config,
        clock,
        random,
        db,
        _folder,
    } = fixture;
    drop(db);
    config.migrations = &[Migration {
        number: 1,
        name: "shelf",
        sql: "create table other (id {int}) {strict};",
    }];
    assert!(
        Db::open(&config, &clock, &random)
            .map(drop)
            .unwrap_err()
            .detail
            .contains("was changed")
    );
    config.migrations = &[];
    assert!(
        Db::open(&config, &clock, &random)
            .map(drop)
            .unwrap_err()
            .detail
            .contains("start a newer one")
    );
}

/// Both texts of 0022 ran somewhere; with either behind it a database opens.
#[test]
fn s12_a_former_text_of_a_migration_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hawker.db");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
    let main = Config::new(Engine::Sqlite(path.clone()), "main", MAIN);
    Db::open(&main, &clock, &random).unwrap().shut_down();
    let raw = rusqlite::Connection::open(&path).unwrap();
    let former = migrate::FORMER[0];
    raw.execute("update migrations set checksum = ?1 where number = 22", [former])
        .unwrap();
    drop(raw);
    Db::open(&main, &clock, &random).unwrap().shut_down();
}

#[test]
fn s12_a_migration_that_dies_half_way_leaves_nothing() {
    let fixture = sqlite_fixture();
    fixture.db.shut_down();
    let Fixture {
        mut config,
        clock,
        random,
        db,
        _folder,
    } = fixture;
    drop(db);
    const BROKEN: &[Migration] = &[
        Migration {
            number: 1,
            name: "shelf",
            sql: TABLES[0].sql,
        },
        Migration {
            number: 2,
            name: "half",
            sql: "create table half (id {int} not null) {strict}; insert into nowhere values (1);",
        },
    ];
    config.migrations = BROKEN;
    assert!(Db::open(&config, &clock, &random).is_err());
    const MENDED: &[Migration] = &[
        Migration {
            number: 1,
            name: "shelf",
            sql: TABLES[0].sql,
        },
        Migration {
            number: 2,
            name: "half",
            sql: "create table half (id {int} not null) {strict};",
        },
    ];
    config.migrations = MENDED;
    assert_eq!(units(&Db::open(&config, &clock, &random).unwrap()), 100);
}

#[test]
fn rows_of_a_checkout_are_checked_without_building_a_tree() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(Engine::Sqlite(folder.path().join("hawker.db")), "main", MAIN);
    let (clock, random): (Arc<dyn Clock>, Arc<dyn Random>) =
        (Arc::new(SystemClock::default()), Arc::new(SystemRandom::default()));
    let db = Db::open(&config, &clock, &random).unwrap();
    let checks: Vec<(String, String)> = db
        .read_blocking(|tx| {
            tx.all(
                "select name, sql from sqlite_schema where type = 'table' and name in
                   ('reservations', 'checkouts', 'attempts', 'captures', 'refunds', 'fulfilments', 'mails') limit 100",
                &[],
            )
        })
        .unwrap();
    assert_eq!(checks.len(), 7);
    for (table, sql) in checks {
        assert!(sql.contains("check (state = '"), "{table} lost its check: {sql}");
        assert!(!sql.contains("check (state in ("), "{table} compares by a tree: {sql}");
    }
}

#[test]
fn what_is_for_one_engine_is_left_out_on_the_other() {
    let left = |sql| migrate::without(sql, "{sqlite}", "{/sqlite}");
    assert_eq!(left("a {sqlite}b{/sqlite} c {sqlite}d{/sqlite}"), "a  c ");
    assert_eq!(left("a"), "a");
}

#[test]
fn a_read_changes_nothing() {
    let fixture = sqlite_fixture();
    assert!(fixture.db.read_blocking(|tx| take(tx, 1)).is_err());
    assert_eq!(units(&fixture.db), 100);
}

fn fact() -> Fact {
    let shop = ShopId::from_uuid(uuid::Uuid::from_u128(1));
    Fact::PaymentCaptured {
        shop,
        order: OrderId::from_uuid(uuid::Uuid::from_u128(2)),
    }
}

fn count_on_shelf(tx: &mut Tx<'_>, _: &Fact) -> Result<()> {
    take(tx, 1).map(drop)
}

fn poisoned_once(tx: &mut Tx<'_>, fact: &Fact) -> Result<()> {
    match fact {
        Fact::OrderCanceled { .. } => Err(Error::internal("poison")),
        _ => count_on_shelf(tx, fact),
    }
}

#[tokio::test]
async fn w1_every_recorded_fact_is_acted_on_once_even_beside_a_poisonous_one() {
    let fixture = sqlite_fixture();
    let db = &fixture.db;
    for _ in 0..95 {
        db.write(LANE, |tx| tx.publish(&fact())).await.unwrap();
    }
    let Fact::PaymentCaptured { shop, order } = fact() else {
        unreachable!()
    };
    db.write(LANE, move |tx| tx.publish(&Fact::OrderCanceled { shop, order }))
        .await
        .unwrap();
    let undone = db
        .write(LANE, |tx| {
            tx.publish(&fact())?;
            Err::<(), _>(Error::conflict("no", "Rolled back."))
        })
        .await;
    assert!(undone.is_err());
    db.drain_facts(poisoned_once).await.unwrap();
    db.drain_facts(poisoned_once).await.unwrap();
    let (waiting, oldest, dead) = db.read(facts_waiting).await.unwrap();
    let (left,): (i64,) = db
        .read(|tx| tx.one("select units from shelf where id = 1", &[]))
        .await
        .unwrap();
    assert_eq!((left, waiting, dead), (5, 1, 0));
    assert!(oldest.is_some());
}

fn busy_or_broken(tx: &mut Tx<'_>, fact: &Fact) -> Result<()> {
    match fact {
        Fact::OrderCanceled { .. } => Err(Error::internal("poison")),
        Fact::PaymentCaptured { .. } => Err(Error::new(
            Kind::Busy { retry_after: 300 },
            "money_frozen",
            "No money moves.",
        )),
        _ => count_on_shelf(tx, fact),
    }
}

#[tokio::test]
async fn w1_a_fact_that_has_to_wait_is_never_set_aside_and_one_that_was_is_taken_again() {
    let fixture = sqlite_fixture();
    let db = &fixture.db;
    let Fact::PaymentCaptured { shop, order } = fact() else {
        unreachable!()
    };
    db.write(LANE, |tx| tx.publish(&fact())).await.unwrap();
    db.write(LANE, move |tx| tx.publish(&Fact::OrderCanceled { shop, order }))
        .await
        .unwrap();
    let due_now = "update outbox set due_at = recorded_at";
    for _ in 0..20 {
        db.write(LANE, move |tx| tx.exec(due_now, &[])).await.unwrap();
        db.drain_facts(busy_or_broken).await.unwrap();
    }
    let (waiting, _, dead) = db.read(facts_waiting).await.unwrap();
    assert_eq!((waiting, dead), (1, 1), "one waits for the money, one is broken");
    assert_eq!(db.write(LANE, requeue_facts).await.unwrap(), 1);
    let (waiting, _, dead) = db.read(facts_waiting).await.unwrap();
    assert_eq!((waiting, dead), (2, 0));
    db.write(LANE, move |tx| tx.exec(due_now, &[])).await.unwrap();
    db.drain_facts(|_: &mut Tx<'_>, _: &Fact| Ok(())).await.unwrap();
    assert_eq!(db.read(facts_waiting).await.unwrap().0, 0);
}

#[tokio::test]
async fn w4_a_paused_worker_is_fenced_once_another_took_over() {
    let fixture = sqlite_fixture();
    let db = &fixture.db;
    let (first, second) = ([1u8; 16], [2u8; 16]);
    let held = db
        .write(LANE, move |tx| take_lease(tx, "seal", first, Seconds(0)))
        .await
        .unwrap()
        .unwrap();
    let renewed = db
        .write(LANE, move |tx| take_lease(tx, "seal", first, Seconds(0)))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(held, renewed);
    let taken = db
        .write(LANE, move |tx| take_lease(tx, "seal", second, Seconds(60)))
        .await
        .unwrap()
        .unwrap();
    assert!(taken.number > held.number);
    assert!(
        db.write(LANE, move |tx| take_lease(tx, "seal", first, Seconds(60)))
            .await
            .unwrap()
            .is_none()
    );
    let stale = held.clone();
    assert!(!db.write(LANE, move |tx| stale.holds(tx)).await.unwrap());
    assert!(db.write(LANE, move |tx| taken.holds(tx)).await.unwrap());
}

#[test]
fn s9_a_backup_taken_while_selling_is_whole_and_restores() {
    let fixture = sqlite_fixture();
    let from = fixture.config_folder();
    let to = tempfile::tempdir().unwrap();
    let target = to.path().join("backup");
    std::thread::scope(|scope| {
        let selling =
            scope.spawn(|| (0..60).for_each(|_| assert!(fixture.db.write_blocking(LANE, |tx| take(tx, 1)).unwrap())));
        let manifest = backup(&from, &target, Time(0)).unwrap();
        assert!(manifest.files.contains_key("hawker.db"));
        selling.join().unwrap();
    });
    verify(&target).unwrap();
    let home = to.path().join("restored");
    restore(&target, &home).unwrap();
    let config = Config::new(Engine::Sqlite(home.join("hawker.db")), "test", TABLES);
    let db = Db::open(&config, &fixture.clock, &fixture.random).unwrap();
    assert!((40..=100).contains(&units(&db)));
    assert_eq!(
        db.read_blocking(epoch).unwrap(),
        (2, true),
        "outgoing money is frozen after a restore"
    );

    let damaged = target.join("hawker.db");
    let mut bytes = std::fs::read(&damaged).unwrap();
    bytes[5000] ^= 0xff;
    std::fs::write(&damaged, bytes).unwrap();
    assert!(verify(&target).unwrap_err().detail.contains("damaged"));
}

impl Fixture {
    fn config_folder(&self) -> PathBuf {
        match &self.config.engine {
            Engine::Sqlite(path) => path.parent().unwrap().to_path_buf(),
            Engine::Postgres(_) => unreachable!("fixtures of this file are SQLite"),
        }
    }
}

/// A database on PostgreSQL, where the test command gives us one.
fn postgres_fixture() -> Option<Fixture> {
    Some(fixture_on(postgres_database()?, tempfile::tempdir().unwrap()))
}

#[test]
fn s5_a_last_statement_that_finds_no_row_takes_its_whole_command_with_it() {
    for fixture in fixtures() {
        let refused = fixture.db.write_blocking(LANE, |tx| {
            tx.put("update shelf set units = units - 1 where id = 1", &[])?;
            tx.change_one("update shelf set units = 0 where id = 99", &[])
        });
        assert_eq!(refused.unwrap_err().code, "database_unavailable", "tried often enough");
        assert_eq!(units(&fixture.db), 100, "what stood before it was not committed");
        fixture.db.shut_down();
    }
}

const GATHERED: &str =
    "update shelf set units = units - $3 - $4 - $5 where id = 1 and $1::bytea = $2::bytea and units >= $3";
const ROW: RowKey = (uuid::Uuid::nil(), uuid::Uuid::nil());

/// Commands that meet in as few batches as their lane makes of them.
fn at_once<T: Send + 'static>(
    db: &Db,
    count: usize,
    act: impl Fn(&mut Tx<'_>, usize) -> Result<T> + Copy + Send + 'static,
) -> Vec<Result<T>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(futures_util::future::join_all(
        (0..count).map(|number| db.write(LANE, move |tx| act(tx, number))),
    ))
}

#[test]
fn d16_what_a_batch_does_to_a_row_is_done_once_and_seen_by_whoever_looks() {
    let Some(fixture) = postgres_fixture() else { return };
    let seen = at_once(&fixture.db, 40, |tx, number| {
        let gathers = tx.gather("shelf", GATHERED, ROW, [1, 0, 0]);
        assert!(gathers || take(tx, 1)?, "there are enough");
        if number == 39 {
            return tx
                .one::<(i64,)>("select units from shelf where id = 1", &[])
                .map(|(units,)| units);
        }
        Ok(0)
    });
    assert_eq!(
        seen[39].as_ref().unwrap(),
        &60,
        "the last one sees what all before it took"
    );
    assert_eq!(units(&fixture.db), 60);
    fixture.db.shut_down();
}

#[test]
fn d16_a_sum_that_does_not_fit_is_left_to_each_command_and_a_refusal_to_its_own() {
    let Some(fixture) = postgres_fixture() else { return };
    let taken = at_once(&fixture.db, 300, |tx, number| {
        if !tx.gather("shelf", GATHERED, ROW, [1, 0, 0]) && !take(tx, 1)? {
            return Err(Error::conflict("sold_out", "None are left."));
        }
        if number % 7 == 3 {
            return Err(Error::conflict("changed_mind", "Nothing is wanted after all."));
        }
        Ok(())
    });
    let codes = |code: &str| {
        taken
            .iter()
            .filter(|one| one.as_ref().is_err_and(|error| error.code == code))
            .count()
    };
    let wanted = taken.iter().filter(|one| one.is_ok()).count();
    assert_eq!((wanted, units(&fixture.db)), (100, 0), "{} sold out", codes("sold_out"));
    assert!(codes("changed_mind") > 0);
    fixture.db.shut_down();
}

fn parcel(number: usize) -> OrderId {
    OrderId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1))
}

fn pack(tx: &mut Tx<'_>, number: usize, units: i64) -> Result<()> {
    let sql = "insert into parcels (id, units, said) values ($1, $2, coalesce($3, '(none)'))";
    let said = number.is_multiple_of(2).then(|| format!("no. {number}"));
    tx.together(parcel(number), sql, args![parcel(number), units, said])
}

fn repack(tx: &mut Tx<'_>, number: usize, from: i64, to: i64) -> Result<()> {
    let sql =
        "update parcels set units = $3, said = case when $4 = '' then said else $4 end where id = $1 and units = $2";
    tx.together(parcel(number), sql, args![parcel(number), from, to, ""])
}

fn parcels(tx: &mut Tx<'_>) -> Result<(i64, i64)> {
    tx.one(
        "select count(*), cast(coalesce(sum(units), 0) as bigint) from parcels",
        &[],
    )
}

fn packed(tx: &mut Tx<'_>, number: usize) -> Result<Option<(i64, String)>> {
    let sql = "select units, said from parcels where id = $1";
    tx.maybe_one_of(parcel(number), sql, args![parcel(number)])
}

#[test]
fn d16_rows_that_commands_write_alike_are_written_together_and_seen_by_whoever_looks() {
    for fixture in fixtures() {
        let seen = at_once(&fixture.db, 40, |tx, number| {
            assert_eq!(packed(tx, number)?, None);
            pack(tx, number, 1)?;
            let own = packed(tx, number)?.unwrap();
            repack(tx, number, 1, 2)?; // After what was written first.
            Ok((own, if number % 20 == 19 { parcels(tx)? } else { (0, 0) }))
        });
        let seen: Vec<_> = seen.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            (seen[6].0.clone(), seen[7].0.clone()),
            ((1, "no. 6".to_owned()), (1, "(none)".to_owned()))
        );
        assert_eq!((seen[19].1, seen[39].1), ((20, 40), (40, 80)));
        assert_eq!(fixture.db.read_blocking(parcels).unwrap(), (40, 80));
        fixture.db.shut_down();
    }
}

#[test]
fn d16_a_row_that_is_not_as_it_was_read_is_its_own_commands_failure() {
    for fixture in fixtures() {
        at_once(&fixture.db, 30, |tx, number| pack(tx, number, 1));
        let changed = at_once(&fixture.db, 30, |tx, number| {
            repack(tx, number, if number == 11 { 7 } else { 1 }, 3)
        });
        let failed: Vec<_> = (0..30).filter(|number| changed[*number].is_err()).collect();
        assert_eq!(
            (failed, fixture.db.read_blocking(parcels).unwrap()),
            (vec![11], (30, 88))
        );

        // Twice the same row, and one that a constraint forbids.
        let twice = at_once(&fixture.db, 20, |tx, number| match number {
            5 => pack(tx, 104, 1),
            9 => pack(tx, 109, -1),
            _ => pack(tx, 100 + number, 1),
        });
        let failed: Vec<_> = (0..20).filter(|number| twice[*number].is_err()).collect();
        assert_eq!(
            (failed, fixture.db.read_blocking(parcels).unwrap()),
            (vec![5, 9], (48, 106))
        );
        fixture.db.shut_down();
    }
}

#[test]
fn d16_what_a_refused_command_wrote_is_gone_and_what_others_wrote_is_there() {
    for fixture in fixtures() {
        let done = at_once(&fixture.db, 300, |tx, number| {
            pack(tx, number, 1)?;
            if number % 5 == 2 {
                parcels(tx)?; // Writes what all before it kept back, too.
                repack(tx, number, 1, 50)?;
            }
            if number % 7 == 3 {
                return Err(Error::conflict("changed_mind", "Nothing is wanted after all."));
            }
            Ok(())
        });
        let kept = (0..300).filter(|number| number % 7 != 3);
        let expected = kept.fold((0, 0), |(count, units), number| {
            (count + 1, units + if number % 5 == 2 { 50 } else { 1 })
        });
        assert_eq!(fixture.db.read_blocking(parcels).unwrap(), expected);
        assert_eq!(done.iter().filter(|one| one.is_ok()).count() as i64, expected.0);
        fixture.db.shut_down();
    }
}

#[test]
fn questions_asked_ahead_are_answered_as_if_they_were_asked_when_they_are_needed() {
    for fixture in fixtures() {
        at_once(&fixture.db, 3, |tx, number| pack(tx, number, 1));
        let shelf = |tx: &mut Tx<'_>| {
            tx.one::<(i64,)>("select units from shelf where id = 1", &[])
                .map(|(units,)| units)
        };
        let asked = fixture.db.write_blocking(LANE, move |tx| {
            tx.ahead(|tx| {
                for number in 0..4 {
                    assert_eq!(packed(tx, number).unwrap(), None, "answered with nothing");
                }
                drop(shelf(tx));
                drop(parcels(tx));
                drop(pack(tx, 3, 1)); // Not a question: it is not written.
            });
            let first = (packed(tx, 0)?, packed(tx, 3)?, parcels(tx)?, shelf(tx)?);
            pack(tx, 3, 5)?;
            assert!(take(tx, 1)?);
            Ok((first, packed(tx, 3)?, packed(tx, 1)?, parcels(tx)?, shelf(tx)?))
        });
        let (first, own, other, all, left) = asked.unwrap();
        assert_eq!(first, (Some((1, "no. 0".to_owned())), None, (3, 3), 100));
        assert_eq!(
            (own, other),
            (Some((5, "(none)".to_owned())), Some((1, "(none)".to_owned())))
        );
        assert_eq!((all, left), ((4, 8), 99), "what was written since is seen");
        // In a batch: each command's own, together.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let together = runtime.block_on(futures_util::future::join_all((0..50).map(|number| {
            let ask = move |tx: &mut Tx<'_>| drop((packed(tx, number), parcels(tx)));
            fixture.db.write_asking(LANE, ask, move |tx| {
                let before = packed(tx, number)?;
                if before.is_none() {
                    pack(tx, number, 1)?;
                }
                Ok((before.is_some(), packed(tx, number)?.is_some(), parcels(tx)?.0))
            })
        })));
        let together: Vec<_> = together.into_iter().map(Result::unwrap).collect();
        let counts: Vec<i64> = (0..50).map(|number: i64| 4.max(number + 1)).collect();
        assert_eq!(together.iter().map(|one| one.2).collect::<Vec<_>>(), counts);
        assert!(
            together
                .iter()
                .enumerate()
                .all(|(number, one)| one.0 == (number < 4) && one.1)
        );
        fixture.db.shut_down();
    }
}

#[test]
fn s11_a_database_that_lost_acknowledged_commits_freezes_money_once_it_is_noticed() {
    let Some(fixture) = postgres_fixture() else { return };
    let Engine::Postgres(url) = fixture.config.engine.clone() else {
        unreachable!()
    };
    let mut administrator = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    let mut go_on = |forget: &str| {
        assert!(fixture.db.write_blocking(LANE, |tx| take(tx, 1)).unwrap());
        let now = fixture.db.write_blocking(LANE, |tx| Ok(tx.now())).unwrap();
        // What a standby that became the server had not heard of.
        administrator.batch_execute(forget).unwrap();
        let end = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'hawker' and datname = current_database()";
        administrator.query(end, &[]).unwrap();
        assert!(
            fixture.db.write_blocking(LANE, |tx| take(tx, 1)).unwrap(),
            "selling goes on"
        );
        (
            now,
            fixture
                .db
                .read_blocking(|tx| Ok((epoch(tx)?, frozen_since(tx)?)))
                .unwrap(),
        )
    };
    let (_, (before, since)) = go_on("select 1");
    assert_eq!(
        (before.1, since),
        (false, None),
        "a lost connection alone loses nothing"
    );
    let (at, (after, since)) = go_on("delete from batches where at = (select max(at) from batches)");
    assert_eq!(after, (before.0 + 1, true));
    let since = since.unwrap();
    assert!(
        since < at && since > at.minus(Seconds(600)),
        "compared from before what was lost"
    );
    fixture.db.shut_down();
}

#[test]
fn s12_replicas_that_start_together_wait_for_whoever_migrates() {
    let Some(engine) = postgres_database() else { return };
    let Engine::Postgres(url) = engine.clone() else {
        unreachable!()
    };
    let mut slow = postgres::Client::connect(&url, postgres::NoTls).unwrap();
    slow.batch_execute("select pg_advisory_lock(4857323921)").unwrap();
    let starters: Vec<_> = (0..3)
        .map(|_| {
            let engine = engine.clone();
            std::thread::spawn(move || fixture_on(engine, tempfile::tempdir().unwrap()))
        })
        .collect();
    // Longer than any lock is waited for while selling.
    std::thread::sleep(std::time::Duration::from_millis(2_500));
    drop(slow);
    for starter in starters {
        let fixture = starter.join().unwrap();
        assert_eq!(units(&fixture.db), 100);
        fixture.db.shut_down();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn w12_a_commit_of_one_replica_is_heard_by_another_through_the_database() {
    let Some(fixture) = tokio::task::spawn_blocking(postgres_fixture).await.unwrap() else {
        return;
    };
    let (config, clock, random) = (
        Config {
            beside_a_server: true,
            ..Config::new(fixture.config.engine.clone(), "test", TABLES)
        },
        fixture.clock.clone(),
        fixture.random.clone(),
    );
    let other = tokio::task::spawn_blocking(move || Db::open(&config, &clock, &random).unwrap())
        .await
        .unwrap();
    let ear = other.bell().listen(&["shelf"]);
    for db in [fixture.db.clone(), other.clone()] {
        tokio::spawn(async move { db.carry_bell("", std::future::pending()).await });
    }
    let both = async {
        while !(fixture.db.ringing().carried && other.ringing().carried) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), both)
        .await
        .unwrap();
    ear.rung().await; // What may have been missed before.
    fixture.db.write(LANE, |tx| take(tx, 1)).await.unwrap();
    tokio::time::timeout(std::time::Duration::from_secs(20), ear.rung())
        .await
        .expect("it rings");
    assert_eq!(
        (other.ringing().heard, fixture.db.ringing().heard),
        (1, 0),
        "nobody hears themselves"
    );
    tokio::task::spawn_blocking(move || {
        fixture.db.shut_down();
        other.shut_down();
    })
    .await
    .unwrap();
}

/// Tables and columns as they are after all migrations of a book.
pub(crate) fn columns(book: &'static str, migrations: &'static [Migration]) -> BTreeSet<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(book);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
    let config = Config::new(Engine::Sqlite(path.clone()), book, migrations);
    Db::open(&config, &clock, &random).unwrap().shut_down();
    let raw = rusqlite::Connection::open(path).unwrap();
    let mut tables = raw
        .prepare("select m.name, c.name from sqlite_schema m join pragma_table_info(m.name) c where m.type = 'table' and m.name not like 'sqlite_%'")
        .unwrap();
    let rows = tables.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}
