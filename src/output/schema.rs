//! JSON Schema (2020-12) of the records, made from the same lists that the records are made from: `sockeye help schema`.

use super::packet_keys::PACKET_KEYS;
use super::values::Records;
use crate::flow::app::{
    AppRecord, BannerRecord, DnsRecord, Exchange, HttpRecord, LoginRecord, QuicRecord, TlsRecord, Transaction,
};
use crate::flow::community_id::CommunityId;
use crate::flow::fields::{Unit, Value};
use crate::flow::{
    DirectionReason, EndReason, FlowId, FlowKind, FlowRecord, Handshake, HostName, LossRecord, MeasuredRecord, Outcome,
    RttRecord, SideRecord, State, Vantage, ZeekRecord, record::TcpState, record::TunnelRecord,
};
use crate::model::{Endpoint, IpProtocol, Span, Timestamp};
use crate::peek::App;
use crate::peek::login::Method;
use serde_json::{Map, Value as Json, json};
use std::net::{IpAddr, Ipv4Addr};

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Time,
    Integer,
    Number,
    Boolean,
    List,
    Object,
}

/// A key of a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    /// Its name, dots for nesting.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) nullable: bool,
    /// Meaning and unit.
    pub(super) note: &'static str,
}

/// Keys of the first record.
pub(super) const CAPTURE_KEYS: &[Key] = &[
    key("type", Kind::Text, "capture"),
    key("sockeye", Kind::Text, "version of the program"),
    key("file", Kind::Integer, "which source, from 1"),
    key("name", Kind::Text, "file name as given, or interface"),
    key("format", Kind::Text, "pcap, pcapng, live libpcap, live raw socket"),
    or_null("filter", Kind::Text, "capture filter of this run"),
    key(
        "interfaces",
        Kind::List,
        "name, description, link_type (LINKTYPE number), link, snaplen (bytes), ticks_per_second of each",
    ),
    key("comments", Kind::List, "comments in the file"),
];

/// Keys of the last record.
pub(super) const END_KEYS: &[Key] = &[
    key("type", Kind::Text, "end"),
    key("packets_read", Kind::Integer, "packets before the filter"),
    key("packets", Kind::Integer, "packets that the filter let through"),
    key("wire_bytes", Kind::Integer, "bytes of those on the wire"),
    or_null("start", Kind::Time, "earliest packet"),
    or_null("end", Kind::Time, "latest packet"),
    key("flows", Kind::Integer, "flows in all"),
    key("flows_evicted", Kind::Integer, "flows given out early because there was no room for more, by number or by memory"),
    key(
        "flows_closed_early",
        Kind::Integer,
        "flows given out early for that reason that were over: late packets of theirs are flows of their own",
    ),
    key(
        "flows_incomplete",
        Kind::Integer,
        "flows of which segments were forgotten for want of memory: what is counted and measured of them is a minimum",
    ),
    key("packets_cut", Kind::Integer, "packets cut by a snap length"),
    key("not_understood", Kind::List, "reason and packets of each"),
    key("fragments_incomplete", Kind::Integer, "datagrams whose fragments never came together"),
    key("fragments_dropped", Kind::Integer, "datagrams given up for want of room"),
    key("fragments_cut", Kind::Integer, "fragments of no use because a snap length cut them"),
    key("fragments_malformed", Kind::Integer, "fragments that make no sense or overlap others"),
    key("dropped_sockeye", Kind::Integer, "packets of those that are not in this output, because it is read too slowly (live)"),
    key("records_dropped", Kind::Integer, "records of flows left out for that reason"),
    key(
        "packets_misplaced",
        Kind::Integer,
        "packets whose conversations may have two records, because a thread had no room (live)",
    ),
    key(
        "sources",
        Kind::List,
        "file, name, packets_read, packets_cut, received, dropped_kernel, dropped_interface, duplicates, rejected_kernel, freezes, \
         unread (null: not recorded), problem, warnings of each",
    ),
];

const fn key(name: &'static str, kind: Kind, note: &'static str) -> Key {
    Key { name, kind, nullable: false, note }
}

const fn or_null(name: &'static str, kind: Kind, note: &'static str) -> Key {
    Key { name, kind, nullable: true, note }
}

/// The schema of every record that `--format jsonl` writes, as text.
#[must_use]
pub fn json_schema() -> String {
    let mut flow = keys_of(Records::Flows);
    flow.insert(0, key("type", Kind::Text, "flow"));
    let mut handshake = keys_of(Records::Handshakes);
    handshake.insert(0, key("type", Kind::Text, "handshake"));
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sockeye records (--format jsonl)",
        "description": "One object a line: capture records first, an end record last. Unknown is null, never 0. \
                        Keys are only ever added.",
        "oneOf": [
            record("capture", CAPTURE_KEYS),
            record("packet", PACKET_KEYS),
            record("flow", &flow),
            record("handshake", &handshake),
            record("end", END_KEYS),
        ],
    });
    let mut text = format!("{schema:#}");
    text.push('\n');
    text
}

/// The keys of flow and handshake records, with the kinds that their getters give.
pub(super) fn keys_of(records: Records) -> Vec<Key> {
    let (sample, nothing) = (everything_known(), nothing_known());
    let key_of = |field: &'static crate::flow::fields::Field| Key {
        name: field.name,
        kind: match (field.get)(&sample) {
            Value::Null
            | Value::Word(_)
            | Value::CommunityId(_)
            | Value::Text(_)
            | Value::Ip(_)
            | Value::Id(_)
            | Value::Protocol(_) => Kind::Text,
            Value::Bool(_) => Kind::Boolean,
            Value::U64(_) => Kind::Integer,
            Value::Span(_) => Kind::Number,
            Value::Time(_) => Kind::Time,
            Value::List(_) | Value::Words(_) | Value::Texts(_) | Value::Objects(_) => Kind::List,
        },
        nullable: (field.get)(&nothing) == Value::Null,
        note: if field.unit == Unit::None { "" } else { field.unit.word() },
    };
    records.fields().map(key_of).collect()
}

/// One record's schema.
fn record(kind: &str, keys: &[Key]) -> Json {
    let mut object = object(keys, "");
    object["properties"]["type"] = json!({ "const": kind });
    object["required"] = json!(["type"]);
    object["title"] = json!(kind);
    object
}

/// The object at a path: the keys directly in it, and the objects among them.
fn object(keys: &[Key], path: &str) -> Json {
    let mut properties = Map::new();
    for key in keys {
        let Some(rest) = key.name.strip_prefix(path) else { continue };
        match rest.split_once('.') {
            None => {
                let mut schema = kind_schema(key);
                if key.kind == Kind::Object {
                    let nested = object(keys, &format!("{}.", key.name));
                    schema["properties"] = nested["properties"].clone();
                }
                properties.insert(rest.to_owned(), schema);
            }
            // An object without a key of its own in the list.
            Some((group, _)) if !properties.contains_key(group) => {
                let inside = format!("{path}{group}.");
                let mut schema = object(keys, &inside);
                if keys.iter().filter(|k| k.name.starts_with(&inside)).all(|k| k.nullable) {
                    schema["type"] = json!(["object", "null"]);
                }
                properties.insert(group.to_owned(), schema);
            }
            Some(_) => {}
        }
    }
    json!({ "type": "object", "properties": properties })
}

fn kind_schema(key: &Key) -> Json {
    let word = match key.kind {
        Kind::Text | Kind::Time => "string",
        Kind::Integer => "integer",
        Kind::Number => "number",
        Kind::Boolean => "boolean",
        Kind::List => "array",
        Kind::Object => "object",
    };
    let mut schema = if key.nullable { json!({ "type": [word, "null"] }) } else { json!({ "type": word }) };
    if key.kind == Kind::Time {
        schema["format"] = json!("date-time");
    }
    if !key.note.is_empty() {
        schema["description"] = json!(key.note);
    }
    schema
}

/// A record in which nothing is unknown, so that the kind of every field can be asked.
fn everything_known() -> FlowRecord {
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

/// Records in which everything is known, and nothing.
#[cfg(test)]
pub(super) fn samples() -> [FlowRecord; 2] {
    [everything_known(), nothing_known()]
}

/// A record in which everything is unknown that can be, so that it can be asked which fields may be null.
fn nothing_known() -> FlowRecord {
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
    use crate::output::fixture::nine;

    #[test]
    fn the_sample_knows_everything() {
        let sample = everything_known();
        for field in Records::Flows.fields() {
            assert_ne!((field.get)(&sample), Value::Null, "{}", field.name);
        }
    }

    #[test]
    fn what_is_said_to_be_always_there_is() {
        let keys = keys_of(Records::Flows);
        for (key, field) in keys.iter().zip(Records::Flows.fields()).filter(|(key, _)| !key.nullable) {
            for record in nine() {
                assert_ne!((field.get)(&record), Value::Null, "{}", key.name);
            }
        }
        let may_be_null = |name: &str| keys.iter().any(|k| k.name == name && k.nullable);
        assert!(may_be_null("handshake.rtt") && may_be_null("orig.mss") && may_be_null("end_reason"));
        assert!(!may_be_null("orig.packets") && !may_be_null("start"));
    }

    #[test]
    fn the_schema_is_json_and_nests() {
        let schema: Json = serde_json::from_str(&json_schema()).unwrap();
        let flow = &schema["oneOf"][2]["properties"];
        assert_eq!(flow["type"]["const"], "flow");
        assert_eq!(flow["orig"]["properties"]["packets"]["type"], "integer");
        assert_eq!(flow["handshake"]["properties"]["rtt"]["type"], json!(["number", "null"]));
        assert_eq!((&flow["tunnel"]["type"], &flow["orig"]["type"]), (&json!(["object", "null"]), &json!("object")));
        let packet = &schema["oneOf"][1]["properties"];
        assert_eq!(packet["tcp"]["properties"]["options"]["properties"]["mss"]["type"], "integer");
        assert_eq!(packet["ts"]["format"], "date-time");
    }
}
