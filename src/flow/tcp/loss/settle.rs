//! Verdicts that what follows may change, until two round trips have passed: a DSACK shows that what was sent again was not
//! needed, a second copy or a DSACK shakes what rests on age alone.

use super::case::{Moment, Opinion};
use super::list::Rare;
use super::passed::Passed;
use crate::flow::room::Room;
use crate::flow::verdict::{Evidence, Verdict, VerdictKind};
use crate::model::{Span, Timestamp};

/// Most verdicts of a direction that are open at one time.
pub(super) const MOST: usize = 256;
/// Receivers' answers take a little longer than the shortest round trip.
const SLACK: Span = Span::from_millis(50);
/// Where no round trip is known.
const UNKNOWN: Span = Span::from_millis(1000);

/// A verdict that is open.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) source: u16,
    pub(super) s: Passed,
    pub(super) moment: Moment,
    until: Timestamp,
    pub(super) by_age: bool,
    /// It belongs to a connection before this one.
    pub(super) over: bool,
    /// Of its bytes, those that had not passed before.
    pub(super) unseen: u64,
    pub(super) verdict: Verdict,
}

/// The open verdicts of a direction, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Settling {
    list: Rare<Open>,
}

/// A verdict was changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Changed {
    pub(super) number: u64,
    pub(super) before: Verdict,
    pub(super) after: Verdict,
}

impl Settling {
    /// Keeps a verdict open, if anything can still change it and there is room. Says whether it is open.
    pub(super) fn keep(
        &mut self,
        (s, moment, unseen): (&Passed, &Moment, u64),
        source: u16,
        opinion: &Opinion,
        verdict: Verdict,
        round_trip: Option<Span>,
        room: &mut Room,
    ) -> bool {
        if !self.list.make_way(MOST, room) {
            return false;
        }
        let wait = round_trip.map_or(UNKNOWN, |round_trip| round_trip + round_trip + SLACK);
        self.list.push_back(Open {
            source,
            s: *s,
            moment: *moment,
            until: s.ts + wait,
            by_age: opinion.by_age,
            unseen,
            over: false,
            verdict: Verdict { settled: false, ..verdict },
        });
        true
    }

    /// The numbers begin anew: what is open stays as it is, and nothing that follows has to do with it.
    pub(super) fn start_again(&mut self) {
        self.list.iter_mut().for_each(|open| open.over = true);
    }

    /// A second copy of these numbers passes: what rests on age is open to doubt.
    pub(super) fn copied(&mut self, s: &Passed) -> Option<Changed> {
        let open = self.list.iter_mut().rev().find(|open| open.by_age && !open.over && s.overlaps(open.s.start, open.s.end()))?;
        open.doubt(Evidence::SECOND_COPY)
    }

    /// The late original of what was sent again passes: its age is no longer all that speaks for that.
    pub(super) fn original_came(&mut self, s: &Passed) {
        let again = |open: &&mut Open| !open.over && open.verdict.kind.is_resent() && s.overlaps(open.s.start, open.s.end());
        if let Some(open) = self.list.iter_mut().rev().find(again) {
            open.by_age = false;
        }
    }

    /// The receiver got these bytes twice.
    pub(super) fn received_twice(&mut self, start: u64, end: u64) -> Option<Changed> {
        let covers =
            |open: &Open| !open.over && start <= open.s.start && open.s.end() <= end && open.verdict.kind == VerdictKind::Resent;
        let open = self.list.iter_mut().rev().find(|open| covers(open))?;
        if open.by_age {
            return open.doubt(Evidence::DSACK);
        }
        let before = open.verdict;
        open.verdict.kind = VerdictKind::Spurious;
        open.verdict.evidence = before.evidence.and(Evidence::DSACK);
        Some(Changed { number: open.s.number, before, after: open.verdict })
    }

    /// When the first of them is settled.
    pub(super) fn next(&self) -> Option<Timestamp> {
        self.list.front().map(|open| open.until)
    }

    /// The next that is settled by `now`.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<Open> {
        let mut open = self.list.pop_front_if(|open| open.until <= now)?;
        open.verdict.settled = true;
        Some(open)
    }

    pub(super) fn rest(&mut self, room: &mut Room) {
        self.list.fit(room);
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        self.list.release(room);
    }
}

impl Open {
    fn doubt(&mut self, why: Evidence) -> Option<Changed> {
        if self.verdict.kind == VerdictKind::Unsure {
            return None;
        }
        let before = self.verdict;
        self.verdict =
            Verdict { kind: VerdictKind::Unsure, confidence: None, evidence: before.evidence.and(why), segments: 0, ..before };
        Some(Changed { number: self.s.number, before, after: self.verdict })
    }
}
