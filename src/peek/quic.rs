//! QUIC's Initial packets, recognised: version and connection ids. Their contents are encrypted and stay so.
//!
//! Versions 1 (RFC 9000), 2 (RFC 9369) and the late drafts, whose layout is that of version 1.

use super::{Peek, Stop};
use crate::model::Cursor;
use std::fmt;

/// Most bytes of a connection id in these versions (RFC 9000 section 17.2).
const MAX_ID: u8 = 20;

/// Least bytes behind the length: 4 of packet number and its protection's sample of 16 (RFC 9001 section 5.4.2).
const LEAST: u64 = 20;

/// A version that is known here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// 1 (RFC 9000).
    V1,
    /// 2 (RFC 9369).
    V2,
    /// An Internet draft, 29 to 34.
    Draft(u8),
}

impl Version {
    fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::V1),
            0x6b33_43cf => Some(Self::V2),
            0xff00_001d..=0xff00_0022 => Some(Self::Draft(number as u8)),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1 => f.pad("1"),
            Self::V2 => f.pad("2"),
            Self::Draft(number) => write!(f, "draft-{number}"),
        }
    }
}

/// An Initial packet (RFC 9000 section 17.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initial<'a> {
    /// Of the protocol.
    pub version: Version,
    /// Connection id of who it is for; a client's first is random and has 8 bytes at least (section 7.2).
    pub destination: &'a [u8],
    /// Connection id of who sends it.
    pub source: &'a [u8],
    /// What a server handed out before to prove the client's address (section 8.1); empty in a server's packets.
    pub token: &'a [u8],
    /// The packet takes so many bytes; others may follow in the same datagram (section 12.2).
    pub len: usize,
}

/// Reads the Initial packet at the front of a datagram. Of a whole datagram `More` means that it claims more than there is.
#[must_use]
pub fn initial(bytes: &[u8]) -> Peek<Initial<'_>> {
    read(bytes).into()
}

fn read(bytes: &[u8]) -> Result<Initial<'_>, Stop> {
    let first = *bytes.first().ok_or(Stop::More)?;
    // Section 17.2: a long header, and the bit that is fixed.
    if first & 0xc0 != 0xc0 {
        return Err(Stop::Not);
    }
    let version = bytes.get(1..5).ok_or(Stop::More)?;
    let version = version.try_into().ok().and_then(|v| Version::from_number(u32::from_be_bytes(v))).ok_or(Stop::Not)?;
    // Its type: 0, and in version 2 something else on purpose (RFC 9369 section 3.2).
    if first >> 4 & 3 != u8::from(version == Version::V2) {
        return Err(Stop::Not);
    }
    let mut rest = Cursor::new(&bytes[5..]);
    let destination = connection_id(&mut rest)?;
    let source = connection_id(&mut rest)?;
    let token = varint(&mut rest)?;
    // Longer than any datagram, or as long as this packet would have to be then.
    if token > 0xffff {
        return Err(Stop::Not);
    }
    let token = rest.take(token as usize).ok_or(Stop::More)?;
    let length = varint(&mut rest)?;
    if !(LEAST..=0xffff).contains(&length) {
        return Err(Stop::Not);
    }
    rest.take(length as usize).ok_or(Stop::More)?;
    Ok(Initial { version, destination, source, token, len: 5 + rest.position() })
}

fn connection_id<'a>(rest: &mut Cursor<'a>) -> Result<&'a [u8], Stop> {
    match rest.u8() {
        None => Err(Stop::More),
        Some(length) if length > MAX_ID => Err(Stop::Not),
        Some(length) => rest.take(usize::from(length)).ok_or(Stop::More),
    }
}

/// RFC 9000 section 16: the first two bits say how many bytes there are.
fn varint(rest: &mut Cursor<'_>) -> Result<u64, Stop> {
    let first = *rest.rest().first().ok_or(Stop::More)?;
    let bytes = rest.take(1 << (first >> 6)).ok_or(Stop::More)?;
    Ok(bytes[1..].iter().fold(u64::from(first & 0x3f), |sum, &b| sum << 8 | u64::from(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An Initial whose length field (two bytes) says what follows it.
    fn packet(first: u8, version: u32, destination: &[u8], source: &[u8], token: &[u8], payload: usize) -> Vec<u8> {
        let id = |id: &[u8]| [&[id.len() as u8][..], id].concat();
        let length = |n: usize| (0x4000 | n as u16).to_be_bytes();
        [
            &[first][..],
            &version.to_be_bytes(),
            &id(destination),
            &id(source),
            &length(token.len()),
            token,
            &length(payload),
            &vec![0xaa; payload],
        ]
        .concat()
    }

    #[test]
    fn the_packet_of_rfc_9001() {
        // Appendix A.2: the protected client Initial begins so, and takes 1200 bytes.
        let mut bytes = b"\xc0\x00\x00\x00\x01\x08\x83\x94\xc8\xf0\x3e\x51\x57\x08\x00\x00\x44\x9e\x7b\x9a\xec\x34".to_vec();
        bytes.resize(1200, 0);
        let expected = Initial { version: Version::V1, destination: &bytes[6..14], source: &[], token: &[], len: 1200 };
        assert_eq!(initial(&bytes), Peek::Is(expected));
        assert_eq!(initial(&bytes[..1199]), Peek::More);
    }

    #[test]
    fn versions_have_their_types() {
        let read =
            |first, version| initial(&packet(first, version, &[1; 8], &[2; 5], b"tok", 100)).map(|p| p.version.to_string());
        assert_eq!(read(0xc3, 1), Peek::Is("1".into()));
        assert_eq!(read(0xd3, 0x6b33_43cf), Peek::Is("2".into()));
        assert_eq!(read(0xc0, 0xff00_001d), Peek::Is("draft-29".into()));
        assert_eq!(read(0xd0, 1), Peek::Not, "0-RTT");
        assert_eq!(read(0xc0, 0x6b33_43cf), Peek::Not, "a Retry of version 2");
        assert_eq!(read(0x80, 1), Peek::Not, "the fixed bit is not set");
        assert_eq!(read(0xc0, 0), Peek::Not, "version negotiation");
        assert_eq!(read(0xc0, 0x1a2a_3a4a), Peek::Not, "a version that does not exist");
    }

    #[test]
    fn lengths_that_cannot_be_are_refused() {
        let is = |id: usize, payload| initial(&packet(0xc0, 1, &vec![1; id], &[], &[], payload)) != Peek::Not;
        assert!(is(20, 20) && is(0, 20));
        assert!(!is(21, 20) && !is(8, 19));
    }

    proptest! {
        #[test]
        fn a_part_says_the_same_or_waits(
            ids in prop::array::uniform2(prop::collection::vec(any::<u8>(), 0..=20)),
            token in prop::collection::vec(any::<u8>(), 0..80),
            payload in 20..200_usize,
            more in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let alone = packet(0xc1, 1, &ids[0], &ids[1], &token, payload);
            let bytes = [&alone[..], &more].concat();
            let whole = initial(&bytes).is().unwrap();
            prop_assert_eq!((whole.destination, whole.source), (&ids[0][..], &ids[1][..]));
            prop_assert_eq!((whole.token, whole.len), (&token[..], alone.len()));
            for cut in 0..bytes.len() {
                let part = initial(&bytes[..cut]);
                prop_assert_eq!(part, if cut < alone.len() { Peek::More } else { Peek::Is(whole) });
            }
        }
    }
}
