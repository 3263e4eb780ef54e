//! Names that hosts were given by DNS in the capture itself: an answer gives them, and later flows to these addresses have them.
//!
//! A name is what was asked for, also where it led to the address over other names (CNAME). Each client has what it was told itself;
//! where it was told nothing, the last that anybody was told, for the answer may have come to its resolver. That a record lives
//! so many seconds is not regarded: programs go on with addresses that they have, and the packet number says how old the answer is.
//! Which name a flow has depends on the answers before its first packet alone, by time. What is known is bounded; the oldest
//! is forgotten first.

use super::record::{FlowRecord, HostName};
use crate::model::Timestamp;
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::net::IpAddr;
use std::sync::Arc;

/// Names of an address that are remembered.
const EACH: usize = 16;
/// Memory of an entry beside its name: its places in list and queue, and what allocations cost.
const ENTRY: usize = 448;

/// An answer that gives an address a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learnt<'a> {
    /// The name that was asked for.
    pub name: &'a str,
    /// Its address.
    pub address: IpAddr,
    /// Who was told so.
    pub client: IpAddr,
    /// Source and number of the answer's packet.
    pub packet: (u16, u64),
    /// Its time.
    pub ts: Timestamp,
}

#[derive(Debug)]
struct Entry {
    /// Counts all that were ever learnt.
    nth: u64,
    name: Arc<str>,
    client: IpAddr,
    packet: (u16, u64),
    ts: Timestamp,
}

/// What was learnt so far.
#[derive(Debug)]
pub struct Names {
    /// Of each address, in the order in which it was learnt.
    known: HashMap<IpAddr, VecDeque<Entry>, RandomState>,
    /// All entries by their address and number, the oldest first; of some that are forgotten, too.
    order: VecDeque<(IpAddr, u64)>,
    /// Entries ever, and now.
    learnt: u64,
    entries: usize,
    bytes: usize,
    most: usize,
}

impl Names {
    /// Nothing is known yet, and what will be may take about so many bytes.
    #[must_use]
    pub fn within(bytes: usize) -> Self {
        Self { known: HashMap::default(), order: VecDeque::new(), learnt: 0, entries: 0, bytes: 0, most: bytes }
    }

    /// Takes an answer.
    pub fn learn(&mut self, learnt: &Learnt<'_>) {
        let Learnt { name, address, client, packet, ts } = *learnt;
        let cost = ENTRY + name.len();
        let entries = self.known.entry(address).or_default();
        // What is said again is as old as it was: flows in between have it, too.
        if entries.iter().rev().find(|entry| entry.client == client).is_some_and(|entry| *entry.name == *name) || cost > self.most
        {
            return;
        }
        // The name itself is kept once for those that follow each other.
        let same = entries.back().filter(|entry| *entry.name == *name).map(|entry| Arc::clone(&entry.name));
        self.learnt += 1;
        let nth = self.learnt;
        entries.push_back(Entry { nth, name: same.unwrap_or_else(|| name.into()), client, packet, ts });
        let oldest = if entries.len() > EACH { entries.front().map(|entry| entry.nth) } else { None };
        self.order.push_back((address, nth));
        self.bytes += cost;
        self.entries += 1;
        if let Some(nth) = oldest {
            self.forget(address, nth);
        }
        while self.bytes > self.most
            && let Some((address, nth)) = self.order.pop_front()
        {
            self.forget(address, nth);
        }
        if self.order.len() > 2 * self.entries + EACH {
            let known = &self.known;
            let is_known = |entries: &VecDeque<Entry>, nth| entries.front().is_some_and(|first| first.nth <= nth);
            self.order.retain(|(address, nth)| known.get(address).is_some_and(|entries| is_known(entries, *nth)));
        }
    }

    /// Forgets the oldest name of an address, if it is this one still.
    fn forget(&mut self, address: IpAddr, nth: u64) {
        let Some(entries) = self.known.get_mut(&address) else { return };
        if let Some(entry) = entries.pop_front_if(|entry| entry.nth == nth) {
            self.bytes -= ENTRY + entry.name.len();
            self.entries -= 1;
        }
        if entries.is_empty() {
            self.known.remove(&address);
        }
    }

    /// Gives both ends of a flow the names that they had when it began.
    pub fn label(&self, record: &mut FlowRecord) {
        let (from, to) = (record.originator.ip, record.responder.ip);
        record.orig.name = self.find(from, to, record);
        record.resp.name = self.find(to, from, record);
    }

    fn find(&self, address: IpAddr, client: IpAddr, record: &FlowRecord) -> Option<HostName> {
        let (source, number) = record.first_packet;
        let entries = self.known.get(&address)?;
        let before = |entry: &&Entry| entry.ts <= record.start && (entry.packet.0 != source || entry.packet.1 < number);
        let mut before = entries.iter().rev().filter(before);
        let last = before.next()?;
        let found = if last.client == client { last } else { before.find(|entry| entry.client == client).unwrap_or(last) };
        Some(HostName { name: Arc::clone(&found.name), packet: found.packet })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Endpoint;

    fn ip(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    fn learnt(name: &str, address: u8, client: u8, number: u64) -> Learnt<'_> {
        let ts = Timestamp::from_nanos(number as i64);
        Learnt { name, address: ip(address), client: ip(client), packet: (0, number), ts }
    }

    fn of(names: &Names, from: u8, to: u8, number: u64) -> Option<(String, u64)> {
        let mut record = FlowRecord::blank();
        record.originator = Endpoint::new(ip(from), 1);
        record.responder = Endpoint::new(ip(to), 2);
        (record.start, record.first_packet) = (Timestamp::from_nanos(number as i64), (0, number));
        names.label(&mut record);
        record.resp.name.map(|name| (name.name.to_string(), name.packet.1))
    }

    #[test]
    fn a_flow_has_the_name_that_its_client_was_told_last_before() {
        let mut names = Names::within(1 << 20);
        for (name, client, number) in [("a", 1, 10), ("b", 2, 20), ("c", 1, 30), ("c", 1, 40), ("a", 1, 50)] {
            names.learn(&learnt(name, 9, client, number));
        }
        let told = |name: &str, number| Some((name.to_owned(), number));
        assert_eq!(of(&names, 1, 9, 5), None, "nothing was known");
        assert_eq!(of(&names, 1, 9, 10), None, "of the answer itself");
        assert_eq!(of(&names, 1, 9, 25), told("a", 10));
        assert_eq!(of(&names, 1, 9, 45), told("c", 30), "said again");
        assert_eq!(of(&names, 1, 9, 60), told("a", 50));
        assert_eq!(of(&names, 2, 9, 60), told("b", 20));
        assert_eq!(of(&names, 3, 9, 60), told("a", 50), "the last that anybody was told");
        assert_eq!(of(&names, 1, 8, 60), None);
    }

    #[test]
    fn the_oldest_are_forgotten_where_there_is_no_room() {
        let mut names = Names::within(100 * (ENTRY + 3));
        for number in 0..1000_u64 {
            let name = format!("{number:03}");
            names.learn(&learnt(&name, (number % 200) as u8, 1, number + 1));
        }
        assert!(names.bytes <= names.most && names.entries <= 100);
        assert_eq!(of(&names, 1, 150, 5000), Some(("950".to_owned(), 951)));
        assert_eq!(of(&names, 1, 50, 5000), None);
        for number in 0..1000_u64 {
            names.learn(&learnt(&format!("{number:03}"), 7, 1, 2000 + number));
        }
        assert_eq!(names.known[&ip(7)].len(), EACH);
        assert_eq!(names.entries, names.known.values().map(VecDeque::len).sum::<usize>());
        assert!(names.order.len() <= 2 * names.entries + EACH);
    }
}
