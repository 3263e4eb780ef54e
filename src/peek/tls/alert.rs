//! Alerts in the clear: how a side says why it will not go on.

use super::record::{Content, Parts, Unread};
use crate::peek::Peek;
use std::fmt;

/// An alert (RFC 8446 section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert {
    /// Its level: fatal, or else a warning. TLS 1.3 takes all but closing for fatal, whatever is stated.
    pub fatal: bool,
    /// The reason's number (IANA "TLS Alerts").
    pub description: u8,
}

impl Alert {
    /// `close_notify`: the sender is done, nothing is wrong.
    pub const CLOSE_NOTIFY: u8 = 0;

    /// The reason in the words of the registry, with spaces.
    #[must_use]
    pub const fn words(self) -> Option<&'static str> {
        Some(match self.description {
            0 => "close notify",
            10 => "unexpected message",
            20 => "bad record mac",
            21 => "decryption failed",
            22 => "record overflow",
            30 => "decompression failure",
            40 => "handshake failure",
            41 => "no certificate",
            42 => "bad certificate",
            43 => "unsupported certificate",
            44 => "certificate revoked",
            45 => "certificate expired",
            46 => "certificate unknown",
            47 => "illegal parameter",
            48 => "unknown ca",
            49 => "access denied",
            50 => "decode error",
            51 => "decrypt error",
            52 => "too many cids requested",
            60 => "export restriction",
            70 => "protocol version",
            71 => "insufficient security",
            80 => "internal error",
            86 => "inappropriate fallback",
            90 => "user canceled",
            100 => "no renegotiation",
            109 => "missing extension",
            110 => "unsupported extension",
            111 => "certificate unobtainable",
            112 => "unrecognized name",
            113 => "bad certificate status response",
            114 => "bad certificate hash value",
            115 => "unknown psk identity",
            116 => "certificate required",
            117 => "general error",
            120 => "no application protocol",
            121 => "ech required",
            _ => return None,
        })
    }

    /// `fatal` or `warning`.
    #[must_use]
    pub const fn level(self) -> &'static str {
        if self.fatal { "fatal" } else { "warning" }
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.words() {
            Some(words) => write!(f, "{}: {words}", self.level()),
            None => write!(f, "{}: alert {}", self.level(), self.description),
        }
    }
}

/// The first alert that a side sends in the clear. Not TLS, or encrypted before one came: [`Peek::Not`].
#[must_use]
pub fn alert(bytes: &[u8]) -> Peek<Alert> {
    match first(bytes) {
        Ok(alert) => Peek::Is(alert),
        Err(unread) => unread.into(),
    }
}

fn first(bytes: &[u8]) -> Result<Alert, Unread> {
    let mut parts = Parts::new(bytes);
    loop {
        match parts.next_part()?.content {
            Content::Alert(alert) => return Ok(alert),
            Content::Handshake { .. } | Content::ChangeCipherSpec => {}
            Content::ApplicationData(_) | Content::Opaque(..) => return Err(Unread::Not),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: [u8; 9] = [22, 3, 3, 0, 4, 14, 0, 0, 0];

    #[test]
    fn in_front_of_all_or_after_messages() {
        let alert = Alert { fatal: true, description: 40 };
        let bytes = [21, 3, 1, 0, 2, 2, 40];
        assert_eq!(super::alert(&bytes), Peek::Is(alert));
        for cut in 0..bytes.len() {
            assert_eq!(super::alert(&bytes[..cut]), Peek::More);
        }
        assert_eq!(super::alert(&[&DONE[..], &bytes].concat()), Peek::Is(alert));
        assert_eq!(super::alert(&[&DONE[..], &[20, 3, 3, 0, 1, 1], &bytes].concat()), Peek::Is(alert));
        assert_eq!((alert.to_string(), alert.words()), ("fatal: handshake failure".into(), Some("handshake failure")));
        assert_eq!(Alert { fatal: false, description: 200 }.to_string(), "warning: alert 200");
    }

    #[test]
    fn none_that_is_encrypted() {
        let change = [20, 3, 3, 0, 1, 1];
        let encrypted = [21, 3, 3, 0, 4, 9, 9, 9, 9];
        assert_eq!(alert(&[&change[..], &encrypted].concat()), Peek::Not);
        assert_eq!(alert(&[&change[..], &[23, 3, 3, 0, 1, 0]].concat()), Peek::Not);
        assert_eq!(alert(&encrypted), Peek::Not);
        assert_eq!(alert(&[21, 3, 3, 0, 2, 3, 40]), Peek::Not);
        assert_eq!(alert(b"GET / HTTP/1.1\r\n"), Peek::Not);
    }
}
