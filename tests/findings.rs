//! `findings` and the findings of a summary: what is told beside them, and when they are not.

#[path = "support/program.rs"]
mod program;

use program::{run, sockeye};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn bundled(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

/// Attempts of one host at so many others, each at a port of its own, all refused: raw IP.
fn refusals(count: u16) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for nth in 0..count {
        let hosts = [[10, 0, 0, 1], [10, 9, (nth >> 8) as u8, nth as u8]];
        let ports = [40_000_u16, 1000 + nth];
        for (from, flags, ack) in [(0, 2, 0), (1, 20, 1)] {
            let to = 1 - from;
            let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0];
            packet.extend([hosts[from], hosts[to]].concat());
            packet.extend([ports[from].to_be_bytes(), ports[to].to_be_bytes()].concat());
            packet.extend([0, 0, 0, 0, 0, 0, 0, ack, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            for word in [u32::from(nth), 0, packet.len() as u32, packet.len() as u32] {
                file.extend(word.to_le_bytes());
            }
            file.extend(packet);
        }
    }
    file
}

#[test]
fn what_found_no_room_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for (count, unexamined) in [(200, 0), (600, 344)] {
        let path = folder.path().join("refused.pcap");
        fs::write(&path, refusals(count)).expect("written");
        let told = run(sockeye().args(["findings", "--max-memory", "2g", "--format", "jsonl"]).arg(&path));
        let records: Vec<Value> = told.stdout.lines().map(|line| serde_json::from_str(line).expect("a record")).collect();
        let of = |kind: &str| records.iter().filter(|record| record["type"] == kind).collect::<Vec<_>>();
        let [all] = of("findings")[..] else { panic!("{}", told.stderr) };
        assert_eq!(all["total"], of("finding").len());
        assert_eq!(all["unexamined"], unexamined, "{count}");
        for command in ["findings", "summary"] {
            let text = run(sockeye().args([command, "--max-memory", "2g"]).arg(&path)).stdout;
            assert_eq!(text.contains("344 times there was no room"), unexamined > 0, "{command} {count}: {text}");
        }
    }
}

#[test]
fn a_table_alone_has_no_findings() {
    let told = |flags: &[&str]| run(sockeye().arg(bundled("tour.pcapng")).args(flags)).stdout;
    assert!(told(&[]).contains(" findings:") && !told(&["-q"]).contains("findings"));
}

/// Datagrams from 10.0.0.1, each with its second, its target's port and its data: raw IP.
fn datagrams(all: &[(u32, u16, &[u8])]) -> Vec<u8> {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
        file.extend(word.to_le_bytes());
    }
    for (second, port, data) in all {
        let mut packet = vec![0x45, 0, 0, 28 + data.len() as u8, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend([40_000_u16.to_be_bytes(), port.to_be_bytes(), (8 + data.len() as u16).to_be_bytes(), [0, 0]].concat());
        packet.extend(*data);
        for word in [*second, 0, packet.len() as u32, packet.len() as u32] {
            file.extend(word.to_le_bytes());
        }
        file.extend(packet);
    }
    file
}

#[test]
fn a_question_that_has_just_been_asked_is_not_unanswered() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("asked.pcap");
    let question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\x04test\0\0\x01\0\x01";
    for (all, unanswered) in [(&[(1, 53, &question[..])][..], false), (&[(1, 53, question), (9, 9999, b"later")], true)] {
        fs::write(&path, datagrams(all)).expect("written");
        let told = run(sockeye().args(["findings", "-q"]).arg(&path)).stdout;
        assert_eq!(told.contains("DNS: no answer"), unanswered, "{told}");
    }
}
