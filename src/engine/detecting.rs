//! The detectors' place: between the engine and an output. They see what the output sees, and tell what they found before the summary.

use crate::detect::Detectors;
use crate::event::{Event, Keep, RunSummary, Sink};
use crate::flow::FlowRecord;
use crate::model::{Network, SourceKind};
use std::fmt;
use std::io;

/// Is a conversation looked at?
pub type Which = Box<dyn Fn(&FlowRecord) -> bool + Send>;

/// An output that is told of findings, too.
pub struct Detecting<S> {
    sink: S,
    detectors: Detectors,
    /// Where not all conversations are looked at: what belongs to none of them is told in number.
    aside: Detectors,
    /// Of which conversations, where not of all.
    which: Option<Which>,
}

impl<S: fmt::Debug> fmt::Debug for Detecting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detecting").field("sink", &self.sink).field("detectors", &self.detectors).finish_non_exhaustive()
    }
}

impl<S> Detecting<S> {
    /// Looks at all that goes to this output, and keeps at most so many bytes.
    pub fn new(sink: S, bytes: usize) -> Self {
        /// What belongs to no conversation is little.
        const PART: usize = 8;
        Self { sink, detectors: Detectors::within(bytes), aside: Detectors::within(bytes / PART), which: None }
    }

    /// The same, of those conversations alone for which a condition holds.
    #[must_use]
    pub fn of(self, which: Option<Which>) -> Self {
        Self { which, ..self }
    }

    /// The same where these networks are local, beside private ones.
    #[must_use]
    pub fn with_local(self, local: Vec<Network>) -> Self {
        Self { detectors: self.detectors.with_local(local), ..self }
    }

    /// The output.
    pub fn into_inner(self) -> S {
        self.sink
    }
}

impl<S: Sink> Sink for Detecting<S> {
    #[inline]
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Flow(record) if self.which.as_ref().is_none_or(|which| which(record)) => self.detectors.on_flow(record),
            Event::Neighbour(said) if self.which.is_none() => self.detectors.on_neighbour(said),
            Event::Neighbour(said) => self.aside.on_neighbour(said),
            Event::Summary(summary) => {
                let found = std::mem::take(&mut self.detectors).finish(missed(summary));
                for (number, finding) in (1..).zip(&found.findings) {
                    self.sink.on_event(&Event::Finding { number, finding })?;
                }
                let aside = std::mem::take(&mut self.aside).finish(None).findings.len() as u64;
                let summary = RunSummary { unexamined: found.without_room, found_aside: aside, ..(*summary).clone() };
                return self.sink.on_event(&Event::Summary(&summary));
            }
            _ => {}
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

/// Packets that the capture lost, as far as its sources tell. What an interface drops is, live, whatever its driver cannot use, for this
/// capture or not; in a file it is what the capturing program called so (dumpcap has all its drops there).
pub(super) fn missed(summary: &RunSummary) -> Option<u64> {
    let told = summary.sources.iter().flat_map(|source| {
        let saved = matches!(source.info.kind, SourceKind::File(_));
        [source.stats.dropped_kernel, source.stats.dropped_interface.filter(|_| saved)]
    });
    told.flatten().reduce(u64::saturating_add)
}
