//! Who says to have which address, by ARP and neighbour discovery, and what is wrong with it. `claims` has addresses that several hosts
//! say to have, `silent` those that nobody has. Addresses are of a network ([`Lan`]): the same ones on two of them have nothing to do
//! with each other.
//!
//! Several threads tell messages of a live capture, a little out of order: they wait here for a second of packet time, and are looked
//! at in order of time.

mod claims;
mod silent;
#[cfg(test)]
mod tests;

use super::bounds::Bounds;
use super::finding::Finding;
use crate::flow::{FlowRecord, Lan, Neighbour, Place, Says};
use crate::model::{MacAddr, Span, Timestamp};
use claims::Claims;
use silent::Silent;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// For so long messages wait for earlier ones, and so many at most.
const LATE: Span = Span::from_secs(1);
const WAITING: usize = 1024;

/// An answer that comes later than this after the question is none to it.
const ASKED: Span = Span::from_secs(2);

/// Nobody says the same again so soon: it was captured twice (a mirrored port, several interfaces).
const COPIED: Span = Span::from_millis(50);

/// Hosts that ask about one address at a time and are told apart.
const ASKERS: usize = 4;

/// Questions of the last seconds, at most.
const QUESTIONS: usize = 1 << 12;

/// The last question about an address.
#[derive(Debug)]
struct Question {
    ts: Timestamp,
    packet: Place,
    /// The last that asked, and when.
    askers: [(IpAddr, Timestamp); ASKERS],
    /// Nobody has it yet: who probes for it.
    prober: Option<MacAddr>,
    /// Who answered first.
    answered: Option<(MacAddr, Place)>,
}

/// Questions that may still be answered.
#[derive(Debug, Default)]
struct Questions {
    of: HashMap<(Lan, IpAddr), Question, foldhash::fast::RandomState>,
    /// There were more than are kept: until then it is not known what was asked.
    unknown_until: Option<Timestamp>,
    bounds: Bounds,
    without_room: u64,
}

impl Questions {
    fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// The question about this address that came not long before.
    fn last(&mut self, lan: Lan, ip: IpAddr, now: Timestamp, within: Span) -> Option<&mut Question> {
        self.of.get_mut(&(lan, ip)).filter(|question| now - question.ts <= within)
    }

    /// Has this host not asked about the address for a while, as far as that is known?
    fn is_unasked(&self, lan: Lan, ip: IpAddr, by: IpAddr, now: Timestamp) -> bool {
        let asked = self.of.get(&(lan, ip)).is_some_and(|question| {
            let mut lately = question.askers.iter().filter(|(_, ts)| now - *ts <= ASKED);
            // Where so many ask, it may be one more.
            lately.clone().any(|(asker, _)| *asker == by) || lately.nth(ASKERS - 1).is_some()
        });
        !asked && self.unknown_until.is_none_or(|until| now > until)
    }

    fn ask(&mut self, said: &Neighbour) {
        let most = self.bounds.of(QUESTIONS);
        let key = (said.lan, said.about);
        if self.of.len() >= most && !self.of.contains_key(&key) {
            self.of.retain(|_, question| said.ts - question.ts <= ASKED);
            if self.of.len() >= most {
                self.without_room += 1;
                self.unknown_until = Some(said.ts + ASKED);
                return;
            }
        }
        let asker = (said.claims.unwrap_or(said.about), said.ts);
        let mut askers = [(said.about, Timestamp::from_nanos(i64::MIN / 2)); ASKERS];
        if let Some(before) = self.of.get(&key) {
            askers = before.askers;
        }
        if let Some(same) = askers.iter_mut().find(|(ip, _)| *ip == asker.0) {
            *same = asker;
        } else {
            askers.rotate_right(1);
            askers[0] = asker;
        }
        let prober = if said.says == Says::Probes { said.hardware } else { None };
        self.of.insert(key, Question { ts: said.ts, packet: said.packet, askers, prober, answered: None });
    }
}

/// All that is known of addresses and hardware.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    waiting: BTreeMap<(Timestamp, Place), Neighbour>,
    newest: Option<Timestamp>,
    questions: Questions,
    claims: Claims,
    silent: Silent,
}

impl Neighbours {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self {
            questions: Questions::within(bounds),
            claims: Claims::within(bounds),
            silent: Silent::within(bounds),
            ..Self::default()
        }
    }

    /// A message.
    pub(super) fn on_neighbour(&mut self, said: &Neighbour) {
        self.waiting.insert((said.ts, said.packet), *said);
        let newest = self.newest.map_or(said.ts, |newest| newest.max(said.ts));
        self.newest = Some(newest);
        while let Some(first) = self.waiting.first_entry() {
            if newest - first.key().0 <= LATE && self.waiting.len() <= WAITING {
                break;
            }
            if let Some((_, said)) = self.waiting.pop_first() {
                self.look_at(&said);
            }
        }
    }

    /// A conversation shows who is there.
    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        self.silent.on_flow(record);
    }

    fn look_at(&mut self, said: &Neighbour) {
        self.silent.on_neighbour(said);
        self.claims.on_neighbour(said, &mut self.questions);
        if matches!(said.says, Says::Asks { .. } | Says::Probes) {
            self.questions.ask(said);
        }
    }

    /// What found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.questions.without_room + self.claims.without_room + self.silent.without_room
    }

    /// The findings. What conversations that could not be set up have told already is not told again.
    pub(super) fn finish(mut self, found: &mut Vec<Finding>) {
        while let Some((_, said)) = self.waiting.pop_first() {
            self.look_at(&said);
        }
        self.claims.finish(found);
        self.silent.finish(found);
    }
}
