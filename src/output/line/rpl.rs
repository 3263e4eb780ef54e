//! Control messages of RPL, the routing protocol of low-power networks (RFC 6550 section 6).

use super::walk::{Printed, Walk};
use crate::output::text::Text;

const SOLICITATION: u8 = 0;
const INFORMATION: u8 = 1;
const ADVERTISEMENT: u8 = 2;
const ADVERTISEMENT_ACK: u8 = 3;

const fn option_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        0 => "pad1",
        1 => "padN",
        2 => "metrics",
        3 => "routinginfo",
        4 => "config",
        5 => "rpltarget",
        6 => "transitinfo",
        8 => "destprefix",
        9 => "rpltargetdesc",
        _ => return None,
    })
}

impl Walk<'_> {
    /// What follows the name of the protocol: kind of message, and with `-v` its fields.
    pub(super) fn rpl(&mut self, at: usize, code: u8) -> Printed {
        if code & 0x80 != 0 {
            // Secured: the fields behind are protected, or encrypted.
            self.text(", (SEC) [worktodo]");
            return Ok(());
        }
        self.text(", (CLR)");
        let options = match code {
            SOLICITATION => {
                self.text("DODAG Information Solicitation");
                return Ok(());
            }
            INFORMATION => {
                self.text("DODAG Information Object");
                if !self.verbose(1) {
                    return Ok(());
                }
                self.rpl_information(at)?
            }
            ADVERTISEMENT => {
                self.text("Destination Advertisement Object");
                if !self.verbose(1) {
                    return Ok(());
                }
                self.rpl_advertisement(at)?
            }
            ADVERTISEMENT_ACK => {
                self.text("Destination Advertisement Object Ack");
                if !self.verbose(1) {
                    return Ok(());
                }
                self.rpl_acknowledgment(at)?
            }
            _ => {
                self.put(format_args!("RPL message, unknown code {code}"));
                return Ok(());
            }
        };
        if self.verbose(2) { self.rpl_options(options) } else { Ok(()) }
    }

    fn rpl_information(&mut self, at: usize) -> Result<usize, super::walk::Cut> {
        self.need(at + 4, 24)?;
        let (instance, rank, mode) = (self.u8(at + 4)?, self.u16(at + 6)?, self.u8(at + 8)?);
        self.text(" [dagid:");
        self.ipv6_at(at + 12)?;
        let sequence = self.u8(at + 9)?;
        self.put(format_args!(",seq:{sequence},instance:{instance},rank:{rank},"));
        self.text(if mode & 0x80 != 0 { "grounded," } else { "" });
        self.text("mop:");
        match mode >> 3 & 7 {
            0 => self.text("nonstoring"),
            1 => self.text("storing"),
            2 => self.text("nonstoring-multicast"),
            3 => self.text("storing-multicast"),
            other => self.put(format_args!("mop{other}")),
        }
        self.put(format_args!(",prf:{}]", mode & 7));
        Ok(at + 28)
    }

    fn rpl_advertisement(&mut self, at: usize) -> Result<usize, super::walk::Cut> {
        self.need(at + 4, 20)?;
        let (instance, flags, sequence) = (self.u8(at + 4)?, self.u8(at + 5)?, self.u8(at + 7)?);
        let named = flags & 0x40 != 0;
        self.rpl_graph(at + 8, named)?;
        self.put(format_args!(",seq:{sequence},instance:{instance}"));
        self.text(if flags & 0x80 != 0 { ",acK" } else { "" });
        self.text(if named { ",Dagid" } else { "" });
        self.put(format_args!(",{flags:02x}]"));
        Ok(at + if named { 24 } else { 8 })
    }

    fn rpl_acknowledgment(&mut self, at: usize) -> Result<usize, super::walk::Cut> {
        self.need(at + 4, 4)?;
        let (instance, flags, sequence, status) = (self.u8(at + 4)?, self.u8(at + 5)?, self.u8(at + 6)?, self.u8(at + 7)?);
        let named = flags & 0x80 != 0;
        self.rpl_graph(at + 8, named)?;
        self.put(format_args!(",seq:{sequence},instance:{instance},status:{status}]"));
        Ok(at + if named { 24 } else { 8 })
    }

    fn rpl_graph(&mut self, at: usize, named: bool) -> Printed {
        if named {
            self.need(at, 16)?;
            self.text(" [dagid:");
            self.ipv6_at(at)
        } else {
            self.text(" [dagid:<elided>");
            Ok(())
        }
    }

    fn rpl_options(&mut self, at: usize) -> Printed {
        let mut p = at;
        while p < self.end {
            let kind = self.u8(p)?;
            if kind == 0 {
                self.text(" opt:pad1");
                p += 1;
                continue;
            }
            self.need(p, 2)?;
            self.text(" opt:");
            let size = usize::from(self.u8(p + 1)?) + 2;
            self.named(option_name(kind), format_args!("subopt:{kind}"));
            self.put(format_args!(" len:{size} "));
            self.need(p, size)?;
            p += size;
        }
        Ok(())
    }
}
