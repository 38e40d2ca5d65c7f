//! Consistent copies while selling, and their way back. Media and events go along; a manifest says what belongs together.

use super::{Engine, sqlite};
use crate::kernel::{Error, Result, Time};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest.json";
/// The database files of a data folder; everything under `media/` goes along as it is.
const BOOKS: [&str; 2] = ["hawker.db", "events.db"];

/// What a backup holds: every file with its SHA-256.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    pub made_at: Time,
    pub program: String,
    pub files: BTreeMap<String, String>,
}

fn io(what: &str, path: &Path) -> impl Fn(std::io::Error) -> Error {
    let message = format!("cannot {what} {}", path.display());
    move |error| Error::internal(message.clone()).because(error)
}

/// Copies the data folder `from` into the new folder `to`. The server may go on selling.
///
/// Databases are copied first: media files are never changed or removed, so every file a copied row names is there afterwards.
pub fn backup(from: &Path, to: &Path, now: Time) -> Result<Manifest> {
    if to.exists() {
        return Err(Error::conflict(
            "target_exists",
            format!("{} exists already. Name a new folder.", to.display()),
        ));
    }
    std::fs::create_dir_all(to).map_err(io("create", to))?;
    for book in BOOKS {
        if from.join(book).exists() {
            copy_database(&from.join(book), &to.join(book))?;
        }
    }
    for path in walk(from, Path::new("media"))? {
        let target = to.join(&path);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        }
        std::fs::copy(from.join(&path), &target).map_err(io("copy", &path))?;
    }
    let mut files = BTreeMap::new();
    for path in walk(to, Path::new(""))? {
        files.insert(path.to_string_lossy().into_owned(), digest(&to.join(&path))?);
    }
    let manifest = Manifest {
        made_at: now,
        program: env!("CARGO_PKG_VERSION").into(),
        files,
    };
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|error| Error::internal("the manifest cannot be written").because(error))?;
    std::fs::write(to.join(MANIFEST), text).map_err(io("write", to))?;
    Ok(manifest)
}

/// SQLite's online backup: a consistent snapshot, page by page, restarted by itself when a writer comes between.
fn copy_database(from: &Path, to: &Path) -> Result<()> {
    let source = rusqlite::Connection::open_with_flags(from, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(sqlite::failed)?;
    let mut target = rusqlite::Connection::open(to).map_err(sqlite::failed)?;
    // In one step: a snapshot held for the whole copy cannot be restarted for ever by a busy writer.
    rusqlite::backup::Backup::new(&source, &mut target)
        .and_then(|backup| backup.run_to_completion(i32::MAX, std::time::Duration::from_millis(5), None))
        .map_err(sqlite::failed)
}

/// Checks every file against the manifest, and the databases for integrity. Errors name the first file that is wrong.
pub fn verify(folder: &Path) -> Result<Manifest> {
    let text = std::fs::read_to_string(folder.join(MANIFEST)).map_err(io("read the manifest of", folder))?;
    let manifest: Manifest = serde_json::from_str(&text).map_err(|error| {
        Error::internal("the manifest cannot be read: this is no backup, or it is damaged").because(error)
    })?;
    for (name, expected) in &manifest.files {
        let path = folder.join(name);
        if digest(&path)? != *expected {
            return Err(Error::internal(format!(
                "{name} is damaged: its SHA-256 is not the manifest's. Use another backup."
            )));
        }
        if BOOKS.contains(&name.as_str()) {
            check_database(&path)?;
        }
    }
    Ok(manifest)
}

/// SQLite's own check of every page and index.
pub(super) fn check_database(path: &Path) -> Result<()> {
    let connection = rusqlite::Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
        .map_err(sqlite::failed)?;
    let answer: String = connection
        .query_row("pragma integrity_check(1)", [], |row| row.get(0))
        .map_err(sqlite::failed)?;
    if answer == "ok" {
        return Ok(());
    }
    Err(Error::internal(format!(
        "{} is damaged ({answer}). Restore a backup: hawker restore.",
        path.display()
    )))
}

/// Puts a verified backup into the new data folder `to`, raises the epoch and freezes outgoing money.
///
/// What was sold after the backup is known to the processors and not to us: until their books were compared, nothing is captured or refunded.
pub fn restore(from: &Path, to: &Path) -> Result<Manifest> {
    let manifest = verify(from)?;
    if to.join(BOOKS[0]).exists() {
        return Err(Error::conflict(
            "target_exists",
            format!("{} already holds a shop. Name a new folder.", to.display()),
        ));
    }
    for name in manifest.files.keys() {
        let target = to.join(name);
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(io("create", folder))?;
        }
        std::fs::copy(from.join(name), &target).map_err(io("copy", &target))?;
    }
    let connection = rusqlite::Connection::open(to.join(BOOKS[0])).map_err(sqlite::failed)?;
    connection
        .execute(
            "update installation set epoch = epoch + 1, frozen = ?1",
            [manifest.made_at.0.max(1)], // Zero is thawed.
        )
        .map_err(sqlite::failed)?;
    Ok(manifest)
}

impl super::Db {
    /// Checks the open database file, page by page. PostgreSQL has its own tools for that.
    pub fn check(&self) -> Result<()> {
        match self.engine() {
            Engine::Sqlite(path) => check_database(path),
            Engine::Postgres(_) => Ok(()),
        }
    }
}

/// All files below `root/below`, relative to `root`, in order.
fn walk(root: &Path, below: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let folder = root.join(below);
    if !folder.exists() {
        return Ok(found);
    }
    for entry in std::fs::read_dir(&folder).map_err(io("read", &folder))? {
        let entry = entry.map_err(io("read", &folder))?;
        let path = below.join(entry.file_name());
        if entry.path().is_dir() {
            found.extend(walk(root, &path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn digest(path: &Path) -> Result<String> {
    let mut file = std::fs::File::open(path).map_err(io("read", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(io("read", path))?;
        if read == 0 {
            return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        hasher.update(&buffer[..read]);
    }
}
