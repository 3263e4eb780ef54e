//! Addresses as text.

use super::number::{eight_hex_digits, two_hex_digits};
use super::{Text, push};

/// How IPv6 addresses are written. The two differ where the first 96 bits are zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// RFC 5952; IPv4-mapped addresses (`::ffff:192.0.2.1`) have a dotted end.
    Rfc5952,
    /// `inet_ntop`: IPv4-compatible addresses (`::192.0.2.1`) have one, too.
    Ntop,
}

/// Each byte in decimal with a dot behind it.
const OCTETS: [[u8; 4]; 256] = {
    let mut all = [[b'.'; 4]; 256];
    let mut n = 0;
    while n < 256 {
        let (hundreds, tens, ones) = ((n / 100) as u8 + b'0', (n / 10 % 10) as u8 + b'0', (n % 10) as u8 + b'0');
        all[n] = match n {
            0..10 => [ones, b'.', b'.', b'.'],
            10..100 => [tens, ones, b'.', b'.'],
            _ => [hundreds, tens, ones, b'.'],
        };
        n += 1;
    }
    all
};

/// Appends an IPv4 address.
#[inline]
pub(super) fn v4(line: &mut Vec<u8>, address: [u8; 4]) {
    let mut end = line.len();
    for octet in address {
        line.extend_from_slice(&OCTETS[usize::from(octet)]);
        end += 2 + usize::from(octet >= 10) + usize::from(octet >= 100);
        line.truncate(end);
    }
    // The last dot.
    line.pop();
}

/// Appends an IPv6 address.
pub(super) fn v6(line: &mut Vec<u8>, address: [u8; 16], form: Form) {
    let (start, zeros) = longest_zeros(&address);
    if start == 0 && zeros == 5 && address[10..12] == [0xff, 0xff] {
        line.text("::ffff:");
        return v4(line, [address[12], address[13], address[14], address[15]]);
    }
    if start == 0 && zeros == 6 && form == Form::Ntop {
        line.text("::");
        return v4(line, [address[12], address[13], address[14], address[15]]);
    }
    if zeros == 0 {
        groups(line, &address);
        line.pop();
        return;
    }
    groups(line, &address[..2 * start]);
    // A colon stands there already behind a group.
    line.text(if start == 0 { "::" } else { ":" });
    let rest = &address[2 * (start + zeros)..];
    groups(line, rest);
    if !rest.is_empty() {
        line.pop();
    }
}

/// Appends groups of two bytes, each with a colon behind it.
fn groups(line: &mut Vec<u8>, bytes: &[u8]) {
    for group in bytes.chunks_exact(2) {
        let group = u16::from_be_bytes([group[0], group[1]]);
        // Of the eight digits the first four are zeros.
        let skip = (group.leading_zeros() as usize / 4).min(3);
        let digits = eight_hex_digits(u32::from(group)) >> 32 | u64::from(b':') << 32;
        push(line, digits >> (8 * skip), 5 - skip);
    }
}

/// Appends a hardware address: bytes in hex with colons between.
pub(super) fn mac(line: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        let [high, low] = two_hex_digits(*byte);
        line.extend_from_slice(&[high, low, b':']);
    }
    if !bytes.is_empty() {
        line.pop();
    }
}

/// The first of the longest runs of two or more zero groups: where it starts and how many there are (0 without one).
fn longest_zeros(address: &[u8; 16]) -> (usize, usize) {
    let mut zeros = 0_u32;
    for (i, group) in address.chunks_exact(2).enumerate() {
        zeros |= u32::from(group == [0, 0]) << i;
    }
    // Bits where runs start of so many groups at least.
    let (mut starts, mut length) = (zeros, 1);
    loop {
        let longer = starts & zeros >> length;
        if longer == 0 {
            break;
        }
        (starts, length) = (longer, length + 1);
    }
    if length > 1 { (starts.trailing_zeros() as usize, length) } else { (0, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::MacAddr;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut line = b"> ".to_vec();
        write(&mut line);
        String::from_utf8(line).unwrap().strip_prefix("> ").unwrap().to_owned()
    }

    fn ntop(text: &str) -> String {
        written(|line| v6(line, text.parse::<Ipv6Addr>().unwrap().octets(), Form::Ntop))
    }

    #[test]
    fn addresses_are_shortened_where_the_longest_run_of_zeros_is() {
        for text in ["::", "::1", "1::", "fe80::1", "2200::240:2:0:0:4", "1:0:2:3:4:5:6:7", "::ffff:1.2.3.4", "1:2:3:4:5:6::"] {
            assert_eq!(ntop(text), text);
        }
        assert_eq!(ntop("1:0:0:2:0:0:0:3"), "1:0:0:2::3");
        assert_eq!(ntop("0:0:1:2:3:4:5:6"), "::1:2:3:4:5:6");
    }

    #[test]
    fn ipv4_shows_in_what_is_compatible_or_mapped() {
        for text in ["::102", "::1.2.3.4", "::0.1.0.0", "::1:0:0", "2001:0:0:1::1", "2001:db8:0:1:1:1:1:1"] {
            assert_eq!(ntop(text), text);
        }
        let compatible = "::1.2.3.4".parse::<Ipv6Addr>().unwrap().octets();
        assert_eq!(written(|line| v6(line, compatible, Form::Rfc5952)), "::102:304");
    }

    #[test]
    fn every_ipv4_byte() {
        for n in 0..=255 {
            assert_eq!(written(|line| v4(line, [n; 4])), Ipv4Addr::from([n; 4]).to_string());
        }
    }

    /// Addresses with zeros and short groups among them.
    fn address() -> impl Strategy<Value = [u8; 16]> {
        let group = prop_oneof![3 => Just(0), 1 => 0..0x200_u16, 1 => any::<u16>(), 1 => Just(0xffff)];
        prop::array::uniform8(group).prop_map(|groups| Ipv6Addr::from(groups).octets())
    }

    proptest! {
        #[test]
        fn ipv4_is_that_of_the_standard_library(address in any::<[u8; 4]>()) {
            prop_assert_eq!(written(|line| v4(line, address)), Ipv4Addr::from(address).to_string());
        }

        #[test]
        fn ipv6_is_that_of_the_standard_library(address in address()) {
            let wanted = Ipv6Addr::from(address);
            prop_assert_eq!(written(|line| v6(line, address, Form::Rfc5952)), wanted.to_string());
            let shown = written(|line| v6(line, address, Form::Ntop));
            prop_assert_eq!(shown.parse::<Ipv6Addr>().unwrap(), wanted);
        }

        #[test]
        fn hardware_addresses_have_colons(address in any::<[u8; 6]>()) {
            prop_assert_eq!(written(|line| mac(line, &address)), MacAddr(address).to_string());
        }
    }
}
