//! What the receiver of one direction says of its bytes: acknowledged, received out of order (SACK), received twice (DSACK),
//! asked for (duplicate ACKs and SACK blocks above a gap), and whether its window is shut.

use super::hole::{Holes, Request};
use crate::decode::SackBlocks;
use crate::flow::room::Room;
use crate::flow::tcp::seq::{REACH, Seq};
use crate::model::{Span, Timestamp};

/// Most ranges remembered that the receiver has above what it acknowledged.
const MOST_RANGES: usize = 16;

/// Most blocks that the options of a segment hold (RFC 2018 section 3).
const MOST_BLOCKS: usize = 4;

/// An acknowledgment as it passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ack<'a> {
    /// Up to this offset.
    pub(super) at: u64,
    /// It carries nothing else: no data, SYN, FIN or RST.
    pub(super) pure: bool,
    pub(super) shut: bool,
    pub(super) window: u16,
    /// SACK blocks in the order sent.
    pub(super) blocks: Option<SackBlocks<'a>>,
    pub(super) ts: Timestamp,
    /// Its TSval.
    pub(super) tsval: Option<u32>,
}

impl Ack<'_> {
    const fn request(&self) -> Request {
        Request { at: self.ts, tsval: self.tsval }
    }
}

/// What an acknowledgment says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// It acknowledges more than the ones before.
    pub(super) newer: bool,
    /// RFC 5681 section 2: a duplicate, if data is outstanding.
    pub(super) duplicate: bool,
    /// The receiver got these bytes twice (RFC 2883).
    pub(super) twice: Option<(u64, u64)>,
}

/// What the receiver has said.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(super) struct Requests {
    /// Everything below was acknowledged; 0 before anything was.
    pub(super) acked: u64,
    /// Where duplicate ACKs stood last; 0 if there were none.
    asked_at: u64,
    window: u16,
    shut: bool,
    was_shut: bool,
    /// When that changed last.
    changed: Timestamp,
    board: Option<Box<Board>>,
}

/// What SACK blocks say.
#[derive(Clone, Debug)]
struct Board {
    /// Ascending, apart from each other, the first `count` of them.
    ranges: [(u64, u64); MOST_RANGES],
    count: usize,
    /// Between these, whatever was not received was asked for in the present trouble or the last one.
    low: u64,
    high: u64,
}

impl Requests {
    /// An acknowledgment passes.
    #[inline]
    pub(super) fn on_ack(&mut self, ack: &Ack<'_>, origin: Seq, holes: &mut Holes, room: &mut Room) -> Said {
        let mut said = Said { newer: ack.at > self.acked, ..Said::default() };
        let again = ack.at == self.acked && ack.pure;
        said.duplicate = again && ack.window == self.window;
        if ack.shut != self.shut && ack.at >= self.acked {
            (self.was_shut, self.shut, self.changed) = (self.shut, ack.shut, ack.ts);
        }
        if ack.at >= self.acked {
            self.window = ack.window;
        }
        self.acked = self.acked.max(ack.at);
        if again {
            self.asked_at = ack.at;
            if !holes.is_empty() {
                holes.ask_at(ack.at, ack.request());
            }
        }
        if let Some(blocks) = &ack.blocks {
            said.twice = self.on_sack(ack, blocks, origin, holes, room);
        } else if let Some(board) = &mut self.board
            && said.newer
        {
            board.forget_below(self.acked);
        }
        said
    }

    #[cold]
    fn on_sack(
        &mut self,
        ack: &Ack<'_>,
        blocks: &SackBlocks<'_>,
        origin: Seq,
        holes: &mut Holes,
        room: &mut Room,
    ) -> Option<(u64, u64)> {
        let offset = |seq: u32| u64::try_from(Seq(seq).offset(origin, ack.at)).ok();
        let place = |(from, to): (u32, u32)| {
            let (from, to) = (offset(from)?, offset(to)?);
            (from < to && to - from < REACH as u64).then_some((from, to))
        };
        let mut blocks = blocks.iter().take(MOST_BLOCKS).filter_map(place);
        let first = blocks.next()?;
        let second = blocks.next();
        // RFC 2883 section 4: the first block lies below the acknowledgment, or within the second one.
        let inside = second.is_some_and(|(from, to)| from <= first.0 && first.1 <= to);
        let twice = first.1 <= ack.at || inside;
        if self.board.is_none() {
            if !room.take(size_of::<Board>()) {
                return twice.then_some(first);
            }
            self.board = Some(Box::new(Board { ranges: [(0, 0); MOST_RANGES], count: 0, low: ack.at, high: ack.at }));
        }
        let board = self.board.as_mut()?;
        if ack.at >= board.high {
            (board.low, board.high) = (ack.at, ack.at); // New trouble.
        }
        for block in (!twice).then_some(first).into_iter().chain(second).chain(blocks) {
            board.insert(block);
        }
        board.forget_below(self.acked);
        board.ask(self.acked, holes, ack.request());
        twice.then_some(first)
    }

    /// Has the receiver said that it has all of these?
    pub(super) fn has(&self, start: u64, end: u64) -> bool {
        let held = |board: &Board| board.ranges().iter().any(|&(from, to)| from <= start.max(self.acked) && end <= to);
        end <= self.acked || self.board.as_ref().is_some_and(|board| held(board))
    }

    /// Were these asked for?
    pub(super) fn asked(&self, start: u64, end: u64) -> bool {
        let gap = |board: &Board| {
            start < board.high && end > board.low && !board.ranges().iter().any(|&(from, to)| from <= start && end <= to)
        };
        (start <= self.asked_at && self.asked_at < end) || self.board.as_ref().is_some_and(|board| gap(board))
    }

    /// Was its window shut, as far as its peer can have known? `way`: half of the leg between the capture and the peer.
    pub(super) fn shut(&self, now: Timestamp, way: Span) -> bool {
        if now - self.changed >= way { self.shut } else { self.was_shut }
    }

    /// The last window, and whether it is shut.
    pub(super) const fn window(&self) -> (u16, bool) {
        (self.window, self.shut)
    }

    /// Everything was acknowledged, and nothing else has been said for a while.
    pub(super) fn after_rest(acked: u64, window: u16, shut: bool) -> Self {
        Self { acked, window, shut, was_shut: shut, ..Self::default() }
    }

    pub(super) fn clear(&mut self) {
        (self.acked, self.asked_at) = (0, 0);
        (self.window, self.shut, self.was_shut) = (0, false, false);
        if let Some(board) = &mut self.board {
            (board.count, board.low, board.high) = (0, 0, 0);
        }
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        if self.board.take().is_some() {
            room.give_back(size_of::<Board>());
        }
    }
}

impl Board {
    fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges[..self.count]
    }

    fn insert(&mut self, (mut from, mut to): (u64, u64)) {
        let mut kept = 0;
        for i in 0..self.count {
            let (a, b) = self.ranges[i];
            if b < from || to < a {
                self.ranges[kept] = (a, b);
                kept += 1;
            } else {
                (from, to) = (from.min(a), to.max(b));
            }
        }
        if kept == MOST_RANGES {
            // The lowest is the oldest news.
            self.ranges.copy_within(1.., 0);
            kept -= 1;
        }
        let at = self.ranges[..kept].partition_point(|range| range.0 < from);
        self.ranges.copy_within(at..kept, at + 1);
        self.ranges[at] = (from, to);
        self.count = kept + 1;
        self.high = self.high.max(to);
    }

    fn forget_below(&mut self, acked: u64) {
        let gone = self.ranges().iter().take_while(|range| range.1 <= acked).count();
        self.ranges.copy_within(gone..self.count, 0);
        self.count -= gone;
    }

    /// What lies between the ranges is asked for.
    fn ask(&self, acked: u64, holes: &mut Holes, request: Request) {
        let mut from = acked;
        for &(start, end) in self.ranges() {
            if from < start {
                holes.ask(from, start, request);
            }
            from = end;
        }
    }
}
