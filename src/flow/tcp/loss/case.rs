//! A segment that came below the highest number seen, with all that its verdict can rest on. The rules themselves are in the
//! files beside this one.

use super::history::Copy;
use super::hole::Hole;
use super::order::{self, Order};
use super::passed::Passed;
use super::path::Path;
use super::side::{Place, Side};
use crate::flow::key::End;
use crate::flow::verdict::{Confidence, Evidence, VerdictKind};
use crate::model::Span;

/// A round trip shorter than this lets no age be proof.
pub(super) const LEAST_ROUND_TRIP: Span = Span::from_millis(5);

/// A capture that sees packets twice sees them sooner than this.
const MIRRORED: Span = Span::from_millis(1);

/// What a rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opinion {
    pub(super) kind: VerdictKind,
    pub(super) confidence: Option<Confidence>,
    pub(super) evidence: Evidence,
    /// It rests on age: a second copy would shake it.
    pub(super) by_age: bool,
    pub(super) against: Option<(u16, u64)>,
    pub(super) age: Option<Span>,
}

impl Opinion {
    const fn new(kind: VerdictKind, confidence: Option<Confidence>, evidence: Evidence) -> Self {
        Self { kind, confidence, evidence, by_age: false, against: None, age: None }
    }

    pub(super) const fn sure(kind: VerdictKind, evidence: Evidence) -> Self {
        Self::new(kind, Some(Confidence::Sure), evidence)
    }

    pub(super) const fn likely(kind: VerdictKind, evidence: Evidence) -> Self {
        Self::new(kind, Some(Confidence::Likely), evidence)
    }

    pub(super) const fn unsure(evidence: Evidence) -> Self {
        Self::new(VerdictKind::Unsure, None, evidence)
    }

    pub(super) const fn sure_if(sure: bool, kind: VerdictKind, evidence: Evidence) -> Self {
        if sure { Self::sure(kind, evidence) } else { Self::likely(kind, evidence) }
    }

    /// Says with what the segment was compared.
    pub(super) const fn against(self, passed: &Passed, age: Span) -> Self {
        Self { against: Some((passed.source, passed.number)), age: Some(age), ..self }
    }
}

/// What was so when it passed, and may not be so later, when its verdict is settled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) place: Place,
    /// How long its direction had been silent.
    pub(super) silence: Option<Span>,
    /// Its sender was catching up after a pause.
    pub(super) stalled: bool,
    /// How long ago the last segment of its direction passed that had been sent again.
    pub(super) since_resent: Option<Span>,
    /// Both ends do SACK.
    pub(super) sack: bool,
    /// The receiver had asked for it.
    pub(super) asked: bool,
    /// The receiver had said that it has it.
    pub(super) had: bool,
    /// A SYN of the peer had passed that may wait for an answer.
    pub(super) answers_syn: bool,
    /// The peer had sent its SYN more than once.
    pub(super) syn_repeated: bool,
    /// The last of them was the same packet once more.
    pub(super) syn_copied: bool,
    /// A newer timestamp of its sender had passed before it.
    pub(super) tick_passed: bool,
    /// One past the highest number seen.
    pub(super) next: u64,
    /// The lowest hole that it fills, or a part of it.
    pub(super) hole: Option<Hole>,
}

/// A segment and what is known of its direction.
pub(super) struct Case<'a> {
    pub(super) s: &'a Passed,
    pub(super) moment: &'a Moment,
    pub(super) me: &'a Side,
    pub(super) path: &'a Path,
    pub(super) from: End,
}

impl Case<'_> {
    /// May its sender send again what is still on its way? Without SACK, duplicate ACKs of older trouble make it do so, and
    /// after a timeout it goes back and sends everything again (RFC 6582, RFC 5681).
    pub(super) fn may_go_back(&self, round_trip: Span) -> bool {
        !self.moment.sack && (self.asked() || self.resending(round_trip) || self.stalled())
    }

    /// At the sender only the capture itself copies packets (a mirror, a bridge and its port), and that is a matter of
    /// microseconds; what comes again later was sent again. Nothing shorter than a fifth of a round trip is trusted, unless the
    /// sender may go back.
    pub(super) fn is_later_at_its_sender(&self, age: Span, round_trip: Span) -> bool {
        let goes_back = self.may_go_back(round_trip) || (!self.moment.sack && age >= MIRRORED);
        self.near_sender() && (age >= tenths(round_trip, 2) || goes_back)
    }

    /// The shortest round trip, both legs.
    pub(super) fn round_trip(&self) -> Option<Span> {
        self.path.round_trip()
    }

    /// From the capture to the sender and back.
    pub(super) fn to_sender(&self) -> Option<Span> {
        self.path.leg(self.from)
    }

    /// Was the capture made at or near the sender?
    pub(super) fn near_sender(&self) -> bool {
        self.path.is_near(self.from)
    }

    /// Does a round trip take so long that nothing sent again carries the timestamp of what was sent before it?
    pub(super) fn ticks_tell(&self) -> bool {
        let tick = self.me.sender.tick_length();
        self.round_trip().zip(tick).is_some_and(|(round_trip, tick)| round_trip >= tick + tick)
    }

    /// Is its sender catching up after a pause?
    pub(super) fn stalled(&self) -> bool {
        self.moment.stalled && !self.me.sender.has_not_sent(self.s.start)
    }

    /// Did a segment that had been sent again pass within the last two round trips?
    pub(super) const fn resending(&self, round_trip: Span) -> bool {
        match self.moment.since_resent {
            Some(since) => since.nanos() / 2 < round_trip.nanos(),
            None => false,
        }
    }

    /// Had the receiver asked for it?
    pub(super) const fn asked(&self) -> bool {
        self.moment.asked
    }

    /// Earlier copies of any of its bytes.
    pub(super) fn copies(&self) -> impl Iterator<Item = Copy<'_>> {
        let earlier = |copy: &Copy<'_>| (copy.passed.nth.wrapping_sub(self.s.nth) as i32) < 0;
        self.me.history.copies(self.s.start, self.s.end()).filter(earlier)
    }

    /// Was it sent after another one?
    pub(super) fn order(&self, p: &Passed) -> Option<(Order, Evidence)> {
        order::order(self.s, p, &self.me.sender, self.me.mss())
    }

    /// Was it sent after this earlier copy of its bytes, or is it that?
    pub(super) fn order_of_copy(&self, p: &Passed) -> Option<(Order, Evidence)> {
        self.order(p).or_else(|| order::by_ecn_of_copy(self.s, p, &self.me.sender))
    }

    /// Was it sent after the segment that made the hole it fills?
    pub(super) fn order_of_fill(&self, p: &Passed) -> Option<(Order, Evidence)> {
        // It cannot be a part of what lies beyond the hole.
        self.order(p).filter(|(order, _)| *order != Order::Same).or_else(|| order::by_ecn(self.s, &self.me.sender))
    }

    /// Do both carry the same timestamp?
    pub(super) fn same_tick(&self, p: &Passed) -> bool {
        self.s.has_times && p.has_times && self.s.tsval == p.tsval
    }
}

/// So many tenths of a span.
pub(super) fn tenths(span: Span, n: i64) -> Span {
    Span::from_nanos(span.nanos().saturating_mul(n) / 10)
}
