//! A conversation as a story: what each packet says, what follows from it, and which socket calls can be behind it.
//!
//! [`Steps`] gathers the packets of one conversation; [`tell`] goes through them and makes claims, each with its mark: `=` stands in a
//! packet, `~` follows from the rules of the protocol, `?` is one of several. A claim says only what is meant ([`Say`]); outputs
//! have the words. A packet that no rule explains says so ([`Say::NoRule`]): a wrong story is worse than none.
//!
//! One question, one file: `setup` (SYNs), `talk` (data, acknowledgments, windows), `close` (FINs), `reset`, `datagram` (UDP and ICMP);
//! `moves` has the states of RFC 9293, `side` what is known of a host, `ending` what stands before and after the packets.

mod call;
mod claim;
mod close;
mod copy;
mod datagram;
mod ending;
mod exchange;
mod moves;
mod pieces;
mod reset;
mod rule;
mod say;
mod segment;
mod setup;
mod side;
mod step;
mod talk;
mod tell;
mod times;
mod trace;

pub use call::{Call, Called, Errno, Host};
pub use claim::{Backoff, Break, Cause, Claim, Line, Mark, Phrase};
pub use exchange::Exchange;
pub use pieces::{Pieces, Whole};
pub use say::Say;
pub use step::{Options, Segment, Step, Steps, TlsPart, What};
pub use tell::tell;
pub use times::{Times, times};
pub use trace::{SynSeen, Trace, TraceError, TracedCall, read_trace, settle};

/// A story.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    /// What must have been before the first packet.
    pub before: Vec<Claim>,
    /// The packets, by what they are for.
    pub scenes: Vec<Scene>,
    /// What the end of the capture leaves open, and what it means.
    pub after: Vec<Claim>,
    /// Do the numbers add up?
    pub sums: Vec<Sum>,
    /// Packets in the middle that were not kept.
    pub left_out: u64,
    /// Before which of the steps that were kept these are missing.
    pub gap_at: Option<usize>,
    /// The host whose calls a trace made certain.
    pub traced: Option<Host>,
}

/// Packets that serve one purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Which.
    pub kind: SceneKind,
    /// In order.
    pub steps: Vec<Told>,
}

/// What packets are for. In the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SceneKind {
    /// To make the connection.
    SettingUp,
    /// To use it.
    Talking,
    /// To close it: FINs.
    HangingUp,
    /// To break it off: a reset, or an error by ICMP.
    BreakingOff,
}

impl SceneKind {
    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::SettingUp => "setting_up",
            Self::Talking => "talking",
            Self::HangingUp => "hanging_up",
            Self::BreakingOff => "breaking_off",
        }
    }
}

/// A packet, and what is said of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Its place among the steps.
    pub step: usize,
    /// Who sent it, if it is one of the two.
    pub host: Option<Host>,
    /// Its sequence number as the connection counts, where that is known.
    pub seq: Option<Line>,
    /// And its acknowledgment number, where it has one.
    pub ack: Option<Line>,
    /// What is said, in order; never nothing.
    pub claims: Vec<Claim>,
    /// It is like those around it: data in order, or an acknowledgment of such. Many of these in a row may be told as one.
    pub plain: bool,
}

/// The numbers that a host used, and those that the other one acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// Who sent.
    pub host: Host,
    /// SYN, as one.
    pub syn: bool,
    /// Bytes of data: by the highest number sent, whatever was seen of them.
    pub bytes: u64,
    /// FIN, as one.
    pub fin: bool,
    /// What the peer acknowledged in the end; `None` where it never did.
    pub acknowledged: Option<Line>,
}

impl Sum {
    /// All numbers used.
    #[must_use]
    pub const fn numbers(&self) -> u64 {
        self.syn as u64 + self.bytes + self.fin as u64
    }

    /// Were all of them acknowledged?
    #[must_use]
    pub fn is_even(&self) -> bool {
        self.acknowledged.and_then(|ack| u64::try_from(ack).ok()) == Some(self.numbers())
    }
}
