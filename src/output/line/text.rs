//! Writers of numbers and addresses into a line: no allocation, no formatting machinery on the packet path.

use std::fmt;
use std::io::Write;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// What a line is made of.
pub(super) trait Text {
    /// The line's bytes.
    fn line(&mut self) -> &mut Vec<u8>;

    /// Words as they are.
    fn text(&mut self, words: &str) {
        self.line().extend_from_slice(words.as_bytes());
    }

    /// A number in decimal.
    fn dec(&mut self, n: impl Into<u64>) {
        self.padded(n.into(), 1, b'0');
    }

    /// A number in decimal with at least `width` digits, zeros in front.
    fn dec_wide(&mut self, n: impl Into<u64>, width: usize) {
        self.padded(n.into(), width, b'0');
    }

    /// A number in decimal, at least `width` wide, `fill` in front.
    fn padded(&mut self, mut n: u64, width: usize, fill: u8) {
        let mut digits = [fill; 24];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (n % 10) as u8;
            n /= 10;
            if n == 0 {
                break;
            }
        }
        let start = at.min(digits.len().saturating_sub(width));
        self.line().extend_from_slice(&digits[start..]);
    }

    /// A number in hex without a prefix.
    fn hex(&mut self, n: impl Into<u64>) {
        self.hex_wide(n, 1);
    }

    /// A number in hex with at least `width` digits and without a prefix.
    fn hex_wide(&mut self, n: impl Into<u64>, width: usize) {
        let mut n = n.into();
        let mut digits = [b'0'; 16];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = DIGITS[(n & 15) as usize];
            n >>= 4;
            if n == 0 {
                break;
            }
        }
        let start = at.min(digits.len().saturating_sub(width));
        self.line().extend_from_slice(&digits[start..]);
    }

    /// Bytes in hex, two digits each.
    fn hex_bytes(&mut self, bytes: &[u8]) {
        for &b in bytes {
            self.line().extend_from_slice(&[DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]);
        }
    }

    /// A hardware address: bytes in hex with colons between.
    fn mac(&mut self, bytes: &[u8]) {
        for (i, b) in bytes.iter().enumerate() {
            if i > 0 {
                self.line().push(b':');
            }
            self.hex_bytes(std::slice::from_ref(b));
        }
    }

    /// An IPv4 address.
    fn ipv4(&mut self, address: [u8; 4]) {
        for (i, b) in address.into_iter().enumerate() {
            if i > 0 {
                self.line().push(b'.');
            }
            self.dec(b);
        }
    }

    /// An IPv6 address in the form of RFC 5952, IPv4-mapped and IPv4-compatible ones with a dotted end.
    fn ipv6(&mut self, address: [u8; 16]) {
        let group = |i: usize| u16::from_be_bytes([address[2 * i], address[2 * i + 1]]);
        let (start, len) = longest_zeros(&address);
        let dotted = start == 0 && (len == 6 || (len == 5 && group(5) == 0xffff));
        let end = if dotted { 6 } else { 8 };
        let mut i = 0;
        while i < end {
            if len > 0 && i == start {
                self.text("::");
                i += len;
                continue;
            }
            if i > 0 && (len == 0 || i != start + len) {
                self.line().push(b':');
            }
            self.hex(group(i));
            i += 1;
        }
        if dotted {
            if len == 5 {
                self.line().push(b':');
            }
            self.ipv4([address[12], address[13], address[14], address[15]]);
        }
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
    fn line(&mut self) -> &mut Vec<u8> {
        self
    }
}

/// The first of the longest runs of two or more zero groups: where it starts and how many there are (0 without one).
fn longest_zeros(address: &[u8; 16]) -> (usize, usize) {
    let (mut best_at, mut best) = (0, 1);
    let mut run = 0;
    for i in 0..8 {
        run = if address[2 * i] | address[2 * i + 1] == 0 { run + 1 } else { 0 };
        if run > best {
            (best_at, best) = (i + 1 - run, run);
        }
    }
    if best > 1 { (best_at, best) } else { (0, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    fn ip(text: &str) -> String {
        let mut line = Vec::new();
        line.ipv6(text.parse::<Ipv6Addr>().unwrap().octets());
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn addresses_are_shortened_where_the_longest_run_of_zeros_is() {
        for text in ["::", "::1", "1::", "fe80::1", "2200::240:2:0:0:4", "1:0:2:3:4:5:6:7", "::ffff:1.2.3.4", "1:2:3:4:5:6::"] {
            assert_eq!(ip(text), text);
        }
        assert_eq!(ip("::1.2.3.4"), "::1.2.3.4");
        assert_eq!(ip("1:0:0:2:0:0:0:3"), "1:0:0:2::3");
        assert_eq!(ip("0:0:1:2:3:4:5:6"), "::1:2:3:4:5:6");
    }

    #[test]
    fn numbers_of_every_size() {
        let mut line = Vec::new();
        line.dec(u64::MAX);
        line.text(" ");
        line.dec_wide(7u8, 6);
        line.text(" ");
        line.padded(7, 5, b' ');
        line.text(" ");
        line.hex(u64::MAX);
        line.text(" ");
        line.hex_wide(0x12345u32, 4);
        assert_eq!(line, b"18446744073709551615 000007     7 ffffffffffffffff 12345");
    }

    #[test]
    fn control_characters_are_made_visible() {
        let mut line = Vec::new();
        for b in [b'a', 0, 0x1b, 0x7f, 0xff, 0x80] {
            line.visible(b);
        }
        assert_eq!(line, b"a^@^[^?M-^?M-^@");
    }
}
