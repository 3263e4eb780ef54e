//! One packet, one line: tcpdump's line (`tcpdump -n`), and after ` ; ` what the tracker says of the packet.
//!
//! [`LinePrinter::write`] walks the captured bytes itself instead of the decoded [`Packet`]: what tcpdump prints of broken,
//! cut and nested headers follows its own rules, and with [`LineOptions::plain`] the lines equal its lines. The reference
//! is version 4.99.3. What applications say (DNS, HTTP …) is not printed: `UDP, length 29` stands there.
//!
//! A file per question: `time`, `link` and `ethernet` lead in, `protocol` leads from IP on, `walk` holds
//! the state, `relative` the sequence numbers that lines count from, `note` our part, `hex` the bytes.

mod arp;
mod cooked;
mod ethernet;
mod hex;
mod icmp;
mod icmp6;
mod ip;
mod ip4_options;
mod ip6;
mod link;
mod llc;
mod mptcp;
mod ndp;
mod note;
mod options;
mod ppp;
mod protocol;
mod relative;
mod rpl;
mod sum;
mod tcp;
mod tcp_options;
#[cfg(test)]
mod tests;
mod time;
mod tunnel;
mod udp;
mod walk;
mod wifi;
mod zone;

pub use options::{HexMode, InterfaceName, LineOptions, TimeFormat, Zone};
pub use zone::NamedZone;

use crate::decode::Packet;
use crate::flow::Note;
use crate::model::{Frame, SourceInfo};
use crate::output::host_names::HostNames;
use crate::output::interface_names::InterfaceNames;
use crate::output::text::Text;
use relative::Relative;
use time::Clock;
use walk::{KnownScale, Walk};

/// Writes packets as lines of text.
#[derive(Debug)]
pub struct LinePrinter {
    options: LineOptions,
    clock: Clock,
    relative: Relative,
    names: Option<Box<dyn HostNames>>,
    interfaces: InterfaceNames,
    printed: u64,
}

impl LinePrinter {
    /// A printer that has printed nothing yet.
    #[must_use]
    pub fn new(options: LineOptions) -> Self {
        Self {
            options,
            clock: Clock::default(),
            relative: Relative::new(relative::CAPACITY),
            names: None,
            interfaces: InterfaceNames::default(),
            printed: 0,
        }
    }

    /// The same printer with names of hosts in place of their addresses, where they are known.
    #[must_use]
    pub fn with_names(self, names: Option<Box<dyn HostNames>>) -> Self {
        Self { names, ..self }
    }

    /// Takes in what is known of a source: where it has several interfaces, our part of a line names the packet's.
    pub fn source(&mut self, index: u16, info: &SourceInfo) {
        self.interfaces.learn(index, info);
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &LineOptions {
        &self.options
    }

    /// Appends all lines of one packet to `out`, the last one ended. `packet` and `note` are what the decoder and the
    /// tracker say of the same frame.
    ///
    /// Whatever the frame holds, what is written is bounded by a small multiple of its length, and has no control
    /// characters but line feeds and tabs.
    pub fn write(&mut self, out: &mut Vec<u8>, frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) {
        self.put(out, frame, packet, note, true);
    }

    /// Can lines be made before their verdicts are known, as [`Self::draft`] makes them? Not where they are longer than what they are
    /// made of, nor where a name that is not known yet may be known when they are written.
    #[must_use]
    pub fn makes_drafts(&self) -> bool {
        self.options.hex == HexMode::None && self.names.is_none()
    }

    /// The same lines without the words of the verdict, and where in `out` they are missing.
    pub fn draft(&mut self, out: &mut Vec<u8>, frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) -> usize {
        self.put(out, frame, packet, note, false)
    }

    /// Appends the words of a verdict, which belong into a draft.
    pub fn write_opinion(&self, out: &mut Vec<u8>, note: &Note) {
        note::write_opinion(out, note, &self.options);
    }

    /// Says where the words of the verdict are or belong.
    fn put(&mut self, out: &mut Vec<u8>, frame: &Frame<'_>, packet: &Packet<'_>, note: &Note, with_opinion: bool) -> usize {
        let options = &self.options;
        self.printed += 1;
        if options.number {
            out.padded(self.printed, 5, b' ');
            out.text("  ");
        }
        self.clock.write(out, frame.ts, options);
        let header = if invalid_lengths(out, frame) {
            0
        } else {
            let scale = if options.plain || options.verbosity == 0 { None } else { known_scale(frame, packet, note) };
            let mut walk = Walk::new(out, options, &mut self.relative, frame.bytes, scale);
            walk.names = self.names.as_mut();
            let header = walk.frame(frame.link, frame.wire_len);
            header.unwrap_or_else(|_| {
                walk.cut_mark();
                0 // then all of the frame is shown with -x
            })
        };
        let mut opinion_at = out.len();
        if !options.plain {
            note::write_start(out, frame, note, &self.interfaces, options);
            opinion_at = out.len();
            if with_opinion {
                note::write_opinion(out, note, options);
            }
            note::write_marks(out, frame.marks, options);
        }
        hex::dump(out, options, frame.bytes, header);
        out.push(b'\n');
        opinion_at
    }
}

/// Says so where the lengths of a frame cannot be.
fn invalid_lengths(out: &mut Vec<u8>, frame: &Frame<'_>) -> bool {
    let captured = frame.bytes.len();
    if captured != 0 && frame.wire_len != 0 && captured as u64 <= u64::from(frame.wire_len) {
        return false;
    }
    out.text("[Invalid header:");
    let mut between = " ";
    if captured == 0 {
        out.text(between);
        out.text("caplen==0");
        between = ", ";
    }
    if frame.wire_len == 0 {
        out.text(between);
        out.text("len==0");
    } else if captured as u64 > u64::from(frame.wire_len) {
        out.put(format_args!("{between}len({}) < caplen({captured})", frame.wire_len));
    }
    out.text("]");
    true
}

/// The window scale of the note, and the TCP header it belongs to; none where the packet is a joined datagram.
fn known_scale(frame: &Frame<'_>, packet: &Packet<'_>, note: &Note) -> Option<KnownScale> {
    let same = std::ptr::eq(frame.bytes.as_ptr(), packet.bytes.as_ptr());
    Some(KnownScale { at: packet.transport_at as usize, shift: note.window_scale.filter(|_| same)? })
}
