//! What is too far ahead to be believed at once: one stray segment or acknowledgment must not move the place where the true
//! ones are expected. But captures miss packets, and then what is far ahead is true.
//!
//! So a segment that no window allows waits until the peer acknowledges it, and an acknowledgment of what was never seen
//! waits until data is there. Where only one direction is left to see, [`WITNESSES`] in a row that go on from each other will do.

/// So many segments, or acknowledgments, in a row are believed without the other side's word.
const WITNESSES: u32 = 8;

/// No offset.
pub(super) const NONE: u64 = u64::MAX;

/// Segments far ahead: one run of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) start: u64,
    /// One past the last byte of data.
    pub(super) end: u64,
    /// Offset of the FIN, [`NONE`] without.
    pub(super) fin: u64,
    /// Segments held, and how many of them went on from the one before.
    segments: u64,
    witnesses: u32,
    /// There were more bytes than the run.
    pub(super) gaps: bool,
}

/// An acknowledgment far ahead.
#[derive(Clone, Copy, Debug)]
struct HeldAck {
    at: u64,
    segments: u64,
    witnesses: u32,
}

/// What waits to be believed of one end's numbers.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    data: Option<Held>,
    ack: Option<HeldAck>,
    /// A second FIN, before the one that stands for now: the acknowledgment decides.
    pub(super) other_fin: u64,
}

impl Default for Doubt {
    fn default() -> Self {
        Self { data: None, ack: None, other_fin: NONE }
    }
}

impl Doubt {
    /// Segments that wait.
    pub(super) fn segments(&self) -> u64 {
        self.data.map_or(0, |held| held.segments)
    }

    /// Segments of the other end whose acknowledgments wait.
    pub(super) fn acks(&self) -> u64 {
        self.ack.map_or(0, |held| held.segments)
    }

    /// Puts a segment with these bytes by. Gives what has now been seen often enough, and how many segments are given up.
    pub(super) fn hold(&mut self, start: u64, end: u64, fin: u64, limit: u64) -> (Option<Held>, u64) {
        let new = Held { start, end, fin, segments: 1, witnesses: 1, gaps: false };
        let Some(held) = &mut self.data else {
            self.data = Some(new);
            return (None, 0);
        };
        if start.abs_diff(held.end) > limit {
            let given_up = held.segments;
            *held = new;
            return (None, given_up);
        }
        held.segments += 1;
        held.witnesses += u32::from(end > held.end);
        if start <= held.end && end >= held.start {
            (held.start, held.end) = (held.start.min(start), held.end.max(end));
        } else {
            (held.start, held.end, held.gaps) = (start, end, true);
        }
        if fin != NONE {
            held.fin = fin;
        }
        (if held.witnesses >= WITNESSES { self.data.take() } else { None }, 0)
    }

    /// The segments that an acknowledgment up to `at` says arrived. `far`: it is itself ahead of everything believed.
    pub(super) fn acknowledged(&mut self, at: u64, far: bool, limit: u64) -> Option<Held> {
        let held = self.data.as_ref()?;
        let sent = held.end + u64::from(held.fin != NONE);
        let vouches = if far { at >= held.start && at <= sent.saturating_add(limit) } else { at > held.start };
        if !vouches {
            return None;
        }
        let mut held = self.data.take()?;
        if held.fin != NONE && (if far { at > held.fin + 1 } else { at != held.fin + 1 }) {
            held.fin = NONE; // The stream goes on after it.
        }
        Some(held)
    }

    /// The stream has come as far by itself: what waited there is given up. Says how many segments.
    pub(super) fn overtaken(&mut self, next: u64) -> u64 {
        self.data.take_if(|held| held.start < next).map_or(0, |held| held.segments)
    }

    /// Puts an acknowledgment by. `true`: seen often enough to be believed. Then how many segments are given up.
    pub(super) fn hold_ack(&mut self, at: u64, count: bool, limit: u64) -> (bool, u64) {
        let count = u64::from(count);
        let Some(held) = &mut self.ack else {
            self.ack = Some(HeldAck { at, segments: count, witnesses: 1 });
            return (false, 0);
        };
        if at.abs_diff(held.at) > limit {
            let given_up = held.segments;
            *held = HeldAck { at, segments: count, witnesses: 1 };
            return (false, given_up);
        }
        held.segments += count;
        held.witnesses += u32::from(at > held.at);
        held.at = held.at.max(at);
        let believed = held.witnesses >= WITNESSES;
        if believed {
            self.ack = None;
        }
        (believed, 0)
    }

    /// The acknowledgment that data at `start` shows to be true.
    pub(super) fn ack_near(&mut self, start: u64, limit: u64) -> Option<u64> {
        self.ack.take_if(|held| held.at.abs_diff(start) <= limit).map(|held| held.at)
    }

    /// Is this the number that the other side waits for, if its acknowledgment is true?
    pub(super) fn is_awaited(&self, at: u64) -> bool {
        self.ack.is_some_and(|held| held.at == at)
    }
}
