//! The second reading of a saved capture: lets the chosen packets through, and looks whether it is still the same capture.

use super::Sum;
use super::first::Chosen;
use crate::engine::carried::Carried;
use crate::event::{Event, Keep, Sink};
use crate::flow::FlowRecord;
use std::io;

/// What conversations are known by when they are counted again: a sum over them, in whatever order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted(u64);

impl Counted {
    /// One more.
    pub(super) fn add(&mut self, record: &FlowRecord) {
        let mut one = Sum::default();
        for word in [record.id.key(), u64::from(record.first_packet.0), record.first_packet.1, record.last_packet.1] {
            one.word(word);
        }
        self.0 = self.0.wrapping_add(one.0);
    }
}

/// An output that is told all, and a look whether the conversations are those of the first reading, with the same numbers.
#[derive(Debug)]
pub struct Recount<S> {
    sink: S,
    counted: Counted,
}

impl<S> Recount<S> {
    /// None so far.
    pub fn new(sink: S) -> Self {
        Self { sink, counted: Counted::default() }
    }

    /// The output, and what conversations there were.
    pub fn into_inner(self) -> (S, Counted) {
        (self.sink, self.counted)
    }
}

impl<S: Sink> Sink for Recount<S> {
    #[inline]
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Flow(record) = event {
            self.counted.add(record);
        }
        self.sink.on_event(event)
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

/// An output that is told of the chosen packets and conversations alone, and of all else.
#[derive(Debug)]
pub struct Again<S> {
    sink: S,
    chosen: Chosen,
    /// Packets so far.
    at: u64,
    sum: Sum,
    /// What the capture dropped before packets that are not let through.
    carried: Carried,
}

impl<S> Again<S> {
    /// Lets through what was chosen.
    pub fn new(sink: S, chosen: Chosen) -> Self {
        Self { sink, chosen, at: 0, sum: Sum::default(), carried: Carried::default() }
    }

    /// Was all of it read as it was the first time: as many packets, of the same times and lengths?
    #[must_use]
    pub fn is_the_same(&self) -> bool {
        (self.at, self.sum) == (self.chosen.packets, self.chosen.sum)
    }

    /// The output, and what was let through to it.
    pub fn into_inner(self) -> (S, Chosen) {
        (self.sink, self.chosen)
    }
}

impl<S: Sink> Sink for Again<S> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match *event {
            Event::Packet { frame, packet, note } => {
                let at = self.at;
                self.at += 1;
                self.sum.add(frame);
                if !self.chosen.bits.get(at) {
                    self.carried.keep(frame);
                    return Ok(Keep::Going);
                }
                if self.carried.is_empty() {
                    return self.sink.on_event(event);
                }
                let frame = self.carried.joined(frame);
                self.sink.on_event(&Event::Packet { frame: &frame, packet, note })
            }
            Event::Flow(record) | Event::Handshake(record) if !self.chosen.holds(record.id) => Ok(Keep::Going),
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
