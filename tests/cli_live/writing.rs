//! What a live capture writes: read back by tcpdump and tshark it is what was sent.

use super::{closing_lines, send, silent_sink, sockeye, start};
use crate::netns::{Pair, VETH};
use crate::program::{has, run, with_bare_settings};
use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

for_backends! {
    files_hold_what_was_sent
    a_pipe_holds_what_was_sent
    two_interfaces_keep_their_names
    asked_it_hands_on_what_it_has
}

/// Lengths of the datagrams' payloads, each told apart.
fn lengths() -> Vec<usize> {
    (0..200).map(|i| i * 7 % 1400 + 1).collect()
}

/// These fields of each packet as tshark reads them, with tabs between.
fn as_tshark_reads(file: &Path, fields: &[&str]) -> Option<Vec<String>> {
    if !has("tshark") {
        let _ = writeln!(std::io::stderr(), "SKIPPED: needs tshark: reading back");
        return None;
    }
    let mut command = with_bare_settings(Command::new("tshark"));
    command.arg("-nr").arg(file).args(["-d", "udp.port==4000,data", "-T", "fields"]).args(fields.iter().flat_map(|f| ["-e", f]));
    Some(run(&mut command).stdout.lines().map(str::to_owned).collect())
}

fn count_by_tcpdump(file: &Path) -> Option<usize> {
    if !has("tcpdump") {
        let _ = writeln!(std::io::stderr(), "SKIPPED: needs tcpdump: reading back");
        return None;
    }
    Some(run(with_bare_settings(Command::new("tcpdump")).arg("-nr").arg(file)).stdout.lines().count())
}

fn files_hold_what_was_sent(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let folder = tempfile::tempdir().expect("a folder");
    let files = ["a.pcap", "b.pcapng"].map(|name| folder.path().join(name));
    let one = start(&pair, backend, &format!("capture -i veth0 -w {}", files[0].display()));
    let other = start(&pair, backend, &format!("packets -i veth0 -w {}", files[1].display()));
    send(&pair, lengths());
    std::thread::sleep(std::time::Duration::from_millis(400));
    for capturing in [one, other] {
        let ran = capturing.interrupt();
        assert_eq!((ran.code(), ran.stdout.as_str()), (Some(0), ""));
        assert!(ran.stderr.ends_with(&closing_lines(200, 200, 0)), "{}", ran.stderr);
    }
    let datagram = |(i, length): (usize, usize)| format!("{}\t{}", length + 8, format!("{:02x}", i as u8).repeat(length));
    let sent: Vec<String> = lengths().into_iter().enumerate().map(datagram).collect();
    for file in &files {
        assert_eq!(count_by_tcpdump(file).unwrap_or(200), 200, "{}", file.display());
        let Some(read) = as_tshark_reads(file, &["frame.time_epoch", "udp.length", "data.data"]) else { continue };
        let (times, datagrams): (Vec<&str>, Vec<&str>) = read.iter().filter_map(|line| line.split_once('\t')).unzip();
        assert_eq!(datagrams, sent, "{}", file.display());
        // The times are the same to the nanosecond as we read them ourselves.
        let csv = run(sockeye().args(["packets", "--format", "csv", "--fields", "ts"]).arg(file)).stdout;
        let ours: Vec<&str> = csv.lines().skip(1).map(|ts| &ts[20..29]).collect();
        let theirs: Vec<&str> = times.iter().filter_map(|time| time.split('.').nth(1)).collect();
        assert_eq!(ours, theirs, "{}", file.display());
    }
    // pcapng keeps the counters of the capture, too.
    let summary = run(sockeye().arg(&files[1])).stdout;
    assert!(summary.contains("Drops while capturing: kernel 0"), "{summary}");
}

fn a_pipe_holds_what_was_sent(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let binary = env!("CARGO_BIN_EXE_sockeye");
    let line = format!("'{binary}' capture -i {VETH} --backend {backend} -c 50 -w - | '{binary}' packets -r - -q");
    let mut bash = with_bare_settings(Command::new("bash"));
    bash.args(["-c", &line]);
    let capturing = super::start_command(&pair, bash);
    send(&pair, 1..=50);
    let ran = capturing.end();
    assert_eq!(ran.code(), Some(0), "{}", ran.stderr);
    let sent: Vec<String> = (1..=50).map(|n| format!("UDP, length {n} ; #{n} u1")).collect();
    let got: Vec<String> = ran.stdout.lines().filter_map(|line| line.split(": ").nth(1).map(str::to_owned)).collect();
    assert_eq!(got, sent);
}

fn two_interfaces_keep_their_names(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let local = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("both.pcapng");
    let capturing = start(&pair, backend, &format!("packets -i veth0 -i lo --print -w {}", file.display()));
    send(&pair, [10]);
    capturing.wait_for_lines(1);
    let sender = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    sender.send_to(b"round", local.local_addr().expect("bound")).expect("sends");
    capturing.wait_for_lines(2);
    assert_eq!(capturing.interrupt().code(), Some(0));
    if let Some(names) = as_tshark_reads(&file, &["frame.interface_name"]) {
        assert_eq!(names, ["veth0", "lo"]);
    }
    let summary = run(sockeye().arg(&file)).stdout;
    assert!(summary.lines().next().is_some_and(|line| line.contains("2 interfaces (veth0 lo)")), "{summary}");
    // Each interface's own counters are in the file.
    assert!(summary.contains("Drops while capturing: kernel 0"), "{summary}");
}

/// SIGUSR2: the file holds every packet seen so far, and the capture goes on.
fn asked_it_hands_on_what_it_has(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("now.pcap");
    let capturing = start(&pair, backend, &format!("packets --print -i veth0 -w {}", file.display()));
    for round in 1..=2 {
        send(&pair, [1; 5]);
        capturing.wait_for_lines(5 * round);
        capturing.signal("USR2");
        let start = std::time::Instant::now();
        let wanted = format!("{} packets\n", 5 * round);
        while run(sockeye().args(["packets", "--count"]).arg(&file)).stdout != wanted {
            assert!(start.elapsed() < super::PATIENCE, "not flushed");
        }
    }
    assert_eq!(capturing.interrupt().code(), Some(0));
}
