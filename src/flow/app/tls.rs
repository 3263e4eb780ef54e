//! TLS: both hellos, the server's certificate and alerts, as far as they are in the clear. A side is read until it encrypts.

use super::notes::{At, Buffer, Notes, TEXT};
use super::record::{Text, TlsRecord};
use crate::peek::tls::{Alert, Content, HandshakeKind, Parts, Reached, certificate, client_hello, server_hello};
use crate::peek::{Peek, tls_fingerprint};
use std::fmt::Display;

/// Alerts and names of a certificate that are kept.
const ALERTS: usize = 8;
const NAMES: usize = 32;

#[derive(Debug, Default)]
struct Side {
    buffer: Buffer,
    /// How far its parts are read.
    reached: Reached,
    /// Lines come before it, which end where a record begins.
    lines: Option<Line>,
    over: bool,
}

/// Where in its lines a side is that will change to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Start,
    Within,
}

/// A connection.
#[derive(Debug, Default)]
pub(super) struct Tls {
    client: usize,
    sides: [Side; 2],
}

impl Tls {
    pub(super) fn new(client: usize) -> Self {
        Self { client, ..Self::default() }
    }

    /// Where the client has asked for it in another protocol (STARTTLS): the server says yes in a line first.
    pub(super) fn after_lines(client: usize) -> Self {
        let mut tls = Self::new(client);
        tls.sides[1 - client].lines = Some(Line::Start);
        tls
    }

    /// `false`: nothing more can be read.
    pub(super) fn on_data(&mut self, side: usize, bytes: &[u8], at: At, notes: &mut Notes<'_>) -> bool {
        let of = &mut self.sides[side];
        let bytes = of.behind_lines(bytes);
        if !of.over && !bytes.is_empty() {
            if of.buffer.push(bytes, notes).is_none() {
                self.end(side, notes);
            } else {
                self.read(side, at, notes);
            }
        }
        !self.sides.iter().all(|side| side.over)
    }

    pub(super) fn on_gap(&mut self, side: usize, notes: &mut Notes<'_>) -> bool {
        if !self.sides[side].over {
            notes.record.incomplete = true;
            self.end(side, notes);
        }
        !self.sides.iter().all(|side| side.over)
    }

    fn end(&mut self, side: usize, notes: &mut Notes<'_>) {
        self.sides[side].buffer.clear(notes);
        self.sides[side].over = true;
    }

    fn read(&mut self, side: usize, at: At, notes: &mut Notes<'_>) {
        let buffer = std::mem::take(&mut self.sides[side].buffer);
        let mut reached = self.sides[side].reached;
        let over = if reached.awaits(buffer.bytes()) && !buffer.is_full() {
            false
        } else {
            let mut parts = Parts::resume(buffer.bytes(), reached);
            loop {
                let part = match parts.read() {
                    Peek::Is(part) => part,
                    Peek::More if !buffer.is_full() => break false,
                    Peek::More | Peek::Not => {
                        // A long chain of certificates begins with the server's own.
                        if let Some(certificate) = certificate(buffer.bytes()).is().filter(|_| side != self.client) {
                            on_certificate(&certificate, notes);
                        }
                        notes.record.incomplete = true;
                        break true;
                    }
                };
                reached = parts.reached();
                match part.content {
                    Content::Handshake { kind: HandshakeKind::CLIENT_HELLO, .. } if side == self.client => {
                        on_client_hello(buffer.bytes(), at, notes);
                    }
                    Content::Handshake { kind: HandshakeKind::SERVER_HELLO, .. } if side != self.client => {
                        on_server_hello(&buffer.bytes()[part.start..], at, notes);
                    }
                    Content::Handshake { kind: HandshakeKind::CERTIFICATE, .. } if side != self.client => {
                        if let Some(certificate) = certificate(buffer.bytes()).is() {
                            on_certificate(&certificate, notes);
                        }
                    }
                    Content::Alert(alert) => on_alert(alert, side, notes),
                    // Where the server asks for another hello, a change of ciphers comes before it.
                    Content::Handshake { .. } | Content::ChangeCipherSpec => {}
                    Content::ApplicationData(_) | Content::Opaque(..) => break true,
                }
            }
        };
        self.sides[side].buffer = buffer;
        self.sides[side].reached = reached;
        if over {
            self.end(side, notes);
        }
    }
}

impl Side {
    /// What is TLS of these bytes.
    fn behind_lines<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let Some(line) = &mut self.lines else { return bytes };
        for (at, &byte) in bytes.iter().enumerate() {
            // 22: a handshake's record, and no text.
            if *line == Line::Start && byte == 22 {
                self.lines = None;
                return &bytes[at..];
            }
            *line = if byte == b'\n' { Line::Start } else { Line::Within };
        }
        &[]
    }
}

fn of(notes: &mut Notes<'_>, what: impl Display) -> Option<Text> {
    notes.cut(&what.to_string(), TEXT)
}

fn record<'n>(notes: &'n mut Notes<'_>) -> &'n mut TlsRecord {
    notes.record.tls.get_or_insert_default()
}

fn on_client_hello(bytes: &[u8], at: At, notes: &mut Notes<'_>) {
    if record(notes).client_hello.is_some() {
        return; // The second one, after the server asked for it.
    }
    let Some(hello) = client_hello(bytes).is() else { return };
    let server_name = hello.server_name_bytes().and_then(|name| notes.text(name));
    let offered = of(notes, hello.highest_version());
    let alpn_offered: Vec<Text> = hello.alpn().take(NAMES).filter_map(|protocol| notes.text(protocol)).collect();
    let ja3 = of(notes, tls_fingerprint::ja3(&hello));
    let ja3_text = notes.cut(&tls_fingerprint::ja3_text(&hello), super::notes::LONG_TEXT);
    let ja4 = of(notes, tls_fingerprint::ja4(&hello));
    let record = record(notes);
    record.client_hello = Some(at.now.number);
    (record.server_name, record.offered, record.alpn_offered) = (server_name, offered, alpn_offered);
    (record.ja3, record.ja3_text, record.ja4) = (ja3, ja3_text, ja4);
}

fn on_server_hello(bytes: &[u8], at: At, notes: &mut Notes<'_>) {
    let Some(hello) = server_hello(bytes).is() else { return };
    let version = of(notes, hello.version());
    let cipher = of(notes, hello.cipher);
    let alpn = hello.alpn().and_then(|protocol| notes.text(protocol));
    let record = record(notes);
    record.server_hello = Some(at.now.number);
    (record.version, record.cipher, record.alpn) = (version, cipher, alpn);
}

fn on_certificate(certificate: &crate::peek::tls::Certificate, notes: &mut Notes<'_>) {
    let subject = certificate.common_name.as_ref().and_then(|name| notes.cut(name, TEXT));
    let names = certificate.names.iter().take(NAMES).filter_map(|name| notes.cut(name, TEXT)).collect();
    let record = record(notes);
    (record.subject, record.names) = (subject, names);
}

fn on_alert(alert: Alert, side: usize, notes: &mut Notes<'_>) {
    if record(notes).alerts.len() < ALERTS {
        let who = notes.sides[side];
        if let Some(text) = of(notes, format_args!("{who} {alert}")) {
            record(notes).alerts.push(text);
        }
    }
}
