//! The power is cut in every operation of the work, in every way, and once more during the recovery.

use crate::draw::Draw;
use crate::tests::{
    Book, Broken, FILE, JOURNAL_EXTRA, JOURNAL_FULL, LOG, Mode, WAL_FULL, WAL_NORMAL, WAL_OFF, checkpoint, commit,
    disk_with, empty_till, open, open_in, operations,
};
use crate::{Crash, Fault, Image, Plan};

#[derive(Debug)]
struct Cut {
    crash: Crash,
    nth: u64,
    seed: u64,
}

fn plan(nth: u64, crash: Crash) -> Plan {
    Plan {
        operation: None,
        nth,
        fault: Fault::PowerCut(crash),
    }
}

fn cut(till: &Image, mode: Mode, cut: &Cut) -> Result<(), Broken> {
    let disk = disk_with(till, cut.seed);
    disk.plan(plan(cut.nth, cut.crash));
    let mut book = Book::default();
    book.work(&disk, mode);
    disk.heal();
    let while_recovering = Draw::new(cut.seed ^ cut.nth).index(16) as u64;
    disk.plan(plan(1 + while_recovering, cut.crash));
    if let Ok(db) = open(&disk) {
        // Most of these are cut off; whether they are does not matter.
        let _ = checkpoint(&db, "passive");
    }
    disk.heal();
    book.check(&disk)
}

/// All cuts, and what the check found after them.
fn table(mode: Mode, seeds: u64) -> impl Iterator<Item = (Cut, Result<(), Broken>)> {
    let till = empty_till(mode);
    let operations = operations(&till, mode);
    let cuts = Crash::ALL.into_iter().flat_map(move |crash| {
        (1..=operations).flat_map(move |nth| (0..seeds).map(move |seed| Cut { crash, nth, seed }))
    });
    cuts.map(move |each| {
        let found = cut(&till, mode, &each);
        (each, found)
    })
}

#[test]
fn an_acknowledged_commit_outlives_every_power_cut() {
    for mode in [WAL_FULL, JOURNAL_EXTRA] {
        for (cut, found) in table(mode, 3) {
            assert_eq!(found, Ok(()), "{mode:?} {cut:?}");
        }
    }
}

#[test]
fn a_log_that_is_not_synced_loses_commits_but_is_never_wrong() {
    let mut lost = 0;
    for (cut, found) in table(WAL_NORMAL, 1) {
        match found {
            Ok(()) => {}
            Err(Broken::Lost(_)) => lost += 1,
            Err(other) => panic!("{cut:?}: {other:?}"),
        }
    }
    assert!(lost > 100, "only {lost} power cuts lost a commit");
}

/// The deleted journal comes back and undoes the commit: what `synchronous=EXTRA` is for.
#[test]
fn a_journal_whose_end_is_not_synced_loses_commits_but_is_never_wrong() {
    let mut lost = 0;
    for (cut, found) in table(JOURNAL_FULL, 1) {
        match found {
            Ok(()) => {}
            Err(Broken::Lost(_)) => lost += 1,
            Err(other) => panic!("{cut:?}: {other:?}"),
        }
    }
    assert!(lost > 5, "only {lost} power cuts lost a commit");
}

#[test]
fn a_database_that_is_never_synced_gets_corrupt() {
    let found: Vec<Broken> = table(WAL_OFF, 1).filter_map(|(_, found)| found.err()).collect();
    let count = |kind: fn(&Broken) -> bool| found.iter().filter(|broken| kind(broken)).count();
    assert!(count(|broken| matches!(broken, Broken::Lost(_))) > 100);
    assert!(count(|broken| matches!(broken, Broken::Corrupt(_) | Broken::Wrong(_))) > 10);
}

/// The log is as long as if the second commit had come, but some sector of it did not: only the checksum can tell.
#[test]
fn a_torn_commit_is_told_by_its_checksum() {
    let till = empty_till(WAL_NORMAL);
    let mut told = 0;
    for seed in 0..200 {
        let disk = disk_with(&till, seed);
        let db = open_in(&disk, WAL_FULL).unwrap();
        commit(&db, 1).unwrap();
        db.pragma_update(None, "synchronous", WAL_NORMAL.synchronous).unwrap();
        commit(&db, 2).unwrap();
        let written = disk.content(LOG).unwrap();
        disk.crash(Crash::Torn);
        let survived = disk.content(LOG).unwrap();
        let only_the_first = Book {
            attempted: [1].into(),
            acknowledged: [1].into(),
        };
        assert_eq!(only_the_first.check(&disk), Ok(()), "seed {seed}");
        told += usize::from(survived.len() == written.len());
    }
    assert!(
        (3..100).contains(&told),
        "{told} of 200 logs were torn in their last write"
    );
}

#[test]
fn connections_of_before_get_errors_and_do_not_disturb_those_after() {
    let till = empty_till(WAL_FULL);
    let disk = disk_with(&till, 1);
    let (before, reader) = (open_in(&disk, WAL_FULL).unwrap(), open_in(&disk, WAL_FULL).unwrap());
    commit(&before, 1).unwrap();
    before.execute_batch("begin immediate; delete from entry").unwrap();
    disk.crash(Crash::KeepUnsynced);
    let after = open_in(&disk, WAL_FULL).unwrap();
    commit(&after, 2).unwrap();
    for (old, statement) in [(&before, "commit"), (&reader, "select last from canary")] {
        let refused = old.execute_batch(statement).unwrap_err();
        assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::SystemIoFailure));
    }
    drop((before, reader));
    commit(&after, 3).unwrap();
    let book = Book {
        attempted: [1, 2, 3].into(),
        acknowledged: [1, 2, 3].into(),
    };
    assert_eq!(book.check(&disk), Ok(()));
}

#[test]
fn an_image_can_be_taken_away_and_put_back() {
    let till = empty_till(WAL_FULL);
    let disk = disk_with(&till, 1);
    let db = open_in(&disk, WAL_FULL).unwrap();
    commit(&db, 1).unwrap();
    let one = disk.snapshot();
    assert_eq!(disk.image(FILE), one.get(FILE).cloned());
    commit(&db, 2).unwrap();
    disk.restore(&one);
    assert!(commit(&db, 3).is_err());
    let book = Book {
        attempted: [1].into(),
        acknowledged: [1].into(),
    };
    assert_eq!(book.check(&disk), Ok(()));
    assert_eq!(book.check(&disk_with(&one, 9)), Ok(()));
}
