//! Addresses of hosts and of the ends of a conversation.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A 48-bit link-layer address (IEEE 802).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// `ff:ff:ff:ff:ff:ff`.
    pub const BROADCAST: Self = Self([0xff; 6]);

    /// Is this a group address (broadcast or multicast)?
    #[must_use]
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = self.0;
        write!(f, "{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5])
    }
}

/// One end of a conversation: an address and, where the protocol has them, a port.
/// For ICMP the "port" is the message type or code (Community ID's and Zeek's convention).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Endpoint {
    /// The address.
    pub ip: IpAddr,
    /// The port, host order; 0 where there is none.
    pub port: u16,
}

impl Endpoint {
    /// Joins an address and a port.
    #[must_use]
    pub const fn new(ip: IpAddr, port: u16) -> Self {
        Self { ip, port }
    }
}

/// As people write it: `192.0.2.1:80`, `[2001:db8::1]:80`.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ip {
            IpAddr::V4(ip) => write!(f, "{ip}:{}", self.port),
            IpAddr::V6(ip) => write!(f, "[{ip}]:{}", self.port),
        }
    }
}

/// An address in 16 bytes, IPv4 as IPv4-mapped IPv6 (RFC 4291 section 2.5.5.2): one form for both families in keys.
#[must_use]
pub const fn ip_to_16(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// The address held in 16 bytes by [`ip_to_16`]. An IPv4-mapped IPv6 address on the wire comes back as IPv4 unless
/// `v6` says which family the packet had.
#[must_use]
pub fn ip_from_16(bytes: [u8; 16], v6: bool) -> IpAddr {
    if v6 { IpAddr::V6(Ipv6Addr::from(bytes)) } else { IpAddr::from([bytes[12], bytes[13], bytes[14], bytes[15]]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_survive_sixteen_bytes() {
        for text in ["192.0.2.1", "2001:db8::1", "::ffff:1.2.3.4"] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(ip_from_16(ip_to_16(ip), ip.is_ipv6()), ip);
        }
    }
}
