//! What `flows` and `handshakes` share: the choice of a format, and where the records go.

use crate::cli::args::{LiveArgs, LookArgs, RecordArgs, RecordFormat};
use crate::cli::drive::{drive, finish, say};
use crate::cli::errors::{Problem, exists, shown_path};
use crate::cli::exit::Exit;
use crate::cli::open::Plan;
use crate::cli::{Done, settings};
use sockeye::capture::Input;
use sockeye::event::{Event, Keep, RunSummary, Sink};
use sockeye::flow::{FlowRecord, Outcome, TrackerConfig};
use sockeye::output::pcap::WriteError;
use sockeye::output::{FlowJsonSink, FlowRowsSink, Records, Separated, Style, units};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where records are written.
pub(super) type Out = Box<dyn Write>;

/// Records in the form that was asked for; the table is the command's own.
enum Output<T> {
    Table(T),
    Json(FlowJsonSink<Out>),
    Rows(FlowRowsSink<Out>),
}

impl<T: Sink> Sink for Output<T> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match self {
            Self::Table(sink) => sink.on_event(event),
            Self::Json(sink) => sink.on_event(event),
            Self::Rows(sink) => sink.on_event(event),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Table(sink) => sink.flush(),
            Self::Json(sink) => sink.flush(),
            Self::Rows(sink) => sink.flush(),
        }
    }
}

/// Runs a command that writes records of flows.
pub(super) fn run<T: Sink>(
    plan: Plan,
    live: &LiveArgs,
    look: &LookArgs,
    args: &RecordArgs,
    records: Records,
    table: impl FnOnce(Out, Style) -> T,
) -> Done {
    let format = settings::record_format(args.format, args.output.as_deref());
    if format == RecordFormat::Table && !args.fields.is_empty() {
        return Err(Problem::usage("--fields goes with --format jsonl, csv, tsv or md, not with the table"));
    }
    let opened = plan.open(live, false)?;
    let out = output(args.output.as_deref(), look.force, &opened.input)?;
    let filter = opened.filter_text.clone();
    let style = settings::style(look);
    let sink = match separated(format) {
        Some(form) => Output::Rows(FlowRowsSink::new(out, form, records, &args.fields)?),
        None if format == RecordFormat::Jsonl => Output::Json(FlowJsonSink::new(out, records, &args.fields, filter.clone())?),
        None => Output::Table(table(out, style)),
    };
    let tracker = TrackerConfig {
        max_flows: args.max_flows as usize,
        // Of a file each attempt is told once, by how it came out in the end; live, as soon as something is known.
        handshake_events: records == Records::Handshakes && opened.live,
        ..TrackerConfig::default()
    };
    let mut sink = Counted { sink, records, told: 0 };
    let ended = drive(opened, Some(tracker), look.progress, &mut sink)?;
    let nothing = (sink.told == 0 && format == RecordFormat::Table).then(|| no_record(records, &ended.summary)).flatten();
    let exit = finish(ended, filter.as_deref())?;
    if let Some(text) = nothing {
        say(&text);
    }
    Ok(exit)
}

/// Counts what there is to tell of: a table without a row would be silence.
struct Counted<T> {
    sink: Output<T>,
    records: Records,
    told: u64,
}

impl<T: Sink> Sink for Counted<T> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        let attempt = |record: &FlowRecord| record.handshake.as_ref().is_some_and(|h| h.outcome != Outcome::Midway);
        self.told += u64::from(match (self.records, event) {
            (Records::Flows, Event::Flow(_)) => true,
            (Records::Handshakes, Event::Flow(record) | Event::Handshake(record)) => attempt(record),
            _ => false,
        });
        self.sink.on_event(event)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
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
        RecordFormat::Table | RecordFormat::Jsonl => None,
    }
}

/// Standard output.
pub(super) fn to_stdout() -> Out {
    Box::new(BufWriter::new(io::stdout()))
}

/// A new file, or standard output.
fn output(path: Option<&Path>, force: bool, input: &Input) -> Result<Out, Problem> {
    match path {
        Some(path) if path.as_os_str() != "-" => Ok(Box::new(BufWriter::new(create(path, force, input)?))),
        _ => Ok(to_stdout()),
    }
}

/// A regular file that exists is not overwritten unless asked, one that is being read never; pipes and devices are no files to
/// protect.
fn create(path: &Path, force: bool, input: &Input) -> Result<File, Problem> {
    let mut options = OpenOptions::new();
    options.write(true);
    match std::fs::metadata(path) {
        Ok(old) if !old.is_file() => {}
        Ok(old) if input.infos().any(|info| info.file_id == Some((old.dev(), old.ino()))) => {
            return Err(WriteError::BeingRead { path: path.to_owned() }.into());
        }
        Ok(_) if force => {
            options.truncate(true);
        }
        Ok(old) => return Err(exists(path, old.len(), old.modified().ok())),
        Err(_) => {
            options.create_new(true);
        }
    }
    options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => Problem::new(Exit::Permission, format!("cannot create {}: {error}", shown_path(path))),
        _ => Problem::new(Exit::Failed, format!("cannot create {}: {error}", shown_path(path))),
    })
}
