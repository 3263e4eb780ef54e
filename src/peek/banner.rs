//! The first line that servers (and SSH's clients) say: version strings and greetings.
//!
//! A greeting with 220 may be of SMTP or FTP: its text tells most of them, a client's first command the rest
//! ([`super::recognise`] puts both together).

use super::command::{is, line, split};
use super::{Peek, Stop};
use std::fmt;

/// Longest version string of SSH, its line end included (RFC 4253 section 4.2).
const MAX_SSH: usize = 255;

/// Longest greeting of several lines, bytes.
const MAX_GREETING: usize = 8192;

/// A service whose clients and servers talk in lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Mail on its way (RFC 5321).
    Smtp,
    /// Files (RFC 959).
    Ftp,
    /// A mailbox, fetched (RFC 1939).
    Pop3,
    /// A mailbox, looked into (RFC 9051).
    Imap,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Smtp, Self::Ftp, Self::Pop3, Self::Imap];

    /// Its name, in capitals.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Ftp => "FTP",
            Self::Pop3 => "POP3",
            Self::Imap => "IMAP",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// SSH's version string (RFC 4253 section 4.2): `SSH-2.0-OpenSSH_9.2p1 Debian-2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SshVersion<'a> {
    /// `2.0`, or `1.99` of a server that knows version 1, too (section 5.1).
    pub protocol: &'a [u8],
    /// `OpenSSH_9.2p1`.
    pub software: &'a [u8],
    /// `Debian-2`: what follows the first blank.
    pub comments: Option<&'a [u8]>,
    /// It takes so many bytes with its line end.
    pub len: usize,
}

/// Reads SSH's version string. A server may send other lines before it: such a stream is `Not`.
#[must_use]
pub fn ssh(bytes: &[u8]) -> Peek<SshVersion<'_>> {
    ssh_version(bytes).into()
}

fn ssh_version(bytes: &[u8]) -> Result<SshVersion<'_>, Stop> {
    const PREFIX: &[u8] = b"SSH-";
    if !bytes.iter().zip(PREFIX).all(|(a, b)| a == b) {
        return Err(Stop::Not);
    }
    let rest = bytes.get(PREFIX.len()..).ok_or(Stop::More)?;
    let digits = rest.iter().take(MAX_SSH).take_while(|b| b.is_ascii_digit() || **b == b'.').count();
    match rest.get(digits) {
        Some(b'-') if digits > 0 => {}
        None => return Err(Stop::More),
        Some(_) => return Err(Stop::Not),
    }
    let line = match line(&bytes[..bytes.len().min(MAX_SSH)]) {
        Err(Stop::More) if bytes.len() >= MAX_SSH => return Err(Stop::Not),
        read => read?,
    };
    let (software, comments) = split(&line.text[PREFIX.len() + digits + 1..]);
    let has_comments = software.len() + PREFIX.len() + digits + 1 < line.text.len();
    Ok(SshVersion { protocol: &rest[..digits], software, comments: has_comments.then_some(comments), len: line.len })
}

/// What a server says first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting<'a> {
    /// Whose it is. Nothing: SMTP's or FTP's, its text does not tell.
    pub service: Option<Service>,
    /// SMTP's and FTP's number.
    pub code: Option<u16>,
    /// Does the server welcome the client? Else it says that it cannot serve it (now).
    pub welcome: bool,
    /// What its first line says, without number and marks.
    pub text: &'a [u8],
    /// It takes so many bytes, all its lines.
    pub len: usize,
}

/// Reads the greeting of a server of SMTP (RFC 5321 section 4.2: 220, 421, 554), FTP (RFC 959 section 5.4: 220, 120, 421), POP3
/// (RFC 1939 section 4) or IMAP (RFC 9051 section 7.1).
///
/// Answers later in a conversation look the same: only a stream's first line is a greeting. That of POP3 without text, `+OK`, is what
/// other services say, too.
#[must_use]
pub fn greeting(bytes: &[u8]) -> Peek<Greeting<'_>> {
    match bytes.first() {
        None => Peek::More,
        Some(b'0'..=b'9') => numbered(bytes).into(),
        Some(_) => marked(bytes).into(),
    }
}

/// POP3's and IMAP's: `+OK ready`, `* OK ready`.
fn marked(bytes: &[u8]) -> Result<Greeting<'_>, Stop> {
    const MARKS: [(&str, Service, bool); 4] = [
        ("+OK", Service::Pop3, true),
        ("* OK", Service::Imap, true),
        ("* PREAUTH", Service::Imap, true),
        ("* BYE", Service::Imap, false),
    ];
    let alike = |mark: &str| bytes.iter().zip(mark.as_bytes()).all(|(a, b)| a.eq_ignore_ascii_case(b));
    if !MARKS.iter().any(|&(mark, ..)| alike(mark)) {
        return Err(Stop::Not);
    }
    let line = line(bytes)?;
    for (mark, service, welcome) in MARKS {
        // IMAP has text in all of them; POP3 may have none.
        match line.text.get(mark.len()..) {
            Some([]) if alike(mark) && service == Service::Pop3 => {
                return Ok(Greeting { service: Some(service), code: None, welcome, text: &[], len: line.len });
            }
            Some([b' ', text @ ..]) if alike(mark) => {
                return Ok(Greeting { service: Some(service), code: None, welcome, text, len: line.len });
            }
            _ => {}
        }
    }
    Err(Stop::Not)
}

/// SMTP's and FTP's: `220 ready`, or several lines, of which all but the last have `220-`.
fn numbered(bytes: &[u8]) -> Result<Greeting<'_>, Stop> {
    const CODES: [(&[u8; 3], u16); 4] = [(b"120", 120), (b"220", 220), (b"421", 421), (b"554", 554)];
    if !CODES.iter().any(|(digits, _)| bytes.iter().zip(*digits).all(|(a, b)| a == b)) {
        return Err(Stop::Not);
    }
    let (digits, rest) = bytes.split_first_chunk::<3>().ok_or(Stop::More)?;
    if !matches!(rest.first(), None | Some(b' ' | b'-' | b'\r' | b'\n')) {
        return Err(Stop::Not);
    }
    let first = line(bytes)?;
    let mut at = first.len;
    let mut several = first.text.get(3) == Some(&b'-');
    // RFC 959 section 4.2: lines between may be anything, and the last begins with the number and a blank.
    while several {
        if at > MAX_GREETING {
            return Err(Stop::Not);
        }
        let next = line(&bytes[at..])?;
        at += next.len;
        several = !(next.text.starts_with(digits) && matches!(next.text.get(3), None | Some(b' ')));
    }
    let code = CODES.iter().find(|(known, _)| *known == digits).map(|&(_, code)| code);
    let all = &bytes[..at];
    let service = match code {
        Some(120) => Some(Service::Ftp),
        Some(554) => Some(Service::Smtp),
        _ if words(all).any(|word| is(word, "SMTP") || is(word, "ESMTP")) => Some(Service::Smtp),
        _ if all.windows(3).any(|part| is(part, "FTP")) || all.windows(9).any(|part| is(part, "FileZilla")) => Some(Service::Ftp),
        _ => None,
    };
    let text = first.text.get(4..).unwrap_or_default();
    Ok(Greeting { service, code, welcome: matches!(code, Some(120 | 220)), text, len: at })
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|b| !b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ssh_versions() {
        let read = ssh(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\nmore").is().unwrap();
        assert_eq!((read.protocol, read.software), (&b"2.0"[..], &b"OpenSSH_9.2p1"[..]));
        assert_eq!((read.comments, read.len), (Some(&b"Debian-2+deb12u10"[..]), 41));
        let read = ssh(b"SSH-1.99-Cisco-1.25\n").is().unwrap();
        assert_eq!((read.protocol, read.software, read.comments), (&b"1.99"[..], &b"Cisco-1.25"[..], None));
        for text in [&b"SSH is fun\r\n"[..], b"SSH--x\r\n", b"SSH-2.0\r\n", b"ssh-2.0-x\r\n", b"SSH-2.0-\x1b[1m\r\n"] {
            assert_eq!(ssh(text), Peek::Not, "{text:?}");
        }
        let long = [&b"SSH-2.0-"[..], &[b'x'; 300]].concat();
        assert_eq!(ssh(&long), Peek::Not);
        assert_eq!(ssh(&long[..254]), Peek::More);
        let longest = [&long[..253], b"\r\n"].concat();
        assert_eq!(ssh(&longest).is().map(|version| version.len), Some(255));
    }

    #[test]
    fn greetings_say_whose_they_are() {
        let cases: [(&[u8], Option<Service>, &[u8]); 10] = [
            (
                b"220 mail.example.test ESMTP Postfix (Debian)\r\n",
                Some(Service::Smtp),
                b"mail.example.test ESMTP Postfix (Debian)",
            ),
            (b"220 (vsFTPd 3.0.3)\r\n", Some(Service::Ftp), b"(vsFTPd 3.0.3)"),
            (b"220 ftp.example.test ESMTP Exim 4.96\r\n", Some(Service::Smtp), b"ftp.example.test ESMTP Exim 4.96"),
            (b"220-Welcome\r\n 220 is a number\r\n220 Pure-FTPd\r\n", Some(Service::Ftp), b"Welcome"),
            (b"220 hello\r\n", None, b"hello"),
            (b"220\n", None, b""),
            (b"554 no service\r\n", Some(Service::Smtp), b"no service"),
            (b"+OK mailbox of example.test ready\r\n", Some(Service::Pop3), b"mailbox of example.test ready"),
            (b"* OK [CAPABILITY IMAP4rev1] Dovecot ready.\r\n", Some(Service::Imap), b"[CAPABILITY IMAP4rev1] Dovecot ready."),
            (b"* BYE overloaded\r\n", Some(Service::Imap), b"overloaded"),
        ];
        for (bytes, service, text) in cases {
            let read = greeting(bytes).is().unwrap_or_else(|| panic!("{bytes:?}"));
            assert_eq!((read.service, read.text, read.len), (service, text, bytes.len()), "{bytes:?}");
            assert_eq!(read.welcome, !bytes.starts_with(b"554") && !bytes.starts_with(b"* BYE"));
        }
    }

    #[test]
    fn other_text_is_no_greeting() {
        for text in [
            &b"HTTP/1.1 200 OK\r\n"[..],
            b"220x\r\n",
            b"221 bye\r\n",
            b"2200 things\r\n",
            b"+OKAY\r\n",
            b"* LIST\r\n",
            b"* OK\r\n",
            b"220 \x1b[2J\r\n",
            b"-ERR\r\n",
        ] {
            assert_eq!(greeting(text), Peek::Not, "{text:?}");
        }
        assert_eq!(greeting(b"220-never\r\nends\r\n"), Peek::More);
        assert_eq!(greeting(&[&b"220-"[..], &b"x\r\n".repeat(4000)].concat()), Peek::Not);
    }
}
