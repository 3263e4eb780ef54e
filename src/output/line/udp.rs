//! UDP datagrams, and the tunnels known by their ports. What applications send is not printed here: `UDP, length N` stands
//! for it.

use super::ip::Datagram;
use super::walk::{Printed, Walk};
use crate::decode::VXLAN_PORT;
use crate::model::IpProtocol;
use crate::output::text::Text;

const HEADER: u32 = 8;
const VXLAN_GPE: u16 = 4790;
const GENEVE: u16 = 6081;

impl Walk<'_> {
    /// A datagram: `length` bytes of the wire from `at` on.
    pub(super) fn udp(&mut self, datagram: Datagram, at: usize, length: u32) -> Printed {
        self.layer = "udp";
        let (Ok(sport), Ok(dport)) = (self.u16(at), self.u16(at + 2)) else {
            self.ends_without_ports(datagram)?;
            self.text(" ");
            self.cut_mark();
            return Ok(());
        };
        self.ends(datagram, IpProtocol::UDP, (sport, dport))?;
        if length < HEADER {
            self.put(format_args!("truncated-udp {length}"));
            return Ok(());
        }
        let said = u32::from(self.u16(at + 4)?);
        if said < HEADER {
            self.put(format_args!("truncated-udplength {said}"));
            return Ok(());
        }
        let inner = length.min(said) - HEADER;
        self.need(at, HEADER as usize)?;
        if self.options.quiet {
            self.udp_length(datagram, said, length);
            return Ok(());
        }
        // tcpdump wants -vv for IPv4, where most checksums are right or filled in by the network card.
        let checked = self.verbose(if datagram.v6 { 1 } else { 2 }) && !self.options.no_checksums;
        if checked && !datagram.piece {
            self.udp_checksum(datagram, at, length.min(said))?;
        }
        let p = at + HEADER as usize;
        let either = |port| sport == port || dport == port;
        if either(VXLAN_PORT) {
            self.inside(usize::MAX, |w| w.vxlan(p, inner))
        } else if either(VXLAN_GPE) {
            self.inside(usize::MAX, |w| w.vxlan_gpe(p, inner))
        } else if either(GENEVE) {
            self.inside(usize::MAX, |w| w.geneve(p, inner))
        } else {
            self.udp_length(datagram, said, length);
            Ok(())
        }
    }

    fn udp_length(&mut self, datagram: Datagram, said: u32, length: u32) {
        let (said, there) = (said - HEADER, length - HEADER);
        // The length in the first piece is that of the whole.
        if said > there && !datagram.piece {
            self.text("UDP, bad length ");
            self.dec(said);
            self.text(" > ");
            self.dec(there);
        } else {
            self.text("UDP, length ");
            self.dec(said);
        }
    }

    fn udp_checksum(&mut self, datagram: Datagram, at: usize, length: u32) -> Printed {
        let seen = self.u16(at + 6)?;
        if seen == 0 {
            self.text("[no cksum] ");
        } else if let Some(sum) = self.transport_sum(datagram, IpProtocol::UDP, at, length) {
            if sum == 0 {
                self.text("[udp sum ok] ");
            } else {
                self.text("[bad udp cksum 0x");
                self.hex_wide(seen, 4);
                self.text(" -> 0x");
                self.hex_wide(super::sum::expected(seen, sum), 4);
                self.text("!] ");
            }
        }
        Ok(())
    }
}
