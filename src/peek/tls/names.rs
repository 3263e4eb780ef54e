//! What TLS's numbers are called: versions, cipher suites, handshake messages; and which numbers are GREASE.

use super::ciphers;
use std::fmt;

/// A protocol version as messages carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u16);

impl Version {
    /// SSL 2.0, of hellos in its form.
    pub const SSL2: Self = Self(0x0002);
    /// SSL 3.0.
    pub const SSL3: Self = Self(0x0300);
    /// TLS 1.0.
    pub const TLS1_0: Self = Self(0x0301);
    /// TLS 1.1.
    pub const TLS1_1: Self = Self(0x0302);
    /// TLS 1.2.
    pub const TLS1_2: Self = Self(0x0303);
    /// TLS 1.3.
    pub const TLS1_3: Self = Self(0x0304);

    /// Its name, where it has one; drafts of TLS 1.3 (`0x7f..`) have none.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::SSL2 => "SSL 2.0",
            Self::SSL3 => "SSL 3.0",
            Self::TLS1_0 => "TLS 1.0",
            Self::TLS1_1 => "TLS 1.1",
            Self::TLS1_2 => "TLS 1.2",
            Self::TLS1_3 => "TLS 1.3",
            _ => return None,
        })
    }

    /// TLS 1.3 or one of its drafts: certificates are encrypted.
    #[must_use]
    pub const fn hides_certificates(self) -> bool {
        self.0 >= Self::TLS1_3.0
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.0.to_be_bytes()) {
            (Some(name), _) => f.write_str(name),
            (None, [0x7f, draft]) => write!(f, "TLS 1.3 draft {draft}"),
            (None, _) => write!(f, "0x{:04x}", self.0),
        }
    }
}

/// A cipher suite. Shown by its name in IANA's registry, or as `0x….`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cipher(pub u16);

impl Cipher {
    /// Its name in IANA's registry, where it is commonly seen.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        ciphers::name(self.0)
    }
}

impl fmt::Display for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "0x{:04x}", self.0),
        }
    }
}

/// A handshake message's type (IANA "TLS `HandshakeType`").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HandshakeKind(pub u8);

impl HandshakeKind {
    /// What a client says first.
    pub const CLIENT_HELLO: Self = Self(1);
    /// What a server says first.
    pub const SERVER_HELLO: Self = Self(2);
    /// Certificates; in the clear up to TLS 1.2.
    pub const CERTIFICATE: Self = Self(11);

    /// Its name, if it is a message that goes over TCP.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "HelloRequest",
            1 => "ClientHello",
            2 => "ServerHello",
            4 => "NewSessionTicket",
            5 => "EndOfEarlyData",
            6 => "HelloRetryRequest",
            8 => "EncryptedExtensions",
            11 => "Certificate",
            12 => "ServerKeyExchange",
            13 => "CertificateRequest",
            14 => "ServerHelloDone",
            15 => "CertificateVerify",
            16 => "ClientKeyExchange",
            20 => "Finished",
            21 => "CertificateURL",
            22 => "CertificateStatus",
            23 => "SupplementalData",
            24 => "KeyUpdate",
            25 => "CompressedCertificate",
            67 => "NextProtocol",
            _ => return None,
        })
    }

    /// Most bytes that such a message can have.
    pub(super) const fn most(self) -> usize {
        match self {
            // Version, random, session, ciphers, compression, extensions: each vector at its longest (RFC 8446 section 4.1.2).
            Self::CLIENT_HELLO => 2 + 32 + 33 + 2 + 0xfffe + 256 + 2 + 0xffff,
            Self::SERVER_HELLO => 2 + 32 + 33 + 2 + 1 + 2 + 0xffff,
            _ => 0x00ff_ffff,
        }
    }
}

impl fmt::Display for HandshakeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "handshake message {}", self.0),
        }
    }
}

/// Is a number one of those that clients send to keep servers tolerant (RFC 8701 section 2)?
#[must_use]
pub const fn is_grease(number: u16) -> bool {
    let [high, low] = number.to_be_bytes();
    high == low && low & 0x0f == 0x0a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_numbers_are_grease() {
        let all: Vec<u16> = (0..=u16::MAX).filter(|&n| is_grease(n)).collect();
        assert_eq!(all, (0..16).map(|n| 0x0a0a + 0x1010 * n).collect::<Vec<u16>>());
    }

    #[test]
    fn names_or_numbers() {
        assert_eq!(Version::TLS1_3.to_string(), "TLS 1.3");
        assert_eq!(Version::SSL3.to_string(), "SSL 3.0");
        assert_eq!(Version(0x7f1c).to_string(), "TLS 1.3 draft 28");
        assert_eq!(Version(0x0305).to_string(), "0x0305");
        assert_eq!(Cipher(0x1303).to_string(), "TLS_CHACHA20_POLY1305_SHA256");
        assert_eq!(Cipher(0xfefe).to_string(), "0xfefe");
        assert_eq!(HandshakeKind(2).to_string(), "ServerHello");
        assert_eq!(HandshakeKind(200).to_string(), "handshake message 200");
    }
}
