//! What the commands of one conversation share: its ID among the words, the run, and what is said when there is none.

use super::records::being_read;
use crate::cli::Done;
use crate::cli::args::{InputArgs, OneArgs};
use crate::cli::drive::{drive, finish};
use crate::cli::errors::Problem;
use crate::cli::exit::Exit;
use crate::cli::helper::Wanted;
use crate::cli::memory::Memory;
use crate::cli::open::{Manner, Plan};
use sockeye::event::{RunSummary, Sink};
use sockeye::flow::{FlowId, TrackerConfig, Wants};
use sockeye::output::line::Zone;
use sockeye::output::summary::next::quote;
use sockeye::output::{Closed, TextOutput};
use std::ffi::OsString;
use std::path::Path;

/// What a packet takes that is kept until the end, about, in bytes: with its data's first bytes, and what is said of it.
const PACKET: usize = 2048;

/// What a sink of one conversation is made of.
pub(super) struct Made {
    pub(super) out: TextOutput,
    /// Where the second of two outputs goes.
    pub(super) other: Option<TextOutput>,
    /// Packets that may be kept.
    pub(super) most: usize,
    /// Source and filter as they are repeated in proposed commands.
    pub(super) source: String,
}

/// What a command of one conversation asks for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'p> {
    pub(super) wants: Wants,
    /// Where it is written; `None`: standard output.
    pub(super) path: Option<&'p Path>,
    /// A second file.
    pub(super) other: Option<&'p Path>,
}

/// A sink that tells of one conversation.
pub(super) trait One: Sink + Send {
    /// Was there such a conversation?
    fn found(&self) -> bool;
    /// What else it was given and could not use, and why.
    fn refused(&self) -> Option<String> {
        None
    }
    /// Closes its output.
    fn close(self) -> Closed;
}

/// Runs a command of one conversation. `name`: the command's.
pub(super) fn run<S: One>(name: &str, args: &OneArgs, asked: Asked<'_>, make: impl FnOnce(Made, FlowId) -> S) -> Done {
    let mut input = args.input.clone();
    let of = take_id(name, &mut input.words)?;
    let (wants, streams_of) = (asked.wants, Some(of));
    let tracker = |tracker: TrackerConfig| TrackerConfig { wants, streams_of, ..tracker };
    run_over(
        args,
        &input,
        asked,
        tracker,
        |made| make(made, of),
        |summary| {
            Problem::usage(format!("no conversation {of} among {}", summary.flows))
                .help("the first column of  sockeye FILE --all  has their IDs; they count what the filter lets through")
        },
    )
}

/// Runs a command of one packet.
pub(super) fn run_packet<S: One>(number: u64, args: &OneArgs, asked: Asked<'_>, make: impl FnOnce(Made) -> S) -> Done {
    run_over(
        args,
        &args.input,
        asked,
        |tracker| tracker,
        make,
        |summary| Problem::usage(format!("no packet {number} among {} that were read", summary.read)),
    )
}

fn run_over<S: One>(
    args: &OneArgs,
    input: &InputArgs,
    asked: Asked<'_>,
    tracker: impl FnOnce(TrackerConfig) -> TrackerConfig,
    make: impl FnOnce(Made) -> S,
    missing: impl FnOnce(&RunSummary) -> Problem,
) -> Done {
    let plan = Plan::new(input, &Zone::Utc)?;
    let path = asked.path.unwrap_or(Path::new("-"));
    let mut wanted = Wanted::default();
    wanted.file(path, args.force);
    if let Some(other) = asked.other {
        wanted.file(other, args.force);
    }
    let memory = Memory::of(&args.look.run)?;
    let manner = Manner { wanted, quiet: args.look.quiet > 0, verbose: args.look.verbose > 0, watched: false, memory };
    let opened = plan.with(manner).open(&args.live, false)?;
    let read = being_read(&opened.input);
    let out = TextOutput::open(path, args.force, &read, &*opened.files)?;
    let other = asked.other.map(|path| TextOutput::open(path, args.force, &read, &*opened.files)).transpose()?;
    let filter = opened.filter_text.clone();
    let records = opened.memory.records();
    let words = opened.source_words.iter().chain(&filter).map(|word| quote(word).into_owned());
    let source = words.collect::<Vec<_>>().join(" ");
    let tracker = tracker(opened.memory.tracker(records));
    let mut sink = make(Made { out, other, most: records / PACKET, source });
    let (ended, words) = drive(opened, Some(tracker), args.look.run.progress, &mut sink)?;
    let absent = (!sink.found()).then(|| missing(&ended.summary));
    let refused = sink.refused().map(Problem::usage);
    let exit = finish(ended, words, filter.as_deref(), sink.close().result.map_err(Problem::from))?;
    match absent.or(refused) {
        // What is wrong with the file was said already, and counts for more.
        Some(_) if exit != Exit::Done => Ok(exit),
        Some(problem) => Err(problem),
        None => Ok(exit),
    }
}

/// Takes the ID out of the words: the first of them that is one.
fn take_id(name: &str, words: &mut Vec<OsString>) -> Result<FlowId, Problem> {
    let at = words.iter().position(|word| word.to_str().is_some_and(|word| word.parse::<FlowId>().is_ok()));
    let id = at.and_then(|at| words.remove(at).to_str()?.parse().ok());
    id.ok_or_else(|| {
        Problem::usage("which conversation?")
            .help(format!("name it by its ID:  sockeye {name} c1 -r FILE"))
            .help("sockeye FILE  lists them")
    })
}
