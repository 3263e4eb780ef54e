//! What became of a connection's segments: sent again, overtaken, copied.

use super::aspects::Sighting;
use crate::flow::key::End;
use crate::flow::record::LossRecord;
use crate::flow::room::Room;
use crate::flow::verdict::Verdict;

/// What is known of lost, late and repeated segments of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Loss {}

impl Loss {
    pub(super) fn on_segment(&mut self, _seen: &Sighting<'_, '_>, _room: &mut Room) -> Option<Verdict> {
        None
    }

    pub(super) fn record(&self, _end: End) -> LossRecord {
        LossRecord::default()
    }

    pub(super) fn release(&mut self, _room: &mut Room) {}
}
