//! Conversations without connections: datagrams of UDP, messages of ICMP, and errors that ICMP reports about either, or about TCP.

use super::SceneKind;
use super::call::{Call, Errno, Host};
use super::claim::Mark;
use super::say::Say;
use super::step::{Step, What};
use super::tell::Teller;
use crate::flow::{FlowKind, TcpState};

/// Times to live that kernels start with: Linux, BSD and macOS; Windows; others.
const FIRST_TTLS: [u8; 3] = [64, 128, 255];

/// Steps among which the question of an answer is looked for.
const LATELY: usize = 1024;

impl Teller<'_> {
    pub(super) fn on_datagram(&mut self, at: usize) {
        self.enter(SceneKind::Talking);
        let step = self.step(at);
        let Some(host) = self.host_of(step) else { return };
        let peer = host.other();
        if self.record.id.kind != FlowKind::Udp {
            self.say(Mark::Seen, host, Say::OtherPacket { len: step.len });
            let me = self.side(host);
            (me.last_step, me.last_ts) = (Some(at), Some(step.ts));
            return;
        }
        let me = self.side(host);
        let first = me.last_step.is_none();
        let question = self.question_of(at, host);
        let to = match host {
            Host::Client => self.record.responder,
            Host::Server => self.record.originator,
        };
        let me = self.side(host);
        (me.last_step, me.last_ts, me.last_news) = (Some(at), Some(step.ts), Some(at));
        let phrase = step.phrase.clone();
        let claim = self.say(
            Mark::Implied,
            host,
            Say::SendsDatagram { len: step.len, port: to.port, phrase, first: first && host == Host::Client },
        );
        if first && host == Host::Client {
            claim.call(host, Call::Socket).some_time(host, Call::Connect);
        }
        claim.call(host, Call::SendTo).call(host, Call::Send);
        if let Some((of, mark)) = question {
            let took = step.ts - self.step(of).ts;
            self.say(mark, host, Say::Answers { of, took }).by(of);
        }
        let bound = self.side(peer).last_step.is_none() && host == Host::Client;
        if bound && self.was_turned_down(at) {
            return;
        }
        let arrives = Say::DatagramArrives { len: step.len, port: to.port, first: bound };
        // Nothing says that it arrived, unless an answer does.
        let mark = if self.answered_after(at, peer) || host == Host::Server { Mark::Implied } else { Mark::OneOf };
        let claim = self.say(mark, peer, arrives);
        if bound {
            claim.some_time(peer, Call::Socket).some_time(peer, Call::Bind);
        }
        claim.call(peer, Call::RecvFrom);
    }

    /// The datagram that this one answers. Of DNS the message tells; of others it is the last one of the other host, if that has been heard
    /// since this one spoke: of several it may be another.
    fn question_of(&self, at: usize, host: Host) -> Option<(usize, Mark)> {
        let before = self.steps[..at].iter().enumerate().rev().take(LATELY);
        let datagrams = before.filter(|(_, step)| matches!(step.what, What::Datagram(_) | What::Piece(_)));
        if let Some(exchange) = &self.step(at).exchange {
            let is_question = |step: &Step| step.exchange.as_ref().is_some_and(|asked| exchange.is_answer_to(asked));
            let mut asked = datagrams.filter(|(_, step)| self.host_of(step) == Some(host.other()) && is_question(step));
            let (of, _) = asked.next()?;
            // It was asked again: an answer does not say which copy it answers.
            let mark = if asked.next().is_some() { Mark::OneOf } else { Mark::Seen };
            return Some((of, mark));
        }
        let mut unanswered = datagrams.take_while(|(_, step)| self.host_of(step) == Some(host.other()));
        let (of, _) = unanswered.next()?;
        let mark = if unanswered.next().is_some() { Mark::OneOf } else { Mark::Seen };
        Some((of, mark))
    }

    /// The packet that completes a datagram which came in fragments (RFC 791 section 3.2). Of UDP the calls are told, of others not what was in it.
    pub(super) fn on_piece(&mut self, at: usize) {
        let step = self.step(at);
        let host = self.host_of(step);
        self.say(Mark::Seen, host, Say::Completes { len: step.len, pieces: step.pieces.clone() });
        let v6 = step.from.ip.is_ipv6();
        let fresh = step.ttl.filter(|ttl| !v6 && FIRST_TTLS.contains(ttl));
        self.say(if v6 { Mark::Implied } else { Mark::OneOf }, host, Say::CutBy { v6, fresh });
        if self.record.id.kind == FlowKind::Udp && !step.pieces.is_empty() {
            self.on_datagram(at);
        } else if let Some(host) = host {
            let me = self.side(host);
            (me.last_step, me.last_ts, me.last_news) = (Some(at), Some(step.ts), Some(at));
        }
    }

    /// Does an ICMP error follow before anything else of the other host?
    fn was_turned_down(&self, at: usize) -> bool {
        let next = self.steps.iter().skip(at + 1).find(|step| self.host_of(step) != Some(Host::Client) || is_error(&step.what));
        next.is_some_and(|step| is_error(&step.what))
    }

    fn answered_after(&self, at: usize, host: Host) -> bool {
        self.steps
            .iter()
            .skip(at + 1)
            .any(|step| matches!(step.what, What::Datagram(_) | What::Piece(_)) && self.host_of(step) == Some(host))
    }

    pub(super) fn on_message(&mut self, at: usize, kind: u8, code: u8, v6: bool, id: Option<(u16, u16)>) {
        self.enter(SceneKind::Talking);
        let step = self.step(at);
        let host = self.host_of(step);
        let asks = matches!((v6, kind), (false, 8) | (true, 128));
        let answers = matches!((v6, kind), (false, 0) | (true, 129));
        if !asks && !answers {
            self.say(Mark::Seen, host, Say::OtherMessage { kind, code, v6 });
            return;
        }
        self.say(Mark::Seen, host, Say::EchoMessage { request: asks, id, len: step.len });
        if answers && let Some(of) = self.request_of(at, id) {
            let took = step.ts - self.step(of).ts;
            self.say(Mark::Seen, host, Say::Answers { of, took }).by(of);
        }
    }

    /// The request that this reply answers: the last with its identifier and sequence number.
    fn request_of(&self, at: usize, wanted: Option<(u16, u16)>) -> Option<usize> {
        let is_request = |what: &What| match what {
            What::Message { kind, v6, id, .. } => matches!((v6, kind), (false, 8) | (true, 128)) && *id == wanted && id.is_some(),
            _ => false,
        };
        self.steps[..at].iter().rposition(|step| is_request(&step.what))
    }

    /// An ICMP error about a packet of the conversation.
    pub(super) fn on_error(&mut self, at: usize) {
        let step = self.step(at);
        let What::Error { kind, code, v6, mtu } = step.what else { return };
        let by_peer = step.from.ip == self.record.responder.ip;
        self.say(Mark::Seen, None, Say::Reported { by: step.from, by_peer, kind, code, v6, mtu });
        let Some((error, hard)) = errno(v6, kind, code) else { return };
        let udp = self.record.id.kind == FlowKind::Udp;
        let host = Host::Client;
        let opening = self.side(host).state == Some(TcpState::SynSent);
        if udp {
            self.say(Mark::Implied, host, Say::ErrorReturns { call: Call::Send, error, connected: true })
                .some_time(host, Call::Send)
                .some_time(host, Call::Recv);
        } else if opening {
            self.on_error_of_syn(at, error, hard);
        }
        if udp || opening {
            self.enter(if udp { SceneKind::Talking } else { SceneKind::SettingUp });
        }
    }

    /// An error about a SYN. A kernel that goes on with the same SYN, or with what completes the set-up, has kept the error to itself and let
    /// the call wait: Linux does so where the error comes while the program is inside of a call, others for all that are not hard.
    fn on_error_of_syn(&mut self, at: usize, error: Errno, hard: bool) {
        let host = Host::Client;
        if let Some(next) = self.goes_on_opening(at) {
            if !std::mem::replace(&mut self.side(host).kept_error, true) {
                self.say(Mark::Implied, host, Say::ConnectGoesOn { next }).by(next);
            }
            return;
        }
        let by_hand = self.may_be_made_by_hand();
        let mark = if hard && !by_hand { Mark::Implied } else { Mark::OneOf };
        let say =
            if hard { Say::ConnectFails(error) } else { Say::ErrorReturns { call: Call::Connect, error, connected: false } };
        self.say(mark, host, say).call(host, Call::Connect);
        self.side(host).state = Some(TcpState::Closed);
        let later = self.later_at(host);
        self.say(mark, host, Say::Moves { host, from: TcpState::SynSent, to: vec![TcpState::Closed], later });
    }

    /// The packet after this step that the client sends while it is still opening: its SYN again, or what answers a SYN,ACK.
    pub(super) fn goes_on_opening(&self, at: usize) -> Option<usize> {
        let side = &self.sides[Host::Client.index()];
        let (next, _) = self.steps.iter().enumerate().skip(at + 1).find(|(_, step)| {
            let Some(segment) = step.segment() else { return false };
            let again = segment.is_bare_syn() && side.starts_with(segment.seq);
            self.host_of(step) == Some(Host::Client) && (again || self.completes(step))
        })?;
        Some(next)
    }
}

/// What a step reports, if it is an error: what a program gets of it, and whether it is a hard one.
pub(super) const fn error_of(what: &What) -> Option<(Errno, bool)> {
    match *what {
        What::Error { kind, code, v6, .. } => errno(v6, kind, code),
        _ => None,
    }
}

const fn is_error(what: &What) -> bool {
    matches!(what, What::Error { .. })
}

/// What Linux gives a program for an ICMP error (`icmp_err_convert` of its IPv4, `icmpv6_err_convert` of its IPv6), and whether the error is
/// a hard one, at which every TCP is to give up (RFC 1122 section 4.2.3.9). `None`: nothing.
const fn errno(v6: bool, kind: u8, code: u8) -> Option<(Errno, bool)> {
    Some(match (v6, kind, code) {
        (false, 3, 0 | 6 | 9 | 11) | (true, 1, 0) => (Errno::NetUnreach, false),
        (false, 3, 1 | 10 | 12..=15) | (false, 11, _) | (true, 1, 2 | 3) | (true, 3, _) => (Errno::HostUnreach, false),
        (false, 3, 2) => (Errno::ProtoOpt, true),
        (false, 3, 3) | (true, 1, 4) => (Errno::ConnRefused, true),
        (false, 3, 4) | (true, 2, _) => (Errno::MsgSize, false),
        (true, 1, 1 | 5 | 6) => (Errno::Access, false),
        _ => return None,
    })
}
