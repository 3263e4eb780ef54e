//! Servers that are kept busy by requests which never get whole: slow heads (slowloris), slow bodies (slow POST), slow readers.
//!
//! Judged by what a connection is waiting for, not by how many there are: the request is begun and not finished, so that it is the client's
//! turn and not the server's; it lasts; so little is sent that no network explains it; and many are like that at one time, of one host at
//! one port. A connection in which a whole request was sent, or in which the server spoke first, is none of them.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, Severity, SlowWay};
use super::groups::Groups;
use crate::flow::app::AppRecord;
use crate::flow::{EndReason, Few, FlowId, FlowRecord, Outcome, Place};
use crate::model::{Endpoint, IpProtocol, Span, Timestamp};
use crate::peek::App;
use std::collections::HashSet;
use std::net::IpAddr;

/// A request that takes longer to be said is slow. Servers that guard themselves wait for 20 s and more (Apache's `RequestReadTimeout`,
/// nginx's `client_header_timeout`).
const LONG: Span = Span::from_secs(15);

/// A connection in which nothing is said at all is one that a browser or a pool has set up in advance, up to here.
const LONG_SILENCE: Span = Span::from_secs(60);

/// A reader that keeps its window shut for so long at a stretch does not read.
const SHUT: Span = Span::from_secs(10);

/// So many at one time; from [`MANY`] on they are a third of what a small server takes.
const ENOUGH: u64 = 10;
const MANY: u64 = 50;

/// What may be sent at once (a head with large cookies), and for each second, bytes: whatever is more is an upload.
const AT_ONCE: u64 = 4096;
const EACH_SECOND: u64 = 64;

/// Connections of one group, and of all, of which it is known when they began and ended.
const SPANS: usize = 1024;
const ALL_SPANS: usize = 1 << 16;

/// Connections of one client to one port that are slow in one way.
#[derive(Debug, Default)]
struct Slow {
    flows: Few<FlowId>,
    packets: Few<Place>,
    /// From when to when each lasted.
    spans: Vec<(Timestamp, Timestamp)>,
    longest: Span,
    sent: u64,
}

/// All slow requests.
#[derive(Debug, Default)]
pub(super) struct SlowRequests {
    groups: Groups<(IpAddr, u16, SlowWay), Slow>,
    bounds: Bounds,
    spans: usize,
    /// Connections of which it is not known when they began.
    more: u64,
}

impl SlowRequests {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { groups: Groups::within(bounds), bounds, ..Self::default() }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        let until = last_moment(record);
        let Some(way) = way(record, until - record.start) else { return };
        let key = (record.responder.ip, record.responder.port, way);
        let Some(group) = self.groups.of(record.originator.ip, key) else { return };
        group.flows.push(record.id);
        group.packets.push(record.first_packet);
        group.longest = group.longest.max(until - record.start);
        group.sent += record.orig.unique_bytes;
        if group.spans.len() < SPANS && self.spans < self.bounds.of(ALL_SPANS) {
            group.spans.push((record.start, until));
            self.spans += 1;
        } else {
            self.more += 1;
        }
    }

    /// What found no room.
    pub(super) const fn without_room(&self) -> u64 {
        self.groups.without_room + self.more
    }

    /// The findings. The windows of slow readers are part of them, and no findings of their own.
    pub(super) fn finish(self, found: &mut Vec<Finding>) {
        let mut readers = HashSet::new();
        for ((client, (ip, port, way)), group) in self.groups.into_sorted() {
            let Slow { flows, packets, spans, longest, sent } = group;
            let at_once = most_at_once(&spans);
            let severity = match (way, at_once) {
                (SlowWay::Silent, MANY..) => Severity::Medium,
                (SlowWay::Silent, _) | (_, ..ENOUGH) => continue,
                (_, ..MANY) => Severity::Medium,
                _ => Severity::High,
            };
            let cause = Cause::SlowRequests { client, server: Endpoint::new(ip, port), way, at_once, longest, sent };
            found.push(Finding { severity, cause, flows, packets });
            if way == SlowWay::Reading {
                readers.insert((client, Endpoint::new(ip, port)));
            }
        }
        let of_reader = |cause: &Cause| matches!(cause, Cause::WindowShut { receiver, sender, .. } if readers.contains(&(receiver.ip, *sender)));
        found.retain(|finding| !of_reader(&finding.cause));
    }
}

/// When a connection was over; where it went on, the latest time that is known.
fn last_moment(record: &FlowRecord) -> Timestamp {
    match record.end_reason {
        Some(EndReason::Fin | EndReason::Rst) => record.end,
        _ => record.told_at.max(record.end),
    }
}

/// In which way a connection is slow, if it is.
fn way(record: &FlowRecord, lasted: Span) -> Option<SlowWay> {
    let set_up = record.handshake.as_ref().is_some_and(|handshake| handshake.outcome == Outcome::Established);
    if record.protocol != IpProtocol::TCP || !set_up || lasted < LONG || record.capture_drops.is_some_and(|drops| drops > 0) {
        return None;
    }
    let (client, server) = (&record.orig, &record.resp);
    let Some(said) = record.app.as_deref() else {
        // Of what is no application that is known, nobody can say whose turn it is.
        let silent = client.payload_bytes + server.payload_bytes == 0 && lasted >= LONG_SILENCE;
        return silent.then_some(SlowWay::Silent);
    };
    // What is missing may have been said; what is sent again and again did not get there.
    let resent = client.loss.as_ref().map_or(0, |loss| loss.resent_packets);
    if said.incomplete || 2 * resent > client.data_packets || client.unique_bytes == 0 {
        return None;
    }
    if reads_slowly(record, said) {
        return Some(SlowWay::Reading);
    }
    let seconds = u64::try_from(lasted.nanos() / 1_000_000_000).unwrap_or(0);
    if client.unique_bytes > AT_ONCE + EACH_SECOND * seconds {
        return None;
    }
    match said.app {
        Some(App::Http) => {
            // Whoever is told at last that nothing more comes may answer what there is, or that it waits no longer (408).
            let late = server.last_said.is_some_and(|last| last - record.start >= LONG);
            unfinished(said, server.unique_bytes == 0, late)
        }
        Some(App::Tls) if server.unique_bytes == 0 => {
            said.tls.as_ref().is_none_or(|tls| tls.client_hello.is_none()).then_some(SlowWay::Hello)
        }
        _ => None,
    }
}

/// What of the first request is missing, where the server has said nothing, or something once, and late.
fn unfinished(said: &AppRecord, unanswered: bool, late: bool) -> Option<SlowWay> {
    let Some(http) = said.http.as_deref() else { return unanswered.then_some(SlowWay::Head) };
    let at_last = late && http.responses == 1;
    if !(unanswered || at_last) {
        return None;
    }
    match (http.requests, http.exchanges.first()) {
        (0, _) => Some(SlowWay::Head),
        (1, Some(exchange)) if exchange.request_end.is_none() => Some(SlowWay::Body),
        _ => None,
    }
}

/// Has the server begun to answer, and does the client not take it?
fn reads_slowly(record: &FlowRecord, said: &AppRecord) -> bool {
    let Some(last) = said.http.as_deref().and_then(|http| http.exchanges.last()) else { return false };
    let begun = last.response.is_some() && last.response_end.is_none();
    let by_client = record.orig.zero_windows > 0 && record.resp.zero_windows == 0;
    begun && by_client && record.cited.as_deref().is_some_and(|seen| seen.longest_shut(record.told_at) >= SHUT)
}

/// How many of them there were at one time.
pub(super) fn most_at_once(spans: &[(Timestamp, Timestamp)]) -> u64 {
    let mut changes: Vec<(Timestamp, i64)> = Vec::with_capacity(2 * spans.len());
    changes.extend(spans.iter().flat_map(|(from, to)| [(*from, 1), (*to, -1)]));
    // Of one moment, those that end first.
    changes.sort_unstable();
    let (mut now, mut most) = (0_i64, 0);
    for (_, change) in changes {
        now += change;
        most = most.max(now);
    }
    u64::try_from(most).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::Finding;
    use super::super::tests::{found, visit};
    use super::*;
    use crate::flow::app::{Exchange, HttpRecord};
    use crate::flow::{Cited, State};

    /// A connection that goes on to the end of the capture, a minute later; the client has sent a few lines of a request.
    fn begun(number: u64) -> FlowRecord {
        let mut record = visit(number, 1, (9, 80));
        record.state = State::Open;
        record.end_reason = Some(EndReason::EndOfCapture);
        (record.orig.unique_bytes, record.orig.payload_bytes, record.orig.data_packets) = (300, 300, 8);
        (record.resp.unique_bytes, record.resp.payload_bytes) = (0, 0);
        record.app = Some(Box::new(AppRecord { app: Some(App::Http), ..AppRecord::default() }));
        record
    }

    fn with_http(record: FlowRecord, requests: u64, responses: u64, exchange: Exchange) -> FlowRecord {
        let http = HttpRecord { requests, responses, exchanges: vec![exchange], secret: None };
        let app = AppRecord { app: Some(App::Http), http: Some(Box::new(http)), ..AppRecord::default() };
        FlowRecord { app: Some(Box::new(app)), ..record }
    }

    fn asked(whole: Option<u64>) -> Exchange {
        Exchange { method: Some("POST".into()), request: Some(4), request_end: whole, ..Exchange::default() }
    }

    fn many(one: impl Fn(u64) -> FlowRecord, n: u64) -> Vec<Finding> {
        found(&(1..=n).map(one).collect::<Vec<_>>())
    }

    fn ways(findings: &[Finding]) -> Vec<(SlowWay, u64, Severity)> {
        let way = |finding: &Finding| match finding.cause {
            Cause::SlowRequests { way, at_once, .. } => Some((way, at_once, finding.severity)),
            _ => None,
        };
        findings.iter().filter_map(way).collect()
    }

    #[test]
    fn heads_that_never_get_whole() {
        assert_eq!(ways(&many(begun, 30)), [(SlowWay::Head, 30, Severity::Medium)]);
        assert_eq!(ways(&many(begun, 60)), [(SlowWay::Head, 60, Severity::High)]);
        assert_eq!(ways(&many(begun, 9)), [], "a few clients on a bad line");
        // One after the other: an address that many share.
        let apart = |n: u64| {
            let mut record = begun(n);
            record.start = record.start + Span::from_secs(30 * n as i64);
            record.end = record.start + Span::from_secs(20);
            record.end_reason = Some(EndReason::Rst);
            record
        };
        assert_eq!(ways(&many(apart, 30)), []);
    }

    #[test]
    fn bodies_at_a_trickle_and_uploads() {
        let slow = |n| with_http(begun(n), 1, 0, asked(None));
        assert_eq!(ways(&many(slow, 20)), [(SlowWay::Body, 20, Severity::Medium)]);
        let upload = |n| {
            let mut record = slow(n);
            record.orig.unique_bytes = 1_000_000;
            record
        };
        assert_eq!(ways(&many(upload, 20)), []);
        // What is on its way and does not get there.
        let lossy = |n| {
            let mut record = slow(n);
            record.orig.loss = Some(crate::flow::LossRecord { resent_packets: 6, ..Default::default() });
            record
        };
        assert_eq!(ways(&many(lossy, 20)), []);
    }

    #[test]
    fn a_server_that_gave_up_waiting() {
        let gave_up = |n| {
            let answer = Exchange { status: Some(408), response: Some(9), ..asked(None) };
            let mut record = with_http(begun(n), 1, 1, answer);
            record.resp.unique_bytes = 200;
            record.resp.last_said = Some(record.start + Span::from_secs(20));
            record
        };
        assert_eq!(ways(&many(gave_up, 20)), [(SlowWay::Body, 20, Severity::Medium)]);
        // It did not want the body, and said so at once.
        let refused = |n| {
            let mut record = gave_up(n);
            record.resp.last_said = Some(record.start + Span::from_millis(20));
            record
        };
        assert_eq!(ways(&many(refused, 20)), []);
    }

    #[test]
    fn a_slow_server_long_polling_and_what_is_not_known() {
        let waiting = |n| with_http(begun(n), 1, 0, asked(Some(4)));
        assert_eq!(ways(&many(waiting, 50)), []);
        // Logs that are only ever sent.
        let one_way = |n| FlowRecord { app: None, ..begun(n) };
        assert_eq!(ways(&many(one_way, 50)), []);
        // The capture began in their midst.
        let midway = |n| {
            let mut record = begun(n);
            record.handshake.as_mut().unwrap().outcome = Outcome::Midway;
            record
        };
        assert_eq!(ways(&many(midway, 50)), []);
    }

    #[test]
    fn connections_set_up_in_advance() {
        let silent = |n| {
            let mut record = FlowRecord { app: None, ..begun(n) };
            (record.orig.unique_bytes, record.orig.payload_bytes) = (0, 0);
            record
        };
        assert_eq!(ways(&many(silent, 8)), [], "a browser");
        assert_eq!(ways(&many(silent, 40)), [], "a pool");
        assert_eq!(ways(&many(silent, 100)), [(SlowWay::Silent, 100, Severity::Medium)]);
        let greeted = |n| {
            let mut record = silent(n);
            (record.resp.unique_bytes, record.resp.payload_bytes) = (80, 80);
            record
        };
        assert_eq!(ways(&many(greeted, 100)), [], "databases greet first");
    }

    #[test]
    fn readers_that_do_not_read() {
        let reader = |n| {
            let answer = Exchange { status: Some(200), response: Some(5), ..asked(Some(4)) };
            let mut record = with_http(begun(n), 1, 1, answer);
            record.resp.unique_bytes = 1000;
            record.orig.zero_windows = 3;
            let mut seen = Cited::default();
            seen.times = 1;
            seen.longest = Some(crate::flow::citations::Shut { from: (0, 7), to: (0, 9), lasted: Span::from_secs(20) });
            record.cited = Some(Box::new(seen));
            record
        };
        let findings = many(reader, 12);
        assert_eq!(ways(&findings), [(SlowWay::Reading, 12, Severity::Medium)]);
        assert_eq!(findings.len(), 1, "its windows are part of it: {findings:?}");
        let findings = many(reader, 3);
        assert!(matches!(findings[0].cause, Cause::WindowShut { .. }) && findings.len() == 1, "paused videos: {findings:?}");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut slow = SlowRequests::default();
        for n in 0..200_000 {
            let mut record = begun(n);
            record.originator.ip = IpAddr::from([10, 9, (n / 2000) as u8, 1]);
            slow.on_flow(&record);
        }
        assert!(slow.spans <= ALL_SPANS && slow.without_room() > 0);
    }
}
