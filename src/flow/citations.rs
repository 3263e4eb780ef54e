//! Packets worth citing: those sent again, those that shut a window and opened it, the reset, the acknowledgment of a FIN whose peer has not
//! closed. Kept while their conversation goes on, and
//! given with its record ([`Wants::cited`](super::Wants::cited)).
//!
//! Only conversations in which something happened are here, at most 32,768 at a time; of more nothing is cited.

use super::members;
use super::{Change, Direction, FlowId, Note, Settled, State, Tampered, Verdict};
use crate::model::{Span, Timestamp};
use std::collections::HashMap;

/// Conversations at most: about 400 bytes each, and 1.5 kB more where very many verdicts are open.
const MOST: usize = 1 << 15;

/// Of what the tracker may hold, one of so many parts at most is for them, at this size each: their table does not become smaller again.
const PART: usize = 16;
const EACH: usize = 512;

/// Verdicts of one conversation that are open at a time; packets beyond are not cited.
const OPEN: usize = 64;

/// The place of a packet: source, and number in it.
pub type Place = (u16, u64);

/// The first of many, the last, and how many there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<T> {
    /// The first ones.
    pub first: Vec<T>,
    /// The last of all.
    pub last: Option<T>,
    /// All of them.
    pub total: u64,
    /// Its number where all members are noted ([`super::Members`]), else 0.
    group: u32,
}

/// What [`Few`] are kept of.
pub trait Item: Copy {
    /// The conversation, if it is one: such can be asked for all of them ([`super::Members`]).
    fn flow(self) -> Option<FlowId> {
        None
    }
}

impl Item for FlowId {
    fn flow(self) -> Option<FlowId> {
        Some(self)
    }
}
impl<A: Copy, B: Copy> Item for (A, B) {}
impl Item for u16 {}
impl Item for u64 {}
impl Item for std::net::IpAddr {}
impl Item for crate::model::Endpoint {}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self { first: Vec::new(), last: None, total: 0, group: 0 }
    }
}

impl<T> Few<T> {
    /// Its number among groups of which all members are noted; 0 where they are not.
    #[must_use]
    pub const fn group(&self) -> u32 {
        self.group
    }
}

impl<T: Item> Few<T> {
    /// How many of the first ones are kept.
    pub const KEPT: usize = 8;

    /// One more.
    pub fn push(&mut self, one: T) {
        if self.first.len() < Self::KEPT {
            self.first.push(one);
        }
        self.last = Some(one);
        self.total += 1;
        if let Some(flow) = one.flow() {
            members::pushed(&mut self.group, flow);
        }
    }

    /// These and others after them.
    pub fn extend(&mut self, others: &Self) {
        let room = Self::KEPT.saturating_sub(self.first.len());
        self.first.extend(others.first.iter().take(room));
        self.last = others.last.or(self.last);
        self.total += others.total;
        members::joined(&mut self.group, others.group);
    }

    /// All of them, where they are few.
    #[must_use]
    pub fn of(all: impl IntoIterator<Item = T>) -> Self {
        let mut few = Self::default();
        all.into_iter().for_each(|one| few.push(one));
        few
    }
}

/// A time during which a window was shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shut {
    /// The packet that shut it.
    pub from: Place,
    /// The packet that opened it.
    pub to: Place,
    /// For how long.
    pub lasted: Span,
}

/// A segment that was sent again and again from one place: copies of what begins with the same number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stuck {
    /// Its number, relative to the SYN's.
    seq: u32,
    /// The longest copy that was sent again, bytes of data.
    pub len: u32,
    /// The last copy.
    pub last_len: u32,
    /// Times it was sent again.
    pub times: u64,
    /// The first sending that is known, and all others.
    pub packets: Few<Place>,
    /// From the first sending that is known to the last.
    pub over: Span,
    last: Timestamp,
    /// The longest segment of its sender that was acknowledged before, bytes of data; 0: none.
    pub longest_acked: u32,
    /// It was acknowledged in the end.
    pub acked: bool,
    /// Packets of the receiver between the first time it was sent again and the last.
    pub heard: u64,
    heard_before: u64,
}

impl Stuck {
    fn new(again: &SentAgain) -> Self {
        Self {
            seq: again.seq,
            len: again.len,
            last_len: again.len,
            times: 1,
            packets: Few::of(again.before.into_iter().chain([again.place])),
            over: again.since_before,
            last: again.ts,
            longest_acked: again.longest_acked,
            acked: false,
            heard: 0,
            heard_before: again.heard,
        }
    }

    fn again(&mut self, again: &SentAgain) {
        (self.len, self.last_len) = (self.len.max(again.len), again.len);
        self.times += 1;
        self.heard = again.heard.saturating_sub(self.heard_before);
        self.packets.push(again.place);
        self.over = self.over + (again.ts - self.last).max(Span::ZERO);
        self.last = again.ts;
    }

    /// It got through once it was shorter: what is sent again from here on is no other way of saying that.
    const fn is_told(&self) -> bool {
        self.times >= 3 && self.last_len < self.len
    }

    const fn is_below(&self, number: u32) -> bool {
        (number.wrapping_sub(self.seq) as i32) > 0
    }
}

/// A segment that was sent before.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentAgain {
    pub(super) flow: FlowId,
    /// The responder sent it.
    pub(super) responder: bool,
    pub(super) place: Place,
    /// The copy before, and how long ago that was.
    pub(super) before: Option<Place>,
    pub(super) since_before: Span,
    pub(super) ts: Timestamp,
    /// Its number, relative to the SYN's, and its data.
    pub(super) seq: u32,
    pub(super) len: u32,
    /// How far its sender's data is acknowledged, and the longest segment of that.
    pub(super) acked: u32,
    pub(super) longest_acked: u32,
    /// Packets of the receiver so far.
    pub(super) heard: u64,
}

/// What was seen of one conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cited {
    /// Segments sent again, by the side that sent them: originator, responder.
    pub resent: [Few<Place>; 2],
    /// The window that is shut now: since when, by which packet.
    shut_since: Option<(Timestamp, Place)>,
    /// The longest time it was shut.
    pub longest: Option<Shut>,
    /// Times it was shut.
    pub times: u64,
    /// Segments sent again while it was shut.
    pub resent_while_shut: u64,
    /// The reset that ended it, and the bytes that had passed of each side by then: originator, responder.
    pub reset: Option<(Place, [u64; 2])>,
    /// What each side sent again most from one place, the first that was not acknowledged: originator, responder.
    pub stuck: [Option<Box<Stuck>>; 2],
    /// The acknowledgment of a FIN, while the other side has not closed.
    pub half_closed: Option<Place>,
    /// What somebody else did to it.
    pub tampered: Option<Box<Tampered>>,
    /// There was no room to find that out, or for all of it.
    pub unwatched: bool,
    /// Packets of which the verdict is not final yet, and whether the responder sent them.
    open_verdicts: Vec<(Place, bool)>,
}

impl Cited {
    /// Is the window still shut?
    #[must_use]
    pub const fn is_shut(&self) -> bool {
        self.shut_since.is_some()
    }

    /// The longest time it was shut, where `now` is the latest time seen.
    #[must_use]
    pub fn longest_shut(&self, now: Timestamp) -> Span {
        let still = self.shut_since.map_or(Span::ZERO, |(since, _)| now - since);
        self.longest.map_or(still, |longest| longest.lasted.max(still))
    }

    fn sent_again(&mut self, again: &SentAgain) {
        let stuck = &mut self.stuck[usize::from(again.responder)];
        match stuck {
            Some(stuck) if stuck.seq == again.seq => stuck.again(again),
            // Of several that are missing, the first: the others wait for it.
            Some(stuck) if stuck.is_below(again.seq) && !stuck.is_below(again.acked) => {}
            Some(stuck) if stuck.is_below(again.acked) && stuck.is_told() => {}
            _ => *stuck = Some(Box::new(Stuck::new(again))),
        }
    }

    /// The conversation is over. `acknowledged`: how far the data of a side was.
    pub(super) fn finish(&mut self, acknowledged: impl Fn(bool) -> Option<u32>) {
        for (stuck, responder) in self.stuck.iter_mut().zip([false, true]) {
            if let (Some(stuck), Some(acked)) = (stuck.as_deref_mut(), acknowledged(responder)) {
                stuck.acked = stuck.is_below(acked);
            }
        }
    }

    fn open(&mut self, ts: Timestamp, place: Place) {
        let Some((since, from)) = self.shut_since.take() else { return };
        let lasted = (ts - since).max(Span::ZERO);
        if self.longest.is_none_or(|longest| lasted > longest.lasted) {
            self.longest = Some(Shut { from, to: place, lasted });
        }
    }
}

/// All conversations under way in which something happened.
#[derive(Debug, Default)]
pub(super) struct Citations {
    flows: HashMap<FlowId, Cited, foldhash::fast::RandomState>,
    most: usize,
}

impl Citations {
    /// None yet, of a tracker that may hold so many bytes.
    pub(super) fn within(bytes: usize) -> Self {
        Self { most: (bytes / PART / EACH).min(MOST), ..Self::default() }
    }

    /// A packet whose note says that something happened.
    #[cold]
    pub(super) fn on_packet(&mut self, place: Place, ts: Timestamp, note: &Note) {
        let Some(flow) = note.flow else { return };
        match note.change {
            Some(Change::ZeroWindow) => {
                if let Some(seen) = self.of(flow) {
                    seen.times += 1;
                    seen.shut_since = Some((ts, place));
                }
            }
            Some(Change::WindowOpened) => {
                if let Some(seen) = self.flows.get_mut(&flow) {
                    seen.open(ts, place);
                }
            }
            // What begins has nothing to be let go of.
            Some(Change::State(State::Opening | State::Open)) => {}
            Some(Change::State(state)) => {
                // Whatever ends it, nobody waits for the window any more.
                if let Some(seen) = self.flows.get_mut(&flow)
                    && seen.is_shut()
                {
                    seen.open(ts, place);
                }
                self.half_closed(flow, state, place);
            }
            _ => {}
        }
        let responder = note.direction == Some(Direction::Responder);
        if note.verdict.is_some_and(|verdict| verdict.kind.is_resent())
            && let Some(seen) = self.flows.get_mut(&flow).filter(|seen| seen.is_shut())
        {
            seen.resent_while_shut += 1;
        }
        match note.verdict {
            Some(verdict) if verdict.settled => self.resent(flow, responder, place, &verdict),
            Some(_) => {
                if let Some(seen) = self.of(flow)
                    && seen.open_verdicts.len() < OPEN
                {
                    seen.open_verdicts.push((place, responder));
                }
            }
            None => {}
        }
    }

    /// A reset ends the flow, when so many bytes of each side had passed.
    #[cold]
    pub(super) fn on_reset(&mut self, flow: FlowId, place: Place, bytes: [u64; 2]) {
        if let Some(seen) = self.of(flow) {
            seen.reset = Some((place, bytes));
        }
    }

    /// A segment that was sent before passes.
    #[cold]
    pub(super) fn on_sent_again(&mut self, again: &SentAgain) {
        if let Some(seen) = self.of(again.flow) {
            seen.sent_again(again);
        }
    }

    /// One side has closed, or the other now, too: most do so soon, and nothing is kept of those.
    fn half_closed(&mut self, flow: FlowId, state: State, place: Place) {
        if state == State::HalfClosed {
            if let Some(seen) = self.of(flow) {
                seen.half_closed = Some(place);
            }
        } else if let Some(seen) = self.flows.get_mut(&flow)
            && seen.half_closed.take().is_some()
            && *seen == Cited::default()
        {
            self.flows.remove(&flow);
        }
    }

    /// The verdict on a packet is final now.
    pub(super) fn on_settled(&mut self, settled: &Settled) {
        let place = (settled.source, settled.number);
        let Some(seen) = self.flows.get_mut(&settled.flow) else { return };
        let Some(at) = seen.open_verdicts.iter().position(|(open, _)| *open == place) else { return };
        let (_, responder) = seen.open_verdicts.swap_remove(at);
        self.resent(settled.flow, responder, place, &settled.verdict);
    }

    fn resent(&mut self, flow: FlowId, responder: bool, place: Place, verdict: &Verdict) {
        if verdict.kind.is_resent()
            && let Some(seen) = self.of(flow)
        {
            seen.resent[usize::from(responder)].push(place);
        }
    }

    /// What is known of a conversation; a new place where nothing is and there is room.
    fn of(&mut self, flow: FlowId) -> Option<&mut Cited> {
        if self.flows.len() >= self.most && !self.flows.contains_key(&flow) {
            return None;
        }
        Some(self.flows.entry(flow).or_default())
    }

    /// A conversation is over: what was seen of it.
    pub(super) fn take(&mut self, flow: FlowId) -> Option<Cited> {
        self.flows.remove(&flow)
    }
}
