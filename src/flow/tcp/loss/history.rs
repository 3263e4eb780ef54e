//! The segments of one direction that are remembered, so that a later one can be compared with them. Bounded by a cap and by
//! the room all flows share; what had to be forgotten too early is known, so that nothing false is built on it.

use super::list::{List, Rare};
use super::passed::Passed;
use crate::flow::prefetch::{prefetch, prefetch_two};
use crate::flow::room::Room;
use crate::flow::verdict::VerdictKind;
use crate::model::{Span, Timestamp};

/// Most segments remembered that came as the next expected ones or beyond: 512 kB.
pub(super) const MOST_FRESH: usize = 8192;
/// Most that came below the highest number seen.
pub(super) const MOST_ODD: usize = 1024;
/// Most copies of the same numbers among the last `RECENT_ODD` of them: then the newest takes the place of the one before. Every
/// further copy is compared with each of these.
const MOST_COPIES: usize = 16;
const RECENT_ODD: usize = 64;
/// Nothing is forgotten sooner, if there is room.
const KEEP: Span = Span::from_millis(1000);

/// A segment that came below the highest number seen, and what it was taken for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Odd {
    pub(super) passed: Passed,
    pub(super) kind: VerdictKind,
    pub(super) sure: bool,
    /// The segment that had made the hole it filled, if it filled one.
    pub(super) filled: Option<Passed>,
}

/// An earlier copy of bytes that come again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy<'a> {
    pub(super) passed: &'a Passed,
    /// It came below the highest number seen.
    pub(super) odd: Option<&'a Odd>,
}

/// The segments remembered.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(super) struct History {
    /// Those that moved the highest number on: ascending, apart from each other.
    fresh: List<Passed>,
    /// When the first of `fresh` passed, if there is one.
    oldest: Timestamp,
    /// How many of `fresh` are known to be acknowledged.
    acked: u32,
    /// The longest of all that were, bytes of data.
    pub(super) longest_acked: u32,
    /// The others, as they came.
    odd: Rare<Odd>,
    /// Segments below this were forgotten before their time.
    lost_below: u64,
}

impl History {
    /// Asks for the memory where the next segment will be put.
    #[inline]
    pub(super) fn fetch_last(&self) {
        if let Some(last) = self.fresh.back() {
            // Unless the list goes round there, the next one will stand right behind.
            prefetch_two(last);
        }
    }

    /// Asks for the memory of the first segment that was not acknowledged.
    #[inline]
    pub(super) fn fetch_unacknowledged(&self) {
        if let Some(first) = self.fresh.get(self.acked as usize) {
            prefetch(first, usize::MAX);
        }
    }

    /// Remembers a segment that moved the highest number on. `wait`: two round trips.
    #[inline]
    pub(super) fn remember(&mut self, passed: &Passed, acked: u64, wait: Span, room: &mut Room) {
        if passed.ts - self.oldest > KEEP {
            self.trim(acked, passed.ts, wait);
        }
        if !self.fresh.make_way(MOST_FRESH, room) {
            let Some(oldest) = self.fresh.pop_front() else {
                self.lost_below = passed.end();
                return;
            };
            self.went(oldest.end());
        }
        if self.fresh.is_empty() {
            self.oldest = passed.ts;
        }
        self.fresh.push_back(*passed);
    }

    /// The first one was forgotten before its time.
    #[cold]
    fn went(&mut self, end: u64) {
        self.acked = self.acked.saturating_sub(1);
        self.lost_below = self.lost_below.max(end);
        self.oldest = self.fresh.front().map_or(self.oldest, |first| first.ts);
    }

    /// Remembers another one. Says whether it found room.
    pub(super) fn remember_odd(&mut self, odd: Odd, acked: u64, wait: Span, room: &mut Room) -> bool {
        self.trim_odd(acked, odd.passed.ts, wait);
        if let Some(at) = self.copied_often(&odd.passed)
            && let Some(newest) = self.odd.get_mut(at)
        {
            *newest = odd;
            return true;
        }
        let whole = self.odd.make_way(MOST_ODD, room);
        if !whole {
            let Some(oldest) = self.odd.pop_front() else {
                self.lost_below = self.lost_below.max(odd.passed.end());
                return false;
            };
            self.lost_below = self.lost_below.max(oldest.passed.end());
        }
        self.odd.push_back(odd);
        whole
    }

    /// Where the newest copy of these numbers is, if there are many.
    fn copied_often(&self, passed: &Passed) -> Option<usize> {
        let first = self.odd.len().saturating_sub(RECENT_ODD);
        let same = |odd: &Odd| (odd.passed.start, odd.passed.len) == (passed.start, passed.len);
        let (mut count, mut newest) = (0, None);
        for (i, odd) in self.odd.range(first..).enumerate() {
            if same(odd) {
                (count, newest) = (count + 1, Some(first + i));
            }
        }
        newest.filter(|_| count >= MOST_COPIES)
    }

    /// Forgets what was acknowledged long enough ago. The last one stays: the next hole begins after it.
    fn trim(&mut self, acked: u64, now: Timestamp, wait: Span) {
        let keep = KEEP.max(wait + wait);
        while self.fresh.len() > 1
            && let Some(oldest) = self.fresh.front()
            && oldest.end() <= acked
            && now - oldest.ts > keep
        {
            self.fresh.pop_front();
            self.acked = self.acked.saturating_sub(1);
        }
        self.oldest = self.fresh.front().map_or(self.oldest, |first| first.ts);
    }

    fn trim_odd(&mut self, acked: u64, now: Timestamp, wait: Span) {
        let keep = KEEP.max(wait + wait);
        while let Some(oldest) = self.odd.front()
            && oldest.passed.end() <= acked
            && now - oldest.passed.ts > keep
        {
            self.odd.pop_front();
        }
    }

    /// A flow that has been silent gives back what it no longer needs.
    pub(super) fn rest(&mut self, acked: u64, now: Timestamp, wait: Span, room: &mut Room) {
        self.trim(acked, now, wait);
        self.trim_odd(acked, now, wait);
        self.fresh.fit(room);
        self.odd.fit(room);
    }

    /// After a rest: is nothing left that a copy is expected of?
    pub(super) fn is_old(&self, now: Timestamp) -> bool {
        self.odd.is_empty() && self.fresh.len() <= 1 && self.fresh.back().is_none_or(|last| now - last.ts > KEEP)
    }

    /// Nothing is known of what lies below.
    pub(super) fn forget_below(&mut self, number: u64) {
        self.lost_below = self.lost_below.max(number);
    }

    /// The last segment that moved the highest number on.
    pub(super) fn last(&self) -> Option<&Passed> {
        self.fresh.back()
    }

    /// The lowest remembered segment at or beyond this number.
    pub(super) fn from(&self, number: u64) -> Option<&Passed> {
        self.fresh.get(self.fresh.partition_point(|passed| passed.start < number))
    }

    /// An acknowledgment of everything below `at` passes: when did the segment pass that ends there?
    #[inline]
    pub(super) fn acknowledged(&mut self, at: u64) -> Option<Timestamp> {
        let mut found = None;
        while let Some(passed) = self.fresh.get(self.acked as usize)
            && passed.end() <= at
        {
            found = (passed.end() == at).then_some(passed.ts);
            self.longest_acked = self.longest_acked.max(passed.data());
            self.acked += 1;
        }
        found
    }

    /// Earlier copies of any of these numbers, in the order in which they passed within each kind: first those that moved the
    /// highest number on, then the others. Probes are no copies.
    pub(super) fn copies(&self, start: u64, end: u64) -> impl Iterator<Item = Copy<'_>> {
        let first = self.fresh.partition_point(|passed| passed.end() <= start);
        let fresh = self.fresh.range(first..).take_while(move |passed| passed.start < end);
        let odd = self.odd.iter().filter(move |odd| odd.passed.overlaps(start, end) && !is_probe(odd.kind));
        let fresh = fresh.map(|passed| Copy { passed, odd: None });
        fresh.chain(odd.map(|odd| Copy { passed: &odd.passed, odd: Some(odd) }))
    }

    /// The one that was told under this number was taken for something else in the end.
    pub(super) fn settle(&mut self, number: u64, kind: VerdictKind, sure: bool) {
        if let Some(odd) = self.odd.iter_mut().rev().find(|odd| odd.passed.number == number) {
            (odd.kind, odd.sure) = (kind, sure);
        }
    }

    /// May a copy that reaches below this number have been forgotten before its time?
    pub(super) const fn lost_below(&self) -> u64 {
        self.lost_below
    }

    pub(super) fn clear(&mut self) {
        self.fresh.clear();
        self.odd.clear();
        (self.acked, self.lost_below) = (0, 0);
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        self.fresh.release(room);
        self.odd.release(room);
        self.acked = 0;
    }
}

const fn is_probe(kind: VerdictKind) -> bool {
    matches!(kind, VerdictKind::KeepAlive | VerdictKind::WindowProbe)
}
