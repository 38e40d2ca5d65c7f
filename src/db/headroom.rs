//! Space kept aside: when the disk is full, new sales stop first, and captures, refunds and deliveries already begun still end.

use super::Engine;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// A file of zeros beside the database, deleted when the disk is full and written again when there is room.
pub(super) struct Headroom {
    file: Option<PathBuf>,
    bytes: u64,
}

impl Headroom {
    pub(super) fn lay_aside(engine: &Engine, bytes: u64) -> Self {
        let file = match engine {
            Engine::Sqlite(path) if bytes > 0 => Some(path.with_extension("headroom")),
            _ => None,
        };
        let headroom = Self { file, bytes };
        if let Some(file) = headroom.file.as_deref()
            && let Err(error) = headroom.write(file)
        {
            tracing::warn!(%error, "the disk has no room for the headroom");
        }
        headroom
    }

    fn write(&self, file: &Path) -> std::io::Result<()> {
        if std::fs::metadata(file).is_ok_and(|meta| meta.len() == self.bytes) {
            return Ok(());
        }
        let zeros = vec![0u8; 1 << 20];
        let mut out = std::fs::File::create(file)?;
        let mut left = self.bytes;
        while left > 0 {
            let part = left.min(zeros.len() as u64);
            let part_len = usize::try_from(part).unwrap_or(zeros.len());
            if let Err(error) = out.write_all(&zeros[..part_len]) {
                drop(std::fs::remove_file(file)); // A half-written headroom would only eat the room that is left.
                return Err(error);
            }
            left -= part;
        }
        out.sync_all()
    }

    /// When full: free the headroom. When it can be written again: sales may go on.
    pub(super) fn mind(&self, full: &AtomicBool) {
        let Some(file) = self.file.as_deref() else {
            full.store(false, Ordering::SeqCst);
            return;
        };
        if !full.load(Ordering::SeqCst) {
            if let Err(error) = self.write(file) {
                tracing::error!(%error, "the disk is nearly full: new sales are refused");
                full.store(true, Ordering::SeqCst);
            }
            return;
        }
        if file.exists() {
            drop(std::fs::remove_file(file));
            return; // One round with the room free, before asking for it again.
        }
        // Twice the room must be free before sales go on, so that the flag does not flutter.
        let spare = file.with_extension("spare");
        if self.write(&spare).is_ok() && self.write(file).is_ok() {
            tracing::info!("the disk has room again: sales go on");
            full.store(false, Ordering::SeqCst);
        } else {
            drop(std::fs::remove_file(file));
        }
        drop(std::fs::remove_file(&spare));
    }
}
