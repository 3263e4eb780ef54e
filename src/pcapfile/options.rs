//! pcapng options: code, length, value, padding to four bytes. Reading them, and carrying them into a file of another
//! byte order.

use crate::model::{ByteOrder, Cursor};

/// `opt_endofopt`.
const END: u16 = 0;
/// `opt_comment`, allowed in every block.
pub const COMMENT: u16 = 1;
/// `opt_custom` with text or bytes, to be copied or not: each starts with a private enterprise number.
const CUSTOM: [u16; 4] = [2988, 2989, 19372, 19373];

/// Walks over options. Stops at `opt_endofopt`, at the end, or where an option does not fit.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    cursor: Cursor<'a>,
    /// Bytes of the options that were read whole, `opt_endofopt` not among them.
    len: usize,
    malformed: bool,
}

impl<'a> Options<'a> {
    /// The options in these bytes, which may end with `opt_endofopt` or without it.
    #[must_use]
    pub fn new(bytes: &'a [u8], order: ByteOrder) -> Self {
        Self { cursor: Cursor::with_order(bytes, order), len: 0, malformed: false }
    }

    /// Bytes of the options walked over so far, from the start, with their padding.
    #[must_use]
    pub fn len_so_far(&self) -> usize {
        self.len
    }

    /// Did the walk end at an option that does not fit?
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.malformed
    }
}

/// Code and value.
impl<'a> Iterator for Options<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.malformed || self.cursor.rest().is_empty() {
            return None;
        }
        let read = (|| {
            let code = self.cursor.u16()?;
            let len = usize::from(self.cursor.u16()?);
            if code == END {
                return Some((END, &[][..]));
            }
            let value = self.cursor.take(len)?;
            // Some writers leave out the padding of the last option.
            let padding = len.next_multiple_of(4) - len;
            let rest = self.cursor.rest().len();
            self.cursor.take(padding.min(rest))?;
            Some((code, value))
        })();
        match read {
            Some((END, _)) => {
                self.cursor = Cursor::new(&[]);
                None
            }
            Some(option) => {
                self.len = self.cursor.position();
                Some(option)
            }
            None => {
                self.malformed = true;
                None
            }
        }
    }
}

/// Text of an option: UTF-8, wrong bytes replaced, without the zero that some writers put at the end.
pub(super) fn text(value: &[u8]) -> String {
    let end = value.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// A number of eight bytes.
pub(super) fn number64(value: &[u8], order: ByteOrder) -> Option<u64> {
    value.try_into().ok().map(|b| order.u64(b))
}

/// Which table of codes options belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Enhanced Packet Block, and the old Packet Block with its two codes.
    Packet,
    /// Interface Description Block.
    Interface,
}

/// Appends an option.
pub(super) fn push(out: &mut Vec<u8>, code: u16, value: &[u8]) {
    // An option's length has 16 bits; text longer than that is cut, and so that it stays text.
    let mut end = value.len().min(usize::from(u16::MAX));
    while end < value.len() && end > 0 && value[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(end as u16).to_le_bytes());
    out.extend_from_slice(&value[..end]);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Appends `opt_endofopt`.
pub(super) fn push_end(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 4]);
}

/// Appends options that came from a section of byte order `from` to a little-endian section. What depends on the byte
/// order in a way that is not known here (a BPF program as a capture filter) is left out when the order changes, and so is
/// what `keep` does not want: it is asked with the code and the value as it came.
pub(super) fn carry(out: &mut Vec<u8>, bytes: &[u8], from: ByteOrder, owner: Owner, mut keep: impl FnMut(u16, &[u8]) -> bool) {
    for (code, value) in Options::new(bytes, from).filter(|(code, value)| keep(*code, value)) {
        if from == ByteOrder::Little {
            push(out, code, value);
            continue;
        }
        let mut value = value.to_vec();
        match shape(owner, code, &value) {
            Shape::Bytes => {}
            Shape::Words { from, size } => value[from..].chunks_exact_mut(size).for_each(<[u8]>::reverse),
            Shape::FirstWord => {
                if let Some(word) = value.first_chunk_mut::<4>() {
                    word.reverse();
                }
            }
            Shape::Unknown => continue,
        }
        push(out, code, &value);
    }
}

/// What in an option's value depends on the byte order.
enum Shape {
    /// Nothing.
    Bytes,
    /// Numbers of `size` bytes after `from` bytes.
    Words { from: usize, size: usize },
    /// A private enterprise number before bytes of somebody's own.
    FirstWord,
    /// Not known here.
    Unknown,
}

fn shape(owner: Owner, code: u16, value: &[u8]) -> Shape {
    if CUSTOM.contains(&code) {
        return Shape::FirstWord;
    }
    match (owner, code) {
        // epb_dropcount, epb_packetid; if_speed, if_tsoffset, if_txspeed, if_rxspeed
        (Owner::Packet, 4 | 5) | (Owner::Interface, 8 | 14 | 16 | 17) => Shape::Words { from: 0, size: 8 },
        // epb_flags, epb_queue, epb_processid_threadid; if_tzone
        (Owner::Packet, 2 | 6 | 8) | (Owner::Interface, 10) => Shape::Words { from: 0, size: 4 },
        // epb_verdict: a byte of kind, then 64 bits for the kinds 1 (TC) and 2 (XDP), bytes for 0 (hardware)
        (Owner::Packet, 7) if matches!(value.first(), Some(1 | 2)) => Shape::Words { from: 1, size: 8 },
        // if_filter: a byte of kind, then text for 0
        (Owner::Interface, 11) if value.first() != Some(&0) => Shape::Unknown,
        _ => Shape::Bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_at_the_end_mark_and_keep_their_length() {
        let mut bytes = Vec::new();
        push(&mut bytes, COMMENT, b"hello");
        push(&mut bytes, 2, &[1, 0, 0, 0]);
        let len = bytes.len();
        push_end(&mut bytes);
        bytes.extend_from_slice(b"junk");
        let mut walk = Options::new(&bytes, ByteOrder::Little);
        assert_eq!(walk.next(), Some((COMMENT, &b"hello"[..])));
        assert_eq!(walk.next(), Some((2, &[1, 0, 0, 0][..])));
        assert_eq!(walk.next(), None);
        assert_eq!(walk.next(), None);
        assert_eq!((walk.len_so_far(), walk.is_malformed()), (len, false));
    }

    #[test]
    fn an_option_that_does_not_fit_ends_the_walk() {
        for bad in [&b"\x01"[..], b"\x01\0\x05\0abcd", b"\x01\0\xff\xffabcd"] {
            let mut walk = Options::new(bad, ByteOrder::Little);
            assert_eq!(walk.next(), None);
            assert!(walk.is_malformed());
        }
        let mut unpadded = Options::new(b"\x01\0\x05\0abcde", ByteOrder::Little);
        assert_eq!(unpadded.next(), Some((COMMENT, &b"abcde"[..])));
        assert!(!unpadded.is_malformed());
    }

    #[test]
    fn numbers_change_their_order_on_the_way_and_bytes_do_not() {
        let mut big = Vec::new();
        for (code, value) in [
            (2_u16, &[0, 0, 0, 1][..]),
            (3, &[2, 1, 2, 3, 4]),
            (4, &[0, 0, 0, 0, 0, 0, 0, 7]),
            (7, &[1, 0, 0, 0, 0, 0, 0, 0, 9]),
            (8, &[0, 0, 0, 1, 0, 0, 0, 2]),
            (2989, &[0, 0, 0x8c, 0x31, 5, 6]),
            (COMMENT, b"text"),
        ] {
            big.extend_from_slice(&code.to_be_bytes());
            big.extend_from_slice(&(value.len() as u16).to_be_bytes());
            big.extend_from_slice(value);
            big.resize(big.len().next_multiple_of(4), 0);
        }
        let mut little = Vec::new();
        carry(&mut little, &big, ByteOrder::Big, Owner::Packet, |_, _| true);
        let values: Vec<_> = Options::new(&little, ByteOrder::Little).collect();
        assert_eq!(
            values,
            [
                (2, &[1, 0, 0, 0][..]),
                (3, &[2, 1, 2, 3, 4]),
                (4, &[7, 0, 0, 0, 0, 0, 0, 0]),
                (7, &[1, 9, 0, 0, 0, 0, 0, 0, 0]),
                (8, &[1, 0, 0, 0, 2, 0, 0, 0]),
                (2989, &[0x31, 0x8c, 0, 0, 5, 6]),
                (COMMENT, b"text"),
            ]
        );
    }

    #[test]
    fn a_filter_program_is_left_out_when_the_order_changes() {
        let big = [0, 11, 0, 9, 1, 0, 6, 0, 0, 0, 0, 0, 4, 0, 0, 0];
        let mut little = Vec::new();
        carry(&mut little, &big, ByteOrder::Big, Owner::Interface, |_, _| true);
        assert!(little.is_empty());
    }
}
