//! Several connections, in one thread and in many: locks, snapshots, checkpoints.

use std::sync::atomic::{AtomicBool, Ordering};

use rusqlite::{Connection, ErrorCode, Result};

use crate::tests::{Book, JOURNAL_EXTRA, LOG, Seen, WAL_FULL, checkpoint, commit, disk_with, empty_till, open_in};

fn is_busy<T>(answer: Result<T>) -> bool {
    answer.is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy))
}

fn last(db: &Connection) -> Result<i64> {
    db.query_row("select last from canary", [], |row| row.get(0))
}

#[test]
fn connections_see_each_others_commits() {
    for mode in [WAL_FULL, JOURNAL_EXTRA] {
        let disk = disk_with(&empty_till(mode), 1);
        let (a, b) = (open_in(&disk, mode).unwrap(), open_in(&disk, mode).unwrap());
        commit(&a, 1).unwrap();
        assert_eq!(last(&b), Ok(1));
        commit(&b, 2).unwrap();
        assert_eq!(last(&a), Ok(2));
    }
}

#[test]
fn there_is_one_writer_at_a_time() {
    for mode in [WAL_FULL, JOURNAL_EXTRA] {
        let disk = disk_with(&empty_till(mode), 1);
        let (a, b) = (open_in(&disk, mode).unwrap(), open_in(&disk, mode).unwrap());
        a.execute_batch("begin immediate").unwrap();
        assert!(is_busy(commit(&b, 1)));
        assert_eq!(last(&b), Ok(0));
        a.execute_batch("commit").unwrap();
        commit(&b, 1).unwrap();
    }
}

#[test]
fn a_readers_snapshot_stays_while_a_writer_commits_and_another_checkpoints() {
    let disk = disk_with(&empty_till(WAL_FULL), 1);
    let [writer, reader, other] = [(); 3].map(|()| open_in(&disk, WAL_FULL).unwrap());
    commit(&writer, 1).unwrap();
    reader.execute_batch("begin").unwrap();
    assert_eq!(last(&reader), Ok(1));
    commit(&writer, 2).unwrap();
    assert_eq!(checkpoint(&other, "passive"), Ok(0));
    assert_eq!(checkpoint(&other, "truncate"), Ok(1), "the reader is in the way");
    commit(&writer, 3).unwrap();
    assert_eq!(last(&reader), Ok(1));
    let rows: i64 = reader
        .query_row("select count(*) from entry", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 3);
    reader.execute_batch("commit").unwrap();
    assert_eq!(last(&reader), Ok(3));
    assert_eq!(checkpoint(&other, "truncate"), Ok(0));
    assert_eq!(disk.content(LOG), Some(Vec::new()));
    assert_eq!(last(&reader), Ok(3));
}

#[test]
fn a_reader_holds_up_a_writer_without_a_log_and_no_new_reader_comes() {
    let disk = disk_with(&empty_till(JOURNAL_EXTRA), 1);
    let [writer, reader, late] = [(); 3].map(|()| open_in(&disk, JOURNAL_EXTRA).unwrap());
    reader.execute_batch("begin").unwrap();
    assert_eq!(last(&reader), Ok(0));
    writer
        .execute_batch("begin immediate; update canary set last = 9")
        .unwrap();
    assert_eq!(last(&late), Ok(0), "nobody waits for a writer that is still at work");
    assert!(is_busy(writer.execute_batch("commit")));
    assert!(is_busy(last(&late)), "the writer is waiting for the last reader");
    assert_eq!(last(&reader), Ok(0));
    reader.execute_batch("commit").unwrap();
    writer.execute_batch("commit").unwrap();
    assert_eq!(last(&late), Ok(9));
}

#[test]
fn the_last_to_leave_takes_the_log_along() {
    let disk = disk_with(&empty_till(WAL_FULL), 1);
    let (a, b) = (open_in(&disk, WAL_FULL).unwrap(), open_in(&disk, WAL_FULL).unwrap());
    commit(&a, 1).unwrap();
    drop(a);
    assert!(disk.content(LOG).is_some());
    assert_eq!(last(&b), Ok(1));
    drop(b);
    assert_eq!(disk.content(LOG), None);
}

#[test]
fn threads_read_write_and_checkpoint_at_once() {
    const COMMITS: i64 = 150;
    let disk = disk_with(&empty_till(WAL_FULL), 1);
    let done = AtomicBool::new(false);
    let anything = Book {
        attempted: (1..=COMMITS).collect(),
        ..Book::default()
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let db = open_in(&disk, WAL_FULL).unwrap();
                let mut before = 0;
                while !done.load(Ordering::Relaxed) {
                    // A reader is refused while somebody begins the log anew.
                    if let Ok(seen) = Seen::read(&db) {
                        assert_eq!(seen.judge(&anything), Ok(()));
                        assert!(seen.last >= before);
                        before = seen.last;
                    }
                }
            });
        }
        scope.spawn(|| {
            let db = open_in(&disk, WAL_FULL).unwrap();
            while !done.load(Ordering::Relaxed) {
                for kind in ["passive", "full", "restart", "truncate"] {
                    let _ = checkpoint(&db, kind);
                }
            }
        });
        let db = open_in(&disk, WAL_FULL).unwrap();
        for n in 1..=COMMITS {
            while let Err(error) = commit(&db, n) {
                assert!(is_busy::<()>(Err(error)));
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    let book = Book {
        acknowledged: (1..=COMMITS).collect(),
        ..anything
    };
    assert_eq!(book.check(&disk), Ok(()));
}
