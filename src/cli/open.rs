//! From arguments to opened things: sources and filter. All that can fail before the first packet fails here.

use super::args::{Backend, InputArgs, LiveArgs, RightsArgs, WhichWay};
use super::errors::{Problem, no_such_file, shown, shown_path};
use super::exit::Exit;
use super::helper::Wanted;
use super::host_names::PatientNames;
use super::memory::Memory;
use super::rights::{self, Rights};
use super::signals;
use super::time;
use super::words;
use sockeye::capture::file::{OpenOptions, Unread};
use sockeye::capture::live::{self, Direction, Live, LiveSpec, TimeStamps};
use sockeye::capture::{Input, PacketSource, SourceError, Spread};
use sockeye::engine::Selection;
use sockeye::engine::select::Numbers;
use sockeye::filter::{Filter, FilterError};
use sockeye::model::{LinkType, LiveBackend, SourceKind, Span};
use sockeye::output::HostNames;
use sockeye::output::files::{Files, Here};
use sockeye::output::line::Zone;
use sockeye::output::notices::{Buffer, Outlet};
use sockeye::privilege;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The capture buffer of this run, for the advice after losses.
fn buffer(args: &LiveArgs, memory: Memory) -> Buffer {
    let kib = |bytes: usize| u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
    let largest = kib(memory.largest_ring()) & !1023;
    Buffer::of(args.buffer_kib, kib(memory.usual_ring()), largest.min(Buffer::MOST_ADVISED))
}

/// Sources, filter and selection of a run.
pub(crate) struct Opened {
    pub(crate) input: Input,
    /// The other threads' part of the frames (`--threads`).
    pub(crate) beside: Option<Beside>,
    /// Threads that follow the conversations of saved files.
    pub(crate) threads: usize,
    pub(crate) filter: Filter,
    /// The filter in words.
    pub(crate) filter_text: Option<String>,
    pub(crate) selection: Selection,
    pub(crate) limit: Option<u64>,
    pub(crate) duration: Option<Span>,
    pub(crate) live: bool,
    pub(crate) card_time: bool,
    /// The capture buffer that was asked for.
    pub(crate) buffer: Buffer,
    /// Where the output goes, as far as the command has said it.
    pub(crate) outlet: Outlet,
    /// How memory is divided.
    pub(crate) memory: Memory,
    /// Nothing is decoded.
    pub(crate) copying: bool,
    /// SIGHUP does not end the run: it begins the next file of `-w`.
    pub(crate) hangup_rotates: bool,
    /// The source as it is repeated in proposed commands: `-r`, `mix.pcap`.
    pub(crate) source_words: Vec<String>,
    /// Who creates output files.
    pub(crate) files: Arc<dyn Files>,
    /// Who knows names of hosts, if that was wanted.
    pub(crate) names: Option<Box<dyn HostNames>>,
    /// The same once more, where that was asked for ([`Plan::twice`]).
    pub(crate) again: Option<Again>,
}

/// What was opened and is not read yet.
enum Sources {
    Live(Box<Live>),
    /// One for each thread.
    Shared(Vec<Live>, Spread),
    /// Where no right is needed to open them, each is opened when the one before was begun: thousands of small ones fit.
    Named(OpenOptions),
    Files(Vec<Unread>, OpenOptions),
}

impl Sources {
    /// Are filters attached to sockets still when rights are gone? libpcap's is closed by one at the end.
    fn attach_filters(&self) -> bool {
        let by_libpcap = |live: &Live| live.info().kind == SourceKind::Live(LiveBackend::Libpcap);
        match self {
            Self::Live(live) => by_libpcap(live),
            Self::Shared(lives, _) => lives.iter().any(by_libpcap),
            Self::Named(_) | Self::Files(..) => false,
        }
    }
}

/// Saved files that are to be read a second time, in the same way.
pub(crate) struct Again {
    /// Open already, where that needed rights that are gone.
    sources: Sources,
    paths: Vec<PathBuf>,
    filter: Filter,
    filter_text: Option<String>,
    selection: Selection,
    limit: Option<u64>,
    threads: usize,
    buffer: Buffer,
    memory: Memory,
    source_words: Vec<String>,
    files: Arc<dyn Files>,
}

impl Again {
    /// Begins to read them anew.
    pub(crate) fn open(self) -> Result<Opened, Problem> {
        let input = match self.sources {
            Sources::Files(files, options) => Input::start(files, &options)?,
            Sources::Named(options) => Input::open(&self.paths, &options)?,
            Sources::Live(_) | Sources::Shared(..) => return Err(Problem::usage("an interface cannot be read twice")),
        };
        Ok(Opened {
            input,
            beside: None,
            threads: self.threads,
            filter: self.filter,
            filter_text: self.filter_text,
            selection: self.selection,
            limit: self.limit,
            duration: None,
            live: false,
            card_time: false,
            buffer: self.buffer,
            outlet: Outlet::default(),
            memory: self.memory,
            copying: false,
            hangup_rotates: false,
            source_words: self.source_words,
            files: self.files,
            names: None,
            again: None,
        })
    }
}

/// What further threads read, and how the frames are shared out among all of them.
pub(crate) struct Beside {
    pub(crate) inputs: Vec<Input>,
    pub(crate) spread: Spread,
}

/// What is to be opened: the line's words sorted out.
pub(crate) struct Plan {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) interfaces: Vec<String>,
    pub(crate) filter_text: Option<String>,
    bytecode: Option<PathBuf>,
    strict: bool,
    force_link: Option<LinkType>,
    selection: Selection,
    /// Flags that say which part of the files is looked at and how, as they are repeated in proposed commands.
    repeated: Vec<String>,
    limit: Option<u64>,
    rights: RightsArgs,
    manner: Manner,
    /// The files are read twice.
    twice: bool,
}

/// What opening needs to know of the rest of the run.
#[derive(Default)]
pub(crate) struct Manner {
    /// What is asked of the helper process.
    pub(crate) wanted: Wanted,
    /// `-q`
    pub(crate) quiet: bool,
    /// `-v`
    pub(crate) verbose: bool,
    /// Packets are printed as they come: somebody may be watching.
    pub(crate) watched: bool,
    /// `--max-memory`
    pub(crate) memory: Memory,
}

impl Plan {
    /// Sorts out the words and reads what files the arguments name, but opens no source yet.
    pub(crate) fn new(args: &InputArgs, zone: &Zone) -> Result<Self, Problem> {
        let (files, mut filter_words) = if args.read.is_empty() && args.interface.is_empty() {
            let sorted = words::sort(args.words.clone());
            if let (true, Some(first)) = (sorted.files.is_empty(), sorted.filter.first()) {
                return Err(no_such_file(first));
            }
            (sorted.files, sorted.filter)
        } else {
            if let Some(word) = args.words.first().filter(|word| words::is_surely_file(word)) {
                return Err(stray_file(args, &word.to_string_lossy()));
            }
            (args.read.clone(), args.words.iter().map(|word| word.to_string_lossy().into_owned()).collect())
        };
        filter_words.extend(args.after_dashes.iter().cloned());
        let bound = |flag, text: &Option<String>| text.as_deref().map(|t| time::bound(flag, t, zone)).transpose();
        let selection = Selection {
            from: bound("--from", &args.from)?,
            to: bound("--to", &args.to)?,
            numbers: args
                .packets
                .as_deref()
                .map(Numbers::parse)
                .transpose()
                .map_err(|e| Problem::usage(format!("--packets: {e}")))?,
        };
        Ok(Self {
            files,
            interfaces: args.interface.clone(),
            filter_text: filter_text(args, &filter_words)?,
            bytecode: args.filter_bytecode.clone(),
            strict: args.strict_bpf,
            force_link: args.link_type.as_deref().map(|word| link_type("--link-type", word)).transpose()?,
            selection,
            repeated: repeated(args),
            limit: args.count_limit,
            rights: args.rights.clone(),
            manner: Manner::default(),
            twice: false,
        })
    }

    /// Can all of it be read a second time? A pipe and an interface cannot; of files that are not there opening says so.
    pub(crate) fn can_be_read_twice(&self) -> bool {
        let again = |file: &PathBuf| file.as_os_str() != "-" && (file.is_file() || !file.exists());
        self.interfaces.is_empty() && self.files.iter().all(again)
    }

    /// The files are to be read twice.
    pub(crate) fn twice(self, twice: bool) -> Self {
        Self { twice, ..self }
    }

    /// What else is known of the run.
    pub(crate) fn with(self, manner: Manner) -> Self {
        Self { manner, ..self }
    }

    /// The filter, for no link type yet.
    pub(crate) fn filter(&self) -> Result<Filter, Problem> {
        match (&self.bytecode, &self.filter_text) {
            (Some(_), Some(_)) => Err(Problem::usage("--filter-bytecode and a filter in words exclude each other")),
            (Some(path), None) => {
                let text = rights::open_named(path).and_then(whole).map_err(|e| unreadable("--filter-bytecode", path, &e))?;
                Ok(Filter::bytecode(&shown_path(path), &text)?)
            }
            (None, Some(text)) => Ok(Filter::expression(text, self.strict)?),
            (None, None) => Ok(Filter::everything()),
        }
    }

    /// Opens the sources, gives up all rights, and only then reads what the sources say of themselves. `copying`: frames of
    /// unknown link types are welcome, nothing is decoded.
    pub(crate) fn open(mut self, live: &LiveArgs, copying: bool) -> Result<Opened, Problem> {
        let mut filter = self.filter()?;
        let live_run = !self.interfaces.is_empty();
        self.manner.memory = if live_run {
            self.manner.memory.for_live(live, self.interfaces.len(), copying)?
        } else {
            self.manner.memory.for_files(live)?
        };
        let memory = self.manner.memory;
        let source_words = self.source_words();
        let duration = live.duration.as_deref().map(|text| time::span("--duration", text)).transpose()?;
        let rights = Rights::look(&self.rights, self.manner.quiet, self.manner.verbose && live_run)?;
        let sources =
            if live_run { self.open_live(live, &mut filter)? } else { self.open_files(live, copying, rights.are_there())? };
        let once_more = self.twice.then(|| self.open_files(live, copying, rights.are_there())).transpose()?;
        if rights.are_there() && !live_run {
            filter.foresee(LinkType::named().filter(|link| copying || link.is_decoded()));
        }
        signals::look_what_is_ignored();
        let wanted = self.manner.wanted;
        rights::raise()?;
        let helped =
            if wanted.needs_helper(rights.are_there()) { Some(wanted.start(rights.writer(), &rights.names())?) } else { None };
        let helpers = helped.as_ref().map(|helped| helped.descriptors.clone()).unwrap_or_default();
        rights.give_up(&self.interfaces, helpers, sources.attach_filters())?;
        let mut beside = None;
        let input = match sources {
            Sources::Live(live) => Input::live(live),
            Sources::Shared(mut lives, spread) => {
                let mut inputs = lives.drain(..).map(|live| Input::live(Box::new(live)));
                let first = inputs.next().ok_or_else(|| Problem::usage("--threads: none"))?;
                beside = Some(Beside { inputs: inputs.collect(), spread });
                first
            }
            Sources::Named(options) => Input::open(&self.files, &options)?,
            Sources::Files(files, options) => Input::start(files, &options)?,
        };
        prepare(&mut filter, &input)?;
        let (files, names) = match helped {
            Some(helped) => {
                (helped.files, helped.names.map(|names| Box::new(PatientNames::new(names, live_run)) as Box<dyn HostNames>))
            }
            None => (Arc::new(Here) as Arc<dyn Files>, None),
        };
        let threads = live.several_threads().filter(|_| !live_run).map_or(1, |threads| threads as usize);
        let buffer = buffer(live, memory);
        let again = once_more.map(|sources| Again {
            sources,
            paths: self.files.clone(),
            filter: filter.clone(),
            filter_text: self.filter_text.clone(),
            selection: self.selection.clone(),
            limit: self.limit,
            threads,
            buffer,
            memory,
            source_words: source_words.clone(),
            files: Arc::clone(&files),
        });
        Ok(Opened {
            input,
            beside,
            threads,
            filter,
            filter_text: self.filter_text,
            selection: self.selection,
            limit: self.limit,
            duration,
            live: live_run,
            // A driver may keep the card's clock by another scale, such as TAI.
            card_time: live_run && matches!(live.time_stamps.as_deref(), Some("adapter" | "adapter_unsynced")),
            buffer,
            outlet: Outlet::default(),
            memory,
            copying,
            hangup_rotates: false,
            source_words,
            files,
            names,
            again,
        })
    }

    fn source_words(&self) -> Vec<String> {
        // What came through a pipe cannot be read again: no command can be proposed.
        if self.files.iter().any(|file| !file.is_file()) {
            return Vec::new();
        }
        let flag = if self.interfaces.is_empty() { "-r" } else { "-i" };
        let files = self.files.iter().map(|f| shown_path(f));
        let names = files.chain(self.interfaces.iter().cloned());
        names.flat_map(|name| [flag.to_owned(), name]).chain(self.repeated.iter().cloned()).collect()
    }

    fn open_files(&self, live: &LiveArgs, copying: bool, all_at_once: bool) -> Result<Sources, Problem> {
        if self.files.is_empty() {
            return Err(Problem::usage("nothing to read: name a file, or an interface with -i")
                .help("sockeye capture.pcapng        a saved capture        -r - reads a pipe")
                .help("sudo sockeye -i eth0          an interface           sockeye interfaces lists them"));
        }
        if let Some(flag) = live_only(live) {
            return Err(Problem::usage(format!("{flag} is for live capture (-i), not for files")));
        }
        if self.files.iter().filter(|f| f.as_os_str() == "-").count() > 1 {
            return Err(Problem::usage("standard input (-) can be read only once"));
        }
        if let Some(link) = self.force_link.filter(|link| !copying && !link.is_decoded()) {
            return Err(
                Problem::usage(format!("--link-type: sockeye cannot decode {link}")).help("known: sockeye help linktypes")
            );
        }
        let options = OpenOptions {
            force_link: self.force_link,
            allow_unknown_link: copying,
            memory: self.manner.memory.input(),
            ..OpenOptions::default()
        };
        if !all_at_once {
            return Ok(Sources::Named(options));
        }
        privilege::allow_open_files(self.files.len() * (1 + usize::from(self.twice)));
        let files: Result<Vec<_>, _> = self.files.iter().map(|path| unread(path)).collect();
        Ok(Sources::Files(files?, options))
    }

    fn open_live(&self, args: &LiveArgs, filter: &mut Filter) -> Result<Sources, Problem> {
        if self.force_link.is_some() {
            return Err(Problem::usage("--link-type is for files; what an interface is asked for is  -y TYPE"));
        }
        each_once(&self.interfaces)?;
        let backend = backend(args.backend)?;
        let mut specs = Vec::with_capacity(self.interfaces.len());
        for name in &self.interfaces {
            let mut spec = LiveSpec::new(name);
            spec.snaplen = args.snaplen.unwrap_or(0);
            spec.promiscuous = args.promisc;
            spec.immediate = self.manner.watched;
            spec.buffer_bytes = self.manner.memory.ring();
            spec.direction = match args.direction {
                Some(WhichWay::In) => Some(Direction::In),
                Some(WhichWay::Out) => Some(Direction::Out),
                Some(WhichWay::Inout) | None => None,
            };
            spec.link = args.capture_link_type.as_deref().map(|word| link_type("-y", word)).transpose()?;
            spec.time_stamps = args.time_stamps.as_deref().map(time_stamps).transpose()?;
            spec.filter_text.clone_from(&self.filter_text);
            specs.push(spec);
        }
        // Output files are opened later, and get none of the sockets' numbers.
        let _low = privilege::LowNumbers::take();
        let Some(threads) = args.several_threads() else {
            return Ok(Sources::Live(Box::new(rights::as_root(|| live::open_filtered(&specs, backend, filter))??)));
        };
        if backend.is_some_and(|backend| backend != LiveBackend::Ring) {
            return Err(Problem::usage(
                "--threads is for our own ring: only there the kernel shares out packets; leave out --backend",
            ));
        }
        if self.selection.numbers.is_some() {
            return Err(Problem::usage("--packets goes by the order of all packets, which --threads does not keep"));
        }
        let spread = Spread::new(threads);
        Ok(Sources::Shared(rights::as_root(|| live::open_shared(&specs, spread, filter))??, spread))
    }
}

/// Opens a saved capture. A descriptor that cannot be opened anew is duplicated.
fn unread(path: &Path) -> Result<Unread, SourceError> {
    match Unread::open(path) {
        Err(SourceError::Io { operation, name, error }) if error.kind() == io::ErrorKind::PermissionDenied => {
            match rights::open_named(path).and_then(|file| Unread::of(file, &name).map_err(io::Error::other)) {
                Ok(unread) => Ok(unread),
                Err(_) => Err(SourceError::Io { operation, name, error }),
            }
        }
        other => other,
    }
}

/// Refuses `--threads` for a command that writes packets.
pub(crate) fn in_one_thread(args: &LiveArgs, command: &str) -> Result<(), Problem> {
    match args.several_threads() {
        None => Ok(()),
        Some(_) => Err(Problem::usage(format!(
            "--threads: {command} writes packets in the order in which they came, which one thread keeps"
        ))
        .help("conversations can be followed in several:  sockeye flows, handshakes, summary")),
    }
}

/// A file where a filter was expected.
fn stray_file(args: &InputArgs, word: &str) -> Problem {
    let problem = Problem::usage(format!("{} is a file, not a filter", shown(word)));
    match args.read.first() {
        Some(first) => {
            problem.help(format!("several files:  -r {} -r {}, or their names without -r", shown_path(first), shown(word)))
        }
        None => problem.help("read a file, or capture with -i: not both at once"),
    }
}

/// An interface named twice, or beside `any`, would give each of its packets twice.
fn each_once(interfaces: &[String]) -> Result<(), Problem> {
    for (at, name) in interfaces.iter().enumerate() {
        if interfaces[..at].contains(name) {
            return Err(Problem::usage(format!("-i {} is given twice; each packet would be counted twice", shown(name))));
        }
    }
    match interfaces {
        [_, _, ..] if interfaces.iter().any(|name| name == "any") => {
            Err(Problem::usage("-i any is all interfaces: another beside it would count its packets twice"))
        }
        _ => Ok(()),
    }
}

/// What a proposed command must repeat, so that it sees the same packets and counts the same conversations.
fn repeated(args: &InputArgs) -> Vec<String> {
    let valued = [("--from", &args.from), ("--to", &args.to), ("--packets", &args.packets), ("--link-type", &args.link_type)];
    let bytecode = args.filter_bytecode.as_ref().map(|path| path.display().to_string());
    let valued = valued.into_iter().chain([("--filter-bytecode", &bytecode)]);
    let given = valued.filter_map(|(flag, value)| Some([flag.to_owned(), value.clone()?]));
    given.flatten().chain(args.strict_bpf.then(|| "--strict-bpf".to_owned())).collect()
}

/// Readies the filter for the link types known so far. It is an error only if it can match frames of none of them.
fn prepare(filter: &mut Filter, input: &Input) -> Result<(), Problem> {
    let links: Vec<LinkType> = input.infos().flat_map(|info| info.interfaces.iter().filter_map(|i| i.link)).collect();
    let mut first_error = None;
    for link in links {
        match filter.prepare(link) {
            Ok(()) => return Ok(()),
            Err(error) => first_error = first_error.or(Some(error)),
        }
    }
    let place = if input.infos().count() > 1 { "the input" } else { "this file" };
    first_error.map_or(Ok(()), |error| Err(error.coming_from(place).into()))
}

/// A flag that was given and means nothing for files.
fn live_only(args: &LiveArgs) -> Option<&'static str> {
    let given = [
        (args.snaplen.is_some(), "-s"),
        (args.promisc, "--promisc"),
        (args.buffer_kib.is_some(), "-B"),
        (args.direction.is_some(), "-Q"),
        (args.capture_link_type.is_some(), "-y"),
        (args.time_stamps.is_some(), "-j"),
        (args.backend.is_some(), "--backend"),
        (args.duration.is_some(), "--duration"),
    ];
    given.into_iter().find(|(is, _)| *is).map(|(_, flag)| flag)
}

/// The time stamps of that name.
fn time_stamps(word: &str) -> Result<TimeStamps, Problem> {
    TimeStamps::named(word).ok_or_else(|| {
        let names = TimeStamps::ALL.map(TimeStamps::name).join(", ");
        Problem::usage(format!("-j {}: there are no time stamps of this name", shown(word))).help(format!("known: {names}"))
    })
}

/// The backend asked for, where it is built in.
pub(crate) fn backend(asked: Option<Backend>) -> Result<Option<LiveBackend>, Problem> {
    match asked {
        None => Ok(None),
        Some(Backend::Ring) => Ok(Some(LiveBackend::Ring)),
        Some(Backend::Pnet) => Ok(Some(LiveBackend::Pnet)),
        Some(Backend::Libpcap) if cfg!(feature = "libpcap") => Ok(Some(LiveBackend::Libpcap)),
        Some(Backend::Libpcap) => Err(Problem::usage("--backend libpcap: this sockeye was built without libpcap")
            .help("leave out --backend, or build with the default features (package libpcap-dev or libpcap-devel)")),
    }
}

/// The filter as one text: words, `-f`, or the file of `-F` (`#` starts a comment there).
fn filter_text(args: &InputArgs, words: &[String]) -> Result<Option<String>, Problem> {
    let mut texts: Vec<String> = Vec::new();
    if let Some(path) = &args.filter_file {
        let text = rights::open_named(path).and_then(io::read_to_string).map_err(|e| unreadable("-F", path, &e))?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        texts.push(lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" "));
    }
    texts.extend(args.filter.clone());
    if !words.is_empty() {
        texts.push(words.join(" "));
    }
    match texts.len() {
        0 => Ok(None),
        1 => Ok(texts.pop().filter(|text| !text.trim().is_empty())),
        _ => Err(Problem::usage("two filters: one by -f or -F, one in the words at the end; join them with `and`")),
    }
}

fn whole(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Most of a text file that is read, bytes.
const MOST_TEXT: u64 = 16 << 20;

/// A file named by an argument, as text; what is none is replaced.
pub(crate) fn read_text(flag: &str, path: &Path) -> Result<String, Problem> {
    let read = |file: File| -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.take(MOST_TEXT + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST_TEXT {
            return Err(io::Error::other("more than 16 MiB"));
        }
        Ok(bytes)
    };
    let bytes = rights::open_named(path).and_then(read).map_err(|e| unreadable(flag, path, &e))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn unreadable(flag: &str, path: &std::path::Path, error: &std::io::Error) -> Problem {
    Problem::new(Exit::Input, format!("{flag} {}: {error}", shown_path(path))).if_denied(error)
}

/// A link type by name or number.
pub(crate) fn link_type(flag: &str, word: &str) -> Result<LinkType, Problem> {
    LinkType::from_word(word).ok_or_else(|| {
        Problem::usage(format!("{flag}: no link type \"{}\"", shown(word)))
            .help("known: sockeye help linktypes; a number will do, too")
    })
}

impl From<FilterError> for Problem {
    fn from(error: FilterError) -> Self {
        let text = error.to_string();
        let mut lines = text.lines();
        let mut problem = Self::usage(lines.next().unwrap_or_default());
        for line in lines {
            problem = problem.help(line.strip_prefix("  ").unwrap_or(line));
        }
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::RunArgs;

    #[test]
    fn a_buffer_is_advised_only_where_it_is_larger() {
        let all = RunArgs { max_memory: Some("1g".to_owned()), ..RunArgs::default() };
        let all = Memory::of(&all).expect("a size");
        let advice = |buffer_kib, threads, copying| {
            let args = LiveArgs { buffer_kib, threads, ..LiveArgs::default() };
            buffer(&args, all.for_live(&args, 1, copying).expect("it fits"))
        };
        let larger = Buffer::Middling { larger: 262_144 };
        assert_eq!(advice(None, None, false), larger);
        assert_eq!(advice(None, None, true), larger);
        // Without -B a run has 64 MiB, one that copies 16, and so have 16 threads each: a quarter of all together.
        assert_eq!(advice(Some(32_768), None, false), Buffer::Small { usual: 65_536 });
        assert_eq!(advice(Some(32_768), None, true), larger);
        assert_eq!(advice(Some(8192), None, true), Buffer::Small { usual: 16_384 });
        assert_eq!(advice(Some(262_144), None, true), Buffer::Large);
        assert_eq!(advice(Some(8192), Some(16), false), Buffer::Small { usual: 16_384 });
        assert_eq!(advice(None, Some(16), false), Buffer::Middling { larger: 40_960 });
        assert_eq!(advice(Some(40_960), Some(16), false), Buffer::Large);
        assert_eq!(advice(None, Some(4), false), Buffer::Middling { larger: 185_344 });
    }
}
