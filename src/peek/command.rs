//! Lines of text protocols (SMTP, FTP, POP3, IMAP): where they end, and which services know a client's command.

use super::Stop;
use super::banner::Service;

/// Longest line taken for text, bytes. SMTP allows 512 (12,288 with AUTH: RFC 4954 section 4), IMAP recommends 8,192.
const MAX_LINE: usize = 12_288;

/// A line without its end, and where the next begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) text: &'a [u8],
    pub(super) len: usize,
}

/// The line at the front: up to LF or CR LF, without control characters but tabs, so that nothing encrypted is taken for one.
pub(super) fn line(bytes: &[u8]) -> Result<Line<'_>, Stop> {
    let length = bytes.iter().take(MAX_LINE).take_while(|&&b| b >= b' ' && b != 0x7f || b == b'\t').count();
    let text = &bytes[..length];
    match bytes[length..] {
        [b'\n', ..] => Ok(Line { text, len: length + 1 }),
        [b'\r', b'\n', ..] => Ok(Line { text, len: length + 2 }),
        [] | [b'\r'] if length < MAX_LINE => Err(Stop::More),
        _ => Err(Stop::Not),
    }
}

/// The first word of a line and what follows the blank behind it.
pub(super) fn split(text: &[u8]) -> (&[u8], &[u8]) {
    match text.iter().position(|&b| b == b' ') {
        Some(blank) => (&text[..blank], &text[blank + 1..]),
        None => (text, &[]),
    }
}

/// Is it this word, case aside?
pub(super) fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

/// Is it one of these words, case aside?
pub(super) fn is_any(word: &[u8], names: &[&str]) -> bool {
    names.iter().any(|name| is(word, name))
}

/// Does this service know such a command from a client, as one that comes early in a conversation?
pub(super) fn knows(service: Service, text: &[u8]) -> bool {
    const SMTP: [&str; 10] = ["EHLO", "HELO", "MAIL", "RCPT", "DATA", "QUIT", "RSET", "NOOP", "AUTH", "STARTTLS"];
    const FTP: [&str; 20] = [
        "USER", "PASS", "ACCT", "AUTH", "PBSZ", "PROT", "FEAT", "SYST", "OPTS", "PWD", "CWD", "TYPE", "PASV", "EPSV", "PORT",
        "EPRT", "LIST", "NOOP", "HOST", "QUIT",
    ];
    const POP3: [&str; 11] = ["USER", "PASS", "APOP", "AUTH", "CAPA", "STLS", "STAT", "LIST", "UIDL", "NOOP", "QUIT"];
    const IMAP: [&str; 11] =
        ["CAPABILITY", "NOOP", "LOGOUT", "STARTTLS", "AUTHENTICATE", "LOGIN", "SELECT", "EXAMINE", "LIST", "ID", "ENABLE"];
    let (word, rest) = split(text);
    match service {
        Service::Smtp => is_any(word, &SMTP),
        Service::Ftp => is_any(word, &FTP),
        Service::Pop3 => is_any(word, &POP3),
        // RFC 9051 section 2.2.1: a tag, made of anything but what means something in lists and strings, and a command.
        Service::Imap => {
            let tag =
                !word.is_empty() && word.len() <= 32 && word.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b));
            tag && is_any(split(rest).0, &IMAP)
        }
    }
}

/// Can a client's line that is not whole yet still become one that [`knows`] knows?
pub(super) fn may_become_known(text: &[u8]) -> bool {
    // Tags and commands are letters, digits and a few marks; what is behind them is free.
    text.iter().take_while(|&&b| b != b' ').count() <= 32
        && text.iter().take_while(|&&b| b != b' ').all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}
