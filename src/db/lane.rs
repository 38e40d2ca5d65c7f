//! Write lanes with group commit: a lane is one connection and one queue; a batch is whatever was queued; a commit answers the batch.

use super::clock::{DbClock, ServersTime};
use super::memo::Memo;
use super::rows::Rows;
use super::sums::Sums;
use super::tx::{Batch, Connection, Tx};
use super::value::{Bind, Value};
use super::{Meters, pg::Postgres};
use crate::kernel::{Clock, Engine, Error, Kind, Random, Result, Seconds, Time};
use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

/// A queued command with its caller.
pub(super) trait Command: Send {
    /// Asks what it will read, of a database that is worth asking ahead.
    fn ask(&self, tx: &mut Tx<'_>);
    /// Runs it once; may run again if the transaction was lost.
    fn run(&self, tx: &mut Tx<'_>) -> Result<()>;
    /// Forgets what the last run answered and keeps this error instead.
    fn refuse(&self, error: Error);
    /// Sends the kept answer. The caller may be gone.
    fn answer(self: Box<Self>);
}

type Ask = Box<dyn Fn(&mut Tx<'_>) + Send>;

pub(super) struct Typed<T, F> {
    act: F,
    ask: Option<Ask>,
    kept: Mutex<Option<Result<T>>>,
    reply: tokio::sync::oneshot::Sender<Result<T>>,
}

impl<T, F> Typed<T, F> {
    pub(super) fn new(act: F, reply: tokio::sync::oneshot::Sender<Result<T>>) -> Self {
        Self {
            act,
            ask: None,
            kept: Mutex::new(None),
            reply,
        }
    }

    /// With what it will read.
    pub(super) fn asking(self, ask: Ask) -> Self {
        Self { ask: Some(ask), ..self }
    }

    fn keep(&self, answer: Result<T>) {
        *lock(&self.kept) = Some(answer);
    }
}

impl<T: Send, F: Fn(&mut Tx<'_>) -> Result<T> + Send> Command for Typed<T, F> {
    fn ask(&self, tx: &mut Tx<'_>) {
        if let Some(ask) = &self.ask {
            ask(tx);
        }
    }
    fn run(&self, tx: &mut Tx<'_>) -> Result<()> {
        let value = (self.act)(tx)?;
        self.keep(Ok(value));
        Ok(())
    }
    fn refuse(&self, error: Error) {
        self.keep(Err(error));
    }
    fn answer(self: Box<Self>) {
        let kept = self
            .kept
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let answer = kept.unwrap_or_else(|| Err(Error::internal("a command was not run")));
        drop(self.reply.send(answer)); // A caller that went away loses the answer, not the effect.
    }
}

/// A panic inside a command leaves our own short critical sections intact, so a poisoned lock is still good.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// How urgent a command is. Background work gets at most a fifth of a batch.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Urgency {
    Caller,
    Background,
}

#[derive(Default)]
struct Waiting {
    callers: VecDeque<Box<dyn Command>>,
    background: VecDeque<Box<dyn Command>>,
    closed: bool,
    /// Threads that wait for work: nobody is woken, which takes a system call, while all are busy.
    asleep: usize,
}

impl Waiting {
    fn batch(&mut self, most: usize) -> Vec<Box<dyn Command>> {
        let background = self.background.len().min((most / 5).max(1));
        let callers = self.callers.len().min(most - background);
        let mut batch: Vec<_> = self.callers.drain(..callers).collect();
        batch.extend(self.background.drain(..background));
        batch
    }
}

/// The bounded queue in front of a lane.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    ready: Condvar,
    capacity: usize,
}

impl Queue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            ready: Condvar::new(),
            capacity,
        }
    }

    /// Queues a command, or says at once that there is no room.
    pub(super) fn push(&self, command: Box<dyn Command>, urgency: Urgency) -> Result<()> {
        let mut waiting = lock(&self.waiting);
        if waiting.closed {
            return Err(Error::new(
                Kind::Busy { retry_after: 5 },
                "shutting_down",
                "The server is stopping. Nothing was done; try again.",
            ));
        }
        if waiting.callers.len() + waiting.background.len() >= self.capacity {
            return Err(Error::new(
                Kind::Busy { retry_after: 1 },
                "busy",
                "Too many requests at once. Nothing was done; try again.",
            ));
        }
        match urgency {
            Urgency::Caller => waiting.callers.push_back(command),
            Urgency::Background => waiting.background.push_back(command),
        }
        let wake = waiting.asleep > 0;
        drop(waiting);
        if wake {
            self.ready.notify_one();
        }
        Ok(())
    }

    /// Queues what was accepted before, however full the queue is.
    pub(super) fn push_kept(&self, command: Box<dyn Command>) {
        lock(&self.waiting).callers.push_back(command);
        self.ready.notify_one();
    }

    pub(super) fn depth(&self) -> usize {
        let waiting = lock(&self.waiting);
        waiting.callers.len() + waiting.background.len()
    }

    /// What callers wait for; background work is let in by nobody.
    pub(super) fn callers(&self) -> usize {
        lock(&self.waiting).callers.len()
    }

    pub(super) fn is_closed(&self) -> bool {
        lock(&self.waiting).closed
    }

    pub(super) fn close(&self) {
        lock(&self.waiting).closed = true;
        self.ready.notify_all();
    }

    /// Takes at most `most` of what waits.
    pub(super) fn take_now(&self, most: usize) -> Vec<Box<dyn Command>> {
        lock(&self.waiting).batch(most)
    }

    /// Waits for work and takes at most `most`; empty when closed and drained.
    pub(super) fn take(&self, most: usize) -> Vec<Box<dyn Command>> {
        let mut waiting = lock(&self.waiting);
        while waiting.callers.is_empty() && waiting.background.is_empty() && !waiting.closed {
            waiting.asleep += 1;
            waiting = self
                .ready
                .wait(waiting)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            waiting.asleep -= 1;
        }
        waiting.batch(most)
    }
}

/// The largest batch: on PostgreSQL savepoints beyond 64 spill out of the backend's cache.
pub(super) const BATCH_SQLITE: usize = 256;
pub(super) const BATCH_POSTGRES: usize = 60;

/// For so long a batch's id is kept for certain; then a job forgets it.
const REMEMBERED: Seconds = Seconds::minutes(25);

/// How often a batch that lost its transaction is run again, command by command.
const TRIES: u32 = 8;

/// How many batches keep their commands apart after a command was refused: refusals come in crowds.
const CAREFUL_BATCHES: u32 = 64;

/// One lane: a connection. Driven by a thread, or by a scheduler that calls [`Lane::run_batch`] itself.
pub(super) struct Lane {
    pub(super) connection: Connection,
    clock: Arc<DbClock>,
    /// Told what the database server's clock says, where it has one.
    pub(super) servers: Option<Arc<ServersTime>>,
    random: Arc<dyn Random>,
    meters: Arc<Meters>,
    reopen: Box<dyn Fn() -> Result<Connection> + Send>,
    /// Batches to come that keep their commands apart.
    careful: u32,
    /// What the batch that runs has read.
    memo: Memo,
    /// What it does to rows once, at its end.
    sums: Sums,
    /// What it writes by one statement, at its end.
    rows: Rows,
    /// Tables in which it changed rows.
    touched: BTreeSet<&'static str>,
    /// The last batch that is known to be committed, and when it was.
    last: Option<([u8; 16], Time)>,
    /// On a new connection on which nobody has looked yet whether that batch is still there.
    unlooked: bool,
    /// When the batch that runs began, as its own row says.
    began: Time,
    /// Waits before it tries again. A simulated world has no time to wait.
    sleep: fn(Duration),
}

enum Committed {
    Yes,
    /// The transaction is certainly gone, for this reason: run the commands again.
    No(Error),
}

/// Whether a command that is refused can be undone without its neighbours.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// By a savepoint each.
    Yes,
    /// Only by rolling all of them back: what it costs when there is something to undo, every batch saves that undoes nothing.
    No,
}

impl Lane {
    pub(super) fn new(
        connection: Connection,
        clock: Arc<DbClock>,
        random: Arc<dyn Random>,
        meters: Arc<Meters>,
        reopen: Box<dyn Fn() -> Result<Connection> + Send>,
    ) -> Self {
        Self {
            connection,
            clock,
            servers: None,
            random,
            meters,
            reopen,
            careful: 0,
            memo: Memo::default(),
            sums: Sums::default(),
            rows: Rows::default(),
            touched: BTreeSet::new(),
            last: None,
            unlooked: false,
            began: Time(0),
            sleep: std::thread::sleep,
        }
    }

    pub(super) fn never_sleep(&mut self) {
        self.sleep = |_| {};
    }

    /// Runs a batch to its end: every command is answered, and only after what it did is durable.
    pub(super) fn run_batch(&mut self, batch: Vec<Box<dyn Command>>) {
        let meters = self.meters.clone();
        let writing = meters.pause.write();
        self.meters.batches.fetch_add(1, Ordering::Relaxed);
        self.meters.commands.fetch_add(batch.len() as u64, Ordering::Relaxed);
        let apart = if self.careful == 0 { Apart::No } else { Apart::Yes };
        self.careful = self.careful.saturating_sub(1);
        let gather = matches!(self.connection, Connection::Postgres(_));
        let mut done = self.attempt(&batch, apart, gather);
        if gather
            && let Ok(Committed::No(error)) = &done
            && (self.sums.were_written() || self.rows.were_written() || is_constraint(error))
        {
            done = self.attempt(&batch, apart, false); // The sums did not fit, perhaps: together, but each command for itself.
        }
        match done {
            Ok(Committed::Yes) => {}
            Ok(Committed::No(_)) => batch.iter().for_each(|command| self.run_alone(command.as_ref())),
            Err(error) => {
                tracing::error!(%error, "a batch could not be committed");
                batch.iter().for_each(|command| command.refuse(unavailable()));
            }
        }
        drop(writing);
        batch.into_iter().for_each(Command::answer);
    }

    /// After a lost transaction: one command, one commit, with growing jittered pauses against the next deadlock.
    fn run_alone(&mut self, command: &dyn Command) {
        for attempt in 0..TRIES {
            match self.attempt(std::slice::from_ref(&command), Apart::No, false) {
                Ok(Committed::Yes) => return,
                Ok(Committed::No(error)) => match error.kind {
                    Kind::Engine(Engine::Retry | Engine::Gone) => {
                        let mut dice = [0u8; 1];
                        self.random.fill(&mut dice);
                        (self.sleep)(Duration::from_millis(u64::from(dice[0] % 16) << attempt.min(5)));
                    }
                    Kind::Engine(Engine::Full) if mutant!("S4") => return,
                    Kind::Engine(Engine::Full) => {
                        self.meters.full.store(true, Ordering::SeqCst);
                        return command.refuse(Error::new(
                            error.kind,
                            "disk_full",
                            "The disk is full. Nothing was done.",
                        ));
                    }
                    _ => return command.refuse(error),
                },
                Err(error) => {
                    tracing::error!(%error, "a command could not be committed");
                    return command.refuse(unavailable());
                }
            }
        }
        command.refuse(unavailable());
    }

    /// One transaction for all of `batch`. An error means the engine could not be reached at all.
    fn attempt<C: AsCommand>(&mut self, batch: &[C], apart: Apart, gather: bool) -> Result<Committed> {
        let batch_id = *self.random.uuid().as_bytes();
        self.memo.forget();
        self.sums.begin(gather);
        self.rows.begin(gather);
        self.touched.clear();
        if let Err(error) = self.begin(batch_id) {
            return self.recover(error);
        }
        let alone = batch.len() == 1;
        let apart = if alone { Apart::No } else { apart };
        if apart == Apart::Yes
            && let Err(error) = self.connection.queue("savepoint command")
        {
            return self.recover(error);
        }
        self.ask_ahead(batch);
        let mut facts = 0;
        for command in batch {
            let command = command.command();
            let mark = (apart == Apart::Yes).then(|| (self.sums.mark(), self.rows.mark()));
            let (done, published) = self.run(command);
            let kept = done.and_then(|()| match apart {
                Apart::Yes => self.connection.next_savepoint(),
                Apart::No => Ok(()),
            });
            let Err(error) = kept else {
                facts += published;
                continue;
            };
            // What a command refers to may have been kept back: whoever breaks a constraint does so again when it writes for itself.
            let kept_back = gather && is_constraint(&error);
            if matches!(error.kind, Kind::Engine(Engine::Retry | Engine::Gone | Engine::Full))
                || kept_back
                || self.transaction_gone()
            {
                return self.recover(error);
            }
            let undone = match apart {
                Apart::Yes => self.connection.control("rollback to savepoint command"),
                Apart::No => self.connection.rollback(),
            };
            if let Err(error) = undone {
                return self.recover(error);
            }
            self.memo.forget();
            match mark {
                Some((sums, rows)) => {
                    self.sums.back_to(sums);
                    self.rows.back_to(rows);
                }
                None => {
                    self.sums.forget();
                    self.rows.forget();
                }
            }
            if apart == Apart::Yes || alone {
                command.refuse(error);
            } else {
                self.careful = CAREFUL_BATCHES;
                return self.attempt(batch, Apart::Yes, gather);
            }
            if alone {
                return Ok(Committed::Yes); // Nothing to commit; the refusal is the answer.
            }
        }
        let wrote = !self.touched.is_empty() || facts > 0;
        // Whoever acts on facts deletes them, which is nobody's cue to look for more.
        self.touched.remove("outbox");
        if facts > 0 {
            self.touched.insert("outbox");
        }
        let committed = self.commit(batch_id, wrote)?;
        if matches!(committed, Committed::Yes) {
            if wrote || matches!(self.connection, Connection::Postgres(_)) {
                self.last = Some((batch_id, self.began));
            }
            self.meters.bell.ring(&self.touched);
        }
        Ok(committed)
    }

    /// What the commands of a batch say they will read is asked together.
    fn ask_ahead<C: AsCommand>(&mut self, batch: &[C]) {
        let now = self.clock.last();
        let mut tx = self.tx(now);
        tx.ahead(|tx| {
            for command in batch {
                let asked = catch_unwind(AssertUnwindSafe(|| command.command().ask(tx)));
                drop(asked); // It will panic again where somebody hears it.
            }
        });
    }

    fn tx(&mut self, now: Time) -> Tx<'_> {
        Tx::new(&mut self.connection, now, self.random.as_ref()).in_batch(Batch {
            memo: &mut self.memo,
            sums: &mut self.sums,
            rows: &mut self.rows,
            touched: &mut self.touched,
        })
    }

    /// Runs a command in the open transaction; answers how many facts it recorded.
    fn run(&mut self, command: &dyn Command) -> (Result<()>, u32) {
        let now = self.clock.tick();
        let mut tx = self.tx(now);
        let done = catch_unwind(AssertUnwindSafe(|| command.run(&mut tx)))
            .unwrap_or_else(|_| Err(Error::internal("a command panicked")));
        let done = match (done, tx.broken()) {
            (Ok(()), Some(engine)) => Err(Error::engine(engine, "a command hid a failed statement")),
            (done, _) => done,
        };
        (done, tx.facts())
    }

    fn begin(&mut self, batch_id: [u8; 16]) -> Result<()> {
        if let Connection::Postgres(postgres) = &mut self.connection
            && postgres.lost()
        {
            postgres.reconnect()?;
            self.unlooked = true;
        }
        self.look_for_the_tail()?;
        self.connection.queue(match &self.connection {
            Connection::Sqlite(_) => "begin immediate",
            Connection::Postgres(_) => "begin",
        })?;
        let now = self.clock.tick();
        self.began = now;
        if matches!(self.connection, Connection::Postgres(_)) {
            let (at, server, position): (Time, Time, i64) = Tx::new(&mut self.connection, now, self.random.as_ref()).one(
                "insert into batches (id, at) values ($1, greatest($2, (extract(epoch from clock_timestamp()) * 1000000)::bigint))
                 returning at, (extract(epoch from clock_timestamp()) * 1000000)::bigint, (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint",
                &[Value::Uuid(batch_id), now.value()],
            )?;
            self.began = at;
            self.clock.heed(at); // Another replica's clock may be ahead.
            if let Some(servers) = &self.servers {
                servers.hear(server);
                self.meters.positions.note(servers.monotonic(), position);
            }
        }
        Ok(())
    }

    /// In a file there is no other clock: the batch says the time of its last command, which no command after a restart may be before.
    fn mark(&mut self, batch_id: [u8; 16]) -> Result<()> {
        let Connection::Sqlite(sqlite) = &mut self.connection else {
            return Ok(());
        };
        let last = self.clock.last();
        sqlite
            .exec(
                "insert into batches (id, at) values ($1, $2)",
                &[Value::Uuid(batch_id), last.value()],
            )
            .map(drop)
    }

    /// Of a batch that wrote nothing no id is kept, so that a file has nothing to wait for: whoever is refused in a rush waits for no disk.
    fn commit(&mut self, batch_id: [u8; 16], wrote: bool) -> Result<Committed> {
        if let Err(error) = self
            .rows
            .write(&mut self.connection)
            .and_then(|()| self.sums.write(&mut self.connection))
            .and_then(|()| if wrote { self.mark(batch_id) } else { Ok(()) })
            .and_then(|()| self.connection.settle())
        {
            self.sums.forget();
            return self.recover(error);
        }
        if let Connection::Postgres(postgres) = &mut self.connection {
            postgres.forget_all_asked();
        }
        let changing = self.meters.settings.change(&self.touched);
        let committed = self.connection.control("commit");
        drop(changing);
        match committed {
            Ok(()) => Ok(Committed::Yes),
            Err(error) if self.refused_by_answer(&error) => self.recover(error),
            Err(error) => {
                // The link or the disk failed at COMMIT: the batch may be durable. Its id tells.
                self.meters.ambiguous.fetch_add(1, Ordering::Relaxed);
                tracing::warn!(%error, "the outcome of a commit is unknown; asking for its batch id");
                self.ask(batch_id)
            }
        }
    }

    /// Whether a failed COMMIT left nothing for certain: the engine answered, and it was a no. PostgreSQL answers, or its link breaks; what
    /// SQLite says of a disk leaves open how much of the log is on it.
    fn refused_by_answer(&self, error: &Error) -> bool {
        match &self.connection {
            Connection::Sqlite(_) => error.kind == Kind::Engine(Engine::Retry),
            Connection::Postgres(_) => error.kind != Kind::Engine(Engine::Gone),
        }
    }

    /// Inserts the batch id again on a new connection: a conflict says that the batch had committed.
    ///
    /// On PostgreSQL the insert waits for a backend that is still committing the same id, so the answer is final.
    fn ask(&mut self, batch_id: [u8; 16]) -> Result<Committed> {
        let mut last = None;
        for attempt in 0..10u64 {
            if attempt > 0 {
                (self.sleep)(Duration::from_millis(100 * attempt));
            }
            self.connection = match (self.reopen)() {
                Ok(connection) => connection,
                Err(error) => {
                    last = Some(error);
                    continue;
                }
            };
            self.unlooked = true;
            if let Err(error) = self.look_for_the_tail() {
                last = Some(error);
                continue;
            }
            let now = self.clock.tick();
            let again = Tx::new(&mut self.connection, now, self.random.as_ref()).exec(
                "insert into batches (id, at) values ($1, $2) on conflict (id) do nothing",
                &[Value::Uuid(batch_id), now.value()],
            );
            match again {
                Ok(0) => return Ok(Committed::Yes),
                Ok(_) => {
                    return Ok(Committed::No(Error::engine(
                        Engine::Gone,
                        "the batch was not committed",
                    )));
                }
                Err(error) if matches!(error.kind, Kind::Engine(Engine::Full)) => {
                    return Ok(Committed::No(error));
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(unavailable))
    }

    /// After a failure inside the transaction, before COMMIT was sent: it is gone for certain.
    fn recover(&mut self, error: Error) -> Result<Committed> {
        self.meters.retried.fetch_add(1, Ordering::Relaxed);
        match &mut self.connection {
            Connection::Sqlite(sqlite) => {
                if !sqlite.transaction_gone() {
                    sqlite.control("rollback")?;
                }
            }
            Connection::Postgres(postgres) => {
                if postgres.lost() || postgres.rollback().is_err() {
                    reconnect(postgres)?;
                    self.unlooked = true;
                }
            }
        }
        if error.kind == Kind::Engine(Engine::Full) {
            self.meters.full.store(true, Ordering::SeqCst);
        }
        Ok(Committed::No(error))
    }

    /// On a new connection, until it succeeds: whether what this lane committed last is still there. It is not after a failover to a server that had not heard of it yet.
    /// What was promised then is known to our callers and the processors only, so money is frozen as after a restore (S11).
    fn look_for_the_tail(&mut self) -> Result<()> {
        if !self.unlooked {
            return Ok(());
        }
        let now = self.clock.tick();
        // What is older than that may have been forgotten in good order.
        let last = self.last.filter(|(_, at)| now.minus(REMEMBERED) <= *at);
        let mut tx = Tx::new(&mut self.connection, now, self.random.as_ref());
        let lost = match last {
            Some((id, at)) if !super::tail::is_there(&mut tx, id)? => at,
            _ => {
                self.unlooked = false;
                return Ok(());
            }
        };
        super::tail::freeze(&mut tx, lost)?;
        (self.last, self.unlooked) = (None, false);
        tracing::error!(
            "the database lost commits that had been acknowledged: no money moves until `hawker reconcile`"
        );
        Ok(())
    }

    fn transaction_gone(&self) -> bool {
        match &self.connection {
            Connection::Sqlite(sqlite) => sqlite.transaction_gone(),
            Connection::Postgres(postgres) => postgres.lost(),
        }
    }
}

fn reconnect(postgres: &mut Postgres) -> Result<()> {
    let mut last = None;
    for attempt in 1..=10u64 {
        match postgres.reconnect() {
            Ok(()) => return Ok(()),
            Err(error) => last = Some(error),
        }
        std::thread::sleep(Duration::from_millis(50 * attempt));
    }
    Err(last.unwrap_or_else(unavailable))
}

pub(super) fn unavailable() -> Error {
    Error::new(
        Kind::Busy { retry_after: 2 },
        "database_unavailable",
        "The database did not answer. Try again with the same id.",
    )
}

fn is_constraint(error: &Error) -> bool {
    error.kind == Kind::Engine(Engine::Constraint)
}

/// A batch of owned commands, or a single borrowed one.
trait AsCommand {
    fn command(&self) -> &dyn Command;
}
impl AsCommand for Box<dyn Command> {
    fn command(&self) -> &dyn Command {
        self.as_ref()
    }
}
impl AsCommand for &dyn Command {
    fn command(&self) -> &dyn Command {
        *self
    }
}
