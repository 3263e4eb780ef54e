//! Writers of numbers, addresses and moments into a line of bytes, used by every output that makes a line or a record of
//! each packet or flow. No allocation and no formatting machinery: `write!` costs some 100 instructions a piece before
//! it writes a byte, and a record of a flow has 160 pieces (what it brought: `docs/performance.md`).
//!
//! The trick that all of them share: to append eight bytes whose number is fixed and cut the line back costs less than to
//! append as many bytes as are wanted, because the first is one store and the second is a call.

mod address;
mod moment;
mod number;

pub(super) use moment::{Civil, Days};

use crate::flow::FlowId;
use crate::model::{IpProtocol, Span};
use std::fmt;
use std::io::Write;
use std::net::IpAddr;

/// What a line is made of.
pub(super) trait Text {
    /// The line's bytes.
    fn line(&mut self) -> &mut Vec<u8>;

    /// Words as they are.
    #[inline]
    fn text(&mut self, words: &str) {
        self.line().extend_from_slice(words.as_bytes());
    }

    /// A number in decimal.
    #[inline]
    fn dec(&mut self, n: impl Into<u64>) {
        let n = n.into();
        if n < 10 {
            // Most counters of most flows.
            return self.line().push(b'0' + n as u8);
        }
        number::decimal(self.line(), n, 1);
    }

    /// A number in decimal with at least `width` digits, zeros in front.
    #[inline]
    fn dec_wide(&mut self, n: impl Into<u64>, width: usize) {
        number::decimal(self.line(), n.into(), width);
    }

    /// A number in decimal, at least `width` wide, `fill` in front.
    fn padded(&mut self, n: u64, width: usize, fill: u8) {
        let line = self.line();
        let start = line.len();
        line.dec(n);
        while line.len() < start + width {
            line.insert(start, fill);
        }
    }

    /// A number in hex without a prefix.
    #[inline]
    fn hex(&mut self, n: impl Into<u64>) {
        number::hex(self.line(), n.into(), 1);
    }

    /// A number in hex with at least `width` digits and without a prefix.
    #[inline]
    fn hex_wide(&mut self, n: impl Into<u64>, width: usize) {
        number::hex(self.line(), n.into(), width);
    }

    /// Bytes in hex, two digits each.
    fn hex_bytes(&mut self, bytes: &[u8]) {
        number::hex_bytes(self.line(), bytes);
    }

    /// A hardware address: bytes in hex with colons between.
    fn mac(&mut self, bytes: &[u8]) {
        address::mac(self.line(), bytes);
    }

    /// An IPv4 address.
    #[inline]
    fn ipv4(&mut self, address: [u8; 4]) {
        address::v4(self.line(), address);
    }

    /// An IPv6 address as `inet_ntop` writes it: the form of RFC 5952, and the last 32 bits of IPv4-compatible addresses
    /// (RFC 4291 section 2.5.5.1) as IPv4's. What tcpdump and Zeek print.
    fn ipv6(&mut self, address: [u8; 16]) {
        address::v6(self.line(), address, address::Form::Ntop);
    }

    /// An address in the form of RFC 5952.
    fn ip(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.ipv4(ip.octets()),
            IpAddr::V6(ip) => address::v6(self.line(), ip.octets(), address::Form::Rfc5952),
        }
    }

    /// An address as `inet_ntop` writes it.
    fn ip_ntop(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(ip) => self.ipv4(ip.octets()),
            IpAddr::V6(ip) => self.ipv6(ip.octets()),
        }
    }

    /// A length of time in seconds, exact to the nanosecond, without zeros at the end, never with an exponent:
    /// `0.022499`, `-1`, `0`.
    fn seconds(&mut self, span: Span) {
        moment::seconds(self.line(), span);
    }

    /// The ID of a flow: `c17`.
    fn flow_id(&mut self, id: FlowId) {
        let line = self.line();
        line.push(id.kind.letter());
        line.dec(id.number);
    }

    /// The name of an IP protocol, or `ip-proto-254`.
    fn protocol(&mut self, protocol: IpProtocol) {
        if let Some(name) = protocol.name() {
            return self.text(name);
        }
        self.text("ip-proto-");
        self.dec(protocol.0);
    }

    /// One byte made safe for terminals, in the caret and `M-` notation of `cat -v`.
    fn visible(&mut self, byte: u8) {
        let low = if byte >= 0x80 {
            self.text("M-");
            byte & 0x7f
        } else {
            byte
        };
        if (b' '..0x7f).contains(&low) {
            self.line().push(low);
        } else {
            self.line().extend_from_slice(&[b'^', low ^ 0x40]);
        }
    }

    /// Anything else, by way of [`fmt`]: for rare lines.
    fn put(&mut self, words: fmt::Arguments<'_>) {
        // Writing to a Vec cannot fail.
        let _ = self.line().write_fmt(words);
    }
}

impl Text for Vec<u8> {
    #[inline]
    fn line(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// Appends the first `length` of eight bytes, the first of them lowest.
#[inline]
fn push(line: &mut Vec<u8>, eight: u64, length: usize) {
    let end = line.len() + length;
    line.extend_from_slice(&eight.to_le_bytes());
    line.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::FlowKind;
    use proptest::prelude::*;

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut line = b"> ".to_vec();
        write(&mut line);
        String::from_utf8(line).unwrap().strip_prefix("> ").unwrap().to_owned()
    }

    #[test]
    fn control_characters_are_made_visible() {
        let mut line = Vec::new();
        for b in [b'a', 0, 0x1b, 0x7f, 0xff, 0x80] {
            line.visible(b);
        }
        assert_eq!(line, b"a^@^[^?M-^?M-^@");
    }

    #[test]
    fn numbers_are_filled_up_in_front() {
        assert_eq!(written(|line| line.padded(7, 5, b' ')), "    7");
        assert_eq!(written(|line| line.padded(123_456, 5, b' ')), "123456");
    }

    proptest! {
        #[test]
        fn ids_and_protocols_are_what_they_print_as(number in any::<u64>(), protocol in any::<u8>()) {
            for kind in [FlowKind::Tcp, FlowKind::Udp, FlowKind::Icmp, FlowKind::Sctp, FlowKind::Other] {
                let id = FlowId { kind, number };
                prop_assert_eq!(written(|line| line.flow_id(id)), id.to_string());
            }
            prop_assert_eq!(written(|line| line.protocol(IpProtocol(protocol))), IpProtocol(protocol).to_string());
        }
    }
}
