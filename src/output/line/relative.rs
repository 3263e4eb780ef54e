//! The first sequence numbers of connections, from which printed ones are counted.
//!
//! tcpdump keeps these for packet lines alone, apart from any connection tracking: an entry is made by the first packet of
//! a pair of endpoints that has the ACK flag, and made anew by each later one with SYN and ACK. That packet's own line
//! shows the numbers of the wire. This table does the same, but holds at most [`CAPACITY`] connections; when it is full,
//! the one not used for the longest time makes room, and its next packet shows the numbers of the wire again.

use hashbrown::HashTable;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::hash::{BuildHasher, Hash, Hasher};

/// Most connections remembered.
pub(super) const CAPACITY: usize = 65_536;

/// Both ends of a connection in the order in which tcpdump compares them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    addresses: [u128; 2],
    ports: [u16; 2],
    v6: bool,
}

/// Number by number, where the derived one would call `memcmp` for the addresses.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let ([a, b], [c, d]) = (self.addresses, other.addresses);
        a == c && b == d && self.ports == other.ports && self.v6 == other.v6
    }
}

impl Eq for Key {}

/// Three words, where the derived one would hash lengths and parts one by one.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(self.addresses[0]);
        state.write_u128(self.addresses[1]);
        state.write_u64(u64::from(self.ports[0]) << 32 | u64::from(self.ports[1]) << 16 | u64::from(self.v6));
    }
}

impl Key {
    /// The key of a packet's connection, and whether the packet goes from the second end to the first.
    pub(super) fn new(source: (u128, u16), target: (u128, u16), v6: bool) -> (Self, bool) {
        let back = source.1 > target.1 || (source.1 == target.1 && source.0 > target.0);
        let (a, b) = if back { (target, source) } else { (source, target) };
        (Self { addresses: [a.0, b.0], ports: [a.1, b.1], v6 }, back)
    }
}

/// What is subtracted from the numbers of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Base {
    /// From its sequence number.
    pub(super) seq: u32,
    /// From its acknowledgment number.
    pub(super) ack: u32,
    /// From the edges of its SACK blocks. Set also for the packet that makes the entry.
    pub(super) sack: u32,
}

/// A connection, in a line of the cache of its own.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Entry {
    key: Key,
    /// Bases of the numbers that the first and the second end of the key send.
    bases: [u32; 2],
    /// When it was used last: the number of that use.
    used: u64,
}

/// The table.
#[derive(Debug)]
pub(super) struct Relative {
    index: HashTable<u32>,
    entries: Vec<Entry>,
    hasher: foldhash::quality::RandomState,
    /// Uses so far.
    uses: u64,
    /// Once the table is full: each entry with a use of it that is not later than its last. Who is used does not move here, so that a
    /// packet touches nothing but its entry; that is made good when room is needed.
    oldest: BinaryHeap<Reverse<(u64, u32)>>,
    capacity: usize,
}

impl Relative {
    /// An empty table for `capacity` connections.
    pub(super) fn new(capacity: usize) -> Self {
        let hasher = foldhash::quality::RandomState::default();
        let (index, entries, oldest) = (HashTable::new(), Vec::new(), BinaryHeap::new());
        Self { index, entries, hasher, uses: 0, oldest, capacity: capacity.max(1) }
    }

    /// What to subtract from the numbers of a packet that has the ACK flag; remembers its connection.
    pub(super) fn base(&mut self, key: Key, back: bool, syn: bool, seq: u32, ack: u32) -> Base {
        let hash = self.hasher.hash_one(key);
        let found = self.index.find(hash, |&i| self.entries[i as usize].key == key).copied();
        self.uses += 1;
        let (i, fresh) = match found {
            Some(i) => (i, syn),
            None => (self.insert(key, hash), true),
        };
        let Entry { bases, used, .. } = &mut self.entries[i as usize];
        *used = self.uses;
        let (own, peer) = if back { (1, 0) } else { (0, 1) };
        if fresh {
            bases[own] = seq;
            bases[peer] = ack.wrapping_sub(1);
        }
        let sack = bases[peer];
        if fresh { Base { seq: 0, ack: 0, sack } } else { Base { seq: bases[own], ack: bases[peer], sack } }
    }

    fn insert(&mut self, key: Key, hash: u64) -> u32 {
        let entry = Entry { key, bases: [0; 2], used: self.uses };
        let i = if self.entries.len() < self.capacity {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        } else {
            let i = self.make_room();
            self.entries[i as usize] = entry;
            self.oldest.push(Reverse((self.uses, i)));
            i
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.index.insert_unique(hash, i, |&i| hasher.hash_one(entries[i as usize].key));
        i
    }

    /// Forgets the connection that was not used for the longest time.
    fn make_room(&mut self) -> u32 {
        if self.oldest.is_empty() {
            self.oldest = (0..).zip(&self.entries).map(|(i, entry)| Reverse((entry.used, i))).collect();
        }
        let mut gone = 0;
        while let Some(mut first) = self.oldest.peek_mut() {
            let Reverse((use_known, i)) = *first;
            let used = self.entries[i as usize].used;
            if use_known == used {
                PeekMut::pop(first);
                gone = i;
                break;
            }
            *first = Reverse((used, i));
        }
        let old = self.hasher.hash_one(self.entries[gone as usize].key);
        if let Ok(found) = self.index.find_entry(old, |&at| at == gone) {
            found.remove();
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: (u128, u16) = (1, 40_000);
    const B: (u128, u16) = (2, 80);

    #[test]
    fn the_packet_that_makes_an_entry_shows_the_wire_and_the_next_ones_count_from_it() {
        let mut table = Relative::new(8);
        let (key, back) = Key::new(B, A, false);
        assert_eq!(table.base(key, back, true, 9000, 1001), Base { seq: 0, ack: 0, sack: 1000 });
        let (same, forth) = Key::new(A, B, false);
        assert_eq!((same, forth), (key, !back));
        assert_eq!(table.base(key, forth, false, 1001, 9001), Base { seq: 1000, ack: 9000, sack: 9000 });
        assert_eq!(table.base(key, back, false, 9001, 1028), Base { seq: 9000, ack: 1000, sack: 1000 });
    }

    #[test]
    fn a_second_syn_ack_starts_the_count_anew() {
        let mut table = Relative::new(8);
        let (key, back) = Key::new(B, A, false);
        table.base(key, back, true, 9000, 1001);
        assert_eq!(table.base(key, back, true, 70, 51).seq, 0);
        assert_eq!(table.base(key, !back, false, 51, 71), Base { seq: 50, ack: 70, sack: 70 });
    }

    #[test]
    fn equal_ports_are_told_apart_by_address_and_families_do_not_mix() {
        let (key, back) = Key::new((2, 80), (1, 80), false);
        assert!(back);
        assert_eq!(Key::new((1, 80), (2, 80), false), (key, false));
        assert_ne!(Key::new((1, 80), (2, 80), true).0, key);
    }

    #[test]
    fn the_table_forgets_the_connection_not_used_for_the_longest_time() {
        let mut table = Relative::new(2);
        let key = |n: u128| Key::new((n, 1), (0, 2), false).0;
        table.base(key(1), false, false, 10, 10);
        table.base(key(2), false, false, 20, 20);
        table.base(key(1), false, false, 11, 11);
        table.base(key(3), false, false, 30, 30); // 2 goes
        assert_eq!(table.base(key(1), false, false, 12, 12).seq, 10);
        assert_eq!(table.base(key(2), false, false, 21, 21).seq, 0);
        assert_eq!(table.entries.len(), 2);
        assert_eq!(table.index.len(), 2);
    }

    proptest! {
        /// Against a list in the order of use.
        #[test]
        fn whichever_is_used_the_oldest_is_forgotten(uses in prop::collection::vec(0..12_u128, 1..200), capacity in 1..8_usize) {
            let (mut table, mut list) = (Relative::new(capacity), Vec::new());
            for n in uses {
                let known = list.iter().position(|&key| key == n).map(|at| list.remove(at)).is_some();
                if !known && list.len() == capacity {
                    list.remove(0);
                }
                list.push(n);
                let (key, back) = Key::new((n, 1), (99, 2), false);
                // The packet that makes an entry shows the number of the wire.
                let base = table.base(key, back, false, 7, 8);
                prop_assert_eq!(base.seq == 7, known);
                prop_assert!(table.oldest.len() <= capacity);
            }
        }
    }
}
