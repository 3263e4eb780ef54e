//! Time goes on: silent flows end, open verdicts are settled, timers run.

use super::Tracker;
use crate::flow::citations::Citations;
use crate::flow::event::{FlowEvent, FlowSink, Rank, Settled};
use crate::flow::flow::Flow;
use crate::flow::profile::ZeekTimers;
use crate::flow::record::EndReason;
use crate::flow::zeek;
use crate::model::{Span, Timestamp};

impl Tracker {
    /// Time goes on without packets (a live capture's clock): flows that have been silent for too long end.
    pub fn on_time(&mut self, ts: Timestamp, sink: &mut impl FlowSink) {
        let now = self.clock.trust(ts);
        self.counted(sink, |tracker, sink| tracker.expire(now, sink));
    }

    /// A packet that is not given to the tracker (a piece of an unfinished datagram) was there: its time counts like that of
    /// [`Tracker::on_packet`]. One that is more than an hour ahead of all others is believed when more follow.
    #[inline]
    pub fn on_packet_time(&mut self, ts: Timestamp, sink: &mut impl FlowSink) {
        self.counted(sink, |tracker, sink| tracker.on_time_of_packet(ts, sink));
    }

    #[inline]
    pub(super) fn on_time_of_packet(&mut self, ts: Timestamp, sink: &mut impl FlowSink) {
        if self.ahead[0].is_none() && self.clock.goes_on(ts) {
            let now = self.clock.now();
            // Nearly every packet: nothing is due.
            if !self.is_quiet(now) {
                self.expire(now, sink);
            }
            return;
        }
        self.on_odd_time(ts, sink);
    }

    /// Is this time simply a little later than that of the packet before, and would telling it by [`Self::on_packet_time`] bring
    /// nothing about? Then those of packets between the two that rise as well need not be told.
    #[inline]
    #[must_use]
    pub fn goes_on_to(&self, ts: Timestamp) -> bool {
        self.ahead[0].is_none() && self.clock.would_go_on(ts).is_some_and(|now| self.is_quiet(now)) && !self.owes_room()
    }

    /// Is nothing due by now?
    fn is_quiet(&self, now: Timestamp) -> bool {
        now < self.settling.next().min(self.table.quiet_until()).min(self.timers.next())
    }

    /// A time that is not simply a little later than the one before.
    fn on_odd_time(&mut self, ts: Timestamp, sink: &mut impl FlowSink) {
        let before = self.clock.now();
        let now = self.clock.advance(ts);
        if self.clock.leap(ts).is_none() {
            let ahead = std::mem::take(&mut self.ahead);
            if now - before > Span::ZERO {
                // The packets that were first to come after the leap were of now, as it turns out.
                for slot in ahead.into_iter().flatten() {
                    self.table.touch_again(slot, now);
                    if let Some(ranks) = &mut self.ranks {
                        ranks.seen_before(slot);
                    }
                }
            }
        }
        self.expire(now, sink);
    }

    /// A flow whose packet is far ahead of the others: should it be believed, the packet was of then.
    pub(super) fn remember_leap(&mut self, slot: u32, ts: Timestamp) {
        if self.clock.leap(ts).is_some()
            && let Some(free) = self.ahead.iter_mut().find(|ahead| ahead.is_none())
        {
            *free = Some(slot);
        }
    }

    fn expire(&mut self, now: Timestamp, sink: &mut impl FlowSink) {
        self.settle(now, sink);
        if let Some(timers) = self.config.profile.timers {
            return self.run_timers(timers, now, sink);
        }
        while let Some(slot) = self.table.expired(now) {
            if let Some(ranks) = &self.ranks {
                sink.on_silent(Rank(self.table.get(slot).class as u8, ranks.of(slot)));
            }
            self.end_flow(slot, EndReason::Timeout, sink);
        }
    }

    /// Tells the verdicts that are settled by now, also of flows that are silent.
    fn settle(&mut self, now: Timestamp, sink: &mut impl FlowSink) {
        while let Some((slot, ())) = self.settling.due(now) {
            let flow = self.table.get_mut(slot);
            tell_settled(flow, now, self.citations.as_deref_mut(), sink);
            if let Some(aspects) = flow.body.aspects() {
                aspects.settles_at = Timestamp::MAX;
                aspects.await_verdict(slot, &mut self.settling);
            }
        }
    }

    /// Zeek's timers that have come: so many before one packet, the others before the next.
    fn run_timers(&mut self, timers: &ZeekTimers, now: Timestamp, sink: &mut impl FlowSink) {
        let now = zeek::micros(now);
        for _ in 0..timers.most_per_packet {
            let Some((slot, timer)) = self.timers.due(now) else { return };
            let Some(conn) = &mut self.table.get_mut(slot).zeek else { continue };
            if conn.on_timer(timer, now) {
                self.end_flow(slot, EndReason::Timeout, sink);
            } else if let Some(timers) = conn.changed_timers() {
                self.timers.arm_all(slot, timers);
            }
        }
    }
}

/// Tells the verdicts that nothing changes any more by `now`.
pub(super) fn tell_settled(flow: &mut Flow, now: Timestamp, mut citations: Option<&mut Citations>, sink: &mut impl FlowSink) {
    let id = flow.id();
    let Some(aspects) = flow.body.aspects() else { return };
    while let Some((source, number, verdict)) = aspects.settle(now) {
        let settled = Settled { source, number, flow: id, verdict };
        if let Some(citations) = &mut citations {
            citations.on_settled(&settled);
        }
        sink.on_flow_event(FlowEvent::Settled(settled));
    }
}
