//! ICMP messages as conversations: which types answer each other, which say that something failed, and what they quote.
//!
//! As in Community ID and Zeek, the "ports" of a message with an answer are its type and the type of the answer; those of any
//! other are its type and code.

use super::key::Ends;
use super::tcp::Options;
use crate::decode::Packet;
use crate::model::{Endpoint, IpProtocol};

/// The type that answers this one, or that this one answers. The pairs are Community ID's (version 1).
#[must_use]
pub const fn counter_type(v6: bool, kind: u8) -> Option<u8> {
    Some(match (v6, kind) {
        (false, 8) => 0,
        (false, 0) => 8,
        (false, 13) => 14,
        (false, 14) => 13,
        (false, 15) => 16,
        (false, 16) => 15,
        (false, 10) => 9,
        (false, 9) => 10,
        (false, 17) => 18,
        (false, 18) => 17,
        (true, 128) => 129,
        (true, 129) => 128,
        (true, 133) => 134,
        (true, 134) => 133,
        (true, 135) => 136,
        (true, 136) => 135,
        (true, 130) => 131,
        (true, 131) => 130,
        (true, 139) => 140,
        (true, 140) => 139,
        (true, 144) => 145,
        (true, 145) => 144,
        _ => return None,
    })
}

/// Is this the asking half of a pair?
#[must_use]
pub const fn is_request(v6: bool, kind: u16) -> bool {
    if v6 { matches!(kind, 128 | 133 | 135 | 130 | 139 | 144) } else { matches!(kind, 8 | 13 | 15 | 10 | 17) }
}

/// The "ports" of a message, and whether a packet the other way can share its conversation.
pub(super) const fn ports(v6: bool, kind: u8, code: u8) -> (u16, u16, bool) {
    match counter_type(v6, kind) {
        Some(counter) => (kind as u16, counter as u16, true),
        None => (kind as u16, code as u16, false),
    }
}

/// "Port unreachable": the host is there, nobody listens.
pub(super) const fn is_port_unreachable(v6: bool, kind: (u8, u8)) -> bool {
    if v6 { matches!(kind, (1, 4)) } else { matches!(kind, (3, 3)) }
}

/// Does this error mean that the packet did not arrive, and that another like it would not? Not: too big (it can be sent
/// again in pieces), source quench, redirect (it was passed on).
pub(super) const fn is_unreachable(v6: bool, kind: (u8, u8)) -> bool {
    match (v6, kind) {
        (false, (3, code)) => code != 4,
        (false, (11 | 12, _)) | (true, (1 | 3 | 4, _)) => true,
        _ => false,
    }
}

/// What differs between copies of a segment: IPv4's identification, often (RFC 6864), and the value of the timestamp option
/// (RFC 7323). What is not there, or was not quoted, is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CopyMark {
    pub(super) ip_id: Option<u16>,
    pub(super) time: Option<u32>,
}

/// What an ICMP error says of which conversation.
pub(super) struct Quote {
    /// The ends of the quoted packet, its sender first.
    pub(super) ends: Ends,
    /// TCP: the sequence number quoted.
    pub(super) seq: Option<u32>,
    /// What tells which copy of a segment is quoted.
    pub(super) copy: CopyMark,
    /// Type and code of the error.
    pub(super) kind: (u8, u8),
    pub(super) v6: bool,
}

/// The quote of an ICMP error, if the packet is one and quotes enough to name a conversation.
pub(super) fn quote(packet: &Packet<'_>) -> Option<Quote> {
    let message = packet.icmp()?;
    let quoted = message.quoted()?;
    let v6 = message.is_v6();
    let (sport, dport, two_way) = match quoted.protocol {
        IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP => {
            let (sport, dport) = quoted.ports()?;
            (sport, dport, true)
        }
        IpProtocol::ICMP | IpProtocol::ICMPV6 => {
            let inner = quoted.icmp()?;
            ports(inner.is_v6(), inner.kind(), inner.code())
        }
        _ => (0, 0, true),
    };
    let source = Endpoint::new(quoted.source, sport);
    let target = Endpoint::new(quoted.target, dport);
    let ends = Ends { two_way, ..Ends::new(source, target, quoted.protocol) };
    let ip_id = if v6 { None } else { quoted.id.and_then(|id| u16::try_from(id).ok()) };
    let copy = CopyMark { ip_id, time: Options::read(quoted.tcp_options()).times.map(|(value, _)| value) };
    Some(Quote { ends, seq: quoted.tcp_seq(), copy, kind: (message.kind(), message.code()), v6 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_answer_each_other_and_one_of_them_asks() {
        for v6 in [false, true] {
            for kind in 0..=255 {
                if let Some(counter) = counter_type(v6, kind) {
                    assert_eq!(counter_type(v6, counter), Some(kind));
                    assert_ne!(is_request(v6, kind.into()), is_request(v6, counter.into()), "{kind}");
                }
            }
        }
    }
}
