//! Damaged captures, and inputs that are none: packets or one clear error with the right exit code; never a panic, a hang, a
//! crash, memory without bound, or silence.
//!
//! Every capture of this repository is damaged in ways that follow from a seed. All go through the library in this process, a
//! sample through the program. `SOCKEYE_DAMAGED=10000 cargo test --test hostile` makes that many in all and takes each of them
//! through the program.

#[path = "support/program.rs"]
mod program;
#[path = "support/rng.rs"]
mod rng;

use program::{Ran, capture, run_for, sockeye, with_bare_settings};
use rng::Rng;
use sockeye::capture::Input;
use sockeye::capture::file::OpenOptions;
use sockeye::engine::{Config, run};
use sockeye::event::{Event, Keep, RunSummary, Sink};
use sockeye::filter::Filter;
use sockeye::flow::TrackerConfig;
use sockeye::model::SourceInfo;
use sockeye::output::line::{HexMode, LineOptions, LinePrinter};
use sockeye::output::{FlowJsonSink, PacketJsonSink, Records, SummaryConfig, SummarySink};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Longest that any run may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Damaged captures made of each capture, unless more are asked for.
const EACH: usize = 10;
/// Address space of the program in KiB.
const MEMORY: u32 = 1_000_000;

/// One way, or two, of damaging a capture.
fn damaged(good: &[u8], seed: u64) -> Vec<u8> {
    let mut dice = Rng::new(seed, 40);
    let mut bytes = good.to_vec();
    for _ in 0..=dice.index(2) {
        damage(&mut bytes, &mut dice);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, dice: &mut Rng) {
    let at = dice.index(bytes.len());
    let near = (at + 1 + dice.index(200)).min(bytes.len());
    match dice.index(9) {
        // Bits flipped anywhere, and among the headers at the start.
        0 => flip(bytes, dice, usize::MAX),
        1 => flip(bytes, dice, 100),
        2 => bytes.truncate(at),
        // A length, a time or an address that is huge, negative, small.
        3 => {
            let values = [u32::MAX, 0x7fff_ffff, 0x8000_0000, 0x0004_0000, 0x0100_0000, 0, 1, 3];
            let value = values[dice.index(values.len())];
            let word = if dice.index(2) == 0 { value.to_le_bytes() } else { value.to_be_bytes() };
            let aligned = at & !3;
            for (byte, new) in bytes.iter_mut().skip(aligned).zip(word) {
                *byte = new;
            }
        }
        4 => {
            let noise: Vec<u8> = (0..dice.index(300)).map(|_| dice.next() as u8).collect();
            bytes.splice(at..at, noise);
        }
        5 => {
            let piece = bytes.get(at..near).unwrap_or_default().to_vec();
            bytes.splice(at..at, piece);
        }
        6 => {
            bytes.drain(at.min(near)..near);
        }
        7 => bytes.get_mut(at..near).unwrap_or_default().fill(if dice.index(2) == 0 { 0 } else { 0xff }),
        // Blocks of pcapng where none belong: unknown ones, sections, interfaces, with lengths that lie.
        _ => {
            let kind: u32 = [0x0a0d_0d0a, 1, 2, 3, 4, 5, 6, 10, 0x0bad_0bad, 0x4242_4242][dice.index(10)];
            let length: u32 = [12, 16, 28, 32, 13, 0, u32::MAX - 3][dice.index(7)];
            let mut block = kind.to_le_bytes().to_vec();
            block.extend(length.to_le_bytes());
            block.extend((8..length.clamp(12, 64) - 4).map(|_| dice.next() as u8));
            block.extend(length.to_le_bytes());
            bytes.splice(at..at, block);
        }
    }
}

fn flip(bytes: &mut [u8], dice: &mut Rng, within: usize) {
    let limit = bytes.len().min(within);
    for _ in 0..=dice.index(20) {
        let at = dice.index(limit);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << dice.index(8);
        }
    }
}

fn captures() -> Vec<PathBuf> {
    let folder = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")).expect("the captures");
    let paths = folder.map(|entry| entry.expect("readable").path());
    let mut captures: Vec<PathBuf> = paths.filter(|p| p.to_string_lossy().contains(".pcap")).collect();
    captures.sort();
    assert!(captures.len() >= 40, "{}", captures.len());
    captures
}

/// Every output at once, into memory.
struct Outputs {
    summary: SummarySink<Vec<u8>>,
    flows: FlowJsonSink<io::Sink>,
    packets: PacketJsonSink<io::Sink>,
    printer: LinePrinter,
    lines: Vec<u8>,
    told: Option<(u64, bool)>,
}

impl Outputs {
    fn new() -> Self {
        let lines = LineOptions { verbosity: 3, link_header: true, hex: HexMode::HexAsciiLink, ..LineOptions::default() };
        Self {
            summary: SummarySink::new(Vec::new(), SummaryConfig::default()),
            flows: FlowJsonSink::new(io::sink(), Records::Flows, &[], None).expect("no fields"),
            packets: PacketJsonSink::new(io::sink(), None),
            printer: LinePrinter::new(lines),
            lines: Vec::new(),
            told: None,
        }
    }
}

impl Sink for Outputs {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Packet { frame, packet, note } => {
                self.lines.clear();
                self.printer.write(&mut self.lines, frame, packet, note);
                assert!(!self.lines.is_empty(), "each packet has a line");
            }
            Event::Summary(summary) => self.told = Some((summary.read, summary.sources.iter().any(|s| s.problem.is_some()))),
            _ => {}
        }
        self.flows.on_event(event)?;
        self.packets.on_event(event)?;
        self.summary.on_event(event)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.summary.flush()
    }
}

/// Nobody looks on.
struct Nobody;

impl sockeye::engine::run::Watch for Nobody {
    fn on_progress(&mut self, _: &sockeye::engine::run::Progress) {}
    fn on_status(&mut self, _: &sockeye::engine::run::Progress, _: &RunSummary) {}
    fn on_notice(&mut self, _: sockeye::capture::SourceNotice, _: &SourceInfo, _: &sockeye::engine::run::Progress) {}
}

/// Reads a capture through the library. Gives packets, an error, or both.
fn through_the_library(path: &Path) -> Result<(), String> {
    let Ok(mut input) = Input::open(&[path], &OpenOptions { thread: false, ..OpenOptions::default() }) else { return Ok(()) };
    let mut outputs = Outputs::new();
    let config = Config { tracker: Some(TrackerConfig::default()), ..Config::default() };
    let ended = run(&mut input, Filter::everything(), config, &mut outputs, &mut Nobody);
    let Some((read, problem)) = outputs.told else { return Err("no summary".to_owned()) };
    if problem == ended.failures.is_empty() {
        return Err("the summary does not tell of the failure".to_owned());
    }
    if ended.output_error.is_some() {
        return Err("the output failed".to_owned());
    }
    let printed = outputs.summary.into_inner();
    if printed.is_empty() { Err(format!("nothing printed of {read} packets")) } else { Ok(()) }
}

/// Runs the program with bounded memory and time; says what is wrong with how it ended.
fn through_the_program(words: &[&str], path: &Path) -> Result<i32, String> {
    let mut command = with_bare_settings(Command::new("sh"));
    command.args(["-c", &format!("ulimit -v {MEMORY} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_sockeye")]);
    let ran = run_for(command.args(words).arg("-r").arg(path), PATIENCE);
    judge(&ran)
}

/// The exit code, if it is one of those that a damaged capture may bring about, and something was said.
fn judge(ran: &Ran) -> Result<i32, String> {
    let said = || ran.stderr.lines().take(8).collect::<Vec<_>>().join(" / ");
    match ran.code() {
        None => Err(format!("signal {:?}: {}", ran.signal(), said())),
        Some(_) if ran.stderr.contains("panicked") => Err(said()),
        Some(0) if ran.stderr.is_empty() && ran.stdout.is_empty() => Err("silently empty".to_owned()),
        Some(0) => Ok(0),
        Some(code @ (3 | 5)) if ran.stderr.starts_with("sockeye: ") => Ok(code),
        Some(code) => Err(format!("exit {code}: {}", said())),
    }
}

#[test]
fn damaged_captures_give_packets_or_an_error() {
    let asked: Option<usize> = std::env::var("SOCKEYE_DAMAGED").ok().and_then(|n| n.parse().ok());
    let captures = captures();
    let goods: Vec<Vec<u8>> = captures.iter().map(|path| fs::read(path).expect("readable")).collect();
    let each = asked.map_or(EACH, |all| all.div_ceil(captures.len()));
    let folder = tempfile::tempdir().expect("a folder");
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    let exits = Mutex::new(BTreeMap::<i32, usize>::new());
    let worker = |number: usize| {
        let name = |i: usize| format!("{} seed {}", captures[i % captures.len()].display(), i / captures.len());
        let path = folder.path().join(format!("damaged-{number}"));
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= each * captures.len() {
                return;
            }
            // The seed does not depend on how many there are of each, nor on what other captures there are.
            fs::write(&path, damaged(&goods[i % captures.len()], (i / captures.len()) as u64)).expect("written");
            let start = Instant::now();
            let library =
                catch_unwind(AssertUnwindSafe(|| through_the_library(&path))).unwrap_or_else(|_| Err("panic".to_owned()));
            let taken = start.elapsed();
            let mut results = vec![library];
            if taken > PATIENCE {
                results.push(Err(format!("took {taken:?}")));
            }
            if asked.is_some() || i / captures.len() == i % EACH {
                let words: &[&str] = if i.is_multiple_of(4) { &["packets", "-vv", "-e", "-XX"] } else { &["summary"] };
                let exit = through_the_program(words, &path);
                results.push(exit.map(|code| *exits.lock().expect("no panic").entry(code).or_default() += 1));
            }
            let found = results.into_iter().filter_map(Result::err).map(|what| format!("{}: {what}", name(i)));
            wrong.lock().expect("no panic").extend(found);
        }
    };
    thread::scope(|scope| {
        for number in 0..thread::available_parallelism().map_or(1, usize::from) {
            let worker = &worker;
            scope.spawn(move || worker(number));
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    let all = each * captures.len();
    let exits = exits.into_inner().expect("no panic");
    println!("{all} damaged captures; exit codes of the program and how often: {exits:?}");
    assert!([0, 5].iter().all(|code| exits.contains_key(code)), "some can be read, some cannot: {exits:?}");
    assert!(wrong.is_empty(), "{} of {all}:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn devices_and_folders() {
    for (path, words) in [
        ("/dev/null", "0 bytes"),
        ("/dev/zero", "not a capture file (starts with bytes 00 00 00 00 00 00 00 00)"),
        ("/", "is a directory"),
        ("/proc/self/mem", "/proc/self/mem"),
    ] {
        let ran = run_for(sockeye().args(["-r", path]), PATIENCE);
        assert_eq!((ran.code(), ran.stdout.as_str()), (Some(3), ""), "{path}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("sockeye: ") && ran.stderr.contains(words), "{path}: {}", ran.stderr);
    }
}

/// A named pipe in a folder of its own.
fn fifo() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
    (folder, path)
}

/// Writes pieces into a named pipe until all are written or nobody reads any more.
fn feed(path: &Path, pieces: impl Iterator<Item = Vec<u8>> + Send + 'static) -> thread::JoinHandle<()> {
    let path = path.to_owned();
    thread::spawn(move || {
        let mut pipe = File::options().write(true).open(path).expect("a reader");
        for piece in pieces {
            if pipe.write_all(&piece).is_err() {
                return;
            }
        }
    })
}

#[test]
fn pipes_that_are_closed_early() {
    let good = fs::read(capture("http-get.pcap")).expect("a capture");
    for (bytes, code, message) in [
        (0, 3, "is 0 bytes: not a capture"),
        (3, 3, "is not a capture file"),
        (20, 5, "ends in the middle of"),
        (500, 5, "ends in the middle of packet 6 (66 of 148 bytes missing); packets 1–5 are reported"),
    ] {
        let (_folder, path) = fifo();
        let writer = feed(&path, std::iter::once(good[..bytes].to_vec()));
        let ran = run_for(sockeye().args(["packets", "-r"]).arg(&path), PATIENCE);
        writer.join().expect("written");
        assert!(ran.stderr.contains(message), "{bytes}: {}", ran.stderr);
        assert_eq!(ran.code(), Some(code), "{bytes}: {}", ran.stderr);
    }
}

#[test]
fn pipes_without_end() {
    let good = fs::read(capture("http-get.pcap")).expect("a capture");
    let (header, packets) = (good[..24].to_vec(), good[24..].to_vec());
    // An endless capture: the reader takes what it needs and leaves.
    let (_folder, path) = fifo();
    let writer = feed(&path, std::iter::once(header).chain(std::iter::repeat(packets)));
    let ran = run_for(sockeye().args(["packets", "-c", "5000", "-r"]).arg(&path), PATIENCE);
    assert_eq!((ran.code(), ran.stdout.lines().count(), ran.stderr.as_str()), (Some(0), 5000, ""));
    writer.join().expect("stopped by the closed pipe");
    // Endless noise.
    let (_folder, path) = fifo();
    let mut dice = Rng::new(7, 40);
    let writer = feed(&path, std::iter::repeat_with(move || (0..4096).map(|_| dice.next() as u8).collect()));
    let ran = run_for(sockeye().args(["packets", "-r"]).arg(&path), PATIENCE);
    assert_eq!((ran.code(), ran.stdout.as_str()), (Some(3), ""));
    assert!(ran.stderr.contains("is not a capture file"), "{}", ran.stderr);
    writer.join().expect("stopped by the closed pipe");
}
