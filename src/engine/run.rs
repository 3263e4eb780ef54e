//! A run from the first frame to the summary, on one thread.

use super::carried::Carried;
use super::clock::{self, Stopwatch};
use super::drops::{DropWatch, Drops};
use super::pipeline::Pipeline;
use super::select::Selection;
use super::stop::Stop;
use super::totals::Totals;
use crate::capture::{Failed, Input, Next, SourceNotice};
use crate::decode::fragment::{FragmentLimits, FragmentPool};
use crate::event::{Event, Keep, RunSummary, Sink, SourceSummary};
use crate::filter::{Filter, FilterError};
use crate::flow::wireshark::Labeler;
use crate::flow::{ChecksumStats, Tracker, TrackerConfig};
use crate::model::{SourceInfo, Span};
use std::io;
use std::time::Duration;

/// Frames between two looks at clock, signals and progress.
const LOOK_EVERY: u64 = 1024;
/// How often the counters of a live source are looked at: what it dropped and no frame names happened between two looks.
const COUNT_EVERY: Span = Span::from_millis(100);
/// How often a live run asks whether losses are worth a word.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// Live frames may come this much later than their time: no flow is ended by the clock before.
const LATENESS: Span = Span::from_secs(1);

/// Live, what was captured is handed on at least this often: it is what a sudden end costs.
const FLUSH_EVERY: Span = Span::from_secs(1);

/// How to run.
#[derive(Debug, Default)]
pub struct Config {
    /// Which part of the capture.
    pub selection: Selection,
    /// Most packets to let through.
    pub limit: Option<u64>,
    /// Follow conversations? Outputs that need nothing of them run faster without.
    pub tracker: Option<TrackerConfig>,
    /// Packets are only copied: they are not decoded, and of the totals only packets, bytes and times are counted.
    pub copy_only: bool,
    /// Is the source live?
    pub live: bool,
    /// Stop after this much time by the clock.
    pub duration: Option<Span>,
    /// Flags that may interrupt the run.
    pub stop: Stop,
}

/// How a run is going.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Frames read.
    pub read: u64,
    /// Frames the filter let through.
    pub matched: u64,
    /// Flows begun.
    pub flows: u64,
    /// Bytes of the files read so far.
    pub bytes_read: u64,
    /// Bytes of the files, where all of them are files.
    pub bytes_total: Option<u64>,
}

/// Someone who looks on: a progress line, a person who sent a signal.
pub trait Watch {
    /// Does it want [`Self::on_progress`]? Where nobody does, progress is not worked out.
    fn wants_progress(&self) -> bool {
        true
    }
    /// How it is going, now and then.
    fn on_progress(&mut self, progress: &Progress);
    /// Someone asked (SIGUSR1).
    fn on_status(&mut self, progress: &Progress, summary: &RunSummary);
    /// Something happened to an interface.
    fn on_notice(&mut self, notice: SourceNotice, info: &SourceInfo, progress: &Progress);
    /// Packets or records are being dropped: when it begins, and then now and then while it goes on (live).
    fn on_drops(&mut self, _drops: &Drops) {}
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// Totals.
    pub summary: RunSummary,
    /// Sources that ended early. The others were read to their end.
    pub failures: Vec<Failed>,
    /// The output failed: the run stopped there.
    pub output_error: Option<io::Error>,
    /// What the filter could not do for some link types that came, or for all of them.
    pub filter: Result<Vec<String>, FilterError>,
}

/// Reads all of `input` and tells `sink`.
pub fn run(input: &mut Input, filter: Filter, config: Config, sink: &mut impl Sink, watch: &mut impl Watch) -> Ended {
    let pipeline = Pipeline {
        selection: config.selection,
        filter,
        tracker: config.tracker.map(Tracker::new),
        labeler: config.tracker.filter(|tracker| tracker.wants.labels).map(|_| Labeler::default()),
        fragments: FragmentPool::new(FragmentLimits {
            age: config.tracker.map_or(FragmentLimits::default().age, |tracker| tracker.profile.fragment_age),
            ..FragmentLimits::default()
        }),
        totals: Totals::default(),
        copy_only: config.copy_only,
        single_source: input.sources() == 1,
        left: config.limit.unwrap_or(u64::MAX),
        carried: Carried::default(),
    };
    let mut run = Run {
        pipeline,
        live: config.live,
        duration: config.duration,
        stop: config.stop,
        failures: Vec::new(),
        counted: Stopwatch::start(),
        flushed: Stopwatch::start(),
        told: Stopwatch::start(),
        drops: DropWatch::default(),
    };
    if run.live {
        run.count_drops(input);
    }
    let outcome = run.read(input, sink, watch);
    // Of a capture that ended early (-c, a failed output), what came and was not read is counted.
    input.skip_rest();
    run.count_drops(input);
    let finished = outcome.and_then(|()| sink.on_event(&Event::SourcesEnded)).and_then(|_| run.pipeline.finish(sink));
    let mut output_error = finished.err();
    let summary = run.summary(input, sink);
    if output_error.is_none() {
        output_error = sink.on_event(&Event::Summary(&summary)).and_then(|_| sink.flush()).err();
    }
    Ended { summary, failures: run.failures, output_error, filter: run.pipeline.filter.finish() }
}

/// The counters of live sources, for files that are written.
fn tell_counters(input: &mut Input, sink: &mut impl Sink) -> io::Result<()> {
    for index in 0..=u16::MAX {
        let Some(stats) = input.stats(index) else { break };
        let Some(info) = input.info(index) else { break };
        sink.on_event(&Event::Counters { index, info, stats: &stats })?;
    }
    Ok(())
}

struct Run {
    pipeline: Pipeline,
    live: bool,
    duration: Option<Span>,
    stop: Stop,
    failures: Vec<Failed>,
    /// When the counters of a live source were last looked at for what it dropped.
    counted: Stopwatch,
    /// Since the last flush by the clock.
    flushed: Stopwatch,
    /// When it was last asked whether losses are worth a word.
    told: Stopwatch,
    drops: DropWatch,
}

impl Run {
    fn read(&mut self, input: &mut Input, sink: &mut impl Sink, watch: &mut impl Watch) -> io::Result<()> {
        for (index, info) in (0..=u16::MAX).zip(input.infos()) {
            sink.on_event(&Event::Source { index, info })?;
        }
        let started = Stopwatch::start();
        let mut since_look = 0;
        // A live run that is stopped goes on until all that had come is told.
        let mut closed = false;
        loop {
            if self.stop.is_requested() && !closed {
                if !self.live {
                    return Ok(());
                }
                input.close_gate();
                closed = true;
            }
            let mut pause = false;
            match input.next() {
                Ok(Next::Frame(frame)) => {
                    if self.pipeline.on_frame(&frame, sink)? == Keep::Enough {
                        return Ok(());
                    }
                }
                Ok(Next::Changed(index)) => {
                    if let Some(info) = input.info(index) {
                        sink.on_event(&Event::Source { index, info })?;
                    }
                }
                Ok(Next::Notice(notice)) => {
                    let progress = self.progress(input);
                    if let Some(info) = input.info(0) {
                        watch.on_notice(notice, info, &progress);
                    }
                }
                Ok(Next::Drained) => {
                    pause = true;
                    if sink.on_event(&Event::Drained)? == Keep::Enough {
                        return Ok(());
                    }
                }
                Ok(Next::Idle) => {
                    pause = true;
                    // Packets from a pipe may be from any time: only theirs tells how late it is.
                    if self.live && self.pipeline.on_idle(clock::now() - LATENESS, sink)? == Keep::Enough {
                        return Ok(());
                    }
                    sink.flush()?;
                }
                Ok(Next::End) => return Ok(()),
                Err(failed) => self.failures.push(failed),
            }
            since_look += 1;
            if pause || since_look >= LOOK_EVERY {
                since_look = 0;
                self.look(input, sink, watch)?;
            }
            if self.live && !closed && self.duration.is_some_and(|span| started.is_past(span)) {
                input.close_gate();
                closed = true;
            }
        }
    }

    /// What need not be looked at with every packet.
    fn look(&mut self, input: &mut Input, sink: &mut impl Sink, watch: &mut impl Watch) -> io::Result<()> {
        if self.live && self.counted.is_past(COUNT_EVERY) {
            self.counted = Stopwatch::start();
            self.count_drops(input);
        }
        if watch.wants_progress() {
            watch.on_progress(&self.progress(input));
        }
        if self.stop.take_status() {
            let summary = self.summary(input, sink);
            watch.on_status(&self.progress(input), &summary);
        }
        if self.stop.take_flush() {
            sink.flush()?;
        }
        if self.live && self.flushed.is_past(FLUSH_EVERY) {
            self.flushed = Stopwatch::start();
            tell_counters(input, sink)?;
            sink.flush()?;
        }
        if self.stop.take_rotate() {
            if self.live {
                tell_counters(input, sink)?;
            }
            sink.on_event(&Event::Rotate(clock::now()))?;
        }
        if self.live && self.told.is_due(TELL_EVERY) {
            let counts = Drops::count(input, self.pipeline.totals.read(), sink);
            if self.drops.is_news(counts, TELL_EVERY) {
                watch.on_drops(&counts);
            }
        }
        Ok(())
    }

    /// What the counters of the sources say was dropped, for the flows that it may have spoiled: not every source names it
    /// with the frame that follows.
    fn count_drops(&mut self, input: &mut Input) {
        let Some(tracker) = &mut self.pipeline.tracker else { return };
        let now = self.live.then(clock::now);
        for index in 0..=u16::MAX {
            let Some(stats) = input.stats(index) else { break };
            if let Some(kernel) = stats.dropped_kernel {
                tracker.on_drop_counters(index, kernel.saturating_add(stats.dropped_interface.unwrap_or(0)), now);
            }
        }
    }

    fn progress(&self, input: &Input) -> Progress {
        let (bytes_read, bytes_total) = input.progress();
        Progress {
            read: self.pipeline.totals.read(),
            matched: self.pipeline.totals.matched(),
            flows: self.pipeline.tracker.as_ref().map_or(0, |t| t.stats().total()),
            bytes_read,
            bytes_total,
        }
    }

    fn summary(&self, input: &mut Input, sink: &impl Sink) -> RunSummary {
        let mut sources = Vec::with_capacity(input.sources());
        for index in 0..=u16::MAX {
            let Some(stats) = input.stats(index) else { break };
            let Some(info) = input.info(index).cloned() else { break };
            let problem = self.failures.iter().find(|f| f.source_index == index).map(ToString::to_string);
            sources.push(SourceSummary { info, stats, cut_frames: self.pipeline.totals.cut_frames(usize::from(index)), problem });
        }
        let lost = self.pipeline.fragments.stats();
        RunSummary {
            sources,
            evicted: self.pipeline.tracker.as_ref().map_or(0, |t| t.stats().evicted),
            checksums: self.pipeline.tracker.as_ref().map_or_else(ChecksumStats::default, Tracker::checksums),
            fragments_lost: (lost.expired + lost.unfinished, lost.evicted),
            fragments_unfit: (lost.cut, lost.malformed + lost.overlapping),
            dropped_here: sink.dropped(),
            records_dropped: sink.records_dropped(),
            live: self.live,
            ..self.pipeline.totals.summary()
        }
    }
}
