//! Readers that are slow, or do not read at all: the capture goes on, ends when it is told to, and counts each packet once.

use super::{PATIENCE, collect, send, silent_sink, sockeye, spawn};
use crate::netns::{FAR_IP, NEAR_IP, Pair, VETH};
use crate::program::{run, wait};
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

for_backends! {
    nobody_reads_and_every_packet_is_accounted_for
    a_slow_reader_gets_all
    a_stopped_reader_gets_all_when_it_goes_on
    records_that_nobody_reads_are_told
    a_file_is_whole_whoever_reads_the_lines
    a_full_output_is_told
}

/// Payload of the datagrams, and the lines of `-XX` that one is: 1,442 bytes of frame in rows of 16, below the packet line.
const PAYLOAD: usize = 1400;
const LINES: usize = 1 + 1442_usize.div_ceil(16);

/// The program with its standard output in a pipe that only the test reads.
struct Unread {
    child: Child,
    stderr: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Unread {
    fn start(pair: &Pair, backend: &str, words: &[&str]) -> Self {
        let mut command = sockeye();
        command.args(words).args(["-i", VETH, "--backend", backend]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = pair.near.run(|| command.spawn().expect("runs"));
        let (stderr, reader) = collect(child.stderr.take().expect("piped"));
        let unread = Self { child, stderr, reader: Some(reader) };
        unread.wait_for("listening on");
        unread
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        let start = Instant::now();
        while !self.stderr.lock().expect("no panic").contains(text) {
            assert!(start.elapsed() < PATIENCE, "waited for {text}: {}", self.stderr.lock().expect("no panic"));
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn interrupt(&self) {
        run(Command::new("kill").args(["-INT", &self.child.id().to_string()]));
    }

    /// Waits for its end: exit code, and all it said.
    #[track_caller]
    fn end(&mut self) -> (Option<i32>, String) {
        let status = wait(&mut self.child, PATIENCE);
        self.reader.take().expect("the first time").join().expect("read");
        (status.code(), self.stderr.lock().expect("no panic").clone())
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The number before these words on a line of its own; 0 without.
fn number(stderr: &str, words: &str) -> u64 {
    let line = stderr.lines().find_map(|line| line.strip_suffix(words));
    line.map_or(0, |n| n.trim_end_matches([' ', 's']).trim_end_matches(" packet").parse().unwrap_or_else(|_| panic!("{stderr}")))
}

/// Asks how it is going: packets captured, received by filter, dropped by kernel, dropped by sockeye.
#[track_caller]
fn status(unread: &Unread) -> [u64; 4] {
    let lines = || {
        let stderr = unread.stderr.lock().expect("no panic").clone();
        stderr.lines().filter(|line| line.contains(" captured, ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = lines().len();
    run(Command::new("kill").args(["-USR1", &unread.child.id().to_string()]));
    let start = Instant::now();
    let line = loop {
        match lines().get(before) {
            Some(line) => break line.replace(',', ""),
            None => assert!(start.elapsed() < PATIENCE, "no answer"),
        }
        thread::sleep(Duration::from_millis(5));
    };
    let words: Vec<&str> = line.split(' ').collect();
    ["captured", "received by filter", "dropped by kernel", "dropped by sockeye"].map(|wanted| {
        let wanted: Vec<&str> = wanted.split(' ').collect();
        let at = words.windows(wanted.len()).position(|some| some == wanted);
        at.map_or(0, |at| words[..at].iter().rev().find_map(|word| word.parse().ok()).expect("a number"))
    })
}

/// Sends datagrams until the program had to leave some out, and has read all.
#[track_caller]
fn overwhelm(pair: &Pair, unread: &Unread) {
    let start = Instant::now();
    loop {
        let [captured, received, kernel, here] = status(unread);
        let all_read = captured + kernel + here == received;
        if all_read && here > 0 {
            return;
        }
        assert!(start.elapsed() < 6 * PATIENCE, "it never had to leave out any");
        if all_read {
            send(pair, std::iter::repeat_n(PAYLOAD, 1000));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// Far more comes than the queue holds; a pipe that nobody reads.
fn nobody_reads_and_every_packet_is_accounted_for(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let mut unread = Unread::start(&pair, backend, &["packets", "-XX"]);
    overwhelm(&pair, &unread);
    unread.wait_for("packets are being dropped");
    unread.interrupt();
    let (code, stderr) = unread.end();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("sockeye: nobody has read the output for 2 seconds: the rest was not written\n"), "{stderr}");
    let mut text = String::new();
    unread.child.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    let shown = (text.matches('\n').count() / LINES) as u64;
    let [captured, received, kernel, here] =
        ["captured", "received by filter", "dropped by kernel", "dropped by sockeye"].map(|words| number(&stderr, words));
    assert!(shown > 0 && here > 0, "{stderr}");
    assert_eq!(captured, shown, "{stderr}");
    assert_eq!(captured + kernel + here, received, "{stderr}");
}

fn a_slow_reader_gets_all(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let mut unread = Unread::start(&pair, backend, &["packets", "--format", "jsonl"]);
    let mut pipe = unread.child.stdout.take().expect("piped");
    let slow = thread::spawn(move || {
        let (mut text, mut some) = (Vec::new(), [0; 8192]);
        while let Ok(n @ 1..) = pipe.read(&mut some) {
            text.extend_from_slice(&some[..n]);
            thread::sleep(Duration::from_millis(4));
        }
        text
    });
    for _ in 0..10 {
        send(&pair, std::iter::repeat_n(10, 200));
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(300));
    unread.interrupt();
    let (code, stderr) = unread.end();
    assert_eq!(code, Some(0), "{stderr}");
    let text = String::from_utf8(slow.join().expect("read")).expect("text");
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let end = lines.last().expect("lines");
    assert_eq!((&end["type"], &end["dropped_sockeye"], &end["records_dropped"]), (&"end".into(), &0.into(), &0.into()));
    let shown = lines.iter().filter(|line| line["type"] == "packet").count() as u64;
    let source = &end["sources"][0];
    assert_eq!(end["packets"], shown);
    assert_eq!(source["received"].as_u64(), Some(shown + source["dropped_kernel"].as_u64().expect("known")), "{stderr}");
    assert_eq!(shown, 2000 - source["dropped_kernel"].as_u64().expect("known"));
}

/// `sockeye | cat`, and cat is stopped for a while.
fn a_stopped_reader_gets_all_when_it_goes_on(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let mut cat = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("runs");
    let signal = |name: &str, id: u32| run(Command::new("kill").args([name, &id.to_string()]));
    signal("-STOP", cat.id());
    let mut command = sockeye();
    command.args(["packets", "-XX", "-i", VETH, "--backend", backend]);
    command.stdout(cat.stdin.take().expect("piped")).stderr(Stdio::piped());
    let mut child = pair.near.run(|| command.spawn().expect("runs"));
    drop(command);
    let (stderr, errors) = collect(child.stderr.take().expect("piped"));
    let start = Instant::now();
    while !stderr.lock().expect("no panic").contains("listening on") {
        assert!(start.elapsed() < PATIENCE);
        thread::sleep(Duration::from_millis(5));
    }
    send(&pair, std::iter::repeat_n(PAYLOAD, 300));
    thread::sleep(Duration::from_millis(500));
    signal("-CONT", cat.id());
    let (text, reader) = collect(cat.stdout.take().expect("piped"));
    thread::sleep(Duration::from_millis(500));
    signal("-INT", child.id());
    assert_eq!(wait(&mut child, PATIENCE).code(), Some(0));
    reader.join().expect("read");
    errors.join().expect("read");
    wait(&mut cat, PATIENCE);
    let stderr = stderr.lock().expect("no panic").clone();
    let captured = number(&stderr, "captured");
    assert_eq!(text.lock().expect("no panic").matches('\n').count() as u64, captured * LINES as u64, "{stderr}");
    assert_eq!(captured + number(&stderr, "dropped by kernel"), 300, "{stderr}");
}

fn records_that_nobody_reads_are_told(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let mut unread = Unread::start(&pair, backend, &["flows", "--format", "jsonl"]);
    pair.far.run(|| {
        for port in 20_000..20_200 {
            let socket = UdpSocket::bind((FAR_IP, port)).expect("binds");
            socket.send_to(b"one", (NEAR_IP, 4000)).expect("sends");
        }
    });
    thread::sleep(Duration::from_millis(300));
    unread.interrupt();
    let (code, stderr) = unread.end();
    assert_eq!(code, Some(1), "{stderr}");
    let mut text = String::new();
    unread.child.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    let shown = text.split_inclusive('\n').filter(|line| line.starts_with("{\"type\":\"flow\"") && line.ends_with('\n')).count();
    assert!((1..200).contains(&shown), "{shown}");
    assert!(!text.contains("\"type\":\"end\""), "it was cut off");
    let told = format!("  {} records not written\n", 200 - shown);
    assert!(stderr.contains(&told), "{told}: {stderr}");
    let told = format!("sockeye: {} records were left out, because the output is read too slowly\n", 200 - shown);
    assert!(stderr.contains(&told), "{told}: {stderr}");
}

fn a_file_is_whole_whoever_reads_the_lines(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all.pcap");
    let path = file.to_str().expect("text");
    let mut unread = Unread::start(&pair, backend, &["packets", "-XX", "--print", "-w", path]);
    send(&pair, std::iter::repeat_n(PAYLOAD, 200));
    thread::sleep(Duration::from_millis(500));
    unread.interrupt();
    let (code, stderr) = unread.end();
    assert_eq!(code, Some(1), "{stderr}");
    let mut text = String::new();
    unread.child.stdout.take().expect("piped").read_to_string(&mut text).expect("text");
    let captured = number(&stderr, "captured");
    assert_eq!(captured + number(&stderr, "dropped by kernel"), 200, "{stderr}");
    let unprinted = captured - (text.matches('\n').count() / LINES) as u64;
    let told = format!("sockeye: {unprinted} packets not printed, because the output is read too slowly: the file has them\n");
    assert!(stderr.contains(&told), "{told}: {stderr}");
    assert_eq!(run(sockeye().args(["packets", "--count"]).arg(&file)).stdout, format!("{captured} packets\n"));
}

fn a_full_output_is_told(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let full = || match File::options().write(true).open("/dev/full") {
        Ok(file) => Some(file),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{error}"),
    };
    let Some(stdout) = full() else { return };
    let mut command = sockeye();
    command.args(["packets", "-i", VETH, "--backend", backend]).stdout(stdout).stderr(Stdio::piped());
    let mut child = pair.near.run(|| command.spawn().expect("runs"));
    drop(command);
    let (stderr, reader) = collect(child.stderr.take().expect("piped"));
    let start = Instant::now();
    while child.try_wait().expect("waited").is_none() {
        assert!(start.elapsed() < PATIENCE, "{}", stderr.lock().expect("no panic"));
        send(&pair, [1]);
        thread::sleep(Duration::from_millis(20));
    }
    reader.join().expect("read");
    let stderr = stderr.lock().expect("no panic").clone();
    assert_eq!(wait(&mut child, PATIENCE).code(), Some(1));
    assert!(stderr.contains("sockeye: cannot write the output: No space left on device"), "{stderr}");
    // Found out at the end.
    let mut command = sockeye();
    command.args(["flows", "-i", VETH, "--backend", backend, "--format", "csv", "-o", "/dev/full", "--duration", "300ms"]);
    let ran = spawn(&pair, command).end();
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("sockeye: cannot write /dev/full: No space left on device"), "{}", ran.stderr);
}
