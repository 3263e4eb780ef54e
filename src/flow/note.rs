//! What the tracker says of one packet: a small value that outputs read beside the packet.

use crate::model::Span;
use std::fmt;

/// The letter of a flow's ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FlowKind {
    /// `c`: TCP.
    Tcp,
    /// `u`: UDP.
    Udp,
    /// `i`: ICMP and `ICMPv6`.
    Icmp,
    /// `s`: SCTP.
    Sctp,
    /// `x`: any other IP protocol.
    Other,
}

impl FlowKind {
    /// The letter itself, in ASCII.
    #[must_use]
    pub const fn letter(self) -> u8 {
        match self {
            Self::Tcp => b'c',
            Self::Udp => b'u',
            Self::Icmp => b'i',
            Self::Sctp => b's',
            Self::Other => b'x',
        }
    }
}

/// A flow's ID as people see it: `c3` is the third TCP connection of this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlowId {
    /// Its letter.
    pub kind: FlowKind,
    /// Counted per letter, from 1, in order of first packet.
    pub number: u64,
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.kind.letter()), self.number)
    }
}

/// Which side of its flow sent a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// The originator (client).
    Originator,
    /// The responder (server).
    Responder,
}

impl Direction {
    /// The other side.
    #[must_use]
    pub const fn flip(self) -> Self {
        match self {
            Self::Originator => Self::Responder,
            Self::Responder => Self::Originator,
        }
    }
}

/// What a packet changed in its flow, worth a word on the packet's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The flow's state is now this.
    State(super::State),
    /// A SYN sent again with the same first number; counted from 1.
    SynRetry(u32),
    /// The SYN-ACK came: round trip of the set-up as far as the responder.
    SynAck(Span),
    /// An ICMP error that quotes a packet of this flow.
    IcmpError,
    /// The window was shut.
    ZeroWindow,
    /// The window was opened again.
    WindowOpened,
}

/// What the tracker says of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Its flow, `None` for packets that belong to none (ARP, what was not understood, pieces of unfinished datagrams).
    pub flow: Option<FlowId>,
    /// Which side sent it.
    pub direction: Option<Direction>,
    /// What it changed.
    pub change: Option<Change>,
    /// Sequence number relative to the sender's first, where that is known (RFC 9293 section 3.4: SYN is 0).
    pub relative_seq: Option<u32>,
    /// Acknowledgment number relative to the peer's first.
    pub relative_ack: Option<u32>,
    /// Window scale to multiply the window field with, where both SYNs were seen to offer one (RFC 7323).
    pub window_scale: Option<u8>,
    /// What a TCP segment is that is not the next one expected; [`super::FlowEvent::Settled`] may change it later.
    pub verdict: Option<super::Verdict>,
    /// What Wireshark says of it, where that was asked for.
    pub wireshark: Option<super::wireshark::Analysis>,
}

impl Note {
    /// Nothing.
    pub const NONE: Self = Self {
        flow: None,
        direction: None,
        change: None,
        relative_seq: None,
        relative_ack: None,
        window_scale: None,
        verdict: None,
        wireshark: None,
    };
}
