//! `sockeye packets`: a line a packet, records of packets, or the packets themselves into a file.

use super::capture::{Writing, list_link_types, list_time_stamps};
use super::choosing;
use super::records::{Out, separated, told_unwritten, zeek_form};
use crate::cli::args::{PacketsArgs, Progress, RecordFormat};
use crate::cli::condition::Condition;
use crate::cli::drive::{drive, finish, say};
use crate::cli::errors::{Problem, shown_path};
use crate::cli::exit::Exit;
use crate::cli::memory::Memory;
use crate::cli::open::{Manner, Plan, in_one_thread, link_type, unreadable};
use crate::cli::{Done, manual, rights, settings};
use sockeye::decode::Packet;
use sockeye::event::{Event, Keep, RunSummary, Sink};
use sockeye::filter::ProgramForm;
use sockeye::flow::{Note, TrackerConfig, Wants};
use sockeye::model::{Frame, LinkType};
use sockeye::output::hold::{Draft, Drafts, Hold, Wait};
use sockeye::output::line::{LinePrinter, Zone};
use sockeye::output::{Closed, PacketJsonSink, PacketRowsSink, Room, units};
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

pub(crate) fn run(mut args: PacketsArgs) -> Done {
    if args.list_link_types {
        return list_link_types(&args.input, &args.live);
    }
    if args.list_time_stamps {
        return list_time_stamps(&args.input);
    }
    if let Some(list) = &args.file_list {
        args.input.read = listed_files(list)?;
    }
    let zone = crate::cli::time::zone(args.look.utc, args.lines.tz.as_deref())?;
    if args.dump_filter > 0 {
        return dump_filter(&args, &zone);
    }
    go_together(&args)?;
    in_one_thread(&args.live, "packets")?;
    let condition = Condition::of(args.which.condition.as_deref())?;
    let copying = args.write.write.is_some() && !args.write.print;
    if args.look.names && (copying || args.count || args.format.is_some()) {
        return Err(Problem::usage("-N is for packet lines: records hold addresses, and here no line is printed"));
    }
    let mut wanted = Writing::wanted(&args.write)?;
    if args.look.names {
        wanted.names();
    }
    let memory = Memory::of(&args.look.run)?;
    let watched = !copying && !args.count;
    let manner = Manner { wanted, quiet: args.look.quiet > 0, verbose: args.look.verbose > 0, watched, memory };
    let plan = Plan::new(&args.input, &zone)?.with(manner);
    let twice = !condition.is_none() && plan.can_be_read_twice();
    if !condition.is_none() && !twice && !copying {
        return Err(choosing::once(if plan.interfaces.is_empty() { "a pipe" } else { "an interface" }));
    }
    choosing::go_together(&args.write, twice, &condition)?;
    let plan = plan.twice(twice);
    let (live, many) = (!plan.interfaces.is_empty(), plan.files.len() > 1);
    let style = settings::style(&args.look.style);
    let lines = settings::line_options(&args.lines, &args.look, style, live, many)?;
    let wants_notes = !lines.plain || args.format.is_some();
    let mut opened = plan.open(&args.live, copying && condition.is_none())?;
    let filter = opened.filter_text.clone();
    let memory = opened.memory;
    let out = || Out::stdout().map(|out| if live { out.live(memory.waiting()) } else { out });
    let form = match (args.format, args.format.and_then(separated)) {
        _ if args.count => Form::Count(0),
        (Some(RecordFormat::Jsonl), _) => Form::Json(PacketJsonSink::new(out()?, filter.clone())),
        (_, Some(form)) => Form::Rows(PacketRowsSink::new(out()?, form, &args.fields)?),
        _ => Form::Lines(LinePrinter::new(lines).with_names(opened.names.take()), out()?),
    };
    let mut print = Print { form, at_once: args.look.line_buffered, dropped: 0 };
    let writing = Writing::open(&args.write, &opened)?;
    opened.hangup_rotates = writing.as_ref().is_some_and(Writing::can_rotate);
    // What is printed beside a file and finds no room is in the file.
    opened.outlet = match &writing {
        Some(writing) => memory.outlet(writing.has_reader(), false),
        None => memory.outlet(print.out().is_none_or(|out| out.has_reader()), matches!(print.form, Form::Rows(_))),
    };
    let progress = if copying { args.look.run.progress } else { Progress::Never };
    let writing = match writing {
        Some(writing) if copying && !condition.is_none() => {
            return choosing::write(opened, &condition, (&args.write, writing), (args.look.run.progress, progress));
        }
        writing => writing,
    };
    let track = !copying && !args.count && wants_notes;
    // From files the settled verdict is told, live what is known at once. A pause of a pipe ends the wait only for a person.
    let watched = args.format.is_none() && (io::stdout().is_terminal() || args.look.line_buffered);
    let wait = match (track && !live, watched) {
        (false, _) => Wait::Never,
        (true, true) => Wait::UntilIdle,
        (true, false) => Wait::UntilSettled,
    };
    let mut sink = Both { print: (!copying).then(|| Hold::new(print, wait).within(memory.hold())), writing, live };
    let wants = Wants { verdicts: true, labels: args.format == Some(RecordFormat::Jsonl), ..Wants::default() };
    let label_bytes = if wants.labels { memory.labels() } else { 0 };
    let parts = if twice { memory.parts().max(choosing::room(&condition, memory)) } else { 0 };
    let shared = memory.tracker(2 * memory.hold() + label_bytes + parts);
    let tracker = track.then_some(TrackerConfig { handshake_events: false, wants, label_bytes, ..shared });
    let (mut same, mut nothing) = (Ok(()), None);
    let (mut ended, words);
    if twice {
        let first = choosing::first(opened, &condition, memory.tracker(parts), args.look.run.progress)?;
        nothing = choosing::nothing_held(&condition, &first.chosen);
        let mut again = choosing::again(sink, first.chosen);
        let (second, second_words) = drive(first.again, tracker, progress, &mut again)?;
        same = choosing::is_the_same(&second, again.is_the_same());
        sink = again.into_inner().0;
        (ended, words) = (choosing::both(first.ended, second), second_words);
    } else {
        (ended, words) = drive(opened, tracker, progress, &mut sink)?;
    }
    let written = sink.writing.as_mut().map_or(Ok(()), |writing| writing.close(&ended));
    let printed = match sink.print.map(Hold::into_inner) {
        Some(print) if sink.writing.is_some() => print.end_beside_a_file(live),
        Some(print) => print.end(&mut ended.summary),
        None => Ok(()),
    };
    let exit = finish(ended, words, filter.as_deref(), written.and(printed).and(same))?;
    if let Some(text) = nothing {
        say(&text);
    }
    Ok(exit)
}

/// Refuses flags that mean nothing together.
fn go_together(args: &PacketsArgs) -> Result<(), Problem> {
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
    if args.write.write.is_some() && args.count {
        return Err(Problem::usage("--count prints one number, and -w writes the packets: leave one out"));
    }
    Ok(())
}

/// Packets on standard output. Live, one for whose line there is no room is left out, and counted.
struct Print {
    form: Form,
    /// Each is handed on as it comes (`-l`); else when there are many, or nothing more comes just now.
    at_once: bool,
    dropped: u64,
}

/// What is printed.
enum Form {
    Lines(LinePrinter, Out),
    Json(PacketJsonSink<Out>),
    Rows(PacketRowsSink<Out>),
    Count(u64),
}

impl Print {
    fn out(&mut self) -> Option<&mut Out> {
        match &mut self.form {
            Form::Lines(_, out) => Some(out),
            Form::Json(sink) => Some(sink.get_mut()),
            Form::Rows(sink) => Some(sink.get_mut()),
            Form::Count(_) => None,
        }
    }

    fn packet(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if self.out().is_some_and(|out| !out.has_room(Room::Packet)) {
            self.dropped += 1;
            return Ok(Keep::Going);
        }
        let answer = match (&mut self.form, event) {
            (Form::Lines(printer, out), Event::Packet { frame, packet, note }) => {
                printer.write(out.gathered()?, frame, packet, note);
                Keep::Going
            }
            (Form::Json(sink), _) => sink.on_event(event)?,
            (Form::Rows(sink), _) => sink.on_event(event)?,
            (Form::Count(n), _) => {
                *n += 1;
                return Ok(Keep::Going);
            }
            (Form::Lines(..), _) => Keep::Going,
        };
        self.end_of_one()?;
        Ok(answer)
    }

    /// A packet is written.
    fn end_of_one(&mut self) -> io::Result<()> {
        let at_once = self.at_once;
        if let Some(out) = self.out() {
            out.end_of_one();
            if at_once {
                io::Write::flush(out)?;
            }
        }
        Ok(())
    }

    fn other(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match (&mut self.form, event) {
            (Form::Json(sink), _) => sink.on_event(event),
            (Form::Rows(sink), _) => sink.on_event(event),
            (Form::Lines(printer, _), Event::Source { index, info }) => {
                printer.source(*index, info);
                Ok(Keep::Going)
            }
            (Form::Lines(..) | Form::Count(_), _) => Ok(Keep::Going),
        }
    }

    /// Closes the output, and counts what did not get out of it.
    fn end(self, summary: &mut RunSummary) -> Result<(), Problem> {
        let closed = self.close()?;
        summary.dropped_here += closed.unwritten;
        told_unwritten(closed, "packet")
    }

    /// The same beside a file, which has all packets: what was not printed is told, and not lost. A live capture into a file does not
    /// need somebody who reads.
    fn end_beside_a_file(self, live: bool) -> Result<(), Problem> {
        let dropped = self.dropped;
        let closed = self.close()?;
        if dropped + closed.unwritten > 0 {
            let packets = units::counted(dropped + closed.unwritten, "packet");
            say(&format!("{packets} not printed, because the output is read too slowly: the file has them"));
        }
        match told_unwritten(Closed { unwritten: 0, ..closed }, "packet") {
            Err(problem) if live && problem.is_closed_output() => Ok(()),
            told => told,
        }
    }

    fn close(self) -> Result<Closed, Problem> {
        Ok(match self.form {
            Form::Lines(_, out) => out.close(),
            Form::Json(sink) => sink.into_inner().close(),
            Form::Rows(sink) => sink.into_inner().map_err(Problem::output)?.close(),
            Form::Count(n) => {
                manual::print(&format!("{n} packet{}\n", if n == 1 { "" } else { "s" }))?;
                Closed { unwritten: 0, result: Ok(()) }
            }
        })
    }
}

impl Sink for Print {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Packet { .. } => return self.packet(event),
            Event::Drained => self.flush()?,
            Event::SourcesEnded => {
                if let Some(out) = self.out() {
                    out.sources_ended();
                }
            }
            // What this output left out, whatever became of the packets elsewhere.
            Event::Summary(summary) => {
                let own = RunSummary { dropped_here: self.dropped, ..(*summary).clone() };
                return self.other(&Event::Summary(&own));
            }
            _ => return self.other(event),
        }
        Ok(Keep::Going)
    }

    fn dropped(&self) -> u64 {
        self.dropped
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out().map_or(Ok(()), io::Write::flush)
    }
}

/// Of files only, where there is always room.
impl Drafts for Print {
    fn draft(&mut self, text: &mut Vec<u8>, frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) -> Draft {
        let Form::Lines(printer, _) = &mut self.form else { return Draft::Never };
        if !printer.makes_drafts() {
            return Draft::Never;
        }
        let start = text.len();
        if note.verdict.is_some_and(|verdict| !verdict.settled) {
            return Draft::Open(printer.draft(text, frame, packet, note) - start);
        }
        printer.write(text, frame, packet, note);
        Draft::Whole
    }

    fn write_draft(&mut self, text: &[u8], verdict: Option<(usize, &Note)>) -> io::Result<Keep> {
        let Form::Lines(printer, out) = &mut self.form else { return Ok(Keep::Going) };
        let line = out.gathered()?;
        let (start, end) = text.split_at(verdict.map_or(text.len(), |(at, _)| at));
        line.extend_from_slice(start);
        if let Some((_, note)) = verdict {
            printer.write_opinion(line, note);
        }
        line.extend_from_slice(end);
        self.end_of_one()?;
        Ok(Keep::Going)
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

    /// What is in the file is not lost when it is not printed.
    fn dropped(&self) -> u64 {
        match (&self.writing, &self.print) {
            (Some(writing), _) => writing.dropped(),
            (None, Some(print)) => print.dropped(),
            (None, None) => 0,
        }
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
fn listed_files(list: &Path) -> Result<Vec<PathBuf>, Problem> {
    let text = if list.as_os_str() == "-" {
        io::read_to_string(io::stdin())
    } else {
        rights::open_named(list).and_then(io::read_to_string)
    };
    let text = text.map_err(|e| unreadable("-V", list, &e))?;
    let files: Vec<PathBuf> = text.lines().filter(|line| !line.trim().is_empty()).map(PathBuf::from).collect();
    if files.is_empty() {
        return Err(Problem::new(Exit::Input, format!("-V {}: names no file", shown_path(list))));
    }
    Ok(files)
}

/// `-d -dd -ddd`: the program for the link type of the source, else of `-y`, else Ethernet.
fn dump_filter(args: &PacketsArgs, zone: &Zone) -> Done {
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
