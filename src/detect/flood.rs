//! Servers at which attempts pile up that nobody completes: judged by how many of the attempts are never completed, and how many of those
//! begin at one time. Many clients alone make no flood, and a server that is down has clients that try again.

use super::bounds::Bounds;
use super::finding::{Cause, Finding, Severity};
use super::groups::let_go;
use super::setup::is_too_early;
use crate::flow::{Few, Place};
use crate::flow::{FlowId, FlowRecord, Outcome};
use crate::model::{Endpoint, IpProtocol, Span, Timestamp};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// Servers that are watched at most.
const SERVERS: usize = 4096;

/// Addresses that are told apart at one server.
const SOURCES: usize = 1024;

/// Addresses that are told apart in all.
const ALL_SOURCES: usize = 1 << 17;

/// Attempts that begin within [`WINDOW`] and are never completed, to make a flood.
const PEAK: u64 = 100;

/// The time in which they begin.
const WINDOW: Span = Span::from_millis(10_000);

/// Of all attempts at that server in that time, so many in a hundred are never completed.
const UNFINISHED: u64 = 60;

/// Attempts at one server.
#[derive(Debug, Default)]
struct Attempts {
    /// When one of them was last heard of.
    seen: Timestamp,
    completed: u64,
    unfinished: u64,
    /// Of those, whose SYN came again: a client that wants to connect does that.
    tried_again: u64,
    /// By the time they began, in windows: those of most unfinished ones are kept, and the latest.
    windows: HashMap<i64, Window, foldhash::fast::RandomState>,
    sources: HashSet<IpAddr, foldhash::fast::RandomState>,
    more_sources: bool,
    flows: Few<FlowId>,
    packets: Few<Place>,
}

/// Attempts that began at one time.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    unfinished: u64,
    /// Of those, so many might still have been completed when the capture ended.
    early: u64,
    completed: u64,
}

/// Windows of one server that are kept at a time.
const WINDOWS: usize = 32;

/// All servers.
#[derive(Debug, Default)]
pub(super) struct Floods {
    servers: HashMap<(IpAddr, u16), Attempts, foldhash::fast::RandomState>,
    sources: usize,
    bounds: Bounds,
    /// Servers with attempts that were not completed, which had to make room for others.
    pub(super) without_room: u64,
}

impl Floods {
    pub(super) fn within(bounds: Bounds) -> Self {
        Self { bounds, ..Self::default() }
    }

    pub(super) fn on_flow(&mut self, record: &FlowRecord) {
        let Some(handshake) = record.handshake.as_ref().filter(|_| record.protocol == IpProtocol::TCP) else { return };
        let rst_only = record.orig.flags & 0x3f == 0x06;
        let unfinished = match handshake.outcome {
            Outcome::HalfOpen | Outcome::NoAnswer => true,
            // The host whose address was used, or the flooder's own kernel, knows of no such attempt.
            Outcome::Established => rst_only,
            // What goes on without its beginning was set up once: before the capture, or before it had to give way.
            Outcome::Midway if record.orig.payload_bytes + record.resp.payload_bytes > 0 => false,
            Outcome::Refused | Outcome::Unreachable | Outcome::Midway => return,
            Outcome::Simultaneous | Outcome::Split => false,
        };
        let key = (record.responder.ip, record.responder.port);
        if self.servers.len() >= self.bounds.of(SERVERS) && !self.servers.contains_key(&key) {
            self.make_room();
        }
        let attempts = self.servers.entry(key).or_default();
        attempts.seen = attempts.seen.max(record.told_at);
        let window = record.start.nanos().div_euclid(WINDOW.nanos());
        if attempts.windows.len() >= WINDOWS && !attempts.windows.contains_key(&window) {
            let least = attempts.windows.iter().min_by_key(|(at, window)| (window.unfinished, **at));
            least.map(|(window, _)| *window).and_then(|window| attempts.windows.remove(&window));
        }
        let began = attempts.windows.entry(window).or_default();
        if !unfinished {
            began.completed += 1;
            attempts.completed += 1;
            return;
        }
        began.unfinished += 1;
        began.early += u64::from(is_too_early(record));
        attempts.unfinished += 1;
        attempts.tried_again += u64::from(handshake.syn_retries > 0);
        attempts.flows.push(record.id);
        attempts.packets.push(record.first_packet);
        let source = record.originator.ip;
        if !attempts.sources.contains(&source) {
            if attempts.sources.len() < SOURCES && self.sources < self.bounds.of(ALL_SOURCES) {
                attempts.sources.insert(source);
                self.sources += 1;
            } else {
                attempts.more_sources = true;
            }
        }
    }

    /// Lets go of those servers that look least like flooded ones, and of which nothing was heard for longest.
    #[cold]
    fn make_room(&mut self) {
        let Self { servers, sources, without_room, .. } = self;
        let_go(
            servers,
            |attempts| (attempts.unfinished, attempts.seen),
            |gone| {
                *sources -= gone.sources.len();
                *without_room += u64::from(gone.unfinished > 0);
            },
        );
    }

    /// The floods; their servers are covered.
    pub(super) fn finish(self, covered: &mut HashSet<(IpAddr, u16)>, found: &mut Vec<Finding>) {
        let few = |attempts: &Attempts| attempts.unfinished < PEAK;
        let mut servers: Vec<_> = self.servers.into_iter().filter(|(_, attempts)| !few(attempts)).collect();
        servers.sort_by_key(|(key, _)| *key);
        for ((ip, port), attempts) in servers {
            // A server that is well for hours is flooded in ten seconds.
            let most = |window: &&Window| {
                window.unfinished >= PEAK && window.unfinished * 100 >= UNFINISHED * (window.unfinished + window.completed)
            };
            // What began when the capture was about to end is unfinished on every busy server: it has to be more than is usual there.
            let usual = attempts.windows.values().map(|window| window.completed).max().unwrap_or(0);
            let unusual = |window: &&Window| window.early * 2 < window.unfinished || window.unfinished >= 2 * usual;
            let floods = attempts.windows.values().filter(most).filter(unusual);
            let peak = floods.map(|window| window.unfinished).max();
            // Clients of a server that is down try again, most of them.
            let Some(peak) = peak.filter(|_| attempts.tried_again * 2 <= attempts.unfinished) else { continue };
            covered.insert((ip, port));
            let cause = Cause::SynFlood {
                target: Endpoint::new(ip, port),
                unfinished: attempts.unfinished,
                completed: attempts.completed,
                sources: attempts.sources.len() as u64,
                sources_at_least: attempts.more_sources,
                peak,
            };
            found.push(Finding { severity: Severity::High, cause, flows: attempts.flows, packets: attempts.packets });
        }
    }
}
