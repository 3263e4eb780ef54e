//! A connection in one word, and what it waits for.

use super::endpoint::Endpoint;
use super::{Connection, Over};
use crate::flow::key::End;
use crate::flow::note::Change;
use crate::flow::record::{Outcome, State};
use crate::flow::timeout::Class;

impl Connection {
    /// The change of state since this was last asked.
    #[inline]
    pub(in crate::flow) fn change(&mut self, originator: End) -> Option<Change> {
        let after = self.word(originator, false);
        change(std::mem::replace(&mut self.word, after), after)
    }

    /// Have both sides closed, and are both FINs acknowledged (or one side gone after both were sent)?
    pub(super) fn is_closed(&self) -> bool {
        let acked = |end: &Endpoint| end.fin_acked() || (self.cut && end.has_fin());
        self.ends.iter().all(acked)
    }

    /// The state in the words of the screens. `ended`: nothing more will come, so that an attempt under way has failed.
    #[inline]
    pub(in crate::flow) fn word(&self, originator: End, ended: bool) -> State {
        match self.over {
            Over::Refused => return State::Refused,
            Over::Reset(by) if by == originator => return State::ResetByOriginator,
            Over::Reset(_) => return State::ResetByResponder,
            Over::No => {}
        }
        if !self.open {
            return self.word_before_open(ended);
        }
        let [low, high] = &self.ends;
        match (low.has_fin(), high.has_fin()) {
            (true, true) if self.is_closed() => State::Closed,
            (true, false) if low.fin_acked() => State::HalfClosed,
            (false, true) if high.fin_acked() => State::HalfClosed,
            (true, _) | (_, true) => State::Closing,
            (false, false) if low.shut || high.shut => State::Stalled,
            (false, false) if self.setup.is_none() => State::Midway,
            (false, false) => State::Open,
        }
    }

    fn word_before_open(&self, ended: bool) -> State {
        let outcome = self.setup.as_ref().map(|setup| setup.outcome_so_far());
        match outcome {
            Some(Outcome::Unreachable) => State::Unreachable,
            Some(Outcome::HalfOpen) if ended => State::HalfOpen,
            _ if ended => State::NoAnswer,
            _ => State::Opening,
        }
    }

    /// What it waits for.
    #[inline]
    pub(in crate::flow) fn class(&self) -> Class {
        if self.over != Over::No {
            return Class::Reset;
        }
        if !self.open {
            return if self.setup.as_ref().is_some_and(|setup| setup.answered()) { Class::HalfOpen } else { Class::Attempt };
        }
        let [low, high] = &self.ends;
        match (low.has_fin(), high.has_fin()) {
            (true, true) if self.is_closed() => Class::Closed,
            (true, false) if low.fin_acked() => Class::Established,
            (false, true) if high.fin_acked() => Class::Established,
            (false, false) if self.setup.is_none() && self.one_sided() => Class::Stray,
            (false, false) => Class::Established,
            _ => Class::Closing,
        }
    }

    /// Has only one side been seen?
    fn one_sided(&self) -> bool {
        self.ends.iter().any(|end| end.flags == 0 && end.ack_packets + end.data_packets == 0)
    }
}

/// The word that a change of state is told with.
fn change(before: State, after: State) -> Option<Change> {
    if before == after {
        return None;
    }
    Some(match (before, after) {
        (_, State::Stalled) => Change::ZeroWindow,
        (State::Stalled, State::Open | State::Midway) => Change::WindowOpened,
        _ => Change::State(after),
    })
}
