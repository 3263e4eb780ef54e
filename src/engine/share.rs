//! Several threads, each with part of the frames: which thread a packet belongs to once it is decoded, and how it gets there if
//! the kernel gave it to another.
//!
//! The kernel's program ([`crate::capture::Spread`] says how it spreads) sends nearly all frames to the right thread. What it
//! cannot know is set right here, so that no conversation is ever split:
//!
//! - A datagram joined from fragments may be a TCP segment, an ICMP error or a tunnel. Its fragments went by addresses.
//! - Frames in wrappings that the program does not look into (LLC, 802.1ah, long chains of headers).
//! - UDP on a tunnel's port that is no tunnel. Its frames went to the first thread.
//! - An ICMP error that quotes no conversation under way is one of its own addresses.
//!
//! Such a packet is copied into the other thread's inbox, and counted where it was read. Tunnelled packets stay with the first
//! thread. What was handed over is never followed before frames that came earlier, but it may be after some that came later: the
//! threads are as far in time as their rings are, which is some milliseconds apart. So all is in the right record, and of TCP in
//! fragments, where order matters, the verdicts may be others than those of one thread. An inbox is bounded; where it is full,
//! the packet is followed where it is, and counted: its conversation may then have two records.

use super::clock;
use crate::capture::Spread;
use crate::decode::{LayerKind, Network, Packet};
use crate::flow::PacketMeta;
use crate::model::{Frame, IpProtocol, Span, Timestamp};
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most bytes that wait in an inbox, packets' own and what is kept beside them.
const INBOX: usize = 8 << 20;
/// What a packet in an inbox costs beside its bytes.
const BESIDE: usize = size_of::<Parcel>();
/// Longest time for which the kernel holds frames in a block, and some more.
const HELD: Span = Span::from_millis(50);
/// Most numbers of frames that a thread takes at a time.
const MOST_NUMBERS: u64 = 16;

/// What the threads of a run have in common.
pub(super) struct Exchange {
    spread: Spread,
    inboxes: Vec<Inbox>,
    /// Most bytes of each.
    inbox: usize,
    /// Numbers given to frames so far.
    numbered: AtomicU64,
    /// Packets that may still be let through (`-c`).
    left: AtomicU64,
    /// Packets that found an inbox full.
    misplaced: AtomicU64,
}

#[derive(Default)]
struct Inbox {
    parcels: Mutex<VecDeque<Parcel>>,
    /// Bytes of those: changed under the lock, asked without it.
    bytes: AtomicUsize,
}

/// What is to be done with a packet that is handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// All that is done with a frame that was decoded.
    Decoded,
    /// It is a datagram joined from fragments.
    Joined,
    /// An ICMP error whose conversation the thread that it belongs to does not know.
    Orphan,
}

/// A packet on its way to another thread.
pub(super) struct Parcel {
    pub(super) stage: Stage,
    pub(super) meta: PacketMeta,
    frame: Frame<'static>,
    packet: Packet<'static>,
    bytes: Vec<u8>,
}

impl Parcel {
    /// Frame and packet, as if they had been read here. Those of a joined datagram have the bytes of the whole.
    pub(super) fn open(&self) -> (Frame<'_>, Packet<'_>) {
        (Frame { bytes: &self.bytes, ..self.frame }, self.packet.with_bytes(&self.bytes))
    }
}

impl Exchange {
    /// For the threads of `spread`; `limit` as in [`super::run::Config::limit`], `inbox` bytes for each; 0: 8 MiB.
    pub(super) fn new(spread: Spread, limit: Option<u64>, inbox: usize) -> Arc<Self> {
        let inboxes = (0..spread.threads()).map(|_| Inbox::default()).collect();
        let (numbered, left) = (AtomicU64::new(0), AtomicU64::new(limit.unwrap_or(u64::MAX)));
        let inbox = if inbox == 0 { INBOX } else { inbox.min(INBOX) };
        Arc::new(Self { spread, inboxes, inbox, numbered, left, misplaced: AtomicU64::new(0) })
    }

    /// Packets that were not handed over for want of room, and so followed in another thread than their conversation.
    pub(super) fn misplaced(&self) -> u64 {
        self.misplaced.load(Ordering::Relaxed)
    }

    /// Was as much let through as is wanted (`-c`)?
    pub(super) fn is_used_up(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Parcel>> {
        self.parcels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thread's view of the exchange.
pub(super) struct Share {
    me: u32,
    exchange: Arc<Exchange>,
    /// Numbers taken and not given to frames yet, and how many are to be taken next.
    numbers: std::ops::Range<u64>,
    batch: u64,
    /// Frames up to this time were read.
    reached: Timestamp,
    live: bool,
    /// Frames that the filter let through when no more were wanted (`-c`): they count as not asked for.
    pub(super) surplus: u64,
}

impl Share {
    /// Thread `me`, from 0.
    pub(super) fn new(me: u32, exchange: Arc<Exchange>, live: bool) -> Self {
        Self { me, exchange, numbers: 0..0, batch: 1, reached: Timestamp::default(), live, surplus: 0 }
    }

    /// A frame was read: gives it its number.
    pub(super) fn number(&mut self, frame: &mut Frame<'_>) {
        frame.number = self.next_number();
        self.reached = self.reached.max(frame.ts);
    }

    /// The number of the next frame, unlike those of all other threads. While frames come one behind the other, numbers are taken
    /// in batches, so that the threads do not wait for each other.
    fn next_number(&mut self) -> u64 {
        if let Some(number) = self.numbers.next() {
            return number;
        }
        let start = self.exchange.numbered.fetch_add(self.batch, Ordering::Relaxed) + 1;
        self.numbers = start..start + self.batch;
        self.batch = (self.batch * 2).min(MOST_NUMBERS);
        self.numbers.next().unwrap_or(start)
    }

    /// There is no other frame just now: the next one's number is to be later than what other threads see meanwhile. And whatever came
    /// some time ago was read by now.
    pub(super) fn pause(&mut self) {
        if self.live {
            self.reached = self.reached.max(clock::now() - HELD);
        }
        self.numbers = 0..0;
        self.batch = 1;
    }

    /// May another packet be let through? Gives whether it is the last, or nothing where enough were.
    pub(super) fn let_through(&mut self) -> Option<bool> {
        let left = &self.exchange.left;
        if left.load(Ordering::Relaxed) == u64::MAX {
            return Some(false); // No limit: no store that others would have to wait for.
        }
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if before.is_err() {
            self.surplus += 1;
        }
        before.ok().map(|left| left == 1)
    }

    /// Hands a packet over if it belongs to another thread. `false`: it is to be followed here.
    pub(super) fn send(&self, stage: Stage, meta: &PacketMeta, frame: &Frame<'_>, packet: &Packet<'_>, joins: bool) -> bool {
        let owner = match stage {
            Stage::Decoded | Stage::Joined => owner(self.exchange.spread, packet, joins),
            Stage::Orphan => packet.addresses().map(|(a, b)| self.exchange.spread.by_hosts(a, b)),
        };
        let Some(owner) = owner.filter(|owner| *owner != self.me) else { return false };
        let Some(inbox) = self.exchange.inboxes.get(owner as usize) else { return false };
        let size = packet.bytes.len() + BESIDE;
        if inbox.bytes.load(Ordering::Relaxed) + size > self.exchange.inbox {
            self.exchange.misplaced.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let parcel = Parcel {
            stage,
            meta: *meta,
            frame: Frame { bytes: &[], options: None, ..*frame },
            packet: packet.with_bytes(&[]),
            bytes: packet.bytes.to_vec(),
        };
        let mut parcels = inbox.lock();
        parcels.push_back(parcel);
        inbox.bytes.fetch_add(size, Ordering::Relaxed);
        true
    }

    /// The next packet that another thread handed over, in its place in time: when the frames before it were read here.
    /// `all`: nothing is read any more.
    pub(super) fn receive(&self, all: bool) -> Option<Parcel> {
        let inbox = self.exchange.inboxes.get(self.me as usize)?;
        if inbox.bytes.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut parcels = inbox.lock();
        let ts = parcels.front()?.meta.ts;
        if !all && ts > self.reached {
            return None;
        }
        let parcel = parcels.pop_front()?;
        inbox.bytes.fetch_sub(parcel.bytes.len() + BESIDE, Ordering::Relaxed);
        Some(parcel)
    }
}

/// The thread that a decoded packet belongs to; `None` where it is in no conversation, so that any will do. `joins`: ICMP errors
/// belong to what they quote.
fn owner(spread: Spread, packet: &Packet<'_>, joins: bool) -> Option<u32> {
    if packet.tunnel.depth > 0 {
        return Some(0);
    }
    let (source, target) = packet.addresses()?;
    if packet.fragment.is_piece() {
        return Some(if is_piece_of_tunnel(packet) { 0 } else { spread.by_hosts(source, target) });
    }
    if joins && let Some(quoted) = packet.quoted() {
        let whole = quoted.protocol == IpProtocol::TCP && !quoted.fragment.is_piece();
        let ports = quoted.ports().filter(|_| whole);
        return Some(by(spread, (quoted.source, quoted.target), ports));
    }
    let ports = packet.ports().filter(|_| packet.protocol == IpProtocol::TCP);
    Some(by(spread, (source, target), ports))
}

fn by(spread: Spread, (source, target): (IpAddr, IpAddr), ports: Option<(u16, u16)>) -> u32 {
    match ports {
        Some((sport, dport)) => spread.by_ends((source, sport), (target, dport)),
        None => spread.by_hosts(source, target),
    }
}

/// Does the first header that all fragments of the datagram have in common say that it is a tunnel?
fn is_piece_of_tunnel(packet: &Packet<'_>) -> bool {
    let number = if packet.network == Network::Ipv6 {
        let header = packet.layers().find(|layer| layer.kind == LayerKind::Ipv6Fragment);
        header.and_then(|layer| packet.bytes.get(layer.offset as usize))
    } else {
        packet.network_bytes().get(9)
    };
    number.is_some_and(|&number| matches!(IpProtocol(number), IpProtocol::IPV4 | IpProtocol::IPV6 | IpProtocol::GRE))
}

#[cfg(test)]
pub(super) mod datagrams;
#[cfg(all(test, target_os = "linux"))]
mod tests;
