//! What a word of a condition speaks of: a field of the record by its name, both sides' together, or a short word for one.

use super::error::{Fault, nearest};
use crate::flow::fields::{self, Field, Kind, Unit, Value};
use crate::flow::{FlowRecord, Wants};
use crate::model::IpProtocol;
use std::ops::Range;

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Subject {
    /// A field.
    One(&'static Field),
    /// Both sides' counts together.
    Sum(&'static Field, &'static Field),
    /// Either side's.
    Either(&'static Field, &'static Field),
    /// Either side's port, of protocols that have ports.
    Port(&'static Field, &'static Field),
    /// The round trip that tables show: of the handshake, else to the first answer.
    RoundTrip,
}

/// Short words and what they stand for.
const SHORT: &[(&str, &str)] = &[
    ("addr", "ip"),
    ("alpn", "app.tls.alpn"),
    ("app", "app.protocol"),
    ("bytes", "unique_bytes"),
    ("client", "orig.ip"),
    ("duplicates", "duplicate_packets"),
    ("host", "ip"),
    ("in", "resp.unique_bytes"),
    ("ja3", "app.tls.ja3"),
    ("ja4", "app.tls.ja4"),
    ("net", "ip"),
    ("out", "orig.unique_bytes"),
    ("outcome", "handshake.outcome"),
    ("protocol", "proto"),
    ("reordered", "reordered_packets"),
    ("resent", "resent_packets"),
    ("retransmitted", "resent_packets"),
    ("retries", "handshake.syn_retries"),
    ("rtx", "resent_packets"),
    ("server", "resp.ip"),
    ("sni", "app.tls.server_name"),
    ("user", "app.login.user"),
];

/// Words for the sides, as prefixes of their fields.
const SIDES: &[(&str, &str)] = &[("client.", "orig."), ("originator.", "orig."), ("server.", "resp."), ("responder.", "resp.")];

/// Protocols that are conditions by themselves.
const PROTOCOLS: &[&str] = &["tcp", "udp", "icmp", "icmp6", "sctp"];

/// Wireshark's words, by their beginnings, and what to write.
const WIRESHARK: &[(&str, &str)] = &[
    ("tcp.port", "port 443"),
    ("udp.port", "port 53"),
    ("tcp.srcport", "orig.port 40000"),
    ("tcp.dstport", "resp.port 443"),
    ("udp.dstport", "resp.port 53"),
    ("ip.addr", "host 192.0.2.1"),
    ("ipv6.addr", "host 2001:db8::1"),
    ("ip.src", "client 192.0.2.1"),
    ("ip.dst", "server 192.0.2.1"),
    ("ipv6.", "host 2001:db8::1"),
    ("ip.proto", "proto tcp"),
    ("tcp.analysis.", "resent>0"),
    ("tcp.flags.reset", "state reset"),
    ("tcp.flags", "state refused, or handshake.outcome no_answer"),
    ("tcp.stream", "id c1"),
    ("udp.stream", "id u1"),
    ("tcp.len", "bytes>0"),
    ("frame.time", "start>2026-11-20T21:11:20Z"),
    ("frame.len", "wire_bytes>1500"),
    ("frame.number", "first_packet<=9 and last_packet>=9"),
    ("vlan.id", "vlan 10"),
    ("tls.handshake.extensions_server_name", "sni ~ example"),
    ("tls.handshake.ja3", "ja3 ~ example"),
    ("tls.", "app tls"),
    ("http.host", "resp.name ~ example"),
    ("http.", "app http"),
    ("dns.", "app dns"),
];

/// Words of capture filters, and what to write.
const CAPTURE_FILTER: &[(&str, &str)] = &[
    ("src", "a conversation has a client and a server: client 192.0.2.1"),
    ("dst", "a conversation has a client and a server: server 192.0.2.1, or resp.port 443"),
    ("portrange", "port 8000-8100"),
    ("greater", "wire_bytes>1500"),
    ("less", "wire_bytes<1500"),
];

impl Subject {
    /// What a word stands for.
    pub(super) fn of(word: &str, span: &Range<usize>) -> Result<Self, Fault> {
        let name = expanded(&word.to_ascii_lowercase());
        if name == "rtt" {
            return Ok(Self::RoundTrip);
        }
        if let Some(field) = fields::named(&name) {
            return Ok(Self::One(field));
        }
        let side = |side: &str| fields::named(&format!("{side}.{name}"));
        match side("orig").zip(side("resp")) {
            Some((orig, resp)) if name == "port" => Ok(Self::Port(orig, resp)),
            Some((orig, resp)) if adds_up(orig) => Ok(Self::Sum(orig, resp)),
            Some((orig, resp)) => Ok(Self::Either(orig, resp)),
            None => Err(unknown(word, span)),
        }
    }

    /// The protocol whose name is a condition by itself.
    pub(super) fn protocol(word: &str) -> Option<IpProtocol> {
        let lower = word.to_ascii_lowercase();
        let name = *PROTOCOLS.iter().find(|name| **name == lower)?;
        (0..=255).map(IpProtocol).find(|protocol| protocol.name() == Some(name))
    }

    /// What its values are.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::One(field) | Self::Sum(field, _) | Self::Either(field, _) | Self::Port(field, _) => field.kind(),
            Self::RoundTrip => Kind::Span,
        }
    }

    /// What it counts.
    pub(super) const fn unit(self) -> Unit {
        match self {
            Self::One(field) | Self::Sum(field, _) | Self::Either(field, _) | Self::Port(field, _) => field.unit,
            Self::RoundTrip => Unit::Seconds,
        }
    }

    /// The words that its values can be, where they are few.
    pub(super) fn words(self) -> Option<Vec<&'static str>> {
        match self {
            Self::One(field) | Self::Either(field, _) => field.words(),
            _ => None,
        }
    }

    /// What a tracker must work out for it.
    pub(super) const fn needs(self) -> Wants {
        match self {
            Self::One(field) => field.needs,
            Self::Sum(orig, resp) | Self::Either(orig, resp) | Self::Port(orig, resp) => orig.needs.and(resp.needs),
            Self::RoundTrip => Wants::NONE,
        }
    }

    /// Is it the same from a conversation's first packet to its last, whichever side turns out to be the originator?
    pub(super) fn never_changes(self) -> bool {
        match self {
            Self::One(field) => matches!(field.name, "id" | "proto"),
            Self::Either(field, _) => field.name == "orig.ip",
            Self::Port(..) => true,
            Self::Sum(..) | Self::RoundTrip => false,
        }
    }

    /// Does a check hold for it? Of two sides, for one of them.
    pub(super) fn any(self, record: &FlowRecord, check: impl Fn(Value<'_>) -> bool) -> bool {
        match self {
            Self::One(field) => check((field.get)(record)),
            Self::Sum(orig, resp) => check(sum((orig.get)(record), (resp.get)(record))),
            Self::Either(orig, resp) => check((orig.get)(record)) || check((resp.get)(record)),
            Self::Port(orig, resp) => has_ports(record.protocol) && (check((orig.get)(record)) || check((resp.get)(record))),
            Self::RoundTrip => check(record.round_trip().map_or(Value::Null, Value::Span)),
        }
    }
}

/// Protocols whose conversations have ports: in records of others the type of ICMP stands there, or nothing.
const fn has_ports(protocol: IpProtocol) -> bool {
    // DCCP (RFC 4340) and UDP-Lite (RFC 3828) beside the usual three.
    matches!(protocol, IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP | IpProtocol(33 | 136))
}

/// The sum of two counts; of one where the other is not known.
const fn sum<'a>(a: Value<'a>, b: Value<'a>) -> Value<'a> {
    match (a, b) {
        (Value::U64(a), Value::U64(b)) => Value::U64(a.saturating_add(b)),
        (Value::U64(one), _) | (_, Value::U64(one)) => Value::U64(one),
        _ => Value::Null,
    }
}

/// Do both sides' values make sense together? Counts do, sizes of segments and windows do not.
fn adds_up(field: &Field) -> bool {
    let name = field.name.split_once('.').map_or(field.name, |(_, name)| name);
    let size = name.starts_with("max_") || name.starts_with("min_") || name == "mss";
    matches!(field.unit, Unit::Packets | Unit::Bytes) && !size
}

/// The name that a short word or another word for a side stands for.
fn expanded(word: &str) -> String {
    if let Some((_, name)) = SHORT.iter().find(|(short, _)| *short == word) {
        return (*name).to_owned();
    }
    match SIDES.iter().find_map(|(other, side)| Some((side, word.strip_prefix(other)?))) {
        Some((side, rest)) => {
            let rest = expanded(rest);
            format!("{side}{rest}")
        }
        None => word.to_owned(),
    }
}

fn unknown(word: &str, span: &Range<usize>) -> Fault {
    let lower = word.to_ascii_lowercase();
    let what = format!("\"{}\" is no field of conversations", crate::model::short(word, 40));
    let fault = Fault::at(span.clone(), what);
    if let Some((_, write)) = WIRESHARK.iter().find(|(theirs, _)| lower.starts_with(theirs)) {
        return fault.hint(format!("that is Wireshark's word; write: {write}"));
    }
    if let Some((_, write)) = CAPTURE_FILTER.iter().find(|(theirs, _)| *theirs == lower) {
        return fault.hint(format!("that is a word of capture filters; here: {write}"));
    }
    if let Some(state) = fields::named("state").and_then(Field::words).and_then(|words| words.into_iter().find(|s| *s == lower)) {
        return fault.hint(format!("write: state {state}"));
    }
    if fields::named("app.protocol").and_then(Field::words).is_some_and(|apps| apps.contains(&lower.as_str())) {
        return fault.hint(format!("write: app {lower}"));
    }
    let both = fields::all().filter_map(|field| field.name.strip_prefix("orig."));
    let known = fields::all().map(|field| field.name).chain(both).chain(SHORT.iter().map(|(short, _)| *short));
    let known = known.chain(PROTOCOLS.iter().copied()).chain(["rtt"]).chain(super::finding::WORDS.iter().map(|(word, _)| *word));
    fault.perhaps(match nearest(&lower, known) {
        Some(near) => Some(format!("did you mean {near}?")),
        None => Some("`sockeye help where` names the fields".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(word: &str) -> Subject {
        Subject::of(word, &(0..word.len())).unwrap()
    }

    #[test]
    fn short_words_lead_to_fields() {
        for (short, name) in SHORT {
            let (a, b) = (format!("{:?}", of(short)), format!("{:?}", of(name)));
            assert_eq!(a, b, "{short}");
        }
        assert!(matches!(of("client.packets"), Subject::One(f) if f.name == "orig.packets"));
        assert!(matches!(of("server.resent"), Subject::One(f) if f.name == "resp.resent_packets"));
        assert!(matches!(of("packets"), Subject::Sum(..)));
        assert!(matches!(of("max_segment"), Subject::Either(..)));
        assert!(matches!(of("rtt.max"), Subject::Either(..)));
        assert!(matches!(of("RTT"), Subject::RoundTrip));
        assert_eq!(Subject::protocol("SCTP"), Some(IpProtocol::SCTP));
    }

    #[test]
    fn words_of_other_languages_get_a_translation() {
        let hint = |word: &str| Subject::of(word, &(0..1)).unwrap_err().hint.unwrap();
        assert!(hint("tcp.port").contains("port 443"));
        assert!(hint("dst").contains("resp.port 443"));
        assert_eq!(hint("refused"), "write: state refused");
        assert_eq!(hint("dns"), "write: app dns");
        assert!(hint("tls.handshake.extensions_server_name").contains("sni ~ example"));
        assert_eq!(hint("packetz"), "did you mean packets?");
        assert!(hint("qqqqqqq").contains("help where"));
    }

    #[test]
    fn what_is_offered_can_be_read() {
        for (_, write) in WIRESHARK {
            let write = write.split(", or ").next().unwrap();
            assert!(super::super::Query::parse(write).is_ok(), "{write}");
        }
    }
}
