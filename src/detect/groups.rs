//! Findings of one cause, gathered by who took part: at most [`MOST`] groups, and at most [`EACH`] of one client, so that a host that
//! tries everything leaves room for the others. What finds no room is counted.

use super::bounds::Bounds;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, Hash};
use std::net::IpAddr;

/// Groups of one cause, at most: a few hundred bytes each.
const MOST: usize = 1 << 12;

/// Of them, of one client.
const EACH: usize = 256;

/// Groups by a client and something else.
#[derive(Debug)]
pub(super) struct Groups<K, G> {
    of: HashMap<(IpAddr, K), G, foldhash::fast::RandomState>,
    bounds: Bounds,
    each: HashMap<IpAddr, usize, foldhash::fast::RandomState>,
    /// What found no room.
    pub(super) without_room: u64,
}

impl<K, G> Default for Groups<K, G> {
    fn default() -> Self {
        Self { bounds: Bounds::default(), of: HashMap::default(), each: HashMap::default(), without_room: 0 }
    }
}

impl<K: Hash + Eq + Copy + Ord, G: Default> Groups<K, G> {
    /// The same with other bounds.
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    /// The group of a client and a key, a new one where there is none and there is room.
    pub(super) fn of(&mut self, client: IpAddr, key: K) -> Option<&mut G> {
        let room = self.of.len() < self.bounds.of(MOST);
        match self.of.entry((client, key)) {
            Entry::Occupied(there) => Some(there.into_mut()),
            Entry::Vacant(free) => {
                if !room || self.each.get(&client).is_some_and(|each| *each >= self.bounds.of(EACH)) {
                    self.without_room += 1;
                    return None;
                }
                *self.each.entry(client).or_default() += 1;
                Some(free.insert(G::default()))
            }
        }
    }

    /// All groups, in an order that depends on nothing but them.
    pub(super) fn into_sorted(self) -> Vec<((IpAddr, K), G)> {
        let mut all: Vec<_> = self.of.into_iter().collect();
        all.sort_by_key(|(key, _)| *key);
        all
    }
}

/// Takes a quarter out of a full table: those of the lowest rank. `gone` is told of each. A table that is bounded so costs little more than one
/// that is not, and keeps what matters, whoever came first.
pub(super) fn let_go<K: Ord + Hash + Copy, V, S: BuildHasher, R: Ord>(
    table: &mut HashMap<K, V, S>,
    rank: impl Fn(&V) -> R,
    mut gone: impl FnMut(V),
) {
    let mut ranks: Vec<(R, K)> = table.iter().map(|(key, one)| (rank(one), *key)).collect();
    let few = (ranks.len() / 4).clamp(1, ranks.len().max(1));
    if few < ranks.len() {
        ranks.select_nth_unstable(few);
    }
    for (_, key) in ranks.into_iter().take(few) {
        table.remove(&key).into_iter().for_each(&mut gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_quarter_goes_and_each_is_told() {
        let mut table: HashMap<u32, u64> = (0..100).map(|key| (key, u64::from(key % 10))).collect();
        let mut told = Vec::new();
        let_go(&mut table, |rank| *rank, |gone| told.push(gone));
        told.sort_unstable();
        assert_eq!(told, [[0; 10].as_slice(), &[1; 10], &[2; 5]].concat());
        assert_eq!(table.len(), 75);
        // Of equal ones the lower keys: nothing depends on the order in the table.
        assert!(!table.contains_key(&42) && table.contains_key(&52));
        let mut one: HashMap<u32, u64> = [(1, 1)].into();
        let_go(&mut one, |rank| *rank, drop);
        assert!(one.is_empty());
        let_go(&mut one, |rank| *rank, drop);
    }

    #[test]
    fn one_client_cannot_take_all_the_room() {
        let mut groups: Groups<u32, u64> = Groups::default();
        let ip = |n: u32| IpAddr::from(std::net::Ipv4Addr::from(n));
        for key in 0..100_000 {
            if let Some(group) = groups.of(ip(1), key) {
                *group += 1;
            }
        }
        assert!(groups.of(ip(2), 1).is_some());
        assert_eq!(groups.without_room, 100_000 - EACH as u64);
        for client in 3..40_000 {
            groups.of(ip(client), 1);
        }
        assert_eq!(groups.of.len(), MOST);
        assert!(groups.each.len() <= MOST);
    }
}
