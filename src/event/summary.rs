//! The totals of a run: what was read, what was understood, what was lost.

use crate::decode::{IssueKind, LayerKind};
use crate::flow::ChecksumStats;
use crate::model::{SourceInfo, SourceStats, Timestamp};
use std::collections::BTreeMap;

/// A source of the run, with its counters at the end.
#[derive(Clone, Debug)]
pub struct SourceSummary {
    /// What it was.
    pub info: SourceInfo,
    /// Its counters.
    pub stats: SourceStats,
    /// Frames of it that were cut by a snap length.
    pub cut_frames: u64,
    /// How it ended early, if it did (file damaged, interface gone).
    pub problem: Option<String>,
}

/// Why frames were not understood to their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Where decoding stopped.
    pub layer: LayerKind,
    /// What stopped it.
    pub kind: IssueKind,
    /// The protocol or link type that is not known, where that was it; else 0.
    pub number: u32,
}

impl RunSummary {
    /// Frames that the filter let through and that were shown or saved.
    #[must_use]
    pub const fn shown(&self) -> u64 {
        self.matched.saturating_sub(self.dropped_here)
    }

    /// A counter summed over all sources; `None` where one of them does not know it.
    #[must_use]
    pub fn total(&self, of: impl Fn(&SourceStats) -> Option<u64>) -> Option<u64> {
        let sum = |a: Option<u64>, b: Option<u64>| a.zip(b).map(|(a, b)| a.saturating_add(b));
        self.sources.iter().map(|source| of(&source.stats)).reduce(sum).flatten()
    }
}

/// Totals of a run.
#[derive(Clone, Debug, Default)]
pub struct RunSummary {
    /// Each source, in the order given.
    pub sources: Vec<SourceSummary>,
    /// Frames read, before the filter.
    pub read: u64,
    /// Frames that the filter let through (all, without a filter).
    pub matched: u64,
    /// Bytes of those on the wire.
    pub wire_bytes: u64,
    /// Earliest and latest time of those; they need not be the first and the last.
    pub time: Option<(Timestamp, Timestamp)>,
    /// Packets by protocol word (`TCP`, `UDP`, `ICMP`, `ICMPv6`, `ARP`, `SCTP`, `other IP`, `other`), innermost layer, matched ones.
    pub protocols: BTreeMap<&'static str, u64>,
    /// Frames that were not understood as far as the transport layer, by reason, most first.
    pub not_understood: Vec<(Reason, u64)>,
    /// Such frames whose reasons were too many to be told apart.
    pub not_understood_otherwise: u64,
    /// Different IP addresses seen, and whether the count stopped at its cap.
    pub hosts: (u64, bool),
    /// Ports most packets were sent to or from on the server side, most first; for "nothing matched".
    pub busy_ports: Vec<(u16, u64)>,
    /// Flows ended or left at the end.
    pub flows: u64,
    /// Flows evicted because the table was full, by number or by memory.
    pub evicted: u64,
    /// Flows given out early for the same reason that were over already.
    pub closed_early: u64,
    /// Flows of which segments had to be forgotten for want of memory: what is worked out of their segments is a minimum.
    pub without_room: u64,
    /// What was found of checksums, where they were looked at.
    pub checksums: ChecksumStats,
    /// Frames that stand for several segments on the wire, as the capturing system says (`FrameMarks::gso`): source, interface
    /// of that, frames. At most 64 interfaces.
    pub joined: Vec<(u16, u32, u64)>,
    /// Fragments given up: (datagrams never completed, those pushed out by the cap).
    pub fragments_lost: (u64, u64),
    /// Fragments that could not be used: (cut by a snap length, malformed or overlapping others).
    pub fragments_unfit: (u64, u64),
    /// Frames that the filter let through and that were left out of the output, because whoever reads it is too slow. Those of
    /// `matched` that were shown or saved are the others.
    pub dropped_here: u64,
    /// Records of flows that were left out for that reason.
    pub records_dropped: u64,
    /// Packets that the thread which follows their conversation had no room for: their conversations may have two records.
    pub misplaced: u64,
    /// What found no room in [`Detecting`](crate::engine::Detecting): conversations, groups of them, packets worth citing. There may be more to find.
    pub unexamined: u64,
    /// Findings on what belongs to no conversation (addresses), where only some conversations are looked at: they are not told.
    pub found_aside: u64,
    /// Was the run live?
    pub live: bool,
    /// Threads that captured side by side; 0 or 1: one, whose packets have numbers in order.
    pub threads: usize,
}
