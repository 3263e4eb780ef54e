//! `sockeye split`: together the parts hold what was read, and each what `flows` counts; few files are open; nothing is overwritten;
//! what a full disk leaves is whole. As root all of it goes through the process that creates files.

mod faults;
mod kept;
mod list;
mod parts;
#[path = "../support/program.rs"]
mod program;

use program::{run, sockeye};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Splits, and gives what was printed and the folder's index: its records of files, and the one of the whole.
#[track_caller]
fn split(capture: &Path, folder: &Path, flags: &str) -> (String, Vec<Value>, Value) {
    let mut command = sockeye();
    command.args(["split", "-r"]).arg(capture).arg("-o").arg(folder).args(flags.split_whitespace());
    let ran = run(&mut command);
    assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""), "{} {flags}", capture.display());
    let (files, whole) = index(folder);
    (ran.stdout, files, whole)
}

/// The records of an index that is complete.
#[track_caller]
fn index(folder: &Path) -> (Vec<Value>, Value) {
    let text = fs::read_to_string(folder.join("index.jsonl")).expect("an index");
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
    let of = |kind: &str| records.iter().filter(|record| record["type"] == kind).cloned().collect::<Vec<_>>();
    assert_eq!(records.last().expect("records")["type"], "end");
    (of("file"), of("split").remove(0))
}

/// Packets of a capture: time, lengths and all bytes, each with how often it is there.
fn packets(files: &[PathBuf]) -> BTreeMap<String, usize> {
    let mut all = BTreeMap::new();
    for file in files {
        for packet in packets_of(file) {
            *all.entry(packet).or_default() += 1;
        }
    }
    all
}

/// Packets of one file in its order.
fn packets_of(file: &Path) -> Vec<String> {
    let ran = run(sockeye().args(["packets", "--plain", "-tttt", "--nano", "-xx", "-q", "-r"]).arg(file));
    assert_eq!(ran.code(), Some(0), "{}: {}", file.display(), ran.stderr);
    let mut packets: Vec<String> = Vec::new();
    for line in ran.stdout.lines() {
        match packets.last_mut() {
            // The words of a line depend on what came before.
            Some(packet) if line.starts_with('\t') => packet.push_str(line),
            _ => packets.push(line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")),
        }
    }
    packets
}

/// The capture files of a folder.
fn captures_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = entries.filter(|path| !path.ends_with("index.jsonl")).collect();
    files.sort();
    files
}

/// What `flows` tells of a capture, by ID.
fn flows(file: &Path) -> BTreeMap<String, Value> {
    let ran = run(sockeye().args(["flows", "--format", "jsonl", "-r"]).arg(file));
    let records = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    records
        .filter(|record| record["type"] == "flow")
        .map(|record| (record["id"].as_str().expect("an id").to_owned(), record))
        .collect()
}

/// Packets of a conversation as `flows` counts them.
fn counted(flow: &Value) -> u64 {
    let number = |value: &Value| value.as_u64().expect("a number");
    number(&flow["orig"]["packets"]) + number(&flow["resp"]["packets"]) + number(&flow["icmp_errors"])
}

/// How many packets tcpdump finds, where it is there.
fn tcpdump_counts(file: &Path) -> Option<u64> {
    let ran = Command::new("tcpdump").args(["--count", "-r"]).arg(file).output().ok()?;
    assert!(ran.status.success(), "tcpdump of {}: {}", file.display(), String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).split_whitespace().next()?.parse().ok()
}
