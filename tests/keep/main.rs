//! Packets of conversations for which a condition holds: what is saved, printed and parted is held to what `packets` and `flows` say of
//! all of them; saved captures, pipes, and live; with and without room.
//!
//! `SOCKEYE_CAPTURES` names more captures: folders and files, with a colon between.

#![cfg(target_os = "linux")]

mod found;
mod live;
#[path = "../support/netns.rs"]
mod netns;
mod once;
#[path = "../support/program.rs"]
mod program;
mod saved;

use program::{run, sockeye};
use serde_json::Value;
use sockeye::capture::Input;
use sockeye::capture::Next;
use sockeye::capture::file::OpenOptions;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A packet as it stands in a file: time in nanoseconds, length on the wire, bytes.
type Packet = (i64, u32, Vec<u8>);

fn captures() -> Vec<PathBuf> {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")];
    open.extend(std::env::var_os("SOCKEYE_CAPTURES").iter().flat_map(std::env::split_paths));
    let mut found = Vec::new();
    while let Some(path) = open.pop() {
        match fs::read_dir(&path) {
            Ok(entries) => open.extend(entries.map(|entry| entry.expect("an entry").path())),
            Err(_) => found.push(path),
        }
    }
    found.retain(|path| ["pcap", "pcapng", "cap"].iter().any(|end| path.extension().is_some_and(|e| e == *end)));
    // Of more captures some may be of no kind that can be read.
    found.retain(|path| Input::open(std::slice::from_ref(path), &OpenOptions::default()).is_ok());
    found.sort();
    assert!(found.len() > 30, "the captures were not found");
    found
}

/// The packets of a file in their order.
#[track_caller]
fn packets_of(file: &Path) -> Vec<Packet> {
    let mut input = Input::open(&[file.to_owned()], &OpenOptions::default()).expect("a capture");
    let mut packets = Vec::new();
    loop {
        match input.next() {
            Ok(Next::Frame(frame)) => packets.push((frame.ts.nanos(), frame.wire_len, frame.bytes.to_vec())),
            Ok(Next::End) | Err(_) => return packets,
            Ok(_) => {}
        }
    }
}

/// Records of JSON lines, of one type.
fn records(text: &str, kind: &str) -> Vec<Value> {
    let all = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    all.filter(|record| record["type"] == kind).collect()
}

/// The conversations that `flows` lists, and the exit code.
fn flows(file: &Path, condition: &str) -> BTreeSet<String> {
    let ran = run(sockeye().args(["flows", "--format", "jsonl", "--fields", "id", "--where", condition, "-r"]).arg(file));
    records(&ran.stdout, "flow").iter().map(|record| record["id"].as_str().expect("an id").to_owned()).collect()
}

/// The conversation of each packet, as `packets` has it; pieces of datagrams have that of the one that completes theirs.
fn owners(file: &Path) -> Vec<Option<String>> {
    let ran = run(sockeye().args(["packets", "--format", "jsonl", "-r"]).arg(file));
    let packets = records(&ran.stdout, "packet");
    let mut owners = Vec::new();
    let mut pieces: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, packet) in packets.iter().enumerate() {
        let owner = packet["flow"].as_str().map(str::to_owned);
        let ip = &packet["ip"];
        let is_piece = ip["more_fragments"] == true || ip["fragment_offset"].as_u64().is_some_and(|offset| offset > 0);
        if is_piece {
            let datagram = format!("{} {} {} {} {}", ip["src"], ip["dst"], ip["id"], ip["fragment_id"], packet["vlan"]);
            let before = pieces.entry(datagram).or_default();
            match &owner {
                None => before.push(at),
                Some(owner) => std::mem::take(before).into_iter().for_each(|at| owners[at] = Some(owner.clone())),
            }
        }
        owners.push(owner);
    }
    owners
}

/// A capture of datagrams in conversations that take turns, `turns` of each; `last` more of the first of them behind it all.
fn taking_turns(flows: u16, turns: u32, data: usize, last: u32) -> Vec<u8> {
    let mut file = Vec::new();
    sockeye::pcapfile::write::pcap_header(&mut file, false, 65535, sockeye::model::LinkType::RAW, None);
    let all = (0..turns).flat_map(|turn| (0..flows).map(move |flow| (turn, flow))).chain((0..last).map(|n| (turns + n, 0)));
    for (turn, flow) in all {
        let len = 28 + data;
        let mut packet = vec![0x45, 0, (len >> 8) as u8, len as u8, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend_from_slice(&(40_000 + flow).to_be_bytes());
        packet.extend_from_slice(&9_u16.to_be_bytes());
        packet.extend_from_slice(&((8 + data) as u16).to_be_bytes());
        packet.extend_from_slice(&[0, 0]);
        packet.resize(len, turn as u8);
        for word in [1_700_000_000 + turn / 100, turn % 100 * 10_000 + u32::from(flow) % 10_000, len as u32, len as u32] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}

/// The number in front of these words.
#[track_caller]
fn number_before(text: &str, words: &str) -> u64 {
    let before = text.split(words).next().filter(|before| before.len() < text.len());
    let number = before.and_then(|before| before.split_whitespace().last()).unwrap_or_else(|| panic!("{words}: {text}"));
    number.replace(',', "").parse().unwrap_or_else(|_| panic!("{number} is no number: {text}"))
}
