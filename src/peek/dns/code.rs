//! The numbers of DNS by their names: types, classes, opcodes, response codes, as IANA's "Domain Name System (DNS) Parameters"
//! lists them and dig prints them.

use std::fmt;

/// A type of record or question. In NetBIOS's messages two numbers mean something else (RFC 1002 section 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// The number on the wire.
    pub number: u16,
    /// Does it stand in a message of NetBIOS's name service?
    pub netbios: bool,
}

impl Kind {
    /// An IPv4 address.
    pub const A: Self = Self::dns(1);
    /// A name server.
    pub const NS: Self = Self::dns(2);
    /// Another name.
    pub const CNAME: Self = Self::dns(5);
    /// The start of a zone.
    pub const SOA: Self = Self::dns(6);
    /// A name, most often of an address.
    pub const PTR: Self = Self::dns(12);
    /// A mail exchange.
    pub const MX: Self = Self::dns(15);
    /// Text.
    pub const TXT: Self = Self::dns(16);
    /// An IPv6 address (RFC 3596).
    pub const AAAA: Self = Self::dns(28);
    /// Where a service is (RFC 2782).
    pub const SRV: Self = Self::dns(33);
    /// Another name for a whole tree (RFC 6672).
    pub const DNAME: Self = Self::dns(39);
    /// EDNS (RFC 6891): no record, but an extension of the header.
    pub const OPT: Self = Self::dns(41);
    /// Where a service is and how to talk to it (RFC 9460).
    pub const SVCB: Self = Self::dns(64);
    /// The same for HTTP.
    pub const HTTPS: Self = Self::dns(65);
    /// Who may certify a name (RFC 8659).
    pub const CAA: Self = Self::dns(257);

    /// The type of DNS with this number.
    #[must_use]
    pub const fn dns(number: u16) -> Self {
        Self { number, netbios: false }
    }

    /// Its mnemonic, if it has one here.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        if self.netbios {
            match self.number {
                32 => return Some("NB"),
                33 => return Some("NBSTAT"),
                _ => {}
            }
        }
        Some(match self.number {
            1 => "A",
            2 => "NS",
            5 => "CNAME",
            6 => "SOA",
            10 => "NULL",
            11 => "WKS",
            12 => "PTR",
            13 => "HINFO",
            15 => "MX",
            16 => "TXT",
            17 => "RP",
            18 => "AFSDB",
            24 => "SIG",
            25 => "KEY",
            28 => "AAAA",
            29 => "LOC",
            33 => "SRV",
            35 => "NAPTR",
            37 => "CERT",
            39 => "DNAME",
            41 => "OPT",
            42 => "APL",
            43 => "DS",
            44 => "SSHFP",
            45 => "IPSECKEY",
            46 => "RRSIG",
            47 => "NSEC",
            48 => "DNSKEY",
            49 => "DHCID",
            50 => "NSEC3",
            51 => "NSEC3PARAM",
            52 => "TLSA",
            53 => "SMIMEA",
            55 => "HIP",
            59 => "CDS",
            60 => "CDNSKEY",
            61 => "OPENPGPKEY",
            62 => "CSYNC",
            63 => "ZONEMD",
            64 => "SVCB",
            65 => "HTTPS",
            99 => "SPF",
            249 => "TKEY",
            250 => "TSIG",
            251 => "IXFR",
            252 => "AXFR",
            255 => "ANY",
            256 => "URI",
            257 => "CAA",
            _ => return None,
        })
    }
}

impl fmt::Display for Kind {
    /// `AAAA`; of one that has no name here `TYPE65399` (RFC 3597 section 5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "TYPE{}", self.number),
        }
    }
}

/// A class, as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Class(pub u16);

impl Class {
    /// The Internet.
    pub const IN: Self = Self(1);

    /// The number without multicast DNS's bit.
    #[must_use]
    pub const fn base(self) -> Self {
        Self(self.0 & 0x7fff)
    }

    /// The top bit, which means something in multicast DNS only (RFC 6762): of a question "answer by unicast, please" (section
    /// 5.4), of a record "forget what you knew of this name and type" (section 10.2).
    #[must_use]
    pub const fn top_bit(self) -> bool {
        self.0 & 0x8000 != 0
    }

    /// Its mnemonic without regard to the top bit, if it has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self.base().0 {
            1 => "IN",
            3 => "CH",
            4 => "HS",
            254 => "NONE",
            255 => "ANY",
            _ => return None,
        })
    }
}

impl fmt::Display for Class {
    /// `IN`, with or without the top bit; of one that has no name `CLASS1232`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.pad(name),
            None => write!(f, "CLASS{}", self.0),
        }
    }
}

/// What a message is for: 4 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opcode(pub u8);

impl Opcode {
    /// A standard query.
    pub const QUERY: Self = Self(0);
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            0 => "QUERY",
            1 => "IQUERY",
            2 => "STATUS",
            4 => "NOTIFY",
            5 => "UPDATE",
            6 => "DSO",
            other => return write!(f, "OPCODE{other}"),
        })
    }
}

/// How a question was answered: 4 bits of the header, 8 more of EDNS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rcode(pub u16);

impl Rcode {
    /// No error.
    pub const NOERROR: Self = Self(0);
    /// The server failed.
    pub const SERVFAIL: Self = Self(2);
    /// There is no such name.
    pub const NXDOMAIN: Self = Self(3);
    /// The server does not want to answer.
    pub const REFUSED: Self = Self(5);
}

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            7 => "YXRRSET",
            8 => "NXRRSET",
            9 => "NOTAUTH",
            10 => "NOTZONE",
            11 => "DSOTYPENI",
            16 => "BADVERS",
            23 => "BADCOOKIE",
            other => return write!(f, "RCODE{other}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_names_that_dig_prints() {
        assert_eq!(Kind::HTTPS.to_string(), "HTTPS");
        assert_eq!(Kind::dns(65399).to_string(), "TYPE65399");
        assert_eq!(Kind::dns(33).to_string(), "SRV");
        assert_eq!(Kind { number: 33, netbios: true }.to_string(), "NBSTAT");
        assert_eq!((Class(0x8001).to_string(), Class(1232).to_string()), ("IN".into(), "CLASS1232".into()));
        assert_eq!((Opcode(0).to_string(), Opcode(9).to_string()), ("QUERY".into(), "OPCODE9".into()));
        assert_eq!(
            (Rcode(3).to_string(), Rcode(16).to_string(), Rcode(99).to_string()),
            ("NXDOMAIN".into(), "BADVERS".into(), "RCODE99".into())
        );
    }
}
