//! What shall go wrong, and when: planned for the n-th operation, or by chance.

use std::num::NonZeroU64;

use rusqlite::ffi;

use crate::draw::Draw;

/// What a disk counts. Locks, shared memory, sizes and names looked up are no operations: they move no bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Operation {
    Open,
    Delete,
    Read,
    Write,
    Truncate,
    Sync,
}

/// How much of what was not synced is still there when the power comes back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Crash {
    /// Nothing: the disk had written no earlier than it was told to.
    LoseUnsynced,
    /// All of it, as when only the program died.
    KeepUnsynced,
    /// All until some moment, and nothing after it.
    Prefix,
    /// Some of the changes, in no order: a later one may be there and an earlier one not.
    Subset,
    /// As `Prefix`, and of the write that the power cut met some sectors came and others did not.
    Torn,
}

impl Crash {
    pub const ALL: [Self; 5] = [
        Self::LoseUnsynced,
        Self::KeepUnsynced,
        Self::Prefix,
        Self::Subset,
        Self::Torn,
    ];
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Failure {
    /// Answers the `SQLITE_IOERR_…` of the operation; an open answers `SQLITE_CANTOPEN`, as SQLite asks of a VFS.
    Io,
    /// Answers `SQLITE_FULL`. Only a write finds a disk full; other operations neither fail nor count.
    Full,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Fault {
    Once(Failure),
    FromThenOn(Failure),
    /// The power is cut while the operation runs: a write is among the unsynced, a sync has secured nothing.
    PowerCut(Crash),
}

/// A fault for the `nth` operation of a kind from now; 1 is the next one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Plan {
    /// `None`: of any kind.
    pub operation: Option<Operation>,
    pub nth: u64,
    pub fault: Fault,
}

/// What becomes of one operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    Works,
    Fails(Failure),
    PowerCut(Crash),
}

#[derive(Default)]
pub struct Plans {
    planned: Vec<Plan>,
    /// One operation of so many fails by chance.
    pub one_in: Option<NonZeroU64>,
}

impl Plans {
    pub fn add(&mut self, plan: Plan) {
        self.planned.push(plan);
    }

    /// Counts the operation in every plan. If several meet in it, the one made first decides.
    pub fn verdict(&mut self, operation: Operation, draw: &mut Draw) -> Verdict {
        let mut verdict = Verdict::Works;
        self.planned.retain_mut(|plan| {
            if !plan.concerns(operation) {
                return true;
            }
            if plan.nth > 1 {
                plan.nth -= 1;
                return true;
            }
            if verdict == Verdict::Works {
                verdict = plan.fault.verdict();
            }
            matches!(plan.fault, Fault::FromThenOn(_))
        });
        if verdict == Verdict::Works && self.one_in.is_some_and(|one_in| draw.next() % one_in == 0) {
            return Verdict::Fails(Failure::Io);
        }
        verdict
    }
}

impl Plan {
    fn concerns(&self, operation: Operation) -> bool {
        let full = matches!(
            self.fault,
            Fault::Once(Failure::Full) | Fault::FromThenOn(Failure::Full)
        );
        self.operation.is_none_or(|planned| planned == operation) && !(full && operation != Operation::Write)
    }
}

impl Fault {
    fn verdict(self) -> Verdict {
        match self {
            Self::Once(failure) | Self::FromThenOn(failure) => Verdict::Fails(failure),
            Self::PowerCut(crash) => Verdict::PowerCut(crash),
        }
    }
}

impl Failure {
    pub fn code(self, operation: Operation) -> i32 {
        match (self, operation) {
            (Self::Full, _) => ffi::SQLITE_FULL,
            (Self::Io, Operation::Open) => ffi::SQLITE_CANTOPEN,
            (Self::Io, Operation::Delete) => ffi::SQLITE_IOERR_DELETE,
            (Self::Io, Operation::Read) => ffi::SQLITE_IOERR_READ,
            (Self::Io, Operation::Write) => ffi::SQLITE_IOERR_WRITE,
            (Self::Io, Operation::Truncate) => ffi::SQLITE_IOERR_TRUNCATE,
            (Self::Io, Operation::Sync) => ffi::SQLITE_IOERR_FSYNC,
        }
    }
}
