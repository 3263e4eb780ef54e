//! Neighbours that somebody asks for and nobody is: questions that are asked again and again, for an address of which nothing was ever
//! heard.
//!
//! That no answer was seen says nothing (a switch gives it to the asker alone); that the asker asks on does: hosts stop at the first
//! answer, and ask once a second for three times where there is none (RFC 4861 section 10, Linux's `mcast_solicit`).

use super::COPIED;
use crate::detect::bounds::Bounds;
use crate::detect::finding::{Cause, Finding, Severity};
use crate::flow::{Few, FlowRecord, Lan, Neighbour, Place, Says};
use crate::model::{Span, Timestamp};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

/// Pairs of asker and address, and of one asker.
const PAIRS: usize = 1 << 14;
const OF_ONE: usize = 1 << 11;
/// Hosts that were heard.
const HEARD: usize = 1 << 15;

/// Questions in a row are no further apart.
const GAP: Span = Span::from_secs(5);
/// So many in a row are not answered.
const UNANSWERED: u32 = 3;
/// So many addresses that nobody has, asked for again, are a search.
const SWEEP: usize = 16;
const SWEPT: u32 = 2;
/// Rows of questions for one address, and hosts that ask for it, by which it is missed.
const ROWS: u32 = 3;
const ASKERS: u64 = 3;

/// What one asks of another.
#[derive(Debug)]
struct Asked {
    /// In this row, in the longest, and in all.
    row: u32,
    longest: u32,
    total: u64,
    /// Rows that were long enough.
    rows: u32,
    last: Timestamp,
    packets: [Place; 3],
}

/// All that was asked, and who was heard.
#[derive(Debug, Default)]
pub(super) struct Silent {
    asked: HashMap<(Lan, IpAddr, IpAddr), Asked, foldhash::fast::RandomState>,
    each: HashMap<(Lan, IpAddr), usize, foldhash::fast::RandomState>,
    /// Hosts that said to have an address, or sent something.
    heard: HashSet<IpAddr, foldhash::fast::RandomState>,
    /// There were more: who was heard is not known.
    deaf: bool,
    bounds: Bounds,
    pub(super) without_room: u64,
}

impl Silent {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        for (ip, sent) in [(record.originator.ip, record.orig.packets), (record.responder.ip, record.resp.packets)] {
            if sent > 0 {
                self.hear(ip);
            }
        }
    }

    fn hear(&mut self, ip: IpAddr) {
        if self.heard.len() < self.bounds.of(HEARD) {
            self.heard.insert(ip);
        } else if !self.heard.contains(&ip) {
            self.deaf = true;
            self.without_room += 1;
        }
    }

    pub(super) fn on_neighbour(&mut self, said: &Neighbour) {
        if let Some(ip) = said.claims {
            self.hear(ip);
        }
        let (Says::Asks { all: true }, Some(asker)) = (said.says, said.claims) else { return };
        let pairs = self.asked.len();
        match self.asked.entry((said.lan, asker, said.about)) {
            Entry::Occupied(mut there) => there.get_mut().again(said),
            Entry::Vacant(free) => {
                let each = self.each.entry((said.lan, asker)).or_default();
                if pairs >= self.bounds.of(PAIRS) || *each >= self.bounds.of(OF_ONE) {
                    self.without_room += 1;
                    return;
                }
                *each += 1;
                free.insert(Asked { row: 1, longest: 1, total: 1, rows: 0, last: said.ts, packets: [said.packet; 3] });
            }
        }
    }

    pub(super) fn finish(self, found: &mut Vec<Finding>) {
        let Self { asked, heard, deaf, .. } = self;
        if deaf {
            return;
        }
        // Conversations that could not reach a host have told that it is not there.
        let told: HashSet<IpAddr> = found.iter().filter_map(unreached).flatten().collect();
        let silent = asked
            .iter()
            .filter(|((.., target), asked)| asked.longest >= SWEPT && !heard.contains(target) && !told.contains(target));
        let mut askers: BTreeMap<(Lan, IpAddr), BTreeMap<IpAddr, &Asked>> = BTreeMap::new();
        for (&(lan, asker, target), asked) in silent {
            askers.entry((lan, asker)).or_default().insert(target, asked);
        }
        let mut missed: BTreeMap<(Lan, IpAddr), Vec<(IpAddr, &Asked)>> = BTreeMap::new();
        let mut findings = Vec::new();
        for (&(lan, asker), targets) in &askers {
            if targets.len() >= SWEEP {
                findings.push(of_one(asker, targets.iter().map(|(ip, asked)| (*ip, *asked)), true));
                continue;
            }
            for (&target, &asked) in targets.iter().filter(|(_, asked)| asked.longest >= UNANSWERED) {
                missed.entry((lan, target)).or_default().push((asker, asked));
            }
        }
        let mut alone: BTreeMap<(Lan, IpAddr), Vec<(IpAddr, &Asked)>> = BTreeMap::new();
        for ((lan, target), by) in missed {
            if let [(asker, asked)] = by[..] {
                alone.entry((lan, asker)).or_default().push((target, asked));
                continue;
            }
            let askers = by.len() as u64;
            let severity =
                if askers >= ASKERS || by.iter().any(|(_, asked)| asked.rows >= ROWS) { Severity::Medium } else { Severity::Low };
            let asked = by.iter().map(|(_, asked)| asked.total).sum();
            let mut packets = Few::default();
            for (_, asked) in &by {
                asked.cite(&mut packets);
            }
            let cause = Cause::NeighbourSilent { asker: by[0].0, askers, targets: Few::of([target]), asked, sweep: false };
            findings.push(Finding { severity, cause, flows: Few::default(), packets });
        }
        findings.extend(alone.into_iter().map(|((_, asker), targets)| of_one(asker, targets.into_iter(), false)));
        // The same network may be in several files.
        let mut said = HashSet::new();
        findings.retain(|finding: &Finding| match &finding.cause {
            Cause::NeighbourSilent { asker, targets, .. } => said.insert((*asker, targets.first.clone())),
            _ => true,
        });
        found.extend(findings);
    }
}

/// The hosts that conversations could not reach.
fn unreached(finding: &Finding) -> Option<impl Iterator<Item = IpAddr>> {
    let (Cause::NoAnswer { server, hosts, .. } | Cause::Unreachable { server, hosts, .. }) = &finding.cause else { return None };
    Some(hosts.first.clone().into_iter().chain(hosts.last).chain([server.ip]))
}

/// What one host asks of others that are not there.
fn of_one<'a>(asker: IpAddr, targets: impl Iterator<Item = (IpAddr, &'a Asked)>, sweep: bool) -> Finding {
    let (mut of, mut packets, mut total, mut rows) = (Few::default(), Few::default(), 0, 0);
    for (target, asked) in targets {
        of.push(target);
        asked.cite(&mut packets);
        total += asked.total;
        rows = rows.max(asked.rows);
    }
    let severity = if rows >= ROWS && !sweep { Severity::Medium } else { Severity::Low };
    let cause = Cause::NeighbourSilent { asker, askers: 1, targets: of, asked: total, sweep };
    Finding { severity, cause, flows: Few::default(), packets }
}

impl Asked {
    fn again(&mut self, said: &Neighbour) {
        if said.ts - self.last < COPIED {
            return;
        }
        self.row = if said.ts - self.last > GAP { 1 } else { self.row + 1 };
        self.longest = self.longest.max(self.row);
        self.rows += u32::from(self.row == UNANSWERED);
        self.last = said.ts;
        if let Some(place) = self.packets.get_mut(self.total as usize) {
            *place = said.packet;
        }
        self.total += 1;
    }

    fn cite(&self, packets: &mut Few<Place>) {
        for packet in self.packets.iter().take(self.total.min(3) as usize) {
            packets.push(*packet);
        }
    }
}
