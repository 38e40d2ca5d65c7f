//! The state of a disk, and what each of SQLite's operations does to it. All safe code; `sqlite/` translates from C.
//!
//! Every operation goes the same way: is the handle of before a power cut, does a plan let it fail, else do it. Answers
//! are SQLite's result codes, because nobody but SQLite reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::ffi;

use crate::disk::Image;
use crate::draw::Draw;
use crate::file::{Change, Fate, File, Order, pieces};
use crate::locks::{self, Access, Level, Region};
use crate::plan::{Crash, Failure, Operation, Plans, Verdict};

/// SQLite's VFS for Unix syncs the directory with the first sync of each handle that might have created one of these.
const WITH_DIRECTORY: i32 = ffi::SQLITE_OPEN_WAL | ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;

pub type Answer<T> = Result<T, i32>;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(u64);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandleId(u64);

/// An open file. It stays a handle of its time: a power cut ends all times before it.
#[derive(Clone, Copy)]
pub struct Handle {
    id: HandleId,
    file: FileId,
    epoch: u64,
}

/// One operation, as the trace remembers it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Step {
    pub operation: Operation,
    /// Empty for a temporary file.
    pub file: String,
    pub offset: usize,
    pub length: usize,
    pub worked: bool,
}

/// A name that was given to a file or taken away, not yet certain.
struct Entry {
    order: Order,
    name: String,
    file: Option<FileId>,
}

type Names = BTreeMap<String, FileId>;

pub struct Medium {
    files: BTreeMap<FileId, File>,
    names: Names,
    durable_names: Names,
    entries: Vec<Entry>,
    /// Counts changes, files and handles: each gets a number of its own.
    numbers: u64,
    epoch: u64,
    pub operations: u64,
    pub plans: Plans,
    pub capacity: Option<usize>,
    pub clock_micros: i64,
    pub trace: Option<Vec<Step>>,
    /// What breaks.
    draw: Draw,
    /// What SQLite asks for; apart, so that asking does not change what breaks.
    pub given: Draw,
}

impl Medium {
    pub fn new(seed: u64) -> Self {
        let mut draw = Draw::new(seed);
        let given = Draw::new(draw.next());
        Self {
            files: BTreeMap::new(),
            names: Names::new(),
            durable_names: Names::new(),
            entries: Vec::new(),
            numbers: 0,
            epoch: 0,
            operations: 0,
            plans: Plans::default(),
            capacity: None,
            clock_micros: 0,
            trace: None,
            draw,
            given,
        }
    }

    pub fn open(&mut self, name: Option<&str>, flags: i32) -> Answer<Handle> {
        let verdict = self.begin(Operation::Open, name.unwrap_or_default(), 0, 0);
        if let Verdict::Fails(failure) = verdict {
            return Err(failure.code(Operation::Open));
        }
        let found = name.and_then(|name| self.names.get(name).copied());
        let file = match found {
            Some(_) if flags & ffi::SQLITE_OPEN_EXCLUSIVE != 0 => return Err(ffi::SQLITE_CANTOPEN),
            Some(file) => file,
            None if name.is_some() && flags & ffi::SQLITE_OPEN_CREATE == 0 => return Err(ffi::SQLITE_CANTOPEN),
            None => self.create(name),
        };
        if let Verdict::PowerCut(crash) = verdict {
            self.crash(crash);
            return Err(ffi::SQLITE_CANTOPEN);
        }
        let id = HandleId(self.number());
        if let Some(file) = self.files.get_mut(&file) {
            file.handles += 1;
            if flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & WITH_DIRECTORY != 0 {
                file.syncs_directory.insert(id);
            }
        }
        Ok(Handle {
            id,
            file,
            epoch: self.epoch,
        })
    }

    fn create(&mut self, name: Option<&str>) -> FileId {
        let id = FileId(self.number());
        self.files.insert(id, File::holding(name.map(Arc::from), Vec::new()));
        if let Some(name) = name {
            self.enter(name, Some(id));
        }
        id
    }

    fn enter(&mut self, name: &str, file: Option<FileId>) {
        set(&mut self.names, name, file);
        let order = self.number();
        self.entries.push(Entry {
            order,
            name: name.to_owned(),
            file,
        });
    }

    pub fn close(&mut self, handle: Handle) {
        let Ok(file) = self.file(handle) else {
            return;
        };
        file.handles -= 1;
        file.locks.remove(&handle.id);
        file.syncs_directory.remove(&handle.id);
        self.unmap(handle);
        self.sweep();
    }

    pub fn delete(&mut self, name: &str, sync_directory: bool) -> Answer<()> {
        let verdict = self.begin(Operation::Delete, name, 0, 0);
        if let Verdict::Fails(failure) = verdict {
            return Err(failure.code(Operation::Delete));
        }
        if !self.names.contains_key(name) {
            return Err(ffi::SQLITE_IOERR_DELETE_NOENT);
        }
        self.enter(name, None);
        self.cut(verdict, Operation::Delete)?;
        if sync_directory {
            self.settle_names();
        }
        Ok(())
    }

    fn settle_names(&mut self) {
        self.entries.clear();
        self.durable_names.clone_from(&self.names);
        self.sweep();
    }

    /// An empty file does not exist, says SQLite's VFS for Unix of files that it looks for by name.
    pub fn exists(&self, name: &str) -> bool {
        self.content(name).is_some_and(|content| !content.is_empty())
    }

    /// What lies beyond the end is read as zeros, and said to be missing.
    pub fn read(&mut self, handle: Handle, offset: usize, buffer: &mut [u8]) -> Answer<()> {
        let verdict = self.begin_on(handle, Operation::Read, offset, buffer.len())?;
        if let Verdict::Fails(failure) = verdict {
            return Err(failure.code(Operation::Read));
        }
        self.cut(verdict, Operation::Read)?;
        let content = self.file(handle)?.content();
        let there = content.get(offset..).unwrap_or_default();
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        buffer[count..].fill(0);
        if count < buffer.len() {
            return Err(ffi::SQLITE_IOERR_SHORT_READ);
        }
        Ok(())
    }

    pub fn write(&mut self, handle: Handle, offset: usize, bytes: &[u8]) -> Answer<()> {
        let verdict = self.begin_on(handle, Operation::Write, offset, bytes.len())?;
        if let Verdict::Fails(failure) = verdict {
            self.write_badly(handle, offset, bytes)?;
            return Err(failure.code(Operation::Write));
        }
        if !self.has_room(handle, offset + bytes.len())? {
            return Err(Failure::Full.code(Operation::Write));
        }
        self.change(handle, whole(offset, bytes))?;
        self.cut(verdict, Operation::Write)
    }

    /// A write that fails has written its first sectors: none of them, some, or all.
    fn write_badly(&mut self, handle: Handle, offset: usize, bytes: &[u8]) -> Answer<()> {
        let count = pieces(offset, bytes).count();
        let came = self.draw.index(count + 1);
        for (offset, piece) in pieces(offset, bytes).take(came) {
            self.change(handle, whole(offset, piece))?;
        }
        Ok(())
    }

    fn has_room(&mut self, handle: Handle, end: usize) -> Answer<bool> {
        let grows = end.saturating_sub(self.file(handle)?.content().len());
        let used: usize = self.files.values().map(|file| file.content().len()).sum();
        Ok(grows == 0 || self.capacity.is_none_or(|capacity| used + grows <= capacity))
    }

    pub fn truncate(&mut self, handle: Handle, length: usize) -> Answer<()> {
        let verdict = self.begin_on(handle, Operation::Truncate, length, 0)?;
        if let Verdict::Fails(failure) = verdict {
            return Err(failure.code(Operation::Truncate));
        }
        self.change(handle, Change::Truncate { length })?;
        self.cut(verdict, Operation::Truncate)
    }

    pub fn sync(&mut self, handle: Handle) -> Answer<()> {
        let verdict = self.begin_on(handle, Operation::Sync, 0, 0)?;
        if let Verdict::Fails(failure) = verdict {
            if let Some(file) = self.files.get_mut(&handle.file) {
                file.sync_badly(&mut self.draw);
            }
            return Err(failure.code(Operation::Sync));
        }
        self.cut(verdict, Operation::Sync)?;
        let file = self.file(handle)?;
        file.sync();
        if file.syncs_directory.remove(&handle.id) {
            self.settle_names();
        } else if let Some(name) = file.name.clone() {
            self.settle_name(&name, handle.file);
        }
        Ok(())
    }

    /// A synced file is found again under its name, unless the name is another file's by now.
    fn settle_name(&mut self, name: &str, file: FileId) {
        if self.names.get(name) == Some(&file) && self.durable_names.insert(name.to_owned(), file) != Some(file) {
            self.entries.retain(|entry| entry.name != name);
            self.sweep();
        }
    }

    pub fn size(&mut self, handle: Handle) -> Answer<usize> {
        Ok(self.file(handle)?.content().len())
    }

    pub fn lock(&mut self, handle: Handle, level: Level) -> Answer<()> {
        let free = locks::raise(&mut self.file(handle)?.locks, handle.id, level);
        if free { Ok(()) } else { Err(ffi::SQLITE_BUSY) }
    }

    pub fn unlock(&mut self, handle: Handle, level: Level) -> Answer<()> {
        locks::lower(&mut self.file(handle)?.locks, handle.id, level);
        Ok(())
    }

    pub fn is_reserved(&mut self, handle: Handle) -> Answer<bool> {
        let mut levels = self.file(handle)?.locks.values();
        Ok(levels.any(|level| *level >= Level::Reserved))
    }

    pub fn map(&mut self, handle: Handle, index: usize, bytes: usize, make: bool) -> Answer<Option<Region>> {
        let memory = self.file(handle)?.memory.get_or_insert_default();
        Ok(memory.region(handle.id, index, bytes, make))
    }

    pub fn lock_memory(&mut self, handle: Handle, mask: u8, access: Access) -> Answer<()> {
        let memory = self.file(handle)?.memory.as_mut().ok_or(ffi::SQLITE_IOERR_SHMLOCK)?;
        let free = memory.lock(handle.id, mask, access);
        if free { Ok(()) } else { Err(ffi::SQLITE_BUSY) }
    }

    pub fn unlock_memory(&mut self, handle: Handle, mask: u8) -> Answer<()> {
        let memory = self.file(handle)?.memory.as_mut().ok_or(ffi::SQLITE_IOERR_SHMLOCK)?;
        memory.unlock(handle.id, mask);
        Ok(())
    }

    /// The last user takes the memory along: who comes next cannot know whether it was left in order.
    pub fn unmap(&mut self, handle: Handle) {
        let Ok(file) = self.file(handle) else {
            return;
        };
        if let Some(memory) = &mut file.memory {
            memory.leave(handle.id);
        }
        if file.memory.as_ref().is_some_and(|memory| memory.is_unused()) {
            file.memory = None;
        }
    }

    pub fn crash(&mut self, crash: Crash) {
        self.epoch += 1;
        if crash == Crash::KeepUnsynced {
            self.keep_all();
        } else {
            self.lose(crash);
        }
        self.names.clone_from(&self.durable_names);
        self.entries.clear();
        self.sweep();
    }

    fn keep_all(&mut self) {
        self.durable_names.clone_from(&self.names);
        for file in self.files.values_mut() {
            file.keep_all();
        }
    }

    fn lose(&mut self, crash: Crash) {
        let mut fate = self.fates(crash);
        for entry in self.entries.drain(..) {
            if fate(entry.order, &mut self.draw) == Fate::Kept {
                set(&mut self.durable_names, &entry.name, entry.file);
            }
        }
        for file in self.files.values_mut() {
            file.lose_power(&mut fate, &mut self.draw);
        }
    }

    /// Decides of each change whether it is still there, once it is known which ones there are.
    fn fates(&mut self, crash: Crash) -> impl FnMut(Order, &mut Draw) -> Fate + use<> {
        let of_names = self.entries.iter().map(|entry| (entry.order, false));
        let mut changes: Vec<(Order, bool)> = self.files.values().flat_map(File::unsynced).chain(of_names).collect();
        changes.sort_unstable();
        let tearable: Vec<Order> = changes
            .iter()
            .filter(|(_, tears)| *tears)
            .map(|(order, _)| *order)
            .collect();
        let torn = (crash == Crash::Torn && !tearable.is_empty()).then(|| tearable[self.draw.index(tearable.len())]);
        let cut = torn.unwrap_or_else(|| {
            let at = self.draw.index(changes.len() + 1);
            changes.get(at).map_or(Order::MAX, |(order, _)| *order)
        });
        move |order, draw| match crash {
            Crash::LoseUnsynced => Fate::Lost,
            Crash::Subset if draw.coin() => Fate::Kept,
            Crash::Subset => Fate::Lost,
            _ if order < cut => Fate::Kept,
            _ if torn == Some(order) => Fate::Torn,
            Crash::KeepUnsynced => Fate::Kept,
            Crash::Prefix | Crash::Torn => Fate::Lost,
        }
    }

    /// What could be read after the power cut that loses most.
    pub fn image(&self) -> Image {
        let names = self.durable_names.iter();
        names
            .filter_map(|(name, id)| Some((name.clone(), self.files.get(id)?.durable().to_vec())))
            .collect()
    }

    pub fn durable(&self, name: &str) -> Option<&[u8]> {
        let id = self.durable_names.get(name)?;
        Some(self.files.get(id)?.durable())
    }

    pub fn content(&self, name: &str) -> Option<&[u8]> {
        let id = self.names.get(name)?;
        Some(self.files.get(id)?.content())
    }

    pub fn restore(&mut self, image: &Image) {
        self.epoch += 1;
        self.files.clear();
        self.entries.clear();
        self.names.clear();
        for (name, bytes) in image {
            let id = FileId(self.number());
            self.files
                .insert(id, File::holding(Some(name.as_str().into()), bytes.clone()));
            self.names.insert(name.clone(), id);
        }
        self.durable_names.clone_from(&self.names);
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn file(&mut self, handle: Handle) -> Answer<&mut File> {
        if handle.epoch != self.epoch {
            return Err(ffi::SQLITE_IOERR);
        }
        self.files.get_mut(&handle.file).ok_or(ffi::SQLITE_IOERR)
    }

    fn change(&mut self, handle: Handle, change: Change) -> Answer<()> {
        let order = self.number();
        self.file(handle)?.change(order, change);
        Ok(())
    }

    fn begin_on(&mut self, handle: Handle, operation: Operation, offset: usize, length: usize) -> Answer<Verdict> {
        let file = self.file(handle)?;
        let name = file.name.clone();
        Ok(self.begin(operation, name.as_deref().unwrap_or_default(), offset, length))
    }

    fn begin(&mut self, operation: Operation, file: &str, offset: usize, length: usize) -> Verdict {
        self.operations += 1;
        let verdict = self.plans.verdict(operation, &mut self.draw);
        if let Some(trace) = &mut self.trace {
            trace.push(Step {
                operation,
                file: file.to_owned(),
                offset,
                length,
                worked: verdict == Verdict::Works,
            });
        }
        verdict
    }

    /// Cuts the power in the middle of an operation, if that is its verdict.
    fn cut(&mut self, verdict: Verdict, operation: Operation) -> Answer<()> {
        let Verdict::PowerCut(crash) = verdict else {
            return Ok(());
        };
        self.crash(crash);
        Err(Failure::Io.code(operation))
    }

    /// Forgets files that no handle, no name and no name that may come back leads to.
    fn sweep(&mut self) {
        let names = self.names.values().chain(self.durable_names.values()).copied();
        let entered = self.entries.iter().filter_map(|entry| entry.file);
        let wanted: Vec<FileId> = names.chain(entered).collect();
        self.files.retain(|id, file| file.handles > 0 || wanted.contains(id));
    }
}

fn set(names: &mut Names, name: &str, file: Option<FileId>) {
    match file {
        Some(file) => names.insert(name.to_owned(), file),
        None => names.remove(name),
    };
}

fn whole(offset: usize, bytes: &[u8]) -> Change {
    Change::Write {
        offset,
        bytes: bytes.to_vec(),
    }
}
