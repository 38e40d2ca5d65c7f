//! The database: engines, transactions, write lanes with group commit, migrations, facts, leases, backup.
//!
//! Tables: batches, outbox, leases, installation, migrations.
//! Always true: an answer leaves only after the commit that contains it is durable; domain code sees a [`Tx`] and nothing of the engine;
//! time inside a transaction never goes back; a full queue refuses before any work.
//! It deliberately has no query builder and no object mapping: statements are plain SQL, one text for both engines.

mod backup;
mod bell;
mod clock;
mod damage;
mod dialect;
mod door;
mod headroom;
mod lane;
mod lately;
mod lease;
mod memo;
mod migrate;
mod migrations;
mod outbox;
mod pause;
mod pg;
mod rows;
mod settings;
mod sqlite;
mod stop;
mod sums;
mod tail;
mod tx;
mod value;
mod words;

#[cfg(test)]
pub(crate) mod tests;

pub use backup::{Manifest, backup, restore, verify};
pub use bell::{Bell, Ear, Ringing, nats_servers};
pub use clock::SystemClock;
pub use dialect::serialize_on;
pub use door::{Entered, Errand};
pub use lease::{Lease, give_up as give_up_leases, take as take_lease};
pub use migrate::Migration;
pub use migrations::{EVENTS, MAIN};
pub use outbox::{Act, facts_waiting, requeue_facts};
#[cfg(feature = "sim")]
pub use stop::{cut_the_power, has_ended, start_again};
pub use sums::RowKey;
pub use tx::{Tx, key_with};
pub use value::{Bind, Cell, Column, FromRow, Json, Row, Value};

use crate::kernel::{Clock, Error, Id, Kind, Random, Result, Time};
use clock::{DbClock, ServersTime};
use door::Door;
use headroom::Headroom;
use lane::{Lane, Queue, Typed, Urgency, lock};
use lately::{Follower, Following};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tx::Connection;

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite(PathBuf),
    /// A connection address, `postgres://…`.
    Postgres(String),
}

/// How to open a database.
pub struct Config {
    pub engine: Engine,
    /// Which set of migrations: `main`, or `events` for the beacons.
    pub book: &'static str,
    pub migrations: &'static [Migration],
    /// Write connections; SQLite always has one.
    pub lanes: usize,
    pub readers: usize,
    /// Servers that follow, for [`Db::read_lately`].
    pub followers: Vec<String>,
    /// Commands that may wait before further ones are refused.
    pub queue: usize,
    /// Bytes kept aside on disk, so that work already begun can end when it is full. 0 keeps none.
    pub headroom: u64,
    /// Who runs the lanes.
    pub drive: Drive,
    /// Open beside a running server, for one short command. Never for serving: lanes of two processes would wait for each other.
    pub beside_a_server: bool,
}

impl Config {
    pub fn new(engine: Engine, book: &'static str, migrations: &'static [Migration]) -> Self {
        Self {
            engine,
            book,
            migrations,
            lanes: 4,
            readers: 2,
            followers: Vec::new(),
            queue: 20_000,
            headroom: 0,
            drive: Drive::Threads,
            beside_a_server: false,
        }
    }
}

/// Commands that may wait for a lane while more buyers are let in, see [`Db::enter`]: two batches, one that runs, and one that is ready when it is done.
/// On PostgreSQL batches are smaller.
pub const ROOM: usize = 2 * lane::BATCH_SQLITE;

/// Who runs the lanes and the queue of reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// A thread each.
    Threads,
    /// Whoever opened the database, by [`Db::drive`]: a simulator decides when each batch runs. Nothing sleeps.
    Caller,
}

/// Which lane a command goes to: a hint for speed, never a condition of correctness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneKey(pub u64);

impl LaneKey {
    pub fn of(id: impl Id) -> Self {
        let bytes = id.uuid().into_bytes();
        Self(u64::from_le_bytes([
            bytes[8], bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15],
        ]))
    }
}

/// What the lanes count and share.
#[derive(Default)]
pub(crate) struct Meters {
    pub batches: AtomicU64,
    pub commands: AtomicU64,
    pub retried: AtomicU64,
    pub ambiguous: AtomicU64,
    /// The disk said it is full; cleared when the headroom could be laid aside again.
    pub full: AtomicBool,
    /// Rung after a commit.
    pub bell: Bell,
    settings: settings::Settings,
    pause: pause::Pause,
    /// How far the log was.
    positions: Arc<lately::Positions>,
    /// Reads that servers that follow answered.
    pub lately: Arc<AtomicU64>,
}

/// A look at the counters.
#[derive(Clone, Debug)]
pub struct Health {
    pub queue_depth: usize,
    /// Buyers at the door, see [`Db::enter`].
    pub at_the_door: usize,
    pub batches: u64,
    pub commands: u64,
    pub retried: u64,
    pub ambiguous: u64,
    pub disk_full: bool,
    pub wal_bytes: u64,
    /// Reads that servers that follow answered.
    pub lately: u64,
}

/// A handle to an open database; cheap to clone. The last one to go drains the queues.
#[derive(Clone)]
pub struct Db(Arc<Inner>);

struct Inner {
    engine: Engine,
    lanes: Vec<Arc<Queue>>,
    door: Arc<Door>,
    reads: Arc<Queue>,
    /// Reads that may be a second old; none where nobody follows.
    lately: Option<Arc<Queue>>,
    /// Read connections without a thread, for [`Db::look`]; none where the engine is on the other end of a network.
    close_by: Mutex<Vec<Reader>>,
    /// Lanes and the reader of a database that is driven by its caller.
    driven: Mutex<Driven>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    meters: Arc<Meters>,
    headroom: Headroom,
    signing_key: [u8; 32],
    clock: Arc<dyn Clock>,
    /// Connections that hold what only one process may have.
    claims: Mutex<Vec<Connection>>,
    /// Held until we are shut down: a second server is refused.
    lock_file: Mutex<Option<std::fs::File>>,
}

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "lanes",
    sql: include_str!("../../migrations/db/0001_lanes.sql"),
}];

impl Db {
    /// Opens, migrates, and starts the lanes. Errors: another server holds the file; the database is newer than the program.
    pub fn open(config: &Config, clock: &Arc<dyn Clock>, random: &Arc<dyn Random>) -> Result<Self> {
        let lock_file = if config.beside_a_server {
            None
        } else {
            claim_file(&config.engine)?
        };
        let engine = config.engine.clone();
        if let (Engine::Sqlite(path), false) = (&engine, config.beside_a_server) {
            damage::look(path)?;
        }
        let mut first = connect(&engine, sqlite::Role::Writer)?;
        let now = clock.wall();
        migrate::run(&mut first, "db", MIGRATIONS, now, random.as_ref())?;
        migrate::run(&mut first, config.book, config.migrations, now, random.as_ref())?;
        let signing_key = install(&mut first, now, random.as_ref())?;

        let servers = match &mut first {
            Connection::Sqlite(_) => None,
            Connection::Postgres(_) => Some(Arc::new(ServersTime::agree(
                clock.clone(),
                server_time(&mut first, random)?,
            ))),
        };
        let clock: Arc<dyn Clock> = match &servers {
            None => clock.clone(),
            Some(servers) => servers.clone(),
        };
        let meters = Arc::new(Meters::default());
        let mut reading = Tx::new(&mut first, Time(0), random.as_ref());
        let (newest,): (Option<i64>,) = reading.one("select max(at) from batches", &[])?;
        let time = Arc::new(DbClock::start(clock.clone(), Time(newest.unwrap_or(0))));
        let mut threads = Vec::new();
        let mut driven = Driven::default();
        let (count, most) = match engine {
            Engine::Sqlite(_) => (1, lane::BATCH_SQLITE),
            Engine::Postgres(_) => (config.lanes.max(1), lane::BATCH_POSTGRES),
        };
        let lanes: Vec<Arc<Queue>> = (0..count).map(|_| Arc::new(Queue::new(config.queue))).collect();
        let door = Arc::new(Door::new(lanes.clone(), 2 * most));
        let mut next = Some(first);
        for (number, queue) in lanes.iter().cloned().enumerate() {
            let connection = next.take().map_or_else(|| connect(&engine, sqlite::Role::Writer), Ok)?;
            let reopened = engine.clone();
            let reopen = Box::new(move || connect(&reopened, sqlite::Role::Writer));
            let mut lane = Lane::new(connection, time.clone(), random.clone(), meters.clone(), reopen);
            lane.servers.clone_from(&servers);
            if config.drive == Drive::Caller {
                lane.never_sleep();
                driven.lanes.push(lane);
                continue;
            }
            let door = door.clone();
            threads.push(spawn(format!("lane-{number}"), move || {
                loop {
                    let batch = queue.take(most);
                    if batch.is_empty() {
                        return;
                    }
                    door.let_in();
                    lane.run_batch(batch);
                }
            })?);
        }
        let reads = Arc::new(Queue::new(config.queue));
        let reader = || {
            Ok::<Reader, Error>(Reader {
                connection: connect(&engine, sqlite::Role::Reader)?,
                kept: memo::Kept::default(),
                meters: meters.clone(),
                time: time.clone(),
                clock: clock.clone(),
                random: random.clone(),
            })
        };
        let close_by = match (&engine, config.drive) {
            (Engine::Sqlite(_), Drive::Threads) => CLOSE_BY,
            (Engine::Sqlite(_), Drive::Caller) => 1, // There is one caller.
            (Engine::Postgres(_), _) => 0,
        };
        let close_by = (0..close_by).map(|_| reader()).collect::<Result<_>>()?;
        for number in 0..config.readers.max(1) {
            let mut reader = reader()?;
            if config.drive == Drive::Caller {
                driven.reader = Some(reader);
                break;
            }
            let queue = reads.clone();
            threads.push(spawn(format!("reader-{number}"), move || {
                loop {
                    let batch = queue.take(1);
                    if batch.is_empty() {
                        return;
                    }
                    batch.into_iter().for_each(|command| reader.run(command));
                }
            })?);
        }
        let lately = (!config.followers.is_empty()).then(|| Arc::new(Queue::new(config.queue)));
        for (number, url) in config.followers.iter().flat_map(|url| [url; 2]).enumerate() {
            let Some(queue) = lately.clone() else { break };
            let mut follower = Follower::new(url.clone());
            let with = Following {
                positions: meters.positions.clone(),
                clock: clock.clone(),
                random: random.clone(),
                answered: meters.lately.clone(),
                primary: reads.clone(),
            };
            let (clock, random, time) = (clock.clone(), random.clone(), time.clone());
            let meters = meters.clone();
            threads.push(spawn(format!("follower-{number}"), move || {
                let open = |connection| Reader {
                    connection,
                    kept: memo::Kept::default(),
                    meters: meters.clone(),
                    time: time.clone(),
                    clock: clock.clone(),
                    random: random.clone(),
                };
                loop {
                    let batch = queue.take(1);
                    if batch.is_empty() {
                        return;
                    }
                    batch
                        .into_iter()
                        .for_each(|command| follower.run(command, &with, &open));
                }
            })?);
        }
        let headroom = Headroom::lay_aside(&engine, config.headroom);
        let inner = Inner {
            engine,
            lanes,
            door,
            reads,
            lately,
            close_by: Mutex::new(close_by),
            driven: Mutex::new(driven),
            threads: Mutex::new(threads),
            meters,
            headroom,
            signing_key,
            clock,
            claims: Mutex::default(),
            lock_file: Mutex::new(lock_file),
        };
        let db = Self(Arc::new(inner));
        if config.drive == Drive::Threads {
            db.start_checkpoints()?;
        }
        Ok(db)
    }

    /// Queues a command on the lane of `key` and waits until what it did is durable.
    ///
    /// The command is `Fn`: it may run twice and must have no effect besides its `Tx`. Errors: `busy` before any work when the queue is full.
    pub async fn write<T, F>(&self, key: LaneKey, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.queue(key, act, Urgency::Caller)?.await.map_err(|_| stopped())?
    }

    /// As [`Db::write`], of a command that says what it will read first: where that is worth it, all commands of a batch ask together ([`Tx::ahead`]).
    pub async fn write_asking<T, F, Q>(&self, key: LaneKey, ask: Q, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
        Q: Fn(&mut Tx<'_>) + Send + 'static,
    {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let command = Typed::new(act, reply).asking(Box::new(ask));
        self.lane_of(key).push(Box::new(command), Urgency::Caller)?;
        answer.await.map_err(|_| stopped())?
    }

    fn lane_of(&self, key: LaneKey) -> &Queue {
        let lane = usize::try_from(key.0 % self.0.lanes.len() as u64).unwrap_or(0);
        &self.0.lanes[lane]
    }

    /// Waits, in the order of coming and those first who take something, until what is queued for the lanes is so little that one buyer more can be
    /// served at once; what they hold is given back when they are done. None: that was not so for as long as `patience`, and nothing was done. A hint,
    /// as all before a queue: whoever does not ask is served all the same.
    pub async fn enter(&self, errand: Errand, patience: std::time::Duration) -> Option<Entered> {
        self.0.door.enter(errand, patience).await
    }

    /// As [`Db::write`], for jobs: at most a fifth of a batch is background work.
    pub async fn background<T, F>(&self, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.queue(LaneKey(0), act, Urgency::Background)?
            .await
            .map_err(|_| stopped())?
    }

    /// As [`Db::write`], outside an async runtime.
    pub fn write_blocking<T, F>(&self, key: LaneKey, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.queue(key, act, Urgency::Caller)?
            .blocking_recv()
            .map_err(|_| stopped())?
    }

    /// Reads from one snapshot; never blocks a writer. Whatever is changed is refused by the engine.
    pub async fn read<T, F>(&self, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.queue_read(act)?.await.map_err(|_| stopped())?
    }

    /// As [`Db::read`], for what may be a second old: from a server that follows, where there is one and it is near enough. Never money or rights.
    pub async fn read_lately<T, F>(&self, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let queue = self.0.lately.as_ref().unwrap_or(&self.0.reads);
        let (reply, answer) = tokio::sync::oneshot::channel();
        queue.push(Box::new(Typed::new(act, reply)), Urgency::Caller)?;
        answer.await.map_err(|_| stopped())?
    }

    /// As [`Db::read`], for a few rows found by key: on the caller's own thread where the database is a file, because waking another one
    /// takes longer than the read.
    pub async fn look<T, F>(&self, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let free = lock(&self.0.close_by).pop();
        let Some(mut reader) = free else {
            return self.read(act).await;
        };
        let found = reader.within(&act);
        lock(&self.0.close_by).push(reader);
        found.map_err(in_the_callers_words)
    }

    /// As [`Db::read`], outside an async runtime.
    pub fn read_blocking<T, F>(&self, act: F) -> Result<T>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        self.queue_read(act)?.blocking_recv().map_err(|_| stopped())?
    }

    fn queue<T, F>(&self, key: LaneKey, act: F, urgency: Urgency) -> Result<tokio::sync::oneshot::Receiver<Result<T>>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.lane_of(key).push(Box::new(Typed::new(act, reply)), urgency)?;
        Ok(answer)
    }

    fn queue_read<T, F>(&self, act: F) -> Result<tokio::sync::oneshot::Receiver<Result<T>>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = tokio::sync::oneshot::channel();
        self.0.reads.push(Box::new(Typed::new(act, reply)), Urgency::Caller)?;
        Ok(answer)
    }

    /// Whether the disk is full: new sales are refused, work already begun goes on in the headroom.
    pub fn disk_full(&self) -> bool {
        self.0.meters.full.load(Ordering::SeqCst)
    }

    /// Gives the headroom free, or lays it aside again once there is room. Called by a job.
    pub fn mind_the_disk(&self) {
        self.0.headroom.mind(&self.0.meters.full);
    }

    /// Claims something that only one process of this database may have, until this one ends. False: another process has it. A file is one process's anyway.
    pub fn claim(&self, what: i64) -> Result<bool> {
        let Engine::Postgres(url) = &self.0.engine else {
            return Ok(true);
        };
        let mut connection = Connection::Postgres(pg::Postgres::open(url)?);
        let random = SystemRandom::default();
        for attempt in 0..CLAIM_TRIES {
            if attempt > 0 {
                std::thread::sleep(std::time::Duration::from_millis(100)); // A process that was killed is noticed in a moment.
            }
            let mut tx = Tx::new(&mut connection, Time(0), &random);
            let (taken,): (i64,) = tx.one("select pg_try_advisory_lock($1)::int::bigint", crate::args![what])?;
            if taken == 1 {
                lock(&self.0.claims).push(connection);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The installation's secret for signed quotes and links; made at the first start.
    pub fn signing_key(&self) -> &[u8; 32] {
        &self.0.signing_key
    }

    pub fn health(&self) -> Health {
        let meters = &self.0.meters;
        Health {
            queue_depth: self.0.lanes.iter().map(|queue| queue.depth()).sum(),
            at_the_door: self.0.door.waiting(),
            batches: meters.batches.load(Ordering::Relaxed),
            commands: meters.commands.load(Ordering::Relaxed),
            retried: meters.retried.load(Ordering::Relaxed),
            ambiguous: meters.ambiguous.load(Ordering::Relaxed),
            disk_full: self.disk_full(),
            lately: meters.lately.load(Ordering::Relaxed),
            wal_bytes: match &self.0.engine {
                Engine::Sqlite(path) => wal_bytes(path),
                Engine::Postgres(_) => 0,
            },
        }
    }

    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Runs a batch of at most `most` waiting commands on lane `number`, or one waiting read if there is no such lane, on the caller's thread.
    /// Answers how many ran. Only for a database that was opened to be driven by its caller.
    pub fn drive(&self, number: usize, most: usize) -> usize {
        let mut driven = lock(&self.0.driven);
        if let Some(lane) = driven.lanes.get_mut(number) {
            let batch = self.0.lanes[number].take_now(most);
            let count = batch.len();
            if count > 0 {
                lane.run_batch(batch);
            }
            return count;
        }
        let Some(reader) = driven.reader.as_mut() else { return 0 };
        let reads = self.0.reads.take_now(1);
        let count = reads.len();
        reads.into_iter().for_each(|read| reader.run(read));
        count
    }

    /// Runs what blocks on a thread of its own; where the caller drives the database, on theirs: there everything has one order.
    pub async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        if lock(&self.0.driven).reader.is_some() {
            return Ok(work());
        }
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| Error::internal("work on a thread of its own did not end").because(error))
    }

    /// Moves the whole log into the file and empties it, so that what was written over before is in neither. False: somebody is reading; ask again.
    pub fn empty_the_log(&self) -> Result<bool> {
        let Engine::Sqlite(path) = &self.0.engine else {
            return Ok(true); // PostgreSQL's log is its operator's: see docs/privacy.md.
        };
        let connection = sqlite::Sqlite::open(path, sqlite::Role::Checkpointer, 256)?;
        // While it waits for a reader nobody writes: rather another time.
        connection
            .raw
            .busy_timeout(std::time::Duration::from_millis(500))
            .map_err(sqlite::failed)?;
        let emptied = self.0.meters.pause.between(|| {
            connection
                .raw
                .query_row("pragma wal_checkpoint(truncate)", [], |row| row.get::<_, i64>(0))
        });
        emptied.map(|busy| busy == 0).map_err(sqlite::failed)
    }

    /// Takes no more commands, runs those that wait, and stops the threads.
    pub fn shut_down(&self) {
        self.0.lanes.iter().for_each(|queue| queue.close());
        self.0.lately.iter().for_each(|queue| queue.close());
        self.0.reads.close();
        lock(&self.0.close_by).clear();
        lock(&self.0.claims).clear();
        let threads = std::mem::take(&mut *lock(&self.0.threads));
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a database thread had panicked");
            }
        }
        if let Engine::Sqlite(path) = &self.0.engine
            && let Ok(connection) = sqlite::Sqlite::open(path, sqlite::Role::Checkpointer, 256)
        {
            checkpoint(&connection, "truncate");
        }
        // Somebody may still hold a handle to us, but nothing here will touch the file again: the next server may have it.
        drop(lock(&self.0.lock_file).take());
    }

    /// Moves the log into the file on a connection of its own, so that no caller waits for it; bounds the log's size.
    fn start_checkpoints(&self) -> Result<()> {
        let Engine::Sqlite(path) = &self.0.engine else {
            return Ok(());
        };
        let path = path.clone();
        let reads = Arc::downgrade(&self.0);
        let connection = sqlite::Sqlite::open(&path, sqlite::Role::Checkpointer, 1024)?;
        connection.raw.busy_timeout(PAUSE_MAX).map_err(sqlite::failed)?;
        let meters = self.0.meters.clone();
        let thread = spawn("checkpoints".into(), move || {
            let mut before = 0;
            while let Some(open) = reads.upgrade() {
                let closing = open.reads.is_closed();
                drop(open);
                if closing {
                    return;
                }
                let wal = wal_bytes(&path);
                let used = if wal > WAL_PASSIVE {
                    checkpoint(&connection, "passive")
                } else {
                    0
                };
                if used > WAL_RESTART {
                    checkpoint(&connection, "passive"); // What came meanwhile, so that little is left to wait for.
                    let mode = if wal > WAL_TRUNCATE { "truncate" } else { "restart" };
                    meters.pause.between(|| checkpoint(&connection, mode));
                }
                // While much is written often, and so little at a time: a commit waits behind what is moved.
                let rest = if used == before { 50 } else { 10 };
                before = used;
                std::thread::sleep(std::time::Duration::from_millis(rest));
            }
        })?;
        lock(&self.0.threads).push(thread);
        Ok(())
    }
}

/// From this length of the log's file its pages are moved without being in anybody's way.
const WAL_PASSIVE: u64 = 4 << 20;
/// Of the log in use, not of its file, which never gets shorter by itself: the writer waits once, and starts again at the file's beginning.
const WAL_RESTART: u64 = 48 << 20;
/// A file that grew beyond this while somebody read it for long is cut, too.
const WAL_TRUNCATE: u64 = 160 << 20;
/// The log cannot begin anew while somebody reads from it. So long the writer waits for them; then it goes on, and the next round tries again.
const PAUSE_MAX: std::time::Duration = std::time::Duration::from_millis(20);
/// A page with its header in the log.
const WAL_FRAME: u64 = 4096 + 24;

/// Moves pages of the log into the file; answers how many bytes of the log are in use.
fn checkpoint(connection: &sqlite::Sqlite, mode: &str) -> u64 {
    // Busy (a reader or the writer is in the way) is no error: the next round tries again. A failed fsync is not tried again: it would succeed
    // and say nothing about the pages that were lost, so `failed` ends the process before the log is reused.
    let done = connection
        .raw
        .query_row(&format!("pragma wal_checkpoint({mode})"), [], |row| {
            row.get::<_, i64>(1)
        })
        .map_err(sqlite::failed);
    match done {
        Ok(frames) => u64::try_from(frames).unwrap_or(0) * WAL_FRAME,
        Err(error) => {
            tracing::debug!(%error, mode, "checkpoint put off");
            0
        }
    }
}

fn wal_bytes(path: &Path) -> u64 {
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    std::fs::metadata(wal).map_or(0, |meta| meta.len())
}

fn stopped() -> Error {
    Error::new(
        Kind::Busy { retry_after: 5 },
        "shutting_down",
        "The server is stopping. Try again with the same id.",
    )
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(|error| Error::internal("no thread could be started").because(error))
}

/// Pages that a connection keeps; the kernel keeps the rest. SQLite walks through all of them at the end of a batch in which pages of a tree changed places,
/// which is nearly each: thirty-two megabytes of them took a tenth of the writer's time.
const PAGE_CACHE_KIB: u32 = 8_192;

fn connect(engine: &Engine, role: sqlite::Role) -> Result<Connection> {
    Ok(match engine {
        Engine::Sqlite(path) => Connection::Sqlite(sqlite::Sqlite::open(path, role, PAGE_CACHE_KIB)?),
        Engine::Postgres(url) if role == sqlite::Role::Writer => Connection::Postgres(pg::Postgres::open_lane(url)?),
        Engine::Postgres(url) => Connection::Postgres(pg::Postgres::open(url)?),
    })
}

/// One server a file: the lock is held by the process and names it, and the kernel lets go of it however the process ends.
fn claim_file(engine: &Engine) -> Result<Option<std::fs::File>> {
    use std::io::Write;
    let Engine::Sqlite(path) = engine else { return Ok(None) };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .map_err(|error| Error::internal(format!("cannot create {}", folder.display())).because(error))?;
    }
    let name = path.with_extension("lock");
    let cannot = |error: std::io::Error| Error::internal(format!("cannot lock {}", name.display())).because(error);
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&name)
        .map_err(cannot)?;
    if file.try_lock().is_err() {
        let owner = std::fs::read_to_string(&name).unwrap_or_default();
        return Err(Error::conflict(
            "already_running",
            format!(
                "Another server (process {}) has {} open. Stop it, or give this one another folder.",
                owner.trim(),
                path.display()
            ),
        ));
    }
    file.set_len(0)
        .and_then(|()| write!(file, "{}", std::process::id()))
        .map_err(cannot)?;
    Ok(Some(file))
}

/// What PostgreSQL's own clock says: the one that all replicas share.
fn server_time(connection: &mut Connection, random: &Arc<dyn Random>) -> Result<Time> {
    let mut tx = Tx::new(connection, Time(0), random.as_ref());
    Ok(tx
        .one::<(Time,)>("select (extract(epoch from clock_timestamp()) * 1000000)::bigint", &[])?
        .0)
}

/// Makes the installation's one row at the first start; answers its signing key.
fn install(connection: &mut Connection, now: Time, random: &dyn Random) -> Result<[u8; 32]> {
    let mut key = [0u8; 32];
    random.fill(&mut key);
    let mut tx = Tx::new(connection, now, random);
    tx.exec(
        "insert into installation (one, epoch, frozen, signing_key) values (1, 1, 0, $1) on conflict (one) do nothing",
        crate::args![key],
    )?;
    Ok(tx.one::<([u8; 32],)>("select signing_key from installation", &[])?.0)
}

/// The installation's epoch, and whether outgoing money is frozen until the processors' books are reconciled.
pub fn epoch(tx: &mut Tx<'_>) -> Result<(i64, bool)> {
    let of_no_shop = crate::kernel::ShopId::from_uuid(uuid::Uuid::nil());
    tx.once(&["installation"], (of_no_shop, uuid::Uuid::nil()), |tx| {
        tx.one("select epoch, frozen from installation", &[])
    })
}

/// Since when the processors may know more than we do, while money is frozen: the column holds the backup's time.
pub fn frozen_since(tx: &mut Tx<'_>) -> Result<Option<Time>> {
    let (since,): (i64,) = tx.one("select frozen from installation", &[])?;
    Ok((since != 0).then_some(Time(since)))
}

/// Lets money leave again after everything since `frozen` was compared. False: a loss of an earlier time was found meanwhile.
pub fn unfreeze(tx: &mut Tx<'_>, frozen: Time) -> Result<bool> {
    let done = tx.exec(
        "update installation set frozen = 0 where frozen = 0 or frozen >= $1",
        crate::args![frozen],
    )?;
    Ok(done == 1)
}

/// As many lanes as suit the server of a database. Where it is over a network a lane waits most of its time, and four share the waiting. Where it is on
/// this machine a lane and its connection keep two cores busy, and one more makes batches smaller and everything dearer.
pub fn lanes_by_place(url: &str) -> usize {
    if !pg::is_here(url) {
        return 4;
    }
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    (cores / 2).clamp(1, 4)
}

/// Forgets batch ids nobody can still ask for; keeps the newest, which is the clock's high-water mark.
pub fn forget_batches(tx: &mut Tx<'_>) -> Result<u64> {
    let before = tx.now().minus(crate::kernel::Seconds::minutes(30));
    tx.exec(
        "delete from batches where id in (select id from batches where at < $1 order by at limit 200) and at < (select max(at) from batches)",
        crate::args![before],
    )
}

/// How often a claim looks whether a process that held it is gone.
const CLAIM_TRIES: u32 = 30;

/// Read connections for [`Db::look`]: more looks at once wait their turn in the queue of reads.
const CLOSE_BY: usize = 4;

/// What a caller drives.
#[derive(Default)]
struct Driven {
    lanes: Vec<Lane>,
    reader: Option<Reader>,
}

/// One read connection.
struct Reader {
    connection: Connection,
    /// Of a file: what it read of settings.
    kept: memo::Kept,
    meters: Arc<Meters>,
    /// As the lanes' own: a quote made while the wall clock is wrong must hold when it is bought.
    time: Arc<DbClock>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// A database that is not there is no mistake of ours.
fn in_the_callers_words(error: Error) -> Error {
    if error.kind != Kind::Engine(crate::kernel::Engine::Gone) {
        return error;
    }
    tracing::warn!(%error, "a read found no database");
    lane::unavailable()
}

/// A read that takes longer is interrupted: an old snapshot keeps the log from being reused.
const READ_SECONDS_MAX: u64 = 10;

impl Reader {
    fn run(&mut self, command: Box<dyn lane::Command>) {
        let mut done = self.within(|tx| command.run(tx));
        if matches!(&done, Err(error) if error.kind == Kind::Engine(crate::kernel::Engine::Gone)) {
            done = self.within(|tx| command.run(tx)); // A read changed nothing, so the caller need not hear of a lost connection.
        }
        if let Err(error) = done {
            command.refuse(in_the_callers_words(error));
        }
        command.answer();
    }

    /// Runs `act` in one snapshot: twice, if a setting changed while it read what it knew of others.
    fn within<T>(&mut self, act: impl Fn(&mut Tx<'_>) -> Result<T>) -> Result<T> {
        if matches!(self.connection, Connection::Postgres(_)) {
            return self.in_snapshot(&act, None); // Who else writes there is not known here.
        }
        let meters = self.meters.clone();
        let mut kept = std::mem::take(&mut self.kept);
        let found = self.in_snapshot(&act, Some(kept.still(&meters.settings, self.clock.monotonic())));
        let held = kept.held(&meters.settings);
        self.kept = kept;
        if held { found } else { self.in_snapshot(&act, None) }
    }

    fn in_snapshot<T>(&mut self, act: impl Fn(&mut Tx<'_>) -> Result<T>, known: Option<&mut memo::Memo>) -> Result<T> {
        match &mut self.connection {
            Connection::Sqlite(sqlite) => {
                let clock = self.clock.clone();
                let deadline = clock.monotonic() + std::time::Duration::from_secs(READ_SECONDS_MAX);
                sqlite
                    .raw
                    .progress_handler(50_000, Some(move || clock.monotonic() > deadline))
                    .map_err(sqlite::failed)?;
                sqlite.control("begin")?;
            }
            Connection::Postgres(postgres) => {
                if postgres.lost() {
                    postgres.reconnect()?;
                }
                postgres.queue("begin isolation level repeatable read read only");
            }
        }
        let now = self.time.tick();
        let mut tx = Tx::new(&mut self.connection, now, self.random.as_ref()).knowing(known);
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(&mut tx)))
            .unwrap_or_else(|_| Err(Error::internal("a read panicked")));
        let ended = self.connection.rollback();
        done.and_then(|found| ended.map(|()| found))
    }
}

/// Random bytes from the operating system, a page at a time.
#[derive(Default)]
pub struct SystemRandom(Mutex<VecDeque<u8>>);

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut pool = lock(&self.0);
        if pool.len() < bytes.len() {
            let mut fresh = vec![0u8; 4096.max(bytes.len())];
            getrandom::fill(&mut fresh).expect("the operating system has randomness");
            pool.extend(fresh);
        }
        for byte in bytes {
            *byte = pool.pop_front().expect("the pool was filled");
        }
    }
}
