//! Generic routing encapsulation and what it carries beside network protocols: PPP (PPTP), virtual subnets (NVGRE) and
//! mirrored frames (ERSPAN).

use super::{BRIDGED, Contents, Wrapping, inside, ip_version};
use crate::decode::packet::{IssueKind, LayerKind, TunnelKind};
use crate::decode::walk::Walk;
use crate::model::bytes::{be16, be32};
use etherparse::EtherType;

/// PPP in version 1 of GRE (RFC 2637).
const PPP: u16 = 0x880b;
/// ERSPAN's types I and II (draft-foschiano-erspan-03 sections 4.1 and 4.2).
const ERSPAN: u16 = 0x88be;
/// ERSPAN's type III (section 4.3).
const ERSPAN_III: u16 = 0x22eb;

/// RFC 2784 with RFC 2890's key and sequence number; version 1 is RFC 2637's (PPTP).
pub(super) fn gre(w: &mut Walk<'_, '_>, at: usize) {
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

/// RFC 8086: version 0, behind a UDP header. That nothing else is meant shows in the bits that must be zero and in the contents.
pub(super) fn in_udp(w: &mut Walk<'_, '_>, at: usize) {
    if let Some(&[flags, version, ..]) = w.bytes(at).first_chunk::<4>()
        && flags & 0x4f == 0
        && version == 0
    {
        gre(w, at);
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
    if !w.push(LayerKind::Gre, at) {
        return;
    }
    match number {
        ERSPAN if sequence == 0 => {
            let frame = Contents::Typed(BRIDGED, LayerKind::Gre, at);
            inside(w, Wrapping::network(TunnelKind::Erspan, 0), frame, at + length);
        }
        ERSPAN => erspan_ii(w, at + length),
        ERSPAN_III => erspan_iii(w, at + length),
        _ => {
            let wrapping = match virtual_subnet(flags, EtherType(number), id) {
                Some(subnet) => Wrapping::network(TunnelKind::Gre, subnet),
                None => Wrapping::directed(TunnelKind::Gre, id),
            };
            inside(w, wrapping, Contents::Typed(EtherType(number), LayerKind::Gre, at), at + length);
        }
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

/// Eight bytes: version 1, VLAN, class of service, session, port index.
fn erspan_ii(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[first, _, s0, s1, ..]) = w.take::<8>(LayerKind::Erspan, at) else { return };
    if first >> 4 == 1 {
        mirrored(w, at, at + 8, [s0, s1], BRIDGED);
    } else {
        w.stop(IssueKind::BadHeader, LayerKind::Erspan, at, 8);
    }
}

/// Twelve bytes: version 2 and the same, then a timestamp, a group tag, the type of the frame, and whether eight bytes of the
/// platform's own follow.
fn erspan_iii(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[first, _, s0, s1, _, _, _, _, _, _, kind, more]) = w.take::<12>(LayerKind::Erspan, at) else { return };
    let contents = match (kind >> 2 & 0x1f, ip_version(w, at + 12)) {
        (0, _) => Some(BRIDGED),
        (2, 4) => Some(EtherType::IPV4),
        (2, 6) => Some(EtherType::IPV6),
        _ => None,
    };
    let length = if more & 1 == 0 { 12 } else { 20 };
    match contents.filter(|_| first >> 4 == 2) {
        Some(contents) => mirrored(w, at, at + length, [s0, s1], contents),
        None => w.stop(IssueKind::BadHeader, LayerKind::Erspan, at, 12),
    }
}

/// What was mirrored. Both directions of a conversation are in one session, unless each has its own mirror.
fn mirrored(w: &mut Walk<'_, '_>, at: usize, inner: usize, session: [u8; 2], contents: EtherType) {
    let session = u32::from(u16::from_be_bytes(session) & 0x3ff);
    if w.push(LayerKind::Erspan, at) {
        let wrapping = Wrapping::network(TunnelKind::Erspan, session);
        inside(w, wrapping, Contents::Typed(contents, LayerKind::Erspan, at), inner);
    }
}
