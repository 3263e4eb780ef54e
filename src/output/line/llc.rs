//! IEEE 802.2 logical link control, and SNAP.

use super::ethernet;
use super::walk::{Cut, Printed, Walk};
use crate::output::text::Text;

const SNAP: u8 = 0xaa;
const STP: u8 = 0x42;
const IP: u8 = 0x06;
const IPX: u8 = 0xe0;
const OSI: u8 = 0xfe;
const OUI_ETHERNET: u32 = 0;
const OUI_CISCO: u32 = 0x0c;
const OUI_CISCO_BRIDGED: u32 = 0xf8;
const OUI_BRIDGED: u32 = 0x80c2;
const OUI_APPLETALK: u32 = 0x08_0007;

const fn sap_name(sap: u8) -> Option<&'static str> {
    Some(match sap {
        0x00 => "Null",
        0x02 => "802.1B I",
        0x03 => "802.1B G",
        0x04 => "SNA",
        IP => "IP",
        0x0e => "ProWay NM",
        STP => "STP",
        0x4e => "RS511",
        0x7e => "ISO8208",
        0x8e => "ProWay",
        SNAP => "SNAP",
        IPX => "IPX",
        0xf0 => "NetBeui",
        OSI => "OSI",
        0xff => "Global",
        _ => return None,
    })
}

/// Commands and responses of unnumbered frames, without the poll/final bit.
const fn unnumbered_name(control: u8) -> Option<&'static str> {
    Some(match control & 0xef {
        0x03 => "ui",
        0x63 => "ua",
        0x43 => "disc",
        0x0f => "dm",
        0x6f => "sabme",
        0xe3 => "test",
        0xaf => "xid",
        0x87 => "frmr",
        _ => return None,
    })
}

impl Walk<'_> {
    /// An LLC header and what it leads to. Gives the length of the headers.
    /// `ether` is where the Ethernet header starts, if there is one, for its addresses.
    pub(super) fn llc(&mut self, at: usize, length: u32, ether: Option<usize>) -> Result<usize, Cut> {
        self.layer = "llc";
        if length < 3 {
            return Err(Cut);
        }
        self.need(at, 3)?;
        let (dsap, ssap, first) = (self.u8(at)?, self.u8(at + 1)?, self.u8(at + 2)?);
        if (dsap, ssap) == (0xff, 0xff) {
            // Novell's frames have no LLC header: these two are the checksum of IPX.
            self.put(format_args!("IPX 802.3, length {length}"));
            return Ok(0);
        }
        let unnumbered = first & 3 == 3;
        let (header, control) = if unnumbered { (3, u16::from(first)) } else { (4, self.array(at + 2).map(u16::from_le_bytes)?) };
        if self.options.link_header {
            self.text("LLC, dsap ");
            self.sap(dsap & 0xfe);
            self.text(if dsap & 1 == 0 { " Individual, ssap " } else { " Group, ssap " });
            self.sap(ssap & 0xfe);
            self.text(if ssap & 1 == 0 { " Command, ctrl 0x" } else { " Response, ctrl 0x" });
            self.hex_wide(control, if unnumbered { 2 } else { 4 });
            self.text(": ");
        }
        let p = at + header;
        let left = length.saturating_sub(header as u32);
        match (dsap, ssap & 0xfe, first) {
            (SNAP, SNAP, 3) => return self.snap(at, p, left, ether).map(|snap| header + snap),
            (IP, IP, 3) => self.ip4(p, left)?,
            (STP, STP, 3) => self.put(format_args!("STP, length {left}")),
            (IPX, IPX, 3) => self.put(format_args!("IPX 802.2, length {left}")),
            (OSI, OSI, 3) => self.put(format_args!("OSI, length {left}")),
            _ => {
                if !self.llc_control(dsap, ssap, control, unnumbered, p, length, ether)? {
                    self.unread(at);
                }
            }
        }
        Ok(header)
    }

    fn sap(&mut self, sap: u8) {
        self.put(format_args!("{} (0x{sap:02x})", sap_name(sap).unwrap_or("Unknown")));
    }

    /// Frames of LLC itself, and those of protocols that are not read here. `false`: they carry data.
    #[expect(clippy::too_many_arguments)] // the fields of one header
    fn llc_control(
        &mut self,
        dsap: u8,
        ssap: u8,
        control: u16,
        unnumbered: bool,
        p: usize,
        length: u32,
        ether: Option<usize>,
    ) -> Result<bool, Cut> {
        if !self.options.link_header {
            self.llc_ends(dsap & 0xfe, ssap & 0xfe, ether)?;
        }
        let response = ssap & 1;
        let poll;
        let mut exchange = false;
        if unnumbered {
            let control = control as u8;
            self.text("Unnumbered, ");
            self.named(unnumbered_name(control), format_args!("{:02x}", control & 0xef));
            exchange = control & 0xef == 0xaf;
            poll = control & 0x10 != 0;
        } else {
            if control & 1 == 0 {
                self.put(format_args!("Information, send seq {}", control >> 1 & 0x7f));
            } else {
                let kind = match control >> 2 & 3 {
                    0 => "Receiver Ready",
                    1 => "Receiver not Ready",
                    2 => "Reject",
                    _ => "?",
                };
                self.text("Supervisory, ");
                self.text(kind);
            }
            self.put(format_args!(", rcv seq {}", control >> 9 & 0x7f));
            poll = control & 0x100 != 0;
        }
        let flags = match (response, poll) {
            (0, false) => "Command",
            (1, false) => "Response",
            (0, true) => "Poll",
            _ => "Final",
        };
        self.put(format_args!(", Flags [{flags}], length {length}"));
        if exchange && length >= 6 && self.u8(p)? == 0x81 {
            let (class, window) = (self.u8(p + 1)?, self.u8(p + 2)?);
            self.put(format_args!(": {class:02x} {window:02x}"));
            return Ok(true);
        }
        Ok(!unnumbered && control & 1 == 1)
    }

    /// `02:00:00:00:00:01 > 02:00:00:00:00:02 NetBeui `.
    fn llc_ends(&mut self, dsap: u8, ssap: u8, ether: Option<usize>) -> Printed {
        let ends = match ether {
            Some(at) => Some((self.slice(at, 6)?, self.slice(at + 6, 6)?)),
            None => None,
        };
        if let Some((_, source)) = ends {
            self.mac(source);
            self.text(" ");
        }
        if ssap != dsap {
            self.named(sap_name(ssap), format_args!("Unknown SSAP 0x{ssap:02x}"));
            self.text(" ");
        }
        if ends.is_some() || ssap != dsap {
            self.text("> ");
        }
        if let Some((target, _)) = ends {
            self.mac(target);
            self.text(" ");
        }
        self.named(sap_name(dsap), format_args!("Unknown DSAP 0x{dsap:02x}"));
        self.text(" ");
        Ok(())
    }

    /// A SNAP header: an organisation and its protocol number, which for some is an EtherType.
    fn snap(&mut self, llc: usize, at: usize, length: u32, ether: Option<usize>) -> Result<usize, Cut> {
        self.layer = "snap";
        if length < 5 {
            return Err(Cut);
        }
        self.need(at, 5)?;
        let (oui, kind) = (self.u24(at)?, self.u16(at + 3)?);
        let (p, left) = (at + 5, length - 5);
        if self.options.link_header {
            self.snap_header(oui, kind, left, true);
        }
        let read = match (oui, kind) {
            (OUI_ETHERNET | OUI_CISCO_BRIDGED, _) | (OUI_APPLETALK, 0x809b) => self.ethertype_payload(kind, p, left)?,
            (OUI_BRIDGED, 1 | 7) => {
                // Ethernet, with two bytes before it to align it.
                self.inside(usize::MAX, |w| w.ethernet(p + 2, left.saturating_sub(2)).map(drop))?;
                true
            }
            (OUI_CISCO, 0x2000) => {
                self.put(format_args!("CDP, length {left}"));
                true
            }
            _ => false,
        };
        if !read {
            if !self.options.link_header {
                if let Some(at) = ether {
                    let (target, source) = (self.slice(at, 6)?, self.slice(at + 6, 6)?);
                    self.mac(source);
                    self.text(" > ");
                    self.mac(target);
                    self.text(" ");
                }
                self.text("SNAP, ");
                self.snap_header(oui, kind, left, oui != OUI_ETHERNET);
            }
            self.unread(llc);
        }
        Ok(5)
    }

    fn snap_header(&mut self, oui: u32, kind: u16, length: u32, organisation: bool) {
        if organisation {
            let name = match oui {
                OUI_ETHERNET => "Ethernet",
                OUI_CISCO => "Cisco",
                OUI_CISCO_BRIDGED => "Cisco bridged",
                OUI_BRIDGED => "Ethernet bridged",
                OUI_APPLETALK => "Appletalk",
                _ => "Unknown",
            };
            self.put(format_args!("oui {name} (0x{oui:06x}), "));
        }
        let (what, name) = match (oui, kind) {
            (OUI_ETHERNET, _) => ("ethertype", ethernet::name(kind)),
            (OUI_CISCO_BRIDGED | OUI_APPLETALK, _) => ("pid", ethernet::name(kind)),
            (OUI_CISCO, 0x2000) => ("pid", Some("CDP")),
            (OUI_BRIDGED, 1) => ("pid", Some("Ethernet + FCS")),
            (OUI_BRIDGED, 7) => ("pid", Some("Ethernet w/o FCS")),
            _ => ("pid", None),
        };
        self.put(format_args!("{what} {} (0x{kind:04x}), length {length}: ", name.unwrap_or("Unknown")));
    }
}
