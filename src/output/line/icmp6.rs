//! ICMPv6 (RFC 4443) and multicast listener discovery (RFC 2710, RFC 3810). Neighbor discovery is in `ndp.rs`, RPL in
//! `rpl.rs`.

use super::hex;
use super::ip::Datagram;
use super::walk::{Cut, Printed, Walk};
use crate::model::IpProtocol;
use crate::output::text::Text;

pub(super) const ROUTER_SOLICITATION: u8 = 133;
pub(super) const ROUTER_ADVERTISEMENT: u8 = 134;
pub(super) const NEIGHBOR_SOLICITATION: u8 = 135;
pub(super) const NEIGHBOR_ADVERTISEMENT: u8 = 136;
pub(super) const REDIRECT: u8 = 137;
const LISTENER_QUERY: u8 = 130;
const LISTENER_REPORT_2: u8 = 143;
const RPL: u8 = 155;

const fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "destination unreachable",
        2 => "packet too big",
        3 => "time exceeded in-transit",
        4 => "parameter problem",
        128 => "echo request",
        129 => "echo reply",
        LISTENER_QUERY => "multicast listener query",
        131 => "multicast listener report",
        132 => "multicast listener done",
        ROUTER_SOLICITATION => "router solicitation",
        ROUTER_ADVERTISEMENT => "router advertisement",
        NEIGHBOR_SOLICITATION => "neighbor solicitation",
        NEIGHBOR_ADVERTISEMENT => "neighbor advertisement",
        REDIRECT => "redirect",
        138 => "router renumbering",
        139 => "who-are-you request",
        140 => "who-are-you reply",
        141 => "inverse neighbor solicitation",
        142 => "inverse neighbor advertisement",
        LISTENER_REPORT_2 => "multicast listener report v2",
        144 => "ha discovery request",
        145 => "ha discovery reply",
        146 => "mobile router solicitation",
        147 => "mobile router advertisement",
        RPL => "RPL",
        200 => "mtrace response",
        201 => "mtrace",
        _ => return None,
    })
}

impl Walk<'_> {
    /// A message: `length` bytes of the wire from `at` on.
    pub(super) fn icmp6(&mut self, datagram: Datagram, at: usize, length: u32) -> Printed {
        self.layer = "icmp6";
        if length == 0 {
            self.put(format_args!("ICMP6, length {length}"));
            self.invalid();
            return Ok(());
        }
        self.need(at, 2)?;
        if self.verbose(1)
            && !datagram.piece
            && let Some(sum) = self.transport_sum(datagram, IpProtocol::ICMPV6, at, length)
        {
            let seen = self.u16(at + 2)?;
            if sum == 0 {
                self.text("[icmp6 sum ok] ");
            } else {
                self.put(format_args!("[bad icmp6 cksum 0x{seen:04x} -> 0x{:04x}!] ", super::sum::expected(seen, sum)));
            }
        }
        let (kind, code) = (self.u8(at)?, self.u8(at + 1)?);
        self.text("ICMP6, ");
        self.named(name(kind), format_args!("unknown icmp6 type ({kind})"));
        let more = self.icmp6_words(at, kind, code, length)?;
        if more && !self.verbose(1) {
            self.text(", length ");
            self.dec(length);
        }
        Ok(())
    }

    /// What follows the name. `false`: the length has been written, or is left out.
    fn icmp6_words(&mut self, at: usize, kind: u8, code: u8, length: u32) -> Result<bool, Cut> {
        match kind {
            1 => return self.unreachable6(at, code),
            2 => {
                let mtu = self.u32(at + 4)?;
                self.put(format_args!(", mtu {mtu}"));
            }
            3 => match code {
                0 => {
                    self.text(" for ");
                    self.ipv6_at(at + 8 + 24)?;
                }
                1 => self.text(" (reassembly)"),
                _ => self.put(format_args!(", unknown code ({code})")),
            },
            4 => self.parameter_problem6(at, code)?,
            128 | 129 => {
                let (id, seq) = (self.u16(at + 4)?, self.u16(at + 6)?);
                self.text(", id ");
                self.dec(id);
                self.text(", seq ");
                self.dec(seq);
            }
            LISTENER_QUERY if length >= 28 => self.listener_query_2(at, length)?,
            LISTENER_QUERY | 131 | 132 if length == 24 && !self.has(at, 24) => {}
            LISTENER_QUERY | 131 | 132 if length == 24 => {
                let delay = self.u16(at + 4)?;
                self.put(format_args!("max resp delay: {delay} addr: "));
                self.ipv6_at(at + 8)?;
            }
            LISTENER_QUERY | 131 | 132 => return Err(Cut),
            ROUTER_SOLICITATION | ROUTER_ADVERTISEMENT | NEIGHBOR_SOLICITATION | NEIGHBOR_ADVERTISEMENT | REDIRECT => {
                self.neighbor_discovery(at, kind, length)?;
            }
            LISTENER_REPORT_2 => self.listener_report_2(at, length)?,
            138 => {
                let seq = self.u32(at + 4)?;
                match code {
                    0 => self.text(", command"),
                    1 => self.text(", result"),
                    255 => self.text(", sequence number reset"),
                    _ => self.put(format_args!(", code-#{code}")),
                }
                self.put(format_args!(", seq={seq}"));
            }
            144 | 146 => {
                let id = self.u16(at + 4)?;
                self.put(format_args!(", id 0x{id:04x}"));
            }
            RPL => self.rpl(at, code)?,
            139..=142 | 145 | 147 => {}
            _ => {
                self.put(format_args!(", length {length}"));
                self.message_in_hex(at);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// tcpdump shows messages that it does not know in hex, but not with `-vv`.
    fn message_in_hex(&mut self, at: usize) {
        if !self.verbose(2) {
            let rest = self.rest(at);
            hex::hex(self.out, "\n\t", rest);
        }
    }

    fn unreachable6(&mut self, at: usize, code: u8) -> Result<bool, Cut> {
        let quoted = at + 8;
        self.text(",");
        match code {
            0 => self.text(" unreachable route "),
            1 => self.text("  unreachable prohibited "),
            2 => {
                self.text(" beyond scope ");
                self.ipv6_at(quoted + 24)?;
                self.text(", source address ");
                self.ipv6_at(quoted + 8)?;
                return Ok(true);
            }
            3 => self.text(" unreachable address "),
            4 => {
                self.text(" unreachable port");
                return self.port_unreachable6(quoted).map(|()| true);
            }
            _ => {
                self.put(format_args!(" unknown unreach code ({code})"));
                self.message_in_hex(at);
                return Ok(false);
            }
        }
        self.ipv6_at(quoted + 24)?;
        Ok(true)
    }

    fn port_unreachable6(&mut self, quoted: usize) -> Printed {
        let mut next = IpProtocol(self.u8(quoted + 6)?);
        let mut p = quoted + 40;
        // Extension headers of the quoted datagram are passed over.
        loop {
            match next {
                IpProtocol::HOP_BY_HOP | IpProtocol::DESTINATION_OPTIONS | IpProtocol::ROUTING => {
                    next = IpProtocol(self.u8(p)?);
                    p += (usize::from(self.u8(p + 1)?) + 1) * 8;
                }
                IpProtocol::FRAGMENT => {
                    next = IpProtocol(self.u8(p)?);
                    p += 8;
                }
                _ => break,
            }
        }
        let name = match next {
            IpProtocol::TCP => "tcp",
            IpProtocol::UDP => "udp",
            _ => return Err(Cut),
        };
        let port = self.u16(p + 2)?;
        self.text(", ");
        self.ipv6_at(quoted + 24)?;
        self.put(format_args!(" {name} port {port}"));
        Ok(())
    }

    fn parameter_problem6(&mut self, at: usize, code: u8) -> Printed {
        let octet = self.u32(at + 4)?;
        match code {
            0 => self.text(", erroneous"),
            1 => self.text(", next header"),
            2 => self.text(", option"),
            3 => self.text(", incomplete header chain"),
            _ => {
                self.put(format_args!(", code-#{code}"));
                return Ok(());
            }
        }
        self.put(format_args!(" - octet {octet}"));
        Ok(())
    }

    /// RFC 3810 section 5.1.
    fn listener_query_2(&mut self, at: usize, length: u32) -> Printed {
        self.text(" v2");
        let code = self.u16(at + 4)?;
        // A floating-point number from 0x8000 on.
        let delay = if code < 0x8000 { u32::from(code) } else { (u32::from(code & 0x0fff) | 0x1000) << ((code >> 12 & 7) + 3) };
        if self.verbose(1) {
            self.put(format_args!(" [max resp delay={delay}]"));
        }
        let flags = self.u8(at + 24)?;
        self.text(" [gaddr ");
        self.ipv6_at(at + 8)?;
        if self.verbose(1) {
            let interval = self.u8(at + 25)?;
            if flags & 8 != 0 {
                self.text(" sflag");
            }
            if flags & 7 != 0 {
                self.put(format_args!(" robustness={}", flags & 7));
            }
            let interval =
                if interval < 128 { u32::from(interval) } else { (u32::from(interval & 15) | 16) << ((interval >> 4 & 7) + 3) };
            self.put(format_args!(" qqi={interval}"));
        }
        let sources = usize::from(self.u16(at + 26)?);
        if sources > 0 {
            if length < 28 + 16 * sources as u32 {
                self.put(format_args!(" [invalid number of sources {sources}]"));
            } else if self.verbose(2) {
                self.text(" {");
                for i in 0..sources {
                    self.text(" ");
                    self.ipv6_at(at + 28 + 16 * i)?;
                }
                self.text(" }");
            } else {
                self.put(format_args!(", {sources} source(s)"));
            }
        }
        self.text("]");
        Ok(())
    }

    /// RFC 3810 section 5.2.
    fn listener_report_2(&mut self, at: usize, length: u32) -> Printed {
        let records = self.u16(at + 6)?;
        self.put(format_args!(", {records} group record(s)"));
        if !self.verbose(1) {
            return Ok(());
        }
        let end = at.saturating_add(length as usize);
        let mut p = at + 8;
        for _ in 0..records {
            if p + 20 > end {
                self.text(" [invalid number of groups]");
                return Ok(());
            }
            self.need(p, 20)?;
            let kind = self.u8(p)?;
            let sources = usize::from(self.u16(p + 2)?);
            self.text(" [gaddr ");
            self.ipv6_at(p + 4)?;
            self.text(" ");
            match kind {
                1 => self.text("is_in"),
                2 => self.text("is_ex"),
                3 => self.text("to_in"),
                4 => self.text("to_ex"),
                5 => self.text("allow"),
                6 => self.text("block"),
                _ => self.put(format_args!(" [v2-report-#{kind}]")),
            }
            if p + 20 + 16 * sources > end {
                self.put(format_args!(" [invalid number of sources {sources}]"));
                return Ok(());
            }
            if self.verbose(2) {
                self.text(" {");
                for i in 0..sources {
                    self.text(" ");
                    self.ipv6_at(p + 20 + 16 * i)?;
                }
                self.text(" }");
            } else {
                self.put(format_args!(", {sources} source(s)"));
            }
            p += 20 + 16 * sources;
            self.text("]");
        }
        Ok(())
    }
}
