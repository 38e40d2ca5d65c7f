//! The sandbox's memory beyond its process: one JSON line for everything a request changed, appended before it is answered.
//!
//! The line is in the kernel's hands when the answer leaves, so it survives a killed process. It is not flushed to the disk: a power cut may
//! take the last lines, as it is a toy bank.

use super::books::Line;
use crate::kernel::{Error, MayFail, Result};
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

pub(super) struct Journal {
    file: File,
    /// What a full disk did not take yet, from where it stopped: half a line must not become part of the next one.
    unwritten: Vec<u8>,
}

impl Journal {
    /// Opens or makes the file and gives every whole line to `apply`. A torn last line is cut off: its request was never answered.
    ///
    /// `None` if another process keeps these books: a command beside a running server reads them, and must not touch their end.
    pub fn open(path: &Path, mut apply: impl FnMut(Line)) -> Result<Option<Self>> {
        let cannot = |error: std::io::Error| {
            Error::internal(format!("cannot use the sandbox's journal {}", path.display())).because(error)
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(cannot)?;
        }
        let mut file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(cannot)?;
        let ours = file.try_lock().is_ok();
        let mut reader = BufReader::new(&file);
        let mut whole = 0;
        let mut text = String::new();
        loop {
            text.clear();
            let length = reader.read_line(&mut text).map_err(cannot)?;
            if length == 0 || !text.ends_with('\n') {
                break;
            }
            let line = serde_json::from_str(&text).map_err(|error| {
                Error::internal(format!("the sandbox's journal is damaged after {whole} bytes")).because(error)
            })?;
            apply(line);
            whole += length as u64;
        }
        if !ours {
            return Ok(None);
        }
        file.set_len(whole).map_err(cannot)?;
        file.seek(SeekFrom::End(0)).map_err(cannot)?;
        let unwritten = Vec::new();
        Ok(Some(Self { file, unwritten }))
    }

    pub fn append(&mut self, line: &Line) {
        serde_json::to_writer(&mut self.unwritten, line).expect("own types serialise");
        self.unwritten.push(b'\n');
        self.write().may_fail(
            "a full disk must not stop the sandbox from answering; its books are right, and are written down with the next line there is room for",
        );
    }

    fn write(&mut self) -> std::io::Result<()> {
        while !self.unwritten.is_empty() {
            match self.file.write(&self.unwritten) {
                Ok(0) => return Err(std::io::ErrorKind::WriteZero.into()),
                Ok(written) => drop(self.unwritten.drain(..written)),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_full_disk_did_not_take_is_written_when_there_is_room() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let mut journal = Journal::open(&path, drop).unwrap().unwrap();
        let room = std::mem::replace(
            &mut journal.file,
            File::options().write(true).open("/dev/full").unwrap(),
        );
        journal.append(&Line::default());
        assert_eq!(std::fs::read(&path).unwrap(), b"");
        journal.file = room;
        journal.append(&Line::default());
        drop(journal);
        let mut lines = 0;
        Journal::open(&path, |_| lines += 1).unwrap();
        assert_eq!(lines, 2);
    }
}
