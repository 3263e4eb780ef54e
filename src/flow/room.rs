//! Memory that the lists of all flows share: holes, segments remembered, bytes kept. A flow's own caps do not bound a million
//! flows; this does. What finds no room is forgotten, and said to be. Trackers of one run have it in common, each with a portion
//! at hand, so that no packet waits for what another thread writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most that is taken of the common room at a time, and the least, bytes.
const PORTION: usize = 256 << 10;
const LEAST: usize = 4 << 10;
/// All portions at hand together are no more than this part of the common room, unless it is very small.
const AT_HAND: usize = 32;
/// With less than this part those that are silent are asked to give back, before anybody goes without.
const RESERVE: usize = 16;

/// The room that trackers have in common.
#[derive(Debug, Default)]
pub(super) struct Pool {
    all: AtomicUsize,
    left: AtomicUsize,
    /// Who takes of it.
    takers: AtomicUsize,
}

impl Pool {
    /// Another one takes of it, and brings so many bytes. To be said of all before any of them takes.
    fn join(&self, bytes: usize) {
        self.all.fetch_add(bytes, Ordering::Relaxed);
        self.left.fetch_add(bytes, Ordering::Relaxed);
        self.takers.fetch_add(1, Ordering::Relaxed);
    }

    /// What one of them takes at a time.
    fn portion(&self) -> usize {
        let takers = self.takers.load(Ordering::Relaxed).max(1);
        (self.all.load(Ordering::Relaxed) / (AT_HAND * takers)).clamp(LEAST, PORTION)
    }

    /// Takes between `least` and `most` bytes. 0: there are not so many.
    fn draw(&self, least: usize, most: usize) -> usize {
        let rest = |left: usize| (left >= least).then(|| left - most.min(left));
        // Relaxed: the count orders nothing else.
        let before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, rest);
        before.map_or(0, |left| most.min(left))
    }

    /// Is so little left that those that are silent are to give back?
    fn is_low(&self) -> bool {
        self.left.load(Ordering::Relaxed) < self.all.load(Ordering::Relaxed) / RESERVE
    }
}

/// What is left of the memory for lists, bytes: all of it, or what one of several has at hand.
#[derive(Clone, Debug)]
pub(super) struct Room {
    left: usize,
    /// With less than this those that are silent are asked to give back, before anybody goes without.
    reserve: usize,
    /// Somebody went without, or took of the reserve, since this was last asked.
    short: bool,
    /// Somebody went without since this was last asked.
    refused: bool,
    /// With more than this at hand some goes back.
    high: usize,
    common: Option<Shared>,
}

/// What several have in common.
#[derive(Clone, Debug)]
struct Shared {
    pool: Arc<Pool>,
    /// What this one took of it, and the most that it may.
    drawn: usize,
    most: usize,
}

impl Room {
    pub(super) const fn new(bytes: usize) -> Self {
        Self { left: bytes, reserve: bytes / RESERVE, short: false, refused: false, high: usize::MAX, common: None }
    }

    /// Brings so many bytes into what several have in common, and may take `most` of all.
    pub(super) fn joining(pool: &Arc<Pool>, bytes: usize, most: usize) -> Self {
        pool.join(bytes);
        let common = Some(Shared { pool: Arc::clone(pool), drawn: 0, most });
        // The first that goes back says how much is too much: all have joined then.
        Self { left: 0, reserve: 0, short: false, refused: false, high: 0, common }
    }

    /// Takes bytes for a list that is to grow. `false`: there are none, and the list must make do.
    #[inline]
    #[must_use]
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        if bytes > self.left && !self.draw(bytes) {
            (self.short, self.refused) = (true, true);
            return false;
        }
        self.left -= bytes;
        self.short |= self.left < self.reserve;
        true
    }

    /// Room of its own for who needs at most so many bytes of this for a moment; none, if there are not so many. To be
    /// [taken back](Self::take_back).
    pub(super) fn lend(&mut self, bytes: usize) -> Self {
        Self::new(if self.take(bytes) { bytes } else { 0 })
    }

    /// What is left of room that was lent, and what came back to it.
    pub(super) fn take_back(&mut self, lent: &Self) {
        self.give_back(lent.left);
    }

    /// Takes of what is common, so that so many bytes are at hand.
    #[cold]
    fn draw(&mut self, bytes: usize) -> bool {
        let Some(Shared { pool, drawn, most }) = &mut self.common else { return false };
        let least = bytes - self.left;
        let allowed = most.saturating_sub(*drawn);
        let taken = if least > allowed { 0 } else { pool.draw(least, pool.portion().max(least).min(allowed)) };
        *drawn += taken;
        self.left += taken;
        self.look();
        taken > 0
    }

    /// Is what is common low?
    fn look(&mut self) {
        if let Some(Shared { pool, drawn, most }) = &self.common {
            let low = pool.is_low() || most - drawn < most / RESERVE;
            self.reserve = if low { usize::MAX } else { 0 };
        }
    }

    /// Did somebody go without, or take of the reserve, since this was last asked?
    #[inline]
    pub(super) fn was_short(&mut self) -> bool {
        let short = std::mem::take(&mut self.short);
        if short {
            self.look();
        }
        short
    }

    /// Did somebody go without since this was last asked?
    pub(super) const fn has_refused(&mut self) -> bool {
        std::mem::replace(&mut self.refused, false)
    }

    /// Gives back what a list no longer holds.
    #[inline]
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.left += bytes;
        if self.left > self.high {
            self.hand_back();
        }
    }

    /// What is more than a portion goes to the others.
    #[cold]
    fn hand_back(&mut self) {
        let Some(Shared { pool, drawn, .. }) = &mut self.common else { return };
        let portion = pool.portion();
        self.high = 2 * portion;
        if self.left > self.high {
            let back = self.left - portion;
            self.left = portion;
            *drawn -= back;
            pool.left.fetch_add(back, Ordering::Relaxed);
        }
    }
}

/// As much is left.
#[cfg(test)]
impl PartialEq for Room {
    fn eq(&self, other: &Self) -> bool {
        self.left == other.left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_have_in_common_is_used_up_at_its_sum_and_comes_back() {
        let pool = Arc::new(Pool::default());
        let mut rooms: Vec<Room> = (0..4).map(|_| Room::joining(&pool, 1 << 20, 4 << 20)).collect();
        let one = |room: &mut Room| (0..10_000).take_while(|_| room.take(1000)).count();
        let taken = one(&mut rooms[0]);
        assert!(taken * 1000 > (4 << 20) - 1000, "one alone has all of it: {taken}");
        assert!(rooms[0].was_short() && rooms[0].has_refused() && !rooms[0].has_refused());
        assert!(!rooms[1].take(1000) && rooms[1].has_refused());
        for _ in 0..taken {
            rooms[0].give_back(1000);
        }
        let (others, again) = (one(&mut rooms[1]), one(&mut rooms[0]));
        let unused = taken - others - again;
        assert!(unused <= 1, "what was given back has room elsewhere: {others} {again}");
        let at_hand: usize = rooms.iter().map(|room| room.left).sum();
        assert_eq!(pool.left.load(Ordering::Relaxed) + at_hand + (others + again) * 1000, 4 << 20);
    }

    #[test]
    fn one_of_several_has_no_more_than_it_may() {
        let pool = Arc::new(Pool::default());
        let mut rooms: Vec<Room> = (0..2).map(|_| Room::joining(&pool, 1 << 20, 1 << 20)).collect();
        for room in &mut rooms {
            let taken = (0..100_000).take_while(|_| room.take(100)).count();
            assert!(taken * 100 > (1 << 20) - 100 && taken * 100 <= 1 << 20, "{taken}");
        }
    }

    #[test]
    fn silent_ones_are_asked_before_anybody_goes_without() {
        let pool = Arc::new(Pool::default());
        let mut room = Room::joining(&pool, 1 << 20, 1 << 20);
        for _ in 0..1000 {
            assert!(room.take(1000));
            assert!(!room.has_refused());
        }
        assert!(room.was_short());
        for _ in 0..1000 {
            room.give_back(1000);
        }
        // What it knew of what is common was old.
        assert!(room.take(1000) && room.was_short());
        assert!(room.take(1000) && !room.was_short());
    }
}
