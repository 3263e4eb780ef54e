//! Why a capture file or a text cannot be written, and what of it is safe.

use crate::model::LinkType;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use thiserror::Error;

/// What went wrong with a file being written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// A regular file of that name exists, and nobody said that it may be overwritten.
    #[error("{} exists", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
        /// When it was last written.
        modified: Option<SystemTime>,
    },
    /// The file is one of those being read.
    #[error("{} is being read: it cannot be written at the same time", path.display())]
    BeingRead {
        /// The file.
        path: PathBuf,
    },
    /// The name asks for compression, which is not done here.
    #[error("{}: sockeye {}; write to - and compress that", path.display(), if *capture { "compresses captures with zstd (.zst)" } else { "writes text uncompressed" })]
    Compressed {
        /// The file.
        path: PathBuf,
        /// It is to be a capture file: zstd would do.
        capture: bool,
    },
    /// The name of a rotated file says the time in a way that is not known.
    #[error("{}: {what}", path.display())]
    Name {
        /// The file, as named.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A rotated capture cannot go on to its next file.
    #[error("{}", rotate_failed(path, operation, error))]
    Rotate {
        /// The file.
        path: PathBuf,
        /// What was tried: `create`, `finish` (give it its name).
        operation: &'static str,
        /// What the system said.
        #[source]
        error: io::Error,
        /// Packets that were taken and are in no file.
        unsaved: u64,
    },
    /// It cannot be created or opened.
    #[error("cannot create {}: {error}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// A packet of a second link type, for a file that can hold only one.
    #[error("{}: a pcap file holds one link type, and packets of two came ({first}, {second}); pcapng holds both", path.display())]
    SecondLinkType {
        /// The file.
        path: PathBuf,
        /// Type of the packets in the file.
        first: LinkType,
        /// Type of the packet that came.
        second: LinkType,
    },
    /// Writing failed: disk full, broken pipe, device gone.
    #[error("{}: {operation} failed after {} packets ({} bytes): {error}", path.display(), safe.packets, safe.bytes)]
    Write {
        /// The file; `-` is standard output.
        path: PathBuf,
        /// What was tried: `writing`, `closing`.
        operation: &'static str,
        /// What the system said.
        #[source]
        error: io::Error,
        /// What is in the file for certain.
        safe: Safe,
        /// Packets that were taken since then, and are lost.
        unsaved: u64,
    },
    /// One of the files of a split capture cannot be written: disk full, device gone.
    #[error("{}: {operation} failed: {error}; {files} files with {} packets are complete", path.display(), safe.packets)]
    Split {
        /// The file.
        path: PathBuf,
        /// What was tried: `creating`, `writing`, `closing`.
        operation: &'static str,
        /// What the system said.
        #[source]
        error: io::Error,
        /// Files that are complete.
        files: u64,
        /// What is in those.
        safe: Safe,
        /// Files that hold a part of their packets, all whole.
        begun: u64,
        /// Packets that were taken and are in no file.
        unsaved: u64,
    },
    /// Text cannot be written: disk full, broken pipe, device gone.
    #[error("cannot {} {}: {error}", if *operation == "closing" { "close" } else { "write" }, path.display())]
    Output {
        /// The file; `-` is standard output.
        path: PathBuf,
        /// What was tried: `writing`, `closing`.
        operation: &'static str,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// The run was over, and whoever reads the output read nothing of what was left.
    #[error("nothing of {} was read for 2 seconds: the rest was not written", path.display())]
    Unread {
        /// The file; `-` is standard output.
        path: PathBuf,
    },
}

fn rotate_failed(path: &Path, operation: &str, error: &io::Error) -> String {
    let name = path.display();
    if error.kind() != ErrorKind::NotFound {
        return match operation {
            "finish" => format!("cannot rename {name}.part to {name}: {error}"),
            _ => format!("cannot {operation} {name}: {error}"),
        };
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    match (folder.is_dir(), operation) {
        (true, "finish") => format!("{name}.part is gone from its folder; someone moved or removed it"),
        (true, _) => format!("cannot {operation} {name}: {error}"),
        (false, _) => format!("{name}: its folder is gone; files that were written there went with it"),
    }
}

/// What of a file survived a failure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Safe {
    /// Packets that are whole in the file.
    pub packets: u64,
    /// Length of the file that holds them.
    pub bytes: u64,
    /// The file ends with the last whole packet. False for pipes and devices, and where cutting the file back failed too.
    pub complete: bool,
}

impl WriteError {
    /// Was the disk full, or a quota used up?
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Write { error, .. } | Self::Split { error, .. } | Self::Rotate { error, .. } if is_full(error))
    }
}

/// Had the disk, or a quota, no room?
pub(super) fn is_full(error: &io::Error) -> bool {
    [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge].contains(&error.kind())
}

/// Keeps the kind, so that a broken pipe is still known for one; the error itself is inside.
impl From<WriteError> for io::Error {
    fn from(error: WriteError) -> Self {
        let kind = match &error {
            WriteError::Write { error, .. }
            | WriteError::Split { error, .. }
            | WriteError::Output { error, .. }
            | WriteError::Create { error, .. }
            | WriteError::Rotate { error, .. } => error.kind(),
            WriteError::Exists { .. } => ErrorKind::AlreadyExists,
            WriteError::Unread { .. } => ErrorKind::TimedOut,
            _ => ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
