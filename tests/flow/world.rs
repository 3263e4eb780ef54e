//! Two hosts, a clock and a tracker between them: packets are made as bytes and go through the decoder.

use etherparse::{PacketBuilder, TcpOptionElement};
use sockeye::decode::decode;
use sockeye::flow::{FlowEvent, FlowRecord, Note, Outcome, PacketMeta, Tracker, TrackerConfig};
use sockeye::model::{Frame, FrameMarks, LinkType, Span, Timestamp};
use std::borrow::Borrow;

/// A TCP segment to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Seg {
    flags: &'static str,
    seq: u32,
    ack: u32,
    data: Vec<u8>,
    window: u16,
    options: Vec<TcpOptionElement>,
}

/// `S`, `F`, `R`, `P` and `.` (ACK), as tcpdump writes them.
pub(crate) fn seg(flags: &'static str, seq: u32, ack: u32) -> Seg {
    Seg { flags, seq, ack, data: Vec::new(), window: 1000, options: Vec::new() }
}

impl Seg {
    pub(crate) fn len(self, len: usize) -> Self {
        Self { data: vec![b'x'; len], ..self }
    }

    pub(crate) fn text(self, data: &[u8]) -> Self {
        Self { data: data.to_vec(), ..self }
    }

    pub(crate) fn window(self, window: u16) -> Self {
        Self { window, ..self }
    }

    pub(crate) fn option(mut self, option: TcpOptionElement) -> Self {
        self.options.push(option);
        self
    }

    pub(crate) fn timestamps(self, value: u32, echo: u32) -> Self {
        self.option(TcpOptionElement::Timestamp(value, echo))
    }
}

/// An address and a port.
pub(crate) type Host = ([u8; 4], u16);

pub(crate) const A: Host = ([10, 0, 0, 1], 40000);
pub(crate) const B: Host = ([10, 0, 0, 2], 80);

/// The tracker with all that it has told.
pub(crate) struct World {
    pub(crate) tracker: Tracker,
    pub(crate) now: Timestamp,
    pub(crate) number: u64,
    pub(crate) ended: Vec<FlowRecord>,
    pub(crate) outcomes: Vec<Outcome>,
    /// Put in front of each packet, if any.
    pub(crate) vlan: Option<u16>,
    /// What the capturing system says of each packet.
    pub(crate) marks: FrameMarks,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(TrackerConfig::default())
    }

    pub(crate) fn with(config: TrackerConfig) -> Self {
        Self {
            tracker: Tracker::new(config),
            now: Timestamp::from_parts(1_000_000, 0),
            number: 0,
            ended: Vec::new(),
            outcomes: Vec::new(),
            vlan: None,
            marks: FrameMarks::NONE,
        }
    }

    /// Time goes on by so many milliseconds (or back).
    pub(crate) fn wait(&mut self, ms: i64) -> &mut Self {
        self.now = self.now + Span::from_millis(ms);
        self
    }

    /// A sends to B.
    pub(crate) fn a(&mut self, segment: impl Borrow<Seg>) -> Note {
        self.tcp(A, B, segment)
    }

    /// B sends to A.
    pub(crate) fn b(&mut self, segment: impl Borrow<Seg>) -> Note {
        self.tcp(B, A, segment)
    }

    pub(crate) fn tcp(&mut self, from: Host, to: Host, segment: impl Borrow<Seg>) -> Note {
        let packet = tcp_bytes(from, to, segment.borrow());
        self.send(&packet)
    }

    pub(crate) fn udp(&mut self, from: Host, to: Host, data: &[u8]) -> Note {
        let packet = udp_bytes(from, to, data);
        self.send(&packet)
    }

    /// An IPv4 datagram goes by.
    pub(crate) fn send(&mut self, datagram: &[u8]) -> Note {
        self.number += 1;
        let (link, bytes) = match self.vlan {
            None => (LinkType::RAW, datagram.to_vec()),
            Some(id) => (LinkType::ETHERNET, [&[2; 12][..], &[0x81, 0], &id.to_be_bytes(), &[8, 0], datagram].concat()),
        };
        let frame = Frame {
            number: self.number,
            source: 0,
            interface: 0,
            ts: self.now,
            link,
            wire_len: bytes.len() as u32,
            bytes: &bytes,
            direction: None,
            options: None,
            marks: self.marks,
        };
        let meta = PacketMeta {
            source: 0,
            number: self.number,
            ts: self.now,
            wire_bytes: u64::from(frame.wire_len),
            frames: 1,
            marks: self.marks,
            interface: 0,
            pieces: None,
        };
        let (ended, outcomes) = (&mut self.ended, &mut self.outcomes);
        self.tracker.on_packet(&meta, &decode(&frame), &mut |event: FlowEvent<'_>| keep(ended, outcomes, event))
    }

    /// Time goes on without packets.
    pub(crate) fn idle(&mut self, ms: i64) {
        self.wait(ms);
        let (ended, outcomes) = (&mut self.ended, &mut self.outcomes);
        self.tracker.on_time(self.now, &mut |event: FlowEvent<'_>| keep(ended, outcomes, event));
    }

    /// The capture ends: all records, in order of first packet.
    pub(crate) fn finish(mut self) -> Vec<FlowRecord> {
        let (ended, outcomes) = (&mut self.ended, &mut self.outcomes);
        self.tracker.finish(&mut |event: FlowEvent<'_>| keep(ended, outcomes, event));
        assert_eq!(self.tracker.stats().active, 0);
        assert_eq!(self.ended.len() as u64, self.tracker.stats().total());
        self.ended.sort_by_key(|record| record.first_packet);
        self.ended
    }

    /// The capture ends, with one flow in it.
    pub(crate) fn only(self) -> FlowRecord {
        let mut records = self.finish();
        assert_eq!(records.len(), 1, "{records:#?}");
        records.remove(0)
    }

    /// The one flow under way.
    pub(crate) fn active(&self) -> FlowRecord {
        let mut found = Vec::new();
        self.tracker.for_each_active(|record| found.push(record));
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }

    /// SYN, SYN-ACK, ACK: A's numbers start at 1000, B's at 5000.
    pub(crate) fn open(&mut self) {
        self.a(seg("S", 1000, 0));
        self.wait(20).b(seg("S.", 5000, 1001));
        self.wait(1).a(seg(".", 1001, 5001));
    }
}

fn keep(ended: &mut Vec<FlowRecord>, outcomes: &mut Vec<Outcome>, event: FlowEvent<'_>) {
    match event {
        FlowEvent::Ended(record) => ended.push(record.clone()),
        FlowEvent::Settled(_) | FlowEvent::Stream(_) | FlowEvent::Learnt(_) | FlowEvent::Neighbour(_) => {}
        FlowEvent::Handshake(record) => outcomes.push(record.handshake.as_ref().expect("a handshake").outcome),
    }
}

pub(crate) fn tcp_bytes(from: Host, to: Host, segment: &Seg) -> Vec<u8> {
    let mut step = PacketBuilder::ipv4(from.0, to.0, 64).tcp(from.1, to.1, segment.seq, segment.window);
    for flag in segment.flags.chars() {
        step = match flag {
            'S' => step.syn(),
            'F' => step.fin(),
            'R' => step.rst(),
            'P' => step.psh(),
            '.' => step.ack(segment.ack),
            other => panic!("no flag {other}"),
        };
    }
    let step = step.options(&segment.options).expect("options fit");
    let mut out = Vec::new();
    step.write(&mut out, &segment.data).expect("fits");
    out
}

pub(crate) fn udp_bytes(from: Host, to: Host, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    PacketBuilder::ipv4(from.0, to.0, 64).udp(from.1, to.1).write(&mut out, data).expect("fits");
    out
}

/// An ICMP message of this type and code that quotes the first 28 bytes of a datagram.
pub(crate) fn icmp_error(from: [u8; 4], to: [u8; 4], kind: u8, code: u8, quoted: &[u8]) -> Vec<u8> {
    let body = &quoted[..28];
    icmp(from, to, &[&[kind, code, 0, 0, 0, 0, 0, 0][..], body].concat())
}

/// Any ICMP message.
pub(crate) fn icmp(from: [u8; 4], to: [u8; 4], message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    PacketBuilder::ipv4(from, to, 64).write(&mut out, etherparse::IpNumber::ICMP, message).expect("fits");
    out
}
