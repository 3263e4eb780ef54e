//! The first message of a TLS client (RFC 8446 section 4.1.2): what it offers, and for whom it asks.

use super::extensions::{
    ALPN, EC_POINT_FORMATS, Extensions, Protocols, SERVER_NAME, SIGNATURE_ALGORITHMS, SUPPORTED_GROUPS, SUPPORTED_VERSIONS,
    host_name, listed,
};
use super::hello::{SESSION_AT, first_message, pass_front};
use super::names::{Cipher, HandshakeKind, Version, is_grease};
use super::reader::{Reader, numbers, only_vector};
use super::record::Unread;
use super::text::shown;
use crate::peek::Peek;
use std::borrow::Cow;

/// A `ClientHello` whose parts fit together. What an extension says wrongly counts as not said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientHello<'a> {
    body: Cow<'a, [u8]>,
    /// Bytes of the stream up to the message's end, records' headers included.
    pub end: usize,
    session_end: usize,
    ciphers_end: usize,
    compression_end: usize,
}

/// Reads the first bytes of a client's stream.
#[must_use]
pub fn client_hello(bytes: &[u8]) -> Peek<ClientHello<'_>> {
    match read(bytes) {
        Ok(hello) => Peek::Is(hello),
        Err(unread) => unread.into(),
    }
}

fn read(bytes: &[u8]) -> Result<ClientHello<'_>, Unread> {
    let (body, end) = first_message(bytes, HandshakeKind::CLIENT_HELLO, SHORTEST)?;
    ClientHello::parse(body, end).ok_or(Unread::Not)
}

/// Version, random, no session, one cipher, one compression method.
const SHORTEST: usize = 2 + 32 + 1 + 4 + 2;

impl<'a> ClientHello<'a> {
    /// Checks the body of the message; extensions may be missing (RFC 5246 section 7.4.1.2).
    fn parse(body: Cow<'a, [u8]>, end: usize) -> Option<Self> {
        let mut reader = Reader(&body);
        let all = body.len();
        let session_end = pass_front(&mut reader)?;
        let ciphers = reader.vector(2)?;
        if ciphers.is_empty() || ciphers.len() % 2 != 0 {
            return None;
        }
        let ciphers_end = all - reader.0.len();
        if reader.vector(1)?.is_empty() {
            return None;
        }
        let compression_end = all - reader.0.len();
        if !Extensions::end_a_hello(reader.0) {
            return None;
        }
        Some(Self { body, end, session_end, ciphers_end, compression_end })
    }

    fn cut(&self, start: usize, end: usize) -> &[u8] {
        self.body.get(start..end).unwrap_or_default()
    }

    /// The version in the message's own field: at most TLS 1.2 (RFC 8446 section 4.1.2).
    #[must_use]
    pub fn legacy_version(&self) -> Version {
        Version(numbers(self.cut(0, 2)).next().unwrap_or_default())
    }

    /// 32 bytes.
    #[must_use]
    pub fn random(&self) -> &[u8] {
        self.cut(2, 34)
    }

    /// At most 32 bytes.
    #[must_use]
    pub fn session_id(&self) -> &[u8] {
        self.cut(SESSION_AT, self.session_end)
    }

    /// The suites offered in the order sent, GREASE included.
    #[must_use]
    pub fn ciphers(&self) -> impl ExactSizeIterator<Item = Cipher> + Clone + '_ {
        numbers(self.cut(self.session_end + 2, self.ciphers_end)).map(Cipher)
    }

    /// Compression methods; one that is 0 where there is none.
    #[must_use]
    pub fn compression_methods(&self) -> &[u8] {
        self.cut(self.ciphers_end + 1, self.compression_end)
    }

    /// All extensions in the order sent, GREASE included.
    #[must_use]
    pub fn extensions(&self) -> Extensions<'_> {
        Extensions::new(self.cut(self.compression_end + 2, self.body.len()))
    }

    fn extension(&self, kind: u16) -> Option<&[u8]> {
        self.extensions().body(kind)
    }

    /// The host that the client asks for, as sent.
    #[must_use]
    pub fn server_name_bytes(&self) -> Option<&[u8]> {
        host_name(self.extension(SERVER_NAME)?)
    }

    /// The host that the client asks for, fit to be shown (see [`shown`]).
    #[must_use]
    pub fn server_name(&self) -> Option<Cow<'_, str>> {
        self.server_name_bytes().map(shown)
    }

    /// Application protocols offered, as sent: `h2`, `http/1.1`.
    #[must_use]
    pub fn alpn(&self) -> Protocols<'_> {
        Protocols::new(self.extension(ALPN).unwrap_or_default())
    }

    /// What the extension of that name lists, GREASE included; nothing from clients that know no TLS 1.3.
    #[must_use]
    pub fn supported_versions(&self) -> impl ExactSizeIterator<Item = Version> + Clone + '_ {
        listed(1, self.extension(SUPPORTED_VERSIONS)).map(Version)
    }

    /// The highest version offered, wherever it stands.
    #[must_use]
    pub fn highest_version(&self) -> Version {
        let listed = self.supported_versions().filter(|version| !is_grease(version.0)).max();
        listed.unwrap_or_else(|| self.legacy_version())
    }

    /// Groups for the key exchange (IANA "TLS Supported Groups"), GREASE included.
    #[must_use]
    pub fn groups(&self) -> impl ExactSizeIterator<Item = u16> + Clone + '_ {
        listed(2, self.extension(SUPPORTED_GROUPS))
    }

    /// Formats of points on curves (RFC 8422 section 5.1.2).
    #[must_use]
    pub fn point_formats(&self) -> &[u8] {
        only_vector(1, self.extension(EC_POINT_FORMATS).unwrap_or_default())
    }

    /// Signature algorithms (IANA "TLS `SignatureScheme`"), GREASE included.
    #[must_use]
    pub fn signature_algorithms(&self) -> impl ExactSizeIterator<Item = u16> + Clone + '_ {
        listed(2, self.extension(SIGNATURE_ALGORITHMS))
    }

    /// Does it send GREASE (RFC 8701) among ciphers, extensions, groups or versions?
    #[must_use]
    pub fn has_grease(&self) -> bool {
        self.ciphers().any(|cipher| is_grease(cipher.0))
            || self.extensions().any(|(kind, _)| is_grease(kind))
            || self.groups().any(is_grease)
            || self.supported_versions().any(|version| is_grease(version.0))
    }
}
