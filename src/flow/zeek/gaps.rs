//! What the receiver acknowledged and the capture never had: Zeek's content gaps, `g` and `missed_bytes`.
//!
//! A gap is found by an acknowledgment, never by a hole alone. Offsets are relative to the start of the numbers, the SYN being 0.
//! No byte is kept, only which ranges there were.

use super::weird::{Weird, Weirds};
use crate::flow::room::Room;

/// `tcp_max_above_hole_without_any_acks`, and `tcp_max_initial_window`.
const MOST_UNACKED: u64 = 16_384;
/// `tcp_excessive_data_without_further_acks`.
const MOST_HELD: u64 = 10 << 20;
/// Most ranges above holes of a direction; Zeek has no such bound. Beyond it, or without room, the direction is given up.
const MOST_RANGES: usize = 4096;
/// Ranges by which the list grows.
const STEP: usize = 16;

/// The bytes of one direction.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    /// Everything before is there, or given up.
    delivered: u64,
    /// Everything before is acknowledged.
    trimmed: u64,
    /// What most directions never have.
    holes: Option<Box<Holes>>,
}

/// What a hole leaves behind.
#[derive(Clone, Debug, Default)]
struct Holes {
    /// What there is above `delivered`: ascending, apart from each other.
    above: Vec<(u64, u64)>,
    /// Bytes in those.
    above_bytes: u64,
    /// Bytes missed in gaps.
    missed: u64,
    /// No more is looked for.
    given_up: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self { delivered: 1, trimmed: 1, holes: None }
    }
}

/// How an acknowledgment is to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acked {
    /// Up to here, exclusive.
    pub(super) to: u64,
    /// Both sides are open, or were when they closed: gaps count.
    pub(super) counts: bool,
    /// The connection began in the middle.
    pub(super) partial: bool,
}

/// What the numbers of a direction say.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentSoFar {
    /// How far it is acknowledged.
    pub(super) acked: u64,
    /// None of its data ever was.
    pub(super) nothing_acked: bool,
    /// Payload bytes; asked for only of one of which nothing was acknowledged.
    pub(super) size: u64,
}

impl Stream {
    /// Data came.
    #[inline(always)]
    pub(super) fn insert(&mut self, start: u64, len: u64, sent: SentSoFar, weirds: &mut Weirds, room: &mut Room) {
        let end = start.saturating_add(len);
        if end <= sent.acked || self.has_given_up() {
            return;
        }
        let start = start.max(self.trimmed).max(sent.acked);
        if start < end {
            let before = self.delivered;
            self.keep(start, end, room);
            if self.delivered > before && sent.nothing_acked && sent.size > MOST_UNACKED {
                // Nobody seems to acknowledge here: what is delivered is not waited for.
                self.trimmed = self.trimmed.max(self.delivered);
            }
        }
        let (top, above_bytes) = match &self.holes {
            Some(holes) => (holes.above.last().map_or(self.delivered, |range| range.1), holes.above_bytes),
            None => (self.delivered, 0),
        };
        if sent.nothing_acked && top - self.delivered > MOST_UNACKED {
            weirds.add(Weird::AboveHole);
            self.give_up(room);
        } else if self.delivered.saturating_sub(self.trimmed) + above_bytes > MOST_HELD {
            weirds.add(Weird::ExcessiveData);
            self.give_up(room);
        }
    }

    #[inline(always)]
    fn keep(&mut self, start: u64, end: u64, room: &mut Room) {
        if end <= self.delivered {
            return;
        }
        if start <= self.delivered {
            self.delivered = end;
            self.deliver();
            return;
        }
        if !self.holes.get_or_insert_default().keep(start, end, room) {
            self.give_up(room);
        }
    }

    /// Takes what follows `delivered` without a hole.
    #[inline(always)]
    fn deliver(&mut self) {
        if let Some(holes) = &mut self.holes {
            self.delivered = holes.deliver(self.delivered);
        }
    }

    /// The other side acknowledges: `gap` is called for each gap that counts. Does this say anything new?
    #[inline(always)]
    pub(super) fn acknowledge(&mut self, acked: Acked, gap: impl FnMut()) -> bool {
        let to = acked.to;
        if to <= self.trimmed {
            return false;
        }
        if to > self.delivered {
            self.pass(acked, gap);
        }
        self.trimmed = to;
        true
    }

    /// Gives up what is acknowledged and was never there.
    #[cold]
    fn pass(&mut self, Acked { to, counts, partial }: Acked, gap: impl FnMut()) {
        // What precedes the first packet of a partial connection was not missed.
        if (partial && to <= 2) || self.has_given_up() {
            return;
        }
        let missed = if counts { self.gaps_below(to, gap) } else { 0 };
        if missed > 0 {
            let holes = self.holes.get_or_insert_default();
            holes.missed = holes.missed.saturating_add(missed);
        }
        self.delivered = to;
        self.deliver();
    }

    /// Bytes that are not there between `delivered` and `to`; `gap` is called for each stretch of them.
    fn gaps_below(&self, to: u64, mut gap: impl FnMut()) -> u64 {
        let above = self.holes.as_ref().map_or(&[][..], |holes| &holes.above);
        let (mut at, mut missed) = (self.delivered, 0);
        for &(from, until) in above.iter().take_while(|&&(from, _)| from < to).chain(&[(to, to)]) {
            if from > at {
                missed += from - at;
                gap();
            }
            at = at.max(until);
        }
        missed
    }

    /// Bytes missed in gaps.
    pub(super) fn missed(&self) -> u64 {
        self.holes.as_ref().map_or(0, |holes| holes.missed)
    }

    /// Is there data that was neither acknowledged nor given up?
    pub(super) fn holds(&self) -> bool {
        let above = self.holes.as_ref().is_some_and(|holes| !holes.above.is_empty());
        !self.has_given_up() && (self.delivered > self.trimmed || above)
    }

    /// Is no more looked for?
    pub(super) fn has_given_up(&self) -> bool {
        self.holes.as_ref().is_some_and(|holes| holes.given_up)
    }

    /// Has all that was sent up to `reach` come? A FIN may take the last place.
    pub(super) const fn is_delivered_to(&self, reach: u64) -> bool {
        reach <= self.delivered.saturating_add(1)
    }

    #[cold]
    fn give_up(&mut self, room: &mut Room) {
        let holes = self.holes.get_or_insert_default();
        holes.given_up = true;
        holes.release(room);
    }

    /// The connection is over: what the list held is given back.
    pub(super) fn release(&mut self, room: &mut Room) {
        if let Some(holes) = &mut self.holes {
            holes.release(room);
        }
    }
}

impl Holes {
    /// Keeps a range above the first hole. `false`: there is no room.
    fn keep(&mut self, start: u64, end: u64, room: &mut Room) -> bool {
        let first = self.above.partition_point(|&(_, to)| to < start);
        let last = self.above.partition_point(|&(from, _)| from <= end);
        if first < last {
            // It touches ranges first..last: one is made of them all.
            let joined = (self.above[first].0.min(start), self.above[last - 1].1.max(end));
            let before: u64 = self.above[first..last].iter().map(|(from, to)| to - from).sum();
            self.above[first] = joined;
            self.above.drain(first + 1..last);
            self.above_bytes += joined.1 - joined.0 - before;
            return true;
        }
        if self.above.len() == self.above.capacity() {
            if self.above.len() >= MOST_RANGES || !room.take(STEP * size_of::<(u64, u64)>()) {
                return false;
            }
            self.above.reserve_exact(STEP);
        }
        self.above.insert(first, (start, end));
        self.above_bytes += end - start;
        true
    }

    /// Lets go of what follows `delivered` without a hole: how far that reaches.
    fn deliver(&mut self, delivered: u64) -> u64 {
        let mut delivered = delivered;
        let reached = self.above.partition_point(|&(from, _)| from <= delivered);
        for &(from, to) in &self.above[..reached] {
            self.above_bytes -= to - from;
            delivered = delivered.max(to);
        }
        self.above.drain(..reached);
        delivered
    }

    fn release(&mut self, room: &mut Room) {
        room.give_back(self.above.capacity() * size_of::<(u64, u64)>());
        self.above = Vec::new();
        self.above_bytes = 0;
    }
}

/// Bytes of what a hole leaves behind.
#[cfg(test)]
pub(super) const HOLES: usize = size_of::<Holes>();

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ack(to: u64) -> Acked {
        Acked { to, counts: true, partial: false }
    }

    const ACKED: SentSoFar = SentSoFar { acked: 0, nothing_acked: false, size: 0 };

    fn gaps(stream: &mut Stream, acked: Acked) -> u32 {
        let mut n = 0;
        stream.acknowledge(acked, || n += 1);
        n
    }

    #[test]
    fn each_hole_below_an_acknowledgment_is_a_gap() {
        let (mut stream, mut room, mut weirds) = (Stream::default(), Room::new(1 << 20), Weirds::default());
        for (start, len) in [(1, 10), (21, 10), (41, 10)] {
            stream.insert(start, len, ACKED, &mut weirds, &mut room);
        }
        assert!(stream.holds() && !stream.is_delivered_to(51));
        assert_eq!(gaps(&mut stream, ack(11)), 0);
        assert_eq!(gaps(&mut stream, ack(51)), 2);
        assert_eq!((stream.missed(), stream.holds(), stream.is_delivered_to(52)), (20, false, true));
        assert_eq!(gaps(&mut stream, ack(61)), 1, "and what lies above all that came");
        stream.release(&mut room);
        assert_eq!(room, Room::new(1 << 20));
    }

    #[test]
    fn gaps_of_connections_that_are_not_open_count_nothing_but_are_passed() {
        let mut stream = Stream::default();
        assert_eq!(gaps(&mut stream, Acked { to: 100, counts: false, partial: false }), 0);
        assert_eq!((stream.missed(), gaps(&mut stream, ack(100))), (0, 0));
    }

    #[test]
    fn without_any_acknowledgment_a_direction_is_given_up() {
        let (mut stream, mut room, mut weirds) = (Stream::default(), Room::new(1 << 20), Weirds::default());
        stream.insert(1001, 16_385, SentSoFar { nothing_acked: true, ..ACKED }, &mut weirds, &mut room);
        assert_eq!(weirds.names().collect::<Vec<_>>(), ["above_hole_data_without_any_acks"]);
        assert_eq!((gaps(&mut stream, ack(20_000)), room), (0, Room::new(1 << 20)));
    }

    #[test]
    fn holes_without_room_give_the_direction_up() {
        let (mut stream, mut room) = (Stream::default(), Room::new(1000));
        for n in 0..100_000u64 {
            stream.insert(10 + n * 2, 1, ACKED, &mut Weirds::default(), &mut room);
        }
        assert!(stream.has_given_up());
        assert!(room.take(1000) && !room.take(1), "all was given back");
    }

    proptest! {
        /// Against a bitmap.
        #[test]
        fn missed_bytes_are_those_never_seen(steps in proptest::collection::vec((any::<bool>(), 1u64..200, 1u64..40), 0..60)) {
            let (mut stream, mut room, mut weirds) = (Stream::default(), Room::new(1 << 20), Weirds::default());
            let (mut seen, mut acked, mut missed) = ([false; 300], 1u64, 0);
            for (is_ack, at, len) in steps {
                if is_ack {
                    let mut n = 0;
                    stream.acknowledge(ack(at), || n += 1);
                    if at > acked {
                        missed += (acked..at).filter(|&i| !seen[i as usize]).count() as u64;
                        acked = at;
                    }
                } else {
                    stream.insert(at, len, ACKED, &mut weirds, &mut room);
                    (at.max(acked)..at + len).for_each(|i| seen[i as usize] = true);
                }
                prop_assert_eq!(stream.missed(), missed);
                let Holes { above, above_bytes, .. } = stream.holes.as_deref().cloned().unwrap_or_default();
                prop_assert!(above.is_sorted() && above.windows(2).all(|w| w[0].1 < w[1].0));
                prop_assert_eq!(above_bytes, above.iter().map(|(a, b)| b - a).sum::<u64>());
            }
            stream.release(&mut room);
            prop_assert_eq!(room, Room::new(1 << 20));
        }
    }
}
