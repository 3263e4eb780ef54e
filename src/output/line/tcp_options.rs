//! TCP options (RFC 9293 section 3.1 and the registry of TCP option kinds), but for Multipath TCP's.

use super::walk::{Cut, Printed, Walk};
use crate::output::text::Text;

const NOP: u8 = 1;
const END: u8 = 0;

/// What options are read with.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    /// The flags of the segment.
    pub(super) flags: u8,
    /// What the edges of SACK blocks count from.
    pub(super) base: u32,
    /// Was all of the segment captured?
    pub(super) whole: bool,
}

/// How the reading of an option ended.
pub(super) enum Outcome {
    /// With this many bytes of data.
    Read(usize),
    /// It contradicts itself.
    Bad,
    /// It was not captured whole.
    NotThere,
}

const fn name(kind: u8) -> Option<&'static str> {
    Some(match kind {
        END => "eol",
        NOP => "nop",
        2 => "mss",
        3 => "wscale",
        4 => "sackOK",
        5 => "sack",
        6 => "echo",
        7 => "echoreply",
        8 => "TS",
        11 => "cc",
        12 => "ccnew",
        13 => "",
        19 => "md5",
        20 => "scps",
        28 => "uto",
        29 => "tcp-ao",
        30 => "mptcp",
        34 => "tfo",
        254 => "exp",
        _ => return None,
    })
}

impl Walk<'_> {
    /// `, options [mss 1460,sackOK]`: `size` bytes from `at` on.
    /// `false`: they were broken off, and nothing more is to be said of the segment.
    pub(super) fn tcp_options(&mut self, at: usize, size: usize, segment: Segment) -> Result<bool, Cut> {
        self.text(", options [");
        let end = at + size;
        let mut p = at;
        let mut first = true;
        while p < end {
            if !first {
                self.text(",");
            }
            let kind = self.u8(p)?;
            p += 1;
            // The bytes of an option after its kind and length, as the length says.
            let said = if matches!(kind, END | NOP) {
                None
            } else {
                let len = usize::from(self.u8(p)?);
                if len < 2 || len - 1 > end - p {
                    return Ok(self.bad_option(first));
                }
                p += 1;
                Some(len - 2)
            };
            self.named(name(kind), format_args!("unknown-{kind}"));
            let outcome = match said {
                None => Outcome::Read(0),
                Some(said) => self.tcp_option(kind, p, said, end - p, segment)?,
            };
            let read = match outcome {
                Outcome::Read(read) => read,
                Outcome::Bad => return Ok(self.bad_option(first)),
                Outcome::NotThere => {
                    self.cut_mark();
                    if !first {
                        self.text(">");
                    }
                    return Ok(false);
                }
            };
            p += read;
            if let Some(said) = said
                && said != read
            {
                self.put(format_args!("[len {}]", said + 2));
            }
            first = false;
            if kind == END {
                break;
            }
        }
        self.text("]");
        Ok(true)
    }

    fn bad_option(&mut self, first: bool) -> bool {
        self.text("[bad opt]");
        if !first {
            self.text("]");
        }
        false
    }

    /// One option: its data starts at `at`, `said` bytes by its length, of `left` in the header.
    fn tcp_option(&mut self, kind: u8, at: usize, said: usize, left: usize, segment: Segment) -> Result<Outcome, Cut> {
        let fixed = match kind {
            2 | 20 | 28 => 2,
            3 => 1,
            4 | 5 => 0,
            6 | 7 | 11..=13 => 4,
            8 => 8,
            19 => 16,
            _ => said,
        };
        if fixed > left {
            return Ok(Outcome::Bad);
        }
        if !self.has(at, fixed) {
            return Ok(Outcome::NotThere);
        }
        match kind {
            2 => {
                self.text(" ");
                let size = self.u16(at)?;
                self.dec(size);
            }
            3 => {
                self.text(" ");
                let shift = self.u8(at)?;
                self.dec(shift);
            }
            4 => {}
            5 => return self.sack(at, said, segment.base),
            6 | 7 | 11..=13 => {
                self.text(" ");
                let value = self.u32(at)?;
                self.dec(value);
            }
            8 => {
                self.text(" val ");
                let (value, echo) = (self.u32(at)?, self.u32(at + 4)?);
                self.dec(value);
                self.text(" ecr ");
                self.dec(echo);
            }
            19 => {
                self.text(if segment.whole { " shared secret not supplied with -M" } else { " snaplen too short" });
                self.text(", can't check - ");
                let digest = self.slice(at, 16)?;
                self.hex_bytes(digest);
            }
            20 => {
                let (capabilities, id) = (self.u8(at)?, self.u8(at + 1)?);
                self.put(format_args!(" cap {capabilities:02x} id {id}"));
            }
            28 => {
                // RFC 5482 has the bit that says minutes in front; tcpdump takes the last one.
                let value = self.u16(at)?;
                let seconds = u32::from(value >> 1) * if value & 1 == 0 { 1 } else { 60 };
                self.put(format_args!(" 0x{value:x} {seconds}"));
            }
            29 => self.tcp_ao(at, said)?,
            30 => return self.mptcp(at, said, segment.flags),
            34 => self.fast_open(at, said)?,
            254 => return self.experiment(at, said),
            _ if said > 0 => {
                self.text(" 0x");
                let data = self.slice(at, said)?;
                self.hex_bytes(data);
            }
            _ => {}
        }
        Ok(Outcome::Read(fixed))
    }

    fn sack(&mut self, at: usize, said: usize, base: u32) -> Result<Outcome, Cut> {
        if !said.is_multiple_of(8) {
            self.text(" invalid sack");
            return Ok(Outcome::Read(said));
        }
        self.text(" ");
        self.dec((said / 8) as u64);
        self.text(" ");
        for block in 0..said / 8 {
            let edge = at + 8 * block;
            if !self.has(edge, 8) {
                return Ok(Outcome::NotThere);
            }
            let (left, right) = (self.u32(edge)?, self.u32(edge + 4)?);
            self.text("{");
            self.dec(left.wrapping_sub(base));
            self.text(":");
            self.dec(right.wrapping_sub(base));
            self.text("}");
        }
        Ok(Outcome::Read(said))
    }

    /// RFC 5925.
    fn tcp_ao(&mut self, at: usize, said: usize) -> Printed {
        if said < 2 {
            self.invalid();
            return Ok(());
        }
        let (key, next) = (self.u8(at)?, self.u8(at + 1)?);
        self.put(format_args!(" keyid {key} rnextkeyid {next}"));
        if said > 2 {
            self.text(" mac 0x");
            let mac = self.slice(at + 2, said - 2)?;
            self.hex_bytes(mac);
        }
        Ok(())
    }

    /// RFC 7413 section 2.
    fn fast_open(&mut self, at: usize, said: usize) -> Printed {
        self.text(" ");
        self.cookie(at, said)
    }

    fn cookie(&mut self, at: usize, said: usize) -> Printed {
        if said == 0 {
            self.text(" cookiereq");
        } else if !said.is_multiple_of(2) || !(4..=16).contains(&said) {
            self.invalid();
        } else {
            self.text(" cookie ");
            let cookie = self.slice(at, said)?;
            self.hex_bytes(cookie);
        }
        Ok(())
    }

    /// RFC 6994: an experiment's number, then its data. One is known: TCP Fast Open before it had a kind of its own.
    fn experiment(&mut self, at: usize, said: usize) -> Result<Outcome, Cut> {
        if said < 2 {
            return Ok(Outcome::Bad);
        }
        self.text("-");
        match self.u16(at)? {
            0xf989 => {
                self.text("tfo");
                self.cookie(at + 2, said - 2)?;
            }
            number => self.put(format_args!("{number:04x}")),
        }
        Ok(Outcome::Read(said))
    }
}
