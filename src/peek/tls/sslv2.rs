//! Hellos in the form of SSL 2.0, by which old clients ask for anything up to TLS 1.2 (RFC 5246 appendix E.2). Recognised, not more:
//! RFC 6176 forbids them since 2011.

use super::names::Version;
use super::reader::Reader;
use super::record::Unread;
use crate::peek::Peek;

/// A hello in the old form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sslv2Hello {
    /// The highest version that the client offers.
    pub version: Version,
    /// How many cipher specs it lists, SSL 2.0's and TLS's together.
    pub ciphers: usize,
    /// Bytes of the stream up to its end.
    pub end: usize,
}

/// Reads the first bytes of a client's stream.
#[must_use]
pub fn sslv2_hello(bytes: &[u8]) -> Peek<Sslv2Hello> {
    match read(bytes) {
        Ok(hello) => Peek::Is(hello),
        Err(unread) => unread.into(),
    }
}

fn read(bytes: &[u8]) -> Result<Sslv2Hello, Unread> {
    // Length without padding, CLIENT-HELLO.
    if bytes.first().is_some_and(|first| first & 0x80 == 0) || bytes.get(2).is_some_and(|&kind| kind != 1) {
        return Err(Unread::Not);
    }
    let mut reader = Reader(bytes);
    let mut next = |size| reader.number(size).ok_or(Unread::More);
    let len = next(2)? & 0x7fff;
    next(1)?;
    let version = Version(next(2)? as u16);
    if !matches!(version.0, 0x0002 | 0x0300..=0x0303) {
        return Err(Unread::Not);
    }
    let (ciphers, session, challenge) = (next(2)?, next(2)?, next(2)?);
    let fits = ciphers > 0 && ciphers % 3 == 0 && matches!(session, 0 | 16) && (16..=32).contains(&challenge);
    if !fits || len != 9 + ciphers + session + challenge {
        return Err(Unread::Not);
    }
    let end = 2 + len;
    if bytes.len() < end {
        return Err(Unread::More);
    }
    Ok(Sslv2Hello { version, ciphers: ciphers / 3, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_form_is_told_as_such() {
        for version in [0x0002_u16, 0x0300, 0x0303] {
            let [high, low] = version.to_be_bytes();
            let mut bytes = vec![0x80, 9 + 6 + 16, 1, high, low, 0, 6, 0, 0, 0, 16, 1, 0, 0x80, 0, 0, 0x2f];
            bytes.extend([9; 16]);
            let hello = Sslv2Hello { version: Version(version), ciphers: 2, end: bytes.len() };
            for cut in 0..bytes.len() {
                assert_eq!(sslv2_hello(&bytes[..cut]), Peek::More, "{cut}");
                assert!(cut == 0 || super::super::client_hello(&bytes[..cut]) == Peek::Not);
            }
            assert_eq!(sslv2_hello(&bytes), Peek::Is(hello));
            assert_eq!(sslv2_hello(&[&bytes[..], b"more"].concat()), Peek::Is(hello));
            for at in [0, 1, 2, 3, 6, 8, 10] {
                let mut bad = bytes.clone();
                bad[at] ^= 0x85;
                assert_eq!(sslv2_hello(&bad), Peek::Not, "{at}");
            }
        }
    }
}
