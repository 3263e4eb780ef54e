//! The other side is gone: in a connection that was set up a segment is repeated by its sender's timer, again and again, and nothing
//! comes back any more.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, Severity};
use super::groups::Groups;
use super::trouble::asked_again;
use crate::flow::{Few, FlowId, FlowRecord, Outcome, Place, State, Stuck};
use crate::model::{Endpoint, IpProtocol, Span};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A timer doubles (RFC 6298 section 5.5): three repeats over so long had time for an answer to each.
const TIMES: u64 = 3;
const OVER: Span = Span::from_secs(3);

/// So many silent hosts of one sender are one finding: what they share is its cause, or clients come and go.
const HOSTS: usize = 4;

/// Connections of one host to another that end in silence.
#[derive(Debug, Default)]
struct Silence {
    flows: Few<FlowId>,
    packets: Few<Place>,
    first: Option<(Endpoint, Endpoint)>,
    times: u64,
    over: Span,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Gone {
    /// By who sends again, and who is silent: its address, and whether it is the client.
    groups: Groups<(bool, IpAddr), Silence>,
}

impl Gone {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { groups: Groups::within(bounds) }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        for (by_responder, from, to) in
            [(false, record.originator, record.responder), (true, record.responder, record.originator)]
        {
            let Some(stuck) = unheard(record, by_responder) else { continue };
            let Some(group) = self.groups.of(from.ip, (by_responder, to.ip)) else { return };
            group.flows.push(record.id);
            group.packets.extend(&stuck.packets);
            group.first.get_or_insert((from, to));
            group.times = group.times.max(stuck.times);
            group.over = group.over.max(stuck.over);
        }
    }

    /// What found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.groups.without_room
    }

    pub(super) fn finish(self, found: &mut Vec<Finding>) {
        let mut senders: BTreeMap<(IpAddr, bool), Vec<Silence>> = BTreeMap::new();
        for ((sender, (is_client, _)), group) in self.groups.into_sorted() {
            senders.entry((sender, is_client)).or_default().push(group);
        }
        for ((_, is_client), groups) in senders {
            let hosts = groups.len();
            if hosts < HOSTS {
                found.extend(groups.into_iter().filter_map(|group| group.finding(is_client, 1)));
            } else if let Some(all) = groups.into_iter().reduce(|all, one| all.join(&one)) {
                found.extend(all.finding(is_client, hosts as u64));
            }
        }
    }
}

impl Silence {
    fn join(mut self, other: &Self) -> Self {
        self.flows.extend(&other.flows);
        self.packets.extend(&other.packets);
        (self.times, self.over) = (self.times.max(other.times), self.over.max(other.over));
        self
    }

    /// A server that does not answer any more is missed; clients come and go (out of a radio cell, out of battery).
    fn finding(self, is_client: bool, hosts: u64) -> Option<Finding> {
        let Self { flows, packets, first, times, over } = self;
        let (sender, silent) = first?;
        let severity = if is_client { Severity::Medium } else { Severity::High };
        Some(Finding { severity, cause: Cause::PeerGone { sender, silent, hosts, times, over }, flows, packets })
    }
}

/// The segment of a side that it repeated into silence, if it did.
pub(super) fn unheard(record: &FlowRecord, by_responder: bool) -> Option<&Stuck> {
    let seen = record.cited.as_deref()?;
    let stuck = seen.stuck[usize::from(by_responder)].as_deref()?;
    let set_up = record.handshake.as_ref().is_some_and(|handshake| handshake.outcome == Outcome::Established);
    let (sender, receiver) = if by_responder { (&record.resp, &record.orig) } else { (&record.orig, &record.resp) };
    let heard =
        sender.loss.as_ref().is_some_and(|loss| loss.resent_packets > stuck.times + FIRST) || asked_again(record, receiver);
    let over = match record.state {
        // Whoever repeats gives up by a reset, or without a word.
        State::ResetByOriginator => by_responder,
        State::ResetByResponder => !by_responder,
        State::Closed => true,
        _ => false,
    };
    // An ICMP error says what it is, and so do a shut window and a capture that dropped packets.
    let explained = record.icmp_errors > 0 || seen.is_shut() || record.capture_drops.is_some_and(|drops| drops > 0);
    let silent = record.protocol == IpProtocol::TCP && set_up && !over && !explained && !heard;
    (silent && !stuck.acked && stuck.heard == 0 && stuck.times >= TIMES && stuck.over >= OVER).then_some(stuck)
}

/// Of what was on its way when the silence began, the last segment goes once more as a probe (RFC 8985 section 7): not the one that is stuck.
const FIRST: u64 = 2;

#[cfg(test)]
mod tests {
    use super::super::tests::{found, visit};
    use super::*;
    use crate::flow::{Cited, LossRecord};

    fn silence(change: impl FnOnce(&mut Stuck)) -> FlowRecord {
        let mut record = visit(1, 1, (9, 80));
        record.state = State::Open;
        record.orig.loss = Some(LossRecord { resent_packets: 5, lost_beyond: 5, ..LossRecord::default() });
        record.resp.loss = Some(LossRecord::default());
        let mut copies = Stuck::default();
        (copies.len, copies.last_len, copies.times, copies.heard, copies.longest_acked) = (1448, 1448, 5, 0, 1448);
        copies.over = Span::from_secs(8);
        change(&mut copies);
        let mut seen = Cited::default();
        seen.stuck[0] = Some(Box::new(copies));
        record.cited = Some(Box::new(seen));
        record
    }

    fn told(record: FlowRecord) -> Vec<&'static str> {
        found(&[record]).iter().map(|finding| finding.cause.code()).collect()
    }

    #[test]
    fn a_segment_repeated_into_silence() {
        assert_eq!(told(silence(|_| {})), ["peer_gone"], "the segments sent again are part of it");
    }

    #[test]
    fn clients_that_come_and_go_are_one_finding() {
        let vanished = |client: u8| {
            let mut record = silence(|_| {});
            record.originator.ip = [10, 9, 0, client].into();
            record.cited.as_mut().unwrap().stuck.swap(0, 1);
            std::mem::swap(&mut record.orig.loss, &mut record.resp.loss);
            record
        };
        let told = |records: &[FlowRecord]| {
            let told = |finding: Finding| match finding.cause {
                Cause::PeerGone { hosts, .. } => Some((hosts, finding.severity)),
                _ => None,
            };
            found(records).into_iter().filter_map(told).collect::<Vec<_>>()
        };
        assert_eq!(told(&[vanished(1)]), [(1, Severity::Medium)]);
        assert_eq!(told(&(1..=30).map(vanished).collect::<Vec<_>>()), [(30, Severity::Medium)]);
        assert_eq!(told(&[silence(|_| {})]), [(1, Severity::High)], "a server is missed");
    }

    #[test]
    fn whoever_is_heard_is_there() {
        assert!(!told(silence(|stuck| stuck.heard = 1)).contains(&"peer_gone"));
        assert!(!told(silence(|stuck| stuck.acked = true)).contains(&"peer_gone"));
        assert!(!told(silence(|stuck| stuck.over = Span::from_secs(2))).contains(&"peer_gone"));
        let mut reset = silence(|_| {});
        reset.state = State::ResetByResponder;
        assert!(!told(reset).contains(&"peer_gone"));
        let mut lossy = silence(|_| {});
        lossy.resp.loss = Some(LossRecord { duplicate_acks: 1, ..LossRecord::default() });
        assert_eq!(told(lossy), ["resent"]);
        // The capture has each packet twice: what looks like duplicate ACKs are copies.
        let mut twice = silence(|_| {});
        twice.orig.loss.as_mut().unwrap().duplicate_packets = 9;
        twice.resp.loss.as_mut().unwrap().duplicate_acks = 5;
        twice.resp.pure_acks = 10;
        assert_eq!(told(twice), ["peer_gone"]);
        let mut unreachable = silence(|_| {});
        (unreachable.icmp_errors, unreachable.icmp_error) = (1, Some((3, 1, 9)));
        assert!(!told(unreachable).contains(&"peer_gone"));
    }
}
