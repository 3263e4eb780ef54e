//! TCP's header as a view over its bytes (RFC 9293 section 3.1): fields, flags, and where the options are; `tcp_options`
//! reads those.

use super::packet::{Packet, Transport};
use super::tcp_options::TcpOptions;

/// Flag bits of a TCP header: bytes 12 (lower half) and 13 as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct TcpFlags(pub u16);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: Self = Self(0x001);
    /// Synchronize sequence numbers.
    pub const SYN: Self = Self(0x002);
    /// Reset.
    pub const RST: Self = Self(0x004);
    /// Push.
    pub const PSH: Self = Self(0x008);
    /// The acknowledgment number counts.
    pub const ACK: Self = Self(0x010);
    /// The urgent pointer counts.
    pub const URG: Self = Self(0x020);
    /// ECN echo (RFC 3168).
    pub const ECE: Self = Self(0x040);
    /// Congestion window reduced (RFC 3168).
    pub const CWR: Self = Self(0x080);
    /// Accurate ECN (RFC 9768), once the nonce sum.
    pub const AE: Self = Self(0x100);
    /// The three bits that nobody uses.
    pub const RESERVED: Self = Self(0xe00);

    /// Are all of these set?
    #[must_use]
    pub const fn contains(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }

    /// Is any of these set?
    #[must_use]
    pub const fn intersects(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }
}

impl std::ops::BitOr for TcpFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A TCP header: its 20 fixed bytes and as much of its options as was captured.
#[derive(Clone, Copy, Debug)]
pub struct TcpHeader<'a> {
    fixed: &'a [u8; 20],
    options: &'a [u8],
}

impl<'a> TcpHeader<'a> {
    /// Reads a header from the start of a segment; `None` with less than 20 bytes.
    #[must_use]
    pub fn new(segment: &'a [u8]) -> Option<Self> {
        let (fixed, rest) = segment.split_first_chunk::<20>()?;
        let claimed = usize::from(fixed[12] >> 4) * 4;
        Some(Self { fixed, options: &rest[..claimed.saturating_sub(20).min(rest.len())] })
    }

    const fn u16(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.fixed[at], self.fixed[at + 1]])
    }

    const fn u32(&self, at: usize) -> u32 {
        u32::from_be_bytes([self.fixed[at], self.fixed[at + 1], self.fixed[at + 2], self.fixed[at + 3]])
    }

    /// Source port.
    #[must_use]
    pub const fn source_port(&self) -> u16 {
        self.u16(0)
    }

    /// Destination port.
    #[must_use]
    pub const fn destination_port(&self) -> u16 {
        self.u16(2)
    }

    /// Sequence number of the first byte (or of SYN).
    #[must_use]
    pub const fn seq(&self) -> u32 {
        self.u32(4)
    }

    /// Acknowledgment number; meaningful with [`TcpFlags::ACK`].
    #[must_use]
    pub const fn ack(&self) -> u32 {
        self.u32(8)
    }

    /// Length by the data offset field, bytes: 0 to 60, less than 20 where the field is wrong.
    #[must_use]
    pub const fn header_len(&self) -> usize {
        (self.fixed[12] >> 4) as usize * 4
    }

    /// Does the data offset make sense (at least 20 bytes)?
    #[must_use]
    pub const fn has_valid_offset(&self) -> bool {
        self.header_len() >= 20
    }

    /// Flags, with AE and the reserved bits.
    #[must_use]
    pub const fn flags(&self) -> TcpFlags {
        TcpFlags(self.u16(12) & 0x0fff)
    }

    /// Window field, not scaled.
    #[must_use]
    pub const fn window(&self) -> u16 {
        self.u16(14)
    }

    /// Checksum field.
    #[must_use]
    pub const fn checksum(&self) -> u16 {
        self.u16(16)
    }

    /// Urgent pointer; meaningful with [`TcpFlags::URG`].
    #[must_use]
    pub const fn urgent(&self) -> u16 {
        self.u16(18)
    }

    /// The captured bytes of the options.
    #[must_use]
    pub const fn option_bytes(&self) -> &'a [u8] {
        self.options
    }

    /// Are some of the options missing: cut by the capture, or by the segment's end?
    #[must_use]
    pub const fn options_are_cut(&self) -> bool {
        self.has_valid_offset() && self.options.len() < self.header_len() - 20
    }

    /// The options in order. An end-of-list option is the last item; a malformed one is an error and the last item.
    #[must_use]
    pub const fn options(&self) -> TcpOptions<'a> {
        TcpOptions::new(self.options)
    }
}

impl<'f> Packet<'f> {
    /// The TCP header, where the innermost datagram has one.
    #[must_use]
    pub fn tcp(&self) -> Option<TcpHeader<'f>> {
        if self.transport != Transport::Tcp {
            return None;
        }
        TcpHeader::new(self.bytes.get(self.transport_at as usize..self.captured_end as usize)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_where_rfc_9293_puts_them() {
        let bytes: Vec<u8> = (1..=12).chain([0x6f, 0xff]).chain(15..=20).chain([4, 2, 1, 1, 9, 9]).collect();
        let tcp = TcpHeader::new(&bytes).unwrap();
        assert_eq!((tcp.source_port(), tcp.destination_port()), (0x0102, 0x0304));
        assert_eq!((tcp.seq(), tcp.ack()), (0x0506_0708, 0x090a_0b0c));
        assert_eq!((tcp.header_len(), tcp.flags()), (24, TcpFlags(0xfff)));
        assert_eq!((tcp.window(), tcp.checksum(), tcp.urgent()), (0x0f10, 0x1112, 0x1314));
        assert_eq!((tcp.option_bytes(), tcp.options_are_cut()), (&[4, 2, 1, 1][..], false));
        assert!(TcpHeader::new(&bytes[..22]).unwrap().options_are_cut());
        assert!(TcpHeader::new(&bytes[..19]).is_none());
    }
}
