//! IPv4: the header, its options, and the way to the protocol inside.

use super::walk::{Printed, Walk};
use crate::model::IpProtocol;
use crate::output::text::Text;

/// The datagram around a transport header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Datagram {
    /// Where its IP header starts.
    pub(super) at: usize,
    /// Is it IPv6?
    pub(super) v6: bool,
    /// Is this a piece of a larger datagram? Then checksums cannot be checked.
    pub(super) piece: bool,
    /// Where the address stands to which the datagram goes in the end: a routing header's last, or the header's own.
    pub(super) target: usize,
}

const FLAGS: &[(u32, &str)] = &[(0x2000, "+"), (0x4000, "DF"), (0x8000, "rsvd")];

/// The names that tcpdump gives IP protocols after `proto` and `next-header`.
pub(super) const fn protocol_name(protocol: u8) -> &'static str {
    match protocol {
        0 => "Options",
        1 => "ICMP",
        2 => "IGMP",
        4 => "IPIP",
        6 => "TCP",
        8 => "EGP",
        9 => "IGRP",
        17 => "UDP",
        33 => "DCCP",
        41 => "IPv6",
        43 => "Routing",
        44 => "Fragment",
        46 => "RSVP",
        47 => "GRE",
        50 => "ESP",
        51 => "AH",
        55 => "Mobile IP",
        58 => "ICMPv6",
        62 => "Mobile IP (old)",
        88 => "EIGRP",
        89 => "OSPF",
        103 => "PIM",
        108 => "Compressed IP",
        112 => "VRRP",
        113 => "PGM",
        132 => "SCTP",
        135 => "Mobility",
        143 => "Ethernet",
        _ => "unknown",
    }
}

/// Do the lines of this protocol start with addresses and ports, written by the protocol itself?
const fn has_ports(protocol: IpProtocol) -> bool {
    matches!(protocol, IpProtocol::TCP | IpProtocol::UDP | IpProtocol::SCTP | IpProtocol(33))
}

impl Walk<'_> {
    /// An IPv4 datagram with `length` bytes of the wire after its start.
    pub(super) fn ip4(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "ip";
        let first = self.u8(at)?;
        if first >> 4 != 4 {
            match first >> 4 {
                6 => self.text("IP6, wrong link-layer encapsulation"),
                version => self.put(format_args!("IP{version}")),
            }
            self.invalid();
            return Ok(());
        }
        if !self.options.link_header {
            self.text("IP ");
        }
        self.need(at, 20)?;
        if length < 20 {
            self.put(format_args!("truncated-ip {length}"));
            return Ok(());
        }
        let header = u32::from(first & 15) * 4;
        if header < 20 {
            self.put(format_args!("bad-hlen {header}"));
            return Ok(());
        }
        let total = u32::from(self.u16(at + 2)?);
        if length < total {
            self.put(format_args!("truncated-ip - {} bytes missing! ", total - length));
        }
        if total < header {
            self.put(format_args!("bad-len {total}"));
            return Ok(());
        }
        self.inside(at.saturating_add(total as usize), |w| w.ip4_datagram(at, header, total))
    }

    fn ip4_datagram(&mut self, at: usize, header: u32, total: u32) -> Printed {
        let fragment = self.u16(at + 6)?;
        let protocol = IpProtocol(self.u8(at + 9)?);
        let offset = fragment & 0x1fff;
        if self.verbose(1) {
            self.ip4_details(at, header, total, fragment)?;
        }
        let inner = at + header as usize;
        let left = total - header;
        let target = self.ip4_route_end(at, header as usize).unwrap_or(at + 16);
        let datagram = Datagram { at, v6: false, piece: fragment & 0x3fff != 0, target };
        if offset != 0 {
            // Only the first piece holds the protocol's header.
            self.ip4_ends(at)?;
            self.text(":");
            self.put(format_args!(" ip-proto-{}", protocol.0));
            return Ok(());
        }
        if !has_ports(protocol) {
            self.ip4_ends(at)?;
            self.text(": ");
        }
        self.ip_payload(datagram, protocol, inner, left)
    }

    /// `10.0.0.1 > 10.0.0.2`.
    pub(super) fn ip4_ends(&mut self, at: usize) -> Printed {
        self.ipv4_at(at + 12)?;
        self.text(" > ");
        self.ipv4_at(at + 16)
    }

    fn ip4_details(&mut self, at: usize, header: u32, total: u32, fragment: u16) -> Printed {
        let (tos, ttl, protocol) = (self.u8(at + 1)?, self.u8(at + 8)?, self.u8(at + 9)?);
        let id = self.u16(at + 4)?;
        self.text("(tos 0x");
        self.hex(tos);
        // RFC 3168 section 5.
        self.text(match tos & 3 {
            0 => "",
            1 => ",ECT(1)",
            2 => ",ECT(0)",
            _ => ",CE",
        });
        if ttl > 0 {
            self.text(", ttl ");
            self.dec(ttl);
        }
        self.text(", id ");
        self.dec(id);
        self.text(", offset ");
        self.dec(u32::from(fragment & 0x1fff) * 8);
        self.text(", flags [");
        self.bits(FLAGS, ", ", u32::from(fragment));
        self.text("], proto ");
        self.text(protocol_name(protocol));
        self.text(" (");
        self.dec(protocol);
        self.text("), length ");
        self.dec(total);
        if header > 20 {
            self.text(", options (");
            self.ip4_options(at + 20, header as usize - 20)?;
            self.text(")");
        }
        if !self.options.no_checksums && self.has(at, header as usize) {
            let bytes = self.slice(at, header as usize)?;
            let sum = super::sum::internet(&[bytes]);
            if sum != 0 {
                let seen = self.u16(at + 10)?;
                self.put(format_args!(", bad cksum {seen:x} (->{:x})!", super::sum::expected(seen, sum)));
            }
        }
        self.text(")\n    ");
        Ok(())
    }
}
