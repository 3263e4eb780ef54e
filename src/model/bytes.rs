//! Bounded reads from a byte slice. Nothing here panics on short input: a read past the end is `None`.

/// How multi-byte numbers lie in a file section or header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ByteOrder {
    /// Most significant byte first (network order).
    #[default]
    Big,
    /// Least significant byte first.
    Little,
}

impl ByteOrder {
    /// Two bytes as a number.
    #[must_use]
    pub const fn u16(self, b: [u8; 2]) -> u16 {
        match self {
            Self::Big => u16::from_be_bytes(b),
            Self::Little => u16::from_le_bytes(b),
        }
    }

    /// Four bytes as a number.
    #[must_use]
    pub const fn u32(self, b: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(b),
            Self::Little => u32::from_le_bytes(b),
        }
    }

    /// Eight bytes as a number.
    #[must_use]
    pub const fn u64(self, b: [u8; 8]) -> u64 {
        match self {
            Self::Big => u64::from_be_bytes(b),
            Self::Little => u64::from_le_bytes(b),
        }
    }
}

/// A position in a slice from which numbers are read in order.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    order: ByteOrder,
}

impl<'a> Cursor<'a> {
    /// Starts at the first byte, reading numbers in network order.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self::with_order(bytes, ByteOrder::Big)
    }

    /// Starts at the first byte, reading numbers in the given order.
    #[must_use]
    pub const fn with_order(bytes: &'a [u8], order: ByteOrder) -> Self {
        Self { bytes, at: 0, order }
    }

    /// Offset of the next byte to be read.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// What has not been read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Takes the next `n` bytes, or nothing (and stays) when fewer are left.
    pub fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let taken = self.rest().get(..n)?;
        self.at += n;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    /// The next byte.
    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|b| b[0])
    }

    /// The next two bytes as a number.
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(|b| self.order.u16(b))
    }

    /// The next four bytes as a number.
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(|b| self.order.u32(b))
    }

    /// The next eight bytes as a number.
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(|b| self.order.u64(b))
    }
}

/// Two bytes at `at`, network order.
#[must_use]
pub fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// Four bytes at `at`, network order.
#[must_use]
pub fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_read_takes_nothing() {
        let mut c = Cursor::with_order(&[1, 0, 7], ByteOrder::Little);
        assert_eq!(c.u16(), Some(1));
        assert_eq!(c.u16(), None);
        assert_eq!(c.u8(), Some(7));
        assert_eq!(c.rest(), b"");
    }

    #[test]
    fn offsets_near_the_end_of_the_address_space_are_no_panic() {
        assert_eq!(be16(&[0; 4], usize::MAX), None);
        assert_eq!(be32(&[0, 0, 1, 2], 0), Some(258));
    }
}
