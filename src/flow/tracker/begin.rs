//! Which flow a packet belongs to: one under way, or one that begins.

use super::packet::Seen;
use super::{Common, Tracker};
use crate::decode::{Packet, TcpFlags};
use crate::flow::event::FlowSink;
use crate::flow::flow::{Body, Flow, kind_of};
use crate::flow::index::tag_of;
use crate::flow::key::{End, Ends, FlowKey, outer_addresses};
use crate::flow::note::FlowId;
use crate::flow::orientation::{self, Guess};
use crate::flow::profile::{Profile, Rules};
use crate::flow::record::{DirectionReason, EndReason, TunnelRecord};
use crate::flow::zeek::{self, Beginning, Conn, Reuse};

/// Where the flow of a packet is, looked up once.
pub(super) struct Found {
    key: FlowKey,
    /// Part of the key's hash.
    tag: u32,
    /// `None`: there is none yet.
    pub(super) slot: Option<u32>,
}

impl Tracker {
    /// The flow of this key, for the packet with this number.
    #[inline]
    pub(super) fn find(&self, key: FlowKey, number: u64) -> Found {
        // Looked for some packets ago. What is there now is asked again, and may be no flow any more.
        let ahead = self.upcoming.slot(number).map(|slot| (slot, self.table.get(slot)));
        let ahead = ahead.filter(|(_, flow)| flow.key == key && !matches!(flow.body, Body::Free));
        #[cfg(test)]
        self.upcoming.count(ahead.is_some());
        if let Some((slot, flow)) = ahead {
            return Found { key, tag: flow.tag, slot: Some(slot) };
        }
        let hash = self.keys.hash(&key);
        Found { key, tag: tag_of(hash), slot: self.table.find(hash, &key) }
    }

    pub(super) fn key(&self, ends: &Ends, packet: &Packet<'_>) -> (FlowKey, End) {
        let vlan = if self.config.profile.vlan_in_key { packet.vlan } else { [0; 2] };
        let tunnel =
            if self.config.profile.tunnel_in_key { self.keys.tunnel(packet, self.config.profile.vlan_in_key) } else { 0 };
        ends.key(vlan, tunnel)
    }

    /// The slot of the flow that a packet belongs to: one under way, or a new one.
    pub(super) fn slot_for(&mut self, of: &Found, seen: &Seen<'_, '_>, sink: &mut impl FlowSink) -> u32 {
        let mut previous = None;
        if let Some(slot) = of.slot {
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
        } else if self.is_full() {
            self.make_room(sink);
        }
        self.begin(of, previous, seen)
    }

    /// Is there no room for another flow?
    fn is_full(&mut self) -> bool {
        let many = self.common.as_ref().map_or(self.table.len(), Common::active) >= self.config.max_flows;
        // Of several trackers those with more than their part make room, lest a flood in one of them push out what others follow.
        self.part = self.common.as_ref().map_or(0, |common| self.config.max_flows / common.trackers());
        (many && self.table.len() >= self.part) || self.cannot_grow()
    }

    /// Are there more flows than there may be, since another tracker has begun one of its part, and is it up to this one to make room?
    #[inline]
    pub(super) fn owes_room(&self) -> bool {
        // What others write is looked at only where it may matter.
        self.table.len() > self.part && self.common.as_ref().is_some_and(|common| common.active() > self.config.max_flows)
    }

    fn begin(&mut self, of: &Found, previous: Option<Reuse>, seen: &Seen<'_, '_>) -> u32 {
        let kind = kind_of(seen.ends.protocol);
        let counted = self.stats.count(kind);
        let number = self.common.as_ref().map_or(counted, |common| common.begin(kind, counted));
        let profile = &self.config.profile;
        let guess = first_guess(profile, seen);
        let mut wants = self.config.wants;
        wants.streams &= self.config.streams_of.is_none_or(|of| of == FlowId { kind, number });
        let mut flow = Flow::new(of.key, of.tag, kind, number, seen.place(), guess, wants);
        if let Some(pieces) = seen.meta.pieces.as_ref().filter(|_| profile.begins_with_first_fragment) {
            (flow.first_source, flow.first_number) = pieces.first;
            flow.start = pieces.start;
        }
        flow.tunnel = tunnel_record(seen.packet);
        if let Some(sight) = &seen.sight {
            let turns = profile.direction == Rules::Zeek;
            let beginning = Beginning { sender: seen.sender, originator: flow.originator, turns };
            let mut conn = Box::new(Conn::new(sight, &flow.key, beginning, profile.timers, &mut self.room));
            if let Some(previous) = previous {
                conn.follow(previous);
            }
            flow.zeek = Some(conn);
        }
        self.table.insert(flow, seen.now)
    }
}

/// Who seems to have opened a flow, by its first packet.
fn first_guess(profile: &Profile, seen: &Seen<'_, '_>) -> Guess {
    match (profile.direction, &seen.sight) {
        (Rules::Zeek, Some(sight)) if zeek::turn_at_first(profile, &seen.ends, sight, seen.flags()) => {
            (seen.sender.other(), DirectionReason::Service)
        }
        (Rules::Zeek, _) => (seen.sender, DirectionReason::First),
        (Rules::Ours, _) => {
            let segment = seen.segment.as_ref().filter(|_| seen.sound);
            orientation::first(profile, &seen.ends, seen.sender, segment, seen.packet.payload())
        }
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

fn tunnel_record(packet: &Packet<'_>) -> Option<Box<TunnelRecord>> {
    let kind = packet.tunnel.kind.key()?;
    let outer = outer_addresses(packet)?;
    Some(Box::new(TunnelRecord { kind, id: packet.tunnel.id, outer }))
}
