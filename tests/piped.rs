//! Captures that come through a pipe which stays open: what came is shown at once, and a signal ends the run in order.

#![cfg(unix)]

#[path = "support/program.rs"]
mod program;

use flate2::Compression;
use flate2::write::GzEncoder;
use program::{Ran, run, sockeye, wait};
use std::fs;
use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Longest that anything awaited may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longer than the source waits before its caller gets its turn.
const PAUSE: Duration = Duration::from_millis(400);

/// The program, reading a pipe that we hold.
struct Reading {
    child: Child,
    pipe: ChildStdin,
    stdout: Arc<Mutex<String>>,
    readers: [JoinHandle<String>; 2],
}

fn start(line: &str) -> Reading {
    let mut command = sockeye();
    command.args(line.split_whitespace()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("runs");
    let stdout = Arc::new(Mutex::new(String::new()));
    let out = collect(child.stdout.take().expect("piped"), Arc::clone(&stdout));
    let err = collect(child.stderr.take().expect("piped"), Arc::default());
    Reading { pipe: child.stdin.take().expect("piped"), child, stdout, readers: [out, err] }
}

fn collect(mut pipe: impl Read + Send + 'static, into: Arc<Mutex<String>>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = pipe.read(&mut buffer) {
            into.lock().expect("no panic").push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
        into.lock().expect("no panic").clone()
    })
}

impl Reading {
    fn send(&mut self, bytes: &[u8]) {
        self.pipe.write_all(bytes).expect("taken");
    }

    #[track_caller]
    fn wait_for_lines(&self, count: usize) {
        let start = Instant::now();
        while self.stdout.lock().expect("no panic").lines().count() < count {
            assert!(start.elapsed() < PATIENCE, "{count} lines did not come: {}", self.stdout.lock().expect("no panic"));
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, name: &str) {
        assert_eq!(run(Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()])).code(), Some(0));
    }

    /// Closes the pipe and waits for the end.
    fn finish(self) -> Ran {
        let Self { mut child, pipe, readers, .. } = self;
        drop(pipe);
        let status = wait(&mut child, PATIENCE);
        let [stdout, stderr] = readers.map(|reader| reader.join().expect("read"));
        Ran { stdout, stderr, status }
    }

    /// Waits for the end; the pipe stays open until then.
    fn end(mut self) -> Ran {
        let status = wait(&mut self.child, PATIENCE);
        let [stdout, stderr] = self.readers.map(|reader| reader.join().expect("read"));
        Ran { stdout, stderr, status }
    }
}

/// The file's bytes up to the end of so many packets, and the rest. It is a little-endian classic pcap.
fn cut(bytes: &[u8], packets: usize) -> (&[u8], &[u8]) {
    let mut at = 24;
    for _ in 0..packets {
        let length = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().expect("four"));
        at += 16 + length as usize;
    }
    bytes.split_at(at)
}

fn download() -> Vec<u8> {
    fs::read(program::capture("http-get.pcap")).expect("there")
}

fn gzipped(parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let mut pieces = Vec::new();
    for part in parts {
        encoder.write_all(part).expect("in memory");
        encoder.flush().expect("in memory");
        pieces.push(std::mem::take(encoder.get_mut()));
    }
    pieces.push(encoder.finish().expect("in memory"));
    pieces
}

#[test]
fn lines_appear_while_the_pipe_stays_open() {
    let bytes = download();
    let (first, rest) = cut(&bytes, 3);
    let second = &rest[..24]; // ends inside a packet
    let zipped = gzipped(&[first, second]);
    for [first, second] in [[first, second], [&zipped[0], &zipped[1]]] {
        let mut reading = start("packets --plain -r -");
        reading.send(first);
        reading.wait_for_lines(3);
        // The beginning of a packet is no packet yet, and no damage either.
        reading.send(second);
        thread::sleep(PAUSE);
        reading.signal("TERM");
        let ran = reading.end();
        assert_eq!((ran.code(), ran.stdout.lines().count(), ran.stderr.as_str()), (Some(0), 3, ""));
    }
}

#[test]
fn a_summary_says_at_once_what_it_is_of() {
    let bytes = download();
    let mut reading = start("summary -r -");
    reading.send(cut(&bytes, 1).0);
    reading.wait_for_lines(1);
    assert_eq!(*reading.stdout.lock().expect("no panic"), "standard input   pcap, nanoseconds, Ethernet\n");
    reading.send(cut(&bytes, 1).1);
    let ran = reading.finish();
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("\n  14 packets, "), "{}", ran.stdout);
}

#[test]
fn what_is_printed_depends_on_pauses_only_where_someone_watches() {
    let file = program::capture("lossy-download.pcap");
    let bytes = fs::read(&file).expect("there");
    for (line, depends) in [("packets", false), ("packets --format csv", false), ("packets -l", true)] {
        let at_once = run(sockeye().args(line.split_whitespace()).arg("-r").arg(&file));
        let mut reading = start(&format!("{line} -r -"));
        // Packet 114 is sent again, and what that is called may change for two round trips.
        let (first, rest) = cut(&bytes, 114);
        reading.send(first);
        thread::sleep(PAUSE);
        reading.send(rest);
        let ran = reading.finish();
        assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""), "{line}");
        assert_eq!(ran.stdout != at_once.stdout, depends, "{line}");
        assert_eq!(ran.stdout.contains("provisional"), depends, "{line}");
    }
}

#[test]
fn signals_end_it_with_what_was_read() {
    let bytes = download();
    let (first, _) = cut(&bytes, 5);
    for signal in ["TERM", "INT", "HUP"] {
        let mut reading = start("summary -r -");
        reading.send(first);
        thread::sleep(PAUSE);
        reading.signal(signal);
        let ran = reading.end();
        assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""), "{signal}");
        assert!(ran.stdout.contains("5 packets"), "{signal}: {}", ran.stdout);
    }
}

#[test]
fn a_file_being_written_is_whole_after_a_signal() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("copy.pcap");
    let bytes = download();
    let (first, _) = cut(&bytes, 5);
    let mut reading = start(&format!("capture -r - -w {}", file.display()));
    reading.send(first);
    let start = Instant::now();
    while fs::read(&file).ok().as_deref() != Some(first) {
        assert!(start.elapsed() < PATIENCE, "not written while the pipe is quiet");
        thread::sleep(Duration::from_millis(5));
    }
    reading.signal("INT");
    assert_eq!(reading.end().code(), Some(0));
    assert_eq!(fs::read(&file).expect("there"), first);
}

/// Packets of long ago come with a pause: no flow has ended by our clock meanwhile.
#[test]
fn a_pause_ends_no_flow() {
    // The other records name the source.
    let records = |text: &str| text.lines().filter(|l| l.contains(r#""type":"flow""#)).map(str::to_owned).collect::<Vec<_>>();
    let whole = run(sockeye().args(["flows", "--format", "jsonl", "-r"]).arg(program::capture("http-get.pcap"))).stdout;
    let whole = records(&whole);
    assert!(!whole.is_empty());
    let bytes = download();
    for packets in [1, 4, 8] {
        let mut reading = start("flows --format jsonl -r -");
        let (first, rest) = cut(&bytes, packets);
        reading.send(first);
        thread::sleep(PAUSE);
        reading.send(rest);
        let Reading { child, pipe, stdout: _, readers } = reading;
        drop((child, pipe));
        let [stdout, stderr] = readers.map(|reader| reader.join().expect("read"));
        assert_eq!((records(&stdout), stderr), (whole.clone(), String::new()), "after {packets}");
    }
}

/// A pipe beside a file: what lies behind the quiet pipe is not guessed at, and nothing is lost or doubled.
#[test]
fn a_pipe_is_merged_with_a_file() {
    let bytes = download();
    let file = program::capture("http-get.pcap");
    let expected = run(sockeye().args(["packets", "--plain", "-r"]).arg(&file).arg("-r").arg(&file)).stdout;
    let mut reading = start(&format!("packets --plain -r {} -r -", file.display()));
    for part in bytes.chunks(300) {
        reading.send(part);
        thread::sleep(Duration::from_millis(20));
    }
    let Reading { mut child, pipe, stdout: _, readers } = reading;
    drop(pipe);
    assert_eq!(wait(&mut child, PATIENCE).code(), Some(0));
    let [stdout, stderr] = readers.map(|reader| reader.join().expect("read"));
    assert_eq!((stdout, stderr), (expected, String::new()));
}
