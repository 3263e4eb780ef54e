//! IP protocol numbers (IANA "Assigned Internet Protocol Numbers") and their names.

use std::fmt;

/// The number in IPv4's protocol field, or in the last next-header field of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct IpProtocol(pub u8);

impl IpProtocol {
    /// IPv6 hop-by-hop options (RFC 8200).
    pub const HOP_BY_HOP: Self = Self(0);
    /// ICMP (RFC 792).
    pub const ICMP: Self = Self(1);
    /// IGMP (RFC 3376).
    pub const IGMP: Self = Self(2);
    /// IPv4 in IP (RFC 2003).
    pub const IPV4: Self = Self(4);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
    /// IPv6 in IP (RFC 4213).
    pub const IPV6: Self = Self(41);
    /// IPv6 routing header (RFC 8200).
    pub const ROUTING: Self = Self(43);
    /// IPv6 fragment header (RFC 8200).
    pub const FRAGMENT: Self = Self(44);
    /// GRE (RFC 2784, RFC 2890).
    pub const GRE: Self = Self(47);
    /// Encapsulating security payload (RFC 4303).
    pub const ESP: Self = Self(50);
    /// Authentication header (RFC 4302).
    pub const AH: Self = Self(51);
    /// `ICMPv6` (RFC 4443).
    pub const ICMPV6: Self = Self(58);
    /// No next header (RFC 8200).
    pub const NO_NEXT: Self = Self(59);
    /// IPv6 destination options (RFC 8200).
    pub const DESTINATION_OPTIONS: Self = Self(60);
    /// SCTP (RFC 9260).
    pub const SCTP: Self = Self(132);
    /// Mobility header (RFC 6275).
    pub const MOBILITY: Self = Self(135);

    /// The usual lower-case word, where there is one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::ICMP => "icmp",
            Self::IGMP => "igmp",
            Self::IPV4 => "ipip",
            Self::TCP => "tcp",
            Self::UDP => "udp",
            Self::IPV6 => "ipv6",
            Self::GRE => "gre",
            Self::ESP => "esp",
            Self::AH => "ah",
            Self::ICMPV6 => "icmp6",
            Self::SCTP => "sctp",
            Self(46) => "rsvp",
            Self(88) => "eigrp",
            Self(89) => "ospf",
            Self(103) => "pim",
            Self(112) => "vrrp",
            _ => return None,
        })
    }
}

/// The name, or `ip-proto-N` as tcpdump writes it.
impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "ip-proto-{}", self.0),
        }
    }
}
