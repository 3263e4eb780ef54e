//! TLS records (RFC 8446 section 5.1), and what they carry: handshake messages, which may be split over records anywhere, and the
//! rest.
//!
//! What is said here holds for SSL 3.0 to TLS 1.3. After a change of ciphers, records are taken for encrypted, but for a second
//! hello in a record of its own: TLS 1.3 sends that in the clear (RFC 8446 appendix D.4), and encrypted bytes do not state the
//! record's length by chance.

use super::alert::Alert;
use super::names::{HandshakeKind, Version};
use crate::peek::Peek;
use std::borrow::Cow;

/// Bytes of a record's header.
pub const RECORD_HEADER: usize = 5;
/// Most bytes of a record without its header: 2^14 and what TLS 1.2 lets ciphers and compression add (RFC 5246 section 6.2.3).
pub const MAX_RECORD: usize = (1 << 14) + 2048;

/// What a record carries (RFC 8446 appendix B.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ContentType {
    /// 20.
    ChangeCipherSpec,
    /// 21.
    Alert,
    /// 22.
    Handshake,
    /// 23: data, and in TLS 1.3 all that is encrypted.
    ApplicationData,
    /// 24 (RFC 6520).
    Heartbeat,
}

impl ContentType {
    const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            24 => Self::Heartbeat,
            _ => return None,
        })
    }

    /// Its name, as people know it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChangeCipherSpec => "ChangeCipherSpec",
            Self::Alert => "Alert",
            Self::Handshake => "Handshake",
            Self::ApplicationData => "ApplicationData",
            Self::Heartbeat => "Heartbeat",
        }
    }
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it carries.
    pub content: ContentType,
    /// The version it states, which says little (RFC 8446 section 5.1).
    pub version: Version,
    /// Bytes after the header.
    pub len: usize,
}

impl Record {
    /// Reads the header at the start of bytes. Five bytes are little to go by: a stream is TLS when what follows is, too.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Peek<Self> {
        match Self::header(bytes) {
            Ok(record) => Peek::Is(record),
            Err(unread) => unread.into(),
        }
    }

    fn header(bytes: &[u8]) -> Result<Self, Unread> {
        let mut bytes = bytes.iter().copied();
        let mut next = || bytes.next().ok_or(Unread::More);
        let content = ContentType::from_number(next()?).ok_or(Unread::Not)?;
        if next()? != 3 {
            return Err(Unread::Not);
        }
        let minor = next()?;
        if minor > 4 {
            return Err(Unread::Not);
        }
        let len = usize::from(next()?) << 8;
        if len > MAX_RECORD {
            return Err(Unread::Not);
        }
        let len = len | usize::from(next()?);
        // RFC 8446 section 5.1: only application data may be empty.
        if len > MAX_RECORD || len == 0 && content != ContentType::ApplicationData {
            return Err(Unread::Not);
        }
        Ok(Self { content, version: Version(0x0300 | u16::from(minor)), len })
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    Not,
    More,
}

impl<T> From<Unread> for Peek<T> {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Not => Self::Not,
            Unread::More => Self::More,
        }
    }
}

/// What one part of a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content<'a> {
    /// A handshake message in the clear.
    Handshake {
        /// Which.
        kind: HandshakeKind,
        /// The message after its header of four bytes; a copy only where records split it.
        body: Cow<'a, [u8]>,
    },
    /// An alert in the clear.
    Alert(Alert),
    /// From here on the sender uses the ciphers agreed upon; in TLS 1.3 it says nothing (RFC 8446 section 5).
    ChangeCipherSpec,
    /// Data, or in TLS 1.3 anything encrypted: bytes.
    ApplicationData(usize),
    /// A record of another kind that is encrypted, or a heartbeat: what it states to carry, and its bytes.
    Opaque(ContentType, usize),
}

/// A part of one side's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// What it is.
    pub content: Content<'a>,
    /// The first byte that it needs (of the first part in a record: the record's header), from the stream's start.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// How far the parts of a stream were read, for who goes on when there are more bytes: see [`Parts::resume`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    record: usize,
    used: usize,
    ciphered: bool,
}

impl Reached {
    /// Is the record that comes next not whole in these bytes of the stream, from its first on? Then there is mostly nothing new.
    #[must_use]
    pub fn awaits(&self, bytes: &[u8]) -> bool {
        let rest = bytes.get(self.record..).unwrap_or_default();
        match Record::header(rest) {
            Ok(record) => rest.len() < RECORD_HEADER + record.len,
            Err(unread) => unread == Unread::More,
        }
    }
}

/// The parts of one side's stream, from its first byte on.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    place: Place<'a>,
    ciphered: bool,
}

impl<'a> Parts<'a> {
    /// Reads one side's bytes from the first.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { place: Place { bytes, record: 0, used: 0 }, ciphered: false }
    }

    /// Goes on where reading a front of these bytes came to.
    #[must_use]
    pub const fn resume(bytes: &'a [u8], reached: Reached) -> Self {
        let Reached { record, used, ciphered } = reached;
        Self { place: Place { bytes, record, used }, ciphered }
    }

    /// How far it came.
    #[must_use]
    pub const fn reached(&self) -> Reached {
        Reached { record: self.place.record, used: self.place.used, ciphered: self.ciphered }
    }

    /// The next part. After [`Peek::Not`] and [`Peek::More`] it says the same again.
    pub fn read(&mut self) -> Peek<Part<'a>> {
        match self.next_part() {
            Ok(part) => Peek::Is(part),
            Err(unread) => unread.into(),
        }
    }

    /// Like [`Parts::read`].
    pub(super) fn next_part(&mut self) -> Result<Part<'a>, Unread> {
        let start = self.place.offset();
        let record = self.place.header()?;
        let (content, after) = match record.content {
            ContentType::Handshake if self.is_clear(record)? => self.message()?,
            content => (self.other(content)?, self.place.next_record(record)),
        };
        self.ciphered |= content == Content::ChangeCipherSpec;
        self.place = after;
        Ok(Part { content, start, end: after.last() })
    }

    /// Kind and length of the handshake message that comes next; nothing if something else does.
    pub(super) fn next_message(&self) -> Result<Option<(HandshakeKind, usize)>, Unread> {
        let record = self.place.header()?;
        if record.content != ContentType::Handshake || !self.is_clear(record)? {
            return Ok(None);
        }
        let (kind, len, _) = self.message_header()?;
        Ok(Some((kind, len)))
    }

    /// Some bytes from the body of the handshake message that comes next, which may not be whole yet.
    pub(super) fn part_of_body(&self, skip: usize, count: usize) -> Result<Cow<'a, [u8]>, Unread> {
        let (_, _, mut body) = self.message_header()?;
        body.skip(skip)?;
        Ok(body.take(count)?.0)
    }

    fn is_clear(&self, record: Record) -> Result<bool, Unread> {
        if !self.ciphered {
            return Ok(true);
        }
        // Bytes of the record are wanted only as far as they decide.
        let Some(&[kind, a, b, c]) = self.place.content(record).first_chunk() else {
            return if record.len < 4 { Ok(false) } else { Err(Unread::More) };
        };
        let len = u32::from_be_bytes([0, a, b, c]) as usize;
        Ok(matches!(kind, 1 | 2) && len + 4 == record.len)
    }

    fn message_header(&self) -> Result<(HandshakeKind, usize, Place<'a>), Unread> {
        let (header, body) = self.place.take(4)?;
        let &[kind, a, b, c] = header.first_chunk().ok_or(Unread::Not)?;
        let kind = HandshakeKind(kind);
        let len = u32::from_be_bytes([0, a, b, c]) as usize;
        if kind.name().is_none() || len > kind.most() {
            return Err(Unread::Not);
        }
        Ok((kind, len, body))
    }

    fn message(&self) -> Result<(Content<'a>, Place<'a>), Unread> {
        let (kind, len, body) = self.message_header()?;
        let (body, after) = body.take(len)?;
        Ok((Content::Handshake { kind, body }, after))
    }

    fn other(&self, content: ContentType) -> Result<Content<'a>, Unread> {
        let record = self.place.header()?;
        let bytes = self.place.content(record);
        if bytes.len() < record.len {
            return Err(Unread::More);
        }
        Ok(match (content, bytes) {
            (ContentType::ChangeCipherSpec, [1]) => Content::ChangeCipherSpec,
            (ContentType::ChangeCipherSpec, _) => return Err(Unread::Not),
            (ContentType::Alert, &[level @ 1..=2, description]) => Content::Alert(Alert { fatal: level == 2, description }),
            (ContentType::Alert, _) if !self.ciphered => return Err(Unread::Not),
            (ContentType::ApplicationData, _) => Content::ApplicationData(record.len),
            (content, _) => Content::Opaque(content, record.len),
        })
    }
}

/// A place in a stream of records: a record, and how much of what it carries is behind us.
#[derive(Clone, Copy, Debug)]
struct Place<'a> {
    bytes: &'a [u8],
    record: usize,
    used: usize,
}

impl<'a> Place<'a> {
    fn header(&self) -> Result<Record, Unread> {
        Record::header(self.bytes.get(self.record..).unwrap_or_default())
    }

    /// What is there of a record's content from here on. Never longer than the record states.
    fn content(&self, record: Record) -> &'a [u8] {
        let start = self.record + RECORD_HEADER;
        let end = (start + record.len).min(self.bytes.len());
        self.bytes.get(start + self.used..end).unwrap_or_default()
    }

    fn next_record(&self, record: Record) -> Self {
        Self { record: self.record + RECORD_HEADER + record.len, used: 0, ..*self }
    }

    /// From the stream's start: here, or the record's header if nothing of it is used.
    fn offset(&self) -> usize {
        if self.used == 0 { self.record } else { self.last() }
    }

    /// From the stream's start: the byte after the last that was used.
    fn last(&self) -> usize {
        if self.used == 0 { self.record } else { self.record + RECORD_HEADER + self.used }
    }

    /// Bytes of handshake records ahead, at most so many and at least one, and the place after them.
    fn piece(&self, most: usize) -> Result<(&'a [u8], Self), Unread> {
        let record = self.header()?;
        // RFC 8446 section 5.1: nothing may come between the pieces of a message.
        if record.content != ContentType::Handshake {
            return Err(Unread::Not);
        }
        let here = self.content(record);
        let piece = here.get(..most).unwrap_or(here);
        if piece.is_empty() {
            return Err(Unread::More);
        }
        let used = self.used + piece.len();
        let after = if used < record.len { Self { used, ..*self } } else { self.next_record(record) };
        Ok((piece, after))
    }

    fn skip(&mut self, count: usize) -> Result<(), Unread> {
        let mut left = count;
        while left > 0 {
            let (piece, after) = self.piece(left)?;
            left -= piece.len();
            *self = after;
        }
        Ok(())
    }

    /// So many bytes of handshake records: as they lie there, or put together once all are there.
    fn take(&self, count: usize) -> Result<(Cow<'a, [u8]>, Self), Unread> {
        if count == 0 {
            return Ok((Cow::Borrowed(&[]), *self));
        }
        let (first, after) = self.piece(count)?;
        if first.len() == count {
            return Ok((Cow::Borrowed(first), after));
        }
        let mut end = *self;
        end.skip(count)?;
        let mut joined = Vec::with_capacity(count);
        let mut place = *self;
        while joined.len() < count {
            let (piece, after) = place.piece(count - joined.len())?;
            joined.extend_from_slice(piece);
            place = after;
        }
        Ok((Cow::Owned(joined), end))
    }
}
