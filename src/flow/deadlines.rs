//! When flows are to be looked at, where each flow says so itself (Zeek's timers): a queue of moments, earliest first.
//!
//! A flow has at most one moment a timer, and what it no longer waits for is taken out at once, so that the queue is never longer
//! than timers times flows. Setting and taking out cost the logarithm of that.

use super::zeek::timers::{Timer, Timers};
use crate::model::Timestamp;
use std::collections::BTreeSet;

/// The moments of all flows.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    queue: BTreeSet<(Timestamp, u32, Timer)>,
}

impl Deadlines {
    /// Takes over what a flow in this slot waits for now.
    pub(super) fn arm(&mut self, slot: u32, timers: &mut Timers) {
        for timer in Timer::ALL {
            let (wanted, armed) = (timers.wanted[timer as usize], &mut timers.armed[timer as usize]);
            if wanted == *armed {
                continue;
            }
            if *armed != Timestamp::MAX {
                self.queue.remove(&(*armed, slot, timer));
            }
            if wanted != Timestamp::MAX {
                self.queue.insert((wanted, slot, timer));
            }
            *armed = wanted;
        }
    }

    /// Takes out everything of a flow that is over.
    pub(super) fn disarm(&mut self, slot: u32, timers: &mut Timers) {
        timers.wanted.fill(Timestamp::MAX);
        self.arm(slot, timers);
    }

    /// The earliest moment that has come, taken out. The flow's timers still say that it is armed.
    pub(super) fn due(&mut self, now: Timestamp) -> Option<(u32, Timer)> {
        let &(at, slot, timer) = self.queue.first()?;
        if at > now {
            return None;
        }
        self.queue.pop_first();
        Some((slot, timer))
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
        let mut flows: Vec<_> = (0..100).map(|_| Timers::new(ZeekTimers::DEFAULT.inactivity, start)).collect();
        for round in 0..50 {
            for (slot, timers) in (0..).zip(&mut flows) {
                timers.wanted[round % TIMERS] = start + Span::from_secs(round as i64 + i64::from(slot));
                queue.arm(slot, timers);
            }
            assert!(queue.queue.len() <= TIMERS * flows.len());
        }
        for (slot, timers) in (0..).zip(&mut flows).skip(1) {
            queue.disarm(slot, timers);
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
}
