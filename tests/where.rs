//! `--where`: which conversations are left is computed once more from the records of all of them, in another way, and both must agree.
//!
//! `SOCKEYE_CAPTURES` names more captures: folders and files, with a colon between.

#![cfg(unix)]

#[path = "support/program.rs"]
mod program;

use program::{run, sockeye};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// A condition, and the same of a record as JSON.
type Case = (&'static str, fn(&Value) -> bool);

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
    let capture = |path: &PathBuf| ["pcap", "pcapng", "cap"].iter().any(|end| path.extension().is_some_and(|e| e == *end));
    found.retain(capture);
    found.sort();
    assert!(found.len() > 30, "the captures were not found");
    found
}

/// The flow records of a file.
fn flows(file: &Path, condition: Option<&str>) -> Vec<Value> {
    let mut command = sockeye();
    command.args(["flows", "--format", "jsonl", "-r"]).arg(file);
    command.args(condition.iter().flat_map(|condition| ["--where", condition]));
    let ran = run(&mut command);
    let records = ran.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    records.filter(|record| record["type"] == "flow").collect()
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64()
}

fn sum(record: &Value, key: &str) -> Option<f64> {
    let side = |side: &str| record.pointer(&format!("/{side}/{key}")).and_then(number);
    match (side("orig"), side("resp")) {
        (None, None) => None,
        (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
    }
}

fn either(record: &Value, path: &str, holds: impl Fn(&Value) -> bool) -> bool {
    ["orig", "resp"].iter().any(|side| record.pointer(&format!("/{side}/{path}")).is_some_and(&holds))
}

fn port(record: &Value, holds: impl Fn(u64) -> bool) -> bool {
    ["tcp", "udp", "sctp"].contains(&record["proto"].as_str().unwrap_or_default())
        && either(record, "port", |port| port.as_u64().is_some_and(&holds))
}

fn rtt(record: &Value) -> Option<f64> {
    let handshake = &record["handshake"];
    let of = |key: &str| number(&handshake[key]);
    // No way to the other host and back was measured.
    let unheard = handshake["outcome"] == "half_open" && handshake["refusal"].is_null();
    if handshake["outcome"] == "unreachable" || unheard {
        return None;
    }
    of("rtt").or_else(|| of("rtt_responder")).or_else(|| number(&record["response_time"]))
}

const CASES: &[Case] = &[
    ("tcp", |r| r["proto"] == "tcp"),
    ("state refused", |r| r["state"] == "refused"),
    ("state \"no answer\" or state half-open", |r| r["state"] == "no_answer" || r["state"] == "half-open"),
    ("state reset and reset_by = orig", |r| r["state"] == "reset" && r["reset_by"] == "orig"),
    ("not state closed,answered", |r| r["state"] != "closed" && r["state"] != "answered"),
    ("state != closed", |r| r["state"] != "closed"),
    ("port 80,443", |r| port(r, |port| port == 80 || port == 443)),
    ("port != 53", |r| {
        let has_ports = ["tcp", "udp", "sctp"].contains(&r["proto"].as_str().unwrap_or_default());
        has_ports && !port(r, |port| port == 53)
    }),
    ("resp.port 1-1023", |r| r["resp"]["port"].as_u64().is_some_and(|port| (1..=1023).contains(&port))),
    ("bytes>1kB", |r| sum(r, "unique_bytes").is_some_and(|bytes| bytes > 1000.0)),
    ("wire_bytes <= 512", |r| sum(r, "wire_bytes").is_some_and(|bytes| bytes <= 512.0)),
    ("resent>0", |r| sum(r, "resent_packets").is_some_and(|packets| packets > 0.0)),
    ("max_segment >= 1400", |r| either(r, "max_segment", |size| size.as_u64().is_some_and(|size| size >= 1400))),
    ("orig.rtt.max > 20ms and orig.rtt.samples > 1", |r| {
        number(&r["orig"]["rtt"]["max"]).is_some_and(|rtt| rtt > 0.02)
            && number(&r["orig"]["rtt"]["samples"]).is_some_and(|samples| samples > 1.0)
    }),
    ("host 10.77.0.0/24 and not host 10.77.0.2", |r| {
        either(r, "ip", |ip| ip.as_str().is_some_and(|ip| ip.starts_with("10.77.0."))) && !either(r, "ip", |ip| ip == "10.77.0.2")
    }),
    ("host fd00::/8", |r| either(r, "ip", |ip| ip.as_str().is_some_and(|ip| ip.starts_with("fd") && ip.contains(':')))),
    ("app http or app dns", |r| ["http", "dns"].contains(&r["app"]["protocol"].as_str().unwrap_or_default())),
    ("sni ~ \"^www\"", |r| r["app"]["tls"]["server_name"].as_str().is_some_and(|name| name.starts_with("www"))),
    ("duration > 1s", |r| number(&r["duration"]).is_some_and(|duration| duration > 1.0)),
    ("handshake.syn_retries >= 2", |r| number(&r["handshake"]["syn_retries"]).is_some_and(|retries| retries >= 2.0)),
    ("history ~ ^Sh?A", |r| {
        let history = r["history"].as_str().unwrap_or_default();
        history.starts_with("SA") || history.starts_with("ShA")
    }),
    ("history !~ D", |r| r["history"].as_str().is_some_and(|history| !history.contains('D'))),
    ("conn_state SF,S0", |r| r["conn_state"] == "SF" || r["conn_state"] == "S0"),
    ("vlan", |r| r["vlan"].as_array().is_some_and(|vlan| !vlan.is_empty())),
    ("icmp_error.type = 3", |r| r["icmp_error"]["type"] == 3),
    ("outcome != established", |r| !r["handshake"]["outcome"].is_null() && r["handshake"]["outcome"] != "established"),
    ("start >= 2026-11-20T23:15:10Z", |r| r["start"].as_str().is_some_and(|start| start >= "2026-11-20T23:15:10")),
    ("(udp or icmp) and server.packets = 0", |r| (r["proto"] == "udp" || r["proto"] == "icmp") && r["resp"]["packets"] == 0),
    ("rtt > 15ms", |r| rtt(r).is_some_and(|rtt| rtt > 0.015)),
];

#[test]
fn conditions_choose_what_the_records_say() {
    let mut held = vec![(0, 0); CASES.len()];
    for file in captures() {
        let all = flows(&file, None);
        for ((condition, holds), counts) in CASES.iter().zip(&mut held) {
            let wanted: Vec<_> = all.iter().filter(|record| holds(record)).collect();
            let chosen = flows(&file, Some(condition));
            let ids = |records: &[&Value]| records.iter().map(|record| record["id"].to_string()).collect::<Vec<_>>().join(" ");
            assert_eq!(ids(&chosen.iter().collect::<Vec<_>>()), ids(&wanted), "{condition} of {}", file.display());
            counts.0 += wanted.len();
            counts.1 += all.len() - wanted.len();
        }
    }
    for ((condition, _), (held, not)) in CASES.iter().zip(held) {
        assert!(held > 0 && not > 0, "{condition}: holds for {held} and not for {not}: it tells nothing");
    }
}

fn tour() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures/tour.pcapng")
}

#[test]
fn every_command_that_lists_conversations_takes_it() {
    for (command, shown, hidden) in
        [("summary", "c3 ", "c4 "), ("flows", "c3 ", "c4 "), ("handshakes", "c3 ", "c4 "), ("findings", "c3 ", "c4 ")]
    {
        let ran = run(sockeye().arg(command).arg(tour()).args(["--where", "state refused"]));
        assert_eq!((ran.code(), ran.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(ran.stdout.contains(shown) && !ran.stdout.contains(hidden), "{command}: {}", ran.stdout);
    }
    let ran = run(sockeye().arg(tour()).args(["-Y", "state refused"]));
    assert!(ran.stdout.contains("\n2 of 11 conversations where state refused\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("303 packets"), "what is said of the capture is said of all of it: {}", ran.stdout);
}

#[test]
fn that_nothing_holds_is_said_and_no_error() {
    for (command, word) in [("flows", "none of 11 conversations"), ("handshakes", "none of 11 conversations")] {
        let ran = run(sockeye().arg(command).arg(tour()).args(["--where", "rtt > 1h"]));
        assert_eq!((ran.code(), ran.stdout.as_str()), (Some(0), ""), "{command}");
        assert!(ran.stderr.contains(word) && ran.stderr.contains("rtt > 1h"), "{command}: {}", ran.stderr);
    }
    let ran = run(sockeye().arg(tour()).args(["--where", "rtt > 1h"]));
    assert!(ran.stdout.contains("0 of 11 conversations where rtt > 1h"), "{}", ran.stdout);
}

#[test]
fn a_wrong_condition_ends_it_before_anything_is_read_or_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("flows.csv");
    let ran = run(sockeye().args(["flows", "-r"]).arg(tour()).args(["--where", "state refusd", "-o"]).arg(&out));
    assert_eq!(ran.code(), Some(2));
    assert_eq!(
        ran.stderr,
        "sockeye: where: \"refusd\" is none of its words\n  state refusd\n        ^^^^^^  did you mean refused?\n"
    );
    assert!(!out.exists());
}
