//! Holds `docs/formats.md` to what is written.

use super::packet_keys::PACKET_KEYS;
use super::schema::{CAPTURE_KEYS, END_KEYS, json_schema};
use super::*;
use crate::decode::{IssueKind, LayerKind};
use crate::event::{Event, Reason, Sink};
use crate::flow::Evidence;
use crate::output::fixture::{nine, totals};
use serde_json::Value;
use std::collections::BTreeSet;

const DOC: &str = include_str!("../../docs/formats.md");

/// The part of the page under a heading that starts so.
fn section(heading: &str) -> &'static str {
    let start = DOC.find(heading).unwrap_or_else(|| panic!("docs/formats.md has no {heading}"));
    let rest = &DOC[start + heading.len()..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

fn names(section: &str, key: &str) -> bool {
    section.contains(&format!("`{key}`"))
}

#[test]
fn every_key_is_on_the_page() {
    let lists = [("\n## `capture`", CAPTURE_KEYS), ("\n## `end`", END_KEYS), ("\n## `packet`", PACKET_KEYS)];
    for (heading, keys) in lists {
        for key in keys {
            assert!(names(section(heading), key.name), "{} is missing under {heading}", key.name);
        }
    }
    let columns = section("### Columns of `packets --format csv`");
    for name in packet_rows::column_names() {
        assert!(names(columns, name), "column {name} is missing");
    }
    for field in Records::Flows.fields() {
        let shown = field.name.strip_prefix("resp.").map_or_else(|| field.name.to_owned(), |rest| format!("orig.{rest}"));
        assert!(names(section("\n## `flow`"), &shown), "{} is missing", field.name);
    }
    for field in Records::Handshakes.fields() {
        let (group, leaf) = field.name.split_once('.').unwrap_or(("", field.name));
        let shown = if ["handshake", "icmp_error"].contains(&group) { group } else { leaf };
        assert!(names(section("\n## `handshake`"), shown), "{} is missing", field.name);
    }
}

#[test]
fn every_reason_of_a_verdict_is_on_the_page_as_it_is_told() {
    let page = section("\n## `packet`");
    for (key, words, meaning) in Evidence::MEANINGS {
        assert!(page.contains(&format!("| `{key}` | {words} | {meaning} |\n")), "{key} is missing or told otherwise");
    }
}

/// Every key, those in lists of objects included.
fn keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                found.insert(key.clone());
                keys(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
        _ => {}
    }
}

/// Does a value obey a schema, as far as types, properties and `const` go? Keys that it does not know are wrong.
fn obeys(value: &Value, schema: &Value) -> Result<(), String> {
    if let Some(wanted) = schema.get("const") {
        return if value == wanted { Ok(()) } else { Err(format!("{value} is not {wanted}")) };
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_u64() || n.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = |word: &Value| word == kind || (word == "number" && kind == "integer");
    let types = &schema["type"];
    if !types.as_array().map_or_else(|| allowed(types), |all| all.iter().any(allowed)) {
        return Err(format!("{value} is no {types}"));
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let schema = schema["properties"].get(key).ok_or_else(|| format!("no key {key}"))?;
        obeys(value, schema).map_err(|why| format!("{key}: {why}"))?;
    }
    Ok(())
}

#[test]
fn what_is_written_obeys_the_schema_and_is_on_the_page() {
    let schema: Value = serde_json::from_str(&json_schema()).unwrap();
    let mut totals = totals();
    totals.not_understood.push((Reason { layer: LayerKind::Ethernet, kind: IssueKind::UnknownProtocol, number: 0x88cc }, 3));
    let mut lines = Vec::new();
    for records in [Records::Flows, Records::Handshakes] {
        let mut sink = FlowJsonSink::new(Vec::new(), records, &[], Some("tcp".into())).unwrap();
        sink.on_event(&Event::Source { index: 0, info: &totals.sources[0].info }).unwrap();
        for record in &nine() {
            sink.on_event(&Event::Flow(record)).unwrap();
        }
        sink.on_event(&Event::Summary(&totals)).unwrap();
        let text = String::from_utf8(sink.into_inner()).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    lines.extend(packet_tests::samples());
    let mut kinds = BTreeSet::new();
    for line in &lines {
        let kind = line["type"].as_str().unwrap();
        kinds.insert(kind);
        let all = schema["oneOf"].as_array().unwrap();
        let one = all.iter().find(|one| one["title"] == kind).unwrap();
        assert_eq!(obeys(line, one), Ok(()), "{line}");
    }
    assert_eq!(kinds.len(), 5, "a sample of every record");
    let mut found = BTreeSet::new();
    lines.iter().filter(|l| l["type"] == "capture" || l["type"] == "end").for_each(|line| keys(line, &mut found));
    for key in found {
        assert!(names(section("\n## `capture`"), &key) || names(section("\n## `end`"), &key), "{key} is missing");
    }
}

#[test]
fn the_check_of_the_schema_can_fail() {
    let schema: Value = serde_json::from_str(&json_schema()).unwrap();
    let end = &schema["oneOf"][4];
    assert!(obeys(&serde_json::json!({"type": "end", "packets": null}), end).is_err());
    assert!(obeys(&serde_json::json!({"type": "end", "pakets": 1}), end).is_err());
    assert!(obeys(&serde_json::json!({"type": "flow"}), end).is_err());
}
