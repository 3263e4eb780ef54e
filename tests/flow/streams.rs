//! The byte streams of whole connections: numbering, set-up, close, wrap-around, what is not believed, and bounds.

use crate::world::{A, B, Host, Seg, seg, tcp_bytes};
use proptest::prelude::*;
use sockeye::decode::decode;
use sockeye::flow::{
    Checksums, Direction, FlowEvent, GapReason, PacketMeta, StreamLimits, StreamPart, StreamTotals, Tracker, TrackerConfig, Wants,
};
use sockeye::model::{Endpoint, Frame, LinkType, Span, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What one side sent, as it was told: `_` for missing bytes, of large gaps not all.
#[derive(Clone, Debug, Default)]
struct Side {
    told: u64,
    text: Vec<u8>,
    gaps: Vec<(u64, u64, GapReason)>,
    conflicts: Vec<(u64, Vec<u8>)>,
    midway: bool,
    end: Option<StreamTotals>,
    packets: Vec<u64>,
}

impl Side {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

/// A tracker that is asked for streams, and what it tells.
struct Tap {
    tracker: Tracker,
    number: u64,
    /// Bytes that are captured of each packet.
    snaplen: usize,
    sides: BTreeMap<Endpoint, Side>,
    ended: usize,
}

impl Tap {
    fn new() -> Self {
        Self::with(TrackerConfig::default())
    }

    fn with(config: TrackerConfig) -> Self {
        let wants = Wants { streams: true, ..Wants::default() };
        let tracker = Tracker::new(TrackerConfig { wants, ..config });
        Self { tracker, number: 0, snaplen: usize::MAX, sides: BTreeMap::new(), ended: 0 }
    }

    fn a(&mut self, segment: &Seg) {
        self.tcp(A, B, segment);
    }

    fn b(&mut self, segment: &Seg) {
        self.tcp(B, A, segment);
    }

    fn tcp(&mut self, from: Host, to: Host, segment: &Seg) {
        let (mut sides, mut ended) = (std::mem::take(&mut self.sides), self.ended);
        self.give(from, to, segment, &mut |event| keep(&mut sides, &mut ended, event));
        (self.sides, self.ended) = (sides, ended);
    }

    /// Gives the tracker a segment, and what it tells to `each`.
    fn give(&mut self, from: Host, to: Host, segment: &Seg, each: &mut dyn FnMut(FlowEvent<'_>)) {
        self.give_bytes(&tcp_bytes(from, to, segment), each);
    }

    fn give_bytes(&mut self, whole: &[u8], each: &mut dyn FnMut(FlowEvent<'_>)) {
        self.number += 1;
        let ts = Timestamp::from_parts(1_000_000, 0) + Span::from_millis(self.number as i64);
        let frame = Frame {
            number: self.number,
            source: 0,
            interface: 0,
            ts,
            link: LinkType::RAW,
            wire_len: whole.len() as u32,
            bytes: &whole[..whole.len().min(self.snaplen)],
            direction: None,
            options: None,
            marks: sockeye::model::FrameMarks::NONE,
        };
        let wire_bytes = whole.len() as u64;
        let meta = PacketMeta {
            source: 0,
            number: self.number,
            ts,
            wire_bytes,
            frames: 1,
            marks: sockeye::model::FrameMarks::NONE,
            interface: 0,
            pieces: None,
        };
        self.tracker.on_packet(&meta, &decode(&frame), &mut |event: FlowEvent<'_>| each(event));
    }

    fn finish(mut self) -> (Side, Side) {
        let (sides, ended) = (&mut self.sides, &mut self.ended);
        self.tracker.finish(&mut |event: FlowEvent<'_>| keep(sides, ended, event));
        let mut take = |host: Host| self.sides.remove(&Endpoint::new(IpAddr::from(host.0), host.1)).unwrap_or_default();
        (take(A), take(B))
    }

    fn open(&mut self, a: u32, b: u32) {
        self.a(&seg("S", a, 0));
        self.b(&seg("S.", b, a.wrapping_add(1)));
        self.a(&seg(".", a.wrapping_add(1), b.wrapping_add(1)));
    }
}

fn keep(sides: &mut BTreeMap<Endpoint, Side>, ended: &mut usize, event: FlowEvent<'_>) {
    let event = match event {
        FlowEvent::Stream(event) => event,
        FlowEvent::Ended(_) => return *ended += 1,
        _ => return,
    };
    let side = sides.entry(event.sender).or_default();
    assert!(side.end.take().is_none() || *ended > 0, "nothing comes after the end");
    side.midway = event.midway;
    match event.part {
        StreamPart::Data { offset, bytes, packet } => {
            assert_eq!(offset, side.told);
            side.told += bytes.len() as u64;
            side.text.extend(bytes);
            side.packets.push(packet.number);
        }
        StreamPart::Gap { offset, len, reason } => {
            assert_eq!(offset, side.told);
            side.told += len;
            side.text.extend((0..len.min(10_000)).map(|_| b'_'));
            side.gaps.push((offset, len, reason));
        }
        StreamPart::Conflict { offset, bytes, .. } => side.conflicts.push((offset, bytes.to_vec())),
        StreamPart::End(totals) => side.end = Some(totals),
    }
}

#[test]
fn both_streams_of_a_connection() {
    let mut tap = Tap::new();
    tap.open(1000, 5000);
    tap.a(&seg("P.", 1001, 5001).text(b"GET /"));
    tap.b(&seg("P.", 5006, 1006).text(b"world"));
    tap.b(&seg("P.", 5001, 1006).text(b"hello"));
    tap.a(&seg("F.", 1006, 5011));
    tap.b(&seg("F.", 5011, 1007).text(b"!"));
    tap.a(&seg(".", 1007, 5013));
    assert_eq!(tap.sides.len(), 2, "told as it becomes known");
    let (a, b) = tap.finish();
    assert_eq!((a.text(), b.text()), ("GET /".to_owned(), "helloworld!".to_owned()));
    assert_eq!((a.midway, b.midway), (false, false));
    // The second packet of B waited for the first, and is told as what it is.
    assert_eq!(b.packets, [6, 5, 8]);
    assert_eq!(b.end, Some(StreamTotals { bytes: 11, ..StreamTotals::default() }));
}

#[test]
fn nothing_is_told_where_nobody_asks() {
    let mut tap = Tap::new();
    tap.tracker = Tracker::new(TrackerConfig { wants: Wants::ALL, ..TrackerConfig::default() });
    tap.open(1000, 5000);
    tap.a(&seg("P.", 1001, 5001).text(b"hello"));
    let (a, b) = tap.finish();
    assert!(a.end.is_none() && b.end.is_none() && a.text.is_empty());
}

#[test]
fn numbers_wrap_around() {
    let mut tap = Tap::new();
    tap.open(u32::MAX - 3, u32::MAX);
    let (mut a, mut b) = (u32::MAX - 2, 0u32);
    let mut sent = Vec::new();
    for round in 0..3u8 {
        let data = [b'a' + round; 5];
        // The second half first.
        tap.a(&seg("P.", a.wrapping_add(3), b).text(&data[3..]));
        tap.a(&seg("P.", a, b).text(&data[..3]));
        sent.extend(data);
        a = a.wrapping_add(5);
        tap.b(&seg("P.", b, a).text(b"ok"));
        b = b.wrapping_add(2);
    }
    let (a, b) = tap.finish();
    assert_eq!((a.text, b.text()), (sent, "okokok".to_owned()));
    assert_eq!(a.end.map(|end| (end.gaps, end.refused)), Some((0, 0)));
}

#[test]
fn more_than_four_gigabytes_are_one_line() {
    let mut tap = Tap::new();
    tap.open(1000, 5000);
    let mut at = 1001u32;
    let mut line = 0u64;
    // Acknowledgments of what the capture did not see carry the stream on: 6 GB in steps of 60 kB.
    for _ in 0..100_000 {
        at = at.wrapping_add(60_000);
        line += 60_000;
        tap.b(&seg(".", 5001, at).window(65_535));
    }
    let (mut told, mut last) = (Vec::new(), None);
    tap.give(A, B, &seg("P.", at, 5001).text(b"here"), &mut |event| match event {
        FlowEvent::Stream(event) => match event.part {
            StreamPart::Gap { offset, len, reason } => told.push((offset, len, reason)),
            StreamPart::Data { offset, bytes, .. } => last = Some((offset, bytes.to_vec())),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    });
    assert_eq!(told, [(0, line, GapReason::Acknowledged)]);
    assert_eq!(last, Some((line, b"here".to_vec())));
}

#[test]
fn data_in_a_syn_comes_first() {
    let mut tap = Tap::new();
    tap.a(&seg("S", 1000, 0).text(b"fast "));
    tap.b(&seg("S.", 5000, 1006));
    tap.a(&seg("P.", 1006, 5001).text(b"open"));
    let (a, _) = tap.finish();
    assert_eq!((a.text(), a.midway), ("fast open".to_owned(), false));
    // Not taken with the SYN, and sent again.
    let mut tap = Tap::new();
    tap.a(&seg("S", 1000, 0).text(b"fast"));
    tap.b(&seg("S.", 5000, 1001));
    tap.a(&seg("P.", 1001, 5001).text(b"fast open"));
    let (a, _) = tap.finish();
    assert_eq!((a.text(), a.end.map(|end| end.repeated)), ("fast open".to_owned(), Some(4)));
}

#[test]
fn a_capture_that_began_midway_begins_with_what_it_saw() {
    let mut tap = Tap::new();
    tap.a(&seg("P.", 7000, 100).text(b"first"));
    tap.b(&seg("P.", 105, 7005).text(b"missed 5 before"));
    tap.a(&seg("P.", 6990, 120).text(b"older bytes"));
    tap.b(&seg("P.", 120, 7005).text(b"."));
    let (a, b) = tap.finish();
    // A acknowledged 100: B's stream begins there.
    assert_eq!((a.text(), b.text()), ("first".to_owned(), "_____missed 5 before.".to_owned()));
    assert_eq!(b.gaps, [(0, 5, GapReason::Acknowledged)]);
    assert!(a.midway && b.midway);
    assert_eq!(a.end.map(|end| (end.refused, end.repeated + end.conflicting)), Some((10, 1)));
}

#[test]
fn a_syn_that_the_capture_saw_late_moves_nothing() {
    let mut tap = Tap::new();
    tap.b(&seg("S.", 5000, 1001));
    tap.a(&seg(".", 1001, 5001));
    tap.a(&seg("P.", 1001, 5001).text(b"data"));
    tap.a(&seg("S", 1000, 0));
    tap.a(&seg("P.", 1005, 5001).text(b" goes on"));
    let (a, _) = tap.finish();
    assert_eq!((a.text(), a.midway), ("data goes on".to_owned(), false));
}

#[test]
fn the_answer_that_was_chosen_numbers_the_stream() {
    let mut tap = Tap::new();
    tap.a(&seg("S", 1000, 0));
    tap.b(&seg("S.", 5000, 1001));
    tap.b(&seg("S.", 900_000, 1001));
    tap.a(&seg(".", 1001, 5001));
    tap.b(&seg("P.", 5001, 1001).text(b"the first"));
    let (_, b) = tap.finish();
    assert_eq!((b.text(), b.midway, b.end.map(|end| end.gaps)), ("the first".to_owned(), false, Some(0)));
    // What the other answer said was told: the stream goes on after it, and says that it is not what the SYN began.
    let mut tap = Tap::new();
    tap.a(&seg("S", 1000, 0));
    tap.b(&seg("S.", 5000, 1001).text(b"one "));
    tap.b(&seg("S.", 900_000, 1001).text(b"two "));
    tap.a(&seg(".", 1001, 900_001));
    tap.b(&seg("P.", 900_005, 1001).text(b"goes on"));
    let (_, b) = tap.finish();
    assert_eq!((b.text(), b.midway), ("one two goes on".to_owned(), true));
}

#[test]
fn what_no_receiver_would_take_is_refused() {
    let mut tap = Tap::new();
    tap.open(1000, 5000);
    tap.a(&seg("P.", 1001, 5001).text(b"good"));
    // Far out of the window, an acknowledgment of nothing, data of a reset.
    tap.a(&seg("P.", 900_001_000, 5001).text(b"far"));
    tap.a(&seg("P.", 1005, 900_005_000).text(b"evil"));
    tap.a(&seg("P.", 1005, 5001).text(b" bytes"));
    tap.a(&seg("R.", 1011, 5001).text(b"why"));
    let (a, _) = tap.finish();
    assert_eq!((a.text(), a.end.map(|end| (end.refused, end.gaps))), ("good bytes".to_owned(), Some((7, 0))));
}

#[test]
fn data_with_a_wrong_checksum_is_refused_unless_checksums_are_not_looked_at() {
    let damaged = |mut bytes: Vec<u8>| {
        *bytes.last_mut().unwrap() ^= 1;
        bytes
    };
    for (checksums, text) in
        [(Checksums::Auto, "good goes on"), (Checksums::Verify, "good goes on"), (Checksums::Ignore, "good hoes on")]
    {
        let mut tap = Tap::with(TrackerConfig { checksums, ..TrackerConfig::default() });
        tap.open(1000, 5000);
        tap.a(&seg("P.", 1001, 5001).text(b"good "));
        // Right ones enough to tell damage from a rewritten file.
        (0..12).for_each(|_| tap.b(&seg(".", 5001, 1006)));
        let (mut sides, mut ended) = (std::mem::take(&mut tap.sides), 0);
        let evil = damaged(tcp_bytes(A, B, &seg("P.", 1006, 5001).text(b"hoes on_")));
        tap.give_bytes(&evil[..evil.len()], &mut |event| keep(&mut sides, &mut ended, event));
        tap.sides = sides;
        tap.a(&seg("P.", 1006, 5001).text(b"goes on"));
        let (a, _) = tap.finish();
        assert_eq!(a.text()[..12], *text, "{checksums:?}");
        assert_eq!(a.end.map(|end| end.refused), Some(if checksums == Checksums::Ignore { 0 } else { 8 }));
    }
}

/// What A said, its gaps, and how many flows there were, where B's or A's damaged segment lies between "hell" and "o".
fn with_damaged(from: Host, to: Host, segment: &Seg, checksums: Checksums) -> (String, Vec<(u64, u64, GapReason)>, usize) {
    let mut tap = Tap::with(TrackerConfig { checksums, ..TrackerConfig::default() });
    let mut damaged = tcp_bytes(from, to, segment);
    damaged[20 + 16] ^= 0x15;
    let mut ended = 0;
    tap.open(1000, 5000);
    tap.a(&seg("P.", 1001, 5001).text(b"hell"));
    // Right ones enough to tell damage from a rewritten file.
    (0..12).for_each(|_| tap.b(&seg(".", 5001, 1005)));
    let mut sides = std::mem::take(&mut tap.sides);
    tap.give_bytes(&damaged, &mut |event| keep(&mut sides, &mut ended, event));
    tap.sides = sides;
    // Captured in this order.
    tap.b(&seg(".", 5001, 1006));
    tap.a(&seg("P.", 1005, 5001).text(b"o"));
    let flows = tap.tracker.stats().tcp as usize;
    let (a, _) = tap.finish();
    (a.text(), a.gaps, flows)
}

#[test]
fn a_segment_with_a_wrong_checksum_steers_nothing() {
    let (fin, ack, syn) = (seg("F.", 1005, 5001), seg(".", 5001, 1100), seg("S", 900_000, 0));
    let whole = ("hello".to_owned(), vec![], 1);
    for (from, to, segment) in [(A, B, &fin), (B, A, &ack), (A, B, &syn)] {
        assert_eq!(with_damaged(from, to, segment, Checksums::Verify), whole);
    }
    // Those believed steer it; the SYN begins another flow.
    assert_ne!(with_damaged(A, B, &fin, Checksums::Ignore), whole);
    assert_ne!(with_damaged(B, A, &ack, Checksums::Ignore), whole);
    let mut tap = Tap::with(TrackerConfig { checksums: Checksums::Ignore, ..TrackerConfig::default() });
    tap.open(1000, 5000);
    tap.a(&syn);
    assert_eq!(tap.tracker.stats().tcp, 2);
}

#[test]
fn a_connection_whose_first_syn_was_damaged_begins_with_the_next() {
    let mut tap = Tap::with(TrackerConfig { checksums: Checksums::Verify, ..TrackerConfig::default() });
    let mut damaged = tcp_bytes(A, B, &seg("S", 77, 0));
    damaged[20 + 16] ^= 0x15;
    tap.give_bytes(&damaged, &mut |_| {});
    tap.open(1000, 5000);
    tap.a(&seg("P.", 1001, 5001).text(b"hello"));
    assert_eq!(tap.tracker.stats().tcp, 1);
    let (a, _) = tap.finish();
    assert_eq!((a.text(), a.midway, a.gaps), ("hello".to_owned(), false, vec![]));
}

#[test]
fn a_keep_alive_is_no_conflict() {
    let mut tap = Tap::new();
    tap.open(1000, 5000);
    tap.a(&seg(".", 1000, 5001).text(b"\0"));
    tap.a(&seg("P.", 1001, 5001).text(b"data"));
    tap.b(&seg(".", 5001, 1005));
    tap.a(&seg(".", 1004, 5001).text(b"\0"));
    let (a, _) = tap.finish();
    assert_eq!((a.text(), a.conflicts.len()), ("data".to_owned(), 0));
    assert_eq!(a.end, Some(StreamTotals { bytes: 4, ..StreamTotals::default() }));
}

#[test]
fn two_answers_to_one_request_contradict_each_other() {
    let mut tap = Tap::new();
    tap.open(1000, 5000);
    tap.a(&seg("P.", 1001, 5001).text(b"GET"));
    tap.b(&seg("P.", 5001, 1004).text(b"302 evil"));
    tap.b(&seg("P.", 5001, 1004).text(b"200 good, and more"));
    let (_, b) = tap.finish();
    assert_eq!(b.text(), "302 evil, and more");
    assert_eq!(b.conflicts, [(0, b"200 good".to_vec())]);
    assert_eq!(b.end.map(|end| (end.conflicting, end.repeated)), Some((6, 2)));
}

#[test]
fn a_capture_of_headers_has_gaps_and_no_bytes() {
    let mut tap = Tap::new();
    tap.snaplen = 44;
    tap.open(1000, 5000);
    for round in 0..3 {
        tap.a(&seg("P.", 1001 + round * 100, 5001).len(100));
        tap.b(&seg(".", 5001, 1101 + round * 100));
    }
    let (a, _) = tap.finish();
    assert_eq!(a.text(), format!("xxxx{0}xxxx{0}xxxx{0}", "_".repeat(96)));
    assert!(a.gaps.iter().all(|gap| gap.2 == GapReason::Cut));
}

#[test]
fn the_fin_is_no_byte_and_ends_the_stream() {
    let mut tap = Tap::new();
    tap.open(1000, 5000);
    tap.a(&seg("FP.", 1001, 5001).text(b"bye"));
    tap.b(&seg(".", 5001, 1005));
    tap.a(&seg("P.", 1004, 5001).text(b"ghost"));
    // The FIN of B was missed, and its acknowledgment was not.
    tap.a(&seg(".", 1005, 5002));
    let (a, b) = tap.finish();
    assert_eq!((a.text(), a.end.map(|end| (end.gaps, end.refused))), ("bye".to_owned(), Some((0, 5))));
    assert!(b.text.is_empty() && b.end.is_none());
}

#[test]
fn the_memory_of_all_flows_is_bounded_and_comes_back() {
    let limits = StreamLimits { waiting: 1 << 20, compared: 0 };
    let mut tap = Tap::with(TrackerConfig { list_bytes: 5000, streams: limits, ..TrackerConfig::default() });
    let client = |i: u8| ([10, 0, 1, i], 4000);
    for i in 0..10 {
        tap.tcp(client(i), B, &seg("S", 1000, 0));
        tap.tcp(B, client(i), &seg("S.", 5000, 1001).window(60_000));
        tap.tcp(client(i), B, &seg("P.", 2001, 5001).len(1000));
    }
    // Four fit; the others gave their holes up at once.
    let told: usize = tap.sides.values().map(|side| side.gaps.len()).sum();
    assert_eq!(told, 6);
    assert!(tap.sides.values().all(|side| side.gaps == [(0, 1000, GapReason::NoRoom)]));
    // A flow that ends makes room for others.
    tap.tcp(client(0), B, &seg("S", 70_000, 0));
    tap.tcp(client(11), B, &seg("S", 1000, 0));
    tap.tcp(B, client(11), &seg("S.", 5000, 1001).window(60_000));
    for i in 0..4 {
        tap.tcp(client(i), B, &seg("P.", 1001, 5001).len(1000));
    }
    tap.tcp(client(11), B, &seg("P.", 2001, 5001).len(1000));
    assert!(!tap.sides.contains_key(&Endpoint::new(IpAddr::from(client(11).0), 4000)));
    tap.tcp(client(11), B, &seg("P.", 1001, 5001).len(1000));
    assert_eq!(tap.sides[&Endpoint::new(IpAddr::from(client(11).0), 4000)].text.len(), 2000);
}

#[test]
fn the_direction_is_that_of_the_originator() {
    let mut tap = Tap::new();
    let mut seen = Vec::new();
    for (from, to, segment) in [
        (A, B, seg("S", 1000, 0)),
        (B, A, seg("S.", 5000, 1001)),
        (A, B, seg("P.", 1001, 5001).text(b"a")),
        (B, A, seg("P.", 5001, 1002).text(b"b")),
    ] {
        tap.give(from, to, &segment, &mut |event| {
            if let FlowEvent::Stream(event) = event {
                seen.push((event.flow.to_string(), event.direction, event.sender.port));
            }
        });
    }
    let flow = "c1".to_owned();
    assert_eq!(seen, [(flow.clone(), Direction::Originator, A.1), (flow, Direction::Responder, B.1)]);
}

proptest! {
    /// Any segments at all: parts in order (asserted where they are kept), and all memory given back.
    #[test]
    fn whatever_is_sent_is_told_in_order(
        segments in prop::collection::vec(
            (
                any::<bool>(),
                prop::sample::select(vec![".", "P.", "P", "S", "S.", "F.", "FP.", "R", "R.", "SF", "SFR.P"]),
                prop_oneof![8 => 0u32..3000, 1 => any::<u32>()],
                prop_oneof![8 => 0u32..3000, 1 => any::<u32>()],
                0usize..300,
            ),
            0..80,
        ),
        limits in (0usize..3000, 0usize..1000),
        list_bytes in 0usize..6000,
        snaplen in prop_oneof![Just(usize::MAX), 40usize..200],
        base: u32,
    ) {
        let streams = StreamLimits { waiting: limits.0, compared: limits.1 };
        let mut tap = Tap::with(TrackerConfig { list_bytes, streams, max_flows: 2, ..TrackerConfig::default() });
        tap.snaplen = snaplen;
        for (from_a, flags, seq, ack, len) in segments {
            let segment = seg(flags, base.wrapping_add(seq), base.wrapping_add(ack)).len(len);
            // Each connection on these ports starts its streams afresh.
            let (mut sides, mut ended) = (std::mem::take(&mut tap.sides), tap.ended);
            let (from, to) = if from_a { (A, B) } else { (B, A) };
            tap.give(from, to, &segment, &mut |event| {
                keep(&mut sides, &mut ended, event);
                if matches!(event, FlowEvent::Ended(_)) {
                    sides.clear();
                }
            });
            (tap.sides, tap.ended) = (sides, ended);
        }
        let (a, b) = tap.finish();
        for side in [a, b] {
            let told = side.end.unwrap_or_default();
            prop_assert_eq!(told.bytes + told.gap_bytes, side.told);
            prop_assert_eq!(told.gaps, side.gaps.len() as u64);
        }
    }

    /// Segments of both sides in any order after the handshake, with copies: both streams come out whole.
    #[test]
    fn what_two_hosts_said_is_told(
        isn in (any::<u32>(), any::<u32>()),
        texts in (prop::collection::vec(any::<u8>(), 0..2000), prop::collection::vec(any::<u8>(), 0..2000)),
        pieces in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>(), 1usize..200), 0..60),
        snaplen in prop_oneof![3 => Just(usize::MAX), 1 => 40usize..200],
    ) {
        let mut tap = Tap::new();
        tap.open(isn.0, isn.1);
        tap.snaplen = snaplen;
        let (a, b) = (isn.0.wrapping_add(1), isn.1.wrapping_add(1));
        let side = |from_a: bool| if from_a { (&texts.0, a, b) } else { (&texts.1, b, a) };
        // Any pieces first, then all of it in order: nothing is acknowledged before the end.
        let in_order = [true, false].into_iter().flat_map(|from_a| {
            (0..side(from_a).0.len()).step_by(100).map(move |at| (from_a, at, 100))
        });
        let any = pieces.iter().filter(|piece| !side(piece.0).0.is_empty());
        let any = any.map(|(from_a, at, len)| (*from_a, at.index(side(*from_a).0.len()), *len));
        for (from_a, at, len) in any.chain(in_order).collect::<Vec<_>>() {
            let (text, seq, ack) = side(from_a);
            let data = &text[at..text.len().min(at + len)];
            let segment = seg("P.", seq.wrapping_add(at as u32), ack).window(65_535).text(data);
            if from_a { tap.a(&segment) } else { tap.b(&segment) }
        }
        let (told_a, told_b) = tap.finish();
        for (told, text) in [(&told_a, &texts.0), (&told_b, &texts.1)] {
            prop_assert_eq!(told.text.len(), text.len());
            prop_assert!(told.conflicts.is_empty() && !told.midway);
            if snaplen == usize::MAX {
                prop_assert!(&told.text == text && told.gaps.is_empty());
            }
            let gap = |at: usize| told.gaps.iter().any(|g| (g.0..g.0 + g.1).contains(&(at as u64)));
            prop_assert!((0..text.len()).all(|at| told.text[at] == text[at] || gap(at)));
        }
    }
}
