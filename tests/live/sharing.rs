//! Frames shared out among rings by the kernel: each to the ring of its conversation, none twice, none lost, also after the interface
//! was down, and while a capture begins.

use super::netns::{FAR_MAC, NEAR_MAC, Pair, VETH, tun};
use super::{ethernet, inject};
use sockeye::capture::live::{self, Live, LiveSpec};
use sockeye::capture::{Next, PacketSource, Spread};
use sockeye::filter::Filter;
use std::io::Write;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn open(pair: &Pair, spec: &LiveSpec, spread: Spread) -> Vec<Live> {
    pair.near.run(|| live::open_shared(std::slice::from_ref(spec), spread, &mut Filter::everything()).expect("opens"))
}

/// A SYN from host 10.0.0.`host`, or the answer to it.
fn segment(host: u8, port: u16, back: bool) -> Vec<u8> {
    let (client, server) = ([10, 0, 0, host], [10, 0, 1, 1]);
    let (source, target, ports) = if back { (server, client, [443, port]) } else { (client, server, [port, 443]) };
    let mut ip = vec![0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0];
    ip.extend(source.into_iter().chain(target));
    ip.extend(ports.into_iter().flat_map(u16::to_be_bytes));
    ip.extend([0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0]);
    ethernet(&[], 0x0800, &ip)
}

/// Interfaces whose frames begin with IP, and all of them at once: the program counts from the network header.
#[test]
fn without_a_link_header_and_on_any_each_conversation_has_its_ring() {
    let Some(pair) = Pair::new() else { return };
    let mut tun = pair.near.run(|| tun("tun0"));
    pair.near.ip("link set tun0 up");
    let spread = Spread::new(4);
    let mut bare = open(&pair, &LiveSpec::new("tun0"), spread);
    let mut any = open(&pair, &LiveSpec::new(live::ANY), spread);
    let frames = segments(0..20);
    for frame in &frames {
        tun.write_all(&frame[14..]).expect("arrives");
    }
    for (lives, header) in [(&mut bare, 0), (&mut any, 20)] {
        let mut all = 0;
        for (at, live) in lives.iter_mut().enumerate() {
            loop {
                match live.next().expect("no error") {
                    Next::Frame(frame) => {
                        assert_eq!(place(spread, &frame.bytes[header..]), at);
                        all += 1;
                    }
                    Next::Idle => break,
                    _ => {}
                }
            }
        }
        assert_eq!(all, frames.len());
    }
}

/// The ring of a segment in IPv4.
fn place(spread: Spread, ip: &[u8]) -> usize {
    let end = |address: usize, port: usize| {
        let address: [u8; 4] = ip[address..address + 4].try_into().expect("four bytes");
        (IpAddr::from(address), u16::from_be_bytes([ip[port], ip[port + 1]]))
    };
    spread.by_ends(end(12, 20), end(16, 22)) as usize
}

fn segments(hosts: std::ops::Range<u8>) -> Vec<Vec<u8>> {
    let each = |host| (0..8_u16).flat_map(move |port| [false, true].map(|back| segment(host, 40_000 + port, back)));
    hosts.flat_map(each).collect()
}

/// Checks that every frame is in the ring that `spread` names, and gives how many each ring had.
fn drain(lives: &mut [Live], spread: Spread) -> Vec<u64> {
    let mut counts = vec![0; lives.len()];
    for (at, live) in lives.iter_mut().enumerate() {
        loop {
            match live.next().expect("no error") {
                Next::Frame(frame) => {
                    assert_eq!(place(spread, &frame.bytes[14..]), at);
                    counts[at] += 1;
                }
                Next::Idle | Next::End => break,
                _ => {}
            }
        }
    }
    counts
}

#[test]
fn each_conversation_has_its_ring_also_after_the_interface_was_down() {
    let Some(pair) = Pair::new() else { return };
    let spread = Spread::new(3);
    let mut lives = open(&pair, &LiveSpec::new(VETH), spread);
    let frames = segments(0..60);
    for _ in 0..2 {
        inject(&pair, &frames);
        let counts = drain(&mut lives, spread);
        assert_eq!(counts.iter().sum::<u64>(), frames.len() as u64);
        assert!(counts.iter().all(|count| *count > frames.len() as u64 / 6), "{counts:?}");
        pair.near.ip(&format!("link set {VETH} down"));
        for live in &mut lives {
            while !matches!(live.next().expect("no error"), Next::Idle) {}
        }
        pair.near.ip(&format!("link set {VETH} up"));
    }
}

/// Rings are opened while frames come in: what was there before the capture began is nowhere, and from then on all is in one ring
/// each, though the first ring has what came before the kernel shared out.
#[test]
fn while_a_capture_begins_no_frame_comes_twice() {
    let Some(pair) = Pair::new() else { return };
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let frames = segments(0..4);
            while !ended.load(Ordering::Relaxed) {
                // Every frame another one: by its identification.
                static SENT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
                let numbered = frames.iter().map(|frame| {
                    let mut frame = frame.clone();
                    frame[18..20].copy_from_slice(&SENT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
                    frame
                });
                inject(&pair, &numbered.collect::<Vec<_>>());
            }
        });
        for _ in 0..3 {
            let mut lives = open(&pair, &LiveSpec::new(VETH), Spread::new(4));
            thread::sleep(std::time::Duration::from_millis(30));
            let mut numbers = Vec::new();
            for live in &mut lives {
                live.close_gate();
                loop {
                    match live.next().expect("no error") {
                        Next::Frame(frame) => numbers.push(u16::from_be_bytes([frame.bytes[18], frame.bytes[19]])),
                        Next::End => break,
                        _ => {}
                    }
                }
                let stats = live.stats();
                let told =
                    stats.frames + stats.dropped_kernel.unwrap_or(0) + stats.duplicates.unwrap_or(0) + stats.unread.unwrap_or(0);
                assert_eq!(stats.received, Some(told));
            }
            let all = numbers.len();
            assert!(all > 0, "frames came in");
            numbers.sort_unstable();
            numbers.dedup();
            assert_eq!(numbers.len(), all, "each came once");
        }
        ended.store(true, Ordering::Relaxed);
    });
}

/// Tags that the kernel takes off, and those that it leaves in the bytes.
#[test]
fn tagged_and_untagged_frames_of_a_conversation_are_in_one_ring() {
    let Some(pair) = Pair::new() else { return };
    let spread = Spread::new(5);
    let mut lives = open(&pair, &LiveSpec::new(VETH), spread);
    let retagged = |tags: &[(u16, u16)], frame: &[u8]| ethernet(tags, 0x0800, &frame[14..]);
    let plain = segments(0..10);
    let mut frames = plain.clone();
    frames.extend(plain.iter().map(|frame| retagged(&[(0x8100, 5)], frame)));
    frames.extend(plain.iter().map(|frame| retagged(&[(0x88a8, 7), (0x8100, 5)], frame)));
    inject(&pair, &frames);
    let mut all = 0;
    for (at, live) in lives.iter_mut().enumerate() {
        loop {
            match live.next().expect("no error") {
                Next::Frame(frame) => {
                    // Behind the tags, which were put back.
                    let ip = frame.bytes.windows(2).position(|pair| pair == [8, 0]).expect("an Ethernet type") + 2;
                    let frame = [&[NEAR_MAC, FAR_MAC].concat(), &[8, 0][..], &frame.bytes[ip..]].concat();
                    assert!(plain.contains(&frame));
                    assert_eq!(place(spread, &frame[14..]), at);
                    all += 1;
                }
                Next::Idle => break,
                _ => {}
            }
        }
    }
    assert_eq!(all, frames.len());
}
