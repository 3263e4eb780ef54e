//! Are the checksums of a decoded packet right? IPv4's header, and TCP, UDP, ICMP and `ICMPv6` with their pseudo headers.
//!
//! `ones_complement` adds up; what goes into a sum is decided here. Sending hosts often leave checksums to the network card, so
//! a wrong one on an outgoing packet means little.

use super::ones_complement::Sum;
use super::packet::{Network, Packet, Transport};
use crate::model::bytes::be16;

/// A checksum compared with the bytes that it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// It is right.
    Good,
    /// It is wrong.
    Bad {
        /// What stands in the packet.
        found: u16,
        /// What should.
        expected: u16,
    },
    /// Some of what it covers was not captured, or is in other fragments.
    NotCaptured,
    /// The sender left it out: 0 in UDP over IPv4 (RFC 768).
    NotComputed,
}

/// The sum of bytes as [`Packet::payload_sum`] gives it.
#[must_use]
pub fn sum_of(bytes: &[u8]) -> u16 {
    one_zero(Sum::default().add(bytes).folded())
}

/// In ones' complement 0 has two forms: one of them stands for both.
const fn one_zero(sum: u16) -> u16 {
    if sum == 0xffff { 0 } else { sum }
}

/// Compares the checksum at `field` (an even offset) within `bytes`, on top of a pseudo header.
#[inline]
fn check(pseudo: Sum, bytes: &[u8], field: usize) -> Checksum {
    let Some(found) = be16(bytes, field) else { return Checksum::NotCaptured };
    // RFC 1624 section 3: in ones' complement 0 has two forms, and both are right.
    if pseudo.add(bytes).folded() == 0xffff {
        return Checksum::Good;
    }
    Checksum::Bad { found, expected: !pseudo.add(&bytes[..field]).add(&bytes[field + 2..]).folded() }
}

impl<'f> Packet<'f> {
    /// The header checksum of the innermost datagram, where it is IPv4.
    #[must_use]
    pub fn ip_checksum(&self) -> Option<Checksum> {
        if self.network != Network::Ipv4 {
            return None;
        }
        let Some(header) = self.ipv4() else { return Some(Checksum::NotCaptured) };
        Some(check(Sum::default(), header.bytes(), 10))
    }

    /// The checksum of TCP, UDP, ICMP or `ICMPv6`; `None` for other protocols and where there is no such header.
    #[must_use]
    pub fn transport_checksum(&self) -> Option<Checksum> {
        let field = match self.transport {
            Transport::Tcp => 16,
            Transport::Udp => 6,
            Transport::Icmp | Transport::Icmpv6 => 2,
            Transport::Sctp | Transport::None => return None,
        };
        let Some(segment) = self.segment() else { return Some(Checksum::NotCaptured) };
        let none = self.transport == Transport::Udp && be16(segment, 6) == Some(0);
        if none && self.network == Network::Ipv4 {
            return Some(Checksum::NotComputed);
        }
        Some(match (check(self.pseudo_header(segment.len()), segment, field), self.transport) {
            // RFC 768: a sum that comes out as 0 is sent as all ones.
            (Checksum::Bad { found, expected: 0 }, Transport::Udp) => Checksum::Bad { found, expected: 0xffff },
            // RFC 8200 section 8.1: over IPv6, 0 is no checksum and not allowed.
            (Checksum::Good, Transport::Udp) if none => Checksum::Bad { found: 0, expected: 0xffff },
            (outcome, _) => outcome,
        })
    }

    /// Does the checksum field of TCP or UDP hold the sum of the pseudo header alone? So hosts leave it that let their network
    /// card add the rest (offload), with the length or, for segments yet to be cut, without. A right checksum may look like it
    /// by chance: ask of wrong ones.
    #[must_use]
    pub fn has_partial_checksum(&self) -> bool {
        let field = match self.transport {
            Transport::Tcp => 16,
            Transport::Udp => 6,
            _ => return false,
        };
        let transport = self.bytes.get(self.transport_at as usize..).unwrap_or_default();
        let Some(found) = be16(transport, field) else { return false };
        let length = self.network_at.saturating_add(self.ip_len).saturating_sub(self.transport_at);
        let partial = |length: u32| self.pseudo_header(length as usize).folded();
        found == partial(length) || found == partial(0)
    }

    /// The sum of TCP's data, without looking at it: what has to be added to the headers for the checksum to be right (RFC 1624). Where the
    /// checksum is still to be filled in by a network card the data is added up, if it is all here: `true`. Of no more
    /// than a frame.
    #[must_use]
    pub fn payload_sum(&self) -> (Option<u16>, bool) {
        /// Longer ones are segments that are yet to be cut, or were put together.
        const FRAME: u32 = 2048;
        let header = self.bytes.get(self.transport_at as usize..self.payload_at as usize).unwrap_or_default();
        let found = be16(header, 16).filter(|found| *found != 0 && self.transport == Transport::Tcp && self.payload_len <= FRAME);
        let Some(found) = found else { return (None, false) };
        let length = self.network_at.saturating_add(self.ip_len).saturating_sub(self.transport_at);
        let pseudo = self.pseudo_header(length as usize);
        if found == pseudo.folded() {
            let data = self.payload();
            let whole = data.len() == self.payload_len as usize;
            return if whole { (Some(sum_of(data)), true) } else { (None, false) };
        }
        (Some(one_zero(!pseudo.add_header(header).folded())), false)
    }

    /// All that the transport checksum covers, if it is all here: to the end of the datagram, of UDP to the end by its length.
    fn segment(&self) -> Option<&'f [u8]> {
        // Where it is too long there is an issue, be it that or a later one.
        if self.fragment.is_piece() || (self.issue.is_some() && self.is_longer_than_the_wire()) {
            return None;
        }
        let end = if self.transport == Transport::Udp {
            self.payload_at.checked_add(self.payload_len)?
        } else {
            self.network_at.checked_add(self.ip_len)?
        };
        if end > self.captured_end {
            return None;
        }
        self.bytes.get(self.transport_at as usize..end as usize)
    }

    /// RFC 9293 section 3.1 and RFC 8200 section 8.1: addresses, length, protocol. ICMP of IPv4 has none.
    #[inline]
    fn pseudo_header(&self, length: usize) -> Sum {
        let ip = self.network_bytes();
        // Nothing between the base header and the transport's: the addresses are those that stand there, side by side.
        let plain = |header_len: u32| self.transport_at == self.network_at + header_len;
        let addresses = match (self.network, self.transport) {
            (Network::Ipv4, Transport::Tcp | Transport::Udp) => match ip.get(12..20) {
                Some(both) if plain(20) => Sum::default().add(both),
                _ => Sum::default().add(ip.get(12..16).unwrap_or_default()).add(self.final_v4(ip)),
            },
            (Network::Ipv6, _) => match ip.get(8..40) {
                Some(both) if plain(40) => Sum::default().add(both),
                // RFC 6275 section 6.3: a home address stands for the care-of address.
                _ => {
                    let source = self.home_address().or(ip.get(8..24)).unwrap_or_default();
                    Sum::default().add(source).add(self.final_v6(ip))
                }
            },
            _ => return Sum::default(),
        };
        // TCP and UDP over IPv4 have 16 bits for the length, where it fits; folded they are the same.
        let length = if self.network == Network::Ipv4 { u32::from(length as u16) } else { length as u32 };
        addresses.add_u32(length).add_u16(self.protocol.0.into())
    }

    /// Where an IPv4 datagram is bound in the end: the last address of a source route that is not yet used up (RFC 791 section 3.1).
    fn final_v4(&self, ip: &'f [u8]) -> &'f [u8] {
        let destination = ip.get(16..20).unwrap_or_default();
        let Some(mut options) = self.ipv4().and_then(|header| ip.get(20..header.header_len())) else { return destination };
        loop {
            match *options {
                // Loose and strict source route: length, pointer (counted from 1) to the next address, addresses.
                [131 | 137, length, pointer, ..] if length >= 7 && pointer < length => {
                    return options.get(usize::from(length) - 4..usize::from(length)).unwrap_or(destination);
                }
                [1, ref rest @ ..] => options = rest,
                [0, ..] | [] | [_] => return destination,
                [_, length, ..] => match options.get(usize::from(length.max(2))..) {
                    Some(rest) => options = rest,
                    None => return destination,
                },
            }
        }
    }

    /// Where an IPv6 datagram is bound in the end: with segments left in a routing header, the address that these lead to.
    fn final_v6(&self, ip: &'f [u8]) -> &'f [u8] {
        let destination = ip.get(24..40).unwrap_or_default();
        let Some(route) = self.routing_header() else { return destination };
        let &[_, length, kind, left, ..] = route else { return destination };
        let end = (usize::from(length) + 1) * 8;
        let address = match (kind, left) {
            (_, 0) => return destination,
            // RFC 2460's source route and RFC 6275's home address: in order, the last is the final one.
            (0 | 2, _) => route.get(end.saturating_sub(16).max(8)..end),
            // RFC 8754: in reverse order, the first is the final one.
            (4, _) => route.get(8..24),
            _ => None,
        };
        address.filter(|a| a.len() == 16).unwrap_or(destination)
    }
}

#[cfg(test)]
mod tests {
    use super::super::decode_ip;
    use super::*;
    use etherparse::PacketBuilder;

    fn v4() -> Vec<u8> {
        let mut out = Vec::new();
        PacketBuilder::ipv4([192, 0, 2, 1], [192, 0, 2, 2], 64).tcp(1, 2, 3, 4).write(&mut out, b"odd").unwrap();
        out
    }

    fn v6(udp: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let ip = PacketBuilder::ipv6([1; 16], [2; 16], 64);
        if udp { ip.udp(1, 2).write(&mut out, b"odd") } else { ip.icmpv6_echo_request(1, 2).write(&mut out, b"odd") }.unwrap();
        out
    }

    #[test]
    fn what_etherparse_writes_is_good_and_any_changed_byte_is_bad() {
        let mut udp4 = Vec::new();
        PacketBuilder::ipv4([9, 0, 2, 1], [9, 0, 2, 2], 64).udp(1, 2).write(&mut udp4, b"odd").unwrap();
        let mut icmp4 = Vec::new();
        PacketBuilder::ipv4([9, 0, 2, 1], [9, 0, 2, 2], 64).icmpv4_echo_request(1, 2).write(&mut icmp4, b"odd").unwrap();
        for bytes in [v4(), udp4, icmp4, v6(true), v6(false)] {
            let p = decode_ip(&bytes);
            assert_eq!(p.transport_checksum(), Some(Checksum::Good));
            assert!(matches!(p.ip_checksum(), None | Some(Checksum::Good)));
            let mut changed = bytes.clone();
            *changed.last_mut().unwrap() ^= 0x10;
            assert!(matches!(decode_ip(&changed).transport_checksum(), Some(Checksum::Bad { .. })));
        }
    }

    #[test]
    fn a_wrong_checksum_says_what_it_should_be() {
        let good = v4();
        let (ip, tcp) = (be16(&good, 10).unwrap(), be16(&good, 36).unwrap());
        let mut bytes = good;
        bytes[10..12].copy_from_slice(&[0x12, 0x34]);
        bytes[36..38].copy_from_slice(&[0x56, 0x78]);
        let p = decode_ip(&bytes);
        assert_eq!(p.ip_checksum(), Some(Checksum::Bad { found: 0x1234, expected: ip }));
        assert_eq!(p.transport_checksum(), Some(Checksum::Bad { found: 0x5678, expected: tcp }));
    }

    #[test]
    fn what_is_not_all_here_is_not_judged() {
        let bytes = v4();
        assert_eq!(decode_ip(&bytes[..bytes.len() - 1]).transport_checksum(), Some(Checksum::NotCaptured));
        let mut piece = bytes.clone();
        piece[6] = 0x20;
        assert_eq!(decode_ip(&piece).transport_checksum(), Some(Checksum::NotCaptured));
        assert_eq!(decode_ip(&bytes[..19]).ip_checksum(), None);
    }

    #[test]
    fn udp_may_go_without_over_ipv4_only() {
        let mut udp = Vec::new();
        PacketBuilder::ipv4([9, 0, 2, 1], [9, 0, 2, 2], 64).udp(1, 2).write(&mut udp, b"x").unwrap();
        udp[26..28].fill(0);
        assert_eq!(decode_ip(&udp).transport_checksum(), Some(Checksum::NotComputed));
        let mut udp = v6(true);
        udp[46..48].fill(0);
        assert!(matches!(decode_ip(&udp).transport_checksum(), Some(Checksum::Bad { found: 0, .. })));
    }

    #[test]
    fn routing_headers_name_the_final_destination() {
        let plain = v6(true);
        // Bound for ffff…: the checksum still counts the final address, which the routing header holds.
        for (kind, left, good) in [(0, 1, true), (2, 1, true), (4, 1, true), (0, 0, false), (9, 1, false)] {
            let mut bytes = plain.clone();
            bytes[24..40].fill(0xff);
            bytes[6] = 43;
            bytes[5] += 24;
            let route = [&[17, 2, kind, left, 0, 0, 0, 0][..], &[2; 16]].concat();
            bytes.splice(40..40, route);
            assert_eq!(decode_ip(&bytes).transport_checksum() == Some(Checksum::Good), good, "{kind} {left}");
        }
    }

    #[test]
    fn source_routes_name_the_final_destination() {
        for (pointer, good) in [(4, true), (8, false)] {
            let mut bytes = v4();
            bytes[16..20].fill(0xfe);
            bytes[0] = 0x47;
            bytes[3] += 8;
            bytes.splice(20..20, [131, 7, pointer, 192, 0, 2, 2, 0]);
            assert_eq!(decode_ip(&bytes).transport_checksum() == Some(Checksum::Good), good, "{pointer}");
        }
    }
}
