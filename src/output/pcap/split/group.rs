//! Which group a conversation belongs to, where a file is written a group. Most groups are known only when a conversation is over, so
//! the capture is read twice: the first time this is filled, from the records of conversations; the second time packets are written.
//! Both times conversations are counted alike, so their numbers name them.

use super::name;
use super::store::SplitConfig;
use crate::event::{Event, Keep, Sink};
use crate::flow::{ById, FlowId, FlowRecord};
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
        }
    }
}

/// What a group takes beside its name and its file, bytes: in the table and in the list.
const EACH: usize = 128;

/// The groups, and who belongs to them.
#[derive(Debug)]
pub struct Groups {
    by: SplitBy,
    names: Vec<Box<str>>,
    known: HashMap<Box<str>, u32>,
    /// Of hosts those of the originator.
    of: ById,
    /// Those of the responder, where it is another.
    others: ById,
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

    /// The groups of a conversation: one, or of hosts two.
    pub(super) fn of(&self, id: FlowId) -> [Option<u32>; 2] {
        [self.of.get(id), self.others.get(id)]
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
        }
    }

    /// Is this what was known of the conversation when its packets were written?
    pub(super) fn agrees(&self, record: &FlowRecord) -> bool {
        self.of(record.id)[0].is_some_and(|group| self.name(group) == self.name_of(record))
    }

    fn take(&mut self, record: &FlowRecord) {
        let group = self.group(self.name_of(record));
        self.bytes += self.of.set(record.id, group);
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
                let [first, second] = groups.of(record.id);
                assert!(first.is_some_and(|group| !groups.name(group).is_empty()) && second.is_none(), "{by:?} {}", record.id);
            }
        }
        let groups = groups(SplitBy::Host);
        for record in &records {
            let names = groups.of(record.id).map(|group| groups.name(group.unwrap()).to_owned());
            assert_eq!(names, [record.originator, record.responder].map(|end| name::host(end.ip)));
        }
        assert_eq!(groups.of("c999999".parse().unwrap()), [None, None]);
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
