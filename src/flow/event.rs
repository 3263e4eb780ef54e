//! What the tracker tells beside its notes. The tracker owns the trait; whoever drives it implements it.

use super::key::{End, FlowKey};
use super::names::Learnt;
use super::neighbours::Neighbour;
use super::note::{Direction, FlowId};
use super::record::FlowRecord;
use super::stream::{StreamEvent, StreamPart};
use super::verdict::Verdict;

/// Something about a whole flow.
#[derive(Clone, Copy, Debug)]
pub enum FlowEvent<'a> {
    /// The outcome of a TCP set-up is known: `record.handshake` has it. Told again if it changes (an unreachable host that
    /// answers the next SYN after all); at the latest just before [`FlowEvent::Ended`]. Not told of connections that began
    /// before the capture.
    Handshake(&'a FlowRecord),
    /// The flow ended, for the reason in `record.end_reason`. Told once of every flow.
    Ended(&'a FlowRecord),
    /// The verdict on a packet that was told before with `settled: false`: nothing changes it any more. Told before the
    /// flow's [`FlowEvent::Ended`].
    Settled(Settled),
    /// Bytes of a TCP connection in order, or what is missing of them. Told where [`super::Wants::streams`] asks for it, while
    /// the packet is looked at that makes it known; at the latest before the flow's [`FlowEvent::Ended`].
    Stream(&'a StreamEvent<'a>),
    /// A host has a name. Told by a tracker that follows [part](super::Tracker::part) of a saved capture: whoever puts in order what
    /// all of them tell gives flows their names.
    Learnt(&'a Learnt<'a>),
    /// A host says something of addresses on its network. Told where [`super::Wants::neighbours`] asks for it.
    Neighbour(&'a Neighbour),
}

/// The last word on a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Source of the packet.
    pub source: u16,
    /// Its number there.
    pub number: u64,
    /// Its flow.
    pub flow: FlowId,
    /// The verdict.
    pub verdict: Verdict,
}

/// Takes flow events. Implemented for closures.
pub trait FlowSink {
    /// Takes an event.
    fn on_flow_event(&mut self, event: FlowEvent<'_>);

    /// The flow whose [`FlowEvent::Ended`] comes next was silent for too long. `rank`: those that are found to be so at one moment
    /// end in the order of it, whichever of several trackers has them.
    fn on_silent(&mut self, _rank: Rank) {}
}

/// Where a silent flow stands among others: its class of silence, then the packet it was seen with last, by
/// [`Tracker::number_packet`](super::Tracker::number_packet).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(pub(super) u8, pub(super) u64);

impl<F: FnMut(FlowEvent<'_>)> FlowSink for F {
    fn on_flow_event(&mut self, event: FlowEvent<'_>) {
        self(event);
    }
}

/// Tells the streams of a flow to the sink.
pub(super) fn stream_teller(
    flow: FlowId,
    originator: End,
    key: FlowKey,
    sink: &mut impl FlowSink,
) -> impl FnMut(End, bool, StreamPart<'_>) {
    move |end, midway, part| {
        let direction = if end == originator { Direction::Originator } else { Direction::Responder };
        let event = StreamEvent { flow, direction, sender: key.endpoint(end), midway, part };
        sink.on_flow_event(FlowEvent::Stream(&event));
    }
}
