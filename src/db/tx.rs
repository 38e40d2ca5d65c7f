//! A transaction as domain code sees it: statements, the time, and facts.

use super::memo::{Memo, Writes};
use super::rows::Rows;
use super::settings;
use super::sums::{RowKey, Sums};
use super::value::{FromRow, Row, RowSource, Value};
use super::{pg::Postgres, sqlite::Sqlite};
use crate::kernel::{Engine, Error, Fact, FactId, Id, Kind, Random, Result, ShopId, Time};
use std::collections::BTreeSet;
use uuid::Uuid;

pub(super) enum Connection {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Connection {
    /// Statements without parameters or rows.
    pub(super) fn control(&mut self, sql: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.control(sql),
            Self::Postgres(postgres) => postgres.control(sql),
        }
    }

    /// The same, needed only by what follows it: no answer is waited for where that takes a round trip.
    pub(super) fn queue(&mut self, sql: &'static str) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.control(sql),
            Self::Postgres(postgres) => {
                postgres.queue(sql);
                Ok(())
            }
        }
    }

    /// Waits for what may still say no, so that COMMIT is not sent behind it.
    pub(super) fn settle(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(postgres) => postgres.settle(),
        }
    }

    /// Keeps what the last command did and sets the next one apart.
    pub(super) fn next_savepoint(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => {
                sqlite.control("release savepoint command")?;
                sqlite.control("savepoint command")
            }
            Self::Postgres(postgres) => postgres.control("release savepoint command; savepoint command"),
        }
    }

    /// Undoes the whole transaction.
    pub(super) fn rollback(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.control("rollback"),
            Self::Postgres(postgres) => postgres.rollback(),
        }
    }
}

/// A key of something together with words, for [`Tx::once`].
pub fn key_with(of: Uuid, words: &[&str]) -> Uuid {
    Uuid::new_v5(&of, words.join(" ").as_bytes())
}

/// An open transaction. Knows the time of its command; domain code takes no `now`.
pub struct Tx<'a> {
    pub(super) connection: &'a mut Connection,
    now: Time,
    random: &'a dyn Random,
    facts: u32,
    /// Reads are questions for later, and answered with nothing.
    asking: bool,
    broken: Option<Engine>,
    batch: Option<Batch<'a>>,
    /// What a reader knows from before.
    known: Option<&'a mut Memo>,
}

/// What the commands of a batch share.
pub(super) struct Batch<'a> {
    pub(super) memo: &'a mut Memo,
    pub(super) sums: &'a mut Sums,
    pub(super) rows: &'a mut Rows,
    /// Tables in which rows were changed.
    pub(super) touched: &'a mut BTreeSet<&'static str>,
}

impl<'a> Tx<'a> {
    pub(super) fn new(connection: &'a mut Connection, now: Time, random: &'a dyn Random) -> Self {
        Self {
            connection,
            now,
            random,
            facts: 0,
            asking: false,
            broken: None,
            batch: None,
            known: None,
        }
    }

    /// As a read that knows something from before.
    pub(super) fn knowing(self, known: Option<&'a mut Memo>) -> Self {
        Self { known, ..self }
    }

    /// As one command of a batch.
    pub(super) fn in_batch(self, batch: Batch<'a>) -> Self {
        Self {
            batch: Some(batch),
            ..self
        }
    }

    /// The time of this command: never earlier than that of any command before it on this database.
    pub fn now(&self) -> Time {
        self.now
    }

    /// A new id, born now. A command that runs twice makes another one, so an id that leaves the program early comes from the caller.
    pub fn id<T: Id>(&self) -> T {
        self.random.id(self.now)
    }

    /// 256 random bits as text: a key or a link that is stored only as its hash. A command that runs twice makes another one.
    pub fn token(&self) -> String {
        self.random.token()
    }

    /// What `read` finds of a shop in `tables` by a key: read once a batch, and in a file kept by who reads until one of the tables is written to. For
    /// settings that many need and hardly anybody changes (`db::settings` names their tables). `read` looks at them only, and at rows that never
    /// change, and leaves to its caller what the clock decides.
    pub fn once<T: Clone + Send + 'static>(
        &mut self,
        tables: &'static [&'static str],
        row: (ShopId, Uuid),
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if let Some(known) = self.memo().and_then(|memo| memo.get(tables, row)) {
            return Ok(known);
        }
        let found = read(self)?;
        // A reader hears of changes to settings only.
        let keeps = self.batch.is_some()
            || settings::TABLES.iter().filter(|table| tables.contains(table)).count() == tables.len();
        if keeps
            && !self.asking
            && let Some(memo) = self.memo()
        {
            memo.keep(tables, row, &found);
        }
        Ok(found)
    }

    fn memo(&mut self) -> Option<&mut Memo> {
        match &mut self.batch {
            Some(batch) => Some(batch.memo),
            None => self.known.as_deref_mut(),
        }
    }

    /// Asks at once, and waits for nothing, what will be asked later: what `ask` reads is answered with nothing here, and its answers are there by the
    /// time the same is read, once for each time it was asked: whoever reads it again is told how it is then. What is first read under a lock must not have
    /// been asked before it. Where the database is on the other end of a network, as many questions take one wait. `ask` writes nothing; in a file it is
    /// not run.
    pub fn ahead(&mut self, ask: impl FnOnce(&mut Self)) {
        if matches!(self.connection, Connection::Sqlite(_)) {
            return;
        }
        let was = std::mem::replace(&mut self.asking, true);
        ask(self);
        self.asking = was;
    }

    /// Adds to what the batch does to a row of `table` at its end by `sql`, which takes the key, `$1` and `$2`, and three sums. Where they do not fit (it
    /// changes no row, or a constraint says no), the whole batch is undone and its commands run again without. False: they run without now, and the
    /// caller changes the row itself.
    pub fn gather(&mut self, table: &'static str, sql: &'static str, row: RowKey, amounts: [i64; 3]) -> bool {
        let Some(batch) = self.batch.as_mut().filter(|_| !self.asking) else {
            return false;
        };
        let gathers = batch.sums.add(table, sql, row, amounts);
        if gathers {
            batch.touched.insert(table);
        }
        gathers
    }

    /// What this lane saw of a row within the last second, less what it spent since: a hint, where the batch gathers at all.
    pub fn seen(&self, table: &'static str, row: RowKey) -> Option<(Uuid, i64)> {
        let batch = self.batch.as_ref()?;
        batch.sums.seen(table, row, self.now)
    }

    /// Keeps a hint.
    pub fn see(&mut self, table: &'static str, row: RowKey, what: (Uuid, i64)) {
        let now = self.now;
        if let Some(batch) = &mut self.batch {
            batch.sums.see(table, row, what, now);
        }
    }

    /// Takes from a hint what a command of this batch will have used.
    pub fn spend(&mut self, table: &'static str, row: RowKey, amount: i64) {
        if let Some(batch) = &mut self.batch {
            batch.sums.spend(table, row, amount);
        }
    }

    /// Runs a statement; answers how many rows it changed.
    pub fn exec(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        let writes = self.about_to(sql, None)?;
        let done = match self.connection {
            Connection::Sqlite(sqlite) => sqlite.exec(sql, args),
            Connection::Postgres(postgres) => postgres.exec(sql, args),
        };
        let changed = self.note(done)?;
        self.changed(writes, changed > 0);
        Ok(changed)
    }

    /// Runs a statement that changes what it changes, or fails with the whole command: nobody asks how many rows. Where the database is on the
    /// other end of a network it leaves with the next statement whose answer is needed, so that it costs no round trip of its own.
    pub fn put(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<()> {
        let writes = self.about_to(sql, None)?;
        let done = match self.connection {
            Connection::Sqlite(sqlite) => sqlite.exec(sql, args).map(drop),
            Connection::Postgres(postgres) => postgres.put(sql, args),
        };
        self.note(done)?;
        self.changed(writes, true);
        Ok(())
    }

    /// As [`Tx::put`], for a row as it was read: if it is not like that any more, the whole command runs again and reads what it is now.
    pub fn change_one(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<()> {
        let writes = self.about_to(sql, None)?;
        let done = match self.connection {
            Connection::Sqlite(sqlite) => sqlite.exec(sql, args).and_then(one_row),
            Connection::Postgres(postgres) => postgres.change_one(sql, args),
        };
        self.note(done)?;
        self.changed(writes, true);
        Ok(())
    }

    /// Writes one row by its key: an `insert … values (…)`, or an `update … set … where …` of a row as it was read. As with [`Tx::change_one`], if it is not
    /// like that any more, the whole command runs again. A database server is told once a batch, of all rows that its commands write by this statement.
    pub fn together(&mut self, key: impl Id, sql: &'static str, args: &[Value<'_>]) -> Result<()> {
        let (key, writes) = (key.uuid(), Writes::of(sql));
        self.forget_asked(writes, Some(key))?;
        let (Some(batch), Writes::To(table)) = (&mut self.batch, writes) else {
            return self.change_one(sql, args);
        };
        if !batch.rows.gathers() {
            return self.change_one(sql, args);
        }
        batch.memo.note(&writes);
        batch.touched.insert(table);
        if batch.rows.is_waited_for(table, key, sql) {
            let written = batch.rows.write(self.connection);
            self.note(written)?;
        }
        if let Some(batch) = &mut self.batch {
            batch.rows.add(table, key, sql, args);
        }
        Ok(())
    }

    /// All rows of a statement, which itself carries a limit.
    pub fn all<T: FromRow>(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<Vec<T>> {
        self.all_by(None, sql, args)
    }

    /// The same of rows that have a key: those of others that the batch is yet to write need not be there for it.
    pub fn all_of<T: FromRow>(&mut self, key: impl Id, sql: &'static str, args: &[Value<'_>]) -> Result<Vec<T>> {
        self.all_by(Some(key.uuid()), sql, args)
    }

    fn all_by<T: FromRow>(&mut self, key: Option<Uuid>, sql: &'static str, args: &[Value<'_>]) -> Result<Vec<T>> {
        if self.asking {
            return self.ask(key, sql, args).map(|()| Vec::new());
        }
        let writes = self.about_to(sql, key)?;
        let mut rows = Vec::new();
        let mut push = |row: RowSource<'_>| T::from_row(&Row(row)).map(|row| rows.push(row));
        let done = match self.connection {
            Connection::Sqlite(sqlite) => sqlite.each(sql, args, &mut push),
            Connection::Postgres(postgres) => postgres.each(sql, args, &mut push),
        };
        self.note(done)?;
        self.changed(writes, !rows.is_empty());
        Ok(rows)
    }

    /// The first row, if there is one.
    pub fn maybe_one<T: FromRow>(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<Option<T>> {
        self.first_by(None, sql, args)
    }

    /// The same of a row that has a key in every table that is read: those of others that the batch is yet to write need not be there for it.
    pub fn maybe_one_of<T: FromRow>(
        &mut self,
        key: impl Id,
        sql: &'static str,
        args: &[Value<'_>],
    ) -> Result<Option<T>> {
        self.first_by(Some(key.uuid()), sql, args)
    }

    fn first_by<T: FromRow>(&mut self, key: Option<Uuid>, sql: &'static str, args: &[Value<'_>]) -> Result<Option<T>> {
        if self.asking {
            return self.ask(key, sql, args).map(|()| None);
        }
        let writes = self.about_to(sql, key)?;
        let mut found = None;
        let mut keep = |row: RowSource<'_>| {
            if found.is_none() {
                found = Some(T::from_row(&Row(row))?);
            }
            Ok(())
        };
        let done = match self.connection {
            Connection::Sqlite(sqlite) => sqlite.each(sql, args, &mut keep),
            Connection::Postgres(postgres) => postgres.each(sql, args, &mut keep),
        };
        self.note(done)?;
        self.changed(writes, found.is_some());
        Ok(found)
    }

    /// The one row that must be there; its absence is a mistake of ours, not of the caller.
    pub fn one<T: FromRow>(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<T> {
        self.maybe_one(sql, args)?
            .ok_or_else(|| Error::internal(format!("no row for: {sql}")))
    }

    /// Records a fact; it becomes visible to `flow` with this transaction, or not at all.
    pub fn publish(&mut self, fact: &Fact) -> Result<()> {
        let id: FactId = self.id();
        super::outbox::append(self, id, fact)?;
        self.facts += 1;
        Ok(())
    }

    pub(super) fn facts(&self) -> u32 {
        self.facts
    }

    /// What went wrong with the engine, even if the command swallowed it.
    pub(super) fn broken(&self) -> Option<Engine> {
        self.broken
    }

    /// What a statement will write to. Rows and sums of the batch that it has to find are written first.
    fn about_to(&mut self, sql: &'static str, key: Option<Uuid>) -> Result<Writes<'static>> {
        let writes = Writes::of(sql);
        self.forget_asked(writes, None)?;
        let Some(batch) = &mut self.batch else {
            return Ok(Writes::Nothing);
        };
        batch.memo.note(&writes);
        if batch.rows.matter_to(sql, key) {
            let written = batch.rows.write(self.connection);
            self.note(written)?;
        }
        if let Some(batch) = &mut self.batch
            && batch.sums.matter_to(sql)
        {
            let written = batch.sums.write(self.connection);
            self.note(written)?;
        }
        Ok(writes)
    }

    fn ask(&mut self, key: Option<Uuid>, sql: &'static str, args: &[Value<'_>]) -> Result<()> {
        self.about_to(sql, key)?;
        let done = match self.connection {
            Connection::Sqlite(_) => Ok(()),
            Connection::Postgres(postgres) => postgres.ask(sql, key, args),
        };
        self.note(done)
    }

    /// Before something is written: what was asked about it is not known any more.
    fn forget_asked(&mut self, writes: Writes<'static>, key: Option<Uuid>) -> Result<()> {
        if writes == Writes::Nothing {
            return Ok(());
        }
        if self.asking {
            return Err(Error::internal("only questions are asked ahead"));
        }
        if let Connection::Postgres(postgres) = &mut self.connection {
            let table = match writes {
                Writes::To(table) => Some(table),
                Writes::Nothing | Writes::Somewhere => None,
            };
            postgres.forget_asked(table, key);
        }
        Ok(())
    }

    fn changed(&mut self, writes: Writes<'static>, any: bool) {
        let table = match writes {
            Writes::Nothing => return,
            Writes::To(table) => table,
            Writes::Somewhere => "somewhere",
        };
        if let (true, Some(batch)) = (any, &mut self.batch) {
            batch.touched.insert(table);
        }
    }

    fn note<T>(&mut self, result: Result<T>) -> Result<T> {
        if let Err(Error {
            kind: Kind::Engine(engine),
            ..
        }) = &result
        {
            self.broken = Some(*engine);
        }
        result
    }
}

/// Whether a statement found the row it was written for.
pub(super) fn one_row(changed: u64) -> Result<()> {
    rows_found(changed, 1)
}

/// The same of as many rows.
pub(super) fn rows_found(changed: u64, wanted: u64) -> Result<()> {
    if changed == wanted {
        return Ok(());
    }
    Err(Error::engine(
        Engine::Retry,
        format!("a row was changed by somebody else meanwhile ({changed} of {wanted} found)"),
    ))
}
