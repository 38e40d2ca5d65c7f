//! The physical limit of this machine, measured in the same run: the smallest server and the smallest script that sell anything.
//!
//! On SQLite an axum server before one writer thread that commits whatever has queued, nine statements a checkout, no rules, no
//! rights, no money. On PostgreSQL a script of ten round trips a checkout on each of its connections.

use super::store;
use crate::kernel::{Error, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use rusqlite::params;
use std::path::Path as File;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Checkouts in one commit, as in our own lane.
const BATCH: usize = 256;
const BODY: &str = r#"{"email":"buyer@example.com","name":"B. Uyer","line1":"Street 1","postal_code":"10115","city":"Berlin","country":"DE","total":2489,"currency":"EUR"}"#;

type Sale = (i64, oneshot::Sender<bool>);

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("the bare loop failed").because(error)
}

/// Serves `GET /quote/{variant}` and `PUT /checkout/{variant}` until it is told to stop.
pub async fn serve(
    folder: &File,
    listen: &str,
    variants: i64,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<()> {
    let connection = prepared(&folder.join("bare.db"), variants)?;
    let (sales, queue) = mpsc::channel::<Sale>();
    let writer = std::thread::spawn(move || write(&connection, &queue));
    let router = Router::new()
        .route("/quote/{variant}", get(quote))
        .route("/checkout/{variant}", put(sell))
        .with_state(sales);
    let listener = crate::server::bind(listen).await?;
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
        .map_err(failed)?;
    writer
        .join()
        .unwrap_or_else(|_| Err(Error::internal("the bare writer panicked")))
}

async fn quote(Path(variant): Path<i64>) -> String {
    format!(r#"{{"variant":{variant},"amount":1999,"currency":"EUR"}}"#)
}

async fn sell(State(sales): State<mpsc::Sender<Sale>>, Path(variant): Path<i64>, body: String) -> (StatusCode, String) {
    let (reply, answer) = oneshot::channel();
    let sent = sales.send((variant, reply)).is_ok();
    match answer.await {
        Ok(true) if sent && !body.is_empty() => (
            StatusCode::CREATED,
            format!(r#"{{"state":"completed","variant":{variant}}}"#),
        ),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    }
}

fn prepared(file: &File, variants: i64) -> Result<rusqlite::Connection> {
    let connection = rusqlite::Connection::open(file).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(64);
    for (name, value) in [
        ("journal_mode", "wal"),
        ("synchronous", "full"),
        ("cache_size", "-32768"),
    ] {
        connection.pragma_update(None, name, value).map_err(failed)?;
    }
    for table in store::TABLES {
        connection.execute_batch(table).map_err(failed)?;
    }
    for variant in 1..=variants {
        connection.execute(store::PRICE, [variant]).map_err(failed)?;
        connection.execute(store::STOCK, [variant]).map_err(failed)?;
    }
    Ok(connection)
}

/// Takes what has queued, gives each a savepoint, commits once, answers all.
fn write(connection: &rusqlite::Connection, queue: &mpsc::Receiver<Sale>) -> Result<()> {
    let mut id = 0;
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(BATCH - 1));
        let run = |sql: &str| {
            connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute([]))
        };
        run("begin immediate").map_err(failed)?;
        for (variant, _) in &batch {
            id += 1;
            run(store::MARK).map_err(failed)?;
            sold(connection, id, *variant).map_err(failed)?;
            run(store::KEEP).map_err(failed)?;
        }
        run("commit").map_err(failed)?;
        for (_, reply) in batch {
            let _ = reply.send(true); // A buyer who hung up bought all the same.
        }
    }
    Ok(())
}

fn sold(connection: &rusqlite::Connection, id: i64, variant: i64) -> rusqlite::Result<()> {
    let minor: i64 = connection
        .prepare_cached(store::QUOTE)?
        .query_row([variant], |row| row.get(0))?;
    connection.prepare_cached(store::RESERVE)?.execute([variant])?;
    connection.prepare_cached(store::RESERVATION)?.execute([id, variant])?;
    connection.prepare_cached(store::CHECKOUT)?.execute(params![id, BODY])?;
    connection.prepare_cached(store::ATTEMPT)?.execute([id, minor])?;
    connection.prepare_cached(store::ORDER)?.execute([id, minor])?;
    connection.prepare_cached(store::LINE)?.execute([id, variant, minor])?;
    connection.prepare_cached(store::SELL)?.execute([variant])?;
    connection
        .prepare_cached(store::FACT)?
        .execute(params![id, BODY])
        .map(drop)
}

/// Checkouts a second of the bare script on PostgreSQL: ten round trips each (nine statements and what begins and commits them).
pub fn script(url: &str, connections: usize, variants: i64, span: Duration) -> Result<f64> {
    let mut setup = postgres::Client::connect(url, postgres::NoTls).map_err(failed)?;
    for table in store::TABLES {
        setup.batch_execute(table).map_err(failed)?;
    }
    for variant in 1..=variants {
        setup.execute(store::PRICE, &[&variant]).map_err(failed)?;
        setup.execute(store::STOCK, &[&variant]).map_err(failed)?;
    }
    let ids = Arc::new(AtomicI64::new(0));
    let began = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (url, ids) = (url.to_owned(), ids.clone());
            std::thread::spawn(move || -> std::result::Result<i64, postgres::Error> {
                let mut client = postgres::Client::connect(&url, postgres::NoTls)?;
                let mut done = 0;
                let mut script = Script::prepare(&mut client)?;
                while began.elapsed() < span {
                    let id = ids.fetch_add(1, Ordering::Relaxed);
                    script.checkout(&mut client, id, 1 + id % variants)?;
                    done += 1;
                }
                Ok(done)
            })
        })
        .collect();
    let mut done = 0;
    for thread in threads {
        let one = thread.join().map_err(|_| Error::internal("a bare script panicked"))?;
        done += one.map_err(failed)?;
    }
    let took = began.elapsed().as_secs_f64();
    for table in store::TABLES.iter().filter(|sql| sql.starts_with("drop")) {
        setup.batch_execute(table).map_err(failed)?;
    }
    Ok(done as f64 / took)
}

struct Script([postgres::Statement; 9]);

impl Script {
    fn prepare(client: &mut postgres::Client) -> std::result::Result<Self, postgres::Error> {
        let mut prepare = |sql| client.prepare(sql);
        Ok(Self([
            prepare(store::QUOTE)?,
            prepare(store::RESERVE)?,
            prepare(store::RESERVATION)?,
            prepare(store::CHECKOUT)?,
            prepare(store::ATTEMPT)?,
            prepare(store::ORDER)?,
            prepare(store::LINE)?,
            prepare(store::SELL)?,
            prepare(store::FACT)?,
        ]))
    }

    /// The price before the transaction, as a shop would show it; `begin` travels with the first write and is no round trip of its own.
    fn checkout(
        &mut self,
        client: &mut postgres::Client,
        id: i64,
        variant: i64,
    ) -> std::result::Result<(), postgres::Error> {
        let [quote, reserve, reservation, checkout, attempt, order, line, sell, fact] = &self.0;
        let minor: i64 = client.query_one(quote, &[&variant])?.get(0);
        let mut sale = client.transaction()?;
        sale.execute(reservation, &[&id, &variant])?;
        sale.execute(checkout, &[&id, &BODY])?;
        sale.execute(attempt, &[&id, &minor])?;
        sale.execute(order, &[&id, &minor])?;
        sale.execute(line, &[&id, &variant, &minor])?;
        sale.execute(fact, &[&id, &BODY])?;
        sale.execute(reserve, &[&variant])?;
        sale.execute(sell, &[&variant])?;
        sale.commit()
    }
}
