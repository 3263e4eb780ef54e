//! The TCP option of Multipath TCP, versions 0 (RFC 6824) and 1 (RFC 8684).

use super::tcp_options::Outcome;
use super::walk::{Cut, Walk};
use crate::output::text::Text;

const SYN: u8 = 2;
const ACK: u8 = 16;

impl Walk<'_> {
    /// The option's data, `said` bytes from `at` on.
    pub(super) fn mptcp(&mut self, at: usize, said: usize, flags: u8) -> Result<Outcome, Cut> {
        if !self.has(at, said) {
            return Ok(Outcome::NotThere);
        }
        self.layer = "mptcp";
        if said == 0 {
            return Ok(Outcome::Bad);
        }
        let len = said + 2;
        let (subtype, low) = (self.u8(at)? >> 4, self.u8(at)? & 15);
        self.text(" ");
        self.dec(len as u64);
        self.text(" ");
        let good = match subtype {
            0 => self.mp_capable(at, len, low, flags)?,
            1 => self.mp_join(at, len, low, flags)?,
            2 => self.mp_dss(at, len)?,
            3 => self.mp_add_address(at, len, low)?,
            4 => self.mp_remove_address(at, len)?,
            5 => self.mp_priority(at, len, low)?,
            6 => self.mp_number(at, len, "fail", " seq ")?,
            7 => self.mp_number(at, len, "fast-close", " key 0x")?,
            _ => {
                self.text("unknown");
                true
            }
        };
        Ok(if good { Outcome::Read(said) } else { Outcome::Bad })
    }

    fn mp_capable(&mut self, at: usize, len: usize, version: u8, flags: u8) -> Result<bool, Cut> {
        self.text("capable");
        let syn = flags & SYN != 0;
        let fits = match len {
            4 | 12 => syn,
            20 | 22 => !syn && flags & ACK != 0,
            _ => false,
        };
        if !fits {
            return Ok(false);
        }
        if version > 1 {
            self.put(format_args!(" Unknown Version ({version})"));
            return Ok(true);
        }
        self.put(format_args!(" v{version}"));
        if self.u8(at + 1)? & 0x80 != 0 {
            self.text(" csum");
        }
        if len >= 12 {
            let key = self.u64(at + 2)?;
            self.text(" {0x");
            self.hex(key);
            if len >= 20 {
                let key = self.u64(at + 10)?;
                self.text(",0x");
                self.hex(key);
            }
            self.text("}");
        }
        Ok(true)
    }

    fn mp_join(&mut self, at: usize, len: usize, low: u8, flags: u8) -> Result<bool, Cut> {
        self.text("join");
        let (syn, ack) = (flags & SYN != 0, flags & ACK != 0);
        if !((len == 12 && syn) || (len == 16 && syn && ack) || (len == 24 && ack)) {
            return Ok(false);
        }
        if len != 24 {
            if low & 1 != 0 {
                self.text(" backup");
            }
            let id = self.u8(at + 1)?;
            self.put(format_args!(" id {id}"));
        }
        match len {
            12 => {
                let (token, nonce) = (self.u32(at + 2)?, self.u32(at + 6)?);
                self.put(format_args!(" token 0x{token:x} nonce 0x{nonce:x}"));
            }
            16 => {
                let (hmac, nonce) = (self.u64(at + 2)?, self.u32(at + 10)?);
                self.put(format_args!(" hmac 0x{hmac:x} nonce 0x{nonce:x}"));
            }
            _ => {
                self.text(" hmac 0x");
                let hmac = self.slice(at + 2, 20)?;
                self.hex_bytes(hmac);
            }
        }
        Ok(true)
    }

    /// Data sequence signal: an acknowledgment, a mapping of data to the connection's own numbers, or both.
    fn mp_dss(&mut self, at: usize, len: usize) -> Result<bool, Cut> {
        self.text("dss");
        if len < 4 {
            return Ok(false);
        }
        let flags = self.u8(at + 1)?;
        let (mut p, end) = (at + 2, at + len - 2);
        if flags & 0x10 != 0 {
            self.text(" fin");
        }
        if flags & 1 != 0 {
            self.text(" ack ");
            let Some(number) = self.mp_wide(&mut p, end, flags & 2 != 0)? else {
                return Ok(false);
            };
            self.dec(number);
        }
        if flags & 4 != 0 {
            self.text(" seq ");
            let Some(number) = self.mp_wide(&mut p, end, flags & 8 != 0)? else {
                return Ok(false);
            };
            self.dec(number);
            if p + 6 > end {
                return Ok(false);
            }
            let (subseq, data) = (self.u32(p)?, self.u16(p + 4)?);
            self.put(format_args!(" subseq {subseq} len {data}"));
            p += 6;
            if p + 2 <= end {
                let sum = self.u16(p)?;
                self.put(format_args!(" csum 0x{sum:x}"));
                p += 2;
            }
        }
        Ok(p == end)
    }

    /// A number of 4 or 8 bytes, unless the option ends before.
    fn mp_wide(&self, p: &mut usize, end: usize, wide: bool) -> Result<Option<u64>, Cut> {
        let size = if wide { 8 } else { 4 };
        if *p + size > end {
            return Ok(None);
        }
        let number = if wide { self.u64(*p)? } else { u64::from(self.u32(*p)?) };
        *p += size;
        Ok(Some(number))
    }

    fn mp_add_address(&mut self, at: usize, len: usize, low: u8) -> Result<bool, Cut> {
        self.text("add-addr");
        let (v6, port, hmac) = match len {
            8 => (false, false, false),
            10 => (false, true, false),
            16 => (false, false, true),
            18 => (false, true, true),
            20 => (true, false, false),
            22 => (true, true, false),
            28 => (true, false, true),
            30 => (true, true, true),
            _ => return Ok(false),
        };
        self.text(match low {
            0 => " v1",
            1 => " v1-echo",
            4 => " v0-ip4",
            6 => " v0-ip6",
            _ => " [bad version/echo]",
        });
        let id = self.u8(at + 1)?;
        self.put(format_args!(" id {id} "));
        let mut p = at + 2;
        if v6 {
            self.ipv6_at(p)?;
            p += 16;
        } else {
            self.ipv4_at(p)?;
            p += 4;
        }
        if port {
            let port = self.u16(p)?;
            self.put(format_args!(":{port}"));
            p += 2;
        }
        if hmac {
            let hmac = self.u64(p)?;
            self.put(format_args!(" hmac 0x{hmac:x}"));
        }
        Ok(true)
    }

    fn mp_remove_address(&mut self, at: usize, len: usize) -> Result<bool, Cut> {
        self.text("rem-addr");
        if len < 4 {
            return Ok(false);
        }
        self.text(" id");
        for &id in self.slice(at + 1, len - 3)? {
            self.put(format_args!(" {id}"));
        }
        Ok(true)
    }

    fn mp_priority(&mut self, at: usize, len: usize, low: u8) -> Result<bool, Cut> {
        self.text("prio");
        if len != 3 && len != 4 {
            return Ok(false);
        }
        self.text(if low & 1 != 0 { " backup" } else { " non-backup" });
        if len == 4 {
            let id = self.u8(at + 1)?;
            self.put(format_args!(" id {id}"));
        }
        Ok(true)
    }

    fn mp_number(&mut self, at: usize, len: usize, name: &str, before: &str) -> Result<bool, Cut> {
        self.text(name);
        if len != 12 {
            return Ok(false);
        }
        self.text(before);
        let number = self.u64(at + 2)?;
        if before.ends_with("0x") {
            self.hex(number);
        } else {
            self.dec(number);
        }
        Ok(true)
    }
}
