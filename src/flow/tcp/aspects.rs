//! What is worked out of a connection only when an output wants it. Each aspect has rules of its own for what a segment means,
//! and none of them changes what the connection is; they are fed every segment of its flow, accepted or not.

use super::loss::Loss;
use super::measure::Measure;
use super::reassembly::Streams;
use super::segment::Segment;
use crate::decode::Packet;
use crate::flow::key::End;
use crate::flow::record::SideRecord;
use crate::flow::room::Room;
use crate::flow::verdict::Verdict;
use crate::flow::wants::Wants;
use crate::model::Timestamp;

/// A segment as the aspects see it.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Sighting<'a, 'f> {
    /// Who sent it.
    pub(in crate::flow) from: End,
    pub(in crate::flow) segment: &'a Segment<'f>,
    /// What is not in the segment: IP identification, flow label, ECN, checksum, lengths.
    pub(in crate::flow) packet: &'a Packet<'f>,
    pub(in crate::flow) source: u16,
    pub(in crate::flow) number: u64,
    pub(in crate::flow) ts: Timestamp,
}

/// The aspects that are wanted.
#[derive(Clone, Debug, Default)]
pub(in crate::flow) struct Aspects {
    measure: Option<Measure>,
    loss: Option<Loss>,
    streams: Option<Streams>,
}

impl Aspects {
    /// `None` where none is wanted.
    pub(in crate::flow) fn wanted(wants: Wants) -> Option<Box<Self>> {
        (wants.measures || wants.verdicts || wants.streams).then(|| {
            Box::new(Self {
                measure: wants.measures.then(Measure::default),
                loss: wants.verdicts.then(Loss::default),
                streams: wants.streams.then(Streams::default),
            })
        })
    }

    /// The byte streams.
    pub(super) fn streams(&mut self) -> Option<&mut Streams> {
        self.streams.as_mut()
    }

    /// Takes a segment. Lists that grow take from `room`.
    pub(in crate::flow) fn on_segment(&mut self, seen: &Sighting<'_, '_>, room: &mut Room) -> Option<Verdict> {
        if let Some(measure) = &mut self.measure {
            measure.on_segment(seen, room);
        }
        self.loss.as_mut().and_then(|loss| loss.on_segment(seen, room))
    }

    /// Fills in what they know of one side.
    pub(in crate::flow) fn fill_side(&self, end: End, side: &mut SideRecord) {
        side.measured = self.measure.as_ref().map(|measure| measure.record(end));
        side.loss = self.loss.as_ref().map(|loss| loss.record(end));
    }

    /// The connection is over: what its lists held is given back.
    pub(in crate::flow) fn release(&mut self, room: &mut Room) {
        if let Some(measure) = &mut self.measure {
            measure.release(room);
        }
        if let Some(loss) = &mut self.loss {
            loss.release(room);
        }
    }
}
