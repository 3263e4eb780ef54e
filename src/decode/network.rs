//! ARP, IPv4 and IPv6 with its extension headers: addresses, lengths, fragment fields, and the protocol that follows.

use super::packet::{Fragment, IssueKind, LayerKind, Network};
use super::transport;
use super::walk::Walk;
use crate::model::IpProtocol;
use etherparse::err::{ip_auth, ipv4, ipv6};
use etherparse::{
    ArpPacketSlice, IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice,
};

const IPV6_LEN: usize = 40;

/// IP of the version that its first four bits tell.
pub(super) fn ip(w: &mut Walk<'_, '_>, at: usize) {
    match w.bytes(at).first().map(|b| b >> 4) {
        Some(6) => ipv6(w, at),
        // Also what is neither: `ipv4` says what is wrong.
        _ => ipv4(w, at),
    }
}

/// ARP or RARP. Shorter than a frame's least length: its own fields say where the padding starts.
pub(super) fn arp(w: &mut Walk<'_, '_>, at: usize) {
    match ArpPacketSlice::from_slice(w.bytes(at)) {
        Ok(arp) => {
            if w.push(LayerKind::Arp, at) {
                w.packet.network = Network::Arp;
                w.packet.network_at = at as u32;
                let end = at + arp.slice().len();
                w.set_end(end);
                w.payload(end);
            }
        }
        Err(error) => w.short(LayerKind::Arp, at, error.required_len),
    }
}

/// IPv4 and what follows it.
pub(super) fn ipv4(w: &mut Walk<'_, '_>, at: usize) {
    let bytes = w.bytes(at);
    let header = match Ipv4HeaderSlice::from_slice(bytes) {
        Ok(header) => header,
        Err(error) => return broken_ipv4(w, at, &error),
    };
    if !w.push(LayerKind::Ipv4, at) {
        return;
    }
    let header_len = header.slice().len();
    let fragment = Fragment { offset: header.fragments_offset().byte_offset(), more: header.more_fragments() };
    if !ipv4_fields(w, at, header_len, header.total_len(), header.protocol().0, fragment) {
        return;
    }
    let at = at + header_len;
    if fragment.offset == 0 { protocols(w, header.protocol().0, at, false) } else { later_fragment(w, at) }
}

/// Sets what IPv4's fixed part says; `false` when its total length makes no sense.
fn ipv4_fields(w: &mut Walk<'_, '_>, at: usize, header_len: usize, total: u16, protocol: u8, fragment: Fragment) -> bool {
    w.packet.network = Network::Ipv4;
    w.packet.network_at = at as u32;
    w.packet.protocol = IpProtocol(protocol);
    w.packet.fragment = fragment;
    let total = usize::from(total);
    if total >= header_len {
        w.packet.ip_len = w.set_length(LayerKind::Ipv4, at, total);
    } else if total == 0 {
        // Segmentation offload: the card was to fill in the lengths. All that is on the wire is the datagram.
        w.packet.ip_len = w.end().saturating_sub(at) as u32;
    } else {
        w.packet.ip_len = total as u32;
        w.stop(IssueKind::BadHeader, LayerKind::Ipv4, at, header_len as u32);
        return false;
    }
    true
}

#[cold]
fn broken_ipv4(w: &mut Walk<'_, '_>, at: usize, error: &ipv4::HeaderSliceError) {
    match error {
        ipv4::HeaderSliceError::Content(_) => w.stop(IssueKind::BadHeader, LayerKind::Ipv4, at, 20),
        ipv4::HeaderSliceError::Len(error) => {
            // Cut within the options: the addresses and lengths are there and worth showing.
            if let Some(&[_, _, l0, l1, _, _, f0, f1, _, protocol, ..]) = w.bytes(at).first_chunk::<20>() {
                let word = u16::from_be_bytes([f0, f1]);
                let fragment = Fragment { offset: (word & 0x1fff) << 3, more: word & 0x2000 != 0 };
                let total = u16::from_be_bytes([l0, l1]);
                let sane = w.push(LayerKind::Ipv4, at) && ipv4_fields(w, at, error.required_len, total, protocol, fragment);
                if !sane {
                    return;
                }
            }
            w.short(LayerKind::Ipv4, at, error.required_len);
        }
    }
}

/// A fragment that starts inside the datagram: no transport header, only a piece of data.
fn later_fragment(w: &mut Walk<'_, '_>, at: usize) {
    w.packet.transport_at = at as u32;
    w.payload(at);
}

/// IPv6 and what follows it.
pub(super) fn ipv6(w: &mut Walk<'_, '_>, at: usize) {
    let bytes = w.bytes(at);
    let header = match Ipv6HeaderSlice::from_slice(bytes) {
        Ok(header) => header,
        Err(ipv6::HeaderSliceError::Content(_)) => return w.stop(IssueKind::BadHeader, LayerKind::Ipv6, at, 40),
        Err(ipv6::HeaderSliceError::Len(_)) => return w.short(LayerKind::Ipv6, at, IPV6_LEN),
    };
    if !w.push(LayerKind::Ipv6, at) {
        return;
    }
    let next = header.next_header();
    w.packet.network = Network::Ipv6;
    w.packet.network_at = at as u32;
    w.packet.protocol = IpProtocol(next.0);
    w.packet.fragment = Fragment::default();
    let length = match header.payload_length() {
        0 if IpProtocol(next.0) != IpProtocol::NO_NEXT => ipv6_length(w, at, next.0),
        length => usize::from(length),
    };
    w.packet.ip_len = w.set_length(LayerKind::Ipv6, at, IPV6_LEN.saturating_add(length));
    protocols(w, next.0, at + IPV6_LEN, true);
}

/// Length after the base header where its field is 0: a jumbogram's option (RFC 2675 section 2), else all that is on the
/// wire (segmentation offload).
#[cold]
fn ipv6_length(w: &Walk<'_, '_>, at: usize, next: u8) -> usize {
    let after = w.bytes(at + IPV6_LEN);
    if IpProtocol(next) == IpProtocol::HOP_BY_HOP
        && let Ok(header) = Ipv6RawExtHeaderSlice::from_slice(after)
        && let Some(length) = jumbo_length(header.payload())
    {
        return length as usize;
    }
    w.end().saturating_sub(at + IPV6_LEN)
}

/// The jumbo payload option (type 0xc2, length 4) among hop-by-hop options.
fn jumbo_length(mut options: &[u8]) -> Option<u32> {
    loop {
        options = match *options {
            // Pad1 is the only option without a length.
            [0, ref rest @ ..] => rest,
            [0xc2, 4, a, b, c, d, ..] => return Some(u32::from_be_bytes([a, b, c, d])),
            [_, length, ref rest @ ..] => rest.get(usize::from(length)..)?,
            _ => return None,
        };
    }
}

/// Extension headers (of IPv4: only the authentication header), then the transport header.
fn protocols(w: &mut Walk<'_, '_>, mut protocol: u8, mut at: usize, v6: bool) {
    loop {
        let step = match IpProtocol(protocol) {
            IpProtocol::AH => authentication(w, at),
            IpProtocol::FRAGMENT if v6 => match fragment_header(w, at) {
                Some(next) if w.packet.fragment.offset != 0 => {
                    w.packet.protocol = IpProtocol(next.0);
                    return later_fragment(w, next.1);
                }
                step => step,
            },
            other if v6 && is_extension(other) => extension(w, at),
            other => {
                w.packet.transport_at = at as u32;
                return transport::decode(w, other, at);
            }
        };
        let Some((next, after)) = step else {
            w.packet.transport_at = at as u32;
            return;
        };
        w.packet.protocol = IpProtocol(next);
        (protocol, at) = (next, after);
    }
}

/// Hop-by-hop, routing and destination options (RFC 8200), mobility (RFC 6275), HIP (RFC 7401), shim6 (RFC 5533):
/// all with the same first two bytes.
const fn is_extension(protocol: IpProtocol) -> bool {
    matches!(protocol.0, 0 | 43 | 60 | 135 | 139 | 140)
}

/// One such header: what follows it, and where.
fn extension(w: &mut Walk<'_, '_>, at: usize) -> Option<(u8, usize)> {
    match Ipv6RawExtHeaderSlice::from_slice(w.bytes(at)) {
        Ok(header) => {
            let step = (header.next_header().0, at + header.slice().len());
            w.push(LayerKind::Ipv6Extension, at).then_some(step)
        }
        Err(error) => {
            w.short(LayerKind::Ipv6Extension, at, error.required_len);
            None
        }
    }
}

fn fragment_header(w: &mut Walk<'_, '_>, at: usize) -> Option<(u8, usize)> {
    let Ok(header) = Ipv6FragmentHeaderSlice::from_slice(w.bytes(at)) else {
        w.short(LayerKind::Ipv6Fragment, at, 8);
        return None;
    };
    // A second one, inside a first fragment, is a piece of its data.
    if !w.packet.fragment.is_piece() {
        w.packet.fragment = Fragment { offset: header.fragment_offset().byte_offset(), more: header.more_fragments() };
    }
    w.push(LayerKind::Ipv6Fragment, at).then_some((header.next_header().0, at + 8))
}

/// RFC 4302.
fn authentication(w: &mut Walk<'_, '_>, at: usize) -> Option<(u8, usize)> {
    match IpAuthHeaderSlice::from_slice(w.bytes(at)) {
        Ok(header) => {
            let step = (header.next_header().0, at + header.slice().len());
            return w.push(LayerKind::Ah, at).then_some(step);
        }
        Err(ip_auth::HeaderSliceError::Content(_)) => w.stop(IssueKind::BadHeader, LayerKind::Ah, at, 12),
        Err(ip_auth::HeaderSliceError::Len(error)) => w.short(LayerKind::Ah, at, error.required_len),
    }
    None
}
