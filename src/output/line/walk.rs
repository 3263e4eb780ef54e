//! A walk along the headers of one frame, writing as it goes. Reads are bounded by what was captured and by the
//! lengths of the headers already passed; a read beyond ends the walk with [`Cut`], and the line says in which layer.

use super::hex;
use super::options::{HexMode, LineOptions};
use super::relative::Relative;
use crate::output::host_names::HostNames;
use crate::output::text::Text;
use std::fmt;
use std::net::IpAddr;

/// The captured bytes end inside what was to be printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut;

/// Everything written, or the capture ended on the way.
pub(super) type Printed = Result<(), Cut>;

/// Headers inside headers are followed this far. Real tunnels have a handful; hostile frames could have thousands.
const MAX_DEPTH: u8 = 32;

/// The window scale that the tracker knows for the TCP header at this offset.
#[derive(Clone, Copy, Debug)]
pub(super) struct KnownScale {
    /// Where the TCP header starts.
    pub(super) at: usize,
    /// By how many bits the window is shifted.
    pub(super) shift: u8,
}

/// The state of a walk.
pub(super) struct Walk<'a> {
    /// The line written so far.
    pub(super) out: &'a mut Vec<u8>,
    /// Settings.
    pub(super) options: &'a LineOptions,
    /// First sequence numbers of the connections seen.
    pub(super) relative: &'a mut Relative,
    /// Who knows names of hosts.
    pub(super) names: Option<&'a mut Box<dyn HostNames>>,
    /// The frame as captured.
    pub(super) bytes: &'a [u8],
    /// Where the bytes end that belong to the header being printed.
    pub(super) end: usize,
    /// tcpdump's name for the layer being printed: what stands in `[|tcp]`.
    pub(super) layer: &'static str,
    /// For `win 63 (=64512)`.
    pub(super) scale: Option<KnownScale>,
    /// How many headers this one is inside of.
    depth: u8,
}

impl Text for Walk<'_> {
    #[inline]
    fn line(&mut self) -> &mut Vec<u8> {
        self.out
    }
}

impl<'a> Walk<'a> {
    /// At the start of a frame.
    pub(super) fn new(
        out: &'a mut Vec<u8>,
        options: &'a LineOptions,
        relative: &'a mut Relative,
        bytes: &'a [u8],
        scale: Option<KnownScale>,
    ) -> Self {
        Self { out, options, relative, names: None, bytes, end: bytes.len(), layer: "", scale, depth: 0 }
    }

    /// Makes sure that `n` bytes from `at` on are there.
    pub(super) fn need(&self, at: usize, n: usize) -> Printed {
        if self.has(at, n) { Ok(()) } else { Err(Cut) }
    }

    /// Are `n` bytes from `at` on there?
    pub(super) fn has(&self, at: usize, n: usize) -> bool {
        at.checked_add(n).is_some_and(|end| end <= self.end)
    }

    /// How many bytes are there from `at` on.
    pub(super) fn left(&self, at: usize) -> usize {
        self.end.saturating_sub(at)
    }

    /// `n` bytes from `at` on.
    pub(super) fn slice(&self, at: usize, n: usize) -> Result<&'a [u8], Cut> {
        self.need(at, n)?;
        self.bytes.get(at..at + n).ok_or(Cut)
    }

    /// What is there from `at` on.
    pub(super) fn rest(&self, at: usize) -> &'a [u8] {
        self.bytes.get(at..self.end).unwrap_or_default()
    }

    /// A fixed number of bytes.
    pub(super) fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], Cut> {
        self.slice(at, N)?.try_into().map_err(|_| Cut)
    }

    /// One byte.
    pub(super) fn u8(&self, at: usize) -> Result<u8, Cut> {
        self.array::<1>(at).map(|b| b[0])
    }

    /// Two bytes, network order.
    pub(super) fn u16(&self, at: usize) -> Result<u16, Cut> {
        self.array(at).map(u16::from_be_bytes)
    }

    /// Three bytes, network order.
    pub(super) fn u24(&self, at: usize) -> Result<u32, Cut> {
        self.array(at).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]))
    }

    /// Four bytes, network order.
    pub(super) fn u32(&self, at: usize) -> Result<u32, Cut> {
        self.array(at).map(u32::from_be_bytes)
    }

    /// Eight bytes, network order.
    pub(super) fn u64(&self, at: usize) -> Result<u64, Cut> {
        self.array(at).map(u64::from_be_bytes)
    }

    /// Writes the IPv4 address at `at`, or the host's name.
    pub(super) fn ipv4_at(&mut self, at: usize) -> Printed {
        let address = self.array(at)?;
        if !self.host_name(IpAddr::from(address)) {
            self.ipv4(address);
        }
        Ok(())
    }

    /// Writes the IPv6 address at `at`, or the host's name.
    pub(super) fn ipv6_at(&mut self, at: usize) -> Printed {
        let address = self.array(at)?;
        if !self.host_name(IpAddr::from(address)) {
            self.ipv6(address);
        }
        Ok(())
    }

    /// Writes the name of a host. False: it is not known, or names are not wanted.
    fn host_name(&mut self, address: IpAddr) -> bool {
        let Some(name) = self.names.as_mut().and_then(|names| names.name(address)) else { return false };
        self.out.extend_from_slice(name.as_bytes());
        true
    }

    /// Was `-v` given at least this often?
    pub(super) fn verbose(&self, times: u8) -> bool {
        self.options.verbosity >= times
    }

    /// The mark of a header that contradicts itself.
    pub(super) fn invalid(&mut self) {
        self.text(" (invalid)");
    }

    /// The mark of a header of which not all is there.
    pub(super) fn cut_mark(&mut self) {
        let layer = self.layer;
        self.text(" [|");
        self.text(layer);
        self.text("]");
    }

    /// The name of a number, or the number after `other`.
    pub(super) fn named(&mut self, name: Option<&str>, other: fmt::Arguments<'_>) {
        match name {
            Some(name) => self.text(name),
            None => self.put(other),
        }
    }

    /// The names of the bits set in `bits`, or `none`. The names are in ascending order of their bits.
    pub(super) fn bits(&mut self, names: &[(u32, &str)], between: &str, bits: u32) {
        let mut first = true;
        for (_, name) in names.iter().filter(|(bit, _)| bits & bit != 0) {
            if !first {
                self.text(between);
            }
            self.text(name);
            first = false;
        }
        if first {
            self.text("none");
        }
    }

    /// Bytes that nothing here can read: shown in hex unless the options show them anyway, or want short lines.
    pub(super) fn unread(&mut self, at: usize) {
        if !self.options.quiet && self.options.hex == HexMode::None {
            let rest = self.rest(at);
            hex::hex_ascii(self.out, "\n\t", rest);
        }
    }

    /// Prints what is inside, with the end of the bytes no later than `end`, and sets the end back.
    pub(super) fn inside(&mut self, end: usize, print: impl FnOnce(&mut Self) -> Printed) -> Printed {
        if self.depth == MAX_DEPTH {
            self.text(" [too many headers]");
            return Ok(());
        }
        let outer = self.end;
        self.end = outer.min(end);
        self.depth += 1;
        print(self)?;
        self.depth -= 1;
        self.end = outer;
        Ok(())
    }
}
