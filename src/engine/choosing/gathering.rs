//! What there is to find in a capture, and all who take part in it, not only those that a finding cites.

use crate::detect::{Detectors, Finding};
use crate::engine::detecting::missed;
use crate::event::{Event, Keep, Sink};
use crate::flow::Members;
use crate::model::Network;
use std::io;

/// Looks for findings and notes who belongs to which group.
#[derive(Debug)]
pub struct Gathering {
    detectors: Detectors,
    members: Members,
    gathered: Gathered,
}

/// What was found, once all was read.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The findings in their order: the first is `f1`.
    pub findings: Vec<Finding>,
    /// Who belongs to which of their groups.
    pub members: Members,
    /// Conversations that found no room in a detector.
    pub unexamined: u64,
}

impl Gathering {
    /// Detectors take at most so many bytes, and the members of groups so many.
    #[must_use]
    pub fn within(findings: usize, members: usize) -> Self {
        Self { detectors: Detectors::within(findings), members: Members::within(members), gathered: Gathered::default() }
    }

    /// The same where these networks are local, beside private ones.
    #[must_use]
    pub fn with_local(self, local: Vec<Network>) -> Self {
        Self { detectors: self.detectors.with_local(local), ..self }
    }

    /// What was found; nothing where members had no room.
    #[must_use]
    pub fn finish(self) -> Option<Gathered> {
        let Self { members, gathered, .. } = self;
        (!members.is_full()).then_some(Gathered { members, ..gathered })
    }
}

impl Sink for Gathering {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        let Self { detectors, members, gathered } = self;
        match event {
            Event::Flow(record) => members.during(|| detectors.on_flow(record)),
            Event::Neighbour(said) => members.during(|| detectors.on_neighbour(said)),
            Event::Summary(summary) => {
                let detectors = std::mem::take(detectors);
                let found = members.during(|| detectors.finish(missed(summary)));
                (gathered.findings, gathered.unexamined) = (found.findings, found.without_room);
            }
            _ => {}
        }
        Ok(if self.members.is_full() { Keep::Enough } else { Keep::Going })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
