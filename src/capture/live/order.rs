//! Which of several interfaces' frames comes first: the earliest; but when the clock was set back, what is left from before comes before
//! what got the new, earlier times.
//!
//! Otherwise an interface with a frame from before would wait until the clock has caught up, and its buffer would fill meanwhile.

use crate::model::{Span, Timestamp};

/// Frames come out of order by less than this unless the clock was set: the kernel holds them for 80 ms at most.
const WINDOW: Span = Span::from_secs(2);
/// What is left from before a step is no further from the last frame from before it than this.
const LEFT: Span = Span::from_secs(60);

/// Whose turn it is, first of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Turn {
    /// Left from before the clock was set back.
    Left,
    /// By its time.
    Now,
}

/// What is known of the clock from the frames that had their turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Order {
    /// The latest of them since the clock was set back, if it was.
    latest: Option<Timestamp>,
    /// The latest before that, until the clock has caught up.
    before: Option<Timestamp>,
}

impl Order {
    #[inline]
    pub(super) fn turn(&self, ts: Timestamp) -> Turn {
        match (self.before, self.latest) {
            (Some(before), Some(latest)) if ts - latest > WINDOW && ts - before <= LEFT && before - ts <= LEFT => Turn::Left,
            _ => Turn::Now,
        }
    }

    /// This frame has its turn.
    #[inline]
    pub(super) fn took(&mut self, turn: Turn, ts: Timestamp) {
        if turn == Turn::Left {
            return;
        }
        match self.latest {
            Some(latest) if latest - ts > WINDOW => {
                self.before = self.before.max(Some(latest));
                self.latest = Some(ts);
            }
            latest => self.latest = latest.max(Some(ts)),
        }
        if self.before <= self.latest {
            self.before = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// Frames of some interfaces, in the order they came, by seconds; merged as the source does it, up to the first that has no more.
    fn merged(mut queues: Vec<VecDeque<i64>>) -> Vec<(usize, i64)> {
        let mut order = Order::default();
        let mut out = Vec::new();
        loop {
            let heads = queues.iter().enumerate().map(|(at, queue)| queue.front().map(|ts| (at, Timestamp::from_parts(*ts, 0))));
            let Some(heads) = heads.collect::<Option<Vec<_>>>() else { return out };
            let first = heads.into_iter().map(|(at, ts)| (order.turn(ts), ts, at)).min();
            let Some((turn, ts, at)) = first else { return out };
            order.took(turn, ts);
            out.extend(queues[at].pop_front().map(|ts| (at, ts)));
        }
    }

    #[test]
    fn the_earliest_comes_first_however_far_apart_they_are() {
        let all = merged(vec![[1, 4, 500, 501].into(), [2, 3, 400, 9000].into()]);
        assert_eq!(all, [(0, 1), (1, 2), (1, 3), (0, 4), (1, 400), (0, 500), (0, 501)]);
    }

    #[test]
    fn what_is_left_from_before_a_step_back_is_not_kept_waiting() {
        let busy: VecDeque<i64> = (9990..10_000).chain(6400..9000).collect();
        let quiet = VecDeque::from([9995, 10_001, 10_002, 6410, 6420, 9500]);
        let all = merged(vec![busy, quiet]);
        let place = |frame| all.iter().position(|one| *one == frame).expect("had its turn");
        assert!(place((1, 10_001)) <= place((0, 6401)) && place((1, 10_002)) <= place((0, 6402)), "{all:?}");
        // By then, the order is that of the new times.
        assert!(place((0, 6409)) < place((1, 6410)) && place((1, 6410)) < place((0, 6411)));
        assert!(place((0, 6419)) < place((1, 6420)) && place((1, 6420)) < place((0, 6421)));
    }

    #[test]
    fn a_clock_that_is_set_forward_leaves_nobody_waiting() {
        let all = merged(vec![[100, 101, 7200, 7201, 7202].into(), [102, 103, 7203, 7300].into()]);
        assert_eq!(all.last(), Some(&(0, 7202)));
        assert_eq!(all.len(), 7);
    }
}
