//! The methods of the VFS: names, time, chance.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::sync::{Arc, Weak};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_int64, sqlite3_vfs};

use super::{code, file, size};
use crate::disk::Shared;

const LONGEST_NAME: c_int = 512;
/// The first second of 1970 on SQLite's clock, which counts from noon on 24 November 4714 BC.
const UNIX_EPOCH_MILLIS: i64 = 210_866_760_000_000;
const DAY_MILLIS: i64 = 86_400_000;

pub fn methods(name: &'static CStr, disk: Weak<Shared>) -> sqlite3_vfs {
    sqlite3_vfs {
        iVersion: 2,
        szOsFile: file::SIZE,
        mxPathname: LONGEST_NAME,
        pNext: ptr::null_mut(),
        zName: name.as_ptr(),
        pAppData: Box::into_raw(Box::new(disk)).cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_name),
        xDlOpen: Some(open_library),
        xDlError: Some(library_error),
        xDlSym: Some(library_symbol),
        xDlClose: Some(close_library),
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: Some(time_days),
        xGetLastError: Some(last_error),
        xCurrentTimeInt64: Some(time_millis),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }
}

/// The disk behind a VFS, unless all its handles are gone.
///
/// # Safety
/// `vfs` is one that `methods` made.
unsafe fn disk(vfs: *mut sqlite3_vfs) -> Option<Arc<Shared>> {
    // SAFETY: see above; SQLite hands its VFS back as it was registered, and it is never freed.
    let data = unsafe { (*vfs).pAppData };
    // SAFETY: `methods` put a leaked `Weak` there, and nobody changes it.
    let disk = unsafe { &*data.cast::<Weak<Shared>>() };
    disk.upgrade()
}

/// # Safety
/// `name` is null or ends with a zero.
unsafe fn text(name: *const c_char) -> Option<String> {
    if name.is_null() {
        return None;
    }
    // SAFETY: see above.
    let name = unsafe { CStr::from_ptr(name) };
    Some(name.to_string_lossy().into_owned())
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: *const c_char,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes room for a file of `szOsFile` bytes.
    unsafe { file::clear(file) };
    // SAFETY: SQLite passes a VFS of ours.
    let Some(disk) = (unsafe { disk(vfs) }) else {
        return ffi::SQLITE_CANTOPEN;
    };
    // SAFETY: SQLite passes a C string, or null for a temporary file.
    let name = unsafe { text(name) };
    let opened = disk.medium().open(name.as_deref(), flags);
    let handle = match opened {
        Ok(handle) => handle,
        Err(code) => return code,
    };
    let goes_with_handle = name.filter(|_| flags & ffi::SQLITE_OPEN_DELETEONCLOSE != 0);
    // SAFETY: as for `clear`; the file holds nothing yet.
    unsafe { file::fill(file, disk, handle, goes_with_handle) };
    if !flags_out.is_null() {
        // SAFETY: SQLite passes null or a place for the flags.
        unsafe { *flags_out = flags };
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync_directory: c_int) -> c_int {
    // SAFETY: SQLite passes a VFS of ours.
    let disk = unsafe { disk(vfs) };
    // SAFETY: SQLite passes a C string.
    let name = unsafe { text(name) };
    match (disk, name) {
        (Some(disk), Some(name)) => code(disk.medium().delete(&name, sync_directory != 0)),
        _ => ffi::SQLITE_IOERR_DELETE,
    }
}

unsafe extern "C" fn access(vfs: *mut sqlite3_vfs, name: *const c_char, _flags: c_int, answer: *mut c_int) -> c_int {
    // SAFETY: SQLite passes a VFS of ours.
    let disk = unsafe { disk(vfs) };
    // SAFETY: SQLite passes a C string.
    let name = unsafe { text(name) };
    let (Some(disk), Some(name)) = (disk, name) else {
        return ffi::SQLITE_IOERR_ACCESS;
    };
    let exists = disk.medium().exists(&name);
    // SAFETY: SQLite passes a place for the answer.
    unsafe { *answer = c_int::from(exists) };
    ffi::SQLITE_OK
}

/// There are no folders, so a name is full as it is.
unsafe extern "C" fn full_name(_vfs: *mut sqlite3_vfs, name: *const c_char, room: c_int, out: *mut c_char) -> c_int {
    // SAFETY: SQLite passes a C string.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if name.len() > size(room) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: `out` has room for `room` bytes, which is enough, and SQLite does not let the two overlap.
    unsafe { ptr::copy_nonoverlapping(name.as_ptr(), out.cast::<u8>(), name.len()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn open_library(_vfs: *mut sqlite3_vfs, _name: *const c_char) -> *mut c_void {
    ptr::null_mut()
}

unsafe extern "C" fn library_error(_vfs: *mut sqlite3_vfs, room: c_int, message: *mut c_char) {
    if room > 0 {
        // SAFETY: SQLite passes `room` bytes.
        unsafe { *message = 0 };
    }
}

type Symbol = unsafe extern "C" fn(*mut sqlite3_vfs, *mut c_void, *const c_char);

unsafe extern "C" fn library_symbol(
    _vfs: *mut sqlite3_vfs,
    _library: *mut c_void,
    _name: *const c_char,
) -> Option<Symbol> {
    None
}

unsafe extern "C" fn close_library(_vfs: *mut sqlite3_vfs, _library: *mut c_void) {}

unsafe extern "C" fn randomness(vfs: *mut sqlite3_vfs, length: c_int, out: *mut c_char) -> c_int {
    // SAFETY: SQLite passes a VFS of ours.
    let Some(disk) = (unsafe { disk(vfs) }) else {
        return 0;
    };
    // SAFETY: SQLite passes `length` bytes, which need not hold anything yet.
    unsafe { ptr::write_bytes(out.cast::<u8>(), 0, size(length)) };
    // SAFETY: they hold zeros now, and nobody else looks at them before the answer.
    let buffer = unsafe { std::slice::from_raw_parts_mut(out.cast::<u8>(), size(length)) };
    let mut medium = disk.medium();
    for byte in buffer {
        [*byte, ..] = medium.given.next().to_le_bytes();
    }
    length
}

/// Moves the disk's clock, and lets another thread run: it may hold the lock that SQLite is waiting for.
unsafe extern "C" fn sleep(vfs: *mut sqlite3_vfs, micros: c_int) -> c_int {
    // SAFETY: SQLite passes a VFS of ours.
    if let Some(disk) = unsafe { disk(vfs) } {
        disk.medium().clock_micros += i64::from(micros);
    }
    std::thread::yield_now();
    micros
}

/// # Safety
/// `vfs` is one that `methods` made.
unsafe fn now_millis(vfs: *mut sqlite3_vfs) -> i64 {
    // SAFETY: see above.
    let disk = unsafe { disk(vfs) };
    disk.map_or(0, |disk| disk.medium().clock_micros / 1000) + UNIX_EPOCH_MILLIS
}

unsafe extern "C" fn time_millis(vfs: *mut sqlite3_vfs, out: *mut sqlite3_int64) -> c_int {
    // SAFETY: SQLite passes a VFS of ours.
    let now = unsafe { now_millis(vfs) };
    // SAFETY: SQLite passes a place for the answer.
    unsafe { *out = now };
    ffi::SQLITE_OK
}

unsafe extern "C" fn time_days(vfs: *mut sqlite3_vfs, out: *mut f64) -> c_int {
    // SAFETY: SQLite passes a VFS of ours.
    let now = unsafe { now_millis(vfs) };
    // SAFETY: SQLite passes a place for the answer.
    unsafe { *out = now as f64 / DAY_MILLIS as f64 };
    ffi::SQLITE_OK
}

unsafe extern "C" fn last_error(_vfs: *mut sqlite3_vfs, _room: c_int, _message: *mut c_char) -> c_int {
    0
}
