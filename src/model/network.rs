//! Networks of addresses, and which addresses are of no use outside of their own.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// All addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// The network of an address by so many of its bits; more bits than it has are all of them.
    #[must_use]
    pub fn new(address: IpAddr, bits: u8) -> Self {
        Self { address, bits: bits.min(all_bits(address)) }
    }

    /// Is an address in it? None of the other version is.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        match (address, self.address) {
            (IpAddr::V4(a), IpAddr::V4(n)) => self.bits == 0 || (a.to_bits() ^ n.to_bits()) >> (32 - u32::from(self.bits)) == 0,
            (IpAddr::V6(a), IpAddr::V6(n)) => self.bits == 0 || (a.to_bits() ^ n.to_bits()) >> (128 - u32::from(self.bits)) == 0,
            _ => false,
        }
    }
}

const fn all_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The text is no address and no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoNetwork;

impl fmt::Display for NoNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no network: those look like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1")
    }
}

impl std::error::Error for NoNetwork {}

/// Reads `192.0.2.0/24`, and an address alone.
impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address = address.parse::<IpAddr>().map_err(|_| NoNetwork)?;
        let all = all_bits(address);
        let bits = bits.map_or(Ok(all), |bits| bits.parse().ok().filter(|bits| *bits <= all).ok_or(NoNetwork))?;
        Ok(Self { address, bits })
    }
}

/// Is it an address that means nothing outside of its own network: of this host, private (RFC 1918, RFC 4193), link-local, or shared behind a
/// provider's translator (RFC 6598)? Those of documentation (RFC 5737, RFC 3849) are as good as any other.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.to_ipv4_mapped().map_or_else(|| is_private_v6(ip), |ip| is_private(IpAddr::V4(ip))),
    }
}

const fn is_private_v6(ip: Ipv6Addr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_contain_what_begins_alike() {
        let in_net = |net: &str, ip: &str| net.parse::<Network>().unwrap().contains(ip.parse().unwrap());
        assert!(in_net("203.0.113.0/24", "203.0.113.255") && !in_net("203.0.113.0/24", "203.0.114.0"));
        assert!(in_net("203.0.113.7", "203.0.113.7") && !in_net("203.0.113.7", "203.0.113.6"));
        assert!(in_net("0.0.0.0/0", "8.8.8.8") && !in_net("0.0.0.0/0", "2001:db8::1"));
        assert!(in_net("2001:db8::/32", "2001:db8:1::1") && !in_net("2001:db8::/32", "2001:db9::1"));
        for wrong in ["", "10", "10.0.0.0/33", "10.0.0.0/", "::/129", "host.example", "10.0.0.0/-1"] {
            assert_eq!(wrong.parse::<Network>(), Err(NoNetwork), "{wrong}");
        }
    }

    #[test]
    fn what_is_private_and_what_only_looks_so() {
        let private =
            ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.1.1", "169.254.1.1", "100.64.0.1", "100.127.255.255", "::1"];
        let more = ["fe80::1", "fd00::1", "fc00::1", "::ffff:10.0.0.1"];
        for ip in private.into_iter().chain(more) {
            assert!(is_private(ip.parse().unwrap()), "{ip}");
        }
        for ip in
            ["172.32.0.1", "100.128.0.1", "100.63.0.1", "192.0.2.1", "203.0.113.1", "8.8.8.8", "2001:db8::1", "::ffff:8.8.8.8"]
        {
            assert!(!is_private(ip.parse().unwrap()), "{ip}");
        }
    }
}
