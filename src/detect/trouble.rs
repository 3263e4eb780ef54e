//! What went wrong in connections that were set up: segments sent again, windows that stayed shut, resets in the middle; and what the
//! capture itself missed.

use super::black_hole::swallowed;
use super::bounds::Bounds;
use super::finding::{Cause, Finding, Severity};
use super::gone::unheard;
use super::groups::Groups;
use crate::flow::{Cited, Few, Place};
use crate::flow::{FlowId, FlowRecord, Outcome, SideRecord, State};
use crate::model::{Endpoint, IpProtocol, Span};
use std::net::IpAddr;

/// A window shut for less than this makes no finding by itself: receivers pause.
const SHUT: Span = Span::from_millis(200);

/// From here on it is felt.
const SHUT_LONG: Span = Span::from_millis(1000);

/// Segments sent again, of a thousand, that make a finding: below, ordinary loss of the Internet.
const RESENT: u64 = 5;

/// From here on connections are slow: 5 in a hundred.
const RESENT_MUCH: u64 = 50;

/// Segments sent again that make a finding, however few were sent.
const RESENT_FEW: u64 = 3;

/// Segments that one host sent another again.
#[derive(Debug, Default)]
struct Resent {
    flows: Few<FlowId>,
    packets: Few<Place>,
    segments: u64,
    of: u64,
    before: u64,
    beyond: u64,
    spurious: u64,
    by_client: bool,
}

/// Windows of one receiver.
#[derive(Debug, Default)]
struct Shut {
    flows: Few<FlowId>,
    packets: Few<Place>,
    receiver: Option<Endpoint>,
    sender: Option<Endpoint>,
    longest: Span,
    times: u64,
    at_end: bool,
}

/// Resets of one sort.
#[derive(Debug, Default)]
struct Resets {
    flows: Few<FlowId>,
    packets: Few<Place>,
    first: Option<Cause>,
}

/// Packets that were too big for the way from one host to another.
#[derive(Debug, Default)]
struct TooBig {
    flows: Few<FlowId>,
    packets: Few<Place>,
    errors: u64,
    segments: u64,
    stuck: bool,
}

/// Do packets of this side pass more than once, as where a second interface or a mirrored port captures them, too?
fn is_seen_twice(side: &SideRecord) -> bool {
    side.loss.as_ref().is_some_and(|loss| loss.duplicate_packets > 0)
}

/// Did a side of this connection ask for a segment again, by acknowledging more than once what is before it?
pub(super) fn asked_again(record: &FlowRecord, side: &SideRecord) -> bool {
    let Some(loss) = &side.loss else { return false };
    // Where packets are captured twice, every acknowledgment is: as many as half of them say nothing.
    let copies = if is_seen_twice(&record.orig) || is_seen_twice(&record.resp) { side.pure_acks.div_ceil(2) } else { 0 };
    loss.duplicate_acks > copies
}

/// Does an ICMP error say that a packet is too big? (RFC 1191 section 4, RFC 4443 section 3.2.)
const fn is_too_big(v6: bool, kind: u8, code: u8) -> bool {
    if v6 { kind == 2 } else { kind == 3 && code == 4 }
}

/// What went wrong so far.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    resent: Groups<IpAddr, Resent>,
    too_big: Groups<IpAddr, TooBig>,
    shut: Groups<(IpAddr, u16), Shut>,
    /// By server, not by client: one that closes badly does so to all.
    resets: Groups<(u16, bool), Resets>,
    missed: (u64, Few<FlowId>),
}

impl Troubles {
    pub(super) fn within(bounds: Bounds) -> Self {
        let (resent, too_big) = (Groups::within(bounds), Groups::within(bounds));
        Self { resent, too_big, shut: Groups::within(bounds), resets: Groups::within(bounds), ..Self::default() }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        let seen = record.cited.as_deref();
        if record.protocol != IpProtocol::TCP {
            return;
        }
        let sides = [(&record.orig, record.originator, record.responder), (&record.resp, record.responder, record.originator)];
        for (at, (side, from, to)) in sides.into_iter().enumerate() {
            self.resent(
                record,
                side,
                (from.ip, to.ip, at == 0),
                seen.map(|seen| (&seen.resent[at], seen.resent_while_shut + 2 * seen.times)),
            );
            let missed = side.loss.as_ref().map_or(0, |loss| loss.uncaptured_bytes);
            if missed > 0 {
                self.missed.0 += missed;
                self.missed.1.push(record.id);
            }
        }
        if let Some(seen) = seen {
            self.window(record, seen);
        }
        self.reset(record, seen);
    }

    fn resent(
        &mut self,
        record: &FlowRecord,
        side: &SideRecord,
        (from, to, by_client): (IpAddr, IpAddr, bool),
        seen: Option<(&Few<Place>, u64)>,
    ) {
        let Some(loss) = side.loss.as_ref() else { return };
        let handshake = record.handshake.as_ref();
        // A SYN that was copied on its way, or by the capture, has its answer twice: none of that was lost.
        let answers = handshake.filter(|_| !by_client && is_seen_twice(&record.orig)).map_or(0, |h| u64::from(h.syn_ack_retries));
        let segments = loss.resent_packets - loss.resent_packets.min(answers);
        if segments == 0 {
            return;
        }
        // SYNs without an answer are an attempt that failed, and told as that.
        if handshake
            .is_some_and(|h| matches!(h.outcome, Outcome::NoAnswer | Outcome::Refused | Outcome::Unreachable | Outcome::HalfOpen))
        {
            return;
        }
        // What a shut window refused is sent again: while it is shut, and once or twice around that. The window is the finding.
        if seen.is_some_and(|(_, refused)| segments <= refused) {
            return;
        }
        // Too big for the way, and nobody said so: that is `black_hole`'s.
        if swallowed(record, !by_client).is_some() {
            return;
        }
        // Nobody is there any more: that is `gone`'s.
        if unheard(record, !by_client).is_some() {
            return;
        }
        // Too big for the way, and a router said so: that is the finding.
        if let Some((kind, code, _)) = record.icmp_error
            && is_too_big(from.is_ipv6(), kind, code)
        {
            let Some(group) = self.too_big.of(from, to) else { return };
            group.flows.push(record.id);
            group.errors += record.icmp_errors;
            group.segments += segments;
            group.packets.push((record.first_packet.0, record.icmp_error.map_or(0, |(.., number)| number)));
            if let Some((seen, _)) = seen {
                group.packets.extend(seen);
            }
            group.stuck |= side.unique_bytes > 0 && !matches!(record.state, State::Closed | State::HalfClosed);
            return;
        }
        let Some(group) = self.resent.of(from, to) else { return };
        if group.flows.total == 0 {
            group.by_client = by_client;
        }
        group.flows.push(record.id);
        if let Some((seen, _)) = seen {
            group.packets.extend(seen);
        }
        group.segments += segments;
        group.of += side.data_packets.max(segments);
        group.before += loss.lost_before;
        group.beyond += loss.lost_beyond;
        group.spurious += loss.spurious_packets;
    }

    fn window(&mut self, record: &FlowRecord, seen: &Cited) {
        let Some(longest) = seen.longest.filter(|_| seen.times > 0) else { return };
        // Whose window: the side that offered 0 more often; of a tie the one that got more.
        let by_responder =
            (record.resp.zero_windows, record.orig.unique_bytes) >= (record.orig.zero_windows, record.resp.unique_bytes);
        let (receiver, sender) =
            if by_responder { (record.responder, record.originator) } else { (record.originator, record.responder) };
        let key = if by_responder { (receiver.ip, receiver.port) } else { (receiver.ip, 0) };
        let Some(group) = self.shut.of(sender.ip, key) else { return };
        group.flows.push(record.id);
        group.times += seen.times;
        group.receiver.get_or_insert(receiver);
        group.sender.get_or_insert(sender);
        if longest.lasted > group.longest {
            group.longest = longest.lasted;
            group.packets = Few::of([longest.from, longest.to]);
        }
        group.at_end |= seen.is_shut();
    }

    fn reset(&mut self, record: &FlowRecord, seen: Option<&Cited>) {
        if seen.and_then(|seen| seen.tampered.as_deref()).is_some_and(|tampered| tampered.resets.iter().any(Option::is_some)) {
            return; // It was somebody else's, which is told.
        }
        let by_client = match record.state {
            State::ResetByOriginator => true,
            State::ResetByResponder => false,
            _ => return,
        };
        let set_up = record.handshake.as_ref().is_some_and(|h| matches!(h.outcome, Outcome::Established | Outcome::Simultaneous));
        let (breaker, other) = if by_client { (&record.orig, &record.resp) } else { (&record.resp, &record.orig) };
        let fin = |side: &SideRecord| side.flags & 1 != 0;
        // What comes after it was on its way, and does not count.
        let (place, [client_sent, server_sent]) = seen
            .and_then(|seen| seen.reset)
            .unwrap_or((record.last_packet, [record.orig.unique_bytes, record.resp.unique_bytes]));
        // A reset behind a FIN ends what was ending; one without any data is a probe or a change of mind.
        if !set_up || fin(breaker) || fin(other) || client_sent + server_sent == 0 {
            return;
        }
        // A client that has its answer and resets is how some programs close.
        if by_client && client_sent > 0 && server_sent > 0 {
            return;
        }
        let (by, to) = if by_client { (record.originator, record.responder) } else { (record.responder, record.originator) };
        let Some(group) = self.resets.of(record.responder.ip, (record.responder.port, by_client)) else {
            return;
        };
        group.flows.push(record.id);
        group.packets.push(place);
        let (sent, got) = if by_client { (client_sent, server_sent) } else { (server_sent, client_sent) };
        group.first.get_or_insert(Cause::Reset { by, to, by_client, got, sent });
    }

    /// Connections that found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.resent.without_room + self.too_big.without_room + self.shut.without_room + self.resets.without_room
    }

    pub(super) fn finish(self, dropped: Option<u64>, found: &mut Vec<Finding>) {
        for ((sender, receiver), group) in self.resent.into_sorted() {
            let Resent { flows, packets, segments, of, before, beyond, spurious, by_client } = group;
            let share = segments * 1000 / of.max(1);
            let severity = match segments - spurious.min(segments) {
                lost if lost < RESENT_FEW || share < RESENT => continue,
                _ if share >= RESENT_MUCH => Severity::High,
                _ => Severity::Medium,
            };
            found.push(Finding {
                severity,
                cause: Cause::Resent { sender, receiver, by_client, segments, of, before, beyond, spurious },
                flows,
                packets,
            });
        }
        for ((sender, receiver), group) in self.too_big.into_sorted() {
            let TooBig { flows, packets, errors, segments, stuck } = group;
            let severity = if stuck { Severity::Medium } else { Severity::Low };
            found.push(Finding { severity, cause: Cause::PathMtu { sender, receiver, errors, segments }, flows, packets });
        }
        for (_, group) in self.shut.into_sorted() {
            let Shut { flows, packets, receiver, sender, longest, times, at_end } = group;
            let (Some(receiver), Some(sender)) = (receiver, sender) else { continue };
            let severity = match longest {
                longest if longest >= SHUT_LONG => Severity::Medium,
                longest if longest >= SHUT => Severity::Low,
                _ => continue,
            };
            found.push(Finding {
                severity,
                cause: Cause::WindowShut { receiver, sender, longest, times, at_end },
                flows,
                packets,
            });
        }
        for (_, group) in self.resets.into_sorted() {
            let Some(cause) = group.first else { continue };
            // A question without an answer; in the middle of a conversation it may be how the program closes.
            let unanswered = matches!(cause, Cause::Reset { sent: 0, .. });
            let severity = if unanswered { Severity::Medium } else { Severity::Low };
            found.push(Finding { severity, cause, flows: group.flows, packets: group.packets });
        }
        let (bytes, flows) = self.missed;
        let dropped = dropped.filter(|dropped| *dropped > 0);
        if bytes > 0 || dropped.is_some() {
            found.push(Finding {
                severity: Severity::Medium,
                cause: Cause::CaptureLoss { bytes, dropped },
                flows,
                packets: Few::default(),
            });
        }
    }
}
