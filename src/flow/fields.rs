//! Every field of a flow record, once: name, unit, getter. Outputs walk this list and know no field by themselves.
//!
//! Names are those of the records; a dot leads into a nested object (`orig.packets`). Unknown is [`Value::Null`], never 0.

use super::FlowId;
use super::app::{AppRecord, BannerRecord, DnsRecord, HttpRecord, LoginRecord, Objects, QuicRecord, TlsRecord};
use super::community_id::CommunityId;
use super::record::{
    DirectionReason, EndReason, FlowRecord, Handshake, LossRecord, MeasuredRecord, Outcome, SideRecord, State, TcpState, Vantage,
    ZeekRecord,
};
use super::sample;
use super::wants::Wants;
use crate::model::{IpProtocol, Span, Timestamp};
use crate::peek::App;
use std::net::IpAddr;

/// What a field counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A word, an address, an ID, a number without a unit.
    None,
    /// A moment.
    Time,
    /// Seconds.
    Seconds,
    /// Packets.
    Packets,
    /// Bytes.
    Bytes,
    /// The number of a packet in its source.
    PacketNumber,
}

impl Unit {
    /// The word of the documentation.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Time => "time",
            Self::Seconds => "seconds",
            Self::Packets => "packets",
            Self::Bytes => "bytes",
            Self::PacketNumber => "packet number",
        }
    }
}

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Not known.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A number.
    U64(u64),
    /// A length of time; records write seconds with nine digits.
    Span(Span),
    /// A moment.
    Time(Timestamp),
    /// A word of the program's own: letters, digits and signs that have no meaning in any form of records.
    Word(&'static str),
    /// A Community ID: letters, digits, `+`, `/`, `=` and `:`.
    CommunityId(&'a CommunityId),
    /// Any other text. Outputs escape it.
    Text(&'a str),
    /// An address.
    Ip(IpAddr),
    /// A flow's ID.
    Id(FlowId),
    /// A protocol, written by name where it has one.
    Protocol(IpProtocol),
    /// Several small numbers.
    List(&'a [u16]),
    /// Several words.
    Words(&'a [&'static str]),
    /// Several texts.
    Texts(&'a [Box<str>]),
    /// Several things, each with keys of its own.
    Objects(Objects<'a>),
}

/// What a field's values are, where they are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Yes or no.
    Bool,
    /// A number.
    Number,
    /// Several numbers.
    Numbers,
    /// A length of time.
    Span,
    /// A moment.
    Time,
    /// A word of the program's own.
    Word,
    /// Several of those.
    Words,
    /// Any other text.
    Text,
    /// Several of those.
    Texts,
    /// Several things with keys of their own.
    Objects,
    /// An address.
    Ip,
    /// A flow's ID.
    Id,
    /// A protocol.
    Protocol,
}

/// A field of a record.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name, dots for nesting.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// What a tracker must work out for it.
    pub needs: Wants,
    /// Its value in a record.
    pub get: for<'a> fn(&'a FlowRecord) -> Value<'a>,
}

impl Field {
    /// What a tracker must work out for all of these.
    #[must_use]
    pub fn needs_of(fields: &[&Self]) -> Wants {
        fields.iter().fold(Wants::NONE, |all, field| all.and(field.needs))
    }

    /// What its values are.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match (self.get)(&sample::everything_known()) {
            Value::Bool(_) => Kind::Bool,
            Value::U64(_) => Kind::Number,
            Value::Span(_) => Kind::Span,
            Value::Time(_) => Kind::Time,
            Value::Word(_) => Kind::Word,
            Value::Null | Value::Text(_) | Value::CommunityId(_) => Kind::Text,
            Value::Ip(_) => Kind::Ip,
            Value::Id(_) => Kind::Id,
            Value::Protocol(_) => Kind::Protocol,
            Value::List(_) => Kind::Numbers,
            Value::Words(_) => Kind::Words,
            Value::Texts(_) => Kind::Texts,
            Value::Objects(_) => Kind::Objects,
        }
    }

    /// May it be unknown?
    #[must_use]
    pub fn nullable(&self) -> bool {
        (self.get)(&sample::nothing_known()) == Value::Null
    }

    /// The words that its values can be, where they are few.
    #[must_use]
    pub fn words(&self) -> Option<Vec<&'static str>> {
        Some(match self.name {
            "state" => once_each(State::ALL.map(State::key)),
            "reset_by" => once_each(State::ALL.iter().filter_map(|state| state.reset_by())),
            "handshake.outcome" => once_each(Outcome::ALL.map(Outcome::key)),
            "end_reason" => once_each(EndReason::ALL.map(EndReason::key)),
            "direction_reason" => once_each(DirectionReason::ALL.map(DirectionReason::key)),
            "vantage" => once_each(Vantage::ALL.map(Vantage::key)),
            "app.protocol" => once_each(App::ALL.map(App::name)),
            "orig.tcp_state" | "resp.tcp_state" => once_each(TcpState::ALL.map(TcpState::name)),
            _ => return None,
        })
    }
}

/// The words, in order, each once.
fn once_each(words: impl IntoIterator<Item = &'static str>) -> Vec<&'static str> {
    let mut all = Vec::new();
    for word in words {
        if !all.contains(&word) {
            all.push(word);
        }
    }
    all
}

trait IntoValue<'a> {
    fn value(self) -> Value<'a>;
}

macro_rules! into_value {
    ($($from:ty => $variant:ident),* $(,)?) => {$(
        impl<'a> IntoValue<'a> for $from {
            fn value(self) -> Value<'a> {
                Value::$variant(self.into())
            }
        }
    )*};
}

into_value! {
    bool => Bool, u64 => U64, u32 => U64, u16 => U64, u8 => U64, Span => Span, Timestamp => Time,
    &'static str => Word, &'a CommunityId => CommunityId, IpAddr => Ip, FlowId => Id, IpProtocol => Protocol,
}

impl<'a, T: IntoValue<'a>> IntoValue<'a> for Option<T> {
    fn value(self) -> Value<'a> {
        self.map_or(Value::Null, T::value)
    }
}

/// A part of the handshake, `Null` where there is no handshake.
fn handshake<'a, T: IntoValue<'a>>(record: &'a FlowRecord, get: impl Fn(&'a Handshake) -> T) -> Value<'a> {
    record.handshake.as_ref().map(get).value()
}

/// A part of a side that only TCP has.
fn tcp<'a, T: IntoValue<'a>>(record: &FlowRecord, value: T) -> Value<'a> {
    (record.protocol == IpProtocol::TCP).then_some(value).value()
}

/// Fields as values: of rows `name, unit, what it needs, getter`.
macro_rules! table {
    ($($name:expr, $unit:ident, $($needs:ident,)? |$r:ident| $get:expr;)*) => {
        [$(Field { name: $name, unit: Unit::$unit, needs: Wants::NONE$(.and(Wants::$needs))?, get: |$r| ($get).value() }),*]
    };
}

impl<'a> IntoValue<'a> for Value<'a> {
    fn value(self) -> Value<'a> {
        self
    }
}

/// The fields of the conversation, as rows for the macro that is named.
macro_rules! head_rows {
    ($then:ident) => {
        $then! {
            "id", None, |r| r.id;
            "proto", None, |r| r.protocol;
            "community_id", None, COMMUNITY_ID, |r| r.community_id.as_ref();
            "vlan", None, |r| Value::List(&r.vlan);
            "tunnel.kind", None, |r| r.tunnel.as_ref().map(|t| t.kind);
            "tunnel.id", None, |r| r.tunnel.as_ref().map(|t| t.id);
            "tunnel.src", None, |r| r.tunnel.as_ref().map(|t| t.outer.0);
            "tunnel.dst", None, |r| r.tunnel.as_ref().map(|t| t.outer.1);
            "start", Time, |r| r.start;
            "end", Time, |r| r.end;
            "duration", Seconds, |r| r.duration();
            "first_packet", PacketNumber, |r| r.first_packet.1;
            "last_packet", PacketNumber, |r| r.last_packet.1;
            "state", None, |r| r.state.key();
            "reset_by", None, |r| r.state.reset_by();
            "direction_reason", None, |r| r.direction_reason.key();
            "end_reason", None, |r| r.end_reason.map(EndReason::key);
            "conn_state", None, ZEEK, |r| zeek(r, |z| z.conn_state);
            "history", None, ZEEK, |r| zeek(r, |z| Value::Text(&z.history));
            "weird", None, ZEEK, |r| zeek(r, |z| Value::Words(&z.weird));
            "vantage", None, VERDICTS, |r| r.vantage.map(Vantage::key);
            "response_time", Seconds, |r| r.response_time;
            "icmp_error.type", None, |r| r.icmp_error.map(|e| e.0);
            "icmp_error.code", None, |r| r.icmp_error.map(|e| e.1);
            "icmp_error.packet", PacketNumber, |r| r.icmp_error.map(|e| e.2);
            "icmp_errors", Packets, |r| r.icmp_errors;
            "capture_drops", Packets, |r| r.capture_drops;
            "handshake.outcome", None, |r| handshake(r, |h| h.outcome.key());
            "handshake.syn", PacketNumber, |r| handshake(r, |h| h.syn.map(|s| s.0));
            "handshake.syn_ack", PacketNumber, |r| handshake(r, |h| h.syn_ack.map(|s| s.0));
            "handshake.ack", PacketNumber, |r| handshake(r, |h| h.ack.map(|s| s.0));
            "handshake.refusal", PacketNumber, |r| handshake(r, |h| h.refusal.map(|s| s.0));
            "handshake.syn_time", Time, |r| handshake(r, |h| h.syn.map(|s| s.1));
            "handshake.syn_ack_time", Time, |r| handshake(r, |h| h.syn_ack.map(|s| s.1));
            "handshake.ack_time", Time, |r| handshake(r, |h| h.ack.map(|s| s.1));
            "handshake.syn_retries", Packets, |r| handshake(r, |h| h.syn.map(|_| h.syn_retries));
            "handshake.syn_ack_retries", Packets, |r| handshake(r, |h| h.syn_ack.map(|_| h.syn_ack_retries));
            "handshake.rtt", Seconds, |r| handshake(r, |h| h.rtt);
            "handshake.rtt_originator", Seconds, |r| handshake(r, |h| h.rtt_originator);
            "handshake.rtt_responder", Seconds, |r| handshake(r, |h| h.rtt_responder);
            "handshake.rtt_ambiguous", None, |r| handshake(r, |h| (h.rtt_originator.is_some() || h.rtt_responder.is_some()).then_some(h.rtt_ambiguous));
            "handshake.fast_open", None, |r| handshake(r, |h| h.syn.map(|_| h.fast_open));
            "app.protocol", None, APP, |r| app(r, |a| a.app.map(App::name));
            "app.incomplete", None, APP, |r| app(r, |a| a.incomplete);
            "app.tls.server_name", None, APP, |r| tls(r, |t| text(t.server_name.as_deref()));
            "app.tls.offered", None, APP, |r| tls(r, |t| text(t.offered.as_deref()));
            "app.tls.version", None, APP, |r| tls(r, |t| text(t.version.as_deref()));
            "app.tls.cipher", None, APP, |r| tls(r, |t| text(t.cipher.as_deref()));
            "app.tls.alpn_offered", None, APP, |r| tls(r, |t| Value::Texts(&t.alpn_offered));
            "app.tls.alpn", None, APP, |r| tls(r, |t| text(t.alpn.as_deref()));
            "app.tls.subject", None, APP, |r| tls(r, |t| text(t.subject.as_deref()));
            "app.tls.names", None, APP, |r| tls(r, |t| Value::Texts(&t.names));
            "app.tls.alerts", None, APP, |r| tls(r, |t| Value::Texts(&t.alerts));
            "app.tls.ja3", None, APP, |r| tls(r, |t| text(t.ja3.as_deref()));
            "app.tls.ja3_text", None, APP, |r| tls(r, |t| text(t.ja3_text.as_deref()));
            "app.tls.ja4", None, APP, |r| tls(r, |t| text(t.ja4.as_deref()));
            "app.tls.client_hello", PacketNumber, APP, |r| tls(r, |t| t.client_hello);
            "app.tls.server_hello", PacketNumber, APP, |r| tls(r, |t| t.server_hello);
            "app.http.requests", None, APP, |r| http(r, |h| h.requests);
            "app.http.responses", None, APP, |r| http(r, |h| h.responses);
            "app.http.exchanges", None, APP, |r| http(r, |h| Value::Objects(Objects::Exchanges(&h.exchanges)));
            "app.dns.queries", None, APP, |r| dns(r, |d| d.queries);
            "app.dns.resent", None, APP, |r| dns(r, |d| d.resent);
            "app.dns.responses", None, APP, |r| dns(r, |d| d.responses);
            "app.dns.unanswered", None, APP, |r| dns(r, |d| d.unanswered());
            "app.dns.transactions", None, APP, |r| dns(r, |d| Value::Objects(Objects::Transactions(&d.transactions)));
            "app.banner.client", None, APP, |r| banner(r, |b| text(b.client.as_deref()));
            "app.banner.server", None, APP, |r| banner(r, |b| text(b.server.as_deref()));
            "app.login.user", None, APP, |r| login(r, |l| text(l.user.as_deref()));
            "app.login.method", None, APP, |r| login(r, |l| l.method.name());
            "app.login.password_in_clear", None, APP, |r| login(r, |l| l.password_in_clear);
            "app.login.packet", PacketNumber, APP, |r| login(r, |l| l.packet);
            "app.quic.version", None, APP, |r| quic(r, |q| text(q.version.as_deref()));
            "app.quic.destination", None, APP, |r| quic(r, |q| text(q.destination.as_deref()));
            "app.quic.client", None, APP, |r| quic(r, |q| text(q.client.as_deref()));
            "app.quic.server", None, APP, |r| quic(r, |q| text(q.server.as_deref()));
        }
    };
}

/// What Zeek would log, `Null` where nobody asked.
fn zeek<'a, T: IntoValue<'a>>(record: &'a FlowRecord, get: impl Fn(&'a ZeekRecord) -> T) -> Value<'a> {
    record.zeek.as_deref().map(get).value()
}

fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, Value::Text)
}

/// What its application said.
fn app<'a, T: IntoValue<'a>>(record: &'a FlowRecord, get: impl Fn(&'a AppRecord) -> T) -> Value<'a> {
    record.app.as_deref().map(get).value()
}

macro_rules! parts_of_app {
    ($($name:ident: $part:ty),* $(,)?) => {$(
        fn $name<'a, T: IntoValue<'a>>(record: &'a FlowRecord, get: impl Fn(&'a $part) -> T) -> Value<'a> {
            record.app.as_deref().and_then(|app| app.$name.as_deref()).map(get).value()
        }
    )*};
}

parts_of_app! { tls: TlsRecord, http: HttpRecord, dns: DnsRecord, banner: BannerRecord, login: LoginRecord, quic: QuicRecord }

/// What tcptrace counts of a side.
fn measured<'a, T: IntoValue<'a>>(side: &'a SideRecord, get: impl Fn(&'a MeasuredRecord) -> T) -> Value<'a> {
    side.measured.as_ref().map(get).value()
}

/// Maximum segment size offered. Where tcptrace's counts are wanted, an offer that was not seen is 0 as in those.
fn mss<'a>(side: &SideRecord) -> Value<'a> {
    side.mss.or(side.measured.as_ref().map(|_| 0)).value()
}

/// What became of a side's segments.
fn loss<'a, T: IntoValue<'a>>(side: &'a SideRecord, get: impl Fn(&'a LossRecord) -> T) -> Value<'a> {
    side.loss.as_ref().map(get).value()
}

/// What is known only of a side whose SYN was seen.
fn offered<T>(side: &SideRecord, value: T) -> Option<T> {
    side.isn.map(|_| value)
}

/// The fields of a side, as rows for the macro that is named.
macro_rules! side_rows {
    ($then:ident, $side:ident, $prefix:literal, $endpoint:ident) => {
        $then! {
            concat!($prefix, ".ip"), None, |r| r.$endpoint.ip;
            concat!($prefix, ".port"), None, |r| r.$endpoint.port;
            concat!($prefix, ".name"), None, APP, |r| text(r.$side.name.as_ref().map(|name| &*name.name));
            concat!($prefix, ".name_packet"), PacketNumber, APP, |r| r.$side.name.as_ref().map(|name| name.packet.1);
            concat!($prefix, ".packets"), Packets, |r| r.$side.packets;
            concat!($prefix, ".wire_bytes"), Bytes, |r| r.$side.wire_bytes;
            concat!($prefix, ".ip_bytes"), Bytes, |r| r.$side.ip_bytes;
            concat!($prefix, ".payload_bytes"), Bytes, |r| r.$side.payload_bytes;
            concat!($prefix, ".unique_bytes"), Bytes, |r| r.$side.unique_bytes;
            concat!($prefix, ".unique_bytes_at_least"), None, |r| tcp(r, r.$side.unique_bytes_at_least);
            concat!($prefix, ".ack_packets"), Packets, |r| tcp(r, r.$side.ack_packets);
            concat!($prefix, ".pure_acks"), Packets, |r| tcp(r, r.$side.pure_acks);
            concat!($prefix, ".data_packets"), Packets, |r| tcp(r, r.$side.data_packets);
            concat!($prefix, ".data_bytes"), Bytes, |r| tcp(r, r.$side.payload_bytes);
            concat!($prefix, ".zero_windows"), Packets, |r| tcp(r, r.$side.zero_windows);
            concat!($prefix, ".out_of_window_packets"), Packets, |r| tcp(r, r.$side.out_of_window_packets);
            concat!($prefix, ".max_segment"), Bytes, |r| tcp(r, r.$side.max_segment);
            concat!($prefix, ".min_segment"), Bytes, |r| tcp(r, r.$side.min_segment);
            concat!($prefix, ".max_window"), Bytes, MEASURES, |r| measured(&r.$side, |m| m.max_window);
            concat!($prefix, ".min_window"), Bytes, MEASURES, |r| measured(&r.$side, |m| m.min_window);
            concat!($prefix, ".flags"), None, |r| tcp(r, r.$side.flags);
            concat!($prefix, ".isn"), None, |r| r.$side.isn;
            concat!($prefix, ".mss"), Bytes, MEASURES, |r| mss(&r.$side);
            concat!($prefix, ".window_scale"), None, |r| r.$side.window_scale;
            concat!($prefix, ".sack_permitted"), None, |r| offered(&r.$side, r.$side.sack_permitted);
            concat!($prefix, ".timestamps"), None, |r| offered(&r.$side, r.$side.timestamps);
            concat!($prefix, ".ttl_min"), None, |r| r.$side.ttl_min;
            concat!($prefix, ".ttl_max"), None, |r| r.$side.ttl_max;
            concat!($prefix, ".tcp_state"), None, |r| r.$side.tcp_state.map(TcpState::name);
            concat!($prefix, ".missed_bytes"), Bytes, ZEEK, |r| r.$side.missed_bytes;
            concat!($prefix, ".retransmitted_packets"), Packets, MEASURES, |r| measured(&r.$side, |m| m.retransmitted_packets);
            concat!($prefix, ".retransmitted_bytes"), Bytes, MEASURES, |r| measured(&r.$side, |m| m.retransmitted_bytes);
            concat!($prefix, ".out_of_order_packets"), Packets, MEASURES, |r| measured(&r.$side, |m| m.out_of_order_packets);
            concat!($prefix, ".sack_packets"), Packets, MEASURES, |r| measured(&r.$side, |m| m.sack_packets);
            concat!($prefix, ".dsack_packets"), Packets, MEASURES, |r| measured(&r.$side, |m| m.dsack_packets);
            concat!($prefix, ".zero_window_probes"), Packets, MEASURES, |r| measured(&r.$side, |m| m.zero_window_probes);
            concat!($prefix, ".rtt_ambiguous"), Packets, MEASURES, |r| measured(&r.$side, |m| m.rtt_ambiguous);
            concat!($prefix, ".rtt_discarded"), Packets, MEASURES, |r| measured(&r.$side, |m| m.rtt_discarded);
            concat!($prefix, ".measured_at_least"), None, MEASURES, |r| measured(&r.$side, |m| m.at_least);
            concat!($prefix, ".resent_packets"), Packets, VERDICTS, |r| loss(&r.$side, |l| l.resent_packets);
            concat!($prefix, ".spurious_packets"), Packets, VERDICTS, |r| loss(&r.$side, |l| l.spurious_packets);
            concat!($prefix, ".reordered_packets"), Packets, VERDICTS, |r| loss(&r.$side, |l| l.reordered_packets);
            concat!($prefix, ".duplicate_packets"), Packets, VERDICTS, |r| loss(&r.$side, |l| l.duplicate_packets);
            concat!($prefix, ".unsure_packets"), Packets, VERDICTS, |r| loss(&r.$side, |l| l.unsure_packets);
            concat!($prefix, ".keep_alives"), Packets, VERDICTS, |r| loss(&r.$side, |l| l.keep_alives);
            concat!($prefix, ".window_probes"), Packets, VERDICTS, |r| loss(&r.$side, |l| l.window_probes);
            concat!($prefix, ".duplicate_acks"), Packets, VERDICTS, |r| loss(&r.$side, |l| l.duplicate_acks);
            concat!($prefix, ".uncaptured_bytes"), Bytes, VERDICTS, |r| loss(&r.$side, |l| l.uncaptured_bytes);
            concat!($prefix, ".lost_before"), Packets, VERDICTS, |r| loss(&r.$side, |l| l.lost_before);
            concat!($prefix, ".lost_beyond"), Packets, VERDICTS, |r| loss(&r.$side, |l| l.lost_beyond);
            concat!($prefix, ".loss_at_least"), None, VERDICTS, |r| loss(&r.$side, |l| l.at_least);
            concat!($prefix, ".rtt.samples"), None, MEASURES, |r| measured(&r.$side, |m| m.rtt.samples);
            concat!($prefix, ".rtt.min"), Seconds, MEASURES, |r| measured(&r.$side, |m| m.rtt.min);
            concat!($prefix, ".rtt.avg"), Seconds, MEASURES, |r| measured(&r.$side, |m| m.rtt.avg);
            concat!($prefix, ".rtt.max"), Seconds, MEASURES, |r| measured(&r.$side, |m| m.rtt.max);
            concat!($prefix, ".rtt.stdev"), Seconds, MEASURES, |r| measured(&r.$side, |m| m.rtt.stdev);
            concat!($prefix, ".timestamp_rtt.samples"), None, MEASURES, |r| measured(&r.$side, |m| m.timestamp_rtt.samples);
            concat!($prefix, ".timestamp_rtt.min"), Seconds, MEASURES, |r| measured(&r.$side, |m| m.timestamp_rtt.min);
            concat!($prefix, ".timestamp_rtt.avg"), Seconds, MEASURES, |r| measured(&r.$side, |m| m.timestamp_rtt.avg);
            concat!($prefix, ".timestamp_rtt.max"), Seconds, MEASURES, |r| measured(&r.$side, |m| m.timestamp_rtt.max);
            concat!($prefix, ".timestamp_rtt.stdev"), Seconds, MEASURES, |r| measured(&r.$side, |m| m.timestamp_rtt.stdev);
        }
    };
}

static HEAD: [Field; 76] = head_rows!(table);
static ORIG: [Field; 61] = side_rows!(table, orig, "orig", originator);
static RESP: [Field; 61] = side_rows!(table, resp, "resp", responder);

/// How many fields there are.
pub(crate) const COUNT: usize = HEAD.len() + ORIG.len() + RESP.len();

/// The field that records have at this place.
pub(crate) const fn nth(place: usize) -> &'static Field {
    if place < HEAD.len() {
        &HEAD[place]
    } else if place < HEAD.len() + ORIG.len() {
        &ORIG[place - HEAD.len()]
    } else {
        &RESP[place - HEAD.len() - ORIG.len()]
    }
}

/// What takes the values of all fields.
pub(crate) trait Visitor {
    /// The value of the field that has this [place](nth).
    fn visit(&mut self, place: usize, value: Value<'_>);
}

/// Hands out the values of all fields in order, without a call for each: what [`Field::get`] gives, a fifth of the work for whoever
/// writes all of them.
#[expect(
    clippy::inline_always,
    reason = "what is done with a value is known where this is called, and most of it goes away there"
)]
#[inline(always)]
pub(crate) fn visit_all(record: &FlowRecord, visitor: &mut impl Visitor) {
    let mut place = 0;
    macro_rules! visit {
        ($($name:expr, $unit:ident, $($needs:ident,)? |$r:ident| $get:expr;)*) => {$(
            let $r = record;
            visitor.visit(place, ($get).value());
            place += 1;
        )*};
    }
    head_rows!(visit);
    side_rows!(visit, orig, "orig", originator);
    side_rows!(visit, resp, "resp", responder);
    debug_assert_eq!(place, COUNT);
}

/// Every field, in the order in which records have them.
pub fn all() -> impl Iterator<Item = &'static Field> {
    HEAD.iter().chain(&ORIG).chain(&RESP)
}

/// The field of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Field> {
    all().find(|field| field.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_lead_back_to_their_fields() {
        let names: BTreeSet<_> = all().map(|field| field.name).collect();
        assert_eq!(names.len(), all().count());
        for name in names {
            assert_eq!(named(name).map(|field| field.name), Some(name));
        }
        assert!(named("orig").is_none());
    }

    #[test]
    fn both_sides_have_the_same_fields() {
        let of = |side: &str| all().filter_map(|f| f.name.strip_prefix(side)).collect::<Vec<_>>();
        assert_eq!(of("orig."), of("resp."));
    }
}
