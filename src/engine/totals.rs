//! Counts the totals of a run. Per packet only array increments; names are looked up at the end.

use crate::decode::{FragmentStats, Issue, IssueKind, Network, Packet, Transport};
use crate::event::{Reason, RunSummary};
use crate::flow::{ChecksumStats, FlowRecord, TrackerStats};
use crate::model::{Frame, Timestamp};
use hashbrown::HashSet;
use std::net::{IpAddr, Ipv4Addr};

/// Most different addresses that are counted one by one: 100,000 hosts are about 3 MB.
const MAX_HOSTS: usize = 100_000;
/// Most kinds of "not understood" that are told apart.
const MAX_REASONS: usize = 64;
/// Most interfaces of which joined frames are counted.
const MAX_JOINED: usize = 64;

const PROTOCOLS: [&str; 9] = ["TCP", "UDP", "ICMP", "ICMPv6", "SCTP", "ARP", "IP fragments", "other IP", "not IP"];

#[derive(Default)]
pub(super) struct Totals {
    read: u64,
    matched: u64,
    wire_bytes: u64,
    time: Option<(Timestamp, Timestamp)>,
    protocols: [u64; PROTOCOLS.len()],
    /// With the number of the first such frame.
    reasons: Vec<(Reason, u64, u64)>,
    other_reasons: u64,
    hosts: HashSet<IpAddr, foldhash::fast::RandomState>,
    hosts_capped: bool,
    flows: u64,
    /// Packets per source: cut by a snap length.
    cut: Vec<u64>,
    /// Frames that stand for several segments, by source and interface.
    joined: Vec<(u16, u32, u64)>,
    /// Ports of packets that the filter turned away, while it has let none through.
    ports: Vec<u64>,
}

impl Totals {
    pub(super) fn count_read(&mut self) {
        self.read += 1;
    }

    /// Adds what another thread counted.
    pub(super) fn add(&mut self, other: Self) {
        self.read += other.read;
        self.matched += other.matched;
        self.wire_bytes += other.wire_bytes;
        self.time = match (self.time, other.time) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, another) => one.or(another),
        };
        add_each(&mut self.protocols, &other.protocols);
        for (reason, n, first) in other.reasons {
            self.add_reason(reason, n, first);
        }
        self.other_reasons += other.other_reasons;
        self.count_hosts(other.hosts);
        self.hosts_capped |= other.hosts_capped;
        self.flows += other.flows;
        self.cut.resize(self.cut.len().max(other.cut.len()), 0);
        add_each(&mut self.cut, &other.cut);
        self.ports.resize(self.ports.len().max(other.ports.len()), 0);
        add_each(&mut self.ports, &other.ports);
    }

    pub(super) const fn matched(&self) -> u64 {
        self.matched
    }

    pub(super) const fn read(&self) -> u64 {
        self.read
    }

    #[inline]
    pub(super) fn count_matched(&mut self, frame: &Frame<'_>) {
        self.matched += 1;
        self.wire_bytes += u64::from(frame.wire_len);
        self.time = Some(match self.time {
            None => (frame.ts, frame.ts),
            Some((first, last)) => (first.min(frame.ts), last.max(frame.ts)),
        });
        if (frame.bytes.len() as u64) < u64::from(frame.wire_len) {
            let source = usize::from(frame.source);
            if self.cut.len() <= source {
                self.cut.resize(source + 1, 0);
            }
            self.cut[source] += 1;
        }
        if frame.marks.gso {
            self.count_joined(frame);
        }
    }

    fn count_joined(&mut self, frame: &Frame<'_>) {
        let full = self.joined.len() >= MAX_JOINED;
        let of = |(source, interface, _): &&mut (u16, u32, u64)| (*source, *interface) == (frame.source, frame.interface);
        match self.joined.iter_mut().find(of) {
            Some((.., n)) => *n += 1,
            None if full => {}
            None => self.joined.push((frame.source, frame.interface, 1)),
        }
    }

    /// `number` rises from frame to frame.
    pub(super) fn count_decoded(&mut self, packet: &Packet<'_>, number: u64) {
        self.protocols[protocol(packet)] += 1;
        if let Some(issue) = &packet.issue {
            self.count_issue(issue, number);
        }
        // Hosts are counted by their flows, but a fragment whose datagram stays unfinished is in none.
        if packet.fragment.is_piece()
            && let Some((source, target)) = packet.addresses()
        {
            self.count_hosts([source, target]);
        }
    }

    fn count_issue(&mut self, issue: &Issue, frame: u64) {
        let number = match issue.kind {
            IssueKind::UnknownProtocol | IssueKind::UnknownLinkType => issue.needed,
            _ => 0,
        };
        self.add_reason(Reason { layer: issue.layer, kind: issue.kind, number }, 1, frame);
    }

    fn add_reason(&mut self, reason: Reason, more: u64, first: u64) {
        if let Some((_, n, before)) = self.reasons.iter_mut().find(|(known, ..)| *known == reason) {
            *n += more;
            *before = first.min(*before);
        } else if self.reasons.len() < MAX_REASONS {
            self.reasons.push((reason, more, first));
        } else {
            self.other_reasons += more;
        }
    }

    /// Remembers the ports of a packet that the filter turned away; of use only if it turns all away.
    pub(super) fn count_rejected(&mut self, packet: &Packet<'_>) {
        if let Some((a, b)) = packet.ports() {
            self.ports.resize(1 << 16, 0);
            self.ports[usize::from(a.min(b))] += 1;
        }
    }

    pub(super) fn count_flow(&mut self, flow: &FlowRecord) {
        self.flows += 1;
        self.count_hosts([flow.originator.ip, flow.responder.ip]);
    }

    fn count_hosts(&mut self, addresses: impl IntoIterator<Item = IpAddr>) {
        for ip in addresses.into_iter().filter(is_host) {
            if self.hosts.len() < MAX_HOSTS {
                self.hosts.insert(ip);
            } else if !self.hosts.contains(&ip) {
                self.hosts_capped = true;
            }
        }
    }

    pub(super) fn cut_frames(&self, source: usize) -> u64 {
        self.cut.get(source).copied().unwrap_or(0)
    }

    /// The part of the summary that these totals know, over what others know.
    pub(super) fn summary_over(&self, rest: RunSummary) -> RunSummary {
        let mut reasons = self.reasons.clone();
        reasons.sort_by_key(|(_, n, first)| (std::cmp::Reverse(*n), *first));
        let not_understood = reasons.into_iter().map(|(reason, n, _)| (reason, n)).collect();
        let named = PROTOCOLS.iter().zip(self.protocols).filter(|(_, n)| *n > 0).map(|(name, n)| (*name, n));
        RunSummary {
            read: self.read,
            matched: self.matched,
            wire_bytes: self.wire_bytes,
            time: self.time,
            protocols: named.collect(),
            not_understood,
            not_understood_otherwise: self.other_reasons,
            hosts: (self.hosts.len() as u64, self.hosts_capped),
            busy_ports: self.busy_ports(),
            flows: self.flows,
            joined: self.joined.clone(),
            ..rest
        }
    }

    fn busy_ports(&self) -> Vec<(u16, u64)> {
        let mut busy: Vec<(u16, u64)> = (0..=u16::MAX).zip(self.ports.iter().copied()).filter(|(_, n)| *n > 0).collect();
        busy.sort_by_key(|&(port, n)| (std::cmp::Reverse(n), port));
        busy.truncate(3);
        busy
    }
}

/// What trackers and the pool of fragments counted, as the summary has it.
pub(super) fn counted(tracked: TrackerStats, checksums: ChecksumStats, pieces: FragmentStats) -> RunSummary {
    RunSummary {
        evicted: tracked.evicted,
        closed_early: tracked.closed_early,
        without_room: tracked.without_room,
        checksums,
        fragments_lost: (pieces.expired + pieces.unfinished, pieces.evicted),
        fragments_unfit: (pieces.cut, pieces.malformed + pieces.overlapping),
        ..RunSummary::default()
    }
}

fn add_each(sums: &mut [u64], more: &[u64]) {
    sums.iter_mut().zip(more).for_each(|(sum, n)| *sum += n);
}

/// Groups, everybody at once and nobody yet are no hosts.
fn is_host(ip: &IpAddr) -> bool {
    !ip.is_multicast() && !ip.is_unspecified() && *ip != IpAddr::V4(Ipv4Addr::BROADCAST)
}

fn protocol(packet: &Packet<'_>) -> usize {
    match (packet.transport, packet.network) {
        (Transport::Tcp, _) => 0,
        (Transport::Udp, _) => 1,
        (Transport::Icmp, _) => 2,
        (Transport::Icmpv6, _) => 3,
        (Transport::Sctp, _) => 4,
        (Transport::None, Network::Arp) => 5,
        (Transport::None, Network::Ipv4 | Network::Ipv6) if packet.fragment.is_piece() => 6,
        (Transport::None, Network::Ipv4 | Network::Ipv6) => 7,
        (Transport::None, Network::None) => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_fragments_without_a_flow_are_counted() {
        let bytes = [0x45, 0, 0, 28, 0, 1, 0x20, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8];
        let frame = Frame {
            number: 1,
            source: 0,
            interface: 0,
            ts: Timestamp::default(),
            link: crate::model::LinkType::RAW,
            wire_len: 28,
            bytes: &bytes,
            direction: None,
            options: None,
            marks: crate::model::FrameMarks::NONE,
        };
        let mut totals = Totals::default();
        totals.count_decoded(&crate::decode::decode(&frame), 1);
        assert_eq!(totals.summary_over(RunSummary::default()).hosts, (2, false));
    }

    #[test]
    fn addresses_that_are_no_hosts() {
        for (ip, host) in [
            ("10.0.0.1", true),
            ("fe80::1", true),
            ("224.0.0.251", false),
            ("255.255.255.255", false),
            ("0.0.0.0", false),
            ("ff02::1:ff00:2", false),
            ("::", false),
        ] {
            assert_eq!(is_host(&ip.parse().unwrap()), host, "{ip}");
        }
    }
}
