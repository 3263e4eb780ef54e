//! Where the flow of a hash is: slots by hash, in one array, so that a look-up waits for memory once (linear probing; Knuth, The Art
//! of Computer Programming, volume 3, section 6.4, algorithms L and R).
//!
//! An entry holds 32 bits of the hash beside the slot: flows that are not the one asked for are told apart without a look at
//! them, and the array grows without a look at any. Hashes have a secret seed, so nobody outside can fill one place of it.

use super::prefetch::prefetch;

/// No slot.
pub(super) const NIL: u32 = u32::MAX;

/// Fewest entries of a table that has any.
const LEAST: usize = 64;

/// A slot, and the bits of the hash by which its place is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    slot: u32,
    tag: u32,
}

const FREE: Entry = Entry { slot: NIL, tag: 0 };

/// Slots by hash.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, or none; at least a quarter is free.
    entries: Vec<Entry>,
    used: usize,
}

/// The bits of a hash that are kept: the upper ones, into which all others were mixed.
pub(super) const fn tag_of(hash: u64) -> u32 {
    (hash >> 32) as u32
}

impl Index {
    pub(super) const fn len(&self) -> usize {
        self.used
    }

    /// Bytes that the next entry needs beside those there are: all, once more than three quarters are used.
    pub(super) fn growth(&self) -> usize {
        if self.used >= self.entries.len() / 4 * 3 { 2 * self.bytes() } else { 0 }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    const fn mask(&self) -> usize {
        self.entries.len().wrapping_sub(1)
    }

    /// Asks for the memory where a tag is looked up.
    #[inline]
    pub(super) fn fetch(&self, tag: u32) {
        if let Some(entry) = self.entries.get(tag as usize & self.mask()) {
            prefetch(entry, 1);
        }
    }

    /// The slot with this tag that `is_it` says yes to.
    #[inline]
    pub(super) fn find(&self, tag: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = tag as usize & self.mask();
        loop {
            let entry = *self.entries.get(at)?;
            if entry.slot == NIL {
                return None;
            }
            if entry.tag == tag && is_it(entry.slot) {
                return Some(entry.slot);
            }
            at = (at + 1) & self.mask();
        }
    }

    /// Takes in a slot that is not there.
    pub(super) fn insert(&mut self, tag: u32, slot: u32) {
        if self.used >= self.entries.len() / 4 * 3 {
            self.grow();
        }
        self.put(Entry { slot, tag });
        self.used += 1;
    }

    fn put(&mut self, entry: Entry) {
        let mask = self.mask();
        let mut at = entry.tag as usize & mask;
        while self.entries[at].slot != NIL {
            at = (at + 1) & mask;
        }
        self.entries[at] = entry;
    }

    #[cold]
    fn grow(&mut self) {
        let larger = (self.entries.len() * 2).max(LEAST);
        let old = std::mem::replace(&mut self.entries, vec![FREE; larger]);
        for entry in old.into_iter().filter(|entry| entry.slot != NIL) {
            self.put(entry);
        }
    }

    /// Takes out a slot, if it is there. What was put behind it for want of room moves up, so that no gap hides it.
    pub(super) fn remove(&mut self, tag: u32, slot: u32) {
        let mask = self.mask();
        let mut gap = tag as usize & mask;
        loop {
            match self.entries.get(gap) {
                Some(entry) if entry.slot == slot => break,
                Some(entry) if entry.slot != NIL => gap = (gap + 1) & mask,
                _ => return,
            }
        }
        self.used -= 1;
        let mut at = gap;
        loop {
            at = (at + 1) & mask;
            let entry = self.entries[at];
            if entry.slot == NIL {
                break;
            }
            let home = entry.tag as usize & mask;
            // As far from its own place as it is from the gap, or further: it may stand there.
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(gap) & mask {
                self.entries[gap] = entry;
                gap = at;
            }
        }
        self.entries[gap] = FREE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Few different tags, so that entries stand in each other's places.
        #[test]
        fn it_holds_what_was_put_in_and_not_taken_out(steps in prop::collection::vec((any::<bool>(), 0u32..24, 0u32..200), 0..600)) {
            let mut index = Index::default();
            let mut held = BTreeSet::new();
            for (insert, tag, slot) in steps {
                // A slot has one tag.
                let (tag, slot) = (tag.wrapping_mul(0x0800_0001), slot * 24 + tag);
                if insert && held.insert((tag, slot)) {
                    index.insert(tag, slot);
                } else if !insert {
                    held.remove(&(tag, slot));
                    index.remove(tag, slot);
                }
                prop_assert_eq!(index.len(), held.len());
            }
            for &(tag, slot) in &held {
                prop_assert_eq!(index.find(tag, |found| found == slot), Some(slot));
            }
            prop_assert_eq!(index.find(7, |slot| slot == 1_000_000), None);
        }
    }
}
