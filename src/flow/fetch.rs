//! What another thread or the system wrote is not in this one's caches, and who comes upon it waits. These ask for it some time before,
//! where it is known what comes; they decide nothing.

use super::prefetch::{prefetch, prefetch_beyond};
use super::record::FlowRecord;

/// Bytes of a frame's headers that are asked for.
const HEADERS: usize = 128;
/// So many bytes behind a frame lie some frames further on in a file.
const BEYOND: usize = 2048;
/// Bytes of a line of the cache.
const LINE: usize = 64;

/// Asks for a value.
#[inline]
pub(crate) fn fetch<T>(of: &T) {
    prefetch(of, usize::MAX);
}

/// Asks for the beginning of a frame, which these bytes begin with.
#[inline]
pub(crate) fn fetch_headers(bytes: &[u8]) {
    for byte in bytes[..bytes.len().min(HEADERS)].iter().step_by(LINE) {
        prefetch(byte, 1);
    }
}

/// Asks for frames further on in the file, while one of it is looked at.
#[inline]
pub(crate) fn fetch_beyond(frame: &[u8]) {
    prefetch_beyond(frame, BEYOND);
}

/// Asks for what a record points to, once that is there.
#[inline]
pub(crate) fn fetch_parts(record: &FlowRecord) {
    if let Some(zeek) = &record.zeek {
        prefetch(&**zeek, usize::MAX);
    }
}
