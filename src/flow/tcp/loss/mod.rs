//! What became of a connection's segments: sent again, overtaken, copied. This file says in which order a segment's
//! questions are asked; the answers are in the files beside it.

mod case;
mod fill;
mod history;
mod hole;
mod list;
mod order;
mod passed;
mod path;
mod probe;
mod requests;
mod seen;
mod sender;
mod settle;
mod side;
mod syn;

pub(in crate::flow) use self::path::Paths;

use self::case::{Case, Opinion};
use self::history::Odd;
use self::passed::{Options, Passed};
use self::path::Path;
use self::requests::Ack;
use self::sender::Sender;
use self::settle::Changed;
use self::side::{Place, Side};
use super::aspects::Sighting;
use crate::decode::TcpFlags;
use crate::flow::key::End;
use crate::flow::record::{LossRecord, Vantage};
use crate::flow::room::Room;
use crate::flow::verdict::{Confidence, Evidence, Verdict, VerdictKind};
use crate::model::{Span, Timestamp};

/// What is known of lost, late and repeated segments of a connection.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    sides: [Side; 2],
    path: Path,
}

impl Default for Loss {
    fn default() -> Self {
        Self { sides: [Side::new(), Side::new()], path: Path::default() }
    }
}

impl Loss {
    fn pair(&mut self, from: End) -> (&mut Side, &mut Side) {
        let [low, high] = &mut self.sides;
        match from {
            End::Low => (low, high),
            End::High => (high, low),
        }
    }

    pub(super) fn on_segment(&mut self, seen: &Sighting<'_, '_>, room: &mut Room, paths: &mut Paths) -> Option<Verdict> {
        if !seen.accepted {
            return None;
        }
        let options = Options::read(seen.segment.options);
        let mut s = Passed::read(seen, &options);
        let mut news = false;
        if s.has(TcpFlags::ACK) && !s.has(TcpFlags::RST) {
            news = self.on_ack(seen, &s, &options, room);
        }
        let round_trip = self.path.round_trip();
        let from = seen.from;
        let (me, peer) = self.pair(from);
        if !me.place(&mut s, seen.segment.seq, &options) {
            return None;
        }
        if s.has(TcpFlags::SYN) {
            agree(me, peer);
        }
        let silence = me.sender.silence(s.ts);
        me.sends_tsval(&s);
        me.sender.sends(&mut s, round_trip);
        if news {
            paths.share(seen.key.hosts(), &mut self.path);
        }
        if s.has(TcpFlags::RST) {
            return None;
        }
        self.judge(seen, &s, silence, room, paths)
    }

    /// What its acknowledgment says of the peer's segments. Says whether it tells something new of the way.
    fn on_ack(&mut self, seen: &Sighting<'_, '_>, s: &Passed, options: &Options, room: &mut Room) -> bool {
        let segment = seen.segment;
        let (me, peer) = self.pair(seen.from);
        let outstanding = peer.has_outstanding();
        let Some(at) = peer.acknowledged_at(segment.ack) else { return false };
        let ack = Ack {
            at,
            pure: s.len == 0,
            shut: segment.window == 0,
            window: segment.window,
            blocks: &options.sack[..options.sack_blocks],
            ts: s.ts,
        };
        let old = peer.requests.acked;
        let origin = peer.origin();
        let said = peer.requests.on_ack(&ack, origin, &mut peer.holes, room);
        me.record.duplicate_acks += u64::from(said.duplicate && outstanding);
        let passed = if said.newer { peer.on_acknowledged(old, at, s.ts, room) } else { None };
        let echoed = if s.has_times { peer.echoed(s.tsecr) } else { None };
        if let Some((start, end)) = said.twice
            && let Some(changed) = peer.settling.received_twice(start, end)
        {
            peer.change(&changed);
        }
        // From the capture to the sender of this packet and back.
        let mut news = false;
        for sent in [passed, echoed].into_iter().flatten() {
            news |= self.path.measured(seen.from, s.ts - sent);
        }
        news
    }

    /// The verdict on a segment that is not the next one expected.
    fn judge(
        &mut self,
        seen: &Sighting<'_, '_>,
        s: &Passed,
        silence: Option<Span>,
        room: &mut Room,
        paths: &mut Paths,
    ) -> Option<Verdict> {
        let from = seen.from;
        let wait = self.path.round_trip().map_or(Span::ZERO, |round_trip| round_trip + round_trip);
        let (me, peer) = self.pair(from);
        let stalled = me.sender.stalled(s.ts);
        let unanswered = peer.syns > me.syns;
        let place = me.arrives(s, wait, stalled, room);
        // An empty segment may yet be a probe; nothing else that was expected gets a verdict.
        if place == Place::Expected && (s.len > 0 || s.start >= me.next) {
            return None;
        }
        if place != Place::Expected {
            paths.share(seen.key.hosts(), &mut self.path);
        }
        let case = Case { s, me: &self.sides[from.index()], path: &self.path, from, silence };
        let mut opinion = case.opinion(place, unanswered)?;
        let filled = case.me.holes.find(s.start, s.end()).map(|hole| hole.creator);
        let unseen = case.me.holes.within(s.start, s.end()) + s.end().saturating_sub(case.me.next);
        if opinion.kind == VerdictKind::Resent && case.me.requests.has(s.start, s.end()) {
            opinion.kind = VerdictKind::Spurious;
            opinion.evidence = opinion.evidence.and(Evidence::ACKED);
            opinion.by_age = false;
        }
        let round_trip = self.path.round_trip();
        let late = opinion.kind == VerdictKind::Reordered
            && opinion.confidence == Some(Confidence::Sure)
            && !opinion.evidence.has(Evidence::AGE);
        if late && let Some(age) = opinion.age {
            self.path.overtook(from, age);
        }
        let me = &mut self.sides[from.index()];
        me.fill(s, filled.is_some(), room);
        let verdict = me.told(s, &opinion, unseen, filled.is_some());
        Some(me.take(s, seen.source, &opinion, verdict, filled, (round_trip, wait), room))
    }

    pub(super) fn record(&self, end: End) -> LossRecord {
        let side = &self.sides[end.index()];
        LossRecord { at_least: side.record.at_least || side.holes.forgot(), ..side.record }
    }

    /// Where it was captured.
    pub(super) fn vantage(&self, originator: End) -> Option<Vantage> {
        self.path.vantage(originator)
    }

    /// When the next open verdict is settled.
    pub(super) fn next_settled(&self) -> Option<Timestamp> {
        let [low, high] = &self.sides;
        let (a, b) = (low.settling.next(), high.settling.next());
        a.zip(b).map(|(a, b)| a.min(b)).or(a).or(b)
    }

    /// A verdict that nothing changes any more by now: source and number of its packet.
    pub(super) fn settle(&mut self, now: Timestamp) -> Option<(u16, u64, Verdict)> {
        let [low, high] = &mut self.sides;
        let open = low.settling.due(now).or_else(|| high.settling.due(now))?;
        Some((open.source, open.number, open.verdict))
    }

    /// The flow has been silent: what it no longer needs is given back.
    pub(super) fn rest(&mut self, now: Timestamp, room: &mut Room) {
        let wait = self.path.round_trip().map_or(Span::ZERO, |round_trip| round_trip + round_trip);
        for side in &mut self.sides {
            side.history.rest(side.requests.acked, now, wait, room);
        }
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        for side in &mut self.sides {
            side.release(room);
        }
    }
}

impl Case<'_> {
    /// The first rule that applies.
    fn opinion(&self, place: Place, unanswered: bool) -> Option<Opinion> {
        let (start, end) = (self.s.start, self.s.end());
        if place == Place::SynAgain {
            return Some(self.syn_again(unanswered));
        }
        if let Some(opinion) = self.probes() {
            return Some(opinion);
        }
        if place == Place::Expected {
            return None;
        }
        if let Some(opinion) = self.duplicates() {
            return Some(opinion);
        }
        if let Some(hole) = self.me.holes.find(start, end) {
            return Some(self.fills(hole));
        }
        let copied = self.me.history.copies(start, end).next().is_some();
        match self.me.first() {
            Some(first) if place == Place::BeforeCapture && !copied => Some(self.before_the_capture(first)),
            _ => Some(self.passed_before()),
        }
    }
}

impl Side {
    /// The numbers of a segment below the highest one have passed.
    fn fill(&mut self, s: &Passed, fills: bool, room: &mut Room) {
        if fills {
            let acked = self.holes.fill(s.start, s.end(), room);
            self.record.uncaptured_bytes = self.record.uncaptured_bytes.saturating_sub(acked);
        }
        self.next = self.next.max(s.end());
        if s.has(TcpFlags::SYN) {
            self.syn_was_sent_again(s.ts);
        }
    }

    /// The verdict, as it is told.
    fn told(&self, s: &Passed, opinion: &Opinion, unseen: u64, fills: bool) -> Verdict {
        let segments = match opinion.kind {
            // Of a packet that brings new bytes beside old ones, those that decided.
            kind if kind.is_resent() => {
                let data = u64::from(s.data());
                self.segments(if fills || unseen == 0 { data } else { data.saturating_sub(unseen) })
            }
            _ => 0,
        };
        Verdict {
            kind: opinion.kind,
            confidence: opinion.confidence,
            evidence: opinion.evidence,
            against: opinion.against,
            age: opinion.age,
            segments: u32::try_from(segments).unwrap_or(u32::MAX),
            settled: true,
        }
    }

    /// Counts and remembers a segment with its verdict.
    #[expect(clippy::too_many_arguments)]
    fn take(
        &mut self,
        s: &Passed,
        source: u16,
        opinion: &Opinion,
        mut verdict: Verdict,
        filled: Option<Passed>,
        (round_trip, wait): (Option<Span>, Span),
        room: &mut Room,
    ) -> Verdict {
        if let Some(changed) = self.settling.copied(s) {
            self.change(&changed);
        }
        let open = verdict.kind == VerdictKind::Resent;
        if open && self.settling.keep(s, source, opinion, verdict, round_trip, room) {
            verdict.settled = false;
        }
        self.count(&verdict, true);
        if verdict.kind.is_resent() {
            self.last_resent = Some(s.ts);
        }
        self.record.at_least |= verdict.evidence.has(Evidence::FORGOTTEN);
        let sure = verdict.confidence == Some(Confidence::Sure);
        let odd = Odd { passed: *s, kind: verdict.kind, sure, filled };
        if s.len > 0 {
            let acked = self.requests.acked;
            self.history.remember_odd(odd, acked, wait, room);
        }
        verdict
    }

    /// A verdict was changed by what followed.
    fn change(&mut self, changed: &Changed) {
        self.count(&changed.before, false);
        self.count(&changed.after, true);
        self.history.settle(changed.number, changed.after.kind, changed.after.confidence == Some(Confidence::Sure));
    }

    fn count(&mut self, verdict: &Verdict, add: bool) {
        let record = &mut self.record;
        let step = |counter: &mut u64, by: u32| {
            *counter = if add { *counter + u64::from(by) } else { counter.saturating_sub(u64::from(by)) };
        };
        match verdict.kind {
            VerdictKind::Resent | VerdictKind::Spurious => {
                step(&mut record.resent_packets, verdict.segments);
                if verdict.kind == VerdictKind::Spurious {
                    step(&mut record.spurious_packets, verdict.segments);
                } else if verdict.evidence.has(Evidence::FILLS_HOLE) {
                    step(&mut record.lost_before, verdict.segments);
                } else if verdict.evidence.has(Evidence::SEEN_BEFORE) {
                    step(&mut record.lost_beyond, verdict.segments);
                }
            }
            VerdictKind::Reordered => step(&mut record.reordered_packets, 1),
            VerdictKind::Duplicate => step(&mut record.duplicate_packets, 1),
            VerdictKind::Unsure => step(&mut record.unsure_packets, 1),
            VerdictKind::KeepAlive => step(&mut record.keep_alives, 1),
            VerdictKind::WindowProbe => step(&mut record.window_probes, 1),
        }
    }
}

/// What the SYNs of both sides, as far as they passed, agree on.
fn agree(me: &mut Side, peer: &mut Side) {
    me.agree_mss(peer);
    peer.agree_mss(me);
    if me.syn_flags.contains(TcpFlags::SYN | TcpFlags::ACK) {
        let classic = Sender::offers_classic_ecn(peer.syn_flags) && Sender::accepts_classic_ecn(me.syn_flags);
        (me.sender.ecn_agreed, peer.sender.ecn_agreed) = (classic, classic);
    }
}
