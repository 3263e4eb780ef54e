//! When verdicts are told: at once, again when they are settled by packet time, and always before their flow's end.

use crate::world::{A, B, Host, Seg, seg, tcp_bytes};
use sockeye::decode::decode;
use sockeye::flow::{
    Evidence, FlowEvent, FlowRecord, PacketMeta, Settled, Tracker, TrackerConfig, Vantage, Verdict, VerdictKind, Wants,
};
use sockeye::model::{Frame, LinkType, Span, Timestamp};

/// A tracker that is asked for verdicts, and what it told.
struct Told {
    tracker: Tracker,
    now: Timestamp,
    number: u64,
    settled: Vec<Settled>,
    ended: Vec<FlowRecord>,
}

impl Told {
    fn new(list_bytes: usize) -> Self {
        let wants = Wants { verdicts: true, ..Wants::default() };
        let tracker = Tracker::new(TrackerConfig { wants, list_bytes, ..TrackerConfig::default() });
        Self { tracker, now: Timestamp::from_parts(1_000_000, 0), number: 0, settled: Vec::new(), ended: Vec::new() }
    }

    fn wait(&mut self, ms: i64) -> &mut Self {
        self.now = self.now + Span::from_millis(ms);
        self
    }

    fn send(&mut self, from: Host, to: Host, segment: &Seg) -> Option<Verdict> {
        self.number += 1;
        let bytes = tcp_bytes(from, to, segment);
        let wire_len = bytes.len() as u32;
        let frame = Frame {
            number: self.number,
            source: 0,
            interface: 0,
            ts: self.now,
            link: LinkType::RAW,
            wire_len,
            bytes: &bytes,
            direction: None,
            options: None,
            marks: sockeye::model::FrameMarks::NONE,
        };
        let meta = PacketMeta {
            source: 0,
            number: self.number,
            ts: self.now,
            wire_bytes: u64::from(wire_len),
            frames: 1,
            marks: sockeye::model::FrameMarks::NONE,
            interface: 0,
            pieces: None,
        };
        let (settled, ended) = (&mut self.settled, &mut self.ended);
        self.tracker.on_packet(&meta, &decode(&frame), &mut |event: FlowEvent<'_>| keep(settled, ended, event)).verdict
    }

    fn finish(&mut self) {
        let (settled, ended) = (&mut self.settled, &mut self.ended);
        self.tracker.finish(&mut |event: FlowEvent<'_>| keep(settled, ended, event));
    }

    /// A connection captured near B, with a segment of A that came again 300 ms after its first copy.
    fn resent(&mut self, port: u16) -> Option<Verdict> {
        let a = (A.0, port);
        self.send(a, B, &seg("S", 0, 0).timestamps(1000, 0));
        self.send(B, a, &seg("S.", 0, 1).timestamps(500, 1000));
        self.wait(40).send(a, B, &seg(".", 1, 1).timestamps(1040, 500));
        self.send(a, B, &seg(".", 1, 1).len(100).timestamps(1040, 500));
        self.wait(300).send(a, B, &seg(".", 1, 1).len(100).timestamps(1340, 500))
    }
}

fn keep(settled: &mut Vec<Settled>, ended: &mut Vec<FlowRecord>, event: FlowEvent<'_>) {
    match event {
        FlowEvent::Settled(one) => {
            assert!(ended.iter().all(|record| record.id != one.flow), "settled before the flow's end");
            settled.push(one);
        }
        FlowEvent::Ended(record) => ended.push(record.clone()),
        _ => {}
    }
}

#[test]
fn a_verdict_is_settled_by_packet_time_though_its_flow_is_silent() {
    let mut told = Told::new(1 << 20);
    let verdict = told.resent(4000).expect("a verdict");
    assert_eq!((verdict.kind, verdict.settled), (VerdictKind::Resent, false));
    assert!(verdict.evidence.has(Evidence::TS_NEWER));
    // A packet of another flow, before and after two round trips.
    told.wait(20).send((A.0, 5), B, &seg("S", 7, 0));
    assert_eq!(told.settled, []);
    told.wait(200).send((A.0, 6), B, &seg("S", 7, 0));
    let [settled] = told.settled[..] else { panic!("{:?}", told.settled) };
    assert_eq!((settled.number, settled.verdict), (5, Verdict { settled: true, ..verdict }));
    told.finish();
    assert_eq!(told.settled.len(), 1);
}

#[test]
fn the_end_of_a_flow_settles_what_is_open() {
    let mut told = Told::new(1 << 20);
    told.resent(4000);
    told.finish();
    let [settled] = told.settled[..] else { panic!("{:?}", told.settled) };
    assert!(settled.verdict.settled);
    let [record] = &told.ended[..] else { panic!() };
    let loss = record.orig.loss.expect("verdicts were wanted");
    assert_eq!((loss.resent_packets, loss.lost_beyond, loss.at_least), (1, 1, false));
    assert_eq!(record.vantage, Some(Vantage::NearResponder));
}

#[test]
fn many_flows_share_what_memory_there_is() {
    let mut told = Told::new(40_000);
    for port in 1..500 {
        told.resent(port);
    }
    told.finish();
    let loss = |record: &FlowRecord| record.orig.loss.expect("verdicts were wanted");
    let (short, whole): (Vec<_>, Vec<_>) = told.ended.iter().partition(|record| loss(record).at_least);
    assert!(short.len() > 400 && whole.len() > 5, "{} and {}", short.len(), whole.len());
    assert!(whole.iter().all(|record| loss(record).resent_packets == 1));
}

/// What a flow may take of the room when a million of them share what there is by default.
const SHARE: usize = (256 << 20) / 1_000_000;

#[test]
fn idle_connections_leave_room_for_new_ones() {
    let idle = 10_000u16;
    let mut told = Told::new(usize::from(idle) * SHARE);
    for port in 1..=idle {
        let a = ([10, 1, 0, 1], port);
        told.wait(5).send(a, B, &seg("S", 0, 0));
        told.send(B, a, &seg("S.", 0, 1));
        told.send(a, B, &seg(".", 1, 1));
    }
    told.wait(30_000);
    for port in 1..=20 {
        assert!(told.resent(port).is_some(), "connection {port}");
    }
    told.finish();
    let whole = |record: &&FlowRecord| record.orig.loss.is_some_and(|loss| !loss.at_least);
    assert_eq!(told.ended.iter().filter(whole).count(), usize::from(idle) + 20);
}
