//! Before a database file is opened for serving: is it what was written? A page or a part of the log that was changed by nobody of ours is found now, and not
//! by a buyer.
//!
//! The log (WAL) first: SQLite takes the first part of it that does not add up for the end, as after a power cut, and would silently forget every commit
//! behind it. After a power cut nothing behind it was synced; so a whole commit behind it, with more written after that, is damage. Then the pages, by SQLite's own
//! quick check. What nobody can see there (a letter of a text that became another one) the chains of the ledger and of the drops' archives show
//! to `hawker verify`, and a backup's manifest to `hawker restore`.

use super::sqlite;
use crate::kernel::{Error, Result};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Larger files are not read whole before each start: `hawker verify` does.
const CHECKED_MAX: u64 = 1 << 30;

/// Looks a file and its log over. Nothing there is nothing wrong. Errors say what is damaged and what to do.
pub(super) fn look(path: &Path) -> Result<()> {
    let Ok(size) = std::fs::metadata(path).map(|file| file.len()) else {
        return Ok(());
    };
    if size == 0 {
        return Ok(());
    }
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let log = PathBuf::from(log);
    if let Ok(mut file) = std::fs::File::open(&log) {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)
            .map_err(|error| damaged(&log, &error.to_string()))?;
        if let Some(frame) = broken_frame(&bytes) {
            return Err(damaged(
                &log,
                &format!("part {frame} of the log does not add up, and commits follow it"),
            ));
        }
    }
    if size > CHECKED_MAX {
        tracing::info!(file = %path.display(), "too large to be checked before each start; `hawker verify` reads every page");
        return Ok(());
    }
    quick_check(path)
}

fn quick_check(path: &Path) -> Result<()> {
    let broken = |error: rusqlite::Error| damaged(path, &error.to_string());
    // Not read-only: the log may have to be read in.
    let connection = rusqlite::Connection::open(path).map_err(sqlite::failed)?;
    connection
        .busy_timeout(std::time::Duration::from_secs(5))
        .map_err(sqlite::failed)?;
    // What the log holds stays there until the server itself puts it into the file.
    connection
        .set_db_config(rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(sqlite::failed)?;
    let answer: String = connection
        .query_row("pragma quick_check(1)", [], |row| row.get(0))
        .map_err(broken)?;
    if answer == "ok" {
        Ok(())
    } else {
        Err(damaged(path, &answer))
    }
}

fn damaged(path: &Path, why: &str) -> Error {
    Error::internal(format!(
        "{} is damaged: {why}. Nothing was served from it. Keep a copy of the folder, look at the disk, and put back the newest backup that \
         `hawker verify FOLDER` says is whole: `hawker restore FOLDER`.",
        path.display()
    ))
}

const HEADER: usize = 32;
const FRAME_HEADER: usize = 24;

/// The first part of a log that does not add up while whole commits follow it, from 1. None: the log is whole, or ends as after a power cut.
fn broken_frame(log: &[u8]) -> Option<usize> {
    let word = |at: usize| {
        log.get(at..at + 4)
            .map(|word| u32::from_be_bytes(word.try_into().unwrap_or_default()))
    };
    let big = match word(0)? {
        0x377f_0682 => false,
        0x377f_0683 => true,
        _ => return None, // Not begun.
    };
    let page = usize::try_from(word(8)?).ok()?;
    if !(512..=65_536).contains(&page) {
        return None;
    }
    let salt = log.get(16..24)?;
    let seed = (word(24)?, word(28)?);
    let mut frames = Vec::new();
    let mut at = HEADER;
    let mut before = seed;
    while let Some(frame) = log.get(at..at + FRAME_HEADER + page) {
        // What an earlier log left behind has another salt; so has what was never written.
        let ours = &frame[8..16] == salt;
        let sums = sum(&frame[..8], before, big);
        let sums = sum(&frame[FRAME_HEADER..], sums, big);
        let kept = (word(at + 16)?, word(at + 20)?);
        frames.push(Frame {
            ours,
            whole: ours && sums == kept,
            commit: word(at + 4)? != 0,
        });
        // Each is judged by what the one before it says of itself: so those behind a broken one can be whole.
        before = kept;
        at += FRAME_HEADER + page;
    }
    let first = frames.iter().position(|frame| !frame.whole)?;
    let behind = &frames[first..];
    let commit = behind
        .iter()
        .position(|frame| frame.commit && (frame.whole || frame.ours))?;
    let goes_on = behind[commit + 1..].iter().any(|frame| frame.whole);
    // The last commit's own parts may be missing after a power cut; one that others were written behind was synced.
    goes_on.then_some(first + 1)
}

struct Frame {
    ours: bool,
    whole: bool,
    commit: bool,
}

/// SQLite's checksum of a log, over pairs of words.
fn sum(bytes: &[u8], (mut first, mut second): (u32, u32), big: bool) -> (u32, u32) {
    let read = |word: &[u8]| {
        let word: [u8; 4] = word.try_into().unwrap_or_default();
        if big {
            u32::from_be_bytes(word)
        } else {
            u32::from_le_bytes(word)
        }
    };
    for pair in bytes.chunks_exact(8) {
        first = first.wrapping_add(read(&pair[..4])).wrapping_add(second);
        second = second.wrapping_add(read(&pair[4..])).wrapping_add(first);
    }
    (first, second)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file in WAL mode with several commits in its log, as a killed program leaves it.
    fn left_behind(folder: &Path) -> PathBuf {
        let (lives, dead) = (folder.join("lives.db"), folder.join("dead.db"));
        let connection = rusqlite::Connection::open(&lives).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        connection
            .execute_batch("create table t (id integer primary key, text text) strict; create index i on t (text);")
            .unwrap();
        for number in 0..40 {
            connection
                .execute(
                    "insert into t (text) values (?1)",
                    [format!("row {number} {}", "x".repeat(500))],
                )
                .unwrap();
        }
        for number in 0..12 {
            connection
                .execute("insert into t (text) values (?1)", [format!("more {number}")])
                .unwrap();
        }
        let log = |path: &Path| PathBuf::from(format!("{}-wal", path.display()));
        std::fs::copy(&lives, &dead).unwrap();
        std::fs::copy(log(&lives), log(&dead)).unwrap();
        dead
    }

    fn flip(path: &Path, at: u64) {
        let mut bytes = std::fs::read(path).unwrap();
        bytes[usize::try_from(at).unwrap()] ^= 0x10;
        std::fs::write(path, bytes).unwrap();
    }

    #[test]
    fn s7_a_file_as_a_killed_program_leaves_it_is_whole_and_so_is_one_that_a_power_cut_shortened() {
        let folder = tempfile::tempdir().unwrap();
        let file = left_behind(folder.path());
        look(&file).unwrap();
        let log = PathBuf::from(format!("{}-wal", file.display()));
        let whole = std::fs::read(&log).unwrap();
        for cut in [0, 20, HEADER, whole.len() / 2, whole.len() - 1] {
            assert_eq!(broken_frame(&whole[..cut]), None, "cut at {cut}");
        }
        // A torn last part: as when the power went while it was written.
        let mut torn = whole;
        let last = torn.len() - 100;
        torn[last..].fill(0);
        assert_eq!(broken_frame(&torn), None);
    }

    #[test]
    fn s7_a_flipped_bit_in_the_log_is_found_before_commits_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let file = left_behind(folder.path());
        let log = PathBuf::from(format!("{}-wal", file.display()));
        let whole = std::fs::read(&log).unwrap();
        let frame = FRAME_HEADER + 4096;
        let frames = (whole.len() - HEADER) / frame;
        assert!(frames > 8, "{frames}");
        for number in [0, 1, frames / 2, frames - 9] {
            for offset in [0, 5, 17, FRAME_HEADER, FRAME_HEADER + 2000] {
                let at = HEADER + number * frame + offset;
                let mut bytes = whole.clone();
                bytes[at] ^= 0x04;
                let found = broken_frame(&bytes);
                assert!(found.is_some(), "part {number}, byte {offset}: {found:?}");
            }
        }
        flip(&log, u64::try_from(HEADER + frame + 100).unwrap());
        let refused = look(&file).unwrap_err();
        assert!(refused.detail.contains("hawker restore"), "{}", refused.detail);
    }

    #[test]
    fn s7_a_flipped_bit_in_a_page_is_found_before_it_is_served() {
        let folder = tempfile::tempdir().unwrap();
        for at in [0u64, 16, 100, 4096, 4096 + 3, 2 * 4096] {
            let own = folder.path().join(format!("{at}"));
            std::fs::create_dir_all(&own).unwrap();
            let file = left_behind(&own);
            let connection = rusqlite::Connection::open(&file).unwrap();
            connection
                .query_row("pragma wal_checkpoint(truncate)", [], |_| Ok(()))
                .unwrap();
            drop(connection);
            look(&file).unwrap();
            flip(&file, at);
            let refused = look(&file).expect_err(&format!("byte {at}"));
            assert!(refused.detail.contains("is damaged"), "{}", refused.detail);
        }
    }
}
