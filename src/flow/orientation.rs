//! Who opened a conversation, and by which evidence.
//!
//! The first packet's sender is only the last resort: captures begin midway, taps see one direction late, services speak
//! first. [`DirectionReason`] lists the evidence from weakest to strongest; stronger evidence that comes later turns the flow
//! around, which costs nothing: counters are kept by end, not by role.

use super::icmp;
use super::key::{End, Ends};
use super::profile::Profile;
use super::record::DirectionReason;
use super::tcp::Segment;
use crate::decode::TcpFlags;
use crate::model::IpProtocol;
use crate::model::endpoint::ip_from_16;
use crate::peek::{self, Speaker, dns};
use std::net::{IpAddr, Ipv4Addr};

/// The originator as one packet shows it.
pub(super) type Guess = (End, DirectionReason);

/// What a flow's first packet shows.
pub(super) fn first(profile: &Profile, ends: &Ends, sender: End, segment: Option<&Segment<'_>>, payload: &[u8]) -> Guess {
    [by_flags(sender, segment), by_group(ends, sender), by_message(ends, sender, segment.is_some(), payload)]
        .into_iter()
        .flatten()
        .max_by_key(|guess| guess.1)
        .unwrap_or_else(|| by_ports(profile, ends, sender))
}

/// May a later packet show who opened the flow better than what decided so far?
pub(super) fn may_turn(so_far: DirectionReason) -> bool {
    so_far < DirectionReason::Syn
}

/// Stronger evidence in a later packet than the one that decided so far, if there is any.
pub(super) fn stronger(
    so_far: DirectionReason,
    ends: &Ends,
    sender: End,
    segment: Option<&Segment<'_>>,
    payload: &[u8],
) -> Option<Guess> {
    let by_flags = if so_far < DirectionReason::Syn { by_flags(sender, segment) } else { None };
    let by_message =
        || if so_far < DirectionReason::Request { by_message(ends, sender, segment.is_some(), payload) } else { None };
    by_flags.or_else(by_message).filter(|guess| guess.1 > so_far)
}

fn by_flags(sender: End, segment: Option<&Segment<'_>>) -> Option<Guess> {
    let segment = segment?;
    if segment.is_bare_syn() {
        Some((sender, DirectionReason::Syn))
    } else if segment.is_syn_ack() {
        Some((sender.other(), DirectionReason::SynAck))
    } else if segment.has(TcpFlags::RST) && segment.has(TcpFlags::ACK) && segment.seq.0 == 0 {
        // RFC 9293 (3.5.2): this is how a host answers a segment without ACK that it has no connection for. What it answers
        // was sent by the other side.
        Some((sender.other(), DirectionReason::Request))
    } else {
        None
    }
}

fn by_group(ends: &Ends, sender: End) -> Option<Guess> {
    is_group(ip_from_16(ends.target, ends.v6)).then_some((sender, DirectionReason::Group))
}

/// Multicast or limited broadcast. A subnet's own broadcast address cannot be told without its mask.
pub(super) fn is_group(ip: IpAddr) -> bool {
    ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST)
}

/// Requests and replies by their own first bytes.
fn by_message(ends: &Ends, sender: End, tcp: bool, payload: &[u8]) -> Option<Guess> {
    let asks = match ends.protocol {
        IpProtocol::TCP if tcp => peek::speaker(payload).map(|speaker| speaker == Speaker::Client),
        IpProtocol::UDP => udp_message(ends.sport, ends.dport, payload),
        IpProtocol::ICMP | IpProtocol::ICMPV6 if ends.two_way => {
            Some(icmp::is_request(ends.protocol == IpProtocol::ICMPV6, ends.sport))
        }
        _ => None,
    }?;
    Some((if asks { sender } else { sender.other() }, DirectionReason::Request))
}

fn udp_message(sport: u16, dport: u16, payload: &[u8]) -> Option<bool> {
    let either = |ports: &[u16]| ports.contains(&sport) || ports.contains(&dport);
    if either(&[53, 5353, 5355]) {
        return dns::Header::read(payload).is().map(|header| !header.is_response());
    }
    if either(&[123]) {
        // NTP (RFC 5905 section 7.3): mode 3 asks, mode 4 answers; 1, 2 and 5 are neither.
        return match payload.first()? & 7 {
            3 => Some(true),
            4 => Some(false),
            _ => None,
        };
    }
    if either(&[67]) && payload.len() >= 236 {
        // BOOTP and DHCP (RFC 2131 section 2): op is 1 from clients, 2 from servers.
        return match payload[0] {
            1 => Some(true),
            2 => Some(false),
            _ => None,
        };
    }
    None
}

fn by_ports(profile: &Profile, ends: &Ends, sender: End) -> Guess {
    let services = match ends.protocol {
        IpProtocol::TCP => profile.tcp_services,
        IpProtocol::UDP => profile.udp_services,
        _ => return (sender, DirectionReason::First),
    };
    let is_service = |port: u16| services.binary_search(&port).is_ok();
    match (is_service(ends.sport), is_service(ends.dport)) {
        (true, false) => return (sender.other(), DirectionReason::Service),
        (false, true) => return (sender, DirectionReason::Service),
        _ => {}
    }
    // A lower port is weak evidence. It beats "first packet" where that is known to mean nothing (TCP without a handshake), and
    // where one of the ports is a system port (RFC 6335 section 6).
    let system = ends.sport.min(ends.dport) < 1024 && ends.sport.max(ends.dport) >= 1024;
    if ends.sport == ends.dport || (ends.protocol == IpProtocol::UDP && !system) {
        (sender, DirectionReason::First)
    } else if ends.sport < ends.dport {
        (sender.other(), DirectionReason::LowerPort)
    } else {
        (sender, DirectionReason::LowerPort)
    }
}
