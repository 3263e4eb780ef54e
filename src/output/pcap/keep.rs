//! Which files of a run are kept: the newest so many, or so many bytes of the newest. Only files that the run itself completed
//! are ever removed, and none while something is being done with it ([`Files::finished`]): that one goes later.

use super::rotate::Rotation;
use crate::output::files::Files;
use std::collections::VecDeque;
use std::fmt::Display;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// How many those are, for others to see.
    many_late: Arc<AtomicU64>,
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
            many_late: Arc::default(),
            on: rotation.keep_files.is_some() || rotation.keep_bytes.is_some(),
            removed: 0,
            troubles: Vec::new(),
        }
    }

    pub(super) fn how_many_late(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.many_late)
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
            self.count_late();
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
        self.count_late();
    }

    fn count_late(&self) {
        self.many_late.store(self.late.len() as u64, Ordering::Relaxed);
    }

    fn remove(&mut self, path: PathBuf, by: &dyn Files) {
        match by.remove(&path) {
            Ok(true) => self.removed += 1,
            Ok(false) => self.late.push_back(path),
            // Someone else took it away, or `-z` did.
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => self.trouble(&path, &e),
        }
    }

    /// Nothing is done with files any more: removes what is left to be removed.
    pub(super) fn finish(&mut self, by: &dyn Files) {
        for path in std::mem::take(&mut self.late) {
            self.remove(path, by);
        }
        for path in std::mem::take(&mut self.late) {
            self.trouble(&path, &"its command has not ended");
        }
    }

    fn trouble(&mut self, path: &Path, why: &dyn Display) {
        if self.troubles.len() < TOLD {
            self.troubles.push(format!("cannot remove {}: {why}", path.display()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::write_error::WriteError;
    use std::collections::BTreeSet;
    use std::fs::File;
    use std::io;
    use std::sync::Mutex;

    /// A folder in which some files are in use, and one cannot be removed.
    #[derive(Debug, Default)]
    struct Folder {
        in_use: Mutex<BTreeSet<PathBuf>>,
        removed: Mutex<Vec<PathBuf>>,
    }

    impl Files for Folder {
        fn open(&self, path: &Path, _: bool, _: &[(u64, u64)]) -> Result<File, WriteError> {
            Err(WriteError::Create { path: path.to_owned(), error: ErrorKind::Unsupported.into() })
        }

        fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
            Err(ErrorKind::Unsupported.into())
        }

        fn remove(&self, path: &Path) -> io::Result<bool> {
            if path == Path::new("mounted") {
                return Err(ErrorKind::ResourceBusy.into());
            }
            let free = !self.in_use.lock().unwrap().contains(path);
            self.removed.lock().unwrap().extend(free.then(|| path.to_owned()));
            Ok(free)
        }
    }

    fn keeps_one() -> Kept {
        Kept::new(&Rotation { keep_files: Some(1), ..Rotation::default() })
    }

    #[test]
    fn a_file_in_use_is_removed_when_it_is_free() {
        let (folder, mut kept) = (Folder::default(), keeps_one());
        folder.in_use.lock().unwrap().extend(["a".into(), "b".into()]);
        for name in ["a", "b", "c"] {
            kept.push(name.into(), 1);
        }
        kept.prune(1, 0, &folder);
        let late = kept.how_many_late();
        assert_eq!((kept.removed, late.load(Ordering::Relaxed)), (1, 2));
        folder.in_use.lock().unwrap().remove(Path::new("b"));
        kept.remove_late(&folder);
        assert_eq!((kept.removed, late.load(Ordering::Relaxed)), (2, 1));
        folder.in_use.lock().unwrap().clear();
        kept.finish(&folder);
        assert_eq!((kept.removed, kept.troubles.len()), (3, 0));
        assert_eq!(*folder.removed.lock().unwrap(), ["c", "b", "a"].map(PathBuf::from));
    }

    #[test]
    fn one_that_the_system_calls_busy_is_told_and_is_not_late() {
        let (folder, mut kept) = (Folder::default(), keeps_one());
        for name in ["mounted", "a"] {
            kept.push(name.into(), 1);
        }
        kept.prune(1, 0, &folder);
        assert_eq!((kept.removed, kept.how_many_late().load(Ordering::Relaxed)), (1, 0));
        assert!(kept.troubles.len() == 1 && kept.troubles[0].starts_with("cannot remove mounted: "), "{:?}", kept.troubles);
    }

    #[test]
    fn one_whose_command_never_ended_is_told_at_the_end() {
        let (folder, mut kept) = (Folder::default(), keeps_one());
        folder.in_use.lock().unwrap().insert("a".into());
        kept.push("a".into(), 1);
        kept.prune(1, 0, &folder);
        kept.finish(&folder);
        assert_eq!(kept.troubles, ["cannot remove a: its command has not ended"]);
    }
}
