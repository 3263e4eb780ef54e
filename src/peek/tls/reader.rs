//! Numbers and length-prefixed vectors out of bytes that are all there (RFC 8446 section 3): nothing where they end too early.

/// What is left to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of up to four bytes, big endian.
    pub(super) fn number(&mut self, size: usize) -> Option<usize> {
        Some(self.take(size)?.iter().fold(0, |n, &byte| n << 8 | usize::from(byte)))
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(self.number(2)? as u16)
    }

    /// Bytes behind their length, which takes `size` bytes.
    pub(super) fn vector(&mut self, size: usize) -> Option<&'a [u8]> {
        let count = self.number(size)?;
        self.take(count)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// A list of numbers of two bytes; an odd byte at its end is left out.
pub(super) fn numbers(list: &[u8]) -> impl ExactSizeIterator<Item = u16> + Clone + '_ {
    list.as_chunks().0.iter().map(|&pair| u16::from_be_bytes(pair))
}

/// The vector that is all of some bytes; empty if they are something else.
pub(super) fn only_vector(size: usize, bytes: &[u8]) -> &[u8] {
    let mut reader = Reader(bytes);
    reader.vector(size).filter(|_| reader.is_empty()).unwrap_or_default()
}
