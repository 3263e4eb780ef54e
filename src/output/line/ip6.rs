//! IPv6: the header, its extension headers (RFC 8200), and the way to the protocol inside.

use super::ip::{Datagram, protocol_name};
use super::walk::{Cut, Printed, Walk};
use crate::model::IpProtocol;
use crate::output::text::Text;

const HEADER: usize = 40;

/// What an extension header leads to.
enum Next {
    /// The next header starts this many bytes further.
    After(usize),
    /// Nothing more is to be printed.
    Stop,
}

/// Where the walk along the headers of one datagram is.
struct Chain {
    datagram: Datagram,
    /// Start of the datagram.
    start: usize,
    /// Length of the datagram by its header, or by a jumbo payload option.
    total: u64,
    /// Length in the header.
    payload: u16,
}

const fn has_ports(protocol: IpProtocol) -> bool {
    matches!(protocol, IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP | IpProtocol(33))
}

impl Walk<'_> {
    /// An IPv6 datagram with `length` bytes of the wire after its start.
    pub(super) fn ip6(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "ip6";
        if (length as usize) < HEADER {
            return Err(Cut);
        }
        self.need(at, HEADER)?;
        if !self.options.link_header {
            self.text("IP6 ");
        }
        let version = self.u8(at)? >> 4;
        if version != 6 {
            self.put(format_args!("version error: {version} != 6"));
            return Ok(());
        }
        let payload = self.u16(at + 4)?;
        let total = u32::from(payload) + HEADER as u32;
        if length < total {
            self.put(format_args!("truncated-ip6 - {} bytes missing!", total - length));
        }
        if self.verbose(1) {
            self.ip6_details(at, payload)?;
        }
        // A jumbo payload option may follow where the length is 0 (RFC 2675).
        let jumbo = payload == 0 && self.u8(at + 6)? == 0;
        let end = if jumbo { usize::MAX } else { at.saturating_add(total as usize) };
        self.inside(end, |w| w.ip6_chain(at, payload, length))
    }

    /// `fe80::1 > fe80::2`.
    pub(super) fn ip6_ends(&mut self, at: usize) -> Printed {
        self.ipv6_at(at + 8)?;
        self.text(" > ");
        self.ipv6_at(at + 24)
    }

    fn ip6_details(&mut self, at: usize, payload: u16) -> Printed {
        let (first, next, hops) = (self.u32(at)?, self.u8(at + 6)?, self.u8(at + 7)?);
        let (class, label) = (first >> 20 & 0xff, first & 0x000f_ffff);
        self.text("(");
        if class != 0 {
            self.text("class 0x");
            self.hex_wide(class, 2);
            self.text(", ");
        }
        if label != 0 {
            self.text("flowlabel 0x");
            self.hex_wide(label, 5);
            self.text(", ");
        }
        self.text("hlim ");
        self.dec(hops);
        self.text(", next-header ");
        self.text(protocol_name(next));
        self.text(" (");
        self.dec(next);
        self.text(") payload length: ");
        self.dec(payload);
        self.text(") ");
        Ok(())
    }

    fn ip6_chain(&mut self, at: usize, payload: u16, length: u32) -> Printed {
        let datagram = Datagram { at, v6: true, piece: false, target: at + 24 };
        let mut chain = Chain { datagram, start: at, total: u64::from(payload) + HEADER as u64, payload };
        let mut next = IpProtocol(self.u8(at + 6)?);
        if !has_ports(next) {
            self.ip6_ends(at)?;
            self.text(": ");
        }
        let mut p = at + HEADER;
        let mut hop_by_hop_allowed = true;
        loop {
            let header = p;
            let step = match next {
                IpProtocol::HOP_BY_HOP if !hop_by_hop_allowed => {
                    self.text("[The Hop-by-Hop Options header was already found]");
                    self.invalid();
                    return Ok(());
                }
                IpProtocol::HOP_BY_HOP => {
                    let step = self.hop_by_hop(&mut chain, p, length)?;
                    hop_by_hop_allowed = false;
                    step
                }
                IpProtocol::DESTINATION_OPTIONS => self.destination_options(p)?,
                IpProtocol::FRAGMENT => self.fragment_header(&mut chain, p)?,
                IpProtocol::ROUTING => self.routing_header(&mut chain, p)?,
                IpProtocol::MOBILITY => {
                    let kind = self.u8(p + 2)?;
                    self.put(format_args!("mobility: type-#{kind}"));
                    return Ok(());
                }
                _ => {
                    let left = (chain.total).saturating_sub((p - chain.start) as u64);
                    return self.ip_payload(chain.datagram, next, p, u32::try_from(left).unwrap_or(u32::MAX));
                }
            };
            match step {
                Next::Stop => return Ok(()),
                Next::After(size) => {
                    next = IpProtocol(self.u8(header)?);
                    p += size;
                }
            }
            if p > self.end {
                self.layer = "ip6";
                return Err(Cut);
            }
        }
    }

    /// The size of an extension header that must be there as a whole.
    fn extension_size(&mut self, at: usize, layer: &'static str) -> Result<usize, Cut> {
        self.layer = layer;
        let size = (usize::from(self.u8(at + 1)?) + 1) * 8;
        self.need(at, size)?;
        Ok(size)
    }

    fn hop_by_hop(&mut self, chain: &mut Chain, at: usize, length: u32) -> Result<Next, Cut> {
        let size = self.extension_size(at, "hbhopt")?;
        self.text("HBH ");
        let jumbo = self.ip6_options(at + 2, at + size, Some(chain.payload))?;
        if let Some(jumbo) = jumbo {
            chain.total = u64::from(jumbo) + HEADER as u64;
            if u64::from(length) < chain.total {
                self.put(format_args!(" truncated-ip6 - {} bytes missing!", chain.total - u64::from(length)));
            }
        }
        Ok(Next::After(size))
    }

    fn destination_options(&mut self, at: usize) -> Result<Next, Cut> {
        let size = self.extension_size(at, "dstopt")?;
        self.text("DSTOPT ");
        if self.verbose(1) {
            self.ip6_options(at + 2, at + size, None)?;
        }
        Ok(Next::After(size))
    }

    /// Options of the hop-by-hop header (which knows the payload's length) or the destination's; gives a jumbo length.
    fn ip6_options(&mut self, at: usize, end: usize, hop_by_hop: Option<u16>) -> Result<Option<u32>, Cut> {
        let shown = self.verbose(1);
        let mut jumbo = None;
        let mut p = at;
        while p < end {
            let kind = self.u8(p)?;
            if kind == 0 {
                if shown {
                    self.text("(pad1)");
                }
                p += 1;
                continue;
            }
            if p + 1 >= end {
                return Err(Cut);
            }
            let len = usize::from(self.u8(p + 1)?);
            if p + 2 + len > end {
                return Err(Cut);
            }
            match kind {
                1 if shown => self.text("(padn)"),
                5 if len != 2 => {
                    self.put(format_args!("(rtalert: invalid len {len})"));
                    return Err(Cut);
                }
                5 if shown => {
                    let value = self.u16(p + 2)?;
                    self.put(format_args!("(rtalert: 0x{value:04x}) "));
                }
                0xc2 if len != 4 => {
                    self.put(format_args!("(jumbo: invalid len {len})"));
                    return Err(Cut);
                }
                0xc2 => {
                    let size = self.u32(p + 2)?;
                    let fault = match hop_by_hop {
                        None => " - not a hop-by-hop option",
                        Some(payload) if payload != 0 => " - payload len != 0",
                        Some(_) if size < 65_536 => " - < 65536",
                        Some(_) => {
                            jumbo = Some(size);
                            ""
                        }
                    };
                    if shown {
                        self.put(format_args!("(jumbo: {size}{fault}) "));
                    }
                }
                0xc9 if shown && len == 16 => {
                    self.text("(homeaddr: ");
                    self.ipv6_at(p + 2)?;
                    self.text(")");
                }
                1 | 5 => {}
                _ if shown => self.put(format_args!("(opt_type 0x{kind:02x}: len={len})")),
                _ => {}
            }
            p += 2 + len;
        }
        if shown {
            self.text(" ");
        }
        Ok(jumbo)
    }

    fn fragment_header(&mut self, chain: &mut Chain, at: usize) -> Result<Next, Cut> {
        self.layer = "frag6";
        self.need(at, 8)?;
        let (offset, id) = (self.u16(at + 2)?, self.u32(at + 4)?);
        // tcpdump's arithmetic on a length that is too small wraps around in 64 bits.
        let size = chain.total.wrapping_sub((at - chain.start) as u64).wrapping_sub(8);
        self.text("frag (");
        if self.verbose(1) {
            self.text("0x");
            self.hex_wide(id, 8);
            self.text(":");
        }
        self.dec(offset & 0xfff8);
        self.text("|");
        self.dec(size);
        self.text(")");
        chain.datagram.piece = true;
        if offset & 0xfff8 != 0 {
            return Ok(Next::Stop);
        }
        self.text(" ");
        Ok(Next::After(8))
    }

    fn routing_header(&mut self, chain: &mut Chain, at: usize) -> Result<Next, Cut> {
        self.layer = "rt6";
        self.need(at, 4)?;
        let (len, kind, left) = (self.u8(at + 1)?, self.u8(at + 2)?, self.u8(at + 3)?);
        let size = (usize::from(len) + 1) * 8;
        self.put(format_args!("RT6 (len={len}, type={kind}"));
        if kind == 0 {
            self.text(" [Deprecated]");
        }
        self.put(format_args!(", segleft={left}"));
        let hops = usize::from(len) / 2;
        match kind {
            0 | 2 => {
                let reserved = self.u32(at + 4)?;
                if reserved != 0 || self.verbose(1) {
                    self.put(format_args!(", rsv=0x{reserved:x}"));
                }
                if len % 2 == 1 {
                    self.invalid();
                    return Ok(Next::Stop);
                }
                self.hops(at + 8, hops)?;
                if hops > 0 {
                    chain.datagram.target = at + 8 + (hops - 1) * 16;
                }
            }
            4 => {
                // RFC 8754: the segments stand in reverse order.
                let (last, flags, tag) = (self.u8(at + 4)?, self.u8(at + 5)?, self.u16(at + 6)?);
                self.put(format_args!(", last-entry={last}"));
                if flags != 0 || self.verbose(1) {
                    self.put(format_args!(", flags=0x{flags:x}"));
                }
                self.put(format_args!(", tag={tag:x}"));
                let hops = hops.min(usize::from(last) + 1).max(if last == 0 { hops } else { 0 });
                self.hops(at + 8, hops)?;
                if hops > 0 {
                    chain.datagram.target = at + 8;
                }
            }
            _ => {
                self.text(" (unknown type)");
                self.invalid();
                return Ok(Next::Stop);
            }
        }
        self.text(") ");
        Ok(Next::After(size))
    }

    fn hops(&mut self, at: usize, count: usize) -> Printed {
        for i in 0..count {
            self.put(format_args!(", [{i}]"));
            self.ipv6_at(at + 16 * i)?;
        }
        Ok(())
    }
}
