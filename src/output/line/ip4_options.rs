//! IPv4 options (RFC 791 section 3.1, RFC 2113).

use super::walk::{Printed, Walk};
use crate::output::text::Text;

const END: u8 = 0;
const NOP: u8 = 1;

const fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        END => "EOL",
        NOP => "NOP",
        68 => "timestamp",
        130 => "security",
        7 => "RR",
        137 => "SSRR",
        131 => "LSRR",
        148 => "RA",
        _ => return None,
    })
}

impl Walk<'_> {
    /// The options between the fixed header and its end: `size` bytes from `at` on.
    pub(super) fn ip4_options(&mut self, at: usize, size: usize) -> Printed {
        let mut p = at;
        let mut left = size;
        while left > 0 {
            if p != at {
                self.text(",");
            }
            let kind = self.u8(p)?;
            self.named(name(kind), format_args!("unknown {kind}"));
            let len = match kind {
                END | NOP => 1,
                _ => {
                    let len = usize::from(self.u8(p + 1)?);
                    if len < 2 || len > left {
                        self.put(format_args!(" [bad length {len}]"));
                        return Ok(());
                    }
                    self.need(p, len)?;
                    len
                }
            };
            match kind {
                END => return Ok(()),
                7 | 131 | 137 => self.ip4_route(p, len)?,
                68 => self.ip4_timestamps(p, len)?,
                148 if len < 4 => self.put(format_args!(" [bad length {len}]")),
                148 => {
                    let value = self.u16(p + 2)?;
                    if value != 0 {
                        self.put(format_args!(" value {value}"));
                    }
                }
                _ => {}
            }
            p += len;
            left -= len;
        }
        Ok(())
    }

    /// Where the last address of a source route stands, if there is one: checksums are made with it (RFC 1122 section
    /// 3.2.1.8 has the destination change on the way).
    pub(super) fn ip4_route_end(&self, at: usize, header: usize) -> Option<usize> {
        let (mut p, end) = (at + 20, at + header);
        while p < end {
            let kind = self.u8(p).ok()?;
            let len = match kind {
                END => return None,
                NOP => 1,
                _ => usize::from(self.u8(p + 1).ok()?),
            };
            if kind != NOP && len < 2 || p + len > end {
                return None;
            }
            if matches!(kind, 131 | 137) && len >= 7 {
                return Some(p + len - 4);
            }
            p += len;
        }
        None
    }

    /// Routes recorded or to be taken: those before the pointer have been passed and have a comma after them.
    fn ip4_route(&mut self, at: usize, len: usize) -> Printed {
        if len < 3 {
            self.put(format_args!(" [bad length {len}]"));
            return Ok(());
        }
        if !(len + 1).is_multiple_of(4) {
            self.put(format_args!(" [bad length {len}]"));
        }
        let pointer = usize::from(self.u8(at + 2)?);
        if pointer < 4 || pointer % 4 != 0 {
            self.put(format_args!(" [bad ptr {pointer}]"));
        }
        for hop in (3..len).step_by(4) {
            self.text(" ");
            let mut address = [0; 4];
            let there = self.slice(at + hop, (len - hop).min(4))?;
            address[..there.len()].copy_from_slice(there);
            self.ipv4(address);
            if pointer > hop + 1 {
                self.text(",");
            }
        }
        Ok(())
    }

    fn ip4_timestamps(&mut self, at: usize, len: usize) -> Printed {
        if len < 4 {
            self.put(format_args!("[bad length {len}]"));
            return Ok(());
        }
        self.text(" TS{");
        let flags = self.u8(at + 3)?;
        let kind = flags % 16;
        let hop = if kind == 0 { 4 } else { 8 };
        if !(len - 4).is_multiple_of(hop) {
            self.put(format_args!("[bad length {len}]"));
        }
        let pointer = usize::from(self.u8(at + 2)?);
        if pointer < 5 || !(pointer - 5).is_multiple_of(hop) {
            self.put(format_args!("[bad ptr {pointer}]"));
        }
        match kind {
            0 => self.text("TSONLY"),
            1 => self.text("TS+ADDR"),
            3 => self.text("PRESPEC"),
            other => {
                self.put(format_args!("[bad ts type {other}]"));
                self.text("}");
                return Ok(());
            }
        }
        let mut i = 4;
        while i < len {
            if pointer == i + 1 {
                self.text(" ^ ");
            } else {
                self.text(" ");
            }
            let time = self.u32(at + i + hop - 4)?;
            self.dec(time);
            self.text("@");
            if hop == 8 {
                self.ipv4_at(at + i)?;
            }
            i += hop;
        }
        if pointer == len + 1 {
            self.text(" ^ ");
        }
        if flags >> 4 != 0 {
            self.put(format_args!(" [{} hops not recorded]}} ", flags >> 4));
        } else {
            self.text("}");
        }
        Ok(())
    }
}
