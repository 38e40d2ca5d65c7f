//! The same seed twice: the same operations, the same survivors.
//!
//! The log's salts come from SQLite's generator, which other tests of this process use as well; with that one seeded
//! too, every byte is the same, which a test beside the crate shows in a process of its own.

use std::num::NonZeroU64;

use crate::tests::{Book, FILE, WAL_NORMAL, disk_with, empty_till, open};
use crate::{Crash, Fault, Image, Plan, Step};

#[derive(PartialEq, Eq, Debug)]
struct Story {
    trace: Vec<Step>,
    operations: u64,
    lengths: Vec<(String, usize)>,
    database: Option<Vec<u8>>,
    book: String,
}

fn story(till: &Image, seed: u64, crash: Crash) -> Story {
    let disk = disk_with(till, seed);
    disk.record();
    disk.fail_one_in(NonZeroU64::new(80).unwrap());
    disk.plan(Plan {
        operation: None,
        nth: 40 + seed,
        fault: Fault::PowerCut(crash),
    });
    let mut book = Book::default();
    book.work(&disk, WAL_NORMAL);
    disk.heal();
    // Opening recovers, closing checkpoints: what survived is in the database then.
    drop(open(&disk).and_then(|db| db.query_row("select last from canary", [], |_| Ok(()))));
    let names = disk.snapshot();
    Story {
        trace: disk.trace(),
        operations: disk.operations(),
        lengths: names.into_iter().map(|(name, bytes)| (name, bytes.len())).collect(),
        database: disk.image(FILE),
        book: format!("{book:?}"),
    }
}

#[test]
fn the_same_seed_tells_the_same_story_and_another_seed_another() {
    let till = empty_till(WAL_NORMAL);
    let mut told: Vec<Story> = Vec::new();
    for crash in [Crash::Prefix, Crash::Subset, Crash::Torn] {
        for seed in 0..20 {
            let (first, second) = (story(&till, seed, crash), story(&till, seed, crash));
            assert_eq!(first, second, "{crash:?} {seed}");
            told.push(first);
        }
    }
    told.dedup();
    assert!(told.len() > 50);
}
