//! Every field of a flow record, once: name, unit, getter. Outputs walk this list and know no field by themselves.
//!
//! Names are those of the records; a dot leads into a nested object (`orig.packets`). Unknown is [`Value::Null`], never 0.

use super::FlowId;
use super::record::{EndReason, FlowRecord, Handshake, LossRecord, MeasuredRecord, SideRecord, TcpState, Vantage, ZeekRecord};
use crate::model::{IpProtocol, Span, Timestamp};
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
    /// A word.
    Str(&'a str),
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
}

/// A field of a record.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name, dots for nesting.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Its value in a record.
    pub get: for<'a> fn(&'a FlowRecord) -> Value<'a>,
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
    &'a str => Str, IpAddr => Ip, FlowId => Id, IpProtocol => Protocol,
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

macro_rules! flow_fields {
    ($($name:literal, $unit:ident, |$r:ident| $get:expr;)*) => {
        [$(Field { name: $name, unit: Unit::$unit, get: |$r| ($get).value() }),*]
    };
}

impl<'a> IntoValue<'a> for Value<'a> {
    fn value(self) -> Value<'a> {
        self
    }
}

const HEAD: [Field; 41] = flow_fields! {
    "id", None, |r| r.id;
    "proto", None, |r| r.protocol;
    "community_id", None, |r| r.community_id.as_str();
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
    "conn_state", None, |r| zeek(r, |z| z.conn_state);
    "history", None, |r| zeek(r, |z| z.history.as_str());
    "weird", None, |r| zeek(r, |z| Value::Words(&z.weird));
    "vantage", None, |r| r.vantage.map(Vantage::key);
    "response_time", Seconds, |r| r.response_time;
    "icmp_error.type", None, |r| r.icmp_error.map(|e| e.0);
    "icmp_error.code", None, |r| r.icmp_error.map(|e| e.1);
    "icmp_error.packet", PacketNumber, |r| r.icmp_error.map(|e| e.2);
    "icmp_errors", Packets, |r| r.icmp_errors;
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
};

/// What Zeek would log, `Null` where nobody asked.
fn zeek<'a, T: IntoValue<'a>>(record: &'a FlowRecord, get: impl Fn(&'a ZeekRecord) -> T) -> Value<'a> {
    record.zeek.as_deref().map(get).value()
}

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

macro_rules! side_fields {
    ($side:ident, $prefix:literal, $endpoint:ident) => {
        [
            Field { name: concat!($prefix, ".ip"), unit: Unit::None, get: |r| r.$endpoint.ip.value() },
            Field { name: concat!($prefix, ".port"), unit: Unit::None, get: |r| r.$endpoint.port.value() },
            Field { name: concat!($prefix, ".packets"), unit: Unit::Packets, get: |r| r.$side.packets.value() },
            Field { name: concat!($prefix, ".wire_bytes"), unit: Unit::Bytes, get: |r| r.$side.wire_bytes.value() },
            Field { name: concat!($prefix, ".ip_bytes"), unit: Unit::Bytes, get: |r| r.$side.ip_bytes.value() },
            Field { name: concat!($prefix, ".payload_bytes"), unit: Unit::Bytes, get: |r| r.$side.payload_bytes.value() },
            Field { name: concat!($prefix, ".unique_bytes"), unit: Unit::Bytes, get: |r| r.$side.unique_bytes.value() },
            Field {
                name: concat!($prefix, ".unique_bytes_at_least"),
                unit: Unit::None,
                get: |r| tcp(r, r.$side.unique_bytes_at_least),
            },
            Field { name: concat!($prefix, ".ack_packets"), unit: Unit::Packets, get: |r| tcp(r, r.$side.ack_packets) },
            Field { name: concat!($prefix, ".pure_acks"), unit: Unit::Packets, get: |r| tcp(r, r.$side.pure_acks) },
            Field { name: concat!($prefix, ".data_packets"), unit: Unit::Packets, get: |r| tcp(r, r.$side.data_packets) },
            Field { name: concat!($prefix, ".data_bytes"), unit: Unit::Bytes, get: |r| tcp(r, r.$side.payload_bytes) },
            Field { name: concat!($prefix, ".zero_windows"), unit: Unit::Packets, get: |r| tcp(r, r.$side.zero_windows) },
            Field {
                name: concat!($prefix, ".out_of_window_packets"),
                unit: Unit::Packets,
                get: |r| tcp(r, r.$side.out_of_window_packets),
            },
            Field { name: concat!($prefix, ".max_segment"), unit: Unit::Bytes, get: |r| tcp(r, r.$side.max_segment) },
            Field { name: concat!($prefix, ".min_segment"), unit: Unit::Bytes, get: |r| tcp(r, r.$side.min_segment) },
            Field { name: concat!($prefix, ".max_window"), unit: Unit::Bytes, get: |r| measured(&r.$side, |m| m.max_window) },
            Field { name: concat!($prefix, ".min_window"), unit: Unit::Bytes, get: |r| measured(&r.$side, |m| m.min_window) },
            Field { name: concat!($prefix, ".flags"), unit: Unit::None, get: |r| tcp(r, r.$side.flags) },
            Field { name: concat!($prefix, ".isn"), unit: Unit::None, get: |r| r.$side.isn.value() },
            Field { name: concat!($prefix, ".mss"), unit: Unit::Bytes, get: |r| mss(&r.$side) },
            Field { name: concat!($prefix, ".window_scale"), unit: Unit::None, get: |r| r.$side.window_scale.value() },
            Field {
                name: concat!($prefix, ".sack_permitted"),
                unit: Unit::None,
                get: |r| offered(&r.$side, r.$side.sack_permitted).value(),
            },
            Field {
                name: concat!($prefix, ".timestamps"),
                unit: Unit::None,
                get: |r| offered(&r.$side, r.$side.timestamps).value(),
            },
            Field { name: concat!($prefix, ".ttl_min"), unit: Unit::None, get: |r| r.$side.ttl_min.value() },
            Field { name: concat!($prefix, ".ttl_max"), unit: Unit::None, get: |r| r.$side.ttl_max.value() },
            Field {
                name: concat!($prefix, ".tcp_state"),
                unit: Unit::None,
                get: |r| r.$side.tcp_state.map(TcpState::name).value(),
            },
            Field { name: concat!($prefix, ".missed_bytes"), unit: Unit::Bytes, get: |r| r.$side.missed_bytes.value() },
            Field {
                name: concat!($prefix, ".retransmitted_packets"),
                unit: Unit::Packets,
                get: |r| measured(&r.$side, |m| m.retransmitted_packets),
            },
            Field {
                name: concat!($prefix, ".retransmitted_bytes"),
                unit: Unit::Bytes,
                get: |r| measured(&r.$side, |m| m.retransmitted_bytes),
            },
            Field {
                name: concat!($prefix, ".out_of_order_packets"),
                unit: Unit::Packets,
                get: |r| measured(&r.$side, |m| m.out_of_order_packets),
            },
            Field {
                name: concat!($prefix, ".sack_packets"),
                unit: Unit::Packets,
                get: |r| measured(&r.$side, |m| m.sack_packets),
            },
            Field {
                name: concat!($prefix, ".dsack_packets"),
                unit: Unit::Packets,
                get: |r| measured(&r.$side, |m| m.dsack_packets),
            },
            Field {
                name: concat!($prefix, ".zero_window_probes"),
                unit: Unit::Packets,
                get: |r| measured(&r.$side, |m| m.zero_window_probes),
            },
            Field {
                name: concat!($prefix, ".rtt_ambiguous"),
                unit: Unit::Packets,
                get: |r| measured(&r.$side, |m| m.rtt_ambiguous),
            },
            Field {
                name: concat!($prefix, ".rtt_discarded"),
                unit: Unit::Packets,
                get: |r| measured(&r.$side, |m| m.rtt_discarded),
            },
            Field { name: concat!($prefix, ".measured_at_least"), unit: Unit::None, get: |r| measured(&r.$side, |m| m.at_least) },
            Field {
                name: concat!($prefix, ".resent_packets"),
                unit: Unit::Packets,
                get: |r| loss(&r.$side, |l| l.resent_packets),
            },
            Field {
                name: concat!($prefix, ".spurious_packets"),
                unit: Unit::Packets,
                get: |r| loss(&r.$side, |l| l.spurious_packets),
            },
            Field {
                name: concat!($prefix, ".reordered_packets"),
                unit: Unit::Packets,
                get: |r| loss(&r.$side, |l| l.reordered_packets),
            },
            Field {
                name: concat!($prefix, ".duplicate_packets"),
                unit: Unit::Packets,
                get: |r| loss(&r.$side, |l| l.duplicate_packets),
            },
            Field {
                name: concat!($prefix, ".unsure_packets"),
                unit: Unit::Packets,
                get: |r| loss(&r.$side, |l| l.unsure_packets),
            },
            Field { name: concat!($prefix, ".keep_alives"), unit: Unit::Packets, get: |r| loss(&r.$side, |l| l.keep_alives) },
            Field { name: concat!($prefix, ".window_probes"), unit: Unit::Packets, get: |r| loss(&r.$side, |l| l.window_probes) },
            Field {
                name: concat!($prefix, ".duplicate_acks"),
                unit: Unit::Packets,
                get: |r| loss(&r.$side, |l| l.duplicate_acks),
            },
            Field {
                name: concat!($prefix, ".uncaptured_bytes"),
                unit: Unit::Bytes,
                get: |r| loss(&r.$side, |l| l.uncaptured_bytes),
            },
            Field { name: concat!($prefix, ".lost_before"), unit: Unit::Packets, get: |r| loss(&r.$side, |l| l.lost_before) },
            Field { name: concat!($prefix, ".lost_beyond"), unit: Unit::Packets, get: |r| loss(&r.$side, |l| l.lost_beyond) },
            Field { name: concat!($prefix, ".loss_at_least"), unit: Unit::None, get: |r| loss(&r.$side, |l| l.at_least) },
            Field { name: concat!($prefix, ".rtt.samples"), unit: Unit::None, get: |r| measured(&r.$side, |m| m.rtt.samples) },
            Field { name: concat!($prefix, ".rtt.min"), unit: Unit::Seconds, get: |r| measured(&r.$side, |m| m.rtt.min) },
            Field { name: concat!($prefix, ".rtt.avg"), unit: Unit::Seconds, get: |r| measured(&r.$side, |m| m.rtt.avg) },
            Field { name: concat!($prefix, ".rtt.max"), unit: Unit::Seconds, get: |r| measured(&r.$side, |m| m.rtt.max) },
            Field { name: concat!($prefix, ".rtt.stdev"), unit: Unit::Seconds, get: |r| measured(&r.$side, |m| m.rtt.stdev) },
            Field {
                name: concat!($prefix, ".timestamp_rtt.samples"),
                unit: Unit::None,
                get: |r| measured(&r.$side, |m| m.timestamp_rtt.samples),
            },
            Field {
                name: concat!($prefix, ".timestamp_rtt.min"),
                unit: Unit::Seconds,
                get: |r| measured(&r.$side, |m| m.timestamp_rtt.min),
            },
            Field {
                name: concat!($prefix, ".timestamp_rtt.avg"),
                unit: Unit::Seconds,
                get: |r| measured(&r.$side, |m| m.timestamp_rtt.avg),
            },
            Field {
                name: concat!($prefix, ".timestamp_rtt.max"),
                unit: Unit::Seconds,
                get: |r| measured(&r.$side, |m| m.timestamp_rtt.max),
            },
            Field {
                name: concat!($prefix, ".timestamp_rtt.stdev"),
                unit: Unit::Seconds,
                get: |r| measured(&r.$side, |m| m.timestamp_rtt.stdev),
            },
        ]
    };
}

const ORIG: [Field; 59] = side_fields!(orig, "orig", originator);
const RESP: [Field; 59] = side_fields!(resp, "resp", responder);

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
