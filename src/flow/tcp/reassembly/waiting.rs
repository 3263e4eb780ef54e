//! Data above a hole: it waits until what is before it comes, or is given up. What came first stays; later copies only fill
//! what is missing between.

use super::compare::Comparison;
use crate::flow::room::Room;
use crate::flow::stream::StreamPacket;
use std::collections::BTreeMap;

/// Memory of a chunk beside its bytes: its place in the map (whose nodes may be half empty) and what an allocation costs.
const CHUNK: usize = 160;

/// Bytes of one packet, or of a part of it; none where the capture cut them all off.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) data: Box<[u8]>,
    /// One past the last byte that was on the wire, if the capture cut packets behind this chunk; else 0.
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
        if data.is_empty() {
            return if cut_to > offset { self.insert_cut(offset, cut_to, packet, budget) } else { Ok(()) };
        }
        let end = offset + data.len() as u64;
        let part = |from: u64, to: u64| &data[(from - offset) as usize..(to - offset) as usize];
        let mut at = offset;
        while at < end {
            let mut room = CHUNK;
            if let Some((start, chunk)) = self.chunks.range_mut(..=at).next_back() {
                let there = chunk.data.get((at - start) as usize..).unwrap_or_default();
                if !there.is_empty() {
                    let to = end.min(at + there.len() as u64);
                    outcome.compare(at, part(at, to), &there[..(to - at) as usize]);
                    if to == end {
                        chunk.cut_to = chunk.cut_to.max(cut_to);
                    }
                    at = to;
                    continue;
                }
                if *start == at {
                    room = 0; // The place of a packet of which nothing was captured.
                }
            }
            let to = self.chunks.range(at + 1..).next().map_or(end, |(start, _)| end.min(*start));
            let cost = room + (to - at) as usize;
            if !budget.take(cost) {
                return Err(at);
            }
            self.memory += cost;
            let chunk = self.chunks.entry(at).or_insert_with(|| Chunk { data: Box::default(), cut_to: 0, packet });
            (chunk.data, chunk.packet) = (part(at, to).into(), packet);
            if to == end {
                chunk.cut_to = chunk.cut_to.max(cut_to);
            }
            at = to;
        }
        Ok(())
    }

    /// Keeps that a packet was on the wire from `offset` to `cut_to`, of which nothing was captured: with what lies before it
    /// where that reaches so far, else as a chunk without bytes.
    fn insert_cut(&mut self, offset: u64, cut_to: u64, packet: StreamPacket, budget: &mut Budget<'_>) -> Result<(), u64> {
        if let Some((start, chunk)) = self.chunks.range_mut(..=offset).next_back()
            && chunk.cut_to.max(start + chunk.data.len() as u64) >= offset
        {
            chunk.cut_to = chunk.cut_to.max(cut_to);
            return Ok(());
        }
        if !budget.take(cost(0)) {
            return Err(offset);
        }
        self.memory += cost(0);
        self.chunks.insert(offset, Chunk { data: Box::default(), cut_to, packet });
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
