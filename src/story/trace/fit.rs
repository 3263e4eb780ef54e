//! Which socket of a trace is the one of a conversation. Addresses with both ports decide. Where the trace lacks one of them, times and sizes
//! do, if they fit one socket and one connection only: `connect()` is called before its SYN and has not returned before it, a byte leaves
//! after the call that sent it was made, and is read no sooner than it came.

use super::lines::Address;
use super::sockets::Socket;
use super::{SynSeen, Trace, TraceError, TracedCall};
use crate::decode::TcpFlags;
use crate::flow::{FlowKind, FlowRecord};
use crate::model::{Endpoint, Span, Timestamp};
use crate::story::step::{Step, What};
use crate::story::{Call, Host};

/// strace writes microseconds, a capture those or nanoseconds.
const ROUNDING: Span = Span::from_nanos(999);
/// Of SYNs that are closer to each other than this, times do not tell which is whose.
const CLOSE: Span = Span::from_millis(1);

/// What one host sent.
#[derive(Debug, Default)]
struct Sent {
    /// The first number of its data, if it is known for certain.
    first: Option<u32>,
    /// The highest number so far, from the first data on.
    highest: u64,
    /// Whenever more had been sent than before: when, and how much it was.
    progress: Vec<(Timestamp, u64)>,
    /// Datagrams.
    datagrams: Vec<(Timestamp, u32)>,
    /// The first FIN.
    fin: Option<Timestamp>,
    /// The first reset.
    reset: Option<Timestamp>,
}

/// What the packets of a conversation say of its calls.
#[derive(Debug)]
pub(super) struct Wire {
    client: Endpoint,
    server: Endpoint,
    tcp: bool,
    first: Option<Timestamp>,
    syn: Option<Timestamp>,
    /// Set up, as the server sees it: the client's first segment without SYN, or a SYN with data (fast open).
    set_up: Option<Timestamp>,
    sent: [Sent; 2],
}

impl Wire {
    pub(super) fn of(record: &FlowRecord, steps: &[&Step]) -> Self {
        let (client, server) = (record.originator, record.responder);
        let mut wire = Self {
            client,
            server,
            tcp: record.id.kind == FlowKind::Tcp,
            first: steps.first().map(|step| step.ts),
            syn: None,
            set_up: None,
            sent: [Sent::default(), Sent::default()],
        };
        for step in steps {
            let host = match () {
                () if step.from == client => Host::Client,
                () if step.from == server => Host::Server,
                () => continue,
            };
            let sent = &mut wire.sent[host.index()];
            match &step.what {
                What::Segment(segment) if segment.accepted => {
                    if segment.is_bare_syn() && host == Host::Client {
                        wire.syn.get_or_insert(step.ts);
                    }
                    let syn = segment.has(TcpFlags::SYN);
                    if host == Host::Client && (!syn || step.len > 0) {
                        wire.set_up.get_or_insert(step.ts);
                    }
                    let seq = segment.seq.wrapping_add(u32::from(syn));
                    if syn || step.len > 0 {
                        sent.first.get_or_insert(seq);
                    }
                    if let (Some(first), true) = (sent.first, step.len > 0) {
                        // As far from the highest one as 32 bits tell.
                        let near = first.wrapping_add(sent.highest as u32);
                        let ahead = i64::from(seq.wrapping_add(step.len).wrapping_sub(near) as i32);
                        if let Ok(ahead @ 1..) = u64::try_from(ahead) {
                            sent.highest += ahead;
                            sent.progress.push((step.ts, sent.highest));
                        }
                    }
                    if segment.has(TcpFlags::FIN) {
                        sent.fin.get_or_insert(step.ts);
                    }
                    if segment.has(TcpFlags::RST) {
                        sent.reset.get_or_insert(step.ts);
                    }
                }
                What::Datagram(_) | What::Piece(_) => sent.datagrams.push((step.ts, step.len)),
                _ => {}
            }
        }
        wire
    }

    /// When a call had what it returned: not before it was made, nor before what it reads was there. `read`: bytes that were read before
    /// it. `None`: that never came, or later than the call returned.
    fn returns(&self, host: Host, call: &TracedCall, read: u64) -> Option<Timestamp> {
        let peer = &self.sent[host.other().index()];
        let at = call.end.unwrap_or(call.ts);
        if call.kind() != Some(Call::Recv) || !self.tcp {
            return Some(at);
        }
        let came = match (call.returned, call.error.as_deref()) {
            (1.., _) => {
                let upto = u64::saturating_add(read, call.returned.unsigned_abs());
                peer.progress.get(peer.progress.partition_point(|(_, end)| *end < upto)).map(|(ts, _)| *ts)
            }
            (0, _) => peer.fin,
            (_, Some("ECONNRESET")) => peer.reset,
            _ => return Some(at),
        };
        let came = came?;
        call.until.is_none_or(|until| came <= until + ROUNDING).then(|| at.max(came))
    }

    /// Every byte left after a call that sent it was made, and no more was sent than left.
    fn sends_fit(&self, host: Host, calls: &[TracedCall]) -> bool {
        let sent = &self.sent[host.index()];
        let sends = || calls.iter().filter(|call| call.kind() == Some(Call::Send) && call.returned > 0);
        if !self.tcp {
            let mut sends = sends();
            return sent
                .datagrams
                .iter()
                .all(|(ts, len)| sends.any(|call| call.returned == i64::from(*len) && call.ts <= *ts + ROUNDING));
        }
        // These return messages, not bytes.
        if sends().any(|call| call.name == "sendmmsg") {
            return false;
        }
        let (mut written, mut next) = (0, sends().peekable());
        for (ts, end) in &sent.progress {
            while let Some(call) = next.next_if(|call| call.ts <= *ts + ROUNDING) {
                written = u64::saturating_add(written, call.returned.unsigned_abs());
            }
            if written < *end {
                return false;
            }
        }
        let all: u64 = sends().map(|call| call.returned.unsigned_abs()).fold(0, u64::saturating_add);
        sent.fin.is_none() || all == sent.highest
    }

    /// Nothing was read before it came.
    fn reads_fit(&self, host: Host, calls: &[TracedCall]) -> bool {
        let mut read = 0;
        for call in calls.iter().filter(|call| call.kind() == Some(Call::Recv) && call.returned >= 0) {
            let asked_for_nothing = call.returned == 0 && self.sent[host.other().index()].fin.is_none();
            if !asked_for_nothing && self.returns(host, call, read).is_none() {
                return false;
            }
            if !call.peeks && self.tcp {
                read = u64::saturating_add(read, call.returned.unsigned_abs());
            }
        }
        true
    }

    /// When each call had what it returned, as far as that is known.
    fn moments(&self, host: Host, calls: &[TracedCall], fit: bool) -> Vec<Timestamp> {
        let mut read = 0;
        let moment = |call: &TracedCall| {
            let recv = call.kind() == Some(Call::Recv);
            let before = read;
            if recv && call.returned > 0 && !call.peeks {
                read = u64::saturating_add(read, call.returned.unsigned_abs());
            }
            match call.kind() {
                // Later than its bytes in any case.
                Some(Call::Recv) if !fit => call.end.or(call.until).unwrap_or(call.ts),
                Some(Call::Recv) => self.returns(host, call, before).unwrap_or(call.end.unwrap_or(call.ts)),
                Some(Call::Accept) => call.end.unwrap_or(call.ts).max(self.set_up.unwrap_or(call.ts)),
                _ => call.ts,
            }
        };
        calls.iter().map(moment).collect()
    }

    fn start(&self) -> Option<Timestamp> {
        self.syn.or(self.first)
    }

    /// Do the moments of the calls that make and end a connection lie as they must?
    fn times_fit(&self, host: Host, socket: &Socket) -> bool {
        let Some(start) = self.start() else { return false };
        let Some(begin) = socket.begin() else { return true };
        let ended =
            socket.calls.iter().any(|call| call.kind() == Some(Call::Close) && call.ts >= begin.ts && call.ts + ROUNDING < start);
        let returned = |call: &TracedCall| call.until.is_none_or(|until| until + ROUNDING >= start);
        if ended {
            return false;
        }
        if host == Host::Server {
            return returned(begin);
        }
        let works =
            |call: &&TracedCall| matches!(call.kind(), Some(Call::Send | Call::Recv)) && call.returned > 0 && call.ts > begin.ts;
        let used = socket.calls.iter().find(works);
        begin.ts <= start + ROUNDING
            && (self.syn.is_none() || begin.error.as_deref() == Some("EINPROGRESS") || returned(begin))
            && (self.syn.is_none() || used.is_none_or(|used| used.ts + ROUNDING >= start))
    }

    /// Do its calls send and read as much as went over the wire, both of it something? Then a socket that was made before the trace is known.
    fn is_all_of_it(&self, host: Host, calls: &[TracedCall]) -> bool {
        let sum = |kind| {
            let calls = calls.iter().filter(|call| call.kind() == Some(kind) && call.returned > 0 && !call.peeks);
            calls.map(|call| call.returned.unsigned_abs()).fold(0, u64::saturating_add)
        };
        let (own, peer) = (self.sent[host.index()].highest, self.sent[host.other().index()].highest);
        self.tcp && own > 0 && peer > 0 && (own, peer) == (sum(Call::Send), sum(Call::Recv))
    }

    /// How well the addresses of a socket are those of a host.
    fn addresses(&self, host: Host, socket: &Socket) -> Match {
        let (own, peer) = if host == Host::Client { (self.client, self.server) } else { (self.server, self.client) };
        let is = |known: Option<Address>, of: Endpoint, or_any: bool| match known {
            Some((ip, port)) if port == of.port && (ip == of.ip || or_any && ip.is_unspecified()) => Match::Same,
            Some(_) => Match::Other,
            None => Match::Unknown,
        };
        match (is(socket.local, own, true), is(socket.peer, peer, false)) {
            (Match::Other, _) | (_, Match::Other) => Match::Other,
            (Match::Same, Match::Same) => Match::Same,
            // Nobody else has the client's port.
            (_, Match::Same) if host == Host::Server => Match::Same,
            _ => Match::Unknown,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Match {
    Same,
    Other,
    Unknown,
}

/// Finds it.
pub(super) fn find(sockets: &[Socket], wire: &Wire, syns: &[SynSeen]) -> Result<Trace, TraceError> {
    let (mut certain, mut likely) = (Vec::new(), Vec::new());
    let mut others = false;
    for socket in sockets.iter().filter(|socket| socket.stream.is_none_or(|stream| stream == wire.tcp)) {
        for host in [Host::Client, Host::Server] {
            let meets = meets(socket, wire, host);
            others |= meets;
            let same = wire.addresses(host, socket);
            if same == Match::Other || !(meets || socket.midway) || !wire.times_fit(host, socket) {
                continue;
            }
            let fits = |calls: &[TracedCall]| wire.sends_fit(host, calls) && wire.reads_fit(host, calls);
            let mut calls = socket.calls.clone();
            let mut fit = fits(&calls);
            if !fit && !socket.perhaps.is_empty() {
                let mut all = [&socket.calls[..], &socket.perhaps[..]].concat();
                all.sort_by_key(|call| call.ts);
                if fits(&all) {
                    (calls, fit) = (all, true);
                }
            }
            let all_of_it = wire.is_all_of_it(host, &calls);
            let known = !socket.midway || all_of_it;
            let sends_fit = known && wire.sends_fit(host, &calls);
            let moments = wire.moments(host, &calls, known && wire.reads_fit(host, &calls));
            let trace = Trace { host, calls, moments, sends_fit };
            if same == Match::Same {
                certain.push((fit, trace));
            } else if fit && (meets || all_of_it) && (!socket.midway || all_of_it) {
                if !is_of_this_syn(socket, wire, host, sockets, syns) {
                    return Err(TraceError::Unclear);
                }
                likely.push(trace);
            }
        }
    }
    // Both ends may be in one trace: the client is told then.
    certain.sort_by_key(|(fit, trace)| (!fit, trace.host.index()));
    if let Some((_, trace)) = certain.into_iter().next() {
        return Ok(trace);
    }
    let both = matches!(&likely[..], [a, b] if a.host != b.host);
    match likely.len() {
        0 => Err(if others { TraceError::OtherConnections } else { TraceError::OtherSockets }),
        1 => Ok(likely.remove(0)),
        _ if both => Ok(likely.remove(0)),
        _ => Err(TraceError::Unclear),
    }
}

/// Does this socket connect to the server, or was it accepted at its port or from the client?
fn meets(socket: &Socket, wire: &Wire, host: Host) -> bool {
    let is = |known: Option<Address>, of: Endpoint| known == Some((of.ip, of.port));
    match host {
        Host::Client => !socket.accepted && is(socket.peer, wire.server),
        Host::Server if socket.accepted => match socket.peer {
            Some(_) => is(socket.peer, wire.client),
            None => socket.local.is_some_and(|(_, port)| port == wire.server.port),
        },
        Host::Server => socket.midway && is(socket.peer, wire.client),
    }
}

/// No other SYN to that server can be the one of this `connect()`, unless it has a `connect()` of its own.
fn is_of_this_syn(socket: &Socket, wire: &Wire, host: Host, sockets: &[Socket], syns: &[SynSeen]) -> bool {
    let (Some(begin), Some(start), Host::Client) = (socket.begin(), wire.syn, host) else { return true };
    let rivals = syns.iter().filter(|syn| {
        (syn.to, syn.from.ip) == (wire.server, wire.client.ip)
            && syn.from != wire.client
            && syn.ts + ROUNDING >= begin.ts
            && syn.ts <= start + CLOSE
            && begin.until.is_none_or(|until| syn.ts <= until + ROUNDING || begin.error.is_some())
    });
    let mut taken = vec![false; sockets.len()];
    for rival in rivals {
        let own = sockets.iter().enumerate().position(|(at, other)| {
            !taken[at]
                && !std::ptr::eq(other, socket)
                && !other.accepted
                && other.peer == socket.peer
                && other.local.is_none_or(|(_, port)| port == rival.from.port)
                && other.begin().is_some_and(|call| {
                    call.ts <= rival.ts + ROUNDING
                        && (call.error.is_some() || call.until.is_none_or(|until| until + ROUNDING >= rival.ts))
                })
        });
        match own {
            Some(at) => taken[at] = true,
            None => return false,
        }
    }
    true
}
