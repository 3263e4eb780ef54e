//! Frames of our own packet sockets, made as they went over the wire: the kernel keeps beside a frame what it took out
//! of it (a VLAN tag) or knows of it (way, protocol), and it is put back in front of the bytes, in place.
//!
//! Ethernet frames get their outer tag back. Where the link headers are not of one known shape (`any`, PPP, other odd
//! devices) they are replaced by SLL2 headers. The ring and the plain socket both use this; what they must leave free in front of
//! each frame is [`ROOM`].

use super::batch::Slot;
use crate::model::{FrameDirection, FrameMarks, LinkType, Timestamp};

/// Bytes of an SLL2 header (`LINKTYPE_LINUX_SLL2`).
const SLL2: usize = 20;
/// Bytes of a VLAN tag.
const TAG: usize = 4;
/// Free bytes in front of each frame: for an SLL2 header and a tag.
pub const ROOM: usize = SLL2 + TAG;
/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
/// Protocols that announce a VLAN tag: 802.1Q, 802.1ad.
const TAGS: [[u8; 2]; 2] = [[0x81, 0x00], [0x88, 0xa8]];
/// Where an Ethernet header's tag belongs: after the two addresses.
const ADDRESSES: usize = 12;
/// The way of a frame that this host sent (`PACKET_OUTGOING` of `linux/if_packet.h`).
const OUTGOING: u8 = libc::PACKET_OUTGOING;
/// `TP_STATUS_GSO_TCP` of `linux/if_packet.h` (Linux 6.2), which the libc crate lacks.
const TP_STATUS_GSO_TCP: u32 = 1 << 8;

/// Where a frame was seen (`sockaddr_ll` of packet(7)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Address {
    /// `EtherType` behind all tags.
    pub protocol: u16,
    /// Interface index.
    pub interface: u32,
    /// `ARPHRD_*` hardware type.
    pub hardware: u16,
    /// `PACKET_*`: to us, to all, to others, from us.
    pub packet_type: u8,
    /// Bytes of `bytes` that count.
    pub length: u8,
    /// Hardware address of the sender.
    pub bytes: [u8; 8],
}

/// What came beside the bytes of one frame.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received {
    /// Bytes stored.
    pub stored: usize,
    /// Bytes of the frame before any cut, without the tag the kernel took out.
    pub length: u32,
    /// Where the network layer starts, as far as the kernel knows.
    pub network: u16,
    /// When the kernel, or the network card, got it.
    pub ts: Timestamp,
    /// Tag that the kernel took out: protocol identifier and control information.
    pub tag: Option<(u16, u16)>,
    /// Where it was seen.
    pub address: Address,
    /// What else the kernel said.
    pub marks: FrameMarks,
}

/// The tag beside a frame, by its `TP_STATUS_*` bits.
#[inline]
pub(in crate::capture) const fn tag_of(status: u32, tpid: u16, tci: u16) -> Option<(u16, u16)> {
    if status & libc::TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    Some((if status & libc::TP_STATUS_VLAN_TPID_VALID == 0 { 0x8100 } else { tpid }, tci))
}

/// What the `TP_STATUS_*` bits of a frame say of its checksum and segments.
#[inline]
pub(in crate::capture) const fn marks_of(status: u32) -> FrameMarks {
    FrameMarks {
        dropped_before: 0,
        checksum_pending: status & libc::TP_STATUS_CSUMNOTREADY != 0,
        gso: status & TP_STATUS_GSO_TCP != 0,
    }
}

/// How the frames of a socket are finished.
#[derive(Clone, Copy, Debug)]
pub struct Finish {
    /// What they are to start with.
    pub link: LinkType,
    /// Most bytes of each.
    pub snaplen: usize,
    /// Index of the loopback interface whose sent frames are left out, because each comes again as received.
    pub twins_of: Option<u32>,
}

impl Finish {
    /// Is it the copy of a loopback frame that is left out?
    #[must_use]
    #[inline]
    pub fn is_twin(&self, received: &Received) -> bool {
        received.address.packet_type == OUTGOING && self.twins_of == Some(received.address.interface)
    }

    /// Puts back in front of a frame what the kernel keeps beside it. `bytes` holds [`ROOM`] free bytes and the frame,
    /// `received.stored` bytes; if it holds less, so much less is the frame.
    #[must_use]
    #[inline]
    pub fn finish(&self, received: &Received, bytes: &mut [u8]) -> Slot {
        let outgoing = received.address.packet_type == OUTGOING;
        let mut slot = Slot {
            ts: received.ts,
            wire_len: received.length,
            start: ROOM.min(bytes.len()),
            len: received.stored.min(bytes.len().saturating_sub(ROOM)),
            direction: Some(if outgoing { FrameDirection::Outbound } else { FrameDirection::Inbound }),
            marks: received.marks,
        };
        if bytes.len() >= ROOM {
            match self.link {
                LinkType::LINUX_SLL2 => cook(received, bytes, &mut slot),
                LinkType::ETHERNET => {
                    if let Some(tag) = received.tag.filter(|_| slot.len >= ADDRESSES) {
                        bytes.copy_within(ROOM..ROOM + ADDRESSES, ROOM - TAG);
                        write_tag(&mut bytes[ROOM - TAG + ADDRESSES..], tag);
                        grow(&mut slot, TAG);
                    }
                }
                _ => {}
            }
        }
        slot.len = slot.len.min(self.snaplen);
        slot
    }
}

fn write_tag(to: &mut [u8], (first, second): (u16, u16)) {
    to[..2].copy_from_slice(&first.to_be_bytes());
    to[2..4].copy_from_slice(&second.to_be_bytes());
}

/// `bytes` more in front.
fn grow(slot: &mut Slot, bytes: usize) {
    slot.start -= bytes;
    slot.len += bytes;
    slot.wire_len = slot.wire_len.saturating_add(bytes as u32);
}

/// `bytes` less in front, as far as there are.
fn shrink(slot: &mut Slot, bytes: usize) {
    let bytes = bytes.min(slot.len);
    slot.start += bytes;
    slot.len -= bytes;
    slot.wire_len = slot.wire_len.saturating_sub(bytes as u32);
}

/// Replaces the link header by an SLL2 header: protocol, 0, interface index, hardware type, packet type, address
/// length, address. The tag that the kernel took out becomes the protocol, with its control information and the
/// protocol it hides as the first bytes of the payload.
fn cook(received: &Received, bytes: &mut [u8], slot: &mut Slot) {
    let address = &received.address;
    // The kernel's protocol is that behind all tags; those in the bytes say theirs themselves.
    let mut protocol = address.protocol;
    let header = match address.hardware {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => {
            if slot.len >= ETHERNET {
                let ethertype = [bytes[ROOM + ADDRESSES], bytes[ROOM + ADDRESSES + 1]];
                if TAGS.contains(&ethertype) {
                    protocol = u16::from_be_bytes(ethertype);
                }
            }
            ETHERNET
        }
        _ => usize::from(received.network),
    };
    shrink(slot, header);
    if let Some((tpid, tci)) = received.tag {
        grow(slot, TAG);
        write_tag(&mut bytes[slot.start..], (tci, protocol));
        protocol = tpid;
    }
    grow(slot, SLL2);
    let header = &mut bytes[slot.start..slot.start + SLL2];
    header[0..2].copy_from_slice(&protocol.to_be_bytes());
    header[2..4].fill(0);
    header[4..8].copy_from_slice(&address.interface.to_be_bytes());
    header[8..10].copy_from_slice(&address.hardware.to_be_bytes());
    header[10] = address.packet_type;
    header[11] = address.length;
    // The kernel writes as many bytes of the address as it has; what the ring holds behind them is of older frames.
    header[12..20].fill(0);
    let length = usize::from(address.length).min(address.bytes.len());
    header[12..12 + length].copy_from_slice(&address.bytes[..length]);
}
