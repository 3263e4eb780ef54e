//! What `strace` saw of a program, beside what the packets say: the calls of the one socket that the story is of. With it what was one of
//! several becomes certain for that host.
//!
//! Read is what `strace -f -ttt -e trace=network,read,write,close` writes: a line for each call, with the process where there are several,
//! seconds since 1970, and what it returned. Lines that are something else are passed over.

use super::call::{Call, Called, Host};
use super::claim::{Claim, Mark};
use super::say::Say;
use super::step::Step;
use super::{Scene, Story};
use crate::model::{Endpoint, Span, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;

/// Longest line that is looked at, bytes: strace shortens data by itself.
const LONGEST: usize = 64 << 10;
/// Calls of one socket that are kept.
const MOST: usize = 100_000;

/// A call that was traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedCall {
    /// When it was made.
    pub ts: Timestamp,
    /// Its name, as strace has it: `sendto`.
    pub name: String,
    /// What it returned.
    pub returned: i64,
    /// The name of the error, with -1.
    pub error: Option<String>,
}

impl TracedCall {
    fn kind(&self) -> Option<Call> {
        Some(match self.name.as_str() {
            "socket" => Call::Socket,
            "bind" => Call::Bind,
            "listen" => Call::Listen,
            "connect" => Call::Connect,
            "accept" | "accept4" => Call::Accept,
            "send" | "sendto" | "sendmsg" | "sendmmsg" | "write" | "writev" | "sendfile" | "sendfile64" => Call::Send,
            "recv" | "recvfrom" | "recvmsg" | "recvmmsg" | "read" | "readv" => Call::Recv,
            "shutdown" => Call::Shutdown,
            "close" => Call::Close,
            _ => return None,
        })
    }
}

/// The calls of one socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Whose program was traced.
    pub host: Host,
    /// Its calls, in order.
    pub calls: Vec<TracedCall>,
}

/// Why a trace is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TraceError {
    /// No line of it looks like strace's.
    #[error(
        "this is no output of strace with times: record it with  strace -f -ttt -e trace=network,read,write,close -o FILE PROGRAM"
    )]
    NotStrace,
    /// It has calls, but none of this connection.
    #[error("no call in it connects to the server of this conversation or accepts its client")]
    OtherSockets,
}

/// Finds the calls of a conversation's socket in a trace.
///
/// # Errors
/// [`TraceError`] where there are none.
pub fn read_trace(text: &str, client: Endpoint, server: Endpoint) -> Result<Trace, TraceError> {
    let mut lines = Lines::default();
    let mut open: HashMap<(u64, i64), Vec<TracedCall>> = HashMap::new();
    let mut found: Option<(Host, (u64, i64))> = None;
    let mut calls: Vec<TracedCall> = Vec::new();
    let mut any = false;
    for line in text.lines().filter(|line| line.len() <= LONGEST) {
        let Some(line) = lines.read(line) else { continue };
        any = true;
        let of = (line.group, line.descriptor);
        let call = line.call;
        match call.name.as_str() {
            "socket" if call.returned >= 0 => {
                open.insert((line.group, call.returned), vec![call]);
                continue;
            }
            "connect" if found.is_none() && line.address == Some((server.ip, server.port)) => {
                found = Some((Host::Client, of));
                calls = open.remove(&of).unwrap_or_default();
            }
            "accept" | "accept4" if found.is_none() && line.address == Some((client.ip, client.port)) => {
                // The listening socket's calls are the story's, too; what follows is of the new one.
                found = Some((Host::Server, (line.group, call.returned)));
                calls = open.get(&of).cloned().unwrap_or_default();
                calls.push(call);
                continue;
            }
            _ => {}
        }
        if found.is_some_and(|(_, socket)| socket == of) {
            let closes = call.name == "close" && call.returned == 0;
            if calls.len() < MOST {
                calls.push(call);
            }
            if closes {
                break;
            }
        } else if let Some(before) = open.get_mut(&of).filter(|before| before.len() < 64) {
            before.push(call);
        }
    }
    match found {
        Some((host, _)) => Ok(Trace { host, calls }),
        None if any => Err(TraceError::OtherSockets),
        None => Err(TraceError::NotStrace),
    }
}

/// A line that was understood.
struct Line {
    /// Descriptors belong to a process; threads of one share them, and -f does not say which are which: all of a trace are one.
    group: u64,
    descriptor: i64,
    call: TracedCall,
    address: Option<(IpAddr, u16)>,
}

/// Reads lines, and joins those that strace had to break off.
#[derive(Default)]
struct Lines {
    unfinished: HashMap<u64, String>,
}

impl Lines {
    fn read(&mut self, line: &str) -> Option<Line> {
        let (process, time, rest) = head(line)?;
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            self.unfinished.insert(process, format!("{time} {}", start.trim_end()));
            return None;
        }
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let tail = resumed.split_once("resumed>")?.1;
            let begun = self.unfinished.remove(&process)?;
            let (time, start) = begun.split_once(' ')?;
            return parse(time, &format!("{start}{tail}"));
        }
        parse(time, rest)
    }
}

/// The process, if there is one, the time, and the call.
fn head(line: &str) -> Option<(u64, &str, &str)> {
    let line = line.trim_start();
    let (process, line) = match line.strip_prefix("[pid ") {
        Some(rest) => {
            let (process, rest) = rest.split_once(']')?;
            (process.trim().parse().ok()?, rest.trim_start())
        }
        None => match line.split_once(' ') {
            Some((word, rest)) if !word.contains('.') && word.bytes().all(|b| b.is_ascii_digit()) => {
                (word.parse().ok()?, rest.trim_start())
            }
            _ => (0, line),
        },
    };
    let (time, rest) = line.split_once(' ')?;
    time.contains('.').then_some((process, time, rest.trim_start()))
}

fn parse(time: &str, text: &str) -> Option<Line> {
    let (name, rest) = text.split_once('(')?;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return None;
    }
    let (arguments, result) = rest.rsplit_once(") = ").or_else(|| {
        // strace lines up what calls return.
        let at = rest.rfind(" = ")?;
        Some((rest[..at].trim_end().trim_end_matches(')'), &rest[at + 3..]))
    })?;
    let mut words = result.split_whitespace();
    let returned: i64 = words.next()?.parse().ok()?;
    // What stands there otherwise is no name of an error.
    let is_name = |word: &&str| word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let error = words.next().filter(|word| returned < 0 && is_name(word)).map(str::to_owned);
    let first = arguments.split([',', ')']).next()?.trim();
    let descriptor = first.split('<').next()?.parse().unwrap_or(-1);
    let call = TracedCall { ts: moment(time)?, name: name.to_owned(), returned, error };
    Some(Line { group: 0, descriptor, call, address: address(arguments) })
}

/// Seconds since 1970 with a fraction.
fn moment(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.')?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Some(Timestamp::from_parts(seconds.parse().ok()?, digits.parse().ok()?))
}

/// The address among a call's arguments.
fn address(arguments: &str) -> Option<(IpAddr, u16)> {
    let after = |text: &str| arguments.find(text).map(|at| &arguments[at + text.len()..]);
    let port = after("sin_port=htons(").or_else(|| after("sin6_port=htons("))?;
    let port = port.split(')').next()?.parse().ok()?;
    let ip = after("inet_addr(\"").or_else(|| after("inet_pton(AF_INET6, \""))?;
    let ip: IpAddr = ip.split('"').next()?.parse().ok()?;
    let ip = match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    };
    Some((ip, port))
}

/// Puts what was traced into a story: what one host's program did is certain then, and what it did not do is not said.
pub fn settle(story: &mut Story, steps: &[&Step], trace: &Trace) {
    let host = trace.host;
    let mut written = 0_u64;
    let mut told = vec![false; trace.calls.len()];
    let mut before: Vec<Claim> = std::mem::take(&mut story.before);
    before.retain(|claim| claim.host != Some(host));
    let start = steps.first().map_or(Timestamp::MAX, |step| step.ts);
    for (at, call) in trace.calls.iter().enumerate() {
        let early = matches!(call.kind(), Some(Call::Socket | Call::Bind | Call::Listen)) || call.ts < start;
        if early && !matches!(call.kind(), Some(Call::Connect | Call::Accept)) {
            before.push(traced(host, call, None));
            told[at] = true;
        }
    }
    story.before = before;
    let spans = sent_ranges(trace);
    let by_time = in_order(trace);
    let mut steps_told: Vec<&mut super::Told> = story.scenes.iter_mut().flat_map(|scene: &mut Scene| &mut scene.steps).collect();
    let times: Vec<Timestamp> = steps_told.iter().filter_map(|told| steps.get(told.step)).map(|step| step.ts).collect();
    for (i, step_told) in steps_told.iter_mut().enumerate() {
        let Some(step) = steps.get(step_told.step) else { continue };
        let mine = step_told.host == Some(host);
        for claim in step_told.claims.iter_mut().filter(|claim| claim.say == Say::AcceptCan && claim.host == Some(host)) {
            // It may have waited since long before.
            if let Some(at) = trace.calls.iter().position(|call| call.kind() == Some(Call::Accept) && call.returned >= 0) {
                told[at] = true;
                *claim = traced(host, &trace.calls[at], None);
            }
        }
        step_told.claims.retain(|claim| claim.host != Some(host) || !is_guess(&claim.say));
        if mine {
            for claim in &mut step_told.claims {
                let causes = match &claim.say {
                    Say::ConnectWaits => last_before(trace, step.ts, &told, |call| call == Call::Connect),
                    Say::Sends { len, .. } => {
                        let from = written;
                        written += u64::from(*len);
                        let to = written;
                        let first = spans.partition_point(|(range, _)| range.end <= from);
                        spans[first..].iter().take_while(|(range, _)| range.start < to).map(|(_, at)| *at).collect()
                    }
                    Say::SendsDatagram { .. } => last_before(trace, step.ts, &told, |call| call == Call::Send),
                    Say::Finishes { .. } | Say::Breaks { .. } | Say::AbandonsOpening => {
                        last_before(trace, step.ts, &told, |call| matches!(call, Call::Shutdown | Call::Close))
                    }
                    _ => continue,
                };
                let Some(first) = causes.first().and_then(|at| trace.calls.get(*at)) else { continue };
                for at in &causes {
                    told[*at] = true;
                }
                *claim = traced(host, first, Some(step.ts - first.ts));
            }
        }
        // What no packet belongs to lies between this one and the next.
        let next = times.get(i + 1).copied().unwrap_or(Timestamp::MAX);
        let first = by_time.partition_point(|&at| trace.calls[at].ts < step.ts);
        for &at in by_time[first..].iter().take_while(|&&at| trace.calls[at].ts < next) {
            let call = &trace.calls[at];
            if !told[at] && !causes_packet(call) {
                told[at] = true;
                step_told.claims.push(traced(host, call, None));
            }
        }
    }
    story.traced = Some(host);
}

/// Said where it is not known whether the program read.
const fn is_guess(say: &Say) -> bool {
    matches!(say, Say::RecvCan { .. } | Say::RecvEnd | Say::AcceptCan | Say::ConnectReturns | Say::Thinks { .. })
}

fn causes_packet(call: &TracedCall) -> bool {
    matches!(call.kind(), Some(Call::Connect | Call::Send | Call::Shutdown | Call::Close)) && call.error.is_none()
}

/// Which bytes of the stream each call sent.
fn sent_ranges(trace: &Trace) -> Vec<(std::ops::Range<u64>, usize)> {
    let mut at = 0;
    let sends = trace.calls.iter().enumerate().filter(|(_, call)| call.kind() == Some(Call::Send) && call.returned > 0);
    sends
        .map(|(i, call)| {
            let range = at..u64::saturating_add(at, call.returned.unsigned_abs());
            at = range.end;
            (range, i)
        })
        .collect()
}

/// The calls by their times; those of one time as they stand.
fn in_order(trace: &Trace) -> Vec<usize> {
    let mut all: Vec<usize> = (0..trace.calls.len()).collect();
    all.sort_by_key(|&at| trace.calls[at].ts);
    all
}

/// The last call of a kind before a packet that is not told yet.
fn last_before(trace: &Trace, ts: Timestamp, told: &[bool], is: impl Fn(Call) -> bool) -> Vec<usize> {
    let found =
        trace.calls.iter().enumerate().rev().find(|(at, call)| !told[*at] && call.ts <= ts && call.kind().is_some_and(&is));
    found.map(|(at, _)| at).into_iter().collect()
}

fn traced(host: Host, call: &TracedCall, before: Option<Span>) -> Claim {
    let say = Say::Traced { name: call.name.clone(), returned: call.returned, error: call.error.clone(), before };
    let calls = call.kind().map(|kind| Called { host, call: kind, tied: before.is_some() }).into_iter().collect();
    Claim { mark: Mark::Seen, host: Some(host), say, calls, evidence: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
16584 1795209080.519620 socket(AF_INET, SOCK_STREAM, IPPROTO_TCP) = 5
16584 1795209080.519721 connect(5, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"10.98.0.2\")}, 16) = -1 EINPROGRESS (Operation now in progress)
16584 1795209080.542737 sendto(5, \"GET / HTTP/1.1\\r\\n\"..., 73, MSG_NOSIGNAL, NULL, 0) = 73
16584 1795209080.567729 recvfrom(5, \"HTTP/1.1 200 OK\\r\\n\"..., 102400, 0, NULL, NULL) = 92
16584 1795209080.567800 write(6, \"x\", 1)          = 1
16584 1795209080.567842 close(5)        = 0
16584 1795209080.567850 close(6)        = 0
";

    fn ends() -> (Endpoint, Endpoint) {
        let ip = |last| IpAddr::from([10, 98, 0, last]);
        (Endpoint::new(ip(1), 49370), Endpoint::new(ip(2), 80))
    }

    #[test]
    fn the_calls_of_the_socket_are_found_among_others() {
        let (client, server) = ends();
        let trace = read_trace(TRACE, client, server).expect("it is there");
        assert_eq!(trace.host, Host::Client);
        let names: Vec<_> = trace.calls.iter().map(|call| call.name.as_str()).collect();
        assert_eq!(names, ["socket", "connect", "sendto", "recvfrom", "close"]);
        assert_eq!(trace.calls[1].error.as_deref(), Some("EINPROGRESS"));
        assert_eq!(trace.calls[3].returned, 92);
    }

    #[test]
    fn a_call_that_was_broken_off_is_joined() {
        let (client, server) = ends();
        let broken = TRACE.replace(
            "recvfrom(5, \"HTTP/1.1 200 OK\\r\\n\"..., 102400, 0, NULL, NULL) = 92",
            "recvfrom(5,  <unfinished ...>\n16585 1795209080.567735 getpid() = 1\n16584 1795209080.567740 <... recvfrom resumed>\"HTTP\"..., 102400, 0, NULL, NULL) = 92",
        );
        let trace = read_trace(&broken, client, server).expect("it is there");
        assert_eq!(trace.calls.iter().filter(|call| call.name == "recvfrom" && call.returned == 92).count(), 1);
    }

    #[test]
    fn numbers_that_no_call_returns_and_names_that_no_error_has_do_no_harm() {
        let (client, server) = ends();
        let most = format!("16584 1795209080.55 sendto(5, \"x\", 1) = {}\n", i64::MAX);
        let wild = "16584 1795209080.56 recvfrom(5, \"x\", 1) = -1 \u{1b}[2J (x)\n16584 1795209080.57 close(5)";
        let text = TRACE.replace("16584 1795209080.567842 close(5)", &(most.repeat(3) + wild));
        let trace = read_trace(&text, client, server).expect("it is there");
        assert_eq!(sent_ranges(&trace).last().map(|(range, _)| range.end), Some(u64::MAX));
        let failed: Vec<_> = trace.calls.iter().filter(|call| call.returned < 0).map(|call| call.error.as_deref()).collect();
        assert_eq!(failed, [Some("EINPROGRESS"), None]);
    }

    #[test]
    fn what_is_no_trace_or_another_socket_says_so() {
        let (client, server) = ends();
        assert_eq!(read_trace("hello\nworld 1 2", client, server), Err(TraceError::NotStrace));
        assert_eq!(read_trace(TRACE, client, Endpoint::new(server.ip, 81)), Err(TraceError::OtherSockets));
    }
}
