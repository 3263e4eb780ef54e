//! PPP (RFC 1661), with or without HDLC-like framing (RFC 1662), and the `PPPoE` session header (RFC 2516).

use super::link;
use super::network;
use super::packet::{IssueKind, LayerKind};
use super::walk::Walk;
use crate::model::bytes::be16;
use etherparse::EtherType;

/// Address "all stations" and control "unnumbered information"; left out where the peers agreed to.
const ADDRESS_AND_CONTROL: [u8; 2] = [0xff, 0x03];

/// PPP: framing if it is there, the protocol field (one byte if the peers agreed to compress it), the datagram.
pub(super) fn ppp(w: &mut Walk<'_, '_>, at: usize) {
    let framing = if w.bytes(at).starts_with(&ADDRESS_AND_CONTROL) { 2 } else { 0 };
    let Some(&first) = w.bytes(at).get(framing) else { return w.short(LayerKind::Ppp, at, framing + 1) };
    // RFC 1661 section 2: the last byte of a protocol number is odd, all before it are even.
    let (protocol, length) = if first & 1 == 1 {
        (u16::from(first), framing + 1)
    } else {
        match be16(w.bytes(at), framing) {
            Some(protocol) => (protocol, framing + 2),
            None => return w.short(LayerKind::Ppp, at, framing + 2),
        }
    };
    if !w.push(LayerKind::Ppp, at) {
        return;
    }
    let inside = at + length;
    match protocol {
        0x0021 => network::ipv4(w, inside),
        0x0057 => network::ipv6(w, inside),
        0x0281 | 0x0283 => link::mpls(w, inside),
        _ => link::unknown(w, LayerKind::Ppp, at, protocol, inside),
    }
}

/// PPP in HDLC-like framing, or Cisco's HDLC with an Ethernet type: the link type is used for both.
pub(super) fn hdlc(w: &mut Walk<'_, '_>) {
    if !matches!(w.bytes(0).first(), Some(0x0f | 0x8f)) {
        return ppp(w, 0);
    }
    let Some(&[_, _, t0, t1]) = w.take::<4>(LayerKind::Ppp, 0) else { return };
    if w.push(LayerKind::Ppp, 0) {
        link::ether_type(w, EtherType(u16::from_be_bytes([t0, t1])), LayerKind::Ppp, 0, 4);
    }
}

/// `PPPoE` session: version and type, code, session id, length of the PPP packet that follows without framing.
pub(super) fn pppoe(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[version, code, _, _, l0, l1]) = w.take::<6>(LayerKind::Pppoe, at) else { return };
    // RFC 2516 section 4: version 1, type 1; session packets have code 0.
    if version != 0x11 || code != 0 {
        return w.stop(IssueKind::BadHeader, LayerKind::Pppoe, at, 6);
    }
    if w.push(LayerKind::Pppoe, at) {
        w.set_end(at + 6 + usize::from(u16::from_be_bytes([l0, l1])));
        ppp(w, at + 6);
    }
}
