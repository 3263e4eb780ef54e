//! Very many files under way with few of them open. Packets are gathered in memory, a list of bytes a file; when all lists together
//! have used up their room, the longest are written until half of it is free, so that a write is as large as it can be. Of the files
//! that were written last a few stay open; another is opened again to append to it, and must be as long as it was left.
//!
//! Each write and each close is checked. After a failure the file is cut back to its last whole packet, and nothing more is written.

use super::head::{Heads, InFile};
use super::name;
use crate::flow::FlowId;
use crate::model::{Endpoint, FileFormat, Frame, SourceInfo, Timestamp};
use crate::output::files::Files;
use crate::output::target::{Broken, Target};
use crate::output::write_error::{Safe, WriteError, is_full};
use crate::pcapfile::write::{self, SectionInfo};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;

/// Files open at a time.
const OPEN: usize = 16;
/// Bytes of one file that are gathered at most.
const GATHERED: usize = 64 << 10;

/// How the files of a split capture are to be written.
#[derive(Clone, Debug)]
pub struct SplitConfig {
    /// The folder. It is there.
    pub folder: PathBuf,
    /// The format of all files.
    pub format: FileFormat,
    /// Overwrite regular files that exist.
    pub force: bool,
    /// Device and inode of the files being read: never overwritten.
    pub reading: Vec<(u64, u64)>,
    /// Who creates the files.
    pub files: Arc<dyn Files>,
    /// What a pcapng file is to say of itself.
    pub section: SectionInfo,
    /// Bytes that may be gathered of all files, with the fragments that wait for the rest of their datagrams.
    pub gathered: usize,
}

impl SplitConfig {
    /// What a file under way takes beside the bytes that are gathered for it, bytes: `Entry`, its name, its place in two tables that
    /// may be half empty, and what the allocator adds to each.
    pub const EACH: usize = 384;
}

/// Whose packets a file has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// Of a conversation. Its ends may turn out to be the other way round.
    Flow(FlowId, Option<(Endpoint, Endpoint)>),
    /// Of this name.
    Named(Box<str>),
}

impl Whose {
    fn name(&self) -> String {
        match self {
            Self::Flow(id, ends) => name::flow(*id, *ends),
            Self::Named(name) => name.to_string(),
        }
    }
}

/// What is in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// Packets.
    pub(super) packets: u64,
    /// Bytes of them on the wire.
    pub(super) wire_bytes: u64,
    /// Length of the file.
    pub(super) bytes: u64,
    /// Earliest and latest time of its packets.
    pub(super) time: Option<(Timestamp, Timestamp)>,
}

/// A file under way.
#[derive(Debug)]
struct Entry {
    whose: Whose,
    /// What it was created as.
    created: Option<Box<str>>,
    /// Gathered, and packets among that.
    gathered: Vec<u8>,
    waiting: u32,
    head: InFile,
    held: Held,
}

const _: () = assert!(size_of::<Entry>() <= 240);

/// A number of a file under way; used again when that is complete.
pub(super) type At = u32;

/// What was completed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    pub(super) files: u64,
    pub(super) packets: u64,
    pub(super) bytes: u64,
}

/// The files.
pub(super) struct Store {
    config: SplitConfig,
    heads: Heads,
    entries: Vec<Option<Box<Entry>>>,
    free: Vec<At>,
    /// Open ones, that written longest ago first.
    open: Vec<(At, Target)>,
    /// Bytes that lists of entries take.
    bytes: usize,
    pub(super) done: Done,
    /// Packets taken, and those of files that are complete or not that were written.
    pub(super) taken: u64,
    written: u64,
    /// Packets whose time the format cannot express.
    pub(super) times_clamped: u64,
}

impl Store {
    pub(super) fn new(config: SplitConfig) -> Self {
        Self {
            heads: Heads::new(config.format, &config.section),
            config,
            entries: Vec::new(),
            free: Vec::new(),
            open: Vec::new(),
            bytes: 0,
            done: Done::default(),
            taken: 0,
            written: 0,
            times_clamped: 0,
        }
    }

    pub(super) fn learn(&mut self, index: u16, info: &SourceInfo) {
        self.heads.learn(index, info);
    }

    /// Another file. It is created when something is written to it.
    pub(super) fn begin(&mut self, whose: Whose) -> At {
        let entry =
            Entry { whose, created: None, gathered: Vec::new(), waiting: 0, head: InFile::default(), held: Held::default() };
        let entry = Some(Box::new(entry));
        if let Some(at) = self.free.pop() {
            self.entries[at as usize] = entry;
            return at;
        }
        self.entries.push(entry);
        (self.entries.len() - 1) as At
    }

    /// Says of a conversation which its ends are, as far as that is known.
    pub(super) fn name_ends(&mut self, at: At, of: (Endpoint, Endpoint)) {
        if let Some(Some(entry)) = self.entries.get_mut(at as usize)
            && let Whose::Flow(_, ends) = &mut entry.whose
        {
            *ends = Some(of);
        }
    }

    /// Are the ends of this conversation not known yet?
    pub(super) fn lacks_ends(&self, at: At) -> bool {
        let entry = self.entries.get(at as usize).and_then(Option::as_deref);
        entry.is_some_and(|entry| matches!(entry.whose, Whose::Flow(_, None)))
    }

    /// Appends a packet.
    pub(super) fn append(&mut self, at: At, frame: &Frame<'_>) -> Result<(), WriteError> {
        let Some(Some(entry)) = self.entries.get_mut(at as usize) else { return Ok(()) };
        let before = entry.gathered.capacity() + entry.head.bytes();
        match self.heads.packet(&mut entry.gathered, &mut entry.head, frame) {
            Ok(fits) => self.times_clamped += u64::from(!fits),
            Err(second) => {
                let path = self.config.folder.join(entry.whose.name() + name::ending(self.config.format));
                return Err(WriteError::SecondLinkType { path, first: second.0, second: second.1 });
            }
        }
        entry.waiting += 1;
        let held = &mut entry.held;
        held.packets += 1;
        held.wire_bytes += u64::from(frame.wire_len);
        let (first, last) = held.time.unwrap_or((frame.ts, frame.ts));
        held.time = Some((first.min(frame.ts), last.max(frame.ts)));
        self.taken += 1;
        self.bytes = self.bytes + entry.gathered.capacity() + entry.head.bytes() - before;
        if entry.gathered.len() >= GATHERED {
            self.write(at)?;
        }
        if self.bytes > self.config.gathered { self.make_room() } else { Ok(()) }
    }

    /// Writes the longest lists until half of the room is free.
    #[cold]
    fn make_room(&mut self) -> Result<(), WriteError> {
        let waiting = self.entries.iter().enumerate().filter_map(|(at, entry)| {
            let entry = entry.as_deref()?;
            let bytes = entry.gathered.capacity() + entry.head.bytes();
            (bytes > 0).then_some((bytes, at as At))
        });
        let mut waiting: Vec<(usize, At)> = waiting.collect();
        waiting.sort_unstable_by(|a, b| b.cmp(a));
        for (_, at) in waiting {
            if self.bytes <= self.config.gathered / 2 {
                break;
            }
            self.write(at)?;
            self.give_back(at);
        }
        Ok(())
    }

    /// Gives back the memory of a file's lists; what is in them was written.
    fn give_back(&mut self, at: At) {
        if let Some(Some(entry)) = self.entries.get_mut(at as usize) {
            self.bytes -= entry.gathered.capacity() + entry.head.bytes();
            entry.gathered = Vec::new();
            entry.head.shrink();
        }
    }

    /// Writes what is gathered of a file.
    fn write(&mut self, at: At) -> Result<(), WriteError> {
        let waiting = self.entries.get(at as usize).and_then(Option::as_deref).is_some_and(|entry| !entry.gathered.is_empty());
        if !waiting {
            return Ok(());
        }
        self.open(at)?;
        let (Some((_, target)), Some(Some(entry))) = (self.open.last_mut(), self.entries.get_mut(at as usize)) else {
            return Ok(());
        };
        match target.write(&entry.gathered) {
            Ok(()) => {
                entry.held.bytes += entry.gathered.len() as u64;
                self.written += u64::from(entry.waiting);
                entry.waiting = 0;
                entry.gathered.clear();
                Ok(())
            }
            Err(broken) => Err(self.broken(at, broken)),
        }
    }

    /// Makes a file the last of those that are open.
    fn open(&mut self, at: At) -> Result<(), WriteError> {
        if let Some(found) = self.open.iter().position(|(open, _)| *open == at) {
            self.open[found..].rotate_left(1);
            return Ok(());
        }
        if self.open.len() >= OPEN {
            self.close_oldest()?;
        }
        let target = match self.target(at) {
            // Somebody allows us fewer descriptors than we would have.
            Err(error) if is_too_many(&error) && !self.open.is_empty() => {
                while !self.open.is_empty() {
                    self.close_oldest()?;
                }
                self.target(at)
            }
            other => other,
        };
        let target = target.map_err(|error| self.cannot_open(error))?;
        self.open.push((at, target));
        Ok(())
    }

    fn close_oldest(&mut self) -> Result<(), WriteError> {
        let (_, mut target) = self.open.remove(0);
        target.close().map_err(|error| self.failed(target.path().to_owned(), "closing", error))
    }

    /// Creates the file, or opens it again.
    fn target(&mut self, at: At) -> Result<Target, WriteError> {
        let gone = || WriteError::Create { path: self.config.folder.clone(), error: ErrorKind::NotFound.into() };
        let Some(Some(entry)) = self.entries.get_mut(at as usize) else { return Err(gone()) };
        let files = self.config.files.as_ref();
        if let Some(name) = &entry.created {
            let path = self.config.folder.join(&**name);
            let again = |error| WriteError::Output { path: path.clone(), operation: "writing", error };
            let file = files.again(&path).map_err(again)?;
            let data = file.metadata().map_err(again)?;
            if !data.is_file() || data.len() != entry.held.bytes {
                return Err(again(io::Error::other("somebody else has changed it")));
            }
            return Target::of(file, &path);
        }
        let name = entry.whose.name() + name::ending(self.config.format);
        let path = self.config.folder.join(&name);
        let file = if self.config.force { files.make_over(&path, &self.config.reading) } else { files.make(&path) }?;
        entry.created = Some(name.into());
        Target::of(file, &path)
    }

    /// The file is complete: gives its name and what is in it. `ends`: those of a conversation, as it turned out.
    pub(super) fn finish(&mut self, at: At, ends: Option<(Endpoint, Endpoint)>) -> Result<(Box<str>, Held), WriteError> {
        if let Some(ends) = ends {
            self.name_ends(at, ends);
        }
        self.write(at)?;
        self.give_back(at);
        let Some(entry) = self.entries.get_mut(at as usize).and_then(Option::take) else { return Ok(Default::default()) };
        self.free.push(at);
        let mut name = entry.created.unwrap_or_default();
        let path = self.config.folder.join(&*name);
        if let Some(found) = self.open.iter().position(|(open, _)| *open == at) {
            let (_, mut target) = self.open.remove(found);
            target.close().map_err(|error| self.failed(path.clone(), "closing", error))?;
        }
        let meant = entry.whose.name() + name::ending(self.config.format);
        if *meant != *name {
            let to = self.config.folder.join(&meant);
            match self.config.files.rename(&path, &to) {
                Ok(()) => name = meant.into(),
                // A file of another run has that name: this one keeps its own, which the index tells.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(WriteError::Output { path, operation: "renaming", error });
                }
            }
        }
        self.config.files.forget(&self.config.folder.join(&*name));
        self.done.files += 1;
        self.done.packets += entry.held.packets;
        self.done.bytes += entry.held.bytes;
        Ok((name, entry.held))
    }

    /// Cuts the file back to its last whole packet.
    #[cold]
    fn broken(&mut self, at: At, broken: Broken) -> WriteError {
        let pcapng = self.config.format == FileFormat::PcapNg;
        let position = self.open.iter().position(|(open, _)| *open == at);
        let Some(mut target) = position.map(|found| self.open.remove(found).1) else {
            return self.failed(self.config.folder.clone(), "writing", broken.error);
        };
        if let Some(Some(entry)) = self.entries.get_mut(at as usize) {
            let whole = write::whole(&entry.gathered, broken.written, pcapng, entry.held.bytes == 0);
            self.written += whole.packets;
            let len = entry.held.bytes + whole.bytes as u64;
            if len == 0 || (entry.held.bytes == 0 && whole.packets == 0) {
                let _ = self.config.files.remove(target.path());
                entry.created = None;
            } else {
                target.cut(len);
            }
        }
        let path = target.path().to_owned();
        let _ = target.close();
        self.failed(path, "writing", broken.error)
    }

    /// Where the disk had no room for another file, what is good is told as well.
    fn cannot_open(&self, error: WriteError) -> WriteError {
        match error {
            WriteError::Create { path, error } if is_full(&error) => self.failed(path, "creating", error),
            error => error,
        }
    }

    #[cold]
    fn failed(&self, path: PathBuf, operation: &'static str, error: io::Error) -> WriteError {
        let begun = self.entries.iter().flatten().filter(|entry| entry.created.is_some()).count() as u64;
        let safe = Safe { packets: self.done.packets, bytes: self.done.bytes, complete: true };
        let unsaved = self.taken - self.written;
        WriteError::Split { path, operation, error, files: self.done.files, safe, begun, unsaved }
    }
}

/// Has this process, or the system, as many descriptors as it may have?
fn is_too_many(error: &WriteError) -> bool {
    let (WriteError::Create { error, .. } | WriteError::Output { error, .. }) = error else { return false };
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}
