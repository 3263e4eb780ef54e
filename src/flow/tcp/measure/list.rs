//! A list that grows by way of [`Room`], up to a number of its own.

use crate::flow::room::Room;
use std::collections::VecDeque;

/// Entries that a list begins with, and below which it does not shrink.
const LEAST: usize = 4;
const SHRINKS_ABOVE: usize = 64;

/// A bounded double-ended list.
#[derive(Clone, Debug)]
pub(super) struct List<T> {
    pub(super) entries: VecDeque<T>,
    /// Bytes taken from the room.
    held: usize,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self { entries: VecDeque::new(), held: 0 }
    }
}

impl<T> List<T> {
    /// Makes sure that one more entry fits. `false`: `most` are there, or the room is used up.
    #[must_use]
    pub(super) fn reserve(&mut self, most: usize, room: &mut Room) -> bool {
        let (len, capacity) = (self.entries.len(), self.entries.capacity());
        if len >= most {
            return false;
        }
        if len < capacity {
            return true;
        }
        let wanted = (capacity * 2).clamp(LEAST, most);
        if !room.take((wanted - capacity) * size_of::<T>()) {
            return false;
        }
        self.held += (wanted - capacity) * size_of::<T>();
        self.entries.reserve_exact(wanted - len);
        true
    }

    /// Gives memory back that a burst needed and that is mostly unused since.
    pub(super) fn shrink(&mut self, room: &mut Room) {
        let capacity = self.entries.capacity();
        if capacity > SHRINKS_ABOVE && self.entries.len() < capacity / 8 {
            self.entries.shrink_to(capacity / 4);
            let held = self.entries.capacity() * size_of::<T>();
            room.give_back(self.held.saturating_sub(held));
            self.held = self.held.min(held);
        }
    }

    /// Gives everything back.
    pub(super) fn release(&mut self, room: &mut Room) {
        self.entries = VecDeque::new();
        room.give_back(std::mem::take(&mut self.held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_given_back() {
        let mut room = Room::new(1000 * 8);
        let mut list = List::<u64>::default();
        for entry in 0..600 {
            assert!(list.reserve(500, &mut room) == (entry < 500));
            if entry < 500 {
                list.entries.push_back(entry);
            }
        }
        assert!(!room.take(501 * 8) && list.entries.capacity() <= 500);
        list.entries.truncate(10);
        list.shrink(&mut room);
        assert!(list.entries.capacity() <= 125 && room.take(875 * 8) && !room.take(8));
        room.give_back(875 * 8);
        list.release(&mut room);
        assert!(room.take(8000) && !room.take(1));
    }

    #[test]
    fn without_room_there_is_no_list() {
        let mut room = Room::new(8 * 4 + 7);
        let mut list = List::<u64>::default();
        for entry in 0..4 {
            assert!(list.reserve(100, &mut room));
            list.entries.push_back(entry);
        }
        assert!(!list.reserve(100, &mut room) && list.entries.capacity() == 4);
    }
}
