//! How much memory the files of a run may take: their buffers, which grow with the records that come, share one account; what
//! inflating needs, and what a file says of itself, is bounded file by file.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Most for all buffers together, however much there is: no sound capture has longer records.
const MOST_BUFFERS: usize = 512 << 20;
/// Most for the dictionary of xz or the window of zstd: more than the highest presets make (65 and 128 MiB).
const MOST_INFLATING: usize = 512 << 20;
/// Most for what a file says of itself (names, comments, secrets).
const MOST_NOTES: usize = 64 << 20;

/// What one file may take.
#[derive(Clone, Debug)]
pub(in crate::capture) struct Memory {
    /// What is left for buffers of all files.
    buffers: Arc<AtomicUsize>,
    /// What inflating this file may take.
    pub(super) inflating: usize,
    /// What this file may say of itself. A run holds it twice: as it is known now, and as it was told.
    pub(super) notes: usize,
}

impl Memory {
    /// Divides `bytes` among so many files.
    pub(in crate::capture) fn divided(bytes: usize, files: usize) -> Self {
        let files = files.max(1);
        Self {
            buffers: Arc::new(AtomicUsize::new((bytes / 4).min(MOST_BUFFERS))),
            inflating: (bytes / 2 / files).min(MOST_INFLATING),
            notes: (bytes / 8 / files).min(MOST_NOTES),
        }
    }

    /// What is left for buffers.
    pub(in crate::capture) fn left(&self) -> usize {
        self.buffers.load(Ordering::Relaxed)
    }

    /// Takes so much for a buffer, or says that there is no room.
    pub(super) fn take(&self, bytes: usize) -> io::Result<()> {
        let taken = self.buffers.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken
            .map(drop)
            .map_err(|_| io::Error::new(ErrorKind::OutOfMemory, "it needs more memory than it may take (--max-memory)"))
    }

    /// Gives back what a buffer no longer has.
    pub(super) fn give_back(&self, bytes: usize) {
        self.buffers.fetch_add(bytes, Ordering::Relaxed);
    }
}
