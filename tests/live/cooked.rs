//! `any` with a filter: the kernel turns away what does not match, and what matches is complete.
#![cfg(feature = "libpcap")]

use super::{drain, inject, send, sink};
use crate::netns::{NEAR_IP, Pair};
use sockeye::capture::PacketSource;
use sockeye::capture::live::{self, LiveSpec};
use sockeye::filter::Filter;
use sockeye::model::LiveBackend;
use std::net::UdpSocket;

#[test]
fn the_ring_gets_only_what_matches() {
    what_is_turned_away_never_comes(LiveBackend::Ring);
}

#[test]
fn the_plain_socket_gets_only_what_matches() {
    what_is_turned_away_never_comes(LiveBackend::Pnet);
}

fn what_is_turned_away_never_comes(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let _sinks = [sink(&pair, "0.0.0.0"), pair.near.run(|| UdpSocket::bind("0.0.0.0:4001").expect("binds"))];
    let mut filter = Filter::expression("udp port 4001", false).expect("sound");
    let mut live = pair.near.run(|| live::open_filtered(&[LiveSpec::new(live::ANY)], Some(backend), &mut filter).expect("opens"));
    // Seven match: three that come, and four of loopback, twice each. The tagged one is for us to decide.
    send(&pair, 4000, [9; 500]);
    send(&pair, 4001, [9; 3]);
    pair.near.run(|| {
        let sender = UdpSocket::bind("127.0.0.1:0").expect("binds");
        for n in 0..200 {
            sender.send_to(b"round", if n < 4 { "127.0.0.1:4001" } else { "127.0.0.1:4000" }).expect("sends");
        }
    });
    let frames = drain(&mut live);
    assert_eq!(frames.iter().filter(|frame| frame.bytes[42..44] == 4001_u16.to_be_bytes()).count(), 7);
    let stats = live.stats();
    assert_eq!((frames.len(), stats.received, stats.duplicates), (7, Some(11), Some(4)), "to {NEAR_IP} and loopback");
    inject(&pair, &[super::ethernet(&[(0x8100, 5)], 0x0800, &[0x45; 60]), super::ethernet(&[], 0x0806, &[1; 60])]);
    assert_eq!(drain(&mut live).len(), 1, "of the two only the tagged one is not decided by the kernel");
}
