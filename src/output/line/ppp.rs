//! PPP, PPPoE and MPLS.

use super::hex;
use super::walk::{Cut, Printed, Walk};
use crate::output::text::Text;

const fn name(protocol: u16) -> Option<&'static str> {
    Some(match protocol {
        0x0021 => "IP",
        0x0023 => "OSI",
        0x002b => "IPX",
        0x002d => "VJC IP",
        0x002f => "VJU IP",
        0x0031 => "BRIDGE",
        0x003d => "ML",
        0x0053 => "Encrypted",
        0x0057 => "IP6",
        0x00fd => "COMP",
        0x0281 | 0x0283 => "MPLS",
        0x8021 => "IPCP",
        0x8057 => "IP6CP",
        0x80fd => "CCP",
        0x8281 => "MPLSCP",
        0xc021 => "LCP",
        0xc023 => "PAP",
        0xc025 => "LQM",
        0xc223 => "CHAP",
        0xc227 => "EAP",
        _ => return None,
    })
}

/// The name of a control packet's code (RFC 1661 section 5).
const fn code(code: u8) -> Option<&'static str> {
    Some(match code {
        1 => "Conf-Request",
        2 => "Conf-Ack",
        3 => "Conf-Nack",
        4 => "Conf-Reject",
        5 => "Term-Request",
        6 => "Term-Ack",
        7 => "Code-Reject",
        8 => "Prot-Reject",
        9 => "Echo-Request",
        10 => "Echo-Reply",
        11 => "Disc-Req",
        _ => return None,
    })
}

impl Walk<'_> {
    /// A frame of PPP, with or without the address and control bytes of HDLC. Gives its header's length.
    pub(super) fn ppp_frame(&mut self, length: u32) -> Result<usize, Cut> {
        self.layer = "ppp";
        if length < 4 {
            return Err(Cut);
        }
        self.need(0, 4)?;
        self.ppp(0, length)?;
        // tcpdump takes every header of this link type to have four bytes when it dumps the rest.
        Ok(4)
    }

    /// PPP from its first byte, which may be of the HDLC header or of the (maybe shortened) protocol number.
    pub(super) fn ppp(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "ppp";
        self.need(at, 2)?;
        let mut p = at;
        if self.u16(p)? == 0xff03 {
            p += 2;
        }
        // The low bit of the first byte tells a number of one byte (RFC 1661 section 6.5).
        let protocol = if self.u8(p)? & 1 == 1 {
            p += 1;
            u16::from(self.u8(p - 1)?)
        } else {
            p += 2;
            self.u16(p - 2)?
        };
        if self.options.link_header {
            self.put(format_args!("{} (0x{protocol:04x}), length {length}", name(protocol).unwrap_or("unknown")));
            if name(protocol).is_none() {
                return Ok(());
            }
            self.text(": ");
        }
        self.ppp_payload(protocol, p, length.saturating_sub((p - at) as u32))
    }

    /// PPP in HDLC-like framing (RFC 1662). Gives its header's length.
    pub(super) fn ppp_hdlc_frame(&mut self, length: u32) -> Result<usize, Cut> {
        self.layer = "ppp_hdlc";
        self.need(0, 4)?;
        let (address, control, protocol) = (self.u8(0)?, self.u8(1)?, self.u16(2)?);
        if self.options.link_header {
            self.put(format_args!("{address:02x} {control:02x} {length} "));
        }
        if (address, control) != (0xff, 3) {
            self.put(format_args!("unknown addr {address:02x}; ctrl {control:02x}"));
            return Ok(4);
        }
        self.named(name(protocol), format_args!("unknown PPP protocol (0x{protocol:04x})"));
        self.text(": ");
        self.ppp_payload(protocol, 4, length.saturating_sub(4))?;
        Ok(4)
    }

    fn ppp_payload(&mut self, protocol: u16, at: usize, length: u32) -> Printed {
        match protocol {
            0x0021 => self.inside(usize::MAX, |w| w.ip4(at, length)),
            0x0057 => self.inside(usize::MAX, |w| w.ip6(at, length)),
            0x0281 | 0x0283 => self.inside(usize::MAX, |w| w.mpls(at, length)),
            0x8021 | 0x8057 | 0x80fd | 0x8281 | 0xc021 => {
                let (kind, id) = (self.u8(at)?, self.u8(at + 1)?);
                self.text(name(protocol).unwrap_or_default());
                self.text(", ");
                self.named(code(kind), format_args!("Unknown Opcode"));
                self.put(format_args!(" (0x{kind:02x}), id {id}, length {}", length + 2));
                Ok(())
            }
            _ => {
                self.named(name(protocol), format_args!("unknown PPP protocol (0x{protocol:04x})"));
                self.text(" ");
                let rest = self.rest(at);
                hex::hex(self.out, "\n\t", rest);
                Ok(())
            }
        }
    }

    /// PPPoE (RFC 2516), from behind the Ethernet header on. Gives its header's length.
    pub(super) fn pppoe(&mut self, at: usize, length: u32) -> Result<usize, Cut> {
        self.layer = "pppoe";
        self.need(at, 6)?;
        let (version, kind) = (self.u8(at)? >> 4, self.u8(at)? & 15);
        if version != 1 {
            self.put(format_args!(" [ver {version}]"));
        }
        if kind != 1 {
            self.put(format_args!(" [type {kind}]"));
        }
        let (what, session) = (self.u8(at + 1)?, self.u16(at + 2)?);
        let said = u32::from(self.u16(at + 4)?);
        self.text("PPPoE ");
        match what {
            0 => {}
            0x09 => self.text("PADI"),
            0x07 => self.text("PADO"),
            0x19 => self.text("PADR"),
            0x65 => self.text("PADS"),
            0xa7 => self.text("PADT"),
            _ => self.put(format_args!("PAD-{what:X}")),
        }
        if what == 0 || session != 0 {
            self.put(format_args!(" [ses 0x{session:x}]"));
        }
        if length.saturating_sub(6) < said {
            self.put(format_args!(" [length {} < {said}]", length.saturating_sub(6)));
            self.invalid();
            return Ok(6);
        }
        let p = at + 6;
        if what == 0 {
            self.text(" ");
            self.inside(p.saturating_add(said as usize), |w| w.ppp(p, said))?;
            return Ok(6);
        }
        self.pppoe_tags(p, said as usize)?;
        Ok(6)
    }

    fn pppoe_tags(&mut self, at: usize, size: usize) -> Printed {
        let mut p = at;
        while p + 4 <= at + size {
            let (kind, len) = (self.u16(p)?, usize::from(self.u16(p + 2)?));
            let name = match kind {
                0x0000 => Some("EOL"),
                0x0101 => Some("Service-Name"),
                0x0102 => Some("AC-Name"),
                0x0103 => Some("Host-Uniq"),
                0x0104 => Some("AC-Cookie"),
                0x0105 => Some("Vendor-Specific"),
                0x0110 => Some("Relay-Session-ID"),
                0x0120 => Some("PPP-Max-Payload"),
                0x0201 => Some("Service-Name-Error"),
                0x0202 => Some("AC-System-Error"),
                0x0203 => Some("Generic-Error"),
                _ => None,
            };
            self.text(" [");
            self.named(name, format_args!("TAG-0x{kind:x}"));
            if len > 0 {
                let value = self.slice(p + 4, len)?;
                if value.iter().all(|b| (b' '..0x7f).contains(b)) {
                    self.text(" \"");
                    self.out.extend_from_slice(value);
                    self.text("\"");
                } else {
                    self.text(" 0x");
                    self.hex_bytes(&value[..len.min(20)]);
                    if len > 20 {
                        self.text("...");
                    }
                }
            }
            self.text("]");
            if kind == 0 {
                break;
            }
            p += 4 + len;
        }
        Ok(())
    }

    /// A stack of MPLS labels (RFC 3032) and what is behind it.
    pub(super) fn mpls(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "mpls";
        self.text("MPLS");
        let mut p = at;
        let label = loop {
            let left = (length as usize).saturating_sub(p - at);
            if left < 4 {
                return Err(Cut);
            }
            let entry = self.u32(p)?;
            p += 4;
            let label = entry >> 12;
            // With -v, labels after the first have a line of their own.
            self.text(if self.verbose(1) && p > at + 4 { "\n\t" } else { " " });
            self.put(format_args!("(label {label}"));
            if self.verbose(1) {
                self.text(match label {
                    0 => " (IPv4 explicit NULL)",
                    1 => " (router alert)",
                    2 => " (IPv6 explicit NULL)",
                    3 => " (implicit NULL)",
                    4..=15 => " (rsvd)",
                    _ => "",
                });
            }
            self.put(format_args!(", tc {}", entry >> 9 & 7));
            if entry & 0x100 != 0 {
                self.text(", [S]");
            }
            self.put(format_args!(", ttl {})", entry & 0xff));
            if entry & 0x100 != 0 {
                break label;
            }
        };
        let left = length.saturating_sub((p - at) as u32);
        if left == 0 {
            return Ok(());
        }
        // Explicit NULL says what follows; otherwise its first byte has to.
        let version = match label {
            0 => 4,
            2 => 6,
            _ => match self.u8(p)? {
                0x45..=0x4f => 4,
                0x60..=0x6f => 6,
                _ => return Ok(()),
            },
        };
        self.text(if self.verbose(1) { "\n\t" } else { " " });
        if version == 4 { self.inside(usize::MAX, |w| w.ip4(p, left)) } else { self.inside(usize::MAX, |w| w.ip6(p, left)) }
    }
}
