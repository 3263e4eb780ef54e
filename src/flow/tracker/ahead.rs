//! Packets that will come soon. Where there are more flows than the caches hold, a packet waits longer for its flow's memory than
//! it takes to work on it; so the memory is asked for some packets before. Each packet ahead goes through five steps, a few
//! packets apart, because each needs what the one before has brought: the place in the index, the flow, what the flow points to,
//! what its connection points to, the lists of that.
//!
//! Measured (`flows --format csv --fields id`, CPU time, the best of several runs on a busy machine), the first three steps: of 10,000
//! connections under way 0.39 µs a packet instead of 0.57, of a million 0.80 instead of 1.12, for 310 instructions more. The others, and
//! the frames ahead, all fields wanted: 4.55 s instead of 5.08 for three million packets of everyday traffic with 20,000 connections at
//! a time, 10.5 instead of 12.5 with 100,000; a part of that is due to smaller connections. Steps of 3 to 6 packets do about the same.
//!
//! Nothing is decided by this: a flow that is not the right one, or no longer there, was asked for in vain.

use super::Tracker;
use crate::flow::flow::Body;
use crate::flow::index::NIL;
use crate::flow::key::{End, FlowKey};
use crate::flow::prefetch::prefetch;
use crate::model::LinkType;

/// Packets between two steps.
const STEP: usize = 4;
/// Packets on their way, a power of two: more than lie between the first step and the packet itself.
const PLACES: usize = 32;

/// Fewer flows than this are in the caches anyway.
const LEAST_FLOWS: usize = 1024;

/// Lines of Zeek's view of a flow that are asked for.
const LINES: usize = 6;

/// A packet ahead.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its number in its source, 0 where there is none.
    number: u64,
    hash: Option<u64>,
    /// Of the flow that it seems to belong to, or [`NIL`].
    slot: u32,
    /// Its sender's end.
    from: End,
}

/// The packets ahead, by their numbers.
#[derive(Debug)]
pub(super) struct Ahead {
    places: [Place; PLACES],
    /// Flows that were asked for, and those of them that were found ahead: what is not found costs time only, and no output shows it.
    #[cfg(test)]
    asked: std::cell::Cell<(u32, u32)>,
}

impl Default for Ahead {
    fn default() -> Self {
        let places = [Place { number: 0, hash: None, slot: NIL, from: End::Low }; PLACES];
        Self {
            places,
            #[cfg(test)]
            asked: std::cell::Cell::default(),
        }
    }
}

impl Ahead {
    #[inline]
    fn place(&mut self, number: u64) -> Option<&mut Place> {
        Some(&mut self.places[number as usize % PLACES]).filter(|place| place.number == number)
    }

    /// The slot that the packet's flow seems to be in.
    #[inline]
    pub(super) fn slot(&self, number: u64) -> Option<u32> {
        self.found(number).map(|(slot, _)| slot)
    }

    /// The flow of a packet was asked for, and found ahead or not.
    #[cfg(test)]
    pub(super) fn count(&self, found: bool) {
        let (asked, before) = self.asked.get();
        self.asked.set((asked + 1, before + u32::from(found)));
    }

    /// And its sender's end.
    #[inline]
    fn found(&self, number: u64) -> Option<(u32, End)> {
        let place = &self.places[number as usize % PLACES];
        (place.number == number && place.slot != NIL).then_some((place.slot, place.from))
    }
}

impl Tracker {
    /// So many packets before they come they should be told to [`Self::expect`].
    pub const AHEAD: u64 = 5 * STEP as u64;

    /// Is it worth the trouble to tell of packets that will come soon?
    #[must_use]
    pub fn looks_ahead(&self) -> bool {
        self.table.len() >= LEAST_FLOWS
    }

    /// The share of packets whose flow was found ahead.
    #[cfg(test)]
    pub(crate) fn found_ahead(&self) -> f64 {
        let (asked, found) = self.upcoming.asked.get();
        f64::from(found) / f64::from(asked)
    }

    /// A frame that will come soon, with its number in its source; in the order of their coming. It need not come.
    pub fn expect(&mut self, number: u64, link: LinkType, bytes: &[u8]) {
        let Self { upcoming, table, keys, .. } = self;
        let key = if link == LinkType::ETHERNET { FlowKey::likely(bytes, self.config.profile.vlan_in_key) } else { None };
        let (hash, from) = key.map_or((None, End::Low), |(key, from)| (Some(keys.hash(&key)), from));
        upcoming.places[number as usize % PLACES] = Place { number, hash, slot: NIL, from };
        if let Some(hash) = hash {
            table.fetch_place(hash);
        }
        if let Some(place) = upcoming.place(number.wrapping_sub(STEP as u64)) {
            place.slot = place.hash.and_then(|hash| table.fetch_flow(hash)).unwrap_or(NIL);
        }
        if let Some((slot, from)) = upcoming.found(number.wrapping_sub(2 * STEP as u64)) {
            let flow = table.fetch_neighbours(slot);
            if let Body::Tcp(connection) = &flow.body {
                connection.fetch_itself(from);
            }
            if let Some(conn) = &flow.zeek {
                prefetch(&**conn, LINES);
            }
        }
        if !(self.config.wants.measures || self.config.wants.verdicts) {
            return; // Connections point to nothing.
        }
        if let Some((slot, from)) = upcoming.found(number.wrapping_sub(3 * STEP as u64))
            && let Body::Tcp(connection) = &table.get(slot).body
        {
            connection.fetch(from);
        }
        if let Some((slot, from)) = upcoming.found(number.wrapping_sub(4 * STEP as u64))
            && let Body::Tcp(connection) = &table.get(slot).body
        {
            connection.fetch_lists(from);
        }
    }
}
