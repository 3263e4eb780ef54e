//! A scan as data: how it asks, over what it spreads, and what it found of each port, in nmap's words.

use crate::model::Span;
use std::net::IpAddr;

/// How a scan asks (nmap's names of its kinds).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScanKind {
    /// SYN, and a reset to the answer: half-open.
    Syn,
    /// Whole connections, closed at once.
    Connect,
    /// FIN alone.
    Fin,
    /// No flag at all.
    Null,
    /// FIN, PSH and URG.
    Xmas,
    /// ACK alone, of no connection: the ACK scan and the Window scan, which look alike.
    Ack,
    /// FIN and ACK, of no connection.
    Maimon,
    /// Other flags that no connection begins with.
    Odd,
    /// Datagrams.
    Udp,
}

impl ScanKind {
    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Syn => "syn",
            Self::Connect => "connect",
            Self::Fin => "fin",
            Self::Null => "null",
            Self::Xmas => "xmas",
            Self::Ack => "ack_window",
            Self::Maimon => "maimon",
            Self::Odd => "odd_flags",
            Self::Udp => "udp",
        }
    }
}

impl ScanKind {
    /// What silence says of a port that is asked so.
    pub(super) const fn of_silence(self) -> PortState {
        match self {
            Self::Syn | Self::Connect | Self::Ack => PortState::Filtered,
            Self::Fin | Self::Null | Self::Xmas | Self::Maimon | Self::Odd | Self::Udp => PortState::OpenOrFiltered,
        }
    }
}

/// What a probe found of a port, in nmap's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PortState {
    /// Somebody listens.
    Open,
    /// Nobody does.
    Closed,
    /// Nothing came back, or an ICMP error of something on the way.
    Filtered,
    /// It answers, open or closed (ACK scan).
    Unfiltered,
    /// Silence that may be either (FIN, NULL, Xmas, Maimon, UDP).
    OpenOrFiltered,
}

impl PortState {
    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Filtered => "filtered",
            Self::Unfiltered => "unfiltered",
            Self::OpenOrFiltered => "open_or_filtered",
        }
    }
}

/// Over what a scan spreads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanShape {
    /// Many ports of one host.
    Vertical,
    /// One port of many hosts.
    Horizontal,
    /// Many ports of several hosts.
    Block,
}

impl ScanShape {
    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Vertical => "vertical",
            Self::Horizontal => "horizontal",
            Self::Block => "block",
        }
    }
}

/// What a scan did.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// Who asks.
    pub scanner: IpAddr,
    /// How.
    pub kind: ScanKind,
    /// Over what.
    pub shape: ScanShape,
    /// Hosts asked, and pairs of host and port.
    pub hosts: u64,
    /// Pairs of host and port.
    pub targets: u64,
    /// From the first probe to the last.
    pub over: Span,
    /// It takes its time: more than ten minutes, and more than five seconds a target.
    pub slow: bool,
    /// The first host asked.
    pub first_host: IpAddr,
    /// The first port asked.
    pub first_port: u16,
    /// What was found, in order of address and port: as much as is kept.
    pub found: Vec<(IpAddr, u16, PortState)>,
    /// Pairs in each state.
    pub counts: Vec<(PortState, u64)>,
    /// There were more pairs than are kept: counts are a minimum.
    pub at_least: bool,
}
