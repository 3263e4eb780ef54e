//! Who creates, renames and removes output files. Usually this process itself ([`Here`]); a program that gave up its
//! rights asks another process that kept those of its caller.

use super::write_error::WriteError;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// The folders that outputs are written to.
pub trait Files: Debug + Send + Sync {
    /// Opens `path` for writing. What is no regular file is opened as it is (pipes, FIFOs, devices). A regular file that exists
    /// is emptied only with `force`, one of `reading` (device and inode) never.
    fn open(&self, path: &Path, force: bool, reading: &[(u64, u64)]) -> Result<File, WriteError>;

    /// Makes a file under a name that follows from others (a number, a time): nobody gave it, so whatever has it already was
    /// planted or is somebody's, and is left alone (`Exists`), pipes too.
    fn make(&self, path: &Path) -> Result<File, WriteError> {
        self.open(path, false, &[])
    }

    /// As [`Self::make`], but a regular file of that name, no link, is emptied where it is not one of `reading`.
    fn make_over(&self, path: &Path, _reading: &[(u64, u64)]) -> Result<File, WriteError> {
        self.make(path)
    }

    /// Opens a file that was made here, to append to it.
    fn again(&self, _path: &Path) -> io::Result<File> {
        Err(ErrorKind::Unsupported.into())
    }

    /// A file that was made here is complete: it is not opened, renamed or removed any more.
    fn forget(&self, _path: &Path) {}

    /// Makes a folder where there is none yet.
    fn make_folder(&self, _path: &Path) -> Result<(), WriteError> {
        Ok(())
    }

    /// Gives a file another name; a file that has this name already stays, and that is an error (`AlreadyExists`).
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. False: it stays for now, as something is being done with it ([`Self::finished`]).
    fn remove(&self, path: &Path) -> io::Result<bool>;

    /// A file is complete under this name: whatever is to be done with it (`-z`) may begin, and is not waited for.
    fn finished(&self, _path: &Path) {}

    /// Waits for what [`Self::finished`] began, and says what went wrong with it, a sentence each. When it takes longer than about a
    /// second, `waiting` is told with how many files it is not done yet.
    fn settle(&self, _waiting: &mut dyn FnMut(u64)) -> Vec<String> {
        Vec::new()
    }
}

/// This process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Here;

impl Files for Here {
    fn open(&self, path: &Path, force: bool, reading: &[(u64, u64)]) -> Result<File, WriteError> {
        let create = |error| WriteError::Create { path: path.to_owned(), error };
        let mut options = OpenOptions::new();
        options.write(true);
        match fs::metadata(path) {
            Ok(old) if !old.is_file() => {}
            Ok(old) if reading.contains(&(old.dev(), old.ino())) => {
                return Err(WriteError::BeingRead { path: path.to_owned() });
            }
            Ok(_) if force => {
                options.truncate(true);
            }
            Ok(old) => {
                return Err(WriteError::Exists { path: path.to_owned(), size: old.len(), modified: old.modified().ok() });
            }
            // A file that appears in this very moment is not overwritten either.
            Err(e) if e.kind() == ErrorKind::NotFound => {
                options.create_new(true);
            }
            Err(e) => return Err(create(e)),
        }
        options.open(path).map_err(create)
    }

    fn make(&self, path: &Path) -> Result<File, WriteError> {
        OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| match fs::symlink_metadata(path) {
            Ok(old) if error.kind() == ErrorKind::AlreadyExists => {
                WriteError::Exists { path: path.to_owned(), size: old.len(), modified: old.modified().ok() }
            }
            _ => WriteError::Create { path: path.to_owned(), error },
        })
    }

    fn make_over(&self, path: &Path, reading: &[(u64, u64)]) -> Result<File, WriteError> {
        match fs::symlink_metadata(path) {
            Ok(old) if reading.contains(&(old.dev(), old.ino())) => Err(WriteError::BeingRead { path: path.to_owned() }),
            Ok(old) if old.is_file() => OpenOptions::new()
                .write(true)
                .truncate(true)
                .custom_flags(libc::O_NOFOLLOW)
                .open(path)
                .map_err(|error| WriteError::Create { path: path.to_owned(), error }),
            _ => self.make(path),
        }
    }

    fn again(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)
    }

    fn make_folder(&self, path: &Path) -> Result<(), WriteError> {
        match fs::create_dir(path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(WriteError::Create { path: path.to_owned(), error }),
            _ => Ok(()),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        // A second link fails where the name is taken; rename(2) would replace.
        match fs::hard_link(from, to) {
            Ok(()) => fs::remove_file(from),
            Err(e) if [ErrorKind::AlreadyExists, ErrorKind::NotFound, ErrorKind::StorageFull].contains(&e.kind()) => Err(e),
            // File systems without links (FAT): looking first must do.
            Err(_) if fs::symlink_metadata(to).is_ok() => Err(ErrorKind::AlreadyExists.into()),
            Err(_) => fs::rename(from, to),
        }
    }

    fn remove(&self, path: &Path) -> io::Result<bool> {
        fs::remove_file(path).map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let [fifo, link, free] = ["fifo", "link", "free"].map(|name| folder.path().join(name));
        rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
        std::os::unix::fs::symlink(folder.path().join("absent"), &link).unwrap();
        for taken in [&fifo, &link] {
            assert!(matches!(Here.make(taken), Err(WriteError::Exists { .. })), "{taken:?}");
        }
        Here.make(&free).unwrap();
        assert!(matches!(Here.make(&free), Err(WriteError::Exists { .. })));
        assert!(!folder.path().join("absent").exists());
    }

    #[test]
    fn what_is_made_over_is_a_file_that_nobody_reads() {
        let folder = tempfile::tempdir().unwrap();
        let [old, link, free] = ["old", "link", "free"].map(|name| folder.path().join(name));
        fs::write(&old, "old").unwrap();
        std::os::unix::fs::symlink(&old, &link).unwrap();
        assert!(matches!(Here.make_over(&link, &[]), Err(WriteError::Exists { .. })));
        let data = fs::metadata(&old).unwrap();
        assert!(matches!(Here.make_over(&old, &[(data.dev(), data.ino())]), Err(WriteError::BeingRead { .. })));
        assert_eq!(fs::read_to_string(&old).unwrap(), "old");
        for path in [&old, &free] {
            drop(Here.make_over(path, &[]).unwrap());
            for word in ["a", "b"] {
                std::io::Write::write_all(&mut Here.again(path).unwrap(), word.as_bytes()).unwrap();
            }
            assert_eq!(fs::read_to_string(path).unwrap(), "ab");
        }
        assert!(Here.again(&link).is_err());
        Here.make_folder(&folder.path().join("new")).unwrap();
        Here.make_folder(&folder.path().join("new")).unwrap();
        assert!(Here.make_folder(&folder.path().join("not/there")).is_err());
    }

    #[test]
    fn a_rename_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (part, whole, other) = (folder.path().join("a.part"), folder.path().join("a"), folder.path().join("b"));
        fs::write(&part, "new").unwrap();
        fs::write(&other, "old").unwrap();
        assert_eq!(Here.rename(&part, &other).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&other).unwrap(), "old");
        Here.rename(&part, &whole).unwrap();
        assert_eq!(fs::read_to_string(&whole).unwrap(), "new");
        assert!(!part.exists());
        Here.remove(&whole).unwrap();
        assert!(!whole.exists());
    }
}
