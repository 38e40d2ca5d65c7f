//! With SQLite's generator seeded too, every byte of the disk is the same. A process of its own, for one test only:
//! that generator is shared by all connections of a process.

use std::hash::{DefaultHasher, Hash, Hasher};

use rusqlite::{Connection, OpenFlags, Result};
use vfs::{Crash, Disk, Step};

/// The hash of what survived, and the way there.
fn run(seed: u32) -> Result<(u64, Vec<Step>)> {
    vfs::seed_randomness(seed);
    let disk = Disk::register("determinism", u64::from(seed));
    disk.record();
    for round in 0..5 {
        let db = Connection::open_with_flags_and_vfs("shop.db", OpenFlags::default(), disk.name())?;
        db.execute_batch(
            "pragma journal_mode = wal; pragma synchronous = normal;
             create table if not exists sale (id integer primary key, chance blob)",
        )?;
        for _ in 0..10 {
            db.execute("insert into sale (chance) values (randomblob(700))", [])?;
        }
        disk.crash(Crash::ALL[round]);
    }
    let mut hasher = DefaultHasher::new();
    disk.snapshot().hash(&mut hasher);
    Ok((hasher.finish(), disk.trace()))
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let (hash, trace) = run(5).unwrap();
    assert_eq!(run(5), Ok((hash, trace)));
    assert_ne!(run(6).unwrap().0, hash);
}
