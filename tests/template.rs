//! Databases of stories are copies of one that was migrated once: making all tables anew took longer than most stories do.
//!
//! Whoever includes this file has `db` beside it. What is copied belongs to no installation yet: it gets its own secrets when it is opened.

use super::db::{Config, Db, EVENTS, Engine, MAIN, SystemClock, SystemRandom};
use postgres::error::SqlState;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// What tells one installation from another, and when it last did something.
const OWN: &str = "delete from installation; delete from batches";
/// The databases of an installation, by the names of their files.
const FILES: [&str; 2] = ["hawker.db", "events.db"];

/// Lays new databases down in a folder, as SQLite files.
pub fn lay_down(folder: &Path) {
    static MADE: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let paths = FILES.map(|name| folder.path().join(name));
        migrate(paths.each_ref().map(|path| Engine::Sqlite(path.clone())));
        paths.map(|path| {
            let file = rusqlite::Connection::open(&path).unwrap();
            file.execute_batch(OWN).unwrap();
            file.close().unwrap();
            std::fs::read(path).unwrap()
        })
    });
    std::fs::create_dir_all(folder).unwrap();
    for (name, bytes) in FILES.iter().zip(made) {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

/// Makes a new database on the PostgreSQL server at `admin`; its address. The template stays on the server for the next run, under a name that says
/// which tables it has.
pub fn create(admin: &str, name: &str) -> String {
    let mut server = postgres::Client::connect(admin, postgres::NoTls).unwrap();
    let template = template();
    for _ in 0..100 {
        let made = server.batch_execute(&format!("create database {name} template {template}"));
        match made.as_ref().err().and_then(postgres::Error::code) {
            None => {
                made.unwrap();
                return beside(admin, name);
            }
            Some(&SqlState::UNDEFINED_DATABASE) => make(&mut server, admin, &template),
            // Whoever made it has a session there still.
            Some(&SqlState::OBJECT_IN_USE) => std::thread::sleep(Duration::from_millis(50)),
            Some(_) => made.unwrap(),
        }
    }
    panic!("{template} is always in use");
}

/// One of several programs and threads makes it; it has its name when it is whole.
fn make(server: &mut postgres::Client, admin: &str, template: &str) {
    server.batch_execute("select pg_advisory_lock(7341)").unwrap();
    let known = server.query_opt("select 1 from pg_database where datname = $1", &[&template]);
    if known.unwrap().is_none() {
        let unfinished = format!("{template}_unfinished");
        let renew = format!("drop database if exists {unfinished} with (force)");
        server.batch_execute(&renew).unwrap();
        server.batch_execute(&format!("create database {unfinished}")).unwrap();
        let url = beside(admin, &unfinished);
        migrate([Engine::Postgres(url.clone()), Engine::Postgres(url.clone())]);
        let mut inside = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        inside.batch_execute(OWN).unwrap();
        inside.close().unwrap();
        let rename = format!("alter database {unfinished} rename to {template}");
        while let Err(error) = server.batch_execute(&rename) {
            assert_eq!(error.code(), Some(&SqlState::OBJECT_IN_USE), "{error}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    server.batch_execute("select pg_advisory_unlock(7341)").unwrap();
}

fn migrate([main, events]: [Engine; 2]) {
    let (clock, random) = (
        Arc::new(SystemClock::default()) as _,
        Arc::new(SystemRandom::default()) as _,
    );
    for config in [Config::new(main, "main", MAIN), Config::new(events, "events", EVENTS)] {
        Db::open(&config, &clock, &random).unwrap().shut_down();
    }
}

fn template() -> String {
    let texts = MAIN.iter().chain(EVENTS).map(|migration| migration.sql);
    let hash = texts.fold(Sha256::new(), |hash, sql| hash.chain_update(sql)).finalize();
    let hex: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("hawker_template_{hex}")
}

/// The address of another database of the same server.
pub fn beside(admin: &str, name: &str) -> String {
    let (base, query) = admin
        .split_once('?')
        .map_or((admin, String::new()), |(base, query)| (base, format!("?{query}")));
    let (server, _) = base.rsplit_once('/').expect("the address ends in a database");
    format!("{server}/{name}{query}")
}
