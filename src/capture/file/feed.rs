//! A buffer that slides over the bytes of a file: what is whole is looked at in place, what is not is moved to the front
//! and read on. It grows only as bytes really come, never because a length field says so.

use super::compressed::{Compression, Inflater};
use super::memory::Memory;
use super::raw::Raw;
use std::io::{self, ErrorKind, Read};
use std::time::Duration;

/// Where the bytes come from.
enum Origin {
    Plain(Raw),
    Packed(Inflater),
    /// The end was reached; nothing is held open any more.
    Ended,
}

/// The longest wait for a pipe's bytes before the caller gets its turn.
const PATIENCE: Duration = Duration::from_millis(100);

/// What [`Feed::fill`] could do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filled {
    /// As much as was asked for is in view.
    Enough,
    /// The input ended before.
    Ended,
    /// A pipe has nothing more just now.
    NotYet,
}

/// Bytes in view, and the way to more of them.
pub(super) struct Feed {
    buffer: Vec<u8>,
    memory: Memory,
    start: usize,
    end: usize,
    /// Of `start`, in the (decompressed) file.
    offset: u64,
    origin: Origin,
    /// A pipe: the caller gets its turn before a read that would wait. Not while the file is being opened.
    pipe: bool,
    /// It had its turn, and nothing has come since.
    quiet: bool,
}

impl Feed {
    /// `capacity` is what is read at a time; it should be 64 KiB or more.
    pub(super) fn new(raw: Raw, capacity: usize, memory: Memory) -> io::Result<Self> {
        let capacity = capacity.max(1024);
        memory.take(capacity)?;
        Ok(Self {
            buffer: vec![0; capacity],
            memory,
            start: 0,
            end: 0,
            offset: 0,
            origin: Origin::Plain(raw),
            pipe: false,
            quiet: false,
        })
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

    /// Reads until `len` bytes are in view.
    pub(super) fn fill(&mut self, len: usize) -> io::Result<Filled> {
        while self.end - self.start < len {
            if self.pipe && !self.is_ready()? {
                return Ok(Filled::NotYet);
            }
            self.make_room(len)?;
            let room = &mut self.buffer[self.end..];
            let read = match &mut self.origin {
                Origin::Plain(raw) => raw.read(room),
                Origin::Packed(inflater) => inflater.read(room),
                Origin::Ended => Ok(0),
            };
            match read {
                Ok(0) => {
                    self.origin = Origin::Ended;
                    return Ok(Filled::Ended);
                }
                Ok(n) => {
                    self.end += n;
                    self.quiet = false;
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Filled::Enough)
    }

    /// Would a read not wait? At the first time that it would, the caller is told so at once, to hand on what it has; from
    /// then on after a while.
    fn is_ready(&mut self) -> io::Result<bool> {
        let limit = if self.quiet { PATIENCE } else { Duration::ZERO };
        let ready = match &mut self.origin {
            Origin::Plain(raw) => raw.is_ready(limit)?,
            Origin::Packed(inflater) => inflater.is_ready(limit),
            Origin::Ended => true,
        };
        self.quiet = !ready;
        Ok(ready)
    }

    /// Makes room behind the view, on the way to `len` bytes of it.
    fn make_room(&mut self, len: usize) -> io::Result<()> {
        if self.start > 0 && (self.end == self.buffer.len() || self.start + len > self.buffer.len()) {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            // No more than is asked for, once that is near.
            let wanted = (self.buffer.len() * 2).min(len.max(self.buffer.len() + 1024));
            self.memory.take(wanted - self.buffer.len())?;
            self.buffer.reserve_exact(wanted - self.buffer.len());
            self.buffer.resize(wanted, 0);
        }
        Ok(())
    }

    /// From here on the bytes are those inflated from what is in view and what follows it.
    pub(super) fn inflate(&mut self, compression: Compression) -> io::Result<()> {
        let packed = self.view().to_vec();
        self.start = self.end;
        if let Origin::Plain(raw) = std::mem::replace(&mut self.origin, Origin::Ended) {
            self.origin = Origin::Packed(Inflater::new(compression, &packed, raw, self.memory.inflating)?);
        }
        (self.start, self.end, self.offset) = (0, 0, 0);
        Ok(())
    }

    /// Opening is over, and a `thread` may be made; for a compressed `pipe` it must, for only then can it be waited for a while. A file that was read whole gives its descriptor back and
    /// keeps no larger buffer than it needs, so that thousands of small files can be open at once.
    pub(super) fn opened(&mut self, size: Option<u64>, thread: bool, pipe: bool) {
        self.pipe = pipe;
        if let Origin::Packed(inflater) = &mut self.origin {
            if thread || self.pipe {
                inflater.move_to_thread();
            }
        } else if size == Some(self.offset + self.view().len() as u64)
            && matches!(self.fill(self.view().len() + 1), Ok(Filled::Ended))
        {
            let before = self.buffer.len();
            self.buffer.truncate(self.end.max(1024));
            self.buffer.shrink_to_fit();
            self.memory.give_back(before - self.buffer.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn fed(there: usize, memory: usize) -> Feed {
        let memory = Memory::divided(memory, 1);
        Feed::new(Raw::new(Cursor::new(vec![7; there])), 4096, memory).expect("room for the buffer")
    }

    #[test]
    fn a_claimed_length_alone_takes_no_memory() {
        // 200 MB are asked for, 1000 bytes are there; then more than the buffer holds is there.
        let mut feed = fed(1000, 1 << 20);
        assert!(matches!(feed.fill(200_000_000), Ok(Filled::Ended)));
        assert_eq!((feed.view().len(), feed.buffer.len()), (1000, 4096));
        let mut feed = fed(5000, 1 << 20);
        assert!(matches!(feed.fill(200_000_000), Ok(Filled::Ended)));
        assert_eq!((feed.view().len(), feed.buffer.len()), (5000, 8192));
    }

    #[test]
    fn a_buffer_keeps_to_what_all_may_take() {
        let mut feed = fed(100_000, 40_000);
        let error = feed.fill(90_000).expect_err("10,000 are for buffers");
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        assert!(feed.buffer.len() <= 10_000 && feed.memory.left() <= 10_000 - feed.buffer.len());
    }
}
