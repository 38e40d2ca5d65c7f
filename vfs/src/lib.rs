//! A disk that fails on purpose: an SQLite VFS in memory whose power can be cut between any two operations.
//!
//! A [`Disk`] holds files the way a machine does: what was written can be read at once, and is certain to survive a
//! power cut only when `xSync` has answered. Whoever registers a disk opens databases on it by name, breaks it, and
//! opens them again:
//!
//! ```
//! use rusqlite::{Connection, OpenFlags};
//! use vfs::{Crash, Disk};
//!
//! let disk = Disk::register("example", 7);
//! let open = || Connection::open_with_flags_and_vfs("shop.db", OpenFlags::default(), disk.name());
//! let before = open()?;
//! before.execute_batch("pragma journal_mode = wal; pragma synchronous = full; create table sale (id integer)")?;
//! before.execute_batch("insert into sale values (1)")?;
//! disk.crash(Crash::LoseUnsynced);
//! assert!(before.execute_batch("insert into sale values (2)").is_err());
//! let sales: i64 = open()?.query_row("select count(*) from sale", [], |row| row.get(0))?;
//! assert_eq!(sales, 1);
//! # Ok::<(), rusqlite::Error>(())
//! ```
//!
//! What is always true:
//! * **The same seed and the same operations in the same order give the same disk.** All chance is drawn from the
//!   disk's seed and its clock moves only when told or slept on. Two things are the process' and not the disk's: the
//!   order in which threads come, and SQLite's own generator, which salts the log; for the second see
//!   [`seed_randomness`].
//! * **Writes.** Unsynced ones survive a power cut as [`Crash`] says: whole, in part by sectors of [`SECTOR`] bytes,
//!   in any order. A byte that was not written never changes, so the disk claims `POWERSAFE_OVERWRITE`, as SQLite's
//!   own VFS does: the simulated program then runs the code that the real one runs. It claims nothing else: no atomic
//!   writes, no `SAFE_APPEND`, no order.
//! * **Names.** That a file was created is certain after a sync of it. All names are certain, also those taken away,
//!   after a sync of the directory: a delete may ask for one, and the first sync by each handle to a log or journal
//!   implies one, as in SQLite's own VFS. Until then a power cut may undo what was done to names.
//! * **Failures.** An operation that a [`Plan`] lets fail does what failing hardware does: a write may have come in
//!   part, and what a sync should have secured may be lost for good although later syncs succeed.
//! * **Locks** on files and on the shared memory of a log answer as SQLite's VFS for Unix does. They and the memory
//!   are gone after a power cut; every file that was open before answers `SQLITE_IOERR` until it is closed. (A
//!   connection in the middle of a transaction may still read pages from its own memory, as long as it asks the disk
//!   for nothing.)
//!
//! What it deliberately does not do: folders (a name is a name), memory-mapped files, several processes, bytes that
//! rot while nobody writes them. `xSleep` returns at once, so a busy timeout is over sooner than threads may expect.

mod disk;
mod draw;
mod file;
mod locks;
mod medium;
mod plan;
mod sqlite;
#[cfg(test)]
mod tests;

pub use disk::{Disk, Image};
pub use medium::Step;
pub use plan::{Crash, Failure, Fault, Operation, Plan};
pub use sqlite::{seed_randomness, share_allocator};

/// What a disk writes at once: a torn write is torn between two sectors.
pub const SECTOR: usize = 512;
