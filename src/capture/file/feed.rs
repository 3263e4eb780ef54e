//! A buffer that slides over the bytes of a file: what is whole is looked at in place, what is not is moved to the front
//! and read on. It grows only as bytes really come, never because a length field says so.

use super::compressed::{Compression, Inflater};
use super::raw::Raw;
use std::io::{self, ErrorKind, Read};

/// Where the bytes come from.
enum Origin {
    Plain(Raw),
    Packed(Inflater),
    /// The end was reached; nothing is held open any more.
    Ended,
}

/// Bytes in view, and the way to more of them.
pub(super) struct Feed {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Of `start`, in the (decompressed) file.
    offset: u64,
    origin: Origin,
}

impl Feed {
    /// `capacity` is what is read at a time; it should be 64 KiB or more.
    pub(super) fn new(raw: Raw, capacity: usize) -> Self {
        Self { buffer: vec![0; capacity.max(1024)], start: 0, end: 0, offset: 0, origin: Origin::Plain(raw) }
    }

    /// The bytes read and not yet consumed.
    #[inline]
    pub(super) fn view(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Position of the view's first byte in the (decompressed) file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Passes over the first `n` bytes of the view.
    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.offset += n as u64;
    }

    /// Reads until `len` bytes are in view. False: the input ended before.
    pub(super) fn fill(&mut self, len: usize) -> io::Result<bool> {
        while self.end - self.start < len {
            self.make_room(len);
            let room = &mut self.buffer[self.end..];
            let read = match &mut self.origin {
                Origin::Plain(raw) => raw.read(room),
                Origin::Packed(inflater) => inflater.read(room),
                Origin::Ended => Ok(0),
            };
            match read {
                Ok(0) => {
                    self.origin = Origin::Ended;
                    return Ok(false);
                }
                Ok(n) => self.end += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// Makes room behind the view, on the way to `len` bytes of it.
    fn make_room(&mut self, len: usize) {
        if self.start > 0 && (self.end == self.buffer.len() || self.start + len > self.buffer.len()) {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            let doubled = self.buffer.len() * 2;
            self.buffer.resize(doubled, 0);
        }
    }

    /// From here on the bytes are those inflated from what is in view and what follows it.
    pub(super) fn inflate(&mut self, compression: Compression) -> io::Result<()> {
        let packed = self.view().to_vec();
        self.start = self.end;
        if let Origin::Plain(raw) = std::mem::replace(&mut self.origin, Origin::Ended) {
            self.origin = Origin::Packed(Inflater::new(compression, &packed, raw)?);
        }
        (self.start, self.end, self.offset) = (0, 0, 0);
        Ok(())
    }

    /// Opening is over, and a `thread` may be made. A file that was read whole gives its descriptor back and
    /// keeps no larger buffer than it needs, so that thousands of small files can be open at once.
    pub(super) fn opened(&mut self, size: Option<u64>, thread: bool) {
        if let Origin::Packed(inflater) = &mut self.origin {
            if thread {
                inflater.move_to_thread();
            }
        } else if size == Some(self.offset + self.view().len() as u64) && matches!(self.fill(self.view().len() + 1), Ok(false)) {
            self.buffer.truncate(self.end.max(1024));
            self.buffer.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn a_claimed_length_alone_takes_no_memory() {
        // 200 MB are asked for, 1000 bytes are there; then more than the buffer holds is there.
        let mut feed = Feed::new(Raw::new(Cursor::new(vec![7; 1000])), 4096);
        assert!(!feed.fill(200_000_000).expect("reads"));
        assert_eq!((feed.view().len(), feed.buffer.len()), (1000, 4096));
        let mut feed = Feed::new(Raw::new(Cursor::new(vec![7; 5000])), 4096);
        assert!(!feed.fill(200_000_000).expect("reads"));
        assert_eq!((feed.view().len(), feed.buffer.len()), (5000, 8192));
    }
}
