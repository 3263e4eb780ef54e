//! Addresses that more than one hardware address says to have: taken from their owner, or given twice.
//!
//! A host that is gone and another that got its address never contradict each other, nor do a router that answers for others
//! (proxy ARP) and hosts that it cannot see; routers that share an address have hardware addresses made for it.

use super::{COPIED, Questions};
use crate::detect::bounds::Bounds;
use crate::detect::finding::{Cause, Conflict, Finding, Severity};
use crate::flow::{Few, Lan, Neighbour, Place, Says};
use crate::model::{MacAddr, Span, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

/// Addresses that are watched, and hardware addresses.
const ADDRESSES: usize = 1 << 14;
/// Of them, first claimed by one hardware address.
const OF_ONE: usize = 1 << 10;
/// Hardware addresses of an address that are told apart.
const CLAIMANTS: usize = 4;
/// Addresses of a hardware address that are remembered.
const HAS: usize = 16;
/// Hosts that were told something unasked and are told apart, of a claimant.
const TOLD: usize = 8;
/// Who answers for more addresses than this answers for others.
const PROXY: usize = 8;

/// Answers to one question that come within this time contradict each other.
const SOON: Span = Span::from_secs(1);
/// Claims of two hosts within this time take turns; unasked answers further apart do not add up.
const TURN: Span = Span::from_secs(60);
/// An owner that was heard so long before is thought to be there.
const BEFORE: Span = Span::from_secs(600);

/// Turns that are no failover and back.
const TURNS: u32 = 3;
/// Unasked answers to one host that no innocent host sends, where the sender is known to be another host than the owner; and where
/// it may be the same (Linux's balance-alb tells hosts unasked which of its cards to use, twice at a time).
const UNASKED: u32 = 3;
const UNASKED_ALONE: u32 = 6;

/// The first bytes of hardware addresses that move from router to router: VRRP and CARP (RFC 9568 section 7.3), HSRP, HSRP version 2 for IPv4
/// and IPv6, GLBP.
const VIRTUAL: [&[u8]; 6] = [
    &[0x00, 0x00, 0x5e, 0x00, 0x01],
    &[0x00, 0x00, 0x5e, 0x00, 0x02],
    &[0x00, 0x00, 0x0c, 0x07, 0xac],
    &[0x00, 0x00, 0x0c, 0x9f],
    &[0x00, 0x05, 0x73, 0xa0],
    &[0x00, 0x07, 0xb4],
];

fn is_virtual(hardware: MacAddr) -> bool {
    VIRTUAL.iter().any(|start| hardware.0.starts_with(start))
}

/// One hardware address that says to have an address.
#[derive(Debug)]
struct Claimant {
    hardware: MacAddr,
    first: Timestamp,
    last: Timestamp,
    packet: Place,
    /// Answers that nobody had asked for, whom they were told, how often, and when last.
    unasked: Few<Place>,
    told: Vec<(IpAddr, u32, Timestamp)>,
    most_told: u32,
    /// It claims it also without being asked.
    forward: bool,
}

impl Claimant {
    fn tells(&mut self, said: &Neighbour) {
        self.unasked.push(said.packet);
        let at = self.told.iter().position(|(to, ..)| *to == said.about);
        let Some(at) = at.or_else(|| {
            (self.told.len() < TOLD).then(|| {
                self.told.push((said.about, 0, said.ts));
                self.told.len() - 1
            })
        }) else {
            return;
        };
        let (_, times, last) = &mut self.told[at];
        *times = if said.ts - *last > TURN { 1 } else { *times + 1 };
        *last = said.ts;
        self.most_told = self.most_told.max(*times);
    }
}

/// An address.
#[derive(Debug, Default)]
struct Address {
    claimants: Vec<Claimant>,
    /// Who claimed it last, and when.
    last: Option<(MacAddr, Timestamp)>,
    /// Turns in a row, most of them, when the last was, and the packets.
    row: u32,
    turns: u32,
    turned_at: Option<Timestamp>,
    turned: Few<Place>,
    /// Two answered one question: who, and the packets.
    both: Option<(MacAddr, MacAddr)>,
    both_times: u64,
    both_packets: Few<Place>,
}

impl Address {
    fn has_both(&self, one: MacAddr, other: MacAddr) -> bool {
        self.both.is_some_and(|(a, b)| (a, b) == (one, other) || (a, b) == (other, one))
    }
}

/// A probe for an address that somebody has.
#[derive(Debug)]
struct Refused {
    prober: Option<MacAddr>,
    owner: MacAddr,
    packets: Few<Place>,
    times: u64,
}

/// The addresses that a hardware address says to have.
#[derive(Debug, Default)]
struct Host {
    has: Vec<IpAddr>,
    more: bool,
    /// Addresses that it was the first to claim.
    brought: usize,
}

/// What was claimed so far.
#[derive(Debug, Default)]
pub(super) struct Claims {
    addresses: HashMap<(Lan, IpAddr), Address, foldhash::fast::RandomState>,
    hosts: HashMap<(Lan, MacAddr), Host, foldhash::fast::RandomState>,
    refused: HashMap<(Lan, IpAddr), Refused, foldhash::fast::RandomState>,
    bounds: Bounds,
    pub(super) without_room: u64,
}

impl Claims {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    pub(super) fn on_neighbour(&mut self, said: &Neighbour, questions: &mut Questions) {
        if said.says == Says::Probes {
            // Two that probe for one address at once (RFC 5227 section 2.1.1, RFC 4862 section 5.4.3).
            let before = questions.last(said.lan, said.about, said.ts, SOON);
            if let Some(question) = before
                && let (Some(one), Some(other)) = (question.prober, said.hardware)
                && one != other
            {
                let packet = question.packet;
                self.refuse(said, said.about, (Some(other), one), packet);
            }
            return;
        }
        let (Some(hardware), Some(ip), true) = (said.hardware, said.claims, said.firm) else { return };
        let unasked = said.says == Says::Answers && questions.is_unasked(said.lan, ip, said.about, said.ts);
        let replies = matches!(said.says, Says::Answers | Says::Announces);
        let question = if replies { questions.last(said.lan, ip, said.ts, SOON) } else { None };
        let mut twice = None;
        let mut probed = None;
        if let Some(question) = question {
            if question.prober.is_some_and(|prober| prober != hardware) {
                probed = Some((question.prober, question.packet));
            }
            if said.says == Says::Answers {
                match question.answered {
                    Some((first, packet)) if first != hardware => twice = Some((first, packet)),
                    Some(_) => {}
                    None => question.answered = Some((hardware, said.packet)),
                }
            }
        }
        if let Some((prober, packet)) = probed {
            self.refuse(said, ip, (prober, hardware), packet);
        }
        self.claim(said, hardware, ip, unasked, twice);
    }

    fn refuse(&mut self, said: &Neighbour, ip: IpAddr, (prober, owner): (Option<MacAddr>, MacAddr), probe: Place) {
        let key = (said.lan, ip);
        if self.refused.len() >= self.bounds.of(OF_ONE) && !self.refused.contains_key(&key) {
            self.without_room += 1;
            return;
        }
        let refused = self.refused.entry(key).or_insert(Refused { prober, owner, packets: Few::default(), times: 0 });
        refused.times += 1;
        refused.packets.push(probe);
        refused.packets.push(said.packet);
    }

    fn claim(&mut self, said: &Neighbour, hardware: MacAddr, ip: IpAddr, unasked: bool, twice: Option<(MacAddr, Place)>) {
        let most = self.bounds.of(ADDRESSES);
        let is_new = !self.addresses.contains_key(&(said.lan, ip));
        let host_is_new = !self.hosts.contains_key(&(said.lan, hardware));
        if (is_new && self.addresses.len() >= most) || (host_is_new && self.hosts.len() >= most) {
            self.without_room += 1;
            return;
        }
        let host = self.hosts.entry((said.lan, hardware)).or_default();
        if is_new && host.brought >= self.bounds.of(OF_ONE) {
            self.without_room += 1;
            return;
        }
        host.brought += usize::from(is_new);
        if !host.has.contains(&ip) {
            if host.has.len() < HAS {
                host.has.push(ip);
            } else {
                host.more = true;
            }
        }
        let address = self.addresses.entry((said.lan, ip)).or_default();
        let at = address.claimants.iter().position(|claimant| claimant.hardware == hardware);
        let at = match at {
            Some(at) => at,
            None if address.claimants.len() < CLAIMANTS => {
                let (first, packet) = (said.ts, said.packet);
                let (unasked, told) = (Few::default(), Vec::new());
                let one = Claimant { hardware, first, last: first, packet, unasked, told, most_told: 0, forward: false };
                address.claimants.push(one);
                address.claimants.len() - 1
            }
            None => {
                self.without_room += 1;
                return;
            }
        };
        let claimant = &mut address.claimants[at];
        let copied = claimant.packet != said.packet && said.ts - claimant.last < COPIED;
        claimant.last = said.ts;
        claimant.forward |= unasked || said.says != Says::Answers;
        if unasked && !claimant.told.iter().any(|(to, _, last)| *to == said.about && said.ts - *last < COPIED) {
            claimant.tells(said);
        }
        if let Some((last, ts)) = address.last
            && last != hardware
            && !copied
            && said.ts - ts <= TURN
        {
            let goes_on = address.turned_at.is_some_and(|before| said.ts - before <= TURN);
            address.row = if goes_on { address.row + 1 } else { 1 };
            address.turns = address.turns.max(address.row);
            address.turned_at = Some(said.ts);
            address.turned.push(said.packet);
        }
        address.last = Some((hardware, said.ts));
        if let Some((first, packet)) = twice {
            address.both.get_or_insert((first, hardware));
            if address.has_both(first, hardware) {
                address.both_times += 1;
                address.both_packets.push(packet);
                address.both_packets.push(said.packet);
            }
        }
    }

    fn has(&self, lan: Lan, hardware: MacAddr) -> &[IpAddr] {
        self.hosts.get(&(lan, hardware)).map_or(&[], |host| &host.has)
    }

    /// Is it likely one host with two cards on the network (each answers for all of the host's addresses), by what both claim?
    fn is_one_host(&self, lan: Lan, one: MacAddr, other: MacAddr) -> bool {
        let others = self.has(lan, other);
        let both: Vec<_> = self.has(lan, one).iter().filter(|ip| others.contains(ip)).collect();
        let third = |ip: &IpAddr| {
            self.addresses
                .get(&(lan, *ip))
                .is_some_and(|address| address.claimants.iter().any(|claimant| ![one, other].contains(&claimant.hardware)))
        };
        both.len() >= 2 && !both.iter().any(|ip| third(ip)) && !self.has(lan, one).iter().chain(others).any(third)
    }

    fn answers_for_others(&self, lan: Lan, hardware: MacAddr) -> bool {
        self.has(lan, hardware).len() > PROXY
    }

    pub(super) fn finish(self, found: &mut Vec<Finding>) {
        let mut disputed: BTreeMap<(Lan, IpAddr), &Address> = BTreeMap::new();
        disputed.extend(self.addresses.iter().filter(|(_, address)| address.claimants.len() > 1).map(|(key, a)| (*key, a)));
        let told = self.taken(&disputed, found);
        let mut said = BTreeSet::new();
        for (&(lan, ip), address) in &disputed {
            if !told.contains(&(lan, ip))
                && let Some(finding) = self.given_twice(lan, ip, address)
                && said.insert(ip)
            {
                found.push(finding);
            }
        }
        let mut refused: Vec<_> = self.refused.iter().collect();
        refused.sort_by_key(|(key, _)| **key);
        for (&(lan, ip), refused) in refused {
            let covered = told.contains(&(lan, ip)) || self.answers_for_others(lan, refused.owner);
            if covered || !said.insert(ip) {
                continue;
            }
            let Refused { prober, owner, packets, times } = refused;
            // Who has an address already may only ask by hand (arping -D). Of IPv6 all have several.
            let other =
                ip.is_ipv4() && prober.is_some_and(|prober| self.has(lan, prober).iter().any(|has| *has != ip && has.is_ipv4()));
            let severity = if other { Severity::Low } else { Severity::Medium };
            let cause =
                Cause::DuplicateAddress { address: ip, first: *owner, second: *prober, how: Conflict::Probed, times: *times };
            found.push(Finding { severity, cause, flows: Few::default(), packets: packets.clone() });
        }
    }

    /// Addresses that were taken from their owners: one finding for each host that takes.
    fn taken(&self, disputed: &BTreeMap<(Lan, IpAddr), &Address>, found: &mut Vec<Finding>) -> BTreeSet<(Lan, IpAddr)> {
        let mut takers: BTreeMap<(Lan, MacAddr), Vec<Taken<'_>>> = BTreeMap::new();
        for (&(lan, ip), address) in disputed {
            for taker in address.claimants.iter().filter(|claimant| !is_virtual(claimant.hardware)) {
                let owners = address.claimants.iter().filter(|owner| owner.hardware != taker.hardware);
                let owner = owners.min_by_key(|owner| (owner.most_told, owner.first));
                // Of two that tell it unasked, the one that does so more.
                if let Some(owner) =
                    owner.filter(|owner| owner.most_told <= taker.most_told && owner.last + BEFORE >= taker.first)
                {
                    takers.entry((lan, taker.hardware)).or_default().push(Taken { ip, taker, owner, address });
                }
            }
        }
        let (mut told, mut by) = (BTreeSet::new(), BTreeSet::new());
        for ((lan, hardware), all) in takers {
            let (taken, unasked) = self.is_taker(lan, hardware, &all);
            if taken.is_empty() {
                continue;
            }
            let mut packets = Few::default();
            for Taken { taker, owner, .. } in &taken {
                packets.push(owner.packet);
                if taker.unasked.total > 0 { packets.extend(&taker.unasked) } else { packets.push(taker.packet) }
            }
            told.extend(taken.iter().map(|taken| (lan, taken.ip)));
            // The same network may be in several files.
            if !by.insert((hardware, taken[0].ip)) {
                continue;
            }
            let cause = Cause::SpoofedAddress {
                by: hardware,
                own: self.has(lan, hardware).iter().copied().find(|has| !taken.iter().any(|taken| taken.ip == *has)),
                taken: Few::of(taken.iter().map(|taken| (taken.ip, taken.owner.hardware))),
                unasked,
            };
            found.push(Finding { severity: Severity::High, cause, flows: Few::default(), packets });
        }
        told
    }

    /// What a host took of others, if it did, and how often it said so unasked.
    fn is_taker<'a>(&self, lan: Lan, hardware: MacAddr, all: &[Taken<'a>]) -> (Vec<Taken<'a>>, u64) {
        let of_two = |taken: &[Taken<'_>]| taken.windows(2).any(|two| two[0].owner.hardware != two[1].owner.hardware);
        // Told to one host again and again, and nobody asked.
        let by_word: Vec<_> = all.iter().filter(|taken| taken.taker.most_told >= UNASKED).copied().collect();
        let several = of_two(&by_word);
        // Addresses that nobody else claims.
        let taken_ones: BTreeSet<IpAddr> = all.iter().map(|taken| taken.ip).collect();
        let own: Vec<_> = self.has(lan, hardware).iter().filter(|has| !taken_ones.contains(has)).collect();
        let by_word: Vec<_> = by_word
            .into_iter()
            .filter(|taken| {
                let owners = self.has(lan, taken.owner.hardware);
                let is_another = own.iter().any(|has| !owners.contains(has));
                several || is_another || taken.taker.most_told >= UNASKED_ALONE
            })
            .collect();
        // Against the word of two hosts that are there.
        let against = |taken: &Taken<'_>| {
            let address = taken.address;
            let contradicted = (taken.taker.forward && address.turns >= 2) || address.has_both(hardware, taken.owner.hardware);
            contradicted && !is_virtual(taken.owner.hardware) && !self.is_one_host(lan, hardware, taken.owner.hardware)
        };
        let mut taken: Vec<Taken<'_>> = all.iter().filter(|taken| against(taken)).copied().collect();
        if !of_two(&taken) {
            taken.clear();
        }
        taken.extend(by_word);
        taken.sort_by_key(|taken| taken.ip);
        taken.dedup_by_key(|taken| taken.ip);
        let unasked = taken.iter().map(|taken| taken.taker.unasked.total).sum();
        (taken, unasked)
    }

    /// Two hosts that have one address.
    fn given_twice(&self, lan: Lan, ip: IpAddr, address: &Address) -> Option<Finding> {
        let stands = |claimant: &&Claimant| !is_virtual(claimant.hardware) && !self.answers_for_others(lan, claimant.hardware);
        let mut real = address.claimants.iter().filter(stands);
        let (first, second) = (real.next()?, real.next()?);
        let (pair, how, times, packets) = match address.both {
            Some(pair) if !is_virtual(pair.0) && !is_virtual(pair.1) => {
                (pair, Conflict::BothAnswer, address.both_times, address.both_packets.clone())
            }
            _ if address.turns >= TURNS => {
                let mut packets = Few::of([first.packet]);
                packets.extend(&address.turned);
                ((first.hardware, second.hardware), Conflict::Turns, u64::from(address.turns), packets)
            }
            _ => return None,
        };
        let proxy = self.answers_for_others(lan, pair.0) || self.answers_for_others(lan, pair.1);
        if proxy || self.is_one_host(lan, pair.0, pair.1) {
            return None;
        }
        let cause = Cause::DuplicateAddress { address: ip, first: pair.0, second: Some(pair.1), how, times };
        Some(Finding { severity: Severity::Medium, cause, flows: Few::default(), packets })
    }
}

/// An address that one host took of another.
#[derive(Clone, Copy)]
struct Taken<'a> {
    ip: IpAddr,
    taker: &'a Claimant,
    owner: &'a Claimant,
    address: &'a Address,
}
