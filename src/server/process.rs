//! What a server asks of the kernel for its process.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files of this process to what the system allows it, as far as it can be: every connection is one. Shells set it to a thousand for
/// the sake of old programs, and that would be a thousand buyers.
pub fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// Memory in pages of the usual size. One of two megabytes is cleared before it is given out, while a buyer, or everybody behind the one writer, waits.
#[cfg(target_os = "linux")]
pub fn use_small_pages() {
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "huge pages stay");
    }
}

#[cfg(not(target_os = "linux"))]
pub fn use_small_pages() {}
