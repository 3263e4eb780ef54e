//! Wrappings in UDP's data: VXLAN, Geneve, GTP-U, Teredo, AYIYA (and GRE, which `gre` reads). Which ports suggest them, and
//! what must hold so that they are believed.
//!
//! Where only one end has the port (the source port of VXLAN, Geneve and GRE spreads load), it is the target's that counts.
//! Those whose header says little must hold IP that ends exactly where UDP's data does.

use super::{BRIDGED, Contents, Wrapping, gre, inside, ip_version};
use crate::decode::packet::{LayerKind, TunnelKind};
use crate::decode::walk::Walk;
use crate::model::IpProtocol;
use crate::model::bytes::be16;
use etherparse::EtherType;

/// Reads a wrapping's header and goes in; leaves the packet alone if there is none.
type Opener = fn(&mut Walk<'_, '_>, usize);

/// RFC 7348 section 5.
pub const VXLAN_PORT: u16 = 4789;
/// What Linux sent VXLAN to before it had a number.
pub const OLD_VXLAN_PORT: u16 = 8472;

/// What the ports suggest.
pub(super) fn opener(source: u16, target: u16) -> Option<Opener> {
    match target {
        VXLAN_PORT | OLD_VXLAN_PORT => Some(vxlan),
        6081 => Some(geneve),
        4754 => Some(gre::in_udp),
        _ => both_ways(target).or_else(|| both_ways(source)),
    }
}

/// What is sent from this port as well as to it.
const fn both_ways(port: u16) -> Option<Opener> {
    match port {
        2152 => Some(gtp),
        3544 => Some(teredo),
        5072 => Some(ayiya),
        _ => None,
    }
}

/// RFC 7348 section 5: flags with the I bit, 3 reserved bytes, 3 bytes of VNI, 1 reserved.
fn vxlan(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[flags, _, _, _, v0, v1, v2, _]) = w.bytes(at).first_chunk::<8>() else { return };
    if flags & 0x08 != 0 && w.push(LayerKind::Vxlan, at) {
        let wrapping = Wrapping::network(TunnelKind::Vxlan, u32::from_be_bytes([0, v0, v1, v2]));
        inside(w, wrapping, Contents::Typed(BRIDGED, LayerKind::Vxlan, at), at + 8);
    }
}

/// RFC 8926 section 3.4: version and length of the options, flags, `EtherType`, VNI.
fn geneve(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[first, _, t0, t1, v0, v1, v2, _]) = w.bytes(at).first_chunk::<8>() else { return };
    let (version, length) = (first >> 6, 8 + usize::from(first & 0x3f) * 4);
    if version == 0 && w.bytes(at).len() >= length && w.push(LayerKind::Geneve, at) {
        let number = EtherType(u16::from_be_bytes([t0, t1]));
        let wrapping = Wrapping::network(TunnelKind::Geneve, u32::from_be_bytes([0, v0, v1, v2]));
        inside(w, wrapping, Contents::Typed(number, LayerKind::Geneve, at), at + length);
    }
}

/// 3GPP TS 29.281 section 5.1: version 1 and protocol type GTP, message type, length after the first eight bytes, tunnel
/// endpoint id (the receiver's, so that each direction has its own). Only a G-PDU (section 7.1) carries a user's datagram.
fn gtp(w: &mut Walk<'_, '_>, at: usize) {
    const G_PDU: u8 = 255;
    let Some(&[flags, G_PDU, l0, l1, t0, t1, t2, t3]) = w.bytes(at).first_chunk::<8>() else { return };
    let end = at + 8 + usize::from(u16::from_be_bytes([l0, l1]));
    if flags & 0xf0 != 0x30 || !w.ends_at(end) {
        return;
    }
    let Some(inner) = after_gtp(w, flags, at) else { return };
    if let Some(contents) = ip_until(w, inner, end)
        && w.push(LayerKind::Gtp, at)
    {
        inside(w, Wrapping::directed(TunnelKind::Gtp, u32::from_be_bytes([t0, t1, t2, t3])), contents, inner);
    }
}

/// Where the user's datagram starts. Any of the flags E, S and PN stands for four more bytes; with E the last of them names an
/// extension header (section 5.2): its length in words, its contents, the type of the next, 0 for none.
fn after_gtp(w: &Walk<'_, '_>, flags: u8, at: usize) -> Option<usize> {
    const OPTIONAL: u8 = 7;
    if flags & OPTIONAL == 0 {
        return Some(at + 8);
    }
    let header = w.bytes(at);
    let mut length = 12;
    let mut next = if flags & 4 == 0 { 0 } else { *header.get(11)? };
    while next != 0 {
        // A length of 0 is forbidden, and would have no end.
        let words = usize::from(*header.get(length)?);
        if words == 0 {
            return None;
        }
        length += words * 4;
        next = *header.get(length - 1)?;
    }
    Some(at + length)
}

/// RFC 4380 section 5.1.1: IPv6, with an authentication header or an origin indication or both (in this order) in front; RFC
/// 6081 section 4: trailers after it.
fn teredo(w: &mut Walk<'_, '_>, at: usize) {
    let mut inner = at;
    if let &[0, 1, client, value, ..] = w.bytes(inner) {
        inner += 13 + usize::from(client) + usize::from(value);
    }
    if let &[0, 0, ..] = w.bytes(inner) {
        inner += 8;
    }
    let Some(end) = ip_end(w, inner).filter(|_| ip_version(w, inner) == 6) else { return };
    if end == w.end() || are_trailers(w, end) {
        // A layer of its own only where there is a header of its own.
        if inner == at || w.push(LayerKind::Teredo, at) {
            inside(w, Wrapping::network(TunnelKind::Teredo, 0), Contents::Ipv6, inner);
        }
    }
}

/// Type, length and contents, one after the other until UDP's data ends.
fn are_trailers(w: &Walk<'_, '_>, mut at: usize) -> bool {
    while at < w.end() {
        let &[_, length, ..] = w.bytes(at) else { return false };
        at += 2 + usize::from(length);
    }
    at == w.end()
}

/// draft-massar-v6ops-ayiya-02 section 3: lengths and types of identity and signature, operation, next header, time, then the
/// identity (a power of two of bytes) and the signature (in words). Operations 1 and 3 forward a datagram.
fn ayiya(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[identity, signature, operation, next, ..]) = w.bytes(at).first_chunk::<8>() else { return };
    let inner = at + 8 + (1 << (identity >> 4)) + usize::from(signature >> 4) * 4;
    let version = match IpProtocol(next) {
        IpProtocol::IPV4 => 4,
        IpProtocol::IPV6 => 6,
        _ => return,
    };
    if !matches!(operation & 0x0f, 1 | 3) || ip_version(w, inner) != version {
        return;
    }
    if let Some(contents) = ip_until(w, inner, w.end())
        && w.push(LayerKind::Ayiya, at)
    {
        inside(w, Wrapping::network(TunnelKind::Ayiya, 0), contents, inner);
    }
}

/// IP from `at` on that ends at `end` by its own length.
fn ip_until(w: &Walk<'_, '_>, at: usize, end: usize) -> Option<Contents> {
    let contents = if ip_version(w, at) == 4 { Contents::Ipv4 } else { Contents::Ipv6 };
    (ip_end(w, at)? == end).then_some(contents)
}

/// Where IP ends by its own length.
fn ip_end(w: &Walk<'_, '_>, at: usize) -> Option<usize> {
    let length = match ip_version(w, at) {
        4 => usize::from(be16(w.bytes(at), 2)?),
        6 => 40 + usize::from(be16(w.bytes(at), 4)?),
        _ => return None,
    };
    Some(at + length)
}
