//! The walk over the frames of one ring block (`TPACKET_V3`), as a safe function over bytes.
//!
//! Nothing in the block is believed: counts, offsets and lengths are checked against the block, so whatever stands in it, a walk
//! ends and stays inside. Layout: `linux/if_packet.h` (`tpacket_block_desc`, `tpacket3_hdr`, `sockaddr_ll`), numbers in the
//! machine's byte order; `sys` holds the offsets below to those of the libc crate when it is compiled.

pub use crate::capture::live::batch::Slot;
pub use crate::capture::live::finish::{Address, Finish, ROOM, Received};

use crate::capture::live::finish::{marks_of, tag_of};
use crate::model::Timestamp;
use thiserror::Error;

/// Where `num_pkts`, `offset_to_first_pkt` and `blk_len` stand in a block.
pub(super) const COUNT: usize = 12;
pub(super) const FIRST: usize = 16;
pub(super) const LENGTH: usize = 20;
/// Bytes of a frame's `tpacket3_hdr`, behind which its `sockaddr_ll` stands.
pub(super) const FRAME_HEADER: usize = 48;
/// Bytes of `sockaddr_ll`.
pub(super) const ADDRESS: usize = 20;
/// Bytes of both.
const HEADERS: usize = FRAME_HEADER + ADDRESS;

/// A block that the kernel cannot have written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the kernel's ring makes no sense: {0}")]
pub struct Broken(&'static str);

/// A place in a block.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// Frames still to come.
    left: u32,
    /// Where the next one's header is.
    at: usize,
    /// Where the block's frames end.
    end: usize,
}

/// What a step of the walk found.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A frame, whole and in place; its slot counts from the start of the block.
    Frame(Slot),
    /// The copy of a loopback frame that is left out.
    Twin,
    /// No more frames.
    End,
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..at + 4).and_then(|four| four.try_into().ok());
    four.map_or(0, u32::from_ne_bytes)
}

fn half(bytes: &[u8; HEADERS], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn word(bytes: &[u8; HEADERS], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl Walk {
    /// Before the first frame of a block.
    pub fn start(block: &[u8]) -> Result<Self, Broken> {
        let (left, at, end) = (number(block, COUNT), number(block, FIRST) as usize, number(block, LENGTH) as usize);
        if end > block.len() {
            return Err(Broken("a block is longer than its place"));
        }
        // Fewer than one frame in 68 bytes cannot be: bounds the walk, whatever the count says.
        if left as usize > end / HEADERS {
            return Err(Broken("a block has more frames than fit"));
        }
        Ok(Self { left, at, end })
    }

    /// The next frame, finished in place.
    #[inline]
    pub fn step(&mut self, block: &mut [u8], finish: &Finish) -> Result<Step, Broken> {
        let Some((start, received)) = self.find(block)? else { return Ok(Step::End) };
        if finish.is_twin(&received) {
            return Ok(Step::Twin);
        }
        let from = start - ROOM;
        let Some(place) = block.get_mut(from..start + received.stored) else {
            return Err(Broken("a frame ends behind its block"));
        };
        let mut slot = finish.finish(&received, place);
        slot.start += from;
        Ok(Step::Frame(slot))
    }

    /// Where the next frame's bytes start (at least [`ROOM`] free bytes are before them), and what stands beside it.
    #[inline]
    fn find(&mut self, block: &[u8]) -> Result<Option<(usize, Received)>, Broken> {
        if self.left == 0 {
            return Ok(None);
        }
        let frames = block.get(..self.end).unwrap_or_default();
        let header: Option<&[u8; HEADERS]> =
            frames.get(self.at..).and_then(|rest| rest.get(..HEADERS)).and_then(|bytes| bytes.try_into().ok());
        let Some(header) = header else { return Err(Broken("a frame's header ends behind its block")) };
        let (next, stored, status) = (word(header, 0) as usize, word(header, 12) as usize, word(header, 20));
        let mac = usize::from(half(header, 24));
        if mac < HEADERS + ROOM {
            return Err(Broken("a frame begins inside its header"));
        }
        let (start, after) = (self.at.checked_add(mac), mac.checked_add(stored));
        let end = after.and_then(|after| self.at.checked_add(after));
        let (Some(start), Some(after), true) = (start, after, end.is_some_and(|end| end <= self.end)) else {
            return Err(Broken("a frame ends behind its block"));
        };
        self.left -= 1;
        if self.left > 0 {
            if next < after {
                return Err(Broken("a frame reaches into the next one"));
            }
            self.at = self.at.checked_add(next).ok_or(Broken("a frame begins behind its block"))?;
        }
        let received = Received {
            stored,
            length: word(header, 16),
            network: half(header, 26).saturating_sub(mac as u16),
            ts: Timestamp::from_parts(i64::from(word(header, 4)), i64::from(word(header, 8))),
            tag: tag_of(status, half(header, 36), word(header, 32) as u16),
            address: Address {
                protocol: u16::from_be(half(header, FRAME_HEADER + 2)),
                interface: word(header, FRAME_HEADER + 4),
                hardware: half(header, FRAME_HEADER + 8),
                packet_type: header[FRAME_HEADER + 10],
                length: header[FRAME_HEADER + 11],
                bytes: std::array::from_fn(|i| header[FRAME_HEADER + 12 + i]),
            },
            marks: marks_of(status),
        };
        Ok(Some((start, received)))
    }
}
