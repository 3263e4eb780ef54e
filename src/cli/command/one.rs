//! What the commands of one conversation share: its ID among the words, the run, and what is said when there is none.

use super::records::being_read;
use crate::cli::Done;
use crate::cli::args::OneArgs;
use crate::cli::condition::{self, Condition};
use crate::cli::drive::{drive, drive_first, finish};
use crate::cli::errors::Problem;
use crate::cli::exit::Exit;
use crate::cli::helper::Wanted;
use crate::cli::memory::Memory;
use crate::cli::open::{Manner, Opened, Plan};
use sockeye::event::{Event, Keep, RunSummary, Sink};
use sockeye::flow::{FlowId, FlowKind, TrackerConfig, Wants};
use sockeye::output::line::Zone;
use sockeye::output::summary::next::quote;
use sockeye::output::{ChoiceSink, Closed, TextOutput, Why};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
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

/// A conversation that nobody named: which one, and why.
pub(super) struct Chosen {
    pub(super) of: FlowId,
    /// None where the caller named it.
    pub(super) why: Option<Why>,
}

/// Runs a command of one conversation, named `name`. `chooses`: without an ID the most instructive one is taken.
pub(super) fn run<S: One>(
    name: &str,
    chooses: bool,
    args: &OneArgs,
    asked: Asked<'_>,
    make: impl FnOnce(Made, Chosen) -> S,
) -> Done {
    let mut input = args.input.clone();
    let named = take_id(name, &mut input.words)?;
    let condition = Condition::of(args.condition.as_deref())?;
    if named.is_none() && !chooses && condition.is_none() {
        return Err(which(name));
    }
    if let (Some(id), false) = (named, condition.is_none()) {
        return Err(Problem::usage(format!("{id} is named, and --where chooses among all: leave out one of them")));
    }
    if condition.asks_for_findings() {
        return Err(Problem::usage(format!("{name} --where chooses by fields of conversations, not by findings"))
            .help("which take part in one:  sockeye flows -r FILE --where finding"));
    }
    let wants = asked.wants.and(condition.needs());
    let mut plan = Plan::new(&input, &Zone::Utc)?;
    if named.is_none() {
        if !plan.can_be_read_twice() {
            return Err(which(name).help("without an ID it has to read twice, which takes a saved file"));
        }
        plan = plan.twice(true);
    }
    let mut opened = open(plan, args, asked)?;
    let chosen = match named {
        Some(of) => Chosen { of, why: None },
        // Nothing is put together of any before it is known which.
        None => match choose(name, opened, args, (Wants { streams: false, ..wants }, condition))? {
            Choice::Made(again, chosen) => {
                opened = *again;
                chosen
            }
            Choice::Stopped(exit) => return Ok(exit),
        },
    };
    let of = chosen.of;
    let tracker = |tracker: TrackerConfig| TrackerConfig { wants, streams_of: Some(of), ..tracker };
    let seen = |there: &Ids| {
        Problem::usage(format!("no conversation {of}: {there}"))
            .help("the first column of  sockeye FILE --all  has their IDs; they count what the filter lets through")
    };
    run_over(opened, args, asked, tracker, |made| make(made, chosen), |_, there| seen(there))
}

/// How a choice came out.
enum Choice {
    /// The files once more, and the conversation to look for.
    Made(Box<Opened>, Chosen),
    /// Nothing was chosen: what there is to say was said.
    Stopped(Exit),
}

/// Reads all, and takes the conversation of which there is most to learn.
fn choose(name: &str, mut opened: Opened, args: &OneArgs, (wants, condition): (Wants, Condition)) -> Result<Choice, Problem> {
    let again = opened.again.take().ok_or_else(|| which(name))?;
    let tracker = TrackerConfig { wants, ..opened.memory.tracker(opened.memory.records()) };
    let filter = opened.filter_text.clone();
    let mut sink = condition::Chosen::new(ChoiceSink::default(), condition);
    let (ended, words) = drive_first(opened, tracker, args.look.run.progress, &mut sink)?;
    let Some((first, other)) = sink.sink.candidates().chosen().filter(|_| ended.stopped.is_none()) else {
        let none =
            || sink.nothing_held(&ended.summary).unwrap_or_else(|| "there is no conversation in it: nothing to tell".to_owned());
        let none = ended.stopped.is_none().then(|| Problem::usage(none()));
        let exit = finish(ended, words, filter.as_deref(), Ok(()))?;
        return none.filter(|_| exit == Exit::Done).map_or(Ok(Choice::Stopped(exit)), Err);
    };
    // What is wrong with the files is said after they were read again.
    let again = again.open()?;
    let source = source_of(&again);
    let why = Why {
        because: format!("{}, because it {}.", first.id, first.because),
        another: other.map(|other| format!("sockeye {name} {} {source}", other.id)),
    };
    Ok(Choice::Made(Box::new(again), Chosen { of: first.id, why: Some(why) }))
}

/// Runs a command of one packet.
pub(super) fn run_packet<S: One>(number: u64, args: &OneArgs, asked: Asked<'_>, make: impl FnOnce(Made) -> S) -> Done {
    if let Some(of) = take_id("explain", &mut args.input.words.clone())? {
        return Err(Problem::usage(format!("--packet tells of one packet, {of} of a whole conversation: leave out one of them")));
    }
    let opened = open(Plan::new(&args.input, &Zone::Utc)?, args, asked)?;
    let missing = |summary: &RunSummary| Problem::usage(format!("no packet {number} among {} that were read", summary.read));
    run_over(opened, args, asked, |tracker| tracker, make, |summary, _| missing(summary))
}

fn open(plan: Plan, args: &OneArgs, asked: Asked<'_>) -> Result<Opened, Problem> {
    let mut wanted = Wanted::default();
    wanted.file(asked.path.unwrap_or(Path::new("-")), args.force);
    if let Some(other) = asked.other {
        wanted.file(other, args.force);
    }
    let memory = Memory::of(&args.look.run)?;
    let manner = Manner { wanted, quiet: args.look.quiet > 0, verbose: args.look.verbose > 0, watched: false, memory };
    plan.with(manner).open(&args.live, false)
}

/// Source and filter as they are repeated in proposed commands.
fn source_of(opened: &Opened) -> String {
    let words = opened.source_words.iter().chain(&opened.filter_text).map(|word| quote(word).into_owned());
    words.collect::<Vec<_>>().join(" ")
}

fn run_over<S: One>(
    opened: Opened,
    args: &OneArgs,
    asked: Asked<'_>,
    tracker: impl FnOnce(TrackerConfig) -> TrackerConfig,
    make: impl FnOnce(Made) -> S,
    missing: impl FnOnce(&RunSummary, &Ids) -> Problem,
) -> Done {
    let read = being_read(&opened.input);
    let out = TextOutput::open(asked.path.unwrap_or(Path::new("-")), args.force, &read, &*opened.files)?;
    let other = asked.other.map(|path| TextOutput::open(path, args.force, &read, &*opened.files)).transpose()?;
    let filter = opened.filter_text.clone();
    let records = opened.memory.records();
    let source = source_of(&opened);
    let tracker = tracker(opened.memory.tracker(records));
    let mut sink = Counted { sink: make(Made { out, other, most: records / PACKET, source }), there: Ids::default() };
    let (ended, words) = drive(opened, Some(tracker), args.look.run.progress, &mut sink)?;
    let Counted { sink, there } = sink;
    let absent = (!sink.found()).then(|| missing(&ended.summary, &there));
    let refused = sink.refused().map(Problem::usage);
    let exit = finish(ended, words, filter.as_deref(), sink.close().result.map_err(Problem::from))?;
    match absent.or(refused) {
        // What is wrong with the file was said already, and counts for more.
        Some(_) if exit != Exit::Done => Ok(exit),
        Some(problem) => Err(problem),
        None => Ok(exit),
    }
}

/// Takes the ID out of the words: the first of them that is one. IDs are small letters; capitals are taken for them where no file is
/// called that.
fn take_id(name: &str, words: &mut Vec<OsString>) -> Result<Option<FlowId>, Problem> {
    let id_of = |word: &OsString| {
        let text = word.to_str()?;
        text.parse().ok().or_else(|| text.to_ascii_lowercase().parse().ok().filter(|_| !Path::new(text).exists()))
    };
    let Some((at, id)) = words.iter().enumerate().find_map(|(at, word)| Some((at, id_of(word)?))) else { return Ok(None) };
    words.remove(at);
    if let Some(second) = words.get(at).and_then(id_of) {
        return Err(Problem::usage(format!("{name} tells of one conversation at a time: {id}, then {second}")));
    }
    Ok(Some(id))
}

fn which(name: &str) -> Problem {
    Problem::usage("which conversation?")
        .help(format!("name it by its ID:  sockeye {name} c1 -r FILE"))
        .help("sockeye FILE  lists them")
}

/// Which IDs there are: they are counted from 1, each letter for itself.
#[derive(Clone, Debug, Default)]
struct Ids(BTreeMap<FlowKind, u64>);

impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("there is none at all");
        }
        f.write_str("there ")?;
        let one = self.0.len() == 1 && self.0.values().all(|highest| *highest == 1);
        f.write_str(if one { "is only" } else { "are" })?;
        for (i, (kind, highest)) in self.0.iter().enumerate() {
            let between = match i {
                0 => " ",
                _ if i + 1 == self.0.len() => " and ",
                _ => ", ",
            };
            let letter = char::from(kind.letter());
            write!(f, "{between}{letter}1")?;
            if *highest > 1 {
                write!(f, " to {letter}{highest}")?;
            }
        }
        Ok(())
    }
}

/// A sink, and the IDs that came by.
struct Counted<S> {
    sink: S,
    there: Ids,
}

impl<S: Sink> Sink for Counted<S> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Flow(record) = event {
            let highest = self.there.0.entry(record.id.kind).or_default();
            *highest = record.id.number.max(*highest);
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
