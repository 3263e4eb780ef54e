//! Addresses as `inet_ntop` writes them, which is what Zeek prints. It differs from RFC 5952 in one place: the last 32 bits of an
//! IPv4-compatible address (RFC 4291 section 2.5.5.1) are written as IPv4's.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// An address in that form.
pub(super) struct Address(pub(super) IpAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let IpAddr::V6(ip) = self.0
            && let [0, 0, 0, 0, 0, 0, high, low] = ip.segments()
            && high > 0
        {
            return write!(f, "::{}", Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
        }
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv4_shows_in_what_is_compatible_or_mapped() {
        for text in [
            "10.0.0.1",
            "::",
            "::1",
            "::102",
            "::1.2.3.4",
            "::0.1.0.0",
            "::ffff:1.2.3.4",
            "::1:0:0",
            "2001:db8::1",
            "2001:0:0:1::1",
            "2001:db8:0:1:1:1:1:1",
        ] {
            assert_eq!(Address(text.parse().unwrap()).to_string(), text);
        }
    }
}
