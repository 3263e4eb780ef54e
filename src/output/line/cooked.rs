//! Linux cooked captures (`-i any`): version 1 and version 2.

use super::walk::{Cut, Walk};
use super::{ethernet, link::LLC, link::NETWARE};
use crate::output::text::Text;

const HEADER: usize = 16;
const HEADER_2: usize = 20;

const fn direction(kind: u16) -> &'static str {
    match kind {
        0 => "In",
        1 => "B",
        2 => "M",
        3 => "P",
        4 => "Out",
        _ => "?",
    }
}

/// A header of either version.
#[derive(Clone, Copy)]
struct Cooked {
    start: usize,
    direction: u16,
    address_len: usize,
    address: usize,
    protocol: u16,
    /// Number of the interface; version 2 only.
    interface: Option<u32>,
    length: u32,
}

impl Walk<'_> {
    /// A frame of Linux cooked v1. Gives where its payload starts.
    pub(super) fn sll(&mut self, length: u32) -> Result<usize, Cut> {
        self.layer = "sll";
        self.need(0, HEADER)?;
        let header = Cooked {
            start: HEADER,
            direction: self.u16(0)?,
            address_len: usize::from(self.u16(4)?),
            address: 6,
            protocol: self.u16(14)?,
            interface: None,
            length,
        };
        if self.options.link_header {
            self.cooked_header(&header)?;
        }
        self.cooked_payload(&header)
    }

    /// A frame of Linux cooked v2.
    pub(super) fn sll2(&mut self, length: u32) -> Result<usize, Cut> {
        self.layer = "sll2";
        self.need(0, HEADER_2)?;
        let header = Cooked {
            start: HEADER_2,
            direction: u16::from(self.u8(10)?),
            address_len: usize::from(self.u8(11)?),
            address: 12,
            protocol: self.u16(0)?,
            interface: Some(self.u32(4)?),
            length,
        };
        let index = self.u32(4)?;
        let options = self.options;
        let name = options.interfaces.iter().find(|i| i.index == index).map_or("?", |i| i.name.as_str());
        let start = self.out.len();
        for c in name.chars().filter(|c| !c.is_control()).take(64) {
            self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        let width = start + 5;
        if self.out.len() < width {
            self.out.resize(width, b' ');
        }
        self.put(format_args!(" {:<3} ", direction(header.direction)));
        if self.options.link_header {
            self.cooked_header(&header)?;
        }
        self.cooked_payload(&header)
    }

    fn cooked_header(&mut self, header: &Cooked) -> Result<(), Cut> {
        match header.interface {
            Some(index) => self.put(format_args!("ifindex {index} ")),
            None => self.put(format_args!("{:>3} ", direction(header.direction))),
        }
        // Only the length of an Ethernet address is taken for one.
        if header.address_len == 6 {
            let address = self.slice(header.address, 6)?;
            self.mac(address);
            self.text(" ");
        }
        if !self.options.quiet {
            match header.protocol {
                NETWARE => self.text("802.3"),
                LLC => self.text("802.2"),
                protocol => self.ethertype_name(protocol),
            }
            self.put(format_args!(", length {}: ", header.length));
        }
        Ok(())
    }

    fn cooked_payload(&mut self, header: &Cooked) -> Result<usize, Cut> {
        let mut p = header.start;
        let mut left = header.length.saturating_sub(p as u32);
        let mut kind = header.protocol;
        if kind == LLC {
            let llc = self.llc(p, left, None)?;
            return Ok(p + llc);
        }
        while kind == ethernet::VLAN {
            self.layer = "vlan";
            self.need(p, 4)?;
            let tag = self.u16(p)?;
            if self.options.link_header {
                self.vlan_tag(tag);
            }
            kind = self.u16(p + 2)?;
            // tcpdump names the inner type without -e too, and never with its number.
            if !self.options.quiet {
                self.put(format_args!("ethertype {}, ", ethernet::name(kind).unwrap_or("Unknown")));
            }
            p += 4;
            left = left.saturating_sub(4);
        }
        if kind == NETWARE {
            self.put(format_args!("IPX, length {left}"));
        } else if !self.ethertype_payload(kind, p, left)? {
            if !self.options.link_header && kind >= 0x600 {
                self.cooked_header(header)?;
            }
            self.unread(p);
        }
        Ok(p)
    }
}
