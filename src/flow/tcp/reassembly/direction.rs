//! One byte stream: what is told next, and when a hole is no longer waited for.
//!
//! Between two segments this holds: nothing waits at the place where the stream stands, nor below what was acknowledged. So a
//! hole is closed by its last missing byte, or by an acknowledgment beyond it. Bytes acknowledged that nothing waits behind are
//! not told missing yet: the capture may have seen the acknowledgment before the data.

use super::compare::Comparison;
use super::recent::Recent;
use super::waiting::{Budget, Waiting};
use crate::flow::room::Room;
use crate::flow::stream::{GapReason, StreamPacket, StreamPart, StreamTotals};

/// What a direction works with while a segment is looked at.
pub(super) struct Outlet<'a, 'b> {
    pub(super) budget: Budget<'a>,
    /// Most bytes kept to be compared.
    pub(super) compared: usize,
    pub(super) tell: &'b mut dyn FnMut(StreamPart<'_>),
}

/// Data of a segment in offsets of the stream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) start: u64,
    /// What was captured.
    pub(super) data: &'a [u8],
    /// One past the last byte on the wire: beyond the data where the capture cut it.
    pub(super) wire_end: u64,
    pub(super) packet: StreamPacket,
}

impl Piece<'_> {
    const fn end(&self) -> u64 {
        self.start + self.data.len() as u64
    }

    /// Only from `offset` on, which lies in it or where its data ends.
    fn from(self, offset: u64) -> Self {
        Self { start: offset, data: &self.data[(offset - self.start) as usize..], ..self }
    }
}

/// A stream.
#[derive(Clone, Debug, Default)]
pub(super) struct Stream {
    /// First offset not told yet.
    next: u64,
    /// The receiver has what is below.
    acked: u64,
    /// What is below was on the wire; as far as it is not here, the capture cut it off.
    cut_to: u64,
    waiting: Waiting,
    recent: Recent,
    pub(super) totals: StreamTotals,
}

impl Stream {
    /// First offset that was not told.
    pub(super) const fn next(&self) -> u64 {
        self.next
    }

    /// How far the receiver has it.
    pub(super) const fn acked(&self) -> u64 {
        self.acked
    }

    /// Memory held by data that waits, bytes.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting.memory()
    }

    /// All memory held, bytes.
    #[cfg(test)]
    pub(super) const fn memory(&self) -> usize {
        self.waiting.memory() + self.recent.memory()
    }

    /// The receiver acknowledged all below `offset`.
    pub(super) fn on_ack(&mut self, offset: u64, out: &mut Outlet<'_, '_>) {
        if offset > self.acked {
            self.acked = offset;
            self.tell_whole(out);
        }
    }

    /// Takes data in.
    pub(super) fn on_data(&mut self, piece: Piece<'_>, out: &mut Outlet<'_, '_>) {
        let mut outcome = Comparison::default();
        self.place(piece, &mut outcome, out);
        self.count(&piece, &outcome, out);
    }

    /// Puts data where it belongs. Each round but the last gives up a hole.
    fn place(&mut self, mut piece: Piece<'_>, outcome: &mut Comparison, out: &mut Outlet<'_, '_>) {
        while let Some(new) = self.new_of(piece, outcome) {
            if new.start > self.next && new.start <= self.acked {
                self.tell_gap(new.start, GapReason::Acknowledged, out);
            }
            if new.start == self.next {
                self.tell_at_once(new, outcome, out);
                return self.tell_whole(out);
            }
            let cut_to = if new.wire_end > new.end() { new.wire_end } else { 0 };
            match self.waiting.insert(new.start, new.data, cut_to, new.packet, &mut out.budget, outcome) {
                Ok(()) => return,
                Err(at) => piece = new.from(at),
            }
            let hole_end = self.waiting.first().map_or(piece.start, |first| first.min(piece.start));
            self.tell_gap(hole_end, GapReason::NoRoom, out);
            self.tell_whole(out);
        }
    }

    /// What of it lies where the stream stands or later; the rest is compared with what was told. `None`: nothing does.
    fn new_of<'p>(&mut self, piece: Piece<'p>, outcome: &mut Comparison) -> Option<Piece<'p>> {
        if piece.start >= self.next {
            return Some(piece);
        }
        let there = piece.end().min(self.next);
        self.recent.compare(self.next, piece.start, &piece.data[..(there - piece.start) as usize], outcome);
        outcome.unchecked += piece.wire_end.min(self.next) - there;
        // Where the data ends before, only what the capture cut off is new.
        let new = Piece { start: self.next, ..piece.from(there) };
        (piece.wire_end > self.next).then_some(new)
    }

    /// Tells data that is next, without a copy; where other bytes waited for a place of it, those came first.
    fn tell_at_once(&mut self, mut piece: Piece<'_>, outcome: &mut Comparison, out: &mut Outlet<'_, '_>) {
        while let Some(first) = self.waiting.first().filter(|first| *first < piece.end()) {
            let (before, rest) = piece.data.split_at((first - piece.start) as usize);
            self.tell_data(before, piece.packet, out);
            let Some(chunk) = self.waiting.pop(&mut out.budget) else { return };
            let overlap = rest.len().min(chunk.data.len());
            outcome.compare(first, &rest[..overlap], &chunk.data[..overlap]);
            self.tell_data(&chunk.data, chunk.packet, out);
            let wire_end = piece.wire_end.max(chunk.cut_to);
            piece = Piece { start: self.next, data: &rest[overlap..], wire_end, ..piece };
        }
        self.tell_data(piece.data, piece.packet, out);
        self.tell_cut(piece.wire_end, out);
    }

    /// Tells what waited and is whole now, or waits for nothing any more.
    fn tell_whole(&mut self, out: &mut Outlet<'_, '_>) {
        while let Some(first) = self.waiting.first().filter(|first| *first <= self.next.max(self.acked)) {
            self.tell_gap(first, GapReason::Acknowledged, out);
            self.tell_first(out);
        }
    }

    /// Tells the first of what waits, where the stream has come to it.
    fn tell_first(&mut self, out: &mut Outlet<'_, '_>) {
        if let Some(chunk) = self.waiting.pop(&mut out.budget) {
            self.tell_data(&chunk.data, chunk.packet, out);
            self.tell_cut(chunk.cut_to, out);
        }
    }

    fn tell_data(&mut self, bytes: &[u8], packet: StreamPacket, out: &mut Outlet<'_, '_>) {
        if bytes.is_empty() {
            return;
        }
        (out.tell)(StreamPart::Data { offset: self.next, bytes, packet });
        self.recent.push(bytes, out.compared, out.budget.room);
        self.next += bytes.len() as u64;
        self.totals.bytes += bytes.len() as u64;
    }

    /// The stream goes on at `end`, if it has not come there.
    fn tell_gap(&mut self, end: u64, reason: GapReason, out: &mut Outlet<'_, '_>) {
        let Some(len @ 1..) = end.checked_sub(self.next) else { return };
        (out.tell)(StreamPart::Gap { offset: self.next, len, reason });
        self.recent.clear();
        self.next = end;
        self.totals.gaps += 1;
        self.totals.gap_bytes += len;
    }

    /// What the capture cut off up to `end` will not come, but for what waits there already.
    fn tell_cut(&mut self, end: u64, out: &mut Outlet<'_, '_>) {
        self.cut_to = self.cut_to.max(end);
        let first = self.waiting.first().unwrap_or(u64::MAX);
        self.tell_gap(first.min(self.cut_to), GapReason::Cut, out);
    }

    fn count(&mut self, piece: &Piece<'_>, outcome: &Comparison, out: &mut Outlet<'_, '_>) {
        self.totals.repeated += outcome.same;
        self.totals.conflicting += outcome.differing;
        self.totals.unchecked += outcome.unchecked;
        if let Some((from, to)) = outcome.differs {
            let bytes = &piece.data[(from - piece.start) as usize..(to - piece.start) as usize];
            let (differing, packet) = (outcome.differing, piece.packet);
            (out.tell)(StreamPart::Conflict { offset: from, bytes, differing, packet });
        }
    }

    /// The numbering is another one: what waits has no place in it. The stream goes on with the next byte that comes.
    pub(super) fn restart(&mut self, budget: &mut Budget<'_>) {
        while let Some(chunk) = self.waiting.pop(budget) {
            self.totals.refused += chunk.data.len() as u64;
        }
        self.recent.clear();
        (self.acked, self.cut_to) = (self.next, self.next);
    }

    /// The bytes told last are given up.
    pub(super) fn rest(&mut self, room: &mut Room) {
        self.recent.release(room);
    }

    /// All memory is given back.
    pub(super) fn release(&mut self, room: &mut Room) {
        self.waiting.release(room);
        self.recent.release(room);
    }

    /// Nothing more comes. One byte acknowledged behind all data is taken for a FIN that the capture missed, unless `has_fin`.
    pub(super) fn finish(&mut self, has_fin: bool, out: &mut Outlet<'_, '_>) {
        while let Some(first) = self.waiting.first() {
            self.tell_gap(first, GapReason::End, out);
            self.tell_first(out);
        }
        if has_fin || self.acked != self.next + 1 {
            self.tell_gap(self.acked, GapReason::Acknowledged, out);
        }
        if self.totals != StreamTotals::default() {
            (out.tell)(StreamPart::End(self.totals));
        }
        self.release(out.budget.room);
    }
}
