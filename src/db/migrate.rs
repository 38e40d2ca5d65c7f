//! Forward-only migrations: numbered files, checksums, one starter at a time.

use super::tx::{Connection, Tx};
use crate::args;
use crate::kernel::{Error, Random, Result, Time};
use sha2::{Digest, Sha256};

/// One file. `{int}`, `{bytes}`, `{text}` and `{strict}` stand for what differs between the engines; `{keyed}` is a strict
/// table of small rows that are only ever found by their key, which SQLite then keeps in the key's own tree. What stands between
/// `{sqlite}` and `{/sqlite}` is for SQLite alone, and so with `{postgres}`.
pub struct Migration {
    pub number: u32,
    pub name: &'static str,
    pub sql: &'static str,
}

/// Checksums of texts that may have run before they were changed, and whose surplus a later migration makes wherever it is missing: 0022 with the index of 0023.
pub(super) const FORMER: &[&str] = &["952ccc55c196885853430837bdcf38bdeae0d330da32a7f9c518bbb880976091"];

/// Brings a database up to date. Refuses one that is newer than this program or whose past was rewritten.
pub(super) fn run(
    connection: &mut Connection,
    book: &'static str,
    migrations: &[Migration],
    now: Time,
    random: &dyn Random,
) -> Result<()> {
    lock(connection)?;
    let done = apply(connection, book, migrations, now, random);
    unlock(connection)?;
    done
}

fn apply(
    connection: &mut Connection,
    book: &'static str,
    migrations: &[Migration],
    now: Time,
    random: &dyn Random,
) -> Result<()> {
    script(
        connection,
        "create table if not exists migrations (book {text} not null, number {int} not null, name {text} not null, checksum {text} not null,
           applied_at {int} not null, primary key (book, number)) {strict}",
    )?;
    let applied: Vec<(u32, String)> = Tx::new(connection, now, random).all(
        "select number, checksum from migrations where book = $1 order by number limit 10000",
        args![book],
    )?;
    if let Some((number, _)) = applied
        .iter()
        .find(|(number, _)| !migrations.iter().any(|migration| migration.number == *number))
    {
        return Err(Error::internal(format!(
            "the database has migration {number} of {book}, which this program does not know: start a newer one"
        )));
    }
    for migration in migrations {
        let checksum = hex(&Sha256::digest(migration.sql));
        match applied.iter().find(|(number, _)| *number == migration.number) {
            Some((_, known)) if *known == checksum || FORMER.contains(&known.as_str()) => {}
            Some(_) => {
                return Err(Error::internal(format!(
                    "migration {} was changed after it had run: restore the file",
                    migration.name
                )));
            }
            None => step(connection, book, migration, &checksum, now, random)?,
        }
    }
    Ok(())
}

/// One migration and its record in one transaction: dying half-way leaves nothing, so starting again resumes.
fn step(
    connection: &mut Connection,
    book: &'static str,
    migration: &Migration,
    checksum: &str,
    now: Time,
    random: &dyn Random,
) -> Result<()> {
    let begin = if matches!(connection, Connection::Sqlite(_)) {
        "begin immediate"
    } else {
        "begin"
    };
    connection.control(begin)?;
    let done = script(connection, migration.sql).and_then(|()| {
        Tx::new(connection, now, random).exec(
            "insert into migrations (book, number, name, checksum, applied_at) values ($1, $2, $3, $4, $5)",
            args![book, migration.number, migration.name, checksum, now],
        )
    });
    match done {
        Ok(_) => connection.control("commit"),
        Err(error) => {
            connection.control("rollback")?;
            Err(error)
        }
    }
}

fn script(connection: &mut Connection, sql: &str) -> Result<()> {
    match connection {
        Connection::Sqlite(sqlite) => {
            let sql = without(sql, "{postgres}", "{/postgres}")
                .replace("{int}", "integer")
                .replace("{bytes}", "blob")
                .replace("{text}", "text")
                .replace("{strict}", "strict")
                .replace("{keyed}", "strict, without rowid")
                .replace("{sqlite}", "")
                .replace("{/sqlite}", "");
            sqlite.raw.execute_batch(&sql).map_err(super::sqlite::failed)
        }
        Connection::Postgres(postgres) => {
            let sql = without(sql, "{sqlite}", "{/sqlite}")
                .replace("{int}", "bigint")
                .replace("{bytes}", "bytea")
                .replace("{text}", "text collate \"C\"")
                .replace("{strict}", "")
                .replace("{keyed}", "")
                .replace("{postgres}", "")
                .replace("{/postgres}", "");
            postgres.control(&sql)
        }
    }
}

/// A text without the parts between two marks.
pub(super) fn without(sql: &str, from: &str, to: &str) -> String {
    let mut parts = sql.split(from);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |kept, part| {
        kept + part.split_once(to).map_or("", |(_, after)| after)
    })
}

/// SQLite has one server a file (see `Db::open`); PostgreSQL serialises starters by an advisory lock.
fn lock(connection: &mut Connection) -> Result<()> {
    match connection {
        Connection::Sqlite(_) => Ok(()),
        // Replicas that start together wait for the one that migrates, however long it takes.
        Connection::Postgres(postgres) => postgres.control(
            "set lock_timeout = 0; set statement_timeout = 0; select pg_advisory_lock(4857323921); set lock_timeout = '2s'",
        ),
    }
}

fn unlock(connection: &mut Connection) -> Result<()> {
    match connection {
        Connection::Sqlite(_) => Ok(()),
        Connection::Postgres(postgres) => {
            postgres.control("select pg_advisory_unlock(4857323921); set statement_timeout = '30s'")
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("text is writable");
        text
    })
}
