//! Segments that fill a hole: compared with the segment that made it, never with the newest one.

use super::case::{Case, LEAST_ROUND_TRIP, Opinion, tenths};
use super::hole::{Hole, Request};
use super::order::{self, Order};
use super::passed::Passed;
use super::sender::TIMEOUT;
use crate::flow::verdict::{Evidence, VerdictKind};
use crate::model::Span;

const FILLS: Evidence = Evidence::FILLS_HOLE;
/// So many segments beyond a hole make its sender fill it at once (RFC 5681 section 3.2, RFC 6675: `DupThresh`).
const DUPLICATE_ACKS: u64 = 3;

impl Case<'_> {
    /// What fills this hole.
    pub(super) fn fills(&self, hole: &Hole) -> Opinion {
        let age = self.s.since(hole.creator.ts);
        if hole.by_ack {
            return Opinion { age: Some(age), ..self.was_acknowledged(age) };
        }
        let mut opinion = match self.order_of_fill(&hole.creator) {
            Some((Order::After, why)) => Opinion::sure(VerdictKind::Resent, FILLS.and(why)),
            Some((_, why)) => self.was_overtaken(hole, FILLS.and(why)),
            None if self.same_tick(&hole.creator) => self.in_one_tick(hole, age),
            None => self.by_age(hole, age),
        };
        if hole.acked.is_some() {
            opinion.evidence = opinion.evidence.and(Evidence::MISSED);
        }
        if hole.dropped {
            opinion.evidence = opinion.evidence.and(Evidence::DROPPED);
        }
        opinion.against(&hole.creator, age)
    }

    /// It was acknowledged before any copy of it was seen, and anything at or beyond it: the capture missed the original, or gives
    /// it late.
    fn was_acknowledged(&self, age: Span) -> Opinion {
        let why = FILLS.and(Evidence::MISSED);
        let earlier = |p: &&Passed| (p.nth.wrapping_sub(self.s.nth) as i32) < 0;
        let beyond = self.me.history.from(self.s.end()).filter(earlier);
        let order = match beyond {
            Some(beyond) => self.order_of_fill(beyond),
            None => order::by_ecn(self.s, &self.me.sender),
        };
        match order {
            Some((Order::After, more)) => Opinion::sure(VerdictKind::Resent, why.and(more)),
            Some((_, more)) => Opinion::unsure(why.and(more)),
            None if age < self.round_trip().map_or(TIMEOUT, |m| tenths(m, 9)) => Opinion::unsure(why.and(Evidence::AGE)),
            None => Opinion { by_age: true, ..Opinion::likely(VerdictKind::Resent, why.and(Evidence::AGE)) },
        }
    }

    /// It was sent before the segment that made the hole.
    fn was_overtaken(&self, hole: &Hole, why: Evidence) -> Opinion {
        if hole.after_stall && !self.me.sender.has_not_sent(self.s.start) && !why.has(Evidence::ECN) {
            Opinion::unsure(why.and(Evidence::STALL))
        } else if hole.acked.is_some() || self.may_be_overtaken_resend(hole) {
            // The receiver had these bytes by a packet that the capture missed, or a packet of the sender is missing before
            // this one, which may be the original.
            Opinion::unsure(why)
        } else {
            Opinion::sure(VerdictKind::Reordered, why)
        }
    }

    /// Is an IP identification missing between the segment before the hole and this one, which goes on where that ended? Only
    /// where the sender counts its packets by one.
    fn may_be_overtaken_resend(&self, hole: &Hole) -> bool {
        let Some(before) = hole.before else { return false };
        let comparable = self.s.id != 0 && before.id != 0 && self.me.sender.counts_by_one();
        if !comparable || self.s.start != before.end {
            return false;
        }
        let unbroken = self.me.sender.unbroken_from(before.id);
        // The ones remembered may go on beyond it, for it is one of them itself.
        let missing = self.s.id.wrapping_sub(1).wrapping_sub(unbroken) as i16;
        missing > 0
    }

    /// Both were sent in one tick of the sender's clock.
    fn in_one_tick(&self, hole: &Hole, age: Span) -> Opinion {
        let why = FILLS.and(Evidence::TS_EQUAL);
        let Some(round_trip) = self.round_trip() else { return Opinion::unsure(why) };
        if self.ticks_tell() {
            // What is sent again leaves a round trip after the segment that made the hole.
            return if self.stalled() || hole.acked.is_some() {
                Opinion::unsure(why.and(if self.stalled() { Evidence::STALL } else { Evidence::NONE }))
            } else {
                let asked = hole.asked.is_some() || self.resending(round_trip);
                Opinion::sure_if(self.moment.sack || !asked, VerdictKind::Reordered, why)
            };
        }
        let Some(tick) = self.me.sender.tick_length() else { return self.by_age(hole, age) };
        if age > tick + tick {
            Opinion::likely(VerdictKind::Reordered, why.and(Evidence::AGE))
        } else if age >= tenths(round_trip, 9) {
            self.answered_within_a_tick(hole)
        } else {
            self.by_age(hole, age)
        }
    }

    /// It comes when an answer to a request can come, in the tick of the segment that made the hole. If the receiver asked, its
    /// sender does answer: what passed is that answer, unless another copy or a DSACK follows. A packet that was held back is
    /// met by newer ticks, and does not echo the request. With fewer than three segments beyond the hole the sender waits longer than
    /// a tick (RFC 8985 section 6.2; Linux: two at least), unless it is sending again already.
    fn answered_within_a_tick(&self, hole: &Hole) -> Opinion {
        let why = FILLS.and(Evidence::TS_EQUAL).and(Evidence::AGE);
        let way = tenths(self.to_sender().unwrap_or_default(), 9);
        let Some(request) = hole.asked.filter(|request| self.s.ts - request.at >= way) else { return Opinion::unsure(why) };
        if self.echoes_less_than(&request) {
            return Opinion::likely(VerdictKind::Reordered, why.and(Evidence::ECHO));
        }
        let beyond = self.moment.next.saturating_sub(hole.end);
        let recovering = self.round_trip().is_some_and(|round_trip| self.resending(round_trip));
        let enough = recovering || beyond > (DUPLICATE_ACKS - 1) * u64::from(self.me.mss());
        if self.moment.tick_passed || hole.acked.is_some() || !enough {
            return Opinion::unsure(why);
        }
        Opinion { by_age: true, ..Opinion::likely(VerdictKind::Resent, why.and(Evidence::REQUESTED)) }
    }

    /// Had its sender not yet got this request when it sent?
    fn echoes_less_than(&self, request: &Request) -> bool {
        self.s.has_times && request.tsval.is_some_and(|tsval| (self.s.tsecr.wrapping_sub(tsval) as i32) < 0)
    }

    /// Nothing but time and the receiver's requests.
    fn by_age(&self, hole: &Hole, age: Span) -> Opinion {
        let why = FILLS.and(Evidence::AGE);
        let Some(round_trip) = self.round_trip() else {
            let old = self.path.at_most().filter(|at_most| age >= *at_most);
            return old.map_or(Opinion::unsure(why), |at_most| self.old(hole, age, at_most, why));
        };
        if age < tenths(round_trip, 9) { self.young(hole, age, round_trip, why) } else { self.old(hole, age, round_trip, why) }
    }

    /// It comes too early to have been asked for.
    fn young(&self, hole: &Hole, age: Span, round_trip: Span, why: Evidence) -> Opinion {
        if self.stalled() {
            return Opinion::unsure(why.and(Evidence::STALL));
        }
        if hole.acked.is_some() {
            return Opinion::unsure(why);
        }
        // RACK (RFC 8985) takes a tail for lost when something sent after it is acknowledged, sends new data first and the tail
        // right after it.
        let alone = hole.asked.is_none() || age < tenths(round_trip, 5);
        let quiet = !self.resending(round_trip) && !self.may_go_back(round_trip);
        let sure = alone && quiet && round_trip >= LEAST_ROUND_TRIP && self.path.is_certain();
        Opinion::sure_if(sure, VerdictKind::Reordered, why)
    }

    /// It comes late enough to have been asked for.
    fn old(&self, hole: &Hole, age: Span, round_trip: Span, mut why: Evidence) -> Opinion {
        let way = tenths(self.to_sender().unwrap_or_default(), 9);
        let asked = hole.asked.is_some_and(|request| self.s.ts - request.at >= way);
        if asked {
            why = why.and(Evidence::REQUESTED);
        }
        if !asked && age < TIMEOUT && hole.acked.is_none() {
            return Opinion::unsure(why);
        }
        let far = self.path.overtaken(self.from) > tenths(round_trip, 4);
        let sure = round_trip >= LEAST_ROUND_TRIP && age >= round_trip && !far;
        Opinion { by_age: true, ..Opinion::sure_if(sure, VerdictKind::Resent, why) }
    }

    /// It lies below the first segment that the capture saw of this direction. A sender sends in order: what it sent after
    /// that one it sent again.
    pub(super) fn before_the_capture(&self, first: &Passed) -> Opinion {
        let age = self.s.since(first.ts);
        let opinion = match self.order_of_fill(first) {
            Some((Order::After, why)) => Opinion::sure(VerdictKind::Resent, why),
            Some((_, why)) => Opinion::likely(VerdictKind::Reordered, why.and(Evidence::FORGOTTEN)),
            None => Opinion::unsure(Evidence::FORGOTTEN),
        };
        opinion.against(first, age)
    }
}
