//! The first reading of a saved capture: which packets belong to which conversation, and for which conversations the condition holds.

use super::Sum;
use super::packets::{Bits, Packets};
use crate::decode::Packet;
use crate::decode::fragment::pieces::{Datagram, WaitingPieces};
use crate::event::{Event, Keep, Sink};
use crate::flow::{ById, FlowId, Note};
use crate::model::Timestamp;
use crate::query::Query;
use std::io;

/// Learns which packets are to be let through.
#[derive(Debug)]
pub struct Choosing {
    query: Query,
    packets: Packets,
    /// What the condition says of conversations that are over: 1, it holds.
    flows: ById,
    /// Bytes that these take.
    bytes: usize,
    /// Conversations, and those for which it holds.
    counted: (u64, u64),
    /// Packets that wait for the one that completes their datagram.
    pieces: WaitingPieces<u64>,
    sum: Sum,
    most: usize,
    /// Bytes that remained when they were last made fewer.
    shrunk: usize,
    full: bool,
}

/// Which packets of a capture are let through when it is read again.
#[derive(Debug, Default)]
pub struct Chosen {
    pub(super) bits: Bits,
    flows: ById,
    /// Packets of the capture.
    pub(super) packets: u64,
    pub(super) sum: Sum,
    /// Packets that are let through.
    pub chosen: u64,
    /// Conversations.
    pub flows_total: u64,
    /// Those for which the condition holds.
    pub flows_chosen: u64,
}

impl Chosen {
    /// Does the condition hold for this conversation?
    #[must_use]
    pub fn holds(&self, id: FlowId) -> bool {
        self.flows.get(id) == Some(1)
    }
}

impl Choosing {
    /// By this condition, within so many bytes.
    #[must_use]
    pub fn new(query: Query, most: usize) -> Self {
        let pieces = WaitingPieces::new(most / 16);
        Self {
            query,
            packets: Packets::default(),
            flows: ById::default(),
            bytes: 0,
            counted: (0, 0),
            most: most - pieces.most(),
            pieces,
            sum: Sum::default(),
            shrunk: 0,
            full: false,
        }
    }

    /// Packets that were read.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets.len()
    }

    /// What is to be let through; nothing where memory did not suffice.
    #[must_use]
    pub fn finish(self) -> Option<Chosen> {
        if self.full {
            return None;
        }
        let (packets, flows) = (self.packets.len(), self.flows);
        let (bits, chosen) = self.packets.finish(|id| flows.get(id) == Some(1));
        let (flows_total, flows_chosen) = self.counted;
        Some(Chosen { bits, flows, packets, sum: self.sum, chosen, flows_total, flows_chosen })
    }

    fn packet(&mut self, (packet, note): (&Packet<'_>, &Note), now: Timestamp) {
        let datagram = Datagram::of(packet);
        let before = match (note.flow, datagram) {
            (Some(_), Some(datagram)) => self.pieces.take(datagram),
            _ => Vec::new(),
        };
        let Some(at) = self.packets.push(note.flow) else {
            self.full = true;
            return;
        };
        match (note.flow, datagram) {
            (Some(flow), _) => before.into_iter().for_each(|at| self.packets.set(at, flow)),
            // What is given up belongs to no conversation, as it stands there already.
            (None, Some(datagram)) => self.pieces.keep(datagram, at, now, &mut Vec::new()),
            (None, None) => {}
        }
        if self.bytes + self.packets.bytes > self.most {
            self.make_room();
        }
    }

    /// Makes bits of what is decided, if that can be worth its time.
    #[cold]
    fn make_room(&mut self) {
        if self.shrunk > self.most / 8 * 7 {
            self.full = true;
            return;
        }
        // Pieces are given up by number, bytes and age: those that wait are among the last, as a rule. Of older ones nothing is lost but
        // that they would have been chosen, so nothing that waits is made a bit.
        let open = self.pieces.iter().copied().min().unwrap_or(u64::MAX);
        let flows = &self.flows;
        self.packets.shrink(open, |id| flows.get(id).map(|holds| holds == 1));
        self.shrunk = self.bytes + self.packets.bytes;
        self.full = self.shrunk > self.most;
    }
}

impl Sink for Choosing {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Packet { frame, packet, note } => {
                self.sum.add(frame);
                self.packet((packet, note), frame.ts);
            }
            Event::Flow(record) => {
                let holds = self.query.holds(record);
                self.bytes += self.flows.set(record.id, u32::from(holds));
                self.counted = (self.counted.0 + 1, self.counted.1 + u64::from(holds));
            }
            _ => {}
        }
        Ok(if self.full { Keep::Enough } else { Keep::Going })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
