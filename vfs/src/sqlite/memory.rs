//! SQLite's memory, taken from this program's own allocator.

use std::alloc::{Layout, alloc, dealloc, realloc};
use std::ffi::{c_int, c_void};
use std::ptr;

use rusqlite::ffi;

/// Before each piece of memory stands its size, in as many bytes as keep the piece aligned as C expects.
const HEAD: usize = 16;

/// Lets SQLite use Rust's global allocator instead of the C library's: a program that opens many short-lived databases spends a quarter of its
/// time there. Call it before the first connection of the process. Panics when it is too late.
pub fn share_allocator() {
    let methods = ffi::sqlite3_mem_methods {
        xMalloc: Some(take),
        xFree: Some(give_back),
        xRealloc: Some(resize),
        xSize: Some(size),
        xRoundup: Some(rounded),
        xInit: Some(ready),
        xShutdown: Some(over),
        pAppData: ptr::null_mut(),
    };
    // SAFETY: SQLite copies the table, whose functions are there as long as the program, and answers an error if it is in use already.
    let answer = unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MALLOC, &raw const methods) };
    assert_eq!(answer, ffi::SQLITE_OK, "SQLite has an allocator already");
}

/// None when there is no such size.
fn layout(bytes: usize) -> Option<Layout> {
    Layout::from_size_align(bytes.checked_add(HEAD)?, HEAD).ok()
}

fn bytes(asked: c_int) -> usize {
    usize::try_from(asked).unwrap_or(0)
}

/// Writes the size before the piece that starts behind it. `block` is null or has room for both.
fn headed(block: *mut u8, bytes: usize) -> *mut c_void {
    if block.is_null() {
        return ptr::null_mut();
    }
    // SAFETY: the block is aligned to sixteen bytes and longer than the head.
    unsafe { block.cast::<usize>().write(bytes) };
    // SAFETY: as above.
    unsafe { block.add(HEAD) }.cast()
}

/// Where the block of a piece begins, and how it was asked for.
fn block(piece: *mut c_void) -> (*mut u8, usize) {
    // SAFETY: SQLite hands back what `headed` gave it.
    let block = unsafe { piece.cast::<u8>().sub(HEAD) };
    // SAFETY: as above; the size was written there.
    (block, unsafe { block.cast::<usize>().read() })
}

extern "C" fn take(asked: c_int) -> *mut c_void {
    let bytes = bytes(asked);
    layout(bytes).map_or(ptr::null_mut(), |layout| {
        // SAFETY: never of no size, for the head is in it.
        headed(unsafe { alloc(layout) }, bytes)
    })
}

extern "C" fn give_back(piece: *mut c_void) {
    if piece.is_null() {
        return;
    }
    let (block, bytes) = block(piece);
    if let Some(layout) = layout(bytes) {
        // SAFETY: this is the layout the block was taken with.
        unsafe { dealloc(block, layout) };
    }
}

extern "C" fn resize(piece: *mut c_void, asked: c_int) -> *mut c_void {
    let (block, before) = block(piece);
    let bytes = bytes(asked);
    let (Some(old), Some(new)) = (layout(before), layout(bytes)) else {
        return ptr::null_mut();
    };
    // SAFETY: the block was taken with the old layout; the new size is not zero and fits.
    headed(unsafe { realloc(block, old, new.size()) }, bytes)
}

extern "C" fn size(piece: *mut c_void) -> c_int {
    if piece.is_null() {
        return 0;
    }
    c_int::try_from(block(piece).1).unwrap_or(c_int::MAX)
}

extern "C" fn rounded(asked: c_int) -> c_int {
    asked.saturating_add(7) & !7
}

extern "C" fn ready(_: *mut c_void) -> c_int {
    ffi::SQLITE_OK
}

extern "C" fn over(_: *mut c_void) {}
