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

impl FlowId {
    /// A number that no other flow has: its letter in the lowest three bits.
    #[must_use]
    pub const fn key(self) -> u64 {
        self.number << 3 | self.kind as u64
    }

    /// The flow of such a number.
    #[must_use]
    pub const fn of_key(key: u64) -> Self {
        let kind = match key & 7 {
            0 => FlowKind::Tcp,
            1 => FlowKind::Udp,
            2 => FlowKind::Icmp,
            3 => FlowKind::Sctp,
            _ => FlowKind::Other,
        };
        Self { kind, number: key >> 3 }
    }
}

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", char::from(self.kind.letter()), self.number)
    }
}

/// Reads what [`fmt::Display`] writes.
impl std::str::FromStr for FlowId {
    type Err = NoFlowId;

    fn from_str(text: &str) -> Result<Self, NoFlowId> {
        let (letter, digits) = text.split_at_checked(1).ok_or(NoFlowId)?;
        let kinds = [FlowKind::Tcp, FlowKind::Udp, FlowKind::Icmp, FlowKind::Sctp, FlowKind::Other];
        let kind = kinds.into_iter().find(|kind| [kind.letter()] == *letter.as_bytes()).ok_or(NoFlowId)?;
        let plain = !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| plain).ok_or(NoFlowId)?;
        Ok(Self { kind, number })
    }
}

/// The text names no flow: an ID is one of the letters c, u, i, s, x and a number from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no ID of a conversation: those look like c3, u1, i2")]
pub struct NoFlowId;

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

/// Both ends of a TCP connection after a packet, as an observer infers them (RFC 9293 section 3.3.2): it is taken as sent and received at the
/// moment it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndStates {
    /// Its sender; `None` before anything is known of it.
    pub sender: Option<super::record::TcpState>,
    /// Its receiver.
    pub receiver: Option<super::record::TcpState>,
    /// The receiver would take it. `false` of what no host takes: numbers far from everything expected, a reset outside of the window
    /// (RFC 5961), a wrong checksum.
    pub accepted: bool,
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
    /// Both ends of its connection after it; `None` of other protocols.
    pub ends: Option<EndStates>,
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
        ends: None,
        wireshark: None,
    };
}
