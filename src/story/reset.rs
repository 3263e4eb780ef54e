//! Resets: what they answer, and what can be behind them (RFC 9293 section 3.10.7, RFC 5961, RFC 2525 section 2.17).

use super::SceneKind;
use super::call::{Call, Errno, Host};
use super::claim::{Break, Claim, Mark};
use super::say::Say;
use super::step::Segment;
use super::tell::Teller;
use crate::decode::TcpFlags;
use crate::flow::TcpState;

impl Teller<'_> {
    /// A reset that its receiver takes.
    pub(super) fn on_reset(&mut self, at: usize, host: Host, segment: &Segment) {
        self.enter(SceneKind::BreakingOff);
        let peer = host.other();
        if segment.has(TcpFlags::ACK) && self.side(host).state.is_some() {
            // It acknowledges, too, what was sent and no more.
            let acked = self.side(peer).place(segment.ack).filter(|ack| *ack <= self.sides[peer.index()].next);
            if let Some(ack) = acked {
                self.side(peer).acknowledge(ack);
            }
        }
        if self.is_probe_answer(host) {
            // Its reset carries no acknowledgment then, but the probe's as its number.
            let ack = !segment.has(TcpFlags::ACK);
            self.say(Mark::Implied, host, Say::ProbeAnswered { ack });
            return;
        }
        match (self.side(host).state, self.side(peer).state) {
            (None | Some(TcpState::Closed | TcpState::Listen), Some(TcpState::SynSent)) => self.on_refusal(at, host, segment),
            (Some(TcpState::SynSent | TcpState::Established), _) if self.never_completed() => {
                let claim = self.say(Mark::OneOf, host, Say::AbandonsOpening);
                claim.call(host, Call::Close).call(host, Call::Exit);
            }
            (Some(TcpState::Closed), Some(TcpState::Closed)) => {
                self.say(Mark::Implied, host, Say::LateReset);
            }
            _ if self.sides.iter().all(|side| side.fin_acked() || side.state == Some(TcpState::TimeWait)) => {
                self.say(Mark::Implied, host, Say::LateReset);
            }
            _ => self.on_break(host, segment),
        }
    }

    /// The set-up was never completed: the client never acknowledged the SYN-ACK.
    pub(super) fn never_completed(&self) -> bool {
        self.record.handshake.as_ref().is_some_and(|handshake| handshake.ack.is_none())
    }

    /// A reset to the SYN.
    fn on_refusal(&mut self, at: usize, host: Host, segment: &Segment) {
        let peer = host.other();
        let step = self.step(at);
        let ack = self.side(peer).line(segment.ack);
        self.side(peer).acknowledge(ack);
        let asked = self.side(peer).last_step;
        let took = asked.map_or(crate::model::Span::ZERO, |asked| step.ts - self.step(asked).ts);
        let say = Say::Refuses { ack, took, ttl: step.ttl, ip_id: step.ip_id };
        self.say(Mark::Seen, host, say).evidence.extend(asked);
        self.say(Mark::OneOf, host, Say::RefusedWhy);
        let mark = if self.may_be_made_by_hand() { Mark::OneOf } else { Mark::Implied };
        self.say(mark, peer, Say::ConnectFails(Errno::ConnRefused)).call(peer, Call::Connect);
    }

    /// A reset in a connection.
    fn on_break(&mut self, host: Host, segment: &Segment) {
        let peer = host.other();
        let me = self.side(host);
        let (sent_data, finished) = (me.data > 0, me.fin.is_some());
        // RFC 9293 (3.10.7.1): who has no connection answers with the number that was acknowledged, and without ACK.
        let no_connection = !segment.has(TcpFlags::ACK);
        let last = self.side(peer).last_step;
        let got_data = self.side(peer).data > 0;
        let after_own_end = finished && last.is_some_and(|last| Some(last) > self.side(host).fin_step);
        let mut causes = Vec::new();
        if self.side(host).unanswered > 0 {
            causes.push(Break::GaveUp);
        }
        if no_connection && finished && after_own_end {
            causes.push(Break::GoneBefore);
        } else if no_connection && !finished {
            causes.extend([Break::Forgotten, Break::Linger]);
        } else {
            if got_data {
                causes.push(Break::Unread);
            }
            if host == Host::Server && !sent_data && !finished {
                causes.push(Break::NeverAccepted);
            }
            causes.push(Break::Linger);
            if got_data {
                causes.push(Break::Killed);
            }
            if finished {
                causes.push(Break::GoneBefore);
            }
        }
        causes.push(Break::Middlebox);
        // A kernel whose program has closed the socket answers by itself.
        let alone = causes.contains(&Break::GoneBefore) && !causes.contains(&Break::Linger);
        let claim = self.say(Mark::OneOf, host, Say::Breaks { causes });
        if !alone {
            claim.call(host, Call::Close).call(host, Call::Exit);
        }
        claim.evidence.extend(last);
        let read = (self.side(peer).state != Some(TcpState::CloseWait)).then_some(Errno::ConnReset);
        let hurts: &mut Claim = self.say(Mark::Implied, peer, Say::BreakHurts { read, write: Errno::Pipe });
        hurts.some_time(peer, Call::Recv).some_time(peer, Call::Send);
    }
}
