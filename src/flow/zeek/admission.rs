//! Which packets Zeek's IP layer takes, and to which rows they belong: some are refused, some protocols have no row.

use super::sight::lengths;
use crate::decode::{Network, OLD_VXLAN_PORT, Packet, Transport};
use crate::flow::key::Ends;
use crate::model::IpProtocol;
use crate::model::bytes::be16;

/// What becomes of a frame before its flow is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is taken as it is.
    Taken,
    /// A first fragment cut by the capture: it is taken by itself, for it will never be joined.
    Alone,
    /// It is as if it had not been seen, but for its time.
    Refused,
}

/// Are the lengths of the innermost datagram such that Zeek takes it? A frame cut by the snap length is fine; one that was
/// shorter on the wire than its IP header says is not.
pub(in crate::flow) fn fits(packet: &Packet<'_>, wire_bytes: u64) -> bool {
    let Some(lengths) = lengths(packet) else { return true };
    // What a tunnel holds is known by its captured bytes alone.
    let there = if packet.tunnel.depth == 0 { wire_bytes } else { wire_bytes.min(packet.bytes.len() as u64) };
    u64::from(packet.network_at) + u64::from(lengths.claimed) <= there
}

/// Is it a fragment of which not all was captured?
pub(in crate::flow) fn is_cut_fragment(packet: &Packet<'_>) -> bool {
    packet.fragment.is_piece() && lengths(packet).is_some_and(|l| packet.network_at.saturating_add(l.total) > packet.captured_end)
}

/// Did a network card have to fill in the length?
pub(in crate::flow) fn has_no_length(packet: &Packet<'_>) -> bool {
    packet.network == Network::Ipv4 && be16(packet.network_bytes(), 2) == Some(0)
}

/// The ends by which Zeek keys a packet, and whether it is of a protocol that Zeek only counts; `None` where it has no row.
pub(in crate::flow) fn ends(packet: &Packet<'_>) -> Option<(Ends, bool)> {
    let v6 = packet.network == Network::Ipv6;
    if packet.transport_at <= packet.network_at {
        return None; // The IP header itself makes no sense.
    }
    // Over IPv4 an authentication header is where Zeek stops; over IPv6 it walks on.
    let stopped = packet.ipv4().map(|header| header.protocol()).filter(|&protocol| protocol == IpProtocol::AH);
    let protocol = stopped.unwrap_or(packet.protocol);
    let no_row = match protocol {
        // Wrappings, groups' membership, nothing at all.
        IpProtocol::IPV4 | IpProtocol::IPV6 | IpProtocol::GRE | IpProtocol::NO_NEXT | IpProtocol(2) => true,
        // ESP, mobility.
        IpProtocol(50 | 135) => v6,
        _ => false,
    };
    if no_row {
        return None;
    }
    let followed = matches!(protocol, IpProtocol::TCP | IpProtocol::UDP | IpProtocol::ICMP | IpProtocol::ICMPV6);
    let mut ends = if followed {
        if matches!(packet.transport, Transport::Icmp | Transport::Icmpv6) && packet.transport_bytes().len() < 8 {
            return None;
        }
        Ends::of(packet)?
    } else {
        Ends { sport: 0, dport: 0, two_way: true, protocol, ..Ends::of_addresses(packet)? }
    };
    if v6 {
        let (source, target) = packet.final_addresses();
        ends.source = source.unwrap_or(ends.source);
        ends.target = target.unwrap_or(ends.target);
    }
    Some((ends, !followed))
}

/// `Tunnel::max_depth`: in so many tunnels Zeek looks for no other one.
const MOST_TUNNELS: u8 = 4;

/// Does Zeek look into a datagram that carries another one? Not behind IPv4's authentication header, where it stops, and it
/// knows VXLAN by its registered port only.
pub(in crate::flow) fn opens(outer: &Packet<'_>) -> bool {
    let behind_ah = outer.ipv4().is_some_and(|header| header.protocol() == IpProtocol::AH);
    let old_vxlan = outer.transport == Transport::Udp && outer.ports().is_some_and(|(_, to)| to == OLD_VXLAN_PORT);
    !behind_ah && !old_vxlan && !is_too_deep(outer)
}

/// Is a datagram in so many tunnels that the one it carries is one too many? A UDP flow that carries it is marked `X`.
pub(in crate::flow) const fn is_too_deep(outer: &Packet<'_>) -> bool {
    outer.tunnel.depth >= MOST_TUNNELS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::decode_ip;

    /// An IPv4 datagram of this protocol.
    fn v4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let length = (20 + payload.len() as u16).to_be_bytes();
        let head = [0x45, 0, length[0], length[1], 0, 1, 0, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        [&head[..], payload].concat()
    }

    /// An IPv6 datagram whose first header is this.
    fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u16).to_be_bytes();
        [&[0x60, 0, 0, 0, length[0], length[1], next, 64][..], &[1; 16], &[2; 16], payload].concat()
    }

    /// Authentication header (RFC 4302) before a header of this protocol.
    fn ah(next: u8, payload: &[u8]) -> Vec<u8> {
        [&[next, 4][..], &[0; 22], payload].concat()
    }

    const UDP: [u8; 9] = [0x1b, 0x58, 0x1b, 0x59, 0, 9, 0, 0, b'x'];

    #[test]
    fn each_protocol_has_its_row_or_none() {
        let esp = [7; 40];
        let mobility = [59, 0, 0, 0, 0, 0, 0, 0];
        for (what, datagram, row) in [
            ("UDP", v4(17, &UDP), Some((17, 7000, false))),
            ("AH over IPv4, where Zeek stops", v4(51, &ah(17, &UDP)), Some((51, 0, true))),
            ("AH over IPv6, which it walks through", v6(51, &ah(17, &UDP)), Some((17, 7000, false))),
            ("ESP over IPv4", v4(50, &esp), Some((50, 0, true))),
            ("ESP over IPv6", v6(50, &esp), None),
            ("mobility over IPv6", v6(135, &mobility), None),
            ("mobility over IPv4", v4(135, &mobility), Some((135, 0, true))),
            ("IGMP", v4(2, &[0; 8]), None),
            ("no next header", v6(59, &[]), None),
            ("ICMP too short for its header", v4(1, &[8, 0, 0, 0]), None),
        ] {
            let found = ends(&decode_ip(&datagram)).map(|(ends, counted)| (ends.protocol.0, ends.sport, counted));
            assert_eq!(found, row, "{what}");
        }
    }

    #[test]
    fn tunnels_are_opened_four_deep_and_not_behind_ah() {
        let mut datagram = v4(17, &UDP);
        for _ in 0..5 {
            datagram = v4(4, &datagram);
        }
        let packet = decode_ip(&datagram);
        assert_eq!(packet.tunnel.depth, 5);
        let outers: Vec<bool> = enclosing_of(&datagram, &packet).iter().map(opens).collect();
        assert_eq!(outers, [true, true, true, true, false]);
        let behind = v4(51, &ah(4, &v4(17, &UDP)));
        let packet = decode_ip(&behind);
        assert_eq!(enclosing_of(&behind, &packet).iter().map(opens).collect::<Vec<_>>(), [false]);
    }

    fn enclosing_of<'b>(bytes: &'b [u8], packet: &Packet<'b>) -> Vec<Packet<'b>> {
        use crate::model::{Frame, LinkType, Timestamp};
        let frame = Frame {
            number: 1,
            source: 0,
            interface: 0,
            ts: Timestamp::default(),
            link: LinkType::RAW,
            wire_len: bytes.len() as u32,
            bytes,
            direction: None,
            options: None,
            marks: crate::model::FrameMarks::NONE,
        };
        crate::decode::enclosing(&frame, packet).collect()
    }

    #[test]
    fn an_atomic_fragment_counts_without_its_header() {
        let fragment = [&[17, 0, 0, 0, 0, 0, 0, 1][..], &UDP].concat();
        let datagram = v6(44, &fragment);
        let packet = decode_ip(&datagram);
        assert!(!packet.fragment.is_piece());
        let sight = super::super::Sight::of(&packet, None, crate::model::Timestamp::default(), true, false);
        assert_eq!(sight.ip_bytes, 40 + UDP.len() as u64);
    }
}
