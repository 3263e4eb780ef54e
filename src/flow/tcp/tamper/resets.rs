//! Resets that their sender knows nothing of: it goes on with the connection. A host that resets a connection has forgotten it (RFC 9293
//! section 3.10.7), so that whatever it sends of it later was on its way before: no data beyond the reset's number, and no
//! acknowledgment of what it was sent since.

use super::Sighting;
use super::ttl;
use crate::decode::TcpFlags;
use crate::flow::citations::{Few, Place};
use crate::flow::tampered::ForgedReset;
use crate::flow::tcp::seq::Seq;
use crate::model::{Span, Timestamp};

/// Further from all that was sent, a number is of another connection: an older one between the same ports, or one whose SYN was not
/// captured.
const NEAR: i32 = 1 << 20;

/// Packets that overtake each other are not so far apart.
const LATE: Span = Span::from_millis(10);

/// Different numbers that are kept of resets, and how many are guesses: of those so many beyond all that was sent.
const NUMBERS: usize = 3;
const BEYOND: u32 = 2;

/// The resets of one side.
#[derive(Clone, Debug, Default)]
pub(super) struct Resets {
    any: bool,
    /// Those after which it went on; and those after which it did not so far.
    all: Few<Place>,
    waiting: Few<Place>,
    /// One was in the window, so that the other side may have taken it.
    taken: bool,
    at: Timestamp,
    source: u16,
    /// The side had sent up to here, and its reset says so; the other side had sent up to there.
    sent: Seq,
    got: Seq,
    ttl: u8,
    /// Different numbers, and how many were beyond what was sent.
    numbers: [Seq; NUMBERS],
    different: usize,
    beyond: u32,
    after: Few<Place>,
    after_ttl: u8,
    acknowledged: bool,
    late: bool,
}

impl Resets {
    /// A reset. `next`, `other`: the number that comes next of this side, and of the other one.
    pub(super) fn on_reset(&mut self, seen: &Sighting<'_, '_>, next: Seq, other: Seq) {
        let seq = seen.segment.seq;
        let ahead = seq.since(next);
        if ahead.saturating_abs() > NEAR {
            return;
        }
        if !self.numbers[..self.different].contains(&seq) {
            self.beyond += u32::from(ahead > 0);
            if let Some(free) = self.numbers.get_mut(self.different) {
                *free = seq;
                self.different += 1;
            }
        }
        let first_taken = seen.accepted && !self.taken && !self.guessed();
        if !self.any || first_taken {
            (self.any, self.taken) = (true, seen.accepted);
            (self.at, self.source, self.ttl) = (seen.ts, seen.source, ttl(seen));
            // What a reset was taken with that came before it may have been overtaken by it.
            self.sent = if ahead > 0 && seen.accepted { seq } else { next };
            self.got = other;
            (self.all, self.waiting) = (Few::default(), Few::default());
            (self.after, self.acknowledged, self.late) = (Few::default(), false, false);
        }
        self.waiting.push((seen.source, seen.number));
    }

    /// Were numbers tried, of which the side knows nothing?
    const fn guessed(&self) -> bool {
        self.different == NUMBERS && self.beyond >= BEYOND && self.after.total > 0
    }

    /// Something else that the side sent.
    pub(super) fn on_segment(&mut self, seen: &Sighting<'_, '_>) {
        let segment = seen.segment;
        if !self.any || seen.source != self.source || seen.ts < self.at {
            return;
        }
        let is_new = |beyond: i32| beyond > 0 && beyond < NEAR << 4;
        let fin = segment.has(TcpFlags::FIN);
        let end = segment.seq.plus(segment.len + u32::from(fin));
        let sent = (segment.len > 0 || fin) && is_new(end.since(self.sent));
        let late = seen.ts - self.at >= LATE;
        // Two directions that are captured apart may come a little out of order: what seems to be acknowledged before it was sent was
        // sent before the reset.
        let got = late && segment.has(TcpFlags::ACK) && is_new(segment.ack.since(self.got));
        if !sent && !got {
            return;
        }
        self.all.extend(&self.waiting);
        self.waiting = Few::default();
        self.after.push((seen.source, seen.number));
        self.after_ttl = ttl(seen);
        self.acknowledged |= got;
        self.late |= late;
    }

    /// The resets, where the side went on after them.
    pub(super) fn found(&self) -> Option<ForgedReset> {
        let guessed = self.guessed();
        let went_on = self.after.total > 1 || self.acknowledged || self.late;
        let shows = (self.taken && went_on && self.after.total > 0) || guessed;
        shows.then(|| ForgedReset {
            resets: self.all.clone(),
            after: self.after.clone(),
            acknowledged: self.acknowledged,
            late: self.late,
            guessed,
            ttl: (self.ttl, self.after_ttl),
        })
    }
}
