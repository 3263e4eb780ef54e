//! Half of the way between the hosts, one direction: a rate with a queue, a latency, and what goes wrong.
#![allow(dead_code, reason = "each test program uses its part")]

use crate::rng::Rng;

/// What goes wrong on the whole way, both halves together.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// Shares of the packets.
    pub(crate) loss: f64,
    pub(crate) reordering: f64,
    pub(crate) duplication: f64,
    /// Share of the ECT packets that are marked.
    pub(crate) marking: f64,
}

/// Half of the way, one direction. Times are nanoseconds.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    pub(crate) latency: i64,
    /// Time for a byte.
    pub(crate) byte: f64,
    /// Longest wait in the queue; what would wait longer is dropped.
    pub(crate) queue: i64,
    pub(crate) faults: Faults,
    free_at: i64,
    last_out: i64,
}

/// A packet comes out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit {
    pub(crate) at: i64,
    pub(crate) marked: bool,
}

impl Pipe {
    pub(crate) fn new(latency: i64, byte: f64, queue: i64, faults: Faults) -> Self {
        Self { latency, byte, queue, faults, free_at: 0, last_out: 0 }
    }

    /// When a packet that goes in now comes out: never, once, or twice.
    pub(crate) fn carry(&mut self, now: i64, len: usize, rng: &mut Rng) -> [Option<Exit>; 2] {
        // Each half does half of the harm.
        let faults = self.faults;
        if rng.chance(faults.loss / 2.0) {
            return [None; 2];
        }
        let leaves = self.free_at.max(now) + (len as f64 * self.byte) as i64;
        if leaves - now > self.queue {
            return [None; 2];
        }
        self.free_at = leaves;
        // Jitter keeps the order.
        let mut at = (leaves + self.latency + rng.between(0, self.latency / 50 + 2_000)).max(self.last_out + 1);
        self.last_out = at;
        if rng.chance(faults.reordering / 2.0) {
            at += rng.between(500_000, 20_000_000);
        }
        let marked = rng.chance(faults.marking / 2.0);
        let again = rng.chance(faults.duplication / 2.0).then(|| Exit { at: at + rng.scaled(1e3, 2e6) as i64, marked });
        [Some(Exit { at, marked }), again]
    }
}
