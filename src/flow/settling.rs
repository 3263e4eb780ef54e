//! Which flows have a verdict that is settled soon, and when: so that it is told by packet time even when the flow itself is
//! silent.

use crate::model::Timestamp;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Most that wait: 1.5 MB. The verdicts of flows that find no place are settled with the flow's next ones, or at its end.
const MOST: usize = 65_536;

/// Flows that wait, by time.
#[derive(Debug, Default)]
pub(super) struct Settling {
    heap: BinaryHeap<Reverse<(Timestamp, u32, u64)>>,
}

impl Settling {
    /// The flow with this number in this slot has a verdict to settle at that time.
    pub(super) fn wait(&mut self, slot: u32, number: u64, at: Timestamp) {
        if self.heap.len() < MOST {
            self.heap.push(Reverse((at, slot, number)));
        }
    }

    /// The next flow whose time has come. It may have ended since: then the number is another one.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<(u32, u64)> {
        let Reverse((at, slot, number)) = *self.heap.peek()?;
        if at > now {
            return None;
        }
        self.heap.pop();
        Some((slot, number))
    }
}
