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
