//! The table: what is a flow of its own, when flows end by themselves, and who goes when there is no room.

use crate::world::{A, B, Host, World, seg, udp_bytes};
use sockeye::decode::decode_ip;
use sockeye::flow::{Common, EndReason, FlowEvent, PacketMeta, Pieces, State, Tracker, TrackerConfig, Wants};
use sockeye::model::Span;

#[test]
fn vlans_keep_conversations_apart_unless_the_profile_joins_them() {
    let mut apart = World::new();
    let mut config = TrackerConfig::default();
    config.profile.vlan_in_key = false;
    let mut joined = World::with(config);
    for w in [&mut apart, &mut joined] {
        for vlan in [None, Some(7), Some(8)] {
            w.vlan = vlan;
            w.a(seg("S", 1000, 0));
            w.b(seg("S.", 5000, 1001));
        }
    }
    let records = apart.finish();
    assert_eq!(records.iter().map(|r| r.vlan.clone()).collect::<Vec<_>>(), [vec![], vec![7], vec![8]]);
    assert_eq!(joined.only().orig.packets, 3);
}

#[test]
fn time_that_runs_backwards_ends_nothing() {
    let mut w = World::new();
    w.open();
    w.wait(-3_600_000).a(seg("P.", 1001, 5001).len(10));
    w.wait(500).b(seg(".", 5001, 1011));
    assert_eq!(w.ended.len(), 0);
    let r = w.only();
    assert_eq!((r.state, r.orig.packets), (State::Open, 3));
    // From the first packet to the latest time seen, not to the last packet's.
    assert_eq!((r.end - r.start, r.last_packet), (Span::from_millis(21), (0, 5)));
}

#[test]
fn one_packet_from_the_future_ends_no_flow() {
    let mut w = World::new();
    w.open();
    let century = 100 * 365 * 86_400_000;
    w.wait(century).udp(A, (B.0, 9999), b"x");
    w.wait(-century).a(seg("P.", 1001, 5001).len(10));
    assert_eq!(w.ended.len(), 0);
    let all = w.finish();
    assert_eq!((all[0].state, all[0].orig.unique_bytes, all.len()), (State::Open, 10, 2));
}

#[test]
fn a_quiet_night_ends_what_was_before_it_and_nothing_that_came_after() {
    let mut w = World::new();
    w.a(seg("S", 1000, 0));
    w.udp(A, (B.0, 9999), b"x");
    w.wait(8 * 3_600_000).udp(A, (B.0, 9999), b"x");
    let other: Host = (A.0, 40001);
    w.wait(10).tcp(other, B, seg("S", 1, 0));
    w.wait(10).tcp(B, other, seg("S.", 1, 2));
    w.wait(10).tcp(other, B, seg(".", 2, 2));
    assert_eq!(w.ended.iter().map(|r| r.id.to_string()).collect::<Vec<_>>(), ["u1", "c1"]);
    assert!(w.ended.iter().all(|r| r.end_reason == Some(EndReason::Timeout)));
    let all = w.finish();
    assert_eq!(all.iter().map(|r| r.orig.packets).collect::<Vec<_>>(), [1, 1, 1, 2]);
    assert_eq!(all[3].state, State::Open);
}

#[test]
fn each_flow_waits_for_its_own_silence() {
    let mut w = World::new();
    w.open();
    w.udp(A, (B.0, 9999), b"x");
    w.idle(121_000);
    assert_eq!(w.ended.len(), 1);
    assert_eq!((w.ended[0].id.to_string(), w.ended[0].end_reason), ("u1".to_owned(), Some(EndReason::Timeout)));
    w.idle(7_200_000);
    assert_eq!(w.ended.len(), 1, "a keep-alive may come after two hours");
    w.idle(300_000);
    assert_eq!((w.ended.len(), w.ended[1].state), (2, State::Open));
}

#[test]
fn a_packet_after_the_timeout_begins_a_new_flow() {
    let mut w = World::new();
    w.udp(A, B, b"x");
    w.wait(130_000).udp(A, B, b"x");
    let all = w.finish();
    assert_eq!(
        all.iter().map(|r| (r.id.to_string(), r.orig.packets)).collect::<Vec<_>>(),
        [("u1".to_owned(), 1), ("u2".to_owned(), 1)]
    );
}

#[test]
fn a_flood_of_syns_pushes_out_itself_and_not_the_conversations() {
    let mut w = World::with(TrackerConfig { max_flows: 100, ..TrackerConfig::default() });
    w.open();
    w.udp(A, ([10, 0, 0, 53], 53), &[0; 12]);
    w.udp(([10, 0, 0, 53], 53), A, &[0; 12]);
    for i in 0..10_000u32 {
        let bytes = i.to_be_bytes();
        let spoofed: Host = ([172, 16, bytes[2], bytes[3]], 1024);
        w.wait(1).tcp(spoofed, B, seg("S", i, 0));
        assert!(w.tracker.stats().active <= 100);
    }
    assert_eq!(w.tracker.stats().evicted, 9902);
    let evicted = w.ended.iter().filter(|r| r.end_reason == Some(EndReason::Evicted));
    assert!(evicted.clone().all(|r| r.state == State::NoAnswer && r.orig.packets == 1));
    assert_eq!(evicted.count(), 9902);
    w.a(seg("P.", 1001, 5001).len(10));
    let all = w.finish();
    // Every packet is in exactly one record.
    assert_eq!(all.iter().map(|r| r.orig.packets + r.resp.packets).sum::<u64>(), 3 + 2 + 10_000 + 1);
    assert_eq!((all[0].id.to_string(), all[0].state, all[0].orig.unique_bytes), ("c1".to_owned(), State::Open, 10));
    assert_eq!(all[1].state, State::Answered);
}

#[test]
fn what_is_over_makes_room_without_being_called_evicted() {
    let mut w = World::with(TrackerConfig { max_flows: 1, ..TrackerConfig::default() });
    w.open();
    w.a(seg("R", 1001, 0));
    w.udp(A, B, b"x");
    w.udp(B, A, b"x");
    w.udp(A, (B.0, 81), b"x");
    assert_eq!((w.tracker.stats().evicted, w.tracker.stats().closed_early), (1, 1));
    let reasons: Vec<_> = w.finish().iter().map(|r| r.end_reason).collect();
    assert_eq!(reasons, [Some(EndReason::Rst), Some(EndReason::Evicted), Some(EndReason::EndOfCapture)]);
}

#[test]
fn a_tracker_makes_room_for_what_others_begin() {
    let common = Common::within(0);
    let config = TrackerConfig { max_flows: 10, ..TrackerConfig::default() };
    let [mut first, mut second] = [(); 2].map(|()| World { tracker: Tracker::beside(config, &common), ..World::new() });
    for port in 0..10 {
        first.udp((A.0, 1000 + port), B, b"x");
        second.wait(1);
    }
    for port in 0..5 {
        second.udp((B.0, 1000 + port), A, b"x");
    }
    let active = |w: &World| w.tracker.stats().active;
    assert_eq!((active(&first), active(&second)), (10, 5));
    // It need not see a packet: that time goes on is enough.
    first.idle(1);
    assert_eq!((active(&first), first.tracker.stats().evicted), (5, 5));
    second.udp((B.0, 2000), A, b"x");
    assert_eq!((active(&second), second.tracker.stats().evicted), (5, 1), "of its own, as it has its part");
    assert_eq!(first.finish().iter().filter(|r| r.end_reason == Some(EndReason::Evicted)).count(), 5);
}

#[test]
fn lists_of_trackers_beside_each_other_have_their_room_in_common() {
    let told = |beside: usize, list_bytes: usize| {
        let common = Common::within(0);
        let config = TrackerConfig { list_bytes, wants: Wants::VERDICTS, ..TrackerConfig::default() };
        let mut trackers: Vec<_> = (0..beside).map(|_| Tracker::beside(config, &common)).collect();
        let mut w = World { tracker: trackers.pop().expect("one"), ..World::new() };
        w.open();
        for i in 0..400 {
            w.a(seg("P.", 1001 + i * 10, 5001).len(10));
        }
        let incomplete = w.tracker.stats().without_room;
        (incomplete, w.only().orig.loss.expect("wanted"))
    };
    let (none, whole) = told(1, 1 << 20);
    assert_eq!((none, told(1, 16 << 10).0), (0, 1));
    assert_eq!(told(64, 16 << 10), (0, whole));
}

#[test]
fn a_flow_that_begins_with_a_joined_datagram_begins_with_its_first_piece() {
    let mut w = World::new();
    let pieces = Pieces { first: (0, 2), start: w.now, ip_bytes: 3068 };
    w.wait(4000);
    let meta = PacketMeta {
        source: 0,
        number: 3,
        ts: w.now,
        wire_bytes: 3100,
        frames: 2,
        marks: sockeye::model::FrameMarks::NONE,
        interface: 0,
        pieces: Some(pieces),
    };
    w.tracker.on_packet(&meta, &decode_ip(&udp_bytes(A, B, &[0; 3000])), &mut |_: FlowEvent<'_>| {});
    let r = w.only();
    assert_eq!((r.first_packet, r.last_packet, r.orig.ip_bytes), ((0, 2), (0, 3), 3068));
    assert_eq!(r.duration(), Span::from_secs(4));
}

#[test]
fn a_joined_datagram_counts_all_its_frames() {
    let mut w = World::new();
    w.udp(A, B, b"whole");
    let joined = udp_bytes(A, B, &[0; 3000]);
    let pieces = Pieces { first: (0, 2), start: w.now, ip_bytes: 3068 };
    let meta = PacketMeta {
        source: 0,
        number: 4,
        ts: w.now,
        wire_bytes: 3100,
        frames: 3,
        marks: sockeye::model::FrameMarks::NONE,
        interface: 0,
        pieces: Some(pieces),
    };
    w.tracker.on_packet(&meta, &decode_ip(&joined), &mut |_: FlowEvent<'_>| {});
    let r = w.only();
    assert_eq!((r.orig.packets, r.orig.payload_bytes), (4, 3005));
    assert_eq!((r.orig.wire_bytes, r.orig.ip_bytes), (3100 + 33, 3068 + 33));
}
