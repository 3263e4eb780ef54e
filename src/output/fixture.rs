//! Records as a real capture gives them, for the tests of the outputs: one client, nine conversations.

use crate::event::{RunSummary, SourceSummary};
use crate::flow::community_id::CommunityId;
use crate::flow::{
    DirectionReason, EndReason, FlowId, FlowKind, FlowRecord, Handshake, LossRecord, Outcome, SideRecord, State, Vantage,
};
use crate::model::{
    Endpoint, FileFormat, InterfaceInfo, IpProtocol, LinkType, SourceInfo, SourceKind, SourceStats, Span, Timestamp,
};
use std::collections::BTreeMap;

/// 2026-11-20 21:11:20.519936 UTC, the first packet.
pub(crate) const START: Timestamp = Timestamp::from_nanos(1_795_209_080_519_936_000);

/// So many milliseconds after the first packet.
pub(crate) fn at(ms: f64) -> Timestamp {
    START + Span::from_nanos((ms * 1e6).round() as i64)
}

/// A flow that has sent and received so many bytes.
pub(crate) fn flow(kind: FlowKind, number: u64, state: State, from: &str, to: &str, out: u64, inward: u64) -> FlowRecord {
    let end = |text: &str| {
        let at: std::net::SocketAddr = text.parse().expect("an address of the test");
        Endpoint::new(at.ip(), at.port())
    };
    let side = |bytes: u64| SideRecord {
        packets: 2,
        wire_bytes: bytes.saturating_add(80),
        ip_bytes: bytes.saturating_add(80),
        payload_bytes: bytes,
        unique_bytes: bytes,
        ttl_min: Some(64),
        ttl_max: Some(64),
        ..SideRecord::default()
    };
    FlowRecord {
        id: FlowId { kind, number },
        protocol: match kind {
            FlowKind::Tcp => IpProtocol::TCP,
            FlowKind::Udp => IpProtocol::UDP,
            FlowKind::Icmp => IpProtocol::ICMP,
            FlowKind::Sctp => IpProtocol::SCTP,
            FlowKind::Other => IpProtocol::GRE,
        },
        originator: end(from),
        responder: end(to),
        community_id: Some(CommunityId::new(end("128.232.110.120:34855"), end("66.35.250.204:80"), IpProtocol::TCP, 0)),
        start: START,
        end: at(70.0),
        first_packet: (0, number),
        last_packet: (0, number.saturating_add(9)),
        state,
        direction_reason: DirectionReason::Syn,
        end_reason: Some(EndReason::EndOfCapture),
        orig: side(out),
        resp: side(inward),
        ..FlowRecord::blank()
    }
}

/// A completed set-up with these legs in milliseconds, its SYN being this packet at this millisecond.
pub(crate) fn established(syn: u64, ms: f64, to_server: f64, to_client: f64) -> Handshake {
    let leg = |ms: f64| Some(Span::from_nanos((ms * 1e6).round() as i64));
    Handshake {
        outcome: Outcome::Established,
        syn: Some((syn, at(ms))),
        syn_ack: Some((syn + 1, at(ms + to_server))),
        ack: Some((syn + 2, at(ms + to_server + to_client))),
        refusal: None,
        icmp: None,
        syn_retries: 0,
        syn_ack_retries: 0,
        last_syn: Some(at(ms)),
        rtt: leg(to_server + to_client),
        rtt_originator: leg(to_client),
        rtt_responder: leg(to_server),
        rtt_ambiguous: false,
        fast_open: false,
    }
}

/// An attempt that failed: how, by which packet after how many milliseconds.
pub(crate) fn failed(outcome: Outcome, syn: u64, ms: f64, refusal: Option<(u64, f64)>) -> Handshake {
    Handshake {
        outcome,
        syn_ack: None,
        ack: None,
        refusal: refusal.map(|(number, after)| (number, at(ms + after))),
        rtt: None,
        rtt_originator: None,
        rtt_responder: refusal.map(|(_, after)| Span::from_nanos((after * 1e6).round() as i64)),
        ..established(syn, ms, 0.0, 0.0)
    }
}

fn tcp(mut record: FlowRecord, first: u64, ms: f64, handshake: Handshake) -> FlowRecord {
    record.start = at(ms);
    record.first_packet.1 = first;
    record.vantage = handshake.rtt_originator.map(|_| Vantage::NearOriginator);
    record.handshake = Some(handshake);
    for side in [&mut record.orig, &mut record.resp] {
        side.mss = Some(1460);
        side.window_scale = Some(10);
        side.sack_permitted = true;
        side.timestamps = true;
        side.isn = Some(400_756_940);
        side.loss = Some(LossRecord::default());
    }
    record
}

/// Segments of a side that were sent again: lost before the capture, and beyond it.
fn resent(mut record: FlowRecord, before: u64, beyond: u64, syns: u64) -> FlowRecord {
    let loss = |lost_before, lost_beyond, resent_packets| {
        Some(LossRecord { resent_packets, lost_beyond, lost_before, ..LossRecord::default() })
    };
    record.orig.loss = loss(0, beyond, beyond + syns);
    record.resp.loss = loss(before, 0, before);
    record
}

fn udp(mut record: FlowRecord, first: u64, ms: f64, answered: f64) -> FlowRecord {
    record.start = at(ms);
    record.first_packet.1 = first;
    record.response_time = Some(Span::from_nanos((answered * 1e6).round() as i64));
    record.direction_reason = DirectionReason::Service;
    record
}

/// The nine conversations, in the order in which they end.
pub(crate) fn nine() -> Vec<FlowRecord> {
    use FlowKind::{Tcp, Udp};
    let c = |n, state, from: u16, to: &str, out, inward| flow(Tcp, n, state, &format!("10.98.0.1:{from}"), to, out, inward);
    let u = |n, state, from: u16, to: &str, out, inward| flow(Udp, n, state, &format!("10.98.0.1:{from}"), to, out, inward);
    let c2 =
        tcp(c(2, State::Refused, 36086, "10.98.0.2:81", 0, 0), 10, 61.0, failed(Outcome::Refused, 10, 61.0, Some((12, 22.5))));
    let c6 = tcp(
        c(6, State::NoAnswer, 55510, "10.98.0.99:80", 0, 0),
        1894,
        4130.0,
        Handshake { syn_retries: 7, last_syn: Some(at(15_388.0)), ..failed(Outcome::NoAnswer, 1894, 4130.0, None) },
    );
    vec![
        tcp(c(1, State::Closed, 49370, "10.98.0.2:80", 73, 92), 1, 0.0, established(1, 0.0, 22.499, 0.031)),
        c2,
        udp(u(1, State::Answered, 50511, "10.98.0.2:53", 34, 50), 13, 111.0, 23.0),
        udp(u(2, State::Answered, 46485, "10.98.0.2:53", 33, 33), 15, 156.0, 22.5),
        tcp(c(4, State::ResetByResponder, 34594, "10.98.0.2:9001", 2, 0), 1778, 1108.0, established(1778, 1108.0, 26.55, 0.05)),
        resent(
            tcp(c(3, State::Closed, 49382, "10.98.0.2:80", 76, 1_500_064), 17, 197.0, established(17, 197.0, 22.39, 0.03)),
            23,
            0,
            0,
        ),
        resent(
            tcp(c(5, State::Closed, 44092, "10.98.0.2:9002", 120_000, 0), 1784, 1335.0, established(1784, 1335.0, 22.36, 0.03)),
            0,
            5,
            0,
        ),
        udp(u(3, State::Refused, 51524, "10.98.0.2:9999", 4, 0), 1824, 3910.0, 23.2),
        resent(c6, 0, 0, 7),
    ]
}

/// Several `mix.pcap`s' worth of source.
pub(crate) fn source(name: &str, frames: u64) -> SourceSummary {
    SourceSummary {
        info: SourceInfo {
            interfaces: vec![InterfaceInfo {
                link: Some(LinkType::RAW),
                snaplen: Some(262_144),
                ticks_per_second: Some(1_000_000_000),
                ..InterfaceInfo::default()
            }],
            ..SourceInfo::new(name, SourceKind::File(FileFormat::Pcap { nanoseconds: true }))
        },
        stats: SourceStats { frames, ..SourceStats::default() },
        cut_frames: 0,
        problem: None,
    }
}

/// The totals that go with [`nine`].
pub(crate) fn totals() -> RunSummary {
    RunSummary {
        sources: vec![source("mix.pcap", 1951)],
        read: 1951,
        matched: 1951,
        wire_bytes: 1_738_433,
        time: Some((START, at(15_388.0))),
        protocols: BTreeMap::from([("TCP", 1945), ("UDP", 5), ("ICMP", 1)]),
        hosts: (3, false),
        busy_ports: vec![(80, 1781), (9002, 158), (53, 4)],
        flows: 9,
        ..RunSummary::default()
    }
}
