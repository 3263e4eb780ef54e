//! The lab (`docs/lab.md`): what is found in each of its captures, exactly, by the real program; and that its pages name them all.

#[path = "support/program.rs"]
mod program;

use program::{run, sockeye};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each capture of the lab, and severity and code of every finding in it, in the order in which they are told.
const FOUND: &[(&str, &[&str])] = &[
    // Who is looking for open doors?
    ("scan-100.pcap", &["medium port_scan"]),
    ("scan.pcap", &["medium port_scan"]),
    ("scan-connect.pcap", &["medium port_scan"]),
    ("scan-fin.pcap", &["medium port_scan"]),
    ("scan-null.pcap", &["medium port_scan"]),
    ("scan-xmas.pcap", &["medium port_scan"]),
    ("scan-ack.pcap", &["medium port_scan"]),
    ("scan-window.pcap", &["medium port_scan"]),
    ("scan-maimon.pcap", &["medium port_scan"]),
    ("scan-udp.pcap", &["medium port_scan"]),
    ("scan-hosts.pcap", &["medium port_scan"]),
    ("scan-slow.pcap", &["medium port_scan"]),
    ("scan-decoys.pcap", &["medium port_scan"; 3]),
    ("probes.pcap", &["medium refused", "low probe", "low probe", "low probe", "low probe", "low probe", "low probe"]),
    ("restart.pcap", &[]),
    ("browser.pcap", &["high no_answer", "medium refused"]),
    ("dead-service.pcap", &["medium refused"]),
    ("peers-gone.pcap", &["medium no_answer", "medium refused"]),
    ("traceroute.pcap", &[]),
    // Too much on purpose
    ("syn-flood.pcap", &["high syn_flood"]),
    ("slowloris.pcap", &["high slow_requests"]),
    ("burst.pcap", &[]),
    ("downloads.pcap", &[]),
    ("long-poll.pcap", &[]),
    // A connect that fails
    ("refused.pcap", &["medium refused", "medium refused"]),
    ("udp-closed.pcap", &["low refused", "low refused"]),
    ("no-answer.pcap", &["high no_answer"]),
    ("no-answer-doubling.pcap", &["high no_answer"]),
    ("backlog.pcap", &["low no_answer"]),
    ("unreachable.pcap", &["high unreachable"; 4]),
    ("half-open.pcap", &["medium half_open"]),
    ("syn-lost.pcap", &[]),
    ("http-get.pcap", &[]),
    // Bytes that do not arrive
    ("lossy-download.pcap", &["medium resent"]),
    ("lossy-download-server.pcap", &["medium resent"]),
    ("path-mtu.pcap", &["low path_mtu"]),
    ("black-hole.pcap", &["high black_hole"]),
    ("black-hole-probed.pcap", &["medium black_hole"]),
    ("zero-window.pcap", &["medium zero_window"]),
    ("dead-receiver.pcap", &["high peer_gone"]),
    ("reordered.pcap", &[]),
    ("keepalive.pcap", &[]),
    ("tso.pcap", &[]),
    // Connections that end in a strange way
    ("reset.pcap", &["medium reset", "low reset"]),
    ("injected-reset.pcap", &["high injected_reset"]),
    ("rewritten-data.pcap", &["high rewritten_data"]),
    ("left-open.pcap", &["medium left_open"]),
    ("leak.pcap", &["medium left_open"]),
    ("reset-strays.pcap", &["medium reset"]),
    ("reset-overtakes.pcap", &["low reset"]),
    ("linger-close.pcap", &[]),
    ("keepalive-byte.pcap", &[]),
    ("timeout.pcap", &[]),
    ("half-close.pcap", &[]),
    ("pool.pcap", &[]),
    // Who has this address?
    ("arp-spoof.pcap", &["high spoofed_address", "low refused"]),
    ("ndp-spoof.pcap", &["high spoofed_address"]),
    ("duplicate-address.pcap", &["medium duplicate_address"]),
    ("ipv6-duplicate.pcap", &["medium duplicate_address"]),
    ("neighbour-silent.pcap", &["low neighbour_silent", "low neighbour_silent"]),
    ("arp.pcap", &["low neighbour_silent"]),
    ("arp-sweep.pcap", &["low neighbour_silent"]),
    ("address-moved.pcap", &[]),
    ("virtual-router.pcap", &[]),
    ("proxy-arp.pcap", &[]),
    ("ipv6-dad.pcap", &[]),
    // Names and certificates
    ("dns.pcap", &["low dns"]),
    ("dns-failures.pcap", &["medium dns"; 3]),
    ("tls-alert.pcap", &["medium tls_alert"; 3]),
    ("dns-retry.pcap", &[]),
    ("tls.pcap", &[]),
    ("tls-name.pcap", &[]),
    // What everybody can read, what everybody can reach
    ("login.pcap", &["high password_in_clear", "high password_in_clear"]),
    ("telnet.pcap", &["medium clear_protocol"]),
    ("ftp-anonymous.pcap", &[]),
    ("exposed-port.pcap", &["medium exposed_port", "low exposed_port"]),
    ("smtp-starttls.pcap", &[]),
    ("ssh-out.pcap", &["medium refused", "medium refused"]),
    ("ssh.pcap", &[]),
    // Is it the network, or the capture?
    ("capture-loss.pcapng", &["medium capture_loss"]),
    ("capture-gap.pcap", &["medium capture_loss"]),
    ("midway.pcap", &[]),
    // Everything at once
    (
        "tour.pcapng",
        &["high no_answer", "medium zero_window", "medium resent", "medium refused", "low refused", "low reset", "low dns"],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Severity and code of each finding.
fn found(path: &Path, threads: &str) -> Vec<String> {
    let told = run(sockeye().args(["findings", "--format", "jsonl", "--threads", threads]).arg(path));
    assert_eq!(told.code(), Some(0), "{}: {}", path.display(), told.stderr);
    let records = told.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a record"));
    let word = |record: &Value, key: &str| record[key].as_str().expect("a word").to_owned();
    records
        .filter(|record| record["type"] == "finding")
        .map(|record| format!("{} {}", word(&record, "severity"), word(&record, "code")))
        .collect()
}

/// The captures that the rows of a page begin with, each with its row.
fn rows(page: &str) -> Vec<(&str, &str)> {
    page.lines().filter_map(|line| Some((line.strip_prefix("| `")?.split_once('`')?.0, line))).collect()
}

#[test]
fn each_capture_shows_what_it_is_there_for_and_nothing_else() {
    let mut wrong = Vec::new();
    for (name, expected) in FOUND {
        for threads in ["1", "2"] {
            let got = found(&root().join("captures").join(name), threads);
            if got != *expected {
                wrong.push(format!("{name}, {threads} thread(s): {got:?}, not {expected:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_has_every_capture_of_the_lab() {
    let known: BTreeSet<&str> = FOUND.iter().map(|(name, _)| *name).collect();
    assert_eq!(known.len(), FOUND.len(), "each once");
    let readme = text("captures/README.md");
    let (_, lab) = readme.split_once("\n## The lab\n").expect("the lab's section");
    let missing: Vec<&str> = rows(lab).into_iter().map(|(name, _)| name).filter(|name| !known.contains(name)).collect();
    assert!(rows(lab).len() > 50 && missing.is_empty(), "captures/README.md has them, this table has not: {missing:?}");
    for name in known {
        assert!(readme.contains(&format!("| `{name}` |")), "captures/README.md has no row for {name}");
    }
}

#[test]
fn the_page_for_students_says_what_is_found() {
    let page = text("docs/lab.md");
    let mut told: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, row) in rows(&page) {
        let cell = row.trim_end_matches(" |").rsplit(" | ").next().expect("what to see");
        told.entry(name).or_default().push(cell);
    }
    let table: BTreeMap<&str, &[&str]> = FOUND.iter().copied().collect();
    assert_eq!(told.keys().collect::<Vec<_>>(), table.keys().collect::<Vec<_>>());
    for (name, cells) in told {
        let codes: BTreeSet<&str> = table[name].iter().filter_map(|one| Some(one.split_once(' ')?.1)).collect();
        for cell in cells {
            let said: BTreeSet<&str> =
                cell.split('`').skip(1).step_by(2).filter(|word| word.contains('_') || codes.contains(word)).collect();
            assert_eq!(said, codes, "docs/lab.md, {name}: {cell}");
            assert_eq!(cell.starts_with("*nothing*"), codes.is_empty(), "docs/lab.md, {name}: {cell}");
        }
    }
}

#[test]
fn what_the_page_says_to_type_can_be_typed() {
    let page = text("docs/lab.md");
    let commands: Vec<&str> = page.split('`').skip(1).step_by(2).filter(|code| code.starts_with("sockeye ")).collect();
    assert!(commands.len() > 70, "{}", commands.len());
    for command in commands.into_iter().filter(|command| !command.contains("FILE") && !command.contains("NAME")) {
        let told = run(sockeye().current_dir(root()).args(command.split_whitespace().skip(1)));
        assert_eq!(told.code(), Some(0), "{command}: {}", told.stderr);
        assert!(!told.stdout.is_empty(), "{command} prints nothing");
    }
}
