//! A flow's fields as JSON and as cells: the one place that knows how each kind of value is written.

use super::columns::{UnknownField, choose};
use super::csv::Rows;
use super::json::{JsonLine, ReadyKey};
use super::text::Text;
use crate::flow::FlowRecord;
use crate::flow::fields::{self, Field, Value};
use std::io::Write;

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
    fields: Vec<(ReadyKey, &'static Field)>,
}

impl Shape {
    /// The shape of these fields; those of one object follow each other.
    pub(super) fn of(fields: &[&'static Field]) -> Self {
        let runs = fields.chunk_by(|a, b| path_of(a) == path_of(b)).map(|run| Run {
            path: run.first().map_or("", |field| path_of(field)).split('.').filter(|part| !part.is_empty()).collect(),
            fields: run
                .iter()
                .map(|field| (ReadyKey::new(field.name.rsplit('.').next().unwrap_or(field.name)), *field))
                .collect(),
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
        let before = json.mark();
        open_all(json, &run.path[shared..]);
        open = &run.path;
        let mut known = false;
        for (key, field) in &run.fields {
            let value = (field.get)(record);
            if value == Value::Null {
                json.ready_null(key);
                continue;
            }
            known = true;
            json.ready(key);
            write_value(json, value);
        }
        // Which is found out only now, so that each field is asked for its value once.
        if !known && let Some((last, outer)) = run.path[shared..].split_last() {
            json.back_to(before);
            open_all(json, outer);
            json.key(last);
            json.null();
            open = &run.path[..shared + outer.len()];
        }
    }
    for _ in open {
        json.close();
    }
}

/// Opens objects inside each other.
fn open_all(json: &mut JsonLine, path: &[&str]) {
    for part in path {
        json.key(part);
        json.open();
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
        Value::Id(id) => json.quoted(|line| line.flow_id(id)),
        Value::Protocol(protocol) => json.quoted(|line| line.protocol(protocol)),
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

/// Writes a value as the next cell: unknown is empty, lists are joined by `;`.
pub(super) fn write_cell<W: Write>(rows: &mut Rows<W>, value: Value<'_>) {
    if let Value::Str(word) = value {
        return rows.text(&super::style::clean(word));
    }
    let cell = rows.plain();
    match value {
        Value::Null | Value::Str(_) => {}
        Value::Bool(yes) => cell.text(if yes { "true" } else { "false" }),
        Value::U64(n) => cell.dec(n),
        Value::Span(span) => cell.seconds(span),
        Value::Time(ts) => cell.rfc3339(ts),
        Value::Ip(ip) => cell.ip(ip),
        Value::Id(id) => cell.flow_id(id),
        Value::Protocol(protocol) => cell.protocol(protocol),
        Value::List(numbers) => joined(cell, numbers, |cell, n| cell.dec(*n)),
        Value::Words(words) => joined(cell, words, |cell, word| cell.text(word)),
    }
}

fn joined<T>(cell: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            cell.text(";");
        }
        write(cell, item);
    }
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
