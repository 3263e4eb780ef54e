//! Which of a side's sequence numbers have passed, when, how often, and which were acknowledged: tcptrace's list.
//!
//! The circle of 2^32 is cut into four quadrants. A piece lies in one of them, and whatever touches a quadrant drops the
//! pieces of the one opposite: bytes seen again after more than 1 to 2 GiB are new ones. Numbers are compared by
//! their distance from the start of the quadrant below the last one touched, so that all that is remembered is ascending.
//!
//! Pieces that adjoin and are acknowledged become one, so that normal traffic leaves one piece and what is under way.

use super::Short;
use crate::flow::room::Room;
use crate::flow::tcp::early;

/// Numbers of a quadrant.
const QUADRANT: u32 = 1 << 30;

/// Most pieces of a direction, 131,072 bytes: what is under way and not acknowledged, or holes.
pub(super) const MOST: usize = 8192;

/// A list no longer than this keeps its memory: bursts come again.
const SHRINKS_ABOVE: usize = 64;

/// Numbers that passed together.
#[derive(Clone, Copy, Debug, Default)]
struct Piece {
    first: u32,
    last: u32,
    /// When it passed, microseconds; of a piece that passed again at its beginning, when that was. Times of captures are counted in
    /// nanoseconds, so that above them there is room for [`ACKED`] and [`RESENT`] in the two lowest bits.
    sent: i64,
}

/// The peer has acknowledged it.
const ACKED: i64 = 1;
/// Some of it passed again.
const RESENT: i64 = 2;
/// Bits of these.
const MARKS: u32 = 2;

/// What a packet was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Numbers of it that had passed before.
    pub(super) again: u32,
    /// It filled a hole, or a part of one, and ended before the last number of the piece above.
    pub(super) out_of_order: bool,
}

/// What an acknowledgment was of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Acked {
    /// Of nothing, or of nothing that ends where it does.
    Nothing,
    /// Of a piece that passed once, at this time.
    Once(i64),
    /// Of a piece that passed more than once: Karn's problem.
    Ambiguous,
    /// Of a piece below which something passed later: it waited for that.
    Overtaken,
}

/// The pieces of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Sequence {
    /// Ascending by [`Self::place`], apart from each other.
    pieces: Short<Piece, 2>,
    /// First number of the quadrant below the last one touched.
    base: u32,
    /// So many pieces from the first are known to be acknowledged. What comes later need not look at them again.
    settled: u16,
    /// The latest time of those of them that lie in the quadrant of the last of them.
    latest: i64,
    forgot: bool,
}

impl Sequence {
    /// May counts be too small, because more was under way than is kept?
    pub(super) const fn forgot(&self) -> bool {
        self.forgot
    }

    pub(super) fn rest(&mut self, room: &mut Room) {
        self.pieces.fit(room);
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        self.pieces.release(room);
    }

    /// Where a number stands among the pieces.
    const fn place(&self, number: u32) -> u32 {
        number.wrapping_sub(self.base)
    }

    /// The quadrant that a number stands in, counted from the base.
    const fn quadrant(&self, number: u32) -> u32 {
        self.place(number) / QUADRANT
    }

    fn unsettle(&mut self) {
        (self.settled, self.latest) = (0, i64::MIN);
    }

    /// The quadrant of this number is touched: the one opposite is dropped.
    #[inline]
    fn turn_to(&mut self, number: u32) {
        let base = (number & !(QUADRANT - 1)).wrapping_sub(QUADRANT);
        if base != self.base {
            self.turn(base);
        }
    }

    fn turn(&mut self, base: u32) {
        let turned = base.wrapping_sub(self.base);
        self.base = base;
        let before = self.pieces.len();
        let opposite = |piece: &Piece| piece.first.wrapping_sub(base) / QUADRANT == 3;
        while self.pieces.get(0).is_some_and(opposite) {
            self.pieces.pop_front();
        }
        while self.pieces.last().is_some_and(opposite) {
            self.pieces.remove(self.pieces.len() - 1, self.pieces.len());
        }
        if turned == 2 * QUADRANT {
            // It was in the middle, and what was above it is below what was below it now.
            let middle = self.pieces.partition_point(|piece| piece.first.wrapping_sub(base) / QUADRANT == 2);
            let above = self.pieces.partition_point(|piece| piece.first.wrapping_sub(base) / QUADRANT >= 2);
            self.pieces.remove(middle, above);
            self.pieces.rotate_left(middle);
            self.unsettle();
        }
        if self.pieces.len() != before {
            self.unsettle();
        }
    }

    /// Takes `length` numbers from `first` on.
    #[inline]
    pub(super) fn send(&mut self, first: u32, length: u32, now: i64, room: &mut Room) -> Sent {
        self.turn_to(first);
        if early() && self.goes_on(first, length) && self.pieces.make_way(MOST, room) {
            self.pieces.push(Piece::new(first, first.wrapping_add(length - 1), now));
            return Sent::default();
        }
        self.send_any(first, length, now, room)
    }

    /// Are these numbers above all that are remembered, and of one quadrant?
    #[inline]
    fn goes_on(&self, first: u32, length: u32) -> bool {
        let whole = length.wrapping_sub(1) < QUADRANT - first % QUADRANT;
        whole && self.pieces.last().is_none_or(|last| self.place(last.last) < self.place(first))
    }

    fn send_any(&mut self, first: u32, length: u32, now: i64, room: &mut Room) -> Sent {
        // No packet is as long as a quadrant.
        let length = length.min(QUADRANT);
        let here = length.min(QUADRANT - first % QUADRANT);
        let mut sent = self.put(first, here, now, room);
        if length > here {
            let above = self.put(first.wrapping_add(here), length - here, now, room);
            sent = Sent { again: sent.again + above.again, out_of_order: sent.out_of_order | above.out_of_order };
        }
        sent
    }

    /// Takes numbers of one quadrant.
    fn put(&mut self, first: u32, length: u32, now: i64, room: &mut Room) -> Sent {
        let mut sent = Sent::default();
        let Some(more) = length.checked_sub(1) else { return sent };
        let (mut first, last) = (first, first.wrapping_add(more));
        let mut fresh = true;
        loop {
            let at = self.find(first);
            let above = self.pieces.get_mut(at).filter(|piece| piece.first / QUADRANT == first / QUADRANT);
            let Some(piece) = above else {
                self.insert(first, last, now, room);
                return sent;
            };
            if first < piece.first {
                let (start, end) = (piece.first, piece.last);
                sent.out_of_order |= last < end;
                self.insert(first, last.min(start - 1), now, room);
                if last < start {
                    return sent;
                }
                first = start;
                continue;
            }
            sent.again += last.min(piece.last) - first + 1;
            piece.set(RESENT);
            if std::mem::take(&mut fresh) {
                piece.pass_at(now);
            }
            let end = piece.last;
            if at < self.settled as usize {
                self.unsettle();
            }
            if last <= end {
                return sent;
            }
            first = end + 1;
        }
    }

    /// The first piece that ends at this number or above.
    fn find(&self, number: u32) -> usize {
        let place = self.place(number);
        match self.pieces.last() {
            Some(back) if self.place(back.last) >= place => self.pieces.partition_point(|piece| self.place(piece.last) < place),
            _ => self.pieces.len(),
        }
    }

    /// Remembers a piece that touches none of the others.
    fn insert(&mut self, first: u32, last: u32, now: i64, room: &mut Room) {
        if !self.pieces.make_way(MOST, room) {
            self.forget();
            if !self.pieces.make_way(MOST, room) {
                return; // There is no room for a list at all.
            }
        }
        let at = self.find(first);
        if at < self.settled as usize {
            self.unsettle();
        }
        self.pieces.insert(at, Piece::new(first, last, now));
    }

    /// Makes place: pieces that adjoin become one, which loses samples and no byte; then the lowest quarter goes.
    fn forget(&mut self) {
        self.forgot = true;
        self.unsettle();
        let capacity = self.pieces.capacity();
        let pieces = &mut self.pieces;
        let mut kept = 0_usize;
        for at in 0..pieces.len() {
            let Some(&piece) = pieces.get(at) else { break };
            match kept.checked_sub(1).and_then(|before| pieces.get_mut(before)) {
                Some(before) if before.adjoins(&piece) && before.is(ACKED) == piece.is(ACKED) => {
                    // The acknowledgment that ends with it is one of the later piece, if nothing below was sent after that.
                    let resent = piece.is(RESENT) || before.sent() > piece.sent();
                    before.last = piece.last;
                    before.pass_at(before.sent().max(piece.sent()));
                    before.sent &= !RESENT;
                    if resent {
                        before.set(RESENT);
                    }
                }
                _ => {
                    if let Some(place) = pieces.get_mut(kept) {
                        *place = piece;
                    }
                    kept += 1;
                }
            }
        }
        pieces.remove(kept, pieces.len());
        let surplus = kept.saturating_sub(capacity.saturating_sub((capacity / 4).max(1)));
        pieces.remove(0, surplus);
    }

    /// The peer acknowledges all below `ack`.
    #[inline]
    pub(super) fn acknowledge(&mut self, ack: u32, room: &mut Room) -> Acked {
        self.turn_to(ack);
        let limit = self.place(ack);
        let below = |piece: &Piece, base: u32| piece.first.wrapping_sub(base) < limit;
        if !self.pieces.get(self.settled as usize).is_some_and(|piece| below(piece, self.base)) {
            return Acked::Nothing;
        }
        if early()
            && let Some(acked) = self.settle_next(ack, limit)
        {
            return acked;
        }
        self.settle(ack, limit, room)
    }

    /// The usual acknowledgment: it ends with the piece that adjoins the last settled one, in the same quadrant, and touches no
    /// other.
    #[inline]
    fn settle_next(&mut self, ack: u32, limit: u32) -> Option<Acked> {
        let settled = self.settled as usize;
        let last = *self.pieces.get(settled.checked_sub(1)?)?;
        let piece = *self.pieces.get(settled)?;
        let apart = |above: &Piece| !above.is(ACKED) && self.place(above.first) >= limit;
        let plain =
            piece.last.wrapping_add(1) == ack && !piece.is(ACKED) && last.adjoins(&piece) && self.quadrant(last.first) == 1;
        if !plain || !self.pieces.get(settled + 1).is_none_or(apart) || self.pieces.capacity() > SHRINKS_ABOVE {
            return None;
        }
        self.latest = self.latest.max(piece.sent());
        let acked = piece.sample(self.latest);
        self.pieces.remove(settled, settled + 1);
        self.keep(settled, piece.acked());
        Some(acked)
    }

    fn settle(&mut self, ack: u32, limit: u32, room: &mut Room) -> Acked {
        let below = |piece: &Piece, base: u32| piece.first.wrapping_sub(base) < limit;
        let settled = self.settled as usize;
        let base = self.base;
        let mut acked = Acked::Nothing;
        // Latest time of what is newly acknowledged in the quadrant below, and of what was passed in this one.
        let mut under = i64::MIN;
        let mut passed = match settled.checked_sub(1).and_then(|last| self.pieces.get(last)) {
            Some(last) if self.quadrant(last.first) == 1 => self.latest,
            _ => i64::MIN,
        };
        let mut kept = settled;
        let mut at = settled;
        while let Some(&piece) = self.pieces.get(at).filter(|piece| below(piece, base)) {
            if self.quadrant(piece.first) == 1 {
                passed = passed.max(piece.sent());
                if !piece.is(ACKED) && piece.last.wrapping_add(1) == ack {
                    acked = piece.sample(under.max(passed));
                }
            } else if !piece.is(ACKED) {
                under = under.max(piece.sent());
            }
            kept = self.keep(kept, piece.acked());
            at += 1;
        }
        // It may have closed the gap to what was acknowledged above it.
        let last = kept.checked_sub(1).and_then(|last| self.pieces.get(last));
        let joined = self.pieces.get(at).filter(|piece| piece.is(ACKED) && last.is_some_and(|last| last.adjoins(piece)));
        if let Some(&piece) = joined {
            passed = passed.max(piece.sent());
            kept = self.keep(kept, piece);
            at += 1;
        }
        self.pieces.remove(kept, at);
        (self.settled, self.latest) = (kept as u16, passed);
        if self.pieces.get(kept.wrapping_sub(1)).is_none_or(|last| self.quadrant(last.first) != 1) {
            self.unsettle();
        }
        if self.pieces.capacity() > SHRINKS_ABOVE {
            self.pieces.shrink(room);
        }
        acked
    }

    /// Puts an acknowledged piece behind the first `kept`, as one with the last of them where they adjoin.
    fn keep(&mut self, kept: usize, piece: Piece) -> usize {
        let pieces = &mut self.pieces;
        if let Some(before) = kept.checked_sub(1).and_then(|before| pieces.get_mut(before))
            && before.adjoins(&piece)
        {
            before.last = piece.last;
            before.pass_at(before.sent().max(piece.sent()));
            return kept;
        }
        if let Some(place) = pieces.get_mut(kept) {
            *place = piece;
        }
        kept + 1
    }
}

impl Piece {
    const fn new(first: u32, last: u32, sent: i64) -> Self {
        Self { first, last, sent: sent << MARKS }
    }

    const fn sent(&self) -> i64 {
        self.sent >> MARKS
    }

    const fn pass_at(&mut self, sent: i64) {
        self.sent = sent << MARKS | self.sent & (ACKED | RESENT);
    }

    const fn is(&self, mark: i64) -> bool {
        self.sent & mark != 0
    }

    const fn set(&mut self, mark: i64) {
        self.sent |= mark;
    }

    const fn acked(mut self) -> Self {
        self.set(ACKED);
        self
    }

    /// Does the other begin where this one ends, in the same quadrant?
    const fn adjoins(&self, above: &Self) -> bool {
        self.last.wrapping_add(1) == above.first && !above.first.is_multiple_of(QUADRANT)
    }

    /// What the acknowledgment that ends with it is worth. `passed`: when the latest of all up to it passed.
    const fn sample(&self, passed: i64) -> Acked {
        if passed > self.sent() {
            Acked::Overtaken
        } else if self.is(RESENT) {
            Acked::Ambiguous
        } else {
            Acked::Once(self.sent())
        }
    }
}
