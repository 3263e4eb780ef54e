//! `sockeye split`: a capture file for each conversation, or for each group of them.

use super::choosing;
use super::records::{being_read, separated, zeek_form};
use crate::cli::args::{ByWord, LiveArgs, RecordFormat, SplitArgs, WriteFormat};
use crate::cli::condition::{self, Condition};
use crate::cli::drive::{drive, drive_first, finish, say};
use crate::cli::errors::{Problem, exists, shown_path};
use crate::cli::exit::Exit;
use crate::cli::helper::Wanted;
use crate::cli::memory::Memory;
use crate::cli::open::{Manner, Opened, Plan};
use crate::cli::{Done, settings};
use sockeye::detect::Detectors;
use sockeye::engine::Ended;
use sockeye::engine::choosing::{Choosing, Gathered, Gathering, Recount};
use sockeye::event::{Event, Keep, Sink};
use sockeye::flow::{TrackerConfig, Wants};
use sockeye::model::{FileFormat, LinkType, SourceInfo, SourceKind};
use sockeye::output::line::Zone;
use sockeye::output::pcap::{Groups, INDEX, ListForm, Parted, SplitBy, SplitConfig, SplitSink, is_ours, needs_nanoseconds};
use sockeye::output::{TextOutput, units};
use sockeye::pcapfile::write::SectionInfo;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub(crate) fn run(args: &SplitArgs) -> Done {
    let Some(folder) = args.output.as_deref() else {
        return Err(Problem::usage("split needs a folder for the files:  -o DIR"));
    };
    if args.format.and_then(zeek_form).is_some() {
        return Err(Problem::usage("--format zeek is of conversations: use  sockeye flows"));
    }
    if !args.input.interface.is_empty() {
        return Err(not_live());
    }
    if args.look.names {
        return Err(Problem::usage("-N: files of split are named by addresses; for names use  sockeye flows -N"));
    }
    let by = match args.by {
        ByWord::Flow => SplitBy::Flow,
        ByWord::Host => SplitBy::Host,
        ByWord::Port => SplitBy::Port,
        ByWord::State => SplitBy::State,
        ByWord::Protocol => SplitBy::Protocol,
        ByWord::Finding => SplitBy::Finding,
    };
    let condition = Condition::of(args.which.condition.as_deref())?;
    let plan = Plan::new(&args.input, &Zone::Utc)?;
    let twice = by != SplitBy::Flow || !condition.is_none();
    if let Some(pipe) = plan.files.iter().find(|path| twice && fs::metadata(path).is_ok_and(|data| !data.is_file())) {
        return Err(not_twice(by, &condition, &shown_path(pipe)));
    }
    if twice && plan.files.iter().any(|path| path.as_os_str() == "-") {
        return Err(not_twice(by, &condition, "standard input"));
    }
    look_into(folder, args.force)?;
    let mut wanted = Wanted::default();
    // Which format it will be is known when the capture was opened, and then nothing can be asked for any more.
    wanted.folder(folder, &[".pcap", ".pcapng"], INDEX, args.force);
    let memory = Memory::of(&args.look.run)?;
    let manner = Manner { wanted, quiet: args.look.quiet > 0, verbose: args.look.verbose > 0, watched: false, memory };
    let opened = plan.with(manner).twice(twice).open(&LiveArgs::default(), false)?;
    if twice { run_twice(args, by, folder, opened, &condition) } else { run_once(args, folder, opened) }
}

/// A file for each conversation: complete when that is over.
fn run_once(args: &SplitArgs, folder: &Path, opened: Opened) -> Done {
    let tracker = tracker(args, SplitBy::Flow, opened.memory, &Condition::default());
    let filter = opened.filter_text.clone();
    let mut sink = sink(args, folder, &opened, None)?;
    let (ended, words) = drive(opened, Some(tracker), args.look.run.progress, &mut sink)?;
    let closed = close(sink, &ended, None);
    finish(ended, words, filter.as_deref(), closed)
}

/// What is learnt when a capture is read the first time.
struct Learning {
    /// Which conversations have which file, where it is not a file each.
    groups: Option<condition::Chosen<Groups>>,
    /// Which packets are wanted, where not all are.
    choosing: Option<Choosing>,
    /// What is found, where each finding has a file.
    gathering: Option<Gathering>,
}

impl Sink for Learning {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        let groups = self.groups.as_mut().map_or(Ok(Keep::Going), |groups| groups.on_event(event))?;
        let choosing = self.choosing.as_mut().map_or(Ok(Keep::Going), |choosing| choosing.on_event(event))?;
        let gathering = self.gathering.as_mut().map_or(Ok(Keep::Going), |gathering| gathering.on_event(event))?;
        Ok(if [groups, choosing, gathering].contains(&Keep::Enough) { Keep::Enough } else { Keep::Going })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Files of groups, or of some conversations: which belong to them is known when all was read, so all is read again.
fn run_twice(args: &SplitArgs, by: SplitBy, folder: &Path, mut opened: Opened, condition: &Condition) -> Done {
    let tracker = tracker(args, by, opened.memory, condition);
    // The rest gathers packets.
    let (parts, room) = (opened.memory.parts(), opened.memory.parts() / 4 * 3);
    let filter = opened.filter_text.clone();
    let Some(again) = opened.again.take() else { return Err(not_twice(by, condition, "what is read")) };
    let groups = (by != SplitBy::Flow).then(|| {
        // Where findings are asked for, it is not known yet which: groups without packets get no file. Findings are those of all.
        let all = condition.asks_for_findings() || by == SplitBy::Finding;
        let which = if all { Condition::default() } else { condition.clone() };
        condition::Chosen::new(Groups::new(by, room), which)
    });
    let gathering = (by == SplitBy::Finding).then(|| Gathering::within(opened.memory.findings(), parts / 4));
    let choosing = condition.query().cloned().map(|query| Choosing::new(query, parts, opened.memory.findings()));
    let mut learning = Recount::new(Learning { groups, choosing, gathering });
    let (first, _) = drive_first(opened, tracker, args.look.run.progress, &mut learning)?;
    let (learning, known_by) = learning.into_inner();
    let mut groups = learning.groups.map(|groups| groups.sink);
    let mut full = false;
    if let (Some(groups), Some(gathering)) = (&mut groups, learning.gathering) {
        match gathering.finish() {
            Some(Gathered { findings, members, unexamined }) => {
                groups.take_findings(&findings, members);
                choosing::tell_unexamined(unexamined);
            }
            None => full = true,
        }
    }
    if full || groups.as_ref().is_some_and(Groups::is_full) {
        let room = units::bytes(room as u64);
        return Err(Problem::new(
            Exit::Failed,
            format!("--by {}: conversations and groups need more than {room} of memory; nothing was written", by.key()),
        )
        .help("give more to --max-memory, or split a part:  --from, --to, or a capture filter"));
    }
    let chosen = learning.choosing.map(|choosing| choosing::found(choosing, parts)).transpose()?;
    let nothing = chosen.as_ref().and_then(|chosen| choosing::nothing_held(condition, chosen));
    let (matched, wanted) = (first.summary.matched, chosen.as_ref().map(|chosen| chosen.chosen));
    // Nothing that was added to the capture since then, or that a signal left unread.
    let opened = Opened { limit: Some(matched.max(1)), ..again.open()? };
    let sink = sink(args, folder, &opened, groups)?;
    let (second, words, counted);
    let mut same = true;
    let sink = match chosen {
        None => {
            let mut recount = Recount::new(sink);
            (second, words) = drive(opened, Some(tracker), args.look.run.progress, &mut recount)?;
            let sink;
            (sink, counted) = recount.into_inner();
            sink
        }
        Some(chosen) => {
            let mut recount = Recount::new(choosing::again(sink, chosen));
            (second, words) = drive(opened, Some(tracker), args.look.run.progress, &mut recount)?;
            let again;
            (again, counted) = recount.into_inner();
            same = again.is_the_same();
            again.into_inner().0
        }
    };
    // How far it was read is told of the first time.
    let same = second.output_error.is_some()
        || second.stopped.is_some()
        || (same && counted == known_by && second.summary.matched == matched);
    let ended = choosing::both(first, second);
    let closed = close(sink, &ended, wanted).and_then(|()| if same { Ok(()) } else { Err(changed()) });
    let exit = finish(ended, words, filter.as_deref(), closed)?;
    if let Some(text) = nothing {
        say(&text);
    }
    Ok(exit)
}

/// Nothing of conversations is worked out but what they are and how they ended, and what a condition asks for. Both times
/// conversations have to have the same numbers, so it is the same both times.
fn tracker(args: &SplitArgs, by: SplitBy, memory: Memory, condition: &Condition) -> TrackerConfig {
    let rows = if args.all { memory.records() } else { 0 };
    let chosen = if condition.is_none() { 0 } else { memory.parts().max(choosing::room(condition, memory)) };
    let found = if by == SplitBy::Finding { memory.parts() / 4 + memory.findings() } else { 0 };
    let usual = memory.without_lines().tracker(memory.parts() + rows + chosen + found);
    // By conversations each has a file under way.
    let files = if by == SplitBy::Flow { memory.parts() / 2 / SplitConfig::EACH } else { usize::MAX };
    let wants = if by == SplitBy::Finding { Detectors::WANTS } else { Wants::NONE }.and(condition.needs());
    TrackerConfig { max_flows: usual.max_flows.min(files), handshake_events: false, wants, ..usual }
}

fn sink(args: &SplitArgs, folder: &Path, opened: &Opened, groups: Option<Groups>) -> Result<SplitSink, Problem> {
    let infos: Vec<&SourceInfo> = opened.input.infos().collect();
    let format = format(args.write_format, &infos);
    let reading = being_read(&opened.input);
    let (memory, files) = (opened.memory, Arc::clone(&opened.files));
    files.make_folder(folder)?;
    let index = TextOutput::open(&folder.join(INDEX), args.force, &reading, &*files)?;
    let list = match (args.format.unwrap_or(RecordFormat::Table), args.format.and_then(separated)) {
        (_, Some(form)) => ListForm::Rows(form),
        (RecordFormat::Jsonl, _) => ListForm::Json,
        _ => ListForm::Table {
            style: settings::style(&args.look.style),
            all: args.all.then_some(memory.records()),
            quiet: args.look.quiet > 0,
        },
    };
    let section =
        SectionInfo { application: Some(concat!("sockeye ", env!("CARGO_PKG_VERSION")).to_owned()), ..SectionInfo::default() };
    let gathered = memory.parts() / if groups.is_some() { 4 } else { 2 };
    let config = SplitConfig { folder: folder.to_owned(), format, force: args.force, reading, files, section, gathered };
    SplitSink::new(config, groups, index, (TextOutput::stdout()?, list), opened.filter_text.clone()).map_err(Problem::output)
}

/// As it was asked for; else pcap where all that is read is pcap of one link type.
fn format(asked: Option<WriteFormat>, infos: &[&SourceInfo]) -> FileFormat {
    let nanoseconds = infos.iter().any(|info| needs_nanoseconds(info));
    let links: Vec<LinkType> = infos.iter().flat_map(|info| info.interfaces.iter().filter_map(|i| i.link)).collect();
    let plain = infos.iter().all(|info| matches!(info.kind, SourceKind::File(FileFormat::Pcap { .. })));
    match asked {
        Some(WriteFormat::Pcap) => FileFormat::Pcap { nanoseconds },
        None if plain && links.windows(2).all(|pair| pair[0] == pair[1]) => FileFormat::Pcap { nanoseconds },
        Some(WriteFormat::Pcapng) | None => FileFormat::PcapNg,
    }
}

/// Closes what was written, and compares it with what was let through, or of that was `wanted`.
fn close(sink: SplitSink, ended: &Ended, wanted: Option<u64>) -> Result<(), Problem> {
    let parted = sink.parted();
    sink.close()?;
    if ended.output_error.is_some() {
        return Ok(());
    }
    let Parted { packets, twice, times_clamped, changed: others, .. } = parted;
    if times_clamped > 0 {
        let packets = units::counted(times_clamped, "packet");
        say(&format!("{packets} had a time that pcap cannot hold; --write-format pcapng keeps it"));
    }
    if others > 0 || (ended.stopped.is_none() && packets - twice != wanted.unwrap_or(ended.summary.matched)) {
        return Err(changed());
    }
    Ok(())
}

/// The files do not hold what was read.
fn changed() -> Problem {
    Problem::new(Exit::Failed, "the capture changed while it was split: packets may be missing, or in the wrong file")
        .help("split it again when nobody writes it any more, or a copy of it")
}

/// Files of an earlier run are not mixed with those of this one.
fn look_into(folder: &Path, force: bool) -> Result<(), Problem> {
    if fs::metadata(folder).is_ok_and(|data| !data.is_dir()) {
        return Err(Problem::usage(format!("-o {}: is a file, not a folder", shown_path(folder))));
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above.filter(|above| fs::metadata(above).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)) {
        let (folder, above) = (shown_path(folder), shown_path(above));
        return Err(Problem::usage(format!("-o {folder}: there is no folder {above}")).help(format!("mkdir -p {above}")));
    }
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    if force {
        return Ok(());
    }
    let ours = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_ours));
    // The same is named each time.
    match ours.map(|entry| entry.path()).min() {
        Some(path) => {
            let data = fs::symlink_metadata(&path).ok();
            Err(exists(&path, data.as_ref().map_or(0, fs::Metadata::len), data.and_then(|data| data.modified().ok())))
        }
        None => Ok(()),
    }
}

fn not_live() -> Problem {
    Problem::usage(
        "split reads saved captures: live, a file for each conversation keeps the capture waiting, and it loses packets",
    )
    .help("first record:  sudo sockeye capture -i IF -w day.pcapng    then  sockeye split -r day.pcapng -o DIR")
    .help("or through a pipe:  sudo sockeye capture -i IF -w - | sockeye split -r - -o DIR")
}

fn not_twice(by: SplitBy, condition: &Condition, what: &str) -> Problem {
    let flag = if condition.is_none() { format!("--by {}", by.key()) } else { "--where".to_owned() };
    Problem::usage(format!("{flag} reads the capture twice, and {what} can be read once"))
        .help("save it to a file first; a file for each conversation (--by flow) needs it once")
}
