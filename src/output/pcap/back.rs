//! The far side of the queue: has the file, writes what comes, counts what is safe. After a failure it cuts the file back to its last
//! whole packet. Gives complete files their names, and removes those that are not kept.

use super::keep::Kept;
use super::pack::Pack;
use super::rotate::{Name, Rotation, part};
use crate::output::files::Files;
use crate::output::queue::{Consumer, Moved};
use crate::output::target::{Broken, PIECE, Target};
use crate::output::write_error::{Safe, WriteError};
use crate::pcapfile::write;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is handed over.
#[derive(Debug)]
pub(super) enum Job {
    /// Whole records of the file at hand.
    Write { bytes: Vec<u8>, packets: u64 },
    /// What was written is to be readable.
    Flush,
    /// The file at hand is complete.
    End,
    /// The next file.
    Begin(Box<Begin>),
    /// Files that were in use when they were to be removed may be free now.
    RemoveLate,
}

/// How the next file is called.
#[derive(Debug)]
pub(super) struct Begin {
    /// The name of the first file, if someone has moved that away (as logrotate does).
    pub(super) again: Option<PathBuf>,
    pub(super) name: Name,
}

/// A file being written.
#[derive(Debug)]
struct Open {
    target: Target,
    /// What it is to be called in the end; it is NAME.part until then.
    name: Option<PathBuf>,
    safe: Safe,
    /// Packets behind those that are safe: in a frame of zstd that has no end yet.
    loose: u64,
    /// Length, with the unsafe rest.
    len: u64,
}

/// What was written in all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) files: u64,
}

/// Writes files one after the other.
#[derive(Debug)]
pub(super) struct Back {
    files: Arc<dyn Files>,
    pcapng: bool,
    /// Files are called NAME.part while they are written.
    parts: bool,
    pack: Option<Pack>,
    open: Option<Open>,
    pub(super) kept: Kept,
    /// Of the files before the one at hand.
    pub(super) done: Sums,
    /// Packets that are safe, in all files: what the near side tells of a failure.
    saved: Arc<AtomicU64>,
    /// Grows while a reader reads.
    moved: Arc<Moved>,
    /// Bytes written at a time.
    piece: usize,
}

impl Back {
    pub(super) fn new(files: Arc<dyn Files>, pcapng: bool, pack: Option<Pack>, rotation: &Rotation) -> Self {
        Self {
            files,
            pcapng,
            parts: rotation.is_on(),
            pack,
            open: None,
            kept: Kept::new(rotation),
            done: Sums::default(),
            saved: Arc::default(),
            moved: Arc::default(),
            piece: usize::MAX,
        }
    }

    /// Nobody is to wait for ever for a reader that does not read: how far it is can be seen in what is given back.
    pub(super) fn watch(&mut self) -> Arc<Moved> {
        self.piece = PIECE;
        Arc::clone(&self.moved)
    }

    /// How many files should be removed and are in use.
    pub(super) fn late(&self) -> Arc<AtomicU64> {
        self.kept.how_many_late()
    }

    pub(super) fn saved(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.saved)
    }

    /// Takes an opened file.
    pub(super) fn hold(&mut self, target: Target, name: Option<PathBuf>) {
        self.open = Some(Open { target, name, safe: Safe { complete: true, ..Safe::default() }, loose: 0, len: 0 });
    }

    /// Opens the next file under a name that nothing has.
    pub(super) fn begin(&mut self, begin: &Begin) -> Result<(), WriteError> {
        let free = |path: &Path| fs::symlink_metadata(path).is_err_and(|e| e.kind() == ErrorKind::NotFound);
        let mut tried = None;
        for name in begin.again.iter().filter(|path| free(path)).cloned().chain(begin.name.candidates()) {
            let path = if self.parts { part(&name) } else { name.clone() };
            // Where the folder cannot be looked at, opening tells why.
            if fs::symlink_metadata(&name).is_ok() {
                tried = Some(WriteError::Create { path: name, error: ErrorKind::AlreadyExists.into() });
                continue;
            }
            match Target::make(&path, self.files.as_ref()) {
                Ok(target) => {
                    self.hold(target, self.parts.then_some(name));
                    self.kept.remove_late(self.files.as_ref());
                    // Not before: where no file can be begun, those that are there stay.
                    self.kept.prune(1, 0, self.files.as_ref());
                    return Ok(());
                }
                Err(WriteError::Exists { path, .. }) => {
                    tried = Some(WriteError::Create { path, error: ErrorKind::AlreadyExists.into() });
                }
                Err(error) => return Err(error),
            }
        }
        Err(tried.unwrap_or(WriteError::Create { path: PathBuf::new(), error: ErrorKind::NotFound.into() }))
    }

    fn write(&mut self, bytes: &[u8], packets: u64) -> Result<(), WriteError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        if let Some(pack) = &mut self.pack {
            open.loose += packets;
            let name = open.target.path().to_owned();
            let full = pack.take(bytes).map_err(|error| WriteError::Output { path: name, operation: "writing", error })?;
            return if full { self.end_frame() } else { self.write_packed() };
        }
        let (pcapng, at_start) = (self.pcapng, open.safe.bytes == 0);
        let (mut whole, before) = (write::Whole::default(), self.done.packets + open.safe.packets);
        let (watched, moved, saved) = (self.piece < usize::MAX, &self.moved, &self.saved);
        let told = |written| {
            if watched {
                let more = write::whole(&bytes[whole.bytes..], written - whole.bytes, pcapng, at_start && whole.bytes == 0);
                whole = write::Whole { bytes: whole.bytes + more.bytes, packets: whole.packets + more.packets };
                saved.store(before + whole.packets, Ordering::Relaxed);
                moved.fetch_add(1, Ordering::Relaxed);
            }
        };
        match open.target.write_pieces(bytes, self.piece, told) {
            Ok(()) => {
                open.len += bytes.len() as u64;
                open.safe.bytes = open.len;
                open.safe.packets += packets;
                self.count();
                Ok(())
            }
            Err(broken) => {
                let whole = write::whole(bytes, broken.written, self.pcapng, open.safe.bytes == 0);
                open.safe.bytes += whole.bytes as u64;
                open.safe.packets += whole.packets;
                Err(self.broken(broken))
            }
        }
    }

    fn count(&mut self) {
        let Some(open) = &self.open else { return };
        self.saved.store(self.done.packets + open.safe.packets, Ordering::Relaxed);
        let len = open.len;
        self.kept.prune(1, len, self.files.as_ref());
    }

    /// Writes what came out of the encoder.
    fn write_packed(&mut self) -> Result<(), WriteError> {
        let (Some(pack), Some(open)) = (&mut self.pack, &mut self.open) else { return Ok(()) };
        let moved = &self.moved;
        let done = open.target.write_pieces(&pack.out, self.piece, |_| {
            moved.fetch_add(1, Ordering::Relaxed);
        });
        open.len += pack.out.len() as u64;
        pack.out.clear();
        done.map_err(|broken| self.broken(broken))
    }

    /// Ends a frame of zstd: what was written is safe.
    fn end_frame(&mut self) -> Result<(), WriteError> {
        let (Some(pack), Some(open)) = (&mut self.pack, &self.open) else { return Ok(()) };
        let name = open.target.path().to_owned();
        pack.end().map_err(|error| WriteError::Output { path: name, operation: "writing", error })?;
        self.write_packed()?;
        if let Some(open) = &mut self.open {
            open.safe.bytes = open.len;
            open.safe.packets += std::mem::take(&mut open.loose);
        }
        self.count();
        Ok(())
    }

    /// All commands on files have ended: removes those that had to wait for them.
    pub(super) fn after_commands(&mut self) {
        self.kept.finish(self.files.as_ref());
    }

    /// Cuts the file back to its last whole packet, and gives it its name if it can.
    #[cold]
    fn broken(&mut self, broken: Broken) -> WriteError {
        let Some(mut open) = self.open.take() else {
            return WriteError::Output { path: PathBuf::new(), operation: "writing", error: broken.error };
        };
        open.safe.complete = open.target.cut(open.safe.bytes);
        self.saved.store(self.done.packets + open.safe.packets, Ordering::Relaxed);
        self.done.packets += open.safe.packets;
        self.done.bytes += open.safe.bytes;
        let mut path = open.target.path().to_owned();
        let closed = open.target.close().is_ok();
        if let Some(name) = &open.name
            && open.safe.packets == 0
            && matches!(self.files.remove(&path), Ok(true))
        {
            // Nothing is in it, and it was begun only to go on.
            path.clone_from(name);
            open.safe = Safe::default();
        } else if closed
            && let Some(name) = &open.name
            && let Ok(name) = self.rename(&path, name)
        {
            path = name;
        }
        WriteError::Write { path, operation: "writing", error: broken.error, safe: open.safe, unsaved: 0 }
    }

    /// Gives a file its name, or the next that is free.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<PathBuf> {
        let name = Name::of(to);
        for to in name.candidates() {
            match self.files.rename(from, &to) {
                Ok(()) => return Ok(to),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Err(ErrorKind::AlreadyExists.into())
    }

    /// Completes the file at hand.
    fn end(&mut self) -> Result<(), WriteError> {
        if self.pack.is_some() {
            self.end_frame()?;
        }
        let Some(mut open) = self.open.take() else { return Ok(()) };
        let path = open.target.path().to_owned();
        if open.target.is_removed() {
            // Nobody can read it any more.
            open.safe.packets = 0;
            self.saved.store(self.done.packets, Ordering::Relaxed);
        }
        let closed = open.target.close();
        self.done = Sums {
            packets: self.done.packets + open.safe.packets,
            bytes: self.done.bytes + open.safe.bytes,
            files: self.done.files + 1,
        };
        if let Err(error) = closed {
            let safe = Safe { complete: false, ..open.safe };
            return Err(WriteError::Write { path, operation: "closing", error, safe, unsaved: 0 });
        }
        let name = match open.name {
            Some(name) => self.rename(&path, &name).map_err(|error| WriteError::Rotate {
                path: name,
                operation: "finish",
                error,
                unsaved: 0,
            })?,
            None => path,
        };
        if open.target.is_regular() {
            self.files.finished(&name);
            self.kept.push(name, open.safe.bytes);
            self.kept.prune(0, 0, self.files.as_ref());
        }
        Ok(())
    }
}

impl Consumer for Back {
    type Item = Job;

    fn take(&mut self, job: Job) -> io::Result<Option<Vec<u8>>> {
        match job {
            Job::Write { bytes, packets } => {
                self.write(&bytes, packets)?;
                return Ok(Some(bytes));
            }
            Job::Flush if self.pack.is_some() => self.end_frame()?,
            Job::Flush => {}
            Job::End => self.end()?,
            Job::RemoveLate => self.kept.remove_late(self.files.as_ref()),
            Job::Begin(begin) => self.begin(&begin).map_err(|error| match error {
                WriteError::Create { path, error } => WriteError::Rotate { path, operation: "create", error, unsaved: 0 },
                error => error,
            })?,
        }
        Ok(None)
    }
}
