//! Sockets that a program forgot to close: connections of which one side has closed and the other never does, and connections that pile up,
//! each of them used for a while and then never again.
//!
//! A connection that is quiet is no leak, and neither is a pool: whoever has a pool uses an idle connection before it sets up another. What
//! piles up here was set up while all before it were idle, and stayed so.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, Leak, Severity};
use super::groups::Groups;
use crate::flow::{Cited, EndReason, Few, FlowId, FlowRecord, Outcome, Place, SideRecord, State};
use crate::model::{Endpoint, IpProtocol, Span, Timestamp};
use crate::peek::App;
use std::hash::BuildHasher;
use std::net::IpAddr;

/// The FIN flag (RFC 9293 section 3.1).
const FIN: u16 = 1;

/// Who has got the other's FIN and does nothing for so long has forgotten its socket: Linux itself waits for 60 s in FIN-WAIT-2
/// (`tcp_fin_timeout`).
const PATIENCE: Span = Span::from_secs(60);

/// The same where it has not said anything at all in that connection: it may be working on its answer.
const PATIENCE_FOR_AN_ANSWER: Span = Span::from_secs(300);

/// Half-closed connections that show that it is no accident.
const SEVERAL: u64 = 5;

/// Connections that pile up, at least.
const PILE: usize = 20;

/// They were set up over at least this long, and each was quiet for so long at the end, or when the next one was set up.
const OVER: Span = Span::from_secs(60);
const QUIET: Span = Span::from_secs(30);
const IDLE: Span = Span::from_secs(1);

/// Of a hundred, so many were set up while all others were idle.
const NEEDLESS: usize = 80;

/// Of all connections of that client to that port, at most one of so many was closed.
const CLOSED: u64 = 5;

/// Connections of one group, and of all, of which it is known when they began and were used.
const USES: usize = 1024;
const ALL_USES: usize = 1 << 16;

/// Counters of what was closed, in each of two rows.
const COUNTERS: usize = 1 << 13;

/// Half-closed connections that one program leaves open.
#[derive(Debug, Default)]
struct Half {
    flows: Few<FlowId>,
    packets: Few<Place>,
    peer: Option<IpAddr>,
    quiet: Span,
}

/// Connections of a client to a port that are open and quiet at the end.
#[derive(Debug, Default)]
struct Pile {
    flows: Few<FlowId>,
    packets: Few<Place>,
    /// When each began, and when something was said last.
    uses: Vec<(Timestamp, Timestamp)>,
    quiet: Span,
}

/// What is left open.
#[derive(Debug, Default)]
pub(super) struct LeftOpen {
    /// By who leaves it open: the port of the server, its address, and whether it is the client who does.
    halves: Groups<(IpAddr, u16, bool), Half>,
    piles: Groups<(IpAddr, u16), Pile>,
    closed: Closed,
    bounds: Bounds,
    uses: usize,
    more: u64,
}

impl LeftOpen {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { halves: Groups::within(bounds), piles: Groups::within(bounds), bounds, ..Self::default() }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        // Where the capture dropped packets, the end may be among them.
        if record.protocol != IpProtocol::TCP || record.capture_drops.is_some_and(|drops| drops > 0) {
            return;
        }
        match record.state {
            State::HalfClosed => self.half(record),
            State::Open => self.open(record),
            _ => {
                if record.orig.unique_bytes + record.resp.unique_bytes > 0 {
                    self.closed.count(record.originator.ip, record.responder);
                }
            }
        }
    }

    fn half(&mut self, record: &FlowRecord) {
        let by_client = record.orig.flags & FIN == 0;
        let (holder, closer, holds, closed) = if by_client {
            (record.originator, record.responder, &record.orig, &record.resp)
        } else {
            (record.responder, record.originator, &record.resp, &record.orig)
        };
        let Some(last) = last_said(record) else { return };
        let quiet = record.told_at - last;
        let answered = holds.unique_bytes > 0 || closed.unique_bytes == 0;
        let patience = if answered { PATIENCE } else { PATIENCE_FOR_AN_ANSWER };
        if quiet < patience || is_awaited(record) || is_held_up(record, holds) || may_have_closed(record, holds) {
            return;
        }
        let server = record.responder;
        let Some(group) = self.halves.of(holder.ip, (server.ip, server.port, by_client)) else { return };
        group.flows.push(record.id);
        let acknowledged = record.cited.as_deref().and_then(|seen| seen.half_closed);
        group.packets.push(acknowledged.unwrap_or(record.last_packet));
        group.peer.get_or_insert(closer.ip);
        group.quiet = group.quiet.max(quiet);
    }

    fn open(&mut self, record: &FlowRecord) {
        let Some(last) = last_said(record) else { return };
        let quiet = record.told_at - last;
        if !is_set_up(record) || record.end_reason != Some(EndReason::EndOfCapture) || quiet < QUIET || waits(record) {
            return;
        }
        let Some(group) = self.piles.of(record.originator.ip, (record.responder.ip, record.responder.port)) else { return };
        group.flows.push(record.id);
        group.packets.push(record.first_packet);
        group.quiet = group.quiet.max(quiet);
        if group.uses.len() < USES && self.uses < self.bounds.of(ALL_USES) {
            group.uses.push((record.start, last));
            self.uses += 1;
        } else {
            self.more += 1;
        }
    }

    /// What found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.halves.without_room + self.piles.without_room + self.more
    }

    /// The findings. Those found so far say whether the capture is whole.
    pub(super) fn finish(self, found: &mut Vec<Finding>) {
        let holes = found.iter().any(|finding| matches!(finding.cause, Cause::CaptureLoss { .. }));
        for ((holder, (ip, port, by_client)), group) in self.halves.into_sorted() {
            let Half { flows, packets, peer, quiet } = group;
            let (server, client) = (Endpoint::new(ip, port), if by_client { Some(holder) } else { peer });
            // A few ends may be among what the capture missed.
            let Some(client) = client.filter(|_| !holes || flows.total >= SEVERAL) else { continue };
            let severity = if flows.total >= SEVERAL { Severity::Medium } else { Severity::Low };
            let cause = Cause::LeftOpen { client, server, leak: Leak::HalfClosed { by_client }, quiet };
            found.push(Finding { severity, cause, flows, packets });
        }
        for ((client, (ip, port)), group) in self.piles.into_sorted() {
            let Pile { flows, packets, uses, quiet } = group;
            let server = Endpoint::new(ip, port);
            let closed = self.closed.of(client, server);
            let Some(over) = grows(uses).filter(|_| closed * (CLOSED - 1) <= flows.total) else { continue };
            let cause = Cause::LeftOpen { client, server, leak: Leak::Pile { over }, quiet };
            found.push(Finding { severity: Severity::Medium, cause, flows, packets });
        }
    }
}

/// When either side said something last: data, SYN or FIN.
fn last_said(record: &FlowRecord) -> Option<Timestamp> {
    record.orig.last_said.max(record.resp.last_said)
}

/// Is it the server that has not answered yet?
fn is_awaited(record: &FlowRecord) -> bool {
    record.app.as_deref().and_then(|said| said.http.as_deref()).is_some_and(|http| http.requests > http.responses)
}

/// Can the side that did not close not go on? Its peer has no room, or what it sent last is not getting through.
fn is_held_up(record: &FlowRecord, holds: &SideRecord) -> bool {
    let seen = record.cited.as_deref();
    seen.is_some_and(Cited::is_shut) || holds.loss.as_ref().is_some_and(|loss| 2 * loss.resent_packets > holds.data_packets)
}

/// May the FIN of the side that seems not to have closed have been missed? It may have passed before the capture began, unless the side said
/// something since; or the other side has acknowledged what was not captured.
fn may_have_closed(record: &FlowRecord, holds: &SideRecord) -> bool {
    let before = !is_set_up(record) && holds.unique_bytes == 0;
    before || holds.loss.as_ref().is_some_and(|loss| loss.uncaptured_bytes > 0)
}

fn is_set_up(record: &FlowRecord) -> bool {
    record.handshake.as_ref().is_some_and(|handshake| handshake.outcome == Outcome::Established)
}

/// Is it in use though nothing is said? A client that waits for its answer (long polling), sessions that people or servers may go on with at
/// any time.
fn waits(record: &FlowRecord) -> bool {
    let asked = record.orig.unique_bytes > 0 && record.orig.last_said > record.resp.last_said;
    let session = record.app.as_deref().is_some_and(|said| matches!(said.app, Some(App::Ssh | App::Imap)));
    asked || session || is_awaited(record)
}

/// Do connections pile up that began and were used last at these times? Over how long they were set up, if so.
fn grows(mut uses: Vec<(Timestamp, Timestamp)>) -> Option<Span> {
    uses.sort_unstable();
    let over = uses.last()?.0 - uses.first()?.0;
    if uses.len() < PILE || over < OVER {
        return None;
    }
    let mut used = uses[0].1;
    let mut needless = 0;
    for (began, last) in &uses[1..] {
        needless += usize::from(*began - used >= IDLE);
        used = used.max(*last);
    }
    (needless * 100 >= NEEDLESS * (uses.len() - 1)).then_some(over)
}

/// How many connections between a client and a port were closed: at least so many as is said, for want of room for each. A count that is
/// too high hides a leak, and makes none.
#[derive(Debug, Default)]
struct Closed {
    rows: [Vec<u32>; 2],
}

impl Closed {
    fn places(client: IpAddr, server: Endpoint) -> [usize; 2] {
        // The same in each run.
        let hash = foldhash::fast::FixedState::with_seed(7).hash_one((client, server.ip, server.port));
        [hash as usize % COUNTERS, (hash >> 32) as usize % COUNTERS]
    }

    fn count(&mut self, client: IpAddr, server: Endpoint) {
        for (row, place) in self.rows.iter_mut().zip(Self::places(client, server)) {
            if row.is_empty() {
                row.resize(COUNTERS, 0);
            }
            row[place] = row[place].saturating_add(1);
        }
    }

    fn of(&self, client: IpAddr, server: Endpoint) -> u64 {
        let places = Self::places(client, server);
        let each = self.rows.iter().zip(places).map(|(row, place)| row.get(place).copied().unwrap_or(0));
        each.min().unwrap_or(0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Finding;
    use super::super::tests::{found, visit};
    use super::*;
    use crate::flow::app::{AppRecord, Exchange, HttpRecord};

    /// The client has closed after an answer, and the server has not, for so long.
    fn half(number: u64, seconds: i64) -> FlowRecord {
        let mut record = visit(number, 1, (9, 7000));
        record.state = State::HalfClosed;
        record.end_reason = Some(EndReason::EndOfCapture);
        record.orig.flags |= FIN;
        record.orig.last_said = Some(record.start + Span::from_secs(5));
        record.resp.last_said = Some(record.start + Span::from_secs(4));
        record.told_at = record.start + Span::from_secs(5 + seconds);
        record
    }

    /// The `number`th of connections that are set up every four seconds, used once and left; the capture ends after `end` seconds.
    fn left(number: u64, end: i64) -> FlowRecord {
        let mut record = visit(number, 1, (9, 7000));
        record.state = State::Open;
        record.end_reason = Some(EndReason::EndOfCapture);
        let begins = 4 * number as i64;
        record.told_at = record.start + Span::from_secs(end);
        record.start = record.start + Span::from_secs(begins);
        record.orig.last_said = Some(record.start + Span::from_millis(10));
        record.resp.last_said = Some(record.start + Span::from_millis(20));
        record
    }

    fn leaks(records: &[FlowRecord]) -> Vec<(Leak, Severity)> {
        let leak = |finding: &Finding| match finding.cause {
            Cause::LeftOpen { leak, .. } => Some((leak, finding.severity)),
            _ => None,
        };
        found(records).iter().filter_map(leak).collect()
    }

    const BY_SERVER: Leak = Leak::HalfClosed { by_client: false };

    #[test]
    fn a_side_that_never_closes() {
        assert_eq!(leaks(&[half(1, 61)]), [(BY_SERVER, Severity::Low)]);
        assert_eq!(leaks(&(1..=5).map(|n| half(n, 100)).collect::<Vec<_>>()), [(BY_SERVER, Severity::Medium)]);
        let mut turned = half(1, 100);
        turned.orig.flags &= !FIN;
        turned.resp.flags |= FIN;
        assert_eq!(leaks(&[turned]), [(Leak::HalfClosed { by_client: true }, Severity::Low)]);
    }

    #[test]
    fn a_half_that_is_in_use_or_has_just_closed() {
        assert_eq!(leaks(&[half(1, 59)]), [], "the capture ends");
        // The server goes on sending: keep-alives and acknowledgments do not count, this does.
        let mut sends = half(1, 100);
        sends.resp.last_said = Some(sends.told_at - Span::from_secs(2));
        assert_eq!(leaks(&[sends]), []);
        // It was asked, and works on it.
        let mut works = half(1, 100);
        works.resp.unique_bytes = 0;
        assert_eq!(leaks(&[works.clone()]), []);
        works.told_at = works.start + Span::from_secs(400);
        assert_eq!(leaks(&[works]), [(BY_SERVER, Severity::Low)]);
        let mut asked = half(1, 400);
        let http = HttpRecord { requests: 2, responses: 1, exchanges: vec![Exchange::default()], secret: None };
        asked.app = Some(Box::new(AppRecord { app: Some(App::Http), http: Some(Box::new(http)), ..AppRecord::default() }));
        assert_eq!(leaks(&[asked]), []);
        let mut dropped = half(1, 100);
        dropped.capture_drops = Some(3);
        assert_eq!(leaks(&[dropped]), [], "its end may be among what was dropped");
        let mut missed = half(1, 100);
        missed.resp.loss = Some(crate::flow::LossRecord { uncaptured_bytes: 1, ..Default::default() });
        assert_eq!(leaks(&[missed]), [], "its FIN was acknowledged and not captured");
        let mut other = visit(2, 2, (9, 80));
        other.orig.loss = Some(crate::flow::LossRecord { uncaptured_bytes: 100, ..Default::default() });
        assert_eq!(leaks(&[half(1, 100), other.clone()]), [], "a capture with holes");
        assert_eq!(leaks(&(3..=7).map(|n| half(n, 100)).chain([other]).collect::<Vec<_>>()).len(), 1);
        let mut midway = half(1, 400);
        midway.handshake.as_mut().unwrap().outcome = Outcome::Midway;
        assert_eq!(leaks(&[midway.clone()]), [(BY_SERVER, Severity::Low)], "it said something since, and did not close before");
        midway.resp.unique_bytes = 0;
        assert_eq!(leaks(&[midway]), [], "it may have closed before the capture");
    }

    #[test]
    fn connections_that_pile_up() {
        let pile: Vec<_> = (1..=24).map(|n| left(n, 150)).collect();
        assert_eq!(leaks(&pile), [(Leak::Pile { over: pile[23].start - pile[0].start }, Severity::Medium)]);
        assert_eq!(leaks(&pile[..19]), [], "too few to tell");
        // Too few of them are closed to call it how the program works.
        let closed = |n: u64| visit(100 + n, 1, (9, 7000));
        let some: Vec<_> = pile.iter().cloned().chain((0..3).map(closed)).collect();
        assert_eq!(leaks(&some).len(), 1);
        let most: Vec<_> = pile.iter().cloned().chain((0..24).map(closed)).collect();
        assert_eq!(leaks(&most), [], "it closes what it opens");
    }

    #[test]
    fn pools_sessions_and_captures_that_end() {
        let pile = |change: fn(FlowRecord) -> FlowRecord| leaks(&(1..=24).map(|n| change(left(n, 150))).collect::<Vec<_>>());
        // A pool: set up at once, used in turn.
        let at_once = |mut record: FlowRecord| {
            record.start = record.told_at - Span::from_secs(150);
            record
        };
        assert_eq!(pile(at_once), []);
        // A pool that grows: what is there is in use when another is set up.
        let in_use = |mut record: FlowRecord| {
            record.resp.last_said = Some(record.told_at - Span::from_secs(40));
            record
        };
        assert_eq!(pile(in_use), []);
        // Clients that wait for their answers: long polling.
        let polls = |mut record: FlowRecord| {
            (record.orig.last_said, record.resp.last_said) = (record.resp.last_said, record.orig.last_said);
            record
        };
        assert_eq!(pile(polls), []);
        let ssh = |record: FlowRecord| {
            let app = AppRecord { app: Some(App::Ssh), ..AppRecord::default() };
            FlowRecord { app: Some(Box::new(app)), ..record }
        };
        assert_eq!(pile(ssh), []);
        // The capture ends while all of them are fresh.
        assert_eq!(leaks(&(1..=24).map(|n| left(n, 100)).collect::<Vec<_>>()), []);
        let midway = |mut record: FlowRecord| {
            record.handshake.as_mut().unwrap().outcome = Outcome::Midway;
            record
        };
        assert_eq!(pile(midway), []);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut open = LeftOpen::default();
        for n in 0..100_000 {
            let mut record = left(1, 100);
            record.originator.ip = IpAddr::from([10, 9, (n / 1100) as u8, 1]);
            open.on_flow(&record);
            open.on_flow(&visit(n, n as u32, (9, 80)));
        }
        assert!(open.uses <= ALL_USES && open.without_room() > 0);
        assert!(open.closed.rows.iter().all(|row| row.len() == COUNTERS));
    }
}
