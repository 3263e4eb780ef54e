//! Which group a conversation belongs to, where a file is written a group. Most groups are known only when a conversation is over, so
//! the capture is read twice: the first time this is filled, from the records of conversations; the second time packets are written.
//! Both times conversations are counted alike, so their numbers name them.

use super::name;
use super::store::SplitConfig;
use crate::detect::Finding;
use crate::event::{Event, Keep, Sink};
use crate::flow::{ById, FlowId, FlowRecord, Members};
use std::collections::HashMap;
use std::io;

/// What has a file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitBy {
    /// A conversation.
    Flow,
    /// A host: what it said with all others.
    Host,
    /// A port of servers, of one protocol.
    Port,
    /// A state in which conversations ended up.
    State,
    /// A protocol after IP.
    Protocol,
    /// A finding: all who take part in it, and those who take part in none.
    Finding,
}

impl SplitBy {
    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Host => "host",
            Self::Port => "port",
            Self::State => "state",
            Self::Protocol => "protocol",
            Self::Finding => "finding",
        }
    }
}

/// What a group takes beside its name and its file, bytes: in the table and in the list.
const EACH: usize = 128;
/// What several groups that a conversation belongs to take beside their numbers, bytes.
const SET: usize = 96;
/// Of findings: the set of those that take part in none.
const NO_FINDING: u32 = 0;

/// The groups, and who belongs to them.
#[derive(Debug)]
pub struct Groups {
    by: SplitBy,
    names: Vec<Box<str>>,
    known: HashMap<Box<str>, u32>,
    /// Of hosts those of the originator; of findings the set of groups.
    of: ById,
    /// Those of the responder, where it is another.
    others: ById,
    /// Of findings: groups that conversations have together, by their number.
    sets: Vec<Box<[u32]>>,
    known_sets: HashMap<Box<[u32]>, u32>,
    bytes: usize,
    most: usize,
    /// There was no room for all.
    full: bool,
}

impl Groups {
    /// None yet. They and their files may take so many bytes.
    #[must_use]
    pub fn new(by: SplitBy, most: usize) -> Self {
        Self {
            by,
            names: Vec::new(),
            known: HashMap::new(),
            of: ById::default(),
            others: ById::default(),
            sets: Vec::new(),
            known_sets: HashMap::new(),
            bytes: 0,
            most,
            full: false,
        }
    }

    /// By what.
    #[must_use]
    pub const fn by(&self) -> SplitBy {
        self.by
    }

    /// How many groups there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Was there no room for all of them, and their conversations?
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.full
    }

    pub(super) fn name(&self, group: u32) -> &str {
        self.names.get(group as usize).map_or("", |name| name)
    }

    /// The groups of a conversation: one, of hosts up to two, of findings all that it takes part in.
    pub(super) fn of(&self, id: FlowId) -> impl Iterator<Item = u32> {
        let of = self.of.get(id);
        let set = of.filter(|_| self.by == SplitBy::Finding).and_then(|set| self.sets.get(set as usize));
        let one = of.filter(|_| self.by != SplitBy::Finding);
        set.into_iter().flatten().copied().chain(one).chain(self.others.get(id))
    }

    /// Takes in what was found, where it is by findings: who takes part in which of them.
    pub fn take_findings(&mut self, findings: &[Finding], members: Members) {
        let mut groups = Vec::new();
        for (number, finding) in (1..).zip(findings).filter(|(_, finding)| finding.flows.group() != 0) {
            groups.push((finding.flows.group(), self.group(name::finding(number, finding.cause.code()))));
        }
        members.each(groups.into_iter(), |id, more| {
            let there = self.of.get(id).filter(|set| *set != NO_FINDING).and_then(|set| self.sets.get(set as usize));
            let mut set = there.map_or_else(Vec::new, |set| set.to_vec());
            set.extend(more);
            set.sort_unstable();
            set.dedup();
            let set = self.set(&set);
            self.bytes += self.of.set(id, set);
        });
        self.full |= self.bytes > self.most;
    }

    /// The number of these groups together.
    fn set(&mut self, groups: &[u32]) -> u32 {
        if let Some(known) = self.known_sets.get(groups) {
            return *known;
        }
        let number = self.sets.len() as u32;
        self.bytes += SET + 2 * size_of_val(groups);
        self.sets.push(groups.into());
        self.known_sets.insert(groups.into(), number);
        number
    }

    fn group(&mut self, name: String) -> u32 {
        if let Some(known) = self.known.get(name.as_str()) {
            return *known;
        }
        let (name, group) = (name.into_boxed_str(), self.names.len() as u32);
        self.bytes += EACH + SplitConfig::EACH + 2 * name.len();
        self.names.push(name.clone());
        self.known.insert(name, group);
        group
    }

    /// The name of its group; of hosts that of the originator.
    fn name_of(&self, record: &FlowRecord) -> String {
        match self.by {
            SplitBy::Flow | SplitBy::State => name::state(record.state),
            SplitBy::Host => name::host(record.originator.ip),
            SplitBy::Port => name::port(record),
            SplitBy::Protocol => name::protocol(record),
            SplitBy::Finding => name::NO_FINDING.to_owned(),
        }
    }

    /// Is this what was known of the conversation when its packets were written?
    pub(super) fn agrees(&self, record: &FlowRecord) -> bool {
        let first = self.of(record.id).next();
        first.is_some_and(|group| self.by == SplitBy::Finding || self.name(group) == self.name_of(record))
    }

    fn take(&mut self, record: &FlowRecord) {
        let group = self.group(self.name_of(record));
        let of = if self.by == SplitBy::Finding { self.set(&[group]) } else { group };
        self.bytes += self.of.set(record.id, of);
        if self.by == SplitBy::Host && record.originator.ip != record.responder.ip {
            let other = self.group(name::host(record.responder.ip));
            self.bytes += self.others.set(record.id, other);
        }
        self.full |= self.bytes > self.most;
    }
}

impl Sink for Groups {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Flow(record) = event {
            self.take(record);
        }
        Ok(if self.full { Keep::Enough } else { Keep::Going })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Detectors, Few};
    use crate::output::fixture::nine;

    fn groups(by: SplitBy) -> Groups {
        let mut groups = Groups::new(by, usize::MAX);
        for record in &nine() {
            groups.on_event(&Event::Flow(record)).unwrap();
        }
        groups
    }

    #[test]
    fn each_conversation_has_its_group() {
        let records = nine();
        for by in [SplitBy::Port, SplitBy::State, SplitBy::Protocol] {
            let groups = groups(by);
            for record in &records {
                let names: Vec<_> = groups.of(record.id).map(|group| groups.name(group)).collect();
                assert!(names.len() == 1 && !names[0].is_empty(), "{by:?} {}", record.id);
            }
        }
        let groups = groups(SplitBy::Host);
        for record in &records {
            let names: Vec<_> = groups.of(record.id).map(|group| groups.name(group).to_owned()).collect();
            assert_eq!(names, [record.originator, record.responder].map(|end| name::host(end.ip)));
        }
        assert_eq!(groups.of("c999999".parse().unwrap()).count(), 0);
    }

    #[test]
    fn who_takes_part_in_several_findings_is_in_each_of_them() {
        let records = nine();
        let mut groups = groups(SplitBy::Finding);
        let mut members = Members::within(1 << 20);
        let mut findings = members.during(|| {
            let mut detectors = Detectors::default();
            for record in &records {
                detectors.on_flow(record);
            }
            detectors.finish(None).findings
        });
        findings.truncate(2);
        let (first, second, free) = (records[0].id, records[1].id, records[2].id);
        for (finding, ids) in findings.iter_mut().zip([&[first, second][..], &[second, first, second]]) {
            finding.flows = Few::default();
            members.during(|| ids.iter().for_each(|id| finding.flows.push(*id)));
        }
        let none = Finding { flows: Few::default(), ..findings[0].clone() };
        groups.take_findings(&[findings[0].clone(), none, findings[1].clone()], members);
        let names = |id| groups.of(id).map(|group| groups.name(group).to_owned()).collect::<Vec<_>>();
        let of = [1, 3].map(|number| name::finding(number, findings[number as usize / 2].cause.code()));
        assert_eq!((names(first), names(second)), (of.to_vec(), of.to_vec()));
        assert_eq!(names(free), [name::NO_FINDING]);
        assert!(records.iter().all(|record| groups.agrees(record)) && groups.len() == 3);
    }

    #[test]
    fn what_has_no_room_is_told() {
        let mut groups = Groups::new(SplitBy::Host, 1);
        assert_eq!(groups.on_event(&Event::Flow(&nine()[0])).unwrap(), Keep::Enough);
        assert!(groups.is_full());
        let mut groups = Groups::new(SplitBy::State, ById::PIECE);
        assert_eq!(groups.on_event(&Event::Flow(&nine()[0])).unwrap(), Keep::Enough);
    }
}
