//! Wrappings around another datagram: IP in IP, GRE, VXLAN, Geneve. The packet describes what is inside, if that can be
//! understood; if not, it is the datagram outside with the wrapping as its data. A port number alone proves nothing.
//!
//! Each kind is a function that reads its own header and then calls [`inside`] with what the header names. Fragments of
//! an outer datagram are not opened: the joined datagram is.

use super::link;
use super::network;
use super::packet::{Fragment, IssueKind, LayerKind, Network, Packet, Transport, Tunnel, TunnelKind};
use super::ppp;
use super::walk::Walk;
use crate::model::IpProtocol;
use crate::model::bytes::{be16, be32};
use etherparse::EtherType;

/// "Transparent Ethernet bridging": a whole Ethernet frame.
const BRIDGED: EtherType = EtherType(0x6558);
/// PPP in version 1 of GRE (RFC 2637).
const PPP: u16 = 0x880b;

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
    if !may_open(w) {
        return false;
    }
    match protocol {
        IpProtocol::IPV4 => inside(w, Wrapping::network(TunnelKind::IpIp, 0), Contents::Ipv4, at),
        IpProtocol::IPV6 => inside(w, Wrapping::network(TunnelKind::IpIp, 0), Contents::Ipv6, at),
        IpProtocol::GRE => gre(w, at),
        _ => return false,
    }
    true
}

/// Opens what a UDP destination port suggests, if the contents bear it out; `at` is the start of UDP's data.
pub(super) fn in_udp(w: &mut Walk<'_, '_>, port: u16, at: usize) {
    match port {
        // RFC 7348, and what Linux used before the number was given.
        4789 | 8472 if may_open(w) => vxlan(w, at),
        6081 if may_open(w) => geneve(w, at),
        _ => {}
    }
}

fn may_open(w: &Walk<'_, '_>) -> bool {
    w.tunnels() && !w.packet.fragment.is_piece()
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

/// RFC 2784 with RFC 2890's key and sequence number; version 1 is RFC 2637's (PPTP).
fn gre(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[flags, version, t0, t1]) = w.take::<4>(LayerKind::Gre, at) else { return };
    let number = u16::from_be_bytes([t0, t1]);
    // RFC 2784 section 2.3: a packet with the source route bit is to be discarded; its header length is told by the route.
    let routed = flags & 0x40 != 0;
    match version & 7 {
        0 if !routed => gre_v0(w, at, flags, number),
        1 if !routed && flags & 0x20 != 0 && number == PPP => gre_v1(w, at, flags, version),
        _ => w.stop(IssueKind::BadHeader, LayerKind::Gre, at, 4),
    }
}

fn gre_v0(w: &mut Walk<'_, '_>, at: usize, flags: u8, number: u16) {
    let checksum = if flags & 0x80 == 0 { 0 } else { 4 };
    let key = if flags & 0x20 == 0 { 0 } else { 4 };
    let sequence = if flags & 0x10 == 0 { 0 } else { 4 };
    let length = 4 + checksum + key + sequence;
    let header = w.bytes(at);
    if header.len() < length {
        return w.short(LayerKind::Gre, at, length);
    }
    let id = if key == 0 { 0 } else { be32(header, 4 + checksum).unwrap_or_default() };
    let wrapping = match virtual_subnet(flags, EtherType(number), id) {
        Some(subnet) => Wrapping::network(TunnelKind::Gre, subnet),
        None => Wrapping::directed(TunnelKind::Gre, id),
    };
    if w.push(LayerKind::Gre, at) {
        inside(w, wrapping, Contents::Typed(EtherType(number), LayerKind::Gre, at), at + length);
    }
}

/// NVGRE's subnet, if this is NVGRE (RFC 7637 section 3.2): Ethernet inside, a key and neither checksum nor sequence number. The
/// lowest byte of the key may differ from flow to flow. Subnets below 0x1000 are reserved: such a key is a plain one.
fn virtual_subnet(flags: u8, number: EtherType, key: u32) -> Option<u32> {
    let subnet = key >> 8;
    (number == BRIDGED && flags & 0xb0 == 0x20 && subnet >= 0x1000).then_some(subnet)
}

/// The key is a payload length and a call id; a packet without a sequence number only acknowledges.
fn gre_v1(w: &mut Walk<'_, '_>, at: usize, flags: u8, version: u8) {
    let sequence = if flags & 0x10 == 0 { 0 } else { 4 };
    let acknowledgment = if version & 0x80 == 0 { 0 } else { 4 };
    let length = 8 + sequence + acknowledgment;
    let header = w.bytes(at);
    if header.len() < length {
        return w.short(LayerKind::Gre, at, length);
    }
    let payload_len = usize::from(be16(header, 4).unwrap_or_default());
    let call = u32::from(be16(header, 6).unwrap_or_default());
    if !w.push(LayerKind::Gre, at) {
        return;
    }
    w.set_end(at + length + payload_len);
    if sequence == 0 {
        w.payload(at + length);
    } else {
        inside(w, Wrapping::directed(TunnelKind::Gre, call), Contents::Ppp, at + length);
    }
}

/// RFC 7348 section 5: flags with the I bit, 3 reserved bytes, 3 bytes of VNI, 1 reserved.
fn vxlan(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[flags, _, _, _, v0, v1, v2, _]) = w.bytes(at).first_chunk::<8>() else { return };
    if flags & 0x08 == 0 {
        return;
    }
    let vni = u32::from_be_bytes([0, v0, v1, v2]);
    wrapped(
        w,
        LayerKind::Vxlan,
        at,
        Wrapping::network(TunnelKind::Vxlan, vni),
        Contents::Typed(BRIDGED, LayerKind::Vxlan, at),
        8,
    );
}

/// RFC 8926 section 3.4: version and length of the options, flags, `EtherType`, VNI.
fn geneve(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[first, _, t0, t1, v0, v1, v2, _]) = w.bytes(at).first_chunk::<8>() else { return };
    let (version, length) = (first >> 6, 8 + usize::from(first & 0x3f) * 4);
    if version != 0 || w.bytes(at).len() < length {
        return;
    }
    let number = EtherType(u16::from_be_bytes([t0, t1]));
    let vni = u32::from_be_bytes([0, v0, v1, v2]);
    wrapped(
        w,
        LayerKind::Geneve,
        at,
        Wrapping::network(TunnelKind::Geneve, vni),
        Contents::Typed(number, LayerKind::Geneve, at),
        length,
    );
}

/// A wrapping in UDP's data: its layer appears only if the contents are understood.
fn wrapped(w: &mut Walk<'_, '_>, layer: LayerKind, at: usize, wrapping: Wrapping, contents: Contents, length: usize) {
    let outside = *w.packet;
    // UDP's data was listed as such; it is the wrapping instead.
    w.packet.drop_payload_layer();
    if w.push(layer, at) {
        inside(w, wrapping, contents, at + length);
    }
    if w.packet.tunnel.depth == outside.tunnel.depth {
        *w.packet = outside;
    }
}
