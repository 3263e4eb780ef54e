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

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }
}
