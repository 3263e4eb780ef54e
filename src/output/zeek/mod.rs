//! Flows as Zeek's `conn.log`: its text form with the header lines, or a JSON object a line. The columns are those of Zeek's
//! default scripts; the rows are to come from a tracker with Zeek's profile.
//!
//! `service` is never set: application protocols are not analysed. The times of `#open` and `#close` are the capture's, so that the
//! same capture gives the same text.

mod local;
mod uid;

use self::local::is_local;
use self::uid::Uid;
use super::json::JsonLine;
use super::text::Text;
use crate::event::{Event, Keep, Sink};
use crate::flow::{FlowRecord, ZeekRecord};
use crate::model::{IpProtocol, Timestamp};
use chrono::DateTime;
use std::io::{self, Write};

/// Names and types of the columns.
const COLUMNS: [(&str, &str); 22] = [
    ("ts", "time"),
    ("uid", "string"),
    ("id.orig_h", "addr"),
    ("id.orig_p", "port"),
    ("id.resp_h", "addr"),
    ("id.resp_p", "port"),
    ("proto", "enum"),
    ("service", "string"),
    ("duration", "interval"),
    ("orig_bytes", "count"),
    ("resp_bytes", "count"),
    ("conn_state", "string"),
    ("local_orig", "bool"),
    ("local_resp", "bool"),
    ("missed_bytes", "count"),
    ("history", "string"),
    ("orig_pkts", "count"),
    ("orig_ip_bytes", "count"),
    ("resp_pkts", "count"),
    ("resp_ip_bytes", "count"),
    ("tunnel_parents", "set[string]"),
    ("ip_proto", "count"),
];

/// Which of the two forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ZeekForm {
    /// Columns kept apart by tabs, between header lines and a last line.
    Text,
    /// An object a line; what is not known has no key.
    Json,
}

/// Writes a row for each flow that ends.
#[derive(Debug)]
pub struct ZeekSink<W> {
    out: W,
    form: ZeekForm,
    json: JsonLine,
    /// The row that is made.
    line: Vec<u8>,
    /// Time of the first packet, once there was one.
    first: Option<Timestamp>,
    header_due: bool,
}

impl<W: Write> ZeekSink<W> {
    /// Rows that are written to `out`, which should be buffered.
    pub fn new(out: W, form: ZeekForm) -> Self {
        Self {
            out,
            form,
            json: JsonLine::default(),
            line: Vec::with_capacity(512),
            first: None,
            header_due: form == ZeekForm::Text,
        }
    }

    /// The writer, to be closed with its own error checked.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// The writer.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    fn header(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.header_due) {
            return Ok(());
        }
        self.out.write_all(b"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n")?;
        writeln!(self.out, "#open\t{}", stamp(self.first))?;
        self.line("#fields", |(name, _)| name)?;
        self.line("#types", |(_, kind)| kind)
    }

    fn line(&mut self, word: &str, part: impl Fn((&'static str, &'static str)) -> &'static str) -> io::Result<()> {
        self.out.write_all(word.as_bytes())?;
        for column in COLUMNS {
            write!(self.out, "\t{}", part(column))?;
        }
        self.out.write_all(b"\n")
    }

    fn row(&mut self, record: &FlowRecord, zeek: &ZeekRecord) -> io::Result<()> {
        match self.form {
            ZeekForm::Text => {
                self.line.clear();
                text(&mut self.line, record, zeek);
                self.out.write_all(&self.line)
            }
            ZeekForm::Json => {
                json(&mut self.json, record, zeek);
                self.json.finish(&mut self.out)
            }
        }
    }
}

impl<W: Write> Sink for ZeekSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Packet { frame, .. } if self.first.is_none() => self.first = Some(frame.ts),
            Event::Flow(record) => {
                self.header()?;
                if let Some(zeek) = &record.zeek {
                    self.row(record, zeek)?;
                }
            }
            Event::Summary(summary) => {
                self.header()?;
                if self.form == ZeekForm::Text {
                    writeln!(self.out, "#close\t{}", stamp(summary.time.map(|(_, last)| last)))?;
                }
                self.out.flush()?;
            }
            _ => {}
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// `2026-11-20-21-11-20`; of a capture without packets, the epoch.
fn stamp(ts: Option<Timestamp>) -> String {
    let time = DateTime::from_timestamp(ts.map_or(0, Timestamp::seconds), 0).unwrap_or_default();
    time.format("%Y-%m-%d-%H-%M-%S").to_string()
}

/// Seconds with microseconds, as Zeek has its times.
fn micros(line: &mut Vec<u8>, nanos: i64) {
    let micros = nanos.div_euclid(1000);
    if micros < 0 {
        line.push(b'-');
    }
    line.dec(micros.unsigned_abs() / 1_000_000);
    line.push(b'.');
    line.dec_wide(micros.unsigned_abs() % 1_000_000, 6);
}

/// The same for JSON: without zeros at the end, but always a fraction.
fn short_micros(line: &mut Vec<u8>, nanos: i64) {
    micros(line, nanos);
    while line.ends_with(b"0") && !line.ends_with(b".0") {
        line.pop();
    }
}

/// The word for the transport.
const fn proto(protocol: IpProtocol) -> &'static str {
    match protocol {
        IpProtocol::TCP => "tcp",
        IpProtocol::UDP => "udp",
        IpProtocol::ICMP | IpProtocol::ICMPV6 => "icmp",
        _ => "unknown_transport",
    }
}

/// Ends a column with what `write` appends, or with Zeek's word for none.
fn or_unset<T>(line: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(line, value),
        None => line.push(b'-'),
    }
    line.push(b'\t');
}

fn letter(line: &mut Vec<u8>, yes: bool) {
    line.text(if yes { "T\t" } else { "F\t" });
}

fn text(line: &mut Vec<u8>, record: &FlowRecord, zeek: &ZeekRecord) {
    let (orig, resp) = (record.originator, record.responder);
    micros(line, record.start.nanos());
    line.push(b'\t');
    line.text(Uid::of(&record.birth()).as_str());
    for end in [orig, resp] {
        line.push(b'\t');
        line.ip_ntop(end.ip);
        line.push(b'\t');
        line.dec(end.port);
    }
    line.push(b'\t');
    line.text(proto(record.protocol));
    line.text("\t-\t");
    or_unset(line, zeek.duration, |line, duration| micros(line, duration.nanos()));
    for bytes in zeek.bytes {
        or_unset(line, bytes, Text::dec);
    }
    line.text(zeek.conn_state);
    line.push(b'\t');
    letter(line, is_local(orig.ip));
    letter(line, is_local(resp.ip));
    line.dec(zeek.missed_bytes[0].saturating_add(zeek.missed_bytes[1]));
    line.push(b'\t');
    or_unset(line, Some(&zeek.history).filter(|history| !history.is_empty()), |line, history| line.text(history));
    for side in [0, 1] {
        line.dec(zeek.packets[side]);
        line.push(b'\t');
        line.dec(zeek.ip_bytes[side]);
        line.push(b'\t');
    }
    or_unset(line, Some(&zeek.tunnel_parents).filter(|parents| !parents.is_empty()), |line, parents| {
        for (i, parent) in parents.iter().enumerate() {
            line.text(if i > 0 { "," } else { "" });
            line.text(Uid::around(parent).as_str());
        }
    });
    line.dec(record.protocol.0);
    line.push(b'\n');
}

fn json(json: &mut JsonLine, record: &FlowRecord, zeek: &ZeekRecord) {
    let (orig, resp) = (record.originator, record.responder);
    json.start_plain();
    json.key("ts");
    json.value(|line| short_micros(line, record.start.nanos()));
    json.key("uid");
    json.text(Uid::of(&record.birth()).as_str());
    for (address, port, end) in [("id.orig_h", "id.orig_p", orig), ("id.resp_h", "id.resp_p", resp)] {
        json.key(address);
        json.quoted(|line| line.ip_ntop(end.ip));
        json.key(port);
        json.number(end.port.into());
    }
    json.key("proto");
    json.text(proto(record.protocol));
    if let Some(duration) = zeek.duration {
        json.key("duration");
        json.value(|line| short_micros(line, duration.nanos()));
    }
    for (key, bytes) in [("orig_bytes", zeek.bytes[0]), ("resp_bytes", zeek.bytes[1])] {
        if let Some(bytes) = bytes {
            json.key(key);
            json.number(bytes);
        }
    }
    json.key("conn_state");
    json.text(zeek.conn_state);
    for (key, end) in [("local_orig", orig), ("local_resp", resp)] {
        json.key(key);
        json.bool(is_local(end.ip));
    }
    json.key("missed_bytes");
    json.number(zeek.missed_bytes[0].saturating_add(zeek.missed_bytes[1]));
    if !zeek.history.is_empty() {
        json.key("history");
        json.text(&zeek.history);
    }
    for (key, count) in [
        ("orig_pkts", zeek.packets[0]),
        ("orig_ip_bytes", zeek.ip_bytes[0]),
        ("resp_pkts", zeek.packets[1]),
        ("resp_ip_bytes", zeek.ip_bytes[1]),
    ] {
        json.key(key);
        json.number(count);
    }
    if !zeek.tunnel_parents.is_empty() {
        json.key("tunnel_parents");
        json.open_list();
        zeek.tunnel_parents.iter().for_each(|parent| json.text(Uid::around(parent).as_str()));
        json.close_list();
    }
    json.key("ip_proto");
    json.number(record.protocol.0.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Birth, FlowId, FlowKind, Wrapping};
    use crate::model::Span;
    use crate::output::fixture::{nine, totals};

    fn zeek() -> ZeekRecord {
        ZeekRecord {
            conn_state: "SF",
            history: "ShADadFf".to_owned(),
            duration: Some(Span::from_millis(70)),
            bytes: [Some(78), Some(5000)],
            packets: [6, 7],
            ip_bytes: [400, 5400],
            missed_bytes: [1, 2],
            tunnel_parents: Vec::new(),
            weird: Vec::new(),
        }
    }

    fn run(form: ZeekForm, zeek: Option<ZeekRecord>) -> String {
        let mut sink = ZeekSink::new(Vec::new(), form);
        if let Some(zeek) = zeek {
            let record = FlowRecord { zeek: Some(Box::new(zeek)), ..nine().remove(0) };
            sink.on_event(&Event::Flow(&record)).unwrap();
        }
        sink.on_event(&Event::Summary(&totals())).unwrap();
        String::from_utf8(sink.into_inner()).unwrap()
    }

    /// A line without its uid.
    fn row(text: &str) -> String {
        let line = text.lines().find(|line| !line.starts_with('#')).unwrap();
        let cells: Vec<_> = line.split('\t').enumerate().map(|(i, cell)| if i == 1 { "UID" } else { cell }).collect();
        assert_eq!(cells.len(), COLUMNS.len());
        cells.join(" ")
    }

    #[test]
    fn a_row_has_every_column_and_dashes_where_nothing_is_known() {
        let text = run(ZeekForm::Text, Some(zeek()));
        assert_eq!(
            row(&text),
            "1795209080.519936 UID 10.98.0.1 49370 10.98.0.2 80 tcp - 0.070000 78 5000 SF T T 3 ShADadFf 6 400 7 5400 - 6"
        );
        let single = ZeekRecord { duration: None, bytes: [None; 2], history: String::new(), ..zeek() };
        assert_eq!(
            row(&run(ZeekForm::Text, Some(single))),
            "1795209080.519936 UID 10.98.0.1 49370 10.98.0.2 80 tcp - - - - SF T T 3 - 6 400 7 5400 - 6"
        );
    }

    #[test]
    fn a_capture_without_flows_has_its_header_lines() {
        let text = run(ZeekForm::Text, None);
        let words: Vec<_> = text.lines().map(|line| line.split(['\t', ' ']).next().unwrap()).collect();
        assert_eq!(
            words,
            ["#separator", "#set_separator", "#empty_field", "#unset_field", "#path", "#open", "#fields", "#types", "#close"]
        );
        assert_eq!(run(ZeekForm::Json, None), "");
    }

    #[test]
    fn json_leaves_out_what_is_not_known() {
        let birth = Birth { id: FlowId { kind: FlowKind::Udp, number: 1 }, start: Timestamp::default(), packet: (0, 1) };
        let line = run(ZeekForm::Json, Some(ZeekRecord { tunnel_parents: vec![Wrapping::Flow(birth)], ..zeek() }));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["ts"].to_string(), "1795209080.519936");
        assert_eq!((&value["duration"], &value["id.resp_p"]), (&0.07.into(), &80.into()));
        assert_eq!(value["tunnel_parents"][0].as_str(), Some(Uid::of(&birth).as_str()));
        assert!(value.get("service").is_none());
        let single = run(ZeekForm::Json, Some(ZeekRecord { duration: None, bytes: [None; 2], history: String::new(), ..zeek() }));
        for absent in ["duration", "orig_bytes", "history", "tunnel_parents"] {
            assert!(!single.contains(absent), "{single}");
        }
    }

    #[test]
    fn times_have_microseconds() {
        let written = |write: fn(&mut Vec<u8>, i64), nanos| {
            let mut line = Vec::new();
            write(&mut line, nanos);
            String::from_utf8(line).unwrap()
        };
        assert_eq!(written(micros, 1_999_999_999), "1.999999");
        assert_eq!(written(micros, -1), "-0.000001");
        assert_eq!(written(micros, i64::MIN), "-9223372036.854776");
        assert_eq!(written(short_micros, 1_500_000_000), "1.5");
        assert_eq!(written(short_micros, 3_000_000_000), "3.0");
        assert_eq!(written(short_micros, 10_000_000_000), "10.0");
    }
}
