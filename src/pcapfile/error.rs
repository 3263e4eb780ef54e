//! What can be wrong with the bytes of a capture file, in words and with the place. The file's name, and what was handed
//! out before, are added by who reads the file.

use std::fmt;
use thiserror::Error;

/// Nonsense in the middle of a file. There is no way to know where the next record starts, so reading ends here.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{what}")]
pub struct Fault {
    /// What is wrong: `holds a block of length 13, which is no multiple of 4`. Reads well after the file's name.
    pub what: String,
    /// Where, in bytes from the start of the record the reader stood at.
    pub at: usize,
}

impl Fault {
    pub(super) fn new(at: usize, what: impl Into<String>) -> Self {
        Self { what: what.into(), at }
    }
}

/// The part of a file that needs more bytes than there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The header of a classic file, or the section header of a pcapng file.
    FileHeader,
    /// The header of a packet record.
    PacketHeader(u64),
    /// A packet.
    Packet(u64),
    /// The type and length at the start of a block.
    BlockHeader,
    /// A block that is no packet, with its type.
    Block(u32),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FileHeader => f.write_str("the file header"),
            Self::PacketHeader(number) => write!(f, "the header of packet {number}"),
            Self::Packet(number) => write!(f, "packet {number}"),
            Self::BlockHeader => f.write_str("a block header"),
            Self::Block(kind) => write!(f, "a block of type {kind}"),
        }
    }
}

/// The words for a file that ends too early: `ends in the middle of packet 12 (17 of 40 bytes missing)`.
#[must_use]
pub fn cut(part: Part, missing: usize, of: usize) -> String {
    format!("ends in the middle of {part} ({missing} of {of} bytes missing)")
}
