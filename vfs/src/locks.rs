//! Who may read and write: locks on a whole file, and the memory and locks that the users of one log share.
//!
//! The rules are those of SQLite's VFS for Unix. A lock is never waited for: who cannot have it is told `SQLITE_BUSY`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rusqlite::ffi;

use crate::medium::HandleId;

/// In the order of SQLite's `SQLITE_LOCK_…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub enum Level {
    #[default]
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

impl Level {
    pub fn of(code: i32) -> Self {
        match code {
            ffi::SQLITE_LOCK_SHARED => Self::Shared,
            ffi::SQLITE_LOCK_RESERVED => Self::Reserved,
            ffi::SQLITE_LOCK_PENDING => Self::Pending,
            ffi::SQLITE_LOCK_EXCLUSIVE => Self::Exclusive,
            _ => Self::None,
        }
    }
}

/// Raises the lock of `me`, or answers `false`: busy.
pub fn raise(locks: &mut BTreeMap<HandleId, Level>, me: HandleId, wanted: Level) -> bool {
    let mine = locks.get(&me).copied().unwrap_or_default();
    if mine >= wanted {
        return true;
    }
    let others = locks.iter().filter(|(id, _)| **id != me).map(|(_, level)| *level);
    let highest = others.max().unwrap_or_default();
    let free = match wanted {
        Level::None => true,
        Level::Shared => highest < Level::Pending,
        Level::Reserved | Level::Pending => highest < Level::Reserved,
        Level::Exclusive => highest == Level::None,
    };
    if free {
        locks.insert(me, wanted);
    } else if wanted == Level::Exclusive && mine == Level::Reserved && highest == Level::Shared {
        // No new readers while the writer waits for the last one, or it would wait for ever.
        locks.insert(me, Level::Pending);
    }
    free
}

pub fn lower(locks: &mut BTreeMap<HandleId, Level>, me: HandleId, wanted: Level) {
    if locks.get(&me).is_some_and(|mine| *mine > wanted) {
        locks.insert(me, wanted);
    }
}

/// One piece of shared memory. Only SQLite reads and writes it, through its address; a handle that was given the
/// address keeps the piece alive, also when a power cut has made the file forget it.
pub type Region = Arc<[AtomicU64]>;

#[derive(Default)]
pub struct SharedMemory {
    regions: Vec<Region>,
    users: BTreeMap<HandleId, Held>,
}

/// One bit a lock.
#[derive(Clone, Copy, Default)]
struct Held {
    shared: u8,
    exclusive: u8,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Shared,
    Exclusive,
}

impl SharedMemory {
    /// The region, made of zeros if it is new and the caller wants it made.
    pub fn region(&mut self, me: HandleId, index: usize, bytes: usize, make: bool) -> Option<Region> {
        self.users.entry(me).or_default();
        while make && self.regions.len() <= index {
            let words = bytes.div_ceil(size_of::<AtomicU64>());
            self.regions.push((0..words).map(|_| AtomicU64::new(0)).collect());
        }
        self.regions.get(index).cloned()
    }

    /// Takes the locks in `mask`, all or none of them, or answers `false`: busy.
    pub fn lock(&mut self, me: HandleId, mask: u8, access: Access) -> bool {
        let others = self.users.iter().filter(|(id, _)| **id != me);
        let in_the_way = others.fold(0, |all, (_, held)| match access {
            Access::Shared => all | held.exclusive,
            Access::Exclusive => all | held.exclusive | held.shared,
        });
        if in_the_way & mask != 0 {
            return false;
        }
        let held = self.users.entry(me).or_default();
        match access {
            Access::Shared => held.shared |= mask,
            Access::Exclusive => held.exclusive |= mask,
        }
        true
    }

    pub fn unlock(&mut self, me: HandleId, mask: u8) {
        if let Some(held) = self.users.get_mut(&me) {
            held.shared &= !mask;
            held.exclusive &= !mask;
        }
    }

    pub fn leave(&mut self, me: HandleId) {
        self.users.remove(&me);
    }

    pub fn is_unused(&self) -> bool {
        self.users.is_empty()
    }
}
