//! The first message of a TLS server (RFC 8446 section 4.1.3): what it chose.

use super::extensions::{ALPN, Extensions, Protocols, SUPPORTED_VERSIONS};
use super::hello::{SESSION_AT, first_message, pass_front};
use super::names::{Cipher, HandshakeKind, Version};
use super::reader::{Reader, numbers};
use super::record::Unread;
use crate::peek::Peek;
use std::borrow::Cow;

/// The random by which a `ServerHello` asks for another `ClientHello` (RFC 8446 section 4.1.3): SHA-256 of "`HelloRetryRequest`".
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a,
    0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// A `ServerHello` whose parts fit together, a request for another `ClientHello` included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerHello<'a> {
    body: Cow<'a, [u8]>,
    /// Bytes of the stream up to the message's end, records' headers included.
    pub end: usize,
    session_end: usize,
    /// The suite chosen.
    pub cipher: Cipher,
}

/// Reads the first bytes of a server's stream. A server that sends an alert instead: [`Peek::Not`] (see [`super::alert()`]).
#[must_use]
pub fn server_hello(bytes: &[u8]) -> Peek<ServerHello<'_>> {
    match read(bytes) {
        Ok(hello) => Peek::Is(hello),
        Err(unread) => unread.into(),
    }
}

fn read(bytes: &[u8]) -> Result<ServerHello<'_>, Unread> {
    let (body, end) = first_message(bytes, HandshakeKind::SERVER_HELLO, SHORTEST)?;
    ServerHello::parse(body, end).ok_or(Unread::Not)
}

/// Version, random, no session, cipher, compression method.
const SHORTEST: usize = 2 + 32 + 1 + 2 + 1;

impl<'a> ServerHello<'a> {
    pub(super) fn parse(body: Cow<'a, [u8]>, end: usize) -> Option<Self> {
        let mut reader = Reader(&body);
        let session_end = pass_front(&mut reader)?;
        let cipher = Cipher(reader.u16()?);
        reader.take(1)?;
        if !Extensions::end_a_hello(reader.0) {
            return None;
        }
        Some(Self { body, end, session_end, cipher })
    }

    fn cut(&self, start: usize, end: usize) -> &[u8] {
        self.body.get(start..end).unwrap_or_default()
    }

    /// The version chosen: what `supported_versions` says, or else the message's own field (RFC 8446 section 4.2.1).
    #[must_use]
    pub fn version(&self) -> Version {
        let listed = self.extensions().body(SUPPORTED_VERSIONS).and_then(|body| body.try_into().ok()).map(u16::from_be_bytes);
        listed.map_or_else(|| self.legacy_version(), Version)
    }

    /// The version in the message's own field.
    #[must_use]
    pub fn legacy_version(&self) -> Version {
        Version(numbers(self.cut(0, 2)).next().unwrap_or_default())
    }

    /// 32 bytes.
    #[must_use]
    pub fn random(&self) -> &[u8] {
        self.cut(2, 34)
    }

    /// Is it a `HelloRetryRequest`: the client shall say hello again, with another key? Version and cipher stand already.
    #[must_use]
    pub fn is_retry(&self) -> bool {
        self.random() == RETRY
    }

    /// At most 32 bytes. Up to TLS 1.2: the same as the client's where a session is resumed.
    #[must_use]
    pub fn session_id(&self) -> &[u8] {
        self.cut(SESSION_AT, self.session_end)
    }

    /// All extensions in the order sent.
    #[must_use]
    pub fn extensions(&self) -> Extensions<'_> {
        Extensions::new(self.cut(self.session_end + 5, self.body.len()))
    }

    /// The application protocol chosen, as sent. TLS 1.3 encrypts it.
    #[must_use]
    pub fn alpn(&self) -> Option<&[u8]> {
        Protocols::new(self.extensions().body(ALPN)?).next()
    }
}
