//! One conversation gathered from a run: its packets and its record. What shows or tells it begins when the run is over.

use crate::event::{Event, Keep};
use crate::flow::{FlowId, FlowRecord};
use crate::story::Steps;

/// What is known of the conversation.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) steps: Steps,
    /// When it has ended.
    pub(super) record: Option<FlowRecord>,
    /// There are several files, so that packets are told with theirs.
    pub(super) several: bool,
}

impl Gathered {
    /// Nothing yet. `most`: packets that are kept.
    pub(super) fn new(of: FlowId, most: usize) -> Self {
        Self { steps: Steps::new(of, most), record: None, several: false }
    }

    /// Takes an event. Nothing more is wanted when the conversation has ended.
    pub(super) fn on_event(&mut self, event: &Event<'_>) -> Keep {
        match event {
            Event::Source { index, .. } => self.several |= *index > 0,
            Event::Packet { frame, packet, note } => self.steps.on_packet(frame, packet, note),
            Event::Settled(settled) => self.steps.on_settled(settled),
            Event::Flow(record) if record.id == self.steps.of() => {
                self.record = Some((*record).clone());
                return Keep::Enough;
            }
            _ => {}
        }
        Keep::Going
    }
}
