//! The simulator held to itself: connections end, bytes arrive, frames are valid, runs repeat, and everything that is to be
//! judged happens often enough.

use crate::capture::capture;
use crate::conditions::{Conditions, Distortion};
use crate::seeds;
use crate::truth::{Class, TAPS, Truth};
use crate::world;
use sockeye::decode::{Transport, decode};
use std::collections::BTreeMap;

#[test]
fn all_that_is_written_arrives() {
    for class in Class::ALL {
        for seed in seeds(30) {
            let history = world::run(Conditions::new(seed, class, Distortion::default()));
            assert!(history.complete, "seed {seed} {class:?}: {:?}", history.conditions);
        }
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    let frames = |seed| {
        let history = world::run(Conditions::new(seed, Class::IdAndTimestamps, Distortion::default()));
        capture(&history, 1).iter().map(|taken| (taken.at, taken.frame(1).bytes.to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(frames(7), frames(7));
    assert_ne!(frames(7), frames(8));
}

/// The sum of all 16-bit words, checksum included, is all ones (RFC 1071).
fn sums_to_ones(parts: &[&[u8]]) -> bool {
    let words =
        parts.iter().flat_map(|part| part.chunks(2).map(|two| u64::from(two[0]) << 8 | u64::from(*two.get(1).unwrap_or(&0))));
    let mut sum: u64 = words.sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

#[test]
fn frames_are_decoded_and_have_valid_checksums() {
    for (class, seed) in
        [(Class::IdAndTimestamps, 1), (Class::TimestampsOnly, 2), (Class::TimestampsOnly, 3), (Class::EcnOnly, 4)]
    {
        let history = world::run(Conditions::new(seed, class, Distortion::default()));
        for passing in &history.taps[0] {
            let bytes = passing.segment.bytes(history.conditions.ipv6, history.isn, passing.marked);
            let header = if history.conditions.ipv6 { 40 } else { 20 };
            let tcp = &bytes[header..];
            let addresses = if header == 40 { &bytes[8..40] } else { &bytes[12..20] };
            let length = (tcp.len() as u32 + 6).to_be_bytes();
            assert!(sums_to_ones(&[addresses, &length, tcp]), "TCP");
            assert!(header == 40 || sums_to_ones(&[&bytes[..20]]), "IPv4");
        }
        for (i, taken) in capture(&history, 0).iter().enumerate() {
            let frame = taken.frame(i as u64 + 1);
            let packet = decode(&frame);
            assert_eq!(packet.transport, Transport::Tcp, "{}", taken.line());
        }
    }
}

#[test]
fn everything_happens() {
    let mut seen: BTreeMap<Truth, u64> = BTreeMap::new();
    for class in Class::ALL {
        for seed in seeds(40) {
            let history = world::run(Conditions::new(seed, class, Distortion::default()));
            for tap in 0..TAPS {
                for taken in capture(&history, tap) {
                    *seen.entry(taken.truth).or_default() += 1;
                }
            }
        }
    }
    println!("{seen:?}");
    let often = |truth: Truth, least: u64| assert!(seen.get(&truth).is_some_and(|n| *n >= least), "{truth:?}: {seen:?}");
    often(Truth::Resent, 1000);
    often(Truth::Spurious, 100);
    often(Truth::Reordered, 100);
    often(Truth::Duplicate, 100);
    often(Truth::Hidden, 20);
    often(Truth::Probe, 20);
    often(Truth::KeepAlive, 20);
}

#[test]
fn nothing_is_resent_where_nothing_is_lost() {
    let mut clean = 0;
    for seed in seeds(60) {
        let mut conditions = Conditions::new(seed, Class::IdAndTimestamps, Distortion::default());
        conditions.faults = crate::link::Faults::default();
        let history = world::run(conditions);
        assert!(history.complete);
        // Full queues drop. Each packet passes the middle once and the ends twice.
        let dropped = history.taps[1].len() * 2 != history.taps[0].len() + history.taps[2].len()
            || history.taps[0].len() != history.taps[2].len();
        let resent: u64 = history.counters.iter().map(|counters| counters.resent).sum();
        if !dropped {
            clean += 1;
            assert_eq!(resent, 0, "seed {seed}: {:?}", history.conditions);
        }
    }
    assert!(clean > 20, "{clean} runs without drops");
}
