//! PostgreSQL: READ COMMITTED, short lock waits, prepared statements, several lanes.

use super::value::{Cell, RowSource, Value};
use crate::kernel::{Engine, Error, Result};
use postgres::fallible_iterator::FallibleIterator;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use std::collections::HashMap;
use std::time::Duration;

pub(super) struct Postgres {
    pub(super) client: postgres::Client,
    prepared: HashMap<(usize, usize), postgres::Statement>,
    config: postgres::Config,
}

/// Connects with TLS where the server offers it and the address asks for it.
fn connect(config: &postgres::Config) -> Result<postgres::Client> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let tls =
        rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal("TLS could not be set up").because(error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
    let mut client = config
        .connect(tokio_postgres_rustls::MakeRustlsConnect::new(tls))
        .map_err(failed)?;
    client
        .batch_execute(
            "set default_transaction_isolation = 'read committed'; set lock_timeout = '2s'; set statement_timeout = '30s';
             set idle_in_transaction_session_timeout = '10s'; set synchronous_commit = on; set client_min_messages = warning",
        )
        .map_err(failed)?;
    // Only a superuser may shorten this one; the default of one second is survivable.
    drop(client.batch_execute("set deadlock_timeout = '100ms'"));
    Ok(client)
}

impl Postgres {
    pub(super) fn open(url: &str) -> Result<Self> {
        let mut config: postgres::Config = url.parse().map_err(failed)?;
        config.application_name("hawker");
        // A server that vanished without a word: without these a lane would wait for its answer for hours.
        config.connect_timeout(Duration::from_secs(5));
        config.tcp_user_timeout(Duration::from_secs(20));
        config.keepalives_idle(Duration::from_secs(10));
        config.keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(2);
        Ok(Self {
            client: connect(&config)?,
            prepared: HashMap::new(),
            config,
        })
    }

    /// A new connection in the place of a lost one.
    pub(super) fn reconnect(&mut self) -> Result<()> {
        self.client = connect(&self.config)?;
        self.prepared.clear();
        Ok(())
    }

    pub(super) fn lost(&self) -> bool {
        self.client.is_closed()
    }

    fn statement(&mut self, sql: &'static str) -> Result<postgres::Statement> {
        if let Some(statement) = self.prepared.get(&(sql.as_ptr().addr(), sql.len())) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).map_err(failed)?;
        self.prepared
            .insert((sql.as_ptr().addr(), sql.len()), statement.clone());
        Ok(statement)
    }

    pub(super) fn exec(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        let statement = self.statement(sql)?;
        let mut rows = self.client.query_raw(&statement, args.iter()).map_err(failed)?;
        let mut returned = 0;
        while rows.next().map_err(failed)?.is_some() {
            returned += 1;
        }
        Ok(rows.rows_affected().unwrap_or(returned))
    }

    pub(super) fn each(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        take: &mut dyn FnMut(RowSource<'_>) -> Result<()>,
    ) -> Result<()> {
        let statement = self.statement(sql)?;
        let mut rows = self.client.query_raw(&statement, args.iter()).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            take(RowSource::Postgres(&row))?;
        }
        Ok(())
    }

    pub(super) fn control(&mut self, sql: &'static str) -> Result<()> {
        self.client.batch_execute(sql).map_err(failed)
    }
}

pub(super) fn cell(row: &postgres::Row, index: usize) -> Result<Cell<'_>> {
    row.try_get::<_, Raw<'_>>(index).map(|raw| raw.0).map_err(failed)
}

/// A cell as PostgreSQL sends it, mapped to the three shared types.
struct Raw<'a>(Cell<'a>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(match *kind {
            Type::INT8 => Cell::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Cell::Int(i64::from(i32::from_sql(kind, raw)?)),
            Type::BOOL => Cell::Int(i64::from(bool::from_sql(kind, raw)?)),
            Type::BYTEA => Cell::Bytes(raw),
            _ => Cell::Text(std::str::from_utf8(raw)?),
        }))
    }
    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Raw(Cell::Null))
    }
    fn accepts(kind: &Type) -> bool {
        matches!(
            *kind,
            Type::INT8
                | Type::INT4
                | Type::BOOL
                | Type::BYTEA
                | Type::TEXT
                | Type::VARCHAR
                | Type::NAME
                | Type::UNKNOWN
        )
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        kind: &Type,
        out: &mut postgres::types::private::BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(value) if *kind == Type::INT4 => i32::try_from(*value)?.to_sql(kind, out),
            Value::Int(value) => value.to_sql(kind, out),
            Value::Text(text) => text.as_ref().to_sql(kind, out),
            Value::Bytes(bytes) => bytes.as_ref().to_sql(kind, out),
            Value::Uuid(bytes) => bytes.as_slice().to_sql(kind, out),
        }
    }
    fn accepts(_: &Type) -> bool {
        true
    }
    to_sql_checked!();
}

/// Sorts an engine error by what must be done about it (PostgreSQL, appendix A: error codes).
pub(super) fn failed(error: postgres::Error) -> Error {
    let engine = match error.code().map(postgres::error::SqlState::code) {
        Some("40001" | "40P01" | "55P03") => Engine::Retry,
        Some("53100") => Engine::Full,
        Some("57P01" | "57P02" | "57P03" | "25P03" | "08000" | "08003" | "08006") => Engine::Gone,
        Some(code) if code.starts_with("23") => Engine::Constraint,
        Some(_) => Engine::Broken,
        None => Engine::Gone, // Without a code the server did not answer: the link is what failed.
    };
    Error::engine(engine, error)
}
