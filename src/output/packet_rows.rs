//! `sockeye packets --format csv|tsv`: the basic columns of every packet, named as the keys of its JSON record.

use super::columns::{UnknownField, choose};
use super::csv::{Rows, Separated};
use super::interface_names::InterfaceNames;
use super::packet_json::flag_words;
use super::text::Text;
use crate::decode::Packet;
use crate::event::{Event, Keep, Sink};
use crate::flow::{Confidence, Direction, Note};
use crate::model::Frame;
use std::io::{self, Write};

/// What a column is made of.
struct Source<'a> {
    frame: &'a Frame<'a>,
    packet: &'a Packet<'a>,
    note: &'a Note,
    interface: Option<&'a str>,
}

/// A column: its name, and what stands in its cell; nothing where it is not known.
#[derive(Debug)]
struct Column {
    name: &'static str,
    cell: Cell,
}

/// How a cell is made.
#[derive(Debug)]
enum Cell {
    /// The time of the packet.
    Time,
    /// What it appends needs no escape.
    Plain(fn(&Source<'_>, &mut Vec<u8>)),
    /// Any text.
    Text(for<'a> fn(&Source<'a>) -> Option<&'a str>),
}

const fn column(name: &'static str, write: fn(&Source<'_>, &mut Vec<u8>)) -> Column {
    Column { name, cell: Cell::Plain(write) }
}

/// Writes a number, where there is one.
fn number(cell: &mut Vec<u8>, n: Option<impl Into<u64>>) {
    if let Some(n) = n {
        cell.dec(n);
    }
}

/// Writes a word, where there is one.
fn word(cell: &mut Vec<u8>, word: Option<&str>) {
    cell.text(word.unwrap_or_default());
}

const COLUMNS: &[Column] = &[
    column("number", |s, cell| cell.dec(s.frame.number)),
    column("file", |s, cell| cell.dec(u64::from(s.frame.source) + 1)),
    Column { name: "ts", cell: Cell::Time },
    column("interface", |s, cell| cell.dec(s.frame.interface)),
    Column { name: "interface_name", cell: Cell::Text(|s| s.interface) },
    column("length", |s, cell| cell.dec(s.frame.wire_len)),
    column("captured", |s, cell| cell.dec(s.frame.bytes.len() as u64)),
    column("flow", |s, cell| s.note.flow.into_iter().for_each(|id| cell.flow_id(id))),
    column("side", |s, cell| word(cell, s.note.direction.map(|d| if d == Direction::Originator { "orig" } else { "resp" }))),
    column("eth.src", |s, cell| s.packet.ethernet().into_iter().for_each(|e| cell.mac(&e.source.0))),
    column("eth.dst", |s, cell| s.packet.ethernet().into_iter().for_each(|e| cell.mac(&e.destination.0))),
    column("ip.src", |s, cell| s.packet.addresses().into_iter().for_each(|a| cell.ip(a.0))),
    column("src_port", |s, cell| number(cell, s.packet.ports().map(|p| p.0))),
    column("ip.dst", |s, cell| s.packet.addresses().into_iter().for_each(|a| cell.ip(a.1))),
    column("dst_port", |s, cell| number(cell, s.packet.ports().map(|p| p.1))),
    column("ip.protocol", |s, cell| number(cell, s.packet.addresses().map(|_| s.packet.protocol.0))),
    column("ip.payload_length", |s, cell| number(cell, s.packet.addresses().map(|_| s.packet.payload_len))),
    column("tcp.flags", |s, cell| {
        for (i, word) in s.packet.tcp().into_iter().flat_map(|tcp| flag_words(tcp.flags())).enumerate() {
            cell.text(if i > 0 { ";" } else { "" });
            cell.text(word);
        }
    }),
    column("tcp.seq", |s, cell| number(cell, s.packet.tcp().map(|tcp| tcp.seq()))),
    column("tcp.ack", |s, cell| {
        let acks = |tcp: &crate::decode::TcpHeader<'_>| tcp.flags().contains(crate::decode::TcpFlags::ACK);
        number(cell, s.packet.tcp().filter(acks).map(|tcp| tcp.ack()));
    }),
    column("tcp.relative_seq", |s, cell| number(cell, s.note.relative_seq)),
    column("tcp.relative_ack", |s, cell| number(cell, s.note.relative_ack)),
    column("tcp.window", |s, cell| number(cell, s.packet.tcp().map(|tcp| tcp.window()))),
    column("tcp.verdict.kind", |s, cell| word(cell, s.note.verdict.map(|v| v.kind.key()))),
    column("tcp.verdict.confidence", |s, cell| word(cell, s.note.verdict.and_then(|v| v.confidence).map(Confidence::key))),
    column("icmp.type", |s, cell| number(cell, s.packet.icmp().map(|icmp| icmp.kind()))),
    column("icmp.code", |s, cell| number(cell, s.packet.icmp().map(|icmp| icmp.code()))),
];

/// The names of all columns, for the page that explains them.
#[cfg(test)]
pub(super) fn column_names() -> impl Iterator<Item = &'static str> {
    COLUMNS.iter().map(|column| column.name)
}

/// Writes a row a packet, after a row with the names of the columns.
#[derive(Debug)]
pub struct PacketRowsSink<W: Write> {
    rows: Rows<W>,
    columns: Vec<&'static Column>,
    header_due: bool,
    interfaces: InterfaceNames,
}

impl<W: Write> PacketRowsSink<W> {
    /// Rows that are written to `out`, which should be buffered. `fields` names the columns in their order, none means all.
    pub fn new(out: W, form: Separated, fields: &[String]) -> Result<Self, UnknownField> {
        let columns = choose(COLUMNS, |column| column.name, fields)?;
        Ok(Self { rows: Rows::new(out, form), columns, header_due: true, interfaces: InterfaceNames::default() })
    }

    /// The writer, flushed.
    pub fn into_inner(self) -> io::Result<W> {
        self.rows.into_inner()
    }

    /// The writer.
    pub const fn get_mut(&mut self) -> &mut W {
        self.rows.get_mut()
    }

    fn header(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.header_due) {
            self.rows.header(self.columns.iter().map(|column| column.name))?;
        }
        Ok(())
    }
}

impl<W: Write> Sink for PacketRowsSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Packet { frame, packet, note } => {
                self.header()?;
                let source = Source { frame, packet, note, interface: self.interfaces.get(frame.source, frame.interface) };
                for column in &self.columns {
                    match column.cell {
                        Cell::Time => {
                            let (line, days) = self.rows.dated();
                            days.rfc3339(line, frame.ts);
                        }
                        Cell::Plain(write) => write(&source, self.rows.plain()),
                        Cell::Text(text) => self.rows.text(text(&source).unwrap_or_default()),
                    }
                }
                self.rows.end()?;
            }
            Event::Source { index, info } => self.interfaces.learn(*index, info),
            Event::Summary(_) => {
                self.header()?;
                self.rows.flush()?;
            }
            _ => {}
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.rows.flush()
    }
}
