//! A till: the small database that the tests break, and the check that finds out whether it lied.
//!
//! One commit writes three large rows and a canary that counts them. Whoever reads sees of each commit all or nothing,
//! and every commit that was acknowledged.

mod concurrency;
mod determinism;
mod failures;
mod names;
mod powercut;
mod speed;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::{Connection, OpenFlags, Result};

use crate::{Crash, Disk, Image};

const FILE: &str = "till.db";
const LOG: &str = "till.db-wal";
const ROWS: i64 = 3;
/// Large, another for each commit, and no zeros: what is lost of a new page must not look as if it were there.
const PAYLOAD: &str = "printf('%.*c', 2000 + 300 * n, char(65 + n % 26))";

#[derive(Clone, Copy, Debug)]
struct Mode {
    journal: &'static str,
    synchronous: &'static str,
}

const WAL_FULL: Mode = Mode {
    journal: "wal",
    synchronous: "full",
};
const WAL_NORMAL: Mode = Mode {
    journal: "wal",
    synchronous: "normal",
};
const WAL_OFF: Mode = Mode {
    journal: "wal",
    synchronous: "off",
};
const JOURNAL_EXTRA: Mode = Mode {
    journal: "delete",
    synchronous: "extra",
};
const JOURNAL_FULL: Mode = Mode {
    journal: "delete",
    synchronous: "full",
};

/// What a check finds. The order is that of the check.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Broken {
    /// It cannot be opened, or is not what SQLite calls sound.
    Corrupt(String),
    /// Part of a commit is there, or one that nobody made, or the canary counts otherwise.
    Wrong(String),
    /// Commits were acknowledged and are gone.
    Lost(BTreeSet<i64>),
}

/// A disk with a name that no other test uses.
fn disk(seed: u64) -> Disk {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    Disk::register(&format!("test-{}", NUMBER.fetch_add(1, Ordering::Relaxed)), seed)
}

fn open(disk: &Disk) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags_and_vfs(FILE, flags, disk.name())?;
    db.busy_timeout(std::time::Duration::ZERO)?;
    Ok(db)
}

fn open_in(disk: &Disk, mode: Mode) -> Result<Connection> {
    let db = open(disk)?;
    db.pragma_update(None, "synchronous", mode.synchronous)?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    Ok(db)
}

/// The files of an empty till, all certain.
fn empty_till(mode: Mode) -> Image {
    let disk = disk(0);
    let db = open(&disk).unwrap();
    db.pragma_update(None, "synchronous", "extra").unwrap();
    db.pragma_update(None, "journal_mode", mode.journal).unwrap();
    db.execute_batch(
        "create table entry (n integer, row integer, payload text, primary key (n, row)) without rowid;
         create table canary (last integer, commits integer);
         insert into canary values (0, 0)",
    )
    .unwrap();
    drop(db);
    // Or the log would still be there: nobody syncs the directory after the last connection deleted it.
    disk.crash(Crash::KeepUnsynced);
    disk.snapshot()
}

fn disk_with(till: &Image, seed: u64) -> Disk {
    let disk = disk(seed);
    disk.restore(till);
    disk
}

fn commit(db: &Connection, n: i64) -> Result<()> {
    let all = db.execute_batch(&format!(
        "begin immediate;
         insert into entry select n, value, {PAYLOAD} from (select {n} as n), json_each('[1, 2, 3]');
         update canary set last = {n}, commits = commits + 1;
         commit"
    ));
    if all.is_err() && !db.is_autocommit() {
        // If this fails too, SQLite has rolled back by itself or will when the file is closed.
        let _ = db.execute_batch("rollback");
    }
    all
}

fn checkpoint(db: &Connection, kind: &str) -> Result<i64> {
    db.query_row(&format!("pragma wal_checkpoint({kind})"), [], |row| row.get(0))
}

#[derive(Default, Debug)]
struct Book {
    attempted: BTreeSet<i64>,
    acknowledged: BTreeSet<i64>,
}

impl Book {
    fn commit(&mut self, db: &Connection, n: i64) {
        self.attempted.insert(n);
        if commit(db, n).is_ok() {
            self.acknowledged.insert(n);
        }
    }

    /// Commits, checkpoints of every kind by a second connection, commits into a log begun anew, and the end of both.
    fn work(&mut self, disk: &Disk, mode: Mode) {
        let (Ok(writer), Ok(other)) = (open_in(disk, mode), open_in(disk, mode)) else {
            return;
        };
        for n in 1..=3 {
            self.commit(&writer, n);
            self.look(&other);
        }
        let _ = checkpoint(&other, "passive");
        self.commit(&writer, 4);
        self.look(&other);
        let _ = checkpoint(&other, "full");
        for n in 5..=6 {
            self.commit(&writer, n);
            self.look(&writer);
        }
        let _ = checkpoint(&other, "truncate");
        self.commit(&other, 7);
        self.look(&writer);
    }

    /// A reader may be refused, but not told a lie.
    fn look(&self, db: &Connection) {
        if let Ok(seen) = Seen::read(db) {
            assert_eq!(seen.judge(self), Ok(()), "seen while at work");
        }
    }

    /// What a new connection finds.
    fn check(&self, disk: &Disk) -> std::result::Result<(), Broken> {
        let corrupt = |error: rusqlite::Error| Broken::Corrupt(error.to_string());
        let db = open(disk).map_err(corrupt)?;
        let sound: String = db
            .query_row("pragma integrity_check", [], |row| row.get(0))
            .map_err(corrupt)?;
        if sound != "ok" {
            return Err(Broken::Corrupt(sound));
        }
        Seen::read(&db).map_err(corrupt)?.judge(self)
    }
}

#[derive(PartialEq, Eq, Debug)]
struct Seen {
    rows: BTreeMap<i64, i64>,
    last: i64,
    commits: i64,
}

impl Seen {
    fn read(db: &Connection) -> Result<Self> {
        let tx = db.unchecked_transaction()?;
        let mut select = tx.prepare(&format!(
            "select n, count(*) from entry where payload = {PAYLOAD} group by n"
        ))?;
        let rows = select
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_>>()?;
        let (last, commits) = tx.query_row("select last, commits from canary", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        Ok(Self { rows, last, commits })
    }

    fn judge(&self, book: &Book) -> std::result::Result<(), Broken> {
        let there: BTreeSet<i64> = self.rows.keys().copied().collect();
        let whole = self.rows.values().all(|count| *count == ROWS);
        let counted = self.commits == self.rows.len() as i64 && self.last == there.last().copied().unwrap_or(0);
        if !whole || !counted || !there.is_subset(&book.attempted) {
            return Err(Broken::Wrong(format!("{self:?}")));
        }
        let lost: BTreeSet<i64> = book.acknowledged.difference(&there).copied().collect();
        if lost.is_empty() {
            Ok(())
        } else {
            Err(Broken::Lost(lost))
        }
    }
}

/// How many operations the work takes when nothing fails.
fn operations(till: &Image, mode: Mode) -> u64 {
    let disk = disk_with(till, 0);
    let mut book = Book::default();
    book.work(&disk, mode);
    let operations = disk.operations();
    assert_eq!(book.acknowledged.len(), 7);
    assert_eq!(book.check(&disk), Ok(()));
    operations
}
