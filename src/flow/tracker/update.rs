//! What a packet changes in its flow.

use super::Tracker;
use super::naming::Naming;
use super::packet::{Seen, ttl};
use crate::decode::TcpFlags;
use crate::flow::app::{Around, MOST, Moment, NameOf, Reads, TRIES, Talk, fits_nothing};
use crate::flow::datagram::Datagram;
use crate::flow::event::{FlowEvent, FlowSink, stream_teller};
use crate::flow::flow::{Body, Flow};
use crate::flow::names::Learnt;
use crate::flow::note::{Change, FlowId, Note};
use crate::flow::orientation::{self, Guess};
use crate::flow::profile::Rules;
use crate::flow::record::{DirectionReason, State};
use crate::flow::tcp::{Segment, Step};
use crate::flow::timeout::Class;
use crate::flow::verdict::Verdict;
use std::net::IpAddr;

/// Datagrams of a side, of which a request or a reply shows who opened the conversation. Later ones may be anything.
const EARLY: u64 = 8;

impl Tracker {
    /// Counts the packet and lets its protocol look at it.
    pub(super) fn update(&mut self, slot: u32, seen: &Seen<'_, '_>, sink: &mut impl FlowSink) -> Note {
        let flow = self.table.get_mut(slot);
        flow.seen(seen.place());
        let (meta, packet) = (seen.meta, seen.packet);
        let ip_bytes = meta.pieces.as_ref().map_or(u64::from(packet.ip_len), |pieces| pieces.ip_bytes);
        let side = flow.side_mut(seen.sender);
        let first_of_side = side.packets == 0;
        side.count(meta.frames, meta.wire_bytes, ip_bytes, packet.payload_len, ttl(packet));
        if self.citations.is_some() && (packet.payload_len > 0 || seen.segment.as_ref().is_some_and(Segment::begins_or_ends)) {
            let since = meta.ts - flow.start;
            flow.side_mut(seen.sender).says(since);
        }
        let (step, verdict, class) = match (&flow.body, &seen.segment) {
            (Body::Tcp(_), Some(segment)) => self.on_segment(slot, segment, seen, sink),
            (Body::Datagram(_), _) => self.on_datagram(slot, first_of_side, seen, sink),
            _ => (Step::default(), None, Class::Other),
        };
        self.on_zeek(slot, seen);
        let flow = self.table.get(slot);
        let note = Note {
            flow: Some(flow.id()),
            direction: Some(flow.direction(seen.sender)),
            change: step.change,
            relative_seq: step.relative_seq,
            relative_ack: step.relative_ack,
            window_scale: step.window_scale,
            verdict,
            ends: step.ends,
            wireshark: None,
        };
        self.table.touch(slot, class, seen.now);
        if let Some(ranks) = &mut self.ranks {
            ranks.seen(slot);
        }
        note
    }

    /// The connection itself first; then what is worked out of it only when it is wanted.
    fn on_segment(
        &mut self,
        slot: u32,
        segment: &Segment<'_>,
        seen: &Seen<'_, '_>,
        sink: &mut impl FlowSink,
    ) -> (Step, Option<Verdict>, Class) {
        let flow = self.table.get_mut(slot);
        let Body::Tcp(connection) = &mut flow.body else { return (Step::default(), None, Class::Other) };
        // A wrong checksum is like a header that makes no sense: no host takes the segment.
        let damaged;
        let segment = if seen.sound {
            segment
        } else {
            damaged = Segment { sound: false, ..*segment };
            &damaged
        };
        let mut step = connection.on_segment(seen.sender, segment, seen.meta.number, seen.meta.ts);
        if step.accepted
            && self.config.profile.direction == Rules::Ours
            && let Some(guess) = stronger_guess(flow.reason, seen)
        {
            (flow.originator, flow.reason) = guess;
        }
        let change = connection.change(flow.originator);
        step.change = step.change.or(change);
        let mut verdict = None;
        if let Some(aspects) = &mut connection.aspects {
            let sighting = seen.sighting(&flow.key, segment, step.accepted, &self.drops);
            verdict = aspects.on_segment(&sighting, &mut self.room, &mut self.paths);
            if verdict.is_some_and(|verdict| !verdict.settled) {
                aspects.await_verdict(slot, &mut self.settling);
            }
            let id = FlowId { kind: flow.kind, number: flow.number };
            if self.config.wants.cited {
                connection.watch(&sighting, &mut self.watching);
            }
            let mut tell = stream_teller(id, flow.originator, flow.key, sink);
            connection.reassemble(&sighting, &self.config.streams, &mut self.room, &mut tell);
        }
        let class = connection.class();
        if flow.reads != Reads::No && (segment.len > 0 || segment.has(TcpFlags::FIN)) {
            self.read_segment(slot, segment, step.accepted, seen, sink);
        }
        (step, verdict, class)
    }

    /// What the application says in a segment.
    #[inline(never)]
    fn read_segment(&mut self, slot: u32, segment: &Segment<'_>, accepted: bool, seen: &Seen<'_, '_>, sink: &mut impl FlowSink) {
        let Flow { body: Body::Tcp(connection), key, app, reads, originator, low, high, .. } = self.table.get_mut(slot) else {
            return;
        };
        if *reads != Reads::Yes {
            if segment.len == 0 || !accepted {
                return;
            }
            // Most connections that say nothing known need no memory for that.
            let says = seen.packet.payload();
            let unknown = connection.begins_with(seen.sender, segment) && fits_nothing(says) && !says.is_empty();
            match *reads {
                Reads::Soon if unknown => *reads = Reads::Beside(seen.sender),
                Reads::Beside(side) if side == seen.sender && low.payload_bytes.max(high.payload_bytes) < MOST as u64 => {}
                Reads::Beside(side) if side == seen.sender || unknown => *reads = Reads::No,
                Reads::Beside(side) => *app = Some(Box::new(Talk::beside(side))),
                _ => *app = Some(Box::new(Talk::of_connection())),
            }
            if app.is_none() {
                return;
            }
            *reads = Reads::Yes;
        }
        let Some(talk) = app else { return };
        let sighting = seen.sighting(key, segment, accepted, &self.drops);
        let mut learn = teller_of_names(&mut self.names, seen, key.endpoint(seen.sender.other()).ip, sink);
        let mut around = Around { originator: *originator, now: moment(seen), room: &mut self.room, learn: &mut learn };
        talk.on_segment(connection, &sighting, &mut around);
        if talk.is_over() {
            *reads = Reads::No;
            if talk.record().is_none() {
                *app = None;
            }
        }
    }

    /// What the application says in a datagram.
    #[inline(never)]
    fn read_datagram(&mut self, slot: u32, seen: &Seen<'_, '_>, sink: &mut impl FlowSink) {
        let flow = self.table.get_mut(slot);
        let tried = flow.low.packets + flow.high.packets;
        let Flow { key, app, reads, originator, .. } = flow;
        let Some(ports) = seen.packet.ports() else { return };
        let talk = app.get_or_insert_default();
        let mut learn = teller_of_names(&mut self.names, seen, key.endpoint(seen.sender.other()).ip, sink);
        let mut around = Around { originator: *originator, now: moment(seen), room: &mut self.room, learn: &mut learn };
        talk.on_datagram(seen.sender, seen.packet.payload(), ports, &mut around);
        if talk.record().is_none() {
            *app = None;
            *reads = if tried >= TRIES { Reads::No } else { Reads::Soon };
        } else if talk.is_over() {
            *reads = Reads::No;
        }
    }

    fn on_datagram(
        &mut self,
        slot: u32,
        first_of_side: bool,
        seen: &Seen<'_, '_>,
        sink: &mut impl FlowSink,
    ) -> (Step, Option<Verdict>, Class) {
        let flow = self.table.get_mut(slot);
        if flow.side(seen.sender).packets <= EARLY
            && self.config.profile.direction == Rules::Ours
            && let Some(guess) = stronger_guess(flow.reason, seen)
        {
            (flow.originator, flow.reason) = guess;
        }
        if let Body::Datagram(datagram) = &mut flow.body {
            datagram.on_packet(seen.sender, first_of_side, seen.meta.ts);
        }
        if flow.reads != Reads::No && seen.sound && seen.packet.payload_len > 0 {
            self.read_datagram(slot, seen, sink);
        }
        let flow = self.table.get_mut(slot);
        let answers = first_of_side && flow.side(seen.sender.other()).packets > 0;
        let change = answers.then_some(Change::State(State::Answered));
        (Step { change, ..Step::default() }, None, Datagram::class(flow))
    }

    /// The packet as Zeek sees it, where that is wanted.
    fn on_zeek(&mut self, slot: u32, seen: &Seen<'_, '_>) {
        let Some(sight) = &seen.sight else { return };
        let flow = self.table.get_mut(slot);
        let Some(conn) = &mut flow.zeek else { return };
        if self.config.profile.direction == Rules::Ours && conn.originator() != flow.originator {
            conn.turn(&mut self.room);
        }
        conn.within(seen.wrapping, &mut self.room);
        conn.on_packet(seen.sender, sight, &flow.key, &mut self.room);
        flow.originator = conn.originator();
        if let Some(timers) = conn.changed_timers() {
            self.timers.arm_all(slot, timers);
        }
    }

    /// Tells the outcome of a handshake as soon as it is known.
    pub(super) fn tell_outcome(&mut self, slot: u32, sink: &mut impl FlowSink) {
        if !self.config.handshake_events {
            return;
        }
        let flow = self.table.get_mut(slot);
        if let Body::Tcp(connection) = &mut flow.body
            && connection.outcome_to_tell(false)
        {
            let mut record = self.spare_record();
            self.fill_record(&mut record, slot, None);
            sink.on_flow_event(FlowEvent::Handshake(&record));
            self.spare_record = Some(record);
        }
    }
}

const fn moment(seen: &Seen<'_, '_>) -> Moment {
    Moment { number: seen.meta.number, ts: seen.meta.ts }
}

/// Takes names out of a packet to `client`: for the flows of this tracker, or to be told.
fn teller_of_names<'a>(
    names: &'a mut Naming,
    seen: &Seen<'_, '_>,
    client: IpAddr,
    sink: &'a mut impl FlowSink,
) -> impl FnMut(NameOf<'_>) + 'a {
    let (packet, ts) = ((seen.meta.source, seen.meta.number), seen.meta.ts);
    move |of: NameOf<'_>| {
        let learnt = Learnt { name: of.name, address: of.address, client, packet, ts };
        names.learn(&learnt, sink);
    }
}

/// Better evidence of who opened the flow than there was so far.
#[inline]
fn stronger_guess(so_far: DirectionReason, seen: &Seen<'_, '_>) -> Option<Guess> {
    if !orientation::may_turn(so_far) {
        return None;
    }
    orientation::stronger(so_far, &seen.ends, seen.sender, seen.segment.as_ref(), seen.packet.payload())
}
