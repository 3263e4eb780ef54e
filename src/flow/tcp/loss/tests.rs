//! The rules on conversations of a few packets, made by hand.

use super::*;
use crate::decode::decode;
use crate::flow::capture_drops::CaptureDrops;
use crate::flow::key::{Ends, FlowKey};
use crate::flow::tcp::segment::Segment;
use crate::model::{Frame, LinkType};
use VerdictKind::{Duplicate, KeepAlive, Reordered, Resent, Spurious, Unsure, WindowProbe};
use proptest::prelude::*;
use std::borrow::Borrow;
use std::sync::LazyLock;

const ROOM: usize = 1 << 22;
const A: [u8; 4] = [10, 0, 0, 1];
const B: [u8; 4] = [10, 0, 0, 2];

/// A segment to be sent.
#[derive(Clone, Debug, Default)]
struct Seg {
    flags: u16,
    seq: u32,
    ack: u32,
    len: usize,
    window: u16,
    id: u16,
    ecn: u8,
    options: Vec<u8>,
}

fn seg(flags: &str, seq: u32, ack: u32) -> Seg {
    let bit = |c| match c {
        'F' => 1,
        'S' => 2,
        'R' => 4,
        '.' => 16,
        'E' => 64,
        'W' => 128,
        _ => panic!("{c}"),
    };
    Seg { flags: flags.chars().map(bit).sum(), seq, ack, window: 1000, ..Seg::default() }
}

fn data(seq: u32, len: usize) -> Seg {
    Seg { len, ..seg(".", seq, 1) }
}

fn ack(ack: u32) -> Seg {
    seg(".", 1, ack)
}

impl Seg {
    fn id(self, id: u16) -> Self {
        Self { id, ..self }
    }

    fn ect(self, ect: bool) -> Self {
        Self { ecn: if ect { 2 } else { 0 }, ..self }
    }

    fn window(self, window: u16) -> Self {
        Self { window, ..self }
    }

    fn len(self, len: usize) -> Self {
        Self { len, ..self }
    }

    fn times(mut self, value: u32, echo: u32) -> Self {
        self.options.extend([1, 1, 8, 10]);
        self.options.extend(value.to_be_bytes());
        self.options.extend(echo.to_be_bytes());
        self
    }

    fn sack(mut self, blocks: &[(u32, u32)]) -> Self {
        self.options.extend([1, 1, 5, 2 + 8 * blocks.len() as u8]);
        for (a, b) in blocks {
            self.options.extend([a.to_be_bytes(), b.to_be_bytes()].concat());
        }
        self
    }

    fn offers(mut self) -> Self {
        self.options.extend([2, 4, 5, 0xb4, 4, 2, 1, 1]);
        self
    }

    fn bytes(&self, from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
        let header = 20 + self.options.len();
        let total = 20 + header + self.len;
        let mut out = vec![0x45, self.ecn];
        out.extend((total as u16).to_be_bytes());
        out.extend(self.id.to_be_bytes());
        out.extend([0x40, 0, 64, 6, 0, 0]);
        out.extend([from, to].concat());
        let ports: [u16; 2] = if from == A { [4000, 80] } else { [80, 4000] };
        out.extend(ports.iter().flat_map(|port| port.to_be_bytes()));
        out.extend(self.seq.to_be_bytes());
        out.extend(self.ack.to_be_bytes());
        out.extend(((header as u16 / 4) << 12 | self.flags).to_be_bytes());
        out.extend(self.window.to_be_bytes());
        out.extend([0; 4]);
        out.extend(&self.options);
        out.resize(total, b'x');
        // The checksum stands for the bytes; nobody checks it here.
        let sum: u32 = out[20..].chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
        let sum = !((sum >> 16) + (sum & 0xffff)) as u16;
        out[36..38].copy_from_slice(&sum.to_be_bytes());
        out
    }
}

/// Both hosts and the capture between them.
struct World {
    loss: Loss,
    room: Room,
    paths: Paths,
    now: Timestamp,
    number: u64,
    said: Vec<Verdict>,
    drops: CaptureDrops,
}

impl World {
    fn new() -> Self {
        let now = Timestamp::from_parts(1_000_000, 0);
        Self {
            loss: Loss::default(),
            room: Room::new(ROOM),
            paths: Paths::default(),
            now,
            number: 0,
            said: Vec::new(),
            drops: CaptureDrops::default(),
        }
    }

    /// A handshake: so many milliseconds from the capture to B and back, and to A and back. `syn` changes all three.
    fn open_with(to_b: i64, to_a: i64, change: impl Fn(Seg, u32) -> Seg) -> Self {
        let mut world = Self::new();
        world.a(change(seg("S", 0, 0).offers(), 0));
        world.wait(to_b).b(change(seg("S.", 0, 1).offers(), 0));
        world.wait(to_a).a(change(seg(".", 1, 1), 1));
        world
    }

    /// As it is, in the middle of a way of 100 ms, with nothing in the packets that would tell their order.
    fn plain() -> Self {
        let mut world = Self::open_with(50, 50, |seg, _| seg);
        // A second answer that no program delayed.
        world.loss.path.measured(End::Low, Span::from_millis(50), true);
        world.loss.path.measured(End::High, Span::from_millis(50), true);
        world
    }

    fn wait(&mut self, ms: i64) -> &mut Self {
        self.now = self.now + Span::from_millis(ms);
        self
    }

    fn a(&mut self, seg: impl Borrow<Seg>) -> Option<Verdict> {
        self.send(&seg.borrow().bytes(A, B), true)
    }

    fn b(&mut self, seg: impl Borrow<Seg>) -> Option<Verdict> {
        self.send(&seg.borrow().bytes(B, A), true)
    }

    fn send(&mut self, bytes: &[u8], accepted: bool) -> Option<Verdict> {
        self.number += 1;
        let frame = Frame {
            number: self.number,
            source: 0,
            interface: 0,
            ts: self.now,
            link: LinkType::RAW,
            wire_len: bytes.len() as u32,
            bytes,
            direction: None,
            options: None,
            marks: crate::model::FrameMarks::NONE,
        };
        let packet = decode(&frame);
        let segment = Segment::of(&packet).expect("TCP");
        let (key, from): (FlowKey, End) = Ends::of(&packet).expect("IP").key([0; 2], 0);
        let seen = Sighting {
            key: &key,
            from,
            accepted,
            segment: &segment,
            packet: &packet,
            source: 0,
            number: self.number,
            ts: self.now,
            drops: &self.drops,
        };
        let verdict = self.loss.on_segment(&seen, &mut self.room, &mut self.paths);
        self.said.extend(verdict);
        verdict
    }

    /// Everything that is open is settled: kind and confidence of the last one.
    fn settled(&mut self) -> Verdict {
        let mut last = None;
        while let Some((_, _, verdict)) = self.loss.settle(Timestamp::MAX) {
            assert!(verdict.settled);
            last = Some(verdict);
        }
        last.expect("an open verdict")
    }

    fn of_a(&self) -> LossRecord {
        self.loss.record(End::Low)
    }
}

#[track_caller]
fn is(verdict: Option<Verdict>, kind: VerdictKind, confidence: Option<Confidence>, evidence: Evidence) {
    let verdict = verdict.expect("a verdict");
    assert_eq!((verdict.kind, verdict.confidence), (kind, confidence), "{:?}", verdict.evidence.keys().collect::<Vec<_>>());
    assert!(verdict.evidence.has(evidence), "{:?}", verdict.evidence.keys().collect::<Vec<_>>());
}

const SURE: Option<Confidence> = Some(Confidence::Sure);
const LIKELY: Option<Confidence> = Some(Confidence::Likely);

#[test]
fn what_is_expected_gets_no_verdict() {
    let mut world = World::plain();
    for i in 0..20 {
        assert_eq!(world.wait(1).a(data(1 + i * 100, 100)), None);
        assert_eq!(world.wait(1).b(ack(101 + i * 100)), None);
    }
    assert_eq!(world.a(seg("F.", 2001, 1)), None);
    assert_eq!(world.of_a(), LossRecord::default());
}

#[test]
fn a_timestamp_tells_what_fills_a_hole() {
    for (value, kind, why) in [(1101, Resent, Evidence::TS_NEWER), (999, Reordered, Evidence::TS_OLDER)] {
        let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
        world.a(data(1, 100).times(1000, 0));
        world.a(data(201, 100).times(1001, 0));
        let said = world.wait(10).a(data(101, 100).times(value, 0));
        is(said, kind, SURE, Evidence::FILLS_HOLE.and(why));
        assert_eq!(said.and_then(|said| said.against), Some((0, 5)));
        assert_eq!(said.and_then(|said| said.age), Some(Span::from_millis(10)));
    }
}

/// Eight packets of A with IP-IDs from 10 on, then 21 with 18, a hole before it, at 801..901.
fn counted() -> World {
    let mut world = World::open_with(50, 50, |seg, n| seg.id(8 + n as u16));
    for i in 0..8 {
        world.a(data(1 + u32::from(i) * 100, 100).id(10 + i));
    }
    world
}

#[test]
fn a_hole_that_the_capture_may_have_made_is_told_from_loss_before_it() {
    for (dropped_at, told) in [(None, false), (Some(0), true), (Some(-15), true), (Some(-20), false), (Some(25), false)] {
        let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
        world.a(data(1, 100).times(1000, 0));
        world.wait(20);
        if let Some(ms) = dropped_at {
            world.drops.before(0, world.now + Span::from_millis(ms), 3);
        }
        world.a(data(201, 100).times(1020, 0));
        let why = Evidence::FILLS_HOLE.and(Evidence::TS_NEWER);
        let why = if told { why.and(Evidence::DROPPED) } else { why };
        is(world.wait(200).a(data(101, 100).times(1220, 0)), Resent, SURE, why);
        assert_eq!(world.settled().evidence, why);
        let record = world.of_a();
        assert_eq!((record.resent_packets, record.lost_before, record.lost_beyond), (1, u64::from(!told), 0), "{dropped_at:?}");
    }
}

#[test]
fn an_ip_id_tells_what_fills_a_hole() {
    for (id, kind, why) in [(20, Resent, Evidence::ID_NEWER), (18, Reordered, Evidence::ID_OLDER)] {
        let mut world = counted();
        world.a(data(901, 100).id(19));
        is(world.wait(5).a(data(801, 100).id(id)), kind, SURE, why);
    }
}

#[test]
fn a_missing_ip_id_may_be_the_original() {
    let mut world = counted();
    // 18 was the original, and 19 is it once more, overtaken by 20.
    world.a(data(901, 100).id(20));
    is(world.wait(5).a(data(801, 100).id(19)), Unsure, None, Evidence::ID_OLDER);
}

#[test]
fn counters_that_do_not_count_are_not_compared() {
    let mut world = World::plain();
    for (i, id) in [5000, 77, 60_000, 31_234].into_iter().enumerate() {
        world.a(data(1 + i as u32 * 100, 100).id(id));
    }
    world.a(data(501, 100).id(9));
    let said = world.wait(10).a(data(401, 100).id(10)).expect("a verdict");
    assert!(!said.evidence.has(Evidence::ID_NEWER) && said.evidence.has(Evidence::AGE), "{said:?}");
}

#[test]
fn the_same_ip_id_is_the_same_packet() {
    let mut world = counted();
    is(world.wait(300).a(data(701, 100).id(17)), Duplicate, SURE, Evidence::ID_EQUAL);
    is(world.wait(300).a(data(701, 100).id(18)), Resent, SURE, Evidence::SEEN_BEFORE.and(Evidence::ID_NEWER));
}

#[test]
fn a_part_of_a_merged_packet_is_that_packet() {
    let mut world = World::open_with(50, 50, |seg, n| seg.id(8 + n as u16));
    for i in 0..8 {
        world.a(data(1 + u32::from(i) * 1460, 1460).id(10 + i));
    }
    world.a(data(11_681, 4380).id(18));
    is(world.a(data(13_141, 1460).id(19)), Duplicate, SURE, Evidence::ID_EQUAL);
    let said = world.wait(200).a(data(11_681, 4380).id(21));
    is(said, Resent, SURE, Evidence::ID_NEWER);
    assert_eq!(said.map(|said| said.segments), Some(3));
    assert_eq!(world.of_a().resent_packets, 3);
}

#[test]
fn an_equal_timestamp_is_proof_where_a_round_trip_takes_longer() {
    let slow = |to_b, to_a| {
        let mut world = World::open_with(to_b, to_a, |seg, n| seg.times(900 + 100 * n, 0));
        world.wait(100).a(data(1, 100).times(1100, 0));
        world.a(data(201, 100).times(1100, 0));
        world
    };
    let mut world = slow(50, 50);
    world.a(data(301, 100).times(1100, 0));
    is(world.a(data(101, 100).times(1100, 0)), Reordered, SURE, Evidence::TS_EQUAL);
    is(world.wait(30).a(data(101, 100).times(1100, 0)), Duplicate, SURE, Evidence::TS_EQUAL.and(Evidence::IDENTICAL));
    let mut world = slow(0, 1);
    world.loss.path.measured(End::Low, Span::ZERO, true);
    world.wait(1).a(data(101, 100).times(1100, 0));
    assert_eq!(world.settled().kind, Unsure);
}

#[test]
fn classic_ecn_marks_originals_only() {
    let mut world = World::new();
    world.a(seg("SEW", 0, 0).offers());
    world.wait(50).b(seg("S.E", 0, 1).offers());
    world.wait(50).a(seg(".", 1, 1));
    for i in 0..6 {
        world.a(data(1 + i * 100, 100).ect(true));
    }
    world.a(data(801, 100).ect(true));
    is(world.wait(1).a(data(601, 100).ect(false)), Resent, SURE, Evidence::ECN);
    is(world.wait(1).a(data(701, 100).ect(true)), Reordered, SURE, Evidence::ECN);
    is(world.wait(1).a(data(601, 100).ect(true)), Reordered, SURE, Evidence::ECN);
}

#[test]
fn age_tells_where_nothing_else_does() {
    let holed = || {
        let mut world = World::plain();
        world.a(data(1, 100));
        world.a(data(201, 100));
        world
    };
    is(holed().wait(20).a(data(101, 100)), Reordered, SURE, Evidence::AGE);
    is(holed().wait(95).a(data(101, 100)), Unsure, None, Evidence::AGE);
    let asked = |then: i64| {
        let mut world = holed();
        world.wait(40).b(ack(101));
        world.b(ack(101));
        world.wait(then);
        world
    };
    is(asked(10).a(data(101, 100)), Reordered, LIKELY, Evidence::AGE);
    let mut world = asked(60);
    is(world.a(data(101, 100)), Resent, SURE, Evidence::AGE.and(Evidence::REQUESTED));
    // A second copy shakes it.
    world.wait(30).a(data(101, 100));
    let first = world.loss.settle(Timestamp::MAX).expect("open").2;
    is(Some(first), Unsure, None, Evidence::SECOND_COPY);
}

#[test]
fn without_a_round_trip_age_says_nothing() {
    let mut world = World::new();
    world.a(data(1, 100));
    world.a(data(201, 100));
    is(world.wait(500).a(data(101, 100)), Unsure, None, Evidence::FILLS_HOLE);
}

#[test]
fn what_passes_its_sender_twice_was_sent_twice() {
    let mut world = World::open_with(100, 0, |seg, _| seg);
    world.a(data(1, 100));
    world.a(data(101, 100));
    is(world.wait(130).a(data(1, 100)), Resent, SURE, Evidence::AT_SENDER);
    assert_eq!((world.of_a().lost_beyond, world.of_a().lost_before), (1, 0));
    assert_eq!(world.loss.vantage(End::Low), Some(Vantage::NearOriginator));
}

#[test]
fn a_copy_soon_after_is_a_duplicate() {
    let mut world = World::plain();
    world.a(data(1, 100));
    is(world.wait(3).a(data(1, 100)), Duplicate, SURE, Evidence::IDENTICAL);
    is(world.wait(300).a(data(1, 100)), Resent, SURE, Evidence::SEEN_BEFORE);
}

#[test]
fn needless_resends_are_spurious() {
    let start = || {
        let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
        world.a(data(1, 100).times(1000, 0));
        world
    };
    let mut world = start();
    world.wait(50).b(ack(101));
    is(world.wait(300).a(data(1, 100).times(1350, 0)), Spurious, SURE, Evidence::ACKED);
    assert_eq!((world.of_a().resent_packets, world.of_a().spurious_packets), (1, 1));
    let mut world = start();
    let said = world.wait(300).a(data(1, 100).times(1300, 0));
    is(said, Resent, SURE, Evidence::TS_NEWER);
    assert_eq!(said.map(|said| said.settled), Some(false));
    world.wait(50).b(ack(101).sack(&[(1, 101)]));
    is(Some(world.settled()), Spurious, SURE, Evidence::DSACK);
    assert_eq!((world.of_a().resent_packets, world.of_a().spurious_packets), (1, 1));
}

#[test]
fn late_originals_are_told_from_resends() {
    let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
    world.a(data(1, 100).times(1000, 0));
    world.a(data(201, 100).times(1002, 0));
    is(world.wait(110).a(data(101, 100).times(1110, 0)), Resent, SURE, Evidence::TS_NEWER);
    is(world.wait(1).a(data(101, 100).times(1001, 0)), Reordered, SURE, Evidence::SEEN_BEFORE.and(Evidence::TS_OLDER));
}

#[test]
fn a_syn_again() {
    let mut world = World::new();
    world.a(seg("S", 0, 0).id(5));
    is(world.wait(1).a(seg("S", 0, 0).id(5)), Duplicate, SURE, Evidence::ID_EQUAL);
    is(world.wait(1000).a(seg("S", 0, 0).id(6)), Resent, SURE, Evidence::SYN_AGAIN);
    world.wait(10).b(seg("S.", 0, 1));
    // It answers the repeated SYN, although it looks like a copy.
    is(world.wait(1).b(seg("S.", 0, 1)), Resent, SURE, Evidence::SYN_AGAIN);
    let mut world = World::new();
    world.a(seg("S", 0, 0));
    is(world.wait(1).a(seg("S", 0, 0)), Duplicate, SURE, Evidence::IDENTICAL);
}

#[test]
fn both_open_at_the_same_time() {
    let mut world = World::new();
    world.a(seg("S", 0, 0));
    world.b(seg("S", 0, 0));
    assert_eq!(world.wait(1).a(seg("S.", 0, 1)), None, "the answer is not the SYN again");
    assert_eq!(world.wait(50).b(seg("S.", 0, 1)), None);
    is(world.wait(1000).b(seg("S.", 0, 1)), Spurious, SURE, Evidence::SYN_AGAIN.and(Evidence::ACKED));
}

#[test]
fn an_answer_may_be_copied_where_the_syn_was() {
    let mut world = World::new();
    world.a(seg("S", 0, 0).id(5));
    is(world.wait(1).a(seg("S", 0, 0).id(5)), Duplicate, SURE, Evidence::ID_EQUAL);
    world.wait(10).b(seg("S.", 0, 1));
    is(world.wait(1).b(seg("S.", 0, 1)), Resent, LIKELY, Evidence::SYN_AGAIN);
}

#[test]
fn of_two_syns_of_which_one_was_lost_one_is_answered() {
    let mut world = World::new();
    world.a(seg("S", 0, 0));
    world.wait(1000).a(seg("S", 0, 0));
    world.wait(50).b(seg("S.", 0, 1));
    is(world.wait(1).b(seg("S.", 0, 1)), Resent, LIKELY, Evidence::SYN_AGAIN);
}

#[test]
fn a_late_original_left_in_the_tick_of_what_made_the_hole() {
    let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
    world.a(data(1, 100).times(1000, 0));
    world.a(data(201, 100).times(1000, 0));
    is(world.wait(110).a(data(101, 100).times(1110, 0)), Resent, SURE, Evidence::TS_NEWER);
    is(world.wait(1).a(data(101, 100).times(1000, 0)), Reordered, SURE, Evidence::TS_OLDER.and(Evidence::TS_EQUAL));
}

#[test]
fn a_merged_packet_is_what_it_fills() {
    let mut world = World::plain();
    for n in 0..8 {
        world.a(data(1 + 100 * u32::from(n), 100).id(10 + n));
    }
    // The third of three overtook the others, was copied, and its copy was merged with them.
    world.a(data(1001, 100).id(20));
    is(world.wait(1).a(data(801, 300).id(18)), Reordered, SURE, Evidence::FILLS_HOLE.and(Evidence::ID_OLDER));
}

#[test]
fn a_flood_of_copies_is_not_remembered() {
    let mut world = World::plain();
    world.a(data(1, 100));
    let copies = |world: &World| world.loss.sides[0].awake().map_or(0, |side| side.history.copies(0, u64::MAX).count());
    for _ in 0..1000 {
        world.wait(1).a(data(1, 100));
    }
    assert!(copies(&world) < 32, "{}", copies(&world));
}

#[test]
fn probes_are_told_by_silence_and_the_window() {
    let mut world = World::plain();
    world.a(data(1, 100));
    world.wait(50).b(ack(101));
    is(world.wait(2000).a(seg(".", 100, 1)), KeepAlive, SURE, Evidence::BELOW_WINDOW);
    assert_eq!(world.wait(1).a(seg(".", 100, 1)), None, "an overtaken ACK");
    world.wait(50).b(ack(101).window(0));
    is(world.wait(300).a(seg(".", 100, 1)), WindowProbe, SURE, Evidence::WINDOW_SHUT);
    is(world.wait(300).a(seg(".", 100, 1).len(1)), WindowProbe, SURE, Evidence::WINDOW_SHUT);
    assert_eq!((world.of_a().keep_alives, world.of_a().window_probes), (1, 2));
    world.wait(50).b(ack(101));
    world.a(seg("F.", 101, 1));
    assert_eq!(world.wait(300).a(seg(".", 101, 1)), None, "after a FIN it is an overtaken ACK");
}

#[test]
fn what_the_capture_missed_is_not_lost() {
    let mut world = World::plain();
    world.a(data(1, 100));
    world.a(data(201, 100));
    world.wait(50).b(ack(301));
    assert_eq!(world.of_a().uncaptured_bytes, 100);
    let said = world.wait(300).a(data(101, 100));
    is(said, Spurious, SURE, Evidence::MISSED.and(Evidence::ACKED));
    assert_eq!((world.of_a().uncaptured_bytes, world.of_a().lost_before), (0, 0));
    world.wait(50).b(ack(501));
    assert_eq!(world.of_a().uncaptured_bytes, 200);
}

#[test]
fn data_seen_after_its_own_acknowledgment_is_no_resend() {
    let mut world = World::plain();
    for i in 0..20 {
        world.wait(200).b(ack(101 + i * 100));
        assert_eq!(world.of_a().uncaptured_bytes, 100);
        world.now = world.now + Span::from_nanos(10_000);
        assert_eq!(world.a(data(1 + i * 100, 100)), None);
        assert_eq!(world.of_a(), LossRecord::default());
    }
    // Two acknowledgments, then what they acknowledge in one packet, and more.
    world.wait(200).b(ack(2101));
    world.wait(1).b(ack(2201));
    assert_eq!(world.wait(1).a(data(2001, 300)), None);
    assert_eq!(world.of_a(), LossRecord::default());
    // It is remembered.
    is(world.wait(1).a(data(2001, 300)), Duplicate, SURE, Evidence::IDENTICAL);
}

#[test]
fn data_seen_long_after_its_acknowledgment_was_sent_again() {
    let missed = || {
        let mut world = World::open_with(50, 50, |seg, _| seg);
        world.a(data(1, 100));
        world.wait(50).b(ack(201));
        world
    };
    let mut world = missed();
    world.loss.path.measured(End::Low, Span::from_millis(50), true);
    is(world.wait(20).a(data(101, 100)), Unsure, None, Evidence::MISSED);
    assert_eq!(world.of_a().uncaptured_bytes, 0, "it was captured after all");
    let mut world = missed();
    is(world.wait(300).a(data(101, 100)), Spurious, LIKELY, Evidence::MISSED.and(Evidence::ACKED));
    assert_eq!((world.of_a().uncaptured_bytes, world.of_a().lost_before), (0, 0));
    // Out of order, however soon.
    let mut world = missed();
    world.a(data(201, 100));
    is(world.wait(1).a(data(101, 100)), Unsure, None, Evidence::MISSED);
}

#[test]
fn duplicate_acks_count_while_data_is_outstanding() {
    let mut world = World::plain();
    world.a(data(1, 100));
    world.wait(50).b(ack(101));
    world.b(ack(101));
    assert_eq!(world.loss.record(End::High).duplicate_acks, 0);
    world.a(data(201, 100));
    world.wait(50).b(ack(101).sack(&[(201, 301)]));
    world.b(ack(101).window(900));
    assert_eq!(world.loss.record(End::High).duplicate_acks, 1);
}

#[test]
fn a_pause_may_have_been_a_timeout() {
    let paused = |burst: bool| {
        let mut world = World::open_with(50, 50, |seg, n| seg.times(900 + n, 0));
        world.a(data(1, 100).times(1000, 0));
        world.wait(600).a(data(101, 100).times(1600, 0));
        if burst {
            world.wait(1).a(data(201, 100).times(1601, 0));
        } else {
            world.wait(100);
        }
        world.a(data(401, 100).times(1702, 0));
        world.wait(1).a(data(301, 100).times(1701, 0))
    };
    is(paused(false), Unsure, None, Evidence::STALL);
    is(paused(true), Reordered, SURE, Evidence::TS_OLDER);
}

#[test]
fn below_what_a_capture_saw_first_order_still_tells() {
    let begun = || {
        let mut world = World::new();
        world.a(data(1001, 100).times(1000, 0));
        world
    };
    is(begun().a(data(901, 100).times(1050, 0)), Resent, SURE, Evidence::TS_NEWER);
    is(begun().a(data(901, 100).times(1000, 0)), Unsure, None, Evidence::FORGOTTEN);
}

#[test]
fn numbers_wrap() {
    let top = u32::MAX - 150;
    let mut world = World::new();
    world.a(seg("S", top, 0).times(900, 0));
    world.wait(50).b(seg("S.", 0, top.wrapping_add(1)).times(900, 900));
    world.wait(50).a(seg(".", top.wrapping_add(1), 1).times(1000, 900));
    world.a(data(top.wrapping_add(1), 100).times(1000, 900));
    world.a(data(top.wrapping_add(201), 100).times(1001, 900));
    is(world.wait(150).a(data(top.wrapping_add(101), 100).times(1150, 900)), Resent, SURE, Evidence::TS_NEWER);
    assert_eq!(world.of_a().lost_before, 1);
}

#[test]
fn ten_thousand_holes_stay_within_bounds() {
    let mut world = World::plain();
    for i in 0..10_000u32 {
        world.a(data(1 + i * 200, 100));
    }
    let held = held(&mut world.room);
    assert!(held < 4 << 20, "{held}");
    assert!(world.of_a().at_least);
    // The oldest holes are still known, the newest were forgotten.
    is(world.wait(10).a(data(101, 100)), Reordered, SURE, Evidence::FILLS_HOLE);
    is(world.a(data(1_999_701, 100)), Unsure, None, Evidence::FORGOTTEN);
    world.loss.release(&mut world.room);
    assert!(world.room.take(ROOM), "all of it is given back");
}

/// What is taken of the room.
fn held(room: &mut Room) -> usize {
    let mut free = 0;
    let mut step = ROOM;
    while step > 0 {
        if room.take(step) {
            free += step;
        }
        step /= 2;
    }
    room.give_back(free);
    ROOM - free
}

#[test]
fn a_fresh_connection_stays_small() {
    let mut world = World::plain();
    for i in 0..10 {
        world.a(data(1 + i * 100, 100));
    }
    let held = held(&mut world.room);
    assert!(size_of::<Loss>() <= 96 && size_of::<Side>() <= 704, "{} and {}", size_of::<Loss>(), size_of::<Side>());
    assert!(held <= 2600, "{held}");
    world.wait(5000).b(ack(1001));
    world.wait(60_000);
    world.loss.rest(world.now, &mut world.room);
    let rested = self::held(&mut world.room);
    assert!(rested < held && rested <= 2 * (size_of::<Side>() + 2 * size_of::<Passed>()), "{rested}");
}

/// A connection that has sent and was acknowledged, silent for a minute, then folded.
fn at_rest() -> World {
    let mut world = World::plain();
    for i in 0..10 {
        world.a(data(1 + i * 100, 100).id(10 + i as u16));
    }
    world.wait(60).b(ack(1001));
    world.wait(60_000);
    world.loss.rest(world.now, &mut world.room);
    world
}

#[test]
fn a_connection_at_rest_is_small_and_forgets_nothing_that_counts() {
    let mut world = at_rest();
    assert!(matches!(world.loss.sides, [Kept::Rested(_), Kept::Rested(_)]));
    let bytes = held(&mut world.room);
    assert!(bytes <= 200, "docs/verdicts.md says 100 bytes a direction: {bytes}");
    is(world.a(seg(".", 1000, 1)), KeepAlive, SURE, Evidence::BELOW_WINDOW);
    world.a(data(1101, 100).id(22));
    is(world.wait(5).a(data(1001, 100).id(21)), Reordered, SURE, Evidence::ID_OLDER);
    assert_eq!((world.of_a().keep_alives, world.of_a().reordered_packets, world.of_a().at_least), (1, 1, false));
    world.wait(60).b(ack(1201));
    world.wait(60_000);
    while world.loss.settle(world.now).is_some() {}
    world.loss.rest(world.now, &mut world.room);
    assert!(matches!(world.loss.sides, [Kept::Rested(_), Kept::Rested(_)]));
    assert_eq!((world.of_a().keep_alives, world.of_a().reordered_packets), (1, 1), "what was counted stays");
    world.loss.release(&mut world.room);
    assert!(world.room.take(ROOM), "all of it is given back");
}

#[test]
fn what_is_open_does_not_rest() {
    let mut world = World::plain();
    world.a(data(1, 100));
    world.a(data(201, 100));
    world.wait(60_000);
    world.loss.rest(world.now, &mut world.room);
    assert!(matches!(world.loss.sides, [Kept::Awake(_), Kept::Rested(_)]));
}

#[test]
fn without_room_to_wake_the_record_says_so_and_numbers_begin_anew() {
    let mut world = at_rest();
    let free = ROOM - held(&mut world.room);
    assert!(world.room.take(free));
    assert_eq!(world.a(data(1001, 100)), None);
    world.room.give_back(free);
    assert_eq!(world.a(data(5001, 100)), None);
    assert_eq!((world.of_a().at_least, world.of_a().uncaptured_bytes), (true, 0));
    world.loss.release(&mut world.room);
    assert!(world.room.take(ROOM), "all of it is given back");
}

#[test]
fn a_fast_clock_keeps_its_rate_however_long_it_runs() {
    let mut world = World::open_with(50, 50, |seg, n| seg.times(100_000 * n, 0));
    for minute in 1..100u32 {
        let at = 1 + (minute - 1) * 300;
        world.wait(60_000);
        let value = minute.wrapping_mul(60_000_000).wrapping_add(100_000);
        world.a(data(at, 100).times(value, 1));
        world.a(data(at + 200, 100).times(value + 5, 1));
        is(world.wait(1).a(data(at + 100, 100).times(value + 3, 1)), Reordered, SURE, Evidence::TS_OLDER);
        let tick = world.loss.sides[0].awake().and_then(|side| side.sender.tick_length());
        assert_eq!(tick, Some(Span::from_nanos(1000)), "minute {minute}");
        world.wait(49).b(ack(at + 300).times(minute, value));
    }
}

#[test]
fn a_partial_overlap_counts_what_passed_before_also_when_it_settles() {
    let mut world = World::plain();
    for i in 0..3 {
        world.a(data(1 + i * 1460, 1460));
    }
    // The last of them again, merged with ten new ones.
    let said = world.wait(200).a(data(2921, 1460 * 11));
    assert_eq!(said.map(|said| (said.kind, said.segments)), Some((Resent, 1)));
    assert_eq!((world.settled().segments, world.of_a().resent_packets), (1, 1));
}

#[test]
fn a_small_mss_that_was_offered_has_a_floor() {
    let mut world = World::new();
    let tiny = |seg: Seg| Seg { options: vec![2, 4, 0, 1], ..seg };
    world.a(tiny(seg("S", 0, 0)));
    world.wait(50).b(tiny(seg("S.", 0, 1)));
    world.wait(50).a(seg(".", 1, 1));
    world.a(data(1, 1400));
    let said = world.wait(2000).a(data(1, 1400)).expect("a verdict");
    assert!(said.segments <= 30, "{}", said.segments);
}

#[test]
fn a_new_connection_forgets_what_the_old_one_forgot() {
    let mut world = World::plain();
    for i in 0..10_000u32 {
        world.a(data(1 + i * 200, 100));
    }
    world.a(seg("S", 0x5000_0000, 0));
    assert!(world.of_a().at_least, "what was counted before is still less than all");
    assert!(world.loss.sides[0].awake().is_some_and(|side| !side.holes.forgot()));
}

#[test]
fn a_direction_has_a_bound() {
    let seen = history::MOST_FRESH * size_of::<Passed>() + history::MOST_ODD * size_of::<Odd>();
    let open = hole::MOST * size_of::<hole::Hole>() + settle::MOST * size_of::<Open>();
    assert!((size_of::<hole::Hole>(), size_of::<Open>()) <= (144, 344), "{} and {}", size_of::<hole::Hole>(), size_of::<Open>());
    assert!(size_of::<Side>() + seen + open <= 1_400_000, "docs/verdicts.md says 1.4 MB: {}", seen + open);
}

#[test]
fn without_room_there_are_no_verdicts_and_the_record_says_so() {
    let mut world = World::new();
    assert!(world.room.take(ROOM));
    world.a(data(1, 100));
    assert_eq!(world.a(data(1, 100)), None);
    assert!(world.of_a().at_least);
    world.loss.release(&mut world.room);
    assert!(!world.room.take(1), "nothing is given back that was not taken");
}

#[test]
fn what_no_host_takes_changes_nothing() {
    let mut world = World::plain();
    world.a(data(1, 100));
    let far = data(900_000, 100).bytes(A, B);
    assert_eq!(world.send(&far, false), None);
    assert_eq!(world.wait(1).a(data(101, 100)), None);
}

static FLAGS: LazyLock<[u16; 6]> = LazyLock::new(|| [".", "S", "S.", "F.", "R", "SEW"].map(|flags| seg(flags, 0, 0).flags));

proptest! {
    #[test]
    fn anything_may_come(
        packets in prop::collection::vec(
            (any::<bool>(), 0usize..6, 0u32..3000, 0u32..3000, 0usize..400, any::<(u8, u8, u8)>(), -300i64..3000),
            0..300),
        base: u32,
        room in 0usize..20_000,
    ) {
        let mut world = World::new();
        prop_assert!(world.room.take(ROOM - room));
        let mut open = 0i64;
        for (from_a, flags, seq, ack, len, (id, times, odd), wait) in packets {
            let mut one = Seg { flags: FLAGS[flags], ..seg("", base.wrapping_add(seq), base.wrapping_add(ack)) };
            one = one.len(len).id(u16::from(id)).ect(odd & 1 == 0).window(u16::from(odd & 6));
            if odd & 8 == 0 {
                one = one.times(u32::from(times), u32::from(odd));
            } else if odd & 16 == 0 {
                one = one.sack(&[(base.wrapping_add(seq), base.wrapping_add(ack)), (seq, ack)]);
            }
            world.wait(wait);
            let said = if from_a { world.a(one) } else { world.b(one) };
            open += i64::from(said.is_some_and(|said| !said.settled));
            while let Some((_, _, verdict)) = world.loss.settle(world.now) {
                prop_assert!(verdict.settled);
                open -= 1;
            }
        }
        while world.loss.settle(Timestamp::MAX).is_some() {
            open -= 1;
        }
        prop_assert_eq!(open, 0);
        for end in [End::Low, End::High] {
            let record = world.loss.record(end);
            prop_assert!(record.spurious_packets <= record.resent_packets);
        }
        let verdicts = world.said.len() as u64;
        let counted: u64 = [End::Low, End::High].map(|end| {
            let r = world.loss.record(end);
            r.reordered_packets + r.duplicate_packets + r.unsure_packets + r.keep_alives + r.window_probes
        }).iter().sum();
        prop_assert!(counted <= verdicts);
        world.loss.release(&mut world.room);
        prop_assert!(world.room.take(room), "all is given back");
        prop_assert!(!world.room.take(1));
    }
}
