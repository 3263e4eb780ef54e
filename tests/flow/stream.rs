//! What is counted of the stream itself: bytes once, windows, wraparound, segments from nowhere.

use crate::world::{A, B, World, seg};
use sockeye::flow::{Change, State};

#[test]
fn repeated_and_reordered_bytes_count_once() {
    let mut w = World::new();
    w.open();
    w.a(seg("P.", 1001, 5001).len(100));
    w.a(seg("P.", 1201, 5001).len(100));
    w.a(seg("P.", 1101, 5001).len(100));
    w.a(seg("P.", 1001, 5001).len(300));
    w.a(seg("P.", 1251, 5001).len(100));
    let r = w.only();
    assert_eq!((r.orig.payload_bytes, r.orig.unique_bytes, r.orig.data_packets), (700, 350, 5));
    assert_eq!((r.orig.max_segment, r.orig.min_segment, r.orig.pure_acks, r.orig.ack_packets), (300, 100, 1, 6));
    assert!(!r.orig.unique_bytes_at_least);
}

#[test]
fn bytes_before_the_first_seen_count_in_a_midway_flow() {
    let mut w = World::new();
    w.a(seg("P.", 50_000, 1).len(100));
    w.a(seg("P.", 49_900, 1).len(100));
    w.a(seg("P.", 49_950, 1).len(100));
    assert_eq!(w.only().orig.unique_bytes, 200);
}

#[test]
fn a_stream_longer_than_the_circle_of_numbers_is_counted_to_the_end() {
    let mut w = World::new();
    w.a(seg("S", 0xffff_ff00, 0));
    w.b(seg("S.", 5000, 0xffff_ff01));
    let mut seq = 0xffff_ff01_u32;
    w.a(seg(".", seq, 5001));
    // 12 GB, of which the capture saw 1000 bytes in every 600 MB; the acknowledgments say that the rest was there.
    for _ in 0..20 {
        w.a(seg(".", seq, 5001).len(1000));
        w.a(seg(".", seq, 5001).len(1000));
        seq = seq.wrapping_add(600_000_000);
        w.b(seg(".", 5001, seq));
    }
    w.a(seg("F.", seq, 5001));
    w.b(seg("F.", 5001, seq.wrapping_add(1)));
    w.a(seg(".", seq.wrapping_add(1), 5002));
    let r = w.only();
    assert_eq!((r.state, r.orig.unique_bytes), (State::Closed, 20_000));
    assert_eq!(r.orig.out_of_window_packets, 0);
}

#[test]
fn segments_from_nowhere_neither_count_nor_lead_astray() {
    let mut w = World::new();
    w.open();
    w.a(seg("P.", 1001, 5001).len(10));
    for seq in [1011u32 + 0x5000_0000, 1011u32.wrapping_sub(0x5000_0000), 0x8000_0000] {
        w.a(seg("P.", seq, 5001).len(10));
    }
    // So does one that is just within reach of the circle, and of no window.
    w.a(seg("P.", 1011 + 0x3fff_0000, 5001).len(10));
    w.a(seg("P.", 1011, 5001).len(10));
    w.b(seg(".", 5001, 1021));
    w.a(seg("P.", 1021, 5001).len(10));
    let r = w.only();
    assert_eq!((r.orig.unique_bytes, r.orig.out_of_window_packets), (30, 4));
    assert_eq!(r.orig.payload_bytes, 70);
}

#[test]
fn a_shut_window_stalls_and_an_open_one_goes_on() {
    let mut w = World::new();
    w.open();
    w.a(seg("P.", 1001, 5001).len(100));
    let shut = w.b(seg(".", 5001, 1101).window(0));
    let probe = w.a(seg(".", 1100, 5001));
    let still = w.b(seg(".", 5001, 1101).window(0));
    assert_eq!(w.active().state, State::Stalled);
    let open = w.b(seg(".", 5001, 1101).window(900));
    assert_eq!([shut, probe, still, open].map(|n| n.change), [Some(Change::ZeroWindow), None, None, Some(Change::WindowOpened)]);
    let r = w.only();
    assert_eq!((r.state, r.resp.zero_windows), (State::Open, 2));
}

#[test]
fn what_is_far_ahead_counts_once_there_is_evidence() {
    const GAP: u32 = 50_000_000;
    let gap = |after: fn(&mut World)| {
        let mut w = World::new();
        w.open();
        w.a(seg("P.", 1001, 5001).len(10));
        after(&mut w);
        let r = w.only();
        assert_eq!((r.state, r.resp.out_of_window_packets), (State::Open, 0));
        (r.orig.unique_bytes, r.orig.out_of_window_packets)
    };
    // The capture missed 50 MB. The acknowledgment comes after the data, before it, or never.
    let data_first = gap(|w| {
        w.a(seg("P.", 1001 + GAP, 5001).len(100));
        w.a(seg("P.", 1101 + GAP, 5001).len(100));
        w.b(seg(".", 5001, 1201 + GAP));
        w.a(seg("P.", 1201 + GAP, 5001).len(100));
    });
    let ack_first = gap(|w| {
        w.b(seg(".", 5001, 1001 + GAP));
        for i in 0..3 {
            w.a(seg("P.", 1001 + GAP + i * 100, 5001).len(100));
        }
    });
    let one_way = gap(|w| {
        for i in 0..20 {
            w.a(seg("P.", 1001 + GAP + i * 100, 5001).len(100));
        }
    });
    let nothing = gap(|w| {
        for _ in 0..20 {
            w.a(seg("P.", 1001 + GAP, 5001).len(100));
        }
    });
    assert_eq!([data_first, ack_first, one_way, nothing], [(310, 0), (310, 0), (2010, 0), (10, 20)]);
}

#[test]
fn a_segment_that_is_not_taken_changes_nothing_but_its_counters() {
    let mut w = World::new();
    w.open();
    // A shut window that is from nowhere, and an acknowledgment of nothing.
    assert_eq!(w.a(seg(".", 1001 + 0x8000_0000, 5001).window(0)).change, None);
    assert_eq!(w.a(seg("P.", 1001, 5001 + 0x8000_0000).len(10).window(0)).change, None);
    let r = w.only();
    assert_eq!((r.state, r.orig.packets, r.orig.zero_windows), (State::Open, 4, 2));
    assert_eq!((r.orig.unique_bytes, r.orig.payload_bytes), (0, 10));
    assert_eq!((r.orig.out_of_window_packets, r.resp.out_of_window_packets), (2, 0));
    // Nor does it turn the flow around.
    let mut w = World::new();
    w.tcp((A.0, 50000), (B.0, 443), seg(".", 1, 1));
    w.tcp((B.0, 443), (A.0, 50000), seg("P.", 1, 1).len(5));
    w.tcp((A.0, 50000), (B.0, 443), seg("R.", 0, 777_777_777));
    w.tcp((A.0, 50000), (B.0, 443), seg("P.", 0x9000_0000, 1).text(b"HTTP/1.1 200"));
    let r = w.only();
    assert_eq!((r.originator.port, r.state, r.orig.out_of_window_packets), (50000, State::Midway, 2));
}

#[test]
fn the_window_of_an_old_acknowledgment_is_history() {
    let mut w = World::new();
    w.open();
    w.a(seg("P.", 1001, 5001).len(100));
    w.b(seg(".", 5001, 1101).window(1000));
    assert_eq!(w.b(seg(".", 5001, 1051).window(0)).change, None);
    // Nor does an old one open it.
    assert_eq!(w.b(seg(".", 5001, 1101).window(0)).change, Some(Change::ZeroWindow));
    assert_eq!(w.b(seg(".", 5001, 1051).window(900)).change, None);
    assert_eq!(w.only().state, State::Stalled);
}

#[test]
fn the_byte_of_a_keep_alive_is_none_of_the_stream() {
    let mut w = World::new();
    w.open();
    w.a(seg(".", 1000, 5001).len(1));
    w.b(seg(".", 5001, 1001));
    w.a(seg("P.", 1001, 5001).len(5));
    w.a(seg(".", 1005, 5001).len(1));
    let r = w.only();
    assert_eq!((r.orig.payload_bytes, r.orig.unique_bytes, r.orig.out_of_window_packets), (7, 5, 0));
}

#[test]
fn thousands_of_holes_are_bounded_and_said_to_be() {
    let mut w = World::new();
    w.open();
    for i in 0..5000u32 {
        w.a(seg("P.", 1001 + i * 20, 5001).len(10));
    }
    // What fills them in order is known to be new.
    for i in 0..1000u32 {
        w.a(seg("P.", 1011 + i * 20, 5001).len(10));
    }
    let r = w.only();
    assert_eq!((r.orig.unique_bytes, r.orig.unique_bytes_at_least), (60_000, true));
    let mut w = World::new();
    w.open();
    for i in (0..1000u32).chain(0..1000) {
        w.a(seg("P.", 1001 + i * 20, 5001).len(10 + usize::from(i % 2 == 0)));
    }
    let r = w.only();
    assert_eq!((r.orig.unique_bytes, r.orig.unique_bytes_at_least), (10_500, false));
}
