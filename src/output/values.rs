//! A flow's fields as JSON and as cells: the one place that knows how each kind of value is written.

#![expect(
    clippy::inline_always,
    reason = "a row of all fields took 14,350 instructions where each was asked for by a call, and takes 8,160"
)]

use super::columns::{UnknownField, choose};
use super::csv::{Rows, Separated, push_text};
use super::json::{JsonLine, Mark, ReadyKey, last_dot, push_escaped};
use super::style::is_plain;
use super::text::{Days, Text};
use crate::flow::FlowRecord;
use crate::flow::app::{ObjectVisitor, Objects};
use crate::flow::fields::{self, Field, Value, Visitor};
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
const OF_ATTEMPTS: [&str; 23] = [
    "id",
    "community_id",
    "vlan",
    "start",
    "state",
    "end_reason",
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
pub(super) struct Shape {
    runs: Vec<Run>,
    /// They are all the fields of a flow.
    all: bool,
}

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
            fields: run.iter().map(|field| (ReadyKey::new(field.name), *field)).collect(),
        });
        Self { runs: runs.collect(), all: are_all(fields) }
    }
}

/// Are these all the fields of a flow in their order?
pub(super) fn are_all(fields: &[&'static Field]) -> bool {
    fields.iter().map(|field| field.name).eq(fields::all().map(|field| field.name))
}

/// Writes fields as keys of the object that is open. Dots make nested objects, `null` where nothing in them is known.
pub(super) fn write_fields(json: &mut JsonLine, shape: &Shape, record: &FlowRecord) {
    let mut nest = Nest { runs: &shape.runs, open: &[], shared: 0, before: json.mark(), known: true };
    if shape.all {
        return write_all_fields(json, nest, record);
    }
    while let Some(run) = nest.turn(json) {
        for (key, field) in &run.fields {
            let value = (field.get)(record);
            if value == Value::Null {
                json.ready_null(key);
                continue;
            }
            nest.known = true;
            json.ready(key);
            json.dated(|line, days| write_value(line, days, value));
        }
    }
}

/// The objects that are open while runs of fields are written one after the other.
struct Nest<'s> {
    /// What is still to come.
    runs: &'s [Run],
    /// Path of the run that is being written.
    open: &'s [&'static str],
    /// How many of these objects were open before it.
    shared: usize,
    /// Where its objects begin.
    before: Mark,
    /// One of its fields is known.
    known: bool,
}

impl<'s> Nest<'s> {
    /// Ends a run and begins the next.
    fn turn(&mut self, json: &mut JsonLine) -> Option<&'s Run> {
        // Which is found out only now, so that each field is asked for its value once.
        if !self.known
            && let Some((last, outer)) = self.open[self.shared..].split_last()
        {
            json.back_to(self.before);
            open_all(json, outer);
            json.key(last);
            json.null();
            self.open = &self.open[..self.shared + outer.len()];
        }
        let next = self.runs.split_off_first();
        let path = next.map_or(&[][..], |run| &run.path);
        self.shared = self.open.iter().zip(path).take_while(|(a, b)| a == b).count();
        for _ in self.shared..self.open.len() {
            json.close();
        }
        self.before = json.mark();
        open_all(json, &path[self.shared..]);
        (self.open, self.known) = (path, false);
        next
    }
}

/// A field among all of a flow, with what is known of it before there is a record.
#[derive(Clone, Copy)]
struct Member {
    key: ReadyKey,
    /// Begins a run.
    turns: bool,
    /// Is the first of its object, so that no comma is before it.
    first: bool,
}

/// All fields of a flow, in order.
const MEMBERS: [Member; fields::COUNT] = {
    let mut members = [Member { key: ReadyKey::new(""), turns: true, first: false }; fields::COUNT];
    let (mut place, mut before): (usize, &[u8]) = (0, b"");
    while place < fields::COUNT {
        let name = fields::nth(place).name;
        let (path, _) = name.as_bytes().split_at(last_dot(name.as_bytes()));
        let inside = starts_with(before, path);
        let same = inside && before.len() == path.len();
        members[place] = Member { key: ReadyKey::new(name), turns: !same || place == 0, first: !inside };
        (place, before) = (place + 1, path);
    }
    members
};

const fn starts_with(text: &[u8], start: &[u8]) -> bool {
    let mut at = 0;
    while at < start.len() {
        if at >= text.len() || text[at] != start[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// The same for all fields of a flow: what is known of them before there is a record is not asked again for each.
fn write_all_fields(json: &mut JsonLine, nest: Nest<'_>, record: &FlowRecord) {
    let mut pairs = Pairs { json, nest };
    fields::visit_all(record, &mut pairs);
    pairs.nest.turn(pairs.json);
}

struct Pairs<'a> {
    json: &'a mut JsonLine,
    nest: Nest<'a>,
}

impl Pairs<'_> {
    #[inline(never)]
    fn turn(&mut self) {
        self.nest.turn(self.json);
        self.json.expect_comma();
    }
}

impl Visitor for Pairs<'_> {
    #[inline(always)]
    fn visit(&mut self, place: usize, value: Value<'_>) {
        let Member { key, turns, first } = const { &MEMBERS }[place];
        if turns {
            self.turn();
        }
        let (line, days) = self.json.parts();
        match value {
            Value::Null => key.push_null(line, first),
            Value::U64(n) if n < 10 => {
                self.nest.known = true;
                key.push_digit(line, first, n as u8);
            }
            value => {
                self.nest.known = true;
                key.push(line, first);
                write_value(line, days, value);
            }
        }
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

/// Appends a value as JSON.
#[inline(always)]
fn write_value(line: &mut Vec<u8>, days: &mut Days, value: Value<'_>) {
    match value {
        Value::Null => line.text("null"),
        Value::Bool(yes) => line.text(if yes { "true" } else { "false" }),
        Value::U64(n) => number(line, n),
        Value::Span(span) => line.seconds(span),
        Value::List(numbers) => list(line, numbers, |line, n| line.dec(*n)),
        Value::Words(words) => list(line, words, |line, word| quoted(line, days, Value::Word(word))),
        Value::Texts(texts) => list(line, texts, |line, text| quoted(line, days, Value::Text(text))),
        Value::Objects(objects) => write_objects(line, days, objects),
        Value::Time(_)
        | Value::Word(_)
        | Value::CommunityId(_)
        | Value::Text(_)
        | Value::Ip(_)
        | Value::Id(_)
        | Value::Protocol(_) => {
            quoted(line, days, value);
        }
    }
}

/// Most counters of most flows have one digit.
#[inline(always)]
fn number(line: &mut Vec<u8>, n: u64) {
    if n < 10 { line.push(b'0' + n as u8) } else { long_number(line, n) }
}

#[inline(never)]
fn long_number(line: &mut Vec<u8>, n: u64) {
    line.dec(n);
}

#[inline(always)]
fn quoted(line: &mut Vec<u8>, days: &mut Days, value: Value<'_>) {
    line.push(b'"');
    write_words(line, days, value, push_escaped);
    line.push(b'"');
}

fn list<T>(line: &mut Vec<u8>, items: &[T], write: impl FnMut(&mut Vec<u8>, &T)) {
    line.push(b'[');
    joined(line, items, ",", write);
    line.push(b']');
}

/// Writes a value as the next cell: unknown is empty, lists are joined by `;`.
pub(super) fn write_cell<W: Write>(rows: &mut Rows<W>, value: Value<'_>) {
    let form = rows.form();
    let (cell, days) = rows.dated();
    write_words(cell, days, value, |cell, text| push_text(cell, form, text));
}

/// Writes all fields of a flow as cells, if this form of rows can have that.
pub(super) fn write_all_cells<W: Write>(rows: &mut Rows<W>, record: &FlowRecord) -> bool {
    let Some((line, days, form, between)) = rows.parts() else { return false };
    fields::visit_all(record, &mut Cells { line, days, form, between });
    true
}

struct Cells<'a> {
    line: &'a mut Vec<u8>,
    days: &'a mut Days,
    form: Separated,
    between: u8,
}

impl Visitor for Cells<'_> {
    #[inline(always)]
    fn visit(&mut self, _: usize, value: Value<'_>) {
        match value {
            Value::U64(n) if n < 10 => self.line.extend_from_slice(&[self.between, b'0' + n as u8]),
            value => {
                self.line.push(self.between);
                let form = self.form;
                write_words(self.line, self.days, value, |cell, text| push_text(cell, form, text));
            }
        }
    }
}

/// Appends a value as words: nothing for what is not known. Of all but text none needs an escape in any form of records.
#[inline(always)]
fn write_words(line: &mut Vec<u8>, days: &mut Days, value: Value<'_>, write_text: impl FnOnce(&mut Vec<u8>, &str)) {
    match value {
        Value::Null => {}
        Value::Bool(yes) => line.text(if yes { "true" } else { "false" }),
        Value::U64(n) => number(line, n),
        Value::Span(span) => line.seconds(span),
        Value::Time(ts) => days.rfc3339(line, ts),
        Value::Word(word) => {
            // By its type it is none of a capture's; this is for who adds a word.
            debug_assert!(is_plain(word, |b| matches!(b, b',' | b';' | b'|' | b'"' | b'\\')), "{word}");
            line.text(word);
        }
        Value::CommunityId(id) => line.text(id.as_str()),
        Value::Text(text) => write_text(line, text),
        Value::Ip(ip) => line.ip(ip),
        Value::Id(id) => line.flow_id(id),
        Value::Protocol(protocol) => line.protocol(protocol),
        Value::List(numbers) => joined(line, numbers, ";", |line, n| line.dec(*n)),
        Value::Words(words) => joined(line, words, ";", |line, word| line.text(word)),
        Value::Texts(_) | Value::Objects(_) => write_text(line, &listed(value)),
    }
}

/// Several objects as JSON.
#[inline(never)]
fn write_objects(line: &mut Vec<u8>, days: &mut Days, objects: Objects<'_>) {
    line.push(b'[');
    objects.visit(&mut Members { line, days, first: true, begun: false });
    line.push(b']');
}

struct Members<'a> {
    line: &'a mut Vec<u8>,
    days: &'a mut Days,
    /// No key of the object at hand was written yet.
    first: bool,
    /// An object was.
    begun: bool,
}

impl ObjectVisitor for Members<'_> {
    fn begin(&mut self) {
        self.line.text(if std::mem::replace(&mut self.begun, true) { ",{" } else { "{" });
        self.first = true;
    }

    fn member(&mut self, key: &'static str, value: Value<'_>, _: bool) {
        self.line.text(if std::mem::take(&mut self.first) { "\"" } else { ",\"" });
        self.line.text(key);
        self.line.text("\":");
        write_value(self.line, self.days, value);
    }

    fn end(&mut self) {
        self.line.push(b'}');
    }
}

/// Lists of text and of objects in a cell: `;` between them, and between the values of an object a blank, those that matter most,
/// `-` for what is not known. In text, where they would divide it, blanks are `%20` and semicolons `%3B`, as in addresses of the Web.
#[inline(never)]
fn listed(value: Value<'_>) -> String {
    match value {
        Value::Texts(texts) => texts.iter().map(|text| in_list(text)).collect::<Vec<_>>().join(";"),
        Value::Objects(objects) => {
            let mut words = ShortForm::default();
            objects.visit(&mut words);
            words.text
        }
        _ => String::new(),
    }
}

fn in_list(text: &str) -> String {
    text.replace(' ', "%20").replace(';', "%3B")
}

#[derive(Default)]
struct ShortForm {
    text: String,
    within: bool,
}

impl ObjectVisitor for ShortForm {
    fn begin(&mut self) {
        self.text.push_str(if self.text.is_empty() { "" } else { ";" });
        self.within = false;
    }

    fn member(&mut self, _: &'static str, value: Value<'_>, in_cell: bool) {
        if !in_cell {
            return;
        }
        self.text.push_str(if std::mem::replace(&mut self.within, true) { " " } else { "" });
        match value {
            Value::Null => self.text.push('-'),
            Value::Text(text) => self.text.push_str(&in_list(text)),
            other => {
                let mut line = Vec::new();
                write_words(&mut line, &mut Days::default(), other, |_, _| {});
                self.text.push_str(&String::from_utf8_lossy(&line));
            }
        }
    }

    fn end(&mut self) {}
}

fn joined<T>(line: &mut Vec<u8>, items: &[T], between: &str, mut write: impl FnMut(&mut Vec<u8>, &T)) {
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            line.text(between);
        }
        write(line, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::Wants;
    use crate::output::csv::Separated;

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

    /// All fields are written by other ways than some of them: the bytes are the same.
    #[test]
    fn all_fields_are_written_as_each_of_them_is() {
        let fields: Vec<_> = fields::all().collect();
        let (shape, mut each) = (Shape::of(&fields), Shape::of(&fields));
        assert!(std::mem::replace(&mut each.all, false));
        let cut = |length: usize| Shape::of(&fields[..length]).all;
        assert!(!cut(0) && !cut(fields.len() - 1));
        let mut records = crate::output::fixture::nine();
        records.extend([crate::flow::sample::everything_known(), crate::flow::sample::nothing_known()]);
        for record in &records {
            let written = |shape| {
                let (mut json, mut out) = (JsonLine::default(), Vec::new());
                json.start("flow");
                write_fields(&mut json, shape, record);
                json.finish(&mut out).unwrap();
                String::from_utf8(out).unwrap()
            };
            assert_eq!(written(&shape), written(&each));
            for form in [Separated::Csv, Separated::Tsv] {
                let (mut rows, mut cells) = (Rows::new(Vec::new(), form), Rows::new(Vec::new(), form));
                assert!(write_all_cells(&mut rows, record));
                for field in &fields {
                    write_cell(&mut cells, (field.get)(record));
                }
                rows.end().unwrap();
                cells.end().unwrap();
                assert_eq!(rows.into_inner().unwrap(), cells.into_inner().unwrap());
            }
        }
        assert!(!write_all_cells(&mut Rows::new(Vec::new(), Separated::Markdown), &records[0]));
    }

    /// Text may come from a capture: whatever it is, it stays one value.
    #[test]
    fn text_is_escaped_in_every_form() {
        let mut record = crate::output::fixture::nine().remove(0);
        let history = "S\",\\|\n\t\u{1b}".to_owned();
        record.zeek = Some(Box::new(crate::flow::record::ZeekRecord { history: history.clone(), ..Default::default() }));
        let named = |name| fields::named(name).unwrap();
        for fields in [fields::all().collect::<Vec<_>>(), vec![named("history"), named("conn_state")]] {
            let (mut json, mut out) = (JsonLine::default(), Vec::new());
            json.start("flow");
            write_fields(&mut json, &Shape::of(&fields), &record);
            json.finish(&mut out).unwrap();
            let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
            assert_eq!(line["history"], history.as_str());
        }
        for (form, cell) in [
            (Separated::Csv, "\"S\"\",\\|\n\t\u{1b}\""),
            (Separated::Tsv, "S\",\\\\|\\n\\t\u{1b}"),
            (Separated::Markdown, "S\",\\\\| \t\u{1b}"),
        ] {
            let (mut rows, mut all) = (Rows::new(Vec::new(), form), Rows::new(Vec::new(), form));
            write_cell(&mut rows, (named("history").get)(&record));
            rows.end().unwrap();
            let text = String::from_utf8(rows.into_inner().unwrap()).unwrap();
            assert!(text.contains(cell), "{form:?}: {text:?}");
            if write_all_cells(&mut all, &record) {
                all.end().unwrap();
                assert!(String::from_utf8(all.into_inner().unwrap()).unwrap().contains(cell), "{form:?}");
            }
        }
    }

    #[test]
    fn every_field_named_for_attempts_exists() {
        for name in OF_ATTEMPTS {
            assert!(fields::named(name).is_some(), "{name}");
        }
    }
}
