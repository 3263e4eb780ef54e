//! A finding as data: what it is, how grave, which conversations and packets show it. Its words are `output/findings/`'s.

use super::scanned::{Scan, ScanKind};
use crate::flow::app::Secret;
use crate::flow::{Few, FlowId, Place};
use crate::model::{Endpoint, IpProtocol, MacAddr, Span};
use std::net::IpAddr;

/// How much a finding deserves a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Low,
    /// Somebody was hindered, or may have been.
    Medium,
    /// Something did not work at all, or somebody attacks.
    High,
}

impl Severity {
    /// Each of them, the gravest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// The word of screens and records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What went wrong with questions of DNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NameFault {
    /// NXDOMAIN (RFC 1035 section 4.1.1, RFC 8020).
    NoSuchName,
    /// SERVFAIL.
    Failed,
    /// REFUSED.
    Refused,
    /// Nothing came back.
    NoAnswer,
}

impl NameFault {
    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::NoSuchName => "no_such_name",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::NoAnswer => "no_answer",
        }
    }
}

/// What of a request is not finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SlowWay {
    /// The head of an HTTP request: slowloris.
    Head,
    /// Its body: slow POST.
    Body,
    /// The first message of TLS.
    Hello,
    /// The answer is not read.
    Reading,
    /// Nothing is said at all.
    Silent,
}

impl SlowWay {
    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Body => "body",
            Self::Hello => "tls_hello",
            Self::Reading => "reading",
            Self::Silent => "silent",
        }
    }
}

/// How it shows that two hosts have one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Conflict {
    /// Both answered one question.
    BothAnswer,
    /// They say so by turns.
    Turns,
    /// Who wanted it asked before, and somebody has it.
    Probed,
}

impl Conflict {
    /// The word of records.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::BothAnswer => "both_answer",
            Self::Turns => "turns",
            Self::Probed => "probed",
        }
    }
}

/// How sockets are left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leak {
    /// One side closed, and the other never did.
    HalfClosed {
        /// It is the client who did not.
        by_client: bool,
    },
    /// Connections pile up, none of which is used any more.
    Pile {
        /// Set up over so long.
        over: Span,
    },
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// A reset, or ICMP port unreachable, came back at once: nobody listens.
    Refused {
        /// TCP or UDP.
        protocol: IpProtocol,
        /// Who did not listen.
        server: Endpoint,
        /// It, or all of them where several hosts failed one client alike: `server` is the first.
        hosts: Few<IpAddr>,
        /// Its ports, where several failed alike; of several hosts, of any of them.
        ports: Few<u16>,
        /// Who asked.
        client: IpAddr,
        /// How many hosts asked.
        clients: u64,
    },
    /// SYNs, and nothing came back.
    NoAnswer {
        /// Who was asked.
        server: Endpoint,
        /// It, or all of them where several hosts failed one client alike: `server` is the first.
        hosts: Few<IpAddr>,
        /// Its ports, where several failed alike; of several hosts, of any of them.
        ports: Few<u16>,
        /// Who asked.
        client: IpAddr,
        /// How many hosts asked.
        clients: u64,
        /// SYNs of all attempts.
        syns: u64,
        /// The longest attempt, from its first SYN to its last.
        over: Span,
        /// Attempts at the same ports that came about.
        completed: u64,
        /// The host answered others, or at other ports.
        host_is_up: bool,
    },
    /// An ICMP error came back.
    Unreachable {
        /// TCP or another.
        protocol: IpProtocol,
        /// Who was asked.
        server: Endpoint,
        /// It, or all of them where several hosts failed one client alike: `server` is the first.
        hosts: Few<IpAddr>,
        /// Its ports, where several failed alike; of several hosts, of any of them.
        ports: Few<u16>,
        /// Who asked.
        client: IpAddr,
        /// How many hosts asked.
        clients: u64,
        /// ICMP type and code of the first.
        icmp: (u8, u8),
    },
    /// A SYN-ACK that the client never acknowledged.
    HalfOpen {
        /// Who answered.
        server: Endpoint,
        /// It, or all of them where several hosts failed one client alike: `server` is the first.
        hosts: Few<IpAddr>,
        /// Its ports, where several failed alike; of several hosts, of any of them.
        ports: Few<u16>,
        /// Who asked.
        client: IpAddr,
        /// How many hosts asked.
        clients: u64,
    },
    /// A receiver had no room.
    WindowShut {
        /// Whose window.
        receiver: Endpoint,
        /// Who had to wait.
        sender: Endpoint,
        /// The longest time it was shut.
        longest: Span,
        /// Times it was shut.
        times: u64,
        /// It was still shut at the end.
        at_end: bool,
    },
    /// Segments were sent again.
    Resent {
        /// Who sent them.
        sender: IpAddr,
        /// To whom.
        receiver: IpAddr,
        /// Was the sender the client of the first connection?
        by_client: bool,
        /// How many.
        segments: u64,
        /// Of how many packets with data, SYN and FIN included.
        of: u64,
        /// Lost before this point.
        before: u64,
        /// Lost beyond it.
        beyond: u64,
        /// Not needed at all.
        spurious: u64,
    },
    /// Packets were too big for the way, and ICMP said so.
    PathMtu {
        /// Who sent them.
        sender: IpAddr,
        /// To whom.
        receiver: IpAddr,
        /// ICMP errors.
        errors: u64,
        /// Segments that were sent again.
        segments: u64,
    },
    /// The capture itself is not whole.
    CaptureLoss {
        /// Bytes that were acknowledged and never seen.
        bytes: u64,
        /// Packets that the source says it dropped.
        dropped: Option<u64>,
    },
    /// A reset ended a connection that was at work.
    Reset {
        /// Who sent it.
        by: Endpoint,
        /// To whom.
        to: Endpoint,
        /// Was it the client?
        by_client: bool,
        /// Bytes that the other had sent.
        got: u64,
        /// Bytes that it had sent itself.
        sent: u64,
    },
    /// A scan.
    Scan(Box<Scan>),
    /// Packets that no connection has, too few for a scan.
    Probe {
        /// Who sent them.
        prober: IpAddr,
        /// What they were.
        kind: ScanKind,
        /// To whom the first went.
        target: Endpoint,
        /// Pairs of host and port.
        targets: u64,
    },
    /// Attempts that are never completed, by the hundred.
    SynFlood {
        /// At whom.
        target: Endpoint,
        /// Attempts that were not completed.
        unfinished: u64,
        /// Connections that were.
        completed: u64,
        /// Addresses they came from, as far as they were counted.
        sources: u64,
        /// There were more than were counted.
        sources_at_least: bool,
        /// Most unfinished ones that began within ten seconds.
        peak: u64,
    },
    /// Names that could not be found out.
    Names {
        /// What went wrong.
        fault: NameFault,
        /// Who asked.
        client: IpAddr,
        /// Which server.
        server: IpAddr,
        /// The first different names, fit to be shown.
        names: Vec<Box<str>>,
        /// Questions in all.
        total: u64,
    },
    /// A TLS handshake was broken off by an alert.
    TlsAlert {
        /// Who began.
        client: IpAddr,
        /// With whom.
        server: Endpoint,
        /// Was it the client who broke off?
        by_client: bool,
        /// The alert's description (RFC 8446 section 6).
        alert: Box<str>,
        /// The host that the client asked for, fit to be shown.
        name: Option<Box<str>>,
    },
    /// A password crossed the wire in the clear.
    Password {
        /// Whose.
        client: IpAddr,
        /// Sent to whom.
        server: Endpoint,
        /// The user's name, fit to be shown.
        user: Option<Box<str>>,
        /// How, as the protocol calls it.
        method: &'static str,
        /// The protocol.
        protocol: &'static str,
    },
    /// Requests that are begun and never finished, many at one time.
    SlowRequests {
        /// Whose.
        client: IpAddr,
        /// At which server.
        server: Endpoint,
        /// What is not finished.
        way: SlowWay,
        /// Connections like that at one time.
        at_once: u64,
        /// The longest.
        longest: Span,
        /// Bytes that the client sent in all of them.
        sent: u64,
    },
    /// Sockets that nobody closes.
    LeftOpen {
        /// Who began, of the first.
        client: IpAddr,
        /// With whom.
        server: Endpoint,
        /// In which way.
        leak: Leak,
        /// The longest time in which nothing was said, to the end of what was seen.
        quiet: Span,
    },
    /// Full-sized packets are swallowed on their way, and no ICMP error says so.
    BlackHole {
        /// Who sent them.
        sender: IpAddr,
        /// To whom.
        receiver: IpAddr,
        /// How many hosts that is; `receiver` is the first.
        receivers: u64,
        /// The shortest segment that did not get through, bytes of data.
        stuck: u32,
        /// The longest that did; 0: none with data.
        passed: u32,
        /// How often such were sent again.
        times: u64,
        /// The longest time in which one was repeated.
        over: Span,
        /// The pieces in which it got through at last.
        shorter: Option<u32>,
    },
    /// One side of a connection is silent for good: what the other sends again is not answered.
    PeerGone {
        /// Who sends again.
        sender: Endpoint,
        /// Who is silent, the first of them.
        silent: Endpoint,
        /// How many hosts are.
        hosts: u64,
        /// How often one segment was sent again.
        times: u64,
        /// Over how long.
        over: Span,
    },
    /// What is said can be read on the way.
    ClearProtocol {
        /// Who began.
        client: IpAddr,
        /// With whom.
        server: Endpoint,
        /// The protocol.
        protocol: &'static str,
        /// Of HTTP: what makes it worth a finding.
        carries: Option<Secret>,
        /// How many clients did so; `client` is the first.
        clients: u64,
        /// With how many servers; `server` is the first.
        servers: u64,
    },
    /// A service that belongs inside answered somebody outside.
    ExposedPort {
        /// What answered.
        server: Endpoint,
        /// The service.
        service: &'static str,
        /// It is known by what was said, not by its port alone.
        by_content: bool,
        /// Whom it answered first.
        client: IpAddr,
        /// Addresses that it answered, as far as they were counted.
        clients: u64,
        /// There were more.
        clients_at_least: bool,
    },
    /// A host says to have the addresses of others, who have them still.
    SpoofedAddress {
        /// Who says so.
        by: MacAddr,
        /// An address of its own, where it is known.
        own: Option<IpAddr>,
        /// The addresses, and the hardware addresses that they belong to.
        taken: Few<(IpAddr, MacAddr)>,
        /// How often it said so unasked.
        unasked: u64,
    },
    /// Two hosts have one address.
    DuplicateAddress {
        /// The address.
        address: IpAddr,
        /// One of them; of a probe, who has it.
        first: MacAddr,
        /// The other one, as far as it is known.
        second: Option<MacAddr>,
        /// How it shows.
        how: Conflict,
        /// How often.
        times: u64,
    },
    /// Somebody asks for the hardware address of a neighbour, and nobody answers.
    NeighbourSilent {
        /// Who asks.
        asker: IpAddr,
        /// How many hosts ask.
        askers: u64,
        /// For whom.
        targets: Few<IpAddr>,
        /// How often.
        asked: u64,
        /// So many addresses that somebody looks for hosts.
        sweep: bool,
    },
    /// A reset that the side it seems to come from knows nothing of: it goes on.
    InjectedReset {
        /// Who seems to have sent it.
        by: Endpoint,
        /// To whom.
        to: Endpoint,
        /// How many there were.
        resets: u64,
        /// Packets that the side sent afterwards and cannot have sent before.
        after: u64,
        /// Some of them acknowledge what was sent after the reset.
        acknowledged: bool,
        /// Different numbers were tried.
        guessed: bool,
        /// Time to live of the first reset, and of what came after.
        ttl: (u8, u8),
    },
    /// Data came again with other bytes.
    RewrittenData {
        /// Who seems to have sent it.
        sender: Endpoint,
        /// To whom.
        receiver: Endpoint,
        /// Segments with other bytes than before.
        segments: u64,
        /// Both checksums are right.
        sure: bool,
    },
}

impl Cause {
    /// Every word that [`Self::code`] gives.
    pub const CODES: &[&str] = &[
        "refused",
        "no_answer",
        "unreachable",
        "half_open",
        "zero_window",
        "resent",
        "path_mtu",
        "capture_loss",
        "reset",
        "port_scan",
        "probe",
        "syn_flood",
        "dns",
        "tls_alert",
        "password_in_clear",
        "slow_requests",
        "left_open",
        "exposed_port",
        "clear_protocol",
        "spoofed_address",
        "duplicate_address",
        "neighbour_silent",
        "injected_reset",
        "rewritten_data",
        "black_hole",
        "peer_gone",
    ];

    /// The word of records: `finding.code`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::NoAnswer { .. } => "no_answer",
            Self::Unreachable { .. } => "unreachable",
            Self::HalfOpen { .. } => "half_open",
            Self::WindowShut { .. } => "zero_window",
            Self::Resent { .. } => "resent",
            Self::PathMtu { .. } => "path_mtu",
            Self::CaptureLoss { .. } => "capture_loss",
            Self::Reset { .. } => "reset",
            Self::Scan(_) => "port_scan",
            Self::Probe { .. } => "probe",
            Self::SynFlood { .. } => "syn_flood",
            Self::Names { .. } => "dns",
            Self::TlsAlert { .. } => "tls_alert",
            Self::Password { .. } => "password_in_clear",
            Self::SlowRequests { .. } => "slow_requests",
            Self::LeftOpen { .. } => "left_open",
            Self::ExposedPort { .. } => "exposed_port",
            Self::ClearProtocol { .. } => "clear_protocol",
            Self::BlackHole { .. } => "black_hole",
            Self::PeerGone { .. } => "peer_gone",
            Self::SpoofedAddress { .. } => "spoofed_address",
            Self::DuplicateAddress { .. } => "duplicate_address",
            Self::NeighbourSilent { .. } => "neighbour_silent",
            Self::InjectedReset { .. } => "injected_reset",
            Self::RewrittenData { .. } => "rewritten_data",
        }
    }
}

/// Something that deserves a look: one cause of one group of conversations.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How grave.
    pub severity: Severity,
    /// What.
    pub cause: Cause,
    /// The conversations.
    pub flows: Few<FlowId>,
    /// The packets that show it.
    pub packets: Few<Place>,
}
