//! Bytes to layers. Decoding never fails: it returns what it understood and where it stopped.
//!
//! [`decode`] is stateless and works on one frame; fragments stay fragments. [`FragmentPool`] joins them
//! and decodes the whole.
//!
//! One way through the files: `link` (what the frame starts with) calls `network` (IP, ARP), which calls `transport`.
//! Each header is checked by etherparse's header slices where etherparse knows it and by hand elsewhere;
//! `walk` holds the bounds that all of them obey; `usual` is a short cut for nearly every frame. [`packet`] is the result; it describes the innermost datagram, and
//! [`enclosing()`] those around it.

pub mod checksum;
pub mod enclosing;
pub mod fragment;
pub mod headers;
pub mod icmp;
pub mod packet;
pub mod tcp;
pub mod tcp_options;

mod extensions;
mod link;
mod network;
mod ones_complement;
mod ppp;
mod tags;
mod transport;
mod tunnel;
mod usual;
mod walk;
mod wifi;

#[cfg(test)]
mod tests;

pub use checksum::{Checksum, sum_of};
pub use enclosing::{Enclosing, enclosing};
pub use fragment::{FragmentLimits, FragmentPool, FragmentStats, Inserted, Joined};
pub use headers::{Arp, EthernetHeader, Ipv4Header, Ipv6Header, UdpHeader, VlanTag};
pub use icmp::{IcmpMessage, QuotedDatagram};
pub use packet::{Fragment, Issue, IssueKind, Layer, LayerKind, Network, Packet, Transport, Tunnel, TunnelKind};
pub use tcp::{TcpFlags, TcpHeader};
pub use tcp_options::{SackBlocks, TcpOption, TcpOptionError, TcpOptions};
pub use tunnel::{OLD_VXLAN_PORT, VXLAN_PORT};

use crate::model::{Frame, LinkType};
use walk::Walk;

/// Decodes a frame as far as it can be understood. Never fails, never panics, never allocates; see [`Packet::issue`] for where it stopped.
// Inlined so that the packet is made where the caller keeps it: handing it back through a call would copy it, and reading what
// was written a moment ago in other sizes stalls the processor.
#[inline]
#[must_use]
pub fn decode<'f>(frame: &Frame<'f>) -> Packet<'f> {
    let mut packet = Packet::empty(frame.bytes);
    if frame.link != LinkType::ETHERNET || !usual::ethernet(frame.wire_len, &mut packet) {
        fill(frame.link, frame.wire_len, &mut packet);
    }
    packet
}

fn fill(link: LinkType, wire_len: u32, packet: &mut Packet<'_>) {
    link::frame(&mut Walk::new(packet, wire_len as usize), link);
}

/// The same, but tunnels in first fragments are entered as far as these go: for those who take each frame for itself.
#[must_use]
pub fn decode_through_pieces<'f>(frame: &Frame<'f>) -> Packet<'f> {
    let mut packet = Packet::empty(frame.bytes);
    link::frame(&mut Walk::new(&mut packet, frame.wire_len as usize).through_pieces(), frame.link);
    packet
}

/// Decodes an IP datagram without a link layer, such as one joined from fragments. The version is told by its first four bits.
#[must_use]
pub fn decode_ip(datagram: &[u8]) -> Packet<'_> {
    let mut packet = Packet::empty(datagram);
    network::ip(&mut Walk::new(&mut packet, datagram.len()), 0);
    packet
}
