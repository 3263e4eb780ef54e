//! The holes of one direction: bytes below the highest number seen that have not passed here, and by which segment each was
//! noticed. Decides nothing of what fills them.

use super::list::Rare;
use super::passed::Passed;
use crate::flow::room::Room;
use crate::model::{Span, Timestamp};

/// Most holes of a direction: 600 kB. What would be one more is taken as seen, and remembered as forgotten.
pub(super) const MOST: usize = 4096;
/// How many holes one acknowledgment marks as asked for. The next one goes on.
const MOST_MARKED: usize = 64;
/// How long a hole is kept that was acknowledged.
const KEEP: Span = Span::from_millis(1000);

/// Where a hole begins, as the segment before it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before {
    /// One past its last number.
    pub(super) end: u64,
    /// The last IP identification up to which none is missing after it.
    pub(super) id: u16,
}

/// The receiver asked for the bytes of a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) at: Timestamp,
    /// Its timestamp: whoever answers echoes that or a newer one (RFC 7323 section 4.3).
    pub(super) tsval: Option<u32>,
}

/// Bytes that have not passed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hole {
    pub(super) start: u64,
    pub(super) end: u64,
    /// The first segment seen beyond it. Its time is the hole's age; parts of a hole inherit it.
    pub(super) creator: Passed,
    /// The segment before it, if it was seen.
    pub(super) before: Option<Before>,
    /// Its sender had paused for a retransmission timeout when it was made.
    pub(super) after_stall: bool,
    /// Duplicate ACKs or SACK blocks asked for it, for the first time then.
    pub(super) asked: Option<Request>,
    /// All of it was acknowledged: the capture missed it.
    pub(super) acked: Option<Timestamp>,
    /// An acknowledgment made it, before anything was seen at or beyond it: of `creator` nothing but the time holds.
    pub(super) by_ack: bool,
    /// The capture dropped packets after the packet of this direction before `creator`.
    pub(super) dropped: bool,
}

/// The holes of a direction, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct Holes {
    list: Rare<Hole>,
    forgot: bool,
}

impl Holes {
    /// A new hole, above all others.
    pub(super) fn open(&mut self, hole: Hole, room: &mut Room) {
        self.trim(hole.creator.ts);
        if self.list.make_way(MOST, room) {
            self.list.push_back(hole);
        } else {
            self.forgot = true;
        }
    }

    /// The capture dropped packets when the newest one was made, which ends here.
    pub(super) fn newest_was_dropped(&mut self, end: u64) {
        if let Some(newest) = self.list.back_mut().filter(|hole| hole.end == end) {
            newest.dropped = true;
        }
    }

    /// Bytes above all that passed were acknowledged: the capture missed them, or sees them late.
    pub(super) fn open_by_ack(&mut self, start: u64, end: u64, now: Timestamp, room: &mut Room) {
        let hole = Hole {
            start,
            end,
            creator: Passed { ts: now, ..Passed::nothing() },
            before: None,
            after_stall: false,
            asked: None,
            acked: Some(now),
            by_ack: true,
            dropped: false,
        };
        self.open(hole, room);
    }

    /// When were these bytes acknowledged, if all of them were before they were seen? The first time, if parts were one by one.
    pub(super) fn acknowledged_unseen(&self, start: u64, end: u64) -> Option<Timestamp> {
        let first = self.list.partition_point(|hole| hole.end <= start);
        let mut inside = self.list.range(first..).take_while(|hole| hole.start < end).filter(|hole| hole.by_ack);
        let at = inside.clone().map(|hole| hole.creator.ts).min()?;
        let mut next = start;
        let whole = inside.all(|hole| hole.start <= std::mem::replace(&mut next, hole.end)) && next >= end;
        whole.then_some(at)
    }

    /// Forgets what was acknowledged long ago.
    fn trim(&mut self, now: Timestamp) {
        while let Some(first) = self.list.front()
            && first.acked.is_some_and(|at| now - at > KEEP)
        {
            self.list.pop_front();
        }
    }

    pub(super) fn rest(&mut self, now: Timestamp, room: &mut Room) {
        self.trim(now);
        self.list.fit(room);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Was a hole forgotten?
    pub(super) const fn forgot(&self) -> bool {
        self.forgot
    }

    /// The lowest hole that shares a number with `start..end`.
    pub(super) fn find(&self, start: u64, end: u64) -> Option<&Hole> {
        let at = self.list.partition_point(|hole| hole.end <= start);
        self.list.get(at).filter(|hole| hole.start < end)
    }

    /// Bytes of `start..end` that are in holes.
    pub(super) fn within(&self, start: u64, end: u64) -> u64 {
        let first = self.list.partition_point(|hole| hole.end <= start);
        let inside = self.list.range(first..).take_while(|hole| hole.start < end);
        inside.map(|hole| hole.end.min(end) - hole.start.max(start)).sum()
    }

    /// These bytes have passed. Gives how many of them had been acknowledged before.
    pub(super) fn fill(&mut self, start: u64, end: u64, room: &mut Room) -> u64 {
        let first = self.list.partition_point(|hole| hole.end <= start);
        let mut at = first;
        let mut acked = 0;
        while let Some(hole) = self.list.get_mut(at)
            && hole.start < end
        {
            let (from, to) = (hole.start.max(start), hole.end.min(end));
            acked += if hole.acked.is_some() { to - from } else { 0 };
            let rest = Hole { start: to, ..*hole };
            let (left, right) = (hole.start < from, to < hole.end);
            match (left, right) {
                (true, _) => hole.end = from,
                (false, true) => hole.start = to,
                (false, false) => {
                    self.list.remove(at);
                    continue;
                }
            }
            at += 1;
            if left && right {
                if self.list.make_way(MOST, room) {
                    self.list.insert(at, rest);
                } else {
                    self.forgot = true;
                }
                break;
            }
        }
        self.list.shrink(room);
        acked
    }

    /// The receiver has everything below `at`. Gives how many bytes of holes that newly covers: the capture missed them.
    #[inline]
    pub(super) fn acknowledge(&mut self, old: u64, at: u64, now: Timestamp, room: &mut Room) -> u64 {
        if self.list.is_empty() { 0 } else { self.acknowledge_some(old, at, now, room) }
    }

    fn acknowledge_some(&mut self, old: u64, at: u64, now: Timestamp, room: &mut Room) -> u64 {
        let mut i = self.list.partition_point(|hole| hole.end <= old);
        let mut missed = 0;
        while let Some(hole) = self.list.get_mut(i)
            && hole.start < at
        {
            if hole.acked.is_none() {
                let rest = Hole { start: at, ..*hole };
                hole.end = hole.end.min(at);
                hole.acked = Some(now);
                missed += hole.end - hole.start;
                if rest.end > at {
                    if self.list.make_way(MOST, room) {
                        self.list.insert(i + 1, rest);
                    } else {
                        self.forgot = true;
                    }
                    break;
                }
            }
            i += 1;
        }
        missed
    }

    /// A duplicate ACK stands at `at`: the hole that it lies in is asked for.
    pub(super) fn ask_at(&mut self, at: u64, request: Request) {
        let i = self.list.partition_point(|hole| hole.end <= at);
        if let Some(hole) = self.list.get_mut(i)
            && hole.start <= at
        {
            hole.asked = hole.asked.or(Some(request));
        }
    }

    /// SACK blocks ask for what lies in `start..end`. Those that were asked for before stand first, so only the new ones are
    /// gone through.
    pub(super) fn ask(&mut self, start: u64, end: u64, request: Request) {
        let last = self.list.partition_point(|hole| hole.start < end);
        for i in (last.saturating_sub(MOST_MARKED)..last).rev() {
            let Some(hole) = self.list.get_mut(i) else { return };
            if hole.end <= start || hole.asked.is_some() {
                return;
            }
            hole.asked = Some(request);
        }
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.forgot = false;
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        self.list.release(room);
    }
}
