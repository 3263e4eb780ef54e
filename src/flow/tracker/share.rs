//! The memory that conversations may take: what the tracker really holds, counted by the allocator, and what gives way when it is
//! used up.

use super::Tracker;
use crate::flow::event::{FlowEvent, FlowSink, Rank};
use crate::heap;

/// Part of the memory that places of flows may take. They are kept when their flows have ended, so the rest must be enough to work with:
/// a flood of datagrams, which need no more than their places, may be followed by connections.
const PLACES: (usize, usize) = (5, 8);

/// What the tracker holds, bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held(isize);

impl Held {
    /// Adds up what was taken and given back by this thread since `before`, but for what the sink took meanwhile.
    pub(super) fn add<S>(&mut self, before: isize, sink: &Outside<'_, S>) {
        self.0 += heap::held() - before - sink.taken;
    }

    pub(super) const fn bytes(self) -> usize {
        if self.0 > 0 { self.0.unsigned_abs() } else { 0 }
    }
}

/// A sink whose memory is not the tracker's.
pub(super) struct Outside<'s, S> {
    sink: &'s mut S,
    taken: isize,
}

impl<'s, S> Outside<'s, S> {
    pub(super) const fn new(sink: &'s mut S) -> Self {
        Self { sink, taken: 0 }
    }
}

impl<S: FlowSink> FlowSink for Outside<'_, S> {
    fn on_flow_event(&mut self, event: FlowEvent<'_>) {
        let before = heap::held();
        self.sink.on_flow_event(event);
        self.taken += heap::held() - before;
    }

    fn on_silent(&mut self, rank: Rank) {
        self.sink.on_silent(rank);
    }
}

impl Tracker {
    /// Bytes that all conversations hold, with what putting them in order takes when the run is over.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.held.bytes() + self.table.at_end()
    }

    /// Does the table have to grow for another flow, and is there no room for that?
    pub(super) fn cannot_grow(&self) -> bool {
        let (ranks, rank_growth) = self
            .ranks
            .as_ref()
            .map_or((0, 0), |ranks| (ranks.bytes(), if self.table.has_free() { 0 } else { ranks.growth(self.table.slots()) }));
        let growth = self.table.growth() + rank_growth;
        let most = self.config.max_bytes;
        growth > 0 && (self.bytes() + growth > most || self.table.slot_bytes() + ranks + growth > most / PLACES.1 * PLACES.0)
    }

    /// Does what `work` does, and counts what it takes. Then conversations give way until all keep to their share, of bytes and, where
    /// other trackers have begun theirs, of flows.
    #[inline]
    pub(super) fn counted<S: FlowSink, R>(&mut self, sink: &mut S, work: impl FnOnce(&mut Self, &mut Outside<'_, S>) -> R) -> R {
        let done = self.account(sink, work);
        if self.bytes() > self.config.max_bytes {
            self.give_way(sink);
        }
        if self.owes_room() {
            self.make_room_for_others(sink);
        }
        done
    }

    /// Does what `work` does, and counts what it takes. Nothing gives way.
    #[inline]
    pub(super) fn account<S: FlowSink, R>(&mut self, sink: &mut S, work: impl FnOnce(&mut Self, &mut Outside<'_, S>) -> R) -> R {
        let before = heap::held();
        let mut outside = Outside::new(sink);
        let done = work(self, &mut outside);
        self.held.add(before, &outside);
        done
    }

    #[cold]
    fn make_room_for_others<S: FlowSink>(&mut self, sink: &mut S) {
        while self.owes_room() && self.table.len() > 1 {
            self.account(sink, |tracker, sink| tracker.evict(tracker.table.victim(tracker.latest), sink));
        }
    }

    #[cold]
    fn give_way<S: FlowSink>(&mut self, sink: &mut S) {
        while self.bytes() > self.config.max_bytes && self.table.len() > 1 {
            self.account(sink, |tracker, sink| tracker.evict(tracker.table.holder(tracker.latest), sink));
        }
    }
}
