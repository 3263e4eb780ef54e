//! What became of a connection's segments: sent again, overtaken, copied. This file says in which order a segment's
//! questions are asked; the answers are in the files beside it.

mod case;
mod fill;
mod history;
mod hole;
mod ids;
mod order;
mod passed;
mod path;
mod probe;
mod requests;
mod rested;
mod seen;
mod sender;
mod settle;
mod side;
mod syn;
mod when;

pub(in crate::flow) use self::path::{KnownPaths, Paths};

use self::case::{Case, Moment, Opinion};
use self::history::Odd;
pub(super) use self::passed::Passed;
use self::path::Path;
use self::requests::Ack;
use self::rested::Kept;
use self::sender::Sender;
use self::settle::{Changed, Open};
use self::side::{Place, Side};
use self::when::When;
use super::aspects::Sighting;
use super::early;
use super::list;
use super::segment::Segment;
use crate::decode::TcpFlags;
use crate::flow::key::End;
use crate::flow::record::{LossRecord, Vantage};
use crate::flow::room::Room;
use crate::flow::verdict::{Confidence, Evidence, Verdict, VerdictKind};
use crate::model::{Span, Timestamp};

/// What is known of lost, late and repeated segments of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Loss {
    /// The directions that have sent, and for which there was room.
    sides: [Kept; 2],
    path: Path,
    /// There was no room for one.
    crowded: bool,
}

impl Loss {
    /// The sender's side, and its peer's if that has sent.
    #[inline]
    fn pair<'a>(
        sides: &'a mut [Kept; 2],
        crowded: &mut bool,
        from: End,
        room: &mut Room,
    ) -> Option<(&'a mut Side, Option<&'a mut Side>)> {
        let [low, high] = sides;
        let (me, peer) = match from {
            End::Low => (low, high),
            End::High => (high, low),
        };
        match me {
            Kept::Awake(_) => {}
            Kept::Nothing => me.begin(room),
            Kept::Rested(_) => *crowded |= !me.wake(room),
        }
        if let Kept::Rested(_) = peer {
            *crowded |= !peer.wake(room);
        }
        *crowded |= me.awake().is_none();
        Some((me.awake_mut()?, peer.awake_mut()))
    }

    /// Asks for the memory of both sides, that of the sender first.
    #[inline]
    pub(super) fn fetch(&self, from: End) {
        if let Some(me) = self.side(from) {
            me.fetch();
        }
        if let Some(peer) = self.side(from.other()) {
            peer.fetch_acknowledged();
        }
    }

    /// Asks for what of their lists a segment will be put behind, and what an acknowledgment will be of.
    #[inline]
    pub(super) fn fetch_lists(&self, from: End) {
        if let Some(me) = self.side(from) {
            me.history.fetch_last();
        }
        if let Some(peer) = self.side(from.other()) {
            peer.history.fetch_unacknowledged();
        }
    }

    fn side(&self, end: End) -> Option<&Side> {
        self.sides[end.index()].awake()
    }

    fn side_mut(&mut self, end: End) -> Option<&mut Side> {
        self.sides[end.index()].awake_mut()
    }

    #[inline]
    pub(super) fn on_segment(&mut self, seen: &Sighting<'_, '_>, room: &mut Room, paths: &mut Paths) -> Option<Verdict> {
        if !seen.accepted {
            return None;
        }
        let Self { sides, path, crowded } = self;
        let (me, mut peer) = Self::pair(sides, crowded, seen.from, room)?;
        let mut s = Passed::read(seen);
        let reset = s.has(TcpFlags::RST);
        let news = match &mut peer {
            Some(peer) if s.has(TcpFlags::ACK) && !reset => on_ack((me, peer), path, seen, &s, room),
            _ => false,
        };
        if !me.place(&mut s, seen.segment.seq, &seen.segment.options) {
            return None;
        }
        if s.has(TcpFlags::SYN)
            && let Some(peer) = &mut peer
        {
            agree(me, peer);
        }
        let last = me.sender.last();
        me.sends_tsval(&s);
        let mss = me.mss();
        me.sender.sends(&mut s, path.round_trip(), mss);
        if news {
            paths.share(seen.key.hosts(), path);
        }
        if reset || (early() && me.goes_on(&s, twice(path.round_trip()), room)) {
            return None;
        }
        judge((me, peer), path, seen, &s, last.since(s.ts), room, paths)
    }

    /// The first segment of a connection, of which there is nothing to say.
    pub(super) fn begin(&mut self, from: End, mut s: Passed, segment: &Segment<'_>, room: &mut Room) {
        let Some((me, _)) = Self::pair(&mut self.sides, &mut self.crowded, from, room) else { return };
        if !me.place(&mut s, segment.seq, &segment.options) {
            return;
        }
        me.sends_tsval(&s);
        let mss = me.mss();
        me.sender.sends(&mut s, None, mss);
        if !s.has(TcpFlags::RST) {
            me.arrives(&s, Span::ZERO, false, room);
        }
    }

    pub(super) fn record(&self, end: End) -> LossRecord {
        let record = self.sides[end.index()].record();
        LossRecord { at_least: record.at_least || self.crowded, ..record }
    }

    /// Where it was captured.
    pub(super) fn vantage(&self, originator: End) -> Option<Vantage> {
        self.path.vantage(originator)
    }

    /// The longest segment of an end that was acknowledged, bytes of data; of packets that offloading merged, one segment.
    pub(super) fn longest_acked(&self, end: End) -> Option<u32> {
        let side = self.side(end)?;
        Some(side.history.longest_acked.min(side.mss()))
    }

    /// When the next open verdict is settled.
    pub(super) fn next_settled(&self) -> Option<Timestamp> {
        self.sides.iter().filter_map(|side| side.awake()?.settling.next()).min()
    }

    /// A verdict that nothing changes any more by now: source and number of its packet.
    pub(super) fn settle(&mut self, now: Timestamp) -> Option<(u16, u64, Verdict)> {
        let due = |end: End| Some((end, self.side_mut(end)?.settling.due(now)?));
        let (from, open) = [End::Low, End::High].into_iter().find_map(due)?;
        Some((open.source, open.s.number, self.last_word(from, &open)))
    }

    /// The verdict on a segment, by what is known of its sender and the way by now.
    fn last_word(&mut self, from: End, open: &Open) -> Verdict {
        let before = open.verdict;
        if open.over || (before.confidence == Some(Confidence::Sure) && !open.by_age) {
            return before;
        }
        let Some(me) = self.side(from) else { return before };
        let case = Case { s: &open.s, moment: &open.moment, me, path: &self.path, from };
        let Some(opinion) = case.opinion() else { return before };
        let doubted = before.evidence.has(Evidence::SECOND_COPY) || before.evidence.has(Evidence::DSACK);
        if doubted && (opinion.by_age || opinion.confidence != Some(Confidence::Sure)) {
            return before;
        }
        learn(&mut self.path, from, &opinion);
        let Some(me) = self.side_mut(from) else { return before };
        let after = me.told(&open.s, &opinion, open.unseen, open.moment.hole.is_some());
        me.change(&Changed { number: open.s.number, before, after });
        after
    }

    /// The flow has been silent: what it no longer needs is given back.
    pub(super) fn rest(&mut self, now: Timestamp, room: &mut Room) {
        let wait = twice(self.path.round_trip());
        for kept in &mut self.sides {
            let Some(side) = kept.awake_mut() else { continue };
            side.rest(now, wait, room);
            if side.is_done(now) {
                kept.fold(room);
            }
        }
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        for side in &mut self.sides {
            side.release(room);
        }
    }
}

/// Two round trips; 0 where none is known.
fn twice(round_trip: Option<Span>) -> Span {
    round_trip.map_or(Span::ZERO, |round_trip| round_trip + round_trip)
}

/// What a verdict tells of the way.
fn learn(path: &mut Path, from: End, opinion: &Opinion) {
    if opinion.kind == VerdictKind::Reordered
        && let Some(age) = opinion.age
    {
        path.overtook(from, age);
    }
}

/// What an acknowledgment says of the peer's segments. Says whether it tells something new of the way.
#[inline]
fn on_ack((me, peer): (&mut Side, &mut Side), path: &mut Path, seen: &Sighting<'_, '_>, s: &Passed, room: &mut Room) -> bool {
    let segment = seen.segment;
    let outstanding = peer.has_outstanding();
    let Some(at) = peer.acknowledged_at(segment.ack) else { return false };
    let ack = Ack {
        at,
        pure: s.len == 0,
        shut: segment.window == 0,
        window: segment.window,
        blocks: segment.options.sack,
        ts: s.ts,
        tsval: s.has_times.then_some(s.tsval),
    };
    let old = peer.requests.acked;
    let origin = peer.origin();
    let said = peer.requests.on_ack(&ack, origin, &mut peer.holes, room);
    if said.duplicate && outstanding {
        me.counts().duplicate_acks += 1;
    }
    // Hosts answer a SYN, and the answer to it, at once; all else may wait for a program or a delayed ACK.
    let prompt = s.has(TcpFlags::SYN) || (said.newer && s.len == 0 && peer.is_syn_end(at));
    // From the capture to the sender of this packet and back.
    let mut news = false;
    if said.newer
        && let Some(passed) = peer.on_acknowledged(old, at, s.ts, room)
    {
        news |= path.measured(seen.from, s.ts - passed, prompt);
    }
    if s.has_times
        && let Some(passed) = peer.echoed(s.tsecr)
    {
        news |= path.measured(seen.from, s.ts - passed, prompt);
    }
    if let Some((start, end)) = said.twice
        && let Some(changed) = peer.settling.received_twice(start, end)
    {
        peer.change(&changed);
    }
    news
}

/// The verdict on a segment that is not the next one expected.
#[inline(never)]
fn judge(
    (me, peer): (&mut Side, Option<&mut Side>),
    path: &mut Path,
    seen: &Sighting<'_, '_>,
    s: &Passed,
    silence: Option<Span>,
    room: &mut Room,
    paths: &mut Paths,
) -> Option<Verdict> {
    let from = seen.from;
    let wait = twice(path.round_trip());
    let stalled = me.sender.stalled(s.ts);
    let answers_syn = peer.as_ref().is_some_and(|peer| me.owes_syn(peer));
    let syn_repeated = peer.as_ref().is_some_and(|peer| peer.repeated_syn());
    let syn_copied = peer.is_some_and(|peer| peer.syn_copied);
    let (known, next) = (me.known, me.next);
    let place = me.arrives(s, wait, stalled, room);
    if known
        && s.len > 0
        && s.start > next
        && silence.is_some_and(|silence| seen.drops.any_within(seen.source, s.ts - silence, s.ts))
    {
        me.holes.newest_was_dropped(s.start);
    }
    // An empty segment may yet be a probe; nothing else that was expected gets a verdict.
    if place == Place::Expected && (s.len > 0 || s.start >= me.next) {
        return None;
    }
    if place == Place::FirstAnswer {
        me.remember_answer(s, wait, room);
        return None;
    }
    if place != Place::Expected {
        paths.share(seen.key.hosts(), path);
    }
    let (start, end) = (s.start, s.end());
    let moment = Moment {
        place,
        silence,
        stalled,
        since_resent: me.last_resent.since(s.ts),
        asked: me.requests.asked(start, end),
        sack: me.sack(),
        had: me.requests.has(start, end),
        answers_syn,
        syn_repeated,
        syn_copied,
        next: me.next,
        tick_passed: s.has_times && me.sender.highest_tsval().is_some_and(|newest| newest != s.tsval),
        hole: me.holes.find(start, end).copied(),
    };
    let opinion = Case { s, moment: &moment, me, path, from }.opinion()?;
    learn(path, from, &opinion);
    let unseen = me.holes.within(start, end) + end.saturating_sub(me.next);
    me.fill(s, moment.hole.is_some(), room);
    let verdict = me.told(s, &opinion, unseen, moment.hole.is_some());
    Some(me.take((s, &moment, unseen), seen.source, &opinion, verdict, (path.round_trip(), wait), room))
}

impl Case<'_> {
    /// The first rule that applies.
    fn opinion(&self) -> Option<Opinion> {
        let opinion = self.by_rule()?;
        if opinion.kind == VerdictKind::Resent && self.moment.had {
            let evidence = opinion.evidence.and(Evidence::ACKED);
            return Some(Opinion { kind: VerdictKind::Spurious, evidence, by_age: false, ..opinion });
        }
        Some(opinion)
    }

    fn by_rule(&self) -> Option<Opinion> {
        let place = self.moment.place;
        if place == Place::SynAgain {
            return Some(self.syn_again());
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
        if let Some(hole) = &self.moment.hole {
            return Some(self.fills(hole));
        }
        let copied = self.copies().next().is_some();
        match self.me.first() {
            Some(first) if place == Place::BeforeCapture && !copied => Some(self.before_the_capture(first)),
            _ => Some(self.passed_before()),
        }
    }
}

impl Side {
    /// The numbers of a segment below the highest one have passed.
    pub(super) fn fill(&mut self, s: &Passed, fills: bool, room: &mut Room) {
        if fills {
            let acked = self.holes.fill(s.start, s.end(), room);
            if let Some(counts) = self.counts.as_mut().filter(|_| acked > 0) {
                counts.uncaptured_bytes = counts.uncaptured_bytes.saturating_sub(acked);
            }
        }
        self.next = self.next.max(s.end());
        if s.has(TcpFlags::SYN) {
            self.syn_was_sent_again(s.ts);
        }
    }

    /// A SYN-ACK after a SYN of its own: the next one is compared with it.
    fn remember_answer(&mut self, s: &Passed, wait: Span, room: &mut Room) {
        let odd = Odd { passed: *s, kind: VerdictKind::Unsure, sure: false, filled: None };
        let acked = self.requests.acked;
        self.history.remember_odd(odd, acked, wait, room);
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
    fn take(
        &mut self,
        (s, moment, unseen): (&Passed, &Moment, u64),
        source: u16,
        opinion: &Opinion,
        mut verdict: Verdict,
        (round_trip, wait): (Option<Span>, Span),
        room: &mut Room,
    ) -> Verdict {
        match verdict.kind {
            VerdictKind::Reordered => self.settling.original_came(s),
            VerdictKind::Duplicate => {}
            _ => {
                if let Some(changed) = self.settling.copied(s) {
                    self.change(&changed);
                }
            }
        }
        // A DSACK may follow, or what is learnt of the sender may decide.
        let sure = verdict.confidence == Some(Confidence::Sure);
        let open = verdict.kind == VerdictKind::Resent || !sure;
        if open && self.settling.keep((s, moment, unseen), source, opinion, verdict, round_trip, room) {
            verdict.settled = false;
        }
        self.count(&verdict, true);
        if verdict.kind.is_resent() {
            self.last_resent = When::at(s.ts);
        }
        if verdict.evidence.has(Evidence::FORGOTTEN) {
            self.counts().at_least = true;
        }
        if s.has(TcpFlags::SYN) {
            self.syn_copied = verdict.kind == VerdictKind::Duplicate;
        }
        let odd = Odd {
            passed: *s,
            kind: verdict.kind,
            sure,
            filled: moment.hole.filter(|hole| !hole.by_ack).map(|hole| hole.creator),
        };
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
        let record = self.counts();
        let step = |counter: &mut u64, by: u32| {
            *counter = if add { *counter + u64::from(by) } else { counter.saturating_sub(u64::from(by)) };
        };
        match verdict.kind {
            VerdictKind::Resent | VerdictKind::Spurious => {
                step(&mut record.resent_packets, verdict.segments);
                if verdict.kind == VerdictKind::Spurious {
                    step(&mut record.spurious_packets, verdict.segments);
                } else if verdict.evidence.has(Evidence::DROPPED) {
                    // The original may have passed here, unseen.
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

#[cfg(test)]
mod tests;
