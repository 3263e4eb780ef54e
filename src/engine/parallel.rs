//! A run in several threads, for outputs that are of conversations. Each thread has a source of its own that gives part of the
//! frames, and its own filter, fragments and tracker; `share` sets right what the sources cannot know. The threads share numbers,
//! limits and the output, which is locked for a record and never for a packet.
//!
//! The caller's thread looks after the others (`crew`), and at the end puts everything together: the flows that are left end in
//! order of their first packets, as in one thread, and the sources, which are of the same interfaces, are told of as one.

mod crew;
mod sums;

use self::crew::{Crew, Farewell, Post};
use super::pipeline;
use super::run::{Config, Ended, Run, Watch};
use super::share::{Exchange, Share};
use super::totals::Totals;
use crate::capture::{Failed, Input, SourceError, Spread};
use crate::event::{Event, Keep, RunSummary, Sink};
use crate::filter::Filter;
use crate::flow::{Common, Tracker, TrackerConfig};
use std::io;
use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope, ScopedJoinHandle};

/// A source for one thread, and the filter for its frames.
pub type Part = (Input, Filter);

/// What a thread leaves behind.
type Outcome = (Run, io::Result<()>);

/// Reads all of `parts`, each in a thread, and tells `sink`. The sources share out the frames of the same interfaces by `spread`,
/// which is for as many threads as there are parts. Packets and verdicts on packets are not told: no output of conversations
/// asks for them. `config.selection` must not ask for numbers of packets, which have no order here.
pub fn run(parts: &mut [Part], spread: Spread, config: Config, sink: &mut (impl Sink + Send), watch: &mut impl Watch) -> Ended {
    let mut crew = Crew::new(config.stop.clone(), parts.len());
    let plan = Plan::new(config, spread, parts.len());
    let locked = Mutex::new(sink);
    let (started, flushed) = thread::scope(|scope| {
        let mut threads = Vec::with_capacity(parts.len());
        for (me, part) in parts.iter_mut().enumerate() {
            match plan.start(scope, me, part, &locked, &mut crew) {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    plan.config.stop.request();
                    return (Err(error), Ok(()));
                }
            }
        }
        let flushed = crew.look_after(&mut || lock(&locked).flush(), watch);
        let join = |thread: ScopedJoinHandle<'_, Outcome>| thread.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        (Ok(threads.into_iter().map(join).collect::<Vec<_>>()), flushed)
    });
    let sink = locked.into_inner().unwrap_or_else(PoisonError::into_inner);
    let (outcomes, refused) = match started {
        Ok(outcomes) => (outcomes, None),
        Err(error) => (Vec::new(), Some(Failed { source_index: 0, error })),
    };
    end(parts, outcomes, refused, (flushed, &plan.exchange), sink)
}

/// What every thread is given.
struct Plan {
    config: Config,
    tracker: Option<TrackerConfig>,
    common: Common,
    exchange: Arc<Exchange>,
}

impl Plan {
    fn new(config: Config, spread: Spread, threads: usize) -> Self {
        let part = |bytes: usize| bytes / threads.max(1);
        let tracker = config.tracker.map(|tracker| TrackerConfig {
            max_bytes: part(tracker.max_bytes),
            list_bytes: part(tracker.list_bytes),
            ..tracker
        });
        let exchange = Exchange::new(spread, config.limit, config.handed_over / threads.max(1));
        let common = tracker.map_or_else(Common::default, |tracker| Common::within(tracker.path_bytes));
        Self { config: Config { tracker: None, limit: None, ..config }, tracker, common, exchange }
    }

    fn start<'scope, S: Sink + Send>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        me: usize,
        (input, filter): &'scope mut Part,
        sink: &'scope Mutex<&mut S>,
        crew: &mut Crew,
    ) -> Result<ScopedJoinHandle<'scope, Outcome>, SourceError> {
        let (stop, post) = crew.enlist();
        let mut run = Run::new(filter.clone(), Config { stop, ..self.config.clone() }, true);
        run.pipeline.tracker = self.tracker.map(|tracker| Tracker::beside(tracker, &self.common));
        run.pipeline.share = Some(Share::new(me as u32, Arc::clone(&self.exchange), self.config.live));
        let name = input.info(0).map(|info| info.name.clone()).unwrap_or_default();
        let exchange = Arc::clone(&self.exchange);
        let work = move || follow(run, input, Shared { sink, first: me == 0, told: false, enough: false }, post, &exchange);
        let thread = thread::Builder::new().name(format!("capture-{me}")).spawn_scoped(scope, work);
        thread.map_err(|error| SourceError::Io { operation: "cannot start a thread to read", name, error })
    }
}

/// What a thread does.
fn follow<S: Sink>(mut run: Run, input: &mut Input, mut sink: Shared<'_, '_, S>, mut post: Post, exchange: &Exchange) -> Outcome {
    let mut farewell = Farewell::new(&post);
    if run.live {
        run.count_drops(input);
    }
    let read = run.read(input, &mut sink, &mut post);
    // The others have only part of the conversations: without this thread they need not go on.
    farewell.ends_all = read.is_err() || sink.enough || exchange.is_used_up() || !run.failures.is_empty();
    drop(farewell);
    input.skip_rest();
    run.count_drops(input);
    (run, read)
}

/// Puts together what the threads leave behind, and ends the run.
fn end(
    parts: &mut [Part],
    outcomes: Vec<Outcome>,
    refused: Option<Failed>,
    (flushed, exchange): (io::Result<()>, &Exchange),
    sink: &mut impl Sink,
) -> Ended {
    let (mut runs, reads): (Vec<Run>, Vec<io::Result<()>>) = outcomes.into_iter().unzip();
    let read = reads.into_iter().chain([flushed]).collect::<io::Result<()>>();
    let mut output_error = read.and_then(|()| finish(&mut runs, sink)).err();
    let mut failures: Vec<Failed> = refused.into_iter().collect();
    let mut summaries = Vec::with_capacity(runs.len());
    let mut totals = Totals::default();
    let mut filter = Ok(Vec::new());
    for (mut run, (input, _)) in runs.into_iter().zip(parts) {
        let mut summary = run.summary(input, sink);
        sums::leave_out(&mut summary, run.pipeline.share.as_ref().map_or(0, |share| share.surplus));
        summaries.push(summary);
        filter = sums::filters(filter, run.pipeline.filter.finish());
        totals.add(run.pipeline.totals);
        // Each thread sees the same interface vanish: it is told once.
        if failures.is_empty() {
            failures.append(&mut run.failures);
        }
    }
    let summary = RunSummary { misplaced: exchange.misplaced(), ..totals.summary_over(sums::join(&summaries)) };
    if output_error.is_none() {
        output_error = sink.on_event(&Event::Summary(&summary)).and_then(|_| sink.flush()).err();
    }
    Ended { summary, failures, output_error, filter, stopped: None }
}

/// Follows what is still on its way between the threads, then ends all flows.
fn finish(runs: &mut [Run], sink: &mut impl Sink) -> io::Result<()> {
    sink.on_event(&Event::SourcesEnded)?;
    // A packet may be handed on once more, as one whose conversation is not known.
    for _ in 0..2 {
        for run in runs.iter_mut() {
            run.pipeline.take_in(true, sink)?;
        }
    }
    let mut pipelines: Vec<_> = runs.iter_mut().map(|run| &mut run.pipeline).collect();
    pipeline::finish(&mut pipelines, sink).map(drop)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The output as one thread sees it.
struct Shared<'a, 'b, S> {
    sink: &'a Mutex<&'b mut S>,
    /// The thread that tells what all of them know.
    first: bool,
    /// Something was told that the output may still hold.
    told: bool,
    /// The output has all it wants.
    enough: bool,
}

impl<S: Sink> Sink for Shared<'_, '_, S> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            // Counters of one thread's part say nothing; files that are rotated hold packets.
            Event::Packet { .. } | Event::Settled(_) | Event::Counters { .. } | Event::Rotate(_) => return Ok(Keep::Going),
            Event::Source { .. } | Event::Tick(_) if !self.first => return Ok(Keep::Going),
            Event::Drained if !self.told => return Ok(Keep::Going),
            Event::Drained => self.told = false,
            Event::Handshake(_) | Event::Flow(_) | Event::Stream(_) => self.told = true,
            Event::Source { .. }
            | Event::Tick(_)
            | Event::SourcesEnded
            | Event::Neighbour(_)
            | Event::Finding { .. }
            | Event::Summary(_) => {}
        }
        let keep = lock(self.sink).on_event(event)?;
        self.enough |= keep == Keep::Enough;
        Ok(keep)
    }

    fn dropped(&self) -> u64 {
        lock(self.sink).dropped()
    }

    fn records_dropped(&self) -> u64 {
        lock(self.sink).records_dropped()
    }

    fn flush(&mut self) -> io::Result<()> {
        lock(self.sink).flush()
    }
}

#[cfg(test)]
mod tests;
