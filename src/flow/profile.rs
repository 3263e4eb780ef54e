//! The rules by which packets become flows, as data: what is part of a key, how long flows wait, which ports are services.

use super::timeout::Timeouts;
use super::zeek::ports;
pub use super::zeek::timers::ZeekTimers;
use crate::model::Span;

/// A set of rules. There is one engine; another tool's way of cutting traffic into flows is another value of this type.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Are the VLAN ids part of the key, and what puts an Ethernet frame into another one (802.1ah, `FabricPath`)?
    pub vlan_in_key: bool,
    /// Is what a packet is wrapped in part of the key?
    pub tunnel_in_key: bool,
    /// Whose reading of a packet decides whether it has a row, and which.
    pub rows: Rules,
    /// Who is the originator.
    pub direction: Rules,
    /// Which SYN begins another connection on the same ports.
    pub reuse: Rules,
    /// How long flows may be silent.
    pub timeouts: Timeouts,
    /// Timers that end flows instead.
    pub timers: Option<&'static ZeekTimers>,
    /// Is a packet's time believed however far ahead it is?
    pub believes_leaps: bool,
    /// Does an ICMP error belong to the flow that it quotes?
    pub joins_icmp_errors: bool,
    /// Has the datagram around a tunnelled packet a row of its own?
    pub outer_flows: bool,
    /// Does a flow that begins with a joined datagram begin with the first of its fragments?
    pub begins_with_first_fragment: bool,
    /// How long fragments wait for the rest of their datagram.
    pub fragment_age: Span,
    /// Does a SYN with the same first number join its flow even after that was closed or reset? It is then a late copy, or
    /// the same `connect()` trying on after a refusal (Windows does).
    pub same_isn_joins_after_end: bool,
    /// TCP ports that servers listen on, sorted.
    pub tcp_services: &'static [u16],
    /// UDP ports that servers listen on, sorted.
    pub udp_services: &'static [u16],
}

impl Profile {
    /// sockeye's own rules.
    pub const OURS: Self = Self {
        vlan_in_key: true,
        tunnel_in_key: true,
        rows: Rules::Ours,
        direction: Rules::Ours,
        reuse: Rules::Ours,
        timeouts: Timeouts::OURS,
        timers: None,
        believes_leaps: false,
        joins_icmp_errors: true,
        outer_flows: false,
        begins_with_first_fragment: true,
        // As Linux has it; RFC 791 suggests 15 seconds, RFC 8200 says 60.
        fragment_age: Span::from_secs(30),
        same_isn_joins_after_end: true,
        tcp_services: TCP_SERVICES,
        udp_services: UDP_SERVICES,
    };

    /// Zeek's, as its default scripts set them: flows are the rows of its `conn.log`.
    pub const ZEEK: Self = Self {
        vlan_in_key: false,
        tunnel_in_key: false,
        rows: Rules::Zeek,
        direction: Rules::Zeek,
        reuse: Rules::Zeek,
        // Only the order of giving up when the table is full is taken from the classes.
        timeouts: Timeouts::OURS,
        timers: Some(&ZeekTimers::DEFAULT),
        believes_leaps: true,
        joins_icmp_errors: false,
        outer_flows: true,
        begins_with_first_fragment: false,
        // `frag_timeout` of init-default.zeek.
        fragment_age: Span::from_secs(300),
        same_isn_joins_after_end: false,
        tcp_services: ports::TCP_SERVICES,
        udp_services: ports::UDP_SERVICES,
    };
}

/// Whose rules answer a question that needs more than a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// sockeye's.
    Ours,
    /// Zeek's.
    Zeek,
}

impl Default for Profile {
    fn default() -> Self {
        Self::OURS
    }
}

/// Common TCP services of the IANA registry, and 8000, 8080, 8443, 8888, 9200 and 27017 by custom.
const TCP_SERVICES: &[u16] = &[
    21, 22, 23, 25, 53, 70, 79, 80, 81, 88, 110, 111, 113, 119, 135, 139, 143, 179, 389, 427, 443, 445, 465, 502, 513, 514, 515,
    543, 544, 548, 554, 563, 585, 587, 614, 631, 636, 646, 853, 873, 989, 990, 992, 993, 995, 1080, 1433, 1434, 1521, 1723, 1883,
    2049, 2181, 2811, 3128, 3260, 3268, 3306, 3389, 4369, 5060, 5061, 5222, 5223, 5269, 5432, 5671, 5672, 5900, 5985, 5986, 6379,
    6443, 6666, 6667, 6668, 6669, 8000, 8008, 8080, 8443, 8883, 8888, 9092, 9100, 9200, 9418, 11211, 20000, 27017,
];

/// Common UDP services of the IANA registry.
const UDP_SERVICES: &[u16] = &[
    53, 67, 69, 88, 111, 123, 137, 138, 161, 162, 389, 427, 443, 500, 514, 520, 623, 853, 1194, 1434, 1701, 1812, 1813, 1900,
    2049, 2123, 2152, 3389, 3478, 3544, 3702, 4011, 4500, 4754, 4789, 5060, 5072, 5349, 5351, 5353, 5355, 5683, 5684, 6081,
    11211, 20000, 51820,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_sorted_so_that_they_can_be_searched() {
        assert!(TCP_SERVICES.is_sorted() && UDP_SERVICES.is_sorted());
    }
}
