//! What becomes of names, files and the VFS itself, asked without a database in between.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, OpenFlags, ffi};

use crate::file::pieces;
use crate::medium::{Handle, Medium};
use crate::tests::{WAL_FULL, disk, empty_till, open};
use crate::{Crash, Disk, SECTOR};

const DATABASE: i32 = ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_MAIN_DB;
const JOURNAL: i32 = ffi::SQLITE_OPEN_CREATE | ffi::SQLITE_OPEN_MAIN_JOURNAL;

fn written(medium: &mut Medium, name: &str, flags: i32) -> Handle {
    let handle = medium.open(Some(name), flags).unwrap();
    medium.write(handle, 0, name.as_bytes()).unwrap();
    handle
}

fn names(medium: &Medium) -> Vec<String> {
    medium.image().into_keys().collect()
}

#[test]
fn a_new_file_is_certain_after_its_sync() {
    let mut medium = Medium::new(1);
    let a = written(&mut medium, "a", DATABASE);
    written(&mut medium, "b", DATABASE);
    medium.sync(a).unwrap();
    assert_eq!(medium.image(), BTreeMap::from([("a".to_owned(), b"a".to_vec())]));
    medium.crash(Crash::LoseUnsynced);
    assert_eq!(medium.content("a"), Some(&b"a"[..]));
    assert_eq!(medium.content("b"), None);
}

#[test]
fn a_deleted_file_may_come_back_until_the_directory_is_synced() {
    let mut medium = Medium::new(1);
    for name in ["a", "b"] {
        let handle = written(&mut medium, name, DATABASE);
        medium.sync(handle).unwrap();
        medium.close(handle);
    }
    medium.delete("a", false).unwrap();
    assert!(!medium.exists("a"));
    assert_eq!(names(&medium), ["a", "b"]);
    medium.delete("b", true).unwrap();
    assert_eq!(names(&medium), [""; 0]);
}

#[test]
fn each_handles_first_sync_of_a_journal_secures_every_name() {
    let mut medium = Medium::new(1);
    let first = written(&mut medium, "journal", JOURNAL);
    let second = medium.open(Some("journal"), JOURNAL).unwrap();
    let old = written(&mut medium, "old", DATABASE);
    medium.sync(old).unwrap();
    medium.sync(first).unwrap();
    medium.delete("old", false).unwrap();
    medium.sync(first).unwrap();
    assert_eq!(names(&medium), ["journal", "old"], "it did so before");
    medium.sync(second).unwrap();
    assert_eq!(names(&medium), ["journal"]);
}

#[test]
fn names_come_and_go_by_chance() {
    let mut seen: Vec<Vec<String>> = (0..64)
        .map(|seed| {
            let mut medium = Medium::new(seed);
            let a = written(&mut medium, "a", DATABASE);
            medium.sync(a).unwrap();
            medium.delete("a", false).unwrap();
            written(&mut medium, "b", DATABASE);
            medium.crash(Crash::Subset);
            names(&medium)
        })
        .collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 4, "{seen:?}");
}

#[test]
fn an_open_file_outlives_its_name() {
    let mut medium = Medium::new(1);
    let old = written(&mut medium, "a", DATABASE);
    medium.delete("a", true).unwrap();
    let new = medium.open(Some("a"), DATABASE).unwrap();
    let mut byte = [0];
    medium.read(old, 0, &mut byte).unwrap();
    assert_eq!(byte, *b"a");
    assert_eq!(medium.read(new, 0, &mut byte), Err(ffi::SQLITE_IOERR_SHORT_READ));
}

/// A program that comes to a log after everybody left must not trust an index that it did not see made.
#[test]
fn shared_memory_goes_with_its_last_user_and_with_the_power() {
    let mut medium = Medium::new(1);
    let [a, b] = [(); 2].map(|()| medium.open(Some("a"), DATABASE).unwrap());
    let region = medium.map(a, 0, 32_768, true).unwrap().unwrap();
    region[0].store(7, Ordering::Relaxed);
    let shared = medium.map(b, 0, 32_768, false).unwrap().unwrap();
    assert_eq!(shared[0].load(Ordering::Relaxed), 7);
    medium.unmap(a);
    assert!(medium.map(b, 0, 32_768, false).unwrap().is_some());
    medium.unmap(b);
    assert!(medium.map(a, 0, 32_768, false).unwrap().is_none());
    medium.map(a, 0, 32_768, true).unwrap();
    medium.crash(Crash::KeepUnsynced);
    let after = medium.open(Some("a"), DATABASE).unwrap();
    assert!(medium.map(after, 0, 32_768, false).unwrap().is_none());
    assert!(medium.map(a, 0, 32_768, true).is_err());
}

#[test]
fn a_file_that_must_be_new_or_must_be_there_is_refused() {
    let mut medium = Medium::new(1);
    assert!(medium.open(Some("a"), ffi::SQLITE_OPEN_READWRITE).is_err());
    written(&mut medium, "a", DATABASE);
    assert!(medium.open(Some("a"), DATABASE | ffi::SQLITE_OPEN_EXCLUSIVE).is_err());
    assert_eq!(medium.delete("b", false), Err(ffi::SQLITE_IOERR_DELETE_NOENT));
}

#[test]
fn a_short_read_is_filled_with_zeros() {
    let mut medium = Medium::new(1);
    let file = written(&mut medium, "abc", DATABASE);
    let mut buffer = [7; 4];
    assert_eq!(medium.read(file, 1, &mut buffer), Err(ffi::SQLITE_IOERR_SHORT_READ));
    assert_eq!(buffer, *b"bc\0\0");
}

#[test]
fn a_torn_write_keeps_some_sectors_and_touches_nothing_beside_it() {
    for seed in 0..50 {
        let mut medium = Medium::new(seed);
        let file = medium.open(Some("a"), DATABASE).unwrap();
        medium.write(file, 0, &[1; 4 * SECTOR]).unwrap();
        medium.sync(file).unwrap();
        medium.write(file, 100, &[2; 3 * SECTOR]).unwrap();
        medium.crash(Crash::Torn);
        let content = medium.content("a").unwrap();
        assert_eq!(content.len(), 4 * SECTOR);
        assert!(
            content[..100]
                .iter()
                .chain(&content[100 + 3 * SECTOR..])
                .all(|byte| *byte == 1)
        );
        let came = pieces(100, &content[100..100 + 3 * SECTOR]).map(|(_, piece)| {
            assert!(
                piece.iter().all(|byte| *byte == piece[0]),
                "a sector is written at once"
            );
            piece[0] == 2
        });
        assert!(came.filter(|came| *came).count() < 4);
    }
}

#[test]
fn a_write_is_cut_where_sectors_begin() {
    let cut = |offset, length| {
        pieces(offset, &vec![0; length])
            .map(|(at, piece)| (at, piece.len()))
            .collect::<Vec<_>>()
    };
    assert_eq!(cut(0, 1024), [(0, 512), (512, 512)]);
    assert_eq!(cut(500, 100), [(500, 12), (512, 88)]);
    assert_eq!(cut(513, 5), [(513, 5)]);
    assert_eq!(cut(1, 1024), [(1, 511), (512, 512), (1024, 1)]);
}

#[test]
fn a_disk_lives_as_long_as_a_file_on_it_and_then_its_name_is_free() {
    let disk = Disk::register("short-lived", 1);
    disk.restore(&empty_till(WAL_FULL));
    let db = open(&disk).unwrap();
    let flags = OpenFlags::default();
    let temporary = Connection::open_with_flags_and_vfs("", flags, disk.name()).unwrap();
    drop(disk);
    assert_eq!(db.query_row("select last from canary", [], |row| row.get(0)), Ok(0));
    drop(db);
    assert!(Connection::open_with_flags_and_vfs("a", flags, "short-lived").is_err());
    // This connection still knows the VFS, and its disk is gone.
    temporary.pragma_update(None, "cache_size", 1).unwrap();
    let spilled = temporary.execute_batch("create table a as select zeroblob(1000000) b");
    assert!(spilled.is_err(), "{spilled:?}");
    Disk::register("short-lived", 2);
}

#[test]
fn time_is_what_the_disk_was_told_and_waiting_takes_none() {
    let disk = disk(1);
    disk.set_time(1_700_000_000_123);
    let (a, b) = (open(&disk).unwrap(), open(&disk).unwrap());
    let now: String = a
        .query_row("select strftime('%Y-%m-%d %H:%M:%f', 'now')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(now, "2023-11-14 22:13:20.123");
    a.execute_batch("begin immediate").unwrap();
    b.busy_timeout(std::time::Duration::from_secs(3600)).unwrap();
    assert!(b.execute_batch("begin immediate").is_err());
    assert!(disk.time() >= 1_700_000_000_123 + 3_500_000, "{}", disk.time());
}
