//! How a program sees a frame: as it is, or as if its VLAN tags were not there. Nothing is copied; offsets are moved.
//!
//! A tag is four bytes: a TPID where the protocol would stand, then the tag control information, then the protocol or
//! the next tag (IEEE 802.1Q clause 9). On Ethernet and Linux cooked v1 the bytes from the TPID on are left out. Linux
//! cooked v2 has the protocol in front and the tag behind its 20 bytes of header, so the protocol moves too.
//!
//! BSD loopback frames begin with an address family in the capturing system's numbers and byte order. A program is compiled with
//! this system's; it sees the family translated.

use super::insn::ancillary;
use crate::model::bytes::{be16, be32};
use crate::model::{Frame, FrameDirection, LinkType};

/// What a program can read.
pub trait View {
    /// The byte at an offset; nothing where it was not captured.
    fn byte(&self, at: u32) -> Option<u32>;
    /// Two bytes, network order.
    fn half(&self, at: u32) -> Option<u32>;
    /// Four bytes, network order.
    fn word(&self, at: u32) -> Option<u32>;
    /// Length on the wire, tags included.
    fn wire_len(&self) -> u32;
    /// Number of bytes that can be read, at most.
    fn captured(&self) -> usize;
    /// What is known beside the bytes; see [`ancillary`]. Nothing where it is not known.
    fn ancillary(&self, number: u32) -> Option<u32>;
}

/// Bare bytes and a length: nothing is known beside them.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    bytes: &'a [u8],
    wire_len: u32,
}

impl<'a> Bytes<'a> {
    /// Captured bytes and length on the wire.
    #[must_use]
    pub const fn new(bytes: &'a [u8], wire_len: u32) -> Self {
        Self { bytes, wire_len }
    }
}

impl View for Bytes<'_> {
    #[inline]
    fn byte(&self, at: u32) -> Option<u32> {
        self.bytes.get(at as usize).map(|&b| u32::from(b))
    }

    #[inline]
    fn half(&self, at: u32) -> Option<u32> {
        be16(self.bytes, at as usize).map(u32::from)
    }

    #[inline]
    fn word(&self, at: u32) -> Option<u32> {
        be32(self.bytes, at as usize)
    }

    #[inline]
    fn wire_len(&self) -> u32 {
        self.wire_len
    }

    fn captured(&self) -> usize {
        self.bytes.len()
    }

    fn ancillary(&self, _number: u32) -> Option<u32> {
        None
    }
}

/// A frame as it is, tags and all.
#[derive(Clone, Copy, Debug)]
pub struct AsItIs<'a> {
    bytes: &'a [u8],
    frame: &'a Frame<'a>,
}

impl<'a> AsItIs<'a> {
    /// Looks at a frame.
    #[must_use]
    pub const fn new(frame: &'a Frame<'a>) -> Self {
        Self { bytes: frame.bytes, frame }
    }
}

impl View for AsItIs<'_> {
    #[inline]
    fn byte(&self, at: u32) -> Option<u32> {
        self.bytes.get(at as usize).map(|&b| u32::from(b))
    }

    #[inline]
    fn half(&self, at: u32) -> Option<u32> {
        be16(self.bytes, at as usize).map(u32::from)
    }

    #[inline]
    fn word(&self, at: u32) -> Option<u32> {
        be32(self.bytes, at as usize)
    }

    #[inline]
    fn wire_len(&self) -> u32 {
        self.frame.wire_len
    }

    fn captured(&self) -> usize {
        self.frame.bytes.len()
    }

    /// The tag is where it is, so there is none beside the bytes.
    fn ancillary(&self, number: u32) -> Option<u32> {
        match number {
            ancillary::VLAN_TAG | ancillary::VLAN_TAG_PRESENT | ancillary::VLAN_TPID => Some(0),
            _ => beside(self.frame, number),
        }
    }
}

/// What is known of a frame beside its bytes, but for its tag.
fn beside(frame: &Frame<'_>, number: u32) -> Option<u32> {
    match number {
        // Linux if_packet.h: PACKET_OUTGOING 4, PACKET_BROADCAST 1, PACKET_MULTICAST 2, PACKET_HOST 0.
        ancillary::PACKET_TYPE => Some(match frame.direction? {
            FrameDirection::Outbound => 4,
            FrameDirection::Inbound if frame.link != LinkType::ETHERNET => 0,
            FrameDirection::Inbound => match frame.bytes.get(..6)? {
                [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => 1,
                to if to[0] & 1 == 1 => 2,
                _ => 0,
            },
        }),
        _ => None,
    }
}

/// TPIDs taken for tags: 802.1Q, 802.1ad, and the two that came before 802.1ad. tcpdump prints all four as tags.
pub const TAG_TYPES: [u16; 4] = [0x8100, 0x88a8, 0x9100, 0x9200];

/// Is this the TPID of a tag?
#[inline]
#[must_use]
pub const fn is_tag(ethertype: u16) -> bool {
    let [a, b, c, d] = TAG_TYPES;
    ethertype == a || ethertype == b || ethertype == c || ethertype == d
}

/// Where a link type has its tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TagPlace {
    /// Offset of the protocol field, which holds the first tag's TPID.
    pub protocol: u32,
    /// Offset of the first tag's control information.
    pub control: u32,
}

impl TagPlace {
    /// Where tags stand in frames of this type; nothing where there are none.
    #[must_use]
    pub const fn of(link: LinkType) -> Option<Self> {
        match link {
            LinkType::ETHERNET => Some(Self { protocol: 12, control: 14 }),
            LinkType::LINUX_SLL => Some(Self { protocol: 14, control: 16 }),
            LinkType::LINUX_SLL2 => Some(Self { protocol: 0, control: 20 }),
            _ => None,
        }
    }

    /// Would Linux take the outer tag off this frame before a socket sees it? It does so with 802.1Q and 802.1ad.
    #[must_use]
    pub fn is_stripped_by_kernel(self, bytes: &[u8]) -> bool {
        matches!(be16(bytes, self.protocol as usize), Some(0x8100 | 0x88a8)) && bytes.len() > self.control as usize + 3
    }

    /// Length of the tags of a frame, in bytes: 0 without, 4 for each. A tag that was cut off counts.
    #[inline]
    #[must_use]
    pub fn tags_len(self, bytes: &[u8]) -> u32 {
        let mut len = 0;
        let mut protocol = be16(bytes, self.protocol as usize);
        while protocol.is_some_and(is_tag) {
            len += 4;
            protocol = be16(bytes, self.control as usize + len - 2);
        }
        len as u32
    }
}

/// A frame as if some of its first tags were not there.
#[derive(Clone, Copy, Debug)]
pub struct Untagged<'a> {
    frame: &'a Frame<'a>,
    place: TagPlace,
    skip: u32,
    outer_beside: bool,
}

impl<'a> Untagged<'a> {
    /// The frame without its first `skip` bytes of tags (see [`TagPlace::tags_len`]).
    #[must_use]
    pub const fn new(frame: &'a Frame<'a>, place: TagPlace, skip: u32) -> Self {
        Self { frame, place, skip, outer_beside: false }
    }

    /// The frame as a Linux packet socket gives it: without its outer tag, which is known beside the bytes.
    #[must_use]
    pub const fn outer_beside(frame: &'a Frame<'a>, place: TagPlace) -> Self {
        Self { frame, place, skip: 4, outer_beside: true }
    }

    /// Where in the frame the byte at an offset of the view stands.
    #[inline]
    fn real(&self, at: u32) -> Option<usize> {
        let TagPlace { protocol, control } = self.place;
        let shift = if at >= control {
            self.skip
        } else if at < protocol {
            0
        } else if at < protocol + 2 {
            // The protocol is the one after the last tag left out.
            control + self.skip - 2 - protocol
        } else {
            0
        };
        Some(at.checked_add(shift)? as usize)
    }

    #[inline]
    fn gather(&self, at: u32, n: u32) -> Option<u32> {
        let mut value = 0;
        for i in 0..n {
            value = value << 8 | self.byte(at.checked_add(i)?)?;
        }
        Some(value)
    }
}

impl View for Untagged<'_> {
    #[inline]
    fn byte(&self, at: u32) -> Option<u32> {
        self.frame.bytes.get(self.real(at)?).map(|&b| u32::from(b))
    }

    #[inline]
    fn half(&self, at: u32) -> Option<u32> {
        if at >= self.place.control {
            return be16(self.frame.bytes, self.real(at)?).map(u32::from);
        }
        self.gather(at, 2)
    }

    #[inline]
    fn word(&self, at: u32) -> Option<u32> {
        if at >= self.place.control {
            return be32(self.frame.bytes, self.real(at)?);
        }
        self.gather(at, 4)
    }

    #[inline]
    fn wire_len(&self) -> u32 {
        self.frame.wire_len
    }

    fn captured(&self) -> usize {
        self.frame.bytes.len()
    }

    fn ancillary(&self, number: u32) -> Option<u32> {
        let (protocol, control) = (self.place.protocol as usize, self.place.control as usize);
        match number {
            ancillary::VLAN_TAG_PRESENT => Some(u32::from(self.outer_beside)),
            ancillary::VLAN_TAG if self.outer_beside => be16(self.frame.bytes, control).map(u32::from),
            ancillary::VLAN_TPID if self.outer_beside => be16(self.frame.bytes, protocol).map(u32::from),
            ancillary::VLAN_TAG | ancillary::VLAN_TPID => Some(0),
            _ => beside(self.frame, number),
        }
    }
}

/// A BSD loopback frame with its address family in this system's number and, for [`LinkType::NULL`], byte order.
#[derive(Clone, Copy, Debug)]
pub struct OwnFamily<'a> {
    frame: &'a Frame<'a>,
    family: [u8; 4],
}

impl<'a> OwnFamily<'a> {
    /// The frame, if its family is IPv4 or IPv6 in the numbers of some system: 2 is IPv4 everywhere, IPv6 is 24 (`NetBSD`,
    /// `OpenBSD`), 28 (FreeBSD), 30 (macOS) or 10 (Linux).
    #[must_use]
    pub fn new(frame: &'a Frame<'a>) -> Option<Self> {
        let field = be32(frame.bytes, 0)?;
        let own = |family| match family {
            2 => Some(libc::AF_INET as u32),
            10 | 24 | 28 | 30 => Some(libc::AF_INET6 as u32),
            _ => None,
        };
        let family = own(field).or_else(|| own(field.swap_bytes()))?;
        let family = if frame.link == LinkType::NULL { family.to_ne_bytes() } else { family.to_be_bytes() };
        Some(Self { frame, family })
    }
}

impl View for OwnFamily<'_> {
    fn byte(&self, at: u32) -> Option<u32> {
        self.family.get(at as usize).or_else(|| self.frame.bytes.get(at as usize)).map(|&b| u32::from(b))
    }

    fn half(&self, at: u32) -> Option<u32> {
        Some(self.byte(at)? << 8 | self.byte(at.checked_add(1)?)?)
    }

    fn word(&self, at: u32) -> Option<u32> {
        Some(self.half(at)? << 16 | self.half(at.checked_add(2)?)?)
    }

    fn wire_len(&self) -> u32 {
        self.frame.wire_len
    }

    fn captured(&self) -> usize {
        self.frame.bytes.len()
    }

    fn ancillary(&self, number: u32) -> Option<u32> {
        AsItIs::new(self.frame).ancillary(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn frame(link: LinkType, bytes: &[u8]) -> Frame<'_> {
        let wire_len = bytes.len() as u32;
        let ts = Timestamp::default();
        Frame {
            number: 1,
            source: 0,
            interface: 0,
            ts,
            link,
            wire_len,
            bytes,
            direction: None,
            options: None,
            marks: crate::model::FrameMarks::NONE,
        }
    }

    /// All bytes of the view, one at a time; then checks that halves and words say the same.
    fn seen(frame: &Frame<'_>) -> Vec<u8> {
        let place = TagPlace::of(frame.link).unwrap();
        let view = Untagged::new(frame, place, place.tags_len(frame.bytes));
        let bytes: Vec<u8> = (0..).map_while(|i| view.byte(i)).map(|b| b as u8).collect();
        for at in 0..bytes.len() + 4 {
            assert_eq!(view.half(at as u32), be16(&bytes, at).map(u32::from), "half {at}");
            assert_eq!(view.word(at as u32), be32(&bytes, at), "word {at}");
        }
        bytes
    }

    #[test]
    fn ethernet_without_its_tags() {
        let mut bytes: Vec<u8> = (0..12).collect();
        bytes.extend([0x08, 0, 0x45, 99]);
        let plain = bytes.clone();
        assert_eq!(seen(&frame(LinkType::ETHERNET, &bytes)), plain);
        bytes.splice(12..12, [0x81, 0, 0, 5]);
        assert_eq!(seen(&frame(LinkType::ETHERNET, &bytes)), plain);
        bytes.splice(12..12, [0x88, 0xa8, 0, 7]);
        assert_eq!(seen(&frame(LinkType::ETHERNET, &bytes)), plain);
    }

    #[test]
    fn cooked_frames_without_their_tags() {
        let mut bytes: Vec<u8> = (0..14).collect();
        bytes.extend([0x81, 0, 0, 5, 8, 0, 0x45]);
        let mut plain: Vec<u8> = (0..14).collect();
        plain.extend([8, 0, 0x45]);
        assert_eq!(seen(&frame(LinkType::LINUX_SLL, &bytes)), plain);

        let mut bytes = vec![0x81, 0];
        bytes.extend(2..20);
        bytes.extend([0, 5, 0x81, 0, 0, 6, 0x86, 0xdd, 0x60]);
        let mut plain = vec![0x86, 0xdd];
        plain.extend(2..20);
        plain.push(0x60);
        assert_eq!(seen(&frame(LinkType::LINUX_SLL2, &bytes)), plain);
    }

    #[test]
    fn a_tag_that_was_cut_off_leaves_the_addresses() {
        let mut bytes: Vec<u8> = (0..12).collect();
        bytes.extend([0x81, 0, 0]);
        assert_eq!(seen(&frame(LinkType::ETHERNET, &bytes)), (0..12).collect::<Vec<u8>>());
        assert_eq!(seen(&frame(LinkType::ETHERNET, &[0x81; 12])), [0x81; 12]);
        assert!(seen(&frame(LinkType::ETHERNET, &[])).is_empty());
    }

    #[test]
    fn a_frame_of_nothing_but_tags_is_walked_once() {
        let bytes = [0x81, 0].repeat(30_000);
        let place = TagPlace::of(LinkType::ETHERNET).unwrap();
        assert!(place.tags_len(&bytes) as usize <= bytes.len());
    }
}
