//! ARP (RFC 826), reverse and inverse ARP.

use super::hex;
use super::walk::{Printed, Walk};
use crate::output::text::Text;

const HEADER: usize = 8;
const IPV4: u16 = 0x0800;
/// RFC 893.
const TRAILERS: u16 = 0x1000;

impl Walk<'_> {
    /// An ARP packet: `length` bytes of the wire from `at` on.
    pub(super) fn arp(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "arp";
        self.need(at, HEADER)?;
        let (hardware, protocol) = (self.u16(at)?, self.u16(at + 2)?);
        let (hlen, plen) = (usize::from(self.u8(at + 4)?), usize::from(self.u8(at + 5)?));
        let operation = self.u16(at + 6)?;
        let sizes = 2 * hlen + 2 * plen;
        self.need(at, HEADER + sizes)?;
        if !self.options.link_header {
            self.text("ARP, ");
        }
        let plain = (protocol == IPV4 || protocol == TRAILERS) && plen == 4 && hlen != 0;
        if !plain || self.verbose(1) {
            self.arp_kinds(hardware, hlen, protocol, plen);
        }
        if !plain && !self.verbose(1) {
            self.put(format_args!("length {length}"));
            return Ok(());
        }
        let sender = at + HEADER;
        let sender_ip = sender + hlen;
        let target = sender_ip + plen;
        let target_ip = target + hlen;
        let address = |w: &mut Self, at| w.protocol_address(at, protocol, plen);
        match operation {
            1 => {
                self.text("Request who-has ");
                address(self, target_ip)?;
                if self.slice(target, hlen)?.iter().any(|b| *b != 0) {
                    self.text(" (");
                    self.hardware(target, hlen)?;
                    self.text(")");
                }
                self.text(" tell ");
                address(self, sender_ip)?;
            }
            2 => {
                self.text("Reply ");
                address(self, sender_ip)?;
                self.text(" is-at ");
                self.hardware(sender, hlen)?;
            }
            3 | 8 => {
                self.text(if operation == 3 { "Reverse Request who-is " } else { "Inverse Request who-is " });
                self.hardware(target, hlen)?;
                self.text(" tell ");
                self.hardware(sender, hlen)?;
            }
            4 => {
                self.text("Reverse Reply ");
                self.hardware(target, hlen)?;
                self.text(" at ");
                address(self, target_ip)?;
            }
            9 => {
                self.text("Inverse Reply ");
                self.hardware(sender, hlen)?;
                self.text(" at ");
                address(self, sender_ip)?;
            }
            _ => {
                self.named((operation == 10).then_some("NACK Reply"), format_args!("Unknown ({operation})"));
                self.text(" ");
                let rest = self.rest(at);
                hex::hex_ascii(self.out, "\n\t", rest);
                return Ok(());
            }
        }
        self.text(", length ");
        self.dec(length);
        Ok(())
    }

    /// `Ethernet (len 6), IPv4 (len 4), `.
    fn arp_kinds(&mut self, hardware: u16, hlen: usize, protocol: u16, plen: usize) {
        let name = match hardware {
            1 => Some("Ethernet"),
            6 => Some("TokenRing"),
            7 => Some("ArcNet"),
            15 => Some("FrameRelay"),
            17 => Some("Strip"),
            24 => Some("IEEE 1394"),
            19 => Some("ATM"),
            32 => Some("InfiniBand"),
            _ => None,
        };
        self.named(name, format_args!("Unknown Hardware ({hardware})"));
        self.put(format_args!(" (len {hlen}), "));
        self.named(super::ethernet::name(protocol), format_args!("Unknown Protocol (0x{protocol:04x})"));
        self.put(format_args!(" (len {plen}), "));
    }

    fn protocol_address(&mut self, at: usize, protocol: u16, plen: usize) -> Printed {
        if protocol != IPV4 && protocol != TRAILERS {
            self.text("<wrong proto type>");
        } else if plen != 4 {
            self.text("<wrong len>");
        } else {
            self.ipv4_at(at)?;
        }
        Ok(())
    }

    fn hardware(&mut self, at: usize, size: usize) -> Printed {
        if size == 0 {
            self.text("<empty>");
        }
        let address = self.slice(at, size)?;
        self.mac(address);
        Ok(())
    }
}
