//! `sockeye packets`: a line a packet, records of packets, or the packets themselves into a file.

use super::capture::{Writing, list_link_types};
use super::records::{Out, separated, zeek_form};
use crate::cli::args::{PacketsArgs, RecordFormat};
use crate::cli::drive::{drive, finish};
use crate::cli::errors::{Problem, shown_path};
use crate::cli::exit::Exit;
use crate::cli::open::{Manner, Plan, link_type};
use crate::cli::{Done, manual, settings};
use sockeye::event::{Event, Keep, Sink};
use sockeye::filter::ProgramForm;
use sockeye::flow::{TrackerConfig, Wants};
use sockeye::model::LinkType;
use sockeye::output::hold::{Hold, Wait};
use sockeye::output::line::{LinePrinter, Zone};
use sockeye::output::{PacketJsonSink, PacketRowsSink};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

pub(crate) fn run(mut args: PacketsArgs) -> Done {
    if args.list_link_types {
        return list_link_types(&args.input, &args.live);
    }
    if let Some(list) = &args.file_list {
        args.input.read = listed_files(list)?;
    }
    let zone = crate::cli::time::zone(args.look.utc, args.lines.tz.as_deref())?;
    if args.dump_filter > 0 {
        return dump_filter(&args, zone);
    }
    if !args.fields.is_empty() && args.format.and_then(separated).is_none() {
        return Err(Problem::usage("--fields of packets goes with --format csv, tsv or md"));
    }
    if args.format.and_then(zeek_form).is_some() {
        return Err(Problem::usage("--format zeek is of conversations: use  sockeye flows"));
    }
    if args.write.write.is_some() && !args.write.print && args.format.is_some() {
        return Err(Problem::usage(
            "--format is for what is printed, and -w alone prints nothing: add --print, or leave one out",
        ));
    }
    let copying = args.write.write.is_some() && !args.write.print;
    if args.look.names && (copying || args.count || args.format.is_some()) {
        return Err(Problem::usage("-N is for packet lines: records hold addresses, and here no line is printed"));
    }
    let mut wanted = Writing::wanted(&args.write)?;
    if args.look.names {
        wanted.names();
    }
    let manner = Manner { wanted, quiet: args.look.quiet > 0, verbose: args.look.verbose > 0 };
    let plan = Plan::new(&args.input, zone)?.with(manner);
    let (live, many) = (!plan.interfaces.is_empty(), plan.files.len() > 1);
    let style = settings::style(&args.look.style);
    let lines = settings::line_options(&args.lines, &args.look, style, live, many)?;
    let wants_notes = !lines.plain || args.format.is_some();
    let mut opened = plan.open(&args.live, copying)?;
    let filter = opened.filter_text.clone();
    let print = match (args.format, args.format.and_then(separated)) {
        _ if args.count => Print::Count(0),
        (Some(RecordFormat::Jsonl), _) => Print::Json(PacketJsonSink::new(Out::stdout()?, filter.clone())),
        (_, Some(form)) => Print::Rows(PacketRowsSink::new(Out::stdout()?, form, &args.fields)?),
        _ => Print::Lines(Lines {
            printer: LinePrinter::new(lines).with_names(opened.names.take()),
            buffer: Vec::new(),
            at_once: live || args.look.line_buffered,
        }),
    };
    let writing = Writing::open(&args.write, &opened)?;
    opened.hangup_rotates = writing.as_ref().is_some_and(Writing::can_rotate);
    let track = !copying && !args.count && wants_notes;
    // From files the settled verdict is told, live what is known at once. A pause of a pipe ends the wait only for a person.
    let watched = args.format.is_none() && (io::stdout().is_terminal() || args.look.line_buffered);
    let wait = match (track && !live, watched) {
        (false, _) => Wait::Never,
        (true, true) => Wait::UntilIdle,
        (true, false) => Wait::UntilSettled,
    };
    let mut sink = Both { print: (!copying).then(|| Hold::new(print, wait)), writing, live };
    let wants = Wants { verdicts: true, labels: args.format == Some(RecordFormat::Jsonl), ..Wants::default() };
    let tracker = track.then(|| TrackerConfig { handshake_events: false, wants, ..TrackerConfig::default() });
    let progress = if copying { args.look.run.progress } else { crate::cli::args::Progress::Never };
    let ended = drive(opened, tracker, progress, &mut sink)?;
    let written = sink.writing.as_mut().map_or(Ok(()), |writing| writing.close(&ended));
    let counted = match sink.print.map(Hold::into_inner) {
        Some(Print::Count(n)) => manual::print(&format!("{n} packet{}\n", if n == 1 { "" } else { "s" })),
        _ => Ok(()),
    };
    finish(ended, filter.as_deref(), written.and(counted))
}

/// What is printed.
enum Print {
    Lines(Lines),
    Json(PacketJsonSink<Out>),
    Rows(PacketRowsSink<Out>),
    Count(u64),
}

/// Packet lines to standard output, gathered into large writes unless someone is watching.
struct Lines {
    printer: LinePrinter,
    buffer: Vec<u8>,
    at_once: bool,
}

/// Bytes of lines that are gathered.
const GATHER: usize = 64 << 10;

impl Lines {
    fn hand_on(&mut self) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let done = out.write_all(&self.buffer).and_then(|()| out.flush());
        self.buffer.clear();
        done
    }
}

impl Sink for Print {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match self {
            Self::Json(sink) => return sink.on_event(event),
            Self::Rows(sink) => return sink.on_event(event),
            Self::Count(n) => *n += u64::from(matches!(event, Event::Packet { .. })),
            Self::Lines(lines) => match event {
                Event::Packet { frame, packet, note } => {
                    lines.printer.write(&mut lines.buffer, frame, packet, note);
                    if lines.at_once || lines.buffer.len() >= GATHER {
                        lines.hand_on()?;
                    }
                }
                Event::Summary(_) => lines.hand_on()?,
                _ => {}
            },
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Json(sink) => sink.flush(),
            Self::Rows(sink) => sink.flush(),
            Self::Count(_) => Ok(()),
            Self::Lines(lines) => lines.hand_on(),
        }
    }
}

/// Prints, writes, or does both.
struct Both {
    print: Option<Hold<Print>>,
    writing: Option<Writing>,
    live: bool,
}

impl Both {
    /// Printing failed. A live capture into a file goes on without the lines when nobody reads them any more.
    fn without_print(&mut self, error: io::Error) -> io::Result<Keep> {
        if error.kind() == io::ErrorKind::BrokenPipe && self.live && self.writing.is_some() {
            self.print = None;
            return Ok(Keep::Going);
        }
        Err(error)
    }
}

impl Sink for Both {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Some(writing) = &mut self.writing {
            writing.on_event(event)?;
        }
        // None of them is printed here: they need not wait.
        if matches!(event, Event::Flow(_) | Event::Handshake(_)) {
            return Ok(Keep::Going);
        }
        match self.print.as_mut().map(|print| print.on_event(event)) {
            Some(Err(error)) => self.without_print(error),
            Some(answer) => answer,
            None => Ok(Keep::Going),
        }
    }

    fn dropped(&self) -> u64 {
        self.writing.as_ref().map_or(0, Sink::dropped)
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(writing) = &mut self.writing {
            writing.flush()?;
        }
        match self.print.as_mut().map(Sink::flush) {
            Some(Err(error)) => self.without_print(error).map(|_| ()),
            _ => Ok(()),
        }
    }
}

/// The names in the file of `-V`, one a line.
fn listed_files(list: &PathBuf) -> Result<Vec<PathBuf>, Problem> {
    let text = if list.as_os_str() == "-" { io::read_to_string(io::stdin()) } else { std::fs::read_to_string(list) };
    let text = text.map_err(|e| Problem::new(Exit::Input, format!("-V {}: {e}", shown_path(list))))?;
    let files: Vec<PathBuf> = text.lines().filter(|line| !line.trim().is_empty()).map(PathBuf::from).collect();
    if files.is_empty() {
        return Err(Problem::new(Exit::Input, format!("-V {}: names no file", shown_path(list))));
    }
    Ok(files)
}

/// `-d -dd -ddd`: the program for the link type of the source, else of `-y`, else Ethernet.
fn dump_filter(args: &PacketsArgs, zone: Zone) -> Done {
    let mut input = args.input.clone();
    if input.read.is_empty() && input.interface.is_empty() {
        let sorted = crate::cli::words::sort(std::mem::take(&mut input.words));
        input.read = sorted.files;
        input.words = sorted.filter.into_iter().map(Into::into).collect();
    }
    let asked = args.live.capture_link_type.as_deref().map(|word| link_type("-y", word)).transpose()?;
    let nowhere = input.read.is_empty() && input.interface.is_empty();
    if nowhere {
        input.read.push("-".into()); // never opened: the words are all filter
    }
    let plan = Plan::new(&input, zone)?;
    let mut filter = plan.filter()?;
    let link = match asked {
        Some(link) => link,
        None if nowhere => LinkType::ETHERNET,
        None => {
            let opened = plan.open(&args.live, true)?;
            let first = opened.input.infos().flat_map(|i| i.interfaces.iter().filter_map(|i| i.link)).next();
            first.unwrap_or(LinkType::ETHERNET)
        }
    };
    let form = match args.dump_filter {
        1 => ProgramForm::Words,
        2 => ProgramForm::C,
        _ => ProgramForm::Decimal,
    };
    manual::print(&filter.program(link)?.listing(form).to_string()).map(|()| Exit::Done)
}
