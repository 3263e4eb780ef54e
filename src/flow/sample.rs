//! Two records to ask fields about: one in which everything is known, one in which as little as can be. From them the kinds of
//! fields are known without a second list.

use super::app::{AppRecord, BannerRecord, DnsRecord, Exchange, HttpRecord, LoginRecord, QuicRecord, TlsRecord, Transaction};
use super::community_id::CommunityId;
use super::record::{
    DirectionReason, EndReason, FlowRecord, Handshake, HostName, LossRecord, MeasuredRecord, Outcome, RttRecord, SideRecord,
    State, TcpState, TunnelRecord, Vantage, ZeekRecord,
};
use super::{FlowId, FlowKind};
use crate::model::{Endpoint, IpProtocol, Span, Timestamp};
use crate::peek::App;
use crate::peek::login::Method;
use std::net::{IpAddr, Ipv4Addr};

/// A record in which nothing is unknown, so that the kind of every field can be asked.
pub(crate) fn everything_known() -> FlowRecord {
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    let side = SideRecord {
        isn: Some(1),
        mss: Some(1),
        window_scale: Some(1),
        ttl_min: Some(1),
        ttl_max: Some(1),
        tcp_state: Some(TcpState::Established),
        measured: Some(measured()),
        loss: Some(LossRecord::default()),
        missed_bytes: Some(0),
        name: Some(HostName { name: "www.example.test".into(), packet: (0, 1) }),
        ..SideRecord::default()
    };
    let at = Some((1, Timestamp::default()));
    FlowRecord {
        id: FlowId { kind: FlowKind::Tcp, number: 1 },
        protocol: IpProtocol::TCP,
        originator: Endpoint::new(address, 1),
        responder: Endpoint::new(address, 1),
        community_id: Some(CommunityId::new(Endpoint::new(address, 1), Endpoint::new(address, 1), IpProtocol::TCP, 0)),
        vlan: vec![1],
        tunnel: Some(TunnelRecord { kind: "gre", id: 1, outer: (address, address) }),
        start: Timestamp::default(),
        end: Timestamp::default(),
        first_packet: (0, 1),
        last_packet: (0, 1),
        state: State::ResetByOriginator,
        direction_reason: DirectionReason::Syn,
        end_reason: Some(EndReason::Rst),
        handshake: Some(Handshake {
            outcome: Outcome::Established,
            syn: at,
            syn_ack: at,
            ack: at,
            refusal: at,
            icmp: Some((3, 1)),
            syn_retries: 0,
            syn_ack_retries: 0,
            last_syn: Some(Timestamp::default()),
            rtt: Some(Span::ZERO),
            rtt_originator: Some(Span::ZERO),
            rtt_responder: Some(Span::ZERO),
            rtt_ambiguous: false,
            fast_open: false,
        }),
        response_time: Some(Span::ZERO),
        icmp_error: Some((3, 1, 1)),
        icmp_errors: 1,
        capture_drops: Some(0),
        vantage: Some(Vantage::Between),
        zeek: Some(Box::new(zeek())),
        app: Some(Box::new(app())),
        cited: None,
        told_at: Timestamp::default(),
        orig: side.clone(),
        resp: side,
    }
}

fn app() -> AppRecord {
    let text = || Some("x".into());
    let span = Some(Span::ZERO);
    AppRecord {
        app: Some(App::Http),
        incomplete: false,
        tls: Some(Box::new(TlsRecord {
            client_hello: Some(1),
            server_hello: Some(2),
            server_name: text(),
            offered: text(),
            version: text(),
            cipher: text(),
            alpn_offered: vec!["h2".into(), "http/1.1".into()],
            alpn: text(),
            subject: text(),
            names: vec!["www.example.test".into()],
            alerts: vec!["resp fatal handshake failure".into()],
            ja3: text(),
            ja3_text: text(),
            ja4: text(),
        })),
        http: Some(Box::new(HttpRecord {
            secret: None,
            requests: 1,
            responses: 1,
            exchanges: vec![Exchange { method: text(), status: Some(200), time: span, ..Exchange::default() }],
        })),
        dns: Some(Box::new(DnsRecord {
            transactions: vec![Transaction { name: text(), answers: text(), time: span, ..Transaction::default() }],
            ..DnsRecord::default()
        })),
        banner: Some(Box::new(BannerRecord { client: text(), server: text() })),
        login: Some(Box::new(LoginRecord { user: text(), method: Method::Basic, password_in_clear: true, packet: 1 })),
        quic: Some(Box::new(QuicRecord { version: text(), destination: text(), client: text(), server: text() })),
    }
}

fn measured() -> MeasuredRecord {
    let span = Some(Span::ZERO);
    let rtt = RttRecord { samples: 1, min: span, avg: span, max: span, stdev: span };
    MeasuredRecord { rtt, timestamp_rtt: rtt, ..MeasuredRecord::default() }
}

fn zeek() -> ZeekRecord {
    ZeekRecord {
        conn_state: "SF",
        history: "ShADadFf".to_owned(),
        duration: Some(Span::ZERO),
        bytes: [Some(0); 2],
        packets: [1; 2],
        ip_bytes: [40; 2],
        missed_bytes: [0; 2],
        tunnel_parents: Vec::new(),
        weird: vec!["SYN_seq_jump"],
    }
}

/// A record in which everything is unknown that can be, so that it can be asked which fields may be null.
pub(crate) fn nothing_known() -> FlowRecord {
    FlowRecord {
        id: FlowId { kind: FlowKind::Udp, number: 1 },
        protocol: IpProtocol::UDP,
        vlan: Vec::new(),
        tunnel: None,
        state: State::OneWay,
        end_reason: None,
        handshake: None,
        response_time: None,
        icmp_error: None,
        capture_drops: None,
        vantage: None,
        zeek: None,
        app: None,
        orig: SideRecord::default(),
        resp: SideRecord::default(),
        ..everything_known()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::fields::{self, Value};

    #[test]
    fn the_sample_knows_everything() {
        let sample = everything_known();
        for field in fields::all() {
            assert_ne!((field.get)(&sample), Value::Null, "{}", field.name);
        }
    }
}
