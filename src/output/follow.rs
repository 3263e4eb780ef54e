//! `sockeye follow`: the bytes of one conversation, put together in order, with what is missing marked. Of TCP both streams as
//! reassembly tells them; of others each datagram by itself.
//!
//! Of what is encrypted text tells only that it is, who sent how much, and what the hellos say.
//!
//! On a terminal nothing of a capture is a command: control characters are shown as dots. Only the raw form gives bytes as they
//! were, and that is not for terminals.

use super::style::{Style, Tone};
use super::units;
use crate::decode::Transport;
use crate::event::{Event, Keep, Sink};
use crate::flow::{Direction, FlowId, FlowKind, FlowRecord, GapReason, StreamPart};
use crate::model::{Endpoint, Timestamp};
use crate::peek::{phrase, speaker};
use crate::story::Pieces;
use std::io::{self, Write};

/// Bytes on a line of hex.
const ROW: usize = 16;

/// How bytes are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FollowForm {
    /// As text, what is none as dots.
    #[default]
    Ascii,
    /// In hex and text, with offsets.
    Hex,
    /// As they are, and nothing else.
    Raw,
}

/// What to show.
#[derive(Clone, Copy, Debug, Default)]
pub struct FollowConfig {
    /// What the reader's terminal can do.
    pub style: Style,
    /// How.
    pub form: FollowForm,
    /// Only what one side sent.
    pub only: Option<Direction>,
}

/// What was written of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// Bytes of data.
    pub bytes: u64,
    /// Bytes that are missing.
    pub missing: u64,
}

/// Writes the bytes of one conversation as they come.
#[derive(Debug)]
pub struct FollowSink<W> {
    out: W,
    /// What the server sent, where it goes elsewhere.
    other: Option<W>,
    of: FlowId,
    config: FollowConfig,
    found: bool,
    followed: Followed,
    /// Whose bytes were written last.
    last: Option<Direction>,
    start: Option<Timestamp>,
    /// Offsets of datagrams in each direction.
    offsets: [u64; 2],
    /// The line written last is not ended.
    open_line: bool,
    /// By what it is encrypted, from where on that was seen.
    hidden: Option<&'static str>,
    /// It began as SSH does.
    ssh: bool,
    /// Bytes of the side at hand that are not shown, and what is known of them.
    run: (u64, Option<String>),
    /// Bytes of data and of gaps of each side.
    sides: [Followed; 2],
    /// Pieces of datagrams.
    pieces: Pieces,
}

impl<W: Write> FollowSink<W> {
    /// The bytes of `of`, written to `out`; those of the server to `other`, if there is one.
    pub fn new(out: W, other: Option<W>, of: FlowId, config: FollowConfig) -> Self {
        Self {
            out,
            other,
            of,
            config,
            found: false,
            followed: Followed { bytes: 0, missing: 0 },
            last: None,
            start: None,
            offsets: [0; 2],
            open_line: false,
            hidden: None,
            ssh: false,
            run: (0, None),
            sides: [Followed::default(); 2],
            pieces: Pieces::with_data(),
        }
    }

    /// The writers, to be closed with their own errors checked.
    pub fn into_inner(self) -> (W, Option<W>) {
        (self.out, self.other)
    }

    /// Was there such a conversation?
    #[must_use]
    pub const fn found(&self) -> bool {
        self.found
    }

    /// How much there was.
    #[must_use]
    pub const fn followed(&self) -> Followed {
        self.followed
    }

    fn wants(&self, from: Direction) -> bool {
        self.config.only.is_none_or(|only| only == from)
    }

    /// Some bytes, first seen in this packet.
    fn data(&mut self, from: Direction, offset: u64, bytes: &[u8], number: u64, ts: Timestamp) -> io::Result<()> {
        if !self.wants(from) {
            return Ok(());
        }
        self.followed.bytes += bytes.len() as u64;
        self.sides[side(from)].bytes += bytes.len() as u64;
        if self.config.form == FollowForm::Raw {
            return self.raw(from).write_all(bytes);
        }
        self.heading(from, number, ts)?;
        if self.config.form == FollowForm::Hex {
            return self.hex(offset, bytes);
        }
        if !self.is_hidden(offset, bytes) {
            return self.ascii(bytes);
        }
        if self.run.0 == 0 {
            // A hello, without what lies behind it.
            let hello = phrase::of_segment(bytes).filter(|what| what.contains("Hello"));
            self.run.1 = hello.map(|what| what.find("), ").map_or(what.clone(), |end| what[..=end].to_owned()));
        }
        self.run.0 += bytes.len() as u64;
        Ok(())
    }

    /// Is this encrypted? From the first bytes on that look so, which is where a connection begins or goes over to TLS.
    fn is_hidden(&mut self, offset: u64, bytes: &[u8]) -> bool {
        if self.hidden.is_none() {
            let tls = bytes.starts_with(&[22, 3]) && speaker(bytes).is_some();
            // Of SSH, versions and the offers of both sides are readable; what follows are keys (RFC 4253 section 12).
            self.ssh |= offset == 0 && bytes.starts_with(b"SSH-");
            let ssh = self.ssh && bytes.first() == Some(&0) && matches!(bytes.get(5), Some(21 | 30..=34));
            let quic =
                self.of.kind == FlowKind::Udp && phrase::of_datagram(bytes, (0, 0)).is_some_and(|text| text.starts_with("QUIC"));
            self.hidden = [(tls, "TLS"), (ssh, "SSH"), (quic, "QUIC")].into_iter().find(|(is, _)| *is).map(|(_, name)| name);
        }
        self.hidden.is_some()
    }

    fn raw(&mut self, from: Direction) -> &mut W {
        match (&mut self.other, from) {
            (Some(other), Direction::Responder) => other,
            _ => &mut self.out,
        }
    }

    /// A line that says whose bytes follow, where the side changes.
    fn heading(&mut self, from: Direction, number: u64, ts: Timestamp) -> io::Result<()> {
        if self.last == Some(from) {
            return Ok(());
        }
        self.end_line()?;
        self.last = Some(from);
        let start = *self.start.get_or_insert(ts);
        let (way, tone) = match from {
            Direction::Originator => ("C→S", Tone::Heading),
            Direction::Responder => ("S→C", Tone::Odd),
        };
        let style = self.config.style;
        let line = format!("── {way}  #{number}  {} ──", units::duration(ts - start));
        writeln!(self.out, "{}", style.paint(tone, &style.glyphs(&line)))
    }

    fn ascii(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut line = Vec::with_capacity(bytes.len());
        for &byte in bytes {
            match byte {
                b'\n' | b'\t' | b' '..=b'~' => line.push(byte),
                b'\r' => {}
                _ => line.push(b'.'),
            }
        }
        if let Some(last) = line.last() {
            self.open_line = *last != b'\n';
        }
        self.out.write_all(&line)
    }

    fn hex(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        for (row, at) in bytes.chunks(ROW).zip((offset..).step_by(ROW)) {
            write!(self.out, "{at:08x} ")?;
            for i in 0..ROW {
                if i == ROW / 2 {
                    self.out.write_all(b" ")?;
                }
                match row.get(i) {
                    Some(byte) => write!(self.out, " {byte:02x}")?,
                    None => self.out.write_all(b"   ")?,
                }
            }
            let text: String = row.iter().map(|&b| if (b' '..=b'~').contains(&b) { char::from(b) } else { '.' }).collect();
            writeln!(self.out, "  {text}")?;
        }
        Ok(())
    }

    fn gap(&mut self, from: Direction, len: u64, reason: GapReason) -> io::Result<()> {
        if !self.wants(from) {
            return Ok(());
        }
        self.followed.missing += len;
        self.sides[side(from)].missing += len;
        if self.config.form == FollowForm::Raw {
            return Ok(());
        }
        self.end_line()?;
        let why = match reason {
            GapReason::Acknowledged => "the receiver has them, the capture missed them",
            GapReason::Cut => "the capture cut the packet",
            GapReason::NoRoom => "too much waited for them",
            GapReason::End => "they never came",
        };
        let way = if from == Direction::Originator { "C→S" } else { "S→C" };
        let line = format!("[{way}: {} missing here: {why}]", units::counted(len, "byte"));
        let style = self.config.style;
        writeln!(self.out, "{}", style.paint(Tone::Bad, &style.glyphs(&line)))
    }

    fn conflict(&mut self, from: Direction, differing: u64, number: u64) -> io::Result<()> {
        if !self.wants(from) || self.config.form == FollowForm::Raw {
            return Ok(());
        }
        self.end_line()?;
        let bytes = units::counted(differing, "byte");
        let line =
            format!("[#{number} is a copy in which {bytes} differ from what came first: somebody may have forged one of them]");
        let style = self.config.style;
        writeln!(self.out, "{}", style.paint(Tone::Bad, &style.glyphs(&line)))
    }

    fn end_line(&mut self) -> io::Result<()> {
        let (count, what) = std::mem::take(&mut self.run);
        if let (Some(name), 1..) = (self.hidden, count) {
            let what = what.map_or_else(|| format!("encrypted ({name})"), |what| super::style::clean(&what).into_owned());
            let line = format!("[{}: {what}]", units::counted(count, "byte"));
            let style = self.config.style;
            writeln!(self.out, "{}", style.paint(Tone::Faint, &style.glyphs(&line)))?;
        }
        if std::mem::take(&mut self.open_line) {
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn on_end(&mut self, record: &FlowRecord) -> io::Result<()> {
        self.found = true;
        self.end_line()?;
        if self.config.form != FollowForm::Raw && self.followed == Followed::default() {
            writeln!(
                self.out,
                "{}: no data in {}",
                record.id,
                units::counted(record.orig.packets + record.resp.packets, "packet")
            )?;
        } else if self.config.form != FollowForm::Raw {
            self.foot(record)?;
        }
        Ok(())
    }

    /// Who sent how much.
    fn foot(&mut self, record: &FlowRecord) -> io::Result<()> {
        let total = |from: Direction, letter: char, end: Endpoint| {
            let Followed { bytes, missing } = self.sides[side(from)];
            let gaps = if missing > 0 { format!(" and {} missing", units::count(missing)) } else { String::new() };
            // ICMP's types and codes are no ports.
            let ports = matches!(self.of.kind, FlowKind::Tcp | FlowKind::Udp | FlowKind::Sctp);
            let end = if ports { end.to_string() } else { end.ip.to_string() };
            self.wants(from).then(|| format!("{letter} {end}: {}{gaps}", units::counted(bytes, "byte")))
        };
        let sides = [total(Direction::Originator, 'C', record.originator), total(Direction::Responder, 'S', record.responder)];
        let list = sides.into_iter().flatten().collect::<Vec<_>>().join(" · ");
        let style = self.config.style;
        writeln!(self.out, "{}", style.paint(Tone::Heading, &style.glyphs(&format!("── {list} ──"))))?;
        if let Some(name) = self.hidden.filter(|_| self.config.form == FollowForm::Ascii) {
            writeln!(self.out, "encrypted ({name}): --format hex shows the bytes")?;
        }
        Ok(())
    }
}

/// A side's place in lists of both.
const fn side(direction: Direction) -> usize {
    matches!(direction, Direction::Responder) as usize
}

impl<W: Write> Sink for FollowSink<W> {
    fn on_event(&mut self, event: &Event<'_>) -> io::Result<Keep> {
        match event {
            Event::Stream(part) if part.flow == self.of => match part.part {
                StreamPart::Data { offset, bytes, packet } => {
                    self.data(part.direction, offset, bytes, packet.number, packet.ts)?;
                }
                StreamPart::Gap { len, reason, .. } => self.gap(part.direction, len, reason)?,
                StreamPart::Conflict { differing, packet, .. } => self.conflict(part.direction, differing, packet.number)?,
                StreamPart::End(_) => {}
            },
            Event::Packet { frame, packet, note } if note.flow == Some(self.of) => {
                self.start.get_or_insert(frame.ts);
                // An ICMP error about it is no datagram of it.
                let own = packet.transport != Transport::Tcp && note.change != Some(crate::flow::Change::IcmpError);
                if let (true, Some(from)) = (own && self.of.kind != FlowKind::Tcp, note.direction) {
                    let whole = self.pieces.complete(frame, packet);
                    let bytes = whole.as_ref().map_or(packet.payload(), |whole| whole.data.as_slice());
                    let offset = &mut self.offsets[side(from)];
                    let at = *offset;
                    *offset += bytes.len() as u64;
                    self.last = None; // Each datagram by itself.
                    self.data(from, at, bytes, frame.number, frame.ts)?;
                    let len = whole.as_ref().map_or(packet.payload_len, |whole| whole.len);
                    let missing = u64::from(len).saturating_sub(bytes.len() as u64);
                    if missing > 0 {
                        self.gap(from, missing, GapReason::Cut)?;
                    }
                    self.end_line()?;
                }
            }
            Event::Packet { frame, packet, note }
                if note.flow.is_none() && packet.fragment.is_piece() && self.of.kind != FlowKind::Tcp =>
            {
                self.pieces.keep(frame, packet);
            }
            Event::Flow(record) if record.id == self.of => {
                self.on_end(record)?;
                return Ok(Keep::Enough);
            }
            Event::Summary(_) => self.flush()?,
            _ => {}
        }
        Ok(Keep::Going)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.other.as_mut().map_or(Ok(()), Write::flush)
    }
}
