//! Claims: what a story says, each with its mark and what it rests on, and the causes that some of them name. What can be said is in
//! `say.rs`.

use super::call::{Called, Host};
use super::say::Say;
use crate::model::Span;

/// How sure a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `=`: it stands in a packet.
    Seen,
    /// `~`: it follows from the rules of the protocol.
    Implied,
    /// `?`: one of several things that look alike from outside.
    OneOf,
}

impl Mark {
    /// The sign that people see.
    #[must_use]
    pub const fn sign(self) -> char {
        match self {
            Self::Seen => '=',
            Self::Implied => '~',
            Self::OneOf => '?',
        }
    }

    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Implied => "implied",
            Self::OneOf => "one_of",
        }
    }
}

/// Why something was sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Three duplicate acknowledgments or SACK blocks asked for it (RFC 5681 section 3.2, RFC 6675).
    Asked {
        /// Duplicate acknowledgments that passed before it.
        times: u32,
    },
    /// A timer ran out: nothing had come for this long (RFC 6298 section 5).
    Timer {
        /// The pause before it.
        pause: Span,
    },
    /// A router had said that it was too big for the way (RFC 1191, RFC 8201).
    TooBig,
    /// Too early for a timer, and not asked for three times: a probe of the tail, or a guess by time (RFC 8985: TLP, RACK).
    Early,
    /// None of these is to be seen.
    Unknown,
}

/// What a datagram's data are, where its protocol is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase(pub String);

/// A number of the connection's own counting: 0 is the SYN (RFC 9293 section 3.4.1).
pub type Line = i64;

/// How the pauses between copies of a SYN go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backoff {
    /// The first pause.
    First,
    /// As long as the one before.
    Even,
    /// About twice as long.
    Doubles,
    /// Something else.
    Odd,
}

/// What may be behind a reset in a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Break {
    /// Its kernel had asked again and again, and nothing came back: it gives the connection up (ETIMEDOUT).
    GaveUp,
    /// `close()` with bytes in the receive buffer that nobody read (RFC 9293 section 3.10.4, RFC 2525 section 2.17).
    Unread,
    /// `close()` with `SO_LINGER` and a time of 0.
    Linger,
    /// The program was killed or ended with unread bytes.
    Killed,
    /// The listening socket was closed before `accept()` took the connection.
    NeverAccepted,
    /// The socket was closed wholly before, and data came for it.
    GoneBefore,
    /// The host no longer knows the connection (restarted, say).
    Forgotten,
    /// Something on the way sent it.
    Middlebox,
}

/// One sentence of a story.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim {
    /// How sure it is.
    pub mark: Mark,
    /// Of which host it speaks, for those who want one host's side only.
    pub host: Option<Host>,
    /// What is said.
    pub say: Say,
    /// The calls it speaks of.
    pub calls: Vec<Called>,
    /// Steps it rests on beside its own.
    pub evidence: Vec<usize>,
}
