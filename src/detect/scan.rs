//! Who asks many ports or many hosts, how, and what was found: judged by how many different targets a host asked and how few of them
//! were of use to it, not by any mark that a tool leaves in its packets.
//!
//! Each conversation is one probe or none (`probe`). A host's probes of a kind are a scan from [`ENOUGH`] different pairs of host and port on,
//! if most of what it asked of that sort failed, and if they spread: many ports of a host, or a port of many hosts. Packets that no
//! connection has (FIN, NULL, Xmas, ACK and Maimon probes) are named from the first on.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, PortState, Scan, ScanKind, ScanShape, Severity};
use super::groups::let_go;
use super::setup::{Known, asks_the_way, is_too_old};
use crate::flow::{Few, Place};
use crate::flow::{FlowId, FlowRecord, Outcome, State};
use crate::model::{Endpoint, IpProtocol, Span, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

/// Different pairs of host and port that make a scan.
const ENOUGH: u64 = 15;

/// The same where SYNs were written by hand: the asker's kernel broke off what it did not know.
const ENOUGH_BY_HAND: u64 = 10;

/// Ports of one host, or hosts of one port, that make a shape.
const SPREAD: usize = 10;

/// Of what a host asked, so many in a hundred have to have failed.
const FAILED: u64 = 60;

/// Hosts whose probes are kept, and pairs of each kind of theirs, of use or not: and in all.
const SOURCES: usize = 4096;
const TARGETS: usize = 4096;
const ALL_TARGETS: usize = 1 << 18;

/// Slower than this between two targets, for longer than [`SLOW_FROM`], is a scan that hides.
const SLOW: Span = Span::from_millis(5000);
const SLOW_FROM: Span = Span::from_millis(600_000);

/// Bits of the flags that tell kinds apart (RFC 9293 section 3.1): FIN, SYN, RST, PSH, ACK, URG.
const FLAGS: u16 = 0x3f;
const FIN: u16 = 1;
const SYN: u16 = 2;
const RST: u16 = 4;
const PSH: u16 = 8;
const ACK: u16 = 16;
const URG: u16 = 32;

/// Sorts of probes that are judged together: a SYN scan and a connect scan look the same at closed ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Sort {
    /// SYNs.
    Asks,
    /// Datagrams.
    Datagrams,
    /// What no connection begins with.
    Strange(ScanKind),
}

/// What a conversation was, as a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Probe {
    sort: Sort,
    found: PortState,
    /// Of a SYN: did the client break off with a reset of its own (a SYN scan), or close a whole connection at once? `None`: that
    /// does not show.
    whole: Option<bool>,
    /// The SYN is that of a full network stack: it offers a window scale, SACK or timestamps.
    full: bool,
    /// By itself it says nothing: see [`Asked::silent`].
    silent: bool,
}

/// What one host asked, of one sort.
#[derive(Debug, Default)]
struct Asked {
    /// When it was last heard of.
    seen: Timestamp,
    targets: HashMap<(IpAddr, u16), PortState, foldhash::fast::RandomState>,
    /// Targets beyond those that are kept, some of them more than once.
    beyond: u64,
    /// Targets of that sort that were of use, and others beyond those that are kept, some of them more than once.
    useful: HashSet<(IpAddr, u16), foldhash::fast::RandomState>,
    useful_beyond: u64,
    flows: Few<FlowId>,
    packets: Few<Place>,
    /// Those of them that broke off: the first one's target, and how many different ones, as far as they are kept.
    broken: (Few<FlowId>, Few<Place>, Option<Endpoint>),
    broken_targets: HashSet<(IpAddr, u16), foldhash::fast::RandomState>,
    first: Option<(Timestamp, Endpoint)>,
    last: Option<Timestamp>,
    /// Probes that broke off with a reset, that were whole, and whose SYN was that of a full stack or not.
    broke_off: u64,
    whole: u64,
    full: u64,
    bare: u64,
    /// Probes that ask for the way, and those of them that routers on it answered.
    low: u64,
    expired: u64,
    /// Packets of no connection that nobody answered: the end of a connection that began before the capture, or a probe like the others
    /// of this host.
    silent: HashSet<(IpAddr, u16), foldhash::fast::RandomState>,
}

/// All hosts that asked.
#[derive(Debug, Default)]
pub(super) struct Scans {
    asked: HashMap<(IpAddr, Sort), Asked, foldhash::fast::RandomState>,
    kept: usize,
    bounds: Bounds,
    /// Hosts that had asked in vain, and had to make room for others.
    pub(super) without_room: u64,
}

impl Scans {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        let Some((sort, probe)) = probe(record) else { return };
        let key = (record.originator.ip, sort);
        if self.asked.len() >= self.bounds.of(SOURCES) && !self.asked.contains_key(&key) {
            self.make_room();
        }
        let asked = self.asked.entry(key).or_default();
        asked.seen = asked.seen.max(record.told_at);
        let target = (record.responder.ip, record.responder.port);
        let Some(probe) = probe else {
            if !asked.useful.contains(&target) {
                if asked.useful.len() < TARGETS && self.kept < self.bounds.of(ALL_TARGETS) {
                    asked.useful.insert(target);
                    self.kept += 1;
                } else {
                    asked.useful_beyond += 1;
                }
            }
            return;
        };
        if probe.silent {
            if asked.silent.len() < TARGETS && self.kept < self.bounds.of(ALL_TARGETS) && asked.silent.insert(target) {
                self.kept += 1;
            }
            return;
        }
        if asks_the_way(record) {
            asked.low += 1;
            asked.expired += u64::from(is_too_old(record));
        }
        asked.flows.push(record.id);
        asked.packets.push(record.first_packet);
        if asked.first.is_none_or(|(first, _)| record.start < first) {
            asked.first = Some((record.start, record.responder));
        }
        asked.last = Some(asked.last.map_or(record.start, |last| last.max(record.start)));
        if probe.whole == Some(false) {
            asked.broken.0.push(record.id);
            asked.broken.1.push(record.first_packet);
            asked.broken.2.get_or_insert(record.responder);
            if asked.broken_targets.len() < ENOUGH as usize {
                asked.broken_targets.insert(target);
            }
        }
        asked.broke_off += u64::from(probe.whole == Some(false));
        asked.whole += u64::from(probe.whole == Some(true));
        asked.full += u64::from(probe.full);
        asked.bare += u64::from(!probe.full);
        if let Some(found) = asked.targets.get_mut(&target) {
            // Of two probes the one that tells more.
            *found = (*found).min(probe.found);
        } else if asked.targets.len() < TARGETS && self.kept < self.bounds.of(ALL_TARGETS) {
            asked.targets.insert(target, probe.found);
            self.kept += 1;
        } else {
            asked.beyond += 1;
        }
    }

    /// Lets go of those hosts that look least like scanners: on a busy server nearly all are clients that got what they asked for.
    #[cold]
    fn make_room(&mut self) {
        let Self { asked, kept, without_room, .. } = self;
        let_go(
            asked,
            |asked| (asked.failed(), asked.seen),
            |gone| {
                *kept -= gone.targets.len() + gone.useful.len() + gone.silent.len();
                *without_room += u64::from(gone.failed() > 0);
            },
        );
    }

    /// The scans and probes, and what they cover.
    pub(super) fn finish(self, found: &mut Vec<Finding>) -> Covered {
        let mut all: Vec<_> = self.asked.into_iter().collect();
        all.sort_by_key(|(key, _)| *key);
        let mut covered = Covered::default();
        for ((scanner, sort), asked) in all {
            let Some(finding) = asked.judge(scanner, sort) else { continue };
            if let Cause::Scan(scan) = &finding.cause {
                let datagrams = sort == Sort::Datagrams;
                if scan.at_least {
                    covered.scanners.insert((scanner, datagrams));
                } else {
                    covered.scanned.extend(scan.found.iter().map(|(ip, ..)| (scanner, datagrams, *ip)));
                }
            }
            found.push(finding);
        }
        covered
    }
}

/// Hosts whose failed attempts are part of a scan.
#[derive(Debug, Default)]
pub(super) struct Covered {
    /// Who, whether by datagrams, and at which hosts; at all of them, where more were asked than are kept.
    scanned: HashSet<(IpAddr, bool, IpAddr)>,
    scanners: HashSet<(IpAddr, bool)>,
    /// Servers under a flood.
    pub(super) flooded: HashSet<(IpAddr, u16)>,
}

impl Known for Covered {
    fn covers(&self, client: IpAddr, protocol: IpProtocol, server: Endpoint) -> bool {
        let datagrams = protocol != IpProtocol::TCP;
        self.scanned.contains(&(client, datagrams, server.ip))
            || self.scanners.contains(&(client, datagrams))
            || (!datagrams && self.flooded.contains(&(server.ip, server.port)))
    }
}

impl Asked {
    /// What it asked in vain.
    fn failed(&self) -> u64 {
        self.targets.len() as u64 + self.beyond
    }

    fn judge(mut self, scanner: IpAddr, sort: Sort) -> Option<Finding> {
        let (started, first) = self.first?;
        let targets = self.targets.len() as u64;
        let over = self.last.map_or(Span::ZERO, |last| (last - started).max(Span::ZERO));
        let kind = match sort {
            Sort::Strange(kind) => kind,
            Sort::Datagrams => ScanKind::Udp,
            // Open ports show it; where none is, the SYN itself.
            Sort::Asks if self.broke_off != self.whole => {
                if self.broke_off > self.whole {
                    ScanKind::Syn
                } else {
                    ScanKind::Connect
                }
            }
            Sort::Asks => {
                if self.bare > self.full {
                    ScanKind::Syn
                } else {
                    ScanKind::Connect
                }
            }
        };
        let shape = self.shape();
        let strange = matches!(sort, Sort::Strange(_));
        let without_use = self.failed();
        let failed = without_use * 100 >= FAILED * (without_use + self.useful.len() as u64 + self.useful_beyond);
        // Traceroute asks ports that nobody has, for the errors on the way.
        let traces = self.expired > 0 && self.low * 2 > without_use;
        let enough = if self.broke_off > 0 { ENOUGH_BY_HAND } else { ENOUGH };
        let scans = targets >= enough && shape.is_some() && (strange || (failed && !traces));
        if !scans && !strange {
            // A SYN whose answer the asker's own kernel did not expect was written by hand.
            let (flows, packets, target) = self.broken;
            let cause =
                Cause::Probe { prober: scanner, kind: ScanKind::Syn, target: target?, targets: self.broken_targets.len() as u64 };
            return Some(Finding { severity: Severity::Low, cause, flows, packets });
        }
        let (flows, packets) = (self.flows.clone(), self.packets.clone());
        let Some(shape) = shape.filter(|_| scans) else {
            let cause = Cause::Probe { prober: scanner, kind, target: first, targets };
            return Some(Finding { severity: Severity::Low, cause, flows, packets });
        };
        self.targets.extend(self.silent.iter().map(|target| (*target, kind.of_silence())));
        // What the scanner talked to there is what it found.
        let asked: HashSet<IpAddr> = self.targets.keys().map(|(ip, _)| *ip).collect();
        let talked = self.useful.iter().filter(|(ip, _)| asked.contains(ip));
        self.targets.extend(talked.map(|target| (*target, PortState::Open)));
        let targets = self.targets.len() as u64;
        let mut counts = BTreeMap::new();
        self.targets.values().for_each(|state| *counts.entry(*state).or_insert(0) += 1);
        let hosts = asked.len() as u64;
        let slow = over >= SLOW_FROM && over.nanos() / i64::try_from(targets.max(1)).unwrap_or(1) >= SLOW.nanos();
        let mut list: Vec<_> = self.targets.into_iter().map(|((ip, port), state)| (ip, port, state)).collect();
        list.sort_unstable();
        let scan = Scan {
            scanner,
            kind,
            shape,
            hosts,
            targets,
            over,
            slow,
            first_host: first.ip,
            first_port: first.port,
            found: list,
            counts: counts.into_iter().collect(),
            at_least: self.beyond > 0,
        };
        Some(Finding { severity: Severity::Medium, cause: Cause::Scan(Box::new(scan)), flows, packets })
    }

    /// Over what the targets spread, where most of them lie in rows or columns: ports of one host, or hosts of one port. A file sharer's peers
    /// have a port of their own each, whichever a few of them have in common.
    fn shape(&self) -> Option<ScanShape> {
        let mut ports: HashMap<IpAddr, usize> = HashMap::new();
        let mut hosts: HashMap<u16, usize> = HashMap::new();
        for (ip, port) in self.targets.keys() {
            *ports.entry(*ip).or_default() += 1;
            *hosts.entry(*port).or_default() += 1;
        }
        let dense = |(ip, port): &&(IpAddr, u16)| ports[ip] >= SPREAD || hosts[port] >= SPREAD;
        if self.targets.keys().filter(dense).count() * 2 < self.targets.len() {
            return None;
        }
        let vertical = ports.values().filter(|ports| **ports >= SPREAD).count();
        let horizontal = hosts.values().any(|hosts| *hosts >= SPREAD);
        match (vertical, horizontal) {
            (0, false) => None,
            (0, true) => Some(ScanShape::Horizontal),
            (1, false) => Some(ScanShape::Vertical),
            _ => Some(ScanShape::Block),
        }
    }
}

/// What sort of asking a conversation is, and what it was as a probe; `None` inside: it was of use.
fn probe(record: &FlowRecord) -> Option<(Sort, Option<Probe>)> {
    match record.protocol {
        IpProtocol::TCP => tcp(record),
        IpProtocol::UDP => datagram(record),
        _ => None,
    }
}

fn tcp(record: &FlowRecord) -> Option<(Sort, Option<Probe>)> {
    let flags = record.orig.flags & FLAGS;
    let (out, back) = (&record.orig, &record.resp);
    let answered = back.flags & FLAGS;
    if flags & SYN == 0 {
        // Nothing of a connection was seen but this: of one that is only seen midway, there would be more.
        let kind = match flags & !RST {
            0 if flags == 0 => ScanKind::Null,
            FIN => ScanKind::Fin,
            f if f == FIN | PSH | URG => ScanKind::Xmas,
            ACK if out.payload_bytes == 0 => ScanKind::Ack,
            f if f == FIN | ACK && out.payload_bytes == 0 => ScanKind::Maimon,
            f if f & ACK == 0 && flags & RST == 0 => ScanKind::Odd,
            _ => return None,
        };
        let lone = out.packets <= 4 && back.packets <= out.packets && answered & !(RST | ACK) == 0;
        // An ACK or FIN,ACK and silence may be the end of a connection that began before the capture; a reset is the answer of a host
        // that knows of none.
        let reset = answered & RST != 0;
        if !lone {
            return None;
        }
        let silent = matches!(kind, ScanKind::Ack | ScanKind::Maimon) && !reset && record.icmp_error.is_none();
        let found = match (kind, reset) {
            (ScanKind::Ack, true) => PortState::Unfiltered,
            (_, true) => PortState::Closed,
            (_, false) if record.icmp_error.is_some() => PortState::Filtered,
            (kind, false) => kind.of_silence(),
        };
        return Some((Sort::Strange(kind), Some(Probe { sort: Sort::Strange(kind), found, whole: None, full: false, silent })));
    }
    let handshake = record.handshake.as_ref()?;
    let full = out.window_scale.is_some() || out.sack_permitted || out.timestamps;
    let probe = |found, whole| Some(Probe { sort: Sort::Asks, found, whole, full, silent: false });
    let nothing_said = out.unique_bytes + back.unique_bytes == 0;
    let probe = match handshake.outcome {
        Outcome::Refused => probe(PortState::Closed, None),
        Outcome::NoAnswer | Outcome::Unreachable => probe(PortState::Filtered, None),
        // The kernel of who asked knew of no such socket, or it was told to break off.
        Outcome::HalfOpen => probe(PortState::Open, (flags & RST != 0).then_some(false)),
        Outcome::Established if flags == SYN | RST => probe(PortState::Open, Some(false)),
        // The client closed what it had just opened, whatever the server began to say.
        Outcome::Established if out.unique_bytes == 0 && flags & (FIN | RST) != 0 && (nothing_said || flags & RST != 0) => {
            probe(PortState::Open, Some(true))
        }
        Outcome::Established | Outcome::Simultaneous | Outcome::Split => None,
        Outcome::Midway => return None,
    };
    Some((Sort::Asks, probe))
}

fn datagram(record: &FlowRecord) -> Option<(Sort, Option<Probe>)> {
    // Groups answer nobody.
    let group = match record.responder.ip {
        IpAddr::V4(ip) => ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_multicast(),
    };
    if group || record.orig.packets > 8 {
        return (!group && record.resp.packets > 0).then_some((Sort::Datagrams, None));
    }
    let found = match record.state {
        State::Answered => return Some((Sort::Datagrams, None)),
        State::Refused => PortState::Closed,
        State::Unreachable => PortState::Filtered,
        _ => PortState::OpenOrFiltered,
    };
    Some((Sort::Datagrams, Some(Probe { sort: Sort::Datagrams, found, whole: None, full: false, silent: false })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowKind;
    use crate::output::fixture::flow;
    use std::net::Ipv4Addr;

    #[test]
    fn what_is_kept_of_all_hosts_is_bounded_whatever_it_was_good_for() {
        let mut scans = Scans::default();
        for client in 0..140_u32 {
            for server in 0..TARGETS as u32 {
                let (client, server) = (Ipv4Addr::from(0x0a00_0000 + client), Ipv4Addr::from(0x0b00_0000 + server));
                let mut record =
                    flow(FlowKind::Udp, 1, State::Answered, &format!("{client}:5000"), &format!("{server}:53"), 1, 1);
                record.resp.packets = 1;
                scans.on_flow(&record);
            }
        }
        let kept: usize = scans.asked.values().map(|asked| asked.useful.len() + asked.targets.len()).sum();
        assert_eq!((kept, scans.kept), (ALL_TARGETS, ALL_TARGETS));
    }
}
