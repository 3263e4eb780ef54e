//! The first bytes of protocols that hide nothing: Telnet, rlogin, LDAP that begins with a name and a password, MQTT, Redis. Said by their form
//! alone, and only where hardly anything else begins so.

use super::{Peek, Stop};

/// Longest name in rlogin's first message, bytes.
const MAX_NAME: usize = 64;

/// Longest command of Redis that is asked for, bytes, and most of its arguments.
const MAX_COMMAND: usize = 32;
const MAX_ARGUMENTS: usize = 1024;

/// Takes bytes from the front, and knows whether there may be more.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Result<u8, Stop> {
        let (&byte, rest) = self.rest.split_first().ok_or(Stop::More)?;
        self.rest = rest;
        Ok(byte)
    }

    fn is(&mut self, byte: u8) -> Result<(), Stop> {
        if self.byte()? == byte { Ok(()) } else { Err(Stop::Not) }
    }

    fn all(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        bytes.iter().try_for_each(|byte| self.is(*byte))
    }

    /// Up to this byte, which is taken, too; each of them as `fits` says, and not more than `most`.
    fn until(&mut self, end: u8, most: usize, fits: fn(u8) -> bool) -> Result<&'a [u8], Stop> {
        let at = self.rest.iter().take(most + 1).position(|&byte| byte == end || !fits(byte));
        let len = match at {
            Some(at) if self.rest[at] == end => at,
            None if self.rest.len() <= most => return Err(Stop::More),
            _ => return Err(Stop::Not),
        };
        let (taken, rest) = self.rest.split_at(len);
        self.rest = &rest[1..];
        Ok(taken)
    }

    /// A number in decimal digits, up to this end.
    fn number(&mut self, end: &[u8], most: usize) -> Result<usize, Stop> {
        let digits = self.until(end[0], 5, |byte| byte.is_ascii_digit())?;
        self.all(&end[1..])?;
        let number = digits.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
        if digits.is_empty() || number == 0 || number > most { Err(Stop::Not) } else { Ok(number) }
    }

    /// A length of BER (X.690 section 8.1.3), of what is shorter than 64 KiB.
    fn ber_len(&mut self) -> Result<usize, Stop> {
        match self.byte()? {
            short @ 0..=0x7f => Ok(short.into()),
            0x81 => Ok(self.byte()?.into()),
            0x82 => Ok(usize::from(self.byte()?) << 8 | usize::from(self.byte()?)),
            // Microsoft's clients write all lengths in four bytes.
            0x84 => {
                self.all(&[0, 0])?;
                Ok(usize::from(self.byte()?) << 8 | usize::from(self.byte()?))
            }
            _ => Err(Stop::Not),
        }
    }
}

/// Telnet's negotiation (RFC 854, RFC 855): IAC, WILL to DONT, an option. Says whether there are two, which nothing else begins with.
#[must_use]
pub fn telnet(bytes: &[u8]) -> Peek<bool> {
    const IAC: u8 = 255;
    let mut reader = Reader { rest: bytes };
    let mut command = || -> Result<(), Stop> {
        reader.is(IAC)?;
        let verb = reader.byte()?;
        let option = reader.byte()?;
        // Options that IANA has registered, and 255 for its list.
        if matches!(verb, 251..=254) && matches!(option, 0..=49 | 138..=140 | 255) { Ok(()) } else { Err(Stop::Not) }
    };
    match command() {
        Ok(()) => match command() {
            Ok(()) => Peek::Is(true),
            Err(_) => Peek::Is(false),
        },
        Err(stop) => stop.into(),
    }
}

/// What a client of rlogin sends first (RFC 1282): both user names, the terminal and its speed, each with a zero behind it, and one before all.
#[must_use]
pub fn rlogin(bytes: &[u8]) -> Peek<()> {
    let mut reader = Reader { rest: bytes };
    let mut read = || -> Result<(), Stop> {
        let name = |byte: u8| byte.is_ascii_graphic();
        reader.is(0)?;
        let names = [reader.until(0, MAX_NAME, name)?, reader.until(0, MAX_NAME, name)?];
        let terminal = reader.until(b'/', MAX_NAME, name)?;
        reader.number(&[0], 1_000_000)?;
        if names.iter().any(|name| name.is_empty()) || terminal.is_empty() { Err(Stop::Not) } else { Ok(()) }
    };
    read().into()
}

/// A request to bind with a name and a password in the clear, as the first message of LDAP (RFC 4511 section 4.2, version 3). Those that bind by
/// SASL may encrypt what follows, and those that begin with STARTTLS do.
#[must_use]
pub fn ldap_bind(bytes: &[u8]) -> Peek<()> {
    let mut reader = Reader { rest: bytes };
    let mut read = || -> Result<(), Stop> {
        reader.is(0x30)?;
        reader.ber_len()?;
        // messageID
        reader.is(2)?;
        let len = reader.byte()?;
        if !(1..=4).contains(&len) {
            return Err(Stop::Not);
        }
        for _ in 0..len {
            reader.byte()?;
        }
        // [APPLICATION 0]
        reader.is(0x60)?;
        reader.ber_len()?;
        reader.all(&[2, 1, 3])?;
        reader.is(4)?;
        let name = reader.ber_len()?;
        for _ in 0..name {
            reader.byte()?;
        }
        // simple [0]
        reader.is(0x80)?;
        let password = reader.ber_len()?;
        if name == 0 || password == 0 { Err(Stop::Not) } else { Ok(()) }
    };
    read().into()
}

/// CONNECT of MQTT 3.1, 3.1.1 or 5 (OASIS, section 3.1).
#[must_use]
pub fn mqtt(bytes: &[u8]) -> Peek<()> {
    let mut reader = Reader { rest: bytes };
    let mut read = || -> Result<(), Stop> {
        reader.is(0x10)?;
        let mut length = 0;
        while reader.byte()? & 0x80 != 0 {
            length += 1;
            if length == 4 {
                return Err(Stop::Not);
            }
        }
        reader.is(0)?;
        let (name, versions): (&[u8], _) = match reader.byte()? {
            4 => (b"MQTT", 4..=5),
            6 => (b"MQIsdp", 3..=3),
            _ => return Err(Stop::Not),
        };
        reader.all(name)?;
        if versions.contains(&reader.byte()?) { Ok(()) } else { Err(Stop::Not) }
    };
    read().into()
}

/// A command of Redis as its clients send it (RESP): an array of strings, the first a word.
#[must_use]
pub fn redis(bytes: &[u8]) -> Peek<()> {
    let mut reader = Reader { rest: bytes };
    let mut read = || -> Result<(), Stop> {
        reader.is(b'*')?;
        reader.number(b"\r\n", MAX_ARGUMENTS)?;
        reader.is(b'$')?;
        let len = reader.number(b"\r\n", MAX_COMMAND)?;
        for _ in 0..len {
            if !reader.byte()?.is_ascii_alphabetic() {
                return Err(Stop::Not);
            }
        }
        reader.all(b"\r\n")
    };
    read().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BIND: &[u8] = b"\x30\x1a\x02\x01\x01\x60\x15\x02\x01\x03\x04\x0acn=a,dc=ex\x80\x04pass";
    const CONNECT: &[u8] = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd";
    const RLOGIN: &[u8] = b"\0ann\0bob\0xterm/38400\0";
    const GET: &[u8] = b"*2\r\n$3\r\nGET\r\n$1\r\na\r\n";

    fn whole(read: fn(&[u8]) -> Peek<()>, bytes: &[u8]) -> bool {
        let found = (0..=bytes.len()).find(|len| read(&bytes[..*len]) != Peek::More).unwrap();
        read(&bytes[..found]) == Peek::Is(()) && read(bytes) == Peek::Is(())
    }

    #[test]
    fn what_they_begin_with() {
        assert!(whole(ldap_bind, BIND) && whole(mqtt, CONNECT) && whole(rlogin, RLOGIN) && whole(redis, GET));
        assert!(whole(mqtt, b"\x10\x1e\x00\x06MQIsdp\x03\x02"));
        assert!(whole(ldap_bind, &[b"\x30\x84\0\0\0\x1a", &BIND[2..]].concat()), "Windows");
        assert_eq!(telnet(b"\xff\xfd\x18\xff\xfd\x20"), Peek::Is(true));
        assert_eq!(telnet(b"\xff\xfb\x01login: "), Peek::Is(false));
        assert_eq!(
            (telnet(b"\xff\xfd"), telnet(b"\xff\xd8\xff\xe0"), telnet(b"\xff\xfe<\0?\0")),
            (Peek::More, Peek::Not, Peek::Not),
            "JPEG, UTF-16"
        );
    }

    #[test]
    fn what_looks_like_them() {
        let anonymous = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00";
        let sasl = b"\x30\x1a\x02\x01\x01\x60\x15\x02\x01\x03\x04\x00\xa3\x0e\x04\x0aGSS-SPNEGO";
        let start_tls = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037";
        for bytes in [&anonymous[..], sasl, start_tls] {
            assert_eq!(ldap_bind(bytes), Peek::Not);
        }
        assert_eq!(redis(b"*\r\n"), Peek::Not);
        assert_eq!(redis(b"*1\r\n$4\r\n\x01\x02"), Peek::Not);
        assert_eq!(rlogin(b"\0\x1c\x12\x34"), Peek::Not, "DNS");
        assert_eq!(rlogin(b"\0\0\0\x55\xffSMB"), Peek::Not);
        assert_eq!(mqtt(b"\x10\x10\x00\x04MQTX"), Peek::Not);
    }

    proptest! {
        #[test]
        fn no_input_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in 0_usize..30) {
            for known in [BIND, CONNECT, RLOGIN, GET] {
                let mixed = [&known[..cut.min(known.len())], &bytes].concat();
                for bytes in [&bytes, &mixed] {
                    let _ = (telnet(bytes), rlogin(bytes), ldap_bind(bytes), mqtt(bytes), redis(bytes));
                }
            }
        }
    }
}
