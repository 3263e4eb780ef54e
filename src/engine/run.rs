//! A run from the first frame to the summary, on one thread.

use super::carried::Carried;
use super::clock::{self, FrameClock, Rounds};
use super::drops::{DropWatch, Drops};
use super::pipeline::Pipeline;
use super::select::Selection;
use super::stop::Stop;
use super::totals::{self, Totals};
use crate::capture::{Failed, Input, Next, SourceNotice};
use crate::decode::fragment::{FragmentLimits, FragmentPool};
use crate::event::{Event, Keep, RunSummary, Sink, SourceSummary};
use crate::filter::{Filter, FilterError};
use crate::flow::wireshark::Labeler;
use crate::flow::{ChecksumStats, Tracker, TrackerConfig, TrackerStats};
use crate::model::{Frame, SourceInfo, SourceStats, Span, Timestamp};
use std::io;
use std::time::Duration;

/// Frames between two looks at clock, signals and progress.
const LOOK_EVERY: u64 = 1024;
/// Live frames may come this much later than their time: no flow is ended by the clock before.
const LATENESS: Span = Span::from_secs(1);

/// How to run.
#[derive(Clone, Debug, Default)]
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
    /// Do frames bear the time of a network card's own clock, which need not be the system's?
    pub card_time: bool,
    /// In several threads: bytes that wait to be handed from one to another, in all threads together. Live packets do; 0: 8 MiB for
    /// each. Of saved captures records do; 0: as many as there is a bound in number for.
    pub handed_over: usize,
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

impl Progress {
    /// How much of the files was read, in percent, where that is known. Never 100 of what was not read to its end.
    #[must_use]
    pub fn percent(&self) -> Option<u64> {
        self.bytes_total.map(|total| Self::percent_of(self.bytes_read, total))
    }

    fn percent_of(read: u64, of: u64) -> u64 {
        // What is read and not told yet is some KiB at most, but may be all of a small file.
        let percent = u128::from(read) * 100 / u128::from(of.max(1));
        percent.min(99) as u64
    }
}

/// Someone who looks on: a progress line, a person who sent a signal.
pub trait Watch {
    /// Does it want [`Self::on_progress`]? Where nobody does, progress is not worked out.
    fn wants_progress(&self) -> bool {
        true
    }
    /// How it is going, now and then.
    fn on_progress(&mut self, progress: &Progress);
    /// All is read that will be: what the output tells at the end comes next.
    fn on_sources_ended(&mut self) {}
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
    /// Saved files were not read to their end, because someone asked for it ([`Stop`]): how far it was. Of pipes and live sources
    /// that is how they are ended.
    pub stopped: Option<Progress>,
}

/// Reads all of `input` and tells `sink`.
pub fn run(input: &mut Input, filter: Filter, config: Config, sink: &mut impl Sink, watch: &mut impl Watch) -> Ended {
    let mut run = Run::new(filter, config, input.sources() == 1);
    if run.live {
        run.count_drops(input);
    }
    let outcome = run.read(input, sink, watch);
    watch.on_sources_ended();
    // Of a capture that ended early (-c, a failed output), what came and was not read is counted.
    input.skip_rest();
    run.count_drops(input);
    let finished = outcome.and_then(|()| sink.on_event(&Event::SourcesEnded)).and_then(|_| run.pipeline.finish(sink));
    let mut output_error = finished.err();
    let summary = run.summary(input, sink);
    if output_error.is_none() {
        output_error = sink.on_event(&Event::Summary(&summary)).and_then(|_| sink.flush()).err();
    }
    Ended { summary, failures: run.failures, output_error, filter: run.pipeline.filter.finish(), stopped: run.stopped }
}

/// The counters of live sources, for files that are written.
fn tell_counters(counters: &[SourceStats], input: &Input, sink: &mut impl Sink) -> io::Result<()> {
    for ((index, info), stats) in (0..=u16::MAX).zip(input.infos()).zip(counters) {
        sink.on_event(&Event::Counters { index, info, stats })?;
    }
    Ok(())
}

/// A run, or one thread's part of it.
pub(super) struct Run {
    pub(super) pipeline: Pipeline,
    pub(super) live: bool,
    duration: Option<Span>,
    stop: Stop,
    pub(super) failures: Vec<Failed>,
    /// See [`Ended::stopped`].
    pub(super) stopped: Option<Progress>,
    /// What is due by the clock, live.
    rounds: Rounds,
    frame_clock: FrameClock,
    /// Frames let through when it was last told that time went by.
    matched_before: u64,
    /// Live: all that had come is still told, and no more.
    closed: bool,
    drops: DropWatch,
}

impl Run {
    pub(super) fn new(filter: Filter, config: Config, single_source: bool) -> Self {
        let pipeline = Pipeline {
            selection: config.selection,
            filter,
            tracker: config.tracker.map(Tracker::new),
            labeler: config.tracker.filter(|tracker| tracker.wants.labels).map(|tracker| Labeler::within(tracker.label_bytes)),
            fragments: FragmentPool::new(FragmentLimits {
                age: config.tracker.map_or(FragmentLimits::default().age, |tracker| tracker.profile.fragment_age),
                ..FragmentLimits::default()
            }),
            totals: Totals::default(),
            copy_only: config.copy_only,
            single_source,
            left: config.limit.unwrap_or(u64::MAX),
            share: None,
            carried: Carried::default(),
            dealer: None,
        };
        Self {
            pipeline,
            live: config.live,
            duration: config.duration,
            stop: config.stop,
            failures: Vec::new(),
            stopped: None,
            rounds: Rounds::start(),
            frame_clock: FrameClock::new(config.card_time),
            matched_before: 0,
            closed: false,
            drops: DropWatch::default(),
        }
    }

    pub(super) fn read(&mut self, input: &mut Input, sink: &mut impl Sink, watch: &mut impl Watch) -> io::Result<()> {
        for (index, info) in (0..=u16::MAX).zip(input.infos()) {
            sink.on_event(&Event::Source { index, info })?;
        }
        self.rounds = Rounds::start();
        let mut since_look = 0;
        loop {
            if self.stop.is_requested() && !self.closed {
                if !self.live {
                    let cut_short = (0..=u16::MAX).zip(input.infos()).any(|(index, _)| input.part_read(index).is_some());
                    self.stopped = cut_short.then(|| self.progress(input));
                    return Ok(());
                }
                self.close(input);
            }
            let mut pause = false;
            self.pipeline.look_ahead(input);
            match input.next() {
                Ok(Next::Frame(mut frame)) => {
                    let mut told = self.on_frame(&mut frame, sink);
                    if matches!(told, Ok(Keep::Going)) {
                        // Up to the next look, those that lie ready behind it.
                        since_look += input.rest(LOOK_EVERY.saturating_sub(since_look + 1), &mut |frame| {
                            told = self.on_frame(frame, sink);
                            matches!(told, Ok(Keep::Going))
                        });
                    }
                    if told? == Keep::Enough {
                        return Ok(());
                    }
                }
                Ok(Next::Changed(index)) => {
                    if let Some(info) = input.info(index)
                        && self.pipeline.on_source(index, info, sink)? == Keep::Enough
                    {
                        return Ok(());
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
                    if self.pipeline.pause() == Keep::Enough || sink.on_event(&Event::Drained)? == Keep::Enough {
                        return Ok(());
                    }
                }
                Ok(Next::Idle) => {
                    pause = true;
                    if self.pipeline.pause() == Keep::Enough || self.on_idle(sink)? == Keep::Enough {
                        return Ok(());
                    }
                    sink.flush()?;
                }
                Ok(Next::End) => return Ok(()),
                Err(failed) => self.failures.push(failed),
            }
            if pause && self.pipeline.is_shared() && self.pipeline.take_in(false, sink)? == Keep::Enough {
                return Ok(());
            }
            since_look += 1;
            if pause || since_look >= LOOK_EVERY {
                since_look = 0;
                if self.look(input, sink, watch)? == Keep::Enough {
                    return Ok(());
                }
            }
        }
    }

    /// A frame came.
    #[inline]
    fn on_frame(&mut self, frame: &mut Frame<'_>, sink: &mut impl Sink) -> io::Result<Keep> {
        self.frame_clock.on_frame(frame);
        // What was handed over by other threads and is earlier comes first.
        if self.pipeline.number(frame) && self.pipeline.take_in(false, sink)? == Keep::Enough {
            return Ok(Keep::Enough);
        }
        self.pipeline.on_frame(frame, sink)
    }

    /// Live: lets nothing more in.
    fn close(&mut self, input: &mut Input) {
        input.close_gate();
        self.closed = true;
    }

    /// What time it is by the clock of the frames. Packets from a file or a pipe may be from any time: only theirs tells.
    fn now(&self) -> Option<Timestamp> {
        if self.live { self.frame_clock.now() } else { None }
    }

    /// Nothing was let through just now, but time goes by.
    fn on_idle(&mut self, sink: &mut impl Sink) -> io::Result<Keep> {
        self.frame_clock.settle();
        self.now().map_or(Ok(Keep::Going), |now| self.pipeline.on_idle(now - LATENESS, sink))
    }

    /// What need not be looked at with every packet.
    fn look(&mut self, input: &mut Input, sink: &mut impl Sink, watch: &mut impl Watch) -> io::Result<Keep> {
        let keep = if self.live { self.rounds(input, sink, watch)? } else { Keep::Going };
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
        if self.stop.take_rotate() {
            if self.live {
                tell_counters(&input.all_stats(), input, sink)?;
            }
            sink.on_event(&Event::Rotate(clock::now()))?;
        }
        Ok(keep)
    }

    /// What is due by the clock: one look at it, and at most one at the counters.
    fn rounds(&mut self, input: &mut Input, sink: &mut impl Sink, watch: &mut impl Watch) -> io::Result<Keep> {
        self.frame_clock.settle();
        let due = self.rounds.look();
        if !self.closed && self.duration.is_some_and(|span| due.lasted.as_nanos() >= u128::try_from(span.nanos()).unwrap_or(0)) {
            self.close(input);
        }
        if !due.count || (due.second.is_none() && self.pipeline.tracker.is_none()) {
            return Ok(Keep::Going);
        }
        let counters = if due.second.is_some() { input.all_stats() } else { input.kernel_stats() };
        self.tell_drops(&counters);
        match due.second {
            Some(since) => self.each_second(since, &counters, input, sink, watch),
            None => Ok(Keep::Going),
        }
    }

    /// What a live run does about once a second, `since` after the last time.
    fn each_second(
        &mut self,
        since: Duration,
        counters: &[SourceStats],
        input: &Input,
        sink: &mut impl Sink,
        watch: &mut impl Watch,
    ) -> io::Result<Keep> {
        // Frames that the filter turns away are no pause, and tell nobody that time goes by.
        let matched = self.pipeline.totals.matched();
        let quiet = std::mem::replace(&mut self.matched_before, matched) == matched;
        let keep = if quiet { self.on_idle(sink)? } else { Keep::Going };
        tell_counters(counters, input, sink)?;
        sink.flush()?;
        let counts = Drops::count(counters, self.pipeline.totals.read(), sink);
        if self.drops.is_news(counts, since) {
            watch.on_drops(&counts);
        }
        Ok(keep)
    }

    /// What the counters of the sources say was dropped, for the flows that it may have spoiled: not every source names it
    /// with the frame that follows.
    pub(super) fn count_drops(&mut self, input: &mut Input) {
        if self.pipeline.tracker.is_some() {
            self.tell_drops(&input.all_stats());
        }
    }

    fn tell_drops(&mut self, counters: &[SourceStats]) {
        let now = self.now();
        let Some(tracker) = &mut self.pipeline.tracker else { return };
        for (index, stats) in (0..=u16::MAX).zip(counters) {
            let Some(kernel) = stats.dropped_kernel else { continue };
            let interface = stats.dropped_interface.unwrap_or(0);
            match now {
                Some(now) => tracker.on_drop_counters(index, kernel, interface, now),
                // No frame has told yet what time it is: the counters are not lost, the next look has them.
                None if self.live => {}
                None => tracker.on_drop_counters_at_end(index, kernel.saturating_add(interface)),
            }
        }
    }

    fn progress(&self, input: &Input) -> Progress {
        let (bytes_read, bytes_total) = input.progress();
        Progress {
            read: self.pipeline.totals.read(),
            matched: self.pipeline.totals.matched(),
            flows: self.pipeline.flows(),
            bytes_read,
            bytes_total,
        }
    }

    pub(super) fn summary(&self, input: &mut Input, sink: &impl Sink) -> RunSummary {
        let counters = input.all_stats();
        let mut sources = Vec::with_capacity(counters.len());
        for ((index, info), stats) in (0..=u16::MAX).zip(input.infos().cloned()).zip(counters) {
            let failed = self.failures.iter().find(|f| f.source_index == index).map(ToString::to_string);
            let problem = failed.or_else(|| {
                let (read, of) = self.stopped.and_then(|_| input.part_read(index))?;
                Some(format!("stopped by a signal at {}% of the file", Progress::percent_of(read, of)))
            });
            sources.push(SourceSummary { info, stats, cut_frames: self.pipeline.totals.cut_frames(usize::from(index)), problem });
        }
        let tracker = self.pipeline.tracker.as_ref();
        let tracked = tracker.map_or_else(TrackerStats::default, Tracker::stats);
        let checksums = tracker.map_or_else(ChecksumStats::default, Tracker::checksums);
        RunSummary {
            sources,
            dropped_here: sink.dropped(),
            records_dropped: sink.records_dropped(),
            live: self.live,
            ..self.pipeline.totals.summary_over(totals::counted(tracked, checksums, self.pipeline.fragments.stats()))
        }
    }
}
