//! A time, or none yet, in the bytes of a time: a connection has many of them, and a million connections fit into memory.

use crate::model::{Span, Timestamp};

/// A time, or none yet. None is before all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct When(Timestamp);

impl When {
    /// None yet: a time that no capture has.
    pub(super) const NEVER: Self = Self(Timestamp::from_nanos(i64::MIN));

    pub(super) const fn at(ts: Timestamp) -> Self {
        Self(ts)
    }

    pub(super) fn get(self) -> Option<Timestamp> {
        (self != Self::NEVER).then_some(self.0)
    }

    /// How long ago that was.
    pub(super) fn since(self, now: Timestamp) -> Option<Span> {
        self.get().map(|at| now - at)
    }
}

impl Default for When {
    fn default() -> Self {
        Self::NEVER
    }
}
