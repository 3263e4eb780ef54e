//! A flow's fields as JSON and as cells: the one place that knows how each kind of value is written.

use super::columns::{UnknownField, choose};
use super::json::JsonLine;
use super::units::{Seconds, rfc3339};
use crate::flow::FlowRecord;
use crate::flow::fields::{self, Field, Value};
use std::fmt::Write as _;

/// What the records are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Records {
    /// Every flow, when it ends.
    #[default]
    Flows,
    /// Every attempt to connect, when its outcome is known; some of the fields.
    Handshakes,
}

/// What tells of an attempt beside the fields of its own (`handshake.`).
const OF_ATTEMPTS: [&str; 22] = [
    "id",
    "community_id",
    "vlan",
    "start",
    "state",
    "icmp_error.type",
    "icmp_error.code",
    "icmp_error.packet",
    "orig.ip",
    "orig.port",
    "orig.isn",
    "orig.mss",
    "orig.window_scale",
    "orig.sack_permitted",
    "orig.timestamps",
    "resp.ip",
    "resp.port",
    "resp.isn",
    "resp.mss",
    "resp.window_scale",
    "resp.sack_permitted",
    "resp.timestamps",
];

impl Records {
    /// The `type` of these records.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Flows => "flow",
            Self::Handshakes => "handshake",
        }
    }

    /// Every field these records have, in order.
    pub fn fields(self) -> impl Iterator<Item = &'static Field> {
        fields::all().filter(move |f| self == Self::Flows || f.name.starts_with("handshake.") || OF_ATTEMPTS.contains(&f.name))
    }

    /// The fields with these names, in the order asked for; all of them when none is named.
    pub fn choose(self, wanted: &[String]) -> Result<Vec<&'static Field>, UnknownField> {
        let all: Vec<_> = self.fields().collect();
        let chosen = choose(&all, |field| field.name, wanted)?;
        Ok(chosen.into_iter().copied().collect())
    }

    /// The same for JSON, where fields that share an object must stand together: in the order of the record, each once.
    pub(super) fn choose_nested(self, wanted: &[String]) -> Result<Vec<&'static Field>, UnknownField> {
        let chosen = self.choose(wanted)?;
        Ok(self.fields().filter(|field| chosen.iter().any(|c| c.name == field.name)).collect())
    }
}

/// How fields lie in nested objects: worked out once, for writing it costs no look at their names.
#[derive(Debug)]
pub(super) struct Shape(Vec<Run>);

/// Fields of one object that follow each other.
#[derive(Debug)]
struct Run {
    /// Keys that lead to the object.
    path: Vec<&'static str>,
    /// Each field with its key in the object.
    fields: Vec<(&'static str, &'static Field)>,
}

impl Shape {
    /// The shape of these fields; those of one object follow each other.
    pub(super) fn of(fields: &[&'static Field]) -> Self {
        let runs = fields.chunk_by(|a, b| path_of(a) == path_of(b)).map(|run| Run {
            path: run.first().map_or("", |field| path_of(field)).split('.').filter(|part| !part.is_empty()).collect(),
            fields: run.iter().map(|field| (field.name.rsplit('.').next().unwrap_or(field.name), *field)).collect(),
        });
        Self(runs.collect())
    }
}

/// Writes fields as keys of the object that is open. Dots make nested objects, `null` where nothing in them is known.
pub(super) fn write_fields(json: &mut JsonLine, shape: &Shape, record: &FlowRecord) {
    let mut open: &[&str] = &[];
    for run in &shape.0 {
        let shared = open.iter().zip(&run.path).take_while(|(a, b)| a == b).count();
        for _ in shared..open.len() {
            json.close();
        }
        let unknown = run.fields.iter().all(|(_, field)| (field.get)(record) == Value::Null);
        let is_null = unknown && run.path.len() > shared;
        let opened = run.path.len() - usize::from(is_null);
        for part in &run.path[shared..opened] {
            json.key(part);
            json.open();
        }
        open = &run.path[..opened];
        if is_null {
            json.key(run.path[opened]);
            json.null();
            continue;
        }
        for (key, field) in &run.fields {
            json.key(key);
            write_value(json, (field.get)(record));
        }
    }
    for _ in open {
        json.close();
    }
}

/// What stands before the last dot of a field's name.
fn path_of(field: &Field) -> &'static str {
    field.name.rsplit_once('.').map_or("", |(path, _)| path)
}

fn write_value(json: &mut JsonLine, value: Value<'_>) {
    match value {
        Value::Null => json.null(),
        Value::Bool(yes) => json.bool(yes),
        Value::U64(n) => json.number(n),
        Value::Span(span) => json.seconds(span),
        Value::Time(ts) => json.time(ts),
        Value::Str(word) => json.text(word),
        Value::Ip(ip) => json.ip(ip),
        Value::Id(id) => json.display(id),
        Value::Protocol(protocol) => json.display(protocol),
        Value::List(numbers) => {
            json.open_list();
            for n in numbers {
                json.number(u64::from(*n));
            }
            json.close_list();
        }
        Value::Words(words) => {
            json.open_list();
            for word in words {
                json.text(word);
            }
            json.close_list();
        }
    }
}

/// Appends a value as a cell: unknown is empty, lists are joined by `;`.
pub(super) fn push_cell(cell: &mut String, value: Value<'_>) {
    // A String takes everything.
    let _ = match value {
        Value::Null => Ok(()),
        Value::Bool(yes) => write!(cell, "{yes}"),
        Value::U64(n) => write!(cell, "{n}"),
        Value::Span(span) => write!(cell, "{}", Seconds(span)),
        Value::Time(ts) => write!(cell, "{}", rfc3339(ts)),
        Value::Str(word) => write!(cell, "{}", super::style::clean(word)),
        Value::Ip(ip) => write!(cell, "{ip}"),
        Value::Id(id) => write!(cell, "{id}"),
        Value::Protocol(protocol) => write!(cell, "{protocol}"),
        Value::List(numbers) => {
            for (i, n) in numbers.iter().enumerate() {
                let _ = write!(cell, "{}{n}", if i > 0 { ";" } else { "" });
            }
            Ok(())
        }
        Value::Words(words) => {
            cell.push_str(&words.join(";"));
            Ok(())
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Wants;

    #[test]
    fn fields_of_one_object_follow_each_other() {
        // Else a key would be repeated in the JSON.
        for records in [Records::Flows, Records::Handshakes] {
            let mut closed: Vec<&str> = Vec::new();
            let mut last = "";
            for field in records.fields() {
                let path = path_of(field);
                if path != last && !path.is_empty() {
                    assert!(!closed.contains(&path), "{} comes back to {path}", field.name);
                    closed.push(path);
                }
                last = path;
            }
        }
    }

    #[test]
    fn objects_of_which_nothing_is_known_are_null() {
        static FIELDS: [Field; 7] = [
            Field { name: "a", unit: fields::Unit::None, needs: Wants::NONE, get: |_| Value::Null },
            Field { name: "b.c", unit: fields::Unit::None, needs: Wants::NONE, get: |_| Value::Null },
            Field { name: "b.d", unit: fields::Unit::None, needs: Wants::NONE, get: |_| Value::Null },
            Field { name: "e.f", unit: fields::Unit::None, needs: Wants::NONE, get: |_| Value::U64(1) },
            Field { name: "e.g.h", unit: fields::Unit::None, needs: Wants::NONE, get: |_| Value::Null },
            Field { name: "e.i.j", unit: fields::Unit::None, needs: Wants::NONE, get: |_| Value::Bool(true) },
            Field { name: "k", unit: fields::Unit::None, needs: Wants::NONE, get: |_| Value::List(&[1, 2]) },
        ];
        let fields: Vec<_> = FIELDS.iter().collect();
        let record = crate::output::fixture::nine().remove(0);
        let mut json = JsonLine::default();
        json.start("x");
        write_fields(&mut json, &Shape::of(&fields), &record);
        let mut out = Vec::new();
        json.finish(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"type\":\"x\",\"a\":null,\"b\":null,\"e\":{\"f\":1,\"g\":null,\"i\":{\"j\":true}},\"k\":[1,2]}\n"
        );
    }

    #[test]
    fn every_field_named_for_attempts_exists() {
        for name in OF_ATTEMPTS {
            assert!(fields::named(name).is_some(), "{name}");
        }
    }
}
