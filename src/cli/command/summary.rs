//! `sockeye FILE…`: the main job.

use super::choosing;
use crate::cli::args::SummaryArgs;
use crate::cli::condition::Condition;
use crate::cli::drive::{drive, finish};
use crate::cli::helper::Wanted;
use crate::cli::memory::Memory;
use crate::cli::open::{Manner, Plan};
use crate::cli::{Done, settings};
use sockeye::detect::Detectors;
use sockeye::engine::Detecting;
use sockeye::engine::choosing::Recount;
use sockeye::flow::TrackerConfig;
use sockeye::output::line::Zone;
use sockeye::output::{SummaryConfig, SummarySink, TextOutput};

pub(crate) fn run(args: &SummaryArgs) -> Done {
    let condition = Condition::of(args.which.condition.as_deref())?;
    let mut wanted = Wanted::default();
    if args.look.names {
        wanted.names();
    }
    let memory = Memory::of(&args.look.run)?;
    let manner = Manner { wanted, quiet: args.look.quiet > 0, verbose: args.look.verbose > 0, watched: false, memory };
    let plan = choosing::twice(Plan::new(&args.input, &Zone::Utc)?, &condition)?;
    let mut opened = plan.with(manner).open(&args.live, false)?;
    let filter = opened.filter_text.clone();
    let records = opened.memory.records();
    let config = SummaryConfig {
        style: settings::style(&args.look.style),
        all: args.all.then_some(records),
        quiet: args.look.quiet > 0,
        verbose: args.look.verbose > 0,
        at_once: opened.input.sources() == 1 && !opened.live,
        source_words: opened.source_words.clone(),
        filter: filter.clone(),
    };
    let wants = Detectors::WANTS.and(condition.needs());
    let names = opened.names.take();
    let others = opened.memory.findings() + choosing::room(&condition, opened.memory) + if args.all { 2 * records } else { 0 };
    let tracker = TrackerConfig { handshake_events: false, wants, ..opened.memory.without_lines().tracker(others) };
    let reading = choosing::learn(opened, condition, tracker, (args.look.run.progress, &args.local))?;
    let (opened, condition, expected) = reading.begin();
    let mut sink = SummarySink::new(TextOutput::stdout()?, config).with_names(names);
    if let Some(text) = condition.text() {
        let which = condition.clone();
        sink = sink.chosen(text.to_owned(), Box::new(move |record| which.holds(record)));
    }
    let sink = Detecting::new(sink, opened.memory.findings()).of(choosing::which(&condition)).with_local(args.local.clone());
    let mut sink = Recount::new(sink);
    let (second, words) = drive(opened, Some(tracker), args.look.run.progress, &mut sink)?;
    let (sink, counted) = sink.into_inner();
    let (ended, same) = expected.met(second, counted);
    // All of it is written at the end, when nothing is captured any more: whoever reads it is waited for.
    let closed = sink.into_inner().into_inner().close().result;
    finish(ended, words, filter.as_deref(), closed.map_err(Into::into).and(same))
}
