//! PostgreSQL: READ COMMITTED, short lock waits, prepared statements, several lanes.

use super::rows::of_many;
use super::tx::{one_row, rows_found};
use super::value::{Cell, RowSource, Value};
use crate::kernel::{Engine, Error, Result};
use futures_util::future::maybe_done;
use futures_util::{TryStreamExt, poll};
use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Socket, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;
use uuid::Uuid;

/// One connection. What nobody waits for is queued and leaves with the next statement whose answer somebody needs: a round trip costs more
/// than most statements do.
pub(super) struct Postgres {
    client: Client,
    /// Runs the connection while we wait for it, on the caller's own thread.
    runtime: Runtime,
    prepared: HashMap<(usize, usize), Statement>,
    /// The same statements, of many rows.
    of_many: HashMap<(usize, usize), Statement>,
    queued: Vec<Queued>,
    /// Questions of this transaction that were asked ahead.
    asked: Vec<Asked>,
    /// How many were asked.
    numbers: u64,
    /// The server or the network said that this connection is at its end; the driver may notice later.
    ended: bool,
    config: tokio_postgres::Config,
    /// Settings beside those of every connection.
    more: &'static str,
}

/// A question asked ahead. Its answer comes with the next one that is waited for, and is good until something is written that it may speak of. It is given
/// once to each who asked: whoever reads again, under a lock say, is told how it is then.
struct Asked {
    sql: &'static str,
    args: Vec<Value<'static>>,
    /// The row it is after, in every table it reads.
    key: Option<Uuid>,
    number: u64,
    /// How many times it was asked: so often it is answered.
    times: u32,
    answer: Option<Vec<tokio_postgres::Row>>,
}

enum Queued {
    Control(&'static str),
    /// The question of this number.
    Ask(Statement, Vec<Value<'static>>, u64),
    Change(Statement, Vec<Value<'static>>),
    /// Must find exactly one row.
    ChangeOne(Statement, Vec<Value<'static>>),
    /// As many as there are values in each column.
    ChangeAll(Statement, Vec<Vec<Value<'static>>>),
}

impl Queued {
    /// Answers what was asked, by its number.
    async fn run(&self, client: &Client) -> Result<Option<(u64, Vec<tokio_postgres::Row>)>> {
        if let Self::Ask(statement, args, number) = self {
            let rows = client.query_raw(statement, args).await.map_err(failed)?;
            return Ok(Some((*number, rows.try_collect().await.map_err(failed)?)));
        }
        self.change(client).await.map(|()| None)
    }

    async fn change(&self, client: &Client) -> Result<()> {
        match self {
            Self::Ask(..) => Ok(()),
            Self::Control(sql) => client.batch_execute(sql).await.map_err(failed),
            Self::Change(statement, args) => client.execute_raw(statement, args).await.map(drop).map_err(failed),
            Self::ChangeOne(statement, args) => {
                let changed = client.execute_raw(statement, args).await.map_err(failed)?;
                one_row(changed)
            }
            Self::ChangeAll(statement, columns) => {
                let changed = client.execute_raw(statement, columns).await.map_err(failed)?;
                rows_found(changed, columns.first().map_or(0, Vec::len) as u64)
            }
        }
    }
}

const SETTINGS: &str =
    "set default_transaction_isolation = 'read committed'; set lock_timeout = '2s'; set statement_timeout = '30s';
    set idle_in_transaction_session_timeout = '10s'; set synchronous_commit = on; set client_min_messages = warning; set jit = off";

/// A lane's besides. It finds rows by their keys: a plan that was made while a table was small and read all of it stays until the table is analysed, and
/// in the first minute of a rush it is not small any more.
const BY_KEYS: &str = "set enable_seqscan = off; set enable_hashjoin = off; set enable_mergejoin = off";

/// A connection before its settings, and what drives it.
pub(super) type Wire =
    tokio_postgres::Connection<Socket, <MakeRustlsConnect as tokio_postgres::tls::MakeTlsConnect<Socket>>::Stream>;

/// Where the server is, and how long it may be silent.
pub(super) fn settings(url: &str) -> Result<tokio_postgres::Config> {
    let mut config: tokio_postgres::Config = url.parse().map_err(failed)?;
    config.application_name("hawker");
    // Of several hosts the one that may be written to: after a failover that is another one.
    config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    // A server that vanished without a word: without these a lane would wait for its answer for hours.
    config.connect_timeout(Duration::from_secs(5));
    config.tcp_user_timeout(Duration::from_secs(20));
    config.keepalives_idle(Duration::from_secs(10));
    config.keepalives_interval(Duration::from_secs(5));
    config.keepalives_retries(2);
    Ok(config)
}

/// Whether the server is on this machine.
pub(super) fn is_here(url: &str) -> bool {
    let hosts = |config: &tokio_postgres::Config| {
        let mut hosts = config.get_hosts().iter();
        hosts.all(|host| match host {
            Host::Unix(_) => true,
            Host::Tcp(name) => matches!(name.as_str(), "localhost" | "127.0.0.1" | "::1"),
        })
    };
    url.parse().is_ok_and(|config| hosts(&config))
}

/// Connects with TLS where the server offers it and the address asks for it.
pub(super) async fn dial(config: &tokio_postgres::Config) -> Result<(Client, Wire)> {
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let tls =
        rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::internal("TLS could not be set up").because(error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
    config.connect(MakeRustlsConnect::new(tls)).await.map_err(failed)
}

fn connect(config: &tokio_postgres::Config, more: &str, runtime: &Runtime) -> Result<Client> {
    runtime.block_on(async {
        let (client, connection) = dial(config).await?;
        tokio::spawn(connection); // Its failure is the failure of whatever is asked next.
        client.batch_execute(SETTINGS).await.map_err(failed)?;
        client.batch_execute(more).await.map_err(failed)?;
        // Only a superuser may shorten this one; the default of one second is survivable.
        drop(client.batch_execute("set deadlock_timeout = '100ms'").await);
        Ok(client)
    })
}

impl Postgres {
    pub(super) fn open(url: &str) -> Result<Self> {
        Self::by(settings(url)?, "")
    }

    /// As [`Postgres::open`], for a lane.
    pub(super) fn open_lane(url: &str) -> Result<Self> {
        Self::by(settings(url)?, BY_KEYS)
    }

    /// As [`Postgres::open`], of a server that may only be read.
    pub(super) fn open_any(url: &str) -> Result<Self> {
        let mut config = settings(url)?;
        config.target_session_attrs(TargetSessionAttrs::Any);
        Self::by(config, "")
    }

    fn by(config: tokio_postgres::Config, more: &'static str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Error::internal("no runtime for a connection").because(error))?;
        Ok(Self {
            client: connect(&config, more, &runtime)?,
            runtime,
            prepared: HashMap::new(),
            of_many: HashMap::new(),
            queued: Vec::new(),
            asked: Vec::new(),
            numbers: 0,
            ended: false,
            config,
            more,
        })
    }

    /// A new connection in the place of a lost one; what was queued for that is gone with it.
    pub(super) fn reconnect(&mut self) -> Result<()> {
        self.client = connect(&self.config, self.more, &self.runtime)?;
        self.prepared.clear();
        self.of_many.clear();
        self.queued.clear();
        self.asked.clear();
        self.ended = false;
        Ok(())
    }

    pub(super) fn lost(&self) -> bool {
        self.ended || self.client.is_closed()
    }

    fn statement(&mut self, sql: &'static str) -> Result<Statement> {
        if let Some(statement) = self.prepared.get(&(sql.as_ptr().addr(), sql.len())) {
            return Ok(statement.clone());
        }
        let prepared = self.runtime.block_on(self.client.prepare(sql));
        let statement = self.heard(prepared.map_err(failed))?;
        self.prepared
            .insert((sql.as_ptr().addr(), sql.len()), statement.clone());
        Ok(statement)
    }

    /// Runs a statement with the next one whose answer is needed. Its failure is that one's, and so the transaction's.
    pub(super) fn put(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<()> {
        let statement = self.statement(sql)?;
        self.queued.push(Queued::Change(statement, owned(args)));
        Ok(())
    }

    /// As `put`; anything but one changed row is a failure too.
    pub(super) fn change_one(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<()> {
        let statement = self.statement(sql)?;
        self.queued.push(Queued::ChangeOne(statement, owned(args)));
        Ok(())
    }

    /// Runs a statement for each of some rows of arguments at once, with the next one whose answer is needed. Anything but a row for each is a failure.
    pub(super) fn write_all(&mut self, sql: &'static str, rows: &[&[Value<'static>]]) -> Result<()> {
        if let [row] = rows {
            return self.change_one(sql, row);
        }
        let statement = self.statement_of_many(sql)?;
        let column = |n: usize| rows.iter().map(|row| row[n].clone()).collect();
        let columns = (0..statement.params().len()).map(column).collect();
        self.queued.push(Queued::ChangeAll(statement, columns));
        Ok(())
    }

    fn statement_of_many(&mut self, sql: &'static str) -> Result<Statement> {
        let key = (sql.as_ptr().addr(), sql.len());
        if let Some(statement) = self.of_many.get(&key) {
            return Ok(statement.clone());
        }
        let single = self.statement(sql)?;
        let types: Vec<&str> = single.params().iter().map(Type::name).collect();
        let text = of_many(sql, &types).ok_or_else(|| Error::internal(format!("not a statement of one row: {sql}")))?;
        let prepared = self.runtime.block_on(self.client.prepare(&text));
        let statement = self.heard(prepared.map_err(failed))?;
        self.of_many.insert(key, statement.clone());
        Ok(statement)
    }

    pub(super) fn exec(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        let statement = self.statement(sql)?;
        self.send(async |client| client.execute_raw(&statement, args).await.map_err(failed))
    }

    pub(super) fn each(
        &mut self,
        sql: &'static str,
        args: &[Value<'_>],
        take: &mut dyn FnMut(RowSource<'_>) -> Result<()>,
    ) -> Result<()> {
        if let Some(at) = self
            .asked
            .iter()
            .position(|asked| asked.sql == sql && asked.args == args)
        {
            if self.asked[at].answer.is_none() {
                self.send(async |_| Ok(()))?;
            }
            let asked = &mut self.asked[at];
            asked.times -= 1;
            let rows = match asked.times {
                0 => self.asked.swap_remove(at).answer,
                _ => asked.answer.clone(),
            };
            if let Some(rows) = rows {
                return rows.iter().map(RowSource::Postgres).try_for_each(take);
            }
        }
        let statement = self.statement(sql)?;
        self.send(async |client| {
            let mut rows = pin!(client.query_raw(&statement, args).await.map_err(failed)?);
            while let Some(row) = rows.try_next().await.map_err(failed)? {
                take(RowSource::Postgres(&row))?;
            }
            Ok(())
        })
    }

    /// Asks what will be asked by [`Postgres::each`] with the same words: it leaves with the next statement whose answer is needed, like all that was asked
    /// meanwhile, and one wait is enough for all of them.
    pub(super) fn ask(&mut self, sql: &'static str, key: Option<Uuid>, args: &[Value<'_>]) -> Result<()> {
        let known = self
            .asked
            .iter_mut()
            .find(|asked| asked.sql == sql && asked.args == args);
        if let Some(asked) = known {
            asked.times += 1;
            return Ok(());
        }
        let statement = self.statement(sql)?;
        let (args, number) = (owned(args), self.numbers);
        self.numbers += 1;
        self.queued.push(Queued::Ask(statement, args.clone(), number));
        let answer = None;
        self.asked.push(Asked {
            sql,
            args,
            key,
            number,
            times: 1,
            answer,
        });
        Ok(())
    }

    /// Something is written: to a table, to one row of it, or nobody knows where.
    pub(super) fn forget_asked(&mut self, table: Option<&str>, key: Option<Uuid>) {
        self.asked.retain(|asked| {
            let elsewhere = table.is_some_and(|table| !asked.sql.contains(table));
            elsewhere || asked.key.zip(key).is_some_and(|(asked, written)| asked != written)
        });
    }

    /// The transaction is over.
    pub(super) fn forget_all_asked(&mut self) {
        self.asked.clear();
    }

    /// Statements without parameters or rows, sent with the next one whose answer is needed.
    pub(super) fn queue(&mut self, sql: &'static str) {
        self.queued.push(Queued::Control(sql));
    }

    pub(super) fn control(&mut self, sql: &str) -> Result<()> {
        self.send(async |client| client.batch_execute(sql).await.map_err(failed))
    }

    /// Waits for whatever is queued that may find no row: a COMMIT sent behind it would commit all the same.
    pub(super) fn settle(&mut self) -> Result<()> {
        if self
            .queued
            .iter()
            .any(|one| matches!(one, Queued::ChangeOne(..) | Queued::ChangeAll(..)))
        {
            return self.send(async |_| Ok(()));
        }
        Ok(())
    }

    /// What was queued need not be sent to be undone.
    pub(super) fn rollback(&mut self) -> Result<()> {
        self.queued.clear();
        self.asked.clear();
        self.control("rollback")
    }

    /// Sends what is queued, and `last` behind it, before waiting for any answer. The first failure is the one that counts: what follows it
    /// in a transaction fails because of it.
    fn send<T>(&mut self, last: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
        let queued = std::mem::take(&mut self.queued);
        let client = &self.client;
        let done = self.runtime.block_on(async {
            let mut ahead: Vec<_> = queued.iter().map(|one| Box::pin(maybe_done(one.run(client)))).collect();
            for one in &mut ahead {
                let _ = poll!(one.as_mut()); // The first poll is what sends it.
            }
            let mut last = pin!(maybe_done(last(client)));
            let _ = poll!(last.as_mut());
            // In the order in which they are answered: the connection waits for whoever does not take its rows.
            let mut answers = Vec::new();
            for mut one in ahead {
                one.as_mut().await;
                answers.extend(one.as_mut().take_output().unwrap_or(Ok(None))?);
            }
            last.as_mut().await;
            let answer = last
                .as_mut()
                .take_output()
                .unwrap_or_else(|| Err(Error::internal("no answer")))?;
            Ok((answer, answers))
        });
        let (answer, answers) = self.heard(done)?;
        for (number, rows) in answers {
            if let Some(asked) = self.asked.iter_mut().find(|asked| asked.number == number) {
                asked.answer = Some(rows);
            }
        }
        Ok(answer)
    }

    /// Remembers what an answer says of the connection.
    fn heard<T>(&mut self, done: Result<T>) -> Result<T> {
        let gone = |error: &Error| error.kind == crate::kernel::Kind::Engine(Engine::Gone);
        self.ended |= done.as_ref().is_err_and(gone);
        done
    }
}

fn owned(args: &[Value<'_>]) -> Vec<Value<'static>> {
    args.iter().map(Value::owned).collect()
}

pub(super) fn cell(row: &tokio_postgres::Row, index: usize) -> Result<Cell<'_>> {
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
        out: &mut tokio_postgres::types::private::BytesMut,
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
pub(super) fn failed(error: tokio_postgres::Error) -> Error {
    let engine = match error.code().map(tokio_postgres::error::SqlState::code) {
        Some("40001" | "40P01" | "55P03") => Engine::Retry,
        Some("53100") => Engine::Full,
        Some("57P01" | "57P02" | "57P03" | "25P03" | "25006" | "08000" | "08003" | "08006") => Engine::Gone,
        Some(code) if code.starts_with("23") => Engine::Constraint,
        Some(_) => Engine::Broken,
        None => Engine::Gone, // Without a code the server did not answer: the link is what failed.
    };
    Error::engine(engine, error)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_server_on_this_machine_is_told_from_one_over_a_network() {
        for (url, here) in [
            ("postgres://hawker@%2Fvar%2Frun%2Fpostgresql/hawker", true),
            ("postgres://hawker@localhost:5433/hawker", true),
            ("postgres://hawker@127.0.0.1/hawker?sslmode=disable", true),
            ("postgres://hawker@db.internal/hawker", false),
            ("postgres://hawker@localhost,db.internal/hawker", false),
            ("not an address", false),
        ] {
            assert_eq!(super::is_here(url), here, "{url}");
        }
    }
}
