//! From what passes a tap to a capture: what it loses and merges, its frames, and the truth of each.

use crate::rng::Rng;
use crate::truth::{Labels, Sending, Truth};
use crate::wire::{Host, Segment};
use crate::world::{History, Passing};
use sockeye::model::{Frame, LinkType, Timestamp};

/// A frame of a capture.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    pub(crate) at: i64,
    pub(crate) from: Host,
    /// What was merged in it.
    pub(crate) parts: Vec<Passing>,
    pub(crate) truth: Truth,
    bytes: Vec<u8>,
    wire_len: u32,
}

impl Taken {
    /// As a source hands it over.
    pub(crate) fn frame(&self, number: u64) -> Frame<'_> {
        Frame {
            number,
            source: 0,
            interface: 0,
            ts: Timestamp::from_nanos(self.at),
            link: LinkType::RAW,
            wire_len: self.wire_len,
            bytes: &self.bytes,
            direction: None,
            options: None,
            marks: sockeye::model::FrameMarks::NONE,
        }
    }

    /// One line, for people.
    pub(crate) fn line(&self) -> String {
        let s = &self.parts[0].segment;
        let end = self.parts.last().expect("a part").segment.end();
        format!(
            "id {} host {} {}:{} ack {:?} win {} ts {:?} sack {:?} ip-id {} ecn {} {:?}{}",
            s.id,
            s.from,
            s.start,
            end,
            s.ack,
            s.window,
            s.ts,
            s.sack,
            s.ip_id,
            s.ecn,
            s.role,
            if s.syn { " SYN" } else { "" }
        )
    }
}

/// Bytes kept of a frame: all headers. The whole length is known besides.
const SNAP: usize = 128;

/// What a capture at this tap holds.
pub(crate) fn capture(history: &History, tap: usize) -> Vec<Taken> {
    let distortion = history.conditions.distortion;
    let rng = &mut Rng::new(history.conditions.seed, 30 + tap as u64);
    let mut skip = 0;
    let mut kept: Vec<Vec<Passing>> = Vec::new();
    for (i, passing) in history.taps[tap].iter().enumerate() {
        if skip == 0 && rng.chance(distortion.bursts) {
            skip = rng.between(5, 60);
        }
        skip = (skip - 1).max(0);
        if skip > 0 || i < distortion.midway || rng.chance(distortion.missed) {
            continue;
        }
        match kept.last_mut() {
            Some(last) if distortion.merged && merges(last, passing, tap) => last.push(passing.clone()),
            _ => kept.push(vec![passing.clone()]),
        }
    }
    let mut labels = [Labels::default(), Labels::default()];
    kept.into_iter()
        .map(|parts| {
            let from = parts[0].segment.from;
            let sendings: Vec<Sending> = parts.iter().map(|part| sending(&part.segment, history)).collect();
            let truth = labels[from].label(&sendings);
            let mut whole = (*parts[0].segment).clone();
            whole.len = parts.iter().map(|part| part.segment.len).sum();
            whole.fin = parts.last().is_some_and(|part| part.segment.fin);
            whole.push = parts.iter().any(|part| part.segment.push);
            let mut bytes = whole.bytes(history.conditions.ipv6, history.isn, parts[0].marked);
            let wire_len = bytes.len() as u32;
            bytes.truncate(SNAP);
            Taken { at: parts[0].at, from, parts, truth, bytes, wire_len }
        })
        .collect()
}

fn sending(segment: &Segment, history: &History) -> Sending {
    let needless = history.needless.contains(&segment.id);
    Sending { id: segment.id, role: segment.role, start: segment.start, end: segment.end(), needless }
}

/// Would offloading merge it? Same headers, bytes that follow, IP-IDs that follow; sent in one go, or arriving together.
fn merges(so_far: &[Passing], next: &Passing, tap: usize) -> bool {
    let (first, last) = (&so_far[0].segment, &so_far[so_far.len() - 1]);
    let (a, b) = (&last.segment, &next.segment);
    let leaving = tap != 1 && (tap == 0) == (b.from == 0);
    // What leaves is merged before it is sent: originals with originals, for packets made of one piece of memory.
    let together = if leaving { a.role == b.role } else { true };
    let counts = b.ip_id == a.ip_id.wrapping_add(1) || (a.ip_id, b.ip_id) == (0, 0);
    let plain = |s: &Segment| s.len > 0 && !s.syn && !s.fin && !s.cwr;
    together
        && counts
        && a.from == b.from
        && plain(a)
        && plain(b)
        && a.len == first.len
        && b.len <= first.len
        && a.end() == b.start
        && (a.ts, a.ack, a.window, a.ecn, last.marked, a.flow_label) == (b.ts, b.ack, b.window, b.ecn, next.marked, b.flow_label)
        && (a.sack.is_empty() && b.sack.is_empty())
        && next.at - so_far[0].at < if leaving { 60_000 } else { 100_000 }
        && so_far.len() < 40
}
