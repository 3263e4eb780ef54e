//! When flows are to be looked at, where each flow says so itself: a queue of moments, earliest first. The tracker has one for
//! Zeek's timers and one for open verdicts, because only so many timers run before one packet, and verdicts wait for none.
//!
//! A flow has at most one moment of each kind, and what it no longer waits for is taken out at once, so that the queue is never
//! longer than kinds times flows. Setting and taking out cost the logarithm of that.

use super::zeek::timers::{Timer, Timers};
use crate::model::Timestamp;
use std::collections::BTreeSet;

/// The moments of all flows; `What` tells those of one flow apart.
#[derive(Debug)]
pub(super) struct Deadlines<What> {
    queue: BTreeSet<(Timestamp, u32, What)>,
    /// The earliest, or [`Timestamp::MAX`].
    next: Timestamp,
}

impl<What> Default for Deadlines<What> {
    fn default() -> Self {
        Self { queue: BTreeSet::new(), next: Timestamp::MAX }
    }
}

impl<What: Copy + Ord> Deadlines<What> {
    /// The flow in this slot waits for `wanted` now; `armed` says what it waited for so far. [`Timestamp::MAX`] is never.
    pub(super) fn arm(&mut self, slot: u32, what: What, armed: &mut Timestamp, wanted: Timestamp) {
        if wanted == *armed {
            return;
        }
        if *armed != Timestamp::MAX {
            self.queue.remove(&(*armed, slot, what));
        }
        if wanted != Timestamp::MAX {
            self.queue.insert((wanted, slot, what));
        }
        *armed = wanted;
        self.look();
    }

    /// No moment comes before this one; [`Timestamp::MAX`] where there is none.
    pub(super) const fn next(&self) -> Timestamp {
        self.next
    }

    fn look(&mut self) {
        self.next = self.queue.first().map_or(Timestamp::MAX, |first| first.0);
    }

    /// The earliest moment that has come, taken out. The flow still says that it is armed.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<(u32, What)> {
        if self.next > now {
            return None;
        }
        let (_, slot, what) = self.queue.pop_first()?;
        self.look();
        Some((slot, what))
    }
}

impl Deadlines<Timer> {
    /// Takes over what a flow's timers wait for now.
    pub(super) fn arm_all(&mut self, slot: u32, timers: &mut Timers) {
        for timer in Timer::ALL {
            self.arm(slot, timer, &mut timers.armed[timer as usize], timers.wanted[timer as usize]);
        }
    }

    /// Takes out everything of a flow that is over.
    pub(super) fn disarm_all(&mut self, slot: u32, timers: &mut Timers) {
        timers.wanted.fill(Timestamp::MAX);
        self.arm_all(slot, timers);
    }
}

#[cfg(test)]
mod tests {
    use super::super::zeek::timers::{TIMERS, ZeekTimers};
    use super::*;
    use crate::model::Span;

    #[test]
    fn the_queue_holds_what_is_wanted_and_no_more() {
        let start = Timestamp::from_parts(1000, 0);
        let mut queue = Deadlines::default();
        let mut flows: Vec<_> =
            (0..100).map(|_| Timers::new(&ZeekTimers::DEFAULT, ZeekTimers::DEFAULT.inactivity, start)).collect();
        for round in 0..50 {
            for (slot, timers) in (0..).zip(&mut flows) {
                timers.wanted[round % TIMERS] = start + Span::from_secs(round as i64 + i64::from(slot));
                queue.arm_all(slot, timers);
            }
            assert!(queue.queue.len() <= TIMERS * flows.len());
        }
        for (slot, timers) in (0..).zip(&mut flows).skip(1) {
            queue.disarm_all(slot, timers);
        }
        assert_eq!(queue.queue.len(), TIMERS, "what is over is not waited for");
        assert_eq!(queue.due(start), None);
        let mut last = Timestamp::default();
        while let Some((slot, timer)) = queue.due(start + Span::from_secs(1000)) {
            let at = flows[slot as usize].armed[timer as usize];
            assert!(at >= last);
            last = at;
        }
    }

    #[test]
    fn a_flow_that_changes_its_mind_waits_once() {
        let (mut queue, mut armed) = (Deadlines::default(), Timestamp::MAX);
        for second in 0..20_000 {
            queue.arm(7, (), &mut armed, Timestamp::from_parts(20_000 - second, 0));
        }
        assert_eq!(queue.queue.len(), 1);
        assert_eq!(queue.due(Timestamp::from_parts(1, 0)), Some((7, ())));
    }
}
