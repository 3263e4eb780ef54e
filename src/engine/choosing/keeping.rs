//! Packets of what can be read once (an interface, a pipe) wait until their conversation is over, and go on or are let go by what the
//! condition says of it then; where it can be said before, by then.
//!
//! They go on in the order in which they came, as long as there is room for those that wait: first wanted packets go on before older
//! ones that are not decided, then the oldest undecided ones are let go. Each conversation has a bound of its own, too, beyond
//! which its oldest go. What is missing of a conversation that is wanted stands in a comment of its first packet that is left.

use crate::decode::Packet;
use crate::decode::fragment::pieces::{Datagram, WaitingPieces};
use crate::engine::carried::Carried;
use crate::event::{Event, Keep, Sink};
use crate::flow::{Change, FlowId, FlowRecord, Note};
use crate::model::{Frame, KeptFrame, Timestamp};
use crate::query::Query;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;

/// What a packet takes beside its frame, bytes: in the order of all, and in that of its conversation.
const EACH: usize = 96;
/// What a conversation takes beside its packets, bytes.
const FLOW: usize = 128;
/// What is told of a packet that was kept: an output that copies looks at nothing else.
const UNREAD: Packet<'static> = Packet::empty(&[]);

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of one conversation.
    pub flow: usize,
    /// Bytes in all.
    pub all: usize,
    /// Wanted packets do not wait for older ones that are undecided.
    pub at_once: bool,
}

/// An output that can be asked whether it takes a packet now.
pub trait Roomy: Sink {
    /// Would a packet be taken, and not be left out?
    fn has_room(&mut self) -> bool;
    /// Waits until there is room, as long as that makes sense: nothing more is read.
    fn wait_for_room(&mut self);
    /// Takes a packet before which so many of its conversation are missing, which is to be said with it.
    fn after_missing(&mut self, frame: &Frame<'_>, missing: u64) -> io::Result<Keep>;
}

/// What became of the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Conversations, and those for which the condition held.
    pub flows: (u64, u64),
    /// Wanted conversations of which packets were let go.
    pub incomplete: u64,
    /// Those packets.
    pub missing: u64,
    /// Wanted packets that went on before older ones, for want of room.
    pub early: u64,
}

/// Whose a packet is that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    /// A conversation of which nothing can be said yet: its key.
    Flow(u64),
    /// Not known yet: a piece of a datagram.
    Piece,
    /// Wanted; so many before it of its conversation are missing.
    Wanted(u64),
}

/// A conversation under way.
#[derive(Debug, Default)]
struct Waiting {
    /// Its packets, by their turns.
    turns: VecDeque<u64>,
    bytes: usize,
    missing: u64,
    /// It is counted as one that is not whole.
    incomplete: bool,
    /// It was asked whether something can be said early,
    asked: bool,
    /// and this was said.
    early: Option<bool>,
}

/// Keeps packets until it is known whether they are wanted.
#[derive(Debug)]
pub struct Keeping<S> {
    pub(super) sink: S,
    query: Query,
    bounds: Bounds,
    held: BTreeMap<u64, (Of, Box<KeptFrame>)>,
    /// Of those, the wanted ones.
    wanted: BTreeSet<u64>,
    flows: HashMap<u64, Waiting>,
    pieces: WaitingPieces<u64>,
    /// The next packet's.
    turn: u64,
    bytes: usize,
    carried: Carried,
    kept: Kept,
}

fn size(frame: &KeptFrame) -> usize {
    frame.size() + EACH
}

impl<S: Roomy> Keeping<S> {
    /// Keeps packets for this output.
    pub fn new(sink: S, query: Query, bounds: Bounds) -> Self {
        Self {
            sink,
            query,
            held: BTreeMap::new(),
            wanted: BTreeSet::new(),
            flows: HashMap::new(),
            pieces: WaitingPieces::new(bounds.all / 16),
            bounds,
            turn: 0,
            bytes: 0,
            carried: Carried::default(),
            kept: Kept::default(),
        }
    }

    /// The output, and what became of the packets.
    pub fn into_inner(self) -> (S, Kept) {
        (self.sink, self.kept)
    }

    fn packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) -> io::Result<Keep> {
        let datagram = Datagram::of(packet);
        let turn = self.turn;
        self.turn += 1;
        match (note.flow, datagram) {
            (None, None) => self.carried.keep(frame),
            (None, Some(datagram)) => {
                self.hold(turn, Of::Piece, frame);
                let mut gone = Vec::new();
                self.pieces.keep(datagram, turn, frame.ts, &mut gone);
                self.let_all_go(gone);
            }
            (Some(flow), _) => {
                let before = datagram.map_or_else(Vec::new, |datagram| self.pieces.take(datagram));
                // An error comes from somebody else, and not every piece has ports.
                let own = note.change != Some(Change::IcmpError) && datagram.is_none();
                let early = self.early(flow, packet, own);
                if early == Some(true) && self.held.is_empty() && before.is_empty() && self.sink.has_room() {
                    return self.pass(frame, 0);
                }
                self.take(flow, frame, (turn, &before), early);
            }
        }
        self.give_up_pieces(frame.ts);
        self.make_room()?;
        self.release()
    }

    /// Pieces whose datagram is not completed in time keep nobody waiting any longer.
    fn give_up_pieces(&mut self, now: Timestamp) {
        let mut gone = Vec::new();
        self.pieces.give_up(now, &mut gone);
        self.let_all_go(gone);
    }

    fn let_all_go(&mut self, turns: Vec<u64>) {
        for turn in turns {
            self.let_go(turn);
        }
    }

    /// What can be said of a conversation already.
    fn early(&mut self, flow: FlowId, packet: &Packet<'_>, own: bool) -> Option<bool> {
        let waiting = match self.flows.entry(flow.key()) {
            Entry::Occupied(there) => there.into_mut(),
            Entry::Vacant(free) => {
                self.bytes += FLOW;
                free.insert(Waiting::default())
            }
        };
        if waiting.asked || !own {
            return waiting.early;
        }
        let ends = packet.endpoints()?;
        waiting.asked = true;
        waiting.early = self.query.early(flow, ends);
        let early = waiting.early?;
        let (turns, missing) = (std::mem::take(&mut waiting.turns), std::mem::take(&mut waiting.missing));
        waiting.bytes = 0;
        if early {
            self.miss(flow.key(), missing);
        }
        self.decide(turns, missing, early);
        Some(early)
    }

    /// Takes a packet of a conversation, and pieces of its datagram that came before.
    fn take(&mut self, flow: FlowId, frame: &Frame<'_>, (turn, before): (u64, &[u64]), early: Option<bool>) {
        match early {
            Some(false) => {
                for turn in before {
                    self.let_go(*turn);
                }
                self.carried.keep(frame);
            }
            Some(true) => {
                let mut there: VecDeque<u64> = before.iter().copied().filter(|turn| self.held.contains_key(turn)).collect();
                let missing = (before.len() - there.len()) as u64;
                self.hold(turn, Of::Piece, frame);
                there.push_back(turn);
                self.miss(flow.key(), missing);
                self.decide(there, missing, true);
            }
            None => {
                self.hold(turn, Of::Flow(flow.key()), frame);
                for turn in before.iter().copied().chain([turn]) {
                    self.attach(flow.key(), turn);
                }
                self.within_its_bound(flow.key());
            }
        }
    }

    /// Copies a packet to those that wait.
    fn hold(&mut self, turn: u64, of: Of, frame: &Frame<'_>) {
        let frame = Box::new(KeptFrame::of(frame));
        self.bytes += size(&frame);
        self.held.insert(turn, (of, frame));
    }

    /// Adds a packet to those of its conversation, in its place.
    fn attach(&mut self, key: u64, turn: u64) {
        let Some(waiting) = self.flows.get_mut(&key) else { return };
        let Some((of, frame)) = self.held.get_mut(&turn) else {
            waiting.missing += 1;
            return;
        };
        *of = Of::Flow(key);
        waiting.bytes += size(frame);
        let place = waiting.turns.partition_point(|there| *there < turn);
        waiting.turns.insert(place, turn);
    }

    /// A conversation that takes more than its share loses its oldest packets.
    fn within_its_bound(&mut self, key: u64) {
        while let Some(waiting) = self.flows.get(&key)
            && waiting.bytes > self.bounds.flow
            && let Some(&oldest) = waiting.turns.front()
        {
            self.let_go(oldest);
        }
    }

    /// Lets a packet go that waits. Of a conversation that is not decided it is the oldest.
    fn let_go(&mut self, turn: u64) {
        let Some((of, frame)) = self.held.remove(&turn) else { return };
        self.bytes -= size(&frame);
        self.carried.keep(&frame.frame());
        self.wanted.remove(&turn);
        if let Of::Flow(key) = of
            && let Some(waiting) = self.flows.get_mut(&key)
        {
            waiting.bytes -= size(&frame);
            waiting.missing += 1;
            if waiting.turns.front() == Some(&turn) {
                waiting.turns.pop_front();
            }
        }
    }

    /// So many packets are missing of a wanted conversation, which counts once.
    fn miss(&mut self, key: u64, missing: u64) {
        if missing > 0 {
            self.kept.missing += missing;
            let told = self.flows.get_mut(&key).is_some_and(|waiting| std::mem::replace(&mut waiting.incomplete, true));
            self.kept.incomplete += u64::from(!told);
        }
    }

    /// It is known of these packets whether they are wanted.
    fn decide(&mut self, turns: VecDeque<u64>, missing: u64, wanted: bool) {
        for (at, turn) in turns.into_iter().enumerate() {
            match self.held.get_mut(&turn) {
                Some((of, _)) if wanted => {
                    *of = Of::Wanted(if at == 0 { missing } else { 0 });
                    self.wanted.insert(turn);
                }
                Some((of, _)) => {
                    *of = Of::Piece; // nobody's any more
                    self.let_go(turn);
                }
                None => {}
            }
        }
    }

    /// A conversation is over.
    fn end_of(&mut self, record: &FlowRecord) -> io::Result<Keep> {
        let holds = self.query.holds(record);
        self.kept.flows = (self.kept.flows.0 + 1, self.kept.flows.1 + u64::from(holds));
        let key = record.id.key();
        if holds && let Some(missing) = self.flows.get(&key).map(|waiting| waiting.missing) {
            self.miss(key, missing);
        }
        if let Some(waiting) = self.flows.remove(&key) {
            self.bytes -= FLOW;
            self.decide(waiting.turns, waiting.missing, holds);
        }
        self.release()
    }

    /// Makes room: wanted packets go on whether older ones wait or not, then the oldest are let go.
    fn make_room(&mut self) -> io::Result<()> {
        while self.bytes > self.bounds.all {
            if let Some(&turn) = self.wanted.first() {
                self.kept.early += u64::from(self.held.keys().next() != Some(&turn));
                self.let_on(turn)?;
            } else if let Some(&oldest) = self.held.keys().next() {
                self.let_go(oldest);
            } else {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Lets on what need not wait for older ones, as far as the output has room.
    fn release(&mut self) -> io::Result<Keep> {
        let mut keep = Keep::Going;
        while let Some(&first) = self.wanted.first()
            && (self.bounds.at_once || self.held.keys().next() == Some(&first))
            && self.sink.has_room()
        {
            keep = self.let_on(first)?;
        }
        Ok(keep)
    }

    fn let_on(&mut self, turn: u64) -> io::Result<Keep> {
        self.wanted.remove(&turn);
        let Some((of, frame)) = self.held.remove(&turn) else { return Ok(Keep::Going) };
        self.bytes -= size(&frame);
        let missing = if let Of::Wanted(missing) = of { missing } else { 0 };
        self.pass(&frame.frame(), missing)
    }

    fn pass(&mut self, frame: &Frame<'_>, missing: u64) -> io::Result<Keep> {
        let frame = if self.carried.is_empty() { *frame } else { self.carried.joined(frame) };
        if missing == 0 {
            return self.sink.on_event(&Event::Packet { frame: &frame, packet: &UNREAD, note: &Note::NONE });
        }
        self.sink.after_missing(&frame, missing)
    }

    /// Nothing more comes: what is left of the wanted ones goes on.
    fn end(&mut self) -> io::Result<()> {
        self.pieces.rest();
        while let Some(&turn) = self.wanted.first() {
            if !self.sink.has_room() {
                self.sink.wait_for_room();
            }
            self.let_on(turn)?;
        }
        self.held.clear();
        Ok(())
    }
}

impl<S: Roomy> Sink for Keeping<S> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Packet { frame, packet, note } => self.packet(frame, packet, note),
            Event::Flow(record) => self.end_of(record),
            Event::Handshake(_) | Event::Stream(_) | Event::Settled(_) => Ok(Keep::Going),
            Event::Summary(_) => {
                self.end()?;
                self.sink.on_event(event)
            }
            Event::Drained | Event::Tick(_) => {
                if let Event::Tick(now) = event {
                    self.give_up_pieces(*now);
                }
                // The output may have room again.
                self.release()?;
                self.sink.on_event(event)
            }
            _ => self.sink.on_event(event),
        }
    }

    fn dropped(&self) -> u64 {
        self.sink.dropped()
    }

    fn records_dropped(&self) -> u64 {
        self.sink.records_dropped()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
