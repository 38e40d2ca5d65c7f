//! Open files: every connection is one.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files of this process to what the system allows it, as far as it can be. Shells set it to a thousand for the sake of
/// old programs, and that would be a thousand buyers.
pub fn raise_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
