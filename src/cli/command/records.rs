//! What `flows` and `handshakes` share: the choice of a format, and where the records go.

use super::choosing;
use crate::cli::args::{LiveArgs, LookArgs, Progress, RecordArgs, RecordFormat};
use crate::cli::condition::{Chosen, Condition};
use crate::cli::drive::{drive, finish, say};
use crate::cli::errors::Problem;
use crate::cli::helper::Wanted;
use crate::cli::memory::Memory;
use crate::cli::open::{Manner, Plan};
use crate::cli::{Done, settings};
use sockeye::capture::Input;
use sockeye::engine::choosing::Recount;
use sockeye::event::{Event, Keep, RunSummary, Sink};
use sockeye::flow::fields::Field;
use sockeye::flow::{Checksums, FlowRecord, Outcome, Profile, TrackerConfig, Wants};
use sockeye::output::{
    Closed, FlowJsonSink, FlowRowsSink, FlowTableSink, HandshakesSink, HostNames, Records, Room, Separated, Style, TextOutput,
    WriteError, ZeekForm, ZeekSink, units,
};
use std::io::{self, IsTerminal};
use std::path::Path;

/// Where records are written.
pub(super) type Out = TextOutput;

/// Records in the form that was asked for; the tables are the commands' own.
pub(super) enum Output {
    FlowTable(FlowTableSink<Out>),
    HandshakeTable(HandshakesSink<Out>),
    Json(FlowJsonSink<Out>),
    Rows(FlowRowsSink<Out>),
    Zeek(ZeekSink<Out>),
}

impl Output {
    fn out(&mut self) -> &mut Out {
        match self {
            Self::FlowTable(sink) => sink.get_mut(),
            Self::HandshakeTable(sink) => sink.get_mut(),
            Self::Json(sink) => sink.get_mut(),
            Self::Rows(sink) => sink.get_mut(),
            Self::Zeek(sink) => sink.get_mut(),
        }
    }

    /// Takes an event without writing. Says whether a record was left out.
    fn skip(&mut self, event: &Event<'_>) -> bool {
        match self {
            Self::FlowTable(_) => matches!(event, Event::Flow(_)),
            Self::Zeek(_) => matches!(event, Event::Flow(record) if record.zeek.is_some()),
            Self::HandshakeTable(sink) => sink.skip(event),
            Self::Json(sink) => sink.skip(event),
            Self::Rows(sink) => sink.skip(event),
        }
    }

    /// Records told and not written yet.
    const fn held(&self) -> usize {
        match self {
            Self::FlowTable(sink) => sink.held(),
            Self::HandshakeTable(sink) => sink.held(),
            Self::Json(_) | Self::Rows(_) | Self::Zeek(_) => 0,
        }
    }

    /// Closes the output, and counts what did not get out of it.
    fn end(self, summary: &mut RunSummary) -> Result<(), Problem> {
        let closed = self.close()?;
        summary.records_dropped += closed.unwritten;
        told_unwritten(closed, "record")
    }

    fn close(self) -> Result<Closed, Problem> {
        let out = match self {
            Self::FlowTable(sink) => sink.into_inner(),
            Self::HandshakeTable(sink) => sink.into_inner(),
            Self::Json(sink) => sink.into_inner(),
            Self::Rows(sink) => sink.into_inner().map_err(Problem::output)?,
            Self::Zeek(sink) => sink.into_inner(),
        };
        Ok(out.close())
    }
}

/// The error of a close, with how much did not get out when nobody read.
pub(super) fn told_unwritten(closed: Closed, noun: &str) -> Result<(), Problem> {
    closed.result.map_err(|error| match (&error, closed.unwritten) {
        (WriteError::Unread { .. }, left @ 1..) => {
            Problem::from(error).help(format!("{} not written", units::counted(left, noun)))
        }
        _ => Problem::from(error),
    })
}

impl Sink for Output {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match self {
            Self::FlowTable(sink) => sink.on_event(event),
            Self::HandshakeTable(sink) => sink.on_event(event),
            Self::Json(sink) => sink.on_event(event),
            Self::Rows(sink) => sink.on_event(event),
            Self::Zeek(sink) => sink.on_event(event),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::FlowTable(sink) => sink.flush(),
            Self::HandshakeTable(sink) => sink.flush(),
            Self::Json(sink) => sink.flush(),
            Self::Rows(sink) => sink.flush(),
            Self::Zeek(sink) => sink.flush(),
        }
    }
}

/// Records of what.
#[derive(Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) records: Records,
    pub(super) checksums: Checksums,
    pub(super) condition: Option<&'a str>,
}

/// Runs a command that writes records of flows.
pub(super) fn run(
    plan: Plan,
    live: &LiveArgs,
    look: &LookArgs,
    args: &RecordArgs,
    of: Of<'_>,
    table: impl FnOnce(Out, Style, Option<Box<dyn HostNames>>) -> Output,
) -> Done {
    let records = of.records;
    let format = settings::record_format(args.format, args.output.as_deref(), records);
    if format == RecordFormat::Table && !args.fields.is_empty() {
        return Err(Problem::usage("--fields goes with --format jsonl, csv, tsv or md, not with the table"));
    }
    let zeek = zeek_form(format);
    if zeek.is_some() && records == Records::Handshakes {
        return Err(Problem::usage("--format zeek is of conversations: use  sockeye flows"));
    }
    if zeek.is_some() && !args.fields.is_empty() {
        return Err(Problem::usage("--fields goes with --format jsonl, csv, tsv or md: Zeek's columns are fixed"));
    }
    if zeek.is_some() && live.several_threads().is_some() {
        return Err(Problem::usage(
            "--threads: Zeek's rows depend on the order of all packets (its timers, tunnels): one thread",
        ));
    }
    // All that can be wrong with the arguments is found before a file is created or emptied.
    let fields = records.choose(&args.fields)?;
    let condition = Condition::of(of.condition)?;
    if look.names && format != RecordFormat::Table {
        return Err(Problem::usage("-N is for the table: records hold addresses"));
    }
    let path = args.output.as_deref().unwrap_or(Path::new("-"));
    let mut wanted = Wanted::default();
    wanted.file(path, args.force);
    if look.names {
        wanted.names();
    }
    let memory = Memory::of(&look.run)?;
    let manner = Manner { wanted, quiet: look.quiet > 0, verbose: look.verbose > 0, watched: false, memory };
    let mut opened = choosing::twice(plan, &condition)?.with(manner).open(live, false)?;
    let out = TextOutput::open(path, args.force, &being_read(&opened.input), &*opened.files)?;
    let columns = matches!(format, RecordFormat::Jsonl) || separated(format).is_some();
    opened.outlet = opened.memory.outlet(out.has_reader(), columns);
    let out = if opened.live { out.live(opened.memory.waiting()) } else { out };
    let filter = opened.filter_text.clone();
    let sink = match (zeek, separated(format)) {
        (Some(form), _) => Output::Zeek(ZeekSink::new(out, form)),
        (_, Some(form)) => Output::Rows(FlowRowsSink::new(out, form, records, &args.fields)?),
        _ if format == RecordFormat::Jsonl => Output::Json(FlowJsonSink::new(out, records, &args.fields, filter.clone())?),
        _ => table(out, settings::style(&look.style), opened.names.take()),
    };
    // Of each flow under way it is kept what was told.
    let told = if records == Records::Handshakes && opened.live { opened.memory.records() } else { 0 };
    let tracker = TrackerConfig {
        max_flows: args.max_flows as usize,
        // Of a file each attempt is told once, by how it came out in the end; live, as soon as something is known.
        handshake_events: records == Records::Handshakes && opened.live,
        wants: wants(records, format, &fields, look.verbose > 0).and(condition.needs()),
        profile: if zeek.is_some() { Profile::ZEEK } else { Profile::OURS },
        checksums: of.checksums,
        ..opened.memory.without_lines().tracker(told + choosing::room(&condition, opened.memory))
    };
    let (opened, condition, expected) = choosing::learn(opened, condition, tracker, (look.run.progress, &[]))?.begin();
    let sink = Counted { sink, records, told: 0, at_once: look.line_buffered, due: 0, dropped: 0 };
    let mut sink = Recount::new(Chosen::new(sink, condition));
    // Records that come on the terminal itself show how far it is, and a line among them would be in their way.
    let progress = if path == Path::new("-") && io::stdout().is_terminal() { Progress::Never } else { look.run.progress };
    let (second, words) = drive(opened, Some(tracker), progress, &mut sink)?;
    let (sink, counted) = sink.into_inner();
    let (mut ended, same) = expected.met(second, counted);
    let none = || sink.nothing_held(&ended.summary).or_else(|| no_record(records, &ended.summary));
    let nothing = (sink.sink.told == 0 && format == RecordFormat::Table).then(none).flatten();
    let closed = sink.sink.sink.end(&mut ended.summary);
    let exit = finish(ended, words, filter.as_deref(), closed.and(same))?;
    if let Some(text) = nothing {
        say(&text);
    }
    Ok(exit)
}

/// What the records tell of, and nothing else is worked out.
fn wants(records: Records, format: RecordFormat, fields: &[&Field], verbose: bool) -> Wants {
    match (records, format) {
        (Records::Handshakes, RecordFormat::Table) => Wants::default(),
        (Records::Handshakes, _) => Wants { community_id: Field::needs_of(fields).community_id, ..Wants::default() },
        (Records::Flows, RecordFormat::Table) => Wants { verdicts: true, measures: verbose, app: true, ..Wants::default() },
        (Records::Flows, RecordFormat::Zeek | RecordFormat::ZeekJson) => Wants { zeek: true, ..Wants::default() },
        (Records::Flows, _) => Field::needs_of(fields),
    }
}

/// Counts what there is to tell of: a table without a row would be silence.
struct Counted {
    sink: Output,
    records: Records,
    told: u64,
    /// Hand on each record as it comes (`-l`).
    at_once: bool,
    /// Records that the output took and has not written yet.
    due: usize,
    /// Records for which there was no room (live).
    dropped: u64,
}

impl Counted {
    /// Writes the record that an event brings, if it brings one.
    fn record(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if !self.sink.out().has_room(Room::Record) {
            self.dropped += u64::from(self.sink.skip(event));
            return Ok(Keep::Going);
        }
        let before = self.so_far();
        let answer = self.sink.on_event(event)?;
        self.due += usize::from(self.so_far() != before);
        if self.at_once {
            self.flush()?;
        } else {
            self.mark();
        }
        Ok(answer)
    }

    /// Changes with each record.
    fn so_far(&mut self) -> (usize, u64) {
        (self.sink.held(), self.sink.out().bytes_taken())
    }

    /// Says which records are among the text now.
    fn mark(&mut self) {
        let held = self.sink.held();
        let out = self.sink.out();
        (held..self.due).for_each(|_| out.end_of_one());
        self.due = self.due.min(held);
    }
}

impl Sink for Counted {
    #[inline]
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Event::Packet { .. } = event {
            // Records tell of conversations; only Zeek's first line says when the first packet was.
            return if let Output::Zeek(sink) = &mut self.sink { sink.on_event(event) } else { Ok(Keep::Going) };
        }
        self.on_other_event(event)
    }

    fn records_dropped(&self) -> u64 {
        self.dropped
    }

    fn flush(&mut self) -> io::Result<()> {
        self.mark();
        self.sink.flush()?;
        self.mark();
        Ok(())
    }
}

impl Counted {
    fn on_other_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        let attempt = |record: &FlowRecord| record.handshake.as_ref().is_some_and(|h| h.outcome != Outcome::Midway);
        self.told += u64::from(match (self.records, event) {
            (Records::Flows, Event::Flow(_)) => true,
            (Records::Handshakes, Event::Flow(record) | Event::Handshake(record)) => attempt(record),
            _ => false,
        });
        match event {
            Event::Flow(_) | Event::Handshake(_) => self.record(event),
            Event::Drained => io::Write::flush(self.sink.out()).map(|()| Keep::Going),
            Event::SourcesEnded => {
                self.sink.out().sources_ended();
                Ok(Keep::Going)
            }
            _ => self.sink.on_event(event),
        }
    }
}

/// There were packets and no record was made of them: why, and which command shows them.
fn no_record(records: Records, summary: &RunSummary) -> Option<String> {
    let packets = units::counted(summary.matched, "packet");
    match records {
        _ if summary.matched == 0 => None, // said by the notices
        Records::Handshakes if summary.flows > 0 => {
            let flows = units::counted(summary.flows, "conversation");
            Some(format!("no attempt to connect in {packets}, {flows}:  sockeye flows  lists what there is"))
        }
        Records::Handshakes | Records::Flows => Some(format!("no conversation in {packets}:  sockeye packets  prints them")),
    }
}

/// The formats that are rows of cells.
pub(super) const fn separated(format: RecordFormat) -> Option<Separated> {
    match format {
        RecordFormat::Csv => Some(Separated::Csv),
        RecordFormat::Tsv => Some(Separated::Tsv),
        RecordFormat::Md => Some(Separated::Markdown),
        RecordFormat::Table | RecordFormat::Jsonl | RecordFormat::Zeek | RecordFormat::ZeekJson => None,
    }
}

/// The formats that are Zeek's.
pub(super) const fn zeek_form(format: RecordFormat) -> Option<ZeekForm> {
    match format {
        RecordFormat::Zeek => Some(ZeekForm::Text),
        RecordFormat::ZeekJson => Some(ZeekForm::Json),
        _ => None,
    }
}

/// Device and inode of the files that are read: they are never written.
pub(super) fn being_read(input: &Input) -> Vec<(u64, u64)> {
    input.infos().filter_map(|info| info.file_id).collect()
}
