//! The only wall clock of the library: when to stop a live run, and what time it is for flows while nothing comes.

use crate::model::{Span, Timestamp};
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

    /// Has this much time gone by since the start, or since the last time that this was so? Then it starts again.
    pub fn is_due(&mut self, span: Duration) -> bool {
        let now = Instant::now();
        let due = now.duration_since(self.0) >= span;
        if due {
            self.0 = now;
        }
        due
    }

    /// Has this much time gone by?
    #[must_use]
    pub fn is_past(self, span: Span) -> bool {
        self.elapsed().as_nanos() >= u128::try_from(span.nanos()).unwrap_or(0)
    }
}
