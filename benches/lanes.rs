//! Write lanes against a bare prepared-statement loop on the same machine, in the same run: `cargo bench --bench lanes`.
//!
//! Goal: a lane takes at most 1.5 times the bare loop's time at every number of callers. The loop is the physical limit: one connection, one
//! thread, the same statements, the same batch sizes, no queue and no waiting callers.

use hawker::db::{Config, Db, Engine, LaneKey, Migration, SystemClock, SystemRandom};
use hawker::kernel::{Clock, Random};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

const TABLES: &[Migration] = &[Migration {
    number: 1,
    name: "bench",
    sql: "create table bench_stock (id {int} not null primary key, left_over {int} not null check (left_over >= 0)) {strict};
          create table bench_orders (id {int} not null primary key, stock_id {int} not null, body {text} not null) {strict};",
}];
const SPAN: Duration = Duration::from_secs(2);
const BODY: &str = "{\"lines\":[{\"variant\":\"var_01h455vb4pex5vsknk084sn02q\",\"quantity\":1,\"amount\":1999}],\"total\":1999,\"currency\":\"EUR\"}";

fn main() {
    let rounds = 3;
    println!(
        "callers   bare loop/s      lane/s   lane/bare time   (medians of {rounds}, SQLite FULL, 3 statements a command)"
    );
    for callers in [1u64, 8, 64, 512, 2000] {
        let batch = callers.min(256);
        let mut bare: Vec<f64> = (0..rounds).map(|_| bare_loop(batch)).collect();
        let mut lane: Vec<f64> = (0..rounds).map(|_| lanes(callers)).collect();
        bare.sort_by(f64::total_cmp);
        lane.sort_by(f64::total_cmp);
        let (bare, lane) = (bare[rounds / 2], lane[rounds / 2]);
        println!("{callers:>7} {bare:>13.0} {lane:>11.0} {:>16.2}", bare / lane);
    }
}

/// Commands a second of one thread that owns its connection.
fn bare_loop(batch: u64) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let connection = rusqlite::Connection::open(folder.path().join("bare.db")).expect("a database");
    for (name, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "full"),
        ("wal_autocheckpoint", "0"),
        ("cache_size", "-32768"),
    ] {
        connection.pragma_update(None, name, value).expect("a pragma");
    }
    connection
        .execute_batch(
            "create table batches (id blob primary key, at integer) strict; create table bench_stock (id integer primary key, left_over integer check (left_over >= 0)) strict;
             create table bench_orders (id integer primary key, stock_id integer, body text) strict; insert into bench_stock values (1, 1000000000)",
        )
        .expect("tables");
    let start = Instant::now();
    let mut done = 0u64;
    while start.elapsed() < SPAN {
        connection.execute_batch("begin immediate").expect("begin");
        let id = done.to_le_bytes();
        connection
            .prepare_cached("insert into batches values (?1, ?2)")
            .and_then(|mut s| s.execute((&id[..], 1)))
            .expect("batch");
        for _ in 0..batch {
            done += 1;
            let mut take = connection
                .prepare_cached("update bench_stock set left_over = left_over - 1 where id = 1 and left_over >= 1")
                .expect("sql");
            take.execute([]).expect("take");
            let mut insert = connection
                .prepare_cached("insert into bench_orders values (?1, ?2, ?3)")
                .expect("sql");
            insert
                .execute((i64::try_from(done).expect("small"), 1, BODY))
                .expect("insert");
            let mut read = connection
                .prepare_cached("select left_over from bench_stock where id = ?1")
                .expect("sql");
            let _: i64 = read.query_row([1], |row| row.get(0)).expect("read");
        }
        connection.execute_batch("commit").expect("commit");
    }
    done as f64 / start.elapsed().as_secs_f64()
}

/// Commands a second of `callers` tasks that each wait for their durable answer.
fn lanes(callers: u64) -> f64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
    let random: Arc<dyn Random> = Arc::new(SystemRandom::default());
    let config = Config::new(Engine::Sqlite(folder.path().join("lane.db")), "bench", TABLES);
    let db = Db::open(&config, &clock, &random).expect("a database");
    db.write_blocking(LaneKey(0), |tx| {
        tx.exec("insert into bench_stock (id, left_over) values (1, 1000000000)", &[])
    })
    .expect("stock");
    let next = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("a runtime");
    let start = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (db, next) = (db.clone(), next.clone());
                tokio::spawn(async move {
                    while start.elapsed() < SPAN {
                        let id = i64::try_from(next.fetch_add(1, Ordering::Relaxed)).expect("small");
                        db.write(LaneKey(0), move |tx| {
                            tx.exec(
                                "update bench_stock set left_over = left_over - 1 where id = $1 and left_over >= 1",
                                hawker::args![1i64],
                            )?;
                            tx.exec(
                                "insert into bench_orders (id, stock_id, body) values ($1, $2, $3)",
                                hawker::args![id, 1i64, BODY],
                            )?;
                            tx.one::<(i64,)>("select left_over from bench_stock where id = $1", hawker::args![1i64])
                        })
                        .await
                        .expect("a durable answer");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a caller");
        }
    });
    let rate = next.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    db.shut_down();
    rate
}
