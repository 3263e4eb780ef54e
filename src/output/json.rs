//! One JSON object a line (RFC 8259), written straight into a buffer: no tree, no allocation per value.
//!
//! [`JsonLine`] keeps commas right; that keys are not repeated and objects are closed is the caller's business. Text
//! from captures is escaped so that a terminal that shows the line stays safe, and so that it stays valid JSON.

#![expect(clippy::inline_always, reason = "a key is one store where its length is a constant, else a call")]

use super::style::{is_dangerous, is_plain};
use super::text::{Days, Text};
use crate::model::{Span, Timestamp};
use std::io::{self, Write};
use std::net::IpAddr;

/// A line under construction.
#[derive(Debug)]
pub struct JsonLine {
    buffer: Vec<u8>,
    /// Does the next value need a comma before it?
    comma: bool,
    days: Days,
}

/// A key made ready for records that have many: the comma before it, itself, and `null` behind it, in as many bytes as can be
/// appended at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct ReadyKey {
    bytes: [u8; Self::MOST],
    /// Up to the value.
    len: usize,
}

const NULL: &str = "null";

impl ReadyKey {
    const MOST: usize = 32;

    /// The key of a field of this name: what stands behind the last dot. Names are ours: nothing in them needs an escape.
    pub(super) const fn new(name: &str) -> Self {
        let name = name.as_bytes();
        let (mut bytes, mut len, mut at) = ([b' '; Self::MOST], 2, last_dot(name));
        (bytes[0], bytes[1]) = (b',', b'"');
        while at < name.len() {
            bytes[len] = name[at];
            (len, at) = (len + 1, at + 1);
        }
        (bytes[len], bytes[len + 1]) = (b'"', b':');
        len += 2;
        at = 0;
        while at < NULL.len() {
            bytes[len + at] = NULL.as_bytes()[at];
            at += 1;
        }
        Self { bytes, len }
    }

    /// Appends the key, without its comma where it is the `first` of an object. All bytes are appended and those that are too many
    /// taken back: one store, for whom the length is a constant.
    #[inline(always)]
    pub(super) fn push(&self, line: &mut Vec<u8>, first: bool) {
        self.append(line, first, self.len);
    }

    /// The same with `null` behind it.
    #[inline(always)]
    pub(super) fn push_null(&self, line: &mut Vec<u8>, first: bool) {
        self.append(line, first, self.len + NULL.len());
    }

    /// The same with a number below 10 behind it.
    #[inline(always)]
    pub(super) fn push_digit(&self, line: &mut Vec<u8>, first: bool, digit: u8) {
        let mut pair = *self;
        pair.bytes[self.len] = b'0' + digit;
        pair.append(line, first, self.len + 1);
    }

    #[inline(always)]
    fn append(&self, line: &mut Vec<u8>, first: bool, len: usize) {
        if first {
            return line.extend_from_slice(&self.bytes[1..len]);
        }
        let end = line.len() + len;
        line.extend_from_slice(&self.bytes);
        line.truncate(end);
    }
}

/// Where the part of a name begins that stands behind its last dot.
pub(super) const fn last_dot(name: &[u8]) -> usize {
    let mut at = name.len();
    while at > 0 && name[at - 1] != b'.' {
        at -= 1;
    }
    at
}

/// A place in a line to which it can be cut back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    length: usize,
    comma: bool,
}

impl Default for JsonLine {
    fn default() -> Self {
        Self { buffer: Vec::with_capacity(1024), comma: false, days: Days::default() }
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
        key.push(&mut self.buffer, !self.comma);
        self.comma = false;
    }

    /// The name of a value that is not known, and the value.
    pub(super) fn ready_null(&mut self, key: &ReadyKey) {
        key.push_null(&mut self.buffer, !self.comma);
        self.comma = true;
    }

    /// What comes next is a key that is appended to [`Self::parts`].
    pub(super) const fn expect_comma(&mut self) {
        self.comma = true;
    }

    /// The line and the calendar, for who writes keys and values and knows by itself whether a comma is due. After them it is:
    /// [`Self::expect_comma`].
    pub(super) const fn parts(&mut self) -> (&mut Vec<u8>, &mut Days) {
        (&mut self.buffer, &mut self.days)
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

    /// The same for what may have moments in it.
    #[inline]
    pub(super) fn dated(&mut self, write: impl FnOnce(&mut Vec<u8>, &mut Days)) {
        self.separate();
        write(&mut self.buffer, &mut self.days);
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
        self.dated(|line, days| {
            line.push(b'"');
            days.rfc3339(line, ts);
            line.push(b'"');
        });
    }
}

/// Appends text as the inside of a JSON string (RFC 8259 section 7).
pub(super) fn push_escaped(buffer: &mut Vec<u8>, text: &str) {
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
