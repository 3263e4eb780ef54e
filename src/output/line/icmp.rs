//! ICMP (RFC 792, RFC 950, RFC 1191, RFC 1256), the datagram that an error quotes, and extension objects (RFC 4884).

use super::hex;
use super::walk::{Printed, Walk};
use crate::output::text::Text;

const HEADER: usize = 8;
const UNREACHABLE: u8 = 3;
const TIME_EXCEEDED: u8 = 11;
const PARAMETER: u8 = 12;
/// Extensions are looked for behind this much of the quoted datagram (RFC 4884 section 5.1).
const QUOTE: usize = 128;

impl Walk<'_> {
    /// A message: `length` bytes of the wire from `at` on.
    pub(super) fn icmp(&mut self, at: usize, length: u32, piece: bool) -> Printed {
        self.layer = "icmp";
        let start = self.out.len();
        let words = self.icmp_words(at);
        if words.is_err() {
            self.out.truncate(start);
            return words;
        }
        self.text(", length ");
        self.dec(length);
        if !self.verbose(1) {
            return Ok(());
        }
        if !piece && let Ok(message) = self.slice(at, length as usize) {
            let sum = super::sum::internet(&[message]);
            if sum != 0 {
                let seen = self.u16(at + 2)?;
                self.put(format_args!(" (wrong icmp cksum {seen:x} (->{:x})!)", super::sum::expected(seen, sum)));
            }
        }
        let kind = self.u8(at)?;
        if matches!(kind, UNREACHABLE | 4 | 5 | TIME_EXCEEDED | PARAMETER) {
            self.quoted(at + HEADER)?;
        }
        let extended = matches!(kind, UNREACHABLE | TIME_EXCEEDED | PARAMETER);
        if extended && self.icmp_extensions(at, length).is_err() {
            self.cut_mark();
        }
        Ok(())
    }

    /// The datagram an error is about, taken to be as long as its own header says.
    fn quoted(&mut self, at: usize) -> Printed {
        self.text("\n\t");
        let total = u32::from(self.u16(at + 2)?);
        self.inside(at.saturating_add(total as usize), |w| {
            w.need(at, 4)?; // the length itself
            w.ip4(at, total)
        })
    }

    fn icmp_words(&mut self, at: usize) -> Printed {
        let (kind, code) = (self.u8(at)?, self.u8(at + 1)?);
        self.text("ICMP ");
        match kind {
            0 | 8 => {
                let (id, seq) = (self.u16(at + 4)?, self.u16(at + 6)?);
                self.text(if kind == 0 { "echo reply, id " } else { "echo request, id " });
                self.dec(id);
                self.text(", seq ");
                self.dec(seq);
            }
            UNREACHABLE => self.unreachable(at, code)?,
            4 => self.text("source quench"),
            5 => self.redirect(at, code)?,
            9 => self.router_advertisement(at)?,
            10 => self.text("router solicitation"),
            TIME_EXCEEDED => match code {
                0 => self.text("time exceeded in-transit"),
                1 => self.text("ip reassembly time exceeded"),
                _ => self.put(format_args!("time exceeded-#{code}")),
            },
            PARAMETER if code != 0 => self.put(format_args!("parameter problem - code {code}")),
            PARAMETER => {
                let octet = self.u8(at + 4)?;
                self.put(format_args!("parameter problem - octet {octet}"));
            }
            13 | 14 => {
                let (id, seq) = (self.u16(at + 4)?, self.u16(at + 6)?);
                let words = if kind == 13 { "query" } else { "reply" };
                self.put(format_args!("time stamp {words} id {id} seq {seq}"));
                if kind == 14 {
                    for (before, offset) in [(": org ", 8), (", recv ", 12), (", xmit ", 16)] {
                        let time = self.u32(at + offset)?;
                        self.text(before);
                        self.milliseconds_of_day(time);
                    }
                }
            }
            15 => self.text("information request"),
            16 => self.text("information reply"),
            17 => self.text("address mask request"),
            18 => {
                let mask = self.u32(at + 8)?;
                self.put(format_args!("address mask is 0x{mask:08x}"));
            }
            _ => self.put(format_args!("type-#{kind}")),
        }
        Ok(())
    }

    fn unreachable(&mut self, at: usize, code: u8) -> Printed {
        let quoted = at + HEADER;
        let target = quoted + 16;
        let (before, after) = match code {
            0 => ("net ", ""),
            1 => ("host ", ""),
            2 => {
                let protocol = self.u8(quoted + 9)?;
                self.ipv4_at(target)?;
                self.put(format_args!(" protocol {protocol} unreachable"));
                return Ok(());
            }
            3 => return self.port_unreachable(quoted),
            4 => {
                let mtu = self.u16(at + 6)?;
                self.ipv4_at(target)?;
                self.text(" unreachable - need to frag");
                if mtu != 0 {
                    self.put(format_args!(" (mtu {mtu})"));
                }
                return Ok(());
            }
            5 => ("", " - source route failed"),
            6 => ("net ", " - unknown"),
            7 => ("host ", " - unknown"),
            8 => ("", " - source host isolated"),
            9 => ("net ", " - admin prohibited"),
            10 => ("host ", " - admin prohibited"),
            11 => ("net ", " - tos prohibited"),
            12 => ("host ", " - tos prohibited"),
            13 => ("host ", " - admin prohibited filter"),
            14 => ("host ", " - host precedence violation"),
            15 => ("host ", " - precedence cutoff"),
            _ => {
                self.ipv4_at(target)?;
                self.put(format_args!(" unreachable - #{code}"));
                return Ok(());
            }
        };
        self.text(before);
        self.ipv4_at(target)?;
        self.text(" unreachable");
        self.text(after);
        Ok(())
    }

    fn port_unreachable(&mut self, quoted: usize) -> Printed {
        let header = usize::from(self.u8(quoted)? & 15) * 4;
        let protocol = self.u8(quoted + 9)?;
        let port = self.u16(quoted + header + 2)?;
        self.ipv4_at(quoted + 16)?;
        match protocol {
            6 => self.text(" tcp port "),
            17 => self.text(" udp port "),
            _ => self.put(format_args!(" protocol {protocol} port ")),
        }
        self.dec(port);
        self.text(" unreachable");
        Ok(())
    }

    fn redirect(&mut self, at: usize, code: u8) -> Printed {
        match code {
            0 | 1 => self.text("redirect "),
            2 | 3 => self.text("redirect-tos "),
            _ => self.put(format_args!("redirect-#{code} ")),
        }
        self.ipv4_at(at + HEADER + 16)?;
        self.text(match code {
            0 | 2 => " to net ",
            1 | 3 => " to host ",
            _ => " to ",
        });
        self.ipv4_at(at + 4)
    }

    fn router_advertisement(&mut self, at: usize) -> Printed {
        self.text("router advertisement lifetime ");
        let (count, size, lifetime) = (self.u8(at + 4)?, self.u8(at + 5)?, self.u16(at + 6)?);
        match lifetime {
            0..60 => self.dec(lifetime),
            60..3600 => self.put(format_args!("{}:{:02}", lifetime / 60, lifetime % 60)),
            _ => self.put(format_args!("{}:{:02}:{:02}", lifetime / 3600, lifetime / 60 % 60, lifetime % 60)),
        }
        self.put(format_args!(" {count}:"));
        if size != 2 {
            self.put(format_args!(" [size {size}]"));
            return Ok(());
        }
        for i in 0..usize::from(count) {
            self.text(" {");
            self.ipv4_at(at + HEADER + 8 * i)?;
            let preference = self.u32(at + HEADER + 8 * i + 4)?;
            self.put(format_args!(" {preference}}}"));
        }
        Ok(())
    }

    fn milliseconds_of_day(&mut self, time: u32) {
        let seconds = time / 1000;
        self.put(format_args!("{:02}:{:02}:{:02}.{:03}", seconds / 3600, seconds / 60 % 60, seconds % 60, time % 1000));
    }

    /// Objects behind the quoted datagram.
    fn icmp_extensions(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "icmp";
        let header = at + HEADER + QUOTE;
        let size = (length as usize).saturating_sub(HEADER + QUOTE);
        if size <= 4 {
            return Ok(());
        }
        self.need(header, 4)?;
        let sum = self.slice(header, size).ok().map(super::sum::of);
        // Older senders do not say how long the quote is: then a wrong checksum tells that this is no extension.
        if self.u8(at + 5)? == 0 && sum.is_some_and(|sum| sum != 0) {
            return Ok(());
        }
        let version = self.u8(header)? >> 4;
        self.put(format_args!("\n\tICMP Multi-Part extension v{version}"));
        if version != 2 {
            self.text(" packet not supported");
            return Ok(());
        }
        if let Some(sum) = sum {
            let seen = self.u16(header + 2)?;
            let right = if sum == 0 { "correct" } else { "incorrect" };
            self.put(format_args!(", checksum 0x{seen:04x} ({right}), length {size}"));
        }
        let (mut p, end) = (header + 4, at + length as usize);
        while p + 4 < end {
            let size = usize::from(self.u16(p)?);
            let (class, kind) = (self.u8(p + 2)?, self.u8(p + 3)?);
            let name = match class {
                1 => "MPLS Stack Entry",
                2 => "Interface Identification",
                _ => "unknown",
            };
            self.put(format_args!("\n\t  {name} Object ({class}), Class-Type: {kind}, length {size}"));
            if size < 4 || p + 4 > end {
                return Ok(());
            }
            self.icmp_object(p + 4, size - 4, class, kind)?;
            p += size;
        }
        Ok(())
    }

    fn icmp_object(&mut self, at: usize, size: usize, class: u8, kind: u8) -> Printed {
        if class == 1 && kind == 1 {
            if size >= 4 {
                // tcpdump shows the first label of the stack.
                let entry = self.u32(at)?;
                self.put(format_args!("\n\t    label {}, tc {}", entry >> 12, entry >> 9 & 7));
                self.text(if entry & 0x100 != 0 { ", [S]" } else { "" });
                self.put(format_args!(", ttl {}", entry & 255));
            }
            return Ok(());
        }
        let there = self.left(at).min(size);
        let bytes = self.slice(at, there)?;
        hex::hex(self.out, "\n\t    ", bytes);
        self.need(at, size)
    }
}
