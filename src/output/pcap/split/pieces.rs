//! Pieces of datagrams that belong to no conversation yet: they wait for the piece that completes their datagram and go where that goes.
//! Bounded as the pool that joins them is, by number, bytes and age; what is not completed goes to the packets of none.

use crate::decode::{FragmentLimits, Packet};
use crate::model::{ByteOrder, Frame, FrameDirection, FrameMarks, FrameOptions, LinkType, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;

/// Which datagram a piece is of (RFC 791 section 2.3, RFC 8200 section 4.5), within its networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Datagram {
    ends: (IpAddr, IpAddr),
    id: u32,
    /// 0 over IPv6, where only the first piece knows it.
    protocol: u8,
    vlan: [u16; 2],
    tunnel: u32,
}

impl Datagram {
    /// Of a piece; nothing of other packets.
    pub(super) fn of(packet: &Packet<'_>) -> Option<Self> {
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

/// A frame of its own.
#[derive(Debug)]
pub(super) struct Kept {
    number: u64,
    source: u16,
    interface: u32,
    ts: Timestamp,
    link: LinkType,
    wire_len: u32,
    bytes: Box<[u8]>,
    direction: Option<FrameDirection>,
    options: Option<(Box<[u8]>, ByteOrder)>,
    marks: FrameMarks,
}

impl Kept {
    fn of(frame: &Frame<'_>) -> Self {
        Self {
            number: frame.number,
            source: frame.source,
            interface: frame.interface,
            ts: frame.ts,
            link: frame.link,
            wire_len: frame.wire_len,
            bytes: frame.bytes.into(),
            direction: frame.direction,
            options: frame.options.map(|options| (options.bytes.into(), options.order)),
            marks: frame.marks,
        }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.len() + self.options.as_ref().map_or(0, |(bytes, _)| bytes.len())
    }

    /// As it came.
    pub(super) fn frame(&self) -> Frame<'_> {
        Frame {
            number: self.number,
            source: self.source,
            interface: self.interface,
            ts: self.ts,
            link: self.link,
            wire_len: self.wire_len,
            bytes: &self.bytes,
            direction: self.direction,
            options: self.options.as_ref().map(|(bytes, order)| FrameOptions { bytes, order: *order }),
            marks: self.marks,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    since: Timestamp,
    /// Its place in the order.
    turn: u64,
    frames: Vec<Kept>,
}

/// Those that wait.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    waiting: HashMap<Datagram, Waiting>,
    /// As they began; those that are gone have left their places.
    order: VecDeque<(u64, Datagram)>,
    turn: u64,
    bytes: usize,
    /// They may take so many.
    most: usize,
}

impl Pieces {
    /// None yet. They take so many bytes at most, and no more than the pool that joins them.
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.min(FragmentLimits::default().bytes), ..Self::default() }
    }

    /// Bytes that they may take.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// Keeps a piece. What has to go instead, to the packets of no conversation, is appended to `gone`.
    pub(super) fn keep(&mut self, of: Datagram, frame: &Frame<'_>, gone: &mut Vec<Kept>) {
        let limits = FragmentLimits::default();
        if self.waiting.get(&of).is_some_and(|waiting| is_old(waiting.since, frame.ts, limits)) {
            gone.extend(self.take(of));
        }
        let kept = Kept::of(frame);
        self.bytes += kept.bytes();
        let turn = self.turn;
        let waiting = self.waiting.entry(of).or_insert_with(|| {
            self.order.push_back((turn, of));
            self.turn += 1;
            Waiting { since: frame.ts, turn, frames: Vec::new() }
        });
        waiting.frames.push(kept);
        if self.order.len() > 4 * limits.datagrams {
            let waiting = &self.waiting;
            self.order.retain(|(turn, of)| waiting.get(of).is_some_and(|waiting| waiting.turn == *turn));
        }
        while let Some(&(turn, oldest)) = self.order.front() {
            let there = self.waiting.get(&oldest).filter(|waiting| waiting.turn == turn);
            let full = self.waiting.len() > limits.datagrams || self.bytes > self.most;
            match there {
                Some(waiting) if !full && !is_old(waiting.since, frame.ts, limits) => return,
                Some(_) => gone.extend(self.take(oldest)),
                None => {}
            }
            self.order.pop_front();
        }
    }

    /// The pieces of a datagram that is complete, in their order.
    pub(super) fn take(&mut self, of: Datagram) -> Vec<Kept> {
        let frames = self.waiting.remove(&of).map_or_else(Vec::new, |waiting| waiting.frames);
        self.bytes -= frames.iter().map(Kept::bytes).sum::<usize>();
        frames
    }

    /// All that wait: no datagram will be completed any more.
    pub(super) fn rest(&mut self) -> Vec<Kept> {
        let order = std::mem::take(&mut self.order);
        order.into_iter().flat_map(|(_, of)| self.take(of)).collect()
    }
}

/// Would the pool have given it up?
fn is_old(since: Timestamp, now: Timestamp, limits: FragmentLimits) -> bool {
    now - since > limits.age
}
