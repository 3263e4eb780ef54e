//! Ethernet headers, 802.1Q tags, and what an EtherType leads to.

use super::walk::{Cut, Printed, Walk};
use crate::output::text::Text;

pub(super) const IPV4: u16 = 0x0800;
pub(super) const ARP: u16 = 0x0806;
pub(super) const RARP: u16 = 0x8035;
pub(super) const VLAN: u16 = 0x8100;
pub(super) const IPV6: u16 = 0x86dd;
pub(super) const MPLS: u16 = 0x8847;
pub(super) const MPLS_MULTICAST: u16 = 0x8848;
pub(super) const PPPOE_DISCOVERY: u16 = 0x8863;
pub(super) const PPPOE_SESSION: u16 = 0x8864;
pub(super) const MACSEC: u16 = 0x88e5;
pub(super) const NSH: u16 = 0x894f;
pub(super) const TEB: u16 = 0x6558;

const HEADER: usize = 14;
/// The greatest value that is a length (802.3) and not an EtherType.
const MAX_LENGTH: u16 = 1500;

/// The names that tcpdump gives EtherTypes.
pub(super) fn name(ethertype: u16) -> Option<&'static str> {
    Some(match ethertype {
        0x0600 => "NS",
        0x0707 => "GeoNet (old)",
        IPV4 => "IPv4",
        ARP => "ARP",
        0x1000 => "Trail",
        0x1111 => "CALM FAST",
        0x6001 => "MOP DL",
        0x6002 => "MOP RC",
        0x6003 => "DN",
        0x6004 => "LAT",
        0x6007 => "SCA",
        TEB => "TEB",
        RARP => "Reverse ARP",
        0x8038 => "Lanbridge",
        0x803c => "DEC DNS",
        0x803e => "DEC DTS",
        0x805b => "VEXP",
        0x805c => "VPROD",
        0x809b => "Appletalk",
        0x80f3 => "Appletalk ARP",
        VLAN => "802.1Q",
        0x8137 => "IPX",
        IPV6 => "IPv6",
        0x8808 => "MPCP",
        0x8809 => "Slow Protocols",
        0x880b => "PPP",
        MPLS => "MPLS unicast",
        MPLS_MULTICAST => "MPLS multicast",
        PPPOE_DISCOVERY => "PPPoE D",
        PPPOE_SESSION => "PPPoE S",
        0x886f => "MS NLB heartbeat",
        0x888e => "EAPOL",
        0x8899 => "Realtek protocols",
        0x88a2 => "AoE",
        0x88a8 => "802.1Q-QinQ",
        0x88ca => "TIPC",
        0x88cc => "LLDP",
        MACSEC => "802.1AE MACsec",
        0x88f7 => "PTP",
        0x8902 => "CFM",
        0x893a => "IEEE1905.1",
        0x8947 => "GeoNet",
        NSH => "NSH",
        0x9000 => "Loopback",
        0x9100 => "802.1Q-9100",
        0x9200 => "802.1Q-9200",
        0xabcd => "CFM (old)",
        0xd28b => "Arista Vendor Specific Protocol",
        0xfefe => "OSI",
        _ => return None,
    })
}

const fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, VLAN | 0x88a8 | 0x9100 | 0x9200)
}

impl Walk<'_> {
    /// `ethertype IPv4 (0x0800)`, or `IPv4` where short lines are wanted.
    pub(super) fn ethertype_name(&mut self, ethertype: u16) {
        let known = name(ethertype);
        if self.options.quiet {
            self.named(known, format_args!("Unknown Ethertype (0x{ethertype:04x})"));
        } else {
            self.text("ethertype ");
            self.text(known.unwrap_or("Unknown"));
            self.text(" (0x");
            self.hex_wide(ethertype, 4);
            self.text(")");
        }
    }

    fn addresses(&mut self, at: usize) -> Printed {
        let (target, source) = (self.slice(at, 6)?, self.slice(at + 6, 6)?);
        self.mac(source);
        self.text(" > ");
        self.mac(target);
        self.text(", ");
        Ok(())
    }

    /// An Ethernet frame of `length` bytes on the wire. Gives where its payload starts.
    pub(super) fn ethernet(&mut self, at: usize, length: u32) -> Result<usize, Cut> {
        self.layer = "ether";
        if length < HEADER as u32 {
            return Err(Cut);
        }
        self.need(at, HEADER)?;
        let shown = self.options.link_header;
        if shown {
            self.addresses(at)?;
        }
        let mut kind = self.u16(at + 12)?;
        let mut p = at + HEADER;
        let mut left = length - HEADER as u32;
        let mut length_shown = false;
        loop {
            if kind <= MAX_LENGTH {
                return self.ieee802_3(at, kind, p, left, length_shown);
            }
            let step = if is_tag(kind) {
                self.layer = "vlan";
                if left < 4 {
                    return Err(Cut);
                }
                self.need(p, 4)?;
                4
            } else if kind == MACSEC {
                self.layer = "macsec";
                self.macsec_size(p)?
            } else {
                break;
            };
            if shown {
                self.ethertype_name(kind);
                self.length_once(length, &mut length_shown);
            }
            if kind == MACSEC {
                let Some(trailer) = self.macsec(p)? else {
                    return Ok(p);
                };
                self.end = self.end.saturating_sub(trailer).max(p);
                left = left.saturating_sub(trailer as u32);
            } else if shown {
                let tag = self.u16(p)?;
                self.vlan_tag(tag);
            }
            kind = self.u16(p + step - 2)?;
            p += step;
            left = left.saturating_sub(step as u32);
        }
        if shown {
            self.ethertype_name(kind);
            self.length_once(length, &mut length_shown);
        }
        if !self.ethertype_payload(kind, p, left)? {
            if !shown {
                self.addresses(at)?;
                self.ethertype_name(kind);
                self.put(format_args!(", length {length}: "));
            }
            self.unread(p);
        }
        Ok(p)
    }

    fn length_once(&mut self, length: u32, done: &mut bool) {
        if *done {
            self.text(", ");
        } else {
            self.text(", length ");
            self.dec(length);
            self.text(": ");
            *done = true;
        }
    }

    /// `vlan 100, p 3, `.
    pub(super) fn vlan_tag(&mut self, tag: u16) {
        self.text("vlan ");
        self.dec(tag & 0x0fff);
        self.text(", p ");
        self.dec(tag >> 13);
        if tag & 0x1000 != 0 {
            self.text(", DEI");
        }
        self.text(", ");
    }

    /// An 802.3 frame: the type field is a length, an LLC header follows.
    fn ieee802_3(&mut self, at: usize, field: u16, p: usize, left: u32, length_shown: bool) -> Result<usize, Cut> {
        // What follows the length is padding.
        let left = left.min(u32::from(field));
        if self.options.link_header {
            self.text("802.3");
            if !length_shown {
                self.put(format_args!(", length {left}: "));
            }
        }
        self.end = self.end.min(p.saturating_add(left as usize));
        let header = self.llc(p, left, Some(at))?;
        Ok(p + header)
    }

    /// What an EtherType says follows. `false`: nothing here can read it, and nothing was written.
    pub(super) fn ethertype_payload(&mut self, ethertype: u16, at: usize, length: u32) -> Result<bool, Cut> {
        match ethertype {
            IPV4 => self.inside(usize::MAX, |w| w.ip4(at, length))?,
            IPV6 => self.inside(usize::MAX, |w| w.ip6(at, length))?,
            ARP | RARP => self.arp(at, length)?,
            MPLS | MPLS_MULTICAST => self.inside(usize::MAX, |w| w.mpls(at, length))?,
            PPPOE_DISCOVERY | PPPOE_SESSION => self.inside(usize::MAX, |w| w.pppoe(at, length).map(drop))?,
            NSH => self.inside(usize::MAX, |w| w.nsh(at, length))?,
            TEB => self.inside(usize::MAX, |w| w.ethernet(at, length).map(drop))?,
            0x88cc => self.put(format_args!("LLDP, length {length}")),
            0x888e => self.put(format_args!("EAPOL, length {length}")),
            _ => return Ok(false),
        }
        Ok(true)
    }
}
