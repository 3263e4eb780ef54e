//! Reading classic pcap: a 24-byte file header, then records of a 16-byte (or 24-byte) header and the frame.

use super::error::{Fault, Part};
use super::reader::{Packet, Step};
use super::{Flavour, MAX_RECORD};
use crate::model::{ByteOrder, Cursor, FrameDirection, InterfaceInfo, LinkType, Timestamp};

/// Length of the file header.
pub(super) const FILE_HEADER: usize = 24;

/// Frames up to this length are believed even where the header's snap length is smaller: many writers put nonsense
/// there. 262,144 is the snap length that tcpdump and Wireshark mean by "everything".
const BELIEVED: u32 = 262_144;

/// How `caplen` and `len` lie in a record header; old versions had them the other way round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured length first.
    Normal,
    /// Length on the wire first (before version 2.3).
    Swapped,
    /// Version 2.3: either. The captured length is the smaller one.
    SmallerIsCaptured,
}

/// State of reading: what the file header said.
#[derive(Clone, Debug)]
pub(super) struct Classic {
    order: ByteOrder,
    flavour: Flavour,
    lengths: Lengths,
    link: LinkType,
    /// Longest believable frame.
    limit: u32,
}

impl Classic {
    /// Reads the file header. `bytes` are the first [`FILE_HEADER`] ones.
    pub(super) fn from_header(order: ByteOrder, flavour: Flavour, bytes: &[u8]) -> Result<(Self, InterfaceInfo), Fault> {
        let mut c = Cursor::with_order(bytes, order);
        let header = (|| {
            c.take(4)?;
            let version = (c.u16()?, c.u16()?);
            c.take(8)?; // time zone and accuracy of time stamps: 0 in every file ever seen
            Some((version, c.u32()?, c.u32()?))
        })();
        let Some((version, snaplen, network)) = header else {
            return Err(Fault::new(0, "has no complete file header"));
        };
        let lengths = match version {
            (2, 0..=2) | (543, 0) => Lengths::Swapped, // 543.0 is DG/UX's tcpdump
            (2, 3) => Lengths::SmallerIsCaptured,
            (2, _) => Lengths::Normal,
            (major, minor) => {
                return Err(Fault::new(4, format!("is of pcap version {major}.{minor}, which is unknown")));
            }
        };
        // draft-ietf-opsawg-pcap: the low 16 bits are the link type; bit 26 says that the top four bits are the
        // length of the frame check sequence in units of 16 bits.
        let link = LinkType(network as u16);
        let fcs_len = (network & (1 << 26) != 0).then_some((network >> 28) as u8 * 2);
        let unlimited = snaplen == 0 || snaplen > MAX_RECORD as u32;
        let limit = if unlimited { MAX_RECORD as u32 } else { snaplen.max(BELIEVED) };
        let info = InterfaceInfo {
            link: Some(link),
            snaplen: (!unlimited).then_some(snaplen),
            ticks_per_second: Some(if flavour == Flavour::Nanos { 1_000_000_000 } else { 1_000_000 }),
            fcs_len,
            ..InterfaceInfo::default()
        };
        Ok((Self { order, flavour, lengths, link, limit }, info))
    }

    /// Reads the record at the start of `bytes`, which is to be packet `number`.
    #[inline]
    pub(super) fn step(&self, bytes: &[u8], number: u64) -> Result<Step, Fault> {
        let header_len = if self.flavour == Flavour::Modified { 24 } else { 16 };
        let Some(header) = bytes.get(..header_len) else {
            return Ok(Step::Need { len: header_len, part: Part::PacketHeader(number), of: header_len });
        };
        let field = |i: usize| self.order.u32([header[i], header[i + 1], header[i + 2], header[i + 3]]);
        let (seconds, fraction) = (field(0), field(4));
        let (mut caplen, mut wire_len) = (field(8), field(12));
        if self.lengths != Lengths::Normal && (self.lengths == Lengths::Swapped || caplen > wire_len) {
            (caplen, wire_len) = (wire_len, caplen);
        }
        if caplen > self.limit {
            let limit = self.limit;
            return Err(Fault::new(8, format!("packet {number} claims {caplen} bytes, where {limit} are the most possible")));
        }
        let used = header_len + caplen as usize;
        if bytes.len() < used {
            return Ok(Step::Need { len: used, part: Part::Packet(number), of: caplen as usize });
        }
        let nanos = if self.flavour == Flavour::Nanos { i64::from(fraction) } else { i64::from(fraction) * 1000 };
        let direction = match self.flavour {
            // Linux's packet type: to us, broadcast, multicast; 3 is to somebody else; 4 is sent by us.
            Flavour::Modified => match header[22] {
                0..=2 => Some(FrameDirection::Inbound),
                4 => Some(FrameDirection::Outbound),
                _ => None,
            },
            _ => None,
        };
        Ok(Step::Packet(Packet {
            used: used as u32,
            ts: Timestamp::from_parts(i64::from(seconds), nanos),
            interface: 0,
            link: self.link,
            wire_len,
            data: header_len as u32..used as u32,
            direction,
            options: 0..0,
            order: self.order,
            marks: crate::model::FrameMarks::NONE,
        }))
    }

    /// The record at the start of `bytes`, if there is nothing special about it: all of it is there, and its header is of the
    /// usual layout. Its header and its frame.
    #[inline]
    fn whole<'b>(&self, bytes: &'b [u8]) -> Option<(&'b [u8; 16], &'b [u8])> {
        let (header, rest) = bytes.split_first_chunk::<16>()?;
        let caplen = self.order.u32([header[8], header[9], header[10], header[11]]);
        if caplen > self.limit || self.lengths != Lengths::Normal || self.flavour == Flavour::Modified {
            return None;
        }
        Some((header, rest.get(..caplen as usize)?))
    }

    /// Reads the record at the start of `bytes` into `packet`, if it is a usual one. `false`: [`Self::step`] says what it is.
    #[inline]
    pub(super) fn usual(&self, bytes: &[u8], packet: &mut Packet) -> bool {
        let Some((header, frame)) = self.whole(bytes) else { return false };
        let field = |i: usize| self.order.u32([header[i], header[i + 1], header[i + 2], header[i + 3]]);
        let fraction = i64::from(field(4));
        let nanos = if self.flavour == Flavour::Nanos { fraction } else { fraction * 1000 };
        let used = 16 + frame.len() as u32;
        *packet = Packet {
            used,
            ts: Timestamp::from_parts(i64::from(field(0)), nanos),
            interface: 0,
            link: self.link,
            wire_len: field(12),
            data: 16..used,
            direction: None,
            options: 0..0,
            order: self.order,
            marks: crate::model::FrameMarks::NONE,
        };
        true
    }

    /// The same, of which only the frame is of interest: the length of the record, what the frame starts with, its bytes.
    #[inline]
    pub(super) fn likely<'b>(&self, bytes: &'b [u8]) -> Option<(u32, LinkType, &'b [u8])> {
        self.whole(bytes).map(|(_, frame)| (16 + frame.len() as u32, self.link, frame))
    }

    /// Reads every frame as one of this type.
    pub(super) fn force_link(&mut self, link: LinkType) {
        self.link = link;
    }
}
