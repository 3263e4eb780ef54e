//! From packets to flows, one packet at a time. This file decides nothing: it asks the files beside it in order.

mod ahead;
mod begin;
mod common;
mod config;
mod end;
mod icmp_error;
mod naming;
mod outer;
mod packet;
mod ranks;
mod share;
mod stats;
mod time;
mod update;

pub use self::common::Common;
pub use self::config::TrackerConfig;
pub use self::end::Ending;
pub(super) use self::packet::ttl;
pub use self::packet::{PacketMeta, Pieces};
pub use self::stats::TrackerStats;

use self::ahead::Ahead;
use self::naming::Naming;
use self::packet::Seen;
use self::ranks::Ranks;
use self::share::Held;
use super::capture_drops::CaptureDrops;
use super::checksums::{ChecksumPeers, ChecksumStats, Judge, Judgement};
use super::citations::Citations;
use super::deadlines::Deadlines;
use super::event::{FlowEvent, FlowSink};
use super::index::NIL;
use super::key::{Ends, KeyMaker};
use super::neighbours;
use super::note::{Change, Note};
use super::profile::Rules;
use super::record::{Birth, EndReason, FlowRecord, State};
use super::room::Room;
use super::table::{self, Table};
use super::tcp::{Paths, Segment};
use super::wants::{Checksums, Wants};
use super::zeek::timers::Timer;
use super::zeek::{self, Sight};
use crate::decode::{Packet, Transport};
use crate::heap;
use crate::model::clock::LEAPS;
use crate::model::{Clock, Timestamp};

/// Of what the tracker may hold, one of so many parts at most is for what is kept of connections to see whether somebody else is in them, and
/// so many bytes: of 27,000 connections with much data both ways.
const WATCHING: usize = 32;
const MOST_WATCHING: usize = 32 << 20;

/// Follows conversations. Packets go in, [`Note`]s come out at once and [`FlowEvent`]s when there is something to tell.
#[derive(Debug)]
pub struct Tracker {
    config: TrackerConfig,
    /// Where other trackers follow the rest of the same capture.
    common: Option<Common>,
    keys: KeyMaker,
    clock: Clock,
    table: Table,
    stats: TrackerStats,
    room: Room,
    /// Checksums are looked at.
    judges: bool,
    judge: Judge,
    /// Zeek's timers.
    timers: Deadlines<Timer>,
    /// Flows around the packet at hand.
    parents: Vec<Birth>,
    paths: Paths,
    /// What the capture dropped.
    drops: CaptureDrops,
    /// When the next open verdict of a flow is settled.
    settling: Deadlines<()>,
    /// Where the next flows are asked for room that they no longer need.
    tidied: u32,
    /// Flows of the last packets that were far ahead of the others, while those are not believed.
    ahead: [Option<u32>; LEAPS as usize - 1],
    held: Held,
    /// Names of hosts.
    names: Naming,
    /// Where other trackers follow the rest of a saved capture: when each flow was seen last, among all packets.
    ranks: Option<Ranks>,
    /// Where there are other trackers: flows that this one may have whatever the others have.
    part: usize,
    /// Packets that will come soon.
    upcoming: Ahead,
    /// Packets worth citing, where that is wanted.
    citations: Option<Box<Citations>>,
    /// Memory for what is kept to see whether somebody else is in a connection, where that is wanted.
    watching: Room,
    /// Filled for each flow that is told of.
    spare_record: Option<Box<FlowRecord>>,
    /// The flow of the last packet, or [`NIL`].
    latest: u32,
}

impl Tracker {
    /// An empty tracker.
    #[must_use]
    pub fn new(config: TrackerConfig) -> Self {
        Self::with_paths(config, Self::paths_of(&config))
    }

    fn with_paths(config: TrackerConfig, paths: Paths) -> Self {
        let wants = Wants { zeek: config.wants.zeek || config.profile.rows == Rules::Zeek, ..config.wants };
        let config = TrackerConfig { max_flows: config.max_flows.clamp(1, table::MOST), wants, ..config };
        Self {
            config,
            common: None,
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
            timers: Deadlines::default(),
            parents: Vec::new(),
            paths,
            drops: CaptureDrops::default(),
            settling: Deadlines::default(),
            tidied: 0,
            ahead: [None; LEAPS as usize - 1],
            held: Held::default(),
            names: if config.wants.app { Naming::here(config.name_bytes) } else { Naming::Off },
            ranks: None,
            part: usize::MAX,
            upcoming: Ahead::default(),
            citations: config.wants.cited.then(|| Box::new(Citations::within(config.max_bytes))),
            watching: Room::new((config.max_bytes / WATCHING).min(MOST_WATCHING)),
            spare_record: None,
            latest: NIL,
        }
    }

    /// An empty tracker that follows part of the conversations of a capture, while others follow the rest: numbers of flows are
    /// counted together, [`TrackerConfig::max_flows`] bounds the flows of all, and the [`TrackerConfig::list_bytes`] of all are in
    /// common. [`TrackerConfig::max_bytes`] are its own.
    #[must_use]
    pub fn beside(config: TrackerConfig, common: &Common) -> Self {
        Self::with_paths(config, common.paths()).joining(common)
    }

    /// An empty tracker that follows some of the conversations of a saved capture: all those between some hosts, while others follow
    /// the rest. Together they tell what one would: each is told of the time of every packet, of its [number](Self::number_packet),
    /// and of what the capture dropped; flows have numbers of this tracker's own. `common`, a [`Common::crowd`], bounds the flows of
    /// all; `peers` know what checksums the others found. What [`TrackerConfig`] bounds in bytes is its own, but for the
    /// [`TrackerConfig::list_bytes`], which all have in common.
    #[must_use]
    pub fn part(config: TrackerConfig, common: &Common, peers: Box<dyn ChecksumPeers>) -> Self {
        let paths = Self::paths_of(&config);
        let mut tracker = Self { ranks: Some(Ranks::default()), ..Self::with_paths(config, paths) }.joining(common);
        if config.wants.app {
            tracker.names = Naming::Told;
        }
        tracker.judge.ask(peers);
        tracker
    }

    fn joining(self, common: &Common) -> Self {
        // Lists of one alone leave room for its flows, however many bytes the others bring.
        let room = common.room(self.config.list_bytes, self.config.max_bytes / 2);
        let names = if self.config.wants.app { common.names(self.config.name_bytes) } else { Naming::Off };
        Self { common: Some(common.joined()), room, names, ..self }
    }

    fn paths_of(config: &TrackerConfig) -> Paths {
        Paths::within(if config.wants.verdicts { config.path_bytes } else { 0 })
    }

    /// The number, among those of all trackers, of the packet that comes next: rising, from 1.
    pub const fn number_packet(&mut self, number: u64) {
        if let Some(ranks) = &mut self.ranks {
            ranks.now = number;
        }
    }

    /// The number under which [`Self::expect`] was told of the packet that comes next: beside others a tracker does not expect all
    /// packets of a source, and is told of those that it does by numbers of its own.
    pub const fn number_expected(&mut self, number: u64) {
        if let Some(ranks) = &mut self.ranks {
            ranks.expected = number;
        }
    }

    /// Takes a packet.
    pub fn on_packet(&mut self, meta: &PacketMeta, packet: &Packet<'_>, sink: &mut impl FlowSink) -> Note {
        self.counted(sink, |tracker, sink| {
            tracker.on_time_of_packet(meta.ts, sink);
            tracker.follow(meta, packet, sink)
        })
    }

    /// Takes a packet whose time [`Self::on_packet_time`] was told.
    pub fn on_timed_packet(&mut self, meta: &PacketMeta, packet: &Packet<'_>, sink: &mut impl FlowSink) -> Note {
        self.counted(sink, |tracker, sink| tracker.follow(meta, packet, sink))
    }

    fn follow(&mut self, meta: &PacketMeta, packet: &Packet<'_>, sink: &mut impl FlowSink) -> Note {
        if self.config.wants.neighbours
            && neighbours::may_be(packet)
            && let Some(neighbour) = neighbours::read(meta, packet)
        {
            sink.on_flow_event(FlowEvent::Neighbour(&neighbour));
        }
        if let Transport::Icmp | Transport::Icmpv6 = packet.transport
            && let Some(note) = self.icmp_error(meta, packet)
        {
            return note;
        }
        let taken = if self.parents.is_empty() {
            self.take(meta, packet, &[], sink)
        } else {
            let mut parents = std::mem::take(&mut self.parents);
            let taken = self.take(meta, packet, &parents, sink);
            parents.clear();
            self.parents = parents;
            taken
        };
        let note = taken.map_or_else(Note::default, |(_, note, _)| note);
        if let Some(citations) = &mut self.citations
            && (note.change.is_some() || note.verdict.is_some())
        {
            citations.on_packet((meta.source, meta.number), meta.ts, &note);
            if let (Some(flow), Some(Change::State(State::ResetByOriginator | State::ResetByResponder))) =
                (note.flow, note.change)
            {
                citations.on_reset(flow, (meta.source, meta.number), self.table.get(self.latest).stream_bytes());
            }
            if note.verdict.is_some_and(|verdict| verdict.kind.is_resent()) {
                let again = self.table.get(self.latest).sent_again(meta, packet, &note);
                if let Some(again) = again {
                    citations.on_sent_again(&again);
                }
            }
        }
        note
    }

    /// The capture dropped so many packets before a frame of this time, of whatever flow (`FrameMarks::dropped_before`). To be
    /// told of every frame, whether it is given to the tracker or not.
    pub fn on_drops(&mut self, source: u16, ts: Timestamp, packets: u64) {
        self.drops.before(source, ts, packets);
    }

    /// The counters of a live source up to `now`: so many packets in all dropped the kernel, which frames name as well, and so many
    /// the interface, which no frame names. What was not known was dropped since the last call.
    pub fn on_drop_counters(&mut self, source: u16, kernel: u64, interface: u64, now: Timestamp) {
        self.drops.counted(source, now, kernel, interface);
    }

    /// The counters of a file at its end: so many packets were dropped in all.
    pub fn on_drop_counters_at_end(&mut self, source: u16, total: u64) {
        self.drops.counted_at_end(source, total);
    }

    /// Makes a record that of a flow, with what the capture dropped meanwhile: up to its last packet, or, where more was to come, all that
    /// is known by now. Nothing where a clock was set back meanwhile to before its first packet.
    fn fill_record(&self, record: &mut FlowRecord, slot: u32, otherwise: Option<EndReason>) {
        let flow = self.table.get(slot);
        // One record with its lists is no flow's memory: what gives way when that is used up does not depend on it.
        heap::left_out(|| flow.fill(record, otherwise, self.config.wants));
        self.names.label(record);
        record.told_at = self.clock.now();
        let until = if flow.awaits_more() { Timestamp::MAX } else { flow.end };
        let within = |source| self.drops.within(source, flow.start, until);
        if flow.stepped_back {
            // When its packets came, in terms of the times that losses have, is not known.
            return;
        }
        record.capture_drops = within(flow.first_source);
        if flow.last_source != flow.first_source {
            record.capture_drops = record.capture_drops.zip(within(flow.last_source)).map(|(a, b)| a.saturating_add(b));
        }
    }

    /// A record to be filled; to be given back.
    fn spare_record(&mut self) -> Box<FlowRecord> {
        self.spare_record.take().unwrap_or_else(|| heap::left_out(|| Box::new(FlowRecord::blank())))
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
        let found = self.find(key, self.ranks.as_ref().map_or(meta.number, |ranks| ranks.expected));
        if self.config.profile.rows == Rules::Ours
            && segment.as_ref().is_some_and(|segment| !segment.sound)
            && found.slot.is_none()
        {
            return None; // A header that makes no sense begins no conversation.
        }
        let judgement = if self.judges { self.judged(meta, packet, found.slot) } else { Judgement::Right };
        let sound = judgement != Judgement::Refused;
        let wants = self.config.wants.zeek;
        let sight = wants.then(|| Sight::of(packet, segment.as_ref(), meta.ts, sound, other));
        let wrapping = if wants { zeek::wrapping(packet, parents) } else { None };
        let seen = Seen { meta, packet, ends, sender, segment, now: self.clock.now(), sound, sight, wrapping };
        let slot = self.slot_for(&found, &seen, sink);
        self.latest = slot;
        if judgement != Judgement::Right {
            self.table.get_mut(slot).wrong_checksum.get_or_insert(judgement);
        }
        let note = self.update(slot, &seen, sink);
        self.remember_leap(slot, meta.ts);
        if self.room.was_short() {
            if self.room.has_refused() {
                self.went_without(slot);
            }
            self.make_lists_shorter();
        }
        self.tell_outcome(slot, sink);
        Some((slot, note, sound))
    }

    /// Is the packet's checksum right, or to be taken for right, as those of its flow were?
    fn judged(&mut self, meta: &PacketMeta, packet: &Packet<'_>, slot: Option<u32>) -> Judgement {
        let Self { judge, table, .. } = self;
        let before = || slot.and_then(|slot| table.get(slot).wrong_checksum);
        judge.transport((meta.source, meta.number), packet, meta.marks.checksum_pending, before)
    }

    /// The run is over: every flow left ends.
    pub fn finish(&mut self, sink: &mut impl FlowSink) {
        let mut ending = self.ending();
        while self.end_next(&mut ending, sink) {}
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

    /// What several trackers found of checksums, as one would say it.
    #[must_use]
    pub fn checksums_of_all(parts: &[Self]) -> ChecksumStats {
        Judge::stats_of_all(parts.iter().map(|part| &part.judge))
    }

    /// Hands out a record of every flow under way, in order of first packet (live views). Their `end_reason` is `None`.
    pub fn for_each_active(&self, mut each: impl FnMut(FlowRecord)) {
        for slot in self.table.in_order() {
            let mut record = FlowRecord::blank();
            self.fill_record(&mut record, slot, None);
            each(record);
        }
    }
}
