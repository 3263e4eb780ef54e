//! Where frames lie that were taken and not handed out yet: [`Slot`] is one of them, [`Batch`] those that a backend
//! copies into memory of its own, handed out by reference. Twins of loopback frames, which are left out, are counted where
//! they stood among the frames: the end of a capture may be in the middle of a batch.

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
    /// Twins before each slot, since the first batch; nothing where twins are not counted.
    twins_before: Vec<u64>,
    /// All twins read.
    twins_read: u64,
    /// Twins before the frame taken or looked at last.
    twins_passed: u64,
}

impl Batch {
    /// Forgets the frames, keeps the memory.
    pub(super) fn clear(&mut self) {
        self.slots.clear();
        self.twins_before.clear();
        self.next = 0;
    }

    /// A frame that was read, behind all twins read so far.
    pub(super) fn push(&mut self, slot: Slot) {
        self.slots.push(slot);
        self.twins_before.push(self.twins_read);
    }

    /// A twin that was read.
    pub(super) fn push_twin(&mut self) {
        self.twins_read += 1;
    }

    /// Twins that stood before the frame taken or looked at last; all that were read where none is left.
    pub(super) const fn twins(&self) -> u64 {
        self.twins_passed
    }

    /// Steps over the twins before the next frame.
    fn pass_twins(&mut self) {
        self.twins_passed = self.twins_before.get(self.next).copied().unwrap_or(self.twins_read);
    }

    /// Time of the next frame, if there is one.
    pub(super) fn head(&mut self) -> Option<Timestamp> {
        self.pass_twins();
        self.slots.get(self.next).map(|slot| slot.ts)
    }

    /// Steps over the next frame and says where it lies.
    pub(super) fn take(&mut self) -> Option<Slot> {
        self.pass_twins();
        let slot = *self.slots.get(self.next)?;
        self.next += 1;
        Some(slot)
    }

    /// The bytes of a frame of this batch.
    pub(super) fn bytes(&self, slot: &Slot) -> &[u8] {
        self.bytes.get(slot.start..slot.start + slot.len).unwrap_or_default()
    }
}
