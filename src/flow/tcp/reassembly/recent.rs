//! The last bytes that were told of a stream, so that copies of them can be compared. Only as many as are allowed, and as there
//! is room for.

use super::compare::Comparison;
use crate::flow::room::Room;
use std::collections::VecDeque;

/// Memory is taken in steps of at least this size.
const STEP: usize = 2048;

/// The last bytes before the place where the stream stands.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    bytes: VecDeque<u8>,
    /// Memory taken from the room; no more is ever held.
    taken: usize,
}

impl Recent {
    /// Keeps the newest of `data`, up to `most` bytes in all.
    pub(super) fn push(&mut self, data: &[u8], most: usize, room: &mut Room) {
        self.grow(self.bytes.len().saturating_add(data.len()).min(most), most, room);
        let data = &data[data.len().saturating_sub(self.taken)..];
        let over = (self.bytes.len() + data.len()).saturating_sub(self.taken);
        self.bytes.drain(..over);
        self.bytes.extend(data);
    }

    fn grow(&mut self, wanted: usize, most: usize, room: &mut Room) {
        if wanted <= self.taken {
            return;
        }
        let capacity = wanted.max(2 * self.taken).max(STEP).min(most);
        if room.take(capacity - self.taken) {
            self.taken = capacity;
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
    }

    /// Compares a copy that starts at `offset` and ends at `next` or before; `next` is where these bytes end.
    pub(super) fn compare(&self, next: u64, offset: u64, copy: &[u8], outcome: &mut Comparison) {
        let start = next - self.bytes.len() as u64;
        let unknown = start.saturating_sub(offset).min(copy.len() as u64);
        outcome.unchecked += unknown;
        let copy = &copy[unknown as usize..];
        if copy.is_empty() {
            return;
        }
        let offset = offset + unknown;
        let at = (offset - start) as usize;
        let (front, back) = self.bytes.as_slices();
        let split = front.len().saturating_sub(at).min(copy.len());
        let (first, second) = copy.split_at(split);
        outcome.compare(offset, first, &front[at.min(front.len())..][..split]);
        let at = (at + split).saturating_sub(front.len());
        outcome.compare(offset + split as u64, second, &back[at..][..second.len()]);
    }

    /// The stream goes on somewhere else.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Gives the memory back.
    pub(super) fn release(&mut self, room: &mut Room) {
        room.give_back(std::mem::take(&mut self.taken));
        self.bytes = VecDeque::new();
    }

    /// Memory held, bytes.
    #[cfg(test)]
    pub(super) const fn memory(&self) -> usize {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_last_bytes_are_kept_and_compared(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..12),
            most in 0usize..6000,
            room in 0usize..8000,
            from in any::<prop::sample::Index>(),
            length in any::<prop::sample::Index>(),
            damage in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let all = pieces.concat();
            let mut left = Room::new(room);
            let mut recent = Recent::default();
            for piece in &pieces {
                recent.push(piece, most, &mut left);
                prop_assert!(recent.bytes.len() <= recent.taken && recent.bytes.capacity() <= recent.taken);
                prop_assert!(recent.memory() <= most.min(room));
            }
            let kept = recent.bytes.len();
            prop_assert!(room < 8000 || most < 2048 || kept == all.len().min(most));
            let from = from.index(all.len() + 1);
            let mut copy = all[from..].to_vec();
            copy.truncate(length.index(copy.len() + 1));
            let damaged = damage.filter(|_| !copy.is_empty()).map(|at| at.index(copy.len()));
            if let Some(at) = damaged {
                copy[at] ^= 1;
            }
            let mut outcome = Comparison::default();
            recent.compare(all.len() as u64, from as u64, &copy, &mut outcome);
            let unknown = (all.len() - kept).saturating_sub(from).min(copy.len());
            let found = damaged.filter(|at| *at >= unknown).map(|at| (from + at) as u64);
            prop_assert_eq!(outcome.differs, found.map(|at| (at, at + 1)));
            prop_assert_eq!(outcome.unchecked, unknown as u64);
            prop_assert_eq!(outcome.differing, u64::from(found.is_some()));
            prop_assert_eq!(outcome.same + outcome.differing + outcome.unchecked, copy.len() as u64);
            recent.release(&mut left);
            prop_assert_eq!(left, Room::new(room));
        }
    }
}
