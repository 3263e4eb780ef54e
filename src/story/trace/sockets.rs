//! The sockets of a trace, each with its calls. A socket is a number of one process, from the call that made it to the one that closed it.
//!
//! strace does not say which threads are of one process, unless `clone()` was traced, too. So each has its own numbers, with two ways
//! to those of others: a call for sockets alone (`recvfrom`) on a number that the thread never opened is of the only socket with that number,
//! and those two share their numbers from then on, unless both opened the same one. What `read()`, `write()` and `close()` do with a number
//! that nothing else connects to the socket is kept apart: it may be a file's.

use super::TracedCall;
use super::lines::{Address, Happening, Line};
use crate::story::Call;
use std::collections::{HashMap, HashSet};

/// Calls of one socket that are kept.
const MOST: usize = 100_000;

/// A socket's life.
#[derive(Debug, Default)]
pub(super) struct Socket {
    /// TCP, or datagrams; `None`: not known.
    pub(super) stream: Option<bool>,
    /// `accept()` made it.
    pub(super) accepted: bool,
    /// Something made it that was not traced: the trace begins in the middle.
    pub(super) midway: bool,
    /// Its own address.
    pub(super) local: Option<Address>,
    /// The other side's.
    pub(super) peer: Option<Address>,
    /// Its calls; of what `accept()` made, those of the listening socket come first.
    pub(super) calls: Vec<TracedCall>,
    /// Calls of threads that may have to do with it.
    pub(super) perhaps: Vec<TracedCall>,
    /// `close()` came from another thread than the one that made it: they share it, or each has its own.
    closed_by_other: bool,
    /// A call for sockets alone was made.
    used: bool,
}

impl Socket {
    /// The call that asked for the connection or took it.
    pub(super) fn begin(&self) -> Option<&TracedCall> {
        let kind = if self.accepted { Call::Accept } else { Call::Connect };
        self.calls.iter().find(|call| call.kind() == Some(kind))
    }

    /// Learns addresses from a call.
    fn learn(&mut self, call: &TracedCall, address: Option<Address>, ends: Option<(Address, Address)>) {
        match call.name.as_str() {
            "connect" => self.peer = address.or(self.peer),
            // Without connect(): a datagram, or fast open.
            "sendto" => self.peer = self.peer.or(address),
            "bind" | "getsockname" if call.returned == 0 => {
                self.local = address.filter(|(_, port)| *port != 0).or(self.local);
            }
            "getpeername" if call.returned == 0 => self.peer = address.or(self.peer),
            _ => {}
        }
        if let Some((own, peer)) = ends {
            (self.local, self.peer) = (Some(own), Some(peer));
        }
    }

    fn keep(&mut self, call: TracedCall) {
        if self.calls.len() < MOST {
            self.calls.push(call);
        }
    }
}

/// Sorts the calls of a trace by socket.
pub(super) fn sort(happened: Vec<Happening>) -> Vec<Socket> {
    let mut sorter = Sorter { shared: shared(&happened), ..Sorter::default() };
    for happening in happened {
        match happening {
            Happening::Thread(thread) => sorter.begins(thread),
            Happening::Closing { thread, descriptor } => {
                let own = sorter.shared.get(&thread).copied().unwrap_or(thread);
                if let Some(at) = sorter.open.remove(&(own, descriptor)) {
                    sorter.closing.insert(thread, at);
                }
            }
            Happening::Call(line) => sorter.take(line),
        }
    }
    for socket in &mut sorter.sockets {
        socket.calls.sort_by_key(|call| call.ts);
    }
    sorter.sockets.retain(|socket| !socket.midway || socket.used);
    sorter.sockets
}

/// Threads of which `clone()` says that they share the numbers of another.
fn shared(happened: &[Happening]) -> HashMap<u64, u64> {
    let mut shared: HashMap<u64, u64> = HashMap::new();
    for happening in happened {
        if let Happening::Call(Line { thread, call, shares: true, .. }) = happening
            && let (true, Ok(new)) = (call.name.starts_with("clone"), u64::try_from(call.returned))
        {
            let of = shared.get(thread).copied().unwrap_or(*thread);
            shared.insert(new, of);
        }
    }
    shared
}

#[derive(Default)]
struct Sorter {
    sockets: Vec<Socket>,
    /// By thread and number.
    open: HashMap<(u64, i64), usize>,
    /// What was open elsewhere when a thread began: it may have all of that, too.
    inherited: HashMap<(u64, i64), Vec<usize>>,
    /// Being closed, by thread.
    closing: HashMap<u64, usize>,
    /// Whose numbers a thread shares for certain.
    shared: HashMap<u64, u64>,
    /// Threads that have used each other's sockets.
    together: HashSet<(u64, u64)>,
    /// Processes that go on with what their parent had opened.
    heirs: HashSet<u64>,
    /// Threads that opened the same number at the same time.
    apart: HashSet<(u64, u64)>,
}

impl Sorter {
    fn begins(&mut self, thread: u64) {
        if self.inherited.len() >= MOST {
            return;
        }
        for ((other, descriptor), at) in &self.open {
            if *other != thread && !self.sockets[*at].closed_by_other {
                self.inherited.entry((thread, *descriptor)).or_default().push(*at);
            }
        }
    }

    fn opens(&mut self, thread: u64, descriptor: i64, socket: Socket) {
        let others: Vec<u64> = self
            .open
            .keys()
            .filter(|(other, number)| *other != thread && *number == descriptor)
            .map(|(other, _)| *other)
            .collect();
        for other in others {
            self.apart.extend([(thread, other), (other, thread)]);
        }
        self.open.insert((thread, descriptor), self.sockets.len());
        self.sockets.push(socket);
    }

    fn take(&mut self, line: Line) {
        let thread = self.shared.get(&line.thread).copied().unwrap_or(line.thread);
        let Line { descriptor, call, address, ends, stream, .. } = line;
        match call.name.as_str() {
            "socket" if call.returned >= 0 => {
                let made = call.returned;
                self.opens(thread, made, Socket { stream, calls: vec![call], ..Socket::default() });
                return;
            }
            "accept" | "accept4" if call.returned >= 0 => {
                let listener = self.find(thread, descriptor, true);
                let mut socket = Socket { accepted: true, ..Socket::default() };
                if let Some(listener) = listener.and_then(|at| self.sockets.get(at)) {
                    socket.stream = listener.stream;
                    socket.local = listener.local;
                    socket.calls.clone_from(&listener.calls);
                }
                socket.peer = address;
                if let Some((own, peer)) = ends {
                    (socket.local, socket.peer) = (Some(own), Some(peer));
                }
                let made = call.returned;
                socket.keep(call);
                self.opens(thread, made, socket);
                return;
            }
            "accept" | "accept4" => return,
            _ => {}
        }
        if let Some(at) = self.closing.remove(&line.thread).filter(|_| call.name == "close") {
            self.sockets[at].keep(call);
            return;
        }
        let alone = !matches!(call.name.as_str(), "read" | "write" | "readv" | "writev" | "close");
        if matches!(call.error.as_deref(), Some("EBADF" | "ENOTSOCK")) || descriptor < 0 {
            return;
        }
        let Some(at) = self.find(thread, descriptor, alone) else {
            self.unmade((thread, descriptor), call, alone, (address, ends));
            return;
        };
        let own = self.open.get(&(thread, descriptor)) == Some(&at);
        let socket = &mut self.sockets[at];
        if socket.closed_by_other && !alone {
            return;
        }
        socket.closed_by_other &= !alone;
        socket.used |= alone;
        socket.learn(&call, address, ends);
        if call.name == "close" {
            if own {
                self.open.remove(&(thread, descriptor));
            } else {
                socket.closed_by_other = true;
                self.inherited.remove(&(thread, descriptor));
            }
        }
        socket.keep(call);
    }

    /// The socket that a number means to a thread. `alone`: the call is one for sockets alone.
    fn find(&mut self, thread: u64, descriptor: i64, alone: bool) -> Option<usize> {
        if let Some(at) = self.open.get(&(thread, descriptor)) {
            return Some(*at);
        }
        let apart = |other: u64| self.apart.contains(&(thread, other));
        let mut elsewhere = self.open.iter().filter(|((other, number), at)| {
            *number == descriptor
                && *other != thread
                && !apart(*other)
                && !self.sockets[**at].midway
                && !self.sockets[**at].closed_by_other
        });
        let now = elsewhere.next().map(|((other, _), at)| (*other, *at));
        if elsewhere.next().is_some() {
            return None;
        }
        let then = self.inherited.get(&(thread, descriptor)).map(Vec::as_slice);
        match (now, then) {
            // It has been that one all the time, or came later, and they share it.
            (Some((other, at)), None) => self.joined(thread, other, at, alone),
            (Some((other, at)), Some([then])) if *then == at => self.joined(thread, other, at, alone),
            // The parent has closed it, the child goes on with it.
            (None, Some([then])) if alone || self.heirs.contains(&thread) => {
                self.heirs.insert(thread);
                Some(*then)
            }
            _ => None,
        }
    }

    fn joined(&mut self, thread: u64, other: u64, at: usize, alone: bool) -> Option<usize> {
        if alone {
            self.together.insert((thread, other));
        }
        self.together.contains(&(thread, other)).then_some(at)
    }

    /// A call on a number of which nothing says what made it.
    fn unmade(
        &mut self,
        (thread, descriptor): (u64, i64),
        call: TracedCall,
        alone: bool,
        (address, ends): (Option<Address>, Option<(Address, Address)>),
    ) {
        let others = self
            .open
            .iter()
            .filter(|((other, number), at)| *number == descriptor && *other != thread && !self.sockets[**at].closed_by_other);
        let mut others: Vec<usize> = others.map(|(_, at)| *at).collect();
        if others.is_empty() {
            others.extend(self.inherited.get(&(thread, descriptor)).into_iter().flatten());
        }
        if others.is_empty() {
            if call.name != "close" {
                let mut socket = Socket { midway: true, used: alone, ..Socket::default() };
                socket.learn(&call, address, ends);
                socket.keep(call);
                self.open.insert((thread, descriptor), self.sockets.len());
                self.sockets.push(socket);
            }
            return;
        }
        if let ([at], false) = (&others[..], alone)
            && let Some(socket) = self.sockets.get_mut(*at).filter(|socket| socket.perhaps.len() < MOST)
        {
            socket.perhaps.push(call);
        }
    }
}
