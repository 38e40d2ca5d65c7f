//! The methods of an open file.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_io_methods};

use super::{code, size};
use crate::SECTOR;
use crate::disk::Shared;
use crate::locks::{Access, Level, Region};
use crate::medium::{Answer, Handle, Medium};

/// What SQLite makes room for. It reads the first field; the second is ours.
#[repr(C)]
struct CFile {
    base: sqlite3_file,
    open: Option<Box<OpenFile>>,
}

struct OpenFile {
    disk: Arc<Shared>,
    handle: Handle,
    /// Every region whose address SQLite was given.
    mapped: Vec<Region>,
    /// The name to delete when the file is closed.
    goes_with_handle: Option<String>,
}

#[expect(clippy::cast_possible_truncation, reason = "a pointer or two")]
pub const SIZE: c_int = size_of::<CFile>() as c_int;

/// Version 2 has shared memory; version 3 would add memory-mapped files.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(map),
    xShmLock: Some(lock_memory),
    xShmBarrier: Some(barrier),
    xShmUnmap: Some(unmap),
    xFetch: None,
    xUnfetch: None,
};

/// A file without methods is not open: SQLite will not close it.
///
/// # Safety
/// `file` points to room for `SIZE` bytes.
pub unsafe fn clear(file: *mut sqlite3_file) {
    let nothing = CFile {
        base: sqlite3_file { pMethods: ptr::null() },
        open: None,
    };
    // SAFETY: see above; SQLite's memory is aligned for pointers.
    unsafe { file.cast::<CFile>().write(nothing) };
}

/// # Safety
/// `file` was cleared.
pub unsafe fn fill(file: *mut sqlite3_file, disk: Arc<Shared>, handle: Handle, goes_with_handle: Option<String>) {
    let open = OpenFile {
        disk,
        handle,
        mapped: Vec::new(),
        goes_with_handle,
    };
    let filled = CFile {
        base: sqlite3_file { pMethods: &METHODS },
        open: Some(Box::new(open)),
    };
    // SAFETY: see above; a cleared file owns nothing that would have to be dropped.
    unsafe { file.cast::<CFile>().write(filled) };
}

/// # Safety
/// `file` was filled and is not closed; nobody else uses it meanwhile. SQLite sees to both: a file belongs to one
/// connection, and a connection is used by one thread at a time.
unsafe fn opened<'a>(file: *mut sqlite3_file) -> &'a mut OpenFile {
    // SAFETY: see above.
    let file = unsafe { &mut *file.cast::<CFile>() };
    file.open.as_mut().expect("SQLite uses open files only")
}

/// # Safety
/// As for `opened`.
unsafe fn on<T>(file: *mut sqlite3_file, act: impl FnOnce(&mut Medium, Handle) -> Answer<T>) -> Answer<T> {
    // SAFETY: see above.
    let open = unsafe { opened(file) };
    act(&mut open.disk.medium(), open.handle)
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: SQLite passes an open file and does not use it again.
    let open = unsafe { &mut (*file.cast::<CFile>()).open };
    if let Some(open) = open.take() {
        let mut medium = open.disk.medium();
        medium.close(open.handle);
        if let Some(name) = &open.goes_with_handle {
            // Nobody is told: the file was temporary.
            let _ = medium.delete(name, false);
        }
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut sqlite3_file, out: *mut c_void, length: c_int, offset: sqlite3_int64) -> c_int {
    let length = size(length);
    // SAFETY: SQLite passes `length` bytes, which need not hold anything yet.
    unsafe { ptr::write_bytes(out.cast::<u8>(), 0, length) };
    // SAFETY: they hold zeros now, and nobody else looks at them before the answer.
    let buffer = unsafe { std::slice::from_raw_parts_mut(out.cast::<u8>(), length) };
    // SAFETY: SQLite passes an open file.
    code(unsafe { on(file, |medium, handle| medium.read(handle, size(offset), buffer)) })
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    from: *const c_void,
    length: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: SQLite passes `length` bytes, which nobody changes before the answer.
    let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), size(length)) };
    // SAFETY: SQLite passes an open file.
    code(unsafe { on(file, |medium, handle| medium.write(handle, size(offset), bytes)) })
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, length: sqlite3_int64) -> c_int {
    // SAFETY: SQLite passes an open file.
    code(unsafe { on(file, |medium, handle| medium.truncate(handle, size(length))) })
}

/// A sync that may leave out the size (`SQLITE_SYNC_DATAONLY`) is a whole sync: data without their size are lost.
unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    code(unsafe { on(file, Medium::sync) })
}

unsafe extern "C" fn file_size(file: *mut sqlite3_file, out: *mut sqlite3_int64) -> c_int {
    // SAFETY: SQLite passes an open file.
    let answer = unsafe { on(file, Medium::size) };
    code(answer.map(|length| {
        // SAFETY: SQLite passes a place for the answer.
        unsafe { *out = i64::try_from(length).unwrap_or(i64::MAX) };
    }))
}

unsafe extern "C" fn lock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    code(unsafe { on(file, |medium, handle| medium.lock(handle, Level::of(level))) })
}

unsafe extern "C" fn unlock(file: *mut sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    code(unsafe { on(file, |medium, handle| medium.unlock(handle, Level::of(level))) })
}

unsafe extern "C" fn check_reserved(file: *mut sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let answer = unsafe { on(file, Medium::is_reserved) };
    code(answer.map(|reserved| {
        // SAFETY: SQLite passes a place for the answer.
        unsafe { *out = c_int::from(reserved) };
    }))
}

/// All controls are hints or questions that SQLite answers itself.
unsafe extern "C" fn control(_file: *mut sqlite3_file, _operation: c_int, _argument: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

#[expect(clippy::cast_possible_truncation, reason = "it is 512")]
unsafe extern "C" fn sector_size(_file: *mut sqlite3_file) -> c_int {
    SECTOR as c_int
}

/// Only what is true: a write changes no byte beside its own, torn or not. Without this claim SQLite would fill up the
/// last sector of every commit, which the real program does not do.
unsafe extern "C" fn characteristics(_file: *mut sqlite3_file) -> c_int {
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}

unsafe extern "C" fn map(
    file: *mut sqlite3_file,
    index: c_int,
    bytes: c_int,
    make: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite passes an open file.
    let open = unsafe { opened(file) };
    let answer = open.disk.medium().map(open.handle, size(index), size(bytes), make != 0);
    code(answer.map(|region| {
        let address = region
            .as_ref()
            .map_or(ptr::null_mut(), |region| region.as_ptr().cast_mut());
        open.mapped.extend(region);
        // SAFETY: SQLite passes a place for the answer.
        unsafe { *out = address.cast() };
    }))
}

unsafe extern "C" fn lock_memory(file: *mut sqlite3_file, first: c_int, count: c_int, flags: c_int) -> c_int {
    let mask = (first..first + count).fold(0u8, |mask, lock| mask | 1 << lock);
    let access = if flags & ffi::SQLITE_SHM_SHARED != 0 {
        Access::Shared
    } else {
        Access::Exclusive
    };
    // SAFETY: SQLite passes an open file.
    code(unsafe {
        on(file, |medium, handle| {
            if flags & ffi::SQLITE_SHM_LOCK != 0 {
                medium.lock_memory(handle, mask, access)
            } else {
                medium.unlock_memory(handle, mask)
            }
        })
    })
}

unsafe extern "C" fn barrier(_file: *mut sqlite3_file) {
    fence(Ordering::SeqCst);
}

/// Whether the file of the memory is to be deleted does not matter: it is nowhere but here.
unsafe extern "C" fn unmap(file: *mut sqlite3_file, _delete: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    let open = unsafe { opened(file) };
    open.disk.medium().unmap(open.handle);
    // SQLite forgets the addresses with this call.
    open.mapped.clear();
    ffi::SQLITE_OK
}
