//! A segment as it passed the capture: where it lies in the stream, and everything in its headers that tells when it was
//! sent or whether it is the same packet as another. Knows nothing of other segments.

use crate::decode::{Network, Packet, TcpFlags};
use crate::flow::tcp::aspects::Sighting;
use crate::flow::tcp::segment::Segment;
use crate::model::{Span, Timestamp};

/// No flow label: not IPv6.
pub(super) const NO_LABEL: u32 = u32::MAX;

/// A segment that passed. 64 bytes: some thousands may be remembered of a flow.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow::tcp) struct Passed {
    /// Offset of its first number.
    pub(super) start: u64,
    pub(in crate::flow::tcp) ts: Timestamp,
    pub(super) number: u64,
    /// Numbers it takes: data, SYN, FIN.
    pub(super) len: u32,
    /// TSval and TSecr, where `has_times`.
    pub(super) tsval: u32,
    pub(super) tsecr: u32,
    pub(super) ack: u32,
    /// IPv6 flow label, or [`NO_LABEL`].
    pub(super) label: u32,
    /// Packets that its sender had sent by then, as far as seen; merged ones count each of their parts.
    pub(super) nth: u32,
    /// IPv4 identification, 0 where there is none.
    pub(super) id: u16,
    pub(super) window: u16,
    /// TCP checksum: stands for the bytes.
    pub(super) checksum: u16,
    pub(super) flags: TcpFlags,
    /// Packets that it was on the wire, before or after offloading.
    pub(super) parts: u16,
    /// The two ECN bits (RFC 3168 section 5).
    pub(super) ecn: u8,
    /// Which source it came from: its number counts there.
    pub(super) source: u16,
    pub(super) has_times: bool,
}

impl Passed {
    /// Reads what passed. Its place, its count and its parts are filled in by those who know.
    #[inline]
    pub(in crate::flow::tcp) fn read(seen: &Sighting<'_, '_>) -> Self {
        let segment = seen.segment;
        let (tsval, tsecr) = segment.options.times.unwrap_or_default();
        let header = ip_header(seen.packet);
        Self {
            start: 0,
            ts: seen.ts,
            number: seen.number,
            len: numbers(segment),
            tsval,
            tsecr,
            ack: segment.ack.0,
            label: header.label,
            nth: 0,
            id: header.id,
            window: segment.window,
            checksum: segment.checksum,
            flags: segment.flags,
            parts: 1,
            ecn: header.ecn,
            source: seen.source,
            has_times: segment.options.times.is_some(),
        }
    }

    /// A packet that never was: it can be compared with none.
    pub(super) const fn nothing() -> Self {
        Self {
            start: 0,
            ts: Timestamp::from_nanos(0),
            number: 0,
            len: 0,
            tsval: 0,
            tsecr: 0,
            ack: 0,
            label: NO_LABEL,
            nth: 0,
            id: 0,
            window: 0,
            checksum: 0,
            flags: TcpFlags(0),
            parts: 1,
            ecn: 0,
            source: 0,
            has_times: false,
        }
    }

    /// One past its last number.
    pub(super) const fn end(&self) -> u64 {
        self.start.saturating_add(self.len as u64)
    }

    pub(super) const fn has(&self, any: TcpFlags) -> bool {
        self.flags.intersects(any)
    }

    /// Bytes of data.
    pub(super) const fn data(&self) -> u32 {
        let syn = self.has(TcpFlags::SYN) as u32;
        let fin = self.has(TcpFlags::FIN) as u32;
        self.len - syn - fin
    }

    /// ECN-capable: ECT or CE.
    pub(super) const fn is_ect(&self) -> bool {
        self.ecn != 0
    }

    /// Does it share a number with `start..end`?
    pub(super) const fn overlaps(&self, start: u64, end: u64) -> bool {
        self.start < end && start < self.end()
    }

    /// Does it bring all numbers of another one?
    pub(super) const fn covers(&self, other: &Self) -> bool {
        self.start <= other.start && other.end() <= self.end()
    }

    /// Time since another one passed; 0 if the capture's time ran backwards.
    pub(super) fn since(&self, earlier: Timestamp) -> Span {
        (self.ts - earlier).max(Span::ZERO)
    }

    /// The same headers, the same bytes.
    pub(super) fn is_identical(&self, other: &Self) -> bool {
        (self.start, self.len, self.flags, self.ack, self.window)
            == (other.start, other.len, other.flags, other.ack, other.window)
            && (self.checksum, self.has_times, self.tsval, self.tsecr)
                == (other.checksum, other.has_times, other.tsval, other.tsecr)
    }
}

/// Numbers that a segment takes: data, SYN and FIN (RFC 9293 section 3.4).
pub(super) const fn numbers(segment: &Segment<'_>) -> u32 {
    segment.len + segment.has(TcpFlags::SYN) as u32 + segment.has(TcpFlags::FIN) as u32
}

/// What the innermost IP header says.
struct IpHeader {
    id: u16,
    label: u32,
    ecn: u8,
}

#[inline]
fn ip_header(packet: &Packet<'_>) -> IpHeader {
    let bytes = packet.network_bytes();
    match (packet.network, bytes.first_chunk()) {
        (Network::Ipv4, Some(&[_, tos, _, _, high, low])) => {
            IpHeader { id: u16::from_be_bytes([high, low]), label: NO_LABEL, ecn: tos & 3 }
        }
        (Network::Ipv6, Some(&[_, class, high, low, _, _])) => {
            IpHeader { id: 0, label: u32::from_be_bytes([0, class & 0xf, high, low]), ecn: class >> 4 & 3 }
        }
        // A packet of TCP has more than that of its IP header.
        _ => IpHeader { id: 0, label: NO_LABEL, ecn: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_segment_stays_small() {
        assert_eq!(size_of::<Passed>(), 64);
    }
}
