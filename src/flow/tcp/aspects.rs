//! What is worked out of a connection only when an output wants it. Each aspect has rules of its own for what a segment means,
//! and none of them changes what the connection is; they are fed every segment of its flow, accepted or not.

use super::early;
use super::loss::{Loss, Passed, Paths};
use super::measure::Measure;
use super::reassembly::Streams;
use super::segment::Segment;
use super::tamper::Kept;
use crate::decode::Packet;
use crate::flow::capture_drops::CaptureDrops;
use crate::flow::deadlines::Deadlines;
use crate::flow::key::{End, FlowKey};
use crate::flow::prefetch::prefetch;
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
    work: Work,
    loss: Option<Loss>,
    apart: Option<Box<Apart>>,
    /// When the tracker is to ask for settled verdicts, or [`Timestamp::MAX`].
    pub(in crate::flow) settles_at: Timestamp,
}

/// What few connections have, or few outputs want.
#[derive(Clone, Debug, Default)]
struct Apart {
    streams: Option<Box<Streams>>,
    /// To tell whether somebody else is in the connection.
    kept: Option<Kept>,
}

/// How far it has come; `measures`: tcptrace's counters are wanted.
#[derive(Clone, Debug)]
enum Work {
    Nothing { measures: bool },
    First { first: Box<First>, measures: bool },
    Begun(Option<Box<Measure>>),
}

/// The first segment of a connection. Many have no other (scans, floods), and of one alone there is nothing to work out: so it is
/// kept as it is.
#[derive(Clone, Debug)]
struct First {
    from: End,
    accepted: bool,
    segment: Segment<'static>,
    passed: Passed,
}

impl First {
    fn measure(&self, measure: &mut Measure, room: &mut Room) {
        measure.on_segment(self.from, &self.segment, self.passed.ts, room);
    }
}

impl Aspects {
    /// `None` where none is wanted.
    pub(in crate::flow) fn wanted(wants: Wants) -> Option<Self> {
        (wants.measures || wants.verdicts || wants.streams || wants.cited).then(|| Self {
            work: Work::Nothing { measures: wants.measures },
            loss: wants.verdicts.then(Loss::default),
            apart: wants.streams.then(|| Box::new(Apart { streams: Some(Box::default()), kept: None })),
            settles_at: Timestamp::MAX,
        })
    }

    /// Asks for the memory that a segment of `from` is going to need.
    #[inline]
    pub(super) fn fetch(&self, from: End) {
        match &self.work {
            Work::Begun(Some(measure)) => prefetch(&**measure, usize::MAX),
            Work::First { first, .. } => prefetch(&**first, usize::MAX),
            Work::Begun(None) | Work::Nothing { .. } => {}
        }
        if let Some(loss) = &self.loss {
            loss.fetch(from);
        }
    }

    /// And that of the lists, where what [`Self::fetch`] asked for has come.
    #[inline]
    pub(super) fn fetch_lists(&self, from: End) {
        if let Some(loss) = &self.loss {
            loss.fetch_lists(from);
        }
    }

    fn measure_mut(&mut self) -> Option<&mut Measure> {
        if let Work::Begun(measure) = &mut self.work { measure.as_deref_mut() } else { None }
    }

    /// The byte streams.
    pub(super) fn streams(&mut self) -> Option<&mut Streams> {
        self.apart.as_mut()?.streams.as_deref_mut()
    }

    /// What is kept to tell whether somebody else is in the connection.
    pub(super) fn kept(&mut self) -> Option<&mut Kept> {
        self.apart.as_mut()?.kept.as_mut()
    }

    /// The same, made where there is none.
    pub(super) fn keep(&mut self) -> &mut Kept {
        self.apart.get_or_insert_default().kept.get_or_insert_default()
    }

    /// It is not needed any more.
    pub(super) fn forget(&mut self) {
        self.apart = self.apart.take().filter(|apart| apart.streams.is_some());
        if let Some(apart) = &mut self.apart {
            apart.kept = None;
        }
    }

    /// Takes a segment. Lists that grow take from `room`; what flows between the same hosts know of their way is in `paths`.
    #[inline]
    pub(in crate::flow) fn on_segment(&mut self, seen: &Sighting<'_, '_>, room: &mut Room, paths: &mut Paths) -> Option<Verdict> {
        if !matches!(self.work, Work::Begun(_)) && self.is_first(seen, room) {
            return None;
        }
        if let Some(measure) = self.measure_mut() {
            measure.on_segment(seen.from, seen.segment, seen.ts, room);
        }
        self.loss.as_mut().and_then(|loss| loss.on_segment(seen, room, paths))
    }

    /// Keeps the first segment. With the next one the work begins.
    #[inline(never)]
    fn is_first(&mut self, seen: &Sighting<'_, '_>, room: &mut Room) -> bool {
        let (first, measures) = match std::mem::replace(&mut self.work, Work::Begun(None)) {
            Work::Nothing { measures } => (None, measures),
            Work::First { first, measures } => (Some(first), measures),
            Work::Begun(measure) => {
                self.work = Work::Begun(measure);
                return false;
            }
        };
        if first.is_none()
            && early()
            && let Some(segment) = seen.segment.kept()
        {
            let first = First { from: seen.from, accepted: seen.accepted, segment, passed: Passed::read(seen) };
            self.work = Work::First { first: Box::new(first), measures };
            return true;
        }
        let mut measure = measures.then(Box::<Measure>::default);
        if let Some(first) = first {
            if let Some(measure) = &mut measure {
                first.measure(measure, room);
            }
            if let Some(loss) = self.loss.as_mut().filter(|_| first.accepted) {
                loss.begin(first.from, first.passed, &first.segment, room);
            }
        }
        self.work = Work::Begun(measure);
        false
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
        if let Some(measure) = self.measure_mut() {
            measure.rest(room);
        }
        if let Some(loss) = &mut self.loss {
            loss.rest(now, room);
        }
        if let Some(streams) = self.streams() {
            streams.rest(room);
        }
    }

    /// The longest segment of an end that was acknowledged, where that is known.
    pub(super) fn longest_acked(&self, end: End) -> Option<u32> {
        self.loss.as_ref().and_then(|loss| loss.longest_acked(end))
    }

    /// Where it was captured.
    pub(in crate::flow) fn vantage(&self, originator: End) -> Option<Vantage> {
        self.loss.as_ref().and_then(|loss| loss.vantage(originator))
    }

    /// Fills in what they know of one side.
    pub(in crate::flow) fn fill_side(&self, end: End, side: &mut SideRecord) {
        side.measured = match &self.work {
            Work::Begun(measure) => measure.as_ref().map(|measure| measure.record(end)),
            Work::Nothing { measures } => measures.then(|| Measure::default().record(end)),
            Work::First { first, measures } => measures.then(|| {
                let mut measure = Measure::default();
                // What one segment leaves needs no room.
                first.measure(&mut measure, &mut Room::new(0));
                measure.record(end)
            }),
        };
        side.loss = self.loss.as_ref().map(|loss| loss.record(end));
    }

    /// The connection is over: what its lists held is given back.
    pub(in crate::flow) fn release(&mut self, room: &mut Room) {
        if let Some(measure) = self.measure_mut() {
            measure.release(room);
        }
        if let Some(loss) = &mut self.loss {
            loss.release(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_segment_takes_little() {
        assert!(size_of::<Work>() <= 16 && size_of::<First>() <= 144, "{} and {}", size_of::<Work>(), size_of::<First>());
    }
}
