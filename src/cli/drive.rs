//! Runs the engine over what was opened, and says afterwards what must be said: totals, losses, damage, the exit code.

use super::args;
use super::errors::{Problem, damage, it_or_them};
use super::exit::Exit;
use super::live;
use super::open::{Beside, Opened};
use super::progress::ProgressLine;
use super::{settings, signals};
use sockeye::capture::{SourceError, SourceNotice};
use sockeye::engine::drops::Drops;
use sockeye::engine::run::{Progress, Watch};
use sockeye::engine::{Config, Ended, Stop, parallel, run, saved};
use sockeye::event::{RunSummary, Sink};
use sockeye::flow::TrackerConfig;
use sockeye::model::{SourceInfo, SourceStats};
use sockeye::output::notices::{self, LossWords};
use sockeye::output::{WriteError, units};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Once};

/// Drives a run to its end and reports on standard error; gives also what [`finish`] says of losses. The sink is the caller's, to be
/// closed before that.
pub(crate) fn drive(
    opened: Opened,
    tracker: Option<TrackerConfig>,
    progress: args::Progress,
    sink: &mut (impl Sink + Send),
) -> Result<(Ended, LossWords), Problem> {
    drive_one(opened, tracker, progress, sink, true)
}

/// Drives a run after which the same files are read once more: signals end it as they would end the second.
pub(crate) fn drive_first(
    opened: Opened,
    tracker: TrackerConfig,
    progress: args::Progress,
    sink: &mut (impl Sink + Send),
) -> Result<(Ended, LossWords), Problem> {
    drive_one(opened, Some(tracker), progress, sink, false)
}

fn drive_one(
    opened: Opened,
    tracker: Option<TrackerConfig>,
    progress: args::Progress,
    sink: &mut (impl Sink + Send),
    last: bool,
) -> Result<(Ended, LossWords), Problem> {
    let Opened {
        mut input,
        beside,
        threads,
        filter,
        selection,
        limit,
        duration,
        live,
        card_time,
        copying,
        hangup_rotates,
        buffer,
        outlet,
        memory,
        ..
    } = opened;
    let words = LossWords { figures: tracker.is_some(), buffer, outlet };
    let stop = Stop::default();
    let name = input.infos().map(|i| i.name.clone()).next().unwrap_or_default();
    let mut lookout =
        Lookout { line: ProgressLine::new(&name, if live { args::Progress::Never } else { progress }), words, all_read: None };
    if input.may_wait() {
        signals::end_in_order(&stop, hangup_rotates)?;
    } else {
        let all_read = signals::end_reading(&stop)?;
        lookout.all_read = last.then(|| (all_read, stop.clone()));
    }
    if live {
        signals::watch(&stop)?;
        if let Some(info) = input.info(0) {
            say(&live::listening(info));
            info.warnings.iter().for_each(|w| say(w));
        }
    }
    let handed_over = memory.handed_over();
    let config = Config { selection, limit, tracker, copy_only: copying, live, card_time, handed_over, duration, stop };
    let ended = match beside {
        None if threads > 1 => saved::run(&mut input, filter, config, threads, sink, &mut lookout),
        None => run(&mut input, filter, config, sink, &mut lookout),
        Some(Beside { inputs, spread }) => {
            let mut parts: Vec<_> = [input].into_iter().chain(inputs).map(|input| (input, filter.clone())).collect();
            parallel::run(&mut parts, spread, config, sink, &mut lookout)
        }
    };
    lookout.line.finish();
    Ok((ended, words))
}

/// Says what must be said after a run, all of it, and gives the exit code of the gravest. `closed`: how the end of the output went.
pub(crate) fn finish(ended: Ended, words: LossWords, filter: Option<&str>, closed: Result<(), Problem>) -> super::Done {
    let Ended { summary, failures, output_error, filter: filtered, stopped } = ended;
    let not_written = output_error.map(|error| unwritten(error, summary.live)).or(closed.err());
    let mut exit = Exit::Done;
    match not_written {
        // Nobody reads what we print: the end is quiet.
        Some(problem) if problem.is_closed_output() => return Err(problem),
        not_written => {
            if summary.live {
                tell_counters(&summary);
            }
            if let Some(problem) = not_written {
                problem.print();
                exit = problem.exit;
            }
        }
    }
    for source in summary.sources.iter().filter(|_| !summary.live) {
        source.info.warnings.iter().for_each(|w| say(&format!("{}: {w}", source.info.name)));
    }
    match filtered {
        Ok(warnings) => warnings.iter().for_each(|w| say(&format!("filter: {w}"))),
        Err(error) => {
            let problem = Problem::from(error);
            problem.print();
            exit = exit.graver(problem.exit);
        }
    }
    for failed in failures {
        exit = exit.graver(tell_failure(failed.error, &summary));
    }
    if exit == Exit::Done
        && let Some(text) = outside_the_selection(&summary).or_else(|| notices::nothing_seen(&summary, filter))
    {
        say(&text);
    }
    for text in notices::checksums(&summary) {
        say(&text);
    }
    let notices = [
        notices::packets_lost(&summary, words),
        notices::records_lost(&summary, words.outlet),
        notices::misplaced(&summary),
        notices::evicted(&summary),
        notices::incomplete(&summary),
    ];
    for text in notices.into_iter().flatten() {
        say(&text);
    }
    if let Some(progress) = stopped {
        exit = exit.graver(Exit::Stopped);
        say(&stopped_at(&progress, &summary));
    }
    Ok(exit)
}

/// `stopped at 20% of mix.pcap, after 572,416 packets: nothing behind them was read`.
fn stopped_at(progress: &Progress, summary: &RunSummary) -> String {
    let of = match &summary.sources[..] {
        [only] => only.info.name.clone(),
        several => units::counted(several.len() as u64, "file"),
    };
    let at = progress.percent().map_or_else(|| "stopped in".to_owned(), |percent| format!("stopped at {percent}% of"));
    format!("{at} {of}, after {}: what is behind them was not read", units::counted(summary.read, "packet"))
}

/// Says the counters of a live run, once: here, or before its end where that has to wait.
pub(crate) fn tell_counters(summary: &RunSummary) {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        let _ = io::stderr().write_all(live::closing_lines(summary).as_bytes());
    });
}

/// An error of the output. A live capture says what it costs, too.
pub(crate) fn unwritten(error: io::Error, live: bool) -> Problem {
    let inside = error.get_ref().and_then(|inner| inner.downcast_ref::<WriteError>());
    let unsaved = match inside {
        Some(WriteError::Write { unsaved, .. } | WriteError::Rotate { unsaved, .. }) if live => Some(*unsaved),
        _ => None,
    };
    let problem = Problem::output(error);
    match unsaved {
        Some(unsaved) => {
            let (packets, were) = (units::counted(unsaved, "packet"), if unsaved == 1 { "was" } else { "were" });
            problem.help(format!("the capture has stopped; {packets} seen since then {were} not saved"))
        }
        None => problem,
    }
}

/// There are packets, and `--from`, `--to` or `--packets` left out all of them.
fn outside_the_selection(summary: &RunSummary) -> Option<String> {
    let there: u64 = summary.sources.iter().map(|s| s.stats.frames).sum();
    let none_read = summary.read == 0 && there > 0 && !summary.live;
    none_read.then(|| format!("none of the {} lies where --from, --to or --packets ask for", units::counted(there, "packet")))
}

fn tell_failure(error: SourceError, summary: &RunSummary) -> Exit {
    let problem = match error {
        SourceError::InterfaceGone { interfaces } => {
            let after = units::counted(summary.matched, "packet");
            let (names, them) = (interfaces.join(", "), it_or_them(interfaces.len()));
            Problem::new(Exit::Failed, format!("{names} vanished after {after}; nothing more can be captured on {them}"))
        }
        SourceError::Damaged { name, what, frames, .. } => Problem::new(Exit::Damaged, damage(&name, &what, frames)),
        SourceError::Io { operation, name, error } => Problem::new(Exit::Failed, format!("{operation} {name}: {error}")),
        other => Problem::from(other),
    };
    problem.print();
    problem.exit
}

/// A line on standard error.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(settings::message(&format!("sockeye: {text}\n")).as_bytes());
}

/// Looks on while a run goes on.
struct Lookout {
    line: ProgressLine,
    words: LossWords,
    /// Of saved files: to be put up when all is read, unless they were to be read no further.
    all_read: Option<(Arc<AtomicBool>, Stop)>,
}

impl Watch for Lookout {
    fn wants_progress(&self) -> bool {
        self.line.is_wanted()
    }

    fn on_progress(&mut self, progress: &Progress) {
        self.line.show(progress);
    }

    fn on_sources_ended(&mut self) {
        self.line.finish();
        if let Some((all_read, stop)) = &self.all_read
            && !stop.is_requested()
        {
            all_read.store(true, Ordering::Relaxed);
        }
    }

    fn on_status(&mut self, progress: &Progress, summary: &RunSummary) {
        let total = |of: fn(&SourceStats) -> Option<u64>| summary.total(of).unwrap_or(0);
        let others = [
            (total(|s| s.dropped_interface), "dropped by interface, "),
            (summary.dropped_here, "dropped by sockeye, "),
            (total(|s| s.duplicates), "duplicates, "),
            (summary.records_dropped, "records left out, "),
        ];
        let others = others.into_iter().filter(|(n, _)| *n > 0).map(|(n, how)| format!("{} {how}", units::count(n)));
        say(&format!(
            "{} captured, {} received by filter, {} dropped by kernel, {}{}",
            units::counted(summary.shown(), "packet"),
            units::count(total(|s| s.received)),
            units::count(total(|s| s.dropped_kernel)),
            others.collect::<String>(),
            units::counted(progress.flows, "flow")
        ));
    }

    fn on_drops(&mut self, drops: &Drops) {
        let Drops { kernel, interface, here, received, records } = *drops;
        for text in notices::being_dropped(kernel, interface, here, received, records, self.words) {
            say(&text);
        }
    }

    fn on_notice(&mut self, notice: SourceNotice, info: &SourceInfo, progress: &Progress) {
        let name = |interface: u32| {
            let named = info.interfaces.get(interface as usize).and_then(|i| i.name.clone());
            named.unwrap_or_else(|| "an interface".to_owned())
        };
        let at = super::time::clock_now();
        let mut after = units::counted(progress.matched, "packet");
        let mut wait = "waiting for it (Ctrl-C to stop)";
        if info.interfaces.len() > 1 {
            // Packets are counted together.
            after.push_str(" in all");
            wait = "waiting for it; the others go on (Ctrl-C to stop)";
        }
        say(&match notice {
            SourceNotice::Down { interface } => format!("{} went down at {at} after {after}; {wait}", name(interface)),
            SourceNotice::Up { interface } => format!("{} is up again at {at}", name(interface)),
            SourceNotice::Gone { interface } => format!("{} vanished at {at} after {after}; the others go on", name(interface)),
        });
    }
}
