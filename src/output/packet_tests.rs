//! Packet records and rows of packets of every kind, and of any bytes at all.

use super::*;
use crate::decode::decode;
use crate::event::{Event, Sink};
use crate::flow::wireshark::{Analysis, Labels};
use crate::flow::{Change, Confidence, Direction, Evidence, FlowId, FlowKind, Note, State, Verdict, VerdictKind};
use crate::model::{Frame, FrameDirection, LinkType, Span, Timestamp};
use crate::output::packet_keys::PACKET_KEYS;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn frame(link: LinkType, bytes: &[u8]) -> Frame<'_> {
    Frame {
        number: 7,
        source: 0,
        interface: 0,
        ts: Timestamp::from_parts(1_795_209_080, 519_936_000),
        link,
        wire_len: bytes.len() as u32,
        bytes,
        direction: Some(FrameDirection::Inbound),
        options: None,
        marks: crate::model::FrameMarks::NONE,
    }
}

fn resent() -> Verdict {
    Verdict {
        kind: VerdictKind::Resent,
        confidence: Some(Confidence::Sure),
        evidence: Evidence::FILLS_HOLE.and(Evidence::ID_NEWER),
        against: Some((0, 219)),
        age: Some(Span::from_nanos(70_700_000)),
        segments: 1,
        settled: false,
    }
}

fn record_with(link: LinkType, bytes: &[u8], note: &Note) -> Value {
    let frame = frame(link, bytes);
    let packet = decode(&frame);
    let mut sink = PacketJsonSink::new(Vec::new(), None);
    sink.on_event(&Event::Packet { frame: &frame, packet: &packet, note }).unwrap();
    let text = String::from_utf8(sink.into_inner()).unwrap();
    assert!(text.ends_with('\n') && text.lines().count() == 1, "{text:?}");
    serde_json::from_str(&text).unwrap()
}

fn record(link: LinkType, bytes: &[u8]) -> Value {
    record_with(link, bytes, &Note::default())
}

/// An IPv4 datagram from 10.0.0.1 to 10.0.0.2.
fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let total = (20 + payload.len() as u16).to_be_bytes();
    let mut bytes = vec![0x45, 0xb9, total[0], total[1], 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    bytes.extend_from_slice(payload);
    bytes
}

fn syn(options: &[u8]) -> Vec<u8> {
    let offset = (5 + options.len() as u8 / 4) << 4;
    let mut bytes = vec![0xc0, 0xda, 0, 80, 0x58, 0xab, 0x4d, 0x59, 0, 0, 0, 0, offset, 0x02, 0xfa, 0xf0, 0xab, 0xcd, 0, 0];
    bytes.extend_from_slice(options);
    bytes
}

const UDP: [u8; 12] = [0xc0, 0xda, 0, 53, 0, 12, 0x12, 0x34, 1, 2, 3, 4];

fn ethernet(tags: &[u8], ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    bytes.extend_from_slice(tags);
    bytes.extend_from_slice(&ethertype.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// One of each: what the list of keys was written for.
pub(super) fn samples() -> Vec<Value> {
    let options =
        [&[2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8][..], &[3, 3, 10, 1, 34, 4, 0xaa, 0xbb, 28, 4, 0, 5]].concat();
    let id = FlowId { kind: FlowKind::Tcp, number: 1 };
    let changes = [
        Change::State(State::ResetByResponder),
        Change::SynRetry(2),
        Change::SynAck(Span::from_nanos(22_499_000)),
        Change::IcmpError,
        Change::ZeroWindow,
        Change::WindowOpened,
    ];
    let noted = |change| Note {
        ends: None,
        flow: Some(id),
        direction: Some(Direction::Originator),
        change: Some(change),
        relative_seq: Some(0),
        relative_ack: Some(1),
        window_scale: Some(10),
        verdict: Some(resent()),
        wireshark: Some(Analysis {
            labels: Labels::OUT_OF_ORDER,
            initial_rtt: Some(Span::from_nanos(22_530_000)),
            completeness: 31,
        }),
    };
    let raw = LinkType::RAW;
    let mut all: Vec<_> = changes.into_iter().map(|c| record_with(raw, &ipv4(6, &syn(&options)), &noted(c))).collect();
    let mut ack = syn(&[5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1]);
    ack[13] = 0x10;
    all.push(record_with(raw, &ipv4(6, &ack), &noted(Change::ZeroWindow)));
    all.push(record(raw, &ipv4(6, &syn(&[2, 0, 1, 1]))));
    all.push(record(raw, &ipv4(17, &UDP)));
    all.push(record(raw, &ipv4(4, &ipv4(17, &UDP))));
    all.push(record(raw, &ipv4(132, &[0xc0, 0xda, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 4])));
    all.push(record(raw, &ipv4(1, &[8, 0, 0, 0, 0, 1, 0, 2, 9, 9])));
    all.push(record(raw, &ipv4(1, &[&[3, 4, 0, 0, 0, 0, 5, 0xdc][..], &ipv4(6, &syn(&[]))].concat())));
    let mut piece = ipv4(17, &UDP);
    piece[6] = 0x20;
    all.push(record(raw, &piece));
    let v6 = [&[0x60, 0, 0, 0, 0, 12, 17, 64][..], &[0xfe, 0x80, 0, 0], &[0; 28], &UDP].concat();
    all.push(record(raw, &v6));
    all.push(record(LinkType::ETHERNET, &ethernet(&[0x88, 0xa8, 0, 10, 0x81, 0, 0, 20], 0x0800, &ipv4(17, &UDP))));
    let arp = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
    all.push(record(LinkType::ETHERNET, &ethernet(&[], 0x0806, &arp)));
    all.push(record(LinkType(147), &[1, 2, 3]));
    all
}

/// Every key of a record, dotted; lists are not looked into.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Value::Object(map) = value {
        for (key, value) in map {
            let name = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            keys(value, &name, found);
            found.insert(name);
        }
    }
}

#[test]
fn the_list_of_keys_is_what_is_written() {
    let mut written = BTreeSet::new();
    for sample in samples() {
        keys(&sample, "", &mut written);
    }
    let listed: BTreeSet<_> = PACKET_KEYS.iter().map(|k| k.name.to_owned()).collect();
    assert_eq!(written, listed);
}

#[test]
fn a_syn_with_its_options() {
    let syn = &samples()[0];
    assert_eq!(syn["number"], 7);
    assert_eq!(syn["ts"], "2026-11-20T21:11:20.519936000Z");
    assert_eq!((&syn["flow"], &syn["side"], &syn["direction"]), (&json!("c1"), &json!("orig"), &json!("in")));
    assert_eq!(syn["change"], json!({ "state": "reset" }));
    assert_eq!(syn["layers"], json!(["ipv4", "tcp"]));
    assert_eq!((&syn["ip"]["dscp"], &syn["ip"]["ecn"]), (&json!(46), &json!(1)));
    assert_eq!((&syn["tcp"]["seq"], &syn["tcp"]["ack"]), (&json!(1_487_621_465), &Value::Null));
    assert_eq!(syn["tcp"]["flags"], json!(["SYN"]));
    assert_eq!((&syn["tcp"]["window"], &syn["tcp"]["window_bytes"]), (&json!(64240), &json!(64240)));
    assert_eq!(
        syn["tcp"]["options"],
        json!({"mss": 1460, "sack_permitted": true, "timestamp_value": 9, "timestamp_echo": 8, "window_scale": 10,
               "fast_open_cookie": "aabb", "other": [28]})
    );
}

#[test]
fn windows_are_scaled_where_the_scale_is_known() {
    let ack = &samples()[6];
    assert_eq!(ack["tcp"]["window_bytes"], 64240 << 10);
    assert_eq!(ack["tcp"]["options"], json!({ "sack": [[1, 2]] }));
    let mut bytes = syn(&[]);
    bytes[13] = 0x10;
    assert!(record(LinkType::RAW, &ipv4(6, &bytes))["tcp"]["window_bytes"].is_null());
}

#[test]
fn repeated_options_do_not_repeat_keys() {
    let text = record(LinkType::RAW, &ipv4(6, &syn(&[2, 4, 5, 0xb4, 2, 4, 1, 1, 99, 2, 99, 2])));
    assert_eq!(text["tcp"]["options"], json!({ "mss": 1460, "other": [99] }));
}

#[test]
fn rows_have_what_the_records_have() {
    let bytes = ipv4(6, &syn(&[]));
    let frame = frame(LinkType::RAW, &bytes);
    let packet = decode(&frame);
    let rows = |fields: &[&str]| {
        let fields: Vec<_> = fields.iter().map(|f| (*f).to_owned()).collect();
        let mut sink = PacketRowsSink::new(Vec::new(), Separated::Csv, &fields).unwrap();
        sink.on_event(&Event::Packet { frame: &frame, packet: &packet, note: &Note::default() }).unwrap();
        String::from_utf8(sink.into_inner().unwrap()).unwrap()
    };
    assert_eq!(
        rows(&["number", "ip.src", "src_port", "tcp.flags", "tcp.ack", "flow"]),
        "number,ip.src,src_port,tcp.flags,tcp.ack,flow\n7,10.0.0.1,49370,SYN,,\n"
    );
    assert!(rows(&[]).starts_with("number,file,ts,interface,interface_name,length,captured,flow,side,"));
    let error = PacketRowsSink::new(Vec::new(), Separated::Csv, &["tcp.flag".into()]).unwrap_err();
    assert_eq!(error.to_string(), "no field \"tcp.flag\"; did you mean tcp.flags?");
}

proptest! {
    #[test]
    fn any_bytes_give_one_line_of_json_with_listed_keys(
        link in prop::sample::select(vec![0_u16, 1, 9, 12, 101, 105, 108, 113, 127, 147, 228, 229, 276]),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut found = BTreeSet::new();
        keys(&record(LinkType(link), &bytes), "", &mut found);
        for key in found {
            prop_assert!(PACKET_KEYS.iter().any(|k| k.name == key), "{}", key);
        }
    }

    #[test]
    fn damaged_packets_give_one_line_of_json(which in 0..4_usize, at in any::<prop::sample::Index>(), to in any::<u8>(), cut in 0..40_usize) {
        let mut bytes = [
            ipv4(6, &syn(&[2, 4, 5, 0xb4, 4, 2, 1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1])),
            ipv4(17, &UDP),
            ipv4(1, &[&[3, 4, 0, 0, 0, 0, 5, 0xdc][..], &ipv4(6, &syn(&[]))].concat()),
            ipv4(4, &ipv4(6, &syn(&[]))),
        ][which].clone();
        let at = at.index(bytes.len());
        bytes[at] = to;
        bytes.truncate(bytes.len().saturating_sub(cut).max(1));
        record(LinkType::RAW, &bytes);
    }
}
