//! The time by which what is kept (flows, fragments) ages: packet time that never runs backwards.
//!
//! Captures step back: packets out of order, several interfaces, a clock that was set. Flows must not end because of it, and
//! must go on ageing after it. A single packet from the far future, on the other hand, must not stop ageing for good.

use super::time::{Span, Timestamp};

/// A step back further than this is a clock that was set, if it lasts.
const STEP: Span = Span::from_secs(600);

/// So many packets in a row must be that far back before it is believed. Two interfaces with different clocks alternate, and
/// never reach it.
const LASTS: u32 = 256;

/// Turns packet times into a time that only grows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    now: Option<Timestamp>,
    /// Added to packet times since the clock was set back.
    shift: Span,
    /// Packets in a row that were far back.
    behind: u32,
}

impl Clock {
    /// The time: that of the last packet, or later.
    #[must_use]
    pub fn now(self) -> Timestamp {
        self.now.unwrap_or_default()
    }

    /// Takes a packet's time and gives the time by which to age.
    pub fn advance(&mut self, ts: Timestamp) -> Timestamp {
        let shifted = ts + self.shift;
        let Some(now) = self.now else {
            self.now = Some(shifted);
            return shifted;
        };
        if shifted >= now {
            self.behind = 0;
            self.now = Some(shifted);
            return shifted;
        }
        if now - shifted <= STEP {
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
    fn after_one_packet_from_the_future_flows_still_age() {
        let mut clock = Clock::default();
        clock.advance(at(100));
        let future = clock.advance(at(1_000_000));
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
    }
}
