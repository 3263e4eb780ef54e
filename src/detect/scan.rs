//! Who asks many ports or many hosts, how, and what was found: judged by how many different targets a host asked and how few of them
//! were of use to it, not by any mark that a tool leaves in its packets.
//!
//! Each conversation is one probe or none (`probe`). A host's probes of a kind are a scan from [`ENOUGH`] different pairs of host and port on,
//! if most of what it asked of that sort failed, and if they spread: many ports of a host, or a port of many hosts. Packets that no
//! connection has (FIN, NULL, Xmas, ACK and Maimon probes) are named from the first on.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, Severity};
use super::groups::let_go;
use super::scanned::{PortState, Scan, ScanKind, ScanShape};
use super::setup::{Known, asks_the_way, is_too_old};
use crate::flow::{Few, Place};
use crate::flow::{FlowId, FlowRecord, Outcome, State};
use crate::model::{Endpoint, IpProtocol, Span, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// Different pairs of host and port that make a scan.
const ENOUGH: u64 = 15;

/// The same where SYNs were written by hand: the asker's kernel broke off what it did not know.
const ENOUGH_BY_HAND: u64 = 10;

/// Ports of one host, or hosts of one port, that make a shape.
const SPREAD: u64 = 10;

/// Of what a host asked there, so many in a hundred have to have failed.
const FAILED: u64 = 60;

/// Hosts whose probes are kept, and pairs of each kind of theirs, of use or not: and in all.
const SOURCES: usize = 4096;
const TARGETS: usize = 4096;
const ALL_TARGETS: usize = 1 << 18;

/// What was of use to all hosts: so much of it is kept at least, and twice as much at most.
const USEFUL: usize = 7 << 14;

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

/// Pairs of host and port, what was found there, and when it was asked first and last.
type Targets = HashMap<(IpAddr, u16), (PortState, Timestamp, Timestamp), foldhash::fast::RandomState>;

/// What one host asked, of one sort.
#[derive(Debug, Default)]
struct Asked {
    /// When it was last heard of.
    seen: Timestamp,
    targets: Targets,
    /// Targets beyond those that are kept, some of them more than once.
    beyond: u64,
    flows: Few<FlowId>,
    packets: Few<Place>,
    /// Those of them that broke off: the first one's target, and how many different ones, as far as they are kept.
    broken: (Few<FlowId>, Few<Place>, Option<Endpoint>),
    broken_targets: HashSet<(IpAddr, u16), foldhash::fast::RandomState>,
    first: Option<(Timestamp, Endpoint)>,
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

/// What was of use to whom: the last of it, where it is too much for all. On most networks that is nearly everything, so little is kept of it.
#[derive(Debug, Default)]
struct Useful {
    now: HashSet<(IpAddr, Sort, IpAddr, u16), foldhash::fast::RandomState>,
    before: HashSet<(IpAddr, Sort, IpAddr, u16), foldhash::fast::RandomState>,
}

impl Useful {
    fn insert(&mut self, of: (IpAddr, Sort, IpAddr, u16), bounds: Bounds) {
        if self.before.contains(&of) {
            return;
        }
        if self.now.len() >= bounds.of(USEFUL) {
            self.before = std::mem::take(&mut self.now);
        }
        self.now.insert(of);
    }

    /// By host and sort: of those that are wanted.
    fn into_hosts(self, wanted: impl Fn(&(IpAddr, Sort)) -> bool) -> HashMap<(IpAddr, Sort), Vec<(IpAddr, u16)>> {
        let mut hosts: HashMap<(IpAddr, Sort), Vec<(IpAddr, u16)>> = HashMap::new();
        for (client, sort, ip, port) in self.now.into_iter().chain(self.before) {
            let key = (client, sort);
            if wanted(&key) {
                hosts.entry(key).or_default().push((ip, port));
            }
        }
        hosts
    }
}

/// All hosts that asked.
#[derive(Debug, Default)]
pub(super) struct Scans {
    /// Those that asked in vain.
    asked: HashMap<(IpAddr, Sort), Box<Asked>, foldhash::fast::RandomState>,
    useful: Useful,
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
        let target = (record.responder.ip, record.responder.port);
        let Some(probe) = probe else {
            return self.useful.insert((record.originator.ip, sort, target.0, target.1), self.bounds);
        };
        let key = (record.originator.ip, sort);
        if self.asked.len() >= self.bounds.of(SOURCES) && !self.asked.contains_key(&key) {
            self.make_room();
        }
        let asked = self.asked.entry(key).or_default();
        asked.seen = asked.seen.max(record.told_at);
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
            *found = (found.0.min(probe.found), found.1.min(record.start), found.2.max(record.start));
        } else if asked.targets.len() < TARGETS && self.kept < self.bounds.of(ALL_TARGETS) {
            asked.targets.insert(target, (probe.found, record.start, record.start));
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
                *kept -= gone.targets.len() + gone.silent.len();
                *without_room += u64::from(gone.failed() > 0);
            },
        );
    }

    /// The scans and probes, and what they cover.
    pub(super) fn finish(self, found: &mut Vec<Finding>) -> Covered {
        let Self { asked, useful, .. } = self;
        let mut useful = useful.into_hosts(|key| asked.get(key).is_some_and(|asked| asked.failed() >= ENOUGH_BY_HAND));
        // Of the others there is nothing to be told.
        let told = |asked: &Asked, sort: Sort| {
            asked.failed() >= ENOUGH_BY_HAND || asked.broke_off > 0 || matches!(sort, Sort::Strange(_))
        };
        let mut all: Vec<_> = asked.into_iter().filter(|((_, sort), asked)| told(asked, *sort)).collect();
        all.sort_by_key(|(key, _)| *key);
        let mut covered = Covered::default();
        for ((scanner, sort), asked) in all {
            let talked = useful.remove(&(scanner, sort)).unwrap_or_default();
            let Some(finding) = asked.judge(scanner, sort, &talked) else { continue };
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

    /// Was it a scan, or a probe? `talked`: what was of use to this host.
    fn judge(mut self, scanner: IpAddr, sort: Sort, talked: &[(IpAddr, u16)]) -> Option<Finding> {
        let (_, asked_first) = self.first?;
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
        let strange = matches!(sort, Sort::Strange(_));
        let spread = Spread::of(&self.targets, talked);
        let shape = spread.shape();
        let targets = self.targets.keys().filter(|target| spread.has(target)).count() as u64;
        // Traceroute asks ports that nobody has, for the errors on the way.
        let traces = self.expired > 0 && self.low * 2 > self.failed();
        let enough = if self.broke_off > 0 { ENOUGH_BY_HAND } else { ENOUGH };
        let scans = targets >= enough && shape.is_some() && (strange || !traces);
        if !scans && !strange {
            // A SYN whose answer the asker's own kernel did not expect was written by hand.
            let (flows, packets, target) = self.broken;
            let cause =
                Cause::Probe { prober: scanner, kind: ScanKind::Syn, target: target?, targets: self.broken_targets.len() as u64 };
            return Some(Finding { severity: Severity::Low, cause, flows, packets });
        }
        let (flows, packets) = (self.flows.clone(), self.packets.clone());
        let Some(shape) = shape.filter(|_| scans) else {
            let cause = Cause::Probe { prober: scanner, kind, target: asked_first, targets: self.targets.len() as u64 };
            return Some(Finding { severity: Severity::Low, cause, flows, packets });
        };
        self.targets.retain(|target, _| spread.has(target));
        let (first, (_, began, _)) = self.targets.iter().min_by_key(|(target, (_, at, _))| (*at, **target))?;
        let (first, over) = (*first, self.targets.values().map(|(.., at)| *at).max()? - *began);
        let mut list: BTreeMap<_, _> = self.targets.iter().map(|(target, (state, ..))| (*target, *state)).collect();
        for target in self.silent.iter().filter(|target| spread.has(target)) {
            list.entry(*target).or_insert(kind.of_silence());
        }
        // What the scanner talked to there is what it found.
        list.extend(talked.iter().filter(|target| spread.has(target)).map(|target| (*target, PortState::Open)));
        let targets = list.len() as u64;
        let mut counts = BTreeMap::new();
        for state in list.values() {
            *counts.entry(*state).or_insert(0) += 1;
        }
        let asked: BTreeSet<IpAddr> = list.keys().map(|(ip, _)| *ip).collect();
        let hosts = asked.len() as u64;
        let slow = over >= SLOW_FROM && over.nanos() / i64::try_from(targets.max(1)).unwrap_or(1) >= SLOW.nanos();
        let scan = Scan {
            scanner,
            kind,
            shape,
            hosts,
            targets,
            over,
            slow,
            first_host: first.0,
            first_port: first.1,
            found: list.into_iter().map(|((ip, port), state)| (ip, port, state)).collect(),
            counts: counts.into_iter().collect(),
            at_least: self.beyond > 0,
        };
        Some(Finding { severity: Severity::Medium, cause: Cause::Scan(Box::new(scan)), flows, packets })
    }
}

/// Over what a host's questions spread: hosts of which it asked many ports, and ports that it asked many hosts for, most of them in vain. What
/// it does beside that is none of it.
#[derive(Debug, Default)]
struct Spread {
    hosts: BTreeSet<IpAddr>,
    ports: BTreeSet<u16>,
}

impl Spread {
    fn of(targets: &Targets, talked: &[(IpAddr, u16)]) -> Self {
        let mut hosts: HashMap<IpAddr, (u64, u64)> = HashMap::new();
        let mut ports: HashMap<u16, (u64, u64)> = HashMap::new();
        for (ip, port) in targets.keys() {
            hosts.entry(*ip).or_default().0 += 1;
            ports.entry(*port).or_default().0 += 1;
        }
        for (ip, port) in talked {
            hosts.entry(*ip).or_default().1 += 1;
            ports.entry(*port).or_default().1 += 1;
        }
        let many = |(failed, useful): (u64, u64)| failed >= SPREAD && failed * 100 >= FAILED * (failed + useful);
        let hosts: BTreeSet<IpAddr> = hosts.into_iter().filter(|(_, asked)| many(*asked)).map(|(ip, _)| ip).collect();
        let ports = ports.into_iter().filter(|(_, asked)| many(*asked)).map(|(port, _)| port).collect();
        let all = Self { hosts, ports };
        // A file sharer's peers have a port of their own each, whichever a few of them have in common.
        if targets.keys().filter(|target| all.has(target)).count() * 2 < targets.len() {
            return Self { ports: BTreeSet::new(), ..all };
        }
        all
    }

    fn has(&self, (ip, port): &(IpAddr, u16)) -> bool {
        self.hosts.contains(ip) || self.ports.contains(port)
    }

    fn shape(&self) -> Option<ScanShape> {
        match (self.hosts.len(), self.ports.is_empty()) {
            (0, true) => None,
            (0, false) => Some(ScanShape::Horizontal),
            (1, true) => Some(ScanShape::Vertical),
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
        assert!(scans.asked.is_empty());
        assert!(scans.useful.now.len() <= USEFUL && scans.useful.before.len() == USEFUL);
        for client in 0..140_u32 {
            for server in 0..TARGETS as u32 {
                let (client, server) = (Ipv4Addr::from(0x0a00_0000 + client), Ipv4Addr::from(0x0b00_0000 + server));
                let record = flow(FlowKind::Udp, 1, State::Refused, &format!("{client}:5000"), &format!("{server}:53"), 1, 1);
                scans.on_flow(&record);
            }
        }
        let kept: usize = scans.asked.values().map(|asked| asked.targets.len()).sum();
        assert_eq!((kept, scans.kept), (ALL_TARGETS, ALL_TARGETS));
    }
}
