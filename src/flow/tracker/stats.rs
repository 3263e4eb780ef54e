//! Totals of a tracker.

use crate::flow::note::FlowKind;

/// Totals of a tracker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackerStats {
    /// Flows in the table now.
    pub active: u64,
    /// Flows ever begun, by letter: TCP, UDP, ICMP, SCTP, other.
    pub tcp: u64,
    /// UDP.
    pub udp: u64,
    /// ICMP and `ICMPv6`.
    pub icmp: u64,
    /// SCTP.
    pub sctp: u64,
    /// Other IP protocols.
    pub other: u64,
    /// Flows that were not over when they had to make room.
    pub evicted: u64,
    /// Flows that had to make room when they were over, and not yet silent as long as late packets are waited for.
    pub closed_early: u64,
    /// Flows whose lists found no room ([`TrackerConfig::list_bytes`](super::TrackerConfig::list_bytes)) at some time: what is worked out of
    /// their segments is a minimum.
    pub without_room: u64,
}

impl TrackerStats {
    /// Flows ever begun.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.tcp + self.udp + self.icmp + self.sctp + self.other
    }

    /// Of two trackers.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            active: self.active + other.active,
            tcp: self.tcp + other.tcp,
            udp: self.udp + other.udp,
            icmp: self.icmp + other.icmp,
            sctp: self.sctp + other.sctp,
            other: self.other + other.other,
            evicted: self.evicted + other.evicted,
            closed_early: self.closed_early + other.closed_early,
            without_room: self.without_room + other.without_room,
        }
    }

    pub(super) fn count(&mut self, kind: FlowKind) -> u64 {
        let counter = match kind {
            FlowKind::Tcp => &mut self.tcp,
            FlowKind::Udp => &mut self.udp,
            FlowKind::Icmp => &mut self.icmp,
            FlowKind::Sctp => &mut self.sctp,
            FlowKind::Other => &mut self.other,
        };
        *counter += 1;
        *counter
    }
}
