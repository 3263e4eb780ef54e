//! The only wall clock of the library: when to stop a live run, what is due in it, and what time it is for flows while nothing comes.

use crate::model::{Frame, FrameDirection, Span, Timestamp};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time now, as packets would be stamped.
#[must_use]
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// Measures how long a run has lasted.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// How often the counters of a live source are looked at: what it dropped and no frame names happened between two looks.
const COUNT_EVERY: Duration = Duration::from_millis(100);
/// How often everything else is done that goes by the clock: what was captured is handed on (it is what a sudden end costs), losses
/// are told, and what waits for time to go by learns of it.
const SECOND: Duration = Duration::from_secs(1);

/// What is due in a live run, all by one look at the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    started: Instant,
    counted: Instant,
    second: Instant,
}

/// What a look at the clock finds due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    /// A look at the counters.
    pub(super) count: bool,
    /// What is done each second, and that with a look at the counters: so much time after the last time.
    pub(super) second: Option<Duration>,
    /// Time since the start.
    pub(super) lasted: Duration,
}

impl Rounds {
    pub(super) fn start() -> Self {
        Self::start_at(Instant::now())
    }

    const fn start_at(now: Instant) -> Self {
        Self { started: now, counted: now, second: now }
    }

    /// Looks at the clock.
    pub(super) fn look(&mut self) -> Due {
        self.look_at(Instant::now())
    }

    fn look_at(&mut self, now: Instant) -> Due {
        let second = Some(now.duration_since(self.second)).filter(|since| *since >= SECOND);
        let count = second.is_some() || now.duration_since(self.counted) >= COUNT_EVERY;
        if count {
            self.counted = now;
        }
        if second.is_some() {
            self.second = now;
        }
        Due { count, second, lasted: now.duration_since(self.started) }
    }
}

/// What time it is by the clock that stamps the frames of a live run.
#[derive(Clone, Copy, Debug)]
pub(super) enum FrameClock {
    /// The system's.
    System,
    /// A network card's own, which may be set to anything: it is known from the frames that came in.
    Card {
        /// The latest frame's time, and when it was looked at.
        latest: Option<(Timestamp, Option<Instant>)>,
    },
}

impl FrameClock {
    pub(super) const fn new(card: bool) -> Self {
        if card { Self::Card { latest: None } } else { Self::System }
    }

    /// A frame came. Those that this host sent are stamped by the system even where the card stamps the others.
    #[inline]
    pub(super) fn on_frame(&mut self, frame: &Frame<'_>) {
        if let Self::Card { latest } = self
            && frame.direction != Some(FrameDirection::Outbound)
        {
            *latest = Some((frame.ts, None));
        }
    }

    /// From now on time goes by since the latest frame. To be called now and then: the clock is not read for each frame.
    pub(super) fn settle(&mut self) {
        if let Self::Card { latest: Some((_, since)) } = self {
            since.get_or_insert_with(Instant::now);
        }
    }

    /// The time now, or a little earlier; nothing while it is not known.
    pub(super) fn now(&self) -> Option<Timestamp> {
        match self {
            Self::System => Some(now()),
            Self::Card { latest } => latest.map(|(ts, since)| {
                let gone = since.map_or(0, |since| i64::try_from(since.elapsed().as_nanos()).unwrap_or(i64::MAX));
                ts + Span::from_nanos(gone)
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FrameMarks, LinkType};

    #[test]
    fn counters_are_looked_at_ten_times_a_second_and_always_with_what_the_second_brings() {
        let start = Instant::now();
        let mut rounds = Rounds::start_at(start);
        let mut at = |ms| rounds.look_at(start + Duration::from_millis(ms));
        let due = |count, second: Option<u64>, lasted| Due {
            count,
            second: second.map(Duration::from_millis),
            lasted: Duration::from_millis(lasted),
        };
        assert_eq!(at(99), due(false, None, 99));
        assert_eq!(at(100), due(true, None, 100));
        assert_eq!(at(150), due(false, None, 150));
        assert_eq!(at(970), due(true, None, 970));
        assert_eq!(at(1030), due(true, Some(1030), 1030), "although the counters were looked at a moment ago");
        assert_eq!(at(1100), due(false, None, 1100));
        assert_eq!(at(4030), due(true, Some(3000), 4030), "as much time as really went by");
    }

    #[test]
    fn the_cards_time_is_that_of_frames_that_came_in() {
        let frame = |seconds, direction| Frame {
            number: 1,
            source: 0,
            interface: 0,
            ts: Timestamp::from_parts(seconds, 0),
            link: LinkType::ETHERNET,
            wire_len: 0,
            bytes: &[],
            direction: Some(direction),
            options: None,
            marks: FrameMarks::NONE,
        };
        let mut clock = FrameClock::new(true);
        clock.on_frame(&frame(1_700_000_000, FrameDirection::Outbound));
        clock.settle();
        assert_eq!(clock.now(), None, "what was sent says nothing");
        clock.on_frame(&frame(50, FrameDirection::Inbound));
        clock.on_frame(&frame(1_700_000_000, FrameDirection::Outbound));
        assert_eq!(clock.now(), Some(Timestamp::from_parts(50, 0)));
        clock.settle();
        let later = clock.now().expect("known");
        assert!(later >= Timestamp::from_parts(50, 0) && later < Timestamp::from_parts(1_000_000, 0));
        assert!(FrameClock::new(false).now() > Some(Timestamp::from_parts(1_000_000_000, 0)));
    }
}
