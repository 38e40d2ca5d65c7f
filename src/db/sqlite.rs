//! The embedded engine: one file, WAL, `synchronous=FULL`.

use super::value::{Cell, RowSource, Value};
use crate::kernel::{Engine, Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

/// What a connection is for; only the writer may change anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
    Checkpointer,
}

pub(super) struct Sqlite {
    pub(super) raw: rusqlite::Connection,
    /// `$n` rewritten to `?n`, by the address of the statement: SQLite would number `$n` by first appearance.
    rewritten: HashMap<(usize, usize), Box<str>>,
}

impl Sqlite {
    pub(super) fn open(path: &Path, role: Role, page_cache_kib: u32) -> Result<Self> {
        let raw = rusqlite::Connection::open(path).map_err(failed)?;
        raw.busy_timeout(Duration::from_secs(5)).map_err(failed)?;
        raw.set_prepared_statement_cache_capacity(512);
        // Without this a statement on a table with a partial index is compiled again whenever another value is bound to it.
        raw.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .map_err(failed)?;
        raw.pragma_update(None, "journal_mode", "wal").map_err(failed)?;
        raw.pragma_update(None, "synchronous", if mutant!("S1") { "off" } else { "full" })
            .map_err(failed)?;
        raw.pragma_update(None, "foreign_keys", role == Role::Writer)
            .map_err(failed)?;
        raw.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?; // Checkpoints run on a connection of their own.
        raw.pragma_update(None, "cache_size", -i64::from(page_cache_kib))
            .map_err(failed)?;
        raw.pragma_update(None, "temp_store", "memory").map_err(failed)?;
        // What is deleted or written over is gone from the file, too: an erased buyer must not be found in a page's free bytes.
        raw.pragma_update(None, "secure_delete", role == Role::Writer)
            .map_err(failed)?;
        raw.pragma_update(None, "query_only", role == Role::Reader)
            .map_err(failed)?;
        let (journal, synchronous): (String, i64) = (
            raw.pragma_query_value(None, "journal_mode", |row| row.get(0))
                .map_err(failed)?,
            raw.pragma_query_value(None, "synchronous", |row| row.get(0))
                .map_err(failed)?,
        );
        assert!(
            journal == "wal" && (synchronous == 2 || mutant!("S1")),
            "an acknowledged commit must survive a power cut: WAL and synchronous=FULL"
        );
        Ok(Self {
            raw,
            rewritten: HashMap::new(),
        })
    }

    pub(super) fn exec(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        let text = rewrite(&mut self.rewritten, sql);
        let mut statement = self.raw.prepare_cached(text).map_err(failed)?;
        if statement.column_count() > 0 {
            // `returning` without a reader: step to the end so that the change is complete.
            let mut rows = statement.query(rusqlite::params_from_iter(args)).map_err(failed)?;
            let mut count = 0;
            while rows.next().map_err(failed)?.is_some() {
                count += 1;
            }
            return Ok(count);
        }
        statement
            .execute(rusqlite::params_from_iter(args))
            .map(|count| count as u64)
            .map_err(failed)
    }

    pub(super) fn each(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        take: &mut dyn FnMut(RowSource<'_>) -> Result<()>,
    ) -> Result<()> {
        let text = rewrite(&mut self.rewritten, sql);
        let mut statement = self.raw.prepare_cached(text).map_err(failed)?;
        let mut rows = statement.query(rusqlite::params_from_iter(args)).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            take(RowSource::Sqlite(row))?;
        }
        Ok(())
    }

    /// Statements without parameters or rows: `begin`, `commit`, savepoints.
    pub(super) fn control(&mut self, sql: &'static str) -> Result<()> {
        self.raw
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map(drop)
            .map_err(failed)
    }

    /// Whether the whole transaction is gone: SQLite rolls it back by itself on a full disk or an I/O error.
    pub(super) fn transaction_gone(&self) -> bool {
        self.raw.is_autocommit()
    }
}

fn rewrite<'a>(cache: &'a mut HashMap<(usize, usize), Box<str>>, sql: &'static str) -> &'a str {
    cache
        .entry((sql.as_ptr().addr(), sql.len()))
        .or_insert_with(|| sql.replace('$', "?").into())
}

pub(super) fn cell<'a>(row: &'a rusqlite::Row<'_>, index: usize) -> Result<Cell<'a>> {
    Ok(match row.get_ref(index).map_err(failed)? {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        ValueRef::Text(text) => Cell::Text(
            std::str::from_utf8(text)
                .map_err(|error| Error::internal("text in the database is not UTF-8").because(error))?,
        ),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes),
        ValueRef::Real(_) => return Err(Error::internal("a float in the database: there are no floats here")),
    })
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(value) => ValueRef::Integer(*value),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
            Value::Uuid(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Sorts an engine error by what must be done about it.
pub(super) fn failed(error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode::{
        CannotOpen, ConstraintViolation, DatabaseBusy, DatabaseCorrupt, DatabaseLocked, DiskFull, SystemIoFailure,
    };
    if is_sync_failure(&error) {
        // After a failed fsync the page cache may lie. Only a fresh start from the log tells the truth, so do not go on.
        tracing::error!(%error, "fsync failed: stopping so that recovery starts from the log");
        super::stop::at_once();
    }
    #[cfg(feature = "sim")]
    if error.sqlite_error_code() == Some(SystemIoFailure) {
        super::stop::if_the_power_is_cut();
    }
    let engine = match error.sqlite_error_code() {
        Some(DatabaseBusy | DatabaseLocked) => Engine::Retry,
        Some(DiskFull) => Engine::Full,
        Some(SystemIoFailure | CannotOpen | DatabaseCorrupt) => Engine::Gone,
        Some(ConstraintViolation) => Engine::Constraint,
        _ => Engine::Broken,
    };
    Error::engine(engine, error)
}

fn is_sync_failure(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error().map(|error| error.extended_code),
        Some(rusqlite::ffi::SQLITE_IOERR_FSYNC | rusqlite::ffi::SQLITE_IOERR_DIR_FSYNC)
    )
}
