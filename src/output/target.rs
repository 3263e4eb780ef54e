//! What is written to: a new file, a pipe, a device, standard output. A regular file is never overwritten unless asked.

use super::files::Files;
use super::write_error::WriteError;
use std::fs::File;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::os::fd::{AsFd, IntoRawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A pipe takes so many bytes whole or not at all (pipe(7), `PIPE_BUF`): what a reader has got is known to the packet.
pub(super) const PIECE: usize = 4096;
/// How long a reader may read nothing at the end of a live run.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What a name that promises a compressed file ends in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compressed {
    /// `.zst`: capture files are.
    Zstd,
    /// `.gz`, `.lz4`, `.xz`: read, not written.
    Other,
}

/// Does the name promise a compressed file?
pub(super) fn compressed(path: &Path) -> Option<Compressed> {
    let ending = path.extension()?;
    let is = |word: &str| ending.eq_ignore_ascii_case(word);
    if is("zst") { Some(Compressed::Zstd) } else { ["gz", "lz4", "xz"].into_iter().any(is).then_some(Compressed::Other) }
}

/// Is standard output meant? `-`, and the names that systems give it.
#[must_use]
pub fn is_stdout(path: &Path) -> bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].iter().any(|name| path.as_os_str() == *name)
}

/// An opened target.
#[derive(Debug)]
pub(super) struct Target {
    /// Nothing once it is closed.
    file: Option<File>,
    path: PathBuf,
    /// Can be cut back.
    regular: bool,
    /// Somebody reads it, or does not: a pipe, a terminal, a socket.
    has_reader: bool,
}

/// A write that failed.
pub(super) struct Broken {
    /// Bytes that were written before.
    pub(super) written: usize,
    pub(super) error: io::Error,
}

impl Target {
    /// Opens `path` for writing; `-` is standard output. `reading` are device and inode of files that must not be
    /// overwritten whatever `force` says. The rest is left to `files`.
    pub(super) fn open(path: &Path, force: bool, reading: &[(u64, u64)], files: &dyn Files) -> Result<Self, WriteError> {
        let create = |error| WriteError::Create { path: path.to_owned(), error };
        if is_stdout(path) {
            let out = io::stdout().as_fd().try_clone_to_owned().map_err(create)?;
            return Self::of(File::from(out), path);
        }
        if compressed(path).is_some() {
            return Err(WriteError::Compressed { path: path.to_owned(), capture: false });
        }
        Self::create(path, force, reading, files)
    }

    /// The same, of a file, whatever its name ends in.
    pub(super) fn create(path: &Path, force: bool, reading: &[(u64, u64)], files: &dyn Files) -> Result<Self, WriteError> {
        let file = files.open(path, force, reading)?;
        Self::of(file, path)
    }

    /// The same, of a file that must be new ([`Files::make`]).
    pub(super) fn make(path: &Path, files: &dyn Files) -> Result<Self, WriteError> {
        Self::of(files.make(path)?, path)
    }

    pub(super) fn of(file: File, path: &Path) -> Result<Self, WriteError> {
        let data = file.metadata().map_err(|error| WriteError::Create { path: path.to_owned(), error })?;
        // Standard output may be a file that others write to as well: `>>`. It is not cut.
        let regular = data.is_file() && !is_stdout(path);
        let kind = data.file_type();
        let has_reader = kind.is_fifo() || kind.is_socket() || file.is_terminal();
        Ok(Self { file: Some(file), path: path.to_owned(), regular, has_reader })
    }

    /// May somebody who does not read keep a write waiting for ever?
    pub(super) const fn has_reader(&self) -> bool {
        self.has_reader
    }

    /// Is it a file, and not a pipe, a device or standard output?
    pub(super) const fn is_regular(&self) -> bool {
        self.regular
    }

    /// Was it taken out of its folder, so that nobody will find it any more?
    pub(super) fn is_removed(&self) -> bool {
        self.file.as_ref().is_some_and(|file| file.metadata().is_ok_and(|data| data.nlink() == 0))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The error of an operation on it, for text; what is safe of a capture file is told otherwise.
    pub(super) fn cannot(&self, operation: &'static str, error: io::Error) -> WriteError {
        WriteError::Output { path: self.path.clone(), operation, error }
    }

    /// Writes all of it in pieces of at most so many bytes, and says after each how much that is.
    pub(super) fn write_pieces(&mut self, bytes: &[u8], piece: usize, mut told: impl FnMut(usize)) -> Result<(), Broken> {
        let mut written = 0;
        for some in bytes.chunks(piece) {
            self.write(some).map_err(|broken| Broken { written: written + broken.written, ..broken })?;
            written += some.len();
            told(written);
        }
        Ok(())
    }

    /// Writes all of it.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let mut written = 0;
        let Some(file) = &mut self.file else {
            return Err(Broken { written, error: io::Error::other("the file is closed") });
        };
        while written < bytes.len() {
            match file.write(&bytes[written..]) {
                Ok(0) => return Err(Broken { written, error: ErrorKind::WriteZero.into() }),
                Ok(n) => written += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Broken { written, error }),
            }
        }
        Ok(())
    }

    /// Cuts the file to this length. False: it cannot be cut.
    pub(super) fn cut(&mut self, len: u64) -> bool {
        self.regular && self.file.as_ref().is_some_and(|file| file.set_len(len).is_ok())
    }

    /// Closes the file and says what the system says: on a network file system it may say "disk full" only now, and
    /// dropping a [`File`] would not tell.
    pub(super) fn close(&mut self) -> io::Result<()> {
        let Some(file) = self.file.take() else { return Ok(()) };
        let fd = file.into_raw_fd();
        // SAFETY: `fd` was given up by the only `File` that owned it, so it is open, and nobody closes it again.
        #[expect(unsafe_code)]
        let result = unsafe { libc::close(fd) };
        match io::Error::last_os_error() {
            // The descriptor is gone all the same.
            error if result == -1 && error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }
}
