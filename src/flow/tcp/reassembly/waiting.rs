//! Data above a hole: it waits until what is before it comes, or is given up. What came first stays; later copies only fill
//! what is missing between.

use super::compare::Comparison;
use crate::flow::room::Room;
use crate::flow::stream::StreamPacket;
use std::collections::BTreeMap;

/// Memory of a chunk beside its bytes: its place in the map (whose nodes may be half empty) and what an allocation costs.
const CHUNK: usize = 160;

/// Bytes of one packet, or of a part of it.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) data: Box<[u8]>,
    /// One past the last byte that the packet had on the wire, if the capture cut it behind this chunk; else 0.
    pub(super) cut_to: u64,
    pub(super) packet: StreamPacket,
}

/// Memory that a direction may take: what is left of its flow's share, and the room of all flows.
#[derive(Debug)]
pub(super) struct Budget<'a> {
    pub(super) left: usize,
    pub(super) room: &'a mut Room,
}

impl Budget<'_> {
    fn take(&mut self, bytes: usize) -> bool {
        if bytes > self.left || !self.room.take(bytes) {
            return false;
        }
        self.left -= bytes;
        true
    }

    fn give_back(&mut self, bytes: usize) {
        self.left += bytes;
        self.room.give_back(bytes);
    }
}

/// Chunks by offset; no two overlap.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    chunks: BTreeMap<u64, Chunk>,
    memory: usize,
}

impl Waiting {
    /// Where the first chunk starts.
    pub(super) fn first(&self) -> Option<u64> {
        self.chunks.first_key_value().map(|(offset, _)| *offset)
    }

    /// Takes the first chunk out.
    pub(super) fn pop(&mut self, budget: &mut Budget<'_>) -> Option<Chunk> {
        let (_, chunk) = self.chunks.pop_first()?;
        self.memory -= cost(chunk.data.len());
        budget.give_back(cost(chunk.data.len()));
        Some(chunk)
    }

    /// Keeps what of `data` (at `offset`) is not there yet, and compares the rest. `Err`: from this offset on there was no room.
    pub(super) fn insert(
        &mut self,
        offset: u64,
        data: &[u8],
        cut_to: u64,
        packet: StreamPacket,
        budget: &mut Budget<'_>,
        outcome: &mut Comparison,
    ) -> Result<(), u64> {
        let end = offset + data.len() as u64;
        let part = |from: u64, to: u64| &data[(from - offset) as usize..(to - offset) as usize];
        let mut at = offset;
        while at < end {
            if let Some((start, chunk)) = self.chunks.range(..=at).next_back()
                && let Some(there) = chunk.data.get((at - start) as usize..).filter(|there| !there.is_empty())
            {
                let to = end.min(at + there.len() as u64);
                outcome.compare(at, part(at, to), &there[..(to - at) as usize]);
                at = to;
                continue;
            }
            let to = self.chunks.range(at..).next().map_or(end, |(start, _)| end.min(*start));
            let cost = cost((to - at) as usize);
            if !budget.take(cost) {
                return Err(at);
            }
            self.memory += cost;
            let cut_to = if to == end { cut_to } else { 0 };
            self.chunks.insert(at, Chunk { data: part(at, to).into(), cut_to, packet });
            at = to;
        }
        Ok(())
    }

    /// Memory held, bytes.
    pub(super) const fn memory(&self) -> usize {
        self.memory
    }

    /// Forgets everything.
    pub(super) fn release(&mut self, room: &mut Room) {
        room.give_back(std::mem::take(&mut self.memory));
        self.chunks.clear();
    }
}

const fn cost(bytes: usize) -> usize {
    bytes + CHUNK
}
