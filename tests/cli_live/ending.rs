//! How a capture ends, or goes on: signals, limits, a reader that goes away.

use super::{LISTENING, PATIENCE, closing_lines, send, silent_sink, sockeye, start, start_command};
use crate::netns::{Pair, VETH};
use crate::program::{run, wait};
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

for_backends! {
    interrupted_it_sums_up
    interrupted_at_once_it_shows_what_came
    interrupted_while_packets_come_it_ends
    terminated_and_hung_up_it_sums_up
    nohup_is_respected
    a_second_interrupt_stops_at_once
    asked_it_says_how_it_is_going
    it_ends_after_so_many_packets
    it_ends_after_so_much_time
    without_a_reader_it_ends_quietly
    without_a_reader_a_file_is_written_on
}

/// Five datagrams, five lines, at once: nobody waits for a buffer to fill.
fn interrupted_it_sums_up(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let capturing = start(&pair, backend, "-i veth0");
    send(&pair, [1, 2, 3, 4, 5]);
    capturing.wait_for_lines(5);
    let ran = capturing.interrupt();
    assert_eq!(ran.code(), Some(0));
    assert_eq!(ran.stderr, format!("{LISTENING}{}", closing_lines(5, 5, 0)));
    for (i, line) in ran.stdout.lines().enumerate() {
        let (time, rest) = line.split_at(15);
        assert!(time.bytes().all(|b| b.is_ascii_digit() || b":.".contains(&b)), "{line}");
        assert_eq!(rest, format!(" IP 10.77.0.2.5000 > 10.77.0.1.4000: UDP, length {} ; #{} u1", i + 1, i + 1));
    }
}

/// What came before the signal may still be with the kernel: it is shown, and the totals agree.
fn interrupted_at_once_it_shows_what_came(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let capturing = start(&pair, backend, "-i veth0");
    send(&pair, std::iter::repeat_n(9, 200));
    let ran = capturing.interrupt();
    assert_eq!((ran.code(), ran.stdout.lines().count()), (Some(0), 200));
    assert_eq!(ran.stderr, format!("{LISTENING}{}", closing_lines(200, 200, 0)));
}

/// What goes on coming is not waited for, and not shown: it came after the end.
fn interrupted_while_packets_come_it_ends(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let capturing = start(&pair, backend, "-i veth0");
    let (stopped, running) = (AtomicBool::new(false), &pair);
    let ran = thread::scope(|scope| {
        scope.spawn(|| {
            send(running, std::iter::repeat_n(9, 1_000_000).take_while(|_| !stopped.load(Ordering::Relaxed)));
        });
        capturing.wait_for_lines(300);
        let ran = capturing.interrupt();
        stopped.store(true, Ordering::Relaxed);
        ran
    });
    let shown = ran.stdout.lines().count() as u64;
    assert_eq!(ran.code(), Some(0));
    assert_eq!(ran.stderr, format!("{LISTENING}{}", closing_lines(shown, shown, 0)));
}

fn terminated_and_hung_up_it_sums_up(backend: &str) {
    for signal in ["TERM", "HUP"] {
        let Some(pair) = Pair::new() else { return };
        let _sink = silent_sink(&pair);
        let capturing = start(&pair, backend, "packets --plain -i veth0");
        send(&pair, [7]);
        capturing.wait_for_lines(1);
        capturing.signal(signal);
        let ran = capturing.end();
        assert_eq!((ran.code(), ran.stdout.lines().count()), (Some(0), 1), "{signal}");
        assert_eq!(ran.stderr, format!("{LISTENING}{}", closing_lines(1, 1, 0)), "{signal}");
    }
}

fn nohup_is_respected(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let mut command = crate::program::with_bare_settings(Command::new("nohup"));
    command.arg(env!("CARGO_BIN_EXE_sockeye")).args(["packets", "-i", VETH, "--backend", backend]);
    let mut capturing = start_command(&pair, command);
    capturing.signal("HUP");
    thread::sleep(Duration::from_millis(300));
    assert!(capturing.is_running());
    assert_eq!(capturing.interrupt().code(), Some(0));
}

/// Standard output is a full pipe that nobody reads: the first Ctrl-C cannot be obeyed, the second is.
fn a_second_interrupt_stops_at_once(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let mut command = sockeye();
    command.args(["packets", "-XX", "-i", VETH, "--backend", backend]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pair.near.run(|| command.spawn().expect("runs"));
    let mut listening = [0; 20];
    child.stderr.as_mut().expect("piped").read_exact(&mut listening).expect("it listens");
    send(&pair, std::iter::repeat_n(1400, 100));
    thread::sleep(Duration::from_millis(500));
    let interrupt = |id: u32| run(Command::new("kill").args(["-INT", &id.to_string()]));
    interrupt(child.id());
    thread::sleep(Duration::from_millis(300));
    assert!(child.try_wait().expect("waited").is_none(), "it waits for its reader");
    interrupt(child.id());
    assert_eq!(wait(&mut child, PATIENCE).code(), Some(130));
}

fn asked_it_says_how_it_is_going(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let capturing = start(&pair, backend, "packets -i veth0");
    send(&pair, [1, 2, 3]);
    capturing.wait_for_lines(3);
    capturing.signal("USR1");
    let status = "sockeye: 3 packets captured, 3 received by filter, 0 dropped by kernel, 1 flow\n";
    capturing.wait_until("the status line", |_, stderr| stderr.contains(status));
    send(&pair, [4]);
    capturing.wait_for_lines(4);
    let ran = capturing.interrupt();
    assert_eq!((ran.code(), ran.stderr), (Some(0), format!("{LISTENING}{status}{}", closing_lines(4, 4, 0))));
}

fn it_ends_after_so_many_packets(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let capturing = start(&pair, backend, "packets -i veth0 -c 3");
    send(&pair, [1; 10]);
    let ran = capturing.end();
    assert_eq!((ran.code(), ran.stdout.lines().count()), (Some(0), 3));
    assert!(ran.stderr.starts_with(&format!("{LISTENING}3 packets captured\n")), "{}", ran.stderr);
}

fn it_ends_after_so_much_time(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let start_of_all = Instant::now();
    let ran = start(&pair, backend, "packets -i veth0 --duration 700ms").end();
    let taken = start_of_all.elapsed();
    assert!((Duration::from_millis(700)..Duration::from_secs(5)).contains(&taken), "{taken:?}");
    assert_eq!((ran.code(), ran.stdout.as_str()), (Some(0), ""));
    assert_eq!(ran.stderr, format!("{LISTENING}{}sockeye: no packets were seen on veth0\n", closing_lines(0, 0, 0)));
}

fn without_a_reader_it_ends_quietly(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let line =
        format!("'{}' packets -i {VETH} --backend {backend} | head -1; echo ${{PIPESTATUS[0]}}", env!("CARGO_BIN_EXE_sockeye"));
    let mut bash = crate::program::with_bare_settings(Command::new("bash"));
    bash.args(["-c", &line]);
    let capturing = start_command(&pair, bash);
    for _ in 0..20 {
        send(&pair, [1]);
        thread::sleep(Duration::from_millis(20));
    }
    let ran = capturing.end();
    assert_eq!(ran.stdout.lines().last(), Some("141"));
    assert_eq!((ran.stdout.lines().count(), ran.stderr.as_str()), (2, LISTENING));
}

fn without_a_reader_a_file_is_written_on(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("all.pcap");
    let mut command = sockeye();
    command.args(["packets", "-i", VETH, "--backend", backend, "--print", "-w"]).arg(&file);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pair.near.run(|| command.spawn().expect("runs"));
    let mut listening = [0; 20];
    child.stderr.as_mut().expect("piped").read_exact(&mut listening).expect("it listens");
    send(&pair, [1]);
    let mut first = [0; 10];
    child.stdout.as_mut().expect("piped").read_exact(&mut first).expect("a line");
    drop(child.stdout.take());
    for _ in 0..9 {
        send(&pair, [1]);
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(200));
    assert!(child.try_wait().expect("waited").is_none(), "it goes on");
    run(Command::new("kill").args(["-INT", &child.id().to_string()]));
    let mut rest = String::new();
    child.stderr.as_mut().expect("piped").read_to_string(&mut rest).expect("read");
    assert_eq!(wait(&mut child, PATIENCE).code(), Some(0));
    assert!(rest.ends_with(&closing_lines(10, 10, 0)), "{rest}");
    assert_eq!(run(sockeye().args(["packets", "--count"]).arg(&file)).stdout, "10 packets\n");
}
