//! What somebody who is no end of a connection did to it, by what contradicts itself: resets that their sender knows nothing of, data that is
//! sent again with other bytes. Kept in [`Cited`](super::Cited).

use super::citations::{Few, Place};

/// What was seen of one connection, by the side in whose name it was sent: originator, responder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tampered {
    /// Resets.
    pub resets: [Option<ForgedReset>; 2],
    /// Other bytes.
    pub rewritten: [Option<Rewritten>; 2],
}

/// Resets of a side that went on after them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForgedReset {
    /// The resets.
    pub resets: Few<Place>,
    /// What the side sent afterwards that it cannot have sent before: new data, or acknowledgments of what it got since.
    pub after: Few<Place>,
    /// Some of that acknowledges what the other side sent after the reset.
    pub acknowledged: bool,
    /// Some came so long after the reset that no reordering explains it.
    pub late: bool,
    /// Their numbers were tried: several different ones, beyond all that the side had sent.
    pub guessed: bool,
    /// Time to live (hop limit) of the first reset, and of what came after.
    pub ttl: (u8, u8),
}

/// Segments of a side whose bytes are not those that were sent before with the same numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rewritten {
    /// Segments of which it is certain: both checksums are right.
    pub sure: u64,
    /// Segments that may have been damaged on the way.
    pub unsure: u64,
    /// In pairs: what was sent first, what was sent again.
    pub packets: Few<Place>,
}
