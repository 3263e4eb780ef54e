//! Pieces of datagrams that belong to no conversation yet: they wait for the piece that completes their datagram and go where that goes.
//! Bounded as the pool that joins them is, by number, bytes and age. What is kept of a piece is the caller's: the frame, or its place.

use super::super::Packet;
use super::FragmentLimits;
use crate::model::{KeptFrame, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Which datagram a piece is of (RFC 791 section 2.3, RFC 8200 section 4.5), within its networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Datagram {
    ends: (IpAddr, IpAddr),
    id: u32,
    /// 0 over IPv6, where only the first piece knows it.
    protocol: u8,
    vlan: [u16; 2],
    tunnel: u32,
}

impl Datagram {
    /// Of a piece; nothing of other packets.
    #[must_use]
    pub fn of(packet: &Packet<'_>) -> Option<Self> {
        if !packet.fragment.is_piece() {
            return None;
        }
        let ends = packet.addresses()?;
        Some(Self {
            ends,
            id: packet.datagram_id()?,
            protocol: if ends.0.is_ipv6() { 0 } else { packet.protocol.0 },
            vlan: packet.vlan,
            tunnel: packet.tunnel.id,
        })
    }
}

/// What is kept of a piece.
pub trait Piece {
    /// What it takes, bytes.
    fn size(&self) -> usize;
}

impl Piece for KeptFrame {
    fn size(&self) -> usize {
        Self::size(self)
    }
}

/// Its place in the run.
impl Piece for u64 {
    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

#[derive(Debug)]
struct Waiting<T> {
    since: Timestamp,
    /// Its place in the order.
    turn: u64,
    kept: Vec<T>,
}

/// Those that wait.
#[derive(Debug)]
pub struct WaitingPieces<T> {
    waiting: HashMap<Datagram, Waiting<T>>,
    /// As they began; those that are gone have left their places.
    order: VecDeque<(u64, Datagram)>,
    turn: u64,
    bytes: usize,
    /// They may take so many.
    most: usize,
}

impl<T: Piece> WaitingPieces<T> {
    /// None yet. They take so many bytes at most, and no more than the pool that joins them.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = most.min(FragmentLimits::default().bytes);
        Self { waiting: HashMap::new(), order: VecDeque::new(), turn: 0, bytes: 0, most }
    }

    /// Bytes that they may take.
    #[must_use]
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Keeps a piece that came `now`. What has to go instead, as of no conversation, is appended to `gone`.
    pub fn keep(&mut self, of: Datagram, kept: T, now: Timestamp, gone: &mut Vec<T>) {
        let limits = FragmentLimits::default();
        if self.waiting.get(&of).is_some_and(|waiting| is_old(waiting.since, now, limits)) {
            gone.extend(self.take(of));
        }
        self.bytes += kept.size();
        let turn = self.turn;
        let waiting = self.waiting.entry(of).or_insert_with(|| {
            self.order.push_back((turn, of));
            self.turn += 1;
            Waiting { since: now, turn, kept: Vec::new() }
        });
        waiting.kept.push(kept);
        if self.order.len() > 4 * limits.datagrams {
            let waiting = &self.waiting;
            self.order.retain(|(turn, of)| waiting.get(of).is_some_and(|waiting| waiting.turn == *turn));
        }
        self.give_up(now, gone);
    }

    /// Appends to `gone` what waited too long, or has no room.
    pub fn give_up(&mut self, now: Timestamp, gone: &mut Vec<T>) {
        let limits = FragmentLimits::default();
        while let Some(&(turn, oldest)) = self.order.front() {
            let there = self.waiting.get(&oldest).filter(|waiting| waiting.turn == turn);
            let full = self.waiting.len() > limits.datagrams || self.bytes > self.most;
            match there {
                Some(waiting) if !full && !is_old(waiting.since, now, limits) => return,
                Some(_) => gone.extend(self.take(oldest)),
                None => {}
            }
            self.order.pop_front();
        }
    }

    /// The pieces of a datagram that is complete, in their order.
    pub fn take(&mut self, of: Datagram) -> Vec<T> {
        let kept = self.waiting.remove(&of).map_or_else(Vec::new, |waiting| waiting.kept);
        self.bytes -= kept.iter().map(Piece::size).sum::<usize>();
        kept
    }

    /// All that wait, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.waiting.values().flat_map(|waiting| &waiting.kept)
    }

    /// All that wait: no datagram will be completed any more.
    pub fn rest(&mut self) -> Vec<T> {
        let order = std::mem::take(&mut self.order);
        order.into_iter().flat_map(|(_, of)| self.take(of)).collect()
    }
}

/// Would the pool have given it up?
fn is_old(since: Timestamp, now: Timestamp, limits: FragmentLimits) -> bool {
    now - since > limits.age
}
