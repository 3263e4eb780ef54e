//! One stream against a model: any order, copies, overlaps, cuts and lies of its segments.

use super::direction::{Outlet, Piece, Stream};
use super::waiting::Budget;
use crate::flow::room::Room;
use crate::flow::stream::{GapReason, StreamPacket, StreamPart, StreamTotals};
use crate::model::Timestamp;
use proptest::prelude::*;

/// All that was told, and the stream that told it.
struct Told {
    stream: Stream,
    room: Room,
    size: usize,
    waiting: usize,
    compared: usize,
    bytes: Vec<Option<u8>>,
    gaps: Vec<(u64, u64, GapReason)>,
    conflicts: Vec<(u64, Vec<u8>, u64)>,
    ends: Vec<StreamTotals>,
    number: u64,
}

impl Told {
    fn new(waiting: usize, compared: usize, size: usize) -> Self {
        Self {
            stream: Stream::default(),
            room: Room::new(size),
            size,
            waiting,
            compared,
            bytes: Vec::new(),
            gaps: Vec::new(),
            conflicts: Vec::new(),
            ends: Vec::new(),
            number: 0,
        }
    }

    fn with(&mut self, work: impl FnOnce(&mut Stream, &mut Outlet<'_, '_>)) {
        let Self { bytes, gaps, conflicts, ends, .. } = self;
        let mut tell = |part: StreamPart<'_>| match part {
            StreamPart::Data { offset, bytes: data, packet } => {
                assert_eq!(offset, bytes.len() as u64, "in order");
                assert!(!data.is_empty() && packet.number > 0);
                bytes.extend(data.iter().map(|byte| Some(*byte)));
            }
            StreamPart::Gap { offset, len, reason } => {
                assert_eq!(offset, bytes.len() as u64, "in order");
                assert!(len > 0);
                bytes.extend((0..len).map(|_| None));
                gaps.push((offset, len, reason));
            }
            StreamPart::Conflict { offset, bytes: data, differing, packet } => {
                assert!(differing > 0 && differing <= data.len() as u64 && packet.number > 0);
                conflicts.push((offset, data.to_vec(), differing));
            }
            StreamPart::End(totals) => ends.push(totals),
        };
        let left = self.waiting.saturating_sub(self.stream.waiting());
        let budget = Budget { left, room: &mut self.room };
        work(&mut self.stream, &mut Outlet { budget, compared: self.compared, tell: &mut tell });
        assert!(self.stream.waiting() <= self.waiting);
        assert!(self.stream.memory() <= (self.waiting + self.compared).min(self.size));
        assert!(self.ends.is_empty() || self.stream.memory() == 0);
    }

    fn data(&mut self, start: u64, data: &[u8]) {
        self.cut(start, data, 0);
    }

    /// So many bytes more were on the wire.
    fn cut(&mut self, start: u64, data: &[u8], more: u64) {
        self.number += 1;
        let packet = StreamPacket { source: 0, number: self.number, ts: Timestamp::default() };
        let piece = Piece { start, data, wire_end: start + data.len() as u64 + more, packet };
        self.with(|stream, out| stream.on_data(piece, out));
    }

    fn ack(&mut self, offset: u64) {
        self.with(|stream, out| stream.on_ack(offset, out));
    }

    fn finish(&mut self, has_fin: bool) -> StreamTotals {
        self.with(|stream, out| stream.finish(has_fin, out));
        assert_eq!(self.room, Room::new(self.size), "all memory is given back");
        let totals = self.ends.last().copied().unwrap_or_default();
        assert_eq!(totals.bytes, self.bytes.iter().flatten().count() as u64);
        assert_eq!(totals.gap_bytes, self.bytes.iter().filter(|byte| byte.is_none()).count() as u64);
        assert_eq!(totals.gaps, self.gaps.len() as u64);
        assert_eq!(totals.conflicting, self.conflicts.iter().map(|conflict| conflict.2).sum::<u64>());
        totals
    }

    fn text(&self) -> String {
        self.bytes.iter().map(|byte| byte.map_or('_', char::from)).collect()
    }
}

/// A segment: where, how long, how many bytes of it were captured, whether it lies, and what is acknowledged after it.
type Step = (prop::sample::Index, usize, usize, bool, Option<prop::sample::Index>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ack = prop::option::weighted(0.2, any::<prop::sample::Index>());
    let captured = prop_oneof![4 => Just(usize::MAX), 1 => 0usize..50];
    prop::collection::vec((any::<prop::sample::Index>(), 0usize..150, captured, prop::bool::weighted(0.1), ack), 0..60)
}

fn true_byte(offset: usize) -> u8 {
    (offset * 7 + offset / 251) as u8
}

proptest! {
    /// With room, without lies, cuts and acknowledgments, what comes out is what went in.
    #[test]
    fn any_order_gives_the_stream(steps in steps(), length in 1usize..1500) {
        let truth: Vec<u8> = (0..length).map(true_byte).collect();
        let mut told = Told::new(1 << 20, 1 << 16, 1 << 24);
        let mut seen = vec![false; length];
        let mut sent = 0;
        for (at, len, ..) in steps {
            let at = at.index(length);
            let end = length.min(at + len);
            told.data(at as u64, &truth[at..end]);
            seen[at..end].fill(true);
            sent += end - at;
            let whole = seen.iter().take_while(|seen| **seen).count();
            prop_assert_eq!(told.bytes.len(), whole, "what is whole is told at once");
        }
        let totals = told.finish(true);
        let last = seen.iter().rposition(|seen| *seen).map_or(0, |last| last + 1);
        let expected: Vec<Option<u8>> = (0..last).map(|at| seen[at].then_some(truth[at])).collect();
        prop_assert_eq!(&told.bytes, &expected);
        prop_assert_eq!((totals.conflicting, totals.unchecked, totals.refused), (0, 0, 0));
        prop_assert_eq!(totals.repeated + totals.bytes, sent as u64);
        prop_assert!(told.gaps.iter().all(|gap| gap.2 == GapReason::End));
    }

    /// Of bytes that contradict each other the first stand, wherever they were; each that differs is counted.
    #[test]
    fn the_first_bytes_stand(steps in steps(), length in 1usize..1500) {
        let mut told = Told::new(1 << 20, 1 << 16, 1 << 24);
        let mut first: Vec<Option<u8>> = vec![None; length];
        let mut differing = 0;
        for (at, len, _, lies, _) in steps {
            let at = at.index(length);
            let end = length.min(at + len);
            let data: Vec<u8> = (at..end).map(|at| if lies && at % 3 == 0 { !true_byte(at) } else { true_byte(at) }).collect();
            told.data(at as u64, &data);
            for (slot, byte) in first[at..end].iter_mut().zip(data) {
                differing += u64::from(*slot.get_or_insert(byte) != byte);
            }
        }
        let totals = told.finish(true);
        first.truncate(told.bytes.len());
        prop_assert_eq!(&told.bytes, &first);
        prop_assert_eq!((totals.conflicting, totals.unchecked), (differing, 0));
    }

    /// Whatever comes, within any limits: parts in order, no byte told that was not sent there, memory within its bounds (the
    /// last two are asserted after each step).
    #[test]
    fn bounds_hold_whatever_comes(
        steps in steps(),
        length in 1usize..5000,
        waiting in 0usize..3000,
        compared in prop_oneof![Just(0usize), 0usize..3000],
        size in prop_oneof![Just(1usize << 24), 0usize..4000],
        has_fin: bool,
    ) {
        let mut told = Told::new(waiting, compared, size);
        let mut sent = vec![Vec::new(); length];
        let mut acked = 0;
        for (at, len, captured, lies, ack) in steps {
            let at = at.index(length);
            let end = length.min(at + len);
            let data: Vec<u8> = (at..end).map(|at| true_byte(at) ^ u8::from(lies)).take(captured).collect();
            for (at, byte) in data.iter().enumerate().map(|(i, byte)| (at + i, *byte)) {
                sent[at].push(byte);
            }
            told.cut(at as u64, &data, (end - at - data.len()) as u64);
            if let Some(ack) = ack {
                acked = acked.max(ack.index(length + 1));
                told.ack(acked as u64);
            }
        }
        told.finish(has_fin);
        for (at, byte) in told.bytes.iter().enumerate() {
            prop_assert!(byte.is_none_or(|byte| sent[at].contains(&byte)));
        }
        let tail = acked.saturating_sub(told.bytes.len());
        prop_assert!(tail == 0 || (tail == 1 && !has_fin), "what was acknowledged is accounted for");
    }
}

#[test]
fn a_hole_is_closed_by_an_acknowledgment_beyond_it() {
    let mut told = Told::new(1 << 20, 1 << 16, 1 << 24);
    told.data(0, b"abc");
    told.data(6, b"ghi");
    told.ack(6);
    assert_eq!(told.text(), "abc___ghi");
    assert_eq!(told.gaps, [(3, 3, GapReason::Acknowledged)]);
    // What comes after all is not told any more.
    told.data(3, b"def");
    // Nothing waits behind this one: the data may only be late.
    told.ack(12);
    told.data(9, b"jkl");
    told.ack(20);
    told.data(15, b"pqr");
    assert_eq!(told.text(), "abc___ghijkl___pqr");
    let totals = told.finish(true);
    assert_eq!(told.text(), "abc___ghijkl___pqr__");
    assert_eq!((totals.gaps, totals.unchecked, totals.bytes), (3, 3, 12));
}

#[test]
fn one_byte_acknowledged_behind_the_data_may_be_the_fin() {
    for (has_fin, text) in [(false, "abc"), (true, "abc_")] {
        let mut told = Told::new(1 << 20, 0, 1 << 24);
        told.data(0, b"abc");
        told.ack(4);
        told.finish(has_fin);
        assert_eq!(told.text(), text);
    }
}

#[test]
fn what_the_capture_cut_off_is_a_gap_at_once() {
    let mut told = Told::new(1 << 20, 1 << 16, 1 << 24);
    told.cut(0, b"ab", 2);
    told.cut(4, b"", 2);
    assert_eq!(told.text(), "ab____");
    told.cut(8, b"ij", 2);
    told.data(12, b"mn");
    told.data(6, b"gh");
    assert_eq!(told.text(), "ab____ghij__mn");
    assert!(told.gaps.iter().all(|gap| gap.2 == GapReason::Cut));
    // A copy that holds more comes too late for what was told, in time for what was not.
    told.data(10, b"klmnop");
    assert_eq!(told.text(), "ab____ghij__mnop");
    let totals = told.finish(true);
    assert_eq!((totals.repeated, totals.unchecked, totals.gap_bytes), (2, 2, 6));
}

#[test]
fn what_was_cut_off_above_a_hole_waits_for_it() {
    let mut told = Told::new(1 << 20, 1 << 16, 1 << 24);
    told.cut(10, b"", 10);
    told.cut(20, b"", 10);
    told.cut(40, b"", 2);
    assert_eq!(told.text(), "");
    told.cut(0, b"", 10);
    assert_eq!((told.bytes.len(), &told.gaps), (30, &vec![(0, 10, GapReason::Cut), (10, 20, GapReason::Cut)]));
    // Nothing of it was captured here, but by a copy that came in time.
    told.data(38, b"38 40 42");
    let totals = told.finish(true);
    assert_eq!(told.text()[30..], *"________38 40 42");
    assert_eq!(told.gaps[2..], [(30, 8, GapReason::End)]);
    assert_eq!((totals.gap_bytes, totals.bytes), (38, 8));
    // The last packet, of which nothing was captured and before which one is missing.
    let mut told = Told::new(1 << 20, 1 << 16, 1 << 24);
    told.data(0, b"ab");
    told.cut(4, b"", 3);
    let totals = told.finish(true);
    assert_eq!(told.gaps, [(2, 2, GapReason::End), (4, 3, GapReason::Cut)]);
    assert_eq!(totals.gap_bytes, 5);
    // A copy holds less than the first did, and says that there was more.
    let mut told = Told::new(1 << 20, 1 << 16, 1 << 24);
    told.data(2, b"cdef");
    told.cut(3, b"de", 4);
    told.data(0, b"ab");
    assert_eq!((told.text().as_str(), &told.gaps), ("abcdef___", &vec![(6, 3, GapReason::Cut)]));
}

#[test]
fn where_too_much_waits_the_oldest_hole_is_given_up() {
    let mut told = Told::new(600, 0, 1 << 24);
    told.data(1, b"b");
    told.data(3, b"d");
    told.data(5, b"f");
    assert_eq!(told.text(), "");
    told.data(7, b"h");
    assert_eq!(told.text(), "_b");
    assert_eq!(told.gaps, [(0, 1, GapReason::NoRoom)]);
    // More than fits by itself is told at once, after all that waited.
    told.data(9, &[b'x'; 700]);
    assert_eq!(told.text(), format!("_b_d_f_h_{}", "x".repeat(700)));
    // What lies below all that waits needs no room once its hole is given up.
    let mut told = Told::new(170, 0, 1 << 24);
    told.data(20, b"u");
    told.data(10, &[b'k'; 10]);
    assert_eq!(told.text(), "__________kkkkkkkkkku");
}

#[test]
fn a_copy_is_compared_with_what_waits_and_with_what_was_told() {
    let mut told = Told::new(1 << 20, 4, 1 << 24);
    told.data(0, b"abcdef");
    told.data(8, b"ij");
    // "ab" is no longer kept, "cdef" is; "gh" is new; "ij" waits.
    told.data(0, b"ABcDefghiJ");
    assert_eq!(told.text(), "abcdefghij");
    assert_eq!(told.conflicts, [(3, b"DefghiJ".to_vec(), 2)]);
    let totals = told.finish(true);
    assert_eq!((totals.repeated, totals.conflicting, totals.unchecked, totals.bytes), (4, 2, 2, 10));
}

#[test]
fn a_cut_told_past_what_finds_no_room_does_not_stop_it() {
    let mut told = Told::new(170, 0, 1 << 24);
    told.cut(10, b"0123456789", 30);
    told.data(15, &[b'x'; 40]);
    assert_eq!(&told.text()[..20], "__________0123456789");
    assert_eq!(told.bytes.len(), 55);
    told.finish(true);
}
