//! The two capture file formats as pure codecs over byte slices, both directions. No I/O, no threads, no clock:
//! the same code serves plain files, pipes and decompressed streams, and everything in it can be fuzzed.
//!
//! Reading starts in [`reader`]: [`Format::sniff`] names the format, [`Reader::step`] takes one record after another from
//! the front of the bytes it is shown and asks for more where they do not suffice. Writing is [`mod@write`].
//!
//! Sources: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.

mod block;
mod classic;
mod clock;
mod error;
mod extras;
pub mod options;
mod packets;
pub mod reader;
mod section;
pub mod write;

pub use error::{Fault, Part, cut};
pub use reader::{Packet, Reader, Step};

use crate::model::ByteOrder;

/// Most bytes that one record or block may claim. A file that claims more is damaged, or meant to do damage.
pub const MAX_RECORD: usize = 256 << 20;

/// A capture file format, as its first bytes tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Classic pcap.
    Pcap {
        /// Byte order of all numbers in the file.
        order: ByteOrder,
        /// Which of the record layouts.
        flavour: Flavour,
    },
    /// pcapng; the byte order is each section's own.
    PcapNg,
}

/// The record layouts of classic pcap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Magic `a1b2c3d4`: seconds and microseconds.
    Micros,
    /// Magic `a1b23c4d`: seconds and nanoseconds.
    Nanos,
    /// Magic `a1b2cd34`, Kuznetzov's patched libpcap: microseconds, and 8 more bytes in each record header.
    Modified,
}

impl Format {
    /// Bytes needed for a certain answer.
    pub const SNIFFED: usize = 12;

    /// The format that starts with these bytes, if it is known here. Fewer than [`Self::SNIFFED`] bytes are taken for
    /// what they may be the start of, fewer than 4 never.
    ///
    /// The magics `a1b234cd` and `a12b3c4d` were set aside for formats that were never described: nobody can say how
    /// their records lie, so they are not accepted (nor are they by tcpdump 4.99.3 and tshark 4.0.17).
    #[must_use]
    pub fn sniff(bytes: &[u8]) -> Option<Self> {
        let magic: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        if magic == block::SECTION_HEADER.to_be_bytes() {
            let known = bytes.get(8..12).is_none_or(|m| block::order_of_magic(m).is_some());
            return known.then_some(Self::PcapNg);
        }
        [ByteOrder::Big, ByteOrder::Little].into_iter().find_map(|order| {
            let flavour = match order.u32(magic) {
                0xa1b2_c3d4 => Flavour::Micros,
                0xa1b2_3c4d => Flavour::Nanos,
                0xa1b2_cd34 => Flavour::Modified,
                _ => return None,
            };
            Some(Self::Pcap { order, flavour })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magics_tell_format_order_and_flavour() {
        let pcap = |order, flavour| Some(Format::Pcap { order, flavour });
        assert_eq!(Format::sniff(&[0xa1, 0xb2, 0xc3, 0xd4]), pcap(ByteOrder::Big, Flavour::Micros));
        assert_eq!(Format::sniff(&[0x4d, 0x3c, 0xb2, 0xa1]), pcap(ByteOrder::Little, Flavour::Nanos));
        assert_eq!(Format::sniff(&[0x34, 0xcd, 0xb2, 0xa1]), pcap(ByteOrder::Little, Flavour::Modified));
        assert_eq!(Format::sniff(b"\x0a\x0d\x0d\x0a\0\0\0\x1c\x1a\x2b\x3c\x4d"), Some(Format::PcapNg));
        assert_eq!(Format::sniff(b"\x0a\x0d\x0d\x0a"), Some(Format::PcapNg));
    }

    #[test]
    fn what_nobody_described_is_refused() {
        assert_eq!(Format::sniff(&[0xa1, 0xb2, 0x34, 0xcd]), None);
        assert_eq!(Format::sniff(&[0xa1, 0x2b, 0x3c, 0x4d]), None);
        assert_eq!(Format::sniff(b"\x0a\x0d\x0d\x0a\0\0\0\x1cABCD"), None);
        assert_eq!(Format::sniff(b"root:x:0:0"), None);
        assert_eq!(Format::sniff(b"\xa1\xb2\xc3"), None);
    }
}
