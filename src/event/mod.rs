//! What the engine tells the outputs. The engine produces events and owns the [`Sink`] trait; outputs implement it, and
//! neither knows the other.

pub mod summary;

pub use summary::{Reason, RunSummary, SourceSummary};

use crate::decode::Packet;
use crate::detect::Finding;
use crate::flow::{FlowRecord, Neighbour, Note, Settled, StreamEvent};
use crate::model::{Frame, SourceInfo, SourceStats, Timestamp};
use std::io;

/// Something an output may want to show or store.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::large_enum_variant)] // borrowed for one call only, never stored
pub enum Event<'a> {
    /// What is known of a source: once at the start for each, and again when it grows (a pcapng file names interfaces,
    /// address names and secrets as it goes). Comes before the first packet that depends on it.
    Source {
        /// The `source` of its frames.
        index: u16,
        /// All that is known now.
        info: &'a SourceInfo,
    },
    /// A packet that the filter let through.
    Packet {
        /// As captured.
        frame: &'a Frame<'a>,
        /// As decoded.
        packet: &'a Packet<'a>,
        /// As the tracker sees it; empty when no output asked for a tracker.
        note: &'a Note,
    },
    /// The outcome of a TCP set-up is known (live, before the flow ends). `FlowRecord::handshake` is there.
    Handshake(&'a FlowRecord),
    /// A flow ended.
    Flow(&'a FlowRecord),
    /// Bytes of a connection in order, or what is missing of them; where the tracker was asked for them
    /// ([`Wants::streams`](crate::flow::Wants::streams)). Comes before the packet that brought them.
    Stream(&'a StreamEvent<'a>),
    /// A host says something of addresses on its network, where [`Wants::neighbours`](crate::flow::Wants::neighbours) asks for it.
    Neighbour(&'a Neighbour),
    /// The verdict on an earlier packet, final now.
    Settled(&'a Settled),
    /// Nothing more has come just now (live): a good moment to hand on what a person waits for.
    Drained,
    /// Packet time went on without packets (live).
    Tick(Timestamp),
    /// No more packets come; what follows are the flows that were left, and the summary. From here on an output may wait for
    /// whoever reads it.
    SourcesEnded,
    /// The counters of a live source so far: about once a second, and before [`Event::Rotate`].
    Counters {
        /// The `source` of its frames.
        index: u16,
        /// All that is known now.
        info: &'a SourceInfo,
        /// The counters.
        stats: &'a SourceStats,
    },
    /// A person asked (SIGHUP) that the file at hand be ended and the next begun. The time now.
    Rotate(Timestamp),
    /// Something deserves a look, where [`Detecting`](crate::engine::Detecting) looks: all of them stand between the last flow and the summary.
    Finding {
        /// Its number, from 1: `f1`.
        number: u64,
        /// What.
        finding: &'a Finding,
    },
    /// The run is over. The last event.
    Summary(&'a RunSummary),
}

/// Does an output want to go on?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Go on.
    Going,
    /// It has all it wants (`-c`): the run may end.
    Enough,
}

/// An output.
pub trait Sink {
    /// Takes an event. An error ends the run.
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep>;

    /// Packets that this output could not take because whoever reads it is too slow. Only live runs lose any.
    fn dropped(&self) -> u64 {
        0
    }

    /// Records of flows that this output could not take for that reason. They are worse to lose than packets, and have room
    /// when packets have none.
    fn records_dropped(&self) -> u64 {
        0
    }

    /// The source is idle, a second has gone by (live), or a person asked (SIGUSR2): hand on what is buffered.
    fn flush(&mut self) -> io::Result<()>;
}
