//! The state step: what a segment makes of its sender's state, and whether the sender has closed with it.
//!
//! One function a state that the sender can be in. The responder's SYN, whatever it acknowledges, opens both sides.

use super::endpoint::State;
use super::role::Role;
use super::session::Session;
use super::sight::Seg;
use super::weird::{Weird, Weirds};

/// What else a step brings about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outcome {
    /// The sender closes, if nothing of what it sent is missing.
    pub(super) closes: bool,
    /// The originator knocked for the first time.
    pub(super) attempt: bool,
    /// Zeek would raise `connection_established`.
    pub(super) established: bool,
    /// The SYN came after its SYN-ACK: the roles are the other way round.
    pub(super) turned: bool,
    /// Zeek would raise `connection_reset`.
    pub(super) reset: bool,
}

impl Session {
    pub(super) fn step(&mut self, from: Role, seg: &Seg, may_turn: bool, weirds: &mut Weirds) -> Outcome {
        match self.end(from).state {
            State::Inactive => self.step_inactive(from, seg, may_turn, weirds),
            State::SynSent | State::SynAckSent => self.step_knocking(from, seg, weirds),
            State::Established | State::Partial => self.step_open(from, seg, weirds),
            State::Closed => self.step_closed(from, seg, weirds),
            State::Reset => {
                if seg.fin() {
                    weirds.add(Weird::FinAfterReset);
                }
                if seg.syn() {
                    weirds.add(Weird::SynAfterReset);
                }
                if seg.len > 0 && !seg.rst() {
                    weirds.add(Weird::DataAfterReset);
                }
                Outcome::default()
            }
        }
    }

    fn step_inactive(&mut self, from: Role, seg: &Seg, may_turn: bool, weirds: &mut Weirds) -> Outcome {
        let mut outcome = Outcome::default();
        let peer = self.end(from.other()).state;
        if seg.syn() && from.is_originator() {
            if seg.has_ack() {
                weirds.add(Weird::OriginatorSynAck);
            }
            self.set(from, if seg.has_ack() { State::SynAckSent } else { State::SynSent });
            outcome.attempt = true;
        } else if seg.syn() {
            outcome.turned = self.answer(from, seg, may_turn, weirds);
            outcome.established = peer != State::Partial;
        }
        // The roles may have changed above, the sender has not.
        let from = if outcome.turned { from.other() } else { from };
        if seg.fin() {
            self.set(from, State::Closed);
            outcome.closes = true;
            if !seg.syn() && peer != State::Partial {
                weirds.add(Weird::SpontaneousFin);
            }
        }
        if seg.rst() {
            self.set(from, State::Reset);
            outcome.closes = true;
            if peer == State::Inactive {
                weirds.add(Weird::SpontaneousRst);
            }
        }
        if seg.control() == 0 {
            self.first_without_flags(from, seg, peer);
        }
        outcome
    }

    /// The responder's SYN, with or without ACK. Were the roles turned by it?
    fn answer(&mut self, from: Role, seg: &Seg, may_turn: bool, weirds: &mut Weirds) -> bool {
        let peer = *self.end(from.other());
        let isn = self.end(from).start();
        let place = peer.relative_ack(seg.ack);
        if seg.has_ack() && !peer.state.is_inactive() && (place.underflow || place.at > peer.reach()) {
            weirds.add(Weird::BadSynAck);
        }
        if peer.state == State::Inactive {
            weirds.add(Weird::UnsolicitedSynResponse);
        }
        // A SYN that its SYN-ACK overtook (rule 4): its number is what that acknowledges, less one.
        let overtaken = !seg.has_ack() && peer.state == State::SynAckSent && seg.seq == isn;
        if !seg.has_ack() && !overtaken {
            weirds.add(Weird::SimultaneousOpen);
        }
        if peer.state == State::SynSent || (overtaken && may_turn) {
            self.set(from.other(), State::Established);
        }
        self.set(from, State::Established);
        if overtaken && may_turn {
            self.turn();
        }
        overtaken && may_turn
    }

    fn first_without_flags(&mut self, from: Role, seg: &Seg, peer: State) {
        // Before its own SYN, the responder's ACK says nothing.
        let early_ack = !from.is_originator() && peer == State::SynSent && seg.len == 0;
        if early_ack {
            return;
        }
        // Its SYN was lost to the capture, the answer was not.
        let opened = seg.has_ack() && peer == State::Established;
        if opened {
            self.is_whole();
        }
        self.set(from, if opened { State::Established } else { State::Partial });
    }

    fn step_knocking(&mut self, from: Role, seg: &Seg, weirds: &mut Weirds) -> Outcome {
        let mut outcome = Outcome::default();
        let (state, peer) = (self.end(from).state, self.end(from.other()).state);
        if seg.syn() {
            if from.is_originator() && seg.has_ack() && seg.control() == 1 && state != State::SynAckSent {
                weirds.add(Weird::RepeatedSynWithAck);
            } else if !from.is_originator() && !seg.has_ack() && state != State::SynSent {
                weirds.add(Weird::RepeatedSynReplyWoAck);
            }
        }
        if seg.fin() {
            if matches!(peer, State::Inactive | State::SynSent) {
                weirds.add(Weird::InappropriateFin);
            }
            self.set(from, State::Closed);
            outcome.closes = true;
        }
        if seg.rst() {
            self.set(from, State::Reset);
            (outcome.closes, outcome.reset) = (true, true);
        } else if seg.len > 0 {
            weirds.add(Weird::DataBeforeEstablished);
        }
        outcome
    }

    fn step_open(&mut self, from: Role, seg: &Seg, weirds: &mut Weirds) -> Outcome {
        let mut outcome = Outcome::default();
        let peer = *self.end(from.other());
        if seg.is_pure_syn() && self.end(from).state == State::Partial && peer.state == State::Inactive {
            weirds.add(Weird::SynAfterPartial);
            self.set(from, State::SynSent);
        }
        if seg.fin() && !seg.rst() {
            self.set(from, State::Closed);
            outcome.closes = true;
            if peer.state == State::Reset && peer.previous == State::Closed {
                // It sent a FIN and then a RST, as impatient hosts do: that is a close.
                self.set(from.other(), State::Closed);
            }
        }
        if seg.rst() {
            self.set(from, State::Reset);
            outcome.closes = true;
            outcome.reset = peer.state != State::Reset || peer.previous != State::Established;
        }
        outcome
    }

    fn step_closed(&mut self, from: Role, seg: &Seg, weirds: &mut Weirds) -> Outcome {
        if seg.syn() {
            weirds.add(Weird::SynAfterClose);
        }
        if !seg.rst() || self.end(from.other()).state == State::Closed {
            return Outcome::default();
        }
        let closes = !self.end(from).did_close;
        self.set(from, State::Reset);
        Outcome { closes, ..Outcome::default() }
    }
}
