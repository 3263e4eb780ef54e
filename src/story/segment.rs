//! A TCP segment: which rules are asked, in which order, and how both hosts' states go on.

use super::call::Host;
use super::claim::Mark;
use super::moves;
use super::say::Say;
use super::side::Stray;
use super::step::Segment;
use super::tell::Teller;
use crate::decode::TcpFlags;
use crate::flow::TcpState;

impl Teller<'_> {
    pub(super) fn on_segment(&mut self, at: usize, host: Host, segment: &Segment) {
        if self.on_copy(at, host, segment) {
            return;
        }
        if segment.accepted {
            let ended = self.side(host).state == Some(TcpState::Closed);
            if segment.has(TcpFlags::RST) && !ended && self.is_taken_back(at) {
                let wants = self.side(host.other()).ack_sent;
                self.say(Mark::Implied, host, Say::ResetNotExact { wants });
                self.side(host).asked_about = Some(at);
                return;
            }
            if segment.has(TcpFlags::RST) {
                self.on_reset(at, host, segment);
            } else if segment.is_bare_syn() {
                self.on_syn(at, host, segment);
            } else if segment.is_syn_ack() {
                self.on_syn_ack(at, host, segment);
            } else if !self.on_scan_probe(host, segment) {
                self.on_talk(at, host, segment);
            }
            if !self.is_probed() {
                self.on_states(at, host, segment);
            }
        } else {
            self.on_refused_segment(at, host, segment);
        }
        let ts = self.step(at).ts;
        self.side(host.other()).unanswered = 0;
        let me = self.side(host);
        (me.last_step, me.last_ts) = (Some(at), Some(ts));
    }

    /// Is this segment a FIN of `host`, or does it send that again later?
    fn sends_fin_from(&self, at: usize, host: Host, from: Host, segment: &Segment) -> bool {
        (host == from && segment.has(TcpFlags::FIN) && self.sides[host.index()].fin_step != Some(at))
            || self.sends_fin_again(at, host)
    }

    /// Does the connection go on after this reset? The tracker says so where its receiver answered that it was not the number expected.
    fn is_taken_back(&self, at: usize) -> bool {
        let states =
            |step: &&super::step::Step| step.segment().filter(|segment| segment.accepted).and_then(|segment| segment.ends);
        let closed =
            |ends: &crate::flow::EndStates| ends.sender == Some(TcpState::Closed) && ends.receiver == Some(TcpState::Closed);
        let mut later = self.steps[at..].iter().filter_map(states);
        later.next().is_some_and(|ends| closed(&ends)) && later.any(|ends| !closed(&ends))
    }

    /// What the connection does not take, as it is seen here, changes nothing in it.
    fn on_refused_segment(&mut self, at: usize, host: Host, segment: &Segment) {
        let peer = host.other();
        let theirs = self.side(peer);
        let sent = theirs.place(segment.ack).is_some_and(|ack| (1..=theirs.next).contains(&ack));
        let stray = theirs.state == Some(TcpState::SynSent) && segment.has(TcpFlags::ACK) && !sent;
        if segment.has(TcpFlags::RST) {
            self.on_refused_reset(host, segment);
        } else if stray {
            let listens = segment.has(TcpFlags::SYN);
            self.side(host).stray = Some(Stray { step: at, ack: segment.ack, listens });
            self.say(Mark::OneOf, host, if listens { Say::AnswersOldSyn } else { Say::ChallengeAck });
            self.say(Mark::Implied, peer, Say::NeverSent);
        } else {
            self.say(Mark::OneOf, host, Say::NotTaken);
        }
    }

    /// A reset that is none of this connection: one that answers a stray acknowledgment has exactly the number that the other host waits
    /// for, in whatever it remembers.
    fn on_refused_reset(&mut self, host: Host, segment: &Segment) {
        let peer = host.other();
        let stray = self.side(peer).stray.take_if(|stray| stray.ack == segment.seq && !segment.has(TcpFlags::ACK));
        let Some(Stray { step, listens, .. }) = stray else {
            self.say(Mark::OneOf, host, Say::ResetIgnored);
            return;
        };
        self.say(Mark::Seen, host, Say::ResetsStray { of: step }).by(step);
        self.say(Mark::Implied, peer, Say::OldOneEnds { listens });
    }

    /// Both states after the segment, by the way they went. The tracker has every packet arrive as it is seen; where what comes later says
    /// that it did not, the receiver stays what it is for now.
    fn on_states(&mut self, at: usize, from: Host, segment: &Segment) {
        let Some(ends) = segment.ends else { return };
        let reset = segment.has(TcpFlags::RST);
        if segment.has(TcpFlags::FIN) && self.fins_cross(at, from.other()) {
            self.side(from.other()).crossing = true;
        } else if segment.has(TcpFlags::FIN) && self.is_sent_again_before_its_end(at, from) {
            self.side(from.other()).behind = true;
        }
        if self.sides[from.other().index()].fin_acked() {
            self.side(from).behind = false;
        }
        let unheard = segment.is_syn_ack() && (self.never_completed() || self.is_answered_again(at, from.other()));
        for (host, after) in [(from, ends.sender), (from.other(), ends.receiver.filter(|_| !unheard))] {
            let Some(after) = after else { continue };
            if (self.side(host).crossing || self.side(host).behind) && after == TcpState::CloseWait {
                continue;
            }
            if after == TcpState::Established && host != from && self.completes(self.step(at)) {
                self.side(host).unopened = self.ends_before_it_opens(at, host);
            }
            // What acknowledged the client's SYN in a split handshake came while it was in SYN-SENT: it waits for another one.
            let split = host == Host::Client && host == from && self.is_split();
            if after == TcpState::Established && (self.side(host).unopened || split) {
                continue;
            }
            let fin_gone = matches!(after, TcpState::Closed | TcpState::FinWait2 | TcpState::TimeWait);
            let closing = matches!(self.side(host).state, Some(TcpState::LastAck | TcpState::FinWait1 | TcpState::Closing));
            // It sends its FIN again: what acknowledged that never arrived.
            if closing && fin_gone && !reset && self.sends_fin_from(at, host, from, segment) {
                continue;
            }
            let before = self.side(host).state.replace(after);
            let before = before.or_else(|| first_state(segment, host == from));
            let Some(before) = before.filter(|before| *before != after) else { continue };
            let Some(to) = moves::way(before, after, reset) else {
                self.say(Mark::Seen, None, Say::NoRule);
                continue;
            };
            let later = if host == from { None } else { self.later_at(host) };
            let waits = to.last() == Some(&TcpState::TimeWait);
            // Without a socket there are no states.
            let by_hand = match host {
                Host::Client => self.may_be_made_by_hand(),
                Host::Server => self.is_split(),
            };
            let mark = if by_hand { Mark::OneOf } else { Mark::Implied };
            self.say(mark, host, Say::Moves { host, from: before, to, later });
            if waits {
                self.say(Mark::Implied, host, Say::TimeWait);
            }
        }
    }
}

/// The state of a host of which nothing was seen before its part in setting up. In the middle of a connection there is none.
fn first_state(segment: &Segment, is_sender: bool) -> Option<TcpState> {
    match (segment.is_bare_syn(), segment.is_syn_ack(), is_sender) {
        (true, _, true) => Some(TcpState::Closed),
        (_, true, true) => Some(TcpState::Listen),
        _ => None,
    }
}
