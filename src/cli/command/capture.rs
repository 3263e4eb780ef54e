//! `sockeye capture`: packets into a file, and nothing else. Also the writing that `packets -w` does.

use super::records::being_read;
use crate::cli::args::{CaptureArgs, InputArgs, LiveArgs, WriteArgs, WriteFormat};
use crate::cli::drive::{drive, finish, say};
use crate::cli::errors::{Problem, second_link_type, shown_path};
use crate::cli::exit::Exit;
use crate::cli::helper::Wanted;
use crate::cli::open::{Manner, Opened, Plan, backend};
use crate::cli::{Done, manual};
use sockeye::capture::live;
use sockeye::engine::Ended;
use sockeye::event::{Event, Keep, Sink};
use sockeye::model::{FileFormat, SourceInfo, SourceKind};
use sockeye::output::line::Zone;
use sockeye::output::pcap::{PcapConfig, PcapWriter, format_of_name, needs_nanoseconds};
use sockeye::output::target::is_stdout;
use sockeye::output::units;
use sockeye::pcapfile::write::SectionInfo;
use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) fn run(args: &CaptureArgs) -> Done {
    if args.list_link_types {
        return list_link_types(&args.input, &args.live);
    }
    if args.write.write.is_none() {
        return Err(Problem::usage("capture needs a file to write:  -w FILE  (- is standard output)"));
    }
    if args.write.print {
        return Err(Problem::usage("capture prints nothing; use  sockeye packets -w FILE --print"));
    }
    let mut wanted = Wanted::default();
    if let Some(path) = &args.write.write {
        wanted.file(path, args.write.force);
    }
    let manner = Manner { wanted, ..Manner::default() };
    let opened = Plan::new(&args.input, Zone::Local)?.with(manner).open(&args.live, true)?;
    let filter = opened.filter_text.clone();
    let Some(mut writing) = Writing::open(&args.write, &opened)? else {
        return Ok(Exit::Done);
    };
    let ended = drive(opened, None, args.run.progress, &mut writing)?;
    let closed = writing.close(&ended);
    finish(ended, filter.as_deref(), closed)
}

/// A capture file being written.
pub(crate) struct Writing {
    writer: PcapWriter,
    path: PathBuf,
    at_once: bool,
    failed: bool,
}

impl Writing {
    /// Creates the file of `-w`, if there is one.
    pub(crate) fn open(args: &WriteArgs, opened: &Opened) -> Result<Option<Self>, Problem> {
        let Some(path) = args.write.clone() else { return Ok(None) };
        if is_stdout(&path) && io::stdout().is_terminal() {
            return Err(Problem::usage("-w - would write a binary capture to the terminal; send it into a pipe or name a file"));
        }
        if is_stdout(&path) && args.print {
            return Err(Problem::usage("-w - and --print both want standard output; name a file"));
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
        let reading = being_read(&opened.input);
        let config = PcapConfig { format, force: args.force, reading, files: Arc::clone(&opened.files), section };
        let at_once = args.packet_buffered || (opened.live && is_stdout(&path));
        Ok(Some(Self { writer: PcapWriter::create(&path, &config)?, path, at_once, failed: false }))
    }

    /// Ends the file: last counters, what is still in memory, the close. Says how much was written.
    pub(crate) fn close(&mut self, ended: &Ended) -> Result<(), Problem> {
        if self.failed {
            return Ok(()); // the error is told by whoever reports the run
        }
        for (index, source) in (0..=u16::MAX).zip(&ended.summary.sources) {
            self.writer.count(index, &source.info, &source.stats);
        }
        let written = self.writer.finish()?;
        if written.times_clamped > 0 {
            say(&format!(
                "{}: {} had a time that pcap cannot hold; write pcapng to keep it",
                shown_path(&self.path),
                units::counted(written.times_clamped, "packet")
            ));
        }
        if !is_stdout(&self.path) && io::stderr().is_terminal() {
            say(&format!(
                "wrote {} ({}) to {}",
                units::counted(written.packets, "packet"),
                units::bytes(written.bytes),
                shown_path(&self.path)
            ));
        }
        Ok(())
    }
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
        let answer = match event {
            // The end of the file is written by `close`, with the last counters.
            Event::Summary(_) => Ok(Keep::Going),
            _ => self.writer.on_event(event),
        };
        let done = match (answer, event) {
            (Ok(_), Event::Packet { .. }) if self.at_once => self.flush().map(|()| Keep::Going),
            (answer, _) => answer,
        };
        self.failed |= done.is_err();
        done
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = Sink::flush(&mut self.writer);
        self.failed |= done.is_err();
        done
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
