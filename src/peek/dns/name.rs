//! DNS names: read out of a message with compression undone, compared without regard to case, shown so that any screen is safe.
//!
//! A name is 255 bytes at most (RFC 1035 section 2.3.4) and is kept in place, without allocation. Pointers (section 4.1.4) must
//! point backwards, so that no chain of them can loop.

use crate::peek::Stop;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};

/// Most bytes of a name on the wire, lengths of labels and the root's included.
const MAX: usize = 255;

/// Most pointers that a name may follow: it has no more labels than that.
const MAX_POINTERS: usize = 127;

/// A DNS name, at most 255 bytes. Equal and hashed without regard to the case of ASCII letters (RFC 4343).
///
/// `{}` shows it without a dot at its end (`www.example.test`), `{:#}` with it, as dig does; the root is `.` in both. What is not
/// printable ASCII is `\DDD`, decimal, and characters that mean something in zone files have a `\` before them (RFC 1035 section
/// 5.1): nothing that a terminal obeys is left, two names never look the same, and no character beyond ASCII comes out.
#[derive(Clone, Copy)]
pub struct Name {
    /// Of `wire` so many bytes are the name.
    len: u8,
    /// Labels, each behind its length; the root's 0 last.
    wire: [u8; MAX],
}

impl Name {
    /// Reads the name at `at` of a message, and says where what follows it begins.
    ///
    /// `Not` are a pointer that does not point backwards or points into the header, other kinds of labels than those of RFC 1035,
    /// and a name of over 255 bytes; `More` is one that the message ends in.
    pub(super) fn read(message: &[u8], at: usize) -> Result<(Self, usize), Stop> {
        let mut name = Self { len: 0, wire: [0; MAX] };
        let mut used = 0;
        let (mut at, mut begins) = (at, at);
        let mut after = None;
        let mut pointers = 0;
        loop {
            let length = *message.get(at).ok_or(Stop::More)?;
            match length >> 6 {
                0 => {
                    let label = message.get(at..=at + usize::from(length)).ok_or(Stop::More);
                    // Behind every other label there must be room for the root's.
                    let end = used + 1 + usize::from(length);
                    if end + usize::from(length > 0) > MAX {
                        return Err(Stop::Not);
                    }
                    name.wire[used..end].copy_from_slice(label?);
                    used = end;
                    at += 1 + usize::from(length);
                    if length == 0 {
                        name.len = used as u8;
                        return Ok((name, after.unwrap_or(at)));
                    }
                }
                3 => {
                    let low = *message.get(at + 1).ok_or(Stop::More)?;
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    pointers += 1;
                    if target >= begins || target < super::HEADER || pointers > MAX_POINTERS {
                        return Err(Stop::Not);
                    }
                    after.get_or_insert(at + 2);
                    (at, begins) = (target, target);
                }
                _ => return Err(Stop::Not),
            }
        }
    }

    /// Is it the root, the name of no labels?
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.len == 1
    }

    /// Its labels from left to right, the root's empty one left out, as they are on the wire.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.wire();
        std::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            let (label, later) = after.split_at_checked(usize::from(length))?;
            rest = later;
            (length > 0).then_some(label)
        })
    }

    /// It as RFC 1035 section 3.1 writes it: labels behind their lengths, a 0 at the end. Case as sent.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire[..usize::from(self.len)]
    }

    /// The NetBIOS name that its first label stands for (RFC 1001 section 14.1), if it is of that form.
    #[must_use]
    pub fn netbios(&self) -> Option<NetbiosName> {
        let label: &[u8; 32] = self.labels().next()?.try_into().ok()?;
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(label.as_chunks::<2>().0) {
            let [high, low] = pair.map(|c| c.wrapping_sub(b'A'));
            if high > 15 || low > 15 {
                return None;
            }
            *byte = high << 4 | low;
        }
        let [name @ .., service] = bytes;
        Some(NetbiosName { name, service })
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        // Lengths of labels are below the letters.
        self.wire().eq_ignore_ascii_case(other.wire())
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut lower = self.wire;
        lower.make_ascii_lowercase();
        lower[..usize::from(self.len)].hash(state);
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, label) in self.labels().enumerate() {
            if n > 0 {
                f.write_char('.')?;
            }
            escaped(f, label, b".;\"\\()@$ ")?;
        }
        if self.is_root() || f.alternate() { f.write_char('.') } else { Ok(()) }
    }
}

/// Writes bytes as zone files do (RFC 1035 section 5.1): printable ASCII as it is, a `\` before the characters named, the rest as
/// `\DDD`. A space is printable here unless it is named; then it is `\032`.
pub(super) fn escaped(f: &mut fmt::Formatter<'_>, bytes: &[u8], special: &[u8]) -> fmt::Result {
    for &byte in bytes {
        let is_special = special.contains(&byte);
        match byte {
            b'!'..=b'~' if is_special => write!(f, "\\{}", char::from(byte))?,
            b' '..=b'~' if !is_special => f.write_char(char::from(byte))?,
            _ => write!(f, "\\{byte:03}")?,
        }
    }
    Ok(())
}

/// A NetBIOS name: 15 bytes, padded with blanks, and what service it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetbiosName {
    /// The name with its blanks, in some code page.
    pub name: [u8; 15],
    /// Its last byte: 0x00 a workstation, 0x20 a file server, 0x1b, 0x1c, 0x1d, 0x1e of domains.
    pub service: u8,
}

impl fmt::Display for NetbiosName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.name.iter().rposition(|b| !matches!(b, b' ' | 0)).map_or(0, |last| last + 1);
        escaped(f, &self.name[..end], b"\\")?;
        write!(f, "<{:02x}>", self.service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message of a header and these bytes, and what is read at an offset behind the header.
    fn read(bytes: &[u8], at: usize) -> Result<(String, usize), Stop> {
        let message = [&[0; 12], bytes].concat();
        Name::read(&message, 12 + at).map(|(name, after)| (name.to_string(), after - 12))
    }

    #[test]
    fn pointers_are_followed_backwards() {
        let bytes = b"\x04test\x00\x07example\xc0\x0c\x03www\xc0\x12";
        assert_eq!(read(bytes, 0), Ok(("test".into(), 6)));
        assert_eq!(read(bytes, 6), Ok(("example.test".into(), 16)));
        assert_eq!(read(bytes, 16), Ok(("www.example.test".into(), 22)));
        assert_eq!(read(b"\x00", 0), Ok((".".into(), 1)));
    }

    #[test]
    fn pointers_that_loop_or_look_ahead_are_refused() {
        assert_eq!(read(b"\xc0\x0c", 0), Err(Stop::Not), "to itself");
        assert_eq!(read(b"\x01a\xc0\x0c", 0), Err(Stop::Not), "to its own beginning");
        assert_eq!(read(b"\x01a\xc0\x0e", 0), Err(Stop::Not), "to itself behind a label");
        assert_eq!(read(b"\xc0\x0e\x01a\x00", 0), Err(Stop::Not), "forwards");
        assert_eq!(read(b"\xc0\x0e\xc0\x0c", 2), Err(Stop::Not), "two that point to each other");
        assert_eq!(read(b"\xc0\x02", 0), Err(Stop::Not), "into the header");
        assert_eq!(read(b"\xff\xff", 0), Err(Stop::Not), "past the end");
    }

    #[test]
    fn a_chain_of_pointers_has_an_end() {
        let chain = |length: u16| {
            let pointers = (0..length).flat_map(|n| (0xc000 + 13 - u16::from(n == 0) + 2 * n.saturating_sub(1)).to_be_bytes());
            [&[0][..], &pointers.collect::<Vec<_>>()].concat()
        };
        assert_eq!(read(&chain(127), 1 + 2 * 126), Ok((".".into(), 255)));
        assert_eq!(read(&chain(128), 1 + 2 * 127), Err(Stop::Not));
    }

    #[test]
    fn long_names_and_odd_labels_are_refused_and_short_ones_wait() {
        let label = [&[63][..], &[b'x'; 63]].concat();
        let longest = [&label[..], &label, &label, &[61], &[b'y'; 61], &[0]].concat();
        assert_eq!(longest.len(), 255);
        assert_eq!(read(&longest, 0).unwrap().0.len(), 253);
        let longer = [&label[..], &label, &label, &[62], &[b'y'; 62], &[0]].concat();
        assert_eq!(read(&longer, 0), Err(Stop::Not));
        assert_eq!(read(b"\x41a\x00", 0), Err(Stop::Not));
        assert_eq!(read(b"\x81a\x00", 0), Err(Stop::Not));
        for cut in 0..longest.len() {
            assert_eq!(read(&longest[..cut], 0), Err(Stop::More));
        }
    }

    #[test]
    fn names_are_shown_as_dig_shows_them_and_never_obeyed() {
        let (name, _) = Name::read(b"............\x05a.b;\x1b\x04\"@ \xc3\x00", 12).unwrap();
        assert_eq!(name.to_string(), r#"a\.b\;\027.\"\@\032\195"#);
        assert_eq!(format!("{name:#}"), r#"a\.b\;\027.\"\@\032\195."#);
    }

    #[test]
    fn case_does_not_matter() {
        let read = |bytes: &[u8]| Name::read(bytes, 12).unwrap().0;
        let (a, b) = (read(b"............\x03WwW\x00"), read(b"............\x03wWw\x00"));
        assert_eq!(a, b);
        let hasher = foldhash::fast::FixedState::default();
        assert_eq!(std::hash::BuildHasher::hash_one(&hasher, a), std::hash::BuildHasher::hash_one(&hasher, b));
        assert_ne!(a, read(b"............\x03wWv\x00"));
        assert_eq!((a.to_string(), b.to_string()), ("WwW".into(), "wWw".into()));
    }

    #[test]
    fn netbios_names_are_decoded() {
        let (name, _) = Name::read(b"............\x20FEGIGFCAEOGFHEECEJEPFDCAGOGBGNGF\x00", 12).unwrap();
        assert_eq!(name.netbios().unwrap().to_string(), "The NetBIOS nam<65>");
        let (name, _) = Name::read(b"............\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\x00", 12).unwrap();
        assert_eq!(name.netbios().unwrap().to_string(), "*<00>");
        let (name, _) = Name::read(b"............\x20CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQ\x00", 12).unwrap();
        assert_eq!(name.netbios(), None);
    }
}
