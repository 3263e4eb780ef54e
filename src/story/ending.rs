//! What stands before the first packet and after the last: how the sockets came to be, what stays open, and whether the sums come out even.

use super::Sum;
use super::call::{Call, Host};
use super::claim::{Claim, Mark};
use super::datagram::error_of;
use super::say::Say;
use super::setup::{backoff, is_fast};
use super::step::What;
use super::tell::Teller;
use crate::decode::TcpFlags;
use crate::flow::{EndReason, FlowKind, Outcome, State, TcpState};
use crate::model::Span;

/// From here on systems pick ports for `connect()`: 32768 (Linux), 49152 (RFC 6335 section 6, others).
const EPHEMERAL: u16 = 32_768;

/// Even pauses at the start that Linux 6.5 and later make (`tcp_syn_linear_timeouts`).
const LINEAR: usize = 4;

impl Teller<'_> {
    /// What was before the first packet.
    pub(super) fn before(&mut self) -> Vec<Claim> {
        let record = self.record;
        if record.id.kind != FlowKind::Tcp {
            return Vec::new();
        }
        if self.is_probed() {
            return Vec::new();
        }
        let Some(handshake) = &record.handshake else { return self.only(Mark::Seen, None, Say::Midway) };
        if handshake.outcome == Outcome::Midway {
            return self.only(Mark::Seen, None, Say::Midway);
        }
        let both = handshake.outcome == Outcome::Simultaneous;
        if handshake.syn_ack.is_some() && !both {
            let mark = if self.is_split() { Mark::OneOf } else { Mark::Implied };
            let claim = self.say(mark, Host::Server, Say::Listens { port: record.responder.port });
            for call in [Call::Socket, Call::Bind, Call::Listen] {
                claim.some_time(Host::Server, call);
            }
        }
        if handshake.syn.is_some() {
            let (from, to) = (record.originator, record.responder);
            let ephemeral = from.port >= EPHEMERAL;
            let first = self.steps.iter().find_map(|step| Some((*step, step.segment().filter(|segment| segment.is_bare_syn())?)));
            let fast = first.is_some_and(|(step, segment)| is_fast(step, segment));
            let say = if fast { Say::OpensFast { to } } else { Say::Connects { to, port: from.port, ephemeral } };
            let by_hand = self.may_be_made_by_hand();
            let claim = self.say(if by_hand || fast { Mark::OneOf } else { Mark::Implied }, Host::Client, say);
            claim.some_time(Host::Client, Call::Socket);
            if !ephemeral {
                claim.some_time(Host::Client, Call::Bind);
            }
            claim.call(Host::Client, if fast { Call::SendTo } else { Call::Connect });
        }
        if both {
            let (from, to) = (record.responder, record.originator);
            let say = Say::Connects { to, port: from.port, ephemeral: from.port >= EPHEMERAL };
            // Whoever is to be found at a port has chosen it.
            let claim = self.say(Mark::Implied, Host::Server, say);
            claim.some_time(Host::Server, Call::Socket).some_time(Host::Server, Call::Bind).call(Host::Server, Call::Connect);
        }
        self.take_claims()
    }

    /// What the end leaves open.
    pub(super) fn after(&mut self) -> Vec<Claim> {
        let record = self.record;
        let Some(handshake) = &record.handshake else { return Vec::new() };
        match record.state {
            State::NoAnswer => self.after_silence(handshake.syn_retries + 1),
            State::Unreachable if record.id.kind == FlowKind::Tcp && self.is_still_opening() => {
                self.say_still_knocking(handshake.syn_retries + 1);
            }
            State::HalfOpen => {
                self.say(Mark::OneOf, Host::Server, Say::LeftHalfOpen);
            }
            State::Open | State::Stalled | State::HalfClosed | State::Midway | State::Closing => self.after_open(),
            _ => {}
        }
        self.take_claims()
    }

    /// It was not over with its last packet.
    fn after_open(&mut self) {
        match self.record.end_reason {
            Some(EndReason::Reused) => self.say(Mark::Seen, None, Say::PortsReused),
            Some(EndReason::Timeout) => return,
            _ => self.say(Mark::Seen, None, Say::StillOpen),
        };
        let Some(end) = self.steps.last().map(|step| step.ts) else { return };
        for host in [Host::Client, Host::Server] {
            let tries = self.side(host.other()).unanswered;
            if let Some(last) = self.side(host).last_ts.filter(|_| tries > 0) {
                self.say(Mark::Seen, host, Say::Unheard { silent: end - last, tries });
            }
        }
    }

    /// Nothing answered the client's SYNs.
    fn after_silence(&mut self, tries: u32) {
        let syns = self.steps.iter().filter(|step| step.segment().is_some_and(super::Segment::is_bare_syn));
        let times: Vec<_> = syns.map(|step| step.ts).collect();
        let gaps: Vec<Span> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if gaps.len() > 1 {
            let even = |pair: &[Span]| backoff(Some(pair[0]), pair[1]) == super::Backoff::Even;
            let linear = gaps.windows(2).take(LINEAR - 1).all(even);
            self.say(Mark::Seen, Host::Client, Say::Pauses { gaps, linear });
        }
        if !self.steps.iter().any(|step| matches!(step.what, What::Error { .. })) {
            self.say(Mark::Seen, None, Say::NothingBack);
            self.say(Mark::OneOf, None, Say::WhySilent);
        }
        self.say_still_knocking(tries);
    }

    fn say_still_knocking(&mut self, tries: u32) {
        let errors = self.steps.iter().rev().filter_map(|step| error_of(&step.what));
        let error = errors.map(|(error, _)| error).next();
        let mark = if self.may_be_made_by_hand() { Mark::OneOf } else { Mark::Implied };
        self.say(mark, Host::Client, Say::StillKnocking { tries, error }).call(Host::Client, Call::Connect);
    }

    /// Was the client still in SYN-SENT with the last packet, whatever was reported?
    fn is_still_opening(&self) -> bool {
        self.sides[Host::Client.index()].state == Some(TcpState::SynSent)
    }

    fn only(&mut self, mark: Mark, host: Option<Host>, say: Say) -> Vec<Claim> {
        self.say(mark, host, say);
        self.take_claims()
    }

    /// The numbers of both sides, as far as they can be added up: with the SYN seen and nothing left out.
    pub(super) fn sums(&self) -> Vec<Sum> {
        let sum = |host: Host| {
            let side = &self.sides[host.index()];
            let flags = i64::from(side.fin.is_some()) + 1;
            let bytes = u64::try_from(side.next - flags).ok()?;
            let acknowledged = (side.acked > 0).then_some(side.acked);
            side.syn_seen.then_some(Sum { host, syn: true, bytes, fin: side.fin.is_some(), acknowledged })
        };
        [Host::Client, Host::Server].into_iter().filter_map(sum).collect()
    }

    /// A segment outside of any connection that no normal system sends. Says whether it was one.
    pub(super) fn on_scan_probe(&mut self, host: Host, segment: &super::Segment) -> bool {
        let fresh = self.sides.iter().all(|side| side.last_step.is_none());
        if host != Host::Client || !(fresh || segment.accepted) || !self.is_probed() {
            return false;
        }
        self.say(Mark::OneOf, host, Say::ScanProbe { flags: segment.flags.0 });
        true
    }

    /// Is all of it a probe: segments without data that belong to no connection, answered by resets or not at all? One with ACK may be of a
    /// connection that began before the capture, unless a reset says that there was none.
    pub(super) fn is_probed(&self) -> bool {
        if self.record.handshake.as_ref().is_some_and(|handshake| handshake.outcome != Outcome::Midway) {
            return false;
        }
        let (mut resets, mut odd) = (0, false);
        for step in &self.steps {
            let Some(segment) = step.segment() else { continue };
            match self.host_of(step) {
                Some(Host::Server) if segment.has(TcpFlags::RST) => resets += 1,
                Some(Host::Client) if step.len == 0 && !segment.has(TcpFlags::SYN | TcpFlags::RST) => {
                    odd |= !segment.has(TcpFlags::ACK);
                }
                _ => return false,
            }
        }
        odd || resets > 0
    }

    /// Is a reset of this host the answer to a probe?
    pub(super) fn is_probe_answer(&self, host: Host) -> bool {
        host == Host::Server && self.is_probed()
    }
}
