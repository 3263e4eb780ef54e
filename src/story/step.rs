//! One packet of a conversation that is to be told, and all of them in order.
//!
//! A step is what a person would write down of a packet before thinking about it: when, from whom, the header's numbers, what its
//! data says, what the tracker noted. What follows from that is said elsewhere in this room.

use super::claim::Phrase;
use super::exchange::Exchange;
use super::pieces::Pieces;
use crate::decode::{Packet, TcpFlags, TcpOption, Transport};
use crate::flow::{Change, Direction, EndStates, FlowId, Note, Settled, Verdict};
use crate::model::{Endpoint, Frame, IpProtocol, Timestamp};
use crate::peek::tls::{Content, HandshakeKind, Parts, server_hello};
use crate::peek::{Peek, phrase};
use std::collections::VecDeque;

/// A packet of the conversation.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Source of the run.
    pub source: u16,
    /// Number there, from 1.
    pub number: u64,
    /// Capture time.
    pub ts: Timestamp,
    /// Who sent it. Of an ICMP error: the host that reports, port 0.
    pub from: Endpoint,
    /// Which side the tracker took it for.
    pub direction: Option<Direction>,
    /// Time to live or hop limit.
    pub ttl: Option<u8>,
    /// IPv4's identification.
    pub ip_id: Option<u16>,
    /// Bytes of data by the headers' lengths; of a datagram that came in fragments those of all, where `pieces` has them.
    pub len: u32,
    /// Packets that brought a datagram in fragments, this one the last; empty of others.
    pub pieces: Vec<u64>,
    /// What the data says, where that is recognised.
    pub phrase: Option<Phrase>,
    /// Of a message of DNS: which question it is, or answers.
    pub exchange: Option<Exchange>,
    /// What of TLS it begins with.
    pub tls: Option<TlsPart>,
    /// What it is.
    pub what: What,
}

/// What of TLS a segment begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsPart {
    /// The client's first message.
    ClientHello,
    /// The server's answer to it. `modern`: it chooses TLS 1.3, in which all that follows is encrypted.
    ServerHello {
        /// TLS 1.3.
        modern: bool,
    },
    /// Something else of the handshake.
    Handshake,
    /// Encrypted data, or the rest of a handshake of TLS 1.3.
    Data,
}

impl TlsPart {
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut parts = Parts::new(bytes);
        let Peek::Is(first) = parts.read() else { return None };
        Some(match first.content {
            Content::Handshake { kind: HandshakeKind::CLIENT_HELLO, .. } => Self::ClientHello,
            Content::Handshake { kind: HandshakeKind::SERVER_HELLO, .. } => match server_hello(bytes).is() {
                // A HelloRetryRequest asks for another hello.
                Some(hello) if hello.is_retry() => Self::Handshake,
                Some(hello) => Self::ServerHello { modern: hello.version().hides_certificates() },
                None => Self::Handshake,
            },
            Content::ApplicationData(_) => Self::Data,
            Content::Alert(_) => return None,
            Content::Handshake { .. } | Content::ChangeCipherSpec | Content::Opaque(..) => Self::Handshake,
        })
    }
}

/// What a step is.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A TCP segment.
    Segment(Box<Segment>),
    /// A datagram of UDP or of another protocol with requests and answers.
    Datagram(IpProtocol),
    /// The last piece of a datagram that came in fragments: its header was in another packet.
    Piece(IpProtocol),
    /// An ICMP message that is part of the conversation itself: type and code.
    Message {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Is it ICMP for IPv6?
        v6: bool,
        /// Identifier and sequence number of those that have them.
        id: Option<(u16, u16)>,
    },
    /// An ICMP error that quotes a packet of the conversation.
    Error {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Is it ICMP for IPv6?
        v6: bool,
        /// MTU of the next hop, bytes, where it tells one.
        mtu: Option<u32>,
    },
}

/// The header of a TCP segment, and what the tracker noted.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// Sequence number as sent.
    pub seq: u32,
    /// Acknowledgment number as sent; meaningful with ACK.
    pub ack: u32,
    /// Flags.
    pub flags: TcpFlags,
    /// Window field as sent.
    pub window: u16,
    /// Urgent pointer as sent; meaningful with URG.
    pub urgent: u16,
    /// What it is to be multiplied with, as a power of two, where both SYNs said so (RFC 7323). Never that of a SYN.
    pub scale: Option<u8>,
    /// What the options say.
    pub options: Options,
    /// The receiver would take it.
    pub accepted: bool,
    /// Both ends after it, as an observer infers them.
    pub ends: Option<EndStates>,
    /// What the tracker says it changed.
    pub change: Option<Change>,
    /// What it is if not the next one expected; the last word, where it came.
    pub verdict: Option<Verdict>,
}

/// What a segment's options say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Maximum segment size.
    pub mss: Option<u16>,
    /// Window scale.
    pub scale: Option<u8>,
    /// SACK permitted.
    pub sack_permitted: bool,
    /// `TSval` and `TSecr`.
    pub times: Option<(u32, u32)>,
    /// SACK blocks, as sent: from the first number to the one after the last.
    pub sack: Vec<(u32, u32)>,
    /// Fast open: length of the cookie, 0 for a request.
    pub fast_open: Option<u8>,
    /// Multipath TCP.
    pub multipath: bool,
    /// Kinds of others, in order.
    pub others: Vec<u8>,
    /// The bytes, at most 40.
    pub bytes: Box<[u8]>,
}

impl Options {
    fn read(bytes: &[u8]) -> Self {
        let mut options = Self { bytes: bytes.into(), ..Self::default() };
        for option in crate::decode::TcpOptions::new(bytes).map_while(Result::ok) {
            match option {
                TcpOption::End | TcpOption::Nop => {}
                TcpOption::Mss(mss) => options.mss = Some(mss),
                TcpOption::WindowScale(scale) => options.scale = Some(scale),
                TcpOption::SackPermitted => options.sack_permitted = true,
                TcpOption::Sack(blocks) => options.sack = blocks.iter().collect(),
                TcpOption::Timestamps { value, echo } => options.times = Some((value, echo)),
                TcpOption::FastOpen { cookie, .. } => options.fast_open = Some(cookie.len() as u8),
                TcpOption::Multipath { .. } => options.multipath = true,
                TcpOption::Md5(_) => options.others.push(19),
                TcpOption::UserTimeout { .. } => options.others.push(28),
                TcpOption::Authentication { .. } => options.others.push(29),
                TcpOption::Unknown { kind, .. } => options.others.push(kind),
            }
        }
        options
    }
}

impl Segment {
    /// Is any of these flags set?
    #[must_use]
    pub const fn has(&self, any: TcpFlags) -> bool {
        self.flags.intersects(any)
    }

    /// SYN without ACK and RST.
    #[must_use]
    pub const fn is_bare_syn(&self) -> bool {
        self.has(TcpFlags::SYN) && !self.has(TcpFlags::ACK) && !self.has(TcpFlags::RST)
    }

    /// SYN with ACK, without RST.
    #[must_use]
    pub const fn is_syn_ack(&self) -> bool {
        self.has(TcpFlags::SYN) && self.has(TcpFlags::ACK) && !self.has(TcpFlags::RST)
    }

    /// The window in bytes: the field, multiplied where that is known and it is no SYN (RFC 7323 section 2.2).
    #[must_use]
    pub fn window_bytes(&self) -> u64 {
        let scale = if self.has(TcpFlags::SYN) { 0 } else { self.scale.unwrap_or(0) };
        u64::from(self.window) << scale
    }
}

impl Step {
    /// The step of a packet, as the tracker noted it. `None` of what has no addresses.
    fn of(frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) -> Option<Self> {
        let (source, _) = packet.endpoints()?;
        let phrase = match (packet.transport, packet.ports()) {
            (Transport::Tcp, _) => phrase::of_segment(packet.payload()),
            (Transport::Udp, Some(ports)) => phrase::of_datagram(packet.payload(), ports),
            _ => None,
        };
        let exchange = match (packet.transport, packet.ports()) {
            (Transport::Udp, Some(ports)) => Exchange::read(packet.payload(), ports),
            _ => None,
        };
        let (ttl, ip_id) = match (packet.ipv4(), packet.ipv6()) {
            (Some(header), _) => (Some(header.ttl()), Some(header.id())),
            (None, Some(header)) => (Some(header.hop_limit()), None),
            (None, None) => (None, None),
        };
        let what = if packet.fragment.is_piece() {
            What::Piece(packet.protocol)
        } else if note.change == Some(Change::IcmpError) {
            let message = packet.icmp()?;
            What::Error { kind: message.kind(), code: message.code(), v6: message.is_v6(), mtu: message.mtu() }
        } else if let Some(header) = packet.tcp() {
            What::Segment(Box::new(Segment {
                seq: header.seq(),
                ack: header.ack(),
                flags: TcpFlags(header.flags().0 & !TcpFlags::RESERVED.0),
                window: header.window(),
                urgent: header.urgent(),
                scale: note.window_scale,
                options: Options::read(header.option_bytes()),
                accepted: note.ends.is_none_or(|ends| ends.accepted),
                ends: note.ends,
                change: note.change,
                verdict: note.verdict,
            }))
        } else if let (Transport::Icmp | Transport::Icmpv6, Some(message)) = (packet.transport, packet.icmp()) {
            let id = message.id().zip(message.sequence()).filter(|_| message.is_query());
            What::Message { kind: message.kind(), code: message.code(), v6: message.is_v6(), id }
        } else {
            What::Datagram(packet.protocol)
        };
        Some(Self {
            source: frame.source,
            number: frame.number,
            ts: frame.ts,
            from: source,
            direction: note.direction,
            ttl,
            ip_id,
            len: packet.payload_len,
            pieces: Vec::new(),
            phrase: phrase.map(Phrase),
            exchange,
            tls: matches!(what, What::Segment(_)).then(|| TlsPart::read(packet.payload())).flatten(),
            what,
        })
    }

    /// The segment, if it is one.
    #[must_use]
    pub fn segment(&self) -> Option<&Segment> {
        if let What::Segment(segment) = &self.what { Some(segment) } else { None }
    }
}

/// The steps of one conversation, under a bound: of more, the middle is left out.
#[derive(Clone, Debug)]
pub struct Steps {
    of: FlowId,
    most: usize,
    first: Vec<Step>,
    last: VecDeque<Step>,
    left_out: u64,
    pieces: Pieces,
}

impl Steps {
    /// None yet, of this conversation. `most`: how many are kept, at least 2; half of them are the first, half the last.
    #[must_use]
    pub fn new(of: FlowId, most: usize) -> Self {
        Self { of, most: most.max(2), first: Vec::new(), last: VecDeque::new(), left_out: 0, pieces: Pieces::default() }
    }

    /// Whose they are.
    #[must_use]
    pub const fn of(&self) -> FlowId {
        self.of
    }

    /// Takes a packet, if it is of this conversation.
    pub fn on_packet(&mut self, frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) {
        if note.flow != Some(self.of) {
            if note.flow.is_none() && packet.fragment.is_piece() {
                self.pieces.keep(frame, packet);
            }
            return;
        }
        let Some(mut step) = Step::of(frame, packet, note) else { return };
        if let (What::Piece(_), Some(whole)) = (&step.what, self.pieces.complete(frame, packet)) {
            (step.pieces, step.len) = (whole.numbers, whole.len);
        }
        if self.first.len() < self.most / 2 {
            self.first.push(step);
            return;
        }
        if self.last.len() >= self.most - self.most / 2 {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(step);
    }

    /// Takes the last word on a packet.
    pub fn on_settled(&mut self, settled: &Settled) {
        if settled.flow != self.of {
            return;
        }
        let is = |step: &&mut Step| (step.source, step.number) == (settled.source, settled.number);
        let found = self.last.iter_mut().rev().find(is).or_else(|| self.first.iter_mut().rev().find(is));
        if let Some(Step { what: What::Segment(segment), .. }) = found {
            segment.verdict = Some(settled.verdict);
        }
    }

    /// All that are kept, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Step> {
        self.first.iter().chain(&self.last)
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len() + self.last.len()
    }

    /// Was there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty() && self.last.is_empty()
    }

    /// How many were left out between [`Self::gap_at`] and the one after it.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Before which of those that are kept some were left out.
    #[must_use]
    pub fn gap_at(&self) -> Option<usize> {
        (self.left_out > 0).then_some(self.first.len())
    }
}
