//! How a flow ends, and what gives way where there is no room.

use super::Tracker;
use super::time::tell_settled;
use crate::flow::event::{FlowEvent, FlowSink, stream_teller};
use crate::flow::flow::Body;
use crate::flow::index::NIL;
use crate::flow::record::EndReason;
use crate::heap;
use crate::model::{Span, Timestamp};

/// How many flows are asked for room at a time, and after how much silence.
const TIDIED: usize = 16;
const SILENT: Span = Span::from_secs(1);

/// The flows that are left when a run is over, each still to be ended: [`Tracker::ending`].
#[derive(Debug)]
pub struct Ending {
    /// Slots, the one to end next last.
    slots: Vec<u32>,
}

impl Tracker {
    /// The run is over: what is left to be ended, in order of first packet. Nothing else is asked of the tracker from here on.
    #[must_use]
    pub fn ending(&self) -> Ending {
        let mut slots = self.table.in_order();
        slots.reverse();
        Ending { slots }
    }

    /// When the flow began that is ended next, and the source and number of its first packet: by this the flows of several
    /// trackers are ended in one order. `None`: all have ended.
    #[must_use]
    pub fn next_to_end(&self, ending: &Ending) -> Option<(Timestamp, u16, u64)> {
        ending.slots.last().map(|&slot| {
            let flow = self.table.get(slot);
            (flow.start, flow.first_source, flow.first_number)
        })
    }

    /// Ends one flow because the capture has ended. `false`: none was left.
    pub fn end_next(&mut self, ending: &mut Ending, sink: &mut impl FlowSink) -> bool {
        let Some(slot) = ending.slots.pop() else { return false };
        // Nothing gives way any more: those that are left are in `ending`.
        self.account(sink, |tracker, sink| tracker.end_flow(slot, EndReason::EndOfCapture, sink));
        true
    }

    pub(super) fn end_flow(&mut self, slot: u32, reason: EndReason, sink: &mut impl FlowSink) {
        let flow = self.table.get_mut(slot);
        tell_settled(flow, Timestamp::MAX, self.citations.as_deref_mut(), sink);
        let tell = match &mut flow.body {
            Body::Tcp(connection) => connection.outcome_to_tell(true),
            Body::Datagram(_) | Body::Free => false,
        };
        let mut record = self.spare_record();
        self.fill_record(&mut record, slot, Some(reason));
        let flow = self.table.get_mut(slot);
        let id = flow.id();
        // The tracker's is given back; the record's is no flow's memory, as all of the record.
        let mut cited = self.citations.as_mut().and_then(|citations| citations.take(id));
        if let Some(cited) = &mut cited {
            cited.finish(|responder| flow.acknowledged(responder));
        }
        record.cited = heap::left_out(|| cited.clone().map(Box::new));
        drop(cited);
        if let Body::Tcp(connection) = &mut flow.body {
            if self.config.wants.cited {
                heap::left_out(|| {
                    let (tampered, whole) = connection.tampered(flow.originator);
                    if tampered.is_some() || !whole {
                        let cited = record.cited.get_or_insert_default();
                        (cited.tampered, cited.unwatched) = (tampered.map(Box::new), !whole);
                    }
                });
                connection.stop_watching(&mut self.watching);
            }
            let mut tell = stream_teller(id, flow.originator, flow.key, sink);
            connection.finish_streams(&self.config.streams, &mut self.room, &mut tell);
            if let Some(aspects) = &mut connection.aspects {
                self.settling.arm(slot, (), &mut aspects.settles_at, Timestamp::MAX);
                aspects.release(&mut self.room);
            }
        }
        if let Some(talk) = &mut flow.app {
            talk.release(&mut self.room);
        }
        if let Some(conn) = &mut flow.zeek {
            conn.release(&mut self.room);
            if let Some(timers) = conn.timers() {
                self.timers.disarm_all(slot, timers);
            }
        }
        self.table.release(slot);
        if let Some(common) = &self.common {
            common.end();
        }
        if tell && self.config.handshake_events {
            sink.on_flow_event(FlowEvent::Handshake(&record));
        }
        sink.on_flow_event(FlowEvent::Ended(&record));
        self.spare_record = Some(record);
    }

    pub(super) fn make_room(&mut self, sink: &mut impl FlowSink) {
        self.evict(self.table.victim(NIL), sink);
    }

    pub(super) fn evict(&mut self, slot: Option<u32>, sink: &mut impl FlowSink) {
        if let Some(slot) = slot {
            let over = self.table.get(slot).class.is_over();
            *(if over { &mut self.stats.closed_early } else { &mut self.stats.evicted }) += 1;
            self.end_flow(slot, EndReason::Evicted, sink);
        }
    }

    /// A flow's lists found no room.
    #[cold]
    pub(super) fn went_without(&mut self, slot: u32) {
        let before = std::mem::replace(&mut self.table.get_mut(slot).went_without, true);
        self.stats.without_room += u64::from(!before);
    }

    /// Lists found no room: some flows that have been silent give back what they no longer need.
    pub(super) fn make_lists_shorter(&mut self) {
        let now = self.clock.now();
        for flow in self.table.some_from(self.tidied, TIDIED) {
            let silent = now - flow.touched > SILENT;
            if silent && let Some(aspects) = flow.body.aspects() {
                aspects.rest(now, &mut self.room);
            }
        }
        self.tidied = if self.tidied as usize + TIDIED < self.table.slots() { self.tidied + TIDIED as u32 } else { 0 };
    }
}
