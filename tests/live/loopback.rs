//! Loopback and the any device: each frame once, each with its interface and its tags.

use super::{Kept, drain, ethernet, inject, open, sink};
use crate::netns::{self, FAR_IP, FAR_MAC, NEAR_IP, Pair, VETH};
use sockeye::capture::live::{self, Direction, LiveSpec};
use sockeye::capture::{PacketSource, SourceError};
use sockeye::filter::Filter;
use sockeye::model::{FrameDirection, LinkType, LiveBackend, SourceKind};
use std::net::UdpSocket;

for_backends! {
    loopback_is_seen_once
    any_sees_every_interface_and_loopback_once
    any_keeps_tags_of_both_ways
    sent_ones_of_all_interfaces_have_an_exact_account
    twins_that_nobody_can_count_are_unknown
}

#[test]
fn the_ring_is_what_captures_unless_asked() {
    let Some(pair) = Pair::new() else { return };
    for interface in [live::ANY, "lo", VETH] {
        let live = pair.near.run(|| live::open(&[LiveSpec::new(interface)], None).expect("opens"));
        assert_eq!(live.info().kind, SourceKind::Live(LiveBackend::Ring));
    }
}

fn loopback_is_seen_once(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let sink = sink(&pair, "127.0.0.1");
    let mut live = pair.near.run(|| open(LiveSpec::new("lo"), backend));
    let sender = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    for _ in 0..50 {
        sender.send_to(b"round", sink.local_addr().expect("bound")).expect("sends");
    }
    let frames = drain(&mut live);
    assert_eq!(frames.len(), 50);
    assert_eq!(frames[0].link, LinkType::ETHERNET);
    live.skip_rest();
    let stats = live.stats();
    assert_eq!((stats.received, stats.duplicates, stats.unread), (Some(100), Some(50), Some(0)), "the copies are told apart");
    let spec = LiveSpec { direction: Some(Direction::Out), ..LiveSpec::new("lo") };
    if backend == LiveBackend::Libpcap {
        let refused = pair.near.run(|| live::open(&[spec], Some(backend)).err());
        assert!(matches!(refused, Some(SourceError::Unsupported { .. })), "libpcap never shows outgoing ones");
    } else {
        let mut live = pair.near.run(|| open(spec, backend));
        sender.send_to(b"round", sink.local_addr().expect("bound")).expect("sends");
        let frames = drain(&mut live);
        assert_eq!((frames.len(), frames[0].direction), (1, Some(FrameDirection::Outbound)));
    }
}

fn any_sees_every_interface_and_loopback_once(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let near = sink(&pair, "0.0.0.0");
    let mut live = pair.near.run(|| open(LiveSpec::new(live::ANY), backend));
    pair.near.run(|| {
        let sender = UdpSocket::bind("127.0.0.1:0").expect("binds");
        for _ in 0..50 {
            sender.send_to(b"round", "127.0.0.1:4000").expect("sends");
        }
    });
    let other = pair.far.run(|| UdpSocket::bind((FAR_IP, 4001)).expect("binds"));
    for _ in 0..30 {
        other.send_to(b"in", (NEAR_IP, 4000)).expect("sends");
        near.send_to(b"out", (FAR_IP, 4001)).expect("sends");
    }
    let frames = drain(&mut live);
    let index = |frame: &Kept| u32::from_be_bytes(frame.bytes[4..8].try_into().expect("four"));
    let lo = frames.iter().filter(|frame| index(frame) == 1).count();
    let out = frames.iter().filter(|frame| frame.direction == Some(FrameDirection::Outbound)).count();
    assert_eq!((frames.len(), lo, out), (110, 50, 30));
    assert!(frames.iter().all(|frame| frame.link == LinkType::LINUX_SLL2 && frame.bytes[..2] == [8, 0]));
    assert!(frames.iter().all(|frame| frame.bytes[20] == 0x45), "IPv4 follows the cooked header");
    live.skip_rest();
    let stats = live.stats();
    assert_eq!((stats.received, stats.duplicates, stats.unread), (Some(160), Some(50), Some(0)));
    let Err(error) = live::open(&[LiveSpec { link: Some(LinkType::PPP), ..LiveSpec::new("any") }], Some(backend)) else {
        panic!("any has no PPP")
    };
    assert!(matches!(error, SourceError::Unsupported { .. }), "{error}");
}

/// By our own sockets only: libpcap's SLL2 headers lose tags, and it says so.
fn any_keeps_tags_of_both_ways(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let any = |side: &netns::Namespace| side.run(|| open(LiveSpec::new(live::ANY), backend));
    let (mut near, mut far) = (any(&pair.near), any(&pair.far));
    if backend == LiveBackend::Libpcap {
        assert!(near.info().warnings.iter().any(|warning| warning.contains("VLAN")));
        return;
    }
    let tags: [&[(u16, u16)]; 4] = [&[(0x8100, 100)], &[(0x88a8, 7)], &[(0x88a8, 7), (0x8100, 100)], &[]];
    let sent = tags.map(|tags| ethernet(tags, 0x0800, &[0x45; 60]));
    inject(&pair, &sent);
    for (live, way) in [(&mut near, 0), (&mut far, 4)] {
        let frames = drain(live);
        assert_eq!(frames.len(), sent.len());
        for (got, want) in frames.iter().zip(&sent) {
            assert_eq!(got.bytes[..2], want[12..14], "the first tag, or else the protocol");
            assert_eq!((got.bytes[10], &got.bytes[12..18]), (way, &FAR_MAC[..]));
            assert_eq!(got.bytes[20..], want[14..], "all that follows");
            assert_eq!(got.wire_len as usize, want.len() + 6);
        }
    }
}

/// libpcap drops what the loopback interface sends: it says so, and counts none of it.
fn sent_ones_of_all_interfaces_have_an_exact_account(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let near = sink(&pair, "0.0.0.0");
    let spec = LiveSpec { direction: Some(Direction::Out), ..LiveSpec::new(live::ANY) };
    let mut live = pair.near.run(|| open(spec, backend));
    let sender = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
    for _ in 0..50 {
        sender.send_to(b"round", "127.0.0.1:4000").expect("sends");
    }
    let _other = pair.far.run(|| UdpSocket::bind((FAR_IP, 4001)).expect("binds"));
    for _ in 0..30 {
        near.send_to(b"out", (FAR_IP, 4001)).expect("sends");
    }
    live.close_gate();
    let want = if backend == LiveBackend::Libpcap { 30 } else { 80 };
    let frames = drain(&mut live);
    assert_eq!(frames.len() as u64, want);
    assert!(frames.iter().all(|frame| frame.direction == Some(FrameDirection::Outbound)));
    let stats = live.stats();
    assert_eq!((stats.received, stats.duplicates, stats.unread), (Some(want), Some(0), Some(0)));
    let told = live.info().warnings.iter().any(|warning| warning.contains("loopback"));
    assert_eq!(told, backend == LiveBackend::Libpcap, "{:?}", live.info().warnings);
}

/// A filter that does not fit into the kernel twice, as twins need it.
fn twins_that_nobody_can_count_are_unknown(backend: LiveBackend) {
    let Some(pair) = Pair::new() else { return };
    let sink = sink(&pair, "127.0.0.1");
    let program = format!("2201\n{}6 0 0 262144\n", "0 0 0 7\n".repeat(2200));
    for interface in ["lo", live::ANY] {
        let mut filter = Filter::bytecode("by hand", program.as_bytes()).expect("a program");
        let specs = [LiveSpec::new(interface)];
        let mut live = pair.near.run(|| live::open_filtered(&specs, Some(backend), &mut filter).expect("opens"));
        let sender = pair.near.run(|| UdpSocket::bind("127.0.0.1:0").expect("binds"));
        for _ in 0..50 {
            sender.send_to(b"round", sink.local_addr().expect("bound")).expect("sends");
        }
        live.close_gate();
        assert_eq!(drain(&mut live).len(), 50);
        live.skip_rest();
        let stats = live.stats();
        // By libpcap `any` has no filter in the kernel, so twins come in.
        let counted = backend == LiveBackend::Libpcap && interface == live::ANY;
        let want = if counted { (Some(100), Some(50)) } else { (Some(50), None) };
        assert_eq!((stats.received, stats.duplicates), want, "{interface}");
        assert_eq!((stats.frames, stats.unread), (50, Some(0)), "{interface}");
    }
}
