//! Is an address local, as Zeek has it by default? Private and special space is (`Site::private_address_space`): what IANA's
//! special-purpose registries say is not routed over the Internet, multicast of one link (RFC 5771 section 4) and of one
//! organisation (RFC 2365 section 6), site-local space (RFC 3879), and the 6to4 prefixes of IPv4's part of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Networks of IPv4's registry, with their lengths.
const V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 24),
    ([239, 0, 0, 0], 8),
    ([240, 0, 0, 0], 4),
];

/// Networks of IPv6's registry: the first 64 bits, and the length.
const V6: [(u64, u32); 7] = [
    (0x0064_ff9b_0001_0000, 48),
    (0x0100_0000_0000_0000, 64),
    (0x2001_0000_0000_0000, 23),
    (0x2001_0db8_0000_0000, 32),
    (0xfc00_0000_0000_0000, 7),
    (0xfe80_0000_0000_0000, 10),
    (0xfec0_0000_0000_0000, 10),
];

/// Is it?
pub(super) fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_local_v4(ip),
        IpAddr::V6(ip) => is_local_v6(ip),
    }
}

fn is_local_v4(ip: Ipv4Addr) -> bool {
    let bits = u32::from(ip);
    V4.iter().any(|&(net, length)| (bits ^ u32::from_be_bytes(net)).leading_zeros() >= length)
}

fn is_local_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let high = (u128::from(ip) >> 64) as u64;
    if ip.is_unspecified() || ip.is_loopback() {
        return true;
    }
    if segments[0] == 0x2002 {
        // RFC 3056: the IPv4 address follows.
        let [a, b] = segments[1].to_be_bytes();
        let [c, d] = segments[2].to_be_bytes();
        return is_local_v4(Ipv4Addr::new(a, b, c, d));
    }
    V6.iter().any(|&(net, length)| (high ^ net).leading_zeros() >= length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_and_special_space_is_local() {
        for (ip, local) in [
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("172.31.255.255", true),
            ("172.32.0.0", false),
            ("100.127.1.1", true),
            ("100.128.1.1", false),
            ("198.19.255.255", true),
            ("224.0.0.5", true),
            ("224.0.1.1", false),
            ("224.2.127.254", false),
            ("237.1.1.1", false),
            ("239.255.255.250", true),
            ("255.255.255.255", true),
            ("8.8.8.8", false),
            ("::", true),
            ("::1", true),
            ("::2", false),
            ("fe80::1", true),
            ("fec0::1", true),
            ("fd00::1", true),
            ("2001:db8::1", true),
            ("2001:1ff::1", true),
            ("2001:200::1", false),
            ("2002:a01:203::1", true),
            ("2002:e000:5::1", true),
            ("2002:808:808::1", false),
            ("2607:f8b0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_local(ip.parse().unwrap()), local, "{ip}");
        }
    }
}
