//! The way from SQLite's C interface to a [`Medium`](crate::medium::Medium): the only unsafe code of the repository.
//!
//! SQLite keeps a pointer to the registered VFS in every connection, and nothing tells when the last of them is gone.
//! The VFS itself is therefore never freed: a few hundred bytes a disk. It holds the disk weakly, so the disk with all
//! its files goes when the last `Disk` and the last open file have gone; what a connection asks after that is refused.
#![expect(unsafe_code, reason = "SQLite calls a VFS, and is told of it, through C")]

mod file;
mod memory;
mod vfs;

use std::ffi::{CStr, CString, c_int};
use std::ptr;
use std::sync::Weak;

use rusqlite::ffi;

use crate::disk::Shared;
pub use memory::share_allocator;

/// A VFS that SQLite knows by name until this is dropped.
pub struct Registration {
    vfs: *mut ffi::sqlite3_vfs,
    name: &'static CStr,
}

// SAFETY: the pointer is only handed to SQLite, whose list of VFSs has a mutex of its own.
unsafe impl Send for Registration {}
// SAFETY: as above; nothing is done with the pointer through a shared reference.
unsafe impl Sync for Registration {}

impl Registration {
    pub fn new(name: &str, disk: Weak<Shared>) -> Self {
        let name: &'static CStr = Box::leak(
            CString::new(name)
                .unwrap_or_else(|_| panic!("the name of a disk holds no zero byte: {name:?}"))
                .into_boxed_c_str(),
        );
        // SAFETY: the name ends with a zero; SQLite only compares it with the names it knows.
        let taken = unsafe { ffi::sqlite3_vfs_find(name.as_ptr()) };
        assert!(taken.is_null(), "there is a VFS named {name:?} already");
        let vfs = Box::into_raw(Box::new(vfs::methods(name, disk)));
        // SAFETY: the VFS and all it points to are leaked, so they outlive every connection.
        let answer = unsafe { ffi::sqlite3_vfs_register(vfs, 0) };
        assert_eq!(answer, ffi::SQLITE_OK, "SQLite did not take the VFS {name:?}");
        Self { vfs, name }
    }

    pub fn name(&self) -> &str {
        self.name.to_str().unwrap_or_default()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: `new` registered this pointer and nobody else takes it off the list.
        unsafe { ffi::sqlite3_vfs_unregister(self.vfs) };
    }
}

/// Starts SQLite's own generator anew, from which every disk's logs take their salts and `random()` its numbers.
///
/// It is one for the whole process: only a process that runs a single simulation at a time gets the same bytes again.
/// What survives a power cut and what an operation answers does not depend on it.
pub fn seed_randomness(seed: u32) {
    // Zero would mean: take it from the default VFS.
    let seed = seed.max(1).cast_signed();
    let no_connection = ptr::null_mut::<ffi::sqlite3>();
    // SAFETY: this control takes an int and a pointer to a connection, which may be null.
    let answer = unsafe { ffi::sqlite3_test_control(ffi::SQLITE_TESTCTRL_PRNG_SEED, seed, no_connection) };
    assert_eq!(answer, ffi::SQLITE_OK, "SQLite was built without its test controls");
}

/// Lengths and offsets from SQLite are never negative.
fn size(value: impl TryInto<usize>) -> usize {
    value.try_into().unwrap_or_default()
}

fn code(answer: Result<(), c_int>) -> c_int {
    answer.err().unwrap_or(ffi::SQLITE_OK)
}
