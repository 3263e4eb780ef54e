//! Wrappings around another datagram. The packet describes what is inside, if that can be understood; if not, it is the datagram
//! outside with the wrapping as its data. A port number alone proves nothing.
//!
//! Each kind is a function that reads its own header (`gre`, `udp`) and then calls [`inside`] with what the header names.
//! Fragments of an outer datagram are not opened: the joined datagram is.

mod gre;
mod udp;

pub use self::udp::{OLD_VXLAN_PORT, VXLAN_PORT};
use super::link;
use super::network;
use super::packet::{Fragment, LayerKind, Network, Packet, Transport, Tunnel, TunnelKind};
use super::ppp;
use super::walk::Walk;
use crate::model::IpProtocol;
use etherparse::EtherType;

/// "Transparent Ethernet bridging": a whole Ethernet frame.
const BRIDGED: EtherType = EtherType(0x6558);

/// What a wrapping's header says of its contents.
#[derive(Clone, Copy)]
enum Contents {
    Ipv4,
    Ipv6,
    /// What an `EtherType` names; the number stands in this layer.
    Typed(EtherType, LayerKind, usize),
    Ppp,
}

/// Which wrapping it is, as its header says.
#[derive(Clone, Copy)]
struct Wrapping {
    kind: TunnelKind,
    id: u32,
    /// See [`Tunnel::id_is_network`].
    id_is_network: bool,
}

impl Wrapping {
    /// Its id, if it has one, tells one network from another.
    const fn network(kind: TunnelKind, id: u32) -> Self {
        Self { kind, id, id_is_network: true }
    }

    /// Each direction may have an id of its own.
    const fn directed(kind: TunnelKind, id: u32) -> Self {
        Self { kind, id, id_is_network: false }
    }
}

/// Opens what a protocol number announces; `false` if it is no wrapping, or must stay shut.
pub(super) fn in_ip(w: &mut Walk<'_, '_>, protocol: IpProtocol, at: usize) -> bool {
    if !w.may_enter_tunnel() {
        return false;
    }
    match protocol {
        IpProtocol::IPV4 => inside(w, Wrapping::network(TunnelKind::IpIp, 0), Contents::Ipv4, at),
        IpProtocol::IPV6 => inside(w, Wrapping::network(TunnelKind::IpIp, 0), Contents::Ipv6, at),
        IpProtocol::GRE => gre::gre(w, at),
        _ => return false,
    }
    true
}

/// Do UDP's ports suggest a wrapping?
pub(super) fn may_be_in_udp(source: u16, target: u16) -> bool {
    udp::opener(source, target).is_some()
}

/// Opens what UDP's ports suggest, if the contents bear it out; `at` is the start of UDP's data.
pub(super) fn in_udp(w: &mut Walk<'_, '_>, source: u16, target: u16, at: usize) {
    let Some(open) = udp::opener(source, target) else { return };
    if w.may_enter_tunnel() {
        tentatively(w, |w| open(w, at));
    }
}

/// Decodes the contents. If no network layer is found in them, the packet is what it was, and for IP's own wrappings it
/// says where the contents stopped making sense.
fn inside(w: &mut Walk<'_, '_>, wrapping: Wrapping, contents: Contents, at: usize) {
    let outside = *w.packet;
    let end = w.end();
    enter(w.packet, wrapping);
    match contents {
        Contents::Ipv4 => network::ipv4(w, at),
        Contents::Ipv6 => network::ipv6(w, at),
        Contents::Typed(BRIDGED, ..) => link::ethernet(w, at),
        Contents::Typed(number, layer, start) => link::ether_type(w, number, layer, start, at),
        Contents::Ppp => ppp::ppp(w, at),
    }
    if w.packet.network == Network::None {
        let issue = w.packet.issue;
        *w.packet = outside;
        w.restore_end(end);
        w.payload(at);
        if w.packet.transport == Transport::None {
            w.packet.issue = issue;
        }
    }
}

fn enter(packet: &mut Packet<'_>, Wrapping { kind, id, id_is_network }: Wrapping) {
    let depth = packet.tunnel.depth.saturating_add(1);
    packet.tunnel = Tunnel { kind, depth, id, id_is_network, outer: packet.network_at };
    packet.network = Network::None;
    packet.transport = Transport::None;
    packet.protocol = IpProtocol(0);
    packet.fragment = Fragment::default();
    packet.network_at = 0;
    packet.ip_len = 0;
    packet.transport_at = 0;
}

/// A wrapping in UDP's data: its layers appear only if the contents are understood.
fn tentatively<'p, 'f>(w: &mut Walk<'p, 'f>, open: impl FnOnce(&mut Walk<'p, 'f>)) {
    let outside = *w.packet;
    let end = w.end();
    // UDP's data was listed as such; it is the wrapping instead.
    w.packet.drop_payload_layer();
    open(w);
    if w.packet.tunnel.depth == outside.tunnel.depth {
        *w.packet = outside;
        w.restore_end(end);
    }
}

/// The first four bits; 0 where nothing is.
fn ip_version(w: &Walk<'_, '_>, at: usize) -> u8 {
    w.bytes(at).first().map_or(0, |first| first >> 4)
}
