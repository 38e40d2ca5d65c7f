//! Operations that fail, and a disk that is full: the till may refuse, and never lies.

use std::num::NonZeroU64;

use rusqlite::ErrorCode;

use crate::tests::{
    Book, JOURNAL_EXTRA, Mode, WAL_FULL, checkpoint, commit, disk_with, empty_till, open, open_in, operations,
};
use crate::{Crash, Disk, Failure, Fault, Operation, Plan};

/// After the failure is over: nothing acknowledged is gone, another commit works, a power cut changes nothing of it.
fn assert_usable(disk: &Disk, mode: Mode, mut book: Book, crash: Crash, what: &str) {
    disk.heal();
    assert_eq!(book.check(disk), Ok(()), "{what}");
    book.commit(&open_in(disk, mode).unwrap(), 100);
    assert!(book.acknowledged.contains(&100), "{what}");
    disk.crash(crash);
    assert_eq!(book.check(disk), Ok(()), "{what}, then {crash:?}");
}

#[test]
fn whatever_fails_the_database_stays_right() {
    let faults = [
        Fault::Once(Failure::Io),
        Fault::FromThenOn(Failure::Io),
        Fault::Once(Failure::Full),
        Fault::FromThenOn(Failure::Full),
    ];
    for mode in [WAL_FULL, JOURNAL_EXTRA] {
        let till = empty_till(mode);
        let mut crashes = Crash::ALL.into_iter().cycle();
        for nth in 1..=operations(&till, mode) {
            for (fault, crash) in faults.into_iter().zip(&mut crashes) {
                let disk = disk_with(&till, nth);
                disk.plan(Plan {
                    operation: None,
                    nth,
                    fault,
                });
                let mut book = Book::default();
                book.work(&disk, mode);
                assert_usable(&disk, mode, book, crash, &format!("{mode:?} {fault:?} at {nth}"));
            }
        }
    }
}

/// The connections are still open when the power goes, so nobody tidied up after the failure.
#[test]
fn a_failure_and_then_a_power_cut_lose_nothing() {
    let mode = WAL_FULL;
    let till = empty_till(mode);
    for operation in [Operation::Write, Operation::Sync, Operation::Truncate, Operation::Read] {
        for (nth, crash) in (1..40).flat_map(|nth| Crash::ALL.map(|crash| (nth, crash))) {
            let disk = disk_with(&till, nth);
            let db = open_in(&disk, mode).unwrap();
            disk.plan(Plan {
                operation: Some(operation),
                nth,
                fault: Fault::Once(Failure::Io),
            });
            let mut book = Book::default();
            for n in 1..=6 {
                book.commit(&db, n);
                let _ = checkpoint(&db, if n % 2 == 0 { "restart" } else { "passive" });
            }
            disk.crash(crash);
            disk.heal();
            assert_eq!(book.check(&disk), Ok(()), "{operation:?} {nth} {crash:?}");
        }
    }
}

#[test]
fn each_operation_fails_with_its_own_code() {
    let till = empty_till(WAL_FULL);
    let code = |operation, failure, act: fn(&Disk) -> rusqlite::Result<()>| {
        let disk = disk_with(&till, 1);
        disk.plan(Plan {
            operation: Some(operation),
            nth: 1,
            fault: Fault::FromThenOn(failure),
        });
        match act(&disk) {
            Err(rusqlite::Error::SqliteFailure(error, _)) => error.extended_code,
            other => panic!("{other:?}"),
        }
    };
    let write = |disk: &Disk| commit(&open_in(disk, WAL_FULL)?, 1);
    let truncate = |disk: &Disk| {
        let db = open_in(disk, WAL_FULL)?;
        commit(&db, 1)?;
        checkpoint(&db, "truncate").map(|_| ())
    };
    use rusqlite::ffi;
    assert_eq!(code(Operation::Open, Failure::Io, write), ffi::SQLITE_CANTOPEN);
    assert_eq!(code(Operation::Read, Failure::Io, write), ffi::SQLITE_IOERR_READ);
    assert_eq!(code(Operation::Write, Failure::Io, write), ffi::SQLITE_IOERR_WRITE);
    assert_eq!(code(Operation::Write, Failure::Full, write), ffi::SQLITE_FULL);
    assert_eq!(code(Operation::Sync, Failure::Io, write), ffi::SQLITE_IOERR_FSYNC);
    assert_eq!(
        code(Operation::Truncate, Failure::Io, truncate),
        ffi::SQLITE_IOERR_TRUNCATE
    );
}

#[test]
fn a_full_disk_refuses_and_has_room_again() {
    for mode in [WAL_FULL, JOURNAL_EXTRA] {
        let till = empty_till(mode);
        let mut refused = 0;
        for capacity in (8_000..200_000).step_by(3_000) {
            let disk = disk_with(&till, 1);
            disk.limit_bytes(capacity);
            let mut book = Book::default();
            book.work(&disk, mode);
            refused += usize::from(book.acknowledged.len() < 7);
            assert_usable(&disk, mode, book, Crash::Subset, &format!("{mode:?} {capacity} bytes"));
        }
        assert!((5..60).contains(&refused), "{refused} of the sizes were too small");
    }
}

#[test]
fn a_full_disk_says_so() {
    let disk = disk_with(&empty_till(WAL_FULL), 1);
    let db = open_in(&disk, WAL_FULL).unwrap();
    disk.limit_bytes(16_000);
    let refused = commit(&db, 1).unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(ErrorCode::DiskFull));
}

#[test]
fn failures_by_chance_leave_the_till_right() {
    let till = empty_till(WAL_FULL);
    let mut failed = 0;
    for seed in 0..300 {
        let disk = disk_with(&till, seed);
        disk.fail_one_in(NonZeroU64::new(60).unwrap());
        let mut book = Book::default();
        book.work(&disk, WAL_FULL);
        failed += usize::from(book.acknowledged.len() < 7);
        disk.crash(Crash::Subset);
        disk.heal();
        assert_eq!(book.check(&disk), Ok(()), "seed {seed}");
    }
    assert!((100..300).contains(&failed), "{failed} of 300 met a failure");
}

/// A plan of one kind counts operations of that kind only.
#[test]
fn plans_count_what_they_concern() {
    let disk = disk_with(&empty_till(WAL_FULL), 1);
    let db = open_in(&disk, WAL_FULL).unwrap();
    disk.plan(Plan {
        operation: Some(Operation::Sync),
        nth: 3,
        fault: Fault::Once(Failure::Io),
    });
    // The first commit into a new log syncs its header and itself.
    assert!(commit(&db, 1).is_ok());
    assert!(commit(&db, 2).is_err());
    assert!(commit(&db, 3).is_ok());
    drop(db);
    let last: i64 = open(&disk)
        .unwrap()
        .query_row("select last from canary", [], |row| row.get(0))
        .unwrap();
    assert_eq!(last, 3);
}
