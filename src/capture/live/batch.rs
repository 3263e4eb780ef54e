//! Where frames lie that were taken and not handed out yet: [`Slot`] is one of them, [`Batch`] those that a backend
//! copies into memory of its own, handed out by reference.

use crate::model::{FrameDirection, FrameMarks, Timestamp};

/// Where a frame lies, and what came beside it.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// When it was captured.
    pub ts: Timestamp,
    /// Its length on the wire, in bytes.
    pub wire_len: u32,
    /// Its first byte.
    pub start: usize,
    /// How many bytes of it there are.
    pub len: usize,
    /// Its way, where known.
    pub direction: Option<FrameDirection>,
    /// What the kernel said of it.
    pub marks: FrameMarks,
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

    /// Steps over the next frame and says where it lies.
    pub(super) fn take(&mut self) -> Option<Slot> {
        let slot = *self.slots.get(self.next)?;
        self.next += 1;
        Some(slot)
    }

    /// The bytes of a frame of this batch.
    pub(super) fn bytes(&self, slot: &Slot) -> &[u8] {
        self.bytes.get(slot.start..slot.start + slot.len).unwrap_or_default()
    }
}
