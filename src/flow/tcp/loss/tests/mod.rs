//! The rules on conversations of a few packets, made by hand; a file for each question.

mod again;
mod bounds;
mod fills;
mod missed;
mod opening;

use super::*;
use crate::flow::capture_drops::CaptureDrops;
use crate::flow::tcp::tests::made::{A, B, Seg, ack, data, see, seg};
use VerdictKind::{Duplicate, KeepAlive, Reordered, Resent, Spurious, Unsure, WindowProbe};
use std::borrow::Borrow;

const ROOM: usize = 1 << 22;

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
        let Self { loss, room, paths, drops, .. } = self;
        let verdict = see(bytes, (self.number, self.now), accepted, drops, |seen| loss.on_segment(seen, room, paths));
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

/// Eight packets of A with IP-IDs from 10 on, then 21 with 18, a hole before it, at 801..901.
fn counted() -> World {
    let mut world = World::open_with(50, 50, |seg, n| seg.id(8 + n as u16));
    for i in 0..8 {
        world.a(data(1 + u32::from(i) * 100, 100).id(10 + i));
    }
    world
}
