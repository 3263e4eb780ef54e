//! Which files of a run are kept: the newest so many, or so many bytes of the newest. Only files that the run itself completed
//! are ever removed, and none while something is being done with it ([`Files::finished`]): that one goes later.

use super::rotate::Rotation;
use crate::output::files::Files;
use std::collections::VecDeque;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Files that could not be removed, told at most.
const TOLD: usize = 8;
/// Files in use that are asked for at a time. What is done with files is begun in their order, a few at once: behind so many that
/// are in use none is free.
const TRIED: usize = 16;

/// The completed files of a run, where not all of them are kept.
#[derive(Debug)]
pub(super) struct Kept {
    most_files: u64,
    most_bytes: u64,
    files: VecDeque<(PathBuf, u64)>,
    bytes: u64,
    /// Too old to be kept, and in use when they were to be removed.
    late: VecDeque<PathBuf>,
    on: bool,
    /// Removed so far.
    pub(super) removed: u64,
    /// What could not be removed.
    pub(super) troubles: Vec<String>,
}

impl Kept {
    pub(super) fn new(rotation: &Rotation) -> Self {
        Self {
            most_files: rotation.keep_files.unwrap_or(Rotation::MOST_KEPT).min(Rotation::MOST_KEPT),
            most_bytes: rotation.keep_bytes.unwrap_or(u64::MAX),
            files: VecDeque::new(),
            bytes: 0,
            late: VecDeque::new(),
            on: rotation.keep_files.is_some() || rotation.keep_bytes.is_some(),
            removed: 0,
            troubles: Vec::new(),
        }
    }

    /// A file is complete.
    pub(super) fn push(&mut self, path: PathBuf, bytes: u64) {
        if self.on {
            self.files.push_back((path, bytes));
            self.bytes += bytes;
        }
    }

    /// Removes what is too much beside so many files and bytes that are being written. While none is, the newest stays, however
    /// large it is.
    pub(super) fn prune(&mut self, files: u64, bytes: u64, by: &dyn Files) {
        while self.files.len() as u64 + files > 1
            && (self.files.len() as u64 + files > self.most_files || self.bytes.saturating_add(bytes) > self.most_bytes)
        {
            let Some((path, size)) = self.files.pop_front() else { return };
            self.bytes -= size;
            self.remove(path, by);
        }
    }

    /// Removes those that were in use when it was their turn, as far as they are free now.
    pub(super) fn remove_late(&mut self, by: &dyn Files) {
        let tried: Vec<PathBuf> = self.late.drain(..self.late.len().min(TRIED)).collect();
        let before = self.late.len();
        for path in tried {
            self.remove(path, by);
        }
        // Those that are in use still are the oldest as before.
        self.late.rotate_left(before);
    }

    fn remove(&mut self, path: PathBuf, by: &dyn Files) {
        match by.remove(&path) {
            Ok(()) => self.removed += 1,
            // Someone else took it away, or `-z` did.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) if e.kind() == ErrorKind::ResourceBusy => self.late.push_back(path),
            Err(e) if self.troubles.len() < TOLD => self.troubles.push(format!("cannot remove {}: {e}", path.display())),
            Err(_) => {}
        }
    }

    /// Nothing is done with files any more: removes what is left to be removed.
    pub(super) fn finish(&mut self, by: &dyn Files) {
        for path in std::mem::take(&mut self.late) {
            self.remove(path, by);
        }
    }
}
