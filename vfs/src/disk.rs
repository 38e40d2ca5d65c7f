//! The disk as tests and the simulator hold it.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::medium::{Medium, Step};
use crate::plan::{Crash, Plan, Plans};
use crate::sqlite::Registration;

/// The bytes of every file, by name.
pub type Image = BTreeMap<String, Vec<u8>>;

/// A disk in memory, known to SQLite by its name for as long as a handle to it or a file on it is open.
#[derive(Clone)]
pub struct Disk {
    shared: Arc<Shared>,
}

pub struct Shared {
    medium: Mutex<Medium>,
    registration: Registration,
}

impl Disk {
    /// An empty disk. The seed decides what breaks, and how.
    pub fn register(name: &str, seed: u64) -> Self {
        let shared = Arc::new_cyclic(|shared| Shared {
            medium: Mutex::new(Medium::new(seed)),
            registration: Registration::new(name, shared.clone()),
        });
        Self { shared }
    }

    /// What `Connection::open_with_flags_and_vfs` asks for.
    pub fn name(&self) -> &str {
        self.shared.registration.name()
    }

    /// Cuts the power, and gives it back. Connections of before answer errors; a new one finds what survived.
    pub fn crash(&self, crash: Crash) {
        self.shared.medium().crash(crash);
    }

    pub fn plan(&self, plan: Plan) {
        self.shared.medium().plans.add(plan);
    }

    /// From now on one operation of so many fails by chance.
    pub fn fail_one_in(&self, operations: NonZeroU64) {
        self.shared.medium().plans.one_in = Some(operations);
    }

    /// After so many bytes in all files a write that needs more answers `SQLITE_FULL`.
    pub fn limit_bytes(&self, capacity: usize) {
        self.shared.medium().capacity = Some(capacity);
    }

    /// No plans, no chance, no limit. What is broken stays broken.
    pub fn heal(&self) {
        let mut medium = self.shared.medium();
        medium.plans = Plans::default();
        medium.capacity = None;
    }

    /// How many operations the disk was asked for; those of handles that a power cut ended do not count.
    pub fn operations(&self) -> u64 {
        self.shared.medium().operations
    }

    /// Remembers every operation from now on, and forgets what it remembered before.
    pub fn record(&self) {
        self.shared.medium().trace = Some(Vec::new());
    }

    /// What was remembered since `record`.
    pub fn trace(&self) -> Vec<Step> {
        self.shared.medium().trace.clone().unwrap_or_default()
    }

    /// Milliseconds since 1970 as SQLite's `date('now')` sees them; a busy wait moves them on.
    pub fn set_time(&self, unix_millis: i64) {
        self.shared.medium().clock_micros = unix_millis * 1000;
    }

    pub fn time(&self) -> i64 {
        self.shared.medium().clock_micros / 1000
    }

    /// What is certain of one file: its bytes after a power cut that loses all it can.
    pub fn image(&self, file: &str) -> Option<Vec<u8>> {
        self.shared.medium().durable(file).map(<[u8]>::to_vec)
    }

    /// What can be read of one file now.
    pub fn content(&self, file: &str) -> Option<Vec<u8>> {
        self.shared.medium().content(file).map(<[u8]>::to_vec)
    }

    /// What is certain of all files.
    pub fn snapshot(&self) -> Image {
        self.shared.medium().image()
    }

    /// Puts these files in the place of all others. For who has a file open it is a power cut.
    pub fn restore(&self, image: &Image) {
        self.shared.medium().restore(image);
    }
}

impl Shared {
    /// A test that panicked elsewhere leaves the medium whole: no operation stops half-way.
    pub fn medium(&self) -> MutexGuard<'_, Medium> {
        self.medium.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
