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
        self.grow_to((self.items.capacity() * 2).max(FIRST), most, room)
    }

    fn grow_to(&mut self, want: usize, most: usize, room: &mut Room) -> bool {
        let capacity = self.items.capacity();
        let want = want.min(most.max(FIRST));
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

/// A list that keeps its first `N` entries in place, as most need no more.
#[derive(Clone, Debug)]
pub(super) struct Short<T, const N: usize> {
    few: [T; N],
    len: u8,
    /// All of them, once there were more.
    many: Option<Box<List<T>>>,
}

impl<T: Copy + Default, const N: usize> Default for Short<T, N> {
    fn default() -> Self {
        Self { few: [T::default(); N], len: 0, many: None }
    }
}

impl<T: Copy + Default, const N: usize> Short<T, N> {
    /// Those in place.
    #[inline]
    fn few(&self) -> &[T] {
        self.few.get(..usize::from(self.len)).unwrap_or_default()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.many.as_ref().map_or(usize::from(self.len), |many| many.items.len())
    }

    pub(super) fn capacity(&self) -> usize {
        self.many.as_ref().map_or(N, |many| many.items.capacity())
    }

    #[inline]
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        match &self.many {
            None => self.few().get(at),
            Some(many) => many.items.get(at),
        }
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        match &mut self.many {
            None => self.few.get_mut(..usize::from(self.len))?.get_mut(at),
            Some(many) => many.items.get_mut(at),
        }
    }

    #[inline]
    pub(super) fn last(&self) -> Option<&T> {
        match &self.many {
            None => self.few().last(),
            Some(many) => many.items.back(),
        }
    }

    pub(super) fn partition_point(&self, below: impl FnMut(&T) -> bool) -> usize {
        match &self.many {
            None => self.few().partition_point(below),
            Some(many) => many.items.partition_point(below),
        }
    }

    /// Makes sure that one more fits, as [`List::make_way`].
    #[inline]
    #[must_use]
    pub(super) fn make_way(&mut self, most: usize, room: &mut Room) -> bool {
        match &mut self.many {
            None => usize::from(self.len) < N || self.move_out(most, room),
            Some(many) => many.make_way(most, room),
        }
    }

    #[cold]
    fn move_out(&mut self, most: usize, room: &mut Room) -> bool {
        let mut many = Box::<List<T>>::default();
        if !room.take(size_of::<List<T>>()) {
            return false;
        }
        if !many.grow_to(N * 4, most, room) {
            room.give_back(size_of::<List<T>>());
            return false;
        }
        many.items.extend(self.few());
        (self.len, self.many) = (0, Some(many));
        true
    }

    /// To be asked for way first.
    #[inline]
    pub(super) fn push(&mut self, item: T) {
        match &mut self.many {
            None => {
                if let Some(free) = self.few.get_mut(usize::from(self.len)) {
                    *free = item;
                    self.len += 1;
                }
            }
            Some(many) => many.items.push_back(item),
        }
    }

    /// To be asked for way first.
    pub(super) fn insert(&mut self, at: usize, item: T) {
        match &mut self.many {
            None => {
                self.push(item);
                if let Some(above) = self.few.get_mut(at..usize::from(self.len)) {
                    above.rotate_right(1);
                }
            }
            Some(many) => many.items.insert(at, item),
        }
    }

    /// Takes out those from `from` to `to`.
    #[inline]
    pub(super) fn remove(&mut self, from: usize, to: usize) {
        match &mut self.many {
            None if from < to => {
                self.few.copy_within(to.min(N).., from);
                self.len -= (to - from) as u8;
            }
            None => {}
            Some(many) if to == many.items.len() => many.items.truncate(from),
            Some(many) => drop(many.items.drain(from..to)),
        }
    }

    /// The first one, taken out.
    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<T> {
        match &mut self.many {
            None => {
                let first = self.few().first().copied()?;
                self.remove(0, 1);
                Some(first)
            }
            Some(many) => many.items.pop_front(),
        }
    }

    pub(super) fn rotate_left(&mut self, by: usize) {
        match &mut self.many {
            None => self.few.get_mut(..usize::from(self.len)).unwrap_or_default().rotate_left(by),
            Some(many) => many.items.rotate_left(by),
        }
    }

    /// Half of the memory is given back when most of it is not used.
    pub(super) fn shrink(&mut self, room: &mut Room) {
        if let Some(many) = &mut self.many {
            many.shrink(room);
        }
    }

    /// Nothing more comes for a while: what is not used is given back.
    pub(super) fn fit(&mut self, room: &mut Room) {
        let Some(many) = &mut self.many else { return };
        if many.items.len() > N {
            return many.fit(room);
        }
        let mut few = Self::default();
        many.items.iter().for_each(|item| few.push(*item));
        self.release(room);
        *self = few;
    }

    /// Gives everything back.
    pub(super) fn release(&mut self, room: &mut Room) {
        if let Some(mut many) = self.many.take() {
            many.release(room);
            room.give_back(size_of::<List<T>>());
        }
        self.len = 0;
    }
}

/// A list that most connections have no use for: nothing is kept of it before its first entry.
#[derive(Clone, Debug)]
pub(super) struct Rare<T> {
    list: Option<Box<List<T>>>,
}

impl<T> Default for Rare<T> {
    fn default() -> Self {
        Self { list: None }
    }
}

impl<T: 'static> Rare<T> {
    const NONE: &'static VecDeque<T> = &VecDeque::new();

    /// Makes sure that one more fits, as [`List::make_way`].
    #[must_use]
    pub(super) fn make_way(&mut self, most: usize, room: &mut Room) -> bool {
        if self.list.is_none() {
            if !room.take(size_of::<List<T>>()) {
                return false;
            }
            self.list = Some(Box::default());
        }
        self.list.as_mut().is_some_and(|list| list.make_way(most, room))
    }

    /// To be asked for way first.
    pub(super) fn push_back(&mut self, item: T) {
        self.list.get_or_insert_default().push_back(item);
    }

    /// To be asked for way first.
    pub(super) fn insert(&mut self, at: usize, item: T) {
        self.list.get_or_insert_default().insert(at, item);
    }

    pub(super) fn pop_front(&mut self) -> Option<T> {
        self.list.as_mut()?.pop_front()
    }

    pub(super) fn pop_front_if(&mut self, when: impl FnOnce(&mut T) -> bool) -> Option<T> {
        self.list.as_mut()?.pop_front_if(when)
    }

    pub(super) fn remove(&mut self, at: usize) {
        if let Some(list) = &mut self.list {
            list.remove(at);
        }
    }

    pub(super) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.list.as_mut()?.get_mut(at)
    }

    pub(super) fn back_mut(&mut self) -> Option<&mut T> {
        self.list.as_mut()?.back_mut()
    }

    pub(super) fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut T> {
        self.list.iter_mut().flat_map(|list| list.iter_mut())
    }

    pub(super) fn clear(&mut self) {
        if let Some(list) = &mut self.list {
            list.clear();
        }
    }

    pub(super) fn shrink(&mut self, room: &mut Room) {
        if let Some(list) = &mut self.list {
            list.shrink(room);
        }
    }

    pub(super) fn fit(&mut self, room: &mut Room) {
        if self.is_empty() {
            self.release(room);
        } else if let Some(list) = &mut self.list {
            list.fit(room);
        }
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        if let Some(mut list) = self.list.take() {
            list.release(room);
            room.give_back(size_of::<List<T>>());
        }
    }
}

impl<T: 'static> std::ops::Deref for Rare<T> {
    type Target = VecDeque<T>;

    fn deref(&self) -> &VecDeque<T> {
        self.list.as_ref().map_or(Self::NONE, |list| &list.items)
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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn a_short_list_is_as_a_long_one(steps in prop::collection::vec((0u8..9, any::<u8>(), any::<u8>()), 0..200)) {
            let mut room = Room::new(4000);
            let (mut list, mut plain) = (Short::<u32, 2>::default(), Vec::new());
            for (number, (what, a, b)) in (0u32..).zip(steps) {
                let (len, a) = (plain.len(), usize::from(a) % (plain.len() + 1));
                match what {
                    0..3 if list.make_way(60, &mut room) => {
                        list.push(number);
                        plain.push(number);
                    }
                    3 if list.make_way(60, &mut room) => {
                        list.insert(a, number);
                        plain.insert(a, number);
                    }
                    4 => {
                        let to = a + usize::from(b) % (len - a + 1);
                        list.remove(a, to);
                        plain.drain(a..to);
                    }
                    5 => prop_assert_eq!(list.pop_front(), (len > 0).then(|| plain.remove(0))),
                    6 => {
                        list.rotate_left(a);
                        plain.rotate_left(a);
                    }
                    7 => list.fit(&mut room),
                    8 => list.shrink(&mut room),
                    _ => prop_assert!(len >= 2, "the first ones always fit"),
                }
                prop_assert_eq!((list.len(), list.last()), (plain.len(), plain.last()));
                prop_assert!((0..=plain.len()).all(|at| list.get(at) == plain.get(at)));
                prop_assert_eq!(list.get_mut(a).copied(), plain.get(a).copied());
            }
            list.release(&mut room);
            prop_assert!(room.take(4000) && !room.take(1));
        }
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
