//! Tests.
use crate::{Crash, Disk};
use rusqlite::{Connection, OpenFlags};
#[test]
fn look() {
    let disk = Disk::register("example", 7);
    disk.record();
    let open = || Connection::open_with_flags_and_vfs("shop.db", OpenFlags::default(), disk.name());
    let before = open().unwrap();
    before
        .execute_batch("pragma journal_mode = wal; pragma synchronous = full; create table sale (id integer)")
        .unwrap();
    before.execute_batch("insert into sale values (1)").unwrap();
    for s in disk.trace() {
        println!("{s:?}");
    }
    disk.crash(Crash::LoseUnsynced);
    for (n, b) in disk.snapshot() {
        println!("{n} {}", b.len());
    }
}
