//! What reassembly tells of the byte streams of a TCP connection: their bytes in order, and what is missing or contradicts
//! itself. The bytes of a frame are lent for the moment of the event; who wants to keep them copies them.

use super::note::{Direction, FlowId};
use crate::model::{Endpoint, Timestamp};

/// How much memory reassembly may take. What all flows take together comes out of [`super::TrackerConfig::list_bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Most memory of a flow, both directions, for data that waits until what is before it comes, bytes. Where more comes, the
    /// oldest hole is given up.
    pub waiting: usize,
    /// Of each direction the last bytes told are kept, to be compared with copies that come later; at most so many. 0: none is
    /// kept, and copies are not compared.
    pub compared: usize,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self { waiting: 1 << 20, compared: 1 << 16 }
    }
}

/// Something about one direction of a TCP connection. Told in order: each byte of the stream is in one [`StreamPart::Data`]
/// or one [`StreamPart::Gap`], and none is in two.
#[derive(Clone, Copy, Debug)]
pub struct StreamEvent<'a> {
    /// The connection.
    pub flow: FlowId,
    /// Which way, as far as it is known who opened the connection: where the capture began midway this may change on the way.
    pub direction: Direction,
    /// Who sends this stream. Never changes.
    pub sender: Endpoint,
    /// The SYN was not seen: offset 0 is not the first byte that was sent, but the first seen or acknowledged in the capture.
    pub midway: bool,
    /// What.
    pub part: StreamPart<'a>,
}

/// A part of a stream. Offsets count the bytes of data from 0, in 64 bits, however often sequence numbers wrap around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamPart<'a> {
    /// The next bytes.
    Data {
        /// Of the first.
        offset: u64,
        /// Never none.
        bytes: &'a [u8],
        /// The packet that they came in: of bytes that waited, an earlier one.
        packet: StreamPacket,
    },
    /// The next bytes are not there, and no longer waited for.
    Gap {
        /// Of the first.
        offset: u64,
        /// How many, never 0.
        len: u64,
        /// Why.
        reason: GapReason,
    },
    /// A copy says something else. The bytes that came first stand. What the receiver took is another question: systems differ.
    Conflict {
        /// Of the first byte that differs. It may be that of bytes not told yet.
        offset: u64,
        /// What the copy has there, up to the last byte that differs.
        bytes: &'a [u8],
        /// How many of them differ.
        differing: u64,
        /// The packet of the copy.
        packet: StreamPacket,
    },
    /// The flow is over: nothing more of this stream will be told.
    End(StreamTotals),
}

/// Where bytes of a stream come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPacket {
    /// Source of the run.
    pub source: u16,
    /// Number there, from 1.
    pub number: u64,
    /// Capture time.
    pub ts: Timestamp,
}

/// Why bytes are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GapReason {
    /// The receiver acknowledged them: they arrived, and the capture missed them.
    Acknowledged,
    /// They were on the wire, but the capture cut the packet (snap length).
    Cut,
    /// Too much waited for them ([`StreamLimits::waiting`], or the memory of all flows).
    NoRoom,
    /// The flow ended before they came.
    End,
}

/// Counters of a stream, bytes if not said otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamTotals {
    /// Told.
    pub bytes: u64,
    /// Gaps, in number.
    pub gaps: u64,
    /// Missing in them.
    pub gap_bytes: u64,
    /// Of copies that say the same.
    pub repeated: u64,
    /// Of copies that say something else.
    pub conflicting: u64,
    /// Of copies that could not be compared: what came first is no longer kept, or lies in a gap, or the copy was cut.
    pub unchecked: u64,
    /// Outside of the stream: out of every window, before its start, behind its FIN, or with a wrong checksum.
    pub refused: u64,
}
