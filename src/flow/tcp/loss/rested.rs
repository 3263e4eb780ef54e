//! A direction that has been silent, folded: all that passed was acknowledged, so its lists are of no use, and of its sender's
//! habits the sums are enough. A million idle connections fit in the room that all share, and those that are busy find some.

use super::requests::Requests;
use super::sender::{Habits, Sender};
use super::side::Side;
use crate::decode::TcpFlags;
use crate::flow::record::LossRecord;
use crate::flow::room::Room;
use crate::flow::tcp::seq::Seq;

/// What is kept of a direction at rest.
#[derive(Clone, Debug)]
pub(super) struct Rested {
    pub(super) next: u64,
    pub(super) habits: Habits,
    /// `None`: nothing was counted.
    pub(super) record: Option<Box<LossRecord>>,
    pub(super) origin: u32,
    pub(super) largest: u32,
    pub(super) mss_agreed: u16,
    pub(super) window: u16,
    pub(super) syn_flags: u16,
    pub(super) shut: bool,
    pub(super) has_syn: bool,
    pub(super) fin: bool,
    pub(super) answered: bool,
    pub(super) sack_offer: bool,
    pub(super) sack_agreed: bool,
    /// The capture began in the midst of it.
    pub(super) midway: bool,
    /// Segments passed while there was no room to wake it: its numbers are of no use.
    stale: bool,
}

/// What is known of a direction.
#[derive(Clone, Debug, Default)]
pub(super) enum Kept {
    /// It has sent nothing, or there was no room for it.
    #[default]
    Nothing,
    Awake(Box<Side>),
    Rested(Box<Rested>),
}

impl Kept {
    pub(super) fn awake(&self) -> Option<&Side> {
        if let Self::Awake(side) = self { Some(side) } else { None }
    }

    pub(super) fn awake_mut(&mut self) -> Option<&mut Side> {
        if let Self::Awake(side) = self { Some(side) } else { None }
    }

    pub(super) fn record(&self) -> LossRecord {
        match self {
            Self::Nothing => LossRecord::default(),
            Self::Awake(side) => side.record(),
            Self::Rested(rested) => rested.record.as_deref().copied().unwrap_or_default(),
        }
    }

    /// A direction begins, if there is room.
    #[inline(never)]
    pub(super) fn begin(&mut self, room: &mut Room) {
        if room.take(size_of::<Side>()) {
            *self = Self::Awake(Box::new(Side::new()));
        }
    }

    /// It goes on after a rest. `false`: there is no room for that.
    #[cold]
    pub(super) fn wake(&mut self, room: &mut Room) -> bool {
        let Self::Rested(rested) = self else { return true };
        if !room.take(size_of::<Side>()) {
            rested.stale = true;
            return false;
        }
        room.give_back(rested.bytes());
        let mut side = Side::new();
        side.counts = rested.record.take();
        if !rested.stale {
            side.unfold(rested);
        }
        *self = Self::Awake(Box::new(side));
        true
    }

    /// Nothing of it is open: it is folded.
    pub(super) fn fold(&mut self, room: &mut Room) {
        let Self::Awake(side) = self else { return };
        let rested = side.fold();
        side.release(room);
        room.give_back(size_of::<Side>());
        // It is smaller than what was given back.
        if room.take(rested.bytes()) {
            *self = Self::Rested(Box::new(rested));
        } else {
            *self = Self::Nothing;
        }
    }

    pub(super) fn release(&mut self, room: &mut Room) {
        match self {
            Self::Nothing => {}
            Self::Awake(side) => {
                side.release(room);
                room.give_back(size_of::<Side>());
            }
            Self::Rested(rested) => room.give_back(rested.bytes()),
        }
        *self = Self::Nothing;
    }
}

impl Rested {
    const fn bytes(&self) -> usize {
        size_of::<Self>() + if self.record.is_some() { size_of::<LossRecord>() } else { 0 }
    }
}

impl Side {
    fn fold(&self) -> Rested {
        let record = self.record();
        let (window, shut) = self.requests.window();
        Rested {
            next: self.next,
            habits: self.sender.habits(),
            record: (record != LossRecord::default()).then(|| Box::new(record)),
            origin: self.origin.0,
            largest: self.largest,
            mss_agreed: self.mss_agreed,
            window,
            syn_flags: self.syn_flags.0,
            shut,
            has_syn: self.syn.is_some(),
            fin: self.fin,
            answered: self.answered,
            sack_offer: self.sack_offer,
            sack_agreed: self.sack_agreed,
            midway: self.first.is_some() || self.history.lost_below() > 0,
            stale: false,
        }
    }

    fn unfold(&mut self, rested: &Rested) {
        self.known = true;
        self.origin = Seq(rested.origin);
        self.next = rested.next;
        self.sender = Sender::with(&rested.habits);
        self.largest = rested.largest;
        // Nothing rests that is not acknowledged.
        self.history.longest_acked = rested.largest;
        self.mss_agreed = rested.mss_agreed;
        self.mss_offer = (rested.mss_agreed > 0).then_some(rested.mss_agreed);
        self.requests = Requests::after_rest(rested.next, rested.window, rested.shut);
        self.syn_flags = TcpFlags(rested.syn_flags);
        self.syn = rested.has_syn.then_some(self.origin);
        self.syns = u32::from(rested.has_syn);
        (self.fin, self.answered) = (rested.fin, rested.answered);
        (self.sack_offer, self.sack_agreed) = (rested.sack_offer, rested.sack_agreed);
        if rested.midway {
            // What lies below may have passed or not.
            self.history.forget_below(rested.next);
        }
    }
}
