//! What goes wrong with interfaces, said in full.

use super::{LISTENING, PATIENCE, closing_lines, send, silent_sink, sockeye, spawn, start, start_command};
use crate::netns::{Pair, VETH};
use crate::program::Ran;
use std::net::UdpSocket;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

for_backends! {
    no_such_interface
    time_stamps_that_are_not_there
    an_interface_that_is_down
    down_and_up_again_is_told
    of_several_that_one_is_down_is_told
    a_vanished_interface_ends_it
    lost_packets_are_never_silent
    loopback_is_counted_once
    a_full_disk_stops_the_capture
    a_filter_that_cannot_be_is_refused_before
}

/// A line that is refused at once.
fn refused(pair: &Pair, backend: &str, line: &str) -> Ran {
    let mut command = sockeye();
    command.args(line.split_whitespace()).args(["--backend", backend]);
    let ran = spawn(pair, command).end();
    assert_eq!(ran.stdout, "", "{line}");
    ran
}

fn time_stamps_that_are_not_there(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let mut command = sockeye();
    command.args("packets -i veth0 -J --backend".split(' ')).arg(backend);
    let ran = spawn(&pair, command).end();
    let list = "Time stamp types for veth0 (use option -j to set):\n  host (Host)\n  host_hiprec (Host, high precision)\n";
    assert_eq!((ran.code(), ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), list, ""));
    for kind in ["host_lowprec", "adapter", "adapter_unsynced"] {
        let ran = refused(&pair, backend, &format!("capture -i veth0 -j {kind} -w /dev/null"));
        let told = format!("sockeye: veth0: no {kind} time stamps from this interface; it has host, host_hiprec\n");
        assert_eq!((ran.code(), ran.stderr), (Some(2), told));
    }
    let ran = refused(&pair, backend, "packets -i veth0 -j best");
    let known = "  known: host, host_lowprec, host_hiprec, adapter, adapter_unsynced\n";
    assert_eq!((ran.code(), ran.stderr), (Some(2), format!("sockeye: -j best: there are no time stamps of this name\n{known}")));
}

fn no_such_interface(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let there = "  up: lo (127.0.0.1), veth0 (10.77.0.1)\n";
    for (name, near) in [("veth1", "; did you mean veth0?"), ("nothing-like", "")] {
        let ran = refused(&pair, backend, &format!("-i {name}"));
        assert_eq!((ran.code(), ran.stderr), (Some(2), format!("sockeye: no interface \"{name}\"{near}\n{there}")));
    }
    pair.near.ip("link set lo down");
    let ran = refused(&pair, backend, "-i wlan0");
    let there = "  up: veth0 (10.77.0.1) · down: lo";
    assert!(ran.stderr.lines().nth(1).is_some_and(|line| line.starts_with(there)), "{}", ran.stderr);
}

fn an_interface_that_is_down(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    pair.near.ip(&format!("link set {VETH} down"));
    let ran = refused(&pair, backend, "-i veth0");
    assert_eq!(
        (ran.code(), ran.stderr.as_str()),
        (Some(2), "sockeye: interface veth0 exists but is down:  sudo ip link set veth0 up\n")
    );
}

fn down_and_up_again_is_told(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let capturing = start(&pair, backend, "packets -i veth0");
    send(&pair, [1, 2]);
    capturing.wait_for_lines(2);
    pair.near.ip(&format!("link set {VETH} down"));
    let after = " after 2 packets; waiting for it (Ctrl-C to stop)\n";
    capturing.wait_until("it is told", |_, stderr| stderr.contains("sockeye: veth0 went down at ") && stderr.contains(after));
    pair.near.ip(&format!("link set {VETH} up"));
    capturing.wait_until("it is told", |_, stderr| stderr.contains("sockeye: veth0 is up again at "));
    // The neighbour's entry went with the link.
    let start = Instant::now();
    while capturing.stdout().lines().filter(|l| l.contains("UDP")).count() < 3 {
        assert!(start.elapsed() < PATIENCE, "{}", capturing.stdout());
        send(&pair, [3]);
        thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(capturing.interrupt().code(), Some(0));
}

fn of_several_that_one_is_down_is_told(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let capturing = start(&pair, backend, "packets -i veth0 -i lo");
    send(&pair, [1, 2]);
    capturing.wait_for_lines(2);
    pair.near.ip(&format!("link set {VETH} down"));
    let after = " after 2 packets in all; waiting for it; the others go on (Ctrl-C to stop)\n";
    capturing.wait_until("it is told", |_, stderr| stderr.contains("sockeye: veth0 went down at ") && stderr.contains(after));
    assert_eq!(capturing.interrupt().code(), Some(0));
}

fn a_vanished_interface_ends_it(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let capturing = start(&pair, backend, "summary -i veth0");
    send(&pair, [1, 2, 3]);
    thread::sleep(Duration::from_millis(400));
    pair.near.ip(&format!("link del {VETH}"));
    let ran = capturing.end();
    assert_eq!(ran.code(), Some(1), "{}", ran.stderr);
    let last = "sockeye: veth0 vanished after 3 packets; nothing more can be captured on it\n";
    assert!(ran.stderr.ends_with(&format!("{}{last}", closing_lines(3, 3, 0))), "{}", ran.stderr);
    assert!(ran.stdout.contains("10.77.0.2:5000 → 10.77.0.1:4000"), "the summary is still printed: {}", ran.stdout);
}

/// The program is stopped while far more comes than its small buffer holds.
fn lost_packets_are_never_silent(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let capturing = start(&pair, backend, "packets -i veth0 -B 64 -q");
    capturing.signal("STOP");
    send(&pair, std::iter::repeat_n(1000, 5000));
    capturing.signal("CONT");
    thread::sleep(Duration::from_millis(500));
    let ran = capturing.interrupt();
    assert_eq!(ran.code(), Some(0));
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let [_, captured, received, dropped, lost, advice] = lines[..] else { panic!("{}", ran.stderr) };
    let number = |line: &str| line.split(' ').next().unwrap().parse::<u64>().unwrap();
    assert_eq!(received, "5000 packets received by filter");
    assert!(number(dropped) > 0 && number(captured) + number(dropped) == 5000, "{}", ran.stderr);
    let counted = number(dropped).to_string();
    let with_comma = if counted.len() > 3 { format!("{},{}", &counted[..1], &counted[1..]) } else { counted };
    assert_eq!(
        lost,
        format!(
            "sockeye: {with_comma} of 5,000 packets were dropped (kernel {with_comma}, interface 0, sockeye 0): loss figures are unreliable"
        )
    );
    assert_eq!(advice, "  try:  leave -B off (65536 is the default)   or a capture filter   or -s 128");
}

fn loopback_is_counted_once(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let sink = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    let capturing = start(&pair, backend, "packets -i lo");
    let sender = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    for _ in 0..20 {
        sender.send_to(b"round", sink.local_addr().expect("bound")).expect("sends");
    }
    capturing.wait_for_lines(20);
    thread::sleep(Duration::from_millis(300));
    let ran = capturing.interrupt();
    assert_eq!(ran.stdout.lines().count(), 20);
    let account = format!("{}20 duplicates\n", closing_lines(20, 40, 0));
    assert!(ran.stderr.ends_with(&account), "{}", ran.stderr);
}

fn a_full_disk_stops_the_capture(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let script = r#"mount -t tmpfs -o size=16k none "$1" && cd "$1" || { echo "listening on nothing"; exit; }
        "$2" capture -i veth0 --backend "$3" -w out.pcap; echo "exit $?"; exec "$2" packets --count out.pcap"#;
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = crate::program::with_bare_settings(Command::new("unshare"));
    command.args(["-m", "sh", "-c", script, "sh"]).arg(folder.path()).args([env!("CARGO_BIN_EXE_sockeye"), backend]);
    let capturing = start_command(&pair, command);
    send(&pair, std::iter::repeat_n(1000, 1000));
    let ran = capturing.end();
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let ["exit 1", count] = lines[..] else { panic!("{}{}", ran.stdout, ran.stderr) };
    let told = format!("sockeye: out.pcap: disk full after {count} (");
    let message = ran.stderr.lines().find(|line| line.starts_with(&told)).unwrap_or_else(|| panic!("{count}: {}", ran.stderr));
    assert!(message.ends_with("; the file is complete up to there"), "{message}");
    // What was captured was saved, or is told to be lost.
    let number = |text: &str| text.split(' ').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or_else(|| panic!("{text}"));
    let captured = ran.stderr.lines().find(|line| line.ends_with(" captured")).unwrap_or_else(|| panic!("{}", ran.stderr));
    let unsaved = number(captured) - number(count);
    let told = format!("  the capture has stopped; {unsaved} packets seen since then were not saved");
    assert!(ran.stderr.lines().any(|line| line == told), "{told}: {}", ran.stderr);
}

fn a_filter_that_cannot_be_is_refused_before(backend: &str) {
    if !cfg!(feature = "libpcap") {
        return;
    }
    let Some(pair) = Pair::new() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("new.pcap");
    let ran = refused(&pair, backend, &format!("capture -i veth0 -w {} tcp port htpp", file.display()));
    assert_eq!(
        (ran.code(), ran.stderr.as_str()),
        (Some(2), "sockeye: filter: \"htpp\" is not a known port\n  tcp port htpp\n           ^^^^  did you mean http?\n")
    );
    assert!(!file.exists() && !ran.stderr.contains(LISTENING));
}
