//! Flows and attempts to connect as records: JSON lines, csv, tsv, Markdown. All walk [`crate::flow::fields`] and know no
//! field by name.

use super::capture_record::Framing;
use super::columns::UnknownField;
use super::csv::{Rows, Separated};
use super::handshakes::Told;
use super::json::JsonLine;
use super::values::{Records, Shape, are_all, write_all_cells, write_cell, write_fields};
use crate::event::{Event, Keep, Sink};
use crate::flow::FlowRecord;
use crate::flow::fields::Field;
use std::io::{self, Write};

/// The record that an event makes due, if any.
fn due<'a>(records: Records, told: &mut Told, event: &Event<'a>) -> Option<&'a FlowRecord> {
    match (records, event) {
        (Records::Flows, Event::Flow(record)) => Some(record),
        (Records::Flows, _) => None,
        (Records::Handshakes, event) => told.due(event).map(|(record, ..)| record),
    }
}

/// Writes a JSON object a line, between a `capture` and an `end` record.
#[derive(Debug)]
pub struct FlowJsonSink<W> {
    out: W,
    json: JsonLine,
    framing: Framing,
    records: Records,
    shape: Shape,
    told: Told,
}

impl<W: Write> FlowJsonSink<W> {
    /// Records that are written to `out`, which should be buffered. `filter` is the capture filter of the run; `fields`
    /// names those that are wanted, none means all. Keys stand in the order of the record.
    pub fn new(out: W, records: Records, fields: &[String], filter: Option<String>) -> Result<Self, UnknownField> {
        let shape = Shape::of(&records.choose_nested(fields)?);
        Ok(Self { out, json: JsonLine::default(), framing: Framing::new(filter), records, shape, told: Told::default() })
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// The writer.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Takes an event without writing: there is no room. Says whether a record was left out.
    pub fn skip(&mut self, event: &Event<'_>) -> bool {
        due(self.records, &mut self.told, event).is_some()
    }
}

impl<W: Write> Sink for FlowJsonSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Some(record) = due(self.records, &mut self.told, event) {
            self.json.start(self.records.word());
            write_fields(&mut self.json, &self.shape, record);
            self.json.finish(&mut self.out)?;
        }
        self.framing.on_event(event, &mut self.json, &mut self.out)?;
        if let Event::Summary(_) = event {
            self.out.flush()?;
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Writes a row a record, after a row with the names of the fields.
#[derive(Debug)]
pub struct FlowRowsSink<W: Write> {
    rows: Rows<W>,
    records: Records,
    fields: Vec<&'static Field>,
    /// They are all the fields of a flow.
    all: bool,
    told: Told,
    header_due: bool,
}

impl<W: Write> FlowRowsSink<W> {
    /// Rows that are written to `out`, which should be buffered. `fields` names the columns in their order, none means
    /// all.
    pub fn new(out: W, form: Separated, records: Records, fields: &[String]) -> Result<Self, UnknownField> {
        let fields = records.choose(fields)?;
        let all = are_all(&fields);
        Ok(Self { rows: Rows::new(out, form), records, fields, all, told: Told::default(), header_due: true })
    }

    /// The writer, flushed.
    pub fn into_inner(self) -> io::Result<W> {
        self.rows.into_inner()
    }

    /// The writer.
    pub const fn get_mut(&mut self) -> &mut W {
        self.rows.get_mut()
    }

    /// Takes an event without writing: there is no room. Says whether a record was left out.
    pub fn skip(&mut self, event: &Event<'_>) -> bool {
        due(self.records, &mut self.told, event).is_some()
    }

    fn header(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.header_due) {
            self.rows.header(self.fields.iter().map(|field| field.name))?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for FlowRowsSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        if let Some(record) = due(self.records, &mut self.told, event) {
            self.header()?;
            if !(self.all && write_all_cells(&mut self.rows, record)) {
                for field in &self.fields {
                    write_cell(&mut self.rows, (field.get)(record));
                }
            }
            self.rows.end()?;
        }
        if let Event::Summary(_) = event {
            // A run without records still says what it would have told.
            self.header()?;
            self.rows.flush()?;
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.rows.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::fixture::{nine, totals};

    fn run(sink: &mut dyn Sink, records: &[FlowRecord]) {
        let totals = totals();
        sink.on_event(&Event::Source { index: 0, info: &totals.sources[0].info }).unwrap();
        for record in records {
            if record.handshake.is_some() {
                sink.on_event(&Event::Handshake(record)).unwrap();
            }
            sink.on_event(&Event::Flow(record)).unwrap();
        }
        sink.on_event(&Event::Summary(&totals)).unwrap();
    }

    fn json(records: Records, fields: &[&str]) -> Vec<serde_json::Value> {
        let fields: Vec<_> = fields.iter().map(|f| (*f).to_owned()).collect();
        let mut sink = FlowJsonSink::new(Vec::new(), records, &fields, None).unwrap();
        run(&mut sink, &nine());
        let text = String::from_utf8(sink.into_inner()).unwrap();
        text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    fn rows(form: Separated, fields: &[&str]) -> String {
        let fields: Vec<_> = fields.iter().map(|f| (*f).to_owned()).collect();
        let mut sink = FlowRowsSink::new(Vec::new(), form, Records::Flows, &fields).unwrap();
        run(&mut sink, &nine()[..2]);
        String::from_utf8(sink.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn flows_stand_between_capture_and_end() {
        let lines = json(Records::Flows, &[]);
        let kinds: Vec<_> = lines.iter().map(|l| l["type"].as_str().unwrap()).collect();
        assert_eq!(kinds[0], "capture");
        assert_eq!(kinds[1..10], ["flow"; 9]);
        assert_eq!(kinds[10..], ["end"]);
        let c1 = &lines[1];
        assert_eq!(c1["id"], "c1");
        assert_eq!(c1["proto"], "tcp");
        assert_eq!(c1["start"], "2026-11-20T21:11:20.519936000Z");
        assert_eq!(c1["duration"], 0.07);
        assert_eq!(c1["orig"]["port"], 49370);
        assert_eq!(c1["handshake"]["rtt"], 0.02253);
        assert_eq!(c1["vlan"], serde_json::json!([]));
        assert!(c1["response_time"].is_null(), "unknown is null, never 0");
        assert_eq!(lines[5]["state"], "reset");
        assert_eq!(lines[5]["reset_by"], "resp");
        assert_eq!(lines[9]["state"], "no_answer");
    }

    #[test]
    fn attempts_have_their_own_records_and_datagrams_none() {
        let lines = json(Records::Handshakes, &[]);
        let attempts: Vec<_> = lines.iter().filter(|l| l["type"] == "handshake").collect();
        assert_eq!(attempts.len(), 6);
        assert_eq!(attempts[1]["handshake"]["outcome"], "refused");
        assert_eq!(attempts[1]["handshake"]["refusal"], 12);
        assert!(attempts[1]["handshake"]["ack"].is_null());
        assert!(attempts[1]["orig"].get("packets").is_none());
    }

    #[test]
    fn chosen_fields_never_repeat_an_object() {
        let mut sink =
            FlowJsonSink::new(Vec::new(), Records::Flows, &["orig.ip".into(), "id".into(), "orig.port".into()], None).unwrap();
        run(&mut sink, &nine()[..1]);
        let text = String::from_utf8(sink.into_inner()).unwrap();
        assert_eq!(
            text.lines().nth(1).unwrap(),
            "{\"type\":\"flow\",\"id\":\"c1\",\"orig\":{\"ip\":\"10.98.0.1\",\"port\":49370}}"
        );
    }

    #[test]
    fn rows_have_the_columns_asked_for_in_their_order() {
        let fields = ["id", "resp.port", "state", "handshake.rtt", "vlan", "handshake.ack"];
        assert_eq!(
            rows(Separated::Csv, &fields),
            "id,resp.port,state,handshake.rtt,vlan,handshake.ack\nc1,80,closed,0.02253,,3\nc2,81,refused,,,\n"
        );
        assert_eq!(rows(Separated::Tsv, &["id", "state"]), "id\tstate\nc1\tclosed\nc2\trefused\n");
        assert_eq!(
            rows(Separated::Markdown, &["id", "state"]),
            "| id | state |\n| --- | --- |\n| c1 | closed |\n| c2 | refused |\n"
        );
        let all = rows(Separated::Csv, &[]);
        let widths: Vec<_> = all.lines().map(|l| l.split(',').count()).collect();
        assert_eq!(widths, [Records::Flows.fields().count(); 3]);
    }

    #[test]
    fn an_unknown_field_is_an_error_before_anything_is_written() {
        let error = FlowRowsSink::new(Vec::new(), Separated::Csv, Records::Flows, &["orig.pakets".into()]).unwrap_err();
        assert_eq!(error.to_string(), "no field \"orig.pakets\"; did you mean orig.packets?");
    }

    #[test]
    fn without_records_the_columns_are_still_named() {
        let mut sink = FlowRowsSink::new(Vec::new(), Separated::Csv, Records::Flows, &["id".into()]).unwrap();
        run(&mut sink, &[]);
        assert_eq!(sink.into_inner().unwrap(), b"id\n");
    }
}
