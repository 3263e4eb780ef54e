//! For whom a server's certificate is made out: subject and alternative names of the first, where it crosses the wire in the clear
//! (up to TLS 1.2). Read, not checked: neither signature nor dates.

use super::der::{BOOLEAN, Elements, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET};
use super::names::HandshakeKind;
use super::reader::Reader;
use super::record::{Content, Parts, Unread};
use super::server_hello::ServerHello;
use super::text::shown;
use crate::peek::Peek;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most alternative names that are returned.
pub const MAX_NAMES: usize = 100;
/// Most bytes of a name in a certificate: DNS has none longer (RFC 1035 section 2.3.4), X.520 allows 64 for a common name.
const MAX_NAME: usize = 255;
/// `dNSName`.
const DNS_NAME: u8 = 0x82;
/// `iPAddress`.
const ADDRESS: u8 = 0x87;

/// Names in a certificate (RFC 5280), fit to be shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The subject's common name; of several, the last.
    pub common_name: Option<String>,
    /// Alternative names that are DNS names or addresses, in their order.
    pub names: Vec<String>,
    /// How many more of these there are.
    pub more_names: usize,
}

/// The first certificate that a side sends, from its first byte on; of a chain, the others need not be there. In TLS 1.3, with
/// a session resumed or without certificates: [`Peek::Not`].
#[must_use]
pub fn certificate(bytes: &[u8]) -> Peek<Certificate> {
    match read(bytes) {
        Ok(certificate) => Peek::Is(certificate),
        Err(unread) => unread.into(),
    }
}

fn read(bytes: &[u8]) -> Result<Certificate, Unread> {
    let mut parts = Parts::new(bytes);
    loop {
        let (kind, len) = parts.next_message()?.ok_or(Unread::Not)?;
        match kind {
            HandshakeKind::CERTIFICATE => return message(&parts, len),
            // HelloRequest and SupplementalData (RFC 4680) may come before it.
            HandshakeKind::CLIENT_HELLO | HandshakeKind::SERVER_HELLO | HandshakeKind(0 | 23) => {}
            _ => return Err(Unread::Not),
        }
        let part = parts.next_part()?;
        if let (HandshakeKind::SERVER_HELLO, Content::Handshake { body, .. }) = (kind, part.content) {
            let hello = ServerHello::parse(body, part.end).ok_or(Unread::Not)?;
            if hello.version().hides_certificates() {
                return Err(Unread::Not);
            }
        }
    }
}

/// The message: a list of certificates, each behind its length (RFC 5246 section 7.4.2).
fn message(parts: &Parts<'_>, len: usize) -> Result<Certificate, Unread> {
    if len < 6 {
        return Err(Unread::Not);
    }
    let lengths = parts.part_of_body(0, 6)?;
    let mut lengths = Reader(&lengths);
    let list = lengths.number(3).ok_or(Unread::Not)?;
    let first = lengths.number(3).ok_or(Unread::Not)?;
    if list + 3 != len || first + 3 > list {
        return Err(Unread::Not);
    }
    names(&parts.part_of_body(6, first)?).ok_or(Unread::Not)
}

/// RFC 5280 section 4.1, as far as the names.
fn names(der: &[u8]) -> Option<Certificate> {
    let mut signed = Elements(Elements(Elements(der).contents(SEQUENCE)?).contents(SEQUENCE)?);
    // Version (absent in the first), serial number, algorithm, issuer, validity.
    signed.contents(0xa0);
    signed.contents(0x02)?;
    for _ in 0..3 {
        signed.contents(SEQUENCE)?;
    }
    let subject = signed.contents(SEQUENCE)?;
    let mut found = Certificate { common_name: common_name(subject), ..Certificate::default() };
    let extensions = signed.find(|&(tag, _)| tag == 0xa3).and_then(|(_, all)| Elements(all).contents(SEQUENCE));
    for (_, extension) in Elements(extensions.unwrap_or_default()) {
        let mut parts = Elements(extension);
        // 2.5.29.17, subjectAltName.
        if parts.contents(OBJECT_IDENTIFIER) == Some(&[0x55, 0x1d, 0x11][..]) {
            parts.contents(BOOLEAN);
            let names = parts.contents(OCTET_STRING).and_then(|value| Elements(value).contents(SEQUENCE));
            for (tag, value) in Elements(names.unwrap_or_default()).filter(|&(tag, value)| names_a_host(tag, value)) {
                if found.names.len() < MAX_NAMES {
                    found.names.extend(alternative(tag, value));
                } else {
                    found.more_names += 1;
                }
            }
        }
    }
    Some(found)
}

/// Is a `GeneralName` (RFC 5280 section 4.2.1.6) a DNS name or an address?
fn names_a_host(tag: u8, value: &[u8]) -> bool {
    match tag {
        DNS_NAME => value.len() <= MAX_NAME,
        ADDRESS => matches!(value.len(), 4 | 16),
        _ => false,
    }
}

/// One of these as text.
fn alternative(tag: u8, value: &[u8]) -> Option<String> {
    if tag == DNS_NAME {
        return Some(shown(value).into_owned());
    }
    let v4 = <[u8; 4]>::try_from(value).map(|address| Ipv4Addr::from(address).to_string());
    v4.or_else(|_| <[u8; 16]>::try_from(value).map(|address| Ipv6Addr::from(address).to_string())).ok()
}

fn common_name(subject: &[u8]) -> Option<String> {
    let sets = Elements(subject).filter(|&(tag, _)| tag == SET).flat_map(|(_, set)| Elements(set));
    sets.filter_map(|(_, attribute)| {
        let mut parts = Elements(attribute);
        // 2.5.4.3, commonName.
        let named = parts.contents(OBJECT_IDENTIFIER) == Some(&[0x55, 0x04, 0x03][..]);
        parts.next().filter(|_| named)
    })
    .last()
    .and_then(|(tag, value)| text(tag, value))
}

/// A string of one of the types that names may have (RFC 5280 section 4.1.2.4).
fn text(tag: u8, value: &[u8]) -> Option<String> {
    if value.len() > MAX_NAME {
        return None;
    }
    let decoded: String = match tag {
        // UTF8String, NumericString, PrintableString, IA5String.
        12 | 18 | 19 | 22 => return Some(shown(value).into_owned()),
        // TeletexString, in practice Latin-1.
        20 => value.iter().map(|&byte| char::from(byte)).collect(),
        // UniversalString and BMPString.
        28 => value.as_chunks().0.iter().map(|&four| replaced(char::from_u32(u32::from_be_bytes(four)))).collect(),
        30 => {
            char::decode_utf16(value.as_chunks().0.iter().map(|&two| u16::from_be_bytes(two))).map(|c| replaced(c.ok())).collect()
        }
        _ => return None,
    };
    Some(shown(decoded.as_bytes()).into_owned())
}

fn replaced(c: Option<char>) -> char {
    c.unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, contents: &[u8]) -> Vec<u8> {
        let length = contents.len() as u16;
        let [high, low] = length.to_be_bytes();
        [&[tag, 0x82, high, low][..], contents].concat()
    }

    fn made(subject: &[(u8, &[u8])], alternatives: &[u8]) -> Vec<u8> {
        let subject: Vec<u8> = subject
            .iter()
            .flat_map(|&(tag, value)| {
                element(SET, &element(SEQUENCE, &[element(6, &[0x55, 4, 3]), element(tag, value)].concat()))
            })
            .collect();
        let empty = element(SEQUENCE, &[]);
        let san = [element(6, &[0x55, 0x1d, 0x11]), vec![1, 1, 0xff], element(4, &element(SEQUENCE, alternatives))].concat();
        let extensions = element(0xa3, &element(SEQUENCE, &element(SEQUENCE, &san)));
        let signed = [vec![0xa0, 3, 2, 1, 2, 2, 1, 7], empty.repeat(3), element(SEQUENCE, &subject), empty.clone(), extensions];
        element(SEQUENCE, &element(SEQUENCE, &signed.concat()))
    }

    #[test]
    fn names_of_every_string_type() {
        let cases: [(u8, &[u8], &str); 7] = [
            (12, "b\u{fc}cher".as_bytes(), "b\u{fc}cher"),
            (19, b"www.example.test", "www.example.test"),
            (22, b"a\x1bb", "a\\u{1b}b"),
            (20, b"b\xfccher", "b\u{fc}cher"),
            (30, b"\0b\0\xfc", "b\u{fc}"),
            (30, b"\xd8\0\0b", "\\u{fffd}b"),
            (28, b"\0\0\0b\0\x11\xff\xff", "b\\u{fffd}"),
        ];
        for (tag, value, expected) in cases {
            assert_eq!(names(&made(&[(tag, value)], &[])).unwrap().common_name.as_deref(), Some(expected));
        }
        assert_eq!(names(&made(&[(12, b"first"), (12, b"last")], &[])).unwrap().common_name.as_deref(), Some("last"));
        assert_eq!(names(&made(&[(12, &[b'a'; 256])], &[])).unwrap().common_name, None);
        assert_eq!(names(&made(&[], &[])).unwrap(), Certificate::default());
    }

    #[test]
    fn alternative_names_are_capped() {
        let one = [
            element(0x82, b"a.test"),
            element(0x87, &[10, 0, 0, 1]),
            element(0x87, &Ipv6Addr::LOCALHOST.octets()),
            element(0x81, b"mail@a.test"),
            element(0x87, &[1, 2, 3]),
        ]
        .concat();
        let found = names(&made(&[], &one)).unwrap();
        assert_eq!((found.names, found.more_names), (vec!["a.test".into(), "10.0.0.1".into(), "::1".into()], 0));
        let found = names(&made(&[], &element(0x82, b"b").repeat(MAX_NAMES + 7))).unwrap();
        assert_eq!((found.names.len(), found.more_names), (MAX_NAMES, 7));
    }
}
