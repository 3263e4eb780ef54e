//! Packets of conversations for which a condition holds. Whether it does is known when a conversation is over, and its packets came
//! before that: saved captures are read twice (`first` learns which packets, `again` lets them through); of what can be read once,
//! packets wait in bounded memory until their conversation is over (`keeping`).

mod again;
mod first;
mod gathering;
mod keeping;
mod packets;
#[cfg(test)]
mod tests;

pub use again::{Again, Counted, Recount};
pub use first::{Choosing, Chosen};
pub use gathering::{Gathered, Gathering};
pub use keeping::{Bounds, Keeping, Kept, Roomy};

use crate::model::Frame;

/// What a packet is known by when it is read again: a sum over times and lengths of all packets so far, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sum(u64);

impl Sum {
    /// An odd number without pattern: multiplying by it spreads every bit upwards.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

    #[inline]
    fn add(&mut self, frame: &Frame<'_>) {
        let lengths = u64::from(frame.wire_len) << 32 | frame.bytes.len() as u64;
        for word in [frame.ts.nanos().cast_unsigned(), lengths] {
            self.word(word);
        }
    }

    #[inline]
    const fn word(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(Self::SPREAD).rotate_left(29);
    }
}
