//! Holds packets back until what is said of them is settled, for outputs that print verdicts from files: from the first
//! packet whose verdict may still change, everything waits in order, until [`Event::Settled`] or a bound. What comes out is
//! the same however the source pauses, unless someone watches: then a pause ends the wait.
//!
//! Nothing is copied while nothing waits. What waits of a packet is its text, where the output makes [`Drafts`], else all of it.
//! It does not decide what is settled, and it does not look at a clock: the tracker settles by packet time.

mod draft;
mod kept;
mod waiting;

pub use draft::{Draft, Drafts};

use self::kept::{KNOWN, Kept, Other, Told, Unsure, Waiting, is_open};
use self::waiting::{Arena, Queue, make_way};
use crate::decode::Packet;
use crate::event::{Event, Keep, Sink};
use crate::flow::{FlowRecord, Note, Settled};
use crate::heap;
use crate::model::{Frame, SourceInfo};
use hashbrown::HashMap;
use std::collections::VecDeque;
use std::io;

/// Most events that wait. Two round trips of a fast path are more: then the oldest go as they are.
const EVENTS: usize = 1 << 16;
/// Most memory of what waits: the packets' bytes, and what is known of them. A draft counts as its packet would, or more if it is
/// longer: what waits, and so what is said of it, is the same in all forms but the longest.
pub const BYTES: usize = 16 << 20;

/// An output behind a queue.
#[derive(Debug)]
pub struct Hold<S> {
    inner: S,
    wait: Wait,
    events: usize,
    most_bytes: usize,
    waiting: VecDeque<Waiting>,
    /// The packets among those.
    kept: Queue<Kept>,
    /// The drafts among those whose verdicts were open when they came.
    unsure: Queue<Unsure>,
    /// Memory of all that waits.
    held: usize,
    /// Which of the packets or drafts are not settled, by source and number.
    open: HashMap<(u16, u64), u64, foldhash::fast::RandomState>,
    bytes: Arena,
    /// The output makes drafts.
    drafts: bool,
}

/// How long packets wait for their verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: live.
    Never,
    /// Until they are settled, or the source pauses: someone watches.
    UntilIdle,
    /// Until they are settled.
    UntilSettled,
}

impl<S: Drafts> Hold<S> {
    /// An output whose packets wait for their verdicts.
    #[must_use]
    pub fn new(inner: S, wait: Wait) -> Self {
        Self {
            inner,
            wait,
            events: EVENTS,
            most_bytes: BYTES,
            waiting: VecDeque::new(),
            kept: Queue::new(),
            unsure: Queue::new(),
            held: 0,
            open: HashMap::default(),
            bytes: Arena::default(),
            drafts: false,
        }
    }

    /// At most so many bytes wait, and no more than [`BYTES`].
    #[must_use]
    pub fn within(self, bytes: usize) -> Self {
        Self { most_bytes: bytes.min(BYTES), ..self }
    }

    /// The output; what waits is lost, but nothing does after [`Event::Summary`].
    pub fn into_inner(self) -> S {
        self.inner
    }

    fn settle(&mut self, settled: &Settled) -> io::Result<Keep> {
        if let Some(number) = self.open.remove(&(settled.source, settled.number)) {
            let note = if self.drafts {
                self.unsure.get_mut(number).map(|unsure| &mut unsure.note)
            } else {
                self.kept.get_mut(number).map(|kept| &mut kept.note)
            };
            if let Some(note) = note {
                note.verdict = Some(settled.verdict);
            }
        }
        self.go_on()
    }

    fn keep_packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) {
        let place = (frame.source, frame.number);
        let start = self.bytes.bytes.len();
        let draft = self.inner.draft(&mut self.bytes.bytes, frame, packet, note);
        debug_assert!(self.waiting.is_empty() || self.drafts == (draft != Draft::Never), "of all packets or of none");
        self.drafts = draft != Draft::Never;
        let (len, counted) = match draft {
            Draft::Never => (frame.bytes.len(), frame.bytes.len() + KNOWN),
            Draft::Whole | Draft::Open(_) => {
                let text = self.bytes.bytes.len() - start;
                (text, text.max(frame.bytes.len() + KNOWN))
            }
        };
        self.held += counted;
        let waiting = match draft {
            Draft::Never => {
                if is_open(note) {
                    self.open.insert(place, self.kept.next());
                }
                self.bytes.bytes.extend_from_slice(frame.bytes);
                self.kept.push(Kept {
                    // Options of a pcapng block are for writers, which do not wait.
                    frame: Frame { bytes: &[], options: None, ..*frame },
                    packet: packet.with_bytes(&[]),
                    note: *note,
                    len,
                });
                Waiting::Packet
            }
            Draft::Whole => Waiting::Draft { len: len as u32, counted: counted as u32 },
            Draft::Open(at) => {
                self.open.insert(place, self.unsure.next());
                self.unsure.push(Unsure { source: frame.source, number: frame.number, at, note: *note });
                Waiting::Unsure { len: len as u32, counted: counted as u32 }
            }
        };
        make_way(&mut self.waiting);
        self.waiting.push_back(waiting);
    }

    fn keep_other(&mut self, event: &Event<'_>) {
        let before = heap::held();
        let (event, least) = match *event {
            Event::Source { index, info } => (Told::Source(index, Box::new(info.clone())), size_of::<SourceInfo>()),
            Event::Handshake(record) => (Told::Handshake(Box::new(record.clone())), size_of::<FlowRecord>()),
            Event::Flow(record) => (Told::Flow(Box::new(record.clone())), size_of::<FlowRecord>()),
            Event::Tick(time) => (Told::Tick(time), 0),
            Event::Packet { .. }
            | Event::Settled(_)
            | Event::Neighbour(_)
            | Event::Stream(_)
            | Event::Drained
            | Event::SourcesEnded
            | Event::Counters { .. }
            | Event::Rotate(_)
            | Event::Finding { .. }
            | Event::Summary(_) => return,
        };
        // What a source says of itself may be long. Where no allocator counts, what is sure.
        let room = KNOWN + least.max((heap::held() - before).max(0).unsigned_abs());
        self.held += room;
        make_way(&mut self.waiting);
        self.waiting.push_back(Waiting::Other(Box::new(Other { event, room })));
    }

    /// Lets go what is settled, and what is too much.
    fn go_on(&mut self) -> io::Result<Keep> {
        let mut answer = Keep::Going;
        while let Some(first) = self.waiting.front() {
            let note = match first {
                Waiting::Packet => self.kept.items.front().map(|kept| &kept.note),
                Waiting::Unsure { .. } => self.unsure.items.front().map(|unsure| &unsure.note),
                Waiting::Draft { .. } | Waiting::Other(_) => None,
            };
            if note.is_some_and(is_open) && self.waiting.len() <= self.events && self.held <= self.most_bytes {
                break;
            }
            answer = self.let_go(answer)?;
        }
        Ok(answer)
    }

    fn all_go(&mut self) -> io::Result<Keep> {
        let mut answer = Keep::Going;
        while !self.waiting.is_empty() {
            answer = self.let_go(answer)?;
        }
        Ok(answer)
    }

    /// The first that waits goes.
    fn let_go(&mut self, so_far: Keep) -> io::Result<Keep> {
        let said = match self.waiting.pop_front() {
            None => return Ok(so_far),
            Some(Waiting::Packet) => self.let_packet_go(),
            Some(Waiting::Draft { len, counted }) => {
                self.held -= counted as usize;
                let said = self.inner.write_draft(self.bytes.first(len as usize), None);
                self.bytes.drop_first(len as usize);
                said
            }
            Some(Waiting::Unsure { len, counted }) => {
                self.held -= counted as usize;
                let Some(unsure) = self.unsure.items.front() else { return Ok(so_far) };
                if is_open(&unsure.note) {
                    self.open.remove(&(unsure.source, unsure.number));
                }
                let said = self.inner.write_draft(self.bytes.first(len as usize), Some((unsure.at, &unsure.note)));
                self.unsure.drop_first();
                self.bytes.drop_first(len as usize);
                said
            }
            Some(Waiting::Other(other)) => {
                self.held -= other.room;
                self.inner.on_event(&match &other.event {
                    Told::Source(index, info) => Event::Source { index: *index, info },
                    Told::Handshake(record) => Event::Handshake(record),
                    Told::Flow(record) => Event::Flow(record),
                    Told::Tick(time) => Event::Tick(*time),
                })
            }
        };
        said.map(|answer| if so_far == Keep::Enough { so_far } else { answer })
    }

    fn let_packet_go(&mut self) -> io::Result<Keep> {
        // It is lent from where it is: taken out it would be copied, and a packet with its note is half a kilobyte.
        let Some(Kept { frame, packet, note, len }) = self.kept.items.front() else { return Ok(Keep::Going) };
        if is_open(note) {
            self.open.remove(&(frame.source, frame.number));
        }
        let bytes = self.bytes.first(*len);
        let frame = Frame { bytes, ..*frame };
        let said = self.inner.on_event(&Event::Packet { frame: &frame, packet: &packet.with_bytes(bytes), note });
        self.held -= *len + KNOWN;
        self.bytes.drop_first(*len);
        self.kept.drop_first();
        said
    }
}

impl<S: Drafts> Sink for Hold<S> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if self.wait == Wait::Never {
            return self.inner.on_event(event);
        }
        match event {
            Event::Settled(settled) => self.settle(settled),
            Event::Summary(_) => {
                self.all_go()?;
                self.inner.on_event(event)
            }
            Event::Packet { note, .. } if self.waiting.is_empty() && !is_open(note) => self.inner.on_event(event),
            Event::Packet { frame, packet, note } => {
                self.keep_packet(frame, packet, note);
                self.go_on()
            }
            // Text that is made already is changed by none of them.
            _ if self.waiting.is_empty() || self.drafts => self.inner.on_event(event),
            _ => {
                self.keep_other(event);
                self.go_on()
            }
        }
    }

    fn dropped(&self) -> u64 {
        self.inner.dropped()
    }

    fn records_dropped(&self) -> u64 {
        self.inner.records_dropped()
    }

    /// The source is idle or a person asked: where someone watches, what waits goes as it is.
    fn flush(&mut self) -> io::Result<()> {
        if self.wait == Wait::UntilIdle {
            self.all_go()?;
        }
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests;
