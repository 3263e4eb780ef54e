//! Where what is read of a flow is written down, with the memory for it: out of the room that all flows share.

use super::record::{AppRecord, Moment, Text};
use crate::flow::room::Room;
use crate::flow::stream::StreamPacket;
use crate::peek::tls::shown;
use std::net::IpAddr;

/// Most bytes of a side that wait to be read.
pub(in crate::flow) const MOST: usize = 16 << 10;
/// Messages that a flow keeps; of more only the number is known.
pub(super) const KEPT: usize = 64;
/// Longest text that is kept, characters; a target of HTTP has more.
pub(super) const TEXT: usize = 256;
pub(super) const LONG_TEXT: usize = 1024;

/// Where bytes came from.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    /// The packet that they were in.
    pub(super) first: Moment,
    /// The packet that made them known: a later one where they waited above a hole.
    pub(super) now: Moment,
}

impl At {
    pub(super) const fn new(packet: StreamPacket, now: Moment) -> Self {
        Self { first: Moment { number: packet.number, ts: packet.ts }, now }
    }
}

/// An address that a name was given for.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct NameOf<'a> {
    pub(in crate::flow) name: &'a str,
    pub(in crate::flow) address: IpAddr,
}

/// Bytes of the room that a flow has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// For what is kept of it to its end.
    pub(super) kept: usize,
    /// For what is needed to read it.
    pub(super) work: usize,
}

/// What a reader works with.
pub(super) struct Notes<'a> {
    pub(super) record: &'a mut AppRecord,
    pub(super) room: &'a mut Room,
    /// Bytes taken of the room by this flow.
    pub(super) held: &'a mut Held,
    /// Takes names that are learnt.
    pub(super) learn: &'a mut dyn FnMut(NameOf<'_>),
    /// The names of both sides in what is said of them.
    pub(super) sides: [&'static str; 2],
}

impl Notes<'_> {
    fn take(&mut self, bytes: usize) -> bool {
        let taken = self.room.take(bytes);
        self.record.incomplete |= !taken;
        taken
    }

    /// Takes room for what is needed to read the flow.
    pub(super) fn take_work(&mut self, bytes: usize) -> bool {
        let taken = self.take(bytes);
        self.held.work += if taken { bytes } else { 0 };
        taken
    }

    /// Gives that back.
    pub(super) fn give_back(&mut self, bytes: usize) {
        self.room.give_back(bytes);
        self.held.work -= bytes;
    }

    fn take_for_good(&mut self, bytes: usize) -> bool {
        let taken = self.take(bytes);
        self.held.kept += if taken { bytes } else { 0 };
        taken
    }

    /// Room for another message, if the flow keeps any more.
    pub(super) fn keeps(&mut self, so_far: usize, size: usize) -> bool {
        so_far < KEPT && self.take_for_good(size)
    }

    /// Text to be kept, of at most so many characters. What is cut ends in `…`.
    pub(super) fn cut(&mut self, text: &str, most: usize) -> Option<Text> {
        if !self.take_for_good(text.len().min(4 * most)) {
            return None;
        }
        Some(match text.char_indices().nth(most) {
            Some((at, _)) => format!("{}…", &text[..at]).into(),
            None => text.into(),
        })
    }

    /// Bytes as text to be kept.
    pub(super) fn text(&mut self, bytes: &[u8]) -> Option<Text> {
        self.cut(&shown(bytes), TEXT)
    }
}

/// Bytes of a side that wait to be read.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// Bytes taken of the room.
    taken: usize,
}

impl Buffer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) const fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) const fn is_full(&self) -> bool {
        self.bytes.len() >= MOST
    }

    /// Takes what has room of it. `None`: there is no memory.
    pub(super) fn push(&mut self, bytes: &[u8], notes: &mut Notes<'_>) -> Option<()> {
        let bytes = &bytes[..bytes.len().min(MOST - self.bytes.len())];
        let len = self.bytes.len() + bytes.len();
        if len > self.taken {
            let capacity = len.max(2 * self.taken).min(MOST);
            if !notes.take_work(capacity - self.taken) {
                return None;
            }
            self.taken = capacity;
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        Some(())
    }

    /// Nothing of it is needed any more.
    pub(super) fn clear(&mut self, notes: &mut Notes<'_>) {
        self.bytes = Vec::new();
        notes.give_back(std::mem::take(&mut self.taken));
    }
}
