//! The bytes as they come from the system: a file, a pipe, standard input; counted on the way.

use super::wait;
use crate::capture::SourceError;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Name of standard input, as given and as shown.
const DASH: &str = "-";

/// Something to read from.
pub(super) struct Raw {
    from: From,
    meter: Arc<Meter>,
}

enum From {
    Regular(File),
    /// A pipe, a socket, a terminal: reading it may have to wait.
    Pipe(File),
    Other(Box<dyn Read + Send>),
}

/// What was read so far, for whoever does not hold the [`Raw`] itself.
#[derive(Debug, Default)]
pub(super) struct Meter {
    bytes: AtomicU64,
    failed: AtomicBool,
}

impl Meter {
    /// Bytes read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Did the system fail to read? Tells a broken disk from broken data.
    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

/// An opened file and what the system says of it.
pub(super) struct Opened {
    pub(super) raw: Raw,
    pub(super) name: String,
    /// Size, of a regular file.
    pub(super) size: Option<u64>,
    /// Device and inode, of a regular file.
    pub(super) id: Option<(u64, u64)>,
}

impl Raw {
    pub(super) fn new(from: impl Read + Send + 'static) -> Self {
        Self { from: From::Other(Box::new(from)), meter: Arc::default() }
    }

    /// May reading it have to wait, and can that be known before?
    pub(super) fn is_pipe(&self) -> bool {
        matches!(self.from, From::Pipe(_))
    }

    /// Waits until a read would not wait, at most for `limit`. False: there is nothing yet, or a signal came.
    pub(super) fn is_ready(&self, limit: Duration) -> io::Result<bool> {
        match &self.from {
            From::Pipe(pipe) => wait::readable(pipe.as_fd(), limit),
            From::Regular(_) | From::Other(_) => Ok(true),
        }
    }

    pub(super) fn meter(&self) -> Arc<Meter> {
        Arc::clone(&self.meter)
    }
}

impl Read for Raw {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let result = match &mut self.from {
            From::Regular(file) | From::Pipe(file) => file.read(into),
            From::Other(other) => other.read(into),
        };
        match &result {
            Ok(n) => drop(self.meter.bytes.fetch_add(*n as u64, Ordering::Relaxed)),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(_) => self.meter.failed.store(true, Ordering::Relaxed),
        }
        result
    }
}

/// Opens a file; `-` is standard input.
pub(super) fn open(path: &Path) -> Result<Opened, SourceError> {
    let (name, opened) = if path.as_os_str() == DASH {
        ("standard input".to_owned(), io::stdin().as_fd().try_clone_to_owned().map(File::from))
    } else {
        (path.display().to_string(), File::open(path))
    };
    let failed = |error| SourceError::Io { operation: "cannot open", name: name.clone(), error };
    let file = opened.map_err(failed)?;
    of(file, name)
}

/// A file that is open already.
pub(super) fn of(file: File, name: String) -> Result<Opened, SourceError> {
    let failed = |error| SourceError::Io { operation: "cannot open", name: name.clone(), error };
    let data = file.metadata().map_err(failed)?;
    if data.is_dir() {
        return Err(SourceError::IsDirectory { name });
    }
    let regular = data.is_file();
    let from = if regular { From::Regular(file) } else { From::Pipe(file) };
    Ok(Opened {
        raw: Raw { from, meter: Arc::default() },
        name,
        size: regular.then_some(data.len()),
        id: regular.then_some((data.dev(), data.ino())),
    })
}
