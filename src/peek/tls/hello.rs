//! What both hellos have in common: they come first, and begin with version, random and session (RFC 8446 sections 4.1.2, 4.1.3).

use super::names::HandshakeKind;
use super::reader::Reader;
use super::record::{Content, Parts, Unread};
use std::borrow::Cow;

/// Where the session's bytes begin.
pub(super) const SESSION_AT: usize = 2 + 32 + 1;

/// The body of a side's first message, which must be of this kind and have so many bytes at least, and where it ends in the stream.
pub(super) fn first_message(bytes: &[u8], kind: HandshakeKind, shortest: usize) -> Result<(Cow<'_, [u8]>, usize), Unread> {
    let mut parts = Parts::new(bytes);
    let (found, len) = parts.next_message()?.ok_or(Unread::Not)?;
    // The version says early whether it is worth waiting.
    if found != kind || len < shortest || parts.part_of_body(0, 1)?[..] != [3] {
        return Err(Unread::Not);
    }
    let part = parts.next_part()?;
    let Content::Handshake { body, .. } = part.content else { return Err(Unread::Not) };
    Ok((body, part.end))
}

/// Goes over version, random and session; says where that ends.
pub(super) fn pass_front(reader: &mut Reader<'_>) -> Option<usize> {
    reader.take(2 + 32)?;
    let session = reader.vector(1)?;
    (session.len() <= 32).then_some(SESSION_AT + session.len())
}
