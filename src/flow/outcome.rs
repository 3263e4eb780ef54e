//! The words that say how a conversation is and how it came out: its state, the outcome of its set-up, why its record was made, who opened
//! it by which evidence, where it was captured, the state of one end. Each with its key in records.

use std::fmt;

/// A conversation's state in the words people see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// SYN seen, no answer yet.
    Opening,
    /// SYN-ACK seen and never acknowledged.
    HalfOpen,
    /// The handshake is complete.
    Open,
    /// Open, and a receiver's window is shut.
    Stalled,
    /// A FIN from each side, not all acknowledged; or one FIN, not yet acknowledged.
    Closing,
    /// One side has closed its half and that was acknowledged; the other goes on.
    HalfClosed,
    /// Both sides closed, both FINs acknowledged.
    Closed,
    /// The originator reset it: `reset →`.
    ResetByOriginator,
    /// The responder reset it: `reset ←`.
    ResetByResponder,
    /// RST in answer to the SYN, or ICMP port unreachable for a datagram.
    Refused,
    /// Another ICMP unreachable for its first packet.
    Unreachable,
    /// SYNs and nothing else.
    NoAnswer,
    /// It started before the capture.
    Midway,
    /// Datagrams both ways.
    Answered,
    /// A request of a known protocol without a reply.
    NoReply,
    /// Datagrams one way.
    OneWay,
}

impl State {
    /// Each of them.
    pub const ALL: [Self; 16] = [
        Self::Opening,
        Self::HalfOpen,
        Self::Open,
        Self::Stalled,
        Self::Closing,
        Self::HalfClosed,
        Self::Closed,
        Self::ResetByOriginator,
        Self::ResetByResponder,
        Self::Refused,
        Self::Unreachable,
        Self::NoAnswer,
        Self::Midway,
        Self::Answered,
        Self::NoReply,
        Self::OneWay,
    ];

    /// The word of the screens, as in `reset ←`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
            Self::Stalled => "stalled",
            Self::Closing => "closing",
            Self::HalfClosed => "half-closed",
            Self::Closed => "closed",
            Self::ResetByOriginator => "reset →",
            Self::ResetByResponder => "reset ←",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no answer",
            Self::Midway => "midway",
            Self::Answered => "answered",
            Self::NoReply => "no reply",
            Self::OneWay => "one-way",
        }
    }

    /// The word of records: `no_answer` for `no answer`, and `reset` for both directions (see [`Self::reset_by`]).
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::ResetByOriginator | Self::ResetByResponder => "reset",
            Self::NoAnswer => "no_answer",
            Self::NoReply => "no_reply",
            other => other.word(),
        }
    }

    /// Who reset it, in records.
    #[must_use]
    pub const fn reset_by(self) -> Option<&'static str> {
        match self {
            Self::ResetByOriginator => Some("orig"),
            Self::ResetByResponder => Some("resp"),
            _ => None,
        }
    }
}

/// How an attempt to connect came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// SYN, SYN-ACK, ACK.
    Established,
    /// RST to the SYN.
    Refused,
    /// An ICMP error quotes the SYN.
    Unreachable,
    /// Nothing came back.
    NoAnswer,
    /// SYN-ACK never acknowledged.
    HalfOpen,
    /// Both sides sent a SYN to each other (RFC 9293 section 3.5).
    Simultaneous,
    /// The responder sent ACK and SYN in separate packets.
    Split,
    /// The set-up was before the capture.
    Midway,
}

impl Outcome {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Established,
        Self::Refused,
        Self::Unreachable,
        Self::NoAnswer,
        Self::HalfOpen,
        Self::Simultaneous,
        Self::Split,
        Self::Midway,
    ];

    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Refused => "refused",
            Self::Unreachable => "unreachable",
            Self::NoAnswer => "no_answer",
            Self::HalfOpen => "half_open",
            Self::Simultaneous => "simultaneous",
            Self::Split => "split",
            Self::Midway => "midway",
        }
    }
}

/// Why a record was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Both sides closed.
    Fin,
    /// Reset.
    Rst,
    /// Silent for too long.
    Timeout,
    /// Its ports were used for a new conversation.
    Reused,
    /// The table was full.
    Evicted,
    /// The capture ended.
    EndOfCapture,
}

impl EndReason {
    /// Each of them.
    pub const ALL: [Self; 6] = [Self::Fin, Self::Rst, Self::Timeout, Self::Reused, Self::Evicted, Self::EndOfCapture];

    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::Timeout => "timeout",
            Self::Reused => "reused",
            Self::Evicted => "evicted",
            Self::EndOfCapture => "end_of_capture",
        }
    }
}

/// By which evidence the originator was chosen, weakest first: stronger evidence that comes later turns the flow around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DirectionReason {
    /// Nothing decides: it sent the first packet seen.
    First,
    /// The other side's port is lower.
    LowerPort,
    /// The other side's port is a registered service and its own is not.
    Service,
    /// Its message is a request by the protocol's own field (ICMP type, DNS QR bit, TLS `ClientHello`, HTTP request), or the
    /// other side's is a reply.
    Request,
    /// It sent to a broadcast or multicast address. A group never sends, so this is stronger than any field.
    Group,
    /// The other side sent a SYN-ACK.
    SynAck,
    /// It sent the SYN.
    Syn,
}

impl DirectionReason {
    /// Each of them.
    pub const ALL: [Self; 7] = [Self::First, Self::LowerPort, Self::Service, Self::Request, Self::Group, Self::SynAck, Self::Syn];

    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::LowerPort => "lower_port",
            Self::Service => "service",
            Self::Request => "request",
            Self::Group => "group",
            Self::SynAck => "syn_ack",
            Self::Syn => "syn",
        }
    }
}

/// Where a capture was made, as far as the round trips on both sides of it tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Vantage {
    /// At or near the originator.
    NearOriginator,
    /// At or near the responder.
    NearResponder,
    /// Somewhere in between.
    Between,
}

impl Vantage {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::NearOriginator, Self::NearResponder, Self::Between];

    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::NearOriginator => "near_originator",
            Self::NearResponder => "near_responder",
            Self::Between => "between",
        }
    }
}

/// States of RFC 9293 section 3.3.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TcpState {
    /// No connection.
    Closed,
    /// Waiting for a SYN.
    Listen,
    /// SYN sent.
    SynSent,
    /// SYN received and answered.
    SynReceived,
    /// Open.
    Established,
    /// FIN sent first.
    FinWait1,
    /// FIN sent first and acknowledged.
    FinWait2,
    /// The peer's FIN received.
    CloseWait,
    /// Both FINs crossed.
    Closing,
    /// Own FIN sent after the peer's.
    LastAck,
    /// Waiting for stray packets to die.
    TimeWait,
}

impl TcpState {
    /// Each of them.
    pub const ALL: [Self; 11] = [
        Self::Closed,
        Self::Listen,
        Self::SynSent,
        Self::SynReceived,
        Self::Established,
        Self::FinWait1,
        Self::FinWait2,
        Self::CloseWait,
        Self::Closing,
        Self::LastAck,
        Self::TimeWait,
    ];

    /// The RFC's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "CLOSED",
            Self::Listen => "LISTEN",
            Self::SynSent => "SYN-SENT",
            Self::SynReceived => "SYN-RECEIVED",
            Self::Established => "ESTABLISHED",
            Self::FinWait1 => "FIN-WAIT-1",
            Self::FinWait2 => "FIN-WAIT-2",
            Self::CloseWait => "CLOSE-WAIT",
            Self::Closing => "CLOSING",
            Self::LastAck => "LAST-ACK",
            Self::TimeWait => "TIME-WAIT",
        }
    }
}

impl fmt::Display for TcpState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
