//! Attempts that failed: refused, without an answer, unreachable, half-open; and datagrams that met a closed port. One finding for each
//! server and cause, whoever asked.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, Severity};
use super::groups::Groups;
use crate::flow::{Few, Place};
use crate::flow::{FlowId, FlowRecord, Outcome, State};
use crate::model::{Endpoint, IpProtocol, Span};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

/// The RST flag (RFC 9293 section 3.1).
const RST: u16 = 4;

/// How an attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum How {
    Refused,
    NoAnswer,
    Unreachable,
    HalfOpen,
}

/// What attempts have in common: how they failed, at which server.
type Key = (How, IpProtocol, (IpAddr, u16));

/// A first SYN and a first SYN-ACK are sent again after a second (RFC 6298 section 2); what was seen for less than three times that
/// before the capture ended is no silence.
const PATIENCE: Span = Span::from_millis(3000);

/// Servers of which it is counted how often they were reached.
const SERVERS: usize = 1 << 15;

/// So many ports of one host that fail alike are one finding.
const PORTS: usize = 4;

/// So many hosts that fail one client alike are one finding.
const HOSTS: usize = 4;

/// What is sent with a lower time to live than the farthest host is away was sent to find out the way: traceroute asks 30 hops at most, and
/// systems begin with 64 and more (RFC 1122 section 3.2.1.7).
const FEW_HOPS: u8 = 30;

/// Attempts of one client.
#[derive(Debug, Default)]
struct Group {
    flows: Few<FlowId>,
    /// Attempts that may have asked for the way.
    low: u64,
    packets: Few<Place>,
    syns: u64,
    over: Span,
    icmp: (u8, u8),
}

impl Group {
    fn add(&mut self, other: &Self) {
        self.low += other.low;
        self.flows.extend(&other.flows);
        self.packets.extend(&other.packets);
        self.syns += other.syns;
        self.over = self.over.max(other.over);
    }
}

/// All attempts that failed.
#[derive(Debug, Default)]
pub(super) struct Setups {
    groups: Groups<Key, Group>,
    /// Attempts that came about, of servers at which others failed or may fail.
    good: HashMap<(IpProtocol, IpAddr, u16), u64, foldhash::fast::RandomState>,
    bounds: Bounds,
    /// Hosts that answered something.
    up: HashSet<IpAddr, foldhash::fast::RandomState>,
    /// Clients that reached somebody.
    reached: HashSet<IpAddr, foldhash::fast::RandomState>,
    /// Hosts that asked for the way: routers on it told them that their packets were too old.
    tracers: HashSet<IpAddr, foldhash::fast::RandomState>,
}

/// Was this sent to find out the way?
pub(super) fn asks_the_way(record: &FlowRecord) -> bool {
    record.orig.ttl_max.is_some_and(|ttl| ttl <= FEW_HOPS)
}

/// Did a router say that a packet was too old? (RFC 792, RFC 4443 section 3.3.)
pub(super) fn is_too_old(record: &FlowRecord) -> bool {
    let exceeded = if record.originator.ip.is_ipv6() { 3 } else { 11 };
    record.icmp_error.is_some_and(|(kind, ..)| kind == exceeded)
}

/// Is this attempt part of a scan or a flood, which has a finding of its own?
pub(super) trait Known {
    /// Whether it is.
    fn covers(&self, client: IpAddr, protocol: IpProtocol, server: Endpoint) -> bool;
}

impl Setups {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { bounds, groups: Groups::within(bounds), ..Self::default() }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        if record.resp.packets > 0 && self.up.len() < self.bounds.of(SERVERS) {
            self.up.insert(record.responder.ip);
        }
        let Some(how) = how(record) else { return self.went_well(record) };
        if is_too_early(record) {
            return;
        }
        let key = (how, record.protocol, (record.responder.ip, record.responder.port));
        let Some(group) = self.groups.of(record.originator.ip, key) else { return };
        group.flows.push(record.id);
        if asks_the_way(record) {
            group.low += 1;
            if is_too_old(record) && self.tracers.len() < self.bounds.of(SERVERS) {
                self.tracers.insert(record.originator.ip);
            }
        }
        let source = record.first_packet.0;
        if let (Some(handshake), How::Refused | How::Unreachable) = (&record.handshake, how) {
            let cited = [handshake.syn, handshake.refusal].into_iter().flatten();
            cited.for_each(|(number, _)| group.packets.push((source, number)));
            if let Some(icmp) = handshake.icmp.filter(|_| group.flows.total == 1) {
                group.icmp = icmp;
            }
        } else {
            group.packets.push(record.first_packet);
            let last = record.icmp_error.map_or(record.last_packet, |(.., number)| (source, number));
            if last != record.first_packet {
                group.packets.push(last);
            }
            if let Some((kind, code, _)) = record.icmp_error.filter(|_| group.flows.total == 1) {
                group.icmp = (kind, code);
            }
        }
        group.syns += record.handshake.as_ref().map_or(record.orig.packets, |handshake| 1 + u64::from(handshake.syn_retries));
        group.over = group.over.max(record.duration());
    }

    /// Attempts that found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.groups.without_room
    }

    fn went_well(&mut self, record: &FlowRecord) {
        let talks = record.orig.payload_bytes > 0 && record.resp.payload_bytes > 0;
        let set_up = record.handshake.as_ref().is_some_and(|h| match h.outcome {
            Outcome::Established => true,
            Outcome::Midway => talks,
            _ => false,
        });
        if !set_up && record.state != State::Answered {
            return;
        }
        let key = (record.protocol, record.responder.ip, record.responder.port);
        if self.good.len() < self.bounds.of(SERVERS) || self.good.contains_key(&key) {
            *self.good.entry(key).or_default() += 1;
        }
        if self.reached.len() < self.bounds.of(SERVERS) {
            self.reached.insert(record.originator.ip);
        }
    }

    /// The findings, but for what others cover.
    pub(super) fn finish(self, known: &impl Known, found: &mut Vec<Finding>) {
        let Self { groups, good, up, bounds, reached, tracers } = self;
        let mut servers: BTreeMap<Key, Attempts> = BTreeMap::new();
        for ((client, key), group) in groups.into_sorted() {
            let (_, protocol, (ip, port)) = key;
            let traced = group.low == group.flows.total && tracers.contains(&client);
            if traced || known.covers(client, protocol, Endpoint::new(ip, port)) {
                continue;
            }
            let attempts = servers.entry(key).or_insert_with(|| Attempts { client, ..Attempts::default() });
            attempts.completed = good.get(&(protocol, ip, port)).copied().unwrap_or(0);
            attempts.clients.insert(client);
            if attempts.group.flows.total == 0 {
                attempts.group.icmp = group.icmp;
            }
            attempts.group.add(&group);
        }
        // Where more servers were reached than are kept, it is not known that one never was.
        let all_known = good.len() < bounds.of(SERVERS);
        for failed in by_client(by_host(servers)) {
            let Failed { how, protocol, server, hosts, ports, attempts } = failed;
            let (hosts, ports) = (Few::of(hosts), Few::of(ports));
            let Attempts { group, client, clients, completed } = attempts;
            let Group { flows, packets, syns, over, icmp, .. } = group;
            let clients = clients.len() as u64;
            // Of many hosts some are gone; it is grave where a client reached none at all.
            let gone = hosts.total > 1 && reached.contains(&client);
            let none = completed == 0 && all_known && !gone;
            let host_is_up = hosts.total == 1 && up.contains(&server.ip);
            let (severity, cause) = match how {
                How::Refused => {
                    // A datagram that nobody takes is told to few programs, and few mind.
                    let severity = if protocol == IpProtocol::TCP { Severity::Medium } else { Severity::Low };
                    (severity, Cause::Refused { protocol, server, hosts, ports, client, clients })
                }
                How::NoAnswer => {
                    let severity = match completed {
                        0 if syns > flows.total && none => Severity::High,
                        // Others got through, or it was asked but once.
                        done if done < flows.total => Severity::Medium,
                        _ => Severity::Low,
                    };
                    (severity, Cause::NoAnswer { server, hosts, ports, client, clients, syns, over, completed, host_is_up })
                }
                How::Unreachable => (
                    if none { Severity::High } else { Severity::Medium },
                    Cause::Unreachable { protocol, server, hosts, ports, client, clients, icmp },
                ),
                How::HalfOpen => (Severity::Medium, Cause::HalfOpen { server, hosts, ports, client, clients }),
            };
            found.push(Finding { severity, cause, flows, packets });
        }
    }
}

/// Attempts that failed alike.
#[derive(Debug)]
struct Attempts {
    group: Group,
    /// The first client, and all of them.
    client: IpAddr,
    clients: BTreeSet<IpAddr>,
    /// Attempts at the same ports that came about.
    completed: u64,
}

impl Default for Attempts {
    fn default() -> Self {
        let client = IpAddr::from([0, 0, 0, 0]);
        Self { group: Group::default(), client, clients: BTreeSet::new(), completed: 0 }
    }
}

impl Attempts {
    fn join(mut self, other: Self) -> Self {
        self.group.add(&other.group);
        self.clients.extend(other.clients);
        self.completed += other.completed;
        self
    }
}

/// What failed how, at which servers.
#[derive(Debug)]
struct Failed {
    how: How,
    protocol: IpProtocol,
    /// The first of them.
    server: Endpoint,
    hosts: BTreeSet<IpAddr>,
    ports: BTreeSet<u16>,
    attempts: Attempts,
}

impl Failed {
    fn join(mut self, other: Self) -> Self {
        self.hosts.extend(other.hosts);
        self.ports.extend(other.ports);
        Self { attempts: self.attempts.join(other.attempts), ..self }
    }
}

/// The same where many ports of a host failed alike: one for the host, with its ports.
fn by_host(servers: BTreeMap<Key, Attempts>) -> Vec<Failed> {
    type Host = (How, IpProtocol, IpAddr);
    let mut hosts: Vec<(Host, Vec<(u16, Attempts)>)> = Vec::new();
    for ((how, protocol, (ip, port)), attempts) in servers {
        let host = (how, protocol, ip);
        match hosts.last_mut().filter(|(last, _)| *last == host) {
            Some((_, ports)) => ports.push((port, attempts)),
            None => hosts.push((host, vec![(port, attempts)])),
        }
    }
    let mut all = Vec::new();
    for ((how, protocol, ip), ports) in hosts {
        let failed = |ports: BTreeSet<u16>, attempts| {
            let server = Endpoint::new(ip, ports.first().copied().unwrap_or(0));
            Failed { how, protocol, server, hosts: [ip].into(), ports, attempts }
        };
        if ports.len() < PORTS {
            all.extend(ports.into_iter().map(|(port, attempts)| failed([port].into(), attempts)));
            continue;
        }
        let numbers = ports.iter().map(|(port, _)| *port).collect();
        let joined = ports.into_iter().map(|(_, attempts)| attempts).reduce(Attempts::join);
        all.extend(joined.map(|attempts| failed(numbers, attempts)));
    }
    all
}

/// The same where many hosts failed one client alike: one for the client, with the hosts.
fn by_client(servers: Vec<Failed>) -> Vec<Failed> {
    let mut clients: BTreeMap<_, Vec<Failed>> = BTreeMap::new();
    let mut all = Vec::new();
    for failed in servers {
        if failed.attempts.clients.len() == 1 {
            let key = (failed.how, failed.protocol, failed.attempts.client, failed.attempts.group.icmp);
            clients.entry(key).or_default().push(failed);
        } else {
            all.push(failed);
        }
    }
    for servers in clients.into_values() {
        let hosts: BTreeSet<IpAddr> = servers.iter().flat_map(|failed| failed.hosts.iter().copied()).collect();
        if hosts.len() < HOSTS {
            all.extend(servers);
        } else {
            all.extend(servers.into_iter().reduce(Failed::join));
        }
    }
    all.sort_by_key(|failed| (failed.how, failed.protocol, failed.server.ip, failed.server.port));
    all
}

/// Was the capture over before the other end could have been waited for?
pub(super) fn is_too_early(record: &FlowRecord) -> bool {
    let Some(handshake) = &record.handshake else { return false };
    let tried_again = handshake.syn_retries + handshake.syn_ack_retries > 0;
    matches!(handshake.outcome, Outcome::NoAnswer | Outcome::HalfOpen) && !tried_again && record.told_at - record.end < PATIENCE
}

fn how(record: &FlowRecord) -> Option<How> {
    if let Some(handshake) = &record.handshake {
        return match handshake.outcome {
            Outcome::Refused => Some(How::Refused),
            Outcome::Unreachable => Some(How::Unreachable),
            Outcome::NoAnswer => Some(How::NoAnswer),
            // A reset to the answer is a probe's mark, and `scan`'s.
            Outcome::HalfOpen => (record.orig.flags & RST == 0).then_some(How::HalfOpen),
            Outcome::Established | Outcome::Simultaneous | Outcome::Split | Outcome::Midway => None,
        };
    }
    match record.state {
        State::Refused => Some(How::Refused),
        State::Unreachable => Some(How::Unreachable),
        _ => None,
    }
}
