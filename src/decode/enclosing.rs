//! The datagrams around the innermost one. [`super::decode`] describes what is inside all tunnels; who wants to count the
//! datagrams that carried it, too, asks here. Each is decoded anew, up to its own depth: packets without tunnels pay nothing.

use super::link;
use super::network;
use super::packet::{Network, Packet};
use super::walk::Walk;
use crate::model::{Frame, LinkType};

/// The datagrams that `packet` is wrapped in, outermost first; none if it is not wrapped. `packet` is what
/// [`super::decode`] made of `frame`.
///
/// Each is a packet of its own, as if the tunnel that it carries were not known: of VXLAN a UDP datagram with data, of GRE and
/// of IP in IP one of an unknown protocol ([`super::IssueKind::UnknownProtocol`]) that has neither ports nor transport.
///
/// Of a datagram joined from fragments, [`super::Joined::enclosing`] tells.
#[must_use]
pub fn enclosing<'f>(frame: &Frame<'f>, packet: &Packet<'f>) -> Enclosing<'f> {
    let start = Start::Link { link: frame.link, wire_len: frame.wire_len };
    Enclosing { bytes: frame.bytes, start, next: 0, end: packet.tunnel.depth }
}

/// An iterator over enclosing datagrams.
#[derive(Clone, Debug)]
pub struct Enclosing<'f> {
    bytes: &'f [u8],
    start: Start,
    /// Tunnels to enter for the next one.
    next: u8,
    /// The depth of the innermost datagram, which is not given.
    end: u8,
}

/// From where to decode.
#[derive(Clone, Debug)]
enum Start {
    Link { link: LinkType, wire_len: u32 },
    Joined(Packet<'static>),
}

impl<'f> Enclosing<'f> {
    /// Of a joined datagram that lies behind `below` and was decoded as `packet`.
    pub(super) fn behind(below: &Packet<'static>, packet: &Packet<'f>) -> Self {
        Self { bytes: packet.bytes, start: Start::Joined(*below), next: below.tunnel.depth, end: packet.tunnel.depth }
    }
}

impl<'f> Iterator for Enclosing<'f> {
    type Item = Packet<'f>;

    fn next(&mut self) -> Option<Packet<'f>> {
        if self.next >= self.end {
            return None;
        }
        let depth = self.next;
        self.next += 1;
        Some(match &self.start {
            Start::Link { link, wire_len } => {
                let mut packet = Packet::empty(self.bytes);
                link::frame(&mut Walk::new(&mut packet, *wire_len as usize).entering(depth), *link);
                packet
            }
            Start::Joined(below) => behind(below, self.bytes, depth),
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.end.saturating_sub(self.next));
        (left, Some(left))
    }
}

impl ExactSizeIterator for Enclosing<'_> {}

/// Decodes the IP datagram in `bytes` that `below` is in front of, entering at most so many tunnels in all.
pub(super) fn behind<'b>(below: &Packet<'static>, bytes: &'b [u8], tunnels: u8) -> Packet<'b> {
    let mut packet = below.with_bytes(bytes);
    let mut walk = Walk::new(&mut packet, bytes.len()).entering(tunnels);
    if below.network == Network::Ipv6 {
        network::ipv6(&mut walk, below.network_at as usize);
    } else {
        network::ipv4(&mut walk, below.network_at as usize);
    }
    packet
}
