//! `--where`: which conversations an output is told of, and the words for what was left out.

use super::errors::Problem;
use super::exit::Exit;
use sockeye::engine::choosing::Chosen as Learnt;
use sockeye::event::{Event, Keep, RunSummary, Sink};
use sockeye::flow::{FlowRecord, Wants};
use sockeye::output::units;
use sockeye::query::Query;
use std::io;
use std::sync::Arc;

/// A condition, read; none holds for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    query: Option<Query>,
    /// For which conversations it holds, where that was learnt in a first reading: it asks for findings.
    learnt: Option<Arc<Learnt>>,
}

impl Condition {
    /// As it was given.
    pub(crate) fn of(text: Option<&str>) -> Result<Self, Problem> {
        let query = text.map(Query::parse).transpose();
        query.map(|query| Self { query, learnt: None }).map_err(|error| Problem::new(Exit::Usage, error.to_string()))
    }

    /// What a tracker must work out for it.
    pub(crate) fn needs(&self) -> Wants {
        self.query.as_ref().map_or(Wants::NONE, Query::needs)
    }

    /// As it was given, where there is one.
    pub(crate) fn text(&self) -> Option<&str> {
        self.query.as_ref().map(Query::text)
    }

    /// Is there none?
    pub(crate) const fn is_none(&self) -> bool {
        self.query.is_none()
    }

    /// The condition itself.
    pub(crate) const fn query(&self) -> Option<&Query> {
        self.query.as_ref()
    }

    /// What is to be said where it held for nothing.
    pub(crate) fn held_for_none(&self, summary: &RunSummary) -> Option<String> {
        let text = self.text().filter(|_| summary.flows > 0)?;
        let flows = units::counted(summary.flows, "conversation");
        Some(format!("none of {flows} is one for which this holds: {}", sockeye::model::short(text, 200)))
    }

    /// Does it ask for findings, of which all has to be read first?
    pub(crate) fn asks_for_findings(&self) -> bool {
        self.query.as_ref().is_some_and(Query::asks_for_findings)
    }

    /// The same, once it is known for which conversations it holds.
    pub(crate) fn learnt(self, learnt: Learnt) -> Self {
        Self { learnt: Some(Arc::new(learnt)), ..self }
    }

    /// Does it hold for this conversation?
    pub(crate) fn holds(&self, record: &FlowRecord) -> bool {
        match (&self.learnt, &self.query) {
            (Some(learnt), _) => learnt.holds(record.id),
            (None, Some(query)) => query.holds(record),
            (None, None) => true,
        }
    }
}

/// An output that is told only of conversations for which a condition holds, and of all else.
pub(crate) struct Chosen<S> {
    pub(crate) sink: S,
    condition: Condition,
    /// Records that were told.
    told: u64,
}

impl<S> Chosen<S> {
    pub(crate) const fn new(sink: S, condition: Condition) -> Self {
        Self { sink, condition, told: 0 }
    }

    /// What is to be said where the condition held for nothing.
    pub(crate) fn nothing_held(&self, summary: &RunSummary) -> Option<String> {
        self.condition.held_for_none(summary).filter(|_| self.told == 0)
    }
}

impl<S: Sink> Sink for Chosen<S> {
    #[inline]
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let (false, Event::Flow(record) | Event::Handshake(record)) = (self.condition.is_none(), event) {
            if !self.condition.holds(record) {
                return Ok(Keep::Going);
            }
            self.told += 1;
        }
        self.sink.on_event(event)
    }

    fn dropped(&self) -> u64 {
        self.sink.dropped()
    }

    fn records_dropped(&self) -> u64 {
        self.sink.records_dropped()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
