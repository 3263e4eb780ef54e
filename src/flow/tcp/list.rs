//! A list that grows only while there is room, and says so when there is none.

use crate::flow::room::Room;
use std::collections::VecDeque;

/// Entries that a list starts with: most connections are short, and a million of them share the room.
const FIRST: usize = 2;

/// A queue under a cap of its own and the room that all flows share.
#[derive(Clone, Debug)]
pub(super) struct List<T> {
    items: VecDeque<T>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { items: VecDeque::new() }
    }
}

impl<T> List<T> {
    /// Makes sure that one more fits. `false`: the list is as long as it may be, or there is no room.
    #[inline]
    #[must_use]
    pub(super) fn make_way(&mut self, most: usize, room: &mut Room) -> bool {
        let len = self.items.len();
        len < most && (len < self.items.capacity() || self.grow(most, room))
    }

    #[cold]
    fn grow(&mut self, most: usize, room: &mut Room) -> bool {
        let capacity = self.items.capacity();
        // From the first few to as many as a window holds at once, then twice as many.
        let times = if capacity <= FIRST { 4 } else { 2 };
        let want = (capacity * times).clamp(FIRST, most.max(FIRST));
        let bytes = (want - capacity) * size_of::<T>();
        if !room.take(bytes) {
            return false;
        }
        self.items.reserve_exact(want - self.items.len());
        true
    }

    /// Half of the memory is given back when most of it is not used.
    pub(super) fn shrink(&mut self, room: &mut Room) {
        let capacity = self.items.capacity();
        if capacity > FIRST && self.items.len() * 4 <= capacity {
            self.items.shrink_to((capacity / 2).max(FIRST));
            room.give_back((capacity - self.items.capacity()) * size_of::<T>());
        }
    }

    /// Nothing more comes for a while: what is not used is given back.
    pub(super) fn fit(&mut self, room: &mut Room) {
        let capacity = self.items.capacity();
        self.items.shrink_to_fit();
        room.give_back((capacity - self.items.capacity()) * size_of::<T>());
    }

    /// Gives everything back.
    pub(super) fn release(&mut self, room: &mut Room) {
        room.give_back(self.items.capacity() * size_of::<T>());
        self.items = VecDeque::new();
    }
}

impl<T> std::ops::Deref for List<T> {
    type Target = VecDeque<T>;

    fn deref(&self) -> &VecDeque<T> {
        &self.items
    }
}

impl<T> std::ops::DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut VecDeque<T> {
        &mut self.items
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_takes_what_it_holds_and_gives_it_back() {
        let all = size_of::<[u64; 64]>();
        let mut room = Room::new(all);
        let mut list = List::<u64>::default();
        let mut pushed = 0;
        while list.make_way(1000, &mut room) {
            list.push_back(pushed);
            pushed += 1;
        }
        assert_eq!(pushed, 64);
        list.truncate(3);
        for _ in 0..8 {
            list.shrink(&mut room);
        }
        assert!(room.take(all - 12 * size_of::<u64>()) && !room.take(all));
        list.fit(&mut room);
        list.release(&mut room);
        assert!(room.take(12 * size_of::<u64>()) && !room.take(1));
    }

    #[test]
    fn a_list_keeps_to_its_own_cap() {
        let mut room = Room::new(1 << 20);
        let mut list = List::<u64>::default();
        for i in 0..100 {
            if list.make_way(20, &mut room) {
                list.push_back(i);
            }
        }
        assert_eq!(list.len(), 20);
    }
}
