//! What carries packets in packets behind IP, UDP or Ethernet: GRE, VXLAN, Geneve, NSH, `MACsec` in the clear.

use super::walk::{Cut, Printed, Walk};
use super::{ethernet, ethernet::TEB};
use crate::output::text::Text;

/// Bits of GRE's first two bytes (RFC 2784, RFC 2890, RFC 2637), in the order in which their names are written.
const GRE_FLAGS: &[(u32, &str)] = &[
    (0x8000, "checksum present"),
    (0x4000, "routing present"),
    (0x2000, "key present"),
    (0x1000, "sequence# present"),
    (0x0800, "source routing present"),
    (0x0080, "ack present"),
];

const GENEVE_FLAGS: &[(u32, &str)] =
    &[(0x80, "O"), (0x40, "C"), (0x20, "R1"), (0x10, "R2"), (0x08, "R3"), (0x04, "R4"), (0x02, "R5"), (0x01, "R6")];

const GPE_FLAGS: &[(u32, &str)] = &[(0x08, "I"), (0x04, "P"), (0x02, "B"), (0x01, "O")];
const NSH_FLAGS: &[(u32, &str)] = &[(0x20, "O")];
const MACSEC_FLAGS: &[(u32, &str)] = &[(0x08, "E"), (0x04, "C"), (0x40, "S"), (0x10, "B"), (0x20, "I")];
/// Length of the check value behind a `MACsec` frame.
const MACSEC_TRAILER: usize = 16;

impl Walk<'_> {
    /// Between a tunnel's header and what is inside.
    fn enter_tunnel(&mut self, verbose: &str) {
        self.text(if self.verbose(1) { verbose } else { ": " });
    }

    /// GRE, version 0, and version 1 of PPTP.
    pub(super) fn gre(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "gre";
        let flags = u32::from(self.u16(at)?);
        let version = flags & 7;
        self.put(format_args!("GREv{version}"));
        if version > 1 {
            self.text(" ERROR: unknown-version");
            return Ok(());
        }
        let protocol = self.u16(at + 2)?;
        if self.verbose(1) {
            let seen = if version == 0 { 0xf800 } else { 0xf880 };
            self.text(", Flags [");
            self.bits(GRE_FLAGS, ", ", flags & seen);
            self.text("]");
        }
        let p = if version == 0 { self.gre_fields(at + 4, flags)? } else { self.pptp_fields(at + 4, flags)? };
        let left = length.saturating_sub((p - at) as u32);
        if version == 1 && flags & 0x1000 == 0 {
            self.put(format_args!(", no-payload, length {length}"));
            return Ok(());
        }
        let known = matches!(protocol, ethernet::IPV4 | ethernet::IPV6 | ethernet::MPLS | TEB | 0x880b | ethernet::ARP);
        if self.options.link_header || (self.verbose(1) && !known) {
            self.put(format_args!(", proto {} (0x{protocol:04x})", ethernet::name(protocol).unwrap_or("unknown")));
        }
        self.put(format_args!(", length {length}"));
        self.enter_tunnel("\n\t");
        match protocol {
            ethernet::IPV4 | ethernet::IPV6 | ethernet::MPLS | TEB | ethernet::ARP if version == 0 => {
                self.ethertype_payload(protocol, p, left).map(drop)
            }
            0x880b if version == 1 => self.inside(usize::MAX, |w| w.ppp(p, left)),
            _ => {
                self.put(format_args!("gre-proto-0x{protocol:x}"));
                Ok(())
            }
        }
    }

    fn gre_fields(&mut self, at: usize, flags: u32) -> Result<usize, Cut> {
        let mut p = at;
        if flags & 0xc000 != 0 {
            let (sum, offset) = (self.u16(p)?, self.u16(p + 2)?);
            if self.verbose(1) {
                self.put(format_args!(", sum 0x{sum:x}"));
            }
            self.put(format_args!(", off 0x{offset:x}"));
            p += 4;
        }
        if flags & 0x2000 != 0 {
            let key = self.u32(p)?;
            self.put(format_args!(", key=0x{key:x}"));
            p += 4;
        }
        if flags & 0x1000 != 0 {
            let seq = self.u32(p)?;
            self.put(format_args!(", seq {seq}"));
            p += 4;
        }
        if flags & 0x4000 != 0 {
            // Source route entries (RFC 1701) end with one of length 0.
            loop {
                let (family, size) = (self.u16(p)?, self.u8(p + 3)?);
                if family == 0 {
                    p += 4;
                    break;
                }
                self.put(format_args!(", (rtaf=0x{family:x})"));
                p += 4 + usize::from(size);
                self.need(p, 0)?;
            }
        }
        Ok(p)
    }

    fn pptp_fields(&mut self, at: usize, flags: u32) -> Result<usize, Cut> {
        let mut p = at;
        if flags & 0x2000 != 0 {
            let call = self.u16(p + 2)?;
            self.put(format_args!(", call {call}"));
            p += 4;
        }
        if flags & 0x1000 != 0 {
            let seq = self.u32(p)?;
            self.put(format_args!(", seq {seq}"));
            p += 4;
        }
        if flags & 0x80 != 0 {
            let ack = self.u32(p)?;
            self.put(format_args!(", ack {ack}"));
            p += 4;
        }
        Ok(p)
    }

    /// RFC 7348.
    pub(super) fn vxlan(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "vxlan";
        self.text("VXLAN");
        if length < 8 {
            self.invalid();
            return Ok(());
        }
        self.text(", ");
        self.need(at, 8)?;
        let (flags, vni) = (self.u8(at)?, self.u24(at + 4)?);
        self.text(if flags & 8 != 0 { "flags [I]" } else { "flags [invalid]" });
        self.put(format_args!(" (0x{flags:02x}), vni {vni}\n"));
        self.ethernet(at + 8, length - 8).map(drop)
    }

    /// VXLAN with an inner protocol of its own choice (draft-ietf-nvo3-vxlan-gpe).
    pub(super) fn vxlan_gpe(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "vxlan_gpe";
        self.text("VXLAN-GPE");
        if length < 8 {
            self.text(", ");
            self.invalid();
            return Ok(());
        }
        self.text(", flags [");
        let flags = self.u8(at)?;
        self.bits(GPE_FLAGS, "", u32::from(flags));
        self.text("]");
        let (next, vni) = (self.u8(at + 3)?, self.u24(at + 4)?);
        self.put(format_args!(", vni {vni}"));
        self.enter_tunnel("\n    ");
        let (p, left) = (at + 8, length - 8);
        match next {
            1 => self.ip4(p, left),
            2 => self.ip6(p, left),
            3 => self.ethernet(p, left).map(drop),
            4 => self.nsh(p, left),
            _ => {
                self.text("ERROR: unknown-next-protocol");
                self.invalid();
                Ok(())
            }
        }
    }

    /// RFC 8926.
    pub(super) fn geneve(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "geneve";
        self.text("Geneve");
        if length < 8 {
            self.put(format_args!(" [length {length} < 8]"));
            self.invalid();
            return Ok(());
        }
        let (first, flags) = (self.u8(at)?, self.u8(at + 1)?);
        if first >> 6 != 0 {
            self.put(format_args!(" ERROR: unknown-version {}", first >> 6));
            return Ok(());
        }
        self.text(", Flags [");
        self.bits(GENEVE_FLAGS, "", u32::from(flags));
        self.text("]");
        let (protocol, vni) = (self.u16(at + 2)?, self.u24(at + 4)?);
        self.put(format_args!(", vni 0x{vni:x}"));
        if self.options.link_header {
            self.put(format_args!(", proto {} (0x{protocol:04x})", ethernet::name(protocol).unwrap_or("unknown")));
        }
        let options = usize::from(first & 0x3f) * 4;
        let left = length - 8;
        if left < options as u32 {
            self.put(format_args!(" [remaining options length {options} > {left}]"));
            self.invalid();
            return Ok(());
        }
        self.need(at + 8, options)?;
        if options > 0 {
            self.text(", options [");
            if self.verbose(1) {
                self.geneve_options(at + 8, options)?;
            } else {
                self.put(format_args!("{options} bytes"));
            }
            self.text("]");
        }
        self.enter_tunnel("\n\t");
        let p = at + 8 + options;
        let left = left - options as u32;
        if matches!(protocol, ethernet::IPV4 | ethernet::IPV6 | ethernet::ARP | ethernet::MPLS | TEB)
            && self.ethertype_payload(protocol, p, left)?
        {
            return Ok(());
        }
        self.put(format_args!("geneve-proto-0x{protocol:x}"));
        Ok(())
    }

    fn geneve_options(&mut self, at: usize, size: usize) -> Printed {
        let (mut p, end) = (at, at + size);
        while p < end {
            if p != at {
                self.text(", ");
            }
            let (class, kind) = (self.u16(p)?, self.u8(p + 2)?);
            let len = 4 + usize::from(self.u8(p + 3)? & 0x1f) * 4;
            let name = match class {
                0..=0xff => "Standard",
                0x100 => "Linux",
                0x101 => "Open vSwitch",
                0x102 => "Open Virtual Networking (OVN)",
                0x103 => "In-band Network Telemetry (INT)",
                0x104 => "VMware",
                0xfff0..=0xffff => "Experimental",
                _ => "Unknown",
            };
            self.put(format_args!("class {name} (0x{class:x}) type 0x{kind:x}"));
            if kind & 0x80 != 0 {
                self.text("(C)");
            }
            self.put(format_args!(" len {len}"));
            if p + len > end {
                self.put(format_args!(" [remaining options length {}]", end - p));
                self.invalid();
                return Ok(());
            }
            if self.verbose(2) && len > 4 {
                self.text(" data");
                for i in (4..len).step_by(4) {
                    let word = self.u32(p + i)?;
                    self.put(format_args!(" {word:08x}"));
                }
            }
            p += len;
        }
        Ok(())
    }

    /// RFC 8300.
    pub(super) fn nsh(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "nsh";
        if length < 8 {
            self.text("NSH, ");
            self.put(format_args!("(packet length {length} < 8)"));
            self.invalid();
            return Ok(());
        }
        self.need(at, 8)?;
        self.text("NSH, ");
        let (first, meta, next) = (self.u16(at)?, self.u8(at + 2)? & 15, self.u8(at + 3)?);
        if self.verbose(2) {
            self.put(format_args!("ver {}, ", first >> 14));
        }
        if first >> 14 != 0 {
            return Ok(());
        }
        self.text("flags [");
        self.bits(NSH_FLAGS, "", u32::from(first >> 8));
        self.text("], ");
        let words = usize::from(first & 0x3f);
        if self.verbose(3) {
            self.put(format_args!("TTL {}, length {words}, md type {}, ", first >> 6 & 0x3f, nsh_meta(meta)));
        }
        if self.verbose(2) {
            self.text("next-protocol ");
            self.named(nsh_protocol(next), format_args!("unknown (0x{next:02x})"));
            self.text(", ");
        }
        let (path, index) = (self.u24(at + 4)?, self.u8(at + 7)?);
        self.put(format_args!("service-path-id 0x{path:06x}, service-index 0x{index:x}"));
        if words < 2 {
            self.text(" (less than two headers)");
            self.invalid();
            return Ok(());
        }
        let header = words * 4;
        self.need(at, header)?;
        if self.verbose(3) {
            self.nsh_context(at + 8, words - 2, meta)?;
        }
        let p = at + header;
        let left = length.saturating_sub(header as u32);
        self.enter_tunnel("\n    ");
        match next {
            1 => self.ip4(p, left),
            2 => self.ip6(p, left),
            3 => self.ethernet(p, left).map(drop),
            _ => {
                self.text("ERROR: unknown-next-protocol");
                Ok(())
            }
        }
    }

    fn nsh_context(&mut self, at: usize, words: usize, meta: u8) -> Printed {
        if meta == 1 {
            for i in 0..words {
                let word = self.u32(at + 4 * i)?;
                self.put(format_args!("\n        Context[{i:02}]: 0x{word:08x}"));
            }
        }
        Ok(())
    }

    /// How long a `MACsec` tag is with the EtherType behind it (IEEE 802.1AE clause 9.3).
    pub(super) fn macsec_size(&mut self, at: usize) -> Result<usize, Cut> {
        self.need(at, 6)?;
        let size = if self.u8(at)? & 0x20 != 0 { 14 } else { 6 };
        self.need(at, size)?;
        Ok(size + 2)
    }

    /// A `MACsec` tag. Gives the length of the trailer, or `None` where what follows cannot be read.
    pub(super) fn macsec(&mut self, at: usize) -> Result<Option<usize>, Cut> {
        let (tci, short) = (self.u8(at)?, self.u8(at + 1)?);
        let number = self.u32(at + 2)?;
        if tci & 0x80 != 0 || short & 0xc0 != 0 {
            self.invalid();
            return Ok(None);
        }
        // With either bit set, what follows is encrypted or changed.
        let readable = tci & 0x0c == 0;
        if self.options.link_header || !readable {
            if !self.options.link_header {
                let (target, source) = (self.slice(0, 6)?, self.slice(6, 6)?);
                self.mac(source);
                self.text(" > ");
                self.mac(target);
                self.text(" 802.1AE MACsec, ");
            }
            self.put(format_args!("an {}, pn {number}, flags ", tci & 3));
            self.bits(MACSEC_FLAGS, "", u32::from(tci));
            if short != 0 {
                self.put(format_args!(", sl {short}"));
            }
            if tci & 0x20 != 0 {
                self.text(", sci ");
                let sci = self.slice(at + 6, 8)?;
                self.hex_bytes(sci);
            }
            self.text(", ");
        }
        if readable {
            return Ok(Some(MACSEC_TRAILER));
        }
        let size = if tci & 0x20 != 0 { 14 } else { 6 };
        self.unread(at + size);
        Ok(None)
    }
}

const fn nsh_protocol(next: u8) -> Option<&'static str> {
    Some(match next {
        1 => "IPv4",
        2 => "IPv6",
        3 => "Ethernet",
        4 => "NSH",
        5 => "MPLS",
        0xfe => "Experiment 1",
        0xff => "Experiment 2",
        _ => return None,
    })
}

const fn nsh_meta(kind: u8) -> &'static str {
    match kind {
        0 => "reserved",
        1 => "1",
        2 => "2",
        15 => "experimental",
        _ => "unknown",
    }
}
