//! JSON Schema (2020-12) of the records, made from the same lists that the records are made from: `sockeye help schema`.

use super::packet_keys::PACKET_KEYS;
use super::values::Records;
use crate::flow::fields::{Kind as Of, Unit};
use serde_json::{Map, Value as Json, json};

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
    let key_of = |field: &'static crate::flow::fields::Field| Key {
        name: field.name,
        kind: match field.kind() {
            Of::Word | Of::Text | Of::Ip | Of::Id | Of::Protocol => Kind::Text,
            Of::Bool => Kind::Boolean,
            Of::Number => Kind::Integer,
            Of::Span => Kind::Number,
            Of::Time => Kind::Time,
            Of::Numbers | Of::Words | Of::Texts | Of::Objects => Kind::List,
        },
        nullable: field.nullable(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::fields::Value;
    use crate::output::fixture::nine;

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
