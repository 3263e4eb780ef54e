//! What tcptrace counts and measures of a connection, by its rules.

use super::aspects::Sighting;
use crate::flow::key::End;
use crate::flow::record::MeasuredRecord;
use crate::flow::room::Room;

/// A connection as tcptrace sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Measure {}

impl Measure {
    pub(super) fn on_segment(&mut self, _seen: &Sighting<'_, '_>, _room: &mut Room) {}

    pub(super) fn record(&self, _end: End) -> MeasuredRecord {
        MeasuredRecord::default()
    }

    pub(super) fn release(&mut self, _room: &mut Room) {}
}
