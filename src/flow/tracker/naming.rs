//! Who keeps the names of hosts that flows are given: this tracker, several of a live capture in common, or whoever puts in order
//! what several of a saved capture tell.

use crate::flow::event::{FlowEvent, FlowSink};
use crate::flow::names::{Learnt, Names};
use crate::flow::record::FlowRecord;
use crate::heap;
use std::sync::{Arc, Mutex, PoisonError};

/// Where names go.
#[derive(Clone, Debug)]
pub(super) enum Naming {
    /// To nobody.
    Off,
    /// To all that have these in common, or to one alone.
    Here(Arc<Mutex<Names>>),
    /// They are told.
    Told,
}

impl Naming {
    pub(super) fn here(bytes: usize) -> Self {
        Self::Here(Arc::new(Mutex::new(Names::within(bytes))))
    }

    /// Takes a name. Its memory is set aside, and no flow's.
    pub(super) fn learn(&mut self, learnt: &Learnt<'_>, sink: &mut impl FlowSink) {
        match self {
            Self::Off => {}
            Self::Here(names) => heap::left_out(|| names.lock().unwrap_or_else(PoisonError::into_inner).learn(learnt)),
            Self::Told => sink.on_flow_event(FlowEvent::Learnt(learnt)),
        }
    }

    /// Gives a record the names that are known.
    pub(super) fn label(&self, record: &mut FlowRecord) {
        if let Self::Here(names) = self {
            heap::left_out(|| names.lock().unwrap_or_else(PoisonError::into_inner).label(record));
        }
    }
}
