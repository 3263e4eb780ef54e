//! What is worked out of a connection only when an output wants it. Each aspect has rules of its own for what a segment means,
//! and none of them changes what the connection is; they are fed every segment of its flow, accepted or not.

use super::loss::{Loss, Paths};
use super::measure::Measure;
use super::reassembly::Streams;
use super::segment::Segment;
use crate::decode::Packet;
use crate::flow::capture_drops::CaptureDrops;
use crate::flow::deadlines::Deadlines;
use crate::flow::key::{End, FlowKey};
use crate::flow::record::{SideRecord, Vantage};
use crate::flow::room::Room;
use crate::flow::verdict::Verdict;
use crate::flow::wants::Wants;
use crate::model::Timestamp;

/// A segment as the aspects see it.
#[derive(Clone, Copy, Debug)]
pub(in crate::flow) struct Sighting<'a, 'f> {
    /// Its flow.
    pub(in crate::flow) key: &'a FlowKey,
    /// Who sent it.
    pub(in crate::flow) from: End,
    /// It is one that its receiver would take.
    pub(in crate::flow) accepted: bool,
    pub(in crate::flow) segment: &'a Segment<'f>,
    /// What is not in the segment: IP identification, flow label, ECN, checksum, lengths.
    pub(in crate::flow) packet: &'a Packet<'f>,
    pub(in crate::flow) source: u16,
    pub(in crate::flow) number: u64,
    pub(in crate::flow) ts: Timestamp,
    /// What the capture dropped so far.
    pub(in crate::flow) drops: &'a CaptureDrops,
}

/// The aspects that are wanted. What is large is behind a box of its own: a packet that is on its way to one of them waits for memory
/// once less, and what nobody wants takes none.
#[derive(Clone, Debug)]
pub(in crate::flow) struct Aspects {
    measure: Option<Box<Measure>>,
    loss: Option<Loss>,
    streams: Option<Box<Streams>>,
    /// When the tracker is to ask for settled verdicts, or [`Timestamp::MAX`].
    pub(in crate::flow) settles_at: Timestamp,
}

impl Aspects {
    /// `None` where none is wanted.
    pub(in crate::flow) fn wanted(wants: Wants) -> Option<Self> {
        (wants.measures || wants.verdicts || wants.streams).then(|| Self {
            measure: wants.measures.then(Box::default),
            loss: wants.verdicts.then(Loss::default),
            streams: wants.streams.then(Box::default),
            settles_at: Timestamp::MAX,
        })
    }

    /// The byte streams.
    pub(super) fn streams(&mut self) -> Option<&mut Streams> {
        self.streams.as_deref_mut()
    }

    /// Takes a segment. Lists that grow take from `room`; what flows between the same hosts know of their way is in `paths`.
    pub(in crate::flow) fn on_segment(&mut self, seen: &Sighting<'_, '_>, room: &mut Room, paths: &mut Paths) -> Option<Verdict> {
        if let Some(measure) = &mut self.measure {
            measure.on_segment(seen, room);
        }
        self.loss.as_mut().and_then(|loss| loss.on_segment(seen, room, paths))
    }

    /// Waits for the next verdict that is settled, as the flow of this slot.
    pub(in crate::flow) fn await_verdict(&mut self, slot: u32, settling: &mut Deadlines<()>) {
        let next = self.loss.as_ref().and_then(Loss::next_settled);
        settling.arm(slot, (), &mut self.settles_at, next.unwrap_or(Timestamp::MAX));
    }

    /// A verdict that nothing changes any more by `now`: source and number of its packet. To be asked until there is none.
    pub(in crate::flow) fn settle(&mut self, now: Timestamp) -> Option<(u16, u64, Verdict)> {
        self.loss.as_mut().and_then(|loss| loss.settle(now))
    }

    /// The connection is silent: what its lists no longer need is given back.
    pub(in crate::flow) fn rest(&mut self, now: Timestamp, room: &mut Room) {
        if let Some(measure) = &mut self.measure {
            measure.rest(room);
        }
        if let Some(loss) = &mut self.loss {
            loss.rest(now, room);
        }
        if let Some(streams) = &mut self.streams {
            streams.rest(room);
        }
    }

    /// Where it was captured.
    pub(in crate::flow) fn vantage(&self, originator: End) -> Option<Vantage> {
        self.loss.as_ref().and_then(|loss| loss.vantage(originator))
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
