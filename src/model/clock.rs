//! The time by which what is kept (flows, fragments) ages: packet time that never runs backwards.
//!
//! Captures step back: packets out of order, several interfaces, a clock that was set. Flows must not end because of it, and
//! must go on ageing after it. A single packet from the far future must neither end them all nor stop ageing for good: a step
//! forward is believed when the packets after it agree.

use super::time::{Span, Timestamp};

/// A step back further than this is a clock that was set, if it lasts.
const STEP: Span = Span::from_secs(600);

/// So many packets in a row must be that far back before it is believed. Two interfaces with different clocks alternate, and
/// never reach it.
const LASTS: u32 = 256;

/// A step forward further than this is believed when it lasts.
const LEAP: Span = Span::from_secs(3600);

/// So many packets in a row must be that far ahead.
pub const LEAPS: u32 = 3;

/// Turns packet times into a time that only grows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    now: Option<Timestamp>,
    /// Added to packet times since the clock was set back.
    shift: Span,
    /// Packets in a row that were far back.
    behind: u32,
    /// Packets in a row that were far ahead.
    ahead: u32,
    /// Every time is believed.
    plain: bool,
}

impl Clock {
    /// One that believes every time, and only never goes back: for who must age as another tool does.
    #[must_use]
    pub fn plain() -> Self {
        Self { plain: true, ..Self::default() }
    }

    /// The flow time: that of the last packet, or later.
    #[must_use]
    pub fn now(self) -> Timestamp {
        self.now.unwrap_or_default()
    }

    /// Takes a packet's time if it is nothing special, as nearly all are: at or a little after the one before, and no packet
    /// waits to be believed. `false`: it is to be given to [`Self::advance`].
    #[inline]
    pub fn goes_on(&mut self, ts: Timestamp) -> bool {
        let next = self.would_go_on(ts);
        if next.is_some() {
            self.behind = 0;
            self.now = next;
        }
        next.is_some()
    }

    /// The flow time to which [`Self::goes_on`] would come, if it would say yes.
    #[inline]
    #[must_use]
    pub fn would_go_on(&self, ts: Timestamp) -> Option<Timestamp> {
        let shifted = ts + self.shift;
        let usual = self.ahead == 0 && self.now.is_some_and(|now| shifted >= now && shifted - now <= LEAP);
        usual.then_some(shifted)
    }

    /// Takes a packet's time and gives the flow time.
    pub fn advance(&mut self, ts: Timestamp) -> Timestamp {
        let shifted = ts + self.shift;
        if !self.plain && self.now.is_some_and(|now| shifted > now && shifted - now > LEAP) {
            self.ahead += 1;
            if self.ahead < LEAPS {
                return self.now();
            }
        }
        self.trust(ts)
    }

    /// Takes a time that is not a packet's own, and needs no witnesses.
    pub fn trust(&mut self, ts: Timestamp) -> Timestamp {
        self.ahead = 0;
        let shifted = ts + self.shift;
        let Some(now) = self.now.filter(|&now| shifted < now) else {
            self.behind = 0;
            self.now = Some(shifted);
            return shifted;
        };
        if self.plain || now - shifted <= STEP {
            self.behind = 0;
        } else {
            self.behind += 1;
            if self.behind >= LASTS {
                self.behind = 0;
                self.shift = self.shift + (now - shifted);
            }
        }
        now
    }

    /// A packet's time on the scale of the flow time, if that packet is one of those far ahead that are not yet believed.
    #[must_use]
    pub fn leap(self, ts: Timestamp) -> Option<Timestamp> {
        (self.ahead > 0).then(|| ts + self.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_parts(seconds, 0)
    }

    #[test]
    fn small_steps_back_are_ignored() {
        let mut clock = Clock::default();
        assert_eq!(clock.advance(at(100)), at(100));
        assert_eq!(clock.advance(at(99)), at(100));
        assert_eq!(clock.advance(at(101)), at(101));
    }

    #[test]
    fn a_plain_clock_believes_leaps_and_never_goes_back() {
        let mut clock = Clock::plain();
        clock.advance(at(100));
        assert_eq!(clock.advance(at(1_000_000)), at(1_000_000));
        for _ in 0..2 * LASTS {
            assert_eq!(clock.advance(at(100)), at(1_000_000));
        }
    }

    #[test]
    fn after_some_packets_from_the_future_flows_still_age() {
        let mut clock = Clock::default();
        clock.advance(at(100));
        assert_eq!(clock.advance(at(1_000_000)), at(100));
        assert_eq!(clock.advance(at(110)), at(110), "one is not believed");
        clock.advance(at(1_000_000));
        clock.advance(at(1_000_001));
        let future = clock.advance(at(1_000_002));
        assert_eq!(future, at(1_000_002));
        for _ in 0..LASTS {
            assert_eq!(clock.advance(at(200)), future);
        }
        assert_eq!(clock.advance(at(230)), future + Span::from_secs(30));
    }

    #[test]
    fn two_clocks_that_alternate_do_not_drive_time() {
        let mut clock = Clock::default();
        for second in 0..2000 {
            clock.advance(at(second));
            clock.advance(at(second + 3600));
        }
        assert_eq!(clock.advance(at(0)), at(1999 + 3600));
        let mut clock = Clock::default();
        for second in 0..2000 {
            clock.advance(at(second));
            clock.advance(at(second + 36_000));
        }
        assert_eq!(clock.advance(at(1999)), at(1999));
    }
}
