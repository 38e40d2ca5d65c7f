//! How fast it is. Printed with `cargo test -p vfs speed -- --nocapture`, and not asserted: machines differ.

use std::time::Instant;

use crate::Crash;
use crate::tests::{WAL_FULL, disk_with, empty_till, open_in};

#[test]
fn commits_and_crashes_in_a_second() {
    const COMMITS: u32 = 5_000;
    const CRASHES: u32 = 300;
    let disk = disk_with(&empty_till(WAL_FULL), 1);
    let db = open_in(&disk, WAL_FULL).unwrap();
    db.pragma_update(None, "wal_autocheckpoint", 1000).unwrap();
    let start = Instant::now();
    for _ in 0..COMMITS {
        let mut update = db.prepare_cached("update canary set commits = commits + 1").unwrap();
        update.execute([]).unwrap();
    }
    println!(
        "{:.0} commits a second",
        f64::from(COMMITS) / start.elapsed().as_secs_f64()
    );

    let start = Instant::now();
    for _ in 0..CRASHES {
        disk.crash(Crash::Torn);
        let db = open_in(&disk, WAL_FULL).unwrap();
        db.execute_batch("update canary set commits = commits + 1").unwrap();
    }
    println!(
        "{:.0} times a second a crash, a recovery and a commit",
        f64::from(CRASHES) / start.elapsed().as_secs_f64()
    );
}
