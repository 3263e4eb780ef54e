//! What a frame starts with: the link layer, down to the number that says which network protocol follows.

use super::network;
use super::packet::{IssueKind, LayerKind};
use super::ppp;
use super::tags;
use super::walk::Walk;
use super::wifi;
use crate::model::LinkType;
use crate::model::bytes::be16;
use etherparse::{EtherType, Ethernet2HeaderSlice, SingleVlanHeaderSlice};

/// `QinQ` before 802.1ad was written; etherparse names the others.
const OLD_QINQ: EtherType = EtherType(0x9100);
/// Values of the type field up to this are 802.3 lengths (IEEE 802.3 clause 3.2.6).
const MAX_LENGTH: u16 = 1500;
/// Ethernet types start here; between the two lies nothing.
const MIN_ETHER_TYPE: u16 = 0x0600;

/// Decodes from the first byte of a frame.
pub(super) fn frame(w: &mut Walk<'_, '_>, link: LinkType) {
    match link {
        LinkType::ETHERNET => ethernet(w, 0),
        LinkType::RAW | LinkType::RAW_12 | LinkType::RAW_14 => network::ip(w, 0),
        LinkType::IPV4 => network::ipv4(w, 0),
        LinkType::IPV6 => network::ipv6(w, 0),
        LinkType::NULL | LinkType::LOOP => null(w),
        LinkType::LINUX_SLL => sll(w),
        LinkType::LINUX_SLL2 => sll2(w),
        LinkType::PPP => ppp::ppp(w, 0),
        LinkType::PPP_HDLC => ppp::hdlc(w),
        LinkType::PPP_ETHER => ppp::pppoe(w, 0),
        LinkType::IEEE802_11 => wifi::ieee80211(w, 0, false),
        LinkType::IEEE802_11_RADIOTAP => wifi::radiotap(w, 0),
        LinkType(number) => w.stop(IssueKind::UnknownLinkType, LayerKind::Payload, 0, u32::from(number)),
    }
}

/// Ethernet II or 802.3.
pub(super) fn ethernet(w: &mut Walk<'_, '_>, at: usize) {
    let Ok(header) = Ethernet2HeaderSlice::from_slice(w.bytes(at)) else {
        return w.short(LayerKind::Ethernet, at, 14);
    };
    if w.push(LayerKind::Ethernet, at) {
        w.packet.vlan = [0; 2];
        type_or_length(w, header.ether_type(), LayerKind::Ethernet, at, at + 14);
    }
}

/// What follows an Ethernet header or a VLAN tag (`layer`, which starts at `start`): a type, or the length of an LLC frame.
fn type_or_length(w: &mut Walk<'_, '_>, number: EtherType, layer: LayerKind, start: usize, at: usize) {
    if number.0 > MAX_LENGTH {
        return ether_type(w, number, layer, start, at);
    }
    w.set_end(at + usize::from(number.0));
    llc(w, at);
}

/// Goes on at `at` with what `number` names; the number stands in `layer`, which starts at `start`.
pub(super) fn ether_type(w: &mut Walk<'_, '_>, number: EtherType, layer: LayerKind, start: usize, at: usize) {
    match number {
        EtherType::IPV4 => network::ipv4(w, at),
        EtherType::IPV6 => network::ipv6(w, at),
        EtherType::ARP | EtherType(0x8035) => network::arp(w, at),
        EtherType::VLAN_TAGGED_FRAME | EtherType::PROVIDER_BRIDGING | OLD_QINQ | EtherType(0x9200) => vlan(w, at),
        EtherType(0x8847 | 0x8848) => mpls(w, at),
        EtherType(0x8864) => ppp::pppoe(w, at),
        EtherType(number) => {
            if !tags::tag(w, number, at) {
                unknown(w, layer, start, number, at);
            }
        }
    }
}

/// A protocol that is not decoded: its bytes are payload.
pub(super) fn unknown(w: &mut Walk<'_, '_>, layer: LayerKind, start: usize, number: u16, at: usize) {
    w.stop(IssueKind::UnknownProtocol, layer, start, u32::from(number));
    w.payload(at);
}

/// One tag, from its TCI at `at`: the TPID was the type field before. Nesting is bounded by the layers of a packet.
fn vlan(w: &mut Walk<'_, '_>, at: usize) {
    // At least two bytes were read before any tag: the TPID, or SLL2's header, where it stands elsewhere.
    let start = at.saturating_sub(2);
    let Ok(tag) = SingleVlanHeaderSlice::from_slice(w.bytes(at)) else {
        return w.short(LayerKind::Vlan, start, 6);
    };
    if !w.push(LayerKind::Vlan, start) {
        return;
    }
    let id = tag.vlan_identifier().value();
    if let (1.., Some(free)) = (id, w.packet.vlan.iter_mut().find(|v| **v == 0)) {
        *free = id;
    }
    type_or_length(w, tag.ether_type(), LayerKind::Vlan, start, at + 4);
}

/// A stack of labels (RFC 3032). Nothing says what lies under it; IP is told by its version, which is how routers do it, too.
pub(super) fn mpls(w: &mut Walk<'_, '_>, mut at: usize) {
    loop {
        let Some(&[_, _, third, _]) = w.take::<4>(LayerKind::Mpls, at) else { return };
        if !w.push(LayerKind::Mpls, at) {
            return;
        }
        at += 4;
        let is_bottom = third & 1 == 1;
        if is_bottom {
            break;
        }
    }
    match w.bytes(at).first().map(|b| b >> 4) {
        Some(4) => network::ipv4(w, at),
        Some(6) => network::ipv6(w, at),
        Some(first) => unknown(w, LayerKind::Mpls, at - 4, u16::from(first), at),
        None => w.short(LayerKind::Ipv4, at, 1),
    }
}

/// 802.2 LLC, with SNAP inside if the service access points say so (IEEE 802-2014 clause 9.4, RFC 1042).
pub(super) fn llc(w: &mut Walk<'_, '_>, at: usize) {
    let Some(&[dsap, ssap, control]) = w.take::<3>(LayerKind::Llc, at) else { return };
    match (dsap, ssap & 0xfe, control) {
        (0xaa, 0xaa, 3) => snap(w, at),
        // RFC 948: IP straight in LLC.
        (0x06, 0x06, 3) => {
            if w.push(LayerKind::Llc, at) {
                network::ipv4(w, at + 3);
            }
        }
        _ => {
            if w.push(LayerKind::Llc, at) {
                unknown(w, LayerKind::Llc, at, u16::from(dsap), at + 3);
            }
        }
    }
}

/// LLC and SNAP, 8 bytes from the LLC's start.
fn snap(w: &mut Walk<'_, '_>, at: usize) {
    let Some(header) = w.take::<8>(LayerKind::Llc, at) else { return };
    if !w.push(LayerKind::Llc, at) {
        return;
    }
    let number = u16::from_be_bytes([header[6], header[7]]);
    // RFC 1042 and bridge-tunnel (IEEE 802.1H) encapsulation both carry an Ethernet type.
    let is_ether_type = matches!(header[3..6], [0, 0, 0 | 0xf8]) && number >= MIN_ETHER_TYPE;
    if is_ether_type {
        ether_type(w, EtherType(number), LayerKind::Llc, at, at + 8);
    } else {
        unknown(w, LayerKind::Llc, at, number, at + 8);
    }
}

/// BSD's loopback: four bytes of address family, in the byte order of a host that is not known (`OpenBSD`: network order).
/// `AF_INET` is 2 everywhere; `AF_INET6` is 10 on Linux, 24 on `NetBSD` and `OpenBSD`, 28 on `FreeBSD`, 30 on Darwin.
fn null(w: &mut Walk<'_, '_>) {
    let Some(&family) = w.take::<4>(LayerKind::Null, 0) else { return };
    if !w.push(LayerKind::Null, 0) {
        return;
    }
    let family = u32::from_be_bytes(family);
    match if family > 0xffff { family.swap_bytes() } else { family } {
        2 => network::ipv4(w, 4),
        10 | 24 | 28 | 30 => network::ipv6(w, 4),
        other => {
            w.stop(IssueKind::UnknownProtocol, LayerKind::Null, 0, other);
            w.payload(4);
        }
    }
}

/// Linux cooked v1: packet type, ARPHRD type, address length, 8 bytes of address, protocol. By hand: etherparse's
/// `LinuxSllHeaderSlice` refuses the whole header for packet and hardware types that it does not list.
fn sll(w: &mut Walk<'_, '_>) {
    let Some(header) = w.take::<16>(LayerKind::Sll, 0) else { return };
    if w.push(LayerKind::Sll, 0) {
        let hardware = be16(header, 2).unwrap_or_default();
        let protocol = be16(header, 14).unwrap_or_default();
        cooked(w, LayerKind::Sll, hardware, protocol, 16);
    }
}

/// Linux cooked v2: protocol, 2 reserved bytes, interface index, ARPHRD type, packet type, address length, 8 bytes of address.
fn sll2(w: &mut Walk<'_, '_>) {
    let Some(header) = w.take::<20>(LayerKind::Sll2, 0) else { return };
    if w.push(LayerKind::Sll2, 0) {
        let protocol = be16(header, 0).unwrap_or_default();
        let hardware = be16(header, 8).unwrap_or_default();
        cooked(w, LayerKind::Sll2, hardware, protocol, 20);
    }
}

/// What a cooked header's protocol field names. `ETH_P_802_2` (4) is LLC; the other small numbers are the kernel's own.
fn cooked(w: &mut Walk<'_, '_>, layer: LayerKind, hardware: u16, protocol: u16, at: usize) {
    /// `ARPHRD_NETLINK`: the protocol field is a netlink family.
    const NETLINK: u16 = 824;
    match (hardware, protocol) {
        (NETLINK, _) | (_, 0..4 | 5..MIN_ETHER_TYPE) => unknown(w, layer, 0, protocol, at),
        (_, 4) => llc(w, at),
        (_, _) => ether_type(w, EtherType(protocol), layer, 0, at),
    }
}
