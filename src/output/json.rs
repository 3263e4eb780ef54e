//! One JSON object a line (RFC 8259), written straight into a buffer: no tree, no allocation per value.
//!
//! [`JsonLine`] keeps commas right; that keys are not repeated and objects are closed is the caller's business. Text
//! from captures is escaped so that a terminal that shows the line stays safe, and so that it stays valid JSON.

use super::style::{is_dangerous, is_plain};
use super::text::Text;
use crate::model::{Span, Timestamp};
use std::io::{self, Write};
use std::net::IpAddr;

/// A line under construction.
#[derive(Debug)]
pub struct JsonLine {
    buffer: Vec<u8>,
    /// Does the next value need a comma before it?
    comma: bool,
}

/// A key made ready for records that have many: the comma before it, itself, and `null` behind it.
#[derive(Debug)]
pub(super) struct ReadyKey(Box<str>);

const NULL: &str = "null";

impl ReadyKey {
    /// A key of this name. Names are ours: nothing in them needs an escape.
    pub(super) fn new(name: &str) -> Self {
        Self(format!(",\"{name}\":{NULL}").into())
    }
}

/// A place in a line to which it can be cut back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    length: usize,
    comma: bool,
}

impl Default for JsonLine {
    fn default() -> Self {
        Self { buffer: Vec::with_capacity(1024), comma: false }
    }
}

impl JsonLine {
    /// Starts an object of this `type`, forgetting what was not written.
    pub fn start(&mut self, kind: &str) {
        self.buffer.clear();
        self.buffer.push(b'{');
        self.comma = false;
        self.key("type");
        self.text(kind);
    }

    /// The same without a `type`: another tool's record.
    pub fn start_plain(&mut self) {
        self.buffer.clear();
        self.buffer.push(b'{');
        self.comma = false;
    }

    /// Ends the object and the line, and writes it in one piece.
    pub fn finish(&mut self, out: &mut impl Write) -> io::Result<()> {
        self.buffer.extend_from_slice(b"}\n");
        out.write_all(&self.buffer)
    }

    /// The name of the next value. Names are ours: nothing in them needs an escape.
    #[inline]
    pub fn key(&mut self, name: &str) {
        self.separate();
        self.buffer.push(b'"');
        self.buffer.text(name);
        self.buffer.text("\":");
        self.comma = false;
    }

    /// The name of the next value, made ready.
    pub(super) fn ready(&mut self, key: &ReadyKey) {
        self.buffer.text(&key.0[usize::from(!self.comma)..key.0.len() - NULL.len()]);
        self.comma = false;
    }

    /// The name of a value that is not known, and the value.
    pub(super) fn ready_null(&mut self, key: &ReadyKey) {
        self.buffer.text(&key.0[usize::from(!self.comma)..]);
        self.comma = true;
    }

    /// Where the line is.
    pub(super) const fn mark(&self) -> Mark {
        Mark { length: self.buffer.len(), comma: self.comma }
    }

    /// Takes back what was written since then.
    pub(super) fn back_to(&mut self, mark: Mark) {
        self.buffer.truncate(mark.length);
        self.comma = mark.comma;
    }

    /// Opens an object as the next value.
    pub fn open(&mut self) {
        self.separate();
        self.buffer.push(b'{');
        self.comma = false;
    }

    /// Closes the object opened last.
    pub fn close(&mut self) {
        self.buffer.push(b'}');
        self.comma = true;
    }

    /// Opens a list as the next value.
    pub fn open_list(&mut self) {
        self.separate();
        self.buffer.push(b'[');
        self.comma = false;
    }

    /// Closes the list opened last.
    pub fn close_list(&mut self) {
        self.buffer.push(b']');
        self.comma = true;
    }

    #[inline]
    fn separate(&mut self) {
        if self.comma {
            self.buffer.push(b',');
        }
        self.comma = true;
    }

    /// Not known.
    pub fn null(&mut self) {
        self.separate();
        self.buffer.text(NULL);
    }

    /// Yes or no.
    pub fn bool(&mut self, value: bool) {
        self.separate();
        self.buffer.extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// A whole number.
    pub fn number(&mut self, value: u64) {
        self.separate();
        self.buffer.dec(value);
    }

    /// A whole number, where there is one.
    pub fn maybe(&mut self, value: Option<u64>) {
        match value {
            Some(value) => self.number(value),
            None => self.null(),
        }
    }

    /// A value that is JSON as `write` appends it.
    #[inline]
    pub(super) fn value(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.separate();
        write(&mut self.buffer);
    }

    /// What `write` appends, as text: nothing that needs an escape.
    #[inline]
    pub(super) fn quoted(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        self.separate();
        self.buffer.push(b'"');
        write(&mut self.buffer);
        self.buffer.push(b'"');
    }

    /// A length of time in seconds, exact to the nanosecond, without zeros at the end: `0.022499`.
    pub fn seconds(&mut self, span: Span) {
        self.value(|line| line.seconds(span));
    }

    /// Text.
    pub fn text(&mut self, text: &str) {
        self.quoted(|line| push_escaped(line, text));
    }

    /// What `write` makes of a value, where there is one.
    pub fn or_null<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => self.null(),
        }
    }

    /// Text, where there is some.
    pub fn maybe_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.null(),
        }
    }

    /// An address as text.
    pub fn ip(&mut self, ip: IpAddr) {
        self.quoted(|line| line.ip(ip));
    }

    /// A link-layer address: six bytes with colons, others in plain hexadecimal, as text.
    pub fn hardware(&mut self, bytes: &[u8]) {
        if bytes.len() == 6 {
            return self.quoted(|line| line.mac(bytes));
        }
        self.bytes(bytes);
    }

    /// Bytes in hexadecimal, as text.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.quoted(|line| line.hex_bytes(bytes));
    }

    /// A moment: RFC 3339 with nine digits, UTC, as text.
    pub fn time(&mut self, ts: Timestamp) {
        self.quoted(|line| line.rfc3339(ts));
    }
}

/// Appends text as the inside of a JSON string (RFC 8259 section 7).
fn push_escaped(buffer: &mut Vec<u8>, text: &str) {
    if is_plain(text, |b| matches!(b, b'"' | b'\\')) {
        return buffer.text(text);
    }
    for c in text.chars() {
        match c {
            '"' => buffer.extend_from_slice(b"\\\""),
            '\\' => buffer.extend_from_slice(b"\\\\"),
            '\n' => buffer.extend_from_slice(b"\\n"),
            '\t' => buffer.extend_from_slice(b"\\t"),
            '\r' => buffer.extend_from_slice(b"\\r"),
            c if is_dangerous(c) => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    buffer.text("\\u");
                    buffer.hex_wide(*unit, 4);
                }
            }
            c => buffer.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(fill: impl FnOnce(&mut JsonLine)) -> String {
        let mut json = JsonLine::default();
        json.start("test");
        fill(&mut json);
        let mut out = Vec::new();
        json.finish(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn commas_stand_between_values_only() {
        let text = line(|j| {
            j.key("a");
            j.number(0);
            j.key("b");
            j.open();
            j.close();
            j.key("c");
            j.open_list();
            j.number(u64::MAX);
            j.null();
            j.open();
            j.key("d");
            j.bool(true);
            j.close();
            j.close_list();
            j.key("e");
            j.seconds(Span::from_nanos(22_499_000));
        });
        assert_eq!(text, "{\"type\":\"test\",\"a\":0,\"b\":{},\"c\":[18446744073709551615,null,{\"d\":true}],\"e\":0.022499}\n");
    }

    #[test]
    fn times_and_addresses() {
        let text = line(|j| {
            j.key("t");
            j.open_list();
            for nanos in [0, -1, 1_795_209_080_519_936_000, 1_795_209_080_519_936_001, i64::MAX, i64::MIN] {
                j.time(Timestamp::from_nanos(nanos));
            }
            j.close_list();
            j.key("ip");
            j.ip([192, 0, 2, 10].into());
            j.key("six");
            j.ip("2001:db8::1".parse().unwrap());
            j.key("mac");
            j.hardware(&[0, 1, 2, 0xfd, 0xfe, 0xff]);
            j.key("hex");
            j.hardware(&[0, 0xff]);
        });
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value["t"],
            serde_json::json!([
                "1970-01-01T00:00:00.000000000Z",
                "1969-12-31T23:59:59.999999999Z",
                "2026-11-20T21:11:20.519936000Z",
                "2026-11-20T21:11:20.519936001Z",
                "2262-04-11T23:47:16.854775807Z",
                "1677-09-21T00:12:43.145224192Z"
            ])
        );
        assert_eq!(value["ip"], "192.0.2.10");
        assert_eq!(value["six"], "2001:db8::1");
        assert_eq!(value["mac"], "00:01:02:fd:fe:ff");
        assert_eq!(value["hex"], "00ff");
    }

    proptest! {
        #[test]
        fn any_text_comes_back_and_is_safe_to_show(text in any::<String>()) {
            let line = line(|j| { j.key("text"); j.text(&text); });
            prop_assert!(!line.trim_end_matches('\n').contains(is_dangerous));
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["text"].as_str(), Some(text.as_str()));
        }

        #[test]
        fn any_number_comes_back(n in any::<u64>(), nanos in any::<i64>()) {
            let line = line(|j| { j.key("n"); j.number(n); j.key("s"); j.seconds(Span::from_nanos(nanos)); });
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            prop_assert_eq!(value["n"].as_u64(), Some(n));
            prop_assert!((value["s"].as_f64().unwrap() - nanos as f64 / 1e9).abs() <= 1e-5);
        }
    }
}
