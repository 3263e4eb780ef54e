//! What is said of a flow when it ends: plain data, the source of tables, records and summaries.

pub use super::outcome::{DirectionReason, EndReason, Outcome, State, TcpState, Vantage};

use super::app::AppRecord;
use super::community_id::CommunityId;
use super::{FlowId, FlowKind};
use crate::model::{Endpoint, IpProtocol, Span, Timestamp};
use std::sync::Arc;

/// A TCP set-up, with the packets that are its evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Handshake {
    /// How it came out.
    pub outcome: Outcome,
    /// Number and time of the first SYN.
    pub syn: Option<(u64, Timestamp)>,
    /// Number and time of the first SYN-ACK; of two with different first numbers, of the one that was acknowledged.
    pub syn_ack: Option<(u64, Timestamp)>,
    /// Number and time of the ACK that completes it.
    pub ack: Option<(u64, Timestamp)>,
    /// The packet that decided a failure: RST or ICMP error. `None` of an attempt that succeeded after all.
    pub refusal: Option<(u64, Timestamp)>,
    /// ICMP type and code, where that was it.
    pub icmp: Option<(u8, u8)>,
    /// SYNs beyond the first, with the same first number; those that come within 100 ms are copies and do not count.
    pub syn_retries: u32,
    /// SYN-ACKs beyond the first.
    pub syn_ack_retries: u32,
    /// Time of the last SYN (equals the first's without retries).
    pub last_syn: Option<Timestamp>,
    /// Whole round trip: both legs.
    pub rtt: Option<Span>,
    /// Leg between the capture point and the originator: SYN-ACK to ACK.
    pub rtt_originator: Option<Span>,
    /// Leg between the capture point and the responder: last SYN to SYN-ACK.
    pub rtt_responder: Option<Span>,
    /// A SYN or SYN-ACK was repeated, and nothing tells which copy was answered (Karn): the last one was taken, so that the
    /// round trips may be too short.
    pub rtt_ambiguous: bool,
    /// Did the SYN carry data, or a fast-open cookie (RFC 7413)?
    pub fast_open: bool,
}

/// One side of a conversation. Counters count what was seen from this side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SideRecord {
    /// Packets.
    pub packets: u64,
    /// Bytes of frames on the wire.
    pub wire_bytes: u64,
    /// Bytes of IP datagrams, headers included.
    pub ip_bytes: u64,
    /// Bytes after the transport header, repeats included.
    pub payload_bytes: u64,
    /// TCP: bytes of the stream seen at least once; where tcptrace's counts are wanted, by its rules
    /// ([`MeasuredRecord::unique_bytes`]). Other protocols: the same as `payload_bytes`.
    pub unique_bytes: u64,
    /// `unique_bytes` may be too small: more holes were open at one time than are remembered.
    pub unique_bytes_at_least: bool,
    /// Packets with ACK set.
    pub ack_packets: u64,
    /// ACKs without data, SYN, FIN and RST.
    pub pure_acks: u64,
    /// Packets with data.
    pub data_packets: u64,
    /// Packets with ACK that offer a window of 0, resets left out.
    pub zero_windows: u64,
    /// TCP packets that no host would take for this connection: a sequence or acknowledgment number far from everything
    /// expected, a reset outside the window (RFC 5961). They are in the other counters, and change nothing else.
    pub out_of_window_packets: u64,
    /// Largest data of a packet, bytes; 0 without data.
    pub max_segment: u32,
    /// Smallest data of a packet with data, bytes; 0 without data.
    pub min_segment: u32,
    /// All TCP flags ever set, OR-ed (low 9 bits of RFC 9293's and RFC 3168's flag field).
    pub flags: u16,
    /// First sequence number.
    pub isn: Option<u32>,
    /// Maximum segment size offered, bytes.
    pub mss: Option<u16>,
    /// Window scale offered.
    pub window_scale: Option<u8>,
    /// Selective acknowledgments offered.
    pub sack_permitted: bool,
    /// Timestamps offered.
    pub timestamps: bool,
    /// Smallest TTL or hop limit.
    pub ttl_min: Option<u8>,
    /// Largest TTL or hop limit.
    pub ttl_max: Option<u8>,
    /// This end's state as an observer infers it (RFC 9293 section 3.3.2); `None` for other protocols.
    pub tcp_state: Option<TcpState>,
    /// What tcptrace counts and measures; `None` where nobody asked.
    pub measured: Option<MeasuredRecord>,
    /// What became of its segments by our verdicts; `None` where nobody asked.
    pub loss: Option<LossRecord>,
    /// Zeek's `missed_bytes` of this direction: acknowledged and never seen. `None` where nobody asked.
    pub missed_bytes: Option<u64>,
    /// The name of its host by DNS in the capture; `None` where nobody asked.
    pub name: Option<HostName>,
    /// Time of its last packet with data, SYN or FIN, to a millisecond: keep-alives and acknowledgments say nothing. `None` where there was
    /// none, or nobody asked ([`super::Wants::cited`]).
    pub last_said: Option<Timestamp>,
}

/// A host's name, and where it is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName {
    /// As it was asked for, safe on any screen.
    pub name: Arc<str>,
    /// Source index and number of the packet with the answer.
    pub packet: (u16, u64),
}

/// What tcptrace counts of one side, by its rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeasuredRecord {
    /// Packets with at least one byte (SYN and FIN included) that passed here before; window probes left out.
    pub retransmitted_packets: u64,
    /// Those bytes.
    pub retransmitted_bytes: u64,
    /// Bytes of data that had not passed here before; data of resets and far from everything else counts, window probes do
    /// not.
    pub unique_bytes: u64,
    /// Segments that filled a hole and end before the last byte of the segment above it.
    pub out_of_order_packets: u64,
    /// Packets with SACK blocks.
    pub sack_packets: u64,
    /// Packets whose first SACK block reports bytes received twice (RFC 2883).
    pub dsack_packets: u64,
    /// Segments sent while the peer's window was shut.
    pub zero_window_probes: u64,
    /// Largest window offered, bytes, scaled where both SYNs were seen to offer a scale; those of the handshake are left out
    /// when scaled ones followed. 0 where there was none.
    pub max_window: u64,
    /// Smallest window offered that is not 0, otherwise as above.
    pub min_window: u64,
    /// Round trips from data, SYN or FIN to the acknowledgment that ends with it.
    pub rtt: RttRecord,
    /// Acknowledgments of segments that had been sent more than once: no sample (Karn).
    pub rtt_ambiguous: u64,
    /// Acknowledgments of segments while an earlier one was sent again: no sample.
    pub rtt_discarded: u64,
    /// Round trips by timestamps (RFC 7323): from a value to its first echo.
    pub timestamp_rtt: RttRecord,
    /// Counts and samples may be too few: more was under way at one time than is remembered.
    pub at_least: bool,
}

/// Samples of round trips.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RttRecord {
    /// How many.
    pub samples: u64,
    /// The shortest; `None` without samples.
    pub min: Option<Span>,
    /// Mean.
    pub avg: Option<Span>,
    /// The longest.
    pub max: Option<Span>,
    /// Standard deviation of the samples; `None` of fewer than three.
    pub stdev: Option<Span>,
}

/// What became of one side's segments, by our verdicts as they are settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LossRecord {
    /// Segments sent more than once, SYN and FIN included; of merged packets each segment counts.
    pub resent_packets: u64,
    /// Those of them that were not needed.
    pub spurious_packets: u64,
    /// Packets overtaken on their way.
    pub reordered_packets: u64,
    /// Packets copied by the network or the capture.
    pub duplicate_packets: u64,
    /// Packets of which the evidence does not tell what they are.
    pub unsure_packets: u64,
    /// Keep-alives.
    pub keep_alives: u64,
    /// Probes of a shut window.
    pub window_probes: u64,
    /// ACKs that repeat the one before while data is outstanding (RFC 5681 section 2).
    pub duplicate_acks: u64,
    /// Bytes that the receiver acknowledged and the capture never saw.
    pub uncaptured_bytes: u64,
    /// Resent segments that were seen before they were sent again: they were lost beyond this point, if at all.
    pub lost_beyond: u64,
    /// Resent segments that filled a hole: they were lost before this point.
    pub lost_before: u64,
    /// The counts may be too small: more was open at one time than is remembered.
    pub at_least: bool,
}

/// What names a flow for good, as long as the capture is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Birth {
    /// Its ID.
    pub id: FlowId,
    /// Time of the first packet.
    pub start: Timestamp,
    /// Source index and number of that.
    pub packet: (u16, u64),
}

/// What was around a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrapping {
    /// A flow of UDP.
    Flow(Birth),
    /// IP in IP or GRE between two hosts, which is no flow.
    Between(std::net::IpAddr, std::net::IpAddr),
}

/// What Zeek would log of a flow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ZeekRecord {
    /// `conn_state`.
    pub conn_state: &'static str,
    /// `history`, empty where Zeek writes `-`.
    pub history: String,
    /// `duration`; `None` where Zeek writes `-`.
    pub duration: Option<Span>,
    /// `orig_bytes` and `resp_bytes`; `None` where Zeek writes `-`.
    pub bytes: [Option<u64>; 2],
    /// `orig_pkts` and `resp_pkts`.
    pub packets: [u64; 2],
    /// `orig_ip_bytes` and `resp_ip_bytes`.
    pub ip_bytes: [u64; 2],
    /// Missed bytes of both directions.
    pub missed_bytes: [u64; 2],
    /// `tunnel_parents`: what was nearest around its packets, in the order of their coming.
    pub tunnel_parents: Vec<Wrapping>,
    /// Names of `weird.log` that were seen, each once.
    pub weird: Vec<&'static str>,
}

/// The wrapping a conversation was seen in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelRecord {
    /// The word of [`crate::decode::TunnelKind::key`].
    pub kind: &'static str,
    /// VNI, key, endpoint id or session; 0 where there is none.
    pub id: u32,
    /// Outer addresses, in the order of the flow's first packet.
    pub outer: (std::net::IpAddr, std::net::IpAddr),
}

/// A conversation, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowRecord {
    /// Its ID.
    pub id: FlowId,
    /// Protocol after IP.
    pub protocol: IpProtocol,
    /// Who opened it. ICMP: the port is the type.
    pub originator: Endpoint,
    /// Who was called. ICMP: the port is the counter-type, or the code of one-way messages.
    pub responder: Endpoint,
    /// Community ID version 1, seed 0; `None` where nobody asked ([`super::Wants::community_id`]).
    pub community_id: Option<CommunityId>,
    /// VLAN ids, outermost first; empty where untagged.
    pub vlan: Vec<u16>,
    /// The wrapping, if any.
    pub tunnel: Option<TunnelRecord>,
    /// Time of the first packet.
    pub start: Timestamp,
    /// Time of the last packet.
    pub end: Timestamp,
    /// Source index (several files) and number of the first packet.
    pub first_packet: (u16, u64),
    /// Source index and number of the last packet.
    pub last_packet: (u16, u64),
    /// State in the words of the screens.
    pub state: State,
    /// Why the originator is the originator.
    pub direction_reason: DirectionReason,
    /// Why the record was made; `None` while the flow goes on (live views).
    pub end_reason: Option<EndReason>,
    /// TCP set-up.
    pub handshake: Option<Handshake>,
    /// Datagram protocols: time from the originator's first packet to the responder's first, or to the ICMP error that came
    /// instead.
    pub response_time: Option<Span>,
    /// ICMP type, code and packet number of an ICMP error that quotes a packet of it: the first by which the originator's
    /// packets do not arrive, else the first of any kind.
    pub icmp_error: Option<(u8, u8, u64)>,
    /// ICMP errors that quote a packet of it. They are in none of the sides' counters.
    pub icmp_errors: u64,
    /// Packets, of whatever flow, that the capture dropped after the first packet of this one and not later than its last; of
    /// a connection that was not over, and of datagrams without an answer (ICMP: that ask for one), not later than this record. Where there are any, its
    /// counters are a minimum. `None` where the source does not tell.
    pub capture_drops: Option<u64>,
    /// Where it was captured, as far as that can be told; `None` where nobody asked.
    pub vantage: Option<Vantage>,
    /// What Zeek would log; `None` where nobody asked.
    pub zeek: Option<Box<ZeekRecord>>,
    /// What its application said; `None` where nobody asked, or nothing was recognised.
    pub app: Option<Box<AppRecord>>,
    /// Packets worth citing, where there are any; `None` where nobody asked.
    pub cited: Option<Box<super::Cited>>,
    /// The latest time seen when the record was made.
    pub told_at: Timestamp,
    /// What the originator sent.
    pub orig: SideRecord,
    /// What the responder sent.
    pub resp: SideRecord,
}

impl FlowRecord {
    /// A record of nothing, to be filled: one value serves all flows of a tracker, with the memory of its lists.
    pub(crate) fn blank() -> Self {
        let nobody = Endpoint::new(std::net::Ipv4Addr::UNSPECIFIED.into(), 0);
        Self {
            id: FlowId { kind: FlowKind::Other, number: 0 },
            protocol: IpProtocol(0),
            originator: nobody,
            responder: nobody,
            community_id: None,
            vlan: Vec::new(),
            tunnel: None,
            start: Timestamp::default(),
            end: Timestamp::default(),
            first_packet: (0, 0),
            last_packet: (0, 0),
            state: State::OneWay,
            direction_reason: DirectionReason::First,
            end_reason: None,
            handshake: None,
            response_time: None,
            icmp_error: None,
            icmp_errors: 0,
            capture_drops: None,
            vantage: None,
            zeek: None,
            app: None,
            cited: None,
            told_at: Timestamp::default(),
            orig: SideRecord::default(),
            resp: SideRecord::default(),
        }
    }

    /// What names it for good.
    #[must_use]
    pub const fn birth(&self) -> Birth {
        Birth { id: self.id, start: self.start, packet: self.first_packet }
    }

    /// Time from the first to the last packet, 0 if the capture's time ran backwards.
    #[must_use]
    pub fn duration(&self) -> Span {
        (self.end - self.start).max(Span::ZERO)
    }

    /// The round trip to show where there is room for one: both legs of the handshake, else the leg to the responder (all
    /// there is of a refused attempt), else the time to the first reply. None of an attempt that an ICMP error answered, which waits for a
    /// router's ARP, nor of one that the client never went on with: seen at the server, its leg is that of the server with itself.
    #[must_use]
    pub fn round_trip(&self) -> Option<Span> {
        let handshake = self.handshake.as_ref();
        if handshake.is_some_and(|h| h.outcome == Outcome::Unreachable || (h.outcome == Outcome::HalfOpen && h.refusal.is_none()))
        {
            return None;
        }
        handshake.and_then(|h| h.rtt.or(h.rtt_responder)).or(self.response_time)
    }
}
