//! Flows that the capture spoiled, live: a program that stands still loses packets, and says so of the flows of that time only.

use super::{send, silent_sink, start};
use crate::netns::{FAR_IP, NEAR_IP, Pair};
use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

for_backends! {
    flows_say_what_was_dropped_in_their_time
}

/// A datagram from this port of the far side.
fn one_from(pair: &Pair, port: u16) {
    pair.far.run(|| UdpSocket::bind((FAR_IP, port)).expect("binds").send_to(b"one", (NEAR_IP, 4000)).expect("sent"));
}

/// A number in a line of JSON.
fn number(line: &str, key: &str) -> Option<u64> {
    let (_, rest) = line.split_once(&format!("\"{key}\":")).unwrap_or_else(|| panic!("no {key} in {line}"));
    rest.split([',', '}']).next().expect("a value").parse().ok()
}

fn flows_say_what_was_dropped_in_their_time(backend: &str) {
    let Some(pair) = Pair::new() else { return };
    let _sink = silent_sink(&pair);
    let capturing = start(&pair, backend, "flows -i veth0 -B 64 -l --format jsonl");
    one_from(&pair, 6001);
    thread::sleep(Duration::from_millis(300));
    capturing.signal("STOP");
    send(&pair, std::iter::repeat_n(100, 20_000));
    capturing.signal("CONT");
    thread::sleep(Duration::from_millis(500));
    one_from(&pair, 6002);
    thread::sleep(Duration::from_millis(300));
    let ran = capturing.interrupt();
    let line =
        |what: &str| ran.stdout.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{what}: {}", ran.stdout));
    let dropped = number(line("\"type\":\"end\""), "dropped_kernel").expect("counted");
    assert!(dropped > 0, "it stood still: {}", ran.stdout);
    let of = |port: u16| number(line(&format!("\"orig\":{{\"ip\":\"{FAR_IP}\",\"port\":{port},")), "capture_drops");
    assert_eq!(of(6001), Some(dropped), "no answer came to it, as far as was seen");
    assert_eq!(of(6002), Some(0), "after all of it");
}
