//! Data that is sent again with other bytes. Of the last segments of each direction their numbers, their sums and first bytes are kept;
//! a segment that begins below the highest byte seen is compared with them, any other only noted.
//!
//! The sum of a segment's bytes is taken out of its checksum and its headers (RFC 1624), so that its data need not be looked at. It says
//! whether two segments with the same boundaries differ, wherever they do; with other boundaries only the first bytes of the one
//! that was kept can be compared. A sum hides one difference in 65,536, and words that change places.

use super::Sighting;
use crate::decode::Checksum;
use crate::flow::citations::Place;
use crate::flow::room::Room;
use crate::flow::tampered::Rewritten;
use crate::flow::tcp::seq::Seq;

/// Segments of a direction that are kept at most, and how many at first.
const SEGMENTS: usize = 8;
const FIRST: usize = 2;

/// Bytes of each.
const HEAD: usize = 40;

/// One that is neither known to be right nor to be wrong may be damage; two are not.
const UNSURE: u64 = 2;

/// A segment as it is kept: a line of the cache.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u64,
    seq: Seq,
    len: u32,
    source: u16,
    /// The sum of its bytes, where that is known.
    sum: Option<u16>,
    /// Its bytes themselves were added up.
    added: bool,
    captured: u8,
    head: [u8; HEAD],
}

impl Sent {
    fn of(seen: &Sighting<'_, '_>) -> Self {
        let bytes = seen.packet.payload();
        let mut head = [0; HEAD];
        let captured = bytes.len().min(HEAD);
        if let Some(first) = bytes.first_chunk::<HEAD>() {
            head = *first;
        } else {
            head[..captured].copy_from_slice(bytes);
        }
        let (sum, added) = seen.packet.payload_sum();
        let (seq, len) = (seen.segment.seq, seen.segment.len);
        Self { number: seen.number, seq, len, source: seen.source, sum, added, captured: captured as u8, head }
    }

    fn end(&self) -> Seq {
        self.seq.plus(self.len)
    }

    fn head(&self) -> &[u8] {
        &self.head[..usize::from(self.captured)]
    }

    /// Is it certain that its bytes are those that it was sent with?
    fn is_sound(&self) -> bool {
        self.added || (usize::from(self.captured) == self.len as usize && self.sum == Some(crate::decode::sum_of(self.head())))
    }

    /// Does `new`, with these bytes, differ from it where they overlap? And is that certain on its side? Nothing where they do not, or it
    /// cannot be said.
    fn differs(&self, new: &Self, bytes: &[u8]) -> Option<bool> {
        let same_place = self.seq == new.seq && self.len == new.len;
        // Where the first bytes that both have begin in each.
        let skip = new.seq.since(self.seq);
        let (here, there) = if skip >= 0 { (skip as usize, 0) } else { (0, skip.unsigned_abs() as usize) };
        let (mine, its) = (self.head().get(here..).unwrap_or_default(), bytes.get(there..).unwrap_or_default());
        let heads_differ = mine.iter().zip(its).any(|(a, b)| a != b);
        match (self.sum, new.sum) {
            // One of them was damaged on the way: what they were sent with is the same.
            (Some(a), Some(b)) if same_place && a == b => None,
            (Some(_), Some(_)) if same_place => Some(true),
            _ => heads_differ.then(|| self.is_sound()),
        }
    }
}

/// What one direction sent lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    /// In a ring once they are as many as are kept.
    sent: Vec<Sent>,
    at: usize,
    /// One past the highest byte seen.
    top: Option<Seq>,
    without_room: bool,
    found: Option<Box<Rewritten>>,
}

impl Recent {
    /// A segment with data, which its receiver would take. `acked`: the first number that the receiver has not acknowledged.
    #[inline]
    pub(super) fn on_data(&mut self, seen: &Sighting<'_, '_>, acked: Option<Seq>, room: &mut Room) {
        let segment = seen.segment;
        let new = Sent::of(seen);
        let end = new.end();
        match self.top {
            Some(top) if segment.seq.since(top) < 0 => {
                if end.since(top) > 0 {
                    self.top = Some(end);
                }
                if self.compare(&new, seen, acked) {
                    return; // What was first stays.
                }
            }
            _ => self.top = Some(end),
        }
        self.keep(new, room);
    }

    fn keep(&mut self, new: Sent, room: &mut Room) {
        let full = self.sent.len() == self.sent.capacity() && self.sent.len() < SEGMENTS;
        if full && !self.grow(room) && self.sent.is_empty() {
            self.without_room = true;
            return;
        }
        if self.sent.len() < self.sent.capacity() && self.sent.len() < SEGMENTS {
            self.sent.push(new);
            return;
        }
        let most = self.sent.len();
        self.sent[self.at % most] = new;
        self.at = (self.at + 1) % most;
    }

    #[cold]
    fn grow(&mut self, room: &mut Room) -> bool {
        let more = if self.sent.is_empty() { FIRST } else { SEGMENTS - self.sent.len() };
        let takes = room.take(more * size_of::<Sent>());
        if takes {
            // In order of age from here on: the oldest is to go first.
            self.sent.rotate_left(self.at);
            self.at = 0;
            self.sent.reserve_exact(more);
        }
        takes
    }

    /// Compares a segment that begins below the highest byte with those that are kept. Says whether it was there before.
    #[cold]
    fn compare(&mut self, new: &Sent, seen: &Sighting<'_, '_>, acked: Option<Seq>) -> bool {
        let bytes = seen.packet.payload();
        let overlaps = |old: &&Sent| old.seq.since(new.end()) < 0 && new.seq.since(old.end()) < 0;
        let mut there = false;
        let mut different: Option<(Place, bool)> = None;
        for old in self.sent.iter().filter(overlaps) {
            there |= old.seq.since(new.seq) <= 0 && old.end().since(new.end()) >= 0;
            // The oldest of them is what was sent first.
            if let Some(sure) = old.differs(new, bytes)
                && different.is_none_or(|((_, number), _)| old.number < number)
            {
                // A kernel acknowledges no damaged segment.
                let taken = acked.is_some_and(|acked| old.end().since(acked) <= 0);
                different = Some(((old.source, old.number), sure || taken));
            }
        }
        let Some((first, sure)) = different else { return there };
        let sound = match seen.packet.transport_checksum() {
            Some(Checksum::Good) => true,
            Some(Checksum::Bad { .. }) if new.added => true,
            // No host takes it, unless checksums are wrong for another reason; or it cannot be known.
            Some(Checksum::Bad { .. }) => return there,
            _ => false,
        };
        let found = self.found.get_or_insert_default();
        *(if sure && sound { &mut found.sure } else { &mut found.unsure }) += 1;
        found.packets.push(first);
        found.packets.push((seen.source, seen.number));
        there
    }

    pub(super) fn found(&self) -> Option<Rewritten> {
        self.found.as_deref().filter(|found| found.sure > 0 || found.unsure >= UNSURE).cloned()
    }

    /// Is there nothing to be told of it?
    pub(super) const fn has_nothing(&self) -> bool {
        self.found.is_none() && !self.without_room
    }

    pub(super) const fn went_without(&self) -> bool {
        self.without_room
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        room.give_back(self.sent.capacity() * size_of::<Sent>());
        (self.sent, self.at) = (Vec::new(), 0);
    }
}

#[cfg(test)]
mod size {
    #[test]
    fn one_segment_takes_a_line() {
        assert_eq!(size_of::<super::Sent>(), 64);
    }
}
