//! `--max-memory` holds for any input: floods are made here, the real program reads them with the least that it may be given, and
//! its peak of resident memory is what the kernel says (`VmHWM`, mapped pages included). Totals stay exact, what had to go is called
//! evicted and counted, and attempts without an answer go before conversations.

#[path = "support/program.rs"]
mod program;

use program::{Ran, run, sockeye};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// The least that `--max-memory` takes, MiB.
const LEAST: u64 = 64;

/// A capture file in the making: pcap, raw IP, a packet each 10 µs.
struct Capture {
    folder: TempDir,
    out: BufWriter<File>,
    packets: u64,
    bytes: u64,
}

impl Capture {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut out = BufWriter::new(File::create(folder.path().join("flood.pcap")).expect("a file"));
        let header: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 101];
        for word in header {
            out.write_all(&word.to_le_bytes()).expect("written");
        }
        Self { folder, out, packets: 0, bytes: 0 }
    }

    fn packet(&mut self, bytes: &[u8]) {
        let micros = self.packets * 10;
        let len = bytes.len() as u32;
        for word in [1_700_000_000 + (micros / 1_000_000) as u32, (micros % 1_000_000) as u32, len, len] {
            self.out.write_all(&word.to_le_bytes()).expect("written");
        }
        self.out.write_all(bytes).expect("written");
        self.packets += 1;
        self.bytes += u64::from(len);
    }

    /// An IPv4 packet; `fragment`: its identification and the field with the offset.
    fn ip(&mut self, (from, to): (u32, u32), protocol: u8, fragment: (u16, u16), payload: &[u8]) {
        let mut bytes = vec![0x45, 0];
        bytes.extend((20 + payload.len() as u16).to_be_bytes());
        bytes.extend(fragment.0.to_be_bytes());
        bytes.extend(fragment.1.to_be_bytes());
        bytes.extend([64, protocol, 0, 0]);
        bytes.extend(from.to_be_bytes());
        bytes.extend(to.to_be_bytes());
        bytes.extend(payload);
        self.packet(&bytes);
    }

    /// A TCP segment between two ends.
    fn tcp(&mut self, from: (u32, u16), to: (u32, u16), (flags, seq, ack): (u8, u32, u32), data: &[u8]) {
        let mut segment = Vec::from(from.1.to_be_bytes());
        segment.extend(to.1.to_be_bytes());
        segment.extend(seq.to_be_bytes());
        segment.extend(ack.to_be_bytes());
        segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
        segment.extend(data);
        self.ip((from.0, to.0), 6, (0, 0x4000), &segment);
    }

    /// A connection that is set up and has sent 10 bytes.
    fn open(&mut self, client: (u32, u16)) {
        self.tcp(client, SERVER, (SYN, 999, 0), &[]);
        self.tcp(SERVER, client, (SYN | ACK, 4999, 1000), &[]);
        self.tcp(client, SERVER, (ACK, 1000, 5000), &[]);
        self.tcp(client, SERVER, (ACK | PSH, 1000, 5000), &[7; 10]);
    }

    /// Connections of one client that send so many segments each by turns, none of which is acknowledged.
    fn unacknowledged(&mut self, connections: u16, segments: u32) {
        let client = |port| (0x0a00_0001, 1024 + port);
        for port in 0..connections {
            self.open(client(port));
        }
        for step in 0..segments {
            for port in 0..connections {
                self.tcp(client(port), SERVER, (ACK | PSH, 1010 + step * 10, 5000), &[7; 10]);
            }
        }
    }

    fn path(&mut self) -> PathBuf {
        self.out.flush().expect("written");
        self.folder.path().join("flood.pcap")
    }

    /// Runs the program over it with the least memory; gives what it said and its peak, KiB.
    fn read(&mut self, words: &str) -> Ran {
        let path = self.path();
        let (ran, peak) = watched(self.folder.path(), &format!("{words} --max-memory {LEAST}m"), &path);
        assert!(ran.code() == Some(0) && peak > 0, "{words}: {:?} {peak} {}", ran.code(), ran.stderr);
        assert!(peak <= LEAST * 1024, "{words}: {peak} KiB at the peak");
        ran
    }
}

const SERVER: (u32, u16) = (0xc000_0201, 80);
const SYN: u8 = 2;
const PSH: u8 = 8;
const ACK: u8 = 16;
const FIN: u8 = 1;
const RST: u8 = 4;

/// Runs to the end with the output in files, and keeps looking at the peak meanwhile: the kernel forgets it when the program ends. It
/// only grows, and the last that is printed comes long after.
fn watched(folder: &Path, words: &str, capture: &Path) -> (Ran, u64) {
    let (out, err) = (folder.join("out"), folder.join("err"));
    let into = |path: &Path| Stdio::from(File::create(path).expect("a file"));
    let mut command = sockeye();
    command.args(words.split_whitespace()).arg("-r").arg(capture).stdout(into(&out)).stderr(into(&err));
    let mut child = command.spawn().expect("the program runs");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().expect("a child") {
            break ended;
        }
        let text = fs::read_to_string(&status).unwrap_or_default();
        let now = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        peak = peak.max(now.unwrap_or(0));
        thread::sleep(Duration::from_millis(2));
    };
    let text = |path: &Path| fs::read_to_string(path).expect("text");
    (Ran { stdout: text(&out), stderr: text(&err), status: ended }, peak)
}

/// The columns of records in CSV, without the heading.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split(',').collect())
}

fn number(text: &str) -> u64 {
    text.parse().expect("a number")
}

const FIELDS: &str = "flows --format csv --fields id,state,end_reason,orig.packets,resp.packets,orig.wire_bytes,resp.wire_bytes";

#[test]
fn a_flood_of_syns_goes_before_conversations_and_every_packet_is_counted_once() {
    let mut capture = Capture::new();
    for port in 1..=100 {
        capture.open((0x0a00_0001, 1000 + port));
    }
    for i in 0..100_000 {
        capture.tcp((0xac10_0000 + i, 1024), SERVER, (SYN, i, 0), &[]);
    }
    for port in 1..=100 {
        capture.tcp((0x0a00_0001, 1000 + port), SERVER, (ACK | PSH, 1010, 5000), &[7; 10]);
    }
    // Everything that can be worked out of a flow is wanted, then only a few fields are told.
    let all = capture.read("flows --format jsonl");
    let ran = capture.read(FIELDS);
    let rows: Vec<_> = rows(&ran.stdout).collect();
    let sum = |columns: [usize; 2]| rows.iter().map(|row| number(row[columns[0]]) + number(row[columns[1]])).sum::<u64>();
    assert_eq!((sum([3, 4]), sum([5, 6])), (capture.packets, capture.bytes));
    let evicted: Vec<_> = rows.iter().filter(|row| row[2] == "evicted").collect();
    assert!(evicted.len() > 10_000 && evicted.iter().all(|row| (row[1], row[3]) == ("no_answer", "1")), "{}", evicted.len());
    let kept = rows.iter().filter(|row| row[2] == "end_of_capture" && (row[3], row[4]) == ("4", "1"));
    assert_eq!(kept.count(), 100, "conversations are not touched");
    let told = "flows were given out early for want of room";
    assert!(ran.stderr.contains(told) && all.stderr.contains(told), "{}", ran.stderr);
    let end: serde_json::Value = serde_json::from_str(all.stdout.lines().last().expect("a line")).expect("JSON");
    let reasons = all.stdout.lines().filter(|line| line.contains(r#""end_reason":"evicted""#)).count() as u64;
    assert_eq!((&end["packets"], &end["wire_bytes"]), (&capture.packets.into(), &capture.bytes.into()));
    assert!(reasons > 0 && end["flows_evicted"] == reasons && end["flows"] == 100_100, "{end}");
}

#[test]
fn a_table_of_conversations_that_is_full_keeps_to_the_bound_and_numbers_are_given_once() {
    let mut capture = Capture::new();
    for i in 0..30_000 {
        capture.open((0x0a00_0000 + i, 1024));
    }
    for i in 0..60_000 {
        capture.tcp((0xac10_0000 + i * 7, 1024), SERVER, (SYN, i, 0), &[]);
    }
    let mut told = |words: &str| {
        let ran = capture.read(words);
        let records: Vec<_> = ran.stdout.lines().filter_map(|line| line.strip_prefix(r#"{"type":"flow","id":""#)).collect();
        let end: serde_json::Value = serde_json::from_str(ran.stdout.lines().last().expect("a line")).expect("JSON");
        let ids: HashSet<_> = records.iter().filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(ids.len(), records.len(), "{words}: IDs of more than one");
        assert_eq!((&end["packets"], &end["flows"]), (&180_000.into(), &records.len().into()), "{words}");
        let evicted = records.iter().filter(|rest| rest.contains(r#""end_reason":"evicted""#)).count();
        assert!(evicted > 10_000 && end["flows_evicted"] == evicted, "{words}: {evicted} {end}");
    };
    told("flows --format jsonl");
    told("flows --format jsonl --threads 2");
}

#[test]
fn new_connections_are_seen_whole_in_a_table_full_of_open_ones() {
    let mut capture = Capture::new();
    for i in 0..45_000 {
        capture.open((0x0a00_0000 + i, 1024));
    }
    // A thousand more, twenty opening at a time.
    for group in 0..50 {
        for step in 0..3 {
            for i in 0..20 {
                let client = (0xac10_0000 + group * 20 + i, 1024);
                match step {
                    0 => capture.tcp(client, SERVER, (SYN, 999, 0), &[]),
                    1 => capture.tcp(SERVER, client, (SYN | ACK, 4999, 1000), &[]),
                    _ => capture.tcp(client, SERVER, (ACK, 1000, 5000), &[]),
                }
            }
        }
    }
    let ran = capture.read(&format!("{FIELDS},orig.ip"));
    let evicted = rows(&ran.stdout).filter(|row| row[2] == "evicted").count();
    assert!(evicted > 10_000, "{evicted} evicted: the table was not full");
    let whole = |row: &Vec<&str>| (row[1], row[3], row[4]) == ("open", "2", "1");
    let news: Vec<_> = rows(&ran.stdout).filter(|row| row[7].starts_with("172.16.")).collect();
    assert!(news.len() == 1000 && news.iter().all(whole), "{} records of 1,000 connections", news.len());
    let olds: Vec<_> = rows(&ran.stdout).filter(|row| row[7].starts_with("10.")).collect();
    assert!(olds.len() == 45_000 && olds.iter().all(|row| (row[3], row[4]) == ("3", "1")), "{}", olds.len());
}

#[test]
fn threads_that_follow_a_file_fit_in_together() {
    let mut capture = Capture::new();
    // Few enough for all to have room: the records are those of one thread.
    for i in 0..1_000 {
        capture.open((0x0a00_0000 + i, 1024));
    }
    assert!(capture.read(&format!("{FIELDS} --threads 2")).stdout == capture.read(FIELDS).stdout);
    for i in 0..100_000 {
        capture.tcp((0xac10_0000 + i, 1024), SERVER, (SYN, i, 0), &[]);
    }
    let ran = capture.read(&format!("{FIELDS} --threads 2"));
    assert_eq!(rows(&ran.stdout).map(|row| number(row[3]) + number(row[4])).sum::<u64>(), capture.packets);
    let ran = capture.read("flows --format jsonl --threads 2");
    let evicted = ran.stdout.lines().filter(|line| line.contains(r#""end_reason":"evicted""#)).count() as u64;
    let end: serde_json::Value = serde_json::from_str(ran.stdout.lines().last().expect("a line")).expect("JSON");
    assert!(evicted > 10_000 && end["flows_evicted"] == evicted, "{evicted} {end}");
    assert_eq!((&end["packets"], &end["flows"]), (&capture.packets.into(), &101_000.into()));
    let refused = run(sockeye().args("flows --threads 3 --max-memory 64m -r".split(' ')).arg(capture.path()));
    assert!(refused.code() == Some(2) && refused.stderr.contains("--max-memory 67m"), "{}", refused.stderr);
}

/// The end record of JSON Lines.
fn end_of(text: &str) -> serde_json::Value {
    serde_json::from_str(text.lines().last().expect("a line")).expect("JSON")
}

#[test]
fn flows_whose_segments_are_forgotten_are_counted_and_told() {
    let mut capture = Capture::new();
    capture.unacknowledged(1000, 200);
    let told = "segments were forgotten for want of memory";
    for words in ["flows --format jsonl", "flows --format jsonl --threads 2"] {
        let ran = capture.read(words);
        let end = end_of(&ran.stdout);
        let incomplete = end["flows_incomplete"].as_u64().expect("a number");
        assert!((100..=1000).contains(&incomplete) && ran.stderr.contains(told), "{words}: {end} {}", ran.stderr);
        assert_eq!((&end["flows"], &end["flows_evicted"]), (&1000.into(), &0.into()), "{words}");
        assert!(!ran.stderr.contains("given out early"), "{words}: {}", ran.stderr);
    }
    let summary = capture.read("summary");
    assert!(summary.stdout.contains("flows with segments forgotten for want of memory") && summary.stderr.contains(told));
    // The bounds of single flows are no want of memory: one that has more than it may remember is not counted.
    let mut capture = Capture::new();
    capture.unacknowledged(1, 20_000);
    let ran = capture.read("flows --format jsonl");
    assert!(end_of(&ran.stdout)["flows_incomplete"] == 0 && !ran.stderr.contains(told), "{}", ran.stderr);
}

#[test]
fn lists_of_one_thread_have_the_room_of_all() {
    let mut capture = Capture::new();
    capture.unacknowledged(1000, 24);
    // All of it is between two hosts, and so in one thread.
    let of = |ran: &Ran| ran.stdout.lines().map(str::to_owned).collect::<Vec<_>>();
    let one = capture.read("flows --format jsonl");
    let two = capture.read("flows --format jsonl --threads 2");
    assert_eq!(end_of(&two.stdout)["flows_incomplete"], 0, "{}", end_of(&one.stdout));
    assert!(of(&one) == of(&two), "other records");
}

#[test]
fn what_is_over_makes_room_and_is_counted_apart() {
    let mut capture = Capture::new();
    for i in 0..30_000 {
        let client = (0x0a00_0000 + i, 1024);
        capture.open(client);
        capture.tcp(client, SERVER, (ACK | FIN, 1010, 5000), &[]);
        capture.tcp(SERVER, client, (ACK | FIN, 5000, 1011), &[]);
        capture.tcp(client, SERVER, (ACK, 1011, 5001), &[]);
    }
    for words in ["flows --format jsonl", "flows --format jsonl --threads 2"] {
        let ran = capture.read(words);
        let end = end_of(&ran.stdout);
        let early = end["flows_closed_early"].as_u64().expect("a number");
        assert!(early > 5000 && end["flows_evicted"] == 0 && end["flows"] == 30_000, "{words}: {end}");
        let closed =
            ran.stdout.lines().filter(|line| line.contains(r#""state":"closed""#) && line.contains(r#""end_reason":"fin""#));
        assert!(closed.count() == 30_000 && !ran.stderr.contains("given out early"), "{words}: {}", ran.stderr);
    }
}

#[test]
fn half_open_connections_are_bounded_whatever_is_printed() {
    let mut capture = Capture::new();
    for i in 0..60_000 {
        let client = (0xac10_0000 + i, 1024);
        capture.tcp(client, SERVER, (SYN, i, 0), &[]);
        capture.tcp(SERVER, client, (SYN | ACK, 77, i + 1), &[]);
    }
    let refused = (0x0a00_0009, 1024);
    capture.tcp(refused, SERVER, (SYN, 5, 0), &[]);
    capture.tcp(SERVER, refused, (RST | ACK, 0, 6), &[]);
    let summary = capture.read("summary");
    let told = summary.stdout.contains("120,002 packets") && summary.stdout.contains("flows evicted for want of room");
    assert!(told, "{}", &summary.stdout[..summary.stdout.len().min(2000)]);
    // Pieces are no failures: those that failed stand before them, and each piece is marked.
    let head = summary.stdout.lines().find(|line| line.starts_with("at most 60,001 conversations, ")).expect("a heading");
    assert!(head.contains(" of them pieces given out early (*); the 20 that matter most"), "{head}");
    let rows_shown: Vec<_> = summary.stdout.lines().filter(|line| line.starts_with('c')).collect();
    assert!(rows_shown.len() == 20 && rows_shown.is_sorted_by_key(|line| line.contains(" half-open*  ")), "{rows_shown:#?}");
    assert!(rows_shown[0].contains(" half-open  ") || rows_shown[0].contains(" refused  "), "{rows_shown:#?}");
    assert!(summary.stdout.contains(" more (given out early "), "{}", summary.stdout);
    let all = capture.read("summary --all");
    assert!(all.stdout.contains("a larger --max-memory"), "not all rows have room");
    let told = capture.read("handshakes").stdout;
    let early = told.lines().filter(|line| line.ends_with("given out early for want of room")).count();
    let waited = told.lines().filter(|line| line.contains("no ACK of the SYN,ACK in ")).count();
    assert!(early > 10_000 && early + waited == 60_000, "what would have come is not known of {early}, and {waited} are left");
    let attempts = capture.read("handshakes --format csv --fields id,handshake.outcome");
    assert_eq!(rows(&attempts.stdout).filter(|row| row[1] == "half_open").count(), 60_000);
    assert_eq!(capture.read("packets -q").stdout.lines().count() as u64, capture.packets);
}

#[test]
fn datagrams_that_fill_the_table_leave_room_for_connections() {
    let mut capture = Capture::new();
    for i in 0..150_000_u32 {
        let ports = [(1024 + (i % 60_000) as u16).to_be_bytes(), 53_u16.to_be_bytes()].concat();
        capture.ip((0x0a00_0000 + i, SERVER.0), 17, (0, 0), &[&ports[..], &[0, 8, 0, 0]].concat());
    }
    for i in 0..4000 {
        capture.open((0xac10_0000 + i, 1024));
    }
    let ran = capture.read(FIELDS);
    assert_eq!(rows(&ran.stdout).map(|row| number(row[3]) + number(row[4])).sum::<u64>(), capture.packets);
    let whole = rows(&ran.stdout).filter(|row| (row[3], row[4]) == ("3", "1")).count();
    assert_eq!(whole, 4000, "no connection is told of twice");
}

#[test]
fn fragments_and_segments_out_of_the_window_are_bounded() {
    let mut capture = Capture::new();
    for i in 0..100_000_u32 {
        capture.ip((0x0a00_0000 + i, SERVER.0), 17, (i as u16, 0x2000), &[9; 64]);
    }
    for port in 1..=50 {
        capture.open((0x0a00_0001, port));
    }
    for i in 0..60_000_u32 {
        let port = (1 + i % 50) as u16;
        capture.tcp((0x0a00_0001, port), SERVER, (ACK | PSH, 3_000_000_000_u32.wrapping_add(i * 3000), 5000), &[7; 20]);
    }
    for words in ["packets --format jsonl", "flows --format jsonl", "flows --format jsonl --threads 2"] {
        let ran = capture.read(words);
        let end: serde_json::Value = serde_json::from_str(ran.stdout.lines().last().expect("a line")).expect("JSON");
        assert_eq!((&end["packets"], &end["wire_bytes"]), (&capture.packets.into(), &capture.bytes.into()), "{words}");
        assert!(end["fragments_dropped"].as_u64() > Some(50_000), "{end}");
    }
}

#[test]
fn holes_of_which_every_segment_makes_another_are_bounded_in_one_thread_and_in_several() {
    let mut capture = Capture::new();
    let clients: Vec<_> = (1..=200).map(|host| (0x0a00_0000 + host, 1024)).collect();
    for &client in &clients {
        capture.open(client);
    }
    // Rising, with a hole before each, and as many connections as have no room for all their lists.
    for step in 0..600 {
        for &client in &clients {
            capture.tcp(client, SERVER, (ACK | PSH, 1010 + (step * 2 + 1) * 20, 5000), &[7; 20]);
        }
    }
    for words in ["", " --threads 2"] {
        let ran = capture
            .read(&format!("flows --format csv --fields orig.packets,orig.loss_at_least,orig.unique_bytes_at_least{words}"));
        let rows: Vec<_> = rows(&ran.stdout).collect();
        assert_eq!(rows.iter().map(|row| number(row[0])).sum::<u64>(), 200 * 603, "{words}");
        let short = rows.iter().filter(|row| row[1] == "true" || row[2] == "true").count();
        assert!(short > 100, "{words}: of {} records only {short} say that they are a minimum", rows.len());
    }
}

#[test]
fn a_capture_in_parts_is_bounded_whatever_its_parts_are() {
    let mut capture = Capture::new();
    // More at a time than have a file under way, with more data than may be gathered, and datagrams that are never whole.
    for i in 0..14_000 {
        capture.open((0x0a00_0000 + i % 5000, 1024 + (i / 5000) as u16));
    }
    for i in 0..14_000 {
        capture.tcp((0x0a00_0000 + i % 5000, 1024 + (i / 5000) as u16), SERVER, (ACK | PSH, 1010, 5000), &[7; 1000]);
        capture.ip((0x0a00_0001, SERVER.0), 17, (i as u16, 0x2000), &[7; 800]);
    }
    let parts = tempfile::tempdir().expect("a folder");
    for by in ["flow", "state", "host"] {
        let folder = parts.path().join(by);
        capture.read(&format!("split -q --by {by} -o {}", folder.display()));
        let index = fs::read_to_string(folder.join("index.jsonl")).expect("an index");
        let whole = index.lines().rev().nth(1).expect("a record before the last");
        let whole: serde_json::Value = serde_json::from_str(whole).expect("JSON");
        let packets = |key: &str| whole[key].as_u64().expect("a number");
        assert_eq!(packets("packets_written") - packets("packets_in_two"), capture.packets, "{by}");
        assert_eq!(packets("packets_of_none"), 14_000, "{by}: fragments of what is never whole");
    }
}

#[test]
fn files_that_need_more_than_there_is_are_refused_in_words() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.pcap");
    // A record of 40 MB, as long as its file says that records may be.
    let header: [u32; 10] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 50_000_000, 101, 1_700_000_000, 0, 40_000_000, 40_000_000];
    let mut bytes: Vec<u8> = header.iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize(bytes.len() + 40_000_000, 0x45);
    fs::write(&path, &bytes).expect("written");
    let (ran, peak) = watched(folder.path(), "flows --max-memory 64m", &path);
    assert!(ran.code() == Some(1) && ran.stderr.contains("--max-memory") && peak <= LEAST * 1024, "{peak} {}", ran.stderr);
    let (ran, _) = watched(folder.path(), "flows --max-memory 1g", &path);
    assert!(!ran.stderr.contains("--max-memory"), "{}", ran.stderr);
    // Windows and dictionaries are as large as whoever compressed it liked.
    let mut packer = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    packer.window_log(27).expect("a window of 128 MiB");
    packer.write_all(&bytes[..24]).expect("packed");
    packer.write_all(&bytes).expect("packed");
    let path = folder.path().join("window.pcap.zst");
    fs::write(&path, packer.finish().expect("packed")).expect("written");
    let (ran, peak) = watched(folder.path(), "flows --max-memory 64m", &path);
    assert!(ran.code() != Some(0) && ran.stderr.contains("memory") && peak <= LEAST * 1024, "{peak} {}", ran.stderr);
}

#[test]
fn what_makes_no_sense_is_said() {
    let refused = |words: &str| run(sockeye().args(words.split_whitespace()));
    let ran = refused("flows --max-memory 10m x.pcap");
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(2), "sockeye: --max-memory 10m: the least is 64m\n"));
    let ran = refused("flows --max-memory lots x.pcap");
    assert!(ran.code() == Some(2) && ran.stderr.contains("--max-memory"), "{}", ran.stderr);
    let ran = refused("flows -i lo -B 262144 --max-memory 128m");
    assert!(ran.code() == Some(2) && ran.stderr.contains("-B: 256 MiB of capture buffers"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--max-memory 376m"), "{}", ran.stderr);
}

#[test]
fn what_findings_are_made_of_is_bounded_and_what_found_no_room_is_told() {
    let mut capture = Capture::new();
    for client in 0..130 {
        for server in 0..4000 {
            let (client, server) = (0x0a00_0000 + client, 0x0b00_0000 + server);
            capture.ip((client, server), 17, (0, 0), &[0x13, 0x88, 0x1e, 0x61, 0, 9, 0, 0, b'?']);
            capture.ip((server, client), 17, (0, 0), &[0x1e, 0x61, 0x13, 0x88, 0, 9, 0, 0, b'!']);
        }
    }
    for client in 0..120 {
        for server in 0..500_u16 {
            let (from, to) =
                ((0x0a10_0000 + client, 40_000 + server), (0x0b10_0000 + client * 5000 + u32::from(server) * 7, 1000 + server));
            capture.tcp(from, to, (2, 0, 0), b"");
            capture.tcp(to, from, (20, 0, 1), b"");
        }
    }
    for words in ["findings -q", "summary"] {
        let told = capture.read(words);
        // Those that came first have none of the room of those that come last.
        assert!(told.stdout.contains(" findings: ") && told.stdout.contains(" times there was no room to keep"), "{words}");
        assert!(told.stdout.contains("refused: nothing listens"), "{words}");
    }
}

#[test]
fn what_is_cited_of_conversations_that_are_over_is_nobodys_memory_any_more() {
    let mut capture = Capture::new();
    for nth in 0..100_000_u32 {
        let (client, server) = ((0x0a00_0000 + (nth >> 14), 1024 + (nth & 0x3fff) as u16), (0x0b00_0000, 80));
        capture.tcp(client, server, (2, 0, 0), b"");
        capture.tcp(server, client, (18, 0, 1), b"");
        capture.tcp(client, server, (16, 1, 1), b"");
        capture.tcp(client, server, (24, 1, 1), b"?");
        capture.tcp(server, client, (4, 1, 2), b"");
        // Few at a time: one in 5 ms.
        capture.packets += 500;
    }
    let told = capture.read("findings --format jsonl");
    let end = end_of(&told.stdout);
    assert_eq!((&end["flows"], &end["flows_evicted"], &end["flows_closed_early"]), (&100_000.into(), &0.into(), &0.into()));
}
