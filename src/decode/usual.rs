//! The way of nearly every frame: Ethernet, at most one VLAN tag, IPv4 without options or IPv6 without extension headers, TCP or
//! UDP, all lengths as they should be. Whatever is not exactly so is left to the other files, which this one only anticipates:
//! it gives what they give (tests hold it to that), or nothing.
//!
//! Measured (callgrind, 100,000 packets, mostly TCP over IPv4): 205 instructions a packet instead of 262.

use super::packet::{Layer, LayerKind, Network, Packet, Transport};
use super::tunnel;
use crate::model::IpProtocol;

const ETHERNET: usize = 14;
const TAG: usize = 4;
const UDP: usize = 8;

/// Frames up to this length: every offset fits a layer's 24 bits.
const LONGEST: usize = 1 << 20;

/// Fills the packet, which is empty, if its frame of Ethernet is a usual one. `false`: nothing was changed.
#[inline]
pub(super) fn ethernet(wire_len: u32, packet: &mut Packet<'_>) -> bool {
    let bytes = packet.bytes;
    let Some(start) = bytes.first_chunk::<{ ETHERNET + TAG }>() else { return false };
    match [start[12], start[13]] {
        [8, 0] => ipv4(wire_len, packet, ETHERNET, None),
        [0x86, 0xdd] => ipv6(wire_len, packet, ETHERNET, None),
        [0x81, 0] => {
            let vlan = u16::from_be_bytes([start[14] & 0xf, start[15]]);
            match [start[16], start[17]] {
                [8, 0] => ipv4(wire_len, packet, ETHERNET + TAG, Some(vlan)),
                [0x86, 0xdd] => ipv6(wire_len, packet, ETHERNET + TAG, Some(vlan)),
                _ => false,
            }
        }
        _ => false,
    }
}

#[inline]
fn ipv4(wire_len: u32, packet: &mut Packet<'_>, at: usize, vlan: Option<u16>) -> bool {
    let Some(&[0x45, _, l0, l1, _, _, f0, f1, _, protocol, ..]) = packet.bytes.get(at..).and_then(<[u8]>::first_chunk::<20>)
    else {
        return false;
    };
    let total = usize::from(u16::from_be_bytes([l0, l1]));
    // Neither a piece of a datagram nor one whose length a card was to fill in.
    if f0 & 0x3f != 0 || f1 != 0 || total < 20 {
        return false;
    }
    transport(wire_len, packet, Ip { network: Network::Ipv4, layer: LayerKind::Ipv4, at, header: 20, total, protocol }, vlan)
}

#[inline]
fn ipv6(wire_len: u32, packet: &mut Packet<'_>, at: usize, vlan: Option<u16>) -> bool {
    let header = packet.bytes.get(at..).and_then(<[u8]>::first_chunk::<40>);
    let Some(&[version, _, _, _, l0, l1, protocol, ..]) = header else { return false };
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if version >> 4 != 6 || length == 0 {
        return false;
    }
    let total = 40 + length;
    transport(wire_len, packet, Ip { network: Network::Ipv6, layer: LayerKind::Ipv6, at, header: 40, total, protocol }, vlan)
}

/// An IP header.
#[derive(Clone, Copy)]
struct Ip {
    network: Network,
    layer: LayerKind,
    at: usize,
    /// Its length, and that of the datagram.
    header: usize,
    total: usize,
    protocol: u8,
}

#[inline]
fn transport(wire_len: u32, packet: &mut Packet<'_>, ip: Ip, vlan: Option<u16>) -> bool {
    let (at, end) = (ip.at + ip.header, ip.at + ip.total);
    let captured = packet.bytes.len().min(end);
    // What the header claims was there.
    if end > packet.bytes.len().max(wire_len as usize) || packet.bytes.len() > LONGEST {
        return false;
    }
    let Some(bytes) = packet.bytes.get(at..captured) else { return false };
    let (kind, layer, payload_at) = match (IpProtocol(ip.protocol), bytes) {
        (IpProtocol::TCP, &[_, _, _, _, _, _, _, _, _, _, _, _, offset, _, _, _, _, _, _, _, ..]) => {
            let length = usize::from(offset >> 4) * 4;
            if length < 20 || length > bytes.len() {
                return false;
            }
            (Transport::Tcp, LayerKind::Tcp, at + length)
        }
        (IpProtocol::UDP, &[s0, s1, t0, t1, l0, l1, _, _, ..]) => {
            let length = usize::from(u16::from_be_bytes([l0, l1]));
            // Nor is there anything in its data that might be another datagram.
            let (source, target) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([t0, t1]));
            if at + length != end || length < UDP || tunnel::may_be_in_udp(source, target) {
                return false;
            }
            (Transport::Udp, LayerKind::Udp, at + UDP)
        }
        _ => return false,
    };
    let of = |kind, offset: usize| Layer { kind, offset: offset as u32 }.pack();
    let (frame, network, transport) = (of(LayerKind::Ethernet, 0), of(ip.layer, ip.at), of(layer, at));
    let has_payload = payload_at < captured;
    let payload = if has_payload { of(LayerKind::Payload, payload_at) } else { 0 };
    let count = if let Some(vlan) = vlan {
        packet.vlan[0] = vlan;
        packet.layers[..5].copy_from_slice(&[frame, of(LayerKind::Vlan, 12), network, transport, payload]);
        4
    } else {
        packet.layers[..4].copy_from_slice(&[frame, network, transport, payload]);
        3
    };
    packet.layer_count = count + u8::from(has_payload);
    packet.network = ip.network;
    packet.transport = kind;
    packet.protocol = IpProtocol(ip.protocol);
    packet.network_at = ip.at as u32;
    packet.ip_len = ip.total as u32;
    packet.transport_at = at as u32;
    packet.payload_at = payload_at as u32;
    packet.payload_len = (end - payload_at) as u32;
    packet.captured_end = captured as u32;
    true
}
