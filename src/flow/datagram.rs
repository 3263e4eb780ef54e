//! Conversations without connections: UDP, ICMP, SCTP and other IP protocols. Who answered whom, and after what time.
//!
//! SCTP has associations with states of their own (RFC 9260); they are not followed, only its packets both ways are.

use super::flow::Flow;
use super::icmp;
use super::key::End;
use super::note::FlowKind;
use super::orientation::is_group;
use super::record::State;
use super::timeout::Class;
use crate::model::{IpProtocol, Span, Timestamp};

/// UDP services whose clients expect a reply: DNS, DHCP, TFTP, NTP, `NetBIOS` names, SNMP, LDAP, RADIUS, STUN, QUIC.
const REQUESTED: &[u16] = &[53, 67, 69, 88, 123, 137, 161, 389, 443, 1812, 1813, 3478];

/// UDP services that follow DNS's rhythm: one question, one answer.
const DNS: u16 = 53;

/// The time of each end's first packet; meaningful once its side has counted one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Datagram {
    first: [Timestamp; 2],
}

impl Datagram {
    /// A packet of `from`; `first` if its side has sent none before.
    pub(super) fn on_packet(&mut self, from: End, first: bool, ts: Timestamp) {
        if first {
            self.first[from.index()] = ts;
        }
    }

    pub(super) fn word(flow: &Flow, ended: bool) -> State {
        let [orig, resp] = [flow.originator, flow.originator.other()].map(|end| flow.side(end).packets > 0);
        match (orig, resp) {
            (true, true) => State::Answered,
            (true, false) => match failure(flow) {
                Some(state) => state,
                None if ended && expects_reply(flow) => State::NoReply,
                None => State::OneWay,
            },
            _ => State::OneWay,
        }
    }

    /// From the originator's first packet to the responder's, or to the ICMP error that came instead.
    pub(super) fn response_time(&self, flow: &Flow) -> Option<Span> {
        let (orig, resp) = (flow.originator, flow.originator.other());
        if flow.side(orig).packets == 0 {
            return None;
        }
        let answer = if flow.side(resp).packets > 0 {
            self.first[resp.index()]
        } else {
            failure(flow)?;
            flow.icmp.as_ref()?.ts
        };
        let time = answer - self.first[orig.index()];
        (time >= Span::ZERO).then_some(time)
    }

    pub(super) fn class(flow: &Flow) -> Class {
        let answered = flow.low.packets > 0 && flow.high.packets > 0;
        let responder = flow.key.endpoint(flow.originator.other());
        match flow.kind {
            FlowKind::Icmp => Class::Icmp,
            FlowKind::Other => Class::Other,
            _ if !answered => Class::OneWay,
            FlowKind::Udp if responder.port == DNS => Class::Dns,
            _ => Class::Answered,
        }
    }
}

/// The state that an ICMP error about the originator's packet stands for.
fn failure(flow: &Flow) -> Option<State> {
    let mark = flow.icmp.as_ref().filter(|mark| mark.is_failure(flow.originator))?;
    Some(if icmp::is_port_unreachable(mark.v6, mark.kind) { State::Refused } else { State::Unreachable })
}

/// Did the originator ask something that is normally answered?
fn expects_reply(flow: &Flow) -> bool {
    let responder = flow.key.endpoint(flow.originator.other());
    if is_group(responder.ip) {
        return false;
    }
    match flow.key.protocol() {
        IpProtocol::UDP => REQUESTED.binary_search(&responder.port).is_ok(),
        protocol @ (IpProtocol::ICMP | IpProtocol::ICMPV6) => {
            icmp::is_request(protocol == IpProtocol::ICMPV6, flow.key.endpoint(flow.originator).port)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requested_services_are_sorted_so_that_they_can_be_searched() {
        assert!(REQUESTED.is_sorted());
    }
}
