//! Segments of which all bytes passed before: the same packet once more, or sent again, or late originals of what was sent
//! again first.

use super::case::{Case, LEAST_ROUND_TRIP, Opinion, tenths};
use super::history::Copy;
use super::order::Order;
use super::passed::Passed;
use super::sender::TIMEOUT;
use crate::flow::verdict::{Confidence, Evidence, VerdictKind};
use crate::model::Span;

const SEEN: Evidence = Evidence::SEEN_BEFORE;

/// What the order of sending says of a segment and all earlier copies of its bytes.
#[derive(Default)]
struct Orders<'a> {
    before: Option<(Copy<'a>, Evidence)>,
    after: Option<(Copy<'a>, Evidence)>,
    /// The copies that passed first and last.
    first: Option<Copy<'a>>,
    last: Option<Copy<'a>>,
}

impl Case<'_> {
    /// Is it a packet that passed before, once more? `None`: it is not, or nothing tells.
    pub(super) fn duplicates(&self) -> Option<Opinion> {
        let same = |copy: &Copy<'_>| copy.passed.is_identical(self.s) && self.ids_allow(copy);
        let mut last: Option<Copy<'_>> = None;
        for copy in self.copies() {
            // Of a merged packet that fills a hole, what it fills decides, not the part of it that passed before.
            if !copy.passed.covers(self.s) && self.moment.hole.is_some() {
                continue;
            }
            if let Some((Order::Same, why)) = self.order_of_copy(copy.passed) {
                return Some(Opinion::sure(VerdictKind::Duplicate, why).against(copy.passed, self.s.since(copy.passed.ts)));
            }
            if same(&copy) && self.order_of_copy(copy.passed).is_none() && last.is_none_or(|l| l.passed.ts <= copy.passed.ts) {
                last = Some(copy);
            }
        }
        let copy = last?;
        let age = self.s.since(copy.passed.ts);
        self.is_copy_of(&copy, age).map(|opinion| opinion.against(copy.passed, age))
    }

    /// A packet's identification does not change on its way, whatever its sender fills in.
    fn ids_allow(&self, copy: &Copy<'_>) -> bool {
        self.s.id == copy.passed.id || self.s.id == 0 || copy.passed.id == 0
    }

    /// Nothing tells an identical segment from this earlier one but time.
    fn is_copy_of(&self, copy: &Copy<'_>, age: Span) -> Option<Opinion> {
        let why = Evidence::IDENTICAL;
        let times_tell = self.s.has_times && self.ticks_tell();
        let round_trip = self.round_trip()?;
        if times_tell && !(self.near_sender() && self.may_go_back(round_trip)) {
            return Some(Opinion::sure_if(!self.may_go_back(round_trip), VerdictKind::Duplicate, why.and(Evidence::TS_EQUAL)));
        }
        let why = why.and(Evidence::AGE);
        if self.is_later_at_its_sender(age, round_trip) {
            return None;
        }
        let filled = copy.odd.and_then(|odd| odd.filled).filter(|creator| !self.is_no_original(creator));
        let made = filled.map_or(copy.passed.ts, |creator| creator.ts);
        let quiet = !self.stalled() && !self.asked();
        if quiet && self.s.since(made) < tenths(round_trip, 5) {
            let sure =
                self.moment.sack && !self.resending(round_trip) && round_trip >= LEAST_ROUND_TRIP && self.path.is_certain();
            return Some(Opinion::sure_if(sure, VerdictKind::Duplicate, why));
        }
        let resent = copy.odd.is_some_and(|odd| odd.kind.is_resent());
        if resent && self.moment.tick_passed && !self.near_sender() {
            // The copy was an answer to a request, and came in its tick. This one was held back.
            return Some(Opinion::likely(VerdictKind::Reordered, Evidence::SEEN_BEFORE.and(why)));
        }
        if filled.is_some() {
            // A duplicate, or the late original, or sent again: one of the two was sent again, and which is open.
            return Some(Opinion::unsure(why));
        }
        // Whoever asked has been answered by the copy before; the next answer is a round trip away.
        let quiet = quiet && !self.resending(round_trip);
        let soon = if resent { age < tenths(round_trip, 5) } else { quiet && age < tenths(round_trip, 9) };
        soon.then_some(Opinion::likely(VerdictKind::Duplicate, why))
    }

    /// Was it sent after the segment that made the hole? Then it was sent again, whether it is that packet or the next.
    fn is_no_original(&self, creator: &Passed) -> bool {
        self.order_of_fill(creator).is_some_and(|(order, _)| order == Order::After)
    }

    /// What else passes although all of it passed before.
    pub(super) fn passed_before(&self) -> Opinion {
        let orders = self.orders();
        let Some((first, last)) = orders.first.zip(orders.last) else { return self.with_nothing_to_compare() };
        let against = |opinion: Opinion, copy: &Copy<'_>| opinion.against(copy.passed, self.s.since(copy.passed.ts));
        match (&orders.after, &orders.before) {
            // After one copy it is not the original, whatever lies in between, but it may be the last copy once more.
            (Some((copy, why)), _) => {
                let maybe_last = self.order_of_copy(last.passed).is_none() && last.passed.is_identical(self.s);
                let late = self.round_trip().is_some_and(|m| self.s.since(last.passed.ts) >= tenths(m, 9));
                if maybe_last && !late && !self.near_sender() {
                    against(Opinion::unsure(SEEN.and(Evidence::IDENTICAL)), &last)
                } else {
                    against(Opinion::sure_if(!maybe_last, VerdictKind::Resent, SEEN.and(*why)), copy)
                }
            }
            (None, Some((_, why))) if self.counts_otherwise(*why, &last) => against(self.by_time_since(&first, &last), &last),
            (None, Some((copy, why))) => against(self.sent_before_its_copies(&first, SEEN.and(*why)), copy),
            (None, None) => against(self.by_time_since(&first, &last), &first),
        }
    }

    fn orders(&self) -> Orders<'_> {
        let mut orders = Orders::default();
        for copy in self.copies() {
            match self.order_of_copy(copy.passed) {
                Some((Order::After, why)) => orders.after = Some((copy, why)),
                Some((Order::Before, why)) => orders.before = Some((copy, why)),
                _ => {}
            }
            if orders.first.is_none_or(|first| copy.passed.ts < first.passed.ts) {
                orders.first = Some(copy);
            }
            if orders.last.is_none_or(|last| copy.passed.ts >= last.passed.ts) {
                orders.last = Some(copy);
            }
        }
        orders
    }

    /// An identification below that of a copy, next to the sender, where nothing overtakes: it does not count there what was sent. Cards
    /// that cut segments by themselves (TSO) fill in numbers of their own.
    fn counts_otherwise(&self, why: Evidence, last: &Copy<'_>) -> bool {
        let round_trip = self.round_trip().or(self.path.at_most());
        let age = self.s.since(last.passed.ts);
        why.has(Evidence::ID_OLDER) && round_trip.is_some_and(|m| self.is_later_at_its_sender(age, m))
    }

    /// It was sent before every copy that can be compared: the late original, or sent again and overtaken by the next time
    /// it was. The segment that made the hole which the first copy filled tells.
    fn sent_before_its_copies(&self, first: &Copy<'_>, why: Evidence) -> Opinion {
        if why.has(Evidence::ECN) {
            return Opinion::sure(VerdictKind::Reordered, why);
        }
        let Some(creator) = first.odd.and_then(|odd| odd.filled) else {
            return Opinion::likely(VerdictKind::Reordered, why);
        };
        match self.order_of_fill(&creator) {
            Some((Order::After, more)) => Opinion::sure(VerdictKind::Resent, why.and(more)),
            Some((_, more)) => Opinion::sure(VerdictKind::Reordered, why.and(more)),
            // It left in the tick of the segment that made the hole: in the same flight, where a round trip takes two of them.
            None if self.same_tick(&creator) => {
                let sure = self.ticks_tell() && !self.stalled() && self.moment.sack;
                Opinion::sure_if(sure, VerdictKind::Reordered, why.and(Evidence::TS_EQUAL))
            }
            None => Opinion::unsure(why),
        }
    }

    /// Nothing but time since the copy that passed first and the one that passed last.
    fn by_time_since(&self, first: &Copy<'_>, last: &Copy<'_>) -> Opinion {
        let why = SEEN.and(Evidence::AGE);
        let Some(round_trip) = self.round_trip().or(self.path.at_most()) else { return Opinion::unsure(why) };
        let age = self.s.since(last.passed.ts);
        if self.is_later_at_its_sender(age, round_trip) {
            return self.at_its_sender(last, age >= tenths(round_trip, 2));
        }
        match first.odd {
            None => self.after_one_in_order(first, round_trip, why),
            Some(odd) if odd.kind == VerdictKind::Reordered && odd.sure => {
                let sure = age >= tenths(round_trip, 9) && round_trip >= LEAST_ROUND_TRIP;
                Opinion::sure_if(sure, VerdictKind::Resent, why)
            }
            Some(odd) if odd.filled.is_none_or(|creator| self.is_no_original(&creator)) => {
                self.after_one_in_order(last, round_trip, why)
            }
            Some(_) => Opinion::unsure(why),
        }
    }

    /// Whatever passes its sender twice was sent twice.
    fn at_its_sender(&self, last: &Copy<'_>, late: bool) -> Opinion {
        let why = SEEN.and(Evidence::AT_SENDER);
        if last.passed.is_identical(self.s) && self.s.has_times && !self.ticks_tell() {
            let why = why.and(Evidence::IDENTICAL);
            let asked = if self.asked() { Evidence::REQUESTED } else { Evidence::NONE };
            // An acknowledgment of something sent again later asks as well (RFC 8985).
            return if self.asked() || self.round_trip().is_some_and(|m| self.resending(m)) {
                Opinion::likely(VerdictKind::Resent, why.and(asked))
            } else {
                Opinion::unsure(why)
            };
        }
        let legs = self.to_sender().zip(self.path.leg(self.from.other()));
        let sure = legs.is_some_and(|(near, far)| {
            near < Span::from_nanos(50_000) || (near.nanos().saturating_mul(20) < far.nanos() && far > LEAST_ROUND_TRIP)
        });
        Opinion::sure_if(sure && late, VerdictKind::Resent, why)
    }

    /// The first copy was the next expected segment.
    fn after_one_in_order(&self, first: &Copy<'_>, round_trip: Span, why: Evidence) -> Opinion {
        let age = self.s.since(first.passed.ts);
        let identical = first.passed.is_identical(self.s);
        if age >= tenths(round_trip, 9) {
            if self.asked() || age >= TIMEOUT {
                let why = if self.asked() { why.and(Evidence::REQUESTED) } else { why };
                return Opinion::sure_if(round_trip >= LEAST_ROUND_TRIP, VerdictKind::Resent, why);
            }
            return if identical {
                Opinion::unsure(why.and(Evidence::IDENTICAL))
            } else {
                Opinion::likely(VerdictKind::Resent, why)
            };
        }
        if self.round_trip().is_some_and(|m| age < tenths(m, 5)) && identical && self.ids_allow(first) {
            return Opinion::likely(VerdictKind::Duplicate, why.and(Evidence::IDENTICAL));
        }
        Opinion::unsure(why)
    }

    /// No earlier copy is remembered.
    fn with_nothing_to_compare(&self) -> Opinion {
        if self.s.start < self.me.history.lost_below() || self.me.holes.forgot() {
            return Opinion::unsure(SEEN.and(Evidence::FORGOTTEN));
        }
        // They were acknowledged, and so long ago that no network holds a packet back.
        let why = SEEN.and(Evidence::AGE);
        Opinion { confidence: Some(Confidence::Likely), ..Opinion::sure(VerdictKind::Resent, why) }
    }
}
