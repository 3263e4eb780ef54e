//! What is kept of the events that wait, and what it counts.

use crate::decode::Packet;
use crate::flow::{FlowRecord, Note};
use crate::model::{Frame, SourceInfo, Timestamp};

/// What is known of a packet and waits with it, beside its bytes.
pub(super) const KNOWN: usize = size_of::<Kept>() + size_of::<usize>();

/// An event that waits. Small: what is large stands in queues of its own.
#[derive(Debug)]
pub(super) enum Waiting {
    /// The first of those that are kept.
    Packet,
    /// So many bytes of text, which count as so many.
    Draft {
        len: u32,
        counted: u32,
    },
    /// The same; its verdict is the first of those that were open.
    Unsure {
        len: u32,
        counted: u32,
    },
    Other(Box<Other>),
}

/// An event that is no packet, with the memory that it takes.
#[derive(Debug)]
pub(super) struct Other {
    pub(super) event: Told,
    pub(super) room: usize,
}

#[derive(Debug)]
pub(super) enum Told {
    Source(u16, Box<SourceInfo>),
    Handshake(Box<FlowRecord>),
    Flow(Box<FlowRecord>),
    Tick(Timestamp),
}

/// A packet without its bytes, which are in the arena.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) frame: Frame<'static>,
    pub(super) packet: Packet<'static>,
    pub(super) note: Note,
    pub(super) len: usize,
}

/// What belongs into a draft.
#[derive(Debug)]
pub(super) struct Unsure {
    pub(super) source: u16,
    pub(super) number: u64,
    /// Where in the text.
    pub(super) at: usize,
    pub(super) note: Note,
}

/// May its verdict still change?
pub(super) fn is_open(note: &Note) -> bool {
    note.verdict.is_some_and(|verdict| !verdict.settled)
}
