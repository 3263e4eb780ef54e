//! The lines of strace: who called what when, with which address, and when it had returned.
//!
//! strace writes the moment at which a call was made. When it had returned is known of a call that was broken off (`<unfinished ...>`, then
//! `resumed`) and with `-T`; of others, that it had when the same thread did the next thing.

use super::TracedCall;
use crate::model::{Span, Timestamp};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// Longest line that is looked at, bytes: strace shortens data by itself.
const LONGEST: usize = 64 << 10;
/// Calls that are kept of a trace.
const MOST: usize = 1_000_000;

/// An address and a port.
pub(super) type Address = (IpAddr, u16);

/// What happened, in the order in which it came out.
#[derive(Debug)]
pub(super) enum Happening {
    /// A call returned.
    Call(Line),
    /// A thread that was not heard of before.
    Thread(u64),
    /// `close()` was called and has not returned: its number may be used again before it does.
    Closing { thread: u64, descriptor: i64 },
}

/// A call that returned.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) thread: u64,
    pub(super) descriptor: i64,
    pub(super) call: TracedCall,
    /// The address among its arguments.
    pub(super) address: Option<Address>,
    /// Both ends of a descriptor, as `-yy` writes them: the own one, the peer's.
    pub(super) ends: Option<(Address, Address)>,
    /// Of `socket()`: TCP, or datagrams; `None`: something else.
    pub(super) stream: Option<bool>,
    /// Of `clone()`: the new one shares the descriptors.
    pub(super) shares: bool,
}

/// Reads a trace. Empty: it is none.
pub(super) fn read(text: &str) -> Vec<Happening> {
    let lines = || text.lines().filter(|line| line.len() <= LONGEST);
    // On the terminal the first process has no number until there is a second one; those that come later are announced.
    let announced: HashSet<u64> = lines().filter_map(announced).collect();
    let mut reader = Reader { announced, ..Reader::default() };
    for line in lines() {
        if reader.happened.len() >= MOST {
            break;
        }
        reader.read(line);
    }
    reader.happened
}

fn announced(line: &str) -> Option<u64> {
    line.strip_prefix("strace: Process ")?.strip_suffix(" attached")?.parse().ok()
}

#[derive(Default)]
struct Reader {
    announced: HashSet<u64>,
    happened: Vec<Happening>,
    unfinished: HashMap<u64, (String, String)>,
    /// The last call of each thread, while nothing says that it has returned; `None` afterwards.
    last: HashMap<u64, Option<usize>>,
}

impl Reader {
    fn read(&mut self, line: &str) -> Option<()> {
        let (thread, time, rest) = head(line)?;
        let bracket = line.trim_start().starts_with('[');
        let thread = if bracket && !self.announced.is_empty() && !self.announced.contains(&thread) { 0 } else { thread };
        let now = moment(time)?;
        match self.last.insert(thread, None) {
            Some(Some(at)) => {
                if let Some(Happening::Call(line)) = self.happened.get_mut(at) {
                    line.call.until.get_or_insert(now);
                }
            }
            Some(None) => {}
            None => self.happened.push(Happening::Thread(thread)),
        }
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            let start = start.trim_end();
            if let Some(descriptor) = start.strip_prefix("close(").and_then(number) {
                self.happened.push(Happening::Closing { thread, descriptor });
            }
            self.unfinished.insert(thread, (time.to_owned(), start.to_owned()));
            return Some(());
        }
        let line = match rest.strip_prefix("<... ") {
            Some(resumed) => {
                let tail = resumed.split_once("resumed>")?.1;
                let (time, start) = self.unfinished.remove(&thread)?;
                let mut line = parse(thread, &time, &format!("{start}{tail}"))?;
                (line.call.end, line.call.until) = (Some(now), Some(now));
                line
            }
            None => parse(thread, time, rest)?,
        };
        self.last.insert(thread, Some(self.happened.len()));
        self.happened.push(Happening::Call(line));
        Some(())
    }
}

/// The thread, if there is one, the time, and the call.
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

fn parse(thread: u64, time: &str, text: &str) -> Option<Line> {
    let (name, rest) = text.split_once('(')?;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return None;
    }
    // strace lines up what calls return.
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let arguments = arguments.trim_end();
    let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
    let returned = number(result.trim_start())?;
    // What stands there otherwise is no name of an error.
    let is_name = |word: &&str| word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let error = result.split_whitespace().nth(1).filter(|word| returned < 0 && is_name(word)).map(str::to_owned);
    let ts = moment(time)?;
    // -T writes how long it took.
    let took = result.rsplit_once('<').and_then(|(_, took)| moment(took.strip_suffix('>')?));
    let end = took.map(|took| ts + Span::from_nanos(took.nanos()));
    let first = arguments.split([',', ')']).next()?.trim();
    let stream = match name {
        "socket" if arguments.starts_with("AF_INET") && arguments.contains("SOCK_STREAM") => Some(true),
        "socket" if arguments.starts_with("AF_INET") && arguments.contains("SOCK_DGRAM") => Some(false),
        _ => None,
    };
    // What was asked to be sent or left in the queue is behind the last string.
    let flags = arguments.rsplit_once('"').map_or(arguments, |(_, flags)| flags);
    let call = TracedCall {
        ts,
        end,
        until: end,
        name: name.to_owned(),
        returned,
        error,
        peeks: flags.contains("MSG_PEEK"),
        reads_only: name == "shutdown" && arguments.ends_with("SHUT_RD"),
    };
    let ends = if matches!(name, "accept" | "accept4") { ends(result) } else { ends(first) };
    Some(Line {
        thread,
        descriptor: number(first).unwrap_or(-1),
        call,
        address: address(arguments),
        ends,
        stream,
        shares: arguments.contains("CLONE_FILES"),
    })
}

/// The number with which a text begins.
fn number(text: &str) -> Option<i64> {
    let digits = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    text.get(..=digits)?.parse().ok()
}

/// Seconds since 1970 with a fraction.
fn moment(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.')?;
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    Some(Timestamp::from_parts(seconds.parse().ok()?, digits.parse().ok()?))
}

/// The address among a call's arguments.
fn address(arguments: &str) -> Option<Address> {
    let after = |text: &str| arguments.find(text).map(|at| &arguments[at + text.len()..]);
    let port = after("sin_port=htons(").or_else(|| after("sin6_port=htons("))?;
    let port = port.split(')').next()?.parse().ok()?;
    let ip = after("inet_addr(\"").or_else(|| after("inet_pton(AF_INET6, \""))?;
    Some((plain(ip.split('"').next()?.parse().ok()?), port))
}

/// `3<TCP:[10.0.0.1:40000->10.0.0.2:80]>`, as `-yy` writes it.
fn ends(text: &str) -> Option<(Address, Address)> {
    let (_, inside) = text.split_once('<')?;
    let inside = inside.strip_prefix("TCP:[").or_else(|| inside.strip_prefix("TCPv6:["))?;
    let (own, rest) = inside.split_once("->")?;
    let (peer, _) = rest.rsplit_once("]>")?;
    let read = |text: &str| {
        let (ip, port) = text.rsplit_once(':')?;
        let ip = ip.trim_start_matches('[').trim_end_matches(']');
        Some((plain(ip.parse().ok()?), port.parse().ok()?))
    };
    Some((read(own)?, read(peer)?))
}

/// IPv4 where it is written as IPv6.
fn plain(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}
