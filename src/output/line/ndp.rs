//! Neighbor discovery (RFC 4861) and the options of its messages.

use super::hex;
use super::icmp6::{NEIGHBOR_ADVERTISEMENT, NEIGHBOR_SOLICITATION, REDIRECT, ROUTER_ADVERTISEMENT};
use super::walk::{Printed, Walk};
use crate::output::text::Text;

const ROUTER_FLAGS: &[(u32, &str)] = &[(0x80, "managed"), (0x40, "other stateful"), (0x20, "home agent"), (0x02, "ipv6 only")];
const NEIGHBOR_FLAGS: &[(u32, &str)] = &[(0x80, "router"), (0x40, "solicited"), (0x20, "override")];
const PREFIX_FLAGS: &[(u32, &str)] = &[(0x80, "onlink"), (0x40, "auto"), (0x20, "router")];

const fn option_name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        1 => "source link-address",
        2 => "destination link-address",
        3 => "prefix info",
        4 => "redirected header",
        5 => "mtu",
        7 => "advertisement interval",
        8 => "homeagent information",
        24 => "route info",
        25 => "rdnss",
        31 => "dnssl",
        _ => return None,
    })
}

/// Preference of a router or route (RFC 4191 section 2.1).
const fn preference(bits: u8) -> &'static str {
    match bits >> 3 & 3 {
        0 => "medium",
        1 => "high",
        2 => "reserved",
        _ => "low",
    }
}

impl Walk<'_> {
    /// What follows the name of a discovery message: the address it is about, and with `-v` everything else.
    pub(super) fn neighbor_discovery(&mut self, at: usize, kind: u8, length: u32) -> Printed {
        let shown = self.verbose(1);
        if shown {
            self.put(format_args!(", length {length}"));
        }
        let options = match kind {
            ROUTER_ADVERTISEMENT => {
                if shown {
                    self.router_advertisement6(at)?;
                }
                16
            }
            NEIGHBOR_SOLICITATION => {
                self.need(at, 24)?;
                self.text(", who has ");
                self.ipv6_at(at + 8)?;
                24
            }
            NEIGHBOR_ADVERTISEMENT => {
                self.need(at, 24)?;
                self.text(", tgt is ");
                self.ipv6_at(at + 8)?;
                if shown {
                    let flags = self.u8(at + 4)?;
                    self.text(", Flags [");
                    self.bits(NEIGHBOR_FLAGS, ", ", u32::from(flags));
                    self.text("]");
                }
                24
            }
            REDIRECT => {
                self.need(at, 40)?;
                self.text(", ");
                self.ipv6_at(at + 24)?;
                self.text(" to ");
                self.ipv6_at(at + 8)?;
                40
            }
            _ => 8,
        };
        if shown { self.discovery_options(at + options, (length as usize).saturating_sub(options)) } else { Ok(()) }
    }

    fn router_advertisement6(&mut self, at: usize) -> Printed {
        self.need(at, 16)?;
        let (hops, flags, lifetime) = (self.u8(at + 4)?, self.u8(at + 5)?, self.u16(at + 6)?);
        self.put(format_args!("\n\thop limit {hops}, Flags ["));
        self.bits(ROUTER_FLAGS, ", ", u32::from(flags));
        let (reachable, retrans) = (self.u32(at + 8)?, self.u32(at + 12)?);
        self.put(format_args!(
            "], pref {}, router lifetime {lifetime}s, reachable time {reachable}ms, retrans timer {retrans}ms",
            preference(flags)
        ));
        Ok(())
    }

    /// The options behind a message, `size` bytes of them on the wire.
    pub(super) fn discovery_options(&mut self, at: usize, size: usize) -> Printed {
        let end = self.end.min(at.saturating_add(size));
        let mut p = at;
        while p < end {
            self.need(p, 2)?;
            let (kind, words) = (self.u8(p)?, usize::from(self.u8(p + 1)?));
            let len = words * 8;
            if len == 0 {
                return Err(super::walk::Cut);
            }
            self.need(p, len)?;
            self.text("\n\t  ");
            self.put(format_args!("{} option ({kind}), length {len} ({words}): ", option_name(kind).unwrap_or("unknown")));
            self.discovery_option(at, p, kind, len)?;
            if self.verbose(2) {
                let bytes = self.slice(p + 2, len - 2)?;
                hex::hex(self.out, "\n\t    ", bytes);
            }
            p += len;
        }
        Ok(())
    }

    fn discovery_option(&mut self, options: usize, p: usize, kind: u8, len: usize) -> Printed {
        match kind {
            1 | 2 => {
                let address = self.slice(p + 2, len - 2)?;
                self.mac(address);
            }
            3 => {
                let (bits, flags) = (self.u8(p + 2)?, self.u8(p + 3)?);
                let (valid, preferred) = (self.u32(p + 4)?, self.u32(p + 8)?);
                self.ipv6_at(p + 16)?;
                self.put(format_args!("/{bits}"));
                self.text(if len == 32 { ", Flags [" } else { "(opt len must be 32)), Flags [" });
                self.bits(PREFIX_FLAGS, ", ", u32::from(flags));
                self.text("], valid time ");
                self.lifetime6(valid);
                self.text(", pref. time ");
                self.lifetime6(preferred);
            }
            5 => {
                let mtu = self.u32(p + 4)?;
                self.put(format_args!(" {mtu}"));
            }
            7 => {
                let interval = self.u32(p + 4)?;
                self.put(format_args!(" {interval}ms"));
            }
            8 => {
                let (preference, lifetime) = (self.u16(p + 4)?, self.u16(p + 6)?);
                self.put(format_args!(" preference {preference}, lifetime {lifetime}"));
            }
            24 => self.route_information(p, len)?,
            25 => {
                let lifetime = self.u32(p + 4)?;
                self.text(" lifetime ");
                self.lifetime6(lifetime);
                self.text(",");
                for i in 0..(len - 8) / 16 {
                    self.text(" addr: ");
                    self.ipv6_at(p + 8 + 16 * i)?;
                }
            }
            31 => self.search_list(p, len)?,
            4 => {
                // tcpdump shows as many bytes as the option has, but from the first option on.
                let bytes = self.slice(options, len)?;
                hex::hex(self.out, "\n\t    ", bytes);
            }
            _ if self.verbose(2) => {}
            _ => {
                let bytes = self.slice(p + 2, len - 2)?;
                hex::hex(self.out, "\n\t  ", bytes);
            }
        }
        Ok(())
    }

    fn lifetime6(&mut self, seconds: u32) {
        if seconds == u32::MAX {
            self.text("infinity");
        } else {
            self.put(format_args!("{seconds}s"));
        }
    }

    /// RFC 4191 section 2.3.
    fn route_information(&mut self, p: usize, len: usize) -> Printed {
        let (bits, flags, lifetime) = (self.u8(p + 2)?, self.u8(p + 3)?, self.u32(p + 4)?);
        let mut prefix = [0; 16];
        let there = (len - 8).min(16);
        prefix[..there].copy_from_slice(self.slice(p + 8, there)?);
        self.text(" ");
        if there == 0 {
            self.text("::");
        } else {
            self.ipv6(prefix);
        }
        self.put(format_args!("/{bits}, pref={}, lifetime=", preference(flags)));
        self.lifetime6(lifetime);
        Ok(())
    }

    /// RFC 8106 section 5.2: names of labels, zeros behind the last.
    fn search_list(&mut self, p: usize, len: usize) -> Printed {
        let lifetime = self.u32(p + 4)?;
        self.text(" lifetime ");
        self.lifetime6(lifetime);
        self.text(", domain(s):");
        let (mut at, end) = (p + 8, p + len);
        while at < end && self.u8(at)? != 0 {
            self.text(" ");
            loop {
                if at >= end {
                    return Ok(());
                }
                let size = usize::from(self.u8(at)?);
                if size == 0 || at + 1 + size > end {
                    at += 1;
                    break;
                }
                for &byte in self.slice(at + 1, size)? {
                    self.visible(byte);
                }
                self.text(".");
                at += 1 + size;
            }
        }
        Ok(())
    }
}
