//! `sockeye capture`: packets into a file, and nothing else. Also the writing that `packets -w` does.

use super::choosing;
use super::records::being_read;
use crate::cli::args::{CaptureArgs, InputArgs, LiveArgs, WriteArgs, WriteFormat};
use crate::cli::condition::Condition;
use crate::cli::drive::{drive, finish, say, tell_counters, unwritten};
use crate::cli::errors::{Problem, second_link_type, shown, shown_path};
use crate::cli::exit::Exit;
use crate::cli::files::{ForEach, is_command};
use crate::cli::helper::Wanted;
use crate::cli::memory::Memory;
use crate::cli::open::{Manner, Opened, Plan, backend, in_one_thread};
use crate::cli::{Done, manual, time};
use sockeye::capture::live;
use sockeye::decode::Packet;
use sockeye::engine::choosing::Roomy;
use sockeye::engine::{Ended, clock};
use sockeye::event::{Event, Keep, Sink};
use sockeye::flow::Note;
use sockeye::model::{FileFormat, Frame, FrameOptions, SourceInfo, SourceKind, Timestamp};
use sockeye::output::WriteError;
use sockeye::output::files::Files;
use sockeye::output::line::Zone;
use sockeye::output::pcap::{PcapConfig, PcapWriter, Rotation, Written, format_of_name, needs_nanoseconds};
use sockeye::output::queue::WhenFull;
use sockeye::output::target::is_stdout;
use sockeye::output::units;
use sockeye::pcapfile::write::{SectionInfo, with_comment};
use sockeye::privilege::helper::Commands;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) fn run(args: &CaptureArgs) -> Done {
    if args.list_link_types {
        return list_link_types(&args.input, &args.live);
    }
    if args.list_time_stamps {
        return list_time_stamps(&args.input);
    }
    if args.write.write.is_none() {
        return Err(Problem::usage("capture needs a file to write:  -w FILE  (- is standard output)"));
    }
    if args.write.print {
        return Err(Problem::usage("capture prints nothing; use  sockeye packets -w FILE --print"));
    }
    in_one_thread(&args.live, "capture")?;
    let condition = Condition::of(args.which.condition.as_deref())?;
    let memory = Memory::of(&args.run)?;
    let manner =
        Manner { wanted: Writing::wanted(&args.write)?, quiet: args.quiet, verbose: args.verbose, watched: false, memory };
    let plan = Plan::new(&args.input, &Zone::Local)?.with(manner);
    let twice = !condition.is_none() && plan.can_be_read_twice();
    choosing::go_together(&args.write, twice, &condition)?;
    let mut opened = plan.twice(twice).open(&args.live, condition.is_none())?;
    let filter = opened.filter_text.clone();
    let Some(mut writing) = Writing::open(&args.write, &opened)? else {
        return Ok(Exit::Done);
    };
    opened.hangup_rotates = writing.can_rotate();
    opened.outlet = opened.memory.outlet(writing.has_reader(), false);
    if !condition.is_none() {
        return choosing::write(opened, &condition, (&args.write, writing), (args.run.progress, args.run.progress));
    }
    let (ended, words) = drive(opened, None, args.run.progress, &mut writing)?;
    let closed = writing.close(&ended);
    finish(ended, words, filter.as_deref(), closed)
}

/// The capture file or files being written.
pub(crate) struct Writing {
    writer: PcapWriter,
    files: Arc<dyn Files>,
    path: PathBuf,
    rotating: bool,
    live: bool,
    /// Hand on packets as they come: live all that have come, else each.
    at_once: bool,
    failed: bool,
    /// The command of `-z`, as it is told.
    command: String,
    late: Late,
}

/// Files that are to be removed and whose command is not done, as far as it was told.
#[derive(Debug, Default)]
struct Late {
    /// There has been one ever since.
    since: Option<Timestamp>,
    told: bool,
}

impl Late {
    /// More than this are told at once: more than commands run at a time, so they get behind.
    const MANY: u64 = 4;
    /// Fewer are told after so many nanoseconds in which there was always one.
    const LONG: i64 = 60_000_000_000;

    /// Is it time to tell that there are so many?
    fn is_due(&mut self, files: u64, now: Timestamp) -> bool {
        if files == 0 {
            self.since = None;
            return false;
        }
        let since = *self.since.get_or_insert(now);
        let due = !self.told && (files > Self::MANY || now.nanos().saturating_sub(since.nanos()) >= Self::LONG);
        self.told |= due;
        due
    }
}

impl Writing {
    /// What the helper process is to do for the files of `-w`: SIGHUP may make one file several.
    pub(crate) fn wanted(args: &WriteArgs) -> Result<Wanted, Problem> {
        let mut wanted = Wanted::default();
        let Some(path) = args.write.as_deref() else { return Ok(wanted) };
        wanted.file(path, args.force);
        wanted.series(path, rotation(args)?.is_on());
        if let Some(command) = command(args, path)? {
            wanted.command(command);
        }
        Ok(wanted)
    }

    /// Creates the file of `-w`, if there is one.
    pub(crate) fn open(args: &WriteArgs, opened: &Opened) -> Result<Option<Self>, Problem> {
        let Some(path) = args.write.clone() else { return Ok(None) };
        if is_stdout(&path) && io::stdout().is_terminal() {
            return Err(Problem::usage("-w - would write a binary capture to the terminal; send it into a pipe or name a file"));
        }
        if is_stdout(&path) && args.print {
            return Err(Problem::usage("-w - and --print both want standard output; name a file"));
        }
        let rotation = rotation(args)?;
        if rotation.is_on() {
            no_single_file(args, &path)?;
        }
        let infos: Vec<&SourceInfo> = opened.input.infos().collect();
        let nanoseconds = infos.iter().any(|info| needs_nanoseconds(info));
        let format = match args.write_format {
            Some(WriteFormat::Pcap) => FileFormat::Pcap { nanoseconds },
            Some(WriteFormat::Pcapng) => FileFormat::PcapNg,
            None => format_of_name(&path, nanoseconds),
        };
        if matches!(format, FileFormat::Pcap { .. }) {
            one_link_type(&path, &infos)?;
        }
        let section = SectionInfo {
            application: Some(concat!("sockeye ", env!("CARGO_PKG_VERSION")).to_owned()),
            ..SectionInfo::default()
        };
        let files = Arc::clone(&opened.files);
        let config = PcapConfig {
            force: args.force,
            reading: being_read(&opened.input),
            files: Arc::clone(&files),
            section,
            rotation,
            when_full: if opened.live { WhenFull::Refuse } else { WhenFull::Wait },
            most_waiting: opened.memory.waiting() / 2,
            start: clock::now(),
            ..PcapConfig::new(format)
        };
        let at_once = args.packet_buffered || (opened.live && is_stdout(&path));
        let writer = PcapWriter::create(&path, &config)?;
        Ok(Some(Self {
            writer,
            files,
            path,
            rotating: rotation.is_on(),
            live: opened.live,
            at_once,
            failed: false,
            command: args.file_command.as_ref().map(|command| shown(&command.to_string_lossy())).unwrap_or_default(),
            late: Late::default(),
        }))
    }

    /// Can SIGHUP begin the next file?
    pub(crate) const fn can_rotate(&self) -> bool {
        self.writer.can_rotate()
    }

    /// Does somebody read what is written?
    pub(crate) const fn has_reader(&self) -> bool {
        self.writer.has_reader()
    }

    /// Ends the file: last counters, what is still in memory, the close; waits for the commands of `-z`. Says how much was
    /// written.
    pub(crate) fn close(&mut self, ended: &Ended) -> Result<(), Problem> {
        // Where writing failed, that is told by whoever reports the run.
        let written = if self.failed {
            self.writer.abandon();
            Ok(None)
        } else {
            self.end(ended).map(Some)
        };
        // Whoever waits is told for what, and what is known already.
        let failures = self.files.settle(&mut |files| {
            if ended.summary.live {
                tell_counters(&ended.summary);
            }
            let them = units::counted(files, "file");
            say(&format!(
                "waiting for -z {} on {them}{}",
                self.command,
                match self.writer.late() {
                    0 => String::new(),
                    late => format!("; -W and --keep-bytes remove {} only then", units::count(late)),
                }
            ));
        });
        let in_all = self.writer.after_commands();
        if written?.is_some() {
            let written = in_all;
            written.troubles.iter().for_each(|trouble| say(&shown(trouble)));
            self.tell(&written);
        }
        match failures.split_last() {
            None => Ok(()),
            Some((last, others)) => {
                for failure in others {
                    say(failure);
                }
                Err(Problem::new(Exit::Failed, last.clone()))
            }
        }
    }

    fn end(&mut self, ended: &Ended) -> Result<Written, Problem> {
        for (index, source) in (0..=u16::MAX).zip(&ended.summary.sources) {
            self.writer.count(index, &source.info, &source.stats);
        }
        self.writer.finish().map_err(|error| match error {
            WriteError::Unread { .. } => {
                Problem::from(error).help(format!("{} not written", units::counted(self.writer.unsaved(), "packet")))
            }
            error => unwritten(error.into(), ended.summary.live),
        })
    }

    fn tell(&self, written: &Written) {
        let name = shown_path(&self.path);
        if written.times_clamped > 0 {
            let packets = units::counted(written.times_clamped, "packet");
            say(&format!("{name}: {packets} had a time that pcap cannot hold; write pcapng to keep it"));
        }
        // That files are gone is said in a log, too.
        if !is_stdout(&self.path) && (io::stderr().is_terminal() || written.removed > 0) {
            let (packets, size) = (units::counted(written.packets, "packet"), units::bytes(written.bytes));
            say(&match (self.rotating || written.files > 1, written.removed) {
                (false, _) => format!("wrote {packets} ({size}) to {name}"),
                (true, 0) => format!("wrote {packets} ({size}) to {}", units::counted(written.files, "file")),
                (true, removed) => format!(
                    "wrote {packets} ({size}) to {}, and removed the oldest {}",
                    units::counted(written.files, "file"),
                    units::count(removed)
                ),
            });
        }
    }
}

/// When files end, and which are kept.
fn rotation(args: &WriteArgs) -> Result<Rotation, Problem> {
    let rotation = Rotation {
        bytes: args.file_size.as_deref().map(|text| time::size("-C", text, 1_000_000)).transpose()?,
        span: args.file_time.as_deref().map(|text| time::span("-G", text)).transpose()?,
        keep_files: args.file_count,
        keep_bytes: args.keep_bytes.as_deref().map(|text| time::size("--keep-bytes", text, 1)).transpose()?,
    };
    match (rotation.is_on(), rotation.keep_files, rotation.keep_bytes) {
        (false, Some(_), _) => Err(Problem::usage("-W keeps the newest of several files: say when one ends, with -C or -G")),
        (false, _, Some(_)) => {
            Err(Problem::usage("--keep-bytes keeps the newest of several files: say when one ends, with -C or -G"))
        }
        (true, _, Some(kept)) if rotation.bytes.is_some_and(|bytes| bytes > kept) && !packed(args) => {
            Err(Problem::usage("--keep-bytes is less than one file of -C; give it room for two at least"))
        }
        _ => Ok(rotation),
    }
}

/// Are the files smaller than what -C says?
fn packed(args: &WriteArgs) -> bool {
    args.write.as_ref().is_some_and(|path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("zst")))
}

/// Files one after the other need names of their own.
fn no_single_file(args: &WriteArgs, path: &Path) -> Result<(), Problem> {
    let flag = if args.file_size.is_some() { "-C" } else { "-G" };
    if is_stdout(path) {
        return Err(Problem::usage(format!("{flag} writes several files, and -w - is one stream; name a file")));
    }
    if std::fs::metadata(path).is_ok_and(|data| !data.is_file()) {
        return Err(Problem::usage(format!("{flag} writes several files, and {} is no file", shown_path(path))));
    }
    if args.force {
        return Err(Problem::usage(format!("{flag} gives each file a name of its own, so --force has nothing to overwrite")));
    }
    Ok(())
}

/// What runs the command of `-z`, if there is one.
fn command(args: &WriteArgs, path: &Path) -> Result<Option<Box<dyn Commands>>, Problem> {
    let Some(command) = &args.file_command else { return Ok(None) };
    let name = shown(&command.to_string_lossy());
    if is_stdout(path) {
        return Err(Problem::usage(format!("-z {name} runs for each complete file, and -w - is none; name a file")));
    }
    if !is_command(command) {
        return Err(Problem::usage(format!("-z: no command \"{name}\""))
            .help("a program's name or path, without arguments; it gets the file as its only argument"));
    }
    Ok(Some(Box::new(ForEach::new(command.clone()))))
}

/// A pcap file holds one link type. Where the sources are known to differ, that is said before the file is created. A pcapng file
/// may describe interfaces without packets: there the packets decide.
fn one_link_type(path: &Path, infos: &[&SourceInfo]) -> Result<(), Problem> {
    let sure = infos.iter().filter(|info| !matches!(info.kind, SourceKind::File(FileFormat::PcapNg)));
    let mut links = sure.flat_map(|info| info.interfaces.iter().filter_map(|i| i.link));
    let first = links.next();
    match (first, links.find(|link| Some(*link) != first)) {
        (Some(first), Some(second)) => Err(second_link_type(Exit::Usage, path, first, second)),
        _ => Ok(()),
    }
}

impl Sink for Writing {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        let mut done = match event {
            // The end of the file is written by `close`, with the last counters.
            Event::Summary(_) => return Ok(Keep::Going),
            _ => self.writer.on_event(event),
        };
        if let Event::Tick(now) = event {
            let late = self.writer.late();
            if self.late.is_due(late, *now) {
                let (files, wait, them) = match late {
                    1 => ("1 file".to_owned(), "waits", "it"),
                    late => (units::counted(late, "file"), "wait", "them"),
                };
                say(&format!("{files} {wait} for -z {}: -W and --keep-bytes cannot remove {them} yet", self.command));
            }
        }
        let hands_on = self.at_once
            && match event {
                Event::Drained => true,
                Event::Packet { .. } => !self.live,
                _ => false,
            };
        if hands_on && done.is_ok() {
            done = Sink::flush(&mut self.writer).map(|()| Keep::Going);
        }
        self.failed |= done.is_err();
        done
    }

    fn dropped(&self) -> u64 {
        self.writer.dropped()
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = Sink::flush(&mut self.writer);
        self.failed |= done.is_err();
        done
    }
}

impl Roomy for Writing {
    fn has_room(&mut self) -> bool {
        self.writer.has_room()
    }

    fn wait_for_room(&mut self) {
        self.writer.wait_for_room();
    }

    /// pcapng says it in a comment; classic pcap has no place for one.
    fn after_missing(&mut self, frame: &Frame<'_>, missing: u64) -> io::Result<Keep> {
        let packets = units::counted(missing, "packet");
        let (bytes, order) = with_comment(
            frame,
            &format!(
                "sockeye: {packets} of this conversation missing before this one: let go before it was known that it is wanted"
            ),
        );
        let frame = Frame { options: Some(FrameOptions { bytes: &bytes, order }), ..*frame };
        self.on_event(&Event::Packet { frame: &frame, packet: &Packet::empty(&[]), note: &Note::NONE })
    }
}

/// `-L`: the link types an interface offers.
pub(crate) fn list_link_types(input: &InputArgs, args: &LiveArgs) -> Done {
    let [name] = &input.interface[..] else {
        return Err(Problem::usage("-L needs one interface:  sockeye packets -i eth0 -L"));
    };
    let links = live::link_types(name, backend(args.backend)?)?;
    let mut text = format!("Data link types for {name} (use option -y to set):\n");
    for link in links {
        let _ = writeln!(text, "  {} ({link})", link.name().map_or_else(|| link.0.to_string(), str::to_owned));
    }
    manual::print(&text).map(|()| Exit::Done)
}

/// `-J`: the time stamps an interface offers.
pub(crate) fn list_time_stamps(input: &InputArgs) -> Done {
    let [name] = &input.interface[..] else {
        return Err(Problem::usage("-J needs one interface:  sockeye packets -i eth0 -J"));
    };
    let mut text = format!("Time stamp types for {name} (use option -j to set):\n");
    for kind in live::time_stamps(name)? {
        let _ = writeln!(text, "  {} ({})", kind.name(), kind.description());
    }
    manual::print(&text).map(|()| Exit::Done)
}
