//! `sockeye packets --format csv|tsv`: the basic columns of every packet, named as the keys of its JSON record.

use super::columns::{UnknownField, choose};
use super::csv::{Rows, Separated};
use super::interface_names::InterfaceNames;
use super::packet_json::flag_words;
use super::units::rfc3339;
use crate::decode::Packet;
use crate::event::{Event, Keep, Sink};
use crate::flow::{Confidence, Direction, Note};
use crate::model::Frame;
use std::fmt::{self, Write as _};
use std::io::{self, Write};

/// What a column is made of.
struct Source<'a> {
    frame: &'a Frame<'a>,
    packet: &'a Packet<'a>,
    note: &'a Note,
    interface: Option<&'a str>,
}

/// A column: its name, and what it appends to its cell; nothing where it is not known.
#[derive(Debug)]
struct Column {
    name: &'static str,
    write: fn(&Source<'_>, &mut String) -> fmt::Result,
}

const fn column(name: &'static str, write: fn(&Source<'_>, &mut String) -> fmt::Result) -> Column {
    Column { name, write }
}

/// Writes a value, where there is one.
fn put(cell: &mut String, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(cell, "{value}"))
}

const COLUMNS: &[Column] = &[
    column("number", |s, cell| put(cell, Some(s.frame.number))),
    column("file", |s, cell| put(cell, Some(u64::from(s.frame.source) + 1))),
    column("ts", |s, cell| put(cell, Some(rfc3339(s.frame.ts)))),
    column("interface", |s, cell| put(cell, Some(s.frame.interface))),
    column("interface_name", |s, cell| put(cell, s.interface)),
    column("length", |s, cell| put(cell, Some(s.frame.wire_len))),
    column("captured", |s, cell| put(cell, Some(s.frame.bytes.len()))),
    column("flow", |s, cell| put(cell, s.note.flow)),
    column("side", |s, cell| put(cell, s.note.direction.map(|d| if d == Direction::Originator { "orig" } else { "resp" }))),
    column("eth.src", |s, cell| put(cell, s.packet.ethernet().map(|e| e.source))),
    column("eth.dst", |s, cell| put(cell, s.packet.ethernet().map(|e| e.destination))),
    column("ip.src", |s, cell| put(cell, s.packet.addresses().map(|a| a.0))),
    column("src_port", |s, cell| put(cell, s.packet.ports().map(|p| p.0))),
    column("ip.dst", |s, cell| put(cell, s.packet.addresses().map(|a| a.1))),
    column("dst_port", |s, cell| put(cell, s.packet.ports().map(|p| p.1))),
    column("ip.protocol", |s, cell| put(cell, s.packet.addresses().map(|_| s.packet.protocol.0))),
    column("ip.payload_length", |s, cell| put(cell, s.packet.addresses().map(|_| s.packet.payload_len))),
    column("tcp.flags", |s, cell| {
        for (i, word) in s.packet.tcp().into_iter().flat_map(|tcp| flag_words(tcp.flags())).enumerate() {
            write!(cell, "{}{word}", if i > 0 { ";" } else { "" })?;
        }
        Ok(())
    }),
    column("tcp.seq", |s, cell| put(cell, s.packet.tcp().map(|tcp| tcp.seq()))),
    column("tcp.ack", |s, cell| {
        let acks = |tcp: &crate::decode::TcpHeader<'_>| tcp.flags().contains(crate::decode::TcpFlags::ACK);
        put(cell, s.packet.tcp().filter(acks).map(|tcp| tcp.ack()))
    }),
    column("tcp.relative_seq", |s, cell| put(cell, s.note.relative_seq)),
    column("tcp.relative_ack", |s, cell| put(cell, s.note.relative_ack)),
    column("tcp.window", |s, cell| put(cell, s.packet.tcp().map(|tcp| tcp.window()))),
    column("tcp.verdict.kind", |s, cell| put(cell, s.note.verdict.map(|v| v.kind.key()))),
    column("tcp.verdict.confidence", |s, cell| put(cell, s.note.verdict.and_then(|v| v.confidence).map(Confidence::key))),
    column("icmp.type", |s, cell| put(cell, s.packet.icmp().map(|icmp| icmp.kind()))),
    column("icmp.code", |s, cell| put(cell, s.packet.icmp().map(|icmp| icmp.code()))),
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
    cells: Vec<String>,
    header_due: bool,
    interfaces: InterfaceNames,
}

impl<W: Write> PacketRowsSink<W> {
    /// Rows that are written to `out`, which should be buffered. `fields` names the columns in their order, none means all.
    pub fn new(out: W, form: Separated, fields: &[String]) -> Result<Self, UnknownField> {
        let columns = choose(COLUMNS, |column| column.name, fields)?;
        let cells = vec![String::new(); columns.len()];
        Ok(Self { rows: Rows::new(out, form), columns, cells, header_due: true, interfaces: InterfaceNames::default() })
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
                for (cell, column) in self.cells.iter_mut().zip(&self.columns) {
                    cell.clear();
                    // A String takes everything.
                    let _ = (column.write)(&source, cell);
                }
                self.rows.row(self.cells.iter().map(String::as_str))?;
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
