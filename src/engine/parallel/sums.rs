//! What several threads counted, as one: their sources are the same interfaces, of which each had part of the frames.

use crate::engine::drops::Drops;
use crate::engine::run::Progress;
use crate::event::{RunSummary, SourceSummary};
use crate::filter::FilterError;
use crate::model::{InterfaceCounters, SourceInfo, SourceStats};

/// Sums two counters; where only one side has it, it is that one's.
fn add(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    a.zip(b).map_or(a.or(b), |(a, b)| Some(a.saturating_add(b)))
}

pub(super) const fn progress(a: Progress, b: Progress) -> Progress {
    Progress {
        read: a.read + b.read,
        matched: a.matched + b.matched,
        flows: a.flows + b.flows,
        bytes_read: a.bytes_read + b.bytes_read,
        bytes_total: None,
    }
}

/// Everything that can be summed. Not hosts, reasons and ports, of which the summaries hold too little: those are the totals'.
pub(super) fn join<'a>(summaries: impl IntoIterator<Item = &'a RunSummary>) -> RunSummary {
    let mut sum = RunSummary::default();
    for one in summaries {
        sum.threads += 1;
        sum.live |= one.live;
        sum.read += one.read;
        sum.matched += one.matched;
        sum.wire_bytes += one.wire_bytes;
        sum.flows += one.flows;
        sum.evicted += one.evicted;
        sum.closed_early += one.closed_early;
        sum.without_room += one.without_room;
        // There is one output.
        sum.dropped_here = sum.dropped_here.max(one.dropped_here);
        sum.records_dropped = sum.records_dropped.max(one.records_dropped);
        sum.checksums = sum.checksums.and(one.checksums);
        sum.fragments_lost = pair(sum.fragments_lost, one.fragments_lost);
        sum.fragments_unfit = pair(sum.fragments_unfit, one.fragments_unfit);
        for (at, source) in one.sources.iter().enumerate() {
            match sum.sources.get_mut(at) {
                Some(all) => add_source(all, source),
                None => sum.sources.push(source.clone()),
            }
        }
    }
    sum
}

/// What the run lost so far.
pub(super) fn drops(progress: &Progress, summary: &RunSummary) -> Drops {
    let total = |of: fn(&SourceStats) -> Option<u64>| summary.total(of).unwrap_or(0);
    let (kernel, interface) = (total(|stats| stats.dropped_kernel), total(|stats| stats.dropped_interface));
    let received = total(|stats| stats.received).max(progress.read.saturating_add(kernel).saturating_add(interface));
    Drops { received, kernel, interface, here: summary.dropped_here, records: summary.records_dropped }
}

fn pair(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0 + b.0, a.1 + b.1)
}

fn add_source(all: &mut SourceSummary, one: &SourceSummary) {
    all.stats = stats(all.stats, one.stats);
    all.cut_frames += one.cut_frames;
    if all.problem.is_none() {
        all.problem.clone_from(&one.problem);
    }
    add_info(&mut all.info, &one.info);
}

/// What the interface dropped itself is one counter that every thread looks at, some a little later; all others are of each ring.
fn stats(a: SourceStats, b: SourceStats) -> SourceStats {
    SourceStats {
        frames: a.frames + b.frames,
        received: add(a.received, b.received),
        dropped_kernel: add(a.dropped_kernel, b.dropped_kernel),
        dropped_interface: a.dropped_interface.max(b.dropped_interface),
        duplicates: add(a.duplicates, b.duplicates),
        freezes: add(a.freezes, b.freezes),
        unread: add(a.unread, b.unread),
        bytes_read: a.bytes_read + b.bytes_read,
        bytes_total: add(a.bytes_total, b.bytes_total),
    }
}

fn add_info(all: &mut SourceInfo, one: &SourceInfo) {
    for warning in &one.warnings {
        if !all.warnings.contains(warning) {
            all.warnings.push(warning.clone());
        }
    }
    for (all, one) in all.interfaces.iter_mut().zip(&one.interfaces) {
        all.counters = match (all.counters, one.counters) {
            (Some(a), Some(b)) => Some(counters(a, b)),
            (a, b) => a.or(b),
        };
    }
}

fn counters(a: InterfaceCounters, b: InterfaceCounters) -> InterfaceCounters {
    InterfaceCounters {
        start: a.start.into_iter().chain(b.start).min(),
        end: a.end.max(b.end),
        received: add(a.received, b.received),
        dropped_interface: a.dropped_interface.max(b.dropped_interface),
        accepted: add(a.accepted, b.accepted),
        dropped_kernel: add(a.dropped_kernel, b.dropped_kernel),
        delivered: add(a.delivered, b.delivered),
    }
}

/// Frames that were handed out when no more were wanted count as not asked for.
pub(super) fn leave_out(summary: &mut RunSummary, surplus: u64) {
    if let Some(source) = summary.sources.first_mut().filter(|_| surplus > 0) {
        source.stats.frames = source.stats.frames.saturating_sub(surplus);
        source.stats.unread = add(source.stats.unread, Some(surplus));
    }
}

/// What the filters of two threads say: each sentence once. An error is of all link types that came, and so of all threads, or of
/// one that had none.
pub(super) fn filters(
    a: Result<Vec<String>, FilterError>,
    b: Result<Vec<String>, FilterError>,
) -> Result<Vec<String>, FilterError> {
    let (mut all, more) = (a?, b?);
    all.extend(more.into_iter().filter(|text| !all.contains(text)).collect::<Vec<_>>());
    Ok(all)
}
