//! What `strace` saw of a program, beside what the packets say: the calls of the one socket that the story is of. With it what was one of
//! several becomes certain for that host.
//!
//! Read is what `strace -f -ttt -e trace=network,read,write,close` writes: a line for each call, with the process where there are several,
//! seconds since 1970, and what it returned. Lines that are something else are passed over.
//!
//! `lines` reads them, `sockets` sorts the calls by socket, `fit` finds the one of this conversation, `settle` puts its calls into the story.
//! The times of trace and capture are taken to be of one clock.

mod fit;
mod lines;
mod settle;
mod sockets;
#[cfg(test)]
mod tests;

pub use settle::settle;

use super::call::{Call, Host};
use super::step::Step;
use crate::flow::FlowRecord;
use crate::model::{Endpoint, Timestamp};

/// A call that was traced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedCall {
    /// When it was made.
    pub ts: Timestamp,
    /// When it returned, where strace says so.
    pub end: Option<Timestamp>,
    /// By then it had returned: its thread did something else.
    pub until: Option<Timestamp>,
    /// Its name, as strace has it: `sendto`.
    pub name: String,
    /// What it returned.
    pub returned: i64,
    /// The name of the error, with -1.
    pub error: Option<String>,
    /// It left in the queue what it read (`MSG_PEEK`).
    pub peeks: bool,
    /// It ended the receiving side only (`SHUT_RD`): no packet follows.
    pub reads_only: bool,
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
            "shutdown" if self.reads_only => return None,
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
    /// When each had done its work, as far as that is known: of one that waited, when what it waited for was there.
    pub moments: Vec<Timestamp>,
    /// Sizes and times of the calls that send fit the packets: which one sent what is certain.
    pub sends_fit: bool,
}

/// A SYN of the capture, whatever conversation it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SynSeen {
    /// When.
    pub ts: Timestamp,
    /// Who asks.
    pub from: Endpoint,
    /// Whom.
    pub to: Endpoint,
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
    /// It has calls to the same server or from the same client, but of other connections.
    #[error(
        "it has other connections of these hosts, not this one: sizes or times of their calls do not fit (the clock of the trace has to be that of the capture)"
    )]
    OtherConnections,
    /// Several may be meant.
    #[error(
        "more than one connection fits its calls: record it with  strace -yy -f -ttt -e trace=network,read,write,close -o FILE PROGRAM, which writes the ports"
    )]
    Unclear,
}

/// Finds the calls of a conversation's socket in a trace. `syns`: those of the capture, so that a `connect()` is not taken for that of
/// another connection to the same server.
///
/// # Errors
/// [`TraceError`] where there are none.
pub fn read_trace(text: &str, record: &FlowRecord, steps: &[&Step], syns: &[SynSeen]) -> Result<Trace, TraceError> {
    let happened = lines::read(text);
    if !happened.iter().any(|happening| matches!(happening, lines::Happening::Call(_))) {
        return Err(TraceError::NotStrace);
    }
    fit::find(&sockets::sort(happened), &fit::Wire::of(record, steps), syns)
}
