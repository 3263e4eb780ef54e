//! TCP segments.

use super::ip::Datagram;
use super::relative::{Base, Key};
use super::tcp_options::Segment;
use super::walk::{Cut, Printed, Walk};
use crate::model::IpProtocol;
use crate::output::text::Text;

/// The letters of the flags, from the lowest bit.
const FLAGS: &[u8; 8] = b"FSRP.UEW";
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const URG: u8 = 32;
const HEADER: u32 = 20;
/// Most bytes shown of what comes with a RST (RFC 9293 section 3.5.2 allows diagnostic data there).
const MAX_RESET_TEXT: u32 = 30;

impl Walk<'_> {
    /// A segment: `length` bytes of the wire from `at` on.
    pub(super) fn tcp(&mut self, datagram: Datagram, at: usize, length: u32) -> Printed {
        self.layer = "tcp";
        let (Ok(sport), Ok(dport)) = (self.u16(at), self.u16(at + 2)) else {
            self.ends_without_ports(datagram)?;
            self.cut_mark();
            return Ok(());
        };
        self.ends(datagram, IpProtocol::TCP, (sport, dport))?;
        self.need(at, HEADER as usize)?;
        let header = u32::from(self.u8(at + 12)? >> 4) * 4;
        if header < HEADER {
            self.put(format_args!(" tcp {} [bad hdr length {header} - too short, < 20]", length.wrapping_sub(header)));
            return Ok(());
        }
        let data = length.wrapping_sub(header);
        if self.options.quiet {
            self.text("tcp ");
            self.dec(data);
            if header > length {
                self.put(format_args!(" [bad hdr length {header} - too long, > {length}]"));
            }
            return Ok(());
        }
        let flags = self.u8(at + 13)?;
        self.flags(flags);
        if header > length {
            self.put(format_args!(" [bad hdr length {header} - too long, > {length}]"));
            return Ok(());
        }
        if self.verbose(1) && !self.options.no_checksums && !datagram.piece {
            self.tcp_checksum(datagram, at, length)?;
        }
        if !self.tcp_numbers(datagram, at, (sport, dport), flags, header, data)? {
            return Ok(());
        }
        self.text(", length ");
        self.dec(data);
        if data > 0 && flags & RST != 0 && self.verbose(1) {
            self.reset_text(at + header as usize, data)?;
        }
        Ok(())
    }

    /// `Flags [P.]`.
    fn flags(&mut self, flags: u8) {
        self.text("Flags [");
        if flags == 0 {
            self.text("none");
        }
        for (bit, letter) in FLAGS.iter().enumerate() {
            if flags >> bit & 1 != 0 {
                self.out.push(*letter);
            }
        }
        self.text("]");
    }

    fn tcp_checksum(&mut self, datagram: Datagram, at: usize, length: u32) -> Printed {
        let Some(sum) = self.transport_sum(datagram, IpProtocol::TCP, at, length) else {
            return Ok(());
        };
        let seen = self.u16(at + 16)?;
        self.text(", cksum 0x");
        self.hex_wide(seen, 4);
        if sum == 0 {
            self.text(" (correct)");
        } else {
            self.text(" (incorrect -> 0x");
            self.hex_wide(super::sum::expected(seen, sum), 4);
            self.text(")");
        }
        Ok(())
    }

    /// Sequence numbers, window, urgent pointer, options. `false`: broken off.
    fn tcp_numbers(
        &mut self,
        datagram: Datagram,
        at: usize,
        ports: (u16, u16),
        flags: u8,
        header: u32,
        data: u32,
    ) -> Result<bool, Cut> {
        let (seq, ack) = (self.u32(at + 4)?, self.u32(at + 8)?);
        let base = self.tcp_base(datagram, ports, flags, seq, ack)?;
        if self.verbose(2) || data > 0 || flags & (FIN | SYN | RST) != 0 {
            let seq = seq.wrapping_sub(base.seq);
            self.text(", seq ");
            self.dec(seq);
            if data > 0 {
                self.text(":");
                self.dec(seq.wrapping_add(data));
            }
        }
        if flags & ACK != 0 {
            self.text(", ack ");
            self.dec(ack.wrapping_sub(base.ack));
        }
        let window = self.u16(at + 14)?;
        self.text(", win ");
        self.dec(window);
        if let Some(scale) = self.scale
            && scale.at == at
            && flags & SYN == 0
        {
            // RFC 7323 section 2.2: windows of segments with SYN are never scaled.
            self.text(" (=");
            self.dec(u64::from(window) << scale.shift.min(14));
            self.text(")");
        }
        if flags & URG != 0 {
            self.text(", urg ");
            let urgent = self.u16(at + 18)?;
            self.dec(urgent);
        }
        if header == HEADER {
            return Ok(true);
        }
        let segment = Segment { flags, base: base.sack, whole: self.has(at, (header + data) as usize) };
        self.tcp_options(at + HEADER as usize, (header - HEADER) as usize, segment)
    }

    /// What to subtract from the numbers: nothing with `-S` or without the ACK flag.
    fn tcp_base(&mut self, datagram: Datagram, ports: (u16, u16), flags: u8, seq: u32, ack: u32) -> Result<Base, Cut> {
        if self.options.absolute_seq || flags & ACK == 0 {
            return Ok(Base::default());
        }
        let at = datagram.at;
        let (source, target) = if datagram.v6 {
            (u128::from_be_bytes(self.array(at + 8)?), u128::from_be_bytes(self.array(at + 24)?))
        } else {
            (u128::from(self.u32(at + 12)?), u128::from(self.u32(at + 16)?))
        };
        let (key, back) = Key::new((source, ports.0), (target, ports.1), datagram.v6);
        Ok(self.relative.base(key, back, flags & SYN != 0, seq, ack))
    }

    /// The text that comes with a RST, for people.
    fn reset_text(&mut self, at: usize, data: u32) -> Printed {
        let shown = data.min(MAX_RESET_TEXT) as usize;
        let there = self.left(at).min(shown);
        self.text(if there < shown { " [!RST" } else { " [RST" });
        if data > MAX_RESET_TEXT {
            self.text("+");
        }
        self.text(" ");
        for &byte in self.slice(at, there)? {
            self.visible(byte);
        }
        self.text("]");
        Ok(())
    }
}
