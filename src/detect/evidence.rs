//! Packets worth citing, while their conversation goes on: those sent again, those that shut a window and opened it, the reset.
//!
//! Only conversations in which something happened are here, at most [`MOST`] at a time; of more nothing is cited, and they are counted.

use super::finding::{Few, Place};
use crate::flow::{Change, Direction, FlowId, Note, Settled, State, Verdict};
use crate::heap;
use crate::model::{Span, Timestamp};
use std::collections::HashMap;

/// Conversations at most: about 400 bytes each, and 1.5 kB more where very many verdicts are open.
const MOST: usize = 1 << 15;

/// Verdicts of one conversation that are open at a time; packets beyond are not cited.
const OPEN: usize = 64;

/// A time during which a window was shut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shut {
    pub(super) from: Place,
    pub(super) to: Place,
    pub(super) lasted: Span,
}

/// What was seen of one conversation.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Segments sent again, by the side that sent them: originator, responder.
    pub(super) resent: [Few<Place>; 2],
    /// The window that is shut now: since when, by which packet.
    shut_since: Option<(Timestamp, Place)>,
    /// The longest time it was shut.
    pub(super) longest: Option<Shut>,
    /// Times it was shut.
    pub(super) times: u64,
    /// The reset that ended it.
    pub(super) reset: Option<Place>,
    /// Packets of which the verdict is not final yet, and whether the responder sent them.
    open_verdicts: Vec<(Place, bool)>,
}

impl Seen {
    /// What its lists take, bytes.
    pub(super) fn bytes(&self) -> usize {
        let list = |bytes: usize| if bytes == 0 { 0 } else { heap::taken(bytes) };
        let places: usize = self.resent.iter().map(|few| list(few.first.capacity() * size_of::<Place>())).sum();
        places + list(self.open_verdicts.capacity() * size_of::<(Place, bool)>())
    }

    /// Is the window still shut?
    pub(super) const fn is_shut(&self) -> bool {
        self.shut_since.is_some()
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
pub(super) struct Seens {
    flows: HashMap<FlowId, Seen, foldhash::fast::RandomState>,
    /// Conversations of which nothing is cited.
    pub(super) without_room: u64,
}

impl Seens {
    /// A packet whose note says that something happened.
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
            Some(Change::State(state)) => {
                if matches!(state, State::ResetByOriginator | State::ResetByResponder)
                    && let Some(seen) = self.of(flow)
                {
                    seen.reset = Some(place);
                }
                // Whatever ends it, nobody waits for the window any more.
                if let Some(seen) = self.flows.get_mut(&flow)
                    && seen.is_shut()
                {
                    seen.open(ts, place);
                }
            }
            _ => {}
        }
        let responder = note.direction == Some(Direction::Responder);
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
    fn of(&mut self, flow: FlowId) -> Option<&mut Seen> {
        if self.flows.len() >= MOST && !self.flows.contains_key(&flow) {
            self.without_room += 1;
            return None;
        }
        Some(self.flows.entry(flow).or_default())
    }

    /// A conversation is over: what was seen of it.
    pub(super) fn take(&mut self, flow: FlowId) -> Option<Seen> {
        self.flows.remove(&flow)
    }
}
