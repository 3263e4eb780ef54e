//! When each flow was seen last, by the numbers of all packets of a run: several trackers, each with part of the flows, so end those
//! that fall silent in the order in which one would.

use crate::model::clock::LEAPS;

/// A packet's own place among what happens at it: after those that went before.
const OWN: u64 = LEAPS as u64;
/// Room for those.
const STEPS: u64 = 4;

/// By slot.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    /// The number of the packet at hand.
    pub(super) now: u64,
    /// The number under which the packet at hand was expected.
    pub(super) expected: u64,
    last: Vec<u64>,
}

impl Ranks {
    /// The packet at hand is of this flow.
    pub(super) fn seen(&mut self, slot: u32) {
        self.set(slot, self.now * STEPS + OWN);
    }

    /// The packet at hand shows that an earlier one of this flow, one of the few right before it, is to be taken as of now.
    pub(super) fn seen_before(&mut self, slot: u32) {
        let ago = self.now.saturating_sub(self.of(slot) / STEPS);
        self.set(slot, self.now * STEPS + (OWN - 1).saturating_sub(ago));
    }

    pub(super) fn of(&self, slot: u32) -> u64 {
        self.last.get(slot as usize).copied().unwrap_or(0)
    }

    /// Bytes that all take.
    pub(super) const fn bytes(&self) -> usize {
        self.last.capacity() * size_of::<u64>()
    }

    /// Bytes that the rank of a new slot needs beside those: as many, where all are used.
    pub(super) const fn growth(&self, slot: usize) -> usize {
        if slot < self.last.capacity() { 0 } else { self.bytes() }
    }

    fn set(&mut self, slot: u32, rank: u64) {
        let at = slot as usize;
        if self.last.len() <= at {
            self.last.resize(at + 1, 0);
        }
        self.last[at] = rank;
    }
}
