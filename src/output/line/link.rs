//! What the first byte of a frame belongs to: the way into a frame for each link type that is printed.

use super::ethernet;
use super::text::Text;
use super::walk::{Cut, Walk};
use crate::model::LinkType;

/// "EtherType" of Linux cooked captures for an 802.2 LLC header.
pub(super) const LLC: u16 = 4;
/// "EtherType" of Linux cooked captures for Novell's 802.3 frames without LLC.
pub(super) const NETWARE: u16 = 1;

impl Walk<'_> {
    /// Prints a frame of `length` bytes on the wire. Gives the length of its link header.
    pub(super) fn frame(&mut self, link: LinkType, length: u32) -> Result<usize, Cut> {
        match link {
            LinkType::ETHERNET => self.ethernet(0, length),
            LinkType::LINUX_SLL => self.sll(length),
            LinkType::LINUX_SLL2 => self.sll2(length),
            LinkType::NULL | LinkType::LOOP => self.loopback(length),
            LinkType::RAW | LinkType::RAW_12 | LinkType::RAW_14 | LinkType::IPV4 | LinkType::IPV6 => self.raw(length),
            LinkType::PPP => self.ppp_frame(length),
            LinkType::PPP_HDLC => self.ppp_hdlc_frame(length),
            LinkType::PPP_ETHER => self.pppoe(0, length),
            LinkType::IEEE802_11 => self.wifi(0, length),
            LinkType::IEEE802_11_RADIOTAP => self.radiotap(length),
            LinkType(number) => {
                self.put(format_args!("link type {number}, length {length}: "));
                self.unread(0);
                Ok(0)
            }
        }
    }

    /// IP at once, version told by the first nibble.
    fn raw(&mut self, length: u32) -> Result<usize, Cut> {
        self.layer = "raw";
        if self.options.link_header {
            self.text("ip: ");
        }
        match self.u8(0)? >> 4 {
            4 => self.ip4(0, length)?,
            6 => self.ip6(0, length)?,
            version => self.put(format_args!("unknown ip {version}")),
        }
        Ok(0)
    }

    /// Four bytes of address family, in the order of the host that captured: one that would be too great is turned.
    fn loopback(&mut self, length: u32) -> Result<usize, Cut> {
        self.layer = "null";
        let family = self.u32(0)?;
        let family = if family & 0xffff_0000 != 0 { family.swap_bytes() } else { family };
        let name = match family {
            2 => Some("IPv4"),
            24 | 28 | 30 => Some("IPv6"),
            7 => Some("ISO"),
            16 => Some("AppleTalk"),
            23 => Some("IPX"),
            _ => None,
        };
        if self.options.link_header {
            self.loopback_header(name, family, length);
        }
        let left = length.saturating_sub(4);
        match family {
            2 => self.ip4(4, left)?,
            24 | 28 | 30 => self.ip6(4, left)?,
            _ => {
                if !self.options.link_header {
                    self.loopback_header(name, family, length);
                }
                self.unread(4);
            }
        }
        Ok(4)
    }

    fn loopback_header(&mut self, name: Option<&str>, family: u32, length: u32) {
        if self.options.quiet {
            self.named(name, format_args!("Unknown AF {family}"));
        } else {
            self.put(format_args!("AF {} ({family})", name.unwrap_or("Unknown")));
        }
        self.put(format_args!(", length {length}: "));
    }

    /// An LLC header (IEEE 802.2) and what it leads to. Gives the header's length.
    /// `ether` is where the Ethernet header starts, if there is one, for its addresses.
    pub(super) fn llc(&mut self, at: usize, length: u32, ether: Option<usize>) -> Result<usize, Cut> {
        self.layer = "llc";
        if length < 3 {
            return Err(Cut);
        }
        self.need(at, 3)?;
        let (dsap, ssap, control) = (self.u8(at)?, self.u8(at + 1)?, self.u8(at + 2)?);
        if (dsap, ssap) == (0xff, 0xff) {
            self.put(format_args!("IPX 802.3, length {length}"));
            return Ok(0);
        }
        let unnumbered = control & 3 == 3;
        if self.options.link_header {
            self.text("LLC, dsap ");
            self.sap(dsap & 0xfe);
            self.text(if dsap & 1 == 0 { " Individual, ssap " } else { " Group, ssap " });
            self.sap(ssap & 0xfe);
            self.text(if ssap & 1 == 0 { " Command, ctrl " } else { " Response, ctrl " });
            if unnumbered {
                self.put(format_args!("0x{control:02x}: "));
            } else {
                let control = self.array(at + 2).map(u16::from_le_bytes)?;
                self.put(format_args!("0x{control:04x}: "));
            }
        }
        let header = if unnumbered { 3 } else { 4 };
        let left = length.saturating_sub(header);
        let p = at + header as usize;
        match (dsap, ssap, control) {
            (0xaa, 0xaa, 3) => {
                let snap = self.snap(p, left, ether)?;
                return Ok(header as usize + snap);
            }
            (0x06, 0x06, 3) => self.ip4(p, left)?,
            (0x42, 0x42, 3) => self.put(format_args!("STP, length {left}")),
            (0xfe, 0xfe, 3) => self.put(format_args!("OSI, length {left}")),
            _ => {
                self.addresses_without_header(ether)?;
                self.put(format_args!("LLC, length {length}"));
            }
        }
        Ok(header as usize)
    }

    fn addresses_without_header(&mut self, ether: Option<usize>) -> Result<(), Cut> {
        if let Some(at) = ether
            && !self.options.link_header
        {
            let (target, source) = (self.slice(at, 6)?, self.slice(at + 6, 6)?);
            self.mac(source);
            self.text(" > ");
            self.mac(target);
            self.text(" ");
        }
        Ok(())
    }

    fn sap(&mut self, sap: u8) {
        let name = match sap {
            0x00 => "Null",
            0x02 | 0x03 => "Global",
            0x04 => "SNA",
            0x06 => "IP",
            0x0e => "ProWay NM",
            0x42 => "STP",
            0x7e => "ISO8208",
            0x8e => "ProWay",
            0xaa => "SNAP",
            0xe0 => "IPX",
            0xf0 => "NetBeui",
            0xfe => "OSI",
            _ => "Unknown",
        };
        self.put(format_args!("{name} (0x{sap:02x})"));
    }

    /// A SNAP header: an organisation and, for Ethernet's, an EtherType.
    fn snap(&mut self, at: usize, length: u32, ether: Option<usize>) -> Result<usize, Cut> {
        self.layer = "snap";
        if length < 5 {
            return Err(Cut);
        }
        self.need(at, 5)?;
        let (oui, kind) = (self.u24(at)?, self.u16(at + 3)?);
        let left = length - 5;
        let named = match oui {
            0x00_0000 => "Ethernet",
            0x00_000c => "Cisco",
            0x00_00f8 => "Cisco bridged",
            0x00_80c2 => "Ethernet bridged",
            0x08_0007 => "Appletalk",
            _ => "Unknown",
        };
        let ethernet_type = matches!(oui, 0x00_0000 | 0x00_00f8);
        if self.options.link_header {
            self.put(format_args!("oui {named} (0x{oui:06x}), "));
            if ethernet_type {
                self.put(format_args!("ethertype {} (0x{kind:04x})", ethernet::name(kind).unwrap_or("Unknown")));
            } else {
                self.put(format_args!("pid {} (0x{kind:04x})", if kind == 0x2000 { "CDP" } else { "Unknown" }));
            }
            self.put(format_args!(", length {left}: "));
        }
        if !(ethernet_type && self.ethertype_payload(kind, at + 5, left)?) {
            if !self.options.link_header {
                self.addresses_without_header(ether)?;
                self.put(format_args!(
                    "SNAP, oui {named} (0x{oui:06x}), ethertype {} (0x{kind:04x}), length {left}: ",
                    ethernet::name(kind).unwrap_or("Unknown")
                ));
            }
            self.unread(at + 5);
        }
        Ok(5)
    }
}
