//! From packets to flows, one packet at a time. This file decides nothing: it asks the files beside it in order.

use super::checksums::{ChecksumStats, Judge};
use super::datagram::Datagram;
use super::deadlines::Deadlines;
use super::event::{FlowEvent, FlowSink, Settled, stream_teller};
use super::flow::{Body, Flow, IcmpMark, Place, kind_of};
use super::icmp;
use super::key::{End, Ends, FlowKey, KeyMaker, outer_addresses};
use super::note::{Change, FlowId, FlowKind, Note};
use super::orientation;
use super::profile::{Profile, Rules, ZeekTimers};
use super::record::{Birth, DirectionReason, EndReason, FlowRecord, State, TunnelRecord, Wrapping};
use super::room::Room;
use super::settling::Settling;
use super::stream::StreamLimits;
use super::table::{self, Table};
use super::tcp::{Paths, Segment, Sighting, Step};
use super::timeout::Class;
use super::wants::{Checksums, Wants};
use super::zeek::{self, Admission, Beginning, Conn, FirstFlags, Sight};
use crate::decode::{Network, Packet, TcpFlags, Transport, TunnelKind};
use crate::model::clock::LEAPS;
use crate::model::{Clock, Span, Timestamp};

/// Datagrams of a side, of which a request or a reply shows who opened the conversation. Later ones may be anything.
const EARLY: u64 = 8;

/// How many flows are asked for room at a time, and after how much silence.
const TIDIED: usize = 16;
const SILENT: Span = Span::from_secs(1);

/// How to track.
#[derive(Clone, Copy, Debug)]
pub struct TrackerConfig {
    /// By which rules.
    pub profile: Profile,
    /// Most flows at one time. When a new one finds no room, an old one's record is made early ([`EndReason::Evicted`]):
    /// attempts without an answer first, then datagrams, then the connection that has been silent longest.
    pub max_flows: usize,
    /// Tell [`FlowEvent::Handshake`]. Costs a record per connection.
    pub handshake_events: bool,
    /// What to work out beside the conversations themselves.
    pub wants: Wants,
    /// What becomes of packets with wrong checksums.
    pub checksums: Checksums,
    /// Most memory for the lists of all flows together (holes, segments remembered, data that waits), bytes. What finds no
    /// room is forgotten.
    pub list_bytes: usize,
    /// How much of that the streams of one flow may take.
    pub streams: StreamLimits,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            profile: Profile::OURS,
            max_flows: 1_000_000,
            handshake_events: true,
            wants: Wants::default(),
            checksums: Checksums::Auto,
            list_bytes: 256 << 20,
            streams: StreamLimits::default(),
        }
    }
}

/// What the capture knows of a packet. For a datagram joined from fragments: of the last piece, and of all of them together.
#[derive(Clone, Copy, Debug)]
pub struct PacketMeta {
    /// Which source of the run.
    pub source: u16,
    /// Number in that source, from 1.
    pub number: u64,
    /// Capture time.
    pub ts: Timestamp,
    /// Bytes of all its frames on the wire.
    pub wire_bytes: u64,
    /// Number of frames, 1 but for joined datagrams.
    pub frames: u32,
    /// Of a datagram joined from fragments: what its pieces were.
    pub pieces: Option<Pieces>,
}

/// The fragments of a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Pieces {
    /// Source and number of the one that came first.
    pub first: (u16, u64),
    /// When that was.
    pub start: Timestamp,
    /// Sum of their IP lengths, headers included, bytes.
    pub ip_bytes: u64,
}

/// Totals of a tracker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackerStats {
    /// Flows in the table now.
    pub active: u64,
    /// Flows ever begun, by letter: TCP, UDP, ICMP, SCTP, other.
    pub tcp: u64,
    /// UDP.
    pub udp: u64,
    /// ICMP and `ICMPv6`.
    pub icmp: u64,
    /// SCTP.
    pub sctp: u64,
    /// Other IP protocols.
    pub other: u64,
    /// Flows that were not over when they had to make room.
    pub evicted: u64,
}

impl TrackerStats {
    /// Flows ever begun.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.tcp + self.udp + self.icmp + self.sctp + self.other
    }

    fn count(&mut self, kind: FlowKind) -> u64 {
        let counter = match kind {
            FlowKind::Tcp => &mut self.tcp,
            FlowKind::Udp => &mut self.udp,
            FlowKind::Icmp => &mut self.icmp,
            FlowKind::Sctp => &mut self.sctp,
            FlowKind::Other => &mut self.other,
        };
        *counter += 1;
        *counter
    }
}

/// Follows conversations. Packets go in, [`Note`]s come out at once and [`FlowEvent`]s when there is something to tell.
#[derive(Debug)]
pub struct Tracker {
    config: TrackerConfig,
    keys: KeyMaker,
    clock: Clock,
    table: Table,
    stats: TrackerStats,
    room: Room,
    /// Checksums are looked at.
    judges: bool,
    judge: Judge,
    deadlines: Deadlines,
    /// Flows around the packet at hand.
    parents: Vec<Birth>,
    paths: Paths,
    settling: Settling,
    /// Where the next flows are asked for room that they no longer need.
    tidied: u32,
    /// Flows of the last packets that were far ahead of the others, while those are not believed.
    ahead: [Option<u32>; LEAPS as usize - 1],
}

/// A packet as the steps below hand it on.
struct Seen<'p, 'f> {
    meta: &'p PacketMeta,
    packet: &'p Packet<'f>,
    ends: Ends,
    sender: End,
    segment: Option<Segment<'f>>,
    now: Timestamp,
    /// Its checksum is taken for right.
    sound: bool,
    /// As Zeek sees it, where that is wanted.
    sight: Option<Sight>,
    /// What is nearest around it, where that is wanted.
    wrapping: Option<Wrapping>,
}

impl<'f> Seen<'_, 'f> {
    const fn sighting<'a>(&'a self, key: &'a FlowKey, segment: &'a Segment<'f>, accepted: bool) -> Sighting<'a, 'f> {
        let Place { source, number, ts } = self.place();
        Sighting { key, from: self.sender, accepted, segment, packet: self.packet, source, number, ts }
    }

    /// Flags of a TCP packet, for who is turned round at first.
    fn flags(&self) -> Option<FirstFlags> {
        let segment = self.segment.as_ref()?;
        let (syn, ack) = (segment.has(TcpFlags::SYN), segment.has(TcpFlags::ACK));
        Some(FirstFlags { pure_syn: syn && !ack, syn_ack: syn && ack })
    }

    const fn place(&self) -> Place {
        Place { source: self.meta.source, number: self.meta.number, ts: self.meta.ts }
    }
}

impl Tracker {
    /// An empty tracker.
    #[must_use]
    pub fn new(config: TrackerConfig) -> Self {
        let wants = Wants { zeek: config.wants.zeek || config.profile.rows == Rules::Zeek, ..config.wants };
        let config = TrackerConfig { max_flows: config.max_flows.clamp(1, table::MOST), wants, ..config };
        Self {
            config,
            keys: KeyMaker::default(),
            clock: if config.profile.believes_leaps { Clock::plain() } else { Clock::default() },
            table: Table::new(config.profile.timeouts),
            stats: TrackerStats::default(),
            room: Room::new(config.list_bytes),
            judges: match config.checksums {
                Checksums::Ignore => false,
                Checksums::Auto => wants.zeek || wants.streams,
                Checksums::Verify => true,
            },
            judge: Judge::new(config.checksums),
            deadlines: Deadlines::default(),
            parents: Vec::new(),
            paths: Paths::default(),
            settling: Settling::default(),
            tidied: 0,
            ahead: [None; LEAPS as usize - 1],
        }
    }

    /// Time goes on without packets (a live capture's clock): flows that have been silent for too long end.
    pub fn on_time(&mut self, ts: Timestamp, sink: &mut impl FlowSink) {
        let now = self.clock.trust(ts);
        self.expire(now, sink);
    }

    /// A packet that is not given to the tracker (a piece of an unfinished datagram) was there: its time counts like that of
    /// [`Tracker::on_packet`]. One that is more than an hour ahead of all others is believed when more follow.
    pub fn on_packet_time(&mut self, ts: Timestamp, sink: &mut impl FlowSink) {
        let before = self.clock.now();
        let now = self.clock.advance(ts);
        if self.clock.leap(ts).is_none() {
            let ahead = std::mem::take(&mut self.ahead);
            if now - before > Span::ZERO {
                // The packets that were first to come after the leap were of now, as it turns out.
                for slot in ahead.into_iter().flatten() {
                    self.table.touch_again(slot, now);
                }
            }
        }
        self.expire(now, sink);
    }

    fn expire(&mut self, now: Timestamp, sink: &mut impl FlowSink) {
        while let Some((slot, number)) = self.settling.due(now) {
            let flow = self.table.get_mut(slot);
            if flow.number == number {
                tell_settled(flow, now, sink);
                if let Some(at) = flow.body.aspects().and_then(|aspects| aspects.next_settled()) {
                    self.settling.wait(slot, number, at);
                }
            }
        }
        if let Some(timers) = self.config.profile.timers {
            return self.run_timers(timers, now, sink);
        }
        while let Some(slot) = self.table.expired(now) {
            self.end_flow(slot, EndReason::Timeout, sink);
        }
    }

    /// Zeek's timers that have come: so many before one packet, the others before the next.
    fn run_timers(&mut self, timers: &ZeekTimers, now: Timestamp, sink: &mut impl FlowSink) {
        let now = zeek::micros(now);
        for _ in 0..timers.most_per_packet {
            let Some((slot, timer)) = self.deadlines.due(now) else { return };
            let Some(conn) = &mut self.table.get_mut(slot).zeek else { continue };
            conn.timers.armed[timer as usize] = Timestamp::MAX;
            if conn.on_timer(timer, now) {
                self.end_flow(slot, EndReason::Timeout, sink);
            } else {
                self.deadlines.arm(slot, &mut conn.timers);
            }
        }
    }

    /// Does the frame pass where the profile looks at IP headers? To be asked of each, before its fragments are joined; ours
    /// takes all.
    pub fn admit(&mut self, source: u16, wire_len: u32, packet: &Packet<'_>) -> Admission {
        if self.config.profile.rows == Rules::Ours {
            return Admission::Taken;
        }
        if !zeek::admission::fits(packet, wire_len.into()) || (self.judges && !self.judge.network(source, packet)) {
            return Admission::Refused;
        }
        match (zeek::admission::is_cut_fragment(packet), packet.fragment.offset) {
            (false, _) => Admission::Taken,
            (true, 0) => Admission::Alone,
            (true, _) => Admission::Refused,
        }
    }

    /// Have the datagrams around a tunnelled packet rows of their own? Then they are to be given to [`Self::on_outer`] first.
    #[must_use]
    pub const fn follows_outer_flows(&self) -> bool {
        self.config.profile.outer_flows
    }

    /// Takes a datagram around the packet that [`Self::on_packet`] will be given next; outermost first. `false`: what is inside
    /// is not to be looked at.
    pub fn on_outer(&mut self, meta: &PacketMeta, packet: &Packet<'_>, sink: &mut impl FlowSink) -> bool {
        self.on_packet_time(meta.ts, sink);
        if packet.tunnel.depth == 0 {
            self.parents.clear();
        }
        let parents = std::mem::take(&mut self.parents);
        let (slot, sound) = self.take(meta, packet, &parents, sink).map_or((None, true), |(slot, _, sound)| (Some(slot), sound));
        self.parents = parents;
        if let Some(slot) = slot {
            self.parents.push(self.table.get(slot).birth());
        }
        sound && zeek::admission::opens(packet)
    }

    /// Takes a packet.
    pub fn on_packet(&mut self, meta: &PacketMeta, packet: &Packet<'_>, sink: &mut impl FlowSink) -> Note {
        self.on_packet_time(meta.ts, sink);
        if self.config.profile.joins_icmp_errors
            && matches!(packet.transport, Transport::Icmp | Transport::Icmpv6)
            && let Some(note) = self.on_icmp_error(meta, packet)
        {
            return note;
        }
        let mut parents = std::mem::take(&mut self.parents);
        let taken = self.take(meta, packet, &parents, sink);
        parents.clear();
        self.parents = parents;
        taken.map_or_else(Note::default, |(_, note, _)| note)
    }

    /// Finds or makes the flow of a packet and hands the packet to it. Gives its slot, and whether its checksum is taken for
    /// right; nothing where the packet has no place in a conversation.
    fn take(
        &mut self,
        meta: &PacketMeta,
        packet: &Packet<'_>,
        parents: &[Birth],
        sink: &mut impl FlowSink,
    ) -> Option<(u32, Note, bool)> {
        let (ends, other) = match self.config.profile.rows {
            Rules::Ours => (Ends::of(packet)?, false),
            Rules::Zeek => zeek::admission::ends(packet)?,
        };
        let segment = if packet.transport == Transport::Tcp && !other { Some(Segment::of(packet)?) } else { None };
        let (key, sender) = self.key(&ends, packet);
        if self.config.profile.rows == Rules::Ours
            && segment.as_ref().is_some_and(|segment| !segment.sound)
            && self.table.find(self.keys.hash(&key), &key).is_none()
        {
            return None; // A header that makes no sense begins no conversation.
        }
        let sound = !self.judges || self.judge.transport(meta.source, packet);
        let wants = self.config.wants.zeek;
        let sight = wants.then(|| Sight::of(packet, segment.as_ref(), meta.ts, sound, other));
        let wrapping = if wants { wrapping(packet, parents) } else { None };
        let seen = Seen { meta, packet, ends, sender, segment, now: self.clock.now(), sound, sight, wrapping };
        let slot = self.slot_for(key, &seen, sink);
        let note = self.update(slot, &seen, sink);
        if self.clock.leap(meta.ts).is_some()
            && let Some(free) = self.ahead.iter_mut().find(|ahead| ahead.is_none())
        {
            *free = Some(slot);
        }
        if self.room.was_short() {
            self.make_lists_shorter();
        }
        self.tell_outcome(slot, sink);
        Some((slot, note, sound))
    }

    /// The run is over: every flow left ends.
    pub fn finish(&mut self, sink: &mut impl FlowSink) {
        for slot in self.table.in_order() {
            self.end_flow(slot, EndReason::EndOfCapture, sink);
        }
    }

    /// Totals so far.
    #[must_use]
    pub fn stats(&self) -> TrackerStats {
        TrackerStats { active: self.table.len() as u64, ..self.stats }
    }

    /// What was found of checksums so far.
    #[must_use]
    pub const fn checksums(&self) -> ChecksumStats {
        self.judge.stats()
    }

    /// Hands out a record of every flow under way, in order of first packet (live views). Their `end_reason` is `None`.
    pub fn for_each_active(&self, mut each: impl FnMut(FlowRecord)) {
        for slot in self.table.in_order() {
            each(self.table.get(slot).record(None));
        }
    }

    fn key(&self, ends: &Ends, packet: &Packet<'_>) -> (FlowKey, End) {
        let vlan = if self.config.profile.vlan_in_key { packet.vlan } else { [0; 2] };
        let tunnel =
            if self.config.profile.tunnel_in_key { self.keys.tunnel(packet, self.config.profile.vlan_in_key) } else { 0 };
        ends.key(vlan, tunnel)
    }

    /// The slot of the flow that a packet belongs to: one under way, or a new one.
    fn slot_for(&mut self, key: FlowKey, seen: &Seen<'_, '_>, sink: &mut impl FlowSink) -> u32 {
        let hash = self.keys.hash(&key);
        let mut previous = None;
        if let Some(slot) = self.table.find(hash, &key) {
            let flow = self.table.get_mut(slot);
            // A packet far ahead does not move time yet, but its own datagrams' silence is over either way.
            let leapt = self.clock.leap(seen.meta.ts).is_some_and(|ts| {
                matches!(flow.body, Body::Datagram(_)) && ts - flow.touched >= self.config.profile.timeouts.of(flow.class)
            });
            if !leapt && !begins_another(flow, seen, &self.config.profile) {
                return slot;
            }
            previous = flow.zeek.as_deref().map(|conn| conn.reuse(seen.meta.ts));
            self.end_flow(slot, if leapt { EndReason::Timeout } else { EndReason::Reused }, sink);
        } else if self.table.len() >= self.config.max_flows {
            self.make_room(sink);
        }
        let kind = kind_of(seen.ends.protocol);
        let profile = &self.config.profile;
        let guess = match (profile.direction, &seen.sight) {
            (Rules::Zeek, Some(sight)) if zeek::turn_at_first(profile, &seen.ends, sight, seen.flags()) => {
                (seen.sender.other(), DirectionReason::Service)
            }
            (Rules::Zeek, _) => (seen.sender, DirectionReason::First),
            (Rules::Ours, _) => {
                let segment = seen.segment.as_ref().filter(|_| seen.sound);
                orientation::first(profile, &seen.ends, seen.sender, segment, seen.packet.payload())
            }
        };
        let mut flow = Flow::new(key, hash, kind, self.stats.count(kind), seen.place(), guess, self.config.wants);
        if let Some(pieces) = seen.meta.pieces.as_ref().filter(|_| profile.begins_with_first_fragment) {
            (flow.first_source, flow.first_number) = pieces.first;
            flow.start = pieces.start;
        }
        flow.tunnel = tunnel_record(seen.packet);
        if let Some(sight) = &seen.sight {
            let turns = profile.direction == Rules::Zeek;
            let beginning = Beginning { sender: seen.sender, originator: flow.originator, turns };
            let times = profile.timers.unwrap_or(&ZeekTimers::DEFAULT);
            let mut conn = Box::new(Conn::new(sight, &flow.key, beginning, times, &mut self.room));
            if let Some(previous) = previous {
                conn.follow(previous);
            }
            flow.zeek = Some(conn);
        }
        self.table.insert(flow, seen.now)
    }

    /// Counts the packet and lets its protocol look at it.
    fn update(&mut self, slot: u32, seen: &Seen<'_, '_>, sink: &mut impl FlowSink) -> Note {
        let by_evidence = self.config.profile.direction == Rules::Ours;
        let flow = self.table.get_mut(slot);
        let place = seen.place();
        flow.seen(place);
        let side = &mut flow.sides[seen.sender.index()];
        let first_of_side = side.packets == 0;
        let (meta, packet) = (seen.meta, seen.packet);
        let ip_bytes = meta.pieces.as_ref().map_or(u64::from(packet.ip_len), |pieces| pieces.ip_bytes);
        side.count(meta.frames, meta.wire_bytes, ip_bytes, packet.payload_len, ttl(packet));
        let mut verdict = None;
        let (step, class) = match (&mut flow.body, &seen.segment) {
            (Body::Tcp(connection), Some(segment)) => {
                // A wrong checksum is like a header that makes no sense: no host takes the segment.
                let segment = &Segment { sound: segment.sound && seen.sound, ..*segment };
                let mut step = connection.on_segment(seen.sender, segment, place.number, place.ts);
                if step.accepted
                    && by_evidence
                    && let Some(guess) = stronger_guess(flow.reason, seen)
                {
                    (flow.originator, flow.reason) = guess;
                }
                let change = connection.change(flow.originator);
                step.change = step.change.or(change);
                if let Some(aspects) = &mut connection.aspects {
                    let sighting = seen.sighting(&flow.key, segment, step.accepted);
                    verdict = aspects.on_segment(&sighting, &mut self.room, &mut self.paths);
                    if verdict.is_some_and(|verdict| !verdict.settled)
                        && let Some(at) = aspects.next_settled()
                    {
                        self.settling.wait(slot, flow.number, at);
                    }
                    let id = FlowId { kind: flow.kind, number: flow.number };
                    let mut tell = stream_teller(id, flow.originator, flow.key, sink);
                    connection.reassemble(&sighting, &self.config.streams, &mut self.room, &mut tell);
                }
                (step, connection.class())
            }
            (Body::Datagram(datagram), _) => {
                if side.packets <= EARLY
                    && by_evidence
                    && let Some(guess) = stronger_guess(flow.reason, seen)
                {
                    (flow.originator, flow.reason) = guess;
                }
                datagram.on_packet(seen.sender, first_of_side, place.ts);
                let answers = first_of_side && flow.sides[seen.sender.other().index()].packets > 0;
                let change = answers.then_some(Change::State(State::Answered));
                (Step { change, ..Step::default() }, Datagram::class(flow))
            }
            _ => (Step::default(), Class::Other),
        };
        if let (Some(conn), Some(sight)) = (&mut flow.zeek, &seen.sight) {
            if by_evidence && conn.originator() != flow.originator {
                conn.turn(&mut self.room);
            }
            conn.within(seen.wrapping, &mut self.room);
            conn.on_packet(seen.sender, sight, &flow.key, &mut self.room);
            flow.originator = conn.originator();
            if self.config.profile.timers.is_some() {
                self.deadlines.arm(slot, &mut conn.timers);
            }
        }
        let note = Note {
            flow: Some(flow.id()),
            direction: Some(flow.direction(seen.sender)),
            change: step.change,
            relative_seq: step.relative_seq,
            relative_ack: step.relative_ack,
            window_scale: step.window_scale,
            verdict,
            wireshark: None,
        };
        self.table.touch(slot, class, seen.now);
        note
    }

    /// An ICMP error belongs to the flow it quotes, if that is known. It is in none of its counters and keeps it alive for no
    /// longer.
    fn on_icmp_error(&mut self, meta: &PacketMeta, packet: &Packet<'_>) -> Option<Note> {
        let quote = icmp::quote(packet)?;
        let (key, quoted) = self.key(&quote.ends, packet);
        let slot = self.table.find(self.keys.hash(&key), &key).or_else(|| {
            // The router that sent it may tag what the conversation's own packets here have no tag of.
            let untagged = quote.ends.key([0; 2], self.keys.tunnel(packet, false)).0;
            self.table.find(self.keys.hash(&untagged), &untagged)
        })?;
        let flow = self.table.get_mut(slot);
        flow.seen(Place { source: meta.source, number: meta.number, ts: meta.ts });
        let mut new = IcmpMark { kind: quote.kind, number: meta.number, ts: meta.ts, quoted, v6: quote.v6, count: 1 };
        match &mut flow.icmp {
            None => flow.icmp = Some(Box::new(new)),
            Some(mark) => {
                new.count = mark.count + 1;
                // The first stands, unless it explains nothing and this one does.
                if new.is_failure(flow.originator) && !mark.is_failure(flow.originator) {
                    **mark = new;
                } else {
                    mark.count = new.count;
                }
            }
        }
        if let Body::Tcp(connection) = &mut flow.body
            && icmp::is_unreachable(quote.v6, quote.kind)
        {
            connection.on_icmp_error(quoted, quote.seq, quote.kind, meta.number, meta.ts);
        }
        let direction = flow.direction(quoted).flip();
        Some(Note { flow: Some(flow.id()), direction: Some(direction), change: Some(Change::IcmpError), ..Note::default() })
    }

    /// Lists found no room: some flows that have been silent give back what they no longer need.
    fn make_lists_shorter(&mut self) {
        let now = self.clock.now();
        for flow in self.table.some_from(self.tidied, TIDIED) {
            let silent = now - flow.touched > SILENT;
            if silent && let Some(aspects) = flow.body.aspects() {
                aspects.rest(now, &mut self.room);
            }
        }
        self.tidied = if self.tidied as usize + TIDIED < self.table.slots() { self.tidied + TIDIED as u32 } else { 0 };
    }

    fn make_room(&mut self, sink: &mut impl FlowSink) {
        if let Some(slot) = self.table.victim() {
            self.stats.evicted += u64::from(!self.table.get(slot).class.is_over());
            self.end_flow(slot, EndReason::Evicted, sink);
        }
    }

    /// Tells the outcome of a handshake as soon as it is known.
    fn tell_outcome(&mut self, slot: u32, sink: &mut impl FlowSink) {
        if !self.config.handshake_events {
            return;
        }
        let flow = self.table.get_mut(slot);
        if let Body::Tcp(connection) = &mut flow.body
            && connection.outcome_to_tell(false)
        {
            sink.on_flow_event(FlowEvent::Handshake(&flow.record(None)));
        }
    }

    fn end_flow(&mut self, slot: u32, reason: EndReason, sink: &mut impl FlowSink) {
        let flow = self.table.get_mut(slot);
        tell_settled(flow, Timestamp::MAX, sink);
        let tell = match &mut flow.body {
            Body::Tcp(connection) => connection.outcome_to_tell(true),
            Body::Datagram(_) | Body::Free => false,
        };
        let record = flow.record(Some(reason));
        let id = flow.id();
        if let Body::Tcp(connection) = &mut flow.body {
            let mut tell = stream_teller(id, flow.originator, flow.key, sink);
            connection.finish_streams(&self.config.streams, &mut self.room, &mut tell);
            if let Some(aspects) = &mut connection.aspects {
                aspects.release(&mut self.room);
            }
        }
        if let Some(conn) = &mut flow.zeek {
            conn.release(&mut self.room);
            self.deadlines.disarm(slot, &mut conn.timers);
        }
        self.table.release(slot);
        if tell && self.config.handshake_events {
            sink.on_flow_event(FlowEvent::Handshake(&record));
        }
        sink.on_flow_event(FlowEvent::Ended(&record));
    }
}

/// Tells the verdicts that nothing changes any more by `now`.
fn tell_settled(flow: &mut Flow, now: Timestamp, sink: &mut impl FlowSink) {
    let id = flow.id();
    let Some(aspects) = flow.body.aspects() else { return };
    while let Some((source, number, verdict)) = aspects.settle(now) {
        sink.on_flow_event(FlowEvent::Settled(Settled { source, number, flow: id, verdict }));
    }
}

/// Does a packet with this flow's key begin another one?
fn begins_another(flow: &Flow, seen: &Seen<'_, '_>, profile: &Profile) -> bool {
    match (&flow.body, &seen.segment, &flow.zeek) {
        (_, Some(segment), Some(conn)) if profile.reuse == Rules::Zeek => {
            segment.sound && segment.has(TcpFlags::SYN) && conn.begins_another(segment.seq.0, segment.has(TcpFlags::ACK))
        }
        (Body::Tcp(connection), Some(segment), _) => {
            seen.sound && connection.begins_another(seen.sender, segment, profile.same_isn_joins_after_end)
        }
        _ => false,
    }
}

/// Better evidence of who opened the flow than there was so far.
fn stronger_guess(so_far: DirectionReason, seen: &Seen<'_, '_>) -> Option<orientation::Guess> {
    orientation::stronger(so_far, &seen.ends, seen.sender, seen.segment.as_ref(), seen.packet.payload())
}

fn tunnel_record(packet: &Packet<'_>) -> Option<Box<TunnelRecord>> {
    let kind = packet.tunnel.kind.key()?;
    let outer = outer_addresses(packet)?;
    Some(Box::new(TunnelRecord { kind, id: packet.tunnel.id, outer }))
}

/// What is nearest around a packet: the flow of UDP that carries it, or the pair of hosts. `parents`: the flows around it.
fn wrapping(packet: &Packet<'_>, parents: &[Birth]) -> Option<Wrapping> {
    match packet.tunnel.kind {
        TunnelKind::None => None,
        TunnelKind::IpIp | TunnelKind::Gre | TunnelKind::Erspan => {
            let (a, b) = outer_addresses(packet)?;
            Some(Wrapping::Between(a.min(b), a.max(b)))
        }
        _ => parents.last().copied().map(Wrapping::Flow),
    }
}

/// TTL or hop limit of the innermost IP header.
fn ttl(packet: &Packet<'_>) -> u8 {
    let at = if packet.network == Network::Ipv4 { 8 } else { 7 };
    packet.network_bytes().get(at).copied().unwrap_or_default()
}
