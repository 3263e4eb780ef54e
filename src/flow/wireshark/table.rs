//! Conversations by their pair of ends, in bounded memory. When all places are taken, one that has been silent since the hand
//! last passed it goes (the "second chance" rule: almost least recently used, and no lists to mend with every packet).

use super::conversation::Conversation;
use crate::flow::key::{FlowKey, KeyMaker};
use hashbrown::HashTable;

/// Conversations remembered at one time. Wireshark remembers all; this is 60 MB.
pub(super) const MOST: usize = 1 << 18;

/// How many have room in so many bytes, and [`MOST`] at most. The index has up to two places for each, of five bytes, and is doubled
/// beside the old one.
pub(super) const fn most_within(bytes: usize) -> usize {
    let most = bytes / (size_of::<Slot>() + 16);
    if most > MOST { MOST } else { most }
}

/// Places by which the table grows.
const PLACES: usize = 4096;

#[derive(Debug)]
struct Slot {
    key: FlowKey,
    hash: u64,
    /// A packet of it came since the hand last passed.
    heard: bool,
    conversation: Conversation,
}

#[derive(Debug)]
pub(super) struct Table {
    keys: KeyMaker,
    index: HashTable<u32>,
    slots: Vec<Slot>,
    most: usize,
    hand: usize,
}

impl Table {
    pub(super) fn new(most: usize) -> Self {
        Self { keys: KeyMaker::default(), index: HashTable::new(), slots: Vec::new(), most: most.max(1), hand: 0 }
    }

    /// The conversation of this key, and whether it is a new one.
    pub(super) fn entry(&mut self, key: FlowKey) -> (&mut Conversation, bool) {
        let hash = self.keys.hash(&key);
        let slots = &self.slots;
        let found = self.index.find(hash, |&at| slots[at as usize].key == key).copied();
        let at = found.unwrap_or_else(|| self.insert(key, hash));
        let slot = &mut self.slots[at as usize];
        slot.heard = true;
        (&mut slot.conversation, found.is_none())
    }

    fn insert(&mut self, key: FlowKey, hash: u64) -> u32 {
        let slot = Slot { key, hash, heard: true, conversation: Conversation::default() };
        let at = if self.slots.len() < self.most {
            if self.slots.len() == self.slots.capacity() {
                self.slots.reserve_exact(PLACES);
            }
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let at = self.give_up_one();
            self.slots[at] = slot;
            at
        };
        let slots = &self.slots;
        self.index.insert_unique(hash, at as u32, |&other| slots[other as usize].hash);
        at as u32
    }

    /// Forgets a conversation, and tells its place.
    fn give_up_one(&mut self) -> usize {
        loop {
            let at = self.hand;
            self.hand = (self.hand + 1) % self.slots.len();
            let slot = &mut self.slots[at];
            if !std::mem::take(&mut slot.heard) {
                if let Ok(entry) = self.index.find_entry(slot.hash, |&other| other as usize == at) {
                    entry.remove();
                }
                return at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::key::Ends;
    use crate::model::{Endpoint, IpProtocol};

    fn key(port: u16) -> FlowKey {
        let end = |port| Endpoint::new([10, 0, 0, 1].into(), port);
        Ends::new(end(port), end(80), IpProtocol::TCP).key([0; 2], 0).0
    }

    #[test]
    fn what_is_silent_goes_and_what_is_heard_stays() {
        let mut table = Table::new(3);
        for port in 1..=3 {
            assert!(table.entry(key(port)).1);
        }
        assert!(table.entry(key(4)).1); // the hand goes round once and takes the first
        assert!(!table.entry(key(2)).1);
        assert!(table.entry(key(5)).1); // 2 was heard since, 3 was not
        assert!(!table.entry(key(2)).1);
        assert!(!table.entry(key(4)).1);
        assert!(table.entry(key(3)).1);
        assert_eq!((table.slots.len(), table.index.len()), (3, 3));
    }

    #[test]
    fn the_memory_is_what_is_said() {
        let all = MOST * (size_of::<Slot>() + 2 * size_of::<u32>());
        assert!(all <= 60 << 20, "{all}");
    }
}
