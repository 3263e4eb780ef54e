//! What a record says, read and as text: the forms of RFC 1035 section 5.1 and its successors, which dig prints.
//!
//! Nothing that was sent comes out raw: bytes beyond printable ASCII are `\DDD` or hex.

use super::code::Kind;
use super::name::{Name, escaped};
use crate::model::Cursor;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use std::fmt::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The data of a record, in its message: names in it may point to what stands before.
///
/// `{}` is its text, names without a dot at their end; `{:#}` has that dot, as dig has. Data that is not of the form of its type,
/// and that of types not known here, are `\# LENGTH HEX` (RFC 3597 section 5). The text of long data is long: up to about four
/// characters a byte.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// The message up to the end of the data.
    pub(super) message: &'a [u8],
    /// Where the data begins.
    pub(super) at: usize,
    pub(super) kind: Kind,
}

/// Data of the types known here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A or AAAA.
    Address(IpAddr),
    /// NS, CNAME, PTR, DNAME.
    Name(Name),
    /// MX (RFC 1035 section 3.3.9).
    Mx {
        /// Lower is better.
        preference: u16,
        /// Who takes the mail.
        exchange: Name,
    },
    /// TXT, SPF, HINFO: at least one.
    Texts(Texts<'a>),
    /// SOA (RFC 1035 section 3.3.13).
    Soa(Box<Soa>),
    /// SRV (RFC 2782).
    Srv {
        /// Lower is better.
        priority: u16,
        /// Share among those of the same priority.
        weight: u16,
        /// Where it listens.
        port: u16,
        /// On which host.
        target: Name,
    },
    /// CAA (RFC 8659 section 4.1).
    Caa {
        /// 128: critical.
        flags: u8,
        /// `issue`, `issuewild`, `iodef`, …
        tag: &'a [u8],
        /// What of it.
        value: &'a [u8],
    },
    /// SVCB, HTTPS (RFC 9460).
    Service {
        /// 0: it is another name; else lower is better.
        priority: u16,
        /// The root: the record's own name.
        target: Name,
        /// How to talk to it.
        params: ServiceParams<'a>,
    },
}

/// The start of a zone. Times in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Soa {
    /// Primary server.
    pub server: Name,
    /// Whose zone it is: a mail address with a dot for the @.
    pub mailbox: Name,
    /// Version.
    pub serial: u32,
    /// When others look for a newer version.
    pub refresh: u32,
    /// When they try again.
    pub retry: u32,
    /// When they stop to answer.
    pub expire: u32,
    /// How long "no such name" holds (RFC 2308).
    pub minimum: u32,
}

impl<'a> Data<'a> {
    /// Its bytes, as sent.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        &self.message[self.at..]
    }

    /// What it says; nothing if its type is not known here or it is not of its type's form.
    #[must_use]
    pub fn value(&self) -> Option<Value<'a>> {
        let mut rest = Cursor::new(self.bytes());
        let value = match self.kind {
            kind if kind.netbios => return None,
            Kind::A => Value::Address(Ipv4Addr::from(rest.u32()?).into()),
            Kind::AAAA => Value::Address(Ipv6Addr::from(<[u8; 16]>::try_from(rest.take(16)?).ok()?).into()),
            Kind::NS | Kind::CNAME | Kind::PTR | Kind::DNAME => Value::Name(self.name(&mut rest)?),
            Kind::MX => Value::Mx { preference: rest.u16()?, exchange: self.name(&mut rest)? },
            Kind::TXT | Kind { number: 13 | 99, .. } => Value::Texts(Texts::read(rest.take(rest.rest().len())?)?),
            Kind::SOA => Value::Soa(Box::new(Soa {
                server: self.name(&mut rest)?,
                mailbox: self.name(&mut rest)?,
                serial: rest.u32()?,
                refresh: rest.u32()?,
                retry: rest.u32()?,
                expire: rest.u32()?,
                minimum: rest.u32()?,
            })),
            Kind::SRV => {
                Value::Srv { priority: rest.u16()?, weight: rest.u16()?, port: rest.u16()?, target: self.name(&mut rest)? }
            }
            Kind::CAA => {
                let (flags, length) = (rest.u8()?, rest.u8()?);
                let tag = rest.take(usize::from(length)).filter(|tag| !tag.is_empty())?;
                Value::Caa { flags, tag, value: rest.take(rest.rest().len())? }
            }
            Kind::SVCB | Kind::HTTPS => Value::Service {
                priority: rest.u16()?,
                target: self.name(&mut rest)?,
                params: ServiceParams::read(rest.take(rest.rest().len())?)?,
            },
            _ => return None,
        };
        rest.rest().is_empty().then_some(value)
    }

    /// The address of A and AAAA.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        if let Value::Address(ip) = self.value()? { Some(ip) } else { None }
    }

    /// The name that the cursor is at.
    fn name(&self, rest: &mut Cursor<'a>) -> Option<Name> {
        let at = self.at + rest.position();
        let (name, after) = Name::read(self.message, at).ok()?;
        rest.take(after - at)?;
        Some(name)
    }
}

impl fmt::Debug for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Data<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(value) = self.value() {
            return value.fmt(f);
        }
        let bytes = self.bytes();
        write!(f, "\\# {}", bytes.len())?;
        if !bytes.is_empty() {
            f.write_char(' ')?;
        }
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02X}"))
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(ip) => write!(f, "{ip}"),
            Self::Name(name) => name.fmt(f),
            Self::Mx { preference, exchange } => {
                write!(f, "{preference} ")?;
                exchange.fmt(f)
            }
            Self::Texts(texts) => texts.iter().enumerate().try_for_each(|(n, text)| {
                f.write_str(if n > 0 { " " } else { "" })?;
                quoted(f, text)
            }),
            Self::Soa(soa) => {
                let Soa { server, mailbox, serial, refresh, retry, expire, minimum } = &**soa;
                server.fmt(f)?;
                f.write_char(' ')?;
                mailbox.fmt(f)?;
                write!(f, " {serial} {refresh} {retry} {expire} {minimum}")
            }
            Self::Srv { priority, weight, port, target } => {
                write!(f, "{priority} {weight} {port} ")?;
                target.fmt(f)
            }
            Self::Caa { flags, tag, value } => {
                write!(f, "{flags} ")?;
                escaped(f, tag, b"\\\" ")?;
                f.write_char(' ')?;
                quoted(f, value)
            }
            Self::Service { priority, target, params } => {
                write!(f, "{priority} ")?;
                target.fmt(f)?;
                params.iter().try_for_each(|(key, value)| {
                    f.write_char(' ')?;
                    parameter(f, key, value)
                })
            }
        }
    }
}

/// Text between quotation marks.
fn quoted(f: &mut fmt::Formatter<'_>, text: &[u8]) -> fmt::Result {
    f.write_char('"')?;
    escaped(f, text, b"\"\\")?;
    f.write_char('"')
}

/// Strings, each with its length before it (RFC 1035 section 3.3), at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texts<'a>(&'a [u8]);

impl<'a> Texts<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while let Some((&length, after)) = rest.split_first() {
            rest = after.get(usize::from(length)..)?;
        }
        (!bytes.is_empty()).then_some(Self(bytes))
    }

    /// Each, as sent.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            let (text, later) = after.split_at_checked(usize::from(length))?;
            rest = later;
            Some(text)
        })
    }
}

/// Parameters of SVCB and HTTPS (RFC 9460 section 2.2): in strictly increasing order of their keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceParams<'a>(&'a [u8]);

impl<'a> ServiceParams<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let params = Self(bytes);
        let (mut length, mut least) = (0, 0);
        for (key, value) in params.iter() {
            if u32::from(key) < least {
                return None;
            }
            least = u32::from(key) + 1;
            length += 4 + value.len();
        }
        (length == bytes.len()).then_some(params)
    }

    /// Each: key and value, as sent.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut rest = Cursor::new(self.0);
        std::iter::from_fn(move || {
            let (key, length) = (rest.u16()?, rest.u16()?);
            Some((key, rest.take(usize::from(length))?))
        })
    }
}

/// A parameter as RFC 9460 sections 2.1 and 7 write it; a value that is not of its key's form as `keyNNNNN="…"`.
fn parameter(f: &mut fmt::Formatter<'_>, key: u16, value: &[u8]) -> fmt::Result {
    fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, of: impl IntoIterator<Item = T>) -> fmt::Result {
        of.into_iter().enumerate().try_for_each(|(n, one)| write!(f, "{}{one}", if n > 0 { "," } else { "" }))
    }
    match (key, value) {
        (0, keys) if keys.len() >= 2 && keys.len() % 2 == 0 => {
            f.write_str("mandatory=")?;
            list(f, keys.as_chunks().0.iter().map(|&key| KeyName(u16::from_be_bytes(key))))
        }
        (1, alpn) if let Some(names) = Texts::read(alpn) => {
            f.write_str("alpn=\"")?;
            for (n, name) in names.iter().enumerate() {
                f.write_str(if n > 0 { "," } else { "" })?;
                escaped(f, name, b"\"\\,")?;
            }
            f.write_char('"')
        }
        (2, []) => f.write_str("no-default-alpn"),
        (3, &[high, low]) => write!(f, "port={}", u16::from_be_bytes([high, low])),
        (4, ips) if !ips.is_empty() && ips.len() % 4 == 0 => {
            f.write_str("ipv4hint=")?;
            list(f, ips.as_chunks::<4>().0.iter().map(|&ip| Ipv4Addr::from(ip)))
        }
        (5, config) if !config.is_empty() => write!(f, "ech={}", Base64Display::new(config, &STANDARD)),
        (6, ips) if !ips.is_empty() && ips.len() % 16 == 0 => {
            f.write_str("ipv6hint=")?;
            list(f, ips.as_chunks::<16>().0.iter().map(|&ip| Ipv6Addr::from(ip)))
        }
        (7, path) if !path.is_empty() => {
            f.write_str("dohpath=")?;
            quoted(f, path)
        }
        (key, []) => write!(f, "key{key}"),
        (key, value) => {
            write!(f, "key{key}=")?;
            quoted(f, value)
        }
    }
}

/// A key of a parameter by its name.
struct KeyName(u16);

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "mandatory",
            1 => "alpn",
            2 => "no-default-alpn",
            3 => "port",
            4 => "ipv4hint",
            5 => "ech",
            6 => "ipv6hint",
            7 => "dohpath",
            other => return write!(f, "key{other}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Data of a type in a message that has the name `example.test` at byte 12.
    fn text(kind: Kind, data: &[u8]) -> String {
        let message = [b"............\x07example\x04test\x00", data].concat();
        let data = Data { message: &message, at: 26, kind };
        format!("{data:#}")
    }

    #[test]
    fn data_reads_as_in_dig() {
        assert_eq!(text(Kind::A, &[10, 77, 0, 2]), "10.77.0.2");
        assert_eq!(text(Kind::AAAA, &[0xfd, 0, 0, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]), "fd00:77::2");
        assert_eq!(text(Kind::CNAME, b"\x03www\xc0\x0c"), "www.example.test.");
        assert_eq!(text(Kind::NS, b"\x00"), ".");
        assert_eq!(text(Kind::PTR, b"\xc0\x14"), "test.");
        assert_eq!(text(Kind::MX, b"\x00\x0a\x04mail\xc0\x0c"), "10 mail.example.test.");
        assert_eq!(text(Kind::TXT, b"\x03a\"b\x02\x1b\\\x00"), r#""a\"b" "\027\\" """#);
        assert_eq!(
            text(Kind::SOA, b"\x02ns\xc0\x0c\x02me\xc0\x0c\0\0\0\x01\0\0\0\x02\0\0\0\x03\0\0\0\x04\0\0\0\x05"),
            "ns.example.test. me.example.test. 1 2 3 4 5"
        );
        assert_eq!(text(Kind::SRV, b"\0\x01\0\x02\x14\x95\x01a\xc0\x0c"), "1 2 5269 a.example.test.");
        assert_eq!(text(Kind::CAA, b"\x00\x05issueletsencrypt.org"), r#"0 issue "letsencrypt.org""#);
        assert_eq!(text(Kind::dns(65399), &[1, 0xab]), r"\# 2 01AB");
        assert_eq!(text(Kind::dns(65399), &[]), r"\# 0");
    }

    #[test]
    fn names_end_without_a_dot_unless_asked() {
        let message = b"............\x04test\x00\x00\x0a\x04mail\xc0\x0c";
        let data = Data { message, at: 18, kind: Kind::MX };
        assert_eq!(data.to_string(), "10 mail.test");
    }

    #[test]
    fn data_not_of_its_type_is_hex() {
        assert_eq!(text(Kind::A, &[10, 77, 0]), r"\# 3 0A4D00");
        assert_eq!(text(Kind::A, &[10, 77, 0, 1, 2]), r"\# 5 0A4D000102");
        assert_eq!(text(Kind::CNAME, b"\xc0\x1a"), r"\# 2 C01A");
        assert_eq!(text(Kind::CNAME, b"\x00\x00"), r"\# 2 0000");
        assert_eq!(text(Kind::TXT, b"\x05ab"), r"\# 3 056162");
        assert_eq!(text(Kind::TXT, b""), r"\# 0");
        assert_eq!(text(Kind { number: 33, netbios: true }, b"\x00"), r"\# 1 00");
    }

    #[test]
    fn service_parameters() {
        let param = |key: u16, value: &[u8]| [&key.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value].concat();
        // RFC 9460 appendix D.2, figures 3, 5, 6, 8, 9 and 10; data at the end.
        let foo = b"\x00\x10\x03foo\x07example\x03org\x00";
        assert_eq!(text(Kind::SVCB, b"\x00\x00\x03foo\x07example\x03com\x00"), "0 foo.example.com.");
        assert_eq!(text(Kind::HTTPS, b"\x00\x01\x00"), "1 .");
        assert_eq!(text(Kind::SVCB, &[&foo[..], &param(3, &[0, 53])].concat()), "16 foo.example.org. port=53");
        let key667 = [&b"\x00\x01\x00"[..], &param(667, b"hello\xd2qoo")].concat();
        assert_eq!(text(Kind::SVCB, &key667), r#"1 . key667="hello\210qoo""#);
        let many = [
            &foo[..],
            &param(0, &[0, 1, 0, 4]),
            &param(1, b"\x02h2\x05h3-19"),
            &param(4, &[192, 0, 2, 1]),
            &param(6, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ]
        .concat();
        assert_eq!(
            text(Kind::SVCB, &many),
            r#"16 foo.example.org. mandatory=alpn,ipv4hint alpn="h2,h3-19" ipv4hint=192.0.2.1 ipv6hint=2001:db8::1"#
        );
        let odd = [&b"\x00\x01\x00"[..], &param(2, b""), &param(3, b"\x01"), &param(5, b"foo"), &param(9, b"")].concat();
        assert_eq!(text(Kind::HTTPS, &odd), r#"1 . no-default-alpn key3="\001" ech=Zm9v key9"#);
        let twice = [&b"\x00\x01\x00"[..], &param(2, b""), &param(2, b"")].concat();
        assert!(text(Kind::HTTPS, &twice).starts_with(r"\# 11 "));
        assert!(text(Kind::HTTPS, b"\x00\x01\x00\x00\x03\x00\x09\x00").starts_with(r"\# 8 "));
    }
}
