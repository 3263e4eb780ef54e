//! The set-up of a connection: SYNs, answers to them, and the packet that completes it (RFC 9293 section 3.5).

use super::SceneKind;
use super::call::{Call, Host};
use super::claim::{Backoff, Mark};
use super::say::Say;
use super::step::{Segment, Step};
use super::tell::Teller;
use crate::decode::TcpFlags;
use crate::flow::TcpState;
use crate::model::Span;

/// Steps within which a host that ends early does so.
const SOON: usize = 64;

/// nmap's SYNs have no option but MSS, and one of four windows; kernels of this century offer more (tried with nmap 7.93).
fn looks_like_a_probe(syn: &Segment) -> bool {
    let options = &syn.options;
    let offers = options.scale.is_some() || options.sack_permitted || options.times.is_some() || options.fast_open.is_some();
    !offers && !options.multipath && options.others.is_empty() && matches!(syn.window, 1024 | 2048 | 3072 | 4096)
}

/// Does this SYN carry data, or ask for a cookie to do so the next time (RFC 7413)? `connect()` alone makes neither.
pub(super) fn is_fast(step: &Step, segment: &Segment) -> bool {
    step.len > 0 || segment.options.fast_open.is_some()
}

impl Teller<'_> {
    /// A SYN without ACK.
    pub(super) fn on_syn(&mut self, at: usize, host: Host, segment: &Segment) {
        self.enter(SceneKind::SettingUp);
        let step = self.step(at);
        let peer = self.side(host.other());
        let crossed = peer.state == Some(TcpState::SynSent) && peer.syns > 0;
        let me = self.side(host);
        if me.syn_seen && !me.starts_with(segment.seq) {
            me.restart(segment.seq);
            me.syns = 0;
        }
        me.start(segment.seq);
        me.syns += 1;
        let copies = me.syns;
        let gap = me.last_syn.replace(step.ts).map(|last| step.ts - last);
        let before = me.syn_gap;
        me.syn_gap = gap;
        let end = 1 + i64::from(step.len);
        if !me.send(end, at) {
            me.sent_again(0, end);
        }
        if let (Some(gap), 2..) = (gap, copies) {
            let backs_off = backoff(before, gap);
            self.say(Mark::Seen, host, Say::SynAgain { copy: copies, gap, backs_off });
            if copies == 2 {
                self.say(Mark::Implied, host, Say::SetUpTimer { answer: false });
            }
            return;
        }
        self.say(Mark::Seen, host, Say::Asks { isn: segment.seq });
        self.say(Mark::Seen, host, Say::Offers(segment.options.clone(), segment.window));
        if step.len > 0 {
            self.say(Mark::Seen, host, Say::EarlyData { len: step.len });
        }
        if self.is_split() && host == Host::Server {
            self.say(Mark::OneOf, host, Say::SplitSyn);
        } else if crossed {
            self.say(Mark::Implied, None, Say::Simultaneous).call(host, Call::Connect);
        } else {
            let early = is_fast(step, segment);
            self.side(host).opens_fast = early;
            let say = if early { Say::SendsEarly } else { Say::ConnectWaits };
            let by_hand = host == Host::Client && self.may_be_made_by_hand();
            let claim = self.say(if early || by_hand { Mark::OneOf } else { Mark::Implied }, host, say);
            if early {
                claim.call(host, Call::SendTo).call(host, Call::Connect).call(host, Call::Send);
            } else {
                claim.call(host, Call::Connect);
            }
            if by_hand {
                let probe = looks_like_a_probe(segment);
                self.say(Mark::OneOf, host, Say::MadeByHand { probe });
            }
        }
    }

    /// Is a raw socket as likely behind the client's SYN as `connect()`? Either nobody acknowledged the answer, or the SYN is one as scanners
    /// make them and led to no connection.
    pub(super) fn may_be_made_by_hand(&self) -> bool {
        let Some(handshake) = self.record.handshake.as_ref().filter(|h| h.syn.is_some() && h.ack.is_none()) else { return false };
        let first = self.steps.iter().find_map(|step| step.segment().filter(|segment| segment.is_bare_syn()));
        handshake.syn_ack.is_some() || first.is_some_and(looks_like_a_probe)
    }

    /// A SYN with ACK.
    pub(super) fn on_syn_ack(&mut self, at: usize, host: Host, segment: &Segment) {
        self.enter(SceneKind::SettingUp);
        let step = self.step(at);
        let ack = self.side(host.other()).line(segment.ack);
        let me = self.side(host);
        let answered_before = me.syn_seen && me.ack_sent.is_some() && me.starts_with(segment.seq);
        if me.syn_seen && !me.starts_with(segment.seq) {
            me.restart(segment.seq);
        }
        me.start(segment.seq);
        me.syns += 1;
        me.ack_sent = Some(ack);
        let copies = me.syns;
        let gap = me.last_syn.replace(step.ts).map(|last| step.ts - last);
        if !me.send(1, at) {
            me.sent_again(0, 1);
        }
        if let (Some(gap), true) = (gap, answered_before) {
            self.say(Mark::Seen, host, Say::SynAckAgain { copy: copies, gap });
            if copies == 2 {
                self.say(Mark::Implied, host, Say::SetUpTimer { answer: true });
            }
            self.say_connected(at, host.other());
            return;
        }
        let asked = self.side(host.other()).last_step;
        let answered = self.side(host.other()).acknowledge(ack);
        let claim = self.say(Mark::Seen, host, Say::AcceptsSyn { ack });
        claim.evidence.extend(asked);
        self.say(Mark::Seen, host, Say::Offers(segment.options.clone(), segment.window));
        self.say_round_trip(answered, step);
        let peer = host.other();
        if ack > 1 {
            self.say(Mark::Implied, host, Say::AcceptEarly).some_time(host, Call::Accept).some_time(host, Call::Recv);
            self.side(host).accepted_early = true;
        }
        self.say_connected(at, peer);
    }

    /// The SYN-ACK of this step lets the call of `peer` return that opened the connection.
    fn say_connected(&mut self, at: usize, peer: Host) {
        // In a split handshake it is the client that sends this, and nobody called connect() at the other side.
        let nobody = self.is_split() && peer == Host::Server;
        if self.never_completed() || nobody || self.is_answered_again(at, peer) || self.side(peer).connected {
            return;
        }
        self.side(peer).connected = true;
        if self.side(peer).opens_fast {
            self.say(Mark::OneOf, peer, Say::FastOpenReturns).call(peer, Call::SendTo).call(peer, Call::Connect);
        } else {
            self.say(Mark::Implied, peer, Say::ConnectReturns).call(peer, Call::Connect);
        }
    }

    /// Is the SYN-ACK of this step sent again, far from `peer`, before that acknowledges it? Then this copy may have been lost.
    pub(super) fn is_answered_again(&self, at: usize, peer: Host) -> bool {
        if self.seen_from(peer) {
            return false;
        }
        for step in self.steps.iter().skip(at + 1).take(SOON) {
            let Some(segment) = step.segment().filter(|segment| segment.accepted) else { continue };
            if self.host_of(step) == Some(peer) && segment.has(TcpFlags::ACK) {
                return false;
            }
            if segment.is_syn_ack() && segment.verdict.is_some_and(|verdict| verdict.kind.is_resent()) {
                return true;
            }
        }
        false
    }

    /// Is this the packet that completes the set-up?
    pub(super) fn completes(&self, step: &Step) -> bool {
        let ack = self.record.handshake.as_ref().and_then(|handshake| handshake.ack);
        ack == Some((step.number, step.ts)) && self.record.first_packet.0 == step.source
    }

    /// The kernel of `host` completes the set-up, and the program of the other one can accept it.
    pub(super) fn say_completed(&mut self, host: Host) {
        let peer = host.other();
        if self.is_split() && host == Host::Server {
            self.say(Mark::Implied, peer, Say::ConnectReturns).call(peer, Call::Connect);
            return;
        }
        self.say(Mark::Implied, host, Say::KernelCompletes);
        // Who called connect() has nothing to accept.
        let waits = self.side(peer).state != Some(TcpState::SynSent) && !self.side(peer).accepted_early;
        if host == Host::Client && waits && !self.opened_both() {
            self.say(Mark::Implied, peer, Say::AcceptCan).some_time(peer, Call::Accept);
        }
    }

    /// With this packet the set-up is complete here. Does the other host end what it sends before it has that packet? Its FIN echoes an older
    /// timestamp, or comes sooner than an answer could.
    pub(super) fn ends_before_it_opens(&self, at: usize, host: Host) -> bool {
        let ack = self.step(at);
        let fins = |segment: &super::Segment| segment.accepted && segment.has(TcpFlags::FIN);
        let later = self.steps.iter().skip(at + 1).take(SOON).filter(|step| self.host_of(step) == Some(host));
        let Some(fin) = later.into_iter().find(|step| step.segment().is_some_and(fins)) else { return false };
        let times = |step: &Step| step.segment().and_then(|segment| segment.options.times);
        match (times(ack), times(fin), self.leg_to(host)) {
            (Some((value, _)), Some((_, echo)), _) => (echo.wrapping_sub(value) as i32) < 0,
            (_, _, Some(leg)) => (fin.ts - ack.ts).nanos() < leg.nanos() / 4 * 3,
            _ => false,
        }
    }

    /// Did the server answer in two packets?
    pub(super) fn is_split(&self) -> bool {
        self.record.handshake.as_ref().is_some_and(|h| h.outcome == crate::flow::Outcome::Split)
    }

    /// Did both sides call `connect()`?
    pub(super) fn opened_both(&self) -> bool {
        self.record.handshake.as_ref().is_some_and(|h| h.outcome == crate::flow::Outcome::Simultaneous)
    }
}

/// How a pause between copies compares with the one before: timers are off by a tenth, and Linux's first ones are even.
pub(super) fn backoff(before: Option<Span>, gap: Span) -> Backoff {
    let Some(before) = before.filter(|before| before.nanos() > 0) else { return Backoff::First };
    let ratio = gap.nanos() as f64 / before.nanos() as f64;
    if (0.8..=1.25).contains(&ratio) {
        Backoff::Even
    } else if (1.6..=2.5).contains(&ratio) {
        Backoff::Doubles
    } else {
        Backoff::Odd
    }
}
