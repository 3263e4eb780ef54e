//! Tags and small headers that stand between Ethernet and the network layer beside VLAN tags: the I-tag of 802.1ah (provider
//! backbone bridging), `FabricPath`, VN-Tag, `MACsec` without encryption (802.1AE) and NSH (RFC 8300). None of them is a tunnel
//! with addresses of IP; each is one [`LayerKind::Tag`], which starts at its Ethernet type.

use super::link;
use super::packet::{IssueKind, LayerKind};
use super::walk::Walk;
use crate::model::bytes::be16;
use etherparse::err::macsec;
use etherparse::{EtherType, MacsecHeaderSlice};

/// Decodes from `at`, just after the Ethernet type `number`; `false` if the number names no tag.
pub(super) fn tag(w: &mut Walk<'_, '_>, number: u16, at: usize) -> bool {
    match number {
        0x88e7 => in_front_of_ethernet(w, at, 4),
        0x8903 => in_front_of_ethernet(w, at, 2),
        0x8926 => vn_tag(w, at),
        0x88e5 => macsec(w, at),
        0x894f => nsh(w, at),
        _ => return false,
    }
    true
}

/// Where the type field of a tag stands, whose contents start at `at`.
const fn start(at: usize) -> usize {
    at.saturating_sub(2)
}

/// The I-tag and `FabricPath`'s tag are followed by a whole Ethernet frame.
fn in_front_of_ethernet(w: &mut Walk<'_, '_>, at: usize, length: usize) {
    if w.bytes(at).len() < length {
        w.short(LayerKind::Tag, start(at), length + 2);
    } else if w.push(LayerKind::Tag, start(at)) {
        link::ethernet(w, at + length);
    }
}

/// Four bytes of virtual interfaces, then a type.
fn vn_tag(w: &mut Walk<'_, '_>, at: usize) {
    let Some(number) = be16(w.bytes(at), 4) else { return w.short(LayerKind::Tag, start(at), 8) };
    if w.push(LayerKind::Tag, start(at)) {
        link::ether_type(w, EtherType(number), LayerKind::Tag, start(at), at + 6);
    }
}

/// Integrity without encryption leaves the contents as they were; the check value comes after them, as padding would.
fn macsec(w: &mut Walk<'_, '_>, at: usize) {
    let header = match MacsecHeaderSlice::from_slice(w.bytes(at)) {
        Ok(header) => header,
        Err(macsec::HeaderSliceError::Len(error)) => return w.short(LayerKind::Tag, start(at), error.required_len + 2),
        Err(macsec::HeaderSliceError::Content(_)) => return w.stop(IssueKind::BadHeader, LayerKind::Tag, start(at), 8),
    };
    if !w.push(LayerKind::Tag, start(at)) {
        return;
    }
    let inside = at + header.slice().len();
    if let Some(number) = header.next_ether_type() {
        link::ether_type(w, number, LayerKind::Tag, start(at), inside);
    } else {
        w.stop(IssueKind::Encrypted, LayerKind::Tag, start(at), 0);
        w.payload(inside);
    }
}

/// RFC 8300 section 2.2: version and length in words, metadata type, next protocol; then the service path and metadata.
fn nsh(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[first, second, _, next]) = w.bytes(at).first_chunk::<4>() else {
        return w.short(LayerKind::Tag, start(at), 6);
    };
    let length = usize::from(second & 0x3f) * 4;
    if first >> 6 != 0 || length < 8 {
        return w.stop(IssueKind::BadHeader, LayerKind::Tag, start(at), 10);
    }
    if w.bytes(at).len() < length {
        return w.short(LayerKind::Tag, start(at), length + 2);
    }
    if !w.push(LayerKind::Tag, start(at)) {
        return;
    }
    let inside = at + length;
    match next {
        1 => link::ether_type(w, EtherType::IPV4, LayerKind::Tag, start(at), inside),
        2 => link::ether_type(w, EtherType::IPV6, LayerKind::Tag, start(at), inside),
        3 => link::ethernet(w, inside),
        5 => link::mpls(w, inside),
        _ => link::unknown(w, LayerKind::Tag, start(at), u16::from(next), inside),
    }
}
