//! One file: the bytes everybody reads, the bytes that would survive, and the changes between the two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::SECTOR;
use crate::draw::Draw;
use crate::locks::{Level, SharedMemory};
use crate::medium::HandleId;

pub struct File {
    /// `None` for SQLite's temporary files, which nobody looks for after a power cut.
    pub name: Option<Arc<str>>,
    content: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(Order, Change)>,
    /// The handles whose next sync secures all names, not only this file's.
    pub syncs_directory: BTreeSet<HandleId>,
    /// How many handles are open; one of them may outlive the name.
    pub handles: usize,
    pub locks: BTreeMap<HandleId, Level>,
    pub memory: Option<SharedMemory>,
}

/// Files grow by so much at least, in bytes.
const ROOM: usize = 1 << 20;

/// The place of a change among all changes of the disk.
pub type Order = u64;

pub enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { length: usize },
}

/// What a power cut makes of one change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Kept,
    Torn,
    Lost,
}

impl File {
    /// A file that is on the disk already.
    pub fn holding(name: Option<Arc<str>>, bytes: Vec<u8>) -> Self {
        Self {
            name,
            content: bytes.clone(),
            durable: bytes,
            unsynced: Vec::new(),
            syncs_directory: BTreeSet::new(),
            handles: 0,
            locks: BTreeMap::new(),
            memory: None,
        }
    }

    pub fn content(&self) -> &[u8] {
        &self.content
    }

    pub fn durable(&self) -> &[u8] {
        &self.durable
    }

    pub fn change(&mut self, order: Order, change: Change) {
        change.apply(&mut self.content);
        if self.name.is_some() {
            self.unsynced.push((order, change));
        }
    }

    pub fn sync(&mut self) {
        for (_, change) in self.unsynced.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    /// After a sync that failed the system believes these changes written: they are read back, and no later sync writes
    /// those that did not come.
    pub fn sync_badly(&mut self, draw: &mut Draw) {
        for (_, change) in self.unsynced.drain(..) {
            if draw.coin() {
                change.apply(&mut self.durable);
            }
        }
    }

    /// The orders of all unsynced changes; `true` for writes that can be torn.
    pub fn unsynced(&self) -> impl Iterator<Item = (Order, bool)> {
        self.unsynced.iter().map(|(order, change)| (*order, change.can_tear()))
    }

    /// All that was written stays.
    pub fn keep_all(&mut self) {
        self.unsynced.clear();
        self.durable.clone_from(&self.content);
        self.forget_users();
    }

    pub fn lose_power(&mut self, mut fate: impl FnMut(Order, &mut Draw) -> Fate, draw: &mut Draw) {
        for (order, change) in self.unsynced.drain(..) {
            match fate(order, draw) {
                Fate::Kept => change.apply(&mut self.durable),
                Fate::Torn => change.apply_torn(&mut self.durable, draw),
                Fate::Lost => {}
            }
        }
        self.content.clone_from(&self.durable);
        self.forget_users();
    }

    fn forget_users(&mut self) {
        self.handles = 0;
        self.locks.clear();
        self.syncs_directory.clear();
        self.memory = None;
    }
}

impl Change {
    fn apply(&self, target: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => put(target, *offset, bytes),
            Self::Truncate { length } => target.truncate(*length),
        }
    }

    fn can_tear(&self) -> bool {
        matches!(self, Self::Write { offset, bytes } if pieces(*offset, bytes).nth(1).is_some())
    }

    /// Some sectors come and at least one does not, as with a disk that orders its own work.
    fn apply_torn(&self, target: &mut Vec<u8>, draw: &mut Draw) {
        let Self::Write { offset, bytes } = self else {
            return;
        };
        let count = pieces(*offset, bytes).count();
        let (kept, lost) = (draw.index(count), draw.index(count));
        for (index, (offset, piece)) in pieces(*offset, bytes).enumerate() {
            if index != lost && (index == kept || draw.coin()) {
                put(target, offset, piece);
            }
        }
    }
}

/// A write that goes beyond the end leaves zeros in between, as files have it.
fn put(target: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if target.len() < end {
        if target.capacity() < end {
            target.reserve((end - target.len()).max(ROOM)); // A log grows page by page, and is not copied each time.
        }
        target.resize(end, 0);
    }
    target[offset..end].copy_from_slice(bytes);
}

/// A write cut where the disk's sectors begin.
pub fn pieces(offset: usize, bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let head = (SECTOR - offset % SECTOR).min(bytes.len());
    let (head, rest) = bytes.split_at(head);
    let start = offset + head.len();
    let tail = rest.chunks(SECTOR).enumerate();
    std::iter::once((offset, head)).chain(tail.map(move |(index, piece)| (start + index * SECTOR, piece)))
}
