//! The frames one interface gave in one go, in one piece of memory, ready to be handed out by reference.

use crate::model::{FrameDirection, Timestamp};

/// Where a frame lies in its batch, and what came beside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) ts: Timestamp,
    pub(super) wire_len: u32,
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) direction: Option<FrameDirection>,
}

/// Frames of one interface. Memory is kept from batch to batch.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) bytes: Vec<u8>,
    pub(super) slots: Vec<Slot>,
    /// The next slot to hand out.
    pub(super) next: usize,
}

impl Batch {
    /// Forgets the frames, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.next = 0;
    }

    /// Time of the next frame, if there is one.
    pub(super) fn head(&self) -> Option<Timestamp> {
        self.slots.get(self.next).map(|slot| slot.ts)
    }

    /// Steps over the next frame and says which slot it was.
    pub(super) fn take(&mut self) -> Option<usize> {
        let at = self.next;
        self.slots.get(at)?;
        self.next = at + 1;
        Some(at)
    }
}
