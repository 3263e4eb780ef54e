//! From the protocol number of an IP header to the printer of what follows; and what most of them start with.

use super::ip::Datagram;
use super::walk::{Printed, Walk};
use crate::model::IpProtocol;
use crate::output::text::Text;

impl Walk<'_> {
    /// What an IP datagram carries: `length` bytes of the wire from `at` on.
    pub(super) fn ip_payload(&mut self, datagram: Datagram, protocol: IpProtocol, at: usize, length: u32) -> Printed {
        let mut datagram = datagram;
        let (mut protocol, mut at, mut length) = (protocol, at, length);
        if protocol == IpProtocol::AH {
            // Several may follow each other.
            loop {
                let header = self.ah(at)?;
                protocol = IpProtocol(self.u8(at)?);
                at += header as usize;
                length = length.saturating_sub(header);
                if protocol != IpProtocol::AH {
                    break;
                }
            }
            datagram.at = datagram.at.min(at);
        }
        match protocol {
            IpProtocol::TCP => self.tcp(datagram, at, length),
            IpProtocol::UDP => self.udp(datagram, at, length),
            IpProtocol::ICMP if datagram.v6 => {
                self.wrong_family("ICMP requires IPv4");
                Ok(())
            }
            IpProtocol::ICMP => self.icmp(at, length, datagram.piece),
            IpProtocol::ICMPV6 if datagram.v6 => self.icmp6(datagram, at, length),
            IpProtocol::ICMPV6 => {
                self.wrong_family("ICMPv6 requires IPv6");
                Ok(())
            }
            IpProtocol::IGMP if datagram.v6 => {
                self.wrong_family("IGMP requires IPv4");
                Ok(())
            }
            IpProtocol::IGMP => self.igmp(at, length),
            IpProtocol::IPV4 => self.inside(usize::MAX, |w| w.ip4(at, length)),
            IpProtocol::IPV6 => self.inside(usize::MAX, |w| w.ip6(at, length)),
            IpProtocol::GRE => self.inside(usize::MAX, |w| w.gre(at, length)),
            IpProtocol::ESP => self.esp(at, length),
            IpProtocol(108) => {
                self.layer = "ipcomp";
                let cpi = self.u16(at + 2)?;
                self.put(format_args!("IPComp(cpi=0x{cpi:04x})"));
                Ok(())
            }
            IpProtocol::SCTP => self.sctp(datagram, at, length),
            IpProtocol::NO_NEXT => {
                self.text("no next header");
                Ok(())
            }
            IpProtocol(143) if datagram.v6 => self.inside(usize::MAX, |w| w.ethernet(at, length).map(drop)),
            IpProtocol(143) => {
                self.wrong_family("Ethernet requires IPv6");
                Ok(())
            }
            IpProtocol(number) => {
                self.put(format_args!(" ip-proto-{number} {length}"));
                Ok(())
            }
        }
    }

    fn wrong_family(&mut self, words: &str) {
        self.put(format_args!("[{words}]"));
        self.invalid();
    }

    /// `10.0.0.1.1000 > 10.0.0.2.2000: `. Behind other headers than IP's own, the addresses have been written: ports alone.
    pub(super) fn ends(&mut self, datagram: Datagram, protocol: IpProtocol, ports: (u16, u16)) -> Printed {
        let at = datagram.at;
        if datagram.v6 {
            if self.u8(at + 6)? == protocol.0 {
                self.ipv6_at(at + 8)?;
                self.port(ports.0);
                self.ipv6_at(at + 24)?;
                self.port_end(ports.1);
                return Ok(());
            }
        } else if self.u8(at + 9)? == protocol.0 {
            self.ipv4_at(at + 12)?;
            self.port(ports.0);
            self.ipv4_at(at + 16)?;
            self.port_end(ports.1);
            return Ok(());
        }
        self.dec(ports.0);
        self.text(" > ");
        self.dec(ports.1);
        self.text(": ");
        Ok(())
    }

    fn port(&mut self, port: u16) {
        self.text(".");
        self.dec(port);
        self.text(" > ");
    }

    fn port_end(&mut self, port: u16) {
        self.text(".");
        self.dec(port);
        self.text(": ");
    }

    /// `10.0.0.1 > 10.0.0.2:`, for a transport header of which not even the ports are there.
    pub(super) fn ends_without_ports(&mut self, datagram: Datagram) -> Printed {
        if datagram.v6 {
            self.ip6_ends(datagram.at)?;
        } else {
            self.ip4_ends(datagram.at)?;
        }
        self.text(":");
        Ok(())
    }

    /// The sum over a transport header, its data and the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1).
    /// `None` where not all was captured.
    pub(super) fn transport_sum(&self, datagram: Datagram, protocol: IpProtocol, at: usize, length: u32) -> Option<u16> {
        let body = self.slice(at, length as usize).ok()?;
        let mut pseudo = [0; 8];
        pseudo[..4].copy_from_slice(&length.to_be_bytes());
        pseudo[7] = protocol.0;
        let from = datagram.at;
        let (source, target) = if datagram.v6 {
            (self.slice(from + 8, 16).ok()?, self.bytes.get(datagram.target..datagram.target.checked_add(16)?)?)
        } else {
            (self.slice(from + 12, 4).ok()?, self.bytes.get(datagram.target..datagram.target.checked_add(4)?)?)
        };
        Some(super::sum::internet(&[source, target, &pseudo, body]))
    }

    /// An authentication header (RFC 4302). Gives its length.
    fn ah(&mut self, at: usize) -> Result<u32, super::walk::Cut> {
        self.layer = "ah";
        let words = self.u8(at + 1)?;
        let (reserved, spi, seq) = (self.u16(at + 2)?, self.u32(at + 4)?, self.u32(at + 8)?);
        let header = (u32::from(words) + 2) * 4;
        self.text("AH(");
        if self.verbose(1) {
            self.put(format_args!("length={words}({header}-bytes),"));
        }
        if reserved != 0 {
            self.put(format_args!("reserved=0x{reserved:x}[MustBeZero],"));
        }
        self.put(format_args!("spi=0x{spi:08x},seq=0x{seq:x},icv=0x"));
        if header < 12 {
            self.invalid();
            return Err(super::walk::Cut);
        }
        let icv = header as usize - 12;
        let there = self.left(at + 12).min(icv);
        let bytes = self.slice(at + 12, there)?;
        self.hex_bytes(bytes);
        if there < icv {
            return Err(super::walk::Cut);
        }
        self.text("): ");
        Ok(header)
    }

    fn esp(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "esp";
        let (spi, seq) = (self.u32(at)?, self.u32(at + 4)?);
        self.put(format_args!("ESP(spi=0x{spi:08x},seq=0x{seq:x}), length {length}"));
        Ok(())
    }

    /// SCTP's common header and first chunk type: more is not decoded here.
    fn sctp(&mut self, datagram: Datagram, at: usize, length: u32) -> Printed {
        self.layer = "sctp";
        let ports = (self.u16(at)?, self.u16(at + 2)?);
        self.ends(datagram, IpProtocol::SCTP, ports)?;
        self.put(format_args!("sctp, length {length}"));
        Ok(())
    }

    fn igmp(&mut self, at: usize, length: u32) -> Printed {
        self.layer = "igmp";
        match self.u8(at)? {
            0x11 if length >= 12 => {
                self.text("igmp query v3");
                self.group(at, " [gaddr ", "]")
            }
            0x11 => {
                let v1 = self.u8(at + 1)? == 0;
                self.text(if v1 { "igmp query v1" } else { "igmp query v2" });
                self.group(at, " [gaddr ", "]")
            }
            0x12 => {
                self.text("igmp v1 report ");
                self.ipv4_at(at + 4)
            }
            0x16 => {
                self.text("igmp v2 report ");
                self.ipv4_at(at + 4)
            }
            0x22 => {
                let records = self.u16(at + 6)?;
                self.put(format_args!("igmp v3 report, {records} group record(s)"));
                Ok(())
            }
            0x17 => {
                self.text("igmp leave ");
                self.ipv4_at(at + 4)
            }
            other => {
                self.put(format_args!("igmp-{other}"));
                Ok(())
            }
        }
    }

    fn group(&mut self, at: usize, before: &str, after: &str) -> Printed {
        if self.u32(at + 4)? != 0 {
            self.text(before);
            self.ipv4_at(at + 4)?;
            self.text(after);
        }
        Ok(())
    }
}
