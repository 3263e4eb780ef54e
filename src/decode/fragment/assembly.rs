//! The data of one datagram as far as it came, and what is done about fragments that overlap.
//!
//! Over IPv4 what came first stays, and an overlapping fragment only fills what was missing (as the BSD systems do at its
//! front); RFC 791 leaves it open. Over IPv6 the whole datagram is dropped, with all of its fragments still to come (RFC 5722,
//! RFC 8200 section 4.5). A fragment that is there already, byte for byte, is not an overlap for either.

use std::collections::BTreeMap;

/// Memory of one range in the map, its nodes being half full at worst.
const RANGE: usize = 64;
/// The store grows by steps of this size, so that its capacity is known beforehand.
const STEP: usize = 2048;

/// What became of a fragment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// Kept, all of it.
    Kept,
    /// Overlaps others: what was missing is kept (IPv4), or everything dropped (IPv6).
    Overlapping,
    /// Was there already.
    Duplicate,
    /// Contradicts the datagram's end.
    Malformed,
    /// The datagram was dropped before.
    AlreadyDropped,
}

/// A range of the datagram: its length, and where its bytes lie in the store.
#[derive(Clone, Copy)]
struct Range {
    length: u16,
    at: u32,
}

/// The data so far.
#[derive(Default)]
pub(super) struct Assembly {
    /// By offset; no two overlap.
    ranges: BTreeMap<u16, Range>,
    /// The bytes in the order in which they came.
    store: Vec<u8>,
    /// Length of the whole, once the last fragment came.
    end: Option<u16>,
    dropped: bool,
}

impl Assembly {
    /// Memory in use, bytes.
    pub(super) fn memory(&self) -> usize {
        self.store.capacity() + self.ranges.len() * RANGE
    }

    /// By how much memory may grow when `length` bytes are added: an overlapping fragment may fill several holes.
    pub(super) fn growth(&self, length: usize) -> usize {
        let capacity = (self.store.len() + length).next_multiple_of(STEP);
        capacity.saturating_sub(self.store.capacity()) + Self::ranges_for(length)
    }

    /// The same of a datagram that has no fragment yet.
    pub(super) fn growth_of_first(length: usize) -> usize {
        length.next_multiple_of(STEP) + Self::ranges_for(length)
    }

    /// Between two holes lies a range of eight bytes at least.
    const fn ranges_for(length: usize) -> usize {
        (length / 16 + 1) * RANGE
    }

    /// Was it dropped for its overlaps?
    pub(super) const fn is_dropped(&self) -> bool {
        self.dropped
    }

    /// Is every byte there? No two ranges overlap, so their lengths tell.
    pub(super) fn is_complete(&self) -> bool {
        !self.dropped && self.end.is_some_and(|end| usize::from(end) == self.store.len())
    }

    /// Length of the data, bytes.
    pub(super) fn len(&self) -> usize {
        self.store.len()
    }

    /// Takes a fragment in; `offset` and its length reach no further than 65,535.
    pub(super) fn add(&mut self, offset: u16, more: bool, data: &[u8], v6: bool) -> Added {
        if self.dropped {
            return Added::AlreadyDropped;
        }
        let end = offset + data.len() as u16;
        if self.has(offset, data) && (more || self.end == Some(end)) {
            return Added::Duplicate;
        }
        if self.contradicts_the_end(end, more) {
            return Added::Malformed;
        }
        let overlaps = self.overlaps(offset, end);
        if overlaps && v6 {
            *self = Self { dropped: true, ..Self::default() };
            return Added::Overlapping;
        }
        if !more {
            self.end = Some(end);
        }
        if overlaps {
            self.fill(offset, end, data);
            return Added::Overlapping;
        }
        self.keep(offset, data);
        Added::Kept
    }

    /// Is there a range with these bounds and bytes?
    fn has(&self, offset: u16, data: &[u8]) -> bool {
        self.ranges.get(&offset).is_some_and(|range| self.bytes(*range) == data)
    }

    fn bytes(&self, range: Range) -> &[u8] {
        let at = range.at as usize;
        &self.store[at..at + usize::from(range.length)]
    }

    /// Does it reach past the known end, or name one that others lie beyond?
    fn contradicts_the_end(&self, end: u16, more: bool) -> bool {
        let reached = self.ranges.last_key_value().map_or(0, |(offset, range)| offset + range.length);
        match self.end {
            Some(known) => end > known || (!more && end != known),
            None => !more && end < reached,
        }
    }

    fn overlaps(&self, offset: u16, end: u16) -> bool {
        // Ranges do not overlap each other: of those that start before the end, only the last can reach past the start.
        self.ranges.range(..end).next_back().is_some_and(|(start, range)| start + range.length > offset)
    }

    /// Keeps what lies in no range yet.
    fn fill(&mut self, offset: u16, end: u16, data: &[u8]) {
        let before = self.ranges.range(..=offset).next_back();
        let mut at = before.map_or(offset, |(start, range)| (start + range.length).max(offset));
        let mut holes = Vec::new();
        for (&start, range) in self.ranges.range(at..end.max(at)) {
            if start > at {
                holes.push((at, start));
            }
            at = start + range.length;
        }
        if at < end {
            holes.push((at, end));
        }
        for (from, to) in holes {
            self.keep(from, &data[usize::from(from - offset)..usize::from(to - offset)]);
        }
    }

    fn keep(&mut self, offset: u16, data: &[u8]) {
        let at = self.store.len();
        let capacity = (at + data.len()).next_multiple_of(STEP);
        if capacity > self.store.capacity() {
            self.store.reserve_exact(capacity - at);
        }
        self.store.extend_from_slice(data);
        self.ranges.insert(offset, Range { length: data.len() as u16, at: at as u32 });
    }

    /// Appends the data in order.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for range in self.ranges.values() {
            out.extend_from_slice(self.bytes(*range));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(assembly: &Assembly) -> Vec<u8> {
        let mut out = Vec::new();
        assembly.write(&mut out);
        out
    }

    #[test]
    fn over_ipv4_what_came_first_stays() {
        let mut a = Assembly::default();
        assert_eq!(a.add(8, true, &[1; 8], false), Added::Kept);
        assert_eq!(a.add(24, true, &[2; 8], false), Added::Kept);
        assert_eq!(a.add(0, true, &[3; 40], false), Added::Overlapping);
        assert_eq!(a.add(40, false, &[4; 3], false), Added::Kept);
        assert!(a.is_complete());
        assert_eq!(text(&a), [&[3; 8][..], &[1; 8], &[3; 8], &[2; 8], &[3; 8], &[4; 3]].concat());
    }

    #[test]
    fn over_ipv6_an_overlap_drops_all_and_what_comes_later() {
        let mut a = Assembly::default();
        assert_eq!(a.add(0, true, &[1; 16], true), Added::Kept);
        assert_eq!(a.add(0, true, &[1; 16], true), Added::Duplicate);
        assert_eq!(a.add(8, false, &[1; 8], true), Added::Overlapping);
        assert_eq!(a.add(16, false, &[1; 8], true), Added::AlreadyDropped);
        assert!(!a.is_complete() && a.memory() == 0);
    }

    #[test]
    fn ends_must_agree() {
        let mut a = Assembly::default();
        assert_eq!(a.add(8, false, &[1; 8], false), Added::Kept);
        assert_eq!(a.add(16, true, &[1; 8], false), Added::Malformed);
        assert_eq!(a.add(8, false, &[1; 4], false), Added::Malformed);
        assert_eq!(a.add(8, false, &[1; 8], false), Added::Duplicate);
        let mut a = Assembly::default();
        assert_eq!(a.add(16, true, &[1; 8], false), Added::Kept);
        assert_eq!(a.add(0, false, &[1; 8], false), Added::Malformed);
    }

    proptest! {
        #[test]
        fn pieces_in_any_order_give_the_whole(
            data in prop::collection::vec(any::<u8>(), 1..4000),
            size in 1usize..40,
            order in any::<prop::sample::Index>(),
            v6 in any::<bool>(),
        ) {
            let mut pieces: Vec<(usize, &[u8])> = data.chunks(size * 8).enumerate().map(|(i, d)| (i * size * 8, d)).collect();
            let shift = order.index(pieces.len());
            pieces.rotate_left(shift);
            if shift % 2 == 1 {
                pieces.reverse();
            }
            let mut a = Assembly::default();
            for (i, (offset, piece)) in pieces.iter().enumerate() {
                prop_assert!(!a.is_complete(), "not before all {} are there", pieces.len());
                let more = offset + piece.len() < data.len();
                let (before, growth) = (a.memory(), a.growth(piece.len()));
                prop_assert_eq!(a.add(*offset as u16, more, piece, v6), Added::Kept, "{}", i);
                prop_assert!(a.memory() <= before + growth);
            }
            prop_assert!(a.is_complete());
            prop_assert_eq!(text(&a), data);
        }

        /// Against a plain byte map in which nothing is overwritten.
        #[test]
        fn overlapping_pieces_fill_only_what_is_missing(
            pieces in prop::collection::vec((0u16..40, 1u16..12, any::<u8>()), 1..40),
        ) {
            let mut a = Assembly::default();
            let mut model = vec![None; 8 * 60];
            for (start, eighths, value) in pieces {
                let (offset, length) = (start * 8, usize::from(eighths) * 8);
                let (before, growth) = (a.memory(), a.growth(length));
                a.add(offset, true, &vec![value; length], false);
                prop_assert!(a.memory() <= before + growth);
                for slot in &mut model[usize::from(offset)..usize::from(offset) + length] {
                    slot.get_or_insert(value);
                }
            }
            for (offset, range) in &a.ranges {
                for (i, byte) in a.bytes(*range).iter().enumerate() {
                    prop_assert_eq!(model[usize::from(*offset) + i].take(), Some(*byte));
                }
            }
            prop_assert!(model.iter().all(Option::is_none), "nothing else was kept, and nothing is missing");
        }
    }
}
