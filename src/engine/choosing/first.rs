//! The first reading of a saved capture: which packets belong to which conversation, and for which conversations the condition holds.

use super::Sum;
use super::again::Counted;
use super::gathering::Gathering;
use super::packets::{Bits, Packets};
use crate::decode::Packet;
use crate::decode::fragment::pieces::{Datagram, WaitingPieces};
use crate::event::{Event, Keep, Sink};
use crate::flow::{ById, FlowId, Note};
use crate::model::{Network, Timestamp};
use crate::query::Query;
use std::io;

/// Learns which packets are to be let through.
#[derive(Debug)]
pub struct Choosing {
    query: Query,
    packets: Packets,
    /// What the condition says of conversations that are over ([`Query::table`]).
    flows: ById,
    /// Where it asks for findings: what finds them, and notes who takes part.
    gathering: Option<Box<Gathering>>,
    /// Packets are kept, too.
    of_packets: bool,
    /// Once all was read: which findings, of those that are asked for, each conversation takes part in.
    takes_part: ById,
    /// Conversations that found no room in a detector.
    unexamined: u64,
    /// Bytes that these take.
    bytes: usize,
    /// Conversations.
    counted: u64,
    /// What they are known by.
    known_by: Counted,
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
    takes_part: ById,
    /// Packets of the capture.
    pub(super) packets: u64,
    pub(super) sum: Sum,
    /// Packets that are let through.
    pub chosen: u64,
    /// Conversations,
    pub flows_total: u64,
    /// and what they are known by.
    pub known_by: Counted,
    /// Those for which the condition holds.
    pub flows_chosen: u64,
    /// Where the condition asks for findings: what found no room in a detector, so that there may be more to find.
    pub unexamined: u64,
}

/// Does the condition hold, by its table and by the findings that the conversation takes part in?
fn holds(flows: &ById, takes_part: &ById, id: FlowId) -> bool {
    flows.get(id).is_some_and(|table| table >> takes_part.get(id).unwrap_or(0) & 1 != 0)
}

impl Chosen {
    /// Does the condition hold for this conversation?
    #[must_use]
    pub fn holds(&self, id: FlowId) -> bool {
        holds(&self.flows, &self.takes_part, id)
    }
}

impl Choosing {
    /// By this condition, within so many bytes; `findings` of them on top for detectors, where it asks for findings.
    #[must_use]
    pub fn new(query: Query, most: usize, findings: usize) -> Self {
        let pieces = WaitingPieces::new(most / 16);
        let gathering = query.asks_for_findings().then(|| Box::new(Gathering::within(findings, most / 2)));
        let most = if gathering.is_some() { most / 2 } else { most };
        Self {
            gathering,
            of_packets: true,
            takes_part: ById::default(),
            unexamined: 0,
            query,
            packets: Packets::default(),
            flows: ById::default(),
            bytes: 0,
            counted: 0,
            known_by: Counted::default(),
            most: most - pieces.most(),
            pieces,
            sum: Sum::default(),
            shrunk: 0,
            full: false,
        }
    }

    /// The same of conversations alone: nothing is kept of packets.
    #[must_use]
    pub fn of_flows(self) -> Self {
        Self { of_packets: false, ..self }
    }

    /// The same where these networks are local, beside private ones.
    #[must_use]
    pub fn with_local(self, local: Vec<Network>) -> Self {
        Self { gathering: self.gathering.map(|gathering| Box::new(gathering.with_local(local))), ..self }
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
        let Self { packets, flows, takes_part, sum, unexamined, counted: flows_total, known_by, .. } = self;
        let (packets, (bits, chosen)) = (packets.len(), packets.finish(|id| holds(&flows, &takes_part, id)));
        let flows_chosen = flows.iter().filter(|(id, _)| holds(&flows, &takes_part, *id)).count() as u64;
        Some(Chosen { bits, flows, takes_part, packets, sum, chosen, flows_total, known_by, flows_chosen, unexamined })
    }

    /// All was read: finds what there is to find, and who takes part.
    fn detect(&mut self) {
        let Some(gathering) = self.gathering.take() else { return };
        let Some(gathered) = gathering.finish() else {
            self.full = true;
            return;
        };
        self.unexamined = gathered.unexamined;
        let asked: Vec<_> = gathered.findings.iter().map(|finding| self.query.found(finding)).collect();
        let groups = (0..).zip(&gathered.findings).map(|(number, finding)| (finding.flows.group(), number));
        let takes_part = &mut self.takes_part;
        gathered.members.each(groups, |id, numbers| {
            let some = numbers.iter().fold(0, |all, number| all | asked.get(*number as usize).unwrap_or(&0));
            if some != 0 {
                takes_part.set(id, takes_part.get(id).unwrap_or(0) | some);
            }
        });
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
        self.packets.shrink(open, |id| match flows.get(id)? {
            0 => Some(false),
            table if table == u32::from(u16::MAX) => Some(true),
            _ => None,
        });
        self.shrunk = self.bytes + self.packets.bytes;
        self.full = self.shrunk > self.most;
    }
}

impl Sink for Choosing {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Packet { frame, packet, note } if self.of_packets => {
                self.sum.add(frame);
                self.packet((packet, note), frame.ts);
            }
            Event::Flow(record) => {
                self.bytes += self.flows.set(record.id, u32::from(self.query.table(record)));
                self.counted += 1;
                self.known_by.add(record);
                self.full |= self.bytes > self.most;
            }
            _ => {}
        }
        if let Some(gathering) = &mut self.gathering {
            self.full |= gathering.on_event(event)? == Keep::Enough;
        }
        if let Event::Summary(_) = event {
            self.detect();
        }
        Ok(if self.full { Keep::Enough } else { Keep::Going })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
