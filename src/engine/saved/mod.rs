//! A run over saved captures in several threads, for outputs that are of conversations. The caller's thread reads, selects and
//! filters, and deals out frames; each of the others follows the conversations between some of the hosts (`place`); one more puts
//! in order what they tell and has the output (`merge`). What is told, and in which order, is what one thread ([`super::run()`])
//! tells, as long as no flow has to make room for another, the lists, which have their room in common, find some, and so do the ways
//! between hosts, of which each thread has its part; then the totals of packets are. What of flows happened, and to how many, the summary says.

mod batch;
mod merge;
mod peers;
mod place;
mod worker;

pub(super) use self::batch::Dealer;
use self::batch::{Progress, WAITING, Work};
use self::merge::{Desk, Key, Told};
use self::peers::Answers;
use self::place::Threads;
use self::worker::{Left, Shared, Worker};
use super::run::{Config, Ended, Run, Watch};
use super::totals;
use crate::capture::{Failed, Input, SourceError};
use crate::event::{Event, Keep, RunSummary, Sink};
use crate::filter::Filter;
use crate::flow::{Common, Names, Tracker, TrackerConfig, TrackerStats};
use std::io;
use std::panic;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// Can a run be in several threads? Not where a profile's rows depend on all packets at once (Zeek's: timers, tunnels), nor where
/// packets are labelled, streams told, or outcomes before flows end.
#[must_use]
pub fn can_share(tracker: &TrackerConfig) -> bool {
    let wants = tracker.wants;
    tracker.profile.timers.is_none()
        && !tracker.profile.outer_flows
        && !tracker.handshake_events
        && !wants.labels
        && !wants.streams
}

/// Reads all of `input`, follows its conversations in so many threads (2 to 64), and tells `sink`: sources, flows and the summary.
/// Packets and verdicts on packets are not told: no output of conversations asks for them. What [`can_share`] refuses, and less than two threads, is a run in one.
pub fn run(
    input: &mut Input,
    filter: Filter,
    config: Config,
    threads: usize,
    sink: &mut (impl Sink + Send),
    watch: &mut impl Watch,
) -> Ended {
    let Some(tracker) = config.tracker.filter(|tracker| threads > 1 && can_share(tracker) && !config.live) else {
        return super::run(input, filter, config, sink, watch);
    };
    let threads = threads.min(64);
    let desk = Arc::new(Desk::new(threads, config.handed_over));
    let (common, progress) = (Common::crowd(), Arc::new(Progress::new(threads)));
    let shared = Shared { threads: Threads::new(threads), desk: Arc::clone(&desk), progress, common };
    let part = TrackerConfig {
        max_bytes: tracker.max_bytes / threads,
        list_bytes: tracker.list_bytes / threads,
        path_bytes: tracker.path_bytes / threads,
        ..tracker
    };
    // The fragments' limits are by the profile, as those of one thread.
    let pools = (0..threads).map(|_| Run::new(Filter::everything(), config.clone(), true).pipeline.fragments);
    let pools: Vec<_> = pools.collect();
    let mut reader = Run::new(filter, Config { tracker: None, ..config.clone() }, input.sources() == 1);
    let (to, work): (Vec<SyncSender<Work>>, Vec<Receiver<Work>>) = (0..threads).map(|_| sync_channel(WAITING)).unzip();
    // They are there before the first frame.
    let tell = |(index, info)| sink.on_event(&Event::Source { index, info }).map(drop);
    let begun = (0..=u16::MAX).zip(input.infos()).try_for_each(tell);
    if begun.is_err() {
        desk.quit();
    }
    let (read, told, left) = thread::scope(|scope| {
        let (shared, common, desk) = (&shared, &shared.common, &desk);
        let told = &mut *sink;
        let telling = thread::Builder::new().name("records".to_owned()).spawn_scoped(scope, move || {
            let _quit = QuitOnPanic(desk);
            let names = tracker.wants.app.then(|| Names::within(tracker.name_bytes));
            merge::merge(desk, common, tracker.max_flows, names, told)
        });
        let mut following = Vec::with_capacity(threads);
        for ((me, (work, pool)), answers) in work.into_iter().zip(pools).enumerate().zip(Answers::new(threads)) {
            // All are there before the first of them is given anything.
            let worker = Worker::new(me, shared, part, pool, answers);
            following.push(thread::Builder::new().name(format!("flows-{me}")).spawn_scoped(scope, move || worker.run(&work)));
        }
        let started = telling.as_ref().err().or_else(|| following.iter().find_map(|thread| thread.as_ref().err()));
        let read = match started {
            Some(error) => {
                let (operation, name) = ("cannot start a thread to follow", "conversations".to_owned());
                let error = SourceError::Io { operation, name, error: io::Error::from(error.kind()) };
                reader.failures.push(Failed { source_index: 0, error });
                desk.quit();
                drop(to);
                Ok(())
            }
            None => read_all(&mut reader, input, Dealer::new(shared.threads, to, Arc::clone(desk)), desk, watch),
        };
        desk.close(threads);
        let left: Vec<Left> = following.into_iter().flatten().map(|thread| joined(thread.join())).collect();
        let told = telling.map_or(Ok(()), |thread| joined(thread.join()));
        (read, told, left)
    });
    let (summary, told) = sum_up(&mut reader, input, left, (begun.and(read).and(told), sink));
    let filter = reader.pipeline.filter.finish();
    Ended { summary, failures: reader.failures, output_error: told.err(), filter, stopped: reader.stopped }
}

/// The reading thread's part.
fn read_all(reader: &mut Run, input: &mut Input, dealer: Dealer, desk: &Desk, watch: &mut impl Watch) -> io::Result<()> {
    reader.pipeline.dealer = Some(dealer);
    let of = desk.readers();
    let read = reader.read(input, &mut Reading { desk }, watch);
    watch.on_sources_ended();
    input.skip_rest();
    let counters = input.all_stats();
    let dropped = (0..=u16::MAX)
        .zip(counters)
        .filter_map(|(index, stats)| Some((index, stats.dropped_kernel?.saturating_add(stats.dropped_interface.unwrap_or(0)))));
    desk.tell(of, Key::sources_ended(), Told::SourcesEnded);
    if let Some(dealer) = reader.pipeline.dealer.take() {
        dealer.end(dropped.collect());
    }
    read
}

/// Puts together what the threads leave behind, and tells the end.
fn sum_up(
    reader: &mut Run,
    input: &mut Input,
    left: Vec<Left>,
    (told, sink): (io::Result<()>, &mut impl Sink),
) -> (RunSummary, io::Result<()>) {
    let RunSummary { sources, dropped_here, records_dropped, live, .. } = reader.summary(input, sink);
    let mut totals = std::mem::take(&mut reader.pipeline.totals);
    // All joined the same fragments.
    let lost = left.first().map(|one| one.fragments.stats()).unwrap_or_default();
    let mut trackers = Vec::with_capacity(left.len());
    for one in left {
        totals.add(one.totals);
        trackers.push(one.tracker);
    }
    let tracked = trackers.iter().map(Tracker::stats).fold(TrackerStats::default(), TrackerStats::and);
    let counted = totals::counted(tracked, Tracker::checksums_of_all(&trackers), lost);
    let summary = RunSummary { sources, dropped_here, records_dropped, live, ..totals.summary_over(counted) };
    let told = told.and_then(|()| sink.on_event(&Event::Summary(&summary))).and_then(|_| sink.flush());
    (summary, told)
}

fn joined<T>(outcome: thread::Result<T>) -> T {
    outcome.unwrap_or_else(|panic| panic::resume_unwind(panic))
}

/// Ends all threads when one ends by a panic.
struct QuitOnPanic<'a>(&'a Desk);

impl Drop for QuitOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.quit();
        }
    }
}

/// The output, as the reading thread sees it.
struct Reading<'a> {
    desk: &'a Desk,
}

impl Sink for Reading<'_> {
    fn on_event(&mut self, _: &Event<'_>) -> io::Result<Keep> {
        Ok(if self.desk.has_quit() { Keep::Enough } else { Keep::Going })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.desk.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
