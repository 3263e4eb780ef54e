//! Compressed bytes in front of a decoder: those read already, then the rest, with a look ahead over several bytes, which no
//! pipe's short reads can spoil.

use super::raw::Raw;
use std::io::{self, BufRead, ErrorKind, Read};

/// Compressed bytes.
pub(super) struct Packed {
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    raw: Raw,
}

impl Packed {
    /// `read` are the bytes that came before; then `capacity` are read at a time.
    pub(super) fn new(read: &[u8], raw: Raw, capacity: usize) -> Self {
        let end = read.len();
        let mut buffer = vec![0; end.max(capacity)];
        buffer[..end].copy_from_slice(read);
        Self { buffer, start: 0, end, raw }
    }

    /// The next `len` bytes, which must be fewer than the capacity; fewer of them at the end.
    pub(super) fn peek(&mut self, len: usize) -> io::Result<&[u8]> {
        if self.buffer.len() - self.start < len {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        while self.end - self.start < len {
            match self.raw.read(&mut self.buffer[self.end..]) {
                Ok(0) => break,
                Ok(n) => self.end += n,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        let there = len.min(self.end - self.start);
        Ok(&self.buffer[self.start..self.start + there])
    }
}

impl BufRead for Packed {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
            self.end = self.raw.read(&mut self.buffer)?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
    }
}

impl Read for Packed {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let there = self.fill_buf()?;
        let n = there.len().min(into.len());
        into[..n].copy_from_slice(&there[..n]);
        self.consume(n);
        Ok(n)
    }
}
