//! Black holes of the path MTU (RFC 2923): what is small gets through, what is full-sized never does, and no ICMP error says so.
//!
//! Judged by one segment that its sender repeats by its timer: longer than every segment that was acknowledged, never acknowledged itself,
//! or only once it was sent in smaller pieces. What is short has to get through meanwhile: a receiver that is gone, a link that is down,
//! a shut window and ordinary loss look different.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, Severity};
use super::groups::Groups;
use super::trouble::asked_again;
use crate::flow::{Few, FlowId, FlowRecord, Outcome, Place, SideRecord, State, Stuck};
use crate::model::{IpProtocol, Span};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// A segment that is sent again so often over so long is repeated by a timer: loss by chance does not hit one segment four times.
const TIMES: u64 = 3;
const OVER: Span = Span::from_secs(1);

/// What fits every link of IPv6 (1,280 bytes, RFC 8200 section 5), without its headers and TCP's options: whatever is shorter is not full-sized,
/// but for connections whose largest segment is shorter still.
const FULL: u32 = 1200;

/// TCP's options take no more of a segment, bytes; the MSS does not count them (RFC 6691).
const OPTIONS: u32 = 40;

/// So many hosts that full-sized packets of one sender do not get to are one finding: the narrow link is near the sender, or errors are kept
/// from it.
const RECEIVERS: usize = 4;

/// What is swallowed between two hosts.
#[derive(Debug, Default)]
struct Hole {
    flows: Few<FlowId>,
    packets: Few<Place>,
    stuck: u32,
    passed: u32,
    times: u64,
    over: Span,
    /// The shorter pieces that got through, where its sender tried that in all of them.
    shorter: Option<u32>,
    never: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct BlackHoles {
    groups: Groups<IpAddr, Hole>,
}

impl BlackHoles {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { groups: Groups::within(bounds) }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        for (by_responder, from, to) in
            [(false, record.originator, record.responder), (true, record.responder, record.originator)]
        {
            let Some(stuck) = swallowed(record, by_responder) else { continue };
            let Some(group) = self.groups.of(from.ip, to.ip) else { return };
            group.flows.push(record.id);
            group.packets.extend(&stuck.packets);
            group.stuck = if group.stuck == 0 { stuck.len } else { group.stuck.min(stuck.len) };
            let shorter = stuck.acked.then_some(stuck.last_len);
            group.passed = group.passed.max(stuck.longest_acked).max(shorter.unwrap_or(0));
            group.shorter = group.shorter.max(shorter);
            group.never |= !stuck.acked;
            group.times += stuck.times;
            group.over = group.over.max(stuck.over);
        }
    }

    /// What found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.groups.without_room
    }

    pub(super) fn finish(self, found: &mut Vec<Finding>) {
        let mut senders: BTreeMap<IpAddr, Vec<(IpAddr, Hole)>> = BTreeMap::new();
        for ((sender, receiver), hole) in self.groups.into_sorted() {
            senders.entry(sender).or_default().push((receiver, hole));
        }
        for (sender, holes) in senders {
            let many = holes.len();
            if many < RECEIVERS {
                found.extend(holes.into_iter().map(|(receiver, hole)| hole.finding(sender, receiver, 1)));
            } else if let Some((first, all)) = holes.into_iter().reduce(|(first, all), (_, other)| (first, all.join(&other))) {
                found.push(all.finding(sender, first, many as u64));
            }
        }
    }
}

impl Hole {
    fn join(mut self, other: &Self) -> Self {
        self.flows.extend(&other.flows);
        self.packets.extend(&other.packets);
        // Lengths are of one way, the first: others may be narrower.
        self.never |= other.never;
        (self.times, self.over) = (self.times + other.times, self.over.max(other.over));
        self
    }

    fn finding(self, sender: IpAddr, receiver: IpAddr, receivers: u64) -> Finding {
        let Self { flows, packets, stuck, passed, times, over, shorter, never } = self;
        let severity = if never { Severity::High } else { Severity::Medium };
        let shorter = shorter.filter(|_| !never);
        let cause = Cause::BlackHole { sender, receiver, receivers, stuck, passed, times, over, shorter };
        Finding { severity, cause, flows, packets }
    }
}

/// The segment of a side that the way swallows, if it does.
pub(super) fn swallowed(record: &FlowRecord, by_responder: bool) -> Option<&Stuck> {
    let seen = record.cited.as_deref()?;
    let stuck = seen.stuck[usize::from(by_responder)].as_deref()?;
    let (sender, receiver) = if by_responder { (&record.resp, &record.orig) } else { (&record.orig, &record.resp) };
    let set_up = record.handshake.as_ref().is_some_and(|handshake| handshake.outcome == Outcome::Established);
    // A router that says it, or the capture itself, may be why.
    let explained = record.icmp_errors > 0 || record.capture_drops.is_some_and(|drops| drops > 0);
    let shut = seen.is_shut() || seen.resent_while_shut > 0;
    if record.protocol != IpProtocol::TCP || !set_up || explained || shut {
        return None;
    }
    let repeated = stuck.times >= TIMES && stuck.over >= OVER;
    let longer = stuck.len > stuck.longest_acked && is_full(stuck.len, sender, receiver);
    // Smaller ones from the same place were taken, or none was.
    let swallowed = if stuck.acked { stuck.last_len < stuck.len } else { is_alive(record, stuck, receiver, by_responder) };
    (repeated && longer && swallowed).then_some(stuck)
}

/// Is it as long as a segment may be, or too long for some links?
fn is_full(len: u32, sender: &SideRecord, receiver: &SideRecord) -> bool {
    let most = sender.mss.into_iter().chain(receiver.mss).min();
    len >= FULL || most.is_some_and(|mss| len + OPTIONS >= u32::from(mss))
}

/// Does what is short arrive, while the segment is repeated and does not? Either the receiver acknowledges more than once what is before the
/// segment, because something behind it came. Or it says something between two copies, and need not repeat that: the answer came. What it
/// says without being asked does not count: a reset when it gives up, keep-alives.
fn is_alive(record: &FlowRecord, stuck: &Stuck, receiver: &SideRecord, by_responder: bool) -> bool {
    let Some(loss) = receiver.loss.as_ref() else { return false };
    let reset = record.state == if by_responder { State::ResetByOriginator } else { State::ResetByResponder };
    let unasked = u64::from(reset) + loss.keep_alives;
    asked_again(record, receiver) || (stuck.heard > unasked && loss.resent_packets == 0)
}

#[cfg(test)]
mod tests {
    use super::super::Finding;
    use super::super::tests::{found, visit};
    use super::*;
    use crate::flow::{Cited, LossRecord};

    /// A server whose answer does not get through; the client closes at last.
    fn hole(stuck: impl FnOnce(&mut Stuck)) -> FlowRecord {
        let mut record = visit(1, 1, (9, 80));
        (record.orig.mss, record.resp.mss) = (Some(1460), Some(1460));
        record.resp.data_packets = 12;
        record.resp.loss = Some(LossRecord { resent_packets: 5, lost_beyond: 5, ..LossRecord::default() });
        record.orig.loss = Some(LossRecord::default());
        let mut seen = Cited::default();
        let mut copies = Stuck::default();
        (copies.len, copies.last_len, copies.times, copies.heard) = (1448, 1448, 5, 1);
        copies.over = Span::from_millis(6500);
        stuck(&mut copies);
        seen.stuck[1] = Some(Box::new(copies));
        record.cited = Some(Box::new(seen));
        record
    }

    fn told(findings: &[Finding]) -> Vec<&'static str> {
        findings.iter().map(|finding| finding.cause.code()).collect()
    }

    #[test]
    fn full_segments_that_vanish() {
        let findings = found(&[hole(|_| {})]);
        assert_eq!(told(&findings), ["black_hole"], "the segments sent again are part of it");
        assert_eq!(findings[0].severity, Severity::High);
        assert!(matches!(findings[0].cause, Cause::BlackHole { stuck: 1448, passed: 0, shorter: None, .. }));
        // The last segment of an answer was short and came: duplicate ACKs.
        let mut tail = hole(|stuck| stuck.heard = 0);
        tail.orig.loss.as_mut().unwrap().duplicate_acks = 1;
        assert_eq!(told(&found(&[tail])), ["black_hole"]);
    }

    #[test]
    fn many_ways_of_one_sender_are_one_finding() {
        let to = |client: u8| {
            let mut record = hole(|_| {});
            record.originator.ip = [10, 9, 0, client].into();
            record
        };
        let findings = found(&(1..=30).map(to).collect::<Vec<_>>());
        assert_eq!((told(&findings), findings[0].flows.total), (vec!["black_hole"], 30));
        assert!(matches!(findings[0].cause, Cause::BlackHole { receivers: 30, .. }));
        assert_eq!(told(&found(&(1..=3).map(to).collect::<Vec<_>>())), ["black_hole"; 3]);
    }

    #[test]
    fn a_sender_that_tries_shorter_ones() {
        let probing = |stuck: &mut Stuck| (stuck.acked, stuck.last_len, stuck.heard) = (true, 1024, 0);
        let findings = found(&[hole(probing)]);
        assert_eq!((told(&findings), findings[0].severity), (vec!["black_hole"], Severity::Medium));
        assert!(matches!(findings[0].cause, Cause::BlackHole { passed: 1024, shorter: Some(1024), .. }));
        // The same segment came through in the end: an outage.
        assert_eq!(told(&found(&[hole(|stuck| stuck.acked = true)])), ["resent"]);
    }

    #[test]
    fn receivers_that_are_gone_and_ordinary_loss() {
        let none = |record: FlowRecord, why: &str| {
            let told = told(&found(&[record]));
            assert!(!told.is_empty() && told.iter().all(|code| *code == "resent"), "{why}: {told:?}");
        };
        none(hole(|stuck| stuck.heard = 0), "nothing comes back at all");
        let mut down = hole(|_| {});
        down.orig.loss.as_mut().unwrap().resent_packets = 3;
        none(down, "what the receiver says is not answered, either");
        let mut gives_up = hole(|_| {});
        gives_up.state = State::ResetByOriginator;
        none(gives_up, "a reset says nothing of the way");
        let mut asks = hole(|_| {});
        asks.orig.loss.as_mut().unwrap().keep_alives = 1;
        none(asks, "a keep-alive that nobody answers");
        none(hole(|stuck| stuck.longest_acked = 1448), "one as long got through before");
        none(hole(|stuck| stuck.times = 2), "sent again twice");
        none(hole(|stuck| stuck.over = Span::from_millis(300)), "a burst");
        none(hole(|stuck| (stuck.len, stuck.last_len) = (700, 700)), "not full-sized");
        let mut dropped = hole(|_| {});
        dropped.capture_drops = Some(10);
        none(dropped, "the capture dropped packets");
        let mut midway = hole(|_| {});
        midway.handshake.as_mut().unwrap().outcome = Outcome::Midway;
        none(midway, "what got through before is not known");
    }

    #[test]
    fn routers_that_say_it_and_windows_that_are_shut() {
        let mut said = hole(|_| {});
        (said.icmp_error, said.icmp_errors) = (Some((3, 4, 9)), 2);
        assert_eq!(told(&found(&[said])), ["path_mtu"]);
        let mut shut = hole(|_| {});
        let seen = shut.cited.as_mut().unwrap();
        (seen.times, seen.resent_while_shut) = (1, 5);
        assert_eq!(told(&found(&[shut])), [""; 0]);
    }
}
